/*-------------------------------------------------------------------------
 *
 * split.c
 *	  Which rows are held out from training.
 *
 * A row's key mixes its hash, the seed and, because identical rows have
 * identical hashes, its number among the rows of that hash (which of them
 * gets which number does not matter: they are the same row).  The rows with
 * the smallest keys are held out: round(fraction * n) of each class of a
 * classification, of all rows of a regression, always leaving one to train
 * on.  So the split is the same whatever the physical order of the table.
 *
 * Linear in the number of rows: hashes are uniform, so rows are counted into
 * buckets by their first bits, duplicates meet in a bucket of a few rows, and
 * the border between the parts is found by selection, not by sorting.
 *
 * IDENTIFICATION
 *	  src/data/split.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "data.h"

typedef struct HashedRow
{
	uint64		hash;
	uint32		row;			/* number in the store */
	uint32		group;			/* its class, 0 for regression */
} HashedRow;

#define ROWS_PER_BUCKET 8
#define CHOOSE_KEY UINT64CONST(0x2f81d6c09be3547a)	/* which rows are chosen; frozen */

#define ST_SORT sort_hashed_rows
#define ST_ELEMENT_TYPE HashedRow
#define ST_COMPARE(a, b) ((a)->hash < (b)->hash ? -1 : (a)->hash > (b)->hash ? 1 : 0)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

uint64
mlops_select_key(uint64 *keys, int64 n, int64 rank)
{
	int64		low = 0;
	int64		high = n - 1;

	while (low < high)
	{
		uint64		a = keys[low];
		uint64		b = keys[low + (high - low) / 2];
		uint64		c = keys[high];
		uint64		pivot = Max(Min(a, b), Min(Max(a, b), c));
		int64		i = low;
		int64		j = high;

		CHECK_FOR_INTERRUPTS();
		while (i <= j)
		{
			while (keys[i] < pivot)
				i++;
			while (keys[j] > pivot)
				j--;
			if (i <= j)
			{
				uint64		swap = keys[i];

				keys[i++] = keys[j];
				keys[j--] = swap;
			}
		}
		if (rank <= j)
			high = j;
		else if (rank >= i)
			low = i;
		else
			break;
	}
	return keys[rank];
}

/* Rows grouped by the first bits of their hash; starts has nbuckets + 1 entries. */
static HashedRow *
group_rows(const MlStore *store, bool by_class, int bits, uint32 *starts)
{
	HashedRow  *rows = palloc_extended(sizeof(HashedRow) * store->nrows, MCXT_ALLOC_HUGE);
	int			shift = 64 - bits;
	uint32		nbuckets = (uint32) 1 << bits;
	uint32		sum = 0;

	memset(starts, 0, sizeof(uint32) * ((Size) nbuckets + 1));
	for (int b = 0; b < store->nblocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < store->blocks[b].nrows; r++)
			starts[store->hash[b][r] >> shift]++;
	}
	for (uint32 i = 0; i <= nbuckets; i++)
	{
		uint32		count = starts[i];

		starts[i] = sum;
		sum += count;
	}
	for (int b = 0; b < store->nblocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < store->blocks[b].nrows; r++)
		{
			uint64		hash = store->hash[b][r];
			HashedRow  *at = &rows[starts[hash >> shift]++];

			at->hash = hash;
			at->row = (uint32) b * MLOPS_BLOCK_ROWS + r;
			at->group = by_class ? (uint32) store->blocks[b].y[r] : 0;
		}
	}
	/* every start has moved to its bucket's end */
	memmove(starts + 1, starts, sizeof(uint32) * nbuckets);
	starts[0] = 0;
	return rows;
}

/* Replace the hashes of grouped rows by their keys. */
static void
make_keys(HashedRow *rows, uint32 n, uint64 seed)
{
	uint64		number = 0;
	uint64		previous = 0;

	if (n > 1)
		sort_hashed_rows(rows, n);
	for (uint32 i = 0; i < n; i++)
	{
		uint64		hash = rows[i].hash;

		number = (i > 0 && hash == previous) ? number + 1 : 0;
		previous = hash;
		rows[i].hash = mlops_split_key(hash, number, seed);
	}
}

MlSplitLimits
mlops_split_limits(uint64 *keys, const int64 *ends, int ngroups, double fraction)
{
	MlSplitLimits split;

	split.limits = palloc0(sizeof(uint64) * ngroups);
	split.holds = palloc0(sizeof(bool) * ngroups);
	for (int g = 0; g < ngroups; g++)
	{
		int64		first = g > 0 ? ends[g - 1] : 0;
		int64		count = ends[g] - first;
		int64		want = Min((int64) floor(fraction * count + 0.5), count - 1);

		CHECK_FOR_INTERRUPTS();
		if (want <= 0)
			continue;
		split.holds[g] = true;
		split.limits[g] = mlops_select_key(keys + first, count, want - 1);
	}
	return split;
}

