-- The aggregate fit(): overloads, groups, windows, missing values, parallel
-- plans, and states that come from anywhere.
\set VERBOSITY terse
CREATE FUNCTION pg_temp.near(got float8, want float8, tolerance float8 DEFAULT 1e-9) RETURNS boolean LANGUAGE sql IMMUTABLE
AS $$ SELECT abs(got - want) <= tolerance * greatest(abs(want), 1) $$;
CREATE TABLE obs AS
SELECT i AS id, i % 4 AS g, (i * 7919) % 101 / 10.0::float8 AS a, (i * 104729) % 97 / 7.0::float8 AS b,
       1 + 2.0 * ((i * 7919) % 101 / 10.0) - 0.5 * ((i * 104729) % 97 / 7.0) + (i * 31) % 13 / 10.0 + i % 4 AS y
  FROM generate_series(1, 1200) AS i;
ALTER TABLE obs ALTER y TYPE float8;

-- overloads
SELECT pg_typeof(mlops.fit('linear_regression', y, ARRAY[a, b])) AS number,
       pg_typeof(mlops.fit('linear_regression', y, ARRAY[a, b], '{"l2": 1}')) AS with_options,
       pg_typeof(mlops.fit('logistic_regression', y > 10, ARRAY[a, b])) AS bool,
       pg_typeof(mlops.fit('logistic_regression', y > 10, ARRAY[a, b], '{"l2": 1}')) AS bool_with_options,
       pg_typeof(mlops.fit('logistic_regression', CASE WHEN y > 10 THEN 'more' ELSE 'less' END, ARRAY[a, b])) AS text,
       pg_typeof(mlops.fit('logistic_regression', CASE WHEN y > 10 THEN 'more' ELSE 'less' END, ARRAY[a, b], '{"l2": 1}')) AS text_with_options,
       pg_typeof(mlops.fit('linear_regression', id, ARRAY[1, g])) AS integers
  FROM obs;
-- what the label is
SELECT mlops.describe(mlops.fit('logistic_regression', y > 10, ARRAY[a]))->'classes' AS bool,
       mlops.describe(mlops.fit('logistic_regression', CASE WHEN y > 10 THEN 'b' ELSE 'a' END, ARRAY[a]))->'classes' AS text,
       mlops.describe(mlops.fit('logistic_regression', CASE WHEN y > 10 THEN 10 ELSE 9 END, ARRAY[a]))->'classes' AS number FROM obs;
SELECT bool_and(mlops.classify(m.b, ARRAY[a]) = mlops.classify(m.t, ARRAY[a])) AS same_classes, bool_and(mlops.predict(m.b, ARRAY[a]) = mlops.predict(m.t, ARRAY[a])) AS same_numbers
    FROM obs, (SELECT mlops.fit('logistic_regression', y > 10, ARRAY[a]), mlops.fit('logistic_regression', (y > 10)::text, ARRAY[a]) FROM obs) AS m(b, t);

-- the same as train()
SELECT rows_used FROM mlops.train('trained', 'SELECT a, b, y FROM obs', 'y', validation => '{"method": "none"}');
SELECT rows_used FROM mlops.train('trained_ridge', 'SELECT a, b, y FROM obs', 'y', options => '{"l2": 3}', validation => '{"method": "none"}');
SELECT rows_used FROM mlops.train('trained_class', 'SELECT a, b, y > 10 AS y FROM obs', 'y', validation => '{"method": "none"}');
SELECT t.model, bool_and(pg_temp.near(f.estimate, t.estimate)) AS estimates, bool_and(coalesce(pg_temp.near(f.std_error, t.std_error, 1e-6), f.std_error IS NULL AND t.std_error IS NULL)) AS errors, count(*)
    FROM (SELECT mlops.fit('linear_regression', y, ARRAY[a, b]), mlops.fit('linear_regression', y, ARRAY[a, b], '{"l2": 3}'), mlops.fit('logistic_regression', y > 10, ARRAY[a, b]) FROM obs) AS m(ols, ridge, class),
         LATERAL (VALUES ('trained', ols), ('trained_ridge', ridge), ('trained_class', class)) AS v(model, fitted),
         LATERAL (SELECT v.model, c.* FROM mlops.coefficients(v.model) WITH ORDINALITY AS c(term, class, estimate, std_error, s, p, l, h, o, n)) AS t,
         LATERAL (SELECT c.* FROM mlops.coefficients(v.fitted) WITH ORDINALITY AS c(term, class, estimate, std_error, s, p, l, h, o, n)) AS f
    WHERE f.n = t.n GROUP BY t.model ORDER BY 1;

