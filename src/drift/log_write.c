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

#include "access/brin.h"
#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "mlops/log.h"
#include "mlops/store.h"

#define BATCH 250				/* rows of one insertion */

/* sql/install/29_log_tables.sql */
#define LOG_TABLE "prediction"
#define LOG_SEQUENCE "prediction_id_seq"
enum
{
	LOG_PREDICTION_ID, LOG_HAPPENED_AT, LOG_XID, LOG_MODEL_ID, LOG_VALUE, LOG_VERSION,
	LOG_LATENCY_US, LOG_SYSTEM, LOG_SHARE, LOG_FEATURES, LOG_SHADOW, LOG_VARIANT, LOG_CALLER,
	LOG_KEY, LOG_LABEL, LOG_PROBABILITIES, LOG_NATTS
};
#define ID_STEP 64				/* numbers of a value of the sequence */

/* A partition that rows are written into. */
typedef struct Target
{
	Relation	rel;
	CatalogIndexState indexes;
	int			n;				/* rows in the slots */
	TupleTableSlot *slots[BATCH];
	TupleTableSlot *by_key[BATCH];	/* those with a key, in its order */
} Target;

/* Of this database; InvalidOid: to be looked up. */
static Oid	log_table = InvalidOid;
static Oid	log_sequence = InvalidOid;

static void
at_relation_change(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == log_table)
		log_table = InvalidOid;
	if (!OidIsValid(relid) || relid == log_sequence)
		log_sequence = InvalidOid;
}

static Oid
find_relation(const char *name, Oid *known)
{
	static bool registered = false;
	Oid			schema;

	if (OidIsValid(*known))
		return *known;
	if (!registered)
	{
		CacheRegisterRelcacheCallback(at_relation_change, (Datum) 0);
		registered = true;
	}
	schema = get_namespace_oid(MLOPS_PRIVATE_SCHEMA, true);
	*known = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
	return *known;
}

int32
mlops_log_system(void)
{
	uint64		h = (uint64) mlops_this_system();
	int32		folded;

	/* the finalizer of MurmurHash3, which mixes all bits into the upper ones */
	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	folded = (int32) (uint32) (h >> 32);
	return folded != 0 ? folded : 1;
}

/*
 * Numbers that a session keeps for long would be low among those of their time,
 * and an index by ranges would find nothing: they are for a second.
 */
int64
mlops_log_next_id(void)
{
	static int64 next = 0;
	static int64 end = 0;
	static Oid	of = InvalidOid;
	static TimestampTz drawn = 0;
	Oid			sequence = find_relation(LOG_SEQUENCE, &log_sequence);
	TimestampTz now = GetCurrentStatementStartTimestamp();

	if (!OidIsValid(sequence))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"mlops\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION mlops as a superuser.")));
	if (next == end || sequence != of || now - drawn > USECS_PER_SEC || now < drawn)
	{
		next = end = 0;
		next = nextval_internal(sequence, false);
		end = next + ID_STEP;
		of = sequence;
		drawn = now;
	}
	return next++;
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

static inline void
set_value(TupleTableSlot *slot, int column, const struct varlena *value)
{
	slot->tts_isnull[column] = value == NULL;
	slot->tts_values[column] = PointerGetDatum(value);
}

static void
fill_slot(TupleTableSlot *slot, const MlLogWaiting *row, int64 xid, int32 system)
{
	Datum	   *values = slot->tts_values;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, 0, sizeof(bool) * LOG_NATTS);
	values[LOG_PREDICTION_ID] = Int64GetDatum(row->prediction_id);
	values[LOG_HAPPENED_AT] = TimestampTzGetDatum(row->happened_at);
	values[LOG_XID] = Int64GetDatum(xid);
	values[LOG_SYSTEM] = Int32GetDatum(system);
	values[LOG_MODEL_ID] = Int64GetDatum(row->model_id);
	values[LOG_VALUE] = Float8GetDatum(row->value);
	slot->tts_isnull[LOG_VALUE] = !row->has_value;
	values[LOG_VERSION] = Int32GetDatum(row->version);
	values[LOG_LATENCY_US] = Int32GetDatum(row->latency_us);
	values[LOG_SHADOW] = BoolGetDatum(row->shadow);
	set_value(slot, LOG_VARIANT, row->variant);
	set_value(slot, LOG_CALLER, row->caller);
	set_value(slot, LOG_KEY, row->key);
	set_value(slot, LOG_LABEL, row->label);
	set_value(slot, LOG_FEATURES, row->features);
	set_value(slot, LOG_PROBABILITIES, row->probabilities);
	values[LOG_SHARE] = Float4GetDatum(row->share);
	slot->tts_isnull[LOG_SHARE] = row->share == 1;
	ExecStoreVirtualTuple(slot);
}

