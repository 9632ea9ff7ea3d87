/*-------------------------------------------------------------------------
 *
 * prepare.h
 *	  From a survey to the matrix of bins in a team's memory.
 *
 * IDENTIFICATION
 *	  src/tree/prepare.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_PREPARE_H
#define MLOPS_PREPARE_H

#include "mlops/tree.h"
#include "team.h"

/*
 * Make a team whose memory holds the matrix and, behind it, "work" more zeroed
 * bytes (*work_at), and run the survey's second pass into it.  The index of
 * positions lives in the work area meanwhile.  Checks the budget first: error
 * 54000 says how much is needed and offers the option "sample".  also (can be
 * NULL) sees every block, too.
 */
extern MlTeam *mlops_prepare_team(MlBinned *bins, MlSurvey *survey, int nmembers,
								  Size work, char **work_at, MlFeed also, void *also_arg);

/* Any member: where the work area is, behind the matrix at the team's base. */
extern char *mlops_prepare_work(const MlTeam *team, const MlBinned *bins);

#endif							/* MLOPS_PREPARE_H */
