-- The same rows, options and seed give the same trees, byte for byte: in any order, on any pages, by any plan, with any
-- number of workers, on every version of the server (P7).  And what is measured is what is predicted.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
-- no function of the C library: its last digits differ between systems
CREATE TABLE agree AS
SELECT i AS id, CASE WHEN i % 11 > 0 THEN (i * 7919 % 1009) / 8.0::float8 END AS a, CASE WHEN i % 13 > 0 THEN ((i * 104729 % 997) / 7.0)::float4 END AS b,
       CASE WHEN i % 9 > 0 THEN 'c' || i * 31 % 43 END AS c, i % 5 = 0 AS d, i * 17 % 6 AS e, CASE WHEN i % 7 > 0 THEN date '2020-01-01' + i * 37 % 500 END AS f,
       CASE WHEN i > 1500 THEN ARRAY[i * 53 % 101, CASE WHEN i % 4 > 0 THEN i * 71 % 89 END]::float8[] END AS v, 1 + i % 3 AS w,
       (i * 7919 % 1009) / 4.0::float8 + i * 17 % 6 * 20 + i * 31 % 43 + i * 59 % 61 AS number, i * 7919 % 1009 + i * 17 % 6 * 100 + i * 59 % 211 > 800 AS two,
       (ARRAY['low', 'mid', 'top'])[1 + (i * 7919 % 1009 + i * 31 % 43 * 20 + i * 59 % 211) / 800] AS three,
       CASE WHEN i > 1100 THEN 2 ELSE i * 7919 % 1009 / 505 END AS late
  FROM generate_series(1, 3000) AS i;