static void
insert_into_index(Target *target, int i, TupleTableSlot *slot)
{
	Relation	index = target->indexes->ri_IndexRelationDescs[i];
	IndexInfo  *info = target->indexes->ri_IndexRelationInfo[i];
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	FormIndexDatum(info, slot, NULL, values, nulls);
	index_insert(index, values, nulls, &slot->tts_tid, target->rel,
				 index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
				 false, info);
}

/*
 * A range is complete when the next one begins.  It could be left to autovacuum
 * (autosummarize), which comes once a minute, takes few at a time and complains of
 * those that are too many.  Where the table's lock is taken, VACUUM has it, and does
 * the same; nobody is waited for.
 */
static void
summarize(Target *target, Relation index, BlockNumber block)
{
	Oid			relid = RelationGetRelid(target->rel);
	Oid			user;
	int			context;

	if (!ConditionalLockRelationOid(relid, ShareUpdateExclusiveLock))
		return;
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(target->rel->rd_rel->relowner, context | SECURITY_RESTRICTED_OPERATION);
	(void) DirectFunctionCall2(brin_summarize_range, ObjectIdGetDatum(RelationGetRelid(index)),
							   Int64GetDatum((int64) block));
	SetUserIdAndSecContext(user, context);
	UnlockRelationOid(relid, ShareUpdateExclusiveLock);
}

/* A row of an index of ranges of blocks, if it is not the one that came last. */
static int
insert_extreme(Target *target, int i, int row, int last)
{
	if (row != last)
		insert_into_index(target, i, target->slots[row]);
	return row;
}

/*
 * An index of ranges of blocks (minmax) learns nothing from a row between two
 * others: of the rows from "from" on that share a range, it gets those with the
 * least and the greatest of each column, all of them numbers and never null.
 * Returns the first row of the next range.
 */
static int
insert_extremes(Target *target, int i, int from)
{
	IndexInfo  *info = target->indexes->ri_IndexRelationInfo[i];
	Relation	index = target->indexes->ri_IndexRelationDescs[i];
	BlockNumber width = BrinGetPagesPerRange(index);
	ItemPointer tid = &target->slots[from]->tts_tid;
	BlockNumber block = ItemPointerGetBlockNumber(tid);
	BlockNumber range = block / width;
	int			last = -1;
	int			end = from + 1;

	if (block == range * width && range > 0 && ItemPointerGetOffsetNumber(tid) == FirstOffsetNumber)
		summarize(target, index, block - width);
	while (end < target->n && ItemPointerGetBlockNumber(&target->slots[end]->tts_tid) / width == range)
		end++;
	for (int k = 0; k < info->ii_NumIndexKeyAttrs; k++)
	{
		int			column = info->ii_IndexAttrNumbers[k] - 1;
		int			least = from;
		int			greatest = from;

		for (int r = from + 1; r < end; r++)
		{
			int64		v = DatumGetInt64(target->slots[r]->tts_values[column]);

			if (v < DatumGetInt64(target->slots[least]->tts_values[column]))
				least = r;
			if (v > DatumGetInt64(target->slots[greatest]->tts_values[column]))
				greatest = r;
		}
		last = insert_extreme(target, i, least, last);
		last = insert_extreme(target, i, greatest, last);
	}
	return end;
}

