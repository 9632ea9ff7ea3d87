/*-------------------------------------------------------------------------
 *
 * tree_sql.c
 *	  Trees as an SQL expression over the columns of the model.
 *
 * Values become numbers in SQL as the binding makes them, and the sum is made
 * in the order of scoring, so one tree answers exactly what predict() does and
 * a sum of trees, too; exp() of a link is the server's and can differ in the
 * last digit.  Where predict() gives NULL or an error because a value is
 * missing, the expression gives NULL.
 *
 * IDENTIFICATION
 *	  src/tree/tree_sql.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/jsonb_out.h"
#include "tree_words.h"

#define MAX_SQL (1024 * 1024)	/* bytes */

#define SECONDS_FROM_1970 ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

static void
put_double(StringInfo buf, double value)
{
	appendStringInfo(buf, "'%s'::float8", mlops_double_text(value));
}

/* A timestamp as data/convert.c makes it a number. */
static double
seconds_of(int64 microseconds)
{
	return (double) (microseconds / USECS_PER_SEC + SECONDS_FROM_1970) +
		(double) (microseconds % USECS_PER_SEC) / USECS_PER_SEC;
}

/* The latest timestamp that is not above a threshold, in seconds from 1970 with all six digits. */
static void
put_last_timestamp(StringInfo buf, double threshold)
{
	int64		low = MIN_TIMESTAMP - 1;	/* not above, as far as it is a timestamp */
	int64		high = END_TIMESTAMP;	/* above, likewise */
	int64		seconds;
	int64		rest;

	while ((uint64) high - (uint64) low > 1)	/* the difference can be beyond int64 */
	{
		int64		middle = low + (int64) (((uint64) high - (uint64) low) / 2);

		if (seconds_of(middle) <= threshold)
			low = middle;
		else
			high = middle;
	}
	seconds = low / USECS_PER_SEC + SECONDS_FROM_1970;
	rest = low % USECS_PER_SEC;
	if (rest < 0)
	{
		seconds--;
		rest += USECS_PER_SEC;
	}
	/* a negative time is so many whole seconds and a positive rest */
	appendStringInfo(buf, "(" INT64_FORMAT " + 0.%06d)", seconds, (int) rest);
}

/* A column as a number. */
static void
put_number(StringInfo buf, const MlFeature *feature, int element)
{
	const char *name = quote_identifier(feature->name);

	switch (feature->type)
	{
		case ML_COLUMN_BOOL:
			appendStringInfo(buf, "%s::int", name);
			break;
		case ML_COLUMN_DATE:
			appendStringInfo(buf, "(%s - '1970-01-01'::date)", name);
			break;
		case ML_COLUMN_TIMESTAMP:
		case ML_COLUMN_TIMESTAMPTZ:
			appendStringInfo(buf, "extract(epoch FROM %s)", name);
			break;
		case ML_COLUMN_ARRAY:
			appendStringInfo(buf, "(%s[:])[%d]::float8", name, element + 1);
			break;
		default:
			appendStringInfo(buf, "%s::float8", name);
	}
}

static inline bool
has_nan(const MlFeature *feature)
{
	return feature->type == ML_COLUMN_NUMBER || feature->type == ML_COLUMN_ARRAY;
}

/* NULL and NaN <= anything are not true: missing values go right by themselves. */
static void
put_number_question(StringInfo buf, const MlEnsemble *e, const MlFeature *feature,
					int element, const MlNode *node)
{
	put_number(buf, feature, element);
	appendStringInfoString(buf, " <= ");
	if (feature->type == ML_COLUMN_TIMESTAMP || feature->type == ML_COLUMN_TIMESTAMPTZ)
		put_last_timestamp(buf, node->u.threshold);
	else
		put_double(buf, node->u.threshold);
	if (!mlops_tree_missing_left(feature, element, e, node))
		return;
	appendStringInfoString(buf, " OR ");
	put_number(buf, feature, element);
	appendStringInfoString(buf, " IS NULL");
	if (has_nan(feature))
	{
		appendStringInfoString(buf, " OR ");
		put_number(buf, feature, element);
		appendStringInfoString(buf, " = 'NaN'::float8");
	}
}

