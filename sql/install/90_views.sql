/* sql/install/90_views.sql: what people SELECT from.
 *
 * Every view is a security barrier that shows only rows of models the current user may
 * read.  The tables are read as the extension's owner, the functions run as the user.
 */

CREATE VIEW mlops.models WITH (security_barrier) AS
SELECT m.name::text AS model,
       m.task,
       mlops_private.current_owner(m.owner_oid, m.owner_name, m.owner_system) AS owner,
       (SELECT pg_catalog.count(*)::integer
          FROM mlops_private.version v
         WHERE v.model_id = m.model_id) AS versions,
       (SELECT a.version
          FROM mlops_private.alias a
         WHERE a.model_id = m.model_id AND a.alias = 'champion') AS champion,
       m.created_at
  FROM mlops_private.model m
 WHERE mlops_private.can_read(m.owner_oid, m.owner_name, m.owner_system);
COMMENT ON VIEW mlops.models
  IS 'models you may use; champion is the version that the bare name means';

CREATE VIEW mlops.versions WITH (security_barrier) AS
SELECT m.name::text AS model,
       v.version,
       v.algorithm,
       m.task,
       v.target,
       v.rows_used,
       v.rows_skipped,
       v.metrics,
       v.options,
       ARRAY(SELECT a.alias::text
               FROM mlops_private.alias a
              WHERE a.model_id = v.model_id AND a.version = v.version
              ORDER BY a.alias) AS aliases,
       pg_catalog.pg_column_size(v.artifact) AS bytes,
       v.seconds,
       v.trained_by,
       v.trained_at,
       v.note
  FROM mlops_private.model m
  JOIN mlops_private.version v ON v.model_id = m.model_id
 WHERE mlops_private.can_read(m.owner_oid, m.owner_name, m.owner_system);
COMMENT ON VIEW mlops.versions
  IS 'versions of models you may use, with their metrics and aliases';

CREATE VIEW mlops.aliases WITH (security_barrier) AS
SELECT m.name::text AS model,
       a.alias::text AS alias,
       a.version,
       a.set_by,
       a.set_at
  FROM mlops_private.model m
  JOIN mlops_private.alias a ON a.model_id = m.model_id
 WHERE mlops_private.can_read(m.owner_oid, m.owner_name, m.owner_system);
COMMENT ON VIEW mlops.aliases
  IS 'aliases of models you may use: which version each points to, since when and by whom';
