/*-------------------------------------------------------------------------
 *
 * forest_grow.c
 *	  One tree of a forest, grown by one process.
 *
 * Without a bound on leaves the tree is grown depth first, the smaller child
 * first, so that the stack stays as deep as the logarithm of the rows.  A node
 * whose rows fit into a small buffer gets its own copy of them: all below it is
 * grown in the cache.  With a bound on leaves the node whose split gains most
 * is split next.
 *
 * Rows are never copied back: a node's run is of no use once it is split.
 *
 * IDENTIFICATION
 *	  src/tree/forest_grow.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/pairingheap.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "mlops/numeric.h"
#include "mlops/tree.h"

#include "forest.h"

#define NEAR_ROWS 4096			/* rows that a small node's copy can have, */
#define NEAR_BYTES (192 * 1024) /* and bytes */
#define STACK_DEPTH 80			/* the smaller child first: at most log2 of the rows */
#define MAX_WORDS (1024 * 1024) /* words of sets that a tree has room for, besides one a row */

/* A node that can still be split (growth by gain). */
typedef struct Candidate
{
	pairingheap_node heap;
	ForestRange range;
	ForestSplit split;
} Candidate;

/* ------------------------------------------------------------- room */

/* Rows that a tree draws, and how many different ones they will hardly exceed. */
static double
count_draws(const ForestRules *rules, int64 ntrain)
{
	return Max(floor(rules->max_samples * ntrain + 0.5), 1);
}

static int64
bound_rows(const ForestRules *rules, int64 ntrain)
{
	double		draws = count_draws(rules, ntrain);
	double		share = rules->bootstrap ? 1 - mlops_exp(-draws / ntrain) : rules->max_samples;

	/* mean and six standard deviations */
	return (int64) Min(share * ntrain + 6 * sqrt((double) ntrain) + 16, (double) ntrain);
}

static bool
has_plain_slots(const MlBinned *bins)
{
	for (int i = 0; i < bins->nslots; i++)
		if (bins->binning[i].is_category || bins->binning[i].is_wide)
			return false;
	return bins->nnarrow <= PG_UINT16_MAX;
}

void
mlops_forest_room(const MlBinned *bins, const ForestRules *rules, int64 ntrain,
				  ForestRoom *room)
{
	int64		rows = bound_rows(rules, ntrain);
	double		leaves = Min((double) rows, floor(count_draws(rules, ntrain) / rules->min_leaf));
	double		words;

	if (rules->max_leaves > 0)
		leaves = Min(leaves, (double) rules->max_leaves);
	if (rules->max_depth > 0 && rules->max_depth < 32)
		leaves = Min(leaves, (double) (INT64_C(1) << rules->max_depth));
	leaves = Min(Max(leaves, 1), 1e9);
	words = Min((leaves - 1) * mlops_bins_set_words(bins), (double) rows + MAX_WORDS);
	room->nodes = (uint32) (2 * leaves - 1);
	room->shares = rules->mode == FOREST_CLASSES ? (uint32) rows : 0;
	room->words = (uint32) words;
	room->bag = MAXALIGN((ntrain + 7) / 8);
	room->steps = has_plain_slots(bins) ? mul_size(sizeof(ForestStep), room->nodes) : 0;
	room->size = add_size(MAXALIGN(sizeof(ForestTree)), room->bag);
	room->size = add_size(room->size, room->steps);
	room->size = add_size(room->size, MAXALIGN(mul_size(sizeof(ForestSlim), room->nodes)));
	room->size = add_size(room->size, MAXALIGN(mul_size(sizeof(ForestShare), room->shares)));
	room->size = add_size(room->size, MAXALIGN(mul_size(sizeof(uint32), room->words)));
}

/*
 * A buffer begins with three counts, nnodes, nshares and nwords, then the bag,
 * steps, nodes, shares and words.  The handle is each process's own.
 */
void
mlops_forest_tree_attach(char *at, const ForestRoom *room, ForestTree *tree)
{
	const uint32 *count = (const uint32 *) at;

	tree->nnodes = count[0];
	tree->nshares = count[1];
	tree->nwords = count[2];
	at += MAXALIGN(sizeof(ForestTree));
	tree->bag = (uint8 *) at;
	at += room->bag;
	tree->steps = room->steps > 0 ? (ForestStep *) at : NULL;
	at += room->steps;
	tree->nodes = (ForestSlim *) at;
	at += MAXALIGN(sizeof(ForestSlim) * (Size) room->nodes);
	tree->shares = (ForestShare *) at;
	at += MAXALIGN(sizeof(ForestShare) * (Size) room->shares);
	tree->words = (uint32 *) at;
}

