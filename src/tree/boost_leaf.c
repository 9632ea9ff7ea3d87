/*-------------------------------------------------------------------------
 *
 * boost_leaf.c
 *	  Values of leaves from exact gradients or from residuals.
 *
 * Quantised sums decide which split is best; on few rows they would also show
 * in the leaves' values, so there these come from the doubles.  Losses whose
 * second derivative says nothing get the best constant for the residuals of
 * the leaf: their median, their quantile or, for Huber's loss, the median and
 * one step from it (Friedman 2001, algorithms 3 and 4).
 *
 * A quantile is found by its bits, eleven at a time from the top, in an order
 * of bits that is the order of numbers: six passes over the rows, no memory.
 *
 * IDENTIFICATION
 *	  src/tree/boost_leaf.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "mlops/tree.h"

#include "boost.h"

#define DIGIT_BITS 11
#define TIE 1e-12				/* relative difference within which a share of the weights is met exactly */

/* Bits of a double, ordered as the numbers are. */
static inline uint64
key_of(double x)
{
	uint64		bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64CONST(1) << 63;
}

static double
number_of(uint64 key)
{
	double		x;

	key = key >> 63 ? key & ~(UINT64CONST(1) << 63) : ~key;
	memcpy(&x, &key, sizeof(x));
	return x;
}

/* The search for a quantile: what is known so far. */
typedef struct Search
{
	const MlBoost *boost;
	MlBoostValue value;
	int			leaf;
	int			top;			/* bits from here on are known: */
	uint64		prefix;			/* they are these */
	int			shift;			/* the digit counted is from here up to top */
	double		digit[1 << DIGIT_BITS]; /* weight by digit, of the values with the prefix */
	double		total;
	uint64		next;			/* smallest key above "prefix" */
} Search;

static inline double
value_of(const Search *search, int64 row)
{
	const MlBoost *boost = search->boost;
	double		y = boost->bins.y[row];

	if (search->value == ML_BOOST_TARGET)
		return y;
	y -= boost->scores[row];
	return search->value == ML_BOOST_RESIDUAL ? y : fabs(y);
}

/* Rows of the search in one shard; *rows is NULL where it is all of them. */
static int
search_rows(const Search *search, int shard, const uint16 **rows)
{
	const MlBoostShared *shared = search->boost->shared;

	*rows = NULL;
	if (search->leaf >= 0)
		return mlops_grower_leaf_rows(search->boost->grower, search->leaf, shard, rows);
	return (int) Min(shared->ntrain - (int64) shard * ML_SHARD_ROWS, ML_SHARD_ROWS);
}

static inline void
count_row(Search *search, int64 row)
{
	uint64		key = key_of(value_of(search, row));
	double		w = search->boost->w ? search->boost->w[row] : 1.0;

	if (search->top < 64 && key >> search->top != search->prefix)
		return;
	search->digit[key >> search->shift & ((1 << (search->top - search->shift)) - 1)] += w;
	search->total += w;
}

static inline void
note_next(Search *search, int64 row)
{
	uint64		key = key_of(value_of(search, row));

	if (key > search->prefix && key < search->next)
		search->next = key;
}

static void
for_rows(Search *search, bool counting)
{
	for (int shard = 0; shard < search->boost->shared->nshards; shard++)
	{
		int64		from = (int64) shard * ML_SHARD_ROWS;
		const uint16 *rows;
		int			n = search_rows(search, shard, &rows);

		CHECK_FOR_INTERRUPTS();
		if (counting)
			for (int i = 0; i < n; i++)
				count_row(search, from + (rows ? rows[i] : i));
		else
			for (int i = 0; i < n; i++)
				note_next(search, from + (rows ? rows[i] : i));
	}
}

double
mlops_boost_quantile(const MlBoost *boost, MlBoostValue value, int leaf, double q)
{
	Search		search;
	double		below = 0;
	double		want = -1;
	double		x;

	search.boost = boost;
	search.value = value;
	search.leaf = leaf;
	search.prefix = 0;
	for (search.top = 64; search.top > 0; search.top = search.shift)
	{
		int			d;
		int			last = -1;

		search.shift = Max(search.top - DIGIT_BITS, 0);
		memset(search.digit, 0, sizeof(search.digit));
		search.total = 0;
		for_rows(&search, true);
		if (want < 0)
			want = q * search.total;
		for (d = 0; d < 1 << DIGIT_BITS; d++)
		{
			if (search.digit[d] == 0)
				continue;
			last = d;
			if (below + search.digit[d] >= want * (1 - TIE))
				break;
			below += search.digit[d];
		}
		if (last < 0)
			return 0;			/* no rows */
		if (d == 1 << DIGIT_BITS)
			below -= search.digit[d = last];	/* rounding */
		search.prefix = search.prefix << (search.top - search.shift) | d;
		if (search.shift == 0)
			below += search.digit[d];
	}
	x = number_of(search.prefix);
	if (below > want * (1 + TIE))
		return x;
	search.next = PG_UINT64_MAX;
	for_rows(&search, false);
	return search.next == PG_UINT64_MAX ? x : x + (number_of(search.next) - x) / 2;
}

