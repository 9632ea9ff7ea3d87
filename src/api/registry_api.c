/*-------------------------------------------------------------------------
 *
 * registry_api.c
 *	  SQL: set_alias, drop_alias, drop_version, drop_model, rename_model, and
 *	  what the views ask about owners.
 *
 * IDENTIFICATION
 *	  src/api/registry_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_set_alias);
PG_FUNCTION_INFO_V1(mlops_drop_alias);
PG_FUNCTION_INFO_V1(mlops_drop_version);
PG_FUNCTION_INFO_V1(mlops_drop_model);
PG_FUNCTION_INFO_V1(mlops_rename_model);
PG_FUNCTION_INFO_V1(mlops_current_owner);

Datum
mlops_set_alias(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlModelRef	ref;
	MlLocked	model;
	char	   *alias;
	int			version;
	int			previous;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	mlops_arg_model_ref(fcinfo, 2, &ref);
	alias = mlops_arg_required(fcinfo, 1, "alias");
	mlops_name_check(alias, "an alias");
	mlops_write_begin(&w, "mlops.set_alias()");
	mlops_registry_lock(&w, ref.name, ML_PRIVILEGE_DEPLOY, false, &model);
	version = mlops_alias_find_version(&w, &model, &ref);
	previous = mlops_alias_move(&w, &model, alias, version);
	mlops_write_end(&w);
	values[0] = CStringGetTextDatum(ref.name);
	values[1] = CStringGetTextDatum(alias);
	values[2] = Int32GetDatum(version);
	values[3] = Int32GetDatum(previous);
	nulls[3] = previous == 0;
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_drop_alias(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlLocked	model;
	char	   *name = mlops_arg_model_name(fcinfo);
	char	   *alias = mlops_arg_required(fcinfo, 1, "alias");
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	mlops_name_check(alias, "an alias");
	mlops_write_begin(&w, "mlops.drop_alias()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_DEPLOY, false, &model);
	values[2] = Int32GetDatum(mlops_alias_drop(&w, &model, alias));
	mlops_write_end(&w);
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(alias);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_drop_version(PG_FUNCTION_ARGS)
{
	MlModelRef	ref;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	mlops_arg_model_ref(fcinfo, 1, &ref);
	if (ref.version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a version to drop must be named by its number"),
				 errhint("For example: mlops.drop_version('credit:2').")));
	mlops_registry_drop_version(ref.name, ref.version);
	values[0] = CStringGetTextDatum(ref.name);
	values[1] = Int32GetDatum(ref.version);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_drop_model(PG_FUNCTION_ARGS)
{
	char	   *model = mlops_arg_model_name(fcinfo);
	Datum		values[2];
	bool		nulls[2] = {false, false};

	values[1] = Int32GetDatum(mlops_registry_drop_model(model));
	values[0] = CStringGetTextDatum(model);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_rename_model(PG_FUNCTION_ARGS)
{
	char	   *model = mlops_arg_model_name(fcinfo);
	char	   *new_name = mlops_arg_required(fcinfo, 1, "new_name");
	Datum		values[2];
	bool		nulls[2] = {false, false};

	mlops_registry_rename_model(model, new_name);
	values[0] = CStringGetTextDatum(new_name);
	values[1] = CStringGetTextDatum(model);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_current_owner(PG_FUNCTION_ARGS)
{
	Oid			owner = mlops_stored_role(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)),
										  PG_GETARG_INT64(2));
	char	   *name = GetUserNameFromId(owner, true);
	Name		result;

	if (name == NULL)
		PG_RETURN_NULL();
	result = palloc0(sizeof(NameData));
	namestrcpy(result, name);
	PG_RETURN_NAME(result);
}
