-- Monitors: windows of the prediction log judged, alerts raised and cleared, by rows of credit
-- with a drift put into them.

SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE ROLE regress_mlops_ann;
CREATE ROLE regress_mlops_bob;
CREATE ROLE regress_mlops_cat;
CREATE ROLE regress_mlops_dan;
CREATE SCHEMA monitors_test;
GRANT ALL ON SCHEMA monitors_test TO PUBLIC;
GRANT SELECT ON credit TO PUBLIC;

SET ROLE regress_mlops_ann;
-- all rows are trained on, so that SQL can say what the reference is
SELECT version, rows_used FROM mlops.train('monitors_m', 'SELECT * FROM credit', 'status', 'logistic_regression',
	features => '{seniority,home,age,marital,records,income,amount,price}', validation => '{"method": "none"}');
SELECT * FROM mlops.monitor('monitors_m') \gx
SELECT model, every, m."window", lateness, on_drift, owner, job, job_state, published_until, waiting, lag FROM mlops.monitors m WHERE model = 'monitors_m';
SELECT kind, arguments, every FROM mlops.jobs WHERE name = 'monitor:monitors_m';
-- what is not named stays
SELECT revision, m."window", thresholds ->> 'no_data' AS no_data, thresholds ->> 'low_n' AS low_n, segments FROM mlops.monitor('monitors_m', thresholds => '{"no_data": "2 days", "low_n": 150}', segments => '{home,variant}') m;
SELECT revision, every, thresholds ->> 'no_data' AS no_data, segments FROM mlops.monitor('monitors_m', every => '10 minutes');
SELECT count(*), min(every) FROM mlops.jobs WHERE kind = 'monitor';

-- what is refused
SELECT mlops.monitor('monitors_m:1');
SELECT mlops.monitor('monitors_absent');
SELECT mlops.monitor(NULL);
SELECT mlops.monitor('monitors_m', every => '0.1 second');
SELECT mlops.monitor('monitors_m', "window" => '1 month');
SELECT mlops.monitor('monitors_m', "window" => '59 seconds');
SELECT mlops.monitor('monitors_m', lateness => '-1 second');
SELECT mlops.monitor('monitors_m', on_drift => 'panic');
SELECT mlops.monitor('monitors_m', segments => '{income}');
SELECT mlops.monitor('monitors_m', segments => '{home,NULL}');
SELECT mlops.monitor('monitors_m', thresholds => '[]');
SELECT mlops.monitor('monitors_m', thresholds => '{"psi": 1}');
SELECT mlops.monitor('monitors_m', thresholds => '{"psi_warning": 0.5}');
SELECT mlops.monitor('monitors_m', thresholds => '{"epsilon": 0}');
SELECT mlops.monitor('monitors_m', thresholds => '{"low_n": 1.5}');
SELECT mlops.monitor('monitors_m', thresholds => '{"raise_after": 0}');
SELECT mlops.monitor('monitors_m', thresholds => '{"no_data": 3600}');
SELECT mlops.monitor('monitors_m', thresholds => '{"no_data": "1 month"}');
SELECT mlops.monitor('monitors_m', thresholds => '{"performance": {"roc": {"min": 0.5}}}');
SELECT mlops.monitor('monitors_m', thresholds => '{"performance": {"auc": 0.5}}');
SELECT mlops.monitor('monitors_m', thresholds => '{"performance": {"auc": {"least": 0.5}}}');
SELECT mlops.run_monitor('monitors_absent');
SELECT mlops.run_monitor('monitors_m', 'infinity');
SELECT revision FROM mlops.monitors WHERE model = 'monitors_m';
BEGIN READ ONLY;
SELECT mlops.run_monitor('monitors_m');
ROLLBACK;

-- 300 rows a day; from the 9th to the 12th income is halved and a quarter of the homes is not known
CREATE TABLE monitors_test.rows AS
SELECT d AS day, k.n, to_jsonb(k) - 'n' - 'id' AS features, k.id
  FROM generate_series(1, 16) d,
       LATERAL (SELECT row_number() OVER (ORDER BY md5(d || ' ' || c.id)) AS n, c.id, c.seniority,
                       CASE WHEN d BETWEEN 9 AND 12 AND c.id % 4 = 0 THEN NULL ELSE c.home END AS home,
                       c.age, c.marital, c.records, CASE WHEN d BETWEEN 9 AND 12 THEN c.income / 2 ELSE c.income END AS income,
                       c.amount, c.price
                  FROM credit c ORDER BY 1 LIMIT 300) k;
