-- snapshots: copies of training sets
SET client_min_messages = warning;
CREATE ROLE regress_mlops_keeper;
CREATE ROLE regress_mlops_other;
CREATE ROLE regress_mlops_helper;
GRANT regress_mlops_keeper TO regress_mlops_helper;
CREATE SCHEMA snap AUTHORIZATION regress_mlops_keeper;
GRANT USAGE ON SCHEMA snap TO PUBLIC;
SET search_path = snap, public;

-- values of all kinds come back as they were
CREATE TYPE snap.mood AS ENUM ('sad', 'glad');
CREATE DOMAIN snap.small AS int CHECK (VALUE < 1000);
CREATE TABLE snap.kinds AS
SELECT CASE WHEN i % 5 > 0 THEN i % 2 = 0 END AS c_bool, (i % 100)::"char" AS c_char, (i - 900)::int2 AS c_int2, i * -1000 AS c_int4,
       i::int8 * 1000000007 * i AS c_int8, (i / 7.0)::float4 AS c_float4, sqrt(i) AS c_float8, i / 100.0::float8 AS c_cents,
       (i * 1.10)::numeric AS c_numeric, (i * 1.5)::numeric(12, 4) AS c_numeric4, (10::numeric ^ (i % 60)) AS c_wide,
       CASE WHEN i % 3 > 0 THEN 'text ' || i % 17 END AS c_text, repeat('e' || i, i % 9)::varchar(60) AS c_varchar, (i % 3)::text::char(5) AS c_bpchar,
       ('name' || i % 4)::name AS c_name, ('{"sad","glad"}'::mood[])[1 + i % 2] AS c_enum, (i % 999)::small AS c_domain,
       date '2020-01-01' + i AS c_date, timestamp '2020-01-01' + i * interval '1 hour' AS c_timestamp, timestamptz '2020-01-01' + i * interval '1.5 s' AS c_timestamptz,
       time '00:00' + i * interval '1 s' AS c_time, i * interval '1 day 2 hours' AS c_interval, md5(i::text)::uuid AS c_uuid,
       decode(md5(i::text), 'hex') AS c_bytea, jsonb_build_object('i', i) AS c_jsonb, array[i, NULL, i + 1] AS c_array, array[i::text] AS c_texts,
       int4range(i, i + 5) AS c_range, ('10.0.0.' || i % 256)::inet AS c_inet, i::money AS c_money, i::oid AS c_oid, NULL::int AS c_null
  FROM generate_series(1, 1800) i;
INSERT INTO snap.kinds (c_float4, c_float8, c_numeric, c_numeric4, c_date, c_timestamp, c_text, c_int8)
VALUES ('NaN', '-Infinity', 'NaN', 0, 'infinity', '-infinity', '', -9223372036854775808), ('-0', '-0', 1e-20, -1, NULL, NULL, NULL, 9223372036854775807),
       ('Infinity', 5e-324, 1e300, NULL, '4713-01-01 BC', '294276-12-31', repeat('long ', 100000), 0);
SELECT snapshot, rows, columns, chunks, fingerprint = (SELECT mlops.fingerprint(k) FROM snap.kinds k) AS same
  FROM mlops.snapshot('kinds', 'snap.kinds');
SELECT format('CREATE TABLE snap.back AS SELECT * FROM mlops.snapshot_rows(''kinds'') AS t(%s)', definition)
  FROM mlops.snapshots WHERE snapshot = 'kinds' \gexec
