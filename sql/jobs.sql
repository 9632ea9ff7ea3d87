-- Jobs: planning, running, failing, cancelling, and who sees what.

SET client_min_messages = warning;
CREATE ROLE regress_mlops_ann;
CREATE ROLE regress_mlops_bob;
CREATE SCHEMA jobs_test;
GRANT ALL ON SCHEMA jobs_test TO PUBLIC;
CREATE TABLE jobs_test.rows AS SELECT x, 2 * x AS y FROM generate_series(1, 40) x;
GRANT SELECT ON jobs_test.rows TO PUBLIC;

SET ROLE regress_mlops_ann;
SELECT name, kind, every, next_due FROM mlops.schedule('nightly', 'train', '1 day',
	'{"model": "jobs_m", "source": "jobs_test.rows", "target": "y", "algorithm": "linear_regression"}', '2020-01-01 02:00 UTC');
SELECT replace(name, job::text, 'N') AS name
  FROM mlops.train_async('jobs_m', 'jobs_test.rows', 'y', 'linear_regression', '{x}', note => 'later') ;
CALL mlops.run_due_jobs();
SELECT regexp_replace(name, '\d+', 'N') AS name, kind, owner, every, state, failures, crashes, cancel_requested, run,
       next_due > now() AS later, extract(hour FROM next_due AT TIME ZONE 'UTC') AS hour
  FROM mlops.jobs ORDER BY job;
SELECT regexp_replace(name, '\d+', 'N') AS name, kind, state, sqlstate, message, rows, detail, ended_at >= started_at AS ended
  FROM mlops.job_runs ORDER BY run;
SELECT model, version, note FROM mlops.versions WHERE model = 'jobs_m' ORDER BY version;
-- nothing is due
CALL mlops.run_due_jobs();
SELECT count(*) FROM mlops.job_runs;

-- what is refused
SELECT mlops.schedule('nightly', 'train', '1 day', '{"model": "jobs_m", "source": "jobs_test.rows"}');
SELECT mlops.schedule('a', 'nothing');
SELECT mlops.schedule('', 'train', NULL, '{"model": "jobs_m", "source": "jobs_test.rows"}');
SELECT mlops.schedule('a', 'train', '0.5 seconds', '{"model": "jobs_m", "source": "jobs_test.rows"}');
SELECT mlops.schedule('a', 'train', '1 month -1 day', '{"model": "jobs_m", "source": "jobs_test.rows"}');
SELECT mlops.schedule('a', 'train', '1 day', '{"model": "jobs_m", "source": "jobs_test.rows"}', 'infinity');
SELECT mlops.schedule('a', 'train', '1 day', '[]');
SELECT mlops.schedule('a', 'train', '1 day', '{"source": "jobs_test.rows"}');
SELECT mlops.schedule('a', 'train', '1 day', '{"model": "jobs_m", "source": "jobs_test.rows", "colour": "red"}');
SELECT mlops.schedule('a', 'train', '1 day', '{"model": "jobs_m", "source": 3}');
SELECT mlops.schedule('a', 'train', '1 day', '{"model": "jobs_m", "source": "jobs_test.rows", "features": "x"}');
SELECT mlops.schedule('a', 'train', '1 day', '{"model": "jobs_m", "source": "jobs_test.rows", "features": [1]}');
SELECT mlops.schedule('a', 'train', '1 day', '{"model": "jobs_m", "source": "jobs_test.rows", "features": []}');
SELECT mlops.schedule('a', 'train', '1 day', '{"model": "jobs_m", "source": "jobs_test.rows", "options": "deep"}');
SELECT mlops.schedule(NULL, 'train');
SELECT mlops.schedule('a', 'train', '1 day', NULL);
SELECT mlops.schedule('a', 'audit');
SELECT mlops.schedule('a', 'retention');
SELECT mlops.unschedule('absent');
SELECT mlops.cancel_job('nightly');
BEGIN ISOLATION LEVEL REPEATABLE READ;
CALL mlops.run_due_jobs();
ROLLBACK;
SET default_transaction_isolation = 'repeatable read';
CALL mlops.run_due_jobs();
RESET default_transaction_isolation;

