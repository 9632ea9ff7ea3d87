/*-------------------------------------------------------------------------
 *
 * train_private.h
 *	  What the two ways of training share: options, class weights, notices.
 *
 * IDENTIFICATION
 *	  src/model/train_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TRAIN_PRIVATE_H
#define TRAIN_PRIVATE_H

#include "mlops/model.h"

/* train_options.c */

/* Error 0A000 unless the algorithm does the signature's task. */
extern void mlops_train_check_task(const MlAlgo *algo, const MlSignature *sig);

/*
 * Factors per class as option "class_weight" asks, or NULL.  "balanced" is
 * total / (classes * class total), scikit-learn's definition, of class_total:
 * weight of the training rows per class.
 */
extern const double *mlops_train_class_weights(const MlSignature *sig,
											   const double *class_total,
											   const MlParams *params);

#endif							/* TRAIN_PRIVATE_H */
