/*-------------------------------------------------------------------------
 *
 * joint.c
 *	  How far a row is from the middle of the training rows, all numbers
 *	  together: Mahalanobis's squared distance.
 *
 * Numbers are standardized first.  Their correlation matrix R is shrunk towards
 * its diagonal, (1 - a) R + a I, as Schaefer and Strimmer do with a covariance
 * (target D, "diagonal, unequal variance") [1]; their estimate of the best a is
 * next to nothing with so many rows, so it is fixed at 0.01 + n / rows: columns
 * that are linear in others leave a matrix whose least eigenvalue is 0.01, and
 * Cholesky's factor exists.  Constant columns are left out.
 *
 * A missing number is at the middle, in the learning as in the asking.  A
 * standardized one is cut off at 1e6, so that a distance is a number whatever
 * comes.  Sums are in one order: the same rows give the same bytes.
 *
 * [1] Schaefer, Strimmer: A shrinkage approach to large-scale covariance matrix
 *	   estimation, Statistical Applications in Genetics and Molecular Biology 4,
 *	   2005, table 2
 *
 * IDENTIFICATION
 *	  src/profile/joint.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "mlops/reference.h"

#define SHRINKAGE	0.01
#define FARTHEST	1e6			/* of a standardized number */
#define LANES		64			/* rows looked at together */

#define PACKED(i)	((i) * ((i) + 1) / 2)

/* Mean and standard deviation of a slot; false: it is constant, empty or out of range. */
static bool
learn_slot(const MlSeen *rows, int slot, double *mean, double *sd)
{
	double		sum = 0;
	double		squares = 0;
	int64		n = 0;

	for (int64 i = 0; i < rows->nrows; i++)
	{
		double		v = rows->x[(Size) i * rows->width + slot];

		if (!isnan(v))
		{
			sum += v;
			n++;
		}
	}
	*mean = sum / (double) Max(n, 1);
	for (int64 i = 0; i < rows->nrows; i++)
	{
		double		v = rows->x[(Size) i * rows->width + slot] - *mean;

		if (!isnan(v))
			squares += v * v;
	}
	*sd = sqrt(squares / (double) Max(n, 1));
	/* what is left of a constant's rounding is no spread */
	return n > 1 && isfinite(*mean) && isfinite(*sd) && *sd > 1e-12 * fabs(*mean) && *sd > 1e-300;
}

/* Up to LANES rows as columns of standardized numbers. */
static void
standardize(const MlJoint *joint, const double *x, int width, int n, double (*z)[LANES])
{
	for (int k = 0; k < joint->n; k++)
	{
		double		mean = joint->mean[k];
		double		scale = joint->scale[k];
		const double *from = x + joint->slot[k];

		for (int i = 0; i < n; i++, from += width)
		{
			double		v = (*from - mean) / scale;

			v = v > FARTHEST ? FARTHEST : v < -FARTHEST ? -FARTHEST : v;
			z[k][i] = isnan(v) ? 0.0 : v;
		}
		for (int i = n; i < LANES; i++)
			z[k][i] = 0.0;
	}
}

/* The lower half of the shrunk correlation matrix, packed by rows. */
static double *
learn_correlation(const MlJoint *joint, const MlSeen *rows)
{
	int			n = joint->n;
	double		shrinkage = Min(1.0, SHRINKAGE + n / (double) rows->nrows);
	double	   *r = palloc0(sizeof(double) * PACKED(n));
	double		(*z)[LANES] = palloc(sizeof(*z) * n);

	for (int64 at = 0; at < rows->nrows; at += LANES)
	{
		if (at % (LANES * 64) == 0)
			CHECK_FOR_INTERRUPTS();
		standardize(joint, rows->x + (Size) at * rows->width, rows->width,
					(int) Min(LANES, rows->nrows - at), z);
		for (int i = 0; i < n; i++)
			for (int j = 0; j <= i; j++)
			{
				double		part[8] = {0};

				for (int k = 0; k < LANES; k += 8)
					for (int l = 0; l < 8; l++)
						part[l] += z[i][k + l] * z[j][k + l];
				r[PACKED(i) + j] += ((part[0] + part[1]) + (part[2] + part[3])) +
					((part[4] + part[5]) + (part[6] + part[7]));
			}
	}
	for (int i = 0; i < n; i++)
		for (int j = 0; j <= i; j++)
			r[PACKED(i) + j] *= (i == j ? 1.0 : 1.0 - shrinkage) / (double) rows->nrows;
	/* a number that is often missing or cut off has a variance below one */
	for (int i = 0; i < n; i++)
		r[PACKED(i) + i] = Max(r[PACKED(i) + i], SHRINKAGE);
	pfree(z);
	return r;
}

