# Erasing a subject is complete: what was planted under a key is looked for in every file of
# the data directory, and found only where the report says.  Erasing again, under a hold,
# while somebody reads, and two at a time.

use strict;
use warnings;
use File::Find;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('erasure', conf => "autovacuum = off\nlog_statement = none\nlog_min_error_statement = panic\n");
my $key = 'Qz7xPlantedW9kJ';
my $outlier = 7351928461.0625;
my %planted = ($key => 'the key', pack('d<', $outlier) => 'the outlier', '7351928461.0625' => 'the outlier as text');

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub as { my ($role, $text) = @_; return $node->safe_psql('postgres', "SET ROLE $role; $text") }

# Where something planted stands, but for the write-ahead log: tables of ours by name, TOAST
# with them, statistics; other files by their path.
sub found
{
	my (%relation, %where);

	sql('CHECKPOINT');
	for (split /\n/, sql(q{
		SELECT pg_relation_filepath(c.oid), CASE WHEN n.nspname IN ('mlops_private', 'pg_catalog') THEN coalesce(t.relname, c.relname) ELSE 'yours' END
		  FROM pg_class c LEFT JOIN pg_class t ON t.reltoastrelid = c.oid OR t.oid = (SELECT indrelid FROM pg_index WHERE indexrelid = c.oid)
		  JOIN pg_namespace n ON n.oid = coalesce(t.relnamespace, c.relnamespace)
		 WHERE c.relfilenode <> 0 OR c.relisshared OR pg_relation_filenode(c.oid) IS NOT NULL}))
	{
		my ($path, $name) = split /\|/;
		$relation{$path} = $name;
	}
	find({ no_chdir => 1, wanted => sub {
		return if !-f $_ || m{/pg_wal/};
		my $bytes = slurp_file($_);
		(my $path = $_) =~ s{^\Q${\$node->data_dir}\E/}{};
		$path =~ s{(/\d+)\.\d+$}{$1};
		for my $what (keys %planted)
		{
			$where{"$planted{$what} in " . ($relation{$path} // $path)} = 1 if index($bytes, $what) >= 0;
		}
	} }, $node->data_dir);
	return join ', ', sort keys %where;
}

# ------------------------------------------------- what there is of a person

sql(q{
	CREATE ROLE officer; CREATE ROLE ann;
	SELECT mlops.grant_model(NULL, 'officer', 'erase');
	GRANT CREATE ON SCHEMA public TO ann;});
is(found(), '', 'nothing is planted yet');
# random bytes of hex do not compress: what is planted stands in the files as it is
sql(qq{
	SET ROLE ann;
	CREATE TABLE people AS
	SELECT 'p' || md5(i::text) AS who, CASE i % 3 WHEN 0 THEN 'north' ELSE 'south' END AS region,
	       (i % 17)::float8 AS x, (3 * (i % 17) + i % 3)::float8 AS y FROM generate_series(1, 500) i;
	INSERT INTO people SELECT '$key', 'north', $outlier, 50 FROM generate_series(1, 5);
	CREATE TABLE others AS SELECT * FROM people WHERE who <> '$key';
	SELECT mlops.snapshot('may', 'people', key => 'who', note => 'people of May');
	SELECT mlops.snapshot('may_too', 'SELECT who, x, y FROM people', key => 'who');
	SELECT mlops.train('numbers', 'snapshot:may', 'y', 'linear_regression', features => '{x}');
	SELECT mlops.train('words', 'people', 'y', 'decision_tree', features => '{who,x}', options => '{"min_samples_leaf": 1, "max_categories": 1000}');
	SELECT mlops.train('words', 'people', 'y', 'decision_tree', features => '{region,x}', alias => 'champion');
	SELECT mlops.train('classes', 'people', 'who', 'decision_tree', features => '{x}', options => '{"max_depth": 2}');
	RESET ROLE;
	SELECT mlops.set_card('words', '{"purpose_of_model": "about $key alone", "caveats_and_recommendations": ["$key"]}');
	SELECT mlops.run_start('of_a_person', params => '{"who": "$key"}');
	RESET ROLE;
	SELECT mlops.place_hold('version', 'words:1', '$key');
	SELECT mlops.audit_seal();
	SELECT mlops.place_hold('snapshot', 'may_too', '$key');
	SELECT count(mlops.release_hold(hold)) FROM mlops.holds WHERE kind = 'version';
	ANALYZE;});
my $before = found();
like($before, qr/the outlier in yours/, 'before: the outlier');
sql('DROP TABLE people; VACUUM; ANALYZE');
like($before, qr/the key in $_\b/, "before: in $_") for qw(audit_payload card legal_hold run snapshot_part version);
my $payloads = qq{SELECT string_agg(DISTINCT action, ' ') FROM mlops.audit WHERE position('$key' in payload::text) > 0};
is(sql($payloads), 'hold.place', 'acts that have the key in their payload');
my $statistics = qq{SELECT string_agg(DISTINCT tablename, ' ' ORDER BY tablename) FROM pg_stats WHERE schemaname LIKE 'mlops%' AND tablename NOT IN ('card', 'legal_hold', 'run', 'version')
	AND position('$key' in coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, '') || coalesce(most_common_elems::text, '')) > 0};
is(sql($statistics), '', 'statistics know nothing but texts that people wrote, although all tables were analysed');
is(sql(q{SELECT string_agg(tablename || '.' || attname, ' ' ORDER BY tablename, attname) FROM pg_stats
	WHERE schemaname = 'mlops_private' AND (tablename, attname) IN (('snapshot_part', 'content'), ('audit_payload', 'payload'), ('audit_payload', 'salt'))}), '', 'and nothing of what can be erased');

# ------------------------------------------------- erased, but for what is under a hold

my $erase = qq{SELECT place, status, items, detail FROM mlops.erase_subject('$key', 'letter of May')};
my $report = as('officer', $erase);
like($report, qr/^rows of snapshots\|done\|5\|/m, 'rows of the snapshot that nobody holds');
like($report, qr/^snapshots\|blocked\|1\|A legal hold/m, 'the other one is held');
like($report, qr/^model versions\|retrain needed\|1\|Trained on rows that are gone: numbers:1\.$/m, 'what was trained from it');
like($report, qr/^model versions\|retrain needed\|2\|Have the key as a category or a class: classes:1, words:1\.$/m, 'what has the key in its artifact');
like($report, qr/^audit payloads\|done\|\d+\|/m, 'audit payloads');
like($report, qr/^notes, cards, reasons, runs, sources\|out of reach\|/m, 'what people wrote is not searched');
unlike($report, qr/$key/, 'the report does not have the key');
sql('VACUUM FULL; ANALYZE');
like(found(), qr/the key in snapshot_part/, 'what is held is there');
my $rows = sql(q{SELECT rows, erased_rows FROM mlops.snapshots ORDER BY snapshot});
is($rows, "500|5\n505|0", 'rows of the snapshots');

# ------------------------------------------------- while somebody reads, and two at a time

sql(q{SELECT count(mlops.release_hold(hold)) FROM mlops.holds WHERE released_at IS NULL});
my $count = q{SELECT count(*) FROM mlops.snapshot_rows('may_too') AS t(who text, x float8, y float8)};
my ($reader, $first, $second) = map { $node->background_psql('postgres') } 1 .. 3;
$reader->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; $count");
$first->query_safe("SET ROLE officer; BEGIN; SELECT count(*) FROM ($erase) e");
$second->query_safe('SET ROLE officer');
$second->query_until(qr/started/, "\\echo started\nSELECT string_agg(status || ' ' || items, ', ') AS two FROM ($erase) e WHERE place = 'rows of snapshots';\n");
is($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}), 1, 'a second erasure waits for the first');
$first->query_safe('COMMIT');
is($second->query_safe('SELECT 1') =~ /(done \d+.*)/ ? $1 : '', 'done 0', 'and finds nothing');
is($reader->query_safe($count), '505', 'who reads goes on in what there was');
$reader->query_safe('COMMIT');
is($reader->query_safe($count), '500', 'and then no more');
$_->quit for $reader, $first, $second;

