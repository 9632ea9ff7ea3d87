/*-------------------------------------------------------------------------
 *
 * performance_rule.c
 *	  What metrics must not fall below or rise above, where outcomes are known.
 *
 * A window is judged once, when it was published and the time that outcomes
 * take has passed.  Where it has too few of them, those of the windows before
 * count, too, back to the last that was judged.
 *
 * Of a segment the worst part is what is judged; which part that is, is not
 * stored, because it is a value of a row.
 *
 * IDENTIFICATION
 *	  src/monitor/performance_rule.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "mlops/jsonb_out.h"
#include "mlops/performance.h"

#include "monitor_private.h"

#define STEP_WINDOWS	50		/* judged in one transaction */
#define MAX_BACK		30		/* windows that are looked at together */

/* A metric that has bounds. */
typedef struct Bound
{
	char	   *metric;
	double		min;			/* NaN: none */
	double		max;
} Bound;

typedef struct Judging
{
	MlWriter   *w;
	const MlMonitor *m;
	MlMonitorRun *run;
	List	   *bounds;			/* Bound * */
	int			version;
	const MlSignature *sig;		/* NULL: the version is gone */
	bool		retired;
	TimestampTz start;			/* of the window */
	TimestampTz since;			/* of what is looked at */
	TimestampTz end;
	MlResult   *results;
	int			nresults;
} Judging;

static double
bound_of(const JsonbValue *bounds, const char *key)
{
	JsonbValue	v;

	if (getKeyJsonValueFromContainer(bounds->val.binary.data, key, strlen(key), &v) == NULL)
		return NAN;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v.val.numeric)));
}

static List *
read_bounds(Jsonb *performance)
{
	JsonbIterator *it = JsonbIteratorInit(&performance->root);
	JsonbIteratorToken token;
	JsonbValue	v;
	List	   *list = NIL;
	Bound	   *bound = NULL;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			bound = palloc0(sizeof(Bound));
			bound->metric = pnstrdup(v.val.string.val, v.val.string.len);
		}
		else if (token == WJB_VALUE)
		{
			bound->min = bound_of(&v, "min");
			bound->max = bound_of(&v, "max");
			list = lappend(list, bound);
		}
	}
	return list;
}

/* By how much it is out of bounds, beyond 0; NaN for NaN. */
static double
excess(const Bound *bound, double value)
{
	double		low = isnan(bound->min) ? -INFINITY : bound->min - value;
	double		high = isnan(bound->max) ? -INFINITY : value - bound->max;

	return isnan(value) ? NAN : Max(low, high);
}

static List *
measure(const Judging *j, const char *segment)
{
	MlPerformanceQuery query;

	memset(&query, 0, sizeof(query));
	query.model_id = j->m->model_id;
	query.since = j->since;
	query.until = j->end;
	query.segment = segment;
	query.version = j->version;
	return mlops_performance(&query);
}

/* Rows with an outcome. */
static int64
known_rows(const Judging *j, List *measured)
{
	int64		n = 0;
	ListCell   *lc;
	ListCell   *lb;

	foreach(lc, measured)
	{
		const MlPerformance *p = lfirst(lc);

		foreach(lb, j->bounds)
			if (!p->estimated && !p->has_segment && strcmp(p->metric, ((Bound *) lfirst(lb))->metric) == 0)
				n = Max(n, p->nrows);
	}
	return n;
}

/* The worst of those that have rows enough; NULL: there is none.  *most: rows of the largest. */
static const MlPerformance *
find_worst(const Judging *j, List *measured, const Bound *bound, bool of_segments, int64 *most)
{
	const MlPerformance *worst = NULL;
	ListCell   *lc;

	*most = 0;
	foreach(lc, measured)
	{
		const MlPerformance *p = lfirst(lc);

		if (p->estimated || strcmp(p->metric, bound->metric) != 0 || isnan(p->value) ||
			(p->has_segment && !of_segments))
			continue;
		*most = Max(*most, p->nrows);
		if (p->nrows < j->m->thresholds.performance_rows)
			continue;
		if (worst == NULL || excess(bound, p->value) > excess(bound, worst->value))
			worst = p;
	}
	return worst;
}

