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

#endif							/* MLOPS_METRICS_H */
