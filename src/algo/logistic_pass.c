/*-------------------------------------------------------------------------
 *
 * logistic_pass.c
 *	  What one pass of logistic regression accumulates.
 *
 * Rows are taken a chunk at a time so that everything derived from them stays
 * in the processor's cache: standardised into z, then
 *
 *		eta = z gamma, probabilities, loss
 *		gradient += z' w (prob - y)
 *		hessian(q, r) += z' diag(w prob_q (delta_qr - prob_r)) z
 *
 * The Hessian's blocks are kept as cross products of rows scaled by a square
 * root, so the blocks off the diagonal hold the negated value.
 *
 * IDENTIFICATION
 *	  src/algo/logistic_pass.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "logistic.h"

int
mlops_logistic_block_count(int sets)
{
	return sets * (sets + 1) / 2;
}

/* The p x p block of sets q <= r. */
double *
mlops_logistic_hessian_block(const LogisticShape *shape, double *hessian,
							 int q, int r)
{
	Size		k = (Size) q * shape->sets - (Size) q * (q - 1) / 2 + (r - q);

	return hessian + k * shape->p * shape->p;
}

/* Hand out the next n doubles. */
static double *
take(char *base, Size *offset, Size n)
{
	double	   *at = (double *) (base + *offset);

	*offset = add_size(*offset, mul_size(n, sizeof(double)));
	return at;
}

/*
 * Places of the arrays of a partial of this shape, and its size; partial can
 * be NULL where only the size is wanted.
 */
void
mlops_logistic_arrays(const LogisticShape *shape, void *partial,
					  LogisticArrays *a)
{
	Size		p = shape->p;
	Size		sets = shape->sets;
	Size		chunk = shape->chunk;
	Size		at = MAXALIGN(sizeof(LogisticPartial));
	char	   *base = partial;
	bool		moments = shape->kind == LOGISTIC_MOMENTS;
	bool		hessian = shape->kind == LOGISTIC_HESSIAN;

	memset(a, 0, sizeof(*a));
	a->class_weight = take(base, &at, shape->nclasses);
	a->class_total = take(base, &at, shape->nclasses);
	if (moments)
	{
		a->pivot = take(base, &at, p);
		a->sum = take(base, &at, p);
		a->sum2 = take(base, &at, p);
		a->sample_x = take(base, &at, p * shape->sample_cap);
		a->sample_y = take(base, &at, shape->sample_cap);
		a->sample_w = take(base, &at, shape->sample_cap);
		a->size = at;
		return;
	}
	a->center = take(base, &at, p);
	a->inv_scale = take(base, &at, p);
	a->gamma = take(base, &at, sets * p);
	a->gradient = take(base, &at, sets * p);
	if (hessian)
		a->hessian = take(base, &at,
						  mul_size(mul_size(p, p), mlops_logistic_block_count(sets)));
	a->z = take(base, &at, chunk * p);
	if (hessian && sets > 1)
		a->zs = take(base, &at, chunk * p);
	a->eta = take(base, &at, chunk * sets);
	a->prob = take(base, &at, chunk * shape->nclasses);
	a->weight = take(base, &at, chunk);
	a->size = at;
}

void
mlops_logistic_begin_pass(const LogisticState *st, void *partial)
{
	LogisticPartial *part = partial;
	LogisticArrays a;
	Size		d = st->d;

	mlops_logistic_arrays(&st->shape, partial, &a);
	memset(part, 0, sizeof(*part));
	part->shape = st->shape;
	memset(a.class_total, 0, sizeof(double) * st->shape.nclasses);
	for (int k = 0; k < st->shape.nclasses; k++)
		a.class_weight[k] = st->class_weight ? st->class_weight[k] : 1.0;
	if (st->shape.kind == LOGISTIC_MOMENTS)
	{
		memset(a.sum, 0, sizeof(double) * st->shape.p);
		memset(a.sum2, 0, sizeof(double) * st->shape.p);
		return;
	}
	memcpy(a.center, st->center, sizeof(double) * st->shape.p);
	memcpy(a.inv_scale, st->inv_scale, sizeof(double) * st->shape.p);
	memcpy(a.gamma, st->gamma, sizeof(double) * d);
	memset(a.gradient, 0, sizeof(double) * d);
	if (st->shape.kind == LOGISTIC_HESSIAN)
		memset(a.hessian, 0, sizeof(double) * mlops_logistic_block_count(st->shape.sets) *
			   (Size) st->shape.p * st->shape.p);
}

/* Sums of x and x^2 about the first row, and the sample. */
static void
accumulate_moments(LogisticPartial *part, const LogisticArrays *a,
				   const MlBlock *block)
{
	const LogisticShape *shape = &part->shape;
	int			p = shape->p;

	for (int i = 0; i < block->nrows; i++)
	{
		const double *x = block->x + (Size) i * p;

		if (part->nrows++ == 0)
			memcpy(a->pivot, x, sizeof(double) * p);
		for (int j = 0; j < p; j++)
		{
			double		dx = x[j] - a->pivot[j];

			a->sum[j] += dx;
			a->sum2[j] += dx * dx;
		}
		if (part->nsample < shape->sample_cap)
		{
			memcpy(a->sample_x + part->nsample * p, x, sizeof(double) * p);
			a->sample_y[part->nsample] = block->y[i];
			a->sample_w[part->nsample] = block->w ? block->w[i] : 1.0;
			part->nsample++;
		}
	}
}

