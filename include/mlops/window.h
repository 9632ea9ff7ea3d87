/*-------------------------------------------------------------------------
 *
 * window.h
 *	  Windows: the prediction log as counts by time.
 *
 * A monitor's windows are counted from the log in steps.  What has been
 * counted is told by a watermark of transaction numbers: a step counts the
 * rows of transactions that are over and were not before, adds them to the
 * windows and moves the watermark, all in one transaction.
 *
 * IDENTIFICATION
 *	  include/mlops/window.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_WINDOW_H
#define MLOPS_WINDOW_H

#include "utils/timestamp.h"

#include "mlops/model.h"
#include "mlops/reference.h"
#include "mlops/store.h"

#define MLOPS_LATENCIES 32		/* slots of latency: 2^i microseconds and more */

/* A version whose rows are counted. */
typedef struct MlWatched
{
	int			version;
	const MlModel *model;
	const MlReference *reference;	/* NULL: it was stored without one */
} MlWatched;

/* drift/watched.c: a version with its reference, in CurrentMemoryContext; false: there is no such version any more. No rights are asked for. */
extern bool mlops_watched_load(int64 model_id, int version, MlWatched *out);

/* One window of one version. */
typedef struct MlWindow
{
	int			version;
	TimestampTz start;
	bool		late;			/* rows that came after the window was published */
	bool		shadow;			/* rows of aliases in shadow */
	int64		nrows;			/* those without an answer included */
	int64		nskipped;		/* rows without an answer */
	int64		latency[MLOPS_LATENCIES];
	int			ncounts;		/* 0: the version has no reference */
	int64	   *counts;			/* by its reference */
} MlWindow;

/*
 * Where a window begins: every window is [start, start + width), counted from
 * 2000-01-01 00:00 UTC on, as date_bin(width, at, origin) has it; windows of a
 * day are days of UTC.  Infinite times stay what they are.
 */
extern TimestampTz mlops_window_start(TimestampTz at, int64 width_us);

/* drift/window_count.c */

/* What is to be counted; the row of mlops_private.monitor is locked by the caller. */
typedef struct MlCounting
{
	int64		monitor_id;
	int64		model_id;
	int64		width_us;		/* microseconds; at least a minute */
	TimestampTz published_until;	/* rows before it are late; DT_NOBEGIN: none is */
} MlCounting;

typedef struct MlCounted
{
	int64		nrows;
	int64		nlate;
	TimestampTz oldest;			/* of the rows counted; undefined if none was */
	TimestampTz newest;
} MlCounted;

/*
 * One step, in a write section: count what is new, store it and move the
 * watermark.  Takes whole transactions that are over, under a snapshot of its
 * own whatever the isolation level; rows of this transaction wait for a later
 * step.  Rows of versions that were dropped are counted nowhere.  Memory does
 * not grow with the log.  Error 55000 where the cluster's transaction numbers
 * lie behind those of the watermark, 42704 if the monitor is gone.
 */
extern void mlops_windows_advance(MlWriter *w, const MlCounting *what, MlCounted *out);

/*
 * Without a monitor, at once: the rows of a model's log in [since, until) that
 * are not in shadow, by version (0: all), all of a version in one window, which
 * starts at since (width_us 0), or in windows.  The active snapshot counts, and
 * what this transaction has logged.  The current user's rights to the log were
 * asked for.  Returns MlWindow *, by version and start, in CurrentMemoryContext.
 */
extern List *mlops_windows_of_log(int64 model_id, int version, TimestampTz since, TimestampTz until,
								  int64 width_us);

/* drift/window_store.c */

/* A vector of counts, none below zero, as bytes, and back: any bytes give counts whose sum fits, or error XX001. */
extern void mlops_vector_put(StringInfo out, const int64 *counts, int n);
extern int64 *mlops_vector_get(const void *bytes, Size len, int *n);	/* palloc'd */

/* Add a window of the same reference; error XX001 if it is not. */
extern void mlops_window_merge(MlWindow *into, const MlWindow *window);

/* Windows of a monitor in [since, until) in a write or read section, late rows apart; MlWindow *, by version, start, late, shadow, in CurrentMemoryContext. */
extern List *mlops_windows_read(MlWriter *w, int64 monitor_id, TimestampTz since, TimestampTz until);
/* Add to what is stored of the window, or store it; the monitor's row is locked. */
extern void mlops_window_add(MlWriter *w, int64 monitor_id, const MlWindow *window);
/* Forget all windows and go back to the beginning of the log. */
extern void mlops_windows_reset(MlWriter *w, int64 monitor_id);

/*
 * drift/window_source.c: the rows of a source, read as the current user outside
 * of read and write sections, counted by a version's reference; what it would
 * have answered, too.  A missing value is counted as one also where the model
 * takes none.  Error 55000 for a version without a reference.
 */
extern MlWindow *mlops_window_of_source(const MlWatched *watched, const char *source);

/* drift/window_drift.c */

/* What came of one track of a window. */
typedef struct MlTrackDrift
{
	const MlTrack *track;
	MlDrift		drift;			/* p of ks_p or chi2 */
	double		p;				/* NaN: none */
	double		p_adjusted;		/* Benjamini and Hochberg over the features of the window; of other tracks as p */
} MlTrackDrift;

/* A window against counts by the same reference; ref->ntracks results. */
extern MlTrackDrift *mlops_window_compare(const MlReference *ref, const int64 *baseline, const int64 *counts,
										  const MlDriftOptions *options);

/* The model as a whole. */
typedef struct MlModelDrift
{
	int			njudged;		/* features with enough rows */
	double		share;			/* of them in major drift; NaN: none was judged */
	MlSeverity	severity;		/* major if the share is at least the one given, warning if any track drifts */
} MlModelDrift;

#define MLOPS_DRIFT_SHARE 0.3	/* of features, by default */
extern void mlops_window_verdict(const MlReference *ref, const MlTrackDrift *results, double share,
								 MlModelDrift *out);

#endif							/* MLOPS_WINDOW_H */
