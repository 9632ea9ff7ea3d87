/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The only file that tests PG_VERSION_NUM.  The tree is written for the
 *	  newest server; this file gives older ones the same names.
 *
 * IDENTIFICATION
 *	  include/mlops/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_COMPAT_H
#define MLOPS_COMPAT_H

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "mlops runs on PostgreSQL 15 to 18"
#endif

/* 18 shows a module's name and version in pg_get_loaded_modules() */
#ifdef PG_MODULE_MAGIC_EXT
#define MLOPS_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "mlops", .version = MLOPS_VERSION)
#else
#define MLOPS_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* 18 has it in front of a declaration in place of pg_attribute_noreturn() behind it */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 18 made one range table entry out of GROUP BY */
#define MLOPS_HAS_RTE_GROUP (PG_VERSION_NUM >= 180000)

/* 18 has virtual generated columns, which a BEFORE trigger does not see either */
#if PG_VERSION_NUM >= 180000
#define mlops_has_generated(constr) \
	((constr)->has_generated_stored || (constr)->has_generated_virtual)
#else
#define mlops_has_generated(constr) ((constr)->has_generated_stored)
#endif

/* 18 dropped ExecutorRun's execute_once */
#if PG_VERSION_NUM >= 180000
#define mlops_executor_run(desc) ExecutorRun(desc, ForwardScanDirection, 0)
#else
#define mlops_executor_run(desc) ExecutorRun(desc, ForwardScanDirection, 0, true)
#endif

/* 16 gave DecodeDateTime a place for more about an error */
#if PG_VERSION_NUM >= 160000
#define mlops_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz, &(DateTimeErrorExtra) {0})
#else
#define mlops_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz)
#endif

/* force_parallel_mode (optimizer/optimizer.h): renamed in 16 */
#if PG_VERSION_NUM >= 160000
#define MLOPS_DEBUG_PARALLEL (debug_parallel_query != DEBUG_PARALLEL_OFF)
#else
#define MLOPS_DEBUG_PARALLEL (force_parallel_mode != FORCE_PARALLEL_OFF)
#endif

/* what OWNER TO asks of the new owner (utils/acl.h): membership, from 16 on the right to SET ROLE */
#if PG_VERSION_NUM >= 160000
#define mlops_check_can_become(member, role) check_can_set_role(member, role)
#else
#define mlops_check_can_become(member, role) check_is_member_of_role(member, role)
#endif

/* backend status by position: renamed in 16 */
#if PG_VERSION_NUM >= 160000
#define mlops_local_beentry(index) pgstat_get_local_beentry_by_index(index)
#else
#define mlops_local_beentry(index) pgstat_fetch_stat_local_beentry(index)
#endif

/* 17 lets a background worker connect as a role that may not log in */
#if PG_VERSION_NUM >= 170000
#define MLOPS_WORKER_CONNECTS_NOLOGIN true
#define MLOPS_WORKER_CONNECT_FLAGS BGWORKER_BYPASS_ROLELOGINCHECK
#else
#define MLOPS_WORKER_CONNECTS_NOLOGIN false
#define MLOPS_WORKER_CONNECT_FLAGS 0
#endif

/* 16 has one function for owners of whatever; needs utils/acl.h and catalog/pg_class.h */
#if PG_VERSION_NUM >= 160000
#define mlops_owns_relation(relid, role) object_ownercheck(RelationRelationId, relid, role)
#define mlops_owns_database(database, role) object_ownercheck(DatabaseRelationId, database, role)
#else
#define mlops_owns_relation(relid, role) pg_class_ownercheck(relid, role)
#define mlops_owns_database(database, role) pg_database_ownercheck(database, role)
#endif

#endif							/* MLOPS_COMPAT_H */
