/*-------------------------------------------------------------------------
 *
 * ensemble_score.c
 *	  What the trees say about rows.
 *
 * A row's sum is made in the order of the trees, starting from the base,
 * however rows are grouped: one row in a trigger and a block in evaluate() give
 * the same bits.
 *
 * IDENTIFICATION
 *	  src/tree/ensemble_score.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/numeric.h"
#include "mlops/tree.h"

/* Does a row go to the left? */
static inline bool
goes_left(const MlNode *node, const uint32 *words, const double *x)
{
	double		value = x[node->slot];

	if ((node->flags & ML_NODE_CATEGORY) != 0)
	{
		uint32		code = (uint32) (int64) value;

		return code < node->u.set.nbits &&
			((words[node->u.set.first + code / 32] >> (code % 32)) & 1) != 0;
	}
	return value <= node->u.threshold ||
		(isnan(value) && (node->flags & ML_NODE_MISSING_LEFT) != 0);
}

static inline const MlNode *
find_leaf(const MlNode *root, const uint32 *words, const double *x)
{
	const MlNode *node = root;

	while ((node->flags & ML_NODE_LEAF) == 0)
		node = goes_left(node, words, x) ? node + 1 : root + node->right;
	return node;
}

static void
add_trees(const MlEnsemble *e, const double *x, double *sum)
{
	int			output = 0;

	for (int t = 0; t < e->ntrees; t++)
	{
		const MlNode *leaf = find_leaf(e->nodes + e->root[t], e->words, x);

		if (e->leaf_outputs > 1)
		{
			const double *value = e->values + (Size) leaf->right * e->leaf_outputs;

			for (int j = 0; j < e->noutputs; j++)
				sum[j] += value[j];
			continue;
		}
		sum[output] += leaf->u.value;
		if (++output == e->noutputs)
			output = 0;
	}
}

void
mlops_ensemble_raw(const MlEnsemble *e, const MlSignature *sig,
				   const MlBlock *block, double *out)
{
	int			n = e->noutputs;

	for (int i = 0; i < block->nrows; i++)
	{
		double	   *sum = out + (Size) i * n;

		for (int j = 0; j < n; j++)
			sum[j] = e->is_mean ? 0 : e->base[j];
		add_trees(e, block->x + (Size) i * block->width, sum);
		for (int j = 0; j < n && e->is_mean; j++)
			sum[j] = e->base[j] + sum[j] / Max(e->ntrees, 1);
	}
}

void
mlops_ensemble_link(const MlEnsemble *e, int nrows, const double *raw, double *out)
{
	Size		n = (Size) nrows * e->noutputs;

	if (e->link == ML_LINK_LOGISTIC)
	{
		mlops_sigmoid_array(nrows, raw, out);
		return;
	}
	if (out != raw)
		memmove(out, raw, sizeof(double) * n);
	if (e->link == ML_LINK_SOFTMAX)
	{
		for (int i = 0; i < nrows; i++)
			mlops_softmax(e->noutputs, out + (Size) i * e->noutputs);
	}
	else if (e->link == ML_LINK_EXP)
	{
		for (Size i = 0; i < n; i++)
			out[i] = mlops_exp(out[i]);
	}
}

void
mlops_ensemble_predict(const MlEnsemble *e, const MlSignature *sig,
					   const MlBlock *block, double *out)
{
	mlops_ensemble_raw(e, sig, block, out);
	mlops_ensemble_link(e, block->nrows, out, out);
}
