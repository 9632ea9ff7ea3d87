/*-------------------------------------------------------------------------
 *
 * test_estimate.c
 *	  Performance without outcomes: the vectors, ties, and rows in any order.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_estimate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <stdlib.h>

#include "mlops/performance.h"

#include "drift_vectors.h"
#include "unit.h"

#define LENGTH(a) ((int) (sizeof(a) / sizeof((a)[0])))
#define LIMIT_KB 100

static MlBudget budget = {0, LIMIT_KB, "mlops.fit_memory", NULL};

/* A calibration that leaves these probabilities, ascending, as they are. */
static MlCalibration
identity(const double *p, int n)
{
	MlCalibration calibration = {0};

	calibration.nsteps = n;
	calibration.score = unconstify(double *, p);
	calibration.rate = unconstify(double *, p);
	return calibration;
}

static void
test_vector(void)
{
	MlCalibration calibration = identity(cbpe_p, LENGTH(cbpe_p));
	MlEstimation e = {.calibration = &calibration, .budget = &budget};
	MlEstimate	out;

	/* in some order */
	for (int i = 0; i < LENGTH(cbpe_p); i++)
	{
		int			j = i * 3 % LENGTH(cbpe_p);

		mlops_estimation_add(&e, cbpe_p[j], cbpe_label[j]);
	}
	mlops_estimation_finish(&e, &out);
	CHECK_NEAR(out.rates.accuracy, cbpe_expected[4], 1e-12);
	CHECK_NEAR(out.rates.precision, cbpe_expected[5], 1e-12);
	CHECK_NEAR(out.rates.recall, cbpe_expected[6], 1e-12);
	CHECK_NEAR(out.rates.f1, cbpe_expected[7], 1e-12);
	CHECK_NEAR(out.rates.specificity, cbpe_expected[8], 1e-12);
	CHECK_NEAR(out.roc_auc, cbpe_expected[9], 1e-12);
	free(e.score);
}

/* Equal scores are one point of the curve, whatever the rows' order: half of the area. */
static void
test_ties(void)
{
	static double p[] = {0.7};
	MlCalibration calibration = identity(p, 1);
	MlEstimation e = {.calibration = &calibration, .budget = &budget};
	MlEstimation none = {.calibration = &calibration, .budget = &budget};
	MlEstimate	out;

	for (int i = 0; i < 10; i++)
		mlops_estimation_add(&e, 0.7, true);
	mlops_estimation_finish(&e, &out);
	CHECK(out.roc_auc == 0.5);
	CHECK_NEAR(out.rates.accuracy, 0.7, 1e-12);
	CHECK(out.rates.specificity == 0);
	free(e.score);

	mlops_estimation_finish(&none, &out);
	CHECK(isnan(out.roc_auc) && isnan(out.rates.accuracy) && isnan(out.rates.f1));
}

/* Of all pairs the share in which the positive one has the higher score, each pair as likely as it is one; beyond the first memory. */
static void
test_pairs(void)
{
	enum
	{
		ROWS = 3000
	};
	static double rate[] = {0.1, 0.1, 0.35, 0.6, 0.95};
	static double step[] = {0, 0.2, 0.4, 0.6, 0.8};
	MlCalibration calibration = {0};
	MlEstimation e = {.calibration = &calibration, .budget = &budget};
	MlEstimate	out;
	double	   *score = unit_alloc(sizeof(double) * ROWS);
	double		won = 0;
	double		pairs = 0;
	Size		used = budget.used;

	calibration.nsteps = LENGTH(rate);
	calibration.score = step;
	calibration.rate = rate;
	for (int i = 0; i < ROWS; i++)
	{
		score[i] = floor(unit_random() * 50) / 50;
		mlops_estimation_add(&e, score[i], score[i] > 0.5);
	}
	mlops_estimation_finish(&e, &out);
	for (int i = 0; i < ROWS; i++)
		for (int j = 0; j < ROWS; j++)
		{
			double		likely = mlops_calibrated(&calibration, score[i]) * (1 - mlops_calibrated(&calibration, score[j]));

			pairs += likely;
			won += likely * (score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0);
		}
	CHECK_NEAR(out.roc_auc, won / pairs, 1e-9);
	CHECK(e.n == ROWS && e.room >= ROWS);
	/* what was counted before it was taken is what there is, once more for the sorting */
	CHECK(budget.used - used == (Size) e.room * 2 * sizeof(double));
	CHECK(budget.used <= (Size) LIMIT_KB * 1024);
	free(e.score);
	free(score);
}

void
test_estimate(void)
{
	test_vector();
	test_ties();
	test_pairs();
}
