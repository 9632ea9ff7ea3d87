/*-------------------------------------------------------------------------
 *
 * evaluate_api.c
 *	  SQL: evaluate(), metrics of a model on a source.
 *
 * Streams: rows are scored block by block and forgotten, but for the scores of
 * a binary classification, which the AUC needs (16 bytes a row).
 *
 * IDENTIFICATION
 *	  src/api/evaluate_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "mlops/metrics.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_evaluate_name);
PG_FUNCTION_INFO_V1(mlops_evaluate_value);

typedef struct Evaluation
{
	const MlModel *model;
	MlMetrics  *metrics;
	double	   *out;
	MemoryContext context;		/* where the metrics' memory grows */
	int64		nscored;
	int64		nunknown;		/* rows of a class that the model does not know */
} Evaluation;

static void
score_block(void *arg, const MlBlock *block)
{
	Evaluation *e = arg;
	MemoryContext old = MemoryContextSwitchTo(e->context);

	e->model->algo->predict(e->model->sig, e->model->body, block, e->out);
	mlops_metrics_add(e->metrics, block->nrows, block->y, e->out, block->w);
	e->nscored += block->nrows;
	for (int i = 0; i < block->nrows && e->model->sig->task == ML_TASK_CLASSIFICATION; i++)
		e->nunknown += block->y[i] < 0;
	MemoryContextSwitchTo(old);
}

static Datum
evaluate(FunctionCallInfo fcinfo, const MlModel *model)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const MlSignature *sig = model->sig;
	const char *target = mlops_arg_name(fcinfo, 2);
	int64		nskipped;
	Evaluation	e;
	MlMetric   *m;
	int			n;

	mlops_arg_require(fcinfo, 1, "source");
	if (target == NULL)
		target = sig->target;
	if (target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("target must not be null"),
				 errdetail("The model does not name a target column.")));
	e.model = model;
	e.context = CurrentMemoryContext;
	e.metrics = mlops_metrics_begin(sig->task, sig->nclasses);
	e.out = palloc(sizeof(double) * MLOPS_BLOCK_ROWS * Max(sig->nclasses, 1));
	e.nscored = 0;
	e.nunknown = 0;
	mlops_fetch_blocks(mlops_source_open(text_to_cstring(PG_GETARG_TEXT_PP(1))),
					   sig, target, NULL, score_block, &e, &nskipped);
	if (e.nscored == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("source has no row to evaluate"),
				 nskipped > 0 ?
				 errdetail("Rows with a missing target or a missing feature that the model skips: %lld.",
						   (long long) nskipped) : 0));
	InitMaterializedSRF(fcinfo, 0);
	if (e.nunknown == e.nscored)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target column \"%s\" has no class that the model knows", target),
				 errhint("mlops.describe() lists the model's classes.")));
	if (e.nunknown > 0)
		ereport(NOTICE,
				(errmsg("rows of a class that the model does not know: %lld",
						(long long) e.nunknown),
				 errdetail("They count as wrong.")));
	m = mlops_metrics_finish(e.metrics, &n);
	for (int i = 0; i < n; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {0};

		values[0] = CStringGetTextDatum(m[i].name);
		values[1] = Float8GetDatum(m[i].value);
		nulls[1] = isnan(m[i].value);
		values[2] = Int64GetDatum(m[i].n);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
mlops_evaluate_name(PG_FUNCTION_ARGS)
{
	return evaluate(fcinfo, mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_PREDICT));
}

Datum
mlops_evaluate_value(PG_FUNCTION_ARGS)
{
	return evaluate(fcinfo, mlops_arg_model_by_value(fcinfo));
}
