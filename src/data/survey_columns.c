/*-------------------------------------------------------------------------
 *
 * survey_columns.c
 *	  What must be known of the columns of rows that are not kept: how often
 *	  each category occurred, which columns have values, are constant, or are
 *	  the same as another.
 *
 * Columns that were the same in all rows so far are in one class.  Every block
 * of rows splits the classes by a hash of the columns' values in it; columns
 * alone in their class are not looked at again, so after the first block this
 * costs nothing but for columns that are the same.  Categories are compared
 * by their texts.
 *
 * IDENTIFICATION
 *	  src/data/survey_columns.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "survey.h"

typedef struct SeenColumn
{
	int64	   *counts;			/* of a category: rows by code of arrival */
	int			maxcounts;
	int64		nmissing;		/* of a category */
	double		first;			/* of a number: its value in the first row */
	bool		has_first;
	bool		varies;
	bool		has_value;
} SeenColumn;

/* A column that has been the same as another in all rows so far. */
typedef struct SameColumn
{
	int			feature;
	int			class;			/* lowest feature of its class */
	uint64		hash;			/* of its values in a block */
} SameColumn;

struct MlColumnsSeen
{
	MemoryContext context;
	MlPlan	   *plan;
	SeenColumn *columns;
	int			nsame;
	SameColumn *same;
	int		   *class_of;		/* at the end: by feature, -1 for one like no other */
};

MlColumnsSeen *
mlops_columns_seen_make(MemoryContext parent, MlPlan *plan)
{
	MlColumnsSeen *seen = MemoryContextAllocZero(parent, sizeof(MlColumnsSeen));

	seen->context = parent;
	seen->plan = plan;
	seen->columns = MemoryContextAllocZero(parent, sizeof(SeenColumn) * plan->nfeatures);
	seen->same = MemoryContextAllocZero(parent, sizeof(SameColumn) * plan->nfeatures);
	seen->nsame = plan->nfeatures;
	for (int i = 0; i < plan->nfeatures; i++)
		seen->same[i].feature = i;
	return seen;
}

