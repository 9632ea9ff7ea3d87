#!/bin/bash
# What does a connection's first predict() cost?  A logistic model of 28
# features, its reference in the artifact, in a session that has read the table
# before; against a hand-written C function in a library of its own, and against
# the second predict().
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/hand.sh"
bench_setup
hand_setup

# first MODEL_OR_FUNCTION CALL: milliseconds of the first call and of the second, in new connections
first()
{
	local query="SELECT $2 FROM d1 t WHERE id = 77;"

	printf '%s\n' "SELECT count(t) FROM d1 t WHERE id = 77;" '\timing on' "$query" "$query" |
		psql -Xq | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | paste -s |
		{ read -r a b; echo "$a" >>"$BENCH_TMP/first.$1"; echo "$b" >>"$BENCH_TMP/second.$1"; }
}

for round in $(seq $((BENCH_REPS * 10))); do
	first mlops "mlops.predict('bench_logistic', t)"
	first hand "bench_hand_predict('bench_logistic', t)"
done
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "a connection's first predict(), against its second" \
	"$(round "$(median <"$BENCH_TMP/first.mlops")") ms" "$(round "$(median <"$BENCH_TMP/second.mlops")") ms" \
	"$(round "$(median_ratio "$BENCH_TMP/first.mlops" "$BENCH_TMP/second.mlops")" 1)" -
report "the same, against a hand-written C function's first call" \
	"$(round "$(median <"$BENCH_TMP/first.mlops")") ms" "$(round "$(median <"$BENCH_TMP/first.hand")") ms" \
	"$(round "$(median_ratio "$BENCH_TMP/first.mlops" "$BENCH_TMP/first.hand")")" -
