/*-------------------------------------------------------------------------
 *
 * forest.h
 *	  Forests: trees that know nothing of each other, each grown by one member.
 *
 * A tree is grown on the rows that it drew, numbered by a counter-based hash,
 * in their canonical order.  A node owns a run of row numbers; splitting it
 * parts the run in place, stably, so every sum is made in an order that depends
 * on the tree alone.
 *
 * A member leaves a tree in a buffer of the team's memory (ForestTree).  When a
 * wave of trees is grown, the members score the rows by them, each row in the
 * order of the trees, and the leader appends them to the ensemble.
 *
 * IDENTIFICATION
 *	  src/tree/forest.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_FOREST_H
#define MLOPS_FOREST_H

#include "port/atomics.h"

#include "mlops/numeric.h"
#include "mlops/tree.h"
#include "team.h"

typedef struct Forest Forest;

/* What a node's rows are summed up as. */
typedef enum ForestMode
{
	FOREST_COUNTS,				/* two classes, no weights: rows and rows of class 1, as integers */
	FOREST_SUMS,				/* regression, or two classes with weights: weights and weighted targets */
	FOREST_CLASSES				/* more classes: weight by class */
} ForestMode;

/* Rules of a forest; fixed for a training. */
typedef struct ForestRules
{
	ForestMode	mode;
	bool		is_regression;
	bool		is_entropy;
	bool		is_weighted;	/* rows count other than by how often they were drawn */
	bool		is_extra;		/* one random border a slot */
	bool		bootstrap;		/* draw with replacement */
	int			nclasses;		/* 0: regression */
	int			noutputs;		/* of a leaf: 1, or nclasses */
	int			ntrees;
	int			max_depth;		/* 0: no bound */
	int64		max_leaves;		/* 0: no bound */
	double		min_leaf;		/* rows, as often as they were drawn */
	double		min_split;
	double		min_gain;
	int			tries;			/* slots tried at a node */
	int			max_bins;
	double		max_samples;	/* share of the rows drawn */
	uint64		seed;
	double		centre;			/* regression: targets are taken as (y - centre) * scale, in [-1, 1] */
	double		scale;
	double		weight_scale;	/* powers of two by which weights of rows and of classes are multiplied, */
	double		class_scale;	/* so that products of their sums are neither infinite nor 0 */
} ForestRules;

/* A node in a buffer; children are neighbours. */
typedef struct ForestSlim
{
	uint32		left;			/* left child, the right one is the next; a leaf: first of its shares */
	uint32		bin;			/* or first word of the set; a leaf: number of its shares */
	uint16		slot;
	uint8		flags;			/* ML_NODE_* */
	uint8		unused;
	float		cover;
	double		value;			/* of a leaf of one output; gain of a split */
} ForestSlim;

/* A class's share of a leaf. */
typedef struct ForestShare
{
	uint32		class;
	float		unused;
	double		share;
} ForestShare;

/* What a tree has room for in its buffer. */
typedef struct ForestRoom
{
	uint32		nodes;
	uint32		shares;
	uint32		words;
	Size		steps;			/* bytes of the nodes as steps; 0: not all slots are numbers of one byte */
	Size		bag;			/* bytes of one bit a training row */
	Size		size;			/* of the whole buffer */
} ForestRoom;

/*
 * A node as rows are sent down fast, where all slots are numbers of one byte:
 * left if the byte at the offset is at most border, or equal to missing.  A leaf
 * leads to itself.
 */
typedef struct ForestStep
{
	uint32		left;
	uint16		offset;
	uint8		border;
	uint8		missing;		/* border, where missing goes right */
} ForestStep;

typedef struct ForestTree
{
	uint32		nnodes;
	uint32		nshares;
	uint32		nwords;
	ForestStep *steps;			/* or NULL */
	ForestSlim *nodes;
	ForestShare *shares;
	uint32	   *words;
	uint8	   *bag;			/* bit r: row r was drawn */
} ForestTree;

/* Rows as a tree sees them: the matrix, or a copy of a few of its rows. */
typedef struct ForestView
{
	const uint8 *bytes;
	Size		stride;
	const double *y;			/* by row */
	const double *w;			/* by row, or NULL */
	uint32	   *row;			/* rows of the tree, node by node */
	uint32	   *tag;			/* beside it: how often drawn << 16 | class */
} ForestView;

