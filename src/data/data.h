/*-------------------------------------------------------------------------
 *
 * data.h
 *	  What the files of src/data know of one another.
 *
 * IDENTIFICATION
 *	  src/data/data.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_DATA_H
#define MLOPS_DATA_H

#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"

#include "mlops/compat.h"
#include "mlops/dataset.h"

/* source.c */

/* The same source with only the wanted columns; a query is returned as it is. */
extern MlSource *mlops_source_narrow(MlSource *source, const bool *wanted);

/* A fresh rewritten Query of the source, analysed under the current user. */
extern Query *mlops_source_analyze(MlSource *source);

/* Index in source->desc of the column, or an error (42703, 42702) that names it. */
extern int	mlops_column_require(TupleDesc desc, const char *name);

/* The same for a row to score: the error says that the model needs the column. */
extern int	mlops_column_require_in_row(TupleDesc desc, const char *name);

/* fetch.c */

/* Bytes of detoasted values that may gather before they are let go. */
#define ROW_MEMORY_MAX ((Size) 1024 * 1024)

/* Run the source once; "receive" sees every row, deformed. Returns whether a policy filtered it. */
typedef void (*MlReceive) (void *arg, TupleTableSlot *slot);
extern bool mlops_fetch_rows(MlSource *source, MlReceive receive, void *arg);

/* convert.c: one column's datums to numbers, bytes and hash words */
typedef enum MlConvert
{
	CONVERT_NONE = 0,			/* neither a feature nor hashed */
	CONVERT_FLOAT8,
	CONVERT_FLOAT4,
	CONVERT_INT4,
	CONVERT_INT2,
	CONVERT_INT8,
	CONVERT_NUMERIC,
	CONVERT_BOOL,
	CONVERT_DATE,
	CONVERT_TIMESTAMP,
	CONVERT_TIMESTAMPTZ,
	CONVERT_TEXT,
	CONVERT_BPCHAR,
	CONVERT_NAME,
	CONVERT_ENUM,
	CONVERT_ARRAY,
	CONVERT_BYVAL,				/* hashed only, by its datum */
	CONVERT_BYREF				/* hashed only, by its bytes of fixed length */
} MlConvert;

#define ENUM_CACHE_SIZE 64

typedef struct EnumLabel
{
	Oid			oid;
	int			len;
	uint64		version;		/* of the labels in pg_enum when it was read */
	char		label[NAMEDATALEN];
} EnumLabel;

typedef struct MlConverter
{
	MlConvert	kind;
	MlConvert	element;		/* of an array */
	Oid			elemtype;
	int16		elemlen;
	bool		elembyval;
	char		elemalign;
	int16		typlen;
	const char *column;			/* for messages */
	EnumLabel  *labels;			/* ENUM_CACHE_SIZE entries of an enum, direct mapped */
} MlConverter;

extern void mlops_converter_init(MlConverter *conv, Oid type, const char *column);
extern MlColumnType mlops_converter_family(const MlConverter *conv);	/* 0: not usable */
extern bool mlops_converter_is_integer(const MlConverter *conv);
extern const char *mlops_family_name(MlColumnType family);

/* A non-null datum as a number, NaN if missing; infinity is an error. */
extern double mlops_convert_number(const MlConverter *conv, Datum value);

/* A non-null datum's bytes; they may live in CurrentMemoryContext. */
extern MlString mlops_convert_text(const MlConverter *conv, Datum value);

/* Number of elements of a non-null one-dimensional array; other shapes are an error. */
extern int	mlops_convert_array_length(const MlConverter *conv, ArrayType *array);
extern void mlops_convert_array(const MlConverter *conv, ArrayType *array, double *out);

extern const char *mlops_array_data(const ArrayType *array);
extern int	mlops_convert_integer_label(const MlConverter *conv, Datum value, char *digits);
extern void mlops_require_number(const MlConverter *conv, const char *what);	/* 42804 */
pg_noreturn extern void mlops_refuse_weight(const char *column);
pg_noreturn extern void mlops_refuse_infinity(const char *column);
extern MlString mlops_string_copy(const char *data, int len);

