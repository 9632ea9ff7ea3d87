/*-------------------------------------------------------------------------
 *
 * threshold.c
 *	  What windows are judged by: read from jsonb, and back, complete.
 *
 * IDENTIFICATION
 *	  src/monitor/threshold.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "mlops/jsonb_out.h"
#include "mlops/monitor.h"
#include "mlops/params.h"

/* What mlops.performance() gives and a bound can be set to. */
static const char *const metrics[] = {
	"accuracy", "precision_score", "recall_score", "f1", "auc", "log_loss", "brier", "ece",
	"rmse", "mae", "r2", "mape", "false_positive_rate", "selection_rate", "unknown_class",
	"demographic_parity_difference", "demographic_parity_ratio",
	"equal_opportunity_difference", "equalized_odds_difference"
};

static const MlParamDef defs[] = {
	{"psi_warning", ML_PARAM_NUMBER, 0.1, 0, DBL_MAX, NULL,
	"PSI from which there is drift"},
	{"psi_major", ML_PARAM_NUMBER, 0.2, 0, DBL_MAX, NULL,
	"PSI from which it is major"},
	{"epsilon", ML_PARAM_NUMBER, MLOPS_DRIFT_EPSILON, 1e-12, 0.01, NULL,
	"least share of a bin in PSI"},
	{"noise_level", ML_PARAM_NUMBER, 0.99, 0.5, 0.999999, NULL,
	"quantile of what chance does, which has to be exceeded"},
	{"low_n", ML_PARAM_INTEGER, 200, 1, 1e9, NULL,
	"rows below which windows are put together before they are judged"},
	{"alpha", ML_PARAM_NUMBER, 0.05, 1e-12, 0.5, NULL,
	"adjusted p below which D counts"},
	{"ks", ML_PARAM_NUMBER, 0.1, 0.001, 1, NULL,
	"D of Kolmogorov and Smirnov from which there is drift"},
	{"missing", ML_PARAM_NUMBER, 0.1, 0.0001, 1, NULL,
	"difference of shares of missing values from which there is an alert; twice as much is major"},
	{"share", ML_PARAM_NUMBER, 0.3, 0.0001, 1, NULL,
	"share of features in major drift from which the model is"},
	{"importance", ML_PARAM_NUMBER, 0.2, 0.0001, 1, NULL,
	"importance of a feature whose major drift is the model's"},
	{"raise_after", ML_PARAM_INTEGER, 2, 1, 100, NULL,
	"windows in a row that open an alert"},
	{"clear_after", ML_PARAM_INTEGER, 2, 1, 100, NULL,
	"windows in a row that close it"},
	{"errors", ML_PARAM_NUMBER, NAN, 0, 1, NULL,
	"share of rows without an answer from which there is an alert"},
	{"latency_ms", ML_PARAM_NUMBER, NAN, 0, 1e9, NULL,
	"95th percentile of latency from which there is an alert"},
	{"no_data", ML_PARAM_JSON, 0, 0, 0, NULL,
	"time without a row after which there is an alert, as an interval"},
	{"performance", ML_PARAM_JSON, 0, 0, 0, NULL,
	"metrics with what they must not fall below or rise above"},
	{"performance_rows", ML_PARAM_INTEGER, 100, 1, 1e9, NULL,
	"rows with an outcome below which performance is not judged"},
	{"performance_delay", ML_PARAM_JSON, 0, 0, 0, NULL,
	"time after a window's end that outcomes take, as an interval"},
	{NULL}
};

pg_noreturn static void
wrong(const char *name, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" must be %s", name, expected)));
}

int64
mlops_interval_us(const Interval *interval, const char *name, int64 least, int64 most)
{
	int64		us;

	if (interval->month == 0 && interval->day >= -366 * 100 && interval->day <= 366 * 100 &&
		interval->time >= -most && interval->time <= most)
	{
		us = interval->day * USECS_PER_DAY + interval->time;
		if (us >= least && us <= most)
			return us;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is out of range", name),
			 errdetail("It must be without months and years, and between %s and %s.",
					   mlops_us_text(least), mlops_us_text(most))));
}

/* "2 days", "1 second" */
static char *
count_text(int64 n, const char *unit)
{
	return psprintf(INT64_FORMAT " %s%s", n, unit, n == 1 ? "" : "s");
}

char *
mlops_us_text(int64 us)
{
	if (us > 0 && us % USECS_PER_DAY == 0)
		return count_text(us / USECS_PER_DAY, "day");
	if (us % USECS_PER_SEC == 0)
		return count_text(us / USECS_PER_SEC, "second");
	return count_text(us, "microsecond");
}

/* A string that is an interval; absent: the default. */
static int64
read_interval(const MlParams *params, const char *name, int64 least, int64 def)
{
	JsonbValue *v = mlops_param_json(params, name);
	char	   *text;
	Interval   *interval;

	if (v == NULL)
		return def;
	if (v->type != jbvString)
		wrong(name, "an interval in quotes");
	text = pnstrdup(v->val.string.val, v->val.string.len);
	interval = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
													 ObjectIdGetDatum(InvalidOid),
													 Int32GetDatum(-1)));
	return mlops_interval_us(interval, psprintf("option \"%s\"", name), least, 366 * USECS_PER_DAY);
}

