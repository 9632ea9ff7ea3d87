/*-------------------------------------------------------------------------
 *
 * tree.h
 *	  Trees: the binned matrix they are grown on, a tree as it is grown, and an
 *	  ensemble as it is stored and scored.
 *
 * The engine, from rows to an ensemble:
 *
 *	survey	(data)		first pass: signature, canonical positions, a sample
 *	cuts.c				bin borders of every slot, from the sample
 *	bins.c				second pass: each row as one byte a slot, at its position
 *	team.c				this backend and its parallel workers, over shared memory
 *	boost*.c			which trees, of which rows, with which gradients (loss.c)
 *	grow*.c, split*.c	one boosted tree: histograms, best splits, rows parted
 *	forest*.c			trees that know nothing of each other, a task each
 *	ensemble*.c			thresholds instead of bins; scoring, storage
 *	tree_*.c			trees for people: text, graph, SQL
 *
 * docs/internals.md goes through it with an example.
 *
 * Everything after the survey is a function of the matrix in canonical order,
 * and histograms are sums of integers: neither the physical order of the table
 * nor the number of workers can change a bit of the result (P7).
 *
 * IDENTIFICATION
 *	  include/mlops/tree.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_TREE_H
#define MLOPS_TREE_H

#include "lib/stringinfo.h"

#include "mlops/dataset.h"
#include "mlops/mlops.h"
#include "mlops/params.h"

/* ------------------------------------------------------------------ bins */

/*
 * How the values of one slot become bins.
 *
 * A number x is in the first bin b with x <= cuts[b], in bin ncuts beyond the
 * last cut, and in bin ncuts + 1 if it is missing (NaN); so nbins is ncuts + 2.
 * A category's bin is its code (dataset.h): nbins is ncategories + 2, with
 * "missing" and "other" at the end.
 *
 * "Bin <= b" and "x <= cuts[b]" are the same statement: scoring by thresholds
 * agrees with training by bins exactly.
 */
typedef struct MlBinning
{
	bool		is_category;
	bool		is_wide;		/* two bytes in a row of the matrix, little-endian as the machine is */
	bool		has_missing;	/* some training row is in missing_bin */
	int			nbins;
	int			missing_bin;
	int			ncuts;			/* numbers */
	double	   *cuts;			/* ncuts finite values, strictly ascending */
	int			offset;			/* of its byte(s) in a row of the matrix */
	int			first_bin;		/* of its bins among the bins of all slots */
} MlBinning;

/* The matrix: rows in canonical positions, training rows first. */
typedef struct MlBinned
{
	const MlSignature *sig;
	int			nslots;			/* sig->width */
	MlBinning  *binning;		/* by slot */
	int			nnarrow;		/* slots of one byte; they have the offsets 0 .. nnarrow - 1, in order of slot */
	int			nbins;			/* of all slots together */
	int			max_nbins;		/* of one slot */
	int			stride;			/* bytes of a row: a multiple of 4, beyond that at most 1.3 a byte of content */
	int64		ntrain;			/* rows 0 .. ntrain - 1 are for training, */
	int64		nwatch;			/* the next to decide when to stop, */
	int64		nholdout;		/* the last are held out */
	uint8	   *rows;			/* (ntrain + nwatch + nholdout) x stride */
	double	   *y;				/* target: a number, or a class index */
	double	   *w;				/* weights, or NULL: all 1 */
	struct MlBinSearch *search; /* private to bins.c */
} MlBinned;

/* The bin of a slot in a row of the matrix. */
static inline uint32
mlops_bin_of(const MlBinning *binning, const uint8 *row)
{
	uint16		wide;

	if (!binning->is_wide)
		return row[binning->offset];
	memcpy(&wide, row + binning->offset, sizeof(wide));
	return wide;
}

/* cuts.c */

/*
 * Bin borders of every slot from sample rows (slots; codes final).  A number
 * with at most max_bins distinct sample values gets borders half way between
 * neighbours; one with more gets borders at equal shares of the rows, values of
 * more than a share keeping a bin of their own (Ke et al. 2017, LightGBM,
 * section 2.1; bins of equal frequency).  max_bins counts value bins, 2 .. 255
 * (255: one byte with "missing"), or up to 65,534 (two bytes).  Weights of the
 * sample are not looked at.  Lays out the row: offsets, stride, first_bin.
 * Everything is palloc'd; rows, y and w are left NULL.
 */