/* Rows to z, and their weights; NULL where all are 1. */
static const double *
prepare_chunk(LogisticPartial *part, const LogisticArrays *a, int m,
			  const double *x, const double *y, const double *w)
{
	int			p = part->shape.p;
	double		total = 0;

	for (int i = 0; i < m; i++)
	{
		const double *xi = x + (Size) i * p;
		double	   *zi = a->z + (Size) i * p;

		for (int j = 0; j < p; j++)
			zi[j] = (xi[j] - a->center[j]) * a->inv_scale[j];
	}
	if (part->shape.weighted)
	{
		for (int i = 0; i < m; i++)
			a->weight[i] = (w ? w[i] : 1.0) * a->class_weight[(int) y[i]];
		w = a->weight;
	}
	for (int i = 0; i < m; i++)
	{
		double		wi = w ? w[i] : 1.0;

		a->class_total[(int) y[i]] += wi;
		total += wi;
	}
	part->sum_weight += total;
	part->nrows += m;
	return w;
}

/*
 * Minus the log-likelihood of a chunk.  With c = max(prob, 1 - prob) in
 * [1/2, 1] the loss of a row is -log(c), plus |eta| where the sign of eta is
 * wrong; without weights the logarithm of the product serves all rows
 * (a chunk is at most 512 rows, so it cannot underflow).
 */
static double
binary_loss(int m, const double *eta, const double *prob, const double *y,
			const double *w)
{
	double		product = 1.0;
	double		loss = 0;

	if (w)
	{
		for (int i = 0; i < m; i++)
			loss += w[i] * mlops_log1pexp(y[i] > 0.5 ? -eta[i] : eta[i]);
		return loss;
	}
	for (int i = 0; i < m; i++)
	{
		double		margin = y[i] > 0.5 ? eta[i] : -eta[i];

		product *= Max(prob[i], 1.0 - prob[i]);
		loss += margin < 0 ? -margin : 0.0;
	}
	return loss - log(product);
}

static void
binary_chunk(LogisticPartial *part, const LogisticArrays *a, int m,
			 const double *x, const double *y, const double *w)
{
	int			p = part->shape.p;
	double	   *residual = a->eta;

	w = prepare_chunk(part, a, m, x, y, w);
	mlops_blas_gemv_n(m, p, a->z, p, a->gamma, a->eta);
	mlops_sigmoid_array(m, a->eta, a->prob);
	part->loss += binary_loss(m, a->eta, a->prob, y, w);
	for (int i = 0; i < m; i++)
	{
		double		r = a->prob[i] - y[i];

		part->max_eta = Max(part->max_eta, fabs(a->eta[i]));
		residual[i] = w ? w[i] * r : r;
	}
	mlops_blas_gemv_t(m, p, a->z, p, residual, a->gradient);
	if (part->shape.kind != LOGISTIC_HESSIAN)
		return;
	for (int i = 0; i < m; i++)
	{
		double		h = a->prob[i] * (1.0 - a->prob[i]);
		double		s = sqrt(w ? w[i] * h : h);
		double	   *zi = a->z + (Size) i * p;

		for (int j = 0; j < p; j++)
			zi[j] *= s;
	}
	mlops_blas_syrk(m, p, a->z, p, a->hessian, p);
}

/*
 * Linear predictors of one row to the probabilities of all classes; its loss.
 * With K - 1 sets class 0 has the predictor 0.
 */
static double
softmax_row(int sets, int nclasses, const double *eta, int y, double *prob)
{
	int			first = nclasses - sets;
	double		top = first ? 0.0 : eta[0];
	double		sum = 0;
	double		mine = y < first ? 0.0 : eta[y - first];

	for (int q = 0; q < sets; q++)
		top = Max(top, eta[q]);
	for (int k = 0; k < nclasses; k++)
	{
		prob[k] = mlops_exp((k < first ? 0.0 : eta[k - first]) - top);
		sum += prob[k];
	}
	for (int k = 0; k < nclasses; k++)
		prob[k] /= sum;
	return log(sum) + top - mine;
}

