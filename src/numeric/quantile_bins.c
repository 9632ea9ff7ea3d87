/*-------------------------------------------------------------------------
 *
 * quantile_bins.c
 *	  Bins of a frozen reference, and counts of values in them.
 *
 * Bins are closed on the right and end at quantiles of the reference, each of
 * them one of its values: that of rank ceil(n j / B), as percentile_disc has
 * it.  A value that is at least a B-th of the reference gets a bin of its own,
 * with a cut before and a cut after it; otherwise all that lies below a
 * constant would fall into the constant's bin, and a fall would go unseen.
 * The bins at the ends are open.
 *
 * To find a bin, a cut is one number: a value is above it if its key is.  The
 * cut after v is v's key, the cut before v the key below, which is no other
 * value's unless it is -0.0's, and that one is never asked for.
 *
 * IDENTIFICATION
 *	  src/numeric/quantile_bins.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/numeric.h"

#define TICK_EVERY	65536

/* How many of sorted values are less than the value, or equal to it; at least low, at most high. */
static size_t
count_below(const double *sorted, size_t low, size_t high, double value, bool or_equal)
{
	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (sorted[middle] < value || (or_equal && sorted[middle] == value))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * mlops_qbin_cuts - how many cuts the sorted values give; ascending
 *
 * Only the values at quantiles are looked at, and the last: a value that n /
 * bins or more are equal to is at one of these places.
 */
int
mlops_qbin_cuts(size_t n, const double *sorted, int bins, MlCut *cuts)
{
	size_t		stop = 0;		/* values up to here have their cuts */
	int			ncuts = 0;

	for (uint64_t j = 1; n > 0 && j <= (uint64_t) bins; j++)
	{
		size_t		place = (size_t) ((n * j + (uint64_t) bins - 1) / (uint64_t) bins);
		size_t		start;
		double		value;
		bool		is_atom;

		if (place <= stop)
			continue;
		value = sorted[place - 1];
		start = count_below(sorted, stop, place - 1, value, false);
		stop = count_below(sorted, place, n, value, true);
		value = sorted[start];
		is_atom = (stop - start) * (uint64_t) bins >= n;
		if (is_atom)
		{
			cuts[ncuts].value = value;
			cuts[ncuts++].before = true;
		}
		if (is_atom || j < (uint64_t) bins)
		{
			cuts[ncuts].value = value;
			cuts[ncuts++].before = false;
		}
	}
	return ncuts;
}

/*
 * mlops_qbin_bounds - the cuts as numbers that keys are compared with
 */
void
mlops_qbin_bounds(int ncuts, const MlCut *cuts, uint64_t *bounds)
{
	int			i;

	for (i = 0; i < ncuts; i++)
		bounds[i] = mlops_double_key(cuts[i].value) - (cuts[i].before ? 1 : 0);
}

/*
 * mlops_qbin_values - add values to counts of the nbounds + 1 bins
 *
 * Returns how many were NaN, which no bin has.
 */
int64_t
mlops_qbin_values(int nbounds, const uint64_t *bounds, size_t n, const double *x,
				 int64_t *counts)
{
	int64_t		nans = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (x[i] != x[i])
			nans++;
		else
			counts[mlops_qbin_of(nbounds, bounds, x[i])]++;
		if (mlops_numeric_tick && (i + 1) % TICK_EVERY == 0)
			mlops_numeric_tick();
	}
	return nans;
}

/*
 * mlops_qbin_sorted - the same of values in ascending order, by searching for
 * the cuts
 */
void
mlops_qbin_sorted(int nbounds, const uint64_t *bounds, size_t n, const double *sorted,
				 int64_t *counts)
{
	size_t		before = 0;
	int			b;

	for (b = 0; b < nbounds; b++)
	{
		size_t		low = before,
					high = n;

		while (low < high)
		{
			size_t		middle = low + (high - low) / 2;

			if (mlops_double_key(sorted[middle]) <= bounds[b])
				low = middle + 1;
			else
				high = middle;
		}
		counts[b] += (int64_t) (low - before);
		before = low;
	}
	counts[nbounds] += (int64_t) (n - before);
}

/*
 * mlops_qbin_group - which of the coarse bins each of the fine bins is part of
 *
 * Every coarse cut must be one of the fine cuts.
 */
void
mlops_qbin_group(int nfine, const MlCut *fine, int ncoarse, const MlCut *coarse,
				uint16_t *group)
{
	int			at = 0;
	int			i;

	group[0] = 0;
	for (i = 0; i < nfine; i++)
	{
		if (at < ncoarse && coarse[at].value == fine[i].value &&
			coarse[at].before == fine[i].before)
			at++;
		group[i + 1] = (uint16_t) at;
	}
}
