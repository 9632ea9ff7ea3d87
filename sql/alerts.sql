-- Alerts: once for as long as it lasts; acknowledged, closed, silenced; on jobs; kept for a year.

SET client_min_messages = warning;
SELECT coalesce(max(event_id), 0) AS before FROM mlops.audit \gset
CREATE ROLE regress_mlops_ann;
CREATE ROLE regress_mlops_reader;
CREATE ROLE regress_mlops_logs;
CREATE ROLE regress_mlops_nobody;
CREATE SCHEMA alerts_test;
GRANT ALL ON SCHEMA alerts_test TO PUBLIC;
CREATE TABLE alerts_test.rows AS SELECT x, 2 * x AS y FROM generate_series(1, 40) x;
GRANT SELECT ON alerts_test.rows TO PUBLIC;
SET ROLE regress_mlops_ann;
SELECT version FROM mlops.train('alerts_m', 'alerts_test.rows', 'y', 'linear_regression');
SELECT changed FROM mlops.grant_model('alerts_m', 'regress_mlops_reader', 'read');
SELECT changed FROM mlops.grant_model('alerts_m', 'regress_mlops_logs', 'logs');
SELECT changed FROM mlops.grant_model('alerts_m', 'regress_mlops_logs', 'read');

-- a rule of one's own: the same again is counted, another one is another
SELECT * FROM mlops.raise_alert('alerts_m', 'rows of today');
SELECT * FROM mlops.raise_alert('alerts_m', 'rows of today', value => 12, threshold => 100);
SELECT is_new FROM mlops.raise_alert('alerts_m', 'other', 'major');
SELECT model, version, kind, subject, severity, state, value, threshold, seen, silenced
  FROM mlops.alerts WHERE model = 'alerts_m' ORDER BY alert;
SELECT alert AS a FROM mlops.alerts WHERE subject = 'rows of today' \gset
SELECT alert AS b FROM mlops.alerts WHERE subject = 'other' \gset

-- somebody knows; the same again changes nothing, a worse one is open again, a better one is not
SELECT alert = :a AS same, model, version, kind, subject, state, at >= now() AS now FROM mlops.acknowledge_alert(:a, 'a holiday');
SELECT is_new FROM mlops.raise_alert('alerts_m', 'rows of today');
SELECT severity, state, acknowledged IS NOT NULL AS acknowledged, acknowledged_by, note, seen FROM mlops.alerts WHERE alert = :a;
SELECT is_new FROM mlops.raise_alert('alerts_m', 'rows of today', 'major');
SELECT severity, state, acknowledged IS NOT NULL AS acknowledged, acknowledged_by, note, seen FROM mlops.alerts WHERE alert = :a;
SELECT state FROM mlops.acknowledge_alert(:a);
SELECT is_new FROM mlops.raise_alert('alerts_m', 'rows of today', 'warning');
SELECT severity, state, acknowledged_by, note, seen FROM mlops.alerts WHERE alert = :a;

-- over: by the rule, and because somebody says so; then it is a new one
SELECT * FROM mlops.clear_alert('alerts_m', 'rows of today');
SELECT * FROM mlops.clear_alert('alerts_m', 'rows of today');
SELECT is_new FROM mlops.raise_alert('alerts_m', 'rows of today');
SELECT subject, state FROM mlops.close_alert(:b, 'that was a test');
SELECT subject, severity, state, acknowledged_by, note, closed IS NOT NULL AS closed FROM mlops.alerts WHERE model = 'alerts_m' ORDER BY alert;
\set VERBOSITY sqlstate
SELECT mlops.acknowledge_alert(:b);
SELECT mlops.close_alert(:b);
\set VERBOSITY default

-- what cannot be
SELECT mlops.raise_alert('alerts_m', 'x', 'none');
SELECT mlops.raise_alert('alerts_m', '');
SELECT mlops.raise_alert('alerts_m', repeat('x', 201));
SELECT mlops.raise_alert('alerts_m', NULL);
SELECT mlops.raise_alert(NULL, 'x');
SELECT mlops.raise_alert('alerts_m@champion', 'x');
SELECT mlops.raise_alert('alerts_absent', 'x');
SELECT mlops.acknowledge_alert(0);
SELECT mlops.acknowledge_alert(NULL);
SELECT mlops.acknowledge_alert(:a, repeat('x', 10001));
SELECT mlops.silence_alerts('alerts_m', 'noise');
SELECT mlops.silence_alerts('alerts_m', 'custom', repeat('x', 501));
SELECT mlops.silence_alerts('alerts_m', until => now() - interval '1 second');
SELECT mlops.silence_alerts('alerts_m', until => NULL);
SELECT mlops.silence_alerts('alerts_m', note => repeat('x', 10001));
BEGIN READ ONLY;
\set VERBOSITY sqlstate
SELECT mlops.raise_alert('alerts_m', 'x');
\set VERBOSITY default
ROLLBACK;

