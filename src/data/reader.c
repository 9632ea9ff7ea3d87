/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  Rows of a training source into a store: slots, target, weight, row hash.
 *
 * Every hashed column gives one 64-bit word per row: the bits of a number's
 * double (with -0 and NaN made uniform), a hash of other bytes.  The row hash
 * is the sum over pairs of columns of the folded 128-bit product of their
 * words, each xored with a key made of the column's name; it depends on
 * nothing but names and values.
 *
 * Categories get codes in order of arrival here; learn.c gives them their
 * final ones.
 *
 * IDENTIFICATION
 *	  src/data/reader.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/base.h"
#include "mlops/fingerprint.h"
#include "mlops/numeric.h"

#include "data.h"

#define MAX_SLOTS 65535
#define MAX_CLASSES 1000
#define LONG_TEXT 2000			/* bytes beyond which a text is hashed by its length alone */
#define EXPONENT_BITS UINT64CONST(0x7FF0000000000000)
#define NEGATIVE_ZERO UINT64CONST(0x8000000000000000)
#define MISSING_WORD UINT64CONST(0x7FF8000000000000)
#define SAMPLE_KEY UINT64CONST(0x9c6e1d5a3f27b84d)	/* which rows a fraction keeps; frozen */

typedef struct ReadColumn
{
	MlConvert	kind;
	int			source;			/* column of the source */
	int			slot;			/* its feature's slot, or -1 */
	MlColumn   *feature;		/* or NULL */
	const MlConverter *conv;
	int			run;			/* columns of one float type from here on that lie side by side */
} ReadColumn;

struct MlReader
{
	MlPlan	   *plan;
	const MlWish *wish;
	MlReadResult *result;
	MlStore    *store;
	MemoryContext context;
	MemoryContext row_context;
	int			ncolumns;
	ReadColumn *columns;
	uint64	   *keys;			/* ncolumns, rounded up to even */
	uint64	   *words;			/* likewise */
	int			narrays;		/* array features whose length is not known yet */
	int			target_task;	/* an MlTask, or 0 while integers may be either */
	MlFingerPlan *print;		/* of all rows read; NULL: they were read before */
	MlFingerSum sum;
	uint64		sample_below;	/* rows whose mixed hash is below are read; 0: all */
	MlSink		sink;			/* takes full blocks in place of the store, or NULL */
	MlRelayout	relayout;
	void	   *sink_arg;
	MemoryContext caller_context;
};

/* Give every feature its slots; returns the width of a row. */
static int
assign_slots(MlReader *reader)
{
	int64		width = 0;

	for (int i = 0; i < reader->plan->nfeatures; i++)
	{
		MlColumn   *column = &reader->plan->features[i];

		column->slot = column->excluded ? -1 : width;
		width += column->excluded ? 0 : column->width;
	}
	if (width > MAX_SLOTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("features need " INT64_FORMAT " slots, but at most %d are possible",
						width, MAX_SLOTS)));
	for (int i = 0; i < reader->ncolumns; i++)
		reader->columns[i].slot = reader->columns[i].feature ?
			reader->columns[i].feature->slot : -1;
	for (int i = reader->ncolumns - 1; i >= 0; i--)
	{
		ReadColumn *column = &reader->columns[i];

		column->run = column->feature != NULL &&
			(column->kind == CONVERT_FLOAT8 || column->kind == CONVERT_FLOAT4);
		if (column->run > 0 && i + 1 < reader->ncolumns && column[1].run > 0 &&
			column[1].kind == column->kind && column[1].source == column->source + 1 && column[1].slot == column->slot + 1)
			column->run = column[1].run + 1;
	}
	return width;
}

/* Hand the rows that have gathered to the sink. */
static void
flush_sink(MlReader *reader)
{
	MlStore    *store = reader->store;
	MemoryContext old;

	if (store->nblocks == 0 || store->blocks[0].nrows == 0)
		return;
	old = MemoryContextSwitchTo(reader->caller_context);
	reader->sink(reader->sink_arg, &store->blocks[0], store->hash[0]);
	MemoryContextSwitchTo(old);
	store->blocks[0].nrows = 0;
}

