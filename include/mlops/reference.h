/*-------------------------------------------------------------------------
 *
 * reference.h
 *	  What a model's training rows looked like, frozen with the model.
 *
 * A reference is made of tracks: things about a row that are counted.  Each
 * feature is one (an array's elements each), what the model answered is one,
 * and where there are two or more numbers their distance from the middle of
 * the training rows is one, which notices that features no longer go together
 * though each of them looks as before.  Each track has a profile (profile.h);
 * the counts of all profiles stand one after the other in one vector, so that a
 * window is a vector of integers, and windows add up.
 *
 * IDENTIFICATION
 *	  include/mlops/reference.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_REFERENCE_H
#define MLOPS_REFERENCE_H

#include "lib/stringinfo.h"

#include "mlops/dataset.h"
#include "mlops/profile.h"

#define MLOPS_REFERENCE_ROWS	100000	/* training rows it is made from at most, chosen by their hash */
#define MLOPS_REFERENCE_ELEMENTS 64 /* arrays longer than this have no tracks */

typedef enum MlTrackKind
{
	ML_TRACK_FEATURE = 1,
	ML_TRACK_OUTPUT = 2,		/* the estimate, the probability of the positive class, or the likeliest class */
	ML_TRACK_JOINT = 3			/* squared Mahalanobis distance of the numbers */
} MlTrackKind;

typedef struct MlTrack
{
	MlTrackKind kind;
	int			feature;		/* of ML_TRACK_FEATURE: index in the signature */
	int			slot;			/* of ML_TRACK_FEATURE: which slot of a row */
	MlProfile  *profile;
	int			offset;			/* its first count in the vector */
	int		   *code_slot;		/* categories: slot in the profile by code (dataset.h), ncategories + 2 of them; else NULL */
} MlTrack;

/*
 * The middle and spread of the numbers: covariance, shrunk towards its
 * diagonal, of the rows of the reference in which they are not missing.
 */
typedef struct MlJoint
{
	int			n;				/* numbers; 0: none */
	int		   *slot;			/* in a row */
	double	   *mean;
	double	   *whiten;			/* inverse of the lower Cholesky factor, packed by rows: n (n + 1) / 2 */
} MlJoint;

/* Of models with two classes: how often the positive one occurred among rows that were given a probability. */
typedef struct MlCalibration
{
	int			nsteps;			/* 0: none */
	double	   *score;			/* rising: a step holds from here ... */
	double	   *rate;			/* ... and this is its share, never falling (isotonic regression) */
	double		error;			/* expected calibration error of the probabilities as they were, 10 bins */
	int64		nrows;
} MlCalibration;

typedef struct MlReference
{
	int64		nrows;			/* training rows it stands for */
	int64		nsample;		/* rows it was made from */
	bool		held_out;		/* output and calibration: of rows that were not trained on */
	int			ntracks;
	MlTrack    *tracks;			/* features in the signature's order, then output, then joint */
	MlJoint		joint;
	MlCalibration calibration;
	int			ncounts;		/* of a vector */
} MlReference;

/* profile/reference.c */

/* Some rows of slots and what the model said, to be counted or to make a reference of. */
typedef struct MlSeen
{
	int64		nrows;
	int			width;			/* slots of a row */
	const double *x;			/* row-major: NaN where a number is missing, before anything was filled in */
	const double *answer;		/* by row: estimate, probability of the positive class, or index of the likeliest class; NaN: the row was skipped */
	const double *actual;		/* by row: the target, or NULL; only the making asks for it */
} MlSeen;

/*
 * Make one, of at most MLOPS_REFERENCE_ROWS rows.  tracked: by feature, false
 * for those that are personal data; NULL: all.  answers: those of held-out rows
 * where there are any, else the training rows again.  Lives in
 * CurrentMemoryContext.
 */
extern MlReference *mlops_reference_make(const MlSignature *sig, const bool *tracked, const MlSeen *rows,
										 const MlSeen *answers, int64 nrows, bool held_out);

/* Add the rows to the vector of counts.  withheld: by feature, those without values in these rows (counted nowhere); NULL: none. */
extern void mlops_reference_count(const MlReference *ref, const MlSeen *rows, const bool *withheld, int64 *counts);

/* The counts of the reference itself as one vector, palloc'd. */
extern int64 *mlops_reference_counts(const MlReference *ref);

/* "age", "embedding[3]", "(output)" or "(joint)": what people call a track; palloc'd. */
extern char *mlops_track_name(const MlTrack *track, const MlSignature *sig);

/* profile/calibration.c */

/* Isotonic regression of y (0 or 1) on p by pooling adjacent violators; both are sorted in place, by p. */
extern void mlops_calibration_fit(double *p, double *y, int64 n, MlCalibration *out);
extern double mlops_calibrated(const MlCalibration *calibration, double p);

/* profile/reference_codec.c: section "refr" of an artifact (docs/model-format.md); hostile input is XX001 */
extern void mlops_reference_put(StringInfo buf, const MlReference *ref);
extern MlReference *mlops_reference_get(StringInfo buf, const MlSignature *sig);

#endif							/* MLOPS_REFERENCE_H */
