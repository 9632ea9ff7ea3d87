/*-------------------------------------------------------------------------
 *
 * sort.c
 *	  Sorting of doubles by their bits, without a comparison.
 *
 * A double without its sign is ordered as an unsigned number; mlops_double_key
 * turns the negative ones round.  Of the bits that are not the same in all
 * keys, the highest 32 are sorted by, eight at a time and the lowest first.
 * That leaves numbers from a continuous distribution nearly in order, and
 * insertion does the rest; where it would have to move too many, all bits are
 * sorted by after all.
 *
 * IDENTIFICATION
 *	  src/numeric/sort.c
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/numeric.h"

#define DIGIT_BITS	8
#define BUCKETS		(1 << DIGIT_BITS)
#define FIRST_BITS	(4 * DIGIT_BITS)
#define SMALL		192			/* below this, insertion */
#define MOVES		6			/* of insertion, per key */
#define TICK_EVERY	65536

static inline uint64_t
load(const double *at)
{
	uint64_t	bits;

	memcpy(&bits, at, sizeof(bits));
	return bits;
}

static inline void
store(double *at, uint64_t bits)
{
	memcpy(at, &bits, sizeof(bits));
}

static inline unsigned
digit(uint64_t key, int shift)
{
	return (unsigned) (key >> shift) & (BUCKETS - 1);
}

/*
 * Put keys in order; false, and some order, if that takes more than so many
 * moves.
 */
static bool
insertion(double *keys, size_t n, size_t moves)
{
	size_t		i,
				k;

	for (i = 1; i < n; i++)
	{
		uint64_t	key = load(keys + i);

		for (k = i; k > 0 && load(keys + k - 1) > key; k--)
			store(keys + k, load(keys + k - 1));
		store(keys + k, key);
		if (i - k > moves)
			return false;
		moves -= i - k;
	}
	return true;
}

/* Sort by one digit from "from" to "to"; false if there is nothing to do. */
static bool
by_digit(const double *from, double *to, size_t n, int shift)
{
	uint32_t	count[BUCKETS] = {0};
	uint32_t	at = 0;
	size_t		i;
	int			b;

	for (i = 0; i < n; i++)
		count[digit(load(from + i), shift)]++;
	if (count[digit(load(from), shift)] == n)
		return false;
	for (b = 0; b < BUCKETS; b++)
	{
		uint32_t	here = count[b];

		count[b] = at;
		at += here;
	}
	for (i = 0; i < n;)
	{
		size_t		stop = n - i < TICK_EVERY ? n : i + TICK_EVERY;

		for (; i < stop; i++)
		{
			uint64_t	key = load(from + i);

			store(to + count[digit(key, shift)]++, key);
		}
		if (mlops_numeric_tick)
			mlops_numeric_tick();
	}
	return true;
}

/* Sort by the bits from low to high; the keys change places between the two. */
static void
by_bits(double **keys, double **other, size_t n, int low, int high)
{
	int			shift;

	for (shift = low; shift < high; shift += DIGIT_BITS)
		if (by_digit(*keys, *other, n, shift))
		{
			double	   *swap = *keys;

			*keys = *other;
			*other = swap;
		}
}

/*
 * mlops_sort_doubles - ascending; -0.0 becomes 0.0
 */
void
mlops_sort_doubles(double *x, size_t n, double *scratch)
{
	uint64_t	any = 0,
				all = UINT64_MAX;
	double	   *keys = x;
	double	   *other = scratch;
	int			high = 0,
				low;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint64_t	key = mlops_double_key(x[i]);

		any |= key;
		all &= key;
		store(x + i, key);
	}
	while (high < 64 && (any ^ all) >> high != 0)
		high++;
	low = high > FIRST_BITS ? high - FIRST_BITS : 0;
	if (n < SMALL)
		insertion(keys, n, n * n);
	else
	{
		by_bits(&keys, &other, n, low, high);
		if (((any ^ all) & ((UINT64_C(1) << low) - 1)) != 0 && !insertion(keys, n, MOVES * n))
			by_bits(&keys, &other, n, 0, high);
	}
	for (i = 0; i < n; i++)
		x[i] = mlops_key_double(load(keys + i));
}
