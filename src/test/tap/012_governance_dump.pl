# Dump and restore keep all that governance stores (P6): grants, policies, aliases with
# their history, routes, cards, requests, runs, the audit trail, labels.  In all formats,
# into the same cluster, where roles are known by OID, and into another one, where they
# are known by name; and without a word of complaint.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Governed;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('one', bare => 1);
$node->safe_psql('postgres', 'CREATE DATABASE src');
make_governed($node, 'src');
is(governed_undumped($node, 'src'), '', 'every table and sequence is dumped');
is(governed_empty($node, 'src'), '', 'every table has something to lose');

my $tables = governed_tables($node, 'src');
my @facts = governed_facts($node, 'src');
like($facts[0][1], qr/^policies\|[1-9]/, 'there are policies');
is((grep { $_->[1] eq '' } @facts), 0, 'and all views have something to say') or diag join ' ', map { $_->[0] } grep { $_->[1] eq '' } @facts;
sub same_facts
{
	my ($n, $db, $what) = @_;
	my @now = governed_facts($n, $db);
	my @other = map { $facts[$_][0] } grep { $now[$_][1] ne $facts[$_][1] } 0 .. $#facts;
	is(join(' ', @other), '', "$what: policies, privileges, views and functions are the same")
		or diag "now: $now[0][1] ..., " . join "\n", map { $_->[1] } grep { my $f = $_->[0]; grep { $_ eq $f } @other } @now;
	is($n->safe_psql($db, 'SELECT ok, first_bad, reason FROM mlops.audit_verify()'), 't||', "$what: the audit trail holds");
	return;
}

my $dir = PostgreSQL::Test::Utils::tempdir();
# Run a program of the node's version, which must not have anything to complain about.
sub silently
{
	my ($n, $what, $program, @arguments) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ $n->installed_command($program), @arguments ], '>', \$out, '2>', \$err);
	ok($ok, $what);
	is($err, '', "$what, without a word of complaint");
	return;
}
silently($node, 'dump, plain', 'pg_dump', '-Fp', '-f', "$dir/p.sql", $node->connstr('src'));
silently($node, 'dump, custom format', 'pg_dump', '-Fc', '-f', "$dir/c", $node->connstr('src'));
silently($node, 'dump, directory', 'pg_dump', '-Fd', '-j2', '-f', "$dir/d", $node->connstr('src'));
is(governed_tables($node, 'src'), $tables, 'dumping changes nothing');

# Restore, silently, and compare.
sub restore
{
	my ($n, $db, $what, $program, @arguments) = @_;
	$n->safe_psql('postgres', "CREATE DATABASE $db");
	silently($n, "$what: restored", $program, @arguments);
	is(governed_tables($n, $db), $tables, "$what: tables and sequences are the same");
	return;
}
sub restore_all
{
	my ($n, $what) = @_;
	restore($n, 'p', "$what, plain", 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $n->connstr('p'), '-f', "$dir/p.sql");
	restore($n, 'c', "$what, custom", 'pg_restore', '--exit-on-error', '-d', $n->connstr('c'), "$dir/c");
	restore($n, 's', "$what, one transaction", 'pg_restore', '--single-transaction', '-d', $n->connstr('s'), "$dir/c");
	restore($n, 'j', "$what, parallel", 'pg_restore', '--exit-on-error', '-j2', '-d', $n->connstr('j'), "$dir/d");
	return;
}

# The life of a restored database goes on.
sub goes_on
{
	my ($n, $db, $what) = @_;
	my ($head) = split /\|/, $n->safe_psql($db, q{SELECT seq FROM mlops.audit_head()});
	my $last = $n->safe_psql($db, q{SELECT max(event_id) FROM mlops.audit});
	$n->safe_psql($db, q{
		SET ROLE cat;
		SELECT mlops.set_alias('price:3', 'champion');
		SELECT mlops.run_log(run, 'auc', 0.75) FROM mlops.runs WHERE experiment = 'cats';
		SELECT mlops.run_end(run) FROM mlops.runs WHERE experiment = 'cats';
		SELECT mlops.run_start('cats');
		SET ROLE ann;
		SELECT mlops.train('price', 'rows', 'y');
		SELECT mlops.train('fresh', 'rows', 'y');
		SELECT mlops.grant_model('fresh', 'cat', 'read');});
	is($n->safe_psql($db, q{SELECT version, previous_version FROM mlops.alias_history WHERE model = 'price' AND alias = 'champion' ORDER BY since DESC LIMIT 1}), '3|2', "$what: the alias moved from where it was");
	is($n->safe_psql($db, q{SELECT max(version) FROM mlops.versions WHERE model = 'price'}), '4', "$what: the next version");
	is($n->safe_psql($db, q{SELECT string_agg(status, ' ' ORDER BY run) FROM mlops.runs WHERE experiment = 'cats'}), 'finished running', "$what: runs go on, and end");
	isnt(sqlstate($n, q{SET ROLE ann; SELECT mlops.set_alias('risk:2', 'champion');}, $db), '', "$what: the policy holds");
	is(as_role($n, $db, 'ann', q{SELECT rows FROM mlops.drop_snapshot('half')}), '1000', "$what: a snapshot can be dropped by its owner");
	my $parts = $n->safe_psql($db, 'SELECT count(*) FROM mlops_private.snapshot_part');
	as_role($n, $db, 'ann', q{SELECT mlops.snapshot('once_more', 'SELECT * FROM mlops.snapshot_rows(''snap'') AS t (' || definition || ')') FROM mlops.snapshots});
	is($n->safe_psql($db, 'SELECT count(*) FROM mlops_private.snapshot_part'), $parts, "$what: and what is stored is found, not stored again");
	# the request: who asked and who approved once may not approve, the second pair of eyes may
	for my $role ('ann', 'dan')
	{
		my ($rc, $out, $err) = $n->psql($db, 'SELECT mlops.approve(request) FROM mlops.promotions', extra_params => [ '-U', $role ]);
		isnt($rc, 0, "$what: $role cannot approve") or diag $out;
	}
	is(as_role($n, $db, 'fay', q{SELECT a.state, a.approvals FROM mlops.promotions p, mlops.approve(p.request) a}), 'approved|2', "$what: the approval that was missing");
	as_role($n, $db, 'ann', q{SELECT mlops.set_alias('risk:2', 'champion')});
	is($n->safe_psql($db, q{SELECT champion FROM mlops.models WHERE model = 'risk'}), '2', "$what: the alias moved");
	isnt($n->safe_psql($db, q{SELECT sealed FROM mlops.audit_seal()}), '0', "$what: sealing goes on");
	is($n->safe_psql($db, q{SELECT ok, reason FROM mlops.audit_verify()}), 't|', "$what: and the trail holds");
	is($n->safe_psql($db, qq{SELECT seq > $head FROM mlops.audit_head()}), 't', "$what: the chain is longer");
	is($n->safe_psql($db, qq{SELECT count(*) > 5, min(event_id) > $last FROM mlops.audit WHERE event_id > $last}), 't|t', "$what: with numbers of its own");
	return;
}

