/*-------------------------------------------------------------------------
 *
 * apply_retention.c
 *	  Removing what is older than its maximum.
 *
 * A maximum wins over what an owner wanted to keep; a legal hold wins over
 * the maximum.
 *
 * IDENTIFICATION
 *	  src/lifecycle/apply_retention.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/retention.h"
#include "mlops/snapshot.h"

static void
retain_snapshots(MlWriter *w, MlRetained *out)
{
	TimestampTz before;
	uint64		n;
	int64	   *ids;
	char	  **names;

	memset(out, 0, sizeof(MlRetained));
	out->kind = "snapshots";
	if (!mlops_retention_maximum(w, "snapshots", &before))
	{
		out->detail = "no maximum is set";
		return;
	}
	mlops_hold_lock(w);
	mlops_write_time(w, before);
	n = mlops_write_run(w, "SELECT snapshot_id, name FROM mlops_private.snapshot"
						" WHERE created_at < $1 AND (keep_until IS NULL OR keep_until <= now())"
						" ORDER BY snapshot_id FOR UPDATE");
	ids = MemoryContextAlloc(w->caller, (n + 1) * sizeof(int64));
	names = MemoryContextAlloc(w->caller, (n + 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
	{
		ids[i] = DatumGetInt64(mlops_write_result(i, 1));
		names[i] = mlops_write_string(w, i, 2);
	}
	for (uint64 i = 0; i < n; i++)
	{
		if (mlops_hold_exists(w, "snapshot", names[i]))
		{
			out->kept_by_hold++;
			continue;
		}
		mlops_snapshot_remove(w, ids[i]);
		mlops_audit_add(w, "snapshot.drop", "snapshot", names[i],
						mlops_jsonb_one("reason", "retention"));
		out->removed++;
	}
}

/* What is closed; alerts on a model that is held are part of what is kept. */
static void
retain_alerts(MlWriter *w, MlRetained *out)
{
	TimestampTz before;
	uint64		n;
	int64	   *model_ids;
	char	  **names;

	memset(out, 0, sizeof(MlRetained));
	out->kind = "alerts";
	if (mlops_write_run(w, "SELECT now() - r.maximum FROM mlops_private.retention_rule r WHERE r.kind = 'alerts'"
						" UNION ALL SELECT now() - interval '" MLOPS_ALERTS_KEPT "'"
						" WHERE NOT EXISTS (SELECT 1 FROM mlops_private.retention_rule WHERE kind = 'alerts')") == 0 ||
		mlops_write_isnull(0, 1))
	{
		out->detail = "no maximum is set";
		return;
	}
	before = DatumGetTimestampTz(mlops_write_result(0, 1));
	mlops_hold_lock(w);
	mlops_write_time(w, before);
	n = mlops_write_run(w, "SELECT m.model_id, m.name FROM mlops_private.model m WHERE EXISTS"
						" (SELECT 1 FROM mlops_private.alert a WHERE a.model_id = m.model_id AND a.closed < $1)"
						" ORDER BY m.model_id");
	model_ids = palloc((n + 1) * sizeof(int64));
	names = palloc((n + 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
	{
		model_ids[i] = DatumGetInt64(mlops_write_result(i, 1));
		names[i] = mlops_write_string(w, i, 2);
	}
	for (uint64 i = 0; i < n; i++)
	{
		bool		is_held = mlops_hold_exists(w, "model", names[i]);

		mlops_write_int8(w, model_ids[i]);
		mlops_write_time(w, before);
		if (is_held)
		{
			mlops_write_run(w, "SELECT count(*) FROM mlops_private.alert WHERE model_id = $1 AND closed < $2");
			out->kept_by_hold += DatumGetInt64(mlops_write_result(0, 1));
		}
		else
			out->removed += mlops_write_run(w, "DELETE FROM mlops_private.alert WHERE model_id = $1 AND closed < $2");
	}
}

/* Whole days go, and wait for locks: that is for jobs (worker/log_upkeep.c). */
static void
tell_about_log(MlWriter *w, MlRetained *out)
{
	TimestampTz before;

	memset(out, 0, sizeof(MlRetained));
	out->kind = "log";
	out->detail = mlops_retention_maximum(w, "log", &before) ?
		"goes with mlops.log_upkeep() and CALL mlops.run_due_jobs()" : "no maximum is set";
}

void
mlops_retention_apply(MlWriter *w, MlRetained *out)
{
	mlops_audit_retain(w, &out[0]);
	tell_about_log(w, &out[1]);
	retain_snapshots(w, &out[2]);
	retain_alerts(w, &out[3]);
}
