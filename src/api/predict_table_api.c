/*-------------------------------------------------------------------------
 *
 * predict_table_api.c
 *	  SQL: predict_table(), a prediction for every row of a source.
 *
 * Rows are read column by column as the model needs them and scored in blocks,
 * which for ensembles of trees is several times faster than a call per row.
 *
 * IDENTIFICATION
 *	  src/api/predict_table_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_predict_table_name);
PG_FUNCTION_INFO_V1(mlops_predict_table_value);

typedef struct Prediction
{
	const MlModel *model;
	ReturnSetInfo *rsinfo;
	double	   *out;
	MemoryContext row_context;
} Prediction;

static void
put_rows(void *arg, const MlBlock *block, char *const *keys, const bool *complete)
{
	Prediction *p = arg;
	const MlSignature *sig = p->model->sig;
	int			nout = sig->nclasses > 2 ? sig->nclasses : 1;
	MemoryContext old;

	p->model->algo->predict(sig, p->model->body, block, p->out);
	old = MemoryContextSwitchTo(p->row_context);
	for (int i = 0; i < block->nrows; i++)
	{
		const double *out = p->out + (Size) i * nout;
		Datum		values[3] = {0};
		bool		nulls[3];

		nulls[0] = keys[i] == NULL;
		nulls[1] = !complete[i] || nout > 1;
		nulls[2] = !complete[i] || sig->task != ML_TASK_CLASSIFICATION;
		if (!nulls[0])
			values[0] = CStringGetTextDatum(keys[i]);
		if (!nulls[1])
			values[1] = Float8GetDatum(out[0]);
		if (!nulls[2])
		{
			const MlString *label = &sig->classes[mlops_likeliest_class(sig->nclasses, out)];

			values[2] = PointerGetDatum(cstring_to_text_with_len(label->data, label->len));
		}
		tuplestore_putvalues(p->rsinfo->setResult, p->rsinfo->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(p->row_context);
}

static Datum
predict_table(FunctionCallInfo fcinfo, const MlModel *model)
{
	Prediction	p;

	mlops_arg_require(fcinfo, 1, "source");
	InitMaterializedSRF(fcinfo, 0);
	p.model = model;
	p.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	p.out = palloc(sizeof(double) * MLOPS_BLOCK_ROWS * Max(model->sig->nclasses, 1));
	p.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops predict table",
										  ALLOCSET_DEFAULT_SIZES);
	mlops_fetch_keyed(mlops_source_open(text_to_cstring(PG_GETARG_TEXT_PP(1))),
					  model->sig, mlops_arg_name(fcinfo, 2), put_rows, &p);
	return (Datum) 0;
}

Datum
mlops_predict_table_name(PG_FUNCTION_ARGS)
{
	return predict_table(fcinfo, mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_PREDICT));
}

Datum
mlops_predict_table_value(PG_FUNCTION_ARGS)
{
	return predict_table(fcinfo, mlops_arg_model_by_value(fcinfo));
}
