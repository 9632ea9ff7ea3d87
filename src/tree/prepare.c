/*-------------------------------------------------------------------------
 *
 * prepare.c
 *	  From a survey to the matrix of bins in a team's memory.
 *
 * The memory holds the matrix, then the work area.  While the rows are read,
 * nobody works, so the index of positions is kept in the work area.
 *
 * IDENTIFICATION
 *	  src/tree/prepare.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "utils/memutils.h"

#include "mlops/base.h"

#include "prepare.h"

#define LINE 64					/* bytes of a cache line */

typedef struct PutArg
{
	MlBinned   *bins;
	MlFeed		also;
	void	   *also_arg;
} PutArg;

static Size
matrix_size(const MlBinned *bins, int64 nrows, bool is_weighted)
{
	return TYPEALIGN(LINE, mlops_bins_size(bins, nrows, is_weighted));
}

char *
mlops_prepare_work(const MlTeam *team, const MlBinned *bins)
{
	return team->base + matrix_size(bins, bins->ntrain + bins->nwatch + bins->nholdout,
									bins->w != NULL);
}

static void
put_block(void *arg, const MlBlock *block, const uint32 *position)
{
	PutArg	   *put = arg;

	mlops_bins_put(put->bins, block, position);
	if (put->also)
		put->also(put->also_arg, block, position);
}

MlTeam *
mlops_prepare_team(MlBinned *bins, MlSurvey *survey, int nmembers,
				   Size work, char **work_at, MlFeed also, void *also_arg)
{
	int64		nrows = survey->ntrain + survey->nwatch + survey->nholdout;
	Size		matrix = matrix_size(bins, nrows, survey->is_weighted);
	Size		index = mlops_survey_index_size(survey);
	Size		size = add_size(matrix, Max(work, index));
	PutArg		put = {bins, also, also_arg};
	MlTeam	   *team;

	/* what the cuts were learned from has done its work */
	if (survey->sample.x)
		pfree(survey->sample.x);
	memset(&survey->sample, 0, sizeof(survey->sample));

	mlops_budget_check(add_size(size, MemoryContextMemAllocated(survey->context, true)),
					   mlops_guc_training_memory, "mlops.training_memory",
					   "Train on a fraction of the rows with the option \"sample\", on fewer columns, or raise mlops.training_memory.");
#ifdef __GLIBC__
	/* what reading has freed is in small pieces, which the C library would keep */
	(void) malloc_trim(0);
#endif
	team = mlops_team_make(nmembers, size);
	*work_at = team->base + matrix;

	mlops_bins_place(bins, team->base, survey->ntrain, survey->nwatch,
					 survey->nholdout, survey->is_weighted);
	mlops_survey_move_index(survey, *work_at);
	mlops_survey_feed(survey, put_block, &put);
	memset(*work_at, 0, index);
	return team;
}
