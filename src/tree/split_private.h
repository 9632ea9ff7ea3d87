/*-------------------------------------------------------------------------
 *
 * split_private.h
 *	  What split_number.c and split_category.c share: one question, the gain, and who
 *	  wins.
 *
 * IDENTIFICATION
 *	  src/tree/split_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_SPLIT_PRIVATE_H
#define MLOPS_SPLIT_PRIVATE_H

#include <math.h>

#include "grow.h"

/* One call of mlops_split_find, with what follows from its arguments. */
typedef struct MlSplitAsk
{
	const MlGrowRules *rules;
	const MlScale *scale;
	const MlBinning *binning;
	int			slot;
	int			monotone;
	const int64 *hist;
	const MlNodeStats *node;
	const MlRefused *refused;
	bool		bounded;		/* a bound is finite */
	uint32		min_units;		/* least hessian of a side, in units; at least 1 */
	double		parent_gain;	/* of the node as it is */
	double		floor;			/* gains must exceed it */
	void	   *scratch;
	MlSplit    *best;
	uint32	   *set;
} MlSplitAsk;

/* split_number.c */

/*
 * Least hessian, in units, of that many rows (1 at least).  Rows that are
 * estimated are rounded up: who splits counts them exactly.
 */
extern uint32 mlops_split_units(const MlSplitAsk *ask, int64 rows);

/*
 * Take the candidate with these sums (units) on its left side if it beats
 * *best: true says that it did.  l2 is that of the sides.  Categories have the
 * bin -1.
 */
extern bool mlops_split_take(const MlSplitAsk *ask, double l2, int bin, bool missing_left,
							 int32 left_gradient, uint32 left_hessian);

/* split_category.c */
extern void mlops_split_category(const MlSplitAsk *ask);

#endif							/* MLOPS_SPLIT_PRIVATE_H */
