/*-------------------------------------------------------------------------
 *
 * log_partition.c
 *	  Making and dropping partitions of the prediction log.
 *
 * A partition is made beside the log and attached, which writers notice only
 * where they write to the default partition: that one is locked to see that it
 * has no rows of the day.  What it has of them moves in the same transaction:
 * other snapshots see each row in one place, the old or the new.
 *
 * Partitions are no members of the extension: pg_dump takes them as tables of
 * the database, with their indexes, policies and comments, and DROP EXTENSION
 * takes them with the table they are partitions of.
 *
 * IDENTIFICATION
 *	  src/worker/log_partition.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/partition.h"
#include "mlops/retention.h"

#define LOG_TABLE "mlops_private.prediction"

bool
mlops_log_has_day(MlWriter *w, const char *table)
{
	mlops_write_text(w, table);
	return mlops_write_run(w, "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
						   " WHERE n.nspname = 'mlops_private' AND c.relname = $1") > 0;
}

char *
mlops_log_missing_day(MlWriter *w, int offset)
{
	char	   *table;

	mlops_write_int4(w, offset);
	mlops_write_run(w, "SELECT to_char((now() AT TIME ZONE 'UTC')::date + $1, '\"prediction_\"YYYYMMDD')");
	table = mlops_write_string(w, 0, 1);
	return mlops_log_has_day(w, table) ? NULL : table;
}

/* A statement on a table of ours; %s in it: its name. */
static uint64
run_on(MlWriter *w, const char *sql, const char *table)
{
	StringInfoData command;

	initStringInfo(&command);
	for (const char *p = sql; *p; p++)
	{
		if (p[0] == '%' && p[1] == 's')
		{
			appendStringInfoString(&command, table);
			p++;
		}
		else
			appendStringInfoChar(&command, *p);
	}
	return mlops_write_run(w, command.data);
}

/* As sql/install/29_log_tables.sql and 96_policies.sql make the default partition. */
static void
make_table(MlWriter *w, const char *table)
{
	static const char *const commands[] = {
		"CREATE TABLE mlops_private.%s (LIKE " LOG_TABLE ") USING heap",
		"ALTER TABLE mlops_private.%s REPLICA IDENTITY FULL",
		"CREATE INDEX %s_order_idx ON mlops_private.%s USING brin (prediction_id, happened_at, log_xid)"
		" WITH (pages_per_range = 64)",
		"CREATE INDEX %s_key_idx ON mlops_private.%s (key, model_id) WHERE key IS NOT NULL",
		"ALTER TABLE mlops_private.%s ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY readers ON mlops_private.%s FOR SELECT USING (mlops_private.may(model_id, 'logs'))",
		"COMMENT ON TABLE mlops_private.%s IS 'predictions of a day, in UTC'",
	};

	for (int i = 0; i < (int) lengthof(commands); i++)
		run_on(w, commands[i], table);
}

/* The day's bounds as the next statement's arguments $1 and $2. */
static void
add_bounds(MlWriter *w, TimestampTz from, TimestampTz until)
{
	mlops_write_time(w, from);
	mlops_write_time(w, until);
}

static int64
move_rows(MlWriter *w, const char *table, TimestampTz from, TimestampTz until)
{
	add_bounds(w, from, until);
	return (int64) run_on(w, "WITH gone AS (DELETE FROM mlops_private.prediction_default"
						  " WHERE happened_at >= $1 AND happened_at < $2 RETURNING *)"
						  " INSERT INTO mlops_private.%s SELECT * FROM gone ORDER BY prediction_id", table);
}

