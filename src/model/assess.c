/*-------------------------------------------------------------------------
 *
 * assess.c
 *	  How good a model is on rows in memory.
 *
 * IDENTIFICATION
 *	  src/model/assess.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/jsonb_out.h"
#include "mlops/metrics.h"
#include "mlops/model.h"

static Jsonb *
metrics_to_jsonb(MlMetrics *metrics, int part, int64 nrows)
{
	JsonbParseState *state = NULL;
	int			n;
	MlMetric   *m = mlops_metrics_finish(metrics, &n);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "on", part == 1 ? "holdout" : "training");
	mlops_jsonb_add_integer(&state, "n", nrows);
	for (int i = 0; i < n; i++)
		mlops_jsonb_add_number(&state, m[i].name, m[i].value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

struct MlAssessment
{
	MemoryContext context;
	MlMetrics  *metrics;
	int64		nrows;
};

MlAssessment *
mlops_assess_begin(const MlSignature *sig)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "mlops assess",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlAssessment *assessment = palloc0(sizeof(MlAssessment));

	assessment->context = context;
	assessment->metrics = mlops_metrics_begin(sig->task, sig->nclasses);
	MemoryContextSwitchTo(old);
	return assessment;
}

void
mlops_assess_add(void *arg, int n, const double *y, const double *w, const double *out)
{
	MlAssessment *assessment = arg;
	MemoryContext old = MemoryContextSwitchTo(assessment->context);

	mlops_metrics_add(assessment->metrics, n, y, out, w);
	assessment->nrows += n;
	MemoryContextSwitchTo(old);
}

Jsonb *
mlops_assess_end(MlAssessment *assessment, int part)
{
	Jsonb	   *result = metrics_to_jsonb(assessment->metrics, part, assessment->nrows);

	MemoryContextDelete(assessment->context);
	return result;
}

Jsonb *
mlops_assess_dataset(const MlModel *model, const MlDataset *data, int part, MlAnswers *answers)
{
	const MlSignature *sig = model->sig;
	MlAssessment *assessment = mlops_assess_begin(sig);
	MemoryContext old = MemoryContextSwitchTo(assessment->context);
	double	   *out = palloc(sizeof(double) * MLOPS_BLOCK_ROWS * Max(sig->nclasses, 1));
	MlBlock		rows;

	rows.width = sig->width;
	rows.x = palloc_extended(sizeof(double) * MLOPS_BLOCK_ROWS * (Size) sig->width, MCXT_ALLOC_HUGE);
	rows.y = palloc(sizeof(double) * MLOPS_BLOCK_ROWS);
	rows.w = data->is_weighted ? palloc(sizeof(double) * MLOPS_BLOCK_ROWS) : NULL;
	MemoryContextSwitchTo(old);
	mlops_progress_phase(ML_PHASE_VALIDATING);
	if (answers)
		mlops_answers_expect(answers, sig, part, part == 1 ? data->nholdout : data->ntrain, false);
	for (int b = 0; b < data->nblocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		mlops_block_gather(&data->blocks[b], data->part[b], part, &rows);
		if (rows.nrows == 0)
			continue;
		model->algo->predict(sig, model->body, &rows, out);
		mlops_assess_add(assessment, rows.nrows, rows.y, rows.w, out);
		if (answers)
			mlops_answers_add(answers, rows.nrows, rows.y, rows.w, out);
	}
	return mlops_assess_end(assessment, part);
}