-- groups, filters, windows
CREATE TABLE by_group AS SELECT g, mlops.fit('linear_regression', y, ARRAY[a, b]) AS model FROM obs GROUP BY g;
SELECT g, pg_temp.near(c.estimate, regr_intercept, 1e-7) AS filtered
    FROM by_group, LATERAL (SELECT estimate FROM mlops.coefficients(model) LIMIT 1) AS c,
         LATERAL (SELECT estimate FROM mlops.coefficients((SELECT mlops.fit('linear_regression', y, ARRAY[a, b]) FILTER (WHERE obs.g = by_group.g) FROM obs)) LIMIT 1) AS f(regr_intercept) ORDER BY g;
-- against PostgreSQL's own
SELECT g, bool_and(pg_temp.near(c.estimate, CASE c.term WHEN '(intercept)' THEN i ELSE s END)) AS simple
    FROM (SELECT g, mlops.fit('linear_regression', y, ARRAY[a]) AS model, regr_intercept(y, a) AS i, regr_slope(y, a) AS s FROM obs GROUP BY g) AS m,
         LATERAL mlops.coefficients(model) AS c GROUP BY g ORDER BY g;
SELECT count(*) AS rollup FROM (SELECT g, mlops.fit('linear_regression', y, ARRAY[a, b]) AS model FROM obs GROUP BY ROLLUP (g)) AS r WHERE model IS NOT NULL;
SELECT pg_temp.near(mlops.predict(mlops.fit('linear_regression', y, ARRAY[a, b] ORDER BY id DESC), ARRAY[1, 1]), mlops.predict(mlops.fit('linear_regression', y, ARRAY[a, b]), ARRAY[1, 1])) AS ordered FROM obs;
SELECT mlops.describe(mlops.fit('linear_regression', DISTINCT_y, ARRAY[x]))->'model'->'n' AS n FROM (SELECT DISTINCT round(y) AS DISTINCT_y, 1.0::float8 AS x FROM obs WHERE id < 5) AS d;
SELECT id, pg_temp.near(mlops.predict(mlops.fit('linear_regression', y, ARRAY[a]) OVER w, ARRAY[5]), 5 * regr_slope(y, a) OVER w + regr_intercept(y, a) OVER w) AS growing
    FROM obs WHERE id <= 6 WINDOW w AS (ORDER BY id) ORDER BY id;
SELECT id, pg_temp.near(mlops.predict(mlops.fit('linear_regression', y, ARRAY[a]) OVER w, ARRAY[5]), 5 * regr_slope(y, a) OVER w + regr_intercept(y, a) OVER w) AS sliding
    FROM obs WHERE id <= 8 WINDOW w AS (ORDER BY id ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING) ORDER BY id;
SELECT DISTINCT g, (mlops.describe(mlops.fit('linear_regression', y, ARRAY[a, b]) OVER (PARTITION BY g))->'model'->>'n')::int AS n FROM obs ORDER BY g;
SELECT count(*) AS models FROM (SELECT DISTINCT mlops.fit('linear_regression', y, ARRAY[a, b]) OVER (PARTITION BY g) FROM obs) AS w;

-- missing: left out, or refused; nothing left is NULL
SELECT mlops.describe(mlops.fit('linear_regression', CASE WHEN id % 10 <> 0 THEN y END, CASE WHEN id % 10 <> 1 THEN ARRAY[CASE WHEN id % 10 <> 2 THEN a END, CASE WHEN id % 10 <> 3 THEN b ELSE 'NaN' END] END))->'model'->'n' AS n FROM obs;
SELECT mlops.describe(mlops.fit('linear_regression', CASE WHEN id % 10 <> 0 THEN y ELSE 'NaN' END, ARRAY[a, b]))->'model'->'n' AS n FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[a, b]) IS NULL AS no_rows FROM obs WHERE false;
SELECT mlops.fit('linear_regression', NULL::float8, ARRAY[a, b]) IS NULL AS no_target, mlops.fit('linear_regression', y, NULL) IS NULL AS no_x,
       mlops.fit('linear_regression', y, ARRAY[a, NULL]) IS NULL AS null_in_x, mlops.fit('linear_regression', y, ARRAY['NaN'::float8]) IS NULL AS nan_in_x,
       mlops.fit('logistic_regression', NULL::bool, ARRAY[a, b]) IS NULL AS no_class FROM obs;
