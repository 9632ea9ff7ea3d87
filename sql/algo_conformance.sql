-- The same questions to every algorithm, also to one added tomorrow.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE TABLE rows AS
SELECT i AS id, (i * 7919) % 101 / 10.0::float8 AS a, CASE WHEN i % 13 > 0 THEN ((i * 104729) % 97)::float4 END AS b, (ARRAY['x','y','z',NULL])[i % 4 + 1] AS c, i % 3 = 0 AS d, 7 AS constant,
       (i * 7919) % 101 / 5.0 + i % 4 + (i * 31) % 13 / 10.0 AS number, (i * 7919) % 101 + (i * 31) % 40 > 70 AS two, (ARRAY['p','q','r'])[1 + ((i * 7919) % 101 + (i * 31) % 30) / 44] AS three
  FROM generate_series(1, 150) AS i;
CREATE TABLE cases AS
SELECT algorithm, target, format('m_%s', row_number() OVER (ORDER BY algorithm, target)) AS model
  FROM mlops.algorithms(), unnest(ARRAY['number', 'two', 'three']) AS target WHERE CASE target WHEN 'number' THEN regression ELSE classification END;
SELECT algorithm, target FROM cases ORDER BY algorithm, target;
-- every algorithm does something, and says what
SELECT algorithm, summary <> '' AS summary, regression OR classification AS does FROM mlops.algorithms() ORDER BY algorithm;

CREATE FUNCTION pg_temp.train(model text, source text, target text, algorithm text, options jsonb DEFAULT '{}', features name[] DEFAULT '{a,b,c,d}') RETURNS mlops.model LANGUAGE plpgsql AS $$
DECLARE m mlops.model; v int;
BEGIN
    SELECT version INTO v FROM mlops.train(model, source, target::name, algorithm, features, options, '{"method": "none"}');
    SELECT artifact INTO m FROM mlops_private.version JOIN mlops_private.model AS o USING (model_id) WHERE o.name = train.model AND version = v;
    RETURN m;
