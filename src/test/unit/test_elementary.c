/*-------------------------------------------------------------------------
 *
 * test_elementary.c
 *	  exp in ulps against the C library's long double, and what is made of it.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_elementary.c
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "mlops/numeric.h"

#include "unit.h"

/* |value - expl(x)| in units of the last place of the result */
static double
ulps(double value, double x)
{
	long double exact = expl((long double) x);
	double		near = (double) exact;

	return fabs((double) ((value - exact) / ((long double) nextafter(near, INFINITY) - near)));
}

static void
test_exp(void)
{
	double		worst = 0,
				worst_small = 0,
				worst_subnormal = 0;
	uint64_t	bits;
	double		value;
	int			i;

	for (i = 0; i < 300000; i++)
	{
		double		x = -708.0 + 1417.7 * unit_random();
		double		small = 2.0 * unit_random() - 1.0;
		double		deep = -745.0 + 36.0 * unit_random();

		worst = fmax(worst, ulps(mlops_exp(x), x));
		worst_small = fmax(worst_small, ulps(mlops_exp(small), small));
		worst_subnormal = fmax(worst_subnormal, ulps(mlops_exp(deep), deep));
	}
	CHECK(worst < 1.0);
	CHECK(worst_small < 1.0);
	CHECK(worst_subnormal < 1.0);

	CHECK(mlops_exp(0.0) == 1.0);
	CHECK(mlops_exp(-0.0) == 1.0);
	CHECK(mlops_exp(INFINITY) == INFINITY);
	CHECK(mlops_exp(-INFINITY) == 0.0);
	CHECK(mlops_exp(DBL_MAX) == INFINITY);
	CHECK(mlops_exp(-DBL_MAX) == 0.0);
	CHECK(isnan(mlops_exp(NAN)));
	CHECK(isfinite(mlops_exp(709.78)));
	CHECK(mlops_exp(709.79) == INFINITY);
	CHECK(mlops_exp(-745.2) == 0.0);
	CHECK(mlops_exp(-744.0) > 0.0);
	CHECK(mlops_exp(DBL_MIN) == 1.0);

	/* the same bits on every machine: three of them */
	value = mlops_exp(1.0);
	memcpy(&bits, &value, 8);
	CHECK(bits == UINT64_C(0x4005bf0a8b14576a));
	value = mlops_exp(-0.3);
	memcpy(&bits, &value, 8);
	CHECK(bits == UINT64_C(0x3fe7b4c869c37c05));
	value = mlops_exp(123.456);
	memcpy(&bits, &value, 8);
	CHECK(bits == UINT64_C(0x4b11428e1cbc0143));
}

static void
test_log(void)
{
	double		worst = 0;
	uint64_t	bits;
	double		value;

	for (int i = 0; i < 300000; i++)
	{
		double		x = ldexp(1.0 + unit_random(), (int) (2098 * unit_random()) - 1074);
		double		near = 0.5 + unit_random();
		long double exact = logl((long double) x);

		worst = fmax(worst, fabs((double) ((mlops_log(x) - exact) / exact)));
		exact = logl((long double) near);
		worst = fmax(worst, fabs((double) ((mlops_log(near) - exact) / exact)));
	}
	CHECK(worst < 4e-16);

	CHECK(mlops_log(1.0) == 0.0);
	CHECK(mlops_log(0.0) == -INFINITY);
	CHECK(mlops_log(-0.0) == -INFINITY);
	CHECK(mlops_log(INFINITY) == INFINITY);
	CHECK(isnan(mlops_log(-1.0)));
	CHECK(isnan(mlops_log(NAN)));

	/* the same bits on every machine: three of them */
	value = mlops_log(10.0);
	memcpy(&bits, &value, 8);
	CHECK(bits == UINT64_C(0x40026bb1bbb55516));
	value = mlops_log(0.3);
	memcpy(&bits, &value, 8);
	CHECK(bits == UINT64_C(0xbff34378fcbda721));
	value = mlops_log(5e-324);
	memcpy(&bits, &value, 8);
	CHECK(bits == UINT64_C(0xc0874385446d71c3));
}

static void
test_made_of_exp(void)
{
	double		x[37],
				out[37],
				z[3] = {1000.0, 1001.0, 999.0};
	double		none[2] = {-INFINITY, -INFINITY};
	double		nan[2] = {NAN, 1.0};
	int			n,
				i;

	CHECK(mlops_sigmoid(0.0) == 0.5);
	CHECK(mlops_sigmoid(INFINITY) == 1.0);
	CHECK(mlops_sigmoid(-INFINITY) == 0.0);
	CHECK(isnan(mlops_sigmoid(NAN)));
	CHECK_NEAR(mlops_sigmoid(-40.0), exp(-40.0), 1e-14);
	CHECK_NEAR(mlops_sigmoid(3.0), 0.95257412682243321912, 1e-15);

	for (n = 0; n <= 37; n++)
	{
		for (i = 0; i < n; i++)
			x[i] = 40.0 * unit_random() - 20.0;
		mlops_sigmoid_array(n, x, out);
		for (i = 0; i < n && out[i] == mlops_sigmoid(x[i]); i++)
			;
		CHECK(i == n);
	}
	mlops_sigmoid_array(37, x, x);
	CHECK(memcmp(x, out, sizeof(x)) == 0);

	for (i = -800; i <= 800; i++)
	{
		double		at = i * 0.9 + 0.05;
		long double exact = at > 0 ? at + log1pl(expl(-at)) : log1pl(expl(at));

		CHECK_NEAR(mlops_log1pexp(at), (double) exact, 4e-16);
	}
	CHECK(mlops_log1pexp(1e300) == 1e300);
	CHECK(isnan(mlops_log1pexp(NAN)));

	mlops_softmax(3, z);
	CHECK_NEAR(z[0] + z[1] + z[2], 1.0, 1e-15);
	CHECK_NEAR(z[1] / z[0], exp(1.0), 1e-15);
	mlops_softmax(2, none);
	CHECK(none[0] == 0.5 && none[1] == 0.5);
	mlops_softmax(2, nan);
	CHECK(isnan(nan[0]) && isnan(nan[1]));
}

void
test_elementary(void)
{
	test_exp();
	test_log();
	test_made_of_exp();
}
