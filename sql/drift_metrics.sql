-- Drift metrics: the vectors of src/test/data/drift_vectors.json, which numpy and
-- scipy computed from the definitions.
\set json `cat "$PG_ABS_SRCDIR"/src/test/data/drift_vectors.json`
CREATE TEMP TABLE vector AS
SELECT v ->> 'name' AS name, v ->> 'kind' AS kind, v -> 'reference' AS reference, v -> 'current' AS current, v -> 'expected' AS expected
  FROM jsonb_array_elements((:'json')::jsonb -> 'vectors') v
 WHERE v ->> 'kind' IN ('numeric', 'categorical');
CREATE TEMP TABLE sample AS
SELECT name, kind, is_current, value
  FROM vector, LATERAL (VALUES (false, reference), (true, current)) s(is_current, list), LATERAL jsonb_array_elements_text(list) value;
CREATE TEMP TABLE got AS
SELECT name, jsonb_build_object('psi', mlops.psi(value::float8, is_current),
                                'js_distance_base2', mlops.js_distance(value::float8, is_current),
                                'hellinger', mlops.hellinger(value::float8, is_current),
                                'ks_d', mlops.ks(value::float8, is_current),
                                'ks_p_exact', (mlops.ks_test(value::float8, is_current)).p_value,
                                'wasserstein', mlops.wasserstein(value::float8, is_current)) AS values
  FROM sample WHERE kind = 'numeric' GROUP BY name
UNION ALL
SELECT name, jsonb_build_object('psi', mlops.psi(value, is_current),
                                'js_distance_base2', mlops.js_distance(value, is_current),
                                'hellinger', mlops.hellinger(value, is_current),
                                'chi2', (mlops.chi2_test(value, is_current)).statistic,
                                'chi2_df', (mlops.chi2_test(value, is_current)).df,
                                'chi2_p', (mlops.chi2_test(value, is_current)).p_value)
  FROM sample WHERE kind = 'categorical' GROUP BY name;
-- 1e-9 for values, 1e-6 of it for a P; a Hellinger distance of 1e-8 is the root of a rounding error, ours is 0
CREATE TEMP TABLE compared AS
SELECT name, kind, metric, got, want,
       CASE WHEN want IS NULL OR got IS NULL THEN want IS NOT DISTINCT FROM got
            WHEN metric ~ '_p' THEN abs(got - want) <= 1e-6 * want
            ELSE abs(got - want) <= 1e-9 OR (metric = 'hellinger' AND abs(got ^ 2 - want ^ 2) < 2e-16) END AS good
  FROM vector JOIN got USING (name),
       LATERAL (SELECT key AS metric, value::float8 AS got, (expected ->> key)::float8 AS want FROM jsonb_each_text(values) WHERE expected ? key) m;
SELECT kind, count(DISTINCT name) AS vectors, count(*) AS compared, count(*) FILTER (WHERE good) AS good, count(want) AS not_null
  FROM compared GROUP BY kind ORDER BY kind;
SELECT name, metric, got, want FROM compared WHERE NOT good;
-- the tests' rows
SELECT name, t.method, t.n_reference, t.n_current, round(t.statistic::numeric, 6) AS statistic, round(t.p_value::numeric, 6) AS p_value
  FROM (SELECT name, mlops.ks_test(value::float8, is_current) AS t FROM sample
         WHERE name IN ('shift_by_10', 'nulls_increase', 'current_all_nan', 'empty_current', 'tiny_5_5_separated') GROUP BY name) x, LATERAL (SELECT (x.t).*) t
 ORDER BY name;
SELECT name, t.df, t.sparse, t.n_reference, t.n_current, round(t.statistic::numeric, 6) AS statistic, round(t.p_value::numeric, 6) AS p_value
  FROM (SELECT name, mlops.chi2_test(value, is_current) AS t FROM sample WHERE kind = 'categorical' GROUP BY name) x, LATERAL (SELECT (x.t).*) t
 ORDER BY name;

-- what counts: NULL and NaN are missing and drift, too; a row of neither sample is skipped; without one of the samples there is no value
SELECT mlops.psi(v, c) = mlops.psi(w, c) AS nan_as_null, mlops.psi(v, c) > 0.1 AS missing_drifts, mlops.ks(v, c) AS ks
  FROM (SELECT g::float8 AS v, false AS c, g::float8 AS w FROM generate_series(1, 100) g
        UNION ALL SELECT CASE WHEN g > 30 THEN g END, true, CASE WHEN g > 30 THEN g ELSE float8 'NaN' END FROM generate_series(1, 100) g
        UNION ALL SELECT g, NULL, g FROM generate_series(1, 1000) g) x
 WHERE v > 30 OR v IS NULL;
