/*-------------------------------------------------------------------------
 *
 * lsq.c
 *	  Mergeable least squares: rows in, pieces together, bytes checked.
 *
 * The flat memory, and everything that does not compute.  How rows become a
 * factor, and why that is accurate, is in lsq_fold.c; what is read from the
 * factor in the end, in lsq_solve.c.
 *
 * IDENTIFICATION
 *	  src/numeric/lsq.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/numeric.h"

#include "lsq_private.h"

#define ZERO_PIECE		((size_t) 1 << 22)	/* bytes between ticks */

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
	doubles = 2 * (uint64_t) ncols * ncols + 2 * (uint64_t) nbuffer * ncols;
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

/* mlops_lsq_zero writes n bytes of zeros, ticking in between. */
void
mlops_lsq_zero(void *memory, size_t n)
{
	char	   *p = memory;

	while (n > 0)
	{
		size_t		piece = n < ZERO_PIECE ? n : ZERO_PIECE;

		if (mlops_numeric_tick && n > ZERO_PIECE)
			mlops_numeric_tick();
		memset(p, 0, piece);
		p += piece;
		n -= piece;
	}
}

/* mlops_lsq_init makes *lsq, of mlops_lsq_size bytes, hold no rows. */
void
mlops_lsq_init(MlLsq *lsq, int ncols, int nbuffer)
{
	mlops_lsq_zero(lsq, mlops_lsq_size(ncols, nbuffer));
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
			mlops_lsq_fold(lsq);
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
	mlops_lsq_fold(lsq);
	mlops_lsq_end_epoch(lsq);
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
			/* dst's G is empty: room for what src's R would become */
			product = LSQ_G(dst);
			mlops_lsq_epoch_factor(src, product, LSQ_BUFFER(dst));
			r = product;
		}
		fold_triangle(dst, r);
		if (product)
			mlops_lsq_zero(product, (size_t) n * n * sizeof(double));
		dst->folded += src->folded;
	}
	for (i = 0; i < src->fill; i++)
	{
		if (dst->fill == dst->nbuffer)
			mlops_lsq_fold(dst);
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
	memcpy(LSQ_R(dst), LSQ_R(src), 2 * (size_t) n * n * sizeof(double));
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
		head.epoch < EPOCH_NONE || head.epoch > EPOCH_PLAIN ||
		head.reserved != 0 ||
		(head.trace > 0 && !head.epoch))
		return "wrong header";
	triangle = (size_t) head.ncols * head.ncols * sizeof(double);
	p += sizeof(head);
	if (!is_triangle(head.ncols, p) || !is_triangle(head.ncols, p + triangle))
		return "damaged factor";
	p += 2 * triangle;
	for (i = 0; i < (size_t) head.fill * head.ncols; i++)
	{
		double		value;

		memcpy(&value, p + i * sizeof(double), sizeof(value));
		if (!isfinite(value))
			return "damaged row";
	}
	return NULL;
}
