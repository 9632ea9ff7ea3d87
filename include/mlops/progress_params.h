/*-------------------------------------------------------------------------
 *
 * progress_params.h
 *	  Numbers under which progress.c reports and progress_api.c reads.
 *
 * IDENTIFICATION
 *	  include/mlops/progress_params.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_PROGRESS_PARAMS_H
#define MLOPS_PROGRESS_PARAMS_H

#define MLOPS_PROGRESS_COMMAND	0x6d6c	/* "ml" */

#define MLOPS_PROGRESS_PHASE		0
#define MLOPS_PROGRESS_ROWS			1
#define MLOPS_PROGRESS_PASS			2
#define MLOPS_PROGRESS_MAX_PASSES	3
#define MLOPS_PROGRESS_LOSS			4	/* the bits of a double */
#define MLOPS_PROGRESS_HAS_LOSS		5	/* 1: there is one */

#endif							/* MLOPS_PROGRESS_PARAMS_H */
