/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  What this backend is training, for mlops.progress.
 *
 * Uses the backend's own progress parameters (as VACUUM does): no preload, no
 * transaction, and the server clears them when a transaction aborts.  The
 * command number is outside the server's own list, so that no pg_stat_progress
 * view shows it.
 *
 * IDENTIFICATION
 *	  src/base/progress.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/backend_progress.h"
#include "utils/backend_status.h"

#include "mlops/base.h"
#include "mlops/progress_params.h"

/*
 * Is it a training that this backend reports?  evaluate() and fit() share code
 * with train(), and the counters can be those of a COPY around them.
 */
static bool
is_ours(void)
{
	return MyBEEntry != NULL &&
		(int) MyBEEntry->st_progress_command == MLOPS_PROGRESS_COMMAND;
}

void
mlops_progress_begin(void)
{
	pgstat_progress_start_command((ProgressCommandType) MLOPS_PROGRESS_COMMAND,
								  InvalidOid);
}

void
mlops_progress_phase(MlPhase phase)
{
	if (is_ours())
		pgstat_progress_update_param(MLOPS_PROGRESS_PHASE, phase);
}

void
mlops_progress_rows(int64 rows)
{
	if (is_ours())
		pgstat_progress_update_param(MLOPS_PROGRESS_ROWS, rows);
}

void
mlops_progress_pass(int pass, int max_passes)
{
	static const int index[] = {MLOPS_PROGRESS_PASS, MLOPS_PROGRESS_MAX_PASSES};
	int64		value[2];

	value[0] = pass;
	value[1] = max_passes;
	if (is_ours())
		pgstat_progress_update_multi_param(2, index, value);
}

void
mlops_progress_loss(double loss)
{
	static const int index[] = {MLOPS_PROGRESS_LOSS, MLOPS_PROGRESS_HAS_LOSS};
	int64		value[2];

	memcpy(&value[0], &loss, sizeof(loss));
	value[1] = 1;
	if (is_ours())
		pgstat_progress_update_multi_param(2, index, value);
}

void
mlops_progress_end(void)
{
	pgstat_progress_end_command();
}
