/*-------------------------------------------------------------------------
 *
 * monitor_run.c
 *	  One run of a monitor: count what is new, judge the windows that are over.
 *
 * A window is over when its end and the time that rows may be late have passed,
 * and no row in it waits to be counted: rows of transactions that began after one
 * that still runs are committed and visible, and yet not counted.  Windows are
 * judged in order; what is counted into one that was judged is kept apart as
 * late.
 *
 * IDENTIFICATION
 *	  src/monitor/monitor_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/log.h"

#include "monitor_private.h"

#define STEP_WINDOWS	200		/* published in one transaction */

typedef struct Run
{
	MlWriter	w;
	MlMonitor	m;
	TimestampTz now;			/* as of then */
	TimestampTz newest;			/* row that was seen, counted or not; DT_NOBEGIN: none */
	List	   *watches;		/* MlWatch * */
	MlMonitorRun *out;
} Run;

/* so that whoever drops the model waits before, not in the middle of, what it removes */
static void
lock_monitor(Run *run, const char *model, int64 model_id)
{
	mlops_write_int8(&run->w, model_id);
	if (mlops_write_run(&run->w, "SELECT 1 FROM mlops_private.model WHERE model_id = $1 FOR KEY SHARE") == 0 ||
		!mlops_monitor_load(&run->w, model_id, &run->m))
		mlops_monitor_deny(model);
}

static void
count_rows(Run *run)
{
	MlCounting	counting = {run->m.monitor_id, run->m.model_id, run->m.width_us, run->m.published_until};
	MlCounted	counted;

	memset(&counted, 0, sizeof(counted));
	mlops_windows_advance(&run->w, &counting, &counted);
	run->out->rows = counted.nrows;
	run->out->late = counted.nlate;
	run->newest = run->m.last_row;
	if (counted.nrows > 0)
		run->newest = Max(run->newest, counted.newest);
	run->m.last_row = run->newest;
}

/* Rows that were committed and are not counted: windows from there on wait for them, whatever the caller's snapshot sees. */
static TimestampTz
oldest_uncounted(Run *run)
{
	TimestampTz oldest;

	mlops_fresh_begin(&run->w);
	mlops_write_int8(&run->w, run->m.model_id);
	mlops_write_int8(&run->w, run->m.monitor_id);
	mlops_write_run(&run->w, "SELECT coalesce(min(p.happened_at), 'infinity'), coalesce(max(p.happened_at), '-infinity')"
					"  FROM mlops_private.monitor o, mlops_private.prediction p"
					" WHERE o.monitor_id = $2 AND p.model_id = $1"
					"   AND p.system = o.counted_system AND p.log_xid >= o.counted_until");
	run->newest = Max(run->newest, DatumGetTimestampTz(mlops_write_result(0, 2)));
	oldest = DatumGetTimestampTz(mlops_write_result(0, 1));
	mlops_fresh_end(&run->w);
	return oldest;
}

/* The windows to publish: their starts, in order, one more than a step takes. */
static int
find_windows(Run *run, TimestampTz until, TimestampTz *starts)
{
	uint64		n;

	if (until < MIN_TIMESTAMP + run->m.width_us)
		return 0;
	mlops_write_int8(&run->w, run->m.monitor_id);
	mlops_write_time(&run->w, run->m.published_until);
	mlops_write_time(&run->w, until - run->m.width_us);
	mlops_write_int4(&run->w, STEP_WINDOWS + 1);
	n = mlops_write_run(&run->w, "SELECT DISTINCT window_start FROM mlops_private.log_window"
						" WHERE monitor_id = $1 AND window_start >= $2 AND window_start <= $3 AND NOT late"
						" ORDER BY window_start LIMIT $4");
	for (uint64 i = 0; i < n; i++)
		starts[i] = DatumGetTimestampTz(mlops_write_result(i, 1));
	return (int) n;
}

static MlWatch *
watch_of(Run *run, int version, TimestampTz start)
{
	ListCell   *lc;
	MlWatch    *watch;

	foreach(lc, run->watches)
	{
		watch = lfirst(lc);
		if (watch->watched.version == version)
			return watch;
	}
	watch = mlops_watch_begin(&run->w, &run->m, version, start);
	run->watches = lappend(run->watches, watch);
	return watch;
}

static void
publish(Run *run, TimestampTz start)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops windows to publish",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *windows = mlops_windows_read(&run->w, run->m.monitor_id, start, start + 1);
	ListCell   *lc;

	SPI_freetuptable(SPI_tuptable);
	MemoryContextSwitchTo(old);
	foreach(lc, windows)
	{
		MlWindow   *window = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (window->late || window->shadow)
			continue;
		mlops_window_publish(&run->w, &run->m, watch_of(run, window->version, start), window, run->out);
	}
	run->m.published_until = start + run->m.width_us;
	run->out->windows++;
	MemoryContextDelete(context);
}

/* Nothing was scored for too long. */
static void
judge_silence(Run *run)
{
	MlAlertKey	key = {run->m.model_id, 0, "no_data", NULL};
	MlAlertFacts facts = {ML_DRIFT_MAJOR, "seconds", 0, 0, 0, 0};
	TimestampTz since = TIMESTAMP_IS_NOBEGIN(run->newest) ? run->m.created : run->newest;

	facts.value = (double) (run->now - since) / USECS_PER_SEC;
	facts.threshold = (double) run->m.thresholds.no_data_us / USECS_PER_SEC;
	if (run->m.thresholds.no_data_us > 0 && run->now - since >= run->m.thresholds.no_data_us)
		run->out->raised += mlops_alert_raise(&run->w, &key, &facts);
	else
		run->out->cleared += mlops_alert_clear(&run->w, &key);
}

static void
store_progress(Run *run)
{
	mlops_write_int8(&run->w, run->m.monitor_id);
	mlops_write_time(&run->w, run->m.published_until);
	mlops_write_time(&run->w, run->m.performance_until);
	mlops_write_time(&run->w, run->m.last_row);
	mlops_write_run(&run->w, "UPDATE mlops_private.monitor SET published_until = $2, performance_until = $3,"
					" last_row = $4 WHERE monitor_id = $1");
}

void
mlops_monitor_run(const char *command, const char *model, TimestampTz as_of, MlMonitorRun *out)
{
	TimestampTz starts[STEP_WINDOWS + 1];
	TimestampTz until;
	int64		model_id;
	int			n;
	Run			run;

	mlops_name_check(model, "a model");
	model_id = mlops_registry_require(model, GetUserId(), ML_PRIVILEGE_LOGS);
	mlops_log_flush();
	memset(&run, 0, sizeof(run));
	memset(out, 0, sizeof(*out));
	run.out = out;
	run.now = TIMESTAMP_IS_NOEND(as_of) ? GetCurrentTimestamp() : as_of;
	mlops_write_begin(&run.w, command);
	lock_monitor(&run, model, model_id);
	out->cleared += (int) mlops_alerts_supersede(&run.w, model_id);
	count_rows(&run);
	until = Min(run.now - run.m.lateness_us, oldest_uncounted(&run));
	n = find_windows(&run, until, starts);
	out->more = n > STEP_WINDOWS;
	for (int i = 0; i < Min(n, STEP_WINDOWS); i++)
		publish(&run, starts[i]);
	out->more |= mlops_performance_judge(&run.w, &run.m, run.now - run.m.lateness_us, out);
	judge_silence(&run);
	mlops_alerts_schema_check(&run.w, model_id, &out->raised, &out->cleared);
	store_progress(&run);
	out->published_until = run.m.published_until;
	mlops_write_end(&run.w);
}
