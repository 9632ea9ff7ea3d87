/*-------------------------------------------------------------------------
 *
 * ensemble_describe.c
 *	  Facts about trees for people: how many and how large, what they were
 *	  trained for, which features they ask.
 *
 * IDENTIFICATION
 *	  src/tree/ensemble_describe.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/jsonb_out.h"
#include "mlops/tree.h"

void
mlops_ensemble_describe(const MlEnsemble *e, JsonbParseState **out)
{
	int			depth = 0;

	for (int t = 0; t < e->ntrees; t++)
		depth = Max(depth, mlops_ensemble_depth(e, t));
	mlops_jsonb_add_integer(out, "trees", e->ntrees);
	mlops_jsonb_add_integer(out, "leaves", mlops_ensemble_leaves(e));
	mlops_jsonb_add_integer(out, "depth", depth);
	if (e->loss[0] != '\0')
		mlops_jsonb_add_string(out, "loss", e->loss);
	if (e->nrounds > 0)
	{
		const MlRound *last = &e->history[e->nrounds - 1];

		mlops_jsonb_add_integer(out, "rounds", e->nrounds);
		mlops_jsonb_add_integer(out, "best_round", e->best_round);
		if (e->best_round > 0 && e->best_round <= e->nrounds)
			last = &e->history[e->best_round - 1];
		mlops_jsonb_add_number(out, "train_loss", last->train_loss);
		mlops_jsonb_add_number(out, "validation_loss", last->validation_loss);
	}
	if (!isnan(e->oob_score))
	{
		mlops_jsonb_add_number(out, "oob_score", e->oob_score);
		mlops_jsonb_add_integer(out, "oob_rows", e->oob_rows);
	}
}

void
mlops_ensemble_importance(const MlEnsemble *e, const MlSignature *sig,
						  MlImportance kind, double *out)
{
	int		   *owner = palloc(mul_size(sizeof(int), Max(sig->width, 1)));
	double		total = 0;

	for (int i = 0; i < sig->nfeatures; i++)
	{
		out[i] = 0;
		for (int j = 0; j < sig->features[i].width; j++)
			owner[sig->features[i].slot + j] = i;
	}
	for (uint32 i = 0; i < e->root[e->ntrees]; i++)
	{
		double		share = 1;

		if ((e->nodes[i].flags & ML_NODE_LEAF) != 0)
			continue;
		if (kind == ML_IMPORTANCE_GAIN)
			share = Max(e->gain[i], 0);
		else if (kind == ML_IMPORTANCE_COVER)
			share = e->cover[i];
		out[owner[e->nodes[i].slot]] += share;
		total += share;
	}
	for (int i = 0; i < sig->nfeatures && total > 0; i++)
		out[i] /= total;
	pfree(owner);
}
