/* sql/install/31_expectation_tables.sql: what data must be like, of models and of relations. */

CREATE SEQUENCE mlops_private.expectation_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.expectation_id_seq
  IS 'numbers of expectations';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.expectation_id_seq', '');

CREATE TABLE mlops_private.expectation (
    expectation_id  bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.expectation_id_seq'),
    model_id        bigint,
    relation_schema name,
    relation_name   name,
    owner_oid       oid NOT NULL,
    owner_name      name NOT NULL,
    owner_system    bigint NOT NULL,
    name            text,
    kind            text NOT NULL,
    column_name     name,
    arguments       jsonb NOT NULL,
    severity        text NOT NULL,
    created_by      name NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT expectation_pkey PRIMARY KEY (expectation_id),
    CONSTRAINT expectation_model_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT expectation_target_check CHECK ((model_id IS NULL) = (relation_name IS NOT NULL)
        AND (relation_schema IS NULL) = (relation_name IS NULL)),
    CONSTRAINT expectation_severity_check CHECK (severity IN ('error', 'warning'))
);
CREATE INDEX expectation_model_id_idx ON mlops_private.expectation (model_id)
    WHERE model_id IS NOT NULL;
CREATE INDEX expectation_relation_idx ON mlops_private.expectation (relation_schema, relation_name)
    WHERE relation_name IS NOT NULL;
COMMENT ON TABLE mlops_private.expectation
  IS 'what rows of a relation, or rows for a model, must be like';
COMMENT ON COLUMN mlops_private.expectation.owner_oid
  IS 'the owner of the relation when it was recorded: of a relation of that name that is another''s it says nothing; of a model: who recorded it';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.expectation', '');
