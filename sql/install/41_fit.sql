-- the fit() aggregate: a model per group.  Refers to 10_types.

CREATE TYPE mlops_private.fit_state;
COMMENT ON TYPE mlops_private.fit_state
  IS 'transition state of aggregate mlops.fit';

CREATE FUNCTION mlops_private.fit_state_in(
    cstring)
RETURNS mlops_private.fit_state
AS 'MODULE_PATHNAME', 'mlops_fit_state_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fit_state_in(cstring)
  IS 'I/O of mlops_private.fit_state';

CREATE FUNCTION mlops_private.fit_state_out(
    mlops_private.fit_state)
RETURNS cstring
AS 'MODULE_PATHNAME', 'mlops_fit_state_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fit_state_out(mlops_private.fit_state)
  IS 'I/O of mlops_private.fit_state';

CREATE FUNCTION mlops_private.fit_state_recv(
    internal)
RETURNS mlops_private.fit_state
AS 'MODULE_PATHNAME', 'mlops_fit_state_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fit_state_recv(internal)
  IS 'I/O of mlops_private.fit_state';

CREATE FUNCTION mlops_private.fit_state_send(
    mlops_private.fit_state)
RETURNS bytea
AS 'MODULE_PATHNAME', 'mlops_fit_state_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fit_state_send(mlops_private.fit_state)
  IS 'I/O of mlops_private.fit_state';

CREATE TYPE mlops_private.fit_state (
    INPUT = mlops_private.fit_state_in,
    OUTPUT = mlops_private.fit_state_out,
    RECEIVE = mlops_private.fit_state_recv,
    SEND = mlops_private.fit_state_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);

CREATE FUNCTION mlops_private.fit_step(
    state mlops_private.fit_state,
    algorithm text,
    target double precision,
    x double precision[])
RETURNS mlops_private.fit_state
AS 'MODULE_PATHNAME', 'mlops_fit_step_number'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.fit_step(mlops_private.fit_state, text, double precision, double precision[])
  IS 'transition of aggregate mlops.fit';

CREATE FUNCTION mlops_private.fit_step(
    state mlops_private.fit_state,
    algorithm text,
    target double precision,
    x double precision[],
    options jsonb)
RETURNS mlops_private.fit_state
AS 'MODULE_PATHNAME', 'mlops_fit_step_number'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.fit_step(mlops_private.fit_state, text, double precision, double precision[], jsonb)
  IS 'transition of aggregate mlops.fit';

CREATE FUNCTION mlops_private.fit_step(
    state mlops_private.fit_state,
    algorithm text,
    target text,
    x double precision[])
RETURNS mlops_private.fit_state
AS 'MODULE_PATHNAME', 'mlops_fit_step_text'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.fit_step(mlops_private.fit_state, text, text, double precision[])
  IS 'transition of aggregate mlops.fit';

CREATE FUNCTION mlops_private.fit_step(
    state mlops_private.fit_state,
    algorithm text,
    target text,
    x double precision[],
    options jsonb)
RETURNS mlops_private.fit_state
AS 'MODULE_PATHNAME', 'mlops_fit_step_text'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.fit_step(mlops_private.fit_state, text, text, double precision[], jsonb)
  IS 'transition of aggregate mlops.fit';

CREATE FUNCTION mlops_private.fit_step(
    state mlops_private.fit_state,
    algorithm text,
    target boolean,
    x double precision[])
RETURNS mlops_private.fit_state
AS 'MODULE_PATHNAME', 'mlops_fit_step_bool'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.fit_step(mlops_private.fit_state, text, boolean, double precision[])
  IS 'transition of aggregate mlops.fit';

CREATE FUNCTION mlops_private.fit_step(
    state mlops_private.fit_state,
    algorithm text,
    target boolean,
    x double precision[],
    options jsonb)
RETURNS mlops_private.fit_state
AS 'MODULE_PATHNAME', 'mlops_fit_step_bool'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.fit_step(mlops_private.fit_state, text, boolean, double precision[], jsonb)
  IS 'transition of aggregate mlops.fit';

CREATE FUNCTION mlops_private.fit_combine(
    a mlops_private.fit_state,
    b mlops_private.fit_state)
RETURNS mlops_private.fit_state
AS 'MODULE_PATHNAME', 'mlops_fit_combine'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops_private.fit_combine(mlops_private.fit_state, mlops_private.fit_state)
  IS 'combination of two groups'' states of aggregate mlops.fit';

CREATE FUNCTION mlops_private.fit_final(
    state mlops_private.fit_state)
RETURNS mlops.model
AS 'MODULE_PATHNAME', 'mlops_fit_final'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION mlops_private.fit_final(mlops_private.fit_state)
  IS 'model of aggregate mlops.fit';

CREATE AGGREGATE mlops.fit(
    algorithm text,
    target double precision,
    x double precision[])
(
    SFUNC = mlops_private.fit_step,
    STYPE = mlops_private.fit_state,
    FINALFUNC = mlops_private.fit_final,
    COMBINEFUNC = mlops_private.fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.fit(text, double precision, double precision[])
  IS 'model of each group; the target is a number, or a class for classification algorithms';

CREATE AGGREGATE mlops.fit(
    algorithm text,
    target double precision,
    x double precision[],
    options jsonb)
(
    SFUNC = mlops_private.fit_step,
    STYPE = mlops_private.fit_state,
    FINALFUNC = mlops_private.fit_final,
    COMBINEFUNC = mlops_private.fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.fit(text, double precision, double precision[], jsonb)
  IS 'model of each group; the target is a number, or a class for classification algorithms';

CREATE AGGREGATE mlops.fit(
    algorithm text,
    target text,
    x double precision[])
(
    SFUNC = mlops_private.fit_step,
    STYPE = mlops_private.fit_state,
    FINALFUNC = mlops_private.fit_final,
    COMBINEFUNC = mlops_private.fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.fit(text, text, double precision[])
  IS 'model of each group; the target is a class';

CREATE AGGREGATE mlops.fit(
    algorithm text,
    target text,
    x double precision[],
    options jsonb)
(
    SFUNC = mlops_private.fit_step,
    STYPE = mlops_private.fit_state,
    FINALFUNC = mlops_private.fit_final,
    COMBINEFUNC = mlops_private.fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.fit(text, text, double precision[], jsonb)
  IS 'model of each group; the target is a class';

CREATE AGGREGATE mlops.fit(
    algorithm text,
    target boolean,
    x double precision[])
(
    SFUNC = mlops_private.fit_step,
    STYPE = mlops_private.fit_state,
    FINALFUNC = mlops_private.fit_final,
    COMBINEFUNC = mlops_private.fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.fit(text, boolean, double precision[])
  IS 'model of each group; the target is true or false';

CREATE AGGREGATE mlops.fit(
    algorithm text,
    target boolean,
    x double precision[],
    options jsonb)
(
    SFUNC = mlops_private.fit_step,
    STYPE = mlops_private.fit_state,
    FINALFUNC = mlops_private.fit_final,
    COMBINEFUNC = mlops_private.fit_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.fit(text, boolean, double precision[], jsonb)
  IS 'model of each group; the target is true or false';
