/*-------------------------------------------------------------------------
 *
 * audit_verify.c
 *	  Checking the chain that is stored.
 *
 * Everything is recomputed from the tables under one snapshot; nothing that
 * they say of themselves is believed but what the chain bears out.  A payload
 * may be missing only if an erasure that is itself on record says so, and the
 * chain may begin later than its genesis only if retention says so.
 *
 * IDENTIFICATION
 *	  src/gov/audit_verify.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "mlops/audit.h"
#include "mlops/gov.h"

#include "audit_record.h"

PG_FUNCTION_INFO_V1(mlops_audit_check);

#define FETCH			2000

/* Columns of a stored event as the queries here give them. */
enum
{
	EVENT_SEQ, EVENT_ID, EVENT_AT, EVENT_ACTOR_OID, EVENT_ACTOR, EVENT_SESSION_ROLE,
	EVENT_ACTION, EVENT_KIND, EVENT_OBJECT, EVENT_OUTCOME, EVENT_COMMITMENT, EVENT_HASH,
	EVENT_SALT, EVENT_PAYLOAD, EVENT_COLUMNS
};

static const char *const all_events =
"SELECT e.seq, e.event_id, e.at, e.actor_oid, e.actor, e.session_role, e.action, e.kind,"
" e.object, e.outcome, e.commitment, e.hash, p.salt, p.payload"
" FROM mlops_private.audit_event e"
" LEFT JOIN mlops_private.audit_payload p ON p.event_id = e.event_id"
" ORDER BY e.seq";

static MlAuditText
from_name(Datum value, bool isnull)
{
	MlAuditText text = {NULL, 0};

	if (!isnull)
	{
		text.data = NameStr(*DatumGetName(value));
		text.len = strlen(text.data);
	}
	return text;
}

static MlAuditText
from_varlena(Datum value, bool isnull)
{
	MlAuditText text = {NULL, 0};

	if (!isnull)
	{
		struct varlena *detoasted = PG_DETOAST_DATUM_PACKED(value);

		text.data = VARDATA_ANY(detoasted);
		text.len = VARSIZE_ANY_EXHDR(detoasted);
	}
	return text;
}

/* A hash, commitment or salt; NULL if it is none. */
static const uint8 *
hash_bytes_of(Datum value, bool isnull)
{
	MlAuditText bytes = from_varlena(value, isnull);

	return bytes.len == MLOPS_AUDIT_HASH ? (const uint8 *) bytes.data : NULL;
}

static void
take_event(const Datum *values, const bool *nulls, MlAuditStored *out)
{
	static const uint8 nothing[MLOPS_AUDIT_HASH] = {0};
	MlAuditRecord *record = &out->record;
	MlAuditText payload = from_varlena(values[EVENT_PAYLOAD], nulls[EVENT_PAYLOAD]);

	record->seq = DatumGetInt64(values[EVENT_SEQ]);
	record->at = DatumGetTimestampTz(values[EVENT_AT]);
	record->actor_oid = DatumGetObjectId(values[EVENT_ACTOR_OID]);
	record->actor = from_name(values[EVENT_ACTOR], nulls[EVENT_ACTOR]);
	record->session_role = from_name(values[EVENT_SESSION_ROLE], nulls[EVENT_SESSION_ROLE]);
	record->action = from_varlena(values[EVENT_ACTION], nulls[EVENT_ACTION]);
	record->kind = from_varlena(values[EVENT_KIND], nulls[EVENT_KIND]);
	record->object = from_varlena(values[EVENT_OBJECT], nulls[EVENT_OBJECT]);
	record->outcome = from_varlena(values[EVENT_OUTCOME], nulls[EVENT_OUTCOME]);
	record->commitment = hash_bytes_of(values[EVENT_COMMITMENT], nulls[EVENT_COMMITMENT]);
	out->hash = hash_bytes_of(values[EVENT_HASH], nulls[EVENT_HASH]);
	/* of a wrong length: cannot be what was hashed */
	if (record->commitment == NULL)
		record->commitment = nothing;
	if (out->hash == NULL)
		out->hash = nothing;
	out->event_id = DatumGetInt64(values[EVENT_ID]);
	out->salt = hash_bytes_of(values[EVENT_SALT], nulls[EVENT_SALT]);
	out->payload = payload.data;
	out->payload_len = payload.len;
}

