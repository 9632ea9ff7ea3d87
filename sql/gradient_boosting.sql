-- gradient boosting: losses, options, early stopping, going on, any number of workers
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE TABLE boosting AS
SELECT i AS id, (hashint4(i) & 1023) / 100.0::float8 AS a, CASE WHEN i % 17 > 0 THEN (hashint4(i * 7 + 1) & 1023) / 100.0::float8 END AS b,
       (ARRAY['x', 'y', 'z'])[1 + (hashint4(i + 99) & 7) % 3] AS c, hashint4(i * 13) & 255 AS noise
    FROM generate_series(1, 2000) AS i;
ALTER TABLE boosting ADD y float8, ADD n int, ADD k text, ADD t bool, ADD w float8 DEFAULT 1;
UPDATE boosting SET y = 2 * a + sin(coalesce(b, 3)) * 5 + CASE c WHEN 'x' THEN 3 ELSE 0 END + noise / 256.0,
                    n = (a / 3)::int + noise % 3, k = CASE WHEN a + noise / 100.0 < 4 THEN 'low' WHEN b > 5 THEN 'mid' ELSE 'top' END, t = a + noise / 100.0 > 6, w = 1 + noise % 3;

CREATE FUNCTION pg_temp.boost(model text, target text, options jsonb, validation jsonb DEFAULT '{"method":"none"}', weight name DEFAULT NULL, source text DEFAULT 'boosting') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE v int;
BEGIN
    SELECT version INTO v FROM mlops.train(model, source, target, 'gradient_boosting', '{a,b,c}', options, validation, weight);
    PERFORM mlops.set_alias(model, 'champion', v);
    RETURN mlops.describe(model)->'model';
END $$;

-- one tree of rate 1 on two groups answers each group's best constant
CREATE TABLE groups AS SELECT i % 2 AS a, 1 AS b, 'x' AS c, CASE i % 2 WHEN 0 THEN i ELSE 1000 + i * i END::float8 AS y FROM generate_series(1, 101) AS i;
SELECT o.loss, pg_temp.boost('g_' || o.loss, 'y', jsonb_build_object('loss', o.loss, 'n_estimators', 1, 'learning_rate', 1, 'alpha', 0.25), source => 'groups')->>'leaves' AS leaves
    FROM (VALUES ('squared'), ('absolute'), ('quantile')) AS o(loss);
SELECT a, bool_and(abs(mlops.predict('g_squared', g) - m.mean) < 1e-9) AS mean, bool_and(abs(mlops.predict('g_absolute', g) - m.median) < 1e-9) AS median,
       bool_and(abs(mlops.predict('g_quantile', g) - m.quantile) < 1e-9) AS quantile
    FROM groups AS g JOIN (SELECT a, avg(y) AS mean, percentile_cont(0.5) WITHIN GROUP (ORDER BY y) AS median,
                                  percentile_disc(0.25) WITHIN GROUP (ORDER BY y) AS quantile FROM groups GROUP BY a) AS m USING (a)
    GROUP BY a ORDER BY a;

-- losses as scikit-learn's _loss defines them, constants in y dropped, of what predict() answers
CREATE TABLE losses AS
SELECT o.loss, o.weight, pg_temp.boost('l_' || o.loss || o.weight, o.target, jsonb_build_object('loss', o.loss, 'n_estimators', 20), weight => NULLIF(o.weight, '')::name) AS body
    FROM (VALUES ('squared', 'y', ''), ('squared', 'y', 'w'), ('absolute', 'y', ''), ('absolute', 'y', 'w'), ('quantile', 'y', ''), ('quantile', 'y', 'w'), ('poisson', 'n', ''), ('poisson', 'n', 'w'), ('tweedie', 'n', ''), ('log_loss', 't', ''), ('log_loss', 't', 'w')) AS o(loss, target, weight);
