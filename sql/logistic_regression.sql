-- Logistic regression against statsmodels 0.13.5 (GLM, Binomial; MNLogit) and
-- scikit-learn 1.2.1 (LogisticRegression) on the same rows: complete rows of
-- credit (4,039; class 1 is "good") and of penguins (333).  Rows are taken
-- whole, without a holdout, so that the numbers are those of a plain fit.
\set VERBOSITY terse

CREATE VIEW credit_complete AS
SELECT status, seniority, "time", age, expenses, income, debt, amount, price, home, records,
       1 + id % 3 AS w
FROM credit c
WHERE c IS NOT NULL;
CREATE VIEW penguins_complete AS SELECT * FROM penguins p WHERE p IS NOT NULL;

-- what describe() says of a model's fit
CREATE FUNCTION fact(model text, key text) RETURNS jsonb LANGUAGE sql STABLE AS
$$ SELECT mlops.describe(v.artifact) -> 'model' -> key
   FROM mlops_private.version v JOIN mlops_private.model m USING (model_id) WHERE m.name = model $$;

-- maximum likelihood, two classes (statsmodels)
SELECT rows_used, features FROM mlops.train('lr_mle', 'credit_complete', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price,home,records}', validation => '{"method": "none"}');
WITH reference(term, estimate, std_error) AS (VALUES
    ('(intercept)', 0.161207988108, 0.602922420811),
    ('seniority', 0.105684727184, 0.00785915407614),
    ('time', 0.00155652531414, 0.00363557796975),
    ('age', -0.0063654128647, 0.00471198933846),
    ('expenses', -0.0123551222454, 0.0024820576267),
    ('income', 0.00823667996771, 0.000747513557828),
    ('debt', -0.00012245373314, 4.06810311537e-05),
    ('amount', -0.00215156312368, 0.000187193892891),
    ('price', 0.00117645912294, 0.000142792849168),
    ('home=other', 0.44451446947, 0.561874324222),
    ('home=owner', 1.40424887719, 0.545516680673),
    ('home=parents', 0.914148658629, 0.551604273963),
    ('home=priv', 0.67347653878, 0.564084681781),
    ('home=rent', 0.59284384195, 0.547404870019),
    ('records=yes', -1.74276263349, 0.106667260137)
)
SELECT count(*) AS terms,
       bool_and(abs(c.estimate / r.estimate - 1) < 1e-6) AS estimate,
       bool_and(abs(c.std_error / r.std_error - 1) < 1e-6) AS std_error
FROM reference r JOIN mlops.coefficients('lr_mle') c USING (term);
SELECT key, abs(fact('lr_mle', key)::float8 / value - 1) < 1e-9 AS same
FROM (VALUES ('log_likelihood', -1773.88483692), ('null_log_likelihood', -2288.95037466),
             ('deviance', 3547.76967384), ('aic', 3577.76967383), ('bic', 3672.32596006),
             ('pseudo_r2', 1 - 1773.88483692 / 2288.95037466)) AS v(key, value);
SELECT fact('lr_mle', 'n'), fact('lr_mle', 'rank'), fact('lr_mle', 'converged'),
       fact('lr_mle', 'separation'), fact('lr_mle', 'solver');

-- what follows from an estimate and its standard error
SELECT bool_and(abs(statistic - estimate / std_error) < 1e-12) AS z,
       bool_and(abs(p_value / two_sided - 1) < 1e-4) AS p,
       bool_and(abs(ci_high - estimate - 1.959963984540054 * std_error) < 1e-12) AS high,
       bool_and(abs(estimate - ci_low - 1.959963984540054 * std_error) < 1e-12) AS low,
       bool_and(abs(odds_ratio - exp(estimate)) < 1e-12 * odds_ratio) AS odds
FROM mlops.coefficients('lr_mle') JOIN
     -- 2 * scipy.stats.norm.sf(z) at the estimates above (scipy 1.10.1)
     (VALUES ('time', 0.668551406495), ('income', 3.10269667996e-28), ('home=owner', 0.0100482910166)) AS s(term, two_sided) USING (term);

