/*-------------------------------------------------------------------------
 *
 * job_run.c
 *	  Running due jobs, in the session and with the rights of their owner.
 *
 * One transaction claims a job, then one or more do the work, each in a
 * subtransaction; the last of them also records how it ended, so that what a
 * job did and that it was done is committed together.  Nobody's user id is
 * switched for the work.
 *
 * IDENTIFICATION
 *	  src/worker/job_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "mlops/gov.h"
#include "mlops/job.h"

#include "job_private.h"
#include "worker_private.h"

/* SET LOCAL ROLE ends with a transaction: what follows would be done as somebody else. */
static void
commit_here(const char *command, Oid role)
{
	SPI_commit();
	EnsurePortalSnapshotExists();
	if (GetUserId() != role)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the current role changed while %s ran", command),
				 errhint("Use SET ROLE instead of SET LOCAL ROLE.")));
}

/* Lock the job's row, as what ends a run does: a cancellation has come before or does not come. */
static bool
lock_and_ask(const char *command, const MlJob *job)
{
	MlWriter	w;
	bool		cancelled;

	mlops_write_begin(&w, command);
	cancelled = mlops_job_cancelled(&w, job);
	mlops_write_end(&w);
	return cancelled;
}

static void
hold_run(const char *command, const MlJob *job)
{
	MlWriter	w;
	bool		ours;

	mlops_write_begin(&w, command);
	ours = mlops_job_hold(&w, job);
	mlops_write_end(&w);
	if (!ours)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job \"%s\" was removed or taken over while it ran", job->name)));
}

/* Until the transaction ends, which the step is all of: names mean what they meant to the one who planned the job. */
static void
as_planned(const MlJob *job)
{
	(void) set_config_option("search_path", job->search_path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/*
 * One step, in a subtransaction; of a kind that is done unasked, without a job.
 * Returns NULL or the error, after which nothing of the step is left.
 */
static ErrorData *
try_step(const char *command, const MlJobKind *kind, const MlJob *job, MlJobWork *work, bool *more,
		 bool *cancelled)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	MlJobWork	done = *work;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		if (kind == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("job \"%s\" is of a kind that this version does not know", job->name)));
		if (job)
			as_planned(job);
		mlops_worker_step_begin();
		*more = kind->step(job, &done);
		*cancelled = job && lock_and_ask(command, job);
		mlops_worker_step_end();
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		*work = done;
	}
	PG_CATCH();
	{
		mlops_worker_step_end();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	return error;
}

/* What is always due for those who may: seal, anchor, apply retention, make days of the log. */
static const char *const built_in[] = {"audit", "retention", "log"};

