# Every row of the log is counted once: random schedules of transactions that are
# slow, rolled back, prepared, or lost in a crash, of steps that are rolled back or
# lost, of databases that are dumped and restored into the same cluster or
# another, copied, or whose cluster gets another identifier as by pg_upgrade.
# Checked against what the test knows was committed, and against a recount of the
# log.  MLOPS_SCHEDULES: how many; MLOPS_SEED: which.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $schedules = $ENV{MLOPS_SCHEDULES} // 8;
my $seed = $ENV{MLOPS_SEED} // 20260101;
srand($seed);
note "seed $seed";

my @nodes = map { new_node("n$_", allows_streaming => 1, conf => "max_prepared_transactions = 10\nautovacuum = off\n") } 0, 1;
my $at = 0;				# the node, and the database on it
my $db = 'postgres';
my $copies = 0;
my $committed = 0;		# rows
my $gid = 0;
my (@open, %prepared, %happened, @trouble);

sub node { return $nodes[$at]; }

sub value { return node()->safe_psql($db, $_[0]); }

sub scoring
{
	my $n = 1 + int(rand 20);
	return ($n, "SELECT count(s.*) FROM generate_series(1, $n) AS i, LATERAL mlops.score('m', ARRAY[i * 20 * random()], at => '2026-01-01 12:00+00'::timestamptz + (i + random() * 100) * interval '1 hour') AS s;");
}

sub run
{
	my ($node, $program, @args) = @_;
	run_log([ $node->installed_command($program), @args ]) or die "$program failed";
}

# Sessions that are open lose what they did.
sub lose_open
{
	for my $s (@open)
	{
		eval { $s->{session}->quit; };
	}
	@open = ();
}