SELECT count(*) FROM snap.back;
SELECT count(*) AS lost FROM (SELECT k::text FROM snap.kinds k EXCEPT ALL SELECT b::text FROM snap.back b) x;
SELECT count(*) AS gained FROM (SELECT b::text FROM snap.back b EXCEPT ALL SELECT k::text FROM snap.kinds k) x;
SELECT mlops.fingerprint(b) = (SELECT fingerprint FROM mlops.snapshots WHERE snapshot = 'kinds') AS same FROM snap.back b;
SELECT format_type(a.atttypid, a.atttypmod) AS was, format_type(b.atttypid, b.atttypmod) AS is
  FROM pg_attribute a JOIN pg_attribute b ON a.attname = b.attname
 WHERE a.attrelid = 'snap.kinds'::regclass AND b.attrelid = 'snap.back'::regclass AND a.attnum > 0
   AND (a.atttypid, a.atttypmod) <> (b.atttypid, b.atttypmod);

-- what cannot be stored is refused by name
SELECT * FROM mlops.snapshot('bad', 'SELECT ROW(1, 2) AS pair');
SELECT * FROM mlops.snapshot('bad', 'SELECT array[''sad''::snap.mood] AS moods');
SELECT * FROM mlops.snapshot('bad', 'SELECT ''pg_class''::regclass AS relation');
SELECT * FROM mlops.snapshot('bad', 'SELECT 1 AS a, 2 AS a');
SELECT * FROM mlops.snapshot('bad', 'SELECT 1 AS a', key => 'b');
SELECT * FROM mlops.snapshot('Bad', 'SELECT 1 AS a');
SELECT * FROM mlops.snapshot('kinds', 'SELECT 1 AS a');
SELECT * FROM mlops.snapshot(NULL, 'SELECT 1 AS a');
SELECT * FROM mlops.snapshot('bad', NULL);
SELECT * FROM mlops.snapshot_rows('kinds') AS t(a int);
SELECT * FROM mlops.snapshot_rows('nothing') AS t(a int);
BEGIN READ ONLY;
SELECT * FROM mlops.snapshot('bad', 'SELECT 1 AS a');
ROLLBACK;
SELECT count(*) FROM mlops.snapshots;

-- no rows, no columns
SELECT rows, columns, chunks, bytes FROM mlops.snapshot('empty', 'SELECT 1 AS a WHERE false');
SELECT * FROM mlops.snapshot_rows('empty') AS t(a int);

-- equal chunks are stored once, and go with the last that has them
CREATE TABLE snap.large AS SELECT i AS id, i % 10 AS a, i % 7 AS b FROM generate_series(1, 40000) i;
SELECT rows, chunks, shared_chunks FROM mlops.snapshot('large1', 'snap.large');
INSERT INTO snap.large SELECT i, 0, 0 FROM generate_series(40001, 50000) i;
SELECT rows, chunks, shared_chunks FROM mlops.snapshot('large2', 'snap.large');
SELECT count(*) AS parts FROM mlops_private.snapshot_part p WHERE EXISTS (SELECT FROM mlops_private.snapshot_chunk c JOIN mlops_private.snapshot s USING (snapshot_id) WHERE c.hash = p.hash AND s.name LIKE 'large%');
SELECT snapshot, rows FROM mlops.drop_snapshot('large1');
SELECT count(*), sum(id) FROM mlops.snapshot_rows('large2') AS t(id int, a int, b int);
SELECT snapshot, rows FROM mlops.drop_snapshot('large2');
SELECT snapshot, rows FROM mlops.drop_snapshot('empty');
SELECT snapshot, rows FROM mlops.drop_snapshot('kinds');
SELECT snapshot, rows FROM mlops.drop_snapshot('kinds');
SELECT count(*) AS parts FROM mlops_private.snapshot_part;

-- a rollback takes all of it back
BEGIN;
SELECT rows FROM mlops.snapshot('undone', 'snap.large');
ROLLBACK;
SELECT (SELECT count(*) FROM mlops.snapshots) AS snapshots, (SELECT count(*) FROM mlops_private.snapshot_part) AS parts;

