/*-------------------------------------------------------------------------
 *
 * ensemble.c
 *	  Trees as they are stored and scored: made from trees as they are grown.
 *
 * Nodes are in preorder, so a tree is known from which nodes are leaves; a
 * split's left child is the next node.
 *
 * IDENTIFICATION
 *	  src/tree/ensemble.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "utils/memutils.h"

#include "mlops/bytes.h"
#include "mlops/tree.h"

/* Room for "more" elements beyond n: the array doubles. */
static void *
make_room(void *array, uint32 *max, uint64 n, uint64 more, Size element)
{
	uint64		want = n + more;
	uint64		room = Max(*max, 64);

	if (want <= *max && array != NULL)
		return array;
	while (room < want)
		room *= 2;
	if (room > PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("trees have more than %u nodes", PG_UINT32_MAX / 2)));
	*max = (uint32) room;
	if (array == NULL)
		return MemoryContextAllocHuge(CurrentMemoryContext, room * element);
	return repalloc_huge(array, room * element);
}

MlEnsemble *
mlops_ensemble_make(MlLink link, bool is_mean, int noutputs, int leaf_outputs)
{
	MlEnsemble *e = palloc0(sizeof(MlEnsemble));

	e->link = link;
	e->is_mean = is_mean;
	e->noutputs = noutputs;
	e->leaf_outputs = leaf_outputs;
	e->base = palloc0(mul_size(sizeof(double), noutputs));
	e->maxtrees = 16;
	e->root = palloc0(sizeof(uint32) * (e->maxtrees + 1));
	e->loss = "";
	e->oob_score = NAN;
	return e;
}

/*
 * Trees that are too large to be stored are refused while they grow: at least a
 * leaf takes its values and a byte of cover, a split its gain and what it asks.
 */
static void
check_size(const MlEnsemble *e, const MlGrown *tree)
{
	Size		leaves = mlops_ensemble_leaves(e) + tree->nleaves;
	Size		splits = (Size) e->root[e->ntrees] + tree->nnodes - leaves;
	Size		least = leaves * (sizeof(double) * e->leaf_outputs + 1) + splits * (sizeof(float) + 2);

	if (least > MLOPS_MAX_MODEL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("model has more than %zu bytes, but at most %zu can be stored",
						least, MLOPS_MAX_MODEL),
				 errdetail("Tree %d makes it too large.", e->ntrees + 1),
				 errhint("Train fewer trees, or smaller ones.")));
}

static void
reserve(MlEnsemble *e, const MlGrown *tree)
{
	uint32		nnodes = e->root[e->ntrees];
	uint32		room = e->maxnodes;

	check_size(e, tree);
	if (e->ntrees + 1 > e->maxtrees)
	{
		e->maxtrees *= 2;
		e->root = repalloc_huge(e->root, sizeof(uint32) * ((Size) e->maxtrees + 1));
	}
	e->nodes = make_room(e->nodes, &room, nnodes, tree->nnodes, sizeof(MlNode));
	room = e->maxnodes;
	e->gain = make_room(e->gain, &room, nnodes, tree->nnodes, sizeof(float));
	room = e->maxnodes;
	e->cover = make_room(e->cover, &room, nnodes, tree->nnodes, sizeof(float));
	e->maxnodes = room;
	e->words = make_room(e->words, &e->maxwords, e->nwords, tree->nwords, sizeof(uint32));
	if (e->leaf_outputs > 1)
		e->values = make_room(e->values, &e->maxvalues, e->nvalues, tree->nleaves,
							  sizeof(double) * e->leaf_outputs);
}

/* A leaf's value is part of every prediction, and has to be a number. */
static double
finite_value(double x)
{
	if (!isfinite(x))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a tree's values overflowed"),
				 errhint("A target or weights of smaller scale can help.")));
	return x;
}

/* A grown split as a node, its right child aside. */
static void
put_split(MlEnsemble *e, MlNode *node, const MlGrown *tree, const MlGrownNode *grown,
		  const MlBinned *bins)
{
	const MlBinning *binning = &bins->binning[grown->slot];

	node->slot = grown->slot;
	if (grown->is_category)
	{
		int			n = (binning->nbins + 31) / 32;

		node->flags = ML_NODE_CATEGORY;
		node->u.set.first = e->nwords;
		node->u.set.nbits = n * 32;
		memcpy(e->words + e->nwords, tree->words + grown->set, sizeof(uint32) * n);
		e->nwords += n;
		return;
	}
	node->flags = grown->missing_left ? ML_NODE_MISSING_LEFT : 0;
	/* beyond the last cut: all that is not missing */
	node->u.threshold = grown->bin < binning->ncuts ? binning->cuts[grown->bin] : DBL_MAX;
}

