-- trees for people: text, Graphviz, SQL; importance
CREATE SCHEMA trees_text;
SET search_path = trees_text;
SET client_min_messages = warning;
\set VERBOSITY terse

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE rows AS
SELECT i AS id, i * 7919 % 1000 / 10.0::float8 AS x,
       CASE WHEN i % 11 = 0 THEN NULL WHEN i % 13 = 0 THEN 'NaN' ELSE i * 104729 % 977 / 100.0::float8 END AS "Y y",
       CASE WHEN i % 17 <> 0 THEN 'it''s ' || i * 31 % 23 END AS c,
       ('{sad,ok,happy}'::mood[])[1 + i % 3] AS m, i % 5 = 0 AS b, DATE '2020-01-01' + i * 37 % 900 AS d,
       TIMESTAMP '1960-01-01' + i * 7919 % 100000 * INTERVAL '3601.123457 s' AS t,
       TIMESTAMPTZ '2001-01-01 00:00+00' - i * 101 % 9999 * INTERVAL '0.37 s' AS tz,
       ARRAY[i % 7, nullif(i % 4, 2)]::float8[] AS arr, (i % 50)::char(5) AS ch, (i % 200)::smallint AS small,
       i::numeric / 7 AS num
  FROM generate_series(1, 1500) i;
ALTER TABLE rows ADD y float8, ADD yes boolean, ADD kind text;
UPDATE rows SET y = x / 10 + coalesce(nullif("Y y", 'NaN'), -3) + CASE WHEN c IN ('it''s 3', 'it''s 7') THEN 4 ELSE 0 END +
                    CASE WHEN c IS NULL THEN 3 ELSE 0 END + b::int + coalesce(arr[2], 9) + extract(day FROM d) / 10 +
                    (t > '1962-01-01')::int * 5 + (tz > '2000-12-31 23:30+00')::int * 2 + (m = 'ok')::int +
                    ch::int / 30.0 + small / 50.0 + num / 100 + sin(id);
UPDATE rows SET yes = y > 18, kind = CASE WHEN y > 20 THEN 'hi' WHEN y > 15 THEN 'mid' ELSE 'lo' END;

-- rows unlike those of the training: unseen categories, nothing but NULL
CREATE TABLE others AS TABLE rows;
INSERT INTO others SELECT -id, x, "Y y", 'unseen', m, b, d, t, tz, arr, 'zz', small, num FROM rows WHERE id <= 100;
INSERT INTO others (id) VALUES (0);

-- the SQL expression says what predict() says, bit for bit, for each type of column alone and for all
CREATE FUNCTION differing(model text) RETURNS TABLE (n bigint, answered bigint, differing bigint, beyond_rounding bigint)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT count(*), count(p), count(*) FILTER (WHERE p IS DISTINCT FROM q),
                                        count(*) FILTER (WHERE (p IS NULL) <> (q IS NULL) OR abs(p - q) > 1e-14)
                                   FROM (SELECT mlops.predict(%L, o) AS p, %s AS q FROM others o) s', model, mlops.tree_sql(model));
END $$;
SELECT f AS feature, s.*
  FROM unnest('{x,"Y y",c,m,b,d,t,tz,arr,ch,small,num}'::name[]) WITH ORDINALITY u(f, i),
       LATERAL (SELECT version FROM mlops.train('tt_' || i, 'rows', 'y', 'decision_tree', ARRAY[f], '{"max_depth": 4}')) v,
       LATERAL differing('tt_' || i || ':' || v.version) s;
SELECT version FROM mlops.train('tt_sum', 'rows', 'y', 'gradient_boosting',
                                '{x,"Y y",c,m,b,d,t,tz,arr,ch,small,num}', '{"n_estimators": 10, "max_leaves": 15}');
SELECT version FROM mlops.train('tt_mean', 'rows', 'y', 'random_forest',
                                '{x,"Y y",c,m,b,d,t,tz,arr,ch,small,num}', '{"n_estimators": 4, "max_depth": 6}');
