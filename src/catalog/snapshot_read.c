/*-------------------------------------------------------------------------
 *
 * snapshot_read.c
 *	  From a snapshot's name to its rows.
 *
 * Under the active snapshot of the query, so that reading works wherever a
 * query does, and another session's drop is seen when the next query begins.
 * Each part is checked against its hash before anything in it is looked at.
 *
 * The hash of a part is of its owner's key, a random one, and its bytes: two
 * snapshots of one owner share what they have in common, those of two owners do
 * not.  Whoever takes a
 * snapshot can count the rows it added, so if parts were shared between owners
 * one could find out by trying what others have stored.
 *
 * IDENTIFICATION
 *	  src/catalog/snapshot_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/chunk.h"

#include "snapshot_private.h"

#define PREFIX "snapshot:"

#define CHUNK_TABLE "snapshot_chunk"
#define CHUNK_INDEX "snapshot_chunk_pkey"
#define CHUNK_SNAPSHOT_ID 1
#define CHUNK_HASH 3
#define CHUNK_NATTS 5
#define PART_TABLE "snapshot_part"
#define PART_INDEX "snapshot_part_pkey"
#define PART_HASH 1
#define PART_CONTENT 2
#define PART_NATTS 2

void
mlops_snapshot_deny(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("snapshot \"%s\" does not exist", name),
			 errhint("The view mlops.snapshots lists the snapshots you may use.")));
	pg_unreachable();
}

/* Elements of an array in row 0 as C strings in the current context; NULL for null. */
static char **
load_texts(int column, int *n)
{
	ArrayType  *array = DatumGetArrayTypeP(mlops_write_result(0, column));
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, n);
	texts = palloc0(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		texts[i] = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
	return texts;
}

static bool *
load_flags(int column, int *n)
{
	ArrayType  *array = DatumGetArrayTypeP(mlops_write_result(0, column));
	Datum	   *elements;
	bool	   *nulls;
	bool	   *flags;

	deconstruct_array(array, BOOLOID, 1, true, TYPALIGN_CHAR, &elements, &nulls, n);
	flags = palloc0(sizeof(bool) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		flags[i] = !nulls[i] && DatumGetBool(elements[i]);
	return flags;
}

void
mlops_snapshot_load(MlWriter *w, MlSnapshotInfo *info)
{
	MemoryContext old = MemoryContextSwitchTo(w->caller);
	int			n[4];

	memset(info, 0, sizeof(*info));
	info->snapshot_id = DatumGetInt64(mlops_write_result(0, 1));
	strlcpy(info->name, NameStr(*DatumGetName(mlops_write_result(0, 2))), NAMEDATALEN);
	info->owner = mlops_stored_role(DatumGetObjectId(mlops_write_result(0, 3)),
									NameStr(*DatumGetName(mlops_write_result(0, 4))),
									DatumGetInt64(mlops_write_result(0, 5)));
	strlcpy(info->store_key, TextDatumGetCString(mlops_write_result(0, 16)), MLOPS_STORE_KEY_LEN);
	info->nrows = DatumGetInt64(mlops_write_result(0, 6));
	info->bytes = DatumGetInt64(mlops_write_result(0, 7));
	info->names = load_texts(8, &n[0]);
	info->types = load_texts(9, &n[1]);
	info->is_key = load_flags(10, &n[2]);
	info->labels = load_texts(11, &n[3]);
	info->ncolumns = n[0];
	if (n[1] != n[0] || n[2] != n[0] || n[3] != n[0] || n[0] > MaxTupleAttributeNumber)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("snapshot is damaged")));
	info->key = mlops_write_isnull(0, 12) ? NULL :
		pstrdup(NameStr(*DatumGetName(mlops_write_result(0, 12))));
	info->created_at = DatumGetTimestampTz(mlops_write_result(0, 14));
	info->is_kept = !mlops_write_isnull(0, 15);
	if (info->is_kept)
		info->keep_until = DatumGetTimestampTz(mlops_write_result(0, 15));
	strlcpy(info->encoding, NameStr(*DatumGetName(mlops_write_result(0, 13))), NAMEDATALEN);
	MemoryContextSwitchTo(old);
}

void
mlops_snapshot_find(const char *name, MlSnapshotInfo *info)
{
	MlWriter	w;
	bool		found;

	mlops_name_check(name, "a snapshot");
	mlops_read_begin(&w);
	mlops_write_name(&w, name);
	found = mlops_write_run(&w, "SELECT " MLOPS_SNAPSHOT_COLUMNS
							" FROM mlops_private.snapshot WHERE name = $1") > 0;
	if (found)
		mlops_snapshot_load(&w, info);
	mlops_read_end(&w);
	if (found && !mlops_rights_own(info->owner, GetUserId()))
	{
		mlops_audit_denied("read", "snapshot", name);
		found = false;
	}
	if (!found)
		mlops_snapshot_deny(name);
}

