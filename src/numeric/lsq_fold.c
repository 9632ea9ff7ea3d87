/*-------------------------------------------------------------------------
 *
 * lsq_fold.c
 *	  How rows are folded into the triangular factor of least squares.
 *
 * An MlLsq keeps the upper triangular R with R'R = X'X, the response being
 * X's last column, and a buffer of rows that are not in R yet.  Two factors
 * merge by folding the rows of one into the other, so rows may come in any
 * number of pieces.  X'X itself, whose condition is the square of X's, is
 * relied on only where that is known to be harmless (the third way below).
 *
 * A full buffer B (m rows) is folded in one of three ways.
 *
 * 1. Householder: the triangle and the rectangle stacked, [R; B], are brought
 * to triangular form by reflections in compact WY form, 16 columns at a time
 * and 128 rows at a time [1, 2].  Backward stable by columns: the new R is
 * the exact factor of rows of which each column is perturbed by a few eps of
 * its own norm.
 *
 * 2. Cholesky in the coordinates of the running factor: as R is known, let
 *
 *		Y = B R^-1,	  G += Y'Y,	  and later	 U'U = I + G,  R := U R,  G := 0
 *
 * which is exact because R'R + B'B = R'(I + Y'Y)R.  It is Cholesky QR with
 * preconditioning [3, 4], the preconditioner being the rows that came before,
 * and costs a triangular solve and a symmetric product, which run at the
 * processor's speed.  Its error: the solve satisfies Y R = B + E with
 * |E| <= c |Y||R| row by row, c = O(n eps), so each column of B is perturbed
 * by at most c sqrt(trace G) of the norm of that column of R.  The product and
 * the factorization leave U'U = I + G + F with |F| = O(eps)(1 + trace G)
 * times modest powers of n.  I + G has no eigenvalue below 1, so F
 * is a perturbation of no larger norm of the rows [I; Y], and through R again one
 * of each column relative to its norm.  So the second way has the same kind
 * of backward error as the first as long as trace G stays moderate, whatever
 * the condition of X: G is bounded by FOLD_TRACE times n, beyond which it
 * goes into R, and a block whose own trace is above BLOCK_TRACE times n (or not finite:
 * a direction R has not seen, as a category that appears late) takes the first way,
 * as do the first rows.
 *
 * 3. Where the columns are far from dependent, which they usually are once the
 * mean is out, the solve is not needed.  With c[j] = R[0][j] / R[0][0] and b
 * the coefficients that R gives for the response in these coordinates, let
 *
 *		z = x - x[0] c,	  e = z[p] - b'z,	and G += Y'Y for the rows (z, e)
 *
 * Then U'U = S'S + G, where S is what R is for such rows: its first row and its
 * last column are zero but for the diagonal.  U brought back to x is the new R.
 * The subtractions perturb each column by a few eps of its norm, as |R[0][j]|
 * is no more than that, and the response by no more than the condition times
 * that.  The Cholesky factorization of sums is normal equations, whose error
 * is eps times the square of the condition of S, columns scaled.  That is
 * bounded beforehand by PLAIN_INVERSE: at most 12 bits are lost, usually far
 * fewer, and the price is half of that of the solve.  Column 0 is usually
 * the intercept, but nothing depends on it.
 *
 * A column without any value but zero so far has a zero column in R and, since
 * reflections leave it out, a zero row.  For the solve its diagonal is set to
 * DEAD: zero over it is zero, anything else shows in the trace.  A column
 * that depends on others leaves a diagonal of rounding errors; it is lifted to
 * NEGLIGIBLE times the column's norm, which perturbs that column by as much.
 *
 * [1] Bjorck: Numerical Methods for Least Squares Problems, 1996
 * [2] Schreiber, Van Loan: A Storage-Efficient WY Representation for Products
 *	   of Householder Transformations, 1989
 * [3] Yamamoto, Nakatsukasa, Yanagisawa, Fukaya: Roundoff Error Analysis of
 *	   the CholeskyQR2 Algorithm, 2015
 * [4] Fukaya, Kannan, Nakatsukasa, Yamamoto, Yanagisawa: Shifted Cholesky QR
 *	   for Computing the QR Factorization of Ill-Conditioned Matrices, 2020
 *
 * IDENTIFICATION
 *	  src/numeric/lsq_fold.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/numeric.h"

#include "lsq_private.h"

/* G goes into R when its trace exceeds this many times n */
#define FOLD_TRACE		4.0
/* a block whose own trace exceeds this many times n is reflected instead */
#define BLOCK_TRACE		16.0
/* blocks of fewer rows are not worth a solve */
#define FEW_ROWS		8
/* diagonal of a column that was zero so far, while G is in use */
#define DEAD			0x1p-960
/* relative size below which a diagonal is rounding error */
#define NEGLIGIBLE		0x1p-46

