-- Experiments: runs, what they log, trainings as runs, leaderboards, and who sees whose.
CREATE ROLE regress_mlops_runner;
CREATE ROLE regress_mlops_peer;
CREATE ROLE regress_mlops_team;
GRANT regress_mlops_team TO regress_mlops_peer;
GRANT SELECT ON penguins, pima TO regress_mlops_runner;

-- a run by hand; values without a step are replaced, those with one are a series
SET ROLE regress_mlops_runner;
SELECT run, experiment, name, started_at <= clock_timestamp() AS started
  FROM mlops.run_start('churn, first try', 'depth 6', '{"depth": 6}', 'by hand') \gset r1_
SELECT :'r1_experiment' AS experiment, :'r1_name' AS name, :'r1_started' AS started;
SELECT key, value, step FROM mlops.run_log(:r1_run, 'auc', 0.7);
SELECT key, value, step FROM mlops.run_log(:r1_run, 'auc', 0.75);
SELECT key, value, step FROM generate_series(1, 3) s, mlops.run_log(:r1_run, 'val/log_loss', 1.0 / s, s) ORDER BY step;
SELECT metrics, step FROM mlops.run_log(:r1_run, '{"f1": 0.5, "nothing": null, "odd": "NaN", "up": "Infinity", "down": "-Infinity"}');
SELECT metrics, step FROM mlops.run_log(:r1_run, '{"val/log_loss": 0.25}', step => 4);
SELECT metrics FROM mlops.run_log(:r1_run, '{}');
SELECT experiment, name, owner, model, version, parent, status, params, ended_at, metrics, note
  FROM mlops.runs WHERE run = :r1_run;
SELECT key, step, value FROM mlops.run_metrics WHERE run = :r1_run ORDER BY key, step;

-- starting and logging in one statement; children
WITH child AS (SELECT * FROM mlops.run_start('churn, first try', params => '{"depth": 8}', parent => :r1_run))
SELECT child.run, l.key FROM child, mlops.run_log(child.run, 'auc', 0.75) l \gset r2_
SELECT parent = :r1_run AS is_child, metrics FROM mlops.runs WHERE run = :r2_run;

-- ending: once, and then it stays as it is
SELECT experiment, status, seconds > 0 AS took FROM mlops.run_end(:r1_run, note => 'good enough');
SELECT status, note, ended_at > started_at AS ended FROM mlops.runs WHERE run = :r1_run;
\set VERBOSITY sqlstate
SELECT mlops.run_log(:r1_run, 'auc', 0.9);
SELECT mlops.run_log(:r1_run, '{"auc": 0.9}');
SELECT mlops.run_log(:r1_run, '{}');
SELECT mlops.run_end(:r1_run);
SELECT mlops.run_link(:r1_run, 'penguin_runs');
\set VERBOSITY default
SELECT metrics -> 'auc' AS auc FROM mlops.runs WHERE run = :r1_run;
SELECT status FROM mlops.run_end(:r2_run, 'killed');

-- what is refused
SELECT mlops.run_log(2, '{"auc": 0.9}', 3);
SELECT mlops.run_log(2, '{"auc": "high"}');
\set VERBOSITY terse
SELECT mlops.run_start(NULL);
SELECT mlops.run_start('');
SELECT mlops.run_start(' churn');
SELECT mlops.run_start('churn' || chr(10));
SELECT mlops.run_start(repeat('x', 64));
SELECT mlops.run_start('churn', '');
SELECT mlops.run_start('churn', repeat('x', 251));
SELECT mlops.run_start('churn', params => '[1]');
SELECT mlops.run_start('churn', parent => 0);
SELECT mlops.run_log(NULL, 'auc', 1);
SELECT mlops.run_log(2, NULL::text, 1);
SELECT mlops.run_log(2, 'auc', NULL);
SELECT mlops.run_log(2, 'a"b', 1);
SELECT mlops.run_log(2, '', 1);
SELECT mlops.run_log(2, NULL::jsonb);
SELECT mlops.run_log(2, '[1]'::jsonb);
SELECT mlops.run_log(2, '1'::jsonb);
SELECT mlops.run_log(2, '{"a": {"b": 1}}');
SELECT mlops.run_log(2, '{"a": true}');
SELECT mlops.run_log(2, '{"a": 1e400}');
SELECT mlops.run_end(2, 'done');
SELECT mlops.run_end(2, NULL);
SELECT mlops.run_log(999999999999, 'auc', 1);
SELECT mlops.run_start('churn', parent => 999999999999);
\set VERBOSITY default

