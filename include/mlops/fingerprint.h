/*-------------------------------------------------------------------------
 *
 * fingerprint.h
 *	  What a row type's values are to a fingerprint.
 *
 * src/data/fingerprint.c has the table of types; src/test/data/fingerprint.py says
 * the same once more.
 *
 * IDENTIFICATION
 *	  include/mlops/fingerprint.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_FINGERPRINT_H
#define MLOPS_FINGERPRINT_H

#include "access/tupdesc.h"

#include "mlops/numeric.h"

#define MLOPS_FINGERPRINT_LEN	32	/* hexadecimal digits */

typedef struct MlFingerPlan MlFingerPlan;

/* data/fingerprint.c */

/* How rows of this type are hashed; "wanted" says by column which count, NULL: all.  Lives in "context". */
extern MlFingerPlan *mlops_finger_plan_make(TupleDesc desc, const bool *wanted, MemoryContext context);

/* Add a row, deformed.  What has to be unpacked for that lives in CurrentMemoryContext. */
extern void mlops_finger_plan_row(MlFingerPlan *plan, const Datum *values, const bool *nulls, MlFingerSum *sum);

/* The digits, terminated. */
extern void mlops_finger_text(const MlFingerSum *sum, char text[MLOPS_FINGERPRINT_LEN + 1]);

#endif							/* MLOPS_FINGERPRINT_H */