SELECT mlops.fit('linear_regression', NULLIF(id, 7), ARRAY[a, b], '{"missing": "error"}') FROM obs;
SELECT mlops.fit('linear_regression', y, CASE WHEN id <> 7 THEN ARRAY[a, b] END, '{"missing": "error"}') FROM obs;
SELECT mlops.fit('linear_regression', y, NULL, '{"missing": "error"}') FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[a, NULL], '{"missing": "error"}') FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[a, b], '{"missing": "error"}') IS NOT NULL AS complete FROM obs;
-- infinity is an error
SELECT mlops.fit('linear_regression', y, ARRAY[a, CASE id WHEN 9 THEN 'infinity' ELSE b END]) FROM obs;
SELECT mlops.fit('linear_regression', CASE id WHEN 9 THEN '-infinity' ELSE y END, ARRAY[a]) FROM obs;

-- what must be the same in a group
SELECT mlops.fit(CASE WHEN id < 1000 THEN 'linear_regression' ELSE 'logistic_regression' END, y, ARRAY[a]) FROM obs;
SELECT mlops.fit(CASE WHEN id < 1000 THEN 'linear_regression' END, y, ARRAY[a]) FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[a], jsonb_build_object('l2', id / 1000)) FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[a], CASE WHEN id < 1000 THEN '{"l2": 0}'::jsonb END) FROM obs;
SELECT mlops.fit('linear_regression', y, CASE WHEN id < 1000 THEN ARRAY[a] ELSE ARRAY[a, b] END) FROM obs;
SELECT count(*) AS by_options FROM (SELECT mlops.fit('linear_regression', y, ARRAY[a], jsonb_build_object('l2', g)) FROM obs GROUP BY g) AS m;
-- what cannot be
SELECT mlops.fit(NULL, y, ARRAY[a]) FROM obs;
SELECT mlops.fit('deep_thought', y, ARRAY[a]) FROM obs;
SELECT mlops.fit('linear_regression', y > 10, ARRAY[a]) FROM obs;
SELECT mlops.fit('linear_regression', 'high', ARRAY[a]) FROM obs;
SELECT mlops.fit('linear_regression', y, '{}'::float8[]) FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[[a], [b]]) FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[a], '{"l3": 1}') FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[a], '{"max_categories": 1}') FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[a], '[]') FROM obs;
SELECT mlops.fit('linear_regression', y, ARRAY[a], '{"missing": "mean"}') FROM obs;
SELECT mlops.fit('logistic_regression', true, ARRAY[a]) FROM obs;
SELECT mlops.fit('logistic_regression', id, ARRAY[a]) FROM obs;
SELECT mlops.fit('logistic_regression', y > 10, ARRAY[a], '{"class_weight": {"maybe": 2}}') FROM obs;
SELECT mlops.fit('logistic_regression', y > 10, ARRAY[a], '{"class_weight": "balanced"}') IS NOT NULL AS balanced FROM obs;
-- arrays of another lower bound
SELECT pg_temp.near(mlops.predict(mlops.fit('linear_regression', y, ('[0:1]={' || a || ',' || b || '}')::float8[]), ARRAY[1, 1]), mlops.predict(mlops.fit('linear_regression', y, ARRAY[a, b]), ARRAY[1, 1])) AS bounds FROM obs;

