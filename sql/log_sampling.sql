-- What is logged at which time, and which share of it.
SET client_min_messages = warning;
CREATE TABLE ls_rows AS SELECT i AS id, i * 0.5 AS a, i % 7 AS b, i * 2.5 AS y, i % 3 = 0 AS hit FROM generate_series(1, 20000) i;
SELECT version FROM mlops.train('ls', 'SELECT a, b, y FROM ls_rows WHERE id <= 200', 'y', 'linear_regression');
SELECT version FROM mlops.train('ls', 'SELECT a, b, y FROM ls_rows WHERE id <= 200', 'y', 'decision_tree', alias => 'challenger');
SELECT version FROM mlops.train('ls_hit', 'SELECT a, b, hit FROM ls_rows WHERE id <= 200', 'hit', 'decision_tree');
RESET client_min_messages;

-- the time of an event that is told later; nothing is logged ahead of its time
SELECT s.version, s.prediction_id IS NOT NULL AS logged FROM mlops.score('ls', '{"a": 1, "b": 2}'::jsonb, 'then', '2001-02-03 04:05:06+00') s;
SELECT s.version FROM mlops.score('ls', ARRAY[1, 2], 'then', at => '2001-02-03 04:05:07+00') s;
SELECT s.version FROM ls_rows t, LATERAL mlops.score('ls', t, 'then', '2001-02-03 04:05:08+00') s WHERE id = 1;
SELECT s.version FROM mlops.score('ls', '{"a": 1, "b": 2}'::jsonb, 'now', NULL) s;
SELECT key, at AT TIME ZONE 'UTC' AS at FROM mlops.predictions WHERE model = 'ls' AND key = 'then' ORDER BY prediction;
SELECT count(*) FROM mlops.predictions WHERE model = 'ls' AND key = 'now' AND at BETWEEN now() - interval '1 minute' AND clock_timestamp();
SELECT mlops.score('ls', '{"a": 1, "b": 2}'::jsonb, 'x', clock_timestamp() + interval '1 hour');
\set VERBOSITY sqlstate
SELECT mlops.score('ls', '{"a": 1, "b": 2}'::jsonb, 'x', 'infinity');
SELECT mlops.score('ls', '{"a": 1, "b": 2}'::jsonb, 'x', '-infinity');
\set VERBOSITY default
SELECT count(*) FROM mlops.predictions WHERE key = 'x';

-- a share of them: by key, the same keys for every model and every alias, and of a smaller share a part
SELECT * FROM mlops.set_log_sampling('ls', 0.25);
SELECT * FROM mlops.set_log_sampling('ls', 0.25);
SELECT * FROM mlops.set_log_sampling('ls_hit', 0.1);
SELECT model, share FROM mlops.log_sampling ORDER BY model;
SELECT shadow FROM mlops.route('ls', '{"champion": 0.5, "challenger": 0.5}');
-- 5 standard deviations: 20,000 keys x 0.25, sqrt(20000 * 0.25 * 0.75) = 61; and 0.1, 42
SELECT count(s.prediction_id) BETWEEN 5000 - 306 AND 5000 + 306 AS a_quarter, count(s.value) AS answered, count(DISTINCT s.variant) AS variants FROM ls_rows t, LATERAL mlops.score('ls', t, 'k' || t.id) s;
SELECT count(s.prediction_id) BETWEEN 2000 - 212 AND 2000 + 212 AS a_tenth FROM ls_rows t, LATERAL mlops.score('ls_hit', t, 'k' || t.id) s;
CREATE VIEW ls_logged AS SELECT * FROM mlops.predictions WHERE key ~ '^k';
SELECT count(*) AS only_in_the_smaller FROM ls_logged h WHERE h.model = 'ls_hit' AND NOT EXISTS (SELECT FROM ls_logged l WHERE l.model = 'ls' AND l.key = h.key);
-- rows say which share they are of; arms of a route get their parts of it (half of them, 5 standard deviations)
SELECT model, share, count(*) > 1000 AS many FROM ls_logged GROUP BY 1, 2 ORDER BY 1;
SELECT abs(avg((variant = 'champion')::int) - 0.5) < 5 * 0.5 / sqrt(count(*)) AS half FROM ls_logged WHERE model = 'ls';
-- again: the same keys
SELECT count(*) AS keys, count(*) FILTER (WHERE n <> 2) AS once FROM (SELECT count(*) AS n FROM (SELECT t.id, s.prediction_id FROM ls_rows t, LATERAL mlops.score('ls_hit', t, 'k' || t.id) s WHERE t.id <= 1000
  UNION ALL SELECT t.id, s.prediction_id FROM ls_rows t, LATERAL mlops.score('ls_hit', t, 'k' || t.id) s WHERE t.id <= 1000) u WHERE prediction_id IS NOT NULL GROUP BY id) c \gset
SELECT :keys > 50 AS some, :once AS once;
-- in shadow too; without a key it goes by the row's number, with shadows as one row
SELECT shadow FROM mlops.route('ls', '{"champion": 1}', '{challenger}');
SELECT count(s.prediction_id) > 0 AS some FROM ls_rows t, LATERAL mlops.score('ls', t, 's' || t.id) s WHERE t.id <= 2000;
SELECT count(*) > 300 AS some, count(*) FILTER (WHERE n <> 2) AS apart FROM (SELECT count(*) AS n FROM mlops.predictions WHERE model = 'ls' AND key ~ '^s' GROUP BY key) c;
SELECT count(s.prediction_id) BETWEEN 5000 - 306 AND 5000 + 306 AS a_quarter FROM ls_rows t, LATERAL mlops.score('ls', t) s;
SELECT count(*) FILTER (WHERE shadow) = count(*) FILTER (WHERE NOT shadow) AS as_many FROM mlops.predictions WHERE model = 'ls' AND key IS NULL;
SELECT split FROM mlops.route('ls', NULL);
-- all again; it is on record
SELECT * FROM mlops.set_log_sampling('ls', 1);
SELECT count(s.prediction_id) FROM ls_rows t, LATERAL mlops.score('ls', t, 'all' || t.id) s WHERE t.id <= 1000;
SELECT DISTINCT share FROM mlops.predictions WHERE key ~ '^all';
SELECT object, payload FROM mlops.audit WHERE action = 'log.sampling' AND object ~ '^ls' ORDER BY event_id;
-- refused
SELECT mlops.set_log_sampling('ls', 0);
SELECT mlops.set_log_sampling('ls', 1.5);
SELECT mlops.set_log_sampling('ls', 'NaN');
SELECT mlops.set_log_sampling('ls', NULL);
SELECT mlops.set_log_sampling('no_such', 0.5);
CREATE ROLE regress_mlops_sampler;
SELECT count(mlops.grant_model('ls', 'regress_mlops_sampler', p)) FROM unnest('{read,logs,predict}'::text[]) p;
SET ROLE regress_mlops_sampler;
SELECT mlops.set_log_sampling('ls', 0.5);
RESET ROLE;
SELECT count(mlops.grant_model('ls', 'regress_mlops_sampler', 'deploy'));
SET ROLE regress_mlops_sampler;
SELECT share FROM mlops.set_log_sampling('ls', 0.5);
SELECT model, share, set_by FROM mlops.log_sampling;
RESET ROLE;

SELECT sum((mlops.drop_model(m)).versions) FROM unnest('{ls,ls_hit}'::text[]) m;
DELETE FROM mlops_private.prediction WHERE model_id NOT IN (SELECT model_id FROM mlops_private.model);
DROP VIEW ls_logged;
DROP TABLE ls_rows;
DROP ROLE regress_mlops_sampler;
