/*-------------------------------------------------------------------------
 *
 * dist.c
 *	  Tail probabilities and quantiles of the normal, t, F and chi-squared
 *	  distributions, with relative accuracy as far as doubles reach.
 *
 * All but the normal are incomplete beta and gamma functions: a power term
 * times a continued fraction (DLMF 8.17.22 and 8.9.2) or series (8.7.1 in the form of
 * 8.5.1), whichever converges fast; the other tail is one minus it, and then
 * not small.  The power terms
 *
 *		x^a (1-x)^b / B(a, b)	and   x^a e^-x / Gamma(a)
 *
 * lose digits to cancellation when a is large and logarithms are subtracted.
 * They are written as a Gaussian-sized factor times exp(-deviance) [1]: with
 * Stirling's formula, Gamma(a) = sqrt(2 pi / a) (a/e)^a e^delta(a), what
 * remains is dev(a, m) = a log(a/m) + m - a, never negative and computed
 * without cancellation.  Arguments x and 1 - x both come from the caller, who
 * has both without subtracting.
 *
 * [1] Loader: Fast and Accurate Computation of Binomial Probabilities, 2000
 * [2] Didonato, Morris: Algorithm 708, Significant Digit Computation of the
 *	   Incomplete Beta Function Ratios, 1992
 *
 * IDENTIFICATION
 *	  src/numeric/dist.c
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>

#include "mlops/numeric.h"

#define TWO_PI		6.283185307179586476925
#define SQRT_TWO_PI 2.506628274631000502416
#define SQRT_HALF	0.707106781186547524401
#define LOG_PI		1.144729885849400174143

#define MAX_TERMS	1000000
#define TINY		1e-290		/* stands for zero in a continued fraction */
#define FAR_TAIL	1e-18		/* x below which 1 + x is 1 in the beta tail */

/* delta(a) = log Gamma(a) - (a - 1/2) log a + a - log(2 pi) / 2 (DLMF 5.11.1) */
static double
stirling_error(double a)
{
	double		sum = 0.0,
				b;

	for (; a < 16.0; a += 1.0)
		sum += (a + 0.5) * log1p(1.0 / a) - 1.0;
	b = 1.0 / (a * a);
	return sum + (1.0 / 12 - b * (1.0 / 360 - b * (1.0 / 1260 -
												   b * (1.0 / 1680 - b * (1.0 / 1188 - b * (691.0 / 360360)))))) / a;
}

/* a log(a / m) + m - a */
static double
deviance(double a, double m)
{
	double		d = a - m;
	double		v,
				v2,
				power,
				sum,
				previous;
	int			k;

	if (fabs(d) > 0.1 * (a + m))
		return a * log(a / m) - d;

	/* with v = (a-m)/(a+m): log(a/m) = 2 atanh(v), and d = v (a+m) */
	v = d / (a + m);
	v2 = v * v;
	sum = d * v;
	power = 2.0 * a * v;
	for (k = 3; k < 100; k += 2)
	{
		power *= v2;
		previous = sum;
		sum += power / k;
		if (sum == previous)
			break;
	}
	return sum;
}

/* x^a y^b / B(a, b), y = 1 - x */
static double
beta_power(double a, double b, double x, double y)
{
	double		n = a + b;

	if (x == 0.0 || y == 0.0)
		return 0.0;
	return sqrt(a * (b / n) / TWO_PI) *
		exp(stirling_error(n) - stirling_error(a) - stirling_error(b)
			- deviance(a, n * x) - deviance(b, n * y));
}

/*
 * I_x(a, b) without its power term: the even part of the continued fraction
 * DLMF 8.17.22, every second step of it [2], by Lentz's method.  Unlike the
 * fraction itself it needs 1 - x only where it does not cancel.  x is not
 * above the mean.
 */
static double
beta_fraction(double a, double b, double x, double y)
{
	double		lambda = a * y - b * x;
	double		f = a * (lambda + 1.0) / (a + 1.0);
	double		c = f,
				d = 0.0;
	int			m;

	for (m = 1; m < MAX_TERMS; m++)
	{
		double		s = a + 2.0 * m;
		double		w = m * (b - m) * x / (s - 1.0);
		double		numerator = w * x * (a + m - 1.0) * ((a + b + m - 1.0) / (s - 1.0));
		double		term = m + w + (a + m) * ((lambda + 1.0 + m * (1.0 + y)) / (s + 1.0));
		double		change;

		d = term + numerator * d;
		d = 1.0 / (fabs(d) < TINY ? TINY : d);
		c = term + numerator / c;
		c = fabs(c) < TINY ? TINY : c;
		change = c * d;
		f *= change;
		if (fabs(change - 1.0) < DBL_EPSILON)
			break;
	}
	return 1.0 / f;
}

