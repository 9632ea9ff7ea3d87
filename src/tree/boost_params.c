/*-------------------------------------------------------------------------
 *
 * boost_params.c
 *	  Options of gradient boosting.
 *
 * Names and defaults are those of scikit-learn's histogram gradient boosting
 * where it has the option, of LightGBM elsewhere; l2 is 0 in both.
 *
 * IDENTIFICATION
 *	  src/tree/boost_params.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "mlops/error.h"
#include "mlops/tree.h"

#include "boost.h"

const MlParamDef mlops_boost_params[] = {
	{"loss", ML_PARAM_CHOICE, 0, 0, 0, ML_LOSS_CHOICES,
	"what is minimised; auto: squared for numbers, log_loss for classes"},
	{"n_estimators", ML_PARAM_INTEGER, 100, 1, 10000, NULL,
	"rounds, each of one tree (one a class for three classes and more); those of the version that training goes on with count"},
	{"learning_rate", ML_PARAM_NUMBER, 0.1, 1e-6, 10, NULL,
	"share of each tree's answer that is added"},
	{"max_leaves", ML_PARAM_INTEGER, 31, 2, 65535, NULL,
	"leaves of a tree at most"},
	{"max_depth", ML_PARAM_INTEGER, 0, 0, 10000, NULL,
	"splits between root and leaf at most; 0 is no bound"},
	{"min_samples_leaf", ML_PARAM_INTEGER, 20, 1, 1e9, NULL,
	"rows of a leaf at least"},
	{"min_hessian", ML_PARAM_NUMBER, 0.001, 0, DBL_MAX, NULL,
	"sum of second derivatives of a leaf at least"},
	{"min_gain", ML_PARAM_NUMBER, 0, 0, DBL_MAX, NULL,
	"a split must lower the loss by more"},
	{"l1", ML_PARAM_NUMBER, 0, 0, DBL_MAX, NULL,
	"penalty on the absolute values of leaves"},
	{"l2", ML_PARAM_NUMBER, 0, 0, DBL_MAX, NULL,
	"penalty on the squared values of leaves"},
	{"subsample", ML_PARAM_NUMBER, 1, 0.001, 1, NULL,
	"share of the rows that each tree sees, drawn without replacement"},
	{"colsample", ML_PARAM_NUMBER, 1, 0.001, 1, NULL,
	"share of the features that each tree may use"},
	{"max_features", ML_PARAM_NUMBER, 1, 0.001, 1, NULL,
	"share of the features tried at each split"},
	{"max_bins", ML_PARAM_INTEGER, 255, 2, 65534, NULL,
	"different values told apart in a number; above 255 a value takes two bytes"},
	{"alpha", ML_PARAM_NUMBER, 0.9, 0.001, 0.999, NULL,
	"quantile: the quantile estimated; huber: share of the residuals that count squared"},
	{"tweedie_power", ML_PARAM_NUMBER, 1.5, 1.01, 1.99, NULL,
	"tweedie: variance grows with this power of the mean"},
	{"monotone_constraints", ML_PARAM_JSON, 0, 0, 0, NULL,
	"object of column to 1 (never falls), -1 (never rises) or 0"},
	{"interaction_constraints", ML_PARAM_JSON, 0, 0, 0, NULL,
	"array of arrays of columns that may meet on a path; columns not named are one more group"},
	{"n_iter_no_change", ML_PARAM_INTEGER, 0, 0, 10000, NULL,
	"stop after so many rounds without a better loss on rows set aside; 0 is never"},
	{"tol", ML_PARAM_NUMBER, 1e-7, 0, DBL_MAX, NULL,
	"a loss lower by no more is not better"},
	{"validation_fraction", ML_PARAM_NUMBER, 0.1, 0.001, 0.9, NULL,
	"share of the training rows set aside where n_iter_no_change is above 0"},
	{"cat_smooth", ML_PARAM_NUMBER, 10, 0, DBL_MAX, NULL,
	"keeps rare categories from the ends of their order"},
	{"cat_l2", ML_PARAM_NUMBER, 10, 0, DBL_MAX, NULL,
	"more l2 in splits by a group of categories"},
	{"max_cat_values", ML_PARAM_INTEGER, 32, 1, 65534, NULL,
	"categories on the smaller side of a split at most"},
	{"min_cat_rows", ML_PARAM_INTEGER, 10, 1, 1e9, NULL,
	"rows of a category in a node, below which it is not told apart"},
	{"warm_start", ML_PARAM_BOOLEAN, 0, 0, 1, NULL,
	"go on from the newest version of the model, up to n_estimators rounds in all"},
	{NULL}
};

static void
report_shape(const char *option, const char *shape)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" must be %s", option, shape)));
}

/* The feature that an option names. */
static const MlFeature *
find_feature(const MlSignature *sig, const char *option, const JsonbValue *name)
{
	for (int f = 0; f < sig->nfeatures; f++)
		if (strlen(sig->features[f].name) == (size_t) name->val.string.len &&
			memcmp(sig->features[f].name, name->val.string.val, name->val.string.len) == 0)
			return &sig->features[f];
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" names column \"%s\", which is not a feature",
					option,
					pnstrdup(name->val.string.val, Min(name->val.string.len, NAMEDATALEN * 4)))));
}

static int
read_direction(const JsonbValue *v, const MlFeature *feature)
{
	double		x = 2;

	if (v->type == jbvNumeric)
		x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											   NumericGetDatum(v->val.numeric)));
	if (x != -1 && x != 0 && x != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"monotone_constraints\" must be -1, 0 or 1 for column \"%s\"",
						feature->name)));
	if (x != 0 && feature->type == ML_COLUMN_TEXT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" cannot have a monotone constraint", feature->name),
				 errdetail("Its values are categories, which have no order.")));
	return (int) x;
}

