/*-------------------------------------------------------------------------
 *
 * split_category.c
 *	  The best split of one node by a category.
 *
 * A category of few values is split one value against the rest.  One of many
 * is split between two groups of values: where the loss is quadratic, the best
 * of all 2^(n-1) groupings is one of the n - 1 borders of the values ordered
 * by their own best answer, gradient / hessian [1].  Values with few rows are
 * extreme by chance, and a border found among many fits the noise, so, as
 * LightGBM does [2], cat_smooth is added to the hessian that a value is
 * ordered by, cat_l2 to the l2 of the groups, values of fewer than min_cat_rows
 * rows are not told apart, and a group has at most max_cat_values values.
 *
 * The group goes left; it is the start or the end of the order and not more
 * than half of it.  Right go all others: values not told apart, and those that
 * no row of the node has.
 *
 * So no more than max_cat_values from either end need be in order, and where
 * that is few of the values they are picked, not sorted.
 *
 * [1] Fisher: On Grouping for Maximum Homogeneity, 1958
 * [2] Ke et al.: LightGBM: A Highly Efficient Gradient Boosting Decision Tree,
 *	   2017, and its documentation on categorical features
 *
 * IDENTIFICATION
 *	  src/tree/split_category.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "split_private.h"

/* nbins up to which a value is split from the rest: four values, "missing" and "other" */
#define ML_FEW_BINS 6

/* A value and where it belongs in the order; equal keys: by bin. */
typedef struct Value
{
	double		key;
	int			bin;
} Value;

#define ST_SORT sort_values
#define ST_ELEMENT_TYPE Value
#define ST_COMPARE(a, b) ((a)->key < (b)->key ? -1 : (a)->key > (b)->key ? 1 : \
						  (a)->bin < (b)->bin ? -1 : (a)->bin > (b)->bin)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static bool
is_refused(const MlSplitAsk *ask)
{
	int			i;

	for (i = 0; ask->refused && i < ask->refused->n; i++)
		if (ask->refused->slot[i] == ask->slot)
			return true;
	return false;
}

/* The values to tell apart, with their keys, by bin; returns how many. */
static int
collect_values(const MlSplitAsk *ask, Value *values)
{
	uint32		least = mlops_split_units(ask, ask->rules->min_cat_rows);
	double		smooth = ask->rules->cat_smooth;
	int			n = 0;
	int			b;

	for (b = 0; b < ask->binning->nbins; b++)
	{
		int64		entry = ask->hist[b];

		if (mlops_entry_hessian(entry) < least)
			continue;
		values[n].key = mlops_entry_gradient(entry) * ask->scale->gradient /
			(mlops_entry_hessian(entry) * ask->scale->hessian + smooth);
		values[n++].bin = b;
	}
	return n;
}

/* The first "limit" values of the order, in order; values come by bin. */
static void
pick_lowest(const Value *values, int n, int limit, Value *lowest)
{
	int			have = 0;
	int			i;
	int			at;

	for (i = 0; i < n; i++)
	{
		if (have == limit && !(values[i].key < lowest[limit - 1].key))
			continue;
		at = have < limit ? have++ : limit - 1;
		for (; at > 0 && values[i].key < lowest[at - 1].key; at--)
			lowest[at] = lowest[at - 1];
		lowest[at] = values[i];
	}
}

/* The last "limit" values of the order, the very last first. */
static void
pick_highest(const Value *values, int n, int limit, Value *highest)
{
	int			have = 0;
	int			i;
	int			at;

	for (i = 0; i < n; i++)
	{
		if (have == limit && values[i].key < highest[limit - 1].key)
			continue;
		at = have < limit ? have++ : limit - 1;
		for (; at > 0 && values[i].key >= highest[at - 1].key; at--)
			highest[at] = highest[at - 1];
		highest[at] = values[i];
	}
}

/* Groups of the first 1 .. limit values from here: how many won, or 0. */
static int
scan_groups(const MlSplitAsk *ask, const Value *values, int step, int limit)
{
	double		l2 = ask->rules->l2 + ask->rules->cat_l2;
	int64		sum = 0;
	int			won = 0;
	int			i;

	for (i = 0; i < limit; i++)
	{
		uint32		left;

		sum += ask->hist[values[i * step].bin];
		left = mlops_entry_hessian(sum);
		if (left < ask->min_units)
			continue;
		if (ask->node->hessian - left < ask->min_units)
			break;
		if (mlops_split_take(ask, l2, -1, false, mlops_entry_gradient(sum), left))
			won = i + 1;
	}
	return won;
}

static void
write_set(const MlSplitAsk *ask, const Value *values, int step, int n)
{
	int			i;

	memset(ask->set, 0, (ask->binning->nbins + 31) / 32 * sizeof(uint32));
	for (i = 0; i < n; i++)
		ask->set[values[i * step].bin / 32] |= (uint32) 1 << (values[i * step].bin % 32);
}

/* One value against the rest. */
static void
split_few(const MlSplitAsk *ask)
{
	uint32		least = Max(ask->min_units, mlops_split_units(ask, ask->rules->min_cat_rows));
	Value		one;
	bool		won = false;
	int			b;

	for (b = 0; b < ask->binning->nbins; b++)
	{
		uint32		left = mlops_entry_hessian(ask->hist[b]);

		if (left < least || ask->node->hessian - left < ask->min_units)
			continue;
		if (mlops_split_take(ask, ask->rules->l2, -1, false,
							 mlops_entry_gradient(ask->hist[b]), left))
		{
			won = true;
			one.bin = b;
		}
	}
	if (won)
		write_set(ask, &one, 1, 1);
}

/* Two groups. */
static void
split_many(const MlSplitAsk *ask)
{
	Value	   *values = ask->scratch;
	int			n = collect_values(ask, values);
	int			limit = Min(ask->rules->max_cat_values, (n + 1) / 2);
	const Value *low = values;
	const Value *high = values + n - 1;
	int			step = -1;
	int			from_low;
	int			from_high;

	if (limit < 1)
		return;
	if (n >= 4 * limit)
	{
		/* 16 bytes a value leave 8, and two lists of a quarter of the values fit there */
		pick_lowest(values, n, limit, values + n);
		pick_highest(values, n, limit, values + n + limit);
		low = values + n;
		high = values + n + limit;
		step = 1;
	}
	else
		sort_values(values, n);
	from_low = scan_groups(ask, low, 1, limit);
	from_high = scan_groups(ask, high, step, limit);
	if (from_high > 0)
		write_set(ask, high, step, from_high);
	else if (from_low > 0)
		write_set(ask, low, 1, from_low);
}

void
mlops_split_category(const MlSplitAsk *ask)
{
	if (is_refused(ask))
		return;
	if (ask->binning->nbins <= ML_FEW_BINS)
		split_few(ask);
	else
		split_many(ask);
}
