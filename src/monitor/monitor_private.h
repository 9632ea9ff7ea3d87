/*-------------------------------------------------------------------------
 *
 * monitor_private.h
 *	  What the files of this folder share: verdicts, and a version while its
 *	  windows are judged.
 *
 * IDENTIFICATION
 *	  src/monitor/monitor_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_MONITOR_PRIVATE_H
#define MLOPS_MONITOR_PRIVATE_H

#include "mlops/alert.h"
#include "mlops/monitor.h"
#include "mlops/window.h"

#define MLOPS_CONVENTIONS 1		/* version of how numbers of this folder are computed and judged (docs/monitoring.md) */

/* judge.c: pure computing, no statement */

/* How windows in a row were judged, of one thing; newest last. */
typedef struct MlStreak
{
	int			bad;			/* in a row, up to the newest */
	int			good;
	MlSeverity	recent[2];		/* the newest, and the one before it */
	bool		is_open;		/* there is an alert */
} MlStreak;

extern void mlops_streak_add(MlStreak *streak, MlSeverity severity);

/* What a streak asks for: raise with this severity, or clear, or nothing. */
typedef enum MlStreakAct
{
	ML_STREAK_NOTHING,
	ML_STREAK_RAISE,
	ML_STREAK_CLEAR
} MlStreakAct;
extern MlStreakAct mlops_streak_act(const MlStreak *streak, const MlThresholds *t, MlSeverity *severity);

/* One track of a window, judged. */
typedef struct MlTrackVerdict
{
	MlSeverity	drift;
	const char *method;			/* that decided: "psi" or "ks" */
	double		value;			/* NaN: none */
	double		threshold;
	MlSeverity	missing;
	const char *status;			/* ok, low_n, no_data */
} MlTrackVerdict;
extern void mlops_judge_track(const MlThresholds *t, const MlTrackDrift *d, MlTrackVerdict *out);

/* All tracks together; importance: by feature, NULL: not known.  *share: of features in major drift, NaN: there are none. */
extern MlSeverity mlops_judge_model(const MlThresholds *t, const MlReference *ref, const MlTrackVerdict *tracks,
									const double *importance, double *share);

/* The quantile q of latencies in milliseconds, between the bounds of its slot; NaN: no rows. */
extern double mlops_latency_quantile(const int64 *latency, double q);

/* watch.c: a version while a run lasts */
typedef struct MlWatch
{
	MemoryContext context;		/* holds everything below */
	MlWatched	watched;		/* reference NULL: there is none, or the version is gone */
	int64	   *training;		/* counts of the reference */
	double	   *importance;		/* by feature, or NULL */
	char	  **names;			/* of tracks */
	MlStreak   *drift;			/* by track */
	MlStreak   *missing;
	MlStreak	model;
	MlStreak	errors;
	MlStreak	latency;
	MlWindow   *previous;		/* the window before, or NULL */
	MlWindow   *pending;		/* windows of too few rows put together, or NULL */
	TimestampTz pending_start;
	int			npending;
	bool		retired;		/* aliases named it once, and none does now: it raises nothing */
} MlWatch;

/* As it was left before the window that starts there.  In a context of its own under CurrentMemoryContext. */
extern MlWatch *mlops_watch_begin(MlWriter *w, const MlMonitor *m, int version, TimestampTz before);

/* Add a window of too few rows to those before; or forget them. */
extern void mlops_watch_pend(MlWatch *watch, const MlWindow *window);
extern void mlops_watch_unpend(MlWatch *watch);

/* The window is the previous one from now on. */
extern void mlops_watch_passed(MlWatch *watch, const MlWindow *window);

/* Was the version named by an alias once, and is by none now? */
extern bool mlops_version_retired(MlWriter *w, int64 model_id, int version);

/* result_store.c: verdicts as rows */

/* A row of drift_result. */
typedef struct MlResult
{
	const char *kind;			/* feature, output, joint, errors, latency, performance */
	const char *track;
	const char *baseline;		/* training, previous, rule */
	const char *method;
	double		value;			/* NaN: null; likewise below */
	double		threshold;
	MlSeverity	severity;
	const char *status;
	double		p;
	double		p_adjusted;
	int64		nrows;
	double		missing;
	double		unseen;
	double		out_of_range;
	Jsonb	   *detail;
} MlResult;

/* A row of monitor_window. */
typedef struct MlWindowVerdict
{
	int			version;
	TimestampTz start;
	TimestampTz end;
	int64		nrows;
	const char *status;			/* ok, low_n, no_reference */
	MlSeverity	severity;
	double		share;			/* NaN: null */
	Jsonb	   *definitions;
} MlWindowVerdict;

extern MlSeverity mlops_severity_by_name(const char *name);
/* Of a window's verdict what counts for the alert of the model: only what is major. */
extern MlSeverity mlops_model_severity(const char *name);

extern void mlops_verdict_store(MlWriter *w, const MlMonitor *m, const MlWindowVerdict *verdict);
extern void mlops_results_store(MlWriter *w, const MlMonitor *m, int version, TimestampTz start,
								int n, const MlResult *results);

/* A time in UTC, as text that is the same whatever is set; palloc'd. */
extern char *mlops_time_text(TimestampTz at);

/* A track's row; verdict NULL: of a comparison that is not judged.  since: start of the window it is compared to, 0: none. */
extern void mlops_result_of_track(const MlTrackDrift *d, const MlTrackVerdict *verdict, const char *name,
								  const char *baseline, const MlThresholds *t, TimestampTz since, MlResult *out);

/* alert_rule.c: what a streak asks for, done; counts into run */
typedef struct MlAlertCase
{
	const char *kind;
	const char *subject;		/* or NULL */
	const char *method;
	double		value;
	double		threshold;
	TimestampTz start;
	TimestampTz end;
} MlAlertCase;
extern void mlops_streak_settle(MlWriter *w, const MlMonitor *m, int version, bool retired, MlStreak *streak,
								const MlAlertCase *what, MlMonitorRun *run);

/* Close open alerts that nothing watches any more; all: those of the monitor. */
extern void mlops_alerts_forget(MlWriter *w, const MlMonitor *m, bool all);

/* window_verdict.c: judge a window of a version, store it and act */
extern void mlops_window_publish(MlWriter *w, const MlMonitor *m, MlWatch *watch, const MlWindow *window,
								 MlMonitorRun *run);

/* performance_rule.c: judge the outcomes of published windows that have had the time for it; returns whether there are more */
extern bool mlops_performance_judge(MlWriter *w, MlMonitor *m, TimestampTz horizon, MlMonitorRun *run);

#endif							/* MLOPS_MONITOR_PRIVATE_H */
