/*-------------------------------------------------------------------------
 *
 * linear_regression.c
 *	  Ordinary, weighted and ridge least squares.
 *
 * Minimises  sum_i w_i (y_i - x_i' b)^2 + l2 * |b without intercept|^2.
 *
 * One pass folds the rows into the triangular factor R of a mergeable QR
 * factorisation (numeric/lsq.c), never into normal equations, so digits are
 * lost with the condition number and not with its square.  Columns that
 * depend on those before them are aliased as R's lm does: no estimate, a
 * NOTICE, and no contribution to predictions.
 *
 * Inference is the classical one [1]: sigma^2 = RSS / (n - rank), standard
 * errors from (X'X)^-1, Student's t, and the F test against the model of the
 * intercept alone.  Log-likelihood, AIC (rank + 1 parameters) and BIC are
 * those of R's logLik.lm, weights included.  With l2 > 0 estimates are biased
 * on purpose: they come without standard errors.
 *
 * [1] Seber, Lee: Linear Regression Analysis, 2nd edition 2003, chapters 3-5
 *
 * IDENTIFICATION
 *	  src/algo/linear_regression.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "lib/stringinfo.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "mlops/algo.h"
#include "mlops/base.h"
#include "mlops/bytes.h"
#include "mlops/error.h"
#include "mlops/jsonb_out.h"
#include "mlops/numeric.h"

#include "algo_list.h"

/* What is known of the whole fit; order and number reach disk. */
typedef enum FitFact
{
	FACT_N,						/* rows */
	FACT_RANK,
	FACT_DF,					/* residual degrees of freedom */
	FACT_RSS,
	FACT_R2,
	FACT_ADJ_R2,
	FACT_F,
	FACT_F_P,
	FACT_SIGMA,
	FACT_LOG_LIKELIHOOD,
	FACT_AIC,
	FACT_BIC,
	FACT_CONDITION,
	FACT_L2,
	N_FACTS
} FitFact;

static const char *const fact_names[N_FACTS] = {
	"n", "rank", "df_residual", "rss", "r2", "adj_r2", "f_statistic",
	"f_p_value", "sigma", "log_likelihood", "aic", "bic", "condition_number",
	"l2"
};

typedef struct LinearBody
{
	MlDesign   *design;
	int			nterms;
	bool		intercept;
	double		facts[N_FACTS];
	double	   *estimate;		/* nterms; NaN: aliased */
	double	   *std_error;		/* nterms; NaN: none */
	double	   *score;			/* estimate with 0 for aliased */
} LinearBody;

typedef struct LinearState
{
	bool		intercept;
	double		l2;
	double		tolerance;
	int			ncols;			/* of the factorisation: terms in use and the response */
	LinearBody *body;
} LinearState;

/* Flat: what one pass accumulates. */
typedef struct LinearPartial
{
	double		sum_log_weight;
	int64		skip;			/* leading terms left out of a row: 0, or 1 without intercept */
	/* an MlLsq follows */
} LinearPartial;

#define PARTIAL_LSQ(p) ((MlLsq *) ((char *) (p) + MAXALIGN(sizeof(LinearPartial))))

static const MlParamDef linear_params[] = {
	{"fit_intercept", ML_PARAM_BOOLEAN, 1, 0, 1, NULL,
	"add a constant term"},
	{"l2", ML_PARAM_NUMBER, 0, 0, DBL_MAX, NULL,
	"ridge penalty on the squared coefficients, intercept excepted; 0 is ordinary least squares"},
	{"tolerance", ML_PARAM_NUMBER, 1e-7, 0, 1, NULL,
	"a term is aliased when what is new in it is below this share of its length"},
	{NULL}
};

static Size
linear_work_size(const MlTrain *tr)
{
	Size		p = tr->nterms;

	return add_size(mul_size(sizeof(double), mlops_lsq_solve_work(p)),
					mul_size(sizeof(double) * 4, p));
}

