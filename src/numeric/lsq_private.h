/*-------------------------------------------------------------------------
 *
 * lsq_private.h
 *	  What lsq.c, lsq_fold.c and lsq_solve.c share: the layout of an MlLsq.
 *
 * IDENTIFICATION
 *	  src/numeric/lsq_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef LSQ_PRIVATE_H
#define LSQ_PRIVATE_H

#include "mlops/numeric.h"

#define LSQ_MAGIC		0x51534c4d	/* "MLSQ" */
#define LSQ_MAX_COLS	65537
#define LSQ_MAX_BUFFER	65536
#define LSQ_MAX_ROWS	(INT64_C(1) << 52)

/*
 * The head of the flat memory.  After it, as doubles: R and G
 * (ncols x ncols each, row-major, zero below the diagonal), the buffer and
 * the scratch area (nbuffer x ncols each).
 */
struct MlLsq
{
	uint32_t	magic;
	int32_t		ncols;			/* with the response, the last */
	int32_t		nbuffer;
	int32_t		fill;			/* rows in the buffer */
	int64_t		nrows;			/* rows pushed, of weight above zero */
	int64_t		folded;			/* of these, not in the buffer */
	double		sum_weight;
	double		trace;			/* bound on the trace of G */
	int32_t		epoch;			/* what G is: EPOCH_* */
	int32_t		reserved;		/* zero */
	double		padding;		/* zero */
};

#define LSQ_R(lsq)		((double *) ((lsq) + 1))
#define LSQ_G(lsq)		(LSQ_R(lsq) + (size_t) (lsq)->ncols * (lsq)->ncols)
#define LSQ_BUFFER(lsq)	(LSQ_G(lsq) + (size_t) (lsq)->ncols * (lsq)->ncols)
#define LSQ_SCRATCH(lsq) \
	(LSQ_BUFFER(lsq) + (size_t) (lsq)->nbuffer * (lsq)->ncols)

/* what MlLsq.epoch says about G */
#define EPOCH_NONE		0		/* empty */
#define EPOCH_SOLVE		1		/* rows in coordinates of R */
#define EPOCH_PLAIN		2		/* rows less the first column and the fit */

/* lsq.c: n bytes of zeros, which can take seconds where memory is touched first */
extern void mlops_lsq_zero(void *memory, size_t n);

/* lsq_fold.c */
extern double mlops_lsq_norm(int n, const double *x, int stride);
extern void mlops_lsq_reflect(int n, double *r, int m, double *rows, int first);
extern void mlops_lsq_fold(MlLsq *lsq);
extern void mlops_lsq_end_epoch(MlLsq *lsq);
extern void mlops_lsq_epoch_factor(const MlLsq *lsq, double *u, double *row);

#endif							/* LSQ_PRIVATE_H */
