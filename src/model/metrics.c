/*-------------------------------------------------------------------------
 *
 * metrics.c
 *	  The metrics of a model on rows with known truth, for train() and
 *	  evaluate().
 *
 * A predicted class is the most probable one, the first of equals: class 1 of
 * two needs a probability above one half.  A row whose true class the model
 * does not know (-1) is an error of the model: never right, not positive, of
 * probability 0, and for macro averages of a class of its own.
 *
 * IDENTIFICATION
 *	  src/model/metrics.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/metrics.h"

typedef struct ScoreList
{
	MlScore    *item;
	int64		n;
	int64		room;
} ScoreList;

struct MlMetrics
{
	MemoryContext context;
	MlTask		task;
	int			nclasses;
	int64		n;				/* rows with weight */
	bool		not_finite;		/* a prediction or a true number was NaN or infinite */
	MlRegressionSums regression;
	double		w;				/* classification: sum of weights */
	double		right;			/* of which predicted correctly */
	MlClassTally *tally;		/* nclasses, and one for unknown truth */
	MlSum		loss;
	MlSum		brier;
	MlBin		bins[MLOPS_ECE_BINS];
	ScoreList	pos;			/* binary: scores for the AUC */
	ScoreList	neg;
	MlBudget *budget;		/* of scores; NULL: mlops.training_memory, for these alone */
};

/*
 * mlops_metrics_begin - an empty accumulator in CurrentMemoryContext
 */
MlMetrics *
mlops_metrics_begin(MlTask task, int nclasses)
{
	MlMetrics  *m = palloc0(sizeof(MlMetrics));

	m->context = CurrentMemoryContext;
	m->task = task;
	m->nclasses = nclasses;
	if (task == ML_TASK_CLASSIFICATION)
		m->tally = palloc0(sizeof(MlClassTally) * (Max(nclasses, 2) + 1));
	return m;
}

/*
 * mlops_metrics_share - the memory of scores comes out of the budget
 */
void
mlops_metrics_share(MlMetrics *m, MlBudget *budget)
{
	m->budget = budget;
}

/* Append one score to a list; error 54000 when both lists get too large. */
static void
push_score(MlMetrics *m, ScoreList *list, double score, double w)
{
	if (list->n == list->room)
	{
		int64		room = list->room == 0 ? 1024 : list->room * 2;

		if (m->budget)
			mlops_budget_take(m->budget, (Size) (room - list->room) * sizeof(MlScore));
		else
			mlops_budget_check((Size) (m->pos.room + m->neg.room + room) * sizeof(MlScore),
							   mlops_guc_training_memory, "mlops.training_memory",
							   "The AUC needs the score of every row. Measure on fewer rows, or raise mlops.training_memory.");
		if (list->item == NULL)
			list->item = MemoryContextAllocHuge(m->context, room * sizeof(MlScore));
		else
			list->item = repalloc_huge(list->item, room * sizeof(MlScore));
		list->room = room;
	}
	list->item[list->n].score = score;
	list->item[list->n].w = w;
	list->n++;
}

/* Count one row of the confusion matrix. */
static void
tally_row(MlMetrics *m, int truth, int predicted, double w)
{
	m->w += w;
	m->tally[predicted].predicted += w;
	m->tally[truth < 0 ? Max(m->nclasses, 2) : truth].actual += w;
	if (truth == predicted)
	{
		m->tally[truth].hit += w;
		m->right += w;
	}
}

/* One row of two classes: p is the probability of class 1. */
static void
add_binary(MlMetrics *m, int truth, double p, double w)
{
	double		y = truth == 1 ? 1 : 0;
	MlBin	   *bin = &m->bins[mlops_probability_bin(p, MLOPS_ECE_BINS)];

	tally_row(m, truth, p > 0.5 ? 1 : 0, w);
	mlops_sum_add(&m->loss,
				  w * mlops_log_loss_one(truth == 1 ? p : truth == 0 ? 1 - p : 0));
	mlops_sum_add(&m->brier, w * (p - y) * (p - y));
	bin->w += w;
	bin->pos += w * y;
	mlops_sum_add(&bin->p, w * p);
	push_score(m, truth == 1 ? &m->pos : &m->neg, p, w);
}

