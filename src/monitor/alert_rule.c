/*-------------------------------------------------------------------------
 *
 * alert_rule.c
 *	  Alerts, by how windows in a row were judged.
 *
 * IDENTIFICATION
 *	  src/monitor/alert_rule.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"

#include "mlops/retrain.h"

#include "monitor_private.h"

/* Kinds that monitors raise. */
#define MONITOR_KINDS "'{drift,output_drift,joint_drift,model_drift,missing_values,no_data,errors,latency,performance}'"

/* "metric" or "metric by segment": is there such a bound? */
static bool
has_bound(const MlMonitor *m, const char *subject)
{
	const char *by = strstr(subject, " by ");
	JsonbValue	v;
	ListCell   *lc;

	if (m->thresholds.performance == NULL ||
		getKeyJsonValueFromContainer(&m->thresholds.performance->root, subject,
									 by ? by - subject : (int) strlen(subject), &v) == NULL)
		return false;
	if (by == NULL)
		return true;
	foreach(lc, m->segments)
		if (strcmp(lfirst(lc), by + strlen(" by ")) == 0)
			return true;
	return false;
}

/* Is it still looked at, so that it can be cleared when it is over? */
static bool
is_watched(const MlMonitor *m, const char *kind, const char *subject)
{
	const MlThresholds *t = &m->thresholds;

	if (strcmp(kind, "no_data") == 0)
		return t->no_data_us > 0;
	if (strcmp(kind, "errors") == 0)
		return !isnan(t->errors);
	if (strcmp(kind, "latency") == 0)
		return !isnan(t->latency_ms);
	if (strcmp(kind, "performance") == 0)
		return has_bound(m, subject);
	return true;
}

void
mlops_alerts_forget(MlWriter *w, const MlMonitor *m, bool all)
{
	MlAlertKey *keys;
	uint64		n;

	mlops_write_int8(w, m->model_id);
	n = mlops_write_run(w, "SELECT version, kind, subject FROM mlops_private.alert"
						" WHERE model_id = $1 AND state IN ('open', 'acknowledged') AND kind = ANY (" MONITOR_KINDS ")"
						" ORDER BY version, kind, subject");
	keys = palloc(sizeof(MlAlertKey) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		keys[i].model_id = m->model_id;
		keys[i].version = DatumGetInt32(mlops_write_result(i, 1));
		keys[i].kind = mlops_write_string(w, i, 2);
		keys[i].subject = mlops_write_string(w, i, 3);
	}
	for (uint64 i = 0; i < n; i++)
		if (all || !is_watched(m, keys[i].kind, keys[i].subject))
			(void) mlops_alert_clear(w, &keys[i]);
}

void
mlops_streak_settle(MlWriter *w, const MlMonitor *m, int version, bool retired, MlStreak *streak,
					const MlAlertCase *what, MlMonitorRun *run)
{
	MlAlertKey	key = {m->model_id, version, what->kind, what->subject};
	MlAlertFacts facts = {ML_DRIFT_NONE, what->method, what->value, what->threshold, what->start, what->end};

	switch (mlops_streak_act(streak, &m->thresholds, &facts.severity))
	{
		case ML_STREAK_RAISE:
			if (retired)
				break;
			if (mlops_alert_raise(w, &key, &facts))
			{
				run->raised++;
				if (strcmp(what->kind, "model_drift") == 0 && strcmp(m->on_drift, "retrain") == 0)
					(void) mlops_retrain_wake(w, m->model_id);
			}
			streak->is_open = true;
			break;
		case ML_STREAK_CLEAR:
			if (mlops_alert_clear(w, &key))
				run->cleared++;
			streak->is_open = false;
			break;
		case ML_STREAK_NOTHING:
			break;
	}
}