/* All blocks of the Hessian for the chunk in z. */
static void
softmax_hessian(LogisticPartial *part, const LogisticArrays *a, int m,
				const double *w)
{
	const LogisticShape *shape = &part->shape;
	int			p = shape->p;
	int			first = shape->nclasses - shape->sets;

	for (int q = 0; q < shape->sets; q++)
		for (int r = q; r < shape->sets; r++)
		{
			for (int i = 0; i < m; i++)
			{
				const double *prob = a->prob + (Size) i * shape->nclasses + first;
				double		h = prob[q] * (q == r ? 1.0 - prob[q] : prob[r]);
				double		s = sqrt(w ? w[i] * h : h);
				const double *zi = a->z + (Size) i * p;
				double	   *si = a->zs + (Size) i * p;

				for (int j = 0; j < p; j++)
					si[j] = zi[j] * s;
			}
			mlops_blas_syrk(m, p, a->zs, p,
							mlops_logistic_hessian_block(shape, a->hessian, q, r), p);
		}
}

static void
softmax_chunk(LogisticPartial *part, const LogisticArrays *a, int m,
			  const double *x, const double *y, const double *w)
{
	const LogisticShape *shape = &part->shape;
	int			p = shape->p;
	int			sets = shape->sets;
	int			first = shape->nclasses - sets;

	w = prepare_chunk(part, a, m, x, y, w);
	mlops_blas_gemm_nt(m, sets, p, a->z, p, a->gamma, p, a->eta, sets);
	for (int i = 0; i < m; i++)
	{
		double	   *eta = a->eta + (Size) i * sets;
		double	   *prob = a->prob + (Size) i * shape->nclasses;
		double		wi = w ? w[i] : 1.0;
		int			yi = (int) y[i];

		part->loss += wi * softmax_row(sets, shape->nclasses, eta, yi, prob);
		for (int q = 0; q < sets; q++)
		{
			part->max_eta = Max(part->max_eta, fabs(eta[q]));
			eta[q] = wi * (prob[first + q] - (yi == first + q ? 1.0 : 0.0));
		}
	}
	mlops_blas_gemm_tn(sets, p, m, a->eta, sets, a->z, p, a->gradient, p);
	if (shape->kind == LOGISTIC_HESSIAN)
		softmax_hessian(part, a, m, w);
}

void
mlops_logistic_accumulate(void *partial, const MlBlock *block)
{
	LogisticPartial *part = partial;
	int			p = part->shape.p;
	LogisticArrays a;

	Assert(block->width == p);
	mlops_logistic_arrays(&part->shape, partial, &a);
	if (part->shape.kind == LOGISTIC_MOMENTS)
	{
		accumulate_moments(part, &a, block);
		return;
	}
	for (int i = 0; i < block->nrows; i += part->shape.chunk)
	{
		int			m = Min(part->shape.chunk, block->nrows - i);
		const double *x = block->x + (Size) i * p;
		const double *w = block->w ? block->w + i : NULL;

		if (part->shape.nclasses == 2)
			binary_chunk(part, &a, m, x, block->y + i, w);
		else
			softmax_chunk(part, &a, m, x, block->y + i, w);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Chan, Golub, LeVeque (1979): the second partial's sums, moved to the first's pivot. */
static void
combine_moments(LogisticPartial *part, const LogisticArrays *a,
				const LogisticPartial *other, const LogisticArrays *b)
{
	int			p = part->shape.p;
	Size		n = Min(other->nsample, part->shape.sample_cap - part->nsample);

	if (other->nrows == 0)
		return;
	if (part->nrows == 0)
		memcpy(a->pivot, b->pivot, sizeof(double) * p);
	for (int j = 0; j < p; j++)
	{
		double		shift = b->pivot[j] - a->pivot[j];

		a->sum2[j] += b->sum2[j] + 2 * shift * b->sum[j] + other->nrows * shift * shift;
		a->sum[j] += b->sum[j] + other->nrows * shift;
	}
	memcpy(a->sample_x + (Size) part->nsample * p, b->sample_x, sizeof(double) * n * p);
	memcpy(a->sample_y + part->nsample, b->sample_y, sizeof(double) * n);
	memcpy(a->sample_w + part->nsample, b->sample_w, sizeof(double) * n);
	part->nsample += n;
}

static void
add_array(double *to, const double *from, Size n)
{
	for (Size i = 0; i < n; i++)
		to[i] += from[i];
}

void
mlops_logistic_combine(void *partial, const void *other)
{
	LogisticPartial *part = partial;
	const LogisticPartial *from = other;
	const LogisticShape *shape = &part->shape;
	LogisticArrays a;
	LogisticArrays b;

	mlops_logistic_arrays(shape, partial, &a);
	mlops_logistic_arrays(shape, unconstify(void *, other), &b);
	if (shape->kind == LOGISTIC_MOMENTS)
		combine_moments(part, &a, from, &b);
	else
	{
		add_array(a.gradient, b.gradient, (Size) shape->sets * shape->p);
		if (shape->kind == LOGISTIC_HESSIAN)
			add_array(a.hessian, b.hessian,
					  (Size) mlops_logistic_block_count(shape->sets) * shape->p * shape->p);
	}
	add_array(a.class_total, b.class_total, shape->nclasses);
	part->nrows += from->nrows;
	part->loss += from->loss;
	part->sum_weight += from->sum_weight;
	part->max_eta = Max(part->max_eta, from->max_eta);
}
