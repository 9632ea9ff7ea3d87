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

#include "catalog/objectaddress.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "utils/tuplestore.h"

#include "mlops/compat.h"
#include "mlops/dataset.h"
#include "mlops/label.h"
#include "mlops/numeric.h"

/* source.c */

/* The same source with only the wanted columns; a query is returned as it is. */
extern MlSource *mlops_source_narrow(MlSource *source, const bool *wanted);

/* A fresh rewritten Query of the source, analysed under the current user. */
extern Query *mlops_source_analyze(MlSource *source);

/* The Query as it is written: views are relations in it. */
extern Query *mlops_source_parse(MlSource *source);

/* Index in source->desc of the column, or an error (42703, 42702) that names it. */
extern int	mlops_column_require(TupleDesc desc, const char *name);

/* The same for a row to score: the error says that the model needs the column. */
extern int	mlops_column_require_in_row(TupleDesc desc, const char *name);

extern bool mlops_source_is_keeping(const MlSource *source);

/* Rows kept of a source (see mlops_source_keep): those of an earlier run, or where this run is to put them; NULL: none. */
extern Tuplestorestate *mlops_source_kept(MlSource *source);
extern Tuplestorestate *mlops_source_start_keeping(MlSource *source, bool has_policy);
extern bool mlops_source_has_policy(MlSource *source);

/* fetch.c */

/* Bytes of detoasted values that may gather before they are let go. */
#define ROW_MEMORY_MAX ((Size) 1024 * 1024)

/* Run the source once; "receive" sees every row, deformed. Returns whether a policy filtered it. */
typedef void (*MlReceive) (void *arg, TupleTableSlot *slot);
extern bool mlops_fetch_rows(MlSource *source, MlReceive receive, void *arg);

/* Could the query answer with other rows when it is run again under the same snapshot? */
extern bool mlops_query_is_fickle(Query *query);

/* label.c: every label of ours in this database (MlSetLabel *) */
typedef struct MlSetLabel
{
	ObjectAddress object;
	char	   *text;
} MlSetLabel;
extern List *mlops_label_list(void);

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
extern uint64 mlops_dictionary_entry_hash(const MlDictionary *dict, int code);

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
	/* after reading */
	bool		is_identifier;	/* TEXT: nearly every value is distinct */
	bool		excluded;
	int			ncodes;			/* of a category: size of its dictionary */
	int		   *codes;			/* final code by code of arrival, then of a missing one */
	int			number;			/* in the signature */
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
	List	   *labelled;		/* MlLabelled *: used in spite of their labels */
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
/* Training rows chosen by their hashes: numbers in the store, in an order that does not depend on that of the table. */
typedef struct MlChosen
{
	int64		nrows;
	uint32	   *rows;			/* palloc'd */
} MlChosen;

extern MlStore *mlops_store_make(MemoryContext context, int width);
extern void mlops_store_reserve(MlStore *store);	/* room for one more row in the last block */
extern void mlops_store_remap(MlStore *store, int width, const int *from);	/* new slot i was slot from[i]; -1: NaN */
extern void mlops_store_check_budget(MlStore *store, Size more);
extern void mlops_store_gather(const MlStore *store, const MlChosen *chosen, MlBlock *out);	/* slots of rows; no y and w */

/* reader.c: rows in */
typedef struct MlReader MlReader;
typedef struct MlReadResult
{
	MlStore    *store;
	int64		nseen;
	int64		nconverted;		/* rows whose columns were looked at */
	int64		nskip_target;	/* NULL target */
	int64		nskip_weight;	/* NULL or zero weight */
	int64		nskip_feature;	/* policy SKIP */
	int64		nsampled_out;	/* not in the fraction asked for */
	bool		rls_applied;
	MlFingerprint *fingerprint; /* of the first run, or NULL */
	/* target, while its task is open */
	MlDictionary *classes;		/* labels in order of arrival, or NULL */
	int			ndistinct;		/* integers: distinct values seen, 3 means more than two */
	double		distinct[2];
	/* learnt from it */
	int		   *class_codes;	/* final class by label in order of arrival, or NULL */
	bool		is_pair;		/* integers of two values: the class is whether it is "high" */
	double		high;
} MlReadResult;

/* Takes rows in the layout of the reader's slots; they are gone when it returns. */
typedef void (*MlSink) (void *arg, MlBlock *block, const uint64 *hash);

/* The layout is about to get wider: new slot i was slot from[i]; -1: missing in all rows so far. */
typedef void (*MlRelayout) (void *arg, int width, const int *from);