SELECT mlops.psi(x, true), mlops.ks(x, true), mlops.wasserstein(x, false), mlops.ks_test(x, false), mlops.chi2_test(x::text, true), mlops.psi(x::text, true)
  FROM generate_series(1, 10) x;
SELECT mlops.psi(x, true), mlops.ks_test(x, true), mlops.chi2_test(x::text, true) FROM generate_series(1, 0) x;
-- infinities are ordered as others; a distance to them is none
SELECT mlops.ks(x, c) AS ks, mlops.wasserstein(x, c) AS wasserstein, mlops.wasserstein(x, c) FILTER (WHERE abs(x) < 'Infinity') AS finite
  FROM (VALUES (1::float8, false), (2, false), ('Infinity', false), ('-Infinity', true), (2, true), (3, true)) v(x, c);
SELECT mlops.wasserstein(x, c) AS equal_infinities FROM (VALUES (1::float8, false), ('Infinity', false), (2, true), ('Infinity', true)) v(x, c);
-- other numbers come as they are
SELECT mlops.psi(i, c) = mlops.psi(i::float8, c) AS int4, mlops.psi(i::numeric, c) = mlops.psi(i::float8, c) AS "numeric",
       mlops.ks(i::bigint, c) = mlops.ks(i::real, c) AS bigint_real, mlops.psi(('c' || i % 3)::varchar, c) > 0 AS "varchar"
  FROM (SELECT i, i > 60 AS c FROM generate_series(1, 100) i) x;
-- bins
SELECT mlops.psi(x, c) = mlops.psi(x, c, 10) AS ten, mlops.psi(x, c, 2) < mlops.psi(x, c, 100) AS more_see_more,
       mlops.js_distance(x, c, 10) = mlops.js_distance(x, c) AS js, mlops.hellinger(x, c, 10) = mlops.hellinger(x, c) AS hellinger
  FROM (SELECT (i * 7919 % 1009)::float8 + CASE WHEN i % 2 = 0 THEN 100 ELSE 0 END AS x, i % 2 = 0 AS c FROM generate_series(1, 1000) i) v;
SELECT mlops.psi(1.0, true, 1);
SELECT mlops.psi(1.0, true, 1001);
SELECT mlops.psi(1.0, true, NULL);
SELECT mlops.psi(x, true, x) FROM generate_series(4, 5) x;
-- categories: fifty of the reference by themselves, then "other", then those it does not know
SELECT mlops.psi(x, c) AS same, mlops.psi(x, c) FILTER (WHERE x <> 'k60' OR NOT c) < 0.01 AS rare_is_other,
       mlops.psi(y, c) > 0.5 AS new_is_not
  FROM (SELECT 'k' || i % 70 AS x, CASE WHEN c AND i % 10 = 0 THEN 'new' || i ELSE 'k' || i % 70 END AS y, c
          FROM generate_series(0, 6999) i, (VALUES (false), (true)) s(c)) v;
-- by bytes, whatever the collation
SELECT mlops.psi(x, c) > 1 AS case_matters, mlops.psi(x COLLATE "C", c) = mlops.psi(x, c) AS same
  FROM (VALUES ('a', false), ('a', false), ('A', true), ('A ', true)) v(x, c);

-- a window sees what came before, and each final function leaves the state to the next
SELECT i, round(mlops.ks(i, c) OVER (ORDER BY i)::numeric, 4) AS ks, round(mlops.psi(i, c) OVER (ORDER BY i)::numeric, 4) AS psi,
       round(((mlops.chi2_test((i / 3)::text, c) OVER (ORDER BY i)).statistic)::numeric, 4) AS chi2
  FROM (SELECT i, i % 3 = 0 AS c FROM generate_series(1, 7) i) x;
-- in parts, as workers do
CREATE TABLE drift_parallel AS
SELECT i % 5 AS g, (i * 7919 % 10007) / 7.0 + CASE WHEN i % 3 = 0 THEN 50 ELSE 0 END AS x, 'c' || i * 31 % 97 AS k, i % 3 = 0 AS c FROM generate_series(1, 20000) i;
ANALYZE drift_parallel;
CREATE TEMP TABLE serial AS
SELECT g, mlops.psi(x, c), mlops.js_distance(x, c), mlops.ks(x, c), mlops.wasserstein(x, c), mlops.ks_test(x, c), mlops.psi(k, c) AS psi_text, mlops.chi2_test(k, c)
  FROM drift_parallel GROUP BY g;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
