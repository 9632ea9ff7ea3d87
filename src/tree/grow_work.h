/*-------------------------------------------------------------------------
 *
 * grow_work.h
 *	  What the grow*.c files know of each other: the shared state of a grower.
 *
 * The leader plans a round as a list of jobs, a job being one node to be split
 * (or to get a histogram of its own).  A job of few rows is one task and ready
 * when that task is.  A wide job is a task for each range of shards, in which
 * every member adds up a histogram of its own, and then a task for each group
 * of slots, which joins those and searches.
 *
 * Who writes what: nodes and jobs belong to the leader between runs of the
 * team; in a run, a job of few rows and what hangs on it (its node, its two
 * children, its histograms, its result) to the one task it is; of a wide job,
 * a shard's row numbers and runs to the task that has the shard, a slot's
 * histogram entries and its result to the task that has its group.
 *
 * IDENTIFICATION
 *	  src/tree/grow_work.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_GROW_WORK_H
#define MLOPS_GROW_WORK_H

#include "grow.h"

#define ML_GROW_AHEAD 64		/* nodes split ahead of their turn, at most */
#define ML_GROW_JOBS (ML_GROW_AHEAD + 1)
#define ML_GROW_WIDE 4			/* wide jobs of a round, at most */
#define ML_GROW_RANGES 64		/* ranges of shards of a wide job, at most */
#define ML_GROW_GROUPS 8		/* groups of slots of a wide job, at most */
#define ML_GROW_CHUNK 2048		/* rows parted, then added up while their bins are near */

/* A node's rows in a shard: row numbers first .. last of the shard's list; none where first > last. */
typedef struct MlRun
{
	uint16		first;
	uint16		last;
} MlRun;

static inline int
mlops_run_count(MlRun run)
{
	return run.first > run.last ? 0 : run.last - run.first + 1;
}

static inline MlRun
mlops_run_make(int first, int count)
{
	MlRun		run = {1, 0};

	if (count > 0)
	{
		run.first = (uint16) first;
		run.last = (uint16) (first + count - 1);
	}
	return run;
}

typedef struct MlGrowNode
{
	MlNodeStats stats;
	MlSplit		split;			/* its best; gain 0: none */
	MlRefused	refused;
	uint64		path;			/* hash of the way from the root: what max_features draws by */
	int			depth;
	int			parent;			/* -1: the root */
	int			left;			/* children left and left + 1, once its rows are parted; else -1 */
	int			histogram;		/* of the pool; -1: none */
	int			number;			/* in the tree, once its turn has come */
	int			heap;			/* its place among the leaves that can be split */
	bool		searched;		/* split is known */
} MlGrowNode;

typedef struct MlGrowJob
{
	int			node;
	int			left;			/* children; -1: only a histogram of the node is asked for */
	int			counted;		/* whose rows are added up: left, left + 1 or the node; -1: nobody's */
	int			histogram;		/* of the pool: theirs */
	int			wide;			/* number among the wide jobs; -1: one task does it all */
	int			ngroups;		/* of slots */
	int			result;			/* first of 2 * ngroups results: by group, left and right (or the node's own first) */
	bool		search_left;
	bool		search_right;
	bool		search_node;	/* its histogram is new, or its split was refused */
	bool		is_last;		/* no leaf may follow: children are not searched */
	bool		refused;		/* too few rows on a side */
} MlGrowJob;

typedef struct MlGrowTask
{
	int			job;
	int			from;			/* shards, or the group of slots */
	int			to;
} MlGrowTask;

/* At the start of a grower's memory; the rest follows at offsets. */
typedef struct MlGrowHead
{
	MlGrowRules rules;
	MlScale		scale;			/* of this run */
	uint64		seed;
	uint32		run;			/* counts runs: members see that slots are new */
	int			nmembers;
	int			nslots;
	int			nshards;
	int			nbins;
	int			set_words;		/* of a set of bins; 0: no slot is a category */
	int			maxnodes;
	int			npool;			/* histograms for nodes */
	int			nwide;			/* private histograms of a member */
	int			ngroups;		/* interaction groups */
	int			nresults;
	Size		entries;		/* of a histogram, padding included */
	bool		has_monotone;

	Size		at_nodes;
	Size		at_sets;		/* by node */
	Size		at_runs;		/* by node, then shard */
	Size		at_leaves;		/* node of each leaf, after a run */
	Size		at_jobs;
	Size		at_row_tasks;
	Size		at_split_tasks;
	Size		at_results;
	Size		at_result_sets;
	Size		at_touched;		/* by member, then wide job: its histogram is in use */
	Size		at_counts;		/* rows set, by shard */
	Size		at_rows;
	Size		at_gradients;
	Size		at_monotone;
	Size		at_group;
	Size		at_slots;		/* slots that this run may use */
	Size		at_pool;
	Size		at_private;
	Size		size;
} MlGrowHead;

