-- metrics: aggregates over (actual, predicted), so that FILTER, GROUP BY and
-- OVER work.  Refers to 34_metric_states.sql.  Aggregates with one transition
-- function share its state within a query.

-- regression

CREATE AGGREGATE mlops.rmse(
    actual    double precision,
    predicted double precision) (
    SFUNC = mlops_private.metric_regression_add,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_rmse,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.rmse(double precision, double precision)
  IS 'root mean squared error';

CREATE AGGREGATE mlops.mae(
    actual    double precision,
    predicted double precision) (
    SFUNC = mlops_private.metric_regression_add,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_mae,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.mae(double precision, double precision)
  IS 'mean absolute error';

CREATE AGGREGATE mlops.r2(
    actual    double precision,
    predicted double precision) (
    SFUNC = mlops_private.metric_regression_add,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_r2,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.r2(double precision, double precision)
  IS 'share of the variance explained';

CREATE AGGREGATE mlops.mape(
    actual    double precision,
    predicted double precision) (
    SFUNC = mlops_private.metric_regression_add,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_mape,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.mape(double precision, double precision)
  IS 'mean absolute error relative to the actual value';

-- classes

CREATE AGGREGATE mlops.accuracy(
    actual    boolean,
    predicted boolean) (
    SFUNC = mlops_private.metric_tally_bool,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_accuracy,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.accuracy(boolean, boolean)
  IS 'share of rows predicted correctly';

CREATE AGGREGATE mlops.accuracy(
    actual    text,
    predicted text) (
    SFUNC = mlops_private.metric_equal_text,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_accuracy,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.accuracy(text, text)
  IS 'share of rows predicted correctly';

CREATE AGGREGATE mlops.accuracy(
    actual    bigint,
    predicted bigint) (
    SFUNC = mlops_private.metric_equal_int8,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_accuracy,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.accuracy(bigint, bigint)
  IS 'share of rows predicted correctly';

CREATE AGGREGATE mlops.precision_score(
    actual    boolean,
    predicted boolean) (
    SFUNC = mlops_private.metric_tally_bool,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_precision,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.precision_score(boolean, boolean)
  IS 'share of true positives among predicted positives';

CREATE AGGREGATE mlops.precision_score(
    actual    text,
    predicted text,
    positive  text) (
    SFUNC = mlops_private.metric_tally_positive,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_precision,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.precision_score(text, text, text)
  IS 'share of true positives among predicted positives';

CREATE AGGREGATE mlops.precision_score(
    actual    text,
    predicted text) (
    SFUNC = mlops_private.metric_confusion_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 600,
    FINALFUNC = mlops_private.metric_precision_macro,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.precision_score(text, text)
  IS 'share of true positives among predicted positives, macro average over all classes';

CREATE AGGREGATE mlops.recall_score(
    actual    boolean,
    predicted boolean) (
    SFUNC = mlops_private.metric_tally_bool,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_recall,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.recall_score(boolean, boolean)
  IS 'share of actual positives that are predicted';

CREATE AGGREGATE mlops.recall_score(
    actual    text,
    predicted text,
    positive  text) (
    SFUNC = mlops_private.metric_tally_positive,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_recall,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.recall_score(text, text, text)
  IS 'share of actual positives that are predicted';

CREATE AGGREGATE mlops.recall_score(
    actual    text,
    predicted text) (
    SFUNC = mlops_private.metric_confusion_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 600,
    FINALFUNC = mlops_private.metric_recall_macro,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.recall_score(text, text)
  IS 'share of actual positives that are predicted, macro average over all classes';

CREATE AGGREGATE mlops.f1(
    actual    boolean,
    predicted boolean) (
    SFUNC = mlops_private.metric_tally_bool,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_f1,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.f1(boolean, boolean)
  IS 'harmonic mean of precision and recall';

CREATE AGGREGATE mlops.f1(
    actual    text,
    predicted text,
    positive  text) (
    SFUNC = mlops_private.metric_tally_positive,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_f1,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.f1(text, text, text)
  IS 'harmonic mean of precision and recall';

CREATE AGGREGATE mlops.f1(
    actual    text,
    predicted text) (
    SFUNC = mlops_private.metric_confusion_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 600,
    FINALFUNC = mlops_private.metric_f1_macro,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.f1(text, text)
  IS 'harmonic mean of precision and recall, macro average over all classes';

CREATE AGGREGATE mlops.confusion(
    actual    text,
    predicted text) (
    SFUNC = mlops_private.metric_confusion_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 600,
    FINALFUNC = mlops_private.metric_confusion,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.confusion(text, text)
  IS 'confusion matrix: {actual: {predicted: rows}}';

-- probabilities

CREATE AGGREGATE mlops.auc(
    actual boolean,
    score  double precision) (
    SFUNC = mlops_private.metric_rank_bool,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_auc,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.auc(boolean, double precision)
  IS 'area under the ROC curve';

CREATE AGGREGATE mlops.auc(
    actual   text,
    score    double precision,
    positive text) (
    SFUNC = mlops_private.metric_rank_text,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_auc,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.auc(text, double precision, text)
  IS 'area under the ROC curve of one class against the others';

CREATE AGGREGATE mlops.log_loss(
    actual      boolean,
    probability double precision) (
    SFUNC = mlops_private.metric_probability_add,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_log_loss,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.log_loss(boolean, double precision)
  IS 'mean negative log likelihood';

CREATE AGGREGATE mlops.brier(
    actual      boolean,
    probability double precision) (
    SFUNC = mlops_private.metric_probability_add,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_brier,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.brier(boolean, double precision)
  IS 'mean squared error of the probability';

CREATE AGGREGATE mlops.ece(
    actual      boolean,
    probability double precision) (
    SFUNC = mlops_private.metric_calibration_add,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_ece,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.ece(boolean, double precision)
  IS 'expected calibration error over ten bins';

CREATE AGGREGATE mlops.ece(
    actual      boolean,
    probability double precision,
    bins        integer) (
    SFUNC = mlops_private.metric_calibration_add,
    STYPE = mlops_private.metric_state,
    FINALFUNC = mlops_private.metric_ece,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.ece(boolean, double precision, integer)
  IS 'expected calibration error over that many bins of equal width';
