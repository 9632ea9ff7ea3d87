# Commands that want a database or the extension for themselves, while workers are there.

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

my $node = launched_node('main', bare => 1, conf => "mlops.max_workers = 4\n");
$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN CREATEDB; CREATE ROLE eve LOGIN; CREATE ROLE bob LOGIN');

# A database with the extension, and a job of ann's that sleeps in it.
sub busy
{
	my ($db, $seconds) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER ann") unless $db eq 'postgres';
	$node->safe_psql($db, 'CREATE EXTENSION mlops');
	make_rows($node, 'rows', 100, $db);
	$node->safe_psql($db, 'GRANT SELECT ON rows TO PUBLIC');
	as_role($node, 'ann', plan_sleep('busy', $seconds // 60, '1 hour', q{now() - interval '1 minute'}), $db);
	worker_pid($node, 'busy', $db);
}

sub quick
{
	my ($sql, $what, $db) = @_;
	my ($rc, $err);
	my $seconds = seconds_to(sub { ($rc, undef, $err) = $node->psql($db // 'postgres', $sql) });
	is($rc, 0, $what) or diag $err;
	cmp_ok($seconds, '<', 5, "$what: soon");
}

# of a database
busy('busy1');
quick('DROP DATABASE busy1', 'DROP DATABASE');
busy('busy2');
quick('ALTER DATABASE busy2 RENAME TO busy3', 'RENAME');
is($node->safe_psql('busy3', q{SELECT state, sqlstate FROM mlops.job_runs ORDER BY run LIMIT 1}), 'cancelled|57014', 'the run made way');
is($node->safe_psql('busy3', q{SELECT failures, crashes, next_due < now() FROM mlops.jobs}), '0|0|t', 'and the job is still due');
ok(wait_run($node, 'busy', 'running', 'busy3'), 'it begins again');
quick('CREATE DATABASE copy TEMPLATE busy3', 'CREATE DATABASE ... TEMPLATE');
ok(wait_run($node, 'busy', 'running', 'busy3'), 'and goes on');
my $dir = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', "CREATE TABLESPACE there LOCATION '$dir'");
quick('ALTER DATABASE busy3 SET TABLESPACE there', 'SET TABLESPACE');
ok(wait_run($node, 'busy', 'running', 'busy3'), 'it begins once more');

# who may not do it disturbs nobody; what fails lets go
my $pid = worker_pid($node, 'busy', 'busy3');
for my $sql ('DROP DATABASE busy3', 'ALTER DATABASE busy3 RENAME TO x', 'CREATE DATABASE x TEMPLATE busy3', 'ALTER DATABASE busy3 SET TABLESPACE pg_default')
{
	my ($rc) = $node->psql('postgres', $sql, extra_params => [ '-U', 'eve' ]);
	isnt($rc, 0, "refused: $sql");
}
my ($rc) = $node->psql('busy3', 'DROP EXTENSION mlops', extra_params => [ '-U', 'ann' ]);
isnt($rc, 0, 'refused: DROP EXTENSION');
is(worker_pid($node, 'busy', 'busy3'), $pid, 'and the worker was left alone');
my $guest = start_sql($node, 'SELECT pg_sleep(60)', 'busy3');
running_pid($node, 'pg_sleep');
my $drop = start_sql($node, 'DROP DATABASE busy3');
ok(wait_true($node, q{NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'mlops worker' AND datname = 'busy3')}), 'another session is in the way');
my (undef, $err) = wait_sql($drop);
like($err, qr/being accessed by other users/, 'DROP DATABASE fails');
ok(wait_run($node, 'busy', 'running', 'busy3'), 'and the job begins again');
# ... as does one that is terminated while it waits
$drop = start_sql($node, 'DROP DATABASE busy3');
ok(wait_true($node, q{NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'mlops worker' AND datname = 'busy3')}), 'again');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'DROP DATABASE busy3'});
wait_sql($drop);
ok(wait_run($node, 'busy', 'running', 'busy3'), 'a session that ends lets go');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'busy3' AND query ~ 'pg_sleep'});
wait_sql($guest);
quick('DROP DATABASE busy3', 'dropped in the end');
$node->safe_psql('postgres', 'DROP DATABASE copy');

