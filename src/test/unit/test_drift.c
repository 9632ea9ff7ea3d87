/*-------------------------------------------------------------------------
 *
 * test_drift.c
 *	  Drift metrics against numpy and scipy, and where they are not defined.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_drift.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mlops/numeric.h"

#include "drift_vectors.h"
#include "unit.h"

#define LENGTH(a)	((int) (sizeof(a) / sizeof((a)[0])))
#define VALUE		1e-9		/* absolute */
#define P			1e-6		/* relative */

/* equal up to a tolerance, both NaN, or not asked */
#define CHECK_VALUE(value, expected) \
	CHECK_OF(v->name, (expected) == NOT_GIVEN || same(value, expected, VALUE, 0.0), value, expected)
#define CHECK_P(value, expected) \
	CHECK_OF(v->name, (expected) == NOT_GIVEN || same(value, expected, 0.0, P), value, expected)
#define CHECK_OF(name, good, value, expected) \
	do { \
		CHECK(good); \
		if (!(good)) \
			printf("    %s: %.17g, expected %.17g\n", (name), (double) (value), (double) (expected)); \
	} while (0)

static bool
same(double value, double expected, double absolute, double relative)
{
	if (isnan(expected))
		return isnan(value);
	return fabs(value - expected) <= absolute + relative * fabs(expected);
}

static double *
sorted_copy(const DriftSample *sample, int64_t *n)
{
	double	   *copy = unit_alloc(sizeof(double) * (sample->n + 1));
	double	   *scratch = unit_alloc(sizeof(double) * (sample->n + 1));
	int			i;

	*n = 0;
	for (i = 0; i < sample->n; i++)
		if (!isnan(sample->numbers[i]))
			copy[(*n)++] = sample->numbers[i];
	mlops_sort_doubles(copy, (size_t) *n, scratch);
	free(scratch);
	return copy;
}

/* What counts alone say; missing ones, if any, are in the last of nbins. */
static void
check_counts(const DriftVector *v, const int64_t *ref, const int64_t *cur)
{
	double		parts[64];
	MlDistances d;
	MlChi2		chi2;
	double		sum = 0.0;
	int			i;

	CHECK_VALUE(mlops_psi(v->nbins, ref, cur, MLOPS_DRIFT_EPSILON, NULL), v->psi);
	CHECK_VALUE(mlops_psi(v->nbins, ref, cur, MLOPS_DRIFT_EPSILON, parts), v->psi);
	for (i = 0; v->parts && i < v->nbins; i++)
		CHECK_VALUE(parts[i], v->parts[i]);
	for (i = 0; i < v->nbins; i++)
		sum += parts[i];
	CHECK_VALUE(sum, v->psi);

	mlops_distances(v->nbins, ref, cur, &d);
	CHECK_VALUE(d.js, v->js_distance_base2);
	CHECK_VALUE(d.tvd, v->tvd);
	CHECK_VALUE(d.l_infinity, v->l_infinity);

	/* expected values that are roots of a rounding error count as that error */
	CHECK_OF(v->name, v->hellinger == NOT_GIVEN || same(d.hellinger, v->hellinger, VALUE, 0.0) ||
			 fabs(d.hellinger * d.hellinger - v->hellinger * v->hellinger) < 2e-16,
			 d.hellinger, v->hellinger);

	mlops_chi2_homogeneity(v->nbins, ref, cur, &chi2);
	CHECK_VALUE(chi2.statistic, v->chi2);
	CHECK_P(chi2.p, v->chi2_p);
	CHECK(v->chi2_df < 0 || v->chi2_df == chi2.df);
}