-- every training is a run of its model's experiment: parameters, metrics, losses
SELECT version FROM mlops.train('penguin_runs', 'penguins', 'body_mass_g', 'gradient_boosting', options => '{"n_estimators": 12}', note => 'small');
SELECT version FROM mlops.train('penguin_runs', 'penguins', 'body_mass_g', 'linear_regression', validation => '{"method": "none"}');
SELECT r.experiment, r.name, r.owner, r.model, r.version, r.parent, r.status, r.note,
       r.params ->> 'algorithm' AS algorithm, r.params -> 'n_estimators' AS n_estimators,
       r.params - 'algorithm' = v.options AS same_options,
       (SELECT bool_and(v.metrics -> m.key = m.value) FROM jsonb_each(r.metrics) m) AS same_metrics,
       abs(r.seconds - v.seconds) < 1e-3 AS same_seconds,
       r.ended_at >= r.started_at AS ended
  FROM mlops.runs r JOIN mlops.versions v USING (model, version)
 WHERE r.experiment = 'penguin_runs' ORDER BY r.version;
SELECT m.key, count(*), min(m.step), max(m.step),
       bool_and(m.value = CASE m.key WHEN 'train_loss' THEN h.train_loss ELSE h.validation_loss END) AS same
  FROM mlops.run_metrics m JOIN mlops.training_history('penguin_runs:1') h ON h.iteration = m.step
 WHERE m.experiment = 'penguin_runs' AND m.key LIKE '%loss' GROUP BY m.key ORDER BY m.key;
-- a long curve is thinned; its last point stays
SELECT version FROM mlops.train('penguin_runs', 'penguins', 'body_mass_g', 'gradient_boosting',
       ARRAY['flipper_length_mm'], '{"n_estimators": 1500, "max_leaves": 2, "min_gain": 0}');
SELECT count(*), max(step) > 1000 AS is_long, max(step) = (SELECT max(iteration) FROM mlops.training_history('penguin_runs:3')) AS with_last
  FROM mlops.run_metrics m JOIN mlops.runs r USING (run) WHERE r.version = 3 AND r.model = 'penguin_runs' AND m.key = 'train_loss';
-- the candidates of auto that were not chosen are children without a version
SELECT version, algorithm FROM mlops.train('pima_runs', 'pima', 'diabetes') \gset auto_
SELECT count(*) AS runs, count(version) AS versions, count(*) FILTER (WHERE parent IS NOT NULL) AS children,
       bool_and(metrics ? 'log_loss') AS measured, bool_and((name = :'auto_algorithm') = (parent IS NULL)) AS chosen
  FROM mlops.runs WHERE experiment = 'pima_runs';

-- a training joins a run of one's own
SELECT run FROM mlops.run_start('mass of birds', params => '{"idea": "trees"}') \gset r3_
SELECT mlops.run_log(:r3_run, 'r2', 0.125) IS NULL AS logged;
SELECT model, version, metrics > 0 AS took_over FROM mlops.run_link(:r3_run, 'penguin_runs:1');
SELECT status FROM mlops.run_end(:r3_run);
SELECT r.model, r.version, r.metrics -> 'r2' AS r2, r.metrics -> 'rmse' = v.metrics -> 'rmse' AS rmse_of_version
  FROM mlops.runs r JOIN mlops.versions v USING (model, version) WHERE run = :r3_run;
SELECT run FROM mlops.run_start('mass of birds') \gset r4_
SELECT mlops.run_link(:r4_run, 'no_such_model');
SELECT mlops.run_link(:r4_run, 'penguin_runs:99');

