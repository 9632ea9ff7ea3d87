/*-------------------------------------------------------------------------
 *
 * alert.h
 *	  Alerts: what somebody should look at, said once.
 *
 * IDENTIFICATION
 *	  include/mlops/alert.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ALERT_H
#define MLOPS_ALERT_H

#include "utils/timestamp.h"

#include "mlops/profile.h"
#include "mlops/store.h"

/* What it is about: there is at most one open alert of the same. */
typedef struct MlAlertKey
{
	int64		model_id;
	int			version;		/* 0: the model */
	const char *kind;			/* drift output_drift joint_drift model_drift missing_values no_data performance latency errors schema job retraining */
	const char *subject;		/* feature, metric, job; NULL: none */
} MlAlertKey;

typedef struct MlAlertFacts
{
	MlSeverity	severity;		/* never none */
	const char *method;			/* "psi", "roc_auc", ...; NULL: none */
	double		value;			/* NaN: none */
	double		threshold;
	TimestampTz window_start;	/* 0: none */
	TimestampTz window_end;
} MlAlertFacts;

/* drift/alert_write.c; inside a write section */

/*
 * Open it, or bring the open one up to date: severity as now, seen once more.
 * A new one, and one that became more severe, is told on channel mlops_alert
 * when the transaction commits, unless it is silenced.  Returns whether it is new.
 */
extern bool mlops_alert_raise(MlWriter *w, const MlAlertKey *key, const MlAlertFacts *facts);

/* Close it if it is open.  Returns whether it was. */
extern bool mlops_alert_clear(MlWriter *w, const MlAlertKey *key);

/* Close all open ones of a model's other versions: they are not in use any more. */
extern int64 mlops_alerts_supersede(MlWriter *w, int64 model_id, int keep_version);

#endif							/* MLOPS_ALERT_H */