static void
check_numbers(const DriftVector *v)
{
	MlCut		cuts[MLOPS_CUTS_ROOM(10)];
	uint64_t	bounds[MLOPS_CUTS_ROOM(10)];
	int64_t		ref[MLOPS_CUTS_ROOM(10) + 2] = {0};
	int64_t		cur[MLOPS_CUTS_ROOM(10) + 2] = {0};
	double		work[MLOPS_KS_WORK];
	MlTwoSamples two;
	double	   *x,
			   *y,
				low,
				high,
				sd;
	int64_t		n,
				m;
	int			ncuts,
				i;

	x = sorted_copy(&v->ref, &n);
	y = sorted_copy(&v->cur, &m);
	ncuts = mlops_qbin_cuts((size_t) n, x, 10, cuts);
	CHECK(ncuts == v->ncuts);
	CHECK(ncuts + 2 == v->nbins);
	for (i = 0; i < v->ncuts; i++)
		CHECK(cuts[i].value == v->cuts[i].value && cuts[i].before == v->cuts[i].before);
	mlops_qbin_bounds(ncuts, cuts, bounds);
	mlops_qbin_sorted(ncuts, bounds, (size_t) n, x, ref);
	ref[ncuts + 1] = v->ref.nulls + v->ref.n - n;
	cur[ncuts + 1] = v->cur.nulls +
		mlops_qbin_values(ncuts, bounds, (size_t) v->cur.n, v->cur.numbers, cur);
	CHECK(memcmp(ref, v->ref_counts, sizeof(int64_t) * v->nbins) == 0);
	CHECK(memcmp(cur, v->cur_counts, sizeof(int64_t) * v->nbins) == 0);
	check_counts(v, ref, cur);
	CHECK_VALUE(mlops_psi(v->nbins - 1, ref, cur, MLOPS_DRIFT_EPSILON, NULL), v->psi_no_missing);
	mlops_ks_bracket(v->nbins - 1, cuts, ref, cur, &low, &high);
	CHECK_VALUE(low, v->ks_binned_low);
	CHECK_VALUE(high, v->ks_binned_high);

	mlops_two_samples(n, x, m, y, &two);
	CHECK_VALUE(two.d, v->ks_d);
	CHECK_VALUE(two.wasserstein, v->wasserstein);
	sd = mlops_population_sd(n, x);
	CHECK_VALUE(sd, v->ref_std_pop);
	CHECK_VALUE(mlops_wasserstein_scaled(two.wasserstein, sd), v->wasserstein_norm);
	CHECK_P(mlops_ks_p(&two, work), v->ks_p_exact);
	if (n > 0 && m > 0)
	{
		CHECK_P(mlops_kolmogorov_sf(sqrt((double) n * m / (n + m)) * two.d), v->ks_p_kolmogorov);
		CHECK_P(mlops_ks_stephens(two.d, n, m), v->ks_p_stephens);
		CHECK(low <= two.d + 1e-15 && two.d <= high + 1e-15);
	}
	free(x);
	free(y);
}

static void
test_vectors(void)
{
	int			i;

	CHECK(LENGTH(drift_numbers) == 19 && LENGTH(drift_categories) == 8 && LENGTH(drift_counts) == 5);
	for (i = 0; i < LENGTH(drift_numbers); i++)
		check_numbers(&drift_numbers[i]);
	for (i = 0; i < LENGTH(drift_categories); i++)
		check_counts(&drift_categories[i], drift_categories[i].ref_counts,
					 drift_categories[i].cur_counts);
	for (i = 0; i < LENGTH(drift_counts); i++)
	{
		const DriftVector *v = &drift_counts[i];
		double		low,
					high;

		check_counts(v, v->ref_counts, v->cur_counts);
		mlops_ks_bracket(v->nbins, NULL, v->ref_counts, v->cur_counts, &low, &high);
		CHECK_VALUE(low, v->ks_binned_low);
		CHECK_VALUE(high, v->ks_binned_high);
	}
}

