/*-------------------------------------------------------------------------
 *
 * audit_retention.c
 *	  Removing the beginning of the audit trail.
 *
 * Only a beginning can go: the chain then starts after the last record that
 * went.  That record's place is noted as an anchor first, and the act of
 * removing is itself on record with it, so that verifying believes the new
 * start and no other.
 *
 * IDENTIFICATION
 *	  src/gov/audit_retention.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "mlops/audit.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/retention.h"

#include "audit_record.h"

/* The last record that may go, all before it being due too; 0 for none. */
static int64
last_due(MlWriter *w, TimestampTz before, const MlAuditHead *head)
{
	mlops_write_time(w, before);
	if (mlops_write_run(w, "SELECT seq FROM mlops_private.audit_event WHERE at >= $1"
						" ORDER BY seq LIMIT 1") == 0)
		return head->seq;
	return DatumGetInt64(mlops_write_result(0, 1)) - 1;
}

/* The first record up to "last" that a hold is on, 0 for none. */
static int64
first_held(MlWriter *w, int64 last)
{
	mlops_write_int8(w, last);
	if (mlops_write_run(w, "SELECT e.seq FROM mlops_private.audit_event e"
						" WHERE e.seq <= $1 AND " MLOPS_HELD_EVENT
						" ORDER BY e.seq LIMIT 1") == 0)
		return 0;
	return DatumGetInt64(mlops_write_result(0, 1));
}

static void
record_start(MlWriter *w, const MlAuditHead *start, int64 removed)
{
	JsonbParseState *state = NULL;
	char		hash[2 * MLOPS_AUDIT_HASH + 1];

	hex_encode((const char *) start->hash, MLOPS_AUDIT_HASH, hash);
	hash[2 * MLOPS_AUDIT_HASH] = '\0';
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "removed", removed);
	mlops_jsonb_add_integer(&state, "start_seq", start->seq);
	mlops_jsonb_add_string(&state, "start_hash", hash);
	mlops_audit_add(w, "retention.apply", "retention", "audit",
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* Remove records up to "last", which is there. */
static int64
remove_beginning(MlWriter *w, const MlAuditHead *head, int64 last)
{
	MlAuditHead start = *head;
	int64		removed;

	mlops_write_int8(w, last);
	mlops_write_run(w, "SELECT hash, system FROM mlops_private.audit_event WHERE seq = $1");
	start.seq = last;
	mlops_audit_result_hash(0, 1, start.hash);
	start.system = DatumGetInt64(mlops_write_result(0, 2));
	mlops_audit_anchor(w, &start, true);
	mlops_write_int8(w, last);
	mlops_write_bytea(w, start.hash, MLOPS_AUDIT_HASH);
	mlops_write_int8(w, start.system);
	mlops_audit_change(w, "UPDATE mlops_private.audit_chain"
					   " SET start_seq = $1, start_hash = $2, start_system = $3");
	mlops_write_int8(w, last);
	mlops_audit_change(w, "DELETE FROM mlops_private.audit_payload WHERE event_id IN"
					   " (SELECT event_id FROM mlops_private.audit_event WHERE seq <= $1)");
	mlops_write_int8(w, last);
	removed = (int64) mlops_audit_change(w, "DELETE FROM mlops_private.audit_event WHERE seq <= $1");
	mlops_write_int8(w, last);
	mlops_audit_change(w, "DELETE FROM mlops_private.audit_anchor WHERE seq < $1");
	record_start(w, &start, removed);
	return removed;
}

void
mlops_audit_retain(MlWriter *w, MlRetained *out)
{
	TimestampTz before;
	MlAuditHead head;
	int64		last;
	int64		held;

	memset(out, 0, sizeof(MlRetained));
	out->kind = "audit";
	if (!mlops_retention_maximum(w, "audit", &before))
	{
		out->detail = "no maximum is set";
		return;
	}
	if (!mlops_audit_lock(w))
	{
		out->detail = "another session is sealing the trail";
		return;
	}
	mlops_hold_lock(w);
	mlops_audit_head(w, &head);
	last = last_due(w, before, &head);
	held = first_held(w, last);
	if (held > 0)
	{
		mlops_write_int8(w, held);
		mlops_write_int8(w, last);
		mlops_write_run(w, "SELECT count(*) FROM mlops_private.audit_event WHERE seq BETWEEN $1 AND $2");
		out->kept_by_hold = DatumGetInt64(mlops_write_result(0, 1));
		last = held - 1;
	}
	mlops_write_int8(w, last);
	if (mlops_write_run(w, "SELECT 1 FROM mlops_private.audit_event WHERE seq = $1") > 0)
		out->removed = remove_beginning(w, &head, last);
}
