/*-------------------------------------------------------------------------
 *
 * forest_score.c
 *	  What the trees of a wave say about rows of the matrix.
 *
 * IDENTIFICATION
 *	  src/tree/forest_score.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/tree.h"

#include "forest.h"

#define ROWS_AT_ONCE 8

/* The child that a row goes to. */
static inline uint32
next_node(const ForestTree *tree, const ForestSlim *node, const MlBinned *bins,
		  const uint8 *row)
{
	const MlBinning *binning = &bins->binning[node->slot];
	uint32		bin = mlops_bin_of(binning, row);
	bool		left;

	if (node->flags & ML_NODE_CATEGORY)
		left = (tree->words[node->bin + bin / 32] >> (bin % 32)) & 1;
	else
		left = bin <= node->bin ||
			((node->flags & ML_NODE_MISSING_LEFT) != 0 && bin == (uint32) binning->missing_bin);
	return node->left + !left;
}

/* Where "missing" is not in the left part by its number: missing_bin is above any border. */
static const ForestSlim *
find_leaf(const ForestTree *tree, const MlBinned *bins, const uint8 *row)
{
	const ForestSlim *node = tree->nodes;

	while ((node->flags & ML_NODE_LEAF) == 0)
		node = tree->nodes + next_node(tree, node, bins, row);
	return node;
}

static inline void
add_leaf(const ForestTree *tree, const ForestSlim *leaf, int noutputs, double *sum)
{
	if (noutputs == 1)
	{
		sum[0] += leaf->value;
		return;
	}
	/* adding the zeros of the other classes would change nothing */
	for (uint32 i = leaf->left; i < leaf->left + leaf->bin; i++)
		sum[tree->shares[i].class] += tree->shares[i].share;
}

void
mlops_forest_make_steps(const MlBinned *bins, ForestTree *tree)
{
	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		const ForestSlim *node = &tree->nodes[i];
		ForestStep *step = &tree->steps[i];

		if (node->flags & ML_NODE_LEAF)
		{
			step->left = i;
			step->offset = 0;
			step->border = step->missing = PG_UINT8_MAX;
			continue;
		}
		step->left = node->left;
		step->offset = bins->binning[node->slot].offset;
		step->border = node->bin;
		step->missing = (node->flags & ML_NODE_MISSING_LEFT) ?
			(uint8) bins->binning[node->slot].missing_bin : (uint8) node->bin;
	}
}

/* Leaves of n rows, several on their way at once: one waits for memory while the next goes on. */
static void
find_leaves(const ForestTree *tree, const MlBinned *bins, int64 from, const uint16 *rows,
			int n, uint32 *leaf)
{
	const ForestStep *steps = tree->steps;
	const uint8 *row[ROWS_AT_ONCE];
	uint32		at[ROWS_AT_ONCE];

	for (int first = 0; first < n; first += ROWS_AT_ONCE)
	{
		bool		moved = true;

		/* the last ones are filled up with their own last row */
		for (int k = 0; k < ROWS_AT_ONCE; k++)
		{
			row[k] = bins->rows + (Size) (from + rows[Min(first + k, n - 1)]) * bins->stride;
			at[k] = 0;
		}
		while (moved)
		{
			uint32		change = 0;

			for (int k = 0; k < ROWS_AT_ONCE; k++)
			{
				ForestStep	step = steps[at[k]];
				uint8		bin = row[k][step.offset];
				uint32		next = step.left + !((bin <= step.border) | (bin == step.missing));

				change |= next ^ at[k];
				at[k] = next;
			}
			moved = change != 0;
		}
		for (int k = 0; k < ROWS_AT_ONCE && first + k < n; k++)
			leaf[first + k] = at[k];
	}
}

/* Score rows from .. to - 1 (at most FOREST_CHUNK_ROWS) by one tree. */
static void
score_rows(Forest *f, const ForestTree *tree, int64 from, int64 to)
{
	const ForestShared *shared = f->shared;
	int			width = shared->rules.noutputs;
	uint16		rows[FOREST_CHUNK_ROWS];
	uint32		leaf[FOREST_CHUNK_ROWS];
	int			n = 0;

	for (int64 i = from; i < to; i++)
	{
		bool		is_oob = shared->has_oob && i < f->bins.ntrain &&
			((tree->bag[i / 8] >> (i % 8)) & 1) == 0;

		rows[n] = (uint16) (i - from);
		n += is_oob || i >= shared->first_scored;
	}
	if (tree->steps)
		find_leaves(tree, &f->bins, from, rows, n, leaf);
	for (int k = 0; k < n; k++)
	{
		int64		i = from + rows[k];
		const ForestSlim *node = tree->steps ? &tree->nodes[leaf[k]] :
			find_leaf(tree, &f->bins, f->bins.rows + (Size) i * f->bins.stride);

		if (i >= shared->first_scored)
			add_leaf(tree, node, width, f->sums + (Size) (i - shared->first_scored) * width);
		if (shared->has_oob && i < f->bins.ntrain && ((tree->bag[i / 8] >> (i % 8)) & 1) == 0)
		{
			add_leaf(tree, node, width, f->oob_sums + (Size) i * width);
			f->oob_trees[i]++;
		}
	}
}

