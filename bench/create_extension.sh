#!/bin/bash
# How long does CREATE EXTENSION take?
source "$(dirname "$0")/common.sh"
bench_setup

psql -Xq -d postgres -c "DROP DATABASE IF EXISTS mlops_bench_empty" -c "CREATE DATABASE mlops_bench_empty"
for round in $(seq "$BENCH_REPS"); do
	PGDATABASE=mlops_bench_empty time_sql "DROP EXTENSION IF EXISTS mlops;" "CREATE EXTENSION mlops;" >>"$BENCH_TMP/create.1"
done
psql -Xq -d postgres -c "DROP DATABASE mlops_bench_empty"
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "CREATE EXTENSION" "$(round "$(times create 1)" 0) ms" "" "$(round "$(times create 1)" 0) ms" '<=' 200
