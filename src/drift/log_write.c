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
#include "postmaster/autovacuum.h"
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

/* A row that is in the table, and is to be in the index of keys. */
typedef struct Key
{
	const MlLogWaiting *row;
	ItemPointerData tid;
} Key;

/* A partition that rows are written into. */
typedef struct Target
{
	MemoryContext batch;		/* reset between insertions */
	int			nrows;			/* to be written, at most */
	Key		   *keys;			/* room for one a row */
	int			nkeys;
	Relation	rel;
	CatalogIndexState indexes;
	int64		xid;
	int32		system;
	int			n;				/* rows in the slots */
	const MlLogWaiting *rows[BATCH];
	TupleTableSlot *slots[BATCH];
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
set_value(Datum *values, bool *nulls, int column, const struct varlena *value)
{
	nulls[column] = value == NULL;
	values[column] = PointerGetDatum(value);
}

/* The row as a tuple that the slot owns: it is inserted as it is. */
static void
fill_slot(Target *target, TupleTableSlot *slot, const MlLogWaiting *row)
{
	Datum		values[LOG_NATTS];
	bool		nulls[LOG_NATTS] = {false};
	MemoryContext old;

	values[LOG_PREDICTION_ID] = Int64GetDatum(row->prediction_id);
	values[LOG_HAPPENED_AT] = TimestampTzGetDatum(row->happened_at);
	values[LOG_XID] = Int64GetDatum(target->xid);
	values[LOG_MODEL_ID] = Int64GetDatum(row->model_id);
	values[LOG_VALUE] = Float8GetDatum(row->value);
	nulls[LOG_VALUE] = !row->has_value;
	values[LOG_VERSION] = Int32GetDatum(row->version);
	values[LOG_LATENCY_US] = Int32GetDatum(row->latency_us);
	values[LOG_SYSTEM] = Int32GetDatum(target->system);
	values[LOG_SHARE] = Float4GetDatum(row->share);
	nulls[LOG_SHARE] = row->share == 1;
	values[LOG_SHADOW] = BoolGetDatum(row->shadow);
	set_value(values, nulls, LOG_FEATURES, row->features);
	set_value(values, nulls, LOG_VARIANT, row->variant);
	set_value(values, nulls, LOG_CALLER, row->caller);
	set_value(values, nulls, LOG_KEY, row->key);
	set_value(values, nulls, LOG_LABEL, row->label);
	set_value(values, nulls, LOG_PROBABILITIES, row->probabilities);
	old = MemoryContextSwitchTo(target->batch);
	ExecStoreHeapTuple(heap_form_tuple(RelationGetDescr(target->rel), values, nulls), slot, true);
	MemoryContextSwitchTo(old);
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
 * A range is complete when the next one begins.  Of many rows at a time they are
 * left to autovacuum, as far as it takes them (autosummarize would complain of the
 * others).  Where the table's lock is taken, VACUUM has it, and does the same;
 * nobody is waited for.
 */
static void
summarize(Target *target, Relation index, BlockNumber block)
{
	Oid			relid = RelationGetRelid(target->rel);
	Oid			user;
	int			context;

	if (target->nrows >= BATCH && AutoVacuumingActive() &&
		AutoVacuumRequestWork(AVW_BRINSummarizeRange, RelationGetRelid(index), block))
		return;
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

/* What a row has in a column of the index of ranges of blocks. */
static inline int64
ranged_value(const Target *target, int row, int column)
{
	if (column == LOG_XID)
		return target->xid;
	return column == LOG_PREDICTION_ID ? target->rows[row]->prediction_id : target->rows[row]->happened_at;
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
			int64		v = ranged_value(target, r, column);

			if (v < ranged_value(target, least, column))
				least = r;
			if (v > ranged_value(target, greatest, column))
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

/* Is it the one over (key, model_id) of rows that have a key? */
static bool
is_of_keys(const Target *target, int i)
{
	IndexInfo  *info = target->indexes->ri_IndexRelationInfo[i];

	return info->ii_Predicate != NIL && info->ii_NumIndexAttrs == 2 &&
		info->ii_IndexAttrNumbers[0] == LOG_KEY + 1 && info->ii_IndexAttrNumbers[1] == LOG_MODEL_ID + 1;
}

static int
compare_keys(const void *a, const void *b)
{
	const Key  *left = a;
	const Key  *right = b;
	const struct varlena *x = left->row->key;
	const struct varlena *y = right->row->key;
	Size		nx = VARSIZE(x);
	Size		ny = VARSIZE(y);
	int			order = memcmp(VARDATA(x), VARDATA(y), Min(nx, ny) - VARHDRSZ);

	if (order == 0 && nx != ny)
		order = nx < ny ? -1 : 1;
	return order != 0 ? order : ItemPointerCompare((ItemPointer) &left->tid, (ItemPointer) &right->tid);
}

/* In the index's order, rows that follow one another meet the same pages. */
static void
insert_keys(Target *target, int i)
{
	Relation	index = target->indexes->ri_IndexRelationDescs[i];
	IndexInfo  *info = target->indexes->ri_IndexRelationInfo[i];
	MemoryContext old = MemoryContextSwitchTo(target->batch);
	Datum		values[2];
	bool		nulls[2] = {false, false};

	qsort(target->keys, target->nkeys, sizeof(Key), compare_keys);
	for (int k = 0; k < target->nkeys; k++)
	{
		Key		   *key = &target->keys[k];

		values[0] = PointerGetDatum(key->row->key);
		values[1] = Int64GetDatum(key->row->model_id);
		index_insert(index, values, nulls, &key->tid, target->rel, UNIQUE_CHECK_NO, false, info);
		if (k % BATCH == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(target->batch);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(target->batch);
}

/* The rows in the slots, but for keys, which wait until there are many. */
static void
insert_into_indexes(Target *target)
{
	for (int i = 0; i < target->indexes->ri_NumIndices; i++)
	{
		IndexInfo  *info = target->indexes->ri_IndexRelationInfo[i];

		if (!info->ii_ReadyForInserts || is_of_keys(target, i))
			continue;
		if (info->ii_Expressions != NIL || info->ii_Predicate != NIL)
			elog(ERROR, "index \"%s\" of the prediction log is not of plain columns",
				 RelationGetRelationName(target->indexes->ri_IndexRelationDescs[i]));
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
	MemoryContext old;

	if (target->n == 0)
		return;
	old = MemoryContextSwitchTo(target->batch);
	table_multi_insert(target->rel, target->slots, target->n,
					   GetCurrentCommandId(true), 0, NULL);
	insert_into_indexes(target);
	for (int i = 0; i < target->n; i++)
	{
		if (target->rows[i]->key)
		{
			Key		   *key = &target->keys[target->nkeys++];

			key->row = target->rows[i];
			key->tid = target->slots[i]->tts_tid;
		}
		ExecClearTuple(target->slots[i]);
	}
	target->n = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(target->batch);
}

static void
close_target(Target *target)
{
	if (target->rel == NULL)
		return;
	insert_batch(target);
	for (int i = 0; i < target->indexes->ri_NumIndices; i++)
	{
		if (target->indexes->ri_IndexRelationInfo[i]->ii_ReadyForInserts && is_of_keys(target, i))
			insert_keys(target, i);
	}
	target->nkeys = 0;
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

	target->xid = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
	target->system = mlops_log_system();
	for (const MlLogWaiting *row = first; row; row = row->next)
		target->nrows++;
	target->keys = palloc(sizeof(Key) * target->nrows);
	target->batch = AllocSetContextCreate(CurrentMemoryContext, "mlops log batch",
										  ALLOCSET_DEFAULT_SIZES);
	for (const MlLogWaiting *row = first; row; row = row->next)
	{
		if (row->written_in != InvalidSubTransactionId || row->added_in < from)
			continue;
		open_target(target, parent, row->happened_at);
		if (target->slots[target->n] == NULL)
			target->slots[target->n] = MakeSingleTupleTableSlot(RelationGetDescr(target->rel),
																&TTSOpsHeapTuple);
		fill_slot(target, target->slots[target->n], row);
		target->rows[target->n++] = row;
		if (target->n == BATCH)
			insert_batch(target);
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
