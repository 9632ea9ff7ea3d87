/*-------------------------------------------------------------------------
 *
 * registry_write.c
 *	  Adding versions; dropping, renaming and handing over models.
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
 * owner, gets its owner recorded anew here (store/stored_role.c).
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

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/retention.h"

#include "registry_tables.h"

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

/*
 * Record the owner, and who was granted what, as they are known in this cluster
 * today.  A row of another cluster decides by names once: an owner who does not
 * exist now is gone, whoever takes the name later.
 */
static void
stamp_roles(MlWriter *w, const char *model, int64 model_id, Oid owner,
			const char *stored_name, int64 stored_system)
{
	char	   *name = GetUserNameFromId(owner, true);

	if (stored_system != mlops_this_system())
		(void) mlops_grants_refresh(w, model_id, model, NULL, ML_PRIVILEGE_READ);
	else if (name == NULL || strcmp(stored_name, name) == 0)
		return;
	mlops_write_int8(w, model_id);
	mlops_write_oid(w, owner);
	mlops_write_name(w, name ? name : stored_name);
	mlops_write_int8(w, mlops_this_system());
	mlops_write_run(w, "UPDATE mlops_private.model"
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

/* Take the last result's first row apart; false: there is none. */
static bool
found_model(FoundModel *found)
{
	char	   *task;

	if (SPI_processed == 0)
		return false;
	found->model_id = DatumGetInt64(mlops_write_result(0, 1));
	task = TextDatumGetCString(mlops_write_result(0, 2));
	found->task = mlops_registry_task_from_name(task);
	found->owner_name = *DatumGetName(mlops_write_result(0, 4));
	found->owner_system = DatumGetInt64(mlops_write_result(0, 5));
	found->owner = mlops_stored_role(DatumGetObjectId(mlops_write_result(0, 3)),
									 NameStr(found->owner_name),
									 found->owner_system);
	return true;
}

/* Who may lock a model: mlops_rights_hold, or mlops_rights_may_grant. */
typedef bool (*MlMay) (int64 model_id, Oid owner, Oid role, MlPrivilege privilege);

/* Error unless the model was found and the caller may. */
static void
require_model(const MlWriter *w, const char *name, MlMay may, MlPrivilege privilege,
			  bool found, const FoundModel *model)
{
	if (found && may(model->model_id, model->owner, w->role, privilege))
		return;
	if (found)
		mlops_audit_denied(mlops_privilege_name(privilege), "model", name);
	mlops_deny_model(name);
}

static void
lock_model(MlWriter *w, const char *name, MlMay may, MlPrivilege privilege, bool strong,
		   MlLocked *out)
{
	FoundModel	model;
	bool		found;

	mlops_write_name(w, name);
	mlops_write_run(w, "SELECT " MODEL_COLUMNS " FROM mlops_private.model WHERE name = $1");
	found = found_model(&model);
	require_model(w, name, may, privilege, found, &model);
	mlops_write_name(w, name);
	mlops_write_run(w, strong ?
					"SELECT " MODEL_COLUMNS " FROM mlops_private.model WHERE name = $1 FOR UPDATE" :
					"SELECT " MODEL_COLUMNS " FROM mlops_private.model WHERE name = $1 FOR NO KEY UPDATE");
	found = found_model(&model);
	/* a right that was taken away while we waited does not count, whatever our snapshot */
	mlops_fresh_begin(w);
	require_model(w, name, may, privilege, found, &model);
	mlops_fresh_end(w);
	stamp_roles(w, name, model.model_id, model.owner, NameStr(model.owner_name),
				model.owner_system);
	out->model_id = model.model_id;
	out->owner = model.owner;
	out->task = model.task;
	strlcpy(out->name, name, sizeof(out->name));
}

void
mlops_registry_lock(MlWriter *w, const char *name, MlPrivilege privilege, bool strong,
					MlLocked *out)
{
	lock_model(w, name, mlops_rights_hold, privilege, strong, out);
}

void
mlops_registry_lock_to_grant(MlWriter *w, const char *name, MlPrivilege privilege,
							 MlLocked *out)
{
	lock_model(w, name, mlops_rights_may_grant, privilege, false, out);
}

/* The lock makes it a serialization failure that the version went after our snapshot. */
void
mlops_registry_check_version(MlWriter *w, const MlLocked *model, int version)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_int4(w, version);
	if (mlops_write_run(w, "SELECT 1 FROM mlops_private.version"
						" WHERE model_id = $1 AND version = $2 FOR KEY SHARE") == 0)
		mlops_registry_deny_version(model->name, version);
}

/* A name that is in use by a model that the caller may not train. */
static void
deny_train(const char *model)
{
	mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_TRAIN), "model", model);
	mlops_registry_deny_name(model);
}

