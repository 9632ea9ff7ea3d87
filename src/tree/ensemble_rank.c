/*-------------------------------------------------------------------------
 *
 * ensemble_rank.c
 *	  What trees that only ask numbers say about many rows at once.
 *
 * A split knows no more of a number than on which side of a threshold it is.
 * So each number of a row is first replaced by its rank among the thresholds
 * of its slot, a byte: how many are below it.  Missing values have the rank 0
 * or 255, as the split sends them left or right.
 *
 * Then no row walks.  All splits of a tree are asked, children before parents,
 * for ML_RANK_ROWS rows by the same few instructions on vectors of bytes.  The
 * answer of a subtree is the number of a leaf; leaves are counted from left to
 * right, so what the right child answers is above what the left one does, and
 *
 *		answer = max(left, right & mask),	mask = all bits where rank > k
 *
 * is a choice without a branch.  At 63 leaves that is 62 questions in place of
 * the 7 or 8 that lie on a row's path, each at a small part of the price of a
 * step that waits for memory.
 *
 * A rank is found by a table over a grid of equal cells, which knows the ranks
 * that a cell begins with, and a search among the thresholds in the cell.  The
 * cell of a number is computed with rounding, but by operations that keep the
 * order: a threshold in a cell before the number's is below the number.
 *
 * IDENTIFICATION
 *	  src/tree/ensemble_rank.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "ensemble_private.h"

#define ROWS			ML_RANK_ROWS
#define PART			64		/* rows whose numbers stay in the first cache */
#define MAX_LEAVES		255
#define MAX_RANKS		254		/* thresholds of a slot */
#define MAX_COLUMNS		256		/* slots, twice where missing values go either way */
#define CELLS			512
#define GROUP			4		/* trees between two additions to the sums */

/* A split; the number of its answer is that of the first one plus its place. */
typedef struct RankSplit
{
	uint16		left;			/* answers: leaves first, then splits in their order */
	uint16		right;
	uint16		column;
	int8		k;				/* rank of the threshold, less 128 */
} RankSplit;

typedef struct RankTree
{
	uint32		first;			/* of its splits */
	uint32		leaf;			/* of its values */
	uint16		npairs;			/* splits whose children are leaves; they come first */
	uint16		nsplits;
} RankTree;

typedef struct RankSlot
{
	int			slot;
	int			left;			/* column with missing values at 0; -1: none */
	int			right;			/* column with missing values at 255; -1: none */
	int			half;			/* first step of the search in a cell; 0: none */
	double		low;			/* cell = (x - low) * scale */
	double		scale;
	double	   *threshold;		/* ascending, infinite ones behind them */
	uint8	   *cell;			/* thresholds in the cells before */
} RankSlot;

struct MlRankTrees
{
	int			nslots;			/* that some split asks */
	RankSlot   *slots;
	int			nleaves;		/* of the largest tree */
	RankTree   *trees;
	RankSplit  *splits;
	double	   *values;			/* of leaves, tree by tree */
	uint32	   *numbers;		/* several outputs: places in the ensemble's values */
};

/* --------------------------------------------------------------- scoring */

/* Ranks of PART numbers among the thresholds; half: first step of the search in a cell. */
static inline void
find_ranks(const RankSlot *slot, const double *v, const int *cell, uint8 *rank, uint32 half)
{
	const double *threshold = slot->threshold;

	for (int i = 0; i < PART; i++)
	{
		uint32		r = slot->cell[cell[i]];

		for (uint32 h = half; h > 0; h /= 2)
			r += h * (threshold[r + h - 1] < v[i]);
		rank[i] = (uint8) r;
	}
}

static inline int
cell_of(const RankSlot *slot, double v)
{
	double		at = (v - slot->low) * slot->scale;

	at = at > 0 ? at : 0;		/* not a number is 0, too */
	at = at < CELLS - 1 ? at : CELLS - 1;
	return (int) at;
}

/* The same for PART numbers, in loops that compilers make vectors of. */
static inline void
find_cells(const RankSlot *slot, const double *restrict v, int *restrict cell)
{
	double		low = slot->low;
	double		scale = slot->scale;
	double		at[PART];

	for (int i = 0; i < PART; i++)
		at[i] = (v[i] - low) * scale;
	for (int i = 0; i < PART; i++)
		at[i] = at[i] > 0 ? at[i] : 0;
	for (int i = 0; i < PART; i++)
		at[i] = at[i] < CELLS - 1 ? at[i] : CELLS - 1;
	for (int i = 0; i < PART; i++)
		cell[i] = (int) at[i];
}

