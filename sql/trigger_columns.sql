--
-- trigger_columns: what mlops.score_trigger() can put into a column
--
\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE SCHEMA trigger_columns;
SET search_path = trigger_columns;
CREATE TABLE line AS SELECT i::float8 AS a, i * 1e38 AS y, i > 5 AS big FROM generate_series(1, 10) i;
SELECT version FROM mlops.train('trigger_line', 'line', 'y', features => '{a}', validation => '{"method": "none"}');
SELECT version FROM mlops.train('trigger_big', 'line', 'big', features => '{a}', options => '{"l2": 1}',
                                validation => '{"method": "none"}');

-- a domain's constraints hold, of NULL too
CREATE DOMAIN small AS float8 CHECK (value < 1e30);
CREATE DOMAIN known AS float8 NOT NULL;
CREATE TABLE t_small (a float8, r small);
CREATE TRIGGER score BEFORE INSERT ON t_small
    FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('trigger_line', 'r');
INSERT INTO t_small VALUES (1);
CREATE TABLE t_known (a float8, r known);
CREATE TRIGGER score BEFORE INSERT ON t_known
    FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('trigger_none', 'r', 'on_error=null');
INSERT INTO t_known VALUES (1, 1);

-- overflow of a narrower type is an error, not infinity
CREATE TABLE t_real (a float8, r real);
CREATE TRIGGER score BEFORE INSERT ON t_real
    FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('trigger_line', 'r');
INSERT INTO t_real VALUES (1e10);

-- JSON has no infinity; numbers are as exact as they are
SET extra_float_digits = -10;
CREATE TABLE t_json (a float8, r jsonb);
CREATE TRIGGER score BEFORE INSERT ON t_json
    FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('trigger_line', 'r');
INSERT INTO t_json VALUES (1), (1e300)
    RETURNING CASE WHEN r <> 'null' THEN abs(r::text::float8 / 1e38 - 1) < 1e-12 END AS exact, r = 'null' AS infinite;
RESET extra_float_digits;

-- a class that the type does not have, without showing it
\set VERBOSITY terse
CREATE TYPE other AS ENUM ('yes', 'no');
CREATE TABLE t_enum (a float8, r other);
CREATE TRIGGER score BEFORE INSERT ON t_enum
    FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('trigger_big', 'r');
INSERT INTO t_enum VALUES (1);
ALTER TYPE other ADD VALUE 'false';
INSERT INTO t_enum VALUES (1) RETURNING r;

-- a generated column is not the trigger's to set
CREATE TABLE t_generated (a float8, r float8 GENERATED ALWAYS AS (a * 2) STORED);
CREATE TRIGGER score BEFORE INSERT ON t_generated
    FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('trigger_line', 'r');
INSERT INTO t_generated VALUES (1);

SELECT versions FROM mlops.drop_model('trigger_line');
SELECT versions FROM mlops.drop_model('trigger_big');
DROP SCHEMA trigger_columns CASCADE;
