/*-------------------------------------------------------------------------
 *
 * apply_retention.c
 *	  Removing what is older than its maximum.
 *
 * IDENTIFICATION
 *	  src/lifecycle/apply_retention.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/retention.h"

void
mlops_retention_apply(MlWriter *w, MlRetained *out)
{
	mlops_audit_retain(w, &out[0]);
}
