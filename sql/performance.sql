-- How good logged predictions were.  Numbers are those of scikit-learn 1.2.2
-- (sklearn.metrics; ece by the definition of docs/metrics.md in numpy 1.24) and
-- fairlearn 0.13.0, computed from the same formulas.  near() says "ok" or by how
-- much it is not.
SET client_min_messages = warning;
SET timezone = 'UTC';
\set SHOW_CONTEXT never
CREATE FUNCTION pg_temp.near(got float8, want float8, tolerance float8 DEFAULT 1e-12)
RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN abs(got - want) <= tolerance * greatest(abs(want), 1) THEN 'ok'
                  ELSE format('%s instead of %s', coalesce(got::text, 'null'), want) END $$;
-- p: what shall stand in the log, whatever the model said
CREATE TABLE pf_rows AS
SELECT i AS id, i % 10 AS x, 'c' || i % 3 AS c, i % 2 = 0 AS f, i % 4 AS day,
       ((i * 37) % 101) / 101.0::float8 AS p,
       ((i * 53) % 89) / 89.0::float8 < 0.2 + 0.6 * (((i * 37) % 101) / 101.0::float8) AS hit,
       ((i * 31) % 97) / 7.0::float8 + 1 AS y,
       ((i * 31) % 97) / 7.0::float8 + 1 + (((i * 17) % 29) - 14) / 5.0::float8 AS e,
       ARRAY[1 + (i * 7) % 11, 1 + (i * 5) % 13, 1 + (i * 3) % 17]::float8[] AS q,
       ('{blue,green,red}'::text[])[((i * i) / 3) % 3 + 1] AS colour
  FROM generate_series(1, 240) AS i;
SELECT version FROM mlops.train('pf_hit', 'SELECT x, c, f, hit FROM pf_rows', 'hit', 'logistic_regression', options => '{"missing": "skip"}');
SELECT version FROM mlops.train('pf_y', 'SELECT x, c, f, y FROM pf_rows', 'y', 'linear_regression');
SELECT version FROM mlops.train('pf_colour', 'SELECT x, c, f, colour FROM pf_rows', 'colour', 'decision_tree');
RESET client_min_messages;
CREATE FUNCTION pg_temp.at(day int) RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2026-03-01 06:00:00Z' + day * interval '1 day' $$;
SELECT count(mlops.score('pf_hit', r, id::text, pg_temp.at(day))) AS hit, count(mlops.score('pf_y', r, id::text, pg_temp.at(day))) AS y,
       count(mlops.score('pf_colour', r, id::text, pg_temp.at(day))) AS colour FROM pf_rows r;
CREATE VIEW pf_log AS SELECT m.name::text AS model, p.* FROM mlops_private.prediction p JOIN mlops_private.model m USING (model_id) WHERE m.name LIKE 'pf%';
UPDATE mlops_private.prediction p SET value = r.p, latency_us = r.id * r.id FROM pf_rows r, mlops_private.model m WHERE m.model_id = p.model_id AND m.name = 'pf_hit' AND r.id::text = p.key;
UPDATE mlops_private.prediction p SET value = r.e FROM pf_rows r, mlops_private.model m WHERE m.model_id = p.model_id AND m.name = 'pf_y' AND r.id::text = p.key;
UPDATE mlops_private.prediction p SET probabilities = (SELECT array_agg(v / (q[1] + q[2] + q[3]) ORDER BY n) FROM unnest(q) WITH ORDINALITY AS u (v, n)),
       label = CASE WHEN q[1] >= q[2] AND q[1] >= q[3] THEN 'blue' WHEN q[2] >= q[3] THEN 'green' ELSE 'red' END
  FROM pf_rows r, mlops_private.model m WHERE m.model_id = p.model_id AND m.name = 'pf_colour' AND r.id::text = p.key;

-- before the truth is known
SELECT version, shadow, window_start, window_end, segment, metric, value, rows, predictions, estimated, calibration_error
  FROM mlops.performance('pf_hit') WHERE metric IN ('accuracy', 'auc', 'log_loss', 'false_positive_rate', 'unknown_class', 'skipped');