extern MlBinned *mlops_bins_learn(const MlSignature *sig, const MlBlock *sample, int max_bins);

/* bins.c */

/* Words of the largest set of bins that a split can need; 0: no slot is a category. */
extern int	mlops_bins_set_words(const MlBinned *bins);

/* Bytes of nrows rows of the matrix, target and weight, and of what describes them. */
extern Size mlops_bins_size(const MlBinned *bins, int64 nrows, bool is_weighted);

/*
 * Lay the matrix out in zeroed memory of that size (shared or not): copies the
 * binning and cuts there, sets rows, y and w, and makes what put needs.  attach
 * gives another process that maps the same memory elsewhere its own MlBinned
 * (palloc'd; without signature, and rows cannot be put).
 */
extern void mlops_bins_place(MlBinned *bins, char *at, int64 ntrain, int64 nwatch,
							 int64 nholdout, bool is_weighted);
extern void mlops_bins_attach(MlBinned *bins, char *at);

/* Put a block's rows (slots; codes below nbins) at their positions; sets has_missing where a training row is missing.  Checks interrupts. */
extern void mlops_bins_put(MlBinned *bins, const MlBlock *block, const uint32 *position);

/* ------------------------------------------------------------- grown tree */

/* One node of a tree as it is grown, in terms of bins. */
typedef struct MlGrownNode
{
	int			slot;			/* -1: a leaf */
	int			bin;			/* numbers: bins <= bin go left (the missing bin apart); ncuts: all values do */
	bool		is_category;
	bool		missing_left;	/* numbers */
	int			set;			/* categories: first word of the set of bins that go left */
	int			left;			/* nodes; always greater than this one's own number */
	int			right;
	int			leaf;			/* leaves: number of the leaf, 0 .. nleaves - 1 */
	double		gain;			/* of the split: decrease of the loss (boosting), of impurity as a share of the tree's weight (forests) */
	double		cover;			/* sum of hessians (boosting) or of row weights (forests) here */
	double		value;			/* one output: what it predicts, before shrinkage for boosting */
	int64		count;			/* training rows here */
} MlGrownNode;

typedef struct MlGrown
{
	int			nnodes;
	int			nleaves;
	int			maxnodes;		/* room in nodes */
	int			maxwords;		/* room in words */
	int			nwords;
	MlGrownNode *nodes;			/* node 0 is the root */
	uint32	   *words;			/* sets of bins, 32 a word, (nbins + 31) / 32 words a set */
	double	   *outputs;		/* forests of several classes: noutputs a leaf, by leaf; else NULL */
	int			noutputs;
} MlGrown;

/* grown.c: the leaf (node number) that a row of the matrix reaches */
extern int	mlops_grown_find(const MlGrown *tree, const MlBinned *bins, const uint8 *row);

/* --------------------------------------------------------------- ensemble */

/*
 * A node as it is scored: 16 bytes, in preorder; the left child is the next
 * node.
 */
typedef struct MlNode
{
	union
	{
		double		threshold;	/* numbers: x <= threshold goes left */
		double		value;		/* a leaf of one output */
		struct
		{
			uint32		first;	/* word */
			uint32		nbits;	/* codes beyond go right */
		}			set;		/* categories: the set of codes that go left */
	}			u;
	uint32		right;			/* right child, counted from the tree's root; a leaf of several outputs: its number in values */
	uint16		slot;
	uint8		flags;			/* ML_NODE_* */
	uint8		unused;
} MlNode;

#define ML_NODE_LEAF 1
#define ML_NODE_CATEGORY 2
#define ML_NODE_MISSING_LEFT 4	/* numbers: NaN goes left */

/* How the sum (or the mean) of the trees becomes what predict() answers; the numbers reach disk. */
typedef enum MlLink
{
	ML_LINK_IDENTITY = 0,
	ML_LINK_LOGISTIC = 1,		/* P(class 1) = 1 / (1 + exp(-sum)) */
	ML_LINK_SOFTMAX = 2,		/* one sum a class */
	ML_LINK_EXP = 3				/* Poisson, gamma, Tweedie */
} MlLink;

#define ML_MAX_COVER 1e28		/* 2^31 leaves of it are a float */

