/*-------------------------------------------------------------------------
 *
 * job_plan.c
 *	  Storing, removing and cancelling jobs.
 *
 * A name is one of its owner's: what others call their jobs is not to be
 * found out.
 *
 * IDENTIFICATION
 *	  src/worker/job_plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "mlops/base.h"
#include "mlops/gov.h"
#include "mlops/job.h"

#include "job_private.h"

#define MAX_NAME	200			/* bytes */

void
mlops_job_plan_check(const MlJobPlan *plan)
{
	if (plan->name && (plan->name[0] == '\0' || strlen(plan->name) > MAX_NAME))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a job's name must have 1 to %d bytes", MAX_NAME)));
	if (plan->every &&
		(plan->every->month < 0 || plan->every->day < 0 || plan->every->time < 0 ||
		 plan->every->month > 12 * 100 || plan->every->day > 366 * 100 ||
		 plan->every->time > INT64CONST(100) * 366 * USECS_PER_DAY ||
		 (plan->every->month == 0 && plan->every->day == 0 && plan->every->time < USECS_PER_SEC)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("every must be between 1 second and 100 years")));
	if (TIMESTAMP_NOT_FINITE(plan->start))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("start must be finite")));
	if (!JB_ROOT_IS_OBJECT(plan->arguments))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments must be an object")));
}

/* Has the role a job of the name?  Names of jobs from before a restore count, too. */
static void
refuse_duplicate(MlWriter *w, const char *name)
{
	mlops_write_text(w, name);
	mlops_write_name(w, NameStr(w->role_name));
	if (mlops_write_run(w, "SELECT 1 FROM mlops_private.job WHERE name = $1"
						" AND mlops_private.current_owner(owner_oid, owner_name, owner_system) = $2") > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("job \"%s\" already exists", name),
				 errhint("mlops.unschedule() removes it.")));
}

int64
mlops_job_add(MlWriter *w, const MlJobPlan *plan, char **name)
{
	int64		job_id;

	mlops_write_run(w, "SELECT nextval('mlops_private.job_id_seq')");
	job_id = DatumGetInt64(mlops_write_result(0, 1));
	if (plan->name)
		*name = MemoryContextStrdup(w->caller, plan->name);
	else
		*name = MemoryContextStrdup(w->caller, psprintf("%s:" INT64_FORMAT, plan->subject, job_id));
	refuse_duplicate(w, *name);
	mlops_write_int8(w, job_id);
	mlops_write_text(w, *name);
	mlops_write_text(w, plan->kind->name);
	mlops_write_role(w, w->role);
	mlops_write_jsonb(w, plan->arguments);
	if (plan->every)
		mlops_write_datum(w, INTERVALOID, IntervalPGetDatum(plan->every));
	else
		mlops_write_null(w, INTERVALOID);
	mlops_write_time(w, plan->start);
	mlops_write_text(w, w->sw.saved_search_path);
	mlops_write_run(w, "INSERT INTO mlops_private.job (job_id, name, kind, owner_oid, owner_name,"
					" owner_system, arguments, every, first_due, next_due, search_path)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)");
	mlops_wake_at_commit(MLOPS_WAKE_JOBS);
	return job_id;
}

/* The number of the job meant: one's own first, then one of a role whose privileges one has. */
static int64
find_job(MlWriter *w, const char *name)
{
	int64		found = 0;
	int			others = 0;
	uint64		n;

	mlops_write_text(w, name);
	n = mlops_write_run(w, "SELECT job_id, owner_oid, owner_name, owner_system"
						" FROM mlops_private.job WHERE name = $1 ORDER BY job_id");
	for (uint64 i = 0; i < n; i++)
	{
		int64		job_id = DatumGetInt64(mlops_write_result(i, 1));
		Oid			owner = mlops_stored_role(DatumGetObjectId(mlops_write_result(i, 2)),
											  NameStr(*DatumGetName(mlops_write_result(i, 3))),
											  DatumGetInt64(mlops_write_result(i, 4)));

		if (owner == w->role)
			return job_id;
		if (!mlops_rights_own(owner, w->role))
			continue;
		found = job_id;
		others++;
	}
	if (others > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("more than one role has a job \"%s\"", name),
				 errhint("Do it as the role whose job is meant.")));
	return found;
}

