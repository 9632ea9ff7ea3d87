/*-------------------------------------------------------------------------
 *
 * watched.c
 *	  A version whose rows are counted, with what they are counted by.
 *
 * IDENTIFICATION
 *	  src/drift/watched.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/catalog.h"
#include "mlops/window.h"

bool
mlops_watched_load(int64 model_id, int version, MlWatched *out)
{
	MlResolved	resolved;
	MlModel    *model;

	if (!mlops_registry_version(model_id, version, &resolved))
		return false;
	out->version = version;
	out->reference = mlops_model_reference(resolved.artifact, &model);
	out->model = model;
	return true;
}
