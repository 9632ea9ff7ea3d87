/*-------------------------------------------------------------------------
 *
 * train_api.c
 *	  SQL: train().
 *
 * Order of work: arguments and rights, read the source as the caller, run the
 * algorithm, measure, store as the extension's owner.  Nothing of the caller's
 * runs once the user id has been switched.
 *
 * IDENTIFICATION
 *	  src/api/train_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/dataset.h"
#include "mlops/gov.h"
#include "mlops/lifecycle.h"
#include "mlops/model.h"
#include "model_arg.h"
#include "train_call.h"

PG_FUNCTION_INFO_V1(mlops_train);

enum
{
	ARG_MODEL, ARG_SOURCE, ARG_TARGET, ARG_ALGORITHM, ARG_FEATURES,
	ARG_OPTIONS, ARG_VALIDATION, ARG_WEIGHT, ARG_ALIAS, ARG_NOTE
};

typedef enum ValidationMethod
{
	VALIDATE_HOLDOUT, VALIDATE_NONE
} ValidationMethod;

static const MlParamDef validation_params[] = {
	{"fraction", ML_PARAM_NUMBER, 0.2, 0.001, 0.9, NULL,
	"share of the rows held out"},
	{"method", ML_PARAM_CHOICE, 0, 0, 0, "holdout|none",
	"how the model is measured"},
	{"refit", ML_PARAM_BOOLEAN, 0, 0, 1, NULL,
	"after measuring, fit again on all rows and store that"},
	{"training_metrics", ML_PARAM_BOOLEAN, 0, 0, 1, NULL,
	"measure on the training rows, too, and keep that with the version's facts"},
	{NULL}
};

static char **
read_features(FunctionCallInfo fcinfo, int *n)
{
	ArrayType  *array;
	Datum	   *elems;
	bool	   *nulls;
	char	  **names;

	*n = 0;
	if (PG_ARGISNULL(ARG_FEATURES))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(ARG_FEATURES);
	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &elems, &nulls, n);
	if (*n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("features must not be an empty array"),
				 errhint("Leave it out to use every usable column.")));
	names = palloc(sizeof(char *) * *n);
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("features must not contain null")));
		names[i] = pstrdup(NameStr(*DatumGetName(elems[i])));
	}
	return names;
}

static void
read_call(FunctionCallInfo fcinfo, MlTrainCall *call)
{
	char	   *algorithm;
	MlParams   *validation;

	mlops_arg_require(fcinfo, ARG_MODEL, "model");
	mlops_arg_require(fcinfo, ARG_SOURCE, "source");
	mlops_arg_require(fcinfo, ARG_TARGET, "target");
	mlops_arg_require(fcinfo, ARG_ALGORITHM, "algorithm");
	memset(call, 0, sizeof(*call));
	call->model = mlops_arg_text(fcinfo, ARG_MODEL);
	mlops_name_check(call->model, "model");
	call->text = mlops_arg_text(fcinfo, ARG_SOURCE);
	call->alias = mlops_arg_text(fcinfo, ARG_ALIAS);
	if (call->alias)
		mlops_name_check(call->alias, "alias");
	call->note = mlops_arg_remark(fcinfo, ARG_NOTE, "note");
	call->options = mlops_arg_jsonb(fcinfo, ARG_OPTIONS);
	algorithm = mlops_arg_text(fcinfo, ARG_ALGORITHM);
	if (strcmp(algorithm, "auto") != 0)
		call->algo = mlops_algo_by_name(algorithm);

	validation = mlops_params_parse(mlops_arg_jsonb(fcinfo, ARG_VALIDATION),
									validation_params, NULL, "validation");
	call->wish.holdout =
		mlops_param_choice(validation, "method") == VALIDATE_NONE ? 0 :
		mlops_param_number(validation, "fraction");
	call->refit = mlops_param_boolean(validation, "refit");
	call->training_metrics = mlops_param_boolean(validation, "training_metrics");
	call->wish.target = mlops_arg_name(fcinfo, ARG_TARGET);
	call->wish.weight = mlops_arg_name(fcinfo, ARG_WEIGHT);
	call->wish.features = read_features(fcinfo, &call->wish.nfeatures);
}

static Datum
make_result(FunctionCallInfo fcinfo, const MlTrainCall *call, int version,
			const MlCandidate *best, double seconds)
{
	Datum		values[8];
	bool		nulls[8] = {0};

	values[0] = CStringGetTextDatum(call->model);
	values[1] = Int32GetDatum(version);
	values[2] = CStringGetTextDatum(best->algo->name);
	values[3] = Int64GetDatum(best->counts.nrows);
	values[4] = Int64GetDatum(best->counts.nskipped);
	values[5] = Int32GetDatum(best->nfeatures);
	values[6] = JsonbPGetDatum(best->metrics);
	values[7] = Float8GetDatum(seconds);
	return mlops_result_row(fcinfo, values, nulls);
}

static int
store_version(const MlTrainCall *call, const MlCandidate *best, double seconds)
{
	MlNewVersion v;
	MlWriter	w;
	MlLocked	model;
	int			version;

	memset(&v, 0, sizeof(v));
	v.model = call->model;
	v.task = best->task;
	v.algorithm = best->algo->name;
	v.artifact = best->artifact;
	v.options = best->options;
	v.metrics = best->metrics;
	v.source = call->text;
	v.target = best->target;
	v.rows_used = best->counts.nrows;
	v.rows_skipped = best->counts.nskipped;
	v.seconds = seconds;
	v.note = call->note;
	v.facts = mlops_version_facts(call, best);
	mlops_write_begin(&w, "mlops.train()");
	version = mlops_registry_add_version(&w, &v, &model);
	mlops_run_of_training(&w, &model, version, &v, &best->curve);
	if (mlops_registry_is_only_version(&w, &model, version) &&
		mlops_gate_try(&w, &model, MLOPS_CHAMPION, version))
		mlops_alias_move(&w, &model, MLOPS_CHAMPION, version, NULL);
	if (call->alias)
	{
		mlops_gate_pass(&w, &model, call->alias, version);
		mlops_alias_move(&w, &model, call->alias, version, NULL);
	}
	mlops_write_end(&w);
	return version;
}

static double
seconds_since(instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

Datum
mlops_train(PG_FUNCTION_ARGS)
{
	MlTrainCall call;
	MlCandidate best;
	MlTrainingPolicy policy;
	instr_time	start;
	double		seconds;
	int			version;

	PreventCommandIfReadOnly("mlops.train()");
	INSTR_TIME_SET_CURRENT(start);
	read_call(fcinfo, &call);
	mlops_registry_check_train(call.model, 0);
	if (call.alias)
		mlops_gate_precheck(call.model, call.alias);
	mlops_policy_of_training(call.model, &policy);
	call.wish.allow_labelled = policy.allows_labelled;
	call.training_metrics = call.training_metrics || policy.wants_training_metrics;

	mlops_progress_begin();
	call.source = mlops_source_open(call.text);
	if (call.algo == NULL || call.refit)
		mlops_source_keep(call.source);
	if (call.algo)
		mlops_candidate_train(&call, call.algo, &best);
	else
		mlops_auto_train(&call, &best);
	if (call.algo == NULL || call.refit)
		mlops_source_forget(call.source);
	mlops_train_raise(best.notices);
	mlops_progress_phase(ML_PHASE_STORING);
	seconds = seconds_since(start);
	version = store_version(&call, &best, seconds);
	mlops_progress_end();
	return make_result(fcinfo, &call, version, &best, seconds);
}
