-- compare(): what was recorded of two versions, and both measured on the same rows.
SET client_min_messages = warning;
CREATE VIEW pima_train AS SELECT * FROM pima WHERE id % 3 <> 0;
CREATE VIEW pima_test AS SELECT * FROM pima WHERE id % 3 = 0;
SELECT version FROM mlops.train('cmp', 'pima_train', 'diabetes', 'logistic_regression', features => '{pregnant,glucose,pressure,mass,age}');
SELECT version FROM mlops.train('cmp', 'pima_train', 'diabetes', 'logistic_regression', features => '{pregnant,pressure,age,pedigree}', options => '{"l2": 10}');
SELECT version FROM mlops.train('cmp_three', 'penguins', 'species', 'logistic_regression', features => '{bill_length_mm,body_mass_g}', options => '{"l2": 1}');
SELECT version FROM mlops.train('cmp_three', 'penguins', 'species', 'logistic_regression', features => '{bill_depth_mm,body_mass_g}', options => '{"l2": 1}');
SELECT version FROM mlops.train('cmp_mass', 'penguins', 'body_mass_g', 'linear_regression', features => '{bill_length_mm,flipper_length_mm}');
SELECT version FROM mlops.train('cmp_mass', 'penguins', 'body_mass_g', 'linear_regression', features => '{bill_length_mm,bill_depth_mm}');
RESET client_min_messages;

-- recorded: metrics of each version's own holdout, options that differ, what is known of the data, features of one only
SELECT kind, item, a, b, difference FROM mlops.compare('cmp', 1, 2)
 WHERE kind IN ('option', 'feature') OR item IN ('target', 'source', 'rows_used');
SELECT count(*) FILTER (WHERE kind = 'metric') AS metrics,
       bool_and(difference IS NOT DISTINCT FROM b::float8 - a::float8) FILTER (WHERE kind = 'metric' AND item <> 'on') AS differences,
       count(*) FILTER (WHERE kind = 'option') AS options, count(ci_low) AS intervals, count(n) AS n
  FROM mlops.compare('cmp', 1, 2, options => '{"all_options": true}');
SELECT bool_and(c.a::float8 = (v.metrics->>c.item)::float8) AS as_recorded
  FROM mlops.compare('cmp', 1, 2) c, mlops.versions v WHERE c.kind = 'metric' AND c.item <> 'on' AND v.model = 'cmp' AND v.version = 1;
SELECT count(*) AS differ FROM mlops.compare('cmp', 2, 2) WHERE kind IN ('option', 'feature') OR difference <> 0;

-- measured: the values are evaluate()'s
SELECT e.metric, abs(c.a::float8 - e.value) < 1e-14 AND abs(c.b::float8 - f.value) < 1e-14 AND c.n = e.n AS same
  FROM mlops.compare('cmp', 1, 2, 'pima_test') c
  JOIN mlops.evaluate('cmp:1', 'pima_test') e ON e.metric = c.item
  JOIN mlops.evaluate('cmp:2', 'pima_test') f ON f.metric = c.item
 WHERE c.kind = 'measured' ORDER BY 1;
SELECT c.item, abs(c.a::float8 - e.value) < 1e-9 AND abs(c.b::float8 - f.value) < 1e-9 AND c.n = e.n AS same
  FROM mlops.compare('cmp_mass', 1, 2, 'SELECT * FROM penguins WHERE body_mass_g IS NOT NULL') c
  JOIN mlops.evaluate('cmp_mass:1', 'penguins') e ON e.metric = c.item
  JOIN mlops.evaluate('cmp_mass:2', 'penguins') f ON f.metric = c.item
 WHERE c.kind = 'measured' ORDER BY 1;
SELECT c.item, abs(c.a::float8 - e.value) < 1e-14 AND abs(c.b::float8 - f.value) < 1e-14 AND c.n = e.n AS same
  FROM mlops.compare('cmp_three', 1, 2, 'penguins') c
  JOIN mlops.evaluate('cmp_three:1', 'penguins') e ON e.metric = c.item
  JOIN mlops.evaluate('cmp_three:2', 'penguins') f ON f.metric = c.item
 WHERE c.kind = 'measured' ORDER BY 1;

