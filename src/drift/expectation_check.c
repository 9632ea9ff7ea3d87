/*-------------------------------------------------------------------------
 *
 * expectation_check.c
 *	  Checking a source against expectations: one query that counts.
 *
 * The query is made of aggregates over the source's statement, which was
 * parsed alone before and stands in parentheses; its columns get names of
 * ours, operators and types are qualified, and what expectations say comes in
 * as parameters.  It runs as the current user, as the source alone would.
 * What comes out are counts, and of times how long ago the newest is.
 *
 * IDENTIFICATION
 *	  src/drift/expectation_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "mlops/error.h"
#include "mlops/expect.h"

#include "expectation_query.h"

/* The query that is being made. */
typedef struct Asking
{
	StringInfoData list;		/* of what it selects */
	int			noutputs;
	int			nargs;
	Oid			types[MLOPS_EXPECT_MAX * 2];
	Datum		values[MLOPS_EXPECT_MAX * 2];
} Asking;

/* One expectation and where its answer is. */
typedef struct Asked
{
	const MlExpectation *e;
	int			column;			/* of the source, -1: it has none of that name, or needs none */
	int			ref;			/* the number of the column in the query */
	Oid			type;			/* of the column, domains resolved */
	bool		suits;			/* the type is one that can be checked */
	int			first;			/* of its outputs; -1: none */
} Asked;

/* Number of the column, -1 for none; error 42702 where there are several. */
static int
find_column(TupleDesc desc, const char *name)
{
	int			found = -1;

	for (int i = 0; i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) != 0)
			continue;
		if (found >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("column \"%s\" appears more than once", name)));
		found = i;
	}
	return found;
}

/* What numbers, dates and times are compared as; NULL: the type is none. */
static const char *
compared_as(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
			return "pg_catalog.numeric";
		case FLOAT4OID:
			return "pg_catalog.float4";
		case FLOAT8OID:
			return "pg_catalog.float8";
		case DATEOID:
			return "pg_catalog.date";
		case TIMESTAMPOID:
			return "pg_catalog.timestamp";
		case TIMESTAMPTZOID:
			return "pg_catalog.timestamptz";
		case TIMEOID:
			return "pg_catalog.time";
		default:
			return NULL;
	}
}

static bool
is_number_type(Oid type)
{
	return type == NUMERICOID || type == INT2OID || type == INT4OID || type == INT8OID ||
		type == FLOAT4OID || type == FLOAT8OID;
}

static bool
type_suits(const MlExpectation *e, Oid type)
{
	switch (e->kind)
	{
		case ML_EXPECT_RANGE:
			return compared_as(type) != NULL && is_number_type(type) == e->is_number;
		case ML_EXPECT_FRESHNESS:
			return type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID;
		case ML_EXPECT_UNIQUE:
			return OidIsValid(lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr);
		default:
			return true;
	}
}

static int
add_argument(Asking *q, Oid type, Datum value)
{
	q->types[q->nargs] = type;
	q->values[q->nargs] = value;
	return ++q->nargs;
}

static void
add_output(Asking *q, const char *expression)
{
	appendStringInfo(&q->list, ", %s", expression);
	q->noutputs++;
}

static void
add_count(Asking *q, const char *condition)
{
	add_output(q, psprintf("pg_catalog.count(*) FILTER (WHERE %s)", condition));
}

static char *
range_condition(Asking *q, const Asked *a)
{
	const char *as = compared_as(a->type);
	StringInfoData buf;

	initStringInfo(&buf);
	if (a->e->min)
		appendStringInfo(&buf, "CAST(s.c%d AS %s) OPERATOR(pg_catalog.<) CAST($%d AS %s)",
						 a->ref, as, add_argument(q, TEXTOID, CStringGetTextDatum(a->e->min)), as);
	if (a->e->max)
		appendStringInfo(&buf, "%sCAST(s.c%d AS %s) OPERATOR(pg_catalog.>) CAST($%d AS %s)",
						 a->e->min ? " OR " : "", a->ref, as,
						 add_argument(q, TEXTOID, CStringGetTextDatum(a->e->max)), as);
	return buf.data;
}

static char *
set_condition(Asking *q, const Asked *a)
{
	const MlExpectation *e = a->e;
	Datum	   *elements = palloc(sizeof(Datum) * e->nvalues);
	int			arg;

	for (int i = 0; i < e->nvalues; i++)
		elements[i] = CStringGetTextDatum(e->values[i]);
	arg = add_argument(q, TEXTARRAYOID,
					   PointerGetDatum(construct_array(elements, e->nvalues, TEXTOID, -1, false,
													   TYPALIGN_INT)));
	if (e->is_number && is_number_type(a->type))
		return psprintf("CAST(s.c%d AS %s) OPERATOR(pg_catalog.<>) ALL (CAST($%d AS %s[]))",
						a->ref, compared_as(a->type), arg, compared_as(a->type));
	return psprintf("CAST(s.c%d AS pg_catalog.text) COLLATE pg_catalog.\"C\""
					" OPERATOR(pg_catalog.<>) ALL ($%d)", a->ref, arg);
}

