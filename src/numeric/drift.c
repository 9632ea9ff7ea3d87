/*-------------------------------------------------------------------------
 *
 * drift.c
 *	  How far two vectors of counts are apart, and what chance would do.
 *
 * Shares are counts by the total of all bins, that of missing values included
 * where the caller has one.  Without any rows on either side there is no
 * value, and the result is NaN: no data must not read as no drift.
 *
 * IDENTIFICATION
 *	  src/numeric/drift.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/numeric.h"

static double
total(int nbins, const int64_t *counts)
{
	int64_t		sum = 0;
	int			i;

	for (i = 0; i < nbins; i++)
		sum += counts[i];
	return (double) sum;
}

/*
 * mlops_psi - population stability index: sum of (c - r) ln(c / r)
 *
 * Shares below epsilon count as epsilon, not only those that are 0, so that
 * one row less never says less drift.  They are not made to add up to one
 * again.  A bin that nobody uses adds nothing.
 */
double
mlops_psi(int nbins, const int64_t *ref, const int64_t *cur, double epsilon, double *parts)
{
	double		n = total(nbins, ref);
	double		m = total(nbins, cur);
	double		sum = 0.0;
	int			i;

	for (i = 0; i < nbins; i++)
	{
		double		r = fmax((double) ref[i] / n, epsilon);
		double		c = fmax((double) cur[i] / m, epsilon);
		double		part = ref[i] == 0 && cur[i] == 0 ? 0.0 : (c - r) * log(c / r);

		if (parts)
			parts[i] = n > 0.0 && m > 0.0 ? part : NAN;
		sum += part;
	}
	return n > 0.0 && m > 0.0 ? sum : NAN;
}

/*
 * mlops_psi_noise - what PSI of samples of n and m rows exceeds by chance with
 * probability 1 - level, used being the number of bins that either has rows in
 *
 * Without drift, PSI / (1/n + 1/m) is nearly chi-squared.
 */
double
mlops_psi_noise(int used, double n, double m, double level)
{
	if (!(n > 0.0) || !(m > 0.0))
		return NAN;
	if (used < 2)
		return 0.0;
	return mlops_chi2_quantile(level, used - 1) * (1.0 / n + 1.0 / m);
}

/*
 * mlops_qbin_used - bins that either side has rows in
 */
int
mlops_qbin_used(int nbins, const int64_t *ref, const int64_t *cur)
{
	int			used = 0;
	int			i;

	for (i = 0; i < nbins; i++)
		used += ref[i] != 0 || cur[i] != 0;
	return used;
}

/*
 * mlops_distances - Jensen-Shannon, Hellinger, total variation, largest
 * difference
 *
 * The first two are written as sums of squares or of terms that are each
 * nearly one, so that equal shares give 0 and not the root of a rounding
 * error.
 */
void
mlops_distances(int nbins, const int64_t *ref, const int64_t *cur, MlDistances *out)
{
	double		n = total(nbins, ref);
	double		m = total(nbins, cur);
	double		js = 0.0,
				hellinger = 0.0;
	int			i;

	out->js = out->hellinger = out->tvd = out->l_infinity = NAN;
	if (!(n > 0.0) || !(m > 0.0))
		return;
	out->tvd = out->l_infinity = 0.0;
	for (i = 0; i < nbins; i++)
	{
		double		r = (double) ref[i] / n;
		double		c = (double) cur[i] / m;
		double		root = sqrt(r) - sqrt(c);
		double		off = (c - r) / (r + c);

		if (r == c)
			continue;
		/* r / mean = 1 - off, c / mean = 1 + off */
		if (r > 0.0)
			js += r * log1p(-off);
		if (c > 0.0)
			js += c * log1p(off);
		hellinger += root * root;
		out->tvd += 0.5 * fabs(r - c);
		out->l_infinity = fmax(out->l_infinity, fabs(r - c));
	}
	js *= 0.5 / log(2.0);
	out->js = js > 0.0 ? sqrt(fmin(js, 1.0)) : 0.0;
	out->hellinger = sqrt(fmin(0.5 * hellinger, 1.0));
}