CREATE FUNCTION monitors_test.score(from_day integer, to_day integer) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(mlops.score('monitors_m', r.features, 'k' || r.day || ' ' || r.n, timestamptz '2026-02-28 UTC' + r.day * interval '1 day' + r.n * interval '4 minutes'))
	  FROM monitors_test.rows r WHERE r.day BETWEEN from_day AND to_day $$;
SELECT monitors_test.score(1, 8);
-- the last day is over, but rows may still come; a rollback leaves nothing
BEGIN;
SELECT rows, windows FROM mlops.run_monitor('monitors_m', '2026-03-09 00:30 UTC');
ROLLBACK;
SELECT * FROM mlops.run_monitor('monitors_m', '2026-03-09 00:30 UTC');
SELECT * FROM mlops.run_monitor('monitors_m', '2026-03-09 00:30 UTC');
SELECT * FROM mlops.run_monitor('monitors_m', '2026-03-09 01:00 UTC');
SELECT waiting, lag, published_until, last_row FROM mlops.monitors WHERE model = 'monitors_m';
SELECT window_start, status, severity, share, rows, late, revision FROM mlops.drift_windows WHERE model = 'monitors_m' ORDER BY window_start;
SELECT count(*) FROM mlops.alerts WHERE model = 'monitors_m';
-- rows that come after their window was judged are kept apart
SELECT version FROM mlops.score('monitors_m', (SELECT features FROM monitors_test.rows WHERE day = 3 AND n = 1), 'late', '2026-03-03 12:00 UTC');
SELECT rows, late, windows FROM mlops.run_monitor('monitors_m', '2026-03-09 01:00 UTC');
SELECT window_start, rows, late FROM mlops.drift_windows WHERE model = 'monitors_m' AND late > 0;

-- one bad window is not enough
SELECT monitors_test.score(9, 9);
SELECT windows, raised FROM mlops.run_monitor('monitors_m', '2026-03-10 01:00 UTC');
SELECT severity FROM mlops.drift_windows WHERE model = 'monitors_m' AND window_start = '2026-03-09 UTC';
SELECT feature, method, severity FROM mlops.drift_report WHERE model = 'monitors_m' AND window_start = '2026-03-09 UTC' AND baseline = 'training' AND severity <> 'none' ORDER BY feature;
-- two are
SELECT monitors_test.score(10, 10);
SELECT windows, raised FROM mlops.run_monitor('monitors_m', '2026-03-11 01:00 UTC');
SELECT kind, subject, version, severity, state, seen, method, threshold, window_start FROM mlops.alerts WHERE model = 'monitors_m' ORDER BY kind, subject;
-- and it is said once
SELECT monitors_test.score(11, 12);
SELECT windows, raised, cleared FROM mlops.run_monitor('monitors_m', '2026-03-13 01:00 UTC');
SELECT kind, subject, severity, state, seen FROM mlops.alerts WHERE model = 'monitors_m' ORDER BY kind, subject;
-- it is over after two good windows
SELECT monitors_test.score(13, 13);
SELECT windows, raised, cleared FROM mlops.run_monitor('monitors_m', '2026-03-14 01:00 UTC');
SELECT monitors_test.score(14, 14);
SELECT windows, raised, cleared FROM mlops.run_monitor('monitors_m', '2026-03-15 01:00 UTC');
SELECT kind, subject, severity, state FROM mlops.alerts WHERE model = 'monitors_m' ORDER BY kind, subject;

-- the numbers, by SQL: PSI of a category, D of a number, shares of missing values
CREATE VIEW monitors_test.psi AS
SELECT day, sum((c - r) * ln(c / r)) AS psi
  FROM (SELECT d.day, v.home,
               greatest((SELECT count(*) FILTER (WHERE t.home IS NOT DISTINCT FROM v.home) FROM credit t)::float8 / (SELECT count(*) FROM credit), 1e-4) AS r,
               greatest(count(*) FILTER (WHERE d.features ->> 'home' IS NOT DISTINCT FROM v.home)::float8 / count(*), 1e-4) AS c
          FROM monitors_test.rows d, (SELECT DISTINCT home FROM credit) v
         GROUP BY d.day, v.home) s
 GROUP BY day;