-- of half of the rows, later of all: nothing is stored, the window of the prediction changes
SELECT count(*) FILTER (WHERE o.changed) AS recorded FROM pf_rows, LATERAL mlops.record_outcome('pf_hit', id::text, hit::text) o WHERE id <= 120;
CREATE TEMP TABLE want (metric text, value float8);
INSERT INTO want VALUES ('accuracy', 0.6583333333333333), ('precision_score', 0.6610169491525424), ('recall_score', 0.65), ('f1', 0.6554621848739496), ('auc', 0.6915277777777779), ('log_loss', 0.9782424729810899), ('brier', 0.23758291670751233), ('ece', 0.11897689768976902), ('false_positive_rate', 0.3333333333333333);
SELECT metric, pg_temp.near(p.value, w.value), rows, predictions FROM mlops.performance('pf_hit') p JOIN want w USING (metric);
SELECT count(*) FILTER (WHERE o.changed) AS recorded FROM pf_rows, LATERAL mlops.record_outcome('pf_hit', id::text, hit::text) o;
SELECT count(*) FILTER (WHERE o.changed) AS recorded FROM pf_rows, LATERAL mlops.record_outcome('pf_y', id::text, y) o;
SELECT count(*) FILTER (WHERE o.changed) AS recorded FROM pf_rows, LATERAL mlops.record_outcome('pf_colour', id::text, colour) o;
TRUNCATE want;
INSERT INTO want VALUES ('accuracy', 0.6666666666666666), ('precision_score', 0.6638655462184874), ('recall_score', 0.6638655462184874), ('f1', 0.6638655462184874), ('auc', 0.7024793388429751), ('log_loss', 0.8224997932880265), ('brier', 0.23206221612260236), ('ece', 0.10561056105610558), ('false_positive_rate', 0.3305785123966942), ('selection_rate', 0.49583333333333335);
SELECT metric, pg_temp.near(p.value, w.value), rows, predictions FROM mlops.performance('pf_hit') p JOIN want w USING (metric);
TRUNCATE want;
INSERT INTO want VALUES ('rmse', 1.6701796310576895), ('mae', 1.4458333333333333), ('r2', 0.8241903873662827), ('mape', 0.28695956020494706);
SELECT metric, pg_temp.near(p.value, w.value), rows FROM mlops.performance('pf_y') p JOIN want w USING (metric);
TRUNCATE want;
INSERT INTO want VALUES ('accuracy', 0.30416666666666664), ('precision_score', 0.35052395613892934), ('recall_score', 0.33870052489714847), ('f1', 0.2978206115360265), ('log_loss', 1.3248186651110667);
-- probabilities are in the log as float4, and so they were given to scikit-learn
SELECT metric, pg_temp.near(p.value, w.value), rows FROM mlops.performance('pf_colour') p JOIN want w USING (metric);
SELECT metric FROM mlops.performance('pf_y') EXCEPT SELECT metric FROM mlops.performance('pf_hit') ORDER BY 1;
-- two classes that float4 cannot tell apart: the one it was called counts
BEGIN;
UPDATE mlops_private.prediction SET probabilities = '{0.4,0.4,0.2}', label = (SELECT CASE WHEN colour = 'red' THEN 'blue' ELSE colour END FROM pf_rows WHERE id::text = key) WHERE prediction_id IN (SELECT prediction_id FROM pf_log WHERE model = 'pf_colour');
SELECT value = (SELECT avg((colour <> 'red')::int) FROM pf_rows) AS by_label FROM mlops.performance('pf_colour') WHERE metric = 'accuracy';
ROLLBACK;

-- latency: to 1 %, of the squares of 1 to 240 microseconds; exact below 0.128 ms
SELECT metric, pg_temp.near(value, (SELECT percentile_disc(right(split_part(metric, '_', 2), 2)::float8 / 100) WITHIN GROUP (ORDER BY id * id) / 1000.0 FROM pf_rows), 0.008), rows FROM mlops.performance('pf_hit') WHERE metric LIKE 'latency%';
SELECT metric, value FROM mlops.performance('pf_hit', until => pg_temp.at(0) + interval '1 s', segment => 'c') WHERE segment = 'c0' AND metric LIKE 'latency%';
BEGIN;
UPDATE mlops_private.prediction SET latency_us = CASE WHEN key = '1' THEN 2147483647 WHEN key = '2' THEN 128 WHEN key = '3' THEN 0 ELSE 127 END WHERE prediction_id IN (SELECT prediction_id FROM pf_log WHERE model = 'pf_y');
SELECT metric, value FROM mlops.performance('pf_y') WHERE metric LIKE 'latency%';
DELETE FROM mlops_private.prediction WHERE prediction_id IN (SELECT prediction_id FROM pf_log WHERE model = 'pf_y' AND key <> '1');
SELECT metric, pg_temp.near(value, 2147483.647, 0.008) FROM mlops.performance('pf_y') WHERE metric LIKE 'latency%';
ROLLBACK;

