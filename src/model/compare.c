/*-------------------------------------------------------------------------
 *
 * compare.c
 *	  Two models on the same rows: metrics, the difference, how sure it is.
 *
 * A row is kept as what the metrics need of it.  Before anything is drawn the
 * rows are put into an order that depends on these values alone, so that the
 * result does not depend on the order in which they were read (P7).
 *
 * IDENTIFICATION
 *	  src/model/compare.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/metrics.h"
#include "mlops/model.h"
#include "mlops/numeric.h"

#define SIDES 2
#define MAX_METRICS 4

/* What one model made of one row. */
typedef struct Outcome
{
	double		score;			/* regression: the error; two classes: probability of the second */
	double		loss;			/* classification: log loss */
	double		right;			/* classification: 1 or 0 */
} Outcome;

typedef struct PairRow
{
	Outcome		of[SIDES];
	bool		positive;		/* two classes */
} PairRow;

struct MlPaired
{
	MemoryContext context;
	const MlModel *model[SIDES];
	double	   *out[SIDES];
	MlTask		task;
	bool		has_auc;		/* two classes, and the same two */
	bool		not_finite;
	PairRow    *row;
	int64		n;
	int64		room;
	int64		nunknown;		/* rows of a class that one of the models does not know */
};

/* Something to be compared: a mean over rows, or the AUC. */
typedef struct Column
{
	const char *name;
	double	   *x[SIDES];		/* per row */
	uint32	   *order[SIDES];	/* AUC: rows by score; else NULL */
	bool		is_rmse;		/* the root of the mean */
} Column;

static bool
same_classes(const MlSignature *a, const MlSignature *b)
{
	if (a->nclasses != b->nclasses)
		return false;
	for (int i = 0; i < a->nclasses; i++)
		if (a->classes[i].len != b->classes[i].len ||
			memcmp(a->classes[i].data, b->classes[i].data, a->classes[i].len) != 0)
			return false;
	return true;
}

MlPaired *
mlops_paired_begin(const MlModel *a, const MlModel *b)
{
	MlPaired   *p = palloc0(sizeof(MlPaired));

	p->context = CurrentMemoryContext;
	p->model[0] = a;
	p->model[1] = b;
	p->task = a->sig->task;
	p->has_auc = p->task == ML_TASK_CLASSIFICATION && a->sig->nclasses == 2 &&
		same_classes(a->sig, b->sig);
	for (int s = 0; s < SIDES; s++)
		p->out[s] = palloc(sizeof(double) * MLOPS_BLOCK_ROWS * Max(p->model[s]->sig->nclasses, 1));
	return p;
}

/* a row, its columns, orders, count and class */
#define ROW_BYTES (sizeof(PairRow) + SIDES * (MAX_METRICS * sizeof(double) + sizeof(uint32)) + 3)

