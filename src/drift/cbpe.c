/*-------------------------------------------------------------------------
 *
 * cbpe.c
 *	  Performance of two classes without outcomes, from probabilities alone.
 *
 * A row that was called positive and is so with probability p counts as p true
 * and 1 - p false positives; expected counts make expected rates [1].  The
 * probabilities are those of the calibration, which never falls: rows in the
 * order of their scores are in that of their probabilities too, so only the
 * scores are kept.  Rows of one score are taken together for the AUC.
 *
 * [1] NannyML documentation: Confidence-based Performance Estimation (CBPE)
 *
 * IDENTIFICATION
 *	  src/drift/cbpe.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "mlops/performance.h"

#define FIRST_ROOM 1024

static void
push_score(MlEstimation *e, double score)
{
	if (e->n == e->room)
	{
		int64		room = e->room == 0 ? FIRST_ROOM : e->room * 2;

		/* twice: sorting needs as much again, and so do the probabilities after it */
		mlops_budget_take(e->budget, (Size) (room - e->room) * 2 * sizeof(double));
		if (e->score == NULL)
			e->score = palloc_extended(room * sizeof(double), MCXT_ALLOC_HUGE);
		else
			e->score = repalloc_huge(e->score, room * sizeof(double));
		e->room = room;
	}
	e->score[e->n++] = score;
}

void
mlops_estimation_add(MlEstimation *e, double score, bool positive)
{
	mlops_cbpe_add(&e->sums, mlops_calibrated(e->calibration, score), positive);
	push_score(e, score);
}

void
mlops_estimation_finish(MlEstimation *e, MlEstimate *out)
{
	double	   *p;

	mlops_cbpe_rates(&e->sums, &out->rates);
	p = palloc_extended(Max(e->n, 1) * sizeof(double), MCXT_ALLOC_HUGE);
	mlops_sort_doubles(e->score, e->n, p);
	for (int64 i = 0; i < e->n; i++)
		p[i] = mlops_calibrated(e->calibration, e->score[i]);
	out->roc_auc = mlops_cbpe_auc(e->n, e->score, p);
	pfree(p);
}