/* The first non-null value of an array column fixes its length. */
static void
discover_arrays(MlReader *reader, const Datum *values, const bool *nulls)
{
	bool		found = false;
	int			old_width = reader->store->width;
	int			width;
	int		   *from;

	for (int i = 0; i < reader->plan->nfeatures; i++)
	{
		MlColumn   *column = &reader->plan->features[i];

		if (column->width > 0 || nulls[column->source])
			continue;
		if (!found && reader->sink != NULL)
			flush_sink(reader); /* in the layout that they have */
		column->width = mlops_convert_array_length(&column->conv,
												   DatumGetArrayTypeP(values[column->source]));
		if (column->width == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("column \"%s\" contains an empty array", column->name)));
		column->slot = -1;		/* its earlier rows are all missing */
		reader->narrays--;
		found = true;
	}
	if (!found)
		return;
	from = palloc(sizeof(int) * MAX_SLOTS);
	for (int i = 0, to = 0; i < reader->plan->nfeatures; i++)
	{
		MlColumn   *column = &reader->plan->features[i];

		for (int j = 0; j < column->width && to < MAX_SLOTS; j++)
			from[to++] = column->slot < 0 ? -1 : column->slot + j;
	}
	width = assign_slots(reader);
	if (width != old_width)
	{
		MemoryContext old = MemoryContextSwitchTo(reader->context);

		if (reader->sink != NULL)
			reader->relayout(reader->sink_arg, width, from);
		mlops_store_remap(reader->store, width, from);
		MemoryContextSwitchTo(old);
	}
}

/* Value of the target as y; false: missing. */
static bool
read_target(MlReader *reader, Datum value, bool isnull, double *y)
{
	const MlConverter *conv = &reader->plan->target.conv;
	MlReadResult *result = reader->result;

	if (isnull)
		return false;
	if (reader->target_task != ML_TASK_CLASSIFICATION)
	{
		*y = mlops_convert_number(conv, value);
		if (isnan(*y))
			return false;
		if (reader->target_task == 0 && result->ndistinct < 3 &&
			(result->ndistinct < 1 || *y != result->distinct[0]) &&
			(result->ndistinct < 2 || *y != result->distinct[1]))
		{
			if (result->ndistinct < 2)
				result->distinct[result->ndistinct] = *y;
			result->ndistinct++;
		}
		return true;
	}
	if (conv->kind == CONVERT_BOOL)
		*y = DatumGetBool(value) ? 1.0 : 0.0;
	else
	{
		char		digits[32];
		MlString	s;

		if (mlops_converter_is_integer(conv))
		{
			s.len = mlops_convert_integer_label(conv, value, digits);
			s.data = digits;
		}
		else
			s = mlops_convert_text(conv, value);
		*y = mlops_dictionary_code(result->classes, s, mlops_dictionary_hash(s));
		if (mlops_dictionary_size(result->classes) > MAX_CLASSES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("target column \"%s\" has more than %d classes",
							conv->column, MAX_CLASSES)));
	}
	return true;
}

/* A missing value of a feature; false: the row is to be left out. */
static bool
note_missing(MlColumn *feature)
{
	if (feature == NULL)
		return true;
	feature->nmissing++;
	return feature->missing != ML_MISSING_SKIP;
}

/* Policy ERROR bears no missing value, but a column of nothing else is none. */
static void
check_missing(const MlReader *reader)
{
	for (int i = 0; i < reader->plan->nfeatures; i++)
	{
		const MlColumn *feature = &reader->plan->features[i];

		if (feature->missing == ML_MISSING_ERROR && feature->nmissing > 0 &&
			feature->nmissing < reader->result->nconverted)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" contains a missing value", feature->name)));
	}
}