TupleDesc
mlops_snapshot_desc(const MlSnapshotInfo *info)
{
	TupleDesc	desc = CreateTemplateTupleDesc(info->ncolumns);

	if (strcmp(info->encoding, GetDatabaseEncodingName()) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("snapshot \"%s\" was stored in another encoding", info->name),
				 errdetail("It has %s, the database has %s.", info->encoding,
						   GetDatabaseEncodingName())));
	for (int i = 0; i < info->ncolumns; i++)
	{
		Oid			type;
		int32		typmod;

		if (info->names[i] == NULL || info->types[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("snapshot is damaged")));
		parseTypeString(info->types[i], &type, &typmod, 0);
		TupleDescInitEntry(desc, i + 1, info->names[i], type, typmod, 0);
		TupleDescInitEntryCollation(desc, i + 1, get_typcollation(type));
	}
	return desc;
}

void
mlops_snapshot_hash(const char *store_key, const char *bytes, Size len, uint8 *hash)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

	/* with its terminating zero */
	if (pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) store_key, strlen(store_key) + 1) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) bytes, len) < 0 ||
		pg_cryptohash_final(ctx, hash, PG_SHA256_DIGEST_LENGTH) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute the SHA-256 of a snapshot: %s",
						pg_cryptohash_error(ctx))));
	pg_cryptohash_free(ctx);
}

char *
mlops_snapshot_unpack(const char *store_key, Datum content, const void *hash, Size *len)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(content);
	char	   *bytes = mlops_lz4_unpack(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed), len);
	uint8		actual[PG_SHA256_DIGEST_LENGTH];

	if (bytes != NULL)
		mlops_snapshot_hash(store_key, bytes, *len, actual);
	if (bytes == NULL || memcmp(actual, hash, PG_SHA256_DIGEST_LENGTH) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("snapshot is damaged")));
	return bytes;
}

/* The bytes of the part of this hash. */
static char *
read_part(const char *store_key, Datum hash, Size *len)
{
	struct varlena *h = PG_DETOAST_DATUM(hash);
	MlLookup	lookup;
	ScanKeyData key;
	char	   *bytes;

	ScanKeyInit(&key, PART_HASH, BTEqualStrategyNumber, F_BYTEAEQ, PointerGetDatum(h));
	mlops_lookup_begin(&lookup, PART_TABLE, PART_INDEX, PART_NATTS, 1, &key,
					   hash_bytes((unsigned char *) VARDATA(h), VARSIZE(h) - VARHDRSZ));
	if (lookup.tuple == NULL || VARSIZE(h) - VARHDRSZ != PG_SHA256_DIGEST_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("snapshot is damaged")));
	bytes = mlops_snapshot_unpack(store_key, mlops_lookup_column(&lookup, PART_CONTENT), VARDATA(h), len);
	mlops_lookup_end(&lookup);
	return bytes;
}

void
mlops_snapshot_scan(const MlSnapshotInfo *info, TupleDesc desc, MlSnapshotRow row, void *arg)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops snapshot",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext chunk_context = AllocSetContextCreate(context, "mlops snapshot chunk",
														ALLOCSET_DEFAULT_SIZES);
	MlChunkReader *reader = mlops_chunk_reader_make(desc, context);
	Datum	   *values = MemoryContextAlloc(context, sizeof(Datum) * Max(desc->natts, 1));
	bool	   *nulls = MemoryContextAlloc(context, sizeof(bool) * Max(desc->natts, 1));
	MlScan		scan;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, CHUNK_SNAPSHOT_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(info->snapshot_id));
	mlops_scan_begin(&scan, CHUNK_TABLE, CHUNK_INDEX, CHUNK_NATTS, 1, &key);
	while ((tuple = mlops_scan_next(&scan)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(chunk_context);
		Size		len;
		char	   *bytes = read_part(info->store_key, mlops_scan_column(&scan, tuple, CHUNK_HASH), &len);
		int			n = mlops_chunk_open(reader, bytes, len);

		MemoryContextSwitchTo(old);
		for (int i = 0; i < n; i++)
		{
			CHECK_EVERY_64K(i);
			mlops_chunk_row(reader, i, values, nulls);
			row(arg, values, nulls);
		}
		MemoryContextReset(chunk_context);
		CHECK_FOR_INTERRUPTS();
	}
	mlops_scan_end(&scan);
	MemoryContextDelete(context);
}

/* SELECT "a", ... FROM mlops.snapshot_rows('name') AS snapshot("a" type, ...) */
bool
mlops_snapshot_source(const char *text, MlStoredSource *stored)
{
	MlSnapshotInfo *info;
	StringInfoData sql;

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return false;
	info = palloc(sizeof(MlSnapshotInfo));
	mlops_snapshot_find(text + strlen(PREFIX), info);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (int i = 0; i < info->ncolumns; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", quote_identifier(info->names[i]));
	appendStringInfo(&sql, " FROM mlops.snapshot_rows('%s') AS snapshot(", info->name);
	for (int i = 0; i < info->ncolumns; i++)
		appendStringInfo(&sql, "%s%s %s", i > 0 ? ", " : "", quote_identifier(info->names[i]), info->types[i]);
	appendStringInfoChar(&sql, ')');
	stored->sql = sql.data;
	stored->is_key = info->is_key;
	stored->labels = (const char *const *) info->labels;
	return true;
}
