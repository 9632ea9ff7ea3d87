/*-------------------------------------------------------------------------
 *
 * retention.h
 *	  How long things are kept, and what must be kept.
 *
 * IDENTIFICATION
 *	  include/mlops/retention.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_RETENTION_H
#define MLOPS_RETENTION_H

#include "utils/timestamp.h"

#include "mlops/compat.h"
#include "mlops/store.h"

/* retention_rule.c */

/* A rule; NULL: no such bound. */
typedef struct MlRetentionRule
{
	Interval   *minimum;
	Interval   *maximum;
} MlRetentionRule;

/* Error 22023 for another kind than "audit", "log", "snapshots" and "alerts". */
extern void mlops_retention_kind_check(const char *kind);

/* Store a rule and record it; error 22023 where the bounds make no sense. */
extern void mlops_retention_set(MlWriter *w, const char *kind, const MlRetentionRule *rule);

/*
 * Everything of the kind that is older than this is due to go (the maximum),
 * or may go (the minimum); false where there is no such bound.
 */
extern bool mlops_retention_maximum(MlWriter *w, const char *kind, TimestampTz *before);
extern bool mlops_retention_minimum(MlWriter *w, const char *kind, TimestampTz *before);

/* hold.c: kinds are "model", "version" (object "credit:3"), "snapshot" and "audit" */

/* Inside a write section, before removing or renaming something: error 42501, logged, if a hold is on it. */
extern void mlops_hold_check(MlWriter *w, const char *kind, const char *object);

/* Until the transaction ends, no hold is placed; the others do this themselves. */
extern void mlops_hold_lock(MlWriter *w);

/* Is there one?  In a read section too. */
extern bool mlops_hold_exists(MlWriter *w, const char *kind, const char *object);

extern int64 mlops_hold_place(MlWriter *w, const char *kind, const char *object, const char *reason);

/* Error 42704 where there is no such hold, or it was released. */
extern void mlops_hold_release(MlWriter *w, int64 hold_id);

/* audit_retention.c */

/* What applying a rule did. */
typedef struct MlRetained
{
	const char *kind;
	int64		removed;
	int64		kept_by_hold;	/* that were due */
	const char *detail;			/* a word on it, or NULL */
} MlRetained;

/* Remove the beginning of the audit trail that is older than the maximum. */
extern void mlops_audit_retain(MlWriter *w, MlRetained *out);

/* lifecycle/apply_retention.c: all kinds */
#define MLOPS_RETAINED_KINDS 4
#define MLOPS_ALERTS_KEPT "1 year"	/* closed ones, where no rule is set */
extern void mlops_retention_apply(MlWriter *w, MlRetained *out);

/* audit_erase.c */

/* What was done about the payloads in which a subject's key stands. */
typedef struct MlAuditErased
{
	int64		erased;
	int64		held;			/* a legal hold is on what the act was done to */
	int64		too_young;		/* the minimum is not over */
	Datum	   *events;			/* numbers of the erased ones, bigint */
} MlAuditErased;

/* Erase payloads that have the key as a string anywhere; the caller puts the events on record. */
extern void mlops_audit_erase(MlWriter *w, const char *key, MlAuditErased *out);

#endif							/* MLOPS_RETENTION_H */
