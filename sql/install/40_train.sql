-- training.  Refers to 10_types and 20_tables.

CREATE FUNCTION mlops.train(
    model text,
    source text,
    target name DEFAULT NULL,
    algorithm text DEFAULT 'auto',
    features name[] DEFAULT NULL,
    options jsonb DEFAULT '{}',
    validation jsonb DEFAULT '{"method": "holdout", "fraction": 0.2}',
    weight name DEFAULT NULL,
    alias text DEFAULT NULL,
    note text DEFAULT NULL,
    OUT model text,
    OUT version integer,
    OUT algorithm text,
    OUT rows_used bigint,
    OUT rows_skipped bigint,
    OUT features integer,
    OUT metrics jsonb,
    OUT seconds double precision)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_train'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION mlops.train(text, text, name, text, name[], jsonb, jsonb, name, text, text)
  IS 'train a new version of a model on a table or query and measure it on held-out rows';