static void
count_block(MlColumnsSeen *seen, SeenColumn *column, const MlColumn *feature,
			const MlBlock *block)
{
	const double *x = block->x + feature->slot;
	int			ncodes = mlops_dictionary_size(feature->dict);

	if (ncodes > column->maxcounts)
	{
		int			max = Max(ncodes, Max(64, column->maxcounts > PG_INT32_MAX / 2 ? 0 : column->maxcounts * 2));
		int64	   *counts = MemoryContextAllocExtended(seen->context, sizeof(int64) * max,
														MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

		if (column->counts != NULL)
		{
			memcpy(counts, column->counts, sizeof(int64) * column->maxcounts);
			pfree(column->counts);
		}
		column->counts = counts;
		column->maxcounts = max;
	}
	for (int r = 0; r < block->nrows; r++, x += block->width)
	{
		if (isnan(*x))
			column->nmissing++;
		else
			column->counts[(int) *x]++;
	}
}

/* Numbers: has a slot any value; is the only slot constant? */
static void
look_at_block(SeenColumn *column, const MlColumn *feature, const MlBlock *block)
{
	const double *x = block->x + feature->slot;

	for (int r = 0; r < block->nrows && !column->has_value; r++)
	{
		for (int i = 0; i < feature->width; i++)
			column->has_value |= !isnan(x[(Size) r * block->width + i]);
	}
	if (feature->width != 1)
		return;
	if (!column->has_first)
	{
		column->first = *x;
		column->has_first = true;
	}
	for (int r = 0; r < block->nrows && !column->varies; r++, x += block->width)
		column->varies = !(*x == column->first);
}

/* Hash of a column's values in a block. */
static uint64
hash_column(const MlColumn *feature, const MlBlock *block)
{
	const double *x = block->x + feature->slot;
	uint64		hash = feature->width;

	for (int r = 0; r < block->nrows; r++, x += block->width)
	{
		for (int i = 0; i < feature->width; i++)
		{
			uint64		word;

			if (feature->dict != NULL && !isnan(x[i]))
				word = mlops_dictionary_entry_hash(feature->dict, (int) x[i]);
			else
				memcpy(&word, &x[i], sizeof(word));
			hash = mlops_hash_mix(hash, word);
		}
	}
	return hash;
}

/* By class and hash, then as the columns stand. */
static int
compare_same(const void *a, const void *b)
{
	const SameColumn *x = (const SameColumn *) a;
	const SameColumn *y = (const SameColumn *) b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->feature < y->feature ? -1 : x->feature > y->feature;
}

static void
split_classes(MlColumnsSeen *seen, const MlBlock *block)
{
	SameColumn *same = seen->same;
	int			kept = 0;

	for (int i = 0; i < seen->nsame; i++)
		same[i].hash = hash_column(&seen->plan->features[same[i].feature], block);
	qsort(same, seen->nsame, sizeof(SameColumn), compare_same);
	for (int first = 0; first < seen->nsame;)
	{
		int			next = first + 1;

		while (next < seen->nsame && same[next].class == same[first].class &&
			   same[next].hash == same[first].hash)
			next++;
		for (int i = first, class = same[first].feature; i < next && next > first + 1; i++)
		{
			same[kept].feature = same[i].feature;
			same[kept++].class = class;
		}
		first = next;
	}
	seen->nsame = kept;
}

void
mlops_columns_seen_add(MlColumnsSeen *seen, const MlBlock *block)
{
	if (block->nrows == 0)
		return;
	for (int i = 0; i < seen->plan->nfeatures; i++)
	{
		const MlColumn *feature = &seen->plan->features[i];
		SeenColumn *column = &seen->columns[i];

		if (feature->family == ML_COLUMN_TEXT)
			count_block(seen, column, feature, block);
		else if (!column->has_value || (feature->width == 1 && !column->varies))
			look_at_block(column, feature, block);
	}
	if (seen->nsame > 0)
		split_classes(seen, block);
}

static int64 *
count_codes(void *arg, int feature, int ncodes)
{
	const SeenColumn *column = &((MlColumnsSeen *) arg)->columns[feature];
	int64	   *counts = MemoryContextAllocExtended(CurrentMemoryContext,
												sizeof(int64) * ((Size) ncodes + 1),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	if (column->counts != NULL)
		memcpy(counts, column->counts, sizeof(int64) * Min(ncodes, column->maxcounts));
	counts[ncodes] = column->nmissing;
	return counts;
}

static bool
has_value(void *arg, int feature)
{
	return ((MlColumnsSeen *) arg)->columns[feature].has_value;
}

static bool
is_constant(void *arg, int feature)
{
	const MlColumnsSeen *seen = (MlColumnsSeen *) arg;
	const MlColumn *plan = &seen->plan->features[feature];
	const SeenColumn *column = &seen->columns[feature];
	int			ncodes;
	int			code = -1;

	if (plan->family != ML_COLUMN_TEXT)
		return !column->varies;
	ncodes = mlops_dictionary_size(plan->dict);
	for (int i = 0; i <= ncodes; i++)
	{
		int64		count = i == ncodes ? column->nmissing :
			i < column->maxcounts ? column->counts[i] : 0;

		if (count == 0)
			continue;
		if (code >= 0 && plan->codes[i] != code)
			return false;
		code = plan->codes[i];
	}
	return true;
}

static bool
is_duplicate(void *arg, int a, int b)
{
	const MlColumnsSeen *seen = (MlColumnsSeen *) arg;

	return seen->class_of[a] >= 0 && seen->class_of[a] == seen->class_of[b];
}

MlEvidence
mlops_columns_seen_evidence(MlColumnsSeen *seen)
{
	MlEvidence	evidence;

	seen->class_of = MemoryContextAlloc(seen->context, sizeof(int) * seen->plan->nfeatures);
	for (int i = 0; i < seen->plan->nfeatures; i++)
		seen->class_of[i] = -1;
	for (int i = 0; i < seen->nsame; i++)
		seen->class_of[seen->same[i].feature] = seen->same[i].class;
	evidence.arg = seen;
	evidence.count_codes = count_codes;
	evidence.set_codes = NULL;
	evidence.has_value = has_value;
	evidence.is_constant = is_constant;
	evidence.is_duplicate = is_duplicate;
	return evidence;
}
