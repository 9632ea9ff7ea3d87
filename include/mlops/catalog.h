/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  The registry: models, versions, aliases.  Must match
 *	  sql/install/20_tables.sql.
 *
 * Reading a name is an index scan under the active snapshot (P4, P5: works in
 * parallel workers, read-only transactions and on standbys).  Writing goes
 * through SPI as the extension's owner (gov.h).
 *
 * IDENTIFICATION
 *	  include/mlops/catalog.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_CATALOG_H
#define MLOPS_CATALOG_H

#include "utils/jsonb.h"
#include "utils/snapshot.h"

#include "mlops/compat.h"
#include "mlops/dataset.h"
#include "mlops/model.h"
#include "mlops/mlops.h"

#define MLOPS_CHAMPION "champion"	/* the alias that a bare model name means */

/* 'credit', 'credit@challenger' or 'credit:7' taken apart. */
typedef struct MlModelRef
{
	char		name[NAMEDATALEN];
	char		alias[NAMEDATALEN]; /* "" when a version is named */
	int			version;		/* 0 when an alias is meant */
} MlModelRef;

/* model_ref.c: error 22023 that says what a reference looks like */
extern void mlops_model_ref_parse(const char *text, MlModelRef *ref);
extern void mlops_name_check(const char *name, const char *what);	/* [a-z][a-z0-9_]{0,62} */

typedef struct MlResolved
{
	int64		model_id;
	int			version;
	Oid			owner;			/* current role that owns the model; InvalidOid: gone */
	Datum		artifact;		/* type mlops.model, still toasted; palloc'd */
	uint8		hash[MLOPS_HASH_LEN];	/* of its content */
} MlResolved;

/* registry_read.c */

/*
 * Resolve under the active snapshot and check that "role" may use the model.
 * Unknown and not allowed are the same error (42704); an unknown alias or
 * version of a model one may use names itself.
 */
extern void mlops_registry_resolve(const MlModelRef *ref, Oid role, MlResolved *out);

/*
 * The newest version of a model, whatever its aliases; false where there is
 * none.  Error 42710 for another's model.
 */
extern bool mlops_registry_newest(const char *model, Oid role, MlResolved *out);

/* The errors of a model that one may use: no such alias, no such version. */
pg_noreturn extern void mlops_registry_deny_alias(const char *model, const char *alias);
pg_noreturn extern void mlops_registry_deny_version(const char *model, int version);

/* snapshot_mark.c */

/*
 * Whether what was resolved earlier may be stale: remember with _mark, ask
 * with _same.  Compares the active snapshot's contents, the current user, and
 * an epoch that moves with every end of a transaction, every rollback of a
 * subtransaction and every change of roles.
 */
typedef struct MlSnapshotMark MlSnapshotMark;
extern MlSnapshotMark *mlops_snapshot_mark(MemoryContext context);
extern bool mlops_snapshot_same(const MlSnapshotMark *mark);

/* registry_write.c */

typedef struct MlNewVersion
{
	const char *model;
	MlTask		task;
	const char *algorithm;
	struct varlena *artifact;
	Jsonb	   *options;		/* in effect */
	Jsonb	   *metrics;
	const char *source;			/* as given */
	const char *target;
	int64		rows_used;
	int64		rows_skipped;
	double		seconds;
	const char *alias;			/* to move to the new version, or NULL */
	const char *note;
} MlNewVersion;

/* May the current user add versions to this model (or create it)?  Error before the work starts. */
extern void mlops_registry_check_train(const char *model, MlTask task_or_0);

/* Returns the version's number.  Creates the model (owner: current user) when new; its first
 * version becomes champion.  Numbers are dense per model; concurrent trainings wait for one another here only. */
extern int	mlops_registry_add_version(const MlNewVersion *v);

/*
 * The verbs of the SQL surface.  All check the current user's rights first,
 * lock the model's row, and fail with the deny messages above.
 */

/* Point alias at what ref means; returns that version. *previous: the one before, 0 for none. */
extern int	mlops_registry_set_alias(const MlModelRef *ref, const char *alias, int *previous);

/* Returns the version the alias pointed to. */
extern int	mlops_registry_drop_alias(const char *model, const char *alias);

/* Error 2BP01 while an alias points to it. */
extern void mlops_registry_drop_version(const char *model, int version);

/* Returns the number of versions that went with it. */
extern int	mlops_registry_drop_model(const char *model);

extern void mlops_registry_rename_model(const char *model, const char *new_name);

#endif							/* MLOPS_CATALOG_H */
