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

#include "monitor_private.h"

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
				run->raised++;
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
