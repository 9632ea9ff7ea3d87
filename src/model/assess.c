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

Jsonb *
mlops_assess_dataset(const MlModel *model, const MlDataset *data, int part)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "mlops assess",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const MlSignature *sig = model->sig;
	MlMetrics  *metrics = mlops_metrics_begin(sig->task, sig->nclasses);
	double	   *out = palloc(sizeof(double) * MLOPS_BLOCK_ROWS * Max(sig->nclasses, 1));
	int64		nrows = 0;
	MlBlock		rows;
	Jsonb	   *result;

	rows.width = sig->width;
	rows.x = MemoryContextAllocHuge(context, sizeof(double) * MLOPS_BLOCK_ROWS * (Size) sig->width);
	rows.y = palloc(sizeof(double) * MLOPS_BLOCK_ROWS);
	rows.w = data->is_weighted ? palloc(sizeof(double) * MLOPS_BLOCK_ROWS) : NULL;
	mlops_progress_phase(ML_PHASE_VALIDATING);
	for (int b = 0; b < data->nblocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		mlops_block_gather(&data->blocks[b], data->part[b], part, &rows);
		if (rows.nrows == 0)
			continue;
		model->algo->predict(sig, model->body, &rows, out);
		mlops_metrics_add(metrics, rows.nrows, rows.y, out, rows.w);
		nrows += rows.nrows;
	}
	MemoryContextSwitchTo(old);
	result = metrics_to_jsonb(metrics, part, nrows);
	MemoryContextDelete(context);
	return result;
}

Jsonb *
mlops_assess_trees(const MlModel *model, const MlTreeTrain *tr)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "mlops assess",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const MlSignature *sig = model->sig;
	MlMetrics  *metrics = mlops_metrics_begin(sig->task, sig->nclasses);
	int			part = tr->holdout_out != NULL ? 1 : 0;
	int64		nrows = part == 1 ? tr->survey->nholdout : tr->survey->ntrain;
	const double *y = part == 1 ? tr->holdout_y : tr->train_y;
	const double *w = part == 1 ? tr->holdout_w : tr->train_w;
	const double *out = part == 1 ? tr->holdout_out : tr->train_out;
	int			nout = sig->nclasses > 2 ? sig->nclasses : 1;
	Jsonb	   *result;

	mlops_progress_phase(ML_PHASE_VALIDATING);
	for (int64 i = 0; i < nrows; i += MLOPS_BLOCK_ROWS)
	{
		CHECK_FOR_INTERRUPTS();
		mlops_metrics_add(metrics, Min(nrows - i, MLOPS_BLOCK_ROWS), y + i,
						  out + i * nout, w ? w + i : NULL);
	}
	MemoryContextSwitchTo(old);
	result = metrics_to_jsonb(metrics, part, nrows);
	MemoryContextDelete(context);
	return result;
}
