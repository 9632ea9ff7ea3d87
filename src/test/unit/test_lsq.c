/*-------------------------------------------------------------------------
 *
 * test_lsq.c
 *	  Least squares: both paths, merging, weights, ridge, hostile bytes.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_lsq.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mlops/numeric.h"

#include "unit.h"

#define ROWS	3000
#define P		20

static double x[ROWS * P];
static double y[ROWS];
static double w[ROWS];

typedef struct Result
{
	MlStatus	status;
	MlLsqFit	fit;
	double		coef[P];
	double		cov_diag[P];
} Result;

static MlLsq *
make(int n, int nbuffer)
{
	MlLsq	   *lsq = unit_alloc(mlops_lsq_size(n, nbuffer));

	mlops_lsq_init(lsq, n, nbuffer);
	CHECK(mlops_lsq_check(lsq, mlops_lsq_size(n, nbuffer)) == NULL);
	return lsq;
}

static void
solve(MlLsq *lsq, double ridge, double tolerance, Result *result)
{
	int			p = mlops_lsq_ncols(lsq) - 1;
	double	   *work = unit_alloc(mlops_lsq_solve_work(p) * sizeof(double));

	CHECK(mlops_lsq_check(lsq, mlops_lsq_size(p + 1, mlops_lsq_nbuffer(lsq))) == NULL);
	result->fit.coef = result->coef;
	result->fit.cov_diag = result->cov_diag;
	result->status = mlops_lsq_solve(lsq, 0, ridge, tolerance, &result->fit, work);
	CHECK(result->status == ML_OK);
	free(work);
}

/* Coefficients are compared on the scale of the largest: a small one among them has the others' rounding. */
static void
same(int p, const Result *a, const Result *b, double tolerance)
{
	double		largest = 0;
	int			j;

	for (j = 0; j < p; j++)
		if (fabs(b->coef[j]) > largest)
			largest = fabs(b->coef[j]);

	CHECK(a->fit.rank == b->fit.rank);
	CHECK_NEAR(a->fit.rss, b->fit.rss, tolerance);
	CHECK_NEAR(a->fit.tss, b->fit.tss, tolerance);
	CHECK_NEAR(a->fit.mean_y, b->fit.mean_y, tolerance);
	for (j = 0; j < p; j++)
	{
		if (isnan(b->coef[j]))
		{
			CHECK(isnan(a->coef[j]) && isnan(a->cov_diag[j]));
			continue;
		}
		CHECK(fabs(a->coef[j] - b->coef[j]) <= tolerance * largest);
		CHECK_NEAR(a->cov_diag[j], b->cov_diag[j], tolerance);
	}
}

/* Random columns; the last is the sum of two others but for "noise". */
static void
fill(double noise)
{
	int			i,
				j;

	for (i = 0; i < ROWS; i++)
	{
		y[i] = unit_random();
		for (j = 0; j < P; j++)
		{
			double		value = j == 0 ? 1.0 : unit_random() - 0.3;

			if (j == P - 1)
				value = x[i * P + 1] + x[i * P + 2] + noise * value;
			x[i * P + j] = value;
			y[i] += value * (1 + j % 3);
		}
		w[i] = i % 10 ? 0.1 + unit_random() : 0.0;
	}
}

/* One way through reflections alone, one through solves, one through merges. */
static void
compare_paths(double tolerance, double allowed)
{
	MlLsq	   *reflected = make(P + 1, 7);	/* too few rows for a solve */
	MlLsq	   *solved = make(P + 1, 256);
	MlLsq	   *merged = make(P + 1, 64);
	MlLsq	   *grown = make(P + 1, 300);
	Result		a,
				b,
				c;
	int			first,
				piece = 0;

	mlops_lsq_push_block(reflected, ROWS, x, P, y, NULL);
	mlops_lsq_push_block(solved, ROWS, x, P, y, NULL);
	for (first = 0; first < ROWS; first += 370, piece++)
	{
		int			count = ROWS - first < 370 ? ROWS - first : 370;
		MlLsq	   *part = make(P + 1, 30);

		mlops_lsq_push_block(part, count, x + first * P, P, y + first, NULL);
		if (piece % 3 == 0)
			mlops_lsq_flush(part);
		mlops_lsq_merge(merged, part);
		free(part);
	}
	mlops_lsq_grow(grown, solved, 300);
	CHECK(mlops_lsq_nbuffer(grown) == 300);
	CHECK(mlops_lsq_fill(grown) == mlops_lsq_fill(solved));
	CHECK(mlops_lsq_nrows(merged) == ROWS);
	CHECK(mlops_lsq_nrows(solved) == ROWS);
	CHECK(mlops_lsq_sum_weight(merged) == ROWS);

	solve(reflected, 0, tolerance, &a);
	solve(solved, 0, tolerance, &b);
	same(P, &b, &a, allowed);
	solve(merged, 0, tolerance, &c);
	same(P, &c, &a, allowed);
	solve(grown, 0, tolerance, &c);
	same(P, &c, &b, 1e-13);
	free(reflected);
	free(solved);
	free(merged);
	free(grown);
}

