-- evaluate(): the metrics of a model on any rows, the same as the aggregates give.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TABLE flats AS
SELECT i AS id, (i * 7919) % 101 AS area, (ARRAY['north','south','west'])[i % 3 + 1] AS side,
       10 + (i * 7919) % 101 * 2 + (i * 31) % 17 AS rent, (i * 7919) % 101 + i % 40 > 60 AS dear,
       (ARRAY['a','b','c'])[1 + ((i * 7919) % 101 + i % 20) / 41] AS class
  FROM generate_series(1, 400) AS i;
CREATE FUNCTION pg_temp.compare(model text, source text, want jsonb) RETURNS TABLE (metric text, "is" text, n bigint) LANGUAGE sql AS $$
    SELECT e.metric, CASE WHEN want->>e.metric IS NULL THEN 'not compared' WHEN abs(e.value - (want->>e.metric)::float8) <= 1e-9 * greatest(abs(e.value), 1) THEN 'ok'
                          ELSE format('%s instead of %s', e.value, want->>e.metric) END, e.n
      FROM mlops.evaluate(model, source) AS e $$;
SELECT rows_used FROM mlops.train('rent', 'flats', 'rent', features => '{area,side}');
SELECT rows_used FROM mlops.train('dear', 'flats', 'dear', features => '{area,side}');
SELECT rows_used FROM mlops.train('class', 'flats', 'class', features => '{area}');

SELECT * FROM pg_temp.compare('rent', 'flats', (SELECT jsonb_build_object('rmse', mlops.rmse(rent, p), 'mae', mlops.mae(rent, p), 'r2', mlops.r2(rent, p), 'mape', mlops.mape(rent, p))
    FROM (SELECT rent, mlops.predict('rent', f) AS p FROM flats AS f) AS s));
SELECT * FROM pg_temp.compare('dear', 'flats', (SELECT jsonb_build_object('accuracy', mlops.accuracy(dear, p > 0.5), 'precision_score', mlops.precision_score(dear, p > 0.5),
        'recall_score', mlops.recall_score(dear, p > 0.5), 'f1', mlops.f1(dear, p > 0.5), 'auc', mlops.auc(dear, p), 'log_loss', mlops.log_loss(dear, p), 'brier', mlops.brier(dear, p), 'ece', mlops.ece(dear, p))
    FROM (SELECT dear, mlops.predict('dear', f) AS p FROM flats AS f) AS s));
SELECT * FROM pg_temp.compare('class', 'flats', (SELECT jsonb_build_object('accuracy', mlops.accuracy(class, p), 'precision_score', mlops.precision_score(class, p),
        'recall_score', mlops.recall_score(class, p), 'f1', mlops.f1(class, p)) || jsonb_build_object('log_loss', (SELECT avg(-ln((mlops.proba('class', f)->>f.class)::float8)) FROM flats AS f))
    FROM (SELECT class, mlops.classify('class', f) AS p FROM flats AS f) AS s));

-- the holdout's own numbers are those of train(); a value is as good as a name
SELECT rows_used FROM mlops.train('rent_all', 'flats', 'rent', features => '{area,side}', validation => '{"method": "none"}');
SELECT bool_and(abs(e.value - (v.metrics->>e.metric)::float8) <= 1e-9 * greatest(abs(e.value), 1)) AS as_stored, count(*) FROM mlops.versions AS v, mlops.evaluate('rent_all', 'flats') AS e WHERE v.model = 'rent_all';
SELECT count(*) AS metrics, bool_and(a.value = b.value AND a.n = b.n) AS value_as_name
    FROM mlops.evaluate('rent', 'flats') AS a JOIN mlops.evaluate((SELECT artifact FROM mlops_private.version JOIN mlops_private.model USING (model_id) WHERE name = 'rent'), 'flats') AS b USING (metric);
SELECT count(*) FROM mlops.evaluate('rent:1', 'flats') AS a JOIN mlops.evaluate('rent@champion', 'flats') AS b USING (metric, value, n);

-- other rows, another target
SELECT metric, n FROM mlops.evaluate('rent', 'SELECT * FROM flats WHERE side = ''south''') ORDER BY metric;
SELECT metric, round(value::numeric, 6) AS value FROM mlops.evaluate('rent', 'SELECT area, side, mlops.predict(''rent'', f) AS same FROM flats AS f', 'same') WHERE metric IN ('rmse', 'r2');
-- a target that is NULL is skipped, as is a feature whose policy says so
SELECT DISTINCT n FROM mlops.evaluate('rent', 'SELECT area, side, NULLIF(id % 4, 0) AS rent FROM flats');
SELECT rows_used FROM mlops.train('skip', 'flats', 'rent', features => '{area}', options => '{"missing": "skip"}');
SELECT DISTINCT n FROM mlops.evaluate('skip', 'SELECT CASE WHEN id % 4 > 0 THEN area END AS area, rent FROM flats');
-- labels that the model does not know are wrong answers, not errors
SELECT metric, n, value < 1 AS below_one FROM mlops.evaluate('class', 'SELECT area, CASE WHEN id % 2 = 0 THEN class ELSE ''new'' END AS class FROM flats') WHERE metric = 'accuracy';
-- one class, one row
SELECT metric, value IS NULL AS undefined, n FROM mlops.evaluate('dear', 'SELECT * FROM flats WHERE dear') ORDER BY metric;
SELECT metric, value IS NULL AS undefined, n FROM mlops.evaluate('rent', 'SELECT * FROM flats WHERE id = 1') ORDER BY metric;

