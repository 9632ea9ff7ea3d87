# Launched.pm: what the tests of the launcher share.
package Launched;

use strict;
use warnings;
use Exporter 'import';
use MlopsTest;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(launched_node as_role plan_train plan_sleep run_state wait_run launcher_pid try_sql
	worker_pid wait_true seconds_to log_count $TRAIN);

# What a short training needs.
our $TRAIN = '"source": "public.rows", "target": "y", "algorithm": "linear_regression"';

sub launched_node
{
	my ($name, %opt) = @_;
	my $conf = delete $opt{conf} // '';
	return new_node($name, conf => "shared_preload_libraries = 'mlops'\nmlops.launcher_poll = 1\n$conf", %opt);
}

sub as_role
{
	my ($node, $role, $sql, $db) = @_;
	return $node->safe_psql($db // 'postgres', $sql, extra_params => [ '-U', $role ]);
}

# SQL that plans a training of a model of the job's name; one that sleeps for so many seconds.
sub plan_train
{
	my ($name, $every, $start) = @_;
	$every = defined $every ? "'$every'" : 'NULL';
	$start //= 'now()';
	return qq{SELECT mlops.schedule('$name', 'train', $every, '{"model": "$name", $TRAIN}', $start);};
}

sub plan_sleep
{
	my ($name, $seconds, $every, $start) = @_;
	$every = defined $every ? "'$every'" : 'NULL';
	$start //= 'now()';
	return qq{SELECT mlops.schedule('$name', 'train', $every, '{"model": "$name", "target": "y", "algorithm": "linear_regression",
		"source": "SELECT x1, y FROM public.rows, (SELECT pg_sleep($seconds) OFFSET 0) s"}', $start);};
}

# How the last run of the job ended; "" if there was none.
sub run_state
{
	my ($node, $name, $db) = @_;
	return $node->safe_psql($db // 'postgres', qq{
		SELECT r.state FROM mlops.job_runs r WHERE r.name = '$name' ORDER BY r.run DESC LIMIT 1});
}

# Of a server that may be gone, or not yet back: (0, result), or (not 0, "").  psql that ends
# before it was told the SQL is an error of IPC::Run's.
sub try_sql
{
	my ($node, $sql, $db, %opt) = @_;
	my @got = eval { $node->psql($db // 'postgres', $sql, %opt) };
	return @got ? @got : (2, '');
}

# Until a condition holds; false after 20 seconds or more.
sub wait_true
{
	my ($node, $condition, $db) = @_;
	for (1 .. 400)
	{
		my ($rc, $out) = try_sql($node, "SELECT $condition", $db);
		return 1 if $rc == 0 && $out eq 't';
		sleep 0.05;
	}
	diag_status($node, $db // 'postgres');
	return 0;
}

sub diag_status
{
	my ($node, $db) = @_;
	my ($rc, $out) = try_sql($node, q{SELECT * FROM mlops.worker_status; SELECT name, state, next_due FROM mlops.jobs}, $db);
	main::diag($out);
}

sub wait_run
{
	my ($node, $name, $state, $db) = @_;
	return wait_true($node, qq{coalesce((SELECT r.state FROM mlops.job_runs r WHERE r.name = '$name'
		ORDER BY r.run DESC LIMIT 1), 'none') = '$state'}, $db);
}

sub launcher_pid
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'mlops launcher'});
}

# Of the worker that is at the job.
sub worker_pid
{
	my ($node, $name, $db) = @_;
	wait_true($node, qq{count(*) = 1 FROM mlops.worker_status s JOIN mlops.jobs j USING (job) WHERE j.name = '$name' AND s.part = 'worker'}, $db)
		or die "nobody is at $name";
	return $node->safe_psql($db // 'postgres', qq{
		SELECT s.pid FROM mlops.worker_status s JOIN mlops.jobs j USING (job) WHERE j.name = '$name' AND s.part = 'worker'});
}

# What a piece of code takes.
sub seconds_to
{
	my ($code) = @_;
	my $began = time;
	$code->();
	return time - $began;
}

sub log_count
{
	my ($node, $pattern) = @_;
	my $n = () = slurp_file($node->logfile) =~ /$pattern/g;
	return $n;
}

1;
