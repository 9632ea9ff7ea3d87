-- The audit trail: the record format and its ten ways of being tampered with,
-- what acts leave behind, sealing, verifying, and who may read it.

-- the format: records made and hashed by another program
CREATE SCHEMA audit_test;
CREATE TABLE audit_test.vectors AS
SELECT (r->>'seq')::bigint AS seq,
       (r->>'seq')::bigint AS event_id,
       timestamptz '1970-01-01 00:00:00+00' + (r->>'time_us')::bigint / 1000000 * interval '1 s'
           + (r->>'time_us')::bigint % 1000000 * interval '1 us' AS at,
       (r->>'actor_oid')::oid AS actor_oid,
       (r->>'actor')::name AS actor,
       (r->>'session_user')::name AS session_role,
       r->>'action' AS action,
       r->>'object_kind' AS kind,
       r->>'object_id' AS object,
       r->>'outcome' AS outcome,
       decode(r->>'commitment', 'hex') AS commitment,
       decode(r->>'hash', 'hex') AS hash,
       decode(r->>'salt_hex', 'hex') AS salt,
       decode(r->>'payload_hex', 'hex') AS payload
  FROM jsonb_array_elements('[
  {"seq": 1, "time_us": 1767225600000000, "actor_oid": 16385, "actor": "alice", "session_user": "alice", "action": "model.create", "object_kind": "model", "object_id": "churn", "outcome": "ok", "payload_hex": null, "salt_hex": "dc90cf07de907ccc64636ceddb38e552a1a0d984743b1f36a447b73877012c39", "commitment": "0000000000000000000000000000000000000000000000000000000000000000", "hash": "5568de7d37c5fc443ca0449793768b4c4f36bfcd868aec0884c09f0aabbfa0e9"},
  {"seq": 2, "time_us": 1767225600000001, "actor_oid": 16385, "actor": "alice", "session_user": "pool", "action": "version.create", "object_kind": "version", "object_id": "churn/1", "outcome": "ok", "payload_hex": "7b22736861323536223a226162227d", "salt_hex": "dbc4579ae2b3ab293213f42bb852706ea995c3b5c3987f8aa9faae5004acb3cf", "commitment": "6b5171489d8229b390adc511144b5dbb548a2ed89fbefd5923e26c2e27ac998d", "hash": "80237f2d55fecd610dd3b2d0e709d1e3ba56647e73940fdf1b4f79f079afcdc6"},
  {"seq": 3, "time_us": 1767225600000001, "actor_oid": 16386, "actor": "bob", "session_user": "bob", "action": "version.approve", "object_kind": "version", "object_id": "churn/1", "outcome": "denied", "payload_hex": "7b22776879223a22666f75722d65796573227d", "salt_hex": "ba76992a6079074311285334177ddda598e8d8f9bae4df70875886d5229c26ac", "commitment": "3809f11eb0aae03a85386bc513d8dcb862da8afdd5e5728c051592498bab64e1", "hash": "4f984323f9d0a631b0adb9cea45c5693940f1e17f474fc862415fae555d76144"},
  {"seq": 4, "time_us": 1767225595000000, "actor_oid": 16387, "actor": "käthe \"x\"", "session_user": "käthe \"x\"", "action": "version.approve", "object_kind": "version", "object_id": "churn/1", "outcome": "ok", "payload_hex": "", "salt_hex": "51e0ed5c000f3205a88bca9498b39922f08def28b2da77f063cf88b9708607a0", "commitment": "b7dce6b62bd38d44de8070f69217ae190a8313c98f34197cd8507f7965423e99", "hash": "d9a110f0d0357078b10c361f4fa31ceb30a481a752544ba18ee6fb26f7035111"},
  {"seq": 5, "time_us": 1767225600000009, "actor_oid": 16387, "actor": "a", "session_user": "bc", "action": "x", "object_kind": "y", "object_id": null, "outcome": "ok", "payload_hex": "00ff", "salt_hex": "cc4efc6ae0d270fd4816cceea255e959f3fe63adfa7577b1c95b1cd155fb9aed", "commitment": "006f76752df853c918aa1762a5b6e791ad36cd8a086799c0f7bc3c5f45c67ad7", "hash": "c52cb5707d03cda1121cc0e34eff735067bbecb6e7eac8628619315306db4307"},
  {"seq": 6, "time_us": 1767225600000009, "actor_oid": 16387, "actor": "ab", "session_user": "c", "action": "x", "object_kind": "y", "object_id": "", "outcome": "ok", "payload_hex": "00ff", "salt_hex": "ae37d7031bfe91f3f544e197fba8d144236514798fe7671c7fbf59cf76c85e4f", "commitment": "517365419cc4fcf78e2830efb3916ef93addb3dba5c714ab2d0f0df34a4b0402", "hash": "8e90e76edabb7c2380947a3e3a56a076728cb9bb98636481514e21d9c0dc3635"}
]') r;
CREATE TABLE audit_test.tampered (LIKE audit_test.vectors);
-- "position" is where a record stands, which is its seq as long as nobody moved it
ALTER TABLE audit_test.tampered ADD COLUMN position bigint;
CREATE FUNCTION audit_test.fresh() RETURNS void LANGUAGE sql AS $$
  TRUNCATE audit_test.tampered;
  INSERT INTO audit_test.tampered SELECT *, seq FROM audit_test.vectors;
