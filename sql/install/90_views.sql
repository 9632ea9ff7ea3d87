/* sql/install/90_views.sql: what people SELECT from.
 *
 * Every view is a security barrier that shows only rows of models the current user may
 * see.  The tables are read as the extension's owner, the functions run as the user.
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
 WHERE mlops_private.may_any(m.model_id);
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
       CASE WHEN pg_catalog.jsonb_typeof(v.options -> 'class_weight') = 'object'
                 AND NOT mlops_private.may(m.model_id, 'predict')
                 AND NOT mlops_private.may(m.model_id, 'artifact')
            THEN v.options || '{"class_weight": null}'
            ELSE v.options
       END AS options,
       ARRAY(SELECT a.alias::text
               FROM mlops_private.alias a
              WHERE a.model_id = v.model_id AND a.version = v.version
              ORDER BY a.alias) AS aliases,
       pg_catalog.pg_column_size(v.artifact) AS bytes,
       v.seconds,
       v.trained_by,
       v.trained_at,
       v.note,
       coalesce((SELECT s.stage
                   FROM mlops_private.version_stage s
                  WHERE s.model_id = v.model_id AND s.version = v.version),
                'draft') AS stage,
       CASE WHEN mlops_private.may(m.model_id, 'train')
                 OR mlops_private.may(m.model_id, 'manage')
                 OR mlops_private.may(m.model_id, 'artifact')
            THEN v.source
       END AS source,
       (v.facts ->> 'rows_seen')::bigint AS rows_seen,
       (v.facts ->> 'row_security')::boolean AS row_security,
       v.facts ->> 'fingerprint' AS fingerprint
  FROM mlops_private.model m
  JOIN mlops_private.version v ON v.model_id = m.model_id
 WHERE mlops_private.may(m.model_id, 'read');
COMMENT ON VIEW mlops.versions
  IS 'versions of models you may read, with their metrics and aliases; names of classes and the source''s text need further privileges';

CREATE VIEW mlops.aliases WITH (security_barrier) AS
SELECT m.name::text AS model,
       a.alias::text AS alias,
       a.version,
       a.set_by,
       a.set_at
  FROM mlops_private.model m
  JOIN mlops_private.alias a ON a.model_id = m.model_id
 WHERE mlops_private.may(m.model_id, 'read');
COMMENT ON VIEW mlops.aliases
  IS 'aliases of models you may read: which version each points to, since when and by whom';

CREATE VIEW mlops.privileges WITH (security_barrier) AS
SELECT m.name::text AS model,
       p.privilege
  FROM mlops_private.model m
 CROSS JOIN (VALUES ('read'), ('predict'), ('artifact'), ('logs'), ('train'), ('deploy'),
                    ('approve'), ('unmask'), ('manage')) AS p (privilege)
 WHERE mlops_private.may(m.model_id, p.privilege)
UNION ALL
SELECT NULL::text,
       d.privilege
  FROM (VALUES ('audit'), ('erase')) AS d (privilege)
 WHERE mlops_private.may_database(d.privilege);
COMMENT ON VIEW mlops.privileges
  IS 'what you may do, with which model; a null model means the whole database';

CREATE VIEW mlops.grants WITH (security_barrier) AS
SELECT m.name::text AS model,
       CASE WHEN g.grantee_oid = 0 THEN 'public'
            ELSE mlops_private.current_owner(g.grantee_oid, g.grantee_name, g.grantee_system)
       END AS role,
       g.privilege,
       g.with_grant,
       g.granted_by,
       g.granted_at
  FROM mlops_private.model_grant g
  LEFT JOIN mlops_private.model m ON m.model_id = g.model_id
 WHERE CASE WHEN g.model_id = 0 THEN mlops_private.may_database('audit')
            ELSE mlops_private.may(g.model_id, 'manage')
       END;
COMMENT ON VIEW mlops.grants
  IS 'privileges that were granted on models you manage; a null role is gone';