-- the likelihood equations hold: expected counts equal observed ones
SELECT abs(sum(mlops.predict('lr_mle', c)) - count(*) FILTER (WHERE status = 'good')) < 1e-6 AS total,
       abs(sum(mlops.predict('lr_mle', c) * income) - sum(income) FILTER (WHERE status = 'good')) < 1e-3 AS by_income,
       abs(sum(mlops.predict('lr_mle', c)) FILTER (WHERE home = 'rent')
           - count(*) FILTER (WHERE home = 'rent' AND status = 'good')) < 1e-6 AS by_home
FROM credit_complete c;

-- both solvers, and any order of rows, end at the same point
SELECT rows_used, features FROM mlops.train('lr_lbfgs', 'credit_complete', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price,home,records}', validation => '{"method": "none"}',
    options => '{"solver": "lbfgs"}');
SELECT rows_used, features FROM mlops.train('lr_order', 'SELECT * FROM credit_complete ORDER BY price, income, amount', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price,home,records}', validation => '{"method": "none"}');
SELECT m, count(*) AS terms, bool_and(abs(c.estimate / r.estimate - 1) < 1e-10) AS estimate,
       bool_and(abs(c.std_error / r.std_error - 1) < 1e-6) AS std_error
FROM (VALUES ('lr_lbfgs'), ('lr_order')) AS v(m), mlops.coefficients(m) c
     JOIN mlops.coefficients('lr_mle') r USING (term)
GROUP BY m ORDER BY m;
SELECT fact('lr_lbfgs', 'solver');

-- columns of very different scale: the same fit
SELECT rows_used, features FROM mlops.train('lr_scale', 'SELECT status, seniority, "time", age, expenses * 1e-6 AS expenses, income + 1e9 AS income, debt * 1e8 AS debt, amount, price, home, records FROM credit_complete', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price,home,records}', validation => '{"method": "none"}');
SELECT count(*) AS terms, bool_and(abs(c.estimate * f / r.estimate - 1) < 1e-7) AS estimate,
       bool_and(abs(c.std_error * f / r.std_error - 1) < 1e-6) AS std_error
FROM mlops.coefficients('lr_scale') c JOIN mlops.coefficients('lr_mle') r USING (term),
     LATERAL (SELECT CASE c.term WHEN 'expenses' THEN 1e-6 WHEN 'debt' THEN 1e8 ELSE 1 END) AS s(f)
WHERE term <> '(intercept)';

-- row weights count as repeated rows (statsmodels GLM, freq_weights)
SELECT rows_used, features FROM mlops.train('lr_weight', 'credit_complete', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price,home,records}', validation => '{"method": "none"}', weight => 'w');
WITH reference(term, estimate, std_error) AS (VALUES
    ('(intercept)', -0.464522036272, 0.455010983738),
    ('seniority', 0.1146465867, 0.00574005566476),
    ('time', 0.00101368704731, 0.00259874903723),
    ('age', -0.00186512845601, 0.00333863593841),
    ('expenses', -0.0126705155548, 0.00177388307697),
    ('income', 0.00813947110349, 0.00053525423991),
    ('debt', -8.65005968914e-05, 3.06236215376e-05),
    ('amount', -0.00219771663091, 0.00013585451808),
    ('price', 0.00124480324196, 0.000104408580904),
    ('home=other', 0.892877854986, 0.427509593161),
    ('home=owner', 1.78097104506, 0.417286300327),
    ('home=parents', 1.40299146221, 0.421017536106),
    ('home=priv', 1.07909600991, 0.429161448685),
    ('home=rent', 1.02259058758, 0.418246581545),
    ('records=yes', -1.77885837657, 0.0764054335928)
)
SELECT count(*) AS terms,
       bool_and(abs(c.estimate / r.estimate - 1) < 1e-6) AS estimate,
       bool_and(abs(c.std_error / r.std_error - 1) < 1e-6) AS std_error
FROM reference r JOIN mlops.coefficients('lr_weight') c USING (term);
SELECT abs(fact('lr_weight', 'log_likelihood')::float8 / -3495.07338974 - 1) < 1e-9 AS log_likelihood;