static void
test_paths(void)
{
	int			i;

	fill(1.0);
	compare_paths(1e-7, 1e-12);
	/* a condition of about 1e6: what is lost is lost to the data */
	fill(1e-6);
	compare_paths(1e-9, 1e-7);
	/* dependent: the last column is aliased in every way */
	fill(0.0);
	compare_paths(1e-7, 1e-11);

	/* two dummies, the second of which appears late, and one that never does */
	fill(1.0);
	for (i = 0; i < ROWS; i++)
	{
		x[i * P + 3] = i < 900;
		x[i * P + 4] = i > 2700;
		x[i * P + 5] = 0.0;
	}
	compare_paths(1e-7, 1e-12);
	/* scales far apart, growing while the rows come */
	for (i = 0; i < ROWS; i++)
	{
		x[i * P + 6] *= 1e12;
		x[i * P + 7] *= 1e-12;
		x[i * P + 8] *= exp(i * 0.005);
	}
	compare_paths(1e-7, 1e-10);
	/* an exact response: residuals are nothing but rounding */
	for (i = 0; i < ROWS; i++)
		y[i] = 0.0;
	compare_paths(1e-7, 1e-10);
}

/* An integer weight is that many rows, a weight of zero is none. */
static void
test_weights(void)
{
	MlLsq	   *weighted = make(P + 1, 128);
	MlLsq	   *repeated = make(P + 1, 128);
	Result		a,
				b;
	int			i,
				k,
				used = 0;

	fill(1.0);
	for (i = 0; i < ROWS; i++)
	{
		w[i] = i % 4;
		used += w[i] > 0;
		for (k = 0; k < i % 4; k++)
			mlops_lsq_push(repeated, x + i * P, y[i], 1.0);
	}
	mlops_lsq_push_block(weighted, ROWS, x, P, y, w);
	CHECK(mlops_lsq_nrows(weighted) == used);
	CHECK(mlops_lsq_sum_weight(weighted) == mlops_lsq_sum_weight(repeated));
	solve(weighted, 0, 1e-7, &a);
	solve(repeated, 0, 1e-7, &b);
	same(P, &a, &b, 1e-12);
	free(weighted);
	free(repeated);
}

/*
 * Ridge against the normal equations by hand: one column x and an intercept.
 * With S centred sums, b = Sxy / (Sxx + ridge), a = mean(y) - b mean(x).
 */
static void
test_ridge(void)
{
	static const double xs[] = {1, 2, 4, 7, 11};
	static const double ys[] = {3, 1, 4, 8, 9};
	MlLsq	   *lsq = make(3, 4);
	Result		result;
	double		mean_x = 5,
				mean_y = 5,
				sxx = 0,
				sxy = 0,
				rss = 0,
				ridge = 2.5,
				slope,
				intercept;
	int			i;

	for (i = 0; i < 5; i++)
	{
		double		row[2] = {1.0, xs[i]};

		mlops_lsq_push(lsq, row, ys[i], 1.0);
		sxx += (xs[i] - mean_x) * (xs[i] - mean_x);
		sxy += (xs[i] - mean_x) * (ys[i] - mean_y);
	}
	slope = sxy / (sxx + ridge);
	intercept = mean_y - slope * mean_x;
	for (i = 0; i < 5; i++)
		rss += pow(ys[i] - intercept - slope * xs[i], 2);
	solve(lsq, ridge, 1e-7, &result);
	CHECK_NEAR(result.coef[0], intercept, 1e-14);
	CHECK_NEAR(result.coef[1], slope, 1e-14);
	CHECK_NEAR(result.fit.rss, rss, 1e-13);
	CHECK_NEAR(result.fit.mean_y, mean_y, 1e-14);
	CHECK_NEAR(result.fit.tss, 46.0, 1e-14);
	CHECK_NEAR(result.cov_diag[1], 1 / (sxx + ridge), 1e-14);
	/* the unpenalised one again from the same factor */
	solve(lsq, 0, 1e-7, &result);
	CHECK_NEAR(result.coef[1], sxy / sxx, 1e-14);
	free(lsq);
}

