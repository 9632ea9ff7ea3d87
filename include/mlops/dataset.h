/*-------------------------------------------------------------------------
 *
 * dataset.h
 *	  Rows on their way from SQL to an algorithm: source, signature, binding,
 *	  block, dataset.
 *
 *	MlSource	a relation or a SELECT, parsed, planned under the caller's
 *				privileges and RLS, read any number of times under one snapshot
 *	MlSignature	the ordered features of a model and its target
 *	MlBinding	a tuple descriptor matched to a signature: turns one row's
 *				datums into slots
 *	MlBlock		some rows as a row-major matrix of slots
 *	MlDataset	all rows of a source in memory, split into training and holdout
 *
 * Slots.  A feature occupies "width" consecutive doubles of a row: one, or the
 * length of an array feature.  A number's slot holds the value, NaN if
 * missing.  A category's slot holds its code: 0 .. ncategories-1 are the
 * dictionary's entries in bytewise order, ncategories is "missing",
 * ncategories + 1 is "other" (rare in training, or not seen in training).
 *
 * IDENTIFICATION
 *	  include/mlops/dataset.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_DATASET_H
#define MLOPS_DATASET_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/jsonb.h"

#include "mlops/mlops.h"

/* The numbers of these enums reach disk: never renumber, never reuse. */
typedef enum MlTask
{
	ML_TASK_REGRESSION = 1,
	ML_TASK_CLASSIFICATION = 2
} MlTask;

/* convert.c: a task as people and the registry's tables spell it */
extern const char *mlops_task_name(MlTask task);

/* What a signature remembers of a column's SQL type; a column of another family does not bind. */
typedef enum MlColumnType
{
	ML_COLUMN_NUMBER = 1,		/* int2 int4 int8 float4 float8 numeric */
	ML_COLUMN_BOOL = 2,			/* as number 0 or 1 */
	ML_COLUMN_TEXT = 3,			/* text varchar char name enum: a category */
	ML_COLUMN_DATE = 4,			/* as number: days since 1970-01-01 */
	ML_COLUMN_TIMESTAMP = 5,	/* as number: seconds since 1970-01-01 */
	ML_COLUMN_TIMESTAMPTZ = 6,	/* as number: seconds since 1970-01-01 UTC */
	ML_COLUMN_ARRAY = 7			/* float8[] float4[] int2[] int4[] int8[] numeric[] of one length */
} MlColumnType;

/* convert.c: the family of a SQL type, 0 where features cannot be of it; and how people spell a family */
extern MlColumnType mlops_type_family(Oid type);
extern const char *mlops_family_name(MlColumnType family);

/* What happens to NULL and NaN, fixed at training, the same ever after. */
typedef enum MlMissing
{
	ML_MISSING_ERROR = 0,		/* an error, in training and scoring */
	ML_MISSING_SKIP = 1,		/* the training row is left out; a scored row gives NULL */
	ML_MISSING_MEAN = 2,		/* replaced by the training rows' mean */
	ML_MISSING_MEDIAN = 3,		/* replaced by the training rows' median */
	ML_MISSING_CATEGORY = 4,	/* its own category (categories only) */
	ML_MISSING_NATIVE = 5		/* left to the algorithm (numbers, trees) */
} MlMissing;

/* Bytes of a category or class name in the server's encoding, not terminated. */
typedef struct MlString
{
	int			len;
	const char *data;
} MlString;

/* convert.c: bytewise order, as memcmp; the shorter first */
extern int	mlops_string_compare(const MlString *a, const MlString *b);

struct MlFeature
{
	char	   *name;			/* the column */
	MlColumnType type;
	MlMissing	missing;
	int			slot;			/* first slot */
	int			width;			/* slots: 1, or the array's length */
	double	   *fill;			/* width replacements for MEAN and MEDIAN, else NULL */
	int			ncategories;	/* dictionary size (TEXT only) */
	MlString   *categories;		/* by code, distinct; sorted bytewise where trained */
	int		   *lookup;			/* codes in bytewise order; NULL: categories are in it */
	bool		has_missing;	/* training rows had the code "missing", or a number missing */
	bool		has_other;		/* training rows had the code "other" */
	bool		is_padded;		/* trained on char(n): trailing blanks do not count */
};

struct MlSignature
{
	MlTask		task;
	char	   *target;			/* the column; NULL for fit() */
	MlColumnType target_type;
	int			nclasses;		/* classification; 2 means binary */
	MlString   *classes;		/* names as they stood in the table; class 1 of 2 is "positive" */
	int			nfeatures;
	MlFeature  *features;
	int			width;			/* slots of a row */
};

