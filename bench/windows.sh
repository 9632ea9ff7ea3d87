#!/bin/bash
# How fast are logged predictions of 28 features counted into windows, and judged, by
# one process, and in how much memory? The first run of a monitor over $BENCH_ROWS
# predictions of 30 days.
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/end_to_end.sh"
bench_setup
[ "$(sql -c "SELECT count(*) FROM mlops.models WHERE model = 'bench_watched'")" = 1 ] || sql <<SQL
SELECT FROM mlops.train('bench_watched', 'SELECT $(list 1 28 'x%d::float8 AS x%d'), label FROM d1 WHERE id <= 100000', 'label', 'logistic_regression');
SELECT FROM (SELECT count(mlops.score('bench_watched', ARRAY[$(list 1 28 'x%d::float8')], id::text, timestamptz '2026-01-01' + id * interval '30 days' / $BENCH_ROWS)) FROM d1) s;
VACUUM (FREEZE, ANALYZE) mlops_private.prediction_default;
SQL

# one round: a new monitor, and its first run; milliseconds and the session's peak in kB
count_once()
{
	local dir=$BENCH_TMP/windows client pid sampler

	mkdir -p "$dir"
	rm -f "$dir"/*
	mkfifo "$dir/in"
	psql -XqAt -v ON_ERROR_STOP=1 <"$dir/in" >"$dir/out" &
	client=$!
	exec 9>"$dir/in"
	echo "SELECT 'pid ' || pg_backend_pid();" >&9
	while ! pid=$(sed -n 's/^pid //p' "$dir/out") || [ -z "$pid" ]; do sleep 0.01; done
	sample_memory "$pid" >"$dir/memory" 9>&- &
	sampler=$!
	{
		echo "SELECT FROM mlops.unmonitor('bench_watched') WHERE EXISTS (SELECT FROM mlops.monitors WHERE model = 'bench_watched');"
		echo "SELECT FROM mlops.monitor('bench_watched');"
		echo '\timing on'
		echo "SELECT 'rows ' || rows FROM mlops.run_monitor('bench_watched', '2026-03-01');"
	} >&9
	exec 9>&-
	wait $client
	wait $sampler || true
	[ "$(sed -n 's/^rows //p' "$dir/out")" = "$BENCH_ROWS" ] || die "rows are missing"
	echo "$(sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' "$dir/out" | tail -n 1) $(sort -n "$dir/memory" | tail -n 1)"
}

sql -c "SELECT FROM mlops.monitor('bench_watched')"
for round in $(seq "$BENCH_REPS"); do
	count_once >>"$BENCH_TMP/windows.counted"
done
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
ms=$(cut -d ' ' -f 1 "$BENCH_TMP/windows.counted" | median)
report "counting $BENCH_ROWS logged predictions of 28 features into 30 windows, and judging these, one process" \
	"$(round "$ms" 0) ms" "" "$(awk -v n="$BENCH_ROWS" -v ms="$ms" 'BEGIN { printf "%d", n / ms }') thousand rows a second" '>=' 400
report "memory of the same" \
	"$(cut -d ' ' -f 2 "$BENCH_TMP/windows.counted" | median | awk '{ printf "%d", $1 / 1024 }') MB" "" \
	"$(cut -d ' ' -f 2 "$BENCH_TMP/windows.counted" | median | awk '{ printf "%d", $1 / 1024 }') MB" '<=' 64
