/*-------------------------------------------------------------------------
 *
 * snapshot_private.h
 *	  What reading and writing snapshots share.
 *
 * IDENTIFICATION
 *	  src/catalog/snapshot_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_SNAPSHOT_PRIVATE_H
#define MLOPS_SNAPSHOT_PRIVATE_H

#include "mlops/snapshot.h"

/* The columns that mlops_snapshot_load takes from row 0 of the last result. */
#define MLOPS_SNAPSHOT_COLUMNS \
	"snapshot_id, name, owner_oid, owner_name, owner_system, rows, bytes," \
	" column_names, column_types, column_keys, column_labels, key, encoding, created_at, keep_until, store_key"

/* Inside a section; what it points to is the caller's. */
extern void mlops_snapshot_load(MlWriter *w, MlSnapshotInfo *info);

/* snapshot_write.c */

/* Store a part; one that is there is locked until the transaction ends. */
extern void mlops_snapshot_write_part(MlWriter *w, const uint8 *hash, const char *packed, Size len);

/* Remove the parts that nobody refers to; those that somebody has locked are left to another time. */
extern void mlops_snapshot_sweep(MlWriter *w);

pg_noreturn extern void mlops_snapshot_deny(const char *name);

#endif							/* MLOPS_SNAPSHOT_PRIVATE_H */
