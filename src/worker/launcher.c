/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The process that starts workers where something is due.
 *
 * It is in no database and reads nothing but the list of them.  What is due it
 * is told by workers that look (look.c): one that connects as nobody in
 * particular for a database it knows nothing of, and every other one before
 * it ends.  A worker serves one role; the next of its database is for another
 * role whose jobs wait, if there is one.
 *
 * Workers outlive their launcher: their slots are in shared memory, and a new
 * launcher finds them there.
 *
 * IDENTIFICATION
 *	  src/worker/launcher.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"

#include "mlops/base.h"

#include "worker_private.h"

#define RESTART_SECONDS		10
#define INVALID_DATABASE	(-2)	/* datconnlimit of one whose DROP was interrupted */
#define COMPLAIN_SECONDS	300		/* not more often than that */
#define START_SECONDS		60		/* a worker that was asked for and has not come by then, will not */
#define CLOCK_SECONDS		5		/* the clock went back, not only a little */

/* of the workers this launcher started; NULL: of the one before it, or none */
static BackgroundWorkerHandle *handles[WORKER_SLOTS];

void
mlops_worker_register_launcher(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_SECONDS;
	strlcpy(worker.bgw_library_name, "mlops", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "mlops_launcher_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "mlops launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "mlops launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* One of many that would say the same. */
static bool
may_complain(TimestampTz *last)
{
	TimestampTz now = GetCurrentTimestamp();

	if (*last != 0 && now >= *last && now < *last + COMPLAIN_SECONDS * USECS_PER_SEC)
		return false;
	*last = now;
	return true;
}

static bool
is_listed(const char *name, List *names, bool all)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return all;
}

/* The databases in which jobs may be run. */
static List *
read_databases(void)
{
	bool		all = strcmp(mlops_guc_databases, "*") == 0;
	List	   *names = NIL;
	List	   *found = NIL;
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	if (!all)
		(void) SplitIdentifierString(pstrdup(mlops_guc_databases), ',', &names);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		if (form->datistemplate || !form->datallowconn || form->datconnlimit == INVALID_DATABASE ||
			!is_listed(NameStr(form->datname), names, all))
			continue;
		old = MemoryContextSwitchTo(context);
		found = lappend_oid(found, form->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return found;
}

static bool
has_slot(Oid database, Oid role)
{
	for (int i = 0; i < WORKER_SLOTS; i++)
		if (mlops_worker_shared->slots[i].phase != WORKER_FREE &&
			mlops_worker_shared->slots[i].database == database && mlops_worker_shared->slots[i].role == role)
			return true;
	return false;
}

static int
slots_of(Oid database)
{
	int			n = 0;

	for (int i = 0; i < WORKER_SLOTS; i++)
		if (mlops_worker_shared->slots[i].phase != WORKER_FREE &&
			(!OidIsValid(database) || mlops_worker_shared->slots[i].database == database))
			n++;
	return n;
}

/* Lines of shared memory for these databases and no others. */
static void
update_databases(List *databases, TimestampTz now, bool clock_went_back)
{
	static TimestampTz complained = 0;
	bool		full = false;
	ListCell   *lc;

	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WORKER_DATABASES; i++)
	{
		WorkerDb   *db = &mlops_worker_shared->databases[i];

		if (!OidIsValid(db->database))
			continue;
		if (clock_went_back)
		{
			db->look_at = 0;
			db->upkeep_at = Min(db->upkeep_at, now + WORKER_UPKEEP * USECS_PER_SEC);
		}
		/* what a session made after the list was read is not in it */
		if (db->holds == 0 && db->made_at < now && !list_member_oid(databases, db->database) && slots_of(db->database) == 0)
			memset(db, 0, sizeof(WorkerDb));
	}
	for (int i = 0; i < WORKER_TROUBLES; i++)
	{
		WorkerTrouble *trouble = &mlops_worker_shared->troubles[i];

		if (OidIsValid(trouble->database) &&
			(clock_went_back || !list_member_oid(databases, trouble->database)))
			memset(trouble, 0, sizeof(WorkerTrouble));
	}
	foreach(lc, databases)
		if (mlops_worker_find_database(lfirst_oid(lc), true) == NULL)
			full = true;
	LWLockRelease(mlops_worker_shared->lock);
	if (full && may_complain(&complained))
		ereport(LOG,
				(errmsg("mlops runs jobs in %d databases, not in all of them", WORKER_DATABASES),
				 errhint("mlops.databases chooses them.")));
}

/* Slots of workers that never began. */
static void
reap(TimestampTz now)
{
	pid_t		pid;

	for (int i = 0; i < WORKER_SLOTS; i++)
	{
		WorkerSlot *slot = &mlops_worker_shared->slots[i];
		bool		stopped = handles[i] &&
			GetBackgroundWorkerPid(handles[i], &pid) == BGWH_STOPPED;

		LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
		if (slot->phase == WORKER_STARTING &&
			(stopped || now > slot->since + START_SECONDS * USECS_PER_SEC || now < slot->since))
		{
			slot->phase = WORKER_FREE;
			slot->generation++;
		}
		LWLockRelease(mlops_worker_shared->lock);
		if (stopped)
		{
			pfree(handles[i]);
			handles[i] = NULL;
		}
	}
}

/* What to start next. */
typedef struct Candidate
{
	Oid			database;		/* InvalidOid: nothing */
	Oid			role;			/* InvalidOid: a look */
	int			neighbours;		/* workers that are there already */
	TimestampTz due;
} Candidate;

static void
consider(Candidate *best, Oid database, Oid role, int neighbours, TimestampTz due)
{
	if (OidIsValid(best->database) &&
		(neighbours > best->neighbours || (neighbours == best->neighbours && due >= best->due)))
		return;
	best->database = database;
	best->role = role;
	best->neighbours = neighbours;
	best->due = due;
}

/* May a worker of the role be started in the database; *wake: and if not yet, when? */
static bool
is_free(Oid database, Oid role, TimestampTz now, TimestampTz *wake)
{
	WorkerTrouble *trouble = mlops_worker_find_trouble(database, role);

	if (has_slot(database, role))
		return false;
	if (trouble == NULL || trouble->until <= now)
		return true;
	*wake = Min(*wake, trouble->until);
	return false;
}

/* The one that is due, in the database with the fewest workers; *wake: when the next will be. */
static Candidate
choose(List *databases, TimestampTz now, TimestampTz *wake)
{
	Candidate	best = {InvalidOid, InvalidOid, 0, 0};

	for (int i = 0; i < WORKER_DATABASES; i++)
	{
		WorkerDb   *db = &mlops_worker_shared->databases[i];
		int			neighbours;

		if (!OidIsValid(db->database) || db->holds > 0 || !list_member_oid(databases, db->database))
			continue;
		neighbours = slots_of(db->database);
		if (db->look_at > now)
			*wake = Min(*wake, db->look_at);
		else if (is_free(db->database, InvalidOid, now, wake))
			consider(&best, db->database, InvalidOid, neighbours, db->look_at);
		for (int j = 0; j < db->nowners; j++)
			if (is_free(db->database, db->owners[j], now, wake))
			{
				consider(&best, db->database, db->owners[j], neighbours, db->look_at);
				break;
			}
	}
	return best;
}

static void
forget_owner(WorkerDb *db, Oid role)
{
	for (int i = 0; i < db->nowners; i++)
		if (db->owners[i] == role)
		{
			memmove(&db->owners[i], &db->owners[i + 1], (db->nowners - i - 1) * sizeof(Oid));
			db->nowners--;
			db->last_role = role;
			return;
		}
}

/* Take a slot for the candidate; -1: all are taken. */
static int
take_slot(const Candidate *candidate, TimestampTz now)
{
	for (int i = 0; i < mlops_guc_max_workers; i++)
	{
		WorkerSlot *slot = &mlops_worker_shared->slots[i];

		if (slot->phase != WORKER_FREE)
			continue;
		slot->phase = WORKER_STARTING;
		slot->generation++;
		slot->database = candidate->database;
		slot->role = candidate->role;
		slot->pid = 0;
		slot->since = now;
		slot->job_id = 0;
		slot->leave = false;
		return i;
	}
	return -1;
}

static void
start_worker(int i)
{
	static TimestampTz complained = 0;
	WorkerSlot *slot = &mlops_worker_shared->slots[i];
	BackgroundWorker worker;
	MemoryContext old;
	bool		started;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "mlops", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "mlops_worker_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, WORKER_TYPE, BGW_MAXLEN);
	strlcpy(worker.bgw_type, WORKER_TYPE, BGW_MAXLEN);
	worker.bgw_main_arg = Int64GetDatum((int64) (((uint64) i << 32) | slot->generation));
	worker.bgw_notify_pid = MyProcPid;
	if (handles[i])
		pfree(handles[i]);
	old = MemoryContextSwitchTo(TopMemoryContext);
	started = RegisterDynamicBackgroundWorker(&worker, &handles[i]);
	MemoryContextSwitchTo(old);
	if (started)
		return;
	handles[i] = NULL;
	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	slot->phase = WORKER_FREE;
	slot->generation++;
	LWLockRelease(mlops_worker_shared->lock);
	if (may_complain(&complained))
		ereport(LOG,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("mlops could not start a worker"),
				 errdetail("Jobs that are due wait."),
				 errhint("Increase max_worker_processes.")));
}

