/*-------------------------------------------------------------------------
 *
 * hash.c
 *	  The 64-bit hash whose values reach disk.  Frozen: rows are split and
 *	  ordered by it, so a changed bit changes every model trained later.
 *
 * A folded multiply: 64 x 64 bits to 128, high half xor low half.  It is the
 * strongest mixing step that one instruction gives [1].  Long inputs run
 * through three independent lanes of 16 bytes.  Words are read as
 * little-endian whatever the machine.  Not for adversaries: whoever chooses
 * the input knowing the constants can make values collide.
 *
 * [1] Steele, Vigna: Computationally easy, spectrally good multipliers for
 *	   congruential pseudorandom number generators, 2022 (on why a wide
 *	   multiplication mixes well)
 *
 * IDENTIFICATION
 *	  src/numeric/hash.c
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "mlops/numeric.h"

#include "fold.h"

static inline uint64_t
read_word(const unsigned char *p)
{
	uint64_t	word;

	memcpy(&word, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* the last 1 to 8 bytes, zero-filled; the length is hashed separately */
static inline uint64_t
read_tail(const unsigned char *p, size_t len)
{
	unsigned char bytes[8] = {0};

	memcpy(bytes, p, len);
	return read_word(bytes);
}

/*
 * mlops_hash_mix hashes two words; mix(a, b) and mix(b, a) differ.
 */
uint64_t
mlops_hash_mix(uint64_t a, uint64_t b)
{
	return mix(a, b);
}

/*
 * mlops_hash_bytes hashes len bytes; equal bytes and seed give equal values
 * on every machine.
 */
uint64_t
mlops_hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *p = data;
	size_t		left = len;
	uint64_t	a = 0,
				b = 0;

	seed ^= fold(seed ^ K0, K1);
	if (left > 48)
	{
		uint64_t	lane1 = seed,
					lane2 = seed;

		do
		{
			seed = fold(read_word(p) ^ K1, read_word(p + 8) ^ seed);
			lane1 = fold(read_word(p + 16) ^ K2, read_word(p + 24) ^ lane1);
			lane2 = fold(read_word(p + 32) ^ K3, read_word(p + 40) ^ lane2);
			p += 48;
			left -= 48;
		} while (left > 48);
		seed ^= fold(lane1 ^ K4, lane2 ^ K0);
	}
	while (left > 16)
	{
		seed = fold(read_word(p) ^ K1, read_word(p + 8) ^ seed);
		p += 16;
		left -= 16;
	}
	if (left > 8)
	{
		a = read_word(p);
		b = read_tail(p + 8, left - 8);
	}
	else if (left > 0)
		a = read_tail(p, left);
	a ^= K2;
	b ^= seed;
	multiply(&a, &b);
	return fold(a ^ K3 ^ (uint64_t) len, b ^ K4);
}
