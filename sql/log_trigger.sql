-- log_trigger(): what was stored is logged, as it was stored.
SET client_min_messages = warning;
CREATE TABLE lt_train AS SELECT i * 0.5 AS a, i % 7 AS b, i * 2.5 AS y, i % 3 = 0 AS hit, (ARRAY['red', 'green', 'blue'])[1 + i % 3] AS colour FROM generate_series(1, 200) i;
SELECT version FROM mlops.train('lt', 'SELECT a, b, y FROM lt_train', 'y', 'linear_regression');
SELECT version FROM mlops.train('lt', 'SELECT a, b, y FROM lt_train', 'y', 'decision_tree', alias => 'challenger');
SELECT version FROM mlops.train('lt_hit', 'SELECT a, b, hit FROM lt_train', 'hit', 'decision_tree');
SELECT version FROM mlops.train('lt_colour', 'SELECT a, b, colour FROM lt_train', 'colour', 'decision_tree');
RESET client_min_messages;
CREATE TABLE lt (id int PRIMARY KEY, a float8, b int, risk float8, at timestamptz);
CREATE FUNCTION pg_temp.logged(prefix text DEFAULT '') RETURNS TABLE (key text, variant text, a text, b text, same boolean) LANGUAGE sql AS $$
	SELECT p.key, p.variant, p.features ->> 'a', p.features ->> 'b', p.value = mlops.predict('lt@' || p.variant, p.features)
	  FROM mlops.predictions p WHERE p.model = 'lt' AND p.key LIKE prefix || '%' ORDER BY p.prediction
$$;

-- discarded rows are not logged, changed ones in their last form; a savepoint takes its own along
CREATE TRIGGER log AFTER INSERT OR UPDATE ON lt FOR EACH ROW EXECUTE FUNCTION mlops.log_trigger('lt', 'key=id');
INSERT INTO lt (id, a, b) VALUES (1, 1, 2), (2, 2, 3);
INSERT INTO lt (id, a, b) VALUES (1, 9, 9), (3, 3, 4) ON CONFLICT DO NOTHING;
INSERT INTO lt (id, a, b) VALUES (1, 5, 6) ON CONFLICT (id) DO UPDATE SET a = excluded.a + 10;
CREATE FUNCTION lt_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = 11 THEN RETURN NULL; END IF; new.b = 5; RETURN new; END $$;
CREATE TRIGGER z_change BEFORE INSERT ON lt FOR EACH ROW EXECUTE FUNCTION lt_change();
INSERT INTO lt (id, a, b) VALUES (10, 1, 1), (11, 1, 1);
BEGIN;
SAVEPOINT one;
INSERT INTO lt (id, a, b) VALUES (20, 1, 1);
ROLLBACK TO one;
INSERT INTO lt (id, a, b) VALUES (21, 1, 1);
COMMIT;
DELETE FROM lt WHERE id = 21;
UPDATE lt SET a = a + 1 WHERE id = 2;
SELECT * FROM pg_temp.logged();
DROP TRIGGER z_change ON lt;

-- by its key a row goes where the route says, and shadows see it
SELECT shadow FROM mlops.route('lt', '{"champion": 0.5, "challenger": 0.5}');
INSERT INTO lt (id, a, b) SELECT i, i, i % 7 FROM generate_series(1001, 1300) i;
SELECT count(*), bool_and(same) AS same, bool_and(variant = mlops.variant_of('lt', key)) AS by_key, count(DISTINCT variant) AS variants FROM pg_temp.logged('1') WHERE length(key) = 4;
SELECT shadow FROM mlops.route('lt', '{"champion": 1}', '{challenger}');
INSERT INTO lt (id, a, b) VALUES (30, 1, 1);
SELECT variant, shadow FROM mlops.predictions WHERE model = 'lt' AND key = '30' ORDER BY prediction;
SELECT split FROM mlops.route('lt', NULL);

-- the value that was stored, at the time that was stored
DROP TRIGGER log ON lt;
CREATE TRIGGER score BEFORE INSERT ON lt FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('lt_hit', 'risk');
CREATE TRIGGER log AFTER INSERT OR UPDATE OF risk ON lt FOR EACH ROW EXECUTE FUNCTION mlops.log_trigger('lt_hit', 'key=id', 'value=risk', 'at=at');
INSERT INTO lt (id, a, b, at) VALUES (40, 1, 1, '2020-01-02 03:04:05+00');
UPDATE lt SET risk = 0.75 WHERE id = 40;
UPDATE lt SET risk = NULL WHERE id = 40;
UPDATE lt SET a = 2 WHERE id = 40;
SELECT key, at AT TIME ZONE 'UTC' AS at, value IS NOT DISTINCT FROM mlops.predict('lt_hit', features) AS predicted, value = 0.75 AS told, label FROM mlops.predictions WHERE model = 'lt_hit' ORDER BY prediction;
INSERT INTO lt (id, a, b) VALUES (41, 1, 1);
SELECT at = now() OR at > now() - interval '1 minute' AS now FROM mlops.predictions WHERE model = 'lt_hit' AND key = '41';
INSERT INTO lt (id, a, b, at) VALUES (42, 1, 1, now() + interval '1 day');
DROP TRIGGER score ON lt;
DROP TRIGGER log ON lt;

