/*-------------------------------------------------------------------------
 *
 * monitor_set.c
 *	  Monitors: setting up, changing and removing them.
 *
 * What is locked, and in this order: the model's row, the monitor's, the job's.
 *
 * IDENTIFICATION
 *	  src/monitor/monitor_set.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#include "mlops/jsonb_out.h"
#include "mlops/model.h"
#include "mlops/monitor.h"
#include "mlops/performance.h"
#include "mlops/window.h"

#include "monitor_private.h"

#define MAX_SEGMENTS	16

#define MIN_WIDTH		USECS_PER_MINUTE
#define MAX_WIDTH		(366 * USECS_PER_DAY)
#define MAX_LATENESS	(366 * USECS_PER_DAY)

/* ------------------------------------------------------------ what is asked for */

/* name: one of the list */
static bool
is_named_before(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (lfirst(lc) == name)
			return false;
		if (strcmp((char *) lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

static void
check_segments(const MlMonitorWish *wish)
{
	MlModelRef	ref;
	MlResolved	resolved;
	const MlSignature *sig;
	ListCell   *lc;

	if (list_length(wish->segments) > MAX_SEGMENTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a monitor can have at most %d segments", MAX_SEGMENTS)));
	mlops_model_ref_parse(wish->model, &ref);
	mlops_registry_resolve(&ref, GetUserId(), ML_PRIVILEGE_LOGS, &resolved);
	sig = mlops_model_cache_get(resolved.artifact, CurrentMemoryContext)->sig;
	foreach(lc, wish->segments)
	{
		const char *name = lfirst(lc);
		bool		found = strcmp(name, MLOPS_SEGMENT_VARIANT) == 0;

		for (int i = 0; i < sig->nfeatures && !found; i++)
			found = (sig->features[i].type == ML_COLUMN_TEXT || sig->features[i].type == ML_COLUMN_BOOL) &&
				strcmp(sig->features[i].name, name) == 0;
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" cannot be a segment of model \"%s\"", name, wish->model),
					 errdetail("Segments are features of the champion of text or boolean type, and \"%s\".", MLOPS_SEGMENT_VARIANT)));
		if (is_named_before(wish->segments, name))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("segment \"%s\" is named twice", name)));
	}
}

void
mlops_monitor_check(const MlMonitorWish *wish)
{
	MlThresholds thresholds;

	mlops_name_check(wish->model, "a model");
	(void) mlops_registry_require(wish->model, GetUserId(), ML_PRIVILEGE_LOGS);
	if (wish->width)
		(void) mlops_interval_us(wish->width, "window", MIN_WIDTH, MAX_WIDTH);
	if (wish->lateness)
		(void) mlops_interval_us(wish->lateness, "lateness", 0, MAX_LATENESS);
	if (wish->thresholds)
		mlops_thresholds_read(wish->thresholds, &thresholds);
	if (wish->on_drift && strcmp(wish->on_drift, "alert") != 0 && strcmp(wish->on_drift, "retrain") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("on_drift must be \"alert\" or \"retrain\"")));
	if (wish->segments != NIL)
		check_segments(wish);
}

/* A tenth of the window, between a minute and an hour. */
static int64
usual_lateness(int64 width_us)
{
	return Min(Max(width_us / 10, USECS_PER_MINUTE), USECS_PER_HOUR);
}

static void
set_defaults(MlMonitor *m)
{
	m->every = palloc0(sizeof(Interval));
	m->every->time = USECS_PER_HOUR;
	m->width_us = USECS_PER_DAY;
	m->lateness_us = usual_lateness(m->width_us);
	mlops_thresholds_read(NULL, &m->thresholds);
	m->segments = NIL;
	m->on_drift = "alert";
	m->revision = 1;
}

/* ------------------------------------------------------------ as it is stored */

static Datum
interval_of(int64 us)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->day = (int32) (us / USECS_PER_DAY);
	interval->time = us % USECS_PER_DAY;
	return IntervalPGetDatum(interval);
}

static Datum
array_of(List *names)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(names), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, names)
		values[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

List *
mlops_text_list(ArrayType *array, const char *what)
{
	List	   *list = NIL;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", what)));
		list = lappend(list, TextDatumGetCString(values[i]));
	}
	return list;
}