/* A node whose split is looked for: the rows start .. start + n - 1 of the view. */
typedef struct ForestRange
{
	uint32		start;
	uint32		n;
	int			depth;
	uint32		node;			/* in the buffer */
	double		s;				/* weighted targets, or rows of class 1 */
	double		w;				/* weights */
	double		drawn;			/* rows, as often as they were drawn */
} ForestRange;

/* Sums of one bin of a slot. */
typedef struct ForestPoint
{
	double		s;
	double		w;
	double		drawn;
	int			bin;
} ForestPoint;

typedef struct ForestSums
{
	double		s;
	double		w;
	double		drawn;
} ForestSums;

typedef struct ForestSplit
{
	int			slot;			/* -1: none */
	int			bin;
	bool		is_category;
	bool		missing_left;
	bool		is_pure;		/* nothing is left to gain on either side */
	double		score;			/* the higher the better */
	double		gain;			/* decrease of impurity, as a share of the tree's weight */
	double		left_s;
	double		left_w;
	double		left_drawn;
} ForestSplit;

#define FOREST_CHUNK 8			/* slots whose histograms are made in one pass over the rows */
#define FOREST_SMALL 256		/* rows up to which a node is summed slot by slot */

/* A member's handles and scratch memory. */
typedef struct ForestGrower
{
	ForestRules rules;
	const MlBinned *bins;
	const double *class_weight; /* nclasses, times class_scale; or NULL */
	uint16	   *drawn;			/* by training row: how often this tree drew it */
	uint32	   *row;
	uint32	   *tag;
	uint32	   *spare_row;		/* for parting rows */
	uint32	   *spare_tag;
	double		total;			/* weight of the tree's rows */
	uint64		tree_seed;

	/* split search */
	int		   *order;			/* slots, in the order of the last draw */
	uint64	   *counts;			/* FOREST_CHUNK histograms; zero between uses */
	ForestSums *sums;
	uint32	   *starts;			/* several classes: rows of a bin; zero between uses */
	uint64	   *touched;		/* one bit a bin; zero between uses */
	ForestPoint *points;		/* of the slot at hand */
	uint32	   *best_set;		/* bins that go left in the best split by a category */
	double	   *node_class;		/* weight by class of the node; zero between uses */
	double	   *left_class;
	double	   *right_class;
	uint32	   *classes;		/* classes in the node */
	int			nclasses;

	/* a small node's own copy of its rows */
	uint8	   *near_bytes;
	double	   *near_y;
	double	   *near_w;
	uint32	   *near_row;
	uint32		near_max;		/* rows; 0: never copied */

	ForestRoom	room;
	ForestTree	tree;
} ForestGrower;

#define FOREST_MIN_WEIGHT 0x1p-100	/* of a mean of about 1: far below what any sum shows */

/* a row's weight, without how often it was drawn; class is of its tag; never 0 */
static inline double
mlops_forest_weight(const ForestGrower *g, const ForestView *v, uint32 row, uint32 tag)
{
	double		w = v->w ? v->w[row] * g->rules.weight_scale : 1;

	if (g->class_weight)
		w *= g->class_weight[tag & 0xffff];
	return Max(w, FOREST_MIN_WEIGHT);
}

/* a row's target as it is summed */
static inline double
mlops_forest_target(const ForestGrower *g, const ForestView *v, uint32 row)
{
	return (v->y[row] - g->rules.centre) * g->rules.scale;
}

/* the bin of a slot in a row of a view */
static inline uint32
mlops_forest_bin(const ForestView *v, const MlBinning *binning, uint32 row)
{
	return mlops_bin_of(binning, v->bytes + v->stride * row);
}

/* forest_params.c: options to rules; what depends on the rows is left 0 */
extern void mlops_forest_read_params(const MlParams *params, const MlSignature *sig,
									 bool single_tree, ForestRules *rules);

/* forest_split.c */

/*
 * The best split of a node among slots drawn for it; false: none.  The set of
 * a split by a category is in best_set.
 */
extern bool mlops_forest_split(ForestGrower *g, const ForestView *v,
							   const ForestRange *range, ForestSplit *best);

