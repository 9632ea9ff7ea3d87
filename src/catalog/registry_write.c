/*-------------------------------------------------------------------------
 *
 * registry_write.c
 *	  Adding versions, moving aliases, dropping and renaming.
 *
 * The caller's role is taken and its rights are checked first; then the
 * statements run through SPI as the extension's owner, each under a snapshot
 * of its own, and none of them calls anything a user wrote.
 *
 * Locking.  Every change locks the model's row before anything else and holds
 * it until the transaction ends, so changes of one model wait for one another
 * and cannot deadlock among themselves; readers never wait.  Rights are
 * checked before the lock is asked for, so that others can neither block a
 * model nor learn from waiting that it exists, and again once it is held.
 *
 * Numbers of versions come from the row's last_version: dense, because a
 * rollback gives its number back, and never used again after a drop.
 *
 * A model that was recorded in another cluster, or under a former name of its
 * owner, gets its owner recorded anew here (gov/owner.c).
 *
 * A name that somebody else's model has cannot be hidden from those who want
 * to create a model of that name.  They learn that it is not available, not
 * whose it is.
 *
 * IDENTIFICATION
 *	  src/catalog/registry_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"

#include "registry_tables.h"

#define MAX_ARGS 14

/* A write under way: between begin and end SPI is connected as the extension's owner. */
typedef struct Writer
{
	Oid			role;			/* who asked */
	NameData	role_name;
	MlUserSwitch sw;
	int			nargs;			/* of the next statement */
	Oid			types[MAX_ARGS];
	Datum		values[MAX_ARGS];
	char		nulls[MAX_ARGS];
} Writer;

/* Refuse where nothing can be written. */
static void
prevent(const char *command)
{
	PreventCommandIfReadOnly(command);
	PreventCommandIfParallelMode(command);
}

static void
write_begin(Writer *w)
{
	w->role = GetUserId();
	w->nargs = 0;
	namestrcpy(&w->role_name, GetUserNameFromId(w->role, false));
	mlops_access_become_owner(&w->sw);
	SPI_connect();
}

static void
write_end(Writer *w)
{
	SPI_finish();
	mlops_access_return(&w->sw);
}

static void
add_arg(Writer *w, Oid type, Datum value, bool isnull)
{
	Assert(w->nargs < MAX_ARGS);
	w->types[w->nargs] = type;
	w->values[w->nargs] = value;
	w->nulls[w->nargs] = isnull ? 'n' : ' ';
	w->nargs++;
}

static void
add_name(Writer *w, const char *name)
{
	Name		copy = palloc0(sizeof(NameData));

	namestrcpy(copy, name);
	add_arg(w, NAMEOID, NameGetDatum(copy), false);
}

/* NULL text is SQL's NULL */
static void
add_text(Writer *w, const char *text)
{
	add_arg(w, TEXTOID, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

static void
add_int4(Writer *w, int value)
{
	add_arg(w, INT4OID, Int32GetDatum(value), false);
}

static void
add_int8(Writer *w, int64 value)
{
	add_arg(w, INT8OID, Int64GetDatum(value), false);
}

/* Execute with the arguments added since the last call; returns the rows processed. */
static uint64
run(Writer *w, const char *sql)
{
	int			rc = SPI_execute_with_args(sql, w->nargs, w->types, w->values,
										   w->nulls, false, 0);

	if (rc < 0)
		elog(ERROR, "SPI_execute_with_args returned %s: %s",
			 SPI_result_code_string(rc), sql);
	w->nargs = 0;
	return SPI_processed;
}

/* A column of a row of the last result; must not be null. */
static Datum
result(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column %d", column);
	return value;
}

void
mlops_registry_deny_name(const char *model)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("model name \"%s\" is not available", model),
			 errhint("Choose another name.")));
	pg_unreachable();
}

void
mlops_registry_check_task(const char *model, MlTask has, MlTask wanted)
{
	if (has != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("model \"%s\" is for %s, not for %s", model,
						mlops_task_name(has),
						mlops_task_name(wanted)),
				 errdetail("All versions of a model have the same task."),
				 errhint("Train under another model name, or set the option \"task\".")));
}

