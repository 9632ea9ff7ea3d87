# What an attacker can prepare before CREATE EXTENSION, what the server's log keeps
# of attempts, what a client can make the server say, and what becomes of grants in
# a dump that is restored into another cluster.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MlopsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('attacks', conf => "log_min_messages = warning\n");
sub ok_sql { return $node->safe_psql('postgres', $_[0]) }

# ------------------------------------------------- before CREATE EXTENSION

ok_sql('CREATE ROLE eve LOGIN; CREATE ROLE app; GRANT CREATE ON DATABASE postgres TO eve');
for my $schema ('mlops', 'mlops_private')
{
	my ($rc, $out, $err);

	$node->safe_psql('postgres', "CREATE DATABASE before_$schema");
	$node->safe_psql("before_$schema", qq{
		CREATE SCHEMA $schema AUTHORIZATION eve;
		SET ROLE eve;
		CREATE TABLE $schema.model (model_id bigint, name name);
		CREATE FUNCTION $schema.may(bigint, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';});
	($rc, $out, $err) = $node->psql("before_$schema", 'CREATE EXTENSION mlops');
	isnt($rc, 0, "CREATE EXTENSION refuses a schema $schema that somebody made");
	like($err, qr/schema "$schema" already exists/, 'and says so');
	is($node->safe_psql("before_$schema", q{SELECT count(*) FROM pg_extension WHERE extname = 'mlops'}), 0, 'nothing is left');
}

# objects in public, in front of pg_catalog for every session; default privileges for everybody
$node->safe_psql('postgres', 'CREATE DATABASE shadowed');
$node->safe_psql('shadowed', q{
	GRANT ALL ON SCHEMA public TO eve;
	SET ROLE eve;
	CREATE FUNCTION public.trap() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
	CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT public.trap()::timestamptz';
	CREATE FUNCTION public.equal(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap()::boolean';
	CREATE FUNCTION public.equal(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap()::boolean';
	CREATE FUNCTION public.equal(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap()::boolean';
	CREATE OPERATOR public.= (FUNCTION = public.equal, LEFTARG = name, RIGHTARG = name);
	CREATE OPERATOR public.= (FUNCTION = public.equal, LEFTARG = text, RIGHTARG = text);
	CREATE OPERATOR public.= (FUNCTION = public.equal, LEFTARG = bigint, RIGHTARG = bigint);
	RESET ROLE;
	ALTER DATABASE shadowed SET search_path = public, pg_catalog;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO app;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO app;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO app;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO app;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO app;
	ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC;});
isnt($node->psql('shadowed', q{SELECT 'a'::text = 'a'::text}), 0, 'the trap works');
$node->safe_psql('shadowed', 'CREATE EXTENSION mlops');
$node->safe_psql('shadowed', q{
	SELECT mlops.train('m', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
	SELECT mlops.grant_model('m', 'app', 'predict');
	SELECT mlops.set_alias('m:1', 'other');
	SELECT * FROM mlops.models;
	SELECT * FROM mlops.versions;
	SELECT * FROM mlops.grants;
	SELECT mlops.predict('m', '{"x": 1}'::jsonb);});
is($node->safe_psql('shadowed', q{SELECT proname FROM pg_proc WHERE pronamespace OPERATOR(pg_catalog.=) 'public'::regnamespace AND pronargs OPERATOR(pg_catalog.=) 0 ORDER BY 1}),
	"now\ntrap", 'the names in front are there, and nothing of ours met them');
my $stray = q{
	SELECT pg_catalog.count(*) FROM (
		SELECT relacl, relowner FROM pg_class WHERE relnamespace IN ('mlops'::regnamespace, 'mlops_private'::regnamespace)
		UNION ALL SELECT proacl, proowner FROM pg_proc WHERE pronamespace IN ('mlops'::regnamespace, 'mlops_private'::regnamespace)
		UNION ALL SELECT typacl, typowner FROM pg_type WHERE typnamespace IN ('mlops'::regnamespace, 'mlops_private'::regnamespace)
		UNION ALL SELECT nspacl, nspowner FROM pg_namespace WHERE nspname::pg_catalog.text LIKE 'mlops%') AS o (acl, owner),
		pg_catalog.aclexplode(acl) a WHERE a.grantee <> 0::oid AND a.grantee <> owner};
is($node->safe_psql('shadowed', $stray), 0, 'default privileges open nothing of ours');
is($node->safe_psql('shadowed', q{SET ROLE eve; SELECT pg_catalog.count(*) FROM mlops.models}), "0", 'and close nothing');

# ------------------------------------------------- what the log keeps

ok_sql(q{
	SELECT mlops.train('secret_model', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
	CREATE ROLE half; CREATE ROLE regress_mlops_none; CREATE ROLE regress_mlops_predict;
	SELECT mlops.grant_model('secret_model', 'half', 'manage');});

# every function that takes a model by name, as the regression test calls it
my $calls = slurp_file('sql/privilege_matrix.sql');
$calls =~ /^COPY calls[^\n]*\n(.*?)^\\\.$/ms or die;
my @calls = map { [ split /\|/, $_, 2 ] } split /\n/, $1;
cmp_ok(scalar @calls, '>', 25, 'calls of the privilege matrix');
my (@silent, @spoke, @differs);
for my $call (@calls)
{
	my ($function, $template) = @$call;
	my %said;

	for my $model ('secret_model', 'absent_model')
	{
		my $from = -s $node->logfile;
		(my $sql = $template) =~ s/%L/'$model'/;
		my ($rc, $out, $err) = $node->psql('postgres',
			"SET client_min_messages = debug5; SET log_min_messages = log; SET ROLE eve; BEGIN; SELECT * FROM (SELECT $sql) AS q; ROLLBACK");
		($rc, $out, $err) = $node->psql('postgres',
			"SET ROLE eve; SET client_min_messages = debug5; BEGIN; SELECT * FROM (SELECT $sql) AS q; ROLLBACK");
		my $log = slurp_file($node->logfile, $from);
		my $denied = () = $log =~ /mlops audit: denied [^\n]*role "eve"/g;
		push @silent, $function if $model eq 'secret_model' && $denied < 2;
		push @spoke, $function if $model eq 'absent_model' && $denied > 0;
		push @spoke, "$function tells the client" if $err =~ /mlops audit/;
		$err =~ s/$model/MODEL/g;
		$err =~ s/psql:<stdin>:\d+: //g;
		$err =~ s/\d+/N/g;
		$said{$model} = $err;
	}
	push @differs, $function unless $function =~ /^mlops\.train(_async)?\(/ || $said{secret_model} eq $said{absent_model};
}
is("@silent", '', 'every denied attempt leaves a line in the log, after a rollback, with the role that tried');
is("@spoke", '', 'no line for a model that does not exist, none for the client');
is("@differs", '', 'with every message the server has, a client cannot tell the two apart');
my $from = -s $node->logfile;
$node->psql('postgres', q{SET ROLE half; SELECT mlops.transfer_model('secret_model', 'half')});
$node->psql('postgres', q{SET ROLE half; SELECT mlops.grant_model(NULL, 'half', 'audit')});
$node->psql('postgres', q{SET ROLE half; SELECT mlops.predict('secret_model', '{"x": 1}'::jsonb)});
my $log = slurp_file($node->logfile, $from);
is(scalar(() = $log =~ /mlops audit: denied [^\n]*role "half"/g), 3, 'refusals of what one may know of are in the log, too');
# a definer's function is its owner's attempt
ok_sql(q{CREATE SCHEMA w; GRANT ALL ON SCHEMA w TO PUBLIC; SET ROLE eve;
	CREATE FUNCTION w.w() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT mlops.set_alias('secret_model:1', 'mine') $$});
$from = -s $node->logfile;
$node->psql('postgres', q{SET ROLE half; SELECT w.w()});
like(slurp_file($node->logfile, $from), qr/mlops audit: denied deploy on model "secret_model": role "eve", session user/, 'a wrapper is its owner');

# ------------------------------------------------- a dump in another cluster

ok_sql(q{
	CREATE ROLE keeper; CREATE ROLE renamed_once; CREATE ROLE missing;
	SELECT mlops.grant_model('secret_model', 'keeper', 'predict');
	SELECT mlops.grant_model('secret_model', 'missing', 'predict');
	SELECT mlops.grant_model('secret_model', 'public', 'read');
	SELECT mlops.grant_model('secret_model', 'renamed_once', 'artifact', true);
	ALTER ROLE renamed_once RENAME TO renamed;
	SELECT mlops.grant_model('secret_model', 'keeper', 'logs');
	SELECT mlops.grant_model(NULL, 'keeper', 'audit');});
my $other = new_node('attacks_other', bare => 1);
$other->safe_psql('postgres', 'CREATE ROLE filler; CREATE ROLE half; CREATE ROLE regress_mlops_none; CREATE ROLE renamed; CREATE ROLE filler2; CREATE ROLE keeper; CREATE ROLE eve; CREATE ROLE app');
my $dump = $node->basedir . '/dump.sql';
command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'pg_dump');
my ($rc, $out, $err) = $other->psql('postgres', "\\i $dump", extra_params => ['-q']);
is($err, '', 'restored without a word');
my $rights = q{SELECT string_agg(privilege, ' ' ORDER BY privilege) FROM mlops.privileges WHERE model = 'secret_model'};
is($other->safe_psql('postgres', "SET ROLE keeper; $rights"), 'logs predict read', 'grants are by name in the other cluster');
is($other->safe_psql('postgres', "SET ROLE renamed; $rights"), 'artifact read', 'of a role that was renamed, by its last name');
is($other->safe_psql('postgres', "SET ROLE filler; $rights"), 'read', 'an OID that somebody else has means nothing');
is($other->safe_psql('postgres', q{SET ROLE keeper; SELECT privilege FROM mlops.privileges WHERE model IS NULL}), 'audit', 'database-wide ones as well');
$other->safe_psql('postgres', q{SELECT mlops.set_alias('secret_model:1', 'other')});
$other->safe_psql('postgres', 'CREATE ROLE missing');
is($other->safe_psql('postgres', "SET ROLE missing; $rights"), 'read', 'a role made after the first change has nothing');
is($other->safe_psql('postgres', "SET ROLE keeper; $rights"), 'logs predict read', 'the others keep what they had');
is($other->safe_psql('postgres', q{SELECT count(*) FROM mlops_private.model_grant g JOIN pg_roles r ON r.oid = g.grantee_oid AND r.rolname = g.grantee_name WHERE model_id <> 0}),
	$other->safe_psql('postgres', q{SELECT count(*) FROM mlops_private.model_grant WHERE model_id <> 0 AND grantee_oid <> 0}), 'recorded by OID');
is($other->safe_psql('postgres', q{SELECT count(*) FROM pg_policy}), $node->safe_psql('postgres', q{SELECT count(*) FROM pg_policy}), 'all policies came along');

done_testing();
