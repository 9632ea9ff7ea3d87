/*-------------------------------------------------------------------------
 *
 * elementary.c
 *	  exp and log, and the functions of machine learning that are made of them.
 *
 * Models must come out the same on every machine, so these are our own: additions
 * and multiplications in a fixed order, no fused operation (the build says
 * -ffp-contract=off), no table, no call of the C library, which has an exp and
 * a log of other bits for processors with fused operations.
 *
 *		exp(x) = 2^n exp(r),	n = round(x / ln 2),	|r| <= ln(2) / 2
 *
 * n ln 2 is subtracted in two parts, the first with enough trailing zeros
 * that its product with n is exact (Cody, Waite 1980).  exp(r) - 1 - r is r^2
 * times a polynomial of degree 9, the interpolant at the Chebyshev nodes; its
 * error is 1.6e-17 of exp(r), a seventh of an ulp, and that of the result
 * below one ulp.  2^n is multiplied in as two factors, so that the only
 * rounding of a subnormal result is the last one.  Nothing branches, and
 * integers are unsigned 64-bit without signed shifts: that is what lets a
 * compiler make vectors of it with SSE2 alone.
 *
 *		log(2^e m) = e ln 2 + 2 artanh((m - 1) / (m + 1)),	m in [sqrt(1/2), sqrt(2)]
 *
 * IDENTIFICATION
 *	  src/numeric/elementary.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/numeric.h"

#define LOG2_E		0x1.71547652b82fep+0
#define LN2_HIGH	0x1.62e42fee00000p-1	/* 32 bits of ln 2 */
#define LN2_LOW		0x1.a39ef35793c76p-33	/* the rest */
#define SQRT_HALF	0x1.6a09e667f3bcdp-1
#define ROUNDER		0x1.8p+52	/* adding it rounds to an integer */
#define TOO_LARGE	710.0		/* exp overflows before */
#define TOO_SMALL	(-746.0)	/* exp rounds to zero before */

/* (exp(r) - 1 - r) / r^2 = C0 + C1 r + ... on [-ln(2)/2, ln(2)/2] */
#define C0	0x1.0000000000001p-1
#define C1	0x1.5555555555556p-3
#define C2	0x1.5555555553d68p-5
#define C3	0x1.11111111109b5p-7
#define C4	0x1.6c16c17889f3cp-10
#define C5	0x1.a01a01a7c2f2cp-13
#define C6	0x1.a019b914881bap-16
#define C7	0x1.71de0db2eb873p-19
#define C8	0x1.28917c9f3a495p-22
#define C9	0x1.af389eea54156p-26

/* Arrays go through in pieces of this many, so that out may be x and loops still be vectors. */
#define PIECE		64