/* Mean of residuals about the median, each at most delta away. */
static double
huber_step(const MlBoost *boost, int leaf, double median)
{
	double		delta = boost->shared->loss.delta;
	double		sum = 0;
	double		total = 0;

	for (int shard = 0; shard < boost->shared->nshards; shard++)
	{
		const uint16 *rows;
		int			n = mlops_grower_leaf_rows(boost->grower, leaf, shard, &rows);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n; i++)
		{
			int64		row = (int64) shard * ML_SHARD_ROWS + rows[i];
			double		w = boost->w ? boost->w[row] : 1.0;
			double		d = boost->bins.y[row] - boost->scores[row] - median;

			sum += w * (d > delta ? delta : d < -delta ? -delta : d);
			total += w;
		}
	}
	return total > 0 ? sum / total : 0;
}

void
mlops_boost_renew_task(MlBoost *boost, int leaf)
{
	const MlLoss *loss = &boost->shared->loss;
	double		q = loss->kind == ML_LOSS_QUANTILE ? loss->alpha : 0.5;
	double		x = mlops_boost_quantile(boost, ML_BOOST_RESIDUAL, leaf, q);

	if (loss->kind == ML_LOSS_HUBER)
		x += huber_step(boost, leaf, x);
	boost->leaf_values[leaf] = x;
}

/*
 * Bounds of every node's value that keep the tree monotone: between the sides
 * of a constrained split lies the middle of the values the sides were grown
 * with.  bounds: two a node.
 */
static double *
node_bounds(const MlGrown *tree, const int8 *monotone)
{
	double	   *bounds = palloc(mul_size(sizeof(double) * 2, tree->nnodes));

	bounds[0] = -INFINITY;
	bounds[1] = INFINITY;
	for (int i = 0; i < tree->nnodes; i++)
	{
		const MlGrownNode *node = &tree->nodes[i];
		int			low = node->left;
		int			high = node->right;
		double		middle;

		if (node->slot < 0)
			continue;
		memcpy(bounds + low * 2, bounds + i * 2, sizeof(double) * 2);
		memcpy(bounds + high * 2, bounds + i * 2, sizeof(double) * 2);
		if (node->is_category || monotone[node->slot] == 0)
			continue;
		if (monotone[node->slot] < 0)
		{
			low = node->right;
			high = node->left;
		}
		middle = (tree->nodes[low].value + tree->nodes[high].value) / 2;
		bounds[low * 2 + 1] = Min(bounds[low * 2 + 1], middle);
		bounds[high * 2] = Max(bounds[high * 2], middle);
	}
	return bounds;
}

/* Newton steps from the shards' sums, in order of shard. */
static void
newton_values(MlBoost *boost, const MlBoostOptions *options)
{
	const MlGrown *tree = &boost->tree;

	for (int i = 0; i < tree->nnodes; i++)
	{
		const MlGrownNode *node = &tree->nodes[i];
		double		g = 0;
		double		h = 0;

		if (node->slot >= 0)
			continue;
		for (int shard = 0; shard < boost->shared->nshards; shard++)
		{
			const double *sums = boost->sums +
				((Size) shard * boost->shared->max_leaves + node->leaf) * 2;

			g += sums[0];
			h += sums[1];
		}
		boost->leaf_values[node->leaf] =
			mlops_split_value(&options->rules, options->rules.l2, g, h, -INFINITY, INFINITY);
	}
}

void
mlops_boost_set_values(MlBoost *boost, MlTeam *team, const MlBoostOptions *options)
{
	MlBoostShared *shared = boost->shared;
	MlGrown    *tree = &boost->tree;
	bool		renews = mlops_loss_renews(&shared->loss);
	double	   *bounds;

	if (!renews && !shared->use_sums)
	{
		for (int i = 0; i < tree->nnodes; i++)
			if (tree->nodes[i].slot < 0)
				boost->leaf_values[tree->nodes[i].leaf] = tree->nodes[i].value;
		return;
	}
	shared->step = renews ? ML_BOOST_RENEW : ML_BOOST_SUMS;
	mlops_team_run(team, ML_TASK_BOOST_UPDATE, renews ? tree->nleaves : shared->nshards);
	if (!renews)
		newton_values(boost, options);
	bounds = options->rules.has_monotone ? node_bounds(tree, options->slots.monotone) : NULL;
	for (int i = 0; i < tree->nnodes; i++)
	{
		MlGrownNode *node = &tree->nodes[i];

		if (node->slot >= 0)
			continue;
		if (bounds)
			boost->leaf_values[node->leaf] =
				Max(bounds[i * 2], Min(bounds[i * 2 + 1], boost->leaf_values[node->leaf]));
		node->value = boost->leaf_values[node->leaf];
	}
	if (bounds)
		pfree(bounds);
}
