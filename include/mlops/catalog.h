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
#include "mlops/gov.h"
#include "mlops/mlops.h"
#include "mlops/model.h"
#include "mlops/store.h"

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
 * Resolve under the active snapshot and check that "role" has the privilege.
 * Unknown and not allowed are the same error (42704); an unknown alias or
 * version of a model one may use names itself.  Who may predict but not read
 * reaches versions by their aliases only.
 */
extern void mlops_registry_resolve(const MlModelRef *ref, Oid role, MlPrivilege privilege,
								   MlResolved *out);

/*
 * A version by its number, and the facts recorded with it; false and NULL if
 * there is no such version.  Nobody's rights are checked here, and owner is not set.
 */
extern bool mlops_registry_version(int64 model_id, int version, MlResolved *out);
extern Jsonb *mlops_registry_facts(int64 model_id, int version);

/* Does the model of this number exist, and has the role the privilege on it? */
extern bool mlops_registry_may(int64 model_id, Oid role, MlPrivilege privilege);

/* Has it any privilege on it at all? */
extern bool mlops_registry_may_any(int64 model_id, Oid role);

/*
 * The number of the model of this name, if "role" has the privilege; else the
 * error of mlops_deny_model.
 */
extern int64 mlops_registry_require(const char *model, Oid role, MlPrivilege privilege);

/*
 * The newest version of a model, whatever its aliases; false where there is
 * none.  Error 42710 for a model that "role" may not train.
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
	const char *note;
	Jsonb	   *facts;			/* lineage: what is known of the data and the making, or NULL */
} MlNewVersion;

/* May the current user add versions to this model (or create it)?  Error before the work starts. */
extern void mlops_registry_check_train(const char *model, MlTask task_or_0);

/* A model whose row this transaction has locked. */
typedef struct MlLocked
{
	int64		model_id;
	Oid			owner;
	MlTask		task;
	char		name[NAMEDATALEN];
} MlLocked;

/*
 * Find a model, check that the caller has the privilege, and lock its row for
 * a change; strong: for dropping and renaming.  Inside a write section.
 * Error 42704 as mlops_deny_model has it.
 */
extern void mlops_registry_lock(MlWriter *w, const char *name, MlPrivilege privilege,
								bool strong, MlLocked *out);

/* The same for who may hand the privilege on. */
extern void mlops_registry_lock_to_grant(MlWriter *w, const char *name, MlPrivilege privilege,
										 MlLocked *out);

/* Error 42704 unless the version exists. */
extern void mlops_registry_check_version(MlWriter *w, const MlLocked *model, int version);

/*
 * Returns the version's number and locks the model, which is created (owner:
 * current user) when new.  Numbers are dense per model; concurrent trainings
 * wait for one another here only.  Moves no alias.
 */
extern int	mlops_registry_add_version(MlWriter *w, const MlNewVersion *v, MlLocked *model);
extern bool mlops_registry_is_only_version(MlWriter *w, const MlLocked *model, int version);

/*
 * alias_write.c: inside a write section, with the model locked for
 * ML_PRIVILEGE_DEPLOY.  All audited.
 */
extern int	mlops_alias_version(MlWriter *w, const MlLocked *model, const char *alias);	/* 0: no such alias */
extern int	mlops_alias_find_version(MlWriter *w, const MlLocked *model, const MlModelRef *ref);	/* what a reference means; error 42704 */

/*
 * Point an alias at a version that exists; nothing happens where it does
 * already.  reason: for the history, or NULL.  Returns the previous version, 0
 * for none.
 */
extern int	mlops_alias_move(MlWriter *w, const MlLocked *model, const char *alias, int version,
							 const char *reason);

/* Returns the version it pointed to.  Errors: 42704, and 2BP01 while the model's route uses it. */
extern int	mlops_alias_drop(MlWriter *w, const MlLocked *model, const char *alias,
							 const char *reason);

/*
 * Back to the previous holder: repeated, further back; a drop is undone.
 * Versions that are gone are passed over.  Returns the version; *previous: the
 * one before, 0 for none.  Errors: 42704 for an alias that never was, 55000
 * where there is nothing to go back to.
 */
extern int	mlops_alias_rollback(MlWriter *w, const MlLocked *model, const char *alias,
								 const char *reason, int *previous);

