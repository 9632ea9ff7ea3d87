#!/bin/bash
# What does measuring a month of logged predictions cost? mlops.performance() of
# $BENCH_ROWS predictions with outcomes, by day, against the same join that only
# adds the columns up by day.
source "$(dirname "$0")/common.sh"
BENCH_WARM=yes
bench_setup
[ "$(sql -c "SELECT count(*) FROM mlops.models WHERE model = 'bench_hit'")" = 1 ] || sql <<SQL
SELECT FROM mlops.train('bench_hit', 'SELECT i % 97 AS x, (i * 7919) % 101 < i % 97 AS hit FROM generate_series(1, 5000) AS i', 'hit', 'logistic_regression');
SELECT FROM (SELECT count(mlops.score('bench_hit', jsonb_build_object('x', i % 97), i::text, timestamptz '2026-01-01' + i * interval '30 days' / $BENCH_ROWS)) FROM generate_series(1, $BENCH_ROWS) AS i) s;
INSERT INTO mlops_private.outcome (model_id, key, label, happened_at, recorded_by)
SELECT model_id, i::text, ((i * 7919::bigint) % 101 < i % 97)::text, now(), current_user FROM mlops_private.model, generate_series(1, $BENCH_ROWS) AS i WHERE name = 'bench_hit';
VACUUM (FREEZE, ANALYZE) mlops_private.prediction_default, mlops_private.outcome;
SQL

serial="SET max_parallel_workers_per_gather = 0; SET jit = off"
compare performance "$serial" "SELECT * FROM mlops.performance('bench_hit', \"window\" => '1 day');" \
	"$serial" "SELECT p.version, p.happened_at::date, sum(p.value), avg(p.latency_us), count(o.label) FROM mlops_private.prediction p LEFT JOIN mlops_private.outcome o ON o.model_id = p.model_id AND o.key = p.key WHERE p.model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'bench_hit') GROUP BY 1, 2;"
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "performance() of $BENCH_ROWS predictions by day, one process, against the join alone" \
	"$(round "$(times performance 1)" 0) ms" "$(round "$(times performance 2)" 0) ms" \
	"$(round "$(ratio performance 1 2)")" -
