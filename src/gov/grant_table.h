/*-------------------------------------------------------------------------
 *
 * grant_table.h
 *	  Columns of mlops_private.model_grant.  Must match
 *	  sql/install/21_governance_tables.sql; privileges compare as in C.
 *
 * IDENTIFICATION
 *	  src/gov/grant_table.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_GRANT_TABLE_H
#define MLOPS_GRANT_TABLE_H

#define MLOPS_GRANT_TABLE		"model_grant"
#define MLOPS_GRANT_INDEX		"model_grant_model_id_idx"
#define MLOPS_GRANT_GRANT_ID	1
#define MLOPS_GRANT_MODEL_ID	2
#define MLOPS_GRANT_PRIVILEGE	3
#define MLOPS_GRANT_GRANTEE_OID 4
#define MLOPS_GRANT_GRANTEE_NAME 5
#define MLOPS_GRANT_GRANTEE_SYSTEM 6
#define MLOPS_GRANT_WITH_GRANT	7
#define MLOPS_GRANT_NATTS		7

#endif							/* MLOPS_GRANT_TABLE_H */
