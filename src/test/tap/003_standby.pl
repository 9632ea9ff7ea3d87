# A hot standby scores, sees an alias move once it is replayed, and trains after
# promotion (P4, P5).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', allows_streaming => 1);
make_rows($primary, 'rows', 2000);
$primary->safe_psql('postgres', q{SELECT mlops.train('m', 'rows', 'y')});
$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->start;

my $query = q{SELECT sum(mlops.predict('m', r)) FROM rows r};
my $v1 = $primary->safe_psql('postgres', $query);
is($standby->safe_psql('postgres', $query), $v1, 'the standby predicts what the primary predicts');

# the same session, with a prepared statement, before and after replay
my $session = $standby->background_psql('postgres');
$session->query_safe("PREPARE p AS $query");
is($session->query_safe('EXECUTE p'), $v1, 'a session of the standby');
$primary->safe_psql('postgres', q{SELECT mlops.train('m', 'SELECT id, x1, y FROM rows', 'y')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($session->query_safe('EXECUTE p'), $v1, 'a new version moves no alias by itself');
$primary->safe_psql('postgres', q{SELECT mlops.set_alias('m', 'champion', 2)});
my $v2 = $primary->safe_psql('postgres', $query);
isnt($v2, $v1, 'the new champion predicts something else');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($session->query_safe('EXECUTE p'), $v2, 'the same session sees the alias move after replay');
is($standby->safe_psql('postgres', q{SELECT sum(mlops.predict('m:1', r)) FROM rows r}), $v1, 'version 1 is still there');
$session->quit;

# how good the primary's predictions were can be asked of the standby
$primary->safe_psql('postgres', q{SELECT count(mlops.score('m:1', r, r.id::text)) FROM rows r});
$primary->safe_psql('postgres', q{SELECT count(mlops.record_outcome('m', id::text, y)) FROM rows WHERE id % 2 = 0});
my $how_good = q{SELECT string_agg(metric || ' ' || value || ' ' || rows, ', ') FROM mlops.performance('m', "window" => '1 day') WHERE metric !~ 'latency'};
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
like($standby->safe_psql('postgres', $how_good), qr/^rmse \S+ 1000, .*skipped 0 2000/, 'performance on a standby');
is($standby->safe_psql('postgres', $how_good), $primary->safe_psql('postgres', $how_good), 'as on the primary');

is(substr(sqlstate($standby, q{SELECT mlops.train('m', 'rows', 'y');}), 0, 5), '25006', 'training is refused on a standby');
is(substr(sqlstate($standby, q{SELECT mlops.set_alias('m', 'champion', 1);}), 0, 5), '25006', 'and so is moving an alias');

$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'no promotion';
is($standby->safe_psql('postgres', $query), $v2, 'predicts after promotion');
$standby->safe_psql('postgres', q{SELECT mlops.train('m', 'rows', 'y', alias => 'champion')});
is($standby->safe_psql('postgres', $query), $v1, 'and trains');
is($standby->safe_psql('postgres', q{SELECT champion FROM mlops.models WHERE model = 'm'}), '3', 'as version 3');

done_testing();
