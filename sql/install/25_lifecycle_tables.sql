/* sql/install/25_lifecycle_tables.sql: policies, stages, and requests for promotion.
 *
 * A row that says who did something on which rights depend has the role as OID, name and
 * the cluster's identifier (src/store/stored_role.c), effective role and session user apart.
 */

CREATE SEQUENCE mlops_private.policy_revision_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.policy_revision_seq
  IS 'revisions of policies; none is used twice';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.policy_revision_seq', '');

CREATE TABLE mlops_private.policy (
    model_id     bigint,
    revision     bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.policy_revision_seq'),
    policy       jsonb NOT NULL,
    set_by       name NOT NULL,
    set_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT policy_pkey PRIMARY KEY (revision),
    CONSTRAINT policy_model_id_key UNIQUE NULLS NOT DISTINCT (model_id),
    CONSTRAINT policy_model_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE
);
COMMENT ON TABLE mlops_private.policy
  IS 'what a version must meet before a protected alias may point to it';
COMMENT ON COLUMN mlops_private.policy.model_id
  IS 'NULL: for all models without a policy of their own';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.policy', '');

CREATE TABLE mlops_private.version_stage (
    model_id     bigint NOT NULL,
    version      integer NOT NULL,
    stage        text NOT NULL,
    set_by       name NOT NULL,
    set_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT version_stage_pkey PRIMARY KEY (model_id, version),
    CONSTRAINT version_stage_version_fkey FOREIGN KEY (model_id, version)
        REFERENCES mlops_private.version (model_id, version) ON DELETE CASCADE,
    CONSTRAINT version_stage_stage_check
        CHECK (stage IN ('draft', 'candidate', 'production', 'archived'))
);
COMMENT ON TABLE mlops_private.version_stage
  IS 'stages of versions; one that is not here is a draft';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.version_stage', '');

CREATE SEQUENCE mlops_private.promotion_request_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.promotion_request_id_seq
  IS 'numbers of requests for promotion';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.promotion_request_id_seq', '');

CREATE TABLE mlops_private.promotion_request (
    request_id            bigint NOT NULL
        DEFAULT pg_catalog.nextval('mlops_private.promotion_request_id_seq'),
    model_id              bigint NOT NULL,
    version               integer NOT NULL,
    alias                 name NOT NULL,
    artifact_hash         bytea NOT NULL,
    evidence_hash         bytea NOT NULL,
    card_revision         integer NOT NULL,
    policy_revision       bigint NOT NULL,
    reason                text,
    requester_oid         oid NOT NULL,
    requester             name NOT NULL,
    requester_system      bigint NOT NULL,
    requester_session_oid oid NOT NULL,
    requester_session     name NOT NULL,
    requested_at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    expires_at            timestamptz NOT NULL,
    state                 text NOT NULL DEFAULT 'open',
    closed_by             name,
    closed_at             timestamptz,
    CONSTRAINT promotion_request_pkey PRIMARY KEY (request_id),
    CONSTRAINT promotion_request_model_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT promotion_request_state_check
        CHECK (state IN ('open', 'rejected', 'withdrawn', 'executed'))
);
CREATE INDEX promotion_request_model_id_idx
    ON mlops_private.promotion_request (model_id, version, alias);
COMMENT ON TABLE mlops_private.promotion_request
  IS 'requests to point a protected alias at a version';
COMMENT ON COLUMN mlops_private.promotion_request.evidence_hash
  IS 'of metrics and facts of the version, as they were at the request';
COMMENT ON COLUMN mlops_private.promotion_request.card_revision
  IS 'of the card at the request; 0: none was written';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.promotion_request', '');

CREATE SEQUENCE mlops_private.promotion_decision_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.promotion_decision_id_seq
  IS 'numbers of decisions on requests';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.promotion_decision_id_seq', '');

CREATE TABLE mlops_private.promotion_decision (
    decision_id         bigint NOT NULL
        DEFAULT pg_catalog.nextval('mlops_private.promotion_decision_id_seq'),
    request_id          bigint NOT NULL,
    decision            text NOT NULL,
    comment             text,
    decider_oid         oid NOT NULL,
    decider             name NOT NULL,
    decider_system      bigint NOT NULL,
    decider_session_oid oid NOT NULL,
    decider_session     name NOT NULL,
    decided_at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    CONSTRAINT promotion_decision_pkey PRIMARY KEY (decision_id),
    CONSTRAINT promotion_decision_request_fkey FOREIGN KEY (request_id)
        REFERENCES mlops_private.promotion_request (request_id) ON DELETE CASCADE,
    CONSTRAINT promotion_decision_decision_check CHECK (decision IN ('approve', 'reject'))
);
CREATE INDEX promotion_decision_request_id_idx
    ON mlops_private.promotion_decision (request_id);
COMMENT ON TABLE mlops_private.promotion_decision
  IS 'approvals and rejections of requests';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.promotion_decision', '');
