/*-------------------------------------------------------------------------
 *
 * logistic_regression.c
 *	  Logistic regression for two classes (binomial) and more (softmax).
 *
 * Minimises  sum_i w_i loss_i + l2/2 * |b without intercepts|^2,  loss_i being
 * minus the logarithm of the probability given to row i's class [1].  l2 = 0,
 * the default, is maximum likelihood as R's glm and statsmodels have it;
 * scikit-learn's C is 1 / l2.
 *
 * Coefficients.  Two classes: one set, for class 1.  More, l2 = 0: a set for
 * each class but the first, which is the reference (R's nnet::multinom).
 * More, l2 > 0: a set for every class, symmetric, summing to zero over the
 * classes (scikit-learn's): a penalty on contrasts would depend on the choice
 * of the reference.
 *
 * Course of training.  The first pass takes the columns' moments, so that all
 * later work is on centred and scaled columns, and, of many rows, a systematic
 * sample, on which Newton's method runs at once in memory: the full data then
 * needs about three passes instead of eight, because each squares the error.
 * Newton's method halves a step that does not lower the objective.  Where a
 * Hessian costs too much L-BFGS takes over; up to HESSIAN_MAX coefficients
 * Newton steps finish its work, which gives the Hessian for inference as well.
 *
 * Stopping.  A Newton step that is predicted to change the deviance by less
 * than "tolerance" of its value is taken and is the last; with the default
 * 1e-12 what remains is of the order of rounding.  R's glm has 1e-8 on the
 * observed change.
 *
 * Aliased columns (those that depend on earlier ones) are left out when
 * l2 = 0, as R's glm does.  Separation (some estimate is infinite) shows in
 * decrements that shrink by a constant factor, where otherwise each is about
 * the square of the one before; it is reported, and what has been reached is
 * kept.
 *
 * Inference is Wald's, from the inverse Hessian; with l2 > 0 the estimates are
 * biased on purpose and come without standard errors.
 *
 * [1] McCullagh, Nelder: Generalized Linear Models, 2nd edition 1989, ch. 4, 5
 *
 * IDENTIFICATION
 *	  src/algo/logistic_regression.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "utils/memutils.h"

#include "mlops/base.h"

#include "algo_list.h"
#include "logistic.h"

#define AUTO_NEWTON_MAX		500 /* coefficients up to which "auto" is Newton */
#define AUTO_NEWTON_SETS	10	/* and sets: a Hessian costs sets^2 gradients */
#define HESSIAN_MAX			1600	/* coefficients up to which there is a Hessian: factored within a cancel's 100 ms */
#define LBFGS_MEMORY		10
#define MAX_HALVINGS		30

/* The sample to start from: its rows, its doubles, and when it is worth it. */
#define SAMPLE_ROWS			32768
#define SAMPLE_CELLS		(2 * 1024 * 1024)
#define SAMPLE_MIN_STRIDE	4
#define SAMPLE_MIN_PER_COEF 20
#define SAMPLE_TOLERANCE	1e-5
#define SAMPLE_ITERATIONS	12

typedef enum SolverChoice
{
	SOLVER_AUTO,
	SOLVER_NEWTON,
	SOLVER_LBFGS
} SolverChoice;

static const MlParamDef logistic_params[] = {
	{"fit_intercept", ML_PARAM_BOOLEAN, 1, 0, 1, NULL,
	"add a constant term"},
	{"l2", ML_PARAM_NUMBER, 0, 0, DBL_MAX, NULL,
	"penalty: l2 / 2 times the squared coefficients, intercepts excepted; 0 is maximum likelihood, scikit-learn's C is 1 / l2"},
	{"max_iterations", ML_PARAM_INTEGER, 100, 1, 100000, NULL,
	"passes over the rows after which training gives up"},
	{"tolerance", ML_PARAM_NUMBER, 1e-12, 0, 0.1, NULL,
	"stop when a Newton step would change the deviance by less than this share"},
	{"solver", ML_PARAM_CHOICE, SOLVER_AUTO, 0, 2, "auto|newton|lbfgs",
	"auto is newton up to 500 coefficients and 11 classes, else lbfgs"},
	{NULL}
};

