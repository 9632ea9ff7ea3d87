/*-------------------------------------------------------------------------
 *
 * window_api.c
 *	  SQL: the windows of a monitor, as they are stored and counted again.
 *
 * IDENTIFICATION
 *	  src/api/window_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "mlops/catalog.h"
#include "mlops/window.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_windows_stored);
PG_FUNCTION_INFO_V1(mlops_windows_recounted);

static Datum
count_array(const int64 *counts, int n)
{
	Datum	   *items = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		items[i] = Int64GetDatum(counts[i]);
	return PointerGetDatum(construct_array(items, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

static void
put_windows(FunctionCallInfo fcinfo, const List *windows)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	foreach(lc, windows)
	{
		const MlWindow *window = lfirst(lc);
		Datum		values[8];
		bool		nulls[8] = {0};

		values[0] = Int32GetDatum(window->version);
		values[1] = TimestampTzGetDatum(window->start);
		values[2] = BoolGetDatum(window->late);
		values[3] = BoolGetDatum(window->shadow);
		values[4] = Int64GetDatum(window->nrows);
		values[5] = Int64GetDatum(window->nskipped);
		values[6] = count_array(window->latency, MLOPS_LATENCIES);
		values[7] = count_array(window->counts, window->ncounts);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

Datum
mlops_windows_stored(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	int64		model_id = mlops_registry_require(mlops_arg_model_name(fcinfo), GetUserId(),
												  ML_PRIVILEGE_LOGS);
	List	   *windows = NIL;
	MlWriter	w;

	InitMaterializedSRF(fcinfo, 0);
	mlops_read_begin(&w);
	mlops_write_int8(&w, model_id);
	if (mlops_write_run(&w, "SELECT monitor_id FROM mlops_private.monitor WHERE model_id = $1") > 0)
	{
		int64		monitor_id = DatumGetInt64(mlops_write_result(0, 1));

		MemoryContextSwitchTo(context);
		windows = mlops_windows_read(&w, monitor_id, DT_NOBEGIN, DT_NOEND);
	}
	mlops_read_end(&w);
	MemoryContextSwitchTo(context);
	put_windows(fcinfo, windows);
	return (Datum) 0;
}

Datum
mlops_windows_recounted(PG_FUNCTION_ARGS)
{
	int64		model_id = mlops_registry_require(mlops_arg_model_name(fcinfo), GetUserId(),
												  ML_PRIVILEGE_LOGS);
	Interval   *width = PG_GETARG_INTERVAL_P(1);

	InitMaterializedSRF(fcinfo, 0);
	put_windows(fcinfo, mlops_windows_of_log(model_id, 0, DT_NOBEGIN, DT_NOEND,
											 width->time + width->day * USECS_PER_DAY));
	return (Datum) 0;
}
