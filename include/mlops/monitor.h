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

#include "nodes/pg_list.h"
#include "utils/array.h"
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
	double		importance;		/* of a feature whose major drift is the model's */
	int			raise_after;	/* consecutive windows */
	int			clear_after;
	/* rules that are off unless set: NaN, or 0 */
	double		errors;			/* share of rows without an answer */
	double		latency_ms;		/* 95th percentile */
	int64		no_data_us;		/* no row for so long */
	Jsonb	   *performance;	/* {"roc_auc": {"min": 0.7}, ...}; NULL: none */
	int64		performance_rows;	/* with an outcome, at least */
	int64		performance_delay_us;	/* that outcomes take after a window's end */
} MlThresholds;
/* Error 22023 naming what is wrong; NULL: the defaults. */
extern void mlops_thresholds_read(Jsonb *given, MlThresholds *out);
extern Jsonb *mlops_thresholds_json(const MlThresholds *thresholds);

/* Microseconds of an interval without months, or error 22023 naming it; and as text that reads back, palloc'd. */
extern int64 mlops_interval_us(const Interval *interval, const char *name, int64 least, int64 most);
extern char *mlops_us_text(int64 us);

/* monitor/monitor_set.c */

/* What a monitor shall be; NULL: as it is, or where there is none, as usual. */
typedef struct MlMonitorWish
{
	const char *model;
	Interval   *every;
	Interval   *width;
	Interval   *lateness;
	Jsonb	   *thresholds;
	List	   *segments;		/* char * */
	bool		has_segments;
	const char *on_drift;
} MlMonitorWish;

/* What it is. */
typedef struct MlMonitor
{
	int64		monitor_id;
	int64		model_id;
	int64		job_id;			/* 0: it has none any more */
	char	   *model;
	Interval   *every;
	int64		width_us;
	int64		lateness_us;
	MlThresholds thresholds;
	List	   *segments;		/* char * */
	char	   *on_drift;
	int			revision;
	TimestampTz published_until;
	TimestampTz performance_until;
	TimestampTz last_row;		/* DT_NOBEGIN: none was seen */
	TimestampTz created;
} MlMonitor;

/* Error 22023 for a wish that cannot be, 42704 for segments the champion does not have; outside of a write section. */
extern void mlops_monitor_check(const MlMonitorWish *wish);

/*
 * In a write section: store it, with ML_PRIVILEGE_LOGS.  Another width forgets
 * windows and verdicts.  Returns whether the model had none before.
 */
extern bool mlops_monitor_set(MlWriter *w, const MlMonitorWish *wish, MlMonitor *out);

/* Note the job, and record the act in the audit trail. */
extern void mlops_monitor_planned(MlWriter *w, const MlMonitor *monitor, int64 job_id);

/* Remove it with all its windows and verdicts; error 42704 if there is none. */
extern void mlops_monitor_drop(MlWriter *w, const char *model, MlMonitor *out);

/* Error 42704: the model has no monitor. */
pg_noreturn extern void mlops_monitor_deny(const char *model);

/* The texts of an array, palloc'd; error 22004 for a null. */
extern List *mlops_text_list(ArrayType *array, const char *what);

/* The monitor of a model, locked; false: it has none.  No rights are asked for. */
extern bool mlops_monitor_load(MlWriter *w, int64 model_id, MlMonitor *out);

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
