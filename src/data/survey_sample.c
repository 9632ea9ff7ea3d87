/*-------------------------------------------------------------------------
 *
 * survey_sample.c
 *	  A sample of rows that does not depend on their order.
 *
 * While the rows pass by, the distinct ones with the smallest mixed hashes are
 * kept, some more than are wanted, because which rows are for training is
 * known at the end only.  Then every one of them is repeated, so that rows
 * that occur often do so in the sample: with t of the n training rows being
 * this one, k rows wanted and m of d distinct ones at hand, t * (k / n) / (m / d)
 * times on average, but not more often than its true share where that is more
 * than one.  Where all rows are different, these are simply the k training
 * rows with the smallest mixed hashes; where they are not more than k, all.
 *
 * IDENTIFICATION
 *	  src/data/survey_sample.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "survey.h"

#define SAMPLE_KEY UINT64CONST(0xe37b1c5f6a9d2084)	/* frozen */
#define CHUNK_ROWS 1024
#define FIRST_ENTRIES 1024

typedef struct SampleEntry
{
	uint64		key;			/* mixed hash */
	uint64		hash;
	uint32		row;			/* number in the chunks */
} SampleEntry;

struct MlSampler
{
	MemoryContext context;
	int			width;			/* slots; the target follows them */
	double		train_share;	/* expected, of the rows */
	int64		wanted;			/* rows of the sample */
	int64		kept;			/* distinct rows that stay when there are too many */
	uint64		seed;
	uint64		threshold;		/* greater keys are passed over */
	int64		n;
	int64		max;			/* entries allocated */
	SampleEntry *entries;
	uint32	   *slots;			/* open addressing by hash: entry + 1; 0 is free */
	uint64		mask;
	int64		nfree;
	uint32	   *free_rows;		/* max of them */
	uint32		nrows;			/* rows of the chunks ever used */
	int			maxchunks;
	double	  **chunks;
};

#define SAMPLE_ROWS 100000
#define SAMPLE_ROWS_MIN 20000
#define SAMPLE_BYTES (64 * 1024 * 1024)

#define ST_SORT sort_entries
#define ST_ELEMENT_TYPE SampleEntry
#define ST_COMPARE(a, b) ((a)->key < (b)->key ? -1 : (a)->key > (b)->key)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* As many rows as their slots leave room for; more are kept, for some will turn out to be held out. */
static void
set_width(MlSampler *sampler, int width)
{
	int64		fit = SAMPLE_BYTES / ((int64) sizeof(double) * Max(width, 1));

	sampler->width = width;
	sampler->wanted = Max(Min(SAMPLE_ROWS, fit), SAMPLE_ROWS_MIN);
	sampler->kept = (int64) (sampler->wanted / Max(sampler->train_share, 0.1) * 1.02) + 1000;
}

MlSampler *
mlops_sampler_make(MemoryContext parent, int width, double train_share, uint64 seed)
{
	MemoryContext context = AllocSetContextCreate(parent, "mlops sample", ALLOCSET_DEFAULT_SIZES);
	MlSampler  *sampler = MemoryContextAllocZero(context, sizeof(MlSampler));

	sampler->context = context;
	sampler->train_share = train_share;
	set_width(sampler, width);
	sampler->seed = mlops_hash_mix(seed, SAMPLE_KEY);
	sampler->threshold = PG_UINT64_MAX;
	sampler->max = FIRST_ENTRIES;
	sampler->entries = MemoryContextAlloc(context, sizeof(SampleEntry) * sampler->max);
	sampler->free_rows = MemoryContextAlloc(context, sizeof(uint32) * sampler->max);
	sampler->mask = 2 * FIRST_ENTRIES - 1;
	sampler->slots = MemoryContextAllocZero(context, sizeof(uint32) * (sampler->mask + 1));
	sampler->maxchunks = 64;
	sampler->chunks = MemoryContextAllocZero(context, sizeof(double *) * sampler->maxchunks);
	return sampler;
}

