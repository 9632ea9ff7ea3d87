/*-------------------------------------------------------------------------
 *
 * learn.c
 *	  Classes, dictionaries and replacements, learnt from rows that were read.
 *
 * Dictionaries and replacements come from the training part alone: the
 * held-out rows stand for rows that nobody has seen.  Classes come from all
 * rows, because every class keeps a training row.
 *
 * IDENTIFICATION
 *	  src/data/learn.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "data.h"

typedef struct Counted
{
	MlString	s;
	int			code;			/* in order of arrival */
	int64		count;
	double		number;			/* of an integer label */
} Counted;

/* There can be as many strings as rows. */
static int
compare_strings(const void *a, const void *b)
{
	CHECK_FOR_INTERRUPTS();
	return mlops_string_compare(&((const Counted *) a)->s, &((const Counted *) b)->s);
}

static int
compare_numbers(const void *a, const void *b)
{
	int64		x = strtoll(((const Counted *) a)->s.data, NULL, 10);
	int64		y = strtoll(((const Counted *) b)->s.data, NULL, 10);

	return x < y ? -1 : x > y;
}

/* Most frequent first, ties bytewise. */
static int
compare_counts(const void *a, const void *b)
{
	int64		x = ((const Counted *) a)->count;
	int64		y = ((const Counted *) b)->count;

	CHECK_FOR_INTERRUPTS();
	if (x != y)
		return x > y ? -1 : 1;
	return compare_strings(a, b);
}

static MlString
integer_name(double number)
{
	char	   *text = psprintf(INT64_FORMAT, (int64) number);

	return mlops_string_copy(text, strlen(text));
}

/* y = map[y] in every row */
static void
map_target(MlStore *store, const int *map)
{
	for (int b = 0; b < store->nblocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < store->blocks[b].nrows; r++)
			store->blocks[b].y[r] = map[(int) store->blocks[b].y[r]];
	}
}

static void
learn_labels(MlPlan *plan, MlReadResult *read, MlSignature *sig)
{
	int			n = mlops_dictionary_size(read->classes);
	Counted    *list = palloc0(sizeof(Counted) * n);
	int		   *map = palloc(sizeof(int) * n);

	for (int i = 0; i < n; i++)
	{
		list[i].s = mlops_dictionary_entry(read->classes, i);
		list[i].code = i;
	}
	qsort(list, n, sizeof(Counted),
		  plan->target.family == ML_COLUMN_NUMBER ? compare_numbers : compare_strings);
	sig->nclasses = n;
	sig->classes = palloc(sizeof(MlString) * n);
	for (int i = 0; i < n; i++)
	{
		sig->classes[i] = mlops_string_copy(list[i].s.data, list[i].s.len);
		map[list[i].code] = i;
	}
	map_target(read->store, map);
}

/* Class numbers of a target of two values are 0 and 1; both must occur. */
static bool
has_both(const MlStore *store)
{
	bool		seen[2] = {false, false};

	for (int b = 0; b < store->nblocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < store->blocks[b].nrows; r++)
			seen[store->blocks[b].y[r] != 0.0] = true;
		if (seen[0] && seen[1])
			return true;
	}
	return false;
}

/* Integers of exactly two values become the classes of a classification. */
static bool
learn_two_integers(MlReadResult *read, MlSignature *sig)
{
	MlStore    *store = read->store;
	double		high = Max(read->distinct[0], read->distinct[1]);
	double		low = Min(read->distinct[0], read->distinct[1]);

	if (read->ndistinct != 2)
		return false;
	for (int b = 0; b < store->nblocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < store->blocks[b].nrows; r++)
			store->blocks[b].y[r] = store->blocks[b].y[r] == high ? 1.0 : 0.0;
	}
	sig->nclasses = 2;
	sig->classes = palloc(sizeof(MlString) * 2);
	sig->classes[0] = integer_name(low);
	sig->classes[1] = integer_name(high);
	return true;
}

