# A preloaded postmaster has one thread: OpenBLAS, whose threaded flavour starts
# a pool as soon as it is loaded, must only ever be met by a backend, and there
# with one thread (it forks, and signals belong to its one thread).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => '/proc is not mounted' unless -d '/proc/self/task';

# Does the installed flavour start threads at all?  Else the test means little.
my $cpus = grep { /^processor/ } split /\n/, slurp_file('/proc/cpuinfo');
my $plain = do
{
	local $ENV{LD_PRELOAD} = 'libopenblas.so.0';
	delete local $ENV{OPENBLAS_NUM_THREADS};
	`sh -c 'ls /proc/self/task' 2>/dev/null`;
};
SKIP:
{
	skip 'one processor, no pool', 1 if $cpus < 2;
	cmp_ok(scalar(split ' ', $plain), '>', 1, 'OpenBLAS as installed starts threads when loaded plainly');
}

my $node = new_node('main', conf => "shared_preload_libraries = 'mlops'\n");
make_rows($node, 'rows', 2000);
my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

is(threads_of($postmaster), 1, 'preloaded, idle postmaster has one thread');
unlike(maps_of($postmaster), qr/openblas/, 'and has not loaded OpenBLAS');
like(maps_of($postmaster), qr/mlops\.so/, 'though it has loaded mlops');

my $session = $node->background_psql('postgres');
my $backend = $session->query_safe('SELECT pg_backend_pid()');
unlike(maps_of($backend), qr/openblas/, 'a backend that has not trained has not loaded it either');
$session->query_safe(q{SELECT mlops.train('lin', 'rows', 'y')});
$session->query_safe(q{SELECT mlops.train('log', 'rows', 'good')});
like(maps_of($backend), qr/openblas/, 'training opens OpenBLAS in the backend');
is(threads_of($backend), 1, 'which still has one thread');
is(threads_of($postmaster), 1, 'as has the postmaster');
unlike(maps_of($postmaster), qr/openblas/, 'which still has not loaded it');
$session->quit;

done_testing();
