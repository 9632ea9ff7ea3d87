/*-------------------------------------------------------------------------
 *
 * survey_weight.c
 *	  Exact sums of positive doubles, in any order.
 *
 * A double is an integer of 53 bits times a power of two.  The exponents are
 * cut into 64 ranges of 32; within a range the integers, shifted to a common
 * power, have at most 84 bits and are added up as three digits of 32 bits in
 * 64-bit words, which overflow after 2^32 values.  Only at the end is there
 * any rounding, always in the same order.
 *
 * IDENTIFICATION
 *	  src/data/survey_weight.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "survey.h"

#define RANGES 64
#define DIGITS 3

struct MlExactSum
{
	uint64		digit[RANGES][DIGITS];
};

MlExactSum *
mlops_exact_sum_make(void)
{
	return palloc0(sizeof(MlExactSum));
}

void
mlops_exact_sum_add(MlExactSum *sum, double value)
{
	uint64		bits;
	uint64		mantissa;
	int			exponent;
	int			shift;
	uint64	   *digit;

	memcpy(&bits, &value, sizeof(bits));
	exponent = (bits >> 52) & 0x7ff;
	mantissa = bits & UINT64CONST(0x000fffffffffffff);
	if (exponent > 0)
		mantissa |= UINT64CONST(0x0010000000000000);
	else
		exponent = 1;
	digit = sum->digit[exponent / 32];
	shift = exponent % 32;
	digit[0] += (mantissa << shift) & 0xffffffff;
	digit[1] += ((mantissa >> (32 - shift)) & 0xffffffff);
	digit[2] += shift == 0 ? 0 : mantissa >> (64 - shift);
}

void
mlops_exact_sum_merge(MlExactSum *sum, const MlExactSum *other)
{
	for (int i = 0; i < RANGES; i++)
	{
		for (int j = 0; j < DIGITS; j++)
			sum->digit[i][j] += other->digit[i][j];
	}
}

double
mlops_exact_sum_get(const MlExactSum *sum)
{
	double		result = 0;

	for (int i = RANGES - 1; i >= 0; i--)
	{
		for (int j = DIGITS - 1; j >= 0; j--)
			result += ldexp((double) sum->digit[i][j], 32 * i + 32 * j - 1075);
	}
	return result;
}