struct MlBlock
{
	int			nrows;
	int			width;			/* slots of a row */
	double	   *x;				/* nrows x width, row-major */
	double	   *y;				/* target: a number, or a class index; NULL when scoring */
	double	   *w;				/* row weights; NULL means all 1 */
};

#define MLOPS_BLOCK_ROWS 1024	/* rows of a full block */

/* source.c */

/*
 * Parse "text" as a single SELECT/WITH/VALUES/TABLE statement, else as a
 * relation's name with PostgreSQL's quoting rules.  Refuses data-modifying
 * CTEs, SELECT INTO and FOR UPDATE.  Privileges are checked by the executor
 * when read, RLS by the rewriter, both as the current user.
 */
struct MlSource
{
	const char *text;			/* as given */
	TupleDesc	desc;			/* its output columns */
	Oid			relid;			/* the relation, or InvalidOid for a query */
	bool	   *is_key;			/* per column: member of the relation's primary key */
	const char *const *labels;	/* per column, of rows that were stored with them; NULL: the relations' labels count */
	void	   *query;			/* private to source.c and fetch.c */
};
extern MlSource *mlops_source_open(const char *text);

/*
 * One SELECT that gives the columns wanted, if the source is a relation, else
 * all, without a semicolon, to be put in parentheses; *desc: what it gives.
 */
extern char *mlops_source_select(MlSource *source, const bool *wanted, TupleDesc *desc);

/* Rows that are stored under a name: the query that gives them, and what their table knew of its columns. */
typedef struct MlStoredSource
{
	const char *sql;
	bool	   *is_key;
	const char *const *labels;
} MlStoredSource;

/* Set by who stores them: is the text such a name? */
extern bool (*mlops_source_stored) (const char *text, MlStoredSource *stored);

/*
 * The source will be read more than once: where that could give other rows
 * (volatile functions, TABLESAMPLE, LIMIT, ...) the first reading keeps them
 * for all later ones, in a temporary file beyond work_mem.  Forget lets them
 * go, as the end of a failed transaction does; a source kept and not forgotten
 * must not outlive the statement.  A survey does both for itself where the
 * caller does not.
 */
extern void mlops_source_keep(MlSource *source);
extern void mlops_source_forget(MlSource *source);

/* Could another reading give other rows, by volatile functions, TABLESAMPLE, LIMIT, aggregates and the like? */
extern bool mlops_source_is_fickle(MlSource *source);

/* dataset.c */

/* What train() asks for, unpacked. */
typedef struct MlWish
{
	char	   *target;			/* column; required */
	char	   *weight;			/* column, or NULL */
	int			nfeatures;		/* 0: every usable column */
	char	  **features;
	int			task;			/* an MlTask, or 0: by the target's type */
	MlMissing	missing_number; /* policy for numbers */
	MlMissing	missing_category;
	int			max_categories; /* rarer categories beyond it become "other" */
	uint64		seed;
	double		holdout;		/* fraction, 0 for none */
	double		watch;			/* fraction of the rows not held out that decide when to stop (surveys), 0 for none */
	bool		quiet;			/* no NOTICEs: the source was read before */
	double		sample;			/* fraction of the rows to read, chosen by row hash; 0 or 1: all */
	bool		allow_labelled; /* columns labelled as personal data may be used where they are named */
} MlWish;

/* binding.c */

/*
 * Match a row type to a signature by column name and type (P1).  A missing
 * column or one of another type family is an error that names it; extra
 * columns are ignored.
 */
extern MlBinding *mlops_binding_make(const MlSignature *sig, TupleDesc desc);

/*
 * One row's datums (desc order) to sig->width slots.  False: a feature with
 * the policy SKIP is missing (x is then undefined).  Allocates nothing for
 * fixed-size types; detoasted values live in CurrentMemoryContext.
 */
extern bool mlops_binding_row(const MlBinding *binding, const Datum *values,
							  const bool *nulls, double *x);

/* The same from a jsonb object by key (an absent key is an error, null is
 * missing), and from a float8[] by position (its length must be sig->width;
 * refused when a feature is a category). */
extern bool mlops_binding_jsonb(const MlSignature *sig, Jsonb *features, double *x);
extern bool mlops_binding_array(const MlSignature *sig, ArrayType *array, double *x);