-- memory: least squares needs the same for any number of rows, buffers are refused
SET mlops.fit_memory = '64kB';
SELECT mlops.fit('linear_regression', i % 7, ARRAY[i % 11]) IS NOT NULL AS fits FROM generate_series(1, 20000) AS i;
\set VERBOSITY sqlstate
SELECT mlops.fit('logistic_regression', i % 7 > 3, ARRAY[i % 11, i % 3, i % 5]) FROM generate_series(1, 20000) AS i;
SELECT mlops.fit('linear_regression', 1, array_fill(1.0::float8, ARRAY[500]));
\set VERBOSITY terse
RESET mlops.fit_memory;
SELECT mlops.fit('logistic_regression', i % 7 > 3, ARRAY[i % 11, i % 3, i % 5]) IS NOT NULL AS fits FROM generate_series(1, 20000) AS i;

-- in parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT mlops.fit('linear_regression', y, ARRAY[a, b]) FROM obs;
EXPLAIN (COSTS OFF) SELECT mlops.fit('logistic_regression', y > 10, ARRAY[a, b], '{"l2": 1}') FROM obs;
CREATE TABLE parallel_all AS SELECT mlops.fit('linear_regression', y, ARRAY[a, b]) AS linear, mlops.fit('logistic_regression', y > 10, ARRAY[a, b]) AS logistic FROM obs;
CREATE TABLE parallel AS SELECT g, mlops.fit('linear_regression', y, ARRAY[a, b]) AS linear, mlops.fit('logistic_regression', y > 10, ARRAY[a, b]) AS logistic FROM obs GROUP BY g;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial_all AS SELECT mlops.fit('linear_regression', y, ARRAY[a, b]) AS linear, mlops.fit('logistic_regression', y > 10, ARRAY[a, b]) AS logistic FROM obs;
SELECT bool_and(pg_temp.near(mlops.predict(p.linear, ARRAY[a, b]), mlops.predict(s.linear, ARRAY[a, b]))) AS linear,
       bool_and(pg_temp.near(mlops.predict(p.logistic, ARRAY[a, b]), mlops.predict(s.logistic, ARRAY[a, b]))) AS logistic FROM obs, parallel_all AS p, serial_all AS s;
CREATE TABLE serial AS SELECT g, mlops.fit('linear_regression', y, ARRAY[a, b]) AS linear, mlops.fit('logistic_regression', y > 10, ARRAY[a, b]) AS logistic FROM obs GROUP BY g;
SELECT g, bool_and(pg_temp.near(mlops.predict(p.linear, ARRAY[a, b]), mlops.predict(s.linear, ARRAY[a, b]))) AS linear,
       bool_and(pg_temp.near(mlops.predict(p.logistic, ARRAY[a, b]), mlops.predict(s.logistic, ARRAY[a, b]))) AS logistic
    FROM obs JOIN parallel AS p USING (g) JOIN serial AS s USING (g) GROUP BY g ORDER BY g;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- states as values: what Citus sends, and what anybody can cast
CREATE AGGREGATE pg_temp.state_of(text, float8, float8[]) (SFUNC = mlops_private.fit_step, STYPE = mlops_private.fit_state);
CREATE AGGREGATE pg_temp.state_of(text, text, float8[], jsonb) (SFUNC = mlops_private.fit_step, STYPE = mlops_private.fit_state);
CREATE AGGREGATE pg_temp.merge(mlops_private.fit_state) (SFUNC = mlops_private.fit_combine, STYPE = mlops_private.fit_state, FINALFUNC = mlops_private.fit_final);
CREATE TABLE states AS
SELECT 'linear' AS kind, g, pg_temp.state_of('linear_regression', y, ARRAY[a, b])::text AS state FROM obs GROUP BY g
UNION ALL
SELECT 'logistic', g, pg_temp.state_of('logistic_regression', CASE WHEN y > 10 THEN 'much' WHEN g = 1 AND y < 3 THEN 'little' ELSE 'some' END, ARRAY[a, b], '{"l2": 1}')::text FROM obs GROUP BY g;
CREATE TABLE merged AS SELECT kind, pg_temp.merge(state::mlops_private.fit_state ORDER BY g DESC) AS model FROM states GROUP BY kind;
SELECT bool_and(pg_temp.near(mlops.predict(m.model, ARRAY[a, b]), mlops.predict(w.model, ARRAY[a, b]))) AS through_text
    FROM obs, merged AS m, (SELECT mlops.fit('linear_regression', y, ARRAY[a, b]) FROM obs) AS w(model) WHERE kind = 'linear';