-- windows begin where date_bin() from 2000-01-01 has them, and are cut to what was asked
TRUNCATE want;
CREATE TEMP TABLE days (day int, metric text, value float8);
INSERT INTO days VALUES (0, 'accuracy', 0.6666666666666666), (0, 'auc', 0.7077777777777778), (0, 'log_loss', 0.6618862592255677), (1, 'accuracy', 0.6166666666666667), (1, 'auc', 0.6344444444444444), (1, 'log_loss', 1.3410548705573704),
 (2, 'accuracy', 0.6666666666666666), (2, 'auc', 0.6766666666666666), (2, 'log_loss', 0.7303797013050287), (3, 'accuracy', 0.7166666666666667), (3, 'auc', 0.7919911012235817), (3, 'log_loss', 0.5566783420641397);
SELECT window_start, window_end, p.metric, pg_temp.near(p.value, d.value), rows, predictions
  FROM mlops.performance('pf_hit', "window" => '1 day') p JOIN days d ON d.metric = p.metric AND p.window_start = date '2026-03-01' + d.day;
SELECT window_start, window_end, rows FROM mlops.performance('pf_hit', '2026-03-01 03:00Z', '2026-03-04 12:00Z', '36 hours') WHERE metric = 'auc';
SELECT bool_and(date_bin('36 hours', window_start, '2000-01-01Z') = window_start) AS aligned FROM mlops.performance('pf_hit', "window" => '36 hours');
SELECT window_start, window_end, rows FROM mlops.performance('pf_hit', since => '2026-03-02') WHERE metric = 'auc';
SELECT count(*) FROM mlops.performance('pf_hit', since => '2026-04-01');
SELECT count(*) FROM mlops.performance('pf_hit', '2026-03-04', '2026-03-01');
-- the same twice
SELECT count(*), count(*) = sum((a = b)::int) AS same FROM (SELECT array_agg(p::text) AS a FROM mlops.performance('pf_hit', "window" => '1 day', segment => 'c') p) x, (SELECT array_agg(p::text) AS b FROM mlops.performance('pf_hit', "window" => '1 day', segment => 'c') p) y;

-- segments, and how they differ
CREATE TEMP TABLE parts (column_name text, segment text, metric text, value float8);
INSERT INTO parts VALUES ('c', 'c0', 'accuracy', 0.6625), ('c', 'c0', 'auc', 0.7148217636022515), ('c', 'c0', 'selection_rate', 0.5), ('c', 'c0', 'false_positive_rate', 0.3333333333333333),
 ('c', 'c1', 'accuracy', 0.6625), ('c', 'c1', 'auc', 0.7141963727329581), ('c', 'c1', 'selection_rate', 0.5), ('c', 'c1', 'false_positive_rate', 0.34146341463414637),
 ('c', 'c2', 'accuracy', 0.675), ('c', 'c2', 'auc', 0.6779237023139462), ('c', 'c2', 'selection_rate', 0.4875), ('c', 'c2', 'false_positive_rate', 0.3170731707317073),
 ('c', NULL, 'demographic_parity_difference', 0.0125), ('c', NULL, 'demographic_parity_ratio', 0.975), ('c', NULL, 'equalized_odds_difference', 0.024390243902439046), ('c', NULL, 'equal_opportunity_difference', 0.008130081300812941),
 ('f', 'false', 'accuracy', 0.6666666666666666), ('f', 'false', 'auc', 0.7128368991386496), ('f', 'true', 'accuracy', 0.6666666666666666), ('f', 'true', 'auc', 0.6919444444444445);
SELECT s.by, p.segment, p.metric, pg_temp.near(p.value, w.value), rows, predictions
  FROM (VALUES ('c'), ('f')) AS s (by), LATERAL mlops.performance('pf_hit', segment => s.by) p, parts w
 WHERE w.column_name = s.by AND w.metric = p.metric AND w.segment IS NOT DISTINCT FROM p.segment;