/* sums without a solve: columns at most, and |S^-1|^2 (Frobenius) at most */
#define PLAIN_COLS		256
#define PLAIN_INVERSE	4096.0

/* columns and rows of a panel of reflections, columns of an update */
#define PANEL_COLS		16
#define PANEL_ROWS		128
#define UPDATE_COLS		128

/* columns of R := U R between two ticks */
#define MULTIPLY_COLS	128

/* mlops_lsq_norm returns sqrt(sum(x^2)) of n values that are stride apart. */
double
mlops_lsq_norm(int n, const double *x, int stride)
{
	double		sum = 0.0,
				max = 0.0;
	int			i;

	for (i = 0; i < n; i++)
		sum += x[(size_t) i * stride] * x[(size_t) i * stride];
	if (sum > 1e-250 && sum < 1e250)
		return sqrt(sum);

	/* the squares may have left the range: scale first */
	for (i = 0; i < n; i++)
	{
		double		a = fabs(x[(size_t) i * stride]);

		if (!(a <= max))
			max = a;
	}
	if (max == 0.0 || !isfinite(max))
		return max;
	sum = 0.0;
	for (i = 0; i < n; i++)
	{
		double		a = x[(size_t) i * stride] / max;

		sum += a * a;
	}
	return max * sqrt(sum);
}

/*
 * Make the reflection that takes column k of the panel into R's diagonal,
 * apply it to the panel's later columns, and extend the triangle t of the WY
 * form.  v is the panel, m x PANEL_COLS; column k becomes the reflection's
 * vector.  r points to the panel's diagonal block in R.
 */
static void
reflect_column(int m, int k, int width, double *v, double *r, int ldr,
			   double *t)
{
	double		dots[PANEL_COLS] = {0};
	double	   *rk = r + (size_t) k * ldr;
	double		norm = mlops_lsq_norm(m, v + k, PANEL_COLS);
	double		beta,
				tau,
				scale;
	int			i,
				j;

	if (norm == 0.0)
	{
		for (i = 0; i <= k; i++)
			t[i * PANEL_COLS + k] = 0.0;
		return;
	}
	beta = -copysign(hypot(rk[k], norm), rk[k]);
	tau = (beta - rk[k]) / beta;
	scale = rk[k] - beta;
	rk[k] = beta;
	for (i = 0; i < m; i++)
	{
		double	   *vi = v + (size_t) i * PANEL_COLS;
		double		x = vi[k] / scale;

		vi[k] = x;
		for (j = 0; j < PANEL_COLS; j++)
			dots[j] += x * vi[j];
	}

	for (j = k + 1; j < width; j++)
	{
		dots[j] = tau * (dots[j] + rk[j]);
		rk[j] -= dots[j];
	}
	for (i = 0; i < m; i++)
	{
		double	   *vi = v + (size_t) i * PANEL_COLS;

		for (j = k + 1; j < width; j++)
			vi[j] -= vi[k] * dots[j];
	}

	for (i = 0; i < k; i++)
	{
		double		sum = 0.0;

		for (j = i; j < k; j++)
			sum += t[i * PANEL_COLS + j] * dots[j];
		t[i * PANEL_COLS + k] = -tau * sum;
	}
	t[k * PANEL_COLS + k] = tau;
}

/*
 * Apply a panel's reflections to ncols columns: c is the panel's rows of R,
 * b the block's rows, both at those columns, with leading dimension ld.
 */
static void
apply_panel(int m, int width, const double *v, const double *minus_vt,
			const double *t, int ncols, double *c, double *b, int ld)
{
	double		w[PANEL_COLS * UPDATE_COLS];
	int			i,
				j,
				k;

	for (k = 0; k < width; k++)
		memcpy(w + k * UPDATE_COLS, c + (size_t) k * ld, ncols * sizeof(double));
	mlops_blas_gemm_tn(width, ncols, m, v, PANEL_COLS, b, ld, w, UPDATE_COLS);
	for (k = width - 1; k >= 0; k--)
	{
		double	   *wk = w + k * UPDATE_COLS;

		for (j = 0; j < ncols; j++)
			wk[j] *= t[k * PANEL_COLS + k];
		for (i = 0; i < k; i++)
			for (j = 0; j < ncols; j++)
				wk[j] += t[i * PANEL_COLS + k] * w[i * UPDATE_COLS + j];
		for (j = 0; j < ncols; j++)
			c[(size_t) k * ld + j] -= wk[j];
	}
	mlops_blas_gemm_tn(m, ncols, width, minus_vt, PANEL_ROWS, w, UPDATE_COLS,
					   b, ld);
}

