/*-------------------------------------------------------------------------
 *
 * stage.c
 *	  Stages of versions: draft, candidate, production, archived.
 *
 * A stage says what people think of a version; what scores is the alias.
 * Where a policy protects aliases, "production" is what their versions are,
 * and nothing else gets there.
 *
 * IDENTIFICATION
 *	  src/lifecycle/stage.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"

#include "mlops/jsonb_out.h"
#include "mlops/lifecycle.h"

#include "lifecycle_private.h"

#define DRAFT		"draft"
#define PRODUCTION	"production"
#define ARCHIVED	"archived"

static const char *const stages[] = {DRAFT, "candidate", PRODUCTION, ARCHIVED};

static char *
stage_of(MlWriter *w, const MlLocked *model, int version)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_int4(w, version);
	if (mlops_write_run(w, "SELECT stage FROM mlops_private.version_stage"
						" WHERE model_id = $1 AND version = $2") == 0)
		return MemoryContextStrdup(w->caller, DRAFT);
	return mlops_write_string(w, 0, 1);
}

/* Audited; nothing happens where the stage is that already. */
static void
write_stage(MlWriter *w, const MlLocked *model, int version, const char *stage)
{
	char	   *previous = stage_of(w, model, version);
	JsonbParseState *state = NULL;

	if (strcmp(previous, stage) == 0)
		return;
	mlops_write_int8(w, model->model_id);
	mlops_write_int4(w, version);
	mlops_write_text(w, stage);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "INSERT INTO mlops_private.version_stage (model_id, version, stage, set_by)"
					" VALUES ($1, $2, $3, $4)"
					" ON CONFLICT (model_id, version) DO UPDATE"
					" SET stage = excluded.stage, set_by = excluded.set_by, set_at = now()");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "previous", previous);
	mlops_jsonb_add_string(&state, "stage", stage);
	mlops_audit_add(w, "version.stage", "version", psprintf("%s:%d", model->name, version),
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* The aliases of a version that the policy protects, but for one (or NULL), as a list for people; "" for none. */
static char *
protected_aliases(MlWriter *w, const MlLocked *model, const MlPolicy *policy, int version,
				  const char *but)
{
	uint64		n;
	StringInfoData buf;

	initStringInfo(&buf);
	mlops_write_int8(w, model->model_id);
	mlops_write_int4(w, version);
	n = mlops_write_run(w, "SELECT alias FROM mlops_private.alias"
						" WHERE model_id = $1 AND version = $2 ORDER BY alias");
	for (uint64 i = 0; i < n; i++)
	{
		const char *alias = NameStr(*DatumGetName(mlops_write_result(i, 1)));

		if (mlops_policy_protects(policy, alias) && (but == NULL || strcmp(alias, but) != 0))
			appendStringInfo(&buf, "%s\"%s\"", buf.len > 0 ? ", " : "", alias);
	}
	return buf.data;
}

void
mlops_stage_moved(MlWriter *w, const MlLocked *model, const MlPolicy *policy,
				  const char *alias, int previous, int version)
{
	if (previous == version)
		return;
	if (version != 0)
		write_stage(w, model, version, PRODUCTION);
	if (previous != 0 && *protected_aliases(w, model, policy, previous, alias) == '\0')
		write_stage(w, model, previous, ARCHIVED);
}

void
mlops_stage_follow(MlWriter *w, const MlLocked *model, const char *alias,
				   int previous, int version)
{
	MlPolicy	policy;

	mlops_policy_load(w, model->model_id, &policy);
	if (mlops_policy_protects(&policy, alias))
		mlops_stage_moved(w, model, &policy, alias, previous, version);
}

static void
check_stage(const char *stage)
{
	for (int i = 0; i < (int) lengthof(stages); i++)
	{
		if (strcmp(stages[i], stage) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown stage"),
			 errhint("Stages are draft, candidate, production and archived.")));
}

/* Under a policy, production and what protected aliases point to are the same. */
static void
check_policy(MlWriter *w, const MlLocked *model, int version, const char *stage)
{
	MlPolicy	policy;
	char	   *aliases;

	mlops_policy_load(w, model->model_id, &policy);
	if (policy.aliases == NIL)
		return;
	aliases = protected_aliases(w, model, &policy, version, NULL);
	if (strcmp(stage, PRODUCTION) == 0 && *aliases == '\0')
	{
		mlops_audit_denied("stage", "version", psprintf("%s:%d", model->name, version));
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("version %d of model \"%s\" gets to production by promotion only",
						version, model->name),
				 errdetail("A policy is in force for the model."),
				 errhint("mlops.request_promotion() asks for it, and mlops.set_alias() does it.")));
	}
	if (strcmp(stage, PRODUCTION) != 0 && *aliases != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" is in production", version, model->name),
				 errdetail("Protected aliases point to it: %s.", aliases)));
}

char *
mlops_stage_set(const char *name, int version, const char *stage)
{
	MlWriter	w;
	MlLocked	model;
	char	   *previous;

	check_stage(stage);
	mlops_write_begin(&w, "mlops.set_stage()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_DEPLOY, false, &model);
	mlops_registry_check_version(&w, &model, version);
	check_policy(&w, &model, version, stage);
	previous = stage_of(&w, &model, version);
	write_stage(&w, &model, version, stage);
	mlops_write_end(&w);
	return previous;
}
