/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  What launcher, workers and sessions tell one another.
 *
 * Everything here can be lost: after a crash the launcher looks at every
 * database anew, and what was under way is found in the tables.
 *
 * IDENTIFICATION
 *	  src/worker/shmem.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/pidfile.h"

#include "mlops/base.h"

#include "worker_private.h"

#define TRANCHE			"mlops"
#define TROUBLE_SECONDS	10		/* after the first failure of a worker; doubles */
#define TROUBLE_MOST	3600

WorkerShared *mlops_worker_shared = NULL;

static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

/* this process's own, if it is a worker */
static WorkerSlot *my_slot = NULL;
static bool my_work_is_done = false;
static int	my_error = 0;

static void
request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WorkerShared)));
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
startup(void)
{
	bool		found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	mlops_worker_shared = ShmemInitStruct("mlops workers", sizeof(WorkerShared), &found);
	if (!found)
	{
		memset(mlops_worker_shared, 0, sizeof(WorkerShared));
		mlops_worker_shared->lock = &GetNamedLWLockTranche(TRANCHE)->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

WorkerDb *
mlops_worker_find_database(Oid database, bool make)
{
	WorkerDb   *unused = NULL;

	for (int i = 0; i < WORKER_DATABASES; i++)
	{
		WorkerDb   *db = &mlops_worker_shared->databases[i];

		if (db->database == database)
			return db;
		if (!OidIsValid(db->database) && unused == NULL)
			unused = db;
	}
	if (!make || unused == NULL)
		return NULL;
	memset(unused, 0, sizeof(WorkerDb));
	unused->database = database;
	unused->made_at = GetCurrentTimestamp();
	unused->next_due = DT_NOEND;
	return unused;
}

WorkerTrouble *
mlops_worker_find_trouble(Oid database, Oid role)
{
	for (int i = 0; i < WORKER_TROUBLES; i++)
		if (mlops_worker_shared->troubles[i].database == database && mlops_worker_shared->troubles[i].role == role)
			return &mlops_worker_shared->troubles[i];
	return NULL;
}

void
mlops_worker_wake_launcher(void)
{
	if (mlops_worker_shared->latch)
		SetLatch(mlops_worker_shared->latch);
}

/* At the end of a transaction that asked for it. */
static void
wake(int what)
{
	WorkerDb   *db;

	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	db = mlops_worker_find_database(MyDatabaseId, true);
	if (db)
	{
		db->wakes++;
		if (what & MLOPS_WAKE_EXTENSION)
		{
			db->installer_pid = MyProcPid;
			db->installer_start = MyStartTimestamp;
			db->installed_at = GetCurrentTransactionStartTimestamp();
			db->upkeep_at = WORKER_AFTER(WORKER_UPKEEP_SOON);
		}
		if (what & MLOPS_WAKE_UPKEEP)
			db->upkeep_at = Min(db->upkeep_at, WORKER_AFTER(WORKER_UPKEEP_SOON));
		if (what & (MLOPS_WAKE_EXTENSION | MLOPS_WAKE_JOBS))
			db->look_at = 0;
		else
			db->look_at = Min(db->look_at, db->upkeep_at);
	}
	if (what & (MLOPS_WAKE_EXTENSION | MLOPS_WAKE_JOBS))
		mlops_worker_wake_launcher();
	LWLockRelease(mlops_worker_shared->lock);
}

void
mlops_worker_shmem_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
	mlops_wake_hook = wake;
}

/* The line of (database, role), or the one that matters least. */
static WorkerTrouble *
make_trouble(Oid database, Oid role)
{
	WorkerTrouble *trouble = mlops_worker_find_trouble(database, role);

	if (trouble)
		return trouble;
	trouble = &mlops_worker_shared->troubles[0];
	for (int i = 0; i < WORKER_TROUBLES && OidIsValid(trouble->database); i++)
		if (!OidIsValid(mlops_worker_shared->troubles[i].database) ||
			mlops_worker_shared->troubles[i].until < trouble->until)
			trouble = &mlops_worker_shared->troubles[i];
	memset(trouble, 0, sizeof(WorkerTrouble));
	trouble->database = database;
	trouble->role = role;
	return trouble;
}

void
mlops_worker_pause(Oid database, Oid role, int seconds)
{
	WorkerTrouble *trouble = make_trouble(database, role);

	trouble->until = Max(trouble->until, WORKER_AFTER(seconds));
}

static void
note_trouble(const WorkerSlot *slot)
{
	WorkerTrouble *trouble = make_trouble(slot->database, slot->role);
	int			wait = TROUBLE_SECONDS << Min(trouble->failures, 10);

	trouble->failures++;
	trouble->sqlerrcode = my_error;
	/* the role may not; too many connections, or a database that starts, will pass */
	trouble->refused = OidIsValid(slot->role) && slot->phase == WORKER_ATTACHED &&
		(my_error == ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION || my_error == ERRCODE_INSUFFICIENT_PRIVILEGE);
	trouble->until = WORKER_AFTER(Min(wait, TROUBLE_MOST));
}

/* The worker ends, whatever the reason. */
static void
detach(int code, Datum arg)
{
	WorkerTrouble *trouble;
	WorkerDb   *db;

	if (my_slot == NULL)
		return;
	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	db = mlops_worker_find_database(my_slot->database, false);
	if (my_work_is_done && !my_slot->leave)
	{
		trouble = mlops_worker_find_trouble(my_slot->database, my_slot->role);
		if (trouble)
			memset(trouble, 0, sizeof(WorkerTrouble));
	}
	else
	{
		if (!my_slot->leave && my_error != ERRCODE_QUERY_CANCELED && my_error != ERRCODE_ADMIN_SHUTDOWN)
			note_trouble(my_slot);
		if (db)
			db->look_at = 0;
	}
	my_slot->phase = WORKER_FREE;
	my_slot->generation++;
	mlops_worker_wake_launcher();
	LWLockRelease(mlops_worker_shared->lock);
	my_slot = NULL;
}

bool
mlops_worker_attach(Datum arg, WorkerSlot *copy)
{
	uint64		which = (uint64) DatumGetInt64(arg);
	WorkerSlot *slot;
	WorkerDb   *db;
	bool		mine;

	if (mlops_worker_shared == NULL || (which >> 32) >= WORKER_SLOTS)
		return false;
	slot = &mlops_worker_shared->slots[which >> 32];
	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	mine = slot->phase == WORKER_STARTING && slot->generation == (uint32) which;
	if (mine)
	{
		db = mlops_worker_find_database(slot->database, false);
		slot->phase = WORKER_ATTACHED;
		slot->pid = MyProcPid;
		slot->since = MyStartTimestamp;
		if (db == NULL || db->holds > 0)
			slot->leave = true;
		*copy = *slot;
		my_slot = slot;
	}
	LWLockRelease(mlops_worker_shared->lock);
	if (mine)
		before_shmem_exit(detach, 0);
	return mine;
}

void
mlops_worker_connected(void)
{
	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	my_slot->phase = WORKER_CONNECTED;
	LWLockRelease(mlops_worker_shared->lock);
}

void
mlops_worker_set_job(int64 job_id)
{
	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	my_slot->job_id = job_id;
	LWLockRelease(mlops_worker_shared->lock);
}

bool
mlops_worker_told_to_leave(void)
{
	return my_slot && (mlops_worker_leaving() || *(volatile bool *) &my_slot->leave || !PostmasterIsAlive());
}

/* The postmaster writes so, for pg_ctl, before it tells anybody. */
static bool
server_stops(void)
{
	FILE	   *file = AllocateFile("postmaster.pid", "r");
	char		line[MAXPGPATH];
	bool		stops = false;

	if (file == NULL)
		return false;
	for (int i = 1; fgets(line, sizeof(line), file) != NULL; i++)
		if (i == LOCK_FILE_LINE_PM_STATUS)
			stops = strncmp(line, PM_STATUS_STOPPING, strlen(PM_STATUS_STOPPING)) == 0;
	FreeFile(file);
	return stops;
}

bool
mlops_worker_makes_way(void)
{
	return my_slot && (*(volatile bool *) &my_slot->leave || !PostmasterIsAlive() ||
					   (mlops_worker_leaving() && server_stops()));
}

void
mlops_worker_note_error(int sqlerrcode)
{
	my_error = sqlerrcode;
}

void
mlops_worker_done(void)
{
	my_work_is_done = true;
}

static MlWorkerFact *
add_fact(MlWorkerFact *facts, int *n, const char *part, const char *state)
{
	MlWorkerFact *fact = &facts[(*n)++];

	memset(fact, 0, sizeof(MlWorkerFact));
	fact->part = part;
	fact->state = state;
	return fact;
}

static void
database_fact(MlWorkerFact *facts, int *n, const WorkerDb *db)
{
	WorkerTrouble *trouble = mlops_worker_find_trouble(MyDatabaseId, InvalidOid);
	const char *state = "unknown";
	MlWorkerFact *fact;

	if (db->holds > 0)
		state = "held";
	else if (db->state == WORKER_DB_ABSENT)
		state = "absent";
	else if (db->state == WORKER_DB_PRESENT)
		state = db->nowners > 0 ? "due" : "idle";
	fact = add_fact(facts, n, "database", state);
	if (!TIMESTAMP_NOT_FINITE(db->next_due))
		fact->next = db->next_due;
	if (trouble)
	{
		fact->failures = trouble->failures;
		fact->sqlerrcode = trouble->sqlerrcode;
	}
}

static void
worker_facts(MlWorkerFact *facts, int *n)
{
	MlWorkerFact *fact;

	for (int i = 0; i < WORKER_SLOTS; i++)
	{
		WorkerSlot *slot = &mlops_worker_shared->slots[i];

		if (slot->phase == WORKER_FREE || slot->database != MyDatabaseId)
			continue;
		fact = add_fact(facts, n, "worker", slot->leave ? "leaving" :
						slot->phase != WORKER_CONNECTED ? "starting" :
						OidIsValid(slot->role) ? "running" : "looking");
		fact->role = slot->role;
		fact->pid = slot->pid;
		fact->job_id = slot->job_id;
		fact->since = slot->since;
	}
	for (int i = 0; i < WORKER_TROUBLES; i++)
	{
		WorkerTrouble *trouble = &mlops_worker_shared->troubles[i];

		if (trouble->database != MyDatabaseId || !OidIsValid(trouble->role))
			continue;
		fact = add_fact(facts, n, "owner", "waiting");
		fact->role = trouble->role;
		fact->next = trouble->until;
		fact->failures = trouble->failures;
		fact->sqlerrcode = trouble->sqlerrcode;
	}
}

MlWorkerFact *
mlops_worker_facts(int *n)
{
	MlWorkerFact *facts = palloc((2 + WORKER_SLOTS + WORKER_TROUBLES) * sizeof(MlWorkerFact));
	MlWorkerFact *fact;
	WorkerDb   *db;

	*n = 0;
	if (mlops_worker_shared == NULL)
	{
		add_fact(facts, n, "launcher", "not preloaded");
		return facts;
	}
	LWLockAcquire(mlops_worker_shared->lock, LW_SHARED);
	fact = add_fact(facts, n, "launcher", mlops_worker_shared->launcher_pid == 0 ? "not running" :
					mlops_guc_enabled ? "running" : "disabled");
	fact->pid = mlops_worker_shared->launcher_pid;
	fact->since = mlops_worker_shared->launcher_start;
	db = mlops_worker_find_database(MyDatabaseId, false);
	if (db)
		database_fact(facts, n, db);
	worker_facts(facts, n);
	LWLockRelease(mlops_worker_shared->lock);
	return facts;
}
