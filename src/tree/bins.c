/*-------------------------------------------------------------------------
 *
 * bins.c
 *	  The matrix of bins in its memory, and rows on their way into it.
 *
 * The memory holds, each part aligned to a cache line: a head, the binning by
 * slot, all cuts, the rows, the targets, the weights.
 *
 * Finding a number's bin is counting the cuts below it.  A grid of equal cells
 * over the range of the cuts tells how many cuts lie in lower cells; of those
 * in the same cell, the ones below are counted by halving without branches.
 * Where cuts are spread evenly a cell has one or two, and 255 cuts need two
 * steps in place of eight; where they are not, it is as many steps as the
 * fullest cell needs.  A cell's number never decreases with the value, rounded
 * arithmetic or not, and cuts and values are treated alike, so the grid decides
 * only the speed.
 *
 * Rows are converted some at a time, slot by slot, then copied to their places,
 * which are anywhere: those are fetched ahead.
 *
 * IDENTIFICATION
 *	  src/tree/bins.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "mlops/tree.h"

#define LINE 64					/* bytes of a cache line */
#define CHUNK_ROWS 256			/* rows converted at a time */
#define MIN_CELLS 16
#define MAX_CELLS 65536
#define CELLS_PER_CUT 4
#define FETCH_AHEAD 16			/* rows */

/* At the start of the memory; what attach needs. */
typedef struct BinsHead
{
	int			nslots;
	int			nnarrow;
	int			nbins;
	int			max_nbins;
	int			stride;
	bool		is_weighted;
	int64		ntrain;
	int64		nwatch;
	int64		nholdout;
} BinsHead;

/* Offsets of the parts. */
typedef struct BinsMap
{
	Size		binning;
	Size		cuts;
	Size		rows;
	Size		y;
	Size		w;
	Size		end;
} BinsMap;

/* How the bin of one slot is found. */
typedef struct SlotSearch
{
	double		low;
	double		scale;			/* cells per unit; 0: one cell */
	double		last;			/* number of the last cell */
	int			first_step;		/* a power of 2, or 0 */
	uint16	   *below;			/* cuts in lower cells, by cell */
	double	   *cuts;			/* with infinity behind them */
} SlotSearch;

struct MlBinSearch
{
	SlotSearch *slots;
	MlBinning  *placed;			/* the binning that attach will read */
	uint8	   *rows;			/* CHUNK_ROWS x stride */
};

static BinsMap
map_bins(const MlBinned *bins, int64 nrows, bool is_weighted)
{
	BinsMap		map;
	Size		ncuts = 0;

	for (int slot = 0; slot < bins->nslots; slot++)
		ncuts += bins->binning[slot].ncuts;
	map.binning = TYPEALIGN(LINE, sizeof(BinsHead));
	map.cuts = TYPEALIGN(LINE, map.binning + mul_size(sizeof(MlBinning), bins->nslots));
	map.rows = TYPEALIGN(LINE, map.cuts + mul_size(sizeof(double), ncuts));
	map.y = TYPEALIGN(LINE, add_size(map.rows, mul_size(bins->stride, nrows)));
	map.w = TYPEALIGN(LINE, add_size(map.y, mul_size(sizeof(double), nrows)));
	map.end = map.w;
	if (is_weighted)
		map.end = TYPEALIGN(LINE, add_size(map.w, mul_size(sizeof(double), nrows)));
	return map;
}

int
mlops_bins_set_words(const MlBinned *bins)
{
	int			words = 0;

	for (int i = 0; i < bins->nslots; i++)
		if (bins->binning[i].is_category)
			words = Max(words, (bins->binning[i].nbins + 31) / 32);
	return words;
}

Size
mlops_bins_size(const MlBinned *bins, int64 nrows, bool is_weighted)
{
	return map_bins(bins, nrows, is_weighted).end;
}

/* The cell of a value; 0 for NaN. */
static inline int
cell_of(const SlotSearch *search, double x)
{
	double		cell = (x - search->low) * search->scale;

	cell = cell > 0 ? cell : 0;
	cell = cell < search->last ? cell : search->last;
	return (int) cell;
}