/* Dimensions and solver from the training's signature and options. */
static void
plan(const MlTrain *tr, LogisticState *st)
{
	int			choice = mlops_param_choice(tr->params, "solver");
	int			nclasses = tr->sig->nclasses;

	st->l2 = mlops_param_number(tr->params, "l2");
	st->shape.p = tr->nterms;
	st->shape.nclasses = nclasses;
	if (nclasses == 2)
		st->shape.sets = 1;
	else
		st->shape.sets = st->l2 > 0 ? nclasses : nclasses - 1;
	st->d = tr->nterms * st->shape.sets;
	st->use_lbfgs = choice == SOLVER_LBFGS ||
		(choice == SOLVER_AUTO &&
		 (st->d > AUTO_NEWTON_MAX || st->shape.sets > AUTO_NEWTON_SETS));
	st->has_hessian = st->d <= HESSIAN_MAX;
	if (!st->use_lbfgs && !st->has_hessian)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("solver \"newton\" is limited to %d coefficients, but this model has %d",
						HESSIAN_MAX, st->d),
				 errhint("Use the solver \"lbfgs\".")));
	st->shape.chunk = Max(16, Min(256, 65536 / tr->nterms));
	st->shape.intercept = mlops_param_boolean(tr->params, "fit_intercept");
	st->shape.weighted = tr->class_weight != NULL;
	st->stride = 1;
}

/* Rows of the sample to start from, or 0 where it would not pay. */
static int64
plan_sample(const MlTrain *tr, const LogisticState *st)
{
	int64		cap = Min(SAMPLE_ROWS, SAMPLE_CELLS / tr->nterms);

	if (st->use_lbfgs || tr->nrows < cap * SAMPLE_MIN_STRIDE ||
		cap < (int64) st->d * SAMPLE_MIN_PER_COEF)
		return 0;
	return cap;
}

static Size
logistic_work_size(const MlTrain *tr)
{
	LogisticState st = {0};
	LogisticArrays a;
	Size		d;
	Size		bytes;

	plan(tr, &st);
	d = st.d;
	bytes = mul_size(d, sizeof(double) * 8);
	if (st.use_lbfgs)
		bytes = add_size(bytes, mlops_lbfgs_size(st.d, LBFGS_MEMORY));
	if (st.has_hessian)
	{
		/* the factor, its inverse, the search for aliased columns */
		bytes = add_size(bytes, mul_size(mul_size(d, d), sizeof(double) * 2));
		bytes = add_size(bytes, mul_size(mul_size(tr->nterms, tr->nterms), sizeof(double)));
	}
	if (plan_sample(tr, &st) > 0)
	{
		st.shape.kind = LOGISTIC_HESSIAN;
		mlops_logistic_arrays(&st.shape, NULL, &a);
		bytes = add_size(bytes, a.size);
	}
	return bytes;
}

