/*-------------------------------------------------------------------------
 *
 * survey.h
 *	  What the survey_*.c files know of one another.
 *
 * IDENTIFICATION
 *	  src/data/survey.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_SURVEY_H
#define MLOPS_SURVEY_H

#include "data.h"

/* survey_index.c: the rows' hashes as they come, with a class (or part) each */
typedef struct MlHashes
{
	MemoryContext context;
	int64		nrows;
	int			nchunks;
	int			maxchunks;
	uint64	  **hash;
	uint16	  **group;
} MlHashes;

#define HASH_CHUNK 16384		/* rows of a chunk */

extern MlHashes *mlops_hashes_make(MemoryContext parent);
extern void mlops_hashes_ungroup(MlHashes *hashes);	/* all are of group 0 */
extern void mlops_hashes_add(MlHashes *hashes, const uint64 *hash, const uint16 *group, int nrows);

/*
 * From hashes to positions: 9 bytes a row, in one piece of memory without a
 * pointer.
 */
typedef struct MlSurveyIndex
{
	int64		nrows;
	int64		ntrain;
	int64		nwatch;
	int64		nholdout;
	int64		ndistinct;		/* hashes among the training rows */
	int			bits;			/* of a hash that choose its bucket */
	Size		size;
	Size		starts;			/* offsets in base */
	Size		hashes;
	char	   *base;
} MlSurveyIndex;

/* Most memory that building takes besides the hashes. */
extern Size mlops_index_build_size(int64 nrows);

/* Sort the hashes (they are freed) and part the rows: by draw, ... */
typedef struct MlDraw
{
	int			ngroups;		/* classes, 1 for a regression */
	double		holdout;
	double		watch;
	uint64		seed;
	int64	   *group_train;	/* result: training rows by group */
} MlDraw;
extern MlSurveyIndex *mlops_index_build(MlHashes *hashes, MlDraw *draw);

/* ... or as they are parted already: the groups are the parts. */
extern MlSurveyIndex *mlops_index_build_parted(MlHashes *hashes);

/* Positions of rows, each of which is taken; false: a row has none. */
extern bool mlops_index_take(MlSurveyIndex *index, const uint64 *hash, int nrows, uint32 *position);

/* Training rows of a hash. */
extern int64 mlops_index_count(const MlSurveyIndex *index, uint64 hash);

/* survey_sample.c: distinct rows with the smallest mixed hashes */
typedef struct MlSampler MlSampler;
extern MlSampler *mlops_sampler_make(MemoryContext parent, int width, double train_share, uint64 seed);
extern void mlops_sampler_add(MlSampler *sampler, const MlBlock *block, const uint64 *hash);
extern Size mlops_sampler_result_size(const MlSampler *sampler, int64 nrows, int width);	/* bytes of the sample of nrows rows */
extern void mlops_sampler_relayout(MlSampler *sampler, int width, const int *from);

/* Training rows in order of mixed hash; slot i was slot from[i] (NULL: the same). */
extern void mlops_sampler_finish(MlSampler *sampler, const MlSurveyIndex *index, int width, const int *from,
								 MemoryContext context, MlBlock *sample);

/* survey_columns.c: what rows that passed by said */
typedef struct MlColumnsSeen MlColumnsSeen;
extern MlColumnsSeen *mlops_columns_seen_make(MemoryContext parent, MlPlan *plan);
extern void mlops_columns_seen_add(MlColumnsSeen *seen, const MlBlock *block);
extern MlEvidence mlops_columns_seen_evidence(MlColumnsSeen *seen);

/* survey_weight.c: exact sums of weights, which do not depend on the order */
typedef struct MlExactSum MlExactSum;
extern MlExactSum *mlops_exact_sum_make(void);
extern void mlops_exact_sum_add(MlExactSum *sum, double value);
extern void mlops_exact_sum_merge(MlExactSum *sum, const MlExactSum *other);
extern double mlops_exact_sum_get(const MlExactSum *sum);

#endif							/* MLOPS_SURVEY_H */
