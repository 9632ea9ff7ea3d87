/*-------------------------------------------------------------------------
 *
 * survey.c
 *	  A source read twice, without keeping its rows.
 *
 * The first pass learns what must be known before rows can be put anywhere:
 * the signature, each row's part and place, a sample.  Of a row it keeps the
 * hash and the class, 10 bytes; sorting them into the index of positions takes
 * 21 for a moment, drawing the parts 19, and the index stays, with 9.  Besides,
 * up to three times the sample is there until it has been drawn.
 *
 * The second pass reads the rows again, in whatever order they come, and finds
 * their places by their hashes.  Where a source could answer with other rows
 * the second time, they are kept by the first (fetch.c); where it does
 * nevertheless, a row is not found and the training ends with an error.
 *
 * IDENTIFICATION
 *	  src/data/survey.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"

#include "survey.h"

#define MAX_GROUPS 1001			/* classes in order of arrival, and one too many */

/* How the rows of a survey are read again. */
struct MlSurveyRows
{
	const MlDataset *data;		/* from memory, or */
	MlPlan	   *plan;			/* from a source */
	MlReader   *reader;
	MlReadResult *read;
	bool		keeps;			/* the source's rows, for itself */
	int			ncategories;	/* features that are categories */
	int		   *categories;
	/* while they are read */
	MlSurvey   *survey;
	MlFeed		feed;
	void	   *arg;
	int64		nfed;
	uint32	   *position;
};

/* What the targets of a source are before its classes are known. */
typedef enum TargetKind
{
	TARGET_CODE,				/* labels in order of arrival, booleans */
	TARGET_PAIR,				/* integers that may have two values */
	TARGET_NUMBER
} TargetKind;

typedef struct FirstPass
{
	MlSurvey   *survey;
	MlPlan	   *plan;
	MlReadResult *read;
	TargetKind	target;
	MlHashes   *hashes;
	MlColumnsSeen *seen;
	MlSampler  *sampler;
	int64		group_rows[MAX_GROUPS];
	MlExactSum *group_weight[MAX_GROUPS];
	uint16		group[MLOPS_BLOCK_ROWS];
} FirstPass;

static void
check_budget(const MlSurvey *survey, Size more)
{
	mlops_budget_check(MemoryContextMemAllocated(survey->context, true) + more,
					   mlops_guc_training_memory, "mlops.training_memory",
					   "Train on a fraction of the rows with the option \"sample\", on fewer columns, or raise mlops.training_memory.");
}

/* Integers with a third value are numbers: there never were two groups. */
static void
settle_pair(FirstPass *pass)
{
	if (pass->target != TARGET_PAIR || pass->read->ndistinct <= 2)
		return;
	pass->target = TARGET_NUMBER;
	mlops_hashes_ungroup(pass->hashes);
	pass->group_rows[0] += pass->group_rows[1];
	pass->group_rows[1] = 0;
	if (pass->group_weight[0] == NULL)
		pass->group_weight[0] = pass->group_weight[1];
	else if (pass->group_weight[1] != NULL)
		mlops_exact_sum_merge(pass->group_weight[0], pass->group_weight[1]);
	pass->group_weight[1] = NULL;
}

/* A block's groups (classes by arrival), their rows and weights. */
static void
note_targets(FirstPass *pass, const MlBlock *block)
{
	const MlReadResult *read = pass->read;

	settle_pair(pass);
	for (int r = 0; r < block->nrows; r++)
	{
		int			group = 0;

		if (pass->target == TARGET_CODE)
			group = (int) block->y[r];
		else if (pass->target == TARGET_PAIR)
			group = block->y[r] != read->distinct[0];
		pass->group[r] = group;
		pass->group_rows[group]++;
		if (!pass->plan->has_weight)
			continue;
		if (pass->group_weight[group] == NULL)
			pass->group_weight[group] = mlops_exact_sum_make();
		mlops_exact_sum_add(pass->group_weight[group], block->w[r]);
	}
}

static void
take_block(void *arg, MlBlock *block, const uint64 *hash)
{
	FirstPass  *pass = (FirstPass *) arg;

	note_targets(pass, block);
	mlops_hashes_add(pass->hashes, hash, pass->group, block->nrows);
	mlops_columns_seen_add(pass->seen, block);
	mlops_sampler_add(pass->sampler, block, hash);
	check_budget(pass->survey, 0);
}

static void
widen(void *arg, int width, const int *from)
{
	mlops_sampler_relayout(((FirstPass *) arg)->sampler, width, from);
}

