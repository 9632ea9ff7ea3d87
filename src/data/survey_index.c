/*-------------------------------------------------------------------------
 *
 * survey_index.c
 *	  From a row's hash to its canonical position.
 *
 * The hashes are sorted: hashes are uniform, so rows are counted into buckets
 * of about eight by their first bits and sorted within.  A row's rank in that
 * order and the parts of the rows before it give its position: the rank among
 * the rows of its part.  The parts stand in bits, 64 ranks in a word, with the
 * counts up to that word beside them; so a position costs 8 bytes for the
 * hash, half a byte for the bucket's start and half a byte for parts.
 *
 * Identical rows have identical hashes and ranks side by side; which of them
 * gets which position does not matter.  One bit says that a position is taken;
 * those of one hash are taken in order, so the first that is free is found by
 * doubling steps and bisection however many there are.
 *
 * IDENTIFICATION
 *	  src/data/survey_index.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "survey.h"

#define ROWS_PER_BUCKET 8
#define WATCH_KEY UINT64CONST(0x51c4a9e3d20b867f)	/* which rows are watched; frozen */
#define FEW 24					/* rows of a bucket that are sorted by insertion, searched one by one */

/* 64 ranks */
typedef struct RankWord
{
	uint64		held;			/* part 1 */
	uint64		watched;		/* part 2 */
	uint64		taken;
	uint32		held_before;	/* in earlier words */
	uint32		watched_before;
} RankWord;

typedef struct HashGroup
{
	uint64		hash;
	uint16		group;
} HashGroup;

#define ST_SORT sort_hash_groups
#define ST_ELEMENT_TYPE HashGroup
#define ST_COMPARE(a, b) ((a)->hash < (b)->hash ? -1 : (a)->hash > (b)->hash ? 1 : \
						  (int) (a)->group - (int) (b)->group)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static inline RankWord *
rank_words(const MlSurveyIndex *index)
{
	return (RankWord *) index->base;
}

static inline uint32 *
bucket_starts(const MlSurveyIndex *index)
{
	return (uint32 *) (index->base + index->starts);
}

static inline uint64 *
sorted_hashes(const MlSurveyIndex *index)
{
	return (uint64 *) (index->base + index->hashes);
}

MlHashes *
mlops_hashes_make(MemoryContext parent)
{
	MlHashes   *hashes = MemoryContextAllocZero(parent, sizeof(MlHashes));

	hashes->context = AllocSetContextCreate(parent, "mlops row hashes",
											ALLOCSET_DEFAULT_SIZES);
	hashes->maxchunks = 64;
	hashes->hash = MemoryContextAlloc(hashes->context, sizeof(uint64 *) * hashes->maxchunks);
	hashes->group = MemoryContextAlloc(hashes->context, sizeof(uint16 *) * hashes->maxchunks);
	return hashes;
}

void
mlops_hashes_add(MlHashes *hashes, const uint64 *hash, const uint16 *group, int nrows)
{
	while (nrows > 0)
	{
		int			at = hashes->nrows % HASH_CHUNK;
		int			n = Min(nrows, HASH_CHUNK - at);

		if (at == 0)
		{
			if (hashes->nrows > PG_INT32_MAX - HASH_CHUNK)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("source has more than %d rows", PG_INT32_MAX - HASH_CHUNK),
						 errhint("Train on a fraction of the rows with the option \"sample\".")));
			if (hashes->nchunks == hashes->maxchunks)
			{
				hashes->maxchunks *= 2;
				hashes->hash = repalloc_huge(hashes->hash, sizeof(uint64 *) * hashes->maxchunks);
				hashes->group = repalloc_huge(hashes->group, sizeof(uint16 *) * hashes->maxchunks);
			}
			hashes->hash[hashes->nchunks] = MemoryContextAlloc(hashes->context, sizeof(uint64) * HASH_CHUNK);
			hashes->group[hashes->nchunks] = MemoryContextAlloc(hashes->context, sizeof(uint16) * HASH_CHUNK);
			hashes->nchunks++;
		}
		memcpy(hashes->hash[hashes->nchunks - 1] + at, hash, sizeof(uint64) * n);
		memcpy(hashes->group[hashes->nchunks - 1] + at, group, sizeof(uint16) * n);
		hashes->nrows += n;
		hash += n;
		group += n;
		nrows -= n;
	}
}