-- silenced: what, and what not
SELECT model, kind, subject, until > now() + interval '23 hours' AS a_day FROM mlops.silence_alerts('alerts_m', 'custom', 'quiet');
SELECT kind, subject, until FROM mlops.silence_alerts('alerts_m', 'custom', 'quiet', 'infinity', 'for good');
SELECT kind, subject FROM mlops.silence_alerts('alerts_m', 'drift', until => now() + interval '1 hour');
SELECT model, kind, subject, until = 'infinity' AS for_good, silenced_by, note FROM mlops.alert_silences WHERE model = 'alerts_m' ORDER BY kind, subject;
SELECT is_new FROM mlops.raise_alert('alerts_m', 'quiet');
SELECT subject, silenced FROM mlops.alerts WHERE model = 'alerts_m' AND closed IS NULL ORDER BY alert;
SELECT * FROM mlops.unsilence_alerts('alerts_m', 'custom', 'loud');
SELECT * FROM mlops.unsilence_alerts('alerts_m', 'custom');
SELECT * FROM mlops.unsilence_alerts('alerts_m', subject => 'quiet');
SELECT kind FROM mlops.silence_alerts('alerts_m');
SELECT * FROM mlops.unsilence_alerts('alerts_m');
SELECT subject, silenced FROM mlops.alerts WHERE model = 'alerts_m' AND closed IS NULL ORDER BY alert;

-- who sees them, and who may
SET ROLE regress_mlops_reader;
SELECT count(*) FROM mlops.alerts WHERE model = 'alerts_m';
\set VERBOSITY sqlstate
SELECT mlops.acknowledge_alert(:a);
SELECT mlops.silence_alerts('alerts_m');
SELECT mlops.raise_alert('alerts_m', 'x');
\set VERBOSITY default
SET ROLE regress_mlops_nobody;
SELECT count(*) FROM mlops.alerts;
SELECT count(*) FROM mlops.alert_silences;
\set VERBOSITY sqlstate
SELECT mlops.acknowledge_alert(:a);
SELECT mlops.close_alert(:a);
SELECT mlops.acknowledge_alert(-1);
SELECT mlops.unsilence_alerts('alerts_m');
SELECT mlops.clear_alert('alerts_m', 'x');
\set VERBOSITY default
SET ROLE regress_mlops_logs;
SELECT subject, state FROM mlops.acknowledge_alert((SELECT alert FROM mlops.alerts WHERE subject = 'quiet'));
SELECT subject, acknowledged_by FROM mlops.alerts WHERE state = 'acknowledged';
SET ROLE regress_mlops_ann;

-- a job that is suspended, of a model; another one's is nobody's alert
SELECT count(*) FROM mlops.schedule('nightly', 'train', '1 day', '{"model": "alerts_m", "source": "alerts_test.gone", "target": "y"}', now() - interval '1 hour');
SELECT count(*) FROM mlops.schedule('first', 'train', '1 day', '{"model": "alerts_none", "source": "alerts_test.gone", "target": "y"}', now() - interval '1 hour');
RESET ROLE;
UPDATE mlops_private.job SET failures = 9 WHERE name IN ('nightly', 'first');
SET ROLE regress_mlops_ann;
SET client_min_messages = error;
CALL mlops.run_due_jobs();
SET client_min_messages = warning;
SELECT name, state FROM mlops.jobs WHERE name IN ('nightly', 'first') ORDER BY name;
SELECT model, version, kind, regexp_replace(subject, '\d+', 'N') AS subject, severity, state, method, value, threshold
  FROM mlops.alerts WHERE kind = 'job';
SELECT name FROM mlops.unschedule('nightly');
SELECT name FROM mlops.unschedule('first');
SELECT state FROM mlops.alerts WHERE kind = 'job';

-- relations that the versions in use need: the source of the training ...
RESET ROLE;
CREATE FUNCTION alerts_test.run(OUT raised integer, OUT cleared integer, OUT open text) LANGUAGE plpgsql AS $$
BEGIN
	SELECT r.raised, r.cleared INTO raised, cleared FROM mlops.run_monitor('alerts_s') r;
	SELECT string_agg(severity || ' ' || subject, ', ' ORDER BY subject COLLATE "C") INTO open
	  FROM mlops.alerts WHERE kind = 'schema' AND closed IS NULL;
