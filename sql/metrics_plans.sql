-- Metrics in parallel plans: partial states combine to the serial answer, and
-- the four regression metrics share one transition.
\set VERBOSITY terse
CREATE TABLE metrics_big AS
SELECT i, (i * 7919 % 1009) / 100.0::float8 AS y,
       (i * 7919 % 1009) / 100.0::float8 + (i * 104729 % 211 - 105) / 50.0::float8 AS p,
       (i * 104729 % 103) < i * 7919 % 101 AS a,
       (i * 7919 % 101) / 100.0::float8 AS s,
       'class ' || i * 7919 % 30 AS at, 'class ' || i * 31 % 37 AS pt
  FROM generate_series(1::bigint, 20000) AS i;
ANALYZE metrics_big;
CREATE VIEW metrics_all AS
SELECT mlops.rmse(y, p), mlops.mae(y, p), mlops.r2(y, p), mlops.mape(y + 1, p),
       mlops.accuracy(a, s > 0.5) AS accuracy_bool, mlops.precision_score(a, s > 0.5) AS precision_bool,
       mlops.recall_score(a, s > 0.5) AS recall_bool, mlops.f1(a, s > 0.5) AS f1_bool,
       mlops.accuracy(at, pt), mlops.accuracy(i, i % 7000) AS accuracy_int,
       mlops.precision_score(at, pt), mlops.recall_score(at, pt), mlops.f1(at, pt),
       mlops.precision_score(at, pt, 'class 1') AS precision_one, mlops.recall_score(at, pt, 'class 1') AS recall_one, mlops.f1(at, pt, 'class 1') AS f1_one,
       mlops.auc(a, s), mlops.auc(at, s, 'class 2') AS auc_text, mlops.log_loss(a, s), mlops.brier(a, s),
       mlops.ece(a, s), mlops.ece(a, s, 33) AS ece_33, mlops.confusion(at, pt)
  FROM metrics_big;
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE serial AS SELECT * FROM metrics_all;
SET max_parallel_workers_per_gather = 3;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT mlops.auc(a, s), mlops.confusion(at, pt) FROM metrics_big;
-- all rows in workers, so that every state crosses a process border
SET parallel_leader_participation = off;
CREATE FUNCTION pg_temp.workers(query text) RETURNS boolean LANGUAGE plpgsql
AS $$ DECLARE line text; BEGIN
  FOR line IN EXECUTE 'EXPLAIN ANALYZE ' || query LOOP
    IF line ~ 'Workers Launched: [1-9]' THEN RETURN true; END IF;
  END LOOP;
  RETURN false;
END $$;
SELECT pg_temp.workers('SELECT * FROM metrics_all') AS workers;
CREATE TEMP TABLE parallel AS SELECT * FROM metrics_all;
SELECT count(*) AS metrics,
       count(*) FILTER (WHERE jsonb_typeof(s.value) = 'number') AS numbers,
       array_agg(s.key) FILTER (WHERE CASE jsonb_typeof(s.value)
         WHEN 'number' THEN abs(s.value::float8 - p.value::float8) > 1e-13 * greatest(1, abs(s.value::float8))
         ELSE s.value IS DISTINCT FROM p.value END) AS different
  FROM serial, parallel, jsonb_each(to_jsonb(serial)) s, jsonb_each(to_jsonb(parallel)) p
 WHERE s.key = p.key;
-- groups, of which some workers have no row
SELECT count(*) AS groups,
       count(*) FILTER (WHERE abs(x.auc - y.auc) > 1e-13 OR x.confusion <> y.confusion) AS different
  FROM (SELECT i % 500 AS g, mlops.auc(a, s), mlops.confusion(at, pt) FROM metrics_big GROUP BY 1) x
  JOIN (SELECT i % 500 AS g, mlops.auc(a, s ORDER BY i), mlops.confusion(at, pt ORDER BY i) FROM metrics_big GROUP BY 1) y USING (g);
-- a partial state that has outgrown the budget
SET mlops.fit_memory = '64kB';
SELECT mlops.auc(a, s) FROM metrics_big;
RESET mlops.fit_memory;
DROP VIEW metrics_all;
DROP TABLE metrics_big;
