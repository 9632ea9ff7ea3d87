-- Transition states of the metric aggregates as hostile values: any text is a
-- valid state or an error, and any state can be used or is refused.
\set VERBOSITY sqlstate
CREATE AGGREGATE pg_temp.regression(float8, float8) (SFUNC = mlops_private.metric_regression_add, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.tally(boolean, boolean) (SFUNC = mlops_private.metric_tally_bool, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.probability(boolean, float8) (SFUNC = mlops_private.metric_probability_add, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.calibration(boolean, float8, integer) (SFUNC = mlops_private.metric_calibration_add, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.rank(boolean, float8) (SFUNC = mlops_private.metric_rank_bool, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.confusion(text, text) (SFUNC = mlops_private.metric_confusion_add, STYPE = mlops_private.metric_state);
CREATE TEMP TABLE state (kind text, s mlops_private.metric_state);
INSERT INTO state
SELECT v.kind, v.s FROM (
  SELECT pg_temp.regression(g, g + 0.1) AS r, pg_temp.tally(g % 2 = 0, g % 3 = 0) AS t, pg_temp.probability(g % 2 = 0, g / 9.0) AS p,
         pg_temp.calibration(g % 2 = 0, g / 9.0, 3) AS c, pg_temp.rank(g % 2 = 0, g / 9.0) AS k, pg_temp.confusion((g % 3)::text, (g % 2)::text) AS f
    FROM generate_series(0, 9) g) x,
  LATERAL (VALUES ('regression', r), ('tally', t), ('probability', p), ('calibration', c), ('rank', k), ('confusion', f)) v(kind, s);
-- the exact text form, and the binary one
SELECT kind, s::text::mlops_private.metric_state::text = s::text AS round_trip,
       encode(mlops_private.metric_state_send(s), 'hex') = s::text AS hex_of_binary,
       length(s::text) AS length
  FROM state ORDER BY kind;
SELECT s FROM state WHERE kind = 'tally';
-- a state can be stored, toasted and carried on
CREATE TEMP TABLE stored AS
SELECT pg_temp.rank(g % 2 = 0, g % 100) AS s, mlops.auc(g % 2 = 0, g % 100) FROM generate_series(1, 5000) g;
SELECT abs(mlops_private.metric_auc(s) - auc) < 1e-15 AS same,
       abs(mlops_private.metric_auc(mlops_private.metric_rank_bool(s, true, 3)) - auc) < 1e-3 AS one_more,
       abs(mlops_private.metric_auc(mlops_private.metric_combine(s, s)) - auc) < 1e-15 AS doubled,
       abs(mlops_private.metric_auc(s) - auc) < 1e-15 AS still_the_same
  FROM stored;
-- combining, outside of aggregates too, changes neither argument
SELECT kind, mlops_private.metric_combine(s, s)::text <> s::text AS combined, s::text = old AS unchanged
  FROM (SELECT kind, s, s::text AS old FROM state) t ORDER BY kind;
-- what is not a state
SELECT ''::mlops_private.metric_state;
SELECT '0'::mlops_private.metric_state;
SELECT '01'::mlops_private.metric_state;
SELECT '0x'::mlops_private.metric_state;
SELECT '0109'::mlops_private.metric_state;
SELECT '0202'::mlops_private.metric_state;
SELECT ('0102' || repeat('ff', 32))::mlops_private.metric_state;
SELECT ('0105' || repeat('ff', 16))::mlops_private.metric_state;
SELECT ('0105' || '001fffffffffffff' || '0000000000000001')::mlops_private.metric_state;
SELECT ('0106' || '00000000000003e8')::mlops_private.metric_state;
-- a label of invalid bytes, one twice, and one with a zero byte
SELECT ('0106' || '0000000000000001' || '0000000000000001' || 'ff' || '0000000000000001')::mlops_private.metric_state;
SELECT ('0106' || '0000000000000002' || repeat('0000000000000001' || '61', 2) || repeat('0000000000000001', 4))::mlops_private.metric_state;
SELECT ('0106' || '0000000000000001' || '0000000000000001' || '00' || '0000000000000001')::mlops_private.metric_state;
-- counts beyond exactness when combined
SELECT mlops_private.metric_combine(s, s) FROM (SELECT ('0102' || '0020000000000000' || repeat('0', 48))::mlops_private.metric_state AS s) t;
-- a state of another metric
SELECT mlops_private.metric_auc(s) FROM state WHERE kind = 'tally';
SELECT mlops_private.metric_regression_add(s, 1, 1) FROM state WHERE kind = 'confusion';
SELECT mlops_private.metric_combine(a.s, b.s) FROM state a, state b WHERE a.kind = 'rank' AND b.kind = 'confusion';
SELECT mlops_private.metric_combine(a, b) FROM (SELECT pg_temp.calibration(true, 0.5, 3) AS a, pg_temp.calibration(true, 0.5, 4) AS b) t;
CREATE FUNCTION pg_temp.is_state(t text) RETURNS boolean LANGUAGE plpgsql
AS $$ BEGIN PERFORM t::mlops_private.metric_state; RETURN true; EXCEPTION WHEN invalid_text_representation THEN RETURN false; END $$;
-- every truncation is refused; so is every longer text
SELECT kind, count(*) AS cuts, count(*) FILTER (WHERE ok) AS accepted
  FROM state, generate_series(0, length(s::text) + 1) cut,
       LATERAL (SELECT pg_temp.is_state(CASE WHEN cut > length(s::text) THEN s::text || '00' ELSE left(s::text, cut) END) AND cut <> length(s::text) AS ok) x
 GROUP BY kind ORDER BY kind;
-- an ordinary role aggregates, but does not reach the states
CREATE ROLE regress_mlops_metrics;
SET ROLE regress_mlops_metrics;
SELECT mlops.rmse(1, 2), mlops.auc(g > 1, g), mlops.confusion('a', 'b') FROM generate_series(1, 2) g;
SELECT '01'::mlops_private.metric_state;
RESET ROLE;
DROP ROLE regress_mlops_metrics;
