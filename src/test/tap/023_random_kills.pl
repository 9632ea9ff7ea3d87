# Workers, the launcher, sessions and the server are killed at random while jobs train,
# predictions are logged, and a monitor counts them: nothing that was committed is lost,
# each row is counted once, and no job is stuck.
# MLOPS_KILL_SECONDS: how long (10).

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

my $seconds = $ENV{MLOPS_KILL_SECONDS} // 10;
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
as_role($node, 'ann', q{
	SELECT mlops.train('scored', 'public.rows', 'y', 'linear_regression');
	SELECT mlops.train('scored', 'SELECT * FROM public.rows WHERE id <= 400', 'y', 'linear_regression');
	SELECT mlops.monitor('scored', every => '1 second', "window" => '1 minute', lateness => '1 minute')});
as_role($node, 'ann', join '', map { plan_train("t$_", '1 second') } 1 .. 3);
as_role($node, 'bob', plan_train('u1', '1 second') . plan_sleep('u2', 1.5, '2 seconds'));
$node->safe_psql('postgres', q{
	SELECT mlops.set_retention('audit', '1 year', '3 years');
	SELECT mlops.schedule('retain', 'retention', '2 seconds');
	SELECT mlops.schedule('seal', 'audit', '1 second')});

# A batch is logged, and noted, in one transaction, some of it for minutes that are judged
# already.  Three clients are at it; what they are told is committed has to stay.
my $batch = 0;
my (@clients, @told);
sub score
{
	my ($ago) = @_;
	$batch++;
	my $version = 1 + int(rand 2);
	$ago //= rand() < 0.5 ? 0 : int(rand 600);
	my $wait = rand() < 0.3 ? 'pg_sleep(' . rand(0.5) . ')' : '1';
	my $s = start_sql($node, qq{SET ROLE ann; BEGIN;
		SELECT count(s.prediction_id) FROM rows r, LATERAL mlops.score('scored:${version}', r, 'k' || r.id || '-$batch',
			at => clock_timestamp() - $ago * interval '1 second') s WHERE r.id <= 40;
		INSERT INTO done VALUES ($batch, 40); SELECT $wait; COMMIT;});
	push @clients, { %$s, batch => $batch };
	end_client() if @clients > 3;
}

sub end_client
{
	my $s = shift @clients;
	push @told, $s->{batch} if eval { IPC::Run::finish($s->{handle}) };
}

sub pid_of
{
	my ($type) = @_;
	my ($rc, $pid) = try_sql($node, qq{
		SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1});
	return $rc == 0 ? $pid : '';
}

my %killed = (worker => 0, terminated => 0, launcher => 0, session => 0, client => 0, server => 0);
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
		my $s = do { local $ENV{PGUSER} = rand() < 0.5 ? 'ann' : 'bob'; start_sql($node, 'CALL mlops.run_due_jobs(1)') };
		sleep rand 0.3;
		if ($pid = pid_of('client backend')) { kill 'TERM', $pid and $killed{session}++; }
		wait_sql($s);
	}
	elsif ($dice < 0.40 && ($pid = pid_of('client backend')))
	{
		kill 'KILL', $pid and $killed{client}++;
	}
	elsif ($dice < 0.44)
	{
		$node->stop(rand() < 0.5 ? 'immediate' : 'fast');
		$node->start;
		$killed{server}++;
	}
	# the wait after a crash is shortened, so that jobs are killed more than once
	try_sql($node, q{UPDATE mlops_private.job SET next_due = now(), state = 'idle', failures = 0
		WHERE state <> 'running' AND next_due > now() + interval '3 seconds'}) if rand() < 0.3;
	sleep rand 0.3;
}
end_client() while @clients;
diag join ', ', map { "$_: $killed{$_}" } sort keys %killed;
wait_true($node, 'true') or die 'the server did not come back';

# what runs now is killed once more, and waits like the rest
$node->restart;