SELECT r.window_start::date AS day, abs(r.value - p.psi) < 1e-9 AS same, r.severity
  FROM mlops.drift_report r JOIN monitors_test.psi p ON r.window_start = timestamptz '2026-02-28 UTC' + p.day * interval '1 day'
 WHERE r.model = 'monitors_m' AND r.feature = 'home' AND r.baseline = 'training' ORDER BY 1;
SELECT r.window_start::date AS day, d.d BETWEEN (r.detail ->> 'ks_low')::float8 - 1e-12 AND (r.detail ->> 'ks_high')::float8 + 1e-12 AS bracketed
  FROM mlops.drift_report r,
       LATERAL (SELECT max(abs((SELECT count(*) FILTER (WHERE a.income <= x.v)::float8 / count(a.income) FROM credit a)
                             - (SELECT count(*) FILTER (WHERE (b.features ->> 'income')::integer <= x.v)::float8 / count(b.features ->> 'income') FROM monitors_test.rows b WHERE b.day = o.day))) AS d
                  FROM (SELECT (r.window_start::date - date '2026-02-28') AS day) o,
                       (SELECT DISTINCT income AS v FROM credit UNION SELECT DISTINCT income / 2 FROM credit) x) d
 WHERE r.model = 'monitors_m' AND r.feature = 'income' AND r.baseline = 'training' AND r.window_start IN ('2026-03-05 UTC', '2026-03-10 UTC') ORDER BY 1;
SELECT bool_and(r.missing = m.share) AS same, count(*)
  FROM mlops.drift_report r
  JOIN (SELECT timestamptz '2026-02-28 UTC' + day * interval '1 day' AS start, f.name, count(*) FILTER (WHERE features -> f.name = 'null')::float8 / count(*) AS share
          FROM monitors_test.rows, (VALUES ('home'), ('income'), ('marital')) f (name) GROUP BY 1, 2) m ON m.start = r.window_start AND m.name = r.feature
 WHERE r.model = 'monitors_m';
-- p values are adjusted among the features of a window: the smallest at most times their number, never less than p
SELECT bool_and(p_adjusted >= p AND p_adjusted <= least(1, p * 8) OR kind <> 'feature') AS adjusted FROM mlops.drift_report WHERE model = 'monitors_m' AND baseline = 'training';
-- the window before is what "previous" says
SELECT DISTINCT window_start - (detail ->> 'since')::timestamptz AS back FROM mlops.drift_report WHERE model = 'monitors_m' AND baseline = 'previous';
SELECT definitions - 'thresholds' AS definitions, definitions -> 'thresholds' -> 'low_n' AS low_n FROM mlops.drift_windows WHERE model = 'monitors_m' ORDER BY window_start LIMIT 1;

