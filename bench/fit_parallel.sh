#!/bin/bash
# What does a second process bring to fit()?  One worker and the leader
# against the leader alone, on 1,000,000 x 50 float8, the array built in the
# query.
source "$(dirname "$0")/common.sh"
BENCH_WARM=yes
bench_setup

statement="SELECT mlops.fit('linear_regression', y, ARRAY[$(list 1 50 'x%d')]) FROM d3"
serial="SET max_parallel_workers_per_gather = 0; SET jit = off"
parallel="SET max_parallel_workers_per_gather = 1; SET max_parallel_workers = 8; SET jit = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = on"
plan=$(sql -c "$parallel" -c "EXPLAIN (COSTS off) $statement")
grep -q 'Partial Aggregate' <<<"$plan" || die "not a parallel plan: $plan"
note "$plan"
compare fit "$parallel" "SELECT octet_length(mlops.model_send(m)) FROM ($statement) r(m);" \
	"$serial" "SELECT octet_length(mlops.model_send(m)) FROM ($statement) r(m);"
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "fit() of linear_regression, $BENCH_ROWS x 50, with 1 worker and the leader against alone" \
	"$(round "$(times fit 1)" 0) ms" "$(round "$(times fit 2)" 0) ms" \
	"$(round "$(ratio fit 2 1)") x faster" '>=' 1.7
