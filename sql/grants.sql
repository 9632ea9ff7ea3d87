-- Privileges on models: who gets what, who may give it, and what becomes of it when roles change.

CREATE ROLE regress_mlops_owner;
CREATE ROLE regress_mlops_ann;
CREATE ROLE regress_mlops_ben;
CREATE ROLE regress_mlops_cid;
CREATE ROLE regress_mlops_group;
CREATE ROLE "regress_mlops ""odd'; -- %s";
CREATE FUNCTION pg_temp.what(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION pg_temp.may(model text DEFAULT 'm') RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(privilege, ' ' ORDER BY privilege), 'nothing') FROM mlops.privileges p WHERE p.model = $1
$$;
CREATE FUNCTION pg_temp.trail() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', action, object, actor) FROM mlops.audit
	 WHERE (action LIKE 'privilege.%' OR action = 'model.transfer') AND event_id >= current_setting('mlops_test.start')::bigint
	 ORDER BY event_id
$$;
SELECT set_config('mlops_test.start', nextval('mlops_private.audit_event_id_seq')::text, false) <> '' AS started;
SET client_min_messages = warning;
SET ROLE regress_mlops_owner;
SELECT version FROM mlops.train('m', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT version FROM mlops.train('n', 'SELECT x, 3 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');

-- nothing by default; one privilege on one model
SET ROLE regress_mlops_ann;
SELECT pg_temp.may(), (SELECT count(*) FROM mlops.models) AS models;
SET ROLE regress_mlops_owner;
SELECT * FROM mlops.grant_model('m', 'regress_mlops_ann', 'predict');
SELECT * FROM mlops.grant_model('m', 'regress_mlops_ann', 'predict');
SELECT role, privilege, with_grant, granted_by FROM mlops.grants WHERE model = 'm';
SELECT pg_temp.may();
SET ROLE regress_mlops_ann;
SELECT pg_temp.may(), pg_temp.may('n');
SELECT model, owner FROM mlops.models;
SELECT count(*) AS versions FROM mlops.versions;
SELECT count(*) AS grants FROM mlops.grants;
SELECT round(mlops.predict('m', '{"x": 5}'::jsonb)) AS ten;
SELECT pg_temp.what($$SELECT mlops.predict('m:1', '{"x": 5}'::jsonb)$$);
SELECT pg_temp.what($$SELECT mlops.predict('m:99', '{"x": 5}'::jsonb)$$);
SELECT pg_temp.what($$SELECT mlops.predict('n', '{"x": 5}'::jsonb)$$);
SELECT pg_temp.what($$SELECT mlops.grant_model('m', 'regress_mlops_ben', 'predict')$$);

-- what brings what: artifact, train, deploy, approve and manage bring read
RESET ROLE;
CREATE TEMP TABLE brings (privilege text, has text);
GRANT ALL ON brings TO PUBLIC;
DO $$
DECLARE
	p text;
BEGIN
	FOREACH p IN ARRAY ARRAY['read', 'predict', 'artifact', 'logs', 'train', 'deploy', 'approve', 'unmask', 'manage'] LOOP
		SET ROLE regress_mlops_owner;
		PERFORM mlops.grant_model('m', 'regress_mlops_cid', p);
		SET ROLE regress_mlops_cid;
		INSERT INTO brings VALUES (p, pg_temp.may());
		SET ROLE regress_mlops_owner;
		PERFORM mlops.revoke_model('m', 'regress_mlops_cid', p);
		RESET ROLE;
	END LOOP;
END $$;
SELECT * FROM brings;

-- names of privileges and roles
SET ROLE regress_mlops_owner;
SELECT pg_temp.what(s) FROM (VALUES
	($$SELECT mlops.grant_model('m', 'regress_mlops_ann', 'Predict')$$),
	($$SELECT mlops.grant_model('m', 'regress_mlops_ann', '')$$),
	($$SELECT mlops.grant_model('m', 'regress_mlops_ann', NULL)$$),
	($$SELECT mlops.grant_model('m', NULL, 'predict')$$),
	($$SELECT mlops.grant_model('m', 'regress_mlops_ann', 'predict', NULL)$$),
	($$SELECT mlops.grant_model(NULL, 'regress_mlops_ann', 'predict')$$),
	($$SELECT mlops.grant_model(NULL, 'regress_mlops_ann', 'audit')$$),
	($$SELECT mlops.grant_model('m', 'regress_mlops_ann', 'audit')$$),
	($$SELECT mlops.grant_model('m', 'regress_mlops_nobody', 'predict')$$),
	($$SELECT mlops.revoke_model('m', 'regress_mlops_nobody', 'predict')$$),
	($$SELECT mlops.grant_model('m', 'current_user', 'predict')$$),
	($$SELECT mlops.grant_model('m', 'REGRESS_MLOPS_ANN', 'predict')$$),
	($$SELECT mlops.grant_model('m', '"regress_mlops_ann"', 'predict')$$),
	($$SELECT mlops.grant_model('m', 'PUBLIC', 'predict')$$),
	($$SELECT mlops.grant_model('m@champion', 'regress_mlops_ann', 'predict')$$),
	($$SELECT mlops.grant_model(repeat('m', 64), 'regress_mlops_ann', 'predict')$$),
	($$SELECT mlops.grant_model('m', 'public', 'predict', true)$$)) AS v (s);
SELECT role, changed FROM mlops.grant_model('m', E'regress_mlops "odd\'; -- %s', 'predict');
SET ROLE "regress_mlops ""odd'; -- %s";
SELECT pg_temp.may();
SET ROLE regress_mlops_owner;
SELECT role, changed FROM mlops.revoke_model('m', E'regress_mlops "odd\'; -- %s', 'predict');

-- PUBLIC
SELECT * FROM mlops.grant_model('m', 'public', 'read');
SET ROLE regress_mlops_ben;
SELECT pg_temp.may(), pg_temp.may('n');
SET ROLE regress_mlops_owner;
SELECT changed FROM mlops.revoke_model('m', 'public', 'read');
SELECT changed FROM mlops.revoke_model('m', 'public', 'read');
SET ROLE regress_mlops_ben;
SELECT pg_temp.may();

-- membership: with the rights of the group, if it inherits them; the group's members do not have each other's
RESET ROLE;
GRANT regress_mlops_group TO regress_mlops_ben;
SET ROLE regress_mlops_owner;
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_group', 'read');
SET ROLE regress_mlops_ben;
SELECT pg_temp.may();
SET ROLE regress_mlops_cid;
SELECT pg_temp.may();
RESET ROLE;
SELECT pg_temp.what('GRANT regress_mlops_ben TO regress_mlops_group');
CREATE ROLE regress_mlops_noinherit NOINHERIT;
GRANT regress_mlops_group TO regress_mlops_noinherit;
SET SESSION AUTHORIZATION regress_mlops_noinherit;
SELECT pg_temp.may();
SET ROLE regress_mlops_group;
SELECT pg_temp.may();
RESET SESSION AUTHORIZATION;
-- what a session says of itself counts for nothing
SET ROLE regress_mlops_cid;
SET mlops_test.role = 'regress_mlops_owner';
SET application_name = 'regress_mlops_owner';
SELECT pg_temp.what($$SELECT set_config('is_superuser', 'on', false)$$), pg_temp.may();
RESET ROLE;

-- grant options: of one privilege; they take back what they gave, and grants stay when the option goes
SET ROLE regress_mlops_owner;
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_ann', 'predict', with_grant => true);
SET ROLE regress_mlops_ann;
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_cid', 'predict');
SELECT pg_temp.what($$SELECT mlops.grant_model('m', 'regress_mlops_cid', 'read')$$);
SELECT pg_temp.what($$SELECT mlops.revoke_model('m', 'regress_mlops_group', 'read')$$);
SELECT pg_temp.what($$SELECT mlops.revoke_model('m', 'regress_mlops_ann', 'predict')$$);
SELECT changed FROM mlops.revoke_model('m', 'regress_mlops_cid', 'predict');
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_cid', 'predict');
SET ROLE regress_mlops_owner;
SELECT changed FROM mlops.revoke_model('m', 'regress_mlops_ann', 'predict');
SELECT role, privilege, with_grant, granted_by FROM mlops.grants WHERE model = 'm' ORDER BY 1;
SET ROLE regress_mlops_ann;
SELECT pg_temp.may(), pg_temp.what($$SELECT mlops.revoke_model('m', 'regress_mlops_cid', 'predict')$$);
SET ROLE regress_mlops_cid;
SELECT pg_temp.may();
-- who manages gives and takes everything; is no owner
SET ROLE regress_mlops_owner;
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_ann', 'manage');
SET ROLE regress_mlops_ann;
SELECT changed FROM mlops.revoke_model('m', 'regress_mlops_cid', 'predict');
SELECT pg_temp.what($$SELECT mlops.transfer_model('m', 'regress_mlops_ann')$$);
SET ROLE regress_mlops_owner;
SELECT changed FROM mlops.revoke_model('m', 'regress_mlops_ann', 'manage');

-- a role that is renamed keeps its grants, one that is dropped loses them, one made anew has none
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_cid', 'read');
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_cid', 'predict');
RESET ROLE;
ALTER ROLE regress_mlops_cid RENAME TO regress_mlops_cyd;
CREATE ROLE regress_mlops_cid;
SET ROLE regress_mlops_cid;
SELECT pg_temp.may();
SET ROLE regress_mlops_cyd;
SELECT pg_temp.may();
SET ROLE regress_mlops_owner;
SELECT role, privilege FROM mlops.grants WHERE model = 'm' ORDER BY 1, 2;
SELECT changed FROM mlops.revoke_model('m', 'regress_mlops_cid', 'read');
RESET ROLE;
SELECT grantee_name, privilege FROM mlops_private.model_grant ORDER BY 1, 2;
DROP ROLE regress_mlops_cyd;
CREATE ROLE regress_mlops_cyd;
SET ROLE regress_mlops_cyd;
SELECT pg_temp.may();
SET ROLE regress_mlops_owner;
SELECT role, privilege FROM mlops.grants WHERE model = 'm' ORDER BY 1, 2;
-- any change of the model's grants takes the dead ones out
SELECT changed FROM mlops.revoke_model('m', 'regress_mlops_cyd', 'read');
SELECT role, privilege FROM mlops.grants WHERE model = 'm' ORDER BY 1, 2;
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_cyd', 'read');
RESET ROLE;
DROP ROLE regress_mlops_cyd;
SET ROLE regress_mlops_owner;
SELECT changed FROM mlops.revoke_model('m', 'regress_mlops_cyd', 'read');
SELECT pg_temp.what($$SELECT mlops.revoke_model('m', 'regress_mlops_cyd', 'read')$$);

-- rows of another cluster: names decide until the first change, then roles that came later get nothing
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_cid', 'read');
RESET ROLE;
UPDATE mlops_private.model SET owner_system = 1, owner_oid = 1 WHERE name = 'm';
UPDATE mlops_private.model_grant SET grantee_system = 1, grantee_oid = grantee_oid::bigint - 1 WHERE grantee_oid <> 0;
INSERT INTO mlops_private.model_grant
	(model_id, privilege, grantee_oid, grantee_name, grantee_system, with_grant, granted_by, grantor_oid, grantor_system)
SELECT model_id, 'predict', 1, 'regress_mlops_late', 1, true, 'regress_mlops_late', 1, 1 FROM mlops_private.model WHERE name = 'm';
SET ROLE regress_mlops_cid;
SELECT pg_temp.may();
SET ROLE regress_mlops_owner;
SELECT alias FROM mlops.set_alias('m:1', 'other');
RESET ROLE;
CREATE ROLE regress_mlops_late;
SET ROLE regress_mlops_late;
SELECT pg_temp.may();
SET ROLE regress_mlops_owner;
SELECT role, privilege FROM mlops.grants WHERE model = 'm' ORDER BY 1, 2;
RESET ROLE;
UPDATE mlops_private.model SET owner_system = 1, owner_oid = 1, owner_name = 'regress_mlops_later' WHERE name = 'n';
SELECT alias FROM mlops.set_alias('n:1', 'other');
CREATE ROLE regress_mlops_later;
SET ROLE regress_mlops_later;
SELECT pg_temp.may('n');

-- database-wide
SET ROLE regress_mlops_owner;
SELECT pg_temp.what($$SELECT count(*) FROM mlops.audit$$) AS audit, (SELECT count(*) FROM mlops.privileges WHERE model IS NULL) AS of_database;
RESET ROLE;
SELECT * FROM mlops.grant_model(NULL, 'regress_mlops_ann', 'audit');
SELECT pg_temp.what($$SELECT mlops.grant_model(NULL, 'regress_mlops_ann', 'audit', true)$$);
SET ROLE regress_mlops_ann;
SELECT model, privilege FROM mlops.privileges WHERE model IS NULL;
SELECT count(*) > 10 AS sees_the_trail FROM mlops.audit;
SELECT pg_temp.what($$SELECT mlops.grant_model(NULL, 'regress_mlops_ben', 'audit')$$);
RESET ROLE;
SELECT changed FROM mlops.revoke_model(NULL, 'regress_mlops_ann', 'audit');

-- handing a model over: the owner's rights, and the right to become the new owner
CREATE FUNCTION pg_temp.transfer(new_owner text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT t::text FROM mlops.transfer_model('m', new_owner::name) AS t);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SET ROLE regress_mlops_ben;
SELECT pg_temp.what($$SELECT mlops.transfer_model('absent', 'regress_mlops_ben')$$), pg_temp.what($$SELECT mlops.transfer_model('m', 'regress_mlops_ben')$$);
SET ROLE regress_mlops_owner;
SELECT pg_temp.transfer('regress_mlops_ben') AS no_member, pg_temp.transfer('regress_mlops_nobody') AS no_role,
       pg_temp.transfer('public') AS public, pg_temp.transfer(NULL) AS none;
RESET ROLE;
GRANT regress_mlops_group TO regress_mlops_owner;
SET ROLE regress_mlops_owner;
SELECT pg_temp.transfer('regress_mlops_group');
SELECT pg_temp.may();
SET ROLE regress_mlops_ben;
SELECT pg_temp.may();
SELECT pg_temp.transfer('regress_mlops_ben');
SELECT model, owner FROM mlops.models;
SET ROLE regress_mlops_owner;
SELECT pg_temp.may();
RESET ROLE;
-- superusers hand on what has lost its owner
SELECT * FROM mlops.transfer_model('n', 'regress_mlops_owner');
SET ROLE regress_mlops_owner;
SELECT pg_temp.may('n');
RESET ROLE;

SELECT pg_temp.trail();
SELECT mlops.drop_model('m'), mlops.drop_model('n');
SELECT count(*) AS grants_left FROM mlops_private.model_grant;
DROP ROLE regress_mlops_owner, regress_mlops_ann, regress_mlops_ben, regress_mlops_cid, regress_mlops_group,
	regress_mlops_noinherit, regress_mlops_late, regress_mlops_later, "regress_mlops ""odd'; -- %s";
