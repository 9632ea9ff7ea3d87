-- Attempts to stop a model from being watched, or to read through watching what one may not.

SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
CREATE ROLE regress_mlops_logs;
CREATE ROLE regress_mlops_predict;
CREATE SCHEMA watching_attacks;
SET search_path = watching_attacks, public;
CREATE TABLE rows AS
SELECT i AS id, (i * 7919 % 1009)::float8 AS a, 'c' || i % 5 AS c, CASE WHEN i * 7919 % 1009 > 500 THEN 'yes' ELSE 'no' END AS y
  FROM generate_series(1, 600) i;
SELECT version FROM mlops.train('wa', 'SELECT a, c, y FROM rows', 'y', 'decision_tree', validation => '{"method": "none"}');

-- a time whose window could not be written down: no view, no dump and no later window would have come past it
SELECT mlops.score('wa', '{"a": 1, "c": "c1"}'::jsonb, at => '4714-11-24 00:00:00+00 BC');
SELECT mlops.score('wa', '{"a": 1, "c": "c1"}'::jsonb, at => '0001-12-31 23:59:59.999999+00 BC');
SELECT mlops.score('wa', '{"a": 1, "c": "c1"}'::jsonb, at => 'infinity');
SELECT mlops.score('wa', '{"a": 1, "c": "c1"}'::jsonb, at => '-infinity');
SELECT version FROM mlops.score('wa', '{"a": 1, "c": "c1"}'::jsonb, 'old', at => '0001-01-01 00:00:00+00');
SELECT count(mlops.score('wa', r, r.id::text, at => '2020-01-01'::timestamptz + r.id * interval '1 minute')) FROM rows r;
SELECT model, m."window" FROM mlops.monitor('wa', "window" => '366 days', lateness => '366 days') m;
SELECT rows, windows, published_until FROM mlops.run_monitor('wa');
SELECT window_start, window_end, rows FROM mlops.drift_windows WHERE model = 'wa' ORDER BY 1;
SELECT feature, detail ->> 'since' AS since FROM mlops.drift_report WHERE model = 'wa' AND baseline = 'previous' AND kind = 'feature' ORDER BY 1;
-- windows as wide as they get
SELECT DISTINCT window_start, window_end FROM mlops.performance('wa', "window" => '106751991 days') ORDER BY 1;
SELECT count(*) FROM mlops.drift('wa', '4714-11-24 00:00:00+00 BC', '294276-12-31 23:59:59+00', 'previous');
SELECT mlops.drift('wa', "last" => '100000000 years');

-- keys that an index does not take: said at once, not when the transaction commits
SELECT prediction_id IS NOT NULL AS logged FROM mlops.score('wa', '{"a": 1, "c": "c1"}'::jsonb, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 64) i));
SELECT mlops.score('wa', '{"a": 1, "c": "c1"}'::jsonb, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 65) i));
SELECT changed FROM mlops.record_outcome('wa', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 64) i), 'yes');
SELECT mlops.record_outcome('wa', repeat('k', 2049), 'yes');
SELECT mlops.record_outcomes('wa', 'SELECT repeat(''k'', 1000000) AS key, ''yes'' AS actual');

-- a segment named twice, and bounds that are no numbers here, would have stopped the monitor at its next look
SELECT mlops.monitor('wa', segments => '{c,variant,c}');
SELECT mlops.monitor('wa', thresholds => '{"performance": {"auc": {"min": 1e400}}}');
SELECT mlops.monitor('wa', thresholds => '{"performance": {"auc": {"max": "-Infinity"}}}');
SELECT mlops.monitor('wa', thresholds => ('{"performance": ' || repeat('{"auc": ', 1000) || '1' || repeat('}', 1001))::jsonb);

-- so would a column that is called as an element of an array is
CREATE TABLE named AS SELECT i AS id, ARRAY[i % 17, i % 13]::float8[] AS v, (i % 11)::float8 AS "v[1]", 'x' || i % 3 AS "v[1]#1", (i * 7919 % 1009)::float8 AS y FROM generate_series(1, 400) i;
SELECT version FROM mlops.train('wa_named', 'SELECT v, "v[1]", "v[1]#1", y FROM named', 'y', 'linear_regression', validation => '{"method": "none"}');
SELECT track, type FROM mlops.reference('wa_named');
SELECT count(mlops.score('wa_named', n, at => '2020-01-01'::timestamptz)) FROM named n;
SELECT model FROM mlops.monitor('wa_named');
SELECT rows, windows FROM mlops.run_monitor('wa_named');
SELECT feature, kind, rows FROM mlops.drift_report WHERE model = 'wa_named' ORDER BY feature COLLATE "C";