my %step = (
	quick => sub {
		my ($n, $sql) = scoring();
		value($sql);
		$committed += $n;
	},
	rolled_back => sub { value('BEGIN; ' . (scoring())[1] . ' ROLLBACK;'); },
	savepoint => sub {
		my ($n, $sql) = scoring();
		my ($m, $more) = scoring();
		value("BEGIN; $sql SAVEPOINT a; $more ROLLBACK TO a; SAVEPOINT b; $more RELEASE b; COMMIT;");
		$committed += $n + $m;
	},
	begin => sub {
		return if @open > 3;
		my ($n, $sql) = scoring();
		my $session = node()->background_psql($db, on_error_stop => 0);
		$session->query("SET client_min_messages = error; BEGIN; $sql SELECT pg_current_xact_id();");
		push @open, { session => $session, n => $n };
	},
	more => sub {
		return unless @open;
		my $s = $open[ rand @open ];
		my ($n, $sql) = scoring();
		$s->{session}->query($sql);
		$s->{n} += $n;
	},
	commit => sub {
		return unless @open;
		my ($s) = splice @open, rand @open, 1;
		$s->{session}->query('COMMIT');
		$s->{session}->quit;
		$committed += $s->{n};
	},
	rollback => sub {
		return unless @open;
		my ($s) = splice @open, rand @open, 1;
		$s->{session}->query('ROLLBACK');
		$s->{session}->quit;
	},
	prepare => sub {
		return if keys %prepared > 3;
		my ($n, $sql) = scoring();
		$gid++;
		value("BEGIN; $sql PREPARE TRANSACTION 'g$gid';");
		$prepared{"g$gid"} = $n;
	},
	finish_prepared => sub {
		my @gids = sort keys %prepared;
		return unless @gids;
		my $g = $gids[ rand @gids ];
		my $n = delete $prepared{$g};
		my $commits = rand() < 0.5;
		value(($commits ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$g'");
		$committed += $n if $commits;
	},
	step => sub { value(q{SELECT rows FROM mlops.run_monitor('m')}); },
	step_rolled_back => sub { value(q{BEGIN; SELECT rows FROM mlops.run_monitor('m'); ROLLBACK}); },
	two_steps => sub {
		my $first = start_sql(node(), q{SELECT rows FROM mlops.run_monitor('m')}, $db);
		value(q{SELECT rows FROM mlops.run_monitor('m')});
		my ($out, $err) = wait_sql($first);
		push @trouble, $err if $err;
	},
	crash => sub {
		my $busy = rand() < 0.5 ? start_sql(node(), q{SELECT rows FROM mlops.run_monitor('m')}, $db) : undef;
		node()->stop('immediate');
		node()->start;
		wait_sql($busy) if $busy;
		lose_open();
	},
	restore => sub {
		my $dump = "$PostgreSQL::Test::Utils::tmp_check/log.dump";
		run(node(), 'pg_dump', '-Fc', '-f', $dump, '-d', node()->connstr($db));
		leave();
		$at = int(rand @nodes);
		$db = 'copy' . ++$copies;
		node()->safe_psql('postgres', "CREATE DATABASE $db");
		# numbers of transactions that have nothing to do with those of before
		value('SELECT pg_current_xact_id();' x int(rand 40));
		run(node(), 'pg_restore', '-e', '-d', node()->connstr($db), $dump);
	},
	copy => sub {
		leave();
		my $copy = 'copy' . ++$copies;
		node()->safe_psql('postgres', "CREATE DATABASE $copy TEMPLATE $db") if $db ne 'postgres';
		node()->safe_psql('template1', "CREATE DATABASE $copy TEMPLATE postgres") if $db eq 'postgres';
		$db = $copy;
	},
	another_identifier => sub {
		leave();
		node()->stop('fast');
		another_identifier(node()->data_dir);
		node()->start;
	});

# Nothing of this database is under way any more; it is left as it is.
sub leave
{
	lose_open();
	value("ROLLBACK PREPARED '$_'") for sort keys %prepared;
	%prepared = ();
}

# As pg_upgrade does: another system identifier, and numbers of transactions go on.
sub another_identifier
{
	my ($dir) = @_;
	my $file = "$dir/global/pg_control";
	open my $fh, '+<:raw', $file or die $!;
	read $fh, my $old, 8;
	my ($low, $high) = unpack 'L2', $old;
	seek $fh, 0, 0;
	print $fh pack 'L2', $low + 1, $high;
	close $fh;
	run(node(), 'pg_resetwal', '-f', $dir);
}

sub check
{
	my ($name) = @_;
	while (@open) { $step{ rand() < 0.5 ? 'commit' : 'rollback' }->() }
	$step{finish_prepared}->() while %prepared;
	$step{step}->();
	my $got = value(q{
		WITH s AS (SELECT version, window_start, sum(rows) AS rows, sum(skipped) AS skipped FROM mlops_private.windows_stored('m') GROUP BY 1, 2),
		sc AS (SELECT version, window_start, k, sum(n) AS n FROM mlops_private.windows_stored('m'), unnest(latency || counts) WITH ORDINALITY AS u (n, k) GROUP BY 1, 2, 3),
		r AS (SELECT * FROM mlops_private.windows_recounted('m', '1 day')),
		rc AS (SELECT version, window_start, k, n FROM r, unnest(latency || counts) WITH ORDINALITY AS u (n, k))
		SELECT (SELECT sum(rows) FROM s), (SELECT count(*) FROM mlops_private.prediction),
		       (SELECT count(*) FROM s FULL JOIN r USING (version, window_start) WHERE (s.rows, s.skipped) IS DISTINCT FROM (r.rows, r.skipped)),
		       (SELECT count(*) FROM sc FULL JOIN rc USING (version, window_start, k) WHERE sc.n IS DISTINCT FROM rc.n)});
	return "$name: counted|logged|other windows|other counts: $got, committed: $committed" if $got ne "$committed|$committed|0|0";
	return '';
}

node()->safe_psql($db, q{
	SELECT version FROM mlops.train('m', 'SELECT x::float8 AS x, 2.0 * x AS y FROM generate_series(1, 400) AS x', 'y', 'linear_regression');
	SELECT model FROM mlops.monitor('m');});

my @often = (qw(quick begin begin more commit rollback step step step_rolled_back) x 3,
	qw(quick rolled_back savepoint savepoint prepare prepare finish_prepared two_steps));
my @rare = qw(crash crash crash restore copy another_identifier);
for my $i (1 .. $schedules)
{
	my @plan = map { $often[ rand @often ] } 1 .. 8 + int(rand 8);
	# with few schedules, each of the rare ones has its turn
	splice @plan, rand @plan, 0, $schedules < 50 ? $rare[ $i % @rare ] : $rare[ rand @rare ];
	for my $name (@plan)
	{
		$step{$name}->();
		$happened{$name}++;
	}
	my $wrong = check("schedule $i (@plan)");
	push @trouble, $wrong if $wrong;
}
is("@trouble", '', "$schedules schedules, $committed rows, none lost, none doubled");
note join ', ', map { "$_ $happened{$_}" } sort keys %happened;

# promotion: the same cluster goes on elsewhere
my $primary = node();
$step{quick}->();
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$step{quick}->();
$step{step}->();
$step{quick}->();
$primary->wait_for_catchup($standby);
is($standby->safe_psql($db, q{SELECT rows FROM mlops.drift('m') WHERE kind = 'model'}), $committed, 'a standby compares at once');
$primary->stop('immediate');
$standby->promote;
$nodes[$at] = $standby;
$step{quick}->();
is(check('promoted'), '', 'a promoted standby goes on where the primary was');

done_testing();
