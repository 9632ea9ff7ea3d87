/*-------------------------------------------------------------------------
 *
 * window_count.c
 *	  The prediction log into windows, every row once.
 *
 * Neither the number nor the time of a row says what has been counted: they are
 * given out before the commit, and a slow transaction commits below a mark that
 * has moved on.  So the mark is a transaction number.  A step takes a snapshot
 * and counts the rows of transactions from the mark up to the oldest one that
 * the snapshot sees running; whatever is below that has ended, for good.  Counts
 * and mark change in one transaction, and two steps of a monitor wait for one
 * another at its row.
 *
 * Transaction numbers mean something in one cluster only, so a row of the log
 * and the mark say which (mlops_log_system).  Where the mark is of another
 * cluster than this, the database was restored from a dump, or pg_upgrade made
 * this cluster of that one.  Either way rows of all other clusters came here
 * complete: whatever is visible of them was committed.  They are counted from
 * the mark of their cluster on, once, and the mark of this cluster begins.
 * Marks of the other clusters are kept in monitor_counted: the log can hold rows
 * of several, and a dump can come back to the cluster it began in.
 *
 *	- dump of A restored into B: rows of A beyond A's mark are counted, then
 *	  rows of B from 0 on, however B's numbers relate to A's
 *	- the same dump restored into another database of A: its mark goes on
 *	- pg_upgrade: as a dump, though the numbers go on
 *	- a dump of B that never counted restored into C: rows of A beyond A's mark
 *	  and all of B are counted
 *	- B's dump restored into A: the mark of A goes on where it was left
 *	- a standby that is promoted is the same cluster
 *
 * IDENTIFICATION
 *	  src/drift/window_count.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "mlops/log.h"

#include "window_tally.h"

/* The rows that a step counts lie between these. */
typedef struct Range
{
	int64		system;			/* this cluster */
	int64		from;			/* of this cluster */
	int64		until;
	bool		others;			/* and rows of other clusters, from their marks on */
} Range;

/* Another cluster whose rows were met. */
typedef struct OtherSystem
{
	int64		system;
	int64		newest;
} OtherSystem;

/* A step under way. */
typedef struct Step
{
	MlWriter   *w;
	const MlCounting *what;
	Range		range;
	MlTally    *tally;
	MemoryContext context;
	List	   *others;			/* OtherSystem * */
	OtherSystem *other;			/* met last, or NULL */
} Step;

/* A transaction number of the active snapshot's days as 64 bits; next: the one that is given out next. */
static int64
widen(TransactionId xid, FullTransactionId next)
{
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return (int64) (((uint64) epoch << 32) | xid);
}

/* What the active snapshot sees ended: all below. */
static int64
ended_until(int64 *next)
{
	TransactionId xmin = GetActiveSnapshot()->xmin;
	FullTransactionId full = ReadNextFullTransactionId();

	*next = (int64) U64FromFullTransactionId(full);
	return widen(xmin, full);
}

/* Lock the monitor's row and read the mark; false: it is gone. */
static bool
read_mark(MlWriter *w, int64 monitor_id, int64 *until, int64 *system)
{
	mlops_write_int8(w, monitor_id);
	if (mlops_write_run(w, "SELECT counted_until, counted_system FROM mlops_private.monitor"
						" WHERE monitor_id = $1 FOR UPDATE") == 0)
		return false;
	*until = DatumGetInt64(mlops_write_result(0, 1));
	*system = DatumGetInt64(mlops_write_result(0, 2));
	return true;
}

/* Never back: a mark that is kept is the furthest that was reached. */
static void
keep_mark(MlWriter *w, int64 monitor_id, int64 system, int64 until)
{
	mlops_write_int8(w, monitor_id);
	mlops_write_int8(w, system);
	mlops_write_int8(w, until);
	mlops_write_run(w, "INSERT INTO mlops_private.monitor_counted AS c (monitor_id, system, counted_until)"
					" VALUES ($1, $2, $3) ON CONFLICT (monitor_id, system)"
					" DO UPDATE SET counted_until ="
					" CASE WHEN EXCLUDED.counted_until > c.counted_until"
					" THEN EXCLUDED.counted_until ELSE c.counted_until END");
}