static void
read_monotone(const MlSignature *sig, JsonbValue *json, MlBoostOptions *options)
{
	JsonbIterator *it;
	JsonbValue	v;
	JsonbIteratorToken token;
	const MlFeature *feature = NULL;
	int8	   *monotone;

	if (json == NULL)
		return;
	if (json->type != jbvBinary || !JsonContainerIsObject(json->val.binary.data))
		report_shape("monotone_constraints", "an object of column to -1, 0 or 1");
	monotone = palloc0(sig->width);
	it = JsonbIteratorInit(json->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			feature = find_feature(sig, "monotone_constraints", &v);
		else if (token == WJB_VALUE && feature)
		{
			int			direction = read_direction(&v, feature);

			for (int i = 0; i < feature->width; i++)
				monotone[feature->slot + i] = direction;
			if (direction != 0)
				options->rules.has_monotone = true;
			feature = NULL;
		}
	}
	if (options->rules.has_monotone && options->loss.noutputs > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"monotone_constraints\" needs a number or two classes as target")));
	options->slots.monotone = options->rules.has_monotone ? monotone : NULL;
}

static void
read_interaction(const MlSignature *sig, JsonbValue *json, MlBoostOptions *options)
{
	JsonbIterator *it;
	JsonbValue	v;
	JsonbIteratorToken token;
	uint8	   *group;
	bool	   *named;
	int			n = 0;
	int			depth = 0;

	if (json == NULL)
		return;
	if (json->type != jbvBinary || !JsonContainerIsArray(json->val.binary.data) ||
		JsonContainerIsScalar(json->val.binary.data))
		report_shape("interaction_constraints", "an array of arrays of columns");
	group = palloc0(mul_size(JsonContainerSize(json->val.binary.data) + 1, sig->width));
	named = palloc0(sizeof(bool) * sig->width);
	it = JsonbIteratorInit(json->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_ARRAY)
			depth++;
		else if (token == WJB_END_ARRAY)
			n += --depth == 1;
		else if (token == WJB_ELEM && depth == 2 && v.type == jbvString)
		{
			const MlFeature *feature = find_feature(sig, "interaction_constraints", &v);

			for (int i = 0; i < feature->width; i++)
			{
				group[(Size) n * sig->width + feature->slot + i] = 1;
				named[feature->slot + i] = true;
			}
		}
		else
			report_shape("interaction_constraints", "an array of arrays of columns");
	}
	for (int s = 0; s < sig->width; s++)
		if (!named[s])
			group[(Size) n * sig->width + s] = 1;
	if (memchr(group + (Size) n * sig->width, 1, sig->width))
		n++;
	options->slots.ngroups = n;
	options->slots.group = group;
	options->rules.has_interaction = true;
}

static void
read_loss(const MlParams *params, const MlSignature *sig, MlLoss *loss)
{
	bool		classes = sig->task == ML_TASK_CLASSIFICATION;

	loss->kind = mlops_param_choice(params, "loss");
	if (loss->kind == ML_LOSS_AUTO)
		loss->kind = classes ? ML_LOSS_LOG_LOSS : ML_LOSS_SQUARED;
	else if (classes != (loss->kind == ML_LOSS_LOG_LOSS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("loss \"%s\" does not do %s", mlops_loss_name(loss),
						mlops_task_name(sig->task)),
				 errhint("Option \"task\" says whether the target is a number or a class.")));
	loss->noutputs = classes && sig->nclasses > 2 ? sig->nclasses : 1;
	loss->alpha = mlops_param_number(params, "alpha");
	loss->power = mlops_param_number(params, "tweedie_power");
}

void
mlops_boost_options(const MlParams *params, const MlSignature *sig,
					MlBoostOptions *options)
{
	MlGrowRules *rules = &options->rules;

	memset(options, 0, sizeof(*options));
	read_loss(params, sig, &options->loss);
	options->n_estimators = mlops_param_integer(params, "n_estimators");
	options->learning_rate = mlops_param_number(params, "learning_rate");
	options->subsample = mlops_param_number(params, "subsample");
	options->colsample = mlops_param_number(params, "colsample");
	options->max_bins = mlops_param_integer(params, "max_bins");
	options->n_iter_no_change = mlops_param_integer(params, "n_iter_no_change");
	options->tol = mlops_param_number(params, "tol");
	options->seed = mlops_param_integer(params, "seed");
	rules->max_leaves = mlops_param_integer(params, "max_leaves");
	rules->max_depth = mlops_param_integer(params, "max_depth");
	rules->min_rows = mlops_param_integer(params, "min_samples_leaf");
	rules->min_hessian = mlops_param_number(params, "min_hessian");
	rules->min_gain = mlops_param_number(params, "min_gain");
	rules->l1 = mlops_param_number(params, "l1");
	rules->l2 = mlops_param_number(params, "l2");
	rules->max_features = mlops_param_number(params, "max_features");
	rules->cat_smooth = mlops_param_number(params, "cat_smooth");
	rules->cat_l2 = mlops_param_number(params, "cat_l2");
	rules->max_cat_values = mlops_param_integer(params, "max_cat_values");
	rules->min_cat_rows = mlops_param_integer(params, "min_cat_rows");
	read_monotone(sig, mlops_param_json(params, "monotone_constraints"), options);
	read_interaction(sig, mlops_param_json(params, "interaction_constraints"), options);
}