/* The slots whose bins are added up, narrow ones first. */
typedef struct MlHistSlots
{
	int			nnarrow;
	int			nwide;
	bool		is_dense;		/* the narrow ones are the bytes 0 .. nnarrow - 1 of a row */
	int		   *offset;			/* in a row; narrow, then wide */
	int		   *first_bin;		/* in a histogram */
	int64	  **at;				/* work area: the same as addresses */
} MlHistSlots;

/* Rows that will be asked for next: their bins in one slot are brought near meanwhile. */
typedef struct MlHistNext
{
	const uint8 *column;		/* the slot's bin in the shard's row 0 */
	const uint16 *rows;
	int			n;
} MlHistNext;

/* Leader's part of a handle. */
typedef struct MlGrowPlan MlGrowPlan;

struct MlGrower
{
	MlTeam	   *team;
	const MlBinned *bins;
	MlGrowHead *head;
	MlGrowNode *nodes;
	uint32	   *sets;
	MlRun	   *runs;
	int		   *leaves;
	MlGrowJob  *jobs;
	MlGrowTask *row_tasks;
	MlGrowTask *split_tasks;
	MlSplit    *results;
	uint32	   *result_sets;
	uint8	   *touched;
	int		   *counts;
	uint16	   *rows;
	uint32	   *gradients;
	int8	   *monotone;
	uint8	   *group;
	uint8	   *slots;
	int64	   *pool;
	int64	   *private;

	/* this process's own */
	uint32		run;			/* that hist_slots are of */
	MlHistSlots hist_slots;
	uint16	   *parted;			/* rows on their way to the right child */
	uint8	   *goes_left;		/* by bin of the split's slot */
	void	   *scratch;		/* for mlops_split_find */
	uint8	   *allowed;		/* slots that a node may use */
	uint64	   *drawn;
	MlGrowPlan *plan;
};

static inline int64 *
mlops_grow_histogram(MlGrower *g, int histogram)
{
	return g->pool + (Size) histogram * g->head->entries;
}

static inline int64 *
mlops_grow_private(MlGrower *g, int member, int wide)
{
	return g->private + ((Size) member * g->head->nwide + wide) * g->head->entries;
}

static inline uint32 *
mlops_grow_set(MlGrower *g, int node)
{
	return g->sets + (Size) node * g->head->set_words;
}

static inline MlRun *
mlops_grow_run(MlGrower *g, int node)
{
	return g->runs + (Size) node * g->head->nshards;
}

/* Rows of the matrix that a shard has. */
static inline int
mlops_grow_shard_rows(const MlBinned *bins, int shard)
{
	return (int) Min(bins->ntrain - (int64) shard * ML_SHARD_ROWS, ML_SHARD_ROWS);
}

/* grow_hist.c */

/* Collect the slots to add up: those with a flag, or all where slots is NULL. */
extern void mlops_hist_slots(MlHistSlots *hist, const MlBinned *bins, const uint8 *slots);

/*
 * Add n rows of a shard to a histogram.  rows: their numbers, ascending, of
 * which room (n or more) may be read ahead; NULL: the rows 0 .. n - 1 of what
 * bins and gradients point to.  next: what is fetched meanwhile, or NULL.
 */
extern void mlops_hist_add(const MlHistSlots *hist, int64 *histogram, const uint8 *bins,
						   int stride, const uint32 *gradients, const uint16 *rows, int n, int room,
						   const MlHistNext *next);

/* grow_rows.c */

/* Put the two runs of a node back into one, ascending. */
extern void mlops_rows_join(MlGrower *g, int node, int left);

/* What is known once a job's rows are parted: its children's stats, whether it is refused, what to search. */
extern void mlops_rows_settle(MlGrower *g, MlGrowJob *job);

/* May a child of so many rows at that depth be split? */
static inline bool
mlops_grow_splittable(const MlGrowHead *head, const MlNodeStats *stats, int depth)
{
	const MlGrowRules *rules = &head->rules;

	return stats->count >= 2 * rules->min_rows && stats->count >= 2 &&
		(rules->max_depth == 0 || depth < rules->max_depth);
}

/* grow.c */

/* The leader's part of a handle, in the current context. */
extern MlGrowPlan *mlops_grow_plan_make(const MlGrower *g);

/* grow_splits.c */

/* Finish and search a job's histograms for one group of slots; -1: all of them. */
extern void mlops_splits_job(MlGrower *g, MlGrowJob *job, int group);

#endif							/* MLOPS_GROW_WORK_H */