static inline uint64_t
bits_of(double x)
{
	uint64_t	bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static inline double
of_bits(uint64_t bits)
{
	double		x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* which ? a : b, without the branch that the compiler may make of that */
static inline double
choose(int which, double a, double b)
{
	uint64_t	mask = -(uint64_t) which;

	return of_bits((bits_of(a) & mask) | (bits_of(b) & ~mask));
}

static inline double
exp_inline(double x)
{
	double		shifted,
				n,
				high,
				low,
				r,
				r2,
				r4,
				p;
	uint64_t	biased,
				half;

	/* a NaN fails both comparisons and stays */
	x = choose(x > TOO_LARGE, TOO_LARGE, x);
	x = choose(x < TOO_SMALL, TOO_SMALL, x);

	shifted = x * LOG2_E + ROUNDER;
	n = shifted - ROUNDER;
	high = x - n * LN2_HIGH;
	low = n * LN2_LOW;
	r = high - low;
	r2 = r * r;
	r4 = r2 * r2;
	p = ((C0 + C1 * r) + r2 * (C2 + C3 * r)) +
		r4 * (((C4 + C5 * r) + r2 * (C6 + C7 * r)) + r4 * (C8 + C9 * r));
	p = 1.0 + (high + (r2 * p - low));

	/* n + 2048 is positive; 2^n = 2^(half - 1024) 2^(biased - half - 1024) */
	biased = bits_of(shifted) - bits_of(ROUNDER) + 2048;
	half = biased >> 1;
	p *= of_bits((half - 1) << 52);
	return p * of_bits((biased - half - 1) << 52);
}

static inline double
sigmoid_inline(double x)
{
	double		z = exp_inline(-fabs(x));
	double		top = choose(x < 0, z, 1.0);

	return top / (1.0 + z);
}

/* mlops_exp returns e^x, within one ulp; inf, 0 and NaN where they belong. */
double
mlops_exp(double x)
{
	return exp_inline(x);
}

/* mlops_sigmoid returns 1 / (1 + e^-x) with full relative accuracy on both sides. */
double
mlops_sigmoid(double x)
{
	return sigmoid_inline(x);
}

/*
 * mlops_sigmoid_array sets out[i] to mlops_sigmoid(x[i]), bit for bit; out may
 * be x.
 */
ML_WIDE_VECTORS void
mlops_sigmoid_array(int n, const double *x, double *out)
{
	double		piece[PIECE];

	for (int i = 0; i < n; i += PIECE)
	{
		int			m = n - i < PIECE ? n - i : PIECE;

		for (int j = 0; j < m; j++)
			piece[j] = sigmoid_inline(x[i + j]);
		memcpy(out + i, piece, sizeof(double) * m);
	}
}

/* mlops_exp_array sets out[i] to mlops_exp(x[i]), bit for bit; out may be x. */
ML_WIDE_VECTORS void
mlops_exp_array(int n, const double *x, double *out)
{
	double		piece[PIECE];

	for (int i = 0; i < n; i += PIECE)
	{
		int			m = n - i < PIECE ? n - i : PIECE;

		for (int j = 0; j < m; j++)
			piece[j] = exp_inline(x[i + j]);
		memcpy(out + i, piece, sizeof(double) * m);
	}
}

/*
 * mlops_log returns the natural logarithm, within two ulps; -inf, inf and NaN
 * where they belong.
 */
double
mlops_log(double x)
{
	int			e;
	double		m,
				t,
				t2,
				sum = 0.0;

	if (!(x > 0.0))
		return x == 0.0 ? -INFINITY : NAN;
	if (isinf(x))
		return x;
	m = frexp(x, &e);			/* exact */
	if (m < SQRT_HALF)
	{
		m *= 2.0;
		e--;
	}
	/* the series t + t^3/3 + ..., |t| <= 0.172: the 12th term is below 1e-18 of the first */
	t = (m - 1.0) / (m + 1.0);
	t2 = t * t;
	for (int k = 21; k >= 3; k -= 2)
		sum = (sum + 1.0 / k) * t2;
	return e * LN2_HIGH + (e * LN2_LOW + 2.0 * (t + t * sum));
}

/*
 * mlops_log1pexp returns log(1 + e^x).  Beyond 18 the series
 * x + e^-x - e^-2x / 2 has less error than log1p would, and beyond 37 e^-x is
 * nothing (Maechler: Accurately computing log(1 - exp(-|a|)), 2012).
 */
double
mlops_log1pexp(double x)
{
	if (x <= -37.0)
		return exp_inline(x);
	if (x <= 18.0)
		return log1p(exp_inline(x));
	if (x <= 37.0)
		return x + exp_inline(-x);
	return x;					/* NaN too */
}

/*
 * mlops_softmax replaces z by e^z / sum(e^z).  Infinities: those that are +inf
 * share everything; all -inf is uniform; a NaN makes all NaN.
 */
void
mlops_softmax(int n, double *z)
{
	double		max = -INFINITY,
				sum = 0.0;
	int			i;

	for (i = 0; i < n; i++)
		max = z[i] > max || isnan(z[i]) ? z[i] : max;
	for (i = 0; i < n; i++)
	{
		/* equal infinities have no difference */
		z[i] = z[i] == max ? 1.0 : exp_inline(z[i] - max);
		sum += z[i];
	}
	for (i = 0; i < n; i++)
		z[i] /= sum;
}
