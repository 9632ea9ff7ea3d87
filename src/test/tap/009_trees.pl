# Trees grown by a team of processes: however it ends, nothing is left of it, and
# whoever could not be had to help, the trees are the same (P4, P6, P7, P8).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# Segments are files of the data folder: they can be counted.
my $node = new_node('main', allows_streaming => 1, extra => ['--wal-segsize=1'], conf => q{
	shared_buffers = 128MB
	dynamic_shared_memory_type = mmap
	max_parallel_workers_per_gather = 0
	max_parallel_maintenance_workers = 2
	restart_after_crash = on
});
$node->safe_psql('postgres', q{
	CREATE TABLE big AS
	SELECT i AS id, } . join(', ', map { "i::bigint * " . (7919 + 2 * $_) . " % 10007 / 8.0::float8 AS x$_" } 1 .. 8) . q{, 'c' || i % 20 AS c,
	       i::bigint * 7921 % 10007 / 8.0 + i % 20 * 30 + i::bigint * 31 % 101 AS y
	  FROM generate_series(1, 400000) AS i;
	CREATE TABLE small AS SELECT * FROM big WHERE id <= 3000;
	VACUUM ANALYZE;
	CREATE FUNCTION workers_of(leader int) RETURNS bigint LANGUAGE sql AS
		'SELECT count(*) FROM pg_stat_activity WHERE leader_pid = leader';
	-- cancels a training once it has been in a phase, and its workers there, for a while
	CREATE FUNCTION cancel_team(wanted text, OUT workers int, OUT ms float8, OUT ms_gone float8) LANGUAGE plpgsql AS $$
	DECLARE
		p int;
		t timestamptz;
	BEGIN
		FOR i IN 1 .. 3000 LOOP
			PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01);
			SELECT pid, workers_of(pid) INTO p, workers FROM mlops.progress WHERE phase = wanted;
			EXIT WHEN workers = CASE wanted WHEN 'training' THEN 2 ELSE 0 END;
		END LOOP;
		PERFORM pg_sleep(CASE wanted WHEN 'training' THEN 0.4 ELSE 0.05 END);
		t := clock_timestamp();
		PERFORM pg_cancel_backend(p);
		LOOP
			PERFORM pg_stat_clear_snapshot();
			EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = p AND state = 'active');
		END LOOP;
		ms := 1000 * extract(epoch FROM clock_timestamp() - t);
		LOOP
			PERFORM pg_stat_clear_snapshot();
			EXIT WHEN workers_of(p) = 0;
		END LOOP;
		ms_gone := 1000 * extract(epoch FROM clock_timestamp() - t);
	END $$;
	CREATE FUNCTION sha(m text) RETURNS text LANGUAGE sql AS $$SELECT mlops.describe(m)->>'sha256'$$;
	-- trains, and gives the bytes
	CREATE FUNCTION trained(m text, algorithm text, source text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE v int;
	BEGIN
		SELECT version INTO v FROM mlops.train(m, source, 'y', algorithm, NULL, options, '{"method": "none"}');
		RETURN sha(m || ':' || v);
	END $$;});

# without those of a megabyte, which the server's statistics may take at any time
sub segments { return scalar(grep { -s $_ != 1 << 20 } glob($node->data_dir . '/pg_dynshmem/*')); }
sub versions { return $node->safe_psql('postgres', 'SELECT count(*) FROM mlops.versions'); }

my %long = (
	gradient_boosting => q{SELECT mlops.train('long', 'big', 'y', 'gradient_boosting', options => '{"n_estimators": 10000}')},
	random_forest => q{SELECT mlops.train('long', 'big', 'y', 'random_forest', options => '{"n_estimators": 1000, "max_features": 1}')});
my %short = (
	gradient_boosting => q{trained('short', 'gradient_boosting', 'big', '{"n_estimators": 5, "subsample": 0.7}')},
	random_forest => q{trained('short', 'random_forest', 'big', '{"n_estimators": 6, "max_depth": 7, "max_samples": 0.2}')});

# alone, and what the team says of itself
my $segments = segments();
my %bytes;
for my $algorithm (sort keys %short)
{
	$bytes{$algorithm} = $node->safe_psql('postgres', "SET max_parallel_maintenance_workers = 0; SELECT $short{$algorithm}");
	my ($rc, $out, $err) = $node->psql('postgres', "SET client_min_messages = debug2; SELECT $short{$algorithm}");
	like($err, qr/training with 2 of 2 parallel workers/, "$algorithm: both workers come");
	like($err, qr/parallel workers did [1-9]\d* of \d+ tasks/, "$algorithm: and work");
	is($out, $bytes{$algorithm}, "$algorithm: the bytes are those of one process");
}
segments_are($segments, 'no segment is left by a training');
my $versions = versions();

