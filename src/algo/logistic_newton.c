/*-------------------------------------------------------------------------
 *
 * logistic_newton.c
 *	  Newton steps, aliased columns and inference for logistic regression.
 *
 * The objective is  f(gamma) = loss + l2/2 * |b without intercepts|^2  where
 * b_j = gamma_j * inv_scale_j are coefficients of the original columns, so the
 * penalty of gamma_j is l2 * inv_scale_j^2.
 *
 * Newton's system is scaled to a unit diagonal before it is factored.  Where
 * even that is not positive definite (separated classes, whose Hessian fades)
 * a little is added to the diagonal; the step is then still one of descent.
 *
 * With K symmetric sets a constant added to all intercepts changes nothing;
 * that direction gets curvature of its own, and steps do not enter it.
 *
 * IDENTIFICATION
 *	  src/algo/logistic_newton.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "logistic.h"

/* A column is aliased when the square of what is new in it is below this share. */
#define ALIAS_TOLERANCE		1e-12
#define DAMPING_FIRST		1e-12
#define DAMPING_LAST		1e-2
#define SOLVE_ROWS			128		/* rows of the inverse between two looks at interrupts */

/* The penalty; its gradient is added to "gradient" unless that is NULL. */
double
mlops_logistic_penalty(const LogisticState *st, const double *gamma,
					   double *gradient)
{
	int			p = st->shape.p;
	double		sum = 0;

	if (st->l2 <= 0)
		return 0;
	for (int q = 0; q < st->shape.sets; q++)
		for (int j = 1; j < p; j++)
		{
			double		s2 = st->inv_scale[j] * st->inv_scale[j];
			double		g = gamma[q * p + j];

			sum += s2 * g * g;
			if (gradient)
				gradient[q * p + j] += st->l2 * s2 * g;
		}
	return 0.5 * st->l2 * sum;
}

/* Minus the log-likelihood of the model without terms, from the classes' weights. */
double
mlops_logistic_null_loss(const LogisticState *st)
{
	double		loss = 0;

	if (!st->shape.intercept)
		return st->sum_weight * log(st->shape.nclasses);
	for (int k = 0; k < st->shape.nclasses; k++)
	{
		double		w = st->class_total[k];

		if (w > 0)
			loss -= w * log(w / st->sum_weight);
	}
	return loss;
}

/*
 * Find columns that depend on earlier ones: Cholesky's recurrence, in the
 * order of the columns, on the first set's Hessian block scaled to a unit
 * diagonal, skipping a column whose pivot vanishes.  Marks them inactive and
 * returns how many are new.
 */
