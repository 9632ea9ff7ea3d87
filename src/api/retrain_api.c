/*-------------------------------------------------------------------------
 *
 * retrain_api.c
 *	  SQL: retrain_policy, drop_retrain_policy.
 *
 * A policy and its job are made and removed together.
 *
 * IDENTIFICATION
 *	  src/api/retrain_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "mlops/job.h"
#include "mlops/jsonb_out.h"
#include "mlops/retrain.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_retrain_policy);
PG_FUNCTION_INFO_V1(mlops_drop_retrain_policy);

enum
{
	ARG_MODEL, ARG_TRIGGER, ARG_SOURCE, ARG_EVERY, ARG_WINDOW, ARG_TIME_COLUMN, ARG_COOLDOWN, ARG_BUDGET,
	ARG_METRIC, ARG_MIN_GAIN, ARG_NEW_ROWS, ARG_PROMOTE_ALIAS, ARG_HOLDOUT, ARG_START
};

static void
read_policy(FunctionCallInfo fcinfo, MlRetrainPolicy *policy)
{
	memset(policy, 0, sizeof(*policy));
	policy->model = mlops_arg_model_name(fcinfo);
	policy->trigger = mlops_retrain_trigger_by_name(mlops_arg_required(fcinfo, ARG_TRIGGER, "trigger"));
	mlops_arg_require(fcinfo, ARG_COOLDOWN, "cooldown");
	mlops_arg_require(fcinfo, ARG_BUDGET, "budget");
	mlops_arg_require(fcinfo, ARG_MIN_GAIN, "min_gain");
	mlops_arg_require(fcinfo, ARG_HOLDOUT, "holdout");
	policy->source = mlops_arg_text(fcinfo, ARG_SOURCE);
	policy->window = PG_ARGISNULL(ARG_WINDOW) ? NULL : PG_GETARG_INTERVAL_P(ARG_WINDOW);
	policy->time_column = mlops_arg_name(fcinfo, ARG_TIME_COLUMN);
	policy->cooldown = PG_GETARG_INTERVAL_P(ARG_COOLDOWN);
	policy->budget = mlops_arg_jsonb(fcinfo, ARG_BUDGET);
	policy->metric = mlops_arg_text(fcinfo, ARG_METRIC);
	policy->min_gain = PG_GETARG_FLOAT8(ARG_MIN_GAIN);
	policy->new_rows = PG_ARGISNULL(ARG_NEW_ROWS) ? 0 : PG_GETARG_INT64(ARG_NEW_ROWS);
	if (!PG_ARGISNULL(ARG_NEW_ROWS) && policy->new_rows == 0)
		policy->new_rows = -1;	/* 0 is not "not given" */
	policy->promote_alias = mlops_arg_text(fcinfo, ARG_PROMOTE_ALIAS);
	policy->holdout = PG_GETARG_FLOAT8(ARG_HOLDOUT);
}

/* How often it looks: an hour unless given; what is done by time must say it. */
static Interval *
read_every(FunctionCallInfo fcinfo, const MlRetrainPolicy *policy)
{
	Interval   *hour;

	if (!PG_ARGISNULL(ARG_EVERY))
		return PG_GETARG_INTERVAL_P(ARG_EVERY);
	if (policy->trigger == ML_RETRAIN_SCHEDULE)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("trigger \"schedule\" needs an interval"),
				 errhint("Give it as every.")));
	hour = palloc0(sizeof(Interval));
	hour->time = USECS_PER_HOUR;
	return hour;
}

static void
check_cooldown(const MlRetrainPolicy *policy, const Interval *every)
{
	if (policy->trigger == ML_RETRAIN_SCHEDULE &&
		DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(every), IntervalPGetDatum(policy->cooldown))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("every must not be shorter than cooldown"),
				 errhint("cooldown is a day unless given.")));
}

/* When it looks first: what is done by time after one interval, everything else now. */
static TimestampTz
first_look(FunctionCallInfo fcinfo, const MlRetrainPolicy *policy, const Interval *every)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!PG_ARGISNULL(ARG_START))
		return PG_GETARG_TIMESTAMPTZ(ARG_START);
	if (policy->trigger != ML_RETRAIN_SCHEDULE)
		return now;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(now),
												   IntervalPGetDatum(every)));
}

Datum
mlops_retrain_policy(PG_FUNCTION_ARGS)
{
	MlRetrainPolicy policy;
	MlRetrainTrigger trigger;
	MlJobPlan	plan;
	MlWriter	w;
	MlLocked	model;
	int64		replaced;
	char	   *job;
	Datum		values[7];
	bool		nulls[7] = {0};

	read_policy(fcinfo, &policy);
	memset(&plan, 0, sizeof(plan));
	plan.every = read_every(fcinfo, &policy);
	plan.subject = psprintf("retrain:%s", policy.model);
	plan.kind = mlops_job_kind_required("retrain");
	plan.arguments = mlops_jsonb_one("model", policy.model);
	plan.start = first_look(fcinfo, &policy, plan.every);
	mlops_retrain_check(&policy);
	mlops_job_plan_check(&plan);
	check_cooldown(&policy, plan.every);

	mlops_write_begin(&w, "mlops.retrain_policy()");
	mlops_registry_lock(&w, policy.model, ML_PRIVILEGE_TRAIN, false, &model);
	replaced = mlops_retrain_job(&w, model.model_id, &trigger, &job);
	if (replaced != 0)
		mlops_job_remove_number(&w, replaced);
	policy.job_id = mlops_job_add(&w, &plan, &job);
	mlops_retrain_store(&w, &policy, plan.every);
	mlops_write_end(&w);

	values[0] = CStringGetTextDatum(policy.model);
	values[1] = CStringGetTextDatum(mlops_retrain_trigger_name(policy.trigger));
	values[2] = CStringGetTextDatum(policy.metric);
	values[3] = CStringGetTextDatum(job);
	values[4] = IntervalPGetDatum(plan.every);
	values[5] = TimestampTzGetDatum(plan.start);
	values[6] = BoolGetDatum(replaced != 0);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_drop_retrain_policy(PG_FUNCTION_ARGS)
{
	char	   *name = mlops_arg_model_name(fcinfo);
	MlRetrainTrigger trigger;
	MlWriter	w;
	MlLocked	model;
	int64		job_id;
	char	   *job;
	Datum		values[3];
	bool		nulls[3] = {0};

	mlops_write_begin(&w, "mlops.drop_retrain_policy()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_TRAIN, false, &model);
	job_id = mlops_retrain_job(&w, model.model_id, &trigger, &job);
	if (job_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no retrain policy", name)));
	mlops_job_remove_number(&w, job_id);
	mlops_audit_add(&w, "retrain_policy.drop", "model", name, NULL);
	mlops_write_end(&w);
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(mlops_retrain_trigger_name(trigger));
	values[2] = CStringGetTextDatum(job);
	return mlops_result_row(fcinfo, values, nulls);
}