sub can_predict { my ($n, $db, $role, $model) = @_; return $n->safe_psql($db, "SET ROLE $role; SELECT count(mlops.predict('$model', r)) FROM rows r"); }
sub denied { my ($n, $db, $role, $model) = @_; return substr(sqlstate($n, "SET ROLE $role; SELECT mlops.predict('$model', r) FROM rows r;", $db), 0, 5); }

# The same cluster: who was renamed keeps what he had, who has another's name gets nothing.
restore_all($node, 'same cluster');

# What was restored can be dumped: the same again.
silently($node, 'dump what was restored', 'pg_dump', '-Fp', '-f', "$dir/again.sql", $node->connstr('c'));
my ($a, $b) = map { my $t = slurp_file("$dir/$_"); $t =~ s/^\\(un)?restrict .*$//mg; $t } 'p.sql', 'again.sql';
is($b, $a, 'dump and restore is a fixed point');

for my $db ('src', 'p', 'c', 's', 'j')
{
	same_facts($node, $db, $db) if $db ne 'src';
	is(can_predict($node, $db, 'robert', 'price'), '2000', "$db: a renamed role may");
	is(denied($node, $db, 'pat', 'risk'), '42704', "$db: a role of the name of a dropped one may not");
	is(denied($node, $db, 'eve', 'price'), '42704', "$db: nor may others");
}
goes_on($node, $_, "same cluster, $_") for 'src', 'p', 's', 'j';

# Another cluster, with other OIDs: names decide; there is no robert, and the grant to the
# role that was dropped did not come along.
my $two = new_node('two', bare => 1);
$two->safe_psql('postgres', join '', map { "CREATE ROLE $_ LOGIN;" } qw(zoe pat fay eve dan cat bob ann));
isnt($two->safe_psql('postgres', q{SELECT string_agg(oid::text, ' ' ORDER BY rolname) FROM pg_roles WHERE oid >= 16384 AND rolname IN ('ann', 'cat', 'eve', 'pat')}),
	$node->safe_psql('postgres', q{SELECT string_agg(oid::text, ' ' ORDER BY rolname) FROM pg_roles WHERE oid >= 16384 AND rolname IN ('ann', 'cat', 'eve', 'pat')}), 'roles have other OIDs');
restore_all($two, 'another cluster');
for my $db ('p', 'c', 's', 'j')
{
	same_facts($two, $db, "another cluster, $db");
	is(can_predict($two, $db, 'bob', 'price'), '2000', "$db: a grant follows its name");
	is(can_predict($two, $db, 'ann', 'risk'), '2000', "$db: so does the owner");
	is(denied($two, $db, $_, 'risk'), '42704', "$db: $_ may not") for 'pat', 'zoe', 'cat';
	isnt($two->safe_psql($db, 'SET ROLE eve; SELECT count(*) FROM mlops.audit'), '0', "$db: eve may read the trail");
	is($two->safe_psql($db, 'SET ROLE zoe; SELECT count(*) FROM mlops.audit'), '0', "$db: zoe may not");
	goes_on($two, $db, "another cluster, $db");
}
# the first change recorded the roles as they are known here
$two->safe_psql('postgres', 'ALTER ROLE bob RENAME TO rob; CREATE ROLE bob');
is(can_predict($two, 'p', 'rob', 'price'), '2000', 'the role that was found by name keeps its grant under another');
is(denied($two, 'p', 'bob', 'price'), '42704', 'and the next one of that name gets nothing');

done_testing();
