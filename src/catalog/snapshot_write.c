/*-------------------------------------------------------------------------
 *
 * snapshot_write.c
 *	  Taking, dropping and erasing from snapshots.
 *
 * The source is read as the current user; between its rows, whenever a chunk
 * is full, the chunk is written as the extension's owner.  One chunk is in
 * memory at a time.
 *
 * Parts are shared by snapshots of one owner.  Who takes a snapshot
 * locks the parts it finds there, so that nobody removes them before it
 * commits; who drops one removes what nobody refers to and nobody has locked.
 * What it leaves behind for that reason is removed by the next drop.
 *
 * IDENTIFICATION
 *	  src/catalog/snapshot_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/chunk.h"
#include "mlops/fingerprint.h"
#include "mlops/jsonb_out.h"
#include "mlops/label.h"
#include "mlops/retention.h"

#include "snapshot_private.h"

#define COMMAND "mlops.snapshot()"

typedef struct Writing
{
	int64		snapshot_id;
	char		store_key[MLOPS_STORE_KEY_LEN];
	int			seq;
	int64		bytes;
} Writing;

static void
write_texts(MlWriter *w, int n, const char *const *texts)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(n, 1));
	int			lower = 1;

	for (int i = 0; i < n; i++)
	{
		nulls[i] = texts[i] == NULL;
		elements[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	mlops_write_datum(w, TEXTARRAYOID,
					  PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &lower, TEXTOID, -1,
														 false, TYPALIGN_INT)));
}

static void
write_flags(MlWriter *w, int n, const bool *flags)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = BoolGetDatum(flags[i]);
	mlops_write_datum(w, BOOLARRAYOID,
					  PointerGetDatum(construct_array(elements, n, BOOLOID, 1, true, TYPALIGN_CHAR)));
}

/* Names and types of the columns; error for two of one name. */
static void
describe_columns(TupleDesc desc, const char **names, const char **types)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		names[i] = NameStr(att->attname);
		types[i] = format_type_extended(att->atttypid, att->atttypmod,
										FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
		for (int j = 0; j < i; j++)
		{
			if (strcmp(names[j], names[i]) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_AMBIGUOUS_COLUMN),
						 errmsg("column \"%s\" appears more than once", names[i])));
		}
	}
}

static void
check_key(TupleDesc desc, const char *key)
{
	for (int i = 0; key != NULL && i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), key) == 0)
			return;
	}
	if (key != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist", key)));
}

/* That of the snapshots that the caller owns, wherever they were taken, or a new one. */
static void
choose_store_key(MlWriter *w, char *out)
{
	mlops_write_role(w, w->role);
	if (mlops_write_run(w, "SELECT store_key FROM mlops_private.snapshot"
						" WHERE CASE WHEN owner_system = $3 THEN owner_oid = $1 ELSE owner_name = $2 END"
						" ORDER BY snapshot_id LIMIT 1") == 0)
		mlops_write_run(w, "SELECT gen_random_uuid()::text");
	strlcpy(out, TextDatumGetCString(mlops_write_result(0, 1)), MLOPS_STORE_KEY_LEN);
}

/* The snapshot's row, still without what its rows will say. */
static void
insert_row(MlSource *source, const MlNewSnapshot *s, Writing *writing)
{
	TupleDesc	desc = source->desc;
	int			n = desc->natts;
	const char **names = palloc(sizeof(char *) * Max(n, 1));
	const char **types = palloc(sizeof(char *) * Max(n, 1));
	const char *const *labels = mlops_source_labels(source);
	MlWriter	w;

	describe_columns(desc, names, types);
	check_key(desc, s->key);
	mlops_write_begin(&w, COMMAND);
	choose_store_key(&w, writing->store_key);
	mlops_write_name(&w, s->name);
	mlops_write_role(&w, w.role);
	mlops_write_text(&w, source->text);
	write_texts(&w, n, names);
	write_texts(&w, n, types);
	write_flags(&w, n, source->is_key);
	write_texts(&w, n, labels);
	mlops_write_name(&w, GetDatabaseEncodingName());
	mlops_write_name(&w, s->key);
	mlops_write_text(&w, s->note);
	mlops_write_name(&w, NameStr(w.role_name));
	if (s->is_kept)
		mlops_write_time(&w, s->keep_until);
	else
		mlops_write_null(&w, TIMESTAMPTZOID);
	mlops_write_text(&w, writing->store_key);
	if (mlops_write_run(&w, "INSERT INTO mlops_private.snapshot (name, owner_oid, owner_name, owner_system, source,"
						" column_names, column_types, column_keys, column_labels, encoding, key, note, created_by, keep_until, store_key)"
						" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
						" ON CONFLICT (name) DO NOTHING RETURNING snapshot_id") > 0)
		writing->snapshot_id = DatumGetInt64(mlops_write_result(0, 1));
	mlops_write_end(&w);
	if (writing->snapshot_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("snapshot \"%s\" already exists", s->name)));
}

