/*-------------------------------------------------------------------------
 *
 * grant_api.c
 *	  SQL: grant_model, revoke_model, and what views and policies ask about
 *	  the current user's rights.
 *
 * IDENTIFICATION
 *	  src/api/grant_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_grant_model);
PG_FUNCTION_INFO_V1(mlops_revoke_model);
PG_FUNCTION_INFO_V1(mlops_may);
PG_FUNCTION_INFO_V1(mlops_may_any);
PG_FUNCTION_INFO_V1(mlops_may_database);

/* One call of grant_model or revoke_model. */
typedef struct GrantCall
{
	char	   *model;			/* NULL: the database */
	char	   *role_name;
	Oid			role;			/* InvalidOid: public, or gone */
	bool		gone;			/* no such role today */
	MlPrivilege privilege;
	bool		with_grant;
} GrantCall;

static void
read_call(FunctionCallInfo fcinfo, GrantCall *call)
{
	bool		public;

	call->model = PG_ARGISNULL(0) ? NULL : mlops_arg_model_name(fcinfo);
	mlops_arg_require(fcinfo, 1, "role");
	call->role_name = mlops_arg_name(fcinfo, 1);
	public = strcmp(call->role_name, "public") == 0;
	call->role = public ? InvalidOid : get_role_oid(call->role_name, true);
	call->gone = !public && !OidIsValid(call->role);
	call->privilege = mlops_privilege_by_name(mlops_arg_required(fcinfo, 2, "privilege"));
	if (call->model == NULL && call->privilege <= ML_PRIVILEGE_LAST_OF_MODEL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("model must not be null for privilege \"%s\"",
						mlops_privilege_name(call->privilege)),
				 errdetail("Only the privileges \"audit\" and \"erase\" are of the whole database.")));
	if (call->model != NULL && call->privilege > ML_PRIVILEGE_LAST_OF_MODEL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("privilege \"%s\" is of the whole database, not of a model",
						mlops_privilege_name(call->privilege)),
				 errhint("Give NULL for the model.")));
	call->with_grant = false;
}

/* The model, locked; number 0 for the database.  The caller may hand the privilege on. */
static void
lock_target(MlWriter *w, const GrantCall *call, MlLocked *model)
{
	model->model_id = 0;
	if (call->model)
		mlops_registry_lock_to_grant(w, call->model, call->privilege, model);
}

static void
deny_role(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("role \"%s\" does not exist", name)));
}

static void
record(MlWriter *w, const GrantCall *call, const char *action)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "privilege", mlops_privilege_name(call->privilege));
	mlops_jsonb_add_string(&state, "role", call->role_name);
	mlops_jsonb_add_boolean(&state, "with_grant", call->with_grant);
	mlops_audit_add(w, action, call->model ? "model" : "database", call->model,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

static Datum
result(FunctionCallInfo fcinfo, const GrantCall *call, bool changed)
{
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	nulls[0] = call->model == NULL;
	values[0] = call->model ? CStringGetTextDatum(call->model) : (Datum) 0;
	values[1] = CStringGetTextDatum(call->role_name);
	values[2] = CStringGetTextDatum(mlops_privilege_name(call->privilege));
	values[3] = BoolGetDatum(changed);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_grant_model(PG_FUNCTION_ARGS)
{
	GrantCall	call;
	MlWriter	w;
	MlLocked	model;
	bool		changed;

	read_call(fcinfo, &call);
	mlops_arg_require(fcinfo, 3, "with_grant");
	call.with_grant = PG_GETARG_BOOL(3);
	if (call.gone)
		deny_role(call.role_name);
	if (call.with_grant && (!OidIsValid(call.role) || call.model == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_GRANT_OPERATION),
				 errmsg("grant options can only be granted to roles, and on models")));
	if (call.model == NULL)
		mlops_rights_require_owner("grant database-wide privileges");
	mlops_write_begin(&w, "mlops.grant_model()");
	lock_target(&w, &call, &model);
	(void) mlops_grants_refresh(&w, model.model_id, call.model, NULL, call.privilege);
	changed = mlops_grant_add(&w, model.model_id, call.role, call.privilege, call.with_grant);
	if (changed)
		record(&w, &call, "privilege.grant");
	mlops_write_end(&w);
	return result(fcinfo, &call, changed);
}

Datum
mlops_revoke_model(PG_FUNCTION_ARGS)
{
	GrantCall	call;
	MlWriter	w;
	MlLocked	model;
	bool		only_own = false;
	bool		changed;

	read_call(fcinfo, &call);
	if (call.model == NULL)
		mlops_rights_require_owner("revoke database-wide privileges");
	mlops_write_begin(&w, "mlops.revoke_model()");
	lock_target(&w, &call, &model);
	if (call.model)
		only_own = !mlops_rights_hold(model.model_id, model.owner, w.role, ML_PRIVILEGE_MANAGE);
	/* grants to roles that are gone go with any change; by name, one can ask for it */
	changed = mlops_grants_refresh(&w, model.model_id, call.model,
								   call.gone ? call.role_name : NULL, call.privilege);
	if (call.gone && !changed)
		deny_role(call.role_name);
	if (!call.gone)
	{
		changed = mlops_grant_remove(&w, model.model_id, call.role, call.privilege, only_own);
		if (changed)
			record(&w, &call, "privilege.revoke");
	}
	mlops_write_end(&w);
	return result(fcinfo, &call, changed);
}

Datum
mlops_may(PG_FUNCTION_ARGS)
{
	MlPrivilege privilege = mlops_privilege_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_BOOL(mlops_registry_may(PG_GETARG_INT64(0), mlops_asking_role(), privilege));
}

Datum
mlops_may_any(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(mlops_registry_may_any(PG_GETARG_INT64(0), mlops_asking_role()));
}

Datum
mlops_may_database(PG_FUNCTION_ARGS)
{
	MlPrivilege privilege = mlops_privilege_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_BOOL(mlops_rights_database(mlops_asking_role(), privilege));
}
