/*-------------------------------------------------------------------------
 *
 * store.h
 *	  Our own tables: who owns them, finding rows in them, writing to them.
 *
 * Knows nothing of what the tables mean nor of who may do what.
 *
 * IDENTIFICATION
 *	  include/mlops/store.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_STORE_H
#define MLOPS_STORE_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "mlops/compat.h"

#define MLOPS_PRIVATE_SCHEMA	"mlops_private"

/* owner.c */

/* The role that owns the extension, and with it our tables; error 55000 where it is not installed. */
extern Oid	mlops_extension_owner(void);
extern char *mlops_extension_version(void);	/* as CREATE EXTENSION recorded it; palloc'd */

/*
 * Run statements on our own tables as the extension's owner:
 * SECURITY_RESTRICTED_OPERATION, search_path pinned to pg_catalog, pg_temp.
 * An error in between restores everything by itself (transaction abort).
 */
typedef struct MlUserSwitch
{
	Oid			saved_user;
	int			saved_context;
	Oid			saved_asking;
	int			saved_level;
	const char *saved_search_path;	/* valid until the return */
	int			guc_level;
} MlUserSwitch;
extern void mlops_become_owner(MlUserSwitch *sw);
extern void mlops_return_from_owner(MlUserSwitch *sw);

/* The current user, or the one before mlops_become_owner: whose rights count. */
extern Oid	mlops_asking_role(void);

/* stored_role.c: a role as our tables store it, across restores.  In the cluster
 * it was recorded in the OID decides; elsewhere the name does.  InvalidOid: gone. */
extern Oid	mlops_stored_role(Oid stored_oid, const char *stored_name, int64 stored_system);

/* Do OIDs recorded in the cluster of this identifier mean the same in this one: it, or what pg_upgrade made of it? */
extern bool mlops_system_is_known(int64 system);

/* What this cluster is called in such a column: its system identifier. */
extern int64 mlops_this_system(void);

/* lookup.c: rows by index scan under the active snapshot */

/* One row found through a unique index. */
typedef struct MlLookup
{
	Relation	rel;
	struct MlLookupHint *hint;
	SysScanDesc scan;			/* NULL: found by the hint */
	Buffer		buffer;			/* pinned if found by the hint */
	HeapTupleData fetched;
	HeapTuple	tuple;			/* NULL: no such row */
} MlLookup;

/*
 * Open table and index (both in mlops_private) and find the row that has the
 * keys; natts: the columns it must have at least.  key_hash: any hash of table
 * and key.  tuple and what points into it are valid until _end.
 */
extern void mlops_lookup_begin(MlLookup *lookup, const char *table, const char *index,
							   int natts, int nkeys, ScanKey keys, uint32 key_hash);
extern void mlops_lookup_end(MlLookup *lookup);

/* A column that the tables declare NOT NULL. */
extern Datum mlops_lookup_column(MlLookup *lookup, int attnum);

/*
 * The hash of a detoasted value in the row found, which "compute" works out
 * only if it is another than last time: the stored value has not changed as
 * long as the row version and its TOAST pointer are the same.
 */
#define MLOPS_LOOKUP_HASH_LEN 32
typedef void (*MlHashValue) (Datum value, uint8 *hash);
extern void mlops_lookup_hash(MlLookup *lookup, Datum value, MlHashValue compute, uint8 *hash);

/* All rows that have the keys, in the index's order. */
typedef struct MlScan
{
	Relation	rel;
	SysScanDesc scan;
} MlScan;
extern void mlops_scan_begin(MlScan *scan, const char *table, const char *index,
							 int natts, int nkeys, ScanKey keys);
extern HeapTuple mlops_scan_next(MlScan *scan);	/* NULL: no more */
extern Datum mlops_scan_column(MlScan *scan, HeapTuple tuple, int attnum);	/* declared NOT NULL */
extern void mlops_scan_end(MlScan *scan);