/*
 * A copy, in CurrentMemoryContext, under which missing values are bound as what
 * they are: NaN, or the code "missing".  strict: where the model takes none, they
 * stay an error.  mlops_signature_fill does to slots bound so what the model's
 * own policies say; false: it gives no answer.
 */
extern MlSignature *mlops_signature_raw(const MlSignature *sig, bool strict);
extern bool mlops_signature_fill(const MlSignature *sig, double *x);

/* Which rows were read, so that it can be told later whether others are the same. */
typedef struct MlFingerprint
{
	char		text[33];		/* as mlops.fingerprint() gives it of these columns */
	int64		nrows;			/* all that were read, whether or not they were of use */
	int			ncolumns;
	char	  **columns;		/* features that were considered, target, weight */
} MlFingerprint;

struct MlDataset
{
	MemoryContext context;		/* holds everything below */
	MlSignature *sig;			/* complete: dictionaries, fills, classes */
	int64		nrows;			/* rows kept */
	int64		nseen;			/* rows the source showed */
	int64		nskipped;		/* rows left out: NULL target, zero or NULL weight, policy SKIP */
	int64		nimputed;		/* cells replaced by MEAN or MEDIAN */
	int64		ntrain;			/* rows with part 0 */
	int64		nholdout;		/* rows with part 1 */
	int			nblocks;
	MlBlock    *blocks;			/* all full but the last */
	uint8	  **part;			/* per block and row: 0 training, 1 holdout */
	bool		is_weighted;
	bool		rls_applied;	/* a policy filtered what was read */
	List	   *labelled;		/* MlLabelled * (label.h): used in spite of their labels */
	MlFingerprint *fingerprint; /* NULL where the wish was quiet */
	MlBlock		sample;			/* training rows chosen by their hash, at most 40,000, missing numbers being NaN; no y and w */
};

/*
 * Read a source into memory for training: choose the features, learn
 * dictionaries and classes, split the holdout (by rank of mixed row hash, so
 * that physical order does not matter; stratified for classification), fill
 * in means and medians of the training part.  NOTICEs say what was excluded,
 * skipped and why.  Errors: no usable column, empty source, infinite value,
 * one-class target, all-NULL column, more than mlops.training_memory.
 */
extern MlDataset *mlops_dataset_read(MlSource *source, const MlWish *wish);

/* read_fingerprint.c: read these columns of a source for their fingerprint alone */
extern MlFingerprint *mlops_fingerprint_read(MlSource *source, char **columns, int ncolumns);

/* survey.c */

/*
 * A source read once without keeping its rows: all that must be known before
 * they are read again, one by one, into a compact form (trees).
 *
 * Canonical positions: the rows' order by part, then row hash; rows that
 * cannot be told apart share positions among themselves.  Training rows have
 * the positions 0 .. ntrain - 1, watched rows (part 2) the next, held-out rows
 * (part 1) the last.  Neither the physical order of the table nor the plan
 * matters.  The held-out rows are those of mlops_dataset_read for the same
 * wish; wish->watch of the others are watched.
 */
struct MlSurvey
{
	MemoryContext context;		/* holds everything below */
	MlSignature *sig;			/* complete: dictionaries (of all rows), classes; numbers are not filled in */
	int64		nrows;			/* rows kept */
	int64		nseen;			/* rows the source showed */
	int64		nskipped;
	int64		ntrain;
	int64		nwatch;
	int64		nholdout;
	bool		is_weighted;
	bool		rls_applied;
	List	   *labelled;		/* MlLabelled * (label.h): used in spite of their labels */
	MlFingerprint *fingerprint; /* as a data set's */
	double		sum_weight;		/* sum of class_total; for a regression, that of the one class of all rows */

	/*
	 * Classification: rows for training by class.  Weighted: the exact sum of the
	 * weights of all rows of the class, times the share of its rows that are for
	 * training (parts are not known while weights pass by).
	 */
	double	   *class_total;
	MlBlock		sample;			/* training rows chosen by their hash; some of them repeatedly if they occur so; slots and codes are final; no w; gone once the team's memory is made (tree/prepare.c) */
	struct MlSurveyIndex *index;	/* private to survey_index.c */
	struct MlSurveyRows *rows;	/* private to survey.c */
};

/*
 * First pass.  The sample has 100,000 rows, fewer where they would take more
 * than 64 MB, never under 20,000 (all training rows if there are fewer).  Errors
 * and NOTICEs as mlops_dataset_read.
 */
extern MlSurvey *mlops_survey_read(MlSource *source, const MlWish *wish);

