/*-------------------------------------------------------------------------
 *
 * owner.c
 *	  The extension's owner, and the one place where the user id is switched.
 *
 * IDENTIFICATION
 *	  src/store/owner.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "mlops/store.h"

/* The extension's row: its owner, and its version where version is not NULL. */
static Oid
read_extension(char **version)
{
	Oid			extension = get_extension_oid("mlops", true);
	Oid			owner = InvalidOid;
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull;

	if (OidIsValid(extension))
	{
		rel = table_open(ExtensionRelationId, AccessShareLock);
		ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(extension));
		scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
		tuple = systable_getnext(scan);
		if (HeapTupleIsValid(tuple))
			owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
		if (HeapTupleIsValid(tuple) && version)
			*version = TextDatumGetCString(heap_getattr(tuple, Anum_pg_extension_extversion,
														RelationGetDescr(rel), &isnull));
		systable_endscan(scan);
		table_close(rel, AccessShareLock);
	}
	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"mlops\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION mlops as a superuser.")));
	return owner;
}

Oid
mlops_extension_owner(void)
{
	return read_extension(NULL);
}

char *
mlops_extension_version(void)
{
	char	   *version;

	(void) read_extension(&version);
	return version;
}

/*
 * Who asked, while statements run as the owner.  It counts only where the user
 * and the security context are those set here, and goes with the
 * (sub)transaction in which it was set, should that end by an error.
 */
static Oid	asking = InvalidOid;
static Oid	asked_as = InvalidOid;
static int	asked_level = 0;

#define OWNER_CONTEXT (SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE)

Oid
mlops_asking_role(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	if (OidIsValid(asking) && user == asked_as && (context & OWNER_CONTEXT) == OWNER_CONTEXT)
		return asking;
	return user;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	asking = InvalidOid;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && asked_level >= GetCurrentTransactionNestLevel())
		asking = InvalidOid;
}

static void
register_callbacks(void)
{
	static bool done = false;

	if (done)
		return;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	done = true;
}

void
mlops_become_owner(MlUserSwitch *sw)
{
	Oid			owner = mlops_extension_owner();
	Oid			role = mlops_asking_role();

	GetUserIdAndSecContext(&sw->saved_user, &sw->saved_context);
	SetUserIdAndSecContext(owner, sw->saved_context | OWNER_CONTEXT);
	register_callbacks();
	sw->saved_asking = asking;
	sw->saved_level = asked_level;
	asking = role;
	asked_as = owner;
	asked_level = GetCurrentTransactionNestLevel();
	sw->saved_search_path = namespace_search_path;	/* kept until the setting is restored */
	sw->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
mlops_return_from_owner(MlUserSwitch *sw)
{
	AtEOXact_GUC(false, sw->guc_level);
	asking = sw->saved_asking;
	asked_level = sw->saved_level;
	SetUserIdAndSecContext(sw->saved_user, sw->saved_context);
}