void
mlops_snapshot_write_part(MlWriter *w, const uint8 *hash, const char *packed, Size len)
{
	mlops_write_bytea(w, hash, PG_SHA256_DIGEST_LENGTH);
	mlops_write_bytea(w, packed, (int) len);
	mlops_write_run(w, "INSERT INTO mlops_private.snapshot_part AS p (hash, content) VALUES ($1, $2)"
					" ON CONFLICT (hash) DO UPDATE SET content = p.content WHERE false");
}

static void
write_chunk(void *arg, const char *bytes, Size len, int nrows)
{
	Writing    *writing = (Writing *) arg;
	uint8		hash[PG_SHA256_DIGEST_LENGTH];
	Size		packed_len;
	char	   *packed = mlops_lz4_pack(bytes, len, &packed_len);
	MlWriter	w;

	mlops_snapshot_hash(writing->store_key, bytes, len, hash);
	mlops_write_begin(&w, COMMAND);
	mlops_snapshot_write_part(&w, hash, packed, packed_len);
	mlops_write_int8(&w, writing->snapshot_id);
	mlops_write_int4(&w, ++writing->seq);
	mlops_write_bytea(&w, hash, PG_SHA256_DIGEST_LENGTH);
	mlops_write_int4(&w, nrows);
	mlops_write_int4(&w, (int) packed_len);
	mlops_write_run(&w, "INSERT INTO mlops_private.snapshot_chunk (snapshot_id, seq, hash, rows, bytes)"
					" VALUES ($1, $2, $3, $4, $5)");
	mlops_write_end(&w);
	writing->bytes += packed_len;
}

static Jsonb *
describe(int64 nrows, const char *fingerprint)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "rows", nrows);
	if (fingerprint != NULL)
		mlops_jsonb_add_string(&state, "fingerprint", fingerprint);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Chunks that another snapshot of this owner has, too; of others' nothing is said. */
static int
count_shared(MlWriter *w, int64 snapshot_id)
{
	mlops_write_int8(w, snapshot_id);
	mlops_write_run(w, "SELECT count(*)::integer FROM mlops_private.snapshot_chunk c"
					" WHERE c.snapshot_id = $1 AND EXISTS"
					" (SELECT FROM mlops_private.snapshot_chunk o"
					"   JOIN mlops_private.snapshot s ON s.snapshot_id = o.snapshot_id"
					"   JOIN mlops_private.snapshot mine ON mine.snapshot_id = $1"
					"  WHERE o.hash = c.hash AND o.snapshot_id <> $1 AND s.store_key = mine.store_key)");
	return DatumGetInt32(mlops_write_result(0, 1));
}

