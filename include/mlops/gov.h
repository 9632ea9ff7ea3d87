/*-------------------------------------------------------------------------
 *
 * gov.h
 *	  Who may do what, and the one place where the user id is switched.
 *
 * Until privileges per model arrive, a model may be used, read and changed by
 * its owner, members of the owning role, and superusers.
 *
 * IDENTIFICATION
 *	  include/mlops/gov.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_GOV_H
#define MLOPS_GOV_H

#include "mlops/compat.h"

/* access.c */

/* Does "role" hold the rights of "owner"? (has_privs_of_role; InvalidOid owner: superusers only) */
extern bool mlops_access_allowed(Oid owner, Oid role);

/* The one message for "no such model" and "not yours". */
pg_noreturn extern void mlops_access_deny_model(const char *name);

/* owner.c: an owner as the registry stores it, across restores.  In the cluster
 * it was recorded in the OID decides; elsewhere the name does. */
extern Oid	mlops_owner_resolve(Oid stored_oid, const char *stored_name, int64 stored_system);

/*
 * Run statements on our own tables as the extension's owner:
 * SECURITY_RESTRICTED_OPERATION, search_path pinned to pg_catalog, pg_temp.
 * An error in between restores everything by itself (transaction abort).
 */
typedef struct MlUserSwitch
{
	Oid			saved_user;
	int			saved_context;
	int			guc_level;
} MlUserSwitch;
extern void mlops_access_become_owner(MlUserSwitch *sw);
extern void mlops_access_return(MlUserSwitch *sw);

#endif							/* MLOPS_GOV_H */
