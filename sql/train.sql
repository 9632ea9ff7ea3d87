-- mlops.train(): arguments, defaults, errors, transactions, privileges.
-- What the rows of a source become is tested in the topics data_*.
\set VERBOSITY terse
CREATE TABLE houses AS
SELECT i AS id, (i * 7919) % 101 AS area, (ARRAY['north','south','west'])[i % 3 + 1] AS side,
       i % 4 = 0 AS garden, 10 + (i * 7919) % 101 * 2.5 + (i % 3) * 20 + (i * 31) % 7 AS price, 1 + i % 2 AS w
  FROM generate_series(1, 200) AS i;
ALTER TABLE houses ADD PRIMARY KEY (id);

-- defaults: a fifth held out and measured, the first version is the champion
SELECT model, version, algorithm, rows_used, rows_skipped, features, metrics->'n' AS n, metrics->'on' AS on,
       (metrics->>'r2')::float8 > 0.9 AS good, seconds >= 0 AS seconds FROM mlops.train('price', 'houses', 'price');
SELECT version, aliases, target, options, note, rows_used, rows_skipped FROM mlops.versions WHERE model = 'price';
SELECT mlops.describe('price')->'facts' AS facts;
SELECT mlops.describe('price')->'features' AS features;

-- all arguments by name, and their order
SELECT version, algorithm, rows_used, rows_skipped, features, metrics->'n' AS n, metrics->'on' AS on FROM mlops.train(
    model => 'price', source => 'SELECT *, NULLIF(area, 5) AS a5 FROM houses', target => 'price', algorithm => 'linear_regression',
    features => '{side,a5}', options => '{"missing": "skip", "seed": 3}', validation => '{"method": "none"}', weight => 'w',
    alias => 'challenger', note => 'two features');
SELECT version, rows_used, features FROM mlops.train('price', 'houses', 'price', 'linear_regression', '{area}', '{}', '{"method": "none"}', 'w', 'positional', 'all of them');
SELECT version, aliases, note FROM mlops.versions WHERE model = 'price' ORDER BY version;
-- a NULL option or argument is the default
SELECT version, rows_used, metrics->'n' AS n FROM mlops.train('price', 'houses', 'price', features => NULL, options => NULL, validation => NULL, weight => NULL, alias => NULL, note => NULL);
SELECT rows_used, metrics->'n' AS n FROM mlops.train('price', 'houses', 'price', options => '{"seed": null, "missing": null}', validation => '{"fraction": null}');
-- an alias moves only when asked to
SELECT alias, version FROM mlops.aliases WHERE model = 'price' ORDER BY alias;
SELECT version FROM mlops.train('price', 'houses', 'price', alias => 'champion');
SELECT alias, version FROM mlops.aliases WHERE model = 'price' ORDER BY alias;

-- validation
SELECT metrics->'n' AS n FROM mlops.train('price', 'houses', 'price', validation => '{"fraction": 0.5}');
SELECT metrics->'n' AS n FROM mlops.train('price', 'houses', 'price', validation => '{"fraction": 0.9}');
SELECT metrics->'n' AS n FROM mlops.train('price', 'houses', 'price', validation => '{"fraction": 0.01}');
SELECT metrics->'n' AS n, metrics->'on' AS on FROM mlops.train('price', 'houses', 'price', validation => '{"method": "none"}');
SELECT metrics->'n' AS n, metrics->'on' AS on FROM mlops.train('refitted', 'houses', 'price', validation => '{"refit": true}');
SELECT mlops.describe('refitted')->'model'->'n' AS fitted_on, mlops.describe('refitted')->'facts'->'rows_trained' AS rows_trained;
SELECT rows_used FROM mlops.train('unheld', 'houses', 'price', validation => '{"method": "none"}');
SELECT bool_and(abs(r.estimate - n.estimate) <= 1e-10 * abs(n.estimate)) AS as_without_holdout FROM mlops.coefficients('refitted') AS r JOIN mlops.coefficients('unheld') AS n USING (term);
SELECT mlops.train('price', 'houses', 'price', validation => '{"fraction": 0}');
SELECT mlops.train('price', 'houses', 'price', validation => '{"fraction": 0.91}');
SELECT mlops.train('price', 'houses', 'price', validation => '{"fraction": "0.5"}');
SELECT mlops.train('price', 'houses', 'price', validation => '{"method": "cv"}');
SELECT mlops.train('price', 'houses', 'price', validation => '{"refit": "yes"}');
SELECT mlops.train('price', 'houses', 'price', validation => '{"folds": 5}');
SELECT mlops.train('price', 'houses', 'price', validation => '"holdout"');
SELECT mlops.train('price', 'houses', 'price', validation => '[]');

