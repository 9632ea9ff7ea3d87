-- Retrain policies: when they train, what they compare, what they do with the
-- result, and for whom.  Numbers are worked out again here, from predict() and
-- from counts of the tables.

SET client_min_messages = error;
\set VERBOSITY terse
CREATE ROLE regress_mlops_ann;
CREATE ROLE regress_mlops_bob;
CREATE ROLE regress_mlops_dan;
CREATE ROLE regress_mlops_eve;
CREATE SCHEMA retraining_test;
GRANT ALL ON SCHEMA retraining_test TO PUBLIC;
GRANT SELECT ON chicago, penguins, credit, pima TO PUBLIC;
CREATE PROCEDURE retraining_test.look() LANGUAGE sql AS $$
	UPDATE mlops_private.job SET next_due = now(), failures = 0, state = 'idle' WHERE kind = 'retrain'
$$;
-- as if the last training had been a year ago
CREATE PROCEDURE retraining_test.year() LANGUAGE sql AS $$
	UPDATE mlops_private.retraining SET started = started - interval '1 year', ended = ended - interval '1 year'
$$;

-- new rows, and a window of three years
SET ROLE regress_mlops_ann;
SELECT version, rows_used FROM mlops.train('rides', $$SELECT * FROM chicago WHERE day < '2005-01-01'$$, 'ridership', 'linear_regression',
	features => '{harlem,temp,precipitation,snow}', options => '{"missing": "skip"}', validation => '{"fraction": 0.1}');
SELECT model, trigger, metric, regexp_replace(job, '\d+', 'N') AS job, every, replaced
  FROM mlops.retrain_policy('rides', 'new rows', 'chicago', time_column => 'day', "window" => '3 years', new_rows => 1000);
CALL mlops.run_due_jobs();
SELECT trigger, cause, champion, challenger, rows_training, rows_holdout, data_from, data_cut, data_until, metric, decision, request, run_by,
       champion_value > challenger_value AS better, gain = champion_value - challenger_value AS gain, gain_low < gain AND gain < gain_high AS inside, p_value
  FROM mlops.retrainings WHERE model = 'rides' \gx
-- the newest fifth of the rows of the window, and both measured on them
WITH w AS (SELECT c.* FROM chicago c, (SELECT max(day) AS last FROM chicago) m WHERE day > last - interval '3 years'),
     cut AS (SELECT percentile_disc(0.8) WITHIN GROUP (ORDER BY day) AS day FROM w),
     h AS (SELECT w.ridership, mlops.predict('rides:1', w) AS a, mlops.predict('rides:2', w) AS b FROM w, cut WHERE w.day > cut.day)
SELECT (SELECT count(*) FROM h) = r.rows_holdout AS holdout, (SELECT count(*) FROM w) = r.rows_holdout + r.rows_training AS rows,
       abs((SELECT sqrt(avg((a - ridership) ^ 2)) FROM h) - r.champion_value) < 1e-9 AS champion,
       abs((SELECT sqrt(avg((b - ridership) ^ 2)) FROM h) - r.challenger_value) < 1e-9 AS challenger
  FROM mlops.retrainings r WHERE model = 'rides';
-- by the champion's recipe, of the older rows
SELECT version, algorithm, target, source, options = (SELECT options FROM mlops.versions WHERE model = 'rides' AND version = 1) AS options, note, stage
  FROM mlops.versions WHERE model = 'rides' AND version > 1;
SELECT array_agg(f.value ->> 'name') AS features FROM jsonb_array_elements(mlops.describe('rides:2') -> 'features') f (value);
-- nobody said that an alias may move: it is proposed
SELECT alias, version FROM mlops.aliases WHERE model = 'rides';
SELECT kind, subject, severity, method, state FROM mlops.alerts WHERE model = 'rides';
SELECT state, rows, detail ->> 'decision' AS decision FROM mlops.job_runs WHERE kind = 'retrain';
-- nothing is new
RESET ROLE; CALL retraining_test.look(); CALL retraining_test.year(); SET ROLE regress_mlops_ann;
CALL mlops.run_due_jobs();
SELECT outcome FROM mlops.retrain_policies;
-- in use by now: no news
SELECT version FROM mlops.set_alias('rides:2', 'champion');
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_ann;
CALL mlops.run_due_jobs();
SELECT kind, state FROM mlops.alerts WHERE model = 'rides';
-- the policy's source, not that of one training, is what the next one is taken from
SELECT trigger, replaced FROM mlops.retrain_policy('rides', 'schedule', every => '1 week', time_column => 'day', start => now() - interval '1 minute', promote_alias => 'champion');
SELECT source, "window", new_rows, promote_alias, owner FROM mlops.retrain_policies;
-- all of it as it was: the same rows, and no better
CALL mlops.run_due_jobs();
SELECT trigger, cause, champion, challenger, rows_training + rows_holdout = (SELECT count(*) FROM chicago) AS all_rows, decision FROM mlops.retrainings WHERE model = 'rides' ORDER BY retraining DESC LIMIT 1;

