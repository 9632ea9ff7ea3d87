/*-------------------------------------------------------------------------
 *
 * loss.h
 *	  What boosting minimises: losses, their gradients and hessians by score.
 *
 * IDENTIFICATION
 *	  src/tree/loss.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LOSS_H
#define MLOPS_LOSS_H

#include "mlops/tree.h"

/* In the order of the choices of the option "loss". */
typedef enum MlLossKind
{
	ML_LOSS_AUTO,
	ML_LOSS_SQUARED,
	ML_LOSS_ABSOLUTE,
	ML_LOSS_HUBER,
	ML_LOSS_QUANTILE,
	ML_LOSS_POISSON,
	ML_LOSS_GAMMA,
	ML_LOSS_TWEEDIE,
	ML_LOSS_LOG_LOSS
} MlLossKind;

#define ML_LOSS_CHOICES "auto|squared|absolute|huber|quantile|poisson|gamma|tweedie|log_loss"

/* Flat, so that a team can share it. */
typedef struct MlLoss
{
	MlLossKind	kind;			/* never auto */
	int			noutputs;		/* scores of a row: nclasses for three classes and more, else 1 */
	double		alpha;			/* quantile; huber: the share of residuals that counts as near */
	double		power;			/* tweedie */
	double		delta;			/* huber, this round */
} MlLoss;

#define ML_LOSS_PIECE 256

/* The name of the loss as the option spells it (static storage). */
extern const char *mlops_loss_name(const MlLoss *loss);

/* What becomes of the sum of the trees. */
extern MlLink mlops_loss_link(const MlLoss *loss);

/* Is every row's hessian 1, times its weight? */
extern bool mlops_loss_is_flat(const MlLoss *loss);

/* Are leaves' values quantiles of residuals rather than Newton steps? */
extern bool mlops_loss_renews(const MlLoss *loss);

/* What the target must be: NULL, or e.g. "without negative values". */
extern const char *mlops_loss_target_rule(const MlLoss *loss);
extern bool mlops_loss_target_fits(const MlLoss *loss, double y);

/*
 * Gradients and hessians of at most ML_LOSS_PIECE rows of one output by their
 * scores s, times the weights w (NULL: 1); returns the sum of weighted losses.
 */
extern double mlops_loss_rows(const MlLoss *loss, int n, const double *s,
							  const double *y, const double *w,
							  double *g, double *h);

/*
 * Several classes: probabilities (n x noutputs) by scores of the same shape;
 * returns the sum of weighted losses.
 */
extern double mlops_loss_classes(const MlLoss *loss, int n, const double *s,
								 const double *y, const double *w,
								 float *probability);

/* Gradients and hessians of class k from probabilities. */
extern void mlops_loss_class_rows(const MlLoss *loss, int n, int k,
								  const float *probability, const double *y,
								  const double *w, double *g, double *h);

#endif							/* MLOPS_LOSS_H */
