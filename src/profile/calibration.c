/*-------------------------------------------------------------------------
 *
 * calibration.c
 *	  What probabilities are worth: how often what they speak of happened.
 *
 * Isotonic regression: of all functions that never fall, the one with the least
 * sum of squares, found by pooling adjacent violators [1].  Rows of equal
 * probability are one step from the start.
 *
 * The expected calibration error is the mean over rows of how far the mean
 * probability in a bin is from the share in it, over 10 bins of equal width,
 * closed on the right (the first on both sides), as mlops.ece() has it [2].
 *
 * [1] Ayer, Brunk, Ewing, Reid, Silverman: An empirical distribution function
 *	   for sampling with incomplete information, Annals of Mathematical
 *	   Statistics 26, 1955
 * [2] Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks,
 *	   2017, equation 3
 *
 * IDENTIFICATION
 *	  src/profile/calibration.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/reference.h"

#define ERROR_BINS 10

typedef struct Step
{
	double		score;
	double		events;
	double		rows;
} Step;

/* By p, each value's events before the others: the zeros' and the ones' p are sorted and merged. */
static void
sort_pairs(double *p, double *y, int64 n)
{
	double	   *sorted = palloc_extended(sizeof(double) * Max(n, 1), MCXT_ALLOC_HUGE);
	double	   *scratch = palloc_extended(sizeof(double) * Max(n, 1), MCXT_ALLOC_HUGE);
	int64		nevents = 0;
	int64		nothers = 0;
	int64		a = 0;
	int64		b;

	for (int64 i = 0; i < n; i++)
	{
		if (y[i] > 0)
			sorted[nevents++] = p[i];
		else
			sorted[n - ++nothers] = p[i];
	}
	mlops_sort_doubles(sorted, (size_t) nevents, scratch);
	mlops_sort_doubles(sorted + nevents, (size_t) nothers, scratch);
	b = nevents;
	for (int64 i = 0; i < n; i++)
	{
		bool		event = a < nevents && (b == n || sorted[a] <= sorted[b]);

		y[i] = event ? 1.0 : 0.0;
		p[i] = event ? sorted[a++] : sorted[b++];
	}
	pfree(sorted);
	pfree(scratch);
}

static double
calibration_error(const double *p, const double *y, int64 n)
{
	double		sum[ERROR_BINS] = {0};
	double		events[ERROR_BINS] = {0};
	double		error = 0;

	for (int64 i = 0; i < n; i++)
	{
		int			bin = (int) Max(Min(ceil(p[i] * ERROR_BINS), ERROR_BINS) - 1, 0);

		sum[bin] += p[i];
		events[bin] += y[i];
	}
	for (int i = 0; i < ERROR_BINS; i++)
		error += fabs(sum[i] - events[i]);
	return error / (double) n;
}

static inline double
rate(const Step *step)
{
	return step->events / step->rows;
}

/* Steps with too few rows join the one before, the first the one after. */
static int
pool_few(Step *steps, int nsteps, int64 least)
{
	int			kept = 0;

	for (int i = 0; i < nsteps; i++)
	{
		if (kept > 0 && (steps[kept - 1].rows < least || steps[i].rows < least))
		{
			steps[kept - 1].events += steps[i].events;
			steps[kept - 1].rows += steps[i].rows;
		}
		else
			steps[kept++] = steps[i];
	}
	return kept;
}

/*
 * mlops_calibration_fit - rates by probability that never fall
 */
void
mlops_calibration_fit(double *p, double *y, int64 n, int64 least, MlCalibration *out)
{
	Step	   *steps = palloc_extended(sizeof(Step) * Max(n, 1), MCXT_ALLOC_HUGE);
	int			nsteps = 0;

	memset(out, 0, sizeof(*out));
	if (n > 0)
	{
		sort_pairs(p, y, n);
		out->nrows = n;
		out->error = calibration_error(p, y, n);
	}
	for (int64 i = 0; i < n;)
	{
		Step	   *step = &steps[nsteps];

		step->score = p[i];
		step->events = step->rows = 0;
		for (; i < n && p[i] == step->score; i++)
		{
			step->events += y[i];
			step->rows++;
		}
		/* cross-multiplied, so that equal rates are equal */
		while (nsteps > 0 &&
			   steps[nsteps - 1].events * steps[nsteps].rows >= steps[nsteps].events * steps[nsteps - 1].rows)
		{
			steps[nsteps - 1].events += steps[nsteps].events;
			steps[nsteps - 1].rows += steps[nsteps].rows;
			nsteps--;
		}
		nsteps++;
	}
	nsteps = pool_few(steps, nsteps, least);
	out->nsteps = nsteps;
	out->score = palloc(sizeof(double) * Max(nsteps, 1));
	out->rate = palloc(sizeof(double) * Max(nsteps, 1));
	for (int i = 0; i < nsteps; i++)
	{
		out->score[i] = steps[i].score;
		out->rate[i] = rate(&steps[i]);
	}
	pfree(steps);
}

/*
 * mlops_calibrated - the rate of a probability
 */
double
mlops_calibrated(const MlCalibration *calibration, double p)
{
	int			low = 0;
	int			high = calibration->nsteps;

	if (calibration->nsteps == 0 || isnan(p))
		return p;
	while (high - low > 1)
	{
		int			middle = low + (high - low) / 2;

		if (calibration->score[middle] <= p)
			low = middle;
		else
			high = middle;
	}
	return calibration->rate[low];
}