/* One row of several classes: p holds every class's probability. */
static void
add_multiclass(MlMetrics *m, int truth, const double *p, double w)
{
	int			best = 0;
	double		sum = 0;
	double		own = DBL_EPSILON;

	for (int k = 0; k < m->nclasses; k++)
	{
		double		clipped = Min(Max(p[k], DBL_EPSILON), 1 - DBL_EPSILON);

		if (p[k] > p[best])
			best = k;
		if (k == truth)
			own = clipped;
		sum += clipped;
	}
	tally_row(m, truth, best, w);
	mlops_sum_add(&m->loss, -w * log(own / sum));
}

/*
 * mlops_metrics_add - count n rows; those without weight do not count
 */
void
mlops_metrics_add(MlMetrics *m, int n, const double *y, const double *out,
				  const double *w)
{
	int			width = 1;

	if (m->task == ML_TASK_CLASSIFICATION && m->nclasses > 2)
		width = m->nclasses;
	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < n; i++)
	{
		const double *row = out + (Size) i * width;
		double		weight = w ? w[i] : 1;
		bool		finite = isfinite(y[i]);

		if (!(weight > 0))
			continue;
		m->n++;
		for (int k = 0; k < width; k++)
			finite = finite && isfinite(row[k]);
		if (!finite)
			m->not_finite = true;
		else if (m->task == ML_TASK_REGRESSION)
			mlops_regression_add(&m->regression, y[i], row[0], weight);
		else if (width == 1)
			add_binary(m, (int) y[i], row[0], weight);
		else
			add_multiclass(m, (int) y[i], row, weight);
	}
}

/* Append one metric; what is undefined or overflowed is NaN. */
static void
put(const MlMetrics *m, MlMetric *list, int *n, const char *name, double value)
{
	list[*n].name = name;
	list[*n].value = m->not_finite || !isfinite(value) ? NAN : value;
	list[*n].n = m->n;
	(*n)++;
}

/* The metrics of two classes. */
static void
finish_binary(MlMetrics *m, MlMetric *list, int *n)
{
	const MlClassTally *t = &m->tally[1];

	put(m, list, n, "accuracy", m->right / m->w);
	put(m, list, n, "precision_score", mlops_class_precision(t));
	put(m, list, n, "recall_score", mlops_class_recall(t));
	put(m, list, n, "f1", mlops_class_f1(t));
	put(m, list, n, "auc",
		mlops_auc_weighted(m->pos.item, m->pos.n, m->neg.item, m->neg.n));
	put(m, list, n, "log_loss", mlops_sum_value(&m->loss) / m->w);
	put(m, list, n, "brier", mlops_sum_value(&m->brier) / m->w);
	put(m, list, n, "ece", mlops_bins_ece(m->bins, MLOPS_ECE_BINS));
}

/*
 * mlops_metrics_finish - the metrics of all rows added, palloc'd
 */
MlMetric *
mlops_metrics_finish(MlMetrics *m, int *n)
{
	MlMetric   *list = palloc0(sizeof(MlMetric) * 8);
	int			nt = m->nclasses + 1;

	*n = 0;
	if (m->task == ML_TASK_REGRESSION)
	{
		put(m, list, n, "rmse", mlops_regression_rmse(&m->regression));
		put(m, list, n, "mae", mlops_regression_mae(&m->regression));
		put(m, list, n, "r2", mlops_regression_r2(&m->regression));
		put(m, list, n, "mape", mlops_regression_mape(&m->regression));
	}
	else if (m->nclasses <= 2)
		finish_binary(m, list, n);
	else
	{
		put(m, list, n, "accuracy", m->right / m->w);
		put(m, list, n, "precision_score",
			mlops_class_macro(m->tally, nt, mlops_class_precision));
		put(m, list, n, "recall_score",
			mlops_class_macro(m->tally, nt, mlops_class_recall));
		put(m, list, n, "f1", mlops_class_macro(m->tally, nt, mlops_class_f1));
		put(m, list, n, "log_loss", mlops_sum_value(&m->loss) / m->w);
	}
	return list;
}