SELECT DISTINCT segment FROM mlops.performance('pf_y', segment => 'c') ORDER BY 1;
SELECT metric FROM mlops.performance('pf_colour', segment => 'f') WHERE segment IS NULL;
SELECT mlops.performance('pf_hit', segment => 'x');
SELECT mlops.performance('pf_hit', segment => 'no_such');
-- three groups, one without positive rows: its rate is none, where fairlearn takes 0
CREATE TEMP TABLE g AS SELECT n, substr('AAAAAAAAAABBBBBBBBBBCC', n, 1) AS c, substr('1111100000111100000000', n, 1) = '1' AS actual, substr('1111010000110011100010', n, 1) = '1' AS called FROM generate_series(1, 22) AS n;
BEGIN;
DELETE FROM mlops_private.prediction WHERE prediction_id IN (SELECT prediction_id FROM pf_log WHERE model = 'pf_hit');
SELECT count(mlops.score('pf_hit', jsonb_build_object('x', n, 'c', CASE c WHEN 'C' THEN NULL ELSE translate(c, 'AB', '01') END, 'f', true), 'g' || n)) FROM (SELECT n, CASE c WHEN 'A' THEN 'c0' WHEN 'B' THEN 'c1' ELSE 'new' END AS c FROM g) g;
SELECT count(mlops.record_outcome('pf_hit', 'g' || n, CASE WHEN actual THEN 'yes' ELSE 'f' END)) FROM g;
SELECT count(mlops.log_features(prediction_id)) AS written FROM mlops.score('pf_y', '{"x": 1, "c": "c0", "f": true}'::jsonb) s;
UPDATE mlops_private.prediction SET value = CASE WHEN called THEN 0.9 ELSE 0.1 END FROM g WHERE key = 'g' || n;
SELECT segment, metric, value, rows FROM mlops.performance('pf_hit', segment => 'c') WHERE metric IN ('selection_rate', 'recall_score', 'false_positive_rate') OR segment IS NULL;
ROLLBACK;

-- a key that was predicted twice counts twice; variants, and aliases in shadow apart
SET client_min_messages = warning;
SELECT version FROM mlops.train('pf_hit', 'SELECT x, f, hit FROM pf_rows', 'hit', 'decision_tree', alias => 'challenger');
RESET client_min_messages;
SELECT split, shadow FROM mlops.route('pf_hit', '{"champion": 1}', '{challenger}');
SELECT count(mlops.score('pf_hit', r, id::text, pg_temp.at(10))) FROM pf_rows r WHERE id <= 50;
SELECT version, shadow, segment, rows, predictions FROM mlops.performance('pf_hit', segment => 'variant') WHERE metric = 'accuracy';
SELECT split FROM mlops.route('pf_hit', '{"champion": 0.5, "challenger": 0.5}', '{}');
SELECT count(mlops.score('pf_hit', r, id::text, pg_temp.at(20))) FROM pf_rows r;
SELECT count(mlops.score('pf_hit:2', r, id::text, pg_temp.at(20))) FROM pf_rows r WHERE id <= 7;
SELECT version, shadow, segment, rows = (SELECT count(*) FROM pf_log l WHERE l.model = 'pf_hit' AND l.version = p.version AND l.shadow = p.shadow AND l.variant IS NOT DISTINCT FROM nullif(p.segment, '(version)')) AS rows_as_logged, rows = predictions AS all_known
  FROM mlops.performance('pf_hit', segment => 'variant') p WHERE metric = 'accuracy';
SELECT version, shadow, count(*) FROM mlops.performance('pf_hit', version => 2) GROUP BY 1, 2 ORDER BY 1, 2;
-- the feature c is in version 1 only
SELECT version, shadow, segment FROM mlops.performance('pf_hit', pg_temp.at(15), segment => 'c') WHERE metric = 'auc';
SELECT mlops.performance('pf_hit', segment => 'c', version => 2);

-- rows without an answer; outcomes that are no class, and booleans in other words
SELECT count(s.value) AS answered, count(*) FROM generate_series(1, 5) AS i, LATERAL mlops.score('pf_hit:1', jsonb_build_object('x', CASE WHEN i > 2 THEN i END, 'c', 'other', 'f', CASE WHEN i > 2 THEN true END), 'skip ' || i, pg_temp.at(30)) s;
SELECT count(mlops.record_outcome('pf_hit', 'skip ' || i, (ARRAY['yes', 'off', 'true', 'maybe', '1'])[i])) FROM generate_series(1, 5) AS i;
SELECT segment, metric, value, rows, predictions FROM mlops.performance('pf_hit', pg_temp.at(30), segment => 'f') WHERE metric IN ('accuracy', 'skipped', 'unknown_class');
SELECT segment, metric, value, rows, predictions FROM mlops.performance('pf_hit', pg_temp.at(30), segment => 'c') WHERE metric = 'skipped';
SELECT metric, value, rows, predictions FROM mlops.performance('pf_hit', pg_temp.at(30)) WHERE metric IN ('accuracy', 'skipped', 'unknown_class');

