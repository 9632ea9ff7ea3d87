/* sql/install/70_log_partitions.sql: days of the prediction log. */

CREATE FUNCTION mlops.log_upkeep(
    OUT action text,
    OUT object text,
    OUT rows bigint,
    OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_log_upkeep_now'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.log_upkeep()
  IS 'make partitions of the prediction log for today and three days ahead, and let go what is older than its retention; run_due_jobs() does so too';

CREATE VIEW mlops.log_partitions WITH (security_barrier) AS
SELECT c.relname::text AS partition,
       CASE WHEN c.relname OPERATOR(pg_catalog.~) '^prediction_[0-9]{8}$'
            THEN pg_catalog.to_date(pg_catalog.substr(c.relname::text, 12), 'YYYYMMDD') END AS day,
       greatest(c.reltuples, 0)::bigint AS rows,
       pg_catalog.pg_total_relation_size(c.oid) AS bytes
  FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid
 WHERE i.inhparent OPERATOR(pg_catalog.=) 'mlops_private.prediction'::pg_catalog.regclass
   AND mlops_private.may_database('audit');
COMMENT ON VIEW mlops.log_partitions
  IS 'partitions of the prediction log, a day (UTC) each and one for all others; rows as the last ANALYZE found them; needs the database-wide privilege audit';