static void
linear_begin(MlTrain *tr)
{
	LinearState *st = palloc0(sizeof(LinearState));

	mlops_blas_require();
	st->intercept = mlops_param_boolean(tr->params, "fit_intercept");
	st->l2 = mlops_param_number(tr->params, "l2");
	st->tolerance = mlops_param_number(tr->params, "tolerance");
	st->ncols = tr->nterms + (st->intercept ? 1 : 0);
	if (mlops_lsq_size(st->ncols, mlops_lsq_best_buffer(st->ncols)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("linear_regression cannot have %d terms", tr->nterms),
				 errhint("Use fewer features, or a lower option \"max_categories\".")));
	tr->state = st;
	tr->max_passes = 1;
}

/* Rows to buffer: few at first where the number of groups is unknown (fit). */
static int
first_buffer(const MlTrain *tr, int ncols)
{
	int			best = mlops_lsq_best_buffer(ncols);

	return tr->nrows < 0 ? Min(best, 16) : best;
}

static Size
partial_bytes(int ncols, int nbuffer)
{
	return MAXALIGN(sizeof(LinearPartial)) + mlops_lsq_size(ncols, nbuffer);
}

static Size
linear_partial_size(const MlTrain *tr)
{
	const LinearState *st = tr->state;

	return partial_bytes(st->ncols, first_buffer(tr, st->ncols));
}

static const char *
linear_partial_check(const void *partial, Size size, int nterms)
{
	const LinearPartial *p = partial;
	const char *problem;

	if (size <= MAXALIGN(sizeof(LinearPartial)))
		return "too short";
	if (p->skip != 0 && p->skip != 1)
		return "intercept";
	if (!isfinite(p->sum_log_weight))
		return "weights";
	problem = mlops_lsq_check(PARTIAL_LSQ(p), size - MAXALIGN(sizeof(LinearPartial)));
	if (problem == NULL && mlops_lsq_ncols(PARTIAL_LSQ(p)) != nterms + 1 - p->skip)
		problem = "number of columns";
	return problem;
}

static Size
linear_partial_grow(const void *partial, void *larger)
{
	const MlLsq *lsq = PARTIAL_LSQ(partial);
	int			ncols = mlops_lsq_ncols(lsq);
	int			nbuffer = mlops_lsq_nbuffer(lsq);
	int			best = mlops_lsq_best_buffer(ncols);
	int			next = Min(best, nbuffer * 8);

	if (mlops_lsq_fill(lsq) < nbuffer || nbuffer >= best)
		return 0;
	if (larger)
	{
		memcpy(larger, partial, sizeof(LinearPartial));
		mlops_lsq_grow(PARTIAL_LSQ(larger), lsq, next);
	}
	return partial_bytes(ncols, next);
}

static void
linear_begin_pass(const MlTrain *tr, void *partial)
{
	const LinearState *st = tr->state;
	LinearPartial *p = partial;

	p->sum_log_weight = 0;
	p->skip = st->intercept ? 0 : 1;
	mlops_lsq_init(PARTIAL_LSQ(p), st->ncols, first_buffer(tr, st->ncols));
}

static void
linear_accumulate(void *partial, const MlBlock *block)
{
	LinearPartial *p = partial;

	mlops_blas_require();		/* a state can come from another process */
	mlops_lsq_push_block(PARTIAL_LSQ(p), block->nrows, block->x + p->skip,
						 block->width, block->y, block->w);
	for (int i = 0; block->w && i < block->nrows; i++)
		p->sum_log_weight += log(block->w[i]);
}