/* As the windows before were judged, and this one. */
static void
settle(Judging *j, const MlResult *r)
{
	const MlThresholds *t = &j->m->thresholds;
	MlStreak	streak = {0};
	MlAlertCase what = {"performance", r->track, r->method, r->value, r->threshold, j->since, j->end};
	uint64		n;

	mlops_write_int8(j->w, j->m->monitor_id);
	mlops_write_int4(j->w, j->version);
	mlops_write_time(j->w, j->start);
	mlops_write_text(j->w, r->track);
	mlops_write_int4(j->w, Max(Max(t->raise_after, t->clear_after), 2));
	n = mlops_write_run(j->w, "SELECT severity FROM mlops_private.drift_result"
						" WHERE monitor_id = $1 AND version = $2 AND window_start < $3 AND kind = 'performance'"
						"   AND track = $4 AND status = 'ok'"
						" ORDER BY window_start DESC LIMIT $5");
	while (n-- > 0)
		mlops_streak_add(&streak, mlops_severity_by_name(mlops_write_string(j->w, n, 1)));
	mlops_streak_add(&streak, r->severity);
	streak.is_open = true;		/* it may be */
	mlops_streak_settle(j->w, j->m, j->version, j->retired, &streak, &what, j->run);
}

static void
judge_bound(Judging *j, List *measured, const Bound *bound, const char *segment)
{
	MlResult   *r = &j->results[j->nresults++];
	int64		most;
	const MlPerformance *worst = find_worst(j, measured, bound, segment != NULL, &most);
	double		over = worst ? excess(bound, worst->value) : NAN;
	JsonbParseState *state = NULL;

	memset(r, 0, sizeof(*r));
	r->kind = "performance";
	r->track = segment ? psprintf("%s by %s", bound->metric, segment) : bound->metric;
	r->baseline = "rule";
	r->method = bound->metric;
	r->value = worst ? worst->value : NAN;
	r->threshold = !isnan(bound->min) && (isnan(bound->max) || !worst || worst->value < bound->min) ?
		bound->min : bound->max;
	r->severity = over > 0 ? ML_DRIFT_MAJOR : ML_DRIFT_NONE;
	r->status = worst ? "ok" : most > 0 ? "low_n" : "no_data";
	r->p = r->p_adjusted = r->missing = r->unseen = r->out_of_range = NAN;
	r->nrows = worst ? worst->nrows : most;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "since", mlops_time_text(j->since));
	r->detail = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	if (worst)
		settle(j, r);
}

/* Back to where the last judged window ended, but not for ever. */
static TimestampTz
look_back(const Judging *j)
{
	TimestampTz since;

	mlops_write_int8(j->w, j->m->monitor_id);
	mlops_write_int4(j->w, j->version);
	mlops_write_time(j->w, j->start);
	mlops_write_run(j->w, "SELECT coalesce((SELECT max(o.window_end) FROM mlops_private.monitor_window o"
					"   JOIN mlops_private.drift_result d USING (monitor_id, version, window_start)"
					"  WHERE o.monitor_id = $1 AND o.version = $2 AND o.window_start < $3"
					"    AND d.kind = 'performance' AND d.status = 'ok'),"
					" (SELECT min(window_start) FROM mlops_private.monitor_window"
					"   WHERE monitor_id = $1 AND version = $2))");
	since = DatumGetTimestampTz(mlops_write_result(0, 1));
	return Max(since, j->start - MAX_BACK * j->m->width_us);
}

