/*-------------------------------------------------------------------------
 *
 * fold.h
 *	  The folded multiply: 64 x 64 bits to 128, high half xor low half.
 *
 * IDENTIFICATION
 *	  src/numeric/fold.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_FOLD_H
#define MLOPS_FOLD_H

#include <stdint.h>

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
	multiply(&a, &b);
	return a ^ b;
}

#endif							/* MLOPS_FOLD_H */
