#!/bin/bash
# Holdout quality of gradient boosting against LightGBM and XGBoost, the same
# trees, leaves, rate and bins, on nine data sets: quality.py says which.
# BENCH_DATA names the folder of the csv files.
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/trees.sh"
bench_setup
bench_setup_d2
need_lightgbm
[ -d "${BENCH_DATA:-}" ] || die "BENCH_DATA must name the folder with credit.csv and the other files of quality.py"

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
"$LIGHTGBM_PYTHON" "$BENCH_DIR/quality.py" "$BENCH_DATA" >"$BENCH_TMP/quality"
row()	# NAME METRIC PEER OURS THEIRS
{
	if [ "$2" = auc ]; then
		report "$1: AUC on unseen rows: $3's less ours" "$4" "$5" \
			"$(awk -v a="$5" -v b="$4" 'BEGIN { printf "%.4f", a - b }')" '<=' 0.002
	else
		report "$1: $2 on unseen rows, against $3" "$4" "$5" \
			"$(awk -v a="$4" -v b="$5" 'BEGIN { printf "%.4f", a / b }')" '<=' 1.005
	fi
}
while read -r name metric as_lightgbm lightgbm as_xgboost xgboost; do
	row "$name" "$metric" LightGBM "$as_lightgbm" "$lightgbm"
	row "$name" "$metric" XGBoost "$as_xgboost" "$xgboost"
done <"$BENCH_TMP/quality"
