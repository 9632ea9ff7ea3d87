/*-------------------------------------------------------------------------
 *
 * decision_tree.c
 *	  One tree that people can read.
 *
 * Grown as a tree of random_forest is, but on all rows and with all features
 * (Breiman, Friedman, Olshen, Stone: Classification and Regression Trees,
 * 1984).  Its defaults keep it small: at most 31 leaves, 5 deep, of 20 rows.
 *
 * IDENTIFICATION
 *	  src/algo/decision_tree.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/algo.h"
#include "mlops/jsonb_out.h"
#include "mlops/tree.h"

#include "algo_list.h"

static void *
tree_train(MlTreeTrain *tr)
{
	return mlops_forest_train(tr, true);
}

static void
tree_predict(const MlSignature *sig, const void *body, const MlBlock *block,
			   double *out)
{
	mlops_ensemble_predict(body, sig, block, out);
}

static void
tree_body_send(const MlSignature *sig, const void *body, StringInfo buf)
{
	mlops_ensemble_send(sig, body, buf);
}

static void *
tree_body_recv(const MlSignature *sig, StringInfo buf, uint16 body_version)
{
	return mlops_ensemble_recv(sig, buf);
}

static void
tree_describe(const MlSignature *sig, const void *body, JsonbParseState **out)
{
	const MlEnsemble *e = body;

	mlops_jsonb_add_integer(out, "leaves", mlops_ensemble_leaves(e));
	mlops_jsonb_add_integer(out, "depth", e->ntrees > 0 ? mlops_ensemble_depth(e, 0) : 0);
}

const MlAlgo mlops_algo_decision_tree = {
	.id = 5,
	.body_version = 1,
	.name = "decision_tree",
	.summary = "one small tree that people can read",
	.does_regression = true,
	.does_classification = true,
	.wants_design = false,
	.one_pass = false,
	.params = mlops_decision_tree_params,
	.train_trees = tree_train,
	.predict = tree_predict,
	.body_send = tree_body_send,
	.body_recv = tree_body_recv,
	.describe = tree_describe
};
