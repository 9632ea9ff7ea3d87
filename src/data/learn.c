/*-------------------------------------------------------------------------
 *
 * learn.c
 *	  Classes, dictionaries and features, learnt from rows that were read.
 *
 * What the rows say is told by an MlEvidence: evidence.c has it of rows in
 * memory, survey_columns.c of rows that have passed by.  Classes come from all
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

/* A text of at least so many values, which are so large a share of the rows, names the row and says nothing of others. */
#define IDENTIFIER_VALUES 100
#define IDENTIFIER_SHARE 0.9

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
	read->class_codes = map;
}

/* Integers of exactly two values become the classes of a classification. */
static bool
learn_two_integers(MlReadResult *read, MlSignature *sig)
{
	if (read->ndistinct != 2)
		return false;
	read->is_pair = true;
	read->high = Max(read->distinct[0], read->distinct[1]);
	sig->nclasses = 2;
	sig->classes = palloc(sizeof(MlString) * 2);
	sig->classes[0] = integer_name(Min(read->distinct[0], read->distinct[1]));
	sig->classes[1] = integer_name(read->high);
	return true;
}

void
mlops_learn_classes(MlPlan *plan, MlReadResult *read, const MlWish *wish,
					MlSignature *sig)
{
	sig->target = pstrdup(plan->target.name);
	sig->target_type = plan->target.family;
	sig->task = ML_TASK_CLASSIFICATION;
	if (read->classes != NULL)
		learn_labels(plan, read, sig);
	else if (plan->target.family == ML_COLUMN_BOOL)
	{
		sig->nclasses = 2;
		sig->classes = palloc(sizeof(MlString) * 2);
		sig->classes[0] = mlops_string_copy("false", 5);
		sig->classes[1] = mlops_string_copy("true", 4);
	}
	else if (wish->task != 0 || !mlops_converter_is_integer(&plan->target.conv) ||
			 !learn_two_integers(read, sig))
		sig->task = ML_TASK_REGRESSION;
}

/* Labels were seen each; of other classes it has to be looked for whether both occur. */
void
mlops_require_two_classes(const MlReadResult *read, const MlSignature *sig,
						  bool has_0, bool has_1)
{
	if (read->classes != NULL ? sig->nclasses < 2 : !has_0 || !has_1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target column \"%s\" has one class only", sig->target)));
}

/* The dictionary of a category and its final codes. */
static void
learn_dictionary(MlColumn *column, const int64 *counts, int max_categories,
				 MlFeature *feature)
{
	int			n = mlops_dictionary_size(column->dict);
	Counted    *list = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Counted) * Max(n, 1));
	int		   *map = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * ((Size) n + 1));
	int			kept = 0;
	int64		nvalues = 0;

	for (int i = 0; i < n; i++)
	{
		if (counts[i] == 0)
			continue;
		nvalues += counts[i];
		list[kept].s = mlops_dictionary_entry(column->dict, i);
		list[kept].code = i;
		list[kept].count = counts[i];
		kept++;
	}
	column->is_identifier = kept >= IDENTIFIER_VALUES && kept >= IDENTIFIER_SHARE * nvalues;
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
	column->ncodes = n;
	column->codes = map;
	pfree(list);
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

static bool
may_be_same(const MlColumn *a, const MlColumn *b)
{
	return a->width == b->width && a->missing == b->missing &&
		(a->family == ML_COLUMN_TEXT) == (b->family == ML_COLUMN_TEXT);
}

/* Columns without a value, with one value, texts that name the row, or equal to an earlier one. */
static void
find_useless(MlPlan *plan, const MlEvidence *evidence, const MlFeature *features)
{
	for (int i = 0; i < plan->nfeatures; i++)
	{
		MlColumn   *column = &plan->features[i];
		bool		empty;

		if (column->family == ML_COLUMN_TEXT)
			empty = features[i].ncategories == 0;
		else
			empty = column->width == 0 || !evidence->has_value(evidence->arg, i);
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
		if (column->is_identifier)
		{
			drop_or_notice(plan, column, "nearly all values distinct");
			continue;
		}
		if (column->width == 1 && evidence->is_constant(evidence->arg, i))
		{
			drop_or_notice(plan, column, "constant");
			continue;
		}
		for (int j = 0; j < i; j++)
		{
			if (!plan->features[j].excluded && may_be_same(&plan->features[j], column) &&
				evidence->is_duplicate(evidence->arg, j, i))
			{
				drop_or_notice(plan, column,
							   psprintf("same values as \"%s\"", plan->features[j].name));
				break;
			}
		}
	}
}

int *
mlops_learn_features(MlPlan *plan, const MlWish *wish, int width, const MlEvidence *evidence,
					 MlSignature *sig)
{
	MlFeature  *features = palloc0(sizeof(MlFeature) * plan->nfeatures);
	int		   *from;
	int			kept = 0;

	for (int i = 0; i < plan->nfeatures; i++)
	{
		MlColumn   *column = &plan->features[i];
		int64	   *counts;
		int			ncodes;

		if (column->family != ML_COLUMN_TEXT)
			continue;
		ncodes = mlops_dictionary_size(column->dict);
		counts = evidence->count_codes(evidence->arg, i, ncodes);
		learn_dictionary(column, counts, wish->max_categories, &features[i]);
		if (evidence->set_codes != NULL)
			evidence->set_codes(evidence->arg, i, ncodes);
		pfree(counts);
	}
	find_useless(plan, evidence, features);

	from = palloc(sizeof(int) * Max(width, 1));
	for (int i = 0; i < plan->nfeatures; i++)
	{
		MlColumn   *column = &plan->features[i];
		MlFeature  *feature = &features[sig->nfeatures];

		if (column->excluded)
			continue;
		*feature = features[i];
		column->number = sig->nfeatures;
		feature->name = pstrdup(column->name);
		feature->type = column->family;
		feature->missing = column->missing;
		feature->slot = kept;
		feature->width = column->width;
		for (int j = 0; j < column->width; j++)
			from[kept++] = column->slot + j;
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
	sig->width = kept;
	return from;
}