/*
 * mlops_lsq_reflect folds m rows into the upper triangular n x n matrix r by
 * Householder reflections and destroys them.  Columns before "first" are zero
 * in the rows.
 */
void
mlops_lsq_reflect(int n, double *r, int m, double *rows, int first)
{
	double		v[PANEL_ROWS * PANEL_COLS];
	double		minus_vt[PANEL_COLS * PANEL_ROWS];
	double		t[PANEL_COLS * PANEL_COLS];

	for (; m > 0; m -= PANEL_ROWS, rows += (size_t) PANEL_ROWS * n)
	{
		int			rows_now = m < PANEL_ROWS ? m : PANEL_ROWS;
		int			c0,
					width,
					i,
					k,
					j;

		for (c0 = first; c0 < n; c0 += PANEL_COLS)
		{
			double	   *diagonal = r + (size_t) c0 * n + c0;

			width = n - c0 < PANEL_COLS ? n - c0 : PANEL_COLS;
			for (i = 0; i < rows_now; i++)
				for (k = 0; k < PANEL_COLS; k++)
					v[i * PANEL_COLS + k] =
						k < width ? rows[(size_t) i * n + c0 + k] : 0.0;
			for (k = 0; k < width; k++)
				reflect_column(rows_now, k, width, v, diagonal, n, t);
			for (k = 0; k < width; k++)
				for (i = 0; i < rows_now; i++)
					minus_vt[k * PANEL_ROWS + i] = -v[i * PANEL_COLS + k];
			for (j = c0 + width; j < n; j += UPDATE_COLS)
				apply_panel(rows_now, width, v, minus_vt, t,
							n - j < UPDATE_COLS ? n - j : UPDATE_COLS,
							r + (size_t) c0 * n + j, rows + j, n);
			if (mlops_numeric_tick)
				mlops_numeric_tick();
		}
	}
}

/*
 * The coordinates of the third way, n values each: what is subtracted (c), the
 * response's coefficients (b), and the norms of the columns of S.
 */
static void
plain_coordinates(int n, const double *r, double *c, double *b, double *norm)
{
	int			last = n - 1;
	int			i,
				j;

	c[0] = b[0] = b[last] = 0.0;
	norm[0] = fabs(r[0]);
	for (j = 1; j < n; j++)
	{
		c[j] = r[j] / r[0];
		norm[j] = j < last ? mlops_lsq_norm(j, r + n + j, n) :
			fabs(r[(size_t) j * n + j]);
	}
	for (i = last - 1; i > 0; i--)
	{
		double		sum = r[(size_t) i * n + last];

		for (j = i + 1; j < last; j++)
			sum -= r[(size_t) i * n + j] * b[j];
		b[i] = sum / r[(size_t) i * n + i];
	}
}

/* Is the third way accurate enough?  Uses G, which is empty, for work. */
static bool
plain_is_good(MlLsq *lsq)
{
	int			n = lsq->ncols;
	const double *r = LSQ_R(lsq);
	double	   *s = LSQ_G(lsq);
	double		norm[PLAIN_COLS],
				row[PLAIN_COLS],
				c[PLAIN_COLS],
				b[PLAIN_COLS];
	double		sum = 0.0;
	int			p = n - 1;
	int			i,
				j;

	if (n < 2 || n > PLAIN_COLS)
		return false;
	plain_coordinates(n, r, c, b, norm);
	for (j = 0; j < n; j++)
		if (!(norm[j] > 1e-100 && norm[j] < 1e100))
			return false;
	for (i = 0; i < p; i++)
		for (j = i; j < p; j++)
			s[(size_t) i * n + j] =
				i == 0 && j > 0 ? 0.0 : r[(size_t) i * n + j] / norm[j];
	for (i = 0; i < p && sum <= PLAIN_INVERSE; i++)
	{
		memset(row, 0, sizeof(row));
		row[0] = 1.0;
		mlops_blas_trsm(1, p - i, s + (size_t) i * n + i, n, row, p - i);
		for (j = 0; j < p - i; j++)
			sum += row[j] * row[j];
	}
	mlops_lsq_zero(s, (size_t) n * n * sizeof(double));
	return sum <= PLAIN_INVERSE;
}

/*
 * Make R fit for solving with it, no diagonal zero or rounding error, and
 * choose what G will be.
 */
