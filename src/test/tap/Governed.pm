# Governed.pm: a database in which everything that governance stores has something
# in it, and what must be the same after a dump, a restore or pg_upgrade.
package Governed;

use strict;
use warnings;
use Exporter 'import';
use MlopsTest;

our @EXPORT = qw(as_role make_governed governed_tables governed_facts governed_empty governed_undumped);

# SQL in a session of this role.
sub as_role
{
	my ($node, $db, $role, $sql) = @_;
	return $node->safe_psql($db, $sql, extra_params => [ '-U', $role ]);
}

# Roles: ann owns; bob (who becomes robert), cat and pat (who is dropped and made anew) have
# grants; dan and fay approve; eve reads the audit trail.  Of the grant to the first pat only
# the row is left.
sub make_governed
{
	my ($node, $db) = @_;
	$node->safe_psql('postgres', join '', map { "CREATE ROLE $_ LOGIN;" } qw(ann bob cat dan eve fay pat));
	$node->safe_psql($db, 'CREATE EXTENSION IF NOT EXISTS mlops; GRANT CREATE ON SCHEMA public TO ann');
	make_rows($node, 'rows', 2000, $db);
	$node->safe_psql($db, q{
		GRANT SELECT ON rows TO PUBLIC;
		SELECT mlops.label_column('rows', 'x3', 'pii:age mask:round');
		SELECT mlops.grant_model(NULL, 'eve', 'audit');
		SELECT mlops.set_retention('audit', '1 year', '3 years');
		SELECT mlops.expect('public.rows', '{"kind": "not_null", "column": "x1", "max_share": 0.5}');
		SET ROLE ann;
		SELECT mlops.train('price', 'rows', 'y', note => 'first');
		SELECT mlops.train('price', 'SELECT id, x1, x2, c, y FROM rows', 'y', 'gradient_boosting', options => '{"n_estimators": 5}');
		SELECT mlops.train('price', 'rows', 'y', 'decision_tree', alias => 'challenger');
		SELECT mlops.train('risk', 'rows', 'good');
		SELECT mlops.grant_model('price', 'bob', 'predict');
		SELECT mlops.grant_model('price', 'cat', 'deploy', true);
		SELECT mlops.grant_model('price', 'cat', 'read');
		SELECT mlops.grant_model('risk', 'pat', 'predict');
		SELECT mlops.grant_model('risk', 'public', 'read');
		SELECT mlops.grant_model('risk', 'dan', 'approve');
		SELECT mlops.grant_model('risk', 'fay', 'approve');
		RESET ROLE;
		SELECT mlops.place_hold('model', 'price', 'the case of the case');});
	$node->safe_psql($db, q{
		SET ROLE cat;
		SELECT mlops.set_alias('price:2', 'champion', reason => 'better');
		SELECT mlops.set_alias('price:3', 'champion');
		SELECT mlops.rollback('price', reason => 'worse');
		SELECT mlops.set_alias('price:1', 'canary');
		SELECT mlops.drop_alias('price', 'canary');
		SELECT mlops.route('price', '{"champion": 0.7, "challenger": 0.3}');
		SELECT count(*) FROM (SELECT r.run, mlops.run_log(r.run, '{"auc": 0.5, "odd": "NaN"}'), mlops.run_log(r.run, 'loss', 0.25, 7)
		                        FROM mlops.run_start('cats', 'open', parent => NULL) r) x;});
	as_role($node, $db, 'ann', q{
		SELECT mlops.snapshot('snap', 'rows', 'id', 'as of then');
		SELECT mlops.snapshot('half', 'SELECT * FROM rows WHERE id <= 1000');});
	# a request that one of two has approved
	as_role($node, $db, 'ann', q{
		SELECT mlops.train('risk', 'rows', 'good', 'decision_tree');
		SELECT mlops.set_card('risk', '{"purpose_of_model": "Who repays"}');
		SELECT mlops.expect('risk', '{"kind": "in_set", "column": "c", "values": ["a", "b"], "severity": "warning"}', 'known ones');
		SELECT mlops.set_card('risk', '{"risk_rating": "High"}');
		SELECT mlops.set_policy('risk', '{"required_approvals": 2, "required_card_fields": ["purpose_of_model"]}');
		SELECT mlops.set_stage('risk', 2, 'candidate');
		SELECT mlops.request_promotion('risk', 2, reason => 'smaller');});
	as_role($node, $db, 'dan', q{SELECT mlops.approve(request, 'fine') FROM mlops.promotions});
	as_role($node, $db, 'ann', q{
		SELECT mlops.train_async('queued', 'rows', 'y', 'decision_tree');
		SELECT mlops.schedule('nightly', 'train', '1 day', '{"model": "price", "source": "rows", "target": "y", "algorithm": "decision_tree"}', '2100-01-01');
		CALL mlops.run_due_jobs();});
	as_role($node, $db, 'ann', q{
		SELECT mlops.raise_alert('price', 'rows of today', 'major', 12, 100), mlops.raise_alert('risk', 'a rule');
		SELECT mlops.acknowledge_alert(alert, 'known') FROM mlops.alerts WHERE model = 'price';
		SELECT mlops.silence_alerts('price', 'drift', 'x1', '2100-01-01', 'moved');});
	$node->safe_psql($db, q{SELECT sealed FROM mlops.audit_seal()});
	$node->safe_psql('postgres', 'ALTER ROLE bob RENAME TO robert; DROP ROLE pat; CREATE ROLE pat LOGIN');
	# predictions, some of them of a day with a partition that was made at run time
	$node->safe_psql($db, q{
		CREATE TABLE mlops_private.prediction_20300101 PARTITION OF mlops_private.prediction
			FOR VALUES FROM ('2030-01-01') TO ('2030-01-02');
		ALTER TABLE mlops_private.prediction_20300101 ENABLE ROW LEVEL SECURITY;
		CREATE POLICY readers ON mlops_private.prediction_20300101 FOR SELECT USING (mlops_private.may(model_id, 'logs'));
		COMMENT ON TABLE mlops_private.prediction_20300101 IS 'predictions of a day';
		SELECT count(mlops.score('price', r, r.id::text)) FROM rows r WHERE id <= 20;
		SELECT mlops.set_log_sampling('risk', 0.5);
		SELECT * FROM mlops.log_upkeep();
		SELECT mlops.set_retention('log', '1 month', '10 years');
		SELECT mlops.record_outcome('price', '7', 12.5), mlops.record_outcome('risk', '7', 'true');
		INSERT INTO mlops_private.prediction
			SELECT prediction_id + 1000000, '2030-01-01 12:00+00', log_xid, model_id, value, version, latency_us, system, share, features, shadow, variant, caller, key, label, probabilities
			  FROM mlops_private.prediction;});
	# as if the database had been in another cluster before, and on a day without a partition
	$node->safe_psql($db, q{
		INSERT INTO mlops_private.prediction
			SELECT prediction_id + 2000000, '2031-01-01 12:00+00', log_xid, model_id, value, version, latency_us, 7, share, features, shadow, variant, caller, key, label, probabilities
			  FROM mlops_private.prediction
			 WHERE NOT shadow AND model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'price')
			 ORDER BY prediction_id LIMIT 1;});
	as_role($node, $db, 'ann', q{
		SELECT mlops.monitor('price', "window" => '1 hour', segments => '{c}', thresholds => '{"low_n": 10}');
		SELECT mlops.run_monitor('price', now() + interval '3 hours');});
	# a retraining, whose policy waits for another
	as_role($node, $db, 'ann', q{
		SELECT mlops.retrain_policy('queued', 'schedule', every => '1 year', cooldown => '30 days', budget => '{"rows": 100000}', promote_alias => 'fresh', start => now());
		CALL mlops.run_due_jobs();});
	# some acts that are not sealed yet
	$node->safe_psql($db, q{
		SET ROLE cat;
		SELECT mlops.set_alias('price:1', 'canary');});
}

