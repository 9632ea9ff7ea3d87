/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  Background workers: what others may know of them.
 *
 * IDENTIFICATION
 *	  include/mlops/worker.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_WORKER_H
#define MLOPS_WORKER_H

#include "utils/timestamp.h"

#include "mlops/compat.h"

/*
 * Called by _PG_init.  With the library in shared_preload_libraries: shared
 * memory, the launcher and the hook on DDL; otherwise nothing.
 */
extern void mlops_worker_init(void);

/* What worker_status shows: a line on the launcher, the database, a worker or a role whose jobs wait. */
typedef struct MlWorkerFact
{
	const char *part;			/* "launcher", "database", "worker" or "owner" */
	const char *state;
	Oid			role;			/* InvalidOid: none */
	int			pid;			/* 0: none */
	int64		job_id;			/* 0: none */
	TimestampTz since;			/* 0: not known */
	TimestampTz next;			/* when something is to happen; 0: not known */
	int			failures;		/* of the worker itself, one after the other */
	int			sqlerrcode;		/* 0: none */
} MlWorkerFact;

/* Those of this database, palloc'd; *n: how many.  shmem.c */
extern MlWorkerFact *mlops_worker_facts(int *n);

#endif							/* MLOPS_WORKER_H */
