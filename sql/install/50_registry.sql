/* sql/install/50_registry.sql: dropping and renaming.
 *
 * Functions of the invoker: they check the caller's rights on the model, then write the
 * tables of 20_tables.sql as the extension's owner.  Each returns what it did as a row.
 */

-- models and versions

CREATE FUNCTION mlops.drop_version(
    model text,
    version integer DEFAULT NULL,
    OUT model text,
    OUT version integer)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_drop_version'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.drop_version(text, integer)
  IS 'remove a version that no alias points to: drop_version(''credit:2'') or drop_version(''credit'', 2)';

CREATE FUNCTION mlops.drop_model(
    model text,
    OUT model text,
    OUT versions integer)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_drop_model'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.drop_model(text)
  IS 'remove a model with all its versions and aliases';

CREATE FUNCTION mlops.rename_model(
    model text,
    new_name text,
    OUT model text,
    OUT previous_name text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_rename_model'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.rename_model(text, text)
  IS 'give a model another name; versions and aliases stay';

CREATE FUNCTION mlops.transfer_model(
    model text,
    new_owner name,
    OUT model text,
    OUT owner text,
    OUT previous_owner text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_transfer_model'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.transfer_model(text, name)
  IS 'give a model to another role, which you must be a member of; grants stay';

-- private

CREATE FUNCTION mlops_private.current_owner(
    owner_oid oid,
    owner_name name,
    owner_system bigint)
RETURNS name
AS 'MODULE_PATHNAME', 'mlops_current_owner'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.current_owner(oid, name, bigint)
  IS 'the role that owns a model today; NULL when it is gone';
