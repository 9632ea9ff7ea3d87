# Jobs that nobody calls for: the launcher starts workers, which run them as their owners.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Launched;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = launched_node('main');
make_rows($node, 'rows', 500);
$node->safe_psql('postgres', q{
	CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE nol NOLOGIN; CREATE ROLE eve LOGIN; CREATE ROLE gone LOGIN;
	GRANT SELECT ON rows TO PUBLIC; GRANT CREATE ON SCHEMA public TO eve});

# at its time, at once, as its owner
as_role($node, 'bob', plan_train('later', '1 day', q{now() + interval '2 seconds'}));
my $began = time;
as_role($node, 'ann', plan_train('one'));
ok(wait_run($node, 'one', 'succeeded'), 'a job is run without a client');
cmp_ok(time - $began, '<', 5, 'at once: the launcher is told at commit');
is($node->safe_psql('postgres', q{SELECT owner FROM mlops.models WHERE model = 'one'}), 'ann', 'as its owner');
ok(wait_run($node, 'later', 'succeeded'), 'a job that is due later');
is($node->safe_psql('postgres', q{SELECT r.started_at >= j.first_due AND r.started_at < j.first_due + interval '1 second'
	FROM mlops_private.job j JOIN mlops_private.job_run r USING (job_id) WHERE name = 'later'}), 't', 'is run then');
as_role($node, 'ann', 'BEGIN;' . plan_train('undone') . 'ROLLBACK;');
is(as_role($node, 'ann', q{SET search_path = pg_catalog, public; SELECT count(*) FROM mlops.train_async('path', 'rows', 'y', 'linear_regression')}), '1', 'a source without schema');
ok(wait_true($node, q{EXISTS (SELECT FROM mlops.models WHERE model = 'path')}), 'is read with the search_path of whoever planned the job');

# whoever the worker is at first, it stays
$node->safe_psql('postgres', q{
	CREATE TABLE public.seen (session name, role name, super text, path text, ro text, sync text, back text);
	GRANT INSERT, SELECT ON public.seen TO PUBLIC;
	ALTER DATABASE postgres SET role = 'bob';
	ALTER DATABASE postgres SET default_transaction_read_only = on;
	ALTER ROLE eve SET default_transaction_isolation = 'serializable';
	ALTER ROLE eve SET synchronous_commit = on;
	ALTER ROLE eve SET session_replication_role = 'origin'});
$node->safe_psql('postgres', q{
	SET default_transaction_read_only = off;
	RESET ROLE; SET ROLE NONE;
	CREATE FUNCTION public.deputy(float8) RETURNS float8 LANGUAGE plpgsql AS $$
	DECLARE got text := '';
	BEGIN
		BEGIN EXECUTE 'RESET ROLE'; EXCEPTION WHEN OTHERS THEN NULL; END;
		BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXCEPTION WHEN OTHERS THEN NULL; END;
		BEGIN EXECUTE 'SET ROLE postgres'; got := got || 'role '; EXCEPTION WHEN OTHERS THEN NULL; END;
		BEGIN EXECUTE 'SET SESSION AUTHORIZATION postgres'; got := got || 'session '; EXCEPTION WHEN OTHERS THEN NULL; END;
		INSERT INTO public.seen VALUES (session_user, current_user, current_setting('is_superuser'),
			current_setting('search_path'), current_setting('transaction_read_only'), current_setting('synchronous_commit'), got);
		RETURN $1;
	END $$});