static void
prepare_slot(SlotSearch *search, const MlBinning *binning)
{
	int			ncells = MIN_CELLS;
	int			fullest = 0;
	int			cut = 0;
	int			room;

	while (ncells < binning->ncuts * CELLS_PER_CUT && ncells < MAX_CELLS)
		ncells *= 2;
	if (binning->ncuts > 1)
	{
		search->low = binning->cuts[0];
		search->scale = (ncells - 1) / (binning->cuts[binning->ncuts - 1] - search->low);
	}
	/* a range beyond the greatest or below the least double */
	if (!isfinite(search->scale) || search->scale < DBL_MIN)
	{
		search->low = 0;
		search->scale = 0;
		ncells = 1;
	}
	search->last = ncells - 1;

	search->below = palloc(sizeof(uint16) * ncells);
	for (int cell = 0; cell < ncells; cell++)
	{
		int			from = cut;

		search->below[cell] = cut;
		while (cut < binning->ncuts && cell_of(search, binning->cuts[cut]) == cell)
			cut++;
		fullest = Max(fullest, cut - from);
	}
	Assert(cut == binning->ncuts);

	/* steps of 1, 2, .. 2^k count up to 2^(k+1) - 1 cuts */
	room = 1;
	while (room - 1 < fullest)
		room *= 2;
	search->first_step = room / 2;

	search->cuts = palloc(sizeof(double) * (binning->ncuts + room));
	if (binning->ncuts > 0)
		memcpy(search->cuts, binning->cuts, sizeof(double) * binning->ncuts);
	for (int i = binning->ncuts; i < binning->ncuts + room; i++)
		search->cuts[i] = INFINITY;
}

void
mlops_bins_place(MlBinned *bins, char *at, int64 ntrain, int64 nwatch,
				 int64 nholdout, bool is_weighted)
{
	BinsMap		map = map_bins(bins, ntrain + nwatch + nholdout, is_weighted);
	BinsHead   *head = (BinsHead *) at;
	MlBinning  *placed = (MlBinning *) (at + map.binning);
	double	   *cuts = (double *) (at + map.cuts);

	bins->ntrain = head->ntrain = ntrain;
	bins->nwatch = head->nwatch = nwatch;
	bins->nholdout = head->nholdout = nholdout;
	head->nslots = bins->nslots;
	head->nnarrow = bins->nnarrow;
	head->nbins = bins->nbins;
	head->max_nbins = bins->max_nbins;
	head->stride = bins->stride;
	head->is_weighted = is_weighted;
	bins->rows = (uint8 *) at + map.rows;
	bins->y = (double *) (at + map.y);
	bins->w = is_weighted ? (double *) (at + map.w) : NULL;

	bins->search = palloc(sizeof(struct MlBinSearch));
	bins->search->placed = placed;
	bins->search->rows = palloc0(mul_size(CHUNK_ROWS, bins->stride));
	bins->search->slots = palloc0(sizeof(SlotSearch) * Max(bins->nslots, 1));
	for (int slot = 0; slot < bins->nslots; slot++)
	{
		MlBinning  *binning = &bins->binning[slot];

		binning->has_missing = false;
		placed[slot] = *binning;
		placed[slot].cuts = NULL;
		if (binning->ncuts > 0)
			memcpy(cuts, binning->cuts, sizeof(double) * binning->ncuts);
		cuts += binning->ncuts;
		if (!binning->is_category)
			prepare_slot(&bins->search->slots[slot], binning);
	}
}

void
mlops_bins_attach(MlBinned *bins, char *at)
{
	const BinsHead *head = (const BinsHead *) at;
	BinsMap		map;
	double	   *cuts;

	memset(bins, 0, sizeof(*bins));
	bins->nslots = head->nslots;
	bins->nnarrow = head->nnarrow;
	bins->nbins = head->nbins;
	bins->max_nbins = head->max_nbins;
	bins->stride = head->stride;
	bins->ntrain = head->ntrain;
	bins->nwatch = head->nwatch;
	bins->nholdout = head->nholdout;
	bins->binning = palloc(sizeof(MlBinning) * Max(head->nslots, 1));
	memcpy(bins->binning, at + TYPEALIGN(LINE, sizeof(BinsHead)),
		   sizeof(MlBinning) * head->nslots);

	map = map_bins(bins, head->ntrain + head->nwatch + head->nholdout, head->is_weighted);
	bins->rows = (uint8 *) at + map.rows;
	bins->y = (double *) (at + map.y);
	bins->w = head->is_weighted ? (double *) (at + map.w) : NULL;
	cuts = (double *) (at + map.cuts);
	for (int slot = 0; slot < bins->nslots; slot++)
	{
		bins->binning[slot].cuts = cuts;
		cuts += bins->binning[slot].ncuts;
	}
}

