/*-------------------------------------------------------------------------
 *
 * audit_record.h
 *	  What the files of the audit trail share: the record format, and the
 *	  walk that checks a chain.
 *
 * Record format 1, hashed with SHA-256:
 *
 *	0x01, prev[32], u64be seq, i64be microseconds since 1970, u32be actor's oid,
 *	LP(actor), LP(session role), LP(action), LP(kind), LP(object), LP(outcome),
 *	commitment[32]
 *
 * LP is a u32be length and so many bytes of UTF-8; NULL is the length
 * 0xffffffff.  prev of the first record is SHA-256("mlops-audit-v1", the 16
 * bytes of the chain's uuid).  The commitment is HMAC-SHA-256 of the payload
 * under a random salt of its own, or zeros for no payload, so that a payload
 * can be erased and the chain still holds.
 *
 * IDENTIFICATION
 *	  src/gov/audit_record.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_AUDIT_RECORD_H
#define MLOPS_AUDIT_RECORD_H

#include "datatype/timestamp.h"
#include "utils/hsearch.h"

#include "mlops/audit.h"
#include "mlops/compat.h"
#include "mlops/store.h"

/* A string in the server's encoding, not terminated; NULL data is SQL's null. */
typedef struct MlAuditText
{
	const char *data;
	int			len;
} MlAuditText;

/* What is hashed of one event. */
typedef struct MlAuditRecord
{
	int64		seq;
	TimestampTz at;
	Oid			actor_oid;
	MlAuditText actor;
	MlAuditText session_role;
	MlAuditText action;
	MlAuditText kind;
	MlAuditText object;
	MlAuditText outcome;
	const uint8 *commitment;
} MlAuditRecord;

/* audit_add.c */

/* mlops_write_run() for a statement that changes or removes rows of the trail. */
extern uint64 mlops_audit_change(MlWriter *w, const char *sql);

/* SQL: is a hold on what the event "e" was done to, or on the trail? */
#define MLOPS_HELD_EVENT \
	"EXISTS (SELECT FROM mlops_private.legal_hold h WHERE h.released_at IS NULL" \
	" AND (h.kind = 'audit'" \
	" OR h.kind = 'snapshot' AND e.kind = 'snapshot' AND (h.object IS NULL OR h.object = e.object)" \
	" OR h.kind IN ('model', 'version') AND e.kind <> 'snapshot' AND (h.object IS NULL" \
	" OR substring(h.object FROM '^[^:@#]*') = substring(e.object FROM '^[^:@#]*'))))"

/* audit_record.c */

/* Contexts and a buffer for many hashes; to be ended in the same transaction. */
typedef struct MlAuditHasher MlAuditHasher;
extern MlAuditHasher *mlops_audit_hasher_begin(void);
extern void mlops_audit_hasher_end(MlAuditHasher *hasher);

/* prev of the first record of a chain. */
extern void mlops_audit_genesis(MlAuditHasher *hasher, const uint8 *chain, uint8 *out);

/* What a record says about its payload. */
extern void mlops_audit_commitment(MlAuditHasher *hasher, const uint8 *salt,
								   const void *payload, int len, uint8 *out);

/* The record's hash; prev and out may be the same bytes. */
extern void mlops_audit_hash(MlAuditHasher *hasher, const uint8 *prev,
							 const MlAuditRecord *record, uint8 *out);

/* audit_seal.c */

/* Become the one session that changes the chain, until the transaction ends; false if another is. */
extern bool mlops_audit_lock(MlWriter *w);

/* A hash in the last result; error XX001 if it has another length. */
extern void mlops_audit_result_hash(uint64 row, int column, uint8 *out);

/* audit_check.c */

/* A place of the chain that is known from elsewhere. */
typedef struct MlAuditAnchor
{
	int64		seq;
	uint8		hash[MLOPS_AUDIT_HASH];
} MlAuditAnchor;

/* One event as it is stored, with its payload. */
typedef struct MlAuditStored
{
	MlAuditRecord record;
	const uint8 *hash;
	int64		event_id;
	const uint8 *salt;			/* NULL: none */
	const void *payload;		/* NULL: none, or erased */
	int			payload_len;
} MlAuditStored;

/* A walk along a chain; all memory is the caller's current context. */
typedef struct MlAuditCheck
{
	MlAuditHasher *hasher;
	int64		seq;			/* of the last record that held */
	uint8		prev[MLOPS_AUDIT_HASH];
	int64		rows;			/* that held */
	const MlAuditAnchor *anchors;	/* by seq */
	int			nanchors;
	int			next_anchor;
	HTAB	   *erased;			/* numbers of events whose payload was erased and said so; NULL: none */
	int64		first_bad;		/* 0: nothing bad */
	char	   *reason;			/* palloc'd, or NULL */
} MlAuditCheck;

/* Start after record "seq", whose hash is in "prev" (0 and the genesis for a whole chain). */
extern void mlops_audit_check_begin(MlAuditCheck *check, int64 seq, const uint8 *prev,
									const MlAuditAnchor *anchors, int nanchors);

/* A payload that may be missing. */
extern void mlops_audit_check_erased(MlAuditCheck *check, int64 event_id);

/* The next event; false at the first that is bad. */
extern bool mlops_audit_check_next(MlAuditCheck *check, const MlAuditStored *stored);

/* After the last event: true if everything held. */
extern bool mlops_audit_check_end(MlAuditCheck *check);

#endif							/* MLOPS_AUDIT_RECORD_H */
