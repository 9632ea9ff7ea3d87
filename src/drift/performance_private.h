/*-------------------------------------------------------------------------
 *
 * performance_private.h
 *	  What performance.c and performance_part.c share.
 *
 * IDENTIFICATION
 *	  src/drift/performance_private.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PERFORMANCE_PRIVATE_H
#define PERFORMANCE_PRIVATE_H

#include "mlops/performance.h"

/*
 * Latencies by size: those under 128 microseconds exactly, above that 64 steps
 * for each power of two, so that the middle of a step is off by less than 0.8 %.
 */
#define LATENCY_EXACT	128
#define LATENCY_STEPS	64
#define LATENCY_SLOTS	(LATENCY_EXACT + 24 * LATENCY_STEPS)

/* What is known of a version; its signature is NULL if it was dropped. */
typedef struct Judged
{
	int			version;
	bool		shadow;
	const MlSignature *sig;
	int		   *by_name;		/* classes in bytewise order of their names */
	bool		segmented;		/* the signature has the segment, or it is the variant */
	bool		fairness;		/* the segment is a feature, and there are two classes */
	const MlCalibration *calibration;	/* NULL: nothing is estimated */
} Judged;

/* A row of the log, with what became of it. */
typedef struct LoggedRow
{
	bool		answered;
	bool		known;			/* there is an outcome */
	double		value;
	int			latency_us;
	double		actual;			/* number, or index of the class, -1 if the version has no such class */
	int			called;			/* of several classes: index of the one it was called, -1 if there is none such */
	double	   *probabilities;	/* of several classes */
} LoggedRow;

/* The rows of one segment of one window of one version. */
typedef struct Part
{
	const char *segment;		/* NULL: all rows */
	int64		npredictions;
	int64		nanswered;
	int64		nknown;			/* answered and with an outcome */
	int64		nstrange;		/* of which the version has no such class */
	int64		nselected;		/* of two classes: answered and called positive */
	MlClassTally positive;		/* known rows that are positive, hit: called so */
	MlClassTally negative;		/* known rows that are not, hit: called positive */
	MlMetrics  *metrics;		/* NULL: the version is gone */
	MlEstimation *estimation;	/* NULL: none */
	int64		latency[LATENCY_SLOTS];
} Part;

/* performance_part.c */

/* An empty one in CurrentMemoryContext; what it takes is counted in the budget. */
extern Part *mlops_part_make(const Judged *judged, const char *segment, MlBudget *budget);

/* In the part's memory context. */
extern void mlops_part_add(Part *part, const Judged *judged, const LoggedRow *row);

/* Append its metrics: copies of "like" in "context".  Uses up the part. */
extern List *mlops_part_report(List *list, Part *part, const Judged *judged,
							   const MlPerformance *like, MemoryContext context);

/* How the rates of the parts differ, as metrics of all rows. */
extern List *mlops_parts_report_gaps(List *list, Part **parts, int nparts,
									 const MlPerformance *like, MemoryContext context);

#endif							/* PERFORMANCE_PRIVATE_H */