as_role($node, 'eve', q{SET default_transaction_read_only = off; SET ROLE NONE;
	SELECT mlops.schedule('deputy', 'train', NULL, '{"model": "deputy", "target": "y", "algorithm": "linear_regression",
	"source": "SELECT x1, public.deputy(y) AS y FROM public.rows WHERE id <= 20"}')});
ok(wait_true($node, q{count(*) = 20 FROM public.seen}), 'settings of a role or a database do not keep a worker from its work');
is($node->safe_psql('postgres', q{SELECT DISTINCT session, role, super, ro, sync, back FROM public.seen}), 'eve|eve|off|off|local|',
	'code of a user runs as the owner, and there is no way back to anybody else');
$node->safe_psql('postgres', q{SET default_transaction_read_only = off; SET ROLE NONE; ALTER DATABASE postgres RESET ALL});

# roles that cannot connect
$node->safe_psql('postgres', 'SET ROLE nol;' . plan_train('nologin', '1 day'));
if ($node->pg_version >= 17)
{
	ok(wait_run($node, 'nologin', 'succeeded'), 'a role that may not log in');
}
else
{
	ok(wait_run($node, 'nologin', 'failed'), 'a role that may not log in');
	is($node->safe_psql('postgres', q{SELECT sqlstate, message FROM mlops.job_runs WHERE name = 'nologin'}),
		'28000|the background worker cannot connect as the owner of the job', 'is told so');
}
$node->safe_psql('postgres', 'CREATE DATABASE closed');
$node->safe_psql('closed', 'CREATE EXTENSION mlops');
make_rows($node, 'rows', 100, 'closed');
$node->safe_psql('closed', 'GRANT SELECT ON rows TO PUBLIC');
as_role($node, 'ann', plan_train('in', undef, q{now() + interval '1 second'}), 'closed');
as_role($node, 'gone', plan_train('of_nobody', undef, q{now() + interval '1 second'}), 'closed');
$node->safe_psql('closed', 'REVOKE CONNECT ON DATABASE closed FROM PUBLIC; DROP ROLE gone');
ok(wait_run($node, 'in', 'failed', 'closed'), 'a role that may not connect to the database');
is($node->safe_psql('closed', q{SELECT sqlstate FROM mlops.job_runs WHERE name = 'in'}), '28000', 'is told so, too');
is($node->safe_psql('closed', q{SELECT failures, sqlstate FROM mlops.worker_status WHERE role = 'ann'}), '1|42501', 'and worker_status says why');
is(run_state($node, 'of_nobody', 'closed'), '', 'the job of a role that was dropped is not run');
my $fatal = log_count($node, qr/FATAL/);
sleep 2;
is(log_count($node, qr/FATAL/), $fatal, 'and nobody tries again and again');

# cancelling; a timeout of the role's
as_role($node, 'ann', plan_sleep('long', 60, '1 hour'));
my $pid = worker_pid($node, 'long');
is(as_role($node, 'ann', q{SELECT part, state, role FROM mlops.worker_status WHERE part <> 'database'}), "launcher|running|\nworker|running|ann", 'its owner sees the worker');
is(as_role($node, 'bob', q{SELECT part, state, role, failures FROM mlops.worker_status}), "launcher|running||\ndatabase|idle||", 'another role does not');
is($node->safe_psql('closed', qq{SELECT count(*) FROM mlops.worker_status WHERE pid = $pid}), '0', 'nor does another database');
is($node->safe_psql('postgres', qq{SELECT application_name, query ~ '^mlops job \\d+\$' FROM pg_stat_activity WHERE pid = $pid}), 'mlops worker|t',
	'pg_stat_activity names the job, not its source');
is(as_role($node, 'ann', q{SELECT signalled FROM mlops.cancel_job('long')}), 't', 'cancel_job() reaches a worker');
ok(wait_run($node, 'long', 'cancelled'), 'and the job ends');
is($node->safe_psql('postgres', q{SELECT state, failures, next_due > now() + interval '50 minutes' FROM mlops.jobs WHERE name = 'long'}), 'idle|0|t', 'until its next time');
$node->safe_psql('postgres', q{ALTER ROLE bob SET statement_timeout = '300ms'});
as_role($node, 'bob', plan_sleep('timed', 60, '1 hour') . plan_train('after', undef, q{now() + interval '1 ms'}));
ok(wait_run($node, 'timed', 'cancelled'), 'statement_timeout of the owner counts for a job');
ok(wait_run($node, 'after', 'succeeded'), 'and for that one only');

# SIGTERM: a launcher comes back, and knows of the worker that is there
as_role($node, 'ann', plan_sleep('across', 12));
worker_pid($node, 'across');
$pid = launcher_pid($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
is(as_role($node, 'ann', q{SELECT state FROM mlops.worker_status WHERE part = 'worker'}), 'running', 'a worker does not end with its launcher');
as_role($node, 'bob', plan_train('meanwhile'));
ok(wait_true($node, qq{count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'mlops launcher' AND pid <> $pid}), 'after SIGTERM the launcher comes back');
ok(wait_run($node, 'meanwhile', 'succeeded'), 'and runs what became due');
ok(wait_run($node, 'across', 'succeeded'), 'what ran goes on');
is($node->safe_psql('postgres', q{SELECT count(*) FROM mlops.job_runs WHERE name = 'across'}), '1', 'and was not begun twice');

# off, on, and where
$node->append_conf('postgresql.conf', "mlops.enabled = off\n");
$node->reload;
ok(wait_true($node, q{state = 'disabled' FROM mlops.worker_status WHERE part = 'launcher'}), 'turned off');
as_role($node, 'ann', plan_train('off'));
sleep 2;
is(run_state($node, 'off'), '', 'nothing runs');
as_role($node, 'ann', 'CALL mlops.run_due_jobs()');
is(run_state($node, 'off'), 'succeeded', 'but what is called for');
$node->safe_psql('closed', 'GRANT CONNECT ON DATABASE closed TO PUBLIC');
$node->append_conf('postgresql.conf', "mlops.enabled = on\nmlops.databases = 'no_such, closed'\n");
$node->reload;
as_role($node, 'ann', plan_train('not_here'));
as_role($node, 'ann', plan_train('here'), 'closed');
ok(wait_run($node, 'here', 'succeeded', 'closed'), 'turned on for one database');
is(run_state($node, 'not_here'), '', 'and not for the other');
$node->append_conf('postgresql.conf', "mlops.databases = '*'\n");
$node->reload;
ok(wait_run($node, 'not_here', 'succeeded'), 'until it is');
is(run_state($node, 'undone'), '', 'a job whose transaction was rolled back is none');
is(log_count($node, qr/TRAP|PANIC|segfault|signal 11|leak/), 0, 'nothing odd in the log');

$node->stop;
done_testing();
