/*-------------------------------------------------------------------------
 *
 * audit_seal.c
 *	  From pending events to the chain.
 *
 * An event is sealed once its transaction has committed: it is visible and not
 * our own.  What the sealer sees is moved, so nothing is sealed twice or
 * forgotten whatever the order of commits, and an open transaction holds back
 * its own events and no others: nobody can keep the chain from growing.  A
 * batch is in the order of (transaction, event); what was committed before
 * something else began comes before it in the chain, because whoever sees the
 * later one sees the earlier one too.
 *
 * One session seals at a time: it holds the lock on the one row of
 * audit_chain; another one that finds it locked leaves.
 *
 * Events of another cluster (before a restore or pg_upgrade) are sealed first,
 * in their own order, as the numbers of their transactions mean nothing here.
 * The first event of this cluster then follows a record that says so.
 *
 * Anchors are written to the log when the transaction has committed, not
 * before: one for records that were never there would look like tampering.
 *
 * IDENTIFICATION
 *	  src/gov/audit_seal.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/audit.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

#include "audit_record.h"

#define BATCH			10000
#define ANCHOR_EVENTS	1000
#define ANCHOR_AGE		(1 * USECS_PER_HOUR)

/* An anchor to be logged when the transaction commits. */
static struct
{
	bool		due;
	int			level;			/* of the subtransaction that it was written in */
	MlAuditHead head;
}			logged_anchor;

static void
log_anchor(void)
{
	const MlAuditHead *head = &logged_anchor.head;
	char		hash[2 * MLOPS_AUDIT_HASH + 1];
	char		chain[2 * UUID_LEN + 1];

	hex_encode((const char *) head->hash, MLOPS_AUDIT_HASH, hash);
	hash[2 * MLOPS_AUDIT_HASH] = '\0';
	hex_encode((const char *) head->chain.data, UUID_LEN, chain);
	chain[2 * UUID_LEN] = '\0';
	ereport(LOG_SERVER_ONLY,
			(errmsg("mlops audit anchor: seq=" INT64_FORMAT " hash=%s chain=%s",
					head->seq, hash, chain),
			 errhidestmt(true), errhidecontext(true)));
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && logged_anchor.due)
		log_anchor();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		logged_anchor.due = false;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (!logged_anchor.due || logged_anchor.level < level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		logged_anchor.due = false;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		logged_anchor.level = level - 1;
}

static void
write_anchor(MlWriter *w, const MlAuditHead *head)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		registered = true;
	}
	mlops_write_datum(w, UUIDOID, UUIDPGetDatum(&head->chain));
	mlops_write_int8(w, head->seq);
	mlops_write_bytea(w, head->hash, MLOPS_AUDIT_HASH);
	mlops_write_int8(w, mlops_this_system());
	mlops_write_int4(w, (int) GetWALInsertionTimeLine());
	mlops_write_run(w, "INSERT INTO mlops_private.audit_anchor"
					" (chain_id, seq, hash, system, timeline) VALUES ($1, $2, $3, $4, $5)");
	logged_anchor.due = true;
	logged_anchor.level = GetCurrentTransactionNestLevel();
	logged_anchor.head = *head;
}

void
mlops_audit_anchor(MlWriter *w, const MlAuditHead *head, bool now)
{
	TimestampTz last;

	if (head->seq == 0)
		return;
	mlops_write_datum(w, UUIDOID, UUIDPGetDatum(&head->chain));
	if (mlops_write_run(w, "SELECT seq, at FROM mlops_private.audit_anchor"
						" WHERE chain_id = $1 ORDER BY anchor_id DESC LIMIT 1") > 0)
	{
		if (DatumGetInt64(mlops_write_result(0, 1)) == head->seq)
			return;
		last = DatumGetTimestampTz(mlops_write_result(0, 2));
		now = now || head->seq - DatumGetInt64(mlops_write_result(0, 1)) >= ANCHOR_EVENTS ||
			GetCurrentTimestamp() - last >= ANCHOR_AGE;
	}
	else
		now = true;
	if (now)
		write_anchor(w, head);
}

void
mlops_audit_result_hash(uint64 row, int column, uint8 *out)
{
	bytea	   *value = DatumGetByteaPP(mlops_write_result(row, column));

	if (VARSIZE_ANY_EXHDR(value) != MLOPS_AUDIT_HASH)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a hash in the audit trail has a wrong length")));
	memcpy(out, VARDATA_ANY(value), MLOPS_AUDIT_HASH);
}

