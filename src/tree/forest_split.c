/*-------------------------------------------------------------------------
 *
 * forest_split.c
 *	  The best split of a node of a forest's tree: sums by bin of the slots
 *	  drawn for it, and a scan of them.
 *
 * With S the sum of the targets and W of the weights of a side, squared error
 * is lowest where SL^2/WL + SR^2/WR is highest; so is the Gini impurity of two
 * classes, with S the weight of class 1 (Breiman et al. 1984, chapters 4 and 8).
 * So one scan serves both.
 *
 * A large node gets histograms of FOREST_CHUNK slots in one pass over its rows;
 * a small one is summed slot by slot into bins that are zero between uses, a
 * bitmap remembering which were touched, so that it costs its rows and not its
 * bins.
 *
 * A border is put half way, in bins, between the bins in use on its sides.
 * Where the node has missing values, they are tried on both sides.  Categories
 * are ordered by their mean, which is the best order for two classes and for
 * squared error (Fisher 1958; Breiman et al. 1984, theorem 4.5), and cut like
 * numbers; what the node has no row of goes to the heavier side.
 *
 * IDENTIFICATION
 *	  src/tree/forest_split.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "mlops/numeric.h"
#include "mlops/tree.h"

#include "forest.h"

#define PREFETCH_ROWS 16
#define PASS_ROWS 65536			/* between two looks for interrupts */

uint64
mlops_forest_random(const ForestGrower *g, uint32 node, uint32 k)
{
	return mlops_hash_mix(g->tree_seed, ((uint64) node << 32) | k);
}

/* A whole number below n. */
static inline uint32
random_below(const ForestGrower *g, uint32 node, uint32 k, uint32 n)
{
	return (uint32) (((mlops_forest_random(g, node, k) >> 32) * n) >> 32);
}

