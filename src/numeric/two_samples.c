/*-------------------------------------------------------------------------
 *
 * two_samples.c
 *	  Two samples of numbers: Kolmogorov-Smirnov, Wasserstein.
 *
 * With F and G the shares of n and m values that are at most x, D is the
 * largest |F - G|, looked at where both have passed all values equal to x.
 * n m D is a whole number and kept as one, so that the exact P need not guess
 * which D counts as equal.
 *
 * IDENTIFICATION
 *	  src/numeric/two_samples.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/numeric.h"

#define PI			3.14159265358979323846
#define TICK_EVERY	65536

/* As far as both samples have been passed. */
typedef struct Walk
{
	double		at;				/* the value passed last */
	double		scale;			/* 1 / (n m) */
	double		area;
	int64_t		apart;			/* n m (F - G) */
	int64_t		most;
} Walk;

/* Come to the next value, which may be equal to the last one. */
static inline void
walk_to(Walk *w, double next)
{
	int64_t		apart = w->apart < 0 ? -w->apart : w->apart;

	/* where F = G there is no area, even before infinity */
	if (next > w->at && apart != 0)
	{
		w->most = apart > w->most ? apart : w->most;
		w->area += (double) apart * w->scale * (next - w->at);
	}
	w->at = next;
}

/*
 * mlops_two_samples - compare sorted samples
 */
void
mlops_two_samples(int64_t n, const double *x, int64_t m, const double *y, MlTwoSamples *out)
{
	Walk		w = {0};
	int64_t		i = 0,
				j = 0;

	out->n = n;
	out->m = m;
	out->steps = 0;
	out->d = out->wasserstein = NAN;
	if (n <= 0 || m <= 0)
		return;
	w.at = x[0] < y[0] ? x[0] : y[0];
	w.scale = 1.0 / ((double) n * (double) m);
	while (i < n && j < m)
	{
		double		a = x[i];
		double		b = y[j];
		int64_t		from_x = a <= b;
		int64_t		from_y = b <= a;

		walk_to(&w, from_x ? a : b);
		w.apart += (m & -from_x) - (n & -from_y);
		i += from_x;
		j += from_y;
		if (mlops_numeric_tick && ((i + j) & (TICK_EVERY - 1)) == 0)
			mlops_numeric_tick();
	}
	for (; i < n; i++, w.apart += m)
		walk_to(&w, x[i]);
	for (; j < m; j++, w.apart -= n)
		walk_to(&w, y[j]);
	out->steps = w.most;
	out->d = (double) w.most / ((double) n * (double) m);
	if (isfinite(w.area))
		out->wasserstein = w.area;
}

/*
 * mlops_ks_exact - P of n m D reaching steps, were all n + m values different
 * and in random order
 *
 * The order of the values is a path from (0, 0) to (n, m), all equally likely.
 * Each path is counted where it first reaches a point that far from the
 * diagonal: a sum of positive terms, exact in relative terms however small.
 */
double
mlops_ks_exact(int64_t n, int64_t m, int64_t steps, double *work)
{
	int64_t		rows = n > m ? n : m;
	int64_t		columns = n > m ? m : n;
	int64_t		first = 0;		/* no path is left before it */
	double		reached = 0.0;
	int64_t		i,
				j;

	if (steps <= 0)
		return 1.0;
	memset(work, 0, (size_t) (columns + 1) * sizeof(double));
	for (i = 0; i <= rows; i++)
	{
		for (j = first; j <= columns; j++)
		{
			int64_t		apart = i * columns - j * rows;
			double		mass = i == 0 && j == 0 ? 1.0 : 0.0;

			if (i > 0)
				mass += work[j] * (double) (rows - i + 1);
			if (j > first)
				mass += work[j - 1] * (double) (columns - j + 1);
			if (i + j > 0)
				mass /= (double) (rows + columns - i - j + 1);
			if (apart < steps && apart > -steps)
			{
				work[j] = mass;
				continue;
			}
			work[j] = 0.0;
			reached += mass;
			if (apart <= -steps)
				break;			/* no path came further */
			first = j + 1;
		}
		if (mlops_numeric_tick && i % 64 == 63)
			mlops_numeric_tick();
	}
	return reached < 1.0 ? reached : 1.0;
}

/*
 * mlops_kolmogorov_sf - the limit of P(sqrt(n m / (n + m)) D > x): 2 sum over
 * k of (-1)^(k-1) exp(-2 k^2 x^2), or for small x the theta function's other
 * side
 */
double
mlops_kolmogorov_sf(double x)
{
	double		sum = 0.0;
	int			k;

	if (isnan(x))
		return NAN;
	if (x <= 0.0)
		return 1.0;
	if (x < 1.0)
	{
		double		step = PI * PI / (8.0 * x * x);

		for (k = 1; k <= 9; k += 2)
			sum += exp(-step * k * k);
		return 1.0 - sqrt(2.0 * PI) / x * sum;
	}
	for (k = 5; k >= 1; k--)
		sum = exp(-2.0 * k * k * x * x) - sum;
	return 2.0 * sum;
}

/*
 * mlops_ks_stephens - the limit, at an argument that makes it good for few
 * values already (Stephens 1970; Numerical Recipes, 14.3.3)
 */
double
mlops_ks_stephens(double d, double n, double m)
{
	double		root = sqrt(n / (n + m) * m);

	return mlops_kolmogorov_sf((root + 0.12 + 0.11 / root) * d);
}

/*
 * mlops_ks_p - exact where that is cheap
 */
double
mlops_ks_p(const MlTwoSamples *two, double *work)
{
	if (isnan(two->d))
		return NAN;
	if (mlops_ks_is_exact(two->n, two->m))
		return mlops_ks_exact(two->n, two->m, two->steps, work);
	return mlops_ks_stephens(two->d, (double) two->n, (double) two->m);
}

/*
 * mlops_population_sd - root of the mean squared deviation from the mean; not
 * finite if any value or sum is not
 */
double
mlops_population_sd(int64_t n, const double *x)
{
	double		mean = 0.0,
				sum = 0.0,
				off = 0.0;
	int64_t		i;

	if (n <= 0)
		return NAN;
	for (i = 0; i < n; i++)
		mean += x[i];
	mean /= (double) n;
	for (i = 0; i < n; i++)
	{
		double		d = x[i] - mean;

		sum += d * d;
		off += d;
	}
	/* the second term makes up for the mean's rounding */
	sum -= off * off / (double) n;
	return sum <= 0.0 ? 0.0 : sqrt(sum / (double) n);
}

/*
 * mlops_wasserstein_scaled - in standard deviations of the reference, NaN if
 * either is not finite
 */
double
mlops_wasserstein_scaled(double wasserstein, double sd)
{
	double		scaled;

	if (!isfinite(wasserstein) || !isfinite(sd))
		return NAN;
	scaled = wasserstein / (sd > MLOPS_DRIFT_MIN_SD ? sd : MLOPS_DRIFT_MIN_SD);
	return isfinite(scaled) ? scaled : NAN;
}
