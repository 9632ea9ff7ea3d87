/*-------------------------------------------------------------------------
 *
 * retrain.h
 *	  Retraining: when a model's successor is trained, how it is compared with
 *	  what is in use, and what comes of it.
 *
 * Tables: sql/install/33_retraining_tables.sql.
 *
 * IDENTIFICATION
 *	  include/mlops/retrain.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_RETRAIN_H
#define MLOPS_RETRAIN_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "mlops/catalog.h"
#include "mlops/store.h"

/* What makes it due. */
typedef enum MlRetrainTrigger
{
	ML_RETRAIN_SCHEDULE,		/* time */
	ML_RETRAIN_DRIFT,			/* an open alert of major drift */
	ML_RETRAIN_PERFORMANCE,		/* an open alert of performance */
	ML_RETRAIN_NEW_ROWS			/* so many rows more in the source */
} MlRetrainTrigger;

typedef struct MlRetrainPolicy
{
	int64		model_id;
	char	   *model;			/* its name today */
	int64		job_id;			/* whose owner trains */
	MlRetrainTrigger trigger;
	char	   *source;
	Interval   *window;			/* the newest so much of it; NULL: all */
	char	   *time_column;	/* NULL: none */
	Interval   *cooldown;
	Jsonb	   *budget;			/* as given */
	char	   *metric;			/* one of what mlops_paired_finish measures */
	double		min_gain;
	int64		new_rows;		/* 0: not set */
	char	   *promote_alias;	/* NULL: move none */
	double		holdout;		/* share of the newest rows */
	TimestampTz wanted;			/* 0, or since when a monitor asks for it */
} MlRetrainPolicy;

/* The budget, read; 0: no limit.  Error 22023 for what makes no sense. */
typedef struct MlRetrainBudget
{
	double		seconds;		/* of one training */
	int64		rows;			/* that one may read */
	int64		runs;			/* trainings in 30 days */
} MlRetrainBudget;
extern void mlops_retrain_budget(Jsonb *budget, MlRetrainBudget *out);

/* How a version was trained, to do it again; palloc'd. */
typedef struct MlRecipe
{
	char	   *algorithm;
	char	   *target;
	char	   *weight;			/* NULL: none */
	int			nfeatures;
	char	  **features;
	Jsonb	   *options;		/* all that were in effect */
	Jsonb	   *validation;
} MlRecipe;

/* monitor/retrain_policy.c */

extern const char *mlops_retrain_trigger_name(MlRetrainTrigger trigger);
extern MlRetrainTrigger mlops_retrain_trigger_by_name(const char *name);	/* error 22023 that lists them */

/*
 * Check a policy as the current user, who is to own it, and complete it:
 * source and metric that are not given, model_id.  Outside of a write section;
 * the source is opened, and not read.  Errors: 42704 without
 * ML_PRIVILEGE_TRAIN, 42501 without ML_PRIVILEGE_DEPLOY where an alias is to be
 * moved, 22023, 55000 for a model without a champion, 0A000 for a source that
 * cannot be taken apart.
 */
extern void mlops_retrain_check(MlRetrainPolicy *policy);

/* Inside a write section, with the model locked and policy->job_id made.  Audited. */
extern void mlops_retrain_store(MlWriter *w, const MlRetrainPolicy *policy, const Interval *every);

/* The number and, palloc'd in the caller's context, name of the policy's job; 0: the model has no policy. */
extern int64 mlops_retrain_job(MlWriter *w, int64 model_id, MlRetrainTrigger *trigger, char **job);

/* The policy of a job, under the active snapshot, palloc'd in the current context; false: it is gone. */
extern bool mlops_retrain_load(int64 job_id, MlRetrainPolicy *out);

/*
 * Inside a write section: a monitor found drift, so the model's policy, if it
 * has one, is to look at once, whatever its trigger.  Cooldown and budget hold.
 * Returns whether there is one.
 */
extern bool mlops_retrain_wake(MlWriter *w, int64 model_id);

/* monitor/retrain_source.c: as the current user, outside of write sections */

/* The parts of a source, each a query, and what is in them. */
typedef struct MlRetrainSplit
{
	char	   *training;		/* rows to train on */
	char	   *holdout;		/* rows to compare on: none of the others */
	int64		rows;			/* of both */
	int64		rows_training;
	int64		rows_holdout;
	TimestampTz from;			/* of the time column; all 0 without one */
	TimestampTz cut;			/* the last that is trained on */
	TimestampTz until;
} MlRetrainSplit;
extern void mlops_retrain_split(const MlRetrainPolicy *policy, const MlRecipe *recipe, MlRetrainSplit *out);

/* Rows whose time column is after "since", or (0) all rows, counted up to "most". */
extern int64 mlops_retrain_count(const MlRetrainPolicy *policy, TimestampTz since, int64 most);

/*
 * Error 0A000 or 22023 for a source that cannot be taken apart; 42703 for a time
 * column that it has not.  Gives a relation's name its schema.
 */
extern void mlops_retrain_source_check(MlRetrainPolicy *policy);

/* monitor/retrain_measure.c */

/* From the artifact and what is stored beside it. */
extern void mlops_recipe_read(int64 model_id, int version, MlRecipe *out);

typedef struct MlRetrainMeasure
{
	double		value[2];		/* champion, challenger */
	double		gain;			/* better by; NaN: one of them is not defined */
	double		low;			/* its 95 % interval, by paired bootstrap */
	double		high;
	double		p;				/* McNemar; NaN for regression */
	int64		rows;
} MlRetrainMeasure;

/* Both on the same rows, read as the current user, whose rights on the model are not checked. */
extern void mlops_retrain_measure(int64 model_id, int champion, int challenger, const char *holdout,
								  const char *target, const char *metric, MlRetrainMeasure *out);

/* Error 22023 unless models of this task and so many classes have the metric; NULL: the one to take. */
extern const char *mlops_retrain_metric(const char *metric, MlTask task, int nclasses);

/* monitor/retrain_run.c: as the current user, who owns the job */

typedef struct MlRetrainRun
{
	MlRetrainPolicy policy;
	MlRetrainBudget budget;
	MlRetrainTrigger trigger;	/* that it was */
	char	   *cause;			/* in words */
	TimestampTz started;
	int			champion;		/* version to compare with */
	int			alias_version;	/* promote_alias points to it; 0: none */
	MlRecipe	recipe;
	MlRetrainSplit split;
	/* after mlops_retrain_conclude */
	int			challenger;
	const char *decision;		/* promoted, requested, proposed, kept, skipped */
	char	   *reason;
} MlRetrainRun;

/*
 * Is a training due, and allowed?  Then all that it takes is in *run.  False:
 * run->decision is NULL, or "skipped" if it was due and could not be; reason
 * says why, and is recorded.  policy.model NULL: the policy is gone.  Error 42704 or 42501 if the current user's rights
 * are gone.
 */
extern bool mlops_retrain_begin(int64 job_id, MlRetrainRun *run);

/* Compare the new version, decide, record, and do what was decided. */
extern void mlops_retrain_conclude(MlRetrainRun *run, int challenger);

/* Inside a write section: a run of the job failed. */
extern void mlops_retrain_failed(MlWriter *w, int64 job_id, const char *sqlstate, const char *message);

#endif							/* MLOPS_RETRAIN_H */
