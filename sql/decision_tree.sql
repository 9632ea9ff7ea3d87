-- One readable tree, against scikit-learn 1.9 on the same rows.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE TABLE rows AS
SELECT i AS id, (i * 7919) % 11 AS a, (i * 104729) % 13 AS b, (i * 1299709) % 7 AS c
  FROM generate_series(1, 3000::bigint) AS i;
ALTER TABLE rows ADD number float8, ADD two bool, ADD three text;
UPDATE rows SET number = a * 1.7 + b * b * 0.31 - c * a * 0.23 + (id * 31 % 101) * 0.05;
UPDATE rows SET two = number + (id * 17 % 29) * 0.4 > 22.003, three = CASE WHEN number < 14.003 THEN 'p' WHEN number < 30.003 THEN 'q' ELSE 'r' END;

CREATE FUNCTION pg_temp.train(name text, target text, options jsonb, source text DEFAULT 'rows', weight name DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
SELECT FROM mlops.train(name, source, target::name, 'decision_tree', '{a,b,c}', options, '{"method": "none"}', weight);
$$;

-- DecisionTreeRegressor(max_depth=4, min_samples_leaf=15) and the like: leaves, and a sum over the rows that knows which row got which value
SELECT pg_temp.train('t1', 'number', '{"max_depth": 4, "max_leaves": 0, "min_samples_leaf": 15}');
SELECT pg_temp.train('t2', 'number', '{"max_depth": 0, "max_leaves": 20, "min_samples_leaf": 10}');
SELECT pg_temp.train('t3', 'two', '{"max_depth": 4, "max_leaves": 0, "min_samples_leaf": 25}');
SELECT pg_temp.train('t4', 'two', '{"max_depth": 5, "max_leaves": 0, "min_samples_leaf": 25, "criterion": "entropy"}');
SELECT r.model, (mlops.describe(r.model)->'model'->>'leaves')::int = leaves AS leaves, abs(sum(mlops.predict(r.model, t) * (t.id % 37)) / total - 1) < 1e-9 AS total
    FROM (VALUES ('t1', 16, 1240561.1803671615), ('t2', 20, 1240474.1654950273), ('t3', 16, 30957.239646464644), ('t4', 25, 31164.192526455026)) AS r(model, leaves, total), rows AS t GROUP BY r.model, leaves, total ORDER BY 1;
-- several classes: the share of right labels
SELECT pg_temp.train('t5', 'three', '{"max_depth": 5, "max_leaves": 0, "min_samples_leaf": 25}');
SELECT count(*) FILTER (WHERE mlops.classify('t5', t) = three) = 2737 AS right FROM rows AS t;

-- a weight of 2 is the row twice
SELECT pg_temp.train('t6', 'number', '{"max_depth": 4, "min_samples_leaf": 1}', 'SELECT *, 1 + id % 2 AS w FROM rows', 'w');
SELECT pg_temp.train('t7', 'number', '{"max_depth": 4, "min_samples_leaf": 1}', 'SELECT r.* FROM rows AS r, generate_series(1, 1 + id % 2)');
SELECT bool_and(abs(mlops.predict('t6', t) - mlops.predict('t7', t)) < 1e-9) AS same FROM rows AS t;
SELECT pg_temp.train('t8', 'two', '{"max_depth": 4, "min_samples_leaf": 1}', 'SELECT *, 1 + id % 2 AS w FROM rows', 'w');
SELECT pg_temp.train('t9', 'two', '{"max_depth": 4, "min_samples_leaf": 1}', 'SELECT r.* FROM rows AS r, generate_series(1, 1 + id % 2)');
SELECT bool_and(abs(mlops.predict('t8', t) - mlops.predict('t9', t)) < 1e-9) AS same FROM rows AS t;

-- a missing value goes where it belongs, also where it alone says what is to be known
SELECT FROM mlops.train('gap', 'SELECT id, CASE WHEN id % 3 > 0 THEN a END AS a, (id % 3 = 0)::int + a * 0.001 AS y FROM rows', 'y', 'decision_tree', '{a}', '{}', '{"method": "none"}');
SELECT round(mlops.predict('gap', '{"a": null}'::jsonb)) AS missing, round(mlops.predict('gap', '{"a": 5}'::jsonb)) AS five;
-- categories are grouped by their mean; one not seen in training gets an answer
SELECT FROM mlops.train('groups', 'SELECT chr(97 + a::int) AS letter, (a % 3 = 0)::int * 10.0 AS y FROM rows', 'y', 'decision_tree', '{letter}', '{"max_leaves": 2}', '{"method": "none"}');
SELECT bool_and(mlops.predict('groups', jsonb_build_object('letter', chr(97 + a::int))) = (a % 3 = 0)::int * 10) AS grouped, mlops.predict('groups', '{"letter": "new"}'::jsonb) IS NOT NULL AS unseen FROM rows;
-- all targets alike: one leaf, exactly them
SELECT FROM mlops.train('flat', 'SELECT a, 0.1 AS y FROM rows', 'y', 'decision_tree');
SELECT mlops.predict('flat', '{"a": 1}'::jsonb) = 0.1 AS exact, mlops.describe('flat')->'model'->>'leaves' AS leaves;

-- bounds hold
SELECT pg_temp.train('small', 'number', '{"max_depth": 3, "max_leaves": 6, "min_samples_leaf": 1}');
SELECT (mlops.describe('small')->'model'->>'leaves')::int <= 6 AS leaves, (mlops.describe('small')->'model'->>'depth')::int <= 3 AS depth;
SELECT count(DISTINCT mlops.predict('small', t)) <= 6 AS values FROM rows AS t;
SELECT pg_temp.train('least', 'number', '{"max_depth": 0, "max_leaves": 0, "min_samples_leaf": 100}');
SELECT min(n) >= 100 AS rows FROM (SELECT count(*) AS n FROM rows AS t GROUP BY mlops.predict('least', t)) AS leaf;
SELECT pg_temp.train('stump', 'number', '{"min_gain": 1e9}');
SELECT mlops.describe('stump')->'model'->>'leaves' AS leaves;

-- what train says of its rows is what the model says of them in SQL
CREATE TABLE said AS SELECT metrics FROM mlops.train('again', 'rows', 'number', 'decision_tree', '{a,b,c}', '{}', '{"method": "none"}');
SELECT abs((metrics->>'r2')::float8 - value) < 1e-12 AS agree FROM said, mlops.evaluate('again', 'rows', 'number') WHERE metric = 'r2';

\set VERBOSITY sqlstate
SELECT pg_temp.train('bad', 'number', '{"min_samples_leaf": 0}');
SELECT pg_temp.train('bad', 'number', '{"n_estimators": 5}');
SELECT pg_temp.train('bad', 'number', '{"criterion": "mse"}');
SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
DROP TABLE rows, said;