static void
test_rest_of_vectors(void)
{
	int64_t		sum[LENGTH(merge_1)];
	double		adjusted[LENGTH(adjust_p)];
	uint32_t	order[LENGTH(adjust_p)];
	MlCbpe		cbpe = {0};
	MlCbpeRates rates;
	int			i;

	for (i = 0; i < LENGTH(merge_1); i++)
		sum[i] = merge_1[i] + merge_2[i];
	CHECK_NEAR(mlops_psi(10, merge_ref, merge_1, MLOPS_DRIFT_EPSILON, NULL), merge_psi[0], VALUE);
	CHECK_NEAR(mlops_psi(10, merge_ref, merge_2, MLOPS_DRIFT_EPSILON, NULL), merge_psi[1], VALUE);
	CHECK_NEAR(mlops_psi(10, merge_ref, sum, MLOPS_DRIFT_EPSILON, NULL), merge_psi[2], VALUE);

	mlops_adjust_bonferroni(LENGTH(adjust_p), adjust_p, adjusted);
	for (i = 0; i < LENGTH(adjust_p); i++)
		CHECK_NEAR(adjusted[i], adjust_bonferroni[i], 1e-15);
	mlops_adjust_bh(LENGTH(adjust_p), adjust_p, adjusted, order);
	for (i = 0; i < LENGTH(adjust_p); i++)
		CHECK_NEAR(adjusted[i], adjust_bh[i], 1e-15);

	for (i = 0; i < LENGTH(psi_noise); i += 5)
	{
		CHECK_NEAR(mlops_psi_noise((int) psi_noise[i], psi_noise[i + 1], psi_noise[i + 2], 0.95),
				   psi_noise[i + 3], VALUE);
		CHECK_NEAR(mlops_psi_noise((int) psi_noise[i], psi_noise[i + 1], psi_noise[i + 2], 0.99),
				   psi_noise[i + 4], VALUE);
	}

	for (i = 0; i < LENGTH(cbpe_p); i++)
		mlops_cbpe_add(&cbpe, cbpe_p[i], cbpe_label[i]);
	mlops_cbpe_rates(&cbpe, &rates);
	CHECK_NEAR(cbpe.tp, cbpe_expected[0], VALUE);
	CHECK_NEAR(cbpe.fp, cbpe_expected[1], VALUE);
	CHECK_NEAR(cbpe.fn, cbpe_expected[2], VALUE);
	CHECK_NEAR(cbpe.tn, cbpe_expected[3], VALUE);
	CHECK_NEAR(rates.accuracy, cbpe_expected[4], VALUE);
	CHECK_NEAR(rates.precision, cbpe_expected[5], VALUE);
	CHECK_NEAR(rates.recall, cbpe_expected[6], VALUE);
	CHECK_NEAR(rates.f1, cbpe_expected[7], VALUE);
	CHECK_NEAR(rates.specificity, cbpe_expected[8], VALUE);
	CHECK_NEAR(mlops_cbpe_auc(LENGTH(cbpe_p), cbpe_p, cbpe_p), cbpe_expected[9], VALUE);
}