/* dictionary.c: distinct byte strings to codes in order of arrival */
typedef struct MlDictionary MlDictionary;
extern MlDictionary *mlops_dictionary_make(MemoryContext context);
extern int	mlops_dictionary_code(MlDictionary *dict, MlString s, uint64 hash);	/* adds */
extern int	mlops_dictionary_find(const MlDictionary *dict, MlString s, uint64 hash);	/* -1: absent */
extern int	mlops_dictionary_size(const MlDictionary *dict);
extern MlString mlops_dictionary_entry(const MlDictionary *dict, int code);
extern uint64 mlops_dictionary_hash(MlString s);

/* signature.c: which column plays which part */
typedef struct MlColumn
{
	const char *name;
	int			source;			/* index in the (narrowed) source's desc */
	MlConverter conv;
	MlColumnType family;
	bool		asked;			/* named by the user */
	MlMissing	missing;
	/* while reading */
	int			slot;			/* first slot of its row part; -1: not a feature */
	int			width;			/* slots; 0: array of unknown length */
	int64		nmissing;		/* rows with any slot missing */
	MlDictionary *dict;
	bool		excluded;		/* after reading */
} MlColumn;

typedef struct MlPlan
{
	MlSource   *source;			/* narrowed */
	int			nfeatures;
	MlColumn   *features;		/* in signature order */
	MlColumn	target;
	bool		has_weight;
	MlColumn	weight;
	int			nhashed;		/* columns of the source that enter the row hash */
	MlColumn   *hashed;
	bool		quiet;			/* no NOTICEs */
	StringInfo	excluded;		/* '"id" (primary key), ...' */
} MlPlan;
extern MlPlan *mlops_plan_make(MlSource *source, const MlWish *wish);
extern void mlops_plan_exclude(MlPlan *plan, const char *column, const char *reason);

/* store.c: where the rows of a dataset live */
typedef struct MlStore
{
	MemoryContext context;		/* slabs */
	int			width;
	int			nblocks;
	int			maxblocks;
	int			capacity;		/* rows that fit in the last block */
	int64		nrows;
	MlBlock    *blocks;
	uint8	  **part;
	uint64	  **hash;
	int			slab_blocks;	/* blocks a slab holds */
	char	   *slab;
	int			slab_left;		/* blocks left in it */
} MlStore;
extern MlStore *mlops_store_make(MemoryContext context, int width);
extern void mlops_store_reserve(MlStore *store);	/* room for one more row in the last block */
extern void mlops_store_remap(MlStore *store, int width, const int *from);	/* new slot i was slot from[i]; -1: NaN */
extern void mlops_store_check_budget(MlStore *store, Size more);

/* reader.c: rows in */
typedef struct MlReader MlReader;
typedef struct MlReadResult
{
	MlStore    *store;
	int64		nseen;
	int64		nskip_target;	/* NULL target */
	int64		nskip_weight;	/* NULL or zero weight */
	int64		nskip_feature;	/* policy SKIP */
	bool		rls_applied;
	/* target, while its task is open */
	MlDictionary *classes;		/* labels in order of arrival, or NULL */
	int			ndistinct;		/* integers: distinct values seen, 3 means more than two */
	double		distinct[2];
} MlReadResult;
extern MlReadResult *mlops_reader_run(MlPlan *plan, const MlWish *wish, MemoryContext context);

/* split.c */
extern int64 mlops_split(MlStore *store, int nclasses, double fraction, uint64 seed);	/* rows held out */

/* learn.c: dictionaries and classes from rows read */
extern void mlops_learn_classes(MlPlan *plan, MlReadResult *read, const MlWish *wish, MlSignature *sig);
extern void mlops_learn_features(MlPlan *plan, MlReadResult *read, const MlWish *wish, MlSignature *sig);

/* impute.c: replacements of missing numbers; returns cells replaced */
extern int64 mlops_learn_fills(MlSignature *sig, MlStore *store, bool weighted);

/* binding.c: apply a feature's policy to a missing slot; false: SKIP */
extern MlString mlops_feature_text(const MlFeature *feature, MlString s);
extern bool mlops_feature_missing(const MlFeature *feature, int element, double *x);
extern bool mlops_feature_missing_all(const MlFeature *feature, double *x);	/* all of its slots */
extern void mlops_feature_check_length(const MlFeature *feature, int length);	/* of an array */

#endif							/* MLOPS_DATA_H */
