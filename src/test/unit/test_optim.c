/*-------------------------------------------------------------------------
 *
 * test_optim.c
 *	  L-BFGS on functions whose minimum is known.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_optim.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mlops/numeric.h"

#include "unit.h"

typedef double (*Function) (int n, const double *x, double *g);

static int	evaluations;

/* Minimise from x; returns the last status. */
static MlStatus
run(Function function, int n, int memory, double *x, double gtol, double ftol)
{
	MlLbfgs    *opt = unit_alloc(mlops_lbfgs_size(n, memory));
	double	   *g = unit_alloc(n * sizeof(double));
	MlStatus	status = ML_CONTINUE;

	mlops_lbfgs_begin(opt, n, memory, gtol, ftol);
	for (evaluations = 0; evaluations < 5000 && status == ML_CONTINUE; evaluations++)
	{
		double		f = function(n, x, g);

		status = mlops_lbfgs_step(opt, x, f, g);
	}
	if (status == ML_OK && ftol == 0)
	{
		double		norm = 0;
		int			i;

		/* x is the point whose gradient norm is told */
		function(n, x, g);
		for (i = 0; i < n; i++)
			norm = fmax(norm, fabs(g[i]));
		CHECK(norm == mlops_lbfgs_gradient_norm(opt));
		CHECK(norm <= gtol);
	}
	free(g);
	free(opt);
	return status;
}

/* Rosenbrock 1960, chained: minimum 0 at (1, ..., 1) */
static double
rosenbrock(int n, const double *x, double *g)
{
	double		f = 0;
	int			i;

	memset(g, 0, n * sizeof(double));
	for (i = 0; i + 1 < n; i++)
	{
		double		a = x[i + 1] - x[i] * x[i];
		double		b = 1 - x[i];

		f += 100 * a * a + b * b;
		g[i] += -400 * a * x[i] - 2 * b;
		g[i + 1] += 200 * a;
	}
	return f;
}

/* condition 1e4, minimum at x[i] = i */
static double
quadratic(int n, const double *x, double *g)
{
	double		f = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		double		scale = pow(1e4, (double) i / (n - 1));

		g[i] = scale * (x[i] - i);
		f += 0.5 * g[i] * (x[i] - i);
	}
	return f;
}

/* e^x - 2x in each variable: flat on the left, overflowing on the right */
static double
steep(int n, const double *x, double *g)
{
	double		f = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		f += exp(x[i]) - 2 * x[i];
		g[i] = exp(x[i]) - 2;
	}
	return f;
}

static double
descending(int n, const double *x, double *g)
{
	(void) n;
	g[0] = -1;
	return -x[0];
}

static double
not_finite(int n, const double *x, double *g)
{
	(void) n;
	(void) x;
	g[0] = NAN;
	return NAN;
}

#define ROWS	200
#define COLS	5
static double rows[ROWS][COLS];
static int	labels[ROWS];

/* logistic loss with a ridge of 1: one minimum, gradient zero there */
static double
logistic(int n, const double *x, double *g)
{
	double		f = 0;
	int			i,
				j;

	for (j = 0; j < n; j++)
	{
		f += 0.5 * x[j] * x[j];
		g[j] = x[j];
	}
	for (i = 0; i < ROWS; i++)
	{
		double		z = 0;
		double		residual;

		for (j = 0; j < n; j++)
			z += rows[i][j] * x[j];
		f += mlops_log1pexp(z) - labels[i] * z;
		residual = mlops_sigmoid(z) - labels[i];
		for (j = 0; j < n; j++)
			g[j] += residual * rows[i][j];
	}
	return f;
}

void
test_optim(void)
{
	double		x[40],
				y[40];
	int			i,
				j,
				memory;

	for (memory = 0; memory <= 10; memory += 5)
	{
		int			n = 2;

		x[0] = -1.2;
		x[1] = 1.0;
		if (memory == 0)
		{
			/* steepest descent crawls, but never goes up */
			double		g[2];
			double		before = rosenbrock(2, x, g);

			run(rosenbrock, n, memory, x, 1e-9, 0);
			CHECK(rosenbrock(2, x, g) < 0.01 * before);
			continue;
		}
		CHECK(run(rosenbrock, n, memory, x, 1e-9, 0) == ML_OK);
		CHECK(evaluations < 100);
		CHECK_NEAR(x[0], 1.0, 1e-7);
		CHECK_NEAR(x[1], 1.0, 1e-7);
	}

	for (i = 0; i < 40; i++)
		x[i] = i % 2 ? 1.0 : -1.2;
	CHECK(run(rosenbrock, 40, 8, x, 1e-8, 0) == ML_OK);
	/* the chained function has a second minimum with x[0] = -1 */
	for (i = 1; i < 40; i++)
		CHECK_NEAR(x[i], 1.0, 1e-6);

	memset(x, 0, sizeof(x));
	CHECK(run(quadratic, 30, 10, x, 1e-6, 0) == ML_OK);
	CHECK(evaluations < 1000);	/* scipy 1.10: 663 */
	for (i = 0; i < 30; i++)
		CHECK(fabs(x[i] - i) < 2e-6);

	/* a first step into overflow is taken back */
	for (i = 0; i < 3; i++)
		x[i] = -5000.0;
	CHECK(run(steep, 3, 5, x, 1e-10, 0) == ML_OK);
	for (i = 0; i < 3; i++)
		CHECK_NEAR(x[i], log(2.0), 1e-10);

	for (i = 0; i < ROWS; i++)
	{
		double		z = 0;

		for (j = 0; j < COLS; j++)
		{
			rows[i][j] = j == 0 ? 1.0 : 4 * unit_random() - 2;
			z += rows[i][j] * (j - 2);
		}
		labels[i] = unit_random() < mlops_sigmoid(z);
	}
	memset(x, 0, sizeof(x));
	CHECK(run(logistic, COLS, 10, x, 1e-9, 0) == ML_OK);
	CHECK(evaluations < 60);
	for (i = 0; i < COLS; i++)
		y[i] = 5.0 * i;
	CHECK(run(logistic, COLS, 3, y, 1e-9, 0) == ML_OK);
	for (i = 0; i < COLS; i++)
		CHECK_NEAR(x[i], y[i], 1e-8);

	/* no tolerance at all ends where numbers end, not in a loop */
	memset(y, 0, sizeof(y));
	CHECK(run(logistic, COLS, 10, y, 0, 0) != ML_CONTINUE);
	for (i = 0; i < COLS; i++)
		CHECK_NEAR(x[i], y[i], 1e-6);

	/* ftol stops earlier */
	memset(y, 0, sizeof(y));
	CHECK(run(logistic, COLS, 10, y, 0, 1e-3) == ML_OK);
	CHECK(evaluations < 20);

	x[0] = 0;
	CHECK(run(descending, 1, 5, x, 1e-9, 0) != ML_OK);
	CHECK(run(not_finite, 1, 5, x, 1e-9, 0) == ML_NOT_FINITE);
}
