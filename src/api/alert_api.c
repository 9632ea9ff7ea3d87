/*-------------------------------------------------------------------------
 *
 * alert_api.c
 *	  SQL: acknowledge_alert, close_alert, silence_alerts, unsilence_alerts,
 *	  raise_alert, clear_alert.
 *
 * IDENTIFICATION
 *	  src/api/alert_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/alert.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_acknowledge_alert);
PG_FUNCTION_INFO_V1(mlops_close_alert);
PG_FUNCTION_INFO_V1(mlops_silence_alerts);
PG_FUNCTION_INFO_V1(mlops_unsilence_alerts);
PG_FUNCTION_INFO_V1(mlops_raise_alert);
PG_FUNCTION_INFO_V1(mlops_clear_alert);

#define MAX_SUBJECT 500			/* bytes: a column with its table and schema has fewer */

/* Empty is SQL's NULL. */
static void
set_text(Datum *values, bool *nulls, int i, const char *text)
{
	nulls[i] = text == NULL || text[0] == '\0';
	values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(text);
}

typedef void (*Act) (int64 alert_id, const char *note, MlAlertRow *out);

static Datum
act(FunctionCallInfo fcinfo, Act do_it)
{
	MlAlertRow	alert;
	Datum		values[7];
	bool		nulls[7] = {0};

	mlops_arg_require(fcinfo, 0, "alert");
	do_it(PG_GETARG_INT64(0), mlops_arg_remark(fcinfo, 1, "note"), &alert);
	values[0] = Int64GetDatum(alert.alert_id);
	set_text(values, nulls, 1, alert.model);
	values[2] = Int32GetDatum(alert.version);
	nulls[2] = alert.version == 0;
	set_text(values, nulls, 3, alert.kind);
	set_text(values, nulls, 4, alert.subject);
	set_text(values, nulls, 5, alert.state);
	values[6] = TimestampTzGetDatum(alert.at);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_acknowledge_alert(PG_FUNCTION_ARGS)
{
	return act(fcinfo, mlops_alert_acknowledge);
}

Datum
mlops_close_alert(PG_FUNCTION_ARGS)
{
	return act(fcinfo, mlops_alert_close);
}

/* Arguments 1 and 2: what kind, and of what. */
static void
read_which(FunctionCallInfo fcinfo, const char **kind, const char **subject)
{
	*kind = mlops_arg_text(fcinfo, 1);
	*subject = mlops_arg_remark(fcinfo, 2, "subject");
	if (*kind)
		mlops_alert_kind_check(*kind);
	else
		*kind = "";
	if (*subject == NULL)
		*subject = "";
	if (strlen(*subject) > MAX_SUBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("subject must have at most %d bytes", MAX_SUBJECT)));
}

Datum
mlops_silence_alerts(PG_FUNCTION_ARGS)
{
	MlSilence	silence;
	Datum		values[4];
	bool		nulls[4] = {0};

	silence.model = mlops_arg_model_name(fcinfo);
	read_which(fcinfo, &silence.kind, &silence.subject);
	mlops_arg_require(fcinfo, 3, "until");
	silence.until = PG_GETARG_TIMESTAMPTZ(3);
	silence.note = mlops_arg_remark(fcinfo, 4, "note");
	mlops_alerts_silence(&silence);
	set_text(values, nulls, 0, silence.model);
	set_text(values, nulls, 1, silence.kind);
	set_text(values, nulls, 2, silence.subject);
	values[3] = TimestampTzGetDatum(silence.until);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_unsilence_alerts(PG_FUNCTION_ARGS)
{
	const char *model = mlops_arg_model_name(fcinfo);
	const char *kind;
	const char *subject;
	Datum		values[4];
	bool		nulls[4] = {0};

	read_which(fcinfo, &kind, &subject);
	values[3] = Int64GetDatum(mlops_alerts_unsilence(model, kind, subject));
	set_text(values, nulls, 0, model);
	set_text(values, nulls, 1, kind);
	set_text(values, nulls, 2, subject);
	return mlops_result_row(fcinfo, values, nulls);
}

/* What a rule of the caller's is about. */
static char *
read_subject(FunctionCallInfo fcinfo)
{
	char	   *subject = mlops_arg_remark(fcinfo, 1, "subject");

	mlops_arg_require(fcinfo, 1, "subject");
	if (subject[0] == '\0' || strlen(subject) > 200)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("subject must have from 1 to 200 bytes")));
	return subject;
}

static double
read_number(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NAN : PG_GETARG_FLOAT8(arg);
}

Datum
mlops_raise_alert(PG_FUNCTION_ARGS)
{
	const char *model = mlops_arg_model_name(fcinfo);
	const char *subject = read_subject(fcinfo);
	const char *severity = mlops_arg_required(fcinfo, 2, "severity");
	MlAlertFacts facts = {ML_DRIFT_WARNING, NULL, read_number(fcinfo, 3), read_number(fcinfo, 4), 0, 0};
	Datum		values[5];
	bool		nulls[5] = {0};

	if (strcmp(severity, "major") == 0)
		facts.severity = ML_DRIFT_MAJOR;
	else if (strcmp(severity, "warning") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("severity must be warning or major")));
	values[4] = BoolGetDatum(mlops_alert_raise_custom(model, subject, &facts));
	set_text(values, nulls, 0, model);
	set_text(values, nulls, 1, "custom");
	set_text(values, nulls, 2, subject);
	set_text(values, nulls, 3, severity);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_clear_alert(PG_FUNCTION_ARGS)
{
	const char *model = mlops_arg_model_name(fcinfo);
	const char *subject = read_subject(fcinfo);
	Datum		values[4];
	bool		nulls[4] = {0};

	values[3] = BoolGetDatum(mlops_alert_clear_custom(model, subject));
	set_text(values, nulls, 0, model);
	set_text(values, nulls, 1, "custom");
	set_text(values, nulls, 2, subject);
	return mlops_result_row(fcinfo, values, nulls);
}
