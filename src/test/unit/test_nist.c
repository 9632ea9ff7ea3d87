/*-------------------------------------------------------------------------
 *
 * test_nist.c
 *	  Least squares against NIST's certified values.
 *
 * Data and values: NIST/ITL Statistical Reference Datasets, linear
 * regression: Norris, Longley, Wampler1 to 5, Filip
 * (https://www.itl.nist.gov/div898/strd/lls/lls.shtml).  Each set is fitted in
 * one piece, row by row, in merged pieces, and repeated so often that the
 * Cholesky path does the work; a repeated set has the same coefficients.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_nist.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mlops/numeric.h"

#include "unit.h"

#define MAX_P	11

static const double norris_x[] =
{
	0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0,
	558.2, 0.4, 0.6, 775.5, 666.9, 338.0, 447.5, 11.6, 556.0, 228.1,
	995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2, 999.0, 779.0,
	11.1, 118.3, 229.2, 669.1, 448.9, 0.5
};

static const double norris_y[] =
{
	0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9,
	559.2, 0.3, 0.1, 778.1, 668.8, 339.3, 448.9, 10.8, 557.7, 228.3,
	998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0, 998.5, 778.9,
	10.2, 117.6, 228.9, 668.4, 449.2, 0.2
};

static const double filip_x[] =
{
	-6.860120914, -4.324130045, -4.358625055, -4.358426747, -6.955852379,
	-6.661145254, -6.355462942, -6.118102026, -7.115148017, -6.815308569,
	-6.519993057, -6.204119983, -5.853871964, -6.109523091, -5.79832982,
	-5.482672118, -5.171791386, -4.851705903, -4.517126416, -4.143573228,
	-3.709075441, -3.499489089, -6.300769497, -5.953504836, -5.642065153,
	-5.031376979, -4.680685696, -4.329846955, -3.928486195, -8.56735134,
	-8.363211311, -8.107682739, -7.823908741, -7.522878745, -7.218819279,
	-6.920818754, -6.628932138, -6.323946875, -5.991399828, -8.781464495,
	-8.663140179, -8.473531488, -8.247337057, -7.971428747, -7.676129393,
	-7.352812702, -7.072065318, -6.774174009, -6.478861916, -6.159517513,
	-6.835647144, -6.53165267, -6.224098421, -5.910094889, -5.598599459,
	-5.290645224, -4.974284616, -4.64454848, -4.290560426, -3.885055584,
	-3.408378962, -3.13200249, -8.726767166, -8.66695597, -8.511026475,
	-8.165388579, -7.886056648, -7.588043762, -7.283412422, -6.995678626,
	-6.691862621, -6.392544977, -6.067374056, -6.684029655, -6.378719832,
	-6.065855188, -5.752272167, -5.132414673, -4.811352704, -4.098269308,
	-3.66174277, -3.2644011
};

static const double filip_y[] =
{
	0.8116, 0.9072, 0.9052, 0.9039, 0.8053, 0.8377, 0.8667, 0.8809,
	0.7975, 0.8162, 0.8515, 0.8766, 0.8885, 0.8859, 0.8959, 0.8913,
	0.8959, 0.8971, 0.9021, 0.909, 0.9139, 0.9199, 0.8692, 0.8872, 0.89,
	0.891, 0.8977, 0.9035, 0.9078, 0.7675, 0.7705, 0.7713, 0.7736, 0.7775,
	0.7841, 0.7971, 0.8329, 0.8641, 0.8804, 0.7668, 0.7633, 0.7678,
	0.7697, 0.77, 0.7749, 0.7796, 0.7897, 0.8131, 0.8498, 0.8741, 0.8061,
	0.846, 0.8751, 0.8856, 0.8919, 0.8934, 0.894, 0.8957, 0.9047, 0.9129,
	0.9209, 0.9219, 0.7739, 0.7681, 0.7665, 0.7703, 0.7702, 0.7761,
	0.7809, 0.7961, 0.8253, 0.8602, 0.8809, 0.8301, 0.8664, 0.8834,
	0.8898, 0.8964, 0.8963, 0.9074, 0.9119, 0.9228
};

/* y, x1, ..., x6 */
static const double longley[16][7] =
{
	{60323, 83, 234289, 2356, 1590, 107608, 1947},
	{61122, 88.5, 259426, 2325, 1456, 108632, 1948},
	{60171, 88.2, 258054, 3682, 1616, 109773, 1949},
	{61187, 89.5, 284599, 3351, 1650, 110929, 1950},
	{63221, 96.2, 328975, 2099, 3099, 112075, 1951},
	{63639, 98.1, 346999, 1932, 3594, 113270, 1952},
	{64989, 99, 365385, 1870, 3547, 115094, 1953},
	{63761, 100, 363112, 3578, 3350, 116219, 1954},
	{66019, 101.2, 397469, 2904, 3048, 117388, 1955},
	{67857, 104.6, 419180, 2822, 2857, 118734, 1956},
	{68169, 108.4, 442769, 2936, 2798, 120445, 1957},
	{66513, 110.8, 444546, 4681, 2637, 121950, 1958},
	{68655, 112.6, 482704, 3813, 2552, 123366, 1959},
	{69564, 114.2, 502601, 3931, 2514, 125368, 1960},
	{69331, 115.7, 518173, 4806, 2572, 127852, 1961},
	{70551, 116.9, 554894, 4007, 2827, 130081, 1962}
};

