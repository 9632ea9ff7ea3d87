/*-------------------------------------------------------------------------
 *
 * log_write.c
 *	  Rows into the partitions of mlops_private.prediction.
 *
 * Straight into the table and its indexes, many at a time: no statement, no
 * trigger, nothing of anybody's is evaluated, so it does not matter who the
 * current user is.
 *
 * IDENTIFICATION
 *	  src/drift/log_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "mlops/log.h"
#include "mlops/store.h"

#define BATCH 256				/* rows of one insertion */

/* sql/install/29_log_tables.sql */
#define LOG_TABLE "prediction"
#define LOG_SEQUENCE "prediction_id_seq"
enum
{
	LOG_PREDICTION_ID, LOG_HAPPENED_AT, LOG_XID, LOG_SYSTEM, LOG_MODEL_ID, LOG_VALUE,
	LOG_VERSION, LOG_LATENCY_US, LOG_SHADOW, LOG_VARIANT, LOG_CALLER, LOG_KEY, LOG_LABEL,
	LOG_FEATURES, LOG_PROBABILITIES, LOG_NATTS
};

/* A partition that rows are written into. */
typedef struct Target
{
	Relation	rel;
	CatalogIndexState indexes;
	int			n;				/* rows in the slots */
	TupleTableSlot *slots[BATCH];
} Target;

static Oid
find_relation(const char *name)
{
	Oid			schema = get_namespace_oid(MLOPS_PRIVATE_SCHEMA, true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

int64
mlops_log_next_id(void)
{
	Oid			sequence = find_relation(LOG_SEQUENCE);

	if (!OidIsValid(sequence))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"mlops\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION mlops as a superuser.")));
	return nextval_internal(sequence, false);
}

/* The partition for a time; InvalidOid: there is none. */
static Oid
partition_for(Relation parent, TimestampTz at)
{
	PartitionKey key = RelationGetPartitionKey(parent);
	PartitionDesc desc = RelationGetPartitionDesc(parent, false);
	Datum		value = TimestampTzGetDatum(at);
	bool		equal;
	int			offset;
	int			index = -1;

	if (desc->nparts == 0)
		return InvalidOid;
	if (desc->boundinfo->ndatums > 0)
	{
		offset = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
											   desc->boundinfo, 1, &value, &equal);
		index = desc->boundinfo->indexes[offset + 1];
	}
	if (index < 0)
		index = desc->boundinfo->default_index;
	return index < 0 ? InvalidOid : desc->oids[index];
}

/* Are these the columns that are written here? */
static void
check_layout(Relation parent, Relation rel)
{
	TupleDesc	want = RelationGetDescr(parent);
	TupleDesc	have = RelationGetDescr(rel);

	for (int i = 0; i < LOG_NATTS; i++)
	{
		if (want->natts != LOG_NATTS || have->natts != LOG_NATTS ||
			TupleDescAttr(have, i)->attisdropped ||
			TupleDescAttr(have, i)->atttypid != TupleDescAttr(want, i)->atttypid)
			elog(ERROR, "partition \"%s\" of the prediction log has other columns",
				 RelationGetRelationName(rel));
	}
}

