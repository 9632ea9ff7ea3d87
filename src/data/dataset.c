/*-------------------------------------------------------------------------
 *
 * dataset.c
 *	  All rows of a source in memory, ready for training.
 *
 * IDENTIFICATION
 *	  src/data/dataset.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"

#include "data.h"

#define SAMPLE_ROWS 40000
#define SAMPLE_ROWS_MIN 1000
#define SAMPLE_BYTES (64 * 1024 * 1024)

void
mlops_require_rows(const MlPlan *plan, const MlReadResult *read)
{
	if (read->store->nrows > 0)
		return;
	if (read->nseen == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("source has no rows")));
	if (read->nsampled_out > 0 && read->nskip_feature == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the sample of the source has no rows"),
				 errhint("Raise the fraction \"sample\" or leave it out.")));
	if (read->nskip_target == read->nseen)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target column \"%s\" has no values", plan->target.name)));
	for (int i = 0; i < plan->nfeatures; i++)
	{
		const MlColumn *column = &plan->features[i];

		if (column->missing == ML_MISSING_SKIP && column->nmissing == read->nconverted)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("feature \"%s\" has no values, so that every row would be skipped",
							column->name)));
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("source has no usable rows"),
			 errdetail("Of " INT64_FORMAT " rows, " INT64_FORMAT " have no target, "
					   INT64_FORMAT " no weight and " INT64_FORMAT " a missing feature.",
					   read->nseen, read->nskip_target, read->nskip_weight,
					   read->nskip_feature)));
}

void
mlops_raise_notices(const MlPlan *plan, const MlReadResult *read)
{
	if (plan->quiet)
		return;
	if (plan->excluded->len > 0)
		ereport(NOTICE,
				(errmsg("excluded columns: %s", plan->excluded->data)));
	if (read->nskip_target > 0)
		ereport(NOTICE,
				(errmsg_plural("skipped " INT64_FORMAT " row without a value in target column \"%s\"",
							   "skipped " INT64_FORMAT " rows without a value in target column \"%s\"",
							   read->nskip_target, read->nskip_target, plan->target.name)));
	if (read->nskip_weight > 0)
		ereport(NOTICE,
				(errmsg_plural("skipped " INT64_FORMAT " row of zero weight",
							   "skipped " INT64_FORMAT " rows of zero weight",
							   read->nskip_weight, read->nskip_weight)));
	if (read->nskip_feature > 0)
		ereport(NOTICE,
				(errmsg_plural("skipped " INT64_FORMAT " row with a missing feature",
							   "skipped " INT64_FORMAT " rows with a missing feature",
							   read->nskip_feature, read->nskip_feature)));
}

/* Rows of a sample at most: as many as 64 MB hold, but some. */
static int64
sample_rows(const MlStore *store)
{
	int64		fit = SAMPLE_BYTES / ((int64) sizeof(double) * Max(store->width, 1));

	return Max(Min(SAMPLE_ROWS, fit), SAMPLE_ROWS_MIN);
}

MlDataset *
mlops_dataset_read(MlSource *source, const MlWish *wish)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops dataset",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlDataset  *data = palloc0(sizeof(MlDataset));
	MlSignature *sig = palloc0(sizeof(MlSignature));
	MlPlan	   *plan;
	MlReadResult *read;
	MlStore    *store;
	MlEvidence	evidence;
	MlChosen	chosen;
	int		   *from;
	bool		has_0;
	bool		has_1;

	data->context = context;
	data->sig = sig;
	plan = mlops_plan_make(source, wish);
	read = mlops_reader_run(mlops_reader_make(plan, wish, context));
	store = read->store;
	mlops_progress_phase(ML_PHASE_PREPARING);
	mlops_require_rows(plan, read);

	mlops_learn_classes(plan, read, wish, sig);
	if (sig->task == ML_TASK_CLASSIFICATION)
	{
		has_0 = mlops_store_set_classes(read, &has_1);
		mlops_require_two_classes(read, sig, has_0, has_1);
	}
	data->nholdout = mlops_split(store, sig->nclasses, wish->holdout, wish->seed,
								 sample_rows(store), &chosen);
	evidence = mlops_store_evidence(plan, store);
	from = mlops_learn_features(plan, wish, store->width, &evidence, sig);
	if (sig->width < store->width)
		mlops_store_remap(store, sig->width, from);
	mlops_store_check_budget(store, sizeof(double) * store->width * chosen.nrows);
	mlops_store_gather(store, &chosen, &data->sample);
	pfree(chosen.rows);
	data->nimputed = mlops_learn_fills(sig, store, plan->has_weight);
	mlops_raise_notices(plan, read);

	for (int i = 0; i < store->nblocks && !plan->has_weight; i++)
		store->blocks[i].w = NULL;
	data->nrows = store->nrows;
	data->nseen = read->nseen;
	data->nskipped = read->nskip_target + read->nskip_weight + read->nskip_feature;
	data->ntrain = data->nrows - data->nholdout;
	data->nblocks = store->nblocks;
	data->blocks = store->blocks;
	data->part = store->part;
	data->is_weighted = plan->has_weight;
	data->rls_applied = read->rls_applied;
	data->labelled = plan->labelled;
	data->fingerprint = read->fingerprint;
	MemoryContextSwitchTo(old);
	return data;
}
