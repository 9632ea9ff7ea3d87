/*-------------------------------------------------------------------------
 *
 * algo_list.h
 *	  The only list of algorithms.  The numbers reach disk and are never
 *	  reused; a removed algorithm leaves its line here as a comment.
 *
 * No include guard: registry.c includes it several times.
 *
 * IDENTIFICATION
 *	  src/algo/algo_list.h
 *
 *-------------------------------------------------------------------------
 */
/*		symbol				 id */
ML_ALGO(linear_regression, 1)
ML_ALGO(logistic_regression, 2)