/* Create the model or lock it, and take its next number. */
static int
next_version(MlWriter *w, const MlNewVersion *v, MlLocked *out)
{
	FoundModel	model;
	int			version;

	mlops_write_name(w, v->model);
	mlops_write_run(w, "SELECT " MODEL_COLUMNS " FROM mlops_private.model WHERE name = $1");
	if (found_model(&model) &&
		!mlops_rights_hold(model.model_id, model.owner, w->role, ML_PRIVILEGE_TRAIN))
		deny_train(v->model);
	mlops_write_name(w, v->model);
	mlops_write_text(w, mlops_task_name(v->task));
	mlops_write_role(w, w->role);
	mlops_write_run(w, "INSERT INTO mlops_private.model AS m"
					" (name, task, owner_oid, owner_name, owner_system, last_version)"
					" VALUES ($1, $2, $3, $4, $5, 1)"
					" ON CONFLICT (name) DO UPDATE SET last_version = m.last_version + 1"
					" RETURNING " MODEL_COLUMNS ", last_version");
	if (!found_model(&model) ||
		!mlops_rights_hold(model.model_id, model.owner, w->role, ML_PRIVILEGE_TRAIN))
		deny_train(v->model);
	mlops_registry_check_task(v->model, model.task, v->task);
	version = DatumGetInt32(mlops_write_result(0, 6));
	stamp_roles(w, v->model, model.model_id, model.owner, NameStr(model.owner_name),
				model.owner_system);
	out->model_id = model.model_id;
	out->owner = model.owner;
	out->task = model.task;
	strlcpy(out->name, v->model, sizeof(out->name));
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
insert_version(MlWriter *w, const MlNewVersion *v, int64 model_id, int version)
{
	Oid			type = artifact_type();

	mlops_write_int8(w, model_id);
	mlops_write_int4(w, version);
	mlops_write_text(w, v->algorithm);
	mlops_write_datum(w, type, PointerGetDatum(v->artifact));
	mlops_write_text(w, v->target);
	mlops_write_jsonb(w, v->options);
	mlops_write_jsonb(w, v->metrics);
	mlops_write_text(w, v->source);
	mlops_write_int8(w, v->rows_used);
	mlops_write_int8(w, v->rows_skipped);
	mlops_write_float8(w, v->seconds);
	mlops_write_text(w, v->note);
	mlops_write_jsonb(w, v->facts);
	mlops_write_role(w, w->role);
	mlops_write_oid(w, GetSessionUserId());
	mlops_write_name(w, GetUserNameFromId(GetSessionUserId(), false));
	mlops_write_run(w, "INSERT INTO mlops_private.version"
					" (model_id, version, algorithm, artifact, target, options, metrics, source,"
					" rows_used, rows_skipped, seconds, note, facts,"
					" trainer_oid, trained_by, trainer_system, trainer_session_oid, trainer_session)"
					" VALUES ($1, $2, $3, $4, $5, coalesce($6, '{}'), coalesce($7, '{}'), $8,"
					" $9, $10, $11, $12, coalesce($13, '{}'), $14, $15, $16, $17, $18)");
}

/* What the audit trail says of a new version: with the hash, another artifact in its place shows. */
static Jsonb *
version_payload(const MlNewVersion *v)
{
	JsonbParseState *state = NULL;
	uint8		hash[MLOPS_HASH_LEN];
	char		hex[2 * MLOPS_HASH_LEN + 1];

	mlops_model_peek(PointerGetDatum(v->artifact), hash);
	hex_encode((const char *) hash, MLOPS_HASH_LEN, hex);
	hex[2 * MLOPS_HASH_LEN] = '\0';
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "algorithm", v->algorithm);
	mlops_jsonb_add_integer(&state, "rows_used", v->rows_used);
	mlops_jsonb_add_string(&state, "sha256", hex);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

int
mlops_registry_add_version(MlWriter *w, const MlNewVersion *v, MlLocked *model)
{
	int			version;

	mlops_name_check(v->model, "a model");
	version = next_version(w, v, model);
	if (version == 1)
		mlops_audit_add(w, "model.create", "model", v->model, NULL);
	insert_version(w, v, model->model_id, version);
	mlops_audit_add(w, "version.create", "version",
					psprintf("%s:%d", v->model, version), version_payload(v));
	return version;
}

bool
mlops_registry_is_only_version(MlWriter *w, const MlLocked *model, int version)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_int4(w, version);
	return mlops_write_run(w, "SELECT 1 FROM mlops_private.version"
						   " WHERE model_id = $1 AND version <> $2 LIMIT 1") == 0;
}

void
mlops_registry_drop_version(const char *name, int version)
{
	MlWriter	w;
	MlLocked	model;
	char	   *aliases;

	mlops_write_begin(&w, "mlops.drop_version()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_MANAGE, false, &model);
	mlops_registry_check_version(&w, &model, version);
	mlops_hold_check(&w, "version", psprintf("%s:%d", name, version));
	mlops_write_int8(&w, model.model_id);
	mlops_write_int4(&w, version);
	mlops_write_run(&w, "SELECT coalesce(string_agg('\"' || alias || '\"', ', ' ORDER BY alias), '')"
		" FROM mlops_private.alias WHERE model_id = $1 AND version = $2");
	aliases = TextDatumGetCString(mlops_write_result(0, 1));
	if (*aliases != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop version %d of model \"%s\" because aliases point to it",
						version, name),
				 errdetail("Aliases: %s.", aliases),
				 errhint("Move them with mlops.set_alias() or remove them with mlops.drop_alias() first.")));
	mlops_write_int8(&w, model.model_id);
	mlops_write_int4(&w, version);
	mlops_write_run(&w, "DELETE FROM mlops_private.version WHERE model_id = $1 AND version = $2");
	mlops_audit_add(&w, "version.drop", "version", psprintf("%s:%d", name, version), NULL);
	mlops_write_end(&w);
}