void
mlops_learn_classes(MlPlan *plan, MlReadResult *read, const MlWish *wish,
					MlSignature *sig)
{
	bool		one_class;

	sig->target = pstrdup(plan->target.name);
	sig->target_type = plan->target.family;
	sig->task = ML_TASK_CLASSIFICATION;
	if (read->classes != NULL)
	{
		learn_labels(plan, read, sig);
		one_class = sig->nclasses < 2;
	}
	else if (plan->target.family == ML_COLUMN_BOOL)
	{
		sig->nclasses = 2;
		sig->classes = palloc(sizeof(MlString) * 2);
		sig->classes[0] = mlops_string_copy("false", 5);
		sig->classes[1] = mlops_string_copy("true", 4);
		one_class = !has_both(read->store);
	}
	else if (wish->task == 0 && mlops_converter_is_integer(&plan->target.conv) &&
			 learn_two_integers(read, sig))
		one_class = !has_both(read->store);
	else
	{
		sig->task = ML_TASK_REGRESSION;
		return;
	}
	if (one_class)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target column \"%s\" has one class only", sig->target)));
}

/* Training rows per code of arrival; entry ncodes counts missing ones. */
static int64 *
count_codes(const MlStore *store, int slot, int ncodes)
{
	int64	   *counts = MemoryContextAllocExtended(CurrentMemoryContext,
												sizeof(int64) * ((Size) ncodes + 1),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int b = 0; b < store->nblocks; b++)
	{
		const MlBlock *block = &store->blocks[b];
		const double *x = block->x + slot;

		for (int r = 0; r < block->nrows; r++, x += block->width)
		{
			if (store->part[b][r] == 0)
				counts[isnan(*x) ? ncodes : (int) *x]++;
		}
		CHECK_FOR_INTERRUPTS();
	}
	return counts;
}

/* The dictionary of a category and the final codes of its rows. */
static void
learn_dictionary(MlColumn *column, MlStore *store, int max_categories,
				 MlFeature *feature)
{
	int			n = mlops_dictionary_size(column->dict);
	int64	   *counts = count_codes(store, column->slot, n);
	Counted    *list = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Counted) * Max(n, 1));
	int		   *map = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * ((Size) n + 1));
	int			kept = 0;

	for (int i = 0; i < n; i++)
	{
		if (counts[i] == 0)
			continue;
		list[kept].s = mlops_dictionary_entry(column->dict, i);
		list[kept].code = i;
		list[kept].count = counts[i];
		kept++;
	}
	if (kept > max_categories)
	{
		qsort(list, kept, sizeof(Counted), compare_counts);
		kept = max_categories;
		feature->has_other = true;
	}
	qsort(list, kept, sizeof(Counted), compare_strings);
	feature->has_missing = counts[n] > 0;
	feature->ncategories = kept;
	feature->categories = palloc(sizeof(MlString) * Max(kept, 1));
	for (int i = 0; i < n; i++)
		map[i] = kept + 1;
	map[n] = kept;
	for (int i = 0; i < kept; i++)
	{
		feature->categories[i] = mlops_string_copy(list[i].s.data, list[i].s.len);
		map[list[i].code] = i;
	}
	for (int b = 0; b < store->nblocks; b++)
	{
		MlBlock    *block = &store->blocks[b];
		double	   *x = block->x + column->slot;

		for (int r = 0; r < block->nrows; r++, x += block->width)
			*x = map[isnan(*x) ? n : (int) *x];
		CHECK_FOR_INTERRUPTS();
	}
	pfree(counts);
	pfree(list);
	pfree(map);
}

/* Does a slot have any value in the training part? */
static bool
slot_has_value(const MlStore *store, int slot)
{
	for (int b = 0; b < store->nblocks; b++)
	{
		const MlBlock *block = &store->blocks[b];
		const double *x = block->x + slot;

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < block->nrows; r++, x += block->width)
		{
			if (store->part[b][r] == 0 && !isnan(*x))
				return true;
		}
	}
	return false;
}

/* Does every slot of a column that is to be filled have a value to learn from?  Of others, any slot. */
static bool
has_value(const MlStore *store, const MlColumn *column)
{
	bool		wants_all = column->missing == ML_MISSING_MEAN ||
		column->missing == ML_MISSING_MEDIAN;

	if (column->width == 0)
		return false;
	if (column->nmissing == 0)
		return true;
	for (int i = 0; i < column->width; i++)
	{
		if (slot_has_value(store, column->slot + i) != wants_all)
			return !wants_all;
	}
	return wants_all;
}

