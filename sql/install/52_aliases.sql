/* sql/install/52_aliases.sql: moving aliases, and where they pointed when.
 *
 * Functions of the invoker, as those of 50_registry.sql.  Refers to 20_tables.sql,
 * 24_alias_tables.sql and mlops_private.may().
 */

CREATE FUNCTION mlops.set_alias(
    model text,
    alias text,
    version integer DEFAULT NULL,
    reason text DEFAULT NULL,
    OUT model text,
    OUT alias text,
    OUT version integer,
    OUT previous_version integer)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_set_alias'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.set_alias(text, text, integer, text)
  IS 'point an alias at a version: set_alias(''credit:2'', ''champion''), set_alias(''credit@challenger'', ''champion'') or set_alias(''credit'', ''champion'', 2)';

CREATE FUNCTION mlops.drop_alias(
    model text,
    alias text,
    reason text DEFAULT NULL,
    OUT model text,
    OUT alias text,
    OUT version integer)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_drop_alias'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.drop_alias(text, text, text)
  IS 'remove an alias; the version it pointed to stays';

CREATE FUNCTION mlops.rollback(
    model text,
    alias text DEFAULT 'champion',
    reason text DEFAULT NULL,
    OUT model text,
    OUT alias text,
    OUT version integer,
    OUT previous_version integer)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_rollback'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.rollback(text, text, text)
  IS 'point an alias at the version that held it before; again, at the one before that';

-- history

CREATE FUNCTION mlops.alias_at(
    model text,
    alias text,
    at timestamptz)
RETURNS integer
AS 'MODULE_PATHNAME', 'mlops_alias_at'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.alias_at(text, text, timestamptz)
  IS 'the version an alias pointed to at a time; null when it did not exist then';

CREATE VIEW mlops.alias_history WITH (security_barrier) AS
SELECT m.name::text AS model,
       e.alias::text AS alias,
       e.version,
       e.previous AS previous_version,
       e.action,
       e.set_by AS by,
       e.reason,
       e.happened_at AS since,
       (SELECT n.happened_at
          FROM mlops_private.alias_event n
         WHERE n.model_id = e.model_id
           AND n.alias = e.alias
           AND (n.happened_at, n.event_id) > (e.happened_at, e.event_id)
         ORDER BY n.happened_at, n.event_id
         LIMIT 1) AS until
  FROM mlops_private.model m
  JOIN mlops_private.alias_event e ON e.model_id = m.model_id
 WHERE mlops_private.may(m.model_id, 'read');
COMMENT ON VIEW mlops.alias_history
  IS 'every move of the aliases of models you may read: which version, from when until when, by whom and why';
