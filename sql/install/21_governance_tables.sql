/* sql/install/21_governance_tables.sql: who was granted what.
 *
 * src/gov/grant_table.h knows the columns' order; add new ones last.
 */

CREATE SEQUENCE mlops_private.grant_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.grant_id_seq
  IS 'numbers of grants';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.grant_id_seq', '');

CREATE TABLE mlops_private.model_grant (
    grant_id       bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.grant_id_seq'),
    model_id       bigint NOT NULL,
    privilege      text COLLATE "C" NOT NULL,
    grantee_oid    oid NOT NULL,
    grantee_name   name NOT NULL,
    grantee_system bigint NOT NULL,
    with_grant     boolean NOT NULL,
    granted_by     name NOT NULL,
    granted_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    grantor_oid    oid NOT NULL,
    grantor_system bigint NOT NULL,
    CONSTRAINT model_grant_pkey PRIMARY KEY (grant_id)
);
CREATE UNIQUE INDEX model_grant_model_id_idx
    ON mlops_private.model_grant (model_id, privilege, grantee_oid, grantee_system);
COMMENT ON TABLE mlops_private.model_grant
  IS 'privileges on models';
COMMENT ON COLUMN mlops_private.model_grant.model_id
  IS '0: of the whole database';
COMMENT ON COLUMN mlops_private.model_grant.grantee_oid
  IS '0: PUBLIC';
COMMENT ON COLUMN mlops_private.model_grant.grantor_oid
  IS 'the role that granted it, granted_by by name; grants stay when it goes';
COMMENT ON COLUMN mlops_private.model_grant.grantee_system
  IS 'system identifier of the cluster in which grantee_oid means something; elsewhere grantee_name decides';
-- a grant to a role that is gone stays here: elsewhere its name could be somebody else's
SELECT pg_catalog.pg_extension_config_dump('mlops_private.model_grant',
    'WHERE grantee_oid = 0 OR mlops_private.current_owner(grantee_oid, grantee_name, grantee_system) IS NOT NULL');