/* Lock the job of this number; false: there is none. */
static bool
lock_number(MlWriter *w, int64 job_id, MlJobFound *out)
{
	memset(out, 0, sizeof(MlJobFound));
	mlops_write_int8(w, job_id);
	if (mlops_write_run(w, "SELECT kind, state = 'running', running_run, running_pid,"
						" running_backend_start, running_system FROM mlops_private.job"
						" WHERE job_id = $1 FOR UPDATE") == 0)
		return false;
	out->job_id = job_id;
	out->kind = mlops_write_string(w, 0, 1);
	out->running = DatumGetBool(mlops_write_result(0, 2));
	if (!out->running)
		return true;
	out->run_id = DatumGetInt64(mlops_write_result(0, 3));
	out->pid = DatumGetInt32(mlops_write_result(0, 4));
	out->backend_start = DatumGetTimestampTz(mlops_write_result(0, 5));
	out->here = DatumGetInt64(mlops_write_result(0, 6)) == mlops_this_system();
	return true;
}

static void
lock_job(MlWriter *w, const char *name, MlJobFound *out)
{
	if (!lock_number(w, find_job(w, name), out))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" does not exist, or is not yours", name)));
}

bool
mlops_job_session_alive(int pid, TimestampTz backend_start, Oid *user)
{
	int			n;

	pgstat_clear_backend_activity_snapshot();
	n = pgstat_fetch_stat_numbackends();
	for (int i = 1; i <= n; i++)
	{
		PgBackendStatus *be = &mlops_local_beentry(i)->backendStatus;

		if (be->st_procpid != pid || be->st_proc_start_timestamp != backend_start)
			continue;
		*user = be->st_userid;
		return true;
	}
	return false;
}

/* Delete a job that is locked, unless it is running; name NULL: it is not known. */
static void
remove_locked(MlWriter *w, const char *name, const MlJobFound *job)
{
	Oid			user;

	if (job->running && job->here && mlops_job_session_alive(job->pid, job->backend_start, &user))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 name ? errmsg("job \"%s\" is running", name) : errmsg("job is running"),
				 errhint("mlops.cancel_job() ends the run.")));
	mlops_job_alert_over(w, job->job_id);
	mlops_write_int8(w, job->job_id);
	mlops_write_run(w, "DELETE FROM mlops_private.job WHERE job_id = $1");
}

void
mlops_job_remove(MlWriter *w, const char *name, MlJobFound *job)
{
	lock_job(w, name, job);
	remove_locked(w, name, job);
}

void
mlops_job_remove_number(MlWriter *w, int64 job_id)
{
	MlJobFound	job;

	if (lock_number(w, job_id, &job))
		remove_locked(w, NULL, &job);
}

/*
 * The session cannot end the run while the job's row is locked here, so the
 * signal finds it at that, not at something else.
 */
bool
mlops_job_cancel(MlWriter *w, const char *name, MlJobFound *job)
{
	Oid			user;

	lock_job(w, name, job);
	if (!job->running)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" is not running", name),
				 errhint("mlops.unschedule() removes it.")));
	mlops_write_int8(w, job->job_id);
	mlops_write_run(w, "UPDATE mlops_private.job SET cancel_requested = true WHERE job_id = $1");
	if (!job->here || !mlops_job_session_alive(job->pid, job->backend_start, &user) ||
		!has_privs_of_role(w->role, user) || (superuser_arg(user) && !superuser_arg(w->role)))
		return false;
	return DatumGetBool(DirectFunctionCall1(pg_cancel_backend, Int32GetDatum(job->pid)));
}
