/*-------------------------------------------------------------------------
 *
 * logistic.h
 *	  What the files of logistic regression share.
 *
 *	logistic_regression.c	options, the course of training, the MlAlgo
 *	logistic_pass.c			what one pass over the rows accumulates
 *	logistic_newton.c		Newton steps, aliasing, inference
 *	logistic_body.c			the fitted model: predict, send, recv, describe
 *
 * Words.  p: terms of a row.  A set: one vector of p coefficients; there is
 * one for two classes, and for K > 2 either K - 1 (contrasts against class 0)
 * or, penalised, K (symmetric).  d = p * sets.  Internally columns are centred
 * and scaled, z = (x - center) * inv_scale, and gamma are the coefficients of z.
 *
 * IDENTIFICATION
 *	  src/algo/logistic.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LOGISTIC_H
#define MLOPS_LOGISTIC_H

#include "mlops/algo.h"
#include "mlops/numeric.h"

typedef enum LogisticKind
{
	LOGISTIC_MOMENTS,			/* column moments, and a sample to start from */
	LOGISTIC_GRADIENT,			/* loss and gradient */
	LOGISTIC_HESSIAN			/* loss, gradient and Hessian */
} LogisticKind;

/* What decides the layout of a partial. */
typedef struct LogisticShape
{
	int32		kind;			/* LogisticKind */
	int32		p;
	int32		sets;
	int32		nclasses;
	int32		chunk;			/* rows worked on at a time */
	int32		intercept;		/* 0: column 0 is left out */
	int32		weighted;		/* class_weight applies */
	int32		reserved;
	int64		sample_cap;		/* MOMENTS: rows of the sample, 0 for none */
} LogisticShape;

/*
 * The partial: this header, then arrays of doubles at fixed places.  The sums
 * of two partials add; moments have a combine of their own.
 */
typedef struct LogisticPartial
{
	LogisticShape shape;
	int64		nrows;			/* rows counted */
	int64		nsample;
	double		loss;			/* minus the log-likelihood */
	double		sum_weight;
	double		max_eta;
} LogisticPartial;

/* Where the arrays of a partial are. */
typedef struct LogisticArrays
{
	double	   *center;			/* p */
	double	   *inv_scale;		/* p */
	double	   *gamma;			/* sets x p */
	double	   *class_weight;	/* nclasses */
	double	   *class_total;	/* nclasses: weight seen per class */
	double	   *gradient;		/* sets x p */
	double	   *hessian;		/* block_count() x p x p, upper triangles */
	double	   *z;				/* chunk x p */
	double	   *zs;				/* chunk x p (HESSIAN with more than one set) */
	double	   *eta;			/* chunk x sets */
	double	   *prob;			/* chunk x nclasses */
	double	   *weight;			/* chunk */
	double	   *pivot;			/* p (MOMENTS: sums are of x - pivot) */
	double	   *sum;			/* p */
	double	   *sum2;			/* p */
	double	   *sample_x;		/* sample_cap x p */
	double	   *sample_y;		/* sample_cap */
	double	   *sample_w;		/* sample_cap */
	Size		size;			/* bytes of the whole partial */
} LogisticArrays;

/* One Newton system, factored: A = D^-1 R'R D^-1 over the active coefficients. */
typedef struct LogisticFactor
{
	int			n;				/* active coefficients */
	int		   *index;			/* n: place in gamma */
	double	   *scale;			/* n: D */
	double	   *r;				/* n x n */
} LogisticFactor;

typedef enum LogisticFact
{
	LOGISTIC_N,					/* rows */
	LOGISTIC_SUM_WEIGHT,
	LOGISTIC_RANK,				/* coefficients estimated, all sets */
	LOGISTIC_LOG_LIKELIHOOD,
	LOGISTIC_NULL_LOG_LIKELIHOOD,
	LOGISTIC_DEVIANCE,
	LOGISTIC_AIC,
	LOGISTIC_BIC,
	LOGISTIC_PSEUDO_R2,			/* McFadden */
	LOGISTIC_L2,
	LOGISTIC_ITERATIONS,
	LOGISTIC_N_FACTS
} LogisticFact;