/* Bins of numbers; returns whether any is missing. */
static bool
find_bins(const SlotSearch *search, uint32 missing_bin, int n, const double *x, uint32 *bin)
{
	int			missing = 0;

	for (int i = 0; i < n; i++)
		bin[i] = search->below[cell_of(search, x[i])];
	for (int step = search->first_step; step > 0; step /= 2)
		for (int i = 0; i < n; i++)
			bin[i] += search->cuts[bin[i] + step - 1] < x[i] ? step : 0;
	for (int i = 0; i < n; i++)
	{
		int			is_nan = x[i] != x[i];

		missing |= is_nan;
		bin[i] = is_nan ? missing_bin : bin[i];
	}
	return missing != 0;
}

/* Categories' codes are their bins. */
static bool
find_codes(const MlBinning *binning, int n, const double *x, uint32 *bin)
{
	int			missing = 0;

	for (int i = 0; i < n; i++)
	{
		Assert(x[i] >= 0 && x[i] < binning->nbins);
		bin[i] = (uint32) x[i];
		missing |= bin[i] == (uint32) binning->missing_bin;
	}
	return missing != 0;
}

/* A chunk of rows, one slot: convert, into the rows of the chunk. */
static void
put_slot(MlBinned *bins, int slot, int n, const double *x, int width, const uint32 *position)
{
	MlBinning  *binning = &bins->binning[slot];
	uint8	   *out = bins->search->rows + binning->offset;
	double		value[CHUNK_ROWS];
	uint32		bin[CHUNK_ROWS];
	bool		has_missing;

	for (int i = 0; i < n; i++)
		value[i] = x[(Size) i * width + slot];
	if (binning->is_category)
		has_missing = find_codes(binning, n, value, bin);
	else
		has_missing = find_bins(&bins->search->slots[slot], binning->missing_bin, n, value, bin);

	if (has_missing && !binning->has_missing)
		for (int i = 0; i < n; i++)
			if (bin[i] == (uint32) binning->missing_bin && position[i] < bins->ntrain)
				bins->search->placed[slot].has_missing = binning->has_missing = true;

	if (binning->is_wide)
		for (int i = 0; i < n; i++)
		{
			uint16		wide = bin[i];

			memcpy(out + (Size) i * bins->stride, &wide, sizeof(wide));
		}
	else
		for (int i = 0; i < n; i++)
			out[(Size) i * bins->stride] = (uint8) bin[i];
}

/* The rows of a chunk to their places. */
static void
scatter_rows(MlBinned *bins, int n, const double *y, const double *w, const uint32 *position)
{
	Size		stride = bins->stride;

	for (int i = 0; i < n; i++)
	{
		Size		row = position[i];

		if (i + FETCH_AHEAD < n)
		{
			Size		ahead = position[i + FETCH_AHEAD];

			__builtin_prefetch(bins->rows + ahead * stride, 1);
			__builtin_prefetch(bins->y + ahead, 1);
		}
		memcpy(bins->rows + row * stride, bins->search->rows + i * stride, stride);
		bins->y[row] = y[i];
		if (bins->w)
			bins->w[row] = w ? w[i] : 1;
	}
}

void
mlops_bins_put(MlBinned *bins, const MlBlock *block, const uint32 *position)
{
	for (int from = 0; from < block->nrows; from += CHUNK_ROWS)
	{
		int			n = Min(CHUNK_ROWS, block->nrows - from);
		const double *x = block->x + (Size) from * block->width;

		CHECK_FOR_INTERRUPTS();
		for (int slot = 0; slot < bins->nslots; slot++)
			put_slot(bins, slot, n, x, block->width, position + from);
		scatter_rows(bins, n, block->y + from, block->w ? block->w + from : NULL,
					 position + from);
	}
}
