-- Least squares: NIST's certified values through train() and fit(), inference
-- against statsmodels 0.13.5, ridge against scikit-learn 1.2.1, and what
-- happens when the terms depend on one another.
\set VERBOSITY terse
SET client_min_messages = warning;

-- correct significant digits, at most 15
CREATE FUNCTION pg_temp.digits(got float8, want float8) RETURNS float8 LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN got = want THEN 15
                  WHEN want = 0 THEN least(15, -log(abs(got)))
                  ELSE least(15, -log((abs(got - want) / abs(want))::numeric)::float8) END $$;
CREATE FUNCTION pg_temp.near(got float8, want float8, tolerance float8 DEFAULT 1e-10)
RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN abs(got - want) <= tolerance * greatest(abs(want), 1) THEN 'ok'
                  WHEN got IS NULL AND want IS NULL THEN 'ok'
                  ELSE format('%s instead of %s', got, want) END $$;

-- Data and certified values: NIST/ITL Statistical Reference Datasets, linear
-- regression, https://www.itl.nist.gov/div898/strd/lls/lls.shtml
CREATE TABLE nist (name text, y float8, x float8[]);
INSERT INTO nist SELECT 'Norris', y, ARRAY[x] FROM unnest(
'{0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5, 666.9,
338.0, 447.5, 11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2, 999.0, 779.0,
11.1, 118.3, 229.2, 669.1, 448.9, 0.5}'::float8[],
'{0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1, 668.8,
339.3, 448.9, 10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0, 998.5, 778.9,
10.2, 117.6, 228.9, 668.4, 449.2, 0.2}'::float8[]) AS u(x, y);
INSERT INTO nist SELECT 'Filip', y, ARRAY[x, x*x, x*x*x, x*x*x*x, x*x*x*x*x, x*x*x*x*x*x, x*x*x*x*x*x*x,
    x*x*x*x*x*x*x*x, x*x*x*x*x*x*x*x*x, x*x*x*x*x*x*x*x*x*x] FROM unnest(
'{-6.860120914, -4.324130045, -4.358625055, -4.358426747, -6.955852379, -6.661145254, -6.355462942,
-6.118102026, -7.115148017, -6.815308569, -6.519993057, -6.204119983, -5.853871964, -6.109523091,
-5.79832982, -5.482672118, -5.171791386, -4.851705903, -4.517126416, -4.143573228, -3.709075441,
-3.499489089, -6.300769497, -5.953504836, -5.642065153, -5.031376979, -4.680685696, -4.329846955,
-3.928486195, -8.56735134, -8.363211311, -8.107682739, -7.823908741, -7.522878745, -7.218819279,
-6.920818754, -6.628932138, -6.323946875, -5.991399828, -8.781464495, -8.663140179, -8.473531488,
-8.247337057, -7.971428747, -7.676129393, -7.352812702, -7.072065318, -6.774174009, -6.478861916,
-6.159517513, -6.835647144, -6.53165267, -6.224098421, -5.910094889, -5.598599459, -5.290645224,
-4.974284616, -4.64454848, -4.290560426, -3.885055584, -3.408378962, -3.13200249, -8.726767166,
-8.66695597, -8.511026475, -8.165388579, -7.886056648, -7.588043762, -7.283412422, -6.995678626,
-6.691862621, -6.392544977, -6.067374056, -6.684029655, -6.378719832, -6.065855188, -5.752272167,
-5.132414673, -4.811352704, -4.098269308, -3.66174277, -3.2644011}'::float8[],
'{0.8116, 0.9072, 0.9052, 0.9039, 0.8053, 0.8377, 0.8667, 0.8809, 0.7975, 0.8162, 0.8515, 0.8766,
0.8885, 0.8859, 0.8959, 0.8913, 0.8959, 0.8971, 0.9021, 0.909, 0.9139, 0.9199, 0.8692, 0.8872, 0.89,
0.891, 0.8977, 0.9035, 0.9078, 0.7675, 0.7705, 0.7713, 0.7736, 0.7775, 0.7841, 0.7971, 0.8329,
0.8641, 0.8804, 0.7668, 0.7633, 0.7678, 0.7697, 0.77, 0.7749, 0.7796, 0.7897, 0.8131, 0.8498,
0.8741, 0.8061, 0.846, 0.8751, 0.8856, 0.8919, 0.8934, 0.894, 0.8957, 0.9047, 0.9129, 0.9209,
0.9219, 0.7739, 0.7681, 0.7665, 0.7703, 0.7702, 0.7761, 0.7809, 0.7961, 0.8253, 0.8602, 0.8809,
0.8301, 0.8664, 0.8834, 0.8898, 0.8964, 0.8963, 0.9074, 0.9119, 0.9228}'::float8[]) AS u(x, y);
INSERT INTO nist VALUES
('Longley', 60323, '{ 83, 234289, 2356, 1590, 107608, 1947}'),
('Longley', 61122, '{ 88.5, 259426, 2325, 1456, 108632, 1948}'),
('Longley', 60171, '{ 88.2, 258054, 3682, 1616, 109773, 1949}'),
('Longley', 61187, '{ 89.5, 284599, 3351, 1650, 110929, 1950}'),
('Longley', 63221, '{ 96.2, 328975, 2099, 3099, 112075, 1951}'),
('Longley', 63639, '{ 98.1, 346999, 1932, 3594, 113270, 1952}'),
('Longley', 64989, '{ 99, 365385, 1870, 3547, 115094, 1953}'),
('Longley', 63761, '{ 100, 363112, 3578, 3350, 116219, 1954}'),
('Longley', 66019, '{ 101.2, 397469, 2904, 3048, 117388, 1955}'),
('Longley', 67857, '{ 104.6, 419180, 2822, 2857, 118734, 1956}'),
('Longley', 68169, '{ 108.4, 442769, 2936, 2798, 120445, 1957}'),
('Longley', 66513, '{ 110.8, 444546, 4681, 2637, 121950, 1958}'),
('Longley', 68655, '{ 112.6, 482704, 3813, 2552, 123366, 1959}'),
('Longley', 69564, '{ 114.2, 502601, 3931, 2514, 125368, 1960}'),
('Longley', 69331, '{ 115.7, 518173, 4806, 2572, 127852, 1961}'),
('Longley', 70551, '{ 116.9, 554894, 4007, 2827, 130081, 1962}');
INSERT INTO nist SELECT 'Wampler1', 1 + x + x^2 + x^3 + x^4 + x^5, ARRAY[x, x^2, x^3, x^4, x^5]
    FROM (SELECT i::float8 FROM generate_series(0, 20) AS i) AS u(x);
