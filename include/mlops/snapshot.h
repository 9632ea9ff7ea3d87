/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  Copies of training sets.  Must match sql/install/23_snapshot_tables.sql.
 *
 * IDENTIFICATION
 *	  include/mlops/snapshot.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_SNAPSHOT_H
#define MLOPS_SNAPSHOT_H

#include "access/tupdesc.h"
#include "utils/timestamp.h"

#include "mlops/dataset.h"
#include "mlops/store.h"

/* A snapshot as it is stored. */
/* Parts are shared by snapshots with the same key, which are of one owner. */
#define MLOPS_STORE_KEY_LEN 64

typedef struct MlSnapshotInfo
{
	int64		snapshot_id;
	char		name[NAMEDATALEN];
	char		encoding[NAMEDATALEN];	/* of its text */
	Oid			owner;			/* current role that owns it; InvalidOid: gone */
	char		store_key[MLOPS_STORE_KEY_LEN]; /* of its parts */
	int64		nrows;
	int64		bytes;
	int			ncolumns;
	char	  **names;
	char	  **types;			/* as SQL, qualified */
	bool	   *is_key;
	char	  **labels;			/* NULL: none */
	char	   *key;			/* NULL: none */
	TimestampTz created_at;
	bool		is_kept;
	TimestampTz keep_until;		/* if it is */
} MlSnapshotInfo;

/* snapshot_read.c */

/* The snapshot of this name under the active snapshot, if the current user may use it; else error 42704. */
extern void mlops_snapshot_find(const char *name, MlSnapshotInfo *info);

/* Its row type; error where a type of it is gone, or its text has another encoding than the database. */
extern TupleDesc mlops_snapshot_desc(const MlSnapshotInfo *info);

/* Its rows, in order. */
typedef void (*MlSnapshotRow) (void *arg, Datum *values, bool *nulls);
extern void mlops_snapshot_scan(const MlSnapshotInfo *info, TupleDesc desc, MlSnapshotRow row, void *arg);

/* One part's content, checked against its hash; palloc'd. */
extern char *mlops_snapshot_unpack(const char *store_key, Datum content, const void *hash, Size *len);
extern void mlops_snapshot_hash(const char *store_key, const char *bytes, Size len,
								uint8 *hash);	/* 32 bytes */

/* What "snapshot:NAME" means as a source (mlops_source_stored). */
extern bool mlops_snapshot_source(const char *text, MlStoredSource *stored);

/* snapshot_write.c */

typedef struct MlNewSnapshot
{
	const char *name;
	const char *key;			/* or NULL */
	const char *note;
	bool		is_kept;
	TimestampTz keep_until;
	/* results */
	int64		nrows;
	int64		bytes;
	char		fingerprint[33];
	int			chunks;
	int			shared_chunks;	/* that other snapshots of the same owner have, too */
} MlNewSnapshot;
extern void mlops_snapshot_create(MlSource *source, MlNewSnapshot *new_snapshot);

/* Returns what it was. */
extern void mlops_snapshot_drop(const char *name, MlSnapshotInfo *info);

/* The same inside a write section, whoever asks: rights have been checked. */
extern void mlops_snapshot_remove(MlWriter *w, int64 snapshot_id);

/* snapshot_erase.c: the current user's; returns how many rows went */
extern int64 mlops_snapshot_erase_by_name(const char *name, const char *key, MlSnapshotInfo *info);

/*
 * Rewrite a snapshot without the rows whose key column says "key" as text;
 * inside a write section, rights have been checked.  Returns how many there
 * were; 0 where it has no key column.
 */
extern int64 mlops_snapshot_erase(MlWriter *w, int64 snapshot_id, const char *key);

#endif							/* MLOPS_SNAPSHOT_H */
