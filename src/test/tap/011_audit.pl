# The audit trail: sealing does not wait and makes nobody wait, denied attempts
# stay in the log, standbys verify, and the chain goes on after a restore.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('one', allows_streaming => 1, conf => 'max_prepared_transactions = 2');
make_rows($node, 'rows', 200);
$node->safe_psql('postgres', q{
	CREATE ROLE ann; CREATE ROLE eve;
	GRANT SELECT ON rows TO ann; GRANT CREATE ON SCHEMA public TO ann;
	SET ROLE ann;
	SELECT mlops.train('m', 'rows', 'y', algorithm => 'linear_regression')});

sub verdict { return $_[0]->safe_psql($_[1] // 'postgres', 'SELECT ok, reason FROM mlops.audit_verify()') }
sub pending { return $_[0]->safe_psql($_[1] // 'postgres', 'SELECT pending FROM mlops.audit_head()') }
sub order_of
{
	return $node->safe_psql('postgres', q{SELECT string_agg(object, ' ' ORDER BY seq) FROM mlops.audit WHERE object ~ '^m@[a-z]'
		AND object <> 'm@champion' AND seq IS NOT NULL}) }

# an open transaction keeps back what it did itself and nothing else
my $slow = $node->background_psql('postgres');
$slow->query_safe("BEGIN; SELECT mlops.set_alias('m', 'slow')");
my $other = $node->background_psql('postgres');
$other->query_safe("SET statement_timeout = '10s'");
# another model: acts on one model wait for one another, with a record or without
$other->query_safe("SELECT mlops.grant_model(NULL, 'eve', 'erase')");
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is(pending($node), '0', 'what others committed is sealed while a transaction is open');
is($node->safe_psql('postgres', q{SELECT count(*) FROM mlops.audit WHERE sealed AND action = 'privilege.grant'}), '1', 'it is in the chain');
is($node->safe_psql('postgres', q{SELECT count(*) FROM mlops.audit WHERE object = 'm@slow'}), '0', 'what is open is not there');
$slow->query_safe('COMMIT');
is(pending($node), '1', 'until it commits');
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is(order_of(), 'm@slow', 'then it is sealed');

# a prepared transaction is an open one
$slow->query_safe("BEGIN; SELECT mlops.set_alias('m', 'prepared'); PREPARE TRANSACTION 'p'");
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is(order_of(), 'm@slow', 'what is prepared is not sealed');
$slow->query_safe("COMMIT PREPARED 'p'");
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is(order_of(), 'm@slow m@prepared', 'until it commits');

# subtransactions of which one is rolled back
$slow->query_safe("BEGIN; SAVEPOINT a; SELECT mlops.set_alias('m', 'gone'); ROLLBACK TO a; SAVEPOINT b; SELECT mlops.set_alias('m', 'kept'); RELEASE b; COMMIT");
$node->safe_psql('postgres', 'SELECT mlops.audit_seal()');
is(order_of(), 'm@slow m@prepared m@kept', 'a savepoint that was rolled back leaves nothing');

# two sealers: the second one leaves; acts do not wait for the first
$slow->query_safe("SELECT mlops.set_alias('m', 'one')");
$slow->query_safe('BEGIN; SELECT mlops.audit_seal()');
$other->query_safe("SELECT mlops.set_alias('m', 'two')");
is($other->query_safe('SELECT sealed, busy FROM mlops.audit_seal()'), '0|t', 'a second sealer is told that there is one');
$other->query_safe('CALL mlops.run_due_jobs()');
$slow->query_safe('COMMIT');
is(verdict($node), 't|', 'and nothing is sealed twice');
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is(order_of(), 'm@slow m@prepared m@kept m@one m@two', 'all in order');
is(verdict($node), 't|', 'the chain holds');

# many at once
my @busy = map { start_sql($node, "DO \$\$ BEGIN FOR i IN 1 .. 50 LOOP PERFORM mlops.set_alias('m', 'p$_'); PERFORM mlops.drop_alias('m', 'p$_'); COMMIT; END LOOP; END \$\$") } 1 .. 3;
my @seal = map { start_sql($node, 'DO $$ BEGIN FOR i IN 1 .. 30 LOOP PERFORM mlops.audit_seal(); COMMIT; PERFORM pg_sleep(0.005); END LOOP; END $$') } 1 .. 2;
is((wait_sql($_))[1], '', 'no error') for @busy, @seal;
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is($node->safe_psql('postgres', q{SELECT count(*) - count(DISTINCT event_id), max(seq) - min(seq) + 1 - count(*) FILTER (WHERE sealed) FROM mlops.audit}),
	'0|0', 'each is sealed once, without gaps');
is($node->safe_psql('postgres', q{SELECT count(*) FROM mlops.audit WHERE object ~ '^m@p[0-9]'}), '300', 'and all of them');
is(verdict($node), 't|', 'the chain holds');

# what is denied rolls back and stays in the log; clients do not see the line
my $offset = -s $node->logfile;
my ($rc, $out, $err) = $node->psql('postgres', q{SET client_min_messages = log; SET ROLE eve; BEGIN; SELECT mlops.set_alias('m', 'mine'); ROLLBACK;});
like($err, qr/model "m" does not exist/, 'denied');
unlike($err, qr/mlops audit/, 'the client is told nothing more');
my $log = slurp_file($node->logfile, $offset);
like($log, qr/LOG:  mlops audit: denied deploy on model "m": role "eve", session user /, 'the log has the attempt');
$offset = -s $node->logfile;
$node->psql('postgres', q{SET ROLE eve; SELECT mlops.audit_verify()});
like(slurp_file($node->logfile, $offset), qr/LOG:  mlops audit: denied audit on database/, 'and one on the trail');

# anchors are logged when they are committed, not before
$offset = -s $node->logfile;
$node->safe_psql('postgres', q{SELECT mlops.set_alias('m', 'anchored')});
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
my $head = $node->safe_psql('postgres', 'SELECT seq, hash FROM mlops.audit_head()');
my ($seq, $hash) = split /\|/, $head;
like(slurp_file($node->logfile, $offset), qr/LOG:  mlops audit anchor: seq=$seq hash=$hash chain=[0-9a-f]{32}/, 'the anchor is in the log');
$offset = -s $node->logfile;
$node->safe_psql('postgres', q{DO $$ BEGIN FOR i IN 1 .. 501 LOOP PERFORM mlops.set_alias('m', 'many'); PERFORM mlops.drop_alias('m', 'many'); END LOOP; END $$});
$node->safe_psql('postgres', 'BEGIN; SELECT mlops.audit_seal(); ROLLBACK');
unlike(slurp_file($node->logfile, $offset), qr/mlops audit anchor/, 'one that is rolled back is not');
$node->safe_psql('postgres', 'SELECT mlops.audit_seal()');
like(slurp_file($node->logfile, $offset), qr/mlops audit anchor/, 'after 1000 records there is one anyway');
$slow->quit;
$other->quit;

# a standby verifies what it has
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(verdict($standby), 't|', 'a standby verifies');
is($standby->safe_psql('postgres', "SELECT ok FROM mlops.audit_verify($seq, '$hash')"), 't', 'with an anchor');
is(substr(sqlstate($standby, 'SELECT mlops.audit_seal()'), 0, 5), '25006', 'and does not seal');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'no promotion';
$standby->safe_psql('postgres', q{SELECT mlops.set_alias('m', 'promoted')});
$standby->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is(verdict($standby), 't|', 'it seals after promotion');
is($standby->safe_psql('postgres', 'SELECT count(DISTINCT timeline) FROM mlops.audit_anchors'), '2', 'an anchor tells the timeline');
$standby->stop;

# restored into another cluster, with events that were pending
$node->safe_psql('postgres', q{SELECT mlops.set_alias('m', 'last_one')});
my $before = $node->safe_psql('postgres', 'SELECT pending FROM mlops.audit_head()');
cmp_ok($before, '>', 0, 'something is pending');
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump');
my $two = new_node('two', bare => 1);
$two->safe_psql('postgres', 'CREATE ROLE ann; CREATE ROLE eve; CREATE DATABASE copy');
$two->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'copy', $dump ], 'pg_restore');
is(verdict($two, 'copy'), 't|', 'verifies after a restore');
is($two->safe_psql('copy', "SELECT ok FROM mlops.audit_verify($seq, '$hash')"), 't', 'with the anchor of before');
$two->safe_psql('copy', q{SELECT mlops.set_alias('m', 'after')});
$two->safe_psql('copy', 'CALL mlops.run_due_jobs()');
is(pending($two, 'copy'), '0', 'everything is sealed');
is(verdict($two, 'copy'), 't|', 'the chain goes on');
is($two->safe_psql('copy', q{SELECT string_agg(coalesce(object, action), ' ' ORDER BY seq) FROM mlops.audit
	WHERE object IN ('m@last_one', 'm@after') OR action = 'system.incarnation'}),
	'm@last_one system.incarnation m@after', 'and says where it changed clusters');
$two->safe_psql('copy', q{SELECT mlops.set_alias('m', 'later')});
$two->safe_psql('copy', 'CALL mlops.run_due_jobs()');
is($two->safe_psql('copy', q{SELECT count(*) FROM mlops.audit WHERE action = 'system.incarnation'}), '1', 'once');
is($two->safe_psql('copy', q{SELECT count(*) FROM mlops.audit}), $two->safe_psql('copy', q{SELECT count(DISTINCT event_id) FROM mlops.audit}), 'numbers of events go on');

# erased for good: nowhere in the files after VACUUM and CHECKPOINT
$node->safe_psql('postgres', q{SELECT mlops.place_hold('snapshot', NULL, 'planted-4711')});
my $file = $node->data_dir . '/' . $node->safe_psql('postgres', q{CHECKPOINT; SELECT pg_relation_filepath('mlops_private.audit_payload')});
like(slurp_file($file), qr/planted-4711/, 'the payload is in the file');
$node->safe_psql('postgres', q{UPDATE mlops_private.legal_hold SET released_at = now(), reason = ''});
$node->safe_psql('postgres', q{SELECT mlops.erase_subject('planted-4711')});
$node->safe_psql('postgres', 'VACUUM FULL mlops_private.audit_payload');
$node->safe_psql('postgres', 'CHECKPOINT');
$file = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('mlops_private.audit_payload')});
unlike(slurp_file($file), qr/planted-4711/, 'and not after erasure and VACUUM');
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is(verdict($node), 't|', 'the chain holds');

