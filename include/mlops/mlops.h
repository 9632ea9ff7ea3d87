/*-------------------------------------------------------------------------
 *
 * mlops.h
 *	  Forward names of every struct that crosses a folder.  Includes nothing,
 *	  so that any header can say "pointer to an MlModel" for free.
 *
 * IDENTIFICATION
 *	  include/mlops/mlops.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_MLOPS_H
#define MLOPS_MLOPS_H

typedef struct MlAlgo MlAlgo;
typedef struct MlBinding MlBinding;
typedef struct MlBlock MlBlock;
typedef struct MlDataset MlDataset;
typedef struct MlFeature MlFeature;
typedef struct MlModel MlModel;
typedef struct MlParamDef MlParamDef;
typedef struct MlParams MlParams;
typedef struct MlSignature MlSignature;
typedef struct MlSource MlSource;
typedef struct MlSurvey MlSurvey;
typedef struct MlTrain MlTrain;

#endif							/* MLOPS_MLOPS_H */
