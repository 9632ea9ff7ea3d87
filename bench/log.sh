#!/bin/bash
# What does logging cost?  100,000 rows of 28 features scored with
# mlops.score(), with a key each that was not logged before and without keys,
# against score() where it does not log (a read-only transaction), and against the
# same query with mlops.predict(): of a linear model, whose answers cost next to
# nothing, and of boosted trees.  The floor is COPY of the very rows into a table
# like the log, and into one without its indexes.  And what a row takes on disk,
# against a log of the same columns with the features as jsonb, with b-trees on
# number and key; both grow row by row.
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

key="(t.id + $rows * (SELECT floor(random() * 1000000)::bigint))::text"
ask() { echo "SELECT sum(s.value) FROM bench_log t, LATERAL mlops.score('bench_log_$1', t${2:-}) s;"; }
tell() { echo "SELECT sum(mlops.predict('bench_log_$1', t)) FROM bench_log t;"; }
set_up="SET max_parallel_workers_per_gather = 0; SET jit = off; SET synchronous_commit = off;"
read_only="$set_up SET default_transaction_read_only = on;"
for model in linear boost; do
	sql -c "TRUNCATE mlops_private.prediction" -c CHECKPOINT	# WAL files are there to be used again
	compare "log_$model" "$set_up" "$(ask $model ", $key")" "$set_up" "$(ask $model)" \
		"$read_only" "$(ask $model ", $key")" "$read_only" "$(ask $model)" "$set_up" "$(tell $model)"
done
sql >/dev/null <<SQL
TRUNCATE mlops_private.prediction;
$(ask linear ", t.id::text")
DROP TABLE IF EXISTS bench_log_copy, bench_log_bare, bench_log_json;
CREATE TABLE bench_log_copy (LIKE mlops_private.prediction_default INCLUDING INDEXES);
CREATE TABLE bench_log_bare (LIKE mlops_private.prediction_default);
CREATE TABLE bench_log_json AS SELECT prediction_id, happened_at, model_id, version, value, key, caller, '{}'::jsonb AS features
  FROM mlops_private.prediction WITH NO DATA;
CREATE INDEX ON bench_log_json (prediction_id);
CREATE INDEX ON bench_log_json (key, model_id);
INSERT INTO bench_log_json SELECT prediction_id, happened_at, model_id, version, value, key, caller,
       (SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(to_jsonb(t)) e WHERE e.key LIKE 'x%')
  FROM mlops_private.prediction p JOIN bench_log t ON t.id::text = p.key ORDER BY prediction_id;
COPY (SELECT * FROM mlops_private.prediction) TO '$BENCH_TMP/log.copy' (FORMAT binary);
SQL
compare log_copy "$set_up TRUNCATE bench_log_copy;" "COPY bench_log_copy FROM '$BENCH_TMP/log.copy' (FORMAT binary);" \
	"$set_up TRUNCATE bench_log_bare;" "COPY bench_log_bare FROM '$BENCH_TMP/log.copy' (FORMAT binary);"
size() { sql -c "SELECT round(sum(pg_relation_size(c)) / $rows.0, 1) FROM (SELECT '$1'::regclass UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = '$1'::regclass) AS r (c)"; }
bytes=$(size mlops_private.prediction_default)
json=$(size bench_log_json)

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
# against NAME A B WHAT: the A-th time by the B-th
against()
{
	report "$4" "$(round "$(times "$1" "$2")" 0) ms" "$(round "$(times "$1" "$3")" 0) ms" \
		"$(round "$(ratio "$1" "$2" "$3")" 2)" '<=' 2.5
}
for model in linear boost; do
	against "log_$model" 1 3 "score() of $rows rows with keys that logs, model $model, against score() that does not"
	against "log_$model" 2 4 "the same without keys"
	against "log_$model" 1 5 "with keys, against predict()"
	against "log_$model" 2 5 "without keys, against predict()"
done
report "COPY of the rows of that log, with its indexes, against none: the floor" \
	"$(round "$(times log_copy 1)" 0) ms" "$(round "$(times log_copy 2)" 0) ms" "$(round "$(ratio log_copy 1 2)" 2)" -
report "bytes of a logged row of 28 features, a key each, with all indexes" "$bytes" - "$bytes" '<=' 450
report "the same against features as jsonb" "$bytes" "$json" \
	"$(awk "BEGIN { printf \"%.2f\", $bytes / $json }")" '<=' 0.45
sql -c "DROP TABLE bench_log, bench_log_copy, bench_log_bare, bench_log_json" -c "SELECT count(mlops.drop_model(model)) FROM mlops.models WHERE model ~ '^bench_log'" >/dev/null
