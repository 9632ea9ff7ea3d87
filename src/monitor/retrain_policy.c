/*-------------------------------------------------------------------------
 *
 * retrain_policy.c
 *	  Retrain policies: checking, storing and finding them.
 *
 * A policy has a job, whose owner trains, and goes with it.
 *
 * IDENTIFICATION
 *	  src/monitor/retrain_policy.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "mlops/base.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/model.h"
#include "mlops/params.h"
#include "mlops/retrain.h"

#define MAX_HOLDOUT 0.9
#define MIN_HOLDOUT 0.001
#define MAX_NEW_ROWS INT64CONST(1000000000000)

static const char *const triggers[] = {"schedule", "drift", "performance", "new rows"};

static const MlParamDef budget_params[] = {
	{"rows", ML_PARAM_INTEGER, 0, 1, 2147483647.0, NULL,
	"of the source, in the window, at most"},
	{"runs_per_month", ML_PARAM_INTEGER, 0, 1, 100000, NULL,
	"trainings in 30 days"},
	{"seconds", ML_PARAM_NUMBER, 0, 0.001, 1e7, NULL,
	"that one training may take"},
	{NULL}
};

void
mlops_retrain_budget(Jsonb *budget, MlRetrainBudget *out)
{
	MlParams   *params = mlops_params_parse(budget, budget_params, NULL, "budget");

	out->seconds = mlops_param_number(params, "seconds");
	out->rows = mlops_param_integer(params, "rows");
	out->runs = mlops_param_integer(params, "runs_per_month");
}

const char *
mlops_retrain_trigger_name(MlRetrainTrigger trigger)
{
	return triggers[trigger];
}

MlRetrainTrigger
mlops_retrain_trigger_by_name(const char *name)
{
	for (int i = 0; i < (int) lengthof(triggers); i++)
		if (strcmp(triggers[i], name) == 0)
			return (MlRetrainTrigger) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown trigger of a retrain policy"),
			 errhint("Triggers are schedule, drift, performance and new rows.")));
}

static void
require_positive(const Interval *interval, bool or_zero, const char *name)
{
	bool		negative = interval->month < 0 || interval->day < 0 || interval->time < 0;
	bool		zero = interval->month == 0 && interval->day == 0 && interval->time == 0;

	if (negative || (zero && !or_zero) || interval->month > 12 * 100 || interval->day > 366 * 100 ||
		interval->time > INT64CONST(100) * 366 * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is out of range", name),
				 errdetail("It must be %s, and at most 100 years.", or_zero ? "0 or more" : "more than 0")));
}

static void
check_numbers(const MlRetrainPolicy *policy)
{
	MlRetrainBudget budget;

	require_positive(policy->cooldown, true, "cooldown");
	if (policy->window)
		require_positive(policy->window, false, "window");
	if (policy->window && policy->time_column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a window needs a time column"),
				 errhint("Name it with time_column, or use a query with a window of its own.")));
	if (!(policy->holdout >= MIN_HOLDOUT && policy->holdout <= MAX_HOLDOUT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("holdout must be between %g and %g", MIN_HOLDOUT, MAX_HOLDOUT)));
	if (!isfinite(policy->min_gain))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_gain must be finite")));
	if (policy->new_rows < 0 || policy->new_rows > MAX_NEW_ROWS ||
		(policy->new_rows == 0) == (policy->trigger == ML_RETRAIN_NEW_ROWS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("new_rows must be between 1 and 10^12 for trigger \"new rows\", and null for others")));
	mlops_retrain_budget(policy->budget, &budget);
}

/*
 * The source of a version; of one that a policy trained, what the policy had,
 * since the version's own is that of one training.
 */
static char *
recorded_source(int64 model_id, int version)
{
	MlWriter	w;
	char	   *source = NULL;

	mlops_read_begin(&w);
	mlops_write_int8(&w, model_id);
	mlops_write_int4(&w, version);
	if (mlops_write_run(&w, "SELECT coalesce(r.source, v.source) FROM mlops_private.version v"
						" LEFT JOIN mlops_private.retraining r ON r.model_id = v.model_id AND r.challenger = v.version"
						" WHERE v.model_id = $1 AND v.version = $2 ORDER BY r.retraining_id DESC LIMIT 1") > 0)
		source = mlops_write_string(&w, 0, 1);
	mlops_read_end(&w);
	if (source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source must not be null"),
				 errdetail("Version %d has none on record.", version)));
	return source;
}

