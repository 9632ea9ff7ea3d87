/*-------------------------------------------------------------------------
 *
 * rights.c
 *	  The one place that decides who may do what.
 *
 * A model's owner, roles with the owner's privileges, and superusers may do
 * everything with it.  Others have what was granted to a role whose privileges
 * they have (has_privs_of_role, so INHERIT counts), or to PUBLIC.
 *
 * Grants are read under the active snapshot, so a revoked one ends with the
 * next snapshot, and work on standbys and in parallel workers.  Only roles'
 * OIDs decide; current_setting('role') and names that somebody set do not.
 *
 * IDENTIFICATION
 *	  src/gov/rights.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "mlops/gov.h"

#include "grant_table.h"

#define BIT(privilege) (1u << (privilege))

static const struct
{
	const char *name;
	uint32		held_by;		/* privileges that bring it with them */
}			privileges[] = {
	[ML_PRIVILEGE_READ] = {"read", BIT(ML_PRIVILEGE_READ) | BIT(ML_PRIVILEGE_ARTIFACT) |
		BIT(ML_PRIVILEGE_TRAIN) | BIT(ML_PRIVILEGE_DEPLOY) |
		BIT(ML_PRIVILEGE_APPROVE) | BIT(ML_PRIVILEGE_MANAGE)
	},
	[ML_PRIVILEGE_PREDICT] = {"predict", BIT(ML_PRIVILEGE_PREDICT)},
	[ML_PRIVILEGE_ARTIFACT] = {"artifact", BIT(ML_PRIVILEGE_ARTIFACT)},
	[ML_PRIVILEGE_LOGS] = {"logs", BIT(ML_PRIVILEGE_LOGS)},
	[ML_PRIVILEGE_TRAIN] = {"train", BIT(ML_PRIVILEGE_TRAIN)},
	[ML_PRIVILEGE_DEPLOY] = {"deploy", BIT(ML_PRIVILEGE_DEPLOY)},
	[ML_PRIVILEGE_APPROVE] = {"approve", BIT(ML_PRIVILEGE_APPROVE)},
	[ML_PRIVILEGE_UNMASK] = {"unmask", BIT(ML_PRIVILEGE_UNMASK)},
	[ML_PRIVILEGE_MANAGE] = {"manage", BIT(ML_PRIVILEGE_MANAGE)},
	[ML_PRIVILEGE_AUDIT] = {"audit", BIT(ML_PRIVILEGE_AUDIT)},
	[ML_PRIVILEGE_ERASE] = {"erase", BIT(ML_PRIVILEGE_ERASE)},
};

const char *
mlops_privilege_name(MlPrivilege privilege)
{
	return privileges[privilege].name;
}

MlPrivilege
mlops_privilege_by_name(const char *name)
{
	for (int i = 0; i <= ML_PRIVILEGE_LAST; i++)
	{
		if (strcmp(privileges[i].name, name) == 0)
			return (MlPrivilege) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown privilege"),
			 errhint("Privileges on a model are read, predict, artifact, logs, train, deploy, approve, unmask and manage; those of the database are audit and erase.")));
	pg_unreachable();
}

/* Does the grantee of a row of model_grant, as it is known today, include the role? */
static bool
grantee_includes(MlScan *scan, HeapTuple tuple, Oid role)
{
	Oid			grantee = DatumGetObjectId(mlops_scan_column(scan, tuple, MLOPS_GRANT_GRANTEE_OID));
	int64		system = DatumGetInt64(mlops_scan_column(scan, tuple, MLOPS_GRANT_GRANTEE_SYSTEM));

	if (!OidIsValid(grantee))
		return true;			/* public */
	/* a role of this cluster that is gone has no members, no need to ask whether it is */
	if (system != mlops_this_system())
		grantee = mlops_stored_role(grantee,
									NameStr(*DatumGetName(mlops_scan_column(scan, tuple, MLOPS_GRANT_GRANTEE_NAME))),
									system);
	return OidIsValid(grantee) && has_privs_of_role(role, grantee);
}

