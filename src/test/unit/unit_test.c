/*-------------------------------------------------------------------------
 *
 * unit_test.c
 *	  Runs the unit tests and counts.
 *
 * IDENTIFICATION
 *	  src/test/unit/unit_test.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mlops/numeric.h"

#include "unit.h"

static int	passed = 0;
static int	failed = 0;
#define SEED 1

static uint64_t seed = SEED;

void
unit_check(bool good, const char *file, int line, const char *what)
{
	if (good)
		passed++;
	else
	{
		failed++;
		printf("%s:%d: %s\n", file, line, what);
	}
}

void
unit_near(double value, double expected, double tolerance,
		  const char *file, int line, const char *what)
{
	double		scale = expected == 0.0 ? 1.0 : fabs(expected);
	bool		good = value == expected ||
		fabs(value - expected) <= tolerance * scale;

	unit_check(good, file, line, what);
	if (!good)
		printf("    %.17g, expected %.17g, off by %.2g of it\n",
			   value, expected, fabs(value - expected) / scale);
}

double
unit_random(void)
{
	/* xorshift64* (Vigna 2016) */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (double) ((seed * UINT64_C(2685821657736338717)) >> 11) * 0x1p-53;
}

void *
unit_alloc(size_t size)
{
	void	   *memory = calloc(1, size);

	if (memory == NULL)
	{
		printf("out of memory\n");
		exit(1);
	}
	return memory;
}

static void (*const tests[]) (void) = {
	test_elementary,
	test_hash,
	test_slots,
	test_paired,
	test_dist,
	test_optim,
	test_nist,
	test_lsq,
	test_split,
	test_bins,
	test_pack,
	test_drift,
	test_profile,
	test_reference,
	test_estimate,
};

int
main(void)
{
	const char *problem = mlops_blas_open();

	if (problem)
	{
		printf("OpenBLAS: %s\n", problem);
		return 1;
	}
	CHECK(mlops_blas_open() == NULL);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
	{
		seed = SEED;			/* what one draws is no matter to the others */
		tests[i]();
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
