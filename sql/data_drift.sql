-- Two tables side by side: the vectors of src/test/data/drift_vectors.json, which
-- numpy and scipy computed from the definitions, then what the aggregates say.
\set json `cat "$PG_ABS_SRCDIR"/src/test/data/drift_vectors.json`
CREATE TEMP TABLE vector AS
SELECT v ->> 'name' AS name, v ->> 'kind' AS kind, v -> 'reference' AS reference, v -> 'current' AS current, v -> 'expected' AS expected
  FROM jsonb_array_elements((:'json')::jsonb -> 'vectors') v
 WHERE v ->> 'kind' IN ('numeric', 'categorical');
CREATE TEMP TABLE numbers AS
SELECT name, is_current, value::float8 AS v
  FROM vector, LATERAL (VALUES (false, reference), (true, current)) s(is_current, list), LATERAL jsonb_array_elements_text(list) value WHERE kind = 'numeric';
CREATE TEMP TABLE categories AS
SELECT name, is_current, value AS v
  FROM vector, LATERAL (VALUES (false, reference), (true, current)) s(is_current, list), LATERAL jsonb_array_elements_text(list) value WHERE kind = 'categorical';
CREATE TEMP TABLE got AS
SELECT x.name, x.kind AS vector_kind, x.expected, d.*
  FROM vector x, LATERAL mlops.data_drift(format('SELECT v FROM %s WHERE name = %L AND NOT is_current', CASE x.kind WHEN 'numeric' THEN 'numbers' ELSE 'categories' END, x.name),
                                          format('SELECT v FROM %s WHERE name = %L AND is_current', CASE x.kind WHEN 'numeric' THEN 'numbers' ELSE 'categories' END, x.name)) d;
-- 1e-9 for values, 1e-6 of it for a P; a Hellinger distance of 1e-8 is the root of a rounding error
CREATE TEMP TABLE compared AS
SELECT name, vector_kind, metric, got, want,
       CASE WHEN want IS NULL OR got IS NULL THEN want IS NOT DISTINCT FROM got
            WHEN metric ~ '_p' THEN abs(got - want) <= 1e-6 * want
            ELSE abs(got - want) <= 1e-9 OR (metric = 'hellinger' AND abs(got ^ 2 - want ^ 2) < 2e-16) END AS good
  FROM (SELECT name, vector_kind, m.metric, m.got, (expected ->> m.metric)::float8 AS want
          FROM got, LATERAL (VALUES ('psi', psi), ('psi_no_missing', psi_no_missing), ('js_distance_base2', js_distance), ('hellinger', hellinger), ('ks_d', ks), ('ks_p_exact', ks_p),
                                    ('wasserstein', wasserstein), ('chi2', chi2), ('chi2_p', chi2_p), ('n_ref', rows_reference), ('n_cur', rows_current)) m (metric, got)
         WHERE expected ? m.metric) x;
SELECT vector_kind, count(DISTINCT name) AS vectors, count(*) AS compared, count(*) FILTER (WHERE good) AS good, count(want) AS not_null FROM compared GROUP BY 1 ORDER BY 1;
SELECT name, metric, got, want FROM compared WHERE NOT good;

-- a table of all types; a part against the rest is what the aggregates make of each column
CREATE TEMP TABLE things AS
SELECT i AS id, (i * 7919 % 10007)::float8 AS f8, (i % 97)::real AS f4, i % 13 AS i4, (i * 31 % 1009)::bigint AS i8, (i % 71)::numeric / 7 AS num, i % 3 = 0 AS b,
       'k' || i % 60 AS t, date '2020-01-01' + i % 400 AS d, timestamptz '2020-01-01 00:00+00' + i * interval '1 minute' AS ts, NULLIF(i % 11, 3)::float8 AS gaps,
       ARRAY[i, 2] AS arr, '127.0.0.1'::inet AS ip, 'x'::text AS same
  FROM generate_series(1, 20000) i;
CREATE TEMP TABLE whole AS SELECT * FROM mlops.data_drift('SELECT * FROM things WHERE id % 5 <> 0', 'SELECT * FROM things WHERE id % 5 = 0 AND id > 4000');
SELECT "column", kind, status, severity, rows_reference, rows_current FROM whole;
SELECT "column", abs(w.psi - a.psi) < 1e-9 AS psi, abs(w.ks - a.ks) < 1e-12 AS ks, w.ks_p IS NOT DISTINCT FROM a.p AS p, abs(w.wasserstein / a.w - 1) < 1e-9 AS wasserstein
  FROM whole w JOIN (SELECT m.column, mlops.psi(v, c) AS psi, mlops.ks(v, c) AS ks, (mlops.ks_test(v, c)).p_value AS p, mlops.wasserstein(v, c) AS w
                       FROM things, LATERAL (VALUES ('f8', f8), ('f4', f4), ('i4', i4), ('i8', i8), ('num', num), ('gaps', gaps)) m ("column", v),
                            LATERAL (SELECT id % 5 = 0 AS c) s WHERE NOT c OR id > 4000 GROUP BY 1) a USING ("column") ORDER BY 1;
SELECT abs(w.psi - a.psi) < 1e-9 AS psi, abs(w.chi2 - (a.c2).statistic) < 1e-9 AS chi2, w.chi2_p = (a.c2).p_value AS p
  FROM whole w, (SELECT mlops.psi(t, id % 5 = 0) AS psi, mlops.chi2_test(t, id % 5 = 0) AS c2 FROM things WHERE id % 5 <> 0 OR id > 4000) a WHERE "column" = 't';