/* Unseen categories are on one side; the other one is listed. */
static void
put_category_question(StringInfo buf, const MlEnsemble *e, const MlFeature *feature,
					  const MlNode *node)
{
	const uint32 *words = e->words + node->u.set.first;
	bool		others_left = mlops_set_has(words, feature->ncategories + 1);
	const char *name = quote_identifier(feature->name);
	bool		any = false;

	for (int i = 0; i < feature->ncategories; i++)
	{
		const MlString *category = &feature->categories[i];

		if (mlops_set_has(words, i) == others_left)
			continue;
		if (any)
			appendStringInfoString(buf, ", ");
		else
			appendStringInfo(buf, feature->is_padded ? "rtrim(%s::text, ' ') COLLATE \"C\" %s (" :
							 "%s::text COLLATE \"C\" %s (", name, others_left ? "NOT IN" : "IN");
		any = true;
		appendStringInfoString(buf, quote_literal_cstr(pnstrdup(category->data, category->len)));
	}
	if (any)
		appendStringInfoChar(buf, ')');
	else if (others_left)
		appendStringInfo(buf, "%s IS NOT NULL", name);
	else
		appendStringInfoString(buf, "false");
	if (mlops_tree_missing_left(feature, 0, e, node))
		appendStringInfo(buf, " OR %s IS NULL", name);
}

static void
put_tree(StringInfo buf, const MlEnsemble *e, const MlSignature *sig, int tree)
{
	uint32		start = e->root[tree];
	uint32		n = e->root[tree + 1] - start;
	bool	   *in_right = palloc(n);	/* of the splits that are open */
	uint32		open = 0;

	for (uint32 i = start; i < start + n; i++)
	{
		const MlNode *node = &e->nodes[i];
		int			element;
		const MlFeature *feature;

		CHECK_FOR_INTERRUPTS();
		if (buf->len > MAX_SQL)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("model is too large for an SQL expression of at most %d kB", MAX_SQL / 1024),
					 errhint("Use mlops.predict().")));
		if ((node->flags & ML_NODE_LEAF) == 0)
		{
			feature = mlops_tree_feature(sig, node->slot, &element);
			appendStringInfoString(buf, "CASE WHEN ");
			if ((node->flags & ML_NODE_CATEGORY) != 0)
				put_category_question(buf, e, feature, node);
			else
				put_number_question(buf, e, feature, element, node);
			appendStringInfoString(buf, " THEN ");
			in_right[open++] = false;
			continue;
		}
		put_double(buf, node->u.value);
		while (open > 0 && in_right[open - 1])
		{
			appendStringInfoString(buf, " END");
			open--;
		}
		if (open > 0)
		{
			appendStringInfoString(buf, " ELSE ");
			in_right[open - 1] = true;
		}
	}
	pfree(in_right);
}

/* Is there a feature without which there is no answer?  Then the expression's beginning. */
static bool
put_guard(StringInfo buf, const MlSignature *sig)
{
	bool		any = false;

	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];

		if (feature->missing != ML_MISSING_ERROR && feature->missing != ML_MISSING_SKIP)
			continue;
		for (int j = 0; j < feature->width; j++)
		{
			appendStringInfoString(buf, any ? " OR " : "CASE WHEN ");
			any = true;
			if (feature->type == ML_COLUMN_TEXT)
				appendStringInfo(buf, "%s IS NULL", quote_identifier(feature->name));
			else
			{
				put_number(buf, feature, j);
				appendStringInfoString(buf, " IS NULL");
			}
			if (has_nan(feature))
			{
				appendStringInfoString(buf, " OR ");
				put_number(buf, feature, j);
				appendStringInfoString(buf, " = 'NaN'::float8");
			}
		}
	}
	if (any)
		appendStringInfoString(buf, " THEN NULL ELSE ");
	return any;
}

static void
put_sum(StringInfo buf, const MlEnsemble *e, const MlSignature *sig)
{
	if (e->is_mean && e->ntrees == 1 && e->base[0] == 0)
	{
		put_tree(buf, e, sig, 0);
		return;
	}
	put_double(buf, e->base[0]);
	if (e->ntrees == 0)
		return;
	appendStringInfoString(buf, e->is_mean ? " + (" : "");
	for (int t = 0; t < e->ntrees; t++)
	{
		if (!e->is_mean || t > 0)
			appendStringInfoString(buf, "\n + ");
		put_tree(buf, e, sig, t);
	}
	if (e->is_mean)
		appendStringInfo(buf, ") / %d", e->ntrees);
}

void
mlops_tree_sql(const MlEnsemble *e, const MlSignature *sig, StringInfo buf)
{
	bool		guarded;

	if (e->noutputs > 1)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a model of %d classes is not one SQL expression", e->noutputs),
				 errhint("Use mlops.proba() or mlops.classify().")));
	guarded = put_guard(buf, sig);
	if (e->link == ML_LINK_LOGISTIC)
		appendStringInfoString(buf, "1 / (1 + exp(least(709, -(");
	else if (e->link == ML_LINK_EXP)
		appendStringInfoString(buf, "exp(");
	put_sum(buf, e, sig);
	if (e->link == ML_LINK_LOGISTIC)
		appendStringInfoString(buf, "))))");
	else if (e->link == ML_LINK_EXP)
		appendStringInfoChar(buf, ')');
	if (guarded)
		appendStringInfoString(buf, " END");
}
