-- score_trigger(): every kind of column, every way in, and what is refused.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.near(got float8, want float8, tolerance float8 DEFAULT 1e-9) RETURNS boolean LANGUAGE sql IMMUTABLE
AS $$ SELECT abs(got - want) <= tolerance * greatest(abs(want), 1) $$;
SELECT version FROM mlops.train('line', 'SELECT i AS x, 10 + 2 * i AS y FROM generate_series(1, 20) AS i', 'y', validation => '{"method": "none"}');
SELECT version FROM mlops.train('yes', 'SELECT i AS x, i + i % 3 > 10 AS y FROM generate_series(1, 20) AS i', 'y', validation => '{"method": "none"}');
SELECT version FROM mlops.train('sort', 'SELECT i AS x, (ARRAY[''low'',''mid'',''high''])[1 + (i + i % 3 - 1) / 8] AS y FROM generate_series(1, 20) AS i', 'y', validation => '{"method": "none"}');
CREATE TYPE sort AS ENUM ('high', 'mid', 'low');
CREATE DOMAIN score AS numeric(8, 3) CHECK (VALUE < 1000);
CREATE DOMAIN short AS varchar(4);

-- a number gets the prediction, text, enum and boolean the class, jsonb the probabilities
CREATE TABLE kinds (x int, d float8, f float4, n numeric, n1 numeric(6, 1), s score, p float8, b bool, t text, v varchar(9), c char(6), e sort, w short, j jsonb, r jsonb);
DO $$
DECLARE k record;
BEGIN
    FOR k IN SELECT * FROM (VALUES ('line', 'd'), ('line', 'f'), ('line', 'n'), ('line', 'n1'), ('line', 's'), ('yes', 'p'), ('yes', 'b'), ('sort', 't'),
                            ('sort', 'v'), ('sort', 'c'), ('sort', 'e'), ('sort', 'w'), ('sort', 'j'), ('line', 'r')) AS v(model, col) LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON kinds FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger(%L, %L)', 'score_' || k.col, k.model, k.col);
    END LOOP;
END $$;
INSERT INTO kinds (x) VALUES (3), (18);
SELECT x, pg_temp.near(d, 10 + 2 * x) AS d, f = 10 + 2 * x AS f, pg_temp.near(n::float8, 10 + 2 * x) AS n, n1, s, pg_temp.near(p, mlops.predict('yes', k)) AS p, b, t, v, c, e, w,
       j = mlops.proba('sort', k) AS j, pg_temp.near(r::text::float8, 10 + 2 * x) AS r FROM kinds AS k ORDER BY x;
UPDATE kinds SET x = 5 WHERE x = 3;
SELECT x, n1, b, t FROM kinds ORDER BY x;
UPDATE kinds SET d = -1, t = 'forged' WHERE x = 5;
SELECT x, pg_temp.near(d, 20) AS d, t FROM kinds WHERE x = 5;
INSERT INTO kinds (x) VALUES (NULL);
SELECT x, pg_temp.near(d, 31) AS mean, pg_temp.near(r::text::float8, 31) AS r FROM kinds WHERE x IS NULL;
-- the domain's check sees the score, also when there is none
INSERT INTO kinds (x) VALUES (900);
CREATE DOMAIN present AS float8 CHECK (VALUE IS NOT NULL);
CREATE TABLE present_only (x int, p present);
CREATE TRIGGER score BEFORE INSERT ON present_only FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('nothing', 'p', 'on_error=null');
INSERT INTO present_only VALUES (1, 1);
DROP TABLE present_only;
DROP TABLE kinds;

-- one trigger, one table: how a row comes in does not matter
CREATE TABLE t (id int PRIMARY KEY, x int, score float8, note text);
CREATE TRIGGER score BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('line', 'score');
INSERT INTO t (id, x) SELECT i, i FROM generate_series(1, 3) AS i;
COPY t (id, x) FROM stdin;
4	4
5	5
\.
INSERT INTO t (id, x) VALUES (5, 50), (6, 6) ON CONFLICT (id) DO UPDATE SET x = EXCLUDED.x + 1;
INSERT INTO t (id, x) VALUES (6, 60) ON CONFLICT DO NOTHING;
INSERT INTO t (id, x) VALUES (7, 7) RETURNING id, pg_temp.near(score, 24) AS returned;
MERGE INTO t USING (VALUES (7, 70), (8, 8)) AS s(id, x) ON t.id = s.id WHEN MATCHED THEN UPDATE SET x = s.x WHEN NOT MATCHED THEN INSERT (id, x) VALUES (s.id, s.x);
SELECT id, x, pg_temp.near(score, 10 + 2 * x) AS scored FROM t ORDER BY id;
-- the columns may be renamed, dropped and added: the trigger's argument names one
ALTER TABLE t DROP COLUMN note, ADD COLUMN z text DEFAULT 'z';
UPDATE t SET x = 9 WHERE id = 1;
SELECT pg_temp.near(score, 28) AS after_alter FROM t WHERE id = 1;
ALTER TABLE t RENAME COLUMN score TO risk;
INSERT INTO t (id, x) VALUES (20, 1);
ALTER TABLE t RENAME COLUMN risk TO score;
ALTER TABLE t RENAME COLUMN x TO y;
INSERT INTO t (id, y) VALUES (20, 1);
ALTER TABLE t RENAME COLUMN y TO x;
INSERT INTO t (id, x) VALUES (20, 1);
-- the alias moves in the same transaction
SELECT version FROM mlops.train('line', 'SELECT i AS x, 1000 + i AS y FROM generate_series(1, 20) AS i', 'y', validation => '{"method": "none"}', alias => 'next');
BEGIN;
INSERT INTO t (id, x) VALUES (21, 5);
SELECT mlops.set_alias('line@next', 'champion');
INSERT INTO t (id, x) VALUES (22, 5);
SELECT id, round(score) AS score FROM t WHERE id > 20 ORDER BY id;
ROLLBACK;

