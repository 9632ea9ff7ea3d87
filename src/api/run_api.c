/*-------------------------------------------------------------------------
 *
 * run_api.c
 *	  SQL: run_start, run_log, run_link, run_end, run_drop, and what views and
 *	  leaderboard() ask.
 *
 * IDENTIFICATION
 *	  src/api/run_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_run_start);
PG_FUNCTION_INFO_V1(mlops_run_log);
PG_FUNCTION_INFO_V1(mlops_run_log_many);
PG_FUNCTION_INFO_V1(mlops_run_link);
PG_FUNCTION_INFO_V1(mlops_run_end);
PG_FUNCTION_INFO_V1(mlops_run_drop);
PG_FUNCTION_INFO_V1(mlops_last_metrics);
PG_FUNCTION_INFO_V1(mlops_owns);
PG_FUNCTION_INFO_V1(mlops_metric_sign);

#define EXPERIMENT_LEN	63
#define RUN_NAME_LEN	250
#define METRIC_LEN		250

/* Names of experiments: what can be typed and told apart. */
static void
check_experiment(const char *name)
{
	size_t		len = strlen(name);
	bool		valid = len > 0 && len <= EXPERIMENT_LEN && name[0] != ' ' && name[len - 1] != ' ';

	for (const char *c = name; *c && valid; c++)
		valid = *c >= ' ' && *c <= '~';
	if (!valid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name for an experiment"),
				 errdetail("Names of experiments have 1 to %d printable ASCII characters and neither start nor end with a space.",
						   EXPERIMENT_LEN)));
}

static void
check_run_name(const char *name)
{
	int			len = pg_mbstrlen(name);

	if (len < 1 || len > RUN_NAME_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name for a run"),
				 errdetail("Names of runs have 1 to %d characters.", RUN_NAME_LEN)));
}

static bool
is_metric_name(const char *name)
{
	const char *c = name;

	while ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		   (*c >= '0' && *c <= '9') || (*c != '\0' && strchr("_-./:@% ", *c)))
		c++;
	return *c == '\0' && c > name && c - name <= METRIC_LEN;
}

static void
check_metric(const char *name)
{
	if (!is_metric_name(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name for a metric"),
				 errdetail("Names of metrics have 1 to %d letters, digits, spaces and characters out of _ - . / : @ %%.",
						   METRIC_LEN),
				 errhint("Several metrics at once are an object of type jsonb; cast the text to it.")));
}

static int64
arg_run(FunctionCallInfo fcinfo)
{
	mlops_arg_require(fcinfo, 0, "run");
	return PG_GETARG_INT64(0);
}

/* The step of a value; 0 for values without one. */
static int64
arg_step(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? 0 : PG_GETARG_INT64(arg);
}

static void
set_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	*value = text ? CStringGetTextDatum(text) : (Datum) 0;
}

Datum
mlops_run_start(PG_FUNCTION_ARGS)
{
	char	   *experiment = mlops_arg_required(fcinfo, 0, "experiment");
	char	   *name = mlops_arg_text(fcinfo, 1);
	Jsonb	   *params = mlops_arg_jsonb(fcinfo, 2);
	int64		parent = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT64(4);
	TimestampTz started_at;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	check_experiment(experiment);
	if (name)
		check_run_name(name);
	if (params && !JB_ROOT_IS_OBJECT(params))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("params must be a JSON object")));
	if (!PG_ARGISNULL(4) && parent < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parent must be at least 1")));
	values[0] = Int64GetDatum(mlops_run_of_experiment(experiment, name, params,
													  mlops_arg_remark(fcinfo, 3, "note"),
													  parent, &started_at));
	values[1] = CStringGetTextDatum(experiment);
	set_text(&values[2], &nulls[2], name);
	values[3] = TimestampTzGetDatum(started_at);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_run_log(PG_FUNCTION_ARGS)
{
	int64		run = arg_run(fcinfo);
	char	   *key = mlops_arg_required(fcinfo, 1, "key");
	int64		step = arg_step(fcinfo, 3);
	double		value;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	check_metric(key);
	mlops_arg_require(fcinfo, 2, "value");
	value = PG_GETARG_FLOAT8(2);
	mlops_run_add_metrics(run, 1, &key, &value, step);
	values[0] = Int64GetDatum(run);
	values[1] = CStringGetTextDatum(key);
	values[2] = Float8GetDatum(value);
	values[3] = Int64GetDatum(step);
	return mlops_result_row(fcinfo, values, nulls);
}

/* A metric as jsonb has it: a number, or what is none in a string.  False: something else. */
static bool
metric_value(const JsonbValue *v, double *out)
{
	static const struct
	{
		const char *name;
		double		value;
	}			specials[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};

	if (v->type == jbvNumeric)
	{
		*out = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												  NumericGetDatum(v->val.numeric)));
		if (isinf(*out))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value of a metric is out of range for type double precision")));
		return true;
	}
	for (size_t i = 0; v->type == jbvString && i < lengthof(specials); i++)
	{
		if ((int) strlen(specials[i].name) == v->val.string.len &&
			memcmp(specials[i].name, v->val.string.val, v->val.string.len) == 0)
		{
			*out = specials[i].value;
			return true;
		}
	}
	return false;
}

