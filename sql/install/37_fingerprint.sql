/* 37_fingerprint.sql: the fingerprint of a set of rows, as an aggregate.
 *
 * Refers to the schemas alone.  The state is not "internal", so that parallel query and
 * distributed tables can aggregate in parts.
 */

-- state

CREATE TYPE mlops_private.fingerprint_state;
COMMENT ON TYPE mlops_private.fingerprint_state
  IS 'transition state of mlops.fingerprint()';

CREATE FUNCTION mlops_private.fingerprint_state_in(
    text_form cstring)
RETURNS mlops_private.fingerprint_state
AS 'MODULE_PATHNAME', 'mlops_fingerprint_state_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fingerprint_state_in(cstring)
  IS 'input of fingerprint_state';

CREATE FUNCTION mlops_private.fingerprint_state_out(
    state mlops_private.fingerprint_state)
RETURNS cstring
AS 'MODULE_PATHNAME', 'mlops_fingerprint_state_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fingerprint_state_out(mlops_private.fingerprint_state)
  IS 'output of fingerprint_state';

CREATE FUNCTION mlops_private.fingerprint_state_recv(
    binary_form internal)
RETURNS mlops_private.fingerprint_state
AS 'MODULE_PATHNAME', 'mlops_fingerprint_state_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fingerprint_state_recv(internal)
  IS 'binary input of fingerprint_state';

CREATE FUNCTION mlops_private.fingerprint_state_send(
    state mlops_private.fingerprint_state)
RETURNS bytea
AS 'MODULE_PATHNAME', 'mlops_fingerprint_state_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fingerprint_state_send(mlops_private.fingerprint_state)
  IS 'binary output of fingerprint_state';

CREATE TYPE mlops_private.fingerprint_state (
    INPUT = mlops_private.fingerprint_state_in,
    OUTPUT = mlops_private.fingerprint_state_out,
    RECEIVE = mlops_private.fingerprint_state_recv,
    SEND = mlops_private.fingerprint_state_send,
    INTERNALLENGTH = 24,
    ALIGNMENT = double,
    STORAGE = plain
);

CREATE FUNCTION mlops_private.fingerprint_add(
    state mlops_private.fingerprint_state,
    "row" record)
RETURNS mlops_private.fingerprint_state
AS 'MODULE_PATHNAME', 'mlops_fingerprint_add'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fingerprint_add(mlops_private.fingerprint_state, record)
  IS 'add one row';

CREATE FUNCTION mlops_private.fingerprint_combine(
    state mlops_private.fingerprint_state,
    other mlops_private.fingerprint_state)
RETURNS mlops_private.fingerprint_state
AS 'MODULE_PATHNAME', 'mlops_fingerprint_combine'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fingerprint_combine(mlops_private.fingerprint_state, mlops_private.fingerprint_state)
  IS 'state of the rows of both';

CREATE FUNCTION mlops_private.fingerprint_final(
    state mlops_private.fingerprint_state)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_fingerprint_final'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.fingerprint_final(mlops_private.fingerprint_state)
  IS 'the fingerprint of the rows added';

-- what people use

CREATE AGGREGATE mlops.fingerprint(
    "row" record) (
    SFUNC = mlops_private.fingerprint_add,
    STYPE = mlops_private.fingerprint_state,
    FINALFUNC = mlops_private.fingerprint_final,
    COMBINEFUNC = mlops_private.fingerprint_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.fingerprint(record)
  IS '128 bits, in hexadecimal, of the rows'' names and values, whatever the order of rows and columns: an identity check, no proof against forgery';
