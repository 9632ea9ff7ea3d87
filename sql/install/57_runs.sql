/* sql/install/57_runs.sql: experiments: runs, their metrics, leaderboards.
 *
 * Refers to 27_run_tables.sql and 51_grants.sql.  The functions write as the extension's
 * owner what belongs to the caller; the views show own runs and those of models that the
 * current user may read.
 */

CREATE FUNCTION mlops.run_start(
    experiment text,
    name text DEFAULT NULL,
    params jsonb DEFAULT '{}',
    note text DEFAULT NULL,
    parent bigint DEFAULT NULL,
    OUT run bigint,
    OUT experiment text,
    OUT name text,
    OUT started_at timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_run_start'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.run_start(text, text, jsonb, text, bigint)
  IS 'start a run of an experiment: SELECT run FROM mlops.run_start(''churn'', params => ''{"depth": 6}'')';

CREATE FUNCTION mlops.run_log(
    run bigint,
    key text,
    value double precision,
    step bigint DEFAULT NULL,
    OUT run bigint,
    OUT key text,
    OUT value double precision,
    OUT step bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_run_log'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.run_log(bigint, text, double precision, bigint)
  IS 'log a metric of a running run: run_log(12, ''auc'', 0.81), or with a step: run_log(12, ''loss'', 0.4, 3)';

CREATE FUNCTION mlops.run_log(
    run bigint,
    metrics jsonb,
    step bigint DEFAULT NULL,
    OUT run bigint,
    OUT metrics integer,
    OUT step bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_run_log_many'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.run_log(bigint, jsonb, bigint)
  IS 'log several metrics of a running run at once: run_log(12, ''{"auc": 0.81, "f1": 0.6}'')';

CREATE FUNCTION mlops.run_link(
    run bigint,
    model text,
    OUT run bigint,
    OUT model text,
    OUT version integer,
    OUT metrics integer)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_run_link'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.run_link(bigint, text)
  IS 'say that a running run is about this version; metrics of the version that the run has not logged itself become its own';

CREATE FUNCTION mlops.run_end(
    run bigint,
    status text DEFAULT 'finished',
    note text DEFAULT NULL,
    OUT run bigint,
    OUT experiment text,
    OUT status text,
    OUT seconds double precision)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_run_end'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.run_end(bigint, text, text)
  IS 'end a run: finished, failed or killed; nothing can be logged afterwards';

CREATE FUNCTION mlops.run_drop(
    run bigint,
    OUT run bigint,
    OUT experiment text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_run_drop'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.run_drop(bigint)
  IS 'remove a run of yours with its metrics; the runs of trainings stay as long as their model';

-- private: what views, policies and leaderboard() ask

CREATE FUNCTION mlops_private.owns(
    owner_oid oid,
    owner_name name,
    owner_system bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'mlops_owns'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.owns(oid, name, bigint)
  IS 'whether the current user has the privileges of the stored role';

CREATE FUNCTION mlops_private.last_metrics(
    run bigint)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_last_metrics'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops_private.last_metrics(bigint)
  IS 'the last value of each metric that a run logged';

CREATE FUNCTION mlops_private.metric_sign(
    metric text,
    ascending boolean)
RETURNS integer
AS 'MODULE_PATHNAME', 'mlops_metric_sign'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_sign(text, boolean)
  IS '1 where the smallest value of the metric is the best, -1 where the largest is';

-- what people SELECT from

CREATE VIEW mlops.runs WITH (security_barrier) AS
SELECT r.run_id AS run,
       coalesce(r.experiment, m.name::text) AS experiment,
       r.name,
       mlops_private.current_owner(r.owner_oid, r.owner_name, r.owner_system) AS owner,
       CASE WHEN mlops_private.may(m.model_id, 'read') THEN m.name::text END AS model,
       CASE WHEN mlops_private.may(m.model_id, 'read') THEN r.version END AS version,
       (SELECT p.run_id FROM mlops_private.run p WHERE p.run_id = r.parent) AS parent,
       r.status,
       CASE WHEN r.trained_id IS NOT NULL
                 AND pg_catalog.jsonb_typeof(r.params -> 'class_weight') = 'object'
                 AND NOT mlops_private.may(r.trained_id, 'predict')
                 AND NOT mlops_private.may(r.trained_id, 'artifact')
            THEN r.params || '{"class_weight": null}'
            ELSE r.params
       END AS params,
       r.started_at,
       r.ended_at,
       extract(epoch FROM coalesce(r.ended_at, pg_catalog.clock_timestamp()) - r.started_at)::double precision AS seconds,
       CASE WHEN r.trained_id IS NULL THEN mlops_private.last_metrics(r.run_id)
            ELSE r.metrics
       END AS metrics,
       r.note
  FROM mlops_private.run r
  LEFT JOIN mlops_private.model m ON m.model_id = coalesce(r.trained_id, r.linked_id)
 WHERE CASE WHEN r.trained_id IS NOT NULL THEN mlops_private.may(r.trained_id, 'read')
            ELSE mlops_private.owns(r.owner_oid, r.owner_name, r.owner_system)
              OR coalesce(mlops_private.may(r.linked_id, 'read'), false)
       END;
COMMENT ON VIEW mlops.runs
  IS 'your runs and those of models you may read; every training is one; metrics are the last values';

CREATE VIEW mlops.run_metrics WITH (security_barrier) AS
SELECT r.run_id AS run,
       coalesce(r.experiment, m.name::text) AS experiment,
       k.key,
       k.step,
       k.value,
       k.logged_at
  FROM mlops_private.run r
  LEFT JOIN mlops_private.model m ON m.model_id = r.trained_id
 CROSS JOIN LATERAL (
       SELECT l.key, l.step, l.value, l.logged_at
         FROM mlops_private.run_metric l
        WHERE l.run_id = r.run_id
       UNION ALL
       SELECT j.key COLLATE "C", 0, j.value::double precision, r.ended_at
         FROM pg_catalog.jsonb_each(r.metrics) j
       UNION ALL
       SELECT 'train_loss', c.step, c.loss, r.ended_at
         FROM ROWS FROM (pg_catalog.unnest(r.curve_step), pg_catalog.unnest(r.curve_train)) AS c (step, loss)
       UNION ALL
       SELECT 'validation_loss', c.step, c.loss, r.ended_at
         FROM ROWS FROM (pg_catalog.unnest(r.curve_step), pg_catalog.unnest(r.curve_validation)) AS c (step, loss)
        WHERE c.loss IS NOT NULL) k
 WHERE CASE WHEN r.trained_id IS NOT NULL THEN mlops_private.may(r.trained_id, 'read')
            ELSE mlops_private.owns(r.owner_oid, r.owner_name, r.owner_system)
              OR coalesce(mlops_private.may(r.linked_id, 'read'), false)
       END;
COMMENT ON VIEW mlops.run_metrics
  IS 'every value that runs logged, with its step; of trainings by iterations the losses';

CREATE FUNCTION mlops.leaderboard(
    experiment text,
    metric text,
    "limit" integer DEFAULT 20,
    ascending boolean DEFAULT NULL,
    OUT rank bigint,
    OUT run bigint,
    OUT name text,
    OUT model text,
    OUT version integer,
    OUT value double precision,
    OUT params jsonb,
    OUT started_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT pg_catalog.rank() OVER (ORDER BY s.sign * v.value),
           v.run, v.name, v.model, v.version, v.value, v.params, v.started_at
      FROM (SELECT mlops_private.metric_sign(leaderboard.metric, leaderboard.ascending) AS sign) s
     CROSS JOIN (
           SELECT r.run, r.name, r.model, r.version,
                  (r.metrics ->> leaderboard.metric)::double precision AS value,
                  r.params, r.started_at
             FROM mlops.runs r
            WHERE r.experiment = leaderboard.experiment
              AND r.status IN ('running', 'finished')) v
     WHERE v.value IS NOT NULL
     ORDER BY 1, v.run
     LIMIT leaderboard."limit";
END;
COMMENT ON FUNCTION mlops.leaderboard(text, text, integer, boolean)
  IS 'runs of an experiment by a metric''s last value, the best first: leaderboard(''credit'', ''auc'')';
