/*-------------------------------------------------------------------------
 *
 * drift_api.c
 *	  SQL: drift(), which counts and compares at once.
 *
 * IDENTIFICATION
 *	  src/api/drift_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "common/int.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/window.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_drift);

enum
{
	ARG_MODEL, ARG_SINCE, ARG_UNTIL, ARG_BASELINE, ARG_VERSION, ARG_LAST, ARG_SOURCE
};

enum
{
	OUT_FEATURE, OUT_KIND, OUT_METHOD, OUT_VALUE, OUT_THRESHOLD, OUT_SEVERITY, OUT_P,
	OUT_P_ADJUSTED, OUT_KS_LOW, OUT_KS_HIGH, OUT_JS, OUT_HELLINGER, OUT_WASSERSTEIN, OUT_ROWS,
	OUT_REFERENCE_ROWS, OUT_MISSING, OUT_MISSING_REFERENCE, OUT_UNSEEN, OUT_OUT_OF_RANGE,
	OUT_LOW_N, OUT_STATUS, OUT_N
};

/* What is compared. */
typedef struct Request
{
	int64		model_id;
	MlWatched	watched;
	TimestampTz since;
	TimestampTz until;
	const char *baseline;
	const char *source;			/* NULL: the log */
} Request;

/* A result's row. */
typedef struct Row
{
	Datum		values[OUT_N];
	bool		nulls[OUT_N];
} Row;

static void
begin_row(Row *row)
{
	memset(row, 0, sizeof(*row));
	memset(row->nulls, true, sizeof(row->nulls));
}

static void
set_text(Row *row, int i, const char *text)
{
	row->nulls[i] = false;
	row->values[i] = CStringGetTextDatum(text);
}

/* No number is null. */
static void
set_number(Row *row, int i, double value)
{
	row->nulls[i] = isnan(value);
	row->values[i] = Float8GetDatum(value);
}

static void
set_count(Row *row, int i, int64 value)
{
	row->nulls[i] = false;
	row->values[i] = Int64GetDatum(value);
}

static void
put_row(FunctionCallInfo fcinfo, Row *row)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row->values, row->nulls);
}

pg_noreturn static void
refuse(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", detail)));
}

static TimestampTz
minus(TimestampTz at, const Interval *interval)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(at),
												   IntervalPGetDatum(interval)));
}

/* The span that was asked for. */
static void
read_span(FunctionCallInfo fcinfo, Request *r)
{
	TimestampTz end;

	r->since = PG_ARGISNULL(ARG_SINCE) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(ARG_SINCE);
	r->until = PG_ARGISNULL(ARG_UNTIL) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(ARG_UNTIL);
	end = r->until == DT_NOEND ? GetCurrentTransactionStartTimestamp() : r->until;
	if (!PG_ARGISNULL(ARG_LAST))
	{
		if (!PG_ARGISNULL(ARG_SINCE))
			refuse("since and last exclude one another");
		if (end == DT_NOBEGIN)
			refuse("until must be later than since");
		r->since = minus(end, PG_GETARG_INTERVAL_P(ARG_LAST));
		if (r->since >= end)
			refuse("last must be greater than zero");
	}
	if (r->since >= r->until)
		refuse("until must be later than since");
	if (r->source && (r->since != DT_NOBEGIN || r->until != DT_NOEND))
		refuse("a source has no span: since, until and last are of the prediction log");
	if (strcmp(r->baseline, "previous") != 0)
		return;
	if (r->source)
		refuse("a source has no previous span to be compared with");
	if (r->since == DT_NOBEGIN)
		refuse("baseline \"previous\" needs to know since when");
	if (r->since >= end)
		refuse("baseline \"previous\" needs a span that has begun");
}

static bool
is_source(const char *baseline)
{
	return strcmp(baseline, "training") != 0 && strcmp(baseline, "previous") != 0;
}

/* What the model says of rows that somebody made up is a prediction. */
static void
require_predict(const Request *r, const char *model)
{
	if (mlops_registry_may(r->model_id, GetUserId(), ML_PRIVILEGE_PREDICT))
		return;
	mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_PREDICT), "model", model);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to compare sources by model \"%s\"", model),
			 errdetail("It answers their rows, which needs the privilege \"%s\".",
					   mlops_privilege_name(ML_PRIVILEGE_PREDICT))));
}

