/*-------------------------------------------------------------------------
 *
 * grow_hist.c
 *	  Adding rows to a histogram: where growing trees spends its time.
 *
 * One update is a load of a bin, a load of its entry, an addition and a store.
 * What is done for its speed:
 *
 * - Two rows at a time, so that consecutive updates seldom meet the same entry
 *	 and do not wait for each other's store.
 * - Bins of four slots come in one load of four bytes.
 * - A row's bins and gradient are asked for ML_HIST_AHEAD rows before they are
 *	 needed; the rows of a small node are far apart, and nothing else hides that.
 * - Parting waits for memory and adding up does not: so the rows to be parted
 *	 next are fetched into the second-level cache while rows are added up.
 *
 * IDENTIFICATION
 *	  src/tree/grow_hist.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "grow_work.h"

#define ML_HIST_AHEAD 16
#define ML_CACHE_LINE 64

void
mlops_hist_slots(MlHistSlots *hist, const MlBinned *bins, const uint8 *slots)
{
	int			pass;
	int			slot;
	int			n = 0;

	for (pass = 0; pass < 2; pass++)
	{
		for (slot = 0; slot < bins->nslots; slot++)
		{
			const MlBinning *binning = &bins->binning[slot];

			if (binning->is_wide != (pass == 1) || (slots && !slots[slot]))
				continue;
			hist->offset[n] = binning->offset;
			hist->first_bin[n] = binning->first_bin;
			n++;
		}
		if (pass == 0)
			hist->nnarrow = n;
		else
			hist->nwide = n - hist->nnarrow;
	}
	hist->is_dense = (hist->nnarrow == bins->nnarrow);
}

/* the narrow slots of two rows, all bytes of a row from its start */
static inline void
add_dense(int64 *const *at, int nnarrow, const uint8 *r, const uint8 *q, int64 g, int64 e)
{
	int			k = 0;

	for (; k + 4 <= nnarrow; k += 4)
	{
		int64	   *h0 = at[k];
		int64	   *h1 = at[k + 1];
		int64	   *h2 = at[k + 2];
		int64	   *h3 = at[k + 3];
		uint32		a;
		uint32		b;

		memcpy(&a, r + k, sizeof(a));
		memcpy(&b, q + k, sizeof(b));
		h0[a & 255] += g;
		h0[b & 255] += e;
		h1[(a >> 8) & 255] += g;
		h1[(b >> 8) & 255] += e;
		h2[(a >> 16) & 255] += g;
		h2[(b >> 16) & 255] += e;
		h3[a >> 24] += g;
		h3[b >> 24] += e;
	}
	for (; k < nnarrow; k++)
	{
		at[k][r[k]] += g;
		at[k][q[k]] += e;
	}
}

/* any slots of one row */
static inline void
add_listed(const MlHistSlots *hist, int from, const uint8 *r, int64 g)
{
	int64	   *const *at = hist->at;
	int			k;

	for (k = from; k < hist->nnarrow; k++)
		at[k][r[hist->offset[k]]] += g;
	for (; k < hist->nnarrow + hist->nwide; k++)
	{
		uint16		bin;

		memcpy(&bin, r + hist->offset[k], sizeof(bin));
		at[k][bin] += g;
	}
}

static inline void
fetch_row(const uint8 *row, int stride)
{
	int			i;

	for (i = 0; i < stride; i += ML_CACHE_LINE)
		__builtin_prefetch(row + i);
}

static inline void
add_two(const MlHistSlots *hist, const uint8 *r, const uint8 *q, int64 g, int64 e)
{
	if (hist->is_dense)
		add_dense(hist->at, hist->nnarrow, r, q, g, e);
	if (!hist->is_dense || hist->nwide > 0)
	{
		add_listed(hist, hist->is_dense ? hist->nnarrow : 0, r, g);
		add_listed(hist, hist->is_dense ? hist->nnarrow : 0, q, e);
	}
}

void
mlops_hist_add(const MlHistSlots *hist, int64 *histogram, const uint8 *bins, int stride,
			   const uint32 *gradients, const uint16 *rows, int n, int room,
			   const MlHistNext *next)
{
	int			each = next && n >= 2 ? (next->n + n / 2 - 1) / (n / 2) : 0;
	int			asked = 0;
	int			ahead = Max(0, Min(n, room - ML_HIST_AHEAD - 1));
	int			i = 0;
	int			k;

	for (k = 0; k < hist->nnarrow + hist->nwide; k++)
		hist->at[k] = histogram + hist->first_bin[k];

	if (rows == NULL)
	{
		for (; i + 2 <= n; i += 2)
			add_two(hist, bins + (Size) i * stride, bins + (Size) (i + 1) * stride,
					mlops_entry_of_row(gradients[i]), mlops_entry_of_row(gradients[i + 1]));
		if (i < n)
			add_listed(hist, 0, bins + (Size) i * stride, mlops_entry_of_row(gradients[i]));
		return;
	}

	for (; i + 2 <= ahead; i += 2)
	{
		const uint8 *r = bins + (Size) rows[i] * stride;
		const uint8 *q = bins + (Size) rows[i + 1] * stride;

		for (k = 0; k < each && asked < next->n; k++)
			__builtin_prefetch(next->column + (Size) next->rows[asked++] * stride, 0, 2);
		fetch_row(bins + (Size) rows[i + ML_HIST_AHEAD] * stride, stride);
		fetch_row(bins + (Size) rows[i + ML_HIST_AHEAD + 1] * stride, stride);
		__builtin_prefetch(gradients + rows[i + ML_HIST_AHEAD]);
		__builtin_prefetch(gradients + rows[i + ML_HIST_AHEAD + 1]);
		add_two(hist, r, q, mlops_entry_of_row(gradients[rows[i]]),
				mlops_entry_of_row(gradients[rows[i + 1]]));
	}
	for (; i + 2 <= n; i += 2)
		add_two(hist, bins + (Size) rows[i] * stride, bins + (Size) rows[i + 1] * stride,
				mlops_entry_of_row(gradients[rows[i]]), mlops_entry_of_row(gradients[rows[i + 1]]));
	if (i < n)
		add_listed(hist, 0, bins + (Size) rows[i] * stride,
				   mlops_entry_of_row(gradients[rows[i]]));
}
