/* sql/install/94_references.sql: foreign keys that act, but do not check.
 *
 * pg_restore -j loads the tables of an extension in any order and in several sessions, so
 * a row can come before the one it refers to.  Deletions still cascade; that what is
 * referred to exists is seen to by the functions, which are all that writes these tables
 * and lock the model first.
 */

CREATE FUNCTION mlops_private.disable_reference_checks()
RETURNS integer
AS 'MODULE_PATHNAME', 'mlops_disable_reference_checks'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops_private.disable_reference_checks()
  IS 'for install and upgrade scripts: foreign keys of our tables check no new rows, so that they can be loaded in any order';
SELECT mlops_private.disable_reference_checks();