static inline void
put_column(int8 *restrict column, const uint8 *restrict rank)
{
	for (int i = 0; i < PART; i++)
		column[i] = (int8) (rank[i] ^ 0x80);
}

/* The columns of a slot for PART rows. */
static void
rank_slot(const RankSlot *slot, const double *x, int width, int8 (*columns)[ROWS], int from)
{
	double		v[PART];
	int			cell[PART];
	uint8		rank[PART];
	int			missing = 0;

	x += (Size) from * width + slot->slot;
	for (int i = 0; i < PART; i++)
		v[i] = x[(Size) i * width];
	find_cells(slot, v, cell);
	switch (slot->half)
	{
		case 0:
			find_ranks(slot, v, cell, rank, 0);
			break;
		case 1:
			find_ranks(slot, v, cell, rank, 1);
			break;
		case 2:
			find_ranks(slot, v, cell, rank, 2);
			break;
		case 4:
			find_ranks(slot, v, cell, rank, 4);
			break;
		default:
			find_ranks(slot, v, cell, rank, slot->half);
	}
	/* no threshold is below what is not a number */
	if (slot->left >= 0)
		put_column(columns[slot->left] + from, rank);
	if (slot->right < 0)
		return;
	for (int i = 0; i < PART; i++)
		missing += v[i] != v[i];
	for (int i = 0; missing > 0 && i < PART; i++)
		if (isnan(v[i]))
			rank[i] = 255;
	put_column(columns[slot->right] + from, rank);
}

static inline void
ask_pair(uint8 *restrict answer, uint8 leaf, const int8 *restrict column, int8 k)
{
	for (int i = 0; i < ROWS; i++)
		answer[i] = leaf + (column[i] > k);
}

static inline void
ask(uint8 *restrict answer, const uint8 *left, const uint8 *right,
	const int8 *restrict column, int8 k)
{
	for (int i = 0; i < ROWS; i++)
	{
		uint8		chosen = right[i] & (column[i] > k ? 0xff : 0);

		answer[i] = left[i] > chosen ? left[i] : chosen;
	}
}

/* The leaves of ROWS rows in one tree. */
static inline const uint8 *
ask_tree(const struct MlRankTrees *f, int number, int8 (*columns)[ROWS],
		 uint8 (*answers)[ROWS])
{
	const RankTree *tree = &f->trees[number];
	const RankSplit *split = &f->splits[tree->first];
	uint8		(*answer)[ROWS] = answers + f->nleaves;
	int			i = 0;

	if (tree->nsplits == 0)
		return answers[0];
	for (; i < tree->npairs; i++)
		ask_pair(answer[i], (uint8) split[i].left, columns[split[i].column], split[i].k);
	for (; i < tree->nsplits; i++)
		ask(answer[i], answers[split[i].left], answers[split[i].right],
			columns[split[i].column], split[i].k);
	return answer[i - 1];
}

static inline void
add_tree(const MlEnsemble *e, int tree, const uint8 *leaf, double *sum)
{
	uint32		first = e->rank->trees[tree].leaf;
	int			n = e->noutputs;

	if (e->leaf_outputs > 1)
	{
		for (int i = 0; i < ROWS; i++)
		{
			const double *value = e->values + (Size) e->rank->numbers[first + leaf[i]] * n;

			for (int j = 0; j < n; j++)
				sum[i * n + j] += value[j];
		}
		return;
	}
	sum += tree % n;
	for (int i = 0; i < ROWS; i++)
		sum[i * n] += e->rank->values[first + leaf[i]];
}

