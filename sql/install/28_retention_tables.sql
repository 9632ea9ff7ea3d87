/* sql/install/28_retention_tables.sql: how long things are kept, and what must be kept. */

CREATE TABLE mlops_private.retention_rule (
    kind       text NOT NULL,
    minimum    interval,
    maximum    interval,
    set_by     name NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT retention_rule_pkey PRIMARY KEY (kind),
    CONSTRAINT retention_rule_kind_check CHECK (kind IN ('audit', 'log', 'snapshots', 'alerts'))
);
COMMENT ON TABLE mlops_private.retention_rule
  IS 'how long things of a kind are kept at least and at most; without a row nothing is enforced';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.retention_rule', '');

CREATE SEQUENCE mlops_private.hold_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.hold_id_seq
  IS 'numbers of legal holds';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.hold_id_seq', '');

CREATE TABLE mlops_private.legal_hold (
    hold_id     bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.hold_id_seq'),
    kind        text NOT NULL,
    object      text,
    reason      text NOT NULL,
    placed_by   name NOT NULL,
    placed_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    released_by name,
    released_at timestamptz,
    CONSTRAINT legal_hold_pkey PRIMARY KEY (hold_id),
    CONSTRAINT legal_hold_kind_check CHECK (kind IN ('model', 'version', 'snapshot', 'audit'))
);
COMMENT ON TABLE mlops_private.legal_hold
  IS 'what must not be removed, whatever else says so';
COMMENT ON COLUMN mlops_private.legal_hold.object
  IS 'a model, a version as model:number, or a snapshot; null means all of the kind';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.legal_hold', '');
