/*-------------------------------------------------------------------------
 *
 * boost_shard.c
 *	  What a round of boosting does to the rows of one shard, by any member.
 *
 * A shard's scores stay in the cache while the last tree's leaf values are
 * added, leaf by leaf, and are then read once in order of rows for losses and
 * for the bounds of gradients that fix the unit in which they are counted.
 * Rows come in pieces of 256.  Sums have a fixed order (in four lanes within a
 * piece, by piece, then, by the leader, by shard), whoever does the shard.
 *
 * Counting gradients: an integer part and, with the probability of the rest,
 * one more (Shi et al. [1], stochastic rounding), drawn from a hash of the row's
 * position and the tree's number: sums are unbiased, and the draw is the same
 * wherever the row is.
 *
 * [1] Shi, Ke et al.: Quantized Training of Gradient Boosting Decision Trees,
 *	   NeurIPS 2022
 *
 * IDENTIFICATION
 *	  src/tree/boost_shard.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "mlops/numeric.h"
#include "mlops/tree.h"

#include "boost.h"
#include "prepare.h"

MlBoost *
mlops_boost_attach(MlTeam *team)
{
	MlBoost    *boost = palloc0(sizeof(MlBoost));
	MlBoostShared *shared;
	const MlBoostLayout *at;
	char	   *work_at;

	mlops_bins_attach(&boost->bins, team->base);
	work_at = mlops_prepare_work(team, &boost->bins);
	boost->shared = shared = (MlBoostShared *) work_at;
	at = &shared->at;
	boost->grower = mlops_grower_attach(team, work_at + at->grower, &boost->bins);
	boost->tree.maxnodes = 2 * shared->max_leaves - 1;
	boost->tree.maxwords = shared->maxwords;
	boost->tree.nodes = (MlGrownNode *) (work_at + at->nodes);
	boost->tree.words = (uint32 *) (work_at + at->words);
	boost->scores = (double *) (work_at + at->scores);
	boost->probability = at->probability ? (float *) (work_at + at->probability) : NULL;
	boost->w = at->weights ? (double *) (work_at + at->weights) : boost->bins.w;
	boost->losses = (double *) (work_at + at->losses);
	boost->bounds = (MlBoostBounds *) (work_at + at->bounds);
	boost->sums = (double *) (work_at + at->sums);
	boost->leaf_values = (double *) (work_at + at->leaf_values);
	if (shared->use_sums)
	{
		Size		n = Min(shared->ntrain, ML_SHARD_ROWS);

		boost->g = palloc(sizeof(double) * n);
		boost->h = palloc(sizeof(double) * n);
	}
	return boost;
}

/* First row and number of rows of a shard of training rows or a chunk of others. */
static int64
shard_rows(const MlBoostShared *shared, int number, int *n)
{
	int64		first = 0;
	int64		end = shared->ntrain;

	if (number >= shared->nshards + shared->nwatched)
	{
		number -= shared->nshards + shared->nwatched;
		first = shared->ntrain + shared->nwatch;
		end = shared->nrows;
	}
	else if (number >= shared->nshards)
	{
		number -= shared->nshards;
		first = shared->ntrain;
		end = shared->ntrain + shared->nwatch;
	}
	first += (int64) number * ML_SHARD_ROWS;
	*n = (int) Min(end - first, ML_SHARD_ROWS);
	return first;
}

/* What rows that no leaf lists get from the tree; seen: those that one does. */
static void
score_others(MlBoost *boost, int64 from, int n, const uint8 *seen, double *s, int stride)
{
	const MlBinned *bins = &boost->bins;
	double		rate = boost->shared->learning_rate;

	for (int i = 0; i < n; i++)
	{
		int			node;

		if (seen && (seen[i / 8] >> (i % 8) & 1))
			continue;
		node = mlops_grown_find(&boost->tree, bins, bins->rows + (from + i) * bins->stride);
		s[(Size) i * stride] += boost->tree.nodes[node].value * rate;
	}
}

/* Add the tree to the scores of a shard. */
static void
add_tree(MlBoost *boost, int number, int64 from, int n)
{
	const MlBoostShared *shared = boost->shared;
	int			k = shared->loss.noutputs;
	double	   *s = boost->scores + from * k + shared->output;
	uint8		seen[ML_SHARD_ROWS / 8];
	bool		all = shared->subsample >= 1;

	boost->tree.nnodes = shared->nnodes;
	boost->tree.nleaves = shared->nleaves;
	boost->tree.nwords = shared->nwords;
	if (shared->nleaves == 1)
	{
		double		value = boost->tree.nodes[0].value * shared->learning_rate;

		for (int i = 0; i < n; i++)
			s[(Size) i * k] += value;
		return;
	}
	if (number >= shared->nshards)
	{
		score_others(boost, from, n, NULL, s, k);
		return;
	}
	if (!all)
		memset(seen, 0, sizeof(seen));
	for (int leaf = 0; leaf < shared->nleaves; leaf++)
	{
		const uint16 *rows;
		int			count = mlops_grower_leaf_rows(boost->grower, leaf, number, &rows);
		double		value = boost->leaf_values[leaf] * shared->learning_rate;

		if (k == 1)
			for (int i = 0; i < count; i++)
				s[rows[i]] += value;
		else
			for (int i = 0; i < count; i++)
				s[(Size) rows[i] * k] += value;
		if (!all)
			for (int i = 0; i < count; i++)
				seen[rows[i] / 8] |= 1 << (rows[i] % 8);
	}
	if (!all)
		score_others(boost, from, n, seen, s, k);
}

