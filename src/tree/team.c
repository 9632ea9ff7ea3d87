/*-------------------------------------------------------------------------
 *
 * team.c
 *	  A team of this backend and parallel workers doing numbered tasks.
 *
 * The team's memory is a segment of its own, made before the workers are
 * launched: rows are read into it while the backend may still read tables.  The
 * workers come by way of a ParallelContext, whose own segment carries nothing
 * of ours but where the team's is.
 *
 * The protocol.  A run is a task and a count of numbers to do it with.  One
 * 64-bit word, "next", holds the generation of the run in its upper half and
 * the next number to be taken in its lower; a number is taken by compare and
 * swap of that word.  What the run is stands in one of two places, by the
 * generation's lowest bit: who read it while the next run but one was written
 * there fails to take a number, because the generation has gone on.  "done"
 * counts finished numbers; it starts again only when all of a run's are
 * finished, so a member that still works is never of another run than the
 * others.  Nobody ever waits for a worker that has not taken a number.
 *
 * Waiting.  Rounds of a few microseconds follow each other closely, so a
 * member that finds nothing to do spins for as long as it takes to wake a
 * sleeper, then sleeps on a condition variable.  Who might have to wake someone
 * writes first, then looks whether anyone sleeps; who is about to sleep says so
 * first, then looks again: one of the two sees the other.
 *
 * When something fails, the leader's transaction aborts, which ends the workers
 * (they check for interrupts between tasks and in their sleep); the segment
 * goes with the memory context in which the team was made.
 *
 * IDENTIFICATION
 *	  src/tree/team.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/dsm.h"
#include "storage/dsm_impl.h"
#include "storage/s_lock.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"

#include "mlops/compat.h"

#include "team.h"

#define WORK_PER_WORKER 20e6	/* units that pay for the start of a worker */
#define SPINS 2000				/* 20 to 50 us on most processors */
#define SLEEP_MS 1000			/* nobody relies on it: wake-ups are not lost */
#define STOP_GENERATION PG_UINT32_MAX
#define TEAM_KEY UINT64CONST(0x6d6c6f7073000001)
#define PARALLEL_DSM_BYTES (1024 * 1024)	/* more than a ParallelContext needs */
#define HUGE_PAGE ((Size) 2 * 1024 * 1024)
#define ZERO_STEP ((Size) 16 * 1024 * 1024)

typedef struct TeamRun
{
	int			task;
	uint32		ntasks;
} TeamRun;

/* At the start of the shared memory; what members write at the same time is cache lines apart. */
typedef struct TeamShared
{
	pg_atomic_uint64 next;		/* generation << 32 | next number */
	TeamRun		run[2];			/* by generation & 1 */
	char		pad1[PG_CACHE_LINE_SIZE];
	pg_atomic_uint32 done;		/* numbers of this run that are finished */
	pg_atomic_uint32 leader_sleeps;
	char		pad2[PG_CACHE_LINE_SIZE];
	pg_atomic_uint32 sleepers;	/* workers that sleep or are about to */
	ConditionVariable work;		/* workers: a run began, or the end */
	ConditionVariable finished; /* leader: a run is done */
} TeamShared;

/* The team's memory proper begins here, aligned as a page is. */
#define SHARED_BYTES 4096

StaticAssertDecl(sizeof(TeamShared) <= SHARED_BYTES, "team's head outgrew its page");

/* What a worker is told. */
typedef struct TeamTicket
{
	dsm_handle	handle;
	Size		size;
	int			nmembers;
	MlJob		job;
} TeamTicket;

typedef struct MlTeamPrivate
{
	TeamShared *shared;			/* NULL: one member */
	dsm_segment *segment;
	void	   *memory;			/* one member: as allocated */
	uint32		generation;
	uint64		ntasks;			/* since start, of runs with workers */
	ParallelContext *parallel;	/* between start and stop */
	MemoryContextCallback callback;
} MlTeamPrivate;

PGDLLEXPORT void mlops_team_worker(dsm_segment *seg, shm_toc *toc);