$$;
CREATE FUNCTION audit_test.verdict(erased bigint[] DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(mlops_private.audit_check('00112233445566778899aabbccddeeff',
      coalesce((SELECT array_agg(ROW(seq, event_id, at, actor_oid, actor, session_role, action, kind, object,
                                     outcome, commitment, hash, salt, payload) ORDER BY position)
                  FROM audit_test.tampered), ARRAY[]::record[]),
      erased, 6, '\x8e90e76edabb7c2380947a3e3a56a076728cb9bb98636481514e21d9c0dc3635'), 'ok');
$$;

SELECT audit_test.fresh();
SELECT audit_test.verdict() AS untouched;
UPDATE audit_test.tampered SET actor = 'mallory' WHERE seq = 3;
SELECT audit_test.verdict() AS edit_actor_of_3;
SELECT audit_test.fresh();
UPDATE audit_test.tampered SET payload = '\x7b7d' WHERE seq = 2;
SELECT audit_test.verdict() AS edit_payload_of_2;
SELECT audit_test.fresh();
DELETE FROM audit_test.tampered WHERE seq = 3;
SELECT audit_test.verdict() AS delete_3;
SELECT audit_test.fresh();
UPDATE audit_test.tampered SET position = 9 - position WHERE seq IN (4, 5);
SELECT audit_test.verdict() AS swap_4_and_5;
SELECT audit_test.fresh();
DELETE FROM audit_test.tampered WHERE seq > 4;
SELECT audit_test.verdict() AS truncate_tail;
DELETE FROM audit_test.tampered;
SELECT audit_test.verdict() AS delete_all;
SELECT audit_test.fresh();
UPDATE audit_test.tampered SET salt = NULL, payload = NULL WHERE seq = 2;
SELECT audit_test.verdict('{2}') AS payload_of_2_erased_declared;
SELECT audit_test.verdict() AS payload_of_2_erased_not_declared;
SELECT audit_test.verdict('{3}') AS another_declared;
-- where one field ends and the next begins counts: 5 and 6 differ in nothing else
SELECT audit_test.fresh();
UPDATE audit_test.tampered SET actor = 'ab', session_role = 'c' WHERE seq = 5;
SELECT audit_test.verdict() AS moved_border;
-- so does every other field
SELECT change, expected = verdict AS found
  FROM (VALUES ('at'), ('actor_oid'), ('actor'), ('session_role'), ('action'), ('kind'), ('object'), ('outcome'), ('commitment')) c (change),
  LATERAL (SELECT mlops_private.audit_check('00112233445566778899aabbccddeeff',
      array_agg(ROW(seq, event_id, CASE WHEN seq = 6 AND change = 'at' THEN at + interval '1 us' ELSE at END,
                    CASE WHEN seq = 6 AND change = 'actor_oid' THEN 1::oid ELSE actor_oid END,
                    CASE WHEN seq = 6 AND change = 'actor' THEN 'x' ELSE actor END,
                    CASE WHEN seq = 6 AND change = 'session_role' THEN 'y' ELSE session_role END,
                    CASE WHEN seq = 6 AND change = 'action' THEN 'z' ELSE action END,
                    CASE WHEN seq = 6 AND change = 'kind' THEN 'z' ELSE kind END,
                    CASE WHEN seq = 6 AND change = 'object' THEN NULL ELSE object END,
                    CASE WHEN seq = 6 AND change = 'outcome' THEN 'no' ELSE outcome END,
                    CASE WHEN seq = 6 AND change = 'commitment' THEN '\x00'::bytea ELSE commitment END,
                    hash, salt, payload) ORDER BY seq), '{}', 6, '\x8e90e76edabb7c2380947a3e3a56a076728cb9bb98636481514e21d9c0dc3635'), 'bad hash at 6'
             FROM audit_test.vectors) v (verdict, expected);

-- acts: what is committed is on record, what is rolled back is not
CREATE ROLE regress_mlops_scientist;
CREATE ROLE regress_mlops_auditor;
CREATE ROLE regress_mlops_nobody;
GRANT CREATE, USAGE ON SCHEMA audit_test TO regress_mlops_scientist;
SELECT changed FROM mlops.grant_model(NULL, 'regress_mlops_auditor', 'audit');
SET ROLE regress_mlops_scientist;
CREATE TABLE audit_test.rows AS SELECT i AS id, i * 2.0 AS x, i * 3.0 + 1 AS y FROM generate_series(1, 50) i;
SELECT version FROM mlops.train('audited', 'audit_test.rows', 'y', algorithm => 'linear_regression', features => '{x}');
SELECT mlops.set_alias('audited', 'stable');
BEGIN;
SELECT mlops.set_alias('audited', 'rolled_back');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT mlops.set_alias('audited', 'rolled_back');
ROLLBACK TO s;
SELECT mlops.set_alias('audited', 'kept');
COMMIT;
SET ROLE regress_mlops_auditor;
SELECT sealed, actor, session_role = session_user AS by_session, action, kind, object, outcome, at >= started AS in_order
  FROM mlops.audit WHERE object ~ '^audited' ORDER BY event_id;

-- sealing: everything that is committed, once, in order
RESET ROLE;
CREATE FUNCTION audit_test.seal(OUT still_pending bigint) LANGUAGE sql AS
    'SELECT sealed FROM mlops.audit_seal(); SELECT pending FROM mlops.audit_head()';
GRANT USAGE ON SCHEMA audit_test TO regress_mlops_auditor;
SET ROLE regress_mlops_auditor;
SELECT audit_test.seal();
SELECT sealed, seq = (SELECT max(seq) FROM mlops.audit) AS head, busy FROM mlops.audit_seal();
SELECT count(*) FILTER (WHERE NOT sealed) AS pending, count(DISTINCT seq) = max(seq) - min(seq) + 1 AS without_gaps FROM mlops.audit;
SELECT h.seq = max(a.seq) AS head, h.pending, h.oldest_pending FROM mlops.audit_head() h, mlops.audit a GROUP BY h.seq, h.pending, h.oldest_pending;
SELECT encode(a.hash, 'hex') = h.hash AS head_hash FROM mlops.audit a, mlops.audit_head() h WHERE a.seq = h.seq;
SELECT ok, first_bad, reason FROM mlops.audit_verify();
-- which is itself on record
SELECT sealed, actor, payload->'ok' AS ok FROM mlops.audit WHERE action = 'audit.verify' ORDER BY event_id DESC LIMIT 1;
SELECT audit_test.seal();
-- what a transaction did itself is not sealed before it is over
BEGIN;
SELECT ok FROM mlops.audit_verify();
SELECT sealed FROM mlops.audit_seal();
SELECT count(*) AS own FROM mlops.audit WHERE NOT sealed;
COMMIT;
BEGIN READ ONLY;
SELECT ok FROM mlops.audit_verify();
ROLLBACK;
SELECT audit_test.seal();
CALL mlops.run_due_jobs();
SELECT a.seq = h.seq AS anchored, a.hash = decode(h.hash, 'hex') AS hash FROM mlops.audit_head() h, mlops.audit_anchors a ORDER BY a.anchor_id DESC LIMIT 1;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT mlops.audit_seal();
ROLLBACK;
BEGIN;
CALL mlops.run_due_jobs();
ROLLBACK;
CALL mlops.run_due_jobs(0);
SELECT ok FROM mlops.audit_verify((SELECT seq FROM mlops.audit_head()), (SELECT hash FROM mlops.audit_head()));
SELECT ok, reason FROM mlops.audit_verify((SELECT seq FROM mlops.audit_head()), repeat('0', 64));
SELECT ok, reason FROM mlops.audit_verify(1000000000, repeat('0', 64));
SELECT mlops.audit_verify(1);
SELECT mlops.audit_verify(1, 'zz');
SELECT mlops.audit_verify(-1, repeat('0', 64));

-- who has no business here sees nothing and is told so
SET ROLE regress_mlops_nobody;
SELECT count(*) FROM mlops.audit;
SELECT count(*) FROM mlops.audit_anchors;
SELECT mlops.audit_seal();
SELECT mlops.audit_head();
SELECT mlops.audit_verify();
CALL mlops.run_due_jobs();
SELECT * FROM mlops_private.audit_event;
INSERT INTO mlops_private.audit_pending DEFAULT VALUES;
RESET ROLE;

-- the tables refuse to be changed, even by a superuser, however he sets things
UPDATE mlops_private.audit_event SET actor = 'mallory';
DELETE FROM mlops_private.audit_pending;
TRUNCATE mlops_private.audit_payload;
SET session_replication_role = replica;
DELETE FROM mlops_private.audit_event;
UPDATE mlops_private.audit_chain SET start_seq = 10;
DELETE FROM mlops_private.audit_anchor;
RESET session_replication_role;

-- and if he takes the trigger away, verifying finds what he did
SELECT audit_test.seal();
SELECT count(*) AS sealed, max(seq) AS seq, (SELECT hash FROM mlops.audit_head()) AS hash FROM mlops.audit WHERE sealed \gset head_
SELECT min(seq) AS seq FROM mlops.audit
 WHERE sealed AND payload IS NOT NULL AND action <> 'retention.apply' AND seq > (SELECT min(seq) + 1 FROM mlops.audit) \gset victim_
BEGIN;
ALTER TABLE mlops_private.audit_event DISABLE TRIGGER audit_guard;
ALTER TABLE mlops_private.audit_payload DISABLE TRIGGER audit_guard;
ALTER TABLE mlops_private.audit_anchor DISABLE TRIGGER audit_guard;
ALTER TABLE mlops_private.audit_chain DISABLE TRIGGER audit_guard;
SAVEPOINT s;
UPDATE mlops_private.audit_event SET actor = 'mallory' WHERE seq = :victim_seq;
SELECT ok, first_bad = :victim_seq AS there, reason = 'bad hash at ' || :victim_seq AS bad_hash FROM mlops.audit_verify();
ROLLBACK TO s;
UPDATE mlops_private.audit_payload SET payload = '{}' WHERE event_id = (SELECT event_id FROM mlops.audit WHERE seq = :victim_seq);
SELECT ok, first_bad = :victim_seq AS there, reason = 'bad payload at ' || :victim_seq AS bad_payload FROM mlops.audit_verify();
ROLLBACK TO s;
UPDATE mlops_private.audit_payload SET payload = NULL, salt = NULL, erased_at = now() WHERE event_id = (SELECT event_id FROM mlops.audit WHERE seq = :victim_seq);
SELECT ok, first_bad = :victim_seq AS there, reason = 'bad payload at ' || :victim_seq AS bad_payload FROM mlops.audit_verify();
ROLLBACK TO s;
DELETE FROM mlops_private.audit_event WHERE seq = :victim_seq;
SELECT ok, first_bad = :victim_seq AS there, reason = 'bad seq at position ' || :victim_seq AS bad_seq FROM mlops.audit_verify();
ROLLBACK TO s;
-- swapped
UPDATE mlops_private.audit_event SET seq = -seq WHERE seq = :victim_seq;
UPDATE mlops_private.audit_event SET seq = seq - 1 WHERE seq = :victim_seq + 1;
UPDATE mlops_private.audit_event SET seq = 1 - seq WHERE seq = -:victim_seq;
SELECT ok, first_bad = :victim_seq AS there, reason = 'bad hash at ' || :victim_seq AS bad_hash FROM mlops.audit_verify();
ROLLBACK TO s;
-- the tail cut off: with the anchor outside, even if all stored ones are gone
DELETE FROM mlops_private.audit_event WHERE seq = :head_seq;
DELETE FROM mlops_private.audit_anchor WHERE seq = :head_seq;
SELECT ok, reason FROM mlops.audit_verify();
SELECT ok, first_bad = :head_seq AS there, reason FROM mlops.audit_verify(:head_seq, :'head_hash');
ROLLBACK TO s;
-- all of it gone
DELETE FROM mlops_private.audit_event;
SELECT ok, reason FROM mlops.audit_verify();
DELETE FROM mlops_private.audit_anchor;
SELECT ok, reason FROM mlops.audit_verify(:head_seq, :'head_hash');
DELETE FROM mlops_private.audit_chain;
SELECT ok, reason FROM mlops.audit_verify(:head_seq, :'head_hash');
ROLLBACK TO s;
-- the beginning cut off, as retention would
UPDATE mlops_private.audit_chain SET (start_seq, start_hash) = (SELECT seq, hash FROM mlops_private.audit_event WHERE seq = :victim_seq);
DELETE FROM mlops_private.audit_event WHERE seq <= :victim_seq;
SELECT ok, first_bad = :victim_seq + 1 AS there, reason FROM mlops.audit_verify();
ROLLBACK TO s;
-- everything written anew, hashes and anchors too, by the sealer itself
ALTER TABLE mlops_private.audit_pending DISABLE TRIGGER audit_guard;
DELETE FROM mlops_private.audit_pending;
INSERT INTO mlops_private.audit_pending
SELECT event_id, system, log_xid, at, started, actor_oid, 'mallory', session_role, action, kind, object, outcome, commitment
  FROM mlops_private.audit_event;
DELETE FROM mlops_private.audit_event;
DELETE FROM mlops_private.audit_anchor;
SELECT sealed = :head_sealed AS all FROM mlops.audit_seal();
SELECT ok, rows = :head_sealed AS all FROM mlops.audit_verify();
SELECT ok, first_bad = :head_seq AS there, reason FROM mlops.audit_verify(:head_seq, :'head_hash');
ROLLBACK TO s;
-- under another name
UPDATE mlops_private.audit_chain SET chain_id = gen_random_uuid();
SELECT ok FROM mlops.audit_verify();
ROLLBACK;
SELECT ok FROM mlops.audit_verify(:head_seq, :'head_hash');

SELECT versions FROM mlops.drop_model('audited');
SELECT changed FROM mlops.revoke_model(NULL, 'regress_mlops_auditor', 'audit');
SET client_min_messages = warning;
DROP SCHEMA audit_test CASCADE;
DROP ROLE regress_mlops_scientist, regress_mlops_auditor, regress_mlops_nobody;