int
mlops_logistic_find_aliased(LogisticState *st, const LogisticArrays *a)
{
	int			p = st->shape.p;
	const double *h = mlops_logistic_hessian_block(&st->shape, a->hessian, 0, 0);
	double	   *r = palloc_extended(sizeof(double) * p * p,
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int			found = 0;

	for (int j = 0; j < p; j++)
	{
		double		hjj = h[(Size) j * p + j];
		double		scale = hjj > 0 ? 1.0 / sqrt(hjj) : 0.0;
		double		pivot = 1.0;

		if (!st->active[j])
			continue;
		for (int i = 0; i < j; i++)
			pivot -= r[(Size) i * p + j] * r[(Size) i * p + j] * scale * scale;
		if (hjj <= 0 || pivot < ALIAS_TOLERANCE)
		{
			st->active[j] = false;
			found++;
			continue;
		}

		/* row j of R in the matrix's own units: R'R = H over active columns */
		r[(Size) j * p + j] = sqrt(pivot * hjj);
		memcpy(r + (Size) j * p + j + 1, h + (Size) j * p + j + 1,
			   sizeof(double) * (p - j - 1));
		for (int i = 0; i < j; i++)
		{
			double		rij = r[(Size) i * p + j];
			const double *ri = r + (Size) i * p;
			double	   *rj = r + (Size) j * p;

			if (rij == 0)
				continue;
			for (int k = j + 1; k < p; k++)
				rj[k] -= rij * ri[k];
		}
		for (int k = j + 1; k < p; k++)
			r[(Size) j * p + k] /= r[(Size) j * p + j];
		CHECK_FOR_INTERRUPTS();
	}
	pfree(r);
	return found;
}

/* One element of the Hessian of f, places in gamma u <= v. */
static double
hessian_at(const LogisticState *st, const LogisticArrays *a, int u, int v,
		   double shift)
{
	int			p = st->shape.p;
	int			q = u / p;
	int			r = v / p;
	int			i = Min(u % p, v % p);
	int			j = Max(u % p, v % p);
	double		h;

	h = mlops_logistic_hessian_block(&st->shape, a->hessian, q, r)[(Size) i * p + j];
	if (q != r)
		h = -h;
	else if (i == j && i > 0)
		h += st->l2 * st->inv_scale[i] * st->inv_scale[i];
	return i == 0 && j == 0 ? h + shift : h;
}

/* Fill factor->r with the scaled Hessian of the active coefficients. */
static void
fill_scaled(LogisticState *st, const LogisticArrays *a, double damping)
{
	LogisticFactor *f = &st->factor;
	double		shift = 0;

	if (st->shape.intercept && st->shape.sets == st->shape.nclasses)
		shift = a->hessian[0];
	for (int u = 0; u < f->n; u++)
	{
		double		h = hessian_at(st, a, f->index[u], f->index[u], shift);

		f->scale[u] = h > 0 ? 1.0 / sqrt(h) : 1.0;
	}
	for (int u = 0; u < f->n; u++)
	{
		double	   *row = f->r + (Size) u * f->n;

		for (int v = u; v < f->n; v++)
			row[v] = f->scale[u] * f->scale[v] *
				hessian_at(st, a, f->index[u], f->index[v], shift);
		row[u] += damping;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Factor the Hessian into st->factor; false: hopeless. */
bool
mlops_logistic_factor(LogisticState *st, const LogisticArrays *a)
{
	LogisticFactor *f = &st->factor;
	double		damping = 0;

	if (f->index == NULL)
	{
		f->index = palloc(sizeof(int) * st->d);
		f->scale = palloc(sizeof(double) * st->d);
		f->r = palloc_extended(sizeof(double) * st->d * st->d, MCXT_ALLOC_HUGE);
	}
	f->n = 0;
	for (int u = 0; u < st->d; u++)
		if (st->active[u % st->shape.p])
			f->index[f->n++] = u;
	for (;;)
	{
		fill_scaled(st, a, damping);
		if (mlops_blas_potrf(f->n, f->r, f->n))
			return true;
		if (damping > DAMPING_LAST)
			return false;
		damping = damping > 0 ? damping * 100 : DAMPING_FIRST;
	}
}

/*
 * The Newton step from a factored Hessian and the gradient of f into st->step;
 * returns the squared decrement g' H^-1 g, twice what a quadratic f would
 * lose.
 */
double
mlops_logistic_step(LogisticState *st, const double *gradient)
{
	const LogisticFactor *f = &st->factor;
	double	   *u = palloc(sizeof(double) * Max(f->n, 1));
	double		decrement = 0;

	memset(st->step, 0, sizeof(double) * st->d);
	for (int i = 0; i < f->n; i++)
		u[i] = -gradient[f->index[i]] * f->scale[i];

	/* R' u = u, then R u = u */
	for (int i = 0; i < f->n; i++)
	{
		const double *row = f->r + (Size) i * f->n;

		u[i] /= row[i];
		decrement += u[i] * u[i];
		for (int k = i + 1; k < f->n; k++)
			u[k] -= row[k] * u[i];
	}
	for (int i = f->n - 1; i >= 0; i--)
	{
		const double *row = f->r + (Size) i * f->n;

		for (int k = i + 1; k < f->n; k++)
			u[i] -= row[k] * u[k];
		u[i] /= row[i];
		st->step[f->index[i]] = u[i] * f->scale[i];
	}
	pfree(u);
	return decrement;
}

/*
 * Standard errors into the body, from the inverse of the Hessian: with
 * A^-1 = D R^-1 R^-T D, a coefficient's variance is the squared length of its
 * row of D R^-1; the intercept of the original columns is the combination
 * gamma_0 - sum_j center_j inv_scale_j gamma_j.
 */
void
mlops_logistic_infer(const LogisticState *st, LogisticBody *body)
{
	const LogisticFactor *f = &st->factor;
	int			p = st->shape.p;
	double	   *inverse = palloc_extended(sizeof(double) * f->n * f->n + 1,
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	double	   *mix = palloc0(sizeof(double) * Max(f->n, 1));

	for (int i = 0; i < f->n; i++)
		inverse[(Size) i * f->n + i] = 1.0;
	for (int i = 0; i < f->n; i += SOLVE_ROWS)
	{
		CHECK_FOR_INTERRUPTS();
		mlops_blas_trsm(Min(SOLVE_ROWS, f->n - i), f->n, f->r, f->n,
						inverse + (Size) i * f->n, f->n);
	}
	for (int first = 0; first < f->n;)
	{
		int			set = f->index[first] / p;
		int			last = first;

		memset(mix, 0, sizeof(double) * f->n);
		for (; last < f->n && f->index[last] / p == set; last++)
		{
			const double *row = inverse + (Size) last * f->n;
			int			j = f->index[last] % p;
			double		factor = j == 0 ? 1.0 : -st->center[j] * st->inv_scale[j];
			double		sum = 0;

			for (int k = last; k < f->n; k++)
			{
				sum += row[k] * row[k];
				mix[k] += factor * f->scale[last] * row[k];
			}
			body->std_error[f->index[last]] =
				sqrt(sum) * f->scale[last] * st->inv_scale[j];
		}
		if (f->index[first] % p == 0)
		{
			double		sum = 0;

			for (int k = first; k < f->n; k++)
				sum += mix[k] * mix[k];
			body->std_error[f->index[first]] = sqrt(sum);
		}
		first = last;
		CHECK_FOR_INTERRUPTS();
	}
	for (int i = 0; i < st->d; i++)
		if (isinf(body->std_error[i]))
			body->std_error[i] = NAN;
	pfree(mix);
	pfree(inverse);
}
