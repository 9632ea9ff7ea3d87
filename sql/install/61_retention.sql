/* sql/install/61_retention.sql: retention, legal hold, erasure. */

CREATE FUNCTION mlops.set_retention(
    kind text,
    minimum interval DEFAULT '6 months',
    maximum interval DEFAULT '24 months',
    OUT kind text,
    OUT minimum interval,
    OUT maximum interval)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_set_retention'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.set_retention(text, interval, interval)
  IS 'say how long things of a kind (audit, log, snapshots, alerts) are kept at least and at most; null is no bound';

CREATE FUNCTION mlops.apply_retention(
    OUT kind text,
    OUT removed bigint,
    OUT kept_by_hold bigint,
    OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_apply_retention'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.apply_retention()
  IS 'remove what is older than its maximum, under no hold, and not promised to be kept longer';

CREATE FUNCTION mlops.place_hold(
    kind text,
    object text,
    reason text,
    OUT hold bigint,
    OUT kind text,
    OUT object text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_place_hold'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.place_hold(text, text, text)
  IS 'forbid the removal of a model, a version (model:number), a snapshot or (object null) all of a kind; kind audit is the audit trail';

CREATE FUNCTION mlops.release_hold(
    hold bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'mlops_release_hold'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.release_hold(bigint)
  IS 'end a legal hold';

CREATE FUNCTION mlops.erase_subject(
    key text,
    reason text DEFAULT NULL,
    OUT place text,
    OUT status text,
    OUT items bigint,
    OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_erase_subject'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.erase_subject(text, text)
  IS 'erase what mlops holds of the person with this key; the report says what was done, what is pending and what is out of reach';

CREATE VIEW mlops.holds WITH (security_barrier) AS
SELECT h.hold_id AS hold,
       h.kind,
       h.object,
       h.reason,
       h.placed_by,
       h.placed_at,
       h.released_by,
       h.released_at
  FROM mlops_private.legal_hold h
 WHERE mlops_private.may_database('erase') OR mlops_private.may_database('audit');
COMMENT ON VIEW mlops.holds
  IS 'legal holds; needs the database-wide privilege erase or audit';

CREATE VIEW mlops.retention WITH (security_barrier) AS
SELECT r.kind,
       r.minimum,
       r.maximum,
       r.set_by,
       r.set_at
  FROM mlops_private.retention_rule r
 WHERE mlops_private.may_database('erase') OR mlops_private.may_database('audit');
COMMENT ON VIEW mlops.retention
  IS 'how long things are kept; needs the database-wide privilege erase or audit';