-- nothing for two days
SELECT raised FROM mlops.run_monitor('monitors_m', '2026-03-16 19:59 UTC');
SELECT raised FROM mlops.run_monitor('monitors_m', '2026-03-17 00:00 UTC');
SELECT kind, version, state, value >= threshold AS beyond FROM mlops.alerts WHERE model = 'monitors_m' AND kind = 'no_data';
SELECT monitors_test.score(15, 16);
SELECT windows, cleared FROM mlops.run_monitor('monitors_m', '2026-03-17 01:00 UTC');
-- other thresholds hold for windows to come
SELECT revision FROM mlops.monitor('monitors_m', thresholds => '{"psi_major": 0.25, "latency_ms": 0, "raise_after": 1}');
SELECT revision, count(*) FROM mlops.drift_windows WHERE model = 'monitors_m' GROUP BY 1;
-- another width: from the beginning; and with windows of too few rows, which count together
SELECT revision, lateness FROM mlops.monitor('monitors_m', "window" => '3 hours', thresholds => '{"low_n": 150}');
SELECT count(*) FROM mlops.drift_windows WHERE model = 'monitors_m';
SELECT rows, windows, more FROM mlops.run_monitor('monitors_m', '2026-03-30 UTC');
SELECT window_start, status, severity, rows, definitions ->> 'windows' AS windows, definitions ->> 'rows_judged' AS judged FROM mlops.drift_windows WHERE model = 'monitors_m' ORDER BY window_start LIMIT 9;
SELECT status, min(r.rows), max(r.rows) FROM mlops.drift_report r WHERE model = 'monitors_m' AND baseline = 'training' AND feature = 'age' GROUP BY 1 ORDER BY 1;
-- as many steps as it takes come to the same as one
CREATE TEMP TABLE at_once AS SELECT version, window_start, feature, baseline, value, severity FROM mlops.drift_report WHERE model = 'monitors_m';
SELECT kind, subject, severity, state, seen FROM mlops.alerts WHERE model = 'monitors_m' AND kind <> 'no_data' AND alert > (SELECT max(alert) FROM mlops.alerts WHERE kind = 'no_data') ORDER BY kind, subject;
SELECT revision FROM mlops.monitor('monitors_m', "window" => '6 hours');
SELECT revision FROM mlops.monitor('monitors_m', "window" => '3 hours');
SELECT sum(windows) AS windows FROM generate_series(timestamptz '2026-03-01 UTC', '2026-03-18', '17 hours') t, LATERAL mlops.run_monitor('monitors_m', t);
SELECT count(*) AS differ FROM (SELECT version, window_start, feature, baseline, value, severity FROM mlops.drift_report WHERE model = 'monitors_m' EXCEPT SELECT * FROM at_once) x;
SELECT (SELECT count(*) FROM at_once) - (SELECT count(*) FROM mlops.drift_report WHERE model = 'monitors_m') AS fewer;

-- a rule that is taken back takes its alert along; open ones are not forgotten by another width
SELECT revision FROM mlops.monitor('monitors_m', "window" => '1 day', thresholds => '{"low_n": 150, "latency_ms": 0, "raise_after": 1}');
SELECT rows, windows FROM mlops.run_monitor('monitors_m', '2026-03-18 UTC');
SELECT kind, subject, severity, state, method, seen FROM mlops.alerts WHERE model = 'monitors_m' AND state = 'open' ORDER BY kind, subject;
SELECT kind, feature, baseline, value >= 0 AS measured, threshold, severity, status, detail FROM mlops.drift_report WHERE model = 'monitors_m' AND window_start = '2026-03-02 UTC' AND baseline = 'rule';
SELECT revision FROM mlops.monitor('monitors_m', thresholds => '{"low_n": 150, "raise_after": 1}');
SELECT kind, state FROM mlops.alerts WHERE model = 'monitors_m' AND kind = 'latency';

-- outcomes: the model is worse in March's last days, in one kind of home it always was; the rule looks ahead, not back
SELECT revision FROM mlops.monitor('monitors_m', thresholds => '{"low_n": 150, "performance": {"auc": {"min": 0.65}, "accuracy": {"min": 0.1, "max": 0.999}}, "performance_delay": "3 days", "performance_rows": 50}', segments => '{home}');
SELECT windows FROM mlops.run_monitor('monitors_m', '2026-03-30 UTC');
SELECT count(*) FROM mlops.drift_report WHERE model = 'monitors_m' AND kind = 'performance' AND window_start < '2026-03-14 UTC';
SELECT DISTINCT status FROM mlops.drift_report WHERE model = 'monitors_m' AND kind = 'performance';
-- from the beginning
SELECT revision FROM mlops.monitor('monitors_m', "window" => '12 hours');
SELECT revision FROM mlops.monitor('monitors_m', "window" => '1 day');
SELECT sum(o.n) FROM (SELECT count(mlops.record_outcome('monitors_m', 'k' || r.day || ' ' || r.n, CASE WHEN r.day BETWEEN 5 AND 8 AND r.n % 3 > 0 THEN CASE c.status WHEN 'good' THEN 'bad' ELSE 'good' END ELSE c.status END)) AS n
                        FROM monitors_test.rows r JOIN credit c USING (id) WHERE r.day <= 12 AND (r.day <> 2 OR r.n < 30)) o;