/* Do all rows of a slot have the same value, missing ones aside if they will be replaced by it? */
static bool
is_constant(const MlStore *store, const MlColumn *column)
{
	bool		ignore_missing = column->missing == ML_MISSING_MEAN ||
		column->missing == ML_MISSING_MEDIAN;
	double		first = NAN;

	for (int b = 0; b < store->nblocks; b++)
	{
		const MlBlock *block = &store->blocks[b];
		const double *x = block->x + column->slot;

		for (int r = 0; r < block->nrows; r++, x += block->width)
		{
			if (isnan(*x))
			{
				if (!ignore_missing)
					return false;
			}
			else if (isnan(first))
				first = *x;
			else if (*x != first)
				return false;
		}
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/* Are the slots of two columns bitwise the same in every row? */
static bool
is_duplicate(const MlStore *store, const MlColumn *a, const MlColumn *b)
{
	if (a->width != b->width || a->missing != b->missing ||
		(a->family == ML_COLUMN_TEXT) != (b->family == ML_COLUMN_TEXT))
		return false;
	for (int i = 0; i < store->nblocks; i++)
	{
		const MlBlock *block = &store->blocks[i];

		for (int r = 0; r < block->nrows; r++)
		{
			const double *x = block->x + (Size) r * block->width;

			if (memcmp(x + a->slot, x + b->slot, sizeof(double) * a->width) != 0)
				return false;
		}
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

static void
drop_or_notice(MlPlan *plan, MlColumn *column, const char *reason)
{
	if (column->asked)
	{
		if (!plan->quiet)
			ereport(NOTICE,
					(errmsg("feature \"%s\" is kept as asked, but it is uninformative: %s",
							column->name, reason)));
	}
	else
	{
		column->excluded = true;
		mlops_plan_exclude(plan, column->name, reason);
	}
}

/* Columns without a value, with one value, or equal to an earlier one. */
static void
find_useless(MlPlan *plan, MlReadResult *read, const MlFeature *features)
{
	for (int i = 0; i < plan->nfeatures; i++)
	{
		MlColumn   *column = &plan->features[i];
		bool		empty;

		if (column->family == ML_COLUMN_TEXT)
			empty = features[i].ncategories == 0;
		else
			empty = !has_value(read->store, column);
		if (empty && column->asked)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 column->width > 1 ?
					 errmsg("feature \"%s\" has an element without values in the training rows", column->name) :
					 errmsg("feature \"%s\" has no values in the training rows", column->name)));
		if (empty)
		{
			column->excluded = true;
			mlops_plan_exclude(plan, column->name,
							   column->width > 1 ? "an element has no values" : "no values");
			continue;
		}
		if (column->width == 1 && is_constant(read->store, column))
		{
			drop_or_notice(plan, column, "constant");
			continue;
		}
		for (int j = 0; j < i; j++)
		{
			if (!plan->features[j].excluded &&
				is_duplicate(read->store, &plan->features[j], column))
			{
				drop_or_notice(plan, column,
							   psprintf("same values as \"%s\"", plan->features[j].name));
				break;
			}
		}
	}
}

void
mlops_learn_features(MlPlan *plan, MlReadResult *read, const MlWish *wish,
					 MlSignature *sig)
{
	MlFeature  *features = palloc0(sizeof(MlFeature) * plan->nfeatures);
	int		   *from;
	int			width = 0;

	for (int i = 0; i < plan->nfeatures; i++)
	{
		MlColumn   *column = &plan->features[i];

		if (column->family == ML_COLUMN_TEXT)
			learn_dictionary(column, read->store, wish->max_categories, &features[i]);
	}
	find_useless(plan, read, features);

	from = palloc(sizeof(int) * Max(read->store->width, 1));
	for (int i = 0; i < plan->nfeatures; i++)
	{
		const MlColumn *column = &plan->features[i];
		MlFeature  *feature = &features[sig->nfeatures];

		if (column->excluded)
			continue;
		*feature = features[i];
		feature->name = pstrdup(column->name);
		feature->type = column->family;
		feature->missing = column->missing;
		feature->slot = width;
		feature->width = column->width;
		for (int j = 0; j < column->width; j++)
			from[width++] = column->slot + j;
		if (feature->type != ML_COLUMN_TEXT)
			feature->has_missing = column->nmissing > 0;
		feature->is_padded = column->conv.kind == CONVERT_BPCHAR;
		sig->nfeatures++;
	}
	if (sig->nfeatures == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("source has no column that can be a feature"),
				 errdetail("Excluded columns: %s.", plan->excluded->data)));
	sig->features = features;
	sig->width = width;
	if (width < read->store->width)
		mlops_store_remap(read->store, width, from);
}
