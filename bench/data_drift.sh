#!/bin/bash
# Two tables of 28 float8 columns, 1,000,000 rows each: exact Kolmogorov-Smirnov
# and PSI of every column by mlops.data_drift(), straight from the tables, against
# scipy's ks_2samp over arrays that are in memory already, and against one column
# by window functions in SQL.
source "$(dirname "$0")/common.sh"
bench_setup
make_side()	# name, shift
{
	have_table "$1" || sql <<SQL
SET synchronous_commit = off;
CREATE TABLE $1 AS SELECT $(list 1 28 'x%d') FROM (SELECT i$(columns 1 28 float8) FROM generate_series($2 + 1, $2 + $BENCH_ROWS) i OFFSET 0) r;
VACUUM (FREEZE, ANALYZE) $1;
SQL
}
make_side "drift_a_$BENCH_ROWS" 0
make_side "drift_b_$BENCH_ROWS" "$BENCH_ROWS"
a=drift_a_$BENCH_ROWS b=drift_b_$BENCH_ROWS
sql -c "SELECT count(*) FROM $a; SELECT count(*) FROM $b" >/dev/null

# D of one column: both samples in one order, the difference of the counts after each value
window_sql="SELECT max(abs(f - g)) FROM (SELECT sum(sum(1 - c)) OVER w / $BENCH_ROWS.0::float8 AS f, sum(sum(c)) OVER w / $BENCH_ROWS.0::float8 AS g
  FROM (SELECT x1, 0 AS c FROM $a UNION ALL SELECT x1, 1 FROM $b) s GROUP BY x1 WINDOW w AS (ORDER BY x1)) d"
serial="SET max_parallel_workers_per_gather = 0; SET jit = off; SET work_mem = '1GB'"
compare data_drift "$serial" "SELECT count(*) FROM mlops.data_drift('$a', '$b');" "$serial" "$window_sql;"
ours=$(times data_drift 1 | median)
window=$(times data_drift 2 | median)
scipy=$("$PYTHON" "$BENCH_DIR/data_drift_peer.py" "$a" "$b" "$BENCH_REPS")
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "data_drift() of $BENCH_ROWS against $BENCH_ROWS rows x 28 float8, from the tables, against scipy ks_2samp over arrays in memory" \
	"$(round "$ours" 0) ms" "$(round "$scipy" 0) ms" "$(round "$(awk -v a="$scipy" -v b="$ours" 'BEGIN { print a / b }')")" '>=' 4
report "the same against window functions, 28 times one column" \
	"$(round "$ours" 0) ms" "$(round "$(awk -v a="$window" 'BEGIN { print 28 * a }')" 0) ms" \
	"$(round "$(awk -v a="$window" -v b="$ours" 'BEGIN { print 28 * a / b }')")" '>=' 20
