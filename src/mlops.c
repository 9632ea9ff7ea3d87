/*-------------------------------------------------------------------------
 *
 * mlops.c
 *	  Module magic and _PG_init.
 *
 * IDENTIFICATION
 *	  src/mlops.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "mlops/base.h"
#include "mlops/compat.h"
#include "mlops/label.h"
#include "mlops/snapshot.h"
#include "mlops/worker.h"

MLOPS_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	mlops_guc_init();
	mlops_label_init();
	mlops_source_stored = mlops_snapshot_source;
	mlops_worker_init();
}
