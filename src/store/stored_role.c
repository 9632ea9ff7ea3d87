/*-------------------------------------------------------------------------
 *
 * stored_role.c
 *	  A role as our tables store it.
 *
 * A role is stored as OID, name and the system identifier of the cluster it
 * was recorded in.  In that cluster (its standbys included) the OID decides:
 * a renamed role keeps its rights, and a new role that takes the name of a
 * dropped one gets nothing.  In any other cluster the OID means nothing and
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
#include "utils/acl.h"
#include "utils/syscache.h"

#include "mlops/store.h"

Oid
mlops_stored_role(Oid stored_oid, const char *stored_name, int64 stored_system)
{
	if (stored_system != mlops_this_system())
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
