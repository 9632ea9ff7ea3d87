/*-------------------------------------------------------------------------
 *
 * window_verdict.c
 *	  One window of one version: compared, judged, stored, acted upon.
 *
 * A window of too few rows is not judged; it is kept with those before it until
 * there are enough, and then they are judged as one, with the last of them.
 *
 * IDENTIFICATION
 *	  src/monitor/window_verdict.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "mlops/jsonb_out.h"

#include "monitor_private.h"

/* What is judged: one window, or several put together. */
typedef struct Case
{
	MlWriter   *w;
	const MlMonitor *m;
	MlWatch    *watch;
	const MlWindow *own;		/* the window itself */
	const MlWindow *judged;		/* itself, or those that were put together */
	int			nwindows;
	TimestampTz start;			/* of the first */
	TimestampTz end;
	bool		enough;
	MlMonitorRun *run;
	MlResult   *results;
	int			nresults;
} Case;

/* What the numbers mean, so that they can be read when thresholds are others. */
static Jsonb *
definitions_of(const Case *c)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "conventions", MLOPS_CONVENTIONS);
	mlops_jsonb_add_integer(&state, "bins", MLOPS_DRIFT_BINS);
	mlops_jsonb_add_integer(&state, "fine_bins", MLOPS_DRIFT_FINE);
	mlops_jsonb_add_string(&state, "window", mlops_us_text(c->m->width_us));
	mlops_jsonb_add_jsonb(&state, "thresholds", mlops_thresholds_json(&c->m->thresholds));
	mlops_jsonb_add_integer(&state, "windows", c->nwindows);
	mlops_jsonb_add_integer(&state, "rows_judged", c->enough ? c->judged->nrows : 0);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
settle(Case *c, MlStreak *streak, MlSeverity severity, const char *kind, const char *subject,
	   const char *method, double value, double threshold)
{
	MlAlertCase what = {kind, subject, method, value, threshold, c->start, c->end};

	mlops_streak_add(streak, severity);
	mlops_streak_settle(c->w, c->m, c->watch->watched.version, c->watch->retired, streak, &what, c->run);
}

/* ------------------------------------------------------------ tracks */

static const char *
alert_kind(MlTrackKind kind)
{
	return kind == ML_TRACK_FEATURE ? "drift" : kind == ML_TRACK_OUTPUT ? "output_drift" : "joint_drift";
}

static void
settle_track(Case *c, int i, const MlTrackDrift *d, const MlTrackVerdict *v)
{
	const MlThresholds *t = &c->m->thresholds;
	const MlTrack *track = d->track;
	const char *subject = track->kind == ML_TRACK_FEATURE ? c->watch->names[i] : NULL;

	if (strcmp(v->status, "ok") != 0)
		return;
	settle(c, &c->watch->drift[i], v->drift, alert_kind(track->kind), subject,
		   v->method, v->value, v->threshold);
	if (track->kind == ML_TRACK_FEATURE)
		settle(c, &c->watch->missing[i], v->missing, "missing_values", subject, "missing_share",
			   fabs(d->drift.missing_cur - d->drift.missing_ref), t->missing);
}

/* Against the training rows: the verdict. */
static MlSeverity
judge_tracks(Case *c, double *share)
{
	const MlReference *ref = c->watch->watched.reference;
	const MlThresholds *t = &c->m->thresholds;
	MlTrackDrift *d = mlops_window_compare(ref, c->watch->training, c->judged->counts, &t->drift);
	MlTrackVerdict *verdicts = palloc(sizeof(MlTrackVerdict) * Max(ref->ntracks, 1));
	MlSeverity	severity;

	for (int i = 0; i < ref->ntracks; i++)
	{
		mlops_judge_track(t, &d[i], &verdicts[i]);
		mlops_result_of_track(&d[i], &verdicts[i], c->watch->names[i], "training", t, 0,
							  &c->results[c->nresults++]);
	}
	severity = mlops_judge_model(t, ref, verdicts, c->watch->importance, share);
	if (!c->enough)
		return ML_DRIFT_NONE;
	for (int i = 0; i < ref->ntracks; i++)
		settle_track(c, i, &d[i], &verdicts[i]);
	settle(c, &c->watch->model, severity == ML_DRIFT_MAJOR ? severity : ML_DRIFT_NONE, "model_drift", NULL,
		   "share", *share, t->share);
	return severity;
}