bool
mlops_monitor_load(MlWriter *w, int64 model_id, MlMonitor *out)
{
	MemoryContext old;
	Interval   *width;
	Interval   *lateness;

	memset(out, 0, sizeof(*out));
	mlops_write_int8(w, model_id);
	if (mlops_write_run(w, "SELECT o.monitor_id, coalesce(o.job_id, 0), m.name, o.every, o.window_width, o.lateness,"
						" o.thresholds, o.segments, o.on_drift, o.revision, o.published_until,"
						" o.performance_until, o.last_row, o.created"
						" FROM mlops_private.monitor o JOIN mlops_private.model m ON m.model_id = o.model_id"
						" WHERE o.model_id = $1 FOR UPDATE OF o") == 0)
		return false;
	old = MemoryContextSwitchTo(w->caller);
	out->model_id = model_id;
	out->monitor_id = DatumGetInt64(mlops_write_result(0, 1));
	out->job_id = DatumGetInt64(mlops_write_result(0, 2));
	out->model = mlops_write_string(w, 0, 3);
	out->every = DatumGetIntervalP(datumCopy(mlops_write_result(0, 4), false, sizeof(Interval)));
	width = DatumGetIntervalP(mlops_write_result(0, 5));
	lateness = DatumGetIntervalP(mlops_write_result(0, 6));
	out->width_us = mlops_interval_us(width, "window", MIN_WIDTH, MAX_WIDTH);
	out->lateness_us = mlops_interval_us(lateness, "lateness", 0, MAX_LATENESS);
	mlops_thresholds_read(DatumGetJsonbPCopy(mlops_write_result(0, 7)), &out->thresholds);
	out->segments = mlops_text_list(DatumGetArrayTypeP(mlops_write_result(0, 8)), "segments");
	out->on_drift = mlops_write_string(w, 0, 9);
	out->revision = DatumGetInt32(mlops_write_result(0, 10));
	out->published_until = DatumGetTimestampTz(mlops_write_result(0, 11));
	out->performance_until = DatumGetTimestampTz(mlops_write_result(0, 12));
	out->last_row = DatumGetTimestampTz(mlops_write_result(0, 13));
	out->created = DatumGetTimestampTz(mlops_write_result(0, 14));
	MemoryContextSwitchTo(old);
	return true;
}

/* What the wish names, as it is wished; returns whether windows are cut in another way. */
static bool
apply(const MlMonitorWish *wish, bool is_new, MlMonitor *m)
{
	MlThresholds before = m->thresholds;
	int64		width_us = m->width_us;

	if (wish->every)
		m->every = wish->every;
	if (wish->width)
		m->width_us = mlops_interval_us(wish->width, "window", MIN_WIDTH, MAX_WIDTH);
	if (wish->lateness)
		m->lateness_us = mlops_interval_us(wish->lateness, "lateness", 0, MAX_LATENESS);
	else if (m->width_us != width_us)
		m->lateness_us = usual_lateness(m->width_us);
	if (wish->thresholds)
		mlops_thresholds_read(wish->thresholds, &m->thresholds);
	if (wish->has_segments)
		m->segments = wish->segments;
	if (wish->on_drift)
		m->on_drift = pstrdup(wish->on_drift);
	if (is_new)
		return false;
	if (m->width_us != width_us ||
		compareJsonbContainers(&mlops_thresholds_json(&m->thresholds)->root,
							   &mlops_thresholds_json(&before)->root) != 0)
		m->revision++;
	return m->width_us != width_us;
}

/* Forget what was counted and judged. */
static void
reset(MlWriter *w, MlMonitor *m)
{
	mlops_windows_reset(w, m->monitor_id);
	mlops_write_int8(w, m->monitor_id);
	mlops_write_run(w, "DELETE FROM mlops_private.monitor_window WHERE monitor_id = $1");
	mlops_write_int8(w, m->monitor_id);
	mlops_write_run(w, "UPDATE mlops_private.monitor SET published_until = '-infinity',"
					" performance_until = '-infinity', last_row = '-infinity' WHERE monitor_id = $1");
}

/* A rule that was not there: it does not look back beyond what outcomes may still come for. */
static void
judge_performance_from_now(MlWriter *w, MlMonitor *m)
{
	if (TIMESTAMP_IS_NOBEGIN(m->published_until))
		return;
	m->performance_until = m->published_until - m->thresholds.performance_delay_us;
	mlops_write_int8(w, m->monitor_id);
	mlops_write_time(w, m->performance_until);
	mlops_write_run(w, "UPDATE mlops_private.monitor SET performance_until = $2 WHERE monitor_id = $1");
}

