/*-------------------------------------------------------------------------
 *
 * lsq_solve.c
 *	  Coefficients, residual and conditioning from the triangular factor.
 *
 * Least squares over rows X and least squares over their factor R have the
 * same solution, residual sum of squares and column norms, because R = Q'X
 * with orthonormal Q.  So everything here works on a triangle of p + 1
 * columns, whatever the number of rows.
 *
 * The ridge penalty is p - 1 (or p) more rows, sqrt(ridge) times a unit vector
 * each, folded into a copy of R by reflections: ridge regression is least
 * squares with these rows, response zero.  Its sum of squared residuals counts
 * the penalty, so that of the data is computed from the coefficients and the
 * factor without those rows.
 *
 * Aliased columns: LINPACK's dqrdc2 as R has it [1], which takes columns in
 * order and sets aside one whose norm below the rows used so far is less than
 * tolerance times its norm.  In a triangle that is its diagonal alone until a
 * column has been set aside; after that the columns are longer by one row for
 * each, and a reflection shortens them again.
 *
 * [1] R Core Team: R, src/appl/dqrdc2.f (the rule, not the code)
 *
 * IDENTIFICATION
 *	  src/numeric/lsq_solve.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/numeric.h"

#include "lsq_private.h"

/* rows of a piece of the inverse, and of the penalty */
#define PIECE_ROWS		32
/* beyond this many columns the condition number is iterated for */
#define SVD_COLS		256
#define CONDITION_STEPS 60

/* The caller's work, cut up. */
typedef struct Work
{
	int			n;				/* columns with the response */
	int			p;				/* without */
	double	   *w;				/* n x n: the factor with the penalty, reduced */
	double	   *t;				/* p x p: kept columns, a triangle */
	double	   *piece;			/* PIECE_ROWS x n, also vectors of length p */
	double	   *norm;			/* n */
	double	   *kept;			/* p: index of the k-th kept column */
	double	   *svd;
} Work;

static size_t
svd_size(int p)
{
	return mlops_blas_svd_work(p < SVD_COLS ? p : SVD_COLS,
							   p < SVD_COLS ? p : SVD_COLS);
}

/* mlops_lsq_solve_work returns the doubles that mlops_lsq_solve needs. */
size_t
mlops_lsq_solve_work(int p)
{
	size_t		n = (size_t) p + 1;

	return n * n + (size_t) p * p + PIECE_ROWS * n + n + p + svd_size(p);
}

static void
cut_work(Work *work, int p, double *memory)
{
	size_t		n = (size_t) p + 1;

	work->n = (int) n;
	work->p = p;
	work->w = memory;
	work->t = work->w + n * n;
	work->piece = work->t + (size_t) p * p;
	work->norm = work->piece + PIECE_ROWS * n;
	work->kept = work->norm + n;
	work->svd = work->kept + p;
}

static void
tick(void)
{
	if (mlops_numeric_tick)
		mlops_numeric_tick();
}

/* Fold sqrt(ridge) times the unit vectors into w. */
static void
add_penalty(Work *work, int intercept, double ridge)
{
	int			n = work->n;
	int			first,
				j,
				count;

	for (first = 0; first < work->p; first += PIECE_ROWS)
	{
		int			last = first + PIECE_ROWS < work->p ?
			first + PIECE_ROWS : work->p;

		memset(work->piece, 0, (size_t) PIECE_ROWS * n * sizeof(double));
		count = 0;
		for (j = first; j < last; j++)
			if (j != intercept)
				work->piece[(size_t) count++ * n + j] = sqrt(ridge);
		mlops_lsq_reflect(n, work->w, count, work->piece, first);
	}
}

/*
 * Reduce w to the triangle of its kept columns, which stay where they are:
 * row k belongs to column kept[k].  Returns the rank.
 */
