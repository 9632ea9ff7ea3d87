/*-------------------------------------------------------------------------
 *
 * tree_words.h
 *	  The words that a tree is told in.
 *
 * IDENTIFICATION
 *	  src/tree/tree_words.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_TREE_WORDS_H
#define MLOPS_TREE_WORDS_H

#include "mlops/tree.h"
#include "ensemble_private.h"

/* The feature that a split asks; element: which of an array, from 0. */
extern const MlFeature *mlops_tree_feature(const MlSignature *sig, int slot, int *element);

/* Does a missing value go to the left, the feature's rule for missing values considered? */
extern bool mlops_tree_missing_left(const MlFeature *feature, int element,
									const MlEnsemble *ensemble, const MlNode *node);

/* Which rows go to one side, for people: age <= 35.5 or missing. */
extern void mlops_tree_question(const MlEnsemble *ensemble, const MlSignature *sig,
								const MlNode *node, bool left, StringInfo buf);

/* What a leaf says, for people. */
extern void mlops_tree_answer(const MlEnsemble *ensemble, const MlSignature *sig,
							  const MlNode *leaf, StringInfo buf);

#endif							/* MLOPS_TREE_WORDS_H */
