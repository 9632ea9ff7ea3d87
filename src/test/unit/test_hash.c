/*-------------------------------------------------------------------------
 *
 * test_hash.c
 *	  The hash is frozen, reads nothing outside, and mixes.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_hash.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mlops/numeric.h"

#include "unit.h"

/* Of the bytes 1, 2, 3, ...  A change here changes every model trained later. */
static const struct
{
	size_t		len;
	uint64_t	value;
}			pinned[] =
{
	{0, UINT64_C(0x0ba24ead56319eb0)},
	{1, UINT64_C(0x71a3749431fd8b69)},
	{3, UINT64_C(0x6e94445c19d4c21c)},
	{8, UINT64_C(0x284b21abc023eec6)},
	{9, UINT64_C(0x2aad1d33a804a2e4)},
	{16, UINT64_C(0x8135e919aa6a74f4)},
	{17, UINT64_C(0x56a37b2fce7dc0ee)},
	{33, UINT64_C(0xb8f8b7ec823db2a9)},
	{48, UINT64_C(0x35fb35755e381680)},
	{49, UINT64_C(0x62e9df05f977c581)},
	{96, UINT64_C(0x94917f5deb852adc)},
	{97, UINT64_C(0x2d40a38bad8f88ad)},
	{200, UINT64_C(0x13baa4adb7c041a7)}
};

static int
bits_set(uint64_t x)
{
	int			count = 0;

	for (; x; x &= x - 1)
		count++;
	return count;
}

static void
test_pinned(void)
{
	unsigned char bytes[200];
	size_t		i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char) (i + 1);
	for (i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++)
		CHECK(mlops_hash_bytes(bytes, pinned[i].len, 42) == pinned[i].value);
	CHECK(mlops_hash_mix(1, 2) == UINT64_C(0x3bddb4899a6e0ab7));
	CHECK(mlops_hash_mix(2, 1) == UINT64_C(0xb1e1f0ea60108f9a));
}

/* Alignment and what lies around must not matter; a byte less is another value. */
static void
test_bounds(void)
{
	size_t		len;

	for (len = 0; len < 150; len++)
	{
		unsigned char *exact = unit_alloc(len + 1);
		unsigned char *shifted = unit_alloc(len + 4);
		uint64_t	value;
		size_t		i;

		/* the sanitizer sees a read outside either */
		for (i = 0; i < len; i++)
			exact[i] = shifted[i + 3] = (unsigned char) (i * 7);
		value = mlops_hash_bytes(exact, len, 9);
		CHECK(value == mlops_hash_bytes(shifted + 3, len, 9));
		CHECK(value != mlops_hash_bytes(exact, len, 10));
		exact[len] = 0;
		CHECK(value != mlops_hash_bytes(exact, len + 1, 9));
		free(exact);
		free(shifted);
	}
}

/* One flipped input bit flips about half of the output, every bit of it. */
static void
test_avalanche(void)
{
	static const size_t lens[] = {4, 8, 16, 40, 100};
	size_t		l;

	for (l = 0; l < sizeof(lens) / sizeof(lens[0]); l++)
	{
		double		total = 0;
		int			least = 64,
					trials = 0,
					round;

		for (round = 0; round < 20; round++)
		{
			unsigned char bytes[100];
			uint64_t	value;
			size_t		bit;

			for (bit = 0; bit < lens[l]; bit++)
				bytes[bit] = (unsigned char) (unit_random() * 256);
			value = mlops_hash_bytes(bytes, lens[l], 0);
			for (bit = 0; bit < lens[l] * 8; bit++)
			{
				int			changed;

				bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
				changed = bits_set(value ^ mlops_hash_bytes(bytes, lens[l], 0));
				bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
				total += changed;
				least = changed < least ? changed : least;
				trials++;
			}
		}
		CHECK(fabs(total / trials - 32.0) < 0.5);
		CHECK(least >= 8);
	}
}

/* Small consecutive numbers, which is what mix is given, spread evenly. */
static void
test_mix(void)
{
	int			count[64] = {0};
	double		chi2 = 0;
	int			i;

	for (i = 0; i < 64000; i++)
		count[mlops_hash_mix((uint64_t) i, 7) >> 58]++;
	for (i = 0; i < 64; i++)
		chi2 += (count[i] - 1000.0) * (count[i] - 1000.0) / 1000.0;
	CHECK(mlops_chi2_sf(chi2, 63) > 1e-4);
	CHECK(mlops_chi2_sf(chi2, 63) < 1 - 1e-4);
}

void
test_hash(void)
{
	test_pinned();
	test_bounds();
	test_avalanche();
	test_mix();
}