-- leaderboards: the direction of known metrics, ties, NaN last, failed runs not at all
SELECT rank, run = :r1_run AS first_run, name, value FROM mlops.leaderboard('churn, first try', 'auc');
SELECT run FROM mlops.run_start('board', 'a') \gset a_
SELECT run FROM mlops.run_start('board', 'b') \gset b_
SELECT run FROM mlops.run_start('board', 'c') \gset c_
SELECT run FROM mlops.run_start('board', 'd') \gset d_
SELECT run FROM mlops.run_start('board', 'e') \gset e_
SELECT count(mlops.run_log(v.run, jsonb_build_object('test_auc', v.x, 'log_loss', v.x, 'tokens', v.x)))
  FROM (VALUES (:a_run, 0.5), (:b_run, 0.9), (:c_run, 0.5), (:e_run, 0.99)) AS v (run, x);
SELECT count(mlops.run_log(:d_run, k, 'NaN')) FROM unnest(ARRAY['test_auc', 'log_loss']) k;
SELECT status FROM mlops.run_end(:e_run, 'failed');
SELECT rank, name, value FROM mlops.leaderboard('board', 'test_auc');
SELECT rank, name, value FROM mlops.leaderboard('board', 'log_loss');
SELECT rank, name, value FROM mlops.leaderboard('board', 'tokens', ascending => true);
SELECT rank, name, value FROM mlops.leaderboard('board', 'tokens', 1, false);
SELECT rank, name, value FROM mlops.leaderboard('board', 'test_auc', "limit" => 2);
SELECT count(*) FROM mlops.leaderboard('board', 'test_auc', NULL);
SELECT count(*) FROM mlops.leaderboard('no such experiment', 'auc');
SELECT * FROM mlops.leaderboard('board', 'tokens');
SELECT rank, model, version, value = (v.metrics ->> 'rmse')::float8 AS of_version
  FROM mlops.leaderboard('penguin_runs', 'rmse') l JOIN mlops.versions v USING (model, version) ORDER BY rank;
SELECT string_agg(m, ' ') AS known, jsonb_object_agg(m, 0.25) AS low, jsonb_object_agg(m, 0.5) AS high
  FROM unnest(ARRAY['rmse', 'mae', 'r2', 'mape', 'accuracy', 'precision_score', 'recall_score', 'f1', 'auc',
                    'log_loss', 'brier', 'ece', 'train_loss', 'test/auc']) m \gset
SELECT mlops.run_log(:a_run, :'low'::jsonb) IS NOT NULL AND mlops.run_log(:b_run, :'high'::jsonb) IS NOT NULL AS logged;
SELECT m AS metric, array_agg(value ORDER BY rank) = '{0.25, 0.5}' AS ascending
  FROM unnest(string_to_array(:'known', ' ')) m, mlops.leaderboard('board', m)
 WHERE value IN (0.25, 0.5) AND name IN ('a', 'b') GROUP BY m ORDER BY m COLLATE "C";

