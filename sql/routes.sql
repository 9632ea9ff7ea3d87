-- Routes: the same key has the same alias, and a change of shares moves no more keys than it must.
SET client_min_messages = warning;
SELECT count(*) FROM generate_series(1, 4) v,
	LATERAL mlops.train('routed', format('SELECT x, %s + x AS y FROM generate_series(1, 40) x', 1000 * v), 'y', 'linear_regression');
RESET client_min_messages;
SELECT (mlops.set_alias('routed', a, v)).version FROM (VALUES ('challenger', 2), ('third', 3), ('fourth', 4)) AS t (a, v);

CREATE TEMP TABLE keys AS SELECT i::text AS key, mlops.variant_of('routed', i::text) AS arm FROM generate_series(1, 10000) i;
CREATE FUNCTION pg_temp.changes() RETURNS TABLE (was text, is_now text, keys bigint) LANGUAGE sql AS $$
	WITH moved AS (UPDATE keys k SET arm = mlops.variant_of('routed', k.key) FROM keys o WHERE o.key = k.key RETURNING o.arm AS was, k.arm AS is_now)
	SELECT was, is_now, count(*) FROM moved GROUP BY 1, 2 ORDER BY 1, 2 $$;
SELECT arm, count(*) FROM keys GROUP BY arm;

-- a canary in steps: only what is added moves, and what is taken back returns
SELECT * FROM mlops.route('routed', '{"champion": 0.9, "challenger": 0.1}');
SELECT * FROM pg_temp.changes();
SELECT * FROM mlops.route('routed', '{"champion": 0.8, "challenger": 0.2}', shadow => '{third}');
SELECT * FROM pg_temp.changes();
SELECT * FROM mlops.route('routed', '{"champion": 0.5, "challenger": 0.5}');
SELECT * FROM pg_temp.changes();
SELECT * FROM mlops.route('routed', '{"champion": 0.9, "challenger": 0.1}');
SELECT * FROM pg_temp.changes();
-- the same again changes nothing
SELECT moved FROM mlops.route('routed', '{"champion": 0.9, "challenger": 0.1}');
SELECT * FROM pg_temp.changes() WHERE was <> is_now;
-- a third arm takes from the one that shrinks; a shadow that becomes an arm is no shadow any more
SELECT * FROM mlops.route('routed', '{"champion": 0.6, "challenger": 0.1, "third": 0.3}');
SELECT * FROM pg_temp.changes();
-- an arm leaves: its keys go to those that grow
SELECT * FROM mlops.route('routed', '{"champion": 0.75, "third": 0.25}', shadow => '{challenger,fourth}');
SELECT * FROM pg_temp.changes();
-- an arm of share 0 stands by
SELECT * FROM mlops.route('routed', '{"champion": 0, "third": 1}', shadow => '{}');
SELECT * FROM pg_temp.changes();
-- a new salt starts anew, independent of the old one
SELECT * FROM mlops.route('routed', '{"champion": 0.4, "challenger": 0.3, "third": 0.2, "fourth": 0.1}');
SELECT count(*) FROM pg_temp.changes();
SELECT model, salt, round(moved::numeric, 6) AS moved FROM mlops.route('routed', '{"champion": 0.4, "challenger": 0.3, "third": 0.2, "fourth": 0.1}', salt => 'spring');
SELECT abs(sum(keys) FILTER (WHERE was <> is_now) / 10000 - 0.7) < 0.02 AS as_expected FROM pg_temp.changes();
-- the shares come out: chi-square of 100,000 keys, 3 degrees of freedom, p > 0.001
SELECT sum((n - expected) ^ 2 / expected) < 16.27 AS fair
  FROM (SELECT mlops.variant_of('routed', 'user-' || i) AS arm, count(*) AS n FROM generate_series(1, 100000) i GROUP BY 1) c
  JOIN (VALUES ('champion', 40000.0), ('challenger', 30000), ('third', 20000), ('fourth', 10000)) AS e (arm, expected) USING (arm);
