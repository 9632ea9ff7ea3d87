/*-------------------------------------------------------------------------
 *
 * profile.c
 *	  The frozen reference of one feature.
 *
 * Numbers have fine bins, of which the bins of PSI are unions: the fine ones
 * are as many times finer as brings them to MLOPS_DRIFT_FINE, so that every
 * quantile of the few is one of the many, and a value frequent enough for a
 * bin of its own among the few is so among the many.  Two more cuts, before
 * the smallest value and after the largest, tell what is out of range.
 *
 * Categories are known by their bytes.  Those without a slot of their own are
 * remembered as hashes, which is what tells a rare one from a new one.
 *
 * IDENTIFICATION
 *	  src/profile/profile.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "lib/qunique.h"
#include "miscadmin.h"

#include "mlops/profile.h"

#define CATEGORY_SEED	UINT64CONST(0x9d1c6a35)

/* Room for what both kinds have. */
static MlProfile *
make_profile(MlProfileKind kind, int nslots)
{
	MlProfile  *p = palloc0(sizeof(MlProfile));

	p->kind = kind;
	p->nslots = nslots;
	p->counts = palloc0(sizeof(int64) * nslots);
	p->bin = palloc0(sizeof(uint16) * nslots);
	return p;
}

/*
 * mlops_profile_with_cuts - a profile of numbers without counts
 */
MlProfile *
mlops_profile_with_cuts(const MlCut *cuts, int ncuts, const MlCut *psi_cuts, int npsi)
{
	MlProfile  *p = make_profile(ML_PROFILE_NUMBER, ncuts + 3);

	p->ncuts = ncuts;
	p->cuts = palloc(sizeof(MlCut) * Max(ncuts, 1));
	memcpy(p->cuts, cuts, sizeof(MlCut) * ncuts);
	p->bounds = palloc(sizeof(uint64) * Max(ncuts, 1));
	mlops_qbin_bounds(ncuts, cuts, p->bounds);
	p->psi_cuts = palloc(sizeof(MlCut) * Max(npsi, 1));
	memcpy(p->psi_cuts, psi_cuts, sizeof(MlCut) * npsi);
	p->nbins = npsi + 2;
	p->null_slot = ncuts + 1;
	p->nan_slot = ncuts + 2;
	mlops_qbin_group(ncuts, cuts, npsi, psi_cuts, p->bin);
	p->bin[p->null_slot] = p->bin[p->nan_slot] = (uint16) (npsi + 1);
	return p;
}

/*
 * mlops_profile_numbers - of a feature with numbers
 */
MlProfile *
mlops_profile_numbers(double *x, int64 n, double *scratch, int64 nulls, int bins)
{
	int			fine = bins * ((MLOPS_DRIFT_FINE + bins - 1) / bins);
	MlCut	   *cuts = palloc(sizeof(MlCut) * (MLOPS_CUTS_ROOM(fine) + 2));
	MlCut	   *psi_cuts = palloc(sizeof(MlCut) * MLOPS_CUTS_ROOM(bins));
	MlProfile  *p;
	int64		kept = 0;
	int			ncuts;
	int			npsi;

	for (int64 i = 0; i < n; i++)
		if (!isnan(x[i]))
			x[kept++] = x[i];
	mlops_sort_doubles(x, (size_t) kept, scratch);
	ncuts = mlops_qbin_cuts((size_t) kept, x, fine, cuts);
	npsi = mlops_qbin_cuts((size_t) kept, x, bins, psi_cuts);
	if (kept > 0 && (ncuts == 0 || !cuts[0].before || cuts[0].value != x[0]))
	{
		memmove(cuts + 1, cuts, sizeof(MlCut) * ncuts++);
		cuts[0].value = x[0];
		cuts[0].before = true;
	}
	if (kept > 0 && (cuts[ncuts - 1].before || cuts[ncuts - 1].value != x[kept - 1]))
	{
		cuts[ncuts].value = x[kept - 1];
		cuts[ncuts++].before = false;
	}
	p = mlops_profile_with_cuts(cuts, ncuts, psi_cuts, npsi);
	mlops_qbin_sorted(ncuts, p->bounds, (size_t) kept, x, p->counts);
	p->counts[p->null_slot] = nulls;
	p->counts[p->nan_slot] = n - kept;
	p->sd = mlops_population_sd(kept, x);
	pfree(cuts);
	pfree(psi_cuts);
	return p;
}