-- what cannot be NULL, and what cannot be
SELECT mlops.train(NULL, 'houses', 'price');
SELECT mlops.train('price', NULL, 'price');
SELECT mlops.train('price', 'houses', NULL);
SELECT mlops.train('price', 'houses');
SELECT mlops.train('price', 'houses', 'price', algorithm => NULL);
SELECT mlops.train('Price', 'houses', 'price');
SELECT mlops.train('price:1', 'houses', 'price');
SELECT mlops.train('price@champion', 'houses', 'price');
SELECT mlops.train('', 'houses', 'price');
SELECT mlops.train(repeat('a', 64), 'houses', 'price');
SELECT model, version FROM mlops.train(repeat('a', 63), 'houses', 'price');
SELECT mlops.train('price', 'houses', 'price', alias => 'Champion');
SELECT mlops.train('price', 'houses', 'price', alias => '');
SELECT mlops.train('price', 'houses', 'price', features => '{}');
SELECT mlops.train('price', 'houses', 'price', features => '{area,NULL}');
SELECT mlops.train('price', 'houses', 'price', features => '{area,nothing}');
SELECT mlops.train('price', 'houses', 'price', features => '{area,price}');
SELECT mlops.train('price', 'houses', 'price', features => '{area,area}');
SELECT mlops.train('price', 'houses', 'price', features => '{area,w}', weight => 'w');
SELECT mlops.train('price', 'houses', 'price', weight => 'nothing');
SELECT mlops.train('price', 'houses', 'price', weight => 'side');
SELECT mlops.train('price', 'houses', 'price', weight => 'price');
SELECT mlops.train('price', 'SELECT *, -1 AS minus FROM houses', 'price', weight => 'minus');
SELECT mlops.train('price', 'SELECT *, 0 AS zero FROM houses', 'price', weight => 'zero');
SELECT rows_used, rows_skipped FROM mlops.train('price', 'SELECT *, NULLIF(w, 1) AS some FROM houses', 'price', weight => 'some');
SELECT mlops.train('price', 'houses', 'cost');
SELECT mlops.train('price', 'houses', 'price', algorithm => 'deep_thought');
SELECT mlops.train('price', 'houses', 'price', algorithm => '');
-- another algorithm, task or target for the same model
SELECT mlops.train('price', 'houses', 'side');
SELECT mlops.train('side', 'houses', 'side', algorithm => 'linear_regression');
SELECT count(*) FROM mlops.models WHERE model = 'side';