SELECT windows FROM mlops.run_monitor('monitors_m', '2026-03-09 01:00 UTC');
SELECT max(window_start) FROM mlops.drift_report WHERE model = 'monitors_m' AND kind = 'performance';
SELECT windows FROM mlops.run_monitor('monitors_m', '2026-03-30 UTC');
SELECT window_start::date, feature, severity, status, rows, detail FROM mlops.drift_report
 WHERE model = 'monitors_m' AND kind = 'performance' AND window_start < '2026-03-08 UTC' AND feature !~ 'accuracy' ORDER BY window_start, feature;
SELECT window_start::date, feature, round(value::numeric, 4) AS value, severity, status FROM mlops.drift_report WHERE model = 'monitors_m' AND kind = 'performance' AND window_start BETWEEN '2026-03-08' AND '2026-03-13' ORDER BY window_start, feature;
SELECT window_start::date, status, rows FROM mlops.drift_report WHERE model = 'monitors_m' AND feature = 'accuracy' AND window_start > '2026-03-11 UTC' ORDER BY 1;
-- as mlops.performance() says
SELECT bool_and(r.value = p.value AND r.rows = p.rows) AS same, count(*) FROM mlops.drift_report r
  JOIN mlops.performance('monitors_m', '2026-03-01 UTC', '2026-03-13 UTC', "window" => '1 day') p ON p.window_start = r.window_start AND p.metric = r.feature AND r.kind = 'performance'
 WHERE r.model = 'monitors_m' AND r.window_start <> '2026-03-02 UTC' AND r.window_start < '2026-03-13 UTC';
SELECT subject, severity, state, method, threshold, window_start, value < threshold AS below FROM mlops.alerts WHERE model = 'monitors_m' AND kind = 'performance' ORDER BY alert;

-- a successor: alerts of the version that is not used any more are over, and it raises none
SELECT revision FROM mlops.monitor('monitors_m', "window" => '12 hours', thresholds => '{"low_n": 100, "clear_after": 100}');
SELECT windows, raised > 0 AS raised FROM mlops.run_monitor('monitors_m', '2026-03-12 UTC');
SELECT version, kind, subject, state FROM mlops.alerts WHERE model = 'monitors_m' AND state = 'open' ORDER BY kind, subject;
SELECT version FROM mlops.train('monitors_m', 'SELECT * FROM credit', 'status', 'decision_tree', alias => 'champion',
	features => '{seniority,home,age,marital,records,income,amount,price}', options => '{"max_depth": 3}');
SELECT windows, raised, cleared > 0 AS cleared FROM mlops.run_monitor('monitors_m', '2026-03-18 UTC');
SELECT DISTINCT state FROM mlops.alerts WHERE model = 'monitors_m';
-- one that an alias still names goes on
SELECT version FROM mlops.set_alias('monitors_m:1', 'fallback');
SELECT monitors_test.score(9, 12);
SELECT revision FROM mlops.monitor('monitors_m', "window" => '1 day', thresholds => '{"low_n": 150, "raise_after": 3}');
SELECT windows FROM mlops.run_monitor('monitors_m', '2026-03-18 UTC');
SELECT version, status, severity, share, rows FROM mlops.drift_windows WHERE model = 'monitors_m' AND window_start = '2026-03-11 UTC' ORDER BY version;
-- the tree asks little but seniority, income and records: major drift of a feature that matters is the model's
SELECT feature, severity FROM mlops.drift_report WHERE model = 'monitors_m' AND version = 2 AND window_start = '2026-03-11 UTC' AND baseline = 'training' AND severity <> 'none' ORDER BY 1;
SELECT version, kind, subject, state FROM mlops.alerts WHERE model = 'monitors_m' AND state = 'open' AND kind IN ('drift', 'model_drift') ORDER BY version, kind, subject;

-- rows from long ago: windows are those that have rows
SELECT version FROM mlops.train('monitors_old', 'SELECT x, 2 * x AS y FROM generate_series(1, 500) x', 'y', 'linear_regression');
SELECT m."window" FROM mlops.monitor('monitors_old', "window" => '1 minute') m;
SELECT version FROM mlops.score('monitors_old', '{"x": 1}'::jsonb, at => '1996-02-29 12:00 UTC');
SELECT version FROM mlops.score('monitors_old', '{"x": 1}'::jsonb, at => '2026-02-28 12:00 UTC');
SELECT rows, windows, published_until, more FROM mlops.run_monitor('monitors_old');

