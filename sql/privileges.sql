-- What a role may not do with another role's models, and the ways it may try.

-- Rows are written directly, as mlops.train() would; nothing here opens the artifact.
CREATE SCHEMA privileges_test;
CREATE CAST (bytea AS mlops.model) WITHOUT FUNCTION;
CREATE ROLE regress_mlops_alice;
CREATE ROLE regress_mlops_bob;
CREATE ROLE regress_mlops_carol;
CREATE FUNCTION privileges_test.add(model_name text, owner text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
	n integer;
BEGIN
	INSERT INTO mlops_private.model AS m (name, task, owner_oid, owner_name, owner_system, last_version)
	SELECT model_name, 'regression', owner::regrole, owner, system_identifier, 1
	  FROM pg_control_system()
	ON CONFLICT (name) DO UPDATE SET last_version = m.last_version + 1
	RETURNING model_id, last_version INTO id, n;
	INSERT INTO mlops_private.version
		(model_id, version, algorithm, artifact, target, options, metrics, rows_used, rows_skipped, seconds, trained_by)
	VALUES (id, n, 'linear_regression', '\x00'::bytea::mlops.model, 'y', '{}', '{}', 10, 0, 0.5, owner);
	IF n = 1 THEN
		INSERT INTO mlops_private.alias (model_id, alias, version, set_by)
		VALUES (id, 'champion', 1, owner);
	END IF;
	RETURN n;
END $$;
SELECT privileges_test.add('alices', 'regress_mlops_alice'), privileges_test.add('alices', 'regress_mlops_alice');
SELECT privileges_test.add('bobs', 'regress_mlops_bob');

-- each sees their own, without any privilege on mlops_private
SET ROLE regress_mlops_alice;
SELECT model, owner, champion FROM mlops.models;
SELECT model, version FROM mlops.versions ORDER BY version;
SELECT model, alias, set_by FROM mlops.aliases;
SELECT has_schema_privilege('mlops_private', 'usage') AS usage_of_private;
SELECT * FROM mlops.set_alias('alices:2', 'champion');

-- the other's model and no model at all: the same words, whatever the verb
SET ROLE regress_mlops_bob;
SELECT model, owner, champion FROM mlops.models;
SELECT model, version FROM mlops.versions;
SELECT model, alias FROM mlops.aliases;
SELECT mlops.set_alias('alices:1', 'champion');
SELECT mlops.set_alias('absent:1', 'champion');
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text;
	d text;
	h text;
	c text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
	RETURN concat_ws(' / ', SQLSTATE, replace(replace(m, 'alices', 'MODEL'), 'absent', 'MODEL'), d, h,
		replace(replace(c, 'alices', 'MODEL'), 'absent', 'MODEL'));
END $$;
SELECT verb, pg_temp.outcome(format(verb, 'alices')) = pg_temp.outcome(format(verb, 'absent')) AS same,
       left(pg_temp.outcome(format(verb, 'alices')), 5) AS sqlstate
  FROM (VALUES ('SELECT mlops.set_alias(''%s:1'', ''champion'')'),
               ('SELECT mlops.set_alias(''%s:99'', ''champion'')'),
               ('SELECT mlops.set_alias(''%s'', ''x'')'),
               ('SELECT mlops.set_alias(''%s@nothing'', ''x'')'),
               ('SELECT mlops.predict(''%s'', ''{"x": 1}''::jsonb)'),
               ('SELECT mlops.predict(''%s:99'', ARRAY[1.0::float8])'),
               ('SELECT mlops.classify(''%s@nothing'', ''{"x": 1}''::jsonb)'),
               ('SELECT mlops.proba(''%s'', ''{"x": 1}''::jsonb)'),
               ('SELECT mlops.describe(''%s'')'),
               ('SELECT * FROM mlops.coefficients(''%s:2'')'),
               ('SELECT * FROM mlops.evaluate(''%s'', ''SELECT 1 AS x, 2 AS y'')'),
               ('SELECT mlops.drop_alias(''%s'', ''champion'')'),
               ('SELECT mlops.drop_alias(''%s'', ''nothing'')'),
               ('SELECT mlops.drop_version(''%s:1'')'),
               ('SELECT mlops.drop_version(''%s:99'')'),
               ('SELECT mlops.drop_model(''%s'')'),
               ('SELECT mlops.rename_model(''%s'', ''mine'')'),
               ('SELECT mlops.rename_model(''%s'', ''bobs'')')) AS v (verb);
-- a taken name cannot be hidden from who wants it; whose it is can
SELECT mlops.rename_model('bobs', 'alices');

-- a cheap function of the attacker is not asked before the barrier
CREATE FUNCTION pg_temp.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	RAISE NOTICE 'seen: %', value;
	RETURN true;
END $$;
SELECT model FROM mlops.models WHERE pg_temp.leak(model);
SELECT model FROM mlops.versions WHERE pg_temp.leak(model || version::text);
SELECT model FROM mlops.aliases WHERE pg_temp.leak(model || alias);
SELECT count(*) FROM mlops.models WHERE 1 / (CASE WHEN model = 'alices' THEN 0 ELSE 1 END) = 1;

-- tables, sequence and helpers are closed, by name and by search_path
SELECT s AS statement, left(pg_temp.outcome(s), 5) AS sqlstate FROM (VALUES
	('SELECT * FROM mlops_private.model'),
	('SELECT * FROM mlops_private.version'),
	('SELECT * FROM mlops_private.alias'),
	('INSERT INTO mlops_private.alias VALUES (1, ''x'', 1, ''bob'', now())'),
	('UPDATE mlops_private.model SET owner_name = ''regress_mlops_bob'''),
	('DELETE FROM mlops_private.model'),
	('TRUNCATE mlops_private.alias'),
	('LOCK TABLE mlops_private.model'),
	('SELECT nextval(''mlops_private.model_id_seq'')'),
	('SELECT mlops_private.can_read(10, ''a'', 1)'),
	('SELECT * FROM model'),
	('UPDATE mlops.models SET model = ''x'''),
	('UPDATE mlops.models SET task = ''classification'''),
	('DELETE FROM mlops.models'),
	('DELETE FROM mlops.aliases'),
	('SELECT * FROM mlops.models FOR UPDATE'),
	('LOCK TABLE mlops.versions'),
	('CREATE TABLE mlops.t ()'),
	('CREATE TABLE mlops_private.t ()'),
	('CREATE FUNCTION mlops.predict(text, int) RETURNS int LANGUAGE sql AS ''SELECT 1'''),
	('CREATE OPERATOR mlops.=== (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)'),
	('CREATE OR REPLACE VIEW mlops.models AS SELECT 1 AS a'),
	('ALTER VIEW mlops.models SET (security_barrier = false)'),
	('DROP VIEW mlops.models'),
	('CREATE TRIGGER t BEFORE INSERT ON mlops_private.model FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	('CREATE POLICY p ON mlops_private.model USING (true)')) AS v (s);
SET search_path = mlops_private, public;
SELECT left(pg_temp.outcome('SELECT * FROM version'), 5) AS sqlstate;
RESET search_path;

-- the public views answer everybody
SELECT relname, pg_temp.outcome(format('SELECT * FROM mlops.%I', relname)) AS outcome
  FROM pg_class WHERE relnamespace = 'mlops'::regnamespace AND relkind = 'v' ORDER BY relname;

-- a stray grant on a table shows no more than the views do, and changes nothing
RESET ROLE;
GRANT USAGE ON SCHEMA mlops_private TO regress_mlops_bob;
GRANT ALL ON mlops_private.model, mlops_private.version, mlops_private.alias TO regress_mlops_bob;
SET ROLE regress_mlops_bob;
SELECT (SELECT count(*) FROM mlops_private.model) + (SELECT count(*) FROM mlops_private.version) +
       (SELECT count(*) FROM mlops_private.alias) AS rows_seen;
INSERT INTO mlops_private.alias VALUES (1, 'x', 1, 'bob', now());
UPDATE mlops_private.model SET owner_name = 'regress_mlops_bob';
DELETE FROM mlops_private.alias;
RESET ROLE;
REVOKE ALL ON mlops_private.model, mlops_private.version, mlops_private.alias FROM regress_mlops_bob;
REVOKE USAGE ON SCHEMA mlops_private FROM regress_mlops_bob;

-- shadowing: operators and functions in front of pg_catalog are never called as the extension's owner
GRANT CREATE ON SCHEMA privileges_test TO regress_mlops_bob;
GRANT USAGE ON SCHEMA privileges_test TO regress_mlops_bob;
SET ROLE regress_mlops_bob;
CREATE FUNCTION privileges_test.shadow(name, name) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'shadowed as %', current_user;
END $$;
CREATE FUNCTION privileges_test.shadow(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'shadowed as %', current_user;
END $$;
CREATE FUNCTION privileges_test.shadow(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'shadowed as %', current_user;
END $$;
CREATE FUNCTION privileges_test.now() RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'shadowed as %', current_user;
END $$;
CREATE OPERATOR privileges_test.= (FUNCTION = privileges_test.shadow, LEFTARG = name, RIGHTARG = name);
CREATE OPERATOR privileges_test.= (FUNCTION = privileges_test.shadow, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR privileges_test.= (FUNCTION = privileges_test.shadow, LEFTARG = integer, RIGHTARG = integer);
CREATE TEMP TABLE model (model_id bigint, name name);
CREATE TEMP TABLE alias (model_id bigint, alias name, version integer);
SET search_path = privileges_test, pg_temp, mlops_private, pg_catalog;
-- the trap works
SELECT 1 = 1;
SELECT mlops.set_alias('bobs:1', 'other');
SELECT model, alias, version FROM mlops.aliases ORDER BY alias;
SELECT mlops.rename_model('bobs', 'bobs_too');
SELECT mlops.rename_model('bobs_too', 'bobs');
SELECT mlops.drop_alias('bobs', 'other');
SELECT mlops.drop_version('bobs:1');
-- the caller's own settings and role come back, also after an error
SHOW search_path;
SELECT current_user;
RESET search_path;
DROP TABLE model, alias;
RESET ROLE;

-- members of the owning role have its rights while they are members
SET ROLE regress_mlops_carol;
SELECT count(*) FROM mlops.models;
RESET ROLE;
GRANT regress_mlops_alice TO regress_mlops_carol;
SET ROLE regress_mlops_carol;
SELECT model, owner FROM mlops.models;
SELECT * FROM mlops.set_alias('alices:1', 'champion');
SELECT alias, set_by FROM mlops.aliases;
RESET ROLE;
REVOKE regress_mlops_alice FROM regress_mlops_carol;
SET ROLE regress_mlops_carol;
SELECT count(*) FROM mlops.models;
SELECT mlops.set_alias('alices:2', 'champion');
RESET ROLE;

-- superusers may everything
SELECT model, owner FROM mlops.models ORDER BY model;

-- a renamed owner keeps the model; a write records the new name
ALTER ROLE regress_mlops_alice RENAME TO regress_mlops_alicia;
CREATE ROLE regress_mlops_alice;
SET ROLE regress_mlops_alice;
SELECT count(*) FROM mlops.models;
SET ROLE regress_mlops_alicia;
SELECT model, owner FROM mlops.models;
SELECT mlops.set_alias('alices:2', 'champion');
RESET ROLE;
SELECT owner_name FROM mlops_private.model WHERE name = 'alices';

-- dropped, and made again with the same name: nothing
DROP ROLE regress_mlops_alicia;
CREATE ROLE regress_mlops_alicia;
SET ROLE regress_mlops_alicia;
SELECT count(*) FROM mlops.models;
SELECT mlops.drop_model('alices');
RESET ROLE;
SELECT model, owner FROM mlops.models ORDER BY model;

-- recorded in another cluster (a restored dump): the name decides, and a write records the role anew
UPDATE mlops_private.model SET owner_system = 1, owner_oid = 'regress_mlops_bob'::regrole WHERE name = 'alices';
SET ROLE regress_mlops_bob;
SELECT model FROM mlops.models;
SET ROLE regress_mlops_alicia;
SELECT model, owner FROM mlops.models;
SELECT mlops.set_alias('alices:1', 'champion');
RESET ROLE;
SELECT owner_oid::regrole, owner_name, owner_system = (SELECT system_identifier FROM pg_control_system()) AS this_cluster
  FROM mlops_private.model WHERE name = 'alices';

-- nothing but this is granted to PUBLIC in mlops_private
SELECT p.proname FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
 WHERE p.pronamespace = 'mlops_private'::regnamespace AND a.grantee = 0 ORDER BY 1;
SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a
 WHERE c.relnamespace = 'mlops_private'::regnamespace AND a.grantee <> c.relowner;
SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
 WHERE c.relnamespace = 'mlops'::regnamespace AND a.grantee <> c.relowner AND a.privilege_type <> 'SELECT';
SELECT relname FROM pg_class
 WHERE relnamespace = 'mlops'::regnamespace AND relkind = 'v' AND relname IN ('models', 'versions', 'aliases', 'progress')
   AND NOT 'security_barrier=true' = ANY (coalesce(reloptions, '{}'));

SELECT mlops.drop_model('alices'), mlops.drop_model('bobs');
SET client_min_messages = warning;
DROP OWNED BY regress_mlops_bob;
DROP CAST (bytea AS mlops.model);
DROP SCHEMA privileges_test CASCADE;
DROP ROLE regress_mlops_alice;
DROP ROLE regress_mlops_alicia;
DROP ROLE regress_mlops_bob;
DROP ROLE regress_mlops_carol;
