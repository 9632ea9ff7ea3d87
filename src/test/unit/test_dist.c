/*-------------------------------------------------------------------------
 *
 * test_dist.c
 *	  Distribution functions against 60-digit arithmetic.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_dist.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "mlops/numeric.h"

#include "unit.h"

#define LENGTH(a)	((int) (sizeof(a) / sizeof((a)[0])))

/*
 * Computed with mpmath 1.3 at 60 digits from the definitions (DLMF 8.17.22,
 * 8.2.4, 7.2.2; quantiles by bisection), and compared with scipy 1.10, which
 * agrees to 1e-12 but for F with large degrees of freedom.  The last column
 * is the value.
 */
static const double t_table[][3] =
{
	{1e-08, 3, 0.99999999264894806},
	{0.1, 1, 0.93654896513889286},
	{1, 1, 0.5},
	{1000000.0, 1, 6.3661977236736914e-7},
	{1e+100, 1.5, 7.5417048640324925e-151},
	{2, 5, 0.10193947882985836},
	{12.5, 5, 5.8133366502197355e-5},
	{100000.0, 10, 2.4609374887207032e-46},
	{2.5, 30, 0.018115649068066694},
	{40.0, 30, 1.3726045194406403e-27},
	{1.96, 1000, 0.050273184955748718},
	{30.0, 1000, 1.5374687444043482e-141},
	{1.5, 1000000.0, 0.13361471823679277},
	{37.0, 1000000.0, 1.8299730861802263e-299},
	{5.0, 0.3, 0.43087106115363667},
};

static const double f_table[][4] =
{
	{1e-06, 1, 5, 0.99924078677219765},
	{1.0, 1, 1, 0.5},
	{3.5, 2, 10, 0.07042962777237426},
	{3.5, 200, 10, 0.016175787505960368},
	{0.5, 50, 50, 0.99212752086344},
	{4.0, 50, 1000000, 7.9033042644381057e-20},
	{330.285339234588, 6, 9, 4.9840305287248105e-10},
	{5436385.54079785, 1, 34, 4.6540408524723434e-90},
	{1.01, 100000, 100000, 0.057827199327154071},
	{100.0, 3, 4.5, 0.00014831335832471867},
	{10000000000.0, 10, 20, 1.02502399720448e-94},
	{30.0, 50, 900, 3.9634322890558214e-157},
};

static const double chi2_table[][3] =
{
	{1e-10, 1, 0.9999920211543921},
	{0.5, 1, 0.47950012218695346},
	{3.84, 1, 0.050043521248705103},
	{1300.0, 1, 1.1303728441492742e-284},
	{5.0, 10, 0.89117801891415124},
	{9.9, 10, 0.44931007475965242},
	{12.1, 10, 0.27841963752277728},
	{700.0, 10, 6.2801466992359499e-144},
	{1000.0, 1000, 0.49405285382923964},
	{1100.0, 1000, 0.014614408126295194},
	{3000.0, 1000, 1.6436845843569543e-198},
	{1001000.0, 1000000, 0.23967680482552136},
	{2.0, 0.1, 0.011523652948539912},
	{30.0, 2, 3.0590232050182579e-7},
};

static const double z_table[][2] =
{
	{0.0, 1.0},
	{1e-09, 0.99999999920211544},
	{0.5, 0.61707507745197379},
	{1.96, 0.049995790296440872},
	{5.0, 5.7330314375838782e-7},
	{10.0, 1.5239706048321052e-23},
	{20.0, 5.5072482372124674e-89},
	{37.0, 1.1451142445049154e-299},
};

static const double zq_table[][2] =
{
	{1e-300, -37.047096299361199},
	{1e-100, -21.273453560965324},
	{1e-20, -9.2623400897984076},
	{1e-05, -4.2648907939228246},
	{0.001, -3.0902323061678135},
	{0.025, -1.9599639845400542},
	{0.2, -0.84162123357291417},
	{0.31, -0.49585034734745333},
	{0.4, -0.25334710313579974},
	{0.4999999999, -2.5066284820303539e-10},
	{0.500001, 2.5066282747057052e-6},
	{0.6, 0.25334710313579974},
	{0.7, 0.52440051270804066},
	{0.75, 0.67448975019608174},
	{0.975, 1.9599639845400539},
	{0.999, 3.0902323061678133},
	{0.9999999999, 6.3613408896974219},
};

