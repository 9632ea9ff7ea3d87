/*-------------------------------------------------------------------------
 *
 * alias_write.c
 *	  Moving and dropping aliases.
 *
 * Inside a write section, with the model's row locked (registry_write.c): so
 * changes of one model's aliases wait for one another, and readers never wait.
 *
 * IDENTIFICATION
 *	  src/catalog/alias_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

int
mlops_alias_version(MlWriter *w, const MlLocked *model, const char *alias)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_name(w, alias);
	if (mlops_write_run(w, "SELECT version FROM mlops_private.alias"
						" WHERE model_id = $1 AND alias = $2") == 0)
		return 0;
	return DatumGetInt32(mlops_write_result(0, 1));
}

/* What the audit trail says of a move: the versions before and after. */
static Jsonb *
move_payload(int previous, int version)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (previous != 0)
		mlops_jsonb_add_integer(&state, "previous", previous);
	if (version != 0)
		mlops_jsonb_add_integer(&state, "version", version);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

int
mlops_alias_move(MlWriter *w, const MlLocked *model, const char *alias, int version)
{
	int			previous = mlops_alias_version(w, model, alias);

	if (previous == version)
		return previous;
	mlops_write_int8(w, model->model_id);
	mlops_write_name(w, alias);
	mlops_write_int4(w, version);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "INSERT INTO mlops_private.alias (model_id, alias, version, set_by)"
					" VALUES ($1, $2, $3, $4)"
					" ON CONFLICT (model_id, alias) DO UPDATE"
					" SET version = excluded.version, set_by = excluded.set_by,"
					" set_at = excluded.set_at");
	mlops_audit_add(w, "alias.set", "alias", psprintf("%s@%s", model->name, alias),
					move_payload(previous, version));
	return previous;
}

int
mlops_alias_drop(MlWriter *w, const MlLocked *model, const char *alias)
{
	int			version = mlops_alias_version(w, model, alias);

	if (version == 0)
		mlops_registry_deny_alias(model->name, alias);
	mlops_write_int8(w, model->model_id);
	mlops_write_name(w, alias);
	mlops_write_run(w, "DELETE FROM mlops_private.alias WHERE model_id = $1 AND alias = $2");
	mlops_audit_add(w, "alias.drop", "alias", psprintf("%s@%s", model->name, alias),
					move_payload(version, 0));
	return version;
}

int
mlops_alias_find_version(MlWriter *w, const MlLocked *model, const MlModelRef *ref)
{
	int			version = ref->version;

	if (version != 0)
		mlops_registry_check_version(w, model, version);
	else
	{
		version = mlops_alias_version(w, model, ref->alias);
		if (version == 0)
			mlops_registry_deny_alias(model->name, ref->alias);
	}
	return version;
}