void
mlops_rank_walk(const MlEnsemble *e, const double *x, int width, int ntiles, double *sum)
{
	const struct MlRankTrees *f = e->rank;
	int8		columns[MAX_COLUMNS][ROWS] pg_attribute_aligned(64);
	uint8		answers[2 * MAX_LEAVES][ROWS] pg_attribute_aligned(64);

	for (int i = 0; i < f->nleaves; i++)
		memset(answers[i], i, ROWS);
	for (; ntiles > 0; ntiles--)
	{
		int			t = 0;

		for (int from = 0; from < ROWS; from += PART)
			for (int s = 0; s < f->nslots; s++)
				rank_slot(&f->slots[s], x, width, columns, from);
		for (; e->noutputs == 1 && t + GROUP <= e->ntrees; t += GROUP)
		{
			uint8		leaf[GROUP][ROWS];
			const double *value[GROUP];

			for (int g = 0; g < GROUP; g++)
			{
				memcpy(leaf[g], ask_tree(f, t + g, columns, answers), ROWS);
				value[g] = f->values + f->trees[t + g].leaf;
			}
			for (int i = 0; i < ROWS; i++)
			{
				double		s = sum[i];

				for (int g = 0; g < GROUP; g++)
					s += value[g][leaf[g][i]];
				sum[i] = s;
			}
		}
		for (; t < e->ntrees; t++)
			add_tree(e, t, ask_tree(f, t, columns, answers), sum);
		x += (Size) ROWS * width;
		sum += (Size) ROWS * e->noutputs;
	}
}

/* ---------------------------------------------------------------- layout */

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* A slot's n thresholds and their grid. */
static void
make_grid(RankSlot *slot, int n, const double *threshold)
{
	double		low = threshold[0];
	double		high = threshold[n > 2 ? n - 2 : n - 1];	/* the last can stand for "is not missing" */
	int			most = 0;
	int			i = 0;

	slot->cell = palloc(CELLS);
	slot->low = low;
	slot->scale = high > low ? CELLS / (high - low) : 0;
	if (!isfinite(slot->scale))
		slot->scale = 0;
	for (int c = 0; c < CELLS; c++)
	{
		int			first = i;

		slot->cell[c] = first;
		while (i < n && cell_of(slot, threshold[i]) == c)
			i++;
		most = Max(most, i - first);
	}
	slot->half = 0;
	while (2 * slot->half - (slot->half > 0) < most)
		slot->half = Max(2 * slot->half, 1);
	slot->threshold = palloc(sizeof(double) * (n + slot->half));
	for (int k = 0; k < n + slot->half; k++)
		slot->threshold[k] = k < n ? threshold[k] : INFINITY;
}

/*
 * How many splits ask for each slot; returns the leaves of the largest tree, or
 * -1 where there is a tree that this cannot score.
 */
static int
count_splits(const MlEnsemble *e, int width, int *count)
{
	int			nleaves = 1;

	for (int t = 0; t < e->ntrees; t++)
	{
		uint32		n = (e->root[t + 1] - e->root[t] + 1) / 2;

		if (n > MAX_LEAVES)
			return -1;
		nleaves = Max(nleaves, (int) n);
	}
	for (uint32 i = 0; i < e->root[e->ntrees]; i++)
	{
		const MlNode *node = &e->nodes[i];

		if ((node->flags & ML_NODE_CATEGORY) != 0)
			return -1;
		if ((node->flags & ML_NODE_LEAF) == 0)
			count[node->slot]++;
	}
	return nleaves;
}

/* The distinct thresholds of the slots, and their columns; false where there are too many. */
static bool
lay_out_slots(struct MlRankTrees *f, const MlEnsemble *e, int width, const int *count,
			  int *place)
{
	double	  **next = palloc0(sizeof(double *) * width);
	int			ncolumns = 0;
	bool		fits = true;

	for (int s = 0; s < width; s++)
		place[s] = count[s] > 0 ? f->nslots++ : -1;
	f->slots = palloc0(mul_size(sizeof(RankSlot), Max(f->nslots, 1)));
	for (int s = 0; s < width; s++)
	{
		if (count[s] > 0)
			next[s] = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * (Size) count[s]);
	}
	for (uint32 i = e->root[e->ntrees]; i-- > 0;)
	{
		const MlNode *node = &e->nodes[i];
		RankSlot   *slot;

		if ((node->flags & ML_NODE_LEAF) != 0)
			continue;
		slot = &f->slots[place[node->slot]];
		slot->slot = node->slot;
		if ((node->flags & ML_NODE_MISSING_LEFT) != 0)
			slot->left = 1;
		else
			slot->right = 1;
		next[node->slot][slot->half++] = node->u.threshold;
	}
	for (int s = 0; s < f->nslots; s++)
	{
		RankSlot   *slot = &f->slots[s];
		double	   *all = next[slot->slot];
		int			n = 0;

		qsort(all, slot->half, sizeof(double), compare_doubles);
		for (int i = 0; i < slot->half; i++)
		{
			if (n == 0 || all[i] > all[n - 1])
				all[n++] = all[i];
		}
		slot->left = slot->left ? ncolumns++ : -1;
		slot->right = slot->right ? ncolumns++ : -1;
		if (n > MAX_RANKS || ncolumns > MAX_COLUMNS)
			fits = false;
		else
			make_grid(slot, n, all);
		pfree(all);
	}
	pfree(next);
	return fits;
}

