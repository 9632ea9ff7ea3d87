/*-------------------------------------------------------------------------
 *
 * gradient_boosting.c
 *	  Gradient boosted trees, as the rest of mlops sees them.
 *
 * The work is done in src/tree: boost.c trains, ensemble*.c score and store.
 *
 * IDENTIFICATION
 *	  src/algo/gradient_boosting.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/algo.h"
#include "mlops/jsonb_out.h"
#include "mlops/tree.h"

#include "algo_list.h"

static void *
boosting_train(MlTreeTrain *tr)
{
	return mlops_boost_train(tr);
}

static void
boosting_predict(const MlSignature *sig, const void *body, const MlBlock *block,
				 double *out)
{
	mlops_ensemble_predict(body, sig, block, out);
}

static void
boosting_send(const MlSignature *sig, const void *body, StringInfo buf)
{
	mlops_ensemble_send(sig, body, buf);
}

static void *
boosting_recv(const MlSignature *sig, StringInfo buf, uint16 body_version)
{
	return mlops_ensemble_recv(sig, buf);
}

/* What the sum of the trees starts from: a number, or one a class. */
static void
describe_base(const MlSignature *sig, const MlEnsemble *e, JsonbParseState **out)
{
	if (e->noutputs == 1)
	{
		mlops_jsonb_add_number(out, "base", e->base[0]);
		return;
	}
	mlops_jsonb_add_key(out, "base");
	pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
	for (int j = 0; j < e->noutputs; j++)
		mlops_jsonb_add_number(out, pnstrdup(sig->classes[j].data, sig->classes[j].len), e->base[j]);
	pushJsonbValue(out, WJB_END_OBJECT, NULL);
}

static void
boosting_describe(const MlSignature *sig, const void *body, JsonbParseState **out)
{
	const MlEnsemble *e = body;
	int			depth = 0;

	for (int t = 0; t < e->ntrees; t++)
		depth = Max(depth, mlops_ensemble_depth(e, t));
	mlops_jsonb_add_string(out, "loss", e->loss);
	describe_base(sig, e, out);
	mlops_jsonb_add_integer(out, "trees", e->ntrees);
	mlops_jsonb_add_integer(out, "leaves", mlops_ensemble_leaves(e));
	mlops_jsonb_add_integer(out, "depth", depth);
	mlops_jsonb_add_integer(out, "rounds", e->nrounds);
	mlops_jsonb_add_integer(out, "best_round", e->best_round);
	if (e->best_round > 0)
	{
		const MlRound *best = &e->history[e->best_round - 1];

		mlops_jsonb_add_number(out, "train_loss", best->train_loss);
		mlops_jsonb_add_number(out, "validation_loss", best->validation_loss);
	}
}

const MlAlgo mlops_algo_gradient_boosting = {
	.id = 3,
	.body_version = 1,
	.name = "gradient_boosting",
	.summary = "gradient boosted trees on binned features, with native categories and missing values",
	.does_regression = true,
	.does_classification = true,
	.wants_design = false,
	.one_pass = false,
	.params = mlops_boost_params,
	.train_trees = boosting_train,
	.predict = boosting_predict,
	.body_send = boosting_send,
	.body_recv = boosting_recv,
	.describe = boosting_describe
};
