/*-------------------------------------------------------------------------
 *
 * card_write.c
 *	  Revisions of the written half of a model's card.
 *
 * A revision is a whole card; none is changed or taken away while the model
 * lives.  The model's row is locked, so numbers are dense.
 *
 * IDENTIFICATION
 *	  src/lifecycle/card_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/card.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

/* The newest revision's number, 0 for none; content: what it says, palloc'd in w->caller, NULL for none. */
static int
newest_card(MlWriter *w, int64 model_id, Jsonb **content)
{
	if (content)
		*content = NULL;
	mlops_write_int8(w, model_id);
	if (mlops_write_run(w, "SELECT revision, content FROM mlops_private.card"
						" WHERE model_id = $1 ORDER BY revision DESC LIMIT 1") == 0)
		return 0;
	if (content)
	{
		MemoryContext old = MemoryContextSwitchTo(w->caller);

		*content = DatumGetJsonbPCopy(mlops_write_result(0, 2));
		MemoryContextSwitchTo(old);
	}
	return DatumGetInt32(mlops_write_result(0, 1));
}

static Jsonb *
empty_object(void)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* What is there after the change, without nulls; copied for the caller. */
static Jsonb *
apply(MlWriter *w, Jsonb *before, Jsonb *card, bool merge)
{
	MemoryContext old;
	Jsonb	   *after;

	mlops_write_jsonb(w, merge ? before : empty_object());
	mlops_write_jsonb(w, card);
	mlops_write_run(w, "SELECT jsonb_strip_nulls($1 || $2)");
	old = MemoryContextSwitchTo(w->caller);
	after = DatumGetJsonbPCopy(mlops_write_result(0, 1));
	MemoryContextSwitchTo(old);
	return after;
}

/* Keys of which two objects say something else. */
static List *
find_changed(MlWriter *w, Jsonb *before, Jsonb *after)
{
	List	   *changed = NIL;
	uint64		n;

	mlops_write_jsonb(w, before);
	mlops_write_jsonb(w, after);
	n = mlops_write_run(w, "SELECT k FROM jsonb_object_keys($1 || $2) AS k"
						" WHERE $1 -> k IS DISTINCT FROM $2 -> k"
						" ORDER BY k COLLATE \"C\"");
	for (uint64 i = 0; i < n; i++)
	{
		char	   *key = mlops_write_string(w, i, 1);
		MemoryContext old = MemoryContextSwitchTo(w->caller);

		changed = lappend(changed, key);
		MemoryContextSwitchTo(old);
	}
	return changed;
}

static void
insert_revision(MlWriter *w, int64 model_id, int revision, Jsonb *content)
{
	mlops_write_int8(w, model_id);
	mlops_write_int4(w, revision);
	mlops_write_jsonb(w, content);
	mlops_write_role(w, w->role);
	mlops_write_oid(w, GetSessionUserId());
	mlops_write_name(w, GetUserNameFromId(GetSessionUserId(), false));
	mlops_write_run(w, "INSERT INTO mlops_private.card"
					" (model_id, revision, content, editor_oid, edited_by, editor_system,"
					" editor_session_oid, editor_session)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
					" ON CONFLICT (model_id, revision) DO NOTHING");	/* our snapshot is older: 40001 */
}

/* What the audit trail says of it: which fields, not what they say. */
static Jsonb *
change_payload(const MlCardChange *change)
{
	JsonbParseState *state = NULL;
	ListCell   *lc;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "revision", change->revision);
	mlops_jsonb_add_key(&state, "changed");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, change->changed)
	{
		JsonbValue	v;

		v.type = jbvString;
		v.val.string.val = (char *) lfirst(lc);
		v.val.string.len = strlen(v.val.string.val);
		pushJsonbValue(&state, WJB_ELEM, &v);
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Who manages a model need not be one who trains it. */
static MlPrivilege
privilege_to_edit(const char *name)
{
	Oid			role = GetUserId();
	int64		model_id = mlops_registry_require(name, role, ML_PRIVILEGE_READ);

	return mlops_registry_may(model_id, role, ML_PRIVILEGE_MANAGE) ?
		ML_PRIVILEGE_MANAGE : ML_PRIVILEGE_TRAIN;
}

void
mlops_card_set(const char *name, Jsonb *card, bool merge, MlCardChange *out)
{
	MlWriter	w;
	MlPrivilege privilege = privilege_to_edit(name);
	MlLocked	model;
	Jsonb	   *before;
	Jsonb	   *after;

	mlops_write_begin(&w, "mlops.set_card()");
	mlops_registry_lock(&w, name, privilege, false, &model);
	out->revision = newest_card(&w, model.model_id, &before);
	if (before == NULL)
		before = empty_object();
	after = apply(&w, before, card, merge);
	out->changed = find_changed(&w, before, after);
	if (out->changed != NIL)
	{
		out->revision++;
		insert_revision(&w, model.model_id, out->revision, after);
		mlops_audit_add(&w, "card.set", "model", name, change_payload(out));
	}
	mlops_write_end(&w);
}