/* One line of the training history. */
typedef struct MlRound
{
	double		train_loss;
	double		validation_loss;	/* NaN: nothing was held out */
} MlRound;

/* The body of all tree algorithms. */
typedef struct MlEnsemble
{
	MlLink		link;
	bool		is_mean;		/* forests: mean over trees; boosting: base + sum */
	int			noutputs;		/* values of predict before the link: 1, or nclasses */
	int			leaf_outputs;	/* values of a leaf: noutputs for forests, 1 for boosting (tree t adds to output t % noutputs) */
	double	   *base;			/* noutputs */
	int			ntrees;
	uint32	   *root;			/* ntrees + 1 offsets into nodes */
	MlNode	   *nodes;
	uint32	   *words;			/* sets of codes */
	uint32		nwords;
	double	   *values;			/* leaf_outputs > 1: leaf_outputs a leaf */
	uint32		nvalues;		/* leaves with a place in values */
	float	   *gain;			/* per node: gain of its split, 0 for leaves */
	float	   *cover;			/* per node, a leaf's at most ML_MAX_COVER; a split's is the sum of its children's, as a float */
	int			nrounds;		/* history */
	MlRound    *history;
	int			best_round;		/* rounds kept (early stopping); nrounds where it was not asked for */
	const char *loss;			/* name of the loss the history is of, e.g. "log_loss"; "": forests */
	double		oob_score;		/* forests: accuracy or R2 of out-of-bag rows; NaN: not known */
	int64		oob_rows;

	struct MlFastTrees *fast;	/* private to ensemble_score.c; NULL: not prepared */
	struct MlRankTrees *rank;	/* private to ensemble_rank.c; in use with fast, NULL: does not suit */

	/* room in the arrays, while it grows */
	int			maxtrees;
	uint32		maxnodes;
	uint32		maxwords;
	uint32		maxvalues;
} MlEnsemble;

/* ensemble.c */

/* An ensemble that grows; everything is palloc'd in the current context. */
extern MlEnsemble *mlops_ensemble_make(MlLink link, bool is_mean, int noutputs, int leaf_outputs);

/* Append a tree, thresholds from bins, leaf values times factor.  Error 54000 beyond 2^31 nodes. */
extern void mlops_ensemble_add(MlEnsemble *ensemble, const MlGrown *tree,
							   const MlBinned *bins, double factor);

/* Keep the first ntrees trees. */
extern void mlops_ensemble_truncate(MlEnsemble *ensemble, int ntrees);

/* Steps from a tree's root to its deepest leaf: 0 where the root is a leaf. */
extern int	mlops_ensemble_depth(const MlEnsemble *ensemble, int tree);

/* Leaves of all trees. */
extern int64 mlops_ensemble_leaves(const MlEnsemble *ensemble);

/*
 * Fill in the right children of a tree whose nodes are in preorder and know
 * only whether they are leaves, and the cover of its splits.  False where the
 * nodes are not one whole tree.  stack: room for nnodes numbers.
 */
extern bool mlops_ensemble_join(MlNode *nodes, float *cover, uint32 nnodes, uint32 *stack);

/*
 * A copy for another signature, to go on training from: slots found by feature
 * name, categories by their names.  Error 22023 where a feature that some tree
 * asks for is missing or of another type, or the classes differ.
 */
extern MlEnsemble *mlops_ensemble_adapt(const MlEnsemble *ensemble, const MlSignature *old_sig,
										const MlSignature *new_sig);

/*
 * ensemble_score.c: rows of slots to what predict() answers (algo.h); raw: before
 * the link, nrows x noutputs.  Codes are those of sig, missing numbers NaN.  Never
 * allocates.
 */
extern void mlops_ensemble_predict(const MlEnsemble *ensemble, const MlSignature *sig,
								   const MlBlock *block, double *out);
extern void mlops_ensemble_raw(const MlEnsemble *ensemble, const MlSignature *sig,
							   const MlBlock *block, double *out);

/* Lay the trees out for fast scoring of rows of that many slots, the results being the same; forgotten when trees are added. */
extern void mlops_ensemble_prepare(MlEnsemble *ensemble, int width);

/* raw sums (nrows x noutputs) to answers (nrows x 1 or nclasses); in place when the widths agree */
extern void mlops_ensemble_link(const MlEnsemble *ensemble, int nrows, const double *raw, double *out);