-- Wampler3 and 5: 1 and 10000 times the same deviations, which Wampler3 has with y = 760, -2042, ...
INSERT INTO nist SELECT name, p + factor * (y3 - p), ARRAY[x, x^2, x^3, x^4, x^5]
    FROM (VALUES ('Wampler3', 1), ('Wampler4', 100), ('Wampler5', 10000)) AS f(name, factor),
         (SELECT (n - 1)::float8, y, 1 + (n - 1)::float8 + (n - 1)^2 + (n - 1)^3 + (n - 1)^4 + (n - 1)^5 FROM unnest(
'{760, -2042, 2111, -1684, 3888, 1858, 11379, 17560, 39287, 64382, 113159, 175108, 273291, 400186,
581243, 811568, 1121004, 1506550, 2002767, 2611612, 3369180}'::float8[]) WITH ORDINALITY AS w(y, n)) AS u(x, y3, p);
CREATE TABLE certified (name text, options jsonb, digits float8, sd_digits float8, rss float8, r2 float8, estimate float8[], std_error float8[]);
INSERT INTO certified VALUES
('Norris', '{}', 12, 12, 26.6173985294224, 0.999993745883712,
 '{-0.262323073774029, 1.00211681802045}', '{0.232818234301152, 0.429796848199937E-03}'),
('Longley', '{}', 11, 11, 836424.055505915, 0.995479004577296,
 '{-3482258.63459582, 15.0618722713733, -0.358191792925910E-01, -2.02022980381683, -1.03322686717359, -0.511041056535807E-01, 1829.15146461355}',
 '{890420.383607373, 84.9149257747669, 0.334910077722432E-01, 0.488399681651699, 0.214274163161675, 0.226073200069370, 455.478499142212}'),
('Wampler1', '{}', 9, 6, 0, 1, '{1, 1, 1, 1, 1, 1}', '{0, 0, 0, 0, 0, 0}'),
('Wampler3', '{}', 8.5, 10, 83554268.0000000, 0.999995559025820, '{1, 1, 1, 1, 1, 1}',
 '{2152.32624678170, 2363.55173469681, 779.343524331583, 101.475507550350, 5.64566512170752, 0.112324854679312}'),
('Wampler4', '{}', 7.5, 10, 835542680000.000, 0.957478440825662, '{1, 1, 1, 1, 1, 1}',
 '{215232.624678170, 236355.173469681, 77934.3524331583, 10147.5507550350, 564.566512170752, 11.2324854679312}'),
('Wampler5', '{}', 5.5, 10, 8355426800000000, 0.00224668921574940, '{1, 1, 1, 1, 1, 1}',
 '{21523262.4678170, 23635517.3469681, 7793435.24331583, 1014755.07550350, 56456.6512170752, 1123.24854679312}'),
('Filip', '{"tolerance": 1e-10}', 6, 6, 0.795851382172941E-03, 0.996727416185620,
 '{-1467.48961422980, -2772.17959193342, -2316.37108160893, -1127.97394098372, -354.478233703349, -75.1242017393757,
   -10.8753180355343, -1.06221498588947, -0.670191154593408E-01, -0.246781078275479E-02, -0.402962525080404E-04}',
 '{298.084530995537, 559.779865474950, 466.477572127796, 227.204274477751, 71.6478660875927, 15.2897178747400,
   2.23691159816033, 0.221624321934227, 0.142363763154724E-01, 0.535617408889821E-03, 0.896632837373868E-05}');

