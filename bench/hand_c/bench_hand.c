/*-------------------------------------------------------------------------
 *
 * bench_hand.c
 *	  What one would write by hand for one model: coefficients compiled in,
 *	  columns by number, the logistic function of a dot product.
 *
 * coef.h is generated from the trained model: N_COEF, the intercept and the
 * coefficients in the order of the columns x1, x2, ... which start at
 * attribute number 2.
 *
 * IDENTIFICATION
 *	  bench/hand_c/bench_hand.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "coef.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(bench_hand_predict);
PG_FUNCTION_INFO_V1(bench_hand_trigger);
PG_FUNCTION_INFO_V1(bench_hand_record);

#define FIRST 1					/* index of column x1 */
#define MAX_COLUMNS 64

typedef struct CallSite
{
	Oid			type_id;
	int32		type_mod;
	TupleDesc	desc;
} CallSite;

static double
logistic(const Datum *values, const bool *nulls)
{
	double		sum = coef_intercept;

	for (int i = 0; i < N_COEF; i++)
	{
		if (nulls[FIRST + i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("missing value")));
		sum += coef[i] * DatumGetFloat4(values[FIRST + i]);
	}
	return 1.0 / (1.0 + exp(-sum));
}

/* bench_hand_predict(text, record): the signature of mlops.predict */
Datum
bench_hand_predict(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);
	Oid			type_id = HeapTupleHeaderGetTypeId(row);
	int32		type_mod = HeapTupleHeaderGetTypMod(row);
	CallSite   *site = fcinfo->flinfo->fn_extra;
	HeapTupleData tuple;
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];

	if (site == NULL)
		site = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
																 sizeof(CallSite));
	if (site->type_id != type_id || site->type_mod != type_mod)
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(type_id, type_mod);
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		site->desc = CreateTupleDescCopy(desc);
		MemoryContextSwitchTo(old);
		ReleaseTupleDesc(desc);
		if (site->desc->natts > MAX_COLUMNS)
			elog(ERROR, "too many columns");
		site->type_id = type_id;
		site->type_mod = type_mod;
	}
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, site->desc, values, nulls);
	PG_RETURN_FLOAT8(logistic(values, nulls));
}

/* bench_hand_record(text, record): takes a whole row and does nothing with it */
Datum
bench_hand_record(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);

	PG_RETURN_FLOAT8(HeapTupleHeaderGetNatts(row));
}

/* BEFORE INSERT: sets the last column */
Datum
bench_hand_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
	Datum		score;
	bool		isnull = false;
	int			column;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		elog(ERROR, "must be a BEFORE INSERT trigger for each row");
	desc = RelationGetDescr(trigdata->tg_relation);
	if (desc->natts > MAX_COLUMNS)
		elog(ERROR, "too many columns");
	heap_deform_tuple(trigdata->tg_trigtuple, desc, values, nulls);
	score = Float8GetDatum(logistic(values, nulls));
	column = desc->natts;
	return PointerGetDatum(heap_modify_tuple_by_cols(trigdata->tg_trigtuple, desc, 1,
													 &column, &score, &isnull));
}