-- a model trained from it is the one trained from the table, keys and labels included
CREATE TABLE snap.train (id int PRIMARY KEY, x1 float8, x2 text, email text, y float8);
INSERT INTO snap.train SELECT i, i % 13 * 0.5, 'k' || i % 4, i || '@example.org', i % 13 + (i % 4) * 2 + (i * 7 % 10) / 10.0 FROM generate_series(1, 2000) i;
SELECT label FROM mlops.label_column('snap.train', 'email', 'pii:email');
SELECT rows, columns FROM mlops.snapshot('train', 'snap.train', key => 'email', note => 'for a test', keep => '1 year');
SELECT key, note, keep_until > now() + interval '360 days' AS is_kept, row_security FROM mlops.snapshots WHERE snapshot = 'train';
SET client_min_messages = notice;
SELECT version, features FROM mlops.train('snap_a', 'snap.train', 'y', 'linear_regression');
SELECT version, features FROM mlops.train('snap_b', 'snapshot:train', 'y', 'linear_regression');
SELECT version, features FROM mlops.train('snap_c', 'snap.train', 'y', 'random_forest', options => '{"n_estimators": 5}');
SELECT version, features FROM mlops.train('snap_d', 'snapshot:train', 'y', 'random_forest', options => '{"n_estimators": 5}');
SET client_min_messages = warning;
SELECT count(*) AS versions, count(DISTINCT md5(artifact::text)) AS artifacts FROM mlops_private.version v JOIN mlops_private.model m USING (model_id) WHERE m.name LIKE 'snap\__';
SELECT count(DISTINCT facts->>'fingerprint') FROM mlops_private.version v JOIN mlops_private.model m USING (model_id) WHERE m.name LIKE 'snap\__';
SELECT count(*) > 2 AS measured, bool_and(abs(e.value - f.value) < 1e-12) AS same FROM mlops.evaluate('snap_a', 'snap.train') e JOIN mlops.evaluate('snap_a', 'snapshot:train') f USING (metric);
SELECT version, same, rows, rows_recorded, columns FROM mlops.trained_on('snap_a', 'snapshot:train');
SELECT same, recorded = (SELECT mlops.fingerprint(t) FROM (SELECT x1, x2, y FROM snap.train) t) AS known FROM mlops.trained_on('snap_d', 'snap.train');
UPDATE snap.train SET x2 = 'k9' WHERE id = 77;
SELECT same, rows, rows_recorded FROM mlops.trained_on('snap_a', 'snap.train');
SELECT same FROM mlops.trained_on('snap_a', 'snapshot:train');
DELETE FROM snap.train WHERE id = 77;
SELECT same, rows, rows_recorded FROM mlops.trained_on('snap_a', 'SELECT * FROM snap.train');
SELECT * FROM mlops.trained_on('snap_a', 'SELECT 1 AS x1');
SELECT * FROM mlops.trained_on('snap_none', 'snap.train');

-- somebody's rows go, and what is left is known to be less
SELECT * FROM mlops.erase_from_snapshot('train', '77@example.org');
SELECT * FROM mlops.erase_from_snapshot('train', '77@example.org');
SELECT s.rows, s.erased_rows, s.fingerprint = mlops.fingerprint(t) AS same, count(*) FILTER (WHERE t.id = 77) AS found
  FROM mlops.snapshots s, mlops.snapshot_rows('train') AS t(id int, x1 float8, x2 text, email text, y float8)
 WHERE s.snapshot = 'train' GROUP BY s.rows, s.erased_rows, s.fingerprint;
SELECT same FROM mlops.trained_on('snap_a', 'snapshot:train');
SELECT count(*) = count(c.hash) AS no_orphans FROM mlops_private.snapshot_part p LEFT JOIN mlops_private.snapshot_chunk c USING (hash);
SELECT rows FROM mlops.snapshot('one', 'SELECT 1 AS id', key => 'id');
SELECT * FROM mlops.erase_from_snapshot('one', '1');
SELECT rows, bytes, erased_rows FROM mlops.snapshots WHERE snapshot = 'one';
SELECT * FROM mlops.drop_snapshot('one');
SELECT rows FROM mlops.snapshot('nokey', 'SELECT 1 AS id');
SELECT * FROM mlops.erase_from_snapshot('nokey', '1');

