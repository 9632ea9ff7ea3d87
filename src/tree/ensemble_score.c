/*-------------------------------------------------------------------------
 *
 * ensemble_score.c
 *	  What the trees say about rows.
 *
 * A row's sum is made in the order of the trees, starting from the base,
 * however rows are grouped: one row in a trigger and a block in evaluate() give
 * the same bits.
 *
 * There is a plain walk down a tree, and a fast one over nodes laid out for
 * it.  A single walk waits for memory and for the last comparison most of the
 * time, so the fast one takes several at once that do not wait for each other:
 * eight rows down one tree, or one row down ten trees.  It has no branch that
 * depends on the data: a step adds the outcome of the comparison to the number
 * of the left child, and a leaf is its own left child.  Numbers are compared as
 * integers in the same order, twice a slot: with missing values below all
 * thresholds and above them.
 *
 * IDENTIFICATION
 *	  src/tree/ensemble_score.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "mlops/numeric.h"
#include "mlops/tree.h"
#include "ensemble_private.h"

#define CHAINS		10			/* trees that one row goes down at once */
#define LANES		8			/* rows that go down one tree at once */
#define CHUNK		250			/* trees between two additions of their values */
#define MAX_KEYS	4096		/* of some rows, on the stack: 32 kB */
#define TILE		64			/* rows that stay in the first cache */
#define STRAIGHT	16			/* depth up to which all steps are made without asking */

/* A node as the fast walk sees it; its children are side by side. */
typedef struct FastNode
{
	uint64		border;			/* key of the threshold; of a leaf: above all keys; first word of a set */
	uint32		child;			/* left child; a leaf: itself */
	uint16		key;			/* which key of the row */
	uint16		is_set;
} FastNode;

typedef union FastLeaf
{
	double		value;
	uint64		number;			/* place in values */
} FastLeaf;

struct MlFastTrees
{
	int			width;			/* slots of a row */
	bool		has_sets;
	uint32	   *nbits;			/* by slot: bits of its sets, 0 for numbers */
	FastNode   *nodes;
	FastLeaf   *leaves;			/* by node */
	uint32	   *root;			/* by tree */
	int		   *depth;			/* by tree */
	int		   *order;			/* trees of a chunk by depth, so that those that go together end together */
};

/* ------------------------------------------------------------ plain walk */

