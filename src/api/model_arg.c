/*-------------------------------------------------------------------------
 *
 * model_arg.c
 *	  Arguments and results that several SQL functions share.
 *
 * IDENTIFICATION
 *	  src/api/model_arg.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "model_arg.h"

void
mlops_arg_require(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

char *
mlops_arg_text(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

char *
mlops_arg_name(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(arg)));
}

#define REMARK_LEN 10000

char *
mlops_arg_remark(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		return NULL;
	if (VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(arg)) > REMARK_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("%s is too long", name),
				 errdetail("At most %d bytes are kept.", REMARK_LEN)));
	return mlops_arg_text(fcinfo, arg);
}

char *
mlops_arg_required(FunctionCallInfo fcinfo, int arg, const char *name)
{
	mlops_arg_require(fcinfo, arg, name);
	return mlops_arg_text(fcinfo, arg);
}

char *
mlops_arg_model_name(FunctionCallInfo fcinfo)
{
	char	   *name = mlops_arg_required(fcinfo, 0, "model");

	mlops_name_check(name, "a model");
	return name;
}

void
mlops_arg_model_ref(FunctionCallInfo fcinfo, int arg, MlModelRef *ref)
{
	if (PG_ARGISNULL(arg))
		mlops_model_ref_parse(mlops_arg_required(fcinfo, 0, "model"), ref);
	else
	{
		mlops_model_ref_parse(mlops_arg_model_name(fcinfo), ref);
		ref->version = PG_GETARG_INT32(arg);
		if (ref->version < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("version must be at least 1")));
	}
}

Jsonb *
mlops_arg_jsonb(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : PG_GETARG_JSONB_P(arg);
}

Datum
mlops_result_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

const MlModel *
mlops_arg_model_by_name(FunctionCallInfo fcinfo, MlPrivilege privilege)
{
	MlModelRef	ref;
	MlResolved	resolved;

	mlops_arg_require(fcinfo, 0, "model");
	mlops_model_ref_parse(mlops_arg_text(fcinfo, 0), &ref);
	mlops_registry_resolve(&ref, GetUserId(), privilege, &resolved);
	if (privilege == ML_PRIVILEGE_ARTIFACT)
		mlops_audit_revealed("artifact", "model", psprintf("%s:%d", ref.name, resolved.version));
	return mlops_model_cache_get(resolved.artifact, CurrentMemoryContext);
}

const MlModel *
mlops_arg_model_by_value(FunctionCallInfo fcinfo)
{
	mlops_arg_require(fcinfo, 0, "model");
	return mlops_model_cache_get(PG_GETARG_DATUM(0), CurrentMemoryContext);
}
