/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  Statements on our own tables, through SPI as the extension's owner.
 *
 * The caller's role is remembered first; then every statement runs under a
 * snapshot of its own, or, where nothing is written, under the active one.
 * Values reach SQL as parameters only.
 *
 * IDENTIFICATION
 *	  src/store/writer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "mlops/store.h"

static void
begin(MlWriter *w, bool reads_only)
{
	w->role = mlops_asking_role();
	w->reads_only = reads_only;
	w->nargs = 0;
	w->caller = CurrentMemoryContext;
	namestrcpy(&w->role_name, GetUserNameFromId(w->role, false));
	mlops_become_owner(&w->sw);
	SPI_connect();
}

static void
end(MlWriter *w)
{
	SPI_finish();
	mlops_return_from_owner(&w->sw);
}

/* What is written now says which cluster it was; after pg_upgrade that is to be known (stored_role.c). */
static void
know_this_system(MlWriter *w)
{
	if (ActiveSnapshotSet() && mlops_system_is_known(mlops_this_system()))
		return;
	mlops_write_int8(w, mlops_this_system());
	mlops_write_run(w, "INSERT INTO mlops_private.known_system (system) VALUES ($1)"
					" ON CONFLICT DO NOTHING");
}

void
mlops_write_begin(MlWriter *w, const char *command)
{
	PreventCommandIfReadOnly(command);
	PreventCommandIfParallelMode(command);
	PreventCommandDuringRecovery(command);
	begin(w, false);
	know_this_system(w);
}

void
mlops_write_end(MlWriter *w)
{
	end(w);
}

void
mlops_read_begin(MlWriter *w)
{
	begin(w, true);
}

void
mlops_read_end(MlWriter *w)
{
	end(w);
}

void
mlops_fresh_begin(MlWriter *w)
{
	PushActiveSnapshot(GetLatestSnapshot());
	w->reads_only = true;
}

void
mlops_fresh_end(MlWriter *w)
{
	w->reads_only = false;
	PopActiveSnapshot();
}

static void
add(MlWriter *w, Oid type, Datum value, bool isnull)
{
	Assert(w->nargs < MLOPS_WRITER_ARGS);
	w->types[w->nargs] = type;
	w->values[w->nargs] = value;
	w->nulls[w->nargs] = isnull ? 'n' : ' ';
	w->nargs++;
}

void
mlops_write_datum(MlWriter *w, Oid type, Datum value)
{
	add(w, type, value, false);
}

void
mlops_write_null(MlWriter *w, Oid type)
{
	add(w, type, (Datum) 0, true);
}

void
mlops_write_name(MlWriter *w, const char *name)
{
	Name		copy;

	if (name == NULL)
	{
		mlops_write_null(w, NAMEOID);
		return;
	}
	copy = palloc0(sizeof(NameData));
	namestrcpy(copy, name);
	add(w, NAMEOID, NameGetDatum(copy), false);
}

void
mlops_write_text(MlWriter *w, const char *text)
{
	add(w, TEXTOID, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

void
mlops_write_bool(MlWriter *w, bool value)
{
	add(w, BOOLOID, BoolGetDatum(value), false);
}

void
mlops_write_int4(MlWriter *w, int value)
{
	add(w, INT4OID, Int32GetDatum(value), false);
}

void
mlops_write_int8(MlWriter *w, int64 value)
{
	add(w, INT8OID, Int64GetDatum(value), false);
}

void
mlops_write_float8(MlWriter *w, double value)
{
	add(w, FLOAT8OID, Float8GetDatum(value), false);
}

void
mlops_write_number(MlWriter *w, double value)
{
	add(w, FLOAT8OID, Float8GetDatum(value), isnan(value));
}

void
mlops_write_oid(MlWriter *w, Oid value)
{
	add(w, OIDOID, ObjectIdGetDatum(value), false);
}

void
mlops_write_time(MlWriter *w, TimestampTz value)
{
	add(w, TIMESTAMPTZOID, TimestampTzGetDatum(value), false);
}

void
mlops_write_jsonb(MlWriter *w, Jsonb *value)
{
	add(w, JSONBOID, value ? JsonbPGetDatum(value) : (Datum) 0, value == NULL);
}

void
mlops_write_bytea(MlWriter *w, const void *bytes, int len)
{
	bytea	   *copy;

	if (bytes == NULL)
	{
		mlops_write_null(w, BYTEAOID);
		return;
	}
	copy = palloc(VARHDRSZ + len);
	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), bytes, len);
	add(w, BYTEAOID, PointerGetDatum(copy), false);
}

