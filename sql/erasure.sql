-- The right to erasure: what goes, what stays on record, what is out of reach.
CREATE SCHEMA erasure_test;
CREATE ROLE regress_mlops_officer;
CREATE ROLE regress_mlops_nobody;
SELECT changed FROM mlops.grant_model(NULL, 'regress_mlops_officer', 'erase');
CREATE FUNCTION erasure_test.seal(OUT still_pending bigint) LANGUAGE sql AS
    'SELECT sealed FROM mlops.audit_seal(); SELECT pending FROM mlops.audit_head()';
CREATE TABLE erasure_test.rows AS SELECT i AS id, i * 2.0 AS x, i * 3.0 + 1 AS y FROM generate_series(1, 50) i;
SELECT version FROM mlops.train('subjects', 'erasure_test.rows', 'y', algorithm => 'linear_regression', features => '{x}');
-- holds have a reason, and one names a person: sealed, and once more not yet sealed
SET ROLE regress_mlops_officer;
SELECT kind FROM mlops.place_hold('version', 'subjects:1', 'Jane Planted');
RESET ROLE;
SELECT erasure_test.seal();
SET ROLE regress_mlops_officer;
SELECT kind FROM mlops.place_hold('snapshot', NULL, 'Jane Planted');
SELECT kind FROM mlops.place_hold('snapshot', NULL, 'Jane Planted the second');
RESET ROLE;
SELECT kind, payload->>'reason' AS reason FROM mlops.audit WHERE payload->>'reason' ~ 'Planted' ORDER BY event_id;

-- under hold: blocked, and said so
SET ROLE regress_mlops_officer;
SELECT * FROM mlops.erase_subject('Jane Planted', 'letter of 1 May');
SELECT count(mlops.release_hold(hold)) AS released FROM mlops.holds WHERE released_at IS NULL;
RESET ROLE;
-- before the minimum is over: blocked
SELECT mlops.set_retention('audit', '1 day', NULL);
SET ROLE regress_mlops_officer;
SELECT * FROM mlops.erase_subject('Jane Planted') WHERE place ~ 'audit';
RESET ROLE;
SELECT mlops.set_retention('audit', NULL, NULL);
-- then done; another key stays; twice is nothing more
SET ROLE regress_mlops_officer;
SELECT * FROM mlops.erase_subject('Jane Planted', 'letter of 1 May') WHERE place ~ 'audit';
SELECT * FROM mlops.erase_subject('Jane Planted') WHERE place ~ 'audit';
SELECT * FROM mlops.erase_subject('Nobody') WHERE place ~ 'audit';
RESET ROLE;
SELECT kind, payload->>'reason' AS reason, erased_at IS NOT NULL AS erased FROM mlops.audit
 WHERE action = 'hold.place' AND (payload IS NULL OR payload->>'reason' ~ 'Planted') ORDER BY event_id;
SELECT count(*) AS left_over FROM mlops_private.audit_payload WHERE convert_from(payload, 'UTF8') ~ '"Jane Planted"';
-- on record without the key
SELECT action, kind, object ~ '^[0-9a-f]{32}$' AS request, payload->'reason' AS reason, jsonb_array_length(payload->'events') AS events,
       payload::text ~ 'Jane' AS names, payload->'report' AS report
  FROM mlops.audit WHERE action = 'subject.erase' ORDER BY event_id;
-- and the chain holds, before and after the act itself is sealed
SELECT ok, reason FROM mlops.audit_verify();
SELECT erasure_test.seal();
SELECT ok, reason FROM mlops.audit_verify();
-- but not if the act of erasing loses its words
BEGIN;
ALTER TABLE mlops_private.audit_payload DISABLE TRIGGER audit_guard;
UPDATE mlops_private.audit_payload SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '"events": [', '"events": [0, '), 'UTF8')
 WHERE event_id IN (SELECT event_id FROM mlops.audit WHERE action = 'subject.erase');
SELECT ok, reason ~ 'bad payload' AS bad_payload FROM mlops.audit_verify();
ROLLBACK;

-- rows of snapshots, and what was trained on them
CREATE TABLE erasure_test.people AS SELECT 'p' || i AS who, i * 2.0 AS x, i * 3.0 + 1 AS y FROM generate_series(1, 50) i;
SELECT rows FROM mlops.snapshot('people_of_may', 'erasure_test.people', key => 'who');
SELECT rows FROM mlops.snapshot('nobodys', 'SELECT x, y FROM erasure_test.people');
SELECT version FROM mlops.train('on_people', 'snapshot:people_of_may', 'y', algorithm => 'linear_regression', features => '{x}');
SET ROLE regress_mlops_officer;
SELECT place, status, items, detail FROM mlops.erase_subject('p7') WHERE place ~ 'snapshot|model';
SELECT place, status, items, detail FROM mlops.erase_subject('p7') WHERE place ~ 'snapshot|model';
SELECT kind FROM mlops.place_hold('snapshot', 'people_of_may', 'case 20');
SELECT place, status, items, detail FROM mlops.erase_subject('p8') WHERE place ~ 'snapshot|model';
SELECT mlops.place_hold('snapshot', 'absent', 'case 20');
RESET ROLE;
SELECT rows FROM mlops.snapshots WHERE snapshot = 'people_of_may';
\set VERBOSITY sqlstate
SELECT mlops.drop_snapshot('people_of_may');
\set VERBOSITY default
-- a maximum removes them, but for the hold
SELECT snapshot FROM mlops.snapshot('promised', 'SELECT 1 AS x', keep => '1 year');
SELECT mlops.set_retention('snapshots', NULL, '1 microsecond');
SELECT kind, removed, kept_by_hold FROM mlops.apply_retention();
SELECT snapshot FROM mlops.snapshots ORDER BY snapshot;
SELECT mlops.release_hold(hold) > 0 AS released FROM mlops.holds WHERE released_at IS NULL;
SELECT snapshot FROM mlops.drop_snapshot('promised');
SELECT mlops.set_retention('snapshots', '1 day', NULL);
SELECT place, status, items, detail FROM mlops.erase_subject('p8') WHERE place ~ 'snapshot|model';
SELECT mlops.set_retention('snapshots', NULL, NULL);
SELECT snapshot FROM mlops.drop_snapshot('people_of_may');
SELECT versions FROM mlops.drop_model('on_people');
SELECT ok, reason FROM mlops.audit_verify();

-- the key is in no message
SET ROLE regress_mlops_officer;
SELECT mlops.erase_subject('');
SELECT mlops.erase_subject(NULL);
SELECT mlops.erase_subject('Jane Planted', 'because Jane Planted asked');
SET ROLE regress_mlops_nobody;
SELECT mlops.erase_subject('Jane Planted');
RESET ROLE;
BEGIN READ ONLY;
SELECT mlops.erase_subject('Jane Planted');
ROLLBACK;

-- legal_hold itself keeps its reasons: texts that people wrote
SELECT count(*) AS reasons FROM mlops.holds WHERE reason ~ 'Planted';
SELECT versions FROM mlops.drop_model('subjects');
SELECT changed FROM mlops.revoke_model(NULL, 'regress_mlops_officer', 'erase');
SET client_min_messages = warning;
DROP SCHEMA erasure_test CASCADE;
DROP ROLE regress_mlops_officer, regress_mlops_nobody;
