/*-------------------------------------------------------------------------
 *
 * grow.h
 *	  One tree of a boosted ensemble: leaf-wise growth on quantised gradients.
 *
 * Rows come in shards of 65,536, so that a row of a shard is two bytes and a
 * shard's row numbers, gradients and bins stay in the cache while they are
 * worked on.  Every leaf has, in every shard, one run of row numbers, ascending;
 * splitting the leaf parts each of its runs in place, stably.
 *
 * A gradient and a hessian are integers of 16 bits packed into 32; a histogram
 * entry packs their sums into 64: gradients in the upper half (signed),
 * hessians in the lower (unsigned), so that one addition serves both, sums are
 * exact whatever the order, and a sibling's histogram is the parent's minus
 * this one's.  MlScale says what a unit of each is worth; who quantises keeps
 * the sum over all rows of |gradient| below 2^31 and of hessians below 2^32.
 *
 * Growth is best first.  Nodes are expanded in rounds: whatever is certain or
 * likely to be split next is split in the same round, so that all members have
 * work, and the tree is then read off in the order of one split at a time: the
 * result is the sequential one.
 *
 * IDENTIFICATION
 *	  src/tree/grow.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_GROW_H
#define MLOPS_GROW_H

#include "mlops/tree.h"
#include "team.h"

#define ML_SHARD_ROWS 65536

/* row r of the matrix is row r % ML_SHARD_ROWS of shard r / ML_SHARD_ROWS */
static inline int
mlops_shard_count(int64 nrows)
{
	return (int) ((nrows + ML_SHARD_ROWS - 1) / ML_SHARD_ROWS);
}

/* histogram entries */
static inline int64
mlops_entry_pack(int32 gradient, uint32 hessian)
{
	return (int64) (((uint64) (int64) gradient << 32) + hessian);
}

static inline int32
mlops_entry_gradient(int64 entry)
{
	return (int32) (entry >> 32);
}

static inline uint32
mlops_entry_hessian(int64 entry)
{
	return (uint32) entry;
}

/* a row's gradient (int16, upper) and hessian (uint16, lower) as one entry to add */
static inline int64
mlops_entry_of_row(uint32 packed)
{
	return (int64) ((uint64) (int64) (int16) (packed >> 16) << 32) + (int64) (packed & 0xffff);
}

/* What one unit is worth. */
typedef struct MlScale
{
	double		gradient;
	double		hessian;
	bool		counts;			/* every row's hessian is one unit: hessian sums are row counts */
} MlScale;

/* Rules of one tree; fixed for a training. */
typedef struct MlGrowRules
{
	int			max_leaves;		/* 2 .. 65535 */
	int			max_depth;		/* edges from the root; 0: no bound */
	int64		min_rows;		/* in a leaf, exactly */
	double		min_hessian;	/* in a leaf */
	double		min_gain;
	double		l1;
	double		l2;
	double		max_features;	/* share of the slots tried at a node, (0, 1] */
	double		cat_smooth;		/* added to a category's hessian when categories are ordered by gradient / hessian */
	double		cat_l2;			/* added to l2 in splits by a category */
	int			max_cat_values; /* categories on the smaller side of a grouped split */
	int64		min_cat_rows;	/* rows of a category in the node below which it is not told apart */
	bool		has_monotone;
	bool		has_interaction;
} MlGrowRules;

/* By slot, in the order of slots; copied into the grower's memory. */
typedef struct MlGrowSlots
{
	const int8 *monotone;		/* -1, 0, 1; NULL: none */
	int			ngroups;		/* interaction groups; a path uses slots of one group */
	const uint8 *group;			/* ngroups x nslots flags; NULL: no constraint */
} MlGrowSlots;

/* ------------------------------------------------------------- split_number.c */

/* What is known of a node when its best split is looked for. */
typedef struct MlNodeStats
{
	int32		gradient;		/* sums, in units */
	uint32		hessian;
	int64		count;			/* rows */
	double		lower;			/* bounds of its value (monotone constraints); -inf, inf */
	double		upper;
} MlNodeStats;

typedef struct MlSplit
{
	double		gain;			/* above min_gain; 0 or less: no split */
	int			slot;
	int			bin;			/* numbers: bins <= bin go left (ncuts: all values, missing goes right); categories: -1 */
	bool		is_category;	/* set says which bins go left */
	bool		missing_left;	/* numbers; where no training row of the node is missing: the side with more rows */
	int32		left_gradient;	/* sums of the left side */
	uint32		left_hessian;
	double		left_value;		/* unshrunk values of the sides, within the bounds */
	double		right_value;
} MlSplit;