static int
reduce(Work *work, double tolerance)
{
	int			n = work->n;
	int			rank = 0;
	int			i,
				j,
				k;

	for (j = 0; j < work->p; j++)
		work->norm[j] = mlops_lsq_norm(j + 1, work->w + j, n);
	for (j = 0; j < work->p; j++)
	{
		double	   *column = work->w + (size_t) rank * n + j;
		int			below = j - rank;	/* entries under the diagonal to be */
		double		rest = mlops_lsq_norm(below + 1, column, n);

		if (work->norm[j] == 0.0 || rest < tolerance * work->norm[j])
			continue;
		if (below > 0)
		{
			double		beta = -copysign(rest, column[0]);
			double		tau = (beta - column[0]) / beta;
			double		scale = column[0] - beta;

			for (i = 1; i <= below; i++)
				column[(size_t) i * n] /= scale;
			for (k = j + 1; k < n; k++)
			{
				double	   *other = work->w + (size_t) rank * n + k;
				double		dot = other[0];

				for (i = 1; i <= below; i++)
					dot += column[(size_t) i * n] * other[(size_t) i * n];
				dot *= tau;
				other[0] -= dot;
				for (i = 1; i <= below; i++)
					other[(size_t) i * n] -= dot * column[(size_t) i * n];
			}
			column[0] = beta;
			tick();
		}
		work->kept[rank++] = j;
	}
	return rank;
}

/* Pack the kept columns of w into the rank x rank triangle t. */
static void
pack(Work *work, int rank)
{
	int			i,
				k;

	for (i = 0; i < rank; i++)
		for (k = 0; k < rank; k++)
			work->t[(size_t) i * rank + k] = k < i ? 0.0 :
				work->w[(size_t) i * work->n + (int) work->kept[k]];
}

/* t x = first rank entries of w's last column; x over b */
static void
back_substitute(const Work *work, int rank, double *b)
{
	int			i,
				k;

	for (i = rank - 1; i >= 0; i--)
	{
		double		sum = work->w[(size_t) i * work->n + work->p];

		for (k = i + 1; k < rank; k++)
			sum -= work->t[(size_t) i * rank + k] * b[k];
		b[i] = sum / work->t[(size_t) i * rank + i];
	}
}

/*
 * The diagonal of (T'T)^-1 = T^-1 T^-T: sums of squares of the inverse's rows,
 * which are unit rows solved with T, zero before their own column.
 */
static void
inverse_diagonal(Work *work, int rank, double *cov_diag)
{
	int			first,
				i,
				k;

	for (first = 0; first < rank; first += PIECE_ROWS)
	{
		int			count = rank - first < PIECE_ROWS ? rank - first : PIECE_ROWS;
		int			width = rank - first;

		memset(work->piece, 0, (size_t) count * width * sizeof(double));
		for (i = 0; i < count; i++)
			work->piece[(size_t) i * width + i] = 1.0;
		mlops_blas_trsm(count, width,
						work->t + (size_t) first * rank + first, rank,
						work->piece, width);
		for (i = 0; i < count; i++)
		{
			double		norm = mlops_lsq_norm(width - i, work->piece +
											  (size_t) i * width + i, 1);

			k = (int) work->kept[first + i];
			cov_diag[k] = norm * norm;
		}
		tick();
	}
}

/*
 * The largest singular value of t, or of its inverse, by power iteration on
 * T'T: a lower bound that is close when it stops moving.
 */
static double
iterate_norm(const Work *work, int rank, bool inverse)
{
	const double *t = work->t;
	double	   *x = work->piece;
	double	   *y = x + rank;
	double		norm = 0.0;
	int			step,
				i,
				k;

	for (i = 0; i < rank; i++)
		x[i] = 1.0 / (1.0 + i % 7);
	for (step = 0; step < CONDITION_STEPS; step++)
	{
		double		previous = norm;
		double		length = mlops_lsq_norm(rank, x, 1);

		for (i = 0; i < rank; i++)
			x[i] /= length;
		if (inverse)
		{
			/* y = T^-T x, then x = T^-1 y */
			memcpy(y, x, rank * sizeof(double));
			mlops_blas_trsm(1, rank, t, rank, y, rank);
			norm = mlops_lsq_norm(rank, y, 1);
			for (i = rank - 1; i >= 0; i--)
			{
				double		sum = y[i];

				for (k = i + 1; k < rank; k++)
					sum -= t[(size_t) i * rank + k] * x[k];
				x[i] = sum / t[(size_t) i * rank + i];
			}
		}
		else
		{
			mlops_blas_gemv_n(rank, rank, t, rank, x, y);
			norm = mlops_lsq_norm(rank, y, 1);
			memset(x, 0, rank * sizeof(double));
			mlops_blas_gemv_t(rank, rank, t, rank, y, x);
		}
		tick();
		if (!(fabs(norm - previous) > 1e-4 * norm))
			break;
	}
	return norm;
}