static bool
has_segment(const MlSignature *sig, const char *name)
{
	if (strcmp(name, MLOPS_SEGMENT_VARIANT) == 0)
		return true;
	for (int i = 0; sig && i < sig->nfeatures; i++)
		if (strcmp(sig->features[i].name, name) == 0 &&
			(sig->features[i].type == ML_COLUMN_TEXT || sig->features[i].type == ML_COLUMN_BOOL))
			return true;
	return false;
}

/* One version in one window. */
static void
judge_version(Judging *j)
{
	List	   *measured;
	ListCell   *lb;
	ListCell   *ls;

	j->since = j->start;
	j->nresults = 0;
	j->results = palloc(sizeof(MlResult) * list_length(j->bounds) * (1 + list_length(j->m->segments)));
	measured = measure(j, NULL);
	if (known_rows(j, measured) < j->m->thresholds.performance_rows)
	{
		j->since = look_back(j);
		if (j->since < j->start)
			measured = measure(j, NULL);
	}
	foreach(lb, j->bounds)
		judge_bound(j, measured, lfirst(lb), NULL);
	foreach(ls, j->m->segments)
	{
		const char *segment = lfirst(ls);

		if (!has_segment(j->sig, segment))
			continue;
		measured = measure(j, segment);
		foreach(lb, j->bounds)
			judge_bound(j, measured, lfirst(lb), segment);
	}
	mlops_results_store(j->w, j->m, j->version, j->start, j->nresults, j->results);
}

/* All versions that have a verdict on the window. */
static void
judge_window(Judging *j)
{
	int		   *versions;
	uint64		n;

	mlops_write_int8(j->w, j->m->monitor_id);
	mlops_write_time(j->w, j->start);
	n = mlops_write_run(j->w, "SELECT version FROM mlops_private.monitor_window o"
						" WHERE monitor_id = $1 AND window_start = $2"
						"   AND NOT EXISTS (SELECT 1 FROM mlops_private.drift_result d WHERE d.monitor_id = $1"
						"        AND d.version = o.version AND d.window_start = $2 AND d.kind = 'performance')"
						" ORDER BY version");
	versions = palloc(sizeof(int) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
		versions[i] = DatumGetInt32(mlops_write_result(i, 1));
	for (uint64 i = 0; i < n; i++)
	{
		MlWatched	watched;

		CHECK_FOR_INTERRUPTS();
		j->version = versions[i];
		j->sig = mlops_watched_load(j->m->model_id, j->version, &watched) ? watched.model->sig : NULL;
		j->retired = mlops_version_retired(j->w, j->m->model_id, j->version);
		judge_version(j);
	}
}

bool
mlops_performance_judge(MlWriter *w, MlMonitor *m, TimestampTz horizon, MlMonitorRun *run)
{
	TimestampTz starts[STEP_WINDOWS + 1];
	MemoryContext context;
	MemoryContext old;
	uint64		n;

	horizon -= m->thresholds.performance_delay_us + m->width_us;
	if (m->thresholds.performance == NULL || horizon < MIN_TIMESTAMP)
		return false;
	mlops_write_int8(w, m->monitor_id);
	mlops_write_time(w, m->performance_until);
	mlops_write_time(w, horizon);
	mlops_write_int4(w, STEP_WINDOWS + 1);
	n = mlops_write_run(w, "SELECT DISTINCT window_start FROM mlops_private.monitor_window"
						" WHERE monitor_id = $1 AND window_start >= $2 AND window_start <= $3"
						" ORDER BY window_start LIMIT $4");
	for (uint64 i = 0; i < n; i++)
		starts[i] = DatumGetTimestampTz(mlops_write_result(i, 1));
	context = AllocSetContextCreate(CurrentMemoryContext, "mlops performance of windows",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < Min(n, STEP_WINDOWS); i++)
	{
		Judging		j = {w, m, run, read_bounds(m->thresholds.performance), 0, NULL, false,
		starts[i], starts[i], starts[i] + m->width_us, NULL, 0};

		judge_window(&j);
		m->performance_until = j.end;
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return n > STEP_WINDOWS;
}