-- and are independent of another salt's: the same table of 4 x 4, 9 degrees of freedom
CREATE TEMP TABLE spring AS SELECT i, mlops.variant_of('routed', 'user-' || i) AS arm FROM generate_series(1, 100000) i;
SELECT moved < 1 AS anew FROM mlops.route('routed', '{"champion": 0.4, "challenger": 0.3, "third": 0.2, "fourth": 0.1}', salt => 'summer');
WITH n AS (SELECT arm AS a, mlops.variant_of('routed', 'user-' || i) AS b, count(*) AS n FROM spring GROUP BY 1, 2),
	m AS (SELECT a, b, n, sum(n) OVER (PARTITION BY a) * sum(n) OVER (PARTITION BY b) / 100000.0 AS expected FROM n)
SELECT count(*), sum((n - expected) ^ 2 / expected) < 27.88 AS independent FROM m;

-- frozen: these answers are the same on every platform and in every release
SELECT moved > 0 AS changed FROM mlops.route('routed', '{"champion": 0.25, "challenger": 0.25, "third": 0.25, "fourth": 0.25}', salt => 'credit');
SELECT key, mlops.variant_of('routed', key) FROM unnest('{1,2,customer-4711,"",été}'::text[]) WITH ORDINALITY AS t (key, n) ORDER BY n;
SELECT md5(string_agg(mlops.variant_of('routed', i::text), ',' ORDER BY i)) FROM generate_series(1, 10000) i;

-- scoring by route
SELECT mlops.variant_of('routed', x::text) AS arm, count(*),
       bool_and(round(mlops.predict('routed@' || mlops.variant_of('routed', x::text), t) - x)
                = CASE mlops.variant_of('routed', x::text) WHEN 'champion' THEN 1000 WHEN 'challenger' THEN 2000 WHEN 'third' THEN 3000 ELSE 4000 END) AS right_version
  FROM (SELECT x FROM generate_series(1, 1000) x) t GROUP BY 1 ORDER BY 1;
-- within a transaction, statement by statement, also where PL/pgSQL keeps the call site
CREATE FUNCTION pg_temp.follow() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen text := '';
	arm text;
BEGIN
	FOR step IN 0 .. 3 LOOP
		arm := mlops.variant_of('routed', 'x');
		seen := seen || ' ' || arm;
		PERFORM mlops.route('routed', jsonb_build_object((ARRAY['champion', 'challenger', 'third', 'fourth'])[step + 1], 1));
		arm := mlops.variant_of('routed', 'x');
		seen := seen || ' ' || arm;
		BEGIN
			PERFORM mlops.route('routed', NULL);
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			arm := mlops.variant_of('routed', 'x');
			seen := seen || ' ' || arm;
		END;
	END LOOP;
	RETURN seen;
END $$;
BEGIN;
SELECT pg_temp.follow();
ROLLBACK;
SELECT model, split, shadow, salt, set_by = current_user AS by_me FROM mlops.routes;

-- many models in one query
SET client_min_messages = warning;
SELECT count(*) FROM generate_series(1, 12) m,
	LATERAL mlops.train('route_' || m, 'SELECT x, x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression', alias => 'other');
RESET client_min_messages;
SELECT count((mlops.route('route_' || m, jsonb_build_object('champion', m / 12.0, 'other', 1 - m / 12.0))).salt) FROM generate_series(1, 12) m WHERE m <> 5;
SELECT m, count(*) FILTER (WHERE mlops.variant_of('route_' || m, i::text) = 'champion') AS champion
  FROM generate_series(1, 200) i, generate_series(1, 12) m GROUP BY m ORDER BY m;
SELECT count((mlops.drop_model('route_' || m)).versions) FROM generate_series(1, 12) m;

-- what a route uses stays
SELECT moved >= 0 AS done FROM mlops.route('routed', '{"champion": 0.5, "challenger": 0.5}', shadow => '{third}');
SELECT mlops.drop_alias('routed', 'challenger');
SELECT mlops.drop_alias('routed', 'third');
SELECT mlops.drop_alias('routed', 'fourth');
SELECT * FROM mlops.rename_model('routed', 'rerouted');
SELECT moved FROM mlops.route('rerouted', '{"champion": 0.5, "challenger": 0.5}');

