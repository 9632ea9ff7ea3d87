#!/bin/bash
# symbols.sh: everything that mlops.so exports is named mlops_*.
#
#! On PostgreSQL 15 every function that is not static is exported, and two
#! extensions in one backend share a name space.  Make it static, or prefix it
#! with mlops_.

. "$(dirname "$0")/lib.sh"

if [ ! -e mlops.so ]; then
	echo "ok - symbols # SKIP mlops.so is not built"
	exit 0
fi
nm -D --defined-only mlops.so | awk '{ print $NF }' |
	grep -vE '^(mlops_.*|_PG_init|_PG_fini|Pg_magic_func|pg_finfo_mlops_.*|_init|_fini|__bss_start|_edata|_end)$' |
	verdict "symbols"
