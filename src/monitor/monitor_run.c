/*-------------------------------------------------------------------------
 *
 * monitor_run.c
 *	  One run of a monitor.
 *
 * IDENTIFICATION
 *	  src/monitor/monitor_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "mlops/monitor.h"

void
mlops_monitor_run(const char *command, const char *model, TimestampTz as_of, MlMonitorRun *out)
{
	int64		model_id = mlops_registry_require(model, GetUserId(), ML_PRIVILEGE_LOGS);
	MlMonitor	m;
	MlWriter	w;

	memset(out, 0, sizeof(*out));
	mlops_write_begin(&w, command);
	/* so that whoever drops the model waits before, not in the middle of, what it removes */
	mlops_write_int8(&w, model_id);
	if (mlops_write_run(&w, "SELECT 1 FROM mlops_private.model WHERE model_id = $1 FOR KEY SHARE") == 0 ||
		!mlops_monitor_load(&w, model_id, &m))
		mlops_monitor_deny(model);
	out->published_until = m.published_until;
	mlops_write_end(&w);
}
