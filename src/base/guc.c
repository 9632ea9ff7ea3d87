/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  Every setting of mlops, in alphabetical order.
 *
 * IDENTIFICATION
 *	  src/base/guc.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "mlops/base.h"

int			mlops_guc_fit_memory = 64 * 1024;
int			mlops_guc_model_cache_size = 64 * 1024;
int			mlops_guc_training_memory = 2 * 1024 * 1024;

void
mlops_guc_init(void)
{
	DefineCustomIntVariable("mlops.fit_memory",
							"Sets the memory a group of the fit() aggregate may buffer.",
							"Algorithms that need several passes buffer the group's rows; beyond this they refuse.",
							&mlops_guc_fit_memory,
							64 * 1024, 64, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("mlops.model_cache_size",
							"Sets the size of a backend's cache of unpacked models.",
							"A larger cache helps queries that use many models; models in use never leave it.",
							&mlops_guc_model_cache_size,
							64 * 1024, 0, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("mlops.training_memory",
							"Sets the memory that one training may take.",
							"A training that needs more is refused with both numbers before it takes it.",
							&mlops_guc_training_memory,
							2 * 1024 * 1024, 1024, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	MarkGUCPrefixReserved("mlops");
}
