/*-------------------------------------------------------------------------
 *
 * lookup.c
 *	  Rows of our own tables by index scan, under the active snapshot.
 *
 * No SPI: a scan under the active snapshot works in parallel workers, in
 * read-only transactions and on standbys, sees exactly what the query sees,
 * and costs a few microseconds.  Relations are looked up by name each time, so
 * nothing needs invalidation when the extension is dropped and created anew.
 *
 * A backend remembers where it last found the row of a key, and looks there
 * first.  That is a hint and no cache: the row counts only if it is visible to
 * the active snapshot and has the key, and as the keys are unique it is then
 * the one the index would have given.  With the place of a row goes the hash of
 * a value in it, so that an artifact that is already unpacked is known without
 * a look into the TOAST table; it holds for the same row version (place, xmin)
 * with the same TOAST pointer.
 *
 * Locks stay until the end of the transaction, as the executor's do: values
 * are handed out as TOAST pointers.
 *
 * IDENTIFICATION
 *	  src/store/lookup.c
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
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "mlops/store.h"

/* Where the row of some key was, and a version's hash. */
typedef struct MlLookupHint
{
	Oid			relid;
	ItemPointerData tid;
	TransactionId xmin;			/* of the row whose value has the hash */
	struct varatt_external pointer;
	uint8		hash[MLOPS_LOOKUP_HASH_LEN];
} Hint;

#define HINTS 64				/* direct mapped by the key's hash */
static Hint hints[HINTS];

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

static Relation
open_table(Oid schema, const char *table, int natts)
{
	Relation	rel = table_open(relation_oid(schema, table), AccessShareLock);

	if (RelationGetNumberOfAttributes(rel) < natts)
		elog(ERROR, "table \"%s\" has %d columns, expected %d", table,
			 RelationGetNumberOfAttributes(rel), natts);
	return rel;
}

static Datum
column_of(Relation rel, HeapTuple tuple, int attnum)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, RelationGetDescr(rel), &isnull);

	if (isnull)
		elog(ERROR, "null in column %d of table \"%s\"", attnum,
			 RelationGetRelationName(rel));
	return value;
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
fetch_by_hint(MlLookup *lookup, Snapshot snapshot, int nkeys, ScanKey keys)
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

void
mlops_lookup_begin(MlLookup *lookup, const char *table, const char *index, int natts,
				   int nkeys, ScanKey keys, uint32 key_hash)
{
	Oid			schema = get_namespace_oid(MLOPS_PRIVATE_SCHEMA, true);
	Snapshot	snapshot = GetActiveSnapshot();

	lookup->rel = open_table(schema, table, natts);
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

void
mlops_lookup_end(MlLookup *lookup)
{
	if (lookup->scan)
		systable_endscan(lookup->scan);
	else
		ReleaseBuffer(lookup->buffer);
	table_close(lookup->rel, NoLock);
}

Datum
mlops_lookup_column(MlLookup *lookup, int attnum)
{
	return column_of(lookup->rel, lookup->tuple, attnum);
}

void
mlops_lookup_hash(MlLookup *lookup, Datum value, MlHashValue compute, uint8 *hash)
{
	Hint	   *hint = lookup->hint;
	struct varlena *raw = (struct varlena *) DatumGetPointer(value);
	TransactionId xmin = HeapTupleHeaderGetRawXmin(lookup->tuple->t_data);
	struct varatt_external pointer;

	if (!VARATT_IS_EXTERNAL_ONDISK(raw))
	{
		compute(value, hash);
		return;
	}
	VARATT_EXTERNAL_GET_POINTER(pointer, raw);
	if (hint->xmin != xmin ||
		memcmp(&hint->pointer, &pointer, sizeof(pointer)) != 0)
	{
		compute(value, hint->hash);
		hint->xmin = xmin;
		hint->pointer = pointer;
	}
	memcpy(hash, hint->hash, MLOPS_LOOKUP_HASH_LEN);
}

void
mlops_scan_begin(MlScan *scan, const char *table, const char *index, int natts,
				 int nkeys, ScanKey keys)
{
	Oid			schema = get_namespace_oid(MLOPS_PRIVATE_SCHEMA, true);

	scan->rel = open_table(schema, table, natts);
	scan->scan = systable_beginscan(scan->rel, relation_oid(schema, index), true,
									GetActiveSnapshot(), nkeys, keys);
}

HeapTuple
mlops_scan_next(MlScan *scan)
{
	return systable_getnext(scan->scan);
}

Datum
mlops_scan_column(MlScan *scan, HeapTuple tuple, int attnum)
{
	return column_of(scan->rel, tuple, attnum);
}

void
mlops_scan_end(MlScan *scan)
{
	systable_endscan(scan->scan);
	table_close(scan->rel, NoLock);
}