-- the log's reader is not given predictions of rows that were made up: they are an oracle for values that the log leaves out
SELECT mlops.grant_model('wa', 'regress_mlops_logs', 'logs') IS NOT NULL AS granted;
GRANT USAGE ON SCHEMA watching_attacks TO regress_mlops_logs;
GRANT SELECT ON rows TO regress_mlops_logs;
SET ROLE regress_mlops_logs;
SELECT count(*) FROM mlops.drift('wa');
SELECT count(*) FROM mlops.drift('wa', '2020-01-01', '2020-01-02', 'previous');
SELECT mlops.drift('wa', source => 'SELECT 1::float8 AS a, ''c1'' AS c');
SELECT mlops.drift('wa', baseline => 'rows');
SELECT mlops.predict('wa', '{"a": 1, "c": "c1"}'::jsonb);
RESET ROLE;
-- who may only read the log does not decide when somebody else trains
SELECT on_drift FROM mlops.monitor('wa', on_drift => 'retrain');
SET ROLE regress_mlops_logs;
SELECT mlops.monitor('wa', thresholds => '{"psi_major": 0.001, "psi_warning": 0.001}');
SELECT on_drift FROM mlops.monitor('wa', on_drift => 'alert');
SELECT mlops.monitor('wa', on_drift => 'retrain');
RESET ROLE;
SELECT mlops.grant_model('wa', 'regress_mlops_logs', 'predict') IS NOT NULL AS granted;
SET ROLE regress_mlops_logs;
SELECT count(*) FROM mlops.drift('wa', source => 'rows', baseline => 'rows');
RESET ROLE;

-- sources that turn against what reads them
CREATE FUNCTION evil(what text) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	CASE what
		WHEN 'drop' THEN PERFORM mlops.drop_model('wa');
		WHEN 'unmonitor' THEN PERFORM mlops.unmonitor('wa');
		WHEN 'run' THEN PERFORM mlops.run_monitor('wa');
		WHEN 'score' THEN PERFORM mlops.score('wa', '{"a": 1, "c": "c1"}'::jsonb);
		WHEN 'role' THEN SET LOCAL ROLE regress_mlops_predict;
		WHEN 'path' THEN SET LOCAL search_path = nowhere;
		WHEN 'commit' THEN COMMIT;
	END CASE;
	RETURN 1;
END $$;
BEGIN;
SELECT count(*) FROM mlops.drift('wa', source => 'SELECT evil(''drop'') AS a, ''c1'' AS c', baseline => 'rows');
SELECT count(*) FROM mlops.models WHERE model = 'wa';
ROLLBACK;
BEGIN;
SELECT count(*) FROM mlops.drift('wa', source => 'SELECT evil(''unmonitor'') AS a, ''c1'' AS c');
ROLLBACK;
SELECT count(*) FROM mlops.drift('wa', source => 'SELECT evil(''run'') AS a, ''c1'' AS c');
SELECT count(*) FROM mlops.drift('wa', source => 'SELECT evil(''score'') AS a, ''c1'' AS c');
SELECT mlops.drift('wa', source => 'SELECT evil(''role'') AS a, ''c1'' AS c');
BEGIN;
SELECT count(*) FROM mlops.drift('wa', source => 'SELECT evil(''path'') AS a, ''c1'' AS c');
ROLLBACK;
SELECT mlops.drift('wa', source => 'SELECT evil(''commit'') AS a, ''c1'' AS c');
SELECT mlops.record_outcomes('wa', 'SELECT evil(''role'') AS key, ''yes'' AS actual');
SELECT mlops.drift('wa', source => 'SELECT a, c FROM rows) AS x; --');
SELECT mlops.drift('wa', source => 'WITH gone AS (DELETE FROM rows RETURNING a, c) SELECT * FROM gone');

-- whatever the session's settings are
CREATE TABLE arrivals (id int, a float8, c text);
CREATE TRIGGER logged AFTER INSERT ON arrivals FOR EACH ROW EXECUTE FUNCTION mlops.log_trigger('wa', 'key=id');
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET bytea_output = 'escape';
SET extra_float_digits = -10;
SET intervalstyle = 'iso_8601';
SET datestyle = 'German, DMY';
SET timezone = 'Asia/Kathmandu';
SELECT count(*) FROM mlops.run_monitor('wa');
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
RESET bytea_output;
RESET extra_float_digits;
RESET escape_string_warning;
RESET standard_conforming_strings;

-- a number of new rows that cannot be added to those there were
SELECT mlops.retrain_policy('wa', 'new rows', source => 'rows', new_rows => 9223372036854775807);

-- counts that somebody wrote over are an error, and nothing worse
SELECT rows FROM mlops.run_monitor('wa');
SELECT count(mlops.score('wa', r)) FROM rows r WHERE id <= 20;
SELECT rows FROM mlops.run_monitor('wa');
CREATE FUNCTION damaged(column_name text, bytes text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('UPDATE mlops_private.log_window SET %I = %L WHERE window_start = (SELECT max(window_start) FROM mlops_private.log_window)', column_name, bytes);
	PERFORM mlops.run_monitor('wa', as_of => now() + interval '5 years');
	RAISE EXCEPTION 'published' USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT column_name, bytes, damaged(column_name, bytes)
  FROM (VALUES ('counts', '\x'), ('counts', '\x01'), ('counts', '\x0102'), ('counts', '\x01ffffffffffffffff7f'), ('counts', '\x0103000501'),
               ('counts', '\x01ffffff0700feffff07'), ('counts', '\x0102ffffffffffffffff7fffffffffffffffff7f'), ('counts', '\x020100'),
               ('latency', '\x01010100'), ('rows', '-1'), ('skipped', '-9223372036854775808'), ('rows', '9223372036854775807')) AS v (column_name, bytes);

SELECT model FROM mlops.unmonitor('wa');
SELECT sum((mlops.drop_model(model)).versions) AS versions FROM unnest('{wa,wa_named}'::text[]) AS model;
DELETE FROM mlops_private.prediction WHERE model_id NOT IN (SELECT model_id FROM mlops_private.model);
DROP SCHEMA watching_attacks CASCADE;
DROP ROLE regress_mlops_logs, regress_mlops_predict;
