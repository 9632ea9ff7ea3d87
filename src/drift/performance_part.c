/*-------------------------------------------------------------------------
 *
 * performance_part.c
 *	  The rows of one segment of a window added up, and what they amount to.
 *
 * Metrics are those of the accumulator that train() and evaluate() use
 * (model/metrics.c).  An outcome that is no class of the version counts as
 * there: the prediction was wrong.
 *
 * Rates by group follow fairlearn: selection rate is the share of rows called
 * positive, demographic parity compares it between groups, equal opportunity
 * compares true positive rates, equalized odds those and false positive rates.
 * A group without a rate is left out of the comparison, where fairlearn takes
 * its rate for 0.
 *
 * IDENTIFICATION
 *	  src/drift/performance_part.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "performance_private.h"

static bool
is_binary(const Judged *judged)
{
	return judged->sig && judged->sig->task == ML_TASK_CLASSIFICATION && judged->sig->nclasses == 2;
}

Part *
mlops_part_make(const Judged *judged, const char *segment, MlBudget *budget)
{
	Part	   *part;

	mlops_budget_take(budget, sizeof(Part));
	part = palloc0(sizeof(Part));
	part->segment = segment;
	if (judged->sig)
	{
		part->metrics = mlops_metrics_begin(judged->sig->task, judged->sig->nclasses);
		mlops_metrics_share(part->metrics, budget);
	}
	if (judged->calibration)
	{
		part->estimation = palloc0(sizeof(MlEstimation));
		part->estimation->calibration = judged->calibration;
		part->estimation->budget = budget;
	}
	return part;
}

static int
latency_slot(int us)
{
	int			power;

	us = Max(us, 0);
	if (us < LATENCY_EXACT)
		return us;
	power = pg_leftmost_one_pos32((uint32) us); /* at least 7 */
	return LATENCY_EXACT + (power - 7) * LATENCY_STEPS + ((us >> (power - 6)) & (LATENCY_STEPS - 1));
}

/* The middle of a slot, in milliseconds. */
static double
slot_latency(int slot)
{
	int			power;
	double		low;

	if (slot < LATENCY_EXACT)
		return slot / 1000.0;
	power = (slot - LATENCY_EXACT) / LATENCY_STEPS;
	low = ldexp(LATENCY_STEPS + (slot - LATENCY_EXACT) % LATENCY_STEPS, power + 1);
	return (low + (ldexp(1, power + 1) - 1) / 2) / 1000.0;
}

/* The least latency that at least the share q of rows does not exceed. */
static double
latency_quantile(const Part *part, double q)
{
	double		wanted = ceil(q * (double) part->npredictions);
	int64		upto = 0;

	for (int i = 0; i < LATENCY_SLOTS; i++)
	{
		upto += part->latency[i];
		if (upto > 0 && (double) upto >= wanted)
			return slot_latency(i);
	}
	return NAN;
}

/* The log has probabilities as float4: two that are the same there were not when the class was chosen. */
static void
break_tie(const LoggedRow *row, int nclasses)
{
	double	   *p = row->probabilities;
	double		most = p[0];

	for (int c = 1; c < nclasses; c++)
		most = Max(most, p[c]);
	if (row->called >= 0 && p[row->called] == most)
		p[row->called] = nextafter(most, INFINITY);
}

static void
add_known(Part *part, const Judged *judged, const LoggedRow *row)
{
	const double *out = &row->value;

	part->nknown++;
	if (judged->sig->task == ML_TASK_CLASSIFICATION)
	{
		part->nstrange += row->actual < 0;
		if (judged->sig->nclasses > 2)
		{
			break_tie(row, judged->sig->nclasses);
			out = row->probabilities;
		}
	}
	if (is_binary(judged))
	{
		MlClassTally *tally = row->actual == 1 ? &part->positive : &part->negative;

		tally->actual++;
		tally->hit += row->value > 0.5;
	}
	mlops_metrics_add(part->metrics, 1, &row->actual, out, NULL);
}

void
mlops_part_add(Part *part, const Judged *judged, const LoggedRow *row)
{
	part->npredictions++;
	part->latency[latency_slot(row->latency_us)]++;
	if (!row->answered)
		return;
	part->nanswered++;
	if (judged->sig == NULL)
		return;
	if (is_binary(judged))
		part->nselected += row->value > 0.5;
	if (row->known)
		add_known(part, judged, row);
	if (part->estimation)
		mlops_estimation_add(part->estimation, row->value, row->value > 0.5);
}

static List *
put(List *list, const MlPerformance *like, MemoryContext context, const char *metric,
	double value, int64 nrows)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	MlPerformance *p = palloc(sizeof(MlPerformance));

	*p = *like;
	p->metric = metric;
	p->value = isfinite(value) ? value : NAN;
	p->nrows = nrows;
	list = lappend(list, p);
	MemoryContextSwitchTo(old);
	return list;
}