/* Is the privilege of a row of model_grant among the wanted? */
static bool
is_wanted(MlScan *scan, HeapTuple tuple, uint32 wanted)
{
	text	   *stored = DatumGetTextPP(mlops_scan_column(scan, tuple, MLOPS_GRANT_PRIVILEGE));
	size_t		len = VARSIZE_ANY_EXHDR(stored);

	for (int i = 0; i <= ML_PRIVILEGE_LAST; i++)
	{
		if ((wanted & BIT(i)) != 0 && strlen(privileges[i].name) == len &&
			memcmp(privileges[i].name, VARDATA_ANY(stored), len) == 0)
			return true;
	}
	return false;
}

/* Scan the model's grants, of one privilege (NULL: of all of them). */
static bool
granted_in_scan(int64 model_id, Oid role, const char *privilege, uint32 wanted, bool with_grant)
{
	MlScan		scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], MLOPS_GRANT_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	if (privilege)
		ScanKeyInit(&keys[1], MLOPS_GRANT_PRIVILEGE, BTEqualStrategyNumber, F_TEXTEQ,
					CStringGetTextDatum(privilege));
	mlops_scan_begin(&scan, MLOPS_GRANT_TABLE, MLOPS_GRANT_INDEX, MLOPS_GRANT_NATTS,
					 privilege ? 2 : 1, keys);
	while (!found && (tuple = mlops_scan_next(&scan)) != NULL)
	{
		found = is_wanted(&scan, tuple, wanted) &&
			(!with_grant ||
			 DatumGetBool(mlops_scan_column(&scan, tuple, MLOPS_GRANT_WITH_GRANT))) &&
			grantee_includes(&scan, tuple, role);
	}
	mlops_scan_end(&scan);
	return found;
}

/* Was any of the wanted privileges granted, and may it be handed on where that is asked for? */
static bool
granted(int64 model_id, Oid role, uint32 wanted, bool with_grant)
{
	for (int i = 0; i <= ML_PRIVILEGE_LAST; i++)
	{
		if (wanted == BIT(i))
			return granted_in_scan(model_id, role, privileges[i].name, wanted, with_grant);
	}
	return granted_in_scan(model_id, role, NULL, wanted, with_grant);
}

bool
mlops_rights_own(Oid owner, Oid role)
{
	if (!OidIsValid(owner))
		return superuser_arg(role);
	return has_privs_of_role(role, owner);
}

bool
mlops_rights_hold(int64 model_id, Oid owner, Oid role, MlPrivilege privilege)
{
	return mlops_rights_own(owner, role) ||
		granted(model_id, role, privileges[privilege].held_by, false);
}

bool
mlops_rights_any(int64 model_id, Oid owner, Oid role)
{
	return mlops_rights_own(owner, role) ||
		granted(model_id, role, BIT(ML_PRIVILEGE_LAST_OF_MODEL + 1) - 1, false);
}

bool
mlops_rights_may_grant(int64 model_id, Oid owner, Oid role, MlPrivilege privilege)
{
	return mlops_rights_hold(model_id, owner, role, ML_PRIVILEGE_MANAGE) ||
		granted(model_id, role, BIT(privilege), true);
}

bool
mlops_rights_database(Oid role, MlPrivilege privilege)
{
	return has_privs_of_role(role, mlops_extension_owner()) ||
		granted(0, role, BIT(privilege), false);
}

void
mlops_rights_require_database(MlPrivilege privilege, const char *what)
{
	if (mlops_rights_database(mlops_asking_role(), privilege))
		return;
	mlops_audit_denied(privileges[privilege].name, "database", NULL);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s", what),
			 errhint("It needs the database-wide privilege \"%s\", which the owner of the extension grants with mlops.grant_model(NULL, role, '%s').",
					 privileges[privilege].name, privileges[privilege].name)));
}

void
mlops_rights_require_owner(const char *what)
{
	if (has_privs_of_role(mlops_asking_role(), mlops_extension_owner()))
		return;
	mlops_audit_denied("owner of the extension", "database", NULL);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s", what),
			 errhint("Only the owner of the extension \"mlops\" and superusers may.")));
}

void
mlops_deny_model(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" does not exist", name),
			 errhint("The view mlops.models lists the models you may use.")));
	pg_unreachable();
}