/* Against the window before: information. */
static void
compare_previous(Case *c)
{
	const MlReference *ref = c->watch->watched.reference;
	const MlWindow *previous = c->watch->previous;
	MlTrackDrift *d;

	if (previous == NULL || previous->ncounts != c->own->ncounts)
		return;
	d = mlops_window_compare(ref, previous->counts, c->own->counts, &c->m->thresholds.drift);
	for (int i = 0; i < ref->ntracks; i++)
		mlops_result_of_track(&d[i], NULL, c->watch->names[i], "previous", &c->m->thresholds,
							  previous->start, &c->results[c->nresults++]);
}

/* ------------------------------------------------------------ rules */

static void
judge_rule(Case *c, MlStreak *streak, const char *kind, const char *method, double value, double threshold)
{
	MlResult   *r = &c->results[c->nresults++];
	MlSeverity	severity = value >= threshold ? ML_DRIFT_MAJOR : ML_DRIFT_NONE;
	JsonbParseState *state = NULL;

	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->track = psprintf("(%s)", kind);
	r->baseline = "rule";
	r->method = method;
	r->value = value;
	r->threshold = threshold;
	r->status = isnan(value) ? "no_data" : c->enough ? "ok" : "low_n";
	r->severity = c->enough ? severity : ML_DRIFT_NONE;
	r->p = r->p_adjusted = r->missing = r->unseen = r->out_of_range = NAN;
	r->nrows = c->judged->nrows;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	r->detail = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	if (c->enough && !isnan(value))
		settle(c, streak, severity, kind, NULL, method, value, threshold);
}

static void
judge_rules(Case *c)
{
	const MlThresholds *t = &c->m->thresholds;
	const MlWindow *judged = c->judged;

	if (!isnan(t->errors))
		judge_rule(c, &c->watch->errors, "errors", "share",
				   judged->nrows > 0 ? (double) judged->nskipped / (double) judged->nrows : NAN, t->errors);
	if (!isnan(t->latency_ms))
		judge_rule(c, &c->watch->latency, "latency", "p95_ms",
				   mlops_latency_quantile(judged->latency, 0.95), t->latency_ms);
}

/* ------------------------------------------------------------ the window */

/* Is it enough by itself, or with those before it?  Sets what is judged. */
static void
gather(Case *c)
{
	MlWatch    *watch = c->watch;
	int64		low_n = c->m->thresholds.drift.low_n;

	c->judged = c->own;
	c->nwindows = 1;
	c->start = c->own->start;
	c->enough = c->own->nrows >= low_n;
	if (c->enough || watch->watched.reference == NULL)
		return;
	mlops_watch_pend(watch, c->own);
	c->enough = watch->pending->nrows >= low_n;
	if (!c->enough)
		return;
	c->judged = watch->pending;
	c->nwindows = watch->npending;
	c->start = watch->pending_start;
}

void
mlops_window_publish(MlWriter *w, const MlMonitor *m, MlWatch *watch, const MlWindow *window,
					 MlMonitorRun *run)
{
	const MlReference *ref = watch->watched.reference;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops verdict",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlWindowVerdict verdict = {window->version, window->start, window->start + m->width_us,
	window->nrows, "ok", ML_DRIFT_NONE, NAN, NULL};
	Case		c = {w, m, watch, window, window, 1, window->start, verdict.end, false, run, NULL, 0};

	if (ref && window->ncounts != ref->ncounts)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("window of the prediction log is not of the version's reference")));
	gather(&c);
	c.results = palloc(sizeof(MlResult) * (2 * (ref ? ref->ntracks : 0) + 2));
	if (ref)
	{
		verdict.severity = judge_tracks(&c, &verdict.share);
		compare_previous(&c);
	}
	judge_rules(&c);
	verdict.status = ref == NULL ? "no_reference" : c.enough ? "ok" : "low_n";
	verdict.definitions = definitions_of(&c);
	mlops_verdict_store(w, m, &verdict);
	mlops_results_store(w, m, window->version, window->start, c.nresults, c.results);
	MemoryContextSwitchTo(old);
	if (c.enough)
		mlops_watch_unpend(watch);
	mlops_watch_passed(watch, window);
	MemoryContextDelete(context);
}