-- options: every error names the option, an unknown one the valid ones
\set VERBOSITY default
SELECT mlops.train('price', 'houses', 'price', algorithm => 'linear_regression', options => '{"ridge": 1}');
SELECT mlops.train('price', 'houses', 'price', options => '{"fraction": 0.5}', validation => '{"fractions": 0.5}');
\set VERBOSITY terse
SELECT mlops.train('price', 'houses', 'price', options => '{"ridge": 1}');
SELECT mlops.train('price', 'houses', 'price', options => '[1]');
SELECT mlops.train('price', 'houses', 'price', options => '"l2"');
SELECT mlops.train('price', 'houses', 'price', options => '{"l2": -1}');
SELECT mlops.train('price', 'houses', 'price', options => '{"l2": "1"}');
SELECT mlops.train('price', 'houses', 'price', options => '{"l2": [1]}');
SELECT mlops.train('price', 'houses', 'price', options => '{"l2": {"a": 1}}');
SELECT mlops.train('price', 'houses', 'price', options => '{"max_categories": 0}');
SELECT mlops.train('price', 'houses', 'price', options => '{"max_categories": 10001}');
SELECT mlops.train('price', 'houses', 'price', options => '{"max_categories": 2.5}');
SELECT mlops.train('price', 'houses', 'price', options => '{"missing": "zero"}');
SELECT mlops.train('price', 'houses', 'price', options => '{"missing": 1}');
SELECT mlops.train('price', 'houses', 'price', options => '{"missing_category": "mean"}');
SELECT mlops.train('price', 'houses', 'price', options => '{"seed": -1}');
SELECT mlops.train('price', 'houses', 'price', options => '{"seed": 9007199254740992}');
SELECT mlops.train('price', 'houses', 'price', options => '{"task": "ranking"}');
SELECT mlops.train('side', 'houses', 'side', options => '{"task": "regression"}');
SELECT rows_used FROM mlops.train('price', 'houses', 'price', options => '{"seed": 9007199254740991, "max_categories": 10000, "task": "regression"}');
SELECT mlops.train('price', 'houses', 'price', options => '{"class_weight": "balanced"}');
SELECT mlops.train('price', 'houses', 'price', options => '{"class_weight": {"a": 1}}');
-- of a classification: "balanced", or factors by class
SELECT rows_used FROM mlops.train('side', 'houses', 'side', features => '{area,garden}', options => '{"class_weight": "balanced"}');
SELECT rows_used FROM mlops.train('side', 'houses', 'side', features => '{area,garden}', options => '{"class_weight": {"north": 2, "west": 0.5}}');
SELECT options->'class_weight' AS kept FROM mlops.versions WHERE model = 'side' ORDER BY version;
SELECT rows_used FROM mlops.train('side', 'houses', 'side', features => '{area,garden}', options => '{"class_weight": {}}');
SELECT rows_used FROM mlops.train('side', 'houses', 'side', features => '{area,garden}', options => '{"class_weight": null}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => '{"class_weight": "Balanced"}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => '{"class_weight": 2}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => '{"class_weight": ["north"]}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => '{"class_weight": {"east": 2}}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => '{"class_weight": {"north": 0}}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => '{"class_weight": {"north": -1}}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => '{"class_weight": {"north": "2"}}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => '{"class_weight": {"north": null}}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => '{"class_weight": {"north": {"a": 1}}}');
SELECT mlops.train('side', 'houses', 'side', features => '{area}', options => ('{"class_weight": {"north": 1e' || '400}}')::jsonb);
SELECT mlops.train('side', $$SELECT area, side FROM houses WHERE side = 'west'$$, 'side');
SELECT mlops.train('side', 'SELECT area, NULL::text AS side FROM houses', 'side');
SELECT mlops.train('side', $$SELECT *, 'infinity'::float8 AS heavy FROM houses$$, 'side', features => '{area}', weight => 'heavy');
SELECT rows_used, rows_skipped FROM mlops.train('side', $$SELECT *, CASE WHEN id > 100 THEN 'NaN' ELSE 1.0 END::float8 AS some FROM houses$$, 'side', features => '{area,garden}', weight => 'some');
-- options in effect are kept with the version
SELECT options FROM mlops.versions WHERE model = 'price' ORDER BY version DESC LIMIT 1;

-- rows there are none of
SELECT mlops.train('none', 'SELECT * FROM houses WHERE false', 'price');
SELECT mlops.train('none', 'SELECT area, NULL::float8 AS price FROM houses', 'price');
SELECT mlops.train('none', 'SELECT NULL::float8 AS area, price FROM houses', 'price');
SELECT mlops.train('none', 'SELECT NULL::float8 AS area, price FROM houses', 'price', features => '{area}');
SELECT mlops.train('none', 'SELECT price FROM houses', 'price');
SELECT mlops.train('none', 'SELECT area, ''infinity''::float8 AS price FROM houses', 'price');
SELECT mlops.train('none', 'SELECT CASE WHEN id = 77 THEN ''-infinity''::float8 ELSE area END AS area, price FROM houses', 'price');
SELECT mlops.train('none', 'SELECT area, 1/0 AS price FROM houses', 'price');
SELECT mlops.train('none', 'no_such_table', 'price');
SELECT mlops.train('none', 'no_such_schema.houses', 'price');
SELECT mlops.train('none', 'SELECT FROM houses WHERE', 'price');
SELECT mlops.train('none', '', 'price');
SELECT mlops.train('none', 'DELETE FROM houses', 'price');
SELECT mlops.train('none', 'SELECT 1; SELECT 2', 'price');
SELECT mlops.train('none', 'SELECT area, price FROM houses; DROP TABLE houses', 'price');
SELECT count(*) FROM mlops.models WHERE model = 'none';
-- one row, and one that is all there is to hold out
SELECT mlops.train('one', 'SELECT * FROM houses LIMIT 1', 'price', validation => '{"method": "none"}');
SELECT rows_used, metrics->'n' AS n, metrics->'r2' AS r2 FROM mlops.train('one', 'SELECT * FROM houses LIMIT 1', 'price', features => '{area,side}', validation => '{"method": "none"}');
SELECT rows_used, metrics->'n' AS n, metrics->'on' AS on FROM mlops.train('one', 'SELECT * FROM houses LIMIT 1', 'price', features => '{area,side}');
SELECT rows_used, metrics->'n' AS n FROM mlops.train('one', 'SELECT * FROM houses LIMIT 2', 'price', validation => '{"fraction": 0.9}');

-- sources
CREATE SCHEMA train_test;
CREATE TABLE train_test."Häuser, neu" AS SELECT area AS "Fläche m²", price FROM houses;
SELECT rows_used FROM mlops.train('quoted', 'train_test."Häuser, neu"', 'price');
SELECT term FROM mlops.coefficients('quoted');
SELECT mlops.train('quoted', 'train_test.Häuser, neu', 'price');
CREATE VIEW train_test.v AS SELECT area, price FROM houses WHERE garden;
SELECT rows_used FROM mlops.train('source', 'train_test.v', 'price');
CREATE MATERIALIZED VIEW train_test.mv AS SELECT area, price FROM houses WHERE NOT garden;
SELECT rows_used FROM mlops.train('source', 'train_test.mv', 'price');
CREATE TABLE train_test.parted (area int, price float8) PARTITION BY RANGE (area);
CREATE TABLE train_test.low PARTITION OF train_test.parted FOR VALUES FROM (MINVALUE) TO (50);
CREATE TABLE train_test.high (price float8, area int);
ALTER TABLE train_test.parted ATTACH PARTITION train_test.high FOR VALUES FROM (50) TO (MAXVALUE);
INSERT INTO train_test.parted SELECT area, price FROM houses;
SELECT rows_used FROM mlops.train('source', 'train_test.parted', 'price');
CREATE TEMP TABLE temporary AS SELECT area, price FROM houses LIMIT 30;
SELECT rows_used FROM mlops.train('source', 'temporary', 'price');
SELECT rows_used FROM mlops.train('source', 'VALUES (1, 2), (2, 4), (3, 7)', 'column2', validation => '{"method": "none"}');
SELECT rows_used FROM mlops.train('source', 'TABLE temporary', 'price');
SELECT rows_used FROM mlops.train('source', '(SELECT area, price FROM temporary) UNION ALL TABLE temporary', 'price');
SELECT rows_used FROM mlops.train('source', 'WITH big AS (SELECT * FROM houses WHERE area > 50) SELECT area, price FROM big;', 'price');
SELECT rows_used FROM mlops.train('source', 'WITH RECURSIVE n AS (SELECT 1 AS x, 3.5 AS y UNION ALL SELECT x + 1, y * 1.5 FROM n WHERE x < 10) SELECT * FROM n', 'y');
SELECT rows_used FROM mlops.train('source', $$SELECT area, price FROM houses -- all of them
  /* really */ ORDER BY random()$$, 'price');
-- volatile: read once, also where auto compares
SET client_min_messages = warning;
SELECT rows_used, metrics->'n' AS n FROM mlops.train('volatile', 'SELECT i + random() AS x, i AS y FROM generate_series(1, 100) AS i', 'y', validation => '{"refit": true}');
SELECT mlops.describe('volatile')->'model'->'n' AS n;
SELECT rows_used BETWEEN 1 AND 200 AS sampled FROM mlops.train('volatile', 'SELECT area AS x, price AS y FROM houses TABLESAMPLE BERNOULLI (80)', 'y');
RESET client_min_messages;
-- refused
SELECT mlops.train('source', 'WITH d AS (DELETE FROM houses RETURNING *) SELECT * FROM d', 'price');
SELECT mlops.train('source', 'SELECT * INTO copied FROM houses', 'price');
SELECT mlops.train('source', 'SELECT * FROM houses FOR UPDATE', 'price');
SELECT mlops.train('source', 'EXPLAIN SELECT * FROM houses', 'price');
SELECT mlops.train('source', 'SELECT area, price, price FROM houses', 'price');
SELECT mlops.train('source', 'SELECT $1 AS area, price FROM houses', 'price');
SELECT count(*) FROM houses;

-- the same rows give the same bytes, in any order
CREATE TABLE shuffled AS SELECT * FROM houses ORDER BY md5(id::text);
SELECT version FROM mlops.train('same', 'houses', 'price', features => '{area,side,garden}');
SELECT version FROM mlops.train('same', 'houses', 'price', features => '{area,side,garden}');
SELECT version FROM mlops.train('same', 'shuffled', 'price', features => '{area,side,garden}');
SELECT version FROM mlops.train('same', 'SELECT *, 1 AS one FROM shuffled', 'price', features => '{area,side,garden}', validation => '{"method": "none"}');
SELECT version FROM mlops.train('same', 'SELECT garden, price, side, area FROM houses', 'price', features => '{area,side,garden}', validation => '{"method": "none"}');
SELECT a.version AS version, a.artifact OPERATOR(mlops.=) b.artifact AS same_bytes, a.metrics = b.metrics AS same_metrics
    FROM mlops_private.version AS a JOIN mlops_private.version AS b USING (model_id) JOIN mlops_private.model USING (model_id)
    WHERE name = 'same' AND b.version = 1 AND a.version = 2;
SELECT bool_and(abs(a.estimate - b.estimate) <= 1e-10 * abs(b.estimate)) AS shuffled, bool_and(abs(c.estimate - d.estimate) <= 1e-10 * abs(d.estimate)) AS other_columns
    FROM mlops.coefficients('same:1') AS a JOIN mlops.coefficients('same:3') AS b USING (term) JOIN mlops.coefficients('same:4') AS c USING (term) JOIN mlops.coefficients('same:5') AS d USING (term);
-- another seed holds out other rows
SELECT version FROM mlops.train('same', 'houses', 'price', features => '{area,side,garden}', options => '{"seed": 1}');
SELECT (mlops.describe('same:6')->'sha256') <> (mlops.describe('same:1')->'sha256') AS other;

-- transactions
BEGIN;
SELECT version FROM mlops.train('tx', 'houses', 'price');
SAVEPOINT s;
SELECT version FROM mlops.train('tx', 'houses', 'price', alias => 'champion');
SELECT version, aliases FROM mlops.versions WHERE model = 'tx' ORDER BY version;
ROLLBACK TO s;
SELECT version, aliases FROM mlops.versions WHERE model = 'tx' ORDER BY version;
SELECT version FROM mlops.train('tx', 'houses', 'price');
SELECT mlops.predict('tx', h) IS NOT NULL AS scores FROM houses AS h LIMIT 1;
ROLLBACK;
SELECT count(*) FROM mlops.models WHERE model = 'tx';
-- rows of the own transaction count
BEGIN;
INSERT INTO houses SELECT id + 1000, area, side, garden, price, w FROM houses;
SELECT rows_used FROM mlops.train('tx', 'houses', 'price');
ROLLBACK;
CREATE FUNCTION pg_temp.train_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r record; t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['north', 'south', 'nowhere'] LOOP
        BEGIN
            r := mlops.train('of_' || t, format('SELECT area, garden, price FROM houses WHERE side = %L', t), 'price');
            RETURN NEXT t || ': ' || r.rows_used;
        EXCEPTION WHEN data_exception THEN
            RETURN NEXT t || ': ' || SQLERRM;
        END;
    END LOOP;
END $$;
SELECT * FROM pg_temp.train_all();
SELECT model, champion FROM mlops.models WHERE model LIKE 'of\_%' ORDER BY model;
-- read-only
BEGIN READ ONLY;
SELECT mlops.train('price', 'houses', 'price');
ROLLBACK;
-- memory is refused before it is taken
SET mlops.training_memory = '1MB';
\set VERBOSITY sqlstate
SELECT mlops.train('price', 'SELECT i AS x, i AS y, i AS z FROM generate_series(1, 100000) AS i', 'y');
\set VERBOSITY terse
RESET mlops.training_memory;

-- privileges: the caller's own, for tables and rows
CREATE ROLE train_owner;
CREATE ROLE train_clerk;
CREATE ROLE train_other;
GRANT CREATE ON SCHEMA train_test TO train_owner;
GRANT USAGE ON SCHEMA train_test TO train_owner, train_clerk, train_other;
SET ROLE train_owner;
CREATE TABLE train_test.accounts AS SELECT i AS id, i % 2 AS branch, i % 10 AS x, (i % 10) * 3 + i % 3 AS y FROM generate_series(1, 100) AS i;
ALTER TABLE train_test.accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY branch ON train_test.accounts TO train_clerk USING (branch = 1);
GRANT SELECT ON train_test.accounts TO train_clerk;
GRANT SELECT (x, id) ON train_test.accounts TO train_other;
SELECT rows_used FROM mlops.train('all_rows', 'train_test.accounts', 'y', features => '{x}');
SELECT mlops.describe('all_rows')->'facts'->'row_security' AS row_security;
SET ROLE train_clerk;
SELECT rows_used FROM mlops.train('my_rows', 'train_test.accounts', 'y', features => '{x}');
SELECT mlops.describe('my_rows')->'facts'->'row_security' AS row_security;
SELECT rows_used FROM mlops.train('my_rows', 'SELECT x, y FROM train_test.accounts', 'y');
SELECT mlops.describe('my_rows:2')->'facts'->'row_security' AS row_security;
-- another's model, by name only
SELECT mlops.train('all_rows', 'train_test.accounts', 'y');
SET row_security = off;
SELECT mlops.train('my_rows', 'train_test.accounts', 'y');
RESET row_security;
SET ROLE train_other;
SELECT mlops.train('others', 'train_test.accounts', 'y');
SELECT mlops.train('others', 'SELECT x, y FROM train_test.accounts', 'y');
SELECT mlops.train('others', 'SELECT id AS y, x FROM train_test.accounts', 'y');
SELECT mlops.train('others', 'houses', 'price');
RESET ROLE;
SELECT mlops.train('price', 'train_test.accounts', 'y', features => '{x}') IS NOT NULL AS superuser;
SELECT model, owner FROM mlops.models WHERE model IN ('all_rows', 'my_rows', 'others') ORDER BY model;

SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
SET client_min_messages = warning;
DROP SCHEMA train_test CASCADE;
DROP TABLE houses, shuffled;
DROP ROLE train_owner, train_clerk, train_other;
