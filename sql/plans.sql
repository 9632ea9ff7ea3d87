-- What the planner makes of it: cheap conditions first, workers where they
-- help, and no data value in a plan.
SET client_min_messages = warning;
CREATE TABLE flats AS SELECT i AS id, (i * 7919) % 101 AS area, md5(i::text) AS code, 3.5 * ((i * 7919) % 101) + 0.8125 AS rent FROM generate_series(1, 5000) AS i;
ANALYZE flats;
SELECT rows_used FROM mlops.train('rent', 'flats', 'rent', features => '{area}');
SET max_parallel_workers_per_gather = 0;
-- the cheap condition comes first, wherever it was written
EXPLAIN (COSTS OFF) SELECT id FROM flats AS f WHERE mlops.predict('rent', f) > 100 AND area < 5;
EXPLAIN (COSTS OFF) SELECT id FROM flats AS f WHERE mlops.predict('rent', to_jsonb(f)) > 100 AND code LIKE 'a%' AND area < 5;
-- once per row that is asked for
EXPLAIN (COSTS OFF) SELECT mlops.predict('rent', f) FROM flats AS f ORDER BY id LIMIT 3;
EXPLAIN (COSTS OFF) SELECT mlops.predict('rent', f) FROM flats AS f LIMIT 3;
-- constants and a model value are folded to one number
SELECT artifact AS model FROM mlops_private.version JOIN mlops_private.model USING (model_id) WHERE name = 'rent' \gset
EXPLAIN (COSTS OFF) SELECT id FROM flats WHERE rent > mlops.predict(:'model'::mlops.model, ARRAY[3]::float8[]) + 1e300;
-- the estimate of rows, costs
SELECT proname, provolatile, proparallel, proisstrict, procost > 1 AS costly FROM pg_proc
    WHERE pronamespace = 'mlops'::regnamespace AND proname IN ('predict', 'classify', 'proba', 'score_trigger', 'train', 'evaluate', 'coefficients')
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2;
-- workers
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 10;
EXPLAIN (COSTS OFF) SELECT sum(mlops.predict('rent', f)) FROM flats AS f;
EXPLAIN (COSTS OFF) SELECT count(*) FROM flats AS f WHERE mlops.classify('rent', f) = 'x';
EXPLAIN (COSTS OFF) SELECT mlops.fit('linear_regression', rent, ARRAY[area]) FROM flats;
-- nothing of a model or a row in a plan
CREATE FUNCTION pg_temp.plan(query text, run boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
    FOR line IN EXECUTE CASE WHEN run THEN 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' ELSE 'EXPLAIN ' END || query LOOP plan := plan || line || E'\n'; END LOOP;
    RETURN plan;
END $$;
SELECT p NOT LIKE '%0cc175b9%' AND p NOT LIKE '%c4ca4238%' AS no_data, p LIKE '%mlops.predict%' AS names_function FROM pg_temp.plan('SELECT id, mlops.predict(''rent'', f) FROM flats AS f WHERE id < 9', true) AS p;
SELECT p NOT LIKE '%8125%' AS no_data FROM pg_temp.plan('SELECT * FROM mlops.evaluate(''rent'', ''SELECT * FROM flats'')', true) AS p;
-- training and measuring keep workers out of the statement they are in
SELECT p LIKE '%Gather%' AS plain FROM pg_temp.plan('SELECT count(*) FROM flats', false) AS p;
SELECT p LIKE '%Gather%' AS train FROM pg_temp.plan('SELECT count(*) FROM flats WHERE (SELECT version FROM mlops.train(''rent'', ''flats'', ''rent'')) > id', false) AS p;
RESET ALL;
SELECT count(mlops.drop_model(model)) AS dropped FROM mlops.models;
DROP TABLE flats;
