/*-------------------------------------------------------------------------
 *
 * audit_add.c
 *	  The record of an act in its own transaction, and lines in the server's
 *	  log for what a rollback would take back.
 *
 * IDENTIFICATION
 *	  src/gov/audit_add.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "mlops/gov.h"

void
mlops_audit_add(MlWriter *w, const char *action, const char *kind,
				const char *object, Jsonb *payload)
{
	mlops_write_oid(w, w->role);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_name(w, GetUserNameFromId(GetSessionUserId(), false));
	mlops_write_text(w, action);
	mlops_write_text(w, kind);
	mlops_write_text(w, object);
	mlops_write_jsonb(w, payload);
	mlops_write_int8(w, mlops_this_system());
	mlops_write_run(w, "INSERT INTO mlops_private.audit_pending"
					" (actor_oid, actor, session_user_name, action, object_kind, object_id, payload, system)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
}

static const char *
role_name(Oid role)
{
	const char *name = GetUserNameFromId(role, true);

	return name ? name : "";
}

static void
log_line(const char *verdict, const char *what, const char *kind, const char *object)
{
	ereport(LOG_SERVER_ONLY,
			(errmsg("mlops audit: %s %s on %s%s%s%s by role \"%s\", session user \"%s\"",
					verdict, what, kind,
					object ? " \"" : "", object ? object : "", object ? "\"" : "",
					role_name(GetUserId()), role_name(GetSessionUserId())),
			 errhidestmt(true), errhidecontext(true)));
}

void
mlops_audit_denied(const char *privilege, const char *kind, const char *object)
{
	log_line("denied", privilege, kind, object);
}

void
mlops_audit_revealed(const char *what, const char *kind, const char *object)
{
	log_line("revealed", what, kind, object);
}
