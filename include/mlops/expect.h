/*-------------------------------------------------------------------------
 *
 * expect.h
 *	  What data must be like: expectations and checking them.
 *
 * IDENTIFICATION
 *	  include/mlops/expect.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_EXPECT_H
#define MLOPS_EXPECT_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "mlops/dataset.h"

typedef enum MlExpectKind
{
	ML_EXPECT_COLUMN_PRESENT,
	ML_EXPECT_COLUMN_TYPE,
	ML_EXPECT_NOT_NULL,
	ML_EXPECT_RANGE,
	ML_EXPECT_IN_SET,
	ML_EXPECT_UNIQUE,
	ML_EXPECT_MATCHES,
	ML_EXPECT_FRESHNESS,
	ML_EXPECT_ROW_COUNT
} MlExpectKind;

#define MLOPS_EXPECT_MAX 500	/* expectations in one check */
#define MLOPS_EXPECT_VALUES 1000	/* of a set */

typedef struct MlExpectation
{
	int64		number;			/* 0: not stored */
	const char *name;			/* or NULL */
	MlExpectKind kind;
	const char *column;			/* NULL: of no column */
	bool		is_error;		/* else a warning */
	bool		is_shown;		/* may the caller see what it says? */
	double		max_share;		/* of rows that may fail */
	const char *min;			/* or NULL */
	const char *max;
	bool		is_number;		/* bounds, or all values, are numbers */
	const char *type;
	const char *pattern;
	Interval   *max_age;
	int			nvalues;
	const char **values;
} MlExpectation;

/* expectation.c */

/* Take one apart, in CurrentMemoryContext.  Error 22023 that lists what is valid. */
extern void mlops_expectation_parse(Jsonb *object, MlExpectation *out);
extern const char *mlops_expectation_kind_name(MlExpectKind kind);

/* What it requires, for people; values of a set are only counted. */
extern char *mlops_expectation_text(const MlExpectation *e);

/* expectation_store.c: those that are kept, of models and of relations */

/* Keep one; *target becomes the name it is kept under.  Needs train on the model, or the relation to be one's own. */
extern void mlops_expectation_add(const char **target, Jsonb *object, const char *name,
								  MlExpectation *out);

/* The same rights.  Error 42704 where the target has none of that number. */
extern void mlops_expectation_remove(const char **target, int64 number, MlExpectation *out);

/* Lists of MlExpectation by number, as the current user may see them. */
extern List *mlops_expectations_of_relation(Oid relid);
extern List *mlops_expectations_of_model(const char *model);	/* needs predict: error 42704 */

/* expectation_check.c */

typedef struct MlExpectationResult
{
	const MlExpectation *expectation;
	char	   *actual;			/* never a data value */
	bool		is_counted;		/* failed and n mean something */
	int64		failed;
	int64		n;
	bool		passed;
} MlExpectationResult;

/* One for each, in order; the source is read at most once, as the current user. */
extern MlExpectationResult *mlops_expectations_check(MlSource *source, const List *expectations);

/* expectation_profile.c: what a source is like, column by column; it is read twice at most, as the current user */
typedef void (*MlPropose) (void *arg, const char *kind, const char *column, Jsonb *expectation);
extern void mlops_expectations_propose(MlSource *source, MlPropose propose, void *arg);

#endif							/* MLOPS_EXPECT_H */
