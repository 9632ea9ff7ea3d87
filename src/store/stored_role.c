/*-------------------------------------------------------------------------
 *
 * stored_role.c
 *	  A role as our tables store it.
 *
 * A role is stored as OID, name and the system identifier of the cluster it
 * was recorded in.  In that cluster (its standbys included) the OID decides:
 * a renamed role keeps its rights, and a new role that takes the name of a
 * dropped one gets nothing.  So it is in a cluster that pg_upgrade made of it,
 * which has another identifier but the same OIDs: known_system, which no dump
 * contains, lists the former ones.  In any other cluster the OID means nothing and
 * the name decides, as it does for the GRANTs and OWNER TOs of a dump; the
 * next write to the row records the role anew.
 * The name is the one at that write: a dump taken after a role was renamed,
 * and before its next write, carries the old name.
 *
 * IDENTIFICATION
 *	  src/store/stored_role.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#include "mlops/store.h"

/* Must match sql/install/19_systems.sql. */
#define KNOWN_SYSTEM_SYSTEM 1

bool
mlops_system_is_known(int64 system)
{
	MlLookup	lookup;
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, KNOWN_SYSTEM_SYSTEM, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(system));
	mlops_lookup_begin(&lookup, "known_system", "known_system_pkey", KNOWN_SYSTEM_SYSTEM, 1,
					   &key, hash_bytes_uint32((uint32) system));
	found = HeapTupleIsValid(lookup.tuple);
	mlops_lookup_end(&lookup);
	return found;
}

Oid
mlops_stored_role(Oid stored_oid, const char *stored_name, int64 stored_system)
{
	if (stored_system != mlops_this_system() && !mlops_system_is_known(stored_system))
		return get_role_oid(stored_name, true);
	if (SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(stored_oid)))
		return stored_oid;
	return InvalidOid;
}

int64
mlops_this_system(void)
{
	return (int64) GetSystemIdentifier();
}
