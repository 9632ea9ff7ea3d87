-- What a source, a target or a row can get wrong, each with its own error; no message shows a value.
CREATE SCHEMA data_errors;
SET search_path TO data_errors, public;
\set SHOW_CONTEXT never
CREATE TABLE t (id integer PRIMARY KEY, x float8, c text, u uuid, nothing float8, arr float8[], y float8);
INSERT INTO t SELECT i, i % 7, 'c' || i % 3, gen_random_uuid(), NULL, ARRAY[i % 2, i % 3], i % 5 FROM generate_series(1, 60) i;
CREATE FUNCTION attempt(source text, target name, features name[] = NULL, options jsonb = '{}', weight name = NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	PERFORM mlops.train('data_errors', source, target, 'linear_regression', features, options, weight => weight);
	RETURN 'trained';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN sqlstate || ' ' || sqlerrm || CASE WHEN hint <> '' THEN ' | ' || hint ELSE '' END;
END $$;
SET client_min_messages TO warning;

-- sources
SELECT s AS source, attempt(s, 'y') AS result FROM (VALUES
	('t'), ('SELECT * FROM t'), ('nope'), ('nope.nope'), ('"t'), ('SELECT * FROM'), (''), ('t; t'),
	('SELECT 1; SELECT 2'), ('DELETE FROM t RETURNING *'), ('WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x'),
	('SELECT * INTO z FROM t'), ('SELECT * FROM t FOR UPDATE'), ('SELECT * FROM (SELECT * FROM t FOR SHARE) s'),
	('SELECT * FROM t WHERE id = $1'), ('COPY t TO STDOUT'), ('EXPLAIN SELECT 1'), ('t_pkey'),
	('SELECT * FROM t WHERE false'), ('SELECT y FROM t'), ('SELECT x, x, y FROM t')) v(s);
SELECT count(*) FROM t;

-- columns
SELECT attempt('t', 'yy');
SELECT attempt('t', 'entirely_different');
SELECT attempt('t', 'u');
SELECT attempt('t', 'c', options => '{"task": "regression"}');
SELECT attempt('t', 'x', options => '{"task": "classification"}');
SELECT attempt('t', 'nothing');
SELECT attempt('t', 'y', '{x,xx}');
SELECT attempt('t', 'y', '{x,x}');
SELECT attempt('t', 'y', '{u}');
SELECT attempt('t', 'y', '{x,y}');
SELECT attempt('t', 'y', '{nothing}');
SELECT attempt('SELECT x, 1 > 0 AS y FROM t', 'y');
SELECT attempt('SELECT x, ''a'' AS y FROM t', 'y');
SELECT attempt('SELECT i % 7 AS x, ''k'' || i AS y FROM generate_series(1, 1001) i', 'y');

-- values
SELECT attempt('SELECT ''infinity''::float8 AS x, y FROM t', 'y');
SELECT attempt('SELECT ''-infinity''::date AS x, y FROM t', 'y');
SELECT attempt('SELECT ''infinity''::timestamptz AS x, y FROM t', 'y');
SELECT attempt('SELECT ''1e400''::numeric AS x, y FROM t', 'y');
SELECT attempt('SELECT x, ''infinity''::float8 AS y FROM t', 'y');
SELECT attempt('SELECT arr || CASE WHEN id = 50 THEN ''{1}''::float8[] END AS arr, y FROM t', 'y');
SELECT attempt('SELECT ARRAY[[1,2],[3,4]] AS arr, y FROM t', 'y');
SELECT attempt('SELECT ''{}''::float8[] AS arr, y FROM t', 'y');
SELECT attempt('SELECT x, y, -1 AS w FROM t', 'y', weight => 'w');
SELECT attempt('SELECT x, y, 0 AS w FROM t', 'y', weight => 'w');
SELECT attempt('t', 'y', weight => 'c');
SELECT attempt('t', 'y', weight => 'y');

-- memory: both numbers and what else to do
SET mlops.training_memory = '1MB';
SELECT regexp_replace(attempt('SELECT i % 7 AS x, i % 11 AS z, i % 5 AS y FROM generate_series(1, 100000) i', 'y'), 'least \d+', 'least N');
RESET mlops.training_memory;

-- rows that do not fit the model
SELECT rows_used FROM mlops.train('data_fit', 'SELECT x, c, arr, id % 2 = 0 AS b, date ''2020-01-01'' + id AS d, y FROM t', 'y', 'linear_regression');
CREATE FUNCTION score(features jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN mlops.predict('data_fit', features) IS NULL THEN 'null' ELSE 'number' END;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT patch, score('{"x": 1, "c": "c1", "arr": [1, 2], "b": true, "d": "2020-02-01"}'::jsonb || patch) FROM (VALUES
	('{}'::jsonb), ('{"x": null, "c": null, "arr": null, "b": null, "d": null}'), ('{"x": "1"}'), ('{"x": true}'), 
	('{"c": 1}'), ('{"c": "never seen"}'), ('{"b": 1}'), ('{"b": 2}'), ('{"b": "true"}'), ('{"d": 5}'), ('{"d": "secret"}'),
	('{"d": "2020-13-01"}'), ('{"d": "infinity"}'), ('{"d": "epoch"}'),
	('{"arr": [1]}'), ('{"arr": [1, null]}'), ('{"arr": [1, "2"]}'), ('{"arr": [1, [2]]}'), ('{"arr": "1,2"}')) v(patch);
SELECT score('{"x": 1e400, "c": "c1", "arr": [1, 2], "b": true, "d": "2020-02-01"}') AS too_large;
SELECT score('{"c": "c1"}'::jsonb), score('[]'), score('1');
SELECT mlops.predict('data_fit', r) FROM (SELECT 1.0 AS x, 'c1' AS c, '{1,2}'::int[] AS arr, true AS b) r;
SELECT mlops.predict('data_fit', r) FROM (SELECT '1' AS x, 'c1' AS c, '{1,2}'::int[] AS arr, true AS b, date '2020-01-01' AS d) r;
SELECT mlops.predict('data_fit', r) FROM (SELECT 1.0 AS x, 'c1' AS c, '{1,2,3}'::int[] AS arr, true AS b, date '2020-01-01' AS d) r;
SELECT mlops.predict('data_fit', r) FROM (SELECT 1.0 AS x, 'c1' AS c, '{1,2}'::int[] AS arr, true AS b, now() AS d) r;
SELECT mlops.predict('data_fit', r) FROM (SELECT 'infinity'::float8 AS x, 'c1' AS c, '{1,2}'::int[] AS arr, true AS b, date '2020-01-01' AS d) r;

-- the invoker's privileges and policies
CREATE ROLE regress_data_errors;
GRANT USAGE ON SCHEMA data_errors, mlops TO regress_data_errors;
GRANT SELECT (id, x, y) ON t TO regress_data_errors;
CREATE TABLE guarded AS SELECT * FROM t;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON guarded USING (id <= 20);
GRANT SELECT ON guarded TO regress_data_errors;
SET ROLE regress_data_errors;
SELECT rows_used FROM mlops.train('data_errors_role', 't', 'y', 'linear_regression');
SELECT rows_used FROM mlops.train('data_errors_role', 't', 'y', 'linear_regression', features => '{x,c}');
SELECT rows_used FROM mlops.train('data_errors_role', 't', 'y', 'linear_regression', features => '{x}');
SELECT rows_used FROM mlops.train('data_errors_role', 'guarded', 'y', 'linear_regression', features => '{x}');
SELECT mlops.describe('data_errors_role:2') #> '{facts,row_security}' AS row_security;
SELECT mlops.describe('data_errors_role:1') #> '{facts,row_security}' AS row_security;
SELECT mlops.drop_model('data_errors_role') IS NOT NULL AS dropped;
RESET ROLE;

SELECT mlops.drop_model(m) IS NOT NULL AS dropped FROM unnest(ARRAY['data_errors', 'data_fit']) m;
DROP SCHEMA data_errors CASCADE;
REVOKE USAGE ON SCHEMA mlops FROM regress_data_errors;
DROP ROLE regress_data_errors;
