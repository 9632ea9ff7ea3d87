/*-------------------------------------------------------------------------
 *
 * fingerprint_api.c
 *	  SQL: fingerprint(), an aggregate over rows.
 *
 * The state is flat and of fixed length: the sum as two numbers, and the
 * count.  It is updated in place; nothing is allocated per row but what the
 * values themselves need, in the row's own memory.
 *
 * IDENTIFICATION
 *	  src/api/fingerprint_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "mlops/fingerprint.h"

PG_FUNCTION_INFO_V1(mlops_fingerprint_state_in);
PG_FUNCTION_INFO_V1(mlops_fingerprint_state_out);
PG_FUNCTION_INFO_V1(mlops_fingerprint_state_recv);
PG_FUNCTION_INFO_V1(mlops_fingerprint_state_send);
PG_FUNCTION_INFO_V1(mlops_fingerprint_add);
PG_FUNCTION_INFO_V1(mlops_fingerprint_combine);
PG_FUNCTION_INFO_V1(mlops_fingerprint_final);

/* What is kept from row to row. */
typedef struct RowType
{
	MemoryContext context;
	Oid			type;
	int32		typmod;
	TupleDesc	desc;
	MlFingerPlan *plan;
	Datum	   *values;
	bool	   *nulls;
} RowType;

/* Three hexadecimal numbers with a colon between them. */
Datum
mlops_fingerprint_state_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	MlFingerSum *sum = palloc0(sizeof(MlFingerSum));
	uint64		part[3] = {0, 0, 0};
	const char *p = text;

	for (int i = 0; i < 3; i++)
	{
		int			digits = 0;

		for (; digits < 16 && *p != '\0' && strchr("0123456789abcdef", *p) != NULL; p++, digits++)
			part[i] = (part[i] << 4) | (uint64) (*p <= '9' ? *p - '0' : *p - 'a' + 10);
		if (digits == 0 || *p != (i < 2 ? ':' : '\0'))
			digits = 0;
		if (digits == 0 || (i == 2 && part[i] > PG_INT64_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("malformed state of a fingerprint")));
		p++;
	}
	sum->high = part[0];
	sum->low = part[1];
	sum->rows = (int64) part[2];
	PG_RETURN_POINTER(sum);
}

Datum
mlops_fingerprint_state_out(PG_FUNCTION_ARGS)
{
	MlFingerSum *sum = (MlFingerSum *) PG_GETARG_POINTER(0);

	PG_RETURN_CSTRING(psprintf("%016llx:%016llx:%llx", (unsigned long long) sum->high,
							   (unsigned long long) sum->low, (unsigned long long) sum->rows));
}

Datum
mlops_fingerprint_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	MlFingerSum *sum = palloc0(sizeof(MlFingerSum));

	sum->high = (uint64) pq_getmsgint64(buf);
	sum->low = (uint64) pq_getmsgint64(buf);
	sum->rows = pq_getmsgint64(buf);
	if (sum->rows < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("malformed state of a fingerprint")));
	PG_RETURN_POINTER(sum);
}

Datum
mlops_fingerprint_state_send(PG_FUNCTION_ARGS)
{
	MlFingerSum *sum = (MlFingerSum *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint64(&buf, sum->high);
	pq_sendint64(&buf, sum->low);
	pq_sendint64(&buf, sum->rows);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

static RowType *
prepare(FunctionCallInfo fcinfo, Oid type, int32 typmod)
{
	RowType    *row = (RowType *) fcinfo->flinfo->fn_extra;
	MemoryContext context;
	MemoryContext old;
	TupleDesc	desc;

	if (row != NULL)
	{
		fcinfo->flinfo->fn_extra = NULL;
		MemoryContextDelete(row->context);
	}
	context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "mlops fingerprint",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	row = palloc0(sizeof(RowType));
	row->context = context;
	row->type = type;
	row->typmod = typmod;
	desc = lookup_rowtype_tupdesc(type, typmod);
	row->desc = CreateTupleDescCopyConstr(desc);
	ReleaseTupleDesc(desc);
	row->plan = mlops_finger_plan_make(row->desc, NULL, context);
	row->values = palloc(sizeof(Datum) * Max(row->desc->natts, 1));
	row->nulls = palloc(sizeof(bool) * Max(row->desc->natts, 1));
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = row;
	return row;
}

/* The state that may be changed; a new one where there is none. */
static MlFingerSum *
state_arg(FunctionCallInfo fcinfo)
{
	MlFingerSum *sum;

	if (!PG_ARGISNULL(0) && AggCheckCallContext(fcinfo, NULL))
		return (MlFingerSum *) PG_GETARG_POINTER(0);
	sum = palloc0(sizeof(MlFingerSum));
	if (!PG_ARGISNULL(0))
		*sum = *(MlFingerSum *) PG_GETARG_POINTER(0);
	return sum;
}

Datum
mlops_fingerprint_add(PG_FUNCTION_ARGS)
{
	MlFingerSum *sum = state_arg(fcinfo);
	RowType    *row = (RowType *) fcinfo->flinfo->fn_extra;
	HeapTupleHeader header;
	HeapTupleData tuple;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(sum);
	header = PG_GETARG_HEAPTUPLEHEADER(1);
	if (unlikely(row == NULL || row->type != HeapTupleHeaderGetTypeId(header) ||
				 row->typmod != HeapTupleHeaderGetTypMod(header)))
		row = prepare(fcinfo, HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, row->desc, row->values, row->nulls);
	mlops_finger_plan_row(row->plan, row->values, row->nulls, sum);
	PG_RETURN_POINTER(sum);
}

Datum
mlops_fingerprint_combine(PG_FUNCTION_ARGS)
{
	MlFingerSum *sum;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	sum = state_arg(fcinfo);
	mlops_finger_merge(sum, (MlFingerSum *) PG_GETARG_POINTER(1));
	PG_RETURN_POINTER(sum);
}

Datum
mlops_fingerprint_final(PG_FUNCTION_ARGS)
{
	MlFingerSum none = {0, 0, 0};
	char		text[MLOPS_FINGERPRINT_LEN + 1];

	mlops_finger_text(PG_ARGISNULL(0) ? &none : (MlFingerSum *) PG_GETARG_POINTER(0), text);
	PG_RETURN_TEXT_P(cstring_to_text(text));
}
