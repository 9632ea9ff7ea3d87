/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  Legal holds: what must not be removed, whatever else says so.
 *
 * A hold is on a name, so what is held must not be renamed either.  Placing
 * one waits for transactions that are about to remove something, and these
 * wait for it: after it was placed nothing that it covers goes, from a
 * transaction whose snapshot is older neither.
 *
 * IDENTIFICATION
 *	  src/gov/hold.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/retention.h"

/*
 * Holds on $1 (a kind), $2 (an object): on itself, on everything of the kind,
 * on the model of a version, on a version of a model.
 */
static const char *const holds_on =
"SELECT hold_id FROM mlops_private.legal_hold"
" WHERE released_at IS NULL"
" AND (kind = $1 AND (object IS NULL OR object = $2)"
" OR $1 = 'version' AND kind = 'model' AND (object IS NULL OR object = split_part($2, ':', 1))"
" OR $1 = 'model' AND kind = 'version' AND (object IS NULL OR split_part(object, ':', 1) = $2))"
" ORDER BY hold_id LIMIT 1";

bool
mlops_hold_exists(MlWriter *w, const char *kind, const char *object)
{
	bool		fresh = !w->reads_only;
	bool		held;

	if (fresh)
		mlops_fresh_begin(w);
	mlops_write_text(w, kind);
	mlops_write_text(w, object);
	held = mlops_write_run(w, holds_on) > 0;
	if (fresh)
		mlops_fresh_end(w);
	return held;
}

void
mlops_hold_lock(MlWriter *w)
{
	mlops_write_run(w, "LOCK TABLE mlops_private.legal_hold IN ROW EXCLUSIVE MODE");
}

void
mlops_hold_check(MlWriter *w, const char *kind, const char *object)
{
	mlops_hold_lock(w);
	if (!mlops_hold_exists(w, kind, object))
		return;
	mlops_audit_denied("removal under legal hold", kind, object);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s \"%s\" is under legal hold " INT64_FORMAT, kind, object,
					DatumGetInt64(mlops_write_result(0, 1))),
			 errhint("It can be removed or renamed after mlops.release_hold().")));
}

/* A hold on a name with a typing error in it would hold nothing. */
static void
check_exists(MlWriter *w, const char *kind, const char *object)
{
	const char *sql = NULL;

	if (strcmp(kind, "model") == 0)
		sql = "SELECT 1 FROM mlops_private.model WHERE name = $1";
	else if (strcmp(kind, "version") == 0)
		sql = "SELECT 1 FROM mlops_private.model m JOIN mlops_private.version v USING (model_id)"
			" WHERE m.name || ':' || v.version = $1";
	else if (strcmp(kind, "snapshot") == 0)
		sql = "SELECT 1 FROM mlops_private.snapshot WHERE name = $1";
	if (sql == NULL || object == NULL)
		return;
	mlops_write_text(w, object);
	if (mlops_write_run(w, sql) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("%s \"%s\" does not exist", kind, object)));
}

int64
mlops_hold_place(MlWriter *w, const char *kind, const char *object, const char *reason)
{
	JsonbParseState *state = NULL;
	int64		hold_id;

	mlops_write_run(w, "LOCK TABLE mlops_private.legal_hold IN SHARE ROW EXCLUSIVE MODE");
	check_exists(w, kind, object);
	mlops_write_text(w, kind);
	mlops_write_text(w, object);
	mlops_write_text(w, reason);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "INSERT INTO mlops_private.legal_hold (kind, object, reason, placed_by)"
					" VALUES ($1, $2, $3, $4) RETURNING hold_id");
	hold_id = DatumGetInt64(mlops_write_result(0, 1));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "hold", hold_id);
	mlops_jsonb_add_string(&state, "reason", reason);
	mlops_audit_add(w, "hold.place", kind, object,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	return hold_id;
}

void
mlops_hold_release(MlWriter *w, int64 hold_id)
{
	JsonbParseState *state = NULL;
	char	   *kind;
	char	   *object;

	mlops_write_int8(w, hold_id);
	mlops_write_name(w, NameStr(w->role_name));
	if (mlops_write_run(w, "UPDATE mlops_private.legal_hold SET released_by = $2, released_at = now()"
						" WHERE hold_id = $1 AND released_at IS NULL RETURNING kind, object") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no legal hold " INT64_FORMAT, hold_id),
				 errhint("The view mlops.holds lists them.")));
	kind = mlops_write_string(w, 0, 1);
	object = mlops_write_string(w, 0, 2);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "hold", hold_id);
	mlops_audit_add(w, "hold.release", kind, object,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
