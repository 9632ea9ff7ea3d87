/*-------------------------------------------------------------------------
 *
 * tasks.c
 *	  Which function does which task of a team.
 *
 * IDENTIFICATION
 *	  src/tree/tasks.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "boost.h"
#include "forest.h"
#include "team.h"

void *
mlops_task_attach(MlTeam *team, MlJob job)
{
	switch (job)
	{
		case ML_JOB_BOOST:
			return mlops_boost_attach(team);
		case ML_JOB_FOREST:
			return mlops_forest_attach(team);
		default:
			elog(ERROR, "unexpected job %d of a team", (int) job);
	}
	return NULL;
}

void
mlops_task_do(MlTeam *team, MlTeamTask task, int number)
{
	switch (task)
	{
		case ML_TASK_BOOST_UPDATE:
			mlops_boost_update_task(team->local, number);
			break;
		case ML_TASK_BOOST_QUANTISE:
			mlops_boost_quantise_task(team->local, number);
			break;
		case ML_TASK_GROW_ROWS:
			mlops_grow_rows_task(((MlBoost *) team->local)->grower, number);
			break;
		case ML_TASK_GROW_SPLITS:
			mlops_grow_splits_task(((MlBoost *) team->local)->grower, number);
			break;
		case ML_TASK_FOREST_TREE:
			mlops_forest_task(team->local, number);
			break;
		default:
			elog(ERROR, "unexpected task %d of a team", (int) task);
	}
}