CREATE TABLE nist_models AS
SELECT name, mlops.fit('linear_regression', y, x, options) AS model FROM nist JOIN certified USING (name) GROUP BY name;
SELECT name, (mlops.train(lower(name), format('SELECT y, x FROM nist WHERE name = %L', name), 'y',
                          options => options, validation => '{"method": "none"}')).rows_used
    FROM certified ORDER BY name COLLATE "C";
CREATE FUNCTION pg_temp.nist(model mlops.model, of text)
RETURNS TABLE (terms bigint, worst float8, worst_sd float8, rss_digits float8, r2_digits float8) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM mlops.coefficients(model)),
           (SELECT min(pg_temp.digits(k.estimate, c.estimate[k.n]))
              FROM mlops.coefficients(model) WITH ORDINALITY AS k(term, class, estimate, std_error, statistic, p_value, ci_low, ci_high, odds_ratio, n)),
           (SELECT min(pg_temp.digits(k.std_error, c.std_error[k.n]))
              FROM mlops.coefficients(model) WITH ORDINALITY AS k(term, class, estimate, std_error, statistic, p_value, ci_low, ci_high, odds_ratio, n)),
           pg_temp.digits((mlops.describe(model)->'model'->>'rss')::float8, c.rss),
           pg_temp.digits((mlops.describe(model)->'model'->>'r2')::float8, c.r2)
      FROM certified AS c WHERE name = of $$;
SELECT c.name, f.terms = cardinality(c.estimate) AS fit_terms, f.worst >= c.digits AS fit_estimates,
       f.worst_sd >= c.sd_digits AS fit_errors, f.rss_digits >= c.sd_digits - 1 AS fit_rss, f.r2_digits >= least(12, c.sd_digits + 2) AS fit_r2
    FROM certified AS c JOIN nist_models USING (name), pg_temp.nist(model, name) AS f ORDER BY 1;
SELECT c.name, t.terms = cardinality(c.estimate) AS train_terms, t.worst >= c.digits AS train_estimates,
       t.worst_sd >= c.sd_digits AS train_errors, t.rss_digits >= c.sd_digits - 1 AS train_rss, t.r2_digits >= least(12, c.sd_digits + 2) AS train_r2
    FROM certified AS c, mlops_private.model AS m JOIN mlops_private.version USING (model_id), pg_temp.nist(artifact, c.name) AS t
    WHERE m.name = lower(c.name) ORDER BY 1;

-- at R's default tolerance one term of Filip depends on the others
SET client_min_messages = notice;
SELECT rows_used FROM mlops.train('filip', $$SELECT y, x FROM nist WHERE name = 'Filip'$$, 'y', validation => '{"method": "none"}');
SELECT term, estimate IS NULL AS aliased, std_error IS NULL AS no_error FROM mlops.coefficients('filip:2') WHERE estimate IS NULL;
SELECT mlops.describe('filip:2')->'model'->'rank' AS rank, mlops.predict('filip:2', x) BETWEEN 0.7 AND 1 AS near
    FROM nist WHERE name = 'Filip' LIMIT 1;

