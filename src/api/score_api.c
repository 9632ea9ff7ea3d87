/*-------------------------------------------------------------------------
 *
 * score_api.c
 *	  SQL: score, which answers and logs.
 *
 * Where nothing can be written, it answers all the same.
 *
 * IDENTIFICATION
 *	  src/api/score_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/log.h"

#include "log_call.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_score_record);
PG_FUNCTION_INFO_V1(mlops_score_jsonb);
PG_FUNCTION_INFO_V1(mlops_score_array);

typedef struct ScoreSite
{
	MlLogSite  *log;
	TupleDesc	result;
} ScoreSite;

static ScoreSite *
get_site(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	ScoreSite  *site = flinfo->fn_extra;
	TupleDesc	desc;
	MemoryContext old;

	if (site)
		return site;
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site = palloc0(sizeof(ScoreSite));
	site->log = mlops_log_site(flinfo->fn_mcxt);
	site->result = BlessTupleDesc(CreateTupleDescCopy(desc));
	MemoryContextSwitchTo(old);
	flinfo->fn_extra = site;
	return site;
}

static const double *
score_record(MlScorer *s, void *row)
{
	return mlops_scorer_record(s, row);
}

static const double *
score_jsonb(MlScorer *s, void *row)
{
	return mlops_scorer_jsonb(s, row);
}

static const double *
score_array(MlScorer *s, void *row)
{
	return mlops_scorer_array(s, row);
}

static Datum
make_result(ScoreSite *site, const MlLogAnswer *a)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = Float8GetDatum(a->value);
	nulls[0] = !a->has_value;
	nulls[1] = a->label == NULL;
	if (a->label)
		values[1] = PointerGetDatum(cstring_to_text_with_len(a->label->data, a->label->len));
	values[2] = Int32GetDatum(a->version);
	nulls[3] = a->variant == NULL;
	values[3] = PointerGetDatum(a->variant_text);
	values[4] = Int64GetDatum(a->prediction_id);
	nulls[4] = a->prediction_id == 0;
	return HeapTupleGetDatum(heap_form_tuple(site->result, values, nulls));
}

/* row: detoasted, as "score" takes it. */
static Datum
score(FunctionCallInfo fcinfo, void *row, const double *(*score_row) (MlScorer *, void *))
{
	ScoreSite  *site = get_site(fcinfo);
	MlLogCall	call = {0};
	MlLogAnswer answer;

	call.model = PG_GETARG_TEXT_PP(0);
	call.key = PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2);
	call.role = GetUserId();
	call.logs = mlops_log_possible();
	call.has_at = !PG_ARGISNULL(3);
	if (call.has_at)
	{
		call.at = PG_GETARG_TIMESTAMPTZ(3);
		mlops_log_time_check(call.at);
	}
	call.score = score_row;
	call.row = row;
	mlops_log_call(site->log, &call, &answer);
	return make_result(site, &answer);
}

Datum
mlops_score_record(PG_FUNCTION_ARGS)
{
	mlops_arg_require(fcinfo, 0, "model");
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	return score(fcinfo, PG_GETARG_HEAPTUPLEHEADER(1), score_record);
}

Datum
mlops_score_jsonb(PG_FUNCTION_ARGS)
{
	mlops_arg_require(fcinfo, 0, "model");
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	return score(fcinfo, PG_GETARG_JSONB_P(1), score_jsonb);
}

Datum
mlops_score_array(PG_FUNCTION_ARGS)
{
	mlops_arg_require(fcinfo, 0, "model");
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	return score(fcinfo, PG_GETARG_ARRAYTYPE_P(1), score_array);
}
