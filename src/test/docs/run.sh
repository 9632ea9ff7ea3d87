#!/bin/bash
# run.sh: every SQL block of README.md and docs/*.md, in order, against a running server.
#
#	src/test/docs/run.sh [FILE.md...]
#
# Each file gets a database of its own, mlops_docs, that is dropped afterwards.
# It holds the table "applications" (the credit data of src/test/data) and, for
# all but README.md, which creates it itself, the extension, and what the file
# of the same name in this folder makes.  A block passes when psql runs it
# without an error.  Output is TAP.

top=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$top" || exit 1
export PG_ABS_SRCDIR=$top PGDATABASE=mlops_docs
work=$(mktemp -d)
trap 'rm -rf "$work"; dropdb --if-exists --force mlops_docs 2>/dev/null' EXIT
[ $# = 0 ] && set -- README.md docs/*.md
run() { psql -X -q -v ON_ERROR_STOP=1 -v VERBOSITY=default "$@"; }
n=0
failed=0

for file in "$@"; do
	# blocks to files that are named by the line they begin at
	rm -f "$work"/*.sql
	awk -v dir="$work" '
		/^```sql$/	{ out = sprintf("%s/%06d.sql", dir, NR + 1); next }
		/^```/		{ out = ""; next }
		out			{ print > out }' "$file"
	ls "$work"/*.sql >/dev/null 2>&1 || continue
	dropdb --if-exists --force mlops_docs 2>/dev/null
	createdb -T template0 mlops_docs || { echo "Bail out! no server"; exit 1; }
	run -c 'SET client_min_messages = warning' -f src/test/data/load.sql \
		-c 'ALTER TABLE credit RENAME TO applications' >"$work/log" 2>&1 ||
		{ sed 's/^/# /' "$work/log"; echo "Bail out! no data"; exit 1; }
	case $file in README.md) ;; *) run -c 'CREATE EXTENSION mlops' ;; esac
	fixture=src/test/docs/$(basename "$file" .md).sql
	[ ! -e "$fixture" ] || run -f "$fixture" || { echo "Bail out! $fixture"; exit 1; }
	for block in "$work"/*.sql; do
		n=$((n + 1))
		line=$(basename "$block" .sql | sed 's/^0*//')
		if run -f "$block" >"$work/log" 2>&1; then
			echo "ok $n - $file:$line"
		else
			failed=$((failed + 1))
			echo "not ok $n - $file:$line"
			grep -E 'ERROR|HINT|DETAIL|FATAL' "$work/log" | sed 's/^/# /'
		fi
	done
done
echo "1..$n"
[ $n -gt 0 ] && [ $failed = 0 ]