static void
add_freshness(Asking *q, const Asked *a)
{
	char	   *newest = psprintf("CAST(pg_catalog.max(s.c%d) FILTER (WHERE pg_catalog.isfinite(s.c%d))"
								  " AS pg_catalog.timestamptz)", a->ref, a->ref);
	int			arg = add_argument(q, INTERVALOID, IntervalPGetDatum(a->e->max_age));

	add_output(q, psprintf("CASE WHEN %s OPERATOR(pg_catalog.>=) (pg_catalog.now() OPERATOR(pg_catalog.-) $%d)"
						   " THEN 0::pg_catalog.int8 ELSE 1::pg_catalog.int8 END", newest, arg));
	add_output(q, psprintf("CAST(pg_catalog.date_part('epoch', pg_catalog.now() OPERATOR(pg_catalog.-) %s)"
						   " AS pg_catalog.float8)", newest));
}

/* What it needs to know, as outputs of the query: first how many rows have a value. */
static void
ask(Asking *q, Asked *a)
{
	const MlExpectation *e = a->e;

	if (e->column == NULL || a->column < 0 || !a->suits ||
		e->kind == ML_EXPECT_COLUMN_PRESENT || e->kind == ML_EXPECT_COLUMN_TYPE)
		return;
	a->first = q->noutputs;
	add_output(q, psprintf("pg_catalog.count(s.c%d)", a->ref));
	if (e->kind == ML_EXPECT_RANGE)
		add_count(q, range_condition(q, a));
	else if (e->kind == ML_EXPECT_IN_SET)
		add_count(q, set_condition(q, a));
	else if (e->kind == ML_EXPECT_MATCHES)
		add_count(q, psprintf("CAST(s.c%d AS pg_catalog.text) COLLATE pg_catalog.\"default\""
							  " OPERATOR(pg_catalog.!~) $%d", a->ref,
							  add_argument(q, TEXTOID, CStringGetTextDatum(e->pattern))));
	else if (e->kind == ML_EXPECT_UNIQUE)
		add_output(q, psprintf("pg_catalog.count(DISTINCT s.c%d)", a->ref));
	else if (e->kind == ML_EXPECT_FRESHNESS)
		add_freshness(q, a);
}

/* Run it. */
static void
run(Asking *q, const char *sql, Datum *answers, bool *nulls)
{
	SPI_connect();
	mlops_expectation_run(sql, q->nargs, q->types, q->values);
	for (int i = 0; i < q->noutputs; i++)
	{
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1,
										  &nulls[i]);

		/* int8 or float8 */
		answers[i] = nulls[i] ? (Datum) 0 : SPI_datumTransfer(value, FLOAT8PASSBYVAL, sizeof(int64));
	}
	SPI_finish();
}

static char *
age_text(double seconds)
{
	bool		is_ahead = seconds < 0;
	double		s = floor(fabs(seconds));
	double		days = floor(s / 86400);
	int			rest = (int) (s - days * 86400);

	return psprintf("newest is %.0f days %02d:%02d:%02d %s", days, rest / 3600, rest / 60 % 60,
					rest % 60, is_ahead ? "ahead" : "old");
}

static bool
type_is(Oid type, const char *wanted)
{
	MlColumnType family = mlops_type_family(type);
	LOCAL_FCINFO(fcinfo, 1);
	Datum		found;

	if (family != 0 && strcmp(mlops_family_name(family), wanted) == 0)
		return true;
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(wanted);
	fcinfo->args[0].isnull = false;
	found = to_regtype(fcinfo);
	return !fcinfo->isnull && DatumGetObjectId(found) == type;
}

static void
judge_share(MlExpectationResult *r, int64 failed, int64 n)
{
	r->is_counted = true;
	r->failed = failed;
	r->n = n;
	r->passed = n == 0 || (double) failed <= r->expectation->max_share * (double) n;
	r->actual = psprintf(INT64_FORMAT " of " INT64_FORMAT " rows %s", failed, n,
						 r->expectation->kind == ML_EXPECT_NOT_NULL ? "are null" :
						 r->expectation->kind == ML_EXPECT_UNIQUE ? "repeat a value" :
						 r->expectation->kind == ML_EXPECT_RANGE ? "are outside" :
						 r->expectation->kind == ML_EXPECT_IN_SET ? "have another value" :
						 "do not match");
}