CREATE TABLE keys AS SELECT id FROM agree ORDER BY md5(id::text);
CREATE TABLE shuffled AS SELECT * FROM agree ORDER BY md5(id::text);
CREATE TABLE moved AS SELECT * FROM agree ORDER BY md5('m' || id);
UPDATE moved SET id = id WHERE id % 3 = 0;
DELETE FROM moved WHERE id % 4 = 0;
VACUUM FULL moved;
INSERT INTO moved SELECT * FROM agree WHERE id % 4 = 0 ORDER BY id DESC;
CREATE VIEW seen AS SELECT * FROM moved;
CREATE TABLE parts (LIKE agree) PARTITION BY LIST (e);
CREATE TABLE parts_odd PARTITION OF parts FOR VALUES IN (1, 3, 5);
CREATE TABLE parts_even PARTITION OF parts FOR VALUES IN (0, 2, 4);
INSERT INTO parts SELECT * FROM agree;
CREATE FUNCTION pg_temp.bytes(algorithm text, target name, source text, options jsonb, weight name DEFAULT NULL, validation jsonb DEFAULT '{"method": "none"}', features name[] DEFAULT '{a,b,c,d,e,f,v}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE v int;
BEGIN
    SELECT version INTO v FROM mlops.train('agree_' || target, source, target, algorithm, features, options, validation, weight);
    RETURN mlops.describe('agree_' || target || ':' || v)->>'sha256';
END $$;

-- order, pages and plans; the first digits are the same on PostgreSQL 15 to 18, and change only when the trees do
CREATE TABLE cases (n serial, algorithm text, target name, options jsonb, weight name, validation jsonb DEFAULT '{"method": "none"}');
INSERT INTO cases (algorithm, target, options, weight) VALUES
    ('gradient_boosting', 'number', '{"n_estimators": 12}', NULL),
    ('gradient_boosting', 'number', '{"n_estimators": 12, "subsample": 0.6, "colsample": 0.7, "max_features": 0.6, "min_cat_rows": 30, "seed": 3}', 'w'),
    ('gradient_boosting', 'number', '{"n_estimators": 12, "loss": "absolute"}', 'w'),
    ('gradient_boosting', 'two', '{"n_estimators": 12, "subsample": 0.5, "class_weight": "balanced"}', NULL),
    ('gradient_boosting', 'three', '{"n_estimators": 6, "colsample": 0.5}', 'w'),
    ('random_forest', 'number', '{"n_estimators": 5}', NULL),
    ('random_forest', 'two', '{"n_estimators": 5, "extra_trees": true}', 'w'),
    ('random_forest', 'three', '{"n_estimators": 5, "max_samples": 0.7}', NULL),
    ('decision_tree', 'number', '{}', 'w'),
    ('decision_tree', 'two', '{"criterion": "entropy"}', NULL),
    ('decision_tree', 'three', '{"max_depth": 0}', NULL);
INSERT INTO cases (algorithm, target, options, validation) VALUES
    ('gradient_boosting', 'number', '{"n_estimators": 60, "learning_rate": 0.5, "n_iter_no_change": 3}', '{"method": "holdout", "fraction": 0.2}'),
    ('random_forest', 'two', '{"n_estimators": 5, "seed": 8}', '{"method": "holdout", "fraction": 0.25}');
SET enable_nestloop = off;
SET enable_hashjoin = off;
SELECT n, algorithm, target, left(min(bytes), 16) AS bytes, count(*) AS trained, count(DISTINCT bytes) AS different
  FROM (SELECT c.*, pg_temp.bytes(algorithm, target, source, options, weight, validation) AS bytes
          FROM cases AS c, unnest(ARRAY['agree', 'shuffled', 'moved', 'seen', 'parts', 'SELECT agree.* FROM agree JOIN keys USING (id)', 'SELECT * FROM shuffled ORDER BY c, number DESC']) AS source) AS t
 GROUP BY 1, 2, 3 ORDER BY 1;
RESET enable_nestloop;
RESET enable_hashjoin;
-- the seed and one more row do change them
SELECT count(DISTINCT pg_temp.bytes('gradient_boosting', 'number', source, options)) AS different
  FROM (VALUES ('agree', '{"n_estimators": 3, "subsample": 0.5}'::jsonb), ('agree', '{"n_estimators": 3, "subsample": 0.5, "seed": 1}'), ('SELECT * FROM agree WHERE id > 1', '{"n_estimators": 3, "subsample": 0.5}')) AS v(source, options);

-- workers: as many as asked for come, also where they do not pay; two shards of rows give them something to do
CREATE TABLE wide AS SELECT i AS id, i::bigint * 7919 % 10007 / 8.0::float8 AS a, CASE WHEN i % 11 > 0 THEN i::bigint * 104729 % 99991 / 16.0::float8 END AS b, 'c' || i % 43 AS c,
                            i::bigint * 7919 % 10007 / 50.0::float8 + i % 43 + i::bigint * 31 % 101 AS number, 'k' || (i::bigint * 7919 % 10007 + i % 43 * 100) / 5000 AS three, 1 + i % 3 AS w
                       FROM generate_series(1, 66000) AS i;
CREATE TABLE worked (n serial, workers int, name text, bytes text);
CREATE FUNCTION pg_temp.work(workers int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('max_parallel_maintenance_workers', workers::text, true);
    INSERT INTO worked (workers, name, bytes) VALUES
        (workers, 'boosted', pg_temp.bytes('gradient_boosting', 'number', 'wide', '{"n_estimators": 6, "subsample": 0.6, "colsample": 0.6}', 'w', features => '{a,b,c}')),
        (workers, 'classes', pg_temp.bytes('gradient_boosting', 'three', 'wide', '{"n_estimators": 2, "class_weight": "balanced"}', features => '{a,b,c}')),
        (workers, 'stopped', pg_temp.bytes('gradient_boosting', 'number', 'wide', '{"n_estimators": 6, "n_iter_no_change": 2}', validation => '{"method": "holdout", "fraction": 0.3}', features => '{a,b,c}')),
        (workers, 'forest', pg_temp.bytes('random_forest', 'three', 'wide', '{"n_estimators": 4, "max_depth": 6, "max_samples": 0.2}', features => '{a,b,c}'));
END $$;
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET client_min_messages = debug1;
SELECT pg_temp.work(0);
SELECT pg_temp.work(1);
SELECT pg_temp.work(2);
SELECT pg_temp.work(3);
SET client_min_messages = warning;
SELECT count(set_config(name, 'off', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT name, left(min(bytes), 16) AS bytes, count(*) AS trained, count(DISTINCT bytes) AS different FROM worked GROUP BY 1 ORDER BY 1;

-- more rows than cuts are learned from; every row a thousand times; arrays and a third value that come late
SELECT 'sampled' AS what, count(DISTINCT pg_temp.bytes('gradient_boosting', 'y', source, '{"n_estimators": 2}', features => '{a}')) AS different
  FROM unnest(ARRAY['SELECT i / 8.0 AS a, i % 77 + i / 1000.0 AS y FROM generate_series(1, 110000) AS i', 'SELECT i / 8.0 AS a, i % 77 + i / 1000.0 AS y FROM generate_series(110000, 1, -1) AS i']) AS source
UNION ALL
SELECT 'repeated', count(DISTINCT pg_temp.bytes('gradient_boosting', 'number', source, '{"n_estimators": 3, "subsample": 0.3}', 'w', '{"method": "holdout", "fraction": 0.2}', '{a,c,e}'))
  FROM unnest(ARRAY['SELECT r.* FROM (SELECT a, c, e, w, number FROM agree WHERE id <= 60 OFFSET 0) AS r, generate_series(1, 1000)', 'SELECT r.* FROM (SELECT n FROM generate_series(1, 1000) AS n ORDER BY -n) AS n, LATERAL (SELECT a, c, e, w, number FROM shuffled WHERE id <= 60 AND n > 0) AS r']) AS source
UNION ALL
SELECT 'late array', count(DISTINCT pg_temp.bytes('random_forest', 'number', source, '{"n_estimators": 2}', features => '{a,v}'))
  FROM unnest(ARRAY['SELECT * FROM agree ORDER BY id', 'SELECT * FROM agree ORDER BY id DESC', 'SELECT * FROM shuffled']) AS source
UNION ALL
SELECT 'late value', count(DISTINCT pg_temp.bytes('gradient_boosting', 'late', source, '{"n_estimators": 2}', features => '{a,e}'))
  FROM unnest(ARRAY['SELECT * FROM agree ORDER BY id', 'SELECT * FROM agree ORDER BY id DESC', 'SELECT * FROM shuffled']) AS source;
SELECT DISTINCT task FROM mlops.versions WHERE model = 'agree_late';

-- A tree with a leaf for every row answers with its target for the rows that it has learned, and with a neighbour's for the others: that shows
-- which they are.  The rows held out, or left out of a sample, are the same for every algorithm and every order.
CREATE TABLE probe AS SELECT id, id / 2.0::float8 AS a, (id * 7919 % 1009) / 4.0::float8 AS z, id * 104729 % 1000003 / 8.0::float8 AS number FROM agree WHERE id <= 1000;
CREATE TABLE probe_shuffled AS SELECT * FROM probe ORDER BY md5(id::text);
CREATE FUNCTION pg_temp.learned(name text, source text, options jsonb, validation jsonb, OUT ids int[], OUT tree jsonb, OUT line jsonb) LANGUAGE plpgsql AS $$
BEGIN
    SELECT metrics INTO tree FROM mlops.train('tree_' || name, source, 'number', 'decision_tree', '{a}', options || '{"max_depth": 0, "max_leaves": 0, "min_samples_leaf": 1, "max_bins": 2000}', validation, alias => 'champion');
    SELECT metrics INTO line FROM mlops.train('line_' || name, source, 'number', 'linear_regression', '{a,z}', options, validation, alias => 'champion');
    SELECT array_agg(id ORDER BY id) INTO ids FROM probe AS p WHERE mlops.predict('tree_' || name, p) = number;
END $$;
CREATE TABLE learned AS
SELECT v.name, source, l.* FROM (VALUES ('held', 'probe_shuffled', '{}'::jsonb, '{"method": "holdout", "fraction": 0.2}'::jsonb), ('held', 'probe', '{}', '{"method": "holdout", "fraction": 0.2}'),
                                        ('sampled', 'probe_shuffled', '{"sample": 0.3}', '{"method": "none"}'), ('sampled', 'probe', '{"sample": 0.3}', '{"method": "none"}'),
                                        ('seeded', 'probe', '{"sample": 0.3, "seed": 5}', '{"method": "none"}')) AS v(name, source, options, validation), pg_temp.learned(v.name, source, options, validation) AS l;
SELECT name, source, cardinality(ids) AS learned, tree->'n' AS measured, ids = first_value(ids) OVER by_name AS same_rows, tree = first_value(tree) OVER by_name AS same_metrics
  FROM learned WINDOW by_name AS (PARTITION BY name ORDER BY source) ORDER BY 1, 2;
SELECT count(DISTINCT ids) AS different FROM learned;
-- what train() measured, of the tree and of the line, is what evaluate() finds on these rows
SELECT l.name, t.metric, abs((tree->>t.metric)::float8 - t.value) <= 1e-12 * t.value AS tree, abs((line->>k.metric)::float8 - k.value) <= 1e-12 * k.value AS line, t.n = (tree->>'n')::int AND k.n = (line->>'n')::int AS n
  FROM learned AS l, LATERAL (SELECT format('SELECT probe.* FROM probe JOIN learned ON name = %L AND source = ''probe'' AND (id = ANY (ids)) = (name <> ''held'')', l.name) AS measured) AS m,
       mlops.evaluate('tree_' || l.name, measured) AS t, mlops.evaluate('line_' || l.name, measured) AS k
 WHERE l.source = 'probe' AND t.metric IN ('rmse', 'mae') AND k.metric = t.metric ORDER BY 1, 2;

-- nothing held out: measured on all rows, as evaluate() does; row by row, a table at once and in the metrics it is the same number
CREATE TABLE measured AS
SELECT c.n, c.algorithm, c.target, 'case_' || c.n AS name, t.metrics FROM cases AS c, mlops.train('case_' || c.n, 'agree', c.target, c.algorithm, '{a,b,c,d,e,f,v}', c.options, '{"method": "none"}') AS t
 WHERE c.validation->>'method' = 'none' AND c.weight IS NULL;
SELECT m.n, m.algorithm, m.target, e.compared, e.others, p.rows, p.same
  FROM measured AS m, LATERAL (SELECT count(*) AS compared, string_agg(metric, ', ' ORDER BY metric) FILTER (WHERE (m.metrics->>metric)::float8 <> value) AS others FROM mlops.evaluate(m.name, 'shuffled') WHERE m.metrics ? metric) AS e,
       LATERAL (SELECT count(*) AS rows, bool_and((m.target = 'three' OR prediction = mlops.predict(m.name, r)) AND (m.target = 'number' OR label = mlops.classify(m.name, r))) AS same
                  FROM mlops.predict_table(m.name, 'shuffled', 'id') AS t JOIN agree AS r ON t.key = r.id::text) AS p ORDER BY m.n;
SELECT r.rows, r.rmse = e.value AS rmse FROM (SELECT count(*) AS rows, mlops.rmse(a.number, mlops.predict('case_1', t)) AS rmse FROM agree AS a JOIN agree AS t USING (id)) AS r, mlops.evaluate('case_1', 'agree') AS e WHERE e.metric = 'rmse';

-- the same of trees that ask nothing but numbers, which blocks of rows are scored by otherwise, missing values going either way
CREATE TABLE numeric_cases AS
SELECT c.*, 'numeric_' || c.n AS name, t.rows_used FROM (VALUES
    (1, 'gradient_boosting', 'number', '{"n_estimators": 21, "max_leaves": 63}'::jsonb), (2, 'gradient_boosting', 'two', '{"n_estimators": 9, "max_leaves": 200, "min_samples_leaf": 1}'),
    (3, 'gradient_boosting', 'three', '{"n_estimators": 5}'), (4, 'random_forest', 'number', '{"n_estimators": 7, "max_depth": 7}'), (5, 'random_forest', 'three', '{"n_estimators": 7, "max_depth": 7}'),
    (6, 'random_forest', 'two', '{"n_estimators": 3}'), (7, 'decision_tree', 'number', '{"max_depth": 4}'), (8, 'decision_tree', 'number', '{"max_bins": 2000, "max_leaves": 250}')) AS c(n, algorithm, target, options),
       mlops.train('numeric_' || c.n, 'agree', c.target, c.algorithm, '{a,b,d,e,f,v}', c.options, '{"method": "none"}') AS t;
SELECT m.n, m.algorithm, m.target, g.leaves, g.ways, p.rows, p.same
  FROM numeric_cases AS m, LATERAL (SELECT count(*) FILTER (WHERE feature IS NULL) > 10 AS leaves, count(DISTINCT missing_child = left_child) AS ways FROM mlops.trees(m.name)) AS g,
       LATERAL (SELECT count(*) AS rows, bool_and((m.target = 'three' OR prediction = mlops.predict(m.name, r)) AND (m.target = 'number' OR label = mlops.classify(m.name, r))) AS same
                  FROM mlops.predict_table(m.name, 'shuffled', 'id') AS t JOIN agree AS r ON t.key = r.id::text) AS p ORDER BY m.n;

-- a source that answers otherwise when it is read again is found out where it says that it would not, and kept where it says so
CREATE SEQUENCE drift;
CREATE FUNCTION steady(x float8) RETURNS float8 LANGUAGE plpgsql STABLE AS 'BEGIN RETURN x + nextval(''drift''); END';
CREATE FUNCTION fickle(x float8) RETURNS float8 LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN x + nextval(''drift''); END';
CREATE FUNCTION pg_temp.answer(algorithm text, source text, options jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
    RETURN rows_used FROM mlops.train('answers', source, 'number', algorithm, NULL, options || '{"max_leaves": 8}');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || hint;
END $$;
SELECT a AS algorithm, s.name, pg_temp.answer(a, s.source)
  FROM unnest(ARRAY['gradient_boosting', 'random_forest', 'decision_tree']) AS a, (VALUES (1, 'stable', 'SELECT steady(e) AS x, number FROM agree'), (2, 'stable target', 'SELECT e, steady(number) AS number FROM agree'),
       (3, 'volatile', 'SELECT fickle(e) AS x, number FROM agree'), (4, 'volatile target', 'SELECT e, fickle(number) AS number FROM agree'), (5, 'random rows', 'SELECT e, number FROM agree TABLESAMPLE bernoulli (100)')) AS s(n, name, source) ORDER BY 1, s.n;
SELECT rows_used FROM mlops.train('answers', 'SELECT fickle(e) AS x, number FROM agree', 'number', 'random_forest');
-- more memory than allowed is refused before it is taken, with a way out
SET mlops.training_memory = '6MB';
SELECT a AS algorithm, pg_temp.answer(a, source), pg_temp.answer(a, source, '{"sample": 0.01}')::int BETWEEN 2700 AND 3300 AS sampled
  FROM unnest(ARRAY['gradient_boosting', 'random_forest', 'decision_tree']) AS a, (VALUES ('SELECT i AS x, i % 7 AS number FROM generate_series(1, 300000) AS i')) AS v(source) ORDER BY 1;
RESET mlops.training_memory;

SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
DROP VIEW seen;
DROP FUNCTION steady, fickle;
DROP SEQUENCE drift;
DROP TABLE agree, keys, shuffled, moved, parts, cases, wide, worked, probe, probe_shuffled, learned, measured, numeric_cases;
