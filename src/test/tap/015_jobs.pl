# Jobs and the end of what runs them: a killed session, a restart, a restore into
# another cluster, a role that is dropped.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "restart_after_crash = on\n");
make_rows($node, 'rows', 500);
$node->safe_psql('postgres', q{
	CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN;
	GRANT SELECT ON rows TO ann, bob});

sub as
{
	my ($role, $sql, $n) = @_;
	return ($n // $node)->safe_psql('postgres', $sql, $role ? (extra_params => [ '-U', $role ]) : ());
}

sub job
{
	my ($name, $n) = @_;
	return as('', qq{
		SELECT j.state, j.crashes, j.failures, (SELECT r.state FROM mlops.job_runs r WHERE r.job = j.job ORDER BY r.run DESC LIMIT 1)
		  FROM mlops.jobs j WHERE j.name = '$name'}, $n);
}

# Start the job named, which sleeps, and return the backend and the handle of its session.
sub start_sleeper
{
	# SET ROLE before the CALL would make a transaction block of the two
	my $s = do { local $ENV{PGUSER} = 'ann'; start_sql($node, 'CALL mlops.run_due_jobs()') };
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'}) or die 'no job sleeps';
	return ($s, $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'}));
}

as('ann', q{
	SELECT mlops.schedule('sleeper', 'train', '10 minutes', '{"model": "s", "target": "y",
		"source": "SELECT x1, y FROM public.rows WHERE x1 IS NOT NULL AND pg_sleep(60) IS NOT NULL"}');
	SELECT mlops.schedule('plain', 'train', '1 day', '{"model": "p", "target": "y", "source": "SELECT x1, y FROM public.rows", "algorithm": "linear_regression"}', now() + '1 day')});

# killed while it runs: the server comes back, and the job backs off
my ($s, $pid) = start_sleeper();
is(job('sleeper'), 'running|0|0|running', 'the job runs');
is(as('ann', 'CALL mlops.run_due_jobs(); SELECT count(*) FROM mlops.job_runs'), '1', 'and is not begun twice');
kill 'KILL', $pid;
wait_sql($s);
$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'the server did not come back';
is(job('sleeper'), 'running|0|0|running', 'its row says so after the crash');
as('ann', 'CALL mlops.run_due_jobs()');
is(job('sleeper'), 'idle|1|1|crashed', 'the next call finds that nobody is at it');
is(as('ann', q{SELECT next_due BETWEEN clock_timestamp() + '4 minutes' AND clock_timestamp() + '6 minutes' FROM mlops.jobs WHERE name = 'sleeper'}),
	't', 'it waits for five minutes');
is(as('ann', q{SELECT count(*) FROM mlops.models}), '0', 'and has left nothing');

# a session that was terminated, and one that was cancelled by name
$node->safe_psql('postgres', q{UPDATE mlops_private.job SET next_due = now() WHERE name = 'sleeper'});
($s, $pid) = start_sleeper();
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
wait_sql($s);
as('ann', 'CALL mlops.run_due_jobs()');
is(job('sleeper'), 'idle|2|2|crashed', 'a terminated session is one that is gone');
$node->safe_psql('postgres', q{UPDATE mlops_private.job SET next_due = now() WHERE name = 'sleeper'});
($s, $pid) = start_sleeper();
is(as('', q{SELECT name, signalled FROM mlops.cancel_job('sleeper')}), 'sleeper|t', 'a run is cancelled');
my ($out, $err) = wait_sql($s);
is($err, '', 'which is not an error of the call');
is(job('sleeper'), 'idle|2|2|cancelled', 'but on record');

# an immediate shutdown
$node->safe_psql('postgres', q{UPDATE mlops_private.job SET next_due = now() WHERE name = 'sleeper'});
($s, $pid) = start_sleeper();
my $dir = PostgreSQL::Test::Utils::tempdir();
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/running", $node->connstr('postgres') ], 'dumped while a job runs');
$node->stop('immediate');
wait_sql($s);
$node->start;
as('ann', 'CALL mlops.run_due_jobs()');
is(job('sleeper'), 'idle|3|3|crashed', 'after an immediate shutdown');

# in another cluster, where the roles have other numbers, the jobs go on
my $two = new_node('two', bare => 1);
$two->safe_psql('postgres', 'CREATE ROLE other; CREATE ROLE bob LOGIN; CREATE ROLE ann LOGIN');
$two->command_ok([ 'pg_restore', '--exit-on-error', '-d', $two->connstr('postgres'), "$dir/running" ], 'restored');
is(job('sleeper', $two), 'running|2|2|running', 'the row of a run elsewhere');
$two->safe_psql('postgres', q{UPDATE mlops_private.job SET next_due = now() WHERE name = 'plain'});
as('bob', 'CALL mlops.run_due_jobs()', $two);
is(job('plain', $two), 'idle|0|0|', 'nobody else runs it');
as('ann', 'CALL mlops.run_due_jobs()', $two);
is(job('sleeper', $two), 'idle|3|3|crashed', 'the run elsewhere is over');
is(job('plain', $two), 'idle|0|0|succeeded', 'and the owner runs what is due');
is(as('ann', q{SELECT state, rows > 0 FROM mlops.job_runs WHERE name = 'plain'}, $two), 'succeeded|t', 'and sees it');
my ($rc) = $two->psql('postgres', q{SELECT mlops.schedule('plain', 'train', NULL, '{"model": "p", "source": "x"}')}, extra_params => [ '-U', 'ann' ]);
isnt($rc, 0, 'its name is taken after the restore, too');

# a role that is dropped, and a new one of the same name
as('bob', q{SELECT mlops.schedule('bobs', 'train', NULL, '{"model": "b", "target": "y", "source": "SELECT x1, y FROM public.rows"}')});
$node->safe_psql('postgres', 'DROP OWNED BY bob; DROP ROLE bob; CREATE ROLE bob LOGIN');
as('bob', 'CALL mlops.run_due_jobs()');
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is(as('bob', 'SELECT count(*) FROM mlops.jobs'), '0', 'a namesake has no part in the jobs of a role that is gone');
is($node->safe_psql('postgres', q{SELECT owner IS NULL, state FROM mlops.jobs WHERE name = 'bobs'}), 't|idle', 'they are not run, and shown to superusers');
is($node->safe_psql('postgres', q{SELECT name FROM mlops.unschedule('bobs')}), 'bobs', 'who can remove them');

done_testing();