/* Infinite where it is beyond what a double holds. */
static double
number_of(Numeric number)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(number)));
}

/* {"min": number} or {"max": number}, or both */
static void
check_bounds(const JsonbValue *bounds)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	int			n = 0;

	if (bounds->type != jbvBinary || !JsonContainerIsObject(bounds->val.binary.data))
		wrong("performance", "an object of metrics, each with \"min\" or \"max\"");
	it = JsonbIteratorInit(bounds->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY &&
			(v.val.string.len != 3 || (memcmp(v.val.string.val, "min", 3) != 0 &&
									   memcmp(v.val.string.val, "max", 3) != 0)))
			wrong("performance", "an object of metrics, each with \"min\" or \"max\"");
		if (token != WJB_VALUE)
			continue;
		if (v.type != jbvNumeric || !isfinite(number_of(v.val.numeric)))
			wrong("performance", "an object of metrics, each with \"min\" or \"max\", which are numbers");
		n++;
	}
	if (n == 0)
		wrong("performance", "an object of metrics, each with \"min\" or \"max\"");
}

static void
check_metric(const JsonbValue *key)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < (int) lengthof(metrics); i++)
	{
		if ((int) strlen(metrics[i]) == key->val.string.len &&
			memcmp(metrics[i], key->val.string.val, key->val.string.len) == 0)
			return;
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", metrics[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"performance\" names an unknown metric"),
			 errhint("Metrics are: %s.", list.data)));
}

static Jsonb *
read_performance(const MlParams *params)
{
	JsonbValue *given = mlops_param_json(params, "performance");
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	int			n = 0;

	if (given == NULL)
		return NULL;
	if (given->type != jbvBinary || !JsonContainerIsObject(given->val.binary.data))
		wrong("performance", "an object of metrics, each with \"min\" or \"max\"");
	it = JsonbIteratorInit(given->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			check_metric(&v);
			n++;
		}
		else if (token == WJB_VALUE)
			check_bounds(&v);
	}
	return n == 0 ? NULL : JsonbValueToJsonb(given);
}

void
mlops_thresholds_read(Jsonb *given, MlThresholds *out)
{
	MlParams   *params = mlops_params_parse(given, defs, NULL, "thresholds");

	memset(out, 0, sizeof(*out));
	out->drift.epsilon = mlops_param_number(params, "epsilon");
	out->drift.warning = mlops_param_number(params, "psi_warning");
	out->drift.major = mlops_param_number(params, "psi_major");
	out->drift.noise_level = mlops_param_number(params, "noise_level");
	out->drift.low_n = mlops_param_integer(params, "low_n");
	out->alpha = mlops_param_number(params, "alpha");
	out->ks = mlops_param_number(params, "ks");
	out->missing = mlops_param_number(params, "missing");
	out->share = mlops_param_number(params, "share");
	out->importance = mlops_param_number(params, "importance");
	out->raise_after = (int) mlops_param_integer(params, "raise_after");
	out->clear_after = (int) mlops_param_integer(params, "clear_after");
	out->errors = mlops_param_number(params, "errors");
	out->latency_ms = mlops_param_number(params, "latency_ms");
	out->no_data_us = read_interval(params, "no_data", USECS_PER_SEC, 0);
	out->performance = read_performance(params);
	out->performance_rows = mlops_param_integer(params, "performance_rows");
	out->performance_delay_us = read_interval(params, "performance_delay", 0, 0);
	if (out->drift.major < out->drift.warning)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"psi_major\" must not be less than \"psi_warning\"")));
}

Jsonb *
mlops_thresholds_json(const MlThresholds *t)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_number(&state, "psi_warning", t->drift.warning);
	mlops_jsonb_add_number(&state, "psi_major", t->drift.major);
	mlops_jsonb_add_number(&state, "epsilon", t->drift.epsilon);
	mlops_jsonb_add_number(&state, "noise_level", t->drift.noise_level);
	mlops_jsonb_add_integer(&state, "low_n", t->drift.low_n);
	mlops_jsonb_add_number(&state, "alpha", t->alpha);
	mlops_jsonb_add_number(&state, "ks", t->ks);
	mlops_jsonb_add_number(&state, "missing", t->missing);
	mlops_jsonb_add_number(&state, "share", t->share);
	mlops_jsonb_add_number(&state, "importance", t->importance);
	mlops_jsonb_add_integer(&state, "raise_after", t->raise_after);
	mlops_jsonb_add_integer(&state, "clear_after", t->clear_after);
	mlops_jsonb_add_number(&state, "errors", t->errors);
	mlops_jsonb_add_number(&state, "latency_ms", t->latency_ms);
	mlops_jsonb_add_string(&state, "no_data", t->no_data_us ? mlops_us_text(t->no_data_us) : NULL);
	if (t->performance)
		mlops_jsonb_add_jsonb(&state, "performance", t->performance);
	else
		mlops_jsonb_add_string(&state, "performance", NULL);
	mlops_jsonb_add_integer(&state, "performance_rows", t->performance_rows);
	mlops_jsonb_add_string(&state, "performance_delay", mlops_us_text(t->performance_delay_us));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