-- Inference on ten rows: statsmodels 0.13.5, OLS and WLS; AIC and BIC count the
-- variance as a parameter, as R's do (statsmodels does not: 2 and log(10) are added).
CREATE TABLE ten (x1 float8, x2 float8, g text, y float8, w float8);
INSERT INTO ten VALUES
(1.5, 2.0, 'a', 3.1, 1.0), (2.0, 1.0, 'b', 4.9, 2.0), (3.5, 4.0, 'c', 9.2, 0.5), (4.0, 3.0, 'a', 6.8, 1.5), (5.5, 5.0, 'b', 12.1, 1.0),
(6.0, 2.5, 'c', 11.7, 3.0), (7.5, 6.0, 'a', 11.2, 1.0), (8.0, 1.5, 'b', 13.3, 0.5), (9.5, 7.0, 'c', 19.9, 2.0), (10.0, 4.5, 'a', 13.6, 1.0);
-- Confidence limits are estimate -+ 2.570581835636314 standard errors, R's qt(0.975, 5).
CREATE TABLE reference (model text, n int, estimate float8, std_error float8, statistic float8, p_value float8);
INSERT INTO reference VALUES
('ols', 1, -0.556232644899612, 0.820625322135208, -0.67781559975792, 0.527980016876858),
('ols', 2, 1.20149439337521, 0.126006010828416, 9.53521491138466, 0.000214678348659517),
('ols', 3, 0.599390937546369, 0.206755959779819, 2.89902616681367, 0.0338290526057762),
('ols', 4, 2.95003426859515, 0.727366213847346, 4.05577577351466, 0.00976964923672447),
('ols', 5, 3.84950893456464, 0.691783674490579, 5.56461373188572, 0.0025792258314863),
('wls', 1, -0.699203400602931, 0.756780319729469, -0.923918582942114, 0.397925772078083),
('wls', 2, 1.13646465253875, 0.149245566710088, 7.6147297208925, 0.000620803393146702),
('wls', 3, 0.754988175837902, 0.203560888781906, 3.70890587261482, 0.0138706329569389),
('wls', 4, 2.80108020859809, 0.71731049872461, 3.90497589757637, 0.0113522503614242),
('wls', 5, 3.92098023368158, 0.629886111662252, 6.22490345649029, 0.0015648681513686);
SELECT rows_used, features FROM mlops.train('ols', 'ten', 'y', features => '{x1,x2,g}', validation => '{"method": "none"}');
SELECT rows_used, features FROM mlops.train('wls', 'ten', 'y', weight => 'w', validation => '{"method": "none"}');
SELECT model, term, class, pg_temp.near(k.estimate, r.estimate) AS estimate, pg_temp.near(k.std_error, r.std_error) AS std_error,
       pg_temp.near(k.statistic, r.statistic) AS statistic, pg_temp.near(k.p_value, r.p_value) AS p_value,
       pg_temp.near(k.ci_low, r.estimate - 2.570581835636314 * r.std_error) AS ci_low, pg_temp.near(k.ci_high, r.estimate + 2.570581835636314 * r.std_error) AS ci_high, odds_ratio
    FROM reference AS r JOIN LATERAL mlops.coefficients(r.model) WITH ORDINALITY AS k(term, class, estimate, std_error, statistic, p_value, ci_low, ci_high, odds_ratio, n)
    USING (n) ORDER BY model, n;
SELECT v.model, v.fact, pg_temp.near((mlops.describe(v.model)->'model'->>v.fact)::float8, v.want) AS is
    FROM (VALUES
    ('ols', 'n', 10), ('ols', 'rank', 5), ('ols', 'df_residual', 5), ('ols', 'rss', 4.00986578722382), ('ols', 'r2', 0.981061955514302),
    ('ols', 'adj_r2', 0.965911519925743), ('ols', 'f_statistic', 64.7547029113264), ('ols', 'f_p_value', 0.000170408401036218),
    ('ols', 'sigma', 0.895529540241283), ('ols', 'log_likelihood', -9.62024872326708), ('ols', 'aic', 31.2404974465342), ('ols', 'bic', 33.0560080044984),
    ('wls', 'rss', 4.56767214438908), ('wls', 'r2', 0.986367026753822), ('wls', 'adj_r2', 0.97546064815688), ('wls', 'f_statistic', 90.4394632908077),
    ('wls', 'f_p_value', 7.52133071881649e-05), ('wls', 'sigma', 0.955789950186659), ('wls', 'log_likelihood', -9.51943965635779),
    ('wls', 'aic', 31.0388793127156), ('wls', 'bic', 32.8543898706799)) AS v(model, fact, want);
