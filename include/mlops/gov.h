/*-------------------------------------------------------------------------
 *
 * gov.h
 *	  Who may do what, and the record of who did it.
 *
 * IDENTIFICATION
 *	  include/mlops/gov.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_GOV_H
#define MLOPS_GOV_H

#include "utils/jsonb.h"

#include "mlops/compat.h"
#include "mlops/store.h"

/*
 * Privileges.  The owner of a model has all of them on it, as have roles with
 * the owner's privileges and superusers.  Some bring others with them: who may
 * fetch the artifact, train, deploy, approve or manage may read.
 */
typedef enum MlPrivilege
{
	ML_PRIVILEGE_READ,			/* name, versions, metrics, card, drift */
	ML_PRIVILEGE_PREDICT,		/* score with it */
	ML_PRIVILEGE_ARTIFACT,		/* bytes, coefficients, thresholds, dictionaries */
	ML_PRIVILEGE_LOGS,			/* the prediction log */
	ML_PRIVILEGE_TRAIN,			/* new versions, the card */
	ML_PRIVILEGE_DEPLOY,		/* aliases, routes, stages */
	ML_PRIVILEGE_APPROVE,		/* decide on promotions */
	ML_PRIVILEGE_UNMASK,		/* raw values of masked columns */
	ML_PRIVILEGE_MANAGE,		/* grants, policies, dropping, renaming */
	/* of the whole database, not of a model */
	ML_PRIVILEGE_AUDIT,			/* read the audit trail */
	ML_PRIVILEGE_ERASE			/* erase subjects, place and release holds */
} MlPrivilege;
#define ML_PRIVILEGE_LAST_OF_MODEL ML_PRIVILEGE_MANAGE
#define ML_PRIVILEGE_LAST ML_PRIVILEGE_ERASE

/* rights.c: the one place that decides */

extern const char *mlops_privilege_name(MlPrivilege privilege);
extern MlPrivilege mlops_privilege_by_name(const char *name);	/* error 22023 that lists them */

/*
 * Does "role" have the privilege on the model, under the active snapshot?
 * owner: the role that owns it today, InvalidOid if it is gone.
 */
extern bool mlops_rights_hold(int64 model_id, Oid owner, Oid role, MlPrivilege privilege);

/* Is it the owner, or does it have the owner's privileges?  A model whose owner is gone is the superusers'. */
extern bool mlops_rights_own(Oid owner, Oid role);

/* Does it have any at all, so that the model exists for it? */
extern bool mlops_rights_any(int64 model_id, Oid owner, Oid role);

/* May "role" hand the privilege on: has it with grant option, or manages the model? */
extern bool mlops_rights_may_grant(int64 model_id, Oid owner, Oid role, MlPrivilege privilege);

/* Database-wide privileges: granted, or the extension's owner, or a superuser. */
extern bool mlops_rights_database(Oid role, MlPrivilege privilege);
extern void mlops_rights_require_database(MlPrivilege privilege, const char *what);	/* 42501, logged */

/* The extension's owner or a superuser, or error 42501 saying that they must be to do "what". */
extern void mlops_rights_require_owner(const char *what);

/* The one message for "no such model" and "not allowed" (42704). */
pg_noreturn extern void mlops_deny_model(const char *name);

/*
 * grants.c: writing grants.  model_id 0: database-wide.  grantee InvalidOid:
 * public.  Inside a write section, with the model locked.
 */

/*
 * Record the grantees as they are known today, and take out, with a row in the
 * audit trail, grants whose role is gone.  Returns whether there was one of this
 * privilege to a role "gone" (NULL: do not ask).  Before _add and _remove; for
 * the database it takes the lock that serialises them.
 */
extern bool mlops_grants_refresh(MlWriter *w, int64 model_id, const char *model,
								 const char *gone, MlPrivilege privilege);

/* Both return whether anything changed. */
extern bool mlops_grant_add(MlWriter *w, int64 model_id, Oid grantee, MlPrivilege privilege, bool with_grant);

/* only_own: error 42501 for a grant that the caller did not make. */
extern bool mlops_grant_remove(MlWriter *w, int64 model_id, Oid grantee, MlPrivilege privilege, bool only_own);

/* audit_add.c */

/*
 * Record an act in the audit trail, in its own transaction; inside a write
 * section.  action: dotted words ("alias.set"); kind and object: what it was
 * done to ("alias", "credit@champion"; object can be NULL); payload: an object
 * with the act's facts, or NULL.
 */
extern void mlops_audit_add(MlWriter *w, const char *action, const char *kind,
							const char *object, Jsonb *payload);

/* A line in the server's log, which a rollback does not take back: a denied attempt, a look at something revealing. */
extern void mlops_audit_denied(const char *privilege, const char *kind, const char *object);
extern void mlops_audit_revealed(const char *what, const char *kind, const char *object);

/* ownership.c: error 42501 unless the current user owns the relation; 42P01: it is gone */
extern void mlops_require_relation_owner(Oid relid);

#endif							/* MLOPS_GOV_H */