-- of a version that was dropped there is only what needs no classes
SELECT split FROM mlops.route('pf_hit', NULL);
SELECT alias FROM mlops.drop_alias('pf_hit', 'challenger');
SELECT dropped FROM (SELECT (mlops.drop_version('pf_hit', 2)).version AS dropped) d;
SELECT shadow, metric, rows FROM mlops.performance('pf_hit', version => 2);
SELECT count(*) FROM mlops.performance('pf_hit', version => 3);

-- rows of this transaction that wait to be written; where nothing can be written
BEGIN;
SELECT count(mlops.score('pf_y', r, 'wait ' || id)) FROM pf_rows r WHERE id <= 3;
SELECT rows, predictions FROM mlops.performance('pf_y') WHERE metric = 'rmse';
SELECT count(mlops.record_outcome('pf_y', 'wait 1', 1));
SELECT rows, predictions FROM mlops.performance('pf_y') WHERE metric = 'rmse';
ROLLBACK;
BEGIN READ ONLY;
SELECT rows, predictions FROM mlops.performance('pf_y') WHERE metric = 'rmse';
COMMIT;

-- scores of a window are kept for the AUC, up to mlops.fit_memory
INSERT INTO mlops_private.prediction (prediction_id, happened_at, log_xid, system, model_id, value, version, latency_us, shadow, caller, key, features)
SELECT -i, pg_temp.at(100) + i * interval '1 s', 1, 1, (SELECT model_id FROM mlops_private.model WHERE name = 'pf_hit'), (i % 1000) / 1000.0, 1, 10, false, 'x', (1 + i % 240)::text, '\x02' FROM generate_series(1, 20000) AS i;
SET mlops.fit_memory = '200kB';
SELECT mlops.performance('pf_hit', pg_temp.at(100));
SELECT count(DISTINCT window_start), sum(rows) FROM mlops.performance('pf_hit', pg_temp.at(100), "window" => '1 hour') WHERE metric = 'auc';
SET mlops.fit_memory = '64kB';
SELECT count(*) > 0 AS fits FROM mlops.performance('pf_y', segment => 'f');
UPDATE mlops_private.prediction SET variant = 'v' || key WHERE key IN ('1', '2', '3', '4', '5') AND prediction_id IN (SELECT prediction_id FROM pf_log WHERE model = 'pf_y');
SELECT mlops.performance('pf_y', segment => 'variant');
RESET mlops.fit_memory;
SELECT rows, predictions FROM mlops.performance('pf_hit', pg_temp.at(100)) WHERE metric = 'auc';
-- features that are damaged
SELECT mlops.performance('pf_hit', pg_temp.at(100), segment => 'c');
DELETE FROM mlops_private.prediction WHERE prediction_id < 0;

-- what cannot be asked
SELECT mlops.performance(NULL);
SELECT mlops.performance('pf_hit@champion');
SELECT mlops.performance('pf_hit', version => 0);
SELECT mlops.performance('pf_hit', estimate => NULL);
SELECT mlops.performance('pf_hit', "window" => '1 month');
SELECT mlops.performance('pf_hit', "window" => '59 s');
SELECT mlops.performance('pf_hit', "window" => '-1 day');
SELECT count(*) > 0 AS widest FROM mlops.performance('pf_hit', "window" => '106751991 days');

-- rights: to the log
CREATE ROLE regress_mlops_reader;
CREATE ROLE regress_mlops_outsider;
SELECT privilege FROM mlops.grant_model('pf_hit', 'regress_mlops_reader', 'logs');
SELECT privilege FROM mlops.grant_model('pf_y', 'regress_mlops_reader', 'predict');
SET ROLE regress_mlops_reader;
SELECT count(*) FROM mlops.performance('pf_hit') WHERE metric = 'auc';
SELECT mlops.performance('pf_y');
SET ROLE regress_mlops_outsider;
SELECT mlops.performance('pf_hit');
SELECT mlops.performance('pf_none');
RESET ROLE;

SELECT sum((mlops.drop_model(m)).versions) FROM unnest('{pf_hit,pf_y,pf_colour}'::text[]) m;
DELETE FROM mlops_private.prediction WHERE model_id NOT IN (SELECT model_id FROM mlops_private.model);
DROP VIEW pf_log;
DROP TABLE pf_rows;
DROP ROLE regress_mlops_reader, regress_mlops_outsider;