/* Walk along everything that is sealed. */
static void
check_events(MlAuditCheck *check)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops audit verify",
												  ALLOCSET_DEFAULT_SIZES);
	Portal		portal = SPI_cursor_open_with_args(NULL, all_events, 0, NULL, NULL, NULL,
												   true,
												   CURSOR_OPT_NO_SCROLL | CURSOR_OPT_FAST_PLAN);
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];
	bool		holds = true;

	while (holds)
	{
		SPITupleTable *table;
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH);
		table = SPI_tuptable;
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(context);
		for (uint64 i = 0; holds && i < SPI_processed; i++)
		{
			MlAuditStored stored;

			heap_deform_tuple(table->vals[i], table->tupdesc, values, nulls);
			take_event(values, nulls, &stored);
			holds = mlops_audit_check_next(check, &stored);
		}
		MemoryContextSwitchTo(old);
		if (check->reason)
			check->reason = pstrdup(check->reason);
		MemoryContextReset(context);
		SPI_freetuptable(table);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(context);
}

/* The value of a key of an object, or NULL. */
static JsonbValue *
json_key(Jsonb *object, const char *key)
{
	return getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL);
}

/*
 * Take in what the payload of an act on the trail says was removed; true if it
 * is that the chain starts where it does.
 */
static bool
take_declaration(MlAuditText *payload, MlAuditCheck *check, int64 start_seq,
				 const char *start_hash)
{
	char	   *text = pnstrdup(payload->data, payload->len);
	Jsonb	   *object;
	JsonbValue *value;
	JsonbValue *hash;

	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		text = pg_any_to_server(text, payload->len, PG_UTF8);
	object = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	if (!JB_ROOT_IS_OBJECT(object))
		return false;
	value = json_key(object, "events");
	if (value && value->type == jbvBinary)
	{
		JsonbIterator *it = JsonbIteratorInit(value->val.binary.data);
		JsonbValue	element;
		JsonbIteratorToken token;

		while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
			if (token == WJB_ELEM && element.type == jbvNumeric)
				mlops_audit_check_erased(check,
										 DatumGetInt64(DirectFunctionCall1(numeric_int8,
																		   NumericGetDatum(element.val.numeric))));
	}
	value = json_key(object, "start_seq");
	hash = json_key(object, "start_hash");
	return value && value->type == jbvNumeric && hash && hash->type == jbvString &&
		DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric))) == start_seq &&
		hash->val.string.len == (int) strlen(start_hash) &&
		memcmp(hash->val.string.val, start_hash, hash->val.string.len) == 0;
}

/*
 * What acts on the trail itself say was removed from it: erased payloads, and
 * the start of the chain.  Only payloads that are what their record says count.
 * Returns whether retention declared the start.
 */