# cancel: 100 ms are promised, the best of three tries counts; 2 to 90 ms were seen
# with all processors busy
for my $case (['training', 'gradient_boosting'], ['training', 'random_forest'], ['reading rows', 'gradient_boosting'])
{
	my ($phase, $algorithm) = @$case;
	my ($best, $gone, $err, $workers);
	for (1 .. 3)
	{
		my $watch = start_sql($node, "SELECT workers, ms, ms_gone FROM cancel_team('$phase')");
		my $train = start_sql($node, $long{$algorithm});
		$err = (wait_sql($train))[1];
		my ($seen) = wait_sql($watch);
		my @seen = split /\|/, ($seen =~ s/\s+$//r);
		($workers, $best, $gone) = @seen if !defined $best || $seen[1] < $best;
		last if $best <= 100 && $gone <= 200;
	}
	note "$algorithm, $phase: cancelled in $best ms, workers gone in $gone ms";
	like($err, qr/57014/, "$algorithm, $phase: cancelled");
	is($workers, $phase eq 'training' ? 2 : 0, "$algorithm, $phase: with its workers");
	cmp_ok($best, '<=', 100, "$algorithm, $phase: within 100 ms");
	cmp_ok($gone, '<=', 200, "$algorithm, $phase: and the workers are gone within 200 ms");
	segments_are($segments, "$algorithm, $phase: no segment is left");
}

my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query(q{SET statement_timeout = 1500});
my $t = time;
$session->query("$long{gradient_boosting};");
my $ms = 1000 * (time - $t);
like($session->{stderr}, qr/statement timeout/, 'statement_timeout ends a training') if exists $session->{stderr};
cmp_ok($ms, '>', 1400, 'not before its time');
cmp_ok($ms, '<', 2500, 'within a second of its time');
$session->query('RESET statement_timeout');
is($session->query("SELECT $short{gradient_boosting}"), $bytes{gradient_boosting}, 'and the session trains on');
$session->quit;		# a session that has had workers keeps a segment

# progress, from another session
$versions = versions();
my $train = start_sql($node, $long{gradient_boosting});
my $progress = q{SELECT pass, max_passes, validation_loss FROM mlops.progress WHERE phase = 'training' AND pass >= };
my @first = split /\|/, wait_for($progress . 1);
my @later = split /\|/, wait_for($progress . ($first[0] + 3));
is($first[1], 10000, 'progress: so many trees in all');
cmp_ok($later[0], '>', $first[0], 'progress: the number of trees grows');
cmp_ok($later[2], '<', $first[2], 'progress: the loss on the holdout falls');

# a worker is terminated: an error of the leader
is($node->safe_psql('postgres', q{SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE leader_pid = (SELECT pid FROM mlops.progress) LIMIT 1) AS w}), '1', 'a worker is terminated');
my ($out, $err) = wait_sql($train);
like($err, qr/ERROR:  57P01: terminating/, 'the training ends with an error');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}), '0', 'the other worker is gone');
segments_are($segments, 'and the segment');
is($node->safe_psql('postgres', 'SELECT count(*) FROM mlops.progress'), '0', 'nothing is said to be in progress');
is(versions(), $versions, 'and nothing stored');

# functions and blocks that catch what ends a training
$node->safe_psql('postgres', qq{
	CREATE FUNCTION again(OUT caught text, OUT bytes text) LANGUAGE plpgsql AS \$\$
	BEGIN
		BEGIN
			PERFORM mlops.train('long', 'big', 'y', 'gradient_boosting', options => '{"n_estimators": 10000}');
		EXCEPTION WHEN query_canceled THEN
			caught := SQLSTATE;
		END;
		bytes := $short{gradient_boosting};
		BEGIN
			PERFORM $short{random_forest};
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			caught := caught || ' ' || SQLSTATE;
		END;
	END \$\$});
$versions = versions();
$session = $node->background_psql('postgres', on_error_stop => 0);
is($session->query(q{SET statement_timeout = 1500; SELECT caught, bytes FROM again(); RESET statement_timeout;}), "57014 22012|$bytes{gradient_boosting}",
	'a function catches the end of a training and trains again');
