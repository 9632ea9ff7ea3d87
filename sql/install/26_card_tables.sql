/* sql/install/26_card_tables.sql: the written half of models' cards.
 *
 * Revisions are never changed nor taken away while the model lives; the newest counts.
 */

CREATE TABLE mlops_private.card (
    model_id           bigint NOT NULL,
    revision           integer NOT NULL,
    content            jsonb NOT NULL,
    edited_by          name NOT NULL,
    editor_oid         oid NOT NULL,
    editor_system      bigint NOT NULL,
    editor_session_oid oid NOT NULL,
    editor_session     name NOT NULL,
    edited_at          timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT card_pkey PRIMARY KEY (model_id, revision),
    CONSTRAINT card_model_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT card_revision_check CHECK (revision > 0),
    CONSTRAINT card_content_check CHECK (pg_catalog.jsonb_typeof(content) = 'object')
);
COMMENT ON TABLE mlops_private.card
  IS 'what people wrote about a model, every revision of it';
COMMENT ON COLUMN mlops_private.card.editor_oid
  IS 'the effective role that wrote it, edited_by by name; editor_session is the session user';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.card', '');
