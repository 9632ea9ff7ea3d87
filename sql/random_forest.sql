-- Many trees: what they know, that they are the same however they were grown, and what their own rows say of them.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE TABLE rows AS
SELECT i AS id, (i * 7919) % 1009 / 100.0::float8 AS a, CASE WHEN i % 11 > 0 THEN (i * 104729) % 997 / 100.0::float8 END AS b, chr(97 + (i % 7)::int) AS c
  FROM generate_series(1, 20000::bigint) AS i;
ALTER TABLE rows ADD number float8, ADD two bool, ADD three text;
UPDATE rows SET number = sin(a) * 3 + coalesce(b, 4) * (id % 7) / 7.0 + (id * 31 % 101) * 0.01;
UPDATE rows SET two = number + (id * 17 % 29) * 0.05 > 3, three = CASE WHEN number < 1 THEN 'p' WHEN number < 4 THEN 'q' ELSE 'r' END;
CREATE TABLE shuffled AS SELECT * FROM rows ORDER BY id * 7919 % 20011;

CREATE FUNCTION pg_temp.train(name text, target text, options jsonb DEFAULT '{}', source text DEFAULT 'rows', validation jsonb DEFAULT '{"method": "none"}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE v int;
BEGIN
    SELECT version INTO v FROM mlops.train(name, source, target::name, 'random_forest', '{a,b,c}', options, validation);
    RETURN mlops.describe(format('%s:%s', name, v))->>'sha256';
END $$;

-- the same bytes for any number of workers and any order of the rows, others for another seed
CREATE TABLE made (target text, how text, hash text);
SET max_parallel_maintenance_workers = 0;
INSERT INTO made SELECT target, 'alone', pg_temp.train('f_' || target, target, '{"n_estimators": 20}') FROM unnest(ARRAY['number', 'two', 'three']) AS target;
INSERT INTO made SELECT target, 'shuffled', pg_temp.train('s_' || target, target, '{"n_estimators": 20}', 'shuffled') FROM unnest(ARRAY['number', 'two', 'three']) AS target;
SET max_parallel_maintenance_workers = 1;
INSERT INTO made SELECT target, 'one worker', pg_temp.train('w_' || target, target, '{"n_estimators": 20}') FROM unnest(ARRAY['number', 'two', 'three']) AS target;
SET max_parallel_maintenance_workers = 2;
INSERT INTO made SELECT target, 'two workers', pg_temp.train('w_' || target, target, '{"n_estimators": 20}') FROM unnest(ARRAY['number', 'two', 'three']) AS target;
RESET max_parallel_maintenance_workers;
SELECT target, count(*) AS ways, count(DISTINCT hash) AS models FROM made GROUP BY 1 ORDER BY 1;
SELECT hash <> pg_temp.train('f_two', 'two', '{"n_estimators": 20, "seed": 2}') AS other FROM made WHERE target = 'two' AND how = 'alone';

-- better than one tree on rows not seen
CREATE TABLE said AS SELECT 'forest' AS who, metrics FROM mlops.train('one', 'rows', 'number', 'random_forest', '{a,b,c}', '{"n_estimators": 50, "max_features": 0.7}');
INSERT INTO said SELECT 'tree', metrics FROM mlops.train('one', 'rows', 'number', 'decision_tree', '{a,b,c}');
SELECT f.metrics->>'on' AS "on", (f.metrics->>'r2')::float8 > 0.97 AS good, (f.metrics->>'r2')::float8 > (t.metrics->>'r2')::float8 + 0.02 AS better FROM said AS f, said AS t WHERE f.who = 'forest' AND t.who = 'tree';
-- out-of-bag rows say nearly what held-out rows say
SELECT m->>'oob_metric' AS metric, (m->>'oob_rows')::int AS rows, abs((m->>'oob_score')::float8 - (s.metrics->>'r2')::float8) < 0.01 AS near
    FROM said AS s, LATERAL (SELECT mlops.describe('one:1')->'model') AS d(m) WHERE who = 'forest';
SELECT mlops.describe('f_two')->'model'->>'oob_metric' AS metric, (mlops.describe('f_two')->'model'->>'oob_score')::float8 BETWEEN 0.85 AND 0.99 AS score;
SELECT pg_temp.train('whole', 'two', '{"bootstrap": false, "n_estimators": 5}') IS NOT NULL AS trained;
SELECT mlops.describe('whole')->'model' ? 'oob_score' AS oob;
SELECT pg_temp.train('part', 'two', '{"bootstrap": false, "max_samples": 0.5, "n_estimators": 5}') IS NOT NULL AS trained;
SELECT (mlops.describe('part')->'model'->>'oob_rows')::int BETWEEN 19000 AND 19999 AS oob;

-- what train says of its rows is what the model says of them in SQL
INSERT INTO said SELECT target, t.metrics FROM unnest(ARRAY['number', 'two', 'three']) AS target, mlops.train('again_' || target, 'rows', target::name, 'random_forest', '{a,b,c}', '{"n_estimators": 10}', '{"method": "none"}') AS t;
SELECT who, metric, abs((s.metrics->>metric)::float8 - value) < 1e-12 AS agree
    FROM said AS s, LATERAL mlops.evaluate('again_' || who, 'rows', who::name) WHERE who IN ('number', 'two', 'three') AND metric IN ('r2', 'mae', 'accuracy', 'log_loss') ORDER BY 1, 2;
-- probabilities of classes are shares
SELECT bool_and(abs(p.total - 1) < 1e-12 AND p.least >= 0) AS shares
    FROM (SELECT * FROM rows WHERE id <= 200) AS t, LATERAL (SELECT sum(value::float8), min(value::float8) FROM jsonb_each_text(mlops.proba('f_three', t))) AS p(total, least);

-- options
SELECT pg_temp.train('leaves', 'number', '{"n_estimators": 3, "max_leaves": 8, "bootstrap": false}') IS NOT NULL AS trained;
SELECT (mlops.describe('leaves')->'model'->>'leaves')::int AS leaves;
SELECT pg_temp.train('depth', 'number', '{"n_estimators": 3, "max_depth": 2}') IS NOT NULL AS trained;
SELECT (mlops.describe('depth')->'model'->>'depth')::int AS depth, (mlops.describe('depth')->'model'->>'leaves')::int <= 12 AS leaves;
SELECT pg_temp.train('extra', 'number', '{"n_estimators": 50, "extra_trees": true}') IS NOT NULL AS trained;
SELECT value > 0.9 AS good FROM mlops.evaluate('extra', 'rows', 'number') WHERE metric = 'r2';
SELECT pg_temp.train('wide', 'number', '{"n_estimators": 10, "max_bins": 1000}') IS NOT NULL AS trained;
SELECT value > 0.97 AS good FROM mlops.evaluate('wide', 'rows', 'number') WHERE metric = 'r2';
-- a class that counts more is named more often
SELECT FROM mlops.train('heavy', 'SELECT *, CASE WHEN two THEN 20 ELSE 1 END AS w FROM rows', 'two', 'random_forest', '{a,c}', '{"n_estimators": 10, "min_samples_leaf": 200}', '{"method": "none"}', 'w');
SELECT FROM mlops.train('light', 'rows', 'two', 'random_forest', '{a,c}', '{"n_estimators": 10, "min_samples_leaf": 200}', '{"method": "none"}');
SELECT avg(mlops.predict('heavy', t)) > avg(mlops.predict('light', t)) + 0.1 AS heavier FROM rows AS t WHERE id <= 2000;
-- numbers near the ends of their range: what is stored can be read
SELECT FROM mlops.train('spread', 'SELECT *, CASE WHEN id % 3 = 0 THEN 1e300 ELSE 1e-300 END AS w FROM rows', 'three', 'random_forest', '{a,b,c}', '{"n_estimators": 3}', '{"method": "none"}', 'w');
SELECT FROM mlops.train('factors', 'rows', 'three', 'random_forest', '{a,b,c}', '{"n_estimators": 3, "class_weight": {"p": 1e308, "q": 1e-300}}', '{"method": "none"}');
SELECT FROM mlops.train('large', 'SELECT a, b, c, number * 1e150 AS number FROM rows', 'number', 'random_forest', '{a,b,c}', '{"n_estimators": 3}', '{"method": "none"}');
SELECT value > 0.9 AS good FROM mlops.evaluate('spread', 'rows', 'three') WHERE metric = 'accuracy';
SELECT avg((mlops.classify('factors', t) = 'p')::int) > 0.9 AS heaviest FROM rows AS t WHERE three = 'p' AND id <= 2000;
SELECT value > 0.9 AS good FROM mlops.evaluate('large', 'SELECT a, b, c, number * 1e150 AS number FROM rows', 'number') WHERE metric = 'r2';

\set VERBOSITY sqlstate
SELECT pg_temp.train('bad', 'number', '{"n_estimators": 0}');
SELECT pg_temp.train('bad', 'number', '{"max_features": 1.5}');
SELECT pg_temp.train('bad', 'number', '{"max_samples": 0}');
SET mlops.training_memory = '1MB';
SELECT pg_temp.train('bad', 'number');
RESET mlops.training_memory;
SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
DROP TABLE rows, shuffled, made, said;