/* The regularised incomplete beta function I_x(a, b), y = 1 - x. */
static double
beta_cdf(double a, double b, double x, double y)
{
	if (x <= 0.0)
		return 0.0;
	if (y <= 0.0)
		return 1.0;
	if (x * (a + b + 2.0) <= a + 1.0)
		return beta_power(a, b, x, y) * beta_fraction(a, b, x, y);
	return 1.0 - beta_power(b, a, y, x) * beta_fraction(b, a, y, x);
}

/* mlops_normal_sf2 returns P(|Z| > |z|). */
double
mlops_normal_sf2(double z)
{
	return erfc(fabs(z) * SQRT_HALF);
}

/* mlops_normal_quantile returns z with P(Z < z) = p; -inf at 0, NaN outside [0, 1]. */
double
mlops_normal_quantile(double p)
{
	double		q = p - 0.5;
	double		tail,
				z,
				t;
	int			i;

	if (!(p >= 0.0 && p <= 1.0))
		return NAN;
	if (p == 0.0)
		return -INFINITY;
	if (p == 1.0)
		return INFINITY;

	/* both branches polish a start with Halley's method */
	if (fabs(q) < 0.2)
	{
		z = q * SQRT_TWO_PI;
		for (i = 0; i < 4; i++)
		{
			double		u = (0.5 * erf(z * SQRT_HALF) - q) * SQRT_TWO_PI *
				exp(0.5 * z * z);

			z -= u / (1.0 + 0.5 * z * u);
		}
		return z;
	}

	/* Abramowitz and Stegun 26.2.23, within 4.5e-4 */
	tail = q < 0 ? p : 1.0 - p;
	t = sqrt(-2.0 * log(tail));
	z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
		(1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
	for (i = 0; i < 3; i++)
	{
		double		u = (0.5 * erfc(z * SQRT_HALF) / tail - 1.0) * tail *
			SQRT_TWO_PI * exp(0.5 * z * z);

		z += u / (1.0 - 0.5 * z * u);
	}
	return q < 0 ? -z : z;
}

/*
 * P(|T| > t), t > 0, and in *slope its derivative by log t, negated.  For
 * central values *inner gets P(|T| <= t) without cancellation.  t may have
 * overflowed; its logarithm has not.
 */
static double
t_tail(double t, double log_t, double df, double *inner, double *slope)
{
	double		a = 0.5 * df;
	double		r = sqrt(df) / t;
	double		s = t / sqrt(df);
	double		x = r < 1.0 ? r * r / (1.0 + r * r) : 1.0 / (1.0 + s * s);
	double		y = r < 1.0 ? 1.0 / (1.0 + r * r) : s * s / (1.0 + s * s);

	if (x < FAR_TAIL || isinf(t))
	{
		/* one term is all; x itself may have underflowed */
		double		tail = exp(df * (0.5 * log(df) - log_t) + lgamma(a + 0.5) - lgamma(a) -
							   log(a) - 0.5 * LOG_PI);

		*slope = df * tail;
		*inner = 1.0 - tail;
		return tail;
	}
	*slope = 2.0 * beta_power(a, 0.5, x, y);
	*inner = beta_cdf(0.5, a, y, x);
	return beta_cdf(a, 0.5, x, y);
}

/* mlops_t_sf2 returns P(|T| > |t|); df may be infinite. */
double
mlops_t_sf2(double t, double df)
{
	double		inner,
				slope;

	if (isnan(t) || !(df > 0.0))
		return NAN;
	if (df > 1e300)
		return mlops_normal_sf2(t);
	if (t == 0.0)
		return 1.0;
	if (isinf(t))
		return 0.0;
	return t_tail(fabs(t), log(fabs(t)), df, &inner, &slope);
}

/*
 * mlops_t_quantile returns t with P(T < t) = p: Newton's method for the
 * logarithm of the tail (or of the centre, where that is the smaller) as a function of
 * log t, which is nearly straight, kept inside a shrinking bracket.
 */
double
mlops_t_quantile(double p, double df)
{
	double		q = p - 0.5;
	double		target,
				low = -1e5,
				high = 1e5,
				u;
	bool		central = fabs(q) < 0.25;
	int			i;

	if (!(p >= 0.0 && p <= 1.0) || !(df > 0.0))
		return NAN;
	if (df > 1e300 || p == 0.0 || p == 1.0)
		return mlops_normal_quantile(p);
	if (q == 0.0)
		return 0.0;
	target = 2.0 * (central ? fabs(q) : q < 0 ? p : 1.0 - p);
	u = log(fabs(mlops_normal_quantile(p)));

	for (i = 0; i < 200; i++)
	{
		double		inner,
					slope,
					tail = t_tail(exp(u), u, df, &inner, &slope);
		double		value = central ? inner : tail;
		double		step,
					next;
		bool		too_far = central ? inner > target : tail < target;

		if (too_far)
			high = u;
		else
			low = u;
		step = log(value / target) * value / slope;
		next = central ? u - step : u + step;
		if (!(next > low && next < high))
			next = 0.5 * (low + high);
		if (fabs(next - u) <= 2e-16 * (1.0 + fabs(u)))
		{
			u = next;
			break;
		}
		u = next;
	}
	return copysign(exp(u), q);
}

/* mlops_f_sf returns P(F > f). */
double
mlops_f_sf(double f, double df1, double df2)
{
	double		r;

	if (isnan(f) || !(df1 > 0.0) || !(df2 > 0.0))
		return NAN;
	if (f <= 0.0)
		return 1.0;
	if (isinf(f))
		return 0.0;
	if (df2 > 1e300)
		return mlops_chi2_sf(df1 * f, df1);
	r = df1 * f / df2;
	return beta_cdf(0.5 * df2, 0.5 * df1, 1.0 / (1.0 + r),
					r < 1.0 ? r / (1.0 + r) : 1.0 / (1.0 + 1.0 / r));
}

/* mlops_chi2_sf returns P(chi-squared > x). */
double
mlops_chi2_sf(double x, double df)
{
	double		a = 0.5 * df;
	double		z = 0.5 * x;
	double		power;
	int			k;

	if (isnan(x) || !(df > 0.0))
		return NAN;
	if (x <= 0.0)
		return 1.0;
	if (isinf(x))
		return 0.0;

	/* z^a e^-z / Gamma(a) */
	power = sqrt(a / TWO_PI) * exp(-stirling_error(a) - deviance(a, z));
	if (z < a + 1.0)
	{
		double		term = 1.0 / a,
					sum = term;

		for (k = 1; k < MAX_TERMS && term > sum * (0.5 * DBL_EPSILON); k++)
		{
			term *= z / (a + k);
			sum += term;
		}
		return 1.0 - power * sum;
	}
	else
	{
		double		b = z + 1.0 - a;
		double		c = 1.0 / TINY;
		double		d = 1.0 / b;
		double		h = d;

		for (k = 1; k < MAX_TERMS; k++)
		{
			double		term = -k * (k - a);
			double		change;

			b += 2.0;
			d = term * d + b;
			d = 1.0 / (fabs(d) < TINY ? TINY : d);
			c = b + term / c;
			c = fabs(c) < TINY ? TINY : c;
			change = c * d;
			h *= change;
			if (fabs(change - 1.0) < DBL_EPSILON)
				break;
		}
		return power * h;
	}
}

/*
 * mlops_chi2_quantile returns x with P(chi-squared <= x) = p: Newton's steps
 * from Wilson and Hilferty's cube, kept between bounds that close in.
 */
double
mlops_chi2_quantile(double p, double df)
{
	double		a = 0.5 * df;
	double		low = 0.0;
	double		high = HUGE_VAL;
	double		x;
	int			k;

	if (isnan(p) || p < 0.0 || p > 1.0 || !(df > 0.0))
		return NAN;
	if (p == 0.0)
		return 0.0;
	if (p == 1.0)
		return HUGE_VAL;
	x = 1.0 - 2.0 / (9.0 * df) + mlops_normal_quantile(p) * sqrt(2.0 / (9.0 * df));
	x = x > 0.01 ? df * x * x * x : 1e-6 * df;
	for (k = 0; k < 200; k++)
	{
		double		over = (1.0 - p) - mlops_chi2_sf(x, df);
		double		z = 0.5 * x;
		double		density = 0.5 * sqrt(a / TWO_PI) * exp(-stirling_error(a) - deviance(a, z)) / z;
		double		next;

		/* over > 0: x is beyond the quantile */
		if (over > 0.0)
			high = x;
		else
			low = x;
		next = density > 0.0 ? x - over / density : low;
		if (!(next > low && next < high))
			next = high < HUGE_VAL ? 0.5 * (low + high) : 2.0 * x;
		if (fabs(next - x) <= 4.0 * DBL_EPSILON * x)
			return next;
		x = next;
	}
	return x;
}