static const double wampler3_y[] =
{
	760, -2042, 2111, -1684, 3888, 1858, 11379, 17560, 39287, 64382,
	113159, 175108, 273291, 400186, 581243, 811568, 1121004, 1506550,
	2002767, 2611612, 3369180
};

/* One data set: rows x p with the intercept first. */
typedef struct Set
{
	int			rows;
	int			p;
	double		x[82 * MAX_P];
	double		y[82];
} Set;

typedef struct Result
{
	MlLsqFit	fit;
	double		coef[MAX_P];
	double		cov_diag[MAX_P];
} Result;

/* How to bring the rows in. */
typedef struct Way
{
	const char *name;
	int			nbuffer;
	int			repeat;			/* how often the whole set is pushed */
	int			pieces;			/* merged afterwards */
	double		lost;			/* decimal digits allowed to be lost */
} Way;

static const Way ways[] =
{
	{"one piece", 128, 1, 1, 0.0},
	{"row by row", 1, 1, 1, 0.5},
	{"merged", 3, 1, 5, 0.5},
	{"repeated", 64, 400, 1, 0.0},
	{"repeated and merged", 50, 200, 4, 0.5}
};

static void
fit_set(const Set *set, const Way *way, double tolerance, Result *result)
{
	int			n = set->p + 1;
	size_t		size = mlops_lsq_size(n, way->nbuffer);
	MlLsq	   *total = unit_alloc(size);
	MlLsq	   *piece = unit_alloc(size);
	double	   *work = unit_alloc(mlops_lsq_solve_work(set->p) * sizeof(double));
	int			i,
				k,
				r;

	mlops_lsq_init(total, n, way->nbuffer);
	for (k = 0; k < way->pieces; k++)
	{
		mlops_lsq_init(piece, n, way->nbuffer);
		for (r = 0; r < way->repeat; r++)
			for (i = k; i < set->rows; i += way->pieces)
				mlops_lsq_push(piece, set->x + i * set->p, set->y[i], 1.0);
		mlops_lsq_merge(total, piece);
	}
	CHECK(mlops_lsq_nrows(total) == (int64_t) set->rows * way->repeat);
	result->fit.coef = result->coef;
	result->fit.cov_diag = result->cov_diag;
	CHECK(mlops_lsq_solve(total, 0, 0.0, tolerance, &result->fit, work) == ML_OK);
	free(work);
	free(piece);
	free(total);
}

/*
 * Check digits correct significant digits of every coefficient, standard deviation
 * and the residual sum of squares.
 */
static void
certify(const char *name, const Set *set, const double *coef, const double *sd,
		double rss, double r2, double tolerance, double digits, double sd_digits)
{
	size_t		w;

	for (w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)
	{
		const Way  *way = &ways[w];
		Result		result;
		double		worst = 16,
					worst_sd = 16;
		double		variance;
		int			j;

		fit_set(set, way, tolerance, &result);
		CHECK(result.fit.rank == set->p);
		variance = result.fit.rss / way->repeat / (set->rows - set->p);
		for (j = 0; j < set->p; j++)
		{
			double		error = fabs(result.coef[j] - coef[j]) / fabs(coef[j]);

			worst = fmin(worst, -log10(error));
			error = sd[j] == 0 ? sqrt(variance) :
				fabs(sqrt(variance * result.cov_diag[j] * way->repeat) - sd[j]) / sd[j];
			worst_sd = fmin(worst_sd, -log10(error));
		}
		if (getenv("UNIT_VERBOSE"))
			printf("%-9s %-20s %5.1f digits, deviations %5.1f, condition %.3g\n",
				   name, way->name, worst, worst_sd, result.fit.condition);
		CHECK(worst >= digits - way->lost);
		CHECK(worst_sd >= sd_digits - way->lost);
		if (rss > 0)
			CHECK_NEAR(result.fit.rss / way->repeat, rss, pow(10, way->lost - sd_digits + 1));
		CHECK_NEAR(1.0 - result.fit.rss / result.fit.tss, r2, pow(10, -fmin(12, sd_digits + 3)));
	}
}

static void
polynomial(Set *set, int rows, int p, const double *x, const double *y)
{
	int			i,
				j;

	set->rows = rows;
	set->p = p;
	for (i = 0; i < rows; i++)
	{
		double		power = 1.0;

		for (j = 0; j < p; j++)
		{
			set->x[i * p + j] = power;
			power *= x[i];
		}
		set->y[i] = y[i];
	}
}