/* Open the partition for a time.  While it is waited for, there can be another for that time. */
static Relation
open_partition(Relation parent, TimestampTz at)
{
	for (;;)
	{
		Oid			relid = partition_for(parent, at);
		Relation	rel;

		if (!OidIsValid(relid))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the prediction log has no partition for this time")));
		rel = try_table_open(relid, RowExclusiveLock);
		if (rel && partition_for(parent, at) == relid)
		{
			check_layout(parent, rel);
			return rel;
		}
		if (rel)
			table_close(rel, RowExclusiveLock);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
set_text(TupleTableSlot *slot, int column, const char *bytes, int len)
{
	slot->tts_isnull[column] = bytes == NULL;
	if (bytes)
		slot->tts_values[column] = PointerGetDatum(cstring_to_text_with_len(bytes, len));
}

static ArrayType *
float4_array(int n, const double *x)
{
	Datum	   *items = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		items[i] = Float4GetDatum((float4) x[i]);
	return construct_array(items, n, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT);
}

static void
fill_slot(TupleTableSlot *slot, const MlLogWaiting *row)
{
	const MlLogRow *r = &row->row;
	bytea	   *features = palloc(VARHDRSZ + r->features_len);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, 0, sizeof(bool) * LOG_NATTS);
	slot->tts_values[LOG_PREDICTION_ID] = Int64GetDatum(row->prediction_id);
	slot->tts_values[LOG_HAPPENED_AT] = TimestampTzGetDatum(row->happened_at);
	slot->tts_values[LOG_XID] = Int64GetDatum((int64) U64FromFullTransactionId(GetTopFullTransactionId()));
	slot->tts_values[LOG_SYSTEM] = Int64GetDatum(mlops_this_system());
	slot->tts_values[LOG_MODEL_ID] = Int64GetDatum(r->model_id);
	slot->tts_values[LOG_VALUE] = Float8GetDatum(r->value);
	slot->tts_isnull[LOG_VALUE] = !r->has_value;
	slot->tts_values[LOG_VERSION] = Int32GetDatum(r->version);
	slot->tts_values[LOG_LATENCY_US] = Int32GetDatum((int32) Min(r->latency_us, PG_INT32_MAX));
	slot->tts_values[LOG_SHADOW] = BoolGetDatum(r->shadow);
	set_text(slot, LOG_VARIANT, row->has_variant ? NameStr(row->variant) : NULL,
			 row->has_variant ? strlen(NameStr(row->variant)) : 0);
	set_text(slot, LOG_CALLER, NameStr(row->caller), strlen(NameStr(row->caller)));
	set_text(slot, LOG_KEY, r->key, r->key_len);
	set_text(slot, LOG_LABEL, r->label, r->label_len);
	SET_VARSIZE(features, VARHDRSZ + r->features_len);
	memcpy(VARDATA(features), r->features, r->features_len);
	slot->tts_values[LOG_FEATURES] = PointerGetDatum(features);
	slot->tts_isnull[LOG_PROBABILITIES] = r->nprobabilities == 0;
	if (r->nprobabilities > 0)
		slot->tts_values[LOG_PROBABILITIES] =
			PointerGetDatum(float4_array(r->nprobabilities, r->probabilities));
	ExecStoreVirtualTuple(slot);
}

static void
insert_into_indexes(Target *target, TupleTableSlot *slot)
{
	ResultRelInfo *info = target->indexes;

	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		Relation	index = info->ri_IndexRelationDescs[i];
		IndexInfo  *index_info = info->ri_IndexRelationInfo[i];
		Datum		values[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		if (!index_info->ii_ReadyForInserts)
			continue;
		if (index_info->ii_Expressions != NIL || index_info->ii_Predicate != NIL)
			elog(ERROR, "index \"%s\" of the prediction log is not of plain columns",
				 RelationGetRelationName(index));
		FormIndexDatum(index_info, slot, NULL, values, nulls);
		index_insert(index, values, nulls, &slot->tts_tid, target->rel,
					 index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
					 false, index_info);
	}
}

/* Insert what is in the slots. */
static void
insert_batch(Target *target)
{
	if (target->n == 0)
		return;
	table_multi_insert(target->rel, target->slots, target->n,
					   GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < target->n; i++)
		insert_into_indexes(target, target->slots[i]);
	for (int i = 0; i < target->n; i++)
		ExecClearTuple(target->slots[i]);
	target->n = 0;
}

static void
close_target(Target *target)
{
	if (target->rel == NULL)
		return;
	insert_batch(target);
	for (int i = 0; i < BATCH && target->slots[i]; i++)
	{
		ExecDropSingleTupleTableSlot(target->slots[i]);
		target->slots[i] = NULL;
	}
	CatalogCloseIndexes(target->indexes);
	table_close(target->rel, NoLock);
	target->rel = NULL;
}

static void
open_target(Target *target, Relation parent, TimestampTz at)
{
	Relation	rel = open_partition(parent, at);

	if (target->rel && RelationGetRelid(rel) == RelationGetRelid(target->rel))
	{
		table_close(rel, NoLock);
		return;
	}
	close_target(target);
	target->rel = rel;
	target->indexes = CatalogOpenIndexes(rel);
}

static void
write_rows(Relation parent, const MlLogWaiting *first, SubTransactionId from)
{
	Target	   *target = palloc0(sizeof(Target));
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "mlops log batch",
												ALLOCSET_DEFAULT_SIZES);

	for (const MlLogWaiting *row = first; row; row = row->next)
	{
		MemoryContext old;

		if (row->written_in != InvalidSubTransactionId || row->added_in < from)
			continue;
		open_target(target, parent, row->happened_at);
		if (target->slots[target->n] == NULL)
			target->slots[target->n] = MakeSingleTupleTableSlot(RelationGetDescr(target->rel),
																&TTSOpsVirtual);
		old = MemoryContextSwitchTo(batch);
		fill_slot(target->slots[target->n++], row);
		if (target->n == BATCH)
		{
			insert_batch(target);
			MemoryContextReset(batch);
		}
		MemoryContextSwitchTo(old);
	}
	close_target(target);
}

void
mlops_log_write(const MlLogWaiting *first, SubTransactionId from)
{
	Oid			relid = find_relation(LOG_TABLE);
	MemoryContext context;
	MemoryContext old;
	Relation	parent;

	/* the extension can have been dropped since */
	if (!OidIsValid(relid))
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "mlops log", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	PushActiveSnapshot(GetTransactionSnapshot());
	parent = table_open(relid, RowExclusiveLock);
	if (parent->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		write_rows(parent, first, from);
	table_close(parent, NoLock);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