static bool
read_declarations(MlWriter *w, MlAuditCheck *check, int64 start_seq, const uint8 *start_hash)
{
	char		start[2 * MLOPS_AUDIT_HASH + 1];
	bool		declared = start_seq == 0;
	uint64		n;

	hex_encode((const char *) start_hash, MLOPS_AUDIT_HASH, start);
	start[2 * MLOPS_AUDIT_HASH] = '\0';
	n = mlops_write_run(w, "SELECT e.commitment, p.salt, p.payload, e.action"
						" FROM (SELECT event_id, action, commitment FROM mlops_private.audit_event"
						" UNION ALL SELECT event_id, action, commitment FROM mlops_private.audit_pending) e"
						" JOIN mlops_private.audit_payload p ON p.event_id = e.event_id"
						" WHERE e.action IN ('subject.erase', 'retention.apply')"
						" AND p.salt IS NOT NULL AND p.payload IS NOT NULL");
	for (uint64 i = 0; i < n; i++)
	{
		const uint8 *commitment = hash_bytes_of(mlops_write_result(i, 1), false);
		const uint8 *salt = hash_bytes_of(mlops_write_result(i, 2), false);
		MlAuditText payload = from_varlena(mlops_write_result(i, 3), false);
		uint8		computed[MLOPS_AUDIT_HASH];

		if (commitment == NULL || salt == NULL)
			continue;
		mlops_audit_commitment(check->hasher, salt, payload.data, payload.len, computed);
		if (memcmp(commitment, computed, MLOPS_AUDIT_HASH) != 0)
			continue;
		if (take_declaration(&payload, check, start_seq, start))
			declared = true;
	}
	return declared;
}

static int
compare_anchors(const void *a, const void *b)
{
	int64		left = ((const MlAuditAnchor *) a)->seq;
	int64		right = ((const MlAuditAnchor *) b)->seq;

	return left < right ? -1 : left > right;
}

/*
 * The stored anchors by number, and one from elsewhere; *n: how many.  One of
 * another chain gets a hash that nothing has.
 */
static MlAuditAnchor *
read_anchors(MlWriter *w, const pg_uuid_t *chain, int64 anchor_seq,
			 const uint8 *anchor_hash, int *n)
{
	MlAuditAnchor *anchors;
	uint64		rows;

	mlops_write_datum(w, UUIDOID, UUIDPGetDatum(chain));
	rows = mlops_write_run(w, "SELECT seq, CASE WHEN chain_id = $1 THEN hash ELSE '' END"
						   " FROM mlops_private.audit_anchor");
	anchors = palloc_extended((rows + 1) * sizeof(MlAuditAnchor), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < rows; i++)
	{
		const uint8 *hash = hash_bytes_of(mlops_write_result(i, 2), false);

		anchors[i].seq = DatumGetInt64(mlops_write_result(i, 1));
		memset(anchors[i].hash, 0, MLOPS_AUDIT_HASH);
		if (hash)
			memcpy(anchors[i].hash, hash, MLOPS_AUDIT_HASH);
	}
	if (anchor_seq >= 0)
	{
		anchors[rows].seq = anchor_seq;
		memcpy(anchors[rows].hash, anchor_hash, MLOPS_AUDIT_HASH);
		rows++;
	}
	qsort(anchors, rows, sizeof(MlAuditAnchor), compare_anchors);
	*n = (int) rows;
	return anchors;
}

/* After which record the stored one starts: the genesis, or what retention kept. */
static bool
read_start(MlWriter *w, pg_uuid_t *chain, int64 *seq, uint8 *hash)
{
	const uint8 *stored;

	if (mlops_write_run(w, "SELECT chain_id, start_seq, start_hash FROM mlops_private.audit_chain") == 0)
		return false;
	*chain = *DatumGetUUIDP(mlops_write_result(0, 1));
	*seq = DatumGetInt64(mlops_write_result(0, 2));
	stored = hash_bytes_of(mlops_write_result(0, 3), false);
	memset(hash, 0, MLOPS_AUDIT_HASH);
	if (*seq == 0)
	{
		MlAuditHasher *hasher = mlops_audit_hasher_begin();

		mlops_audit_genesis(hasher, chain->data, hash);
		mlops_audit_hasher_end(hasher);
	}
	else if (stored)
		memcpy(hash, stored, MLOPS_AUDIT_HASH);
	return true;
}

