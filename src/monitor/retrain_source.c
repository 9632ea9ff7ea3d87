/*-------------------------------------------------------------------------
 *
 * retrain_source.c
 *	  The source of a retrain policy: its window, and its newest rows kept
 *	  apart to compare on.
 *
 * With a time column the window is the newest "window" of it, not counting
 * what lies in the future, and the last "holdout" of the window's rows are for
 * comparing; rows of one moment stay together.  Without one, rows are told
 * apart by a hash of what training sees of them.  It is the same at each
 * training, so that versions which this policy made have seen none of the rows
 * that their successors are compared on.
 *
 * Both parts are queries around the source, with literals: train() records the
 * one it is given, and another reading of it gives the same rows.
 *
 * Times without a time zone are taken for UTC, here and in the registry.
 *
 * IDENTIFICATION
 *	  src/monitor/retrain_source.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"

#include "mlops/dataset.h"
#include "mlops/retrain.h"

#define HASH_PARTS 1000

/* A source that can be taken apart. */
typedef struct Parts
{
	char	   *select;			/* a query */
	char	   *column;			/* the time column, quoted; NULL: none */
	Oid			type;			/* of it */
} Parts;

static Oid
column_type(TupleDesc desc, const char *name)
{
	Oid			type = InvalidOid;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		if (OidIsValid(type))
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("column \"%s\" appears more than once", name)));
		type = att->atttypid;
	}
	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist", name)));
	return type;
}

/* Returns the relation that the source is, InvalidOid for a query. */
static Oid
open_parts(const MlRetrainPolicy *policy, Parts *out)
{
	MlSource   *source = mlops_source_open(policy->source);
	TupleDesc	desc;

	memset(out, 0, sizeof(Parts));
	if (source->labels != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source of a retrain policy must not be a snapshot"),
				 errdetail("Its rows do not change.")));
	if (policy->time_column == NULL && mlops_source_is_fickle(source))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source of a retrain policy without a time column must give the same rows at each reading"),
				 errdetail("Rows to train on and rows to compare on could not be kept apart."),
				 errhint("Name a time column, or leave out aggregates, window functions, volatile functions, TABLESAMPLE and LIMIT.")));
	out->select = mlops_source_select(source, NULL, &desc);
	if (policy->time_column == NULL)
		return source->relid;
	out->type = column_type(desc, policy->time_column);
	out->column = psprintf("source.%s", quote_identifier(policy->time_column));
	if (out->type != TIMESTAMPTZOID && out->type != TIMESTAMPOID && out->type != DATEOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time column \"%s\" must be a timestamp or a date", policy->time_column)));
	return source->relid;
}

void
mlops_retrain_source_check(MlRetrainPolicy *policy)
{
	Parts		parts;
	Oid			relid = open_parts(policy, &parts);

	if (OidIsValid(relid))
		policy->source = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
													get_rel_name(relid));
}

/* The column as timestamptz. */
static char *
as_time(const Parts *parts)
{
	if (parts->type == TIMESTAMPTZOID)
		return parts->column;
	return psprintf("pg_catalog.timezone('UTC', %s::pg_catalog.timestamp)", parts->column);
}

/* A moment to compare the column with, the same whatever DateStyle and TimeZone are. */
static char *
literal(const Parts *parts, TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0 || tm.tm_year <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time column is out of range")));
	return psprintf("'%04d-%02d-%02d %02d:%02d:%02d.%06d%s", tm.tm_year, tm.tm_mon, tm.tm_mday,
					tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec,
					parts->type == TIMESTAMPTZOID ? "+00'::pg_catalog.timestamptz" : "'::pg_catalog.timestamp");
}

static char *
compare(const Parts *parts, const char *operator, TimestampTz at)
{
	return psprintf("%s OPERATOR(pg_catalog.%s) %s", parts->column, operator, literal(parts, at));
}

