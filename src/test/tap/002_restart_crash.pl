# Crash safety (P4, P6): a training that dies leaves nothing half stored, and
# what was committed survives an immediate shutdown.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_node('main', conf => "restart_after_crash = on\n");
make_rows($node, 'rows', 2000);
make_rows($node, 'many', 1500000);
$node->safe_psql('postgres', q{SELECT mlops.train('m', 'rows', 'y')});
my $before = $node->safe_psql('postgres', q{SELECT sum(mlops.predict('m', r)) FROM rows r});
isnt($before, '', 'a model predicts');

sub counts
{
	return $node->safe_psql('postgres', q{
		SELECT (SELECT count(*) FROM mlops.models), (SELECT count(*) FROM mlops.versions),
		       (SELECT count(*) FROM mlops.aliases)});
}
my $counts = counts();

# the server has noticed that a backend was killed, and is there again
sub wait_for_restart
{
	my ($offset) = @_;
	for (1 .. 600)
	{
		last if slurp_file($node->logfile, $offset) =~ /reinitializing/;
		usleep(100_000);
	}
	$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'the server did not come back';
}

# killed while it trains
my $s = start_sql($node, q{SELECT mlops.train('k', 'many', 'good');});
my $pid = running_pid($node, q{mlops.train(''k'', ''many''});
my $offset = -s $node->logfile;
kill 'KILL', $pid;
my ($out, $err) = wait_sql($s);
like($err, qr/closed the connection|crash of another|terminat/i, 'the backend was killed in training');
wait_for_restart($offset);
is(counts(), $counts, 'nothing half stored');

# killed after training, before commit
my $session = $node->background_psql('postgres', on_error_stop => 0);
$pid = $session->query('SELECT pg_backend_pid()');
$session->query(q{BEGIN; SELECT mlops.train('m', 'rows', 'y'); SELECT mlops.train('n', 'rows', 'y')});
$offset = -s $node->logfile;
kill 'KILL', $pid;
eval { $session->quit };
wait_for_restart($offset);
is(counts(), $counts, 'what was not committed is gone');

is($node->safe_psql('postgres', q{SELECT sum(mlops.predict('m', r)) FROM rows r}), $before, 'the model predicts as before');
$node->safe_psql('postgres', q{SELECT mlops.train('m', 'rows', 'y', alias => 'next')});
like($node->safe_psql('postgres', q{SELECT max(version) FROM mlops.versions WHERE model = 'm'}), qr/^[2-9]$/, 'and can be trained again');

$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', q{SELECT sum(mlops.predict('m@next', r)) FROM rows r}), $before,
	'an immediate shutdown loses nothing that was committed');

done_testing();