/* writer.c: statements on our own tables, through SPI as the extension's owner */

#define MLOPS_WRITER_ARGS 24

/* Between begin and end SPI is connected as the extension's owner.  Nothing of a user may run in between. */
typedef struct MlWriter
{
	Oid			role;			/* who asked */
	NameData	role_name;
	MemoryContext caller;		/* was current at begin; results that survive go there */
	MlUserSwitch sw;
	bool		reads_only;
	int			nargs;			/* of the next statement */
	Oid			types[MLOPS_WRITER_ARGS];
	Datum		values[MLOPS_WRITER_ARGS];
	char		nulls[MLOPS_WRITER_ARGS];
} MlWriter;

/* command: for messages ("mlops.set_alias()"); refuses where nothing can be written. */
extern void mlops_write_begin(MlWriter *w, const char *command);
extern void mlops_write_end(MlWriter *w);

/* The same for statements that read only, under the active snapshot: works on standbys and in parallel workers. */
extern void mlops_read_begin(MlWriter *w);
extern void mlops_read_end(MlWriter *w);

/*
 * Between these two, statements of a write section and questions of rights see
 * what is committed now, and our own changes, whatever the isolation level:
 * what was revoked or changed after the transaction's snapshot counts.  Nothing
 * can be written in between.
 */
extern void mlops_fresh_begin(MlWriter *w);
extern void mlops_fresh_end(MlWriter *w);

/* Arguments of the next statement, in order.  A NULL pointer is SQL's NULL. */
extern void mlops_write_datum(MlWriter *w, Oid type, Datum value);
extern void mlops_write_null(MlWriter *w, Oid type);
extern void mlops_write_name(MlWriter *w, const char *name);
extern void mlops_write_text(MlWriter *w, const char *text);
extern void mlops_write_bool(MlWriter *w, bool value);
extern void mlops_write_int4(MlWriter *w, int value);
extern void mlops_write_int8(MlWriter *w, int64 value);
extern void mlops_write_float8(MlWriter *w, double value);
extern void mlops_write_number(MlWriter *w, double value);	/* NaN is SQL's NULL */
extern void mlops_write_oid(MlWriter *w, Oid value);
extern void mlops_write_time(MlWriter *w, TimestampTz value);
extern void mlops_write_jsonb(MlWriter *w, Jsonb *value);
extern void mlops_write_bytea(MlWriter *w, const void *bytes, int len);

/* A role as three arguments: OID, name, system. */
extern void mlops_write_role(MlWriter *w, Oid role);

/*
 * Execute with the arguments added since the last statement; returns the rows
 * processed.  Leaves the current memory context as it is: at first that is one
 * that goes with the section.
 */
extern uint64 mlops_write_run(MlWriter *w, const char *sql);

/*
 * The same for a SELECT whose rows are too many to keep: each is handed over in
 * the executor's slot, deformed, and gone when "each" returns, which is called
 * in a context of the statement's and runs no statement itself.
 */
typedef void (*MlEachRow) (void *arg, TupleTableSlot *slot);
extern uint64 mlops_write_each(MlWriter *w, const char *sql, MlEachRow each, void *arg);

/*
 * In a write section, a piece of work that comes as a whole or not at all.
 * Returns false after an error that "expected" says is one, of which nothing is
 * left; others are thrown.
 */
typedef void (*MlWork) (MlWriter *w, void *arg);
extern bool mlops_write_try(MlWriter *w, MlWork work, void *arg, bool (*expected) (int sqlerrcode));

/* Of the last statement's result; column from 1. */
extern Datum mlops_write_result(uint64 row, int column);	/* must not be null */
extern bool mlops_write_isnull(uint64 row, int column);

/* A column of type text or name, copied for the caller; NULL for null. */
extern char *mlops_write_string(MlWriter *w, uint64 row, int column);

#endif							/* MLOPS_STORE_H */
