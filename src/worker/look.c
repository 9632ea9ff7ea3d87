/*-------------------------------------------------------------------------
 *
 * look.c
 *	  Whose jobs are due in this database, and when the next one will be.
 *
 * Reads two indexes of our own, whoever asks, and tells nobody but the
 * launcher; nothing of a user runs.  Due are jobs whose time has come and
 * runs that nobody is at any more.
 *
 * IDENTIFICATION
 *	  src/worker/look.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "mlops/job.h"
#include "mlops/store.h"

#include "job_private.h"
#include "worker_private.h"

/* Must match sql/install/30_job_tables.sql. */
#define JOB_OWNER_OID		4
#define JOB_OWNER_NAME		5
#define JOB_OWNER_SYSTEM	6
#define JOB_NEXT_DUE		10
#define JOB_RUNNING_PID		17
#define JOB_RUNNING_START	18
#define JOB_RUNNING_SYSTEM	19
#define JOB_CREATED			20
#define JOB_NATTS			20

#define RESTORING	"pg_restore"	/* what it calls itself */
#define RESTORING_SECONDS 10		/* then look again */

typedef struct Look
{
	WorkerDb	before;			/* what was known of the database */
	WorkerDbState state;
	Oid			extension_owner;
	TimestampTz now;
	TimestampTz next_due;
	List	   *owners;			/* OIDs of roles */
	bool		restoring;		/* jobs of a dump wait for the end of its restore */
	bool		others;			/* somebody is at a job and is not a worker, or is one that ends */
} Look;

/* Is this database being filled from a dump? */
static bool
is_restoring(const WorkerDb *db)
{
	int			n;
	Oid			user;

	if (db->installer_pid != 0 && mlops_job_session_alive(db->installer_pid, db->installer_start, &user))
		return true;
	pgstat_clear_backend_activity_snapshot();
	n = pgstat_fetch_stat_numbackends();
	for (int i = 1; i <= n; i++)
	{
		PgBackendStatus *be = &mlops_local_beentry(i)->backendStatus;

		if (be->st_procpid != 0 && be->st_databaseid == MyDatabaseId &&
			strcmp(be->st_appname, RESTORING) == 0)
			return true;
	}
	return false;
}

/* A job of this row's owner is due. */
static void
add_owner(Look *look, MlScan *scan, HeapTuple tuple)
{
	Oid			owner = mlops_stored_role(DatumGetObjectId(mlops_scan_column(scan, tuple, JOB_OWNER_OID)),
										  NameStr(*DatumGetName(mlops_scan_column(scan, tuple, JOB_OWNER_NAME))),
										  DatumGetInt64(mlops_scan_column(scan, tuple, JOB_OWNER_SYSTEM)));

	if (!OidIsValid(owner))
		return;
	/* older than the extension: it came with a dump */
	if (look->before.installed_at != 0 &&
		DatumGetTimestampTz(mlops_scan_column(scan, tuple, JOB_CREATED)) < look->before.installed_at &&
		is_restoring(&look->before))
		look->restoring = true;
	else
		look->owners = list_append_unique_oid(look->owners, owner);
}

static void
look_at_due(Look *look)
{
	MlScan		scan;
	HeapTuple	tuple;

	mlops_scan_begin(&scan, "job", "job_next_due_idx", JOB_NATTS, 0, NULL);
	while (HeapTupleIsValid(tuple = mlops_scan_next(&scan)))
	{
		bool		isnull;
		TimestampTz due;

		CHECK_FOR_INTERRUPTS();
		due = DatumGetTimestampTz(heap_getattr(tuple, JOB_NEXT_DUE, RelationGetDescr(scan.rel), &isnull));
		if (isnull)
			break;				/* so are all that follow */
		if (due > look->now)
		{
			look->next_due = due;
			break;
		}
		add_owner(look, &scan, tuple);
	}
	mlops_scan_end(&scan);
}

static bool
is_worker(int pid)
{
	bool		is = false;

	LWLockAcquire(mlops_worker_shared->lock, LW_SHARED);
	for (int i = 0; i < WORKER_SLOTS; i++)
		is = is || (mlops_worker_shared->slots[i].phase != WORKER_FREE && mlops_worker_shared->slots[i].pid == pid);
	LWLockRelease(mlops_worker_shared->lock);
	return is;
}

static void
look_at_running(Look *look)
{
	MlScan		scan;
	HeapTuple	tuple;

	mlops_scan_begin(&scan, "job", "job_running_idx", JOB_NATTS, 0, NULL);
	while (HeapTupleIsValid(tuple = mlops_scan_next(&scan)))
	{
		int			pid = DatumGetInt32(mlops_scan_column(&scan, tuple, JOB_RUNNING_PID));
		Oid			user;

		CHECK_FOR_INTERRUPTS();
		if (DatumGetInt64(mlops_scan_column(&scan, tuple, JOB_RUNNING_SYSTEM)) == mlops_this_system() &&
			mlops_job_session_alive(pid, DatumGetTimestampTz(mlops_scan_column(&scan, tuple, JOB_RUNNING_START)), &user))
			look->others = look->others || !is_worker(pid);
		else
			add_owner(look, &scan, tuple);
	}
	mlops_scan_end(&scan);
}

