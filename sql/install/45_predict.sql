-- scoring: a row in, a number, a label or probabilities out.  Refers to 10_types.

-- predict

CREATE FUNCTION mlops.predict(
    model text,
    "row" record)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_predict_name_record'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.predict(text, record)
  IS 'the estimate, or the probability of the positive class, of one row (columns by name)';

CREATE FUNCTION mlops.predict(
    model text,
    features jsonb)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_predict_name_jsonb'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.predict(text, jsonb)
  IS 'the estimate, or the probability of the positive class, of one row (keys by name)';

CREATE FUNCTION mlops.predict(
    model text,
    x double precision[])
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_predict_name_array'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.predict(text, double precision[])
  IS 'the estimate, or the probability of the positive class, of one row (by position)';

CREATE FUNCTION mlops.predict(
    model mlops.model,
    "row" record)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_predict_value_record'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.predict(mlops.model, record)
  IS 'the estimate, or the probability of the positive class, of one row (columns by name)';

CREATE FUNCTION mlops.predict(
    model mlops.model,
    features jsonb)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_predict_value_jsonb'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.predict(mlops.model, jsonb)
  IS 'the estimate, or the probability of the positive class, of one row (keys by name)';

CREATE FUNCTION mlops.predict(
    model mlops.model,
    x double precision[])
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_predict_value_array'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.predict(mlops.model, double precision[])
  IS 'the estimate, or the probability of the positive class, of one row (by position)';

-- classify

CREATE FUNCTION mlops.classify(
    model text,
    "row" record)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_classify_name_record'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.classify(text, record)
  IS 'the likeliest class as it stood in the table, of one row (columns by name)';

CREATE FUNCTION mlops.classify(
    model text,
    features jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_classify_name_jsonb'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.classify(text, jsonb)
  IS 'the likeliest class as it stood in the table, of one row (keys by name)';

CREATE FUNCTION mlops.classify(
    model text,
    x double precision[])
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_classify_name_array'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.classify(text, double precision[])
  IS 'the likeliest class as it stood in the table, of one row (by position)';

CREATE FUNCTION mlops.classify(
    model mlops.model,
    "row" record)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_classify_value_record'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.classify(mlops.model, record)
  IS 'the likeliest class as it stood in the table, of one row (columns by name)';

CREATE FUNCTION mlops.classify(
    model mlops.model,
    features jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_classify_value_jsonb'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.classify(mlops.model, jsonb)
  IS 'the likeliest class as it stood in the table, of one row (keys by name)';

CREATE FUNCTION mlops.classify(
    model mlops.model,
    x double precision[])
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_classify_value_array'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.classify(mlops.model, double precision[])
  IS 'the likeliest class as it stood in the table, of one row (by position)';

-- proba

CREATE FUNCTION mlops.proba(
    model text,
    "row" record)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_proba_name_record'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.proba(text, record)
  IS 'the probability of every class, of one row (columns by name)';

CREATE FUNCTION mlops.proba(
    model text,
    features jsonb)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_proba_name_jsonb'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.proba(text, jsonb)
  IS 'the probability of every class, of one row (keys by name)';

CREATE FUNCTION mlops.proba(
    model text,
    x double precision[])
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_proba_name_array'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.proba(text, double precision[])
  IS 'the probability of every class, of one row (by position)';

CREATE FUNCTION mlops.proba(
    model mlops.model,
    "row" record)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_proba_value_record'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.proba(mlops.model, record)
  IS 'the probability of every class, of one row (columns by name)';

CREATE FUNCTION mlops.proba(
    model mlops.model,
    features jsonb)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_proba_value_jsonb'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.proba(mlops.model, jsonb)
  IS 'the probability of every class, of one row (keys by name)';

CREATE FUNCTION mlops.proba(
    model mlops.model,
    x double precision[])
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_proba_value_array'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.proba(mlops.model, double precision[])
  IS 'the probability of every class, of one row (by position)';