-- without a time column: by a hash, the same at each training, so that no version of the policy has seen what is compared on
SELECT version FROM mlops.train('species', 'SELECT * FROM penguins', 'species', 'decision_tree', features => '{bill_length_mm,flipper_length_mm,sex}', weight => 'body_mass_g',
	options => '{"max_depth": 2, "seed": 7}', validation => '{"method": "none"}');
SELECT metric FROM mlops.retrain_policy('species', 'schedule', every => '1 day', metric => 'accuracy', min_gain => -1, promote_alias => 'champion', start => now(), holdout => 0.3);
CALL mlops.run_due_jobs();
SELECT champion, challenger, rows_training, rows_holdout, rows_training + rows_holdout AS rows, decision, p_value > 0 AS tested FROM mlops.retrainings WHERE model = 'species';
SELECT source AS part FROM mlops.versions WHERE model = 'species' AND version = 2 \gset
SELECT count(*) = (SELECT rows_training FROM mlops.retrainings WHERE model = 'species') AS training FROM (:part) p;
SELECT abs(value - (SELECT challenger_value FROM mlops.retrainings WHERE model = 'species')) < 1e-12 AS accuracy, n
  FROM mlops.evaluate('species:2', format('SELECT * FROM penguins WHERE id NOT IN (SELECT id FROM (%s) p)', :'part')) WHERE metric = 'accuracy';
SELECT a.options = b.options AS options, a.target = b.target AS target, a.algorithm = b.algorithm AS algorithm
  FROM mlops.versions a, mlops.versions b WHERE a.model = 'species' AND b.model = 'species' AND a.version = 1 AND b.version = 2;
SELECT bool_and(mlops.describe('species:' || v)::text ~ '"weighted": true') AS weighted FROM generate_series(1, 2) v;
SELECT alias, version, reason FROM mlops.alias_history WHERE model = 'species' ORDER BY since;
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_ann;
CALL mlops.run_due_jobs();
SELECT source = :'part' AS same_part FROM mlops.versions WHERE model = 'species' AND version = 3;
RESET ROLE;
SELECT action, object, outcome FROM mlops.audit WHERE action LIKE 'retrain%' AND object = 'species' ORDER BY event_id;
SET ROLE regress_mlops_ann;

-- governance: where promotions are approved, it asks for one
SELECT version FROM mlops.train('credit_risk', 'credit', 'status', 'logistic_regression', features => '{seniority,income}');
SELECT mlops.grant_model('credit_risk', 'regress_mlops_dan', 'approve');
SELECT revision > 0 AS set FROM mlops.set_policy('credit_risk', '{"required_approvals": 1, "four_eyes": false}');
SELECT metric FROM mlops.retrain_policy('credit_risk', 'drift', min_gain => -10, promote_alias => 'champion');
CALL mlops.run_due_jobs();
SELECT outcome FROM mlops.retrain_policies WHERE model = 'credit_risk';
RESET ROLE;
INSERT INTO mlops_private.alert (model_id, version, kind, subject, severity)
	SELECT model_id, v, k, s, x FROM mlops_private.model, (VALUES (1, 'drift', 'income', 'warning'), (7, 'drift', 'age', 'major'), (1, 'performance', 'auc', 'major')) a (v, k, s, x) WHERE name = 'credit_risk';
