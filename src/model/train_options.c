/*-------------------------------------------------------------------------
 *
 * train_options.c
 *	  Options that algorithms of train() share, and what they ask for.
 *
 * Algorithms that train by passes see a linear design: numbers filled in, few
 * categories.  Trees take missing numbers and many categories as they are.
 * So each kind has a table of its own, with the same names where the meaning
 * is the same.
 *
 * IDENTIFICATION
 *	  src/model/train_options.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "mlops/algo.h"
#include "mlops/jsonb_out.h"
#include "mlops/model.h"

#include "train_private.h"

/* choices of "missing", in the order of missing_policies and tree_policies */
static const MlMissing missing_policies[] = {
	ML_MISSING_MEAN, ML_MISSING_MEDIAN, ML_MISSING_ERROR, ML_MISSING_SKIP
};
static const MlMissing tree_policies[] = {
	ML_MISSING_NATIVE, ML_MISSING_ERROR, ML_MISSING_SKIP
};

/* choices of "missing_category", in the order of category_policies */
static const MlMissing category_policies[] = {
	ML_MISSING_CATEGORY, ML_MISSING_ERROR, ML_MISSING_SKIP
};

/* what both tables say alike */
#define CLASS_WEIGHT \
	{"class_weight", ML_PARAM_JSON, 0, 0, 0, NULL, \
	"\"balanced\", or an object of class to factor; classification only"}
#define MISSING_CATEGORY \
	{"missing_category", ML_PARAM_CHOICE, 0, 0, 0, "category|error|skip", \
	"whether a missing category is a category of its own"}
#define SAMPLE \
	{"sample", ML_PARAM_NUMBER, 1, 1e-6, 1, NULL, \
	"share of the rows to train and measure on, chosen by what is in them"}
#define TASK \
	{"task", ML_PARAM_CHOICE, 0, 0, 0, "auto|regression|classification", \
	"auto: classification for text, enum, boolean and two-valued integer targets"}

const MlParamDef mlops_train_params[] = {
	CLASS_WEIGHT,
	{"max_categories", ML_PARAM_INTEGER, 100, 1, 10000, NULL,
	"categories of a feature kept apart; the rarest beyond it become \"other\""},
	{"missing", ML_PARAM_CHOICE, 0, 0, 0, "mean|median|error|skip",
	"what a missing number becomes, or what happens to its row"},
	MISSING_CATEGORY,
	SAMPLE,
	{"seed", ML_PARAM_INTEGER, 0, 0, MLOPS_MAX_SEED, NULL,
	"decides which rows are held out"},
	TASK,
	{NULL}
};

const MlParamDef mlops_tree_params[] = {
	CLASS_WEIGHT,
	{"max_categories", ML_PARAM_INTEGER, 4096, 1, 65000, NULL,
	"categories of a feature kept apart; the rarest beyond it become \"other\""},
	{"missing", ML_PARAM_CHOICE, 0, 0, 0, "native|error|skip",
	"native: each split learns a side for missing numbers"},
	MISSING_CATEGORY,
	SAMPLE,
	{"seed", ML_PARAM_INTEGER, 0, 0, MLOPS_MAX_SEED, NULL,
	"decides which rows are held out, and every random choice of the training"},
	TASK,
	{NULL}
};

const MlParamDef *
mlops_train_general(const MlAlgo *algo)
{
	return algo->train_trees ? mlops_tree_params : mlops_train_params;
}

void
mlops_train_wish(const MlAlgo *algo, const MlParams *params, MlWish *wish)
{
	int			missing = mlops_param_choice(params, "missing");
	bool		is_tree = algo && algo->train_trees;

	wish->task = mlops_param_choice(params, "task");	/* 0, or the MlTask */
	wish->missing_number = is_tree ? tree_policies[missing] : missing_policies[missing];
	wish->missing_category = category_policies[mlops_param_choice(params, "missing_category")];
	wish->max_categories = mlops_param_integer(params, "max_categories");
	wish->sample = mlops_param_number(params, "sample");
	wish->seed = mlops_param_integer(params, "seed");
	/* the rows that decide when to stop are training rows: the measured ones stay unseen (P9) */
	wish->watch = mlops_param_exists(params, "n_iter_no_change") &&
		mlops_param_integer(params, "n_iter_no_change") > 0 ?
		mlops_param_number(params, "validation_fraction") : 0;
}