#define LOGISTIC_FLAG_INTERCEPT		0x01
#define LOGISTIC_FLAG_CONVERGED		0x02
#define LOGISTIC_FLAG_SEPARATION	0x04
#define LOGISTIC_FLAG_LBFGS			0x08
#define LOGISTIC_FLAG_ALL			0x0f

/* The fitted model; arrays are sets x nterms. */
typedef struct LogisticBody
{
	MlDesign   *design;
	int			nterms;
	int			sets;
	uint8		flags;			/* LOGISTIC_FLAG_* */
	double		facts[LOGISTIC_N_FACTS];
	double	   *estimate;		/* NaN: aliased */
	double	   *std_error;		/* NaN: none */
	double	   *score;			/* estimate with 0 for aliased */
} LogisticBody;

/* The course of one training. */
typedef struct LogisticState
{
	LogisticShape shape;		/* of the coming pass */
	int64		stride;			/* the sample is every stride-th row */
	int			d;
	bool		use_lbfgs;		/* begins with L-BFGS */
	bool		has_hessian;	/* ends with Newton steps, hence standard errors */
	double		l2;
	double		tolerance;
	int			max_iterations;
	int			limit;			/* of iterations in the present phase */
	const double *class_weight;
	double	   *center;
	double	   *inv_scale;
	bool	   *active;			/* p: not aliased */
	bool		alias_known;
	double	   *gamma;			/* the point the coming pass evaluates */
	double	   *best;			/* best point evaluated */
	double	   *step;			/* full Newton step from best */
	double		f_best;			/* penalised loss there; infinite before the first */
	double		loss_best;		/* its loss part */
	double		decrement;		/* squared Newton decrement at best */
	double		ratio[2];		/* of the last decrements, newest first */
	int			halvings;
	MlLbfgs    *lbfgs;
	LogisticFactor factor;		/* at best */
	double	   *class_total;
	int64		nrows;
	double		sum_weight;
	double		max_eta;
	int			iterations;
	bool		converged;
	bool		separation;
	bool		restarted;		/* Newton's method has begun again at zero */
	bool		warm;			/* gamma came from a sample and is not yet confirmed */
} LogisticState;

/* logistic_pass.c */
extern void mlops_logistic_arrays(const LogisticShape *shape, void *partial, LogisticArrays *a);
extern void mlops_logistic_begin_pass(const LogisticState *st, void *partial);
extern void mlops_logistic_accumulate(void *partial, const MlBlock *block);
extern void mlops_logistic_combine(void *partial, const void *other);
extern double *mlops_logistic_hessian_block(const LogisticShape *shape, double *hessian, int q, int r);
extern int	mlops_logistic_block_count(int sets);

/* logistic_newton.c */
extern double mlops_logistic_penalty(const LogisticState *st, const double *gamma, double *gradient);
extern int	mlops_logistic_find_aliased(LogisticState *st, const LogisticArrays *a);
extern bool mlops_logistic_factor(LogisticState *st, const LogisticArrays *a);
extern double mlops_logistic_step(LogisticState *st, const double *gradient);
extern void mlops_logistic_infer(const LogisticState *st, LogisticBody *body);
extern double mlops_logistic_null_loss(const LogisticState *st);

/* logistic_body.c */
extern LogisticBody *mlops_logistic_make_body(const MlSignature *sig, int sets, uint64 nterms);
extern void mlops_logistic_set_score(LogisticBody *body);
extern void mlops_logistic_predict(const MlSignature *sig, const void *body,
								   const MlBlock *block, double *out);
extern void mlops_logistic_body_send(const MlSignature *sig, const void *body, StringInfo buf);
extern void *mlops_logistic_body_recv(const MlSignature *sig, StringInfo buf, uint16 body_version);
extern void mlops_logistic_describe(const MlSignature *sig, const void *body, JsonbParseState **out);
extern MlCoefficient *mlops_logistic_coefficients(const MlSignature *sig, const void *body, int *n);

#endif							/* MLOPS_LOGISTIC_H */
