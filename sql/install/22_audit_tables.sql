/* sql/install/22_audit_tables.sql: the audit trail.
 *
 * An act adds a row to audit_pending, and its payload to audit_payload, in its own
 * transaction and without waiting for anybody.  The sealer moves committed rows to
 * audit_event, numbers them without gaps and chains their hashes (src/gov/audit_record.h
 * has the format).  What a sealed row says is never changed: the trigger refuses it to
 * everyone but sealing, retention and erasure, whatever session_replication_role is.  Who
 * can take a trigger away is found by mlops.audit_verify().
 *
 * The one row of audit_chain is made by the first sealing, not here: a restored one must
 * find the table empty.
 */

CREATE FUNCTION mlops_private.audit_guard()
RETURNS trigger
AS 'MODULE_PATHNAME', 'mlops_audit_guard'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops_private.audit_guard()
  IS 'trigger: refuses changes of the audit trail that do not come from mlops itself';

CREATE TABLE mlops_private.audit_chain (
    one          boolean NOT NULL DEFAULT true,
    chain_id     uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    start_seq    bigint NOT NULL DEFAULT 0,
    start_hash   bytea NOT NULL,
    start_system bigint NOT NULL,
    CONSTRAINT audit_chain_pkey PRIMARY KEY (one),
    CONSTRAINT audit_chain_one_check CHECK (one)
);
COMMENT ON TABLE mlops_private.audit_chain
  IS 'the chain of audit records: what it is called, and after which record what is kept begins';
COMMENT ON COLUMN mlops_private.audit_chain.start_seq
  IS 'last record that retention removed; 0 for none';
COMMENT ON COLUMN mlops_private.audit_chain.start_system
  IS 'cluster in which that record was made, or the chain';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.audit_chain', '');

CREATE SEQUENCE mlops_private.audit_event_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.audit_event_id_seq
  IS 'numbers of audited acts; what was rolled back leaves gaps';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.audit_event_id_seq', '');

CREATE TABLE mlops_private.audit_pending (
    event_id     bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.audit_event_id_seq'),
    system       bigint NOT NULL,
    log_xid      xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    at           timestamptz NOT NULL,
    started      timestamptz NOT NULL,
    actor_oid    oid NOT NULL,
    actor        name NOT NULL,
    session_role name NOT NULL,
    action       text NOT NULL,
    kind         text NOT NULL,
    object       text,
    outcome      text NOT NULL,
    commitment   bytea NOT NULL,
    CONSTRAINT audit_pending_pkey PRIMARY KEY (event_id)
);
CREATE INDEX audit_pending_order
    ON mlops_private.audit_pending (log_xid, event_id);
COMMENT ON TABLE mlops_private.audit_pending
  IS 'audited acts that are not in the chain yet';
COMMENT ON COLUMN mlops_private.audit_pending.system
  IS 'system identifier of the cluster in which log_xid means something';
COMMENT ON COLUMN mlops_private.audit_pending.at
  IS 'the clock when it was done; started is when its transaction began';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.audit_pending', '');

CREATE TABLE mlops_private.audit_event (
    seq          bigint NOT NULL,
    event_id     bigint NOT NULL,
    system       bigint NOT NULL,
    log_xid      xid8 NOT NULL,
    at           timestamptz NOT NULL,
    started      timestamptz NOT NULL,
    actor_oid    oid NOT NULL,
    actor        name NOT NULL,
    session_role name NOT NULL,
    action       text NOT NULL,
    kind         text NOT NULL,
    object       text,
    outcome      text NOT NULL,
    commitment   bytea NOT NULL,
    hash         bytea NOT NULL,
    CONSTRAINT audit_event_pkey PRIMARY KEY (seq)
);
COMMENT ON TABLE mlops_private.audit_event
  IS 'audited acts in the chain: numbered without gaps, each with the hash of itself and the one before';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.audit_event', '');

CREATE TABLE mlops_private.audit_payload (
    event_id     bigint NOT NULL,
    salt         bytea,
    payload      bytea,
    erased_at    timestamptz,
    CONSTRAINT audit_payload_pkey PRIMARY KEY (event_id)
);
-- statistics would keep values that were erased
ALTER TABLE mlops_private.audit_payload
    ALTER salt SET STATISTICS 0,
    ALTER payload SET STATISTICS 0;
COMMENT ON TABLE mlops_private.audit_payload
  IS 'the facts of audited acts, which can be erased: the chain holds a salted hash of them';
COMMENT ON COLUMN mlops_private.audit_payload.payload
  IS 'JSON in UTF-8, in SQL_ASCII as it is; an erasure is declared by the payload of the act that erased it';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.audit_payload', '');

CREATE SEQUENCE mlops_private.audit_anchor_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.audit_anchor_id_seq
  IS 'numbers of anchors';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.audit_anchor_id_seq', '');

CREATE TABLE mlops_private.audit_anchor (
    anchor_id    bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.audit_anchor_id_seq'),
    chain_id     uuid NOT NULL,
    seq          bigint NOT NULL,
    hash         bytea NOT NULL,
    at           timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    system       bigint NOT NULL,
    timeline     integer NOT NULL,
    CONSTRAINT audit_anchor_pkey PRIMARY KEY (anchor_id)
);
COMMENT ON TABLE mlops_private.audit_anchor
  IS 'places of the chain that were also written to the server''s log';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.audit_anchor', '');

-- the guard, whatever session_replication_role says

CREATE TRIGGER audit_guard
    BEFORE UPDATE OR DELETE OR TRUNCATE ON mlops_private.audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION mlops_private.audit_guard();
ALTER TABLE mlops_private.audit_chain ENABLE ALWAYS TRIGGER audit_guard;

CREATE TRIGGER audit_guard
    BEFORE UPDATE OR DELETE OR TRUNCATE ON mlops_private.audit_pending
    FOR EACH STATEMENT EXECUTE FUNCTION mlops_private.audit_guard();
ALTER TABLE mlops_private.audit_pending ENABLE ALWAYS TRIGGER audit_guard;

CREATE TRIGGER audit_guard
    BEFORE UPDATE OR DELETE OR TRUNCATE ON mlops_private.audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION mlops_private.audit_guard();
ALTER TABLE mlops_private.audit_event ENABLE ALWAYS TRIGGER audit_guard;

CREATE TRIGGER audit_guard
    BEFORE UPDATE OR DELETE OR TRUNCATE ON mlops_private.audit_payload
    FOR EACH STATEMENT EXECUTE FUNCTION mlops_private.audit_guard();
ALTER TABLE mlops_private.audit_payload ENABLE ALWAYS TRIGGER audit_guard;

CREATE TRIGGER audit_guard
    BEFORE UPDATE OR DELETE OR TRUNCATE ON mlops_private.audit_anchor
    FOR EACH STATEMENT EXECUTE FUNCTION mlops_private.audit_guard();
ALTER TABLE mlops_private.audit_anchor ENABLE ALWAYS TRIGGER audit_guard;
