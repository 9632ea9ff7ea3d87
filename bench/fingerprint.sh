#!/bin/bash
# What does the fingerprint of a table cost? mlops.fingerprint(d28) of
# 1,000,000 x 28 float8, against SELECT sum(x1), ..., sum(x28), both in one
# process.
source "$(dirname "$0")/common.sh"
BENCH_WARM=yes
bench_setup
have_table d28 || sql <<SQL
SET synchronous_commit = off;
CREATE TABLE d28 AS SELECT $(list 1 28 'x%d') FROM (SELECT i$(columns 1 28 float8) FROM generate_series(1, $BENCH_ROWS) i OFFSET 0) r;
VACUUM (FREEZE, ANALYZE) d28;
SQL
sql -c "SELECT count(*) FROM d28" >/dev/null

serial="SET max_parallel_workers_per_gather = 0; SET jit = off"
compare fingerprint "$serial" "SELECT mlops.fingerprint(d28) FROM d28;" \
	"$serial" "SELECT $(list 1 28 'sum(x%d)') FROM d28;"
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "fingerprint() of $BENCH_ROWS x 28 float8, one process, against summing every column" \
	"$(round "$(times fingerprint 1)" 0) ms" "$(round "$(times fingerprint 2)" 0) ms" \
	"$(round "$(ratio fingerprint 1 2)")" '<=' 2.5
