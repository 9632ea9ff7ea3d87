/*-------------------------------------------------------------------------
 *
 * alert_act.c
 *	  What people do about alerts: acknowledge, close, silence.
 *
 * IDENTIFICATION
 *	  src/drift/alert_act.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "mlops/alert.h"
#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

#define CUSTOM "custom"			/* somebody's own rule */

static const char *const kinds[] = {
	"drift", "output_drift", "joint_drift", "model_drift", "missing_values", "no_data",
	"performance", "latency", "errors", "schema", "job", "retraining", CUSTOM
};

void
mlops_alert_kind_check(const char *kind)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		if (strcmp(kind, kinds[i]) == 0)
			return;
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", kinds[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown kind of alert"),
			 errhint("Kinds are: %s.", list.data)));
}

/* One message for what there is not and what is nobody's business. */
static void
require_alert(const MlWriter *w, int64 alert_id, bool found, int64 model_id)
{
	char		number[32];

	if (found && mlops_registry_may(model_id, w->role, ML_PRIVILEGE_LOGS))
		return;
	snprintf(number, sizeof(number), INT64_FORMAT, alert_id);
	if (found)
		mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_LOGS), "alert", number);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("alert %s does not exist", number),
			 errhint("The view mlops.alerts lists them; the privilege \"%s\" on the model is needed.",
					 mlops_privilege_name(ML_PRIVILEGE_LOGS))));
}

/* The alert, locked. */
static void
lock_alert(MlWriter *w, int64 alert_id, MlAlertRow *out)
{
	int64		model_id;
	bool		found;

	/* who may not must not wait for the row, either */
	mlops_write_int8(w, alert_id);
	found = mlops_write_run(w, "SELECT model_id FROM mlops_private.alert WHERE alert_id = $1") > 0;
	model_id = found ? DatumGetInt64(mlops_write_result(0, 1)) : 0;
	require_alert(w, alert_id, found, model_id);
	mlops_write_int8(w, alert_id);
	found = mlops_write_run(w, "SELECT m.name, a.version, a.kind, a.subject, a.state, a.closed IS NOT NULL"
							" FROM mlops_private.alert a JOIN mlops_private.model m ON m.model_id = a.model_id"
							" WHERE a.alert_id = $1 FOR UPDATE OF a") > 0;
	mlops_fresh_begin(w);
	require_alert(w, alert_id, found, model_id);
	mlops_fresh_end(w);
	out->alert_id = alert_id;
	out->model = mlops_write_string(w, 0, 1);
	out->version = DatumGetInt32(mlops_write_result(0, 2));
	out->kind = mlops_write_string(w, 0, 3);
	out->subject = mlops_write_string(w, 0, 4);
	out->state = mlops_write_string(w, 0, 5);
	if (DatumGetBool(mlops_write_result(0, 6)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("alert " INT64_FORMAT " is %s", alert_id, out->state)));
}

static void
add_string(JsonbParseState **state, const char *key, const char *value)
{
	if (value && value[0] != '\0')
		mlops_jsonb_add_string(state, key, value);
}

