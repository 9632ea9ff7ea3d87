/*-------------------------------------------------------------------------
 *
 * paired.c
 *	  Is one model better than another on the same rows, or is it chance?
 *
 * The bootstrap draws as many rows as there are with replacement, again and
 * again, and looks how a difference of the two varies [1]; both models are
 * measured on the same draw, which is what makes it paired.  A draw is kept as
 * counts, so that every metric is a sum over rows in their order.
 *
 * McNemar's test looks at the rows that only one of the two got right; if
 * neither is better, each is as likely to be the one [2].
 *
 * [1] Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13
 *	   (percentile intervals)
 * [2] McNemar: Note on the sampling error of the difference between correlated
 *	   proportions or percentages, 1947; the correction for continuity is
 *	   Edwards', 1948
 *
 * IDENTIFICATION
 *	  src/numeric/paired.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "mlops/numeric.h"

#define TICK_ROWS 65536

static inline void
tick_at(uint32_t i)
{
	if (i % TICK_ROWS == 0 && mlops_numeric_tick)
		mlops_numeric_tick();
}

/*
 * mlops_resample fills count[0 .. n-1].
 */
void
mlops_resample(uint64_t seed, uint64_t round, uint32_t n, uint16_t *count)
{
	uint64_t	key = mlops_hash_mix(seed, round);
	uint32_t	i;

	memset(count, 0, sizeof(uint16_t) * n);
	for (i = 0; i < n; i++)
	{
		tick_at(i);
		count[((mlops_hash_mix(key, i) >> 32) * n) >> 32]++;
	}
}

ML_WIDE_VECTORS double
mlops_counted_sum(uint32_t n, const uint16_t *count, const double *x)
{
	/* lanes of their own, so that they can be added side by side */
	double		sum[8] = {0};
	uint32_t	i = 0;
	int			k;

	for (; i + 8 <= n; i += 8)
		for (k = 0; k < 8; k++)
			sum[k] += count[i + k] * x[i + k];
	for (; i < n; i++)
		sum[0] += count[i] * x[i];
	return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

double
mlops_counted_auc(uint32_t n, const uint16_t *count, const uint32_t *order,
				  const double *score, const uint8_t *positive)
{
	double		below = 0;		/* negatives with a lower score */
	double		positives = 0;
	double		wins = 0;
	uint32_t	ticked = 0;
	uint32_t	i = 0;

	while (i < n)
	{
		double		value = score[order[i]];
		double		pos = 0,
					neg = 0;

		if (i - ticked >= TICK_ROWS)
			tick_at(ticked = i - i % TICK_ROWS);
		for (; i < n && score[order[i]] == value; i++)
		{
			if (positive[order[i]])
				pos += count[order[i]];
			else
				neg += count[order[i]];
		}
		wins += pos * (below + 0.5 * neg);
		below += neg;
		positives += pos;
	}
	return wins / (positives * below);	/* NaN for 0 / 0 */
}

double
mlops_sorted_quantile(uint32_t n, const double *x, double q)
{
	double		at = q * (n - 1);
	uint32_t	low = (uint32_t) at;

	if (low + 1 >= n)
		return x[n - 1];
	return x[low] + (at - low) * (x[low + 1] - x[low]);
}

/* Both tails of a fair coin: P(at most k, or at least n - k, of n heads); n is small. */
static double
fair_coin(int64_t k, int64_t n)
{
	double		ways = 1;
	double		sum = 0;
	int64_t		i;

	for (i = 0; i <= k; i++)
	{
		sum += ways;
		ways = ways * (double) (n - i) / (double) (i + 1);
	}
	sum = 2 * ldexp(sum, (int) -n);
	return sum > 1 ? 1 : sum;
}

double
mlops_mcnemar(int64_t only_a, int64_t only_b)
{
	int64_t		n = only_a + only_b;
	double		distance;

	if (n < MLOPS_MCNEMAR_EXACT)
		return fair_coin(only_a < only_b ? only_a : only_b, n);
	distance = fabs((double) (only_a - only_b));
	distance = distance > 1 ? distance - 1 : 0;
	return mlops_chi2_sf(distance * distance / (double) n, 1);
}
