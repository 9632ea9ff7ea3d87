/*-------------------------------------------------------------------------
 *
 * metrics.h
 *	  Measures of how good predictions are, accumulated row by row.
 *
 * One accumulator serves train() (holdout), evaluate() and, through thin
 * wrappers, the SQL aggregates.  Definitions are scikit-learn's; ties, small
 * samples and undefined cases are spelled out in docs/metrics.md.
 *
 * IDENTIFICATION
 *	  include/mlops/metrics.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_METRICS_H
#define MLOPS_METRICS_H

#include <float.h>
#include <math.h>

#include "mlops/base.h"
#include "mlops/dataset.h"
#include "mlops/mlops.h"

typedef struct MlMetric
{
	const char *name;			/* static: the SQL aggregate's name */
	double		value;			/* NaN: undefined on these rows (shown as NULL) */
	int64		n;				/* rows it comes from */
} MlMetric;

typedef struct MlMetrics MlMetrics;

/* In CurrentMemoryContext. nclasses is 0 for regression. */
extern MlMetrics *mlops_metrics_begin(MlTask task, int nclasses);

/* Take the memory for scores out of the budget, which must outlive the accumulator; without one, mlops.training_memory bounds it alone. */
extern void mlops_metrics_share(MlMetrics *m, MlBudget *budget);

/*
 * n rows: y is the truth (a number or a class index, -1 for a class the model
 * does not know), out what MlAlgo.predict gave (1 or nclasses per row), w
 * weights or NULL.  Memory for AUC grows with the rows.
 */
extern void mlops_metrics_add(MlMetrics *m, int n, const double *y,
							  const double *out, const double *w);

/* Regression: rmse mae r2 mape; binary: accuracy precision_score recall_score f1 auc log_loss
 * brier ece; multiclass: accuracy precision_score recall_score f1 (macro) log_loss.
 * *n entries, in that order, the task's headline metric first. */
extern MlMetric *mlops_metrics_finish(MlMetrics *m, int *n);

/*
 * compare.c: two models of one task on the same rows.  begin, add blocks in
 * pairs (an MlConsume of mlops_fetch_paired), finish; models stay pinned until then.
 */
typedef struct MlPaired MlPaired;
typedef struct MlPairedMetric
{
	const char *name;
	double		value[2];		/* of each model; NaN: undefined */
	double		low;			/* interval of the second less the first; NaN without resamples */
	double		high;
} MlPairedMetric;

extern MlPaired *mlops_paired_begin(const MlModel *a, const MlModel *b);
extern void mlops_paired_add(void *paired, const MlBlock *blocks);
extern int64 mlops_paired_rows(const MlPaired *paired, int64 *nunknown);	/* unknown: of a class that one of them does not know */

/* Percentile intervals of a paired bootstrap; the order of rows does not matter. */
extern MlPairedMetric *mlops_paired_finish(MlPaired *paired, int resamples, uint64 seed,
										   double confidence, int *n);

/* Classification: rows that only one of them got right. */
extern void mlops_paired_right(const MlPaired *paired, int64 *only_a, int64 *only_b);

/*
 * metric_values.c: what the accumulator above and the SQL aggregates share.
 * Everything below is flat and zero bytes are the empty state.  A value is NaN
 * where it is undefined and infinite where it overflowed.
 */

/* A sum and the rounding errors it made (Neumaier). */
typedef struct MlSum
{
	double		s;
	double		c;
} MlSum;

static inline void
mlops_sum_add(MlSum *sum, double x)
{
	double		t = sum->s + x;

	if (fabs(sum->s) >= fabs(x))
		sum->c += (sum->s - t) + x;
	else
		sum->c += (x - t) + sum->s;
	sum->s = t;
}

extern void mlops_sum_merge(MlSum *dst, const MlSum *src);
extern double mlops_sum_value(const MlSum *sum);

/* rmse, mae, r2 and mape of weighted rows */
typedef struct MlRegressionSums
{
	int64		n;
	double		w;				/* sum of weights */
	MlSum		sq;				/* squared errors */
	MlSum		abs;			/* absolute errors */
	MlSum		rel;			/* absolute errors relative to the truth */
	double		mean;			/* of the truth */
	double		m2;				/* squared deviations of the truth from its mean */
} MlRegressionSums;

static inline void
mlops_regression_add(MlRegressionSums *r, double y, double p, double w)
{
	double		error = fabs(y - p);
	double		size = fabs(y);
	double		delta = y - r->mean;

	r->n++;
	r->w += w;
	mlops_sum_add(&r->sq, w * error * error);
	mlops_sum_add(&r->abs, w * error);
	mlops_sum_add(&r->rel, w * error / (size > DBL_EPSILON ? size : DBL_EPSILON));
	r->mean += delta * (w / r->w);
	r->m2 += w * delta * (y - r->mean);
}

extern void mlops_regression_merge(MlRegressionSums *dst, const MlRegressionSums *src);
extern double mlops_regression_rmse(const MlRegressionSums *r);
extern double mlops_regression_mae(const MlRegressionSums *r);
extern double mlops_regression_r2(const MlRegressionSums *r);
extern double mlops_regression_mape(const MlRegressionSums *r);

/* One class: rows that are it and were called it, were called it, are it. */
typedef struct MlClassTally
{
	double		hit;
	double		predicted;
	double		actual;
} MlClassTally;

extern double mlops_class_precision(const MlClassTally *t);
extern double mlops_class_recall(const MlClassTally *t);
extern double mlops_class_f1(const MlClassTally *t);

/* Mean of one of the three over the classes that occur; undefined counts as 0. */
extern double mlops_class_macro(const MlClassTally *t, int nclasses,
								double (*measure) (const MlClassTally *));

/* -log of the probability given to what happened, kept within [eps, 1 - eps] of float8 */
extern double mlops_log_loss_one(double p);

/* One bin of predicted probabilities. */
typedef struct MlBin
{
	double		w;				/* rows */
	double		pos;			/* rows of the positive class */
	MlSum		p;				/* their probabilities */
} MlBin;

#define MLOPS_ECE_BINS		10
#define MLOPS_ECE_MAX_BINS	1000

extern int	mlops_probability_bin(double p, int nbins);	/* bin k holds k/nbins < p <= (k+1)/nbins; 0 is in bin 0 */
extern double mlops_bins_ece(const MlBin *bins, int nbins);

/*
 * metrics_rank.c: P(score of a positive > score of a negative), ties counting
 * one half.  Sorts the arrays it is given; interruptible; NaN unless both
 * classes have weight.
 */
typedef struct MlScore
{
	double		score;
	double		w;
} MlScore;

extern double mlops_auc(double *pos, int64 npos, double *neg, int64 nneg);
extern double mlops_auc_weighted(MlScore *pos, int64 npos, MlScore *neg, int64 nneg);

#endif							/* MLOPS_METRICS_H */