static void
audit_alert(MlWriter *w, const char *action, const MlAlertRow *alert, const char *note)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "alert", alert->alert_id);
	if (alert->version > 0)
		mlops_jsonb_add_integer(&state, "version", alert->version);
	add_string(&state, "kind", alert->kind);
	add_string(&state, "subject", alert->subject);
	add_string(&state, "note", note);
	mlops_audit_add(w, action, "model", alert->model,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* sql: $1 the alert, $2 who, $3 note; returns the new state and the time. */
static void
act(const char *command, const char *action, const char *sql, int64 alert_id, const char *note,
	MlAlertRow *out)
{
	MlWriter	w;

	mlops_write_begin(&w, command);
	lock_alert(&w, alert_id, out);
	mlops_write_int8(&w, alert_id);
	mlops_write_name(&w, NameStr(w.role_name));
	mlops_write_text(&w, note);
	mlops_write_run(&w, sql);
	out->state = mlops_write_string(&w, 0, 1);
	out->at = DatumGetTimestampTz(mlops_write_result(0, 2));
	audit_alert(&w, action, out, note);
	mlops_write_end(&w);
}

void
mlops_alert_acknowledge(int64 alert_id, const char *note, MlAlertRow *out)
{
	act("mlops.acknowledge_alert()", "alert.acknowledge",
		"UPDATE mlops_private.alert SET state = 'acknowledged', acknowledged = clock_timestamp(),"
		" acknowledged_by = $2, note = coalesce($3, note) WHERE alert_id = $1"
		" RETURNING state, acknowledged", alert_id, note, out);
}

void
mlops_alert_close(int64 alert_id, const char *note, MlAlertRow *out)
{
	act("mlops.close_alert()", "alert.close",
		"UPDATE mlops_private.alert SET state = 'closed', closed = clock_timestamp(),"
		" acknowledged = coalesce(acknowledged, clock_timestamp()),"
		" acknowledged_by = coalesce(acknowledged_by, $2), note = coalesce($3, note) WHERE alert_id = $1"
		" RETURNING state, closed", alert_id, note, out);
}

bool
mlops_alert_raise_custom(const char *model, const char *subject, const MlAlertFacts *facts)
{
	MlAlertKey	key = {0, 0, CUSTOM, subject};
	MlWriter	w;
	bool		is_new;

	mlops_write_begin(&w, "mlops.raise_alert()");
	key.model_id = mlops_registry_require(model, w.role, ML_PRIVILEGE_LOGS);
	is_new = mlops_alert_raise(&w, &key, facts);
	mlops_write_end(&w);
	return is_new;
}

bool
mlops_alert_clear_custom(const char *model, const char *subject)
{
	MlAlertKey	key = {0, 0, CUSTOM, subject};
	MlWriter	w;
	bool		was_open;

	mlops_write_begin(&w, "mlops.clear_alert()");
	key.model_id = mlops_registry_require(model, w.role, ML_PRIVILEGE_LOGS);
	was_open = mlops_alert_clear(&w, &key);
	mlops_write_end(&w);
	return was_open;
}

static void
audit_silence(MlWriter *w, const char *action, const MlSilence *silence)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	add_string(&state, "kind", silence->kind);
	add_string(&state, "subject", silence->subject);
	if (silence->until != 0)
		add_string(&state, "until", timestamptz_to_str(silence->until));
	add_string(&state, "note", silence->note);
	mlops_audit_add(w, action, "model", silence->model,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

void
mlops_alerts_silence(const MlSilence *silence)
{
	MlWriter	w;
	MlLocked	model;

	mlops_write_begin(&w, "mlops.silence_alerts()");
	mlops_registry_lock(&w, silence->model, ML_PRIVILEGE_LOGS, false, &model);
	if (silence->until <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("until must be in the future")));
	mlops_write_int8(&w, model.model_id);
	mlops_write_text(&w, silence->kind);
	mlops_write_text(&w, silence->subject);
	mlops_write_time(&w, silence->until);
	mlops_write_name(&w, NameStr(w.role_name));
	mlops_write_text(&w, silence->note);
	mlops_write_run(&w, "INSERT INTO mlops_private.alert_silence (model_id, kind, subject, until, silenced_by, note)"
					" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (model_id, kind, subject) DO UPDATE"
					" SET until = excluded.until, silenced_by = excluded.silenced_by,"
					" silenced_at = excluded.silenced_at, note = excluded.note");
	audit_silence(&w, "alert.silence", silence);
	mlops_write_end(&w);
}

int64
mlops_alerts_unsilence(const char *model, const char *kind, const char *subject)
{
	MlSilence	silence = {model, kind, subject, 0, NULL};
	MlWriter	w;
	MlLocked	locked;
	int64		ended;

	mlops_write_begin(&w, "mlops.unsilence_alerts()");
	mlops_registry_lock(&w, model, ML_PRIVILEGE_LOGS, false, &locked);
	mlops_write_int8(&w, locked.model_id);
	mlops_write_text(&w, kind);
	mlops_write_text(&w, subject);
	mlops_write_run(&w, "WITH gone AS (DELETE FROM mlops_private.alert_silence WHERE model_id = $1"
					" AND ($2 = '' OR kind = $2) AND ($3 = '' OR subject = $3) RETURNING until)"
					" SELECT count(*) FROM gone WHERE until > clock_timestamp()");
	ended = DatumGetInt64(mlops_write_result(0, 1));
	if (ended > 0)
		audit_silence(&w, "alert.unsilence", &silence);
	mlops_write_end(&w);
	return ended;
}
