-- mlops.importance(method => 'permutation').
\set VERBOSITY terse
CREATE TABLE dealt AS
SELECT i AS id, i % 40 AS a, (i / 40) % 40 AS b, (i * 7919) % 13 AS c, 3 * (i % 40) + (i / 40) % 40 AS y, 3 * (i % 40) + (i / 40) % 40 > 80 AS flag,
       (ARRAY['low','mid','high'])[(i % 40) / 14 + 1] AS level, CASE WHEN i % 5 > 0 THEN i % 40 END AS holes
  FROM generate_series(0, 1599) AS i;
SELECT version FROM mlops.train('dealt', 'dealt', 'y', 'linear_regression', '{a,b,c}', '{}', '{"method": "none"}');
-- a and b are independent, y = 3 a + b: dealing out x with coefficient k makes r2 fall by 2 k^2 var(x) / var(y), which is 1.8 and 0.2
SELECT feature, abs(importance - CASE feature WHEN 'a' THEN 1.8 WHEN 'b' THEN 0.2 ELSE 0 END) < 0.05 AS as_calculated, deviation < 0.1 AS deviation
  FROM mlops.importance('dealt', method => 'permutation', source => 'dealt', options => '{"metric": "r2"}');
-- auto is rmse: it was 0, now it is the square root of 2 k^2 var(x)
SELECT feature, abs(importance - CASE feature WHEN 'a' THEN sqrt(2 * 9 * 133.25) WHEN 'b' THEN sqrt(2 * 133.25) ELSE 0 END) < 1 AS as_calculated
  FROM mlops.importance('dealt', 'permutation', 'dealt', 'y');
-- the same for any order of the rows; another seed deals otherwise; more repeats
CREATE TABLE dealt_too AS SELECT * FROM dealt ORDER BY md5(id::text);
SELECT bool_and(d.importance = e.importance AND d.deviation = e.deviation) AS same, bool_or(d.importance <> f.importance) AS other_seed, bool_or(d.importance <> g.importance) AS more
  FROM mlops.importance('dealt', 'permutation', 'dealt') AS d JOIN mlops.importance('dealt', 'permutation', 'dealt_too') AS e USING (feature)
  JOIN mlops.importance('dealt', 'permutation', 'dealt', options => '{"seed": 1}') AS f USING (feature)
  JOIN mlops.importance('dealt', 'permutation', 'dealt', options => '{"n_repeats": 10}') AS g USING (feature);
SELECT feature, deviation FROM mlops.importance('dealt', 'permutation', 'dealt', options => '{"n_repeats": 1}');
-- classes, several classes, categories, arrays as one feature, missing values
SELECT version FROM mlops.train('dealt_flag', 'dealt', 'flag', 'logistic_regression', '{a,b,c}', '{"l2": 1}', '{"method": "none"}');
SELECT feature FROM mlops.importance('dealt_flag', 'permutation', 'dealt') ORDER BY importance DESC;
SELECT feature FROM mlops.importance('dealt_flag', 'permutation', 'dealt', options => '{"metric": "auc"}') ORDER BY importance DESC;
SELECT feature FROM mlops.importance('dealt_flag', 'permutation', 'dealt', options => '{"metric": "accuracy"}') ORDER BY importance DESC;
SELECT version FROM mlops.train('dealt_level', 'SELECT level, ARRAY[a, b] AS ab, holes, c FROM dealt', 'level', 'logistic_regression', NULL, '{"l2": 1}', '{"method": "none"}');
SELECT feature, importance > 0.2 AS matters FROM mlops.importance('dealt_level', 'permutation', 'SELECT level, ARRAY[a, b] AS ab, holes, c FROM dealt');
SELECT version FROM mlops.train('dealt_category', 'dealt', 'a', 'linear_regression', '{level,c}', '{}', '{"method": "none"}');
SELECT feature, importance > 1 AS matters FROM mlops.importance('dealt_category', 'permutation', 'dealt');
-- by value, of one row, and of a target of another name
SELECT count(*) FROM mlops.importance((SELECT artifact FROM mlops_private.version JOIN mlops_private.model USING (model_id) WHERE name = 'dealt'), 'permutation', 'dealt');
SELECT feature, importance, deviation FROM mlops.importance('dealt', 'permutation', 'SELECT * FROM dealt WHERE id = 7', options => '{"metric": "mae"}');
SELECT count(importance) AS known FROM mlops.importance('dealt', 'permutation', 'SELECT a, b, c, y AS truth FROM dealt', 'truth');
-- refused
SELECT mlops.importance('dealt', 'gain', 'dealt');
SELECT mlops.importance('dealt', 'permutation');
SELECT mlops.importance('dealt', 'permutation', NULL);
SELECT mlops.importance('dealt', NULL, 'dealt');
SELECT mlops.importance('dealt', 'permutation', 'SELECT * FROM dealt WHERE false');
SELECT mlops.importance('dealt', 'permutation', 'dealt', options => '{"metric": "auc"}');
SELECT mlops.importance('dealt', 'permutation', 'dealt', options => '{"metric": "gini"}');
SELECT mlops.importance('dealt', 'permutation', 'dealt', options => '{"n_repeats": 0}');
SELECT mlops.importance('dealt', 'permutation', 'dealt', options => '{"repeats": 2}');
SELECT mlops.importance('dealt', 'permutation', 'SELECT a, b, y FROM dealt');
SELECT mlops.importance('dealt', 'permutation', 'SELECT a, b, c FROM dealt');
SET mlops.training_memory = '1MB';
\set VERBOSITY sqlstate
SELECT mlops.importance('dealt', 'permutation', 'SELECT d.* FROM dealt AS d, generate_series(1, 100)');
\set VERBOSITY terse
RESET mlops.training_memory;
BEGIN READ ONLY;
SELECT count(*) FROM mlops.importance('dealt', 'permutation', 'dealt');
ROLLBACK;
SELECT count(mlops.drop_model(model)) AS dropped FROM mlops.models WHERE model LIKE 'dealt%';
DROP TABLE dealt, dealt_too;
