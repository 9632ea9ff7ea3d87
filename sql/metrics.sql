-- Metrics against scikit-learn 1.2.1 (sklearn.metrics; ece from
-- sklearn.calibration.calibration_curve), computed from the same integer
-- formulas in numpy.  near() says "ok" or by how much it is not.
\set VERBOSITY terse
CREATE FUNCTION pg_temp.near(got float8, want float8, tolerance float8 DEFAULT 1e-12)
RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN abs(got - want) <= tolerance * greatest(abs(want), 1) THEN 'ok'
                  ELSE format('%s instead of %s', got, want) END $$;
CREATE TEMP TABLE m AS
SELECT i,
       ((i * 7919) % 1009) / 100.0::float8 - 3.0 AS y,
       ((i * 7919) % 1009) / 100.0::float8 - 3.0 + (((i * 104729) % 211) - 105) / 50.0::float8 AS p,
       ((i * 104729) % 103) < (i * 7919) % 101 AS a,
       ((i * 7919) % 101) / 100.0::float8 AS s,
       (ARRAY['low','mid','high','none'])[(i * 7919) % 3 + 1] AS at,
       (ARRAY['low','mid','high','none'])[CASE WHEN (i * 104729) % 7 < 4 THEN (i * 7919) % 3 ELSE (i * 31) % 4 END + 1] AS pt
  FROM generate_series(1, 2000) AS i;

-- regression
SELECT pg_temp.near(mlops.rmse(y, p), 1.2179393252539306) AS rmse,
       pg_temp.near(mlops.mae(y, p), 1.0547099999999998) AS mae,
       pg_temp.near(mlops.r2(y, p), 0.8251478462664773) AS r2,
       pg_temp.near(mlops.mape(y, p), 8691947280826.345) AS mape,
       -- the same spread a billion higher: a difference of sums would have lost it
       pg_temp.near(mlops.r2(y + 1e9, p + 1e9), 0.8251478462583319, 1e-7) AS r2_far_away
  FROM m;
-- integers and numerics come as they are
SELECT pg_temp.near(mlops.rmse(i, i + 2), 2) AS int4,
       pg_temp.near(mlops.mae(i::numeric, i + 0.5), 0.5) AS "numeric"
  FROM m;
-- scikit-learn's documented examples of mape with a zero, and of r2
SELECT pg_temp.near(mlops.mape(a, p), 112589990684262.48) AS mape_zero
  FROM (VALUES (1, 1.2), (0, 0.1), (2.4, 2.4), (7, 8)) AS v(a, p);
SELECT pg_temp.near(mlops.r2(g, 4 - g), -3) AS worse_than_mean FROM generate_series(1, 3) g;
SELECT mlops.r2(-2, -2) AS constant_exact,
       mlops.r2(-2, -2 + 1e-8 * g) AS constant_missed,
       mlops.r2(0.1, 0.1) AS constant_not_binary
  FROM generate_series(1, 3) g;
SELECT mlops.r2(1, 1) AS one_row, mlops.rmse(1, 3) AS rmse_of_one_row;

-- classes
SELECT pg_temp.near(mlops.accuracy(a, s > 0.5), 0.7445) AS accuracy,
       pg_temp.near(mlops.precision_score(a, s > 0.5), 0.7330637007077856) AS "precision",
       pg_temp.near(mlops.recall_score(a, s > 0.5), 0.7458847736625515) AS recall,
       pg_temp.near(mlops.f1(a, s > 0.5), 0.7394186639469659) AS f1
  FROM m;
SELECT pg_temp.near(mlops.accuracy(at, pt), 0.6785) AS accuracy,
       pg_temp.near(mlops.precision_score(at, pt), 0.5698502047414983) AS "precision",
       pg_temp.near(mlops.recall_score(at, pt), 0.5088745041893468) AS recall,
       pg_temp.near(mlops.f1(at, pt), 0.5376378694883531) AS f1
  FROM m;
SELECT pg_temp.near(mlops.precision_score(at, pt, 'mid'), 0.7596638655462185) AS "precision",
       pg_temp.near(mlops.recall_score(at, pt, 'mid'), 0.6776611694152923) AS recall,
       pg_temp.near(mlops.f1(at, pt, 'mid'), 0.716323296354992) AS f1,
       pg_temp.near(mlops.accuracy(length(at), length(pt)), mlops.accuracy(length(at)::text, length(pt)::text)) AS by_number
  FROM m;
SELECT jsonb_pretty(mlops.confusion(at, pt)) FROM m;
-- labels that are prefixes, empty or many
SELECT mlops.confusion(x, y) FROM (VALUES ('', 'a'), ('a', ''), ('a', 'aa'), ('aa', 'aa')) v(x, y);
SELECT count(*) AS classes, sum((value -> key)::int) AS n_rows
  FROM (SELECT mlops.confusion(g % 1000 || 'c', g % 1000 || 'c') AS c FROM generate_series(1, 5000) g) t,
       jsonb_each(c);

-- probabilities
SELECT pg_temp.near(mlops.auc(a, s), 0.8291015155882211) AS auc,
       pg_temp.near(mlops.auc(a::text, s, 'true'), 0.8291015155882211) AS auc_text,
       pg_temp.near(mlops.auc(a::text, s, 'false'), 1 - 0.8291015155882211) AS auc_other,
       pg_temp.near(mlops.log_loss(a, s), 0.5049524919673181) AS log_loss,
       pg_temp.near(mlops.brier(a, s), 0.16893375) AS brier,
       pg_temp.near(mlops.ece(a, s), 0.01616499999999998) AS ece,
       pg_temp.near(mlops.ece(a, s, 7), 0.015955000000000052) AS ece_7,
       pg_temp.near(mlops.ece(a, s, 1), 0.014014999999999776) AS ece_1
  FROM m;
