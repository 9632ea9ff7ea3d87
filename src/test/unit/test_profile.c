/*-------------------------------------------------------------------------
 *
 * test_profile.c
 *	  References of features: the bins of all drift vectors, adding up,
 *	  judging.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_profile.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mlops/profile.h"

#include "drift_vectors.h"
#include "unit.h"

/* the C library's own */
#undef snprintf

static bool
same(double value, double expected)
{
	if (isnan(expected))
		return isnan(value);
	return expected == NOT_GIVEN || fabs(value - expected) <= 1e-9;
}

static void
check_compare(const DriftVector *v, const MlProfile *p, const int64 *cur)
{
	int64		bins[64];
	MlDrift		d;

	CHECK(p->nbins == v->nbins);
	mlops_profile_bins(p, p->counts, bins);
	CHECK(memcmp(bins, v->ref_counts, sizeof(int64) * v->nbins) == 0);
	mlops_profile_bins(p, cur, bins);
	CHECK(memcmp(bins, v->cur_counts, sizeof(int64) * v->nbins) == 0);
	mlops_drift_compare(p, p->counts, cur, &mlops_drift_defaults, &d);
	CHECK(d.no_data == v->no_data && d.low_n == v->low_n);
	CHECK(same(d.psi, v->psi) && same(d.psi_no_missing, v->psi_no_missing));
	CHECK(same(d.distances.js, v->js_distance_base2) && same(d.distances.tvd, v->tvd));
	CHECK(same(d.chi2.statistic, v->chi2) && same(d.chi2.p, v->chi2_p));
	CHECK(d.severity == ML_DRIFT_NONE || !v->low_n);
	if (p->kind == ML_PROFILE_NUMBER && v->ks_d != NOT_GIVEN && !isnan(v->ks_d))
	{
		CHECK(d.ks_low <= v->ks_d + 1e-12 && v->ks_d <= d.ks_high + 1e-12);
		CHECK(d.ks_low >= v->ks_binned_low - 1e-12 && d.ks_high <= v->ks_binned_high + 1e-12);
	}
}

static void
test_numbers(const DriftVector *v)
{
	double	   *x = unit_alloc(sizeof(double) * (v->ref.n + 1));
	double	   *scratch = unit_alloc(sizeof(double) * (v->ref.n + 1));
	MlProfile  *p;
	int64	   *cur;

	memcpy(x, v->ref.numbers, sizeof(double) * v->ref.n);
	p = mlops_profile_numbers(x, v->ref.n, scratch, v->ref.nulls, MLOPS_DRIFT_BINS);
	cur = palloc0(sizeof(int64) * p->nslots);
	mlops_profile_count(p, v->cur.numbers, v->cur.n, cur);
	cur[p->null_slot] = v->cur.nulls;
	check_compare(v, p, cur);
	free(x);
	free(scratch);
}

static void
test_categories(const DriftVector *v)
{
	MlCategory *found = unit_alloc(sizeof(MlCategory) * (v->ref.n + 1));
	MlProfile  *p;
	int64	   *cur;
	int			n = 0;
	int			k;

	for (int i = 0; i < v->ref.n; i++)
	{
		const char *data = v->ref.categories[i];

		for (k = 0; k < n && strcmp(found[k].data, data) != 0; k++)
			;
		if (k == n)
		{
			found[n].data = data;
			found[n].len = (int) strlen(data);
			found[n++].count = 0;
		}
		found[k].count++;
	}
	p = mlops_profile_categories(found, n, v->ref.nulls);
	cur = palloc0(sizeof(int64) * p->nslots);
	for (int i = 0; i < v->cur.n; i++)
		cur[mlops_profile_slot(p, v->cur.categories[i], (int) strlen(v->cur.categories[i]))]++;
	cur[p->null_slot] = v->cur.nulls;
	check_compare(v, p, cur);
}

/* Frequent, rare, forgotten and new categories. */
static void
test_many_categories(void)
{
	int			n = MLOPS_DRIFT_TOP + MLOPS_DRIFT_KNOWN + 10;
	MlCategory *c = unit_alloc(sizeof(MlCategory) * n);
	char	   *names = unit_alloc(16 * (size_t) n);
	MlProfile  *p;
	int			wrong = 0;

	for (int i = 0; i < n; i++)
	{
		c[i].data = names + 16 * (size_t) i;
		c[i].len = snprintf(names + 16 * (size_t) i, 16, "%06d", i);
		c[i].count = i < 3 ? 1000 : i < 60 ? 100 : 1;
	}
	p = mlops_profile_categories(c, n - 10, 7);
	for (int i = 0; i < n; i++)
	{
		char	   *name = names + 16 * (size_t) i;
		int			want = i < MLOPS_DRIFT_TOP ? i : i < n - 10 ? p->other_slot : p->new_slot;

		wrong += mlops_profile_slot(p, name, 6) != want;
	}
	CHECK(wrong == 0 && !p->forgot);
	CHECK(p->counts[p->other_slot] == 10 * 100 + MLOPS_DRIFT_KNOWN - 10);
	CHECK(p->counts[p->null_slot] == 7 && p->counts[p->new_slot] == 0);
	CHECK(mlops_profile_slot(p, "", 0) == p->new_slot);

	/* more than can be remembered: what is not known may be rare */
	p = mlops_profile_categories(c, n, 0);
	CHECK(p->forgot && mlops_profile_slot(p, "new", 3) == p->other_slot);
	p = mlops_profile_categories(c, 0, 0);
	CHECK(p->nslots == 3 && mlops_profile_slot(p, "new", 3) == p->new_slot);
}

