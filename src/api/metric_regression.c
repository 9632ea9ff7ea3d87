/*-------------------------------------------------------------------------
 *
 * metric_regression.c
 *	  SQL aggregates rmse, mae, r2 and mape.
 *
 * The four share one state, so that a query that asks for all of them looks
 * at each row once.
 *
 * IDENTIFICATION
 *	  src/api/metric_regression.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"

#include "metric_state.h"

PG_FUNCTION_INFO_V1(mlops_metric_regression_add);
PG_FUNCTION_INFO_V1(mlops_metric_rmse);
PG_FUNCTION_INFO_V1(mlops_metric_mae);
PG_FUNCTION_INFO_V1(mlops_metric_r2);
PG_FUNCTION_INFO_V1(mlops_metric_mape);

/*
 * mlops_metric_regression_add - (state, actual, predicted)
 */
Datum
mlops_metric_regression_add(PG_FUNCTION_ARGS)
{
	RegressionState *state;
	double		actual;
	double		predicted;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return mlops_metric_skip(fcinfo);
	actual = PG_GETARG_FLOAT8(1);
	predicted = PG_GETARG_FLOAT8(2);
	if (isnan(actual) || isnan(predicted))
		return mlops_metric_skip(fcinfo);
	if (unlikely(isinf(actual) || isinf(predicted)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("actual and predicted values must be finite")));
	state = mlops_metric_arg(fcinfo, METRIC_REGRESSION);
	if (state == NULL)
		state = mlops_metric_make(METRIC_REGRESSION, sizeof(RegressionState));
	mlops_regression_add(&state->sums, actual, predicted, 1);
	PG_RETURN_POINTER(state);
}

/* The argument of a final function. */
static const MlRegressionSums *
final_arg(FunctionCallInfo fcinfo)
{
	return &((RegressionState *)
			 mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_REGRESSION))->sums;
}

/*
 * mlops_metric_rmse - final function of rmse
 */
Datum
mlops_metric_rmse(PG_FUNCTION_ARGS)
{
	return mlops_metric_value(fcinfo, mlops_regression_rmse(final_arg(fcinfo)));
}

/*
 * mlops_metric_mae - final function of mae
 */
Datum
mlops_metric_mae(PG_FUNCTION_ARGS)
{
	return mlops_metric_value(fcinfo, mlops_regression_mae(final_arg(fcinfo)));
}

/*
 * mlops_metric_r2 - final function of r2
 */
Datum
mlops_metric_r2(PG_FUNCTION_ARGS)
{
	return mlops_metric_value(fcinfo, mlops_regression_r2(final_arg(fcinfo)));
}

/*
 * mlops_metric_mape - final function of mape
 */
Datum
mlops_metric_mape(PG_FUNCTION_ARGS)
{
	return mlops_metric_value(fcinfo, mlops_regression_mape(final_arg(fcinfo)));
}

/*
 * mlops_metric_regression_read - n, three sums, mean, m2
 */
RegressionState *
mlops_metric_regression_read(MetricReader *r)
{
	RegressionState *state = mlops_metric_make(METRIC_REGRESSION, sizeof(RegressionState));
	MlRegressionSums *sums = &state->sums;

	sums->n = mlops_metric_read_count(r, METRIC_MAX_ROWS);
	sums->w = (double) sums->n;
	mlops_metric_read_sum(r, &sums->sq);
	mlops_metric_read_sum(r, &sums->abs);
	mlops_metric_read_sum(r, &sums->rel);
	sums->mean = mlops_metric_read_float8(r);
	sums->m2 = mlops_metric_read_float8(r);
	if (!isfinite(sums->mean) || sums->m2 < 0)
		mlops_metric_malformed(r);
	return state;
}

/*
 * mlops_metric_regression_write - what the function above reads
 */
void
mlops_metric_regression_write(StringInfo buf, const RegressionState *s)
{
	bool		finite = isfinite(s->sums.mean) && isfinite(s->sums.m2);

	pq_sendint64(buf, s->sums.n);
	mlops_metric_write_sum(buf, &s->sums.sq);
	mlops_metric_write_sum(buf, &s->sums.abs);
	mlops_metric_write_sum(buf, &s->sums.rel);
	pq_sendfloat8(buf, finite ? s->sums.mean : 0);
	pq_sendfloat8(buf, finite ? s->sums.m2 : INFINITY);
}
