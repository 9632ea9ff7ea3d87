-- Performance before outcomes are known, from calibrated probabilities.
SET client_min_messages = warning;
SET timezone = 'UTC';
\set SHOW_CONTEXT never
-- uniform on [0, 1), the same everywhere
CREATE FUNCTION pg_temp.u(i int, stream text) RETURNS float8 LANGUAGE sql IMMUTABLE
AS $$ SELECT ('x' || substr(md5(stream || i), 1, 8))::bit(32)::bigint / 4294967296.0 $$;
CREATE FUNCTION pg_temp.at(day int) RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2026-03-01 06:00:00Z' + day * interval '1 day' $$;
CREATE FUNCTION pg_temp.near(got float8, want float8, tolerance float8 DEFAULT 1e-12)
RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN abs(got - want) <= tolerance * greatest(abs(want), 1) THEN 'ok'
                  ELSE format('%s instead of %s', coalesce(got::text, 'null'), want) END $$;
CREATE TABLE pe_rows AS
SELECT i AS id, x, 'g' || i % 2 AS g, pg_temp.u(i, 'hit') < 1 / (1 + exp(-1.5 * x)) AS hit,
       ('{low,mid,high}'::text[])[1 + (x > -1)::int + (x > 1)::int] AS band
  FROM (SELECT i, 6 * pg_temp.u(i, 'x') - 3 AS x FROM generate_series(1, 4000) AS i) r;
SELECT version FROM mlops.train('pe_hit', 'SELECT x, g, hit FROM pe_rows', 'hit', 'logistic_regression', validation => '{"method": "holdout", "fraction": 0.5}');
SELECT version FROM mlops.train('pe_hit', 'SELECT x, g, hit FROM pe_rows WHERE id <= 100', 'hit', 'logistic_regression', alias => 'small');
SELECT version FROM mlops.train('pe_x', 'SELECT id, x FROM pe_rows', 'x', 'linear_regression');
SELECT version FROM mlops.train('pe_band', 'SELECT x, band FROM pe_rows', 'band', 'decision_tree');
RESET client_min_messages;

-- day 0: rows as in training; 1: all of them close to the boundary; 2: what the rows mean is another
CREATE TABLE pe_new AS
SELECT d || '-' || i AS id, d, x, 'g' || i % 2 AS g, pg_temp.u(i, 'new hit' || d) < 1 / (1 + exp(CASE d WHEN 2 THEN 1.5 ELSE -1.5 END * x)) AS hit
  FROM (SELECT d, i, (6 * pg_temp.u(i, 'new x' || d) - 3) * CASE d WHEN 1 THEN 0.2 ELSE 1 END AS x FROM generate_series(1, 4000) AS i, generate_series(0, 2) AS d) r;
SELECT count(mlops.score('pe_hit', n, id, pg_temp.at(d))) FROM pe_new n;
SELECT window_start::date AS day, metric, value IS NULL AS unknown, rows, predictions, estimated, calibration_error BETWEEN 0.001 AND 0.1 AS calibrated
  FROM mlops.performance('pe_hit', "window" => '1 day', estimate => true)
 WHERE estimated OR metric = 'accuracy';
CREATE TEMP TABLE before AS SELECT window_start, metric, value FROM mlops.performance('pe_hit', "window" => '1 day', estimate => true) WHERE estimated;
SELECT count(mlops.record_outcome('pe_hit', id, hit::text)) FROM pe_new;
-- the truth was near the estimate, of rows that are like those of training or lie elsewhere, but not where rows mean something else
SELECT p.window_start::date AS day, p.metric, pg_temp.near(b.value, p.value, 0.03) = 'ok' AS near
  FROM mlops.performance('pe_hit', "window" => '1 day') p JOIN before b USING (window_start, metric);
SELECT p.window_start::date AS day, abs(b.value - p.value) > 0.4 AS far
  FROM mlops.performance('pe_hit', "window" => '1 day') p JOIN before b USING (window_start, metric) WHERE metric = 'accuracy';
SELECT count(*) AS same FROM mlops.performance('pe_hit', "window" => '1 day', estimate => true) p JOIN before b USING (window_start, metric, value) WHERE p.estimated;
SELECT segment, metric, rows FROM mlops.performance('pe_hit', until => pg_temp.at(1), segment => 'g', estimate => true) WHERE estimated;

