/* sql/install/72_data_drift.sql: two tables or queries compared column by column. */

CREATE FUNCTION mlops.data_drift(
    reference text,
    current text,
    columns text[] DEFAULT NULL,
    options jsonb DEFAULT '{}',
    OUT "column" text,
    OUT kind text,
    OUT status text,
    OUT severity text,
    OUT psi double precision,
    OUT psi_no_missing double precision,
    OUT noise double precision,
    OUT js_distance double precision,
    OUT hellinger double precision,
    OUT ks double precision,
    OUT ks_p double precision,
    OUT wasserstein double precision,
    OUT wasserstein_scaled double precision,
    OUT chi2 double precision,
    OUT chi2_p double precision,
    OUT p_adjusted double precision,
    OUT unseen double precision,
    OUT missing_reference double precision,
    OUT missing_current double precision,
    OUT missing_p double precision,
    OUT rows_reference bigint,
    OUT rows_current bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_data_drift_sources'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 100000 ROWS 30;
COMMENT ON FUNCTION mlops.data_drift(text, text, text[], jsonb)
  IS 'how far the columns of two tables or queries are apart: PSI, exact Kolmogorov-Smirnov, chi-squared, distances, missing values';