CALL retraining_test.look(); SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT outcome FROM mlops.retrain_policies WHERE model = 'credit_risk';
RESET ROLE;
UPDATE mlops_private.alert SET severity = 'major' WHERE subject = 'income';
CALL retraining_test.look(); SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT trigger, cause, champion, challenger, decision, request IS NOT NULL AS request FROM mlops.retrainings WHERE model = 'credit_risk';
SELECT version, alias, state FROM mlops.promotions WHERE model = 'credit_risk';
SELECT alias, version FROM mlops.aliases WHERE model = 'credit_risk';
SELECT stage FROM mlops.versions WHERE model = 'credit_risk' AND version = 2;
SET ROLE regress_mlops_dan;
SELECT a.state FROM mlops.promotions p, mlops.approve(p.request) a WHERE p.model = 'credit_risk';
SET ROLE regress_mlops_ann;
SELECT version FROM mlops.set_alias('credit_risk:2', 'champion');
-- the alert was seen before that training; when it is seen again, there is the cooldown
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT outcome FROM mlops.retrain_policies WHERE model = 'credit_risk';
RESET ROLE; UPDATE mlops_private.alert SET version = 2, last_seen = clock_timestamp() WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'credit_risk');
CALL retraining_test.look(); SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT outcome FROM mlops.retrain_policies WHERE model = 'credit_risk';
-- performance, without an alias: a request for the champion, which is protected
SELECT replaced FROM mlops.retrain_policy('credit_risk', 'performance', min_gain => -10, cooldown => '0');
CALL mlops.run_due_jobs();
SELECT trigger, cause, challenger, decision, request IS NOT NULL AS request FROM mlops.retrainings WHERE model = 'credit_risk' ORDER BY retraining DESC LIMIT 1;

-- budgets
SELECT trigger FROM mlops.retrain_policy('credit_risk', 'schedule', every => '1 day', budget => '{"rows": 1000}', start => now());
CALL mlops.run_due_jobs();
SELECT decision, reason, challenger FROM mlops.retrainings WHERE model = 'credit_risk' ORDER BY retraining DESC LIMIT 1;
SELECT subject, state FROM mlops.alerts WHERE model = 'credit_risk' AND kind = 'retraining';
SELECT trigger FROM mlops.retrain_policy('credit_risk', 'schedule', every => '1 day', budget => '{"runs_per_month": 2}', start => now());
CALL mlops.run_due_jobs();
SELECT outcome FROM mlops.retrain_policies WHERE model = 'credit_risk';
SELECT trigger FROM mlops.retrain_policy('credit_risk', 'schedule', every => '1 day', budget => '{"seconds": 0.2}', start => now(), time_column => 'day',
	source => 'SELECT *, date ''2020-01-01'' + id AS day, (SELECT sum(b.id) FROM credit a, credit b WHERE a.id + b.id < c.id) AS slow FROM credit c');
CALL mlops.run_due_jobs();
SELECT decision, reason FROM mlops.retrainings WHERE model = 'credit_risk' ORDER BY retraining DESC LIMIT 1;
SELECT pg_sleep(0.3);
SELECT trigger FROM mlops.retrain_policy('credit_risk', 'schedule', every => '1 day', source => 'SELECT * FROM credit WHERE id <= 100', start => now());
CALL mlops.run_due_jobs();
SELECT decision, reason ~ 'at least 30 of each' AS reason FROM mlops.retrainings WHERE model = 'credit_risk' ORDER BY retraining DESC LIMIT 1;

-- what changes in between: the source, its columns, rights
CREATE TABLE retraining_test.rows AS SELECT * FROM pima;
SELECT version FROM mlops.train('pima_risk', 'retraining_test.rows', 'diabetes', 'logistic_regression', features => '{glucose,age}');
GRANT SELECT ON retraining_test.rows TO regress_mlops_bob;
SELECT mlops.grant_model('pima_risk', 'regress_mlops_bob', 'train');
SET ROLE regress_mlops_bob;
SELECT trigger FROM mlops.retrain_policy('pima_risk', 'schedule', every => '1 day', promote_alias => 'champion');
SELECT trigger FROM mlops.retrain_policy('pima_risk', 'schedule', every => '1 day', min_gain => -10);
-- its owner is who made it: others cannot run it, whoever replaces it owns it
SET ROLE regress_mlops_ann;
SELECT owner, source FROM mlops.retrain_policies WHERE model = 'pima_risk';
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_bob;
CALL mlops.run_due_jobs();
SELECT decision, run_by FROM mlops.retrainings WHERE model = 'pima_risk';
SELECT trained_by, stage FROM mlops.versions WHERE model = 'pima_risk' AND version = 2;
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_ann; REVOKE SELECT ON retraining_test.rows FROM regress_mlops_bob;
SET ROLE regress_mlops_bob; CALL mlops.run_due_jobs();
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_ann; SELECT mlops.revoke_model('pima_risk', 'regress_mlops_bob', 'train');
SET ROLE regress_mlops_bob; CALL mlops.run_due_jobs();
SET ROLE regress_mlops_ann;
SELECT replaced FROM mlops.retrain_policy('pima_risk', 'schedule', every => '1 day', promote_alias => 'champion');
SELECT owner FROM mlops.retrain_policies WHERE model = 'pima_risk';
ALTER TABLE retraining_test.rows DROP COLUMN age;
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
DROP TABLE retraining_test.rows;
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT decision, reason, challenger FROM mlops.retrainings WHERE model = 'pima_risk' ORDER BY retraining;
SELECT outcome, failures FROM mlops.retrain_policies WHERE model = 'pima_risk';
-- deploy is asked for at every run
SELECT mlops.grant_model('species', 'regress_mlops_bob', p) FROM unnest('{train,deploy}'::text[]) p;
SET ROLE regress_mlops_bob;
SELECT replaced FROM mlops.retrain_policy('species', 'schedule', every => '1 day', promote_alias => 'champion', start => now());
SET ROLE regress_mlops_ann; SELECT mlops.revoke_model('species', 'regress_mlops_bob', 'deploy');
SET ROLE regress_mlops_bob; CALL mlops.run_due_jobs();
SELECT decision, reason FROM mlops.retrainings WHERE model = 'species' ORDER BY retraining DESC LIMIT 1;

