-- measuring a model on a source.  Refers to 10_types.

CREATE FUNCTION mlops.evaluate(
    model text,
    source text,
    target name DEFAULT NULL,
    OUT metric text,
    OUT value double precision,
    OUT n bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_evaluate_name'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION mlops.evaluate(text, text, name)
  IS 'metrics of a model on the rows of a table or query';

CREATE FUNCTION mlops.evaluate(
    model mlops.model,
    source text,
    target name DEFAULT NULL,
    OUT metric text,
    OUT value double precision,
    OUT n bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_evaluate_value'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION mlops.evaluate(mlops.model, text, name)
  IS 'metrics of a model on the rows of a table or query';
