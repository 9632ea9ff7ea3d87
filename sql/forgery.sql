-- Forged evidence: artifacts that were put in place by hand, acts in another's name,
-- metrics that nobody measured, a trail that is flooded.

SET client_min_messages = warning;
CREATE ROLE regress_mlops_mallory;
CREATE ROLE regress_mlops_alice;
CREATE ROLE regress_mlops_auditor;
CREATE SCHEMA forgery_test;
GRANT ALL ON SCHEMA forgery_test TO PUBLIC;
SELECT changed FROM mlops.grant_model(NULL, 'regress_mlops_auditor', 'audit');
CREATE FUNCTION forgery_test.what(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SET ROLE regress_mlops_alice;
SELECT version FROM mlops.train('forged', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT version FROM mlops.train('forged', 'SELECT x, 3 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT version FROM mlops.train('another', 'SELECT a, b, a + 5 * b AS y FROM generate_series(1, 9) a, generate_series(1, 9) b', 'y', 'decision_tree');
SELECT changed FROM mlops.grant_model('forged', 'regress_mlops_auditor', 'read');
SELECT changed FROM mlops.grant_model('another', 'regress_mlops_auditor', 'read');
RESET ROLE;

-- the trail has every artifact's hash, so whoever put another one in place, it shows
CREATE VIEW forgery_test.swapped AS
SELECT a.object, mlops.describe(a.object) ->> 'sha256' AS now, a.payload ->> 'sha256' AS created
  FROM mlops.audit a JOIN mlops.versions v ON a.object = v.model || ':' || v.version
 WHERE a.action = 'version.create' AND a.object ~ '^(forged|another):' AND a.at > now() - interval '1 hour'
   AND mlops.describe(a.object) ->> 'sha256' IS DISTINCT FROM a.payload ->> 'sha256';
GRANT SELECT ON forgery_test.swapped TO regress_mlops_auditor;
SET ROLE regress_mlops_auditor;
SELECT object FROM forgery_test.swapped;
RESET ROLE;
BEGIN;
-- a version for another of the same model
SELECT round(mlops.predict('forged:1', '{"x": 10}'::jsonb)) AS before;
UPDATE mlops_private.version SET artifact = (SELECT v.artifact FROM mlops_private.version v JOIN mlops_private.model m USING (model_id) WHERE m.name = 'forged' AND v.version = 2)
 WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'forged') AND version = 1;
SELECT round(mlops.predict('forged:1', '{"x": 10}'::jsonb)) AS swapped;
SET LOCAL ROLE regress_mlops_auditor;
SELECT object FROM forgery_test.swapped ORDER BY object;
ROLLBACK;
BEGIN;
-- one of another model: with other features it does not even score
UPDATE mlops_private.version SET artifact = (SELECT v.artifact FROM mlops_private.version v JOIN mlops_private.model m USING (model_id) WHERE m.name = 'another')
 WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'forged');
SELECT forgery_test.what($$SELECT mlops.predict('forged:1', '{"x": 10}'::jsonb)$$);
SET LOCAL ROLE regress_mlops_auditor;
SELECT object FROM forgery_test.swapped ORDER BY object;
ROLLBACK;
-- bytes that are no artifact do not become one, not even by a superuser's hand
SELECT left(forgery_test.what($$UPDATE mlops_private.version SET artifact = 'AAAA'$$), 5) AS short;
SELECT left(forgery_test.what($$UPDATE mlops_private.version SET artifact = overlay(artifact::text PLACING 'AAAAAAAA' FROM 80)::mlops.model$$), 5) AS edited;
-- and if it is lied to: no score, and nothing else is held up by it
BEGIN;
CREATE CAST (bytea AS mlops.model) WITHOUT FUNCTION;
UPDATE mlops_private.version SET artifact = '\x8d4d4c4f50530d0a0100'::bytea::mlops.model
 WHERE version = 1 AND model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'forged');
SELECT left(forgery_test.what($$SELECT mlops.predict('forged:1', '{"x": 10}'::jsonb)$$), 5) AS predict;
SELECT left(forgery_test.what($$SELECT mlops.describe('forged:1')$$), 5) AS describe;
SELECT forgery_test.what($$SELECT mlops.predict('forged:2', '{"x": 10}'::jsonb)$$) AS the_other;
SELECT place, status, items, detail FROM mlops.erase_subject('nobody at all') WHERE place = 'model versions';
ROLLBACK;

-- acts in another's name: whatever is set, the role that acts is on record, and it was the one that logged in
SET ROLE regress_mlops_mallory;
SET mlops_forgery.actor = 'regress_mlops_alice';
SELECT left(forgery_test.what($$SET mlops.actor = 'regress_mlops_alice'$$), 5) AS setting;
SET application_name = 'regress_mlops_alice';
SELECT version FROM mlops.train('mallorys', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression',
       note => E'\nLOG:  mlops audit: revealed artifact of model "forged": role "regress_mlops_alice"');