/* The class (final) of a group of the first pass. */
static int
class_of_group(const FirstPass *pass, int group)
{
	return (int) mlops_class_of(pass->read, pass->target == TARGET_PAIR ?
								pass->read->distinct[group] : group);
}

static void
require_two_classes(const FirstPass *pass, const MlSignature *sig)
{
	bool		has[2] = {false, false};

	if (pass->read->classes == NULL)
	{
		for (int g = 0; g < 2; g++)
		{
			if (pass->group_rows[g] > 0)
				has[class_of_group(pass, g)] = true;
		}
	}
	mlops_require_two_classes(pass->read, sig, has[0], has[1]);
}

static void
check_sum_weight(const MlSurvey *survey)
{
	if (!isfinite(survey->sum_weight))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum of weights is out of range"),
				 errhint("Weights of smaller scale say the same.")));
}

/* Rows and weights for training, by class and altogether. */
static void
sum_weights(const FirstPass *pass, const MlDraw *draw)
{
	MlSurvey   *survey = pass->survey;
	int			nclasses = survey->sig->nclasses;
	double	   *total = palloc0(sizeof(double) * Max(nclasses, 1));

	for (int g = 0; g < draw->ngroups; g++)
	{
		int			class = nclasses > 0 ? class_of_group(pass, g) : 0;
		double		share;

		if (pass->group_rows[g] == 0)
			continue;
		share = (double) draw->group_train[g] / pass->group_rows[g];
		total[class] = pass->group_weight[g] == NULL ? (double) draw->group_train[g] :
			mlops_exact_sum_get(pass->group_weight[g]) * share;
	}
	for (int i = 0; i < Max(nclasses, 1); i++)
		survey->sum_weight += total[i];
	check_sum_weight(survey);
	if (nclasses > 0)
		survey->class_total = total;
}

/* Final codes and classes of rows as the reader has them; false: one that was not there the first time. */
static bool
set_codes(const struct MlSurveyRows *rows, const MlSignature *sig, MlBlock *block)
{
	for (int i = 0; i < rows->ncategories; i++)
	{
		const MlColumn *column = &rows->plan->features[rows->categories[i]];
		int			ncodes = column->ncodes;
		double	   *x = block->x + sig->features[column->number].slot;

		for (int r = 0; r < block->nrows; r++, x += block->width)
		{
			int			code = isnan(*x) ? ncodes : (int) *x;

			if (code > ncodes || (code == ncodes && !isnan(*x)))
				return false;
			*x = column->codes[code];
		}
	}
	if (sig->task != ML_TASK_CLASSIFICATION)
		return true;
	for (int r = 0; r < block->nrows; r++)
	{
		if (rows->read->class_codes != NULL && block->y[r] >= sig->nclasses)
			return false;
		block->y[r] = mlops_class_of(rows->read, block->y[r]);
	}
	return true;
}

static void
find_categories(struct MlSurveyRows *rows)
{
	const MlPlan *plan = rows->plan;

	rows->categories = palloc(sizeof(int) * Max(plan->nfeatures, 1));
	for (int i = 0; i < plan->nfeatures; i++)
	{
		if (!plan->features[i].excluded && plan->features[i].family == ML_COLUMN_TEXT)
			rows->categories[rows->ncategories++] = i;
	}
}

/* From what the first pass saw to the survey. */
static void
finish_pass(FirstPass *pass, const MlWish *wish, struct MlSurveyRows *rows)
{
	MlSurvey   *survey = pass->survey;
	MlSignature *sig = survey->sig;
	MlEvidence	evidence = mlops_columns_seen_evidence(pass->seen);
	MlDraw		draw;
	int		   *from;

	settle_pair(pass);
	mlops_learn_classes(pass->plan, pass->read, wish, sig);
	if (sig->task == ML_TASK_CLASSIFICATION)
		require_two_classes(pass, sig);
	from = mlops_learn_features(pass->plan, wish, pass->read->store->width, &evidence, sig);
	find_categories(rows);

	check_budget(survey, mlops_index_build_size(pass->hashes->nrows) +
				 mlops_sampler_result_size(pass->sampler, pass->hashes->nrows, sig->width));
	draw.ngroups = Max(sig->nclasses, 1);
	draw.holdout = wish->holdout;
	draw.watch = wish->watch;
	draw.seed = wish->seed;
	survey->index = mlops_index_build(pass->hashes, &draw);
	sum_weights(pass, &draw);
	mlops_sampler_finish(pass->sampler, survey->index, sig->width, from,
						 survey->context, &survey->sample);
	if (!set_codes(rows, sig, &survey->sample))
		elog(ERROR, "sampled row has an unknown category");
}

