-- What scoring sees of changes in its own transaction: a name that was resolved
-- is resolved again when the snapshot, a rollback or the role says otherwise.
SET client_min_messages = warning;

-- version n is trained on y = 10 n + x: predict() minus x shows which version answered
SELECT version, rows_used FROM mlops.train('snap', 'SELECT x, 10 + x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT version, rows_used FROM mlops.train('snap', 'SELECT x, 20 + x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT version, rows_used FROM mlops.train('snap', 'SELECT x, 30 + x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SET client_min_messages = notice;
PREPARE answer AS SELECT round(mlops.predict('snap', '{"x": 7}'::jsonb) - 7) AS answer;

-- one statement sees one version, also its own change only afterwards
SELECT (mlops.set_alias('snap:2', 'champion')).version, round(mlops.predict('snap', '{"x": 7}'::jsonb) - 7) AS answer;
EXECUTE answer;

-- savepoints: what is rolled back was never so
BEGIN;
SELECT version FROM mlops.set_alias('snap:1', 'champion');
EXECUTE answer;
SAVEPOINT s;
SELECT version FROM mlops.set_alias('snap:3', 'champion');
EXECUTE answer;
ROLLBACK TO s;
EXECUTE answer;
RELEASE s;
EXECUTE answer;
ROLLBACK;
EXECUTE answer;

-- PL/pgSQL keeps a function's state for the whole transaction
DO $$
DECLARE
	p float8;
BEGIN
	FOR i IN 1 .. 3 LOOP
		PERFORM mlops.set_alias('snap', 'champion', i);
		p := mlops.predict('snap', '{"x": 7}'::jsonb) - 7;
		RAISE NOTICE 'champion %: %', i, round(p);
	END LOOP;
	FOR i IN 1 .. 2 LOOP
		-- the same call, in and after a block that is rolled back
		BEGIN
			IF i = 1 THEN
				PERFORM mlops.set_alias('snap', 'champion', 1);
			END IF;
			FOR j IN 1 .. 2 LOOP
				p := mlops.predict('snap', '{"x": 7}'::jsonb) - 7;
				RAISE NOTICE 'block %, call %: %', i, j, round(p);
			END LOOP;
			RAISE EXCEPTION 'undo';
		EXCEPTION WHEN raise_exception THEN
			p := mlops.predict('snap', '{"x": 7}'::jsonb) - 7;
			RAISE NOTICE 'after block %: %', i, round(p);
		END;
	END LOOP;
END $$;
-- one call site, whose answers change from one call to the next
CREATE FUNCTION pg_temp.ask(version integer, undo boolean) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	p float8;
BEGIN
	FOR i IN 1 .. 3 LOOP
		BEGIN
			IF i = 2 THEN
				PERFORM mlops.set_alias('snap', 'champion', version);
			END IF;
			p := mlops.predict('snap', '{"x": 7}'::jsonb) - 7;
			RAISE NOTICE 'call %: %', i, round(p);
			IF undo THEN
				RAISE EXCEPTION 'undo';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
	END LOOP;
	RETURN round(p);
END $$;
SELECT pg_temp.ask(1, true);
-- with one snapshot for all, nothing but the rollback itself tells the third call from the second
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.ask(1, true);
COMMIT;
SELECT pg_temp.ask(1, false);

-- a block that ends well gives no reason to resolve again
BEGIN ISOLATION LEVEL REPEATABLE READ;
DO $$
DECLARE
	p float8;
	before bigint;
BEGIN
	FOR i IN 1 .. 20 LOOP
		BEGIN
			p := mlops.predict('snap', '{"x": 7}'::jsonb) - 7;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
		IF i = 2 THEN
			SELECT hits + misses INTO before FROM mlops_private.model_cache();
		END IF;
	END LOOP;
	RAISE NOTICE 'resolved again: %', (SELECT hits + misses FROM mlops_private.model_cache()) - before;
END $$;
COMMIT;

-- a procedure that commits
CREATE PROCEDURE pg_temp.commits() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 2 .. 3 LOOP
		PERFORM mlops.set_alias('snap', 'champion', i);
		COMMIT;
		RAISE NOTICE 'committed %: %', i, round(mlops.predict('snap', '{"x": 7}'::jsonb) - 7);
		PERFORM mlops.set_alias('snap', 'champion', 1);
		ROLLBACK;
		RAISE NOTICE 'rolled back: %', round(mlops.predict('snap', '{"x": 7}'::jsonb) - 7);
	END LOOP;
END $$;
CALL pg_temp.commits();

-- the role counts, too: resolved as one, not for another
CREATE ROLE regress_mlops_other;
DO $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		BEGIN
			IF i = 2 THEN
				SET LOCAL ROLE regress_mlops_other;
			END IF;
			RAISE NOTICE 'call % as %: %', i, CASE WHEN i = 2 THEN current_user ELSE 'owner' END,
				round(mlops.predict('snap', '{"x": 7}'::jsonb) - 7);
		EXCEPTION WHEN undefined_object THEN
			RAISE NOTICE 'call %: %', i, SQLERRM;
		END;
		RESET ROLE;
	END LOOP;
END $$;
SET ROLE regress_mlops_other;
EXECUTE answer;
RESET ROLE;
DROP ROLE regress_mlops_other;

-- reading works where writing does not: read-only transactions, parallel workers
BEGIN READ ONLY;
EXECUTE answer;
SELECT mlops.set_alias('snap', 'champion', 1);
ROLLBACK;
SELECT set_config(name, 'on', false) AS forced FROM pg_settings
 WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
EXECUTE answer;
SELECT set_config(name, 'off', false) AS forced FROM pg_settings
 WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

-- dropped and created in one session
BEGIN;
SELECT mlops.drop_model('snap');
SAVEPOINT s;
EXECUTE answer;
ROLLBACK TO s;
SET LOCAL client_min_messages = warning;
SELECT version FROM mlops.train('snap', 'SELECT x, 90 + x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
EXECUTE answer;
ROLLBACK;
EXECUTE answer;

DEALLOCATE answer;
SELECT mlops.drop_model('snap');