/* Refused (slot, bin) pairs of a node: a split that turned out to leave too few rows on a side. */
#define ML_MAX_REFUSED 16
typedef struct MlRefused
{
	int			n;
	int			slot[ML_MAX_REFUSED];
	int			bin[ML_MAX_REFUSED];	/* categories: -1, the slot as a whole */
	bool		missing_left[ML_MAX_REFUSED];
} MlRefused;

/*
 * -soft(G, l1) / (H + l2), within the bounds: the value of a node
 * (Chen and Guestrin 2016, XGBoost, equation 5).
 */
extern double mlops_split_value(const MlGrowRules *rules, double l2, double gradient,
								double hessian, double lower, double upper);

/*
 * Improve *best by the splits of one slot, whose histogram starts at hist (nbins
 * entries).  Gain is the loss's decrease, 1/2 [GL^2/(HL+l2) + GR^2/(HR+l2) -
 * G^2/(H+l2)] with l1 and bounds taken into account (same paper, equation 7).
 * Rows of a bin, where hessians are not counts, are estimated by the node's
 * rows per hessian, rounded up: who splits counts them exactly.  The gain is
 * above min_gain, which is not taken off it.  A group of categories has cat_l2
 * in its sides' gains and values, one category against the rest has not.
 * Equal gains: the lower slot, then the lower bin, then missing to the right
 * stay.  set (room for max_nbins bits) belongs to best and is overwritten when a
 * category wins.  scratch: 24 bytes * nbins.  Never allocates.
 */
extern void mlops_split_find(const MlGrowRules *rules, const MlScale *scale,
							 const MlBinning *binning, int slot, int monotone,
							 const int64 *hist, const MlNodeStats *node,
							 const MlRefused *refused, void *scratch,
							 MlSplit *best, uint32 *set);

/* ------------------------------------------------------------- grow.c */

typedef struct MlGrower MlGrower;

/* Bytes of team memory for growing on bins with so many members; histograms take at most hist_bytes if that can be (at least two nodes'). */
extern Size mlops_grower_size(const MlBinned *bins, const MlGrowRules *rules,
							  const MlGrowSlots *slots, int nmembers, Size hist_bytes);

/* Lay it out in zeroed memory of that size. */
extern void mlops_grower_place(char *at, const MlBinned *bins, const MlGrowRules *rules,
							   const MlGrowSlots *slots, int nmembers, Size hist_bytes);

/* A member's handle. */
extern MlGrower *mlops_grower_attach(MlTeam *team, char *at, const MlBinned *bins);

/* Packed gradient and hessian by row of the matrix (training rows); who quantises writes them. */
extern uint32 *mlops_grower_gradients(MlGrower *grower);

/* Where a shard's row numbers to grow on go, ascending (room for all of its rows), and how many they are. */
extern uint16 *mlops_grower_rows(MlGrower *grower, int shard);
extern void mlops_grower_set_count(MlGrower *grower, int shard, int nrows);

/*
 * Leader: grow one tree of the rows set.  slots: nslots flags of those that the
 * tree may use, or NULL.  seed feeds max_features.  out has room for
 * 2 * max_leaves - 1 nodes and max_leaves - 1 sets.  Values are unshrunk, from
 * the quantised sums.
 */
extern void mlops_grower_run(MlGrower *grower, const MlScale *scale, uint64 seed,
							 const uint8 *slots, MlGrown *out);

/*
 * Histogram updates (row times slot) of all runs so far: those that growing one
 * node after the other would have needed, and those that were done, nodes split
 * in vain included.  The leader's.
 */
typedef struct MlGrowUpdates
{
	int64		needed;
	int64		done;
} MlGrowUpdates;
extern MlGrowUpdates mlops_grower_updates(const MlGrower *grower);

/* After a run, any member: rows of a leaf in a shard. */
extern int	mlops_grower_leaf_rows(MlGrower *grower, int leaf, int shard, const uint16 **rows);

/* tasks, called through tasks.c */
extern void mlops_grow_rows_task(MlGrower *grower, int number);
extern void mlops_grow_splits_task(MlGrower *grower, int number);

#endif							/* MLOPS_GROW_H */
