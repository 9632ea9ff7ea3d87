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
 * records the roles that exist by their OIDs and takes out the others, as the
 * GRANTs of a dump would have failed: who makes such a role later gets nothing.
 *
 * Grants do not hang on those who made them: taking a grant option away leaves
 * what was granted with it.  There is one row per role and privilege, whoever
 * granted it; who only has a grant option may take back what it granted itself.
 *
 * IDENTIFICATION
 *	  src/gov/grants.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

/* A grant's row, as far as its role goes. */
typedef struct GrantRow
{
	int64		id;
	Oid			role;			/* today; InvalidOid: gone */
	NameData	name;			/* as stored */
	bool		stale;			/* another cluster's, or another name */
	char	   *privilege;
} GrantRow;

static GrantRow *
read_grants(MlWriter *w, int64 model_id, uint64 *n)
{
	GrantRow   *rows;

	mlops_write_int8(w, model_id);
	*n = mlops_write_run(w, "SELECT grant_id, grantee_oid, grantee_name, grantee_system, privilege"
						 " FROM mlops_private.model_grant WHERE model_id = $1 AND grantee_oid <> 0");
	rows = palloc(sizeof(GrantRow) * Max(*n, 1));
	for (uint64 i = 0; i < *n; i++)
	{
		int64		system = DatumGetInt64(mlops_write_result(i, 4));
		char	   *today;

		rows[i].id = DatumGetInt64(mlops_write_result(i, 1));
		rows[i].name = *DatumGetName(mlops_write_result(i, 3));
		rows[i].role = mlops_stored_role(DatumGetObjectId(mlops_write_result(i, 2)),
										 NameStr(rows[i].name), system);
		today = GetUserNameFromId(rows[i].role, true);
		if (today == NULL)
			rows[i].role = InvalidOid;
		rows[i].stale = system != mlops_this_system() ||
			(today && strcmp(today, NameStr(rows[i].name)) != 0);
		rows[i].privilege = mlops_write_string(w, i, 5);
	}
	return rows;
}

static void
remove_gone(MlWriter *w, const GrantRow *row, const char *model)
{
	JsonbParseState *state = NULL;

	mlops_write_int8(w, row->id);
	mlops_write_run(w, "DELETE FROM mlops_private.model_grant WHERE grant_id = $1");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "privilege", row->privilege);
	mlops_jsonb_add_string(&state, "role", NameStr(row->name));
	mlops_jsonb_add_string(&state, "reason", "role does not exist");
	mlops_audit_add(w, "privilege.revoke", model ? "model" : "database", model,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

bool
mlops_grants_refresh(MlWriter *w, int64 model_id, const char *model,
					 const char *gone, MlPrivilege privilege)
{
	GrantRow   *rows;
	uint64		n;
	bool		found = false;

	if (model_id == 0)
		mlops_write_run(w, "LOCK TABLE mlops_private.model_grant IN SHARE ROW EXCLUSIVE MODE");
	rows = read_grants(w, model_id, &n);
	for (uint64 i = 0; i < n; i++)
	{
		if (!OidIsValid(rows[i].role))
		{
			remove_gone(w, &rows[i], model);
			if (gone && strcmp(gone, NameStr(rows[i].name)) == 0 &&
				strcmp(rows[i].privilege, mlops_privilege_name(privilege)) == 0)
				found = true;
		}
		else if (rows[i].stale)
		{
			mlops_write_int8(w, rows[i].id);
			mlops_write_role(w, rows[i].role);
			mlops_write_run(w, "UPDATE mlops_private.model_grant"
							" SET grantee_oid = $2, grantee_name = $3, grantee_system = $4"
							" WHERE grant_id = $1");
		}
	}
	return found;
}

/* What find_grant tells of a row. */
typedef struct FoundGrant
{
	bool		with_grant;
	Oid			grantor;		/* today; InvalidOid: gone */
} FoundGrant;

/* The number of the grant to this role of this privilege, 0 for none. */
static int64
find_grant(MlWriter *w, int64 model_id, Oid grantee, MlPrivilege privilege, FoundGrant *out)
{
	uint64		n;

	mlops_write_int8(w, model_id);
	mlops_write_text(w, mlops_privilege_name(privilege));
	n = mlops_write_run(w, "SELECT grant_id, grantee_oid, grantee_name, grantee_system, with_grant,"
						" grantor_oid, granted_by, grantor_system"
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
			out->with_grant = DatumGetBool(mlops_write_result(i, 5));
			out->grantor = mlops_stored_role(DatumGetObjectId(mlops_write_result(i, 6)),
											 NameStr(*DatumGetName(mlops_write_result(i, 7))),
											 DatumGetInt64(mlops_write_result(i, 8)));
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
	FoundGrant	has = {false, InvalidOid};
	int64		id = find_grant(w, model_id, grantee, privilege, &has);

	if (id != 0)
	{
		if (!with_grant || has.with_grant)
			return false;
		mlops_write_int8(w, id);
		mlops_write_run(w, "UPDATE mlops_private.model_grant SET with_grant = true WHERE grant_id = $1");
		return true;
	}
	mlops_write_int8(w, model_id);
	write_grantee(w, grantee);
	mlops_write_bool(w, with_grant);
	mlops_write_text(w, mlops_privilege_name(privilege));
	mlops_write_role(w, w->role);
	/* a conflict is with what our snapshot is too old for: a serialization failure */
	return mlops_write_run(w, "INSERT INTO mlops_private.model_grant"
						   " (model_id, grantee_oid, grantee_name, grantee_system, with_grant, privilege,"
						   " grantor_oid, granted_by, grantor_system)"
						   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
						   " ON CONFLICT DO NOTHING") > 0;
}

bool
mlops_grant_remove(MlWriter *w, int64 model_id, Oid grantee, MlPrivilege privilege, bool only_own)
{
	FoundGrant	has;
	int64		id = find_grant(w, model_id, grantee, privilege, &has);

	if (id == 0)
		return false;
	if (only_own && !(OidIsValid(has.grantor) && has_privs_of_role(w->role, has.grantor)))
	{
		mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_MANAGE), "grant", NULL);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to revoke privilege \"%s\"",
						mlops_privilege_name(privilege)),
				 errdetail("Another role granted it."),
				 errhint("Only roles with the privilege \"manage\" revoke what others granted.")));
	}
	mlops_write_int8(w, id);
	mlops_write_run(w, "DELETE FROM mlops_private.model_grant WHERE grant_id = $1");
	return true;
}