/* Start what is due; returns when to come again, and whether no process was to be had. */
static TimestampTz
start_workers(List *databases, TimestampTz now)
{
	TimestampTz wake = now + mlops_guc_launcher_poll * USECS_PER_SEC;
	Candidate	candidate;
	WorkerDb   *db;
	int			slot;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		slot = -1;
		LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
		candidate = choose(databases, now, &wake);
		if (OidIsValid(candidate.database))
			slot = take_slot(&candidate, now);
		if (slot >= 0)
		{
			db = mlops_worker_find_database(candidate.database, false);
			forget_owner(db, candidate.role);
		}
		LWLockRelease(mlops_worker_shared->lock);
		if (slot < 0)
			return wake;		/* a worker that ends wakes us */
		start_worker(slot);
		if (handles[slot] == NULL)
		{
			LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
			db = mlops_worker_find_database(candidate.database, false);
			if (db)
				db->look_at = 0;	/* it has lost its owner's name */
			LWLockRelease(mlops_worker_shared->lock);
			return wake;
		}
	}
}

static void
leave_shmem(int code, Datum arg)
{
	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	mlops_worker_shared->latch = NULL;
	mlops_worker_shared->launcher_pid = 0;
	LWLockRelease(mlops_worker_shared->lock);
}

static void
enter_shmem(void)
{
	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	mlops_worker_shared->latch = MyLatch;
	mlops_worker_shared->launcher_pid = MyProcPid;
	mlops_worker_shared->launcher_start = MyStartTimestamp;
	LWLockRelease(mlops_worker_shared->lock);
	before_shmem_exit(leave_shmem, 0);
}

/* One turn; returns when the next is due. */
static TimestampTz
turn(void)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();
	List	   *databases;

	reap(now);
	databases = read_databases();
	update_databases(databases, now, now + CLOCK_SECONDS * USECS_PER_SEC < last);
	last = now;
	if (!mlops_guc_enabled)
		return now + mlops_guc_launcher_poll * USECS_PER_SEC;
	return start_workers(databases, now);
}

void
mlops_launcher_main(Datum arg)
{
	MemoryContext context;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("mlops launcher");
	enter_shmem();
	context = AllocSetContextCreate(TopMemoryContext, "mlops launcher", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	for (;;)
	{
		TimestampTz next;
		long		ms;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		MemoryContextReset(context);
		next = turn();
		ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);
		ms = Max(Min(ms, mlops_guc_launcher_poll * 1000L), 1);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
