/*-------------------------------------------------------------------------
 *
 * optim.c
 *	  L-BFGS for smooth functions, as begin and step.
 *
 * Problem: min f(x), x in R^n, with the gradient.  The direction is the two-loop
 * recursion over the last few pairs of differences [1, 7.2]; the line search
 * finds a point of the strong Wolfe conditions
 *
 *		f(a) <= f(0) + C1 a f'(0),	|f'(a)| <= C2 |f'(0)|
 *
 * by bracketing and cubic interpolation [1, 3.5].  Close to the minimum f
 * cannot tell points apart any more; there the slope alone decides, as long
 * as f has not risen by more than rounding [2].
 *
 * The caller evaluates, one point per step, so that a step can be a pass
 * over a table and nothing is on the stack in between.
 *
 * [1] Nocedal, Wright: Numerical Optimization, 2nd edition, 2006
 * [2] Hager, Zhang: A New Conjugate Gradient Method with Guaranteed Descent
 *	   and an Efficient Line Search, 2005
 *
 * IDENTIFICATION
 *	  src/numeric/optim.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/numeric.h"

#define C1				1e-4
#define C2				0.9
#define MAX_TRIALS		40		/* evaluations in one line search */
#define LONGEST			1e20	/* factor on the direction */
#define ROUNDING		1e-14	/* relative noise expected in f */
#define MAX_IDLE		5		/* steps in a row that do not lower f */

/* A trial of the line search: factor, value, slope. */
typedef struct Trial
{
	double		a;
	double		f;
	double		slope;
} Trial;

/* After it, as doubles: the arrays of layout(). */
struct MlLbfgs
{
	int32_t		n;
	int32_t		memory;
	int32_t		pairs;			/* in use */
	int32_t		next;			/* slot of the next pair */
	int32_t		started;
	int32_t		trials;			/* in this line search */
	int32_t		bracketed;
	int32_t		idle;			/* steps in a row that did not lower f */
	double		gtol;
	double		ftol;
	double		gradient_norm;	/* at the base */
	Trial		base;			/* a = 0 */
	Trial		low;			/* the best trial that descends enough */
	Trial		high;			/* the other end, when bracketed */
	double		a;				/* the trial asked for */
};

typedef struct Layout
{
	double	   *x;				/* base point */
	double	   *g;				/* its gradient */
	double	   *d;				/* direction */
	double	   *low_g;			/* gradient at low */
	double	   *s;				/* memory x n: differences of points */
	double	   *y;				/* memory x n: of gradients */
	double	   *rho;			/* memory: 1 / s'y */
	double	   *alpha;			/* memory */
} Layout;

static Layout
layout(MlLbfgs *opt)
{
	Layout		l;
	size_t		n = opt->n;
	size_t		m = opt->memory;

	l.x = (double *) (opt + 1);
	l.g = l.x + n;
	l.d = l.g + n;
	l.low_g = l.d + n;
	l.s = l.low_g + n;
	l.y = l.s + m * n;
	l.rho = l.y + m * n;
	l.alpha = l.rho + m;
	return l;
}

