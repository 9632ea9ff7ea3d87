/*-------------------------------------------------------------------------
 *
 * test_paired.c
 *	  McNemar's test and the bootstrap against references.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_paired.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "mlops/numeric.h"

#include "unit.h"

/*
 * statsmodels 0.15.0, contingency_tables.mcnemar: exact=True below 25 rows,
 * else correction=True; but for equal counts, where there is nothing to correct.
 */
static const struct
{
	int64_t		only_a;
	int64_t		only_b;
	double		p;
}			mcnemar[] =
{
	{0, 0, 1.0},
	{0, 2, 0.5},
	{5, 12, 0.143463134765625},
	{12, 5, 0.143463134765625},
	{7, 7, 1.0},
	{0, 24, 1.1920928955078125e-07},
	{1, 23, 2.9802322387695312e-06},
	{9, 15, 0.30745625495910645},
	{0, 25, 1.5866563039511885e-06},
	{10, 15, 0.4237107971667936},
	{12, 13, 1.0},
	{13, 13, 1.0},
	{3, 40, 4.020508809874526e-08},
	{1000, 1100, 0.030745034758993192},
	{151, 535, 2.003494832234293e-48}
};

static void
test_mcnemar(void)
{
	size_t		i;

	for (i = 0; i < sizeof(mcnemar) / sizeof(mcnemar[0]); i++)
		CHECK_NEAR(mlops_mcnemar(mcnemar[i].only_a, mcnemar[i].only_b), mcnemar[i].p, 1e-12);
}

/* A draw has as many rows as there are, each as often as chance has it. */
static void
test_resample(void)
{
	static uint16_t count[1000],
				again[1000];
	static double total[1000];
	double		chi2 = 0;
	int			times[8] = {0};
	int			round,
				i;

	for (round = 0; round < 1000; round++)
	{
		int			sum = 0;

		mlops_resample(5, (uint64_t) round, 1000, count);
		for (i = 0; i < 1000; i++)
		{
			sum += count[i];
			total[i] += count[i];
			times[count[i] < 7 ? count[i] : 7]++;
		}
		CHECK(sum == 1000);
	}
	for (i = 0; i < 1000; i++)
		chi2 += (total[i] - 1000) * (total[i] - 1000) / 1000;
	CHECK(mlops_chi2_sf(chi2, 999) > 1e-4);
	CHECK(mlops_chi2_sf(chi2, 999) < 1 - 1e-4);
	/* rows that are not drawn: (1 - 1/n)^n, here 0.36770 */
	CHECK(fabs(times[0] / 1e6 - 0.36770) < 0.0015);
	mlops_resample(5, 999, 1000, again);
	CHECK(memcmp(count, again, sizeof(count)) == 0);
	mlops_resample(6, 999, 1000, again);
	CHECK(memcmp(count, again, sizeof(count)) != 0);
	mlops_resample(5, 0, 1, count);
	CHECK(count[0] == 1);
}

/* Counts are the same as rows written out so often. */
static void
test_counted(void)
{
	double		score[6] = {0.1, 0.4, 0.4, 0.4, 0.8, 0.9};
	uint8_t		positive[6] = {0, 1, 0, 1, 0, 1};
	uint32_t	order[6] = {0, 2, 1, 3, 4, 5};
	uint16_t	once[6] = {1, 1, 1, 1, 1, 1};
	uint16_t	count[6] = {2, 0, 3, 1, 1, 2};
	uint16_t	one_class[6] = {1, 0, 1, 0, 1, 0};
	double		values[5] = {1, 2, 4, 8, 16};
	double		x[19];
	uint16_t	n[19];
	double		sum = 0;
	int			i;

	/* 3 x 3 pairs: 1.5 + 1.5 + 3 wins; then 3 x 6 pairs: 2 + 1.5, and 2 x 6 */
	CHECK_NEAR(mlops_counted_auc(6, once, order, score, positive), 6.0 / 9, 1e-15);
	CHECK_NEAR(mlops_counted_auc(6, count, order, score, positive), 15.5 / 18, 1e-15);
	CHECK(isnan(mlops_counted_auc(6, one_class, order, score, positive)));
	for (i = 0; i < 19; i++)
	{
		x[i] = i * 0.25;
		n[i] = (uint16_t) (i % 4);
		sum += n[i] * x[i];
	}
	CHECK(mlops_counted_sum(19, n, x) == sum);
	CHECK(mlops_counted_sum(0, n, x) == 0);
	/* numpy.quantile, linear */
	CHECK_NEAR(mlops_sorted_quantile(5, values, 0.025), 1.1, 1e-15);
	CHECK_NEAR(mlops_sorted_quantile(5, values, 0.5), 4, 1e-15);
	CHECK_NEAR(mlops_sorted_quantile(5, values, 0.975), 15.2, 1e-15);
	CHECK(mlops_sorted_quantile(5, values, 1) == 16);
	CHECK(mlops_sorted_quantile(1, values, 0.3) == 1);
}

void
test_paired(void)
{
	test_mcnemar();
	test_resample();
	test_counted();
}
