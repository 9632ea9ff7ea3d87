-- Every usable type becomes a feature; dictionaries, dates and arrays mean what they say.
CREATE SCHEMA data_types;
SET search_path TO data_types, public;
SET client_min_messages TO notice;
CREATE DOMAIN posint AS integer CHECK (value > 0);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE t (
	id integer PRIMARY KEY, gone integer, i2 smallint, i4 posint, i8 bigint, f4 real, f8 double precision,
	n numeric(12,3), b boolean, tx text, vc varchar(9), ch char(5), nm name, m mood,
	d date, ts timestamp, tz timestamptz, a float8[], ai integer[],
	u uuid, j jsonb, by bytea, iv interval, "odd ""name" float8,
	y float8, g float8 GENERATED ALWAYS AS (f8 * f8) STORED);
ALTER TABLE t DROP COLUMN gone;
INSERT INTO t
SELECT i, i % 7, i % 9 + 1, i * 1000000007::bigint, i % 11 / 4.0, (i * 37 % 101) / 8.0,
	(i * 7 % 31) / 8.0, i % 2 = 0, 't' || i % 3, 'v' || i % 4, 'c' || i % 5, ('n' || i % 6)::name, (enum_range(NULL::mood))[i % 3 + 1],
	date '2020-01-01' + i % 13, timestamp '2020-01-01' + i % 17 * interval '1 hour', timestamptz '2020-01-01 00:00+00' + i % 19 * interval '1 day',
	ARRAY[i % 4, i % 5], ARRAY[i % 6, i % 8, i % 10],
	gen_random_uuid(), '{}', '\x00', interval '1 s', i * i % 23, (i * 37 % 101) + i % 2
FROM generate_series(1, 400) i;
SELECT rows_used, rows_skipped, features FROM mlops.train('data_types', 't', 'y', 'linear_regression');
SELECT f ->> 'name' AS name, f ->> 'type' AS type, f ->> 'missing' AS missing, f ->> 'categories' AS categories, f ->> 'length' AS length
  FROM jsonb_array_elements(mlops.describe('data_types') -> 'features') f;

-- scoring by name: a row, a wider row in another order, and its jsonb agree; all 400 rows
SELECT count(*) AS agree FROM t, LATERAL (SELECT 1 AS extra, t.y AS f8x, t.*) w
 WHERE mlops.predict('data_types', t) = mlops.predict('data_types', w)
   AND abs(mlops.predict('data_types', t) - mlops.predict('data_types', to_jsonb(t) || '{"more": 1}')) < 1e-9;

-- dates are days, timestamps seconds from 1970: one unit moves the estimate by the coefficient
SELECT rows_used FROM mlops.train('data_dates', $$SELECT d, ts, tz,
	  3.0 * (d - date '1970-01-01') + 0.5 * extract(epoch FROM ts)::float8 - 2.0 * (extract(epoch FROM tz)::float8) AS y FROM t$$, 'y', 'linear_regression');
SELECT term, round(estimate::numeric, 3) AS estimate FROM mlops.coefficients('data_dates') WHERE term <> '(intercept)';
SELECT mlops.predict('data_dates', '{"d": "2020-01-02", "ts": "2020-01-01 00:00:00.5", "tz": "2020-01-01 01:00:00+01"}'::jsonb)
     = mlops.predict('data_dates', r) AS same
  FROM (SELECT date '2020-01-02' AS d, timestamp '2020-01-01 00:00:00.5' AS ts, timestamptz '2020-01-01 00:00:00+00' AS tz) r;

-- trailing blanks of char(n) do not count; another text type of the same family binds
SELECT rows_used FROM mlops.train('data_text', $$SELECT ch, f8, CASE WHEN ch = 'c1' THEN 10 ELSE 0 END + f8 AS y FROM t$$, 'y', 'linear_regression');
SELECT round(mlops.predict('data_text', r)::numeric, 6) AS p FROM (SELECT 'c1'::text AS ch, 0.0::float8 AS f8) r;
SELECT round(mlops.predict('data_text', r)::numeric, 6) AS p FROM (SELECT 'c1   '::char(9) AS ch, 0::int2 AS f8) r;
SELECT mlops.predict('data_text', r) = mlops.predict('data_text', to_jsonb(r)) AS same_from_json FROM (SELECT 'c1'::char(9) AS ch, 0::int2 AS f8) r;
SELECT round(mlops.predict('data_text', r)::numeric, 6) AS p FROM (SELECT 'c1'::name AS ch, 0::numeric AS f8) r;
-- of text they do, whichever way a row is given; "c " was grouped with other rare categories
SELECT rows_used FROM mlops.train('data_blanks', $$SELECT CASE WHEN i <= 200 THEN 'c' WHEN i <= 400 THEN 'b' ELSE 'c ' END AS k,
	  CASE WHEN i <= 200 THEN 10 WHEN i <= 400 THEN 20 ELSE 1000 END + i % 3 * 0.1 AS y FROM generate_series(1, 420) i$$, 'y', options => '{"max_categories": 2}');
