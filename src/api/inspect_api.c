/*-------------------------------------------------------------------------
 *
 * inspect_api.c
 *	  SQL: coefficients and training history of a model, algorithms and their
 *	  options.
 *
 * IDENTIFICATION
 *	  src/api/inspect_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "mlops/algo.h"
#include "mlops/model.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_coefficients_name);
PG_FUNCTION_INFO_V1(mlops_coefficients_value);
PG_FUNCTION_INFO_V1(mlops_training_history_name);
PG_FUNCTION_INFO_V1(mlops_training_history_value);
PG_FUNCTION_INFO_V1(mlops_algorithms);
PG_FUNCTION_INFO_V1(mlops_algorithm_options);

/* A number, or NULL where a statistic does not exist. */
static void
set_number(Datum *value, bool *isnull, double x)
{
	*value = Float8GetDatum(x);
	*isnull = !isfinite(x);
}

static void
put_coefficient(ReturnSetInfo *rsinfo, const MlCoefficient *c)
{
	Datum		values[9];
	bool		nulls[9] = {0};

	values[0] = CStringGetTextDatum(c->term);
	nulls[1] = c->class_name == NULL;
	values[1] = c->class_name ? CStringGetTextDatum(c->class_name) : (Datum) 0;
	set_number(&values[2], &nulls[2], c->estimate);
	set_number(&values[3], &nulls[3], c->std_error);
	set_number(&values[4], &nulls[4], c->statistic);
	set_number(&values[5], &nulls[5], c->p_value);
	set_number(&values[6], &nulls[6], c->ci_low);
	set_number(&values[7], &nulls[7], c->ci_high);
	set_number(&values[8], &nulls[8], c->odds_ratio);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static Datum
coefficients(FunctionCallInfo fcinfo, const MlModel *model)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MlCoefficient *rows;
	int			n;

	if (model->algo->coefficients == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a model of algorithm \"%s\" has no coefficients",
						model->algo->name)));
	InitMaterializedSRF(fcinfo, 0);
	rows = model->algo->coefficients(model->sig, model->body, &n);
	for (int i = 0; i < n; i++)
		put_coefficient(rsinfo, &rows[i]);
	return (Datum) 0;
}

Datum
mlops_coefficients_name(PG_FUNCTION_ARGS)
{
	return coefficients(fcinfo, mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_ARTIFACT));
}

Datum
mlops_coefficients_value(PG_FUNCTION_ARGS)
{
	return coefficients(fcinfo, mlops_arg_model_by_value(fcinfo));
}

static Datum
training_history(FunctionCallInfo fcinfo, const MlModel *model)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const MlEnsemble *ensemble = model->body;

	if (model->algo->train_trees == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a model of algorithm \"%s\" has no training history",
						model->algo->name)));
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < ensemble->nrounds; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {0};

		values[0] = Int32GetDatum(i + 1);
		set_number(&values[1], &nulls[1], ensemble->history[i].train_loss);
		set_number(&values[2], &nulls[2], ensemble->history[i].validation_loss);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
mlops_training_history_name(PG_FUNCTION_ARGS)
{
	return training_history(fcinfo, mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_READ));
}

Datum
mlops_training_history_value(PG_FUNCTION_ARGS)
{
	return training_history(fcinfo, mlops_arg_model_by_value(fcinfo));
}

Datum
mlops_algorithms(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < mlops_algo_count(); i++)
	{
		const MlAlgo *algo = mlops_algo_at(i);
		Datum		values[5];
		bool		nulls[5] = {0};

		values[0] = CStringGetTextDatum(algo->name);
		values[1] = CStringGetTextDatum(algo->summary);
		values[2] = BoolGetDatum(algo->does_regression);
		values[3] = BoolGetDatum(algo->does_classification);
		values[4] = BoolGetDatum(algo->coefficients != NULL);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* An option's default as people would write it in JSON. */
static char *
default_text(const MlParamDef *def)
{
	switch (def->type)
	{
		case ML_PARAM_BOOLEAN:
			return def->def != 0 ? "true" : "false";
		case ML_PARAM_CHOICE:
			return mlops_param_choice_name(def, (int) def->def);
		case ML_PARAM_JSON:
			return NULL;
		default:
			return float8out_internal(def->def);
	}
}

static char *
range_text(const MlParamDef *def)
{
	switch (def->type)
	{
		case ML_PARAM_NUMBER:
			return psprintf("number from %s to %s", float8out_internal(def->min),
							float8out_internal(def->max));
		case ML_PARAM_INTEGER:
			return psprintf("integer from %.0f to %.0f", def->min, def->max);
		case ML_PARAM_BOOLEAN:
			return "true or false";
		case ML_PARAM_CHOICE:
			return psprintf("one of %s", def->choices);
		case ML_PARAM_JSON:
			return "JSON";
	}
	pg_unreachable();
}

static void
put_options(ReturnSetInfo *rsinfo, const MlParamDef *def)
{
	for (; def && def->name; def++)
	{
		Datum		values[4];
		bool		nulls[4] = {0};
		char	   *text = default_text(def);

		values[0] = CStringGetTextDatum(def->name);
		nulls[1] = text == NULL;
		values[1] = text ? CStringGetTextDatum(text) : (Datum) 0;
		values[2] = CStringGetTextDatum(range_text(def));
		values[3] = CStringGetTextDatum(def->doc);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

Datum
mlops_algorithm_options(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const MlAlgo *algo;

	mlops_arg_require(fcinfo, 0, "algorithm");
	algo = mlops_algo_by_name(mlops_arg_text(fcinfo, 0));
	InitMaterializedSRF(fcinfo, 0);
	put_options(rsinfo, algo->params);
	put_options(rsinfo, mlops_train_general(algo));
	return (Datum) 0;
}