static inline bool
is_leaf(const MlNode *node)
{
	return (node->flags & ML_NODE_LEAF) != 0;
}

static void
put_split(const struct MlRankTrees *f, const MlNode *node, const uint16 *answer,
		  uint32 number, const int *place, RankSplit *split)
{
	const RankSlot *slot = &f->slots[place[node->slot]];
	int			k = slot->cell[cell_of(slot, node->u.threshold)];

	while (slot->threshold[k] < node->u.threshold)
		k++;
	split->left = answer[number + 1];
	split->right = answer[node->right];
	split->column = (node->flags & ML_NODE_MISSING_LEFT) != 0 ? slot->left : slot->right;
	split->k = (int8) (k ^ 0x80);
}

static void
lay_out_tree(struct MlRankTrees *f, const MlEnsemble *e, int number, const int *place)
{
	const MlNode *nodes = e->nodes + e->root[number];
	uint32		n = e->root[number + 1] - e->root[number];
	RankTree   *tree = &f->trees[number];
	RankSplit  *split;
	uint16		answer[2 * MAX_LEAVES];
	uint32		queue[2 * MAX_LEAVES];
	int			nleaves = 0;

	tree->first = (e->root[number] - number) / 2;
	tree->leaf = tree->first + number;
	split = &f->splits[tree->first];
	for (uint32 i = 0; i < n; i++)
	{
		if (!is_leaf(&nodes[i]))
			continue;
		if (e->leaf_outputs > 1)
			f->numbers[tree->leaf + nleaves] = nodes[i].right;
		else
			f->values[tree->leaf + nleaves] = nodes[i].u.value;
		answer[i] = nleaves++;
	}
	queue[0] = 0;
	for (uint32 head = 0, tail = 1; head < n; head++)
	{
		if (is_leaf(&nodes[queue[head]]))
			continue;
		queue[tail++] = queue[head] + 1;
		queue[tail++] = nodes[queue[head]].right;
	}
	/* pairs of leaves first, then lower levels before upper ones: no answer is waited for */
	for (int pass = 0; pass < 2; pass++)
	{
		for (uint32 head = n; head-- > 0;)
		{
			uint32		i = queue[head];
			bool		is_pair;

			if (is_leaf(&nodes[i]))
				continue;
			is_pair = is_leaf(&nodes[i + 1]) && is_leaf(&nodes[nodes[i].right]);
			if (is_pair != (pass == 0))
				continue;
			put_split(f, &nodes[i], answer, i, place, &split[tree->nsplits]);
			answer[i] = f->nleaves + tree->nsplits++;
			tree->npairs += is_pair;
		}
	}
}

static void
lay_out(struct MlRankTrees *f, const MlEnsemble *e, const int *place)
{
	Size		nsplits = ((Size) e->root[e->ntrees] - e->ntrees) / 2;
	Size		nleaves = nsplits + e->ntrees;

	f->trees = palloc0(mul_size(sizeof(RankTree), Max(e->ntrees, 1)));
	f->splits = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(RankSplit) * Max(nsplits, 1));
	if (e->leaf_outputs > 1)
		f->numbers = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * Max(nleaves, 1));
	else
		f->values = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(nleaves, 1));
	for (int t = 0; t < e->ntrees; t++)
		lay_out_tree(f, e, t, place);
}

struct MlRankTrees *
mlops_rank_make(const MlEnsemble *e, int width)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops tree ranks",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	struct MlRankTrees *f = palloc0(sizeof(struct MlRankTrees));
	int		   *count = palloc0(mul_size(sizeof(int), width));
	int		   *place = palloc(mul_size(sizeof(int), width));

	f->nleaves = count_splits(e, width, count);
	if (f->nleaves > 0 && lay_out_slots(f, e, width, count, place))
	{
		lay_out(f, e, place);
		pfree(count);
		pfree(place);
	}
	else
		f = NULL;
	MemoryContextSwitchTo(old);
	if (f == NULL)
		MemoryContextDelete(context);
	return f;
}
