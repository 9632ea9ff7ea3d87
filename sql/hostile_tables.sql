-- Every table, sequence, index, TOAST table and view of ours, by roles that have
-- no right to touch them: nothing but SELECT on views, for nobody.  Generated from
-- the catalog, so a new relation is covered; what follows it is refused, too.

SET client_min_messages = warning;
CREATE ROLE regress_mlops_plain;
CREATE ROLE regress_mlops_full;
CREATE ROLE regress_mlops_creator;
SET ROLE regress_mlops_creator;
SELECT version FROM mlops.train('hostile', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT count(mlops.grant_model('hostile', 'regress_mlops_full', p, true)) AS granted
  FROM unnest('{read,predict,artifact,logs,train,deploy,approve,unmask,manage}'::text[]) p;
RESET ROLE;
SELECT count(mlops.grant_model(NULL, 'regress_mlops_full', p)) AS granted FROM unnest('{audit,erase}'::text[]) p;
CREATE SCHEMA hostile_test;
GRANT ALL ON SCHEMA hostile_test TO PUBLIC;

CREATE TEMP TABLE relations AS
SELECT c.oid, CASE WHEN n.nspname = 'pg_toast' THEN 'toast' ELSE n.nspname || ' ' || c.relkind::text END AS kind,
       format('%I.%I', n.nspname, c.relname) AS name,
       (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 ORDER BY attnum LIMIT 1) AS col
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('mlops', 'mlops_private')
    OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE relnamespace = 'mlops_private'::regnamespace);
GRANT SELECT ON relations TO PUBLIC;
SELECT kind, count(*) > 0 AS some FROM relations GROUP BY kind ORDER BY kind COLLATE "C";

