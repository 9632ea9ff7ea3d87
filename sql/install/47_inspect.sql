-- looking inside models and algorithms.  Refers to 10_types.

CREATE FUNCTION mlops.describe(
    model text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_describe_name'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.describe(text)
  IS 'what a model is: algorithm, task, target, classes, features, facts of its training';

CREATE FUNCTION mlops.describe(
    model mlops.model)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_describe_value'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.describe(mlops.model)
  IS 'what a model is: algorithm, task, target, classes, features, facts of its training';

CREATE FUNCTION mlops.coefficients(
    model text,
    OUT term text,
    OUT class text,
    OUT estimate double precision,
    OUT std_error double precision,
    OUT statistic double precision,
    OUT p_value double precision,
    OUT ci_low double precision,
    OUT ci_high double precision,
    OUT odds_ratio double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_coefficients_name'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION mlops.coefficients(text)
  IS 'terms of a linear model with standard errors, tests and 95 % confidence intervals';

CREATE FUNCTION mlops.coefficients(
    model mlops.model,
    OUT term text,
    OUT class text,
    OUT estimate double precision,
    OUT std_error double precision,
    OUT statistic double precision,
    OUT p_value double precision,
    OUT ci_low double precision,
    OUT ci_high double precision,
    OUT odds_ratio double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_coefficients_value'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION mlops.coefficients(mlops.model)
  IS 'terms of a linear model with standard errors, tests and 95 % confidence intervals';

CREATE FUNCTION mlops.reference(
    model text,
    OUT track text,
    OUT kind text,
    OUT type text,
    OUT rows bigint,
    OUT missing double precision,
    OUT bins text[],
    OUT shares double precision[],
    OUT ends double precision[])
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_reference_name'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION mlops.reference(text)
  IS 'what a model''s training rows looked like: bins of each feature, of what the model answered, and of how far rows are from the middle; none where the model was made without training data at hand';

CREATE FUNCTION mlops.reference(
    model mlops.model,
    OUT track text,
    OUT kind text,
    OUT type text,
    OUT rows bigint,
    OUT missing double precision,
    OUT bins text[],
    OUT shares double precision[],
    OUT ends double precision[])
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_reference_value'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION mlops.reference(mlops.model)
  IS 'what a model''s training rows looked like: bins of each feature, of what the model answered, and of how far rows are from the middle; none where the model was made without training data at hand';

CREATE FUNCTION mlops.training_history(
    model text,
    OUT iteration integer,
    OUT train_loss double precision,
    OUT validation_loss double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_training_history_name'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION mlops.training_history(text)
  IS 'loss of a boosted model after each iteration, on the training rows and on those that decide when to stop, else on those held out';

CREATE FUNCTION mlops.training_history(
    model mlops.model,
    OUT iteration integer,
    OUT train_loss double precision,
    OUT validation_loss double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_training_history_value'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION mlops.training_history(mlops.model)
  IS 'loss of a boosted model after each iteration, on the training rows and on those that decide when to stop, else on those held out';

CREATE FUNCTION mlops.algorithms(
    OUT algorithm text,
    OUT summary text,
    OUT regression boolean,
    OUT classification boolean,
    OUT coefficients boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_algorithms'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10 ROWS 10;
COMMENT ON FUNCTION mlops.algorithms()
  IS 'algorithms that train() and fit() know';

CREATE FUNCTION mlops.algorithm_options(
    algorithm text,
    OUT option text,
    OUT "default" text,
    OUT valid text,
    OUT description text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_algorithm_options'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10 ROWS 10;
COMMENT ON FUNCTION mlops.algorithm_options(text)
  IS 'options of an algorithm with defaults and valid values';