/* The same of rows that are in memory already: a data set that was read (its parts hold), ... */
extern MlSurvey *mlops_survey_dataset(const MlDataset *data);

/* Bytes the index of positions takes (about 9 a row), and a move of it to memory that the caller lends until the feed is over. */
extern Size mlops_survey_index_size(const MlSurvey *survey);
extern void mlops_survey_move_index(MlSurvey *survey, void *to);

/* Second pass, only once: every row once, in blocks, with the rows' positions.  Error 40001 where the source answers with other rows than before. */
typedef void (*MlFeed) (void *arg, const MlBlock *block, const uint32 *position);
extern void mlops_survey_feed(MlSurvey *survey, MlFeed feed, void *arg);

/* block.c */

/* Rows of src whose part is want, copied together into dst, which has room. */
extern void mlops_block_gather(const MlBlock *src, const uint8 *part, uint8 want,
							   MlBlock *dst);

/* fetch.c */

/*
 * Who reads a source: asked before, compared afterwards.  Its functions can
 * SET ROLE, and what follows would be done and recorded as another role: error
 * 42501.
 */
typedef struct MlReadingRole
{
	Oid			user;
	int			context;
} MlReadingRole;
extern MlReadingRole mlops_reading_role(void);
extern void mlops_reading_role_check(MlReadingRole before);

/*
 * Run a source once and hand its rows, bound to a finished signature, block by
 * block to "consume" (evaluate, batch scoring).  target: column to read into
 * y (class index for classification; -1 for a label the model does not know),
 * NULL for none.  weight likewise.  Returns the number of rows seen; rows
 * with a NULL target or a skipped feature are counted in *nskipped.
 */
typedef void (*MlConsume) (void *arg, const MlBlock *block);
extern int64 mlops_fetch_blocks(MlSource *source, const MlSignature *sig,
								const char *target, const char *weight,
								MlConsume consume, void *arg, int64 *nskipped);

/*
 * The same for several signatures: "consume" gets the first of as many blocks,
 * of the same rows.  A row that any of them cannot use is skipped.
 */
extern int64 mlops_fetch_paired(MlSource *source, int nsigs, const MlSignature *const *sigs,
								const char *target, const char *weight,
								MlConsume consume, void *arg, int64 *nskipped);

/* keyed.c */

/*
 * Run a source once and hand its rows block by block to "consume", each with
 * the text of its key (NULL: a null), in the source's order.  Rows that are not
 * complete miss a feature that the model skips; their slots mean nothing.  key:
 * a column; NULL is the relation's primary key, if that is one column.
 */
typedef void (*MlConsumeKeyed) (void *arg, const MlBlock *block, char *const *keys,
								const bool *complete);
extern void mlops_fetch_keyed(MlSource *source, const MlSignature *sig, const char *key,
							  MlConsumeKeyed consume, void *arg);

/*
 * columns.c: whole columns of a source in memory, for statistics that need
 * every value.  NULL and NaN are missing; infinities are values.
 */
typedef struct MlColumnData MlColumnData;	/* private to columns.c */
typedef struct MlColumnRead
{
	const char *name;
	MlColumnType family;		/* of the type; 0 or ML_COLUMN_ARRAY: cannot be read so */
	int64		n;				/* values */
	int64		missing;
	MlColumnData *data;			/* NULL: not read */
} MlColumnRead;

/* What the source has, in its order; palloc'd.  Columns of one name: the family is 0. */
extern MlColumnRead *mlops_columns_of(MlSource *source, int *n);

/*
 * Read n columns, or as many of the first of them as there is memory for: what
 * they take is added to *used, and may not come to more than "limit" together
 * with three copies of one column.  Returns how many; error 54000 if it is none.
 */
extern int	mlops_columns_read(MlSource *source, int n, MlColumnRead *columns, Size limit, Size *used);

/* The values of a column of numbers, to an array with room for n; and let go of what was read. */
extern void mlops_column_numbers(const MlColumnRead *column, double *x);
/* The distinct values of a column of categories and how often each occurs; what it points to goes with the column. */
extern int	mlops_column_categories(const MlColumnRead *column, MlString **values, int64 **counts);
extern void mlops_column_forget(MlColumnRead *column, Size *used);

/* In a loop over all rows, or nodes, whose turns are short; needs miscadmin.h. */
#define CHECK_EVERY_64K(i) \
	do { \
		if (((i) & 0xffff) == 0) \
			CHECK_FOR_INTERRUPTS(); \
	} while (0)

#endif							/* MLOPS_DATASET_H */
