-- Mutated text forms of the metric aggregates' states: each must be refused
-- with an expected SQLSTATE, or be a state that reads back as itself and that
-- every function accepts or refuses.  Seeded; prints the counts, raises on
-- anything unexpected.  Needs the extension and a role that may use
-- mlops_private.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL mlops.fit_memory = '1MB';
CREATE AGGREGATE pg_temp.fuzz_regression(float8, float8) (SFUNC = mlops_private.metric_regression_add, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.fuzz_tally(boolean, boolean) (SFUNC = mlops_private.metric_tally_bool, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.fuzz_probability(boolean, float8) (SFUNC = mlops_private.metric_probability_add, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.fuzz_calibration(boolean, float8, integer) (SFUNC = mlops_private.metric_calibration_add, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.fuzz_rank(boolean, float8) (SFUNC = mlops_private.metric_rank_bool, STYPE = mlops_private.metric_state);
CREATE AGGREGATE pg_temp.fuzz_confusion(text, text) (SFUNC = mlops_private.metric_confusion_add, STYPE = mlops_private.metric_state);
DO $fuzz$
DECLARE
  n_mutations CONSTANT int := 100000;
  allowed CONSTANT text[] := '{22P02,22P03,XX001,54000,22023,22000,22003}';
  interesting CONSTANT text[] := '{00,01,7f,80,ff,10,20,f0}';
  seed bigint := 20260101;
  seeds text[];
  text_form text;
  state mlops_private.metric_state;
  at int;
  accepted int := 0;
  refused int := 0;
  result text;
BEGIN
  SELECT ARRAY[r::text, t::text, p::text, c::text, k::text, f::text,
               mlops_private.metric_combine(r, r)::text, k0::text, f0::text]
    INTO seeds
    FROM (SELECT pg_temp.fuzz_regression(g, g + 0.25) AS r,
                 pg_temp.fuzz_tally(g % 2 = 0, g % 3 = 0) AS t,
                 pg_temp.fuzz_probability(g % 2 = 0, g / 9.0) AS p,
                 pg_temp.fuzz_calibration(g % 2 = 0, g / 9.0, 3) AS c,
                 pg_temp.fuzz_rank(g % 2 = 0, g / 9.0) AS k,
                 pg_temp.fuzz_rank(true, g) FILTER (WHERE g = 0) AS k0,
                 pg_temp.fuzz_confusion('class ' || g % 3, 'é' || g % 2) AS f,
                 pg_temp.fuzz_confusion('', '') AS f0
            FROM generate_series(0, 9) g) s;
  FOR i IN 1 .. n_mutations LOOP
    text_form := seeds[1 + i % array_length(seeds, 1)];
    FOR j IN 1 .. 1 + i % 3 LOOP
      seed := (seed * 1103515245 + 12345) % 2147483648;
      at := 1 + 2 * (((seed / 65536) % (length(text_form) / 2 + 1))::int);
      seed := (seed * 1103515245 + 12345) % 2147483648;
      text_form := CASE (seed / 65536) % 8
        WHEN 0 THEN left(text_form, at - 1) || substr(text_form, at + 2)
        WHEN 1 THEN left(text_form, at - 1) || interesting[1 + (seed / 1048576) % 8] || substr(text_form, at)
        WHEN 2 THEN left(text_form, at - 1)
        WHEN 3 THEN left(text_form, at - 1) || '7ff0000000000000' || substr(text_form, at + 16)
        WHEN 4 THEN left(text_form, at - 1) || 'fff8000000000001' || substr(text_form, at + 16)
        WHEN 5 THEN left(text_form, at - 1) || '001fffffffffffff' || substr(text_form, at + 16)
        ELSE left(text_form, at - 1) || lpad(to_hex((seed / 1048576) % 256), 2, '0') || substr(text_form, at + 2)
      END;
    END LOOP;
    BEGIN
      state := text_form::mlops_private.metric_state;
      accepted := accepted + 1;
      IF state::text::mlops_private.metric_state::text <> state::text THEN
        RAISE EXCEPTION 'mutation %: the text form does not read back', i USING ERRCODE = 'P0004';
      END IF;
      state := mlops_private.metric_combine(state, state);
      CASE substr(text_form, 3, 2)
        WHEN '01' THEN
          state := mlops_private.metric_regression_add(state, 1, 2);
          result := concat(mlops_private.metric_rmse(state), mlops_private.metric_mae(state), mlops_private.metric_mape(state), mlops_private.metric_r2(state));
        WHEN '02' THEN
          state := mlops_private.metric_tally_bool(state, true, false);
          result := concat(mlops_private.metric_accuracy(state), mlops_private.metric_precision(state), mlops_private.metric_recall(state), mlops_private.metric_f1(state));
        WHEN '03' THEN
          state := mlops_private.metric_probability_add(state, true, 0.5);
          result := concat(mlops_private.metric_log_loss(state), mlops_private.metric_brier(state));
        WHEN '04' THEN
          result := mlops_private.metric_ece(state);
          state := mlops_private.metric_calibration_add(state, true, 0.5, 3);
        WHEN '05' THEN
          state := mlops_private.metric_rank_bool(state, true, 0.5);
          result := mlops_private.metric_auc(state);
        ELSE
          state := mlops_private.metric_confusion_add(state, 'new', 'label');
          result := concat(mlops_private.metric_confusion(state), mlops_private.metric_f1_macro(state), mlops_private.metric_precision_macro(state), mlops_private.metric_recall_macro(state));
      END CASE;
      IF result LIKE '%NaN%' OR result LIKE '%Infinity%' THEN
        RAISE EXCEPTION 'mutation %: a value is not a number', i USING ERRCODE = 'P0004';
      END IF;
      result := state::text;
    EXCEPTION WHEN OTHERS THEN
      IF NOT SQLSTATE = ANY (allowed) THEN
        RAISE EXCEPTION 'mutation % (%): unexpected SQLSTATE %: %', i, text_form, SQLSTATE, SQLERRM;
      END IF;
      refused := refused + 1;
    END;
  END LOOP;
  IF accepted < n_mutations / 100 OR refused < n_mutations / 100 THEN
    RAISE EXCEPTION 'mutations are one-sided: % accepted, % refused', accepted, refused;
  END IF;
  RAISE NOTICE 'metric_states: % mutations, % read, % refused at some point', n_mutations, accepted, refused;
END
$fuzz$;
ROLLBACK;
