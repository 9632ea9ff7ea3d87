/*-------------------------------------------------------------------------
 *
 * performance_api.c
 *	  SQL: performance.
 *
 * IDENTIFICATION
 *	  src/api/performance_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/performance.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_performance_rows);

/* A window's width in microseconds. */
static int64
window_width(const Interval *window)
{
	int64		days;
	int64		width;

	if (window->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window must not contain months or years"),
				 errdetail("They are of different lengths.")));
	if (pg_mul_s64_overflow(window->day, USECS_PER_DAY, &days) ||
		pg_add_s64_overflow(days, window->time, &width) || width < USECS_PER_MINUTE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window must be at least a minute")));
	return width;
}

static void
read_query(FunctionCallInfo fcinfo, MlPerformanceQuery *query)
{
	const char *model = mlops_arg_model_name(fcinfo);

	memset(query, 0, sizeof(*query));
	mlops_arg_require(fcinfo, 5, "estimate");
	query->since = PG_ARGISNULL(1) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(1);
	query->until = PG_ARGISNULL(2) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(2);
	if (!PG_ARGISNULL(3))
		query->width_us = window_width(PG_GETARG_INTERVAL_P(3));
	query->segment = mlops_arg_text(fcinfo, 4);
	query->estimate = PG_GETARG_BOOL(5);
	if (!PG_ARGISNULL(6))
	{
		query->version = PG_GETARG_INT32(6);
		if (query->version < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("version must be at least 1")));
	}
	query->shadow = true;
	query->model_id = mlops_registry_require(model, GetUserId(), ML_PRIVILEGE_LOGS);
}

static void
put_row(ReturnSetInfo *rsinfo, const MlPerformance *p)
{
	Datum		values[11];
	bool		nulls[11] = {false};

	values[0] = Int32GetDatum(p->version);
	values[1] = BoolGetDatum(p->shadow);
	values[2] = TimestampTzGetDatum(p->start);
	values[3] = TimestampTzGetDatum(p->end);
	nulls[4] = p->segment == NULL;
	if (p->segment)
		values[4] = CStringGetTextDatum(p->segment);
	values[5] = CStringGetTextDatum(p->metric);
	values[6] = Float8GetDatum(p->value);
	nulls[6] = isnan(p->value);
	values[7] = Int64GetDatum(p->nrows);
	values[8] = Int64GetDatum(p->npredictions);
	values[9] = BoolGetDatum(p->estimated);
	values[10] = Float8GetDatum(p->calibration_error);
	nulls[10] = isnan(p->calibration_error);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
mlops_performance_rows(PG_FUNCTION_ARGS)
{
	MlPerformanceQuery query;
	List	   *list;
	ListCell   *cell;

	read_query(fcinfo, &query);
	list = mlops_performance(&query);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, list)
		put_row((ReturnSetInfo *) fcinfo->resultinfo, lfirst(cell));
	return (Datum) 0;
}