/* Columns that are not plain numbers; returns the word, sets *keep. */
static uint64
read_other(const ReadColumn *column, Datum value, double *x, bool *keep)
{
	MlString	s;
	uint64		hash;
	bool		is_long;

	switch (column->kind)
	{
		case CONVERT_TEXT:
		case CONVERT_BPCHAR:
		case CONVERT_NAME:
		case CONVERT_ENUM:
			/* not by where the value is stored, which a restore may change */
			is_long = (column->kind == CONVERT_TEXT || column->kind == CONVERT_BPCHAR) &&
				toast_raw_datum_size(value) > LONG_TEXT;
			if (is_long && column->feature == NULL)
				return toast_raw_datum_size(value);
			s = mlops_convert_text(column->conv, value);
			hash = mlops_dictionary_hash(s);
			if (column->feature != NULL)
				x[column->slot] = mlops_dictionary_code(column->feature->dict, s, hash);
			return is_long ? toast_raw_datum_size(value) : hash;
		case CONVERT_ARRAY:
			{
				ArrayType  *array = DatumGetArrayTypeP(value);
				double	   *elements = x + column->slot;
				int			n;

				hash = mlops_hash_bytes(VARDATA(array), VARSIZE(array) - VARHDRSZ, 0);
				if (column->feature == NULL)
					return hash;
				n = mlops_convert_array_length(column->conv, array);
				if (n != column->feature->width)
					ereport(ERROR,
							(errcode(ERRCODE_DATA_EXCEPTION),
							 errmsg("column \"%s\" contains arrays of different lengths",
									column->conv->column)));
				mlops_convert_array(column->conv, array, elements);
				for (int i = 0; i < n; i++)
				{
					if (isnan(elements[i]))
					{
						*keep &= note_missing(column->feature);
						break;
					}
				}
				return hash;
			}
		case CONVERT_DATE:
			if (column->feature != NULL)
				x[column->slot] = mlops_convert_number(column->conv, value);
			return (uint64) DatumGetDateADT(value);
		case CONVERT_TIMESTAMP:
		case CONVERT_TIMESTAMPTZ:
			if (column->feature != NULL)
				x[column->slot] = mlops_convert_number(column->conv, value);
			return (uint64) DatumGetTimestamp(value);
		case CONVERT_BYREF:
			return mlops_hash_bytes(DatumGetPointer(value), column->conv->typlen, 0);
		case CONVERT_BYVAL:
			return (uint64) value;
		default:
			elog(ERROR, "column \"%s\" cannot be read", column->conv->column);
	}
}

static inline uint64
fold_product(uint64 a, uint64 b)
{
#ifdef HAVE_INT128
	uint128		product = (uint128) a * b;

	return (uint64) product ^ (uint64) (product >> 64);
#else
	return mlops_hash_mix(a, b);
#endif
}

/*
 * float8 or float4 columns side by side, the common case of wide tables,
 * without a branch per value.  False: one is null, NaN or infinite, do it
 * column by column.
 */
static inline bool
read_run(const ReadColumn *column, const Datum *values, const bool *nulls,
		 double *x, uint64 *words)
{
#ifdef USE_FLOAT8_BYVAL
	uint64	   *slots = (uint64 *) x + column->slot;
	bool		special = false;

	values += column->source;
	nulls += column->source;
	if (column->kind == CONVERT_FLOAT4)
	{
		for (int i = 0; i < column->run; i++)
		{
			union
			{
				double		number;
				uint64		bits;
			}			u;

			u.number = (double) DatumGetFloat4(values[i]) + 0.0;
			special |= nulls[i] | ((u.bits & EXPONENT_BITS) == EXPONENT_BITS);
			words[i] = u.bits;
			slots[i] = u.bits;
		}
		return !special;
	}
	for (int i = 0; i < column->run; i++)
	{
		uint64		bits = (uint64) values[i];

		bits = bits == NEGATIVE_ZERO ? 0 : bits;
		special |= nulls[i] | ((bits & EXPONENT_BITS) == EXPONENT_BITS);
		words[i] = bits;
		slots[i] = bits;
	}
	return !special;
#else
	return false;
#endif
}

