# Jobs that nobody calls for: the launcher starts workers, which run them as their owners.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('main', conf => "shared_preload_libraries = 'mlops'\nmlops.launcher_poll = 1\n");
make_rows($node, 'rows', 500);
$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE nol NOLOGIN; GRANT SELECT ON rows TO PUBLIC');

sub as
{
	my ($role, $sql) = @_;
	return $node->safe_psql('postgres', $sql, extra_params => [ '-U', $role ]);
}

sub state_of
{
	my ($name) = @_;
	return $node->safe_psql('postgres', qq{
		SELECT r.state FROM mlops.job_runs r WHERE r.name = '$name' ORDER BY r.run DESC LIMIT 1});
}

sub wait_state
{
	my ($name, $state) = @_;
	return $node->poll_query_until('postgres', qq{
		SELECT coalesce((SELECT r.state FROM mlops.job_runs r WHERE r.name = '$name' ORDER BY r.run DESC LIMIT 1), 'none') = '$state'});
}

my $train = q{'{"model": "%s", "source": "public.rows", "target": "y", "algorithm": "linear_regression"}'};
sub schedule
{
	my ($name, $every, $start) = @_;
	return sprintf(q{SELECT mlops.schedule('%s', 'train', %s, %s, %s);}, $name, $every // 'NULL',
		sprintf($train, $name), $start // 'now()');
}

my $sleeper = q{SELECT mlops.schedule('%s', 'train', '1 hour', '{"model": "s", "target": "y",
	"source": "SELECT x1, y FROM public.rows WHERE x1 IS NOT NULL AND pg_sleep(60) IS NOT NULL"}');};

my $began = time;
as('ann', schedule('one'));
ok(wait_state('one', 'succeeded'), 'a job is run without a client');
cmp_ok(time - $began, '<', 5, 'at once: the launcher was told');
is($node->safe_psql('postgres', q{SELECT owner FROM mlops.models WHERE model = 'one'}), 'ann', 'as its owner');
as('bob', schedule('later', q{'1 day'}, q{now() + interval '2 seconds'}));
ok(wait_state('later', 'succeeded'), 'a job that is due later');
is($node->safe_psql('postgres', q{SELECT r.started_at >= j.first_due AND r.started_at < j.first_due + interval '1 second'
	FROM mlops_private.job j JOIN mlops_private.job_run r USING (job_id) WHERE name = 'later'}), 't', 'is run then');

$node->stop;
done_testing();
