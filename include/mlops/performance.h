/*-------------------------------------------------------------------------
 *
 * performance.h
 *	  How good a model's logged predictions were: by outcomes, or estimated.
 *
 * IDENTIFICATION
 *	  include/mlops/performance.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_PERFORMANCE_H
#define MLOPS_PERFORMANCE_H

#include "utils/timestamp.h"

#include "mlops/reference.h"
#include "mlops/store.h"

/* What is asked. */
typedef struct MlPerformanceQuery
{
	int64		model_id;
	TimestampTz since;
	TimestampTz until;
	int64		width_us;		/* of a window; 0: all in one */
	const char *segment;		/* a feature that is a category, "variant", or NULL */
	bool		estimate;		/* confidence-based where outcomes are not known */
} MlPerformanceQuery;

/* One metric of one window of one version (of one segment). */
typedef struct MlPerformance
{
	int			version;
	TimestampTz start;
	TimestampTz end;
	const char *segment;		/* its value; NULL: all rows, or those without one */
	bool		has_segment;
	const char *metric;			/* scikit-learn's name: accuracy, roc_auc, ... */
	double		value;			/* NaN: undefined for these rows */
	int64		nrows;			/* that it was computed from */
	int64		npredictions;	/* of the window, with an outcome or without */
	bool		estimated;
	double		calibration_error;	/* of an estimate; else NaN */
} MlPerformance;

/* drift/performance.c: rights were asked for; a list of MlPerformance * in CurrentMemoryContext, by version, window, segment, metric */
extern List *mlops_performance(const MlPerformanceQuery *query);

/* drift/cbpe.c: confidence-based performance estimation, n calibrated probabilities p and predictions positive[i]; score: as given, for the ROC */
typedef struct MlEstimate
{
	double		accuracy;
	double		precision;
	double		recall;
	double		f1;
	double		specificity;
	double		roc_auc;
} MlEstimate;
extern void mlops_cbpe(const double *p, const double *score, const bool *positive, int64 n, MlEstimate *out);

#endif							/* MLOPS_PERFORMANCE_H */
