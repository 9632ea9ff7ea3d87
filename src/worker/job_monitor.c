/*-------------------------------------------------------------------------
 *
 * job_monitor.c
 *	  Jobs of kind "monitor": what mlops.run_monitor() does, as of now.
 *
 * The job that a monitor was given goes with it, whatever the model is called
 * by then; one that somebody scheduled names the model.
 *
 * IDENTIFICATION
 *	  src/worker/job_monitor.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/job.h"
#include "mlops/jsonb_out.h"
#include "mlops/monitor.h"

/* {"model": name} */
static char *
model_of(Jsonb *arguments)
{
	JsonbValue	v;

	if (JB_ROOT_COUNT(arguments) != 1 ||
		getKeyJsonValueFromContainer(&arguments->root, "model", strlen("model"), &v) == NULL ||
		v.type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a job of kind \"monitor\" takes the argument \"model\"")));
	return pnstrdup(v.val.string.val, v.val.string.len);
}

void
mlops_job_monitor_check(Jsonb *arguments)
{
	char	   *model = model_of(arguments);

	mlops_name_check(model, "a model");
	(void) mlops_registry_require(model, GetUserId(), ML_PRIVILEGE_LOGS);
}

/* What the model is called whose monitor has this job; NULL: none has. */
static char *
find_model(MlWriter *w, int64 job_id)
{
	mlops_write_int8(w, job_id);
	if (mlops_write_run(w, "SELECT m.name FROM mlops_private.monitor o"
						" JOIN mlops_private.model m ON m.model_id = o.model_id WHERE o.job_id = $1") == 0)
		return NULL;
	return mlops_write_string(w, 0, 1);
}

bool
mlops_job_monitor_step(const MlJob *job, MlJobWork *work)
{
	JsonbParseState *state = NULL;
	MlMonitorRun run;
	MlWriter	w;
	char	   *model;

	mlops_write_begin(&w, "mlops.run_due_jobs()");
	model = find_model(&w, job->job_id);
	mlops_write_end(&w);
	mlops_monitor_run("mlops.run_due_jobs()", model ? model : model_of(job->arguments), DT_NOEND, &run);
	work->rows = Max(work->rows, 0) + run.rows;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "windows", run.windows);
	mlops_jsonb_add_integer(&state, "raised", run.raised);
	mlops_jsonb_add_integer(&state, "cleared", run.cleared);
	mlops_jsonb_add_integer(&state, "late", run.late);
	work->detail = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return run.more;
}

/* The current user's, as it is to be from now on; returns false if the job is gone or somebody else's. */
static bool
replan(MlWriter *w, int64 job_id, const MlJobPlan *plan, char **name)
{
	mlops_write_int8(w, job_id);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_datum(w, INTERVALOID, IntervalPGetDatum(plan->every));
	mlops_write_jsonb(w, plan->arguments);
	mlops_write_time(w, plan->start);
	if (mlops_write_run(w, "UPDATE mlops_private.job SET arguments = $4, failures = 0,"
						" state = CASE state WHEN 'suspended' THEN 'idle' ELSE state END,"
						" first_due = CASE WHEN every = $3 AND state <> 'suspended' THEN first_due ELSE $5 END,"
						" next_due = CASE WHEN every = $3 AND state <> 'suspended' THEN next_due ELSE $5 END,"
						" every = $3 WHERE job_id = $1 AND kind = 'monitor'"
						" AND mlops_private.current_owner(owner_oid, owner_name, owner_system) = $2"
						" RETURNING name") == 0)
		return false;
	mlops_wake_at_commit(MLOPS_WAKE_JOBS);
	*name = mlops_write_string(w, 0, 1);
	return true;
}

/* Is the name free for a job of the one who asks? */
static bool
is_free(MlWriter *w, const char *name)
{
	mlops_write_text(w, name);
	mlops_write_name(w, NameStr(w->role_name));
	return mlops_write_run(w, "SELECT 1 FROM mlops_private.job WHERE name = $1"
						   " AND mlops_private.current_owner(owner_oid, owner_name, owner_system) = $2") == 0;
}

int64
mlops_job_of_monitor(MlWriter *w, const MlMonitor *monitor, char **name)
{
	MlJobPlan	plan;

	memset(&plan, 0, sizeof(plan));
	plan.subject = psprintf("monitor:%s", monitor->model);
	plan.kind = mlops_job_kind_required("monitor");
	plan.every = monitor->every;
	plan.arguments = mlops_jsonb_one("model", monitor->model);
	plan.start = GetCurrentTimestamp();
	if (monitor->job_id != 0 && replan(w, monitor->job_id, &plan, name))
		return monitor->job_id;
	mlops_job_remove_number(w, monitor->job_id);
	if (is_free(w, plan.subject))
		plan.name = plan.subject;
	return mlops_job_add(w, &plan, name);
}