static void
read_request(FunctionCallInfo fcinfo, Request *r)
{
	MlModelRef	ref;
	MlResolved	resolved;

	memset(r, 0, sizeof(*r));
	mlops_arg_model_ref(fcinfo, ARG_VERSION, &ref);
	r->baseline = mlops_arg_required(fcinfo, ARG_BASELINE, "baseline");
	r->source = mlops_arg_text(fcinfo, ARG_SOURCE);
	read_span(fcinfo, r);
	mlops_registry_resolve(&ref, GetUserId(), ML_PRIVILEGE_LOGS, &resolved);
	r->model_id = resolved.model_id;
	if (r->source || is_source(r->baseline))
		require_predict(r, ref.name);
	if (!mlops_watched_load(resolved.model_id, resolved.version, &r->watched))
		mlops_registry_deny_version(ref.name, resolved.version);
}

/* The version's logged rows of a span as one window, which can be empty. */
static MlWindow *
count_log(const Request *r, TimestampTz since, TimestampTz until)
{
	List	   *windows = mlops_windows_of_log(r->model_id, r->watched.version, since, until, 0);
	MlWindow   *empty;

	if (windows != NIL)
		return linitial(windows);
	empty = palloc0(sizeof(MlWindow));
	empty->ncounts = r->watched.reference ? r->watched.reference->ncounts : 0;
	empty->counts = palloc_extended(sizeof(int64) * Max(empty->ncounts, 1),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return empty;
}

static const int64 *
count_baseline(const Request *r)
{
	TimestampTz end = r->until == DT_NOEND ? GetCurrentTransactionStartTimestamp() : r->until;
	int64		length;
	TimestampTz before;

	if (strcmp(r->baseline, "training") == 0)
		return mlops_reference_counts(r->watched.reference);
	if (is_source(r->baseline))
		return mlops_window_of_source(&r->watched, r->baseline)->counts;
	if (pg_sub_s64_overflow(end, r->since, &length) || pg_sub_s64_overflow(r->since, length, &before))
		before = DT_NOBEGIN;
	return count_log(r, before, r->since)->counts;
}

static const char *
kind_of(const MlTrack *track)
{
	switch (track->kind)
	{
		case ML_TRACK_OUTPUT:
			return "output";
		case ML_TRACK_JOINT:
			return "joint";
		case ML_TRACK_FEATURE:
			break;
	}
	return track->profile->kind == ML_PROFILE_NUMBER ? "number" : "category";
}

static void
put_track(FunctionCallInfo fcinfo, const Request *r, const MlTrackDrift *result,
		  const MlDriftOptions *options)
{
	const MlDrift *d = &result->drift;
	Row			row;

	begin_row(&row);
	set_text(&row, OUT_FEATURE, mlops_track_name(result->track, r->watched.model->sig));
	set_text(&row, OUT_KIND, kind_of(result->track));
	set_text(&row, OUT_METHOD, "psi");
	set_number(&row, OUT_VALUE, d->psi);
	set_number(&row, OUT_THRESHOLD, d->no_data ? options->warning : Max(options->warning, d->noise));
	set_number(&row, OUT_P, result->p);
	set_number(&row, OUT_P_ADJUSTED, result->p_adjusted);
	set_number(&row, OUT_KS_LOW, d->ks_low);
	set_number(&row, OUT_KS_HIGH, d->ks_high);
	set_number(&row, OUT_JS, d->distances.js);
	set_number(&row, OUT_HELLINGER, d->distances.hellinger);
	set_number(&row, OUT_WASSERSTEIN, d->wasserstein);
	set_count(&row, OUT_ROWS, d->ncur);
	set_count(&row, OUT_REFERENCE_ROWS, d->nref);
	set_number(&row, OUT_MISSING, d->missing_cur);
	set_number(&row, OUT_MISSING_REFERENCE, d->missing_ref);
	set_number(&row, OUT_UNSEEN, d->unseen);
	set_number(&row, OUT_OUT_OF_RANGE, d->out_of_range);
	set_text(&row, OUT_STATUS, d->no_data ? "no_data" : d->low_n ? "low_n" : "ok");
	if (!d->no_data)
	{
		set_text(&row, OUT_SEVERITY, mlops_severity_name(d->severity));
		row.nulls[OUT_LOW_N] = false;
		row.values[OUT_LOW_N] = BoolGetDatum(d->low_n);
	}
	put_row(fcinfo, &row);
}

/* A feature of which nothing is known but why. */
static void
put_feature(FunctionCallInfo fcinfo, const MlFeature *feature, int64 nrows, const char *status)
{
	Row			row;

	begin_row(&row);
	set_text(&row, OUT_FEATURE, feature->name);
	set_text(&row, OUT_KIND, feature->type == ML_COLUMN_TEXT ? "category" : "number");
	set_count(&row, OUT_ROWS, nrows);
	set_text(&row, OUT_STATUS, status);
	put_row(fcinfo, &row);
}

/* Features without a track: those that are personal data, and long arrays. */
static void
put_untracked(FunctionCallInfo fcinfo, const Request *r, int64 nrows)
{
	const MlSignature *sig = r->watched.model->sig;
	const MlReference *ref = r->watched.reference;

	for (int i = 0; i < sig->nfeatures; i++)
	{
		bool		tracked = false;

		for (int t = 0; t < ref->ntracks && !tracked; t++)
			tracked = ref->tracks[t].kind == ML_TRACK_FEATURE && ref->tracks[t].feature == i;
		if (!tracked)
			put_feature(fcinfo, &sig->features[i], nrows,
						sig->features[i].type == ML_COLUMN_ARRAY ? "not_tracked" : "withheld");
	}
}

static void
put_model(FunctionCallInfo fcinfo, const Request *r, const MlWindow *current,
		  const MlTrackDrift *results, const MlDriftOptions *options)
{
	MlModelDrift verdict;
	Row			row;
	const char *status = "ok";

	mlops_window_verdict(r->watched.reference, results, MLOPS_DRIFT_SHARE, &verdict);
	if (current->nrows == 0)
		status = "no_data";
	else if (current->nrows < options->low_n)
		status = "low_n";
	begin_row(&row);
	set_text(&row, OUT_FEATURE, "(model)");
	set_text(&row, OUT_KIND, "model");
	set_text(&row, OUT_METHOD, "share");
	set_number(&row, OUT_VALUE, verdict.share);
	set_number(&row, OUT_THRESHOLD, MLOPS_DRIFT_SHARE);
	if (verdict.njudged > 0)
		set_text(&row, OUT_SEVERITY, mlops_severity_name(verdict.severity));
	set_count(&row, OUT_ROWS, current->nrows);
	if (current->nrows > 0)
	{
		set_number(&row, OUT_MISSING, (double) current->nskipped / (double) current->nrows);
		row.nulls[OUT_LOW_N] = false;
		row.values[OUT_LOW_N] = BoolGetDatum(current->nrows < options->low_n);
	}
	set_text(&row, OUT_STATUS, status);
	put_row(fcinfo, &row);
}

Datum
mlops_drift(PG_FUNCTION_ARGS)
{
	const MlDriftOptions *options = &mlops_drift_defaults;
	Request		r;
	const MlReference *ref;
	MlWindow   *current;
	MlTrackDrift *results;

	read_request(fcinfo, &r);
	ref = r.watched.reference;
	InitMaterializedSRF(fcinfo, 0);
	current = r.source ? mlops_window_of_source(&r.watched, r.source) :
		count_log(&r, r.since, r.until);
	if (ref == NULL)
	{
		for (int i = 0; i < r.watched.model->sig->nfeatures; i++)
			put_feature(fcinfo, &r.watched.model->sig->features[i], current->nrows, "no_reference");
		return (Datum) 0;
	}
	results = mlops_window_compare(ref, count_baseline(&r), current->counts, options);
	for (int i = 0; i < ref->ntracks; i++)
		put_track(fcinfo, &r, &results[i], options);
	put_untracked(fcinfo, &r, current->nrows);
	put_model(fcinfo, &r, current, results, options);
	return (Datum) 0;
}
