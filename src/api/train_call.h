/*-------------------------------------------------------------------------
 *
 * train_call.h
 *	  One call of train(): what was asked for, and one algorithm's answer.
 *
 * IDENTIFICATION
 *	  src/api/train_call.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_TRAIN_CALL_H
#define MLOPS_TRAIN_CALL_H

#include "utils/jsonb.h"

#include "mlops/catalog.h"
#include "mlops/model.h"

/* The arguments, unpacked. */
typedef struct MlTrainCall
{
	char	   *model;
	char	   *text;			/* of the source */
	MlSource   *source;			/* opened once, so that rows kept for another reading are found again */
	const MlAlgo *algo;			/* NULL: auto */
	Jsonb	   *options;		/* as given */
	MlWish		wish;			/* what does not depend on the algorithm */
	bool		refit;
	bool		training_metrics;	/* on the training part, too */
	char	   *alias;
	char	   *note;
} MlTrainCall;

/* A model that was trained and measured, without the rows. */
typedef struct MlCandidate
{
	const MlAlgo *algo;
	Jsonb	   *options;		/* in effect */
	struct varlena *artifact;	/* of type mlops.model */
	MlTask		task;
	char	   *target;
	int			nfeatures;
	MlFingerprint fingerprint;	/* of the rows read first */
	MlRowCounts counts;			/* of the rows it was measured with, whether or not it was fitted again */
	List	   *labelled;		/* MlLabelled *: columns used in spite of their labels */
	Jsonb	   *metrics;
	Jsonb	   *training_metrics;	/* NULL: not asked for */
	List	   *notices;		/* char *: what training has to say about it */
	MlCurve		curve;
	MlAnswers  *answers;		/* of the model that was measured, where it is fitted again; else NULL */
	int			stopped_at;		/* rounds kept by early stopping; 0: it was not asked for */
} MlCandidate;

/* train_candidate.c */

/*
 * Read the source, train on the training part and measure; fit again where the
 * call asks for it, but not for auto.  Everything but the result is freed.  algo NULL: the linear model of the task.  Options must be
 * the algorithm's, but for auto: then those that other candidates alone know
 * are passed over.
 */
extern void mlops_candidate_train(const MlTrainCall *call, const MlAlgo *algo,
								  MlCandidate *out);

/* Read it again and train on all rows; the metrics stay. */
extern void mlops_candidate_refit(const MlTrainCall *call, MlCandidate *candidate);

/* train_auto.c */

/* Options that no candidate of auto takes are an error.  task: 0 where it is not known yet. */
extern void mlops_auto_check_options(Jsonb *options, int task);

/* Of auto's options those that a candidate takes, and what auto adds of its own. */
extern Jsonb *mlops_auto_options(const MlAlgo *algo, Jsonb *options);

/* The best of several algorithms, measured on the same held-out rows. */
extern void mlops_auto_train(const MlTrainCall *call, MlCandidate *out);

/* train_facts.c: what the version's row remembers of data and making besides */
extern Jsonb *mlops_version_facts(const MlTrainCall *call, const MlCandidate *best);

#endif							/* MLOPS_TRAIN_CALL_H */
