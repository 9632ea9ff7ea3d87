#!/bin/bash
# How often does a monitor raise an alert where nothing changed, and how often does
# it notice that one feature moved by half a standard deviation?  Rows are scored,
# logged, counted and judged as always, in simulated time, with the usual thresholds.
# BENCH_WINDOWS windows of 500 rows (1,000), BENCH_TRIALS shifts of two windows of
# 2,000 rows (200).
source "$(dirname "$0")/common.sh"
bench_setup
windows=${BENCH_WINDOWS:-1000}
trials=${BENCH_TRIALS:-200}
features=$(list 1 28 'x%d')

make_model()
{
	drop_model "$1"
	sql >/dev/null <<SQL
SELECT mlops.train('$1', 'SELECT $features, label FROM d1 WHERE id <= 50000', 'label', 'logistic_regression');
SELECT mlops.monitor('$1', "window" => '1 minute', lateness => '0');
SQL
}

# score_rows MODEL ROWS_OF_A_WINDOW WINDOWS SHIFTED: rows that no table has; in window
# w, if SHIFTED, feature (w / 2) % 28 + 1 moves by 0.5, which is half its deviation
score_rows()
{
	local shift=""

	[ "$4" = no ] || shift=" + CASE WHEN (w / 2) % 28 + 1 = %d THEN 0.5 ELSE 0 END"
	sql -v ON_ERROR_STOP=1 >/dev/null <<SQL
SET synchronous_commit = off;
SET jit = off;
SELECT count(mlops.score('$1', r, at => '2020-01-01 UTC'::timestamptz + r.w * interval '1 minute' + interval '1 second'))
  FROM (SELECT w, $(list 1 28 "(x%d$shift)::float4 AS x%d")
          FROM (SELECT i / $2 - 100000000 / $2 AS w$(columns 1 28 float8)
                  FROM generate_series(100000000, 100000000 + $2 * $3 - 1) i OFFSET 0) n OFFSET 0) r;
SQL
}

# run_all MODEL: alerts raised in all
run_all()
{
	local raised=0 more=t answer

	while [ "$more" = t ]; do
		answer=$(sql -F ' ' -c "SELECT raised, more FROM mlops.run_monitor('$1', '2020-02-01 UTC')")
		raised=$((raised + ${answer% *}))
		more=${answer#* }
	done
	echo "$raised"
}

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
make_model bench_quiet
score_rows bench_quiet 500 "$windows" no
raised=$(run_all bench_quiet)
report "false alarms: alerts raised over $windows windows of 500 rows x 28 features without drift (output and joint track, model included), in % of the windows" \
	"$raised" - "$(awk -v a="$raised" -v n="$windows" 'BEGIN { print 100 * a / n }')" '<=' 1
make_model bench_moved
score_rows bench_moved 2000 $((2 * trials)) yes
run_all bench_moved >/dev/null
of_features="FROM mlops.alerts WHERE model = 'bench_moved' AND kind = 'drift'"
all=$(sql -c "SELECT count(*) $of_features")
major=$(sql -c "SELECT count(*) $of_features AND severity = 'major'")
report "detection: shifts by 0.5 sigma of one feature, 2 windows of 2,000 rows, that raise an alert of major drift, of $trials, in %" \
	"$major" - "$(awk -v a="$major" -v n="$trials" 'BEGIN { print 100 * a / n }')" '>=' 95
report "the same: that raise any" "$all" - "$(awk -v a="$all" -v n="$trials" 'BEGIN { print 100 * a / n }')" '>=' 99
drop_model bench_quiet
drop_model bench_moved
