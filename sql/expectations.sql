-- expect(), validate(): what data must be like, and whether it is
SET client_min_messages = warning;
CREATE ROLE regress_mlops_data;
CREATE ROLE regress_mlops_reader;
CREATE ROLE regress_mlops_modeler;
CREATE SCHEMA expected AUTHORIZATION regress_mlops_data;
GRANT USAGE ON SCHEMA expected TO PUBLIC;
GRANT SELECT ON credit TO regress_mlops_data, regress_mlops_modeler;

-- every kind, on the credit data: failed and n are what SQL counts
CREATE TEMP VIEW checked AS
SELECT kind, "column", required, actual, failed, n, round(share::numeric, 4) AS share, passed, severity
  FROM mlops.validate('public.credit', '[
    {"kind": "column_present", "column": "income"}, {"kind": "column_present", "column": "incom"},
    {"kind": "column_type", "column": "age", "type": "number"}, {"kind": "column_type", "column": "age", "type": "int"},
    {"kind": "column_type", "column": "age", "type": "bigint"}, {"kind": "column_type", "column": "job", "type": "text"},
    {"kind": "not_null", "column": "income"}, {"kind": "not_null", "column": "income", "max_share": 0.1, "severity": "warning"},
    {"kind": "range", "column": "age", "min": 18, "max": 60}, {"kind": "range", "column": "income", "max": 500.5, "max_share": 0.05},
    {"kind": "range", "column": "job", "min": 1}, {"kind": "range", "column": "age", "min": "2020-01-01"},
    {"kind": "in_set", "column": "job", "values": ["fixed", "freelance"]}, {"kind": "in_set", "column": "time", "values": [6, 12, 18, 24, 30, 36, 42, 48, 54, 60.0]},
    {"kind": "unique", "column": "id"}, {"kind": "unique", "column": "age"},
    {"kind": "matches", "column": "marital", "pattern": "^[a-z]+$"}, {"kind": "matches", "column": "age", "pattern": "^[2-5]"},
    {"kind": "row_count", "min": 4454, "max": 4454}, {"kind": "row_count", "max": 4453},
    {"kind": "not_null", "column": "no such"}]');
SELECT * FROM checked;
SELECT count(*) FILTER (WHERE income IS NULL) AS null_income, count(*) FILTER (WHERE age < 18 OR age > 60) AS outside_age,
       count(*) FILTER (WHERE income > 500.5) AS high_income, count(*) FILTER (WHERE job NOT IN ('fixed', 'freelance')) AS other_job,
       count(*) FILTER (WHERE time NOT IN (6, 12, 18, 24, 30, 36, 42, 48, 54, 60)) AS odd_time,
       count(age) - count(DISTINCT age) AS repeated, count(*) FILTER (WHERE marital !~ '^[a-z]+$') AS marital, count(*) FILTER (WHERE age::text !~ '^[2-5]') AS age
  FROM credit;

-- other types, the ends of sources, how they are written
SELECT kind, "column", actual, failed, n, passed FROM mlops.validate(
  'SELECT * FROM (VALUES (''NaN''::float8, date ''2024-01-01'', true, ''a''::char(3), ''[1]''::jsonb, 0.1::float4),
                         (''Infinity'', ''infinity'', false, ''b'', ''[1]'', NULL), (1, ''2024-06-01'', NULL, ''a'', NULL, 0.3)) AS v (f, d, b, c, j, r); -- the end',
  '[{"kind": "range", "column": "f", "max": 10}, {"kind": "range", "column": "d", "min": "2024-02-01", "max": "2024-12-31"},
    {"kind": "in_set", "column": "b", "values": [true]}, {"kind": "in_set", "column": "c", "values": ["a"]}, {"kind": "unique", "column": "j"},
    {"kind": "in_set", "column": "r", "values": [0.1, 0.3]}, {"kind": "unique", "column": "c"}]');
