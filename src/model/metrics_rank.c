/*-------------------------------------------------------------------------
 *
 * metrics_rank.c
 *	  Area under the ROC curve, exactly and with ties.
 *
 * The area equals the Mann-Whitney statistic [1]: of all pairs of a positive
 * and a negative row, the share in which the positive has the higher score,
 * equal scores counting one half (this is what midranks compute).  Both
 * classes are sorted by score and walked together.
 *
 * [1] Hanley, McNeil: The Meaning and Use of the Area under a Receiver
 *	   Operating Characteristic (ROC) Curve, 1982
 *
 * IDENTIFICATION
 *	  src/model/metrics_rank.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "mlops/metrics.h"

#define ST_SORT sort_doubles
#define ST_ELEMENT_TYPE double
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_scores
#define ST_ELEMENT_TYPE MlScore
#define ST_COMPARE(a, b) (((a)->score > (b)->score) - ((a)->score < (b)->score))
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * mlops_auc - every row counts once
 *
 * Wins are counted in halves as a double: exact up to 2^52 pairs, and beyond
 * that to the precision of the result.
 */
double
mlops_auc(double *pos, int64 npos, double *neg, int64 nneg)
{
	double		halves = 0;
	int64		below = 0;		/* negatives with a lower score */
	int64		upto = 0;		/* negatives with a lower or equal score */

	if (npos <= 0 || nneg <= 0)
		return NAN;
	sort_doubles(pos, (size_t) npos);
	sort_doubles(neg, (size_t) nneg);
	for (int64 i = 0; i < npos; i++)
	{
		while (below < nneg && neg[below] < pos[i])
			below++;
		while (upto < nneg && neg[upto] <= pos[i])
			upto++;
		halves += (double) below + (double) upto;
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return halves / 2 / (double) npos / (double) nneg;
}

/*
 * mlops_auc_weighted - a pair counts the product of its weights
 */
double
mlops_auc_weighted(MlScore *pos, int64 npos, MlScore *neg, int64 nneg)
{
	MlSum		halves = {0, 0};
	MlSum		wpos = {0, 0};
	MlSum		wbelow = {0, 0};
	MlSum		wupto = {0, 0};
	double		total;
	int64		below = 0;
	int64		upto = 0;

	if (npos <= 0 || nneg <= 0)
		return NAN;
	sort_scores(pos, (size_t) npos);
	sort_scores(neg, (size_t) nneg);
	for (int64 i = 0; i < npos; i++)
	{
		while (below < nneg && neg[below].score < pos[i].score)
			mlops_sum_add(&wbelow, neg[below++].w);
		while (upto < nneg && neg[upto].score <= pos[i].score)
			mlops_sum_add(&wupto, neg[upto++].w);
		mlops_sum_add(&halves, pos[i].w * (mlops_sum_value(&wbelow) + mlops_sum_value(&wupto)));
		mlops_sum_add(&wpos, pos[i].w);
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	while (upto < nneg)
		mlops_sum_add(&wupto, neg[upto++].w);
	total = mlops_sum_value(&wpos) * mlops_sum_value(&wupto);
	return total > 0 ? mlops_sum_value(&halves) / 2 / total : NAN;
}