CREATE TEMP TABLE statements (kinds text, statement text);
COPY statements FROM stdin (DELIMITER '|');
rvmS|SELECT * FROM %1$s
rvm|SELECT %2$s FROM %1$s
rvm|SELECT count(*) FROM %1$s
rvm|SELECT ctid FROM ONLY %1$s
rv|SELECT * FROM %1$s FOR UPDATE
rv|SELECT * FROM %1$s FOR NO KEY UPDATE
rv|SELECT * FROM %1$s FOR SHARE
rv|SELECT * FROM %1$s FOR KEY SHARE
rv|TABLE %1$s
rv|INSERT INTO %1$s DEFAULT VALUES
rv|INSERT INTO %1$s (%2$s) VALUES (NULL)
rv|INSERT INTO %1$s (%2$s) VALUES (NULL) ON CONFLICT DO NOTHING
rv|UPDATE %1$s SET %2$s = NULL
rv|DELETE FROM %1$s
rv|WITH d AS (DELETE FROM %1$s RETURNING *) SELECT * FROM d
rv|MERGE INTO %1$s AS t USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE
r|TRUNCATE %1$s
r|TRUNCATE %1$s CASCADE
rv|COPY (SELECT * FROM %1$s) TO PROGRAM 'true'
rv|CREATE TABLE hostile_test.copied AS SELECT * FROM %1$s
rv|CREATE MATERIALIZED VIEW hostile_test.seen AS SELECT * FROM %1$s
rv|CREATE TABLE hostile_test.heir () INHERITS (%1$s)
r|CREATE TABLE hostile_test.ref (a bigint REFERENCES %1$s)
rvSm|LOCK TABLE %1$s IN ACCESS SHARE MODE
rv|LOCK TABLE %1$s
rvSi|COMMENT ON COLUMN %1$s.%2$s IS 'mine'
r|COMMENT ON TABLE %1$s IS 'mine'
v|COMMENT ON VIEW %1$s IS 'mine'
S|COMMENT ON SEQUENCE %1$s IS 'mine'
i|COMMENT ON INDEX %1$s IS 'mine'
rv|ALTER TABLE %1$s OWNER TO CURRENT_USER
rv|ALTER TABLE %1$s RENAME TO mine
rv|ALTER TABLE %1$s SET SCHEMA hostile_test
r|ALTER TABLE %1$s DISABLE ROW LEVEL SECURITY
r|ALTER TABLE %1$s FORCE ROW LEVEL SECURITY
r|ALTER TABLE %1$s DISABLE TRIGGER ALL
r|ALTER TABLE %1$s ADD COLUMN mine integer
r|ALTER TABLE %1$s DROP COLUMN %2$s
r|ALTER TABLE %1$s ALTER COLUMN %2$s SET DEFAULT NULL
r|ALTER TABLE %1$s ALTER COLUMN %2$s DROP NOT NULL
r|ALTER TABLE %1$s ALTER COLUMN %2$s SET STATISTICS 1
r|ALTER TABLE %1$s SET (autovacuum_enabled = false)
r|ALTER TABLE %1$s REPLICA IDENTITY FULL
r|ALTER TABLE %1$s SET UNLOGGED
r|ALTER TABLE %1$s CLUSTER ON mine
v|ALTER VIEW %1$s SET (security_barrier = false)
v|ALTER VIEW %1$s SET (security_invoker = true)
v|ALTER VIEW %1$s ALTER COLUMN %2$s SET DEFAULT 'x'
S|ALTER SEQUENCE %1$s RESTART
S|SELECT last_value FROM %1$s
S|SELECT pg_catalog.nextval('%1$s')
S|SELECT pg_catalog.currval('%1$s')
S|SELECT pg_catalog.setval('%1$s', 1)
i|ALTER INDEX %1$s RENAME TO mine
i|ALTER INDEX %1$s SET (fillfactor = 50)
i|REINDEX INDEX %1$s
i|DROP INDEX %1$s
r|DROP TABLE %1$s CASCADE
v|DROP VIEW %1$s CASCADE
S|DROP SEQUENCE %1$s CASCADE
rv|CREATE TRIGGER mine AFTER INSERT ON %1$s EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()
rv|CREATE RULE mine AS ON INSERT TO %1$s DO INSTEAD NOTHING
r|CREATE POLICY mine ON %1$s USING (true)
r|CREATE INDEX mine ON %1$s (%2$s)
r|CREATE STATISTICS hostile_test.mine ON %2$s, ctid FROM %1$s
r|CREATE STATISTICS hostile_test.mine ON (%2$s::text) FROM %1$s
r|REINDEX TABLE %1$s
r|CREATE PUBLICATION mine FOR TABLE %1$s
rv|SECURITY LABEL FOR mlops ON COLUMN %1$s.%2$s IS 'pii:email'
r|GRANT SELECT ON %1$s TO regress_mlops_plain
rvSi|ALTER EXTENSION mlops DROP TABLE %1$s
c|ALTER TYPE %1$s ADD ATTRIBUTE mine integer
c|ALTER TYPE %1$s DROP ATTRIBUTE %2$s
c|ALTER TYPE %1$s OWNER TO CURRENT_USER
c|COMMENT ON TYPE %1$s IS 'mine'
c|DROP TYPE %1$s CASCADE
t|SELECT * FROM %1$s
t|SELECT chunk_data FROM %1$s
t|DELETE FROM %1$s
t|TRUNCATE %1$s
t|LOCK TABLE %1$s
t|INSERT INTO %1$s VALUES (1, 1, '')
\.

