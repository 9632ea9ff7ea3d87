/*-------------------------------------------------------------------------
 *
 * snapshot_api.c
 *	  SQL: snapshot(), drop_snapshot(), erase_from_snapshot(), snapshot_rows().
 *
 * IDENTIFICATION
 *	  src/api/snapshot_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/dataset.h"
#include "mlops/snapshot.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_snapshot);
PG_FUNCTION_INFO_V1(mlops_drop_snapshot);
PG_FUNCTION_INFO_V1(mlops_erase_from_snapshot);
PG_FUNCTION_INFO_V1(mlops_snapshot_rows);

Datum
mlops_snapshot(PG_FUNCTION_ARGS)
{
	MlNewSnapshot s;
	MlSource   *source;
	Datum		values[7];
	bool		nulls[7] = {0};

	mlops_arg_require(fcinfo, 0, "name");
	mlops_arg_require(fcinfo, 1, "source");
	PreventCommandIfReadOnly("mlops.snapshot()");
	memset(&s, 0, sizeof(s));
	s.name = mlops_arg_text(fcinfo, 0);
	mlops_name_check(s.name, "a snapshot");
	s.key = mlops_arg_name(fcinfo, 2);
	s.note = mlops_arg_remark(fcinfo, 3, "note");
	if (!PG_ARGISNULL(4))
	{
		s.is_kept = true;
		s.keep_until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
															   TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
															   PG_GETARG_DATUM(4)));
	}
	source = mlops_source_open(mlops_arg_text(fcinfo, 1));
	mlops_progress_begin();
	mlops_progress_phase(ML_PHASE_READING);
	mlops_snapshot_create(source, &s);
	mlops_progress_end();
	values[0] = CStringGetTextDatum(s.name);
	values[1] = Int64GetDatum(s.nrows);
	values[2] = Int32GetDatum(source->desc->natts);
	values[3] = Int64GetDatum(s.bytes);
	values[4] = CStringGetTextDatum(s.fingerprint);
	values[5] = Int32GetDatum(s.chunks);
	values[6] = Int32GetDatum(s.shared_chunks);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_drop_snapshot(PG_FUNCTION_ARGS)
{
	MlSnapshotInfo info;
	Datum		values[3];
	bool		nulls[3] = {0};
	char	   *name;

	mlops_arg_require(fcinfo, 0, "name");
	name = mlops_arg_text(fcinfo, 0);
	mlops_snapshot_drop(name, &info);
	values[0] = CStringGetTextDatum(name);
	values[1] = Int64GetDatum(info.nrows);
	values[2] = Int64GetDatum(info.bytes);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_erase_from_snapshot(PG_FUNCTION_ARGS)
{
	MlSnapshotInfo info;
	Datum		values[3];
	bool		nulls[3] = {0};
	char	   *name;

	mlops_arg_require(fcinfo, 0, "name");
	mlops_arg_require(fcinfo, 1, "key");
	name = mlops_arg_text(fcinfo, 0);
	values[1] = Int64GetDatum(mlops_snapshot_erase_by_name(name, mlops_arg_text(fcinfo, 1), &info));
	values[0] = CStringGetTextDatum(name);
	values[2] = Int64GetDatum(info.nrows);
	return mlops_result_row(fcinfo, values, nulls);
}

typedef struct RowStore
{
	Tuplestorestate *store;
	TupleDesc	desc;
} RowStore;

static void
keep_row(void *arg, Datum *values, bool *nulls)
{
	RowStore   *rows = (RowStore *) arg;

	tuplestore_putvalues(rows->store, rows->desc, values, nulls);
}

static void
check_columns(TupleDesc expected, TupleDesc actual, const char *name)
{
	bool		same = expected->natts == actual->natts;

	for (int i = 0; same && i < actual->natts; i++)
		same = TupleDescAttr(expected, i)->atttypid == TupleDescAttr(actual, i)->atttypid;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("columns asked for are not those of snapshot \"%s\"", name),
				 errhint("The column \"definition\" of the view mlops.snapshots has their names and types.")));
}

Datum
mlops_snapshot_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MlSnapshotInfo info;
	TupleDesc	desc;
	RowStore	rows;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	mlops_snapshot_find(name, &info);
	desc = mlops_snapshot_desc(&info);
	check_columns(rsinfo->setDesc, desc, name);
	rows.store = rsinfo->setResult;
	rows.desc = rsinfo->setDesc;
	mlops_snapshot_scan(&info, desc, keep_row, &rows);
	return (Datum) 0;
}
