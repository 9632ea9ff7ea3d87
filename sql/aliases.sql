-- Aliases over time: the history, alias_at, and the way back.
SET client_min_messages = warning;
SELECT count(*) FROM generate_series(1, 5) v,
	LATERAL mlops.train('aliased', format('SELECT x, %s + x AS y FROM generate_series(1, 40) x', 10 * v), 'y', 'linear_regression');
RESET client_min_messages;

CREATE FUNCTION pg_temp.history(of_alias text) RETURNS TABLE (action text, version integer, previous integer, reason text, open boolean) LANGUAGE sql AS $$
	SELECT action, version, previous_version, reason, until IS NULL
	  FROM mlops.alias_history WHERE model = 'aliased' AND alias = of_alias ORDER BY since $$;

-- training made the first event; a move to where it points already makes none
SELECT * FROM mlops.set_alias('aliased:2', 'champion', reason => 'better on the holdout');
SELECT * FROM mlops.set_alias('aliased:2', 'champion', reason => 'again');
SELECT * FROM mlops.set_alias('aliased:3', 'champion');
SELECT * FROM pg_temp.history('champion');
-- times: no gap, no overlap, nothing before the first
SELECT bool_and(until IS NULL OR until > since) AS forward,
       count(*) FILTER (WHERE until = next) AS meet, count(*) FILTER (WHERE until IS NULL) AS open,
       bool_and(by = current_user) AS by_me
  FROM (SELECT *, lead(since) OVER (ORDER BY since) AS next
          FROM mlops.alias_history WHERE model = 'aliased' AND alias = 'champion') h;
SELECT version, mlops.alias_at('aliased', 'champion', since) AS at_start,
       mlops.alias_at('aliased', 'champion', since - interval '1 microsecond') AS before,
       mlops.alias_at('aliased', 'champion', coalesce(until - interval '1 microsecond', 'infinity')) AS at_end
  FROM mlops.alias_history WHERE model = 'aliased' AND alias = 'champion' ORDER BY since;
SELECT mlops.alias_at('aliased', 'champion', '-infinity'), mlops.alias_at('aliased', 'nothing', now());
SELECT mlops.alias_at('aliased', 'champion', NULL);
SELECT mlops.alias_at('nothing', 'champion', now());
SELECT mlops.alias_at('aliased', 'Champion', now());

-- back, and further back, not to and fro
SELECT * FROM mlops.rollback('aliased', reason => 'complaints');
SELECT * FROM mlops.rollback('aliased');
SELECT * FROM mlops.rollback('aliased');
SELECT round(mlops.predict('aliased', jsonb_build_object('x', 1))) AS version_1;
-- a move starts anew: back from it is where it came from
SELECT * FROM mlops.set_alias('aliased:4', 'champion');
SELECT * FROM mlops.rollback('aliased');
SELECT * FROM mlops.rollback('aliased');
SELECT * FROM pg_temp.history('champion');

-- versions that were dropped are passed over, and so is what would be no change; the history keeps them
SELECT mlops.set_alias('aliased', 'b', v) FROM unnest('{1,2,1,3,5}'::integer[]) WITH ORDINALITY AS t (v, n) ORDER BY n;
SELECT * FROM mlops.drop_version('aliased:3');
SELECT * FROM mlops.rollback('aliased', 'b');
SELECT * FROM mlops.drop_version('aliased:2');
SELECT * FROM mlops.rollback('aliased', 'b');
SELECT * FROM pg_temp.history('b');

-- a drop is part of the history and can be undone
SELECT * FROM mlops.drop_alias('aliased', 'b', 'not needed');
SELECT mlops.alias_at('aliased', 'b', now() + interval '1 hour') AS gone;
SELECT * FROM mlops.rollback('aliased', 'b', 'needed after all');
SELECT * FROM mlops.set_alias('aliased:5', 'b');
SELECT * FROM mlops.drop_alias('aliased', 'b');
SELECT * FROM mlops.set_alias('aliased:4', 'b');
SELECT * FROM mlops.rollback('aliased', 'b');
SELECT * FROM mlops.rollback('aliased', 'b');
SELECT * FROM mlops.rollback('aliased', 'b');
SELECT action, version, previous, reason, open FROM pg_temp.history('b') OFFSET 6;

