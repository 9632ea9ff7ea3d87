# MlopsTest.pm: what the TAP tests share.
package MlopsTest;

use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_node make_rows start_sql wait_sql running_pid threads_of maps_of status_kb sqlstate);

# A started server with the extension in database "postgres".
sub new_node
{
	my ($name, %opt) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => $opt{allows_streaming} // 0, extra => $opt{extra} // []);
	$node->append_conf('postgresql.conf', "lc_messages = 'C'\nclient_min_messages = warning\n" . ($opt{conf} // ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION mlops') unless $opt{bare};
	return $node;
}

# Rows that are the same everywhere: y is nearly linear in the x and the category,
# good is y above 0 with some noise.
sub make_rows
{
	my ($node, $table, $n, $db) = @_;
	$node->safe_psql($db // 'postgres', qq{
		CREATE TABLE $table AS
		SELECT i AS id, sin(i) AS x1, cos(i * 2.0) AS x2, (i % 7)::float8 AS x3,
		       (ARRAY['a', 'b', 'c'])[i % 3 + 1] AS c,
		       1 + 2 * sin(i) - 3 * cos(i * 2.0) + 0.1 * sin(i * 1.7) AS y,
		       sin(i) - cos(i * 2.0) + sin(i * 1.7) > 0 AS good
		  FROM generate_series(1, $n) AS i;
		ANALYZE $table;});
}

# Run SQL in a session of its own without waiting for it.
sub start_sql
{
	my ($node, $sql, $db) = @_;
	my %s = (out => '', err => '');		# in the command: a pipe is fed only while somebody waits
	$s{handle} = IPC::Run::start(
		[ $node->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($db // 'postgres'), '-c', $sql ],
		'<', '/dev/null', '>', \$s{out}, '2>', \$s{err});
	return \%s;
}

sub wait_sql
{
	my ($s) = @_;
	eval { IPC::Run::finish($s->{handle}) };
	return ($s->{out}, $s->{err});
}

# The backend that runs a statement with this text, once it does.
sub running_pid
{
	my ($node, $text) = @_;
	for (1 .. 600)
	{
		my $pid = $node->safe_psql('postgres', qq{
			SELECT pid FROM pg_stat_activity
			 WHERE state = 'active' AND query LIKE '%$text%' AND pid <> pg_backend_pid() LIMIT 1});
		return $pid if $pid;
		sleep 0.02;
	}
	die "no backend runs $text";
}

sub threads_of
{
	my @t = glob("/proc/$_[0]/task/*");
	return scalar @t;
}

sub maps_of { return slurp_file("/proc/$_[0]/maps"); }

sub status_kb
{
	my ($pid, $key) = @_;
	return slurp_file("/proc/$pid/status") =~ /^$key:\s+(\d+) kB/m ? $1 : undef;
}

# SQLSTATE and message of a statement that fails, "" of one that does not.
sub sqlstate
{
	my ($node, $sql, $db) = @_;
	my ($rc, $out, $err) = $node->psql($db // 'postgres', "\\set VERBOSITY verbose\n$sql");
	return $err =~ /ERROR:  (\w{5}): (.*)/ ? "$1 $2" : '';
}

1;