-- class weights (statsmodels GLM, freq_weights n / (2 n_k))
SELECT rows_used, features FROM mlops.train('lr_class', 'credit_complete', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price,home,records}', validation => '{"method": "none"}',
    options => '{"class_weight": "balanced"}');
WITH reference(term, estimate) AS (VALUES
    ('(intercept)', -0.606191967114),
    ('seniority', 0.102782546986),
    ('time', 0.000135593564466),
    ('age', -0.00643467030076),
    ('expenses', -0.0118880092333),
    ('income', 0.00793057921672),
    ('debt', -0.000115185951539),
    ('amount', -0.00212250978982),
    ('price', 0.0011284036673),
    ('home=other', 0.268028156171),
    ('home=owner', 1.26110864751),
    ('home=parents', 0.737903801052),
    ('home=priv', 0.541825499647),
    ('home=rent', 0.431144733369),
    ('records=yes', -1.82090524469)
)
SELECT count(*) AS terms,
       bool_and(abs(c.estimate / r.estimate - 1) < 1e-6) AS estimate
FROM reference r JOIN mlops.coefficients('lr_class') c USING (term);

-- l2 (scikit-learn, C = 1 / l2): no standard errors, no information criteria
SELECT rows_used, features FROM mlops.train('lr_l2', 'SELECT status, seniority / 1000.0 AS seniority, "time" / 1000.0 AS "time", age / 1000.0 AS age, expenses / 1000.0 AS expenses, income / 1000.0 AS income, debt / 1000.0 AS debt, amount / 1000.0 AS amount, price / 1000.0 AS price FROM credit_complete', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price}', validation => '{"method": "none"}',
    options => '{"l2": 10}');
WITH reference(term, estimate) AS (VALUES
    ('(intercept)', 1.17496826786),
    ('seniority', 0.330786691626),
    ('time', -0.0228698856108),
    ('age', 0.17964383077),
    ('expenses', -0.149119208202),
    ('income', 1.54897619241),
    ('debt', -0.0020365989261),
    ('amount', -1.59363593028),
    ('price', 0.959039247767)
)
SELECT count(*) AS terms,
       bool_and(abs(c.estimate / r.estimate - 1) < 1e-5) AS estimate
FROM reference r JOIN mlops.coefficients('lr_l2') c USING (term);
SELECT count(std_error) AS with_error FROM mlops.coefficients('lr_l2');
SELECT fact('lr_l2', 'aic') AS aic, fact('lr_l2', 'l2') AS l2;

-- three classes (statsmodels MNLogit): contrasts against the first class, Biscoe
SELECT rows_used, features FROM mlops.train('lr_island', 'penguins_complete', 'island', 'logistic_regression',
    features => '{bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g}', validation => '{"method": "none"}');
WITH reference(class, term, estimate, std_error) AS (VALUES
    ('Dream', '(intercept)', -6.70607850943, 5.56460011446),
    ('Dream', 'bill_length_mm', 0.242405008516, 0.0519806149626),
    ('Dream', 'bill_depth_mm', 0.650715597815, 0.13301041926),
    ('Dream', 'flipper_length_mm', -0.0251276419508, 0.0302670010397),
    ('Dream', 'body_mass_g', -0.00254267522608, 0.000501353336843),
    ('Torgersen', '(intercept)', -8.81939974539, 6.53418744672),
    ('Torgersen', 'bill_length_mm', -0.0488476037967, 0.0642635890627),
    ('Torgersen', 'bill_depth_mm', 0.767757343456, 0.164817071062),
    ('Torgersen', 'flipper_length_mm', 0.0196277058111, 0.0352051801984),
    ('Torgersen', 'body_mass_g', -0.00189239462218, 0.000588256273931)
)
SELECT count(*) AS terms,
       bool_and(abs(c.estimate / r.estimate - 1) < 1e-6) AS estimate,
       bool_and(abs(c.std_error / r.std_error - 1) < 1e-6) AS std_error
