/* sql/install/63_jobs.sql: jobs: planning, running and looking at them. */

CREATE FUNCTION mlops.schedule(
    name text,
    kind text,
    every interval DEFAULT NULL,
    arguments jsonb DEFAULT '{}',
    start timestamptz DEFAULT pg_catalog.now(),
    OUT job bigint,
    OUT name text,
    OUT kind text,
    OUT every interval,
    OUT next_due timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_schedule'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.schedule(text, text, interval, jsonb, timestamptz)
  IS 'have a job done from start on, every so often or (null) once; kinds are audit, log, monitor, retention and train';

CREATE FUNCTION mlops.unschedule(
    name text,
    OUT job bigint,
    OUT name text,
    OUT kind text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_unschedule'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.unschedule(text)
  IS 'remove a job and its history';

CREATE FUNCTION mlops.cancel_job(
    name text,
    OUT job bigint,
    OUT name text,
    OUT run bigint,
    OUT signalled boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_cancel_job'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.cancel_job(text)
  IS 'end the run of a job; signalled: its session was told to stop, otherwise it stops at its next transaction';

CREATE FUNCTION mlops.train_async(
    model text,
    source text,
    target name DEFAULT NULL,
    algorithm text DEFAULT 'auto',
    features name[] DEFAULT NULL,
    options jsonb DEFAULT '{}',
    validation jsonb DEFAULT '{"method": "holdout", "fraction": 0.2}',
    weight name DEFAULT NULL,
    alias text DEFAULT NULL,
    note text DEFAULT NULL,
    OUT job bigint,
    OUT name text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_train_async'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.train_async(text, text, name, text, name[], jsonb, jsonb, name, text, text)
  IS 'have a model trained later, once, by what runs the jobs of the current user; arguments are those of train()';

CREATE PROCEDURE mlops.run_due_jobs(
    max_seconds integer DEFAULT 60)
AS 'MODULE_PATHNAME', 'mlops_run_due_jobs'
LANGUAGE C;
COMMENT ON PROCEDURE mlops.run_due_jobs(integer)
  IS 'do what is due: the jobs of the current user and, with the privilege audit, sealing, retention and days of the log; for any scheduler';

CREATE VIEW mlops.jobs WITH (security_barrier) AS
SELECT j.job_id AS job,
       j.name,
       j.kind,
       mlops_private.current_owner(j.owner_oid, j.owner_name, j.owner_system) AS owner,
       j.arguments,
       j.every,
       j.next_due,
       j.state,
       j.failures,
       j.crash_count AS crashes,
       j.cancel_requested,
       j.running_run AS run,
       j.created
  FROM mlops_private.job j
 WHERE mlops_private.owns(j.owner_oid, j.owner_name, j.owner_system);
COMMENT ON VIEW mlops.jobs
  IS 'jobs of roles whose privileges the current user has; owner null: the role is gone, and the job does not run';

CREATE VIEW mlops.job_runs WITH (security_barrier) AS
SELECT r.run_id AS run,
       r.job_id AS job,
       j.name,
       j.kind,
       r.started_at,
       r.ended_at,
       r.state,
       r.sqlstate,
       r.message,
       r.rows,
       r.detail
  FROM mlops_private.job_run r
  JOIN mlops_private.job j ON j.job_id = r.job_id
 WHERE mlops_private.owns(j.owner_oid, j.owner_name, j.owner_system);
COMMENT ON VIEW mlops.job_runs
  IS 'what became of the runs of jobs';