-- who sees what
SET ROLE regress_mlops_eve;
SELECT count(*) FROM mlops.retrain_policies;
SELECT count(*) FROM mlops.retrainings;
SELECT mlops.retrain_policy('species', 'schedule', every => '1 day');
SELECT mlops.retrain_policy('absent', 'schedule', every => '1 day');
SELECT mlops.drop_retrain_policy('species');
SET ROLE regress_mlops_ann; SELECT mlops.grant_model('species', 'regress_mlops_eve', 'read');
SET ROLE regress_mlops_eve;
SELECT model, source, owner FROM mlops.retrain_policies;
SELECT count(*) > 2 AS seen FROM mlops.retrainings;

-- what is refused
SET ROLE regress_mlops_ann;
SELECT mlops.retrain_policy('rides', 'weather');
SELECT mlops.retrain_policy('rides', NULL);
SELECT mlops.retrain_policy('rides', 'schedule');
SELECT mlops.retrain_policy('rides', 'schedule', every => '1 hour');
SELECT mlops.retrain_policy('rides', 'schedule', every => '-1 hour', cooldown => '0');
SELECT mlops.retrain_policy('rides', 'drift', cooldown => '-1 day');
SELECT mlops.retrain_policy('rides', 'drift', "window" => '1 day');
SELECT mlops.retrain_policy('rides', 'drift', "window" => '0', time_column => 'day');
SELECT mlops.retrain_policy('rides', 'drift', time_column => 'temp');
SELECT mlops.retrain_policy('rides', 'drift', time_column => 'absent');
SELECT mlops.retrain_policy('rides', 'drift', metric => 'auc');
SELECT mlops.retrain_policy('species', 'drift', metric => 'auc');
SELECT mlops.retrain_policy('rides', 'drift', min_gain => 'NaN');
SELECT mlops.retrain_policy('rides', 'drift', holdout => 0.99);
SELECT mlops.retrain_policy('rides', 'drift', holdout => 'NaN');
SELECT mlops.retrain_policy('rides', 'new rows');
SELECT mlops.retrain_policy('rides', 'new rows', new_rows => 0);
SELECT mlops.retrain_policy('rides', 'drift', new_rows => 10);
SELECT mlops.retrain_policy('rides', 'drift', budget => '{"seconds": 0}');
SELECT mlops.retrain_policy('rides', 'drift', budget => '{"money": 1}');
SELECT mlops.retrain_policy('rides', 'drift', budget => NULL);
SELECT mlops.retrain_policy('rides', 'drift', promote_alias => 'Champion');
SELECT mlops.retrain_policy('rides', 'drift', 'absent');
SELECT mlops.retrain_policy('rides', 'drift', 'SELECT * FROM chicago LIMIT 100');
SELECT mlops.retrain_policy('rides', 'drift', 'SELECT * FROM chicago WHERE random() < 0.5');
SELECT mlops.retrain_policy('rides', 'drift', 'SELECT day, max(ridership) AS ridership FROM chicago GROUP BY day');
SELECT mlops.retrain_policy('rides', 'drift', 'DELETE FROM chicago');
SELECT trigger FROM mlops.retrain_policy('rides', 'schedule', 'SELECT * FROM chicago ORDER BY day DESC LIMIT 1000 -- the newest', every => '1 day', time_column => 'day', start => now());
CALL mlops.run_due_jobs();
SELECT rows_training + rows_holdout AS rows, data_from > '2013-12-01' AS newest FROM mlops.retrainings WHERE model = 'rides' ORDER BY retraining DESC LIMIT 1;
SELECT mlops.retrain_policy('rides:1', 'drift');
SELECT mlops.schedule('mine', 'retrain', '1 day', '{"model": "rides"}');
SELECT trigger FROM mlops.retrain_policies WHERE model = 'rides';

