/*-------------------------------------------------------------------------
 *
 * job_private.h
 *	  What the files on jobs share.
 *
 * IDENTIFICATION
 *	  src/worker/job_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_JOB_PRIVATE_H
#define MLOPS_JOB_PRIVATE_H

#include "utils/timestamp.h"

#include "mlops/store.h"

#define MLOPS_JOB_MAX_FAILURES 10	/* one after the other; then it is suspended */

/* job_plan.c: is there this session, and not only one with the same pid?  user: whose it is */
extern bool mlops_job_session_alive(int pid, TimestampTz backend_start, Oid *user);

/* job_alert.c: the job is suspended now, or is about to be removed; its row is locked */
extern void mlops_job_alert(MlWriter *w, int64 job_id);
extern void mlops_job_alert_over(MlWriter *w, int64 job_id);

/* job_message.c: an error in words of ours, which hold no value of a row */
extern const char *mlops_job_message(int sqlerrcode);

#endif							/* MLOPS_JOB_PRIVATE_H */
