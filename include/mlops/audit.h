/*-------------------------------------------------------------------------
 *
 * audit.h
 *	  The chain of audit records: sealing and checking it.  Adding to the
 *	  trail is in gov.h.
 *
 * IDENTIFICATION
 *	  include/mlops/audit.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_AUDIT_CHAIN_H
#define MLOPS_AUDIT_CHAIN_H

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "mlops/compat.h"
#include "mlops/store.h"

#define MLOPS_AUDIT_HASH	32	/* bytes of a hash, a commitment and a salt */

/* audit_seal.c */

/* The end of the chain. */
typedef struct MlAuditHead
{
	bool		exists;			/* a chain was begun */
	pg_uuid_t	chain;
	int64		seq;			/* 0: nothing is sealed */
	uint8		hash[MLOPS_AUDIT_HASH];
	int64		system;			/* where its record was made */
} MlAuditHead;

typedef struct MlAuditSealing
{
	int64		sealed;			/* records added to the chain */
	bool		busy;			/* another session is sealing: nothing done */
	bool		more;			/* the limit was reached */
	MlAuditHead head;
} MlAuditSealing;

/*
 * Move pending events of committed transactions into the chain, up to
 * about "limit" of them, and anchor its end when that is due.  Never waits for another session's act.  Error 25001
 * in a transaction with a snapshot of its own (REPEATABLE READ).
 */
extern void mlops_audit_seal(MlWriter *w, int64 limit, MlAuditSealing *out);

/* Note the end of the chain if it has moved since the last time (an hour and 1000 records
 * apart unless "now"); in the session that sealed. */
extern void mlops_audit_anchor(MlWriter *w, const MlAuditHead *head, bool now);

/* The end of the chain as the statement's snapshot sees it. */
extern void mlops_audit_head(MlWriter *w, MlAuditHead *out);

/* audit_verify.c */

typedef struct MlAuditVerdict
{
	bool		ok;
	int64		rows;			/* that held */
	int64		first_bad;		/* 0: none */
	const char *reason;			/* NULL: none */
} MlAuditVerdict;

/*
 * Recompute the chain from what is stored and compare it with the anchors
 * that are stored and, unless anchor_seq is negative, one from elsewhere.
 */
extern void mlops_audit_verify(MlWriter *w, int64 anchor_seq, const uint8 *anchor_hash,
							   MlAuditVerdict *out);

#endif							/* MLOPS_AUDIT_CHAIN_H */
