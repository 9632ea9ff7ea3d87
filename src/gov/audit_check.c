/*-------------------------------------------------------------------------
 *
 * audit_check.c
 *	  The walk along a chain of audit records.
 *
 * A chain proves that nothing between two known places was changed.  It
 * cannot prove that its end is still there, nor that the whole was not
 * written anew: for that it is compared with anchors, places of the chain
 * that were noted elsewhere.
 *
 * IDENTIFICATION
 *	  src/gov/audit_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit_record.h"

static const uint8 no_payload[MLOPS_AUDIT_HASH] = {0};

static bool
bad(MlAuditCheck *check, const char *what, int64 seq)
{
	check->first_bad = seq;
	check->reason = psprintf("%s " INT64_FORMAT, what, seq);
	return false;
}

static bool
differs(MlAuditCheck *check, int64 seq)
{
	check->first_bad = seq;
	check->reason = pstrdup("truncated or replaced: head differs from anchor");
	return false;
}

void
mlops_audit_check_begin(MlAuditCheck *check, int64 seq, const uint8 *prev,
						const MlAuditAnchor *anchors, int nanchors)
{
	memset(check, 0, sizeof(MlAuditCheck));
	check->hasher = mlops_audit_hasher_begin();
	check->seq = seq;
	memcpy(check->prev, prev, MLOPS_AUDIT_HASH);
	check->anchors = anchors;
	check->nanchors = nanchors;
	while (check->reason == NULL && check->next_anchor < nanchors &&
		   anchors[check->next_anchor].seq <= seq)
	{
		const MlAuditAnchor *anchor = &anchors[check->next_anchor++];

		if (anchor->seq == seq && memcmp(anchor->hash, prev, MLOPS_AUDIT_HASH) != 0)
			(void) differs(check, seq);
	}
}

void
mlops_audit_check_erased(MlAuditCheck *check, int64 event_id)
{
	HASHCTL		control;

	if (check->erased == NULL)
	{
		control.keysize = sizeof(int64);
		control.entrysize = sizeof(int64);
		control.hcxt = CurrentMemoryContext;
		check->erased = hash_create("erased audit payloads", 256, &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(check->erased, &event_id, HASH_ENTER, NULL);
}

/* Does the payload fit what the record says about it? */
static bool
payload_holds(MlAuditCheck *check, const MlAuditStored *stored)
{
	const uint8 *commitment = stored->record.commitment;
	uint8		computed[MLOPS_AUDIT_HASH];

	if (stored->payload == NULL)
		return memcmp(commitment, no_payload, MLOPS_AUDIT_HASH) == 0 ||
			(check->erased != NULL &&
			 hash_search(check->erased, &stored->event_id, HASH_FIND, NULL) != NULL);
	if (stored->salt == NULL)
		return false;
	mlops_audit_commitment(check->hasher, stored->salt, stored->payload,
						   stored->payload_len, computed);
	return memcmp(commitment, computed, MLOPS_AUDIT_HASH) == 0;
}

bool
mlops_audit_check_next(MlAuditCheck *check, const MlAuditStored *stored)
{
	int64		seq = check->seq + 1;

	if (check->reason != NULL)
		return false;
	if (stored->record.seq != seq)
		return bad(check, "bad seq at position", seq);
	mlops_audit_hash(check->hasher, check->prev, &stored->record, check->prev);
	if (memcmp(check->prev, stored->hash, MLOPS_AUDIT_HASH) != 0)
		return bad(check, "bad hash at", seq);
	if (!payload_holds(check, stored))
		return bad(check, "bad payload at", seq);
	for (; check->next_anchor < check->nanchors; check->next_anchor++)
	{
		const MlAuditAnchor *anchor = &check->anchors[check->next_anchor];

		if (anchor->seq > seq)
			break;
		if (anchor->seq == seq &&
			memcmp(anchor->hash, check->prev, MLOPS_AUDIT_HASH) != 0)
			return differs(check, seq);
	}
	check->seq = seq;
	check->rows++;
	return true;
}

bool
mlops_audit_check_end(MlAuditCheck *check)
{
	if (check->reason == NULL && check->next_anchor < check->nanchors &&
		check->anchors[check->next_anchor].seq > check->seq)
		differs(check, check->seq + 1);
	mlops_audit_hasher_end(check->hasher);
	return check->reason == NULL;
}
