/*-------------------------------------------------------------------------
 *
 * monitor.h
 *	  Monitors: a model's windows judged, one after the other.
 *
 * IDENTIFICATION
 *	  include/mlops/monitor.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_MONITOR_H
#define MLOPS_MONITOR_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "mlops/catalog.h"
#include "mlops/profile.h"
#include "mlops/store.h"

/* monitor/threshold.c: what is judged by; stored complete with the monitor and with every verdict */
typedef struct MlThresholds
{
	MlDriftOptions drift;
	double		alpha;			/* of adjusted p values */
	double		ks;				/* least D that counts */
	double		missing;		/* difference of shares of missing values */
	double		share;			/* of features in major drift at which the model is */
	int			raise_after;	/* consecutive windows */
	int			clear_after;
	/* rules that are off unless set: NaN, or 0 */
	double		errors;			/* share of rows without an answer */
	double		latency_ms;		/* 95th percentile */
	int64		no_data_us;		/* no row for so long */
	Jsonb	   *performance;	/* {"roc_auc": {"min": 0.7}, ...}; NULL: none */
} MlThresholds;
/* Error 22023 naming what is wrong; NULL: the defaults. */
extern void mlops_thresholds_read(Jsonb *given, MlThresholds *out);
extern Jsonb *mlops_thresholds_json(const MlThresholds *thresholds);

/* What one run of a monitor did. */
typedef struct MlMonitorRun
{
	int64		rows;			/* counted */
	int64		late;
	int			windows;		/* published */
	int			raised;			/* alerts opened */
	int			cleared;
	TimestampTz published_until;
	bool		more;			/* there are windows left to publish */
} MlMonitorRun;

/*
 * monitor/monitor_run.c: count what is new and publish the windows that are
 * over by as_of (DT_NOEND: now), lateness included.  As the current user, who
 * needs ML_PRIVILEGE_LOGS; error 42704 if the model has no monitor.
 */
extern void mlops_monitor_run(const char *command, const char *model, TimestampTz as_of, MlMonitorRun *out);

#endif							/* MLOPS_MONITOR_H */
