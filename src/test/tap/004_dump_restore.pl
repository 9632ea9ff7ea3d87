# pg_dump and restore keep every model, version, alias and prediction (P6), into
# the same cluster and another one, also where the owner has another OID or is gone.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('one', bare => 1);
$node->safe_psql('postgres', 'CREATE ROLE ann; CREATE ROLE bob; CREATE DATABASE src');
$node->safe_psql('src', 'CREATE EXTENSION mlops; GRANT CREATE ON SCHEMA public TO ann, bob');
make_rows($node, 'rows', 2000, 'src');
$node->safe_psql('src', q{
	GRANT SELECT ON rows TO ann, bob;
	SET ROLE ann;
	SELECT mlops.train('price', 'rows', 'y', note => 'first');
	SELECT mlops.train('price', 'SELECT id, x1, x2, c, y FROM rows', 'y', alias => 'challenger');
	SELECT mlops.set_alias('price@challenger', 'champion', reason => 'why'), mlops.rollback('price');
	SELECT mlops.route('price', '{"champion": 0.7, "challenger": 0.3}');
	SELECT mlops.route('price', '{"champion": 0.8, "challenger": 0.2}');
	SELECT mlops.train('risk', 'rows', 'good');
	SELECT mlops.set_card('risk', '{"purpose_of_model": "first"}');
	SELECT mlops.set_card('risk', '{"factors": ["a|b", "é"], "purpose_of_model": null}');
	SET ROLE bob;
	SELECT mlops.train('bobs', 'rows', 'y');});

my %facts = (
	models => q{SELECT model, task, owner, versions, champion, created_at FROM mlops.models ORDER BY 1},
	versions => q{SELECT v.* FROM mlops.versions v ORDER BY model, version},
	aliases => q{SELECT * FROM mlops.aliases ORDER BY 1, 2},
	history => q{SELECT * FROM mlops.alias_history ORDER BY 1, 2, since},
	routes => q{SELECT r.*, (SELECT md5(string_agg(mlops.variant_of('price', i::text), ',' ORDER BY i)) FROM generate_series(1, 2000) i) FROM mlops.routes r},
	cards => q{SELECT * FROM mlops.cards ORDER BY 1, 2},
	card => q{SELECT mlops.card('risk')},
	artifacts => q{SELECT model_id, version, md5(artifact::text) FROM mlops_private.version ORDER BY 1, 2},
	predictions => q{SELECT sum(mlops.predict('price', r)), sum(mlops.predict('price@challenger', r)),
	                        sum(mlops.predict('risk', r)), sum(mlops.predict('bobs', r)) FROM rows r},
	policies => q{SELECT count(*) > 0, count(*) FROM pg_policies WHERE schemaname LIKE 'mlops%'},
	security => q{SELECT relname, relrowsecurity, relforcerowsecurity, relacl IS NULL FROM pg_class
	               WHERE relnamespace = 'mlops_private'::regnamespace AND relkind = 'r' ORDER BY 1});

sub facts
{
	my ($n, $db, @but) = @_;
	my %but = map { $_ => 1 } @but;
	return join "\n", map { "$_: " . $n->safe_psql($db, $facts{$_}) } grep { !$but{$_} } sort keys %facts;
}

my $want = facts($node, 'src');
like($want, qr/price\|2\|/, 'there is something to lose') or diag $want;

sub trains_on
{
	my ($n, $db, $what) = @_;
	$n->safe_psql($db, q{SELECT mlops.train('price', 'rows', 'y'); SELECT mlops.train('fresh', 'rows', 'y')});
	is($n->safe_psql($db, q{SELECT max(version) FROM mlops.versions WHERE model = 'price'}), '3', "$what: the next version is 3");
	is($n->safe_psql($db, q{SELECT count(*) FROM mlops.models}), '4', "$what: a new model finds its number");
}

my $dir = PostgreSQL::Test::Utils::tempdir();
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/c", $node->connstr('src') ], 'dump, custom format');
$node->command_ok([ 'pg_dump', '-Fp', '-f', "$dir/p.sql", $node->connstr('src') ], 'dump, plain');

$node->safe_psql('postgres', 'CREATE DATABASE c; CREATE DATABASE p');
$node->command_ok([ 'pg_restore', '--single-transaction', '--exit-on-error', '-d', $node->connstr('c'), "$dir/c" ], 'restore in one transaction');
$node->command_ok([ 'psql', '-Xq', '--single-transaction', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('p'), '-f', "$dir/p.sql" ], 'restore the plain dump');
is(facts($node, 'c'), $want, 'custom: everything is there');
is(facts($node, 'p'), $want, 'plain: everything is there');
trains_on($node, 'c', 'custom');
trains_on($node, 'p', 'plain');

# the dump of a restored database is the same dump again
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('again'), "$dir/c" ], 'restore once more');
$node->command_ok([ 'pg_dump', '-Fp', '-f', "$dir/again.sql", $node->connstr('again') ], 'and dump that');
my ($a, $b) = map { my $t = slurp_file("$dir/$_"); $t =~ s/^\\(un)?restrict .*$//mg; $t } 'p.sql', 'again.sql';
is($b, $a, 'dump and restore is a fixed point');

# another cluster, where ann has another OID and bob does not exist
my $two = new_node('two', bare => 1);
$two->safe_psql('postgres', 'CREATE ROLE zoe; CREATE ROLE cat; CREATE ROLE ann; CREATE DATABASE d');
$two->command_ok([ 'pg_restore', '--no-owner', '--no-privileges', '--exit-on-error', '-d', $two->connstr('d'), "$dir/c" ], 'restore in another cluster');
is(facts($two, 'd', 'models'), facts($node, 'again', 'models'), 'another cluster: versions, aliases, artifacts and predictions');
is($two->safe_psql('d', q{SELECT owner FROM mlops.models WHERE model = 'price'}), 'ann', 'the owner is found by name');
my $orphan = $two->safe_psql('d', q{SELECT coalesce(owner::text, 'nobody') FROM mlops.models WHERE model = 'bobs'});
isnt($orphan, $_, "the model of a role that is gone does not fall to $_") for 'ann', 'zoe', 'cat';
$two->safe_psql('d', 'GRANT SELECT ON rows TO ann, zoe; GRANT USAGE ON SCHEMA mlops TO ann, zoe');
isnt($two->safe_psql('d', q{SET ROLE ann; SELECT sum(mlops.predict('price', r)) FROM rows r}), '', 'ann may use her model');
is(substr(sqlstate($two, q{SET ROLE zoe; SELECT mlops.predict('price', r) FROM rows r;}, 'd'), 0, 5), '42704', 'zoe may not');
is(substr(sqlstate($two, q{SET ROLE ann; SELECT mlops.predict('bobs', r) FROM rows r;}, 'd'), 0, 5), '42704', 'and ann may not use the orphan');
isnt($two->safe_psql('d', q{SELECT sum(mlops.predict('bobs', r)) FROM rows r}), '', 'a superuser may');
trains_on($two, 'd', 'another cluster');

done_testing();
