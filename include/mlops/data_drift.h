/*-------------------------------------------------------------------------
 *
 * data_drift.h
 *	  Two sources compared column by column, by all of their values.
 *
 * IDENTIFICATION
 *	  include/mlops/data_drift.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_DATA_DRIFT_H
#define MLOPS_DATA_DRIFT_H

#include "mlops/dataset.h"
#include "mlops/profile.h"

/* One column; NaN where there is no value. */
typedef struct MlDataDrift
{
	const char *column;
	bool		is_number;
	const char *status;			/* ok, low_n, no_data, type_changed */
	MlDrift		drift;			/* but for what follows, which is exact */
	double		ks;
	double		ks_p;
	double		wasserstein;
	double		wasserstein_scaled;
	double		p;				/* of Kolmogorov-Smirnov or chi-squared */
	double		p_adjusted;		/* Benjamini and Hochberg, over the columns compared */
} MlDataDrift;

/*
 * drift/data_drift.c: the columns asked for, or (ncolumns 0) those that both
 * have and that can be compared, in the reference's order.  Reads each source
 * as often as mlops.training_memory makes it necessary.  Errors: 42703 for a
 * column that one has not, 42804 for one that cannot be compared, 54000.
 */
extern MlDataDrift *mlops_data_drift(MlSource *reference, MlSource *current, int ncolumns, char **columns,
									 int bins, const MlDriftOptions *options, int *n);

#endif							/* MLOPS_DATA_DRIFT_H */
