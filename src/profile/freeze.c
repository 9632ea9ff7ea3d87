/*-------------------------------------------------------------------------
 *
 * freeze.c
 *	  Profiles that stay with a model and tell of no few rows.
 *
 * Every bin has MLOPS_FROZEN_LEAST rows or none: smaller ones are folded into
 * their neighbours, those of PSI first and then, within each of them, the fine
 * ones.  A value of that many rows is solid: it can have bins without any row
 * beside it, and only it can.  So the outermost cuts lie at values that as many
 * rows lie beyond, not at the smallest and the largest value, unless these are
 * solid.
 *
 * Where solid values leave no other neighbour, folding would hide what was rare
 * and becomes frequent.  Of enough rows the bin stays in its place then, and its
 * few rows are counted in the neighbour.  The same goes for categories, whose
 * neighbour is what is put together as "other".
 *
 * The quantiles of PSI are values of the rows.  A fine cut that is none of them
 * is moved to a shorter number nearby that parts the rows in the same way; it
 * takes less room, and is nobody's value.
 *
 * IDENTIFICATION
 *	  src/profile/freeze.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/profile.h"

#define FINE_ROOM	(MLOPS_CUTS_ROOM(MLOPS_DRIFT_FINE) + 2)
#define NEARBY		(UINT64CONST(1) << 42)	/* a thousandth: of 52 bits between powers of two */

typedef struct Candidate
{
	MlCut		cut;
	int64		below;			/* rows */
	bool		is_psi;
	bool		is_solid;		/* one end of a solid value's bin */
	bool		kept;
} Candidate;

typedef struct Folding
{
	const double *x;			/* sorted */
	int64		n;
	int			ncandidates;
	Candidate	candidates[FINE_ROOM];
} Folding;

static bool
same_cut(const MlCut *a, const MlCut *b)
{
	return a->value == b->value && a->before == b->before;
}

static bool
is_below(const MlCut *a, const MlCut *b)
{
	return a->value < b->value || (a->value == b->value && a->before && !b->before);
}

