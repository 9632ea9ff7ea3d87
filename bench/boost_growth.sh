#!/bin/bash
# How training time grows with the rows: gradient boosting of 28 numbers, 100
# trees x 63 leaves, two processes, no validation.
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/trees.sh"
BENCH_REPS=${BENCH_GROWTH_REPS:-2}
bench_setup

have_table d1_large || {
	note "making table d1_large ($((BENCH_ROWS * 10)) rows)"
	BENCH_ROWS=$((BENCH_ROWS * 10)) make_table d1_large "id bigint, $(list 1 28 'x%d float4'), label int" \
		"$(list 1 28 'x%d'), (((hashint8extended(i, 99) >> 11) / 4503599627370496.0::float8 + 1) / 2 < 1 / (1 + exp(-($(logit_d1)))))::int" \
		"$(columns 1 28 float4)"
}
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
for share in 100 30 10 3 1; do
	rows=$((BENCH_ROWS * 10 / share))
	sql -c "DROP TABLE IF EXISTS bench_part" -c "CREATE TABLE bench_part AS SELECT * FROM d1_large WHERE id <= $rows" \
		-c "ALTER TABLE bench_part ADD PRIMARY KEY (id)" -c "VACUUM (FREEZE, ANALYZE) bench_part"
	for round in $(seq "$BENCH_REPS"); do
		train_seconds bench_growth bench_part gradient_boosting '{"n_estimators": 100, "max_leaves": 63}' >>"$BENCH_TMP/growth.$rows"
	done
	s=$(awk '{ print $1 }' "$BENCH_TMP/growth.$rows" | median)
	per=$(awk -v s="$s" -v n="$rows" 'BEGIN { printf "%.2f", s / n * 1e6 }')
	[ -n "${base:-}" ] || base=$per
	report "train gradient_boosting, $rows x 28, 100 trees x 63 leaves" "$(round "$s") s" "$per us a row" \
		"$(awk -v a="$per" -v b="$base" 'BEGIN { printf "%.2f", a / b }')" -
done
drop_model bench_growth
sql -c "DROP TABLE bench_part"