/* Record the owner as it is known in this cluster today. */
static void
stamp_owner(Writer *w, int64 model_id, Oid owner, const char *stored_name,
			int64 stored_system)
{
	char	   *name = GetUserNameFromId(owner, true);

	if (name == NULL ||
		(stored_system == (int64) GetSystemIdentifier() &&
		 strcmp(stored_name, name) == 0))
		return;
	add_int8(w, model_id);
	add_arg(w, OIDOID, ObjectIdGetDatum(owner), false);
	add_name(w, name);
	add_int8(w, (int64) GetSystemIdentifier());
	run(w, "UPDATE mlops_private.model"
		" SET owner_oid = $2, owner_name = $3, owner_system = $4"
		" WHERE model_id = $1");
}

/* A row of model as found_model reads it. */
#define MODEL_COLUMNS "model_id, task, owner_oid, owner_name, owner_system"

typedef struct FoundModel
{
	int64		model_id;
	MlTask		task;
	Oid			owner;
	NameData	owner_name;		/* as stored */
	int64		owner_system;
} FoundModel;

/* Take the last result's first row apart; false: there is none, or the caller has no right to it. */
static bool
found_model(const Writer *w, FoundModel *found)
{
	char	   *task;

	if (SPI_processed == 0)
		return false;
	found->model_id = DatumGetInt64(result(0, 1));
	task = TextDatumGetCString(result(0, 2));
	found->task = mlops_registry_task_from_name(task);
	found->owner_name = *DatumGetName(result(0, 4));
	found->owner_system = DatumGetInt64(result(0, 5));
	found->owner = mlops_owner_resolve(DatumGetObjectId(result(0, 3)),
									   NameStr(found->owner_name),
									   found->owner_system);
	return mlops_access_allowed(found->owner, w->role);
}

/*
 * Find and lock a model for a change; returns its number.  strong is for
 * dropping and renaming.
 */
static int64
lock_model(Writer *w, const char *name, bool strong)
{
	FoundModel	found;

	add_name(w, name);
	run(w, "SELECT " MODEL_COLUMNS " FROM mlops_private.model WHERE name = $1");
	if (!found_model(w, &found))
		mlops_access_deny_model(name);
	add_name(w, name);
	run(w, strong ?
		"SELECT " MODEL_COLUMNS " FROM mlops_private.model WHERE name = $1 FOR UPDATE" :
		"SELECT " MODEL_COLUMNS " FROM mlops_private.model WHERE name = $1 FOR NO KEY UPDATE");
	if (!found_model(w, &found))
		mlops_access_deny_model(name);
	stamp_owner(w, found.model_id, found.owner, NameStr(found.owner_name),
				found.owner_system);
	return found.model_id;
}

/* The version an alias points to, 0 for none. */
static int
alias_version(Writer *w, int64 model_id, const char *alias)
{
	add_int8(w, model_id);
	add_name(w, alias);
	if (run(w, "SELECT version FROM mlops_private.alias"
			" WHERE model_id = $1 AND alias = $2") == 0)
		return 0;
	return DatumGetInt32(result(0, 1));
}

static void
check_version(Writer *w, const char *model, int64 model_id, int version)
{
	add_int8(w, model_id);
	add_int4(w, version);
	if (run(w, "SELECT 1 FROM mlops_private.version"
			" WHERE model_id = $1 AND version = $2") == 0)
		mlops_registry_deny_version(model, version);
}

static void
move_alias(Writer *w, int64 model_id, const char *alias, int version)
{
	add_int8(w, model_id);
	add_name(w, alias);
	add_int4(w, version);
	add_name(w, NameStr(w->role_name));
	run(w, "INSERT INTO mlops_private.alias (model_id, alias, version, set_by)"
		" VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (model_id, alias) DO UPDATE"
		" SET version = excluded.version, set_by = excluded.set_by,"
		" set_at = excluded.set_at");
}

