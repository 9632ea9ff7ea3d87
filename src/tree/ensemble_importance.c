/*-------------------------------------------------------------------------
 *
 * ensemble_importance.c
 *	  Which features the trees ask, and how much it gains them.
 *
 * IDENTIFICATION
 *	  src/tree/ensemble_importance.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/tree.h"

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
