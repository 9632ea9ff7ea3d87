/*-------------------------------------------------------------------------
 *
 * job_alert.c
 *	  Alerts on jobs of a model that do not run any more.
 *
 * The job's arguments name the model; the alert names the job.  Jobs without
 * a model are shown by the views of jobs, to whom they belong.
 *
 * IDENTIFICATION
 *	  src/worker/job_alert.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/alert.h"
#include "mlops/catalog.h"
#include "mlops/job.h"

#include "job_private.h"

/* The alert's key and the number of failures; false: the job is of no model that its owner has to do with. */
static bool
find_key(MlWriter *w, int64 job_id, MlAlertKey *key, int *failures)
{
	Oid			owner;

	mlops_write_int8(w, job_id);
	if (mlops_write_run(w, "SELECT m.model_id, j.name || ' (job ' || j.job_id || ')', j.failures,"
						" j.owner_oid, j.owner_name, j.owner_system"
						" FROM mlops_private.job j JOIN mlops_private.model m"
						" ON m.name = split_part(split_part(j.arguments ->> 'model', '@', 1), ':', 1)"
						" WHERE j.job_id = $1") == 0)
		return false;
	memset(key, 0, sizeof(MlAlertKey));
	key->model_id = DatumGetInt64(mlops_write_result(0, 1));
	key->kind = "job";
	key->subject = mlops_write_string(w, 0, 2);
	*failures = DatumGetInt32(mlops_write_result(0, 3));
	owner = mlops_stored_role(DatumGetObjectId(mlops_write_result(0, 4)),
							  NameStr(*DatumGetName(mlops_write_result(0, 5))),
							  DatumGetInt64(mlops_write_result(0, 6)));
	return OidIsValid(owner) && mlops_registry_may_any(key->model_id, owner);
}

void
mlops_job_alert(MlWriter *w, int64 job_id)
{
	MlAlertKey	key;
	MlAlertFacts facts = {ML_DRIFT_MAJOR, "failures", NAN, NAN, 0, 0};
	int			failures;

	if (!find_key(w, job_id, &key, &failures))
		return;
	facts.value = failures;
	facts.threshold = MLOPS_JOB_MAX_FAILURES;
	(void) mlops_alert_raise(w, &key, &facts);
}

void
mlops_job_alert_over(MlWriter *w, int64 job_id)
{
	MlAlertKey	key;
	int			failures;

	if (find_key(w, job_id, &key, &failures))
		(void) mlops_alert_clear(w, &key);
}
