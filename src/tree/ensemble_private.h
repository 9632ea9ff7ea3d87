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

#endif							/* MLOPS_ENSEMBLE_PRIVATE_H */
