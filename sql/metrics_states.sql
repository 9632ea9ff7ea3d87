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
-- as between servers: parts that travel as text combine to the whole
CREATE AGGREGATE pg_temp.merge(mlops_private.metric_state) (SFUNC = mlops_private.metric_combine, STYPE = mlops_private.metric_state);
CREATE TEMP TABLE m AS
SELECT g, g % 7 < 3 AS a, (g * 31 % 100) / 100.0::float8 AS s, 'c' || g % 11 AS x, 'c' || g * 31 % 13 AS y FROM generate_series(1, 1000) g;
CREATE TEMP TABLE part AS
SELECT g % 4 AS part, pg_temp.regression(g, s)::text AS r, pg_temp.tally(a, s > 0.5)::text AS t, pg_temp.probability(a, s)::text AS p,
       pg_temp.calibration(a, s, 10)::text AS c, pg_temp.rank(a, s)::text AS k, pg_temp.confusion(x, y)::text AS f
  FROM m GROUP BY 1;
SELECT abs(mlops_private.metric_rmse(r) - mlops.rmse) < 1e-12 AS rmse, abs(mlops_private.metric_r2(r) - mlops.r2) < 1e-9 AS r2,
       mlops_private.metric_f1(t) = mlops.f1 AS f1, abs(mlops_private.metric_log_loss(p) - mlops.log_loss) < 1e-15 AS log_loss,
       abs(mlops_private.metric_ece(c) - mlops.ece) < 1e-15 AS ece, mlops_private.metric_auc(k) = mlops.auc AS auc,
       mlops_private.metric_confusion(f) = mlops.confusion AS confusion, abs(mlops_private.metric_f1_macro(f) - mlops.f1_macro) < 1e-15 AS f1_macro
  FROM (SELECT pg_temp.merge(r::mlops_private.metric_state) AS r, pg_temp.merge(t::mlops_private.metric_state) AS t,
               pg_temp.merge(p::mlops_private.metric_state) AS p, pg_temp.merge(c::mlops_private.metric_state) AS c,
               pg_temp.merge(k::mlops_private.metric_state) AS k, pg_temp.merge(f::mlops_private.metric_state) AS f FROM part) parts,
       (SELECT mlops.rmse(g, s), mlops.r2(g, s), mlops.f1(a, s > 0.5), mlops.log_loss(a, s), mlops.ece(a, s),
               mlops.auc(a, s), mlops.confusion(x, y), mlops.f1(x, y) AS f1_macro FROM m) mlops;
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
