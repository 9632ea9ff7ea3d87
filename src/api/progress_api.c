/*-------------------------------------------------------------------------
 *
 * progress_api.c
 *	  SQL: what backends are training now (behind the view mlops.progress).
 *
 * Shows what pg_stat_progress_* views would: counters only, and those of
 * other roles' sessions only to their members and to pg_read_all_stats.
 *
 * IDENTIFICATION
 *	  src/api/progress_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/progress_params.h"

PG_FUNCTION_INFO_V1(mlops_progress);

static const char *
phase_name(int64 phase)
{
	switch (phase)
	{
		case ML_PHASE_READING:
			return "reading rows";
		case ML_PHASE_PREPARING:
			return "preparing";
		case ML_PHASE_TRAINING:
			return "training";
		case ML_PHASE_VALIDATING:
			return "validating";
		case ML_PHASE_STORING:
			return "storing";
	}
	return "starting";
}

Datum
mlops_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			n = pgstat_fetch_stat_numbackends();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 1; i <= n; i++)
	{
		LocalPgBackendStatus *local = mlops_local_beentry(i);
		PgBackendStatus *be = &local->backendStatus;
		Datum		values[8];
		bool		nulls[8] = {0};
		double		loss;

		if ((int) be->st_progress_command != MLOPS_PROGRESS_COMMAND ||
			be->st_databaseid != MyDatabaseId)
			continue;
		if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) &&
			!has_privs_of_role(GetUserId(), be->st_userid))
			continue;
		values[0] = Int32GetDatum(be->st_procpid);
		values[1] = ObjectIdGetDatum(be->st_userid);
		values[2] = CStringGetTextDatum(phase_name(be->st_progress_param[MLOPS_PROGRESS_PHASE]));
		values[3] = Int64GetDatum(be->st_progress_param[MLOPS_PROGRESS_ROWS]);
		values[4] = Int64GetDatum(be->st_progress_param[MLOPS_PROGRESS_PASS]);
		values[5] = Int64GetDatum(be->st_progress_param[MLOPS_PROGRESS_MAX_PASSES]);
		nulls[5] = be->st_progress_param[MLOPS_PROGRESS_MAX_PASSES] == 0;
		memcpy(&loss, &be->st_progress_param[MLOPS_PROGRESS_LOSS], sizeof(loss));
		values[7] = Float8GetDatum(loss);
		nulls[7] = be->st_progress_param[MLOPS_PROGRESS_HAS_LOSS] == 0;
		values[6] = TimestampTzGetDatum(be->st_activity_start_timestamp);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
