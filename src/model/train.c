/*-------------------------------------------------------------------------
 *
 * train.c
 *	  The loop of all algorithms that train by passes: budget, passes,
 *	  interrupts, progress, notices.
 *
 * IDENTIFICATION
 *	  src/model/train.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "mlops/algo.h"
#include "mlops/base.h"
#include "mlops/model.h"

#include "train_private.h"

/* Weight of the training rows per class; of a regression NULL. */
static double *
count_classes(const MlDataset *data)
{
	double	   *sum;

	if (data->sig->task != ML_TASK_CLASSIFICATION)
		return NULL;
	sum = palloc0(sizeof(double) * data->sig->nclasses);
	for (int b = 0; b < data->nblocks; b++)
	{
		const MlBlock *block = &data->blocks[b];

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < block->nrows; i++)
			if (data->part[b][i] == 0)
				sum[(int) block->y[i]] += block->w ? block->w[i] : 1.0;
	}
	return sum;
}

static double
sum_weights(const MlDataset *data)
{
	double		sum = 0;

	if (!data->is_weighted)
		return data->ntrain;
	for (int b = 0; b < data->nblocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < data->blocks[b].nrows; i++)
			if (data->part[b][i] == 0)
				sum += data->blocks[b].w[i];
	}
	return sum;
}

/* Refuse before taking, so that the message can name the number. */
static void
check_budget(const MlDataset *data, Size more)
{
	mlops_budget_check(add_size(MemoryContextMemAllocated(data->context, true), more),
					   mlops_guc_training_memory, "mlops.training_memory",
					   "Train on fewer rows, columns or categories, or raise mlops.training_memory.");
}

/* Of a block's training rows every stride-th, counted over all blocks: 0 in wanted. */
static const uint8 *
thin_out(const uint8 *part, int nrows, int64 stride, int64 *seen, uint8 *wanted)
{
	for (int i = 0; i < nrows; i++)
		wanted[i] = part[i] == 0 && (*seen)++ % stride == 0 ? 0 : 1;
	return wanted;
}

/* One pass over the training rows. */
static MlStatus
run_pass(const MlAlgo *algo, MlTrain *tr, const MlDataset *data,
		 const MlDesign *design, MlBlock *scratch)
{
	Size		size = algo->partial_size(tr);
	void	   *partial;
	MlStatus	status;
	int64		seen = 0;
	uint8		wanted[MLOPS_BLOCK_ROWS];

	check_budget(data, size);
	partial = MemoryContextAllocHuge(CurrentMemoryContext, size);
	algo->begin_pass(tr, partial);
	for (int b = 0; b < data->nblocks; b++)
	{
		const uint8 *part;

		CHECK_FOR_INTERRUPTS();
		part = data->part[b];
		if (tr->row_stride > 1)
			part = thin_out(part, data->blocks[b].nrows, tr->row_stride, &seen, wanted);
		if (algo->wants_design)
			mlops_design_expand(design, &data->blocks[b], part, 0, scratch);
		else
			mlops_block_gather(&data->blocks[b], part, 0, scratch);
		if (scratch->nrows > 0)
			algo->accumulate(partial, scratch);
	}
	status = algo->end_pass(tr, partial);
	pfree(partial);
	return status;
}

void
mlops_train_raise(const List *notices)
{
	ListCell   *lc;

	foreach(lc, notices)
		ereport(NOTICE, (errmsg("%s", (char *) lfirst(lc))));
}

void
mlops_train_check_status(const MlAlgo *algo, MlStatus status)
{
	if (status == ML_NOT_FINITE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s overflowed", algo->name),
				 errhint("Features of very different or very large scale can be rescaled in the source.")));
	if (status == ML_SINGULAR)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s has no unique solution for these rows", algo->name)));
}

void
mlops_dataset_counts(const MlDataset *data, MlRowCounts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->nrows = data->nrows;
	counts->ntrain = data->ntrain;
	counts->nholdout = data->nholdout;
	counts->nseen = data->nseen;
	counts->nskipped = data->nskipped;
	counts->nimputed = data->nimputed;
	counts->is_weighted = data->is_weighted;
	counts->rls_applied = data->rls_applied;
}

MlModel *
mlops_train_run(const MlAlgo *algo, MlDataset *data, MlParams *params)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "mlops train",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlModel    *model = palloc0(sizeof(MlModel));
	MlDesign   *design = mlops_design_make(data->sig);
	int			nterms = algo->wants_design ? mlops_design_nterms(design) : data->sig->width;
	MlBlock		scratch;
	MlTrain		tr;
	MlRowCounts counts;
	MlStatus	status;

	mlops_train_check_task(algo, data->sig);
	memset(&tr, 0, sizeof(tr));
	tr.sig = data->sig;
	tr.params = params;
	tr.nterms = nterms;
	tr.nrows = data->ntrain;
	tr.row_stride = 1;
	tr.sum_weight = sum_weights(data);
	tr.class_weight = mlops_train_class_weights(data->sig, count_classes(data), params);

	check_budget(data, add_size(algo->work_size(&tr),
								mul_size(sizeof(double) * MLOPS_BLOCK_ROWS, nterms)));
	scratch.nrows = 0;
	scratch.width = nterms;
	scratch.x = MemoryContextAllocHuge(context, sizeof(double) * MLOPS_BLOCK_ROWS * (Size) nterms);
	scratch.y = palloc(sizeof(double) * MLOPS_BLOCK_ROWS);
	scratch.w = data->is_weighted ? palloc(sizeof(double) * MLOPS_BLOCK_ROWS) : NULL;

	mlops_progress_phase(ML_PHASE_TRAINING);
	algo->begin(&tr);
	do
	{
		status = run_pass(algo, &tr, data, design, &scratch);
		mlops_progress_pass(++tr.npass, tr.max_passes);
	} while (status == ML_CONTINUE);
	mlops_train_check_status(algo, status);

	model->context = context;
	model->algo = algo;
	model->sig = data->sig;
	model->body = algo->finish(&tr);
	mlops_dataset_counts(data, &counts);
	model->facts = mlops_train_facts(&counts, params);
	pfree(scratch.x);
	model->notices = tr.notices;
	MemoryContextSwitchTo(old);
	return model;
}
