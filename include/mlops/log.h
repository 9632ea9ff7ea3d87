/*-------------------------------------------------------------------------
 *
 * log.h
 *	  The prediction log: rows as they were scored, and what came out.
 *
 * IDENTIFICATION
 *	  include/mlops/log.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LOG_H
#define MLOPS_LOG_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "mlops/compat.h"
#include "mlops/dataset.h"

/* log_features.c: the slots of a row (dataset.h) as bytes; sql/install/29_log_tables.sql has the format */

/*
 * Append them.  x: slots with missing values as NaN or the code "missing".
 * withheld: by feature, those that are left out and marked so; NULL: none.
 */
extern void mlops_log_encode(StringInfo out, const MlSignature *sig, const double *x,
							 const bool *withheld);

/* Back: withheld has room for a flag a feature; slots of a withheld one are NaN.  Any bytes at all give a row or error XX001. */
extern void mlops_log_decode(const void *bytes, Size len, const MlSignature *sig, double *x,
							 bool *withheld);

/* The same as an object by name: null is missing, {"other": true} a category that is not in the dictionary, {"withheld": true} left out. */
extern Jsonb *mlops_log_features_jsonb(const void *bytes, Size len, const MlSignature *sig);

/* log_buffer.c: rows wait in this backend until they are written */

typedef struct MlLogRow
{
	int64		prediction_id;	/* of mlops_log_next_id, or 0: a new one */
	int64		model_id;
	int			version;
	const char *variant;		/* an alias, or NULL where a version was named */
	const char *key;			/* or NULL */
	int			key_len;
	const void *features;		/* as encoded */
	int			features_len;
	bool		has_value;		/* false: the model skips the row */
	double		value;
	const char *label;			/* or NULL */
	int			label_len;
	int			nprobabilities; /* of models with more than two classes, else 0 */
	const double *probabilities;
	int64		latency_us;
	bool		shadow;
	bool		has_at;
	TimestampTz at;				/* has_at: when it happened, else now */
	double		share;			/* of the rows that are logged, in (0, 1] */
} MlLogRow;

/* Error 54000 for a key of so many bytes that the log's index would refuse it, at commit. */
#define MLOPS_MAX_KEY	2048
extern void mlops_log_key_check(Size len);

/* Can this transaction log: not read-only, not on a standby, not in a parallel worker? */
extern bool mlops_log_possible(void);

/*
 * Take a row over, with the time, the current user and a number, which is
 * returned.  It is written with this transaction, or not if the savepoint it
 * was added in is rolled back.
 */
extern int64 mlops_log_add(const MlLogRow *row);

/* Write what waits, so that the next statement of this transaction sees it; before reading the log. */
extern void mlops_log_flush(void);

/* log_write.c */

/* A row that is complete: values as they are stored, NULL for null; they are in the same chunk or shared by rows. */
typedef struct MlLogWaiting
{
	struct MlLogWaiting *next;
	SubTransactionId added_in;
	SubTransactionId written_in;	/* InvalidSubTransactionId: it is not written */
	int64		prediction_id;
	TimestampTz happened_at;
	int64		model_id;
	double		value;
	int32		version;
	int32		latency_us;
	float4		share;
	bool		has_value;
	bool		shadow;
	struct varlena *variant;
	struct varlena *caller;
	struct varlena *key;
	struct varlena *label;
	struct varlena *features;
	struct varlena *probabilities;
} MlLogWaiting;

/*
 * This cluster, as the log's rows and the marks of what is counted of them name
 * it: four bytes of a hash of its system identifier, never 0.  pg_upgrade changes
 * it, dumps take it elsewhere.
 */
extern int32 mlops_log_system(void);

/* The next number, which is above those given out in this cluster a second ago or before; error 55000 where the extension is not installed. */
extern int64 mlops_log_next_id(void);

/*
 * Write the rows of the list that are not written and were added in this
 * subtransaction or one begun later; nothing where the log is gone.
 */
extern void mlops_log_write(const MlLogWaiting *first, SubTransactionId from);

/* log_sampling.c: the share of a model's rows that is logged, by key */

#define MLOPS_LEAST_SHARE 0.000001

/* Under the active snapshot; 1 where nothing was said.  Nobody's rights are checked here. */
extern double mlops_log_share(int64 model_id);

/*
 * Is a row of this key (UTF-8; NULL: the row of this number) among them?  The
 * same keys at every time, for every model, and of a smaller share a part of
 * those of a larger one.
 */
extern bool mlops_log_sampled(double share, const char *key, int len, int64 prediction_id);

/* A write section of its own, for callers with ML_PRIVILEGE_DEPLOY; audited.  Returns the share before. */
extern double mlops_log_share_set(const char *model, double share);

/* outcome_write.c */

typedef struct MlOutcome
{
	const char *key;
	bool		has_value;		/* it was given as a number */
	double		value;
	char	   *label;			/* it as text */
	TimestampTz at;
} MlOutcome;

/*
 * Record what happened to the key; a write section of its own, for callers with
 * ML_PRIVILEGE_TRAIN.  Whether that is news: the same again changes nothing.
 */
extern bool mlops_outcome_record(const char *model, const MlOutcome *outcome);

typedef struct MlOutcomeCounts
{
	int64		rows;
	int64		added;
	int64		changed;
	int64		unchanged;
	int64		skipped;		/* without a key, or not known yet: null, NaN */
} MlOutcomeCounts;

/*
 * The same for every row of a source, which is read as the current user, a
 * thousand rows at a time; of a key that comes more than once the last row
 * counts.  at: a column, or NULL for now.  Errors 42703 for a column that is
 * not there, 42804 for one of another type.
 */
extern void mlops_outcomes_record(const char *model, const char *source, const char *key,
								  const char *actual, const char *at, MlOutcomeCounts *counts);

#endif							/* MLOPS_LOG_H */
