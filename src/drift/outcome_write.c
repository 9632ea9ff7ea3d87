/*-------------------------------------------------------------------------
 *
 * outcome_write.c
 *	  What became of what was predicted, by key.
 *
 * IDENTIFICATION
 *	  src/drift/outcome_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "mlops/catalog.h"
#include "mlops/dataset.h"
#include "mlops/log.h"

bool
mlops_outcome_record(const char *model, const MlOutcome *outcome)
{
	MlWriter	w;
	MlLocked	locked;
	bool		changed;

	mlops_log_key_check(strlen(outcome->key));
	mlops_write_begin(&w, "mlops.record_outcome()");
	mlops_registry_lock(&w, model, ML_PRIVILEGE_TRAIN, false, &locked);
	if (locked.task == ML_TASK_REGRESSION && !outcome->has_value)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("actual must be a number for a regression model")));
	mlops_write_int8(&w, locked.model_id);
	mlops_write_text(&w, outcome->key);
	if (locked.task == ML_TASK_REGRESSION)
		mlops_write_float8(&w, outcome->value);
	else
		mlops_write_null(&w, FLOAT8OID);
	mlops_write_text(&w, locked.task == ML_TASK_REGRESSION ? NULL : outcome->label);
	mlops_write_time(&w, outcome->at);
	mlops_write_name(&w, NameStr(w.role_name));
	changed = mlops_write_run(&w, "INSERT INTO mlops_private.outcome AS o"
							  " (model_id, key, value, label, happened_at, recorded_by)"
							  " VALUES ($1, $2, $3, $4, $5, $6)"
							  " ON CONFLICT (model_id, key) DO UPDATE"
							  " SET value = excluded.value, label = excluded.label, happened_at = excluded.happened_at,"
							  " recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at"
							  " WHERE o.value IS DISTINCT FROM excluded.value"
							  " OR o.label IS DISTINCT FROM excluded.label") > 0;
	mlops_write_end(&w);
	return changed;
}

/* Rows that are written at once. */
#define BATCH 1000

typedef struct Bulk
{
	const char *model;
	bool		is_number;		/* the model is a regression */
	int			n;
	Datum		keys[BATCH];
	Datum		actuals[BATCH];
	Datum		times[BATCH];
	MemoryContext context;		/* the values of a batch */
	MlOutcomeCounts *counts;
} Bulk;

/* The column of that name; error 42703. */
static int
find_column(const MlSource *source, const char *name)
{
	for (int i = 0; i < source->desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(source->desc, i)->attname), name) == 0)
			return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" does not exist in the source", name)));
}

/* The place of a source's column among those that are selected. */
static int
find_selected(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	}
	elog(ERROR, "column of the source is not selected");
}

static void
check_type(const MlSource *source, int column, const char *wanted, bool fits)
{
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" must be %s", NameStr(TupleDescAttr(source->desc, column)->attname), wanted)));
}

static Oid
column_type(const MlSource *source, int column)
{
	return getBaseType(TupleDescAttr(source->desc, column)->atttypid);
}

/* A query of key, actual and time, of the types they are stored with. */
static char *
make_query(const Bulk *bulk, const char *text, const char *key, const char *actual, const char *at)
{
	MlSource   *source = mlops_source_open(text);
	int			natts = source->desc->natts;
	bool	   *wanted = palloc0(sizeof(bool) * Max(natts, 1));
	int			column = find_column(source, actual);
	char	   *select;
	TupleDesc	desc;
	StringInfoData sql;

	wanted[column] = true;
	if (bulk->is_number)
		check_type(source, column, "a number, as the model is a regression",
				   TypeCategory(column_type(source, column)) == TYPCATEGORY_NUMERIC);
	wanted[find_column(source, key)] = true;
	if (at)
	{
		column = find_column(source, at);
		check_type(source, column, "a timestamp or a date",
				   column_type(source, column) == TIMESTAMPTZOID ||
				   column_type(source, column) == TIMESTAMPOID ||
				   column_type(source, column) == DATEOID);
		wanted[column] = true;
	}
	select = mlops_source_select(source, wanted, &desc);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT s.c%d::pg_catalog.text, s.c%d::pg_catalog.%s, ",
					 find_selected(desc, key), find_selected(desc, actual),
					 bulk->is_number ? "float8" : "text");
	if (at)
		appendStringInfo(&sql, "s.c%d::pg_catalog.timestamptz", find_selected(desc, at));
	else
		appendStringInfoString(&sql, "NULL::pg_catalog.timestamptz");
	appendStringInfo(&sql, " FROM (%s\n) AS s (", select);
	for (int i = 0; i < desc->natts; i++)
		appendStringInfo(&sql, "%sc%d", i == 0 ? "" : ", ", i + 1);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

static void
add_array(MlWriter *w, const Datum *items, int n, Oid type, Oid array_type)
{
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &len, &byval, &align);
	mlops_write_datum(w, array_type,
					  PointerGetDatum(construct_array(unconstify(Datum *, items), n, type, len, byval, align)));
}

