-- How long things are kept, at least and at most, and legal hold.
SELECT coalesce(max(event_id), 0) AS before FROM mlops.audit \gset
CREATE SCHEMA retention_test;
CREATE ROLE regress_mlops_officer;
CREATE ROLE regress_mlops_nobody;
SELECT changed FROM mlops.grant_model(NULL, 'regress_mlops_officer', 'erase');
CREATE FUNCTION retention_test.seal(OUT still_pending bigint) LANGUAGE sql AS
    'SELECT sealed FROM mlops.audit_seal(); SELECT pending FROM mlops.audit_head()';
CREATE TABLE retention_test.rows AS SELECT i AS id, i * 2.0 AS x, i * 3.0 + 1 AS y FROM generate_series(1, 50) i;
SELECT version FROM mlops.train('kept', 'retention_test.rows', 'y', algorithm => 'linear_regression', features => '{x}');
SELECT version FROM mlops.train('kept', 'retention_test.rows', 'y', algorithm => 'linear_regression', features => '{x}');

-- rules
SELECT * FROM mlops.set_retention('audit', '100000 years', NULL);
SELECT * FROM mlops.set_retention('audit', NULL, '100000 years');
SELECT hold FROM mlops.place_hold('model', 'kept', repeat('x', 10001));
SELECT * FROM mlops.apply_retention() WHERE kind = 'audit';
SELECT * FROM mlops.set_retention('audit');
SELECT kind, minimum, maximum, set_by = current_user AS by_me FROM mlops.retention WHERE kind = 'audit';
SELECT * FROM mlops.set_retention('audit', NULL, NULL);
SELECT * FROM mlops.set_retention('snapshots', '1 day', '1 year');
SELECT kind, minimum, maximum FROM mlops.retention ORDER BY kind;
SELECT action, object, payload FROM mlops.audit WHERE action = 'retention.set' ORDER BY event_id DESC LIMIT 1;
SELECT mlops.set_retention('audit', '2 years', '1 year');
SELECT mlops.set_retention('audit', '-1 day', '1 year');
SELECT mlops.set_retention('audit', NULL, '0');
SELECT mlops.set_retention('everything');
SELECT mlops.set_retention(NULL);

-- a hold is on a model, and on its versions with it
SET ROLE regress_mlops_officer;
SELECT hold > 0 AS placed, kind, object FROM mlops.place_hold('model', 'kept', 'case 17');
SELECT kind, object, reason, placed_by, released_at FROM mlops.holds WHERE released_at IS NULL;
RESET ROLE;
\set VERBOSITY sqlstate
SELECT mlops.drop_model('kept');
SELECT mlops.drop_version('kept:2');
SELECT mlops.rename_model('kept', 'renamed');
\set VERBOSITY default
SELECT mlops.set_alias('kept', 'beta', 2);
SELECT alias FROM mlops.drop_alias('kept', 'beta');
SET ROLE regress_mlops_officer;
SELECT mlops.release_hold(hold) > 0 AS released FROM mlops.holds WHERE released_at IS NULL;
\set VERBOSITY sqlstate
SELECT mlops.release_hold(max(hold)) > 0 AS again FROM mlops.holds;
\set VERBOSITY default
SELECT hold > 0 AS placed, kind, object FROM mlops.place_hold('version', 'kept:1', 'case 18');
RESET ROLE;
\set VERBOSITY sqlstate
SELECT mlops.drop_model('kept');
SELECT mlops.rename_model('kept', 'renamed');
\set VERBOSITY default
SELECT version FROM mlops.drop_version('kept:2');
SELECT mlops.place_hold('model', 'absent', 'x');
SELECT mlops.place_hold('version', 'kept:9', 'x');
SELECT mlops.place_hold('table', 'kept', 'x');
SELECT mlops.place_hold('audit', 'kept', 'x');
SELECT mlops.place_hold('model', 'kept', NULL);
SELECT mlops.release_hold(NULL);

