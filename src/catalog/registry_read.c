/*-------------------------------------------------------------------------
 *
 * registry_read.c
 *	  From a model's name to its artifact, by index scans (store/lookup.c), and
 *	  whether a role may.
 *
 * IDENTIFICATION
 *	  src/catalog/registry_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/model.h"

#include "registry_tables.h"

typedef struct ModelRow
{
	int64		model_id;
	MlTask		task;
	Oid			owner;			/* InvalidOid: gone */
	int			last_version;
} ModelRow;

static Oid
owner_of(MlLookup *lookup)
{
	return mlops_stored_role(DatumGetObjectId(mlops_lookup_column(lookup, MLOPS_MODEL_OWNER_OID)),
							 NameStr(*DatumGetName(mlops_lookup_column(lookup, MLOPS_MODEL_OWNER_NAME))),
							 DatumGetInt64(mlops_lookup_column(lookup, MLOPS_MODEL_OWNER_SYSTEM)));
}

/* Rows that are in no model: false. */
static bool
find_model(const char *name, ModelRow *row)
{
	MlLookup	lookup;
	ScanKeyData key;
	NameData	namedata;
	char	   *task;
	bool		found;

	namestrcpy(&namedata, name);
	ScanKeyInit(&key, MLOPS_MODEL_NAME, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(&namedata));
	mlops_lookup_begin(&lookup, MLOPS_MODEL_TABLE, MLOPS_MODEL_NAME_INDEX,
					   MLOPS_MODEL_NATTS, 1, &key,
					   hash_bytes((const unsigned char *) name, strlen(name)));
	found = HeapTupleIsValid(lookup.tuple);
	if (found)
	{
		row->model_id = DatumGetInt64(mlops_lookup_column(&lookup, MLOPS_MODEL_MODEL_ID));
		task = TextDatumGetCString(mlops_lookup_column(&lookup, MLOPS_MODEL_TASK));
		row->last_version = DatumGetInt32(mlops_lookup_column(&lookup, MLOPS_MODEL_LAST_VERSION));
		row->task = mlops_registry_task_from_name(task);
		row->owner = owner_of(&lookup);
	}
	mlops_lookup_end(&lookup);
	return found;
}

/* The owner of the model of this number; false: there is none. */
static bool
find_owner(int64 model_id, Oid *owner)
{
	MlLookup	lookup;
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, MLOPS_MODEL_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	mlops_lookup_begin(&lookup, MLOPS_MODEL_TABLE, MLOPS_MODEL_INDEX, MLOPS_MODEL_NATTS,
					   1, &key, hash_bytes_uint32((uint32) model_id) + 3);
	found = HeapTupleIsValid(lookup.tuple);
	if (found)
		*owner = owner_of(&lookup);
	mlops_lookup_end(&lookup);
	return found;
}

/* The version an alias points to; 0 for none. */
static int
find_alias(int64 model_id, const char *alias)
{
	MlLookup	lookup;
	ScanKeyData keys[2];
	NameData	namedata;
	int			version = 0;

	namestrcpy(&namedata, alias);
	ScanKeyInit(&keys[0], MLOPS_ALIAS_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	ScanKeyInit(&keys[1], MLOPS_ALIAS_ALIAS, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(&namedata));
	mlops_lookup_begin(&lookup, MLOPS_ALIAS_TABLE, MLOPS_ALIAS_INDEX,
					   MLOPS_ALIAS_NATTS, 2, keys,
					   hash_combine(hash_bytes((const unsigned char *) alias, strlen(alias)),
									hash_bytes_uint32((uint32) model_id)) + 1);
	if (HeapTupleIsValid(lookup.tuple))
		version = DatumGetInt32(mlops_lookup_column(&lookup, MLOPS_ALIAS_VERSION));
	mlops_lookup_end(&lookup);
	return version;
}

static void
version_keys(ScanKey keys, int64 model_id, int version)
{
	ScanKeyInit(&keys[0], MLOPS_VERSION_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	ScanKeyInit(&keys[1], MLOPS_VERSION_VERSION, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(version));
}

static uint32
version_hash(int64 model_id, int version)
{
	return hash_combine(hash_bytes_uint32((uint32) version),
						hash_bytes_uint32((uint32) model_id)) + 2;
}

/* A copy of the stored datum, not detoasted, and its hash; false if there is no such version. */
static bool
find_artifact(int64 model_id, int version, Datum *artifact, uint8 *hash)
{
	MlLookup	lookup;
	ScanKeyData keys[2];
	bool		found;

	version_keys(keys, model_id, version);
	mlops_lookup_begin(&lookup, MLOPS_VERSION_TABLE, MLOPS_VERSION_INDEX,
					   MLOPS_VERSION_NATTS, 2, keys, version_hash(model_id, version));
	found = HeapTupleIsValid(lookup.tuple);
	if (found)
	{
		Datum		stored = mlops_lookup_column(&lookup, MLOPS_VERSION_ARTIFACT);

		mlops_lookup_hash(&lookup, stored, mlops_model_peek, hash);
		*artifact = datumCopy(stored, false, -1);
	}
	mlops_lookup_end(&lookup);
	return found;
}

void
mlops_registry_deny_alias(const char *model, const char *alias)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no alias \"%s\"", model, alias),
			 errhint("The view mlops.versions lists its versions and aliases; mlops.set_alias() sets one.")));
	pg_unreachable();
}

