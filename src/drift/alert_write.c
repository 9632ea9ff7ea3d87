/*-------------------------------------------------------------------------
 *
 * alert_write.c
 *	  Alerts: opened once, brought up to date, closed.
 *
 * A unique index admits one open alert of the same; who comes second waits
 * for the first and finds its row.  What listeners know of an alert is kept
 * with it ("told"), so what became worse while it was silenced is told when
 * it is seen again after that.
 *
 * What is told is a number and nothing else: every role can listen on every
 * channel, and every role can notify.
 *
 * IDENTIFICATION
 *	  src/drift/alert_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "commands/async.h"
#include "miscadmin.h"

#include "mlops/alert.h"

#define CHANNEL "mlops_alert"

/* Of the notification queue, which is the whole cluster's; when it is full, no transaction that notifies commits. */
#define QUEUE_LIMIT 0.9

#define IS_OPEN "state IN ('open', 'acknowledged')"

static const char *const severities[] = {NULL, "warning", "major"};

static MlSeverity
severity_of(const char *name)
{
	return name == NULL ? ML_DRIFT_NONE :
		strcmp(name, "major") == 0 ? ML_DRIFT_MAJOR : ML_DRIFT_WARNING;
}

/* $1 to $4 */
static void
add_key(MlWriter *w, const MlAlertKey *key)
{
	mlops_write_int8(w, key->model_id);
	mlops_write_int4(w, key->version);
	mlops_write_text(w, key->kind);
	mlops_write_text(w, key->subject ? key->subject : "");
}

/* Six arguments. */
static void
add_facts(MlWriter *w, const MlAlertFacts *facts)
{
	const TimestampTz times[] = {facts->window_start, facts->window_end};

	mlops_write_text(w, severities[facts->severity]);
	mlops_write_text(w, facts->method);
	mlops_write_number(w, facts->value);
	mlops_write_number(w, facts->threshold);
	for (int i = 0; i < 2; i++)
	{
		if (times[i] == 0)
			mlops_write_null(w, TIMESTAMPTZOID);
		else
			mlops_write_time(w, times[i]);
	}
}

/* The open one, locked; 0: there is none. */
static int64
lock_open(MlWriter *w, const MlAlertKey *key, MlSeverity *was, MlSeverity *told)
{
	add_key(w, key);
	if (mlops_write_run(w, "SELECT alert_id, severity, told FROM mlops_private.alert"
						" WHERE model_id = $1 AND version = $2 AND kind = $3 AND subject = $4 AND " IS_OPEN
						" FOR UPDATE") == 0)
		return 0;
	*was = severity_of(mlops_write_string(w, 0, 2));
	*told = severity_of(mlops_write_string(w, 0, 3));
	return DatumGetInt64(mlops_write_result(0, 1));
}

static bool
is_silenced(MlWriter *w, const MlAlertKey *key)
{
	mlops_write_int8(w, key->model_id);
	mlops_write_text(w, key->kind);
	mlops_write_text(w, key->subject ? key->subject : "");
	return mlops_write_run(w, "SELECT 1 FROM mlops_private.alert_silence"
						   " WHERE model_id = $1 AND kind IN ('', $2) AND subject IN ('', $3)"
						   " AND until > clock_timestamp() LIMIT 1") > 0;
}

/* At commit.  Nobody's full queue keeps an alert from being stored. */
static void
tell(MlWriter *w, int64 alert_id)
{
	char		number[32];

	mlops_write_run(w, "SELECT pg_notification_queue_usage()");
	if (DatumGetFloat8(mlops_write_result(0, 1)) > QUEUE_LIMIT)
	{
		ereport(LOG,
				(errmsg("alert " INT64_FORMAT " is not notified: the notification queue is nearly full",
						alert_id),
				 errhint("A session that listens has been in a transaction for a long time.")));
		return;
	}
	snprintf(number, sizeof(number), INT64_FORMAT, alert_id);
	Async_Notify(CHANNEL, number);
}