SELECT version FROM mlops.train('tt_skip', 'rows', 'y', 'decision_tree', '{x,"Y y",c,arr,d}', '{"max_depth": 6, "missing": "skip"}');
SELECT version FROM mlops.train('tt_log', 'rows', 'yes', 'gradient_boosting', '{x,"Y y",c,m,b,d,t,tz,arr,ch,small,num}',
                                '{"n_estimators": 5, "max_leaves": 15}');
SELECT * FROM differing('tt_sum');
SELECT * FROM differing('tt_mean');
SELECT * FROM differing('tt_skip');
-- exp() is the server's: the last digit may differ
SELECT n, answered, beyond_rounding FROM differing('tt_log');

-- a small tree
CREATE TABLE small AS SELECT i AS a, CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END AS parity,
                             CASE WHEN i <= 40 THEN 1.5 WHEN i % 2 = 0 THEN 4 ELSE 9 END::float8 AS y
                        FROM generate_series(1, 100) i;
SELECT version FROM mlops.train('tt_small', 'small', 'y', 'decision_tree', '{a,parity}', '{"max_depth": 2}',
                                validation => '{"method": "none"}');
SELECT mlops.tree_text('tt_small');
SELECT mlops.tree_dot('tt_small');
SELECT mlops.tree_sql('tt_small');
SELECT feature, round(importance::numeric, 4) AS importance FROM mlops.importance('tt_small');
SELECT feature, importance FROM mlops.importance('tt_small', 'split');
SELECT feature, importance FROM mlops.importance('tt_small', method => 'cover');
SELECT abs(sum(importance) - 1) < 1e-12 AS sums_to_1, count(*) FROM mlops.importance('tt_sum');

-- shares of classes
SELECT version FROM mlops.train('tt_kind', 'rows', 'kind', 'random_forest', '{x,c}', '{"n_estimators": 3, "max_depth": 3}');
SELECT count(*) > 0 AS has_shares FROM regexp_split_to_table(mlops.tree_text('tt_kind', 3), '\n') line
 WHERE line ~ ': hi [\d.e-]+, lo [\d.e-]+, mid [\d.e-]+, cover \d';

-- trees as rows
SELECT tree, node, parent, feature, threshold, categories, left_child AS "left", right_child AS "right", missing_child AS missing,
       value, gain > 0 AS gains, cover FROM mlops.trees('tt_small') ORDER BY node;
SELECT bool_and(cover = child.sum) AS covers_add_up FROM mlops.trees('tt_sum') s,
       LATERAL (SELECT sum(cover) FROM mlops.trees('tt_sum') c WHERE c.tree = s.tree AND c.parent = s.node) child
 WHERE left_child IS NOT NULL AND tree <= 3;

-- the rows and nothing else give what predict() answers: a walk in SQL, values as numbers as the model has them
CREATE TABLE slots AS
SELECT id, o AS whole, jsonb_build_object('x', x, 'Y y', nullif("Y y", 'NaN'), 'c', c, 'm', m, 'b', b::int, 'd', d - DATE '1970-01-01',
       't', extract(epoch FROM t), 'tz', extract(epoch FROM tz), 'arr[1]', arr[1], 'arr[2]', arr[2], 'ch', rtrim(ch), 'small', small, 'num', num) AS x
  FROM others o WHERE id < 300;
CREATE FUNCTION walked(model text) RETURNS TABLE (id int, tree int, class text, value float8, outputs float8[])
LANGUAGE sql AS $$
WITH RECURSIVE trees AS MATERIALIZED (SELECT t.tree, t.node, t.feature, t.threshold, t.categories, t.left_child, t.right_child, t.missing_child,
                                             t.class, t.value, t.outputs FROM mlops.trees(model) t),