# Of every table and sequence of ours the name and what is in it, as text.
sub governed_tables
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, q{
		SELECT c.relname, CASE c.relkind
		       WHEN 'r' THEN (xpath('/row/m/text()', query_to_xml(format(
		            'SELECT count(*) || '' '' || coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C")), '''') AS m FROM mlops_private.%I t %s',
		            c.relname, CASE c.relname WHEN 'model_grant'
		            THEN 'WHERE grantee_oid = 0 OR mlops_private.current_owner(grantee_oid, grantee_name, grantee_system) IS NOT NULL' END), false, true, '')))[1]::text
		       ELSE (SELECT s.last_value::text FROM pg_sequences s WHERE s.schemaname = 'mlops_private' AND s.sequencename = c.relname) END
		  FROM pg_class c
		 WHERE c.relnamespace = 'mlops_private'::regnamespace AND c.relkind IN ('r', 'S')
		   AND c.relname <> 'known_system' ORDER BY 1});
}

# What the install script makes, and what functions and views say: pairs of a name and a text.
sub governed_facts
{
	my ($node, $db) = @_;
	return map { [ /FROM (\S+)/ ? $1 : $_, $node->safe_psql($db, $_) ] } (
		q{SELECT 'policies', count(*) FROM pg_policies WHERE schemaname LIKE 'mlops%'},
		q{SELECT tablename, policyname, permissive, roles, cmd, md5(qual), with_check FROM pg_policies WHERE schemaname LIKE 'mlops%' ORDER BY 1, 2},
		q{SELECT relname, relkind, relrowsecurity, relforcerowsecurity, reloptions,
		         ARRAY(SELECT a.privilege_type || ' to ' || a.grantee FROM aclexplode(relacl) a WHERE a.grantee <> relowner ORDER BY 1) FROM pg_class
		   WHERE relnamespace IN ('mlops'::regnamespace, 'mlops_private'::regnamespace) AND relkind IN ('r', 'v', 'S') ORDER BY relnamespace::regnamespace::text, 1},
		q{SELECT oid::regprocedure::text, ARRAY(SELECT a.privilege_type || ' to ' || a.grantee FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) a WHERE a.grantee <> proowner ORDER BY 1) FROM pg_proc
		   WHERE pronamespace IN ('mlops'::regnamespace, 'mlops_private'::regnamespace) ORDER BY 1},
		q{SELECT nspname, ARRAY(SELECT a.privilege_type || ' to ' || a.grantee FROM aclexplode(nspacl) a WHERE a.grantee <> nspowner ORDER BY 1) FROM pg_namespace WHERE nspname LIKE 'mlops%' ORDER BY 1},
		q{SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'mlops%' AND NOT tgisinternal ORDER BY 1, 2},
		q{SELECT * FROM mlops.labels},
		q{SELECT * FROM mlops.aliases ORDER BY model, alias},
		q{SELECT * FROM mlops.alias_history ORDER BY model, alias, since, version},
		q{SELECT * FROM mlops.routes},
		q{SELECT string_agg(mlops.variant_of('price', id::text), ',' ORDER BY id) FROM rows WHERE id <= 100},
		q{SELECT run, experiment, name, owner, model, version, status, params, metrics FROM mlops.runs ORDER BY run},
		q{SELECT * FROM mlops.run_metrics ORDER BY run, key, step},
		q{SELECT * FROM mlops.leaderboard('price', 'rmse')},
		q{SELECT * FROM mlops.snapshots ORDER BY 1},
		q{SELECT (xpath('/row/m/text()', query_to_xml(format('SELECT md5(string_agg(t::text, '','' ORDER BY id)) AS m FROM mlops.snapshot_rows(%L) AS t (%s)', snapshot, definition), false, true, '')))[1]::text FROM mlops.snapshots ORDER BY 1},
		q{SELECT same, recorded FROM mlops.trained_on('price:1', 'rows')},
		q{SELECT * FROM mlops.cards ORDER BY model, revision},
		q{SELECT mlops.card('risk'), mlops.card_markdown('risk:2') FROM rows LIMIT 1},
		q{SELECT * FROM mlops.expectations ORDER BY number},
		q{SELECT number, kind, failed, n, passed FROM mlops.validate('public.rows', model => 'risk')},
		q{SELECT * FROM mlops.predictions ORDER BY prediction},
		q{SELECT * FROM mlops.log_sampling},
		q{SELECT partition, day FROM mlops.log_partitions ORDER BY 1},
		q{SELECT * FROM mlops.outcomes ORDER BY model, key, prediction},
		q{SELECT (to_jsonb(m) - 'lag')::text FROM mlops.monitors m ORDER BY model},
		q{SELECT * FROM mlops.drift_windows ORDER BY model, version, window_start},
		q{SELECT * FROM mlops.drift_report ORDER BY model, version, window_start, kind, feature, baseline},
		q{SELECT r::text FROM mlops.retrain_policies r ORDER BY model},
		q{SELECT r::text FROM mlops.retrainings r ORDER BY retraining},
		q{SELECT * FROM mlops.policies},
		q{SELECT * FROM mlops.compliance('risk:2')},
		q{SELECT * FROM mlops.promotions},
		q{SELECT * FROM mlops.jobs ORDER BY job},
		q{SELECT * FROM mlops.job_runs ORDER BY run},
		q{SELECT * FROM mlops.alerts ORDER BY alert},
		q{SELECT * FROM mlops.alert_silences},
		q{SELECT * FROM mlops.holds},
		q{SELECT * FROM mlops.retention},
		q{SELECT at, actor, action, kind, object, payload, seq FROM mlops.audit ORDER BY event_id},
		q{SELECT * FROM mlops.audit_head()});
}

# Tables of ours that hold nothing: then nothing was tested of them.
sub governed_empty
{
	my ($node, $db) = @_;
	my %in = map { split /\|/, $_, 2 } split /\n/, governed_tables($node, $db);
	return join ' ', grep { $in{$_} =~ /^0 / && !/^prediction_\d{8}$/ } sort keys %in;
}

# Tables and sequences of ours that pg_dump would leave out, but for the one that it must;
# partitions made at run time are the database's.
sub governed_undumped
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, q{
		SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c, pg_extension e
		 WHERE e.extname = 'mlops' AND c.relnamespace = 'mlops_private'::regnamespace AND c.relkind IN ('r', 'S', 'p')
		   AND NOT c.oid = ANY (e.extconfig) AND c.relname <> 'known_system'
		   AND NOT (c.relispartition AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))});
}

1;