# the extension dropped and made anew is another chain, as the anchor shows
$node->safe_psql('postgres', 'DROP EXTENSION mlops CASCADE; CREATE EXTENSION mlops');
$node->safe_psql('postgres', q{SELECT mlops.train('m', 'rows', 'y', algorithm => 'linear_regression')});
$node->safe_psql('postgres', 'CALL mlops.run_due_jobs()');
is(verdict($node), 't|', 'a new chain holds');
is($node->safe_psql('postgres', "SELECT ok, reason FROM mlops.audit_verify($seq, '$hash')"),
	'f|truncated or replaced: head differs from anchor', 'but is not the one that was anchored');

# a database without an encoding: payloads are what they are, and can be read and erased
$node->safe_psql('postgres', "CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
$node->safe_psql('bytes', 'CREATE EXTENSION mlops');
make_rows($node, 'rows', 200, 'bytes');
$node->safe_psql('bytes', q{SELECT mlops.train('m', 'rows', 'y', algorithm => 'linear_regression')});
$node->safe_psql('bytes', q{SELECT mlops.set_alias('m', 'beta', 1, E'caf\\xe9')});
is($node->safe_psql('bytes', q{SELECT octet_length(payload ->> 'reason') FROM mlops.audit WHERE object = 'm@beta'}), '4', 'bytes that are no UTF-8 in a payload');
is($node->safe_psql('bytes', q{SELECT items FROM mlops.erase_subject(E'caf\\xe9') WHERE place = 'audit payloads' AND status = 'done'}), '1', 'are erased');
$node->safe_psql('bytes', 'CALL mlops.run_due_jobs()');
is(verdict($node, 'bytes'), 't|', 'and the chain holds');

done_testing();
