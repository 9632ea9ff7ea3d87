/*-------------------------------------------------------------------------
 *
 * fit_state.h
 *	  The transition state of the fit() aggregate: one flat value of type
 *	  mlops_private.fit_state.
 *
 *	header | options (JSON text) | payload
 *
 * The payload of a one-pass algorithm is its partial; of any other a buffer
 * of rows (target, features) followed by the labels met so far.  Every part
 * begins at a MAXALIGN boundary.  No pointers, so that the value can cross to
 * parallel workers and other servers as it is.
 *
 * IDENTIFICATION
 *	  src/api/fit_state.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_FIT_STATE_H
#define MLOPS_FIT_STATE_H

#include "fmgr.h"

#include "mlops/algo.h"

#define FIT_STATE_MAGIC		0x6d6c6673	/* "mlfs" */
#define FIT_STATE_MAX_WIDTH 65535
#define FIT_STATE_MAX_CLASSES 1000

typedef enum FitTarget
{
	FIT_TARGET_NUMBER = 1,
	FIT_TARGET_TEXT = 2,
	FIT_TARGET_BOOL = 3,
	FIT_TARGET_NUMBER_LABEL = 4 /* a number that names a class */
} FitTarget;

typedef struct FitState
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	uint32		magic;
	uint16		algo;			/* id */
	uint8		target;			/* FitTarget */
	uint8		skip_missing;	/* else a missing value is an error */
	int32		width;			/* features */
	uint32		options_len;	/* bytes of the options' text, 0: all defaults */
	uint64		options_hash;	/* of the jsonb value, to see that it stays the same */
	uint32		payload_len;
	int32		pad;
	int64		nskipped;		/* rows with a missing value */
	int64		nrows;			/* rows taken in */
	/* row buffer only */
	int32		capacity;		/* rows there is room for */
	int32		nlabels;
	int32		labels_len;		/* bytes in use */
	int32		labels_size;	/* bytes there is room for */
} FitState;

#define FIT_OPTIONS_OFFSET	MAXALIGN(sizeof(FitState))
#define FIT_PAYLOAD_OFFSET(s) (FIT_OPTIONS_OFFSET + MAXALIGN((s)->options_len))
#define FIT_OPTIONS(s)		((char *) (s) + FIT_OPTIONS_OFFSET)
#define FIT_PAYLOAD(s)		((char *) (s) + FIT_PAYLOAD_OFFSET(s))

/* Row buffer: row i is one target and width features; labels are (uint32 length, bytes)*. */
#define FIT_ROW(s, i)		((double *) FIT_PAYLOAD(s) + (Size) (i) * ((s)->width + 1))
#define FIT_LABELS(s)		((char *) FIT_ROW(s, (s)->capacity))

/* Are targets of this kind classes? */
#define FIT_IS_LABEL(target) ((target) != FIT_TARGET_NUMBER)

/* fit_state.c: the type's functions; error 22P03 unless the bytes are a consistent state */
extern void mlops_fit_state_check(const FitState *state);

#endif							/* MLOPS_FIT_STATE_H */
