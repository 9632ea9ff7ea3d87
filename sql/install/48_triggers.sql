-- triggers that score: a row arrives with its prediction.  Refers to nothing
-- but the schema.

CREATE FUNCTION mlops.score_trigger()
RETURNS trigger
AS 'MODULE_PATHNAME', 'mlops_score_trigger'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.score_trigger()
  IS 'BEFORE INSERT OR UPDATE, FOR EACH ROW: score_trigger(''model'', ''column'' [, ''on_error=null''] [, ''on_outside=null''] [, ''outside=flag_column'']) sets the column to the prediction, the class or the probabilities, by the column''s type';