static int64
rows_below(const Folding *f, const MlCut *cut)
{
	int64		low = 0;
	int64		high = f->n;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (f->x[middle] < cut->value || (!cut->before && f->x[middle] == cut->value))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One more candidate, in its place. */
static void
add_candidate(Folding *f, MlCut cut)
{
	int			at = f->ncandidates;

	while (at > 0 && is_below(&cut, &f->candidates[at - 1].cut))
		at--;
	if (at > 0 && same_cut(&cut, &f->candidates[at - 1].cut))
		return;
	memmove(&f->candidates[at + 1], &f->candidates[at], sizeof(Candidate) * (f->ncandidates - at));
	memset(&f->candidates[at], 0, sizeof(Candidate));
	f->candidates[at].cut = cut;
	f->ncandidates++;
}

/* Cuts that few rows lie beyond, or none where the last value is solid. */
static void
add_ends(Folding *f)
{
	const double *x = f->x;
	int64		n = f->n;
	int64		i = MLOPS_FROZEN_LEAST;

	if (n < 2 * MLOPS_FROZEN_LEAST)
		return;
	if (x[i - 1] == x[0])
		add_candidate(f, (MlCut) {x[0], true});
	else
	{
		while (i < n && x[i] == x[i - 1])
			i++;
		if (i < n)
			add_candidate(f, (MlCut) {x[i], true});
	}
	i = n - MLOPS_FROZEN_LEAST;
	if (x[i] == x[n - 1])
		add_candidate(f, (MlCut) {x[n - 1], false});
	else
	{
		while (i > 0 && x[i - 1] == x[i])
			i--;
		if (i > 0)
			add_candidate(f, (MlCut) {x[i - 1], false});
	}
}

static void
find_candidates(Folding *f)
{
	MlCut		cuts[MLOPS_CUTS_ROOM(MLOPS_DRIFT_FINE)];
	int			n = mlops_qbin_cuts((size_t) f->n, f->x, MLOPS_DRIFT_FINE, cuts);
	MlCut		psi[MLOPS_CUTS_ROOM(MLOPS_DRIFT_BINS)];
	int			npsi = mlops_qbin_cuts((size_t) f->n, f->x, MLOPS_DRIFT_BINS, psi);

	for (int i = 0; i < n; i++)
		add_candidate(f, cuts[i]);
	add_ends(f);
	for (int i = 0, at = 0; i < f->ncandidates; i++)
	{
		Candidate  *c = &f->candidates[i];

		c->below = rows_below(f, &c->cut);
		if (at < npsi && same_cut(&psi[at], &c->cut))
		{
			c->is_psi = true;
			at++;
		}
	}
	for (int i = 0; i + 1 < f->ncandidates; i++)
	{
		Candidate  *c = &f->candidates[i];

		if (c[0].cut.value == c[1].cut.value &&
			c[1].below - c[0].below >= MLOPS_FROZEN_LEAST)
			c[0].is_solid = c[1].is_solid = true;
	}
}

/* Between two cuts that stay, keep those that leave enough rows everywhere. */
static void
fold_gap(Folding *f, int first, int end, int64 low, int64 high, bool psi)
{
	for (int i = first; i < end; i++)
	{
		Candidate  *c = &f->candidates[i];

		if (psi && !c->is_psi)
			continue;
		if (c->below - low >= MLOPS_FROZEN_LEAST && high - c->below >= MLOPS_FROZEN_LEAST)
		{
			c->kept = true;
			low = c->below;
		}
	}
}

/*
 * The same among the candidates from first to end, where cuts or nothing lie
 * outside that stay.  psi: only those of PSI.
 */
static void
fold_range(Folding *f, int first, int end, int64 low, int64 high, bool psi)
{
	Candidate  *c = f->candidates;
	bool		may_stay = psi && f->n >= MLOPS_FROZEN_ENOUGH;
	int			left = -1;		/* the last solid one */
	int64		from = low;

	for (int i = first; i < end; i++)
		c[i].kept = c[i].is_solid && (c[i].is_psi || !psi);
	/* few rows beside solid values: one of the two ends goes */
	for (int i = first; i <= end; i++)
	{
		int64		rows;

		if (i < end && !c[i].kept)
			continue;
		rows = (i < end ? c[i].below : high) - from;
		if (rows > 0 && rows < MLOPS_FROZEN_LEAST && !may_stay)
		{
			if (left >= 0)
				c[left].kept = false;
			else if (i < end)
				c[i].kept = false;
		}
		if (i < end)
		{
			from = c[i].below;
			left = i;
		}
	}
	/* the others, where there are rows enough */
	from = low;
	for (int i = first, start = first; i <= end; i++)
	{
		if (i < end && !(c[i].kept && c[i].is_solid))
			continue;
		fold_gap(f, start, i, from, i < end ? c[i].below : high, psi);
		if (i < end)
			from = c[i].below;
		start = i + 1;
	}
}

static void
fold(Folding *f)
{
	int			start = 0;
	int64		low = 0;

	fold_range(f, 0, f->ncandidates, 0, f->n, true);
	for (int i = 0; i < f->ncandidates; i++)
		f->candidates[i].is_psi &= f->candidates[i].kept;
	for (int i = 0; i <= f->ncandidates; i++)
	{
		bool		is_end = i == f->ncandidates;

		if (!is_end && !f->candidates[i].is_psi)
			continue;
		fold_range(f, start, i, low, is_end ? f->n : f->candidates[i].below, false);
		if (!is_end)
			low = f->candidates[i].below;
		start = i + 1;
	}
}

/* Of the numbers between two keys that one which has the most zeros at its end. */
static uint64
shortest_key(uint64 low, uint64 high)
{
	for (int bits = 63; bits > 0; bits--)
	{
		uint64		mask = (UINT64CONST(1) << bits) - 1;
		uint64		up = (low + mask) & ~mask;

		if (up >= low && up <= high)
			return up;
	}
	return low;
}

/* A cut that is nobody's value, if it need not be one. */
static MlCut
shorten(const Folding *f, const Candidate *c)
{
	uint64		low;
	uint64		high;
	MlCut		cut;

	if (c->is_psi || c->is_solid || c->below == 0 || c->below == f->n ||
		!isfinite(f->x[c->below - 1]) || !isfinite(f->x[c->below]))
		return c->cut;
	low = mlops_double_key(f->x[c->below - 1]);
	high = mlops_double_key(f->x[c->below]) - 1;
	cut.value = mlops_key_double(shortest_key(low, Min(high, low + NEARBY))) + 0.0;
	cut.before = false;
	/* the keys around zero: what is not below it is kept as it was */
	return mlops_double_key(cut.value) <= high && mlops_double_key(cut.value) >= low ? cut : c->cut;
}

/* Few rows that have a bin left to themselves are counted next to it. */
static void
hide_few(MlProfile *p)
{
	for (int i = 0; i <= p->ncuts; i++)
	{
		int			to = i > 0 ? i - 1 : i + 1;

		if (p->counts[i] == 0 || p->counts[i] >= MLOPS_FROZEN_LEAST || p->ncuts == 0)
			continue;
		p->counts[to] += p->counts[i];
		p->counts[i] = 0;
	}
}

/*
 * mlops_profile_freeze_numbers - of a feature with numbers
 */
MlProfile *
mlops_profile_freeze_numbers(double *x, int64 n, double *scratch, int64 nulls)
{
	Folding    *f = palloc(sizeof(Folding));
	MlCut		cuts[FINE_ROOM];
	MlCut		psi[MLOPS_CUTS_ROOM(MLOPS_DRIFT_BINS)];
	int			ncuts = 0;
	int			npsi = 0;
	MlProfile  *p;

	mlops_sort_doubles(x, (size_t) n, scratch);
	f->x = x;
	f->n = n;
	f->ncandidates = 0;
	find_candidates(f);
	fold(f);
	for (int i = 0; i < f->ncandidates; i++)
	{
		if (!f->candidates[i].kept)
			continue;
		cuts[ncuts] = shorten(f, &f->candidates[i]);
		if (f->candidates[i].is_psi)
			psi[npsi++] = cuts[ncuts];
		ncuts++;
	}
	p = mlops_profile_with_cuts(cuts, ncuts, psi, npsi);
	mlops_qbin_sorted(ncuts, p->bounds, (size_t) n, x, p->counts);
	hide_few(p);
	p->counts[p->null_slot] = nulls;
	p->sd = mlops_population_sd(n, x);
	pfree(f);
	return p;
}

typedef struct Ranked
{
	MlCategory	category;
	int			code;
} Ranked;

/* Most frequent first, ties by their bytes. */
static int
compare_ranked(const void *a, const void *b)
{
	const MlCategory *x = &((const Ranked *) a)->category;
	const MlCategory *y = &((const Ranked *) b)->category;
	int			order;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	order = memcmp(x->data, y->data, Min(x->len, y->len));
	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/*
 * mlops_profile_freeze_codes - of a feature with categories
 */
MlProfile *
mlops_profile_freeze_codes(const MlCategory *dictionary, int n, int64 other, bool open,
						   int64 nulls, int *top)
{
	Ranked	   *ranked = palloc_extended(sizeof(Ranked) * Max(n, 1), MCXT_ALLOC_HUGE);
	int64		rows = other;
	int			ntop = 0;
	MlProfile  *p;

	for (int i = 0; i < n; i++)
	{
		ranked[i].category = dictionary[i];
		ranked[i].code = i;
		rows += dictionary[i].count;
	}
	qsort(ranked, n, sizeof(Ranked), compare_ranked);
	while (ntop < Min(n, MLOPS_DRIFT_TOP) && ranked[ntop].category.count >= MLOPS_FROZEN_LEAST)
		ntop++;
	for (int i = ntop; i < n; i++)
		other += ranked[i].category.count;
	/* few others: the least frequent of the categories joins them */
	while (other > 0 && other < MLOPS_FROZEN_LEAST && ntop > 0 && rows < MLOPS_FROZEN_ENOUGH)
		other += ranked[--ntop].category.count;
	for (int i = 0; i < ntop; i++)
		top[i] = ranked[i].code;
	p = mlops_profile_with_top(dictionary, n, top, ntop, open);
	for (int i = 0; i < ntop; i++)
		p->counts[i] = ranked[i].category.count;
	if (other > 0 && other < MLOPS_FROZEN_LEAST && ntop > 0)
		p->counts[ntop - 1] += other;
	else
		p->counts[p->other_slot] = other;
	p->counts[p->null_slot] = nulls;
	for (int i = 0; i < ntop; i++)
		p->top[i].count = p->counts[i];
	pfree(ranked);
	return p;
}