/* Room for n more rows, and for what comparing them takes. */
static void
make_room(MlPaired *p, int n)
{
	if (p->n + n <= p->room)
		return;
	p->room = Max(p->room * 2, MLOPS_BLOCK_ROWS);
	if (p->room > PG_UINT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows to compare models on")));
	mlops_budget_check((Size) p->room * ROW_BYTES, mlops_guc_training_memory, "mlops.training_memory",
					   "A comparison keeps what both models made of every row. Compare on fewer rows, or raise mlops.training_memory.");
	if (p->row == NULL)
		p->row = MemoryContextAllocHuge(p->context, sizeof(PairRow) * p->room);
	else
		p->row = repalloc_huge(p->row, sizeof(PairRow) * p->room);
}

/* One row of classes as metrics.c has it: a class the model does not know is never right and of probability 0. */
static void
judge_class(const MlSignature *sig, int truth, const double *out, Outcome *o)
{
	double		sum = 0;
	double		own = DBL_EPSILON;
	int			best = 0;

	if (sig->nclasses <= 2)
	{
		o->score = out[0];
		o->right = truth == (out[0] > 0.5 ? 1 : 0);
		o->loss = mlops_log_loss_one(truth == 1 ? out[0] : truth == 0 ? 1 - out[0] : 0);
		return;
	}
	for (int k = 0; k < sig->nclasses; k++)
	{
		double		clipped = Min(Max(out[k], DBL_EPSILON), 1 - DBL_EPSILON);

		if (out[k] > out[best])
			best = k;
		if (k == truth)
			own = clipped;
		sum += clipped;
	}
	o->score = 0;
	o->right = truth == best;
	o->loss = -log(own / sum);
}

static void
judge(MlPaired *p, int side, const MlBlock *block, int row, Outcome *o)
{
	const MlSignature *sig = p->model[side]->sig;
	int			width = sig->nclasses > 2 ? sig->nclasses : 1;
	const double *out = p->out[side] + (Size) row * width;

	memset(o, 0, sizeof(Outcome));
	for (int k = 0; k < width; k++)
		if (!isfinite(out[k]))
			p->not_finite = true;
	if (!isfinite(block->y[row]))
		p->not_finite = true;
	if (p->not_finite)
		return;
	if (p->task == ML_TASK_REGRESSION)
		o->score = out[0] - block->y[row];
	else
		judge_class(sig, (int) block->y[row], out, o);
}

void
mlops_paired_add(void *arg, const MlBlock *blocks)
{
	MlPaired   *p = arg;

	make_room(p, blocks->nrows);
	for (int s = 0; s < SIDES; s++)
		p->model[s]->algo->predict(p->model[s]->sig, p->model[s]->body, &blocks[s], p->out[s]);
	for (int i = 0; i < blocks->nrows; i++)
	{
		PairRow    *row = &p->row[p->n++];

		for (int s = 0; s < SIDES; s++)
			judge(p, s, &blocks[s], i, &row->of[s]);
		row->positive = p->has_auc && blocks[0].y[i] == 1;
		if (p->task == ML_TASK_CLASSIFICATION && (blocks[0].y[i] < 0 || blocks[1].y[i] < 0))
			p->nunknown++;
	}
}

int64
mlops_paired_rows(const MlPaired *p, int64 *nunknown)
{
	*nunknown = p->nunknown;
	return p->n;
}

static inline int
compare_rows(const PairRow *a, const PairRow *b)
{
	if (a->positive != b->positive)
		return a->positive ? 1 : -1;
	for (int s = 0; s < SIDES; s++)
	{
		const Outcome *x = &a->of[s];
		const Outcome *y = &b->of[s];

		if (x->score != y->score)
			return x->score < y->score ? -1 : 1;
		if (x->loss != y->loss)
			return x->loss < y->loss ? -1 : 1;
		if (x->right != y->right)
			return x->right < y->right ? -1 : 1;
	}
	return 0;
}

#define ST_SORT sort_rows
#define ST_ELEMENT_TYPE PairRow
#define ST_COMPARE(a, b) compare_rows(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_by_score
#define ST_ELEMENT_TYPE uint32
#define ST_COMPARE_ARG_TYPE const double
#define ST_COMPARE(a, b, score) (((score)[*(a)] > (score)[*(b)]) - ((score)[*(a)] < (score)[*(b)]))
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_values
#define ST_ELEMENT_TYPE double
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

typedef double (*MlTerm) (const PairRow *row, int side);

static double
square_term(const PairRow *row, int side)
{
	return row->of[side].score * row->of[side].score;
}

static double
absolute_term(const PairRow *row, int side)
{
	return fabs(row->of[side].score);
}

static double
right_term(const PairRow *row, int side)
{
	return row->of[side].right;
}

static double
loss_term(const PairRow *row, int side)
{
	return row->of[side].loss;
}

static double
score_term(const PairRow *row, int side)
{
	return row->of[side].score;
}

static double
brier_term(const PairRow *row, int side)
{
	double		miss = row->of[side].score - (row->positive ? 1 : 0);

	return miss * miss;
}

static void
add_column(const MlPaired *p, Column *columns, int *n, const char *name, MlTerm term)
{
	Column	   *c = &columns[(*n)++];

	memset(c, 0, sizeof(Column));
	c->name = name;
	for (int s = 0; s < SIDES; s++)
	{
		c->x[s] = palloc_extended(sizeof(double) * p->n, MCXT_ALLOC_HUGE);
		for (int64 i = 0; i < p->n; i++)
			c->x[s][i] = term(&p->row[i], s);
	}
}

static void
add_auc(const MlPaired *p, Column *columns, int *n)
{
	Column	   *c = &columns[*n];

	add_column(p, columns, n, "auc", score_term);
	for (int s = 0; s < SIDES; s++)
	{
		c->order[s] = palloc_extended(sizeof(uint32) * p->n, MCXT_ALLOC_HUGE);
		for (int64 i = 0; i < p->n; i++)
			c->order[s][i] = (uint32) i;
		sort_by_score(c->order[s], p->n, c->x[s]);
	}
}

static int
make_columns(const MlPaired *p, Column *columns)
{
	int			n = 0;

	if (p->task == ML_TASK_REGRESSION)
	{
		add_column(p, columns, &n, "rmse", square_term);
		columns[0].is_rmse = true;
		add_column(p, columns, &n, "mae", absolute_term);
		return n;
	}
	add_column(p, columns, &n, "accuracy", right_term);
	if (p->has_auc)
		add_auc(p, columns, &n);
	add_column(p, columns, &n, "log_loss", loss_term);
	if (p->has_auc)
		add_column(p, columns, &n, "brier", brier_term);
	return n;
}

/* One model's metric on rows that count so often. */
static double
measure(const MlPaired *p, const Column *c, int side, const uint16 *count, const uint8 *positive)
{
	double		mean;

	if (c->order[side] != NULL)
		return mlops_counted_auc(p->n, count, c->order[side], c->x[side], positive);
	mean = mlops_counted_sum(p->n, count, c->x[side]) / p->n;
	return c->is_rmse ? sqrt(mean) : mean;
}

/* Differences of one metric to the bounds of their interval; NaN where it was never defined. */
static void
interval(double *differences, int n, double confidence, MlPairedMetric *m)
{
	int			kept = 0;

	m->low = m->high = NAN;
	for (int i = 0; i < n; i++)
		if (!isnan(differences[i]))
			differences[kept++] = differences[i];
	if (kept == 0)
		return;
	sort_values(differences, kept);
	m->low = mlops_sorted_quantile(kept, differences, (1 - confidence) / 2);
	m->high = mlops_sorted_quantile(kept, differences, (1 + confidence) / 2);
}

static void
bootstrap(const MlPaired *p, const Column *columns, int ncolumns, const uint8 *positive,
		  uint16 *count, int resamples, uint64 seed, double confidence, MlPairedMetric *list)
{
	double	   *differences = palloc(sizeof(double) * ncolumns * (Size) Max(resamples, 1));

	for (int r = 0; r < resamples; r++)
	{
		CHECK_FOR_INTERRUPTS();
		mlops_resample(seed, r, p->n, count);
		for (int c = 0; c < ncolumns; c++)
			differences[(Size) c * resamples + r] =
				measure(p, &columns[c], 1, count, positive) - measure(p, &columns[c], 0, count, positive);
	}
	for (int c = 0; c < ncolumns; c++)
		interval(differences + (Size) c * resamples, resamples, confidence, &list[c]);
}

MlPairedMetric *
mlops_paired_finish(MlPaired *p, int resamples, uint64 seed, double confidence, int *n)
{
	Column		columns[MAX_METRICS];
	MlPairedMetric *list = palloc0(sizeof(MlPairedMetric) * MAX_METRICS);
	uint16	   *count = palloc_extended(sizeof(uint16) * p->n, MCXT_ALLOC_HUGE);
	uint8	   *positive = palloc_extended(p->n, MCXT_ALLOC_HUGE);

	mlops_numeric_interruptible();
	sort_rows(p->row, p->n);
	*n = make_columns(p, columns);
	for (int64 i = 0; i < p->n; i++)
	{
		count[i] = 1;
		positive[i] = p->row[i].positive;
	}
	for (int c = 0; c < *n; c++)
	{
		list[c].name = columns[c].name;
		for (int s = 0; s < SIDES; s++)
			list[c].value[s] = p->not_finite ? NAN : measure(p, &columns[c], s, count, positive);
	}
	bootstrap(p, columns, *n, positive, count, p->not_finite ? 0 : resamples, seed, confidence, list);
	return list;
}

void
mlops_paired_right(const MlPaired *p, int64 *only_a, int64 *only_b)
{
	*only_a = *only_b = 0;
	for (int64 i = 0; i < p->n; i++)
	{
		*only_a += p->row[i].of[0].right > p->row[i].of[1].right;
		*only_b += p->row[i].of[0].right < p->row[i].of[1].right;
	}
}
