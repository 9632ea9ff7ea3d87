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
PG_FUNCTION_INFO_V1(mlops_can_read);
PG_FUNCTION_INFO_V1(mlops_current_owner);

/* A text argument as a C string; NULL is an error that names it. */
static char *
required_text(FunctionCallInfo fcinfo, int arg, const char *name)
{
	mlops_arg_require(fcinfo, arg, name);
	return mlops_arg_text(fcinfo, arg);
}

/* A model's plain name: no alias, no version. */
static char *
required_model(FunctionCallInfo fcinfo)
{
	char	   *name = required_text(fcinfo, 0, "model");

	mlops_name_check(name, "a model");
	return name;
}

/* Argument 0, a reference, combined with argument "arg", a version that may be NULL. */
static void
model_and_version(FunctionCallInfo fcinfo, int arg, MlModelRef *ref)
{
	if (PG_ARGISNULL(arg))
		mlops_model_ref_parse(required_text(fcinfo, 0, "model"), ref);
	else
	{
		mlops_model_ref_parse(required_model(fcinfo), ref);
		ref->version = PG_GETARG_INT32(arg);
		if (ref->version < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("version must be at least 1")));
	}
}

Datum
mlops_set_alias(PG_FUNCTION_ARGS)
{
	MlModelRef	ref;
	char	   *alias;
	int			previous;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	model_and_version(fcinfo, 2, &ref);
	alias = required_text(fcinfo, 1, "alias");
	values[2] = Int32GetDatum(mlops_registry_set_alias(&ref, alias, &previous));
	values[0] = CStringGetTextDatum(ref.name);
	values[1] = CStringGetTextDatum(alias);
	values[3] = Int32GetDatum(previous);
	nulls[3] = previous == 0;
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_drop_alias(PG_FUNCTION_ARGS)
{
	char	   *model = required_model(fcinfo);
	char	   *alias = required_text(fcinfo, 1, "alias");
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	values[2] = Int32GetDatum(mlops_registry_drop_alias(model, alias));
	values[0] = CStringGetTextDatum(model);
	values[1] = CStringGetTextDatum(alias);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_drop_version(PG_FUNCTION_ARGS)
{
	MlModelRef	ref;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	model_and_version(fcinfo, 1, &ref);
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
	char	   *model = required_model(fcinfo);
	Datum		values[2];
	bool		nulls[2] = {false, false};

	values[1] = Int32GetDatum(mlops_registry_drop_model(model));
	values[0] = CStringGetTextDatum(model);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_rename_model(PG_FUNCTION_ARGS)
{
	char	   *model = required_model(fcinfo);
	char	   *new_name = required_text(fcinfo, 1, "new_name");
	Datum		values[2];
	bool		nulls[2] = {false, false};

	mlops_registry_rename_model(model, new_name);
	values[0] = CStringGetTextDatum(new_name);
	values[1] = CStringGetTextDatum(model);
	return mlops_result_row(fcinfo, values, nulls);
}

static Oid
owner_argument(FunctionCallInfo fcinfo)
{
	return mlops_owner_resolve(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)),
							   PG_GETARG_INT64(2));
}

Datum
mlops_can_read(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(mlops_access_allowed(owner_argument(fcinfo), GetUserId()));
}

Datum
mlops_current_owner(PG_FUNCTION_ARGS)
{
	char	   *name = GetUserNameFromId(owner_argument(fcinfo), true);
	Name		result;

	if (name == NULL)
		PG_RETURN_NULL();
	result = palloc0(sizeof(NameData));
	namestrcpy(result, name);
	PG_RETURN_NAME(result);
}
