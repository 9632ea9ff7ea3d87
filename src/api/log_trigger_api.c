/*-------------------------------------------------------------------------
 *
 * log_trigger_api.c
 *	  SQL: log_trigger('model', 'key=column' [, 'value=column']
 *	  [, 'at=column']), an AFTER ROW trigger that logs what was stored.
 *
 * A row that ON CONFLICT or a later trigger discarded never comes here, and of
 * one that a later trigger changed the last form does.  It is scored as it is
 * stored, by whom the route gives its key to; with value= the number that
 * stands in a column counts, as score_trigger() set it or an application did.
 *
 * The rights that count are those of the table's owner, as with
 * score_trigger(): inserting roles need none on the model.
 *
 * IDENTIFICATION
 *	  src/api/log_trigger_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "mlops/log.h"

#include "log_call.h"

PG_FUNCTION_INFO_V1(mlops_log_trigger);

/* A column that an argument names; attnum 0: none does. */
typedef struct Column
{
	int			attnum;
	Oid			type;			/* its base type where it is a domain */
} Column;

/* What one trigger keeps for the statement, in its FmgrInfo. */
typedef struct LogTrigger
{
	Oid			trigger;
	text	   *model;
	Column		key;
	FmgrInfo	key_out;
	Column		value;
	Column		at;
	MlLogSite  *site;
	MemoryContext row_context;
} LogTrigger;

typedef struct StoredRow
{
	HeapTuple	tuple;
	TupleDesc	desc;
} StoredRow;

static void
check_event(TriggerData *trigdata)
{
	if (!TRIGGER_FIRED_AFTER(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must be AFTER INSERT OR UPDATE FOR EACH ROW",
						trigdata->tg_trigger->tgname)));
}

static void
set_column(TriggerData *trigdata, Column *column, const char *name)
{
	Relation	rel = trigdata->tg_relation;

	if (column->attnum != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an option of trigger \"%s\" stands twice", trigdata->tg_trigger->tgname)));
	column->attnum = SPI_fnumber(RelationGetDescr(rel), name);
	if (column->attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(rel))));
	column->type = getBaseType(TupleDescAttr(RelationGetDescr(rel), column->attnum - 1)->atttypid);
}

static void
check_type(TriggerData *trigdata, const Column *column, const char *what, bool fits)
{
	if (column->attnum != 0 && !fits)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a column of type %s cannot be %s of trigger \"%s\"",
						format_type_be(column->type), what, trigdata->tg_trigger->tgname)));
}

/* After "name=", or NULL. */
static const char *
option_value(const char *option, const char *name)
{
	size_t		len = strlen(name);

	return strncmp(option, name, len) == 0 && option[len] == '=' ? option + len + 1 : NULL;
}

static void
read_option(TriggerData *trigdata, LogTrigger *t, const char *option)
{
	const char *name;

	if ((name = option_value(option, "key")) != NULL)
		set_column(trigdata, &t->key, name);
	else if ((name = option_value(option, "value")) != NULL)
		set_column(trigdata, &t->value, name);
	else if ((name = option_value(option, "at")) != NULL)
		set_column(trigdata, &t->at, name);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an option of trigger \"%s\" is not recognized", trigdata->tg_trigger->tgname),
				 errhint("Options are 'key=column', 'value=column' and 'at=column'.")));
}

static void
read_arguments(TriggerData *trigdata, LogTrigger *t)
{
	Trigger    *trigger = trigdata->tg_trigger;
	Oid			output;
	bool		is_varlena;

	for (int i = 1; i < trigger->tgnargs; i++)
		read_option(trigdata, t, trigger->tgargs[i]);
	if (trigger->tgnargs < 1 || t->key.attnum == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger \"%s\" needs a model and a key", trigger->tgname),
				 errhint("Write EXECUTE FUNCTION mlops.log_trigger('model', 'key=column').")));
	check_type(trigdata, &t->value, "the value",
			   t->value.type == FLOAT8OID || t->value.type == FLOAT4OID || t->value.type == NUMERICOID);
	check_type(trigdata, &t->at, "the time",
			   t->at.type == TIMESTAMPTZOID || t->at.type == TIMESTAMPOID || t->at.type == DATEOID);
	t->model = cstring_to_text(trigger->tgargs[0]);
	getTypeOutputInfo(t->key.type, &output, &is_varlena);
	fmgr_info_cxt(output, &t->key_out, CurrentMemoryContext);
}