-- partitions and children
CREATE TABLE parted (x int, score float8) PARTITION BY RANGE (x);
CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE high (gone int, score float8, x int);
ALTER TABLE high DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION high FOR VALUES FROM (10) TO (100);
CREATE TRIGGER score BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('line', 'score');
INSERT INTO parted (x) VALUES (1), (11);
INSERT INTO high (x) VALUES (12);
UPDATE parted SET x = 13 WHERE x = 1;
SELECT tableoid::regclass, x, pg_temp.near(score, 10 + 2 * x) AS scored FROM parted ORDER BY x;
DROP TABLE parted;
CREATE TABLE child (more text) INHERITS (t);
CREATE TRIGGER score BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('line', 'score');
INSERT INTO child (id, x) VALUES (30, 30);
SELECT pg_temp.near(score, 70) AS child FROM child;
DROP TABLE child;

-- refused: what cannot be, says so on the first row
CREATE TABLE bad (x float8, y float8, t text, i int, u uuid, a float8[], tw float8 GENERATED ALWAYS AS (x * 2) STORED, dt date);
CREATE FUNCTION pg_temp.refused(args text, event text DEFAULT 'BEFORE INSERT', level text DEFAULT 'ROW') RETURNS text LANGUAGE plpgsql AS $$
DECLARE what text;
BEGIN
    EXECUTE format('CREATE TRIGGER score %s ON bad FOR EACH %s EXECUTE FUNCTION mlops.score_trigger(%s)', event, level, args);
    BEGIN
        INSERT INTO bad (x) VALUES (1);
        UPDATE bad SET x = 2;
        DELETE FROM bad;
        what := 'nothing wrong';
    EXCEPTION WHEN OTHERS THEN
        what := SQLSTATE || ' ' || SQLERRM;
    END;
    DROP TRIGGER score ON bad;
    RETURN what;
END $$;
SELECT pg_temp.refused($$'line', 'y'$$);
SELECT pg_temp.refused($$'line', 'y', 'on_error=raise'$$);
SELECT pg_temp.refused('');
SELECT pg_temp.refused($$'line'$$);
SELECT pg_temp.refused($$'line', 'y', 'on_error=null', 'more'$$);
SELECT pg_temp.refused($$'line', 'y', 'on_error=ignore'$$);
SELECT pg_temp.refused($$'line', 'y', ''$$);
SELECT pg_temp.refused($$'line', 'nothing'$$);
SELECT pg_temp.refused($$'line', 'ctid'$$);
SELECT pg_temp.refused($$'nothing', 'y'$$);
SELECT pg_temp.refused($$'line:9', 'y'$$);
SELECT pg_temp.refused($$'Line', 'y'$$);
SELECT pg_temp.refused($$'line', 'x'$$);
-- not a failure of scoring, so on_error does not hide it
SELECT pg_temp.refused($$'line', 'i', 'on_error=null'$$);
SELECT pg_temp.refused($$'line', 'i'$$);
SELECT pg_temp.refused($$'line', 'u'$$);
SELECT pg_temp.refused($$'line', 'a'$$);
SELECT pg_temp.refused($$'line', 'dt'$$);
SELECT pg_temp.refused($$'line', 't'$$);
SELECT pg_temp.refused($$'line', 'tw'$$);
SELECT pg_temp.refused($$'sort', 'y'$$);
SELECT pg_temp.refused($$'line', 'y'$$, 'AFTER INSERT');
SELECT pg_temp.refused($$'line', 'y'$$, 'BEFORE INSERT', 'STATEMENT');
SELECT pg_temp.refused($$'line', 'y'$$, 'BEFORE DELETE');
SELECT pg_temp.refused($$'line', 'y'$$, 'BEFORE UPDATE');
-- a generated column as feature: not computed yet
SELECT version FROM mlops.train('twice', 'SELECT i * 2 AS tw, i AS y FROM generate_series(1, 20) AS i', 'y', validation => '{"method": "none"}');
SELECT pg_temp.refused($$'twice', 'y'$$);
SELECT pg_temp.refused($$'twice', 'y', 'on_error=null'$$);
-- a class that the column's type does not have
CREATE TYPE other AS ENUM ('a', 'b');
CREATE TABLE bad2 (x int, e other, b bool, v varchar(2));
CREATE TRIGGER score BEFORE INSERT ON bad2 FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('sort', 'e');
INSERT INTO bad2 (x) VALUES (1);
DROP TRIGGER score ON bad2;
CREATE TRIGGER score BEFORE INSERT ON bad2 FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('sort', 'b');
INSERT INTO bad2 (x) VALUES (1);
DROP TRIGGER score ON bad2;
CREATE TRIGGER score BEFORE INSERT ON bad2 FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('sort', 'v', 'on_error=null');
INSERT INTO bad2 (x) VALUES (1) RETURNING v IS NULL AS is_null;
DROP TABLE bad2;
-- called as a function
SELECT mlops.score_trigger();