static void
logistic_begin(MlTrain *tr)
{
	LogisticState *st = palloc0(sizeof(LogisticState));
	Size		p = tr->nterms;
	Size		d;

	mlops_blas_require();
	plan(tr, st);
	d = st->d;
	st->tolerance = mlops_param_number(tr->params, "tolerance");
	st->max_iterations = mlops_param_integer(tr->params, "max_iterations");
	st->class_weight = tr->class_weight;
	st->shape.kind = LOGISTIC_MOMENTS;
	st->shape.sample_cap = plan_sample(tr, st);
	if (st->shape.sample_cap > 0)
		st->stride = (tr->nrows + st->shape.sample_cap - 1) / st->shape.sample_cap;
	tr->row_stride = st->stride;
	st->center = palloc0(sizeof(double) * p);
	st->inv_scale = palloc0(sizeof(double) * p);
	st->active = palloc0(sizeof(bool) * p);
	st->class_total = palloc0(sizeof(double) * st->shape.nclasses);
	st->gamma = palloc_extended(sizeof(double) * d, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	st->best = palloc_extended(sizeof(double) * d, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	st->step = palloc_extended(sizeof(double) * d, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	st->f_best = INFINITY;
	st->limit = st->max_iterations;
	tr->max_passes = st->max_iterations;
	tr->state = st;
}

static Size
logistic_partial_size(const MlTrain *tr)
{
	const LogisticState *st = tr->state;
	LogisticArrays a;

	mlops_logistic_arrays(&st->shape, NULL, &a);
	return a.size;
}

static void
logistic_begin_pass(const MlTrain *tr, void *partial)
{
	mlops_logistic_begin_pass(tr->state, partial);
}

/* Totals that every pass over the rows brings along. */
static void
take_totals(LogisticState *st, const LogisticPartial *part,
			const LogisticArrays *a)
{
	st->nrows = part->nrows;
	st->sum_weight = part->sum_weight;
	st->max_eta = part->max_eta;
	memcpy(st->class_total, a->class_total, sizeof(double) * st->shape.nclasses);
	st->iterations++;
}

/* gamma = best + share * step */
static void
move_from_best(LogisticState *st, double share)
{
	for (int i = 0; i < st->d; i++)
		st->gamma[i] = st->best[i] + share * st->step[i];
}

/* Begin Newton's method at zero, once; false: it did already. */
static bool
restart(LogisticState *st)
{
	bool		moved = false;

	for (int i = 0; i < st->d; i++)
	{
		moved |= st->gamma[i] != 0;
		st->gamma[i] = 0;
	}
	if (!moved || st->restarted)
		return false;
	for (int j = 0; j < st->shape.p; j++)
		st->active[j] = j > 0 || st->shape.intercept;
	st->restarted = true;
	st->alias_known = false;
	st->f_best = INFINITY;
	st->halvings = 0;
	st->limit = st->iterations + st->max_iterations;
	return true;
}

/*
 * Drop aliased columns; true if that moves gamma, so that the pass has to be
 * repeated.
 *
 * Where rows are fitted their weights vanish, and columns of a separated class
 * only seem to depend on one another.  What is found away from zero, after a
 * sample or L-BFGS, is therefore looked at again at zero, and Newton's method
 * starts there.
 */
static bool
drop_aliased(LogisticState *st, const LogisticArrays *a)
{
	if (st->l2 <= 0 && mlops_logistic_find_aliased(st, a) > 0 && restart(st))
		return true;
	st->alias_known = true;
	return false;
}

/*
 * Is gamma, just evaluated, better than what is best so far?  Differences
 * within the rounding of the sums do not count as worse.
 */
static bool
is_acceptable(const LogisticState *st, double f)
{
	return f <= st->f_best + 1e-11 * fabs(st->f_best) + 1e-14 * st->sum_weight;
}

/* Decrements that shrink by a constant factor towards infinite estimates. */
static bool
looks_separated(const LogisticState *st)
{
	return st->l2 <= 0 && st->max_eta > 8 &&
		st->ratio[0] > 0.1 && st->ratio[1] > 0.1;
}

/*
 * Decide after the Newton step at an accepted point is known: last step,
 * another pass, or give up.
 */
static MlStatus
newton_advance(LogisticState *st, double decrement)
{
	double		previous = st->decrement;

	if (!isfinite(decrement))
		return ML_NOT_FINITE;
	st->ratio[1] = st->ratio[0];
	st->ratio[0] = previous > 0 ? decrement / previous : 0;
	st->decrement = decrement;
	if (decrement <= st->tolerance * (2 * st->f_best + 0.1))
	{
		move_from_best(st, 1.0);
		st->f_best = Max(0.0, st->f_best - decrement / 2);
		st->separation = looks_separated(st);
		st->converged = true;
		return ML_OK;
	}
	if (st->l2 <= 0 && st->loss_best < 1e-9 * st->sum_weight)
	{
		/* every row is fitted: estimates only grow from here */
		st->separation = true;
		return ML_OK;
	}
	if (st->iterations >= st->limit)
	{
		st->separation = looks_separated(st);
		return ML_STALLED;
	}
	move_from_best(st, 1.0);
	return ML_CONTINUE;
}

/* The end of a pass with Hessian: accept the point or halve the step, then step on. */
static MlStatus
newton_end_pass(LogisticState *st, LogisticPartial *part,
				const LogisticArrays *a)
{
	double		decrement = NAN;
	double		f = part->loss +
		mlops_logistic_penalty(st, st->gamma, a->gradient);

	take_totals(st, part, a);
	if (st->warm)
	{
		st->warm = false;
		if (!(f <= mlops_logistic_null_loss(st)))
		{
			/* the sample misled: begin where everybody does */
			memset(st->gamma, 0, sizeof(double) * st->d);
			return ML_CONTINUE;
		}
	}
	if (!isfinite(f) && !isfinite(st->f_best))
		return ML_NOT_FINITE;
	if (!is_acceptable(st, f))
	{
		if (++st->halvings > MAX_HALVINGS || st->iterations >= st->limit)
		{
			memcpy(st->gamma, st->best, sizeof(double) * st->d);
			return ML_STALLED;
		}
		move_from_best(st, ldexp(1.0, -st->halvings));
		return ML_CONTINUE;
	}
	if (!st->alias_known && drop_aliased(st, a))
		return ML_CONTINUE;
	memcpy(st->best, st->gamma, sizeof(double) * st->d);
	st->f_best = f;
	st->loss_best = part->loss;
	st->halvings = 0;
	if (mlops_logistic_factor(st, a))
		decrement = mlops_logistic_step(st, a->gradient);
	if (!isfinite(decrement) && restart(st))
		return ML_CONTINUE;
	return newton_advance(st, decrement);
}

/* The end of a pass with gradient only: L-BFGS on the mean loss. */
static MlStatus
lbfgs_end_pass(LogisticState *st, LogisticPartial *part,
			   const LogisticArrays *a)
{
	double		gtol = st->has_hessian ? 1e-4 : 0.01 * sqrt(st->tolerance);
	double		f = part->loss +
		mlops_logistic_penalty(st, st->gamma, a->gradient);
	MlStatus	status;

	take_totals(st, part, a);
	if (st->lbfgs == NULL)
	{
		if (!isfinite(f))
			return ML_NOT_FINITE;
		st->lbfgs = palloc_extended(mlops_lbfgs_size(st->d, LBFGS_MEMORY),
									MCXT_ALLOC_HUGE);
		mlops_lbfgs_begin(st->lbfgs, st->d, LBFGS_MEMORY, gtol, 0.0);
	}
	if (f < st->f_best)
	{
		memcpy(st->best, st->gamma, sizeof(double) * st->d);
		st->f_best = f;
		st->loss_best = part->loss;
	}
	for (int i = 0; i < st->d; i++)
		a->gradient[i] /= part->sum_weight;
	status = mlops_lbfgs_step(st->lbfgs, st->gamma, f / part->sum_weight,
							  a->gradient);
	if (status == ML_CONTINUE && st->iterations < st->limit)
		return ML_CONTINUE;
	memcpy(st->gamma, st->best, sizeof(double) * st->d);
	if (status != ML_OK && status != ML_CONTINUE && status != ML_STALLED)
		return status;
	if (st->has_hessian)
	{
		st->shape.kind = LOGISTIC_HESSIAN;
		st->f_best = INFINITY;
		st->limit = st->iterations + st->max_iterations;
		return ML_CONTINUE;
	}
	st->converged = status == ML_OK ||
		mlops_lbfgs_gradient_norm(st->lbfgs) <= 100 * gtol;
	return st->converged ? ML_OK : ML_STALLED;
}

/* Newton's method on the sample, as a training of its own; its end is where the full one begins. */
static void
start_from_sample(LogisticState *st, const LogisticPartial *part,
				  const LogisticArrays *a)
{
	LogisticState sub = *st;
	MlStatus	status = ML_CONTINUE;
	LogisticArrays sub_arrays;
	LogisticPartial *partial;
	MlBlock		block = {0};

	block.nrows = part->nsample;
	block.width = st->shape.p;
	block.x = a->sample_x;
	block.y = a->sample_y;
	block.w = a->sample_w;
	sub.l2 = st->l2 / st->stride;
	sub.tolerance = SAMPLE_TOLERANCE;
	sub.limit = SAMPLE_ITERATIONS;
	sub.active = palloc(sizeof(bool) * st->shape.p);
	memcpy(sub.active, st->active, sizeof(bool) * st->shape.p);
	mlops_logistic_arrays(&sub.shape, NULL, &sub_arrays);
	partial = palloc_extended(sub_arrays.size, MCXT_ALLOC_HUGE);
	mlops_logistic_arrays(&sub.shape, partial, &sub_arrays);
	while (status == ML_CONTINUE)
	{
		mlops_logistic_begin_pass(&sub, partial);
		mlops_logistic_accumulate(partial, &block);
		status = newton_end_pass(&sub, partial, &sub_arrays);
	}
	pfree(partial);
	pfree(sub.active);
	st->factor = sub.factor;	/* its memory */
	st->warm = status == ML_OK || status == ML_STALLED;
	if (!st->warm)
		memset(st->gamma, 0, sizeof(double) * st->d);
	memset(st->step, 0, sizeof(double) * st->d);
}

/* Center and scale from the moments; a constant column keeps its scale. */
static MlStatus
moments_end_pass(LogisticState *st, const LogisticPartial *part,
				 const LogisticArrays *a)
{
	double		n = part->nrows;

	if (part->nrows == 0)
		return ML_NOT_FINITE;
	for (int j = 0; j < st->shape.p; j++)
	{
		double		shift = a->sum[j] / n;
		double		mean = a->pivot[j] + shift;
		double		variance = Max(0.0, a->sum2[j] / n - shift * shift);
		double		scale = sqrt(st->shape.intercept ? variance : variance + mean * mean);

		if (!isfinite(scale))
			return ML_NOT_FINITE;
		st->center[j] = st->shape.intercept ? mean : 0.0;
		st->inv_scale[j] = scale > 1e-14 * fabs(mean) ? 1.0 / scale : 1.0;
		st->active[j] = true;
	}
	st->center[0] = 0.0;
	st->inv_scale[0] = st->shape.intercept ? 1.0 : 0.0;
	st->active[0] = st->shape.intercept;
	st->shape.kind = st->use_lbfgs ? LOGISTIC_GRADIENT : LOGISTIC_HESSIAN;
	if (part->nsample > 0)
		start_from_sample(st, part, a);
	return ML_CONTINUE;
}

static MlStatus
logistic_end_pass(MlTrain *tr, void *partial)
{
	LogisticState *st = tr->state;
	LogisticPartial *part = partial;
	LogisticArrays a;

	mlops_logistic_arrays(&part->shape, partial, &a);
	switch ((LogisticKind) part->shape.kind)
	{
		case LOGISTIC_MOMENTS:
			tr->row_stride = 1;
			return moments_end_pass(st, part, &a);
		case LOGISTIC_GRADIENT:
			return lbfgs_end_pass(st, part, &a);
		case LOGISTIC_HESSIAN:
			return newton_end_pass(st, part, &a);
	}
	return ML_NOT_FINITE;
}

/* Coefficients of the standardised columns to those of the original ones. */
static void
set_estimates(const LogisticState *st, LogisticBody *body)
{
	int			p = st->shape.p;

	for (int q = 0; q < st->shape.sets; q++)
	{
		const double *gamma = st->gamma + (Size) q * p;
		double	   *b = body->estimate + (Size) q * p;
		double		intercept = gamma[0];

		for (int j = 1; j < p; j++)
		{
			if (!st->active[j])
				continue;
			b[j] = gamma[j] * st->inv_scale[j];
			intercept -= b[j] * st->center[j];
		}
		if (st->active[0])
			b[0] = intercept;
	}
}

static void
set_facts(const LogisticState *st, LogisticBody *body)
{
	double	   *f = body->facts;
	double		loss = st->f_best - mlops_logistic_penalty(st, st->gamma, NULL);
	double		null_loss = mlops_logistic_null_loss(st);
	double		rank = 0;

	for (int j = 0; j < st->shape.p; j++)
		rank += st->active[j] ? st->shape.sets : 0;
	f[LOGISTIC_N] = st->nrows;
	f[LOGISTIC_SUM_WEIGHT] = st->sum_weight;
	f[LOGISTIC_LOG_LIKELIHOOD] = -loss;
	f[LOGISTIC_NULL_LOG_LIKELIHOOD] = -null_loss;
	f[LOGISTIC_DEVIANCE] = 2 * loss;
	if (null_loss > 0)
		f[LOGISTIC_PSEUDO_R2] = 1 - loss / null_loss;
	f[LOGISTIC_L2] = st->l2;
	f[LOGISTIC_ITERATIONS] = st->iterations;
	if (st->l2 > 0)
		return;
	f[LOGISTIC_RANK] = rank;
	f[LOGISTIC_AIC] = 2 * loss + 2 * rank;
	f[LOGISTIC_BIC] = 2 * loss + log((double) st->nrows) * rank;
}

/* What people should be told without asking. */
static void
add_notices(MlTrain *tr, const LogisticBody *body)
{
	const LogisticState *st = tr->state;
	bool	   *aliased = palloc0(sizeof(bool) * body->nterms);
	char	   *notice;

	for (int j = st->shape.intercept ? 0 : 1; j < body->nterms; j++)
		aliased[j] = !st->active[j];
	notice = mlops_design_aliased_notice(body->design, aliased);
	if (notice)
		tr->notices = lappend(tr->notices, notice);
	if (st->separation)
		tr->notices = lappend(tr->notices,
							  pstrdup("the terms separate the classes: estimates with huge standard errors in mlops.coefficients() grow without bound; the option l2 keeps them finite"));
	else if (!st->converged)
		tr->notices = lappend(tr->notices,
							  psprintf("training did not converge in %d passes; raise max_iterations, or set l2",
									   st->iterations));
	if (!st->has_hessian && st->l2 <= 0)
		tr->notices = lappend(tr->notices,
							  psprintf("no standard errors for more than %d coefficients",
									   HESSIAN_MAX));
}

static void *
logistic_finish(MlTrain *tr)
{
	LogisticState *st = tr->state;
	LogisticBody *body = mlops_logistic_make_body(tr->sig, st->shape.sets, st->shape.p);

	set_estimates(st, body);
	for (int i = 0; i < st->d; i++)
		if (isinf(body->estimate[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a coefficient of logistic_regression overflowed")));
	set_facts(st, body);
	if (st->has_hessian && st->l2 <= 0)
		mlops_logistic_infer(st, body);
	mlops_logistic_set_score(body);
	body->flags = (st->shape.intercept ? LOGISTIC_FLAG_INTERCEPT : 0) |
		(st->converged ? LOGISTIC_FLAG_CONVERGED : 0) |
		(st->separation ? LOGISTIC_FLAG_SEPARATION : 0) |
		(st->use_lbfgs ? LOGISTIC_FLAG_LBFGS : 0);
	add_notices(tr, body);
	return body;
}

const MlAlgo mlops_algo_logistic_regression = {
	.id = 2,
	.body_version = 1,
	.name = "logistic_regression",
	.summary = "binary and multinomial logistic regression with inference",
	.does_regression = false,
	.does_classification = true,
	.wants_design = true,
	.one_pass = false,
	.params = logistic_params,
	.work_size = logistic_work_size,
	.begin = logistic_begin,
	.partial_size = logistic_partial_size,
	.begin_pass = logistic_begin_pass,
	.accumulate = mlops_logistic_accumulate,
	.combine = mlops_logistic_combine,
	.end_pass = logistic_end_pass,
	.finish = logistic_finish,
	.predict = mlops_logistic_predict,
	.body_send = mlops_logistic_body_send,
	.body_recv = mlops_logistic_body_recv,
	.describe = mlops_logistic_describe,
	.coefficients = mlops_logistic_coefficients
};