/* Create the model or lock it, and take its next number. */
static int
next_version(Writer *w, const MlNewVersion *v, int64 *model_id)
{
	FoundModel	found;
	int			version;

	add_name(w, v->model);
	run(w, "SELECT " MODEL_COLUMNS " FROM mlops_private.model WHERE name = $1");
	if (SPI_processed > 0 && !found_model(w, &found))
		mlops_registry_deny_name(v->model);
	add_name(w, v->model);
	add_text(w, mlops_task_name(v->task));
	add_arg(w, OIDOID, ObjectIdGetDatum(w->role), false);
	add_name(w, NameStr(w->role_name));
	add_int8(w, (int64) GetSystemIdentifier());
	run(w, "INSERT INTO mlops_private.model AS m"
		" (name, task, owner_oid, owner_name, owner_system, last_version)"
		" VALUES ($1, $2, $3, $4, $5, 1)"
		" ON CONFLICT (name) DO UPDATE SET last_version = m.last_version + 1"
		" RETURNING " MODEL_COLUMNS ", last_version");
	if (!found_model(w, &found))
		mlops_registry_deny_name(v->model);
	mlops_registry_check_task(v->model, found.task, v->task);
	*model_id = found.model_id;
	version = DatumGetInt32(result(0, 6));
	stamp_owner(w, found.model_id, found.owner, NameStr(found.owner_name),
				found.owner_system);
	return version;
}

/* The type of version.artifact, mlops.model, without looking its name up. */
static Oid
artifact_type(void)
{
	SPITupleTable *table;

	SPI_execute("SELECT artifact FROM mlops_private.version LIMIT 0", false, 0);
	table = SPI_tuptable;
	return TupleDescAttr(table->tupdesc, 0)->atttypid;
}

static void
insert_version(Writer *w, const MlNewVersion *v, int64 model_id, int version)
{
	Oid			type = artifact_type();

	add_int8(w, model_id);
	add_int4(w, version);
	add_text(w, v->algorithm);
	add_arg(w, type, PointerGetDatum(v->artifact), false);
	add_text(w, v->target);
	add_arg(w, JSONBOID, JsonbPGetDatum(v->options), v->options == NULL);
	add_arg(w, JSONBOID, JsonbPGetDatum(v->metrics), v->metrics == NULL);
	add_text(w, v->source);
	add_int8(w, v->rows_used);
	add_int8(w, v->rows_skipped);
	add_arg(w, FLOAT8OID, Float8GetDatum(v->seconds), false);
	add_name(w, NameStr(w->role_name));
	add_text(w, v->note);
	run(w, "INSERT INTO mlops_private.version"
		" (model_id, version, algorithm, artifact, target, options, metrics, source,"
		" rows_used, rows_skipped, seconds, trained_by, note)"
		" VALUES ($1, $2, $3, $4, $5, coalesce($6, '{}'), coalesce($7, '{}'), $8,"
		" $9, $10, $11, $12, $13)");
}

int
mlops_registry_add_version(const MlNewVersion *v)
{
	Writer		w;
	int64		model_id;
	int			version;

	mlops_name_check(v->model, "a model");
	if (v->alias != NULL)
		mlops_name_check(v->alias, "an alias");
	write_begin(&w);
	version = next_version(&w, v, &model_id);
	insert_version(&w, v, model_id, version);
	add_int8(&w, model_id);
	add_int4(&w, version);
	if (run(&w, "SELECT 1 FROM mlops_private.version"
			" WHERE model_id = $1 AND version <> $2 LIMIT 1") == 0)
		move_alias(&w, model_id, MLOPS_CHAMPION, version);
	if (v->alias != NULL)
		move_alias(&w, model_id, v->alias, version);
	write_end(&w);
	return version;
}

int
mlops_registry_set_alias(const MlModelRef *ref, const char *alias, int *previous)
{
	Writer		w;
	int64		model_id;
	int			version = ref->version;

	mlops_name_check(alias, "an alias");
	prevent("mlops.set_alias()");
	write_begin(&w);
	model_id = lock_model(&w, ref->name, false);
	if (version == 0)
	{
		version = alias_version(&w, model_id, ref->alias);
		if (version == 0)
			mlops_registry_deny_alias(ref->name, ref->alias);
	}
	else
		check_version(&w, ref->name, model_id, version);
	*previous = alias_version(&w, model_id, alias);
	if (*previous != version)
		move_alias(&w, model_id, alias, version);
	write_end(&w);
	return version;
}

