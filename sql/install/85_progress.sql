-- trainings under way.  Refers to nothing below it.

CREATE FUNCTION mlops_private.progress(
    OUT pid integer,
    OUT role_oid oid,
    OUT phase text,
    OUT rows_read bigint,
    OUT pass bigint,
    OUT max_passes bigint,
    OUT started_at timestamptz,
    OUT validation_loss double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_progress'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 100 ROWS 5;
COMMENT ON FUNCTION mlops_private.progress()
  IS 'counters of trainings under way that the caller may see';

CREATE VIEW mlops.progress WITH (security_barrier) AS
  SELECT p.pid,
         pg_catalog.pg_get_userbyid(p.role_oid) AS role,
         p.phase,
         p.rows_read,
         p.pass,
         p.max_passes,
         p.started_at,
         p.validation_loss
  FROM mlops_private.progress() AS p;
COMMENT ON VIEW mlops.progress
  IS 'trainings under way in this database';
