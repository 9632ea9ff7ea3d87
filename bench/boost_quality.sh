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
while read -r name metric ours lightgbm xgboost; do
	if [ "$metric" = auc ]; then
		best=$(awk -v a="$lightgbm" -v b="$xgboost" 'BEGIN { print (a + 0 > b + 0) ? a : b }')
		report "$name: AUC on unseen rows, against the better of LightGBM ($lightgbm) and XGBoost ($xgboost), difference" \
			"$ours" "$best" "$(awk -v a="$best" -v b="$ours" 'BEGIN { printf "%.4f", a - b }')" '<=' 0.002
	else
		best=$(awk -v a="$lightgbm" -v b="$xgboost" 'BEGIN { print (a + 0 < b + 0) ? a : b }')
		report "$name: $metric on unseen rows, against the better of LightGBM ($lightgbm) and XGBoost ($xgboost)" \
			"$ours" "$best" "$(awk -v a="$ours" -v b="$best" 'BEGIN { printf "%.4f", a / b }')" '<=' 1.005
	fi
done <"$BENCH_TMP/quality"
