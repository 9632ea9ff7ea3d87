/*-------------------------------------------------------------------------
 *
 * impute.c
 *	  Means and medians of the training part, and their use.
 *
 * Sums are carried in two doubles (error-free addition [1]), so that a mean
 * does not depend on the order of the rows.
 *
 * [1] Knuth, The Art of Computer Programming, vol. 2, section 4.2.2, theorem B
 *
 * IDENTIFICATION
 *	  src/data/impute.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "data.h"

#define CHUNK 64				/* slots summed side by side */

/* sum + rest += value, without error but in rest */
static inline void
add_exactly(double *sum, double *rest, double value)
{
	double		s = *sum + value;
	double		z = s - *sum;

	*rest += (*sum - (s - z)) + (value - z);
	*sum = s;
}

/* Two doubles that are computed side by side. */
typedef double Pair __attribute__((vector_size(16)));

/* One row's values onto the sums of slots that miss nothing. */
static inline void
add_row(Pair *sum, Pair *rest, const double *x, int width)
{
	for (int i = 0; i < width / 2; i++)
	{
		Pair		value;
		Pair		s;
		Pair		z;

		memcpy(&value, x + 2 * i, sizeof(Pair));
		s = sum[i] + value;
		z = s - sum[i];
		rest[i] += (sum[i] - (s - z)) + (value - z);
		sum[i] = s;
	}
	if (width % 2 == 1)
		add_exactly((double *) sum + width - 1, (double *) rest + width - 1, x[width - 1]);
}

/* Sums and weights of width slots from first on, over training rows. */
static void
sum_slots(const MlStore *store, int first, int width, bool weighted, bool complete,
		  double *sum, double *rest, double *weight, double *weight_rest)
{
	int64		nrows = 0;

	for (int b = 0; b < store->nblocks; b++)
	{
		const MlBlock *block = &store->blocks[b];

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < block->nrows; r++)
		{
			const double *x = block->x + (Size) r * block->width + first;
			double		w = block->w[r];

			if (store->part[b][r] != 0)
				continue;
			if (complete)
			{
				add_row((Pair *) sum, (Pair *) rest, x, width);
				nrows++;
				continue;
			}
			for (int i = 0; i < width; i++)
			{
				bool		missing = isnan(x[i]);

				add_exactly(&sum[i], &rest[i], missing ? 0.0 : weighted ? w * x[i] : x[i]);
				if (weighted)
					add_exactly(&weight[i], &weight_rest[i], missing ? 0.0 : w);
				else
					weight[i] += missing ? 0.0 : 1.0;
			}
		}
	}
	for (int i = 0; i < width && complete; i++)
		weight[i] = nrows;
}

/* Does no row miss a number in these slots? */
static bool
is_complete(const MlSignature *sig, int first, int width)
{
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];

		if (feature->slot < first + width && feature->slot + feature->width > first &&
			feature->type != ML_COLUMN_TEXT && feature->has_missing)
			return false;
	}
	return true;
}

static void
fill_means(MlSignature *sig, const MlStore *store, bool weighted, double *fill)
{
	for (int first = 0; first < sig->width; first += CHUNK)
	{
		int			width = Min(CHUNK, sig->width - first);
		double		sum[CHUNK] __attribute__((aligned(16))) = {0};
		double		rest[CHUNK] __attribute__((aligned(16))) = {0};
		double		weight[CHUNK] = {0};
		double		weight_rest[CHUNK] = {0};

		sum_slots(store, first, width, weighted,
				  !weighted && is_complete(sig, first, width), sum, rest, weight, weight_rest);
		for (int i = 0; i < width; i++)
			fill[first + i] = (sum[i] + rest[i]) / (weight[i] + weight_rest[i]);
	}
}

/* k-th smallest of n values, which are reordered. */
static double
select_value(double *v, int64 n, int64 k)
{
	int64		low = 0;
	int64		high = n - 1;

	while (low < high)
	{
		double		a = v[low];
		double		b = v[low + (high - low) / 2];
		double		c = v[high];
		double		pivot = Max(Min(a, b), Min(Max(a, b), c));
		int64		i = low;
		int64		j = high;

		CHECK_FOR_INTERRUPTS();
		while (i <= j)
		{
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i <= j)
			{
				double		swap = v[i];

				v[i++] = v[j];
				v[j--] = swap;
			}
		}
		if (k <= j)
			high = j;
		else if (k >= i)
			low = i;
		else
			break;
	}
	return v[k];
}

/* The median of a slot's training values; row weights do not enter. */
static double
median_of_slot(const MlStore *store, int slot, double *values)
{
	int64		n = 0;
	double		upper;
	double		lower;

	for (int b = 0; b < store->nblocks; b++)
	{
		const MlBlock *block = &store->blocks[b];
		const double *x = block->x + slot;

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < block->nrows; r++, x += block->width)
		{
			if (store->part[b][r] == 0 && !isnan(*x))
				values[n++] = *x;
		}
	}
	if (n == 0)
		return NAN;
	upper = select_value(values, n, n / 2);
	if (n % 2 == 1)
		return upper;
	lower = values[0];
	for (int64 i = 1; i < n / 2; i++)
		lower = Max(lower, values[i]);
	return lower + (upper - lower) / 2;
}

/* Put a feature's replacements where its values are missing; returns cells filled. */
static int64
fill_missing(MlStore *store, const MlFeature *feature)
{
	int64		nfilled = 0;

	for (int b = 0; b < store->nblocks; b++)
	{
		MlBlock    *block = &store->blocks[b];

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < block->nrows; r++)
		{
			double	   *x = block->x + (Size) r * block->width + feature->slot;

			for (int i = 0; i < feature->width; i++)
			{
				if (isnan(x[i]))
				{
					x[i] = feature->fill[i];
					nfilled++;
				}
			}
		}
	}
	return nfilled;
}

int64
mlops_learn_fills(MlSignature *sig, MlStore *store, bool weighted)
{
	double	   *mean = palloc0(sizeof(double) * sig->width);
	double	   *values = NULL;
	int64		nfilled = 0;
	bool		wants_mean = false;

	for (int i = 0; i < sig->nfeatures; i++)
		wants_mean |= sig->features[i].missing == ML_MISSING_MEAN;
	if (wants_mean)
		fill_means(sig, store, weighted, mean);
	for (int i = 0; i < sig->nfeatures; i++)
	{
		MlFeature  *feature = &sig->features[i];

		if (feature->missing != ML_MISSING_MEAN && feature->missing != ML_MISSING_MEDIAN)
			continue;
		feature->fill = palloc(sizeof(double) * feature->width);
		for (int j = 0; j < feature->width; j++)
		{
			if (feature->missing == ML_MISSING_MEAN)
				feature->fill[j] = mean[feature->slot + j];
			else
			{
				if (values == NULL)
				{
					mlops_store_check_budget(store, sizeof(double) * store->nrows);
					values = palloc_extended(sizeof(double) * store->nrows, MCXT_ALLOC_HUGE);
				}
				feature->fill[j] = median_of_slot(store, feature->slot + j, values);
			}
			if (!isfinite(feature->fill[j]))
				ereport(ERROR,
						(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						 errmsg("values of column \"%s\" are too large for a mean", feature->name)));
		}
		if (feature->has_missing)
			nfilled += fill_missing(store, feature);
	}
	pfree(mean);
	if (values != NULL)
		pfree(values);
	return nfilled;
}