/*
 * mlops_ks_bracket - bounds of D from counts in bins
 *
 * At the cuts the difference is known, which gives the lower bound.  Inside a
 * bin F and G both stay between their values at its ends.  A bin of one value
 * has no inside.  Bins of missing values are not to be among them.
 */
void
mlops_ks_bracket(int nbins, const MlCut *cuts, const int64_t *ref, const int64_t *cur,
				 double *low, double *high)
{
	double		n = total(nbins, ref);
	double		m = total(nbins, cur);
	int64_t		r = 0,
				c = 0;
	int			i;

	*low = *high = NAN;
	if (!(n > 0.0) || !(m > 0.0))
		return;
	*low = *high = 0.0;
	for (i = 0; i < nbins; i++)
	{
		double		f0 = (double) r / n;
		double		g0 = (double) c / m;
		double		f1,
					g1;

		r += ref[i];
		c += cur[i];
		f1 = (double) r / n;
		g1 = (double) c / m;
		*low = fmax(*low, fabs(f1 - g1));
		if (cuts && i > 0 && i < nbins - 1 && cuts[i - 1].value == cuts[i].value)
			continue;
		*high = fmax(*high, fmax(fabs(f1 - g0), fabs(f0 - g1)));
	}
	*high = fmax(*high, *low);
}

/* Integral of |a line| from "from" to "to" over a unit. */
static double
line_area(double from, double to)
{
	if (from * to >= 0.0)
		return 0.5 * fabs(from + to);
	return 0.5 * (from * from + to * to) / (fabs(from) + fabs(to));
}

/*
 * mlops_wasserstein_binned - Wasserstein-1 from counts, as if each bin's
 * values were spread evenly and those of the end bins stood at the cut
 *
 * NaN when a cut is infinite, or there are not two of them.
 */
double
mlops_wasserstein_binned(int nbins, const MlCut *cuts, const int64_t *ref, const int64_t *cur)
{
	double		n = total(nbins, ref);
	double		m = total(nbins, cur);
	double		sum = 0.0,
				apart;
	int64_t		r,
				c;
	int			i;

	if (!(n > 0.0) || !(m > 0.0) || nbins < 3)
		return NAN;
	r = ref[0];
	c = cur[0];
	apart = (double) r / n - (double) c / m;
	for (i = 1; i < nbins - 1; i++)
	{
		double		was = apart;
		double		width = cuts[i].value - cuts[i - 1].value;

		r += ref[i];
		c += cur[i];
		apart = (double) r / n - (double) c / m;
		if (width > 0.0)
			sum += width * line_area(was, apart);
	}
	return isfinite(sum) ? sum : NAN;
}

/*
 * mlops_chi2_homogeneity - Pearson's test that both rows of counts have the
 * same shares; no correction for continuity; bins that nobody uses left out
 */
void
mlops_chi2_homogeneity(int nbins, const int64_t *ref, const int64_t *cur, MlChi2 *out)
{
	double		n = total(nbins, ref);
	double		m = total(nbins, cur);
	double		sum = 0.0;
	int			used = 0;
	int			i;

	out->statistic = out->p = NAN;
	out->df = 0;
	out->sparse = false;
	if (!(n > 0.0) || !(m > 0.0))
		return;
	for (i = 0; i < nbins; i++)
	{
		double		both = (double) ref[i] + (double) cur[i];
		double		r = both * (n / (n + m));
		double		c = both * (m / (n + m));
		double		off = (double) ref[i] - r;

		if (both == 0.0)
			continue;
		used++;
		sum += off * off / r + off * off / c;
		if (r < MLOPS_CHI2_MIN_EXPECTED || c < MLOPS_CHI2_MIN_EXPECTED)
			out->sparse = true;
	}
	out->df = used > 1 ? used - 1 : 0;
	out->statistic = used > 1 ? sum : 0.0;
	out->p = used > 1 ? mlops_chi2_sf(sum, used - 1) : 1.0;
}

/*
 * mlops_two_proportions - P of shares hit1 / n1 and hit2 / n2 as far apart, both
 * sides, by the pooled normal approximation; *z is positive when the second is
 * larger
 */
