#!/bin/bash
# How close to reading the table is training a linear regression of it?
# train() with holdout and metrics on 1,000,000 x 50 float8, against
# SELECT sum(x1), ..., sum(x50), both without parallel workers.
source "$(dirname "$0")/common.sh"
BENCH_WARM=yes
bench_setup

serial="SET max_parallel_workers_per_gather = 0; SET jit = off"
drop_model bench_train
compare train "$serial" "SELECT * FROM mlops.train('bench_train', 'd3', 'y', 'linear_regression');" \
	"$serial" "SELECT $(list 1 50 'sum(x%d)') FROM d3;"
drop_model bench_train
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "train linear_regression, $BENCH_ROWS x 50, against summing every column" \
	"$(round "$(times train 1)" 0) ms" "$(round "$(times train 2)" 0) ms" \
	"$(round "$(ratio train 1 2)")" '<=' 1.5