walk(id, x, tree, node) AS (
    SELECT s.id, s.x, t.tree, 1 FROM slots s CROSS JOIN (SELECT DISTINCT trees.tree FROM trees) t
    UNION ALL
    SELECT w.id, w.x, w.tree, CASE WHEN w.x->>t.feature IS NULL THEN t.missing_child
                                   WHEN t.categories IS NOT NULL AND w.x->>t.feature = ANY (t.categories)
                                     OR (CASE WHEN t.threshold IS NOT NULL THEN (w.x->>t.feature)::float8 END) <= t.threshold THEN t.left_child
                                   ELSE t.right_child END
      FROM walk w JOIN trees t USING (tree, node) WHERE t.feature IS NOT NULL)
SELECT w.id, w.tree, t.class, t.value, t.outputs FROM walk w JOIN trees t USING (tree, node) WHERE t.feature IS NULL $$;
SELECT version FROM mlops.train('tt_classes', 'rows', 'kind', 'gradient_boosting', '{x,c,arr}', '{"n_estimators": 3, "max_leaves": 7}');
SELECT count(*), count(*) FILTER (WHERE mlops.predict('tt_sum', whole) IS DISTINCT FROM q.sum) AS differing
  FROM slots JOIN (SELECT id, sum(v ORDER BY tree) AS sum
                     FROM (SELECT id, tree, value AS v FROM walked('tt_sum')
                           UNION ALL SELECT id, 0, (mlops.describe('tt_sum')->'model'->>'base')::float8 FROM slots) s GROUP BY id) q USING (id);
SELECT count(*), count(*) FILTER (WHERE mlops.predict('tt_mean', whole) IS DISTINCT FROM q.mean) AS differing
  FROM slots JOIN (SELECT id, sum(value ORDER BY tree) / count(*) AS mean
                     FROM walked('tt_mean') GROUP BY id) q USING (id);
SELECT count(*), count(*) FILTER (WHERE (mlops.proba('tt_kind', whole)->>'lo')::float8 IS DISTINCT FROM q.mean) AS differing
  FROM slots JOIN (SELECT id, sum(outputs[2] ORDER BY tree) / count(*) AS mean
                     FROM walked('tt_kind') GROUP BY id) q USING (id);
SELECT count(*), count(*) FILTER (WHERE abs((mlops.proba('tt_classes', whole)->>'mid')::float8 - q.p) > 1e-14) AS differing
  FROM slots JOIN (SELECT id, exp(max(s) FILTER (WHERE class = 'mid')) / sum(exp(s)) AS p
                     FROM (SELECT id, class, (mlops.describe('tt_classes')->'model'->'base'->>class)::float8 + sum(value) AS s
                             FROM walked('tt_classes') GROUP BY id, class) c GROUP BY id) q USING (id);
SELECT count(*), count(missing_child) FROM mlops.trees('tt_skip') WHERE feature IS NOT NULL AND tree = 1 HAVING count(missing_child) > 0;

-- a model as a value has the same rows
CREATE TABLE fitted AS SELECT mlops.fit('decision_tree', y, ARRAY[a]::float8[], '{"max_depth": 1}') AS model FROM small;
SELECT t.node, t.feature, t.threshold, t.left_child, t.right_child, round(t.value::numeric, 6) AS value, t.cover FROM fitted, mlops.trees(model) t ORDER BY t.node;

-- errors
SELECT * FROM mlops.trees(NULL::text);
SELECT mlops.tree_text('tt_small', 2);
SELECT mlops.tree_text('tt_small', 0);
SELECT mlops.tree_dot('tt_small', NULL);
SELECT mlops.tree_sql('tt_kind');
SELECT * FROM mlops.importance('tt_small', 'magic');
SELECT version FROM mlops.train('tt_line', 'small', 'y', 'linear_regression', '{a}');
SELECT mlops.tree_text('tt_line');
SELECT * FROM mlops.trees('tt_line');
SELECT * FROM mlops.importance('tt_line');

DROP SCHEMA trees_text CASCADE;
SELECT count(mlops.drop_model(model)) FROM mlops.models WHERE model LIKE 'tt\_%';
