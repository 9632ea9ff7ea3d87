#!/bin/bash
# What does logging cost?  100,000 rows of 28 features scored with
# mlops.score(), a key each, against the same query with mlops.predict(), and
# against score() where it does not log (a read-only transaction): of a linear
# model, whose answers cost next to nothing, and of boosted trees.  The floor is
# COPY of the very rows into a table like the log.  And what a row takes on disk.
source "$(dirname "$0")/common.sh"
rows=${BENCH_LOG_ROWS:-100000}
chmod 777 "$BENCH_TMP"	# the server writes there

sql -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '$PGDATABASE'" | grep -q 1 || createdb "$PGDATABASE"
sql >/dev/null <<SQL
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS mlops;
DROP TABLE IF EXISTS bench_log;
SELECT setseed(0.1);
CREATE TABLE bench_log AS SELECT i AS id, $(list 1 28 'random() AS x%d') FROM generate_series(1, $rows) i;
ALTER TABLE bench_log ADD y float8;
UPDATE bench_log SET y = x1 + 2 * x2 - x3 * x4 + random() / 10;
VACUUM FULL ANALYZE bench_log;
SELECT mlops.drop_model(model) FROM mlops.models WHERE model IN ('bench_log_linear', 'bench_log_boost');
SELECT mlops.train('bench_log_linear', 'bench_log', 'y', 'linear_regression', features => ARRAY[$(list 1 28 "'x%d'")]);
SELECT mlops.train('bench_log_boost', 'bench_log', 'y', 'gradient_boosting', features => ARRAY[$(list 1 28 "'x%d'")], options => '{"n_estimators": 100}');
TRUNCATE mlops_private.prediction;
SQL

ask() { echo "SELECT sum(s.value) FROM bench_log t, LATERAL mlops.score('bench_log_$1', t, t.id::text) s;"; }
tell() { echo "SELECT sum(mlops.predict('bench_log_$1', t)) FROM bench_log t;"; }
set_up="SET max_parallel_workers_per_gather = 0; SET jit = off; SET synchronous_commit = off;"
for model in linear boost; do
	compare "log_$model" "$set_up" "$(ask $model)" "$set_up" "$(tell $model)" \
		"$set_up SET default_transaction_read_only = on;" "$(ask $model)"
done
sql >/dev/null <<SQL
DROP TABLE IF EXISTS bench_log_copy;
CREATE TABLE bench_log_copy (LIKE mlops_private.prediction_default INCLUDING INDEXES);
DROP TABLE IF EXISTS bench_log_json;
CREATE TABLE bench_log_json AS SELECT prediction_id, happened_at, model_id, version, value, key, caller,
       (SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(to_jsonb(t)) e WHERE e.key LIKE 'x%') AS features
  FROM mlops_private.prediction p JOIN bench_log t ON t.id::text = p.key LIMIT $rows;
CREATE INDEX ON bench_log_json (prediction_id);
CREATE INDEX ON bench_log_json (key, model_id);
COPY (SELECT * FROM mlops_private.prediction LIMIT $rows) TO '$BENCH_TMP/log.copy' (FORMAT binary);
SQL
compare log_copy "$set_up TRUNCATE bench_log_copy;" "COPY bench_log_copy FROM '$BENCH_TMP/log.copy' (FORMAT binary);"
bytes=$(sql -c "SELECT round(pg_total_relation_size('bench_log_copy') / $rows.0, 1)")
json=$(sql -c "SELECT round(pg_total_relation_size('bench_log_json') / $rows.0, 1)")

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
for model in linear boost; do
	report "score() of $rows rows with logging, model $model, against predict()" \
		"$(round "$(times "log_$model" 1)" 0) ms" "$(round "$(times "log_$model" 2)" 0) ms" "$(round "$(ratio "log_$model" 1 2)" 2)" '<=' 2.5
	report "the same, against score() that does not log" \
		"$(round "$(times "log_$model" 1)" 0) ms" "$(round "$(times "log_$model" 3)" 0) ms" "$(round "$(ratio "log_$model" 1 3)" 2)" '<=' 2.5
done
report "COPY of the rows of that log, with its indexes: the floor" "-" "$(round "$(times log_copy 1)" 0) ms" - -
report "bytes of a logged row of 28 features with indexes, against jsonb" "$bytes" "$json" \
	"$(awk "BEGIN { printf \"%.2f\", $bytes / $json }")" '<=' 0.45
sql -c "DROP TABLE bench_log, bench_log_copy, bench_log_json" -c "SELECT count(mlops.drop_model(model)) FROM mlops.models WHERE model ~ '^bench_log'" >/dev/null
