/*-------------------------------------------------------------------------
 *
 * outcome_write.c
 *	  What became of what was predicted, by key.
 *
 * IDENTIFICATION
 *	  src/drift/outcome_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "mlops/catalog.h"
#include "mlops/log.h"

bool
mlops_outcome_record(const char *model, const MlOutcome *outcome)
{
	MlWriter	w;
	MlLocked	locked;
	bool		changed;

	mlops_write_begin(&w, "mlops.record_outcome()");
	mlops_registry_lock(&w, model, ML_PRIVILEGE_TRAIN, false, &locked);
	if (locked.task == ML_TASK_REGRESSION && !outcome->has_value)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("actual must be a number for a regression model")));
	mlops_write_int8(&w, locked.model_id);
	mlops_write_text(&w, outcome->key);
	if (locked.task == ML_TASK_REGRESSION)
		mlops_write_float8(&w, outcome->value);
	else
		mlops_write_null(&w, FLOAT8OID);
	mlops_write_text(&w, locked.task == ML_TASK_REGRESSION ? NULL : outcome->label);
	mlops_write_time(&w, outcome->at);
	mlops_write_name(&w, NameStr(w.role_name));
	changed = mlops_write_run(&w, "INSERT INTO mlops_private.outcome AS o"
							  " (model_id, key, value, label, happened_at, recorded_by)"
							  " VALUES ($1, $2, $3, $4, $5, $6)"
							  " ON CONFLICT (model_id, key) DO UPDATE"
							  " SET value = excluded.value, label = excluded.label, happened_at = excluded.happened_at,"
							  " recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at"
							  " WHERE o.value IS DISTINCT FROM excluded.value"
							  " OR o.label IS DISTINCT FROM excluded.label") > 0;
	mlops_write_end(&w);
	return changed;
}