static void
put_leaf(MlEnsemble *e, MlNode *node, const MlGrown *tree, const MlGrownNode *grown,
		 double factor)
{
	node->flags = ML_NODE_LEAF;
	if (e->leaf_outputs == 1)
	{
		node->u.value = finite_value(grown->value * factor);
		return;
	}
	node->right = e->nvalues;
	for (int j = 0; j < e->leaf_outputs; j++)
		e->values[(Size) e->nvalues * e->leaf_outputs + j] =
			finite_value(tree->outputs[(Size) grown->leaf * e->leaf_outputs + j] * factor);
	e->nvalues++;
}

void
mlops_ensemble_add(MlEnsemble *e, const MlGrown *tree, const MlBinned *bins,
				   double factor)
{
	uint32	   *stack = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(uint32) * (Size) tree->nnodes);
	uint32		start = e->root[e->ntrees];
	uint32		n = 0;
	uint32		depth = 1;

	Assert(tree->nnodes == 2 * tree->nleaves - 1);
	e->fast = NULL;
	reserve(e, tree);
	stack[0] = 0;
	while (depth > 0)
	{
		const MlGrownNode *grown = &tree->nodes[stack[--depth]];
		MlNode	   *node = &e->nodes[start + n];

		memset(node, 0, sizeof(MlNode));
		e->cover[start + n] = (float) Min(grown->cover, ML_MAX_COVER);
		e->gain[start + n] = 0;
		if (grown->slot < 0)
			put_leaf(e, node, tree, grown, factor);
		else
		{
			put_split(e, node, tree, grown, bins);
			e->gain[start + n] = (float) Min(grown->gain, FLT_MAX);
			stack[depth++] = grown->right;
			stack[depth++] = grown->left;
		}
		n++;
	}
	if (!mlops_ensemble_join(e->nodes + start, e->cover + start, n, stack))
		elog(ERROR, "a grown tree is not a tree");
	e->root[++e->ntrees] = start + n;
	pfree(stack);
}

bool
mlops_ensemble_join(MlNode *nodes, float *cover, uint32 nnodes, uint32 *stack)
{
	uint32		depth = 0;		/* splits whose left side is not complete */

	for (uint32 i = 0; i < nnodes; i++)
	{
		if ((nodes[i].flags & ML_NODE_LEAF) == 0)
			stack[depth++] = i;
		else if (depth > 0)
			nodes[stack[--depth]].right = i + 1;
		else if (i + 1 < nnodes)
			return false;
	}
	if (nnodes == 0 || depth > 0 || (nodes[nnodes - 1].flags & ML_NODE_LEAF) == 0)
		return false;
	for (uint32 i = nnodes; i-- > 0;)
	{
		if ((nodes[i].flags & ML_NODE_LEAF) == 0)
			cover[i] = Min(cover[i + 1] + cover[nodes[i].right], FLT_MAX);
	}
	return true;
}

void
mlops_ensemble_truncate(MlEnsemble *e, int ntrees)
{
	uint32		end = e->root[e->ntrees];
	bool		has_set = false;
	bool		has_leaf = false;

	if (ntrees >= e->ntrees)
		return;
	/* sets and values are in order of nodes: the first that goes is where they end */
	for (uint32 i = e->root[ntrees]; i < end && !(has_set && has_leaf); i++)
	{
		const MlNode *node = &e->nodes[i];

		if (!has_set && (node->flags & ML_NODE_CATEGORY) != 0)
		{
			e->nwords = node->u.set.first;
			has_set = true;
		}
		if (!has_leaf && (node->flags & ML_NODE_LEAF) != 0)
		{
			if (e->leaf_outputs > 1)
				e->nvalues = node->right;
			has_leaf = true;
		}
	}
	e->ntrees = ntrees;
	e->fast = NULL;
}

int
mlops_ensemble_depth(const MlEnsemble *e, int tree)
{
	const MlNode *nodes = e->nodes + e->root[tree];
	uint32		n = e->root[tree + 1] - e->root[tree];
	int		   *depth = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * (Size) n);
	int			deepest = 0;

	depth[0] = 0;
	for (uint32 i = 0; i < n; i++)
	{
		deepest = Max(deepest, depth[i]);
		if ((nodes[i].flags & ML_NODE_LEAF) == 0)
			depth[i + 1] = depth[nodes[i].right] = depth[i] + 1;
	}
	pfree(depth);
	return deepest;
}

int64
mlops_ensemble_leaves(const MlEnsemble *e)
{
	/* a tree of n leaves has 2 n - 1 nodes */
	return ((int64) e->root[e->ntrees] + e->ntrees) / 2;
}
