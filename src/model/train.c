/*-------------------------------------------------------------------------
 *
 * train.c
 *	  The one training loop: budget, passes, interrupts, progress, notices.
 *
 * IDENTIFICATION
 *	  src/model/train.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "mlops/algo.h"
#include "mlops/base.h"
#include "mlops/jsonb_out.h"
#include "mlops/model.h"

#define MAX_SEED 9007199254740991.0 /* 2^53 - 1: no other integer reads as this one */

/* choices of "missing", in the order of missing_policies */
static const MlMissing missing_policies[] = {
	ML_MISSING_MEAN, ML_MISSING_MEDIAN, ML_MISSING_ERROR, ML_MISSING_SKIP
};

/* choices of "missing_category", in the order of category_policies */
static const MlMissing category_policies[] = {
	ML_MISSING_CATEGORY, ML_MISSING_ERROR, ML_MISSING_SKIP
};

const MlParamDef mlops_train_params[] = {
	{"class_weight", ML_PARAM_JSON, 0, 0, 0, NULL,
	"\"balanced\", or an object of class to factor; classification only"},
	{"max_categories", ML_PARAM_INTEGER, 100, 1, 10000, NULL,
	"categories of a feature kept apart; the rarest beyond it become \"other\""},
	{"missing", ML_PARAM_CHOICE, 0, 0, 0, "mean|median|error|skip",
	"what a missing number becomes, or what happens to its row"},
	{"missing_category", ML_PARAM_CHOICE, 0, 0, 0, "category|error|skip",
	"whether a missing category is a category of its own"},
	{"seed", ML_PARAM_INTEGER, 0, 0, MAX_SEED, NULL,
	"decides which rows are held out"},
	{"task", ML_PARAM_CHOICE, 0, 0, 0, "auto|regression|classification",
	"auto: classification for text, enum, boolean and two-valued integer targets"},
	{NULL}
};

void
mlops_train_wish(const MlParams *params, MlWish *wish)
{
	wish->task = mlops_param_choice(params, "task");	/* 0, or the MlTask */
	wish->missing_number = missing_policies[mlops_param_choice(params, "missing")];
	wish->missing_category = category_policies[mlops_param_choice(params, "missing_category")];
	wish->max_categories = mlops_param_integer(params, "max_categories");
	wish->seed = mlops_param_integer(params, "seed");
}

static void
check_task(const MlAlgo *algo, const MlSignature *sig)
{
	bool		regression = sig->task == ML_TASK_REGRESSION;

	if (regression ? algo->does_regression : algo->does_classification)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("algorithm \"%s\" does not do %s", algo->name,
					mlops_task_name(sig->task)),
			 regression ?
			 errhint("The target \"%s\" is a number. Option \"task\" can say \"classification\".", sig->target) :
			 errhint("The target \"%s\" is a class. mlops.algorithms() shows what each algorithm does.", sig->target)));
}

/* Training rows and weight per class. */
static double *
count_classes(const MlDataset *data)
{
	double	   *sum = palloc0(sizeof(double) * Max(data->sig->nclasses, 1));

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

static int
find_class(const MlSignature *sig, const JsonbValue *key)
{
	for (int c = 0; c < sig->nclasses; c++)
		if (sig->classes[c].len == key->val.string.len &&
			memcmp(sig->classes[c].data, key->val.string.val, key->val.string.len) == 0)
			return c;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"class_weight\" names a class that the target does not have")));
}

/* {"class": factor, ...}; classes not named keep 1. */
static void
read_class_weights(const MlSignature *sig, JsonbValue *json, double *weight)
{
	JsonbIterator *it = JsonbIteratorInit(json->val.binary.data);
	JsonbValue	v;
	JsonbIteratorToken token;
	int			current = -1;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			current = find_class(sig, &v);
		else if (token == WJB_VALUE && current >= 0)
		{
			double		x = v.type != jbvNumeric ? -1 :
			DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											   NumericGetDatum(v.val.numeric)));

			if (!(x > 0) || isinf(x))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("option \"class_weight\" needs a positive number for each class")));
			weight[current] = x;
		}
	}
}

/*
 * Factors per class, or NULL.  "balanced" is total / (classes * class total),
 * scikit-learn's definition, in terms of weights where rows have them.
 */
static const double *
class_weights(const MlDataset *data, const MlParams *params)
{
	const MlSignature *sig = data->sig;
	JsonbValue *json = mlops_param_json(params, "class_weight");
	double	   *weight;
	double		total = 0;

	if (json == NULL)
		return NULL;
	if (sig->task != ML_TASK_CLASSIFICATION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"class_weight\" needs a classification target")));
	if (json->type == jbvString && json->val.string.len == 8 &&
		memcmp(json->val.string.val, "balanced", 8) == 0)
	{
		weight = count_classes(data);
		for (int c = 0; c < sig->nclasses; c++)
			total += weight[c];
		for (int c = 0; c < sig->nclasses; c++)
			weight[c] = weight[c] > 0 ? total / (sig->nclasses * weight[c]) : 1;
		return weight;
	}
	if (json->type != jbvBinary || !JsonContainerIsObject(json->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"class_weight\" must be \"balanced\" or an object of class to factor")));
	weight = palloc(sizeof(double) * sig->nclasses);
	for (int c = 0; c < sig->nclasses; c++)
		weight[c] = 1;
	read_class_weights(sig, json, weight);
	return weight;
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

Jsonb *
mlops_train_facts(const MlDataset *data, const MlParams *params)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "rows_trained", data->ntrain);
	mlops_jsonb_add_integer(&state, "rows_held_out", data->nholdout);
	mlops_jsonb_add_integer(&state, "rows_skipped", data->nskipped);
	mlops_jsonb_add_integer(&state, "values_imputed", data->nimputed);
	mlops_jsonb_add_boolean(&state, "weighted", data->is_weighted);
	mlops_jsonb_add_boolean(&state, "row_security", data->rls_applied);
	mlops_jsonb_add_jsonb(&state, "options", mlops_params_effective(params));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
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
	MlStatus	status;
	ListCell   *lc;

	check_task(algo, data->sig);
	memset(&tr, 0, sizeof(tr));
	tr.sig = data->sig;
	tr.params = params;
	tr.nterms = nterms;
	tr.nrows = data->ntrain;
	tr.row_stride = 1;
	tr.sum_weight = sum_weights(data);
	tr.class_weight = class_weights(data, params);

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
	model->facts = mlops_train_facts(data, params);
	pfree(scratch.x);
	MemoryContextSwitchTo(old);
	foreach(lc, tr.notices)
		ereport(NOTICE, (errmsg("%s", (char *) lfirst(lc))));
	return model;
}