SELECT mlops.describe(m.model)->'classes' AS classes, bool_and(mlops.classify(m.model, ARRAY[a, b]) = mlops.classify(w.model, ARRAY[a, b])) AS through_text
    FROM obs, merged AS m, (SELECT mlops.fit('logistic_regression', CASE WHEN y > 10 THEN 'much' WHEN g = 1 AND y < 3 THEN 'little' ELSE 'some' END, ARRAY[a, b], '{"l2": 1}') FROM obs) AS w(model) WHERE kind = 'logistic' GROUP BY 1;
SELECT bool_and(state = state::mlops_private.fit_state::text) AS text_round_trip FROM states;
SELECT pg_temp.merge(state::mlops_private.fit_state) FROM states;
SELECT pg_temp.merge(s) IS NULL AS none FROM (SELECT NULL::mlops_private.fit_state) AS n(s);
-- cut anywhere, or with a bit turned: refused, or a model, or an ordinary error
CREATE FUNCTION pg_temp.outcome(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m mlops.model;
BEGIN
    SELECT pg_temp.merge(bytes::text::mlops_private.fit_state) INTO m;
    PERFORM mlops.predict(m, ARRAY[1, 1]::float8[]);
    SELECT pg_temp.merge(s) INTO m FROM (VALUES (bytes::text::mlops_private.fit_state), (bytes::text::mlops_private.fit_state)) AS v(s);
    RETURN 'a model';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SET client_min_messages = error;
CREATE TABLE one AS
SELECT 'linear' AS kind, pg_temp.state_of('linear_regression', y, ARRAY[a, b])::text::bytea AS state FROM obs WHERE id <= 5
UNION ALL SELECT 'logistic', pg_temp.state_of('logistic_regression', CASE WHEN y > 10 THEN 'more' ELSE 'less' END, ARRAY[a, b], '{"l2": 1}')::text::bytea FROM obs WHERE id <= 9;
SELECT kind, pg_temp.outcome(state) FROM one ORDER BY kind;
SELECT kind, pg_temp.outcome(substr(state, 1, n)) AS truncated FROM one, generate_series(0, length(state) - 1) AS n GROUP BY 1, 2 ORDER BY 1, 2;
SELECT kind, pg_temp.outcome(state || '\x00') AS longer FROM one ORDER BY kind;
SELECT kind, bool_and(o IN ('22P03', 'a model', '22003', '22000', '22P02', '22023', '54000', '22004', '42704')) AS orderly, count(*) FILTER (WHERE o = '22P03') > 100 AS mostly_refused
    FROM (SELECT kind, pg_temp.outcome(set_bit(state, bit, 1 - get_bit(state, bit))) AS o FROM one, generate_series(0, length(state) * 8 - 1) AS bit) AS f GROUP BY kind ORDER BY kind;
SELECT kind, o, count(*) > 0 AS n FROM (SELECT kind, pg_temp.outcome(set_bit(state, bit, 1 - get_bit(state, bit))) AS o FROM one, generate_series(0, length(state) * 8 - 1) AS bit) AS f
    WHERE o NOT IN ('22P03', 'a model', '22003', '22000', '22P02', '22023', '54000', '22004', '42704') GROUP BY 1, 2;
\set VERBOSITY sqlstate
SELECT ''::mlops_private.fit_state;
SELECT '\x'::mlops_private.fit_state;
SELECT '\x00'::mlops_private.fit_state;
SELECT 'x'::mlops_private.fit_state;
-- outside an aggregate
SELECT mlops_private.fit_step(NULL, 'linear_regression', 1, ARRAY[1]::float8[]);
SELECT mlops_private.fit_final(NULL);
SELECT mlops_private.fit_combine(NULL, NULL);
-- not for everybody
CREATE ROLE fit_user;
SET ROLE fit_user;
SELECT '\x'::mlops_private.fit_state;
SELECT mlops.fit('linear_regression', i, ARRAY[i]) IS NOT NULL AS fits FROM generate_series(1, 9) AS i;
RESET ROLE;
DROP ROLE fit_user;
DROP TABLE obs, by_group, parallel, serial, parallel_all, serial_all, states, merged, one;
SELECT count(mlops.drop_model(model)) AS dropped FROM mlops.models;