-- by job: once, as its owner; what it did is told
SELECT version FROM mlops.score('monitors_old', '{"x": 1}'::jsonb, at => now() - interval '10 minutes');
CALL mlops.run_due_jobs();
SELECT name, state, rows, detail FROM mlops.job_runs WHERE name = 'monitor:monitors_old';
SELECT windows FROM mlops.run_monitor('monitors_old');
-- whatever the model is called by then
SELECT mlops.rename_model('monitors_old', 'monitors_new') IS NOT NULL AS renamed;
RESET ROLE;
UPDATE mlops_private.job SET next_due = now() WHERE name = 'monitor:monitors_old';
SET ROLE regress_mlops_ann;
CALL mlops.run_due_jobs();
SELECT state, rows FROM mlops.job_runs WHERE name = 'monitor:monitors_old' ORDER BY run;
-- its name is taken by the first
SELECT version FROM mlops.train('monitors_old', 'SELECT x, 2 * x AS y FROM generate_series(1, 50) x', 'y', 'linear_regression');
SELECT job ~ '^monitor:monitors_old:[0-9]+$' AS numbered FROM mlops.monitor('monitors_old');
-- one of one's own making
SELECT kind FROM mlops.schedule('mine', 'monitor', '1 day', '{"model": "monitors_new"}');
SELECT mlops.schedule('wrong', 'monitor', '1 day', '{"model": "monitors_absent"}');
SELECT mlops.schedule('wrong', 'monitor', '1 day', '{}');
SELECT mlops.schedule('wrong', 'monitor', '1 day', '{"model": "monitors_new", "as_of": "2020-01-01"}');
-- a job that was removed is planned anew
SELECT name FROM mlops.unschedule('monitor:monitors_old');
SELECT owner, job FROM mlops.monitors WHERE model = 'monitors_new';
SELECT job FROM mlops.monitor('monitors_new');
-- models that go take theirs along
SELECT mlops.drop_model('monitors_old') IS NOT NULL AS dropped;
SELECT name FROM mlops.jobs WHERE kind = 'monitor' ORDER BY name COLLATE "C";

