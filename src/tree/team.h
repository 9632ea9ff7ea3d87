/*-------------------------------------------------------------------------
 *
 * team.h
 *	  A team: this backend (member 0) and the parallel workers it was granted,
 *	  doing numbered tasks over shared memory.
 *
 * One piece of memory is everything the members share.  Each maps it at an
 * address of its own, so nothing in it is a pointer: who lays a structure out
 * there writes offsets, and "attach" makes each member's own handles of it.
 *
 * Tasks of one run are taken by whoever is free, in no order; what they write
 * must not depend on who does which.  A worker that comes late or never comes
 * changes nothing but the time.
 *
 * IDENTIFICATION
 *	  src/tree/team.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_TEAM_H
#define MLOPS_TEAM_H

#include "mlops/tree.h"

/* What a team can be asked to do; tasks.c has the functions. */
typedef enum MlTeamTask
{
	ML_TASK_BOOST_UPDATE,		/* boost_shard.c: a shard's scores, losses and bounds of gradients, or leaves' values */
	ML_TASK_BOOST_QUANTISE,		/* boost_shard.c: a shard's gradients as integers, and the rows sampled */
	ML_TASK_GROW_ROWS,			/* grow_rows.c: part the rows of nodes, add up histograms */
	ML_TASK_GROW_SPLITS,		/* grow_splits.c: finish histograms of nodes, find their best splits */
	ML_TASK_FOREST_TREE			/* forest.c: one tree, or a chunk of rows scored by a wave of them */
} MlTeamTask;

typedef enum MlJob
{
	ML_JOB_BOOST,
	ML_JOB_FOREST
} MlJob;

typedef struct MlTeam
{
	int			member;			/* 0 .. nmembers - 1; 0 is the leader */
	int			nmembers;		/* planned; some may never come */
	char	   *base;			/* the shared memory, as this process maps it */
	Size		size;
	void	   *local;			/* this member's handles, from attach */
	uint64		ndone;			/* numbers it has done */
	struct MlTeamPrivate *private;
} MlTeam;

/*
 * Members worth having for so many histogram updates (or comparable units of
 * work), this backend included: 1 + max_parallel_maintenance_workers at most,
 * 1 where parallel mode is not possible here and now.  Any work is worth that
 * many where debug_parallel_query (force_parallel_mode before 16) is not off.
 */
extern int	mlops_team_plan(double work);

/*
 * A team without workers yet, with zeroed memory of that size: dynamic shared
 * memory for more than one member, else or where there is none to be had (one
 * NOTICE) memory of this process and one member.  The caller has checked the
 * budget.  Freed with the current memory context or by mlops_team_free.
 */
extern MlTeam *mlops_team_make(int nmembers, Size size);

/*
 * Launch the workers.  From here to mlops_team_stop the backend is in parallel
 * mode: it computes, it does not read tables or write.  The leader's local
 * must be set before.
 */
extern void mlops_team_start(MlTeam *team, MlJob job);

/* Do tasks 0 .. ntasks - 1, return when all are done; checks interrupts. */
extern void mlops_team_run(MlTeam *team, MlTeamTask task, int ntasks);

extern void mlops_team_stop(MlTeam *team);
extern void mlops_team_free(MlTeam *team);

/* tasks.c: a member's handles of the shared memory; the functions of tasks */
extern void *mlops_task_attach(MlTeam *team, MlJob job);
extern void mlops_task_do(MlTeam *team, MlTeamTask task, int number);

#endif							/* MLOPS_TEAM_H */