void
mlops_hashes_ungroup(MlHashes *hashes)
{
	for (int c = 0; c < hashes->nchunks; c++)
		memset(hashes->group[c], 0, sizeof(uint16) * HASH_CHUNK);
}

/* Rows in chunk c. */
static int
chunk_rows(const MlHashes *hashes, int c)
{
	return c < hashes->nchunks - 1 ? HASH_CHUNK :
		(int) (hashes->nrows - (int64) c * HASH_CHUNK);
}

/* Lay out an index of so many rows; base is left NULL. */
static void
lay_out(MlSurveyIndex *index, int64 nrows)
{
	memset(index, 0, sizeof(MlSurveyIndex));
	index->nrows = nrows;
	index->bits = 1;
	while (index->bits < 28 && ((int64) ROWS_PER_BUCKET << index->bits) < nrows)
		index->bits++;
	index->starts = sizeof(RankWord) * ((nrows + 63) / 64);
	index->hashes = index->starts + MAXALIGN(sizeof(uint32) * (((Size) 1 << index->bits) + 1));
	index->size = index->hashes + sizeof(uint64) * nrows;
}

Size
mlops_index_build_size(int64 nrows)
{
	MlSurveyIndex index;

	lay_out(&index, nrows);
	return index.size + (sizeof(uint64) + sizeof(uint16)) * nrows;
}

/* Hashes to their buckets; groups go along into an array of their own. */
static uint16 *
fill_buckets(MlSurveyIndex *index, const MlHashes *hashes)
{
	uint32	   *starts = bucket_starts(index);
	uint64	   *sorted = sorted_hashes(index);
	uint16	   *groups = palloc_extended(sizeof(uint16) * Max(index->nrows, 1), MCXT_ALLOC_HUGE);
	int			shift = 64 - index->bits;
	uint32		nbuckets = (uint32) 1 << index->bits;
	uint32		sum = 0;

	for (int c = 0; c < hashes->nchunks; c++)
	{
		int			n = chunk_rows(hashes, c);

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < n; r++)
			starts[hashes->hash[c][r] >> shift]++;
	}
	for (uint32 i = 0; i <= nbuckets; i++)
	{
		uint32		count = starts[i];

		starts[i] = sum;
		sum += count;
	}
	for (int c = 0; c < hashes->nchunks; c++)
	{
		int			n = chunk_rows(hashes, c);

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < n; r++)
		{
			uint64		hash = hashes->hash[c][r];
			uint32		to = starts[hash >> shift]++;

			sorted[to] = hash;
			groups[to] = hashes->group[c][r];
		}
	}
	/* every start has moved to its bucket's end */
	memmove(starts + 1, starts, sizeof(uint32) * nbuckets);
	starts[0] = 0;
	return groups;
}

static void
sort_bucket(uint64 *hash, uint16 *group, uint32 n)
{
	HashGroup  *rows;

	if (n <= FEW)
	{
		for (uint32 i = 1; i < n; i++)
		{
			uint64		h = hash[i];
			uint16		g = group[i];
			uint32		j = i;

			while (j > 0 && (hash[j - 1] > h || (hash[j - 1] == h && group[j - 1] > g)))
			{
				hash[j] = hash[j - 1];
				group[j] = group[j - 1];
				j--;
			}
			hash[j] = h;
			group[j] = g;
		}
		return;
	}
	rows = palloc_extended(sizeof(HashGroup) * n, MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < n; i++)
	{
		rows[i].hash = hash[i];
		rows[i].group = group[i];
	}
	sort_hash_groups(rows, n);
	for (uint32 i = 0; i < n; i++)
	{
		hash[i] = rows[i].hash;
		group[i] = rows[i].group;
	}
	pfree(rows);
}

/* All but the parts; the hashes are freed, the groups returned. */
static uint16 *
sort_rows(MlSurveyIndex *index, MlHashes *hashes)
{
	uint16	   *groups;
	uint32	   *starts;

	lay_out(index, hashes->nrows);
	index->base = palloc_extended(index->size, MCXT_ALLOC_HUGE);
	memset(index->base, 0, index->hashes);
	groups = fill_buckets(index, hashes);
	MemoryContextDelete(hashes->context);
	pfree(hashes);
	starts = bucket_starts(index);
	for (uint32 b = 0; b < (uint32) 1 << index->bits; b++)
	{
		CHECK_EVERY_64K(b);
		sort_bucket(sorted_hashes(index) + starts[b], groups + starts[b], starts[b + 1] - starts[b]);
	}
	return groups;
}

