/*-------------------------------------------------------------------------
 *
 * envelope.c
 *	  Between which numbers training rows lay, to tell rows that are unlike all
 *	  of them one by one.
 *
 * The ends of a track have ten training rows or more beyond them, so a row
 * beyond an end is nothing special: of 28 numbers of 1,000 rows, two rows in
 * five have one.  Where training rows lay beyond an end, a number is outside
 * only if it is further beyond than the ends are apart and than three standard
 * deviations; where none did, the end is the limit.  (Of normal numbers, the
 * limits are 7 standard deviations from the mean for 1,000 rows, 4.3 for 100.)
 *
 * IDENTIFICATION
 *	  src/profile/envelope.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/reference.h"

#define SPREAD 3.0				/* standard deviations beyond an end */

/* False where there are no limits at all. */
static bool
find_limits(const MlProfile *p, MlLimits *limits)
{
	const MlCut *first = p->cuts;
	const MlCut *last;
	double		margin;

	if (p->kind != ML_PROFILE_NUMBER || p->ncuts == 0)
		return false;
	last = &p->cuts[p->ncuts - 1];
	/* may be infinite; nothing is known where the ends meet */
	margin = last->value - first->value;
	margin = margin > 0 && isfinite(p->sd) ? Max(margin, SPREAD * p->sd) : HUGE_VAL;
	limits->low = first->value;
	limits->high = last->value;
	if (p->counts[0] > 0 || !first->before)
		limits->low = first->value - margin;
	if (p->counts[p->ncuts] > 0 || last->before)
		limits->high = last->value + margin;
	return limits->low > -HUGE_VAL || limits->high < HUGE_VAL;
}

/*
 * mlops_envelope_make - the limits of the features' numbers
 */
MlEnvelope *
mlops_envelope_make(const MlReference *ref)
{
	MlEnvelope *envelope = palloc(sizeof(MlEnvelope));

	envelope->limits = palloc(sizeof(MlLimits) * Max(ref ? ref->ntracks : 0, 1));
	envelope->n = 0;
	for (int i = 0; ref && i < ref->ntracks; i++)
	{
		MlLimits   *limits = &envelope->limits[envelope->n];

		limits->feature = ref->tracks[i].feature;
		limits->slot = ref->tracks[i].slot;
		if (ref->tracks[i].kind == ML_TRACK_FEATURE && find_limits(ref->tracks[i].profile, limits))
			envelope->n++;
	}
	return envelope;
}

/*
 * mlops_envelope_find - the first feature with a number outside, or -1
 */
int
mlops_envelope_find(const MlEnvelope *envelope, const double *x)
{
	for (int i = 0; i < envelope->n; i++)
	{
		const MlLimits *limits = &envelope->limits[i];
		double		value = x[limits->slot];

		/* no NaN is */
		if (value < limits->low || value > limits->high)
			return limits->feature;
	}
	return -1;
}