EXPLAIN (COSTS OFF) SELECT mlops.psi(x, c), mlops.psi(k, c) FROM drift_parallel;
CREATE TEMP TABLE parallel AS
SELECT g, mlops.psi(x, c), mlops.js_distance(x, c), mlops.ks(x, c), mlops.wasserstein(x, c), mlops.ks_test(x, c), mlops.psi(k, c) AS psi_text, mlops.chi2_test(k, c)
  FROM drift_parallel GROUP BY g;
SELECT count(*) AS groups, bool_and(s = p) AS same FROM serial s JOIN parallel p USING (g);
RESET min_parallel_table_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
DROP TABLE drift_parallel;
-- memory
SET mlops.fit_memory = '1MB';
SELECT mlops.ks(i, i % 2 = 0) < 0.001 AS fits FROM generate_series(1, 40000) i;
SELECT mlops.ks(i, i % 2 = 0) FROM generate_series(1, 50000) i;
SELECT mlops.psi('category ' || i, i % 2 = 0) FROM generate_series(1, 50000) i;
RESET mlops.fit_memory;

-- states as hostile values
\set VERBOSITY sqlstate
CREATE AGGREGATE pg_temp.numbers(float8, boolean) (SFUNC = mlops_private.metric_sample_add, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.texts(text, boolean) (SFUNC = mlops_private.metric_category_add, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.merge(mlops_private.metric_state) (SFUNC = mlops_private.metric_combine, STYPE = mlops_private.metric_state);
CREATE TEMP TABLE part AS
SELECT i % 4 AS part, pg_temp.numbers(nullif(i % 50, 7), i % 3 = 0)::text AS n, pg_temp.texts('c' || nullif(i % 50, 7), i % 3 = 0)::text AS t
  FROM generate_series(1, 1000) i GROUP BY 1;
SELECT mlops_private.metric_ks(pg_temp.merge(n::mlops_private.metric_state)) = (SELECT mlops.ks(nullif(i % 50, 7), i % 3 = 0) FROM generate_series(1, 1000) i) AS ks,
       mlops_private.metric_sample_psi(pg_temp.merge(n::mlops_private.metric_state)) = (SELECT mlops.psi(nullif(i % 50, 7), i % 3 = 0) FROM generate_series(1, 1000) i) AS psi,
       mlops_private.metric_category_psi(pg_temp.merge(t::mlops_private.metric_state)) = (SELECT mlops.psi('c' || nullif(i % 50, 7), i % 3 = 0) FROM generate_series(1, 1000) i) AS psi_text
  FROM part;
SELECT bool_and(n::mlops_private.metric_state::text = n) AS numbers, bool_and(t::mlops_private.metric_state::text = t) AS texts,
       bool_and(encode(mlops_private.metric_state_send(t::mlops_private.metric_state), 'hex') = t) AS binary
  FROM part;
SELECT mlops_private.metric_ks(t::mlops_private.metric_state) FROM part;
SELECT mlops_private.metric_combine(n::mlops_private.metric_state, t::mlops_private.metric_state) FROM part;
SELECT '0107'::mlops_private.metric_state;
SELECT ('0107' || repeat('ff', 40))::mlops_private.metric_state;
-- bins of 10, one value that is NaN; then 5 missing ones and no value, which is good
SELECT ('0107000000000000000a' || '0000000000000001' || repeat('00', 24) || '7ff8000000000000')::mlops_private.metric_state;
SELECT mlops_private.metric_sample_psi(('0107000000000000000a' || repeat('00', 16) || '0000000000000005' || '0000000000000005')::mlops_private.metric_state) AS psi;
SELECT ('01070000000000000001' || repeat('00', 32))::mlops_private.metric_state;
SELECT ('0108' || repeat('ff', 24))::mlops_private.metric_state;
-- the same category twice
SELECT ('01080000000000000002' || repeat('00', 16) || repeat('000000000000000161' || repeat('00', 16), 2))::mlops_private.metric_state;
-- every shorter piece of a good one is refused
DO $$
DECLARE
  good text;
BEGIN
  FOR good IN SELECT unnest(ARRAY[n, t]) FROM part WHERE part = 1 LOOP
    FOR len IN 0 .. length(good) - 1 BY 2 LOOP
      BEGIN
        PERFORM left(good, len)::mlops_private.metric_state;
        RAISE EXCEPTION 'accepted %', len;
      EXCEPTION WHEN invalid_text_representation THEN NULL;
      END;
    END LOOP;
  END LOOP;
END $$;
