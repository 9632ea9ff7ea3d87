/*-------------------------------------------------------------------------
 *
 * lsq.c
 *	  Mergeable least squares: a triangular factor that rows are folded into.
 *
 * An MlLsq keeps the upper triangular R with R'R = X'X, the response being
 * X's last column, and a buffer of rows that are not in R yet.  Two factors
 * merge by folding the rows of one into the other, so rows may come in any
 * number of pieces.  X'X itself, whose condition is the square of X's, is
 * never relied on.
 *
 * A full buffer B (m rows) is folded in one of two ways.
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
 * Where R is well conditioned apart from the scale of its columns, R^-1 is
 * formed once per epoch and multiplied with, which runs three times as fast as
 * solving.  The product's error then carries the factor cond(R D^-1), D being
 * the columns' norms, bounded by WELL_CONDITIONED; above it blocks are solved.
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
 *	  src/numeric/lsq.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mlops/numeric.h"

#include "lsq_private.h"

/* G goes into R when its trace exceeds this many times n */
#define FOLD_TRACE		4.0
/* a block whose own trace exceeds this many times n is reflected instead */
#define BLOCK_TRACE		16.0
/* bound on the condition of R, columns scaled, for using its inverse */
#define WELL_CONDITIONED 1e4
/* blocks of fewer rows are not worth a solve */
#define FEW_ROWS		8
/* diagonal of a column that was zero so far, while G is in use */
#define DEAD			0x1p-960
/* relative size below which a diagonal is rounding error */
#define NEGLIGIBLE		0x1p-46

/* columns and rows of a panel of reflections, columns of an update */
#define PANEL_COLS		16
#define PANEL_ROWS		128
#define UPDATE_COLS		128

/* columns of R := U R, and rows of R^-1, between two ticks */
#define MULTIPLY_COLS	128
#define INVERT_ROWS		64

/*
 * mlops_lsq_size returns the bytes of an MlLsq, or 0 when the numbers are out
 * of range.
 */
size_t
mlops_lsq_size(int ncols, int nbuffer)
{
	uint64_t	doubles;

	if (ncols < 1 || ncols > LSQ_MAX_COLS ||
		nbuffer < 1 || nbuffer > LSQ_MAX_BUFFER)
		return 0;
	doubles = 3 * (uint64_t) ncols * ncols + 2 * (uint64_t) nbuffer * ncols;
	if (doubles > (SIZE_MAX - sizeof(MlLsq)) / sizeof(double))
		return 0;
	return sizeof(MlLsq) + (size_t) doubles * sizeof(double);
}

/*
 * mlops_lsq_best_buffer returns the rows that make folding fastest while one
 * fold stays under 20 ms.
 */
int
mlops_lsq_best_buffer(int ncols)
{
	double		rows = 2e8 / ((double) ncols * ncols);

	if (rows > 512)
		return 512;
	return rows < 64 ? 64 : (int) rows / 16 * 16;
}

/* mlops_lsq_init makes *lsq, of mlops_lsq_size bytes, hold no rows. */
void
mlops_lsq_init(MlLsq *lsq, int ncols, int nbuffer)
{
	memset(lsq, 0, mlops_lsq_size(ncols, nbuffer));
	lsq->magic = LSQ_MAGIC;
	lsq->ncols = ncols;
	lsq->nbuffer = nbuffer;
}

int
mlops_lsq_ncols(const MlLsq *lsq)
{
	return lsq->ncols;
}

int
mlops_lsq_nbuffer(const MlLsq *lsq)
{
	return lsq->nbuffer;
}

int
mlops_lsq_fill(const MlLsq *lsq)
{
	return lsq->fill;
}

int64_t
mlops_lsq_nrows(const MlLsq *lsq)
{
	return lsq->nrows;
}

double
mlops_lsq_sum_weight(const MlLsq *lsq)
{
	return lsq->sum_weight;
}

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
 * Form R's inverse if multiplying with it is as good as solving.
 */
static void
invert(MlLsq *lsq)
{
	int			n = lsq->ncols;
	const double *r = LSQ_R(lsq);
	double	   *inverse = LSQ_INVERSE(lsq);
	double		sum = 0.0;
	int			i,
				j;

	memset(inverse, 0, (size_t) n * n * sizeof(double));
	for (i = 0; i < n; i++)
		inverse[(size_t) i * n + i] = 1.0;
	for (i = 0; i < n; i += INVERT_ROWS)
	{
		mlops_blas_trsm(n - i < INVERT_ROWS ? n - i : INVERT_ROWS, n, r, n,
						inverse + (size_t) i * n, n);
		if (mlops_numeric_tick)
			mlops_numeric_tick();
	}
	/* the Frobenius norm of D R^-1; that of R D^-1 is sqrt(n) */
	for (i = 0; i < n; i++)
	{
		double		norm = mlops_lsq_norm(i + 1, r + i, n);

		for (j = i; j < n; j++)
		{
			double		scaled = norm * inverse[(size_t) i * n + j];

			sum += scaled * scaled;
		}
	}
	lsq->inverted = sum * n <= WELL_CONDITIONED * WELL_CONDITIONED;
}

