/*-------------------------------------------------------------------------
 *
 * ownership.c
 *	  Who owns what is not ours: relations of users.
 *
 * IDENTIFICATION
 *	  src/gov/ownership.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "mlops/gov.h"

void
mlops_require_relation_owner(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (mlops_owns_relation(relid, GetUserId()))
		return;
	mlops_audit_denied("owner", "relation", name);
	aclcheck_error(ACLCHECK_NOT_OWNER,
				   get_relkind_objtype(get_rel_relkind(relid)), name);
}
