/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  A version while its windows are judged: its reference, and how the
 *	  windows before were judged.
 *
 * Nothing but what is stored is needed to go on, so a run can end after any
 * window.
 *
 * IDENTIFICATION
 *	  src/monitor/watch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "monitor_private.h"

/* Windows of too few rows that are put together at most. */
#define MAX_PENDING	1000

typedef struct NamedTrack
{
	const char *name;
	int			track;
} NamedTrack;

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const NamedTrack *) a)->name, ((const NamedTrack *) b)->name);
}

bool
mlops_version_retired(MlWriter *w, int64 model_id, int version)
{
	mlops_write_int8(w, model_id);
	mlops_write_int4(w, version);
	return mlops_write_run(w, "SELECT 1 FROM mlops_private.alias_event WHERE model_id = $1 AND version = $2"
						   " AND NOT EXISTS (SELECT 1 FROM mlops_private.alias"
						   " WHERE model_id = $1 AND version = $2) LIMIT 1") > 0;
}

/* Importance by what the model itself says of it: trees do. */
static double *
importance_of(const MlModel *model)
{
	double	   *importance;

	if (model->algo->train_trees == NULL)
		return NULL;
	importance = palloc(sizeof(double) * Max(model->sig->nfeatures, 1));
	mlops_ensemble_importance(model->body, model->sig, ML_IMPORTANCE_GAIN, importance);
	return importance;
}

static NamedTrack *
index_names(const MlWatch *watch)
{
	int			n = watch->watched.reference->ntracks;
	NamedTrack *index = palloc(sizeof(NamedTrack) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		index[i].name = watch->names[i];
		index[i].track = i;
	}
	qsort(index, n, sizeof(NamedTrack), compare_names);
	return index;
}

/* The number of a track, -1: there is none of the name. */
static int
find_track(const MlWatch *watch, const NamedTrack *index, const char *name)
{
	NamedTrack	key = {name, 0};
	const NamedTrack *found = bsearch(&key, index, watch->watched.reference->ntracks, sizeof(NamedTrack),
									  compare_names);

	return found ? found->track : -1;
}

/* How the last judged windows were judged, oldest first. */
static void
restore_streaks(MlWriter *w, const MlMonitor *m, MlWatch *watch, TimestampTz before, const NamedTrack *index)
{
	uint64		n;

	mlops_write_int8(w, m->monitor_id);
	mlops_write_int4(w, watch->watched.version);
	mlops_write_time(w, before);
	mlops_write_int4(w, Max(Max(m->thresholds.raise_after, m->thresholds.clear_after), 2));
	n = mlops_write_run(w, "SELECT d.kind, d.track, d.severity, coalesce(d.detail ->> 'missing_severity', 'none')"
						"  FROM (SELECT window_start FROM mlops_private.monitor_window"
						"         WHERE monitor_id = $1 AND version = $2 AND window_start < $3 AND status IN ('ok', 'no_reference')"
						"         ORDER BY window_start DESC LIMIT $4) o"
						"  JOIN mlops_private.drift_result d"
						"    ON d.monitor_id = $1 AND d.version = $2 AND d.window_start = o.window_start"
						" WHERE d.baseline <> 'previous' AND d.kind <> 'performance' AND d.status = 'ok'"
						" ORDER BY o.window_start");
	for (uint64 i = 0; i < n; i++)
	{
		char	   *kind = mlops_write_string(w, i, 1);
		MlSeverity	severity = mlops_severity_by_name(mlops_write_string(w, i, 3));
		int			track;

		if (strcmp(kind, "errors") == 0)
			mlops_streak_add(&watch->errors, severity);
		else if (strcmp(kind, "latency") == 0)
			mlops_streak_add(&watch->latency, severity);
		else if (index && (track = find_track(watch, index, mlops_write_string(w, i, 2))) >= 0)
		{
			mlops_streak_add(&watch->drift[track], severity);
			mlops_streak_add(&watch->missing[track],
							 mlops_severity_by_name(mlops_write_string(w, i, 4)));
		}
	}
	mlops_write_int8(w, m->monitor_id);
	mlops_write_int4(w, watch->watched.version);
	mlops_write_time(w, before);
	mlops_write_int4(w, Max(Max(m->thresholds.raise_after, m->thresholds.clear_after), 2));
	n = mlops_write_run(w, "SELECT severity FROM mlops_private.monitor_window"
						" WHERE monitor_id = $1 AND version = $2 AND window_start < $3 AND status = 'ok'"
						" ORDER BY window_start DESC LIMIT $4");
	while (n-- > 0)
		mlops_streak_add(&watch->model, mlops_model_severity(mlops_write_string(w, n, 1)));
}

/* Which alerts are open. */
static void
restore_alerts(MlWriter *w, const MlMonitor *m, MlWatch *watch, const NamedTrack *index)
{
	uint64		n;

	mlops_write_int8(w, m->model_id);
	mlops_write_int4(w, watch->watched.version);
	n = mlops_write_run(w, "SELECT kind, subject FROM mlops_private.alert"
						" WHERE model_id = $1 AND version = $2 AND state IN ('open', 'acknowledged')");
	for (uint64 i = 0; i < n; i++)
	{
		char	   *kind = mlops_write_string(w, i, 1);
		int			track = index ? find_track(watch, index, mlops_write_string(w, i, 2)) : -1;

		if (strcmp(kind, "model_drift") == 0)
			watch->model.is_open = true;
		else if (strcmp(kind, "errors") == 0)
			watch->errors.is_open = true;
		else if (strcmp(kind, "latency") == 0)
			watch->latency.is_open = true;
		else if (track >= 0 && strcmp(kind, "missing_values") == 0)
			watch->missing[track].is_open = true;
		else if (track >= 0 && (strcmp(kind, "drift") == 0 || strcmp(kind, "output_drift") == 0 ||
								strcmp(kind, "joint_drift") == 0))
			watch->drift[track].is_open = true;
	}
}