/* Can parallel workers be had here and now? */
static bool
parallel_possible(void)
{
	return IsUnderPostmaster && !IsParallelWorker() && !IsInParallelMode() &&
		max_parallel_workers > 0;
}

/*
 * As for queries, the server's own setting for tests asks for workers that would
 * not pay.
 */
int
mlops_team_plan(double work)
{
	int			workers = Min(max_parallel_maintenance_workers, max_parallel_workers);

	if (!parallel_possible())
		return 1;
	if (work < workers * WORK_PER_WORKER && !MLOPS_DEBUG_PARALLEL)
		workers = (int) (work / WORK_PER_WORKER);
	return 1 + Max(workers, 0);
}

/* The memory context goes, and the segment with it. */
static void
release_segment(void *arg)
{
	MlTeamPrivate *private = arg;

	if (private->segment)
		dsm_detach(private->segment);
	private->segment = NULL;
}

/*
 * A segment that outlives the resource owner, or NULL where the system has no
 * room.
 *
 * What a failed dsm_create leaves behind belongs to its resource owner and is
 * released with one of our own; it holds no lock when the system refuses.  A
 * subtransaction would do as well, but its end would end the progress report.
 *
 * A second segment shows that there is room for what InitializeParallelDSM
 * takes, which could not be caught.
 */
static dsm_segment *
make_segment(Size size)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ResourceOwner own = ResourceOwnerCreate(owner, "mlops team");
	dsm_segment *volatile segment = NULL;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		dsm_segment *made;
		dsm_segment *probe;

		CurrentResourceOwner = own;
		made = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
		probe = made ? dsm_create(PARALLEL_DSM_BYTES, DSM_CREATE_NULL_IF_MAXSEGMENTS) : NULL;
		if (probe)
		{
			dsm_detach(probe);
			dsm_pin_mapping(made);
			segment = made;
		}
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();

	CurrentResourceOwner = owner;
	ResourceOwnerRelease(own, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(own);
	if (error)
	{
		/* an interrupt can have been what stopped it */
		CHECK_FOR_INTERRUPTS();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_INSUFFICIENT_RESOURCES)
			ReThrowError(error);
		FreeErrorData(error);
	}
	return segment;
}

static void
zero_memory(char *memory, Size size)
{
	for (Size at = 0; at < size; at += ZERO_STEP)
	{
		CHECK_FOR_INTERRUPTS();
		memset(memory + at, 0, Min(ZERO_STEP, size - at));
	}
}

/* Memory of this process for a team of one. */
static void
make_local(MlTeam *team)
{
	Size		align = team->size >= 2 * HUGE_PAGE ? HUGE_PAGE : SHARED_BYTES;

	team->private->memory = MemoryContextAllocHuge(CurrentMemoryContext,
												   add_size(team->size, align));
	team->base = (char *) TYPEALIGN(align, team->private->memory);
#ifdef MADV_HUGEPAGE
	if (align == HUGE_PAGE)
		(void) madvise(team->base, TYPEALIGN_DOWN(HUGE_PAGE, team->size), MADV_HUGEPAGE);
#endif
	zero_memory(team->base, team->size);
	team->nmembers = 1;
}

static void
make_shared(MlTeam *team)
{
	MlTeamPrivate *private = team->private;
	TeamShared *shared = dsm_segment_address(private->segment);

	/* fresh segments come zeroed from the system, the reserved ones used before */
	if (min_dynamic_shared_memory > 0)
		zero_memory((char *) shared, team->size + SHARED_BYTES);
	pg_atomic_init_u64(&shared->next, 0);
	pg_atomic_init_u32(&shared->done, 0);
	pg_atomic_init_u32(&shared->leader_sleeps, 0);
	pg_atomic_init_u32(&shared->sleepers, 0);
	ConditionVariableInit(&shared->work);
	ConditionVariableInit(&shared->finished);
	private->shared = shared;
	team->base = (char *) shared + SHARED_BYTES;
}