SELECT r.k, abs(mlops.predict('data_blanks', r) - y) < 1 AS by_row, abs(mlops.predict('data_blanks', to_jsonb(r)) - y) < 1 AS by_json
  FROM (VALUES ('c', 10), ('b', 20), ('c ', 1000)) v(k, y), LATERAL (SELECT v.k) r ORDER BY y;

-- sources: a query in every form, a view, a partitioned table, quoting; a key is known through views and joins
CREATE VIEW v AS SELECT id, f8, i2, y FROM t;
SELECT features FROM mlops.train('data_source', 'v', 'y', 'linear_regression');
SELECT features FROM mlops.train('data_source', 'data_types.v', 'y', 'linear_regression');
SELECT features FROM mlops.train('data_source', 'TABLE v', 'y', 'linear_regression');
SELECT features FROM mlops.train('data_source', '(WITH q AS (SELECT * FROM v) SELECT * FROM q ORDER BY y LIMIT 100)', 'y', 'linear_regression');
SELECT features FROM mlops.train('data_source', 'SELECT v.*, w.id AS other FROM v JOIN v w USING (id)', 'y', 'linear_regression');
SELECT features FROM mlops.train('data_source', 'VALUES (1, 2.0), (2, 5.0), (3, 6.0), (4, 9.0), (5, 9.5), (6, 13.0)', 'column2', 'linear_regression');
CREATE TABLE "Odd.Name" (id integer PRIMARY KEY, "X" float8, y float8) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF "Odd.Name" FOR VALUES FROM (0) TO (50);
CREATE TABLE p2 PARTITION OF "Odd.Name" FOR VALUES FROM (50) TO (200);
INSERT INTO "Odd.Name" SELECT i, i % 13, i % 7 FROM generate_series(0, 199) i;
SELECT rows_used, features FROM mlops.train('data_source', '"Odd.Name"', 'y', 'linear_regression');
SELECT rows_used, features FROM mlops.train('data_source', 'data_types."Odd.Name"', 'y', 'linear_regression');

-- columns that tell nothing: constant, equal to an earlier one, without values
CREATE TABLE useless AS SELECT f8, 5 AS five, f8::numeric AS again, NULL::int AS nothing, y FROM t;
SELECT features FROM mlops.train('data_useless', 'useless', 'y', 'linear_regression');
SELECT features FROM mlops.train('data_useless', 'useless', 'y', 'linear_regression', features => '{f8,five,again}');

-- long values are let go as they are read; an array column that begins with NULLs needs no memory either
CREATE TABLE long AS SELECT i % 5 AS x, repeat('x', 400000) || i % 3 AS tx, i % 7 + i % 3 AS y FROM generate_series(1, 300) i;
CREATE TABLE late AS SELECT i % 5 AS x, CASE WHEN i > 2000 THEN ARRAY[i % 4, i % 3] END AS a, i % 7 AS y FROM generate_series(1, 2100) i;
SET mlops.training_memory = '16MB';
SELECT rows_used, features FROM mlops.train('data_long', 'long', 'y', 'linear_regression');
SELECT rows_used, features FROM mlops.train('data_long', 'late', 'y', 'linear_regression', features => '{x,a}');
RESET mlops.training_memory;
SELECT DISTINCT n FROM mlops.evaluate('data_long:1', 'long', 'y');

SELECT mlops.drop_model(m) IS NOT NULL AS dropped FROM unnest(ARRAY['data_types', 'data_dates', 'data_text', 'data_source', 'data_useless', 'data_long']) m;
SET client_min_messages TO warning;
DROP SCHEMA data_types CASCADE;

-- a text that names its row is no feature, unless asked for; one that repeats is
CREATE TABLE named AS SELECT i AS a, 'n' || i AS name, 'g' || i % 7 AS grp, i % 5 + i / 50.0::float8 AS y FROM generate_series(1, 200) i;
SELECT features FROM mlops.train('named', 'named', 'y', 'linear_regression', validation => '{"method": "none"}');
SELECT features FROM mlops.train('named', 'named', 'y', 'gradient_boosting', validation => '{"method": "none"}');
SELECT features FROM mlops.train('named', 'named', 'y', 'gradient_boosting', features => '{a,name}', validation => '{"method": "none"}');
SELECT mlops.drop_model('named') IS NOT NULL AS dropped;
DROP TABLE named;
