/* sql/install/60_audit.sql: the audit trail: sealing, checking, reading.
 *
 * All of it needs the database-wide privilege "audit".
 */

CREATE FUNCTION mlops.audit_seal(
    OUT sealed bigint,
    OUT seq bigint,
    OUT hash text,
    OUT busy boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_audit_seal_now'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.audit_seal()
  IS 'chain the audited acts that are committed; busy: another session is at it';

CREATE FUNCTION mlops.audit_head(
    OUT chain uuid,
    OUT seq bigint,
    OUT hash text,
    OUT pending bigint,
    OUT oldest_pending timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_audit_head_now'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops.audit_head()
  IS 'the end of the chain of audit records, to be noted outside of this cluster, and what waits to be chained';

CREATE FUNCTION mlops.audit_verify(
    anchor_seq bigint DEFAULT NULL,
    anchor_hash text DEFAULT NULL,
    OUT ok boolean,
    OUT rows bigint,
    OUT first_bad bigint,
    OUT reason text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_audit_verify_now'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION mlops.audit_verify(bigint, text)
  IS 'recompute the chain of audit records and compare it with the anchors, and with one noted elsewhere';

CREATE VIEW mlops.audit WITH (security_barrier) AS
SELECT e.seq,
       e.sealed,
       e.at,
       e.actor,
       e.session_role,
       e.action,
       e.kind,
       e.object,
       e.outcome,
       pg_catalog.convert_from(p.payload, CASE pg_catalog.getdatabaseencoding()
                                          WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)::jsonb AS payload,
       p.erased_at,
       e.started,
       e.event_id,
       e.system,
       e.log_xid,
       e.hash
  FROM (SELECT seq, true AS sealed, event_id, system, log_xid, at, started, actor,
               session_role, action, kind, object, outcome, hash
          FROM mlops_private.audit_event
        UNION ALL
        SELECT NULL, false, event_id, system, log_xid, at, started, actor,
               session_role, action, kind, object, outcome, NULL
          FROM mlops_private.audit_pending) e
  LEFT JOIN mlops_private.audit_payload p ON p.event_id = e.event_id
 WHERE mlops_private.may_database('audit');
COMMENT ON VIEW mlops.audit
  IS 'who did what, sealed into the chain or not yet; needs the database-wide privilege audit';

CREATE VIEW mlops.audit_anchors WITH (security_barrier) AS
SELECT a.anchor_id,
       a.chain_id,
       a.seq,
       a.hash,
       a.at,
       a.system,
       a.timeline
  FROM mlops_private.audit_anchor a
 WHERE mlops_private.may_database('audit');
COMMENT ON VIEW mlops.audit_anchors
  IS 'places of the chain that were also written to the server''s log; needs the database-wide privilege audit';

-- private

CREATE FUNCTION mlops_private.audit_check(
    chain uuid,
    events record[],
    erased bigint[],
    anchor_seq bigint,
    anchor_hash bytea)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_audit_check'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.audit_check(uuid, record[], bigint[], bigint, bytea)
  IS 'for tests: the walk of audit_verify() over events in any order; NULL if everything holds';