-- refused
SELECT * FROM mlops.evaluate(NULL::text, 'flats');
SELECT * FROM mlops.evaluate(NULL::mlops.model, 'flats');
SELECT * FROM mlops.evaluate('rent', NULL);
SELECT * FROM mlops.evaluate('nothing', 'flats');
SELECT * FROM mlops.evaluate('rent', 'nothing');
SELECT * FROM mlops.evaluate('rent', 'DELETE FROM flats');
SELECT * FROM mlops.evaluate('rent', 'SELECT * FROM flats WHERE false');
SELECT * FROM mlops.evaluate('rent', 'SELECT area, side, NULL::int AS rent FROM flats');
SELECT * FROM mlops.evaluate('rent', 'SELECT area, side FROM flats');
SELECT * FROM mlops.evaluate('rent', 'SELECT area, rent FROM flats');
SELECT * FROM mlops.evaluate('rent', 'SELECT area, side, rent::text FROM flats');
SELECT * FROM mlops.evaluate('rent', 'flats', 'side');
SELECT * FROM mlops.evaluate('dear', 'flats', 'rent');
SELECT * FROM mlops.evaluate('rent', 'SELECT ''infinity''::float8 AS area, side, rent FROM flats');
SELECT * FROM mlops.evaluate('rent', 'SELECT area, side, ''infinity''::float8 AS rent FROM flats');
SELECT mlops.fit('linear_regression', rent, ARRAY[area]) AS fitted FROM flats \gset
SELECT * FROM mlops.evaluate(:'fitted'::mlops.model, 'flats');
SELECT metric, n FROM mlops.evaluate(:'fitted'::mlops.model, 'SELECT ARRAY[area]::float8[] AS x, rent FROM flats', 'rent') ORDER BY metric;
-- reading is all it does
BEGIN READ ONLY;
SELECT count(*) FROM mlops.evaluate('rent', 'flats');
COMMIT;
-- two classes keep a score per row for the AUC, within training_memory; others keep nothing
SET mlops.training_memory = '1MB';
\set VERBOSITY sqlstate
SELECT * FROM mlops.evaluate('dear', 'SELECT f.* FROM flats AS f, generate_series(1, 300)');
\set VERBOSITY terse
SELECT DISTINCT n FROM mlops.evaluate('dear', 'SELECT f.* FROM flats AS f, generate_series(1, 30)');
SELECT DISTINCT n FROM mlops.evaluate('rent', 'SELECT f.* FROM flats AS f, generate_series(1, 300)');
RESET mlops.training_memory;
-- the counters of a COPY around it stay its own
COPY (SELECT count(*) > 0, (SELECT bytes_total FROM pg_stat_progress_copy WHERE pid = pg_backend_pid())
        FROM mlops.evaluate('rent', 'SELECT f.* FROM flats AS f, generate_series(1, 10)')) TO STDOUT;
-- rights: the model's and the table's
CREATE ROLE evaluate_user;
SET ROLE evaluate_user;
SELECT * FROM mlops.evaluate('rent', 'VALUES (1)');
SELECT * FROM mlops.evaluate(:'fitted'::mlops.model, 'SELECT ARRAY[area]::float8[] AS x, rent FROM flats', 'rent');
SELECT count(*) FROM mlops.evaluate(:'fitted'::mlops.model, 'SELECT ARRAY[i]::float8[] AS x, i AS y FROM generate_series(1, 9) AS i', 'y');
RESET ROLE;
DROP ROLE evaluate_user;
SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
DROP TABLE flats;
-- labels that the model does not know: some count as wrong, and it says so; none known is a mistake
CREATE TABLE kinds AS SELECT i % 7 AS x, CASE WHEN i % 7 > 3 THEN 'up' ELSE 'down' END AS y FROM generate_series(1, 70) AS i;
SELECT version FROM mlops.train('kinds', 'kinds', 'y', 'logistic_regression', options => '{"l2": 1}', validation => '{"method": "none"}');
SET client_min_messages = notice;
SELECT metric, round(value::numeric, 6) AS value, n FROM mlops.evaluate('kinds', 'SELECT x, CASE WHEN x = 0 THEN ''sideways'' ELSE y END AS y FROM kinds') WHERE metric = 'accuracy';
SELECT * FROM mlops.evaluate('kinds', 'SELECT x, upper(y) AS y FROM kinds');
DROP TABLE kinds;
SELECT versions FROM mlops.drop_model('kinds');
