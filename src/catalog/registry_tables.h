/*-------------------------------------------------------------------------
 *
 * registry_tables.h
 *	  Names and column numbers of the registry's tables, and what the files
 *	  of this folder share.  Must match
 *	  sql/install/20_tables.sql.
 *
 * IDENTIFICATION
 *	  src/catalog/registry_tables.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_REGISTRY_TABLES_H
#define MLOPS_REGISTRY_TABLES_H

#include "mlops/compat.h"
#include "mlops/dataset.h"

#define MLOPS_MODEL_TABLE		"model"
#define MLOPS_MODEL_INDEX		"model_pkey"
#define MLOPS_MODEL_NAME_INDEX	"model_name_key"
#define MLOPS_MODEL_MODEL_ID	1
#define MLOPS_MODEL_NAME		2
#define MLOPS_MODEL_TASK		3
#define MLOPS_MODEL_OWNER_OID	4
#define MLOPS_MODEL_OWNER_NAME	5
#define MLOPS_MODEL_OWNER_SYSTEM 6
#define MLOPS_MODEL_LAST_VERSION 7
#define MLOPS_MODEL_NATTS		8

#define MLOPS_VERSION_TABLE		"version"
#define MLOPS_VERSION_INDEX		"version_pkey"
#define MLOPS_VERSION_MODEL_ID	1
#define MLOPS_VERSION_VERSION	2
#define MLOPS_VERSION_ARTIFACT	4
#define MLOPS_VERSION_FACTS		15
#define MLOPS_VERSION_NATTS		15

#define MLOPS_ALIAS_TABLE		"alias"
#define MLOPS_ALIAS_INDEX		"alias_pkey"
#define MLOPS_ALIAS_MODEL_ID	1
#define MLOPS_ALIAS_ALIAS		2
#define MLOPS_ALIAS_VERSION		3
#define MLOPS_ALIAS_NATTS		5

/* 24_alias_tables.sql */
#define MLOPS_ROUTE_TABLE		"route"
#define MLOPS_ROUTE_INDEX		"route_pkey"
#define MLOPS_ROUTE_MODEL_ID	1
#define MLOPS_ROUTE_SALT		2
#define MLOPS_ROUTE_ARMS		3
#define MLOPS_ROUTE_SPLIT		4
#define MLOPS_ROUTE_SLOTS		5
#define MLOPS_ROUTE_SHADOW		6
#define MLOPS_ROUTE_NATTS		8

/* model_ref.c: what mlops_task_name spells */
extern MlTask mlops_registry_task_from_name(const char *name);

/* registry_write.c: errors that both reading and writing raise */
pg_noreturn extern void mlops_registry_deny_name(const char *model);
extern void mlops_registry_check_task(const char *model, MlTask has, MlTask wanted);

#endif							/* MLOPS_REGISTRY_TABLES_H */