-- rights: deploy to change, predict to ask, read to see
CREATE ROLE regress_mlops_scorer;
CREATE ROLE regress_mlops_reader;
SELECT mlops.grant_model('rerouted', 'regress_mlops_scorer', 'predict'), mlops.grant_model('rerouted', 'regress_mlops_reader', 'read');
SET ROLE regress_mlops_scorer;
SELECT mlops.variant_of('rerouted', '1') IS NOT NULL AS answered, (SELECT count(*) FROM mlops.routes) AS routes;
SELECT mlops.route('rerouted', NULL);
SET ROLE regress_mlops_reader;
SELECT split FROM mlops.routes;
SELECT mlops.variant_of('rerouted', '1');
SELECT mlops.route('rerouted', NULL);
RESET ROLE;

-- what is refused
SELECT mlops.route('rerouted', '{"champion": 0.5, "challenger": 0.4}');
SELECT mlops.route('rerouted', '{"champion": 0.5, "nothing": 0.5}');
SELECT mlops.route('rerouted', '{"champion": 1}', shadow => '{nothing}');
SELECT mlops.route('rerouted', '{"champion": 1}', shadow => '{third,third}');
SELECT mlops.route('rerouted', '{"champion": 1}', shadow => '{champion}');
SELECT mlops.route('rerouted', '{"champion": 1.5, "challenger": -0.5}');
SELECT mlops.route('rerouted', '{"champion": 0.99999, "challenger": 0.00001}');
SELECT mlops.route('rerouted', '{"champion": "1"}');
SELECT mlops.route('rerouted', '[1]');
SELECT mlops.route('rerouted', '{}');
SELECT mlops.route('rerouted', '{"Champion": 1}');
\set VERBOSITY sqlstate
SELECT mlops.route('rerouted', '{"champion": {"a": 1}}');
SELECT mlops.route('rerouted', '{"champion": 1e400}');
SELECT mlops.route('rerouted', '1');
SELECT mlops.route('rerouted', (SELECT jsonb_object_agg('a' || i, 1 / 65.0) FROM generate_series(1, 65) i));
SELECT mlops.route('rerouted', '{"champion": 1}', shadow => '{NULL}');
SELECT mlops.route('rerouted', '{"champion": 1}', shadow => '{{third,challenger}}');
SELECT mlops.route('rerouted@champion', '{"champion": 1}');
SELECT mlops.route(NULL, '{"champion": 1}');
SELECT mlops.route('nothing', '{"champion": 1}');
SELECT mlops.variant_of('nothing', '1');
SELECT mlops.variant_of('rerouted@champion', '1');
SELECT mlops.variant_of(NULL, '1');
BEGIN READ ONLY;
SELECT mlops.variant_of('rerouted', '1') IS NOT NULL AS answered;
SELECT mlops.route('rerouted', NULL);
ROLLBACK;
\set VERBOSITY default
SELECT mlops.variant_of('rerouted', NULL) IS NULL AS of_null;
SELECT set_config(name, 'on', false) IS NOT NULL FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode');
SELECT count(DISTINCT mlops.variant_of('rerouted', i::text)) FROM generate_series(1, 100) i;
SELECT set_config(name, 'off', false) IS NOT NULL FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode');

-- removed: all keys are the champion's, again and again; every change is in the audit trail with what was before
SELECT * FROM mlops.route('rerouted', NULL);
SELECT * FROM mlops.route('rerouted', NULL);
SELECT DISTINCT mlops.variant_of('rerouted', i::text) FROM generate_series(1, 100) i;
SELECT action, kind, object, payload FROM mlops.audit WHERE action LIKE 'route.%' AND object IN ('routed', 'rerouted') ORDER BY event_id DESC LIMIT 2;
SELECT count(*) FROM mlops.routes;
SELECT moved FROM mlops.route('rerouted', '{"challenger": 1}');
SELECT * FROM mlops.drop_model('rerouted');
SELECT count(*) FROM mlops_private.route;
DROP ROLE regress_mlops_scorer, regress_mlops_reader;
