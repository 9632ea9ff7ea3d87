-- importance by permutation, which needs rows.  Refers to 10_types.

CREATE FUNCTION mlops.importance(
    model text,
    method text,
    source text,
    target name DEFAULT NULL,
    options jsonb DEFAULT NULL,
    OUT feature text,
    OUT importance double precision,
    OUT deviation double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_permutation_name'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 20;
COMMENT ON FUNCTION mlops.importance(text, text, text, name, jsonb)
  IS 'method => permutation: how much worse a metric gets on a source when one feature''s values are dealt out among its rows';

CREATE FUNCTION mlops.importance(
    model mlops.model,
    method text,
    source text,
    target name DEFAULT NULL,
    options jsonb DEFAULT NULL,
    OUT feature text,
    OUT importance double precision,
    OUT deviation double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_permutation_value'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 20;
COMMENT ON FUNCTION mlops.importance(mlops.model, text, text, name, jsonb)
  IS 'method => permutation: how much worse a metric gets on a source when one feature''s values are dealt out among its rows';