/* Fold a piece's gradients and hessians into bounds. */
static ML_WIDE_VECTORS void
add_bounds(MlBoostBounds *bounds, int n, const double *g, const double *h)
{
	double		sg[4] = {0, 0, 0, 0};
	double		sh[4] = {0, 0, 0, 0};
	double		mg[4] = {0, 0, 0, 0};
	double		mh[4] = {0, 0, 0, 0};
	int			i = 0;

	for (; i + 4 <= n; i += 4)
		for (int j = 0; j < 4; j++)
		{
			double		a = fabs(g[i + j]);
			double		b = h[i + j];

			sg[j] += a;
			sh[j] += b;
			mg[j] = a > mg[j] ? a : mg[j];
			mh[j] = b > mh[j] ? b : mh[j];
		}
	for (; i < n; i++)
	{
		sg[0] += fabs(g[i]);
		sh[0] += h[i];
		mg[0] = Max(mg[0], fabs(g[i]));
		mh[0] = Max(mh[0], h[i]);
	}
	bounds->sum_gradient += (sg[0] + sg[1]) + (sg[2] + sg[3]);
	bounds->sum_hessian += (sh[0] + sh[1]) + (sh[2] + sh[3]);
	for (int j = 0; j < 4; j++)
	{
		bounds->max_gradient = Max(bounds->max_gradient, mg[j]);
		bounds->max_hessian = Max(bounds->max_hessian, mh[j]);
	}
}

/* Gradients and hessians of the coming tree for a piece of training rows. */
static void
piece_gradients(const MlBoost *boost, int64 row, int n, double *g, double *h)
{
	const MlBoostShared *shared = boost->shared;
	const MlLoss *loss = &shared->loss;
	const double *y = boost->bins.y + row;
	const double *w = boost->w ? boost->w + row : NULL;

	if (loss->noutputs == 1)
		mlops_loss_rows(loss, n, boost->scores + row, y, w, g, h);
	else
		mlops_loss_class_rows(loss, n, shared->output,
							  boost->probability + row * loss->noutputs, y, w, g, h);
}

/*
 * Logistic gradients of rows from one on, kept where integers are going to be:
 * that saves the second exponential.
 */
static float *
kept_gradients(const MlBoost *boost, int64 row)
{
	return (float *) mlops_grower_gradients(boost->grower) + row;
}

/* A shard's loss, and the bounds of its gradients where it is of training rows. */
static void
gather(MlBoost *boost, int number, int64 from, int n)
{
	const MlLoss *loss = &boost->shared->loss;
	int			noutputs = loss->noutputs;
	bool		train = number < boost->shared->nshards;
	float	   *kept = train && boost->shared->keeps ? kept_gradients(boost, from) : NULL;
	MlBoostBounds *bounds = boost->bounds + (Size) number * noutputs;
	double		sum = 0;
	double		g[ML_LOSS_PIECE];
	double		h[ML_LOSS_PIECE];

	if (train)
		memset(bounds, 0, sizeof(MlBoostBounds) * noutputs);
	for (int i = 0; i < n; i += ML_LOSS_PIECE)
	{
		int			m = Min(n - i, ML_LOSS_PIECE);
		int64		row = from + i;
		const double *y = boost->bins.y + row;
		const double *w = boost->w ? boost->w + row : NULL;

		if (noutputs == 1)
		{
			sum += mlops_loss_rows(loss, m, boost->scores + row, y, w, g, h);
			if (train)
				add_bounds(bounds, m, g, h);
			for (int j = 0; kept && j < m; j++)
				kept[i + j] = g[j];
			continue;
		}
		sum += mlops_loss_classes(loss, m, boost->scores + row * noutputs, y, w,
								  boost->probability + row * noutputs);
		for (int k = 0; train && k < noutputs; k++)
		{
			mlops_loss_class_rows(loss, m, k, boost->probability + row * noutputs, y, w, g, h);
			add_bounds(&bounds[k], m, g, h);
		}
	}
	boost->losses[number] = sum;
}