MlTeam *
mlops_team_make(int nmembers, Size size)
{
	MlTeam	   *team = palloc0(sizeof(MlTeam));
	MlTeamPrivate *private = palloc0(sizeof(MlTeamPrivate));

	team->private = private;
	team->nmembers = nmembers;
	team->size = size;
	if (nmembers > 1 && parallel_possible())
	{
		private->callback.func = release_segment;
		private->callback.arg = private;
		MemoryContextRegisterResetCallback(CurrentMemoryContext, &private->callback);
		private->segment = make_segment(add_size(size, SHARED_BYTES));
		if (private->segment == NULL)
			ereport(NOTICE,
					(errmsg("not enough shared memory for parallel workers, training in one process"),
					 errhint("Enlarge the server's shared memory file system, or set max_parallel_maintenance_workers to 0.")));
	}
	if (private->segment)
		make_shared(team);
	else
		make_local(team);
	return team;
}

void
mlops_team_free(MlTeam *team)
{
	MlTeamPrivate *private = team->private;

	Assert(private->parallel == NULL);
	release_segment(private);
	if (private->memory)
		pfree(private->memory);
	private->memory = NULL;
	private->shared = NULL;
	team->base = NULL;
}

void
mlops_team_start(MlTeam *team, MlJob job)
{
	MlTeamPrivate *private = team->private;
	ParallelContext *parallel;
	TeamTicket *ticket;

	if (private->shared == NULL || !parallel_possible())
		return;

	EnterParallelMode();
	parallel = CreateParallelContext("mlops", "mlops_team_worker", team->nmembers - 1);
	shm_toc_estimate_chunk(&parallel->estimator, sizeof(TeamTicket));
	shm_toc_estimate_keys(&parallel->estimator, 1);
	InitializeParallelDSM(parallel);

	ticket = shm_toc_allocate(parallel->toc, sizeof(TeamTicket));
	ticket->handle = dsm_segment_handle(private->segment);
	ticket->size = team->size;
	ticket->nmembers = team->nmembers;
	ticket->job = job;
	shm_toc_insert(parallel->toc, TEAM_KEY, ticket);

	private->generation = 0;
	pg_atomic_write_u64(&private->shared->next, 0);
	private->shared->run[0].ntasks = 0;
	pg_atomic_write_u32(&private->shared->sleepers, 0);
	private->ntasks = 0;
	team->ndone = 0;
	private->parallel = parallel;
	LaunchParallelWorkers(parallel);
	ereport(DEBUG1,
			(errmsg_internal("training with %d of %d parallel workers",
							 parallel->nworkers_launched, parallel->nworkers)));
}

/* Begin the next run, or the end, and wake whoever sleeps. */
static void
publish(TeamShared *shared, uint32 generation)
{
	pg_write_barrier();
	pg_atomic_write_u64(&shared->next, (uint64) generation << 32);
	pg_memory_barrier();
	if (pg_atomic_read_u32(&shared->sleepers) > 0)
		ConditionVariableBroadcast(&shared->work);
}

/*
 * Take and do numbers of the current run until none is left.  Returns the
 * generation that was found without numbers.
 */
static uint32
do_tasks(MlTeam *team, TeamShared *shared)
{
	uint64		next = pg_atomic_read_u64(&shared->next);

	for (;;)
	{
		uint32		generation = (uint32) (next >> 32);
		uint32		number = (uint32) next;
		TeamRun		run;

		if (generation == STOP_GENERATION)
			return generation;
		pg_read_barrier();
		run = shared->run[generation & 1];
		if (number >= run.ntasks)
			return generation;
		if (!pg_atomic_compare_exchange_u64(&shared->next, &next, next + 1))
			continue;

		mlops_task_do(team, run.task, (int) number);
		team->ndone++;

		/* full barriers on both sides of the addition: the work, done, who sleeps */
		if (pg_atomic_add_fetch_u32(&shared->done, 1) == run.ntasks &&
			pg_atomic_read_u32(&shared->leader_sleeps) != 0)
			ConditionVariableSignal(&shared->finished);
		CHECK_FOR_INTERRUPTS();
		next = pg_atomic_read_u64(&shared->next);
	}
}