/* The version's window that starts there, of rows that came in time; NULL: there is none. */
static MlWindow *
find_window(List *windows, int version, TimestampTz start)
{
	ListCell   *lc;

	foreach(lc, windows)
	{
		MlWindow   *window = lfirst(lc);

		if (window->version == version && window->start == start && !window->late && !window->shadow)
			return window;
	}
	return NULL;
}

static void
restore_previous(MlWriter *w, const MlMonitor *m, MlWatch *watch, TimestampTz before)
{
	TimestampTz start;

	mlops_write_int8(w, m->monitor_id);
	mlops_write_int4(w, watch->watched.version);
	mlops_write_time(w, before);
	if (mlops_write_run(w, "SELECT window_start FROM mlops_private.log_window"
						" WHERE monitor_id = $1 AND version = $2 AND window_start < $3 AND NOT late AND NOT shadow"
						" ORDER BY window_start DESC LIMIT 1") == 0)
		return;
	start = DatumGetTimestampTz(mlops_write_result(0, 1));
	watch->previous = find_window(mlops_windows_read(w, m->monitor_id, start, start + 1),
								  watch->watched.version, start);
}

/* Windows of too few rows since the last that were enough. */
static void
restore_pending(MlWriter *w, const MlMonitor *m, MlWatch *watch, TimestampTz before)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops windows too small",
												  ALLOCSET_DEFAULT_SIZES);
	TimestampTz *starts;
	uint64		n;

	mlops_write_int8(w, m->monitor_id);
	mlops_write_int4(w, watch->watched.version);
	mlops_write_time(w, before);
	mlops_write_int4(w, MAX_PENDING);
	n = mlops_write_run(w, "SELECT window_start FROM mlops_private.monitor_window o"
						" WHERE monitor_id = $1 AND version = $2 AND window_start < $3 AND status = 'low_n'"
						"   AND window_start > coalesce((SELECT max(i.window_start) FROM mlops_private.monitor_window i"
						"        WHERE i.monitor_id = $1 AND i.version = $2 AND i.window_start < $3 AND i.status = 'ok'), '-infinity')"
						" ORDER BY window_start DESC LIMIT $4");
	starts = palloc(sizeof(TimestampTz) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
		starts[i] = DatumGetTimestampTz(mlops_write_result(i, 1));
	while (n-- > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		MlWindow   *window = find_window(mlops_windows_read(w, m->monitor_id, starts[n], starts[n] + 1),
										 watch->watched.version, starts[n]);

		CHECK_FOR_INTERRUPTS();
		SPI_freetuptable(SPI_tuptable);
		if (window)
			mlops_watch_pend(watch, window);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	pfree(starts);
}

static MlWindow *
copy_window(const MlWindow *window)
{
	MlWindow   *copy = palloc(sizeof(MlWindow));

	*copy = *window;
	copy->counts = palloc(sizeof(int64) * Max(window->ncounts, 1));
	memcpy(copy->counts, window->counts, sizeof(int64) * window->ncounts);
	return copy;
}

void
mlops_watch_pend(MlWatch *watch, const MlWindow *window)
{
	MemoryContext old;

	if (watch->npending >= MAX_PENDING)
		mlops_watch_unpend(watch);
	if (watch->pending == NULL)
	{
		old = MemoryContextSwitchTo(watch->context);
		watch->pending = copy_window(window);
		MemoryContextSwitchTo(old);
		watch->pending_start = window->start;
	}
	else
		mlops_window_merge(watch->pending, window);
	watch->npending++;
}

void
mlops_watch_unpend(MlWatch *watch)
{
	if (watch->pending)
	{
		pfree(watch->pending->counts);
		pfree(watch->pending);
	}
	watch->pending = NULL;
	watch->npending = 0;
}

void
mlops_watch_passed(MlWatch *watch, const MlWindow *window)
{
	MemoryContext old = MemoryContextSwitchTo(watch->context);

	if (watch->previous)
	{
		pfree(watch->previous->counts);
		pfree(watch->previous);
	}
	watch->previous = copy_window(window);
	MemoryContextSwitchTo(old);
}

MlWatch *
mlops_watch_begin(MlWriter *w, const MlMonitor *m, int version, TimestampTz before)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops watched version",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlWatch    *watch = palloc0(sizeof(MlWatch));
	const MlReference *ref;
	NamedTrack *index = NULL;

	watch->context = context;
	watch->watched.version = version;
	if (!mlops_watched_load(m->model_id, version, &watch->watched))
		watch->watched.reference = NULL;
	ref = watch->watched.reference;
	watch->retired = mlops_version_retired(w, m->model_id, version);
	if (ref)
	{
		watch->training = mlops_reference_counts(ref);
		watch->importance = importance_of(watch->watched.model);
		watch->names = palloc(sizeof(char *) * Max(ref->ntracks, 1));
		for (int i = 0; i < ref->ntracks; i++)
			watch->names[i] = mlops_track_name(&ref->tracks[i], watch->watched.model->sig);
		watch->drift = palloc0(sizeof(MlStreak) * Max(ref->ntracks, 1));
		watch->missing = palloc0(sizeof(MlStreak) * Max(ref->ntracks, 1));
		index = index_names(watch);
		restore_previous(w, m, watch, before);
		restore_pending(w, m, watch, before);
	}
	restore_streaks(w, m, watch, before, index);
	restore_alerts(w, m, watch, index);
	MemoryContextSwitchTo(old);
	return watch;
}
