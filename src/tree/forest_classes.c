/*-------------------------------------------------------------------------
 *
 * forest_classes.c
 *	  Splits of a node with more than two classes.
 *
 * The node's rows are brought into the order of their bins (a counting sort)
 * and moved one by one from the right to the left side.  The sum of the
 * squared class weights of a side is kept as they go, so a slot costs the
 * node's rows, whatever the number of classes.  With Q that sum and W the
 * weight of a side, the Gini impurity is lowest where QL/WL + QR/WR is highest.
 *
 * Categories are ordered by the share of the node's most frequent class; there
 * is no order that is certain to hold the best split of more than two classes.
 *
 * IDENTIFICATION
 *	  src/tree/forest_classes.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "port/pg_bitutils.h"

#include "mlops/tree.h"

#include "forest.h"

/* Rows of a bin: order[first .. first + n - 1], positions in the node. */
typedef struct Group
{
	double		lead;			/* share of the most frequent class */
	int			bin;
	uint32		first;
	uint32		n;
} Group;

/* What a scan knows of the sides. */
typedef struct Sides
{
	double		ql;				/* sums of squares, or of x ln x */
	double		qr;
	double		wl;
	double		drawn;			/* left */
} Sides;

/* A row's class and weight. */
static inline uint32
class_of(const ForestGrower *g, const ForestView *v, const ForestRange *range,
		 uint32 at, double *w)
{
	uint32		tag = v->tag[range->start + at];

	*w = (double) (tag >> 16);
	if (g->rules.is_weighted)
		*w *= mlops_forest_weight(g, v, v->row[range->start + at], tag);
	return tag & 0xffff;
}

/* The node's rows in the order of a slot's bins: positions to spare_row; how many bins. */
static int
sort_rows(ForestGrower *g, const ForestView *v, const ForestRange *range,
		  const MlBinning *binning, Group *groups)
{
	const uint32 *row = v->row + range->start;
	uint32		first = 0;
	int			n = 0;

	for (uint32 i = 0; i < range->n; i++)
	{
		uint32		bin = mlops_forest_bin(v, binning, row[i]);

		g->touched[bin / 64] |= UINT64_C(1) << (bin % 64);
		g->starts[bin]++;
	}
	for (int word = 0; word * 64 < binning->nbins; word++)
	{
		for (uint64 bits = g->touched[word]; bits != 0; bits &= bits - 1)
		{
			int			bin = word * 64 + pg_rightmost_one_pos64(bits);

			groups[n].bin = bin;
			groups[n].first = first;
			groups[n].n = g->starts[bin];
			g->starts[bin] = first;
			first += groups[n++].n;
		}
		g->touched[word] = 0;
	}
	for (uint32 i = 0; i < range->n; i++)
		g->spare_row[g->starts[mlops_forest_bin(v, binning, row[i])]++] = i;
	for (int i = 0; i < n; i++)
		g->starts[groups[i].bin] = 0;
	return n;
}

static inline double
part(const ForestGrower *g, double x)
{
	return g->rules.is_entropy ? mlops_forest_xlogx(x) : x * x;
}

/* Move a group's rows to the left side. */
static void
move_group(ForestGrower *g, const ForestView *v, const ForestRange *range,
		   const Group *group, Sides *sides)
{
	for (uint32 i = group->first; i < group->first + group->n; i++)
	{
		uint32		at = g->spare_row[i];
		double		w;
		uint32		class = class_of(g, v, range, at, &w);
		double	   *l = &g->left_class[class];
		double	   *r = &g->right_class[class];

		sides->ql += part(g, *l + w) - part(g, *l);
		sides->qr += part(g, *r - w) - part(g, *r);
		*l += w;
		*r -= w;
		sides->wl += w;
		sides->drawn += v->tag[range->start + at] >> 16;
	}
}

static double
score_sides(const ForestGrower *g, const Sides *sides, double wr)
{
	if (g->rules.is_entropy)
		return sides->ql - mlops_forest_xlogx(sides->wl) +
			sides->qr - mlops_forest_xlogx(wr);
	return sides->ql / sides->wl + sides->qr / wr;
}

/*
 * Try the borders behind groups from .. to - 1 (those before are not tried), all
 * that "sides" holds being on the left; the best one's number, or -1.
 */
static int
scan_groups(ForestGrower *g, const ForestView *v, const ForestRange *range,
			const Group *groups, int from, int to, Sides *sides, ForestSplit *best)
{
	int			found = -1;

	for (int i = 0; i < to; i++)
	{
		double		wr;
		double		score;

		move_group(g, v, range, &groups[i], sides);
		wr = range->w - sides->wl;
		if (i < from || sides->drawn < g->rules.min_leaf ||
			range->drawn - sides->drawn < g->rules.min_leaf || !(wr > 0))
			continue;
		score = score_sides(g, sides, wr);
		if (score > best->score)
		{
			found = i;
			best->score = score;
			best->left_w = sides->wl;
			best->left_drawn = sides->drawn;
		}
	}
	return found;
}

