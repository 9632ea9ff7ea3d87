/*-------------------------------------------------------------------------
 *
 * algo.h
 *	  MlAlgo: everything the rest of mlops knows about one algorithm.
 *
 * An algorithm is one .c file and one line in src/algo/algo_list.h.  It sees
 * blocks of numbers, never SQL.
 *
 * Training by passes: the driver (model/train.c, or the fit() aggregate) owns
 * the loop, the algorithm owns what one pass accumulates:
 *
 *		begin -> { begin_pass -> accumulate(block)* -> combine* -> end_pass }*
 *			  -> finish
 *
 * A partial is a flat piece of memory (no pointers) that begin_pass lays out;
 * partials of disjoint rows combine into the partial of their union, so the
 * same code serves blocks in memory, parallel aggregates and shards.
 *
 * An algorithm that needs a linear design gets "terms" in its blocks instead
 * of slots: the intercept's 1, numbers with missing values replaced, dummies
 * of categories against a reference level (algo/design.c).
 *
 * IDENTIFICATION
 *	  include/mlops/algo.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ALGO_H
#define MLOPS_ALGO_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "mlops/dataset.h"
#include "mlops/mlops.h"
#include "mlops/numeric.h"
#include "mlops/params.h"
#include "mlops/tree.h"

/* What an algorithm is given for one training. */
struct MlTrain
{
	const MlSignature *sig;
	const MlParams *params;
	int			nterms;			/* width of its blocks: terms of the design, or slots */
	int64		nrows;			/* training rows; -1 where not known beforehand (fit) */
	double		sum_weight;		/* of the training rows; nrows when unweighted */
	const double *class_weight; /* nclasses factors, or NULL */
	void	   *state;			/* the algorithm's own, from begin */
	int			npass;			/* passes finished so far */
	int			max_passes;		/* set by begin; 0: not known */
	int64		row_stride;		/* set by begin and end_pass: the coming pass wants every so manieth row; 1 from the start */
	List	   *notices;		/* char *: raised as NOTICE after training */
};

/* One row of mlops.coefficients(); NaN where a statistic does not exist (shown as NULL). */
typedef struct MlCoefficient
{
	const char *term;			/* column, or column=category; class names the output */
	const char *class_name;		/* NULL unless multinomial */
	double		estimate;		/* NaN: aliased */
	double		std_error;
	double		statistic;
	double		p_value;
	double		ci_low;			/* 95 % */
	double		ci_high;
	double		odds_ratio;		/* exp(estimate); NaN: does not apply */
} MlCoefficient;

struct MlAlgo
{
	/* identity: reaches disk, frozen at release */
	uint16		id;				/* from algo_list.h; never reused */
	uint16		body_version;	/* newest body layout this code writes */
	const char *name;			/* SQL spelling */
	const char *summary;		/* one line for mlops.algorithms() */

	/* facts */
	bool		does_regression;
	bool		does_classification;
	bool		wants_design;	/* blocks hold terms, not slots */
	bool		one_pass;		/* fit() needs no buffer; has partial_check and partial_grow */
	const MlParamDef *params;

	/* training; the driver's memory context is current, all result memory is palloc'd there */
	Size		(*work_size) (const MlTrain *tr);	/* bytes besides dataset and partial */
	void		(*begin) (MlTrain *tr);
	Size		(*partial_size) (const MlTrain *tr);	/* bytes of one partial in the coming pass */
	void		(*begin_pass) (const MlTrain *tr, void *partial);
	void		(*accumulate) (void *partial, const MlBlock *block);
	void		(*combine) (void *partial, const void *other);
	MlStatus	(*end_pass) (MlTrain *tr, void *partial);	/* ML_CONTINUE: another pass */
	void	   *(*finish) (MlTrain *tr);	/* the body */

	/*
	 * Tree algorithms train on bins instead: the callbacks from work_size to
	 * finish are NULL, this is not.  Returns the body.
	 */
	void	   *(*train_trees) (MlTreeTrain *tr);

	/*
	 * One-pass algorithms only.  check: do these bytes hold a consistent
	 * partial for that many terms?  NULL, or what is wrong (hostile input).
	 * grow: with larger NULL the size of a roomier partial to go on with
	 * before the next row, or 0 while this one serves; else copy into larger.
	 */
	const char *(*partial_check) (const void *partial, Size size, int nterms);
	Size		(*partial_grow) (const void *partial, void *larger);

	/*
	 * Scoring: block holds slots (not terms).  out: one value per row for
	 * regression and binary (P(class 1)), nclasses per row beyond.  Must not
	 * allocate and never fails.
	 */
	void		(*predict) (const MlSignature *sig, const void *body,
							const MlBlock *block, double *out);

	/*
	 * Storage (mlops/bytes.h has the readers and writers): recv treats its
	 * input as hostile, checks it against sig, copies what it keeps and reads to
	 * the end of buf.
	 */
	void		(*body_send) (const MlSignature *sig, const void *body, StringInfo buf);
	void	   *(*body_recv) (const MlSignature *sig, StringInfo buf, uint16 body_version);

	/* for people: add the body's facts as key/value pairs of an open jsonb object; no coefficient, threshold or data value but under "base": readers of the model see the others */
	void		(*describe) (const MlSignature *sig, const void *body, JsonbParseState **out);

	/* can be NULL: coefficient table, palloc'd; *n rows */
	MlCoefficient *(*coefficients) (const MlSignature *sig, const void *body, int *n);
};

/* registry.c */
extern const MlAlgo *mlops_algo_by_id(uint16 id);	/* NULL: unknown */
extern const MlAlgo *mlops_algo_by_name(const char *name);	/* error 42704 that lists the names */
extern int	mlops_algo_count(void);
extern const MlAlgo *mlops_algo_at(int index);	/* in order of id */

/* design.c: slots to terms for linear models */
typedef struct MlDesign MlDesign;
extern MlDesign *mlops_design_make(const MlSignature *sig);
extern int	mlops_design_nterms(const MlDesign *design);	/* intercept included */
extern char *mlops_design_term_name(const MlDesign *design, int term);	/* "(intercept)", column, column=category */

/* A notice that counts the aliased terms and names their columns, or NULL where there are none. */
extern char *mlops_design_aliased_notice(const MlDesign *design, const bool *aliased);

/* training rows of src with part[i] == want (part NULL: all) to terms in dst, which has room; y and w follow */
extern void mlops_design_expand(const MlDesign *design, const MlBlock *src,
								const uint8 *part, uint8 want, MlBlock *dst);

/* coef (nterms) dot one row of slots, without materialising the terms; NaN coef means aliased (0) is resolved by the caller */
extern double mlops_design_dot(const MlDesign *design, const double *coef, const double *x);

/* The index of the likeliest class by what predict gave for a row; of equals the first. */
static inline int
mlops_likeliest_class(int nclasses, const double *out)
{
	int			best = 0;

	if (nclasses == 2)
		return out[0] > 0.5 ? 1 : 0;
	for (int c = 1; c < nclasses; c++)
		if (out[c] > out[best])
			best = c;
	return best;
}

#endif							/* MLOPS_ALGO_H */
