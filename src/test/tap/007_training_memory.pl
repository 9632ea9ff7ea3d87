# mlops.training_memory (P8): what a training needs is refused before it is taken,
# with both numbers, and one that is let through stays within the bound.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "shared_buffers = 16MB\nmax_parallel_workers_per_gather = 0\n");
$node->safe_psql('postgres', q{
	CREATE TABLE wide AS
	SELECT i AS id, } . join(', ', map { "sin(i * $_.5) AS x$_" } 1 .. 20) . q{, sin(i) + cos(i * 2.5) AS y
	  FROM generate_series(1, 300000) AS i;
	VACUUM ANALYZE wide;});

for my $algorithm ('linear_regression', 'logistic_regression')
{
	my $target = $algorithm eq 'linear_regression' ? 'y' : 'good';
	my $source = q{SELECT *, y > 0 AS good FROM wide};
	my $features = q{ARRAY[} . join(',', map { "'x$_'" } 1 .. 20) . q{]::name[]};
	my $sql = "SELECT mlops.train('m', '$source', '$target', '$algorithm', $features);";

	my $refused = sqlstate($node, "SET mlops.training_memory = '2MB'; $sql");
	like($refused, qr/^54000 .*\b\d+ kB.*mlops\.training_memory is 2048 kB/, "$algorithm: refused with both numbers");
	my ($need) = $refused =~ /(\d+) kB/;
	cmp_ok($need // 0, '>', 2048, "$algorithm: the first is the larger one");

  SKIP:
	{
		skip '/proc is not mounted', 2 unless -r '/proc/self/status';
		my $session = $node->background_psql('postgres', on_error_stop => 0);
		my $pid = $session->query('SELECT pg_backend_pid()');
		# what any scan, and the libraries, cost
		$session->query(q{SELECT count(*), sum(x1) FROM wide});
		$session->query(q{SELECT mlops.train('warm', 'SELECT x1, y FROM wide LIMIT 1000', 'y')});
		my $before = status_kb($pid, 'VmHWM');
		$session->query(q{SET mlops.training_memory = '128MB'});
		$session->query($sql);
		my $grown = status_kb($pid, 'VmHWM') - $before;
		is($node->safe_psql('postgres', q{SELECT count(*) FROM mlops.versions WHERE model = 'm'}), '1', "$algorithm: trained within 128 MB");
		cmp_ok($grown, '<=', 128 * 1024 * 1.1, "$algorithm: and took no more (grew by $grown kB)");
		$session->quit;
		$node->safe_psql('postgres', q{SELECT mlops.drop_model('m'); SELECT mlops.drop_model('warm')});
	}
}
done_testing();
