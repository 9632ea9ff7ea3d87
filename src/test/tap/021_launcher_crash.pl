# Workers and the end of things: kill -9, an immediate shutdown, a standby that is promoted,
# a standby that does not answer, a restore, a clock that jumps, no process to be had.

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

# A clock that is off by what a file says: for the server only.
my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/clock.c", <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/time.h>
int gettimeofday(struct timeval *tv, void *tz)
{
	static int (*real)(struct timeval *, void *);
	char text[32];
	long offset = 0;
	FILE *f = fopen(CLOCK_FILE, "r");
	int rc;

	if (!real)
		real = (int (*)(struct timeval *, void *)) dlsym(RTLD_NEXT, "gettimeofday");
	rc = real(tv, tz);
	if (f)
	{
		if (fgets(text, sizeof(text), f))
			sscanf(text, "%ld", &offset);
		fclose(f);
	}
	tv->tv_sec += offset;
	return rc;
}
C
my $clock = system("cc -shared -fPIC -DCLOCK_FILE='\"$dir/offset\"' -o $dir/clock.so $dir/clock.c -ldl 2>/dev/null") == 0;
sub set_clock
{
	my ($offset) = @_;
	open my $f, '>', "$dir/offset.new" or die; print $f "$offset\n"; close $f;
	rename "$dir/offset.new", "$dir/offset";
}

my $node = launched_node('main', allows_streaming => 1, conf => "restart_after_crash = on\n");
make_rows($node, 'rows', 200);
$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; GRANT SELECT ON rows TO PUBLIC');
$node->backup('base');
my $waits = q{SELECT state, crashes, next_due BETWEEN clock_timestamp() + '4 minutes' AND clock_timestamp() + '6 minutes' FROM mlops.jobs WHERE name = '%s'};

# kill -9
as_role($node, 'ann', plan_sleep('killed', 60, '10 minutes'));
kill 'KILL', worker_pid($node, 'killed');
ok(wait_run($node, 'killed', 'crashed'), 'kill -9: the server comes back, and a worker finds what was left');
is($node->safe_psql('postgres', sprintf($waits, 'killed')), 'idle|1|t', 'the job waits for five minutes');
as_role($node, 'ann', plan_train('next'));
ok(wait_run($node, 'next', 'succeeded'), 'the others go on');

# a worker is terminated; the launcher is killed
as_role($node, 'ann', plan_sleep('terminated', 60, '10 minutes'));
my $pid = worker_pid($node, 'terminated');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok(wait_run($node, 'terminated', 'cancelled'), 'SIGTERM of a worker cancels its job');
is($node->safe_psql('postgres', q{SELECT state, failures, crashes, next_due > now() + interval '9 minutes' FROM mlops.jobs WHERE name = 'terminated'}), 'idle|0|0|t',
	'which is due at its next time');
$pid = launcher_pid($node);
kill 'KILL', $pid;
ok(wait_true($node, qq{count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'mlops launcher' AND pid <> $pid}), 'kill -9 of the launcher');

# an immediate shutdown, under a clock that can be set
as_role($node, 'ann', plan_sleep('immediate', 60, '10 minutes'));
worker_pid($node, 'immediate');
$node->stop('immediate');
{
	local $ENV{LD_PRELOAD} = "$dir/clock.so" if $clock;
	$node->start;
}
ok(wait_run($node, 'immediate', 'crashed'), 'an immediate shutdown');
SKIP:
{
	skip 'no C compiler for a clock', 4 unless $clock;
	as_role($node, 'ann', q{SELECT mlops.unschedule(name) FROM mlops.jobs});
	as_role($node, 'ann', plan_train('hourly', '1 hour'));
	ok(wait_run($node, 'hourly', 'succeeded'), 'an hourly job');
	set_clock(3 * 3600);
	ok(wait_true($node, q{count(*) = 2 FROM mlops.job_runs WHERE name = 'hourly' AND state = 'succeeded'}), 'the clock jumps ahead three hours: it is due once');
	set_clock(0);
	as_role($node, 'ann', plan_train('now', '1 hour'));
	ok(wait_run($node, 'now', 'succeeded'), 'and back again: what is due is run');
	sleep 2;
	is($node->safe_psql('postgres', q{SELECT count(*) FROM mlops.job_runs WHERE name = 'hourly'}), '2', 'what is not due is not');
}

# nobody answers for synchronous replication: a worker does not wait, nor does the shutdown
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'\nsynchronous_commit = on\n");
$node->reload;
$node->safe_psql('postgres', 'SET synchronous_commit = local; SET ROLE ann;' . plan_train('sync'));
ok(wait_true($node, q{EXISTS (SELECT FROM mlops.models WHERE model = 'sync')}), 'a standby that does not answer is not waited for');
$node->safe_psql('postgres', q{SET synchronous_commit = local;
	CREATE FUNCTION stubborn(float8) RETURNS float8 LANGUAGE plpgsql AS $$
	BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$});