/* The mark that was kept of this cluster, when the database was here before. */
static int64
kept_mark(MlWriter *w, int64 monitor_id, int64 system)
{
	mlops_write_int8(w, monitor_id);
	mlops_write_int8(w, system);
	if (mlops_write_run(w, "SELECT counted_until FROM mlops_private.monitor_counted"
						" WHERE monitor_id = $1 AND system = $2") == 0)
		return 0;
	return DatumGetInt64(mlops_write_result(0, 1));
}

/* Lock the monitor, and find out where to begin. */
static void
begin_step(Step *step)
{
	MlWriter   *w = step->w;
	int64		monitor_id = step->what->monitor_id;
	Range	   *range = &step->range;
	int64		until;
	int64		system;

	if (!read_mark(w, monitor_id, &until, &system))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the monitor was dropped")));
	range->system = mlops_log_system();
	range->others = system != range->system;
	range->from = until;
	if (!range->others)
		return;
	/* of a monitor that never counted there is none */
	if (system != 0)
		keep_mark(w, monitor_id, system, until);
	range->from = kept_mark(w, monitor_id, range->system);
}

/* A row of another cluster: how far do they go? */
static void
note_other(Step *step, int64 system, int64 xid)
{
	ListCell   *lc;

	if (step->other == NULL || step->other->system != system)
	{
		step->other = NULL;
		foreach(lc, step->others)
		{
			OtherSystem *other = lfirst(lc);

			if (other->system == system)
				step->other = other;
		}
	}
	if (step->other == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(step->context);

		step->other = palloc(sizeof(OtherSystem));
		step->other->system = system;
		step->other->newest = xid;
		step->others = lappend(step->others, step->other);
		MemoryContextSwitchTo(old);
	}
	step->other->newest = Max(step->other->newest, xid);
}

static void
receive_any(void *arg, TupleTableSlot *slot)
{
	Step	   *step = arg;
	int64		system = DatumGetInt32(slot->tts_values[MLOPS_TALLY_NCOLUMNS]);

	if (system != step->range.system)
		note_other(step, system, DatumGetInt64(slot->tts_values[MLOPS_TALLY_NCOLUMNS + 1]));
	mlops_tally_row(step->tally, slot);
}

/* Count, under the active snapshot. */
static void
scan_log(Step *step)
{
	MlWriter   *w = step->w;
	const Range *range = &step->range;

	mlops_write_int8(w, step->what->model_id);
	mlops_write_int8(w, range->system);
	mlops_write_int8(w, range->from);
	mlops_write_int8(w, range->until);
	if (!range->others)
	{
		mlops_write_each(w, "SELECT " MLOPS_TALLY_COLUMNS " FROM mlops_private.prediction p"
						 " WHERE p.model_id = $1 AND p.system = $2"
						 " AND p.log_xid >= $3 AND p.log_xid < $4",
						 mlops_tally_row, step->tally);
		return;
	}
	mlops_write_int8(w, step->what->monitor_id);
	mlops_write_each(w, "SELECT " MLOPS_TALLY_COLUMNS ", p.system, p.log_xid"
					 "  FROM mlops_private.prediction p"
					 "  LEFT JOIN mlops_private.monitor_counted c"
					 "    ON c.monitor_id = $5 AND c.system = p.system"
					 " WHERE p.model_id = $1"
					 "   AND CASE WHEN p.system = $2 THEN p.log_xid >= $3 AND p.log_xid < $4"
					 "            ELSE p.log_xid >= COALESCE(c.counted_until, 0) END",
					 receive_any, step);
}

