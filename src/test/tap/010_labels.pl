# Labels of columns travel with dumps, with nothing preloaded; what a session knows that never loaded the library.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('one', bare => 1);
$node->safe_psql('postgres', 'CREATE DATABASE src');
$node->safe_psql('src', q{CREATE EXTENSION mlops});
make_rows($node, 'rows', 300, 'src');

# a session that did nothing of ours yet does not know the provider ...
my $label = q{SECURITY LABEL FOR mlops ON COLUMN rows.c IS 'pii:name'};
like(sqlstate($node, "$label;", 'src'), qr/^22023 .*not loaded/, 'SECURITY LABEL alone does not load the library');
# ... one that calls a function of ours does, and one that loads it at its start
is($node->safe_psql('src', q{SELECT label FROM mlops.label_column('rows', 'c', 'pii:name mask:partial')}),
	'pii:name mask:partial', 'label_column() does');
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=mlops';
	is(sqlstate($node, q{SECURITY LABEL FOR mlops ON COLUMN rows.x3 IS 'mask:round';}, 'src'), '', 'session_preload_libraries does');
}
$node->safe_psql('src', q{
	CREATE SCHEMA "other ""one";
	CREATE TABLE "other ""one"."t T" ("a.b" text, "c" int) PARTITION BY LIST (c);
	CREATE TABLE "other ""one".t1 PARTITION OF "other ""one"."t T" FOR VALUES IN (1);
	CREATE VIEW v AS SELECT c AS renamed, x1, y FROM rows;
	CREATE MATERIALIZED VIEW mat AS SELECT * FROM v;
	SELECT mlops.label_column('"other ""one"."t T"', 'a.b', 'pii');
	SELECT mlops.label_column('"other ""one".t1', 'c', 'mask:null');
	SELECT mlops.label_column('v', 'x1', 'pii:income');
	SELECT mlops.label_column('mat', 'y', 'pii:text mask:redact_text');
	SELECT mlops.label_column('rows', 'good', 'pii:zodiac later:1');});

my %facts = (
	labels => q{SELECT * FROM mlops.labels ORDER BY 1, 2},
	lineage => q{SELECT * FROM mlops.lineage('mat') ORDER BY 1, 2, 3});
sub facts { my ($n, $db) = @_; return join "\n", map { $n->safe_psql($db, $facts{$_}) } sort keys %facts; }
my $want = facts($node, 'src');
is(() = $want =~ /^/mg, 7 + 9, 'there is something to lose') or diag $want;

# Run a program of the node's version; whether it succeeded, its output and what it complained about.
sub run_program
{
	my ($n, $program, @arguments) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ $n->installed_command($program), @arguments ], '>', \$out, '2>', \$err);
	return ($ok, $out, $err);
}

# A restore says nothing but the WARNINGs of words this version does not know.
my $dir = PostgreSQL::Test::Utils::tempdir();
$node->command_ok([ 'pg_dump', '-Fp', '-f', "$dir/p.sql", $node->connstr('src') ], 'dump, plain');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/c", $node->connstr('src') ], 'dump, custom format');
$node->command_ok([ 'pg_dump', '-Fd', '-j2', '-f', "$dir/d", $node->connstr('src') ], 'dump, directory');

sub restore
{
	my ($n, $db, $what, @command) = @_;
	$n->safe_psql('postgres', "CREATE DATABASE $db");
	my ($ok, $out, $err) = run_program($n, @command);
	ok($ok, "$what: restored");
	$err =~ s/^.*WARNING:  unknown (kind of personal data "pii:zodiac"|word "later:1") in a label\n//mg;
	$err =~ s/^(.*DETAIL:  It is kept, for the version of mlops that knows it\.|pg_restore: while PROCESSING TOC:|pg_restore: from TOC entry .* SECURITY LABEL .*|Command was: .*)\n//mg;
	is($err, '', "$what: without a word of complaint");
	is(facts($n, $db), $want, "$what: the labels are there");
}
sub restore_all
{
	my ($n, $what) = @_;
	restore($n, 'p', "$what, plain", 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $n->connstr('p'), '-f', "$dir/p.sql");
	restore($n, 'c', "$what, custom", 'pg_restore', '--exit-on-error', '-d', $n->connstr('c'), "$dir/c");
	restore($n, 's', "$what, one transaction", 'pg_restore', '--single-transaction', '-d', $n->connstr('s'), "$dir/c");
	restore($n, 'j', "$what, parallel", 'pg_restore', '--exit-on-error', '-j2', '-d', $n->connstr('j'), "$dir/d");
}
restore_all($node, 'same cluster');

# another cluster, where preloading would hide nothing either
my $two = new_node('two', bare => 1, conf => "shared_preload_libraries = 'mlops'\n");
is(sqlstate($two, 'CREATE TABLE t (a int); SECURITY LABEL FOR mlops ON COLUMN t.a IS \'pii\';'), '', 'preloaded: the provider is there, even without the extension');
restore_all($two, 'preloaded');

# Restoring a table alone into a database that has the extension: that session does not load the library.
$node->safe_psql('postgres', 'CREATE DATABASE part');
$node->safe_psql('part', 'CREATE EXTENSION mlops');
run_program($node, 'pg_restore', '-t', 'rows', '-d', $node->connstr('part'), "$dir/c");
is($node->safe_psql('part', 'SELECT count(*), (SELECT count(*) FROM mlops.labels) FROM rows'), '300|0', 'pg_restore -t brings no labels');
$node->safe_psql('part', 'DROP TABLE rows');
my $toc = join '', grep { / (TABLE|TABLE DATA|SECURITY LABEL) public (COLUMN rows|TABLE rows|rows)/ }
	split /^/, (run_program($node, 'pg_restore', '-l', "$dir/c"))[1];
append_to_file("$dir/toc", $toc);
sub restore_listed { return (run_program($node, 'pg_restore', '-L', "$dir/toc", '-d', $node->connstr('part'), "$dir/c"))[2]; }
like(restore_listed(), qr/label provider "mlops" is not loaded/, 'a list of entries without the extension: refused') or diag $toc;
$node->safe_psql('part', 'DROP TABLE rows');
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=mlops';
	unlike(restore_listed(), qr/error/, '... unless the session loads the library');
}
is($node->safe_psql('part', q{SELECT count(*) FROM mlops.labels}), '3', '... and the labels are there');

# Labels outlive the extension; a dump of what is left needs the provider, which nothing loads.
$node->safe_psql('c', 'DROP MATERIALIZED VIEW mat; DROP EXTENSION mlops CASCADE');
is($node->safe_psql('c', q{SELECT count(*) FROM pg_seclabels WHERE provider = 'mlops'}), '6', 'DROP EXTENSION leaves labels');
$node->command_ok([ 'pg_dump', '-Fp', '-f', "$dir/left.sql", $node->connstr('c') ], 'dump them');
$node->safe_psql('postgres', 'CREATE DATABASE left_over');
like((run_program($node, 'psql', '-Xq', '-d', $node->connstr('left_over'), '-f', "$dir/left.sql"))[2], qr/label provider "mlops" is not loaded/, '... and they do not load');
is($node->safe_psql('c', q{CREATE EXTENSION mlops; SELECT mlops.unlabel_all()}), '6', 'unlabel_all() removes them');
$node->safe_psql('c', 'DROP EXTENSION mlops');
is($node->safe_psql('c', q{SELECT count(*) FROM pg_seclabels}), '0', 'nothing is left');

done_testing();
