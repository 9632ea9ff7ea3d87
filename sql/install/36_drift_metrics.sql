-- drift metrics: aggregates over (value, is it of the current sample), so that
-- two samples are rows of one query.  Refers to 34_metric_states.sql.
-- Aggregates with the same arguments share their state within a query.

-- transition functions

CREATE FUNCTION mlops_private.metric_sample_add(
    state      mlops_private.metric_state,
    value      double precision,
    is_current boolean)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_sample_add'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_sample_add(mlops_private.metric_state, double precision, boolean)
  IS 'keep one value of a sample';

CREATE FUNCTION mlops_private.metric_sample_add(
    state      mlops_private.metric_state,
    value      double precision,
    is_current boolean,
    bins       integer)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_sample_add'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_sample_add(mlops_private.metric_state, double precision, boolean, integer)
  IS 'keep one value of a sample, for that many bins';

CREATE FUNCTION mlops_private.metric_category_add(
    state      mlops_private.metric_state,
    value      text,
    is_current boolean)
RETURNS mlops_private.metric_state
AS 'MODULE_PATHNAME', 'mlops_metric_category_add'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_category_add(mlops_private.metric_state, text, boolean)
  IS 'count one category of a sample';

-- final functions

CREATE TYPE mlops.ks_test_result AS (
    statistic   double precision,
    p_value     double precision,
    method      text,
    n_reference bigint,
    n_current   bigint
);
COMMENT ON TYPE mlops.ks_test_result
  IS 'result of ks_test';

CREATE TYPE mlops.chi2_test_result AS (
    statistic   double precision,
    p_value     double precision,
    df          integer,
    sparse      boolean,
    n_reference bigint,
    n_current   bigint
);
COMMENT ON TYPE mlops.chi2_test_result
  IS 'result of chi2_test';

CREATE FUNCTION mlops_private.metric_sample_psi(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_sample_psi'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_sample_psi(mlops_private.metric_state)
  IS 'value of psi of numbers';

CREATE FUNCTION mlops_private.metric_sample_js(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_sample_js'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_sample_js(mlops_private.metric_state)
  IS 'value of js_distance of numbers';

CREATE FUNCTION mlops_private.metric_sample_hellinger(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_sample_hellinger'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_sample_hellinger(mlops_private.metric_state)
  IS 'value of hellinger of numbers';

CREATE FUNCTION mlops_private.metric_ks(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_ks'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_ks(mlops_private.metric_state)
  IS 'value of ks';

CREATE FUNCTION mlops_private.metric_ks_test(
    state mlops_private.metric_state)
RETURNS mlops.ks_test_result
AS 'MODULE_PATHNAME', 'mlops_metric_ks_test'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_ks_test(mlops_private.metric_state)
  IS 'value of ks_test';

CREATE FUNCTION mlops_private.metric_wasserstein(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_wasserstein'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_wasserstein(mlops_private.metric_state)
  IS 'value of wasserstein';

CREATE FUNCTION mlops_private.metric_category_psi(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_category_psi'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_category_psi(mlops_private.metric_state)
  IS 'value of psi of categories';

CREATE FUNCTION mlops_private.metric_category_js(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_category_js'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_category_js(mlops_private.metric_state)
  IS 'value of js_distance of categories';

CREATE FUNCTION mlops_private.metric_category_hellinger(
    state mlops_private.metric_state)
RETURNS double precision
AS 'MODULE_PATHNAME', 'mlops_metric_category_hellinger'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_category_hellinger(mlops_private.metric_state)
  IS 'value of hellinger of categories';

CREATE FUNCTION mlops_private.metric_chi2_test(
    state mlops_private.metric_state)
RETURNS mlops.chi2_test_result
AS 'MODULE_PATHNAME', 'mlops_metric_chi2_test'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.metric_chi2_test(mlops_private.metric_state)
  IS 'value of chi2_test';

-- numbers

CREATE AGGREGATE mlops.psi(
    value      double precision,
    is_current boolean) (
    SFUNC = mlops_private.metric_sample_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_sample_psi,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.psi(double precision, boolean)
  IS 'population stability index over ten quantile bins of the reference';

CREATE AGGREGATE mlops.psi(
    value      double precision,
    is_current boolean,
    bins       integer) (
    SFUNC = mlops_private.metric_sample_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_sample_psi,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.psi(double precision, boolean, integer)
  IS 'population stability index over that many quantile bins of the reference';

CREATE AGGREGATE mlops.js_distance(
    value      double precision,
    is_current boolean) (
    SFUNC = mlops_private.metric_sample_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_sample_js,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.js_distance(double precision, boolean)
  IS 'Jensen-Shannon distance, base 2, over ten quantile bins of the reference';

CREATE AGGREGATE mlops.js_distance(
    value      double precision,
    is_current boolean,
    bins       integer) (
    SFUNC = mlops_private.metric_sample_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_sample_js,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.js_distance(double precision, boolean, integer)
  IS 'Jensen-Shannon distance, base 2, over that many quantile bins of the reference';

CREATE AGGREGATE mlops.hellinger(
    value      double precision,
    is_current boolean) (
    SFUNC = mlops_private.metric_sample_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_sample_hellinger,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.hellinger(double precision, boolean)
  IS 'Hellinger distance over ten quantile bins of the reference';

CREATE AGGREGATE mlops.hellinger(
    value      double precision,
    is_current boolean,
    bins       integer) (
    SFUNC = mlops_private.metric_sample_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_sample_hellinger,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.hellinger(double precision, boolean, integer)
  IS 'Hellinger distance over that many quantile bins of the reference';

CREATE AGGREGATE mlops.ks(
    value      double precision,
    is_current boolean) (
    SFUNC = mlops_private.metric_sample_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_ks,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.ks(double precision, boolean)
  IS 'Kolmogorov-Smirnov statistic of two samples';

CREATE AGGREGATE mlops.ks_test(
    value      double precision,
    is_current boolean) (
    SFUNC = mlops_private.metric_sample_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_ks_test,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.ks_test(double precision, boolean)
  IS 'Kolmogorov-Smirnov test of two samples';

CREATE AGGREGATE mlops.wasserstein(
    value      double precision,
    is_current boolean) (
    SFUNC = mlops_private.metric_sample_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_wasserstein,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.wasserstein(double precision, boolean)
  IS 'Wasserstein-1 distance, in units of the value';

-- categories

CREATE AGGREGATE mlops.psi(
    value      text,
    is_current boolean) (
    SFUNC = mlops_private.metric_category_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_category_psi,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.psi(text, boolean)
  IS 'population stability index over the categories of the reference';

CREATE AGGREGATE mlops.js_distance(
    value      text,
    is_current boolean) (
    SFUNC = mlops_private.metric_category_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_category_js,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.js_distance(text, boolean)
  IS 'Jensen-Shannon distance, base 2, over the categories of the reference';

CREATE AGGREGATE mlops.hellinger(
    value      text,
    is_current boolean) (
    SFUNC = mlops_private.metric_category_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_category_hellinger,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.hellinger(text, boolean)
  IS 'Hellinger distance over the categories of the reference';

CREATE AGGREGATE mlops.chi2_test(
    value      text,
    is_current boolean) (
    SFUNC = mlops_private.metric_category_add,
    STYPE = mlops_private.metric_state,
    SSPACE = 16384,
    FINALFUNC = mlops_private.metric_chi2_test,
    COMBINEFUNC = mlops_private.metric_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE mlops.chi2_test(text, boolean)
  IS 'chi-squared test that both samples have the same shares of categories';
