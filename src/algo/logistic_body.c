/*-------------------------------------------------------------------------
 *
 * logistic_body.c
 *	  The fitted logistic regression: scoring, storage, what people see.
 *
 * IDENTIFICATION
 *	  src/algo/logistic_body.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "mlops/bytes.h"
#include "mlops/error.h"
#include "mlops/jsonb_out.h"

#include "logistic.h"

static const char *const fact_names[LOGISTIC_N_FACTS] = {
	"n", "sum_weight", "rank", "log_likelihood", "null_log_likelihood",
	"deviance", "aic", "bic", "pseudo_r2", "l2", "iterations"
};

/*
 * An empty body for that many sets of coefficients: no estimates, no facts.
 * "nterms" comes from stored bytes or the training and has to be the design's,
 * before memory is taken for it.
 */
LogisticBody *
mlops_logistic_make_body(const MlSignature *sig, int sets, uint64 nterms)
{
	LogisticBody *body = palloc0(sizeof(LogisticBody));
	Size		n;

	body->design = mlops_design_make(sig);
	body->nterms = mlops_design_nterms(body->design);
	ML_CHECK_BYTES(nterms == (uint64) body->nterms, "number of coefficients");
	body->sets = sets;
	n = mul_size(body->nterms, sets);
	body->estimate = palloc(mul_size(n, sizeof(double)));
	body->std_error = palloc(mul_size(n, sizeof(double)));
	body->score = palloc0(mul_size(n, sizeof(double)));
	for (Size i = 0; i < n; i++)
		body->estimate[i] = body->std_error[i] = NAN;
	for (int i = 0; i < LOGISTIC_N_FACTS; i++)
		body->facts[i] = NAN;
	return body;
}

/* Estimates to what scoring multiplies with: an aliased term contributes nothing. */
void
mlops_logistic_set_score(LogisticBody *body)
{
	for (Size i = 0; i < (Size) body->nterms * body->sets; i++)
		body->score[i] = isnan(body->estimate[i]) ? 0.0 : body->estimate[i];
}

void
mlops_logistic_predict(const MlSignature *sig, const void *body,
					   const MlBlock *block, double *out)
{
	const LogisticBody *b = body;
	int			nclasses = sig->nclasses;
	int			first = nclasses - b->sets;

	for (int i = 0; i < block->nrows; i++)
	{
		const double *x = block->x + (Size) i * block->width;
		double	   *row = out + (Size) i * nclasses;

		if (nclasses == 2)
		{
			out[i] = mlops_sigmoid(mlops_design_dot(b->design, b->score, x));
			continue;
		}
		row[0] = 0.0;
		for (int q = 0; q < b->sets; q++)
			row[first + q] = mlops_design_dot(b->design, b->score + (Size) q * b->nterms, x);
		mlops_softmax(nclasses, row);
	}
}

void
mlops_logistic_body_send(const MlSignature *sig, const void *body, StringInfo buf)
{
	const LogisticBody *b = body;

	mlops_put_uint(buf, b->nterms, 4);
	mlops_put_uint(buf, b->sets, 4);
	mlops_put_uint(buf, b->flags, 1);
	for (int i = 0; i < LOGISTIC_N_FACTS; i++)
		mlops_put_double(buf, b->facts[i]);
	for (Size i = 0; i < (Size) b->nterms * b->sets; i++)
	{
		mlops_put_double(buf, b->estimate[i]);
		mlops_put_double(buf, b->std_error[i]);
	}
}

void *
mlops_logistic_body_recv(const MlSignature *sig, StringInfo buf,
						 uint16 body_version)
{
	uint64		nterms = mlops_get_uint(buf, 4);
	uint64		sets = mlops_get_uint(buf, 4);
	uint8		flags = mlops_get_uint(buf, 1);
	uint64		nclasses = sig->nclasses;
	LogisticBody *b;

	ML_CHECK_BYTES(sig->task == ML_TASK_CLASSIFICATION && nclasses >= 2, "classes");
	ML_CHECK_BYTES(nclasses == 2 ? sets == 1 :
				   sets == nclasses || sets == nclasses - 1,
				   "sets of coefficients");
	ML_CHECK_BYTES((flags & ~LOGISTIC_FLAG_ALL) == 0, "flags");
	ML_CHECK_BYTES(nterms * sets <= mlops_bytes_left(buf) / 16,
				   "number of coefficients");
	b = mlops_logistic_make_body(sig, sets, nterms);
	b->flags = flags;
	for (int i = 0; i < LOGISTIC_N_FACTS; i++)
	{
		b->facts[i] = mlops_get_double(buf);
		ML_CHECK_BYTES(!isinf(b->facts[i]), "statistic");
	}
	for (Size i = 0; i < nterms * sets; i++)
	{
		b->estimate[i] = mlops_get_double(buf);
		b->std_error[i] = mlops_get_double(buf);
		ML_CHECK_BYTES(!isinf(b->estimate[i]), "coefficient");
		ML_CHECK_BYTES(!(b->std_error[i] < 0) && !isinf(b->std_error[i]),
					   "standard error");
	}
	mlops_logistic_set_score(b);
	return b;
}

void
mlops_logistic_describe(const MlSignature *sig, const void *body,
						JsonbParseState **out)
{
	const LogisticBody *b = body;

	mlops_jsonb_add_boolean(out, "fit_intercept", (b->flags & LOGISTIC_FLAG_INTERCEPT) != 0);
	mlops_jsonb_add_string(out, "solver", (b->flags & LOGISTIC_FLAG_LBFGS) ? "lbfgs" : "newton");
	mlops_jsonb_add_boolean(out, "converged", (b->flags & LOGISTIC_FLAG_CONVERGED) != 0);
	mlops_jsonb_add_boolean(out, "separation", (b->flags & LOGISTIC_FLAG_SEPARATION) != 0);
	for (int i = 0; i < LOGISTIC_N_FACTS; i++)
		mlops_jsonb_add_number(out, fact_names[i], b->facts[i]);
}

MlCoefficient *
mlops_logistic_coefficients(const MlSignature *sig, const void *body, int *n)
{
	const LogisticBody *b = body;
	int			first = (b->flags & LOGISTIC_FLAG_INTERCEPT) ? 0 : 1;
	int			first_class = sig->nclasses - b->sets;
	double		z = mlops_normal_quantile(0.975);
	MlCoefficient *rows = palloc0(mul_size(sizeof(MlCoefficient),
										   mul_size(b->nterms, b->sets)));

	*n = 0;
	for (int q = 0; q < b->sets; q++)
		for (int j = first; j < b->nterms; j++)
		{
			MlCoefficient *c = &rows[(*n)++];
			const MlString *name = &sig->classes[first_class + q];

			c->term = mlops_design_term_name(b->design, j);
			if (sig->nclasses > 2)
				c->class_name = pnstrdup(name->data, name->len);
			c->estimate = b->estimate[(Size) q * b->nterms + j];
			c->std_error = isnan(c->estimate) ? NAN : b->std_error[(Size) q * b->nterms + j];
			c->statistic = c->estimate / c->std_error;
			c->p_value = mlops_normal_sf2(c->statistic);
			c->ci_low = c->estimate - z * c->std_error;
			c->ci_high = c->estimate + z * c->std_error;
			c->odds_ratio = exp(c->estimate);
		}
	return rows;
}