static const double tq_table[][3] =
{
	{0.975, 1, 12.706204736174693},
	{0.975, 9, 2.262157162798205},
	{0.975, 34, 2.0322445093177185},
	{0.975, 1000000.0, 1.9599663568141067},
	{0.6, 3, 0.27667066233268985},
	{0.50001, 3, 2.7206990467864819e-5},
	{0.2, 5, -0.91954378024082598},
	{1e-300, 1, -3.1830988618379066e+299},
	{1e-100, 4, -1.3160740129524925e+25},
	{1e-10, 30, -9.3774897804071432},
	{1e-30, 1000, -11.854333104084482},
	{0.9995, 0.5, 411396.46252626201},
	{0.74, 2, 0.77379105626299319},
	{0.76, 2, 0.86094603209227851},
};

static void
test_tables(void)
{
	int			i;

	for (i = 0; i < LENGTH(z_table); i++)
		CHECK_NEAR(mlops_normal_sf2(-z_table[i][0]), z_table[i][1], 1e-12);
	for (i = 0; i < LENGTH(t_table); i++)
		CHECK_NEAR(mlops_t_sf2(t_table[i][0], t_table[i][1]), t_table[i][2], 1e-12);
	for (i = 0; i < LENGTH(f_table); i++)
		CHECK_NEAR(mlops_f_sf(f_table[i][0], f_table[i][1], f_table[i][2]),
				   f_table[i][3], 1e-12);
	for (i = 0; i < LENGTH(chi2_table); i++)
		CHECK_NEAR(mlops_chi2_sf(chi2_table[i][0], chi2_table[i][1]),
				   chi2_table[i][2], 1e-12);
	for (i = 0; i < LENGTH(zq_table); i++)
		CHECK_NEAR(mlops_normal_quantile(zq_table[i][0]), zq_table[i][1], 1e-13);
	for (i = 0; i < LENGTH(tq_table); i++)
		CHECK_NEAR(mlops_t_quantile(tq_table[i][0], tq_table[i][1]),
				   tq_table[i][2], 1e-12);
}

static void
test_edges(void)
{
	CHECK(mlops_normal_sf2(INFINITY) == 0.0);
	CHECK(mlops_normal_quantile(0.0) == -INFINITY);
	CHECK(mlops_normal_quantile(1.0) == INFINITY);
	CHECK(mlops_normal_quantile(0.5) == 0.0);
	CHECK(isnan(mlops_normal_quantile(1.5)));
	CHECK(isnan(mlops_normal_quantile(NAN)));
	CHECK(mlops_t_sf2(0.0, 3) == 1.0);
	CHECK(mlops_t_sf2(-INFINITY, 3) == 0.0);
	CHECK(mlops_t_sf2(-2.0, 3) == mlops_t_sf2(2.0, 3));
	CHECK(isnan(mlops_t_sf2(1.0, 0.0)));
	CHECK(isnan(mlops_t_sf2(NAN, 3)));
	CHECK_NEAR(mlops_t_sf2(1.5, INFINITY), mlops_normal_sf2(1.5), 1e-15);
	CHECK(mlops_t_quantile(0.5, 4) == 0.0);
	CHECK(mlops_t_quantile(0.0, 4) == -INFINITY);
	CHECK(isnan(mlops_t_quantile(0.3, -1)));
	CHECK(mlops_f_sf(0.0, 2, 3) == 1.0);
	CHECK(mlops_f_sf(INFINITY, 2, 3) == 0.0);
	CHECK(isnan(mlops_f_sf(1.0, 0, 3)));
	CHECK(mlops_chi2_sf(-1.0, 2) == 1.0);
	CHECK(mlops_chi2_sf(INFINITY, 2) == 0.0);
	CHECK(isnan(mlops_chi2_sf(NAN, 2)));
	/* two degrees of freedom are an exponential */
	CHECK_NEAR(mlops_chi2_sf(7.0, 2), exp(-3.5), 1e-14);
}

/* Quantile and tail undo each other over a wide grid. */
static void
test_inverse(void)
{
	static const double dfs[] = {0.7, 1, 2, 3.5, 10, 100, 1e4, 1e7};
	int			i,
				e;

	for (i = 0; i < LENGTH(dfs); i++)
		for (e = -250; e <= -1; e += 3)
		{
			double		p = pow(10, e) * 2.3;
			double		t = mlops_t_quantile(p, dfs[i]);

			if (isfinite(t))
				CHECK_NEAR(0.5 * mlops_t_sf2(t, dfs[i]), p, 1e-11);
			else
				CHECK(dfs[i] < 1.0 && p < 1e-200);
		}
}

void
test_dist(void)
{
	test_tables();
	test_edges();
	test_inverse();
}
