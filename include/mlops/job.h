/*-------------------------------------------------------------------------
 *
 * job.h
 *	  Jobs: what is done again and again, or later, as the role that asked.
 *
 * IDENTIFICATION
 *	  include/mlops/job.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_JOB_H
#define MLOPS_JOB_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "mlops/compat.h"
#include "mlops/store.h"

typedef struct MlJobKind MlJobKind;

/* One run of a job. */
typedef struct MlJob
{
	int64		job_id;
	int64		run_id;
	char	   *name;
	const MlJobKind *kind;		/* NULL: this version knows none of the name stored */
	Jsonb	   *arguments;
	char	   *search_path;	/* of the session that planned it */
	bool		once;
	int			failures;		/* one after the other, before this run */
} MlJob;

/* What it did so far. */
typedef struct MlJobWork
{
	int64		rows;			/* -1: does not count any */
	Jsonb	   *detail;			/* NULL: nothing to say */
} MlJobWork;

/* What a job can do; a new kind is a line in worker/job_kind.c. */
struct MlJobKind
{
	const char *name;

	/* When it is scheduled, as the one who asks: error 22023 for arguments that make no sense, or 42501. */
	void		(*check) (Jsonb *arguments);

	/*
	 * As the job's owner, in a transaction that the caller commits, and in a
	 * subtransaction that it rolls back after an error.  Returns whether there is more to do, which
	 * comes in another transaction.  job: NULL for kinds without arguments, done unasked.
	 */
	bool		(*step) (const MlJob *job, MlJobWork *work);
};

/* job_kind.c */
extern const MlJobKind *mlops_job_kind(const char *name);	/* NULL: there is none */
extern const MlJobKind *mlops_job_kind_required(const char *name);	/* error 22023 that lists them */

/* job_train.c: kind "train" */
extern void mlops_job_train_check(Jsonb *arguments);
extern bool mlops_job_train_step(const MlJob *job, MlJobWork *work);

/* job_monitor.c: kind "monitor" */
struct MlMonitor;
extern void mlops_job_monitor_check(Jsonb *arguments);
extern bool mlops_job_monitor_step(const MlJob *job, MlJobWork *work);
/* In a write section: the monitor's job, which is of the role that asks from now on; its number and, palloc'd in the caller's context, name. */
extern int64 mlops_job_of_monitor(MlWriter *w, const struct MlMonitor *monitor, char **name);

/* log_upkeep.c: kind "log" */
extern bool mlops_job_log_step(const MlJob *job, MlJobWork *work);

/* Inside the write section that records it: a run failed.  What the kind has to say about it. */
extern void mlops_job_failed(MlWriter *w, const MlJob *job, const char *sqlstate, const char *message);

/* job_retrain.c: kind "retrain", of which retrain policies make the jobs */
extern void mlops_job_retrain_check(Jsonb *arguments);	/* always error 22023 */
extern bool mlops_job_retrain_step(const MlJob *job, MlJobWork *work);

/* job_plan.c: inside a write section */

typedef struct MlJobPlan
{
	const char *name;			/* NULL: made from "subject" and the job's number */
	const char *subject;
	const MlJobKind *kind;
	Interval   *every;			/* NULL: once */
	Jsonb	   *arguments;
	TimestampTz start;
} MlJobPlan;

/* Error 22023 for names and intervals that cannot be; outside of a write section. */
extern void mlops_job_plan_check(const MlJobPlan *plan);

/* Store it for the role that asks; the job's number and, palloc'd in the caller's context, name. */
extern int64 mlops_job_add(MlWriter *w, const MlJobPlan *plan, char **name);

/* A job that was found. */
typedef struct MlJobFound
{
	int64		job_id;
	char	   *kind;
	bool		running;
	int64		run_id;			/* the following: if it is running */
	int			pid;
	TimestampTz backend_start;
	bool		here;			/* in this cluster */
} MlJobFound;
/* The job of that name goes; errors: 42704 if there is none or it is not the caller's, 55006 if it is running. */
extern void mlops_job_remove(MlWriter *w, const char *name, MlJobFound *job);
/* The same by its number, whosever it is; nothing happens where it is gone. */
extern void mlops_job_remove_number(MlWriter *w, int64 job_id);

/* Ask the run to end; returns whether its session was sent a signal. */
extern bool mlops_job_cancel(MlWriter *w, const char *name, MlJobFound *job);

/* job_claim.c: inside a write section */

typedef enum MlJobOutcome
{
	ML_JOB_SUCCEEDED,
	ML_JOB_FAILED,
	ML_JOB_CANCELLED,
	ML_JOB_INTERRUPTED			/* not by its owner's wish: it stays due */
} MlJobOutcome;

/* Runs whose session is gone are over, and what is too old is removed. */
extern void mlops_jobs_tidy(MlWriter *w);

/* The next due job of the role, marked as running in this session; false: nothing is due. */
extern bool mlops_job_claim(MlWriter *w, MlJob *out);

/* At the begin of each transaction of a run: it is held by a lock.  False: the run is not ours any more. */
extern bool mlops_job_hold(MlWriter *w, const MlJob *job);

/* Its row, locked until the transaction ends; returns whether somebody asked to cancel it. */
extern bool mlops_job_cancelled(MlWriter *w, const MlJob *job);

/* The end of a run; sqlstate and message: NULL if it succeeded.  Returns whether the job is suspended now. */
extern bool mlops_job_finish(MlWriter *w, const MlJob *job, MlJobOutcome outcome,
							 const MlJobWork *work, const char *sqlstate, const char *message);

/* job_run.c */

/*
 * In a procedure that may commit: run what is due of the current user, each
 * in transactions of its own, and begin nothing after the deadline.
 */
extern void mlops_jobs_run(const char *command, TimestampTz deadline);

/*
 * In a transaction, by a role that may become the extension's owner: what is due of this role
 * fails, since no worker can connect as it.
 */
extern void mlops_jobs_refuse(const char *command, Oid role);

#endif							/* MLOPS_JOB_H */
