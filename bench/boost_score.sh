#!/bin/bash
# What does scoring with 100 trees of 63 leaves cost?  All rows of d1, row by
# row with predict() and at once with predict_table(), one process, against the
# fastest of three bare loops in C over the same trees (mlops.trees()) and the
# same rows as doubles in memory, plus what a C function costs that takes whole
# rows and ignores them.
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/trees.sh"
source "$BENCH_DIR/hand.sh"
BENCH_WARM=yes
bench_setup
hand_setup

drop_model bench_boost
sql -c "$TWO" -c "SELECT 1 FROM mlops.train('bench_boost', 'd1', 'label', 'gradient_boosting', options => '{\"n_estimators\": 100, \"max_leaves\": 63}', validation => '{\"method\": \"none\"}')" >/dev/null
sql -F ' ' -c "SELECT tree, node, coalesce(substr(feature, 2)::int - 1, -1), coalesce(threshold, 0), coalesce(left_child, 0), coalesce(right_child, 0), coalesce(value, 0)
	FROM mlops.trees('bench_boost') ORDER BY tree, node" >"$BENCH_TMP/trees"
sql -c "\\copy (SELECT $(list 1 28 'x%d::float8') FROM d1) TO '$BENCH_TMP/rows' WITH (FORMAT binary)"
base=$(sql -c "SELECT mlops.describe('bench_boost') -> 'model' ->> 'base'")
gcc -O3 -ffp-contract=off -o "$BENCH_TMP/bench_trees" "$BENCH_DIR/hand_c/bench_trees.c" -lm

# the same numbers, or the comparison means nothing
"$BENCH_TMP/bench_trees" "$BENCH_TMP/trees" "$BENCH_TMP/rows" 28 "$base" >"$BENCH_TMP/loops"
[ "$(sql -c "SELECT abs(sum(prediction) / $(awk '$1 == "sum" { print $2 }' "$BENCH_TMP/loops") - 1) < 1e-9 FROM mlops.predict_table('bench_boost', 'd1')")" = t ] ||
	die "the bare loops do not give the model's numbers"

serial="SET max_parallel_workers_per_gather = 0; SET jit = off; SELECT count(*) FROM d1 WHERE id < 3;"
for round in $(seq "$BENCH_REPS"); do
	time_sql "$serial" "SELECT sum(prediction) FROM mlops.predict_table('bench_boost', 'd1');" >>"$BENCH_TMP/score.table"
	time_sql "$serial" "SELECT sum(mlops.predict('bench_boost', t)) FROM d1 t;" >>"$BENCH_TMP/score.row"
	time_sql "$serial" "SELECT sum(bench_hand_record('bench_boost', t)) FROM d1 t;" >>"$BENCH_TMP/score.call"
	"$BENCH_TMP/bench_trees" "$BENCH_TMP/trees" "$BENCH_TMP/rows" 28 "$base" >"$BENCH_TMP/loops"
	awk '$1 != "sum" { print $2 * 1000 }' "$BENCH_TMP/loops" | sort -g | head -n 1 >>"$BENCH_TMP/score.loop"
	for loop in naive lanes chains; do
		awk -v loop="$loop" '$1 == loop { print $2 * 1000 }' "$BENCH_TMP/loops" >>"$BENCH_TMP/score.$loop"
	done
done
drop_model bench_boost

# what is allowed: 1.2 times the fastest loop, and the calls
paste "$BENCH_TMP/score.loop" "$BENCH_TMP/score.call" | awk '{ print 1.2 * $1 + $2 }' >"$BENCH_TMP/score.allowed"
above() { paste "$BENCH_TMP/score.$1" "$BENCH_TMP/score.call" | awk -v n="$BENCH_ROWS" '{ print ($1 - $2) * 1e6 / n }' | median; }
ns() { awk -v ms="$(times score "$1")" -v n="$BENCH_ROWS" 'BEGIN { printf "%.0f", ms * 1e6 / n }'; }
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "predict_table() of $BENCH_ROWS rows, 100 trees x 63 leaves, one process, against 1.2 x the fastest bare loop ($(round "$(times score loop)" 0) ms) and a C function that ignores the rows ($(round "$(times score call)" 0) ms)" \
	"$(round "$(times score table)" 0) ms" "$(round "$(times score allowed)" 0) ms" \
	"$(round "$(ratio score table allowed)")" '<=' 1
report "predict() of the same, row by row" \
	"$(round "$(times score row)" 0) ms" "$(round "$(times score allowed)" 0) ms" \
	"$(round "$(ratio score row allowed)")" '<=' 1
report "the same, above a C function that ignores the row, against bare loops: row by row (naive; ten trees at once), eight rows at once" \
	"$(round "$(above row)" 0) ns a row" "$(ns naive); $(ns chains); $(ns lanes) ns a row" \
	"$(round "$(above row)" 0) ns" -
