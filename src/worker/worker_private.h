/*-------------------------------------------------------------------------
 *
 * worker_private.h
 *	  What launcher, workers and sessions share.
 *
 * One lightweight lock guards all of it; nobody does anything slow while
 * holding it.  A slot belongs to the launcher while it is free, and is given
 * to a worker by its generation: a worker that comes late, after its slot was
 * given to another, finds that and leaves.  A database's line is made by
 * the launcher or by the first session that has something to say about it.
 *
 * IDENTIFICATION
 *	  src/worker/worker_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_WORKER_PRIVATE_H
#define MLOPS_WORKER_PRIVATE_H

#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "mlops/job.h"
#include "mlops/worker.h"

#define WORKER_DATABASES	1000
#define WORKER_OWNERS		8	/* of a database, whose jobs are due, that are kept in mind */
#define WORKER_SLOTS		64	/* the most that mlops.max_workers can be */
#define WORKER_TROUBLES		128

#define WORKER_LOOK_IDLE	(10 * 60)	/* seconds after which a database is looked at though nobody said so */
#define WORKER_LOOK_ABSENT	(60 * 60)	/* ... one without the extension */
#define WORKER_UPKEEP		(60 * 60)	/* sealing, retention: at least so often */
#define WORKER_UPKEEP_SOON	60	/* ... and after something happened that is to be sealed */

#define WORKER_LOOK_RUNNING	5	/* where somebody is at a job and is none of our workers */

#define WORKER_TYPE			"mlops worker"
#define WORKER_AFTER(seconds) TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64) (seconds) * 1000)

typedef enum WorkerDbState
{
	WORKER_DB_UNKNOWN,			/* nobody has looked */
	WORKER_DB_ABSENT,			/* without the extension */
	WORKER_DB_PRESENT
} WorkerDbState;

typedef struct WorkerDb
{
	Oid			database;		/* InvalidOid: a free line */
	WorkerDbState state;
	TimestampTz made_at;		/* the line */
	int			holds;			/* sessions that want it left alone */
	uint64		wakes;			/* how often somebody said that there may be something new */
	TimestampTz look_at;		/* when to look, at the latest */
	TimestampTz next_due;		/* as of the last look: of the jobs that were not due; DT_NOEND: none */
	TimestampTz upkeep_at;		/* sealing and retention */
	Oid			last_role;		/* served last: the others have their turn */
	int			nowners;
	Oid			owners[WORKER_OWNERS];	/* something of theirs is due */
	int			installer_pid;	/* the session that made the extension, and when; 0: not known */
	TimestampTz installer_start;
	TimestampTz installed_at;
} WorkerDb;

typedef enum WorkerPhase
{
	WORKER_FREE,
	WORKER_STARTING,			/* asked of the postmaster */
	WORKER_ATTACHED,			/* it runs */
	WORKER_CONNECTED			/* to the database, as the role */
} WorkerPhase;

typedef struct WorkerSlot
{
	WorkerPhase phase;
	uint32		generation;
	Oid			database;
	Oid			role;			/* InvalidOid: it only looks what is due */
	int			pid;
	TimestampTz since;
	int64		job_id;			/* 0: at none */
	bool		leave;			/* it is to go, for which nobody is to blame */
} WorkerSlot;

/* Workers of this database and role have failed, or were asked to leave: not before "until". */
typedef struct WorkerTrouble
{
	Oid			database;		/* InvalidOid: a free line */
	Oid			role;			/* InvalidOid: those that look */
	int			failures;
	TimestampTz until;
	int			sqlerrcode;
	bool		refused;		/* could not connect, which is to be noted with its jobs */
} WorkerTrouble;

typedef struct WorkerShared
{
	LWLock	   *lock;
	Latch	   *latch;			/* the launcher's; NULL: there is none */
	int			launcher_pid;
	TimestampTz launcher_start;
	WorkerDb	databases[WORKER_DATABASES];
	WorkerSlot	slots[WORKER_SLOTS];
	WorkerTrouble troubles[WORKER_TROUBLES];
} WorkerShared;

/* shmem.c; where the library is not preloaded mlops_worker_shared is NULL */
extern WorkerShared *mlops_worker_shared;
extern void mlops_worker_shmem_init(void);

/* The following with the lock held. */
extern WorkerDb *mlops_worker_find_database(Oid database, bool make); /* NULL: none, or no room */
extern WorkerTrouble *mlops_worker_find_trouble(Oid database, Oid role);	/* NULL: none */
extern void mlops_worker_pause(Oid database, Oid role, int seconds);	/* no worker of the role is started before */
extern void mlops_worker_wake_launcher(void);

/* The worker's own slot. */
extern bool mlops_worker_attach(Datum arg, WorkerSlot *copy);
extern void mlops_worker_connected(void);
extern void mlops_worker_set_job(int64 job_id);
extern bool mlops_worker_told_to_leave(void);
extern bool mlops_worker_makes_way(void);	/* ... and the job is due again: the server stops, or a command wants the database */
extern void mlops_worker_note_error(int sqlerrcode);
extern void mlops_worker_done(void);

/* launcher.c */
extern PGDLLEXPORT void mlops_launcher_main(Datum arg);
extern void mlops_worker_register_launcher(void);

/* worker.c */
extern PGDLLEXPORT void mlops_worker_main(Datum arg);

/* Around the steps of a job; do nothing in other sessions. */
extern bool mlops_worker_is_me(void);
extern void mlops_worker_job_begin(const MlJob *job);
extern void mlops_worker_job_end(void);

/* What lies between them is cancelled by SIGTERM; the first can raise that, the second ends it after an error, too. */
extern void mlops_worker_step_begin(void);
extern void mlops_worker_step_end(void);
extern bool mlops_worker_leaving(void); /* SIGTERM came */

/* look.c: what is due in this database, noted in shared memory; in no transaction */
extern void mlops_worker_look(void);

/* utility_hook.c */
extern void mlops_worker_hook_init(void);

#endif							/* MLOPS_WORKER_PRIVATE_H */
