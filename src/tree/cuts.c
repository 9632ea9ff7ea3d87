/*-------------------------------------------------------------------------
 *
 * cuts.c
 *	  Where the bins of each slot end, learned from sample rows.
 *
 * The sample values of a number are sorted and counted.  Where there are no
 * more distinct values than bins, each has its own.  Otherwise bins get equal
 * shares of the rows, as far as values can be told apart: a value of more than
 * a share is heavy, has a bin of its own, and the shares of the others follow
 * from what is left.  Three values with 50, 49 and 1 rows of 100 in two bins:
 * the first is heavy (a share is 50), the others share the second bin.
 *
 * A cut is half way between the greatest value of its bin and the least of the
 * next, so that unseen values fall to the nearer one.
 *
 * IDENTIFICATION
 *	  src/tree/cuts.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "mlops/tree.h"

#define RADIX_BITS 11
#define RADIX_SIZE (1 << RADIX_BITS)
#define RADIX_PASSES 6			/* 66 bits */
#define SIGN_BIT (UINT64CONST(1) << 63)
#define MAX_WIDE_BINS 65536
#define MAX_PADDING 1.3			/* bytes of a row for a byte of content */

/* What one slot's values are worked on in; room for the whole sample. */
typedef struct CutWork
{
	uint64	   *key;			/* values as integers of the same order */
	uint64	   *spare;
	double	   *value;			/* distinct values, ascending */
	uint32	   *count;			/* their rows */
	uint32		(*histogram)[RADIX_SIZE];
} CutWork;

/* Doubles as integers of the same order; both zeros are one. */
static inline uint64
key_of_double(double x)
{
	uint64		bits;

	x += 0.0;
	memcpy(&bits, &x, sizeof(bits));
	return (bits & SIGN_BIT) ? ~bits : bits | SIGN_BIT;
}

static inline double
double_of_key(uint64 key)
{
	uint64		bits = (key & SIGN_BIT) ? key & ~SIGN_BIT : ~key;
	double		x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* Keys of a slot's values that are not missing; returns how many. */
static int
gather_keys(const MlBlock *sample, int slot, uint64 *key)
{
	int			n = 0;

	for (int row = 0; row < sample->nrows; row++)
	{
		double		x = sample->x[(Size) row * sample->width + slot];

		key[n] = key_of_double(x);
		n += !isnan(x);
	}
	return n;
}

/* Sort work->key by digits, the lowest first; digits that all keys share are passed over. */
static void
sort_keys(CutWork *work, int n)
{
	memset(work->histogram, 0, sizeof(uint32) * RADIX_PASSES * RADIX_SIZE);
	for (int i = 0; i < n; i++)
		for (int pass = 0; pass < RADIX_PASSES; pass++)
			work->histogram[pass][(work->key[i] >> (pass * RADIX_BITS)) & (RADIX_SIZE - 1)]++;

	for (int pass = 0; pass < RADIX_PASSES; pass++)
	{
		uint32	   *place = work->histogram[pass];
		uint64	   *swap = work->spare;
		int			shift = pass * RADIX_BITS;
		uint32		sum = 0;

		if (n == 0 || place[(work->key[0] >> shift) & (RADIX_SIZE - 1)] == (uint32) n)
			continue;
		CHECK_FOR_INTERRUPTS();
		for (int digit = 0; digit < RADIX_SIZE; digit++)
		{
			uint32		count = place[digit];

			place[digit] = sum;
			sum += count;
		}
		for (int i = 0; i < n; i++)
			work->spare[place[(work->key[i] >> shift) & (RADIX_SIZE - 1)]++] = work->key[i];
		work->spare = work->key;
		work->key = swap;
	}
}

/* Sorted keys to distinct values and their counts; returns how many. */
static int
count_distinct(CutWork *work, int n)
{
	int			ndistinct = 0;

	for (int i = 0; i < n; i++)
	{
		if (i == 0 || work->key[i] != work->key[i - 1])
		{
			work->value[ndistinct] = double_of_key(work->key[i]);
			work->count[ndistinct++] = 0;
		}
		work->count[ndistinct - 1]++;
	}
	return ndistinct;
}

/* Half way between two values, lower <= cut < upper whatever they are. */
static double
cut_between(double lower, double upper)
{
	double		cut;

	if (fabs(lower) < DBL_MAX / 2 && fabs(upper) < DBL_MAX / 2)
		cut = (lower + upper) / 2;
	else
		cut = lower / 2 + upper / 2;

	/* neighbours in the last place, or so small that halves are lost */
	if (!(lower <= cut && cut < upper))
		cut = lower;
	return cut + 0.0;
}

/*
 * The count from which on a value is heavy: a fair share of the rows that are
 * not heavy themselves.  Setting heavy ones aside makes the share smaller,
 * hence the loop, which ends when no further value becomes heavy.
 */
static double
find_share(const CutWork *work, int ndistinct, int max_bins, int *light_bins, int64 *light_rows)
{
	double		share = INFINITY;
	int			nheavy = -1;

	for (;;)
	{
		int			n = 0;
		int64		rows = 0;

		for (int i = 0; i < ndistinct; i++)
		{
			if (work->count[i] >= share)
				n++;
			else
				rows += work->count[i];
		}
		*light_bins = max_bins - n;
		*light_rows = rows;
		if (n == nheavy || n >= max_bins)
			return share;
		nheavy = n;
		share = (double) rows / *light_bins;
	}
}

/* Cuts of a number with more distinct values than bins; returns how many. */
static int
share_out(const CutWork *work, int ndistinct, int max_bins, double *cuts)
{
	int			bins_left;
	int64		rows_left;
	double		heavy = find_share(work, ndistinct, max_bins, &bins_left, &rows_left);
	double		share = bins_left > 0 ? (double) rows_left / bins_left : INFINITY;	/* of a light bin */
	double		rows = 0;		/* in the bin so far */
	bool		after_light = false;	/* the bin before has no heavy value */
	int			ncuts = 0;

	for (int i = 0; i < ndistinct - 1 && ncuts < max_bins - 1; i++)
	{
		bool		is_heavy = work->count[i] >= heavy;
		bool		before_heavy = work->count[i + 1] >= heavy;
		bool		ends;

		rows += work->count[i];
		if (!is_heavy)
			rows_left -= work->count[i];

		if (before_heavy && !is_heavy && rows < share / 2 && after_light)
		{
			/* a few rows before a heavy value join the bin before */
			cuts[ncuts - 1] = cut_between(work->value[i], work->value[i + 1]);
			rows = 0;
			continue;
		}

		/* else they stay with the heavy value; a bin ends where its share is met best */
		if (is_heavy)
			ends = true;
		else if (before_heavy)
			ends = rows >= share / 2;
		else
			ends = rows + work->count[i + 1] / 2.0 > share;
		if (!ends)
			continue;

		cuts[ncuts++] = cut_between(work->value[i], work->value[i + 1]);
		after_light = !is_heavy;
		if (!is_heavy)
		{
			bins_left--;
			share = bins_left > 0 ? (double) rows_left / bins_left : INFINITY;
		}
		rows = 0;
	}
	return ncuts;
}

static void
learn_number(MlBinning *binning, const MlBlock *sample, int slot, int max_bins, CutWork *work)
{
	int			n = gather_keys(sample, slot, work->key);
	int			ndistinct;

	sort_keys(work, n);
	ndistinct = count_distinct(work, n);
	binning->cuts = palloc(sizeof(double) * Max(Min(ndistinct, max_bins), 1));
	if (ndistinct > max_bins)
		binning->ncuts = share_out(work, ndistinct, max_bins, binning->cuts);
	else
	{
		binning->ncuts = Max(ndistinct - 1, 0);
		for (int i = 0; i < binning->ncuts; i++)
			binning->cuts[i] = cut_between(work->value[i], work->value[i + 1]);
	}
	binning->nbins = binning->ncuts + 2;
	binning->missing_bin = binning->ncuts + 1;
}

static void
learn_category(MlBinning *binning, const MlFeature *feature)
{
	if (feature->ncategories > MAX_WIDE_BINS - 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column \"%s\" has %d categories, but trees can tell apart at most %d",
						feature->name, feature->ncategories, MAX_WIDE_BINS - 2),
				 errhint("Lower the option max_categories, or leave the column out.")));
	binning->is_category = true;
	binning->nbins = feature->ncategories + 2;
	binning->missing_bin = feature->ncategories;
}