SELECT kind, actual, failed, n, share, passed FROM mlops.validate('SELECT 1 AS a WHERE false -- nothing',
  '[{"kind": "not_null", "column": "a"}, {"kind": "unique", "column": "a"}, {"kind": "range", "column": "a", "min": 1}, {"kind": "row_count", "min": 1}]');
SELECT kind, actual, passed FROM mlops.validate('SELECT NULL::json AS a', '{"kind": "unique", "column": "a"}');
SELECT count(*) FROM mlops.validate('SELECT 1 AS a');
SELECT actual FROM mlops.validate('TABLE credit', '{"kind": "row_count", "min": 1}');
SELECT "column", regexp_replace(actual, '\d', 'N', 'g') AS actual, passed FROM mlops.validate(
  'SELECT now() - interval ''2 hours 5 seconds'' AS t, now()::timestamp AS n, current_date + 2 AS d, NULL::date AS nothing, ''infinity''::date AS far, 1 AS i',
  '[{"kind": "freshness", "column": "t", "max_age": "2 hours"}, {"kind": "freshness", "column": "t", "max_age": "3 hours"}, {"kind": "freshness", "column": "n", "max_age": "1 minute"},
    {"kind": "freshness", "column": "d", "max_age": "1 day"}, {"kind": "freshness", "column": "nothing", "max_age": "1 day"},
    {"kind": "freshness", "column": "far", "max_age": "1 day"}, {"kind": "freshness", "column": "i", "max_age": "1 day"}]');