/* Put the fraction of each group's rows that are not held out into a part. */
static void
draw_part(MlSurveyIndex *index, const uint16 *groups, int ngroups, double fraction,
		  uint64 seed, bool watched)
{
	const uint64 *hash = sorted_hashes(index);
	RankWord   *words = rank_words(index);
	int64	   *ends;
	uint64	   *keys;
	uint64		number = 0;
	MlSplitLimits split;

	if (fraction <= 0 || index->nrows < 2)
		return;
	ends = palloc0(sizeof(int64) * (ngroups + 1));
	keys = palloc_extended(sizeof(uint64) * index->nrows, MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < index->nrows; i++)
	{
		CHECK_EVERY_64K(i);
		if ((words[i / 64].held >> (i % 64) & 1) == 0)
			ends[groups[i] + 1]++;
	}
	for (int g = 0; g < ngroups; g++)
		ends[g + 1] += ends[g];
	for (int64 i = 0; i < index->nrows; i++)
	{
		CHECK_EVERY_64K(i);
		number = (i > 0 && hash[i] == hash[i - 1]) ? number + 1 : 0;
		if ((words[i / 64].held >> (i % 64) & 1) == 0)
			keys[ends[groups[i]]++] = mlops_split_key(hash[i], number, seed);
	}
	split = mlops_split_limits(keys, ends, ngroups, fraction);
	pfree(keys);
	for (int64 i = 0; i < index->nrows; i++)
	{
		CHECK_EVERY_64K(i);
		number = (i > 0 && hash[i] == hash[i - 1]) ? number + 1 : 0;
		if ((words[i / 64].held >> (i % 64) & 1) == 0 && split.holds[groups[i]] &&
			mlops_split_key(hash[i], number, seed) <= split.limits[groups[i]])
		{
			if (watched)
				words[i / 64].watched |= UINT64CONST(1) << (i % 64);
			else
				words[i / 64].held |= UINT64CONST(1) << (i % 64);
		}
	}
	pfree(ends);
}

/* Counts, once all bits are set; group_train can be NULL. */
static void
count_parts(MlSurveyIndex *index, const uint16 *groups, int64 *group_train)
{
	const uint64 *hash = sorted_hashes(index);
	RankWord   *words = rank_words(index);
	bool		counted = false;	/* the present hash */

	for (int64 i = 0; i < index->nrows; i++)
	{
		RankWord   *word = &words[i / 64];

		CHECK_EVERY_64K(i);
		if (i % 64 == 0)
		{
			word->held_before = index->nholdout;
			word->watched_before = index->nwatch;
			index->nholdout += pg_popcount64(word->held);
			index->nwatch += pg_popcount64(word->watched);
		}
		if (i > 0 && hash[i] != hash[i - 1])
			counted = false;
		if (((word->held | word->watched) >> (i % 64) & 1) != 0)
			continue;
		if (group_train != NULL)
			group_train[groups[i]]++;
		index->ndistinct += !counted;
		counted = true;
	}
	index->ntrain = index->nrows - index->nholdout - index->nwatch;
}

MlSurveyIndex *
mlops_index_build(MlHashes *hashes, MlDraw *draw)
{
	MlSurveyIndex *index = palloc(sizeof(MlSurveyIndex));
	uint16	   *groups = sort_rows(index, hashes);

	draw_part(index, groups, draw->ngroups, draw->holdout, draw->seed, false);
	draw_part(index, groups, draw->ngroups, draw->watch, mlops_hash_mix(draw->seed, WATCH_KEY), true);
	draw->group_train = palloc0(sizeof(int64) * draw->ngroups);
	count_parts(index, groups, draw->group_train);
	pfree(groups);
	return index;
}

MlSurveyIndex *
mlops_index_build_parted(MlHashes *hashes)
{
	MlSurveyIndex *index = palloc(sizeof(MlSurveyIndex));
	uint16	   *groups = sort_rows(index, hashes);
	RankWord   *words = rank_words(index);

	for (int64 i = 0; i < index->nrows; i++)
	{
		CHECK_EVERY_64K(i);
		words[i / 64].held |= (uint64) (groups[i] == 1) << (i % 64);
		words[i / 64].watched |= (uint64) (groups[i] == 2) << (i % 64);
	}
	count_parts(index, groups, NULL);
	pfree(groups);
	return index;
}