/* ------------------------------------------------------------- scratch */

Size
mlops_forest_grower_size(const MlBinned *bins, const ForestRules *rules, int64 nrows)
{
	Size		rows = bound_rows(rules, nrows);
	Size		size = add_size(mul_size(sizeof(uint16), nrows), mul_size(4 * sizeof(uint32), rows));

	size = add_size(size, mul_size(FOREST_CHUNK * (sizeof(uint64) + sizeof(ForestSums)), bins->max_nbins));
	size = add_size(size, NEAR_BYTES + 20 * NEAR_ROWS);
	if (rules->max_leaves > 0)
		size = add_size(size, mul_size(sizeof(Candidate), Min(rules->max_leaves, (int64) rows) + 1));
	return size;
}

static void *
alloc_zero(Size n, Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, mul_size(Max(n, 1), size),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

ForestGrower *
mlops_forest_grower_make(const MlBinned *bins, const ForestRules *rules,
						 const double *class_weight, const ForestRoom *room)
{
	ForestGrower *g = palloc0(sizeof(ForestGrower));
	Size		rows = bound_rows(rules, bins->ntrain);
	int			nbins = bins->max_nbins;

	g->rules = *rules;
	g->bins = bins;
	g->class_weight = class_weight;
	g->room = *room;
	g->drawn = alloc_zero(bins->ntrain, sizeof(uint16));
	g->row = alloc_zero(rows, sizeof(uint32));
	g->tag = alloc_zero(rows, sizeof(uint32));
	g->spare_row = alloc_zero(rows, sizeof(uint32));
	g->spare_tag = alloc_zero(rows, sizeof(uint32));
	g->order = alloc_zero(bins->nslots, sizeof(int));
	if (rules->mode == FOREST_COUNTS)
		g->counts = alloc_zero(nbins, FOREST_CHUNK * sizeof(uint64));
	else if (rules->mode == FOREST_SUMS)
		g->sums = alloc_zero(nbins, FOREST_CHUNK * sizeof(ForestSums));
	g->starts = alloc_zero(nbins, sizeof(uint32));
	g->touched = alloc_zero(nbins / 64 + 1, sizeof(uint64));
	g->points = alloc_zero(nbins, sizeof(ForestPoint));
	g->best_set = alloc_zero(mlops_bins_set_words(bins), sizeof(uint32));
	g->node_class = alloc_zero(rules->nclasses, sizeof(double));
	g->left_class = alloc_zero(rules->nclasses, sizeof(double));
	g->right_class = alloc_zero(rules->nclasses, sizeof(double));
	g->classes = alloc_zero(rules->nclasses, sizeof(uint32));
	if (rules->max_leaves == 0)
		g->near_max = Min(NEAR_ROWS, NEAR_BYTES / bins->stride);
	g->near_bytes = alloc_zero(g->near_max, bins->stride);
	g->near_row = alloc_zero(g->near_max, sizeof(uint32));
	g->near_y = alloc_zero(g->near_max, sizeof(double));
	g->near_w = alloc_zero(g->near_max, sizeof(double));
	return g;
}

/* ------------------------------------------------------------- rows drawn */

/* How often each training row is in the tree. */
static void
draw_rows(ForestGrower *g)
{
	int64		ntrain = g->bins->ntrain;
	int64		draws = (int64) count_draws(&g->rules, ntrain);

	if (g->rules.bootstrap)
	{
		memset(g->drawn, 0, sizeof(uint16) * ntrain);
		for (int64 i = 0; i < draws; i++)
		{
			uint64		random = mlops_hash_mix(g->tree_seed, ~(uint64) i);
			uint64		row = ((random >> 32) * (uint64) ntrain) >> 32;

			if (g->drawn[row] < PG_UINT16_MAX)
				g->drawn[row]++;
			CHECK_EVERY_64K(i);
		}
		return;
	}
	for (int64 i = 0; i < ntrain; i++)
	{
		CHECK_EVERY_64K(i);
		g->drawn[i] = g->rules.max_samples >= 1 ||
			(mlops_hash_mix(g->tree_seed, ~(uint64) i) >> 11) * 0x1p-53 < g->rules.max_samples;
	}
}

/* The drawn rows to row and tag, and to the bag. */
static uint32
load_rows(ForestGrower *g)
{
	int64		ntrain = g->bins->ntrain;
	int64		max = bound_rows(&g->rules, ntrain);
	bool		has_classes = !g->rules.is_regression;
	uint32		n = 0;

	memset(g->tree.bag, 0, g->room.bag);
	for (int64 i = 0; i < ntrain && n < max; i++)
	{
		CHECK_EVERY_64K(i);
		if (g->drawn[i] == 0)
			continue;
		g->tree.bag[i / 8] |= 1 << (i % 8);
		g->row[n] = (uint32) i;
		g->tag[n++] = ((uint32) g->drawn[i] << 16) |
			(has_classes ? (uint32) g->bins->y[i] : 0);
	}
	return n;
}

/* ------------------------------------------------------------- nodes */

/* A node's sums in order of rows; true: all its targets are the same, *only. */
static bool
sum_targets(const ForestGrower *g, const ForestView *v, ForestRange *range, double *only)
{
	double		first = v->y[v->row[range->start]];
	bool		same = true;

	range->s = range->w = range->drawn = 0;
	for (uint32 i = range->start; i < range->start + range->n; i++)
	{
		uint32		row = v->row[i];
		double		drawn = v->tag[i] >> 16;
		double		w = drawn * mlops_forest_weight(g, v, row, v->tag[i]);

		same &= v->y[row] == first;
		range->drawn += drawn;
		range->w += w;
		range->s += w * mlops_forest_target(g, v, row);
	}
	*only = first;
	return same;
}

static bool
sum_counts(const ForestView *v, ForestRange *range)
{
	uint64		drawn = 0;
	uint64		s = 0;

	for (uint32 i = range->start; i < range->start + range->n; i++)
	{
		drawn += v->tag[i] >> 16;
		s += (v->tag[i] >> 16) * (v->tag[i] & 0xffff);
	}
	range->drawn = range->w = (double) drawn;
	range->s = (double) s;
	return s == 0 || s == drawn;
}

/* Weight by class, and which classes there are; true: one. */
static bool
sum_classes(ForestGrower *g, const ForestView *v, ForestRange *range)
{
	for (int i = 0; i < g->nclasses; i++)
		g->node_class[g->classes[i]] = 0;
	g->nclasses = 0;
	range->w = range->drawn = 0;
	for (uint32 i = range->start; i < range->start + range->n; i++)
	{
		uint32		class = v->tag[i] & 0xffff;
		double		drawn = v->tag[i] >> 16;
		double		w = drawn * mlops_forest_weight(g, v, v->row[i], v->tag[i]);

		if (g->node_class[class] == 0)
			g->classes[g->nclasses++] = class;
		g->node_class[class] += w;
		range->drawn += drawn;
		range->w += w;
	}
	return g->nclasses < 2;
}

/* Sum up a node; true: nothing is left to tell apart. */
static bool
sum_node(ForestGrower *g, const ForestView *v, ForestRange *range, double *only)
{
	*only = NAN;
	switch (g->rules.mode)
	{
		case FOREST_COUNTS:
			return sum_counts(v, range);
		case FOREST_SUMS:
			return sum_targets(g, v, range, only);
		case FOREST_CLASSES:
			return sum_classes(g, v, range);
	}
	return true;
}

/* Weight of a node's rows, as the training was given it. */
static float
cover_of(const ForestGrower *g, const ForestRange *range)
{
	double		cover = range->w / g->rules.weight_scale / g->rules.class_scale;

	return (float) Min(cover, ML_MAX_COVER);
}

/* The node becomes a leaf; it has been summed up. */
static void
make_leaf(ForestGrower *g, const ForestRange *range, bool is_same, double only)
{
	ForestSlim *node = &g->tree.nodes[range->node];

	memset(node, 0, sizeof(ForestSlim));
	node->flags = ML_NODE_LEAF;
	node->cover = cover_of(g, range);
	if (g->rules.mode == FOREST_CLASSES)
	{
		node->left = g->tree.nshares;
		node->bin = g->nclasses;
		for (int i = 0; i < g->nclasses; i++)
		{
			ForestShare *share = &g->tree.shares[g->tree.nshares++];

			share->class = g->classes[i];
			share->share = g->node_class[g->classes[i]] / range->w;
		}
	}
	else if (is_same && g->rules.mode == FOREST_SUMS)
		node->value = only;
	else
		node->value = range->s / range->w / g->rules.scale + g->rules.centre;
}

/* May a node be split at all? */
static bool
can_split(const ForestGrower *g, const ForestRange *range)
{
	const ForestRules *rules = &g->rules;

	return range->n > 1 && range->drawn >= rules->min_split &&
		range->drawn >= 2 * rules->min_leaf &&
		(rules->max_depth == 0 || range->depth < rules->max_depth) &&
		g->tree.nnodes + 2 <= g->room.nodes;
}

/* Is there room for the set of a split by a category? */
static bool
has_room(const ForestGrower *g, const ForestSplit *split)
{
	return !split->is_category ||
		g->tree.nwords + mlops_forest_words(&g->bins->binning[split->slot]) <= g->room.words;
}

/* Part a node's rows; how many go left. */
static inline uint32
part_run(const ForestGrower *g, const ForestView *v, const ForestRange *range,
		 const ForestSplit *split, bool is_plain)
{
	const MlBinning *binning = &g->bins->binning[split->slot];
	const uint8 *bytes = v->bytes + binning->offset;
	uint32	   *row = v->row + range->start;
	uint32	   *tag = v->tag + range->start;
	uint32		border = split->bin;
	uint32		missing = split->missing_left ? (uint32) binning->missing_bin : PG_UINT32_MAX;
	uint32		nl = 0;
	uint32		nr = 0;

	for (uint32 i = 0; i < range->n; i++)
	{
		uint32		r = row[i];
		uint32		t = tag[i];
		bool		left;

		if (is_plain)
		{
			uint32		bin = bytes[v->stride * r];

			left = (bin <= border) | (bin == missing);
		}
		else
		{
			uint32		bin = mlops_forest_bin(v, binning, r);

			left = split->is_category ? (g->best_set[bin / 32] >> (bin % 32)) & 1 :
				bin <= border || bin == missing;
		}
		row[nl] = r;
		tag[nl] = t;
		g->spare_row[nr] = r;
		g->spare_tag[nr] = t;
		nl += left;
		nr += !left;
	}
	memcpy(row + nl, g->spare_row, sizeof(uint32) * nr);
	memcpy(tag + nl, g->spare_tag, sizeof(uint32) * nr);
	return nl;
}

/* Split a node: note it, part its rows, make its children. */
static void
split_node(ForestGrower *g, const ForestView *v, const ForestRange *range,
		   const ForestSplit *split, ForestRange *left, ForestRange *right)
{
	const MlBinning *binning = &g->bins->binning[split->slot];
	ForestSlim *node = &g->tree.nodes[range->node];

	memset(node, 0, sizeof(ForestSlim));
	node->left = g->tree.nnodes;
	node->slot = split->slot;
	node->bin = split->bin;
	node->cover = cover_of(g, range);
	node->value = Max(split->gain, 0);
	if (split->is_category)
	{
		int			words = mlops_forest_words(binning);

		node->flags = ML_NODE_CATEGORY;
		node->bin = g->tree.nwords;
		memcpy(g->tree.words + g->tree.nwords, g->best_set, sizeof(uint32) * words);
		g->tree.nwords += words;
	}
	else if (split->missing_left)
		node->flags = ML_NODE_MISSING_LEFT;
	memset(left, 0, sizeof(ForestRange));
	left->start = range->start;
	left->n = !split->is_category && !binning->is_wide ?
		part_run(g, v, range, split, true) : part_run(g, v, range, split, false);
	left->depth = range->depth + 1;
	left->node = g->tree.nnodes;
	*right = *left;
	right->start = left->start + left->n;
	right->n = range->n - left->n;
	right->node = left->node + 1;
	g->tree.nnodes += 2;
	if (left->n == 0 || right->n == 0)
		elog(ERROR, "a split leaves a side empty");
}

/* ------------------------------------------------------------- depth first */

/* A small node's rows, close together: the view of them. */
static void
copy_rows(ForestGrower *g, const ForestView *v, ForestRange *range, ForestView *near)
{
	Size		stride = v->stride;

	for (uint32 i = 0; i < range->n; i++)
	{
		uint32		row = v->row[range->start + i];

		memcpy(g->near_bytes + stride * i, v->bytes + stride * row, stride);
		g->near_row[i] = i;
		if (g->rules.mode == FOREST_SUMS)
			g->near_y[i] = v->y[row];
		if (v->w)
			g->near_w[i] = v->w[row];
	}
	near->bytes = g->near_bytes;
	near->stride = stride;
	near->y = g->near_y;
	near->w = v->w ? g->near_w : NULL;
	near->row = g->near_row;
	near->tag = v->tag + range->start;
	range->start = 0;
}

/* All below a node; a view that is not near already becomes so where the rows are few. */
static void
grow_below(ForestGrower *g, const ForestView *v, const ForestRange *root, bool is_near)
{
	ForestRange stack[STACK_DEPTH];
	int			depth = 1;

	stack[0] = *root;
	while (depth > 0)
	{
		ForestRange range = stack[--depth];
		ForestRange left;
		ForestRange right;
		ForestSplit split;
		double		only;
		bool		is_same;

		if (!is_near && range.n <= g->near_max && range.n > 1)
		{
			ForestView	near;

			copy_rows(g, v, &range, &near);
			grow_below(g, &near, &range, true);
			continue;
		}
		CHECK_FOR_INTERRUPTS();
		is_same = sum_node(g, v, &range, &only);
		if (is_same || !can_split(g, &range) || !mlops_forest_split(g, v, &range, &split) ||
			!has_room(g, &split))
		{
			make_leaf(g, &range, is_same, only);
			continue;
		}
		split_node(g, v, &range, &split, &left, &right);
		Assert(depth + 2 <= STACK_DEPTH);
		stack[depth++] = left.n > right.n ? left : right;
		stack[depth++] = left.n > right.n ? right : left;
	}
}

/* ------------------------------------------------------------- by gain */

/* the higher gain first, then the node made first */
static int
compare_candidates(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const Candidate *p = pairingheap_const_container(Candidate, heap, a);
	const Candidate *q = pairingheap_const_container(Candidate, heap, b);

	if (p->split.gain != q->split.gain)
		return p->split.gain > q->split.gain ? 1 : -1;
	return p->range.node < q->range.node ? 1 : -1;
}

/* A new node is a leaf until it is split; can it be, it is noted. */
static void
add_candidate(ForestGrower *g, const ForestView *v, ForestRange *range, pairingheap *heap)
{
	ForestSplit split;
	Candidate  *c;
	double		only;
	bool		is_same = sum_node(g, v, range, &only);
	uint32		nshares = g->tree.nshares;

	CHECK_FOR_INTERRUPTS();
	make_leaf(g, range, is_same, only);
	if (is_same || !can_split(g, range) || !mlops_forest_split(g, v, range, &split))
		return;
	g->tree.nshares = nshares;	/* written again should it stay a leaf */
	c = palloc(sizeof(Candidate));
	c->range = *range;
	c->split = split;
	pairingheap_add(heap, &c->heap);
}

static void
grow_by_gain(ForestGrower *g, const ForestView *v, ForestRange *root)
{
	pairingheap *heap = pairingheap_allocate(compare_candidates, NULL);
	int64		nleaves = 1;

	add_candidate(g, v, root, heap);
	while (!pairingheap_is_empty(heap))
	{
		Candidate  *c = pairingheap_container(Candidate, heap,
											  pairingheap_remove_first(heap));
		ForestRange left;
		ForestRange right;
		ForestSplit split;
		double		only;
		bool		is_same = sum_node(g, v, &c->range, &only);

		if (nleaves >= g->rules.max_leaves || g->tree.nnodes + 2 > g->room.nodes ||
			!has_room(g, &c->split))
		{
			make_leaf(g, &c->range, is_same, only);
			pfree(c);
			continue;
		}
		if (c->split.is_category)
			mlops_forest_split_again(g, v, &c->range, c->split.slot, &split);
		split_node(g, v, &c->range, &c->split, &left, &right);
		pfree(c);
		nleaves++;
		add_candidate(g, v, &left, heap);
		add_candidate(g, v, &right, heap);
	}
	pairingheap_free(heap);
}

void
mlops_forest_grow(ForestGrower *g, int number)
{
	ForestView	view;
	ForestRange root;

	g->tree_seed = mlops_hash_mix(g->rules.seed, (uint64) number);
	g->tree.nnodes = 1;
	g->tree.nshares = 0;
	g->tree.nwords = 0;
	for (int i = 0; i < g->bins->nslots; i++)
		g->order[i] = i;
	draw_rows(g);
	view.bytes = g->bins->rows;
	view.stride = g->bins->stride;
	view.y = g->bins->y;
	view.w = g->bins->w;
	view.row = g->row;
	view.tag = g->tag;
	memset(&root, 0, sizeof(root));
	root.n = load_rows(g);
	if (root.n == 0)			/* a small share of few rows */
	{
		g->row[0] = 0;
		g->tag[0] = ((uint32) 1 << 16) |
			(g->rules.is_regression ? 0 : (uint32) g->bins->y[0]);
		g->tree.bag[0] |= 1;
		root.n = 1;
	}
	(void) sum_node(g, &view, &root, &(double) {0});
	g->total = root.w;
	if (g->rules.max_leaves > 0)
		grow_by_gain(g, &view, &root);
	else
		grow_below(g, &view, &root, false);
	if (g->tree.steps)
		mlops_forest_make_steps(g->bins, &g->tree);
}
