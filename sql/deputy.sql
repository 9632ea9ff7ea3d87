-- The extension as a deputy: what the owner of a source wrote runs as who reads it,
-- never as the extension's owner and never in its name; what runs in the background
-- runs nothing of a user; strangers hold nothing up.

SET client_min_messages = warning;
CREATE ROLE regress_mlops_mallory;
CREATE ROLE regress_mlops_alice;
CREATE ROLE regress_mlops_auditor;
CREATE SCHEMA deputy_test;
GRANT ALL ON SCHEMA deputy_test TO PUBLIC;
SELECT changed FROM mlops.grant_model(NULL, 'regress_mlops_auditor', 'audit');

-- what mallory's code finds where it runs: who it is, and what that opens.  It is kept in a
-- setting, so that functions which claim to be immutable can keep it, too.
SET ROLE regress_mlops_mallory;
CREATE FUNCTION deputy_test.spy(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	found text := place || ' as ' || current_user;
	seen text := coalesce(current_setting('deputy.seen', true), '');
BEGIN
	IF strpos(seen || ';', found || ';') > 0 THEN
		RETURN;
	END IF;
	BEGIN
		PERFORM count(*) FROM mlops_private.model;
		found := found || ', who reads our tables';
	EXCEPTION WHEN insufficient_privilege THEN
		NULL;
	END;
	PERFORM set_config('deputy.seen', CASE seen WHEN '' THEN '' ELSE seen || ';' END || found, false);
END $$;
CREATE FUNCTION deputy_test.of_policy(x float8) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
	PERFORM deputy_test.spy('policy');
	RETURN true;
END $$;
CREATE FUNCTION deputy_test.of_view(x float8) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	PERFORM deputy_test.spy('view');
	RETURN x;
END $$;
CREATE FUNCTION deputy_test.of_constant(x float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM deputy_test.spy('constant');
	RETURN x;
END $$;
CREATE FUNCTION deputy_test.of_index(x float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM deputy_test.spy('index');
	RETURN x;
END $$;
CREATE FUNCTION deputy_test.of_domain(x float8) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM deputy_test.spy('domain');
	RETURN true;
END $$;
CREATE FUNCTION deputy_test.of_operator(a float8, b float8) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	PERFORM deputy_test.spy('operator');
	RETURN a + b;
END $$;
CREATE FUNCTION deputy_test.of_aggregate(a float8, b float8) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	PERFORM deputy_test.spy('aggregate');
	RETURN greatest(a, b);
END $$;
CREATE OPERATOR deputy_test.+ (FUNCTION = deputy_test.of_operator, LEFTARG = float8, RIGHTARG = float8);
CREATE AGGREGATE deputy_test.top (float8) (SFUNC = deputy_test.of_aggregate, STYPE = float8);
CREATE DOMAIN deputy_test.checked AS float8 CHECK (deputy_test.of_domain(VALUE));
CREATE TABLE deputy_test.bait (id integer PRIMARY KEY, who text, x float8 CHECK (deputy_test.of_index(x) IS NOT NULL), z deputy_test.checked,
                               g float8 GENERATED ALWAYS AS (deputy_test.of_index(x)) STORED, y float8);
INSERT INTO deputy_test.bait (id, who, x, z, y) SELECT i, 'p' || i, i % 13, i % 7, 2 * (i % 13) + i % 7 FROM generate_series(1, 200) i;
CREATE INDEX bait_index ON deputy_test.bait (deputy_test.of_index(x)) WHERE deputy_test.of_index(x) > 0;
CREATE STATISTICS deputy_test.bait_statistics ON (deputy_test.of_index(x)) FROM deputy_test.bait;
ANALYZE deputy_test.bait;
ALTER TABLE deputy_test.bait ENABLE ROW LEVEL SECURITY;
CREATE POLICY spying ON deputy_test.bait USING (deputy_test.of_policy(x));
CREATE VIEW deputy_test.lure AS
SELECT id, who, deputy_test.of_view(x) AS x, (z::float8 + 1)::deputy_test.checked AS z, x OPERATOR(deputy_test.+) deputy_test.of_constant(1.0) AS o,
       (SELECT deputy_test.top(b.x) FROM deputy_test.bait b) AS top, y FROM deputy_test.bait
 WHERE deputy_test.of_index(x) > 0;
GRANT SELECT ON deputy_test.bait, deputy_test.lure TO PUBLIC;
SELECT set_config('deputy.seen', '', false);
RESET ROLE;

-- alice uses it for everything that takes a source
CREATE FUNCTION pg_temp.seen(OUT place text, OUT role text) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT split_part(s, ' as ', 1), split_part(s, ' as ', 2) FROM unnest(string_to_array(current_setting('deputy.seen'), ';')) s WHERE s <> '' ORDER BY s COLLATE "C"
$$;
CREATE TEMP TABLE acts (n serial, act text);
INSERT INTO acts (act) VALUES
	($$SELECT count(*) FROM mlops.train('lured', SOURCE, 'y', 'linear_regression', features => '{x,z}')$$),
	($$SELECT count(*) FROM mlops.train('lured', SOURCE, 'y', 'gradient_boosting', features => '{x,z}', options => '{"n_estimators": 3}')$$),
	($$SELECT count(*) FROM mlops.train('lured', SOURCE, 'y', 'decision_tree', features => '{x,z,who}', validation => '{"method": "none"}')$$),
	($$SELECT count(*) FROM mlops.evaluate('lured', SOURCE)$$),
	($$SELECT count(*) FROM mlops.evaluate('lured', SOURCE, 'y')$$),
	($$SELECT count(*) FROM mlops.predict_table('lured', SOURCE, 'id')$$),
	($$SELECT count(*) FROM mlops.importance('lured', 'permutation', SOURCE, 'y')$$),
	($$SELECT count(*) FROM mlops.compare('lured', 1, 2, SOURCE)$$),
	($$SELECT count(*) FROM mlops.trained_on('lured', SOURCE)$$),
	($$SELECT count(*) FROM mlops.lineage(SOURCE)$$),
	($$SELECT count(*) FROM mlops.snapshot('lured_rows', SOURCE, key => 'who')$$),
	($$SELECT count(*) FROM mlops.train('lured', 'snapshot:lured_rows', 'y', 'linear_regression', features => '{x}')$$),
	($$SELECT count(*) FROM mlops.erase_from_snapshot('lured_rows', 'p7')$$),
	($$SELECT count(*) FROM mlops.drop_snapshot('lured_rows')$$);
GRANT SELECT ON acts TO PUBLIC;
CREATE FUNCTION pg_temp.act(statement text, source text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
	before name := current_user;
BEGIN
	EXECUTE replace(statement, 'SOURCE', quote_literal(source)) INTO n;
	RETURN CASE WHEN current_user = before THEN 'done' ELSE 'done, and now I am ' || current_user END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SET ROLE regress_mlops_alice;
SELECT act, pg_temp.act(act, 'deputy_test.bait') AS bait, pg_temp.act(act, 'deputy_test.lure') AS lure,
       pg_temp.act(act, 'SELECT * FROM deputy_test.lure WHERE x OPERATOR(deputy_test.+) 1 > 0') AS query
  FROM acts ORDER BY n;
SELECT role, count(*) >= 5 AS places FROM pg_temp.seen() GROUP BY role;
RESET ROLE;
-- the background does not look at sources
SELECT set_config('deputy.seen', '', false);
SET ROLE regress_mlops_auditor;
CALL mlops.run_due_jobs();
RESET ROLE;
BEGIN;
SELECT mlops.erase_subject('p8') IS NOT NULL AS erased LIMIT 1;
ROLLBACK;
SELECT count(*) AS seen FROM pg_temp.seen();

-- in the owner's place is nobody's code, whatever type a key or a value has: a domain is copied as what it is made of
SET ROLE regress_mlops_alice;
SELECT rows FROM mlops.snapshot('keyed', 'SELECT (id::float8)::deputy_test.checked AS z, y FROM deputy_test.bait', key => 'z');
RESET ROLE;
SELECT set_config('deputy.seen', '', false);
BEGIN;
SELECT status, items FROM mlops.erase_subject('7') WHERE place = 'rows of snapshots' AND status = 'done';
SELECT * FROM pg_temp.seen();
ROLLBACK;
SET ROLE regress_mlops_alice;
SELECT rows FROM mlops.drop_snapshot('keyed');

-- what code in a source does, its caller does, and it is on record as such: as with any SELECT
RESET ROLE;
SET ROLE regress_mlops_mallory;
CREATE FUNCTION deputy_test.grab() RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mlops.grant_model('lured', 'regress_mlops_mallory', 'predict');
	RETURN 1;
END $$;
CREATE FUNCTION deputy_test.leave(role text) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', role, false);
	RETURN 1;
END $$;
SET ROLE regress_mlops_auditor;
SELECT same FROM mlops.trained_on('lured:1', 'SELECT deputy_test.grab() AS x, 1.0::float8 AS z, 1.0::float8 AS y');
RESET ROLE;
SET ROLE regress_mlops_alice;
SELECT same FROM mlops.trained_on('lured:1', 'SELECT deputy_test.grab() AS x, 1.0::float8 AS z, 1.0::float8 AS y');
RESET ROLE;
SELECT actor, action, object FROM mlops.audit WHERE action = 'privilege.grant' AND object = 'lured' ORDER BY event_id;
-- a role that changes in the middle would do and sign the rest: refused
INSERT INTO acts (act) VALUES ($$SELECT count(*) FROM mlops.train('left', SOURCE, 'y', 'linear_regression')$$);
SET ROLE regress_mlops_alice;
SELECT rows FROM mlops.snapshot('lured_rows', 'SELECT id, x FROM deputy_test.bait', key => 'id');
SELECT a.act, o.outcome, current_user AS still
  FROM acts a, LATERAL pg_temp.act(a.act, 'SELECT id, who, x, z, y * deputy_test.leave(''regress_mlops_mallory'') AS y FROM deputy_test.bait') AS o (outcome)
 WHERE a.act !~ 'lured_rows|lineage' ORDER BY a.n;
SELECT pg_temp.act($$SELECT count(*) FROM mlops.snapshot('left', SOURCE)$$, 'SELECT x, deputy_test.leave(''regress_mlops_mallory'') AS y FROM deputy_test.bait') AS snapshot;
SELECT pg_temp.act($$SELECT count(*) FROM mlops.train('left', SOURCE, 'y', 'linear_regression')$$, 'SELECT i AS x, i * deputy_test.leave(''regress_mlops_alice'') AS y FROM generate_series(1, 30) i') AS not_changed;
SELECT pg_temp.act($$SELECT count(*) FROM mlops.validate(SOURCE, '{"kind": "not_null", "column": "y"}')$$, 'SELECT x, deputy_test.leave(''regress_mlops_mallory'') AS y FROM deputy_test.bait') AS validate;
SELECT pg_temp.act($$SELECT count(*) FROM mlops.expectations_of(SOURCE)$$, 'SELECT x, deputy_test.leave(''regress_mlops_mallory'') AS y FROM deputy_test.bait') AS expectations_of;
SELECT rows FROM mlops.drop_snapshot('lured_rows');
RESET ROLE;
SELECT model, owner FROM mlops.models WHERE model = 'left';
SELECT count(*) AS by_mallory FROM mlops.audit WHERE actor = 'regress_mlops_mallory' AND object ~ '^(left|lured)';

-- strangers hold nothing up: no advisory lock is taken by anything, nobody is signalled by others
BEGIN;
SET LOCAL ROLE regress_mlops_alice;
SELECT version FROM mlops.train('locks', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT alias FROM mlops.set_alias('locks:1', 'other');
SELECT changed FROM mlops.grant_model('locks', 'regress_mlops_auditor', 'read');
SELECT rows FROM mlops.snapshot('locks', 'SELECT x FROM generate_series(1, 40) x', key => 'x');
SELECT split FROM mlops.route('locks', '{"champion": 1}');
SELECT revision FROM mlops.set_card('locks', '{"risk_rating": "Low"}');
SELECT run > 0 AS started FROM mlops.run_start('locks');
RESET ROLE;
SELECT sealed > 0 AS sealed FROM mlops.audit_seal();
SELECT count(*) > 0 AS erased FROM mlops.erase_subject('7');
SELECT count(*) AS advisory_locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
ROLLBACK;
\set VERBOSITY sqlstate
SET ROLE regress_mlops_mallory;
SELECT pg_cancel_backend(pg_backend_pid());
SELECT pg_terminate_backend(pg_backend_pid());
CALL mlops.run_due_jobs();
SELECT mlops.audit_seal();
RESET ROLE;
\set VERBOSITY default

SELECT count(mlops.drop_model(model)) AS dropped FROM mlops.models WHERE owner IN ('regress_mlops_alice', 'regress_mlops_mallory');
SELECT changed FROM mlops.revoke_model(NULL, 'regress_mlops_auditor', 'audit');
DROP SCHEMA deputy_test CASCADE;
DROP ROLE regress_mlops_mallory, regress_mlops_alice, regress_mlops_auditor;