/* What listeners know from now on; tells them if that is more than before. */
static void
settle(MlWriter *w, const MlAlertKey *key, int64 alert_id, MlSeverity severity, MlSeverity told)
{
	if (severity == told)
		return;
	if (severity > told && is_silenced(w, key))
		return;
	mlops_write_int8(w, alert_id);
	mlops_write_text(w, severities[severity]);
	mlops_write_run(w, "UPDATE mlops_private.alert SET told = $2 WHERE alert_id = $1");
	if (severity > told)
		tell(w, alert_id);
}

/* An acknowledgement is of what it was then: a worse one is open again. */
static void
see_again(MlWriter *w, int64 alert_id, const MlAlertFacts *facts, MlSeverity was)
{
	mlops_write_int8(w, alert_id);
	mlops_write_bool(w, facts->severity > was);
	add_facts(w, facts);
	mlops_write_run(w, "UPDATE mlops_private.alert SET severity = $3, method = $4, value = $5, threshold = $6,"
					" window_start = $7, window_end = $8, seen = seen + 1, last_seen = clock_timestamp(),"
					" state = CASE WHEN $2 THEN 'open' ELSE state END,"
					" acknowledged = CASE WHEN $2 THEN NULL ELSE acknowledged END,"
					" acknowledged_by = CASE WHEN $2 THEN NULL ELSE acknowledged_by END"
					" WHERE alert_id = $1");
}

bool
mlops_alert_raise(MlWriter *w, const MlAlertKey *key, const MlAlertFacts *facts)
{
	MlSeverity	was = ML_DRIFT_NONE;
	MlSeverity	told = ML_DRIFT_NONE;
	int64		alert_id;

	if (facts->severity == ML_DRIFT_NONE)
		elog(ERROR, "an alert without severity");
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		alert_id = lock_open(w, key, &was, &told);
		if (alert_id != 0)
		{
			see_again(w, alert_id, facts, was);
			settle(w, key, alert_id, facts->severity, told);
			return false;
		}
		/* another session's is waited for; where ours cannot see it, that is a serialization failure */
		add_key(w, key);
		add_facts(w, facts);
		if (mlops_write_run(w, "INSERT INTO mlops_private.alert (model_id, version, kind, subject, severity,"
							" method, value, threshold, window_start, window_end, opened, last_seen)"
							" SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, t, t FROM clock_timestamp() t"
							" ON CONFLICT (model_id, version, kind, subject) WHERE " IS_OPEN
							" DO NOTHING RETURNING alert_id") > 0)
			break;
	}
	alert_id = DatumGetInt64(mlops_write_result(0, 1));
	settle(w, key, alert_id, facts->severity, ML_DRIFT_NONE);
	return true;
}

bool
mlops_alert_clear(MlWriter *w, const MlAlertKey *key)
{
	add_key(w, key);
	return mlops_write_run(w, "UPDATE mlops_private.alert SET state = 'closed', closed = clock_timestamp()"
						   " WHERE model_id = $1 AND version = $2 AND kind = $3 AND subject = $4 AND " IS_OPEN) > 0;
}

int64
mlops_alerts_supersede(MlWriter *w, int64 model_id)
{
	mlops_write_int8(w, model_id);
	return (int64) mlops_write_run(w, "UPDATE mlops_private.alert a"
								   " SET state = 'superseded', closed = clock_timestamp()"
								   " FROM (SELECT alert_id FROM mlops_private.alert"
								   "        WHERE model_id = $1 AND version <> 0 AND " IS_OPEN
								   "          AND EXISTS (SELECT 1 FROM mlops_private.alias_event e"
								   "               WHERE e.model_id = alert.model_id AND e.version = alert.version)"
								   "          AND NOT EXISTS (SELECT 1 FROM mlops_private.alias s"
								   "               WHERE s.model_id = alert.model_id AND s.version = alert.version)"
								   "        ORDER BY alert_id FOR UPDATE) o"
								   " WHERE a.alert_id = o.alert_id");
}
