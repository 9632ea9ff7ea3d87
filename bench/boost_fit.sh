#!/bin/bash
# Gradient boosting of 1,000,000 x 28 numbers and of 500,000 rows with 6
# categories and NULLs, 100 trees of 63 leaves: our whole train() without
# validation, in two processes, against the binning and training of LightGBM
# and XGBoost from arrays in memory, two threads; and against the histogram
# updates that it needed at the rate of a bare kernel.
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/trees.sh"
bench_setup
bench_setup_d2
need_lightgbm

gcc -O3 -o "$BENCH_TMP/histogram" "$BENCH_DIR/hand_c/bench_histogram.c"
options='{"n_estimators": 100, "max_leaves": 63}'
for round in $(seq "$BENCH_REPS"); do
	for table in d1 d2; do
		train_seconds bench_boost "$table" gradient_boosting "$options" >>"$BENCH_TMP/$table.ours"
		"$LIGHTGBM_PYTHON" "$BENCH_DIR/peer_trees.py" fit lightgbm "$table" >>"$BENCH_TMP/$table.lightgbm"
		"$PYTHON" "$BENCH_DIR/peer_trees.py" fit xgboost "$table" >>"$BENCH_TMP/$table.xgboost"
	done
	"$BENCH_TMP/histogram" 28 2 >>"$BENCH_TMP/rate"
done
size=$(artifact_size bench_boost)
updates=$(histogram_updates d1 "$options")
drop_model bench_boost

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
row()	# WORDS TABLE PEER REACH
{
	report "$1 (AUC of 100,000 training rows $(round "$(column_median "$2" ours 2)" 4) / $(round "$(column_median "$2" "$3" 2)" 4))" \
		"$(round "$(column_median "$2" ours 1)") s" "$(round "$(column_median "$2" "$3" 1)") s" \
		"$(round "$(end_ratio "$2" ours 1 "$3" 1)")" '<=' "$4"
}
row "train gradient_boosting, $BENCH_ROWS x 28, 100 trees x 63 leaves, against LightGBM" d1 lightgbm 0.8
row "the same against XGBoost hist" d1 xgboost 0.5
awk -v u="$updates" '{ print u / $1, 0 }' "$BENCH_TMP/rate" >"$BENCH_TMP/d1.floor"
report "the same against its $(awk -v u="$updates" 'BEGIN { printf "%.1f", u / 1e9 }') G histogram updates in a bare kernel" \
	"$(round "$(column_median d1 ours 1)") s" "$(round "$(column_median d1 floor 1)") s" \
	"$(round "$(end_ratio d1 ours 1 floor 1)")" '<=' 2
row "train gradient_boosting, 500000 rows, 8 numbers and 6 categories of 7 to 2,000 values, NULLs, against LightGBM" d2 lightgbm 1.0
row "the same against XGBoost hist" d2 xgboost 1.0
for peer in lightgbm xgboost; do
	report "artifact of 100 trees x 63 leaves (d2), against the file of $peer" \
		"$((size / 1024)) kB" "$(awk 'NR == 1 { printf "%d", $3 / 1024 }' "$BENCH_TMP/d2.$peer") kB" \
		"$(awk -v s="$size" 'NR == 1 { printf "%.2f", s / $3 }' "$BENCH_TMP/d2.$peer")" '<=' 0.6
done