-- effects are undone, whatever they are
CREATE FUNCTION pg_temp.outcome(statement text, role text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE statement;
	RAISE EXCEPTION 'done' USING ERRCODE = 'YY000';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'YY000' THEN 'done' ELSE SQLSTATE END;
END $$;
CREATE TEMP TABLE tries AS
SELECT r.kind, r.name, s.statement, pg_temp.outcome(format(s.statement, r.name, r.col), u.role) AS outcome, u.role
  FROM relations r
  JOIN statements s ON s.kinds LIKE '%' || translate(right(r.kind, 1), 'p', 'r') || '%' AND (r.kind <> 'toast' OR s.kinds = 't')
 CROSS JOIN (VALUES ('regress_mlops_plain'), ('regress_mlops_full')) AS u (role)
 WHERE NOT (r.kind = 'mlops v' AND s.statement LIKE 'SELECT%ctid%');
SELECT role, kind, count(*) > 0 AS tried, bool_and(outcome = '42501') AS permission_denied FROM tries GROUP BY role, kind ORDER BY role, kind COLLATE "C";
-- all that works, and what is refused for a reason that is neither privileges nor a view's nature
SELECT kind, outcome, statement FROM tries WHERE outcome NOT IN ('42501', '55000', '0A000', '42809') GROUP BY kind, outcome, statement
 ORDER BY kind COLLATE "C", outcome, statement COLLATE "C";

-- the same with a stray right to look into the schema
GRANT USAGE ON SCHEMA mlops_private TO regress_mlops_plain, regress_mlops_full;
TRUNCATE tries;
INSERT INTO tries
SELECT r.kind, r.name, s.statement, pg_temp.outcome(format(s.statement, r.name, r.col), u.role), u.role
  FROM relations r JOIN statements s ON s.kinds LIKE '%' || translate(right(r.kind, 1), 'p', 'r') || '%'
 CROSS JOIN (VALUES ('regress_mlops_plain'), ('regress_mlops_full')) AS u (role)
 WHERE r.kind LIKE 'mlops\_private _';
SELECT kind, outcome, statement FROM tries WHERE outcome NOT IN ('42501', '42809') GROUP BY kind, outcome, statement
 ORDER BY kind COLLATE "C", outcome, statement COLLATE "C";
REVOKE USAGE ON SCHEMA mlops_private FROM regress_mlops_plain, regress_mlops_full;

-- roles that may read or write every table: reading is bound by the policies, writing finds no policy
CREATE FUNCTION pg_temp.row_count(statement text, role text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE statement;
	GET DIAGNOSTICS n = ROW_COUNT;
	RAISE EXCEPTION 'done' USING ERRCODE = 'YY000';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'YY000' THEN n || ' rows' ELSE SQLSTATE END;
END $$;
GRANT pg_read_all_data TO regress_mlops_plain;
SELECT name, pg_temp.row_count('SELECT * FROM ' || name, 'regress_mlops_plain') AS reads
  FROM relations WHERE kind IN ('mlops_private r', 'mlops_private p') AND pg_temp.row_count('SELECT * FROM ' || name, 'regress_mlops_plain') <> '0 rows'
 ORDER BY name COLLATE "C";
SELECT DISTINCT pg_temp.row_count('SELECT * FROM ' || name, 'regress_mlops_plain') AS through_views
  FROM relations WHERE kind = 'mlops v' AND name IN ('mlops.models', 'mlops.versions', 'mlops.aliases', 'mlops.grants', 'mlops.audit');
SET row_security = off;
SELECT DISTINCT pg_temp.row_count('SELECT * FROM ' || name, 'regress_mlops_plain') AS row_security_off FROM relations WHERE kind IN ('mlops_private r', 'mlops_private p');
RESET row_security;
GRANT pg_write_all_data TO regress_mlops_plain;
SELECT s.statement, string_agg(DISTINCT pg_temp.row_count(format(s.statement, r.name, r.col), 'regress_mlops_plain'), ', ') AS outcome
  FROM relations r, (VALUES ('INSERT INTO %1$s DEFAULT VALUES'), ('UPDATE %1$s SET %2$s = NULL'), ('DELETE FROM %1$s'), ('TRUNCATE %1$s')) AS s (statement)
 WHERE r.kind IN ('mlops_private r', 'mlops_private p') GROUP BY s.statement ORDER BY s.statement COLLATE "C";
REVOKE pg_read_all_data, pg_write_all_data FROM regress_mlops_plain;

-- a stray GRANT ALL: TRUNCATE is all that row security leaves open
GRANT USAGE ON SCHEMA mlops_private TO regress_mlops_plain;
GRANT ALL ON ALL TABLES IN SCHEMA mlops_private TO regress_mlops_plain;
SELECT s.statement, string_agg(DISTINCT pg_temp.row_count(format(s.statement, r.name, r.col), 'regress_mlops_plain'), ', ') AS outcome
  FROM relations r, (VALUES ('SELECT * FROM %1$s'), ('SELECT * FROM %1$s FOR UPDATE'), ('INSERT INTO %1$s DEFAULT VALUES'),
       ('UPDATE %1$s SET %2$s = NULL'), ('DELETE FROM %1$s')) AS s (statement)
 WHERE r.kind IN ('mlops_private r', 'mlops_private p') GROUP BY s.statement ORDER BY s.statement COLLATE "C";
REVOKE ALL ON ALL TABLES IN SCHEMA mlops_private FROM regress_mlops_plain;
REVOKE ALL ON SCHEMA mlops_private FROM regress_mlops_plain;

-- how it is made: row security with one policy for reading, TO PUBLIC, that asks for a right (or for the row it belongs to, or shows nothing); dumped; described; ours
SELECT c.relname AS table_without_row_security FROM pg_class c
 WHERE c.relnamespace = 'mlops_private'::regnamespace AND c.relkind IN ('r', 'p') AND (NOT c.relrowsecurity OR c.relforcerowsecurity);
SELECT c.relname AS table_without_policy FROM pg_class c
 WHERE c.relnamespace = 'mlops_private'::regnamespace AND c.relkind IN ('r', 'p')
   AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid);
SELECT p.polrelid::regclass AS odd_policy, p.polcmd, p.polroles, pg_get_expr(p.polqual, p.polrelid) AS qual
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
 WHERE c.relnamespace = 'mlops_private'::regnamespace
   AND NOT (p.polcmd = 'r' AND p.polpermissive AND p.polroles = '{0}' AND pg_get_expr(p.polqual, p.polrelid) ~ 'mlops_private\.(may|owns)|EXISTS|^false$');
SELECT c.relname AS not_dumped, c.relkind FROM pg_class c, pg_extension e
 WHERE c.relnamespace = 'mlops_private'::regnamespace AND c.relkind IN ('r', 'p', 'S') AND c.relname !~ '^prediction_\d{8}$' AND e.extname = 'mlops'
   AND NOT c.oid = ANY (coalesce(e.extconfig, '{}')) ORDER BY 1;
SELECT c.relname AS without_comment, c.relkind FROM pg_class c
 WHERE c.relnamespace IN ('mlops'::regnamespace, 'mlops_private'::regnamespace) AND c.relkind IN ('r', 'p', 'S', 'v')
   AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT c.oid::regclass AS stranger_owns_or_may FROM pg_class c, pg_extension e
 WHERE c.relnamespace IN ('mlops'::regnamespace, 'mlops_private'::regnamespace) AND e.extname = 'mlops'
   AND (c.relowner <> e.extowner
        OR EXISTS (SELECT 1 FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner
                   AND NOT (c.relkind = 'v' AND c.relnamespace = 'mlops'::regnamespace AND a.grantee = 0 AND a.privilege_type = 'SELECT' AND NOT a.is_grantable))
        OR EXISTS (SELECT 1 FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL));
-- mlops.labels shows a catalog that everybody reads
SELECT c.relname AS view_without_barrier FROM pg_class c
 WHERE c.relnamespace = 'mlops'::regnamespace AND c.relkind = 'v'
   AND (NOT 'security_barrier=true' = ANY (coalesce(c.reloptions, '{}')) OR 'security_invoker=true' = ANY (coalesce(c.reloptions, '{}')));
SELECT c.relname AS not_a_member FROM pg_class c
 WHERE c.relnamespace IN ('mlops'::regnamespace, 'mlops_private'::regnamespace) AND c.relkind IN ('r', 'p', 'S', 'v') AND c.relname !~ '^prediction_\d{8}$'
   AND NOT EXISTS (SELECT 1 FROM pg_depend d, pg_extension e WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                   AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e' AND e.extname = 'mlops');
-- nothing of ours runs as its owner or in a language of text
SELECT p.oid::regprocedure AS definer_or_interpreted, l.lanname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace IN ('mlops'::regnamespace, 'mlops_private'::regnamespace)
   AND (p.prosecdef OR p.proleakproof OR NOT (l.lanname IN ('c', 'internal') OR (l.lanname = 'sql' AND p.prosqlbody IS NOT NULL)));

-- a right on a model is no right on tables: nothing was changed by all this
SELECT model, version FROM mlops.versions WHERE model = 'hostile';
SELECT versions FROM mlops.drop_model('hostile');
SELECT count(mlops.revoke_model(NULL, 'regress_mlops_full', p)) AS revoked FROM unnest('{audit,erase}'::text[]) p;
DROP SCHEMA hostile_test CASCADE;
DROP ROLE regress_mlops_plain, regress_mlops_full, regress_mlops_creator;