# two people of one snapshot at a time: both go
my @who = split /\n/, sql(q{SELECT who FROM others ORDER BY who LIMIT 2});
($first, $second) = map { $node->background_psql('postgres') } 1 .. 2;
$first->query_safe("SET ROLE officer; BEGIN; SELECT count(*) FROM mlops.erase_subject('$who[0]')");
$second->query_until(qr/started/, "\\echo started\nSELECT count(*) FROM mlops.erase_subject('$who[1]');\n");
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'});
$first->query_safe('COMMIT');
$second->query_safe('SELECT 1');
$_->quit for $first, $second;
sql("DELETE FROM others WHERE who IN ('$who[0]', '$who[1]')");
is(sql(q{SELECT string_agg(rows || ' ' || erased_rows, ', ' ORDER BY snapshot) FROM mlops.snapshots}), '498 7, 498 7', 'nobody is erased by halves');
sql(q{SELECT mlops.snapshot('rest', 'SELECT who, x, y FROM others', key => 'who')});
is(sql(q{SELECT count(DISTINCT fingerprint) FROM mlops.snapshots WHERE snapshot IN ('rest', 'may_too')}), '1', 'what is left is what there is of the others');

# ------------------------------------------------- again, and what is left in the files

like(as('officer', $erase), qr/^rows of snapshots\|done\|0\|.*^model versions\|retrain needed\|2\|Have the key.*^audit payloads\|done\|0\|/ms,
	'once more: nothing to erase, and models still know');
sql('SELECT mlops.audit_seal()');
is(sql(q{SELECT ok, reason FROM mlops.audit_verify()}), 't|', 'the trail holds');
sql('VACUUM FULL; ANALYZE');
is(found(), 'the key in card, the key in legal_hold, the key in pg_statistic, the key in run, the key in version', 'only where the report says');
is(sql($payloads), '', 'the trail forgot it');
# what the report names can be done: drop the models; texts are the business of who wrote them
sql(q{SELECT mlops.drop_model('words'); SELECT mlops.drop_model('classes')});
sql(q{UPDATE mlops_private.legal_hold SET reason = ''; UPDATE mlops_private.run SET params = '{}'});
sql('VACUUM FULL; ANALYZE; VACUUM FULL pg_statistic');
is(found(), '', 'and then nowhere at all');
is(sql(q{SELECT ok, reason FROM mlops.audit_verify()}), 't|', 'the trail holds');

done_testing();
