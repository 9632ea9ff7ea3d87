--
-- fit_states: states of the aggregate mlops.fit() that do not come from it
--
\set VERBOSITY sqlstate

-- its functions belong to an aggregate
SELECT mlops_private.fit_final(NULL);
SELECT mlops_private.fit_combine(NULL, NULL);

-- two states of one width that differ in the intercept, made to look alike
CREATE AGGREGATE pg_temp.raw_state(text, double precision, double precision[], jsonb) (
    SFUNC = mlops_private.fit_step,
    STYPE = mlops_private.fit_state);
CREATE AGGREGATE pg_temp.combined(mlops_private.fit_state) (
    SFUNC = mlops_private.fit_combine,
    STYPE = mlops_private.fit_state,
    FINALFUNC = mlops_private.fit_final);
CREATE TEMP TABLE state AS
    SELECT fit_intercept,
           pg_temp.raw_state('linear_regression', i, ARRAY[i, i * i],
                             jsonb_build_object('fit_intercept', fit_intercept))::text::bytea AS bytes
      FROM generate_series(1, 100) i, (VALUES (true), (false)) AS v (fit_intercept)
     GROUP BY fit_intercept;

-- length (bytes 12 to 15) and hash (20 to 27) of the options
INSERT INTO state
    SELECT NULL, overlay(overlay(t.bytes PLACING substr(f.bytes, 13, 4) FROM 13 FOR 4)
                         PLACING substr(f.bytes, 21, 8) FROM 21 FOR 8)
      FROM state t, state f WHERE t.fit_intercept AND NOT f.fit_intercept;
SELECT pg_temp.combined(bytes::text::mlops_private.fit_state ORDER BY fit_intercept)
  FROM state WHERE fit_intercept IS NOT TRUE;
SELECT pg_temp.combined(bytes::text::mlops_private.fit_state ORDER BY fit_intercept DESC)
  FROM state WHERE fit_intercept IS NOT TRUE;
SELECT pg_temp.combined(bytes::text::mlops_private.fit_state) IS NOT NULL AS valid FROM state WHERE fit_intercept;

-- options and labels are text of the database's encoding
SELECT overlay(bytes PLACING '\xff' FROM position('fit_intercept'::bytea IN bytes) FOR 1)::text::mlops_private.fit_state
  FROM state WHERE fit_intercept;
CREATE AGGREGATE pg_temp.raw_state(text, text, double precision[]) (
    SFUNC = mlops_private.fit_step,
    STYPE = mlops_private.fit_state);
SELECT overlay(s PLACING '\xff' FROM position('\x7165'::bytea IN s))::text::mlops_private.fit_state
  FROM (SELECT pg_temp.raw_state('logistic_regression', CASE WHEN i > 5 THEN 'qe' ELSE 'x' END, ARRAY[i])::text::bytea AS s
          FROM generate_series(1, 10) i) r;

-- a number as a class is written in full whatever the session says, and -0 is 0
SET extra_float_digits = -14;
SELECT mlops.describe(mlops.fit('logistic_regression', y, ARRAY[x], '{"l2": 1}')) -> 'classes' AS classes
  FROM (VALUES (1234.5::float8, 1::float8), (1290, 2), (0, 3), (1290, 0.5), (1234.5, 5), ('-0', 1)) AS v (y, x);
RESET extra_float_digits;