static void
write_batch(Bulk *bulk)
{
	MlWriter	w;
	MlLocked	locked;

	if (bulk->n == 0)
		return;
	mlops_write_begin(&w, "mlops.record_outcomes()");
	mlops_registry_lock(&w, bulk->model, ML_PRIVILEGE_TRAIN, false, &locked);
	mlops_write_int8(&w, locked.model_id);
	add_array(&w, bulk->keys, bulk->n, TEXTOID, TEXTARRAYOID);
	if (bulk->is_number)
		add_array(&w, bulk->actuals, bulk->n, FLOAT8OID, FLOAT8ARRAYOID);
	else
		add_array(&w, bulk->actuals, bulk->n, TEXTOID, TEXTARRAYOID);
	add_array(&w, bulk->times, bulk->n, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID);
	mlops_write_name(&w, NameStr(w.role_name));
	/* of a key that comes twice the last counts; a row that was there has an xmax by now, which is ours */
	mlops_write_run(&w, psprintf("WITH given AS (SELECT DISTINCT ON (u.key) u.key, u.actual, u.at"
								 "  FROM unnest($2, $3, $4) WITH ORDINALITY AS u (key, actual, at, n)"
								 " ORDER BY u.key, u.n DESC),"
								 " written AS (INSERT INTO mlops_private.outcome AS o"
								 " (model_id, key, %s, happened_at, recorded_by)"
								 " SELECT $1, key, actual, at, $5 FROM given"
								 " ON CONFLICT (model_id, key) DO UPDATE"
								 " SET %s = excluded.%s, happened_at = excluded.happened_at,"
								 " recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at"
								 " WHERE o.%s IS DISTINCT FROM excluded.%s"
								 " RETURNING o.xmax = 0 AS is_new)"
								 " SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written",
								 bulk->is_number ? "value" : "label", bulk->is_number ? "value" : "label",
								 bulk->is_number ? "value" : "label", bulk->is_number ? "value" : "label",
								 bulk->is_number ? "value" : "label"));
	bulk->counts->added += DatumGetInt64(mlops_write_result(0, 1));
	bulk->counts->changed += DatumGetInt64(mlops_write_result(0, 2));
	mlops_write_end(&w);
	bulk->n = 0;
	MemoryContextReset(bulk->context);
}

/* A row of the query. */
static void
take_row(Bulk *bulk, HeapTuple row, TupleDesc desc, TimestampTz now)
{
	bool		no_key;
	bool		no_actual;
	bool		no_time;
	Datum		key = SPI_getbinval(row, desc, 1, &no_key);
	Datum		actual = SPI_getbinval(row, desc, 2, &no_actual);
	Datum		at = SPI_getbinval(row, desc, 3, &no_time);
	MemoryContext old;

	bulk->counts->rows++;
	if (no_key || no_actual || (bulk->is_number && isnan(DatumGetFloat8(actual))))
	{
		bulk->counts->skipped++;
		return;
	}
	if (bulk->is_number && isinf(DatumGetFloat8(actual)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("actual must be finite")));
	if (!no_time && TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(at)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("at must be finite")));
	mlops_log_key_check(toast_raw_datum_size(key) - VARHDRSZ);
	old = MemoryContextSwitchTo(bulk->context);
	bulk->keys[bulk->n] = datumCopy(key, false, -1);
	bulk->actuals[bulk->n] = bulk->is_number ? actual : datumCopy(actual, false, -1);
	bulk->times[bulk->n] = no_time ? TimestampTzGetDatum(now) : at;
	MemoryContextSwitchTo(old);
	if (++bulk->n == BATCH)
		write_batch(bulk);
}

/* The model's task, which says how actual is stored, for who may train it. */
static bool
is_regression(const char *model)
{
	MlWriter	w;
	MlLocked	locked;

	mlops_write_begin(&w, "mlops.record_outcomes()");
	mlops_registry_lock(&w, model, ML_PRIVILEGE_TRAIN, false, &locked);
	mlops_write_end(&w);
	return locked.task == ML_TASK_REGRESSION;
}

void
mlops_outcomes_record(const char *model, const char *source, const char *key, const char *actual,
					  const char *at, MlOutcomeCounts *counts)
{
	Bulk	   *bulk = palloc0(sizeof(Bulk));
	MlReadingRole role = mlops_reading_role();
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	SPIPlanPtr	plan;
	Portal		portal;
	char	   *query;

	memset(counts, 0, sizeof(*counts));
	bulk->model = model;
	bulk->counts = counts;
	bulk->is_number = is_regression(model);
	bulk->context = AllocSetContextCreate(CurrentMemoryContext, "mlops outcomes", ALLOCSET_DEFAULT_SIZES);
	query = make_query(bulk, source, key, actual, at);
	SPI_connect();
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "query of outcomes could not be planned");
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	for (;;)
	{
		SPITupleTable *rows;

		SPI_cursor_fetch(portal, true, BATCH);
		mlops_reading_role_check(role);
		rows = SPI_tuptable;
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0, n = SPI_processed; i < n; i++)
			take_row(bulk, rows->vals[i], rows->tupdesc, now);
		SPI_freetuptable(rows);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	SPI_finish();
	write_batch(bulk);
	counts->unchanged = counts->rows - counts->skipped - counts->added - counts->changed;
}
