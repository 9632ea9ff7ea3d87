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

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "mlops/metrics.h"
#include "mlops/numeric.h"
#include "mlops/reference.h"
#include "mlops/store.h"

#define MLOPS_SEGMENT_VARIANT "variant" /* the segment that is an alias, not a feature */

/* What is asked.  All zero but for the model and the times: every version, in one window. */
typedef struct MlPerformanceQuery
{
	int64		model_id;
	TimestampTz since;			/* DT_NOBEGIN, DT_NOEND: no bound */
	TimestampTz until;
	int64		width_us;		/* of a window; 0: all in one */
	const char *segment;		/* a feature that is a category or boolean, "variant", or NULL */
	bool		estimate;		/* estimates of two classes, too, with a NOTICE of versions that have none */
	int			version;		/* 0: all */
	bool		shadow;			/* what aliases in shadow said, too */
} MlPerformanceQuery;

/* One metric of one window of one version (of one segment). */
typedef struct MlPerformance
{
	int			version;
	bool		shadow;
	TimestampTz start;			/* windows are cut to what was asked; without a bound DT_NOBEGIN, DT_NOEND */
	TimestampTz end;
	const char *segment;		/* its value; NULL: all rows */
	bool		has_segment;
	const char *metric;			/* as mlops.evaluate() names it, and more: docs/performance.md */
	double		value;			/* NaN: undefined for these rows */
	int64		nrows;			/* that it was computed from */
	int64		npredictions;	/* of the window, with an outcome or without */
	bool		estimated;
	double		calibration_error;	/* of an estimate; else NaN */
} MlPerformance;

/*
 * drift/performance.c: rights were asked for; a list of MlPerformance * in
 * CurrentMemoryContext, by version, shadow, window, segment, metric (in the
 * order of docs/performance.md, estimates last).  The log is read under the
 * active snapshot, together with what this transaction has done; inside a
 * section (store.h) or outside.  Memory does not grow with the log but by 16 to
 * 32 bytes a row of the largest window for the AUC, with estimates twice that:
 * error 54000 beyond mlops.fit_memory.  Error 22023 for a segment that no
 * version has or that is a number.
 */
extern List *mlops_performance(const MlPerformanceQuery *query);

/*
 * drift/cbpe.c: confidence-based performance estimation.  Zero bytes but for
 * the first two are the empty state; memory for the AUC grows in
 * CurrentMemoryContext.
 */
typedef struct MlEstimation
{
	const MlCalibration *calibration;
	MlBudget   *budget;			/* base.h */
	MlCbpe		sums;
	double	   *score;
	int64		n;
	int64		room;
} MlEstimation;

typedef struct MlEstimate
{
	MlCbpeRates rates;			/* NaN: undefined */
	double		roc_auc;
} MlEstimate;

/* A row that was given the probability "score", and called positive or not. */
extern void mlops_estimation_add(MlEstimation *e, double score, bool positive);
extern void mlops_estimation_finish(MlEstimation *e, MlEstimate *out);

#endif							/* MLOPS_PERFORMANCE_H */
