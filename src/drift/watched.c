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

	if (!mlops_registry_version(model_id, version, &resolved))
		return false;
	out->version = version;
	out->model = mlops_model_cache_get_hashed(resolved.artifact, resolved.hash,
											  CurrentMemoryContext);
	out->reference = NULL;
	return true;
}