-- false alarms and detection, small (bench/false_alarms.sh is large): 60 windows of 500 rows in which nothing
-- changes, and 10 times two windows of 2,000 in which one of four features moves by half its deviation
CREATE FUNCTION monitors_test.normal(i bigint, c bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT ((h & 2097151) + ((h >> 21) & 2097151) + ((h >> 42) & 2097151)) / 1048575.5::float8 - 3 FROM hashint8extended(i, c) h $$;
SELECT version FROM mlops.train('monitors_quiet', 'SELECT a, b, c, d, a + b + c + d AS y FROM (SELECT monitors_test.normal(i, 1) AS a, monitors_test.normal(i, 2) AS b,
	monitors_test.normal(i, 3) AS c, monitors_test.normal(i, 4) AS d FROM generate_series(1, 20000) i) r', 'y', 'linear_regression');
SELECT m."window" FROM mlops.monitor('monitors_quiet', "window" => '1 minute', lateness => '0') m;
SELECT count(mlops.score('monitors_quiet', ARRAY[monitors_test.normal(i, 1), monitors_test.normal(i, 2), monitors_test.normal(i, 3), monitors_test.normal(i, 4)],
	at => timestamptz '2026-01-01 UTC' + (i - 100000) / 500 * interval '1 minute')) AS scored FROM generate_series(100000, 100000 + 60 * 500 - 1) i;
SELECT windows, raised FROM mlops.run_monitor('monitors_quiet', '2026-01-02 UTC');
SELECT count(mlops.score('monitors_quiet', ARRAY[monitors_test.normal(i, 1) + CASE WHEN w / 2 % 4 = 0 THEN 0.5 ELSE 0 END, monitors_test.normal(i, 2) + CASE WHEN w / 2 % 4 = 1 THEN 0.5 ELSE 0 END,
	monitors_test.normal(i, 3) + CASE WHEN w / 2 % 4 = 2 THEN 0.5 ELSE 0 END, monitors_test.normal(i, 4) + CASE WHEN w / 2 % 4 = 3 THEN 0.5 ELSE 0 END],
	at => timestamptz '2026-01-03 UTC' + w * interval '1 minute')) AS scored FROM generate_series(1000000, 1000000 + 20 * 2000 - 1) i, LATERAL (SELECT (i - 1000000) / 2000 AS w) x;
SELECT windows FROM mlops.run_monitor('monitors_quiet', '2026-01-04 UTC');
SELECT kind, count(*) FROM mlops.alerts WHERE model = 'monitors_quiet' AND kind = 'drift' AND severity = 'major' GROUP BY 1;
SELECT mlops.drop_model('monitors_quiet') IS NOT NULL AS dropped;

-- who may what
SELECT mlops.grant_model('monitors_m', 'regress_mlops_cat', 'read');
SELECT mlops.grant_model('monitors_m', 'regress_mlops_dan', 'logs');
SELECT mlops.grant_model('monitors_m', 'regress_mlops_dan', 'read');
SET ROLE regress_mlops_bob;
SELECT mlops.monitor('monitors_m');
SELECT mlops.run_monitor('monitors_m');
SELECT mlops.unmonitor('monitors_m');
SELECT (SELECT count(*) FROM mlops.monitors), (SELECT count(*) FROM mlops.drift_windows), (SELECT count(*) FROM mlops.drift_report);
SET ROLE regress_mlops_cat;
SELECT mlops.monitor('monitors_m');
SELECT mlops.run_monitor('monitors_m');
SELECT mlops.unmonitor('monitors_m');
SELECT model, owner FROM mlops.monitors;
SELECT count(DISTINCT window_start) > 10 AS windows, count(*) > 100 AS results FROM mlops.drift_report;
-- who sets it from now on runs it
SET ROLE regress_mlops_dan;
SELECT job, revision FROM mlops.monitor('monitors_m', every => '2 hours');
SELECT name, owner FROM mlops.jobs WHERE kind = 'monitor';
CALL mlops.run_due_jobs();
SELECT state, sqlstate FROM mlops.job_runs;
SET ROLE regress_mlops_ann;
SELECT owner, job FROM mlops.monitors WHERE model = 'monitors_m';
SELECT count(*) FROM mlops.jobs WHERE name = 'monitor:monitors_m';
SELECT mlops.revoke_model('monitors_m', 'regress_mlops_dan', 'logs');
RESET ROLE;
UPDATE mlops_private.job SET next_due = now() WHERE name = 'monitor:monitors_m';
SET ROLE regress_mlops_dan;
\set VERBOSITY terse
CALL mlops.run_due_jobs();
\set VERBOSITY default
SELECT state, sqlstate FROM mlops.job_runs ORDER BY run;
SET ROLE regress_mlops_ann;
SELECT mlops.unmonitor('monitors_m');
SELECT mlops.unmonitor('monitors_m');
SELECT mlops.run_monitor('monitors_m');
SELECT count(*) FROM mlops.jobs WHERE name = 'monitor:monitors_m';
SELECT DISTINCT state FROM mlops.alerts WHERE model = 'monitors_m' ORDER BY 1;
SELECT (SELECT count(*) FROM mlops.drift_windows WHERE model = 'monitors_m') AS windows, (SELECT count(*) > 0 FROM mlops.predictions WHERE model = 'monitors_m') AS log;
RESET ROLE;
SELECT action, object, payload - 'thresholds' AS payload FROM mlops.audit WHERE action ~ '^monitor\.' AND object = 'monitors_new' ORDER BY event_id;
SELECT action, count(*) FROM mlops.audit WHERE action ~ '^monitor\.' AND object = 'monitors_m' GROUP BY 1 ORDER BY 1;

SELECT name FROM mlops.unschedule('mine');
SELECT sum((mlops.drop_model(model)).versions) AS versions FROM (VALUES ('monitors_m'), ('monitors_new')) AS m (model);
SELECT (SELECT count(*) FROM mlops_private.monitor) + (SELECT count(*) FROM mlops_private.log_window) + (SELECT count(*) FROM mlops_private.monitor_window)
     + (SELECT count(*) FROM mlops_private.drift_result) + (SELECT count(*) FROM mlops_private.job WHERE kind = 'monitor') AS left_behind;
DROP TABLE at_once;
DROP SCHEMA monitors_test CASCADE;
REVOKE SELECT ON credit FROM PUBLIC;
DROP ROLE regress_mlops_ann, regress_mlops_bob, regress_mlops_cat, regress_mlops_dan;