FROM reference r JOIN mlops.coefficients('lr_island') c USING (class, term);
SELECT abs(fact('lr_island', 'log_likelihood')::float8 / -194.265587889 - 1) < 1e-9 AS log_likelihood,
       abs(fact('lr_island', 'null_log_likelihood')::float8 / -330.974553481 - 1) < 1e-9 AS null_log_likelihood;
SELECT k AS island, abs(sum(v::float8) - count(*) FILTER (WHERE k = island)) < 1e-6 AS expected_is_observed
FROM penguins_complete p, jsonb_each_text(mlops.proba('lr_island', p)) AS e(k, v)
GROUP BY k ORDER BY k;

-- three classes with l2 (scikit-learn): one set for each class, no reference
SELECT rows_used, features FROM mlops.train('lr_island_l2', 'SELECT island, bill_length_mm / 10 AS bill_length_mm, bill_depth_mm / 10 AS bill_depth_mm, flipper_length_mm / 100.0 AS flipper_length_mm, body_mass_g / 1000.0 AS body_mass_g FROM penguins_complete', 'island', 'logistic_regression',
    features => '{bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g}', validation => '{"method": "none"}',
    options => '{"l2": 2}');
WITH reference(class, term, estimate) AS (VALUES
    ('Biscoe', '(intercept)', -0.525717094535),
    ('Biscoe', 'bill_length_mm', -0.368875256525),
    ('Biscoe', 'bill_depth_mm', -2.09178029627),
    ('Biscoe', 'flipper_length_mm', 0.488773525896),
    ('Biscoe', 'body_mass_g', 1.28997356215),
    ('Dream', '(intercept)', -2.07547191085),
    ('Dream', 'bill_length_mm', 1.32592501458),
    ('Dream', 'bill_depth_mm', 1.16298046814),
    ('Dream', 'flipper_length_mm', -0.471107403209),
    ('Dream', 'body_mass_g', -1.09648207257),
    ('Torgersen', '(intercept)', 2.60118900538),
    ('Torgersen', 'bill_length_mm', -0.957049758053),
    ('Torgersen', 'bill_depth_mm', 0.928799828128),
    ('Torgersen', 'flipper_length_mm', -0.0176661226871),
    ('Torgersen', 'body_mass_g', -0.193491489586)
)
SELECT count(*) AS terms,
       bool_and(abs(c.estimate / r.estimate - 1) < 1e-5) AS estimate
FROM reference r JOIN mlops.coefficients('lr_island_l2') c USING (class, term);

-- many rows start from a sample and end where the plain path ends
SELECT rows_used, features FROM mlops.train('lr_many', 'SELECT c.* FROM credit_complete c, generate_series(1, 40)', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price,home,records}', validation => '{"method": "none"}');
SELECT bool_and(abs(c.estimate / r.estimate - 1) < 1e-9) AS estimate,
       bool_and(abs(c.std_error * sqrt(40) / r.std_error - 1) < 1e-6) AS std_error
FROM mlops.coefficients('lr_many') c JOIN mlops.coefficients('lr_mle') r USING (term);
SELECT fact('lr_many', 'iterations')::int < fact('lr_mle', 'iterations')::int AS fewer_passes;

-- a column that depends on others has no coefficient, and changes nothing
SELECT rows_used, features FROM mlops.train('lr_alias', 'SELECT *, income - 2 * debt + 3 AS combined FROM credit_complete', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price,home,records,combined}', validation => '{"method": "none"}');
SELECT bool_and(abs(c.estimate / r.estimate - 1) < 1e-9) AS others
FROM mlops.coefficients('lr_alias') c JOIN mlops.coefficients('lr_mle') r USING (term);
SELECT term, estimate, std_error, p_value FROM mlops.coefficients('lr_alias') WHERE term = 'combined';
SELECT bool_and(abs(mlops.predict('lr_alias', c) - mlops.predict('lr_mle', c)) < 1e-9) AS same_predictions
FROM (SELECT *, 0 AS combined FROM credit_complete) c;