static int
compare_category(const void *a, const void *b)
{
	const MlCategory *x = a;
	const MlCategory *y = b;
	int			order;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	order = memcmp(x->data, y->data, Min(x->len, y->len));
	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static int
compare_known(const void *a, const void *b)
{
	const MlKnown *x = a;
	const MlKnown *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static int
same_hash(const void *a, const void *b)
{
	return ((const MlKnown *) a)->hash != ((const MlKnown *) b)->hash;
}

static uint64
category_hash(const char *data, int len)
{
	return mlops_hash_bytes(data, (size_t) len, CATEGORY_SEED);
}

/* A profile of categories with so many slots of their own, all else empty. */
static MlProfile *
make_categories(int ntop, int room)
{
	MlProfile  *p = make_profile(ML_PROFILE_CATEGORY, ntop + 3);

	for (int i = 0; i < p->nslots; i++)
		p->bin[i] = (uint16) i;
	p->nbins = p->nslots;
	p->sd = NAN;
	p->ntop = ntop;
	p->top = palloc0(sizeof(MlCategory) * Max(ntop, 1));
	p->other_slot = ntop;
	p->new_slot = ntop + 1;
	p->null_slot = p->nan_slot = ntop + 2;
	p->known = palloc(sizeof(MlKnown) * Max(room, 1));
	return p;
}

/* Two of one hash are one; the frequent one has the lower slot and stays. */
static void
sort_known(MlProfile *p)
{
	qsort(p->known, p->nknown, sizeof(MlKnown), compare_known);
	p->nknown = (int) qunique(p->known, p->nknown, sizeof(MlKnown), same_hash);
}

/*
 * mlops_profile_categories - of a feature with categories
 */
MlProfile *
mlops_profile_categories(MlCategory *categories, int n, int64 nulls)
{
	int			ntop = Min(n, MLOPS_DRIFT_TOP);
	int			keep = Min(n, ntop + MLOPS_DRIFT_KNOWN);
	MlProfile  *p = make_categories(ntop, keep);

	qsort(categories, n, sizeof(MlCategory), compare_category);
	for (int i = 0; i < n; i++)
	{
		int			slot = Min(i, p->other_slot);

		p->counts[slot] += categories[i].count;
		if (i < ntop)
			p->top[i] = categories[i];
		if (i < keep)
		{
			p->known[i].hash = category_hash(categories[i].data, categories[i].len);
			p->known[i].slot = slot;
		}
	}
	p->nknown = keep;
	p->forgot = keep < n;
	p->counts[p->null_slot] = nulls;
	sort_known(p);
	return p;
}

/*
 * mlops_profile_with_top - a profile of categories without counts
 */
MlProfile *
mlops_profile_with_top(const MlCategory *dictionary, int n, const int *top, int ntop, bool open)
{
	bool		remembers = n <= MLOPS_DRIFT_TOP + MLOPS_DRIFT_KNOWN;
	MlProfile  *p = make_categories(ntop, remembers ? n : ntop);

	p->forgot = open || !remembers;
	for (int i = 0; i < ntop; i++)
	{
		const MlCategory *c = &dictionary[top[i]];

		p->top[i] = *c;
		p->known[p->nknown].hash = category_hash(c->data, c->len);
		p->known[p->nknown++].slot = i;
	}
	for (int i = 0; i < n && remembers; i++)
	{
		bool		is_top = false;

		for (int t = 0; t < ntop && !is_top; t++)
			is_top = top[t] == i;
		if (is_top)
			continue;
		p->known[p->nknown].hash = category_hash(dictionary[i].data, dictionary[i].len);
		p->known[p->nknown++].slot = p->other_slot;
	}
	sort_known(p);
	return p;
}

/*
 * mlops_profile_slot - of a category
 */
int
mlops_profile_slot(const MlProfile *p, const char *data, int len)
{
	uint64		hash = category_hash(data, len);
	int			low = 0;
	int			high = p->nknown;
	int			slot;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (p->known[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == p->nknown || p->known[low].hash != hash)
		return p->forgot ? p->other_slot : p->new_slot;
	slot = p->known[low].slot;
	if (slot < p->ntop &&
		(p->top[slot].len != len || memcmp(p->top[slot].data, data, len) != 0))
		return p->new_slot;
	return slot;
}

/*
 * mlops_profile_count - add numbers to counts
 */
void
mlops_profile_count(const MlProfile *p, const double *x, int64 n, int64 *counts)
{
	counts[p->nan_slot] += mlops_qbin_values(p->ncuts, p->bounds, (size_t) n, x, counts);
}

/*
 * mlops_counts_add - the counts of both
 */
void
mlops_counts_add(int64 *dst, const int64 *src, int n)
{
	for (int i = 0; i < n; i++)
		if (unlikely(pg_add_s64_overflow(dst[i], src[i], &dst[i])))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("number of rows of a window is out of range")));
}

/*
 * mlops_profile_bins - the bins of PSI
 */
void
mlops_profile_bins(const MlProfile *p, const int64 *counts, int64 *bins)
{
	memset(bins, 0, sizeof(int64) * p->nbins);
	for (int i = 0; i < p->nslots; i++)
		bins[p->bin[i]] += counts[i];
}