/* All rows on the right. */
static void
start_sides(ForestGrower *g, Sides *sides)
{
	memset(sides, 0, sizeof(Sides));
	for (int i = 0; i < g->nclasses; i++)
	{
		uint32		class = g->classes[i];

		g->left_class[class] = 0;
		g->right_class[class] = g->node_class[class];
		sides->qr += part(g, g->node_class[class]);
	}
}

/* by share of the most frequent class, then bin */
static int
compare_groups(const void *a, const void *b)
{
	const Group *p = a;
	const Group *q = b;

	if (p->lead != q->lead)
		return p->lead < q->lead ? -1 : 1;
	return p->bin - q->bin;
}

static void
order_groups(ForestGrower *g, const ForestView *v, const ForestRange *range,
			 Group *groups, int n)
{
	uint32		lead = g->classes[0];

	for (int i = 1; i < g->nclasses; i++)
		if (g->node_class[g->classes[i]] > g->node_class[lead])
			lead = g->classes[i];
	for (int i = 0; i < n; i++)
	{
		double		all = 0;

		groups[i].lead = 0;
		for (uint32 k = groups[i].first; k < groups[i].first + groups[i].n; k++)
		{
			double		w;
			uint32		class = class_of(g, v, range, g->spare_row[k], &w);

			all += w;
			if (class == lead)
				groups[i].lead += w;
		}
		groups[i].lead /= all;
	}
	qsort(groups, n, sizeof(Group), compare_groups);
}

static void
put_set(ForestGrower *g, const ForestRange *range, const MlBinning *binning,
		const Group *groups, int n, int last, const ForestSplit *best)
{
	bool		left_heavy = best->left_w > range->w - best->left_w;

	mlops_forest_fill_set(g->best_set, binning, left_heavy);
	for (int k = 0; k < n; k++)
	{
		uint32		bit = (uint32) 1 << (groups[k].bin % 32);

		if (k <= last)
			g->best_set[groups[k].bin / 32] |= bit;
		else
			g->best_set[groups[k].bin / 32] &= ~bit;
	}
}

static double
gain_of(const ForestGrower *g, const ForestRange *range, double score)
{
	double		q = 0;

	for (int i = 0; i < g->nclasses; i++)
		q += part(g, g->node_class[g->classes[i]]);
	if (g->rules.is_entropy)
		return (score - q + mlops_forest_xlogx(range->w)) / M_LN2 / g->total;
	return (score - q / range->w) / g->total;
}

/* The border to try for extra trees: a group's number; numbers also get the bin. */
static int
random_border(const ForestGrower *g, const ForestRange *range, int slot,
			  const Group *groups, int nvalues, bool is_category, int *bin)
{
	uint64		random;
	int			last = 0;

	if (nvalues < 2)
		return 0;
	if (is_category)
	{
		random = mlops_forest_random(g, range->node, 0x80000000 | slot) >> 32;
		return (int) ((random * (nvalues - 1)) >> 32);
	}
	*bin = mlops_forest_random_border(g, range->node, slot, groups[0].bin,
									  groups[nvalues - 1].bin);
	while (groups[last + 1].bin <= *bin)
		last++;
	return last;
}

bool
mlops_forest_split_classes(ForestGrower *g, const ForestView *v, const ForestRange *range,
						   int slot, ForestSplit *best)
{
	const MlBinning *binning = &g->bins->binning[slot];
	Group	   *groups = (Group *) g->points;
	int			n = sort_rows(g, v, range, binning, groups);
	bool		has_missing = !binning->is_category && groups[n - 1].bin == binning->missing_bin;
	int			nvalues = has_missing ? n - 1 : n;
	int			from = 0;
	int			to = has_missing ? nvalues : n - 1;
	int			bin = binning->ncuts;
	int			last;
	int			again = -1;
	Sides		sides;

	if (n < 2)
		return false;
	if (binning->is_category)
		order_groups(g, v, range, groups, n);
	if (g->rules.is_extra)
	{
		from = random_border(g, range, slot, groups, nvalues, binning->is_category, &bin);
		to = from + 1;
	}
	start_sides(g, &sides);
	last = scan_groups(g, v, range, groups, from, to, &sides, best);
	if (last >= 0)
		best->missing_left = false;
	if (has_missing && nvalues > 1)
	{
		start_sides(g, &sides);
		move_group(g, v, range, &groups[n - 1], &sides);
		again = scan_groups(g, v, range, groups, from, Min(to, nvalues - 1), &sides, best);
		if (again >= 0)
		{
			last = again;
			best->missing_left = true;
		}
	}
	if (last < 0)
		return true;
	if (!g->rules.is_extra && last < nvalues - 1)
		bin = (groups[last].bin + groups[last + 1].bin) / 2;
	best->slot = slot;
	best->bin = bin;
	best->is_category = binning->is_category;
	best->gain = gain_of(g, range, best->score);
	if (best->is_category)
		put_set(g, range, binning, groups, n, last, best);
	else if (!has_missing)
		best->missing_left = best->left_w > range->w - best->left_w;
	return true;
}