$node->safe_psql('postgres', 'SET synchronous_commit = local; SET ROLE ann;' . plan_sleep('stopped', 60, '10 minutes'));
$node->safe_psql('postgres', q{SET synchronous_commit = local; SET ROLE bob; SELECT mlops.schedule('stubborn', 'train', '10 minutes',
	'{"model": "stubborn", "target": "y", "algorithm": "linear_regression", "source": "SELECT x1, public.stubborn(y) AS y FROM public.rows"}')});
worker_pid($node, 'stopped');
worker_pid($node, 'stubborn');
cmp_ok(seconds_to(sub { $node->stop('fast') }), '<', 20, 'nor by the shutdown, which does not wait for a job that does not mind');
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$node->start;
ok(wait_run($node, 'stopped', 'running'), 'a job that a fast shutdown interrupted is begun again');
is($node->safe_psql('postgres', q{SELECT r.state, j.failures, j.crashes FROM mlops.job_runs r JOIN mlops.jobs j USING (job) WHERE j.name = 'stopped' ORDER BY r.run LIMIT 1}),
	'cancelled|0|0', 'and has not failed');
ok(wait_run($node, 'stubborn', 'crashed'), 'the other one counts as crashed');
as_role($node, 'ann', q{SELECT mlops.cancel_job('stopped')});
ok(wait_run($node, 'stopped', 'cancelled'), 'until it is cancelled');

# a standby
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
as_role($node, 'ann', plan_sleep('moved', 60, '10 minutes'));
worker_pid($node, 'moved');
as_role($node, 'ann', plan_train('there', '1 day', q{now() + interval '5 seconds'}));
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'mlops'}), '0', 'nothing is started on a standby');
is($standby->safe_psql('postgres', q{SELECT state FROM mlops.worker_status}), 'not running', 'which says so');
$node->stop('immediate');
$standby->promote;
ok(wait_true($standby, q{count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'mlops launcher'}), 'after promotion the launcher starts');
ok(wait_run($standby, 'moved', 'crashed'), 'and what the old primary was at is over');
ok(wait_run($standby, 'there', 'succeeded'), 'what was planned there is run here');

# no process to be had
$standby->append_conf('postgresql.conf', "max_worker_processes = 2\nmax_parallel_workers = 0\n");
$standby->restart;
ok(wait_true($standby, q{count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'mlops launcher'}), 'a server with few processes');
as_role($standby, 'ann', plan_train('starved', '1 hour', q{now() - interval '1 minute'}));
sleep 2;
is(run_state($standby, 'starved'), '', 'no process, no run');
is($standby->safe_psql('postgres', q{SELECT next_due < now() FROM mlops.jobs WHERE name = 'starved'}), 't', 'the job stays due');
is(log_count($standby, qr/mlops could not start a worker/), 1, 'the log says so once');
$standby->append_conf('postgresql.conf', "max_worker_processes = 8\nmlops.max_workers = 1\nmlops.worker_max_runtime = 1\n");
$standby->restart;
ok(wait_run($standby, 'starved', 'succeeded'), 'and then it is run');

# one worker: who waits is served in turn
as_role($standby, 'ann', join '', map { plan_sleep("a$_", 1, undef, q{now() - interval '1 hour'}) } 1 .. 4);
as_role($standby, 'bob', plan_train('b'));
ok(wait_run($standby, 'b', 'succeeded'), 'another role has its turn');
isnt(run_state($standby, 'a4'), 'succeeded', 'before the first one has nothing left');

# a restore: jobs of a dump wait until it is over
$standby->safe_psql('postgres', q{UPDATE mlops_private.job SET state = 'idle', next_due = now() - interval '1 day',
	lease_until = NULL, running_run = NULL, running_pid = NULL, running_backend_start = NULL, running_system = NULL WHERE name IN ('next', 'there')});
$standby->append_conf('postgresql.conf', "mlops.enabled = off\n");
$standby->reload;
$standby->command_ok([ 'pg_dump', '-f', "$dir/dump.sql", $standby->connstr('postgres') ], 'dumped');
append_to_file("$dir/dump.sql", "SELECT pg_sleep(4);\nSELECT coalesce(string_agg(name || ' ' || state, ', '), 'none') FROM mlops.job_runs WHERE started_at BETWEEN now() - interval '3 seconds' AND now();\n");
$standby->append_conf('postgresql.conf', "mlops.enabled = on\n");
$standby->reload;
$standby->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
my ($out, $err) = run_command([ 'psql', '-XAtq', '-d', $standby->connstr('restored'), '-f', "$dir/dump.sql" ]);
is((split /\n/, $out)[-1], 'none', 'while a dump is read its jobs do not run');
ok(wait_true($standby, q{count(*) = 1 FROM mlops.job_runs WHERE name = 'there' AND started_at > now() - interval '20 seconds'}, 'restored'), 'afterwards they do');

$standby->stop;
done_testing();
