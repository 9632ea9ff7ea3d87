# Many databases, a launcher that does not grow, and pg_upgrade with the library preloaded.
# MLOPS_MANY_DATABASES: how many (10).

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

my $many = $ENV{MLOPS_MANY_DATABASES} // 10;
my $node = launched_node('main');
make_rows($node, 'rows', 100);
$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN; GRANT SELECT ON rows TO PUBLIC');
$node->append_conf('postgresql.conf', "mlops.enabled = off\n");
$node->restart;
$node->safe_psql('postgres', 'SET ROLE ann;' . plan_train('job', '1 day', q{now() - interval '1 hour'}));
$node->safe_psql('postgres', "CREATE DATABASE d$_ TEMPLATE postgres") for 1 .. $many;
$node->append_conf('postgresql.conf', "mlops.enabled = on\n");
$node->reload;
my $began = time;
my $done = grep { wait_run($node, 'job', 'succeeded', "d$_") } 1 .. $many;
is($done, $many, "the jobs of $many databases are run: " . sprintf('%.1f', time - $began) . ' seconds');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'mlops worker'}), '<=', 2, 'by no more workers than may be');

# each of these wakes the launcher and, mostly, starts a worker
my $pid = launcher_pid($node);
my $wake = q{SELECT count(*) FROM mlops.schedule('j', 'audit', '1 hour', start => now() + interval '1 hour'); SELECT count(*) FROM mlops.unschedule('j');};
my @kb;
for (1 .. 3)
{
	$node->safe_psql('d1', join "\n", ($wake) x 150);
	push @kb, status_kb($pid, 'RssAnon');
}
cmp_ok($kb[2] - $kb[1], '<=', 64, "the launcher does not grow: @kb kB");

# pg_upgrade starts servers with the library preloaded, in which nothing may run
$node->safe_psql('postgres', q{UPDATE mlops_private.job SET next_due = now() + interval '1 day'});
$node->append_conf('postgresql.conf', "mlops.enabled = off\n");
$node->restart;
$node->safe_psql('postgres', "DROP DATABASE d$_") for 2 .. $many;
$node->safe_psql('d1', q{UPDATE mlops_private.job SET next_due = now() - interval '1 minute'});
my $runs = $node->safe_psql('d1', 'SELECT count(*) FROM mlops_private.job_run');
$node->append_conf('postgresql.conf', "mlops.enabled = on\n");
$node->stop;
my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'mlops'\nmlops.launcher_poll = 1\n");
my $bin = $node->config_data('--bindir');
chomp $bin;
my $before = time;
chdir $PostgreSQL::Test::Utils::tmp_check;
command_ok([ 'pg_upgrade', '--no-sync', '-d', $node->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin,
		'-s', $new->host, '-p', $node->port, '-P', $new->port ], 'pg_upgrade');
my $after = time;
$new->start;
ok(wait_true($new, "count(*) > $runs FROM mlops_private.job_run WHERE state = 'succeeded'", 'd1'), 'and afterwards the jobs go on');
is($new->safe_psql('d1', "SELECT count(*) FROM mlops_private.job_run WHERE started_at BETWEEN to_timestamp($before) AND to_timestamp($after)"), '0', 'none of them meanwhile');

$new->stop;
done_testing();
