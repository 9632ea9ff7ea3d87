/*-------------------------------------------------------------------------
 *
 * snapshot_erase.c
 *	  Rewriting a snapshot without somebody's rows.
 *
 * Chunks without such a row stay what they are, shared or not; the others are
 * written anew, and their old parts go when no other snapshot refers to them.
 * All rows are looked at, so that the fingerprint is that of what is left.
 *
 * This runs as the extension's owner.  It calls the functions of base types
 * only (data/chunk_type.c refuses others), never anything that a user wrote.
 *
 * IDENTIFICATION
 *	  src/catalog/snapshot_erase.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/sha2.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/chunk.h"
#include "mlops/fingerprint.h"
#include "mlops/jsonb_out.h"
#include "mlops/retention.h"

#include "snapshot_private.h"

typedef struct Chunk
{
	int			seq;
	uint8		hash[PG_SHA256_DIGEST_LENGTH];
} Chunk;

typedef struct Erasing
{
	MlWriter   *w;
	int64		snapshot_id;
	const char *store_key;
	const char *key;
	int			column;			/* of the key */
	FmgrInfo	output;
	TupleDesc	desc;
	MlChunkReader *reader;
	MlChunkWriter *writer;
	MlFingerPlan *print;
	MlFingerSum sum;			/* of what is left */
	Datum	   *values;
	bool	   *nulls;
	MemoryContext row_context;
	int64		erased;
} Erasing;

/* The snapshot, locked; false: it is gone. */
static bool
lock_snapshot(MlWriter *w, int64 snapshot_id, MlSnapshotInfo *info)
{
	mlops_write_int8(w, snapshot_id);
	if (mlops_write_run(w, "SELECT " MLOPS_SNAPSHOT_COLUMNS
						" FROM mlops_private.snapshot WHERE snapshot_id = $1 FOR UPDATE") == 0)
		return false;
	mlops_snapshot_load(w, info);
	return true;
}

static Chunk *
list_chunks(MlWriter *w, int64 snapshot_id, int *n)
{
	Chunk	   *chunks;

	mlops_write_int8(w, snapshot_id);
	*n = (int) mlops_write_run(w, "SELECT seq, hash FROM mlops_private.snapshot_chunk"
							   " WHERE snapshot_id = $1 ORDER BY seq");
	chunks = MemoryContextAllocHuge(w->caller, sizeof(Chunk) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		bytea	   *hash = DatumGetByteaPP(mlops_write_result(i, 2));

		chunks[i].seq = DatumGetInt32(mlops_write_result(i, 1));
		memcpy(chunks[i].hash, VARDATA_ANY(hash), PG_SHA256_DIGEST_LENGTH);
	}
	return chunks;
}

static int
find_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i;
	}
	return -1;
}

static bool
is_wanted(Erasing *e)
{
	return !e->nulls[e->column] &&
		strcmp(OutputFunctionCall(&e->output, e->values[e->column]), e->key) == 0;
}

/* Keep the rows of others; returns how many went. */
static int
filter_chunk(Erasing *e, int n)
{
	int			erased = 0;

	for (int row = 0; row < n; row++)
	{
		MemoryContext old = MemoryContextSwitchTo(e->row_context);

		mlops_chunk_row(e->reader, row, e->values, e->nulls);
		if (is_wanted(e))
			erased++;
		else
		{
			mlops_finger_plan_row(e->print, e->values, e->nulls, &e->sum);
			(void) mlops_chunk_writer_add(e->writer, e->values, e->nulls);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(e->row_context);
	}
	return erased;
}

static void
replace_chunk(Erasing *e, const Chunk *chunk, const char *bytes, Size len, int nrows)
{
	uint8		hash[PG_SHA256_DIGEST_LENGTH];
	Size		packed_len;
	char	   *packed;

	if (nrows == 0)
	{
		mlops_write_int8(e->w, e->snapshot_id);
		mlops_write_int4(e->w, chunk->seq);
		mlops_write_run(e->w, "DELETE FROM mlops_private.snapshot_chunk WHERE snapshot_id = $1 AND seq = $2");
		return;
	}
	packed = mlops_lz4_pack(bytes, len, &packed_len);
	mlops_snapshot_hash(e->store_key, bytes, len, hash);
	mlops_snapshot_write_part(e->w, hash, packed, packed_len);
	mlops_write_int8(e->w, e->snapshot_id);
	mlops_write_int4(e->w, chunk->seq);
	mlops_write_bytea(e->w, hash, PG_SHA256_DIGEST_LENGTH);
	mlops_write_int4(e->w, nrows);
	mlops_write_int4(e->w, (int) packed_len);
	mlops_write_run(e->w, "UPDATE mlops_private.snapshot_chunk SET hash = $3, rows = $4, bytes = $5"
					" WHERE snapshot_id = $1 AND seq = $2");
}

static void
erase_chunk(Erasing *e, const Chunk *chunk)
{
	Size		len;
	char	   *bytes;
	const char *left;
	int			erased;
	int			nrows;

	mlops_write_bytea(e->w, chunk->hash, PG_SHA256_DIGEST_LENGTH);
	if (mlops_write_run(e->w, "SELECT content FROM mlops_private.snapshot_part WHERE hash = $1") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("snapshot is damaged")));
	bytes = mlops_snapshot_unpack(e->store_key, mlops_write_result(0, 1), chunk->hash, &len);
	erased = filter_chunk(e, mlops_chunk_open(e->reader, bytes, len));
	pfree(bytes);
	nrows = mlops_chunk_writer_rows(e->writer);
	left = mlops_chunk_writer_take(e->writer, &len);
	if (erased > 0)
		replace_chunk(e, chunk, left, len, nrows);
	e->erased += erased;
}