/* ensemble_codec.c: the body's stored form; recv treats its input as hostile */
extern void mlops_ensemble_send(const MlSignature *sig, const MlEnsemble *ensemble, StringInfo buf);
extern MlEnsemble *mlops_ensemble_recv(const MlSignature *sig, StringInfo buf);

/* ensemble_importance.c */

typedef enum MlImportance
{
	ML_IMPORTANCE_GAIN,			/* gains of the splits that ask for a feature */
	ML_IMPORTANCE_SPLIT,		/* how many they are */
	ML_IMPORTANCE_COVER			/* rows (or hessians) that pass through them */
} MlImportance;

/* Share of each feature (its slots together) in the total of all splits: nfeatures numbers whose sum is 1, or all 0 where nothing is split. */
extern void mlops_ensemble_importance(const MlEnsemble *ensemble, const MlSignature *sig,
									  MlImportance kind, double *out);

/*
 * tree_text.c: tree number "tree" (from 0, below ntrees) for people, in lines of
 * text and in Graphviz's language.
 */
extern void mlops_tree_text(const MlEnsemble *ensemble, const MlSignature *sig, int tree, StringInfo buf);
extern void mlops_tree_dot(const MlEnsemble *ensemble, const MlSignature *sig, int tree, StringInfo buf);

/*
 * tree_sql.c: an SQL expression over the model's columns that gives what
 * predict() answers.  Error 54000 where it would be too long, 42809 for more
 * than two classes.
 */
extern void mlops_tree_sql(const MlEnsemble *ensemble, const MlSignature *sig, StringInfo buf);

/* A node as a row of a table; nodes are counted from 1, 0 is none. */
typedef struct MlTreeRow
{
	int			node;
	int			parent;
	const MlFeature *feature;	/* NULL: a leaf */
	int			element;		/* which of an array, from 0 */
	bool		is_category;
	double		threshold;		/* numbers: x <= threshold goes left */
	int			ncodes;			/* categories: those that go left, "missing" and "other" aside */
	uint32	   *codes;
	int			left;			/* unseen categories never go there */
	int			right;
	int			missing;		/* where missing values go; 0: they are not answered */
	int			output;			/* a leaf of one output: which it adds to */
	double		value;			/* its value */
	const double *values;		/* leaf_outputs values of a leaf of several, else NULL */
	double		gain;			/* of a split */
	double		cover;
} MlTreeRow;

/* tree_rows.c: the nodes of tree number "tree" (from 0), each given to "consume" with codes valid during the call. */
typedef void (*MlConsumeTreeRow) (void *arg, const MlTreeRow *row);
extern void mlops_tree_rows(const MlEnsemble *ensemble, const MlSignature *sig, int tree,
							MlConsumeTreeRow consume, void *arg);

/* ---------------------------------------------------------------- training */

/*
 * What a tree algorithm is given for one training, besides the options: rows
 * from a survey (data) that has not been fed yet.
 */
typedef struct MlTreeTrain
{
	const MlSignature *sig;
	const MlParams *params;
	MlSurvey   *survey;
	const double *class_weight; /* nclasses factors, or NULL */
	const MlEnsemble *start;	/* warm start: go on from these trees, or NULL */
	List	   *notices;		/* char *: raised as NOTICE after training */

	/*
	 * Called with pieces of at most MLOPS_BLOCK_ROWS rows when the trees are
	 * done and before their memory goes: what the model answers, as predict()
	 * would, on the held-out rows, or on the training rows where none are held
	 * out.  w: weights of rows, without those of classes, or NULL.  NULL: nobody
	 * wants to know.
	 */
	void		(*answer) (void *arg, int n, const double *y, const double *w,
						   const double *out);
	void	   *answer_arg;
	void	   *training_arg;	/* where rows are held out: who gets the answers on the training rows as well, or NULL */
} MlTreeTrain;

/* boost.c, forest.c: train; the ensemble lives in the current context */
extern MlEnsemble *mlops_boost_train(MlTreeTrain *tr);
extern MlEnsemble *mlops_forest_train(MlTreeTrain *tr, bool single_tree);

/* declared with the algorithms' options (boost_params.c, forest_params.c) */
extern const MlParamDef mlops_boost_params[];
extern const MlParamDef mlops_forest_params[];
extern const MlParamDef mlops_decision_tree_params[];

#endif							/* MLOPS_TREE_H */