/* Of the rows in part 0 those with the smallest mixed keys, by them; keys has room for all. */
static void
choose_rows(const MlStore *store, const HashedRow *rows, int64 n, uint64 *keys, int64 wanted,
			MemoryContext context, MlChosen *chosen)
{
	uint64		limit = PG_UINT64_MAX;
	int64		ntrain = 0;
	int64		nchosen = 0;
	HashedRow  *list;

	for (int64 i = 0; i < n; i++)
	{
		CHECK_EVERY_64K(i);
		if (store->part[rows[i].row / MLOPS_BLOCK_ROWS][rows[i].row % MLOPS_BLOCK_ROWS] == 0)
			keys[ntrain++] = mlops_hash_mix(rows[i].hash, CHOOSE_KEY);
	}
	wanted = Min(wanted, ntrain);
	if (wanted < ntrain)
		limit = mlops_select_key(keys, ntrain, wanted - 1);
	list = palloc_extended(sizeof(HashedRow) * Max(wanted, 1), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < n && nchosen < wanted; i++)
	{
		uint64		key = mlops_hash_mix(rows[i].hash, CHOOSE_KEY);

		CHECK_EVERY_64K(i);
		if (key > limit ||
			store->part[rows[i].row / MLOPS_BLOCK_ROWS][rows[i].row % MLOPS_BLOCK_ROWS] != 0)
			continue;
		list[nchosen] = rows[i];
		list[nchosen++].hash = key;
	}
	sort_hashed_rows(list, nchosen);
	chosen->nrows = nchosen;
	chosen->rows = MemoryContextAllocHuge(context, sizeof(uint32) * Max(nchosen, 1));
	for (int64 i = 0; i < nchosen; i++)
		chosen->rows[i] = list[i].row;
}

/* Mark the rows that are held out; returns how many.  keys has room for all. */
static int64
hold_out(MlStore *store, const HashedRow *rows, uint64 *keys, int nclasses, double fraction)
{
	int64		n = store->nrows;
	int			ngroups = Max(nclasses, 1);
	int64		nheld = 0;
	int64	   *group_start = palloc0(sizeof(int64) * (ngroups + 1));
	MlSplitLimits split;

	/* keys by class */
	for (int b = 0; b < store->nblocks && nclasses > 0; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < store->blocks[b].nrows; r++)
			group_start[(int) store->blocks[b].y[r] + 1]++;
	}
	if (nclasses == 0)
		group_start[1] = n;
	for (int g = 0; g < ngroups; g++)
		group_start[g + 1] += group_start[g];
	for (int64 i = 0; i < n; i++)
	{
		uint32		g = rows[i].group;

		CHECK_EVERY_64K(i);
		keys[group_start[g]++] = rows[i].hash;
	}
	split = mlops_split_limits(keys, group_start, ngroups, fraction);
	for (int64 i = 0; i < n; i++)
	{
		uint32		g = rows[i].group;

		CHECK_EVERY_64K(i);
		if (split.holds[g] && rows[i].hash <= split.limits[g])
		{
			store->part[rows[i].row / MLOPS_BLOCK_ROWS][rows[i].row % MLOPS_BLOCK_ROWS] = 1;
			nheld++;
		}
	}
	return nheld;
}

int64
mlops_split(MlStore *store, int nclasses, double fraction, uint64 seed, int64 wanted, MlChosen *chosen)
{
	int64		n = store->nrows;
	int			bits = 1;
	int64		nheld = 0;
	MemoryContext context;
	MemoryContext old;
	HashedRow  *rows;
	uint32	   *starts;
	uint64	   *keys;

	while (bits < 28 && ((int64) ROWS_PER_BUCKET << bits) < n)
		bits++;
	mlops_store_check_budget(store, (sizeof(HashedRow) + sizeof(uint64)) * n +
							 sizeof(uint32) * ((Size) 2 << bits));
	context = AllocSetContextCreate(CurrentMemoryContext, "mlops split",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);

	starts = palloc_extended(sizeof(uint32) * (((Size) 1 << bits) + 1), MCXT_ALLOC_HUGE);
	rows = group_rows(store, nclasses > 0, bits, starts);
	for (uint32 i = 0; i < (uint32) 1 << bits; i++)
	{
		CHECK_EVERY_64K(i);
		make_keys(rows + starts[i], starts[i + 1] - starts[i], seed);
	}
	keys = palloc_extended(sizeof(uint64) * n, MCXT_ALLOC_HUGE);
	if (fraction > 0 && n > 1)
		nheld = hold_out(store, rows, keys, nclasses, fraction);
	choose_rows(store, rows, n, keys, wanted, old, chosen);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return nheld;
}