-- transactional: a rolled-back move never happened
BEGIN;
SELECT * FROM mlops.set_alias('aliased:5', 'champion');
SELECT count(*) FROM pg_temp.history('champion');
SAVEPOINT s;
SELECT * FROM mlops.rollback('aliased');
SELECT count(*) FROM pg_temp.history('champion');
ROLLBACK TO s;
SELECT count(*) FROM pg_temp.history('champion');
ROLLBACK;
SELECT count(*), max(version) FILTER (WHERE open) AS now FROM pg_temp.history('champion');
-- two moves in one transaction have two times
BEGIN;
SELECT mlops.set_alias('aliased:4', 'champion'), mlops.set_alias('aliased:5', 'champion');
COMMIT;
SELECT count(DISTINCT since) = count(*) AS distinct_times FROM mlops.alias_history WHERE model = 'aliased';
-- a clock that was set back does not turn the history round
UPDATE mlops_private.alias_event SET happened_at = clock_timestamp() + interval '1 day'
 WHERE event_id = (SELECT max(event_id) FROM mlops_private.alias_event);
SELECT * FROM mlops.set_alias('aliased:1', 'champion');
SELECT since > now() + interval '23 hours' AS later, version FROM mlops.alias_history
 WHERE model = 'aliased' AND alias = 'champion' AND until IS NULL;
SELECT mlops.alias_at('aliased', 'champion', now() + interval '2 days');

-- the history follows the model's number, not its name
SELECT mlops.rename_model('aliased', 'renamed');
SELECT count(*) > 10 AS kept FROM mlops.alias_history WHERE model = 'renamed';

-- each act is in the audit trail
SELECT action, object, payload FROM mlops.audit
 WHERE action IN ('alias.rollback', 'alias.drop') AND object LIKE 'aliased@%' ORDER BY event_id LIMIT 4;

-- rights: deploy to roll back, read to look
CREATE ROLE regress_mlops_reader;
CREATE ROLE regress_mlops_deployer;
CREATE ROLE regress_mlops_other;
SELECT mlops.grant_model('renamed', 'regress_mlops_reader', 'read'), mlops.grant_model('renamed', 'regress_mlops_deployer', 'deploy');
SET ROLE regress_mlops_reader;
SELECT count(*) > 10 AS history, mlops.alias_at('renamed', 'champion', 'infinity') FROM mlops.alias_history;
SELECT * FROM mlops.rollback('renamed');
SET ROLE regress_mlops_other;
SELECT count(*) FROM mlops.alias_history;
SELECT mlops.alias_at('renamed', 'champion', now());
SELECT * FROM mlops.rollback('renamed');
SELECT * FROM mlops.set_alias('renamed', 'x', 1);
SET ROLE regress_mlops_deployer;
SELECT * FROM mlops.rollback('renamed');
RESET ROLE;
SELECT by FROM mlops.alias_history WHERE alias = 'champion' AND until IS NULL;

-- what is refused
SELECT * FROM mlops.rollback('renamed', 'nothing');
SELECT * FROM mlops.rollback('renamed', NULL);
SELECT * FROM mlops.rollback('renamed:1');
SELECT * FROM mlops.rollback('renamed', 'Champion');
BEGIN READ ONLY;
SELECT mlops.alias_at('renamed', 'champion', 'infinity');
SELECT * FROM mlops.rollback('renamed');
ROLLBACK;
-- in a parallel query
SELECT set_config(name, 'on', false) IS NOT NULL FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode');
SELECT mlops.alias_at('renamed', 'champion', 'infinity');
SELECT set_config(name, 'off', false) IS NOT NULL FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode');

-- an alias that has no history (rows loaded by hand) has nothing to go back to
DELETE FROM mlops_private.alias_event;
SELECT * FROM mlops.rollback('renamed');
SELECT * FROM mlops.set_alias('renamed:4', 'champion');
SELECT * FROM mlops.rollback('renamed');

-- the model takes its history along
SELECT * FROM mlops.drop_model('renamed');
SELECT count(*) FROM mlops_private.alias_event;
DROP ROLE regress_mlops_reader, regress_mlops_deployer, regress_mlops_other;