-- the prediction is what the coefficients say, and the residuals' squares are the RSS
SELECT pg_temp.near(sum((y - mlops.predict('ols', t))^2), 4.00986578722382) AS ols,
       pg_temp.near(sum(w * (y - mlops.predict('wls', t))^2), 4.56767214438908) AS wls FROM ten AS t;

-- without intercept (R2 and F are then those against zero, as in R and statsmodels)
SELECT rows_used FROM mlops.train('origin', 'ten', 'y', features => '{x1,x2}', options => '{"fit_intercept": false}', validation => '{"method": "none"}');
SELECT term, pg_temp.near(estimate, CASE term WHEN 'x1' THEN 1.3532347664565 ELSE 0.700546290474239 END) AS estimate,
       pg_temp.near(std_error, CASE term WHEN 'x1' THEN 0.266028647517436 ELSE 0.415297647723989 END) AS std_error FROM mlops.coefficients('origin');
SELECT pg_temp.near((d->>'r2')::float8, 0.972691446059731) AS r2, pg_temp.near((d->>'adj_r2')::float8, 0.965864307574663) AS adj_r2,
       pg_temp.near((d->>'f_statistic')::float8, 142.47425157513) AS f, pg_temp.near((d->>'log_likelihood')::float8, -20.6424881287225) AS ll,
       d->'df_residual' AS df FROM (SELECT mlops.describe('origin')->'model') AS m(d);
SELECT pg_temp.near(mlops.predict('origin', '{"x1": 0, "x2": 0}'::jsonb), 0) AS origin;

-- ridge: scikit-learn 1.2.1, Ridge(alpha=2.5); no standard errors
SELECT rows_used FROM mlops.train('ridge', 'ten', 'y', features => '{x1,x2,g}', options => '{"l2": 2.5}', validation => '{"method": "none"}');
SELECT rows_used FROM mlops.train('ridge_w', 'ten', 'y', weight => 'w', options => '{"l2": 2.5}', validation => '{"method": "none"}');
SELECT rows_used FROM mlops.train('ridge_0', 'ten', 'y', features => '{x1,x2}', options => '{"l2": 2.5, "fit_intercept": false}', validation => '{"method": "none"}');
SELECT v.model, term, pg_temp.near(estimate, want[k.n]) AS estimate, std_error, p_value, ci_low
    FROM (VALUES ('ridge', '{1.08460157641786,1.19704148868794,0.535747114004929,0.813445243826602,1.37633108120162}'::float8[]),
                 ('ridge_w', '{0.78399149307011,1.19841582421186,0.638570967426592,0.779748524973079,1.71787698317251}'),
                 ('ridge_0', '{1.34058102933624,0.708200822777407}')) AS v(model, want),
         mlops.coefficients(v.model) WITH ORDINALITY AS k(term, class, estimate, std_error, statistic, p_value, ci_low, ci_high, odds_ratio, n);
SELECT d->'l2' AS l2, d->'aic' AS aic, d->'sigma' AS sigma, d ? 'r2' AS r2 FROM (SELECT mlops.describe('ridge')->'model') AS m(d);

-- terms that depend on earlier ones get no coefficient, as in R's lm, and change no prediction
CREATE VIEW dependent AS SELECT x1, x2, x1 + 2 * x2 AS sum, 5.0::float8 AS five, g, g || g AS same, y FROM ten;
SELECT rows_used FROM mlops.train('dependent', 'dependent', 'y', features => '{x1,x2,sum,g,same}', validation => '{"method": "none"}');
SELECT term, pg_temp.near(d.estimate, o.estimate) AS estimate, pg_temp.near(d.std_error, o.std_error) AS std_error
    FROM mlops.coefficients('dependent') AS d LEFT JOIN mlops.coefficients('ols') AS o USING (term);
SELECT mlops.describe('dependent')->'model'->'rank' AS rank,
       bool_and(abs(mlops.predict('dependent', d) - mlops.predict('ols', d)) < 1e-10) AS same FROM dependent AS d;
