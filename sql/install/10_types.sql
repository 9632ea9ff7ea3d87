/* 10_types.sql: the type mlops.model, a trained model as one value.  Refers to nothing but the schemas. */

CREATE TYPE mlops.model;

CREATE FUNCTION mlops.model_in(
    cstring)
RETURNS mlops.model
AS 'MODULE_PATHNAME', 'mlops_model_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.model_in(cstring)
  IS 'I/O';

CREATE FUNCTION mlops.model_out(
    mlops.model)
RETURNS cstring
AS 'MODULE_PATHNAME', 'mlops_model_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.model_out(mlops.model)
  IS 'I/O';

CREATE FUNCTION mlops.model_recv(
    internal)
RETURNS mlops.model
AS 'MODULE_PATHNAME', 'mlops_model_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.model_recv(internal)
  IS 'I/O';

CREATE FUNCTION mlops.model_send(
    mlops.model)
RETURNS bytea
AS 'MODULE_PATHNAME', 'mlops_model_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION mlops.model_send(mlops.model)
  IS 'I/O';

-- external: the bytes are compressed already, and a slice of them must be cheap to read
CREATE TYPE mlops.model (
    INPUT = mlops.model_in,
    OUTPUT = mlops.model_out,
    RECEIVE = mlops.model_recv,
    SEND = mlops.model_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external);
COMMENT ON TYPE mlops.model
  IS 'a trained model: self-contained, checksummed bytes that can score without any table';

-- equality is that of the content's SHA-256

CREATE FUNCTION mlops.model_eq(
    mlops.model,
    mlops.model)
RETURNS boolean
AS 'MODULE_PATHNAME', 'mlops_model_eq'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops.model_eq(mlops.model, mlops.model)
  IS 'implementation of = operator';

CREATE FUNCTION mlops.model_ne(
    mlops.model,
    mlops.model)
RETURNS boolean
AS 'MODULE_PATHNAME', 'mlops_model_ne'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops.model_ne(mlops.model, mlops.model)
  IS 'implementation of <> operator';

CREATE FUNCTION mlops.model_hash(
    mlops.model)
RETURNS integer
AS 'MODULE_PATHNAME', 'mlops_model_hash'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops.model_hash(mlops.model)
  IS 'hash of a model''s content';

CREATE OPERATOR mlops.= (
    FUNCTION = mlops.model_eq,
    LEFTARG = mlops.model,
    RIGHTARG = mlops.model,
    COMMUTATOR = OPERATOR(mlops.=),
    NEGATOR = OPERATOR(mlops.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES);
COMMENT ON OPERATOR mlops.= (mlops.model, mlops.model)
  IS 'same content';

CREATE OPERATOR mlops.<> (
    FUNCTION = mlops.model_ne,
    LEFTARG = mlops.model,
    RIGHTARG = mlops.model,
    COMMUTATOR = OPERATOR(mlops.<>),
    NEGATOR = OPERATOR(mlops.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel);
COMMENT ON OPERATOR mlops.<> (mlops.model, mlops.model)
  IS 'other content';

CREATE OPERATOR CLASS mlops.model_hash_ops
DEFAULT FOR TYPE mlops.model USING hash AS
    OPERATOR 1 mlops.=,
    FUNCTION 1 mlops.model_hash(mlops.model);
COMMENT ON OPERATOR CLASS mlops.model_hash_ops USING hash
  IS 'hashing of models, for DISTINCT and GROUP BY';

-- private

CREATE FUNCTION mlops_private.model_cache(
    OUT entries bigint,
    OUT pinned bigint,
    OUT bytes bigint,
    OUT hits bigint,
    OUT misses bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_model_cache'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION mlops_private.model_cache()
  IS 'what this backend''s cache of unpacked models holds and has done';

CREATE FUNCTION mlops_private.model_repack(
    model mlops.model)
RETURNS mlops.model
AS 'MODULE_PATHNAME', 'mlops_model_repack'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops_private.model_repack(mlops.model)
  IS 'a model as this release writes it; sections of later releases are lost';