static void
move_mark(Step *step)
{
	MlWriter   *w = step->w;
	int64		monitor_id = step->what->monitor_id;
	ListCell   *lc;

	foreach(lc, step->others)
	{
		OtherSystem *other = lfirst(lc);

		keep_mark(w, monitor_id, other->system, other->newest + 1);
	}
	if (step->range.others)
	{
		mlops_write_int8(w, monitor_id);
		mlops_write_int8(w, step->range.system);
		mlops_write_run(w, "DELETE FROM mlops_private.monitor_counted"
						" WHERE monitor_id = $1 AND system = $2");
	}
	mlops_write_int8(w, monitor_id);
	mlops_write_int8(w, step->range.until);
	mlops_write_int8(w, step->range.system);
	mlops_write_run(w, "UPDATE mlops_private.monitor SET counted_until = $2, counted_system = $3"
					" WHERE monitor_id = $1");
}

static void
store_window(void *arg, const MlWindow *window)
{
	Step	   *step = arg;

	mlops_window_add(step->w, step->what->monitor_id, window);
}

/* The cluster was set back, and the database restored from a later dump. */
static void
check_mark(const Range *range, int64 next)
{
	if (range->from > next)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the prediction log is of a later time than this cluster"),
				 errdetail("Transactions up to number " INT64_FORMAT " are counted, the next one of the cluster is " INT64_FORMAT ".",
						   range->from, next),
				 errhint("Stop monitoring the model and begin anew.")));
}

void
mlops_windows_advance(MlWriter *w, const MlCounting *what, MlCounted *out)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops windows",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Step		step = {0};
	int64		next;

	step.w = w;
	step.what = what;
	step.context = context;
	begin_step(&step);
	step.tally = mlops_tally_begin(what->model_id, what->width_us, 0, what->published_until, true);

	mlops_fresh_begin(w);
	step.range.until = ended_until(&next);
	check_mark(&step.range, next);
	if (step.range.others || step.range.until > step.range.from)
		scan_log(&step);
	*out = *mlops_tally_counted(step.tally);
	mlops_fresh_end(w);

	mlops_tally_end(step.tally, store_window, &step);
	if (step.range.others || step.range.until > step.range.from)
	{
		step.range.until = Max(step.range.until, step.range.from);
		move_mark(&step);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static void
collect_window(void *arg, const MlWindow *window)
{
	List	  **windows = arg;
	MlWindow   *copy = palloc(sizeof(MlWindow));

	*copy = *window;
	copy->counts = palloc_extended(sizeof(int64) * Max(window->ncounts, 1), MCXT_ALLOC_HUGE);
	memcpy(copy->counts, window->counts, sizeof(int64) * window->ncounts);
	*windows = lappend(*windows, copy);
}

List *
mlops_windows_of_log(int64 model_id, int version, TimestampTz since, TimestampTz until,
					 int64 width_us)
{
	MemoryContext result = CurrentMemoryContext;
	List	   *windows = NIL;
	MlTally    *tally;
	MlWriter	w;

	mlops_log_flush();
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	mlops_read_begin(&w);
	tally = mlops_tally_begin(model_id, width_us, since, DT_NOBEGIN, false);
	mlops_write_int8(&w, model_id);
	mlops_write_time(&w, since);
	mlops_write_time(&w, until);
	mlops_write_int4(&w, version);
	mlops_write_each(&w, "SELECT " MLOPS_TALLY_COLUMNS " FROM mlops_private.prediction p"
					 " WHERE p.model_id = $1 AND p.happened_at >= $2 AND p.happened_at < $3"
					 " AND ($4 = 0 OR p.version = $4) AND NOT p.shadow",
					 mlops_tally_row, tally);
	MemoryContextSwitchTo(result);
	mlops_tally_end(tally, collect_window, &windows);
	mlops_read_end(&w);
	MemoryContextSwitchTo(result);
	PopActiveSnapshot();
	return windows;
}