/* All columns of one row to slots and words; false: the row is to be left out. */
static pg_attribute_always_inline bool
read_columns(MlReader *reader, const Datum *values, const bool *nulls,
			 double *x, uint64 *hash)
{
	const ReadColumn *columns = reader->columns;
	const uint64 *keys = reader->keys;
	uint64	   *words = reader->words;
	int			n = reader->ncolumns;
	uint64		sum = 0;
	bool		keep = true;

	for (int i = 0; i < n; i++)
	{
		const ReadColumn *column = &columns[i];
		Datum		value = values[column->source];
		union
		{
			double		number;
			uint64		bits;
		}			u;

		if (column->run > 1 && read_run(column, values, nulls, x, &words[i]))
		{
			i += column->run - 1;
			continue;
		}
		if (unlikely(nulls[column->source]))
		{
			words[i] = MISSING_WORD;
			keep &= note_missing(column->feature);
			if (column->feature != NULL)
				for (int j = 0; j < column->feature->width; j++)
					x[column->slot + j] = NAN;
			continue;
		}
		switch (column->kind)
		{
			case CONVERT_FLOAT8:
				u.number = DatumGetFloat8(value) + 0.0;
				break;
			case CONVERT_FLOAT4:
				u.number = (double) DatumGetFloat4(value) + 0.0;
				break;
			case CONVERT_INT4:
				u.number = DatumGetInt32(value);
				break;
			case CONVERT_INT2:
				u.number = DatumGetInt16(value);
				break;
			case CONVERT_INT8:
				u.number = (double) DatumGetInt64(value);
				break;
			case CONVERT_NUMERIC:
				u.number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
															  value)) + 0.0;
				break;
			case CONVERT_BOOL:
				u.number = DatumGetBool(value) ? 1.0 : 0.0;
				break;
			default:
				words[i] = read_other(column, value, x, &keep);
				continue;
		}
		if (unlikely((u.bits & EXPONENT_BITS) == EXPONENT_BITS))
		{
			if (isinf(u.number) && column->feature != NULL)
				mlops_refuse_infinity(column->conv->column);
			if (isnan(u.number))
			{
				u.number = NAN;
				keep &= note_missing(column->feature);
			}
		}
		words[i] = u.bits;
		if (column->slot >= 0)
			x[column->slot] = u.number;
	}
	for (int i = 0; i < n; i += 2)
		sum += fold_product(words[i] ^ keys[i], words[i + 1] ^ keys[i + 1]);
	*hash = mlops_hash_mix(sum, n);
	return keep;
}