static void
test_norris_longley(void)
{
	static const double norris_coef[] = {-0.262323073774029, 1.00211681802045};
	static const double norris_sd[] = {0.232818234301152, 0.429796848199937E-03};
	static const double longley_coef[] = {
		-3482258.63459582, 15.0618722713733, -0.358191792925910E-01,
		-2.02022980381683, -1.03322686717359, -0.511041056535807E-01,
		1829.15146461355
	};
	static const double longley_sd[] = {
		890420.383607373, 84.9149257747669, 0.334910077722432E-01,
		0.488399681651699, 0.214274163161675, 0.226073200069370,
		455.478499142212
	};
	static Set	set;
	int			i,
				j;

	polynomial(&set, 36, 2, norris_x, norris_y);
	certify("Norris", &set, norris_coef, norris_sd, 26.6173985294224,
			0.999993745883712, 1e-7, 12.0, 12.5);

	set.rows = 16;
	set.p = 7;
	for (i = 0; i < 16; i++)
	{
		set.y[i] = longley[i][0];
		set.x[i * 7] = 1.0;
		for (j = 1; j < 7; j++)
			set.x[i * 7 + j] = longley[i][j];
	}
	certify("Longley", &set, longley_coef, longley_sd, 836424.055505915,
			0.995479004577296, 1e-7, 11.0, 11.0);
}

static void
test_wampler(void)
{
	static const double ones[] = {1, 1, 1, 1, 1, 1};
	static const double tenths[] = {1, 0.1, 0.01, 0.001, 0.0001, 0.00001};
	static const double zeros[] = {0, 0, 0, 0, 0, 0};
	static const double sd3[] = {
		2152.32624678170, 2363.55173469681, 779.343524331583,
		101.475507550350, 5.64566512170752, 0.112324854679312
	};
	static Set	set;
	double		x[21],
				y[21],
				sd[6];
	double		scale;
	int			i,
				j;

	for (i = 0; i < 21; i++)
	{
		x[i] = i;
		y[i] = 1 + x[i] * (1 + x[i] * (1 + x[i] * (1 + x[i] * (1 + x[i]))));
	}
	polynomial(&set, 21, 6, x, y);
	certify("Wampler1", &set, ones, zeros, 0, 1.0, 1e-7, 9.0, 6.0);

	for (i = 0; i < 21; i++)
		set.y[i] = (100000 + x[i] * (10000 + x[i] * (1000 + x[i] * (100 + x[i] * (10 + x[i]))))) / 100000;
	certify("Wampler2", &set, tenths, zeros, 0, 1.0, 1e-7, 9.0, 10.0);

	/* 3, 4 and 5: the same deviations times 1, 100 and 10000 */
	for (scale = 1, i = 3; i <= 5; i++, scale *= 100)
	{
		static const double rss[] = {83554268.0000000, 835542680000.000, 8355426800000000.0};
		static const double r2[] = {0.999995559025820, 0.957478440825662, 0.224668921574940E-02};
		static const double digits[] = {8.5, 7.5, 5.5};
		char		name[24];

		snprintf(name, sizeof(name), "Wampler%d", i);
		for (j = 0; j < 21; j++)
			set.y[j] = y[j] + scale * (wampler3_y[j] - y[j]);
		for (j = 0; j < 6; j++)
			sd[j] = scale * sd3[j];
		certify(name, &set, ones, sd, rss[i - 3], r2[i - 3], 1e-7,
				digits[i - 3], 10.0);
	}
}

static void
test_filip(void)
{
	static const double coef[] = {
		-1467.48961422980, -2772.17959193342, -2316.37108160893,
		-1127.97394098372, -354.478233703349, -75.1242017393757,
		-10.8753180355343, -1.06221498588947, -0.670191154593408E-01,
		-0.246781078275479E-02, -0.402962525080404E-04
	};
	static const double sd[] = {
		298.084530995537, 559.779865474950, 466.477572127796,
		227.204274477751, 71.6478660875927, 15.2897178747400,
		2.23691159816033, 0.221624321934227, 0.142363763154724E-01,
		0.535617408889821E-03, 0.896632837373868E-05
	};
	static Set	set;
	Result		result;

	polynomial(&set, 82, 11, filip_x, filip_y);
	certify("Filip", &set, coef, sd, 0.795851382172941E-03, 0.996727416185620,
			1e-10, 6.0, 6.0);

	/* R's default tolerance takes one column out: the last */
	fit_set(&set, &ways[0], 1e-7, &result);
	CHECK(result.fit.rank == 10);
	CHECK(isnan(result.coef[10]) && isnan(result.cov_diag[10]));
	CHECK(!isnan(result.coef[9]));
}

void
test_nist(void)
{
	test_norris_longley();
	test_wampler();
	test_filip();
}
