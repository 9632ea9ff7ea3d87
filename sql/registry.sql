-- Names, aliases, versions: what the verbs of the registry do and refuse.

-- Rows are written directly, as mlops.train() would; nothing here opens the artifact.
CREATE SCHEMA registry_test;
CREATE CAST (bytea AS mlops.model) WITHOUT FUNCTION;
CREATE FUNCTION registry_test.add(model_name text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
	n integer;
BEGIN
	INSERT INTO mlops_private.model AS m (name, task, owner_oid, owner_name, owner_system, last_version)
	SELECT model_name, 'regression', current_user::regrole, current_user, system_identifier, 1
	  FROM pg_control_system()
	ON CONFLICT (name) DO UPDATE SET last_version = m.last_version + 1
	RETURNING model_id, last_version INTO id, n;
	INSERT INTO mlops_private.version
		(model_id, version, algorithm, artifact, target, options, metrics, rows_used, rows_skipped, seconds, trained_by)
	VALUES (id, n, 'linear_regression', '\x00'::bytea::mlops.model, 'y', '{}', '{"rmse": 1}', 10, n, 0.5, current_user);
	IF n = 1 THEN
		INSERT INTO mlops_private.alias (model_id, alias, version, set_by)
		VALUES (id, 'champion', 1, current_user);
	END IF;
	RETURN n;
END $$;
SELECT registry_test.add('credit'), registry_test.add('credit'), registry_test.add('credit');
SELECT registry_test.add('fraud');

-- the views
SELECT model, task, owner = current_user AS mine, versions, champion FROM mlops.models ORDER BY model;
SELECT model, version, algorithm, target, rows_used, rows_skipped, metrics, aliases, bytes > 0 AS has_bytes
  FROM mlops.versions ORDER BY model, version;
SELECT model, alias, version, set_by = current_user AS by_me FROM mlops.aliases ORDER BY model, alias;

-- set_alias: by reference and by number, new and moved, twice the same
SELECT * FROM mlops.set_alias('credit:2', 'champion');
SELECT * FROM mlops.set_alias('credit', 'challenger', 3);
SELECT * FROM mlops.set_alias('credit@challenger', 'champion');
SELECT * FROM mlops.set_alias('credit', 'stable');
SELECT * FROM mlops.set_alias(model => 'credit', alias => 'stable', version => 3);
SELECT version, aliases FROM mlops.versions WHERE model = 'credit' ORDER BY version;

-- drop_alias and drop_version
SELECT * FROM mlops.drop_alias('credit', 'stable');
SELECT * FROM mlops.drop_version('credit:2');
SELECT * FROM mlops.drop_version('credit', 1);
SELECT model, versions, champion FROM mlops.models ORDER BY model;
-- the number of a dropped version is not used again
SELECT mlops.set_alias('credit', 'champion', 3);
SELECT registry_test.add('credit');

-- rename_model and drop_model
SELECT * FROM mlops.rename_model('credit', 'credit_scoring');
SELECT model, alias, version FROM mlops.aliases ORDER BY model, alias;
SELECT * FROM mlops.drop_model('credit_scoring');
SELECT model FROM mlops.models;
SELECT count(*) FROM mlops_private.version v LEFT JOIN mlops_private.model m USING (model_id) WHERE m.model_id IS NULL;

-- everything is undone with the transaction and with the savepoint
SELECT registry_test.add('fraud');
BEGIN;
SELECT mlops.set_alias('fraud:2', 'champion');
SAVEPOINT s;
SELECT mlops.drop_model('fraud');
SELECT count(*) FROM mlops.models;
ROLLBACK TO s;
SELECT model, champion FROM mlops.models;
ROLLBACK;
SELECT model, champion FROM mlops.models;

-- what is refused, in words
SELECT mlops.set_alias('nothing', 'champion');
SELECT mlops.set_alias('fraud:9', 'champion');
SELECT mlops.set_alias('fraud@nothing', 'champion');
SELECT mlops.set_alias('fraud', 'Champion');
SELECT mlops.set_alias('fraud:1', 'champion', 1);
SELECT mlops.drop_alias('fraud', 'nothing');
SELECT mlops.drop_version('fraud');
SELECT mlops.drop_version('fraud@champion');
SELECT mlops.drop_version('fraud:1');
SELECT mlops.drop_version('fraud:3');
SELECT mlops.rename_model('fraud', 'fraud');
SELECT mlops.rename_model('fraud', 'fraud:1');
SELECT mlops.drop_model('fraud:1');
SELECT mlops.set_alias(NULL, 'champion');
SELECT mlops.set_alias('fraud', NULL);

-- and by SQLSTATE
\set VERBOSITY sqlstate
SELECT mlops.drop_alias('fraud', NULL);
SELECT mlops.drop_alias(NULL, 'champion');
SELECT mlops.drop_version(NULL);
SELECT mlops.drop_model(NULL);
SELECT mlops.rename_model(NULL, 'a');
SELECT mlops.rename_model('fraud', NULL);
SELECT mlops.drop_version('fraud', 0);
SELECT mlops.drop_version('fraud', -1);
SELECT mlops.drop_version('fraud:0');
SELECT mlops.drop_version('fraud:01');
SELECT mlops.drop_version('fraud:2147483647');
SELECT mlops.drop_version('fraud:2147483648');
SELECT mlops.drop_version('fraud:99999999999999999999999');
SELECT mlops.drop_version('fraud:');
SELECT mlops.set_alias('fraud@', 'a');
SELECT mlops.set_alias('fraud@champion:1', 'a');
SELECT mlops.set_alias('', 'a');
SELECT mlops.set_alias('fraud ', 'a');
SELECT mlops.set_alias('1fraud', 'a');
SELECT mlops.set_alias('fräud', 'a');
SELECT mlops.set_alias('"fraud"', 'a');
SELECT mlops.set_alias('fraud', '');
SELECT mlops.set_alias('fraud', repeat('a', 64));
SELECT mlops.set_alias(repeat('a', 64), 'a');
SELECT mlops.set_alias(repeat('a', 63), 'a');
BEGIN READ ONLY;
SELECT mlops.set_alias('fraud:1', 'champion');
ROLLBACK;
-- nor in a parallel query, whatever a function around it claims
CREATE FUNCTION registry_test.move_alias() RETURNS integer LANGUAGE plpgsql PARALLEL SAFE
    AS $$ BEGIN RETURN (SELECT version FROM mlops.set_alias('fraud:1', 'champion')); END $$;
-- renamed in PostgreSQL 16
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode');
SELECT registry_test.move_alias();
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode');
\set VERBOSITY default
-- a name of 63 characters is a name
SELECT alias = repeat('a', 63) AS kept FROM mlops.set_alias('fraud', repeat('a', 63));

-- a malformed reference is not repeated in the message
SELECT mlops.set_alias('4929-1234-5678-9012', 'champion');

-- the tables stay as 20_tables.sql and the C code agreed: each is dumped, each has row security
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.oid = ANY (e.extconfig) AS dumped
  FROM pg_class c, pg_extension e
 WHERE e.extname = 'mlops' AND c.relnamespace = 'mlops_private'::regnamespace AND c.relkind = 'r'
   AND c.relname IN ('model', 'version', 'alias')
 ORDER BY c.relname;
SELECT attname, attnum FROM pg_attribute
 WHERE attrelid = 'mlops_private.version'::regclass AND attname IN ('model_id', 'version', 'artifact')
 ORDER BY attnum;

SELECT mlops.drop_model('fraud');
SELECT count(*) FROM mlops_private.model;
SET client_min_messages = warning;
DROP CAST (bytea AS mlops.model);
DROP SCHEMA registry_test CASCADE;