/* Before PostgreSQL 17 a role that may not log in cannot have a worker. */
static bool
can_connect(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		can = MLOPS_WORKER_CONNECTS_NOLOGIN;

	if (!HeapTupleIsValid(tuple))
		return false;
	can = can || ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	ReleaseSysCache(tuple);
	return can;
}

/* Has a worker of the role failed to connect, so that its jobs are to say so? */
static bool
take_refusal(Oid role)
{
	WorkerTrouble *trouble;
	bool		refused;

	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	trouble = mlops_worker_find_trouble(MyDatabaseId, role);
	refused = trouble && trouble->refused;
	if (refused)
		trouble->refused = false;
	LWLockRelease(mlops_worker_shared->lock);
	return refused;
}

/* Jobs of roles that no worker can connect as: their failure is on record.  Returns whether there were any. */
static bool
refuse_some(Look *look)
{
	List	   *refused = NIL;
	ListCell   *lc;

	foreach(lc, look->owners)
		if (!can_connect(lfirst_oid(lc)) || take_refusal(lfirst_oid(lc)))
			refused = lappend_oid(refused, lfirst_oid(lc));
	foreach(lc, refused)
		mlops_jobs_refuse("mlops worker", lfirst_oid(lc));
	return refused != NIL;
}

static int
compare_oids(const ListCell *a, const ListCell *b)
{
	return lfirst_oid(a) < lfirst_oid(b) ? -1 : lfirst_oid(a) > lfirst_oid(b) ? 1 : 0;
}

/* Those after the one that was served last come first, then those from the begin. */
static void
store_owners(WorkerDb *db, List *owners)
{
	ListCell   *lc;

	list_sort(owners, compare_oids);
	db->nowners = 0;
	for (int round = 0; round < 2; round++)
		foreach(lc, owners)
			if ((lfirst_oid(lc) > db->last_role) == (round == 0) && db->nowners < WORKER_OWNERS)
				db->owners[db->nowners++] = lfirst_oid(lc);
}

static void
report(const Look *look)
{
	WorkerDb   *db;
	TimestampTz again;

	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	db = mlops_worker_find_database(MyDatabaseId, false);
	if (db)
	{
		db->state = look->state;
		db->next_due = look->next_due;
		if (look->state == WORKER_DB_ABSENT)
			again = look->now + WORKER_LOOK_ABSENT * USECS_PER_SEC;
		else
			again = Min(Min(look->next_due, db->upkeep_at), look->now + WORKER_LOOK_IDLE * USECS_PER_SEC);
		if (look->restoring)
			again = Min(again, look->now + RESTORING_SECONDS * USECS_PER_SEC);
		if (look->others)
			again = Min(again, look->now + WORKER_LOOK_RUNNING * USECS_PER_SEC);
		/* what was said meanwhile may have come too late for us */
		db->look_at = db->wakes == look->before.wakes ? again : 0;
		store_owners(db, look->owners);
	}
	LWLockRelease(mlops_worker_shared->lock);
}

/* The extension's owner has what is always to be done. */
static void
look_at_upkeep(Look *look)
{
	WorkerDb   *db;
	bool		due;

	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	db = mlops_worker_find_database(MyDatabaseId, false);
	due = db && db->upkeep_at <= look->now;
	if (due)
		db->upkeep_at = look->now + WORKER_UPKEEP * USECS_PER_SEC;
	LWLockRelease(mlops_worker_shared->lock);
	if (due && can_connect(look->extension_owner))
		look->owners = list_append_unique_oid(look->owners, look->extension_owner);
	else if (due)
		ereport(LOG,
				(errmsg("the audit trail is not sealed and retention is not applied by itself"),
				 errdetail("The owner of extension \"mlops\" cannot log in.")));
}

void
mlops_worker_look(void)
{
	Look		look;
	WorkerDb   *db;

	memset(&look, 0, sizeof(look));
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	LWLockAcquire(mlops_worker_shared->lock, LW_SHARED);
	db = mlops_worker_find_database(MyDatabaseId, false);
	if (db)
		look.before = *db;
	LWLockRelease(mlops_worker_shared->lock);
	PushActiveSnapshot(GetTransactionSnapshot());
	look.now = GetCurrentTimestamp();
	look.next_due = DT_NOEND;
	look.state = WORKER_DB_ABSENT;
	if (OidIsValid(get_extension_oid("mlops", true)))
	{
		look.state = WORKER_DB_PRESENT;
		look.extension_owner = mlops_extension_owner();
		look_at_due(&look);
		look_at_running(&look);
		if (refuse_some(&look))
		{
			CommandCounterIncrement();
			UpdateActiveSnapshotCommandId();
			look.next_due = DT_NOEND;
			list_free(look.owners);
			look.owners = NIL;
			look_at_due(&look);
			look_at_running(&look);
		}
		look_at_upkeep(&look);
	}
	report(&look);
	PopActiveSnapshot();
	CommitTransactionCommand();
}
