/*-------------------------------------------------------------------------
 *
 * random_forest.c
 *	  Many trees of random rows and features; the mean of what they say.
 *
 * Each tree is grown on rows drawn with replacement and looks, at each node,
 * for the best split among some features drawn for it [1].  A classifier
 * answers with the mean of the leaves' class shares, a regression with the mean
 * of their means.  Rows that a tree did not draw measure it: the out-of-bag
 * score needs no holdout.
 *
 * [1] Breiman: Random Forests, Machine Learning 45, 2001
 *
 * IDENTIFICATION
 *	  src/algo/random_forest.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/algo.h"
#include "mlops/jsonb_out.h"
#include "mlops/tree.h"

#include "algo_list.h"

static void *
forest_train(MlTreeTrain *tr)
{
	return mlops_forest_train(tr, false);
}

static void
forest_predict(const MlSignature *sig, const void *body, const MlBlock *block,
			   double *out)
{
	mlops_ensemble_predict(body, sig, block, out);
}

static void
forest_body_send(const MlSignature *sig, const void *body, StringInfo buf)
{
	mlops_ensemble_send(sig, body, buf);
}

static void *
forest_body_recv(const MlSignature *sig, StringInfo buf, uint16 body_version)
{
	return mlops_ensemble_recv(sig, buf);
}

static void
forest_describe(const MlSignature *sig, const void *body, JsonbParseState **out)
{
	const MlEnsemble *e = body;
	int			deepest = 0;

	for (int t = 0; t < e->ntrees; t++)
		deepest = Max(deepest, mlops_ensemble_depth(e, t));
	mlops_jsonb_add_integer(out, "trees", e->ntrees);
	mlops_jsonb_add_integer(out, "leaves", mlops_ensemble_leaves(e));
	mlops_jsonb_add_integer(out, "depth", deepest);
	if (e->oob_rows > 0)
	{
		mlops_jsonb_add_string(out, "oob_metric",
							   sig->task == ML_TASK_REGRESSION ? "r2" : "accuracy");
		mlops_jsonb_add_number(out, "oob_score", e->oob_score);
		mlops_jsonb_add_integer(out, "oob_rows", e->oob_rows);
	}
}

const MlAlgo mlops_algo_random_forest = {
	.id = 4,
	.body_version = 1,
	.name = "random_forest",
	.summary = "mean of many trees of random rows and features, with out-of-bag score",
	.does_regression = true,
	.does_classification = true,
	.wants_design = false,
	.one_pass = false,
	.params = mlops_forest_params,
	.train_trees = forest_train,
	.predict = forest_predict,
	.body_send = forest_body_send,
	.body_recv = forest_body_recv,
	.describe = forest_describe
};