/*
 * Bytes of a row: a multiple of 4, and of the largest power of two up to a
 * cache line that the bound on padding allows, so that few rows straddle two
 * lines.
 */
static int
row_stride(int content)
{
	for (int align = 64; align > 4; align /= 2)
	{
		int			stride = TYPEALIGN(align, content);

		if (stride <= content * MAX_PADDING)
			return stride;
	}
	return TYPEALIGN(4, content);
}

/* Slots to bytes of the row, bins to numbers among all bins. */
static void
lay_out(MlBinned *bins)
{
	int			offset;

	bins->nnarrow = 0;
	bins->nbins = 0;
	bins->max_nbins = 0;
	for (int slot = 0; slot < bins->nslots; slot++)
	{
		MlBinning  *binning = &bins->binning[slot];

		binning->is_wide = binning->nbins > 256;
		if (!binning->is_wide)
			binning->offset = bins->nnarrow++;
		binning->first_bin = bins->nbins;
		bins->nbins += binning->nbins;
		bins->max_nbins = Max(bins->max_nbins, binning->nbins);
	}

	offset = bins->nnarrow;
	for (int slot = 0; slot < bins->nslots; slot++)
	{
		if (!bins->binning[slot].is_wide)
			continue;
		bins->binning[slot].offset = offset;
		offset += sizeof(uint16);
	}
	bins->stride = row_stride(offset);
}

MlBinned *
mlops_bins_learn(const MlSignature *sig, const MlBlock *sample, int max_bins)
{
	MlBinned   *bins = palloc0(sizeof(MlBinned));
	Size		room = Max(sample->nrows, 1);
	CutWork		work;
	void	   *memory[5];

	Assert(max_bins >= 2 && max_bins <= MAX_WIDE_BINS - 2);
	Assert(sample->width == sig->width);
	bins->sig = sig;
	bins->nslots = sig->width;
	bins->binning = palloc0(sizeof(MlBinning) * Max(sig->width, 1));

	memory[0] = work.key = palloc_extended(sizeof(uint64) * room, MCXT_ALLOC_HUGE);
	memory[1] = work.spare = palloc_extended(sizeof(uint64) * room, MCXT_ALLOC_HUGE);
	memory[2] = work.value = palloc_extended(sizeof(double) * room, MCXT_ALLOC_HUGE);
	memory[3] = work.count = palloc_extended(sizeof(uint32) * room, MCXT_ALLOC_HUGE);
	memory[4] = work.histogram = palloc(sizeof(uint32) * RADIX_PASSES * RADIX_SIZE);
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];

		for (int slot = feature->slot; slot < feature->slot + feature->width; slot++)
		{
			CHECK_FOR_INTERRUPTS();
			if (feature->type == ML_COLUMN_TEXT)
				learn_category(&bins->binning[slot], feature);
			else
				learn_number(&bins->binning[slot], sample, slot, max_bins, &work);
		}
	}
	for (int i = 0; i < (int) lengthof(memory); i++)
		pfree(memory[i]);

	lay_out(bins);
	return bins;
}