int
mlops_registry_drop_model(const char *name)
{
	MlWriter	w;
	MlLocked	model;
	uint64		versions;

	mlops_write_begin(&w, "mlops.drop_model()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_MANAGE, true, &model);
	mlops_hold_check(&w, "model", name);
	mlops_write_int8(&w, model.model_id);
	mlops_write_run(&w, "DELETE FROM mlops_private.alias WHERE model_id = $1");
	mlops_write_int8(&w, model.model_id);
	versions = mlops_write_run(&w, "DELETE FROM mlops_private.version WHERE model_id = $1");
	mlops_write_int8(&w, model.model_id);
	mlops_write_run(&w, "DELETE FROM mlops_private.model_grant WHERE model_id = $1");
	/* that of its monitor, which goes with it; one that is running fails by itself */
	mlops_write_int8(&w, model.model_id);
	mlops_write_run(&w, "DELETE FROM mlops_private.job j USING mlops_private.retrain_policy p"
					" WHERE p.model_id = $1 AND j.job_id = p.job_id AND j.state <> 'running'");
	mlops_write_int8(&w, model.model_id);
	mlops_write_run(&w, "DELETE FROM mlops_private.job j USING mlops_private.monitor o"
					" WHERE o.model_id = $1 AND j.job_id = o.job_id AND j.state <> 'running'");
	mlops_write_int8(&w, model.model_id);
	mlops_write_run(&w, "DELETE FROM mlops_private.model WHERE model_id = $1");
	mlops_audit_add(&w, "model.drop", "model", name, NULL);
	mlops_write_end(&w);
	return (int) versions;
}

/*
 * Make sure that nobody has the name, waiting for whoever is about to take it,
 * without a unique violation in its own words: a row of that name goes in,
 * unless there is one, and out again.  The index keeps others off until we end.
 */
static void
reserve_name(MlWriter *w, int64 model_id, const char *name)
{
	int64		reserved;

	mlops_write_int8(w, model_id);
	mlops_write_name(w, name);
	if (mlops_write_run(w, "INSERT INTO mlops_private.model"
			" (name, task, owner_oid, owner_name, owner_system, last_version)"
			" SELECT $2, task, owner_oid, owner_name, owner_system, 0"
			" FROM mlops_private.model WHERE model_id = $1"
			" ON CONFLICT (name) DO NOTHING RETURNING model_id") == 0)
		mlops_registry_deny_name(name);
	reserved = DatumGetInt64(mlops_write_result(0, 1));
	mlops_write_int8(w, reserved);
	mlops_write_run(w, "DELETE FROM mlops_private.model WHERE model_id = $1");
}

void
mlops_registry_rename_model(const char *name, const char *new_name)
{
	MlWriter	w;
	MlLocked	model;

	mlops_name_check(new_name, "a model");
	mlops_write_begin(&w, "mlops.rename_model()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_MANAGE, true, &model);
	mlops_hold_check(&w, "model", name);
	reserve_name(&w, model.model_id, new_name);
	mlops_write_int8(&w, model.model_id);
	mlops_write_name(&w, new_name);
	mlops_write_run(&w, "UPDATE mlops_private.model SET name = $2 WHERE model_id = $1");
	mlops_audit_add(&w, "model.rename", "model", name, mlops_jsonb_one("new_name", new_name));
	mlops_write_end(&w);
}

char *
mlops_registry_transfer_model(const char *name, const char *new_owner)
{
	MlWriter	w;
	MlLocked	model;
	Oid			role;
	char	   *previous;
	JsonbParseState *state = NULL;

	mlops_write_begin(&w, "mlops.transfer_model()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_MANAGE, false, &model);
	if (!mlops_rights_own(model.owner, w.role))
	{
		mlops_audit_denied("owner", "model", name);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of model \"%s\"", name)));
	}
	role = get_role_oid(new_owner, false);
	mlops_check_can_become(w.role, role);
	previous = GetUserNameFromId(model.owner, true);
	mlops_write_int8(&w, model.model_id);
	mlops_write_role(&w, role);
	mlops_write_run(&w, "UPDATE mlops_private.model"
					" SET owner_oid = $2, owner_name = $3, owner_system = $4"
					" WHERE model_id = $1");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "owner", new_owner);
	if (previous)
		mlops_jsonb_add_string(&state, "previous_owner", previous);
	mlops_audit_add(&w, "model.transfer", "model", name,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	if (previous)
		previous = MemoryContextStrdup(w.caller, previous);
	mlops_write_end(&w);
	return previous;
}