static LogTrigger *
get_trigger(FmgrInfo *flinfo, TriggerData *trigdata)
{
	LogTrigger *t = flinfo->fn_extra;
	MemoryContext old;

	if (t && t->trigger == trigdata->tg_trigger->tgoid)
		return t;
	check_event(trigdata);
	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	t = palloc0(sizeof(LogTrigger));
	read_arguments(trigdata, t);
	t->site = mlops_log_site(flinfo->fn_mcxt);
	t->row_context = AllocSetContextCreate(flinfo->fn_mcxt, "mlops log trigger", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(old);
	t->trigger = trigdata->tg_trigger->tgoid;
	flinfo->fn_extra = t;
	return t;
}

static const double *
score_stored(MlScorer *s, void *row)
{
	StoredRow  *stored = row;

	return mlops_scorer_tuple(s, stored->tuple, stored->desc);
}

static Datum
get_value(const Column *column, const StoredRow *row, bool *isnull)
{
	return heap_getattr(row->tuple, column->attnum, row->desc, isnull);
}

static text *
read_key(LogTrigger *t, const StoredRow *row)
{
	bool		isnull;
	Datum		value = get_value(&t->key, row, &isnull);

	if (isnull)
		return NULL;
	return cstring_to_text(OutputFunctionCall(&t->key_out, value));
}

static void
read_stored(const LogTrigger *t, const StoredRow *row, MlLogCall *call)
{
	Datum		value = get_value(&t->value, row, &call->stored_null);

	call->has_stored = true;
	if (call->stored_null)
		return;
	if (t->value.type == FLOAT8OID)
		call->stored = DatumGetFloat8(value);
	else if (t->value.type == FLOAT4OID)
		call->stored = DatumGetFloat4(value);
	else
		call->stored = DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
	call->stored_null = isnan(call->stored);
}

/* A null is now. */
static void
read_time(const LogTrigger *t, const StoredRow *row, MlLogCall *call)
{
	bool		isnull;
	Datum		value = get_value(&t->at, row, &isnull);

	if (isnull)
		return;
	if (t->at.type == TIMESTAMPOID)
		value = DirectFunctionCall1(timestamp_timestamptz, value);
	else if (t->at.type == DATEOID)
		value = DirectFunctionCall1(date_timestamptz, value);
	call->has_at = true;
	call->at = DatumGetTimestampTz(value);
	mlops_log_time_check(call->at);
}

Datum
mlops_log_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	LogTrigger *t;
	StoredRow	row;
	MlLogCall	call = {0};
	MlLogAnswer answer;
	MemoryContext old;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("mlops.log_trigger() can only be called as a trigger")));
	t = get_trigger(fcinfo->flinfo, trigdata);
	row.tuple = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
		trigdata->tg_newtuple : trigdata->tg_trigtuple;
	row.desc = RelationGetDescr(trigdata->tg_relation);
	old = MemoryContextSwitchTo(t->row_context);
	call.model = t->model;
	call.key = read_key(t, &row);
	call.role = trigdata->tg_relation->rd_rel->relowner;
	call.logs = mlops_log_possible();
	if (t->value.attnum != 0)
		read_stored(t, &row, &call);
	if (t->at.attnum != 0)
		read_time(t, &row, &call);
	call.score = score_stored;
	call.row = &row;
	mlops_log_call(t->site, &call, &answer);
	MemoryContextSwitchTo(old);
	MemoryContextReset(t->row_context);
	return PointerGetDatum(NULL);
}
