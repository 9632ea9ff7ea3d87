/*-------------------------------------------------------------------------
 *
 * audit_erase.c
 *	  Erasing payloads of audited acts.
 *
 * Payload and salt go, the record stays, with the salted hash of what was
 * there, which nobody can guess back without the salt.  The act of erasing
 * names the events; without that the chain would not verify.  Payloads of acts
 * on the trail itself stay: they are what verifying goes by, and hold no
 * subject's data.
 *
 * IDENTIFICATION
 *	  src/gov/audit_erase.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "mlops/audit.h"
#include "mlops/gov.h"
#include "mlops/retention.h"

#include "audit_record.h"

void
mlops_audit_erase(MlWriter *w, const char *key, MlAuditErased *out)
{
	TimestampTz before;
	uint64		n;

	memset(out, 0, sizeof(MlAuditErased));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("a subject cannot be erased in a REPEATABLE READ or SERIALIZABLE transaction"),
				 errhint("Use READ COMMITTED.")));
	mlops_hold_lock(w);
	if (!mlops_retention_minimum(w, "audit", &before))
		before = DT_NOEND;
	mlops_write_text(w, key);
	mlops_write_time(w, before);
	n = mlops_write_run(w, "SELECT e.event_id, " MLOPS_HELD_EVENT " AS held, e.at > $2 AS too_young"
						" FROM (SELECT event_id, kind, object, action, at FROM mlops_private.audit_event"
						" UNION ALL SELECT event_id, kind, object, action, at FROM mlops_private.audit_pending) e"
						" JOIN mlops_private.audit_payload p ON p.event_id = e.event_id"
						" WHERE p.payload IS NOT NULL"
						" AND e.action NOT IN ('subject.erase', 'retention.apply')"
						" AND jsonb_path_exists(convert_from(p.payload, CASE getdatabaseencoding()"
						" WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)::jsonb,"
						" '$.** ? (@ == $key)', jsonb_build_object('key', $1))");
	out->events = MemoryContextAlloc(w->caller, (n + 1) * sizeof(Datum));
	for (uint64 i = 0; i < n; i++)
	{
		if (DatumGetBool(mlops_write_result(i, 2)))
			out->held++;
		else if (DatumGetBool(mlops_write_result(i, 3)))
			out->too_young++;
		else
			out->events[out->erased++] = mlops_write_result(i, 1);
	}
	if (out->erased == 0)
		return;
	mlops_write_datum(w, INT8ARRAYOID,
					  PointerGetDatum(construct_array(out->events, (int) out->erased, INT8OID,
													  sizeof(int64), FLOAT8PASSBYVAL,
													  TYPALIGN_DOUBLE)));
	mlops_audit_change(w, "UPDATE mlops_private.audit_payload"
					   " SET salt = NULL, payload = NULL, erased_at = now() WHERE event_id = ANY ($1)");
}
