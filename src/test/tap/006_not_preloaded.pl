# Nothing needs shared_preload_libraries (P12), and settings made before the library
# is loaded are checked once it is.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
make_rows($node, 'rows', 2000);
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'not preloaded');
my $out = $node->safe_psql('postgres', q{
	SELECT version FROM mlops.train('m', 'rows', 'good');
	SELECT count(mlops.predict('m', r)), count(mlops.classify('m', r)), count(mlops.proba('m', r)) FROM rows r;
	SELECT count(*) > 3 FROM mlops.coefficients('m');
	CREATE TABLE t (LIKE rows, p float8);
	CREATE TRIGGER s BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('m', 'p');
	INSERT INTO t SELECT * FROM rows LIMIT 10;
	SELECT count(p) FROM t;});
is($out, "1\n2000|2000|2000\nt\n10", 'train, score, look inside, trigger');

is($node->safe_psql('postgres', q{
	SET mlops.training_memory = '1GB';
	SELECT version FROM mlops.train('m', 'rows', 'good');
	SHOW mlops.training_memory;}), "2\n1GB", 'a setting made before the library is loaded counts');
my ($rc, $o, $err) = $node->psql('postgres', q{
	SET mlops.training_memory = 'nonsense';
	SELECT version FROM mlops.train('m', 'rows', 'good');});
like($err, qr/invalid value for parameter "mlops.training_memory"/, 'a bad one is reported');
is(substr(sqlstate($node, q{LOAD 'mlops'; SET mlops.no_such_setting = 1;}), 0, 5), '42602', 'the prefix is reserved');

done_testing();