/* Does a row go to the left? */
static inline bool
goes_left(const MlNode *node, const uint32 *words, const double *x)
{
	double		value = x[node->slot];

	if ((node->flags & ML_NODE_CATEGORY) != 0)
		return value >= 0 && value < node->u.set.nbits &&
			mlops_set_has(words + node->u.set.first, (uint32) value);
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

/* Add the number-th leaf's values of a forest of several outputs. */
static inline void
add_values(const MlEnsemble *e, uint64 number, double *sum)
{
	const double *value = e->values + number * e->leaf_outputs;

	for (int j = 0; j < e->noutputs; j++)
		sum[j] += value[j];
}

static void
walk_plain(const MlEnsemble *e, const double *x, double *sum)
{
	int			output = 0;

	for (int t = 0; t < e->ntrees; t++)
	{
		const MlNode *leaf = find_leaf(e->nodes + e->root[t], e->words, x);

		if (e->leaf_outputs > 1)
		{
			add_values(e, leaf->right, sum);
			continue;
		}
		sum[output] += leaf->u.value;
		if (++output == e->noutputs)
			output = 0;
	}
}

/* ------------------------------------------------------------- fast walk */

/* An integer that is ordered as the numbers are; -0 is 0. */
static inline uint64
key_of(double value)
{
	uint64		bits;

	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	return bits ^ ((uint64) ((int64) bits >> 63) | UINT64CONST(0x8000000000000000));
}

/* A row's keys; false where a category has a code that its sets have no bit for. */
static inline bool
make_keys(const struct MlFastTrees *f, const double *x, uint64 *keys)
{
	for (int s = 0; s < f->width; s++)
	{
		uint64		key = key_of(x[s]);

		keys[2 * s] = isnan(x[s]) ? PG_UINT64_MAX : key;
		keys[2 * s + 1] = isnan(x[s]) ? 0 : key;
		if (f->has_sets && f->nbits[s] > 0)
		{
			if (!(x[s] >= 0 && x[s] < f->nbits[s]))
				return false;
			keys[2 * s] = (uint64) x[s];
		}
	}
	return true;
}

static inline uint32
step(const FastNode *nodes, const uint32 *words, uint32 i, const uint64 *keys,
	 bool has_sets)
{
	const FastNode *node = &nodes[i];
	uint64		key = keys[node->key];

	if (has_sets)
	{
		/* a number's word is the first of all, and does not count */
		uint32		is_set = node->is_set;
		uint32		at = ((uint32) node->border + ((uint32) key >> 5)) & -is_set;
		uint32		in_set = words[at] >> (key & 31);

		return node->child + (((node->border < key) & ~is_set) | (~in_set & is_set));
	}
	return node->child + (node->border < key);
}

/* One row down all trees. */
static inline void
walk_row(const MlEnsemble *e, const uint64 *keys, double *sum, bool has_sets)
{
	const struct MlFastTrees *f = e->fast;
	uint32		leaf[CHUNK];
	int			output = 0;

	for (int start = 0; start < e->ntrees; start += CHUNK)
	{
		int			n = Min(CHUNK, e->ntrees - start);
		const int  *order = f->order + start;

		for (int t = 0; t < n; t += CHAINS)
		{
			int			m = Min(CHAINS, n - t);
			int			depth = f->depth[order[t + m - 1]];
			uint32		at[CHAINS];

			for (int c = 0; c < CHAINS; c++)
				at[c] = f->root[order[t + Min(c, m - 1)]];
			for (int d = 0; d < depth; d++)
			{
				uint32		moved = 0;

				for (int c = 0; c < CHAINS; c++)
				{
					uint32		next = step(f->nodes, e->words, at[c], keys, has_sets);

					if (depth > STRAIGHT)
						moved |= next ^ at[c];
					at[c] = next;
				}
				if (depth > STRAIGHT && moved == 0)
					break;
			}
			for (int c = 0; c < m; c++)
				leaf[order[t + c] - start] = at[c];
		}
		for (int t = 0; t < n; t++)
		{
			if (e->leaf_outputs > 1)
			{
				add_values(e, f->leaves[leaf[t]].number, sum);
				continue;
			}
			sum[output] += f->leaves[leaf[t]].value;
			if (++output == e->noutputs)
				output = 0;
		}
	}
}

/* LANES rows down one tree. */
static inline void
walk_lanes(const MlEnsemble *e, int tree, const uint64 *keys, double *sum, bool has_sets)
{
	const struct MlFastTrees *f = e->fast;
	const FastNode *nodes = f->nodes;
	const uint32 *words = e->words;
	int			nkeys = 2 * f->width;
	int			depth = f->depth[tree];
	uint32		at[LANES];

	for (int c = 0; c < LANES; c++)
		at[c] = f->root[tree];
	if (depth <= STRAIGHT)
	{
		for (int d = 0; d < depth; d++)
			for (int c = 0; c < LANES; c++)
				at[c] = step(nodes, words, at[c], keys + c * nkeys, has_sets);
	}
	else
	{
		uint32		moved;

		do
		{
			moved = 0;
			for (int c = 0; c < LANES; c++)
			{
				uint32		next = step(nodes, words, at[c], keys + c * nkeys, has_sets);

				next = step(nodes, words, next, keys + c * nkeys, has_sets);
				moved |= next ^ at[c];
				at[c] = next;
			}
		} while (moved != 0);
	}
	if (e->leaf_outputs > 1)
	{
		for (int c = 0; c < LANES; c++)
			add_values(e, f->leaves[at[c]].number, sum + c * e->noutputs);
		return;
	}
	sum += tree % e->noutputs;
	for (int c = 0; c < LANES; c++)
		sum[c * e->noutputs] += f->leaves[at[c]].value;
}

static void
walk_row_numbers(const MlEnsemble *e, const uint64 *keys, double *sum)
{
	walk_row(e, keys, sum, false);
}

static void
walk_row_sets(const MlEnsemble *e, const uint64 *keys, double *sum)
{
	walk_row(e, keys, sum, true);
}

/* n (a multiple of LANES) rows down all trees, tree by tree. */
static void
walk_tile_numbers(const MlEnsemble *e, int n, const uint64 *keys, double *sum)
{
	for (int t = 0; t < e->ntrees; t++)
		for (int i = 0; i < n; i += LANES)
			walk_lanes(e, t, keys + (Size) i * 2 * e->fast->width, sum + (Size) i * e->noutputs, false);
}

static void
walk_tile_sets(const MlEnsemble *e, int n, const uint64 *keys, double *sum)
{
	for (int t = 0; t < e->ntrees; t++)
		for (int i = 0; i < n; i += LANES)
			walk_lanes(e, t, keys + (Size) i * 2 * e->fast->width, sum + (Size) i * e->noutputs, true);
}

/* Rows one by one. */
static void
walk_rows(const MlEnsemble *e, int n, const double *x, int width, uint64 *keys, double *sum)
{
	for (int i = 0; i < n; i++)
	{
		const double *row = x + (Size) i * width;
		double	   *to = sum + (Size) i * e->noutputs;

		if (!make_keys(e->fast, row, keys))
			walk_plain(e, row, to);
		else if (e->fast->has_sets)
			walk_row_sets(e, keys, to);
		else
			walk_row_numbers(e, keys, to);
	}
}

static void
walk_fast(const MlEnsemble *e, const MlBlock *block, double *sum)
{
	uint64		keys[MAX_KEYS];
	int			nkeys = 2 * e->fast->width;
	int			tile = Min(TILE, MAX_KEYS / nkeys) / LANES * LANES;
	int			i = 0;

	if (e->rank)
	{
		mlops_rank_walk(e, block->x, block->width, block->nrows / ML_RANK_ROWS, sum);
		i = block->nrows / ML_RANK_ROWS * ML_RANK_ROWS;
	}
	while (tile > 0 && block->nrows - i >= LANES)
	{
		int			n = Min(tile, (block->nrows - i) / LANES * LANES);
		bool		known = true;

		for (int r = 0; r < n; r++)
			known &= make_keys(e->fast, block->x + (Size) (i + r) * block->width, keys + r * nkeys);
		if (!known)
			walk_rows(e, n, block->x + (Size) i * block->width, block->width, keys,
					  sum + (Size) i * e->noutputs);
		else if (e->fast->has_sets)
			walk_tile_sets(e, n, keys, sum + (Size) i * e->noutputs);
		else
			walk_tile_numbers(e, n, keys, sum + (Size) i * e->noutputs);
		i += n;
	}
	walk_rows(e, block->nrows - i, block->x + (Size) i * block->width, block->width, keys,
			  sum + (Size) i * e->noutputs);
}

/* ------------------------------------------------- layout of the fast walk */

/* One tree, children side by side, upper levels first. */
static void
lay_out_tree(const MlEnsemble *e, struct MlFastTrees *f, int tree, uint32 *queue,
			 uint32 *place)
{
	const MlNode *nodes = e->nodes + e->root[tree];
	uint32		start = e->root[tree];
	uint32		next = start + 1;
	uint32		n = e->root[tree + 1] - start;
	uint32		tail = 1;

	f->root[tree] = start;
	queue[0] = 0;
	place[0] = start;
	for (uint32 head = 0; head < n; head++)
	{
		const MlNode *node = &nodes[queue[head]];
		uint32		at = place[queue[head]];
		FastNode   *to = &f->nodes[at];

		memset(to, 0, sizeof(FastNode));
		f->leaves[at].number = 0;
		if ((node->flags & ML_NODE_LEAF) != 0)
		{
			to->border = PG_UINT64_MAX;
			to->child = at;
			if (e->leaf_outputs > 1)
				f->leaves[at].number = node->right;
			else
				f->leaves[at].value = node->u.value;
			continue;
		}
		to->key = 2 * node->slot;
		if ((node->flags & ML_NODE_CATEGORY) != 0)
		{
			to->is_set = 1;
			to->border = node->u.set.first;
			f->nbits[node->slot] = node->u.set.nbits;
			f->has_sets = true;
		}
		else
		{
			to->border = key_of(node->u.threshold);
			to->key += (node->flags & ML_NODE_MISSING_LEFT) != 0;
		}
		to->child = next;
		place[queue[head] + 1] = next;
		place[node->right] = next + 1;
		queue[tail++] = queue[head] + 1;
		queue[tail++] = node->right;
		next += 2;
	}
}

/* The trees of each chunk in order of depth. */
static void
sort_by_depth(struct MlFastTrees *f, int ntrees)
{
	for (int start = 0; start < ntrees; start += CHUNK)
	{
		int			end = Min(start + CHUNK, ntrees);

		for (int t = start; t < end; t++)
		{
			int			i = t;

			while (i > start && f->depth[f->order[i - 1]] > f->depth[t])
			{
				f->order[i] = f->order[i - 1];
				i--;
			}
			f->order[i] = t;
		}
	}
}

void
mlops_ensemble_prepare(MlEnsemble *e, int width)
{
	Size		n = Max(e->root[e->ntrees], 1);
	struct MlFastTrees *f;
	uint32	   *queue;
	uint32	   *place;

	e->fast = NULL;
	e->rank = NULL;
	if (width < 1 || 2 * width > MAX_KEYS)
		return;
	f = palloc0(sizeof(struct MlFastTrees));
	f->width = width;
	f->nbits = palloc0(sizeof(uint32) * width);
	f->nodes = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(FastNode) * n);
	f->leaves = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(FastLeaf) * n);
	f->root = palloc(sizeof(uint32) * Max(e->ntrees, 1));
	f->depth = palloc(sizeof(int) * Max(e->ntrees, 1));
	f->order = palloc(sizeof(int) * Max(e->ntrees, 1));
	queue = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * n);
	place = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * n);
	for (int t = 0; t < e->ntrees; t++)
	{
		lay_out_tree(e, f, t, queue, place);
		f->depth[t] = mlops_ensemble_depth(e, t);
	}
	sort_by_depth(f, e->ntrees);
	pfree(queue);
	pfree(place);
	e->fast = f;
	e->rank = mlops_rank_make(e, width);
}

/* --------------------------------------------------------------- answers */

void
mlops_ensemble_raw(const MlEnsemble *e, const MlSignature *sig,
				   const MlBlock *block, double *out)
{
	int			n = e->noutputs;
	Size		all = (Size) block->nrows * n;

	for (int i = 0; i < block->nrows; i++)
		for (int j = 0; j < n; j++)
			out[(Size) i * n + j] = e->is_mean ? 0 : e->base[j];
	if (e->fast && e->fast->width == block->width)
		walk_fast(e, block, out);
	else
	{
		for (int i = 0; i < block->nrows; i++)
			walk_plain(e, block->x + (Size) i * block->width, out + (Size) i * n);
	}
	for (Size k = 0; k < all && e->is_mean; k++)
		out[k] = e->base[k % n] + out[k] / Max(e->ntrees, 1);
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