static void
judge_row_count(MlExpectationResult *r, int64 n)
{
	const MlExpectation *e = r->expectation;

	r->actual = psprintf(INT64_FORMAT " rows", n);
	r->passed = (e->min == NULL || n >= strtoll(e->min, NULL, 10)) &&
		(e->max == NULL || n <= strtoll(e->max, NULL, 10));
}

/* From the answers to a result. */
static void
judge(const Asked *a, Oid declared, int64 nrows, const Datum *answers, const bool *nulls,
	  MlExpectationResult *r)
{
	const MlExpectation *e = a->e;
	int64		count = a->first < 0 ? 0 : DatumGetInt64(answers[a->first]);

	r->expectation = e;
	if (e->kind == ML_EXPECT_ROW_COUNT)
		judge_row_count(r, nrows);
	else if (a->column < 0)
		r->actual = pstrdup("column is missing");
	else if (e->kind == ML_EXPECT_COLUMN_PRESENT)
	{
		r->actual = pstrdup("present");
		r->passed = true;
	}
	else if (e->kind == ML_EXPECT_COLUMN_TYPE || !a->suits)
	{
		r->actual = psprintf("type %s", format_type_be(declared));
		r->passed = e->kind == ML_EXPECT_COLUMN_TYPE &&
			(type_is(declared, e->type) || type_is(a->type, e->type));
	}
	else if (e->kind == ML_EXPECT_NOT_NULL)
		judge_share(r, nrows - count, nrows);
	else if (e->kind == ML_EXPECT_UNIQUE)
		judge_share(r, count - DatumGetInt64(answers[a->first + 1]), count);
	else if (e->kind == ML_EXPECT_FRESHNESS)
	{
		r->passed = DatumGetInt64(answers[a->first + 1]) == 0;
		r->actual = nulls[a->first + 2] ? pstrdup("no time") :
			age_text(DatumGetFloat8(answers[a->first + 2]));
	}
	else
		judge_share(r, DatumGetInt64(answers[a->first + 1]), count);
}

/* Which column each is about, and which columns are read at all. */
static bool *
find_columns(const MlSource *source, Asked *asked, int n)
{
	bool	   *wanted = palloc0(sizeof(bool) * Max(source->desc->natts, 1));

	for (int i = 0; i < n; i++)
	{
		Asked	   *a = &asked[i];

		a->column = a->e->column ? find_column(source->desc, a->e->column) : -1;
		if (a->column < 0)
			continue;
		a->type = getBaseType(TupleDescAttr(source->desc, a->column)->atttypid);
		a->suits = type_suits(a->e, a->type);
		if (a->suits && a->e->kind != ML_EXPECT_COLUMN_PRESENT && a->e->kind != ML_EXPECT_COLUMN_TYPE)
			wanted[a->column] = true;
	}
	return wanted;
}

MlExpectationResult *
mlops_expectations_check(MlSource *source, const List *expectations)
{
	int			n = list_length(expectations);
	MlExpectationResult *results = palloc0(sizeof(MlExpectationResult) * Max(n, 1));
	Asked	   *asked = palloc0(sizeof(Asked) * Max(n, 1));
	Asking	   *q = palloc0(sizeof(Asking));
	bool	   *wanted;
	char	   *select;
	TupleDesc	desc;
	Datum	   *answers;
	bool	   *nulls;

	if (n > MLOPS_EXPECT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many expectations: %d", n),
				 errdetail("At most %d are checked at once.", MLOPS_EXPECT_MAX)));
	if (n == 0)
		return results;
	for (int i = 0; i < n; i++)
	{
		asked[i].e = list_nth(expectations, i);
		asked[i].first = -1;
	}
	wanted = find_columns(source, asked, n);
	select = mlops_source_select(source, wanted, &desc);
	initStringInfo(&q->list);
	q->noutputs = 1;
	for (int i = 0; i < n; i++)
	{
		if (asked[i].column >= 0 && wanted[asked[i].column])
			asked[i].ref = find_column(desc, asked[i].e->column) + 1;
		ask(q, &asked[i]);
	}
	answers = palloc0(sizeof(Datum) * q->noutputs);
	nulls = palloc0(sizeof(bool) * q->noutputs);
	run(q, mlops_expectation_query(q->list.data, select, desc->natts), answers, nulls);
	for (int i = 0; i < n; i++)
		judge(&asked[i],
			  asked[i].column < 0 ? InvalidOid : TupleDescAttr(source->desc, asked[i].column)->atttypid,
			  DatumGetInt64(answers[0]), answers, nulls, &results[i]);
	return results;
}