-- partitioned tables, whose partitions have their columns in another order
CREATE TABLE lt_parted (id int, a float8, b int) PARTITION BY RANGE (id);
CREATE TABLE lt_low PARTITION OF lt_parted FOR VALUES FROM (0) TO (5000);
CREATE TABLE lt_high (b int, gone int, id int, a float8);
ALTER TABLE lt_high DROP COLUMN gone;
ALTER TABLE lt_parted ATTACH PARTITION lt_high FOR VALUES FROM (5000) TO (10000);
CREATE TRIGGER log AFTER INSERT OR UPDATE ON lt_parted FOR EACH ROW EXECUTE FUNCTION mlops.log_trigger('lt', 'key=id');
INSERT INTO lt_parted VALUES (4999, 1, 2), (5000, 3, 4);
UPDATE lt_parted SET id = 5001 WHERE id = 4999;
SELECT key, a, b, same FROM pg_temp.logged('4999') UNION ALL SELECT key, a, b, same FROM pg_temp.logged('500');

-- deferred, at the end of the transaction
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON lt DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mlops.log_trigger('lt', 'key=id');
BEGIN;
INSERT INTO lt (id, a, b) VALUES (50, 1, 1);
ROLLBACK;
INSERT INTO lt (id, a, b) VALUES (51, 1, 1);
SELECT count(*) FROM pg_temp.logged('5') WHERE key IN ('50', '51');
DROP TRIGGER late ON lt;

-- many rows
CREATE TRIGGER log AFTER INSERT ON lt FOR EACH ROW EXECUTE FUNCTION mlops.log_trigger('lt', 'key=id');
INSERT INTO lt (id, a, b) SELECT i, i, i % 7 FROM generate_series(100001, 120000) i;
SELECT count(*), count(DISTINCT key) AS keys, bool_and(value = mlops.predict('lt', features)) AS same FROM mlops.predictions WHERE model = 'lt' AND length(key) = 6;
DROP TRIGGER log ON lt;

-- rights are those of the table's owner; the caller is who inserted
CREATE ROLE regress_mlops_lt_owner;
CREATE ROLE regress_mlops_lt_user;
GRANT CREATE ON SCHEMA public TO regress_mlops_lt_owner;
SET ROLE regress_mlops_lt_owner;
CREATE TABLE lt_owned (id int, a float8, b int);
CREATE TRIGGER log AFTER INSERT ON lt_owned FOR EACH ROW EXECUTE FUNCTION mlops.log_trigger('lt', 'key=id');
GRANT INSERT ON lt_owned TO regress_mlops_lt_user;
INSERT INTO lt_owned VALUES (60, 1, 1);
RESET ROLE;
SELECT count(mlops.grant_model('lt', 'regress_mlops_lt_owner', 'predict'));
SET ROLE regress_mlops_lt_user;
INSERT INTO lt_owned VALUES (61, 1, 1);
SELECT mlops.score('lt', '{"a": 1, "b": 1}'::jsonb, '62');
RESET ROLE;
SELECT key, caller FROM mlops.predictions WHERE model = 'lt' AND key LIKE '6_' ORDER BY prediction;

-- wrong kinds and arguments
CREATE TABLE lt_bad (id int, a float8, b int, t text);
CREATE FUNCTION pg_temp.try(events text, arguments text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TRIGGER bad %s EXECUTE FUNCTION mlops.log_trigger(%s)', events, arguments);
	INSERT INTO lt_bad VALUES (1, 1, 1, 'x');
	UPDATE lt_bad SET a = 2;
	DELETE FROM lt_bad;
	RAISE EXCEPTION 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT pg_temp.try('BEFORE INSERT ON lt_bad FOR EACH ROW', $$'lt', 'key=id'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH STATEMENT', $$'lt', 'key=id'$$);
SELECT pg_temp.try('AFTER DELETE ON lt_bad FOR EACH ROW', $$'lt', 'key=id'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt', 'key=id'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', '');
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt', 'id'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt', 'key=nothing'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt', 'key=ctid'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt', 'key=id', 'key=a'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt', 'key=id', 'value=t'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt', 'key=id', 'at=a'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt_colour', 'key=id', 'value=a'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'lt_colour', 'key=id'$$);
SELECT pg_temp.try('AFTER INSERT ON lt_bad FOR EACH ROW', $$'no_such', 'key=id'$$);
SELECT mlops.log_trigger();

SELECT sum((mlops.drop_model(m)).versions) FROM unnest('{lt,lt_hit,lt_colour}'::text[]) m;
DELETE FROM mlops_private.prediction WHERE model_id NOT IN (SELECT model_id FROM mlops_private.model);
DROP TABLE lt_train, lt, lt_parted, lt_owned, lt_bad;
DROP FUNCTION lt_change();
REVOKE CREATE ON SCHEMA public FROM regress_mlops_lt_owner;
DROP ROLE regress_mlops_lt_owner, regress_mlops_lt_user;
