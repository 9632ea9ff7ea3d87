-- What a backend remembers between statements (where rows of the registry
-- were, unpacked models, idle scorers) must never change an answer.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TABLE points AS SELECT i AS id, i % 10 AS x, 2 * (i % 10) + 1 AS y, 5 * (i % 10) + 3 AS z FROM generate_series(1, 50) AS i;
SELECT version FROM mlops.train('line', 'SELECT x, y FROM points', 'y', 'linear_regression', validation => '{"method": "none"}');
SELECT version FROM mlops.train('line', 'SELECT x, z AS y FROM points', 'y', 'linear_regression', validation => '{"method": "none"}');
CREATE FUNCTION pg_temp.line() RETURNS numeric LANGUAGE sql AS $$ SELECT round(mlops.predict('line', p)::numeric, 6) FROM points AS p WHERE id = 4 $$;
-- the alias's row moves with every change, and back with every rollback
SELECT pg_temp.line() AS first;
SELECT version FROM mlops.set_alias('line:2', 'champion');
SELECT pg_temp.line() AS second;
BEGIN;
SELECT version FROM mlops.set_alias('line:1', 'champion');
SELECT pg_temp.line() AS first;
SAVEPOINT s;
SELECT version FROM mlops.set_alias('line:2', 'champion');
SELECT pg_temp.line() AS second;
ROLLBACK TO s;
SELECT pg_temp.line() AS first;
ROLLBACK;
SELECT pg_temp.line() AS second;
-- another row at the remembered place
SELECT version FROM mlops.drop_alias('line', 'champion');
SELECT pg_temp.line();
VACUUM mlops_private.alias;
SELECT version FROM mlops.set_alias('line:1', 'other');
SELECT pg_temp.line();
SELECT version FROM mlops.set_alias('line:1', 'champion');
SELECT pg_temp.line() AS first;
VACUUM FULL mlops_private.alias;
VACUUM FULL mlops_private.version;
VACUUM FULL mlops_private.model;
SELECT pg_temp.line() AS first;
-- the model goes, another comes under its name; tables shrink below the remembered place
SELECT versions FROM mlops.drop_model('line');
VACUUM mlops_private.model, mlops_private.version, mlops_private.alias;
SELECT pg_temp.line();
SELECT version FROM mlops.train('line', 'SELECT x, z AS y FROM points', 'y', 'linear_regression', validation => '{"method": "none"}');
SELECT pg_temp.line() AS second;
-- the row's type changes while its scorer waits
ALTER TABLE points ADD w int DEFAULT 7;
SELECT pg_temp.line() AS second;
ALTER TABLE points ALTER x TYPE float8;
SELECT pg_temp.line() AS second;
ALTER TABLE points RENAME x TO v;
SELECT pg_temp.line();
ALTER TABLE points RENAME v TO x;
ALTER TABLE points DROP w;
SELECT pg_temp.line() AS second;
-- no room in the cache: nothing waits, everything is read again
SET mlops.model_cache_size = 0;
SELECT pg_temp.line() AS second;
SELECT pg_temp.line() AS second;
RESET mlops.model_cache_size;
-- two triggers of one model on one table, the second of which sets a feature
CREATE TABLE inbox (id int, x float8, p float8);
CREATE TRIGGER a BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('line', 'p');
INSERT INTO inbox VALUES (1, 4) RETURNING round(p::numeric, 6) AS p;
CREATE TRIGGER b BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('line', 'x');
INSERT INTO inbox VALUES (2, 4);
DROP TRIGGER b ON inbox;
INSERT INTO inbox VALUES (3, 4) RETURNING round(p::numeric, 6) AS p;
DROP TABLE inbox, points;
SELECT versions FROM mlops.drop_model('line');
