/*-------------------------------------------------------------------------
 *
 * metric_values.c
 *	  From sums to metrics.
 *
 * Definitions are those of scikit-learn 1.2 (sklearn.metrics); docs/metrics.md
 * states each, and where we say "undefined" instead of 0.  Sums of squares and
 * of losses carry their rounding errors; the variance of the truth, which a
 * difference of sums would lose, is updated about the running mean [1].
 *
 * [1] Chan, Golub, LeVeque: Updating Formulae and a Pairwise Algorithm for
 *	   Computing Sample Variances, 1979
 *
 * IDENTIFICATION
 *	  src/model/metric_values.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/metrics.h"

/*
 * mlops_sum_merge - add one compensated sum to another
 */
void
mlops_sum_merge(MlSum *dst, const MlSum *src)
{
	mlops_sum_add(dst, src->s);
	dst->c += src->c;
}

/*
 * mlops_sum_value - what a sum of terms >= 0 amounts to; infinite on overflow
 */
double
mlops_sum_value(const MlSum *sum)
{
	/* once the sum is infinite, its correction is NaN */
	if (!isfinite(sum->s))
		return INFINITY;
	return Max(sum->s + sum->c, 0.0);
}

/*
 * mlops_regression_merge - dst becomes the sums of the rows of both
 */
void
mlops_regression_merge(MlRegressionSums *dst, const MlRegressionSums *src)
{
	double		w = dst->w + src->w;
	double		delta = src->mean - dst->mean;

	if (src->n == 0)
		return;
	if (dst->n == 0)
	{
		*dst = *src;
		return;
	}
	dst->m2 += src->m2 + delta * delta * dst->w * (src->w / w);
	dst->mean += delta * (src->w / w);
	dst->n += src->n;
	dst->w = w;
	mlops_sum_merge(&dst->sq, &src->sq);
	mlops_sum_merge(&dst->abs, &src->abs);
	mlops_sum_merge(&dst->rel, &src->rel);
}

/*
 * mlops_regression_rmse - root of the mean squared error
 */
double
mlops_regression_rmse(const MlRegressionSums *r)
{
	return r->n == 0 ? NAN : sqrt(mlops_sum_value(&r->sq) / r->w);
}

/*
 * mlops_regression_mae - mean absolute error
 */
double
mlops_regression_mae(const MlRegressionSums *r)
{
	return r->n == 0 ? NAN : mlops_sum_value(&r->abs) / r->w;
}

/*
 * mlops_regression_r2 - share of the truth's variance that is explained
 *
 * Undefined on fewer than two rows.  For a constant truth it is 1 when every
 * prediction is exact and else 0.
 */
double
mlops_regression_r2(const MlRegressionSums *r)
{
	double		rss = mlops_sum_value(&r->sq);

	if (r->n < 2)
		return NAN;
	if (!isfinite(rss) || !isfinite(r->m2))
		return INFINITY;
	if (r->m2 <= 0)
		return rss == 0 ? 1 : 0;
	return 1 - rss / r->m2;
}

/*
 * mlops_regression_mape - mean absolute error relative to the truth
 */
double
mlops_regression_mape(const MlRegressionSums *r)
{
	return r->n == 0 ? NAN : mlops_sum_value(&r->rel) / r->w;
}

/*
 * mlops_class_precision - of the rows called it, the share that are it
 */
double
mlops_class_precision(const MlClassTally *t)
{
	return t->predicted > 0 ? t->hit / t->predicted : NAN;
}

/*
 * mlops_class_recall - of the rows that are it, the share called it
 */
double
mlops_class_recall(const MlClassTally *t)
{
	return t->actual > 0 ? t->hit / t->actual : NAN;
}

/*
 * mlops_class_f1 - harmonic mean of precision and recall
 *
 * Written with counts, so that it is 0 and not undefined when a class that
 * occurs is never predicted.
 */
double
mlops_class_f1(const MlClassTally *t)
{
	double		both = t->predicted + t->actual;

	return both > 0 ? 2 * t->hit / both : NAN;
}

/*
 * mlops_class_macro - unweighted mean of a measure over classes
 *
 * As scikit-learn: over the classes that occur in the truth or the
 * predictions, an undefined term counting as 0.
 */
double
mlops_class_macro(const MlClassTally *t, int nclasses,
				  double (*measure) (const MlClassTally *))
{
	MlSum		sum = {0, 0};	/* so that the order of the classes hardly matters */
	int			n = 0;

	for (int i = 0; i < nclasses; i++)
	{
		double		value;

		if (t[i].predicted <= 0 && t[i].actual <= 0)
			continue;
		value = measure(&t[i]);
		if (!isnan(value))
			mlops_sum_add(&sum, value);
		n++;
	}
	return n == 0 ? NAN : mlops_sum_value(&sum) / n;
}

/*
 * mlops_log_loss_one - the loss of one row
 */
double
mlops_log_loss_one(double p)
{
	return -log(Min(Max(p, DBL_EPSILON), 1 - DBL_EPSILON));
}

/*
 * mlops_probability_bin - the bin of a probability, by the edges k * (1 / nbins)
 */
int
mlops_probability_bin(double p, int nbins)
{
	double		step = 1.0 / nbins;
	int			k = (int) ceil(p * nbins) - 1;

	k = Max(Min(k, nbins - 1), 0);
	/* the product above may have rounded across an edge */
	while (k > 0 && p <= k * step)
		k--;
	while (k < nbins - 1 && p > (k + 1) * step)
		k++;
	return k;
}

/*
 * mlops_bins_ece - mean over rows of their bin's distance between the share
 * of positives and the mean probability
 */
double
mlops_bins_ece(const MlBin *bins, int nbins)
{
	double		gap = 0;
	double		w = 0;

	for (int i = 0; i < nbins; i++)
	{
		gap += fabs(bins[i].pos - mlops_sum_value(&bins[i].p));
		w += bins[i].w;
	}
	return w > 0 ? gap / w : NAN;
}
