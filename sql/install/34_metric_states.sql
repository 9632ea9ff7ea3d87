-- metric states: the type of the metric aggregates' transition states and the
-- functions that make them.  Refers to the schemas of 00_prologue.sql alone.
-- No state is "internal", so that parallel query and distributed tables can
-- aggregate in parts.

-- state

CREATE TYPE mlops_private.metric_state;
COMMENT ON TYPE mlops_private.metric_state
  IS 'transition state of a metric aggregate';

CREATE FUNCTION mlops_private.metric_state_in(
    text_form cstring)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_state_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_state_in(cstring)
  IS 'input of metric_state';

CREATE FUNCTION mlops_private.metric_state_out(
    state mlops_private.metric_state)
RETURNS cstring
AS 'MODULE_PATHNAME', 'mlops_metric_state_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_state_out(mlops_private.metric_state)
  IS 'output of metric_state';

CREATE FUNCTION mlops_private.metric_state_recv(
    binary_form internal)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_state_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_state_recv(internal)
  IS 'binary input of metric_state';

CREATE FUNCTION mlops_private.metric_state_send(
    state mlops_private.metric_state)
RETURNS bytea
AS 'MODULE_PATHNAME', 'mlops_metric_state_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_state_send(mlops_private.metric_state)
  IS 'binary output of metric_state';

CREATE TYPE mlops_private.metric_state (
    INPUT = mlops_private.metric_state_in,
    OUTPUT = mlops_private.metric_state_out,
    RECEIVE = mlops_private.metric_state_recv,
    SEND = mlops_private.metric_state_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);

CREATE FUNCTION mlops_private.metric_combine(
    state mlops_private.metric_state,
    other mlops_private.metric_state)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_combine'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_combine(mlops_private.metric_state, mlops_private.metric_state)
  IS 'state of the rows of both';

-- transition functions

CREATE FUNCTION mlops_private.metric_regression_add(
    state     mlops_private.metric_state,
    actual    double precision,
    predicted double precision)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_regression_add'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_regression_add(mlops_private.metric_state, double precision, double precision)
  IS 'count one row of a regression';

CREATE FUNCTION mlops_private.metric_tally_bool(
    state     mlops_private.metric_state,
    actual    boolean,
    predicted boolean)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_tally_bool'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_tally_bool(mlops_private.metric_state, boolean, boolean)
  IS 'count one row of two classes';

CREATE FUNCTION mlops_private.metric_tally_positive(
    state     mlops_private.metric_state,
    actual    text,
    predicted text,
    positive  text)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_tally_positive'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_tally_positive(mlops_private.metric_state, text, text, text)
  IS 'count one row, positive or not';

CREATE FUNCTION mlops_private.metric_equal_text(
    state     mlops_private.metric_state,
    actual    text,
    predicted text)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_equal_text'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_equal_text(mlops_private.metric_state, text, text)
  IS 'count one row, right or wrong';

CREATE FUNCTION mlops_private.metric_equal_int8(
    state     mlops_private.metric_state,
    actual    bigint,
    predicted bigint)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_equal_int8'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_equal_int8(mlops_private.metric_state, bigint, bigint)
  IS 'count one row, right or wrong';

CREATE FUNCTION mlops_private.metric_probability_add(
    state       mlops_private.metric_state,
    actual      boolean,
    probability double precision)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_probability_add'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_probability_add(mlops_private.metric_state, boolean, double precision)
  IS 'count one probability';

CREATE FUNCTION mlops_private.metric_calibration_add(
    state       mlops_private.metric_state,
    actual      boolean,
    probability double precision)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_calibration_add'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_calibration_add(mlops_private.metric_state, boolean, double precision)
  IS 'count one probability in its bin of ten';

CREATE FUNCTION mlops_private.metric_calibration_add(
    state       mlops_private.metric_state,
    actual      boolean,
    probability double precision,
    bins        integer)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_calibration_add'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_calibration_add(mlops_private.metric_state, boolean, double precision, integer)
  IS 'count one probability in its bin';

CREATE FUNCTION mlops_private.metric_rank_bool(
    state  mlops_private.metric_state,
    actual boolean,
    score  double precision)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_rank_bool'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_rank_bool(mlops_private.metric_state, boolean, double precision)
  IS 'keep one score';

CREATE FUNCTION mlops_private.metric_rank_text(
    state    mlops_private.metric_state,
    actual   text,
    score    double precision,
    positive text)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_rank_text'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_rank_text(mlops_private.metric_state, text, double precision, text)
  IS 'keep one score, positive or not';

CREATE FUNCTION mlops_private.metric_confusion_add(
    state     mlops_private.metric_state,
    actual    text,
    predicted text)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_confusion_add'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_confusion_add(mlops_private.metric_state, text, text)
  IS 'count one pair of labels';

-- final functions

CREATE FUNCTION mlops_private.metric_rmse(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_rmse'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_rmse(mlops_private.metric_state)
  IS 'value of rmse';

CREATE FUNCTION mlops_private.metric_mae(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_mae'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_mae(mlops_private.metric_state)
  IS 'value of mae';

CREATE FUNCTION mlops_private.metric_r2(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_r2'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_r2(mlops_private.metric_state)
  IS 'value of r2';

CREATE FUNCTION mlops_private.metric_mape(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_mape'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_mape(mlops_private.metric_state)
  IS 'value of mape';

CREATE FUNCTION mlops_private.metric_accuracy(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_accuracy'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_accuracy(mlops_private.metric_state)
  IS 'value of accuracy';

CREATE FUNCTION mlops_private.metric_precision(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_precision'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_precision(mlops_private.metric_state)
  IS 'value of precision';

CREATE FUNCTION mlops_private.metric_recall(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_recall'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_recall(mlops_private.metric_state)
  IS 'value of recall';

CREATE FUNCTION mlops_private.metric_f1(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_f1'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_f1(mlops_private.metric_state)
  IS 'value of f1';

CREATE FUNCTION mlops_private.metric_log_loss(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_log_loss'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_log_loss(mlops_private.metric_state)
  IS 'value of log_loss';

CREATE FUNCTION mlops_private.metric_brier(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_brier'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_brier(mlops_private.metric_state)
  IS 'value of brier';

CREATE FUNCTION mlops_private.metric_ece(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_ece'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_ece(mlops_private.metric_state)
  IS 'value of ece';

CREATE FUNCTION mlops_private.metric_auc(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_auc'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_auc(mlops_private.metric_state)
  IS 'value of auc';

CREATE FUNCTION mlops_private.metric_precision_macro(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_precision_macro'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_precision_macro(mlops_private.metric_state)
  IS 'value of precision over all classes';

CREATE FUNCTION mlops_private.metric_recall_macro(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_recall_macro'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_recall_macro(mlops_private.metric_state)
  IS 'value of recall over all classes';

CREATE FUNCTION mlops_private.metric_f1_macro(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_f1_macro'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_f1_macro(mlops_private.metric_state)
  IS 'value of f1 over all classes';

CREATE FUNCTION mlops_private.metric_confusion(
    state mlops_private.metric_state)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_metric_confusion'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_confusion(mlops_private.metric_state)
  IS 'value of confusion';