static void
set_counts(MlSurvey *survey)
{
	survey->nrows = survey->index->nrows;
	survey->ntrain = survey->index->ntrain;
	survey->nwatch = survey->index->nwatch;
	survey->nholdout = survey->index->nholdout;
	survey->rows->survey = survey;
}

static MlSurvey *
make_survey(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops survey",
												  ALLOCSET_DEFAULT_SIZES);
	MlSurvey   *survey = MemoryContextAllocZero(context, sizeof(MlSurvey));

	survey->context = context;
	survey->rows = MemoryContextAllocZero(context, sizeof(struct MlSurveyRows));
	return survey;
}

MlSurvey *
mlops_survey_read(MlSource *source, const MlWish *wish)
{
	MlSurvey   *survey = make_survey();
	struct MlSurveyRows *rows = survey->rows;
	MemoryContext old = MemoryContextSwitchTo(survey->context);
	MlWish	   *kept_wish = palloc(sizeof(MlWish));
	FirstPass  *pass = palloc0(sizeof(FirstPass));
	MlPlan	   *plan;

	Assert(wish->missing_number != ML_MISSING_MEAN && wish->missing_number != ML_MISSING_MEDIAN);
	*kept_wish = *wish;			/* the reader looks at it in the second pass */
	survey->sig = palloc0(sizeof(MlSignature));
	plan = rows->plan = pass->plan = mlops_plan_make(source, wish);
	rows->keeps = !mlops_source_is_keeping(plan->source) && !mlops_source_is_keeping(source);
	if (rows->keeps)
		mlops_source_keep(plan->source);
	rows->reader = mlops_reader_make(plan, kept_wish, survey->context);
	rows->read = pass->read = mlops_reader_result(rows->reader);
	pass->survey = survey;
	pass->target = rows->read->classes != NULL || plan->target.family == ML_COLUMN_BOOL ?
		TARGET_CODE : wish->task == 0 && mlops_converter_is_integer(&plan->target.conv) ?
		TARGET_PAIR : TARGET_NUMBER;
	pass->hashes = mlops_hashes_make(survey->context);
	pass->seen = mlops_columns_seen_make(survey->context, plan);
	pass->sampler = mlops_sampler_make(survey->context, rows->read->store->width,
									   (1.0 - wish->holdout) * (1.0 - wish->watch), wish->seed);
	mlops_reader_set_sink(rows->reader, take_block, widen, pass);
	mlops_reader_run(rows->reader);

	mlops_progress_phase(ML_PHASE_PREPARING);
	mlops_require_rows(plan, rows->read);
	finish_pass(pass, wish, rows);
	set_counts(survey);
	mlops_raise_notices(plan, rows->read);
	survey->nseen = rows->read->nseen;
	survey->nskipped = rows->read->nskip_target + rows->read->nskip_weight + rows->read->nskip_feature;
	survey->is_weighted = plan->has_weight;
	survey->rls_applied = rows->read->rls_applied;
	survey->labelled = plan->labelled;
	survey->fingerprint = rows->read->fingerprint;
	MemoryContextSwitchTo(old);
	return survey;
}

/* Hashes of rows in memory: of their slots, target and weight. */
static void
hash_block(const MlBlock *block, uint64 *hash)
{
	for (int r = 0; r < block->nrows; r++)
	{
		const double *x = block->x + (Size) r * block->width;
		double		rest[2] = {block->y[r], block->w != NULL ? block->w[r] : 1.0};

		hash[r] = mlops_hash_bytes(rest, sizeof(rest),
								   mlops_hash_bytes(x, sizeof(double) * block->width, 1));
	}
}

/* Weights of the training rows of a data set by class. */
static void
sum_data_weights(MlSurvey *survey, const MlDataset *data)
{
	int			nclasses = survey->sig->nclasses;
	MlExactSum **sums = palloc0(sizeof(MlExactSum *) * Max(nclasses, 1));
	double	   *total = palloc0(sizeof(double) * Max(nclasses, 1));

	for (int b = 0; b < data->nblocks; b++)
	{
		const MlBlock *block = &data->blocks[b];

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < block->nrows; r++)
		{
			int			class = nclasses > 0 ? (int) block->y[r] : 0;

			if (data->part[b][r] != 0)
				continue;
			if (sums[class] == NULL)
				sums[class] = mlops_exact_sum_make();
			mlops_exact_sum_add(sums[class], block->w != NULL ? block->w[r] : 1.0);
		}
	}
	for (int i = 0; i < Max(nclasses, 1); i++)
	{
		total[i] = sums[i] != NULL ? mlops_exact_sum_get(sums[i]) : 0.0;
		survey->sum_weight += total[i];
	}
	check_sum_weight(survey);
	if (nclasses > 0)
		survey->class_total = total;
}

