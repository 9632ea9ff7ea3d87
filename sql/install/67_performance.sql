/* sql/install/67_performance.sql: how good logged predictions were.
 *
 * Refers to 29_log_tables.sql.
 */

CREATE FUNCTION mlops.performance(
    model text,
    since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL,
    "window" interval DEFAULT NULL,
    segment text DEFAULT NULL,
    estimate boolean DEFAULT false,
    version integer DEFAULT NULL,
    OUT version integer,
    OUT shadow boolean,
    OUT window_start timestamptz,
    OUT window_end timestamptz,
    OUT segment text,
    OUT metric text,
    OUT value double precision,
    OUT rows bigint,
    OUT predictions bigint,
    OUT estimated boolean,
    OUT calibration_error double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_performance_rows'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION mlops.performance(text, timestamptz, timestamptz, interval, text, boolean, integer)
  IS 'metrics of logged predictions by version, window and segment, from recorded outcomes or, with estimate, from calibrated probabilities';