/* Windows add up; a shift is found, its absence is not. */
static void
test_windows(void)
{
	enum
	{
		N = 20000, M = 2000
	};
	double	   *x = unit_alloc(sizeof(double) * N);
	double	   *scratch = unit_alloc(sizeof(double) * N);
	double		day[M];
	MlProfile  *p;
	int64	   *cur,
			   *part;
	MlDrift		d;

	for (int i = 0; i < N; i++)
		x[i] = mlops_normal_quantile(unit_random() * 0.999998 + 1e-6);
	p = mlops_profile_numbers(x, N, scratch, 100, MLOPS_DRIFT_BINS);
	CHECK(p->counts[0] == 0 && p->counts[p->ncuts] == 0 && p->ncuts >= MLOPS_DRIFT_FINE);
	for (int shift = 0; shift < 3; shift++)
	{
		cur = palloc0(sizeof(int64) * p->nslots);
		part = palloc0(sizeof(int64) * p->nslots);
		for (int i = 0; i < M; i++)
			day[i] = mlops_normal_quantile(unit_random() * 0.999998 + 1e-6) +
				(shift == 1 ? 0.5 : shift == 2 ? 10 : 0);
		mlops_profile_count(p, day, M / 2, cur);
		mlops_profile_count(p, day + M / 2, M - M / 2, part);
		mlops_counts_add(cur, part, p->nslots);
		mlops_drift_compare(p, p->counts, cur, &mlops_drift_defaults, &d);
		CHECK(d.severity == (shift == 0 ? ML_DRIFT_NONE : ML_DRIFT_MAJOR));
		CHECK(d.ncur == M && d.nref == N + 100 && !d.low_n);
		CHECK(shift == 0 ? d.ks_p > 0.001 : d.ks_p < 1e-20);
		CHECK(d.ks_high - d.ks_low < 0.01 || shift == 2);
		CHECK(shift == 2 ? d.out_of_range > 0.99 : d.out_of_range < 0.01);
		CHECK(shift != 1 || fabs(d.wasserstein - 0.5) < 0.1);
		CHECK(d.missing_cur == 0 && d.missing_ref > 0.004 && d.missing_p < 0.01);
	}
	free(x);
	free(scratch);
}

/* Nothing to learn from, one value, infinities, NaN. */
static void
test_odd_numbers(void)
{
	double		odd[] = {NAN, INFINITY, -INFINITY, -0.0, 0.0, NAN, 1e300, -1e300};
	double		scratch[8];
	MlProfile  *p;
	int64		counts[64] = {0};
	MlDrift		d;

	p = mlops_profile_numbers(odd, 0, scratch, 3, MLOPS_DRIFT_BINS);
	CHECK(p->ncuts == 0 && p->nbins == 2 && p->nslots == 3 && p->counts[p->null_slot] == 3);
	mlops_profile_count(p, odd + 6, 2, counts);
	mlops_drift_compare(p, p->counts, counts, &mlops_drift_defaults, &d);
	CHECK(counts[0] == 2 && d.psi > 1 && isnan(d.psi_no_missing) && isnan(d.ks_low) && isnan(d.out_of_range));

	p = mlops_profile_numbers(odd, 8, scratch, 0, MLOPS_DRIFT_BINS);
	CHECK(p->counts[p->nan_slot] == 2 && p->counts[0] == 0 && p->counts[p->ncuts] == 0);
	CHECK(!isfinite(p->sd));
	mlops_drift_compare(p, p->counts, p->counts, &mlops_drift_defaults, &d);
	CHECK(d.psi == 0 && d.ks_low == 0 && isnan(d.wasserstein_scaled) && d.distances.hellinger == 0);
}

void
test_profile(void)
{
	for (size_t i = 0; i < lengthof(drift_numbers); i++)
		test_numbers(&drift_numbers[i]);
	for (size_t i = 0; i < lengthof(drift_categories); i++)
		test_categories(&drift_categories[i]);
	test_many_categories();
	test_windows();
	test_odd_numbers();
}