/*
 * Make R fit for solving with it: no diagonal zero or rounding error.
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
	invert(lsq);
	lsq->epoch = 1;
}

/*
 * Bring G into R.  A G that is no Gram matrix can only
 * come from overflow or forged bytes; it makes R say that it is not finite.
 */
static void
end_epoch(MlLsq *lsq)
{
	int			n = lsq->ncols;
	double	   *r = LSQ_R(lsq);
	double	   *g = LSQ_G(lsq);
	int			j;

	if (!lsq->epoch)
		return;
	if (lsq->trace > 0.0)
	{
		for (j = 0; j < n; j++)
			g[(size_t) j * n + j] += 1.0;
		if (!mlops_blas_potrf(n, g, n))
			r[0] = NAN;
		for (j = 0; j < n; j += MULTIPLY_COLS)
		{
			int			width = n - j < MULTIPLY_COLS ? n - j : MULTIPLY_COLS;

			mlops_blas_trmm(j + width, width, g, n, r + j, n);
			if (mlops_numeric_tick)
				mlops_numeric_tick();
		}
		memset(g, 0, (size_t) n * n * sizeof(double));
		lsq->trace = 0.0;
	}
	for (j = 0; j < n; j++)
		if (r[(size_t) j * n + j] == DEAD)
			r[(size_t) j * n + j] = 0.0;
	lsq->epoch = 0;
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

/* Fold the buffer by way of G; false, and nothing done, if that is no good. */
static bool
fold_by_solve(MlLsq *lsq)
{
	int			n = lsq->ncols;
	int			m = lsq->fill;
	double	   *y = LSQ_SCRATCH(lsq);
	double		trace;

	if (!lsq->epoch)
		begin_epoch(lsq);
	memcpy(y, LSQ_BUFFER(lsq), (size_t) m * n * sizeof(double));
	if (lsq->inverted)
		mlops_blas_trmm_right(m, n, LSQ_INVERSE(lsq), n, y, n);
	else
		mlops_blas_trsm(m, n, LSQ_R(lsq), n, y, n);
	trace = sum_of_squares((size_t) m * n, y);
	if (!(trace <= BLOCK_TRACE * n))
		return false;
	mlops_blas_syrk(m, n, y, n, LSQ_G(lsq), n);
	lsq->trace += trace;
	return true;
}

/* Fold the buffer into R or G. */
static void
fold_buffer(MlLsq *lsq)
{
	int			n = lsq->ncols;
	int			m = lsq->fill;

	if (m == 0)
		return;
	if (m < FEW_ROWS || lsq->folded < 2 * (int64_t) n || !fold_by_solve(lsq))
	{
		end_epoch(lsq);
		mlops_lsq_reflect(n, LSQ_R(lsq), m, LSQ_BUFFER(lsq), 0);
	}
	else if (lsq->trace > FOLD_TRACE * n)
		end_epoch(lsq);
	lsq->folded += m;
	lsq->fill = 0;
	if (mlops_numeric_tick)
		mlops_numeric_tick();
}

/*
 * mlops_lsq_push adds one row.  A row of weight zero says nothing and is not
 * counted, as in R.
 */
void
mlops_lsq_push(MlLsq *lsq, const double *x, double y, double w)
{
	mlops_lsq_push_block(lsq, 1, x, 0, &y, w == 1.0 ? NULL : &w);
}

/*
 * mlops_lsq_push_block adds nrows rows; those of weight zero are not counted.
 */
void
mlops_lsq_push_block(MlLsq *lsq, int nrows, const double *x, int ldx,
					 const double *y, const double *w)
{
	int			n = lsq->ncols;
	int			p = n - 1;
	int			i,
				j;

	for (i = 0; i < nrows; i++, x += ldx)
	{
		double	   *row;

		if (w && w[i] == 0.0)
			continue;
		if (lsq->fill == lsq->nbuffer)
			fold_buffer(lsq);
		row = LSQ_BUFFER(lsq) + (size_t) lsq->fill * n;
		if (w == NULL || w[i] == 1.0)
		{
			if (p > 0)
				memcpy(row, x, p * sizeof(double));
			row[p] = y[i];
			lsq->sum_weight += 1.0;
		}
		else
		{
			double		s = sqrt(w[i]);

			for (j = 0; j < p; j++)
				row[j] = s * x[j];
			row[p] = s * y[i];
			lsq->sum_weight += w[i];
		}
		lsq->nrows++;
		lsq->fill++;
	}
}

/* mlops_lsq_flush leaves everything in R. */
void
mlops_lsq_flush(MlLsq *lsq)
{
	fold_buffer(lsq);
	end_epoch(lsq);
}

/*
 * Fold rows first..n-1 of an upper triangle (or any rows with as many leading
 * zeros) into R, through the buffer, which must be empty.
 */
static void
fold_triangle(MlLsq *lsq, const double *source)
{
	int			n = lsq->ncols;
	int			first,
				count;

	for (first = 0; first < n; first += count)
	{
		count = n - first < lsq->nbuffer ? n - first : lsq->nbuffer;
		memcpy(LSQ_BUFFER(lsq), source + (size_t) first * n,
			   (size_t) count * n * sizeof(double));
		mlops_lsq_reflect(n, LSQ_R(lsq), count, LSQ_BUFFER(lsq), first);
	}
}

/*
 * mlops_lsq_merge adds src's rows to dst, which has as many columns.  src
 * stays as it is.
 */
void
mlops_lsq_merge(MlLsq *dst, const MlLsq *src)
{
	int			n = dst->ncols;
	int			i;
	const double *r = LSQ_R(src);

	mlops_lsq_flush(dst);
	if (src->folded > 0)
	{
		double	   *product = NULL;

		if (src->epoch)
		{
			/* src's own end_epoch, in dst's G, which is empty */
			double	   *u = LSQ_G(dst);
			bool		good = true;

			memcpy(u, LSQ_G(src), (size_t) n * n * sizeof(double));
			for (i = 0; i < n; i++)
				u[(size_t) i * n + i] += 1.0;
			good = mlops_blas_potrf(n, u, n);
			product = u;
			for (i = 0; i < n; i++)
			{
				/* row i of U R; later rows of U are not touched yet */
				double	   *row = LSQ_BUFFER(dst);

				memset(row, 0, n * sizeof(double));
				mlops_blas_gemv_t(n - i, n - i, r + (size_t) i * n + i, n,
								  u + (size_t) i * n + i, row + i);
				if (fabs(r[(size_t) i * n + i]) == DEAD)
					row[i] = 0.0;
				memcpy(u + (size_t) i * n, row, n * sizeof(double));
				if (mlops_numeric_tick && i % 64 == 63)
					mlops_numeric_tick();
			}
			if (!good)
				u[0] = NAN;
			r = product;
		}
		fold_triangle(dst, r);
		if (product)
			memset(product, 0, (size_t) n * n * sizeof(double));
		dst->folded += src->folded;
	}
	for (i = 0; i < src->fill; i++)
	{
		if (dst->fill == dst->nbuffer)
			fold_buffer(dst);
		memcpy(LSQ_BUFFER(dst) + (size_t) dst->fill * n,
			   LSQ_BUFFER(src) + (size_t) i * n, n * sizeof(double));
		dst->fill++;
	}
	dst->nrows += src->nrows;
	dst->sum_weight += src->sum_weight;
}

/*
 * mlops_lsq_grow makes dst, memory for nbuffer buffered rows, a copy of src.
 * nbuffer is at least src's fill.
 */
void
mlops_lsq_grow(MlLsq *dst, const MlLsq *src, int nbuffer)
{
	int			n = src->ncols;

	*dst = *src;
	dst->nbuffer = nbuffer;
	memcpy(LSQ_R(dst), LSQ_R(src), 3 * (size_t) n * n * sizeof(double));
	memset(LSQ_BUFFER(dst), 0, 2 * (size_t) nbuffer * n * sizeof(double));
	memcpy(LSQ_BUFFER(dst), LSQ_BUFFER(src), (size_t) src->fill * n * sizeof(double));
}

/* Is the n x n matrix finite and zero below its diagonal? */
static bool
is_triangle(int n, const unsigned char *bytes)
{
	double		value;
	int			i,
				j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++, bytes += sizeof(double))
		{
			memcpy(&value, bytes, sizeof(value));
			if (!isfinite(value) || (j < i && value != 0.0))
				return false;
		}
	return true;
}

