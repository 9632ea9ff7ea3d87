/*-------------------------------------------------------------------------
 *
 * expectation_profile.c
 *	  What a source is like, as expectations that it meets.
 *
 * Two queries as the current user, made as those of expectation_check.c are (expectation_query.c):
 * one counts, the other fetches the values of columns that have few.
 *
 * IDENTIFICATION
 *	  src/drift/expectation_profile.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "mlops/compat.h"
#include "mlops/expect.h"
#include "mlops/jsonb_out.h"

#include "expectation_query.h"

#define SET_MAX	20				/* values of a column that make a set */

/* What is asked of a column, by the family of its type. */
typedef struct Profile
{
	const char *column;
	Oid			type;
	MlColumnType family;
	int64		count;			/* not null */
	int64		ndistinct;		/* of text and booleans */
	char	   *min;			/* of numbers; NULL: no finite one */
	char	   *max;
	ArrayType  *values;			/* where they are few */
} Profile;

static bool
has_set(const Profile *p)
{
	return p->family == ML_COLUMN_TEXT || p->family == ML_COLUMN_BOOL;
}

/* Three outputs a column: how many values, and two that depend on its type. */
static char *
counting_list(const Profile *profiles, int n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
	{
		appendStringInfo(&list, ", pg_catalog.count(s.c%d)", i + 1);
		if (profiles[i].family == ML_COLUMN_NUMBER)
			appendStringInfo(&list, ", CAST(pg_catalog.min(s.c%d) AS pg_catalog.text)"
							 ", CAST(pg_catalog.max(s.c%d) AS pg_catalog.text)", i + 1, i + 1);
		else if (has_set(&profiles[i]))
			appendStringInfo(&list, ", pg_catalog.count(DISTINCT CAST(s.c%d AS pg_catalog.text) COLLATE pg_catalog.\"C\"), NULL",
							 i + 1);
		else
			appendStringInfoString(&list, ", NULL, NULL");
	}
	return list.data;
}

static char *
finite_text(int column)
{
	char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return text == NULL || strpbrk(text, "NI") != NULL ? NULL : text;
}

static void
read_counts(Profile *profiles, int n)
{
	HeapTuple	row = SPI_tuptable->vals[0];
	TupleDesc	desc = SPI_tuptable->tupdesc;

	for (int i = 0; i < n; i++)
	{
		int			column = 2 + 3 * i;
		bool		isnull;

		profiles[i].count = DatumGetInt64(SPI_getbinval(row, desc, column, &isnull));
		if (has_set(&profiles[i]))
			profiles[i].ndistinct = DatumGetInt64(SPI_getbinval(row, desc, column + 1, &isnull));
		else if (profiles[i].family == ML_COLUMN_NUMBER)
		{
			profiles[i].min = finite_text(column + 1);
			profiles[i].max = finite_text(column + 2);
		}
	}
}

static bool
is_small(const Profile *p)
{
	return has_set(p) && p->ndistinct > 0 && p->ndistinct <= SET_MAX;
}

/* Second query: the values of columns that have few. */
static void
read_sets(Profile *profiles, int n, const char *select)
{
	StringInfoData list;
	int			column = 2;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
	{
		if (is_small(&profiles[i]))
			appendStringInfo(&list, ", pg_catalog.array_agg(DISTINCT CAST(s.c%d AS pg_catalog.text) COLLATE pg_catalog.\"C\")"
							 " FILTER (WHERE s.c%d IS NOT NULL)", i + 1, i + 1);
	}
	if (list.len == 0)
		return;
	mlops_expectation_run(mlops_expectation_query(list.data, select, n), 0, NULL, NULL);
	for (int i = 0; i < n; i++)
	{
		bool		isnull;
		Datum		array;

		if (!is_small(&profiles[i]))
			continue;
		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column++, &isnull);
		if (!isnull)
			profiles[i].values = DatumGetArrayTypeP(array);
	}
}

static void
begin(JsonbParseState **state, const char *kind, const char *column)
{
	*state = NULL;
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(state, "kind", kind);
	mlops_jsonb_add_string(state, "column", column);
}

static Jsonb *
end(JsonbParseState **state)
{
	return JsonbValueToJsonb(pushJsonbValue(state, WJB_END_OBJECT, NULL));
}

static void
add_bound(JsonbParseState **state, const char *key, const char *text)
{
	JsonbValue	v;

	v.type = jbvNumeric;
	v.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
														ObjectIdGetDatum(InvalidOid),
														Int32GetDatum(-1)));
	mlops_jsonb_add_key(state, key);
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
add_values(JsonbParseState **state, ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	mlops_jsonb_add_key(state, "values");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		JsonbValue	v;

		v.type = jbvString;
		v.val.string.val = TextDatumGetCString(elements[i]);
		v.val.string.len = strlen(v.val.string.val);
		pushJsonbValue(state, WJB_ELEM, &v);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
propose_column(const Profile *p, int64 nrows, MlPropose propose, void *arg)
{
	JsonbParseState *state;

	begin(&state, "column_type", p->column);
	mlops_jsonb_add_string(&state, "type", p->family ? mlops_family_name(p->family) :
						   format_type_be_qualified(p->type));
	propose(arg, "column_type", p->column, end(&state));
	if (nrows > 0)
	{
		begin(&state, "not_null", p->column);
		/* rounded up, so that the source itself passes */
		if (p->count < nrows)
			mlops_jsonb_add_number(&state, "max_share",
								   Min(1.0, (floor(1e4 * (double) (nrows - p->count) / (double) nrows) + 1) / 1e4));
		propose(arg, "not_null", p->column, end(&state));
	}
	if (p->min && p->max)
	{
		begin(&state, "range", p->column);
		add_bound(&state, "min", p->min);
		add_bound(&state, "max", p->max);
		propose(arg, "range", p->column, end(&state));
	}
	if (p->values)
	{
		begin(&state, "in_set", p->column);
		add_values(&state, p->values);
		propose(arg, "in_set", p->column, end(&state));
	}
}

void
mlops_expectations_propose(MlSource *source, MlPropose propose, void *arg)
{
	int			n = source->desc->natts;
	Profile    *profiles = palloc0(sizeof(Profile) * Max(n, 1));
	bool	   *wanted = palloc(sizeof(bool) * Max(n, 1));
	TupleDesc	desc;
	char	   *select;
	bool		isnull;
	int64		nrows;

	memset(wanted, true, sizeof(bool) * n);
	select = mlops_source_select(source, wanted, &desc);
	for (int i = 0; i < n; i++)
	{
		profiles[i].column = NameStr(TupleDescAttr(desc, i)->attname);
		profiles[i].type = TupleDescAttr(desc, i)->atttypid;
		profiles[i].family = mlops_type_family(profiles[i].type);
	}
	SPI_connect();
	mlops_expectation_run(mlops_expectation_query(counting_list(profiles, n), select, n), 0, NULL, NULL);
	nrows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	read_counts(profiles, n);
	read_sets(profiles, n, select);
	for (int i = 0; i < n; i++)
		propose_column(&profiles[i], nrows, propose, arg);
	SPI_finish();
}