END $$;
SET ROLE regress_mlops_ann;
CREATE TABLE alerts_test.base AS SELECT x, x * 0.5 AS "Odd.", 'c' || x % 3 AS c, 'unused' AS u, 2 * x AS y FROM generate_series(1, 40) x;
CREATE VIEW alerts_test.seen AS SELECT x + 1 AS a, "Odd." AS b, c, y FROM alerts_test.base WHERE u <> '';
SELECT version FROM mlops.train('alerts_s', 'SELECT s.a, s.b * r.x AS b, s.c, s.y FROM alerts_test.seen s JOIN alerts_test.rows r ON r.x = s.a', 'y', 'linear_regression');
SELECT model FROM mlops.monitor('alerts_s');
SELECT * FROM alerts_test.run();
-- another type of the same family, more columns, and columns that no feature is made of
ALTER TABLE alerts_test.base ADD z integer;
RESET ROLE;
ALTER TABLE alerts_test.rows ALTER x TYPE bigint, DROP y;
SELECT * FROM alerts_test.run();
-- another family, a name that is gone, the relation gone
ALTER TABLE alerts_test.rows ALTER x TYPE text;
SELECT * FROM alerts_test.run();
ALTER TABLE alerts_test.base RENAME "Odd." TO odd;
SELECT * FROM alerts_test.run();
SELECT * FROM alerts_test.run();
ALTER TABLE alerts_test.rows RENAME TO rows_then;
SELECT * FROM alerts_test.run();
ALTER TABLE alerts_test.rows_then RENAME TO rows;
ALTER TABLE alerts_test.rows ALTER x TYPE integer USING x::integer;
SELECT * FROM alerts_test.run();
ALTER TABLE alerts_test.base RENAME odd TO "Odd.";
SELECT * FROM alerts_test.run();
-- ... and tables with a trigger of ours, if their owner may predict
SET ROLE regress_mlops_ann;
CREATE TABLE alerts_test.inbox (a integer, b double precision, risk double precision);
CREATE TRIGGER score BEFORE INSERT ON alerts_test.inbox FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('alerts_s@champion', 'risk');
SET ROLE regress_mlops_nobody;
CREATE TABLE alerts_test.spoof (risk double precision);
CREATE TRIGGER score BEFORE INSERT ON alerts_test.spoof FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('alerts_s', 'risk');
SET ROLE regress_mlops_ann;
SELECT * FROM alerts_test.run();
ALTER TABLE alerts_test.inbox ADD c text;
SELECT * FROM alerts_test.run();
ALTER TABLE alerts_test.inbox ALTER b TYPE boolean USING b > 0;
SELECT * FROM alerts_test.run();
ALTER TABLE alerts_test.inbox DISABLE TRIGGER score;
SELECT * FROM alerts_test.run();
-- a version that no alias points to any more
ALTER TABLE alerts_test.base RENAME c TO d;
SELECT * FROM alerts_test.run();
SELECT version FROM mlops.train('alerts_s', 'SELECT a, b, c, y FROM alerts_test.seen', 'y', 'linear_regression', alias => 'champion');
SELECT * FROM alerts_test.run();
SELECT version, subject, state FROM mlops.alerts WHERE model = 'alerts_s' ORDER BY alert DESC LIMIT 3;
SELECT versions FROM mlops.drop_model('alerts_s');

-- closed ones are kept for a year, or as the rule says; a hold keeps them, too
RESET ROLE;
UPDATE mlops_private.alert SET closed = closed - interval '364 days' WHERE closed IS NOT NULL;
SELECT kind, removed, kept_by_hold, detail FROM mlops.apply_retention() WHERE kind = 'alerts';
UPDATE mlops_private.alert SET closed = closed - interval '2 days', opened = opened - interval '2 years';
SELECT count(*) FILTER (WHERE closed IS NULL) AS open, count(*) FILTER (WHERE closed IS NOT NULL) AS closed FROM mlops.alerts WHERE model = 'alerts_m';
SELECT kind FROM mlops.set_retention('alerts', NULL, '2 years');
SELECT removed, kept_by_hold, detail FROM mlops.apply_retention() WHERE kind = 'alerts';
SELECT kind FROM mlops.set_retention('alerts', NULL, NULL);
SELECT removed, kept_by_hold, detail FROM mlops.apply_retention() WHERE kind = 'alerts';
SELECT kind FROM mlops.set_retention('alerts', NULL, '1 year');
SELECT hold FROM mlops.place_hold('model', 'alerts_m', 'case 1') \gset
SELECT removed, kept_by_hold FROM mlops.apply_retention() WHERE kind = 'alerts';
SELECT mlops.release_hold(:hold) = :hold AS released;
SELECT removed, kept_by_hold FROM mlops.apply_retention() WHERE kind = 'alerts';
SELECT count(*) FILTER (WHERE closed IS NULL) AS open, count(*) FILTER (WHERE closed IS NOT NULL) AS closed FROM mlops.alerts WHERE model = 'alerts_m';
DELETE FROM mlops_private.retention_rule WHERE kind = 'alerts';

-- what was done is in the audit trail, what was found is not
SELECT action, kind, object, payload - 'alert' - 'until' AS payload, actor FROM mlops.audit
 WHERE event_id > :before AND action LIKE 'alert.%' ORDER BY event_id;
SELECT count(*) AS found FROM mlops.audit WHERE event_id > :before AND action LIKE 'alert.%' AND action !~ '(acknowledge|close|silence)$';

-- they go with the model
SET ROLE regress_mlops_ann;
SELECT versions FROM mlops.drop_model('alerts_m');
RESET ROLE;
SELECT count(*) FROM mlops_private.alert;
SELECT count(*) FROM mlops_private.alert_silence;
DROP SCHEMA alerts_test CASCADE;
DROP ROLE regress_mlops_ann, regress_mlops_reader, regress_mlops_logs, regress_mlops_nobody;