static int
by_number(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* As qsort has it: of all magnitudes, of few values, with infinities. */
static void
test_sort(void)
{
	static const int sizes[] = {0, 1, 2, 50, 191, 192, 193, 5000, 70000};
	int			s,
				kind,
				i;

	for (s = 0; s < LENGTH(sizes); s++)
		for (kind = 0; kind < 6; kind++)
		{
			int			n = sizes[s];
			double	   *x = unit_alloc(sizeof(double) * (n + 1));
			double	   *y = unit_alloc(sizeof(double) * (n + 1));
			double	   *scratch = unit_alloc(sizeof(double) * (n + 1));

			for (i = 0; i < n; i++)
			{
				double		u = unit_random() - 0.5;

				x[i] = kind == 0 ? u :
					kind == 1 ? ldexp(u, (int) (unit_random() * 2000) - 1000) :
					kind == 2 ? floor(u * 10) :
					kind == 3 ? 1 + ldexp(floor(u * 1000000), -50) + (i % 99 == 0) * 1e200 :
					kind == 4 ? 1e15 + floor(u * 1000000) :
					u < -0.45 ? -INFINITY : u > 0.45 ? INFINITY : u < 0 ? -0.0 : 0.0;
			}
			memcpy(y, x, sizeof(double) * n);
			mlops_sort_doubles(x, (size_t) n, scratch);
			qsort(y, (size_t) n, sizeof(double), by_number);
			for (i = 0; i < n && x[i] == y[i] && (x[i] != 0 || !signbit(x[i])); i++)
				;
			CHECK(i == n);
			free(x);
			free(y);
			free(scratch);
		}
}

/* The probability of every D of all orders of n + m values, by trying them. */
static void
test_ks_exact(void)
{
	double		work[MLOPS_KS_WORK];
	int			n,
				m,
				steps;

	for (n = 1; n <= 6; n++)
		for (m = 1; m <= 6; m++)
			for (steps = 0; steps <= n * m + 1; steps++)
			{
				int			orders = 0,
							reaching = 0,
							bits;

				for (bits = 0; bits < 1 << (n + m); bits++)
				{
					int			i = 0,
								j = 0,
								k,
								most = 0;

					for (k = 0; k < n + m; k++)
					{
						if (bits >> k & 1)
							i++;
						else
							j++;
						most = abs(i * m - j * n) > most ? abs(i * m - j * n) : most;
					}
					if (i != n)
						continue;
					orders++;
					reaching += most >= steps;
				}
				CHECK_NEAR(mlops_ks_exact(n, m, steps, work), (double) reaching / orders, 1e-14);
			}

	/* far out in the tail, 2 / C(n + m, n); and where it underflows */
	CHECK_NEAR(mlops_ks_exact(100, 100, 10000, work), 2.2087606931995054e-59, 1e-12);
	CHECK(mlops_ks_exact(1000, 1000, 1000000, work) == 0.0);
	CHECK(!mlops_ks_is_exact(1001, 1000) && !mlops_ks_is_exact(1001, 1001));
	CHECK(mlops_ks_is_exact(1000, 1000) && mlops_ks_is_exact(1, 1000000) && mlops_ks_is_exact(1000000, 1));
	CHECK(!mlops_ks_is_exact(1, 1000001));
}

/* Infinities are values like others, but for distances. */
static void
test_infinities(void)
{
	const double inf[] = {-INFINITY, -INFINITY, -1, 0, 1, INFINITY};
	const double other[] = {-INFINITY, 0, 0, 0, INFINITY, INFINITY};
	const double wide[] = {-1e300, -1e300, 1e300, 1e300};
	MlCut		cuts[MLOPS_CUTS_ROOM(10)];
	uint64_t	bounds[MLOPS_CUTS_ROOM(10)];
	int64_t		counts[MLOPS_CUTS_ROOM(10) + 1] = {0};
	MlTwoSamples two;
	int			ncuts,
				i;

	ncuts = mlops_qbin_cuts(6, inf, 10, cuts);
	mlops_qbin_bounds(ncuts, cuts, bounds);
	CHECK(ncuts == 10 && cuts[0].value == -INFINITY && cuts[0].before && cuts[9].value == INFINITY);
	CHECK(mlops_qbin_values(ncuts, bounds, 6, inf, counts) == 0);
	CHECK(counts[0] == 0 && counts[1] == 2 && counts[9] == 1 && counts[10] == 0);
	for (i = 1; i < ncuts; i++)
		CHECK(bounds[i - 1] < bounds[i]);

	mlops_two_samples(6, inf, 6, other, &two);
	CHECK(two.steps == 12);		/* up to -1 there are 3 and 1; up to 0, 4 and 4 */
	CHECK(two.n == 6 && isnan(two.wasserstein));
	mlops_two_samples(6, inf, 6, inf, &two);
	CHECK(two.d == 0 && two.wasserstein == 0);
	CHECK(!isfinite(mlops_population_sd(6, inf)));

	/* the deviation overflows: no scaled distance, and not 0 */
	CHECK(!isfinite(mlops_population_sd(4, wide)));
	CHECK(isnan(mlops_wasserstein_scaled(1.0, mlops_population_sd(4, wide))));
	mlops_two_samples(4, wide, 1, wide, &two);
	CHECK_NEAR(two.wasserstein, 1e300, 1e-15);
	CHECK(isnan(mlops_wasserstein_scaled(1e308, 0.0)));
}

/* Every value is in the bin its comparison with the cuts says. */
static void
test_bins_by_comparison(void)
{
	double		x[997],
				scratch[997];
	MlCut		cuts[MLOPS_CUTS_ROOM(200)],
				few[MLOPS_CUTS_ROOM(10)];
	uint64_t	bounds[MLOPS_CUTS_ROOM(200)];
	uint16_t	group[MLOPS_CUTS_ROOM(200) + 1];
	int64_t		counts[MLOPS_CUTS_ROOM(200) + 1] = {0},
				again[MLOPS_CUTS_ROOM(200) + 1] = {0};
	int			ncuts,
				nfew,
				wrong = 0,
				i,
				k;

	for (i = 0; i < 997; i++)
		x[i] = unit_random() < 0.3 ? floor(unit_random() * 5) : unit_random() * 8 - 2;
	mlops_sort_doubles(x, 997, scratch);
	ncuts = mlops_qbin_cuts(997, x, 200, cuts);
	nfew = mlops_qbin_cuts(997, x, 10, few);
	mlops_qbin_bounds(ncuts, cuts, bounds);
	mlops_qbin_group(ncuts, cuts, nfew, few, group);
	CHECK(group[0] == 0 && group[ncuts] == nfew);
	for (i = 0; i < 997; i++)
	{
		int			above = 0,
					above_few = 0;

		for (k = 0; k < ncuts; k++)
			above += cuts[k].before ? x[i] >= cuts[k].value : x[i] > cuts[k].value;
		for (k = 0; k < nfew; k++)
			above_few += few[k].before ? x[i] >= few[k].value : x[i] > few[k].value;
		wrong += mlops_qbin_of(ncuts, bounds, x[i]) != above || group[above] != above_few;
	}
	CHECK(wrong == 0);
	CHECK(mlops_qbin_values(ncuts, bounds, 997, x, counts) == 0);
	mlops_qbin_sorted(ncuts, bounds, 997, x, again);
	CHECK(memcmp(counts, again, sizeof(counts)) == 0);
	CHECK(mlops_qbin_of(0, bounds, 1.0) == 0);
	CHECK(mlops_qbin_cuts(0, x, 10, few) == 0);
}

static void
test_undefined(void)
{
	const int64_t none[] = {0, 0, 0},
				some[] = {1, 0, 2};
	const double p[] = {NAN, 0.04, NAN, 0.01};
	double		adjusted[4],
				low,
				high,
				z;
	uint32_t	order[4];
	MlCbpe		cbpe = {0};
	MlCbpeRates rates;
	MlDistances d;
	MlTwoSamples two;
	MlChi2		chi2;

	CHECK(isnan(mlops_psi(3, none, some, 1e-4, NULL)) && isnan(mlops_psi(3, some, none, 1e-4, NULL)));
	mlops_distances(3, none, some, &d);
	CHECK(isnan(d.js) && isnan(d.hellinger) && isnan(d.tvd) && isnan(d.l_infinity));
	mlops_ks_bracket(3, NULL, some, none, &low, &high);
	CHECK(isnan(low) && isnan(high));
	CHECK(isnan(mlops_wasserstein_binned(3, NULL, some, none)));
	mlops_chi2_homogeneity(3, none, some, &chi2);
	CHECK(isnan(chi2.statistic) && isnan(chi2.p) && chi2.df == 0);
	mlops_two_samples(0, p, 2, p + 3, &two);
	CHECK(isnan(two.d) && isnan(two.wasserstein) && isnan(mlops_ks_p(&two, NULL)));
	CHECK(isnan(mlops_psi_noise(10, 0, 100, 0.99)) && mlops_psi_noise(1, 10, 100, 0.99) == 0.0);

	/* 0.25 in units of sqrt(0.175 * 0.825 * 2 / 100) */
	CHECK_NEAR(mlops_two_proportions(5, 100, 30, 100, &z), 3.280603545016621e-06, 1e-12);
	CHECK_NEAR(z, 4.652421051992355, 1e-12);
	CHECK(mlops_two_proportions(0, 10, 0, 20, &z) == 1.0 && z == 0.0);
	CHECK(mlops_two_proportions(10, 10, 20, 20, &z) == 1.0 && z == 0.0);
	CHECK(isnan(mlops_two_proportions(0, 0, 1, 2, &z)) && isnan(z));

	mlops_adjust_bh(4, p, adjusted, order);
	CHECK(isnan(adjusted[0]) && adjusted[1] == 0.04 && isnan(adjusted[2]) && adjusted[3] == 0.02);
	mlops_adjust_bonferroni(4, p, adjusted);
	CHECK(isnan(adjusted[0]) && adjusted[1] == 0.08 && isnan(adjusted[2]) && adjusted[3] == 0.02);

	mlops_cbpe_rates(&cbpe, &rates);
	CHECK(isnan(rates.accuracy) && isnan(rates.precision) && isnan(rates.recall) && isnan(rates.f1));
	CHECK(isnan(mlops_cbpe_auc(0, NULL, NULL)));
}

/* Ties of the score are one threshold, whatever the order of the rows. */
static void
test_cbpe_ties(void)
{
	const double score[] = {0.5, 0.5, 0.5, 0.5};
	const double p[] = {0.1, 0.9, 0.4, 0.7};

	CHECK_NEAR(mlops_cbpe_auc(4, score, p), 0.5, 1e-15);
}

/* The quantile is where the tail is that. */
static void
test_chi2_quantile(void)
{
	static const double df[] = {1, 2, 3, 9, 19, 49, 500, 1e6};
	static const double p[] = {1e-6, 0.01, 0.5, 0.95, 0.99, 0.999999};
	int			i,
				k;

	for (i = 0; i < LENGTH(df); i++)
		for (k = 0; k < LENGTH(p); k++)
			CHECK_NEAR(1.0 - mlops_chi2_sf(mlops_chi2_quantile(p[k], df[i]), df[i]), p[k], 1e-9);
	CHECK_NEAR(mlops_chi2_quantile(0.95, 1), 3.841458820694124, 1e-13);
	CHECK(mlops_chi2_quantile(0, 3) == 0 && isinf(mlops_chi2_quantile(1, 3)));
	CHECK(isnan(mlops_chi2_quantile(0.5, 0)) && isnan(mlops_chi2_quantile(1.5, 3)));
}

/* Evenly spread values: the bins lose nothing. */
static void
test_wasserstein_binned(void)
{
	const MlCut cuts[] = {{0, true}, {10, false}, {20, false}, {30, false}};
	const int64_t ref[] = {0, 10, 10, 10, 0};
	const int64_t cur[] = {0, 0, 10, 20, 0};
	const int64_t out[] = {30, 0, 0, 0, 0};

	CHECK(mlops_wasserstein_binned(5, cuts, ref, ref) == 0);

	/* a third of the rows 20 further on */
	CHECK_NEAR(mlops_wasserstein_binned(5, cuts, ref, cur), 20.0 / 3, 1e-14);

	/* all at the lowest cut, or below */
	CHECK_NEAR(mlops_wasserstein_binned(5, cuts, ref, out), 15, 1e-14);
}

void
test_drift(void)
{
	test_vectors();
	test_rest_of_vectors();
	test_sort();
	test_ks_exact();
	test_infinities();
	test_bins_by_comparison();
	test_undefined();
	test_cbpe_ties();
	test_chi2_quantile();
	test_wasserstein_binned();
}
