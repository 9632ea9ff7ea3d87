/* sql/install/65_drift.sql: drift of the prediction log, or of a source, at once. */

CREATE FUNCTION mlops.drift(
    model text,
    since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL,
    baseline text DEFAULT 'training',
    version integer DEFAULT NULL,
    "last" interval DEFAULT NULL,
    source text DEFAULT NULL,
    OUT feature text,
    OUT kind text,
    OUT method text,
    OUT value double precision,
    OUT threshold double precision,
    OUT severity text,
    OUT p double precision,
    OUT p_adjusted double precision,
    OUT ks_low double precision,
    OUT ks_high double precision,
    OUT js_distance double precision,
    OUT hellinger double precision,
    OUT wasserstein double precision,
    OUT rows bigint,
    OUT reference_rows bigint,
    OUT missing double precision,
    OUT missing_reference double precision,
    OUT unseen double precision,
    OUT out_of_range double precision,
    OUT low_n boolean,
    OUT status text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_drift'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS 30;
COMMENT ON FUNCTION mlops.drift(text, timestamptz, timestamptz, text, integer, interval, text)
  IS 'what the logged rows of a span, or a source, differ by from the training rows, the span before ("previous"), or another source; one row a feature';

-- to find out whether they are right; nobody is granted these

CREATE FUNCTION mlops_private.windows_stored(
    model text,
    OUT version integer,
    OUT window_start timestamptz,
    OUT late boolean,
    OUT shadow boolean,
    OUT rows bigint,
    OUT skipped bigint,
    OUT latency bigint[],
    OUT counts bigint[])
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_windows_stored'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops_private.windows_stored(text)
  IS 'the windows of a model''s monitor as they are stored';

CREATE FUNCTION mlops_private.windows_recounted(
    model text,
    width interval,
    OUT version integer,
    OUT window_start timestamptz,
    OUT late boolean,
    OUT shadow boolean,
    OUT rows bigint,
    OUT skipped bigint,
    OUT latency bigint[],
    OUT counts bigint[])
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_windows_recounted'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops_private.windows_recounted(text, interval)
  IS 'the same from the whole log, without rows in shadow, and none late';
