# Once set_alias() is committed, every session's next query sees it: readers on
# the primary and, under remote_apply, on a hot standby, while an alias moves all
# the time.  MLOPS_FLIPS sets how often (1,000).
#
# The writer tells outside of any database how many flips are committed: in a
# file.  A reader looks there before and after its query and knows which flips
# its query may have seen: the last committed before it began, up to the first not
# known as committed when it was over.  Flip k points to version k mod V + 1, so a
# query that takes longer than V flips proves nothing; such are counted.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $flips = $ENV{MLOPS_FLIPS} || 1000;
my $versions = 100;

my $primary = new_node('primary', allows_streaming => 1, conf => "synchronous_commit = remote_apply\n");
$primary->safe_psql('postgres', qq{
	SELECT count(*) FROM generate_series(1, $versions) v,
		LATERAL mlops.train('m', format('SELECT x, %s + x AS y FROM generate_series(1, 40) x', 10 * v), 'y', 'linear_regression')});
$primary->safe_psql('postgres', q{
	CREATE FUNCTION committed(file text) RETURNS integer LANGUAGE plpgsql AS $$
	DECLARE
		text text;
	BEGIN
		LOOP
			text := pg_read_file(file);
			-- empty while it is being written
			IF text <> '' THEN RETURN text::integer; END IF;
		END LOOP;
	END $$;
	CREATE FUNCTION answer() RETURNS integer LANGUAGE sql STABLE AS
		$$ SELECT (round(mlops.predict('m', '{"x": 7}'::jsonb) - 7) / 10)::integer $$;
	-- which of the flips a to b + 1 the version is of: fresh, stale, or unsure
	CREATE FUNCTION verdict(version integer, a integer, b integer, versions integer) RETURNS text LANGUAGE sql IMMUTABLE AS
		$$ SELECT CASE WHEN b + 2 - a >= versions THEN 'unsure'
		               WHEN (version - 1 - a % versions + versions) % versions <= b + 1 - a THEN 'fresh'
		               ELSE 'stale' END $$;
	CREATE FUNCTION read_loop(file text, flips integer, versions integer) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		a integer := 0;
		b integer;
		version integer;
		tally jsonb := '{"fresh": 0, "stale": 0, "unsure": 0}';
		found text;
	BEGIN
		WHILE a < flips LOOP
			a := committed(file);
			version := (round(mlops.predict('m', '{"x": 7}'::jsonb) - 7) / 10)::integer;
			b := committed(file);
			found := verdict(version, a, b, versions);
			tally := jsonb_set(tally, ARRAY[found], to_jsonb((tally->>found)::integer + 1));
		END LOOP;
		RETURN format('%s %s %s', tally->>'fresh', tally->>'stale', tally->>'unsure');
	END $$;});
$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nmax_standby_streaming_delay = -1\n");
$standby->start;
$primary->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = '*'});
$primary->reload;
$primary->poll_query_until('postgres', q{SELECT sync_state = 'sync' FROM pg_stat_replication}) or die 'no synchronous standby';

my $dir = PostgreSQL::Test::Utils::tempdir();
my $file = "$dir/committed";
my $done = "$dir/done";
append_to_file($file, "0\n");
$primary->safe_psql('postgres', q{SELECT mlops.set_alias('m', 'champion', 1)});

# a prepared statement in a client's session, and a transaction with one snapshot,
# in which the file is read before the snapshot is taken
append_to_file("$dir/prepared.sql",
	"PREPARE p AS SELECT (round(mlops.predict('m', jsonb_build_object('x', 7)) - 7) / 10)::integer AS v;\n"
	. ("SELECT committed('$file') AS a \\gset\nEXECUTE p \\gset\n"
	. "SELECT verdict(:v, :a, committed('$file'), $versions);\n") x 100);
append_to_file("$dir/snapshot.sql",
	("SELECT committed('$file') AS a \\gset\nBEGIN ISOLATION LEVEL REPEATABLE READ;\n"
	. "SELECT answer() AS v \\gset\nSELECT committed('$file') AS b, pg_sleep(0.003) \\gset\n"
	. "SELECT CASE WHEN answer() = :v AND answer() = :v THEN verdict(:v, :a, :b, $versions) ELSE 'moved' END;\nCOMMIT;\n") x 30);

sub start_script
{
	my ($node, $script) = @_;
	my %s = (out => '', err => '');
	$s{handle} = IPC::Run::start(
		[ 'sh', '-c', 'while :; do psql -XAtq -v ON_ERROR_STOP=1 -d "$0" -f "$1" || exit 1; [ -e "$2" ] && exit 0; done',
			$node->connstr('postgres'), "$dir/$script.sql", $done ],
		'<', '/dev/null', '>', \$s{out}, '2>', \$s{err});
	return \%s;
}

my @readers;
for my $node ($primary, $standby)
{
	push @readers, [ $node->name, 'loop', start_sql($node, "SELECT read_loop('$file', $flips, $versions)") ] for 1 .. 4;
	push @readers, [ $node->name, $_, start_script($node, $_) ] for qw(prepared prepared snapshot snapshot);
}

my $start = time;
$primary->safe_psql('postgres', qq{
	DO \$\$
	BEGIN
		FOR k IN 1 .. $flips LOOP
			PERFORM mlops.set_alias('m', 'champion', k % $versions + 1);
			COMMIT;
			EXECUTE format('COPY (SELECT %s) TO %L', k, '$file');
		END LOOP;
	END \$\$;});
my $seconds = time - $start;
append_to_file($done, '');

my %count;
for my $reader (@readers)
{
	my ($node, $kind, $s) = @$reader;
	my ($out, $err) = wait_sql($s);
	is($err, '', "$node, $kind: no error");
	if ($kind eq 'loop')
	{
		my @n = split ' ', $out;
		$count{$node}{$_} += shift @n for qw(fresh stale unsure);
	}
	else
	{
		$count{$node}{$_}++ for split ' ', $out;
	}
}
for my $node ('primary', 'standby')
{
	my %n = (fresh => 0, stale => 0, unsure => 0, moved => 0, %{ $count{$node} // {} });
	note(sprintf '%s: %d flips in %.1f s; %s', $node, $flips, $seconds, join ', ', map { "$_ $n{$_}" } sort keys %n);
	is($n{stale}, 0, "$node: no stale read");
	is($n{moved}, 0, "$node: one snapshot, one version");
	cmp_ok($n{fresh}, '>', 1000, "$node: there was something to see");
	cmp_ok($n{unsure}, '<', 0.05 * $n{fresh}, "$node: and most of it proves something");
}
is($primary->safe_psql('postgres', q{SELECT count(*) FROM mlops.alias_history WHERE model = 'm'}), $flips + 1, 'every flip is in the history');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM mlops.alias_history h
	WHERE mlops.alias_at('m', 'champion', since) IS DISTINCT FROM version}), '0', 'and alias_at() knows each');

done_testing();
