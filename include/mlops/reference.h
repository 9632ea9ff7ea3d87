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
#define MLOPS_REFERENCE_ELEMENTS 64 /* arrays longer than this have no tracks, ... */
#define MLOPS_REFERENCE_SLOTS	2000	/* nor has any array of a row with more slots than this */
#define MLOPS_JOINT_NUMBERS		64	/* the first numbers of a row are looked at together */
#define MLOPS_REFERENCE_HELD_OUT 50 /* fewer rows do not tell what a model answers */

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
	int			ncodes;			/* categories: size of the dictionary */
	int		   *code_slot;		/* categories: slot in the profile by code (dataset.h), ncodes + 2 of them; else NULL */
} MlTrack;

/*
 * The middle and spread of the numbers, missing ones being at the middle: with
 * z = (x - mean) / scale, the correlation of z shrunk towards its diagonal.
 */
typedef struct MlJoint
{
	int			n;				/* numbers; 0: none */
	int		   *slot;			/* in a row */
	double	   *mean;
	double	   *scale;			/* standard deviations */
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
 * Make one, of at most MLOPS_REFERENCE_ROWS rows, which stand for nrows; with
 * tracks for the features and for all numbers together.  tracked: by feature,
 * false for those that are personal data; NULL: all.  Lives in
 * CurrentMemoryContext and points to the signature.
 */
extern MlReference *mlops_reference_make(const MlSignature *sig, const bool *tracked, const MlSeen *rows,
										 int64 nrows);

/* Add the track of what the model answered, and for two classes the calibration; x is not looked at.  Nothing is kept of the rows. */
extern void mlops_reference_answers(MlReference *ref, const MlSignature *sig, const MlSeen *answers,
									bool held_out);

/* Add the rows to the vector of counts; answer can be NULL: that track is left alone.  withheld: by feature, those without values in these rows (counted nowhere); NULL: none. */
extern void mlops_reference_count(const MlReference *ref, const MlSeen *rows, const bool *withheld, int64 *counts);

/* The counts of the reference itself as one vector, palloc'd. */
extern int64 *mlops_reference_counts(const MlReference *ref);

/*
 * "age", "embedding[3]", "(output)" or "(joint)": what people call a track, palloc'd.  No two
 * features' tracks have the same: an element is "v[1]#2" where another feature is called "v[1]".
 */
extern char *mlops_track_name(const MlTrack *track, const MlSignature *sig);

/* profile/joint.c */

/* Of rows' slots, those for which wanted is true. */
extern void mlops_joint_learn(const MlSeen *rows, const bool *wanted, MlJoint *out);
/* Squared distances of n rows of so many slots, never NaN. */
extern void mlops_joint_distances(const MlJoint *joint, const double *x, int width, int n, double *out);

/* profile/envelope.c: is one row unlike all that training saw? */

typedef struct MlLimits
{
	double		low;			/* can be -infinity, ... */
	double		high;			/* ... or infinity, not both */
	int			slot;			/* of a row, rising */
	int			feature;
} MlLimits;

/* Of the features' numbers; none without a reference. */
typedef struct MlEnvelope
{
	int			n;
	MlLimits   *limits;
} MlEnvelope;

/* In CurrentMemoryContext, pointing to nothing else; ref can be NULL. */
extern MlEnvelope *mlops_envelope_make(const MlReference *ref);

/* The first feature of a row of slots with a number beyond its limits, or -1; NaN is within. */
extern int	mlops_envelope_find(const MlEnvelope *envelope, const double *x);

/* profile/calibration.c */

/*
 * Isotonic regression of y (0 or 1) on p, which is no NaN, by pooling adjacent
 * violators; steps of fewer than least rows are pooled, too (1: none are).  p and
 * y are sorted in place, by p.  least 1 gives as many steps as there are values
 * at most.
 */
extern void mlops_calibration_fit(double *p, double *y, int64 n, int64 least, MlCalibration *out);
extern double mlops_calibrated(const MlCalibration *calibration, double p);

/* For the making and the reading: room for the tracks of a signature; does a feature have some; its or the classes' dictionary; ... */
extern int	mlops_reference_room(const MlSignature *sig);
extern bool mlops_feature_has_tracks(const MlSignature *sig, int feature);
extern MlCategory *mlops_track_dictionary(const MlTrack *track, const MlSignature *sig, int *n, bool *open);
/* ... the slots of codes, once the profile is there; offsets and ncounts, once all are. */
extern void mlops_track_set_codes(MlTrack *track, int n, bool open, const int *top);
extern void mlops_reference_lay_out(MlReference *ref);

/* profile/reference_codec.c: section "refr" of an artifact (docs/model-format.md); hostile input is XX001 */
extern void mlops_reference_put(StringInfo buf, const MlReference *ref);
/* Reads to the end of buf.  Points to the signature. */
extern MlReference *mlops_reference_get(StringInfo buf, const MlSignature *sig);

#endif							/* MLOPS_REFERENCE_H */