/* The version that bare names mean; error 55000 where there is none. */
static void
find_champion(const MlRetrainPolicy *policy, MlResolved *out)
{
	MlWriter	w;
	int			version = 0;

	mlops_read_begin(&w);
	mlops_write_int8(&w, policy->model_id);
	mlops_write_name(&w, MLOPS_CHAMPION);
	if (mlops_write_run(&w, "SELECT version FROM mlops_private.alias WHERE model_id = $1 AND alias = $2") > 0)
		version = DatumGetInt32(mlops_write_result(0, 1));
	mlops_read_end(&w);
	if (version == 0 || !mlops_registry_version(policy->model_id, version, out))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no champion", policy->model),
				 errdetail("Its successors are trained as it was.")));
}

void
mlops_retrain_check(MlRetrainPolicy *policy)
{
	Oid			role = GetUserId();
	MlResolved	champion;
	MlRecipe	recipe;
	const MlModel *model;

	policy->model_id = mlops_registry_require(policy->model, role, ML_PRIVILEGE_TRAIN);
	check_numbers(policy);
	if (policy->promote_alias)
	{
		mlops_name_check(policy->promote_alias, "an alias");
		if (!mlops_registry_may(policy->model_id, role, ML_PRIVILEGE_DEPLOY))
		{
			mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_DEPLOY), "alias",
							   psprintf("%s@%s", policy->model, policy->promote_alias));
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to move aliases of model \"%s\"", policy->model),
					 errdetail("It needs the privilege \"deploy\"."),
					 errhint("Without promote_alias a policy proposes what it has trained.")));
		}
	}
	find_champion(policy, &champion);
	model = mlops_model_cache_get(champion.artifact, CurrentMemoryContext);
	policy->metric = pstrdup(mlops_retrain_metric(policy->metric, model->sig->task, model->sig->nclasses));
	mlops_recipe_read(policy->model_id, champion.version, &recipe);
	if (policy->source == NULL)
		policy->source = recorded_source(policy->model_id, champion.version);
	mlops_retrain_source_check(policy);
}

static void
write_interval(MlWriter *w, const Interval *interval)
{
	if (interval)
		mlops_write_datum(w, INTERVALOID, IntervalPGetDatum(interval));
	else
		mlops_write_null(w, INTERVALOID);
}

static char *
interval_text(const Interval *interval)
{
	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval)));
}

static Jsonb *
policy_payload(const MlRetrainPolicy *policy, const Interval *every)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "trigger", triggers[policy->trigger]);
	mlops_jsonb_add_string(&state, "every", interval_text(every));
	mlops_jsonb_add_string(&state, "cooldown", interval_text(policy->cooldown));
	mlops_jsonb_add_string(&state, "metric", policy->metric);
	mlops_jsonb_add_number(&state, "min_gain", policy->min_gain);
	mlops_jsonb_add_string(&state, "promote_alias", policy->promote_alias);
	mlops_jsonb_add_jsonb(&state, "budget", policy->budget);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

void
mlops_retrain_store(MlWriter *w, const MlRetrainPolicy *policy, const Interval *every)
{
	mlops_write_int8(w, policy->model_id);
	mlops_write_int8(w, policy->job_id);
	mlops_write_text(w, triggers[policy->trigger]);
	mlops_write_text(w, policy->source);
	write_interval(w, policy->window);
	mlops_write_name(w, policy->time_column);
	write_interval(w, policy->cooldown);
	mlops_write_jsonb(w, policy->budget);
	mlops_write_text(w, policy->metric);
	mlops_write_float8(w, policy->min_gain);
	if (policy->new_rows > 0)
		mlops_write_int8(w, policy->new_rows);
	else
		mlops_write_null(w, INT8OID);
	mlops_write_name(w, policy->promote_alias);
	mlops_write_float8(w, policy->holdout);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "INSERT INTO mlops_private.retrain_policy"
					" (model_id, job_id, trigger_kind, source, window_width, time_column, cooldown, budget,"
					" metric, min_gain, new_rows, promote_alias, holdout, set_by)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
					/* the model is locked, so one that is there is younger than our snapshot: a serialization failure */
					" ON CONFLICT (model_id) DO NOTHING");
	mlops_audit_add(w, "retrain_policy.set", "model", policy->model, policy_payload(policy, every));
}