SELECT pg_temp.near(mlops.auc(a, s), 0.75) AS auc FROM (VALUES (false, 0.1), (false, 0.4), (true, 0.35), (true, 0.8)) v(a, s);
SELECT mlops.auc(a, 0.5) AS all_tied FROM (VALUES (true), (false), (true)) v(a);
SELECT mlops.auc(a, s) AS reversed FROM (VALUES (true, -1e300), (true, 0), (false, 1e300)) v(a, s);
-- clipped at the float8 epsilon
SELECT pg_temp.near(mlops.log_loss(a, 0.0), 18.021826694558577) AS certain_and_wrong FROM (VALUES (true), (false)) v(a);
SELECT mlops.ece(true, p) AS edges FROM (VALUES (0.0), (1.0)) v(p);

-- one class; nothing predicted; no rows; only NULLs and NaN
SELECT mlops.auc(true, s) AS auc, mlops.recall_score(false, s > 0.5) AS recall,
       mlops.precision_score(a, false) AS "precision", mlops.f1(a, false) AS f1,
       mlops.f1(false, false) AS f1_nothing, mlops.recall_score(a, false) AS recall_0
  FROM m;
\pset null '(null)'
SELECT mlops.rmse(y, p), mlops.r2(y, p), mlops.accuracy(a, a), mlops.f1(at, pt), mlops.f1(at, pt, 'low'), mlops.auc(a, s),
       mlops.log_loss(a, s), mlops.brier(a, s), mlops.ece(a, s), mlops.confusion(at, pt)
  FROM m WHERE false;
SELECT mlops.rmse(y, NULL), mlops.r2(NULL, p), mlops.accuracy(a, NULL), mlops.f1(NULL, pt), mlops.auc(NULL::bool, s),
       mlops.log_loss(a, 'NaN'), mlops.brier(a, NULL), mlops.ece(a, NULL), mlops.confusion(at, NULL), mlops.mae(y, 'NaN')
  FROM m;
SELECT mlops.rmse(a, p) AS skips_nulls_and_nan, mlops.auc(a > 1, p) AS auc
  FROM (VALUES (1.0::float8, 2.0::float8), (NULL, 7), (3, NULL), ('NaN', 1), (1, 'NaN'), (2, 3)) v(a, p);

-- GROUP BY, FILTER, OVER
SELECT i % 3 AS g,
       pg_temp.near(mlops.auc(a, s), (ARRAY[0.8380983322503791, 0.8253653970768234, 0.8238506522717047])[i % 3 + 1]) AS auc,
       pg_temp.near(mlops.rmse(y, p), (ARRAY[1.22155023842042, 1.211851025722934, 1.2203990794176627])[i % 3 + 1]) AS rmse,
       pg_temp.near(mlops.f1(at, pt), (ARRAY[0.2018800358102059, 0.2024977698483497, 0.20196604110813227])[i % 3 + 1]) AS f1
  FROM m GROUP BY i % 3 ORDER BY 1;
SELECT pg_temp.near(mlops.auc(a, s) FILTER (WHERE i <= 500), 0.826519991673472) AS auc,
       pg_temp.near(mlops.log_loss(a, s) FILTER (WHERE i <= 500), 0.5086243290072753) AS log_loss,
       count(*)
  FROM m;
-- a running window: the final function leaves the state alone
SELECT i, pg_temp.near(auc, (ARRAY[1, 0.8686868686868686, 0.8445512820512819, 0.8291015155882211])[n]) AS auc,
       pg_temp.near(rmse, (ARRAY[1.151381778560005, 1.1857571420826443, 1.202906480155461, 1.2179393252539306])[n]) AS rmse
  FROM (SELECT i, mlops.auc(a, s) OVER w AS auc, mlops.rmse(y, p) OVER w AS rmse,
               array_position(ARRAY[10, 20, 50, 2000], i) AS n
          FROM m WINDOW w AS (ORDER BY i)) t
 WHERE n IS NOT NULL ORDER BY i;
SELECT i, mlops.confusion(at, pt) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
  FROM m ORDER BY i LIMIT 3;

-- errors say what is wrong and never the value
SELECT mlops.rmse(y, 'Infinity') FROM m;
SELECT mlops.auc(a, '-Infinity') FROM m;
SELECT mlops.log_loss(a, 1.00001) FROM m;
SELECT mlops.brier(a, -0.5) FROM m;
SELECT mlops.ece(a, 'Infinity') FROM m;
SELECT mlops.ece(a, s, 0) FROM m;
SELECT mlops.ece(a, s, 1001) FROM m;
SELECT mlops.ece(a, s, i) FROM m;
SELECT mlops.ece(a, s, NULL) FROM m;
SELECT mlops.f1(at, pt, NULL) FROM m;
SELECT mlops.auc(at, s, NULL) FROM m;
SELECT mlops.rmse(1e200, -1e200);
SELECT mlops.mae(1.7e308, -1.7e308), mlops.mape(1.7e308, -1.7e308);
SELECT mlops.confusion(g::text, 'x') FROM generate_series(1, 1000) g;
SET mlops.fit_memory = '64kB';
SELECT mlops.auc(g % 2 = 0, g) FROM generate_series(1, 4000) g;
SELECT mlops.auc(g % 2 = 0, g) FROM generate_series(1, 5000) g;
RESET mlops.fit_memory;
SELECT mlops.rmse(i::text, pt) FROM m;
