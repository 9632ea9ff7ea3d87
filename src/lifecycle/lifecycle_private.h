/*-------------------------------------------------------------------------
 *
 * lifecycle_private.h
 *	  What the files of this folder share.
 *
 * IDENTIFICATION
 *	  src/lifecycle/lifecycle_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LIFECYCLE_PRIVATE_H
#define MLOPS_LIFECYCLE_PRIVATE_H

#include "lib/stringinfo.h"

#include "mlops/lifecycle.h"

/* request.c: why this person must not approve, or NULL; static. */
extern const char *mlops_four_eyes(const MlPolicy *policy, const MlEvidence *evidence,
								   const MlRequest *request, const MlActor *approver);

/* Texts (char *) as one, with semicolons between. */
extern char *mlops_join_texts(const List *texts);

/* evidence.c: five columns of the last result from "first": OID, name and system of a role, OID and name of the session's. */
extern MlActor mlops_actor_of(int row, int first);

/* Whoever is asking now. */
extern MlActor mlops_actor_current(const MlWriter *w);

/* Five arguments in the same order, for the one who is asking. */
extern void mlops_write_actor(MlWriter *w);

/* A protected alias moved: the new version is in production, the former one, unless another protected alias has it, is not any more. */
extern void mlops_stage_moved(MlWriter *w, const MlLocked *model, const MlPolicy *policy,
							  const char *alias, int previous, int version);

/*
 * erase_subject.c: call it in a subtransaction, so that nothing that cannot be
 * read keeps the rest from being erased; false: it cannot be read.
 */
extern bool mlops_erase_try(MlWriter *w, MlWork look, void *arg);

/* erase_models.c: versions that have the key as a category or class, "credit:3, ...". */
typedef struct MlNamedVersions
{
	int64		n;
	StringInfoData names;
	int64		nunreadable;
	StringInfoData unreadable;
} MlNamedVersions;
extern void mlops_versions_with_name(MlWriter *w, const char *key, MlNamedVersions *out);

#endif							/* MLOPS_LIFECYCLE_PRIVATE_H */
