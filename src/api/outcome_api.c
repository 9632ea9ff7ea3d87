/*-------------------------------------------------------------------------
 *
 * outcome_api.c
 *	  SQL: record_outcome and record_outcomes.
 *
 * IDENTIFICATION
 *	  src/api/outcome_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/jsonb_out.h"
#include "mlops/log.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_record_outcome_text);
PG_FUNCTION_INFO_V1(mlops_record_outcome_number);
PG_FUNCTION_INFO_V1(mlops_record_outcomes);

static Datum
record(FunctionCallInfo fcinfo, const char *model, MlOutcome *outcome)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	outcome->key = mlops_arg_required(fcinfo, 1, "key");
	mlops_arg_require(fcinfo, 3, "at");
	outcome->at = PG_GETARG_TIMESTAMPTZ(3);
	if (TIMESTAMP_NOT_FINITE(outcome->at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("at must be finite")));
	values[4] = BoolGetDatum(mlops_outcome_record(model, outcome));
	values[0] = CStringGetTextDatum(model);
	values[1] = CStringGetTextDatum(outcome->key);
	values[2] = CStringGetTextDatum(outcome->label);
	values[3] = TimestampTzGetDatum(outcome->at);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_record_outcome_text(PG_FUNCTION_ARGS)
{
	MlOutcome	outcome = {0};
	char	   *model = mlops_arg_model_name(fcinfo);

	outcome.label = mlops_arg_required(fcinfo, 2, "actual");
	return record(fcinfo, model, &outcome);
}

Datum
mlops_record_outcome_number(PG_FUNCTION_ARGS)
{
	MlOutcome	outcome = {0};
	char	   *model = mlops_arg_model_name(fcinfo);

	mlops_arg_require(fcinfo, 2, "actual");
	outcome.has_value = true;
	outcome.value = PG_GETARG_FLOAT8(2);
	if (!isfinite(outcome.value))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("actual must be finite")));
	outcome.label = mlops_double_text(outcome.value);
	return record(fcinfo, model, &outcome);
}

Datum
mlops_record_outcomes(PG_FUNCTION_ARGS)
{
	char	   *model = mlops_arg_model_name(fcinfo);
	char	   *source = mlops_arg_required(fcinfo, 1, "source");
	char	   *key = mlops_arg_required(fcinfo, 2, "key");
	char	   *actual = mlops_arg_required(fcinfo, 3, "actual");
	MlOutcomeCounts counts;
	Datum		values[6];
	bool		nulls[6] = {false};

	mlops_outcomes_record(model, source, key, actual, mlops_arg_text(fcinfo, 4), &counts);
	values[0] = CStringGetTextDatum(model);
	values[1] = Int64GetDatum(counts.rows);
	values[2] = Int64GetDatum(counts.added);
	values[3] = Int64GetDatum(counts.changed);
	values[4] = Int64GetDatum(counts.unchanged);
	values[5] = Int64GetDatum(counts.skipped);
	return mlops_result_row(fcinfo, values, nulls);
}