-- on_error=null: the row comes in, unscored; raise is the default
SELECT version FROM mlops.train('strict', 'SELECT i AS x, 10 + 2 * i AS y FROM generate_series(1, 20) AS i', 'y', options => '{"missing": "error"}', validation => '{"method": "none"}');
CREATE TABLE careful (x int, score float8);
CREATE TRIGGER score BEFORE INSERT ON careful FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('strict', 'score', 'on_error=null');
INSERT INTO careful VALUES (1, NULL), (NULL, NULL), (2, 5), (NULL, 7);
SELECT x, round(score) AS score FROM careful ORDER BY x, score;
BEGIN;
SELECT mlops.drop_model('strict');
INSERT INTO careful VALUES (3, 4) RETURNING score;
ROLLBACK;
INSERT INTO careful VALUES (3) RETURNING round(score);
-- many failures in one statement leave neither locks nor memory nor subtransactions behind
INSERT INTO careful SELECT NULL FROM generate_series(1, 5000);
SELECT count(*), count(score) FROM careful;
DROP TABLE careful;
-- a skipped row is NULL, not an error
SELECT version FROM mlops.train('skip', 'SELECT i AS x, 10 + 2 * i AS y FROM generate_series(1, 20) AS i', 'y', options => '{"missing": "skip"}', validation => '{"method": "none"}');
CREATE TABLE skipped (x int, score float8 DEFAULT 1);
CREATE TRIGGER score BEFORE INSERT ON skipped FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('skip', 'score');
INSERT INTO skipped VALUES (NULL), (1) RETURNING x, round(score) AS score;
DROP TABLE skipped;
-- a cancel is not an error to swallow
CREATE TABLE slow (x int, score float8);
CREATE TRIGGER score BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('line', 'score', 'on_error=null');
SET statement_timeout = 50;
INSERT INTO slow SELECT i FROM generate_series(1, 100000000) AS i;
RESET statement_timeout;
SELECT count(*) FROM slow;
DROP TABLE slow;

-- rights: those of the table's owner
CREATE ROLE trigger_owner;
CREATE ROLE trigger_clerk;
CREATE ROLE trigger_stranger;
CREATE SCHEMA trigger_test;
GRANT ALL ON SCHEMA trigger_test TO trigger_owner, trigger_stranger;
GRANT USAGE ON SCHEMA trigger_test TO trigger_clerk;
SET ROLE trigger_owner;
SELECT version FROM mlops.train('owned', 'SELECT i AS x, 10 + 2 * i AS y FROM generate_series(1, 20) AS i', 'y', validation => '{"method": "none"}');
CREATE TABLE trigger_test.t (x int, score float8);
CREATE TRIGGER score BEFORE INSERT ON trigger_test.t FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('owned', 'score');
GRANT INSERT, SELECT ON trigger_test.t TO trigger_clerk;
SET ROLE trigger_clerk;
INSERT INTO trigger_test.t VALUES (4) RETURNING pg_temp.near(score, 18) AS scored;
SELECT mlops.predict('owned', t) FROM trigger_test.t AS t;
SET ROLE trigger_stranger;
CREATE TABLE trigger_test.u (x int, score float8);
CREATE TRIGGER score BEFORE INSERT ON trigger_test.u FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('owned', 'score');
GRANT INSERT ON trigger_test.u TO trigger_owner;
INSERT INTO trigger_test.u VALUES (4);
SET ROLE trigger_owner;
-- not even when the model's owner inserts
INSERT INTO trigger_test.u VALUES (4);
RESET ROLE;
-- not even a superuser
INSERT INTO trigger_test.u VALUES (4);
ALTER TABLE trigger_test.t OWNER TO trigger_stranger;
INSERT INTO trigger_test.t VALUES (4);
GRANT trigger_owner TO trigger_stranger;
INSERT INTO trigger_test.t VALUES (4) RETURNING pg_temp.near(score, 18) AS scored;

SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
DROP SCHEMA trigger_test CASCADE;
DROP TABLE t, bad;
DROP TYPE sort, other;
DROP DOMAIN score, short, present;
DROP ROLE trigger_owner, trigger_clerk, trigger_stranger;
