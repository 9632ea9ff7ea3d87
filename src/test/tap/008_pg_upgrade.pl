# pg_upgrade from an older server keeps everything (P6).  Needs two servers:
# MLOPS_OLD_INSTALL is an installation of the older one with mlops in it, as
# scripts/check.sh hands into the newer version's folder.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Governed;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old_path = $ENV{MLOPS_OLD_INSTALL};
plan skip_all => 'MLOPS_OLD_INSTALL names no older server' unless $old_path && -x "$old_path/bin/postgres";

my $old = PostgreSQL::Test::Cluster->new('old', install_path => $old_path);
my @same = ('-E', 'UTF8', '--locale=C', '--locale-provider=libc');
@same = ('-E', 'UTF8', '--locale=C') if $old->pg_version < 15;
$old->init(extra => \@same);
$old->start;
$old->safe_psql('postgres', 'CREATE DATABASE governed');
make_governed($old, 'governed');
my $governed = governed_tables($old, 'governed');
my @governed = governed_facts($old, 'governed');

$old->safe_psql('postgres', 'CREATE EXTENSION mlops; GRANT CREATE ON SCHEMA public TO ann');
make_rows($old, 'rows', 2000);
$old->safe_psql('postgres', q{
	GRANT SELECT ON rows TO ann;
	SET ROLE ann;
	SELECT mlops.train('price', 'rows', 'y');
	SELECT mlops.train('price', 'SELECT id, x1, x2, c, y FROM rows', 'y', alias => 'challenger');
	SELECT mlops.train('risk', 'rows', 'good');
	RESET ROLE;
	SELECT mlops.label_column('rows', 'c', 'pii:name mask:partial');});

my @facts = (
	q{SELECT model, task, owner, versions, champion, created_at FROM mlops.models ORDER BY 1},
	q{SELECT model, version, algorithm, metrics, options, aliases, trained_at FROM mlops.versions ORDER BY 1, 2},
	q{SELECT md5(string_agg(artifact::text, ' ' ORDER BY model_id, version)) FROM mlops_private.version},
	q{SELECT * FROM mlops.labels},
	q{SELECT sum(mlops.predict('price', r)), sum(mlops.predict('price@challenger', r)), sum(mlops.predict('risk', r)) FROM rows r});
my $marks = $old->safe_psql('postgres', q{SELECT count(*) FROM pg_attribute WHERE attoptions::text LIKE '%pg_attver%'});
my $want = join "\n", map { $old->safe_psql('postgres', $_) } @facts;
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
my @new_opts = @same;
# since 18 initdb turns checksums on, and pg_upgrade wants both sides alike
push @new_opts, '--no-data-checksums' if $new->pg_version >= 18;
$new->init(extra => \@new_opts);

# Minor versions of one day belong together: an old server that marks columns with
# an option that the new one does not know yet cannot be upgraded by anybody.
$new->start;
my ($known) = $new->psql('postgres', 'CREATE TABLE a (a int); ALTER TABLE a ALTER a SET (pg_attver = 1)');
$new->safe_psql('postgres', 'DROP TABLE IF EXISTS a');
$new->stop;
if ($known != 0 && $marks ne '0')
{
	plan skip_all => 'PostgreSQL ' . $new->pg_version . ' is too old a minor version to upgrade ' . $old->pg_version . ' to';
}
my $new_bin = $new->config_data('--bindir');
chomp $new_bin;
{
	local $ENV{LD_LIBRARY_PATH} = "$old_path/lib";
	chdir $PostgreSQL::Test::Utils::tmp_check;
	command_ok([ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', "$old_path/bin", '-B', $new_bin,
			'-s', $new->host, '-p', $old->port, '-P', $new->port ], 'pg_upgrade');
}
$new->start;
is(join("\n", map { $new->safe_psql('postgres', $_) } @facts), $want, 'models, versions, aliases, artifacts, labels and predictions');
isnt($new->safe_psql('postgres', q{SET ROLE ann; SELECT sum(mlops.predict('price', r)) FROM rows r}), '', 'the owner may use the model');
$new->safe_psql('postgres', q{SELECT mlops.train('price', 'rows', 'y')});
is($new->safe_psql('postgres', q{SELECT max(version) FROM mlops.versions WHERE model = 'price'}), '3', 'and the next version is 3');

# what governance stores: the same rows; only what the servers spell differently may differ
is(governed_tables($new, 'governed'), $governed, 'governance: tables and sequences are the same');
my @now = governed_facts($new, 'governed');
my @other = map { $governed[$_][0] } grep { $now[$_][1] ne $governed[$_][1] } 0 .. $#governed;
is(join(' ', @other), '', 'governance: policies, privileges, views and functions are the same')
	or diag join "\n", map { "$governed[$_][0]: $governed[$_][1]\nnow: $now[$_][1]" } grep { $now[$_][1] ne $governed[$_][1] } 0 .. $#governed;
is($new->safe_psql('governed', 'SELECT ok, first_bad, reason FROM mlops.audit_verify()'), 't||', 'governance: the audit trail holds');
$new->safe_psql('governed', q{
	SET ROLE cat;
	SELECT mlops.set_alias('price:3', 'champion');
	SELECT mlops.run_end(run) FROM mlops.runs WHERE experiment = 'cats';});
is($new->safe_psql('governed', 'SELECT count(*) FROM mlops_private.known_system'), '2', 'governance: the new identifier is remembered, for the next upgrade');
isnt($new->safe_psql('governed', 'SELECT sealed FROM mlops.audit_seal()'), '0', 'governance: sealing goes on');
is($new->safe_psql('governed', 'SELECT ok, first_bad, reason FROM mlops.audit_verify()'), 't||', 'governance: ... and the trail holds');
# roles keep their OIDs, and rights go by them: who was renamed keeps what he had, who has
# the name of a role that was dropped gets nothing, and who never had a right has none
is($new->safe_psql('governed', q{SET ROLE robert; SELECT count(mlops.predict('price', r)) FROM rows r}), '2000', 'governance: a renamed role may');
is(substr(sqlstate($new, q{SET ROLE pat; SELECT mlops.predict('risk', r) FROM rows r;}, 'governed'), 0, 5), '42704', 'governance: a role of the name of a dropped one may not');
is(substr(sqlstate($new, q{SET ROLE cat; SELECT mlops.predict('risk', r) FROM rows r;}, 'governed'), 0, 5), '42704', 'governance: who had no right has none');
is($new->safe_psql('governed', q{SET ROLE cat; SELECT count(*) FROM mlops.versions WHERE model = 'price'}), '3', 'governance: who had it has it');

done_testing();