int
mlops_forest_random_border(const ForestGrower *g, uint32 node, int slot, int low, int high)
{
	const double *cuts = g->bins->binning[slot].cuts;
	double		share = (mlops_forest_random(g, node, 0x80000000 | slot) >> 11) * 0x1p-53;
	double		at = cuts[low] * (1 - share) + cuts[high - 1] * share;

	high--;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (cuts[middle] * 0.5 + cuts[middle + 1] * 0.5 < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ------------------------------------------------------------- scoring */

static inline double
side_entropy(double s, double w)
{
	return mlops_forest_xlogx(s) + mlops_forest_xlogx(w - s) - mlops_forest_xlogx(w);
}

static inline double
score_sides(bool is_entropy, double sl, double wl, double sr, double wr)
{
	if (is_entropy)
		return side_entropy(sl, wl) + side_entropy(sr, wr);
	return (sl * sl * wr + sr * sr * wl) / (wl * wr);
}

/* Compare one border with the best so far; slot and sides are noted by who scans. */
static inline bool
try_border(bool is_entropy, const ForestRange *range, double min_leaf,
		   double s, double w, double drawn, ForestSplit *best)
{
	double		wr = range->w - w;
	double		score;

	if (drawn < min_leaf || range->drawn - drawn < min_leaf || !(wr > 0))
		return false;
	score = score_sides(is_entropy, s, w, range->s - s, wr);
	if (!(score > best->score))
		return false;
	best->score = score;
	best->left_s = s;
	best->left_w = w;
	best->left_drawn = drawn;
	return true;
}

/* Borders of ascending points, nothing missing: the index of the best, or -1. */
static inline int
scan_borders(bool is_entropy, const ForestRange *range, double min_leaf,
			 const ForestPoint *points, int n, ForestSplit *best)
{
	double		s = 0;
	double		w = 0;
	double		drawn = 0;
	int			found = -1;

	for (int i = 0; i < n - 1; i++)
	{
		s += points[i].s;
		w += points[i].w;
		drawn += points[i].drawn;
		if (try_border(is_entropy, range, min_leaf, s, w, drawn, best))
			found = i;
	}
	return found;
}

static int
find_border(const ForestGrower *g, const ForestRange *range,
			const ForestPoint *points, int n, ForestSplit *best)
{
	if (g->rules.is_entropy)
		return scan_borders(true, range, g->rules.min_leaf, points, n, best);
	return scan_borders(false, range, g->rules.min_leaf, points, n, best);
}

/* The same where "missing" is the last point, on either side; a border behind all values, too. */
static int
find_border_missing(const ForestGrower *g, const ForestRange *range,
					const ForestPoint *points, int n, ForestSplit *best)
{
	const ForestPoint *missing = &points[n - 1];
	double		s = 0;
	double		w = 0;
	double		drawn = 0;
	int			found = -1;

	for (int i = 0; i < n - 1; i++)
	{
		s += points[i].s;
		w += points[i].w;
		drawn += points[i].drawn;
		if (try_border(g->rules.is_entropy, range, g->rules.min_leaf, s, w, drawn, best))
		{
			found = i;
			best->missing_left = false;
		}
		if (i < n - 2 &&
			try_border(g->rules.is_entropy, range, g->rules.min_leaf, s + missing->s,
					   w + missing->w, drawn + missing->drawn, best))
		{
			found = i;
			best->missing_left = true;
		}
	}
	return found;
}

/* ------------------------------------------------------------- one slot */

/* One random border (extra trees): the points up to "last" go left, the missing ones perhaps. */
static int
find_border_random(const ForestGrower *g, const ForestRange *range, int slot,
				   const ForestPoint *points, int nvalues, bool has_missing,
				   ForestSplit *best, int *bin)
{
	double		s = 0;
	double		w = 0;
	double		drawn = 0;
	int			last = 0;
	bool		found;

	if (nvalues > 1)
		*bin = mlops_forest_random_border(g, range->node, slot, points[0].bin,
										  points[nvalues - 1].bin);
	for (last = 0; last < nvalues && points[last].bin <= *bin; last++)
	{
		s += points[last].s;
		w += points[last].w;
		drawn += points[last].drawn;
	}
	found = try_border(g->rules.is_entropy, range, g->rules.min_leaf, s, w, drawn, best);
	if (found)
		best->missing_left = false;
	if (has_missing && nvalues > 1 &&
		try_border(g->rules.is_entropy, range, g->rules.min_leaf, s + points[nvalues].s,
				   w + points[nvalues].w, drawn + points[nvalues].drawn, best))
	{
		found = true;
		best->missing_left = true;
	}
	return found ? last - 1 : -1;
}

static void
split_number(ForestGrower *g, const ForestRange *range, int slot, int n,
			 ForestSplit *best)
{
	const MlBinning *binning = &g->bins->binning[slot];
	const ForestPoint *points = g->points;
	bool		has_missing = points[n - 1].bin == binning->missing_bin;
	int			nvalues = has_missing ? n - 1 : n;
	int			bin = binning->ncuts;
	int			i;

	if (g->rules.is_extra)
		i = find_border_random(g, range, slot, points, nvalues, has_missing, best, &bin);
	else if (has_missing)
		i = find_border_missing(g, range, points, n, best);
	else
		i = find_border(g, range, points, n, best);
	if (i < 0)
		return;
	if (!g->rules.is_extra && i < nvalues - 1)
		bin = (points[i].bin + points[i + 1].bin) / 2;
	best->slot = slot;
	best->bin = bin;
	best->is_category = false;
	if (!has_missing)
		best->missing_left = best->left_w > range->w - best->left_w;
}

/* by mean, then bin */
static int
compare_points(const void *a, const void *b)
{
	const ForestPoint *p = a;
	const ForestPoint *q = b;
	double		left = p->s / p->w;
	double		right = q->s / q->w;

	if (left != right)
		return left < right ? -1 : 1;
	return p->bin - q->bin;
}

static void
split_category(ForestGrower *g, const ForestRange *range, int slot, int n,
			   ForestSplit *best)
{
	const MlBinning *binning = &g->bins->binning[slot];
	ForestPoint *points = g->points;
	bool		left_heavy;
	int			i;

	qsort(points, n, sizeof(ForestPoint), compare_points);
	if (g->rules.is_extra)
	{
		ForestPoint all = {0, 0, 0, 0};
		int			last = (int) random_below(g, range->node, 0x80000000 | slot, n - 1);

		for (i = 0; i <= last; i++)
		{
			all.s += points[i].s;
			all.w += points[i].w;
			all.drawn += points[i].drawn;
		}
		i = try_border(g->rules.is_entropy, range, g->rules.min_leaf, all.s, all.w,
					   all.drawn, best) ? last : -1;
	}
	else
		i = find_border(g, range, points, n, best);
	if (i < 0)
		return;
	best->slot = slot;
	best->bin = 0;
	best->is_category = true;
	best->missing_left = false;
	left_heavy = best->left_w > range->w - best->left_w;
	mlops_forest_fill_set(g->best_set, binning, left_heavy);
	for (int k = 0; k < n; k++)
	{
		uint32		bit = (uint32) 1 << (points[k].bin % 32);

		if (k <= i)
			g->best_set[points[k].bin / 32] |= bit;
		else
			g->best_set[points[k].bin / 32] &= ~bit;
	}
}

/* Improve *best by the n > 1 points of a slot. */
static void
split_points(ForestGrower *g, const ForestRange *range, int slot, int n,
			 ForestSplit *best)
{
	double		s;
	double		w;

	if (g->bins->binning[slot].is_category)
		split_category(g, range, slot, n, best);
	else
		split_number(g, range, slot, n, best);
	if (best->slot != slot || g->rules.is_regression)
		return;
	s = range->s - best->left_s;
	w = range->w - best->left_w;
	best->is_pure = (best->left_s == 0 || best->left_s == best->left_w) &&
		(s == 0 || s == w);
}

/* ------------------------------------------------------------- small nodes */

/* What the rows of a small node add, in their order. */
typedef union SmallRows
{
	uint64		counts[FOREST_SMALL];
	ForestSums	sums[FOREST_SMALL];
} SmallRows;

static inline uint64
count_of(uint32 tag)
{
	uint64		drawn = tag >> 16;

	return drawn + ((drawn * (tag & 0xffff)) << 32);
}

static inline ForestSums
sums_of(const ForestGrower *g, const ForestView *v, uint32 row, uint32 tag)
{
	ForestSums	sums;

	sums.drawn = tag >> 16;
	sums.w = sums.drawn * mlops_forest_weight(g, v, row, tag);
	sums.s = sums.w * mlops_forest_target(g, v, row);
	return sums;
}

static void
load_small(const ForestGrower *g, const ForestView *v, const ForestRange *range,
		   SmallRows *rows)
{
	for (uint32 i = 0; i < range->n; i++)
	{
		uint32		tag = v->tag[range->start + i];

		if (g->rules.mode == FOREST_COUNTS)
			rows->counts[i] = count_of(tag);
		else
			rows->sums[i] = sums_of(g, v, v->row[range->start + i], tag);
	}
}

/* Add a small node's rows to the bins of a slot, noting which. */
static inline void
add_small(ForestGrower *g, const ForestView *v, const ForestRange *range,
		  const MlBinning *binning, bool is_wide, bool is_counts, const SmallRows *rows)
{
	const uint32 *row = v->row + range->start;
	const uint8 *bytes = v->bytes + binning->offset;
	uint64	   *counts = g->counts;
	ForestSums *sums = g->sums;
	uint64	   *touched = g->touched;

	for (uint32 i = 0; i < range->n; i++)
	{
		const uint8 *at = bytes + v->stride * row[i];
		uint32		bin = *at;

		if (is_wide)
			bin = mlops_forest_bin(v, binning, row[i]);
		touched[bin / 64] |= UINT64_C(1) << (bin % 64);
		if (is_counts)
			counts[bin] += rows->counts[i];
		else
		{
			sums[bin].s += rows->sums[i].s;
			sums[bin].w += rows->sums[i].w;
			sums[bin].drawn += rows->sums[i].drawn;
		}
	}
}

static inline void
take_point(ForestGrower *g, ForestPoint *p, int bin, uint64 *counts, ForestSums *sums)
{
	p->bin = bin;
	if (g->rules.mode == FOREST_COUNTS)
	{
		p->w = p->drawn = (double) (int64) (counts[bin] & 0xffffffff);
		p->s = (double) (int64) (counts[bin] >> 32);
		counts[bin] = 0;
	}
	else
	{
		p->s = sums[bin].s;
		p->w = sums[bin].w;
		p->drawn = sums[bin].drawn;
		sums[bin].s = sums[bin].w = sums[bin].drawn = 0;
	}
}

/* Points of a slot in a small node; how many. */
static int
collect_small(ForestGrower *g, const ForestView *v, const ForestRange *range,
			  int slot, const SmallRows *rows)
{
	const MlBinning *binning = &g->bins->binning[slot];
	int			n = 0;
	bool		is_counts = g->rules.mode == FOREST_COUNTS;

	if (binning->is_wide)
		add_small(g, v, range, binning, true, is_counts, rows);
	else if (is_counts)
		add_small(g, v, range, binning, false, true, rows);
	else
		add_small(g, v, range, binning, false, false, rows);
	for (int word = 0; word * 64 < binning->nbins; word++)
	{
		uint64		bits = g->touched[word];

		if (bits == 0)
			continue;
		g->touched[word] = 0;
		for (; bits != 0; bits &= bits - 1)
			take_point(g, &g->points[n++], word * 64 + pg_rightmost_one_pos64(bits),
					   g->counts, g->sums);
	}
	return n;
}

/* ------------------------------------------------------------- large nodes */

/* Add rows to the histograms of n slots of one byte. */
static inline void
add_counts(ForestGrower *g, const ForestView *v, const ForestRange *range,
		   const int *offset, int n)
{
	const uint32 *row = v->row + range->start;
	const uint32 *tag = v->tag + range->start;
	uint64	   *hist = g->counts;
	int			width = g->bins->max_nbins;

	for (uint32 i = 0; i < range->n; i++)
	{
		const uint8 *at = v->bytes + v->stride * row[i];
		uint64		add = count_of(tag[i]);

		__builtin_prefetch(v->bytes + v->stride * row[Min(i + PREFETCH_ROWS, range->n - 1)]);
		for (int k = 0; k < n; k++)
			hist[k * width + at[offset[k]]] += add;
	}
}

static void
add_counts_chunk(ForestGrower *g, const ForestView *v, const ForestRange *range,
				 const int *offset, int n)
{
	switch (n)
	{
		case 1:
			add_counts(g, v, range, offset, 1);
			break;
		case 2:
			add_counts(g, v, range, offset, 2);
			break;
		case 3:
			add_counts(g, v, range, offset, 3);
			break;
		case 4:
			add_counts(g, v, range, offset, 4);
			break;
		case 5:
			add_counts(g, v, range, offset, 5);
			break;
		case 6:
			add_counts(g, v, range, offset, 6);
			break;
		case 7:
			add_counts(g, v, range, offset, 7);
			break;
		default:
			add_counts(g, v, range, offset, n);
			break;
	}
}

/* The same for any slots and sums. */
static void
add_any_chunk(ForestGrower *g, const ForestView *v, const ForestRange *range,
			  const int *slots, int n)
{
	Size		width = g->bins->max_nbins;

	for (uint32 i = 0; i < range->n; i++)
	{
		uint32		row = v->row[range->start + i];
		uint32		tag = v->tag[range->start + i];
		uint32		ahead = v->row[range->start + Min(i + PREFETCH_ROWS, range->n - 1)];
		ForestSums	add;

		__builtin_prefetch(v->bytes + v->stride * ahead);
		if (g->rules.mode == FOREST_COUNTS)
		{
			for (int k = 0; k < n; k++)
				g->counts[k * width + mlops_forest_bin(v, &g->bins->binning[slots[k]], row)] += count_of(tag);
			continue;
		}
		__builtin_prefetch(v->y + ahead);
		add = sums_of(g, v, row, tag);
		for (int k = 0; k < n; k++)
		{
			ForestSums *sums = &g->sums[k * width +
										mlops_forest_bin(v, &g->bins->binning[slots[k]], row)];

			sums->s += add.s;
			sums->w += add.w;
			sums->drawn += add.drawn;
		}
	}
}

static void
add_chunk(ForestGrower *g, const ForestView *v, const ForestRange *range,
		  const int *slots, int n)
{
	int			offset[FOREST_CHUNK];
	bool		is_wide = false;

	for (int k = 0; k < n; k++)
	{
		offset[k] = g->bins->binning[slots[k]].offset;
		is_wide |= g->bins->binning[slots[k]].is_wide;
	}
	for (uint32 done = 0; done < range->n; done += PASS_ROWS)
	{
		ForestRange part = *range;

		CHECK_FOR_INTERRUPTS();
		part.start += done;
		part.n = Min(range->n - done, PASS_ROWS);
		if (g->rules.mode == FOREST_COUNTS && !is_wide)
			add_counts_chunk(g, v, &part, offset, n);
		else
			add_any_chunk(g, v, &part, slots, n);
	}
}

/* Points of the slot whose histogram is number k; how many.  Leaves it zero. */
static int
collect_large(ForestGrower *g, int slot, int k)
{
	Size		at = (Size) k * g->bins->max_nbins;
	int			nbins = g->bins->binning[slot].nbins;
	int			n = 0;

	for (int bin = 0; bin < nbins; bin++)
	{
		if (g->rules.mode == FOREST_COUNTS ? g->counts[at + bin] != 0 :
			g->sums[at + bin].drawn != 0)
			take_point(g, &g->points[n++], bin, g->counts + at, g->sums + at);
	}
	return n;
}

/* ------------------------------------------------------------- the node */

/* The k-th slot drawn for a node. */
static inline int
draw_slot(ForestGrower *g, uint32 node, int k)
{
	int			nslots = g->bins->nslots;
	int			other;
	int			slot;

	if (g->rules.tries >= nslots)
		return k;
	other = k + (int) random_below(g, node, k, nslots - k);
	slot = g->order[other];
	g->order[other] = g->order[k];
	g->order[k] = slot;
	return slot;
}

/* Decrease of impurity, as a share of the tree's weight. */
static double
gain_of(const ForestGrower *g, const ForestRange *range, double score)
{
	if (g->rules.is_entropy)
		return (score - side_entropy(range->s, range->w)) / M_LN2 / g->total;
	score -= range->s * range->s / range->w;
	if (g->rules.is_regression)
		return score / g->rules.scale / g->rules.scale / g->total;
	return 2 * score / g->total;
}

static void
search_small(ForestGrower *g, const ForestView *v, const ForestRange *range,
			 ForestSplit *best)
{
	SmallRows	rows;
	bool		varies = false;

	load_small(g, v, range, &rows);
	/* slots in which the node does not vary count as tried, but one that varies is found */
	for (int k = 0; k < g->bins->nslots && (k < g->rules.tries || !varies); k++)
	{
		int			slot = draw_slot(g, range->node, k);
		int			n = collect_small(g, v, range, slot, &rows);

		CHECK_FOR_INTERRUPTS();
		if (n < 2)
			continue;
		varies = true;
		split_points(g, range, slot, n, best);
		if (best->is_pure)
			break;
	}
}

static void
search_large(ForestGrower *g, const ForestView *v, const ForestRange *range,
			 ForestSplit *best)
{
	bool		varies = false;
	int			nslots = g->bins->nslots;
	int			k = 0;

	while (k < nslots && (k < g->rules.tries || !varies))
	{
		int			slots[FOREST_CHUNK];
		int			n = Min(Max(g->rules.tries - k, 1), FOREST_CHUNK);

		for (int i = 0; i < n; i++)
			slots[i] = draw_slot(g, range->node, k + i);
		add_chunk(g, v, range, slots, n);
		for (int i = 0; i < n; i++)
		{
			int			npoints = collect_large(g, slots[i], i);

			if (npoints < 2)
				continue;
			varies = true;
			split_points(g, range, slots[i], npoints, best);
		}
		k += n;
	}
}

static void
search_classes(ForestGrower *g, const ForestView *v, const ForestRange *range,
			   ForestSplit *best)
{
	bool		varies = false;

	for (int k = 0; k < g->bins->nslots && (k < g->rules.tries || !varies); k++)
	{
		CHECK_FOR_INTERRUPTS();
		varies |= mlops_forest_split_classes(g, v, range,
											 draw_slot(g, range->node, k), best);
	}
}

static void
forget(ForestSplit *best)
{
	memset(best, 0, sizeof(ForestSplit));
	best->slot = -1;
	best->score = -INFINITY;
}

bool
mlops_forest_split(ForestGrower *g, const ForestView *v, const ForestRange *range,
				   ForestSplit *best)
{
	forget(best);
	if (g->rules.mode == FOREST_CLASSES)
		search_classes(g, v, range, best);
	else
	{
		if (range->n <= FOREST_SMALL)
			search_small(g, v, range, best);
		else
			search_large(g, v, range, best);
		if (best->slot >= 0)
			best->gain = gain_of(g, range, best->score);
	}
	/* a gain of nothing is allowed where none is asked for: what follows may gain */
	return best->slot >= 0 && !(best->gain < g->rules.min_gain && g->rules.min_gain > 0);
}

void
mlops_forest_split_again(ForestGrower *g, const ForestView *v, const ForestRange *range,
						 int slot, ForestSplit *best)
{
	forget(best);
	if (g->rules.mode == FOREST_CLASSES)
		mlops_forest_split_classes(g, v, range, slot, best);
	else if (range->n <= FOREST_SMALL)
	{
		SmallRows	rows;

		load_small(g, v, range, &rows);
		split_points(g, range, slot, collect_small(g, v, range, slot, &rows), best);
	}
	else
	{
		add_chunk(g, v, range, &slot, 1);
		split_points(g, range, slot, collect_large(g, slot, 0), best);
	}
}
