#!/bin/bash
# What does predict() cost per row?  A logistic model of 28 features on a
# table of 30 columns, against a C function that takes the whole row and does
# nothing with it, and against the same arithmetic written by hand for this
# table and these coefficients.
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/hand.sh"
BENCH_WARM=yes
bench_setup
hand_setup

serial="SET max_parallel_workers_per_gather = 0; SET jit = off; SELECT count(*) FROM d1 WHERE id < 3;"
compare row "$serial" "SELECT sum(mlops.predict('bench_logistic', t)) FROM d1 t;" \
	"$serial" "SELECT sum(bench_hand_predict('bench_logistic', t)) FROM d1 t;" \
	"$serial" "SELECT sum(bench_hand_record('bench_logistic', t)) FROM d1 t;" \
	"$serial" "SELECT count(t) FROM d1 t;"
above=$(paste "$BENCH_TMP/row.1" "$BENCH_TMP/row.3" | awk -v n="$BENCH_ROWS" '{ print ($1 - $2) * 1e6 / n }' | median)
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "predict() of $BENCH_ROWS rows, 28 features, above a C function that ignores the row (count(t): $(round "$(times row 4)" 0) ms)" \
	"$(round "$(times row 1)" 0) ms" "$(round "$(times row 3)" 0) ms" \
	"$(round "$above" 0) ns a row" '<=' 500
report "the same against a hand-written C function" \
	"$(round "$(times row 1)" 0) ms" "$(round "$(times row 2)" 0) ms" \
	"$(round "$(ratio row 1 2)")" '<=' 1.3