static inline double *
row_of(const MlSampler *sampler, uint32 row)
{
	return sampler->chunks[row / CHUNK_ROWS] +
		(Size) (row % CHUNK_ROWS) * (sampler->width + 1);
}

/* Fill the table anew from the entries. */
static void
fill_table(MlSampler *sampler)
{
	memset(sampler->slots, 0, sizeof(uint32) * (sampler->mask + 1));
	for (int64 i = 0; i < sampler->n; i++)
	{
		uint64		at = sampler->entries[i].hash & sampler->mask;

		while (sampler->slots[at] != 0)
			at = (at + 1) & sampler->mask;
		sampler->slots[at] = i + 1;
	}
}

static void
grow(MlSampler *sampler)
{
	sampler->max *= 2;
	sampler->entries = repalloc_huge(sampler->entries, sizeof(SampleEntry) * sampler->max);
	sampler->free_rows = repalloc_huge(sampler->free_rows, sizeof(uint32) * sampler->max);
	pfree(sampler->slots);
	sampler->mask = sampler->mask * 2 + 1;
	sampler->slots = MemoryContextAllocExtended(sampler->context,
												sizeof(uint32) * (sampler->mask + 1), MCXT_ALLOC_HUGE);
	fill_table(sampler);
}

/* Keep the distinct rows with the smallest keys. */
static void
compact(MlSampler *sampler)
{
	uint64	   *keys = palloc_extended(sizeof(uint64) * sampler->n, MCXT_ALLOC_HUGE);
	int64		n = 0;

	for (int64 i = 0; i < sampler->n; i++)
		keys[i] = sampler->entries[i].key;
	sampler->threshold = mlops_select_key(keys, sampler->n, sampler->kept - 1);
	pfree(keys);
	for (int64 i = 0; i < sampler->n; i++)
	{
		if (sampler->entries[i].key <= sampler->threshold)
			sampler->entries[n++] = sampler->entries[i];
		else
			sampler->free_rows[sampler->nfree++] = sampler->entries[i].row;
	}
	sampler->n = n;
	fill_table(sampler);
}

/* A row's place in the chunks. */
static uint32
take_row(MlSampler *sampler)
{
	uint32		row;

	if (sampler->nfree > 0)
		return sampler->free_rows[--sampler->nfree];
	row = sampler->nrows++;
	if (row % CHUNK_ROWS == 0)
	{
		int			chunk = row / CHUNK_ROWS;

		if (chunk == sampler->maxchunks)
		{
			sampler->maxchunks *= 2;
			sampler->chunks = repalloc_huge(sampler->chunks, sizeof(double *) * sampler->maxchunks);
		}
		sampler->chunks[chunk] = MemoryContextAllocHuge(sampler->context,
														sizeof(double) * CHUNK_ROWS * ((Size) sampler->width + 1));
	}
	return row;
}

static void
add_row(MlSampler *sampler, uint64 key, uint64 hash, const double *x, double y)
{
	uint64		at = hash & sampler->mask;
	SampleEntry *entry;
	double	   *to;

	while (sampler->slots[at] != 0)
	{
		if (sampler->entries[sampler->slots[at] - 1].hash == hash)
			return;
		at = (at + 1) & sampler->mask;
	}
	entry = &sampler->entries[sampler->n];
	sampler->slots[at] = ++sampler->n;
	entry->key = key;
	entry->hash = hash;
	entry->row = take_row(sampler);
	to = row_of(sampler, entry->row);
	memcpy(to, x, sizeof(double) * sampler->width);
	to[sampler->width] = y;
	if (sampler->n > sampler->kept + sampler->kept / 2)
		compact(sampler);
	else if (sampler->n == sampler->max)
		grow(sampler);
}

