/*-------------------------------------------------------------------------
 *
 * data_drift_api.c
 *	  SQL: data_drift(), two tables or queries side by side.
 *
 * IDENTIFICATION
 *	  src/api/data_drift_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "mlops/data_drift.h"
#include "mlops/params.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_data_drift_sources);

static const MlParamDef drift_params[] = {
	{"bins", ML_PARAM_INTEGER, MLOPS_DRIFT_BINS, 2, MLOPS_BINS_MAX, NULL,
	"of PSI, at quantiles of the reference"},
	{"epsilon", ML_PARAM_NUMBER, MLOPS_DRIFT_EPSILON, 1e-9, 0.1, NULL,
	"least share of a bin in PSI"},
	{"low_n", ML_PARAM_INTEGER, 200, 0, 2147483647.0, NULL,
	"rows of the current source below which there is no verdict"},
	{"major", ML_PARAM_NUMBER, 0.2, 0, 1000, NULL,
	"PSI from which drift is major"},
	{"noise_level", ML_PARAM_NUMBER, 0.99, 0, 0.999999, NULL,
	"quantile of what chance does to PSI, which it has to exceed"},
	{"warning", ML_PARAM_NUMBER, 0.1, 0, 1000, NULL,
	"PSI from which there is drift"},
	{NULL}
};

static int
read_options(Jsonb *given, MlDriftOptions *out)
{
	MlParams   *params = mlops_params_parse(given, drift_params, NULL, "data_drift()");

	out->epsilon = mlops_param_number(params, "epsilon");
	out->warning = mlops_param_number(params, "warning");
	out->major = mlops_param_number(params, "major");
	out->noise_level = mlops_param_number(params, "noise_level");
	out->low_n = mlops_param_integer(params, "low_n");
	if (out->major < out->warning)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"major\" must not be less than \"warning\"")));
	return (int) mlops_param_integer(params, "bins");
}

static char **
read_columns(FunctionCallInfo fcinfo, int arg, int *n)
{
	Datum	   *elems;
	bool	   *nulls;
	char	  **names;

	*n = 0;
	if (PG_ARGISNULL(arg))
		return NULL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, n);
	if (*n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("columns must not be an empty array"),
				 errhint("Leave it out to compare all columns that both sources have.")));
	names = palloc(sizeof(char *) * *n);
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("columns must not contain null")));
		names[i] = TextDatumGetCString(elems[i]);
	}
	return names;
}

static void
put_number(Datum *values, bool *nulls, int at, double number)
{
	nulls[at] = isnan(number);
	values[at] = Float8GetDatum(number);
}

static void
put_row(ReturnSetInfo *rsinfo, const MlDataDrift *row)
{
	const MlDrift *d = &row->drift;
	bool		judged = strcmp(row->status, "ok") == 0;
	const double numbers[] = {
		d->psi, d->psi_no_missing, d->noise, d->distances.js, d->distances.hellinger, row->ks, row->ks_p,
		row->wasserstein, row->wasserstein_scaled, d->chi2.statistic, d->chi2.p, row->p_adjusted,
		d->unseen, d->missing_ref, d->missing_cur, d->missing_p
	};
	Datum		values[22];
	bool		nulls[22] = {0};

	values[0] = CStringGetTextDatum(row->column);
	values[1] = CStringGetTextDatum(row->is_number ? "number" : "category");
	values[2] = CStringGetTextDatum(row->status);
	nulls[3] = !judged;
	values[3] = judged ? CStringGetTextDatum(mlops_severity_name(d->severity)) : (Datum) 0;
	for (int i = 0; i < (int) lengthof(numbers); i++)
		put_number(values, nulls, 4 + i, numbers[i]);
	nulls[20] = nulls[21] = strcmp(row->status, "type_changed") == 0;
	values[20] = Int64GetDatum(d->nref);
	values[21] = Int64GetDatum(d->ncur);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
mlops_data_drift_sources(PG_FUNCTION_ARGS)
{
	MlSource   *reference = mlops_source_open(mlops_arg_required(fcinfo, 0, "reference"));
	MlSource   *current = mlops_source_open(mlops_arg_required(fcinfo, 1, "current"));
	MlDriftOptions options;
	int			bins = read_options(mlops_arg_jsonb(fcinfo, 3), &options);
	int			ncolumns;
	char	  **columns = read_columns(fcinfo, 2, &ncolumns);
	MlDataDrift *rows;
	int			n;

	rows = mlops_data_drift(reference, current, ncolumns, columns, bins, &options, &n);
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < n; i++)
		put_row((ReturnSetInfo *) fcinfo->resultinfo, &rows[i]);
	return (Datum) 0;
}
