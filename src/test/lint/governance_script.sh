#!/bin/bash
# governance_script.sh: the script that docs/governance.md shows is the one that the tests run.
#
#! The SQL blocks of the section "From training to production" in
#! docs/governance.md and what stands between the lines of dashes in
#! sql/governance.sql must be the same, but for blank lines and the prefix
#! regress_mlops_ of roles.  Change both, and expected/governance.out.

. "$(dirname "$0")/lib.sh"

shown() { awk '/^## /{ on = /^## From training to production$/ } !on { next } /^```/{ sql = /^```sql$/; next } sql && NF' docs/governance.md; }
run() { awk '/^----------/{ on = !on; next } on && NF' sql/governance.sql | sed 's/regress_mlops_//g'; }

{
	[ -n "$(run)" ] || echo "sql/governance.sql: nothing between lines of dashes"
	diff <(shown) <(run)
} | verdict "governance_script"