/* Is the index by ranges of blocks, over columns that insert_extremes understands? */
static bool
has_extremes(const Target *target, int i)
{
	IndexInfo  *info = target->indexes->ri_IndexRelationInfo[i];

	if (info->ii_Am != BRIN_AM_OID)
		return false;
	for (int k = 0; k < info->ii_NumIndexKeyAttrs; k++)
	{
		int			column = info->ii_IndexAttrNumbers[k] - 1;

		if (column != LOG_PREDICTION_ID && column != LOG_HAPPENED_AT && column != LOG_XID)
			return false;
	}
	return true;
}

static int
compare_keys(const void *a, const void *b)
{
	TupleTableSlot *left = *(TupleTableSlot *const *) a;
	TupleTableSlot *right = *(TupleTableSlot *const *) b;
	const struct varlena *x = (struct varlena *) DatumGetPointer(left->tts_values[LOG_KEY]);
	const struct varlena *y = (struct varlena *) DatumGetPointer(right->tts_values[LOG_KEY]);
	Size		nx = VARSIZE(x);
	Size		ny = VARSIZE(y);
	int			order = memcmp(VARDATA(x), VARDATA(y), Min(nx, ny) - VARHDRSZ);

	if (order == 0 && nx != ny)
		order = nx < ny ? -1 : 1;
	return order != 0 ? order : ItemPointerCompare(&left->tts_tid, &right->tts_tid);
}

/* The only index with a predicate: WHERE key IS NOT NULL.  In its order, rows that follow one another meet the same pages. */
static void
insert_keys(Target *target, int i)
{
	int			n = 0;

	for (int r = 0; r < target->n; r++)
	{
		if (!target->slots[r]->tts_isnull[LOG_KEY])
			target->by_key[n++] = target->slots[r];
	}
	qsort(target->by_key, n, sizeof(TupleTableSlot *), compare_keys);
	for (int k = 0; k < n; k++)
		insert_into_index(target, i, target->by_key[k]);
}

static void
insert_into_indexes(Target *target)
{
	for (int i = 0; i < target->indexes->ri_NumIndices; i++)
	{
		IndexInfo  *info = target->indexes->ri_IndexRelationInfo[i];

		if (!info->ii_ReadyForInserts)
			continue;
		if (info->ii_Expressions != NIL ||
			(info->ii_Predicate != NIL && info->ii_IndexAttrNumbers[0] != LOG_KEY + 1))
			elog(ERROR, "index \"%s\" of the prediction log is not of plain columns",
				 RelationGetRelationName(target->indexes->ri_IndexRelationDescs[i]));
		if (info->ii_Predicate != NIL)
			insert_keys(target, i);
		else
			for (int r = 0; r < target->n;)
			{
				if (has_extremes(target, i))
					r = insert_extremes(target, i, r);
				else
					insert_into_index(target, i, target->slots[r++]);
			}
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
	insert_into_indexes(target);
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
	if (target->rel && partition_for(parent, at) == RelationGetRelid(target->rel))
		return;
	close_target(target);
	target->rel = open_partition(parent, at);
	target->indexes = CatalogOpenIndexes(target->rel);
}

static void
write_rows(Relation parent, const MlLogWaiting *first, SubTransactionId from)
{
	Target	   *target = palloc0(sizeof(Target));
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "mlops log batch",
												ALLOCSET_DEFAULT_SIZES);
	int64		xid = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
	int32		system = mlops_log_system();

	for (const MlLogWaiting *row = first; row; row = row->next)
	{
		MemoryContext old;

		if (row->written_in != InvalidSubTransactionId || row->added_in < from)
			continue;
		open_target(target, parent, row->happened_at);
		if (target->slots[target->n] == NULL)
			target->slots[target->n] = MakeSingleTupleTableSlot(RelationGetDescr(target->rel),
																&TTSOpsVirtual);
		fill_slot(target->slots[target->n++], row, xid, system);
		if (target->n == BATCH)
		{
			old = MemoryContextSwitchTo(batch);
			insert_batch(target);
			MemoryContextSwitchTo(old);
			MemoryContextReset(batch);
		}
	}
	close_target(target);
}

void
mlops_log_write(const MlLogWaiting *first, SubTransactionId from)
{
	Oid			relid = find_relation(LOG_TABLE, &log_table);
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
