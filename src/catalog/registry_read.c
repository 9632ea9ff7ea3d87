/*-------------------------------------------------------------------------
 *
 * registry_read.c
 *	  From a model's name to its artifact, by index scans.
 *
 * No SPI: a scan under the active snapshot works in parallel workers, in
 * read-only transactions and on standbys, sees exactly what the query sees,
 * and costs a few microseconds.  Relations are looked up by name each time, so
 * nothing needs invalidation when the extension is dropped and created anew.
 *
 * A backend remembers where it last found the row of a key, and looks there
 * first.  That is a hint and no cache: the row counts only if it is visible to
 * the active snapshot and has the key, and as the keys are unique it is then
 * the one the index would have given.  With the place of a version's row goes
 * the hash of its artifact, so that a model that is already unpacked is known
 * without a look into the TOAST table; it holds for the same row version
 * (place, xmin) with the same TOAST pointer.
 *
 * Locks stay until the end of the transaction, as the executor's do: the
 * artifact is handed out as a TOAST pointer.
 *
 * IDENTIFICATION
 *	  src/catalog/registry_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/model.h"

#include "registry_tables.h"

/* Where the row of some key was, and a version's hash. */
typedef struct Hint
{
	Oid			relid;
	ItemPointerData tid;
	TransactionId xmin;			/* of the row whose artifact has the hash */
	struct varatt_external artifact;
	uint8		hash[MLOPS_HASH_LEN];
} Hint;

#define HINTS 64				/* direct mapped by the key's hash */
static Hint hints[HINTS];

/* One row found through a unique index. */
typedef struct Lookup
{
	Relation	rel;
	Hint	   *hint;
	SysScanDesc scan;			/* NULL: found by the hint */
	Buffer		buffer;			/* pinned if found by the hint */
	HeapTupleData fetched;
	HeapTuple	tuple;			/* NULL: no such row */
} Lookup;

typedef struct ModelRow
{
	int64		model_id;
	MlTask		task;
	Oid			owner;			/* InvalidOid: gone */
	int			last_version;
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

/* The heap's tuple at hand has these values in its key columns. */
static bool
has_key(HeapTuple tuple, TupleDesc desc, int nkeys, ScanKey keys)
{
	for (int i = 0; i < nkeys; i++)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, keys[i].sk_attno, desc, &isnull);

		if (isnull || !DatumGetBool(FunctionCall2Coll(&keys[i].sk_func, keys[i].sk_collation,
													  value, keys[i].sk_argument)))
			return false;
	}
	return true;
}

/* Is the row where it was, for this snapshot? */
static bool
fetch_by_hint(Lookup *lookup, Snapshot snapshot, int nkeys, ScanKey keys)
{
	Hint	   *hint = lookup->hint;

	if (hint->relid != RelationGetRelid(lookup->rel) ||
		lookup->rel->rd_tableam != GetHeapamTableAmRoutine() ||
		ItemPointerGetBlockNumber(&hint->tid) >= RelationGetNumberOfBlocks(lookup->rel))
		return false;
	ItemPointerCopy(&hint->tid, &lookup->fetched.t_self);
	if (!heap_fetch(lookup->rel, snapshot, &lookup->fetched, &lookup->buffer, false))
		return false;
	if (has_key(&lookup->fetched, RelationGetDescr(lookup->rel), nkeys, keys))
	{
		lookup->tuple = &lookup->fetched;
		return true;
	}
	ReleaseBuffer(lookup->buffer);
	return false;
}

static void
lookup_begin(Lookup *lookup, const char *table, const char *index, int natts,
			 int nkeys, ScanKey keys, uint32 key_hash)
{
	Oid			schema = get_namespace_oid(MLOPS_PRIVATE_SCHEMA, true);
	Snapshot	snapshot = GetActiveSnapshot();

	lookup->rel = table_open(relation_oid(schema, table), AccessShareLock);
	if (RelationGetNumberOfAttributes(lookup->rel) < natts)
		elog(ERROR, "table \"%s\" has %d columns, expected %d", table,
			 RelationGetNumberOfAttributes(lookup->rel), natts);
	lookup->hint = &hints[key_hash % HINTS];
	lookup->scan = NULL;
	if (fetch_by_hint(lookup, snapshot, nkeys, keys))
		return;
	lookup->scan = systable_beginscan(lookup->rel, relation_oid(schema, index),
									  true, snapshot, nkeys, keys);
	lookup->tuple = systable_getnext(lookup->scan);
	if (HeapTupleIsValid(lookup->tuple))
	{
		memset(lookup->hint, 0, sizeof(Hint));
		lookup->hint->relid = RelationGetRelid(lookup->rel);
		ItemPointerCopy(&lookup->tuple->t_self, &lookup->hint->tid);
	}
}

