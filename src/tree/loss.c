/*-------------------------------------------------------------------------
 *
 * loss.c
 *	  The losses of gradient boosting.
 *
 * With score s, target y and weight w = 1; constants in y alone are dropped,
 * as scikit-learn's losses do, so that its figures are ours:
 *
 *	squared		(s - y)^2 / 2								hessian 1
 *	absolute	|s - y|										1 in place of 0 [1]
 *	huber		d^2 / 2 for |d| <= delta, else
 *				delta (|d| - delta / 2), d = s - y			1 in place of 0 [1]
 *	quantile	alpha (y - s) for y >= s, else
 *				(1 - alpha) (s - y)							1 in place of 0 [2]
 *	poisson		e^s - y s									e^s
 *	gamma		s + y e^-s									y e^-s
 *	tweedie		e^((2-p)s) / (2-p) - y e^((1-p)s) / (1-p)	[3]
 *	log_loss	log(1 + e^s) - y s, two classes				q (1 - q)
 *				log(sum_k e^s_k) - s_y						K / (K - 1) q_k (1 - q_k)
 *
 * The last factor comes from K scores for K - 1 degrees of freedom (Friedman
 * [1], algorithm 6).  Half the unit deviances of Poisson, gamma and Tweedie
 * distributions with log link are in McCullagh and Nelder [4], 2.3 and in [3].
 *
 * Losses whose second derivative is zero or misleading get the value of each
 * leaf from the residuals in it (boost_leaf.c).
 *
 * Rows come in pieces, column by column in small arrays, so that the loops
 * become vectors; exp is our own, so that models are the same everywhere.
 *
 * [1] Friedman: Greedy Function Approximation: A Gradient Boosting Machine,
 *	   Annals of Statistics 29 (2001)
 * [2] Koenker, Bassett: Regression Quantiles, Econometrica 46 (1978)
 * [3] Jorgensen: Exponential Dispersion Models, JRSS B 49 (1987)
 * [4] McCullagh, Nelder: Generalized Linear Models, 2nd edition (1989)
 *
 * IDENTIFICATION
 *	  src/tree/loss.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/numeric.h"
#include "mlops/tree.h"

#include "loss.h"

static const char *const loss_names[] = {
	"auto", "squared", "absolute", "huber", "quantile", "poisson", "gamma",
	"tweedie", "log_loss"
};

const char *
mlops_loss_name(const MlLoss *loss)
{
	return loss_names[loss->kind];
}

MlLink
mlops_loss_link(const MlLoss *loss)
{
	switch (loss->kind)
	{
		case ML_LOSS_POISSON:
		case ML_LOSS_GAMMA:
		case ML_LOSS_TWEEDIE:
			return ML_LINK_EXP;
		case ML_LOSS_LOG_LOSS:
			return loss->noutputs > 1 ? ML_LINK_SOFTMAX : ML_LINK_LOGISTIC;
		default:
			return ML_LINK_IDENTITY;
	}
}

bool
mlops_loss_is_flat(const MlLoss *loss)
{
	return loss->kind == ML_LOSS_SQUARED || mlops_loss_renews(loss);
}

bool
mlops_loss_renews(const MlLoss *loss)
{
	return loss->kind == ML_LOSS_ABSOLUTE || loss->kind == ML_LOSS_HUBER ||
		loss->kind == ML_LOSS_QUANTILE;
}

const char *
mlops_loss_target_rule(const MlLoss *loss)
{
	switch (loss->kind)
	{
		case ML_LOSS_POISSON:
		case ML_LOSS_TWEEDIE:
			return "without negative values";
		case ML_LOSS_GAMMA:
			return "of positive values";
		default:
			return NULL;
	}
}

bool
mlops_loss_target_fits(const MlLoss *loss, double y)
{
	return loss->kind == ML_LOSS_GAMMA ? y > 0 : y >= 0;
}

/* Sum in four lanes: a fixed order that vectors can follow. */
static double
sum_piece(int n, const double *x)
{
	double		lane[4] = {0, 0, 0, 0};
	int			i = 0;

	for (; i + 4 <= n; i += 4)
		for (int j = 0; j < 4; j++)
			lane[j] += x[i + j];
	for (; i < n; i++)
		lane[0] += x[i];
	return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

/* log(1 + z) of every row, summed: one logarithm of a product of at most 2^256 */
static double
sum_log1p(int n, const double *z)
{
	double		lane[4] = {1, 1, 1, 1};
	int			i = 0;

	for (; i + 4 <= n; i += 4)
		for (int j = 0; j < 4; j++)
			lane[j] *= 1.0 + z[i + j];
	for (; i < n; i++)
		lane[0] *= 1.0 + z[i];
	return mlops_log((lane[0] * lane[1]) * (lane[2] * lane[3]));
}

static double
logistic_rows(int n, const double *s, const double *y, const double *w,
			  double *g, double *h)
{
	double		z[ML_LOSS_PIECE];
	double		loss[ML_LOSS_PIECE];

	for (int i = 0; i < n; i++)
		z[i] = -fabs(s[i]);
	mlops_exp_array(n, z, z);
	for (int i = 0; i < n; i++)
	{
		double		r = 1.0 / (1.0 + z[i]);
		double		zr = z[i] * r;

		g[i] = (s[i] < 0 ? zr : r) - y[i];
		h[i] = zr * r;
		loss[i] = (s[i] < 0 ? 0.0 : s[i]) - y[i] * s[i];
	}
	if (w == NULL)
		return sum_piece(n, loss) + sum_log1p(n, z);
	for (int i = 0; i < n; i++)
	{
		g[i] *= w[i];
		h[i] *= w[i];
		loss[i] = w[i] * (loss[i] + mlops_log(1.0 + z[i]));
	}
	return sum_piece(n, loss);
}

static void
exponential_rows(const MlLoss *loss, int n, const double *s, const double *y,
				 double *g, double *h, double *l)
{
	double		a[ML_LOSS_PIECE];
	double		b[ML_LOSS_PIECE];
	double		p1 = 1.0 - loss->power;
	double		p2 = 2.0 - loss->power;

	switch (loss->kind)
	{
		case ML_LOSS_POISSON:
			mlops_exp_array(n, s, a);
			for (int i = 0; i < n; i++)
			{
				g[i] = a[i] - y[i];
				h[i] = a[i];
				l[i] = a[i] - y[i] * s[i];
			}
			break;
		case ML_LOSS_GAMMA:
			for (int i = 0; i < n; i++)
				a[i] = -s[i];
			mlops_exp_array(n, a, a);
			for (int i = 0; i < n; i++)
			{
				h[i] = y[i] * a[i];
				g[i] = 1.0 - h[i];
				l[i] = s[i] + h[i];
			}
			break;
		default:
			for (int i = 0; i < n; i++)
			{
				a[i] = p1 * s[i];
				b[i] = p2 * s[i];
			}
			mlops_exp_array(n, a, a);
			mlops_exp_array(n, b, b);
			for (int i = 0; i < n; i++)
			{
				g[i] = b[i] - y[i] * a[i];
				h[i] = p2 * b[i] - p1 * y[i] * a[i];
				l[i] = b[i] / p2 - y[i] * a[i] / p1;
			}
			break;
	}
}

/* Losses of the residual alone. */
static void
residual_rows(const MlLoss *loss, int n, const double *s, const double *y,
			  double *g, double *h, double *l)
{
	double		alpha = loss->alpha;
	double		delta = loss->delta;

	for (int i = 0; i < n; i++)
	{
		double		d = s[i] - y[i];

		h[i] = 1.0;
		switch (loss->kind)
		{
			case ML_LOSS_ABSOLUTE:
				g[i] = d > 0 ? 1.0 : d < 0 ? -1.0 : 0.0;
				l[i] = fabs(d);
				break;
			case ML_LOSS_HUBER:
				g[i] = d > delta ? delta : d < -delta ? -delta : d;
				l[i] = fabs(d) <= delta ? 0.5 * d * d : delta * (fabs(d) - 0.5 * delta);
				break;
			case ML_LOSS_QUANTILE:
				g[i] = d > 0 ? 1.0 - alpha : -alpha;
				l[i] = g[i] * d;
				break;
			default:
				g[i] = d;
				l[i] = 0.5 * d * d;
				break;
		}
	}
}

double
mlops_loss_rows(const MlLoss *loss, int n, const double *s, const double *y,
				const double *w, double *g, double *h)
{
	double		l[ML_LOSS_PIECE];

	if (n < 1 || n > ML_LOSS_PIECE)
		return 0;
	switch (loss->kind)
	{
		case ML_LOSS_LOG_LOSS:
			return logistic_rows(n, s, y, w, g, h);
		case ML_LOSS_POISSON:
		case ML_LOSS_GAMMA:
		case ML_LOSS_TWEEDIE:
			exponential_rows(loss, n, s, y, g, h, l);
			break;
		case ML_LOSS_SQUARED:
			for (int i = 0; i < n; i++)
			{
				g[i] = s[i] - y[i];
				h[i] = 1.0;
				l[i] = 0.5 * g[i] * g[i];
			}
			break;
		default:
			residual_rows(loss, n, s, y, g, h, l);
			break;
	}
	if (w)
		for (int i = 0; i < n; i++)
		{
			g[i] *= w[i];
			h[i] *= w[i];
			l[i] *= w[i];
		}
	return sum_piece(n, l);
}

double
mlops_loss_classes(const MlLoss *loss, int n, const double *s, const double *y,
				   const double *w, float *probability)
{
	int			k = loss->noutputs;
	double		sum = 0;

	for (int i = 0; i < n; i++)
	{
		const double *row = s + (Size) i * k;
		float	   *p = probability + (Size) i * k;
		double		max = row[0];
		double		total = 0;

		for (int j = 1; j < k; j++)
			max = Max(max, row[j]);
		for (int j = 0; j < k; j += ML_LOSS_PIECE)
		{
			double		e[ML_LOSS_PIECE];
			int			m = Min(k - j, ML_LOSS_PIECE);

			for (int c = 0; c < m; c++)
				e[c] = row[j + c] - max;
			mlops_exp_array(m, e, e);
			for (int c = 0; c < m; c++)
			{
				total += e[c];
				p[j + c] = e[c];
			}
		}
		for (int j = 0; j < k; j++)
			p[j] /= total;
		sum += (w ? w[i] : 1.0) * (mlops_log(total) + max - row[(int) y[i]]);
	}
	return sum;
}

void
mlops_loss_class_rows(const MlLoss *loss, int n, int k, const float *probability,
					  const double *y, const double *w, double *g, double *h)
{
	double		factor = (double) loss->noutputs / (loss->noutputs - 1);

	for (int i = 0; i < n; i++)
	{
		double		p = probability[(Size) i * loss->noutputs + k];

		g[i] = y[i] == k ? p - 1.0 : p;
		h[i] = factor * p * (1.0 - p);
		if (w)
		{
			g[i] *= w[i];
			h[i] *= w[i];
		}
	}
}