static void
begin_epoch(MlLsq *lsq)
{
	int			n = lsq->ncols;
	double	   *r = LSQ_R(lsq);
	int			j;

	for (j = 0; j < n; j++)
	{
		double	   *diagonal = r + (size_t) j * n + j;
		double		norm = mlops_lsq_norm(j + 1, r + j, n);

		if (norm == 0.0)
			*diagonal = DEAD;
		else if (fabs(*diagonal) < NEGLIGIBLE * norm)
			*diagonal = copysign(NEGLIGIBLE * norm, *diagonal);
	}
	lsq->epoch = plain_is_good(lsq) ? EPOCH_PLAIN : EPOCH_SOLVE;
}

/*
 * Third way: turn u, a copy of G or G itself, into the new R.  A G that is no
 * Gram matrix can only come from overflow or forged bytes; it makes the
 * result say that it is not finite.
 */
static void
factor_plain(int n, const double *r, double *u)
{
	double		c[PLAIN_COLS],
				b[PLAIN_COLS],
				norm[PLAIN_COLS];
	int			last = n - 1;
	int			i,
				j;

	if (n < 2 || n > PLAIN_COLS)
	{
		u[0] = NAN;				/* forged */
		return;
	}
	plain_coordinates(n, r, c, b, norm);
	mlops_blas_syrk(n - 2, n - 2, r + n + 1, n, u + n + 1, n);
	u[0] += norm[0] * norm[0];
	u[(size_t) n * n - 1] += norm[last] * norm[last];
	if (!mlops_blas_potrf(n, u, n))
		u[0] = NAN;
	for (i = 0; i < last; i++)
		for (j = i; j < last; j++)
			u[(size_t) i * n + last] += u[(size_t) i * n + j] * b[j];
	for (j = 1; j < n; j++)
		u[j] += u[0] * c[j];
}

/* Second way: turn u into the factor that R is multiplied with. */
static void
factor_solve(int n, double *u)
{
	int			j;

	for (j = 0; j < n; j++)
		u[(size_t) j * n + j] += 1.0;
	if (!mlops_blas_potrf(n, u, n))
		u[0] = NAN;
}

/* mlops_lsq_end_epoch brings G into R. */
void
mlops_lsq_end_epoch(MlLsq *lsq)
{
	int			n = lsq->ncols;
	double	   *r = LSQ_R(lsq);
	double	   *g = LSQ_G(lsq);
	int			j;

	if (lsq->epoch == EPOCH_NONE)
		return;
	if (lsq->trace > 0.0)
	{
		if (lsq->epoch == EPOCH_PLAIN)
		{
			factor_plain(n, r, g);
			memcpy(r, g, (size_t) n * n * sizeof(double));
		}
		else
		{
			factor_solve(n, g);
			for (j = 0; j < n; j += MULTIPLY_COLS)
			{
				int			width = n - j < MULTIPLY_COLS ? n - j : MULTIPLY_COLS;

				mlops_blas_trmm(j + width, width, g, n, r + j, n);
				if (mlops_numeric_tick)
					mlops_numeric_tick();
			}
		}
		mlops_lsq_zero(g, (size_t) n * n * sizeof(double));
		lsq->trace = 0.0;
	}
	for (j = 0; j < n; j++)
		if (r[(size_t) j * n + j] == DEAD)
			r[(size_t) j * n + j] = 0.0;
	lsq->epoch = EPOCH_NONE;
}

/* Make the rows (z, e) of m rows x, and the sums of squares of their columns. */
static void
make_plain_rows(int m, int n, const double *restrict x, const double *restrict c,
				const double *restrict b, double *restrict y,
				double *restrict squares)
{
	double		residual = 0.0;
	int			i,
				j,
				k;

	memset(squares, 0, n * sizeof(double));
	for (i = 0; i < m; i++, x += n, y += n)
	{
		double		first = x[0];
		double		fit[8] = {0};

		/* pieces of known length, which compilers make vectors of */
		for (j = 0; j + 8 <= n; j += 8)
			for (k = 0; k < 8; k++)
			{
				double		z = x[j + k] - first * c[j + k];

				y[j + k] = z;
				squares[j + k] += z * z;
				fit[k] += z * b[j + k];
			}
		for (; j < n; j++)
		{
			y[j] = x[j] - first * c[j];
			squares[j] += y[j] * y[j];
			fit[j % 8] += y[j] * b[j];
		}
		y[n - 1] -= ((fit[0] + fit[1]) + (fit[2] + fit[3])) +
			((fit[4] + fit[5]) + (fit[6] + fit[7]));
		residual += y[n - 1] * y[n - 1];
	}
	squares[n - 1] = residual;
}

/*
 * Fold the buffer by the third way; false, and nothing done, if a column has
 * grown out of proportion.  What counts as the trace is n times the growth of
 * the column that has grown most.
 */
