/* sql/install/51_grants.sql: privileges on models. */

CREATE FUNCTION mlops.grant_model(
    model text,
    role name,
    privilege text,
    with_grant boolean DEFAULT false,
    OUT model text,
    OUT role text,
    OUT privilege text,
    OUT changed boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_grant_model'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.grant_model(text, name, text, boolean)
  IS 'give a role a privilege on a model: read, predict, artifact, logs, train, deploy, approve, unmask, manage; on the database (model NULL): audit, erase';

CREATE FUNCTION mlops.revoke_model(
    model text,
    role name,
    privilege text,
    OUT model text,
    OUT role text,
    OUT privilege text,
    OUT changed boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_revoke_model'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.revoke_model(text, name, text)
  IS 'take a privilege on a model from a role';

-- private

CREATE FUNCTION mlops_private.revoke_from_strangers()
RETURNS integer
AS 'MODULE_PATHNAME', 'mlops_revoke_from_strangers'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops_private.revoke_from_strangers()
  IS 'take every privilege on the extension''s objects from roles other than its owner and PUBLIC; returns how many';

-- private: what views and policies ask

CREATE FUNCTION mlops_private.may(
    model_id bigint,
    privilege text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'mlops_may'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.may(bigint, text)
  IS 'whether the current user has the privilege on the model of this number';

CREATE FUNCTION mlops_private.may_any(
    model_id bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'mlops_may_any'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.may_any(bigint)
  IS 'whether the current user has any privilege on the model of this number';

CREATE FUNCTION mlops_private.may_database(
    privilege text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'mlops_may_database'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mlops_private.may_database(text)
  IS 'whether the current user has the privilege on the database';