void
mlops_registry_deny_version(const char *model, int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no version %d", model, version),
			 errhint("The view mlops.versions lists its versions and aliases.")));
	pg_unreachable();
}

/* The model, if the role has the privilege on it. */
static void
require_model(const char *name, Oid role, MlPrivilege privilege, ModelRow *model)
{
	bool		found = find_model(name, model);

	if (found && mlops_rights_hold(model->model_id, model->owner, role, privilege))
		return;
	if (found)
		mlops_audit_denied(mlops_privilege_name(privilege), "model", name);
	mlops_deny_model(name);
}

int64
mlops_registry_require(const char *name, Oid role, MlPrivilege privilege)
{
	ModelRow	model;

	require_model(name, role, privilege, &model);
	return model.model_id;
}

bool
mlops_registry_may(int64 model_id, Oid role, MlPrivilege privilege)
{
	Oid			owner;

	return find_owner(model_id, &owner) &&
		mlops_rights_hold(model_id, owner, role, privilege);
}

bool
mlops_registry_may_any(int64 model_id, Oid role)
{
	Oid			owner;

	return find_owner(model_id, &owner) &&
		mlops_rights_any(model_id, owner, role);
}

void
mlops_registry_resolve(const MlModelRef *ref, Oid role, MlPrivilege privilege,
					   MlResolved *out)
{
	ModelRow	model;

	require_model(ref->name, role, privilege, &model);
	out->model_id = model.model_id;
	out->owner = model.owner;
	out->version = ref->version;
	if (out->version == 0)
	{
		out->version = find_alias(model.model_id, ref->alias);
		if (out->version == 0)
			mlops_registry_deny_alias(ref->name, ref->alias);
	}
	else if (privilege == ML_PRIVILEGE_PREDICT &&
			 !mlops_rights_hold(model.model_id, model.owner, role, ML_PRIVILEGE_READ))
	{
		mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_READ), "model", ref->name);
		mlops_registry_deny_version(ref->name, out->version);
	}
	if (!find_artifact(model.model_id, out->version, &out->artifact, out->hash))
		mlops_registry_deny_version(ref->name, out->version);
}

bool
mlops_registry_version(int64 model_id, int version, MlResolved *out)
{
	out->model_id = model_id;
	out->version = version;
	return find_artifact(model_id, version, &out->artifact, out->hash);
}

Jsonb *
mlops_registry_facts(int64 model_id, int version)
{
	MlLookup	lookup;
	ScanKeyData keys[2];
	Jsonb	   *facts = NULL;

	version_keys(keys, model_id, version);
	mlops_lookup_begin(&lookup, MLOPS_VERSION_TABLE, MLOPS_VERSION_INDEX,
					   MLOPS_VERSION_NATTS, 2, keys, version_hash(model_id, version));
	if (HeapTupleIsValid(lookup.tuple))
		facts = DatumGetJsonbPCopy(mlops_lookup_column(&lookup, MLOPS_VERSION_FACTS));
	mlops_lookup_end(&lookup);
	return facts;
}

/* A name that is in use by a model that the role may not train. */
static void
require_train(const char *name, Oid role, const ModelRow *model)
{
	if (mlops_rights_hold(model->model_id, model->owner, role, ML_PRIVILEGE_TRAIN))
		return;
	mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_TRAIN), "model", name);
	mlops_registry_deny_name(name);
}

bool
mlops_registry_newest(const char *name, Oid role, MlResolved *out)
{
	ModelRow	model;

	if (!find_model(name, &model))
		return false;
	require_train(name, role, &model);
	out->model_id = model.model_id;
	out->owner = model.owner;
	/* numbers of dropped versions are not used again */
	for (out->version = model.last_version; out->version > 0; out->version--)
	{
		CHECK_FOR_INTERRUPTS();
		if (find_artifact(model.model_id, out->version, &out->artifact, out->hash))
			return true;
	}
	return false;
}

void
mlops_registry_check_train(const char *model, MlTask task_or_0)
{
	ModelRow	row;

	mlops_name_check(model, "a model");
	PreventCommandIfReadOnly("mlops.train()");
	PreventCommandIfParallelMode("mlops.train()");
	PreventCommandDuringRecovery("mlops.train()");
	if (!find_model(model, &row))
		return;
	require_train(model, GetUserId(), &row);
	if (task_or_0 != 0)
		mlops_registry_check_task(model, row.task, task_or_0);
}