SELECT version FROM mlops.set_alias('mallorys:1', 'other', reason => '", "actor": "regress_mlops_alice", "x": "');
RESET ROLE;
SELECT DISTINCT actor, session_role = session_user AS my_session FROM mlops.audit WHERE object ~ '^mallorys';
SELECT payload ->> 'reason' AS reason, payload ? 'actor' AS forged FROM mlops.audit WHERE object = 'mallorys@other' AND action = 'alias.set' ORDER BY event_id DESC LIMIT 1;
SELECT reason FROM mlops.alias_history WHERE model = 'mallorys' AND alias = 'other';
-- the records themselves: no column of any can be written, numbers and times included
CREATE TABLE forgery_test.tries (relation text, outcome text);
GRANT INSERT ON forgery_test.tries TO PUBLIC;
GRANT USAGE ON SCHEMA mlops_private TO regress_mlops_mallory;
CREATE TEMP TABLE relations AS
SELECT c.oid::regclass::text AS relation, quote_ident(a.attname) AS col FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace IN ('mlops_private'::regnamespace, 'mlops'::regnamespace) AND c.relkind IN ('r', 'v') AND c.relname ~ 'audit|alias|run|version|promotion|metric';
GRANT SELECT ON relations TO PUBLIC;
SET ROLE regress_mlops_mallory;
INSERT INTO forgery_test.tries
SELECT relation, forgery_test.what(format(s, relation, col)) FROM relations,
       unnest(ARRAY['INSERT INTO %s (%s) VALUES (NULL)', 'UPDATE %s SET %s = NULL', 'INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (DEFAULT)']) AS s;
RESET ROLE;
SELECT count(DISTINCT relation) > 10 AS relations, count(*) > 250 AS tries, bool_and(outcome LIKE '42501%' OR outcome LIKE '55000%') AS refused FROM forgery_test.tries;
SELECT relation, outcome FROM forgery_test.tries WHERE outcome NOT LIKE '42501%' AND outcome NOT LIKE '55000 cannot%view%' GROUP BY 1, 2 ORDER BY 1, 2;
REVOKE USAGE ON SCHEMA mlops_private FROM regress_mlops_mallory;

-- metrics that nobody measured: a run may say what it likes, a policy does not believe it
SET ROLE regress_mlops_alice;
SELECT run AS alices FROM mlops.run_start('forgery') \gset
SELECT revision > 0 AS set FROM mlops.set_policy('forged', '{"minimum_metrics": {"r2": 2}}');
SELECT key, value FROM mlops.run_log(:alices, 'r2', 3);
SELECT version FROM mlops.run_link(:alices, 'forged:2');
SELECT policy, passed FROM mlops.compliance('forged:2') WHERE policy ~ 'r2|minimum';
SELECT forgery_test.what($$SELECT mlops.set_alias('forged:2', 'champion')$$) ~ '^42501' AS refused;
-- runs of others, by their number, and numbers that do not exist: one message
SET ROLE regress_mlops_mallory;
SELECT replace(forgery_test.what(format(call, n)), n::text, 'N') AS outcome, array_agg(call ORDER BY call) AS calls
  FROM unnest(ARRAY[:alices, 999999999]) n,
       unnest(ARRAY['SELECT mlops.run_log(%s, ''r2'', 0.1)', 'SELECT mlops.run_log(%s, ''{"r2": 0.1}''::jsonb)', 'SELECT mlops.run_end(%s)',
                    'SELECT mlops.run_link(%s, ''mallorys:1'')', 'SELECT mlops.run_start(''x'', parent => %s)']) call GROUP BY 1;
-- what has ended says nothing more, to its owner either
SET ROLE regress_mlops_alice;
SELECT status FROM mlops.run_end(:alices);
SELECT forgery_test.what(format('SELECT mlops.run_log(%s, ''r2'', 4)', :alices)) ~ '^55000' AS refused;
SELECT key, value FROM mlops.run_metrics WHERE run = :alices AND key = 'r2';
RESET ROLE;

-- a flood hides nothing: it is counted by who made it, and what others did is found in it
SELECT coalesce(max(event_id), 0) AS start FROM mlops.audit \gset
SET ROLE regress_mlops_mallory;
SELECT count(*) AS acts FROM generate_series(1, 150) n, LATERAL mlops.set_alias('mallorys:1', 'a' || n) a, LATERAL mlops.drop_alias('mallorys', 'a' || n) d;
SET ROLE regress_mlops_alice;
SELECT alias FROM mlops.set_alias('forged:1', 'quiet');
SET ROLE regress_mlops_mallory;
SELECT count(*) AS acts FROM generate_series(1, 150) n, LATERAL mlops.set_alias('mallorys:1', 'b' || n) a, LATERAL mlops.drop_alias('mallorys', 'b' || n) d;
SET ROLE regress_mlops_auditor;
CALL mlops.run_due_jobs();
SELECT actor, count(*) AS acts FROM mlops.audit WHERE event_id > :start AND object ~ '^(mallorys|forged)' GROUP BY actor ORDER BY actor;
SELECT action, object FROM mlops.audit WHERE event_id > :start AND actor = 'regress_mlops_alice';
SELECT ok, reason FROM mlops.audit_verify();
RESET ROLE;

SELECT count(mlops.drop_model(model)) AS dropped FROM mlops.models WHERE owner IN ('regress_mlops_alice', 'regress_mlops_mallory');
SELECT changed FROM mlops.revoke_model(NULL, 'regress_mlops_auditor', 'audit');
DROP SCHEMA forgery_test CASCADE;
DROP TABLE relations;
DROP ROLE regress_mlops_mallory, regress_mlops_alice, regress_mlops_auditor;
