/*-------------------------------------------------------------------------
 *
 * metric_state.h
 *	  Transition states of the metric aggregates: type
 *	  mlops_private.metric_state.
 *
 * A state is flat, so that it can be updated in place, copied as bytes and
 * sent between processes; its text form is exact, so that it can be sent
 * between servers.  One type has several kinds; a function checks the kind it
 * is given.  Values of the type come only from the functions below, from "in"
 * and from "recv", which check everything, so that the others check kind and
 * size alone.
 *
 * IDENTIFICATION
 *	  src/api/metric_state.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_METRIC_STATE_H
#define MLOPS_METRIC_STATE_H

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "mlops/metrics.h"

/* Numbers are part of the text form. */
typedef enum MetricKind
{
	METRIC_REGRESSION = 1,
	METRIC_TALLY = 2,
	METRIC_PROBABILITY = 3,
	METRIC_CALIBRATION = 4,
	METRIC_RANK = 5,
	METRIC_CONFUSION = 6,
	METRIC_SAMPLES = 7,
	METRIC_CATEGORIES = 8
} MetricKind;

#define METRIC_FORMAT	1		/* version of the text and binary form */
#define METRIC_MAX_ROWS (INT64CONST(1) << 53)	/* counts stay exact as float8 */

typedef struct MetricState
{
	int32		vl_len_;
	int32		kind;
} MetricState;

typedef struct RegressionState
{
	MetricState head;
	MlRegressionSums sums;		/* weights are 1 */
} RegressionState;

/* Two classes; for plain accuracy, tp counts right rows and fp wrong ones. */
typedef struct TallyState
{
	MetricState head;
	int64		tp;
	int64		fp;
	int64		fn;
	int64		tn;
} TallyState;

typedef struct ProbabilityState
{
	MetricState head;
	int64		n;
	MlSum		loss;
	MlSum		brier;
} ProbabilityState;

typedef struct CalibrationState
{
	MetricState head;
	int64		nbins;
	MlBin		bins[FLEXIBLE_ARRAY_MEMBER];
} CalibrationState;

/* Positives' scores from the left, negatives' from the right end. */
typedef struct RankState
{
	MetricState head;
	int64		npos;
	int64		nneg;
	double		score[FLEXIBLE_ARRAY_MEMBER];
} RankState;

/* Laid out by metric_confusion.c. */
typedef struct ConfusionState
{
	MetricState head;
	int64		n;
	int32		nlabels;
	int32		room;			/* labels it can hold, a power of two */
	int32		text_room;
	int32		text_used;
	int64		data[FLEXIBLE_ARRAY_MEMBER];
} ConfusionState;

/* Two samples of numbers: values of the reference from the left, of the other from the right end. */
typedef struct SampleState
{
	MetricState head;
	int64		bins;			/* quantile bins of psi and its like */
	int64		n[2];			/* reference, current */
	int64		missing[2];		/* NULL and NaN */
	double		value[FLEXIBLE_ARRAY_MEMBER];
} SampleState;

/* Two samples of categories; laid out by drift_categories.c. */
typedef struct CategoryState
{
	MetricState head;
	int32		ncategories;
	int32		room;			/* categories it can hold, a power of two */
	int64		missing[2];		/* reference, current */
	int64		text_room;
	int64		text_used;
	int64		data[FLEXIBLE_ARRAY_MEMBER];
} CategoryState;

/* A bounded cursor over untrusted bytes. */
typedef struct MetricReader
{
	const char *at;
	const char *end;
	int			sqlstate;		/* for errors */
} MetricReader;

/* metric_api.c */
extern void *mlops_metric_make(MetricKind kind, Size size);
extern void *mlops_metric_copy(MetricState *state);
extern MetricState *mlops_metric_detoast(Datum value, MetricKind kind);
extern Datum mlops_metric_skip(FunctionCallInfo fcinfo);
extern Datum mlops_metric_value(FunctionCallInfo fcinfo, double value);
extern void mlops_metric_check_probability(double p);
extern void mlops_metric_check_rows(int64 n);
extern const char *mlops_metric_read_bytes(MetricReader *r, Size len);
extern int64 mlops_metric_read_count(MetricReader *r, int64 max);
extern double mlops_metric_read_float8(MetricReader *r);
extern void mlops_metric_malformed(const MetricReader *r);	/* does not return */

/*
 * The state that a transition or combine function may change: the argument
 * itself inside an aggregate, a copy elsewhere; NULL when there is none yet.
 */
static inline void *
mlops_metric_arg(FunctionCallInfo fcinfo, MetricKind kind)
{
	MetricState *state;

	if (PG_ARGISNULL(0))
		return NULL;
	state = mlops_metric_detoast(PG_GETARG_DATUM(0), kind);
	if ((Pointer) state == DatumGetPointer(PG_GETARG_DATUM(0)) &&
		!AggCheckCallContext(fcinfo, NULL))
		state = mlops_metric_copy(state);
	return state;
}

/* What each kind adds to the generic functions. */
extern RegressionState *mlops_metric_regression_read(MetricReader *r);
extern void mlops_metric_regression_write(StringInfo buf, const RegressionState *s);
extern TallyState *mlops_metric_tally_read(MetricReader *r);
extern void mlops_metric_tally_write(StringInfo buf, const TallyState *s);
extern void mlops_metric_tally_merge(TallyState *dst, const TallyState *src);
extern ProbabilityState *mlops_metric_probability_read(MetricReader *r);
extern void mlops_metric_probability_write(StringInfo buf, const ProbabilityState *s);
extern void mlops_metric_probability_merge(ProbabilityState *dst, const ProbabilityState *src);
extern CalibrationState *mlops_metric_calibration_read(MetricReader *r);
extern void mlops_metric_calibration_write(StringInfo buf, const CalibrationState *s);
extern void mlops_metric_calibration_merge(CalibrationState *dst, const CalibrationState *src);
extern RankState *mlops_metric_rank_read(MetricReader *r);
extern void mlops_metric_rank_write(StringInfo buf, const RankState *s);
extern RankState *mlops_metric_rank_merge(RankState *dst, const RankState *src);
extern ConfusionState *mlops_metric_confusion_read(MetricReader *r);
extern void mlops_metric_confusion_write(StringInfo buf, const ConfusionState *s);
extern ConfusionState *mlops_metric_confusion_merge(ConfusionState *dst, const ConfusionState *src);
extern SampleState *mlops_metric_samples_read(MetricReader *r);
extern void mlops_metric_samples_write(StringInfo buf, const SampleState *s);
extern SampleState *mlops_metric_samples_merge(SampleState *dst, const SampleState *src);
extern CategoryState *mlops_metric_categories_read(MetricReader *r);
extern void mlops_metric_categories_write(StringInfo buf, const CategoryState *s);
extern CategoryState *mlops_metric_categories_merge(CategoryState *dst, const CategoryState *src);
extern void mlops_metric_read_sum(MetricReader *r, MlSum *sum);
extern void mlops_metric_write_sum(StringInfo buf, const MlSum *sum);

#endif							/* MLOPS_METRIC_STATE_H */