-- the trail loses its beginning, not what is held, and still verifies.  Its
-- first records are made old by one who may do anything, before they are sealed.
SELECT retention_test.seal();
SELECT max(seq) AS head FROM mlops.audit WHERE sealed \gset
BEGIN;
ALTER TABLE mlops_private.audit_pending DISABLE TRIGGER audit_guard;
ALTER TABLE mlops_private.audit_event DISABLE TRIGGER audit_guard;
ALTER TABLE mlops_private.audit_anchor DISABLE TRIGGER audit_guard;
INSERT INTO mlops_private.audit_pending
SELECT event_id, system, log_xid, at - interval '3 years', started, actor_oid, actor, session_role, action, kind, object, outcome, commitment
  FROM mlops_private.audit_event;
DELETE FROM mlops_private.audit_event;
DELETE FROM mlops_private.audit_anchor;
ALTER TABLE mlops_private.audit_anchor ENABLE ALWAYS TRIGGER audit_guard;
ALTER TABLE mlops_private.audit_event ENABLE ALWAYS TRIGGER audit_guard;
ALTER TABLE mlops_private.audit_pending ENABLE ALWAYS TRIGGER audit_guard;
SELECT sealed > 0 AS sealed FROM mlops.audit_seal();
COMMIT;
SELECT ok FROM mlops.audit_verify();
-- nothing is due without a maximum; a hold on the model keeps its first record and what follows
SELECT * FROM mlops.apply_retention() WHERE kind = 'audit';
SELECT mlops.set_retention('audit');
SELECT min(seq) AS held FROM mlops.audit WHERE object ~ '^kept' AND event_id > :before \gset
SELECT removed < :held AS before_held, kept_by_hold > 0 AS kept, detail FROM mlops.apply_retention() WHERE kind = 'audit';
SELECT min(seq) = :held AS starts_there FROM mlops.audit;
SELECT ok, reason FROM mlops.audit_verify();
-- a hold on the trail keeps all of it
SELECT kind FROM mlops.place_hold('audit', NULL, 'case 19');
SELECT removed, kept_by_hold > 0 AS kept FROM mlops.apply_retention() WHERE kind = 'audit';
SELECT count(mlops.release_hold(hold)) AS released FROM mlops.holds WHERE released_at IS NULL;
CALL mlops.run_due_jobs();
SELECT bool_and(at > now() - interval '2 years') AS recent FROM mlops.audit;
SELECT count(*) AS orphans FROM mlops_private.audit_payload p WHERE event_id NOT IN (SELECT event_id FROM mlops.audit);
SELECT ok, reason FROM mlops.audit_verify();
SELECT retention_test.seal();
SELECT ok, reason FROM mlops.audit_verify();
SELECT action, object, payload->'removed' IS NOT NULL AS counted FROM mlops.audit WHERE action = 'retention.apply' AND (payload->'start_seq')::bigint = :head;
-- but not if the start is moved without a word
BEGIN;
ALTER TABLE mlops_private.audit_chain DISABLE TRIGGER audit_guard;
ALTER TABLE mlops_private.audit_event DISABLE TRIGGER audit_guard;
UPDATE mlops_private.audit_chain SET (start_seq, start_hash) = (SELECT seq, hash FROM mlops_private.audit_event ORDER BY seq LIMIT 1);
DELETE FROM mlops_private.audit_event WHERE seq = (SELECT start_seq FROM mlops_private.audit_chain);
SELECT ok, reason FROM mlops.audit_verify();
ROLLBACK;

-- rights
SET ROLE regress_mlops_nobody;
SELECT count(*) FROM mlops.holds;
SELECT count(*) FROM mlops.retention;
\set VERBOSITY sqlstate
SELECT mlops.set_retention('audit');
SELECT mlops.apply_retention();
SELECT mlops.place_hold('model', 'kept', 'x');
SELECT mlops.release_hold(1);
SET ROLE regress_mlops_officer;
SELECT mlops.set_retention('audit');
SELECT mlops.apply_retention();
\set VERBOSITY default
RESET ROLE;
SELECT mlops.set_retention('audit', NULL, NULL);
SELECT mlops.set_retention('snapshots', NULL, NULL);
SELECT versions FROM mlops.drop_model('kept');
SELECT changed FROM mlops.revoke_model(NULL, 'regress_mlops_officer', 'erase');
SET client_min_messages = warning;
DROP SCHEMA retention_test CASCADE;
DROP ROLE regress_mlops_officer, regress_mlops_nobody;