void
mlops_forest_score_chunk(Forest *f, int chunk)
{
	int64		from = (int64) chunk * FOREST_CHUNK_ROWS;
	int64		to = Min(from + FOREST_CHUNK_ROWS,
						 f->shared->first_scored + f->shared->nscored);

	for (int t = 0; t < f->shared->ntrees; t++)
	{
		ForestTree	tree;

		CHECK_FOR_INTERRUPTS();
		mlops_forest_tree_attach(f->buffers + f->shared->room.size * t,
								 &f->shared->room, &tree);
		score_rows(f, &tree, from, to);
	}
}

/* ------------------------------------------------------------- out of bag */

/* Does the mean of a row's sums name its class?  Equal sums: the lower class. */
static bool
is_right(const Forest *f, int64 row)
{
	int			n = f->shared->rules.noutputs;
	const double *sum = f->oob_sums + (Size) row * n;
	int			best = 0;

	if (n == 1)
		best = sum[0] / f->oob_trees[row] >= 0.5;
	for (int k = 1; k < n; k++)
		if (sum[k] > sum[best])
			best = k;
	return best == (int) f->bins.y[row];
}

static double
oob_accuracy(const Forest *f, int64 *rows)
{
	double		right = 0;
	double		all = 0;

	for (int64 i = 0; i < f->bins.ntrain; i++)
	{
		double		w = f->bins.w ? f->bins.w[i] : 1;

		CHECK_EVERY_64K(i);
		if (f->oob_trees[i] == 0)
			continue;
		(*rows)++;
		all += w;
		if (is_right(f, i))
			right += w;
	}
	return all > 0 ? right / all : NAN;
}

static double
oob_r2(const Forest *f, int64 *rows)
{
	double		mean = 0;
	double		all = 0;
	double		rss = 0;
	double		tss = 0;

	for (int64 i = 0; i < f->bins.ntrain; i++)
	{
		double		w = f->bins.w ? f->bins.w[i] : 1;

		CHECK_EVERY_64K(i);
		if (f->oob_trees[i] == 0)
			continue;
		(*rows)++;
		all += w;
		mean += (f->bins.y[i] - mean) * (w / all);
	}
	for (int64 i = 0; i < f->bins.ntrain; i++)
	{
		double		w = f->bins.w ? f->bins.w[i] : 1;
		double		error = f->bins.y[i] - f->oob_sums[i] / Max(f->oob_trees[i], 1);

		CHECK_EVERY_64K(i);
		if (f->oob_trees[i] == 0)
			continue;
		rss += w * error * error;
		tss += w * (f->bins.y[i] - mean) * (f->bins.y[i] - mean);
	}
	return tss > 0 ? 1 - rss / tss : NAN;
}

double
mlops_forest_oob(const Forest *f, int64 *rows)
{
	*rows = 0;
	return f->shared->rules.is_regression ? oob_r2(f, rows) : oob_accuracy(f, rows);
}

/* ------------------------------------------------------------- answers */

static void
answer_rows(const Forest *f, const MlTreeTrain *tr, void *arg, const MlEnsemble *ensemble,
			int64 from, int64 to)
{
	int			width = ensemble->noutputs;
	const double *w = f->bins.w;
	double	   *out = palloc(sizeof(double) * MLOPS_BLOCK_ROWS * width);

	for (int64 row = from; row < to; row += MLOPS_BLOCK_ROWS)
	{
		int			n = (int) Min(to - row, MLOPS_BLOCK_ROWS);
		const double *sums = f->sums + (row - f->shared->first_scored) * width;

		CHECK_FOR_INTERRUPTS();
		/* as mlops_ensemble_raw divides */
		for (int j = 0; j < n * width; j++)
			out[j] = ensemble->base[j % width] + sums[j] / Max(ensemble->ntrees, 1);
		tr->answer(arg, n, f->bins.y + row, w ? w + row : NULL, out);
	}
	pfree(out);
}

void
mlops_forest_answer(Forest *f, const MlTreeTrain *tr, const MlEnsemble *ensemble)
{
	const MlSurvey *survey = tr->survey;
	int64		end = survey->ntrain + survey->nwatch + survey->nholdout;

	if (tr->answer == NULL)
		return;
	mlops_progress_phase(ML_PHASE_VALIDATING);
	if (survey->nholdout > 0)
		answer_rows(f, tr, tr->answer_arg, ensemble, end - survey->nholdout, end);
	else
		answer_rows(f, tr, tr->answer_arg, ensemble, 0, survey->ntrain);
	if (tr->training_arg)
		answer_rows(f, tr, tr->training_arg, ensemble, 0, survey->ntrain);
}
