-- The prediction log: what score() answers, and what it leaves behind.
SET client_min_messages = warning;
CREATE TABLE pl_rows AS
SELECT i AS id, i * 0.5 AS a, CASE WHEN i % 10 = 0 THEN NULL ELSE i % 7 END AS b, 'c' || i % 3 AS c, i % 2 = 0 AS f,
       date '2020-01-01' + i AS d, timestamp '2020-01-01 00:00:00.25' + i * interval '1 hour' AS ts,
       timestamptz '2020-01-01 00:00:00+00' + i * interval '1 minute' AS tz, ARRAY[i, i / 4.0]::float8[] AS v,
       i * 2.5 AS y, (ARRAY['red', 'green', 'blue'])[1 + i % 3] AS colour, i % 3 = 0 AS hit
  FROM generate_series(1, 300) i;
SELECT version FROM mlops.train('pl', 'SELECT a, b, c, f, d, ts, tz, v, y FROM pl_rows', 'y', 'linear_regression', options => '{"missing": "mean"}');
SELECT version FROM mlops.train('pl', 'SELECT a, b, c, f, d, ts, tz, v, y FROM pl_rows', 'y', 'decision_tree', alias => 'challenger');
SELECT version FROM mlops.train('pl_colour', 'SELECT a, c, colour FROM pl_rows', 'colour', 'decision_tree');
SELECT version FROM mlops.train('pl_hit', 'SELECT a, c, hit FROM pl_rows', 'hit', 'decision_tree');
RESET client_min_messages;

-- a row of a table, jsonb and an array; the answer is that of predict()
SELECT count(*), bool_and(s.value = mlops.predict('pl', t)) AS same, count(s.label) AS labels, min(s.version) AS version,
       min(s.variant) AS variant, count(DISTINCT s.prediction_id) AS ids
  FROM pl_rows t, LATERAL mlops.score('pl', t, t.id::text) s;
SELECT count(*), bool_and(p.value = mlops.predict('pl', t)) AS same_value, bool_and(p.features - 'tz' = to_jsonb(t) - '{id,y,colour,hit,tz}'::text[] AND (p.features ->> 'tz')::timestamptz = t.tz) AS same_features,
       bool_and(p.at BETWEEN now() - interval '1 hour' AND clock_timestamp()) AS now, bool_and(p.latency_us >= 0) AS latency, bool_or(p.shadow) AS shadow, min(p.caller) = current_user AS caller
  FROM mlops.predictions p JOIN pl_rows t ON t.id::text = p.key WHERE p.model = 'pl';
SELECT p.features FROM mlops.predictions p WHERE p.model = 'pl' AND p.key = '10';
SELECT s.value, s.label, s.version, s.variant FROM mlops.score('pl_colour', '{"a": 1.1, "c": "new"}'::jsonb) s;
SELECT s.value, s.label, s.version, s.variant FROM mlops.score('pl_hit:1', '{"a": 3, "c": null}'::jsonb, 'by version') s;
SELECT s.value, s.label, s.version, s.variant FROM mlops.score('pl_hit@champion', '{"a": -1e300, "c": "c0"}'::jsonb, 'by alias') s;
SELECT model, version, variant, key, value, label, probabilities, features FROM mlops.predictions WHERE model <> 'pl' ORDER BY prediction;
SELECT s FROM mlops.score('pl', NULL::jsonb) s;
SELECT s FROM mlops.score('pl', ARRAY[1, 2]::float8[]) s;
SELECT s FROM mlops.score(NULL, '{}'::jsonb) s;
SELECT s FROM mlops.score('no_such', '{}'::jsonb) s;

