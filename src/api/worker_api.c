/*-------------------------------------------------------------------------
 *
 * worker_api.c
 *	  SQL: the view worker_status.
 *
 * IDENTIFICATION
 *	  src/api/worker_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "mlops/store.h"
#include "mlops/worker.h"

PG_FUNCTION_INFO_V1(mlops_worker_status);

#define COLUMNS 9

/*
 * worker_status() -> (part, state, role, pid, job, since, next, failures,
 * sqlstate): of this database; what concerns a role for those who have its
 * privileges, or may read all statistics.
 */
Datum
mlops_worker_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			user = GetUserId();
	bool		sees_all = has_privs_of_role(user, mlops_extension_owner()) ||
		has_privs_of_role(user, ROLE_PG_READ_ALL_STATS);
	MlWorkerFact *facts;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	facts = mlops_worker_facts(&n);
	for (int i = 0; i < n; i++)
	{
		MlWorkerFact *fact = &facts[i];
		bool		is_launcher = strcmp(fact->part, "launcher") == 0;
		bool		sees = sees_all || is_launcher || (OidIsValid(fact->role) && has_privs_of_role(user, fact->role));
		char	   *role = OidIsValid(fact->role) ? GetUserNameFromId(fact->role, true) : NULL;
		NameData	role_name;
		Datum		values[COLUMNS];
		bool		nulls[COLUMNS] = {false};

		if (!sees && strcmp(fact->part, "database") != 0)
			continue;
		values[0] = CStringGetTextDatum(fact->part);
		values[1] = CStringGetTextDatum(fact->state);
		namestrcpy(&role_name, role ? role : "");
		values[2] = NameGetDatum(&role_name);
		nulls[2] = role == NULL;
		values[3] = Int32GetDatum(fact->pid);
		nulls[3] = fact->pid == 0;
		values[4] = Int64GetDatum(fact->job_id);
		nulls[4] = fact->job_id == 0;
		values[5] = TimestampTzGetDatum(fact->since);
		nulls[5] = fact->since == 0;
		values[6] = TimestampTzGetDatum(fact->next);
		nulls[6] = fact->next == 0 || !sees;
		values[7] = Int32GetDatum(fact->failures);
		nulls[7] = is_launcher || !sees;
		values[8] = fact->sqlerrcode ? CStringGetTextDatum(unpack_sql_state(fact->sqlerrcode)) : (Datum) 0;
		nulls[8] = fact->sqlerrcode == 0 || !sees;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
