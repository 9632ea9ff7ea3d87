/*-------------------------------------------------------------------------
 *
 * log_upkeep.c
 *	  Days of the prediction log, made ahead and let go.
 *
 * IDENTIFICATION
 *	  src/worker/log_upkeep.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "mlops/gov.h"
#include "mlops/job.h"
#include "mlops/jsonb_out.h"
#include "mlops/partition.h"
#include "mlops/retention.h"

#define LOCK_WAIT "200ms"		/* others wait behind us for as long */
#define TRIES 5
#define MOVE_LIMIT 200000		/* rows that are moved at once */
#define DELETE_LIMIT 20000		/* and deleted */

/* One piece of work, which comes as a whole or not at all. */
typedef struct Piece
{
	void		(*work) (MlWriter *w, struct Piece *piece);
	char	   *table;
	int			offset;
	int64		rows;
	const char *kept;
} Piece;

static void
add_line(MlWriter *w, List **lines, const char *action, const char *object, int64 rows, const char *detail)
{
	MemoryContext old = MemoryContextSwitchTo(w->caller);
	MlUpkeepLine *line = palloc(sizeof(MlUpkeepLine));

	line->action = action;
	line->object = pstrdup(object);
	line->rows = rows;
	line->detail = detail;
	*lines = lappend(*lines, line);
	MemoryContextSwitchTo(old);
}

static bool
is_busy(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* Until the write section ends: nobody waits long behind us. */
static void
do_piece(MlWriter *w, void *arg)
{
	Piece	   *piece = arg;

	(void) set_config_option("lock_timeout", LOCK_WAIT, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	piece->work(w, piece);
}

/* More than once, if a lock is not to be had; adds a line if it was in vain. */
static bool
try_piece(MlWriter *w, List **lines, Piece *piece)
{
	for (int i = 0; i < TRIES; i++)
	{
		if (mlops_write_try(w, do_piece, piece, is_busy))
			return true;
		CHECK_FOR_INTERRUPTS();
	}
	add_line(w, lines, "busy", piece->table, -1, "others hold locks on it, or on the default partition");
	return false;
}

static void
make_day(MlWriter *w, Piece *piece)
{
	/* one upkeep at a time; writers and readers do not notice */
	mlops_write_run(w, "LOCK TABLE mlops_private.prediction IN SHARE UPDATE EXCLUSIVE MODE");
	piece->rows = mlops_log_missing_day(w, piece->offset) == NULL ? -1 :
		mlops_log_make_day(w, piece->table, piece->offset, MOVE_LIMIT);
}

/* The first day that has no partition; returns whether one was made. */
static bool
make_days(MlWriter *w, List **lines)
{
	for (int offset = 0; offset <= MLOPS_LOG_DAYS_AHEAD; offset++)
	{
		Piece		piece = {0};

		piece.work = make_day;
		piece.table = mlops_log_missing_day(w, offset);
		piece.offset = offset;
		if (piece.table == NULL)
			continue;
		if (!try_piece(w, lines, &piece))
			return false;
		if (piece.rows >= 0)
		{
			add_line(w, lines, "made", piece.table, piece.rows, NULL);
			return true;
		}
	}
	return false;
}

static void
drop_day(MlWriter *w, Piece *piece)
{
	mlops_write_run(w, "LOCK TABLE mlops_private.prediction IN SHARE UPDATE EXCLUSIVE MODE");
	piece->rows = -1;
	if (!mlops_log_has_day(w, piece->table))
		return;
	piece->kept = mlops_log_keeps_day(w, piece->table);
	if (piece->kept == NULL)
		piece->rows = mlops_log_drop_day(w, piece->table);
}

static void
audit(MlWriter *w, const char *object, int64 rows)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "reason", "retention");
	mlops_jsonb_add_integer(&state, "rows", rows);
	mlops_audit_add(w, "log.remove", "log", object,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* The oldest day that may go; returns whether one went. */
static bool
drop_days(MlWriter *w, TimestampTz before, List **lines)
{
	uint64		n;
	char	  **tables;
	List	   *kept = NIL;

	mlops_write_time(w, before);
	n = mlops_write_run(w, "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
						" WHERE i.inhparent = 'mlops_private.prediction'::regclass"
						"   AND c.relname ~ '^prediction_[0-9]{8}$'"
						"   AND (to_date(substr(c.relname, 12), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= $1"
						" ORDER BY 1");
	tables = MemoryContextAlloc(w->caller, sizeof(char *) * (n + 1));
	for (uint64 i = 0; i < n; i++)
		tables[i] = mlops_write_string(w, i, 1);
	for (uint64 i = 0; i < n; i++)
	{
		Piece		piece = {0};

		piece.work = drop_day;
		piece.table = tables[i];
		if (!try_piece(w, lines, &piece))
			return false;
		if (piece.kept)
		{
			add_line(w, &kept, "kept", piece.table, -1, piece.kept);
			continue;
		}
		if (piece.rows < 0)
			continue;			/* another session was faster */
		add_line(w, lines, "dropped", piece.table, piece.rows, NULL);
		audit(w, piece.table, piece.rows);
		return true;
	}
	*lines = list_concat(*lines, kept);
	return false;
}

/* A batch of what is old in tables that are not dropped as a whole; returns whether there is more. */
static bool
delete_rows(MlWriter *w, TimestampTz before, List **lines)
{
	int64		predictions = mlops_log_delete_old(w, before, DELETE_LIMIT);
	int64		outcomes = mlops_outcome_delete_old(w, before, DELETE_LIMIT);

	if (predictions > 0)
	{
		add_line(w, lines, "deleted", "prediction_default", predictions, NULL);
		audit(w, "prediction_default", predictions);
	}
	if (outcomes > 0)
	{
		add_line(w, lines, "deleted", "outcome", outcomes, NULL);
		audit(w, "outcome", outcomes);
	}
	return predictions == DELETE_LIMIT || outcomes == DELETE_LIMIT;
}

bool
mlops_log_upkeep(MlWriter *w, List **lines)
{
	TimestampTz before;

	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("the prediction log cannot be tended in a REPEATABLE READ or SERIALIZABLE transaction"),
				 errhint("Use READ COMMITTED.")));
	if (make_days(w, lines))
		return true;
	if (!mlops_retention_maximum(w, "log", &before))
		return false;
	return drop_days(w, before, lines) || delete_rows(w, before, lines);
}

bool
mlops_job_log_step(const MlJob *job, MlJobWork *work)
{
	MlWriter	w;
	List	   *lines = NIL;
	ListCell   *cell;
	JsonbParseState *state = NULL;
	bool		more;

	mlops_rights_require_database(ML_PRIVILEGE_AUDIT, "tend the prediction log");
	mlops_write_begin(&w, "mlops.run_due_jobs()");
	more = mlops_log_upkeep(&w, &lines);
	mlops_write_end(&w);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	foreach(cell, lines)
	{
		MlUpkeepLine *line = lfirst(cell);

		mlops_jsonb_add_string(&state, line->object, line->detail ? line->detail : line->action);
		work->rows = Max(work->rows, 0) + Max(line->rows, 0);
	}
	work->detail = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return more;
}