-- numbers come back bit by bit
CREATE TABLE pl_numbers AS SELECT i AS id, u.x FROM unnest('{0,-0,1,8,9,255,256,-1,32767,32768,-32768,-32769,2147483647,2147483648,-2147483648,0.5,0.1,1e-320,1.7976931348623157e308,3.4028235e38,16777217,NaN,NULL}'::float8[]) WITH ORDINALITY AS u (x, i);
SET client_min_messages = warning;
SELECT version FROM mlops.train('pl_number', 'SELECT i::float8 AS x, i * 2 AS y FROM generate_series(1, 40) i', 'y', 'decision_tree');
RESET client_min_messages;
SELECT count(s.value) FROM pl_numbers n, LATERAL mlops.score('pl_number', n, n.id::text) s;
SELECT key, features ->> 'x' AS x FROM mlops.predictions WHERE model = 'pl_number' AND (features ->> 'x')::float8 IS DISTINCT FROM (SELECT nullif(x, 'NaN') FROM pl_numbers n WHERE n.id = key::bigint) ORDER BY prediction;
SELECT max(length(features)) AS bytes, min(length(features)) AS least FROM mlops_private.prediction WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'pl_number');
-- bytes that are no features
SELECT mlops_private.logged_features(model_id, 1, '') FROM mlops_private.model WHERE name = 'pl_number';
SELECT mlops_private.logged_features(model_id, 1, '\x0110') FROM mlops_private.model WHERE name = 'pl_number';
SELECT mlops_private.logged_features(model_id, 1, '\x02') FROM mlops_private.model WHERE name = 'pl_number';
SELECT mlops_private.logged_features(model_id, 1, '\x0200') FROM mlops_private.model WHERE name = 'pl_number';
SELECT mlops_private.logged_features(model_id, 1, '\x02070a') FROM mlops_private.model WHERE name = 'pl_number';
SELECT mlops_private.logged_features(model_id, 1, '\x0200000000000000f07f') FROM mlops_private.model WHERE name = 'pl_number';
SELECT mlops_private.logged_features(model_id, 1, '\x0297') FROM mlops_private.model WHERE name = 'pl_hit';
SELECT mlops_private.logged_features(model_id, 1, '\x02e7ffffffff') FROM mlops_private.model WHERE name = 'pl_hit';
SELECT mlops_private.logged_features(model_id, 1, '\x02e7ff') FROM mlops_private.model WHERE name = 'pl_hit';
SELECT mlops_private.logged_features(model_id, 1, '\x02f9') FROM mlops_private.model WHERE name = 'pl_hit';
SELECT mlops_private.logged_features(model_id, 1, convert_to(E'\x02\x66' || repeat('f', 40), 'UTF8')) FROM mlops_private.model WHERE name = 'pl';
SELECT mlops_private.logged_features(model_id, 99, '\x0200') FROM mlops_private.model WHERE name = 'pl_hit';

-- routes: the key decides, shadows are logged and not returned, without a key it is the champion
SELECT split, shadow FROM mlops.route('pl', '{"champion": 0.5, "challenger": 0.5}');
SELECT s.variant, s.version, count(*) > 100 AS many, bool_and(s.variant = mlops.variant_of('pl', t.id::text)) AS by_key,
       bool_and(s.value = mlops.predict('pl@' || s.variant, t)) AS same
  FROM pl_rows t, LATERAL mlops.score('pl', t, t.id::text) s GROUP BY 1, 2 ORDER BY 1;
SELECT DISTINCT s.variant FROM pl_rows t, LATERAL mlops.score('pl', t) s;
SELECT split, shadow FROM mlops.route('pl', '{"champion": 1}', '{challenger}');
SELECT count(*), count(DISTINCT s.variant) AS variants FROM pl_rows t, LATERAL mlops.score('pl', t, 'shadow ' || t.id) s;
SELECT p.variant, p.version, p.shadow, count(*), bool_and(p.value = mlops.predict('pl@' || p.variant, t)) AS same
  FROM mlops.predictions p JOIN pl_rows t ON p.key = 'shadow ' || t.id GROUP BY 1, 2, 3 ORDER BY 1;
SELECT split FROM mlops.route('pl', NULL);

-- rows wait: a plain SELECT may lag, our functions see them, and more than 1,000 are written at once
CREATE FUNCTION pg_temp.logged(prefix text) RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT count(*) FROM mlops.predictions WHERE key LIKE prefix || '%' $$;
BEGIN;
SELECT pg_temp.logged('wait') AS before, count(mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'wait ' || i)) AS scored FROM generate_series(1, 10) i;
SELECT pg_temp.logged('wait') AS at_once;
SELECT mlops.log_features(s.prediction_id) FROM mlops.score('pl_hit', '{"a": 2, "c": "c1"}'::jsonb, 'wait') s;
SELECT pg_temp.logged('wait') AS written;
SELECT count(mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'many ' || i)) AS scored FROM generate_series(1, 6500) i;
SELECT pg_temp.logged('many') AS written;
COMMIT;
SELECT pg_temp.logged('wait') AS waited, pg_temp.logged('many') AS many;
-- every row is in the indexes of its partition
SET enable_seqscan = off;
SELECT count(*) FROM mlops_private.prediction WHERE key = 'many 6500';
SELECT count(*) FROM mlops_private.prediction p WHERE prediction_id = (SELECT max(prediction_id) FROM mlops_private.prediction);
RESET enable_seqscan;

