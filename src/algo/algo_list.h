/*-------------------------------------------------------------------------
 *
 * algo_list.h
 *	  The only list of algorithms.  The numbers reach disk and are never
 *	  reused; a removed algorithm leaves its line here as a comment.
 *
 * Included as it is, this declares every algorithm: an algorithm's own file
 * does so.  With ML_ALGO defined it is a table of anything else (registry.c).
 * So there is no include guard.
 *
 * IDENTIFICATION
 *	  src/algo/algo_list.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef ML_ALGO
#include "mlops/mlops.h"
#define ML_ALGO(symbol, id) extern const MlAlgo mlops_algo_##symbol;
#endif

/*		symbol				 id */
ML_ALGO(linear_regression, 1)
ML_ALGO(logistic_regression, 2)
ML_ALGO(gradient_boosting, 3)
ML_ALGO(random_forest, 4)
ML_ALGO(decision_tree, 5)

#undef ML_ALGO