/* Take an object of metrics apart; null is a metric that is undefined, and passed over. */
static int
read_metrics(Jsonb *metrics, char ***keys, double **values)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	bool		valid = JB_ROOT_IS_OBJECT(metrics);
	int			n = 0;

	*keys = palloc(sizeof(char *) * Max(JB_ROOT_COUNT(metrics), 1));
	*values = palloc(sizeof(double) * Max(JB_ROOT_COUNT(metrics), 1));
	it = JsonbIteratorInit(&metrics->root);
	while (valid && (token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			(*keys)[n] = pnstrdup(v.val.string.val, v.val.string.len);
			check_metric((*keys)[n]);
		}
		else if (token == WJB_VALUE && v.type != jbvNull)
			valid = metric_value(&v, &(*values)[n++]);
	}
	if (!valid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("metrics must be a JSON object whose values are numbers"),
				 errdetail("The strings NaN, Infinity and -Infinity count as numbers, null as nothing.")));
	return n;
}

Datum
mlops_run_log_many(PG_FUNCTION_ARGS)
{
	int64		run = arg_run(fcinfo);
	int64		step = arg_step(fcinfo, 2);
	char	  **keys;
	double	   *metrics;
	int			n;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	mlops_arg_require(fcinfo, 1, "metrics");
	n = read_metrics(PG_GETARG_JSONB_P(1), &keys, &metrics);
	mlops_run_add_metrics(run, n, keys, metrics, step);
	values[0] = Int64GetDatum(run);
	values[1] = Int32GetDatum(n);
	values[2] = Int64GetDatum(step);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_run_link(PG_FUNCTION_ARGS)
{
	int64		run = arg_run(fcinfo);
	MlModelRef	ref;
	int			metrics;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	mlops_model_ref_parse(mlops_arg_required(fcinfo, 1, "model"), &ref);
	values[2] = Int32GetDatum(mlops_run_set_version(run, &ref, &metrics));
	values[0] = Int64GetDatum(run);
	values[1] = CStringGetTextDatum(ref.name);
	values[3] = Int32GetDatum(metrics);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_run_end(PG_FUNCTION_ARGS)
{
	int64		run = arg_run(fcinfo);
	char	   *status = mlops_arg_required(fcinfo, 1, "status");
	double		seconds;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	if (strcmp(status, "finished") != 0 && strcmp(status, "failed") != 0 &&
		strcmp(status, "killed") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("status must be finished, failed or killed")));
	values[1] = CStringGetTextDatum(mlops_run_finish(run, status, mlops_arg_remark(fcinfo, 2, "note"), &seconds));
	values[0] = Int64GetDatum(run);
	values[2] = CStringGetTextDatum(status);
	values[3] = Float8GetDatum(seconds);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_run_drop(PG_FUNCTION_ARGS)
{
	int64		run = arg_run(fcinfo);
	Datum		values[2];
	bool		nulls[2] = {false, false};

	values[1] = CStringGetTextDatum(mlops_run_remove(run));
	values[0] = Int64GetDatum(run);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_last_metrics(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(mlops_run_last_metrics(PG_GETARG_INT64(0), mlops_asking_role()));
}

Datum
mlops_owns(PG_FUNCTION_ARGS)
{
	Oid			owner = mlops_stored_role(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)),
										  PG_GETARG_INT64(2));

	PG_RETURN_BOOL(mlops_rights_own(owner, mlops_asking_role()));
}

/* Does the name end with this one, alone or after a separator: auc, val_auc, test/auc? */
static bool
ends_with(const char *name, const char *metric)
{
	size_t		len = strlen(name);
	size_t		end = strlen(metric);

	return len >= end && strcmp(name + len - end, metric) == 0 &&
		(len == end || strchr("_-./:@% ", name[len - end - 1]) != NULL);
}

Datum
mlops_metric_sign(PG_FUNCTION_ARGS)
{
	static const char *const smaller[] = {
		"rmse", "mae", "mape", "log_loss", "brier", "ece", "loss", "seconds"
	};
	static const char *const larger[] = {
		"r2", "accuracy", "precision_score", "recall_score", "f1", "auc"
	};
	char	   *metric = mlops_arg_required(fcinfo, 0, "metric");

	check_metric(metric);
	if (!PG_ARGISNULL(1))
		PG_RETURN_INT32(PG_GETARG_BOOL(1) ? 1 : -1);
	for (size_t i = 0; i < lengthof(smaller); i++)
		if (ends_with(metric, smaller[i]))
			PG_RETURN_INT32(1);
	for (size_t i = 0; i < lengthof(larger); i++)
		if (ends_with(metric, larger[i]))
			PG_RETURN_INT32(-1);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("it is not known whether small or large values of metric \"%s\" are good", metric),
			 errhint("Give ascending => true where the smallest value is the best, else ascending => false.")));
	pg_unreachable();
}
