/*-------------------------------------------------------------------------
 *
 * result_store.c
 *	  Verdicts on windows, and what they rest on, as rows.
 *
 * IDENTIFICATION
 *	  src/monitor/result_store.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"

#include "mlops/jsonb_out.h"

#include "monitor_private.h"

MlSeverity
mlops_severity_by_name(const char *name)
{
	for (int i = ML_DRIFT_NONE; i <= ML_DRIFT_MAJOR; i++)
		if (strcmp(name, mlops_severity_name((MlSeverity) i)) == 0)
			return (MlSeverity) i;
	elog(ERROR, "unknown severity \"%s\"", name);
}

MlSeverity
mlops_model_severity(const char *name)
{
	MlSeverity	severity = mlops_severity_by_name(name);

	return severity == ML_DRIFT_MAJOR ? severity : ML_DRIFT_NONE;
}

/* ------------------------------------------------------------ rows */

void
mlops_verdict_store(MlWriter *w, const MlMonitor *m, const MlWindowVerdict *v)
{
	mlops_write_int8(w, m->monitor_id);
	mlops_write_int4(w, v->version);
	mlops_write_time(w, v->start);
	mlops_write_time(w, v->end);
	mlops_write_int4(w, m->revision);
	mlops_write_int8(w, v->nrows);
	mlops_write_text(w, v->status);
	mlops_write_text(w, mlops_severity_name(v->severity));
	mlops_write_number(w, v->share);
	mlops_write_jsonb(w, v->definitions);
	mlops_write_run(w, "INSERT INTO mlops_private.monitor_window (monitor_id, version, window_start,"
					" window_end, revision, rows, status, severity, share, definitions)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
}

/* The columns of results, each as an array with nulls. */
enum
{
	COL_KIND, COL_TRACK, COL_BASELINE, COL_METHOD, COL_VALUE, COL_THRESHOLD, COL_SEVERITY, COL_STATUS,
	COL_P, COL_P_ADJUSTED, COL_ROWS, COL_MISSING, COL_UNSEEN, COL_OUT_OF_RANGE, COL_DETAIL, NCOLUMNS
};

static const struct
{
	Oid			type;
	Oid			array;
	int			len;
	bool		byval;
	char		align;
}			columns[NCOLUMNS] = {
#define TEXT_COLUMN {TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT}
#define NUMBER_COLUMN {FLOAT8OID, FLOAT8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE}
	TEXT_COLUMN, TEXT_COLUMN, TEXT_COLUMN, TEXT_COLUMN, NUMBER_COLUMN, NUMBER_COLUMN, TEXT_COLUMN, TEXT_COLUMN,
	NUMBER_COLUMN, NUMBER_COLUMN, {INT8OID, INT8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},
	NUMBER_COLUMN, NUMBER_COLUMN, NUMBER_COLUMN, {JSONBOID, JSONBARRAYOID, -1, false, TYPALIGN_INT},
};

static Datum
number_of(const MlResult *r, int column)
{
	switch (column)
	{
		case COL_VALUE:
			return Float8GetDatum(r->value);
		case COL_THRESHOLD:
			return Float8GetDatum(r->threshold);
		case COL_P:
			return Float8GetDatum(r->p);
		case COL_P_ADJUSTED:
			return Float8GetDatum(r->p_adjusted);
		case COL_MISSING:
			return Float8GetDatum(r->missing);
		case COL_UNSEEN:
			return Float8GetDatum(r->unseen);
		default:
			return Float8GetDatum(r->out_of_range);
	}
}

static Datum
text_of(const MlResult *r, int column)
{
	const char *text = column == COL_KIND ? r->kind : column == COL_TRACK ? r->track :
		column == COL_BASELINE ? r->baseline : column == COL_METHOD ? r->method :
		column == COL_SEVERITY ? mlops_severity_name(r->severity) : r->status;

	return CStringGetTextDatum(text);
}

/* One column of n results. */
static Datum
column_of(int n, const MlResult *results, int column)
{
	Datum	   *values = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc0(sizeof(bool) * n);
	int			lower = 1;

	for (int i = 0; i < n; i++)
	{
		if (columns[column].type == TEXTOID)
			values[i] = text_of(&results[i], column);
		else if (column == COL_ROWS)
			values[i] = Int64GetDatum(results[i].nrows);
		else if (column == COL_DETAIL)
			values[i] = JsonbPGetDatum(results[i].detail);
		else
		{
			values[i] = number_of(&results[i], column);
			nulls[i] = isnan(DatumGetFloat8(values[i]));
		}
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, &n, &lower, columns[column].type,
											  columns[column].len, columns[column].byval,
											  columns[column].align));
}

