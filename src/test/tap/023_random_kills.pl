# Workers, the launcher, sessions and the server are killed at random while jobs train and
# predictions are logged: nothing that was committed is lost, and no job is stuck.
# MLOPS_KILL_SECONDS: how long (12).

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

my $seconds = $ENV{MLOPS_KILL_SECONDS} // 12;
my $seed = $ENV{MLOPS_KILL_SEED} // int(time);
srand($seed);
diag "seed $seed";

my $node = launched_node('main', conf => "restart_after_crash = on\nmlops.max_workers = 3\nmlops.worker_max_runtime = 2\n");
make_rows($node, 'rows', 500);
$node->safe_psql('postgres', q{
	CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; GRANT SELECT ON rows TO PUBLIC;
	CREATE TABLE done (batch bigint PRIMARY KEY, n bigint);
	CREATE TABLE began (batch bigint); GRANT INSERT, SELECT ON began TO PUBLIC;
	GRANT INSERT, SELECT ON done TO PUBLIC});
as_role($node, 'ann', q{SELECT mlops.train('scored', 'public.rows', 'y', 'linear_regression')});
as_role($node, 'ann', join '', map { plan_train("t$_", '1 second') } 1 .. 3);
as_role($node, 'bob', plan_train('u1', '1 second') . plan_sleep('u2', 0.5, '2 seconds'));
$node->safe_psql('postgres', q{
	SELECT mlops.set_retention('audit', '1 year', '3 years');
	SELECT mlops.schedule('retain', 'retention', '2 seconds');
	SELECT mlops.schedule('seal', 'audit', '1 second')});

# A batch is logged, and noted, in one transaction.
my $batch = 0;
sub score
{
	$batch++;
	my ($rc) = $node->psql('postgres', qq{
		BEGIN;
		SELECT count(s.prediction_id) FROM rows r, LATERAL mlops.score('scored', r, 'k' || r.id || '-$batch') s WHERE r.id <= 40;
		INSERT INTO done VALUES ($batch, 40);
		COMMIT;}, extra_params => [ '-U', 'ann' ], on_error_stop => 1);
	return $rc == 0;
}

sub pid_of
{
	my ($type) = @_;
	my ($rc, $pid) = $node->psql('postgres', qq{
		SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' ORDER BY random() LIMIT 1});
	return $rc == 0 ? $pid : '';
}

my %killed = (worker => 0, terminated => 0, launcher => 0, session => 0, server => 0);
my $stop = time + $seconds;
while (time < $stop)
{
	score();
	my $dice = rand;
	my $pid;
	if ($dice < 0.10 && ($pid = pid_of('mlops worker')))
	{
		kill 'KILL', $pid and $killed{worker}++;
	}
	elsif ($dice < 0.25 && ($pid = pid_of('mlops worker')))
	{
		kill 'TERM', $pid and $killed{terminated}++;
	}
	elsif ($dice < 0.30 && ($pid = pid_of('mlops launcher')))
	{
		kill rand() < 0.5 ? 'TERM' : 'KILL', $pid and $killed{launcher}++;
	}
	elsif ($dice < 0.38)
	{
		my $s = start_sql($node, q{SET ROLE NONE; CALL mlops.run_due_jobs(1)});
		sleep rand 0.3;
		if ($pid = pid_of('client backend')) { kill 'TERM', $pid and $killed{session}++; }
		wait_sql($s);
	}
	elsif ($dice < 0.42)
	{
		$node->stop('immediate');
		$node->start;
		$killed{server}++;
	}
	# the wait after a crash is shortened, so that jobs are killed more than once
	$node->psql('postgres', q{UPDATE mlops_private.job SET next_due = now(), state = 'idle', failures = 0
		WHERE state <> 'running' AND next_due > now() + interval '3 seconds'}) if rand() < 0.3;
	sleep rand 0.3;
}
diag join ', ', map { "$_: $killed{$_}" } sort keys %killed;
$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'the server did not come back';

# what runs now is killed once more, and waits like the rest
$node->restart;

# afterwards: every job runs once more, and nothing says that it runs while nobody is at it
ok(wait_true($node, q{count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'mlops launcher'}), 'there is a launcher');
ok(wait_true($node, q{NOT EXISTS (SELECT FROM mlops_private.job j WHERE state = 'running' AND NOT EXISTS
	(SELECT FROM pg_stat_activity a WHERE a.pid = j.running_pid AND a.backend_start = j.running_backend_start))}), 'no job is stuck');
my $last = $node->safe_psql('postgres', 'SELECT coalesce(max(run_id), 0) FROM mlops_private.job_run');
$node->safe_psql('postgres', q{UPDATE mlops_private.job SET next_due = now(), state = 'idle', failures = 0 WHERE state <> 'running'});
ok(wait_true($node, qq{count(DISTINCT name) = 7 FROM mlops.job_runs WHERE state = 'succeeded' AND run > $last}), 'every job is done again');
is($node->safe_psql('postgres', q{SELECT count(*) FROM mlops_private.job_run r WHERE state = 'running' AND NOT EXISTS
	(SELECT FROM mlops_private.job j WHERE j.running_run = r.run_id)}), '0', 'and no run goes on by itself');
is($node->safe_psql('postgres', q{SELECT count(*) FROM mlops_private.prediction}), $node->safe_psql('postgres', 'SELECT coalesce(sum(n), 0) FROM done'),
	'what was logged is what was committed');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT model, max(version), count(*) FROM mlops.versions GROUP BY model HAVING max(version) <> count(*)) x}),
	'0', 'versions have no gaps');
is($node->safe_psql('postgres', q{SELECT bool_and(v.n = coalesce(r.n, 0)) FROM
	(SELECT model, count(*) AS n FROM mlops.versions WHERE model <> 'scored' GROUP BY model) v
	LEFT JOIN (SELECT name, count(*) AS n FROM mlops.job_runs WHERE state = 'succeeded' AND kind = 'train' GROUP BY name) r ON r.name = v.model}),
	't', 'a run that succeeded made one version, and no other run made one');
is($node->safe_psql('postgres', 'SELECT ok FROM mlops.audit_verify()'), 't', 'the audit trail holds');
is(log_count($node, qr/TRAP:|PANIC:|signal 11|signal 6/), 0, 'and the server was only killed by us');

$node->stop;
done_testing();