-- what an expectation says goes nowhere but into parameters, and nothing of the search_path is used
CREATE TABLE expected.odd ("a""b'; --" text, "select" int);
INSERT INTO expected.odd VALUES ('x''); DROP TABLE credit; --', 1), ('y', 2);
CREATE FUNCTION expected.count(anyelement) RETURNS bigint LANGUAGE sql AS 'SELECT 1 / 0';
CREATE FUNCTION expected.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR expected.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = expected.always);
SET search_path = expected, public, pg_catalog;
SELECT "column", actual, passed FROM mlops.validate('odd', jsonb_build_array(
  jsonb_build_object('kind', 'in_set', 'column', 'a"b''; --', 'values', jsonb_build_array('x''); DROP TABLE credit; --', 'y')),
  jsonb_build_object('kind', 'matches', 'column', 'a"b''; --', 'pattern', ''' OR true; --'),
  jsonb_build_object('kind', 'range', 'column', 'select', 'min', 2)));
RESET search_path;
SELECT * FROM mlops.validate('SELECT 1) AS s; DROP TABLE credit; --', '{"kind": "row_count", "min": 1}');
SELECT * FROM mlops.validate('DELETE FROM credit RETURNING 1', '{"kind": "row_count", "min": 1}');
SELECT * FROM mlops.validate('SELECT 1 AS a, 2 AS a', '{"kind": "not_null", "column": "a"}');
SELECT * FROM mlops.validate(NULL);
SELECT * FROM mlops.validate('SELECT 1 AS a', jsonb_build_array('{"kind": "row_count", "min": 1}'::jsonb) || (SELECT jsonb_agg('{"kind": "row_count", "min": 1}'::jsonb) FROM generate_series(1, 500)));

-- the grammar
CREATE FUNCTION pg_temp.said(e jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	h text;
BEGIN
	PERFORM mlops.validate('SELECT 1 AS a', e);
	RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', SQLSTATE, SQLERRM, nullif(h, ''));
END $$;
SELECT e, pg_temp.said(e::jsonb) FROM unnest(ARRAY[
  '1', '"range"', '[1]', '{}', '{"kind": 1}', '{"kind": "between"}', '{"kind": "row_count"}', '{"kind": "row_count", "min": -1}', '{"kind": "row_count", "min": 1.5}',
  '{"kind": "row_count", "min": 1, "column": "a"}', '{"kind": "range", "column": "a"}', '{"kind": "range", "column": "a", "min": 2, "max": 1}',
  '{"kind": "range", "column": "a", "min": 2, "max": "x"}', '{"kind": "range", "column": "a", "min": true}', '{"kind": "range", "min": 1}', '{"kind": "not_null", "column": 1}',
  '{"kind": "not_null", "column": "a", "max_share": 1.5}', '{"kind": "not_null", "column": "a", "maxshare": 0.5}', '{"kind": "in_set", "column": "a", "values": []}',
  '{"kind": "in_set", "column": "a", "values": [null]}', '{"kind": "in_set", "column": "a", "values": [[1]]}', '{"kind": "in_set", "column": "a", "values": "a"}',
  '{"kind": "matches", "column": "a", "pattern": "("}', '{"kind": "matches", "column": "a", "pattern": ""}', '{"kind": "freshness", "column": "a", "max_age": "soon"}',
  '{"kind": "freshness", "column": "a", "max_age": "-1 day"}', '{"kind": "unique", "column": "a", "severity": "fatal"}', '{"kind": "unique", "column": "a", "severity": "warning"}',
  '{"kind": "column_type", "column": "a"}']) AS e;

-- kept for a relation: by its owner; checked whoever reads it
SET ROLE regress_mlops_data;
CREATE TABLE expected.people (id int PRIMARY KEY, age int, owner name DEFAULT current_user);
INSERT INTO expected.people VALUES (1, 30, 'regress_mlops_reader'), (2, 230, 'regress_mlops_data'), (3, NULL, 'regress_mlops_reader');
SELECT target, name, kind, "column", required, severity FROM mlops.expect('expected.people', '{"kind": "range", "column": "age", "min": 0, "max": 120}', 'a human age');
SELECT target, kind, required, severity FROM mlops.expect('expected.people', '{"kind": "not_null", "column": "age", "severity": "warning"}');
SELECT relation, name, kind, "column", arguments, severity, created_by FROM mlops.expectations ORDER BY number;
SELECT number IS NOT NULL AS kept, expectation, kind, required, failed, n, passed, severity FROM mlops.validate('expected.people', '{"kind": "row_count", "min": 1}');
SELECT min(number) AS first, max(number) AS last FROM mlops.expectations \gset
-- row security applies, and what it says is the owner's
GRANT SELECT ON expected.people TO regress_mlops_reader;
ALTER TABLE expected.people ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON expected.people USING (owner = current_user);
SET ROLE regress_mlops_reader;
SELECT expectation, kind, required, actual, failed, n, passed FROM mlops.validate('expected.people');
SELECT count(*) FROM mlops.expectations;
SELECT * FROM mlops.expect('expected.people', '{"kind": "row_count", "min": 1}');
SELECT * FROM mlops.unexpect('expected.people', :first);
-- only columns that are asked for are read
RESET ROLE;
REVOKE SELECT ON expected.people FROM regress_mlops_reader;
GRANT SELECT (id) ON expected.people TO regress_mlops_reader;
SET ROLE regress_mlops_reader;
\set VERBOSITY terse
SELECT * FROM mlops.validate('expected.people');
\set VERBOSITY default
SET ROLE regress_mlops_data;
SELECT target, kind FROM mlops.unexpect('expected.people', :first);
SELECT target, kind FROM mlops.unexpect('expected.people', :last);
\set VERBOSITY sqlstate
SELECT * FROM mlops.unexpect('expected.people', :last);
\set VERBOSITY default
SET ROLE regress_mlops_reader;
SELECT actual, passed FROM mlops.validate('expected.people', '[{"kind": "unique", "column": "id"}, {"kind": "column_present", "column": "age"}]');
RESET ROLE;
SELECT count(*) FROM mlops.expect('expected.people', '{"kind": "row_count", "min": 100}');
-- a table of another owner with the name: its owner's business
DROP TABLE expected.people;
CREATE TABLE expected.people (id int);
SELECT kind, passed FROM mlops.validate('expected.people');
SET ROLE regress_mlops_data;
SELECT number FROM mlops.expectations \gset
RESET ROLE;
DROP TABLE expected.people;
SET ROLE regress_mlops_reader;
\set VERBOSITY sqlstate
SELECT count(*) FROM mlops.unexpect('expected.people', :number);
\set VERBOSITY default
SET ROLE regress_mlops_data;
SELECT kind FROM mlops.unexpect('expected.people', :number);
RESET ROLE;
CREATE TEMP TABLE passing (a int);
SELECT * FROM mlops.expect('passing', '{"kind": "row_count", "min": 1}');
SELECT * FROM mlops.expect('expected.nothing', '{"kind": "row_count", "min": 1}');
SELECT * FROM mlops.expect('nothing', '{"kind": "row_count", "min": 1}');
SELECT * FROM mlops.expect('credit_pkey', '{"kind": "row_count", "min": 1}');
SELECT * FROM mlops.expect('credit', NULL);
BEGIN READ ONLY;
SELECT * FROM mlops.expect('credit', '{"kind": "row_count", "min": 1}');
ROLLBACK;

-- of a model: what training saw, as expectations
SET ROLE regress_mlops_modeler;
SELECT version FROM mlops.train('expecting', 'public.credit', 'status', 'logistic_regression', features => '{age,income,job,home}');
SELECT * FROM mlops.expectations_from('expecting');
SELECT count(e.number) FROM mlops.expectations_from('expecting') f, mlops.expect('expecting', f.expectation) e;
SELECT kind, "column", actual, passed FROM mlops.validate('public.credit', model => 'expecting');
SELECT kind, "column", required, actual, passed FROM mlops.validate('SELECT 30 AS age, NULL::text AS income, ''astronaut''::text AS job', model => 'expecting');
SELECT count(*) AS seen, count(arguments) AS told FROM mlops.expectations WHERE model = 'expecting';
SELECT mlops.grant_model('expecting', 'regress_mlops_reader', 'read') IS NOT NULL AS granted;
SET ROLE regress_mlops_reader;
SELECT DISTINCT kind FROM mlops.expectations_from('expecting') ORDER BY 1;
SELECT count(*) AS seen, count(arguments) AS told FROM mlops.expectations WHERE model = 'expecting';
SELECT * FROM mlops.validate('SELECT 1 AS age', model => 'expecting');
SELECT * FROM mlops.expect('expecting', '{"kind": "row_count", "min": 1}');
SET ROLE regress_mlops_modeler;
SELECT mlops.grant_model('expecting', 'regress_mlops_reader', 'predict') IS NOT NULL AS granted;
SET ROLE regress_mlops_reader;
SELECT kind, required, actual, passed FROM mlops.validate('SELECT ''fixed''::text AS job', model => 'expecting') WHERE "column" = 'job';
RESET ROLE;
SELECT action, kind, object, payload - 'number' AS payload FROM mlops.audit WHERE action LIKE 'expectation.%' AND actor = 'regress_mlops_data' ORDER BY event_id;
SELECT versions FROM mlops.drop_model('expecting');
SELECT count(*) FROM mlops.expectations;

-- what a source is like, as expectations that it meets
SELECT * FROM mlops.expectations_of('SELECT status, income, seniority::float8 / 7 AS years, records = ''yes'' AS records, date ''2024-01-01'' + id AS day, id::text AS id, ''{}''::jsonb AS doc FROM public.credit');
SELECT kind, "column", actual FROM mlops.validate('public.credit', (SELECT jsonb_agg(expectation) FROM mlops.expectations_of('public.credit'))) WHERE NOT passed;
SELECT count(*) FROM mlops.expectations_of('public.credit');
SELECT kind, expectation FROM mlops.expectations_of('SELECT 1 AS a, ''x'' AS b WHERE false');
SELECT kind, expectation FROM mlops.expectations_of('VALUES (''NaN''::float8, NULL::text), (1, NULL)');
SELECT * FROM mlops.expectations_of(NULL);

-- rows unlike all that training saw, at the trigger
SELECT version FROM mlops.train('inside', 'SELECT i AS x, (ARRAY[''a'', ''b''])[1 + i % 2] AS c, CASE WHEN i % 4 > 0 THEN i % 7 END::float8 AS z, 10 + 2 * i + i % 2 AS y FROM generate_series(1, 40) i',
  'y', 'linear_regression', validation => '{"method": "none"}');
CREATE TABLE expected.arriving (id serial, x numeric, c text, z float8, nothing float8, refused float8, scored float8, outside bool);
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON expected.arriving FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('inside', 'nothing', 'on_outside=null');
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON expected.arriving FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('inside', 'scored', 'on_outside=ignore', 'outside=outside', 'on_error=null');
INSERT INTO expected.arriving (x, c, z) VALUES (1, 'a', 1), (1, 'a', NULL), (1, 'c', 1), (NULL, 'a', 1), ('NaN', 'a', 1), (1, NULL, 1), (1, 'b', 'NaN'), (500, 'b', 1), (-500, 'b', 1), (58, 'b', 1), (59, 'b', 1), (-22, 'b', 1), (-23, 'b', 1);
SELECT id, nothing IS NULL AS no_score, scored IS NULL AS failed, nothing = scored AS same, outside FROM expected.arriving ORDER BY id;
-- beyond the ends by more than they are apart, and than three standard deviations: sqrt((40^2 - 1) / 12) of 1 to 40
SELECT ends[1] - greatest(ends[2] - ends[1], 3 * sqrt(1599 / 12.0)) BETWEEN -23 AND -22 AS low, ends[2] + greatest(ends[2] - ends[1], 3 * sqrt(1599 / 12.0)) BETWEEN 58 AND 59 AS high FROM mlops.reference('inside') WHERE track = 'x';
-- rows that change
UPDATE expected.arriving SET x = 20 WHERE id IN (8, 9) RETURNING id, nothing = scored AS same, outside;
CREATE TRIGGER c BEFORE INSERT ON expected.arriving FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('inside', 'refused', 'on_outside=raise');
INSERT INTO expected.arriving (x, c, z) VALUES (1, 'c', 1);
INSERT INTO expected.arriving (x, c, z) VALUES (NULL, 'a', 1);
INSERT INTO expected.arriving (x, c, z) VALUES (1, 'a', 1), (500, 'a', 1);
INSERT INTO expected.arriving (x, c, z) VALUES (2, 'b', NULL) RETURNING refused = scored AS same;
DROP TRIGGER c ON expected.arriving;
ALTER TABLE expected.arriving DISABLE TRIGGER a;
-- what raise leaves with on_error=null, and what stays unknown because nothing could be looked at
CREATE TRIGGER c BEFORE INSERT ON expected.arriving FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('inside', 'refused', 'on_error=null', 'on_outside=raise', 'outside=outside');
INSERT INTO expected.arriving (x, c, z) VALUES (1, 'a', 1), (500, 'a', 1), ('infinity', 'a', 1) RETURNING x, refused IS NULL AS refused, outside;
ALTER TABLE expected.arriving ENABLE TRIGGER a;
DROP TRIGGER c ON expected.arriving;
CREATE FUNCTION pg_temp.refused(VARIADIC options text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER c BEFORE INSERT ON expected.arriving FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger(%s)', (SELECT string_agg(quote_literal(o), ', ') FROM unnest(options) o));
    BEGIN
        INSERT INTO expected.arriving (x, c, z) VALUES (1, 'a', 1);
    EXCEPTION WHEN OTHERS THEN
        DROP TRIGGER c ON expected.arriving;
        RETURN SQLSTATE || ' ' || SQLERRM;
    END;
    DROP TRIGGER c ON expected.arriving;
    RETURN 'nothing wrong';
END $$;
SELECT pg_temp.refused('inside', 'refused', 'on_outside=maybe');
SELECT pg_temp.refused('inside', 'refused', 'outside=');
SELECT pg_temp.refused('inside', 'refused', 'outside=gone');
SELECT pg_temp.refused('inside', 'refused', 'outside=c');
SELECT pg_temp.refused('inside', 'refused', 'outside=ctid');
SELECT pg_temp.refused('inside', 'outside', 'outside=outside');
SELECT pg_temp.refused('inside', 'refused', 'on_outside=null', 'on_error=null', 'outside=outside', 'outside=outside');
-- a flag that the model uses, or that is computed afterwards
SELECT version FROM mlops.train('flagged', 'SELECT i % 3 = 0 AS outside, i AS y FROM generate_series(1, 40) i', 'y', validation => '{"method": "none"}');
SELECT pg_temp.refused('flagged', 'refused', 'outside=outside');
ALTER TABLE expected.arriving ADD COLUMN late bool GENERATED ALWAYS AS (x > 1) STORED;
SELECT pg_temp.refused('inside', 'refused', 'outside=late');
ALTER TABLE expected.arriving DROP COLUMN late;
-- ends that rows have, with ten rows or more, are limits; few rows have none
TRUNCATE expected.arriving;
SELECT version FROM mlops.train('inside', 'SELECT 1 + i / 10 AS x, ''a''::text AS c, i % 4 AS z, i AS y FROM generate_series(0, 99) i', 'y', 'linear_regression', validation => '{"method": "none"}');
SELECT mlops.set_alias('inside:2', 'champion') IS NOT NULL AS moved;
INSERT INTO expected.arriving (x, c, z) VALUES (1, 'a', 0), (10, 'a', 3), (0.99, 'a', 0), (10.01, 'a', 0), (5, 'a', 3.1);
SELECT x, z, nothing IS NULL AS no_score, outside FROM expected.arriving ORDER BY id;
SELECT track, ends FROM mlops.reference('inside') WHERE track IN ('x', 'z') ORDER BY track;
TRUNCATE expected.arriving;
SELECT version FROM mlops.train('inside', 'SELECT i AS x, (ARRAY[''a'', ''b''])[1 + i % 2] AS c, i % 5 AS z, i AS y FROM generate_series(1, 19) i', 'y', 'linear_regression', validation => '{"method": "none"}');
SELECT mlops.set_alias('inside:3', 'champion') IS NOT NULL AS moved;
INSERT INTO expected.arriving (x, c, z) VALUES (1000, 'a', 1000), (1000, 'c', 1), (1000, 'a', NULL);
SELECT nothing IS NULL AS no_score, outside FROM expected.arriving ORDER BY id;
-- as fit() makes them: a feature x, an array, and no reference
SELECT version FROM mlops.train('inside', 'SELECT i AS x, i AS y FROM generate_series(1, 40) i', 'y', 'linear_regression', validation => '{"method": "none"}');
SELECT mlops.set_alias('inside:4', 'champion') IS NOT NULL AS moved;
CREATE TABLE expected.arrays (x float8[], score float8, outside bool);
CREATE TRIGGER a BEFORE INSERT ON expected.arrays FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('inside', 'score', 'on_outside=raise', 'outside=outside');
UPDATE mlops_private.version SET artifact = (SELECT mlops.fit('linear_regression', i::float8, ARRAY[i::float8]) FROM generate_series(1, 40) i)
 WHERE version = 4 AND model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'inside');
INSERT INTO expected.arrays VALUES ('{1000}') RETURNING round(score) AS score, outside;
SELECT count(*) FROM mlops.reference('inside');
SELECT versions FROM mlops.drop_model('inside');
SELECT versions FROM mlops.drop_model('flagged');

DROP SCHEMA expected CASCADE;
DROP VIEW checked;
REVOKE SELECT ON credit FROM regress_mlops_data, regress_mlops_modeler;
DROP ROLE regress_mlops_data, regress_mlops_reader, regress_mlops_modeler;
