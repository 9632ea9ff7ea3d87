-- Days of the prediction log: made ahead, filled, let go.
TRUNCATE mlops_private.prediction;	-- what other topics logged
SET client_min_messages = warning;
CREATE TABLE lp_rows AS SELECT i AS id, i * 0.5 AS a, i * 2.0 AS y FROM generate_series(1, 300) i;
SELECT version FROM mlops.train('lp', 'SELECT a, y FROM lp_rows', 'y', 'linear_regression');
SELECT version FROM mlops.train('lp_two', 'SELECT a, y FROM lp_rows', 'y', 'linear_regression');
RESET client_min_messages;
-- names of days as how far they are
CREATE FUNCTION pg_temp.day(name text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN name ~ '_\d{8}$' THEN 'day ' || to_date(right(name, 8), 'YYYYMMDD') - (now() AT TIME ZONE 'UTC')::date ELSE name END
$$;
CREATE FUNCTION pg_temp.drop_days(first int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT partition FROM mlops.log_partitions WHERE day - (now() AT TIME ZONE 'UTC')::date >= first LOOP
		EXECUTE format('DROP TABLE mlops_private.%I', name);
	END LOOP;
END $$;
CREATE VIEW lp_days AS SELECT partition, day - (now() AT TIME ZONE 'UTC')::date AS day FROM mlops.log_partitions;
SELECT pg_temp.drop_days(-1000);

-- who may
CREATE ROLE regress_mlops_lp;
SET ROLE regress_mlops_lp;
SELECT mlops.log_upkeep();
SELECT * FROM mlops.log_partitions;
RESET ROLE;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT mlops.log_upkeep();
ROLLBACK;

-- a log that lives in the default partition: what is of today moves, no row is lost or doubled
SELECT count(s.value) FROM lp_rows t, LATERAL mlops.score('lp', t, t.id::text) s;
SELECT count(s.value) FROM lp_rows t, LATERAL mlops.score('lp', t, 'old ' || t.id, now() - interval '30 days') s WHERE t.id <= 100;
CREATE TABLE lp_before AS SELECT * FROM mlops_private.prediction;
SELECT count(DISTINCT tableoid) FROM mlops_private.prediction;
SELECT action, pg_temp.day(object) AS object, rows >= CASE pg_temp.day(object) WHEN 'day 0' THEN 300 ELSE 0 END AS moved, detail FROM mlops.log_upkeep();
SELECT count(*) FROM mlops.log_upkeep();
SELECT count(*) FROM ((TABLE mlops_private.prediction EXCEPT ALL TABLE lp_before) UNION ALL (TABLE lp_before EXCEPT ALL TABLE mlops_private.prediction)) d;
SELECT pg_temp.day(tableoid::regclass::text) AS day, count(*) FROM mlops_private.prediction WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'lp') GROUP BY 1 ORDER BY 1;
-- what is scored now is of today, in its indexes too
SELECT count(s.value) FROM lp_rows t, LATERAL mlops.score('lp', t, 'new ' || t.id) s;
SELECT pg_temp.day(tableoid::regclass::text) AS day, count(*) FROM mlops_private.prediction WHERE key ~ '^new' GROUP BY 1;
SET enable_seqscan = off;
SELECT count(*) FROM mlops_private.prediction WHERE key = 'new 7';
SELECT count(*) FROM mlops_private.prediction WHERE prediction_id = (SELECT max(prediction_id) FROM lp_before);
SELECT count(*) FROM mlops_private.prediction WHERE happened_at >= now() - interval '1 hour' AND key ~ '^new';
RESET enable_seqscan;
-- each is as the default one is, and no member of the extension
SELECT count(*), count(DISTINCT (c.relowner, c.relrowsecurity, c.relpersistence, c.relam)) AS kinds, bool_and(d.description IS NOT NULL) AS comments,
       count(DISTINCT ARRAY(SELECT regexp_replace(pg_get_indexdef(i.indexrelid), 'prediction_(default|\d{8})', 'X', 'g') FROM pg_index i WHERE i.indrelid = c.oid ORDER BY 1)) AS indexes,
       count(DISTINCT ARRAY(SELECT p.polname || pg_get_expr(p.polqual, p.polrelid) FROM pg_policy p WHERE p.polrelid = c.oid)) AS policies,
       count(DISTINCT c.relacl::text) AS grants
  FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid LEFT JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
 WHERE h.inhparent = 'mlops_private.prediction'::regclass;
SELECT count(*) FROM pg_depend WHERE deptype = 'e' AND classid = 'pg_class'::regclass AND objid::regclass::text ~ 'prediction_\d{8}';
-- a partition is read by nobody but by rights
SELECT partition AS today FROM lp_days WHERE day = 0 \gset
SELECT count(mlops.grant_model('lp_two', 'regress_mlops_lp', 'logs'));
GRANT USAGE ON SCHEMA mlops_private TO regress_mlops_lp;
SET ROLE regress_mlops_lp;
\set VERBOSITY sqlstate
SELECT count(*) FROM mlops_private.:today;
\set VERBOSITY default
RESET ROLE;
GRANT SELECT ON mlops_private.:today TO regress_mlops_lp;
SET ROLE regress_mlops_lp;
SELECT count(*) FROM mlops_private.:today;
RESET ROLE;
REVOKE SELECT ON mlops_private.:today FROM regress_mlops_lp;
REVOKE USAGE ON SCHEMA mlops_private FROM regress_mlops_lp;
-- erasure finds them
BEGIN;
SELECT items FROM mlops.erase_subject('new 7') WHERE place ~ 'predictions' AND status = 'done';
SELECT count(*) FROM mlops_private.prediction WHERE key = 'new 7';
ROLLBACK;

-- retention: days go as a whole, the default partition by rows, outcomes too
DO $$
DECLARE
	d date;
BEGIN
	FOR d IN SELECT (now() AT TIME ZONE 'UTC')::date - n FROM unnest('{10,11,12}'::int[]) n LOOP
		EXECUTE format('CREATE TABLE mlops_private.%I PARTITION OF mlops_private.prediction (PRIMARY KEY (prediction_id)) FOR VALUES FROM (%L) TO (%L)',
		               to_char(d, '"prediction_"YYYYMMDD'), to_char(d, 'YYYY-MM-DD 00:00+00'), to_char(d + 1, 'YYYY-MM-DD 00:00+00'));
	END LOOP;
END $$;
SELECT count(s.value) FROM lp_rows t, LATERAL mlops.score('lp', t, 'ten ' || t.id, now() - interval '10 days') s;
SELECT count(s.value) FROM lp_rows t, LATERAL mlops.score('lp_two', t, 'eleven ' || t.id, now() - interval '11 days') s;
SELECT count(mlops.record_outcome('lp', 'old ' || i, i::float8, now() - interval '29 days')) FROM generate_series(1, 10) i;
SELECT kind, maximum FROM mlops.set_retention('log', NULL, '20 days');
SELECT kind, detail FROM mlops.apply_retention() WHERE kind = 'log';
SELECT action, pg_temp.day(object) AS object, rows, detail FROM mlops.log_upkeep();
SELECT kind, maximum FROM mlops.set_retention('log', NULL, '5 days');
SELECT hold AS held FROM mlops.place_hold('model', 'lp_two', 'case 9') \gset
SELECT count(*) AS watched FROM mlops.monitor('lp');
SELECT action, pg_temp.day(object) AS object, rows, detail FROM mlops.log_upkeep();
SELECT count(mlops.release_hold(:held));
SELECT count(*) FROM mlops.unmonitor('lp');
SELECT action, pg_temp.day(object) AS object, rows, detail FROM mlops.log_upkeep();
SELECT count(*) AS left FROM mlops_private.prediction WHERE happened_at < now() - interval '5 days';
SELECT object ~ '^prediction_\d{8}$' OR object = 'prediction_default' OR object = 'outcome' AS object, payload FROM mlops.audit WHERE action = 'log.remove' ORDER BY event_id;
DELETE FROM mlops_private.retention_rule WHERE kind = 'log';
-- without maximum all stays; run_due_jobs does the same
SELECT count(*) FROM mlops.log_upkeep();
SELECT pg_temp.drop_days(1);
CALL mlops.run_due_jobs();
SELECT day FROM lp_days ORDER BY day;
SELECT kind FROM mlops.schedule('lp days', 'log', '1 hour');
SELECT pg_temp.drop_days(2);
CALL mlops.run_due_jobs();
SELECT state, rows FROM mlops.job_runs WHERE name = 'lp days';
SELECT count(*) FROM mlops.unschedule('lp days');

-- DROP EXTENSION takes them along
BEGIN;
DROP VIEW lp_days;
DROP EXTENSION mlops CASCADE;
SELECT count(*) FROM pg_class WHERE relname ~ '^prediction_';
ROLLBACK;

SELECT sum((mlops.drop_model(m)).versions) FROM unnest('{lp,lp_two}'::text[]) m;
SELECT pg_temp.drop_days(-1000);
DELETE FROM mlops_private.prediction WHERE model_id NOT IN (SELECT model_id FROM mlops_private.model);
DROP VIEW lp_days;
DROP TABLE lp_rows, lp_before;
DROP ROLE regress_mlops_lp;