-- exactly: days on which all rows had one score tell what it is calibrated to, ...
DELETE FROM mlops_private.prediction WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'pe_hit');
SELECT count(mlops.score('pe_hit', n, id, pg_temp.at(id::int % 7))) FROM (SELECT i::text AS id, 0.0 AS x, 'g0' AS g FROM generate_series(0, 69) AS i) n;
UPDATE mlops_private.prediction SET value = (ARRAY[0.02, 0.3, 0.45, 0.5, 0.55, 0.8, 0.97])[key::int % 7 + 1] WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'pe_hit');
CREATE TEMP TABLE calibrated AS
SELECT (ARRAY[0.02, 0.3, 0.45, 0.5, 0.55, 0.8, 0.97])[d + 1] AS score, CASE WHEN d > 3 THEN value ELSE 1 - value END AS p
  FROM mlops.performance('pe_hit', "window" => '1 day', estimate => true), LATERAL (SELECT window_start::date - date '2026-03-01' AS d) w WHERE estimated AND metric = 'accuracy';
SELECT count(*), bool_and(p BETWEEN 0 AND 1) AS shares, bool_and(abs(p - score) < 0.15) AS near, bool_and(more >= 0) AS rising FROM (SELECT *, p - lag(p) OVER (ORDER BY score) AS more FROM calibrated) c;
SELECT window_start::date AS day, value FROM mlops.performance('pe_hit', "window" => '1 day', estimate => true) WHERE estimated AND metric = 'auc';
-- ... and all together are as the formulas have it
CREATE TEMP TABLE tally AS SELECT sum(p) FILTER (WHERE score > 0.5) AS tp, sum(1 - p) FILTER (WHERE score > 0.5) AS fp, sum(p) FILTER (WHERE score <= 0.5) AS fn, sum(1 - p) FILTER (WHERE score <= 0.5) AS tn FROM calibrated;
SELECT p.metric, pg_temp.near(p.value, CASE metric WHEN 'accuracy' THEN (tp + tn) / 7 WHEN 'precision_score' THEN tp / (tp + fp) WHEN 'recall_score' THEN tp / (tp + fn) WHEN 'f1' THEN 2 * tp / (2 * tp + fp + fn)
         WHEN 'false_positive_rate' THEN fp / (fp + tn)
         WHEN 'auc' THEN (SELECT sum(a.p * (1 - b.p) * CASE WHEN a.score > b.score THEN 1 WHEN a.score = b.score THEN 0.5 ELSE 0 END) FROM calibrated a, calibrated b) / ((tp + fn) * (fp + tn)) END), rows
  FROM mlops.performance('pe_hit', estimate => true) p, tally WHERE estimated;
-- the score kept for the AUC is bounded
INSERT INTO mlops_private.prediction (prediction_id, happened_at, log_xid, system, model_id, value, version, latency_us, shadow, caller, features)
SELECT -i, pg_temp.at(100), 1, 1, (SELECT model_id FROM mlops_private.model WHERE name = 'pe_hit'), (i % 1000) / 1000.0, 1, 10, false, 'x', '\x01' FROM generate_series(1, 20000) AS i;
SET mlops.fit_memory = '300kB';
SELECT count(*) FROM mlops.performance('pe_hit', pg_temp.at(50));
SELECT mlops.performance('pe_hit', pg_temp.at(50), estimate => true);
RESET mlops.fit_memory;
SELECT metric, rows FROM mlops.performance('pe_hit', pg_temp.at(50), estimate => true) WHERE estimated AND metric = 'auc';
DELETE FROM mlops_private.prediction WHERE prediction_id < 0;

-- where there is nothing to estimate from
SELECT count(s.version) FROM (SELECT 1.5::float8 AS x, 'g1' AS g, 7 AS id) r, LATERAL (VALUES ('pe_hit@small'), ('pe_x'), ('pe_band')) AS m (model), LATERAL mlops.score(m.model, r) s;
SELECT count(*) FROM mlops.performance('pe_hit', version => 2, estimate => true) WHERE estimated;
SELECT count(*) FROM mlops.performance('pe_x', estimate => true) WHERE estimated;
SELECT count(*) FROM mlops.performance('pe_band', estimate => true) WHERE estimated;
SELECT version FROM mlops.set_alias('pe_hit', 'small', 1);
SELECT (mlops.drop_version('pe_hit', 2)).version;
SELECT metric FROM mlops.performance('pe_hit', version => 2, estimate => true);

SELECT sum((mlops.drop_model(m)).versions) FROM unnest('{pe_hit,pe_x,pe_band}'::text[]) m;
DELETE FROM mlops_private.prediction WHERE model_id NOT IN (SELECT model_id FROM mlops_private.model);
DROP TABLE pe_rows, pe_new;