/* Cholesky's factor in place of the matrix; false: it is not positive definite. */
static bool
factor(double *a, int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j <= i; j++)
		{
			double		sum = a[PACKED(i) + j];

			for (int k = 0; k < j; k++)
				sum -= a[PACKED(i) + k] * a[PACKED(j) + k];
			if (i != j)
				a[PACKED(i) + j] = sum / a[PACKED(j) + j];
			else if (!(sum > 0))
				return false;
			else
				a[PACKED(i) + i] = sqrt(sum);
		}
	return true;
}

/* The inverse in place of a lower triangle. */
static void
invert(double *a, int n)
{
	for (int i = 0; i < n; i++)
	{
		double		diagonal = 1.0 / a[PACKED(i) + i];

		for (int j = 0; j < i; j++)
		{
			double		sum = 0;

			for (int k = j; k < i; k++)
				sum += a[PACKED(i) + k] * a[PACKED(k) + j];
			a[PACKED(i) + j] = -sum * diagonal;
		}
		a[PACKED(i) + i] = diagonal;
	}
}

/*
 * mlops_joint_learn - the middle and spread of numbers
 */
void
mlops_joint_learn(const MlSeen *rows, const bool *wanted, MlJoint *out)
{
	double		mean;
	double		sd;

	memset(out, 0, sizeof(*out));
	out->slot = palloc(sizeof(int) * MLOPS_JOINT_NUMBERS);
	out->mean = palloc(sizeof(double) * MLOPS_JOINT_NUMBERS);
	out->scale = palloc(sizeof(double) * MLOPS_JOINT_NUMBERS);
	for (int slot = 0; slot < rows->width && out->n < MLOPS_JOINT_NUMBERS; slot++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!wanted[slot] || !learn_slot(rows, slot, &mean, &sd))
			continue;
		out->slot[out->n] = slot;
		out->mean[out->n] = mean;
		out->scale[out->n++] = sd;
	}
	if (out->n < 2)
	{
		out->n = 0;
		return;
	}
	out->whiten = learn_correlation(out, rows);
	if (!factor(out->whiten, out->n))
	{
		out->n = 0;
		return;
	}
	invert(out->whiten, out->n);
}

/*
 * mlops_joint_distances - of rows from the middle, squared
 */
void
mlops_joint_distances(const MlJoint *joint, const double *x, int width, int n, double *out)
{
	double		z[MLOPS_JOINT_NUMBERS][LANES];

	for (int at = 0; at < n; at += LANES)
	{
		int			rows = Min(LANES, n - at);
		double		sum[LANES] = {0};

		standardize(joint, x + (Size) at * width, width, rows, z);
		for (int i = 0; i < joint->n; i++)
		{
			const double *w = joint->whiten + PACKED(i);
			double		y[LANES] = {0};

			for (int j = 0; j <= i; j++)
				for (int k = 0; k < LANES; k++)
					y[k] += w[j] * z[j][k];
			for (int k = 0; k < LANES; k++)
				sum[k] += y[k] * y[k];
		}
		memcpy(out + at, sum, sizeof(double) * rows);
	}
}