void
mlops_snapshot_create(MlSource *source, MlNewSnapshot *s)
{
	Writing		writing;
	MlFingerSum sum;
	MlWriter	w;
	bool		has_policy;

	mlops_name_check(s->name, "a snapshot");
	memset(&writing, 0, sizeof(writing));
	insert_row(source, s, &writing);
	has_policy = mlops_chunk_read_source(source, write_chunk, &writing, &sum);
	s->nrows = sum.rows;
	s->bytes = writing.bytes;
	s->chunks = writing.seq;
	mlops_finger_text(&sum, s->fingerprint);

	mlops_write_begin(&w, COMMAND);
	mlops_write_int8(&w, writing.snapshot_id);
	mlops_write_int8(&w, s->nrows);
	mlops_write_int8(&w, s->bytes);
	mlops_write_text(&w, s->fingerprint);
	mlops_write_bool(&w, has_policy);
	/* the source may have called a function that drops it or erases from it */
	if (mlops_write_run(&w, "UPDATE mlops_private.snapshot SET rows = $2, bytes = $3, fingerprint = $4, row_security = $5"
						" WHERE snapshot_id = $1 AND $2 = (SELECT coalesce(sum(c.rows), 0)"
						" FROM mlops_private.snapshot_chunk c WHERE c.snapshot_id = $1)") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("snapshot \"%s\" was changed while it was taken", s->name)));
	s->shared_chunks = count_shared(&w, writing.snapshot_id);
	mlops_audit_add(&w, "snapshot.create", "snapshot", s->name, describe(s->nrows, s->fingerprint));
	mlops_write_end(&w);
}

void
mlops_snapshot_sweep(MlWriter *w)
{
	uint64		n = mlops_write_run(w, "SELECT p.hash FROM mlops_private.snapshot_part p WHERE NOT EXISTS"
									" (SELECT FROM mlops_private.snapshot_chunk c WHERE c.hash = p.hash)"
									" FOR UPDATE SKIP LOCKED");
	Datum	   *hashes = palloc(sizeof(Datum) * Max(n, 1));

	if (n == 0)
		return;
	for (uint64 i = 0; i < n; i++)
		hashes[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(mlops_write_result(i, 1)));
	/* under a newer snapshot than the one that chose them */
	mlops_write_datum(w, BYTEAARRAYOID,
					  PointerGetDatum(construct_array(hashes, (int) n, BYTEAOID, -1, false, TYPALIGN_INT)));
	mlops_write_run(w, "DELETE FROM mlops_private.snapshot_part p WHERE p.hash = ANY ($1) AND NOT EXISTS"
					" (SELECT FROM mlops_private.snapshot_chunk c WHERE c.hash = p.hash)");
}

void
mlops_snapshot_remove(MlWriter *w, int64 snapshot_id)
{
	mlops_write_int8(w, snapshot_id);
	mlops_write_run(w, "DELETE FROM mlops_private.snapshot_chunk WHERE snapshot_id = $1");
	mlops_write_int8(w, snapshot_id);
	mlops_write_run(w, "DELETE FROM mlops_private.snapshot WHERE snapshot_id = $1");
	mlops_snapshot_sweep(w);
}

/* May it go?  What was promised to be kept goes by the hand of the extension's owner alone. */
static void
check_retention(MlWriter *w, const MlSnapshotInfo *info)
{
	TimestampTz before;

	mlops_hold_check(w, "snapshot", info->name);
	if (mlops_rights_own(mlops_extension_owner(), w->role))
		return;
	if ((info->is_kept && info->keep_until > GetCurrentTransactionStartTimestamp()) ||
		(mlops_retention_minimum(w, "snapshots", &before) && info->created_at > before))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("snapshot \"%s\" must still be kept", info->name),
				 errdetail("The view mlops.snapshots says until when, or a retention rule does.")));
}

void
mlops_snapshot_drop(const char *name, MlSnapshotInfo *info)
{
	MlWriter	w;

	mlops_snapshot_find(name, info);
	mlops_write_begin(&w, "mlops.drop_snapshot()");
	mlops_write_int8(&w, info->snapshot_id);
	/* somebody may have dropped it, or given it another owner, since */
	if (mlops_write_run(&w, "SELECT " MLOPS_SNAPSHOT_COLUMNS
						" FROM mlops_private.snapshot WHERE snapshot_id = $1 FOR UPDATE") == 0)
		mlops_snapshot_deny(name);
	mlops_snapshot_load(&w, info);
	if (!mlops_rights_own(info->owner, w.role))
		mlops_snapshot_deny(name);
	check_retention(&w, info);
	mlops_snapshot_remove(&w, info->snapshot_id);
	mlops_audit_add(&w, "snapshot.drop", "snapshot", name, describe(info->nrows, NULL));
	mlops_write_end(&w);
}