SELECT missing_reference = (SELECT avg((gaps IS NULL)::int)::float8 FROM things WHERE id % 5 <> 0) AS missing FROM whole WHERE "column" = 'gaps';
-- the same with so little memory that the sources are read again and again
SET mlops.training_memory = '4MB';
SELECT count(*) FROM (SELECT * FROM mlops.data_drift('SELECT * FROM things WHERE id % 5 <> 0', 'SELECT * FROM things WHERE id % 5 = 0 AND id > 4000') EXCEPT SELECT * FROM whole) x;
-- and rows that would be others at each reading are kept from the first one
SET mlops.training_memory = '2MB';
SELECT count(*), count(DISTINCT ks) AS ks, bool_and(wasserstein > 0) AS apart
  FROM mlops.data_drift('SELECT x AS x1, x AS x2, x AS x3, x AS x4, x AS x5, x AS x6 FROM (SELECT random() AS x FROM things OFFSET 0) r',
                        'SELECT 0.5::float8 AS x1, 0.5::float8 AS x2, 0.5::float8 AS x3, 0.5::float8 AS x4, 0.5::float8 AS x5, 0.5::float8 AS x6 FROM things');
SET mlops.training_memory = '1MB';
\set VERBOSITY sqlstate
SELECT count(*) FROM mlops.data_drift('SELECT i::float8 AS x FROM generate_series(1, 200000) i', 'SELECT 1::float8 AS x');
\set VERBOSITY default
RESET mlops.training_memory;

-- some columns, in the order asked for
SELECT "column", kind, status FROM mlops.data_drift('things', 'SELECT * FROM things', '{t,f8,t}');
-- other types, no rows, infinities
SELECT "column", kind, status, severity, psi, rows_current FROM mlops.data_drift('SELECT 1 AS a, 2 AS b FROM generate_series(1, 300)', 'SELECT ''1'' AS a, 2 AS b FROM generate_series(1, 300)');
SELECT "column", status, severity, psi, ks, missing_current, rows_reference, rows_current FROM mlops.data_drift('things', 'SELECT * FROM things WHERE false', '{f8,t}');
SELECT "column", ks, wasserstein, severity FROM mlops.data_drift(
	'SELECT i::float8 AS x, i::numeric AS n, date ''2020-01-01'' + i AS d, timestamp ''2020-01-01'' + i * interval ''1 day'' AS t FROM generate_series(1, 400) i',
	$$SELECT CASE WHEN i > 200 THEN 'Infinity' ELSE i::float8 END AS x, CASE WHEN i > 200 THEN 'Infinity' ELSE i::numeric END AS n, CASE WHEN i > 200 THEN 'infinity' ELSE date '2020-01-01' + i END AS d,
	         CASE WHEN i > 200 THEN 'infinity' ELSE timestamp '2020-01-01' + i * interval '1 day' END AS t FROM generate_series(1, 400) i$$);
-- options
SELECT severity FROM mlops.data_drift('SELECT i AS x FROM generate_series(1, 1000) i', 'SELECT i + 100 AS x FROM generate_series(1, 1000) i');
SELECT severity FROM mlops.data_drift('SELECT i AS x FROM generate_series(1, 1000) i', 'SELECT i + 100 AS x FROM generate_series(1, 1000) i', options => '{"warning": 2, "major": 3}');
SELECT a.psi < b.psi AS more_bins_see_more FROM mlops.data_drift('SELECT i % 97 AS x FROM generate_series(1, 1000) i', 'SELECT i % 89 AS x FROM generate_series(1, 1000) i', options => '{"bins": 2}') a,
       mlops.data_drift('SELECT i % 97 AS x FROM generate_series(1, 1000) i', 'SELECT i % 89 AS x FROM generate_series(1, 1000) i', options => '{"bins": 50}') b;

\set VERBOSITY terse
SELECT * FROM mlops.data_drift('things', 'things', '{absent}');
SELECT * FROM mlops.data_drift('things', 'SELECT 1 AS x', '{f8}');
SELECT * FROM mlops.data_drift('things', 'things', '{arr}');
SELECT * FROM mlops.data_drift('things', 'things', '{ip}');
SELECT * FROM mlops.data_drift('SELECT 1 AS a, 2 AS a', 'SELECT 1 AS a', '{a}');
SELECT count(*) FROM mlops.data_drift('SELECT 1 AS a, 2 AS a', 'SELECT 1 AS a');
SELECT * FROM mlops.data_drift('things', 'things', '{}');
SELECT * FROM mlops.data_drift('things', 'things', ARRAY[NULL]);
SELECT * FROM mlops.data_drift('things', NULL);
SELECT * FROM mlops.data_drift('things', 'things', options => '{"bins": 1}');
SELECT * FROM mlops.data_drift('things', 'things', options => '{"colour": 1}');
SELECT * FROM mlops.data_drift('things', 'things', options => '{"warning": 0.5}');
SELECT * FROM mlops.data_drift('things', 'DELETE FROM things');
-- as the caller: no more than the caller may read
CREATE ROLE regress_mlops_ann;
CREATE TABLE data_drift_secret AS SELECT 1 AS x;
SET ROLE regress_mlops_ann;
SELECT * FROM mlops.data_drift('data_drift_secret', 'SELECT 1 AS x');
SELECT "column" FROM mlops.data_drift('SELECT 1 AS x', 'SELECT 2 AS x');
RESET ROLE;
DROP TABLE data_drift_secret;
DROP ROLE regress_mlops_ann;
