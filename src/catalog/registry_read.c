/*-------------------------------------------------------------------------
 *
 * registry_read.c
 *	  From a model's name to its artifact, by index scans.
 *
 * No SPI: a scan under the active snapshot works in parallel workers, in
 * read-only transactions and on standbys, sees exactly what the query sees,
 * and costs a few microseconds.  Relations are looked up by name each time, so
 * nothing needs invalidation when the extension is dropped and created anew.
 * Locks stay until the end of the transaction, as the executor's do: the
 * artifact is handed out as a TOAST pointer.
 *
 * IDENTIFICATION
 *	  src/catalog/registry_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"

#include "registry_tables.h"

/* One row found through a unique index. */
typedef struct Lookup
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;			/* NULL: no such row */
} Lookup;

typedef struct ModelRow
{
	int64		model_id;
	MlTask		task;
	Oid			owner;			/* InvalidOid: gone */
} ModelRow;

static Oid
relation_oid(Oid schema, const char *name)
{
	Oid			relid = InvalidOid;

	if (OidIsValid(schema))
		relid = get_relname_relid(name, schema);
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"mlops\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION mlops as a superuser.")));
	return relid;
}

static void
lookup_begin(Lookup *lookup, const char *table, const char *index, int natts,
			 int nkeys, ScanKey keys)
{
	Oid			schema = get_namespace_oid(MLOPS_PRIVATE_SCHEMA, true);

	lookup->rel = table_open(relation_oid(schema, table), AccessShareLock);
	if (RelationGetNumberOfAttributes(lookup->rel) < natts)
		elog(ERROR, "table \"%s\" has %d columns, expected %d", table,
			 RelationGetNumberOfAttributes(lookup->rel), natts);
	lookup->scan = systable_beginscan(lookup->rel, relation_oid(schema, index),
									  true, GetActiveSnapshot(), nkeys, keys);
	lookup->tuple = systable_getnext(lookup->scan);
}

static void
lookup_end(Lookup *lookup)
{
	systable_endscan(lookup->scan);
	table_close(lookup->rel, NoLock);
}

/* A column that the tables declare NOT NULL. */
static Datum
lookup_column(Lookup *lookup, int attnum)
{
	bool		isnull;
	Datum		value = heap_getattr(lookup->tuple, attnum,
									 RelationGetDescr(lookup->rel), &isnull);

	if (isnull)
		elog(ERROR, "null in column %d of table \"%s\"", attnum,
			 RelationGetRelationName(lookup->rel));
	return value;
}

/* Rows that are in no model: false. */
static bool
find_model(const char *name, ModelRow *row)
{
	Lookup		lookup;
	ScanKeyData key;
	NameData	namedata;
	char	   *task;
	bool		found;

	namestrcpy(&namedata, name);
	ScanKeyInit(&key, MLOPS_MODEL_NAME, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(&namedata));
	lookup_begin(&lookup, MLOPS_MODEL_TABLE, MLOPS_MODEL_NAME_INDEX,
				 MLOPS_MODEL_NATTS, 1, &key);
	found = HeapTupleIsValid(lookup.tuple);
	if (found)
	{
		row->model_id = DatumGetInt64(lookup_column(&lookup, MLOPS_MODEL_MODEL_ID));
		task = TextDatumGetCString(lookup_column(&lookup, MLOPS_MODEL_TASK));
		row->task = mlops_registry_task_from_name(task);
		row->owner = mlops_owner_resolve(DatumGetObjectId(lookup_column(&lookup, MLOPS_MODEL_OWNER_OID)),
										 NameStr(*DatumGetName(lookup_column(&lookup, MLOPS_MODEL_OWNER_NAME))),
										 DatumGetInt64(lookup_column(&lookup, MLOPS_MODEL_OWNER_SYSTEM)));
	}
	lookup_end(&lookup);
	return found;
}

/* The version an alias points to; 0 for none. */
static int
find_alias(int64 model_id, const char *alias)
{
	Lookup		lookup;
	ScanKeyData keys[2];
	NameData	namedata;
	int			version = 0;

	namestrcpy(&namedata, alias);
	ScanKeyInit(&keys[0], MLOPS_ALIAS_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	ScanKeyInit(&keys[1], MLOPS_ALIAS_ALIAS, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(&namedata));
	lookup_begin(&lookup, MLOPS_ALIAS_TABLE, MLOPS_ALIAS_INDEX,
				 MLOPS_ALIAS_NATTS, 2, keys);
	if (HeapTupleIsValid(lookup.tuple))
		version = DatumGetInt32(lookup_column(&lookup, MLOPS_ALIAS_VERSION));
	lookup_end(&lookup);
	return version;
}

/* A copy of the stored datum, not detoasted; false if there is no such version. */
static bool
find_artifact(int64 model_id, int version, Datum *artifact)
{
	Lookup		lookup;
	ScanKeyData keys[2];
	bool		found;

	ScanKeyInit(&keys[0], MLOPS_VERSION_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	ScanKeyInit(&keys[1], MLOPS_VERSION_VERSION, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(version));
	lookup_begin(&lookup, MLOPS_VERSION_TABLE, MLOPS_VERSION_INDEX,
				 MLOPS_VERSION_NATTS, 2, keys);
	found = HeapTupleIsValid(lookup.tuple);
	if (found)
		*artifact = datumCopy(lookup_column(&lookup, MLOPS_VERSION_ARTIFACT),
							  false, -1);
	lookup_end(&lookup);
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

void
mlops_registry_resolve(const MlModelRef *ref, Oid role, MlResolved *out)
{
	ModelRow	model;

	if (!find_model(ref->name, &model) ||
		!mlops_access_allowed(model.owner, role))
		mlops_access_deny_model(ref->name);
	out->model_id = model.model_id;
	out->owner = model.owner;
	out->version = ref->version;
	if (out->version == 0)
	{
		out->version = find_alias(model.model_id, ref->alias);
		if (out->version == 0)
			mlops_registry_deny_alias(ref->name, ref->alias);
	}
	if (!find_artifact(model.model_id, out->version, &out->artifact))
		mlops_registry_deny_version(ref->name, out->version);
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
	if (!mlops_access_allowed(row.owner, GetUserId()))
		mlops_registry_deny_name(model);
	if (task_or_0 != 0)
		mlops_registry_check_task(model, row.task, task_or_0);
}