/* The next piece of it; returns whether there is more.  In a worker an error does not keep jobs from being run. */
static bool
built_in_step(const char *command, const char *name)
{
	const MlJobKind *kind = mlops_job_kind(name);
	MlJobWork	work = {-1, NULL};
	ErrorData  *error;
	bool		more = false;
	bool		cancelled;

	if (!mlops_worker_is_me())
		return kind->step(NULL, &work);
	error = try_step(command, kind, NULL, &work, &more, &cancelled);
	if (error && error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		ereport(WARNING,
				(errmsg("upkeep \"%s\" failed", name),
				 errdetail("%s (SQLSTATE %s).", mlops_job_message(error->sqlerrcode),
						   unpack_sql_state(error->sqlerrcode))));
	return more;
}

static void
run_built_in(const char *command, Oid role, TimestampTz deadline)
{
	bool		more;

	for (int i = 0; i < (int) lengthof(built_in); i++)
		do
		{
			CHECK_FOR_INTERRUPTS();
			if (mlops_worker_told_to_leave())
				return;
			more = built_in_step(command, built_in[i]);
			commit_here(command, role);
		} while (more && GetCurrentTimestamp() < deadline);
}

static void
finish(const char *command, const MlJob *job, MlJobOutcome outcome, const MlJobWork *work,
	   const ErrorData *error)
{
	MlWriter	w;
	const char *message = error ? mlops_job_message(error->sqlerrcode) : NULL;
	bool		suspended;

	mlops_write_begin(&w, command);
	suspended = mlops_job_finish(&w, job, outcome, work,
								 error ? unpack_sql_state(error->sqlerrcode) : NULL, message);
	if (outcome == ML_JOB_FAILED)
		mlops_job_failed(&w, job, unpack_sql_state(error->sqlerrcode), message);
	mlops_write_end(&w);
	if (outcome == ML_JOB_FAILED)
		ereport(WARNING,
				(errmsg("job \"%s\" failed", job->name),
				 errdetail("%s (SQLSTATE %s).%s", message, unpack_sql_state(error->sqlerrcode),
						   suspended ? " It is suspended." : "")));
}

/* A claimed job, from its begin to its end.  Returns whether another may follow. */
static bool
run_job(const char *command, Oid role, const MlJob *job)
{
	MlJobWork	work = {-1, NULL};
	ErrorData  *error;
	bool		more;
	bool		cancelled;

	mlops_worker_job_begin(job);
	for (;;)
	{
		more = cancelled = false;
		hold_run(command, job);
		error = try_step(command, job->kind, job, &work, &more, &cancelled);
		if (error || cancelled || !more || mlops_worker_told_to_leave())
			break;
		commit_here(command, role);
	}
	mlops_worker_job_end();
	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
	{
		cancelled = lock_and_ask(command, job);
		finish(command, job, !cancelled && mlops_worker_makes_way() ? ML_JOB_INTERRUPTED : ML_JOB_CANCELLED,
			   &work, error);
		commit_here(command, role);
		if (!cancelled && !mlops_worker_is_me())
			ReThrowError(error);	/* it was not the job, but this session that was to stop */
		return !mlops_worker_told_to_leave();
	}
	finish(command, job, error ? ML_JOB_FAILED : !more ? ML_JOB_SUCCEEDED :
		   cancelled || !mlops_worker_makes_way() ? ML_JOB_CANCELLED : ML_JOB_INTERRUPTED, &work, error);
	commit_here(command, role);
	return !mlops_worker_told_to_leave();
}

static bool
claim(const char *command, MlJob *job)
{
	MlWriter	w;
	bool		found;

	mlops_write_begin(&w, command);
	found = mlops_job_claim(&w, job);
	mlops_write_end(&w);
	return found;
}

void
mlops_jobs_run(const char *command, TimestampTz deadline)
{
	Oid			role = GetUserId();
	MemoryContext context;
	MemoryContext old;
	MlWriter	w;
	MlJob		job;
	bool		found;

	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run in a REPEATABLE READ or SERIALIZABLE transaction", command),
				 errhint("Use READ COMMITTED.")));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	if (mlops_rights_database(role, ML_PRIVILEGE_AUDIT))
		run_built_in(command, role, deadline);
	if (mlops_worker_told_to_leave())
	{
		SPI_finish();
		return;
	}
	mlops_write_begin(&w, command);
	mlops_jobs_tidy(&w);
	mlops_write_end(&w);
	commit_here(command, role);
	context = AllocSetContextCreate(CurrentMemoryContext, "mlops job", ALLOCSET_DEFAULT_SIZES);
	do
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
		old = MemoryContextSwitchTo(context);
		found = claim(command, &job);
		commit_here(command, role);
		if (found && !run_job(command, role, &job))
			found = false;
		MemoryContextSwitchTo(old);
	} while (found && GetCurrentTimestamp() < deadline);
	MemoryContextDelete(context);
	SPI_finish();
}

void
mlops_jobs_refuse(const char *command, Oid role)
{
	char	   *name = GetUserNameFromId(role, true);
	MlJobWork	work = {-1, NULL};
	MlWriter	w;
	MlJob		job;
	int			refused = 0;

	if (name == NULL)
		return;
	mlops_write_begin(&w, command);
	w.role = role;
	namestrcpy(&w.role_name, name);
	mlops_jobs_tidy(&w);
	while (mlops_job_claim(&w, &job))
	{
		mlops_job_finish(&w, &job, ML_JOB_FAILED, &work,
						 unpack_sql_state(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						 mlops_job_message(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION));
		refused++;
	}
	mlops_write_end(&w);
	if (refused > 0)
		ereport(LOG,
				(errmsg_plural("%d job of role \"%s\" failed, because no worker can connect as it",
							   "%d jobs of role \"%s\" failed, because no worker can connect as it",
							   refused, refused, name),
				 errhint("The role needs LOGIN (before PostgreSQL 17) and CONNECT on the database.")));
}
