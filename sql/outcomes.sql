-- record_outcomes(): what became of what was predicted, from a table or a query.
SET client_min_messages = warning;
CREATE TABLE oc_rows AS SELECT i AS id, i * 0.5 AS a, i * 2.5 AS y, i % 3 = 0 AS hit FROM generate_series(1, 3000) i;
SELECT version FROM mlops.train('oc', 'SELECT a, y FROM oc_rows WHERE id <= 200', 'y', 'linear_regression');
SELECT version FROM mlops.train('oc_hit', 'SELECT a, hit FROM oc_rows WHERE id <= 200', 'hit', 'decision_tree');
RESET client_min_messages;
CREATE TABLE oc_truth (key text, actual numeric, seen timestamp);
INSERT INTO oc_truth SELECT id, y, '2024-01-01'::timestamp + id * interval '1 minute' FROM oc_rows;

-- the columns' names are the defaults; the same again changes nothing
SELECT * FROM mlops.record_outcomes('oc', 'oc_truth');
SELECT * FROM mlops.record_outcomes('oc', 'oc_truth');
UPDATE oc_truth SET actual = actual + 1 WHERE key::int <= 30;
INSERT INTO oc_truth SELECT 'new ' || i, i FROM generate_series(1, 20) i;
INSERT INTO oc_truth VALUES (NULL, 1), ('unknown', NULL), ('nan', 'NaN');
SELECT * FROM mlops.record_outcomes('oc', 'oc_truth', at => 'seen');
SELECT * FROM mlops.record_outcomes('oc', 'oc_truth', at => 'seen');
SELECT count(*), count(*) FILTER (WHERE o.actual_value IS DISTINCT FROM t.actual) AS other FROM mlops.outcomes o JOIN oc_truth t USING (key) WHERE o.model = 'oc';
SELECT at = '2024-01-01 00:07' AS changed, actual_value FROM mlops.outcomes WHERE model = 'oc' AND key = '7';
SELECT at > now() - interval '1 hour' AS now, actual_value FROM mlops.outcomes WHERE model = 'oc' AND key = '700';
-- a query, columns by name; labels as training saw them; the last row of a key counts
SELECT * FROM mlops.record_outcomes('oc_hit', 'SELECT id, hit, id AS again FROM oc_rows ORDER BY id', 'id', 'hit');
SELECT actual_label, count(*) FROM mlops.outcomes WHERE model = 'oc_hit' GROUP BY 1 ORDER BY 1;
SELECT rows, new, changed, unchanged FROM mlops.record_outcomes('oc_hit', $$SELECT 'twice' AS key, v AS actual FROM unnest(ARRAY[true, false]) WITH ORDINALITY AS u (v, n) ORDER BY n$$);
SELECT actual_label FROM mlops.outcomes WHERE model = 'oc_hit' AND key = 'twice';
SELECT rows, new FROM mlops.record_outcomes('oc_hit', 'SELECT key, actual_label AS actual FROM mlops.outcomes WHERE model = ''oc_hit''');
SELECT rows FROM mlops.record_outcomes('oc', 'SELECT 1 AS key, 2 AS actual WHERE false');
-- refused
SELECT mlops.record_outcomes('oc', 'SELECT 1 AS key, ''x''::text AS actual');
SELECT mlops.record_outcomes('oc', 'SELECT 1 AS key, ''infinity''::float8 AS actual');
SELECT mlops.record_outcomes('oc', 'SELECT 1 AS k, 1 AS actual');
SELECT mlops.record_outcomes('oc', 'SELECT 1 AS key, 1 AS actual, 1 AS at', at => 'at');
SELECT mlops.record_outcomes('oc', 'SELECT 1 AS key, 1 AS actual, ''infinity''::timestamptz AS at', at => 'at');
SELECT mlops.record_outcomes('oc', 'no_such_table');
SELECT mlops.record_outcomes('oc', 'DELETE FROM oc_truth RETURNING *');
SELECT mlops.record_outcomes('oc', NULL);
SELECT mlops.record_outcomes('oc@champion', 'oc_truth');
SELECT mlops.record_outcomes('no_such', 'oc_truth');
BEGIN READ ONLY;
SELECT mlops.record_outcomes('oc', 'oc_truth');
ROLLBACK;
-- an error leaves nothing of it
SELECT mlops.record_outcomes('oc', 'SELECT ''partial '' || i AS key, 1 / (2500 - i) AS actual FROM generate_series(1, 3000) i');
SELECT count(*) FROM mlops.outcomes WHERE key LIKE 'partial%';

-- the source is read by the caller, with the caller's rights and rows; nothing of it runs as the owner
CREATE ROLE regress_mlops_oc;
SELECT count(mlops.grant_model('oc', 'regress_mlops_oc', p)) FROM unnest('{train,logs}'::text[]) p;
SET ROLE regress_mlops_oc;
SELECT mlops.record_outcomes('oc', 'oc_truth');
RESET ROLE;
GRANT SELECT ON oc_truth TO regress_mlops_oc;
ALTER TABLE oc_truth ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON oc_truth FOR SELECT TO regress_mlops_oc USING (key = '5');
CREATE FUNCTION oc_who(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN IF current_user <> 'regress_mlops_oc' THEN RAISE EXCEPTION 'run by %', current_user; END IF; RETURN $1; END $$;
SET ROLE regress_mlops_oc;
SELECT rows FROM mlops.record_outcomes('oc', 'oc_truth');
SELECT rows, new FROM mlops.record_outcomes('oc', 'SELECT oc_who(''mine '' || i) AS key, i AS actual FROM generate_series(1, 2500) i');
SELECT mlops.record_outcomes('oc_hit', 'oc_truth');
RESET ROLE;
SELECT recorded_by, count(*) FROM mlops.outcomes WHERE model = 'oc' AND key LIKE 'mine%' GROUP BY 1;

SELECT sum((mlops.drop_model(m)).versions) FROM unnest('{oc,oc_hit}'::text[]) m;
DROP TABLE oc_rows, oc_truth;
DROP FUNCTION oc_who(text);
DROP ROLE regress_mlops_oc;