static void
store(MlWriter *w, bool is_new, MlMonitor *m)
{
	uint64		n;

	mlops_write_int8(w, m->model_id);
	mlops_write_datum(w, INTERVALOID, IntervalPGetDatum(m->every));
	mlops_write_datum(w, INTERVALOID, interval_of(m->width_us));
	mlops_write_datum(w, INTERVALOID, interval_of(m->lateness_us));
	mlops_write_jsonb(w, mlops_thresholds_json(&m->thresholds));
	mlops_write_datum(w, TEXTARRAYOID, array_of(m->segments));
	mlops_write_text(w, m->on_drift);
	mlops_write_int4(w, m->revision);
	if (is_new)
	{
		mlops_write_name(w, NameStr(w->role_name));
		n = mlops_write_run(w, "INSERT INTO mlops_private.monitor (model_id, every, window_width, lateness,"
						" thresholds, segments, on_drift, revision, created_by)"
						" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
						/* the model is locked, so one that is there is younger than our snapshot: a serialization failure */
						" ON CONFLICT (model_id) DO NOTHING RETURNING monitor_id");
	}
	else
		n = mlops_write_run(w, "UPDATE mlops_private.monitor SET every = $2, window_width = $3, lateness = $4,"
						" thresholds = $5, segments = $6, on_drift = $7, revision = $8"
						" WHERE model_id = $1 RETURNING monitor_id");
	if (n == 0)
		elog(ERROR, "monitor was not stored");
	m->monitor_id = DatumGetInt64(mlops_write_result(0, 1));
}

bool
mlops_monitor_set(MlWriter *w, const MlMonitorWish *wish, MlMonitor *out)
{
	MemoryContext old;
	MlLocked	model;
	bool		is_new;
	bool		is_cut_anew;
	bool		had_performance;

	mlops_registry_lock(w, wish->model, ML_PRIVILEGE_LOGS, false, &model);
	is_new = !mlops_monitor_load(w, model.model_id, out);
	had_performance = !is_new && out->thresholds.performance != NULL;
	old = MemoryContextSwitchTo(w->caller);
	if (is_new)
		set_defaults(out);
	out->model_id = model.model_id;
	out->model = pstrdup(model.name);
	is_cut_anew = apply(wish, is_new, out);
	MemoryContextSwitchTo(old);
	/* thresholds decide when the owner of the retrain policy trains */
	if (strcmp(out->on_drift, "retrain") == 0)
		mlops_registry_lock(w, wish->model, ML_PRIVILEGE_TRAIN, false, &model);
	store(w, is_new, out);
	if (is_cut_anew)
		reset(w, out);
	else if (!is_new && !had_performance && out->thresholds.performance)
		judge_performance_from_now(w, out);
	if (!is_new)
		mlops_alerts_forget(w, out, false);
	return is_new;
}

/* ------------------------------------------------------------ the audit trail */

static Jsonb *
facts_of(const MlMonitor *m)
{
	JsonbParseState *state = NULL;
	JsonbValue	item;
	ListCell   *lc;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "window", mlops_us_text(m->width_us));
	mlops_jsonb_add_string(&state, "lateness", mlops_us_text(m->lateness_us));
	mlops_jsonb_add_jsonb(&state, "thresholds", mlops_thresholds_json(&m->thresholds));
	mlops_jsonb_add_key(&state, "segments");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, m->segments)
	{
		item.type = jbvString;
		item.val.string.val = lfirst(lc);
		item.val.string.len = strlen(lfirst(lc));
		pushJsonbValue(&state, WJB_ELEM, &item);
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	mlops_jsonb_add_string(&state, "on_drift", m->on_drift);
	mlops_jsonb_add_integer(&state, "revision", m->revision);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

void
mlops_monitor_planned(MlWriter *w, const MlMonitor *m, int64 job_id)
{
	mlops_write_int8(w, m->monitor_id);
	mlops_write_int8(w, job_id);
	mlops_write_run(w, "UPDATE mlops_private.monitor SET job_id = $2 WHERE monitor_id = $1");
	mlops_audit_add(w, "monitor.set", "model", m->model, facts_of(m));
}

void
mlops_monitor_drop(MlWriter *w, const char *name, MlMonitor *out)
{
	MlLocked	model;

	mlops_registry_lock(w, name, ML_PRIVILEGE_LOGS, false, &model);
	if (!mlops_monitor_load(w, model.model_id, out))
		mlops_monitor_deny(name);
	mlops_alerts_forget(w, out, true);
	mlops_write_int8(w, out->monitor_id);
	mlops_write_run(w, "DELETE FROM mlops_private.monitor WHERE monitor_id = $1");
	mlops_audit_add(w, "monitor.drop", "model", name, NULL);
}

void
mlops_monitor_deny(const char *model)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no monitor", model),
			 errhint("mlops.monitor() sets one up.")));
	pg_unreachable();
}