int
mlops_registry_drop_alias(const char *model, const char *alias)
{
	Writer		w;
	int64		model_id;
	int			version;

	mlops_name_check(alias, "an alias");
	prevent("mlops.drop_alias()");
	write_begin(&w);
	model_id = lock_model(&w, model, false);
	version = alias_version(&w, model_id, alias);
	if (version == 0)
		mlops_registry_deny_alias(model, alias);
	add_int8(&w, model_id);
	add_name(&w, alias);
	run(&w, "DELETE FROM mlops_private.alias WHERE model_id = $1 AND alias = $2");
	write_end(&w);
	return version;
}

void
mlops_registry_drop_version(const char *model, int version)
{
	Writer		w;
	int64		model_id;
	char	   *aliases;

	prevent("mlops.drop_version()");
	write_begin(&w);
	model_id = lock_model(&w, model, false);
	check_version(&w, model, model_id, version);
	add_int8(&w, model_id);
	add_int4(&w, version);
	run(&w, "SELECT coalesce(string_agg('\"' || alias || '\"', ', ' ORDER BY alias), '')"
		" FROM mlops_private.alias WHERE model_id = $1 AND version = $2");
	aliases = TextDatumGetCString(result(0, 1));
	if (*aliases != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop version %d of model \"%s\" because aliases point to it",
						version, model),
				 errdetail("Aliases: %s.", aliases),
				 errhint("Move them with mlops.set_alias() or remove them with mlops.drop_alias() first.")));
	add_int8(&w, model_id);
	add_int4(&w, version);
	run(&w, "DELETE FROM mlops_private.version WHERE model_id = $1 AND version = $2");
	write_end(&w);
}

int
mlops_registry_drop_model(const char *model)
{
	Writer		w;
	int64		model_id;
	uint64		versions;

	prevent("mlops.drop_model()");
	write_begin(&w);
	model_id = lock_model(&w, model, true);
	add_int8(&w, model_id);
	run(&w, "DELETE FROM mlops_private.alias WHERE model_id = $1");
	add_int8(&w, model_id);
	versions = run(&w, "DELETE FROM mlops_private.version WHERE model_id = $1");
	add_int8(&w, model_id);
	run(&w, "DELETE FROM mlops_private.model WHERE model_id = $1");
	write_end(&w);
	return (int) versions;
}

/*
 * Make sure that nobody has the name, waiting for whoever is about to take it,
 * without a unique violation in its own words: a row of that name goes in,
 * unless there is one, and out again.  The index keeps others off until we end.
 */
static void
reserve_name(Writer *w, int64 model_id, const char *name)
{
	int64		reserved;

	add_int8(w, model_id);
	add_name(w, name);
	if (run(w, "INSERT INTO mlops_private.model"
			" (name, task, owner_oid, owner_name, owner_system, last_version)"
			" SELECT $2, task, owner_oid, owner_name, owner_system, 0"
			" FROM mlops_private.model WHERE model_id = $1"
			" ON CONFLICT (name) DO NOTHING RETURNING model_id") == 0)
		mlops_registry_deny_name(name);
	reserved = DatumGetInt64(result(0, 1));
	add_int8(w, reserved);
	run(w, "DELETE FROM mlops_private.model WHERE model_id = $1");
}

void
mlops_registry_rename_model(const char *model, const char *new_name)
{
	Writer		w;
	int64		model_id;

	mlops_name_check(new_name, "a model");
	prevent("mlops.rename_model()");
	write_begin(&w);
	model_id = lock_model(&w, model, true);
	reserve_name(&w, model_id, new_name);
	add_int8(&w, model_id);
	add_name(&w, new_name);
	run(&w, "UPDATE mlops_private.model SET name = $2 WHERE model_id = $1");
	write_end(&w);
}
