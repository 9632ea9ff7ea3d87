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

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "mlops/base.h"

char	   *mlops_guc_databases = NULL;
bool		mlops_guc_enabled = true;
int			mlops_guc_fit_memory = 64 * 1024;
int			mlops_guc_launcher_poll = 10;
int			mlops_guc_max_workers = 2;
int			mlops_guc_model_cache_size = 64 * 1024;
int			mlops_guc_training_memory = 2 * 1024 * 1024;
int			mlops_guc_worker_max_runtime = 60;

/* A list of names, or * */
static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy;
	List	   *names;
	bool		ok;

	if (strcmp(*newval, "*") == 0)
		return true;
	copy = pstrdup(*newval);
	ok = SplitIdentifierString(copy, ',', &names);
	if (!ok)
		GUC_check_errdetail("List syntax is invalid.");
	pfree(copy);
	list_free(names);
	return ok;
}

void
mlops_guc_init(void)
{
	/* the workers' slots are counted once; where there are none the number means nothing */
	GucContext	at_start = process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

	DefineCustomStringVariable("mlops.databases",
							   "Sets the databases in which jobs are run in the background.",
							   "A list of names, or * for all that allow connections and are no templates.",
							   &mlops_guc_databases,
							   "*",
							   PGC_SIGHUP, GUC_LIST_INPUT, check_databases, NULL, NULL);
	DefineCustomBoolVariable("mlops.enabled",
							 "Runs jobs in the background.",
							 "Needs mlops in shared_preload_libraries; runs that are under way go on when it is turned off.",
							 &mlops_guc_enabled,
							 true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("mlops.fit_memory",
							"Sets the memory a group of the fit() aggregate may buffer.",
							"Algorithms that need several passes buffer the group's rows; beyond this they refuse.",
							&mlops_guc_fit_memory,
							64 * 1024, 64, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("mlops.launcher_poll",
							"Sets the time after which the launcher looks at the databases at the latest.",
							"It is told of new jobs, and wakes up for those it knows of, without it.",
							&mlops_guc_launcher_poll,
							10, 1, 3600,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("mlops.max_workers",
							"Sets how many background workers may run jobs at a time.",
							"Each takes one of max_worker_processes.",
							&mlops_guc_max_workers,
							2, 1, 64,
							at_start, 0, NULL, NULL, NULL);
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
	DefineCustomIntVariable("mlops.worker_max_runtime",
							"Sets the time after which a background worker begins no further job.",
							"Then another role's jobs have their turn.",
							&mlops_guc_worker_max_runtime,
							60, 1, 24 * 3600,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	MarkGUCPrefixReserved("mlops");
}