/* One row of results, read as the current user; the caller has SPI connected. */
static void
ask(const char *sql, int nargs, Oid *types, Datum *values)
{
	MlReadingRole role = mlops_reading_role();
	MemoryContext context = CurrentMemoryContext;

	if (SPI_execute_with_args(sql, nargs, types, values, NULL, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "a query of a retrain policy returned no row");
	MemoryContextSwitchTo(context); /* SPI leaves us in its own */
	mlops_reading_role_check(role);
}

static Datum
answer(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

static int64
answer_count(int column)
{
	bool		isnull;

	return DatumGetInt64(answer(column, &isnull));
}

static TimestampTz
answer_time(int column)
{
	bool		isnull;
	Datum		value = answer(column, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(value);
}

/* The newest moment that is not in the future, and the oldest of the window. */
static void
find_window(const MlRetrainPolicy *policy, const Parts *parts, MlRetrainSplit *out)
{
	Oid			types[] = {INTERVALOID};
	Datum		values[] = {IntervalPGetDatum(policy->window)};

	ask(psprintf("SELECT pg_catalog.max(q.t), %s FROM (SELECT %s AS t FROM (%s\n) AS source"
				 " WHERE pg_catalog.isfinite(%s)) AS q"
				 " WHERE q.t OPERATOR(pg_catalog.<=) pg_catalog.now()",
				 policy->window ? "pg_catalog.max(q.t) OPERATOR(pg_catalog.-) $1" : "pg_catalog.min(q.t)",
				 as_time(parts), parts->select, parts->column),
		policy->window ? 1 : 0, types, values);
	out->until = answer_time(1);
	out->from = answer_time(2);
}

static void
split_by_time(const MlRetrainPolicy *policy, const Parts *parts, MlRetrainSplit *out)
{
	Oid			types[] = {FLOAT8OID};
	Datum		values[] = {Float8GetDatum(1 - policy->holdout)};
	char	   *in_window;

	find_window(policy, parts, out);
	if (out->until == 0)
		return;
	in_window = psprintf("%s AND %s", compare(parts, policy->window ? ">" : ">=", out->from),
						 compare(parts, "<=", out->until));
	ask(psprintf("SELECT pg_catalog.count(*), pg_catalog.percentile_disc($1) WITHIN GROUP (ORDER BY %s)"
				 " FROM (%s\n) AS source WHERE %s", as_time(parts), parts->select, in_window),
		1, types, values);
	out->rows = answer_count(1);
	out->cut = answer_time(2);
	ask(psprintf("SELECT pg_catalog.count(*) FROM (%s\n) AS source WHERE %s AND %s",
				 parts->select, in_window, compare(parts, ">", out->cut)), 0, NULL, NULL);
	out->rows_holdout = answer_count(1);
	out->training = psprintf("SELECT * FROM (%s\n) AS source WHERE %s AND %s", parts->select,
							 compare(parts, policy->window ? ">" : ">=", out->from),
							 compare(parts, "<=", out->cut));
	out->holdout = psprintf("SELECT * FROM (%s\n) AS source WHERE %s AND %s", parts->select,
							compare(parts, ">", out->cut), compare(parts, "<=", out->until));
}

/* A number below HASH_PARTS by what training sees of a row. */
static char *
hash_of(const MlRecipe *recipe)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "((pg_catalog.hash_record_extended(ROW(");
	for (int i = 0; i < recipe->nfeatures; i++)
		appendStringInfo(&sql, "source.%s, ", quote_identifier(recipe->features[i]));
	appendStringInfo(&sql, "source.%s", quote_identifier(recipe->target));
	if (recipe->weight)
		appendStringInfo(&sql, ", source.%s", quote_identifier(recipe->weight));
	appendStringInfo(&sql, "), 0) OPERATOR(pg_catalog.&) 9223372036854775807) OPERATOR(pg_catalog.%%) %d)", HASH_PARTS);
	return sql.data;
}

static void
split_by_hash(const MlRetrainPolicy *policy, const MlRecipe *recipe, const Parts *parts, MlRetrainSplit *out)
{
	char	   *hash = hash_of(recipe);
	int			held = (int) (policy->holdout * HASH_PARTS + 0.5);

	ask(psprintf("SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE %s OPERATOR(pg_catalog.<) %d)"
				 " FROM (%s\n) AS source", hash, held, parts->select), 0, NULL, NULL);
	out->rows = answer_count(1);
	out->rows_holdout = answer_count(2);
	out->training = psprintf("SELECT * FROM (%s\n) AS source WHERE %s OPERATOR(pg_catalog.>=) %d",
							 parts->select, hash, held);
	out->holdout = psprintf("SELECT * FROM (%s\n) AS source WHERE %s OPERATOR(pg_catalog.<) %d",
							parts->select, hash, held);
}

void
mlops_retrain_split(const MlRetrainPolicy *policy, const MlRecipe *recipe, MlRetrainSplit *out)
{
	MemoryContext context = CurrentMemoryContext;
	Parts		parts;

	memset(out, 0, sizeof(*out));
	open_parts(policy, &parts);
	SPI_connect();
	MemoryContextSwitchTo(context);
	if (parts.column)
		split_by_time(policy, &parts, out);
	else
		split_by_hash(policy, recipe, &parts, out);
	out->rows_training = out->rows - out->rows_holdout;
	SPI_finish();
	MemoryContextSwitchTo(context);
}

int64
mlops_retrain_count(const MlRetrainPolicy *policy, TimestampTz since, int64 most)
{
	MemoryContext context = CurrentMemoryContext;
	const char *condition = "";
	Parts		parts;
	int64		n;

	open_parts(policy, &parts);
	SPI_connect();
	MemoryContextSwitchTo(context);
	if (since != 0)
		condition = psprintf(" WHERE %s AND %s", compare(&parts, ">", since),
							 compare(&parts, "<=", GetCurrentTimestamp()));
	ask(psprintf("SELECT pg_catalog.count(*) FROM (SELECT FROM (%s\n) AS source%s LIMIT " INT64_FORMAT ") AS q",
				 parts.select, condition, most), 0, NULL, NULL);
	n = answer_count(1);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return n;
}