static void
linear_combine(void *partial, const void *other)
{
	LinearPartial *p = partial;
	const LinearPartial *o = other;

	mlops_blas_require();
	/* states of fit() can come from anywhere */
	if (p->skip != o->skip ||
		mlops_lsq_ncols(PARTIAL_LSQ(p)) != mlops_lsq_ncols(PARTIAL_LSQ(o)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid state of aggregate fit")));
	p->sum_log_weight += o->sum_log_weight;
	mlops_lsq_merge(PARTIAL_LSQ(p), PARTIAL_LSQ(o));
}

static LinearBody *
make_body(const MlSignature *sig)
{
	LinearBody *body = palloc0(sizeof(LinearBody));

	body->design = mlops_design_make(sig);
	body->nterms = mlops_design_nterms(body->design);
	body->estimate = palloc0(sizeof(double) * body->nterms);
	body->std_error = palloc0(sizeof(double) * body->nterms);
	body->score = palloc0(sizeof(double) * body->nterms);
	return body;
}

/* What scoring uses: an aliased term contributes nothing. */
static void
set_score(LinearBody *body)
{
	for (int j = 0; j < body->nterms; j++)
		body->score[j] = isnan(body->estimate[j]) ? 0 : body->estimate[j];
}

/* Statistics of the whole fit; undefined ones stay NaN. */
static void
set_facts(LinearBody *body, const LinearState *st, const MlLsqFit *fit,
		  double n, double sum_log_weight)
{
	double	   *f = body->facts;
	double		model_df = fit->rank - (st->intercept ? 1 : 0);
	double		total_df = n - (st->intercept ? 1 : 0);
	double		df = n - fit->rank;

	for (int i = 0; i < N_FACTS; i++)
		f[i] = NAN;
	f[FACT_N] = n;
	f[FACT_RANK] = fit->rank;
	f[FACT_RSS] = fit->rss;
	f[FACT_CONDITION] = fit->condition;
	f[FACT_L2] = st->l2;
	if (fit->tss > 0)
		f[FACT_R2] = 1 - fit->rss / fit->tss;
	if (st->l2 > 0)
		return;
	f[FACT_DF] = df;
	if (fit->rss > 0)
		f[FACT_LOG_LIKELIHOOD] = 0.5 * (sum_log_weight -
										n * (log(2 * M_PI) + 1 - log(n) + log(fit->rss)));
	f[FACT_AIC] = -2 * f[FACT_LOG_LIKELIHOOD] + 2 * (fit->rank + 1);
	f[FACT_BIC] = -2 * f[FACT_LOG_LIKELIHOOD] + log(n) * (fit->rank + 1);
	if (df <= 0)
		return;
	f[FACT_SIGMA] = sqrt(fit->rss / df);
	if (fit->tss > 0)
		f[FACT_ADJ_R2] = 1 - (fit->rss / df) / (fit->tss / total_df);
	if (model_df > 0 && fit->rss > 0)
	{
		f[FACT_F] = ((fit->tss - fit->rss) / model_df) / (fit->rss / df);
		f[FACT_F_P] = mlops_f_sf(f[FACT_F], model_df, df);
	}
}

static MlStatus
linear_end_pass(MlTrain *tr, void *partial)
{
	LinearState *st = tr->state;
	LinearPartial *p = partial;
	MlLsq	   *lsq = PARTIAL_LSQ(p);
	LinearBody *body = make_body(tr->sig);
	int			ncoef = st->ncols - 1;
	int			first = body->nterms - ncoef;
	MlLsqFit	fit;
	double	   *work = palloc_extended(mul_size(sizeof(double), mlops_lsq_solve_work(ncoef)),
									   MCXT_ALLOC_HUGE);
	MlStatus	status;
	bool	   *aliased;
	char	   *notice;

	/* a state of fit() can come from anywhere: its shape must be the options' */
	if (mlops_lsq_ncols(lsq) != st->ncols || p->skip != (st->intercept ? 0 : 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid state of aggregate fit")));
	body->intercept = st->intercept;
	fit.coef = body->estimate + first;
	fit.cov_diag = palloc0(sizeof(double) * ncoef);
	status = mlops_lsq_solve(lsq, st->intercept ? 0 : -1, st->l2,
							 st->tolerance, &fit, work);
	pfree(work);
	if (status != ML_OK)
		return status;
	set_facts(body, st, &fit, (double) mlops_lsq_nrows(lsq), p->sum_log_weight);
	for (int j = 0; j < ncoef; j++)
		body->std_error[first + j] = body->facts[FACT_SIGMA] * sqrt(fit.cov_diag[j]);
	set_score(body);
	aliased = palloc0(sizeof(bool) * body->nterms);
	for (int j = 0; j < body->nterms; j++)
		aliased[j] = isnan(body->estimate[j]);
	notice = mlops_design_aliased_notice(body->design, aliased);
	if (notice)
		tr->notices = lappend(tr->notices, notice);
	st->body = body;
	return ML_OK;
}

static void *
linear_finish(MlTrain *tr)
{
	return ((LinearState *) tr->state)->body;
}

static void
linear_predict(const MlSignature *sig, const void *body, const MlBlock *block,
			   double *out)
{
	const LinearBody *b = body;

	for (int i = 0; i < block->nrows; i++)
		out[i] = mlops_design_dot(b->design, b->score,
								  block->x + (Size) i * block->width);
}

static void
linear_body_send(const MlSignature *sig, const void *body, StringInfo buf)
{
	const LinearBody *b = body;

	mlops_put_uint(buf, b->nterms, 4);
	mlops_put_uint(buf, b->intercept, 1);
	for (int i = 0; i < N_FACTS; i++)
		mlops_put_double(buf, b->facts[i]);
	for (int j = 0; j < b->nterms; j++)
	{
		mlops_put_double(buf, b->estimate[j]);
		mlops_put_double(buf, b->std_error[j]);
	}
}

static void *
linear_body_recv(const MlSignature *sig, StringInfo buf, uint16 body_version)
{
	uint64		nterms = mlops_get_uint(buf, 4);
	LinearBody *b;

	/* before anything is allocated for them */
	ML_CHECK_BYTES(nterms <= mlops_bytes_left(buf) / (2 * sizeof(double)),
				   "number of coefficients");
	b = make_body(sig);
	ML_CHECK_BYTES(nterms == (uint64) b->nterms, "number of coefficients");
	b->intercept = mlops_get_uint(buf, 1) != 0;
	for (int i = 0; i < N_FACTS; i++)
		b->facts[i] = mlops_get_double(buf);
	for (int j = 0; j < b->nterms; j++)
	{
		b->estimate[j] = mlops_get_double(buf);
		b->std_error[j] = mlops_get_double(buf);
		ML_CHECK_BYTES(!isinf(b->estimate[j]), "coefficient");
	}
	ML_CHECK_BYTES(b->intercept || b->estimate[0] == 0, "intercept");
	set_score(b);
	return b;
}

static void
linear_describe(const MlSignature *sig, const void *body, JsonbParseState **out)
{
	const LinearBody *b = body;

	mlops_jsonb_add_boolean(out, "fit_intercept", b->intercept);
	for (int i = 0; i < N_FACTS; i++)
		mlops_jsonb_add_number(out, fact_names[i], b->facts[i]);
}

static MlCoefficient *
linear_coefficients(const MlSignature *sig, const void *body, int *n)
{
	const LinearBody *b = body;
	int			first = b->intercept ? 0 : 1;
	MlCoefficient *rows = palloc0(sizeof(MlCoefficient) * b->nterms);
	double		df = b->facts[FACT_DF];
	double		t = df > 0 ? mlops_t_quantile(0.975, df) : NAN;

	*n = b->nterms - first;
	for (int j = first; j < b->nterms; j++)
	{
		MlCoefficient *c = &rows[j - first];

		c->term = mlops_design_term_name(b->design, j);
		c->estimate = b->estimate[j];
		c->std_error = isnan(c->estimate) ? NAN : b->std_error[j];
		c->statistic = c->estimate / c->std_error;
		c->p_value = df > 0 ? mlops_t_sf2(c->statistic, df) : NAN;
		c->ci_low = c->estimate - t * c->std_error;
		c->ci_high = c->estimate + t * c->std_error;
		c->odds_ratio = NAN;
	}
	return rows;
}

const MlAlgo mlops_algo_linear_regression = {
	.id = 1,
	.body_version = 1,
	.name = "linear_regression",
	.summary = "ordinary, weighted and ridge least squares with inference",
	.does_regression = true,
	.does_classification = false,
	.wants_design = true,
	.one_pass = true,
	.params = linear_params,
	.work_size = linear_work_size,
	.begin = linear_begin,
	.partial_size = linear_partial_size,
	.begin_pass = linear_begin_pass,
	.accumulate = linear_accumulate,
	.combine = linear_combine,
	.end_pass = linear_end_pass,
	.finish = linear_finish,
	.partial_check = linear_partial_check,
	.partial_grow = linear_partial_grow,
	.predict = linear_predict,
	.body_send = linear_body_send,
	.body_recv = linear_body_recv,
	.describe = linear_describe,
	.coefficients = linear_coefficients
};