-- the interval is that of the bootstrap by hand (rmse and mae, 2,000 draws of setseed's) to within chance
SELECT setseed(0.5) IS NOT NULL AS seeded;
CREATE TEMP TABLE errors AS SELECT row_number() OVER (ORDER BY id) AS i, mlops.predict('cmp_mass:1', p) - body_mass_g AS a, mlops.predict('cmp_mass:2', p) - body_mass_g AS b
  FROM penguins p WHERE body_mass_g IS NOT NULL;
CREATE TEMP TABLE by_hand AS
SELECT r, sqrt(avg(b * b)) - sqrt(avg(a * a)) AS rmse, avg(abs(b)) - avg(abs(a)) AS mae
  FROM (SELECT r, 1 + floor(random() * 342)::integer AS i FROM generate_series(1, 2000) r, generate_series(1, 342)) d JOIN errors USING (i) GROUP BY r;
SELECT c.item, abs(c.ci_low - h.low) < 0.15 * (h.high - h.low) AS low, abs(c.ci_high - h.high) < 0.15 * (h.high - h.low) AS high,
       c.ci_low < c.difference AND c.difference < c.ci_high AS around
  FROM mlops.compare('cmp_mass', 1, 2, 'SELECT * FROM penguins WHERE body_mass_g IS NOT NULL', options => '{"resamples": 4000}') c
  JOIN (SELECT 'rmse' AS item, percentile_cont(0.025) WITHIN GROUP (ORDER BY rmse) AS low, percentile_cont(0.975) WITHIN GROUP (ORDER BY rmse) AS high FROM by_hand
        UNION ALL SELECT 'mae', percentile_cont(0.025) WITHIN GROUP (ORDER BY mae), percentile_cont(0.975) WITHIN GROUP (ORDER BY mae) FROM by_hand) h USING (item) WHERE c.kind = 'measured' ORDER BY 1;
-- more confidence is a wider interval; the same seed the same one, whatever the order of rows; none without draws
CREATE FUNCTION pg_temp.auc_interval(source text, options jsonb) RETURNS float8[] LANGUAGE sql AS $$
	SELECT ARRAY[ci_low, ci_high] FROM mlops.compare('cmp', 1, 2, source, options => options) WHERE kind = 'measured' AND item = 'auc' $$;
SELECT pg_temp.auc_interval('pima_test', '{}') = pg_temp.auc_interval('SELECT * FROM pima_test ORDER BY age, id DESC', '{}') AS same,
       pg_temp.auc_interval('pima_test', '{}') = pg_temp.auc_interval('pima_test', '{"seed": 1}') AS other_seed,
       w[1] < n[1] AND w[2] > n[2] AS wider, pg_temp.auc_interval('pima_test', '{"resamples": 0}') AS none
  FROM pg_temp.auc_interval('pima_test', '{"confidence": 0.8}') n, pg_temp.auc_interval('pima_test', '{"confidence": 0.99}') w;
-- nothing differs from itself
SELECT item, difference, ci_low, ci_high, p_value FROM mlops.compare('cmp', 1, 1, 'pima_test') WHERE kind IN ('measured', 'test');

-- McNemar: rows that only one got right, by hand; exact below 25 of them, chi-squared with continuity correction else
SELECT c.item, c.a::integer = h.a AND c.b::integer = h.b AND c.difference = h.b - h.a AS counts, c.n, c.p_value BETWEEN 0 AND 1 AS is_p
  FROM mlops.compare('cmp', 1, 2, 'pima_test') c,
       (SELECT count(*) FILTER (WHERE a = diabetes AND b <> diabetes) AS a, count(*) FILTER (WHERE b = diabetes AND a <> diabetes) AS b
          FROM (SELECT diabetes, mlops.classify('cmp:1', p) AS a, mlops.classify('cmp:2', p) AS b FROM pima_test p) t) h
 WHERE c.kind = 'test';
-- 5 to 12: p = 0.143463134765625 (statsmodels 0.15.0, exact); 10 to 15: 0.423710797166794 (chi-squared, corrected)
CREATE TEMP VIEW judged AS SELECT id, diabetes, mlops.classify('cmp:1', p) = diabetes AS a, mlops.classify('cmp:2', p) = diabetes AS b, pregnant, glucose, pressure, mass, age, pedigree FROM pima p;
CREATE FUNCTION pg_temp.only(na integer, nb integer) RETURNS text LANGUAGE sql AS $$
	SELECT format('(SELECT * FROM judged WHERE a AND NOT b ORDER BY id LIMIT %s) UNION ALL (SELECT * FROM judged WHERE b AND NOT a ORDER BY id LIMIT %s) UNION ALL (SELECT * FROM judged WHERE a = b ORDER BY id LIMIT 20)', na, nb) $$;
SELECT item, a, b, difference, round(p_value::numeric, 12) AS p_value, n FROM mlops.compare('cmp', 1, 2, pg_temp.only(5, 12)) WHERE kind = 'test';
SELECT item, a, b, difference, round(p_value::numeric, 12) AS p_value, n FROM mlops.compare('cmp', 1, 2, pg_temp.only(10, 15)) WHERE kind = 'test';

-- one class only: no AUC, the rest stands; rows that a version cannot use, and classes it does not know, are said
SELECT item, a IS NULL AS a, difference IS NULL AS difference, ci_low IS NULL AS low FROM mlops.compare('cmp', 1, 2, 'SELECT * FROM pima_test WHERE diabetes = ''pos''') WHERE kind = 'measured';
SELECT item, n FROM mlops.compare('cmp', 1, 2, 'SELECT id, pregnant, glucose, pressure, mass, age, pedigree, CASE WHEN id % 10 = 0 THEN NULL WHEN id % 10 = 1 THEN ''other'' ELSE diabetes END AS diabetes FROM pima') WHERE item = 'brier' AND kind = 'measured';

-- rights: read to compare what is recorded, predict to measure; the source is read as the caller
CREATE ROLE regress_mlops_reader;
SELECT mlops.grant_model('cmp', 'regress_mlops_reader', 'read');
SET ROLE regress_mlops_reader;
SELECT count(*) > 5 AS recorded FROM mlops.compare('cmp', 1, 2);
SELECT * FROM mlops.compare('cmp', 1, 2, 'pima_test');
SELECT * FROM mlops.compare('cmp_mass', 1, 2);
RESET ROLE;
SELECT mlops.grant_model('cmp', 'regress_mlops_reader', 'predict');
SET ROLE regress_mlops_reader;
SELECT * FROM mlops.compare('cmp', 1, 2, 'pima_test');
RESET ROLE;
GRANT SELECT ON pima_test TO regress_mlops_reader;
SET ROLE regress_mlops_reader;
SELECT count(*) FROM mlops.compare('cmp', 1, 2, 'pima_test') WHERE kind = 'measured';
RESET ROLE;
SELECT mlops.revoke_model('cmp', 'regress_mlops_reader', 'read');
SET ROLE regress_mlops_reader;
SELECT * FROM mlops.compare('cmp', 1, 2, 'pima_test');
RESET ROLE;
BEGIN READ ONLY;
SELECT count(*) FROM mlops.compare('cmp', 1, 2, 'pima_test') WHERE kind = 'measured';
ROLLBACK;

-- what is refused
SELECT * FROM mlops.compare('cmp', 1, 9);
SELECT * FROM mlops.compare('cmp', 1, 2, 'SELECT * FROM pima WHERE false');
SELECT * FROM mlops.compare('cmp', 1, 2, 'SELECT id, diabetes, age FROM pima');
SELECT * FROM mlops.compare('cmp', 1, 2, 'pima', 'nothing');
SELECT * FROM mlops.compare('cmp', 1, 2, 'pima', 'age');
SELECT * FROM mlops.compare('cmp', 1, 2, 'pima', options => '{"resample": 1}');
SELECT * FROM mlops.compare('cmp', 1, 2, 'pima', options => '{"confidence": 1}');
\set VERBOSITY sqlstate
SELECT * FROM mlops.compare('nothing', 1, 2);
SELECT * FROM mlops.compare('cmp:1', 1, 2);
SELECT * FROM mlops.compare('cmp', 0, 2);
SELECT * FROM mlops.compare('cmp', NULL, 2);
SELECT * FROM mlops.compare('cmp', 1, NULL);
SELECT * FROM mlops.compare(NULL, 1, 2);
SET mlops.training_memory = '1MB';
SELECT count(*) FROM mlops.compare('cmp', 1, 2, 'SELECT p.* FROM pima p, generate_series(1, 100)');
RESET mlops.training_memory;
\set VERBOSITY default
SELECT count((mlops.drop_model(m)).versions) FROM unnest('{cmp,cmp_three,cmp_mass}'::text[]) m;
REVOKE ALL ON pima_test FROM regress_mlops_reader;
DROP ROLE regress_mlops_reader;
DROP VIEW judged, pima_train, pima_test;