# of the extension
busy('ext');
quick('ALTER EXTENSION mlops UPDATE', 'ALTER EXTENSION', 'ext');
worker_pid($node, 'busy', 'ext');
quick('BEGIN; DROP EXTENSION mlops CASCADE; ROLLBACK', 'DROP EXTENSION, rolled back', 'ext');
ok(wait_run($node, 'busy', 'running', 'ext'), 'and the job begins again');
quick('DROP OWNED BY ann', 'DROP OWNED', 'ext');
ok(wait_run($node, 'busy', 'running', 'ext'), 'and the job begins again');
# ... which everybody can do to what is his, so it keeps nobody else's jobs from running
my $owned = start_sql($node, 'SET ROLE eve; BEGIN; DROP OWNED BY eve; SELECT pg_sleep(60)', 'ext');
ok(wait_true($node, q{EXISTS (SELECT FROM pg_stat_activity WHERE query ~ 'DROP OWNED BY eve' AND wait_event = 'PgSleep')}), 'DROP OWNED, not committed');
as_role($node, 'bob', plan_train('beside', '1 hour'), 'ext');
ok(wait_run($node, 'beside', 'succeeded', 'ext'), 'other roles have their jobs run');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'DROP OWNED BY eve' AND pid <> pg_backend_pid()});
wait_sql($owned);
my $table = start_sql($node, q{SET statement_timeout = '1s'; DROP TABLE rows CASCADE}, 'ext');
(undef, $err) = wait_sql($table);
like($err, qr/statement timeout/, 'a table that a job reads is not dropped');
is(run_state($node, 'busy', 'ext'), 'running', 'and the job does not mind');
quick('DROP EXTENSION mlops', 'DROP EXTENSION', 'ext');
ok(wait_true($node, q{NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'mlops worker' AND datname = 'ext')}), 'nobody stays');
$node->safe_psql('ext', 'BEGIN; CREATE EXTENSION mlops;' . plan_train('never') . 'ROLLBACK;');
sleep 1;
is($node->safe_psql('ext', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'mlops worker'}), '0', 'CREATE EXTENSION, rolled back');
quick('DROP DATABASE ext', 'and its database is not kept');
busy('ext', 2);
ok(wait_run($node, 'busy', 'succeeded', 'ext'), 'extension and database made anew');
$node->safe_psql('postgres', 'DROP DATABASE ext');

# a loop, with others that have work to do, and one that is broken
$node->safe_psql('postgres', "CREATE DATABASE broken; UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'");
$node->safe_psql('postgres', 'CREATE DATABASE template TEMPLATE template0');
$node->safe_psql('template', 'CREATE EXTENSION mlops');
make_rows($node, 'rows', 100, 'template');
$node->safe_psql('template', 'GRANT SELECT ON rows TO PUBLIC; GRANT CONNECT ON DATABASE template TO PUBLIC');
my $stop = time + ($ENV{MLOPS_DROP_SECONDS} // 4);
my ($n, $worst) = (0, 0);
$node->safe_psql('postgres', 'CREATE DATABASE steady TEMPLATE template');
as_role($node, 'ann', plan_train('tick', '1 second'), 'steady');
while (time < $stop)
{
	my @dbs = map { "loop$_" } 1 .. 3;
	for my $db (@dbs)
	{
		$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template OWNER ann");
		as_role($node, 'ann', plan_train('a', '1 second') . plan_train('b', '1 second'), $db);
	}
	for my $db (@dbs)
	{
		my $rc;
		my $seconds = seconds_to(sub { ($rc) = $node->psql('postgres', "DROP DATABASE $db") });
		$worst = $seconds if $seconds > $worst;
		$n++;
		die "DROP DATABASE failed" if $rc != 0;
	}
}
cmp_ok($worst, '<', 5, "$n times DROP DATABASE: at most " . sprintf('%.2f', $worst) . ' seconds');
cmp_ok($node->safe_psql('steady', q{SELECT count(*) FROM mlops.job_runs WHERE state = 'succeeded'}), '>', 1, 'and others had their turn');
is(log_count($node, qr{FATAL:  .*broken|TRAP:|PANIC:|deadlock detected|could not start a worker}), 0, 'nothing odd in the log');

$node->stop;
done_testing();