/* Exact sums of gradients and hessians of each leaf's rows in a shard. */
static void
sum_leaves(MlBoost *boost, int number)
{
	const MlBoostShared *shared = boost->shared;
	double	   *sums = boost->sums + (Size) number * shared->max_leaves * 2;
	int64		from;
	int			n;

	from = shard_rows(shared, number, &n);
	for (int i = 0; i < n; i += ML_LOSS_PIECE)
		piece_gradients(boost, from + i, Min(n - i, ML_LOSS_PIECE), boost->g + i, boost->h + i);
	for (int leaf = 0; leaf < shared->nleaves; leaf++)
	{
		const uint16 *rows;
		int			count = mlops_grower_leaf_rows(boost->grower, leaf, number, &rows);
		double		g = 0;
		double		h = 0;

		for (int i = 0; i < count; i++)
		{
			g += boost->g[rows[i]];
			h += boost->h[rows[i]];
		}
		sums[leaf * 2] = g;
		sums[leaf * 2 + 1] = h;
	}
}

void
mlops_boost_update_task(MlBoost *boost, int number)
{
	const MlBoostShared *shared = boost->shared;
	int64		from;
	int			n;

	if (shared->step == ML_BOOST_SUMS)
	{
		sum_leaves(boost, number);
		return;
	}
	if (shared->step == ML_BOOST_RENEW)
	{
		mlops_boost_renew_task(boost, number);
		return;
	}
	from = shard_rows(shared, number, &n);
	if (shared->has_tree)
		add_tree(boost, number, from, n);
	if (shared->wants_loss)
		gather(boost, number, from, n);
}

/* Two draws of 16 bits for a row: an integer hash that vectors can follow. */
static inline uint32
draw(uint32 row, uint32 key)
{
	uint32		x = row * UINT32_C(0x9e3779b1) + key;

	x ^= x >> 15;
	x *= UINT32_C(0x2c1b3c6d);
	x ^= x >> 12;
	x *= UINT32_C(0x297a2d39);
	return x ^ (x >> 15);
}

/*
 * A piece's gradients as integers.  Draws lie in the middle of their 65,536
 * steps, so that a whole number of units stays that number in spite of
 * rounding.  32,768 makes a gradient positive, where truncation is floor.
 */
static ML_WIDE_VECTORS void
quantise_piece(const MlBoostShared *shared, uint32 row, int n, const double *g,
			   const double *h, uint32 *out)
{
	double		per_g = 1.0 / shared->scale.gradient;
	double		per_h = shared->scale.counts ? 1.0 : 1.0 / shared->scale.hessian;
	uint32		key = shared->dither_key;

	for (int i = 0; i < n; i++)
	{
		uint32		d = draw(row + i, key);
		double		dg = ((int32) (d & 0xffff) + 0.5) * (1.0 / 65536);
		double		dh = ((int32) (d >> 16) + 0.5) * (1.0 / 65536);
		double		vg = g[i] * per_g + dg;
		double		vh = h[i] * per_h + dh;

		/* a kept gradient was rounded, perhaps beyond the bounds */
		vg = vg < 32767.5 ? vg : 32767.5;
		vh = vh < 65535.5 ? vh : 65535.5;
		out[i] = (uint32) ((int32) (vg + 32768.0) - 32768) << 16 | (uint32) (int32) vh;
	}
}

/* The rows of a shard that the coming tree sees. */
static void
choose_rows(MlBoost *boost, int number, int64 from, int n)
{
	const MlBoostShared *shared = boost->shared;
	uint16	   *rows = mlops_grower_rows(boost->grower, number);
	uint64		limit;
	int			count = 0;

	if (shared->subsample >= 1)
	{
		for (int i = 0; i < n; i++)
			rows[i] = i;
		mlops_grower_set_count(boost->grower, number, n);
		return;
	}
	limit = (uint64) (shared->subsample * 0x1p63) * 2;
	for (int i = 0; i < n; i++)
	{
		rows[count] = i;
		count += mlops_hash_mix(shared->sample_key, from + i) < limit;
	}
	mlops_grower_set_count(boost->grower, number, count);
}

static ML_WIDE_VECTORS void
restore_gradients(const MlBoost *boost, int64 row, int n, double *g, double *h)
{
	const float *kept = kept_gradients(boost, row);
	const double *y = boost->bins.y + row;

	for (int i = 0; i < n; i++)
	{
		double		p = kept[i] + y[i];

		g[i] = kept[i];
		h[i] = p * (1.0 - p);
	}
}

void
mlops_boost_quantise_task(MlBoost *boost, int number)
{
	uint32	   *out = mlops_grower_gradients(boost->grower);
	int64		from;
	int			n;
	double		g[ML_LOSS_PIECE];
	double		h[ML_LOSS_PIECE];

	from = shard_rows(boost->shared, number, &n);
	for (int i = 0; i < n; i += ML_LOSS_PIECE)
	{
		int			m = Min(n - i, ML_LOSS_PIECE);

		if (boost->shared->keeps)
			restore_gradients(boost, from + i, m, g, h);
		else
			piece_gradients(boost, from + i, m, g, h);
		quantise_piece(boost->shared, (uint32) (from + i), m, g, h, out + from + i);
	}
	choose_rows(boost, number, from, n);
}