extern MlReader *mlops_reader_make(MlPlan *plan, const MlWish *wish, MemoryContext context);

/* Blocks of rows go to the sink as they come, in place of the store. */
extern void mlops_reader_set_sink(MlReader *reader, MlSink sink, MlRelayout relayout, void *arg);
extern MlReadResult *mlops_reader_result(MlReader *reader);	/* filled while it runs */
extern MlReadResult *mlops_reader_run(MlReader *reader);

/* Ready to run again, without the features that were excluded meanwhile. */
extern void mlops_reader_reset(MlReader *reader);

/* split.c */

/* A row's key: identical rows are told apart by a number from 0 on. */
static inline uint64
mlops_split_key(uint64 hash, uint64 number, uint64 seed)
{
	return mlops_hash_mix(mlops_hash_mix(hash, number), seed);
}

/* Rows of a group whose key is at most its limit are held out, where it holds any. */
typedef struct MlSplitLimits
{
	uint64	   *limits;
	bool	   *holds;
} MlSplitLimits;

/* The rank-th smallest (from 0) of n keys, which are reordered. */
extern uint64 mlops_select_key(uint64 *keys, int64 n, int64 rank);

/* keys are those of group 0, 1, ..., which end at ends[0], ends[1], ...; they are reordered */
extern MlSplitLimits mlops_split_limits(uint64 *keys, const int64 *ends, int ngroups, double fraction);

/* Hold rows out and choose at most so many of the others; returns how many are held out. */
extern int64 mlops_split(MlStore *store, int nclasses, double fraction, uint64 seed, int64 wanted,
						 MlChosen *chosen);

/* learn.c: dictionaries and classes from rows read */

/* What a feature's rows say; "arg" knows them. */
typedef struct MlEvidence
{
	void	   *arg;

	/* rows by code of arrival, then those without a value (palloc'd) */
	int64	   *(*count_codes) (void *arg, int feature, int ncodes);

	/* the feature's final codes are known; can be NULL */
	void		(*set_codes) (void *arg, int feature, int ncodes);

	/* of numbers: any value?  Where missing ones are replaced: one in every slot? */
	bool		(*has_value) (void *arg, int feature);
	bool		(*is_constant) (void *arg, int feature);
	bool		(*is_duplicate) (void *arg, int a, int b);
} MlEvidence;

extern void mlops_learn_classes(MlPlan *plan, MlReadResult *read, const MlWish *wish, MlSignature *sig);
extern void mlops_require_two_classes(const MlReadResult *read, const MlSignature *sig, bool has_0, bool has_1);

/* Returns, by slot of the signature, the slot of the reader that it was. */
extern int *mlops_learn_features(MlPlan *plan, const MlWish *wish, int width, const MlEvidence *evidence,
								 MlSignature *sig);

/* The class of a target as the reader has it. */
static inline double
mlops_class_of(const MlReadResult *read, double y)
{
	if (read->class_codes != NULL)
		return read->class_codes[(int) y];
	return read->is_pair ? (y == read->high ? 1.0 : 0.0) : y;
}

/* evidence.c: from rows in a store */
extern bool mlops_store_set_classes(MlReadResult *read, bool *has_1);	/* targets become classes; returns whether class 0 occurs */
extern MlEvidence mlops_store_evidence(MlPlan *plan, MlStore *store);

/* dataset.c: errors and notices of a source that was read */
extern void mlops_require_rows(const MlPlan *plan, const MlReadResult *read);
extern void mlops_raise_notices(const MlPlan *plan, const MlReadResult *read);

/*
 * wire.c: a type's send and receive functions in mlops_common_encoding(),
 * whatever the client's encoding is; after mlops_wire_prepare()
 */
extern int	mlops_common_encoding(void);
extern void mlops_wire_prepare(void);
extern bytea *mlops_send_value(FmgrInfo *function, Datum value);
extern Datum mlops_receive_value(FmgrInfo *function, StringInfo bytes, Oid ioparam, int32 typmod);

/* impute.c: replacements of missing numbers; returns cells replaced */
extern int64 mlops_learn_fills(MlSignature *sig, MlStore *store, bool weighted);

/* binding.c: apply a feature's policy to a missing slot; false: SKIP */
extern MlString mlops_feature_text(const MlFeature *feature, MlString s);
extern bool mlops_feature_missing(const MlFeature *feature, int element, double *x);
extern bool mlops_feature_missing_all(const MlFeature *feature, double *x);	/* all of its slots */
extern void mlops_feature_check_length(const MlFeature *feature, int length);	/* of an array */

#endif							/* MLOPS_DATA_H */
