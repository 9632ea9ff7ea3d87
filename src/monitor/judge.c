/*-------------------------------------------------------------------------
 *
 * judge.c
 *	  From numbers to verdicts.
 *
 * What decides is how large a difference is, not how certain: with many rows
 * everything is significant.  PSI decides; D can add a warning, where rows moved
 * within the bins of PSI, and has to be significant among all features of the
 * window besides.
 *
 * IDENTIFICATION
 *	  src/monitor/judge.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "monitor_private.h"

void
mlops_streak_add(MlStreak *streak, MlSeverity severity)
{
	streak->recent[1] = streak->recent[0];
	streak->recent[0] = severity;
	if (severity == ML_DRIFT_NONE)
	{
		streak->bad = 0;
		streak->good++;
	}
	else
	{
		streak->bad++;
		streak->good = 0;
	}
}

/* As severe as the worse of two windows: one that is just below a threshold does not take the other back. */
MlStreakAct
mlops_streak_act(const MlStreak *streak, const MlThresholds *t, MlSeverity *severity)
{
	if (streak->bad >= t->raise_after)
	{
		*severity = streak->bad >= 2 ? Max(streak->recent[0], streak->recent[1]) : streak->recent[0];
		return ML_STREAK_RAISE;
	}
	if (streak->is_open && streak->good >= t->clear_after)
		return ML_STREAK_CLEAR;
	return ML_STREAK_NOTHING;
}

/* More missing values than there were, or fewer, and not by chance. */
static MlSeverity
judge_missing(const MlThresholds *t, const MlDrift *d)
{
	double		difference = fabs(d->missing_cur - d->missing_ref);

	if (d->low_n || isnan(d->missing_p) || !(difference >= t->missing) ||
		!(d->missing_p < 1 - t->drift.noise_level))
		return ML_DRIFT_NONE;
	return difference >= 2 * t->missing ? ML_DRIFT_MAJOR : ML_DRIFT_WARNING;
}

void
mlops_judge_track(const MlThresholds *t, const MlTrackDrift *td, MlTrackVerdict *out)
{
	const MlDrift *d = &td->drift;
	double		limit = d->severity == ML_DRIFT_MAJOR ? t->drift.major : t->drift.warning;

	memset(out, 0, sizeof(*out));
	out->status = d->no_data ? "no_data" : d->low_n ? "low_n" : "ok";
	out->method = "psi";
	out->value = d->psi;
	out->threshold = d->no_data ? limit : Max(limit, d->noise);
	out->drift = d->severity;
	if (d->no_data)
		return;
	out->missing = judge_missing(t, d);
	if (d->severity == ML_DRIFT_NONE && !d->low_n && d->ks_low >= t->ks && td->p_adjusted < t->alpha)
	{
		out->drift = ML_DRIFT_WARNING;
		out->method = "ks";
		out->value = d->ks_low;
		out->threshold = t->ks;
	}
}

MlSeverity
mlops_judge_model(const MlThresholds *t, const MlReference *ref, const MlTrackVerdict *tracks,
				  const double *importance, double *share)
{
	int			nfeatures = 0;
	int			nmajor = 0;
	bool		is_key = false;
	bool		is_joint = false;
	bool		is_any = false;

	for (int i = 0; i < ref->ntracks; i++)
	{
		const MlTrack *track = &ref->tracks[i];
		bool		is_major = tracks[i].drift == ML_DRIFT_MAJOR;

		is_any |= tracks[i].drift != ML_DRIFT_NONE;
		is_joint |= track->kind == ML_TRACK_JOINT && is_major;
		if (track->kind != ML_TRACK_FEATURE || isnan(tracks[i].value))
			continue;
		nfeatures++;
		nmajor += is_major;
		is_key |= is_major && importance && importance[track->feature] >= t->importance;
	}
	*share = nfeatures > 0 ? (double) nmajor / nfeatures : NAN;
	if (is_key || is_joint || *share >= t->share)
		return ML_DRIFT_MAJOR;
	return is_any ? ML_DRIFT_WARNING : ML_DRIFT_NONE;
}

double
mlops_latency_quantile(const int64 *latency, double q)
{
	int64		total = 0;
	int64		seen = 0;
	double		rank;

	for (int i = 0; i < MLOPS_LATENCIES; i++)
		total += latency[i];
	if (total == 0)
		return NAN;
	rank = q * (double) total;
	for (int i = 0; i < MLOPS_LATENCIES; i++)
	{
		/* slot 0 is [0, 2) microseconds, slot i [2^i, 2^(i + 1)) */
		double		low = i == 0 ? 0 : ldexp(1, i);

		if (latency[i] > 0 && (double) (seen + latency[i]) >= rank)
			return (low + (ldexp(2, i) - low) * (rank - (double) seen) / (double) latency[i]) / 1000;
		seen += latency[i];
	}
	return NAN;
}
