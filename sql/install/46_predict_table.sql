-- scoring a whole source at once.  Refers to 10_types.

CREATE FUNCTION mlops.predict_table(
    model text,
    source text,
    key name DEFAULT NULL,
    OUT key text,
    OUT prediction double precision,
    OUT label text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_predict_table_name'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION mlops.predict_table(text, text, name)
  IS 'a prediction and a label for every row of a table or query, by key';

CREATE FUNCTION mlops.predict_table(
    model mlops.model,
    source text,
    key name DEFAULT NULL,
    OUT key text,
    OUT prediction double precision,
    OUT label text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_predict_table_value'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION mlops.predict_table(mlops.model, text, name)
  IS 'a prediction and a label for every row of a table or query, by key';
