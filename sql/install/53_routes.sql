/* sql/install/53_routes.sql: dividing rows between aliases.
 *
 * Refers to 20_tables.sql, 24_alias_tables.sql and mlops_private.may().
 */

CREATE FUNCTION mlops.route(
    model text,
    split jsonb,
    shadow text[] DEFAULT NULL,
    salt text DEFAULT NULL,
    OUT model text,
    OUT split jsonb,
    OUT shadow text[],
    OUT salt text,
    OUT moved double precision)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_route'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.route(text, jsonb, text[], text)
  IS 'divide the keys of a model''s rows between its aliases: route(''credit'', ''{"champion": 0.9, "challenger": 0.1}''); a null split removes the route';

CREATE FUNCTION mlops.variant_of(
    model text,
    key text)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_variant_of'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION mlops.variant_of(text, text)
  IS 'the alias that a key is routed to, the same for the same key; champion where there is no route';

CREATE VIEW mlops.routes WITH (security_barrier) AS
SELECT m.name::text AS model,
       r.split,
       r.shadow::text[] AS shadow,
       r.salt,
       r.set_by,
       r.set_at
  FROM mlops_private.model m
  JOIN mlops_private.route r ON r.model_id = m.model_id
 WHERE mlops_private.may(m.model_id, 'read');
COMMENT ON VIEW mlops.routes
  IS 'routes of models you may read: which alias gets which share of the keys, and which run in shadow';