/* More columns than rows, no rows, values that overflow. */
static void
test_degenerate(void)
{
	MlLsq	   *lsq = make(P + 1, 64);
	MlLsqFit	fit;
	Result		result;
	double	   *work = unit_alloc(mlops_lsq_solve_work(P) * sizeof(double));
	int			i;

	fit.coef = result.coef;
	fit.cov_diag = result.cov_diag;
	CHECK(mlops_lsq_solve(lsq, 0, 0, 1e-7, &fit, work) == ML_SINGULAR);
	CHECK(fit.rank == 0);
	fill(1.0);
	mlops_lsq_push_block(lsq, 5, x, P, y, NULL);
	solve(lsq, 0, 1e-7, &result);
	CHECK(result.fit.rank == 5);
	CHECK(fabs(result.fit.rss) < 1e-20);
	CHECK(isnan(result.coef[5]));
	/* a penalty makes it solvable */
	solve(lsq, 0.1, 1e-7, &result);
	CHECK(result.fit.rank == P);

	for (i = 0; i < 100; i++)
	{
		x[i * P + 3] = 1e308;
		x[i * P + 4] = -1e308;
	}
	mlops_lsq_push_block(lsq, 100, x, P, y, NULL);
	CHECK(mlops_lsq_solve(lsq, 0, 0, 1e-7, &fit, work) == ML_NOT_FINITE);
	free(work);
	free(lsq);
}

/* Whatever the bytes: refused, or everything can be called with them. */
static void
test_hostile(void)
{
	int			n = 6;
	int			nbuffer = 9;
	size_t		size = mlops_lsq_size(n, nbuffer);
	MlLsq	   *lsq = make(n, nbuffer);
	double	   *work = unit_alloc(mlops_lsq_solve_work(n - 1) * sizeof(double));
	Result		result;
	int			round,
				accepted = 0;

	CHECK(mlops_lsq_size(0, 5) == 0);
	CHECK(mlops_lsq_size(5, 0) == 0);
	CHECK(mlops_lsq_size(70000, 5) == 0);
	CHECK(mlops_lsq_size(5, 1 << 30) == 0);
	fill(1.0);
	for (round = 0; round < 40; round++)
		mlops_lsq_push(lsq, x + round * P, y[round], 1.0);
	CHECK(mlops_lsq_check(lsq, size) == NULL);
	CHECK(mlops_lsq_check(lsq, size - 1) != NULL);
	CHECK(mlops_lsq_check(lsq, size + 8) != NULL);
	CHECK(mlops_lsq_check(lsq, 10) != NULL);

	result.fit.coef = result.coef;
	result.fit.cov_diag = result.cov_diag;
	for (round = 0; round < 20000; round++)
	{
		unsigned char *bytes = unit_alloc(size);
		size_t		cut = round % 7 ? size : (size_t) (size * unit_random());
		int			k;

		memcpy(bytes, lsq, size);
		for (k = 0; k <= round % 3; k++)
		{
			size_t		where = (size_t) ((round % 2 ? size : 64) * unit_random());

			bytes[where] = (unsigned char) (unit_random() * 256);
		}
		if (mlops_lsq_check(bytes, cut) == NULL)
		{
			MlLsq	   *other = unit_alloc(size);

			accepted++;
			mlops_lsq_init(other, n, nbuffer);
			mlops_lsq_merge(other, (MlLsq *) bytes);
			mlops_lsq_push((MlLsq *) bytes, x, y[0], 1.0);
			mlops_lsq_merge((MlLsq *) bytes, other);
			mlops_lsq_solve((MlLsq *) bytes, 0, 0.5, 1e-7, &result.fit, work);
			free(other);
		}
		free(bytes);
	}
	CHECK(accepted > 100);
	CHECK(accepted < 19000);
	free(work);
	free(lsq);
}

void
test_lsq(void)
{
	test_paths();
	test_weights();
	test_ridge();
	test_degenerate();
	test_hostile();
}
