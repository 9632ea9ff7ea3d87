/* sql/install/56_cards.sql: model cards. */

CREATE FUNCTION mlops.set_card(
    model text,
    card jsonb,
    merge boolean DEFAULT true,
    OUT model text,
    OUT revision integer,
    OUT changed text[])
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_set_card'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.set_card(text, jsonb, boolean)
  IS 'write on a model''s card; merge: fields not named stay, and null removes one; every change is a revision of its own';

CREATE FUNCTION mlops.card_fields(
    OUT field text,
    OUT type text,
    OUT section text,
    OUT description text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_card_fields_table'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 30;
COMMENT ON FUNCTION mlops.card_fields()
  IS 'what can be written on a model''s card';

CREATE FUNCTION mlops.card(
    model text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_card'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.card(text)
  IS 'a model''s card: what is known of the version, as far as you may see it, and what people wrote';

CREATE FUNCTION mlops.card_markdown(
    model text)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_card_markdown'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.card_markdown(text)
  IS 'a model''s card as Markdown';

CREATE VIEW mlops.cards WITH (security_barrier) AS
SELECT m.name::text AS model,
       c.revision,
       c.edited_by,
       c.edited_at,
       c.content
  FROM mlops_private.model m
  JOIN mlops_private.card c ON c.model_id = m.model_id
 WHERE mlops_private.may(m.model_id, 'read');
COMMENT ON VIEW mlops.cards
  IS 'what people wrote about models you may read, every revision of it';
