/* sql/install/20_tables.sql: the registry: models, their versions, and aliases.
 *
 * Refers to the type mlops.model only.  Nobody holds a privilege on these tables; the
 * functions of 50_registry.sql and mlops.train() write them as the extension's owner.
 * Policies are in 96_policies.sql.  src/catalog/registry_tables.h knows the columns' order; add new ones last.
 */

CREATE SEQUENCE mlops_private.model_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.model_id_seq
  IS 'numbers of models';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.model_id_seq', '');

CREATE TABLE mlops_private.model (
    model_id     bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.model_id_seq'),
    name         name NOT NULL,
    task         text NOT NULL,
    owner_oid    oid NOT NULL,
    owner_name   name NOT NULL,
    owner_system bigint NOT NULL,
    last_version integer NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT model_pkey PRIMARY KEY (model_id),
    CONSTRAINT model_name_key UNIQUE (name),
    CONSTRAINT model_name_check CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    CONSTRAINT model_task_check CHECK (task IN ('regression', 'classification'))
);
COMMENT ON TABLE mlops_private.model
  IS 'a name with an owner, a task and a history of versions';
COMMENT ON COLUMN mlops_private.model.owner_system
  IS 'system identifier of the cluster in which owner_oid means something; elsewhere owner_name decides';
COMMENT ON COLUMN mlops_private.model.last_version
  IS 'highest version number ever given; numbers are not used again';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.model', '');

CREATE TABLE mlops_private.version (
    model_id     bigint NOT NULL,
    version      integer NOT NULL,
    algorithm    text NOT NULL,
    artifact     mlops.model NOT NULL,
    target       text,
    options      jsonb NOT NULL,
    metrics      jsonb NOT NULL,
    source       text,
    rows_used    bigint NOT NULL,
    rows_skipped bigint NOT NULL,
    seconds      double precision NOT NULL,
    trained_by   name NOT NULL,
    trained_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    note         text,
    facts        jsonb NOT NULL DEFAULT '{}',
    trainer_oid  oid NOT NULL DEFAULT 0,
    trainer_system bigint NOT NULL DEFAULT 0,
    trainer_session_oid oid NOT NULL DEFAULT 0,
    trainer_session name NOT NULL DEFAULT '',
    CONSTRAINT version_pkey PRIMARY KEY (model_id, version),
    CONSTRAINT version_model_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id),
    CONSTRAINT version_version_check CHECK (version > 0)
);
COMMENT ON TABLE mlops_private.version
  IS 'immutable: a trained artifact and what was known when it was made';
COMMENT ON COLUMN mlops_private.version.facts
  IS 'lineage: fingerprint, relations, row security, server and extension version';
COMMENT ON COLUMN mlops_private.version.trainer_oid
  IS 'the effective role that trained it, trained_by by name; trainer_session is the session user';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.version', '');

CREATE TABLE mlops_private.alias (
    model_id     bigint NOT NULL,
    alias        name NOT NULL,
    version      integer NOT NULL,
    set_by       name NOT NULL,
    set_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT alias_pkey PRIMARY KEY (model_id, alias),
    CONSTRAINT alias_version_fkey FOREIGN KEY (model_id, version)
        REFERENCES mlops_private.version (model_id, version),
    CONSTRAINT alias_alias_check CHECK (alias ~ '^[a-z][a-z0-9_]{0,62}$')
);
COMMENT ON TABLE mlops_private.alias
  IS 'movable names of versions; champion is what a bare model name means';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.alias', '');
