/*-------------------------------------------------------------------------
 *
 * grants.c
 *	  Writing grants.
 *
 * Who may write them has been checked, and the model's row is locked, so one
 * session at a time is here for a model; database-wide grants are serialised
 * by a lock on the table.
 *
 * A grant belongs to the role it was given to, by OID.  In rows that come from
 * another cluster the name decides, until the first change of the model there
 * records the roles that exist by their OIDs.
 *
 * IDENTIFICATION
 *	  src/gov/grants.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "mlops/gov.h"

void
mlops_grants_restamp(MlWriter *w, int64 model_id)
{
	uint64		n;
	int64	   *ids;
	Oid		   *roles;

	mlops_write_int8(w, model_id);
	mlops_write_int8(w, mlops_this_system());
	n = mlops_write_run(w, "SELECT grant_id, grantee_name FROM mlops_private.model_grant"
						" WHERE model_id = $1 AND grantee_system <> $2 AND grantee_oid <> 0");
	ids = palloc(sizeof(int64) * Max(n, 1));
	roles = palloc(sizeof(Oid) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		ids[i] = DatumGetInt64(mlops_write_result(i, 1));
		roles[i] = get_role_oid(NameStr(*DatumGetName(mlops_write_result(i, 2))), true);
	}
	for (uint64 i = 0; i < n; i++)
	{
		if (!OidIsValid(roles[i]))
			continue;
		mlops_write_int8(w, ids[i]);
		mlops_write_role(w, roles[i]);
		mlops_write_run(w, "UPDATE mlops_private.model_grant"
						" SET grantee_oid = $2, grantee_name = $3, grantee_system = $4"
						" WHERE grant_id = $1");
	}
}

/* The number of the grant to this role of this privilege, 0 for none; *with_grant: as it is stored. */
static int64
find_grant(MlWriter *w, int64 model_id, Oid grantee, MlPrivilege privilege, bool *with_grant)
{
	uint64		n;

	mlops_write_int8(w, model_id);
	mlops_write_text(w, mlops_privilege_name(privilege));
	n = mlops_write_run(w, "SELECT grant_id, grantee_oid, grantee_name, grantee_system, with_grant"
						" FROM mlops_private.model_grant"
						" WHERE model_id = $1 AND privilege = $2");
	for (uint64 i = 0; i < n; i++)
	{
		Oid			stored = DatumGetObjectId(mlops_write_result(i, 2));
		Oid			today = InvalidOid;

		if (OidIsValid(stored))
			today = mlops_stored_role(stored, NameStr(*DatumGetName(mlops_write_result(i, 3))),
									  DatumGetInt64(mlops_write_result(i, 4)));
		if (OidIsValid(stored) == OidIsValid(grantee) && today == grantee)
		{
			*with_grant = DatumGetBool(mlops_write_result(i, 5));
			return DatumGetInt64(mlops_write_result(i, 1));
		}
	}
	return 0;
}

static void
write_grantee(MlWriter *w, Oid grantee)
{
	if (OidIsValid(grantee))
		mlops_write_role(w, grantee);
	else
	{
		mlops_write_oid(w, InvalidOid);
		mlops_write_name(w, "public");
		mlops_write_int8(w, mlops_this_system());
	}
}

bool
mlops_grant_add(MlWriter *w, int64 model_id, Oid grantee, MlPrivilege privilege, bool with_grant)
{
	bool		has_option = false;
	int64		id;

	if (model_id == 0)
		mlops_write_run(w, "LOCK TABLE mlops_private.model_grant IN SHARE ROW EXCLUSIVE MODE");
	id = find_grant(w, model_id, grantee, privilege, &has_option);
	mlops_write_int8(w, id != 0 ? id : model_id);
	write_grantee(w, grantee);
	mlops_write_bool(w, with_grant || has_option);
	if (id != 0)
	{
		mlops_write_run(w, "UPDATE mlops_private.model_grant"
						" SET grantee_oid = $2, grantee_name = $3, grantee_system = $4, with_grant = $5"
						" WHERE grant_id = $1");
		return with_grant && !has_option;
	}
	mlops_write_text(w, mlops_privilege_name(privilege));
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "INSERT INTO mlops_private.model_grant"
					" (model_id, grantee_oid, grantee_name, grantee_system, with_grant, privilege, granted_by)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7)");
	return true;
}

bool
mlops_grant_remove(MlWriter *w, int64 model_id, Oid grantee, MlPrivilege privilege)
{
	bool		with_grant;
	int64		id;

	if (model_id == 0)
		mlops_write_run(w, "LOCK TABLE mlops_private.model_grant IN SHARE ROW EXCLUSIVE MODE");
	id = find_grant(w, model_id, grantee, privilege, &with_grant);
	if (id == 0)
		return false;
	mlops_write_int8(w, id);
	mlops_write_run(w, "DELETE FROM mlops_private.model_grant WHERE grant_id = $1");
	return true;
}
