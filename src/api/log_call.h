/*-------------------------------------------------------------------------
 *
 * log_call.h
 *	  Scoring a row and logging it, for score() and log_trigger().
 *
 * IDENTIFICATION
 *	  src/api/log_call.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LOG_CALL_H
#define MLOPS_LOG_CALL_H

#include "fmgr.h"
#include "utils/timestamp.h"

#include "mlops/mlops.h"
#include "scorer.h"

/* What one call site keeps between rows; goes with its memory context. */
typedef struct MlLogSite MlLogSite;
extern MlLogSite *mlops_log_site(MemoryContext context);

/* One row. */
typedef struct MlLogCall
{
	text	   *model;			/* a reference */
	text	   *key;			/* or NULL */
	Oid			role;			/* whose rights count */
	bool		logs;			/* false: it only answers */
	bool		has_at;
	TimestampTz at;
	/* the row, bound to the model that answers and scored */
	const double *(*score) (MlScorer *scorer, void *row);
	void	   *row;
	/* a value that was stored takes the place of the one of the model that is asked, those in shadow keep theirs */
	bool		has_stored;
	bool		stored_null;
	double		stored;
} MlLogCall;

/* What came of it; pointers are valid until the next call. */
typedef struct MlLogAnswer
{
	MlScorer   *scorer;
	const double *out;			/* NULL: the model skips the row */
	int64		model_id;
	int			version;
	const char *variant;		/* NULL: a version was named */
	text	   *variant_text;	/* the same */
	const MlString *label;		/* NULL for a regression */
	bool		has_value;
	double		value;
	int64		latency_us;
	int64		prediction_id;	/* 0: it was not logged */
} MlLogAnswer;

extern void mlops_log_call(MlLogSite *site, const MlLogCall *call, MlLogAnswer *answer);

/*
 * log_withheld.c: the features of a version that are not logged, in the
 * context; NULL: none.  row_type: of the row that was scored, or InvalidOid.
 */
extern bool *mlops_log_withheld(MemoryContext context, int64 model_id, int version,
								const MlSignature *sig, Oid row_type);

/* Error 22008 for a time that is infinite, still to come or before the year 1. */
extern void mlops_log_time_check(TimestampTz at);

#endif							/* MLOPS_LOG_CALL_H */
