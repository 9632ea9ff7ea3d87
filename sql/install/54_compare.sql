/* sql/install/54_compare.sql: two versions side by side.
 *
 * Refers to 20_tables.sql.
 */

CREATE FUNCTION mlops.compare(
    model text,
    version_a integer,
    version_b integer,
    source text DEFAULT NULL,
    target name DEFAULT NULL,
    options jsonb DEFAULT '{}',
    OUT kind text,
    OUT item text,
    OUT a text,
    OUT b text,
    OUT difference double precision,
    OUT ci_low double precision,
    OUT ci_high double precision,
    OUT p_value double precision,
    OUT n bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_compare'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 20;
COMMENT ON FUNCTION mlops.compare(text, integer, integer, text, name, jsonb)
  IS 'two versions of a model side by side: metrics, options and data as recorded, and with a source both measured on the same rows, with intervals and a test of the difference';