-- a savepoint takes its own rows with it, whether or not they were written, and nobody else's
BEGIN;
SELECT (mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'save 1 stays')).version;
SAVEPOINT one;
SELECT (mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'save 2 goes')).version;
SAVEPOINT two;
SELECT (mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'save 3 goes')).version;
RELEASE two;
SELECT mlops.log_features(s.prediction_id) IS NOT NULL AS flushed FROM mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'save 4 goes') s;
SELECT pg_temp.logged('save') AS in_savepoint;
ROLLBACK TO one;
SELECT pg_temp.logged('save') AS after_rollback;
SELECT (mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'save 5 stays')).version;
SAVEPOINT three;
SELECT mlops.log_features(s.prediction_id) IS NOT NULL AS flushed FROM mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'save 6 stays') s;
RELEASE three;
SELECT mlops.log_features(s.prediction_id) IS NOT NULL AS flushed FROM mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'save 7 stays') s;
SELECT (mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'save 8 stays')).version;
COMMIT;
SELECT key FROM mlops.predictions WHERE key LIKE 'save%' ORDER BY prediction;
DO $$ BEGIN
	FOR i IN 1..1500 LOOP
		BEGIN
			PERFORM mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'block ' || i);
			IF i % 3 = 0 THEN RAISE division_by_zero; END IF;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT key) AS keys, count(*) FILTER (WHERE substr(key, 7)::int % 3 = 0) AS undone FROM mlops.predictions WHERE key LIKE 'block%';
BEGIN;
SELECT count(mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'rolled ' || i)) FROM generate_series(1, 1200) i;
ROLLBACK;
SELECT pg_temp.logged('rolled') AS rolled_back;

-- where nothing can be written it answers and does not log
BEGIN READ ONLY;
SELECT value, version, prediction_id FROM mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'read-only');
COMMIT;
SELECT pg_temp.logged('read-only') AS logged;

-- personal data is left out
CREATE TABLE pl_people AS SELECT i AS id, 20 + i % 50 AS age, 'street ' || i % 4 AS home, i % 9 AS n, i * 0.5 AS y FROM generate_series(1, 200) i;
SELECT mlops.label_column('pl_people', 'age', 'pii:age') IS NOT NULL AS labelled, mlops.label_column('pl_people', 'home', 'pii') IS NOT NULL AS labelled;
SET client_min_messages = warning;
SELECT version FROM mlops.train('pl_person', 'SELECT n, y FROM pl_people', 'y', 'decision_tree');
SELECT changed FROM mlops.set_policy('pl_person', '{"allow_pii": true}');
SELECT version FROM mlops.train('pl_person', 'SELECT age, home, n, y FROM pl_people', 'y', 'decision_tree', features => '{age,home,n}', alias => 'champion');
RESET client_min_messages;
SELECT count(s.value) FROM pl_people p, LATERAL mlops.score('pl_person', p, p.id::text) s;
SELECT DISTINCT features - 'n' AS features FROM mlops.predictions WHERE model = 'pl_person';
SELECT min(length(features)), max(length(features)) FROM mlops_private.prediction WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'pl_person');