# afterwards: every job runs once more, and nothing says that it runs while nobody is at it
ok(wait_true($node, q{count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'mlops launcher'}), 'there is a launcher');
ok(wait_true($node, q{NOT EXISTS (SELECT FROM mlops_private.job j WHERE state = 'running' AND NOT EXISTS
	(SELECT FROM pg_stat_activity a WHERE a.pid = j.running_pid AND a.backend_start = j.running_backend_start))}), 'no job is stuck');
my $last = $node->safe_psql('postgres', 'SELECT coalesce(max(run_id), 0) FROM mlops_private.job_run');
$node->safe_psql('postgres', q{UPDATE mlops_private.job SET next_due = now(), state = 'idle', failures = 0 WHERE state <> 'running'});
ok(wait_true($node, qq{count(DISTINCT name) = 8 FROM mlops.job_runs WHERE state = 'succeeded' AND run > $last}), 'every job is done again');
is($node->safe_psql('postgres', q{SELECT count(*) FROM mlops_private.job_run r WHERE state = 'running' AND NOT EXISTS
	(SELECT FROM mlops_private.job j WHERE j.running_run = r.run_id)}), '0', 'and no run goes on by itself');
is($node->safe_psql('postgres', q{SELECT count(*) FROM done d
	FULL JOIN (SELECT split_part(key, '-', 2)::bigint AS batch, count(*) AS n, count(DISTINCT key) AS keys FROM mlops_private.prediction GROUP BY 1) p USING (batch)
	WHERE (d.n, d.n) IS DISTINCT FROM (p.n, p.keys)}), '0', 'what was logged is what was committed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM unnest(ARRAY[' . join(',', @told) . ']::bigint[]) AS b WHERE b NOT IN (SELECT batch FROM done)'),
	'0', 'and all that a client was told');

# the monitor's windows, late rows among them (one batch is, whatever happened), against a recount of the log
score(300);
end_client();
as_role($node, 'ann', q{SELECT mlops.unschedule('monitor:scored')});
ok(wait_true($node, q{NOT EXISTS (SELECT FROM mlops_private.job WHERE name = 'monitor:scored')}), 'the monitor has no job any more');
1 while as_role($node, 'ann', q{SELECT more FROM mlops.run_monitor('scored')}) eq 't';
my $counted = $node->safe_psql('postgres', q{
	WITH s AS (SELECT version, window_start, sum(rows) AS rows, sum(skipped) AS skipped FROM mlops_private.windows_stored('scored') GROUP BY 1, 2),
	sc AS (SELECT version, window_start, k, sum(n) AS n FROM mlops_private.windows_stored('scored'), unnest(latency || counts) WITH ORDINALITY AS u (n, k) GROUP BY 1, 2, 3),
	r AS (SELECT * FROM mlops_private.windows_recounted('scored', '1 minute')),
	rc AS (SELECT version, window_start, k, n FROM r, unnest(latency || counts) WITH ORDINALITY AS u (n, k))
	SELECT (SELECT sum(rows) FROM s), (SELECT count(*) FROM s FULL JOIN r USING (version, window_start) WHERE (s.rows, s.skipped) IS DISTINCT FROM (r.rows, r.skipped)),
	       (SELECT count(*) FROM sc FULL JOIN rc USING (version, window_start, k) WHERE sc.n IS DISTINCT FROM rc.n)});
is($counted, $node->safe_psql('postgres', 'SELECT count(*) FROM mlops_private.prediction') . '|0|0', 'the monitor has counted each row once, in its window');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (
	SELECT p.version, date_bin('1 minute', p.happened_at, '2000-01-01') AS window_start, count(*) AS rows FROM mlops_private.prediction p GROUP BY 1, 2) p
	FULL JOIN (SELECT version, window_start, sum(rows) AS rows FROM mlops_private.log_window GROUP BY 1, 2) l USING (version, window_start)
	WHERE p.rows IS DISTINCT FROM l.rows}), '0', 'as a plain query of both says');
cmp_ok($node->safe_psql('postgres', 'SELECT coalesce(sum(rows), 0) FROM mlops_private.log_window WHERE late'), '>', 0, 'late ones were among them');
diag "$batch transactions sent, " . @told . ' acknowledged, ' . $node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM done) || ' committed; runs: ' ||
	string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM mlops_private.job_run GROUP BY 1) r});
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