void
mlops_train_check_task(const MlAlgo *algo, const MlSignature *sig)
{
	bool		regression = sig->task == ML_TASK_REGRESSION;

	if (regression ? algo->does_regression : algo->does_classification)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("algorithm \"%s\" does not do %s", algo->name,
					mlops_task_name(sig->task)),
			 regression ?
			 errhint("The target \"%s\" is a number. Option \"task\" can say \"classification\".", sig->target) :
			 errhint("The target \"%s\" is a class. mlops.algorithms() shows what each algorithm does.", sig->target)));
}

static int
find_class(const MlSignature *sig, const JsonbValue *key)
{
	for (int c = 0; c < sig->nclasses; c++)
		if (sig->classes[c].len == key->val.string.len &&
			memcmp(sig->classes[c].data, key->val.string.val, key->val.string.len) == 0)
			return c;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"class_weight\" names a class that the target does not have")));
}

/* {"class": factor, ...}; classes not named keep 1. */
static void
read_class_weights(const MlSignature *sig, JsonbValue *json, double *weight)
{
	JsonbIterator *it = JsonbIteratorInit(json->val.binary.data);
	JsonbValue	v;
	JsonbIteratorToken token;
	int			current = -1;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			current = find_class(sig, &v);
		else if (token == WJB_VALUE && current >= 0)
		{
			double		x = v.type != jbvNumeric ? -1 :
			DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											   NumericGetDatum(v.val.numeric)));

			if (!(x > 0) || isinf(x))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("option \"class_weight\" needs a positive number for each class")));
			weight[current] = x;
		}
	}
}

const double *
mlops_train_class_weights(const MlSignature *sig, const double *class_total,
						  const MlParams *params)
{
	JsonbValue *json = mlops_param_json(params, "class_weight");
	double	   *weight;
	double		total = 0;

	if (json == NULL)
		return NULL;
	if (sig->task != ML_TASK_CLASSIFICATION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"class_weight\" needs a classification target")));
	weight = palloc(sizeof(double) * sig->nclasses);
	for (int c = 0; c < sig->nclasses; c++)
		weight[c] = 1;
	if (json->type == jbvString && json->val.string.len == 8 &&
		memcmp(json->val.string.val, "balanced", 8) == 0)
	{
		for (int c = 0; c < sig->nclasses; c++)
			total += class_total[c];
		for (int c = 0; c < sig->nclasses; c++)
			if (class_total[c] > 0)
				weight[c] = total / (sig->nclasses * class_total[c]);
		return weight;
	}
	if (json->type != jbvBinary || !JsonContainerIsObject(json->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"class_weight\" must be \"balanced\" or an object of class to factor")));
	read_class_weights(sig, json, weight);
	return weight;
}

Jsonb *
mlops_train_facts(const MlRowCounts *counts, const MlParams *params)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "rows_trained", counts->ntrain);
	if (counts->nwatch > 0)
		mlops_jsonb_add_integer(&state, "rows_watched", counts->nwatch);
	mlops_jsonb_add_integer(&state, "rows_held_out", counts->nholdout);
	mlops_jsonb_add_integer(&state, "rows_skipped", counts->nskipped);
	mlops_jsonb_add_integer(&state, "values_imputed", counts->nimputed);
	mlops_jsonb_add_boolean(&state, "weighted", counts->is_weighted);
	mlops_jsonb_add_boolean(&state, "row_security", counts->rls_applied);
	mlops_jsonb_add_jsonb(&state, "options", mlops_params_effective(params));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
