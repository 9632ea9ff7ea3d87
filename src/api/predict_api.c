/*-------------------------------------------------------------------------
 *
 * predict_api.c
 *	  SQL: predict, classify and proba, each for a model named by text or
 *	  given as a value, and a row given as record, jsonb or float8[].
 *
 * Eighteen entry points over one scorer.  They are separate symbols because
 * argument types cannot be asked for everywhere: a Citus worker calls without
 * an expression tree.
 *
 * IDENTIFICATION
 *	  src/api/predict_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "scorer.h"

typedef enum ModelKind
{
	MODEL_BY_NAME, MODEL_BY_VALUE
} ModelKind;

typedef enum RowKind
{
	ROW_RECORD, ROW_JSONB, ROW_ARRAY
} RowKind;

static inline MlScorer *
get_scorer(FunctionCallInfo fcinfo, ModelKind kind)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("model must not be null")));
	if (kind == MODEL_BY_NAME)
		return mlops_scorer_by_name(fcinfo->flinfo, PG_GETARG_TEXT_PP(0), GetUserId());
	return mlops_scorer_by_value(fcinfo->flinfo, PG_GETARG_DATUM(0));
}

/* The numbers of this call's row, NULL for a NULL row or one that the model skips. */
static inline const double *
score_row(FunctionCallInfo fcinfo, MlScorer *s, RowKind kind)
{
	if (PG_ARGISNULL(1))
		return NULL;
	switch (kind)
	{
		case ROW_RECORD:
			return mlops_scorer_record(s, PG_GETARG_HEAPTUPLEHEADER(1));
		case ROW_JSONB:
			return mlops_scorer_jsonb(s, PG_GETARG_JSONB_P(1));
		case ROW_ARRAY:
			return mlops_scorer_array(s, PG_GETARG_ARRAYTYPE_P(1));
	}
	pg_unreachable();
}

static inline Datum
predict(FunctionCallInfo fcinfo, ModelKind model, RowKind row)
{
	MlScorer   *s = get_scorer(fcinfo, model);
	const double *out = score_row(fcinfo, s, row);

	if (out == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(mlops_scorer_value(s, out));
}

static inline Datum
classify(FunctionCallInfo fcinfo, ModelKind model, RowKind row)
{
	MlScorer   *s = get_scorer(fcinfo, model);
	const double *out = score_row(fcinfo, s, row);
	const MlString *label;

	if (out == NULL)
		PG_RETURN_NULL();
	label = mlops_scorer_label(s, out);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(label->data, label->len));
}

static inline Datum
proba(FunctionCallInfo fcinfo, ModelKind model, RowKind row)
{
	MlScorer   *s = get_scorer(fcinfo, model);
	const double *out = score_row(fcinfo, s, row);

	if (out == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(mlops_scorer_proba(s, out));
}

#define ENTRY(output, suffix, model, row) \
	PG_FUNCTION_INFO_V1(mlops_##output##_##suffix); \
	Datum \
	mlops_##output##_##suffix(PG_FUNCTION_ARGS) \
	{ \
		return output(fcinfo, model, row); \
	}

#define ENTRIES(output) \
	ENTRY(output, name_record, MODEL_BY_NAME, ROW_RECORD) \
	ENTRY(output, name_jsonb, MODEL_BY_NAME, ROW_JSONB) \
	ENTRY(output, name_array, MODEL_BY_NAME, ROW_ARRAY) \
	ENTRY(output, value_record, MODEL_BY_VALUE, ROW_RECORD) \
	ENTRY(output, value_jsonb, MODEL_BY_VALUE, ROW_JSONB) \
	ENTRY(output, value_array, MODEL_BY_VALUE, ROW_ARRAY)

ENTRIES(predict)
ENTRIES(classify)
ENTRIES(proba)
