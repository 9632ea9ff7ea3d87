/*-------------------------------------------------------------------------
 *
 * forest_params.c
 *	  Options of random_forest and decision_tree.
 *
 * Names follow scikit-learn where it has one.
 *
 * IDENTIFICATION
 *	  src/tree/forest_params.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "mlops/tree.h"

#include "forest.h"

#define CRITERION_DOC "what a split of classes should lower: gini or entropy; regression always lowers the squared error"
#define MAX_BINS_DOC "bins of a number; more than 255 take two bytes a row instead of one"
#define MIN_GAIN_DOC "least decrease of impurity by a split, weighted by the node's share of the rows (scikit-learn: min_impurity_decrease)"

const MlParamDef mlops_forest_params[] = {
	{"n_estimators", ML_PARAM_INTEGER, 100, 1, 10000, NULL,
	"number of trees"},
	{"max_depth", ML_PARAM_INTEGER, 0, 0, 1000, NULL,
	"splits from the root to a leaf at most; 0: no bound"},
	{"max_leaves", ML_PARAM_INTEGER, 0, 0, 1000000, NULL,
	"leaves of a tree at most, the best splits first; 0: no bound"},
	{"min_samples_leaf", ML_PARAM_INTEGER, 0, 0, 1000000000, NULL,
	"rows in a leaf at least, counted as often as the tree drew them; 0: 5 for numbers and two classes, 2 for more classes; 1 grows large trees"},
	{"min_samples_split", ML_PARAM_INTEGER, 2, 2, 1000000000, NULL,
	"rows in a node at least for it to be split, counted as often as the tree drew them"},
	{"max_features", ML_PARAM_NUMBER, 0, 0, 1, NULL,
	"share of the features tried at a node; 0: the square root of their number for classes, a third of them for numbers"},
	{"bootstrap", ML_PARAM_BOOLEAN, 1, 0, 1, NULL,
	"each tree draws its rows with replacement; the others measure it (out-of-bag)"},
	{"max_samples", ML_PARAM_NUMBER, 1, 0.001, 1, NULL,
	"rows that a tree draws, as a share of the training rows"},
	{"extra_trees", ML_PARAM_BOOLEAN, 0, 0, 1, NULL,
	"try one random border of each feature instead of all"},
	{"criterion", ML_PARAM_CHOICE, 0, 0, 1, "gini|entropy", CRITERION_DOC},
	{"max_bins", ML_PARAM_INTEGER, 255, 2, 65534, NULL, MAX_BINS_DOC},
	{"min_gain", ML_PARAM_NUMBER, 0, 0, DBL_MAX, NULL, MIN_GAIN_DOC},
	{NULL}
};

const MlParamDef mlops_decision_tree_params[] = {
	{"max_depth", ML_PARAM_INTEGER, 5, 0, 1000, NULL,
	"splits from the root to a leaf at most, so that the tree can be read; 0: no bound"},
	{"max_leaves", ML_PARAM_INTEGER, 31, 0, 1000000, NULL,
	"leaves at most, the best splits first; 0: no bound"},
	{"min_samples_leaf", ML_PARAM_INTEGER, 20, 1, 1000000000, NULL,
	"rows in a leaf at least"},
	{"min_samples_split", ML_PARAM_INTEGER, 2, 2, 1000000000, NULL,
	"rows in a node at least for it to be split"},
	{"criterion", ML_PARAM_CHOICE, 0, 0, 1, "gini|entropy", CRITERION_DOC},
	{"max_bins", ML_PARAM_INTEGER, 255, 2, 65534, NULL, MAX_BINS_DOC},
	{"min_gain", ML_PARAM_NUMBER, 0, 0, DBL_MAX, NULL, MIN_GAIN_DOC},
	{NULL}
};

/* Slots to try at a node. */
static int
count_tries(double share, int nslots, bool is_regression)
{
	double		n;

	if (share > 0)
		n = floor(share * nslots + 0.5);
	else if (is_regression)
		n = ceil(nslots / 3.0);
	else
		n = floor(sqrt(nslots));
	return (int) Max(n, 1);
}

void
mlops_forest_read_params(const MlParams *params, const MlSignature *sig,
						 bool single_tree, ForestRules *rules)
{
	memset(rules, 0, sizeof(ForestRules));
	rules->is_regression = sig->task == ML_TASK_REGRESSION;
	rules->nclasses = rules->is_regression ? 0 : sig->nclasses;
	rules->noutputs = rules->nclasses > 2 ? rules->nclasses : 1;
	rules->max_depth = (int) mlops_param_integer(params, "max_depth");
	rules->max_leaves = mlops_param_integer(params, "max_leaves");
	rules->min_leaf = mlops_param_number(params, "min_samples_leaf");
	if (rules->min_leaf == 0)
		rules->min_leaf = rules->nclasses > 2 ? 2 : 5;
	rules->min_split = mlops_param_number(params, "min_samples_split");
	rules->min_gain = mlops_param_number(params, "min_gain");
	rules->max_bins = (int) mlops_param_integer(params, "max_bins");
	rules->is_entropy = !rules->is_regression &&
		mlops_param_choice(params, "criterion") == 1;
	rules->ntrees = 1;
	rules->tries = sig->width;
	rules->max_samples = 1;
	if (single_tree)
		return;
	rules->ntrees = (int) mlops_param_integer(params, "n_estimators");
	rules->tries = count_tries(mlops_param_number(params, "max_features"),
							   sig->width, rules->is_regression);
	rules->bootstrap = mlops_param_boolean(params, "bootstrap");
	rules->max_samples = mlops_param_number(params, "max_samples");
	rules->is_extra = mlops_param_boolean(params, "extra_trees");
}
