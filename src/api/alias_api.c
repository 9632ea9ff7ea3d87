/*-------------------------------------------------------------------------
 *
 * alias_api.c
 *	  SQL: set_alias, drop_alias, rollback and alias_at.
 *
 * IDENTIFICATION
 *	  src/api/alias_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/lifecycle.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_set_alias);
PG_FUNCTION_INFO_V1(mlops_drop_alias);
PG_FUNCTION_INFO_V1(mlops_rollback);
PG_FUNCTION_INFO_V1(mlops_alias_at);

static char *
alias_arg(FunctionCallInfo fcinfo)
{
	char	   *alias = mlops_arg_required(fcinfo, 1, "alias");

	mlops_name_check(alias, "an alias");
	return alias;
}

/* (model, alias, version, previous_version); previous is null for 0 */
static Datum
moved(FunctionCallInfo fcinfo, const char *model, const char *alias, int version, int previous)
{
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[0] = CStringGetTextDatum(model);
	values[1] = CStringGetTextDatum(alias);
	values[2] = Int32GetDatum(version);
	values[3] = Int32GetDatum(previous);
	nulls[3] = previous == 0;
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_set_alias(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlModelRef	ref;
	MlLocked	model;
	char	   *alias;
	char	   *reason = mlops_arg_remark(fcinfo, 3, "reason");
	int			version;
	int			previous;

	mlops_arg_model_ref(fcinfo, 2, &ref);
	alias = alias_arg(fcinfo);
	mlops_write_begin(&w, "mlops.set_alias()");
	mlops_registry_lock(&w, ref.name, ML_PRIVILEGE_DEPLOY, false, &model);
	version = mlops_alias_find_version(&w, &model, &ref);
	mlops_gate_pass(&w, &model, alias, version);
	previous = mlops_alias_move(&w, &model, alias, version, reason);
	mlops_write_end(&w);
	return moved(fcinfo, ref.name, alias, version, previous);
}

Datum
mlops_drop_alias(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlLocked	model;
	char	   *name = mlops_arg_model_name(fcinfo);
	char	   *alias = alias_arg(fcinfo);
	char	   *reason = mlops_arg_remark(fcinfo, 2, "reason");
	int			version;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	mlops_write_begin(&w, "mlops.drop_alias()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_DEPLOY, false, &model);
	version = mlops_alias_drop(&w, &model, alias, reason);
	mlops_stage_follow(&w, &model, alias, version, 0);
	mlops_write_end(&w);
	values[2] = Int32GetDatum(version);
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(alias);
	return mlops_result_row(fcinfo, values, nulls);
}

/* The way out when production is wrong: needs the right to deploy, and asks no policy. */
Datum
mlops_rollback(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlLocked	model;
	char	   *name = mlops_arg_model_name(fcinfo);
	char	   *alias = alias_arg(fcinfo);
	char	   *reason = mlops_arg_remark(fcinfo, 2, "reason");
	int			version;
	int			previous;

	mlops_write_begin(&w, "mlops.rollback()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_DEPLOY, false, &model);
	version = mlops_alias_rollback(&w, &model, alias, reason, &previous);
	mlops_stage_follow(&w, &model, alias, previous, version);
	mlops_write_end(&w);
	return moved(fcinfo, name, alias, version, previous);
}

Datum
mlops_alias_at(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	char	   *name = mlops_arg_model_name(fcinfo);
	char	   *alias = alias_arg(fcinfo);
	int64		model_id;
	int			version = 0;

	mlops_arg_require(fcinfo, 2, "at");
	model_id = mlops_registry_require(name, GetUserId(), ML_PRIVILEGE_READ);
	mlops_read_begin(&w);
	mlops_write_int8(&w, model_id);
	mlops_write_name(&w, alias);
	mlops_write_time(&w, PG_GETARG_TIMESTAMPTZ(2));
	if (mlops_write_run(&w, "SELECT coalesce(version, 0) FROM mlops_private.alias_event"
						" WHERE model_id = $1 AND alias = $2 AND happened_at <= $3"
						" ORDER BY happened_at DESC, event_id DESC LIMIT 1") > 0)
		version = DatumGetInt32(mlops_write_result(0, 1));
	mlops_read_end(&w);
	if (version == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(version);
}