-- a constant beside the intercept, and instead of it
SELECT term, estimate IS NULL AS aliased FROM (SELECT mlops.fit('linear_regression', y, ARRAY[five, x1]) FROM dependent) AS m(model), mlops.coefficients(model);
SELECT term, estimate IS NULL AS aliased FROM (SELECT mlops.fit('linear_regression', y, ARRAY[five, x1], '{"fit_intercept": false}') FROM dependent) AS m(model), mlops.coefficients(model);
-- with a penalty nothing is aliased
SELECT count(*) FILTER (WHERE estimate IS NULL) AS aliased
    FROM (SELECT mlops.fit('linear_regression', y, ARRAY[five, x1, x2, sum], '{"l2": 1e-3}') FROM dependent) AS m(model), mlops.coefficients(model);

-- as many rows as terms: exact, no standard errors; fewer rows: the rest is aliased
SELECT term, pg_temp.near(estimate, want) AS estimate, std_error, p_value
    FROM (SELECT mlops.fit('linear_regression', y, ARRAY[x]) FROM (VALUES (1, 3), (2, 5)) AS v(x, y)) AS m(model),
         mlops.coefficients(model) JOIN (VALUES ('(intercept)', 1), ('x[1]', 2)) AS w(term, want) USING (term);
SELECT term, estimate IS NULL AS aliased, std_error
    FROM (SELECT mlops.fit('linear_regression', y, ARRAY[x, x * x, z]) FROM (VALUES (1, 3, 1), (2, 5, 7)) AS v(x, y, z)) AS m(model), mlops.coefficients(model);
SELECT term, pg_temp.near(estimate, CASE term WHEN '(intercept)' THEN 3 END) AS estimate
    FROM (SELECT mlops.fit('linear_regression', 3, ARRAY[1, 2])) AS m(model), mlops.coefficients(model);
-- a constant target: estimates, and no ratios of zero
SELECT term, pg_temp.near(estimate, CASE term WHEN '(intercept)' THEN 4 ELSE 0 END) AS estimate
    FROM (SELECT mlops.fit('linear_regression', 4, ARRAY[x1, x2]) FROM ten) AS m(model), mlops.coefficients(model);
-- numbers near the ends of the range
SELECT pg_temp.near(mlops.predict(model, ARRAY[5e150]) / 1e150, 5) AS large FROM (SELECT mlops.fit('linear_regression', i * 1e150, ARRAY[i * 1e150]) FROM generate_series(1, 9) AS i) AS m(model);
SELECT pg_temp.near(mlops.predict(model, ARRAY[5e-150]) * 1e150, 5) AS small FROM (SELECT mlops.fit('linear_regression', i * 1e-150, ARRAY[i * 1e-150]) FROM generate_series(1, 9) AS i) AS m(model);
SELECT pg_temp.near(mlops.predict(model, ARRAY[5e300, 1e307]) / 1e300, 5) AS huge
    FROM (SELECT mlops.fit('linear_regression', i * 1e300, ARRAY[i * 1e300, i % 2 * 1e307]) FROM generate_series(1, 9) AS i) AS m(model);

-- options, both ends and just outside
SELECT o, mlops.fit('linear_regression', y, ARRAY[x1], o::jsonb) IS NOT NULL AS fitted
    FROM ten, unnest('{"{\"l2\": 0}","{\"l2\": 1e300}","{\"tolerance\": 0}","{\"tolerance\": 1}","{\"fit_intercept\": null}"}'::text[]) AS o GROUP BY o ORDER BY o;
SELECT mlops.fit('linear_regression', y, ARRAY[x1], '{"l2": -1e-300}') FROM ten;
SELECT mlops.fit('linear_regression', y, ARRAY[x1], '{"tolerance": -0.001}') FROM ten;
SELECT mlops.fit('linear_regression', y, ARRAY[x1], '{"tolerance": 1.001}') FROM ten;
SELECT mlops.fit('linear_regression', y, ARRAY[x1], '{"fit_intercept": 1}') FROM ten;
SELECT mlops.fit('linear_regression', y, ARRAY[x1], '{"l2": "1"}') FROM ten;
SELECT mlops.train('of_class', 'ten', 'g', algorithm => 'linear_regression');

DROP VIEW dependent;
DROP TABLE nist, nist_models, certified, ten, reference;
SELECT mlops.drop_model(model) IS NOT NULL AS dropped FROM mlops.models;