void
mlops_sampler_add(MlSampler *sampler, const MlBlock *block, const uint64 *hash)
{
	uint64		keys[MLOPS_BLOCK_ROWS];

	for (int i = 0; i < block->nrows; i++)
	{
		keys[i] = mlops_hash_mix(hash[i], sampler->seed);
		if (keys[i] <= sampler->threshold)
			__builtin_prefetch(&sampler->slots[hash[i] & sampler->mask]);
	}
	for (int i = 0; i < block->nrows; i++)
	{
		if (keys[i] <= sampler->threshold)
			add_row(sampler, keys[i], hash[i], block->x + (Size) i * block->width, block->y[i]);
	}
}

void
mlops_sampler_relayout(MlSampler *sampler, int width, const int *from)
{
	int			nchunks = (sampler->nrows + CHUNK_ROWS - 1) / CHUNK_ROWS;
	int			was = sampler->width;

	for (int c = 0; c < nchunks; c++)
	{
		double	   *old = sampler->chunks[c];
		double	   *x = MemoryContextAllocHuge(sampler->context,
											   sizeof(double) * CHUNK_ROWS * ((Size) width + 1));
		int			n = Min(CHUNK_ROWS, (int) (sampler->nrows - (uint32) c * CHUNK_ROWS));

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < n; r++)
		{
			const double *src = old + (Size) r * (was + 1);
			double	   *dst = x + (Size) r * (width + 1);

			for (int i = 0; i < width; i++)
				dst[i] = from[i] < 0 ? NAN : src[from[i]];
			dst[width] = src[was];
		}
		sampler->chunks[c] = x;
		pfree(old);
	}
	set_width(sampler, width);
}

Size
mlops_sampler_result_size(const MlSampler *sampler, int64 nrows, int width)
{
	return sizeof(double) * Min(sampler->wanted, nrows) * ((Size) width + 1);
}

/* Training rows of each entry, in order of key; returns how many have any. */
static int64
count_copies(MlSampler *sampler, const MlSurveyIndex *index, uint32 *copies)
{
	int64		n = 0;

	for (int64 i = 0; i < sampler->n; i++)
	{
		CHECK_EVERY_64K(i);
		copies[i] = mlops_index_count(index, sampler->entries[i].hash);
		n += copies[i] > 0;
	}
	return n;
}

void
mlops_sampler_finish(MlSampler *sampler, const MlSurveyIndex *index, int width, const int *from,
					 MemoryContext context, MlBlock *sample)
{
	int64		wanted = Min(sampler->wanted, index->ntrain);
	uint32	   *copies = palloc_extended(sizeof(uint32) * Max(sampler->n, 1), MCXT_ALLOC_HUGE);
	double		share = (double) wanted / Max(index->ntrain, 1);
	double		rate;
	int64		at_hand;
	int64		n = 0;

	sort_entries(sampler->entries, sampler->n);
	at_hand = Min(count_copies(sampler, index, copies), wanted);
	rate = ((double) wanted * index->ndistinct) / ((double) index->ntrain * Max(at_hand, 1));
	memset(sample, 0, sizeof(MlBlock));
	sample->width = width;
	sample->x = MemoryContextAllocHuge(context, sizeof(double) * Max(wanted, 1) * Max(width, 1));
	sample->y = MemoryContextAllocHuge(context, sizeof(double) * Max(wanted, 1));
	for (int64 e = 0; e < sampler->n && n < wanted; e++)
	{
		const SampleEntry *entry = &sampler->entries[e];
		const double *x = row_of(sampler, entry->row);
		double		chance = ldexp((double) (mlops_hash_mix(entry->key, 1) >> 11), -53);
		double		most = Max(1.0, ceil(copies[e] * share));
		int64		times = (int64) Min(floor(copies[e] * rate + chance), most);

		CHECK_EVERY_64K(e);
		for (int64 t = 0; t < times && n < wanted; t++, n++)
		{
			double	   *to = sample->x + (Size) n * width;

			for (int i = 0; i < width; i++)
				to[i] = x[from != NULL ? from[i] : i];
			sample->y[n] = x[sampler->width];
		}
	}
	sample->nrows = (int) n;
	pfree(copies);
	MemoryContextDelete(sampler->context);
}