-- names that need quotes
CREATE TABLE retraining_test."Odd ""table" AS SELECT id AS "it's", glucose AS "a ""b""", age AS "SELECT", diabetes AS "y;", '2020-01-01'::timestamp + id * interval '1 hour' AS "when, ever" FROM pima;
SELECT version FROM mlops.train('odd', 'retraining_test."Odd ""table"', 'y;', 'logistic_regression', features => ARRAY['a "b"', 'SELECT']);
SELECT metric FROM mlops.retrain_policy('odd', 'schedule', every => '1 day', "window" => '20 days', time_column => 'when, ever', metric => 'auc', start => now());
SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Tokyo';
CALL mlops.run_due_jobs();
RESET datestyle; RESET timezone;
SELECT rows_training, rows_holdout, data_from AT TIME ZONE 'UTC' AS data_from, data_until AT TIME ZONE 'UTC' AS data_until FROM mlops.retrainings WHERE model = 'odd';
-- without a time column
SELECT metric FROM mlops.retrain_policy('odd', 'schedule', every => '1 day', start => now());
CALL mlops.run_due_jobs();
SELECT rows_training + rows_holdout AS rows, data_until FROM mlops.retrainings WHERE model = 'odd' ORDER BY retraining DESC LIMIT 1;

-- a monitor that finds drift asks for it, whatever the trigger
SELECT version FROM mlops.train('watched', 'SELECT i::float8 AS x, 2 * i AS y FROM generate_series(1, 2000) i', 'y', 'linear_regression');
CREATE TABLE retraining_test.shifted AS SELECT i::float8 AS x, 3 * i AS y FROM generate_series(3000, 5000) i;
SELECT on_drift FROM mlops.monitor('watched', "window" => '1 hour', on_drift => 'retrain');
SELECT trigger FROM mlops.retrain_policy('watched', 'schedule', 'retraining_test.shifted', every => '1 year');
SELECT count(s.value) FROM (SELECT (3000 + i)::float8 AS x, i FROM generate_series(1, 900) i) r,
       LATERAL mlops.score('watched', jsonb_build_object('x', r.x), r.i::text, date_trunc('hour', now()) - (3 + i % 3) * interval '1 hour') s;
SELECT raised > 0 AS raised FROM mlops.run_monitor('watched', now() + interval '2 days');
SELECT next_check <= clock_timestamp() AS asked FROM mlops.retrain_policies WHERE model = 'watched';
CALL mlops.run_due_jobs();
SELECT trigger, cause ~ '^alerts?: ' AS cause, champion, challenger, decision FROM mlops.retrainings WHERE model = 'watched';
SELECT next_check > clock_timestamp() + interval '300 days' AS as_before FROM mlops.retrain_policies WHERE model = 'watched';

-- the end of a policy: dropped, unscheduled, with its model
SELECT model, trigger FROM mlops.drop_retrain_policy('odd');
SELECT mlops.drop_retrain_policy('odd');
SELECT count(*) FROM mlops.jobs WHERE name LIKE 'retrain:odd%';
SELECT u.kind FROM mlops.jobs j, mlops.unschedule(j.name) u WHERE j.name LIKE 'retrain:pima%';
SELECT count(*) FROM mlops.retrain_policies WHERE model = 'pima_risk';
SELECT count(*) FROM mlops.rename_model('rides', 'journeys');
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT model, challenger, decision FROM mlops.retrainings WHERE model = 'journeys' ORDER BY retraining DESC LIMIT 1;
SELECT count(*) FROM mlops.drop_model('journeys');
RESET ROLE; CALL retraining_test.look(); SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT count(*) FROM mlops.jobs WHERE name LIKE 'retrain:rides%';
RESET ROLE;
SELECT DISTINCT action FROM mlops.audit WHERE action LIKE 'retrain%' ORDER BY 1;

SELECT count(mlops.drop_model(model)) FROM mlops.models WHERE model IN ('species', 'credit_risk', 'pima_risk', 'odd', 'watched');
DELETE FROM mlops_private.job WHERE kind = 'retrain';
DROP SCHEMA retraining_test CASCADE;
REVOKE SELECT ON chicago, penguins, credit, pima FROM PUBLIC;
DROP ROLE regress_mlops_ann, regress_mlops_bob, regress_mlops_dan, regress_mlops_eve;
