/*-------------------------------------------------------------------------
 *
 * erase_models.c
 *	  Versions of models that know a subject's key.
 *
 * A model keeps the categories and the names of classes of its training rows;
 * where a key was used as one, it stands in the artifact.  Artifacts are
 * immutable, so all that can be done is to say which they are.
 *
 * IDENTIFICATION
 *	  src/lifecycle/erase_models.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/model.h"

#include "lifecycle_private.h"

typedef struct Version
{
	int64		model_id;
	int32		version;
	char	   *name;			/* credit:3 */
} Version;

static Version *
list_versions(MlWriter *w, int *n)
{
	Version    *list;

	*n = (int) mlops_write_run(w, "SELECT m.model_id, v.version, m.name || ':' || v.version"
							   " FROM mlops_private.model m JOIN mlops_private.version v USING (model_id)"
							   " ORDER BY m.name, v.version");
	list = MemoryContextAllocHuge(w->caller, sizeof(Version) * (*n + 1));
	for (int i = 0; i < *n; i++)
	{
		list[i].model_id = DatumGetInt64(mlops_write_result(i, 1));
		list[i].version = DatumGetInt32(mlops_write_result(i, 2));
		list[i].name = mlops_write_string(w, i, 3);
	}
	return list;
}

static bool
has_string(const MlString *strings, int n, const MlString *wanted)
{
	for (int i = 0; i < n; i++)
	{
		if (mlops_string_compare(&strings[i], wanted) == 0)
			return true;
	}
	return false;
}

static bool
signature_has(const MlSignature *sig, const MlString *wanted)
{
	if (sig->task == ML_TASK_CLASSIFICATION && sig->target_type == ML_COLUMN_TEXT &&
		has_string(sig->classes, sig->nclasses, wanted))
		return true;
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *f = &sig->features[i];

		CHECK_FOR_INTERRUPTS();
		if (f->type == ML_COLUMN_TEXT && has_string(f->categories, f->ncategories, wanted))
			return true;
	}
	return false;
}

typedef struct Look
{
	const Version *version;
	MlString	wanted;
	bool		found;
} Look;

static void
look_at_version(MlWriter *w, void *arg)
{
	Look	   *look = arg;
	MlModel    *model;

	mlops_write_int8(w, look->version->model_id);
	mlops_write_int4(w, look->version->version);
	if (mlops_write_run(w, "SELECT artifact FROM mlops_private.version"
						" WHERE model_id = $1 AND version = $2") == 0)
		return;
	model = mlops_model_unpack(PG_DETOAST_DATUM(mlops_write_result(0, 1)), CurrentMemoryContext);
	look->found = signature_has(model->sig, &look->wanted);
	MemoryContextDelete(model->context);
}

static void
add_name(StringInfo names, int64 *n, const char *name)
{
	appendStringInfo(names, "%s%s", *n > 0 ? ", " : "", name);
	(*n)++;
}

void
mlops_versions_with_name(MlWriter *w, const char *key, MlNamedVersions *out)
{
	MemoryContext context = AllocSetContextCreate(w->caller, "mlops erase models", ALLOCSET_DEFAULT_SIZES);
	Version    *list;
	int			n;

	memset(out, 0, sizeof(*out));
	initStringInfo(&out->names);
	initStringInfo(&out->unreadable);
	list = list_versions(w, &n);
	for (int i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		Look		look = {&list[i], {(int) strlen(key), key}, false};
		bool		read = mlops_erase_try(w, look_at_version, &look);

		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		if (!read)
			add_name(&out->unreadable, &out->nunreadable, list[i].name);
		else if (look.found)
			add_name(&out->names, &out->n, list[i].name);
	}
	MemoryContextDelete(context);
}
