/*-------------------------------------------------------------------------
 *
 * profile.h
 *	  The frozen reference of a feature, and what a window differs from it.
 *
 * A profile says which slots a feature's values are counted in, and how many
 * of the reference were in each.  A window is as many counts; counts of parts
 * add up, in any order.  For numbers the slots are fine bins, enough to bound
 * D, and the few bins of PSI are unions of them.
 *
 * IDENTIFICATION
 *	  include/mlops/profile.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_PROFILE_H
#define MLOPS_PROFILE_H

#include "mlops/numeric.h"

#define MLOPS_DRIFT_BINS	10	/* quantile bins of PSI */
#define MLOPS_DRIFT_FINE	200 /* quantile bins counted, at least */
#define MLOPS_DRIFT_TOP		50	/* categories with a slot of their own */
#define MLOPS_DRIFT_KNOWN	10000	/* other categories that are remembered */

/* profile/profile.c */

typedef enum MlProfileKind
{
	ML_PROFILE_NUMBER = 1,
	ML_PROFILE_CATEGORY = 2
} MlProfileKind;

/* A category of the reference: bytes, equal when they are equal. */
typedef struct MlCategory
{
	const char *data;
	int			len;
	int64		count;
} MlCategory;

/* A category as it is looked up. */
typedef struct MlKnown
{
	uint64		hash;
	int			slot;
} MlKnown;

typedef struct MlProfile
{
	MlProfileKind kind;
	int			nslots;			/* of a vector of counts */
	int64	   *counts;			/* of the reference */
	int			nbins;			/* of PSI, that of missing values last */
	uint16	   *bin;			/* of each slot */
	int			null_slot;
	int			nan_slot;		/* numbers only, else as null_slot */

	/* numbers: slots 0 to ncuts; the first and the last are out of range */
	int			ncuts;
	MlCut	   *cuts;
	uint64	   *bounds;			/* for mlops_qbin_of */
	MlCut	   *psi_cuts;		/* nbins - 2 */
	double		sd;				/* population; not finite if it overflows */

	/* categories: slots of the most frequent, then of others, new ones, missing */
	int			ntop;
	MlCategory *top;			/* by falling count, then by bytes */
	int			other_slot;
	int			new_slot;
	int			nknown;
	MlKnown    *known;			/* by hash */
	bool		forgot;			/* there were too many: an unknown one counts as other */
} MlProfile;

/*
 * The profile of n numbers and of so many NULLs; NaN may be among the numbers.
 * x is sorted in place, and as large a scratch is used; bins from 2 to
 * MLOPS_BINS_MAX.  Lives in CurrentMemoryContext, as the others.
 */
extern MlProfile *mlops_profile_numbers(double *x, int64 n, double *scratch, int64 nulls, int bins);
/* Of different categories, in any order: sorted in place, and their bytes must live as long. */
extern MlProfile *mlops_profile_categories(MlCategory *categories, int n, int64 nulls);

/* Profiles to fill: of numbers with these cuts, those of PSI among them; and without counts. */
extern MlProfile *mlops_profile_with_cuts(const MlCut *cuts, int ncuts, const MlCut *psi_cuts, int npsi);
/* Of a dictionary, of which these have slots of their own, the most frequent first; open: there were others beside it. */
extern MlProfile *mlops_profile_with_top(const MlCategory *dictionary, int n, const int *top, int ntop, bool open);

/* The slot of a category's bytes. */
extern int	mlops_profile_slot(const MlProfile *profile, const char *data, int len);

/* Count numbers, NULL of them being known otherwise; and add counts up, 22003 on overflow. */
extern void mlops_profile_count(const MlProfile *profile, const double *x, int64 n, int64 *counts);
extern void mlops_counts_add(int64 *dst, const int64 *src, int n);
/* The bins of PSI from slots. */
extern void mlops_profile_bins(const MlProfile *profile, const int64 *counts, int64 *bins);

/* profile/freeze.c: profiles that stay with a model, so that they tell of no few rows */

#define MLOPS_FROZEN_LEAST	10	/* rows of a bin, or none */
#define MLOPS_FROZEN_ENOUGH	1000	/* rows from which on places for rare values stay, their rows being counted beside them */

/* As mlops_profile_numbers, without NaN, in MLOPS_DRIFT_BINS bins. */
extern MlProfile *mlops_profile_freeze_numbers(double *x, int64 n, double *scratch, int64 nulls);
/* Of a dictionary with its counts; other: rows beside it; open: there can be such.  top: room for MLOPS_DRIFT_TOP, the codes that have slots. */
extern MlProfile *mlops_profile_freeze_codes(const MlCategory *dictionary, int n, int64 other, bool open,
											 int64 nulls, int *top);

/* profile/compare.c */

typedef enum MlSeverity
{
	ML_DRIFT_NONE,
	ML_DRIFT_WARNING,
	ML_DRIFT_MAJOR
} MlSeverity;

typedef struct MlDriftOptions
{
	double		epsilon;		/* least share in PSI */
	double		warning;		/* PSI at which there is drift */
	double		major;
	double		noise_level;	/* quantile of what chance does, which PSI has to exceed */
	int64		low_n;			/* rows of a window below which it is not judged */
} MlDriftOptions;

extern const MlDriftOptions mlops_drift_defaults;

/* "none", "warning" or "major" */
extern const char *mlops_severity_name(MlSeverity severity);

/* NaN where there is no value. */
typedef struct MlDrift
{
	bool		no_data;		/* either side has no rows; then there is nothing else */
	bool		low_n;
	MlSeverity	severity;
	int64		nref;			/* rows, those with missing values included */
	int64		ncur;
	double		psi;
	double		psi_no_missing;
	double		noise;			/* PSI by chance, at noise_level */
	MlDistances distances;		/* over the bins of PSI */
	/* numbers */
	double		ks_low;
	double		ks_high;
	double		ks_p;			/* of ks_low */
	double		wasserstein;	/* from bins */
	double		wasserstein_scaled;
	double		out_of_range;	/* share of the rows, beyond that of the profile's own */
	/* categories */
	MlChi2		chi2;
	double		unseen;			/* share of the rows */
	/* both */
	double		missing_ref;	/* shares */
	double		missing_cur;
	double		missing_z;
	double		missing_p;
} MlDrift;

/* A window against a reference or another window, both counted by the profile. */
extern void mlops_drift_compare(const MlProfile *profile, const int64 *ref, const int64 *cur,
								const MlDriftOptions *options, MlDrift *out);

#endif							/* MLOPS_PROFILE_H */
