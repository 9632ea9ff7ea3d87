# The prediction log across prepared transactions, crashes, standbys and dumps.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary', allows_streaming => 1, conf => "max_prepared_transactions = 4\n");
make_rows($node, 'rows', 2000);
$node->safe_psql('postgres', q{SELECT mlops.train('m', 'rows', 'y'); SELECT * FROM mlops.log_upkeep()});

sub logged
{
	my ($n, $prefix) = @_;
	return $n->safe_psql('postgres', qq{SELECT count(*) || ' ' || count(DISTINCT prediction) FROM mlops.predictions WHERE key LIKE '$prefix%'});
}

# what waits is written when the transaction is prepared, and is there or not as that ends
$node->safe_psql('postgres', q{
	BEGIN;
	SELECT count(mlops.score('m', r, 'kept ' || id)) FROM rows r WHERE id <= 1500;
	PREPARE TRANSACTION 'kept';});
$node->safe_psql('postgres', q{
	BEGIN;
	SELECT count(mlops.score('m', r, 'gone ' || id)) FROM rows r WHERE id <= 1500;
	PREPARE TRANSACTION 'gone';});
is(logged($node, 'kept'), '0 0', 'nothing is seen of a prepared transaction');
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', q{COMMIT PREPARED 'kept'});
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'gone'});
is(logged($node, 'kept'), '1500 1500', 'it is when it commits, after a crash too');
is(logged($node, 'gone'), '0 0', 'and not when it is rolled back');

# a crash takes what was not committed; numbers are not given twice
$node->safe_psql('postgres', q{SELECT count(mlops.score('m', r, 'before ' || id)) FROM rows r WHERE id <= 100});
my $session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN; SELECT count(mlops.score('m', r, 'lost ' || id)) FROM rows r;});
$node->stop('immediate');
eval { $session->quit };
$node->start;
$node->safe_psql('postgres', q{SELECT count(mlops.score('m', r, 'after ' || id)) FROM rows r WHERE id <= 100});
is(logged($node, 'before'), '100 100', 'what was committed outlives a crash');
is(logged($node, 'lost'), '0 0', 'what was not goes with it');
is($node->safe_psql('postgres', q{SELECT count(*) = count(DISTINCT prediction) FROM mlops.predictions}), 't', 'every number once');
is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM mlops_private.prediction WHERE key LIKE 'after%' AND key = 'after 7'}), '1', 'indexes have what was written');

# a standby answers and does not log; promoted, it does
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', q{SELECT count(s.value) || ' ' || count(s.prediction_id) FROM rows r, LATERAL mlops.score('m', r, 'standby ' || r.id) s}),
	'2000 0', 'a standby answers without logging');
is($standby->safe_psql('postgres', q{SELECT bool_and(s.value = mlops.predict('m', r)) FROM rows r, LATERAL mlops.score('m', r) s}), 't', 'what predict() says');
is(logged($standby, 'kept'), '1500 1500', 'and shows the log');
is(substr(sqlstate($standby, q{SELECT * FROM mlops.log_upkeep();}), 0, 5), '25006', 'upkeep is refused there');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'no promotion';
$standby->safe_psql('postgres', q{SELECT count(mlops.score('m', r, 'promoted ' || id)) FROM rows r});
is(logged($standby, 'promoted'), '2000 2000', 'promoted, it logs');
is($standby->safe_psql('postgres', q{SELECT count(*) = count(DISTINCT prediction) FROM mlops.predictions}), 't', 'with numbers of its own');
$standby->stop;

# dumped and restored by several jobs, days come with all that belongs to them, and upkeep goes on
my $dump = $node->backup_dir . '/log.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'pg_restore', '-j', '3', '-d', $node->connstr('again'), $dump ], 'restore by three jobs');
my $facts = q{
	SELECT c.relname, c.relrowsecurity, obj_description(c.oid, 'pg_class'), pg_get_expr(c.relpartbound, c.oid),
	       ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = c.oid ORDER BY 1),
	       ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid),
	       (SELECT count(*) FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
	  FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'mlops_private.prediction'::regclass ORDER BY 1};
is($node->safe_psql('again', $facts), $node->safe_psql('postgres', $facts), 'partitions are what they were');
my $rows = q{SELECT count(*), md5(string_agg(p::text, ',' ORDER BY prediction_id)) FROM mlops_private.prediction p};
is($node->safe_psql('again', $rows), $node->safe_psql('postgres', $rows), 'and so are their rows');
is($node->safe_psql('again', q{SELECT count(*) FROM mlops.log_upkeep()}), '0', 'no day is made twice');
$node->safe_psql('again', q{DO $$ DECLARE n text; BEGIN FOR n IN SELECT partition FROM mlops.log_partitions WHERE day > current_date + 1 LOOP EXECUTE 'DROP TABLE mlops_private.' || n; END LOOP; END $$});
cmp_ok($node->safe_psql('again', q{SELECT count(*) FROM mlops.log_upkeep() WHERE action = 'made'}), '>=', 1, 'the next ones are');
$node->safe_psql('again', 'DROP EXTENSION mlops CASCADE');
is($node->safe_psql('again', q{SELECT count(*) FROM pg_class WHERE relname ~ '^prediction_'}), '0', 'DROP EXTENSION takes them along');

done_testing();