-- labels that came after training count too, through views, expressions and other names, from the next statement on
CREATE VIEW pl_shown AS SELECT p.n * 2 AS twice, p.age + 1 AS years, p.n AS m, p.y FROM pl_people p;
SECURITY LABEL FOR mlops ON COLUMN pl_people.age IS NULL;
SET client_min_messages = warning;
SELECT version FROM mlops.train('pl_later', 'SELECT twice, years, m, y FROM pl_shown', 'y', 'decision_tree');
RESET client_min_messages;
CREATE FUNCTION pg_temp.keys(k text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(e.key || ' ' || CASE WHEN e.value @> '{"withheld": true}' THEN 'withheld' ELSE 'kept' END, ', ' ORDER BY e.key) FROM mlops.predictions p, jsonb_each(p.features) e WHERE p.key = k
$$;
CREATE FUNCTION pg_temp.later(k text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (mlops.score('pl_later', '{"twice": 2, "years": 30, "m": 1}'::jsonb, k)).version; END $$;
SELECT pg_temp.later('later 1');
SELECT pg_temp.keys('later 1');
SECURITY LABEL FOR mlops ON COLUMN pl_people.age IS 'pii:age';
SELECT pg_temp.later('later 2');
SELECT pg_temp.keys('later 2');
BEGIN;
SELECT pg_temp.later('later 3'), mlops.label_column('pl_people', 'n', 'pii') IS NOT NULL AS labelled;
SELECT pg_temp.later('later 4');
COMMIT;
SELECT pg_temp.keys('later 3'), pg_temp.keys('later 4');
SECURITY LABEL FOR mlops ON COLUMN pl_people.n IS NULL;
SELECT pg_temp.later('later 5');
SELECT pg_temp.keys('later 5');
-- a table that a row comes from speaks for its columns, whatever the model was trained on
CREATE TABLE pl_other (twice int, years int, m int);
INSERT INTO pl_other VALUES (1, 2, 3);
SECURITY LABEL FOR mlops ON COLUMN pl_other.m IS 'pii';
SELECT s.version FROM pl_other o, LATERAL mlops.score('pl_later', o, 'later 6') s;
SELECT pg_temp.keys('later 6');
DROP VIEW pl_shown;
DROP TABLE pl_other;

-- outcomes: a number for a regression, else the class; the same again changes nothing
SELECT o.key, o.actual, o.changed FROM mlops.record_outcome('pl', '7', 17.5) o;
SELECT o.changed FROM mlops.record_outcome('pl', '7', 17.5) o;
SELECT o.actual, o.changed, o.at = '2026-01-01' AS at FROM mlops.record_outcome('pl', '7', 18, '2026-01-01') o;
SELECT o.key, o.actual, o.changed FROM mlops.record_outcome('pl_hit', 'by version', 'true') o;
SELECT o.key, o.actual, o.changed FROM mlops.record_outcome('pl_hit', 'never scored', 1) o;
SELECT mlops.record_outcome('pl', '7', 'high');
SELECT mlops.record_outcome('pl', '7', 'NaN'::float8);
SELECT mlops.record_outcome('pl', NULL, 1);
SELECT mlops.record_outcome('pl', '7', 1, 'infinity');
SELECT model, key, actual_value, actual_label, version, variant, label, shadow, prediction IS NOT NULL AS predicted FROM mlops.outcomes ORDER BY model, key, prediction;

-- erasure: by key, also what waits, but not of a model on hold
BEGIN;
SELECT place, status, items FROM mlops.erase_subject('7') WHERE place ~ 'outcomes';
SELECT count(*) FROM mlops.predictions WHERE key = '7';
SELECT (mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'Jane')).version, (mlops.score('pl_colour', '{"a": 1, "c": "c1"}'::jsonb, 'Jane')).version;
SELECT hold > 0 AS placed FROM mlops.place_hold('model', 'pl_hit', 'case 12');
SELECT place, status, items FROM mlops.erase_subject('Jane') WHERE place ~ 'outcomes';
SELECT model FROM mlops.predictions WHERE key = 'Jane';
ROLLBACK;

-- rights: predict to score, logs to read; nobody reads a partition
CREATE ROLE regress_mlops_scorer;
CREATE ROLE regress_mlops_reader;
SELECT count(mlops.grant_model('pl_hit', r::name, p)) FROM (VALUES ('regress_mlops_scorer', 'predict'), ('regress_mlops_reader', 'logs')) AS g (r, p);
SET ROLE regress_mlops_scorer;
SELECT value, version, variant FROM mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb, 'by scorer');
SELECT count(*) FROM mlops.predictions;
SELECT mlops.log_features(1);
SELECT mlops.score('pl', '{"a": 1}'::jsonb);
SELECT count(*) FROM mlops_private.prediction_default;
SET ROLE regress_mlops_reader;
SELECT mlops.score('pl_hit', '{"a": 1, "c": "c1"}'::jsonb);
SELECT DISTINCT model FROM mlops.predictions;
SELECT caller, value, probabilities, features FROM mlops.predictions WHERE key = 'by scorer';
SELECT mlops.log_features(prediction) FROM mlops.predictions WHERE key = 'by scorer';
SELECT mlops.log_features(1);
SELECT mlops.log_features(-1);
RESET ROLE;

SELECT sum((mlops.drop_model(m)).versions) FROM unnest('{pl,pl_colour,pl_hit,pl_later,pl_number,pl_person}'::text[]) m;
SELECT count(*) FROM mlops.predictions WHERE model LIKE 'pl%';
-- what they logged outlives them
DELETE FROM mlops_private.prediction WHERE model_id NOT IN (SELECT model_id FROM mlops_private.model);
DROP TABLE pl_rows, pl_numbers, pl_people;
DROP ROLE regress_mlops_scorer, regress_mlops_reader;
