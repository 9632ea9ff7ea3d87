/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  A worker: runs what is due of one role, in one database, as that role.
 *
 * It is a session of the role from the begin, so that nothing that the role's
 * queries, views or functions do can make it anybody else.  Its settings are
 * those of the role's other sessions but for the ones below.  Without a role
 * it is one of the bootstrap superuser that runs nothing of anybody's and only
 * looks what is due (look.c).
 *
 * SIGTERM cancels what it is at, so that how the job ended can be recorded
 * before the process ends, for which the server waits when it is stopped.  The
 * second one, or a job that does not mind, ends it as it is.
 *
 * IDENTIFICATION
 *	  src/worker/worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"

#include "mlops/base.h"

#include "worker_private.h"

/* What the settings of a role or a database must not change. */
static const struct
{
	const char *name;
	const char *value;
}			settings[] = {
	{"application_name", WORKER_TYPE},
	{"default_transaction_deferrable", "off"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	{"idle_in_transaction_session_timeout", "0"},
	{"lock_timeout", "5s"},
	{"max_parallel_workers_per_gather", "0"},
	{"role", "none"},
	{"row_security", "on"},
	{"search_path", "pg_catalog, pg_temp"},
	{"session_replication_role", "origin"},
	{"synchronous_commit", "local"},	/* the shutdown of a primary must not wait for a standby */
};

#define LEAVE_SECONDS 5			/* a job that does not end by then is left as it is */

static bool i_am_a_worker = false;
static volatile sig_atomic_t leaving = false;	/* SIGTERM came */
static volatile sig_atomic_t in_step = false;	/* something can be cancelled */
static volatile sig_atomic_t leaving_seconds = 0;
static emit_log_hook_type previous_log = NULL;

void
mlops_worker_init(void)
{
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	mlops_worker_shmem_init();
	mlops_worker_register_launcher();
	mlops_worker_hook_init();
}

/* Of what ends the worker, the code is of interest. */
static void
note_error(ErrorData *edata)
{
	if (edata->elevel >= ERROR)
		mlops_worker_note_error(edata->sqlerrcode);
	if (previous_log)
		previous_log(edata);
}

/* SIGTERM */
static void
leave(SIGNAL_ARGS)
{
	int			save_errno = errno;

	if (leaving)
		die(postgres_signal_arg);
	leaving = true;
	if (in_step)
	{
		InterruptPending = true;
		QueryCancelPending = true;
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

/* Once a second. */
static void
tick(void)
{
	if (leaving && ++leaving_seconds >= LEAVE_SECONDS)
		die(SIGTERM);
}

static void
set_up(void)
{
	for (int i = 0; i < (int) lengthof(settings); i++)
		SetConfigOption(settings[i].name, settings[i].value, PGC_SUSET, PGC_S_OVERRIDE);
	enable_timeout_every(RegisterTimeout(USER_TIMEOUT, tick), WORKER_AFTER(1), 1000);
	pqsignal(SIGTERM, leave);
}

bool
mlops_worker_leaving(void)
{
	return leaving;
}

void
mlops_worker_step_begin(void)
{
	if (!i_am_a_worker)
		return;
	in_step = true;
	if (!leaving)
		return;
	InterruptPending = true;
	QueryCancelPending = true;
	CHECK_FOR_INTERRUPTS();
}

void
mlops_worker_step_end(void)
{
	in_step = false;
	if (leaving)
		QueryCancelPending = false;	/* it came too late, and nothing else begins */
}

bool
mlops_worker_is_me(void)
{
	return i_am_a_worker;
}

void
mlops_worker_job_begin(const MlJob *job)
{
	char		what[64];

	if (!i_am_a_worker)
		return;
	snprintf(what, sizeof(what), "mlops job " INT64_FORMAT, job->job_id);
	pgstat_report_activity(STATE_RUNNING, what);
	mlops_worker_set_job(job->job_id);
	if (StatementTimeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
}

void
mlops_worker_job_end(void)
{
	if (!i_am_a_worker)
		return;
	disable_timeout(STATEMENT_TIMEOUT, false);
	mlops_worker_set_job(0);
	pgstat_report_activity(STATE_RUNNING, WORKER_TYPE);
}

/*
 * What run_due_jobs() does; it commits in between, and a portal is what makes
 * that possible and holds what has to outlive a transaction.
 */
static void
run_jobs(void)
{
	TimestampTz deadline = GetCurrentTimestamp() + mlops_guc_worker_max_runtime * USECS_PER_SEC;
	Portal		portal;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (OidIsValid(get_extension_oid("mlops", true)))
	{
		portal = CreatePortal("", true, true);
		portal->visible = false;
		portal->resowner = CurrentResourceOwner;
		portal->status = PORTAL_ACTIVE;
		ActivePortal = portal;
		PortalContext = portal->portalContext;
		EnsurePortalSnapshotExists();
		MemoryContextSwitchTo(PortalContext);
		mlops_jobs_run("mlops worker", deadline);
		PopActiveSnapshot();
		portal->portalSnapshot = NULL;
		ActivePortal = NULL;
		PortalContext = NULL;
		portal->status = PORTAL_DONE;
		MemoryContextSwitchTo(TopMemoryContext);
		PortalDrop(portal, false);
	}
	CommitTransactionCommand();
}

void
mlops_worker_main(Datum arg)
{
	WorkerSlot	slot;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	if (!mlops_worker_attach(arg, &slot) || slot.leave)
		proc_exit(0);
	i_am_a_worker = true;
	previous_log = emit_log_hook;
	emit_log_hook = note_error;
	BackgroundWorkerInitializeConnectionByOid(slot.database, slot.role, MLOPS_WORKER_CONNECT_FLAGS);
	set_up();
	mlops_worker_connected();
	pgstat_report_activity(STATE_RUNNING, WORKER_TYPE);
	if (OidIsValid(slot.role))
		run_jobs();
	if (leaving)
	{
		mlops_worker_note_error(ERRCODE_ADMIN_SHUTDOWN);
		proc_exit(0);
	}
	mlops_worker_look();
	mlops_worker_done();
	proc_exit(0);
}