/* The same by one slot only: the same split again, for its set. */
extern void mlops_forest_split_again(ForestGrower *g, const ForestView *v,
									 const ForestRange *range, int slot, ForestSplit *best);

/* forest_classes.c: improve *best by a slot, several classes; false: all rows are in one bin */
extern bool mlops_forest_split_classes(ForestGrower *g, const ForestView *v,
									   const ForestRange *range, int slot, ForestSplit *best);

/* x ln x */
static inline double
mlops_forest_xlogx(double x)
{
	return x > 0 ? x * mlops_log(x) : 0;
}

/* Random number k of a node; 64 bits. */
extern uint64 mlops_forest_random(const ForestGrower *g, uint32 node, uint32 k);

/*
 * Extra trees: a border between two bins, the nearest to a value drawn evenly
 * from those between the lowest and the highest border there.
 */
extern int	mlops_forest_random_border(const ForestGrower *g, uint32 node, int slot,
									   int low, int high);

/* What a set of bins takes, in words. */
static inline int
mlops_forest_words(const MlBinning *binning)
{
	return (binning->nbins + 31) / 32;
}

/* A set with all of a slot's bins, or none. */
static inline void
mlops_forest_fill_set(uint32 *set, const MlBinning *binning, bool all)
{
	int			words = mlops_forest_words(binning);

	memset(set, all ? 0xff : 0, sizeof(uint32) * words);
	if (all && binning->nbins % 32 != 0)
		set[words - 1] = ((uint32) 1 << (binning->nbins % 32)) - 1;
}

/* forest_grow.c */

/* Scratch memory of a member: about how many bytes, and for real (palloc'd). */
extern Size mlops_forest_grower_size(const MlBinned *bins, const ForestRules *rules, int64 nrows);
extern ForestGrower *mlops_forest_grower_make(const MlBinned *bins, const ForestRules *rules,
											  const double *class_weight, const ForestRoom *room);

/* Room that a tree can need. */
extern void mlops_forest_room(const MlBinned *bins, const ForestRules *rules, int64 ntrain,
							  ForestRoom *room);

/* Handles of a buffer, with the counts that stand at its start. */
extern void mlops_forest_tree_attach(char *at, const ForestRoom *room, ForestTree *tree);

/* forest_score.c: the nodes of a finished tree as steps */
extern void mlops_forest_make_steps(const MlBinned *bins, ForestTree *tree);

/* Grow tree number "number" into g->tree. */
extern void mlops_forest_grow(ForestGrower *g, int number);

/* forest.c: a member's handles; one task of the team */
extern Forest *mlops_forest_attach(MlTeam *team);
extern void mlops_forest_task(Forest *forest, int number);

/* forest_score.c */

/* Score chunk number "chunk" of the rows by the wave's trees. */
extern void mlops_forest_score_chunk(Forest *forest, int chunk);

/* Out-of-bag accuracy or R2 of the training rows, and how many have one. */
extern double mlops_forest_oob(const Forest *forest, int64 *rows);

/* What all trees say about the scored rows, and their targets, to the caller. */
extern void mlops_forest_answer(Forest *forest, const MlTreeTrain *tr, const MlEnsemble *ensemble);

/* Shared by the members, at the start of the work area. */
typedef struct ForestShared
{
	ForestRules rules;
	ForestRoom	room;
	int			wave;			/* buffers */
	int			first;			/* of the trees in them */
	int			ntrees;			/* in them */
	pg_atomic_uint32 ngrown;	/* of all trees so far */
	bool		is_scoring;		/* tasks are chunks of rows, not trees */
	bool		has_oob;
	bool		has_class_weight;
	int64		first_scored;	/* rows that all trees score */
	int64		nscored;
	Size		class_weight;	/* offsets from here */
	Size		sums;			/* nscored x noutputs */
	Size		oob_sums;		/* ntrain x noutputs */
	Size		oob_trees;		/* ntrain: trees that did not draw the row */
	Size		buffers;
} ForestShared;

#define FOREST_CHUNK_ROWS 4096	/* scored by one task */

/* A member's handles. */
struct Forest
{
	MlBinned	bins;
	ForestShared *shared;
	ForestGrower *grower;
	double	   *sums;
	double	   *oob_sums;
	uint16	   *oob_trees;
	char	   *buffers;
};

#endif							/* MLOPS_FOREST_H */