/*
 * mlops_lsq_check reads nothing outside the size bytes, which need not be
 * aligned.  What passes cannot make any function here misbehave, though its
 * numbers may be nonsense.
 */
const char *
mlops_lsq_check(const void *bytes, size_t size)
{
	const unsigned char *p = bytes;
	MlLsq		head;
	size_t		triangle;
	size_t		i;

	if (size < sizeof(head))
		return "too short";
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != LSQ_MAGIC)
		return "wrong magic number";
	if (mlops_lsq_size(head.ncols, head.nbuffer) == 0 ||
		mlops_lsq_size(head.ncols, head.nbuffer) != size)
		return "wrong size";
	if (head.fill < 0 || head.fill > head.nbuffer || head.folded < 0 ||
		head.nrows < 0 || head.nrows > LSQ_MAX_ROWS ||
		head.folded != head.nrows - head.fill)
		return "wrong row counts";
	if (!isfinite(head.sum_weight) || head.sum_weight < 0 ||
		!isfinite(head.trace) || head.trace < 0 ||
		(head.epoch != 0 && head.epoch != 1) ||
		(head.inverted != 0 && head.inverted != 1) ||
		(head.trace > 0 && !head.epoch))
		return "wrong header";
	triangle = (size_t) head.ncols * head.ncols * sizeof(double);
	p += sizeof(head);
	if (!is_triangle(head.ncols, p) || !is_triangle(head.ncols, p + triangle))
		return "damaged factor";
	p += 3 * triangle;			/* the inverse can only make numbers nonsense */
	for (i = 0; i < (size_t) head.fill * head.ncols; i++)
	{
		double		value;

		memcpy(&value, p + i * sizeof(double), sizeof(value));
		if (!isfinite(value))
			return "damaged row";
	}
	return NULL;
}
