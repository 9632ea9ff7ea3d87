/*-------------------------------------------------------------------------
 *
 * tree_rows.c
 *	  Trees as rows of a table, a node each.
 *
 * The rows alone say where any value goes: a split by category lists the side
 * that unseen categories do not go to, and calls it the left one.
 *
 * IDENTIFICATION
 *	  src/tree/tree_rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "tree_words.h"

/* A split's feature, what goes left, and where its children are. */
static void
fill_split(MlTreeRow *row, const MlEnsemble *e, const MlSignature *sig,
		   const MlNode *node, uint32 number)
{
	const MlFeature *feature = mlops_tree_feature(sig, node->slot, &row->element);
	bool		missing_left = mlops_tree_missing_left(feature, row->element, e, node);
	int			left = (int) number + 2;
	int			right = (int) node->right + 1;

	row->feature = feature;
	row->is_category = (node->flags & ML_NODE_CATEGORY) != 0;
	row->left = left;
	row->right = right;
	row->missing = missing_left ? left : right;
	if (feature->missing == ML_MISSING_ERROR || feature->missing == ML_MISSING_SKIP)
		row->missing = 0;
	row->threshold = row->is_category ? 0 : node->u.threshold;
	if (row->is_category)
	{
		const uint32 *words = e->words + node->u.set.first;
		bool		others_left = mlops_set_has(words, feature->ncategories + 1);

		for (int i = 0; i < feature->ncategories; i++)
		{
			if (mlops_set_has(words, i) != others_left)
				row->codes[row->ncodes++] = i;
		}
		if (others_left)
		{
			row->left = right;
			row->right = left;
		}
	}
}

static void
fill_leaf(MlTreeRow *row, const MlEnsemble *e, const MlNode *leaf, int tree)
{
	row->output = tree % e->noutputs;
	if (e->leaf_outputs > 1)
		row->values = e->values + (Size) leaf->right * e->leaf_outputs;
	else
		row->value = leaf->u.value;
}

void
mlops_tree_rows(const MlEnsemble *e, const MlSignature *sig, int tree,
				MlConsumeTreeRow consume, void *arg)
{
	uint32		start = e->root[tree];
	uint32		n = e->root[tree + 1] - start;
	const MlNode *nodes = e->nodes + start;
	uint32	   *parent = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * (Size) n);
	uint32	   *codes;
	int			ncodes = 1;

	for (int i = 0; i < sig->nfeatures; i++)
		ncodes = Max(ncodes, sig->features[i].ncategories);
	codes = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * (Size) ncodes);
	parent[0] = 0;
	for (uint32 i = 0; i < n; i++)
	{
		const MlNode *node = &nodes[i];
		MlTreeRow	row = {0};

		CHECK_FOR_INTERRUPTS();
		row.node = (int) i + 1;
		row.parent = (int) parent[i];
		row.codes = codes;
		row.gain = e->gain[start + i];
		row.cover = e->cover[start + i];
		if ((node->flags & ML_NODE_LEAF) != 0)
			fill_leaf(&row, e, node, tree);
		else
		{
			parent[i + 1] = parent[node->right] = i + 1;
			fill_split(&row, e, sig, node, i);
		}
		consume(arg, &row);
	}
	pfree(codes);
	pfree(parent);
}