-- separation is reported, complete (three species) and of one category only
SELECT rows_used, features FROM mlops.train('lr_species', 'penguins_complete', 'species', 'logistic_regression',
    features => '{bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g}', validation => '{"method": "none"}');
SELECT fact('lr_species', 'separation'), fact('lr_species', 'deviance')::float8 < 1e-3 AS fitted;
SELECT rows_used, features FROM mlops.train('lr_quasi', 'SELECT x, CASE WHEN x > 90 THEN ''rare'' ELSE ''usual'' END AS kind, x % 3 = 0 OR x > 90 AS y FROM generate_series(1, 100) x', 'y', 'logistic_regression',
    features => '{x,kind}', validation => '{"method": "none"}');
SELECT fact('lr_quasi', 'separation');
SELECT rows_used, features FROM mlops.train('lr_species_l2', 'penguins_complete', 'species', 'logistic_regression',
    features => '{bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g}', validation => '{"method": "none"}',
    options => '{"l2": 0.1}');
SELECT fact('lr_species_l2', 'separation'), fact('lr_species_l2', 'converged');

-- giving up early is said
SELECT rows_used, features FROM mlops.train('lr_short', 'credit_complete', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price,home,records}', validation => '{"method": "none"}',
    options => '{"max_iterations": 2}');
SELECT fact('lr_short', 'converged');

-- without an intercept (statsmodels GLM on the eight numbers)
SELECT rows_used, features FROM mlops.train('lr_origin', 'credit_complete', 'status', 'logistic_regression',
    features => '{seniority,time,age,expenses,income,debt,amount,price}', validation => '{"method": "none"}',
    options => '{"fit_intercept": false}');
WITH reference(term, estimate, std_error) AS (VALUES
    ('seniority', 0.0982482705388, 0.00731897578155),
    ('time', 0.01058926947, 0.00275336345529),
    ('age', 0.00492617414441, 0.00374508909514),
    ('expenses', -0.0127370996406, 0.00210652743143),
    ('income', 0.00759636329774, 0.000696657762717),
    ('debt', -5.06955734607e-05, 3.86355432851e-05),
    ('amount', -0.00238556595501, 0.00017700688875),
    ('price', 0.00139552864585, 0.000132217670114)
)
SELECT count(*) AS terms,
       bool_and(abs(c.estimate / r.estimate - 1) < 1e-6) AS estimate,
       bool_and(abs(c.std_error / r.std_error - 1) < 1e-6) AS std_error
FROM reference r JOIN mlops.coefficients('lr_origin') c USING (term);

-- errors
\set VERBOSITY sqlstate
SELECT mlops.train('lr_bad', 'credit_complete', 'income', 'logistic_regression');
SELECT mlops.train('lr_bad', 'credit_complete', 'status', 'logistic_regression', options => '{"l2": -1}');
SELECT mlops.train('lr_bad', 'credit_complete', 'status', 'logistic_regression', options => '{"solver": "sgd"}');
\set VERBOSITY default

SELECT count(mlops.drop_model(model)) AS dropped FROM mlops.models WHERE model LIKE 'lr\_%';
DROP FUNCTION fact;
DROP VIEW credit_complete, penguins_complete;

-- rows of many classes fitted exactly, by L-BFGS: weights vanish there, but no term depends on another
SET client_min_messages = warning;
SELECT n, (t.metrics ->> 'log_loss')::float8 < 1e-8 AS fitted
  FROM (VALUES (10), (15), (60)) AS v (n),
       LATERAL mlops.train('exact_' || n, format($$SELECT i::float8 AS x, 'c' || i AS y FROM generate_series(1, %s) AS i$$, n), 'y',
                           options => '{"solver": "lbfgs"}', validation => '{"method": "none"}') AS t;
SELECT n, (SELECT count(*) FROM mlops.coefficients('exact_' || n) WHERE estimate IS NULL) AS aliased
  FROM (VALUES (10), (15), (60)) AS v (n);
SELECT count(mlops.drop_model('exact_' || n)) FROM (VALUES (10), (15), (60)) AS v (n);
RESET client_min_messages;
