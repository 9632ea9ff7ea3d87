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
	const char *kind;			/* one of those in drift/alert_act.c */
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

/*
 * drift/alert_write.c; inside a write section.  Nobody's rights are checked.
 * Several alerts of one model are raised and closed in one transaction by who
 * holds a lock on its monitor, or else by ascending key.
 */

/*
 * Open it, or bring the open one up to date: severity as now, seen once more.
 * A new one, and one that became more severe than what was told of it, is told
 * on channel mlops_alert when the transaction commits, unless it is silenced.
 * The notification is the alert's number.  Returns whether it is new.
 */
extern bool mlops_alert_raise(MlWriter *w, const MlAlertKey *key, const MlAlertFacts *facts);

/* Close it if it is open.  Returns whether it was. */
extern bool mlops_alert_clear(MlWriter *w, const MlAlertKey *key);

/* Close all open ones of versions that are not in use any more: aliases named them once, and none does now. */
extern int64 mlops_alerts_supersede(MlWriter *w, int64 model_id);

/*
 * drift/alert_schema.c; inside a write section.  Raise, and close, the alerts of
 * kind "schema" of all versions that an alias points to: relations that their
 * training read, and tables whose triggers score with the model, that lost a
 * column or changed its type.  Adds to *raised and *cleared.
 */
extern void mlops_alerts_schema_check(MlWriter *w, int64 model_id, int *raised, int *cleared);

/* drift/alert_act.c: what people do; a write section of its own each, and audited.  Needs ML_PRIVILEGE_LOGS. */

/* Error 22023 that lists them. */
extern void mlops_alert_kind_check(const char *kind);

/* An alert, and what became of it. */
typedef struct MlAlertRow
{
	int64		alert_id;
	char	   *model;
	int			version;		/* 0: the model */
	char	   *kind;
	char	   *subject;		/* "": none */
	char	   *state;
	TimestampTz at;				/* it was done */
} MlAlertRow;

/*
 * Somebody knows; or it is over because somebody says so.  note: NULL: the
 * one that is there stays.  Errors: 42704 for one that there is not or that the
 * caller may not touch, 55000 for one that is closed.
 */
extern void mlops_alert_acknowledge(int64 alert_id, const char *note, MlAlertRow *out);
extern void mlops_alert_close(int64 alert_id, const char *note, MlAlertRow *out);

/*
 * Kind "custom", for rules that callers have of their own; not audited, as the
 * others are not.  Return what mlops_alert_raise and mlops_alert_clear do.
 */
extern bool mlops_alert_raise_custom(const char *model, const char *subject, const MlAlertFacts *facts);
extern bool mlops_alert_clear_custom(const char *model, const char *subject);

/* kind, subject: "": any. */
typedef struct MlSilence
{
	const char *model;
	const char *kind;
	const char *subject;
	TimestampTz until;
	const char *note;			/* or NULL */
} MlSilence;

/* Tell nobody until then, or until a later decision on the same; error 22023 for a time that is over. */
extern void mlops_alerts_silence(const MlSilence *silence);

/* End the silences of the kind and of the subject, "" being all of them; returns how many were in force. */
extern int64 mlops_alerts_unsilence(const char *model, const char *kind, const char *subject);

#endif							/* MLOPS_ALERT_H */
