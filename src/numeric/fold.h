/*-------------------------------------------------------------------------
 *
 * fold.h
 *	  The folded multiply: 64 x 64 bits to 128, high half xor low half; and
 *	  what is made of it, for hash.c and what has to have it inline.
 *
 * IDENTIFICATION
 *	  src/numeric/fold.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_FOLD_H
#define MLOPS_FOLD_H

#include <stdint.h>

/* Drawn once from a generator; odd.  Never change them. */
#define K0	UINT64_C(0xd1a6e55e9b9b1325)
#define K1	UINT64_C(0xcf0c26ef4243ed53)
#define K2	UINT64_C(0x5e6a0a2edd70e34d)
#define K3	UINT64_C(0x0463513755ac0ecd)
#define K4	UINT64_C(0xb37523a53b4a3ee3)

/* the 128-bit product of *a and *b: low half to *a, high half to *b */
static inline void
multiply(uint64_t *a, uint64_t *b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 product = (unsigned __int128) *a * *b;

	*a = (uint64_t) product;
	*b = (uint64_t) (product >> 64);
#else
	uint64_t	al = (uint32_t) *a,
				ah = *a >> 32,
				bl = (uint32_t) *b,
				bh = *b >> 32;
	uint64_t	ll = al * bl,
				lh = al * bh,
				hl = ah * bl,
				hh = ah * bh;
	uint64_t	middle = (ll >> 32) + (uint32_t) lh + (uint32_t) hl;

	*a = (middle << 32) | (uint32_t) ll;
	*b = hh + (lh >> 32) + (hl >> 32) + (middle >> 32);
#endif
}

static inline uint64_t
fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64_t) product ^ (uint64_t) (product >> 64);
#else
	multiply(&a, &b);
	return a ^ b;
#endif
}

/* mlops_hash_mix */
static inline uint64_t
mix(uint64_t a, uint64_t b)
{
	a ^= K0;
	b ^= K1;
	multiply(&a, &b);
	return fold(a ^ K2, b ^ K3);
}

#endif							/* MLOPS_FOLD_H */