INSERT INTO losses SELECT 'gamma', '', pg_temp.boost('l_gamma', 'y', '{"loss": "gamma", "n_estimators": 20}', source => 'SELECT a, b, c, y + 10 AS y FROM boosting');
SELECT l.loss, l.weight, (l.body->>'trees')::int AS trees, abs((l.body->>'train_loss')::float8 - f.loss) < 1e-9 AS agrees, f.loss < 0.9 * f.constant AS learns
    FROM losses AS l, LATERAL (
        SELECT sum(u * v.loss) / sum(u) AS loss, CASE WHEN l.loss IN ('squared', 'absolute', 'quantile', 'log_loss') THEN
               CASE l.loss WHEN 'squared' THEN var_pop(y) / 2 WHEN 'absolute' THEN avg(abs(y - 12)) WHEN 'quantile' THEN avg(abs(y - 12)) WHEN 'log_loss' THEN ln(2) END ELSE 'infinity' END AS constant
            FROM boosting AS r, LATERAL (SELECT mlops.predict('l_' || l.loss || l.weight, r) AS p, CASE l.weight WHEN 'w' THEN w ELSE 1 END AS u) AS q,
                 LATERAL (SELECT CASE l.loss WHEN 'squared' THEN (y - p) ^ 2 / 2 WHEN 'absolute' THEN abs(y - p) WHEN 'quantile' THEN greatest(0.9 * (y - p), -0.1 * (y - p))
                                 WHEN 'poisson' THEN p - n * ln(p) WHEN 'gamma' THEN ln(p) + (y + 10) / p WHEN 'tweedie' THEN p ^ 0.5 / 0.5 + n * p ^ (-0.5) / 0.5
                                 WHEN 'log_loss' THEN -ln(CASE WHEN t THEN p ELSE 1 - p END) END AS loss) AS v) AS f
    ORDER BY 1, 2;
SELECT pg_temp.boost('l_three', 'k', '{"n_estimators": 20}')->'trees' AS trees;
SELECT abs((mlops.describe('l_three')->'model'->>'train_loss')::float8 - avg(-ln((mlops.proba('l_three', r)->>k)::float8))) < 1e-6 AS agrees FROM boosting AS r;
SELECT body->>'loss' AS loss, (body->>'train_loss')::float8 < 1 AS learns FROM pg_temp.boost('l_huber', 'y', '{"loss": "huber"}') AS body;

-- watched rows stop the rounds; what is kept is the best of them
SELECT (body->>'rounds')::int - (body->>'best_round')::int AS waited, (body->>'trees')::int = (body->>'best_round')::int AS truncated, (body->>'rounds')::int < 2000 AS stopped
    FROM pg_temp.boost('stop', 'y', '{"n_iter_no_change": 7, "n_estimators": 2000, "learning_rate": 0.3}', '{"method": "holdout", "fraction": 0.2}') AS body;

-- going on from 10 trees gives what 25 at once give
SELECT pg_temp.boost('on', 'y', '{"n_estimators": 10}')->'trees' AS first, pg_temp.boost('on', 'y', '{"n_estimators": 25, "warm_start": true}')->'trees' AS second, pg_temp.boost('once', 'y', '{"n_estimators": 25}')->'trees' AS once;
SELECT bool_and(mlops.predict('on', r) = mlops.predict('once', r)) AS same FROM boosting AS r;

-- the seed decides which rows and columns a tree sees
SELECT n, pg_temp.boost('seed' || n, 'y', o)->'trees' AS trees
    FROM (VALUES (1, '{"seed": 1, "subsample": 0.5}'::jsonb), (2, '{"seed": 1, "subsample": 0.5}'), (3, '{"seed": 2, "subsample": 0.5}'), (4, '{"seed": 1, "colsample": 0.5}'), (5, '{"seed": 1, "max_features": 0.5}'), (6, '{"seed": 1}')) AS o(n, o);
SELECT min(m) AS first, count(*) AS alike FROM (SELECT m, sum(mlops.predict('seed' || m, r) ORDER BY id) AS total FROM generate_series(1, 6) AS m, boosting AS r GROUP BY m) AS s GROUP BY total ORDER BY 1;

-- any number of workers gives the same bytes
CREATE TABLE many AS SELECT (hashint4(i) & 65535) / 100.0::float8 AS a, (hashint4(i + 1) & 65535) / 100.0::float8 AS b, (i % 7)::text AS c, (hashint4(i) & 4095) * (i % 7) + (hashint4(i * 3) & 1023)::float8 AS y FROM generate_series(1, 70000) AS i;
SET max_parallel_maintenance_workers = 0;
SELECT pg_temp.boost('many0', 'y', '{"n_estimators": 40}', source => 'many') IS NOT NULL AS trained;
SET max_parallel_maintenance_workers = 2;
SELECT pg_temp.boost('many2', 'y', '{"n_estimators": 40}', source => 'SELECT * FROM many ORDER BY b') IS NOT NULL AS trained;
RESET max_parallel_maintenance_workers;
SELECT mlops.describe('many0')->>'sha256' = mlops.describe('many2')->>'sha256' AS same;

