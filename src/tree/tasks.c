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

#include "team.h"

void *
mlops_task_attach(MlTeam *team, MlJob job)
{
	switch (job)
	{
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
		default:
			elog(ERROR, "unexpected task %d of a team", (int) task);
	}
}
