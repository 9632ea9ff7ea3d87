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

-- errors
SELECT mlops.tree_text('tt_small', 2);
SELECT mlops.tree_text('tt_small', 0);
SELECT mlops.tree_dot('tt_small', NULL);
SELECT mlops.tree_sql('tt_kind');
SELECT * FROM mlops.importance('tt_small', 'magic');
SELECT version FROM mlops.train('tt_line', 'small', 'y', 'linear_regression', '{a}');
SELECT mlops.tree_text('tt_line');
SELECT * FROM mlops.importance('tt_line');

DROP SCHEMA trees_text CASCADE;
SELECT count(mlops.drop_model(model)) FROM mlops.models WHERE model LIKE 'tt\_%';