END $$;
CREATE FUNCTION pg_temp.outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE b boolean;
BEGIN
    EXECUTE query INTO b;
    RETURN coalesce(b::text, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

-- the same rows, the same bytes; other rows, others
CREATE TABLE made AS
SELECT c.*, pg_temp.train(model, 'SELECT a, b, c, d, number, two, three FROM rows', target, algorithm) AS m,
       pg_temp.train(model, 'SELECT a, b, c, d, number, two, three FROM rows', target, algorithm) AS again,
       pg_temp.train(model, 'SELECT a, b, c, d, number, two, three FROM rows WHERE id > 3', target, algorithm) AS fewer FROM cases AS c;
SELECT algorithm, target, m OPERATOR(mlops.=) again AS same, m OPERATOR(mlops.=) fewer AS fewer FROM made ORDER BY 1, 2;
-- text and binary round trips, and what a pack of an unpack gives
SELECT algorithm, target, m::text::mlops.model::text = m::text AS text, mlops.model_send(m::text::mlops.model) = mlops.model_send(m) AS send,
       mlops.model_send(mlops_private.model_repack(m)) = mlops.model_send(m) AS repacked FROM made ORDER BY 1, 2;
-- a prediction survives the trip
SELECT algorithm, target, bool_and(mlops.predict(m, r) = mlops.predict(m::text::mlops.model, r)) AS text, bool_and(mlops.predict(m, r) = mlops.predict(mlops_private.model_repack(m), r)) AS repacked
    FROM made, rows AS r WHERE target <> 'three' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT algorithm, target, bool_and(mlops.proba(m, r) = mlops.proba(m::text::mlops.model, r)) AS text, bool_and(mlops.classify(m, r) = mlops.classify(mlops_private.model_repack(m), r)) AS repacked
    FROM made, rows AS r WHERE target <> 'number' GROUP BY 1, 2 ORDER BY 1, 2;
-- better than a constant
SELECT m.algorithm, m.target, e.metric, CASE e.metric WHEN 'r2' THEN e.value > 0.5 ELSE e.value > 0.7 END AS good
    FROM made AS m, LATERAL mlops.evaluate(m.model, 'rows') AS e WHERE e.metric = CASE m.target WHEN 'number' THEN 'r2' ELSE 'accuracy' END ORDER BY 1, 2;
-- probabilities are between 0 and 1 and add to 1
SELECT algorithm, target, bool_and(p.least >= 0 AND p.most <= 1 AND abs(p.total - 1) < 1e-9) AS probabilities
    FROM made, rows AS r, LATERAL (SELECT min(value::float8), max(value::float8), sum(value::float8) FROM jsonb_each_text(mlops.proba(m, r))) AS p(least, most, total) WHERE target <> 'number' GROUP BY 1, 2 ORDER BY 1, 2;
-- missing and unseen values score; infinite ones do not
SELECT algorithm, target, bool_and(mlops.predict(m, r) IS NOT NULL AND mlops.predict(m, r) <> 'NaN') AS scores
    FROM made, (VALUES (NULL::float8, NULL::float8, NULL::text, NULL::bool), ('NaN', 1, 'x', true), (1, 'NaN', 'new', NULL), (1e300, -1e300, '', false)) AS r(a, b, c, d) WHERE target <> 'three' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT algorithm, target, pg_temp.outcome(format($$SELECT mlops.proba(%L::mlops.model, '{"a": 1e999, "b": 1, "c": "x", "d": true}'::jsonb) IS NULL$$, m)) AS infinite
    FROM made WHERE target <> 'number' ORDER BY 1, 2;
-- columns have names: other places, other types and more columns change nothing; NaN is missing; one unseen category is as another
SELECT algorithm, target, bool_and(mlops.predict(m, r) = mlops.predict(m, o)) AS other_order, bool_and(mlops.predict(m, r) = mlops.predict(m, to_jsonb(o))) AS jsonb,
       bool_and(mlops.predict(m, jsonb_build_object('a', o.a, 'b', NULL, 'c', o.c, 'd', o.d)) = mlops.predict(m, n)) AS nan, bool_and(mlops.predict(m, u) = mlops.predict(m, w)) AS unseen
    FROM made, rows AS r JOIN (SELECT more, d, c, b::float8, a::numeric, id FROM rows, (VALUES ('more')) AS v(more)) AS o USING (id)
    JOIN (SELECT id, a, 'NaN'::float4 AS b, c, d FROM rows) AS n USING (id) JOIN (SELECT id, a, b, 'new' AS c, d FROM rows) AS u USING (id) JOIN (SELECT id, a, b, 'newer'::varchar AS c, d FROM rows) AS w USING (id)
    WHERE target <> 'three' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT algorithm, target, string_agg(DISTINCT pg_temp.outcome(format('SELECT mlops.predict(%L::mlops.model, %L::jsonb) IS NULL', m, '{"a": 1, "b": 2, "c": "x", "d": true}'::jsonb - missing)), ',') AS without
    FROM made, unnest(ARRAY['a', 'b', 'c', 'd']) AS missing WHERE target <> 'three' GROUP BY 1, 2 ORDER BY 1, 2;
-- other places of the rows in the source: the same answers; a table at once: the same answers
SELECT algorithm, target, bool_and(abs(s.prediction - t.prediction) <= 1e-9 * (1 + abs(t.prediction)) OR target = 'three') AS other_rows, bool_and(s.label IS NOT DISTINCT FROM t.label) AS labels,
       bool_and(t.prediction IS NOT DISTINCT FROM CASE WHEN target <> 'three' THEN mlops.predict(m, r) END AND t.label IS NOT DISTINCT FROM CASE WHEN target <> 'number' THEN mlops.classify(m, r) END) AS row_by_row
    FROM (SELECT *, pg_temp.train('r' || model, 'SELECT a, b, c, d, number, two, three FROM rows ORDER BY c DESC, id % 17', target, algorithm) AS other FROM made) AS made,
         LATERAL mlops.predict_table(m, 'rows', 'id') AS t JOIN LATERAL mlops.predict_table(other, 'rows', 'id') AS s USING (key) JOIN rows AS r ON r.id::text = key GROUP BY 1, 2 ORDER BY 1, 2;

-- cut anywhere, it is damaged and says so
SELECT algorithm, target, string_agg(DISTINCT outcome, ',') AS truncated
    FROM made, LATERAL (SELECT pg_temp.outcome(format('SELECT %L::mlops.model IS NULL', translate(encode(substr(mlops.model_send(m), 1, n), 'base64'), E'\n', ''))) AS outcome
                          FROM generate_series(1, length(mlops.model_send(m)) - 1, 1 + length(mlops.model_send(m)) / 700) AS n) AS o GROUP BY 1, 2 ORDER BY 1, 2;

-- hard sources: rows that are few, alike, or none
SELECT algorithm, target, s.name, pg_temp.outcome(format('SELECT pg_temp.train(%L, %L, %L, %L) IS NOT NULL', 'h' || model, s.source, target, algorithm)) AS outcome
    FROM cases, (VALUES (1, 'zero rows', 'SELECT * FROM rows WHERE false'), (2, 'one row', 'SELECT * FROM rows WHERE id = 1'), (3, 'no target', 'SELECT a, b, c, d, NULL::float8 AS number, NULL::bool AS two, NULL::text AS three FROM rows'),
                        (4, 'constant columns', 'SELECT 1 AS a, 2 AS b, ''c'' AS c, true AS d, number, two, three FROM rows'),
                        (5, 'twelve rows', 'SELECT * FROM rows WHERE id % 12 = 1'), (6, 'twenty times the same rows', 'SELECT rows.* FROM rows, generate_series(1, 20)'),
                        (7, 'huge numbers', 'SELECT a * 1e290 AS a, b * 1e-290 AS b, c, d, number, two, three FROM rows'),
                        (8, 'infinite', 'SELECT CASE id WHEN 5 THEN ''infinity'' ELSE a END AS a, b, c, d, number, two, three FROM rows')) AS s(n, name, source) ORDER BY algorithm, target, n;
-- one constant target
SELECT algorithm, target, pg_temp.outcome(format('SELECT pg_temp.train(%L, %L, %L, %L) IS NOT NULL', 'h' || model, 'SELECT a, b, c, d, 3.5 AS number, true AS two, ''p'' AS three FROM rows', target, algorithm)) AS constant_target
    FROM cases ORDER BY 1, 2;

-- every option at both ends works (or fails in an orderly way), just outside is refused
CREATE TABLE ranges AS
SELECT a.algorithm, o.option, o.valid, r[1] AS kind, r[2]::numeric AS low, r[3]::numeric AS high
    FROM mlops.algorithms() AS a, mlops.algorithm_options(a.algorithm) AS o, regexp_match(o.valid, '^(number|integer) from (\S+) to (\S+)$') AS r;
SELECT algorithm, option, kind, "default" IS NOT NULL AS has_default FROM ranges JOIN LATERAL mlops.algorithm_options(algorithm) USING (option) WHERE kind IS NOT NULL ORDER BY 1, 2;
SELECT r.algorithm, r.option,
       pg_temp.outcome(format('SELECT pg_temp.train(%L, ''rows'', %L, %L, ''{"%s": %s}'') IS NOT NULL', 'o' || model, target, r.algorithm, r.option, r.low)) IN ('true', '22003', '22000', '55000') AS at_low,
       pg_temp.outcome(format('SELECT pg_temp.train(%L, ''rows'', %L, %L, ''{"%s": %s}'') IS NOT NULL', 'o' || model, target, r.algorithm, r.option, r.high)) IN ('true', '22003', '22000', '55000') AS at_high,
       pg_temp.outcome(format('SELECT pg_temp.train(%L, ''rows'', %L, %L, ''{"%s": %s}'') IS NOT NULL', 'o' || model, target, r.algorithm, r.option, r.low - CASE kind WHEN 'integer' THEN 1 ELSE 1e-10 END)) AS below,
       CASE WHEN r.high < 1e300 THEN pg_temp.outcome(format('SELECT pg_temp.train(%L, ''rows'', %L, %L, ''{"%s": %s}'') IS NOT NULL', 'o' || model, target, r.algorithm, r.option, r.high + CASE kind WHEN 'integer' THEN 1 ELSE 1e-10 END)) ELSE '22023' END AS above
    FROM ranges AS r JOIN (SELECT DISTINCT ON (algorithm) * FROM cases ORDER BY algorithm, target) AS c USING (algorithm) WHERE kind IS NOT NULL ORDER BY 1, 2;
-- choices: each one, and one that is none
SELECT a.algorithm, o.option, choice, pg_temp.outcome(format('SELECT pg_temp.train(%L, ''SELECT * FROM rows WHERE b IS NOT NULL AND c IS NOT NULL'', %L, %L, ''{"%s": "%s"}'') IS NOT NULL', 'o' || model, target, a.algorithm, o.option, choice)) AS outcome
    FROM (SELECT DISTINCT ON (algorithm) * FROM cases ORDER BY algorithm, target) AS a, mlops.algorithm_options(a.algorithm) AS o,
         regexp_split_to_table(substr(o.valid, 8) || '|neither', '\|') AS choice WHERE o.valid LIKE 'one of %' ORDER BY 1, 2, 3;
-- true and false
SELECT a.algorithm, o.option, v, pg_temp.outcome(format('SELECT pg_temp.train(%L, ''rows'', %L, %L, ''{"%s": %s}'') IS NOT NULL', 'o' || model, target, a.algorithm, o.option, v)) AS outcome
    FROM (SELECT DISTINCT ON (algorithm) * FROM cases ORDER BY algorithm, target) AS a, mlops.algorithm_options(a.algorithm) AS o, unnest(ARRAY['true', 'false', '1']) AS v WHERE o.valid = 'true or false' ORDER BY 1, 2, 3;
-- what an algorithm does not do is said before it is begun
SELECT algorithm, task, pg_temp.outcome(format('SELECT pg_temp.train(''t'', ''rows'', %L, %L) IS NOT NULL', CASE task WHEN 'regression' THEN 'number' ELSE 'two' END, algorithm)) AS outcome
    FROM mlops.algorithms(), unnest(ARRAY['regression', 'classification']) AS task WHERE NOT CASE task WHEN 'regression' THEN regression ELSE classification END ORDER BY 1, 2;

-- as an aggregate it learns the same (random_forest draws rows, and gradient_boosting rounds gradients, by the rows' place, which columns' names and types decide)
SELECT algorithm, target, avg((CASE WHEN target = 'number' THEN abs(mlops.predict(f, ARRAY[a, d::int]) - mlops.predict(t, ARRAY[a, d::int])) <= 1e-9 * 100 ELSE mlops.classify(f, ARRAY[a, d::int]) = mlops.classify(t, ARRAY[a, d::int]) END)::int) >= CASE algorithm WHEN 'gradient_boosting' THEN 0.95 ELSE 1 END AS as_train
    FROM (SELECT c.*, CASE c.target WHEN 'number' THEN (SELECT mlops.fit(c.algorithm, number, ARRAY[a, d::int]) FROM rows) WHEN 'two' THEN (SELECT mlops.fit(c.algorithm, two, ARRAY[a, d::int]) FROM rows) ELSE (SELECT mlops.fit(c.algorithm, three, ARRAY[a, d::int]) FROM rows) END AS f,
                 pg_temp.train('f' || c.model, 'SELECT a, d::int AS d, number, two, three FROM rows', c.target, c.algorithm, '{}', '{a,d}') AS t
            FROM cases AS c WHERE algorithm <> 'random_forest') AS m, rows AS r GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
DROP TABLE rows, cases, made, ranges;