/* The condition number of t, which is destroyed, with columns of unit length. */
static double
condition_of(Work *work, int rank)
{
	double	   *s = work->norm;
	int			i,
				k;

	for (k = 0; k < rank; k++)
	{
		double		norm = mlops_lsq_norm(k + 1, work->t + k, rank);

		for (i = 0; i <= k; i++)
			work->t[(size_t) i * rank + k] /= norm;
	}
	if (rank > SVD_COLS)
		return iterate_norm(work, rank, false) * iterate_norm(work, rank, true);
	if (!mlops_blas_svd(rank, rank, work->t, rank, s, work->svd))
		return NAN;
	return s[0] / s[rank - 1];
}

/*
 * Total sum of squares, about the weighted mean where there is an intercept:
 * the response less its part along the intercept's column, in the
 * coordinates of R.
 */
static void
total_squares(const MlLsq *lsq, int intercept, MlLsqFit *fit, double *y)
{
	int			n = lsq->ncols;
	const double *r = LSQ_R(lsq);
	double		norm;
	int			i;

	for (i = 0; i < n; i++)
		y[i] = r[(size_t) i * n + n - 1];
	fit->mean_y = 0.0;
	if (intercept >= 0)
	{
		double		dot = 0.0,
					square = 0.0;

		for (i = 0; i <= intercept; i++)
		{
			double		c = r[(size_t) i * n + intercept];

			dot += c * y[i];
			square += c * c;
		}
		if (square > 0)
			fit->mean_y = dot / square;
		for (i = 0; i <= intercept; i++)
			y[i] -= fit->mean_y * r[(size_t) i * n + intercept];
	}
	norm = mlops_lsq_norm(n, y, 1);
	fit->tss = norm * norm;
}

/* Sum of squares of the data's residuals, from coefficients and R. */
static double
residual_squares(const MlLsq *lsq, const double *coef, double *residual)
{
	int			n = lsq->ncols;
	const double *r = LSQ_R(lsq);
	double		norm;
	int			i,
				j;

	for (i = 0; i < n; i++)
	{
		residual[i] = r[(size_t) i * n + n - 1];
		for (j = i; j < n - 1; j++)
			if (!isnan(coef[j]))
				residual[i] -= r[(size_t) i * n + j] * coef[j];
	}
	norm = mlops_lsq_norm(n, residual, 1);
	return norm * norm;
}

static bool
all_finite(const MlLsq *lsq)
{
	const double *r = LSQ_R(lsq);
	size_t		count = (size_t) lsq->ncols * lsq->ncols;
	size_t		i;

	for (i = 0; i < count; i++)
		if (!isfinite(r[i]))
			return false;
	return true;
}

/*
 * mlops_lsq_solve fills *fit; *lsq is flushed.  ML_SINGULAR: no column is
 * left.  ML_NOT_FINITE: the sums, or the solution, left the range of numbers.
 */
MlStatus
mlops_lsq_solve(MlLsq *lsq, int intercept, double ridge, double tolerance,
				MlLsqFit *fit, double *memory)
{
	Work		work;
	int			p = lsq->ncols - 1;
	int			rank,
				k;

	mlops_lsq_flush(lsq);
	cut_work(&work, p, memory);
	for (k = 0; k < p; k++)
		fit->coef[k] = fit->cov_diag[k] = NAN;
	fit->rank = 0;
	fit->rss = fit->tss = fit->mean_y = fit->condition = NAN;
	if (!all_finite(lsq))
		return ML_NOT_FINITE;

	total_squares(lsq, intercept, fit, work.piece);
	memcpy(work.w, LSQ_R(lsq), (size_t) work.n * work.n * sizeof(double));
	if (ridge > 0)
		add_penalty(&work, intercept, ridge);
	rank = fit->rank = reduce(&work, tolerance);
	if (rank == 0)
	{
		fit->rss = residual_squares(lsq, fit->coef, work.piece);
		return p == 0 ? ML_OK : ML_SINGULAR;
	}

	pack(&work, rank);
	back_substitute(&work, rank, work.piece);
	for (k = 0; k < rank; k++)
	{
		if (!isfinite(work.piece[k]))
			return ML_NOT_FINITE;
		fit->coef[(int) work.kept[k]] = work.piece[k];
	}
	if (ridge > 0)
		fit->rss = residual_squares(lsq, fit->coef, work.piece);
	else
	{
		double		norm = mlops_lsq_norm(work.n - rank, work.w +
										  (size_t) rank * work.n + p, work.n);

		fit->rss = norm * norm;
	}
	inverse_diagonal(&work, rank, fit->cov_diag);
	fit->condition = condition_of(&work, rank);
	return ML_OK;
}
