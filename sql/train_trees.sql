-- Trees through mlops.train(): options, holdout, refit, auto, warm start, bad
-- input, and that nothing but rows, options and seed decides the bytes.
\set VERBOSITY terse
CREATE TABLE orchard AS
SELECT i AS id, (i * 7919) % 101 AS area, (ARRAY['north','south','west'])[i % 3 + 1] AS side, CASE WHEN i % 17 <> 0 THEN i % 50 END AS age,
       sin(((i * 7919) % 101) * 0.1) * 5 + (i % 3) * 20 + (i * 31) % 7 AS price, ((i * 7919) % 101 > 50) <> (i % 3 = 0) AS sold,
       (ARRAY['low','mid','high'])[((i * 7919) % 101 + i % 3 * 50) / 68 + 1] AS level, 1 + i % 2 AS w
  FROM generate_series(1, 2000) AS i;
ALTER TABLE orchard ADD PRIMARY KEY (id);
CREATE FUNCTION pg_temp.hash(model text) RETURNS text LANGUAGE SQL AS $$ SELECT mlops.describe(model)->>'sha256' $$;
CREATE FUNCTION pg_temp.try(source text, target text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (mlops.train('tried_' || target, source, target, 'gradient_boosting', options => options, alias => 'last')).rows_used;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- options: the general ones of trees differ from those of linear models
SELECT option, "default", valid FROM mlops.algorithm_options('gradient_boosting') WHERE option IN ('missing', 'max_categories', 'sample', 'seed', 'missing_category', 'task', 'class_weight') ORDER BY option;
SELECT option, "default", valid FROM mlops.algorithm_options('linear_regression') WHERE option IN ('missing', 'max_categories', 'sample') ORDER BY option;
SELECT mlops.train('boosted', 'orchard', 'price', 'gradient_boosting', options => '{"missing": "mean"}');
SELECT mlops.train('boosted', 'orchard', 'price', 'gradient_boosting', options => '{"max_categories": 65001}');
SELECT mlops.train('boosted', 'orchard', 'price', 'linear_regression', options => '{"missing": "native"}');

-- the metrics of training are those of evaluate() on the same rows: those that training does not see
SELECT algorithm, rows_used, rows_skipped, features, metrics->'n' AS n, metrics->'on' AS on, (metrics->>'rmse')::float8 < 4 AS good FROM mlops.train('boosted', 'orchard', 'price', 'gradient_boosting', validation => '{"fraction": 0.3}');
SELECT mlops.describe('boosted')->'facts'->'rows_trained' AS trained, mlops.describe('boosted')->'facts'->'rows_held_out' AS held_out, mlops.describe('boosted')->'facts'->'options'->'missing' AS missing;
SELECT rows_used, metrics->'on' AS on, metrics->'n' AS n FROM mlops.train('whole', 'orchard', 'price', 'gradient_boosting', validation => '{"method": "none"}');
SELECT rows_used, metrics->'on' AS on FROM mlops.train('whole_sold', 'orchard', 'sold', 'gradient_boosting', validation => '{"method": "none"}');
SELECT rows_used, metrics->'on' AS on FROM mlops.train('whole_level', 'orchard', 'level', 'gradient_boosting', validation => '{"method": "none"}');
SELECT model, count(*), bool_and(abs((metrics->>metric)::float8 - value) <= 1e-12 * greatest(abs(value), 1)) AS as_evaluated
  FROM mlops.versions, mlops.evaluate(model, 'orchard') WHERE model LIKE 'whole%' GROUP BY model ORDER BY model;
-- the held-out rows are those of a linear model: same variance of the truth, which is mse / (1 - r2)
SELECT rows_used FROM mlops.train('line', 'orchard', 'price', 'linear_regression', validation => '{"fraction": 0.3}');
SELECT abs(b.v / l.v - 1) < 1e-9 AS same_rows FROM (SELECT (metrics->>'rmse')::float8 ^ 2 / (1 - (metrics->>'r2')::float8) AS v FROM mlops.versions WHERE model = 'boosted') AS b,
     (SELECT (metrics->>'rmse')::float8 ^ 2 / (1 - (metrics->>'r2')::float8) AS v FROM mlops.versions WHERE model = 'line') AS l;
-- rows that decide when to stop are training rows
SELECT metrics->'n' AS n FROM mlops.train('stopped', 'orchard', 'price', 'gradient_boosting', options => '{"n_iter_no_change": 3, "n_estimators": 500, "validation_fraction": 0.25}');
SELECT mlops.describe('stopped')->'facts'->'rows_trained' AS trained, mlops.describe('stopped')->'facts'->'rows_watched' AS watched, mlops.describe('stopped')->'facts'->'rows_held_out' AS held_out;
SELECT count(*) < 500 AS early, min(iteration) AS first, count(*) = max(iteration) AS dense, count(validation_loss) = count(*) AS watched FROM mlops.training_history('stopped');
SELECT count(*), count(validation_loss) AS watched, bool_and(train_loss <= before) AS falls FROM (SELECT *, lag(train_loss, 1, train_loss) OVER (ORDER BY iteration) AS before FROM mlops.training_history('boosted')) AS h;
SELECT mlops.training_history('line');
-- fitted again on all rows: as if nothing had been held out
SELECT metrics->'n' AS n FROM mlops.train('refitted', 'orchard', 'price', 'gradient_boosting', validation => '{"refit": true}');
-- the same trees; what their references say of answers comes from the model that was measured
SELECT bool_and(mlops.predict('refitted', o) = mlops.predict('whole', o)) AS as_whole, pg_temp.hash('refitted') = pg_temp.hash('whole') AS same FROM orchard AS o;
-- weights, class weights, sample, task
SELECT features FROM mlops.train('weighted', 'orchard', 'price', 'gradient_boosting', weight => 'w');
SELECT mlops.describe('weighted')->'facts'->'weighted' AS weighted;
SELECT rows_used FROM mlops.train('balanced', 'SELECT * FROM orchard WHERE sold OR id % 10 = 0', 'sold', 'gradient_boosting', options => '{"class_weight": "balanced"}', validation => '{"method": "none"}');
SELECT rows_used FROM mlops.train('unbalanced', 'SELECT * FROM orchard WHERE sold OR id % 10 = 0', 'sold', 'gradient_boosting', validation => '{"method": "none"}');
SELECT avg(mlops.predict('balanced', o)) < avg(mlops.predict('unbalanced', o)) AS shifted FROM orchard AS o;
SELECT mlops.train('balanced_price', 'orchard', 'price', 'gradient_boosting', options => '{"class_weight": "balanced"}');
SELECT mlops.train('balanced', 'orchard', 'sold', 'gradient_boosting', options => '{"class_weight": {"maybe": 2}}');
SELECT rows_used BETWEEN 400 AND 600 AS a_quarter FROM mlops.train('sampled', 'orchard', 'price', 'gradient_boosting', options => '{"sample": 0.25}');
SELECT rows_used BETWEEN 400 AND 600 AS a_quarter FROM mlops.train('sampled', 'orchard', 'price', 'linear_regression', options => '{"sample": 0.25}');
SELECT count(DISTINCT rows_used) AS same_rows FROM mlops.versions WHERE model = 'sampled';

-- the same bytes: another order of the rows, VACUUM FULL, any number of workers, rows that come by another plan
CREATE TABLE shuffled AS SELECT * FROM orchard ORDER BY md5(id::text);
CREATE TABLE hashes (how text, sha256 text);
CREATE FUNCTION pg_temp.note(how text, source text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mlops.train('bytes', source, 'price', 'gradient_boosting', '{area,side,age}', '{"subsample": 0.7, "colsample": 0.7, "seed": 5, "n_iter_no_change": 20}', alias => 'champion');
    INSERT INTO hashes VALUES (how, pg_temp.hash('bytes'));
END $$;
SET client_min_messages = warning;
SELECT pg_temp.note('as it is', 'orchard'), pg_temp.note('again', 'orchard'), pg_temp.note('shuffled', 'shuffled');
SELECT pg_temp.note('by a query', 'SELECT * FROM (SELECT * FROM orchard ORDER BY area, id) AS o');
SET max_parallel_maintenance_workers = 0;
SELECT pg_temp.note('no worker', 'orchard');
SET max_parallel_maintenance_workers = 1;
SELECT pg_temp.note('one worker', 'orchard');
RESET max_parallel_maintenance_workers;
DELETE FROM shuffled WHERE id % 2 = 0;
INSERT INTO shuffled SELECT * FROM orchard WHERE id % 2 = 0;
SELECT pg_temp.note('rows written again', 'shuffled');
VACUUM FULL shuffled;
SELECT pg_temp.note('vacuum full', 'shuffled');
SELECT pg_temp.note('fewer rows', 'SELECT * FROM orchard WHERE id > 1');
SELECT how, sha256 = (SELECT sha256 FROM hashes WHERE how = 'as it is') AS same FROM hashes ORDER BY how;
-- large enough for two workers: 20 million updates of histograms pay for one
CREATE TABLE large AS SELECT i, sin(i) AS a, cos(i * 0.7) AS b, i % 97 AS c, (i * 31) % 1009 AS d, sin(i) * cos(i * 0.7) + (i % 97 > 40)::int AS y FROM generate_series(1, 120000) AS i;
TRUNCATE hashes;
CREATE FUNCTION pg_temp.note_large(how text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mlops.train('bytes', 'large', 'y', 'gradient_boosting', '{a,b,c,d}', '{"n_estimators": 40, "max_leaves": 63}', '{"method": "none"}', alias => 'champion');
    INSERT INTO hashes VALUES (how, pg_temp.hash('bytes'));
END $$;
SET max_parallel_maintenance_workers = 0;
SELECT pg_temp.note_large('0');
SET max_parallel_maintenance_workers = 1;
SELECT pg_temp.note_large('1');
SET max_parallel_maintenance_workers = 2;
SELECT pg_temp.note_large('2');
RESET max_parallel_maintenance_workers;
RESET client_min_messages;
SELECT count(*), count(DISTINCT sha256) AS different FROM hashes;

-- auto: both candidates on the same holdout, the better one is kept
SELECT algorithm, metrics->'candidates'->0->'algorithm' AS first, metrics->'candidates'->1->'algorithm' AS second, metrics->'candidates'->0->'metric' AS metric,
       metrics->'rmse' = metrics->'candidates'->1->'value' AS own_value FROM mlops.train('chosen', 'orchard', 'price');
SELECT algorithm, metrics->'candidates'->0->'metric' AS metric, (metrics->'candidates'->0->>'value')::float8 > (metrics->'candidates'->1->>'value')::float8 AS lower FROM mlops.train('chosen_sold', 'orchard', 'sold');
SELECT algorithm FROM mlops.train('chosen_line', 'SELECT area, age, 2 * area + coalesce(age, 24) AS y FROM orchard', 'y');
SELECT version, rows_used FROM mlops.train('compared', 'orchard', 'price', 'linear_regression');
SELECT version, rows_used FROM mlops.train('compared', 'orchard', 'price', 'gradient_boosting', options => '{"n_iter_no_change": 10}');
SELECT m.candidate->>'algorithm' AS algorithm, m.candidate->'value' = v.metrics->'rmse' AS same FROM mlops.versions AS v
  JOIN (SELECT jsonb_array_elements(metrics->'candidates') AS candidate FROM mlops.versions WHERE model = 'chosen') AS m ON m.candidate->>'algorithm' = v.algorithm
  WHERE v.model = 'compared' ORDER BY 1;
-- an option of one candidate, a choice of one candidate, an option of none
SELECT algorithm FROM mlops.train('chosen', 'orchard', 'price', options => '{"n_estimators": 20, "missing": "median", "l2": 1}', alias => 'champion');
SELECT mlops.describe('chosen')->'facts'->'options'->'n_estimators' AS n, mlops.describe('chosen')->'facts'->'options'->'missing' AS missing;
SELECT mlops.train('chosen', 'orchard', 'price', options => '{"missing": "interpolate"}');
SELECT mlops.train('chosen', 'orchard', 'price', options => '{"trees": 20}');
SELECT mlops.train('chosen', 'orchard', 'price', options => '{"n_estimators": 0}');
SELECT mlops.train('chosen', 'orchard', 'price', options => '[]');
-- nothing held out, nothing compared
SELECT algorithm, metrics ? 'candidates' AS compared FROM mlops.train('chosen', 'orchard', 'price', validation => '{"method": "none"}');
SELECT algorithm, metrics->'n' AS measured FROM mlops.train('chosen', 'orchard', 'price', validation => '{"refit": true}', alias => 'refit');
SELECT mlops.describe('chosen@refit')->'facts'->'rows_trained' AS trained;

-- warm start: fifty rounds and fifty more are a hundred
SELECT version FROM mlops.train('warm', 'orchard', 'price', 'gradient_boosting', options => '{"n_estimators": 50}');
SELECT version FROM mlops.train('warm', 'orchard', 'price', 'gradient_boosting', options => '{"n_estimators": 100, "warm_start": true}');
SELECT version FROM mlops.train('cold', 'orchard', 'price', 'gradient_boosting', options => '{"n_estimators": 100}');
SELECT count(*), bool_and(mlops.predict('warm:2', o) = mlops.predict('cold', o)) AS same FROM orchard AS o;
SELECT count(*) FROM mlops.training_history('warm:2');
SELECT mlops.train('warm', 'orchard', 'price', 'gradient_boosting', options => '{"n_estimators": 100, "warm_start": true}');
SELECT mlops.train('warm', 'orchard', 'price', 'gradient_boosting', options => '{"n_estimators": 150, "warm_start": true, "loss": "absolute"}');
SELECT mlops.train('warm', 'orchard', 'age', 'gradient_boosting', options => '{"n_estimators": 150, "warm_start": true}');
SELECT mlops.train('warm', 'orchard', 'price', 'gradient_boosting', '{area}', options => '{"n_estimators": 150, "warm_start": true}');
SELECT mlops.train('never', 'orchard', 'price', 'gradient_boosting', options => '{"warm_start": true}');
SELECT mlops.train('line', 'orchard', 'price', 'gradient_boosting', options => '{"warm_start": true}');

-- fit(): one model a group; what it cannot do
SELECT side, count(*), abs(corr(price, mlops.predict(m, ARRAY[area, age]))) > 0.5 AS follows
  FROM orchard JOIN (SELECT side, mlops.fit('gradient_boosting', price, ARRAY[area, age], '{"n_estimators": 20}') AS m FROM orchard GROUP BY side) AS f USING (side) WHERE age IS NOT NULL GROUP BY side ORDER BY side;
SELECT mlops.classify(mlops.fit('gradient_boosting', sold, ARRAY[area, id % 3], '{"class_weight": "balanced", "seed": 3}'), ARRAY[80, 1]) FROM orchard;
SELECT mlops.fit('gradient_boosting', price, ARRAY[area], '{"n_iter_no_change": 5}') FROM orchard;
SELECT mlops.fit('gradient_boosting', price, ARRAY[area], '{"warm_start": true}') FROM orchard;
SELECT mlops.fit('gradient_boosting', price, ARRAY[area], '{"sample": 0.5}') FROM orchard;

-- bad input
SET client_min_messages = warning;
SELECT what, pg_temp.try(source, target, options::jsonb) AS answer FROM (VALUES
    ('no rows', 'SELECT * FROM orchard WHERE false', 'price', '{}'),
    ('no rows left', 'SELECT id, NULL::int AS area, price FROM orchard', 'price', '{"missing": "skip"}'),
    ('one row', 'SELECT area, age, price FROM orchard LIMIT 1', 'price', '{}'),
    ('two rows', 'SELECT area, price FROM orchard WHERE id IN (1, 2)', 'price', '{}'),
    ('one class', 'SELECT area, true AS sold FROM orchard', 'sold', '{}'),
    ('constant target', 'SELECT area, age, 1 AS price FROM orchard', 'price', '{}'),
    ('1001 classes', 'SELECT area, id % 1001 || '''' AS c FROM orchard', 'c', '{}'),
    ('a class of one row', 'SELECT area, age, CASE WHEN id = 5 THEN ''rare'' ELSE side END AS c FROM orchard', 'c', '{"n_estimators": 3}'),
    ('a feature of nulls', 'SELECT area, NULL::float8 AS empty, price FROM orchard', 'price', '{}'),
    ('infinity', 'SELECT area, CASE id WHEN 7 THEN ''infinity'' ELSE age::float8 END AS age, price FROM orchard', 'price', '{}'),
    ('infinite target', 'SELECT area, CASE id WHEN 7 THEN ''-infinity'' ELSE price END AS price FROM orchard', 'price', '{}'),
    ('missing is an error', 'orchard', 'price', '{"missing": "error"}'),
    ('65536 categories', 'SELECT i || '''' AS c, i % 7 AS d, i % 10 AS y FROM generate_series(1, 65536) AS i', 'y', '{"max_categories": 65000, "n_estimators": 2, "task": "regression"}'),
    ('constraint on no feature', 'orchard', 'price', '{"monotone_constraints": {"height": 1}}'),
    ('one leaf', 'orchard', 'price', '{"max_leaves": 1}'),
    ('negative rate', 'orchard', 'price', '{"learning_rate": -0.1}'),
    ('loss of the other task', 'orchard', 'price', '{"loss": "log_loss"}')) AS v (what, source, target, options);
RESET client_min_messages;
-- numbers beyond what a float holds when squared, and weights whose sums are: what is stored can be read
CREATE TABLE far AS SELECT i % 37 AS x, i % 37 * 1e20::float8 AS y, i % 37 > 18 AS c, 1e300::float8 AS w FROM generate_series(1, 400) AS i;
SELECT a, count(t.rows_used) AS trained FROM unnest(ARRAY['gradient_boosting', 'random_forest', 'decision_tree']) AS a, mlops.train('far_' || a, 'far', 'y', a, '{x}') AS t GROUP BY a ORDER BY a;
SELECT a, max(abs(mlops.predict('far_' || a, f) - y)) < 1e21 AS near FROM far AS f, unnest(ARRAY['gradient_boosting', 'random_forest', 'decision_tree']) AS a GROUP BY a ORDER BY a;
SELECT a, m, mlops.importance('far_' || a, m) FROM unnest(ARRAY['gradient_boosting', 'random_forest', 'decision_tree']) AS a, unnest(ARRAY['gain', 'cover']) AS m ORDER BY a, m;
SELECT a, count(t.rows_used) AS trained FROM unnest(ARRAY['random_forest', 'decision_tree']) AS a, mlops.train('heavy_' || a, 'far', 'c', a, '{x}', weight => 'w') AS t GROUP BY a ORDER BY a;
SELECT a, bool_and((mlops.predict('heavy_' || a, f) > 0.5) = c) AS right FROM far AS f, unnest(ARRAY['random_forest', 'decision_tree']) AS a GROUP BY a ORDER BY a;
-- where a leaf would have no number for a value, nothing is stored
\set VERBOSITY sqlstate
SELECT FROM mlops.train('overflow', 'SELECT x, c, w * 1e8 AS w FROM far', 'c', 'decision_tree', '{x}', weight => 'w');
\set VERBOSITY default
SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
DROP TABLE orchard, shuffled, hashes, large, far;