static double
dot(int n, const double *a, const double *b)
{
	double		sum = 0.0;
	int			i;

	for (i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static double
max_norm(int n, const double *x)
{
	double		max = 0.0;
	int			i;

	for (i = 0; i < n; i++)
		if (!(fabs(x[i]) <= max))
			max = fabs(x[i]);
	return max;
}

/* mlops_lbfgs_size returns the bytes for n variables and memory pairs. */
size_t
mlops_lbfgs_size(int n, int memory)
{
	return sizeof(MlLbfgs) +
		(4 * (size_t) n + 2 * (size_t) memory * n + 2 * (size_t) memory) * sizeof(double);
}

/*
 * mlops_lbfgs_begin prepares *opt.  Converged: the gradient's max-norm is at
 * most gtol, or a step lowered f by at most ftol * max(1, |f|) (0: never).
 */
void
mlops_lbfgs_begin(MlLbfgs *opt, int n, int memory, double gtol, double ftol)
{
	memset(opt, 0, mlops_lbfgs_size(n, memory));
	opt->n = n;
	opt->memory = memory;
	opt->gtol = gtol;
	opt->ftol = ftol;
	opt->gradient_norm = INFINITY;
}

double
mlops_lbfgs_gradient_norm(const MlLbfgs *opt)
{
	return opt->gradient_norm;
}

/* d := -H g by the two-loop recursion. */
static void
make_direction(MlLbfgs *opt, Layout *l)
{
	int			n = opt->n;
	int			i,
				j,
				k;

	for (i = 0; i < n; i++)
		l->d[i] = -l->g[i];
	for (j = 0; j < opt->pairs; j++)
	{
		k = (opt->next - 1 - j + opt->memory) % opt->memory;
		l->alpha[k] = l->rho[k] * dot(n, l->s + (size_t) k * n, l->d);
		for (i = 0; i < n; i++)
			l->d[i] -= l->alpha[k] * l->y[(size_t) k * n + i];
	}
	if (opt->pairs > 0)
	{
		const double *y;
		double		scale;

		k = (opt->next - 1 + opt->memory) % opt->memory;
		y = l->y + (size_t) k * n;
		scale = 1.0 / (l->rho[k] * dot(n, y, y));
		for (i = 0; i < n; i++)
			l->d[i] *= scale;
	}
	for (j = opt->pairs - 1; j >= 0; j--)
	{
		double		beta;

		k = (opt->next - 1 - j + opt->memory) % opt->memory;
		beta = l->rho[k] * dot(n, l->y + (size_t) k * n, l->d);
		for (i = 0; i < n; i++)
			l->d[i] += (l->alpha[k] - beta) * l->s[(size_t) k * n + i];
	}
}

static void
set_point(MlLbfgs *opt, const Layout *l, double a, double *x)
{
	int			i;

	opt->a = a;
	for (i = 0; i < opt->n; i++)
		x[i] = l->x[i] + a * l->d[i];
}

/* Start a line search from the base; false if there is no way down. */
static bool
begin_search(MlLbfgs *opt, Layout *l, double *x)
{
	double		length;

	make_direction(opt, l);
	opt->base.slope = dot(opt->n, l->g, l->d);
	if (!(opt->base.slope < 0.0) || !isfinite(opt->base.slope))
	{
		opt->pairs = 0;
		make_direction(opt, l);
		opt->base.slope = dot(opt->n, l->g, l->d);
		if (!(opt->base.slope < 0.0) || !isfinite(opt->base.slope))
			return false;
	}
	opt->base.a = 0.0;
	opt->low = opt->base;
	memcpy(l->low_g, l->g, opt->n * sizeof(double));
	opt->bracketed = 0;
	opt->trials = 0;
	length = sqrt(dot(opt->n, l->d, l->d));
	set_point(opt, l, opt->pairs > 0 || length <= 1.0 ? 1.0 : 1.0 / length, x);
	return true;
}

/* The minimiser of the cubic through both ends, kept off the ends. */
static double
interpolate(const Trial *low, const Trial *high)
{
	double		width = high->a - low->a;
	double		t = 0.5;

	if (isfinite(high->f) && isfinite(high->slope))
	{
		double		d1 = low->slope + high->slope -
			3.0 * (low->f - high->f) / (low->a - high->a);
		double		square = d1 * d1 - low->slope * high->slope;

		if (square >= 0.0)
		{
			double		d2 = copysign(sqrt(square), width);

			t = 1.0 - (high->slope + d2 - d1) /
				(high->slope - low->slope + 2.0 * d2);
		}
	}
	else
		t = 0.1;
	if (!(t >= 0.05))
		t = isnan(t) ? 0.5 : 0.05;
	if (t > 0.95)
		t = 0.95;
	return low->a + t * width;
}

/*
 * Take the trial point into the line search.  Returns true if it is good
 * enough; else opt->a is the next one, or 0 if there is none.
 */
static bool
search(MlLbfgs *opt, Layout *l, const double *gradient, const Trial *now)
{
	double		enough = opt->base.f + C1 * now->a * opt->base.slope;
	double		noise = ROUNDING * fabs(opt->base.f);
	bool		flat = fabs(now->slope) <= -C2 * opt->base.slope;
	bool		finite = isfinite(now->f) && isfinite(now->slope);

	opt->trials++;
	if (finite && flat &&
		(now->f <= enough || (now->f <= opt->base.f + noise &&
							  -C1 * now->a * opt->base.slope <= noise)))
		return true;
	if (!finite || now->f > enough || (opt->low.a > 0 && now->f >= opt->low.f))
	{
		opt->high = *now;
		if (!finite)
			opt->high.f = INFINITY;
		opt->bracketed = 1;
	}
	else
	{
		if (opt->bracketed ? now->slope * (opt->high.a - opt->low.a) >= 0 :
			now->slope >= 0)
		{
			opt->high = opt->low;
			opt->bracketed = 1;
		}
		opt->low = *now;
		memcpy(l->low_g, gradient, opt->n * sizeof(double));
	}

	opt->a = 0.0;
	if (opt->trials >= MAX_TRIALS || now->a > LONGEST)
		return false;
	if (!opt->bracketed)
		opt->a = 4.0 * now->a;
	else if (fabs(opt->high.a - opt->low.a) >
			 1e-15 * fmax(fabs(opt->high.a), fabs(opt->low.a)))
		opt->a = interpolate(&opt->low, &opt->high);
	return false;
}

/* Move the base to x; remember the pair if the curvature is positive. */
static void
accept(MlLbfgs *opt, Layout *l, const double *x, double f, const double *gradient)
{
	int			n = opt->n;
	int			i;

	if (opt->memory > 0)
	{
		double	   *s = l->s + (size_t) opt->next * n;
		double	   *y = l->y + (size_t) opt->next * n;
		double		sy,
					yy;

		for (i = 0; i < n; i++)
		{
			s[i] = x[i] - l->x[i];
			y[i] = gradient[i] - l->g[i];
		}
		sy = dot(n, s, y);
		yy = dot(n, y, y);
		if (sy > 1e-16 * yy && isfinite(yy) && isfinite(1.0 / sy))
		{
			l->rho[opt->next] = 1.0 / sy;
			opt->next = (opt->next + 1) % opt->memory;
			if (opt->pairs < opt->memory)
				opt->pairs++;
		}
	}
	memcpy(l->x, x, n * sizeof(double));
	memcpy(l->g, gradient, n * sizeof(double));
	opt->base.f = f;
	opt->gradient_norm = max_norm(n, gradient);
}

/*
 * mlops_lbfgs_step: see numeric.h.  ML_NOT_FINITE if f or its gradient is not
 * finite at the very first point.
 */
MlStatus
mlops_lbfgs_step(MlLbfgs *opt, double *x, double f, const double *gradient)
{
	Layout		l = layout(opt);
	int			n = opt->n;
	double		before = opt->base.f;
	Trial		now;

	if (!opt->started)
	{
		opt->started = 1;
		memcpy(l.x, x, n * sizeof(double));
		memcpy(l.g, gradient, n * sizeof(double));
		opt->base.f = f;
		opt->gradient_norm = max_norm(n, gradient);
		if (!isfinite(f) || !isfinite(opt->gradient_norm))
			return ML_NOT_FINITE;
		if (opt->gradient_norm <= opt->gtol)
			return ML_OK;
		return begin_search(opt, &l, x) ? ML_CONTINUE : ML_STALLED;
	}

	now.a = opt->a;
	now.f = f;
	now.slope = dot(n, gradient, l.d);
	if (search(opt, &l, gradient, &now))
		accept(opt, &l, x, f, gradient);
	else if (opt->a != 0.0)
	{
		set_point(opt, &l, opt->a, x);
		return ML_CONTINUE;
	}
	else if (opt->low.a > 0.0)
	{
		/* not Wolfe, but lower */
		set_point(opt, &l, opt->low.a, x);
		accept(opt, &l, x, opt->low.f, l.low_g);
	}
	else
	{
		memcpy(x, l.x, n * sizeof(double));
		if (opt->pairs == 0)
			return ML_STALLED;
		/* once more, straight down */
		opt->pairs = 0;
		return begin_search(opt, &l, x) ? ML_CONTINUE : ML_STALLED;
	}

	if (opt->gradient_norm <= opt->gtol ||
		(opt->ftol > 0 &&
		 before - opt->base.f <= opt->ftol * fmax(1.0, fabs(before))))
		return ML_OK;
	opt->idle = opt->base.f < before ? 0 : opt->idle + 1;
	if (opt->idle < MAX_IDLE && begin_search(opt, &l, x))
		return ML_CONTINUE;
	memcpy(x, l.x, n * sizeof(double));
	return ML_STALLED;
}
