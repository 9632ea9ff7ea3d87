/*-------------------------------------------------------------------------
 *
 * window_drift.c
 *	  What a window differs from a reference, or from another window.
 *
 * IDENTIFICATION
 *	  src/drift/window_drift.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/numeric.h"
#include "mlops/window.h"

/* Those of features are judged together; the others each by itself. */
static void
adjust(const MlReference *ref, MlTrackDrift *results)
{
	double	   *p = palloc(sizeof(double) * Max(ref->ntracks, 1));
	double	   *adjusted = palloc(sizeof(double) * Max(ref->ntracks, 1));
	uint32	   *order = palloc(sizeof(uint32) * Max(ref->ntracks, 1));

	for (int i = 0; i < ref->ntracks; i++)
		p[i] = ref->tracks[i].kind == ML_TRACK_FEATURE ? results[i].p : NAN;
	mlops_adjust_bh(ref->ntracks, p, adjusted, order);
	for (int i = 0; i < ref->ntracks; i++)
		results[i].p_adjusted = ref->tracks[i].kind == ML_TRACK_FEATURE ? adjusted[i] : results[i].p;
	pfree(p);
	pfree(adjusted);
	pfree(order);
}

MlTrackDrift *
mlops_window_compare(const MlReference *ref, const int64 *baseline, const int64 *counts,
					 const MlDriftOptions *options)
{
	MlTrackDrift *results = palloc(sizeof(MlTrackDrift) * Max(ref->ntracks, 1));

	for (int i = 0; i < ref->ntracks; i++)
	{
		const MlTrack *track = &ref->tracks[i];
		MlTrackDrift *r = &results[i];

		r->track = track;
		mlops_drift_compare(track->profile, baseline + track->offset, counts + track->offset,
							options, &r->drift);
		r->p = track->profile->kind == ML_PROFILE_NUMBER ? r->drift.ks_p : r->drift.chi2.p;
	}
	adjust(ref, results);
	return results;
}

void
mlops_window_verdict(const MlReference *ref, const MlTrackDrift *results, double share,
					 MlModelDrift *out)
{
	int			nmajor = 0;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < ref->ntracks; i++)
	{
		const MlDrift *drift = &results[i].drift;

		if (drift->no_data || drift->low_n)
			continue;
		if (drift->severity != ML_DRIFT_NONE)
			out->severity = ML_DRIFT_WARNING;
		if (ref->tracks[i].kind != ML_TRACK_FEATURE)
			continue;
		out->njudged++;
		nmajor += drift->severity == ML_DRIFT_MAJOR;
	}
	out->share = out->njudged > 0 ? (double) nmajor / out->njudged : NAN;
	if (nmajor > 0 && out->share >= share)
		out->severity = ML_DRIFT_MAJOR;
}
