-- Missing values: what becomes of them in training, and that scoring does the same.
CREATE SCHEMA data_nulls;
SET search_path TO data_nulls, public;
SET client_min_messages TO notice;
CREATE TABLE t AS
SELECT i, CASE WHEN i % 5 = 0 THEN NULL WHEN i % 5 = 1 THEN 'NaN' ELSE (i % 17)::float8 END AS x,
       CASE WHEN i % 4 = 0 THEN NULL ELSE 'c' || i % 3 END AS c, i % 2 AS z, (i * 37 % 101)::float8 AS y
  FROM generate_series(1, 300) i;

-- without a holdout the replacement is the mean, or the median, of the values that are there
SELECT rows_used, rows_skipped FROM mlops.train('data_nulls', 'SELECT x, z, y FROM t', 'y', 'linear_regression', validation => '{"method": "none"}');
SELECT mlops.describe('data_nulls') #> '{facts,values_imputed}' AS imputed;
SELECT abs(mlops.predict('data_nulls', '{"x": null, "z": 1}'::jsonb) - mlops.predict('data_nulls', jsonb_build_object('x', avg(x), 'z', 1))) < 1e-9 AS is_mean
  FROM t WHERE x <> 'NaN';
SELECT rows_used FROM mlops.train('data_nulls', 'SELECT x, z, y FROM t', 'y', 'linear_regression', options => '{"missing": "median"}', validation => '{"method": "none"}', alias => 'median');
SELECT abs(mlops.predict('data_nulls@median', '{"x": null, "z": 1}'::jsonb) - mlops.predict('data_nulls@median', jsonb_build_object('x', percentile_cont(0.5) WITHIN GROUP (ORDER BY x), 'z', 1))) < 1e-9 AS is_median
  FROM t WHERE x <> 'NaN';
-- the weighted mean of weighted rows
SELECT rows_used, rows_skipped FROM mlops.train('data_nulls', 'SELECT x, z, y, i % 3 AS w FROM t', 'y', 'linear_regression', weight => 'w', validation => '{"method": "none"}', alias => 'weighted');
SELECT abs(mlops.predict('data_nulls@weighted', '{"x": null, "z": 1}'::jsonb) - mlops.predict('data_nulls@weighted', jsonb_build_object('x', sum(x * (i % 3)) / sum(i % 3), 'z', 1))) < 1e-9 AS is_weighted_mean
  FROM t WHERE x <> 'NaN';

-- NULL and NaN mean the same when scoring
SELECT mlops.predict('data_nulls', a) = mlops.predict('data_nulls', b) AS same
  FROM (SELECT NULL::float8 AS x, 1 AS z) a, (SELECT 'NaN'::float8 AS x, 1 AS z) b;
SELECT mlops.predict('data_nulls', ARRAY[NULL, 1]::float8[]) = mlops.predict('data_nulls', ARRAY['NaN', 1]::float8[]) AS same;

-- skip leaves rows out, and gives NULL for a scored one
SELECT rows_used, rows_skipped FROM mlops.train('data_nulls', 'SELECT x, z, y FROM t', 'y', 'linear_regression', options => '{"missing": "skip"}', alias => 'skip');
SELECT mlops.predict('data_nulls@skip', '{"x": null, "z": 1}'::jsonb) IS NULL AS is_null, mlops.predict('data_nulls@skip', '{"x": 3, "z": 1}'::jsonb) IS NULL AS is_null;

-- error refuses in training and in scoring
SELECT rows_used FROM mlops.train('data_nulls', 'SELECT x, z, y FROM t', 'y', 'linear_regression', options => '{"missing": "error"}');
SELECT rows_used FROM mlops.train('data_nulls', 'SELECT x, z, y FROM t WHERE i % 5 > 1', 'y', 'linear_regression', options => '{"missing": "error"}', alias => 'error');
SELECT mlops.predict('data_nulls@error', '{"x": null, "z": 1}'::jsonb);
SELECT rows_used FROM mlops.train('data_nulls', 'SELECT c, z, y FROM t', 'y', 'linear_regression', options => '{"missing_category": "error"}');

-- a missing category is its own category, with a coefficient of its own
SELECT rows_used FROM mlops.train('data_nulls', $$SELECT c, z, CASE WHEN c IS NULL THEN 100 WHEN c = 'c1' THEN 10 ELSE 0 END + z AS y FROM t$$, 'y', 'linear_regression', alias => 'category');
SELECT round(mlops.predict('data_nulls@category', '{"c": null, "z": 0}'::jsonb)::numeric, 6) AS missing,
       round(mlops.predict('data_nulls@category', '{"c": "c1", "z": 0}'::jsonb)::numeric, 6) AS c1;
SELECT rows_used, rows_skipped FROM mlops.train('data_nulls', 'SELECT c, z, y FROM t', 'y', 'linear_regression', options => '{"missing_category": "skip"}');

-- the rarest categories beyond max_categories become "other", and so does one never seen
SELECT rows_used FROM mlops.train('data_nulls', $$SELECT k, CASE WHEN k IN ('a', 'b') THEN ascii(k) - 97 ELSE 50 END AS y
	  FROM (SELECT CASE WHEN i % 10 < 4 THEN 'a' WHEN i % 10 < 8 THEN 'b' ELSE 'r' || i % 10 END AS k FROM t) q$$, 'y', 'linear_regression', options => '{"max_categories": 2, "task": "regression"}', alias => 'other');
SELECT mlops.describe('data_nulls@other') #>> '{features,0,categories}' AS categories;
SELECT k, round(mlops.predict('data_nulls@other', jsonb_build_object('k', k))::numeric, 6) AS p FROM unnest(ARRAY['a', 'b', 'r8', 'r9', 'never seen']) k;

-- rows without a target, without a weight or with weight zero are left out and counted
SELECT rows_used, rows_skipped FROM mlops.train('data_nulls', 'SELECT z, i, CASE WHEN i % 3 > 0 THEN y END AS y FROM t', 'y', 'linear_regression');
SELECT rows_used, rows_skipped FROM mlops.train('data_nulls', 'SELECT z, i, y, CASE WHEN i % 10 = 0 THEN 0 WHEN i % 10 > 1 THEN 2 END AS w FROM t', 'y', 'linear_regression', weight => 'w');

SELECT mlops.drop_model('data_nulls') IS NOT NULL AS dropped;
SET client_min_messages TO warning;
DROP SCHEMA data_nulls CASCADE;
-- NaN is missing in JSON made from a row, too; infinity is refused there as well
CREATE TABLE measured AS SELECT i % 9 AS y, (i % 9)::float8 AS x, ARRAY[i % 5, i % 3]::float8[] AS a FROM generate_series(1, 90) AS i;
SELECT version FROM mlops.train('measured', 'measured', 'y', 'linear_regression', validation => '{"method": "none"}', options => '{"task": "regression"}');
SELECT mlops.predict('measured', m) = mlops.predict('measured', to_jsonb(m)) AS same
  FROM (VALUES ('NaN'::float8, ARRAY[1, 'NaN']::float8[]), (NULL, '{2,NULL}'), (3, '{NaN,NaN}')) AS m (x, a);
SELECT mlops.predict('measured', '{"x": "Infinity", "a": [1, 2]}'::jsonb);
SELECT mlops.predict('measured', '{"x": 1, "a": [1, "-Infinity"]}'::jsonb);
SELECT mlops.predict('measured', '{"x": "nan", "a": [1, 2]}'::jsonb);
DROP TABLE measured;
SELECT versions FROM mlops.drop_model('measured');