int64
mlops_retrain_job(MlWriter *w, int64 model_id, MlRetrainTrigger *trigger, char **job)
{
	mlops_write_int8(w, model_id);
	if (mlops_write_run(w, "SELECT p.job_id, p.trigger_kind, j.name FROM mlops_private.retrain_policy p"
						" JOIN mlops_private.job j ON j.job_id = p.job_id"
						" WHERE p.model_id = $1 FOR UPDATE OF p") == 0)
		return 0;
	*trigger = mlops_retrain_trigger_by_name(mlops_write_string(w, 0, 2));
	*job = mlops_write_string(w, 0, 3);
	return DatumGetInt64(mlops_write_result(0, 1));
}

static Interval *
read_interval(int column)
{
	Interval   *copy;

	if (mlops_write_isnull(0, column))
		return NULL;
	copy = palloc(sizeof(Interval));
	*copy = *DatumGetIntervalP(mlops_write_result(0, column));
	return copy;
}

static void
read_policy(MlWriter *w, MlRetrainPolicy *out)
{
	memset(out, 0, sizeof(*out));
	out->model_id = DatumGetInt64(mlops_write_result(0, 1));
	out->model = mlops_write_string(w, 0, 2);
	out->trigger = mlops_retrain_trigger_by_name(mlops_write_string(w, 0, 3));
	out->source = mlops_write_string(w, 0, 4);
	out->window = read_interval(5);
	out->time_column = mlops_write_string(w, 0, 6);
	out->cooldown = read_interval(7);
	out->budget = DatumGetJsonbPCopy(mlops_write_result(0, 8));
	out->metric = mlops_write_string(w, 0, 9);
	out->min_gain = DatumGetFloat8(mlops_write_result(0, 10));
	out->new_rows = mlops_write_isnull(0, 11) ? 0 : DatumGetInt64(mlops_write_result(0, 11));
	out->promote_alias = mlops_write_string(w, 0, 12);
	out->holdout = DatumGetFloat8(mlops_write_result(0, 13));
	out->wanted = mlops_write_isnull(0, 14) ? 0 : DatumGetTimestampTz(mlops_write_result(0, 14));
}

bool
mlops_retrain_load(int64 job_id, MlRetrainPolicy *out)
{
	MlWriter	w;
	MemoryContext old;
	bool		found;

	mlops_read_begin(&w);
	mlops_write_int8(&w, job_id);
	found = mlops_write_run(&w, "SELECT p.model_id, m.name, p.trigger_kind, p.source, p.window_width,"
							" p.time_column, p.cooldown, p.budget, p.metric, p.min_gain, p.new_rows,"
							" p.promote_alias, p.holdout, p.wanted"
							" FROM mlops_private.retrain_policy p"
							" JOIN mlops_private.model m ON m.model_id = p.model_id"
							" WHERE p.job_id = $1") > 0;
	if (found)
	{
		old = MemoryContextSwitchTo(w.caller);
		read_policy(&w, out);
		MemoryContextSwitchTo(old);
		out->job_id = job_id;
	}
	mlops_read_end(&w);
	return found;
}

/*
 * A job that is running is not touched: what it has begun is the answer, or
 * the alerts that are open then.
 */
bool
mlops_retrain_wake(MlWriter *w, int64 model_id)
{
	int64		job_id;

	mlops_write_int8(w, model_id);
	if (mlops_write_run(w, "UPDATE mlops_private.retrain_policy SET wanted = coalesce(wanted, clock_timestamp())"
						" WHERE model_id = $1 RETURNING job_id") == 0)
		return false;
	job_id = DatumGetInt64(mlops_write_result(0, 1));
	mlops_write_int8(w, job_id);
	mlops_write_run(w, "UPDATE mlops_private.job SET next_due = least(next_due, clock_timestamp())"
					" WHERE job_id = (SELECT j.job_id FROM mlops_private.job j WHERE j.job_id = $1"
					" AND j.state = 'idle' AND j.failures = 0 FOR UPDATE SKIP LOCKED)");
	mlops_wake_at_commit(MLOPS_WAKE_JOBS);
	return true;
}
