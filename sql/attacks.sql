-- Ways around the rights: roles that change in the middle, functions and views in
-- front of ours, parallel workers, what plans and statistics tell, text as code.

SET client_min_messages = warning;
CREATE ROLE regress_mlops_alice;
CREATE ROLE regress_mlops_bob;
CREATE ROLE regress_mlops_carol;
CREATE SCHEMA attacks_test;
GRANT ALL ON SCHEMA attacks_test TO PUBLIC;
CREATE FUNCTION pg_temp.what(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE statement INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SET ROLE regress_mlops_alice;
SELECT version FROM mlops.train('alices', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT changed FROM mlops.grant_model('alices', 'regress_mlops_carol', 'predict');
SET ROLE regress_mlops_bob;
SELECT version FROM mlops.train('bobs', 'SELECT x, 3 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
RESET ROLE;

-- a role that changes: between PREPARE and EXECUTE, with custom and generic plans
SET plan_cache_mode = force_generic_plan;
SET ROLE regress_mlops_alice;
PREPARE p(integer) AS SELECT round(mlops.predict('alices', jsonb_build_object('x', $1))) AS answer;
PREPARE v AS SELECT model, version FROM mlops.versions;
EXECUTE p(5);
EXECUTE v;
SET ROLE regress_mlops_bob;
EXECUTE p(5);
EXECUTE v;
SET ROLE regress_mlops_carol;
EXECUTE p(5);
EXECUTE v;
RESET plan_cache_mode;
RESET ROLE;

-- in one transaction, from one call site that remembers what it found
CREATE FUNCTION attacks_test.call_site(model text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	answer float8;
BEGIN
	answer := mlops.predict(model, '{"x": 5}'::jsonb);
	RETURN round(answer::numeric);
EXCEPTION WHEN undefined_object THEN
	RETURN -1;
END $$;
BEGIN;
SET LOCAL ROLE regress_mlops_alice;
SELECT attacks_test.call_site('alices'), attacks_test.call_site('bobs');
SET LOCAL ROLE regress_mlops_bob;
SELECT attacks_test.call_site('alices'), attacks_test.call_site('bobs');
SAVEPOINT s;
SET LOCAL ROLE regress_mlops_carol;
SELECT attacks_test.call_site('alices'), attacks_test.call_site('bobs');
ROLLBACK TO s;
SELECT current_user, attacks_test.call_site('alices');
RESET ROLE;
COMMIT;
-- in one query: a function that runs as somebody else, and the plain call
SET ROLE regress_mlops_alice;
CREATE FUNCTION attacks_test.as_alice(x integer) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN current_user || ' ' || round(mlops.predict('alices', jsonb_build_object('x', x)));
EXCEPTION WHEN undefined_object THEN
	RETURN current_user || ' denied';
END $$;
SET ROLE regress_mlops_bob;
CREATE FUNCTION attacks_test.as_bob(x integer) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN current_user || ' ' || round(mlops.predict('alices', jsonb_build_object('x', x)));
EXCEPTION WHEN undefined_object THEN
	RETURN current_user || ' denied';
END $$;
CREATE FUNCTION attacks_test.inlined(x integer) RETURNS SETOF float8 LANGUAGE sql STABLE AS $$
	SELECT round(mlops.predict('alices', jsonb_build_object('x', x)))
$$;
-- who wraps lends its own right, no other: alice's wrapper answers bob, bob's does not answer alice
SELECT attacks_test.as_alice(n), attacks_test.as_bob(n) FROM generate_series(1, 2) n;
SELECT pg_temp.what('SELECT * FROM attacks_test.inlined(5)');
SET ROLE regress_mlops_alice;
SELECT attacks_test.as_bob(n), attacks_test.as_alice(n) FROM generate_series(1, 2) n;
SELECT pg_temp.what('SELECT * FROM attacks_test.inlined(5)');
-- a grant made inside a definer's function is the definer's act
SET ROLE regress_mlops_bob;
CREATE FUNCTION attacks_test.steal() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	PERFORM mlops.grant_model('alices', 'regress_mlops_bob', 'predict');
	RETURN 'stolen';
EXCEPTION WHEN undefined_object THEN
	RETURN 'denied';
END $$;
SET ROLE regress_mlops_alice;
SELECT attacks_test.steal();
-- nothing is left of who was refused, in the same session and transaction
RESET ROLE;
CREATE FUNCTION attacks_test.super_trail() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	PERFORM mlops.set_alias('alices:1', 'supers');
	RETURN (SELECT actor::text FROM mlops.audit ORDER BY event_id DESC LIMIT 1);
END $$;
BEGIN;
SET LOCAL ROLE regress_mlops_bob;
SELECT attacks_test.steal(), pg_temp.what($$SELECT mlops.set_alias('alices:1', 'mine')$$);
RESET ROLE;
CREATE MATERIALIZED VIEW attacks_test.trail AS SELECT attacks_test.super_trail() AS actor;
SELECT actor = session_user AS actor_is_the_definer FROM attacks_test.trail;
ROLLBACK;
-- as an invoker's function it is the caller's, as any function one calls: what wraps must be trusted

-- views and their owners: rows are those of who asks, whoever made the view and granted it
SET ROLE regress_mlops_alice;
CREATE VIEW attacks_test.alices_view AS SELECT model FROM mlops.versions;
CREATE VIEW attacks_test.alices_invoker WITH (security_invoker) AS SELECT model FROM mlops.versions;
CREATE VIEW attacks_test.alices_scores AS SELECT round(mlops.predict('alices', jsonb_build_object('x', n))) AS score FROM generate_series(1, 2) n;
CREATE MATERIALIZED VIEW attacks_test.alices_copy AS SELECT model FROM mlops.versions;
GRANT SELECT ON ALL TABLES IN SCHEMA attacks_test TO PUBLIC;
RESET ROLE;
CREATE VIEW attacks_test.supers_view AS SELECT model FROM mlops.versions;
CREATE VIEW attacks_test.supers_tables AS SELECT name FROM mlops_private.model WHERE mlops_private.may_any(model_id);
GRANT SELECT ON attacks_test.supers_view, attacks_test.supers_tables TO PUBLIC;
SET ROLE regress_mlops_bob;
SELECT (SELECT array_agg(model) FROM attacks_test.alices_view) AS view,
       (SELECT array_agg(model) FROM attacks_test.alices_invoker) AS invoker,
       (SELECT array_agg(model) FROM attacks_test.supers_view) AS supers,
       (SELECT array_agg(name) FROM attacks_test.supers_tables) AS tables;
SELECT pg_temp.what('SELECT score FROM attacks_test.alices_scores');
-- a materialised view is a copy its owner made, with the rows its owner saw
SELECT model FROM attacks_test.alices_copy;
CREATE MATERIALIZED VIEW attacks_test.bobs_copy AS SELECT model FROM mlops.versions;
RESET ROLE;
REFRESH MATERIALIZED VIEW attacks_test.bobs_copy;
SELECT model FROM attacks_test.bobs_copy;
-- row_security = off refuses where it would have hidden rows, and opens no view
SET ROLE regress_mlops_bob;
SET row_security = off;
SELECT array_agg(model) FROM mlops.versions;
SELECT pg_temp.what($$SELECT mlops.predict('alices', '{"x": 5}'::jsonb)$$);
SELECT alias FROM mlops.set_alias('bobs:1', 'other');
RESET row_security;
-- BYPASSRLS is about tables that one may read
RESET ROLE;
ALTER ROLE regress_mlops_bob BYPASSRLS;
SET ROLE regress_mlops_bob;
SELECT array_agg(model) FROM mlops.versions;
SELECT pg_temp.what('SELECT count(*) FROM mlops_private.model'), pg_temp.what($$SELECT mlops.predict('alices', '{"x": 5}'::jsonb)$$);
RESET ROLE;
ALTER ROLE regress_mlops_bob NOBYPASSRLS;

-- parallel workers are the role that asks
CREATE TABLE attacks_test.many AS SELECT n % 10 AS x FROM generate_series(1, 3000) n;
GRANT SELECT ON attacks_test.many TO PUBLIC;
SELECT set_config(name, CASE vartype WHEN 'enum' THEN 'on' ELSE '0' END, false) FROM pg_settings
 WHERE name IN ('force_parallel_mode', 'debug_parallel_query', 'parallel_setup_cost', 'parallel_tuple_cost', 'min_parallel_table_scan_size') ORDER BY name COLLATE "C" DESC;
CREATE FUNCTION pg_temp.has_gather(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		IF line LIKE '%Gather%' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
SET ROLE regress_mlops_carol;
SELECT pg_temp.has_gather($$SELECT sum(mlops.predict('alices', many)) FROM attacks_test.many$$) AS parallel;
SELECT round(sum(mlops.predict('alices', many))) AS sum FROM attacks_test.many;
SELECT pg_temp.has_gather('SELECT model FROM mlops.models') AS parallel;
SELECT model FROM mlops.models;
SELECT version FROM mlops.versions;
SET ROLE regress_mlops_bob;
-- it is the leader or a worker that says so
\set SHOW_CONTEXT never
SELECT sum(mlops.predict('alices', many)) FROM attacks_test.many;
\set SHOW_CONTEXT errors
SELECT model FROM mlops.models;
SELECT attacks_test.as_alice(5), attacks_test.as_bob(5);
RESET ROLE;
SELECT count(*) AS reset FROM (SELECT set_config(name, reset_val, false) FROM pg_settings
 WHERE name IN ('force_parallel_mode', 'debug_parallel_query', 'parallel_setup_cost', 'parallel_tuple_cost')) AS s;
RESET min_parallel_table_scan_size;

-- what the server tells of tables one may not read
SET ROLE regress_mlops_bob;
SELECT count(*) AS statistics FROM pg_stats WHERE schemaname = 'mlops_private';
SELECT count(*) AS extended FROM pg_stats_ext WHERE schemaname = 'mlops_private';
SELECT count(*) AS values_of_sequences FROM pg_sequences WHERE schemaname = 'mlops_private' AND last_value IS NOT NULL;
SELECT count(*) AS rows_of_catalogs FROM information_schema.tables WHERE table_schema = 'mlops_private';
RESET ROLE;

-- names in front of ours: temporary tables, functions, types and operators of the same names, and a search_path that finds them first
SET ROLE regress_mlops_bob;
CREATE TEMP TABLE model (model_id bigint, name name);
CREATE TEMP TABLE model_grant (model_id bigint, privilege text);
CREATE TEMP TABLE version (model_id bigint);
CREATE TEMP VIEW models AS SELECT 1 AS model;
CREATE FUNCTION attacks_test.trap() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'trapped as %', current_user;
END $$;
CREATE FUNCTION attacks_test.trap2(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT attacks_test.trap()::boolean';
CREATE FUNCTION attacks_test.trap2(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT attacks_test.trap()::boolean';
CREATE FUNCTION attacks_test.trap2(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT attacks_test.trap()::boolean';
CREATE FUNCTION attacks_test.trap2(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT attacks_test.trap()::boolean';
CREATE FUNCTION attacks_test.trap2(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT attacks_test.trap()::boolean';
CREATE FUNCTION attacks_test.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT attacks_test.trap()::timestamptz';
CREATE FUNCTION attacks_test.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT attacks_test.trap()::timestamptz';
CREATE FUNCTION attacks_test.may(bigint, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION attacks_test.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT attacks_test.trap()::bigint';
CREATE FUNCTION attacks_test.format(text, name, name) RETURNS text LANGUAGE sql AS 'SELECT attacks_test.trap()';
CREATE OPERATOR attacks_test.= (FUNCTION = attacks_test.trap2, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR attacks_test.= (FUNCTION = attacks_test.trap2, LEFTARG = name, RIGHTARG = name);
CREATE OPERATOR attacks_test.= (FUNCTION = attacks_test.trap2, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR attacks_test.= (FUNCTION = attacks_test.trap2, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR attacks_test.<> (FUNCTION = attacks_test.trap2, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR attacks_test.<> (FUNCTION = attacks_test.trap2, LEFTARG = oid, RIGHTARG = oid);
CREATE OPERATOR attacks_test.~ (FUNCTION = attacks_test.trap2, LEFTARG = text, RIGHTARG = text);
SET search_path = attacks_test, pg_temp, mlops, pg_catalog;
SELECT pg_catalog.count(*) FROM (SELECT 1 WHERE 'a'::text = 'a'::text) AS s;
-- as bob, and as the superuser who fell for bob's search_path: the session's own text may trap, nothing inside does
SELECT changed FROM mlops.grant_model('bobs', 'regress_mlops_carol', 'predict');
SELECT alias, version FROM mlops.set_alias('bobs:1', 'other');
SELECT changed FROM mlops.revoke_model('bobs', 'regress_mlops_carol', 'predict');
SELECT version FROM mlops.train('bobs', 'SELECT x, 3 * x AS y FROM pg_catalog.generate_series(1, 40) x', 'y', 'linear_regression');
SELECT * FROM mlops.drop_version('bobs:2');
SELECT pg_catalog.count(*) FROM mlops.models;
SELECT pg_catalog.count(*) FROM mlops.versions;
SELECT pg_catalog.count(*) FROM mlops.grants;
SELECT pg_catalog.round(mlops.predict('bobs', '{"x": 5}'::jsonb));
RESET ROLE;
SELECT changed FROM mlops.grant_model('bobs', 'regress_mlops_carol', 'predict');
SELECT changed FROM mlops.revoke_model('bobs', 'regress_mlops_carol', 'predict');
SELECT pg_catalog.count(*) FROM mlops.models;
RESET search_path;
SET ROLE regress_mlops_bob;
DROP TABLE pg_temp.model, pg_temp.model_grant, pg_temp.version;
DROP VIEW pg_temp.models;

-- text as code: every text argument of every function, by a role that owns a model of that name.
-- Arguments that are SQL by design (source) may be syntax errors, nothing else may.
CREATE TABLE attacks_test.canary AS SELECT 1 AS alive;
CREATE TEMP TABLE nasty (s text);
INSERT INTO nasty VALUES (''), (' '), (''''), ('"'), (';'), ('--'), ('/*'), ('$$'), ('$1'), ('%s%n%s%d'), ('\'), ('\x00'), (E'\n'), (E'\t\r\x01'),
	('x''; DROP TABLE attacks_test.canary; --'), ('x"; DROP TABLE attacks_test.canary; --'), ('bobs''; DROP TABLE attacks_test.canary; --'),
	('bobs@'), ('bobs:'), ('bobs:0'), ('bobs:-1'), ('bobs:99999999999999999999'), ('bobs@champion; DROP TABLE attacks_test.canary'), ('bobs@champion@x'),
	('NULL'), ('public'), ('current_user'), ('pg_class'), ('mlops_private.model'), ('{"a": 1'), ('{}'), ('[]'), ('"x"'), ('1e400'), ('../../etc/passwd'),
	('COPY t TO PROGRAM ''true'''), (repeat('a', 63)), (repeat('a', 64)), (repeat('a', 100000)), (repeat('{', 5000)), (repeat('"%s"', 1000));
INSERT INTO nasty SELECT convert_from('\xd181686e72c5b1e2808b'::bytea, 'UTF8') WHERE getdatabaseencoding() = 'UTF8';
CREATE FUNCTION pg_temp.literal(type regtype, argument text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN argument = 'model' AND type = 'text'::regtype THEN '''bobs'''
		WHEN argument = 'source' THEN '''SELECT x, x AS y FROM generate_series(1, 20) x'''
		WHEN argument = 'algorithm' THEN '''linear_regression'''
		WHEN argument = 'privilege' THEN '''read'''
		WHEN type IN ('text'::regtype, 'name'::regtype) THEN quote_literal('x') || '::' || type
		WHEN type = 'jsonb'::regtype THEN '''{}''::jsonb'
		WHEN type = 'record'::regtype THEN 'ROW(1)'
		WHEN type IN ('text[]'::regtype, 'name[]'::regtype) THEN 'NULL::' || type
		WHEN type = 'double precision[]'::regtype THEN '''{1}''::float8[]'
		WHEN type = 'regclass'::regtype THEN '''attacks_test.canary''::regclass'
		WHEN type = 'boolean'::regtype THEN 'true'
		WHEN type IN ('integer'::regtype, 'bigint'::regtype, 'double precision'::regtype, 'numeric'::regtype) THEN '1::' || type
		WHEN type = 'timestamp with time zone'::regtype THEN 'now()'
		ELSE 'NULL::' || type
	END
$$;
CREATE FUNCTION pg_temp.attack(statement text, nasty text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION 'undo' USING ERRCODE = 'YY000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || CASE WHEN SQLSTATE LIKE 'XX%' THEN ' ' || SQLERRM ELSE '' END;
END $$;
-- what the string is put into: as it is, into an array, into jsonb as a value and as a key
CREATE TEMP TABLE attacked AS
WITH arguments AS (
	SELECT p.oid, p.oid::regprocedure::text AS function, a.n::integer, coalesce(p.proargnames[a.n], '') AS name, a.type::regtype
	  FROM pg_proc p, unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, n)
	 WHERE p.pronamespace = 'mlops'::regnamespace AND p.prokind IN ('f', 'a') AND p.prorettype <> 'trigger'::regtype
	   AND NOT p.proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype]::oid[])
SELECT t.function, t.name, t.type, pg_temp.attack(
         'SELECT * FROM (SELECT ' || split_part(t.function, '(', 1) || '(' || (
            SELECT string_agg(CASE WHEN o.n = t.n THEN
                     CASE WHEN o.type IN ('text'::regtype, 'name'::regtype) THEN quote_literal(s) || '::' || o.type
                          WHEN o.type = 'jsonb'::regtype THEN quote_literal(j) || '::jsonb'
                          ELSE quote_literal(ARRAY[s]) || '::' || o.type END
                   ELSE pg_temp.literal(o.type, o.name) END, ', ' ORDER BY o.n)
              FROM arguments o WHERE o.oid = t.oid) || ')) AS q', s) AS outcome
  FROM arguments t, nasty, LATERAL (SELECT to_jsonb(s) AS j UNION ALL SELECT jsonb_build_object(s, s) UNION ALL SELECT jsonb_build_object(s, jsonb_build_array(s))) AS k
 WHERE t.type IN ('text'::regtype, 'name'::regtype, 'jsonb'::regtype, 'text[]'::regtype, 'name[]'::regtype)
   AND (t.type = 'jsonb'::regtype OR j = to_jsonb(s));
SELECT count(*) > 3000 AS many, count(DISTINCT function) > 60 AS functions FROM attacked;
SELECT function, name, outcome, count(*) FROM attacked
 WHERE outcome LIKE 'XX%' OR outcome LIKE '53%' OR outcome LIKE '57%' OR outcome LIKE '58%' OR outcome LIKE '42601%' AND name NOT IN ('source', 'reference', 'current', 'baseline')
 GROUP BY function, name, outcome ORDER BY function COLLATE "C", name, outcome COLLATE "C";
SELECT alive FROM attacks_test.canary;
SELECT model, version FROM mlops.versions;
RESET ROLE;

SELECT (SELECT versions FROM mlops.drop_model('alices')) AS alices, (SELECT versions FROM mlops.drop_model('bobs')) AS bobs;
DEALLOCATE ALL;
DISCARD TEMP;
DROP SCHEMA attacks_test CASCADE;
DROP ROLE regress_mlops_alice, regress_mlops_bob, regress_mlops_carol;
