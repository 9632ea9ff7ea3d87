/* sql/install/69_workers.sql: looking at the background workers. */

CREATE FUNCTION mlops_private.worker_status(
    OUT part text,
    OUT state text,
    OUT role name,
    OUT pid integer,
    OUT job bigint,
    OUT since timestamptz,
    OUT next timestamptz,
    OUT failures integer,
    OUT sqlstate text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_worker_status'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION mlops_private.worker_status()
  IS 'launcher, this database, its workers, and roles that no worker could be had for';

CREATE VIEW mlops.worker_status WITH (security_barrier) AS
SELECT s.part,
       s.state,
       s.role,
       s.pid,
       s.job,
       s.since,
       s.next,
       s.failures,
       s.sqlstate
  FROM mlops_private.worker_status() s;
COMMENT ON VIEW mlops.worker_status
  IS 'what runs jobs in the background: of others only what the current user may know';
