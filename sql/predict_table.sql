-- mlops.predict_table(): the same numbers as predict() and classify(), by key.
\set VERBOSITY terse
SELECT version FROM mlops.train('table_two', 'credit', 'status', 'logistic_regression');
SELECT version FROM mlops.train('table_three', 'penguins', 'species', 'logistic_regression', options => '{"l2": 1}');
SELECT version FROM mlops.train('table_number', 'credit', 'price', 'linear_regression', features => '{amount,income,job}', options => '{"missing": "skip"}');

SELECT count(*), bool_and(prediction = mlops.predict('table_two', c)) AS prediction, bool_and(label = mlops.classify('table_two', c)) AS label
  FROM mlops.predict_table('table_two', 'credit', 'id') AS p JOIN credit AS c ON c.id = p.key::int;
-- more than two classes: labels alone; a regression: numbers alone
SELECT count(*), count(prediction) AS predictions, bool_and(label = mlops.classify('table_three', c)) AS label
  FROM mlops.predict_table('table_three', 'SELECT row_number() OVER (ORDER BY p) AS k, * FROM penguins AS p', 'k') AS p
  JOIN (SELECT row_number() OVER (ORDER BY p) AS k, * FROM penguins AS p) AS c ON c.k = p.key::int;
-- rows that the model skips are there, without a prediction
SELECT count(*) > count(prediction) AS has_skipped, count(label) AS labels, bool_and(prediction IS NOT DISTINCT FROM mlops.predict('table_number', c)) AS same
  FROM mlops.predict_table('table_number', 'credit', 'id') AS p JOIN credit AS c ON c.id = p.key::int;
-- a model as a value
SELECT count(*), bool_and(p.prediction = q.prediction) AS same
  FROM mlops.predict_table((SELECT artifact FROM mlops_private.version JOIN mlops_private.model USING (model_id) WHERE name = 'table_two'), 'credit', 'id') AS p
  JOIN mlops.predict_table('table_two', 'credit', 'id') AS q USING (key);
-- the key: any type, a null, not unique, the source's order; by default the primary key
SELECT * FROM (SELECT key, label IS NOT NULL AS label FROM mlops.predict_table('table_two',
  $$SELECT CASE id WHEN 2 THEN NULL ELSE date '2026-01-01' + id / 2 END AS d, c.* FROM credit AS c WHERE id <= 5 ORDER BY id DESC$$, 'd')) AS rows;
CREATE TABLE keyed AS SELECT id AS number, c.* FROM credit AS c WHERE id <= 3000;
ALTER TABLE keyed ADD PRIMARY KEY (number);
SELECT count(*), count(DISTINCT key) AS keys, min(key::int), max(key::int) FROM mlops.predict_table('table_two', 'keyed');
ALTER TABLE keyed DROP CONSTRAINT keyed_pkey, ADD PRIMARY KEY (number, id);
SELECT mlops.predict_table('table_two', 'keyed');
ALTER TABLE keyed DROP CONSTRAINT keyed_pkey;
SELECT mlops.predict_table('table_two', 'keyed');
-- no rows, a missing column, no such key, no such model
SELECT count(*) FROM mlops.predict_table('table_two', 'SELECT * FROM credit WHERE false', 'id');
SELECT mlops.predict_table('table_two', 'SELECT id, home FROM credit', 'id');
SELECT mlops.predict_table('table_two', 'credit', 'nr');
SELECT mlops.predict_table('table_nine', 'credit', 'id');
SELECT mlops.predict_table('table_two', NULL, 'id');
SELECT mlops.predict_table(NULL::text, 'credit', 'id');
-- reads only, with the caller's own rights
BEGIN READ ONLY;
SELECT count(*) FROM mlops.predict_table('table_two', 'credit', 'id');
ROLLBACK;
CREATE ROLE table_clerk;
SET ROLE table_clerk;
SELECT mlops.predict_table('table_two', 'SELECT 1 AS id', 'id');
RESET ROLE;
DROP ROLE table_clerk;
DROP TABLE keyed;
SELECT count(mlops.drop_model(model)) AS dropped FROM mlops.models WHERE model LIKE 'table\_%';