static void
lookup_end(Lookup *lookup)
{
	if (lookup->scan)
		systable_endscan(lookup->scan);
	else
		ReleaseBuffer(lookup->buffer);
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
				 MLOPS_MODEL_NATTS, 1, &key,
				 hash_bytes((const unsigned char *) name, strlen(name)));
	found = HeapTupleIsValid(lookup.tuple);
	if (found)
	{
		row->model_id = DatumGetInt64(lookup_column(&lookup, MLOPS_MODEL_MODEL_ID));
		task = TextDatumGetCString(lookup_column(&lookup, MLOPS_MODEL_TASK));
		row->last_version = DatumGetInt32(lookup_column(&lookup, MLOPS_MODEL_LAST_VERSION));
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
				 MLOPS_ALIAS_NATTS, 2, keys,
				 hash_combine(hash_bytes((const unsigned char *) alias, strlen(alias)),
							  hash_bytes_uint32((uint32) model_id)) + 1);
	if (HeapTupleIsValid(lookup.tuple))
		version = DatumGetInt32(lookup_column(&lookup, MLOPS_ALIAS_VERSION));
	lookup_end(&lookup);
	return version;
}

/* The hash of the artifact in this row, which is read only if it is another than last time. */
static void
get_hash(Lookup *lookup, Datum artifact, uint8 *hash)
{
	Hint	   *hint = lookup->hint;
	struct varlena *raw = (struct varlena *) DatumGetPointer(artifact);
	TransactionId xmin = HeapTupleHeaderGetRawXmin(lookup->tuple->t_data);
	struct varatt_external pointer;

	if (!VARATT_IS_EXTERNAL_ONDISK(raw))
	{
		mlops_model_peek(artifact, hash);
		return;
	}
	VARATT_EXTERNAL_GET_POINTER(pointer, raw);
	if (hint->xmin != xmin ||
		memcmp(&hint->artifact, &pointer, sizeof(pointer)) != 0)
	{
		mlops_model_peek(artifact, hint->hash);
		hint->xmin = xmin;
		hint->artifact = pointer;
	}
	memcpy(hash, hint->hash, MLOPS_HASH_LEN);
}

/* A copy of the stored datum, not detoasted, and its hash; false if there is no such version. */
static bool
find_artifact(int64 model_id, int version, Datum *artifact, uint8 *hash)
{
	Lookup		lookup;
	ScanKeyData keys[2];
	bool		found;

	ScanKeyInit(&keys[0], MLOPS_VERSION_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	ScanKeyInit(&keys[1], MLOPS_VERSION_VERSION, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(version));
	lookup_begin(&lookup, MLOPS_VERSION_TABLE, MLOPS_VERSION_INDEX,
				 MLOPS_VERSION_NATTS, 2, keys,
				 hash_combine(hash_bytes_uint32((uint32) version),
							  hash_bytes_uint32((uint32) model_id)) + 2);
	found = HeapTupleIsValid(lookup.tuple);
	if (found)
	{
		Datum		stored = lookup_column(&lookup, MLOPS_VERSION_ARTIFACT);

		get_hash(&lookup, stored, hash);
		*artifact = datumCopy(stored, false, -1);
	}
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
	if (!find_artifact(model.model_id, out->version, &out->artifact, out->hash))
		mlops_registry_deny_version(ref->name, out->version);
}

bool
mlops_registry_newest(const char *name, Oid role, MlResolved *out)
{
	ModelRow	model;

	if (!find_model(name, &model))
		return false;
	if (!mlops_access_allowed(model.owner, role))
		mlops_registry_deny_name(name);
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
	if (!mlops_access_allowed(row.owner, GetUserId()))
		mlops_registry_deny_name(model);
	if (task_or_0 != 0)
		mlops_registry_check_task(model, row.task, task_or_0);
}
