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
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/dataset.h"
#include "mlops/model.h"
#include "model_arg.h"

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
	{NULL}
};

/* One call of train(), unpacked. */
typedef struct TrainCall
{
	char	   *model;
	char	   *source;
	const MlAlgo *algo;			/* NULL: auto */
	Jsonb	   *options;
	MlWish		wish;
	bool		refit;
	char	   *alias;
	char	   *note;
} TrainCall;

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
read_call(FunctionCallInfo fcinfo, TrainCall *call)
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
	call->source = mlops_arg_text(fcinfo, ARG_SOURCE);
	call->alias = mlops_arg_text(fcinfo, ARG_ALIAS);
	if (call->alias)
		mlops_name_check(call->alias, "alias");
	call->note = mlops_arg_text(fcinfo, ARG_NOTE);
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
	call->wish.target = mlops_arg_name(fcinfo, ARG_TARGET);
	call->wish.weight = mlops_arg_name(fcinfo, ARG_WEIGHT);
	call->wish.features = read_features(fcinfo, &call->wish.nfeatures);
}

static MlParams *
parse_options(const TrainCall *call, const MlAlgo *algo)
{
	return mlops_params_parse(call->options, mlops_train_params,
							  algo->params,
							  psprintf("algorithm \"%s\"", algo->name));
}

/* Until several candidates are compared, auto is the linear model of the task. */
static const MlAlgo *
choose_algorithm(const MlSignature *sig)
{
	return mlops_algo_by_name(sig->task == ML_TASK_REGRESSION ?
							  "linear_regression" : "logistic_regression");
}

/* Put the held-out rows back among the training rows. */
static void
merge_holdout(MlDataset *data)
{
	for (int b = 0; b < data->nblocks; b++)
		memset(data->part[b], 0, data->blocks[b].nrows);
	data->ntrain += data->nholdout;
	data->nholdout = 0;
}

static Datum
make_result(FunctionCallInfo fcinfo, const TrainCall *call, int version,
			const MlModel *model, const MlDataset *data, Jsonb *metrics,
			double seconds)
{
	Datum		values[8];
	bool		nulls[8] = {0};

	values[0] = CStringGetTextDatum(call->model);
	values[1] = Int32GetDatum(version);
	values[2] = CStringGetTextDatum(model->algo->name);
	values[3] = Int64GetDatum(data->nrows);
	values[4] = Int64GetDatum(data->nskipped);
	values[5] = Int32GetDatum(model->sig->nfeatures);
	values[6] = JsonbPGetDatum(metrics);
	values[7] = Float8GetDatum(seconds);
	return mlops_result_row(fcinfo, values, nulls);
}

static int
store_version(const TrainCall *call, MlModel *model, const MlDataset *data,
			  const MlParams *params, Jsonb *metrics, double seconds)
{
	MlNewVersion v;

	memset(&v, 0, sizeof(v));
	v.model = call->model;
	v.task = model->sig->task;
	v.algorithm = model->algo->name;
	v.artifact = mlops_model_pack(model);
	v.options = mlops_params_effective(params);
	v.metrics = metrics;
	v.source = call->source;
	v.target = model->sig->target;
	v.rows_used = data->nrows;
	v.rows_skipped = data->nskipped;
	v.seconds = seconds;
	v.alias = call->alias;
	v.note = call->note;
	return mlops_registry_add_version(&v);
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
	TrainCall	call;
	instr_time	start;
	MlDataset  *data;
	MlParams   *params;
	MlModel    *model;
	Jsonb	   *metrics;
	double		seconds;
	int			version;

	PreventCommandIfReadOnly("mlops.train()");
	INSTR_TIME_SET_CURRENT(start);
	read_call(fcinfo, &call);
	/* under auto the algorithm's own options wait until the task is known */
	params = call.algo ? parse_options(&call, call.algo) :
		mlops_params_parse_known(call.options, mlops_train_params);
	mlops_train_wish(params, &call.wish);
	mlops_registry_check_train(call.model, 0);

	mlops_progress_begin();
	mlops_progress_phase(ML_PHASE_READING);
	data = mlops_dataset_read(mlops_source_open(call.source), &call.wish);
	if (call.algo == NULL)
	{
		call.algo = choose_algorithm(data->sig);
		params = parse_options(&call, call.algo);
	}
	mlops_registry_check_train(call.model, data->sig->task);
	model = mlops_train_run(call.algo, data, params);
	if (call.wish.holdout > 0 && data->nholdout == 0)
		ereport(NOTICE,
				(errmsg("there are too few rows to hold any out"),
				 errdetail("The metrics are those of the training rows.")));
	metrics = mlops_assess_dataset(model, data, data->nholdout > 0 ? 1 : 0);
	if (call.refit && data->nholdout > 0)
	{
		MemoryContextDelete(model->context);
		merge_holdout(data);
		model = mlops_train_run(call.algo, data, params);
		ereport(NOTICE,
				(errmsg("the stored model was fitted again on all rows"),
				 errdetail("Its metrics are those of the model fitted on the training part.")));
	}
	mlops_progress_phase(ML_PHASE_STORING);
	seconds = seconds_since(start);
	version = store_version(&call, model, data, params, metrics, seconds);
	mlops_progress_end();
	return make_result(fcinfo, &call, version, model, data, metrics, seconds);
}