/* Leader: wait until the workers have finished what they took. */
static void
wait_for_tasks(TeamShared *shared, uint32 ntasks)
{
	for (int i = 0; i < SPINS; i++)
	{
		if (pg_atomic_read_u32(&shared->done) == ntasks)
		{
			pg_memory_barrier();
			return;
		}
		SPIN_DELAY();
	}

	ConditionVariablePrepareToSleep(&shared->finished);
	pg_atomic_write_u32(&shared->leader_sleeps, 1);
	pg_memory_barrier();
	while (pg_atomic_read_u32(&shared->done) != ntasks)
		ConditionVariableTimedSleep(&shared->finished, SLEEP_MS, PG_WAIT_EXTENSION);
	pg_atomic_write_u32(&shared->leader_sleeps, 0);
	ConditionVariableCancelSleep();
	pg_memory_barrier();
}

void
mlops_team_run(MlTeam *team, MlTeamTask task, int ntasks)
{
	MlTeamPrivate *private = team->private;
	TeamShared *shared = private->shared;
	TeamRun    *run;

	Assert(team->member == 0);
	if (ntasks <= 0)
		return;
	if (private->parallel == NULL || private->parallel->nworkers_launched == 0 ||
		ntasks == 1)
	{
		for (int i = 0; i < ntasks; i++)
		{
			CHECK_FOR_INTERRUPTS();
			mlops_task_do(team, task, i);
		}
		return;
	}

	CHECK_FOR_INTERRUPTS();
	if (++private->generation == STOP_GENERATION)
		private->generation = 1;
	run = &shared->run[private->generation & 1];
	run->task = task;
	run->ntasks = ntasks;
	private->ntasks += ntasks;
	pg_atomic_write_u32(&shared->done, 0);
	publish(shared, private->generation);
	(void) do_tasks(team, shared);
	wait_for_tasks(shared, ntasks);
}

void
mlops_team_stop(MlTeam *team)
{
	MlTeamPrivate *private = team->private;

	if (private->parallel == NULL)
		return;
	publish(private->shared, STOP_GENERATION);
	WaitForParallelWorkersToFinish(private->parallel);
	ereport(DEBUG2,
			(errmsg_internal("parallel workers did %llu of %llu tasks",
							 (unsigned long long) (private->ntasks - team->ndone),
							 (unsigned long long) private->ntasks)));
	DestroyParallelContext(private->parallel);
	private->parallel = NULL;
	ExitParallelMode();
}

/* Worker: wait until the generation is another one. */
static void
wait_for_run(TeamShared *shared, uint32 generation)
{
	for (int i = 0; i < SPINS; i++)
	{
		if (pg_atomic_read_u64(&shared->next) >> 32 != generation)
			return;
		SPIN_DELAY();
	}

	ConditionVariablePrepareToSleep(&shared->work);
	pg_atomic_fetch_add_u32(&shared->sleepers, 1);
	while (pg_atomic_read_u64(&shared->next) >> 32 == generation)
		ConditionVariableTimedSleep(&shared->work, SLEEP_MS, PG_WAIT_EXTENSION);
	pg_atomic_fetch_sub_u32(&shared->sleepers, 1);
	ConditionVariableCancelSleep();
}

/*
 * A worker's main function, found by name by the parallel machinery.
 */
void
mlops_team_worker(dsm_segment *seg, shm_toc *toc)
{
	const TeamTicket *ticket = shm_toc_lookup(toc, TEAM_KEY, false);
	dsm_segment *segment;
	TeamShared *shared;
	MlTeam		team;
	uint32		generation;

	segment = dsm_attach(ticket->handle);
	if (segment == NULL)
		return;					/* the leader has gone */
	shared = dsm_segment_address(segment);

	memset(&team, 0, sizeof(team));
	team.member = 1 + ParallelWorkerNumber;
	team.nmembers = ticket->nmembers;
	team.base = (char *) shared + SHARED_BYTES;
	team.size = ticket->size;
	if (pg_atomic_read_u64(&shared->next) >> 32 != STOP_GENERATION)
		team.local = mlops_task_attach(&team, ticket->job);

	while ((generation = do_tasks(&team, shared)) != STOP_GENERATION)
	{
		CHECK_FOR_INTERRUPTS();
		wait_for_run(shared, generation);
	}
	dsm_detach(segment);
}