-- an error: in our words, without a value, and the others go on
CREATE FUNCTION jobs_test.fail(integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'secret %', $1; END $$;
SELECT count(*) FROM mlops.schedule('bad', 'train', '20 seconds',
	'{"model": "jobs_bad", "source": "SELECT x, jobs_test.fail(x) AS y FROM jobs_test.rows", "target": "y"}', now() - interval '1 hour');
SELECT count(*) FROM mlops.schedule('good', 'train', '1 year',
	'{"model": "jobs_m", "source": "jobs_test.rows", "target": "y", "algorithm": "linear_regression"}', now() - interval '1 minute');
\set VERBOSITY terse
CALL mlops.run_due_jobs();
\set VERBOSITY default
SELECT name, state, sqlstate, message, rows, detail FROM mlops.job_runs WHERE name IN ('bad', 'good') ORDER BY run;
SELECT name, state, failures, next_due <= clock_timestamp() + every AS within FROM mlops.jobs WHERE name IN ('bad', 'good') ORDER BY name;
SELECT count(*) FROM mlops.job_runs r WHERE r::text ~ 'secret';
-- the wait doubles, up to the interval, and is not the same for all jobs
RESET ROLE;
UPDATE mlops_private.job SET every = '1 day', failures = f, next_due = now() FROM unnest('{3}'::int[]) f WHERE name = 'bad';
SET ROLE regress_mlops_ann;
\set VERBOSITY terse
CALL mlops.run_due_jobs();
\set VERBOSITY default
SELECT failures, state, extract(epoch FROM next_due - clock_timestamp()) BETWEEN 240 * 0.874 - 10 AND 240 * 1.126 AS waits FROM mlops.jobs WHERE name = 'bad';
-- and there is an end to it
RESET ROLE;
UPDATE mlops_private.job SET failures = 9, next_due = now() WHERE name = 'bad';
SET ROLE regress_mlops_ann;
CALL mlops.run_due_jobs();
SELECT failures, state FROM mlops.jobs WHERE name = 'bad';
RESET ROLE;
UPDATE mlops_private.job SET next_due = now() WHERE name = 'bad';
SET ROLE regress_mlops_ann;
CALL mlops.run_due_jobs();
SELECT count(*) FROM mlops.job_runs WHERE name = 'bad';
SELECT name, kind FROM mlops.unschedule('bad');
SELECT count(*) FROM mlops.job_runs WHERE name = 'bad';

-- a timeout ends the run and the call, and is on record
SELECT count(*) FROM mlops.schedule('slow', 'train', NULL,
	'{"model": "jobs_slow", "source": "SELECT x, x AS y FROM jobs_test.rows WHERE pg_sleep(10) IS NOT NULL", "target": "y"}');
SET statement_timeout = '300ms';
\set VERBOSITY terse
CALL mlops.run_due_jobs();
\set VERBOSITY default
RESET statement_timeout;
SELECT j.state, j.next_due, j.failures, r.state AS run, r.sqlstate, r.message FROM mlops.jobs j JOIN mlops.job_runs r USING (job) WHERE j.name = 'slow';

-- a run that nobody is at any more: another cluster's, a session that is gone, one's own from before
RESET ROLE;
CREATE PROCEDURE jobs_test.abandon(pid integer, start timestamptz, system bigint) LANGUAGE sql AS $$
	WITH r AS (INSERT INTO mlops_private.job_run (job_id, started_at) SELECT job_id, now() FROM mlops_private.job WHERE name = 'good' RETURNING run_id, job_id)
	UPDATE mlops_private.job j SET state = 'running', failures = 0, running_run = run_id, running_pid = pid, running_backend_start = start,
	       running_system = system, lease_until = now() + interval '1 minute' FROM r WHERE j.job_id = r.job_id
$$;
CREATE FUNCTION jobs_test.result(OUT state text, OUT crashes integer, OUT run text, OUT waits boolean) LANGUAGE sql AS $$
	SELECT j.state, j.crash_count, (SELECT r.state FROM mlops_private.job_run r WHERE r.job_id = j.job_id ORDER BY run_id DESC LIMIT 1),
	       j.next_due > clock_timestamp() + interval '290 seconds' FROM mlops_private.job j WHERE name = 'good'
$$;
SELECT pid, backend_start AS start, system_identifier AS system FROM pg_stat_activity, pg_control_system() WHERE pid = pg_backend_pid() \gset
CALL jobs_test.abandon(:pid, '2020-01-01', :system);
SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs(); RESET ROLE;
SELECT * FROM jobs_test.result();
CALL jobs_test.abandon(:pid, :'start', :system);
SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs(); RESET ROLE;
SELECT * FROM jobs_test.result();
CALL jobs_test.abandon(:pid, :'start', 7);
SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs(); RESET ROLE;
SELECT * FROM jobs_test.result();
-- of the time before, a success leaves nothing
UPDATE mlops_private.job SET next_due = now() WHERE name = 'good';
SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT state, failures, crashes FROM mlops.jobs WHERE name = 'good';
RESET ROLE;

-- history: 90 days, 1,000 runs
INSERT INTO mlops_private.job_run (job_id, started_at, ended_at, state)
SELECT job_id, now(), now() - interval '91 days', 'succeeded' FROM mlops_private.job WHERE name = 'good';
INSERT INTO mlops_private.job_run (job_id, started_at, ended_at, state)
SELECT job_id, now(), now(), 'succeeded' FROM mlops_private.job, generate_series(1, 1100) WHERE name = 'good';
UPDATE mlops_private.job SET next_due = now() WHERE name = 'good';
UPDATE mlops_private.job SET created = now() - interval '91 days' WHERE name = 'slow';
UPDATE mlops_private.job_run SET started_at = now() - interval '91 days' WHERE job_id IN (SELECT job_id FROM mlops_private.job WHERE name = 'slow');
SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT count(*), min(ended_at) > now() - interval '90 days' AS young FROM mlops.job_runs WHERE name = 'good';
SELECT count(*) FROM mlops.jobs WHERE name = 'slow';

-- the calendar: a month is a month, and what was missed is not caught up
RESET ROLE;
UPDATE mlops_private.job SET every = '1 month', first_due = '2001-01-31 12:00 UTC', next_due = now() WHERE name = 'good';
SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs();
SELECT next_due > now() AND next_due <= now() + interval '32 days' AS next, extract(day FROM next_due AT TIME ZONE 'UTC') >= 28 AS at_the_end FROM mlops.jobs WHERE name = 'good';
RESET ROLE;
UPDATE mlops_private.job SET every = '1 second', first_due = '2001-01-01 12:00 UTC', next_due = now() WHERE name = 'good';
SET ROLE regress_mlops_ann; CALL mlops.run_due_jobs(1);
SELECT next_due BETWEEN now() - interval '2 seconds' AND now() + interval '2 seconds' AS next FROM mlops.jobs WHERE name = 'good';
SELECT name FROM mlops.unschedule('good');

-- others see nothing of it, and can have a job of the same name; superusers run only their own
SET ROLE regress_mlops_bob;
SELECT count(*) FROM mlops.jobs;
SELECT count(*) FROM mlops.job_runs;
SELECT mlops.unschedule('nightly');
SELECT mlops.unschedule('absent');
SELECT mlops.cancel_job('nightly');
SELECT mlops.train_async('jobs_m', 'jobs_test.rows', 'y');
SELECT count(*) FROM mlops.schedule('nightly', 'train', NULL, '{"model": "jobs_bobs", "source": "jobs_test.rows", "target": "y", "algorithm": "linear_regression"}');
RESET ROLE;
SELECT mlops.unschedule('nightly');
CALL mlops.run_due_jobs();
SELECT j.owner, j.failures, j.next_due IS NOT NULL AS waits FROM mlops.jobs j WHERE name = 'nightly' ORDER BY owner;
-- a role that is gone: shown to superusers, run by nobody
UPDATE mlops_private.job SET owner_oid = 4, owner_name = 'regress_mlops_gone' WHERE owner_name = 'regress_mlops_bob';
SET ROLE regress_mlops_bob;
CALL mlops.run_due_jobs();
SELECT count(*) FROM mlops.jobs;
RESET ROLE;
CALL mlops.run_due_jobs();
SELECT owner, state, failures FROM mlops.jobs WHERE owner IS NULL;
-- the role of a call stays the same
SET ROLE regress_mlops_ann;
SELECT name FROM mlops.unschedule('nightly');
RESET ROLE;
CREATE PROCEDURE jobs_test.local_role() LANGUAGE plpgsql AS $$ BEGIN SET LOCAL ROLE regress_mlops_ann; CALL mlops.run_due_jobs(); END $$;
\set VERBOSITY terse
CALL jobs_test.local_role();
\set VERBOSITY default
SELECT name FROM mlops.unschedule('nightly');

-- with the privilege audit
SELECT name, kind FROM mlops.schedule('seal', 'audit', '1 hour');
SELECT name, kind FROM mlops.schedule('retain', 'retention', '1 day');
SELECT mlops.schedule('seal2', 'audit', '1 hour', '{"a": 1}');
CALL mlops.run_due_jobs();
SELECT name, state, rows, detail FROM mlops.job_runs WHERE kind <> 'train' ORDER BY name;
SELECT name FROM mlops.unschedule('seal');
SELECT name FROM mlops.unschedule('retain');

SET ROLE regress_mlops_ann;
SELECT count(mlops.unschedule(name)) FROM mlops.jobs;
SELECT model FROM mlops.drop_model('jobs_m');
RESET ROLE;
SELECT count(*) FROM mlops.jobs;
DROP SCHEMA jobs_test CASCADE;
DROP OWNED BY regress_mlops_ann, regress_mlops_bob;
DROP ROLE regress_mlops_ann, regress_mlops_bob;