-- another role: nothing is there; a member of the owner: everything
CREATE TABLE snap.rows (who name, v int);
INSERT INTO snap.rows VALUES ('regress_mlops_keeper', 1), ('regress_mlops_other', 2);
ALTER TABLE snap.rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON snap.rows USING (who = current_user);
GRANT SELECT ON snap.rows TO PUBLIC;
SET ROLE regress_mlops_keeper;
SELECT rows FROM mlops.snapshot('kept', 'snap.rows');
SELECT snapshot, owner, row_security FROM mlops.snapshots;
SELECT * FROM mlops.snapshot('stolen', 'snap.train');
SET ROLE regress_mlops_other;
SELECT count(*) FROM mlops.snapshots;
SELECT * FROM mlops.snapshot_rows('kept') AS t(who name, v int);
SELECT * FROM mlops.drop_snapshot('kept');
SELECT * FROM mlops.erase_from_snapshot('kept', '1');
SELECT * FROM mlops.train('snap_x', 'snapshot:kept', 'v');
SELECT rows FROM mlops.snapshot('kept', 'snap.rows');
SELECT count(*) FROM mlops_private.snapshot;
SET ROLE regress_mlops_keeper;
SELECT rows FROM mlops.snapshot('promised', 'SELECT 1 AS a', keep => '1 day');
SELECT * FROM mlops.drop_snapshot('promised');
SET ROLE regress_mlops_helper;
SELECT * FROM mlops.snapshot_rows('kept') AS t(who name, v int);
RESET ROLE;

-- stored bytes that are not what they were
UPDATE mlops_private.snapshot_part p SET content = set_byte(content, 20, get_byte(content, 20) # 255)
  FROM mlops_private.snapshot_chunk c JOIN mlops_private.snapshot s USING (snapshot_id) WHERE c.hash = p.hash AND s.name = 'kept';
SELECT * FROM mlops.snapshot_rows('kept') AS t(who name, v int);
UPDATE mlops_private.snapshot_part p SET content = '\x'
  FROM mlops_private.snapshot_chunk c JOIN mlops_private.snapshot s USING (snapshot_id) WHERE c.hash = p.hash AND s.name = 'kept';
SELECT * FROM mlops.snapshot_rows('kept') AS t(who name, v int);

-- the client's encoding is nothing to what is stored
CREATE TABLE snap.text AS SELECT jsonb_build_object('a', U&'\20ac') AS j, ARRAY[U&'\20ac'] AS a;
SET client_encoding = 'LATIN1';
SELECT rows FROM mlops.snapshot('text', 'snap.text');
SELECT count(*) AS same FROM mlops.snapshot_rows('text') AS s(j jsonb, a text[]) JOIN snap.text t ON s.j = t.j AND s.a = t.a;
RESET client_encoding;
SELECT count(*) AS same FROM mlops.snapshot_rows('text') AS s(j jsonb, a text[]) JOIN snap.text t ON s.j = t.j AND s.a = t.a;
SELECT rows FROM mlops.drop_snapshot('text');
-- acts are on record
SELECT action, object, count(*) FROM mlops_private.audit_pending WHERE action LIKE 'snapshot.%' AND object IN ('train', 'kinds', 'kept') GROUP BY 1, 2 ORDER BY 1, 2;

SELECT mlops.drop_snapshot(snapshot) FROM mlops.snapshots ORDER BY snapshot;
SELECT mlops.drop_model(model) FROM mlops.models WHERE model LIKE 'snap\__';
SELECT previous FROM mlops.label_column('snap.train', 'email', NULL);
RESET search_path;
DROP SCHEMA snap CASCADE;
DROP ROLE regress_mlops_keeper, regress_mlops_other, regress_mlops_helper;
