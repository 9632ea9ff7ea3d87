#!/bin/bash
# version_once.sh: the version stands in mlops.control and nowhere else.
#
#! The Makefile hands the version to C (MLOPS_VERSION) and to the name of the
#! install script.  CHANGELOG.md, upgrade scripts and the column "Added" of README.md name
#! releases, which is their purpose.

. "$(dirname "$0")/lib.sh"

version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" mlops.control)
{
	[ -n "$version" ] || echo "mlops.control: no default_version"
	grep -rnIF -- "$version" Makefile README.md include src sql scripts docs bench .ci 2>/dev/null |
		grep -vE '^(sql/upgrade/|sql/mlops--|src/test/data/|expected/|bench/|[^:]*\.(o|so|bc):)' |
		grep -vE '^README\.md:.*\| [0-9.]+ \|$' |
		grep -E "(^|[^0-9.])$(printf '%s' "$version" | sed 's/\./\\./g')([^0-9.]|$)"
} | verdict "version_once"
