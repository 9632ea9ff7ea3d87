/*-------------------------------------------------------------------------
 *
 * erasure.h
 *	  The right to erasure: what is done about a subject, and what cannot be.
 *
 * IDENTIFICATION
 *	  include/mlops/erasure.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ERASURE_H
#define MLOPS_ERASURE_H

#include "mlops/compat.h"
#include "mlops/store.h"

/* erase_subject.c */

/* One line of the report. */
typedef struct MlErasure
{
	const char *place;
	const char *status;			/* done, pending, blocked, out of reach, retrain needed */
	int64		items;			/* negative: cannot be counted */
	const char *detail;
	struct MlErasure *next;
} MlErasure;

/*
 * Erase what our tables hold of the subject with this key and put it on
 * record, without the key.  Returns the report, in the caller's memory.
 */
extern MlErasure *mlops_erase_subject_everywhere(MlWriter *w, const char *key, const char *reason);

#endif							/* MLOPS_ERASURE_H */