static void
receive_row(void *arg, TupleTableSlot *slot)
{
	MlReader   *reader = (MlReader *) arg;
	MlReadResult *result = reader->result;
	const Datum *values = slot->tts_values;
	const bool *nulls = slot->tts_isnull;
	const MlPlan *plan = reader->plan;
	MemoryContext old;
	MlStore    *store = reader->store;
	MlBlock    *block;
	double		y;
	double		w = 1.0;
	int			row;
	uint64	   *hash;
	bool		keep;

	if (result->nseen++ % MLOPS_BLOCK_ROWS == 0 ||
		unlikely(MemoryContextMemAllocated(reader->row_context, false) > ROW_MEMORY_MAX))
	{
		MemoryContextReset(reader->row_context);
		if (reader->sink == NULL)
			mlops_store_check_budget(store, 0);
		check_missing(reader);
		mlops_progress_rows(result->nseen - 1);
		CHECK_FOR_INTERRUPTS();
	}
	old = MemoryContextSwitchTo(reader->row_context);
	if (reader->print != NULL)
		mlops_finger_plan_row(reader->print, values, nulls, &reader->sum);
	if (!read_target(reader, values[plan->target.source],
					 nulls[plan->target.source], &y))
	{
		result->nskip_target++;
		MemoryContextSwitchTo(old);
		return;
	}
	if (plan->has_weight)
	{
		w = nulls[plan->weight.source] ? 0.0 :
			mlops_convert_number(&plan->weight.conv, values[plan->weight.source]);
		if (w < 0)
			mlops_refuse_weight(plan->weight.name);
		if (!(w > 0))
		{
			result->nskip_weight++;
			MemoryContextSwitchTo(old);
			return;
		}
	}
	if (unlikely(reader->narrays > 0))
		discover_arrays(reader, values, nulls);
	if (reader->sink != NULL && store->nblocks > 0 &&
		store->blocks[0].nrows == MLOPS_BLOCK_ROWS)
		flush_sink(reader);
	mlops_store_reserve(store);
	block = &store->blocks[store->nblocks - 1];
	row = block->nrows;
	hash = &store->hash[store->nblocks - 1][row];
	keep = read_columns(reader, values, nulls, block->x + (Size) row * block->width, hash);
	result->nconverted++;
	if (reader->sample_below > 0 &&
		mlops_hash_mix(*hash, reader->wish->seed ^ SAMPLE_KEY) >= reader->sample_below)
		result->nsampled_out++;
	else if (keep)
	{
		block->y[row] = y;
		block->w[row] = w;
		store->part[store->nblocks - 1][row] = 0;
		block->nrows++;
		store->nrows++;
	}
	else
		result->nskip_feature++;
	MemoryContextSwitchTo(old);
}

/* Which kind of target the column's type allows. */
static void
decide_task(MlReader *reader)
{
	const MlColumn *target = &reader->plan->target;
	int			task = reader->wish->task;
	bool		is_label = target->family == ML_COLUMN_BOOL || target->family == ML_COLUMN_TEXT;

	if (!is_label && target->family != ML_COLUMN_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot be the target", target->name),
				 errdetail("A target is a number, a boolean or a text.")));
	if (task == ML_TASK_REGRESSION && is_label)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target column \"%s\" of a regression must be a number", target->name)));
	if (task == ML_TASK_CLASSIFICATION && !is_label &&
		!mlops_converter_is_integer(&target->conv))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target column \"%s\" of a classification must be a boolean, a text or an integer",
						target->name),
				 errhint("Cast the column in a query source.")));
	if (task == 0 && is_label)
		task = ML_TASK_CLASSIFICATION;
	if (task == 0 && !mlops_converter_is_integer(&target->conv))
		task = ML_TASK_REGRESSION;
	reader->target_task = task;
	if (task == ML_TASK_CLASSIFICATION && target->family != ML_COLUMN_BOOL)
		reader->result->classes = mlops_dictionary_make(reader->context);
}

static void
prepare_columns(MlReader *reader)
{
	MlPlan	   *plan = reader->plan;
	int			n = plan->nhashed;

	reader->ncolumns = n;
	reader->columns = palloc0(sizeof(ReadColumn) * n);
	reader->keys = palloc0(sizeof(uint64) * (n + 1));
	reader->words = palloc0(sizeof(uint64) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		ReadColumn *column = &reader->columns[i];

		column->kind = plan->hashed[i].conv.kind;
		column->source = plan->hashed[i].source;
		column->conv = &plan->hashed[i].conv;
		reader->keys[i] = mlops_hash_bytes(plan->hashed[i].name,
										   strlen(plan->hashed[i].name), 1);
		for (int j = 0; j < plan->nfeatures; j++)
		{
			if (plan->features[j].source == column->source)
				column->feature = &plan->features[j];
		}
	}
	reader->keys[n] = mlops_hash_bytes("", 0, 1);
	for (int i = 0; i < plan->nfeatures; i++)
	{
		MlColumn   *feature = &plan->features[i];

		if (feature->family == ML_COLUMN_TEXT)
			feature->dict = mlops_dictionary_make(reader->context);
		if (feature->family == ML_COLUMN_ARRAY)
			reader->narrays++;
	}
}

