/*-------------------------------------------------------------------------
 *
 * registry_api.c
 *	  SQL: drop_version, drop_model, rename_model, transfer_model, and what the
 *	  views ask about owners.
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

PG_FUNCTION_INFO_V1(mlops_drop_version);
PG_FUNCTION_INFO_V1(mlops_drop_model);
PG_FUNCTION_INFO_V1(mlops_rename_model);
PG_FUNCTION_INFO_V1(mlops_transfer_model);
PG_FUNCTION_INFO_V1(mlops_current_owner);

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
mlops_transfer_model(PG_FUNCTION_ARGS)
{
	char	   *model = mlops_arg_model_name(fcinfo);
	char	   *previous;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	mlops_arg_require(fcinfo, 1, "new_owner");
	previous = mlops_registry_transfer_model(model, mlops_arg_name(fcinfo, 1));
	values[0] = CStringGetTextDatum(model);
	values[1] = CStringGetTextDatum(mlops_arg_name(fcinfo, 1));
	nulls[2] = previous == NULL;
	values[2] = previous ? CStringGetTextDatum(previous) : (Datum) 0;
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