void
mlops_results_store(MlWriter *w, const MlMonitor *m, int version, TimestampTz start, int n,
					const MlResult *results)
{
	if (n == 0)
		return;
	mlops_write_int8(w, m->monitor_id);
	mlops_write_int4(w, version);
	mlops_write_time(w, start);
	for (int i = 0; i < NCOLUMNS; i++)
		mlops_write_datum(w, columns[i].array, column_of(n, results, i));
	mlops_write_run(w, "INSERT INTO mlops_private.drift_result (monitor_id, version, window_start,"
					" kind, track, baseline, method, value, threshold, severity, status, p, p_adjusted,"
					" rows, missing, unseen, out_of_range, detail)"
					" SELECT $1, $2, $3, u.* FROM unnest($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) AS u");
}

char *
mlops_time_text(TimestampTz at)
{
	char	   *text = palloc(MAXDATELEN + 1);
	int			utc = 0;

	return JsonEncodeDateTime(text, TimestampTzGetDatum(at), TIMESTAMPTZOID, &utc);
}

/* ------------------------------------------------------------ a track's row */

static const char *
kind_name(MlTrackKind kind)
{
	return kind == ML_TRACK_FEATURE ? "feature" : kind == ML_TRACK_OUTPUT ? "output" : "joint";
}

static void
add_numbers(JsonbParseState **state, const MlDrift *d)
{
	mlops_jsonb_add_number(state, "ks_low", d->ks_low);
	mlops_jsonb_add_number(state, "ks_high", d->ks_high);
	mlops_jsonb_add_number(state, "wasserstein", d->wasserstein);
	mlops_jsonb_add_number(state, "wasserstein_scaled", d->wasserstein_scaled);
}

static Jsonb *
detail_of(const MlTrackDrift *td, const MlTrackVerdict *verdict, TimestampTz since)
{
	const MlDrift *d = &td->drift;
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (!d->no_data)
	{
		mlops_jsonb_add_number(&state, "psi", d->psi);
		mlops_jsonb_add_number(&state, "psi_no_missing", d->psi_no_missing);
		mlops_jsonb_add_number(&state, "noise", d->noise);
		mlops_jsonb_add_number(&state, "js_distance", d->distances.js);
		mlops_jsonb_add_number(&state, "hellinger", d->distances.hellinger);
		mlops_jsonb_add_number(&state, "tvd", d->distances.tvd);
		mlops_jsonb_add_number(&state, "l_infinity", d->distances.l_infinity);
		if (td->track->profile->kind == ML_PROFILE_NUMBER)
			add_numbers(&state, d);
		else
		{
			mlops_jsonb_add_number(&state, "chi2", d->chi2.statistic);
			mlops_jsonb_add_integer(&state, "df", d->chi2.df);
		}
		mlops_jsonb_add_integer(&state, "baseline_rows", d->nref);
		mlops_jsonb_add_number(&state, "baseline_missing", d->missing_ref);
		mlops_jsonb_add_number(&state, "missing_p", d->missing_p);
	}
	if (verdict)
		mlops_jsonb_add_string(&state, "missing_severity", mlops_severity_name(verdict->missing));
	if (since != 0)
		mlops_jsonb_add_string(&state, "since", mlops_time_text(since));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

void
mlops_result_of_track(const MlTrackDrift *td, const MlTrackVerdict *verdict, const char *name,
					  const char *baseline, const MlThresholds *t, TimestampTz since, MlResult *out)
{
	MlTrackVerdict own;

	mlops_judge_track(t, td, &own);
	out->kind = kind_name(td->track->kind);
	out->track = name;
	out->baseline = baseline;
	out->method = own.method;
	out->value = own.value;
	out->threshold = own.threshold;
	out->severity = own.drift;
	out->status = own.status;
	out->p = td->p;
	out->p_adjusted = td->p_adjusted;
	out->nrows = td->drift.ncur;
	out->missing = td->drift.missing_cur;
	out->unseen = td->drift.unseen;
	out->out_of_range = td->drift.out_of_range;
	out->detail = detail_of(td, verdict, since);
}