static void
add_print_column(MlReader *reader, const MlColumn *column, bool *wanted)
{
	MlFingerprint *print = reader->result->fingerprint;

	wanted[column->source] = true;
	print->columns[print->ncolumns++] = pstrdup(column->name);
}

/* The fingerprint is of all that training looks at, whatever it makes of it. */
static void
prepare_fingerprint(MlReader *reader)
{
	const MlPlan *plan = reader->plan;
	TupleDesc	desc = plan->source->desc;
	bool	   *wanted = palloc0(sizeof(bool) * Max(desc->natts, 1));
	MlFingerprint *print = palloc0(sizeof(MlFingerprint));

	print->columns = palloc(sizeof(char *) * (plan->nfeatures + 2));
	reader->result->fingerprint = print;
	for (int i = 0; i < plan->nfeatures; i++)
		add_print_column(reader, &plan->features[i], wanted);
	add_print_column(reader, &plan->target, wanted);
	if (plan->has_weight)
		add_print_column(reader, &plan->weight, wanted);
	reader->print = mlops_finger_plan_make(desc, wanted, reader->context);
}

/* Fraction of the hashes as a bound; 0 for all of them. */
static uint64
sample_bound(double fraction)
{
	double		bound = ldexp(fraction, 64);

	if (fraction <= 0 || bound >= ldexp(1.0, 64))
		return 0;
	return Max((uint64) bound, 1);
}

MlReader *
mlops_reader_make(MlPlan *plan, const MlWish *wish, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	MlReader   *reader = palloc0(sizeof(MlReader));

	reader->plan = plan;
	reader->wish = wish;
	reader->result = palloc0(sizeof(MlReadResult));
	reader->context = context;
	reader->sample_below = sample_bound(wish->sample);
	decide_task(reader);
	prepare_columns(reader);
	reader->store = reader->result->store = mlops_store_make(context, 0);
	reader->store->width = assign_slots(reader);
	if (!plan->quiet)
		prepare_fingerprint(reader);
	MemoryContextSwitchTo(old);
	return reader;
}

void
mlops_reader_set_sink(MlReader *reader, MlSink sink, MlRelayout relayout, void *arg)
{
	reader->sink = sink;
	reader->relayout = relayout;
	reader->sink_arg = arg;
}

MlReadResult *
mlops_reader_result(MlReader *reader)
{
	return reader->result;
}

MlReadResult *
mlops_reader_run(MlReader *reader)
{
	MlReadResult *result = reader->result;

	reader->caller_context = CurrentMemoryContext;
	reader->row_context = AllocSetContextCreate(reader->context, "mlops row values",
												ALLOCSET_DEFAULT_SIZES);
	result->rls_applied = mlops_fetch_rows(reader->plan->source, receive_row, reader);
	check_missing(reader);
	if (reader->sink != NULL)
		flush_sink(reader);
	mlops_progress_rows(result->nseen);
	MemoryContextDelete(reader->row_context);
	if (reader->print != NULL)
	{
		result->fingerprint->nrows = reader->sum.rows;
		mlops_finger_text(&reader->sum, result->fingerprint->text);
		reader->print = NULL;	/* another run reads the same rows */
	}
	return result;
}

void
mlops_reader_reset(MlReader *reader)
{
	MlReadResult *result = reader->result;
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	result->nseen = result->nconverted = result->nsampled_out = 0;
	result->nskip_target = result->nskip_weight = result->nskip_feature = 0;
	for (int i = 0; i < reader->ncolumns; i++)
	{
		MlColumn   *feature = reader->columns[i].feature;

		if (feature != NULL && feature->excluded)
			reader->columns[i].feature = NULL;
	}
	reader->narrays = 0;
	MemoryContextDelete(reader->store->context);
	reader->store = result->store = mlops_store_make(reader->context, 0);
	reader->store->width = assign_slots(reader);
	MemoryContextSwitchTo(old);
}
