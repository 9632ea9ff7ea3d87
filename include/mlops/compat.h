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

/* 18 has it in front of a declaration in place of pg_attribute_noreturn() behind it */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

#endif							/* MLOPS_COMPAT_H */
