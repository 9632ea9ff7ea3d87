-- what one role does to its own models and snapshots must not stop what protects others
TRUNCATE mlops_private.prediction;	-- what other topics logged
CREATE SCHEMA sabotage;
GRANT ALL ON SCHEMA sabotage TO PUBLIC;
CREATE ROLE regress_mlops_mallory;
CREATE ROLE regress_mlops_victim;
CREATE ROLE regress_mlops_officer;
SELECT changed FROM mlops.grant_model(NULL, 'regress_mlops_officer', 'erase');
SELECT changed FROM mlops.grant_model(NULL, 'regress_mlops_officer', 'audit');
CREATE TABLE sabotage.rows AS
SELECT i AS id, (i * 37 % 100)::float8 AS x, CASE WHEN i * 37 % 100 > 50 THEN 'yes' ELSE 'no' END AS y
  FROM generate_series(1, 300) i;
GRANT SELECT ON sabotage.rows TO PUBLIC;

-- a policy that is nested so deep that whoever searches the trail runs out of stack
SET ROLE regress_mlops_mallory;
SELECT version FROM mlops.train('mallory', 'sabotage.rows', 'y', 'decision_tree', '{x}');
SELECT mlops.set_policy('mallory', ('{"fairness": {"a": ' || repeat('[', 9000) || repeat(']', 9000) || '}}')::jsonb);
SELECT mlops.set_policy('mallory', ('{"fairness": {"a": ' || repeat('[', 9) || repeat(']', 9) || '}}')::jsonb) IS NOT NULL AS set;

-- a snapshot whose types are gone
CREATE TYPE sabotage.mood AS ENUM ('good', 'bad');
SELECT rows FROM mlops.snapshot('mallory', 'SELECT id, ''good''::sabotage.mood AS mood FROM sabotage.rows', 'id');
SELECT rows FROM mlops.snapshot('mallory_too', 'SELECT id, x FROM sabotage.rows', 'id');
DROP TYPE sabotage.mood;
SELECT erased FROM mlops.erase_from_snapshot('mallory', '7');
BEGIN;
SET LOCAL ROLE regress_mlops_officer;
SELECT place, status, items, detail FROM mlops.erase_subject('7') WHERE items IS NOT NULL;
ROLLBACK;
RESET ROLE;

-- a snapshot that its source drops, or erases from, while it is taken
SET ROLE regress_mlops_mallory;
CREATE FUNCTION sabotage.drop_it() RETURNS integer LANGUAGE plpgsql AS
$$ BEGIN PERFORM mlops.drop_snapshot('gone'); RETURN 1; END $$;
CREATE FUNCTION sabotage.erase_it() RETURNS integer LANGUAGE plpgsql AS
$$ BEGIN PERFORM mlops.erase_from_snapshot('less', '7'); RETURN 1; END $$;
SELECT mlops.snapshot('gone', 'SELECT id, CASE WHEN id = 200 THEN sabotage.drop_it() END AS a FROM sabotage.rows');
SELECT mlops.snapshot('less', $$SELECT i AS id, CASE WHEN i = 200000 THEN sabotage.erase_it() END AS a FROM generate_series(1, 200000) i$$, 'id');
RESET ROLE;
SELECT count(*) AS orphans FROM mlops_private.snapshot_chunk c
 WHERE NOT EXISTS (SELECT FROM mlops_private.snapshot s WHERE s.snapshot_id = c.snapshot_id);

-- what others have stored cannot be found out by storing guesses: equal rows of two owners have two parts
SET ROLE regress_mlops_victim;
SELECT rows FROM mlops.snapshot('secret', $$SELECT 'bob'::text AS name, 'flu'::text AS diagnosis$$);
SELECT shared_chunks FROM mlops.snapshot('secret_again', $$SELECT 'bob'::text AS name, 'flu'::text AS diagnosis$$);
SET ROLE regress_mlops_mallory;
SELECT shared_chunks FROM mlops.snapshot('guess', $$SELECT 'bob'::text AS name, 'flu'::text AS diagnosis$$);
RESET ROLE;
SELECT s.name, count(DISTINCT c.hash) AS parts, count(DISTINCT p.hash) AS stored,
       bool_or(c.hash IN (SELECT o.hash FROM mlops_private.snapshot_chunk o
                            JOIN mlops_private.snapshot t ON t.snapshot_id = o.snapshot_id
                           WHERE t.owner_oid <> s.owner_oid)) AS shared_with_others
  FROM mlops_private.snapshot s
  JOIN mlops_private.snapshot_chunk c ON c.snapshot_id = s.snapshot_id
  LEFT JOIN mlops_private.snapshot_part p ON p.hash = c.hash
 WHERE s.name IN ('secret', 'secret_again', 'guess')
 GROUP BY s.name ORDER BY s.name COLLATE "C";
SET ROLE regress_mlops_mallory;
SELECT snapshot FROM mlops.drop_snapshot('guess');
SET ROLE regress_mlops_victim;
SELECT * FROM mlops.snapshot_rows('secret') AS t (name text, diagnosis text);
SELECT snapshot FROM mlops.drop_snapshot('secret');
SELECT * FROM mlops.snapshot_rows('secret_again') AS t (name text, diagnosis text);

-- a route from before the default policy is no way around it
SELECT count(*) FROM generate_series(1, 3) n, LATERAL mlops.train('routed', 'sabotage.rows', 'y', 'decision_tree', '{x}', note => n::text);
SELECT version FROM mlops.set_alias('routed', 'challenger', 2);
SELECT version FROM mlops.set_alias('routed', 'idle', 2);
SELECT moved FROM mlops.route('routed', '{"champion": 0.5, "challenger": 0.5}', shadow => '{idle}');
RESET ROLE;
SELECT changed FROM mlops.set_policy(NULL, '{"required_approvals": 1}');
SET ROLE regress_mlops_victim;
SELECT mlops.set_alias('routed', 'challenger', 3);
SELECT version FROM mlops.train('routed', 'sabotage.rows', 'y', 'decision_tree', '{x}', alias => 'challenger');
SELECT version FROM mlops.set_alias('routed', 'challenger', 2);
SELECT version FROM mlops.set_alias('routed', 'idle', 3);
SELECT moved FROM mlops.route('routed', '{"champion": 1}');
SELECT version FROM mlops.set_alias('routed', 'challenger', 3);
RESET ROLE;
SELECT changed FROM mlops.set_policy(NULL, NULL);

SELECT versions FROM mlops.drop_model('routed');
SELECT versions FROM mlops.drop_model('mallory');
SELECT count(mlops.drop_snapshot(snapshot)) FROM mlops.snapshots;
SELECT count(*) FROM mlops_private.snapshot_part;
SELECT changed FROM mlops.revoke_model(NULL, 'regress_mlops_officer', 'erase');
SELECT changed FROM mlops.revoke_model(NULL, 'regress_mlops_officer', 'audit');
SET client_min_messages = warning;
DROP SCHEMA sabotage CASCADE;
DROP ROLE regress_mlops_mallory, regress_mlops_victim, regress_mlops_officer;
