/*-------------------------------------------------------------------------
 *
 * compare.c
 *	  What a window's counts differ from those of a reference.
 *
 * Whether there is drift is up to PSI: a threshold, and more than what chance
 * does with so few rows.  The rest is reported beside it.
 *
 * IDENTIFICATION
 *	  src/profile/compare.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/profile.h"

const MlDriftOptions mlops_drift_defaults = {
	.epsilon = MLOPS_DRIFT_EPSILON,
	.warning = 0.1,
	.major = 0.2,
	.noise_level = 0.99,
	.low_n = 200
};

static const char *const severities[] = {"none", "warning", "major"};

const char *
mlops_severity_name(MlSeverity severity)
{
	return severities[severity];
}

static int64
total(const int64 *counts, int n)
{
	int64		sum = 0;

	for (int i = 0; i < n; i++)
		sum += counts[i];
	return sum;
}

/* No value anywhere. */
static void
clear(MlDrift *out)
{
	memset(out, 0, sizeof(*out));
	out->psi = out->psi_no_missing = out->noise = NAN;
	out->distances.js = out->distances.hellinger = NAN;
	out->distances.tvd = out->distances.l_infinity = NAN;
	out->ks_low = out->ks_high = out->ks_p = NAN;
	out->wasserstein = out->wasserstein_scaled = out->out_of_range = NAN;
	out->chi2.statistic = out->chi2.p = out->unseen = NAN;
	out->missing_ref = out->missing_cur = out->missing_z = out->missing_p = NAN;
}

/* D is between the bounds, and P that of the lower one. */
static void
compare_numbers(const MlProfile *p, const int64 *ref, const int64 *cur, MlDrift *out)
{
	int			nfine = p->ncuts + 1;
	double		n = (double) total(ref, nfine);
	double		m = (double) total(cur, nfine);

	mlops_ks_bracket(nfine, p->cuts, ref, cur, &out->ks_low, &out->ks_high);
	if (n > 0 && m > 0)
		out->ks_p = mlops_ks_stephens(out->ks_low, n, m);
	out->wasserstein = mlops_wasserstein_binned(nfine, p->cuts, ref, cur);
	out->wasserstein_scaled = mlops_wasserstein_scaled(out->wasserstein, p->sd);
	if (p->ncuts > 0)
	{
		double		own = (double) (p->counts[0] + p->counts[p->ncuts]) /
			(double) Max(total(p->counts, p->nslots), 1);

		/* a frozen profile has a few rows of its own beyond its ends */
		out->out_of_range = Max((double) (cur[0] + cur[p->ncuts]) / (double) out->ncur - own, 0.0);
	}
}

/*
 * mlops_drift_compare - everything that counts say
 */
void
mlops_drift_compare(const MlProfile *p, const int64 *ref, const int64 *cur,
					const MlDriftOptions *options, MlDrift *out)
{
	int64	   *r = palloc(sizeof(int64) * p->nbins);
	int64	   *c = palloc(sizeof(int64) * p->nbins);
	int64		missing_ref;
	int64		missing_cur;

	clear(out);
	out->nref = total(ref, p->nslots);
	out->ncur = total(cur, p->nslots);
	out->no_data = out->nref == 0 || out->ncur == 0;
	if (out->no_data)
		return;
	out->low_n = out->ncur < options->low_n;
	mlops_profile_bins(p, ref, r);
	mlops_profile_bins(p, cur, c);
	out->psi = mlops_psi(p->nbins, r, c, options->epsilon, NULL);
	out->psi_no_missing = mlops_psi(p->nbins - 1, r, c, options->epsilon, NULL);
	out->noise = mlops_psi_noise(mlops_qbin_used(p->nbins, r, c), (double) out->nref,
								 (double) out->ncur, options->noise_level);
	mlops_distances(p->nbins, r, c, &out->distances);
	if (p->kind == ML_PROFILE_NUMBER)
		compare_numbers(p, ref, cur, out);
	else
	{
		mlops_chi2_homogeneity(p->nbins, r, c, &out->chi2);
		out->unseen = (double) cur[p->new_slot] / (double) out->ncur;
	}
	missing_ref = r[p->nbins - 1];
	missing_cur = c[p->nbins - 1];
	out->missing_ref = (double) missing_ref / (double) out->nref;
	out->missing_cur = (double) missing_cur / (double) out->ncur;
	out->missing_p = mlops_two_proportions(missing_ref, out->nref, missing_cur, out->ncur,
										   &out->missing_z);
	if (!out->low_n && out->psi > out->noise && out->psi >= options->warning)
		out->severity = out->psi >= options->major ? ML_DRIFT_MAJOR : ML_DRIFT_WARNING;
	pfree(r);
	pfree(c);
}