static bool
fold_plain(MlLsq *lsq)
{
	int			n = lsq->ncols;
	const double *r = LSQ_R(lsq);
	double		norm[PLAIN_COLS],
				c[PLAIN_COLS],
				b[PLAIN_COLS],
				squares[PLAIN_COLS];
	double		growth = 0.0;
	int			j;

	if (n < 2 || n > PLAIN_COLS)
		return false;			/* forged */
	plain_coordinates(n, r, c, b, norm);
	make_plain_rows(lsq->fill, n, LSQ_BUFFER(lsq), c, b, LSQ_SCRATCH(lsq), squares);
	for (j = 0; j < n; j++)
	{
		double		ratio = squares[j] / (norm[j] * norm[j]);

		if (!(ratio <= BLOCK_TRACE))
			return false;
		growth = ratio > growth ? ratio : growth;
	}
	mlops_blas_syrk(lsq->fill, n, LSQ_SCRATCH(lsq), n, LSQ_G(lsq), n);
	lsq->trace += growth * n;
	return true;
}

/* The sum of x^2, in eight sums that do not wait for one another. */
static double
sum_of_squares(size_t n, const double *x)
{
	double		sum[8] = {0};
	size_t		i;
	int			k;

	for (i = 0; i + 8 <= n; i += 8)
		for (k = 0; k < 8; k++)
			sum[k] += x[i + k] * x[i + k];
	for (; i < n; i++)
		sum[0] += x[i] * x[i];
	return ((sum[0] + sum[1]) + (sum[2] + sum[3])) +
		((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* Fold the buffer by way of G; false, and nothing folded, if that is no good. */
static bool
fold_by_product(MlLsq *lsq)
{
	int			n = lsq->ncols;
	int			m = lsq->fill;
	double	   *y = LSQ_SCRATCH(lsq);
	double		trace;

	if (!lsq->epoch)
		begin_epoch(lsq);
	if (lsq->epoch == EPOCH_PLAIN)
		return fold_plain(lsq);
	memcpy(y, LSQ_BUFFER(lsq), (size_t) m * n * sizeof(double));
	mlops_blas_trsm(m, n, LSQ_R(lsq), n, y, n);
	trace = sum_of_squares((size_t) m * n, y);
	if (!(trace <= BLOCK_TRACE * n))
		return false;
	mlops_blas_syrk(m, n, y, n, LSQ_G(lsq), n);
	lsq->trace += trace;
	return true;
}

/* mlops_lsq_fold brings the buffer into R or G. */
void
mlops_lsq_fold(MlLsq *lsq)
{
	int			n = lsq->ncols;
	int			m = lsq->fill;

	if (m == 0)
		return;
	if (m < FEW_ROWS || lsq->folded < 2 * (int64_t) n || !fold_by_product(lsq))
	{
		mlops_lsq_end_epoch(lsq);
		mlops_lsq_reflect(n, LSQ_R(lsq), m, LSQ_BUFFER(lsq), 0);
	}
	else if (lsq->trace > FOLD_TRACE * n)
		mlops_lsq_end_epoch(lsq);
	lsq->folded += m;
	lsq->fill = 0;
	if (mlops_numeric_tick)
		mlops_numeric_tick();
}

/*
 * u := (factor of I + u) r, row by row where r
 * must stay as it is.  row is room for one.
 */
static void
multiply_rows(int n, double *u, const double *r, double *row)
{
	int			i;

	factor_solve(n, u);
	for (i = 0; i < n; i++)
	{
		size_t		at = (size_t) i * n + i;

		/* later rows of u are not touched yet */
		memset(row, 0, n * sizeof(double));
		mlops_blas_gemv_t(n - i, n - i, r + at, n, u + at, row + i);
		if (r[at] == DEAD)
			row[i] = 0.0;
		memcpy(u + (size_t) i * n, row, n * sizeof(double));
		if (mlops_numeric_tick && i % 64 == 63)
			mlops_numeric_tick();
	}
}

/*
 * mlops_lsq_epoch_factor does what mlops_lsq_end_epoch would, but leaves *lsq
 * as it is: the new R comes out in u, n x n.  row is room for one row.
 */
void
mlops_lsq_epoch_factor(const MlLsq *lsq, double *u, double *row)
{
	int			n = lsq->ncols;

	memcpy(u, LSQ_G(lsq), (size_t) n * n * sizeof(double));
	if (lsq->epoch == EPOCH_PLAIN)
		factor_plain(n, LSQ_R(lsq), u);
	else
		multiply_rows(n, u, LSQ_R(lsq), row);
}