is(versions(), $versions + 1, 'what was not caught is stored');
is($session->query("BEGIN; SELECT $short{random_forest}; ROLLBACK;"), $bytes{random_forest}, 'trained in a transaction that aborts');
is(versions(), $versions + 1, 'it is not stored');
segments_are($segments + 1, 'no segment is left but the session\'s own');
$session->quit;

# two at once, and fewer workers than they ask for
$node->append_conf('postgresql.conf', 'max_parallel_workers = 1');
$node->reload;
my $ask = 'SET client_min_messages = debug1; SET max_parallel_workers = 8; SET max_parallel_maintenance_workers = 4;';
$node->append_conf('postgresql.conf', 'max_worker_processes = 3');
$node->restart;
my @both = map { start_sql($node, "$ask SELECT $short{$_} FROM generate_series(1, 3)") } sort keys %short;
my @got = map { [ wait_sql($_) ] } @both;
is($got[0][0], "$bytes{gradient_boosting}\n" x 3, 'boosted beside another training: the same bytes');
is($got[1][0], "$bytes{random_forest}\n" x 3, 'a forest beside another training: the same bytes');
my @came = map { /training with (\d) of 4/g } map { $_->[1] } @got;
cmp_ok(scalar(grep { $_ < 4 } @came), '>', 0, "not all workers were to be had (@came of 4)");

# no shared memory to be had: files, which segments are here, may not be so large
SKIP:
{
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my $limit = 4 * 1024 * 1024;		# more than a WAL segment
	skip 'prlimit cannot bound the size of files', 4 if system('prlimit', "--fsize=$limit:$limit", '--pid', $postmaster) != 0;
	for my $algorithm (sort keys %short)
	{
		my ($rc, $out, $err) = $node->psql('postgres', "SET client_min_messages = notice; SET max_parallel_workers = 8; SELECT $short{$algorithm}");
		like($err, qr/NOTICE:  not enough shared memory for parallel workers, training in one process/, "$algorithm without shared memory: a notice");
		is($out, $bytes{$algorithm}, "$algorithm without shared memory: the same bytes");
	}
	$node->restart;
}

# a standby scores with the model, and a restored database has it
$node->append_conf('postgresql.conf', "max_worker_processes = 8\nmax_parallel_workers = 8\n");
$node->restart;
$node->safe_psql('postgres', q{SELECT mlops.train('stays', 'small', 'y', 'gradient_boosting'); SELECT mlops.train('forest', 'small', 'c', 'random_forest', options => '{"n_estimators": 10}')});
my $ask_sums = q{SELECT sum(mlops.predict('stays', s)), count(*) FILTER (WHERE mlops.classify('forest', s) = c), sha('stays'), sha('forest') FROM small AS s};
my $sums = $node->safe_psql('postgres', $ask_sums);
like($sums, qr/^\d+\.\d+\|[1-9]\d+\|/, 'models predict');
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', $ask_sums), $sums, 'the standby predicts the same');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM mlops.training_history('stays')}), '100', 'and shows how it was trained');
$standby->stop;
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-T', 'big', '-f', $dump, $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'restore');
is($node->safe_psql('restored', $ask_sums), $sums, 'the restored models predict the same');

# the leader is killed: recovery, and nothing of the team is left
$versions = versions();
$train = start_sql($node, $long{gradient_boosting});
wait_for($progress . 1);
my $pid = $node->safe_psql('postgres', 'SELECT pid FROM mlops.progress');
kill 'KILL', $pid;
($out, $err) = wait_sql($train);
like($err, qr/closed the connection|crash of another|terminat/i, 'the leader was killed in training');
$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'the server did not come back';
is(versions(), $versions, 'nothing half stored');
is($node->safe_psql('postgres', 'SELECT count(*), sum(id) FROM big'), '400000|80000200000', 'the table is whole');
segments_are($segments, 'no segment is left');
is($node->safe_psql('postgres', "SELECT $short{gradient_boosting}"), $bytes{gradient_boosting}, 'and training gives the same bytes');

done_testing();

# A process that ends takes a moment.
sub segments_are
{
	my ($want, $name) = @_;
	for (1 .. 250)
	{
		last if segments() == $want;
		sleep 0.02;
	}
	is(segments(), $want, $name);
}

# The row that a query gives once it gives one.
sub wait_for
{
	my ($query) = @_;
	for (1 .. 1500)
	{
		my $row = $node->safe_psql('postgres', $query);
		return $row if $row ne '';
		sleep 0.02;
	}
	die "no answer to $query";
}