static double
share(int64 part, int64 whole)
{
	return whole > 0 ? (double) part / (double) whole : NAN;
}

static List *
report_estimate(List *list, const Part *part, const MlPerformance *like, MemoryContext context)
{
	MlPerformance estimated = *like;
	MlEstimate	e;
	int64		n = part->estimation->n;

	mlops_estimation_finish(part->estimation, &e);
	estimated.estimated = true;
	estimated.calibration_error = part->estimation->calibration->error;
	list = put(list, &estimated, context, "accuracy", e.rates.accuracy, n);
	list = put(list, &estimated, context, "precision_score", e.rates.precision, n);
	list = put(list, &estimated, context, "recall_score", e.rates.recall, n);
	list = put(list, &estimated, context, "f1", e.rates.f1, n);
	list = put(list, &estimated, context, "auc", e.roc_auc, n);
	return put(list, &estimated, context, "false_positive_rate", 1 - e.rates.specificity, n);
}

List *
mlops_part_report(List *list, Part *part, const Judged *judged, const MlPerformance *like,
				  MemoryContext context)
{
	MlPerformance of_part = *like;
	MlMetric   *m = NULL;
	int			n = 0;

	of_part.npredictions = part->npredictions;
	of_part.has_segment = part->segment != NULL;
	of_part.segment = part->segment ? MemoryContextStrdup(context, part->segment) : NULL;
	if (part->metrics)
		m = mlops_metrics_finish(part->metrics, &n);
	for (int i = 0; i < n; i++)
		list = put(list, &of_part, context, m[i].name, m[i].value, part->nknown);
	if (is_binary(judged))
	{
		list = put(list, &of_part, context, "false_positive_rate",
				   mlops_class_recall(&part->negative), part->nknown);
		list = put(list, &of_part, context, "selection_rate",
				   share(part->nselected, part->nanswered), part->nanswered);
	}
	if (judged->sig && judged->sig->task == ML_TASK_CLASSIFICATION)
		list = put(list, &of_part, context, "unknown_class",
				   share(part->nstrange, part->nknown), part->nknown);
	list = put(list, &of_part, context, "latency_p50_ms", latency_quantile(part, 0.5), part->npredictions);
	list = put(list, &of_part, context, "latency_p95_ms", latency_quantile(part, 0.95), part->npredictions);
	list = put(list, &of_part, context, "latency_p99_ms", latency_quantile(part, 0.99), part->npredictions);
	list = put(list, &of_part, context, "skipped",
			   share(part->npredictions - part->nanswered, part->npredictions), part->npredictions);
	if (part->estimation)
		list = report_estimate(list, part, &of_part, context);
	return list;
}

/* The least and greatest of a rate; NaN where no group has it. */
typedef struct Range
{
	double		least;
	double		greatest;
} Range;

static void
widen(Range *range, double rate)
{
	if (isnan(rate))
		return;
	range->least = isnan(range->least) ? rate : Min(range->least, rate);
	range->greatest = isnan(range->greatest) ? rate : Max(range->greatest, rate);
}

List *
mlops_parts_report_gaps(List *list, Part **parts, int nparts, const MlPerformance *like,
						MemoryContext context)
{
	MlPerformance all = *like;
	Range		selected = {NAN, NAN};
	Range		positive = {NAN, NAN};
	Range		negative = {NAN, NAN};
	int64		nanswered = 0;
	int64		nknown = 0;
	double		opportunity;
	double		false_alarms;

	for (int i = 0; i < nparts; i++)
	{
		if (parts[i] == NULL)
			continue;
		all.npredictions += parts[i]->npredictions;
		nanswered += parts[i]->nanswered;
		nknown += parts[i]->nknown;
		widen(&selected, share(parts[i]->nselected, parts[i]->nanswered));
		widen(&positive, mlops_class_recall(&parts[i]->positive));
		widen(&negative, mlops_class_recall(&parts[i]->negative));
	}
	opportunity = positive.greatest - positive.least;
	false_alarms = negative.greatest - negative.least;
	list = put(list, &all, context, "demographic_parity_difference",
			   selected.greatest - selected.least, nanswered);
	list = put(list, &all, context, "demographic_parity_ratio",
			   selected.least / selected.greatest, nanswered);
	list = put(list, &all, context, "equal_opportunity_difference", opportunity, nknown);
	return put(list, &all, context, "equalized_odds_difference",
			   isnan(opportunity) ? false_alarms : isnan(false_alarms) ? opportunity :
			   Max(opportunity, false_alarms), nknown);
}
