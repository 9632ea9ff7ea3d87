#!/bin/bash
# What does a snapshot take, in room and time? 1,000,000 x 28 random float8
# (d28) against the table and CREATE TABLE AS; and, where BENCH_DATA names a
# folder of csv files, these loaded as tables, against their sizes.
source "$(dirname "$0")/common.sh"
bench_setup
have_table d28 || sql <<SQL
SET synchronous_commit = off;
CREATE TABLE d28 AS SELECT $(list 1 28 'x%d') FROM (SELECT i$(columns 1 28 float8) FROM generate_series(1, $BENCH_ROWS) i OFFSET 0) r;
VACUUM (FREEZE, ANALYZE) d28;
SQL
sql -c "SELECT count(*) FROM d28" >/dev/null

drop_all() { sql -c "DROP TABLE IF EXISTS bench_copy; SELECT mlops.drop_snapshot(snapshot) FROM mlops.snapshots WHERE snapshot LIKE 'bench%'" >/dev/null; }

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
rm -f "$BENCH_TMP"/write.*
for round in $(seq 1 "$BENCH_REPS"); do
	drop_all
	time_sql "SET jit = off" "SELECT mlops.snapshot('bench_d28', 'd28');" >>"$BENCH_TMP/write.1"
	time_sql "SET jit = off" "CREATE TABLE bench_copy AS SELECT * FROM d28;" >>"$BENCH_TMP/write.2"
done
report "snapshot() of $BENCH_ROWS x 28 random float8: time, against CREATE TABLE AS" \
	"$(round "$(times write 1)" 0) ms" "$(round "$(times write 2)" 0) ms" \
	"$(round "$(ratio write 1 2)")" '<=' 2
size=$(sql -c "SELECT pg_total_relation_size('d28')")
bytes=$(sql -c "SELECT bytes FROM mlops.snapshots WHERE snapshot = 'bench_d28'")
report "the same: size, against the table" "$((bytes / 1048576)) MB" "$((size / 1048576)) MB" \
	"$(awk -v a="$bytes" -v b="$size" 'BEGIN { printf "%.2f", a / b }')" '<=' 0.9
drop_all

# Integers, floats, dates or texts, whichever all values of a column are.
load_csv()
{
	"$PYTHON" - "$1" <<'PY'
import csv, re, sys
rows = csv.reader(open(sys.argv[1]))
names = next(rows)
kinds = [("integer", r"-?\d+"), ("float8", r"-?\d*\.?\d+(e-?\d+)?"), ("date", r"\d{4}-\d\d-\d\d")]
columns = []
for name, values in zip(names, zip(*rows)):
    values = [v for v in values if v]
    kind = next((k for k, p in kinds if all(re.fullmatch(p, v) for v in values)), "text")
    columns.append('"%s" %s' % (name, kind))
print("DROP TABLE IF EXISTS bench_csv; CREATE TABLE bench_csv (%s);" % ", ".join(columns))
print("\\copy bench_csv FROM '%s' WITH (FORMAT csv, HEADER)" % sys.argv[1])
PY
}

if [ -n "${BENCH_DATA:-}" ]; then
	size=0 bytes=0
	for file in "$BENCH_DATA"/*.csv; do
		load_csv "$file" | sql
		size=$((size + $(sql -c "SELECT pg_total_relation_size('bench_csv')")))
		bytes=$((bytes + $(sql -c "SELECT bytes FROM mlops.snapshot('bench_csv', 'bench_csv')")))
		drop_all
	done
	sql -c "DROP TABLE IF EXISTS bench_csv"
	report "snapshots of the csv files loaded as tables: size, against the tables" \
		"$((bytes / 1024)) kB" "$((size / 1024)) kB" \
		"$(awk -v a="$bytes" -v b="$size" 'BEGIN { printf "%.2f", a / b }')" '<=' 0.35
fi