void
mlops_audit_head(MlWriter *w, MlAuditHead *out)
{
	memset(out, 0, sizeof(MlAuditHead));
	if (mlops_write_run(w, "SELECT chain_id, start_seq, start_hash, start_system"
						" FROM mlops_private.audit_chain") == 0)
		return;
	out->exists = true;
	out->chain = *DatumGetUUIDP(mlops_write_result(0, 1));
	out->seq = DatumGetInt64(mlops_write_result(0, 2));
	mlops_audit_result_hash(0, 3, out->hash);
	out->system = DatumGetInt64(mlops_write_result(0, 4));
	if (mlops_write_run(w, "SELECT seq, hash, system FROM mlops_private.audit_event"
						" ORDER BY seq DESC LIMIT 1") == 0)
		return;
	out->seq = DatumGetInt64(mlops_write_result(0, 1));
	mlops_audit_result_hash(0, 2, out->hash);
	out->system = DatumGetInt64(mlops_write_result(0, 3));
}

static void
begin_chain(MlWriter *w)
{
	MlAuditHasher *hasher = mlops_audit_hasher_begin();
	pg_uuid_t	chain;
	uint8		genesis[MLOPS_AUDIT_HASH];

	mlops_write_run(w, "SELECT pg_catalog.gen_random_uuid()");
	chain = *DatumGetUUIDP(mlops_write_result(0, 1));
	mlops_audit_genesis(hasher, chain.data, genesis);
	mlops_audit_hasher_end(hasher);
	mlops_write_datum(w, UUIDOID, UUIDPGetDatum(&chain));
	mlops_write_bytea(w, genesis, sizeof(genesis));
	mlops_write_int8(w, mlops_this_system());
	mlops_write_run(w, "INSERT INTO mlops_private.audit_chain (chain_id, start_hash, start_system)"
					" VALUES ($1, $2, $3) ON CONFLICT (one) DO NOTHING");
}

bool
mlops_audit_lock(MlWriter *w)
{
	static const char *const lock =
	"SELECT 1 FROM mlops_private.audit_chain FOR UPDATE SKIP LOCKED";

	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("the audit trail cannot be sealed in a REPEATABLE READ or SERIALIZABLE transaction"),
				 errhint("Use READ COMMITTED.")));
	if (mlops_write_run(w, lock) > 0)
		return true;
	if (mlops_write_run(w, "SELECT 1 FROM mlops_private.audit_chain") > 0)
		return false;
	begin_chain(w);
	return mlops_write_run(w, lock) > 0;
}

/* The events that can be sealed, in order: those of this cluster, or those of others. */
#define EVENT_COLUMNS \
	"event_id, at, actor_oid, actor, session_role, action, kind, object, outcome, commitment, system"

static const char *const own_events =
"SELECT " EVENT_COLUMNS " FROM mlops_private.audit_pending"
" WHERE system = $1 AND log_xid IS DISTINCT FROM pg_current_xact_id_if_assigned()"
" ORDER BY log_xid, event_id LIMIT $2";

static const char *const foreign_events =
"SELECT " EVENT_COLUMNS " FROM mlops_private.audit_pending WHERE system <> $1"
" ORDER BY min(event_id) OVER (PARTITION BY system), log_xid, event_id LIMIT $2";

static MlAuditText
result_text(uint64 row, int column, bool is_name)
{
	MlAuditText out = {NULL, 0};

	if (mlops_write_isnull(row, column))
		return out;
	if (is_name)
	{
		out.data = NameStr(*DatumGetName(mlops_write_result(row, column)));
		out.len = strlen(out.data);
	}
	else
	{
		text	   *value = DatumGetTextPP(mlops_write_result(row, column));

		out.data = VARDATA_ANY(value);
		out.len = VARSIZE_ANY_EXHDR(value);
	}
	return out;
}

/* The hash of the event in row "row" of the last result, as record head->seq + 1. */
static void
chain_event(MlAuditHasher *hasher, MlAuditHead *head, uint64 row)
{
	MlAuditRecord record;
	uint8		commitment[MLOPS_AUDIT_HASH];

	record.seq = ++head->seq;
	record.at = DatumGetTimestampTz(mlops_write_result(row, 2));
	record.actor_oid = DatumGetObjectId(mlops_write_result(row, 3));
	record.actor = result_text(row, 4, true);
	record.session_role = result_text(row, 5, true);
	record.action = result_text(row, 6, false);
	record.kind = result_text(row, 7, false);
	record.object = result_text(row, 8, false);
	record.outcome = result_text(row, 9, false);
	mlops_audit_result_hash(row, 10, commitment);
	record.commitment = commitment;
	mlops_audit_hash(hasher, head->hash, &record, head->hash);
	head->system = DatumGetInt64(mlops_write_result(row, 11));
}