-- somebody else: sees nothing, changes nothing, and cannot tell a run from none
SET ROLE regress_mlops_peer;
SELECT count(*) FROM mlops.runs;
SELECT count(*) FROM mlops.run_metrics;
SELECT count(*) FROM mlops.leaderboard('board', 'test_auc');
CREATE FUNCTION pg_temp.outcome(statement text, run text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text;
	d text;
	h text;
BEGIN
	EXECUTE replace(statement, 'RUN', run);
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', SQLSTATE, replace(m, run, 'RUN'), d, h);
END $$;
SELECT statement, left(pg_temp.outcome(statement, :'a_run'), 5) AS sqlstate,
       pg_temp.outcome(statement, :'a_run') = pg_temp.outcome(statement, '999999999999') AS same_as_none,
       pg_temp.outcome(statement, :'r1_run') = pg_temp.outcome(statement, '999999999999') AS same_ended
  FROM (VALUES ('SELECT mlops.run_log(RUN, ''auc'', 1)'), ('SELECT mlops.run_log(RUN, ''{"auc": 1}'')'),
               ('SELECT mlops.run_link(RUN, ''penguin_runs'')'), ('SELECT mlops.run_end(RUN)'),
               ('SELECT mlops.run_drop(RUN)'), ('SELECT mlops.run_start(''x'', parent => RUN)')) AS v (statement);
-- who may read the model sees its trainings and the runs linked to it, no others, and changes none
RESET ROLE;
SELECT changed FROM mlops.grant_model('penguin_runs', 'regress_mlops_peer', 'read');
SET ROLE regress_mlops_peer;
SELECT experiment, model, version, owner FROM mlops.runs ORDER BY run;
SELECT experiment, count(DISTINCT run) FROM mlops.run_metrics GROUP BY experiment ORDER BY experiment;
SELECT pg_temp.outcome('SELECT mlops.run_drop(RUN)', :'r3_run');
SELECT run FROM mlops.run_start('intruding') \gset p_
SELECT mlops.run_link(:p_run, 'penguin_runs:1');
SELECT mlops.run_link(:p_run, 'pima_runs:1');
-- a run of a role belongs to its members
SET ROLE regress_mlops_team;
SELECT run FROM mlops.run_start('of the team') \gset t_
SET ROLE regress_mlops_peer;
SELECT key FROM mlops.run_log(:t_run, 'auc', 1);
SELECT experiment, owner FROM mlops.runs WHERE run = :t_run;
-- the tables themselves are closed
SELECT count(*) FROM mlops_private.run;
RESET ROLE;
-- a stray grant shows what the views show, and no more
GRANT USAGE ON SCHEMA mlops_private TO regress_mlops_peer;
GRANT SELECT ON mlops_private.run, mlops_private.run_metric TO regress_mlops_peer;
SET ROLE regress_mlops_peer;
SELECT (SELECT count(*) FROM mlops_private.run) = (SELECT count(*) FROM mlops.runs) AS same_runs,
       (SELECT count(*) FROM mlops_private.run_metric) BETWEEN 1 AND (SELECT count(*) FROM mlops.run_metrics) AS metrics;
SELECT mlops_private.last_metrics(:r3_run) ? 'r2' AS linked, mlops_private.last_metrics(:a_run) AS of_others;
RESET ROLE;
REVOKE USAGE ON SCHEMA mlops_private FROM regress_mlops_peer;
REVOKE SELECT ON mlops_private.run, mlops_private.run_metric FROM regress_mlops_peer;
-- revoked: the trainings are gone from view, for the one who trained them too
SELECT changed FROM mlops.revoke_model('penguin_runs', 'regress_mlops_peer', 'read');
SET ROLE regress_mlops_peer;
SELECT experiment FROM mlops.runs ORDER BY run;
RESET ROLE;

-- transactions: what is rolled back never ran; read-only ones start nothing
BEGIN;
SELECT run FROM mlops.run_start('never') \gset n_
ROLLBACK;
SELECT count(*) FROM mlops.runs WHERE experiment = 'never';
BEGIN READ ONLY;
SELECT mlops.run_start('never');
ROLLBACK;

-- dropping: one's own; trainings go with the model, linked runs outlive it
SET ROLE regress_mlops_runner;
SELECT run AS run FROM mlops.runs WHERE experiment = 'penguin_runs' AND version = 1 \gset train_
\set VERBOSITY sqlstate
SELECT mlops.run_drop(:train_run);
SELECT mlops.run_log(:train_run, 'auc', 1);
SELECT mlops.run_end(:train_run);
\set VERBOSITY default
SELECT experiment FROM mlops.run_drop(:r1_run);
SELECT run = :r2_run AS child, parent FROM mlops.runs WHERE experiment = 'churn, first try';
SELECT previous_name FROM mlops.rename_model('penguin_runs', 'bird_runs');
SELECT experiment, count(*) FROM mlops.runs WHERE model = 'bird_runs' GROUP BY experiment ORDER BY experiment;
SELECT versions FROM mlops.drop_model('bird_runs');
SELECT experiment, model, version, metrics ? 'rmse' AS measured FROM mlops.runs WHERE run IN (:r3_run, :train_run);
SELECT versions FROM mlops.drop_model('pima_runs');
RESET ROLE;
SELECT action, count(*) FROM mlops.audit
 WHERE kind = 'run' AND actor LIKE 'regress\_mlops\_%' GROUP BY action ORDER BY action;

DELETE FROM mlops_private.run WHERE owner_name IN ('regress_mlops_runner', 'regress_mlops_peer', 'regress_mlops_team');
REVOKE SELECT ON penguins, pima FROM regress_mlops_runner;
DROP FUNCTION pg_temp.outcome(text, text);
DROP ROLE regress_mlops_runner, regress_mlops_peer, regress_mlops_team;