MlSurvey *
mlops_survey_dataset(const MlDataset *data)
{
	MlSurvey   *survey = make_survey();
	MemoryContext old = MemoryContextSwitchTo(survey->context);
	MlHashes   *hashes = mlops_hashes_make(survey->context);
	MlSampler  *sampler = mlops_sampler_make(survey->context, data->sig->width,
											 (double) data->ntrain / Max(data->nrows, 1), 0);
	uint64		hash[MLOPS_BLOCK_ROWS];
	uint16		group[MLOPS_BLOCK_ROWS];

	survey->sig = data->sig;
	survey->rows->data = data;
	for (int b = 0; b < data->nblocks; b++)
	{
		const MlBlock *block = &data->blocks[b];

		CHECK_FOR_INTERRUPTS();
		check_budget(survey, 0);
		hash_block(block, hash);
		for (int r = 0; r < block->nrows; r++)
			group[r] = data->part[b][r];
		mlops_hashes_add(hashes, hash, group, block->nrows);
		mlops_sampler_add(sampler, block, hash);
	}
	check_budget(survey, mlops_index_build_size(hashes->nrows) +
				 mlops_sampler_result_size(sampler, hashes->nrows, data->sig->width));
	survey->index = mlops_index_build_parted(hashes);
	mlops_sampler_finish(sampler, survey->index, data->sig->width, NULL,
						 survey->context, &survey->sample);
	sum_data_weights(survey, data);
	set_counts(survey);
	survey->nseen = data->nseen;
	survey->nskipped = data->nskipped;
	survey->is_weighted = data->is_weighted;
	survey->rls_applied = data->rls_applied;
	survey->labelled = data->labelled;
	survey->fingerprint = data->fingerprint;
	MemoryContextSwitchTo(old);
	return survey;
}

pg_noreturn static void
refuse_other_rows(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("source gave other rows when it was read again"),
			 errhint("Functions that are declared stable must not change their answers within a query; train on a table made from the source.")));
}

/* Hand over rows that are in their final form. */
static void
feed_rows(struct MlSurveyRows *rows, const MlBlock *block, const uint64 *hash)
{
	if (!mlops_index_take(rows->survey->index, hash, block->nrows, rows->position))
		refuse_other_rows();
	rows->nfed += block->nrows;
	rows->feed(rows->arg, block, rows->position);
}

static void
feed_block(void *arg, MlBlock *block, const uint64 *hash)
{
	struct MlSurveyRows *rows = (struct MlSurveyRows *) arg;
	MlBlock		final = *block;

	if (!set_codes(rows, rows->survey->sig, &final))
		refuse_other_rows();
	if (!rows->survey->is_weighted)
		final.w = NULL;
	feed_rows(rows, &final, hash);
}

/* The layout is known from the first pass. */
static void
refuse_relayout(void *arg, int width, const int *from)
{
	refuse_other_rows();
}

void
mlops_survey_feed(MlSurvey *survey, MlFeed feed, void *arg)
{
	struct MlSurveyRows *rows = survey->rows;
	uint64		hash[MLOPS_BLOCK_ROWS];

	rows->feed = feed;
	rows->arg = arg;
	rows->nfed = 0;
	rows->position = MemoryContextAlloc(survey->context, sizeof(uint32) * MLOPS_BLOCK_ROWS);
	if (rows->data != NULL)
	{
		for (int b = 0; b < rows->data->nblocks; b++)
		{
			CHECK_FOR_INTERRUPTS();
			hash_block(&rows->data->blocks[b], hash);
			feed_rows(rows, &rows->data->blocks[b], hash);
		}
	}
	else
	{
		mlops_reader_reset(rows->reader);
		mlops_reader_set_sink(rows->reader, feed_block, refuse_relayout, rows);
		mlops_reader_run(rows->reader);
		if (rows->keeps)
			mlops_source_forget(rows->plan->source);
	}
	if (rows->nfed != survey->nrows)
		refuse_other_rows();
	pfree(rows->position);
}
