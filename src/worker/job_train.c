/*-------------------------------------------------------------------------
 *
 * job_train.c
 *	  Jobs of kind "train": mlops.train() with stored arguments.
 *
 * The call is a statement of the job's owner like any other: with the owner's
 * rights at that moment, and with the search_path of the session that runs it.
 *
 * IDENTIFICATION
 *	  src/worker/job_train.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/job.h"
#include "mlops/jsonb_out.h"

/* The arguments of mlops.train(), which are those of the job. */
static const struct
{
	const char *name;
	Oid			type;
	bool		required;
}			parameters[] = {
	{"model", TEXTOID, true},
	{"source", TEXTOID, true},
	{"target", NAMEOID, false},
	{"algorithm", TEXTOID, false},
	{"features", NAMEARRAYOID, false},
	{"options", JSONBOID, false},
	{"validation", JSONBOID, false},
	{"weight", NAMEOID, false},
	{"alias", TEXTOID, false},
	{"note", TEXTOID, false},
};

#define NPARAMETERS ((int) lengthof(parameters))

typedef struct Call
{
	char	   *model;
	int			n;				/* arguments given */
	int			which[NPARAMETERS];
	Oid			types[NPARAMETERS];
	Datum		values[NPARAMETERS];
} Call;

pg_noreturn static void
wrong_type(const char *name, const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" of a job of kind \"train\" must be %s", name, type)));
}

static Datum
read_name(const JsonbValue *value, const char *argument)
{
	Name		name = palloc0(sizeof(NameData));

	if (value->type != jbvString)
		wrong_type(argument, "a string");
	if (value->val.string.len >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" of a job of kind \"train\" has a name that is too long", argument)));
	memcpy(NameStr(*name), value->val.string.val, value->val.string.len);
	return NameGetDatum(name);
}

static Datum
read_names(const JsonbValue *value, const char *argument)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;
	ArrayBuildState *array = NULL;
	int			n = 0;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		wrong_type(argument, "an array of strings");
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		array = accumArrayResult(array, read_name(&item, argument), false, NAMEOID,
								 CurrentMemoryContext);
		n++;
	}
	if (n == 0)
		wrong_type(argument, "an array of strings that is not empty");
	return makeArrayResult(array, CurrentMemoryContext);
}

static Datum
read_value(JsonbValue *value, int parameter)
{
	const char *name = parameters[parameter].name;

	switch (parameters[parameter].type)
	{
		case NAMEOID:
			return read_name(value, name);
		case NAMEARRAYOID:
			return read_names(value, name);
		case JSONBOID:
			if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
				wrong_type(name, "an object");
			return JsonbPGetDatum(JsonbValueToJsonb(value));
		default:
			if (value->type != jbvString)
				wrong_type(name, "a string");
			return PointerGetDatum(cstring_to_text_with_len(value->val.string.val,
															value->val.string.len));
	}
}

static int
parameter_of(const JsonbValue *key)
{
	for (int i = 0; i < NPARAMETERS; i++)
		if ((int) strlen(parameters[i].name) == key->val.string.len &&
			memcmp(parameters[i].name, key->val.string.val, key->val.string.len) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown argument for a job of kind \"train\""),
			 errhint("Arguments are those of mlops.train().")));
}

/* Null is as if it was not given. */
static void
read_call(Jsonb *arguments, Call *call)
{
	JsonbIterator *it = JsonbIteratorInit(&arguments->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	int			parameter = -1;
	uint32		given = 0;

	memset(call, 0, sizeof(Call));
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			parameter = parameter_of(&value);
		if (token != WJB_VALUE || value.type == jbvNull)
			continue;
		call->which[call->n] = parameter;
		call->types[call->n] = parameters[parameter].type;
		call->values[call->n] = read_value(&value, parameter);
		if (strcmp(parameters[parameter].name, "model") == 0)
			call->model = TextDatumGetCString(call->values[call->n]);
		call->n++;
		given |= 1U << parameter;
	}
	for (int i = 0; i < NPARAMETERS; i++)
		if (parameters[i].required && !(given & (1U << i)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a job of kind \"train\" needs the argument \"%s\"", parameters[i].name)));
}

void
mlops_job_train_check(Jsonb *arguments)
{
	Call		call;

	read_call(arguments, &call);
	mlops_name_check(call.model, "model");
	mlops_registry_check_train(call.model, 0);
}

/* Of the statement's one row: what there is to say. */
static Jsonb *
describe(MemoryContext context, int64 *rows)
{
	JsonbParseState *state = NULL;
	SPITupleTable *result = SPI_tuptable;
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		isnull;
	Jsonb	   *detail;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "model", SPI_getvalue(result->vals[0], result->tupdesc, 1));
	mlops_jsonb_add_integer(&state, "version",
							DatumGetInt32(SPI_getbinval(result->vals[0], result->tupdesc, 2, &isnull)));
	mlops_jsonb_add_string(&state, "algorithm", SPI_getvalue(result->vals[0], result->tupdesc, 3));
	*rows = DatumGetInt64(SPI_getbinval(result->vals[0], result->tupdesc, 4, &isnull));
	detail = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	MemoryContextSwitchTo(old);
	return detail;
}

bool
mlops_job_train_step(const MlJob *job, MlJobWork *work)
{
	MemoryContext context = CurrentMemoryContext;
	StringInfoData sql;
	Call		call;
	int			rc;

	read_call(job->arguments, &call);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT model, version, algorithm, rows_used FROM mlops.train(");
	for (int i = 0; i < call.n; i++)
		appendStringInfo(&sql, "%s%s => $%d", i == 0 ? "" : ", ",
						 parameters[call.which[i]].name, i + 1);
	appendStringInfoChar(&sql, ')');
	SPI_connect();
	rc = SPI_execute_with_args(sql.data, call.n, call.types, call.values, NULL, false, 0);
	if (rc != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "mlops.train() returned no row");
	work->detail = describe(context, &work->rows);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return false;
}
