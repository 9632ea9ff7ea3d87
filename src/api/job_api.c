/*-------------------------------------------------------------------------
 *
 * job_api.c
 *	  SQL: schedule, unschedule, cancel_job, train_async, and CALL run_due_jobs.
 *
 * IDENTIFICATION
 *	  src/api/job_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "mlops/job.h"
#include "mlops/jsonb_out.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_schedule);
PG_FUNCTION_INFO_V1(mlops_unschedule);
PG_FUNCTION_INFO_V1(mlops_cancel_job);
PG_FUNCTION_INFO_V1(mlops_train_async);
PG_FUNCTION_INFO_V1(mlops_run_due_jobs);

/* Check and store; the job's number and name. */
static int64
add_job(const char *command, const MlJobPlan *plan, char **name)
{
	MlWriter	w;
	int64		job_id;

	mlops_job_plan_check(plan);
	plan->kind->check(plan->arguments);
	mlops_write_begin(&w, command);
	job_id = mlops_job_add(&w, plan, name);
	mlops_write_end(&w);
	return job_id;
}

Datum
mlops_schedule(PG_FUNCTION_ARGS)
{
	MlJobPlan	plan;
	char	   *name;
	Datum		values[5];
	bool		nulls[5] = {false, false, false, PG_ARGISNULL(2), false};

	mlops_arg_require(fcinfo, 3, "arguments");
	mlops_arg_require(fcinfo, 4, "start");
	memset(&plan, 0, sizeof(plan));
	plan.name = mlops_arg_required(fcinfo, 0, "name");
	plan.kind = mlops_job_kind_required(mlops_arg_required(fcinfo, 1, "kind"));
	plan.every = PG_ARGISNULL(2) ? NULL : PG_GETARG_INTERVAL_P(2);
	plan.arguments = mlops_arg_jsonb(fcinfo, 3);
	plan.start = PG_GETARG_TIMESTAMPTZ(4);
	values[0] = Int64GetDatum(add_job("mlops.schedule()", &plan, &name));
	values[1] = CStringGetTextDatum(name);
	values[2] = CStringGetTextDatum(plan.kind->name);
	values[3] = plan.every ? IntervalPGetDatum(plan.every) : (Datum) 0;
	values[4] = TimestampTzGetDatum(plan.start);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_unschedule(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlJobFound	job;
	char	   *name = mlops_arg_required(fcinfo, 0, "name");
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	mlops_write_begin(&w, "mlops.unschedule()");
	mlops_job_remove(&w, name, &job);
	mlops_write_end(&w);
	values[0] = Int64GetDatum(job.job_id);
	values[1] = CStringGetTextDatum(name);
	values[2] = CStringGetTextDatum(job.kind);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_cancel_job(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlJobFound	job;
	char	   *name = mlops_arg_required(fcinfo, 0, "name");
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	mlops_write_begin(&w, "mlops.cancel_job()");
	values[3] = BoolGetDatum(mlops_job_cancel(&w, name, &job));
	mlops_write_end(&w);
	values[0] = Int64GetDatum(job.job_id);
	values[1] = CStringGetTextDatum(name);
	values[2] = Int64GetDatum(job.run_id);
	return mlops_result_row(fcinfo, values, nulls);
}

/* features as an array of strings */
static void
add_names(JsonbParseState **state, const char *key, ArrayType *array)
{
	JsonbValue	item;
	Datum	   *names;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &names, &nulls, &n);
	mlops_jsonb_add_key(state, key);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("features must not contain null")));
		item.type = jbvString;
		item.val.string.val = NameStr(*DatumGetName(names[i]));
		item.val.string.len = strlen(item.val.string.val);
		pushJsonbValue(state, WJB_ELEM, &item);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* The arguments of train() that are not null, as a job of kind "train" has them. */
static Jsonb *
train_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {
		"model", "source", "target", "algorithm", "features", "options",
		"validation", "weight", "alias", "note"
	};
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (PG_ARGISNULL(i))
			continue;
		switch (i)
		{
			case 2:
			case 7:
				mlops_jsonb_add_string(&state, names[i], mlops_arg_name(fcinfo, i));
				break;
			case 4:
				add_names(&state, names[i], PG_GETARG_ARRAYTYPE_P(i));
				break;
			case 5:
			case 6:
				mlops_jsonb_add_jsonb(&state, names[i], mlops_arg_jsonb(fcinfo, i));
				break;
			default:
				mlops_jsonb_add_string(&state, names[i], mlops_arg_text(fcinfo, i));
		}
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Datum
mlops_train_async(PG_FUNCTION_ARGS)
{
	MlJobPlan	plan;
	char	   *name;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	mlops_arg_require(fcinfo, 0, "model");
	mlops_arg_require(fcinfo, 1, "source");
	for (int i = 5; i <= 6; i++)
		if (!PG_ARGISNULL(i) && !JB_ROOT_IS_OBJECT(mlops_arg_jsonb(fcinfo, i)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must be an object", i == 5 ? "options" : "validation")));
	memset(&plan, 0, sizeof(plan));
	plan.subject = psprintf("train:%s", mlops_arg_text(fcinfo, 0));
	plan.kind = mlops_job_kind_required("train");
	plan.arguments = train_arguments(fcinfo);
	plan.start = GetCurrentTimestamp();
	values[0] = Int64GetDatum(add_job("mlops.train_async()", &plan, &name));
	values[1] = CStringGetTextDatum(name);
	return mlops_result_row(fcinfo, values, nulls);
}

/*
 * CALL mlops.run_due_jobs(max_seconds): what is due, each piece in a
 * transaction of its own.
 */
Datum
mlops_run_due_jobs(PG_FUNCTION_ARGS)
{
	static const char *const command = "mlops.run_due_jobs()";
	CallContext *context = (CallContext *) fcinfo->context;

	if (context == NULL || !IsA(context, CallContext) || context->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block", command)));
	mlops_arg_require(fcinfo, 0, "max_seconds");
	if (PG_GETARG_INT32(0) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_seconds must be at least 1")));
	mlops_jobs_run(command, GetCurrentTimestamp() + (int64) PG_GETARG_INT32(0) * USECS_PER_SEC);
	PG_RETURN_VOID();
}
