/*-------------------------------------------------------------------------
 *
 * job_kind.c
 *	  The list of what a job can do, and the short ones of it.
 *
 * IDENTIFICATION
 *	  src/worker/job_kind.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "mlops/audit.h"
#include "mlops/gov.h"
#include "mlops/job.h"
#include "mlops/jsonb_out.h"
#include "mlops/retention.h"
#include "mlops/retrain.h"

/* How many events one transaction seals. */
#define SEAL_BATCH	10000

static void
check_none(Jsonb *arguments)
{
	mlops_rights_require_database(ML_PRIVILEGE_AUDIT, "schedule such a job");
	if (JB_ROOT_COUNT(arguments) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("jobs of this kind take no arguments")));
}

static bool
seal(const MlJob *job, MlJobWork *work)
{
	MlWriter	w;
	MlAuditSealing sealing;

	mlops_rights_require_database(ML_PRIVILEGE_AUDIT, "seal the audit trail");
	mlops_write_begin(&w, "mlops.run_due_jobs()");
	mlops_audit_seal(&w, SEAL_BATCH, &sealing);
	if (!sealing.more && !sealing.busy)
		mlops_audit_anchor(&w, &sealing.head, true);
	mlops_write_end(&w);
	work->rows = Max(work->rows, 0) + sealing.sealed;
	return sealing.more && !sealing.busy;
}

static bool
retain(const MlJob *job, MlJobWork *work)
{
	MlWriter	w;
	MlRetained	retained[MLOPS_RETAINED_KINDS];
	JsonbParseState *state = NULL;

	mlops_rights_require_database(ML_PRIVILEGE_AUDIT, "apply retention");
	mlops_write_begin(&w, "mlops.run_due_jobs()");
	mlops_retention_apply(&w, retained);
	mlops_write_end(&w);
	work->rows = 0;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < MLOPS_RETAINED_KINDS; i++)
	{
		work->rows += retained[i].removed;
		mlops_jsonb_add_integer(&state, retained[i].kind, retained[i].removed);
	}
	work->detail = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return false;
}

static const MlJobKind kinds[] = {
	{"audit", check_none, seal},
	{"log", check_none, mlops_job_log_step},
	{"monitor", mlops_job_monitor_check, mlops_job_monitor_step},
	{"retention", check_none, retain},
	{"retrain", mlops_job_retrain_check, mlops_job_retrain_step},
	{"train", mlops_job_train_check, mlops_job_train_step},
};

void
mlops_job_failed(MlWriter *w, const MlJob *job, const char *sqlstate, const char *message)
{
	if (job->kind != NULL && job->kind->step == mlops_job_retrain_step)
		mlops_retrain_failed(w, job->job_id, sqlstate, message);
}

const MlJobKind *
mlops_job_kind(const char *name)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

const MlJobKind *
mlops_job_kind_required(const char *name)
{
	const MlJobKind *kind = mlops_job_kind(name);
	StringInfoData list;

	if (kind)
		return kind;
	initStringInfo(&list);
	for (int i = 0; i < (int) lengthof(kinds); i++)
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", kinds[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown kind of job"),
			 errhint("Kinds are: %s.", list.data)));
}