/* Is there anything where no chain was begun? */
static void
verify_nothing(MlWriter *w, int64 anchor_seq, MlAuditVerdict *out)
{
	bool		empty = mlops_write_run(w, "SELECT 1 FROM mlops_private.audit_event LIMIT 1") == 0 &&
	mlops_write_run(w, "SELECT 1 FROM mlops_private.audit_anchor LIMIT 1") == 0;

	out->ok = empty && anchor_seq <= 0;
	if (!out->ok)
	{
		out->first_bad = 1;
		out->reason = "truncated or replaced: head differs from anchor";
	}
}

/* What is palloc'd in between is SPI's and goes with it, but for the verdict. */
void
mlops_audit_verify(MlWriter *w, int64 anchor_seq, const uint8 *anchor_hash,
				   MlAuditVerdict *out)
{
	MlAuditCheck check;
	MlAuditAnchor *anchors;
	pg_uuid_t	chain;
	int64		start_seq;
	uint8		start_hash[MLOPS_AUDIT_HASH];
	int			nanchors;

	memset(out, 0, sizeof(MlAuditVerdict));
	if (!read_start(w, &chain, &start_seq, start_hash))
	{
		verify_nothing(w, anchor_seq, out);
		return;
	}
	anchors = read_anchors(w, &chain, anchor_seq, anchor_hash, &nanchors);
	mlops_audit_check_begin(&check, start_seq, start_hash, anchors, nanchors);
	if (!read_declarations(w, &check, start_seq, start_hash))
	{
		check.first_bad = start_seq + 1;
		check.reason = "the start of the chain is not on record";
	}
	else
		check_events(&check);
	out->ok = mlops_audit_check_end(&check);
	out->rows = check.rows;
	out->first_bad = check.first_bad;
	if (check.reason)
		out->reason = MemoryContextStrdup(w->caller, check.reason);
}

/* The attributes of a row value, for as long as it lives. */
static void
take_row(Datum row, int natts, Datum *values, bool *nulls)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											  HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple;

	if (desc->natts != natts)
		elog(ERROR, "row has %d columns, expected %d", desc->natts, natts);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, desc, values, nulls);
	ReleaseTupleDesc(desc);
}

/*
 * mlops_private.audit_check(chain, events, erased, anchor_seq, anchor_hash):
 * the same walk over events given in any order, each a row of the columns
 * above; NULL if everything holds, else why not.  For tests.
 */
Datum
mlops_audit_check(PG_FUNCTION_ARGS)
{
	ArrayType  *events = PG_GETARG_ARRAYTYPE_P(1);
	ArrayType  *erased = PG_GETARG_ARRAYTYPE_P(2);
	const uint8 *anchor_hash = hash_bytes_of(PG_GETARG_DATUM(4), false);
	MlAuditAnchor anchor;
	MlAuditCheck check;
	uint8		genesis[MLOPS_AUDIT_HASH];
	MlAuditHasher *hasher = mlops_audit_hasher_begin();
	Datum	   *items;
	int			n;

	if (anchor_hash == NULL)
		elog(ERROR, "the anchor's hash has a wrong length");
	mlops_audit_genesis(hasher, PG_GETARG_UUID_P(0)->data, genesis);
	mlops_audit_hasher_end(hasher);
	anchor.seq = PG_GETARG_INT64(3);
	memcpy(anchor.hash, anchor_hash, MLOPS_AUDIT_HASH);
	mlops_audit_check_begin(&check, 0, genesis, &anchor, 1);
	deconstruct_array(erased, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &items, NULL, &n);
	for (int i = 0; i < n; i++)
		mlops_audit_check_erased(&check, DatumGetInt64(items[i]));
	deconstruct_array(events, ARR_ELEMTYPE(events), -1, false, TYPALIGN_DOUBLE,
					  &items, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		Datum		values[EVENT_COLUMNS];
		bool		nulls[EVENT_COLUMNS];
		MlAuditStored stored;

		take_row(items[i], EVENT_COLUMNS, values, nulls);
		take_event(values, nulls, &stored);
		if (!mlops_audit_check_next(&check, &stored))
			break;
	}
	if (mlops_audit_check_end(&check))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(check.reason));
}
