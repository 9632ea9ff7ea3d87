/*-------------------------------------------------------------------------
 *
 * partition.h
 *	  Partitions of the prediction log, a day each (UTC).
 *
 * IDENTIFICATION
 *	  include/mlops/partition.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_PARTITION_H
#define MLOPS_PARTITION_H

#include "nodes/pg_list.h"

#include "mlops/compat.h"
#include "mlops/store.h"

#define MLOPS_LOG_DAYS_AHEAD 3

/* Something that was done, or could not be. */
typedef struct MlUpkeepLine
{
	const char *action;			/* "made", "dropped", "deleted", "kept", "busy" */
	const char *object;			/* a table of mlops_private */
	int64		rows;			/* moved into it, dropped or deleted with it; -1: not counted */
	const char *detail;			/* or NULL */
} MlUpkeepLine;

/* worker/log_upkeep.c */

/*
 * In a write section of a READ COMMITTED transaction, for callers who have
 * asked for ML_PRIVILEGE_AUDIT: one piece of what is due, in this order: make
 * the partition of a day from today to MLOPS_LOG_DAYS_AHEAD days on, drop a day
 * that retention lets go, delete a batch of the default partition's old rows.
 * Appends MlUpkeepLine *, in w->caller, to *lines.  Returns whether there is
 * more to do, which should come in another transaction.  Waits for locks for
 * no more than a second; what is locked for longer stays for the next time.
 */
extern bool mlops_log_upkeep(MlWriter *w, List **lines);

/* worker/log_partition.c: pieces of it, in a write section */

/* The table of the day "offset" days from today (0); palloc'd in w->caller.  NULL: it exists. */
extern char *mlops_log_missing_day(MlWriter *w, int offset);

/* Is there such a table? */
extern bool mlops_log_has_day(MlWriter *w, const char *table);

/*
 * Make the partition of that day and move into it what the default one has of
 * it; -1: that is more than the limit, and nothing was done.
 */
extern int64 mlops_log_make_day(MlWriter *w, const char *table, int offset, int64 limit);

/* Why a day's partition must stay, or NULL; takes the lock that keeps it so. */
extern const char *mlops_log_keeps_day(MlWriter *w, const char *table);

/* Drop it; the rows that went. */
extern int64 mlops_log_drop_day(MlWriter *w, const char *table);

/* Of the default partition, and of outcomes: what is older and may go, so many rows at most; how many went. */
extern int64 mlops_log_delete_old(MlWriter *w, TimestampTz before, int64 limit);
extern int64 mlops_outcome_delete_old(MlWriter *w, TimestampTz before, int64 limit);

#endif							/* MLOPS_PARTITION_H */
