/*-------------------------------------------------------------------------
 *
 * ensemble_private.h
 *	  What the files about stored trees share.
 *
 * IDENTIFICATION
 *	  src/tree/ensemble_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ENSEMBLE_PRIVATE_H
#define MLOPS_ENSEMBLE_PRIVATE_H

#include "mlops/tree.h"

/* Is a code in a set of codes that has a place for it? */
static inline bool
mlops_set_has(const uint32 *words, uint32 code)
{
	return ((words[code / 32] >> (code % 32)) & 1) != 0;
}

/* ensemble_rank.c */

#define ML_RANK_ROWS 128

/*
 * The trees laid out for scoring many rows of that many slots at once; NULL
 * where they ask for categories, have more than 255 leaves or ask too many
 * different questions of a slot.
 */
extern struct MlRankTrees *mlops_rank_make(const MlEnsemble *ensemble, int width);

/* Add what the trees (e->rank) say about ntiles x ML_RANK_ROWS rows to their sums. */
extern void mlops_rank_walk(const MlEnsemble *ensemble, const double *x, int width, int ntiles,
							double *sum);

#endif							/* MLOPS_ENSEMBLE_PRIVATE_H */