void
mlops_write_role(MlWriter *w, Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	mlops_write_oid(w, role);
	mlops_write_name(w, name ? name : "");
	mlops_write_int8(w, mlops_this_system());
}

uint64
mlops_write_run(MlWriter *w, const char *sql)
{
	MemoryContext context = CurrentMemoryContext;
	int			rc = SPI_execute_with_args(sql, w->nargs, w->types, w->values,
										   w->nulls, w->reads_only, 0);

	MemoryContextSwitchTo(context); /* SPI leaves us in its own */
	if (rc < 0)
		elog(ERROR, "SPI_execute_with_args returned %s: %s",
			 SPI_result_code_string(rc), sql);
	w->nargs = 0;
	return SPI_processed;
}

/* Hands rows on. */
typedef struct EachReceiver
{
	DestReceiver pub;
	MlEachRow	each;
	void	   *arg;
} EachReceiver;

static void
each_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static bool
each_receive(TupleTableSlot *slot, DestReceiver *self)
{
	EachReceiver *er = (EachReceiver *) self;

	slot_getallattrs(slot);
	er->each(er->arg, slot);
	return true;
}

static void
each_nothing(DestReceiver *self)
{
}

static ParamListInfo
make_params(const MlWriter *w)
{
	ParamListInfo params = makeParamList(w->nargs);

	for (int i = 0; i < w->nargs; i++)
	{
		params->params[i].value = w->values[i];
		params->params[i].isnull = w->nulls[i] == 'n';
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = w->types[i];
	}
	return params;
}

uint64
mlops_write_each(MlWriter *w, const char *sql, MlEachRow each, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	EachReceiver er = {0};
	SPIExecuteOptions options = {0};
	SPIPlanPtr	plan;
	int			rc;

	er.pub.receiveSlot = each_receive;
	er.pub.rStartup = each_startup;
	er.pub.rShutdown = each_nothing;
	er.pub.rDestroy = each_nothing;
	er.pub.mydest = DestNone;
	er.each = each;
	er.arg = arg;
	options.params = make_params(w);
	options.read_only = w->reads_only;
	options.dest = &er.pub;
	/* not in parallel: the queue of rows costs what that gains */
	plan = SPI_prepare_cursor(sql, w->nargs, w->types, 0);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor returned %s: %s",
			 SPI_result_code_string(SPI_result), sql);
	rc = SPI_execute_plan_extended(plan, &options);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan_extended returned %s: %s",
			 SPI_result_code_string(rc), sql);
	SPI_freeplan(plan);
	MemoryContextSwitchTo(context);
	w->nargs = 0;
	return SPI_processed;
}

bool
mlops_write_try(MlWriter *w, MlWork work, void *arg, bool (*expected) (int sqlerrcode))
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(w, arg);
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		if (!expected(error->sqlerrcode))
			ReThrowError(error);
		FreeErrorData(error);
		w->nargs = 0;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return done;
}

Datum
mlops_write_result(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column %d", column);
	return value;
}

bool
mlops_write_isnull(uint64 row, int column)
{
	bool		isnull;

	(void) SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						 column, &isnull);
	return isnull;
}

char *
mlops_write_string(MlWriter *w, uint64 row, int column)
{
	char	   *text = SPI_getvalue(SPI_tuptable->vals[row],
									SPI_tuptable->tupdesc, column);

	return text ? MemoryContextStrdup(w->caller, text) : NULL;
}