-- constraints hold everywhere
SELECT pg_temp.boost('up_' || loss, 'y', jsonb_build_object('monotone_constraints', '{"a": -1}'::jsonb, 'loss', loss))->>'loss' AS loss FROM unnest('{squared,absolute}'::text[]) AS loss;
SELECT loss, bool_and(p <= before) AS falls, count(DISTINCT p) > 1 AS moves
    FROM (SELECT loss, p, lag(p, 1, 'infinity') OVER (PARTITION BY loss, z ORDER BY x) AS before
              FROM unnest('{squared,absolute}'::text[]) AS loss, generate_series(0, 10, 2.5) AS z, generate_series(0, 10, 0.1) AS x, LATERAL (SELECT mlops.predict('up_' || loss, jsonb_build_object('a', x, 'b', z, 'c', 'y')) AS p) AS q) AS s GROUP BY loss ORDER BY loss;
SELECT pg_temp.boost('apart', 'y', '{"interaction_constraints": [["a"], ["b", "c"]]}')->>'loss' AS loss;
SELECT bool_and(abs(mlops.predict('apart', jsonb_build_object('a', x, 'b', z, 'c', 'y')) - mlops.predict('apart', jsonb_build_object('a', x, 'b', 0, 'c', 'y'))
                  - mlops.predict('apart', jsonb_build_object('a', 0, 'b', z, 'c', 'y')) + mlops.predict('apart', '{"a": 0, "b": 0, "c": "y"}'::jsonb)) < 1e-9) AS additive
    FROM generate_series(0, 10) AS x, generate_series(0, 10) AS z;

-- numbers near the ends of their range: what is stored can be read
SELECT FROM mlops.train('large', 'SELECT a, b, c, y * 1e50 AS y, 1e50 AS w FROM boosting', 'y', 'gradient_boosting', '{a,b,c}', '{"n_estimators": 50}', '{"method": "none"}', 'w');
SELECT value > 0.9 AS good FROM mlops.evaluate('large', 'SELECT a, b, c, y * 1e50 AS y FROM boosting', 'y') WHERE metric = 'r2';

-- refused
SELECT pg_temp.boost('bad', 'y', '{"loss": "log_loss"}');
SELECT pg_temp.boost('bad', 't', '{"loss": "poisson"}');
SELECT pg_temp.boost('bad', 'y', '{"loss": "gamma"}');
SELECT pg_temp.boost('bad', 'y', '{"loss": "poisson"}', source => 'SELECT a, b, c, 0 AS y FROM boosting');
SELECT pg_temp.boost('bad', 'y', '{"monotone_constraints": {"nosuch": 1}}');
SELECT pg_temp.boost('bad', 'y', '{"monotone_constraints": {"c": 1}}');
SELECT pg_temp.boost('bad', 'y', '{"monotone_constraints": {"a": 2}}');
SELECT pg_temp.boost('bad', 'y', '{"monotone_constraints": [1]}');
SELECT pg_temp.boost('bad', 'k', '{"monotone_constraints": {"a": 1}}');
SELECT pg_temp.boost('bad', 'y', '{"interaction_constraints": [["a", "nosuch"]]}');
SELECT pg_temp.boost('bad', 'y', '{"interaction_constraints": ["a"]}');
SELECT pg_temp.boost('bad', 'y', '{"max_leaves": 1}');
SELECT pg_temp.boost('bad', 'y', '{"learning_rate": -1}');
SELECT pg_temp.boost('on', 'y', '{"n_estimators": 25, "warm_start": true}');
SELECT pg_temp.boost('on', 'y', '{"n_estimators": 50, "warm_start": true, "loss": "huber"}');
SELECT pg_temp.boost('bad', 'y', '{"loss": "squared"}', source => 'SELECT a, b, c, CASE WHEN id = 1 THEN 1e308 ELSE -1e308 END AS y FROM boosting');

SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
DROP TABLE boosting, groups, losses, many;