/* Move the events whose numbers and hashes are given, the first as record "first". */
static void
move_events(MlWriter *w, Datum *ids, Datum *hashes, int n, int64 first)
{
	mlops_write_datum(w, INT8ARRAYOID,
					  PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64),
													  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
	mlops_write_datum(w, BYTEAARRAYOID,
					  PointerGetDatum(construct_array(hashes, n, BYTEAOID, -1, false,
													  TYPALIGN_INT)));
	mlops_write_int8(w, first - 1);
	if (mlops_audit_change(w, "WITH gone AS ("
						   "DELETE FROM mlops_private.audit_pending WHERE event_id = ANY ($1) RETURNING *)"
						   " INSERT INTO mlops_private.audit_event (seq, event_id, system, log_xid, at,"
						   " started, actor_oid, actor, session_role, action, kind, object, outcome,"
						   " commitment, hash)"
						   " SELECT $3 + o.ordinality, event_id, system, log_xid, at, started, actor_oid,"
						   " actor, session_role, action, kind, object, outcome, commitment, o.hash"
						   " FROM unnest($1, $2) WITH ORDINALITY AS o (id, hash, ordinality)"
						   " JOIN gone ON gone.event_id = o.id") != (uint64) n)
		elog(ERROR, "not all events to be sealed are there");
}

/* Seal what the query gives, at most "limit" events, with memory of "context"; returns how many. */
static int
seal_batch(MlWriter *w, MlAuditHead *head, const char *query, int limit, MemoryContext context)
{
	MlAuditHasher *hasher;
	MemoryContext old;
	int64		first = head->seq + 1;
	Datum	   *ids;
	Datum	   *hashes;
	int			n;

	mlops_write_int8(w, mlops_this_system());
	mlops_write_int8(w, limit);
	n = (int) mlops_write_run(w, query);
	if (n == 0)
		return 0;
	old = MemoryContextSwitchTo(context);
	ids = palloc(n * sizeof(Datum));
	hashes = palloc(n * sizeof(Datum));
	hasher = mlops_audit_hasher_begin();
	for (int i = 0; i < n; i++)
	{
		bytea	   *hash = palloc(VARHDRSZ + MLOPS_AUDIT_HASH);

		chain_event(hasher, head, i);
		SET_VARSIZE(hash, VARHDRSZ + MLOPS_AUDIT_HASH);
		memcpy(VARDATA(hash), head->hash, MLOPS_AUDIT_HASH);
		ids[i] = Int64GetDatum(DatumGetInt64(mlops_write_result(i, 1)));
		hashes[i] = PointerGetDatum(hash);
	}
	mlops_audit_hasher_end(hasher);
	SPI_freetuptable(SPI_tuptable);
	move_events(w, ids, hashes, n, first);
	MemoryContextSwitchTo(old);
	return n;
}

/* The same in batches, each with memory of its own. */
static int64
seal_events(MlWriter *w, MlAuditHead *head, const char *query, int64 limit)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops audit seal",
												  ALLOCSET_DEFAULT_SIZES);
	int64		sealed = 0;
	int			want;
	int			n;

	do
	{
		CHECK_FOR_INTERRUPTS();
		want = (int) Min(BATCH, limit - sealed);
		n = seal_batch(w, head, query, want, context);
		sealed += n;
		MemoryContextReset(context);
	} while (n == want && sealed < limit);
	MemoryContextDelete(context);
	return sealed;
}

/* A record that the cluster is another one, sealed at once; how many were. */
static int64
seal_incarnation(MlWriter *w, MlAuditHead *head)
{
	JsonbParseState *state = NULL;
	int64		event_id;

	if (head->seq == 0 || head->system == mlops_this_system())
		return 0;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "previous", psprintf(UINT64_FORMAT, (uint64) head->system));
	mlops_jsonb_add_string(&state, "system", psprintf(UINT64_FORMAT, (uint64) mlops_this_system()));
	mlops_audit_add(w, "system.incarnation", "system", NULL,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	mlops_write_run(w, "SELECT currval('mlops_private.audit_event_id_seq')");
	event_id = DatumGetInt64(mlops_write_result(0, 1));
	return seal_events(w, head,
					   psprintf("SELECT " EVENT_COLUMNS " FROM mlops_private.audit_pending"
								" WHERE system = $1 AND event_id = " INT64_FORMAT " LIMIT $2",
								event_id), 2);
}

void
mlops_audit_seal(MlWriter *w, int64 limit, MlAuditSealing *out)
{
	memset(out, 0, sizeof(MlAuditSealing));
	if (!mlops_audit_lock(w))
	{
		out->busy = true;
		mlops_audit_head(w, &out->head);
		return;
	}
	mlops_audit_head(w, &out->head);
	out->sealed = seal_events(w, &out->head, foreign_events, limit);
	if (out->sealed < limit)
	{
		out->sealed += seal_incarnation(w, &out->head);
		out->sealed += seal_events(w, &out->head, own_events, Max(limit - out->sealed, 1));
	}
	out->more = out->sealed >= limit;
	mlops_audit_anchor(w, &out->head, false);
}