static void
prepare(Erasing *e, const MlSnapshotInfo *info, MemoryContext context)
{
	Oid			output;
	bool		is_varlena;

	e->desc = mlops_snapshot_desc(info);
	e->column = find_column(e->desc, info->key);
	if (e->column < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("snapshot is damaged")));
	getTypeOutputInfo(TupleDescAttr(e->desc, e->column)->atttypid, &output, &is_varlena);
	fmgr_info_cxt(output, &e->output, context);
	e->reader = mlops_chunk_reader_make(e->desc, context);
	e->writer = mlops_chunk_writer_make(e->desc, context);
	e->print = mlops_finger_plan_make(e->desc, NULL, context);
	e->values = palloc(sizeof(Datum) * Max(e->desc->natts, 1));
	e->nulls = palloc(sizeof(bool) * Max(e->desc->natts, 1));
	e->row_context = AllocSetContextCreate(context, "mlops erase row", ALLOCSET_DEFAULT_SIZES);
}

static void
record(Erasing *e)
{
	char		text[MLOPS_FINGERPRINT_LEN + 1];

	mlops_finger_text(&e->sum, text);
	mlops_write_int8(e->w, e->snapshot_id);
	mlops_write_int8(e->w, e->sum.rows);
	mlops_write_text(e->w, text);
	mlops_write_int8(e->w, e->erased);
	mlops_write_run(e->w, "UPDATE mlops_private.snapshot SET rows = $2, fingerprint = $3, erased_rows = erased_rows + $4,"
					" bytes = (SELECT coalesce(sum(c.bytes), 0) FROM mlops_private.snapshot_chunk c WHERE c.snapshot_id = $1)"
					" WHERE snapshot_id = $1");
}

int64
mlops_snapshot_erase(MlWriter *w, int64 snapshot_id, const char *key)
{
	MlSnapshotInfo info;
	MemoryContext context;
	MemoryContext chunk_context;
	MemoryContext old;
	Erasing		e;
	Chunk	   *chunks;
	int			n;

	if (!lock_snapshot(w, snapshot_id, &info) || info.key == NULL)
		return 0;
	chunks = list_chunks(w, snapshot_id, &n);
	context = AllocSetContextCreate(w->caller, "mlops erase", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	memset(&e, 0, sizeof(e));
	e.w = w;
	e.snapshot_id = snapshot_id;
	e.store_key = info.store_key;
	e.key = key;
	prepare(&e, &info, context);
	chunk_context = AllocSetContextCreate(context, "mlops erase chunk", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(chunk_context);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		erase_chunk(&e, &chunks[i]);
		MemoryContextReset(chunk_context);
	}
	MemoryContextSwitchTo(context);
	if (e.erased > 0)
	{
		record(&e);
		mlops_snapshot_sweep(w);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	pfree(chunks);
	return e.erased;
}

int64
mlops_snapshot_erase_by_name(const char *name, const char *key, MlSnapshotInfo *info)
{
	JsonbParseState *state = NULL;
	MlWriter	w;
	int64		erased;

	mlops_snapshot_find(name, info);
	if (info->key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("snapshot \"%s\" has no key column", name),
				 errhint("It is named when the snapshot is taken; drop it and take another.")));
	mlops_write_begin(&w, "mlops.erase_from_snapshot()");
	if (!lock_snapshot(&w, info->snapshot_id, info) || !mlops_rights_own(info->owner, w.role))
		mlops_snapshot_deny(name);
	mlops_hold_check(&w, "snapshot", name);
	erased = mlops_snapshot_erase(&w, info->snapshot_id, key);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "rows", erased);
	mlops_audit_add(&w, "snapshot.erase", "snapshot", name,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	(void) lock_snapshot(&w, info->snapshot_id, info);
	mlops_write_end(&w);
	return erased;
}