int64
mlops_log_make_day(MlWriter *w, const char *table, int offset, int64 limit)
{
	TimestampTz from;
	TimestampTz until;
	char	   *bounds;
	int64		moved;

	mlops_write_int4(w, offset);
	mlops_write_run(w, "SELECT d AT TIME ZONE 'UTC', (d + interval '1 day') AT TIME ZONE 'UTC',"
					" to_char(d, '\"FOR VALUES FROM (''\"YYYY-MM-DD\" 00:00+00'')\"')"
					" || to_char(d + interval '1 day', '\" TO (''\"YYYY-MM-DD\" 00:00+00'')\"')"
					"  FROM (SELECT (now() AT TIME ZONE 'UTC')::date + $1 + time '00:00') AS day (d)");
	from = DatumGetTimestampTz(mlops_write_result(0, 1));
	until = DatumGetTimestampTz(mlops_write_result(0, 2));
	bounds = mlops_write_string(w, 0, 3);
	add_bounds(w, from, until);
	mlops_write_int8(w, limit + 1);
	mlops_write_run(w, "SELECT count(*) FROM (SELECT FROM mlops_private.prediction_default"
					" WHERE happened_at >= $1 AND happened_at < $2 LIMIT $3) AS r");
	if (DatumGetInt64(mlops_write_result(0, 1)) > limit)
		return -1;
	make_table(w, table);
	moved = move_rows(w, table, from, until);
	/* from here on nobody adds any; those who came meanwhile */
	mlops_write_run(w, "LOCK TABLE mlops_private.prediction_default IN ACCESS EXCLUSIVE MODE");
	moved += move_rows(w, table, from, until);
	run_on(w, psprintf("ALTER TABLE " LOG_TABLE " ATTACH PARTITION mlops_private.%%s %s", bounds), table);
	return moved;
}

/*
 * A row is counted by its model's monitor if it lies before the mark of its
 * cluster (drift/window_count.c); $1: the row's system is a column of p.
 */
#define UNCOUNTED \
	"SELECT FROM mlops_private.monitor m" \
	" WHERE m.model_id = p.model_id" \
	"   AND p.log_xid >= CASE WHEN p.system = m.counted_system THEN m.counted_until" \
	"        ELSE COALESCE((SELECT c.counted_until FROM mlops_private.monitor_counted c" \
	"                        WHERE c.monitor_id = m.monitor_id AND c.system = p.system), 0) END"

#define HELD \
	"SELECT FROM mlops_private.model o JOIN mlops_private.legal_hold h" \
	"    ON h.kind = 'model' AND h.released_at IS NULL AND (h.object IS NULL OR h.object = o.name)" \
	" WHERE o.model_id = p.model_id"

const char *
mlops_log_keeps_day(MlWriter *w, const char *table)
{
	run_on(w, "LOCK TABLE mlops_private.%s IN ACCESS EXCLUSIVE MODE", table);
	mlops_hold_lock(w);
	if (run_on(w, "SELECT FROM mlops_private.%s p WHERE EXISTS (" HELD ") LIMIT 1", table) > 0)
		return "a legal hold is on a model of its rows";
	if (run_on(w, "SELECT FROM mlops_private.%s p WHERE EXISTS (" UNCOUNTED ") LIMIT 1", table) > 0)
		return "a monitor has not counted its rows";
	return NULL;
}

int64
mlops_log_drop_day(MlWriter *w, const char *table)
{
	int64		rows;

	run_on(w, "SELECT count(*) FROM mlops_private.%s", table);
	rows = DatumGetInt64(mlops_write_result(0, 1));
	run_on(w, "DROP TABLE mlops_private.%s", table);
	return rows;
}

int64
mlops_log_delete_old(MlWriter *w, TimestampTz before, int64 limit)
{
	mlops_write_time(w, before);
	mlops_write_int8(w, limit);
	return (int64) mlops_write_run(w, "DELETE FROM mlops_private.prediction_default WHERE ctid = ANY (ARRAY("
								   "SELECT p.ctid FROM mlops_private.prediction_default p"
								   " WHERE p.happened_at < $1 AND NOT EXISTS (" HELD ") AND NOT EXISTS (" UNCOUNTED ")"
								   " LIMIT $2))");
}

int64
mlops_outcome_delete_old(MlWriter *w, TimestampTz before, int64 limit)
{
	mlops_write_time(w, before);
	mlops_write_int8(w, limit);
	return (int64) mlops_write_run(w, "DELETE FROM mlops_private.outcome o USING"
								   " (SELECT p.model_id, p.key FROM mlops_private.outcome p"
								   "   WHERE p.happened_at < $1 AND NOT EXISTS (" HELD ") LIMIT $2) AS old"
								   " WHERE o.model_id = old.model_id AND o.key = old.key");
}
