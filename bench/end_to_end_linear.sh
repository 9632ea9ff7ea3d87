#!/bin/bash
# From the table to a table of predictions: linear regression of 1,000,000 x
# 50, against COPY csv, pandas, scikit-learn and COPY back, and against a fast
# binary reader in place of pandas.  And the memory that each takes.
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/end_to_end.sh"
bench_setup

run_rounds linear bench_end d3 y linear_regression '{}'
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "linear_regression end to end, $BENCH_ROWS x 50, against csv and pandas (R2 $(round "$(column_median linear ours 4)" 4) / $(round "$(column_median linear csv 4)" 4))" \
	"$(round "$(column_median linear ours 1)") s" "$(round "$(column_median linear csv 1)") s" \
	"$(round "$(end_ratio linear csv 1 ours 1)" 1) x faster" '>=' 10
report "the same against a binary reader" \
	"$(round "$(column_median linear ours 1)") s" "$(round "$(column_median linear binary 1)") s" \
	"$(round "$(end_ratio linear binary 1 ours 1)" 1) x faster" '>=' 3
report "peak memory of the same, against csv and pandas" \
	"$(column_median linear ours 3) MB" "$(column_median linear csv 3) MB" \
	"$(round "$(end_ratio linear ours 3 csv 3)")" '<=' 0.25
report "peak memory of the same, against the binary reader" \
	"$(column_median linear ours 3) MB" "$(column_median linear binary 3) MB" \
	"$(round "$(end_ratio linear ours 3 binary 3)")" '<=' 0.25