/* The first rank of a bucket whose hash is not smaller. */
static inline uint32
find_first(const uint64 *sorted, uint32 low, uint32 high, uint64 hash)
{
	while (high - low > FEW)
	{
		uint32		middle = low + (high - low) / 2;

		if (sorted[middle] < hash)
			low = middle + 1;
		else
			high = middle;
	}
	while (low < high && sorted[low] < hash)
		low++;
	return low;
}

static inline bool
is_taken(const RankWord *words, const uint64 *sorted, uint32 end, uint64 rank, uint64 hash)
{
	return rank < end && sorted[rank] == hash && (words[rank / 64].taken >> (rank % 64) & 1) != 0;
}

/* A rank of the hash is taken; the first after it that is not (of this hash, or beyond it). */
static uint32
skip_taken(const RankWord *words, const uint64 *sorted, uint32 end, uint32 rank, uint64 hash)
{
	uint64		low = rank;		/* taken */
	uint64		step = 1;
	uint64		high;

	while (is_taken(words, sorted, end, low + step, hash))
	{
		low += step;
		step *= 2;
	}
	high = low + step;			/* not taken */
	while (high - low > 1)
	{
		uint64		middle = low + (high - low) / 2;

		if (is_taken(words, sorted, end, middle, hash))
			low = middle;
		else
			high = middle;
	}
	return (uint32) high;
}

/* Position of a rank. */
static inline uint32
position_of(const MlSurveyIndex *index, uint32 rank)
{
	const RankWord *word = &rank_words(index)[rank / 64];
	uint64		bit = UINT64CONST(1) << (rank % 64);
	uint32		held = word->held_before;
	uint32		watched = word->watched_before;

	if (word->held != 0)
		held += pg_popcount64(word->held & (bit - 1));
	if (word->watched != 0)
		watched += pg_popcount64(word->watched & (bit - 1));
	if (word->held & bit)
		return (uint32) (index->ntrain + index->nwatch) + held;
	if (word->watched & bit)
		return (uint32) index->ntrain + watched;
	return rank - held - watched;
}

bool
mlops_index_take(MlSurveyIndex *index, const uint64 *hash, int nrows, uint32 *position)
{
	const uint32 *starts = bucket_starts(index);
	const uint64 *sorted = sorted_hashes(index);
	RankWord   *words = rank_words(index);
	int			shift = 64 - index->bits;
	uint32		low[MLOPS_BLOCK_ROWS];

	/* each step asks for the memory of the next */
	for (int i = 0; i < nrows; i++)
		__builtin_prefetch(&starts[hash[i] >> shift]);
	for (int i = 0; i < nrows; i++)
	{
		low[i] = starts[hash[i] >> shift];
		__builtin_prefetch(&sorted[low[i]]);
		__builtin_prefetch(&sorted[low[i]] + ROWS_PER_BUCKET);
	}
	for (int i = 0; i < nrows; i++)
	{
		low[i] = find_first(sorted, low[i], starts[(hash[i] >> shift) + 1], hash[i]);
		__builtin_prefetch(&words[low[i] / 64]);
	}
	for (int i = 0; i < nrows; i++)
	{
		uint32		end = starts[(hash[i] >> shift) + 1];
		uint32		rank = low[i];

		if (is_taken(words, sorted, end, rank, hash[i]))
			rank = skip_taken(words, sorted, end, rank, hash[i]);
		if (rank >= end || sorted[rank] != hash[i])
			return false;
		words[rank / 64].taken |= UINT64CONST(1) << (rank % 64);
		position[i] = position_of(index, rank);
	}
	return true;
}

int64
mlops_index_count(const MlSurveyIndex *index, uint64 hash)
{
	const uint32 *starts = bucket_starts(index);
	const uint64 *sorted = sorted_hashes(index);
	const RankWord *words = rank_words(index);
	uint64		bucket = hash >> (64 - index->bits);
	int64		count = 0;

	for (uint32 i = find_first(sorted, starts[bucket], starts[bucket + 1], hash);
		 i < starts[bucket + 1] && sorted[i] == hash; i++)
		count += ((words[i / 64].held | words[i / 64].watched) >> (i % 64) & 1) == 0;
	return count;
}

/* The survey's index, for who lends it memory. */
Size
mlops_survey_index_size(const MlSurvey *survey)
{
	return survey->index->size;
}

void
mlops_survey_move_index(MlSurvey *survey, void *to)
{
	MlSurveyIndex *index = survey->index;

	memcpy(to, index->base, index->size);
	pfree(index->base);
	index->base = to;
}
