/* sql/install/22_audit_tables.sql: the audit trail. */

CREATE SEQUENCE mlops_private.audit_event_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.audit_event_id_seq
  IS 'numbers of recorded acts';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.audit_event_id_seq', '');

CREATE TABLE mlops_private.audit_pending (
    event_id          bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.audit_event_id_seq'),
    system            bigint NOT NULL,
    log_xid           xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    happened_at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    actor_oid         oid NOT NULL,
    actor             name NOT NULL,
    session_user_name name NOT NULL,
    action            text NOT NULL,
    object_kind       text NOT NULL,
    object_id         text,
    payload           jsonb,
    CONSTRAINT audit_pending_pkey PRIMARY KEY (event_id)
);
COMMENT ON TABLE mlops_private.audit_pending
  IS 'acts recorded by the transactions that did them';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.audit_pending', '');
