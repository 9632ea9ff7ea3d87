/*-------------------------------------------------------------------------
 *
 * boost.h
 *	  Gradient boosting inside: options, what the members share, shard work.
 *
 *	boost_params.c		options, constraints
 *	boost.c				the rounds: what the leader does
 *	boost_shard.c		what is done to the rows of a shard, by any member
 *	boost_leaf.c		values of leaves from exact gradients or residuals
 *
 * IDENTIFICATION
 *	  src/tree/boost.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_BOOST_H
#define MLOPS_BOOST_H

#include "mlops/tree.h"
#include "grow.h"
#include "loss.h"
#include "team.h"

/* boost_params.c */

typedef struct MlBoostOptions
{
	MlLoss		loss;			/* delta aside */
	int			n_estimators;
	double		learning_rate;
	double		subsample;
	double		colsample;
	int			max_bins;
	int			n_iter_no_change;	/* 0: never stop early */
	double		tol;
	uint64		seed;
	MlGrowRules rules;
	MlGrowSlots slots;
} MlBoostOptions;

extern void mlops_boost_options(const MlParams *params, const MlSignature *sig,
								MlBoostOptions *options);

/* boost_shard.c */

/* What a run of ML_TASK_BOOST_UPDATE does; number counts shards of training rows first, chunks of other rows next. */
typedef enum MlBoostStep
{
	ML_BOOST_SCORE,				/* add the tree to the scores; then losses, where asked for */
	ML_BOOST_SUMS,				/* exact sums of gradients by leaf */
	ML_BOOST_RENEW				/* a leaf's value from its residuals; number is the leaf */
} MlBoostStep;

/* What a shard answers about one output. */
typedef struct MlBoostBounds
{
	double		sum_gradient;	/* of absolute values */
	double		max_gradient;
	double		sum_hessian;
	double		max_hessian;
} MlBoostBounds;

/* Where things are in the work area; 0: there is no such thing. */
typedef struct MlBoostLayout
{
	Size		size;
	Size		scores;			/* double, nrows x noutputs */
	Size		probability;	/* float, nrows x noutputs: several classes */
	Size		weights;		/* double, nrows: with class weights */
	Size		losses;			/* double a shard or chunk */
	Size		bounds;			/* MlBoostBounds, a shard x noutputs */
	Size		sums;			/* two doubles, a shard x max_leaves */
	Size		leaf_values;	/* double, max_leaves */
	Size		nodes;			/* the tree under way */
	Size		words;
	Size		best;			/* double: scores of the best round */
	Size		grower;
} MlBoostLayout;

/* At the start of the work area; the leader writes it between runs. */
typedef struct MlBoostShared
{
	MlBoostLayout at;
	int64		nrows;			/* of all parts */
	int64		ntrain;
	int64		nwatch;
	int			nshards;		/* of training rows */
	int			nwatched;		/* chunks of watched rows, */
	int			nchunks;		/* and of all but training rows */
	int			max_leaves;
	int			maxwords;
	double		learning_rate;
	double		subsample;
	bool		use_sums;		/* leaves get Newton steps from exact gradients */
	bool		keeps;			/* gradients are kept between UPDATE and QUANTISE (two classes, no weights) */
	MlLoss		loss;

	/* for the run */
	MlBoostStep step;
	int			output;			/* the tree's */
	bool		has_tree;
	bool		wants_loss;
	MlScale		scale;
	uint64		sample_key;
	uint32		dither_key;
	int			nnodes;			/* of the tree */
	int			nleaves;
	int			nwords;
} MlBoostShared;

/* A member's handles. */
typedef struct MlBoost
{
	MlBoostShared *shared;
	MlBinned	bins;
	MlGrower   *grower;
	MlGrown		tree;			/* maps the shared one; counts are set when used */
	double	   *scores;
	float	   *probability;
	const double *w;			/* weights of rows and classes together, or NULL */
	double	   *losses;
	MlBoostBounds *bounds;
	double	   *sums;
	double	   *leaf_values;
	double	   *g;				/* a shard's, where sums are used */
	double	   *h;
} MlBoost;

/* A member's handles of what boost.c laid out in the team's memory. */
extern MlBoost *mlops_boost_attach(MlTeam *team);

/* tasks, called through tasks.c */
extern void mlops_boost_update_task(MlBoost *boost, int number);
extern void mlops_boost_quantise_task(MlBoost *boost, int number);

/* boost_leaf.c */

/* Of what a quantile is wanted. */
typedef enum MlBoostValue
{
	ML_BOOST_TARGET,
	ML_BOOST_RESIDUAL,			/* target - score */
	ML_BOOST_DISTANCE			/* its absolute value */
} MlBoostValue;

/*
 * The q-quantile of a value over the training rows of a leaf (-1: all training
 * rows): the smallest that has a share q of the weights at or below it, the
 * mean of it and the next where the share is met exactly (Hyndman and Fan 1996,
 * definition 2), so that a weight of 2 is the same as the row twice.
 * Allocates nothing.
 */
extern double mlops_boost_quantile(const MlBoost *boost, MlBoostValue value, int leaf, double q);

extern void mlops_boost_renew_task(MlBoost *boost, int leaf);

/* Leader: leaves' final values, after ML_BOOST_SUMS or ML_BOOST_RENEW where the loss or the size asks for it. */
extern void mlops_boost_set_values(MlBoost *boost, MlTeam *team, const MlBoostOptions *options);

#endif							/* MLOPS_BOOST_H */
