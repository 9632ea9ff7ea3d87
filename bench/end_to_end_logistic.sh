#!/bin/bash
# Logistic regression of 1,000,000 x 28: our whole train() against the fit
# alone of scikit-learn's lbfgs, and end to end.  Once without a penalty (our
# default), once with the same one (l2 = 1 here, C = 1 there).
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/end_to_end.sh"
bench_setup

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
for what in logistic logistic_l2; do
	if [ $what = logistic ]; then
		options='{}' words="no penalty"
	else
		options='{"l2": 1}' words="l2 = 1"
	fi
	run_rounds $what bench_end d1 label logistic_regression "$options"
	# both of the peer's arrays: doubles from csv as ours are, and the table's own floats
	report "train logistic_regression, $BENCH_ROWS x 28, $words, rows read and measured, against scikit-learn's fit alone on float64 (AUC $(round "$(column_median $what ours 4)" 4) / $(round "$(column_median $what csv 4)" 4))" \
		"$(round "$(column_median $what ours 2)") s" "$(round "$(column_median $what csv 2)") s" \
		"$(round "$(end_ratio $what ours 2 csv 2)")" '<=' 1
	report "the same against scikit-learn's fit alone on float32" \
		"$(round "$(column_median $what ours 2)") s" "$(round "$(column_median $what binary 2)") s" \
		"$(round "$(end_ratio $what ours 2 binary 2)")" '<=' 1
	report "the same end to end, against csv and pandas" \
		"$(round "$(column_median $what ours 1)") s" "$(round "$(column_median $what csv 1)") s" \
		"$(round "$(end_ratio $what csv 1 ours 1)" 1) x faster" '>=' 3
	report "the same end to end, against a binary reader" \
		"$(round "$(column_median $what ours 1)") s" "$(round "$(column_median $what binary 1)") s" \
		"$(round "$(end_ratio $what binary 1 ours 1)" 1) x faster" -
done