/*
 * route_read.c: how the keys of a model's rows are divided between its aliases,
 * under the active snapshot; all of them go to the champion where there is no
 * route.  Nobody's rights are checked here.
 */
typedef struct MlRoute
{
	int64		model_id;
	int			narms;			/* 0: no route */
	NameData   *arms;			/* aliases */
	uint64		seed;			/* of the salt */
	uint8	   *slots;			/* arm of each */
	char	   *salt;
	Jsonb	   *split;			/* as it was given */
	int			nshadow;
	NameData   *shadow;			/* aliases that are scored too, and not returned */
} MlRoute;

/* In CurrentMemoryContext. */
extern MlRoute *mlops_route_load(int64 model_id);

/* Has any key the alias? */
extern bool mlops_route_gives(const MlRoute *route, const char *alias);

/* The alias for a key, which is in UTF-8. */
extern const char *mlops_route_variant(const MlRoute *route, const char *key, int len);

/* route_write.c: inside a write section, with the model locked for ML_PRIVILEGE_DEPLOY.  Audited. */

/* What a route shall be.  Error 42704 for an alias that the model has not. */
typedef struct MlNewRoute
{
	int			narms;			/* 0: none, every key goes to the champion */
	NameData   *arms;
	double	   *share;			/* sum to 1 */
	Jsonb	   *split;			/* the same as given */
	int			nshadow;		/* -1: as it is */
	NameData   *shadow;
	const char *salt;			/* NULL: as it is; for a new route the model's name */
} MlNewRoute;

/* Returns the share of keys that moved to another arm; *now: the route that is in force. */
extern double mlops_route_set(MlWriter *w, const MlLocked *model, const MlNewRoute *wanted,
							  MlRoute **now);

/* Error 2BP01 if the model's route uses the alias. */
extern void mlops_route_check_unused(MlWriter *w, const MlLocked *model, const char *alias);

/*
 * Verbs that are a write section of their own; the caller needs
 * ML_PRIVILEGE_MANAGE.
 */

/* Error 2BP01 while an alias points to it. */
extern void mlops_registry_drop_version(const char *model, int version);

/* Returns the number of versions that went with it. */
extern int	mlops_registry_drop_model(const char *model);

extern void mlops_registry_rename_model(const char *model, const char *new_name);

/*
 * Give the model to another role, which the caller must be able to become.
 * Needs the owner's rights, not only ML_PRIVILEGE_MANAGE.  Returns the previous
 * owner's name, NULL if that role is gone.
 */
extern char *mlops_registry_transfer_model(const char *model, const char *new_owner);

/*
 * run_write.c: runs of experiments.  A run belongs to the role that started
 * it; to all others, error 42704.  One that has ended does not change any
 * more: error 55000.  All but the last are a write section of their own.
 */

/* parent: a run of the caller, 0 for none. */
extern int64 mlops_run_of_experiment(const char *experiment, const char *name, Jsonb *params,
									 const char *note, int64 parent, TimestampTz *started_at);

/* A value for each key at that step; one that was logged for the step before is replaced. */
extern void mlops_run_add_metrics(int64 run, int n, char **keys, const double *values, int64 step);

/*
 * The run is about this version, of a model that the caller may train.  Returns
 * the version's number, and in *metrics how many of its metrics the run took over.
 */
extern int	mlops_run_set_version(int64 run, const MlModelRef *ref, int *metrics);

/* note NULL: the one given at the start stays.  Returns the experiment. */
extern char *mlops_run_finish(int64 run, const char *status, const char *note, double *seconds);

/* Returns the experiment. */
extern char *mlops_run_remove(int64 run);

/* run_read.c: the last value of each metric that a run logged, an object; of one that the role may not see, none. */
extern Jsonb *mlops_run_last_metrics(int64 run, Oid role);

/* Losses by iteration, of algorithms that have them. */
typedef struct MlCurve
{
	int			n;				/* 0: none */
	double	   *train;
	double	   *validation;		/* NaN: nothing was held out */
} MlCurve;

/* The run of a training that made this version; "candidates" in its metrics that lost are its children. */
extern void mlops_run_of_training(MlWriter *w, const MlLocked *model, int version,
								  const MlNewVersion *v, const MlCurve *curve);

#endif							/* MLOPS_CATALOG_H */