double
mlops_two_proportions(int64_t hit1, int64_t n1, int64_t hit2, int64_t n2, double *z)
{
	double		n = (double) n1;
	double		m = (double) n2;
	double		pooled = ((double) hit1 + (double) hit2) / (n + m);
	double		error;

	*z = NAN;
	if (n1 <= 0 || n2 <= 0)
		return NAN;
	error = sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m));
	*z = error > 0.0 ? ((double) hit2 / m - (double) hit1 / n) / error : 0.0;
	return mlops_normal_sf2(*z);
}

/*
 * mlops_adjust_bonferroni - p times their number, at most 1; NaN are no tests
 */
void
mlops_adjust_bonferroni(int n, const double *p, double *adjusted)
{
	int			tests = 0;
	int			i;

	for (i = 0; i < n; i++)
		tests += !isnan(p[i]);
	for (i = 0; i < n; i++)
		adjusted[i] = isnan(p[i]) ? NAN : fmin(1.0, p[i] * tests);
}

/* Sink the entry at "at" of a heap with the largest p at its root. */
static void
sink(uint32_t *order, const double *p, uint32_t n, uint32_t at)
{
	uint32_t	moved = order[at];
	uint32_t	child;

	for (; (child = 2 * at + 1) < n; at = child)
	{
		if (child + 1 < n && p[order[child + 1]] > p[order[child]])
			child++;
		if (p[order[child]] <= p[moved])
			break;
		order[at] = order[child];
	}
	order[at] = moved;
}

/*
 * mlops_adjust_bh - Benjamini and Hochberg: the smallest false discovery rate
 * at which each test is rejected; NaN are no tests; order has room for n
 */
void
mlops_adjust_bh(int n, const double *p, double *adjusted, uint32_t *order)
{
	uint32_t	tests = 0;
	uint32_t	left;
	double		least = 1.0;
	int			i;

	for (i = 0; i < n; i++)
	{
		adjusted[i] = NAN;
		if (!isnan(p[i]))
			order[tests++] = (uint32_t) i;
	}
	for (left = tests / 2; left > 0; left--)
		sink(order, p, tests, left - 1);

	/* from the largest down */
	for (left = tests; left > 0; left--)
	{
		uint32_t	largest = order[0];

		least = fmin(least, p[largest] * tests / left);
		adjusted[largest] = least;
		order[0] = order[left - 1];
		sink(order, p, left - 1, 0);
	}
}

/*
 * mlops_cbpe_add - one more prediction of a class that is right with
 * probability p if positive, 1 - p if not
 */
void
mlops_cbpe_add(MlCbpe *sums, double p, bool positive)
{
	if (positive)
	{
		sums->tp += p;
		sums->fp += 1.0 - p;
	}
	else
	{
		sums->fn += p;
		sums->tn += 1.0 - p;
	}
}

static double
ratio(double part, double whole)
{
	return whole > 0.0 ? part / whole : NAN;
}

/*
 * mlops_cbpe_rates - what the expected confusion matrix makes
 */
void
mlops_cbpe_rates(const MlCbpe *sums, MlCbpeRates *out)
{
	out->accuracy = ratio(sums->tp + sums->tn, sums->tp + sums->fp + sums->fn + sums->tn);
	out->precision = ratio(sums->tp, sums->tp + sums->fp);
	out->recall = ratio(sums->tp, sums->tp + sums->fn);
	out->specificity = ratio(sums->tn, sums->tn + sums->fp);
	out->f1 = ratio(2.0 * sums->tp, 2.0 * sums->tp + sums->fp + sums->fn);
}

/*
 * mlops_cbpe_auc - expected area under the curve, from rows by ascending score
 * with their probabilities; rows of one score are taken together
 */
double
mlops_cbpe_auc(size_t n, const double *score, const double *p)
{
	double		below = 0.0,
				positive = 0.0,
				area = 0.0;
	size_t		start,
				stop;

	for (start = 0; start < n; start = stop)
	{
		double		hit = 0.0,
					miss = 0.0;

		for (stop = start; stop < n && score[stop] == score[start]; stop++)
		{
			hit += p[stop];
			miss += 1.0 - p[stop];
		}
		area += hit * (below + 0.5 * miss);
		below += miss;
		positive += hit;
	}
	return ratio(area, positive * below);
}
