/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  Whole columns of a source in memory.
 *
 * A column of numbers is a list of pieces, so that it grows without being
 * copied; one of categories is a dictionary with a count for each entry.  How
 * many rows there are is known at the end only, so all columns that are wanted
 * are begun, and whenever memory runs out the last half of them is let go, to
 * be read another time.
 *
 * IDENTIFICATION
 *	  src/data/columns.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/base.h"

#include "data.h"

#define PIECE_VALUES	(32 * 1024)
#define COPIES			3		/* of one column: two samples side by side, and room to sort */

typedef struct Piece
{
	struct Piece *previous;
	double		value[PIECE_VALUES];
} Piece;

struct MlColumnData
{
	MemoryContext context;
	MlConverter conv;
	int			source;			/* index in the desc that is read */
	Piece	   *last;			/* numbers */
	int			filled;			/* of it */
	MlDictionary *dict;			/* categories */
	int64	   *counts;
	int			room;
};

typedef struct Reading
{
	MlColumnRead *columns;
	int			n;				/* still read */
	int64		rows;
	Size		used;			/* by them */
	Size		before;			/* by others */
	Size		limit;
	MemoryContext row_context;
} Reading;

MlColumnRead *
mlops_columns_of(MlSource *source, int *n)
{
	TupleDesc	desc = source->desc;
	MlColumnRead *columns = palloc0(sizeof(MlColumnRead) * Max(desc->natts, 1));

	*n = 0;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		MlColumnRead *column = &columns[*n];
		bool		again = false;

		if (att->attisdropped)
			continue;
		for (int j = 0; j < *n; j++)
			if (strcmp(columns[j].name, NameStr(att->attname)) == 0)
			{
				columns[j].family = 0;
				again = true;
			}
		if (again)
			continue;
		column->name = pstrdup(NameStr(att->attname));
		column->family = mlops_type_family(att->atttypid);
		(*n)++;
	}
	return columns;
}

static void
begin_column(MlColumnRead *column, TupleDesc desc)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops column", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlColumnData *data = palloc0(sizeof(MlColumnData));

	data->context = context;
	data->source = mlops_column_require(desc, column->name);
	mlops_converter_init(&data->conv, TupleDescAttr(desc, data->source)->atttypid, column->name);
	if (column->family == ML_COLUMN_TEXT)
		data->dict = mlops_dictionary_make(context);
	data->filled = PIECE_VALUES;
	column->data = data;
	column->n = column->missing = 0;
	MemoryContextSwitchTo(old);
}

void
mlops_column_forget(MlColumnRead *column, Size *used)
{
	if (column->data == NULL)
		return;
	*used -= MemoryContextMemAllocated(column->data->context, true);
	MemoryContextDelete(column->data->context);
	column->data = NULL;
}

/* As numbers are for statistics: infinities are values. */
static double
to_number(const MlConverter *conv, Datum value)
{
	switch (conv->kind)
	{
		case CONVERT_FLOAT8:
			return DatumGetFloat8(value);
		case CONVERT_FLOAT4:
			return DatumGetFloat4(value);
		case CONVERT_NUMERIC:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
		case CONVERT_DATE:
			if (DATE_NOT_FINITE(DatumGetDateADT(value)))
				return DATE_IS_NOBEGIN(DatumGetDateADT(value)) ? -INFINITY : INFINITY;
			break;
		case CONVERT_TIMESTAMP:
		case CONVERT_TIMESTAMPTZ:
			if (TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)))
				return TIMESTAMP_IS_NOBEGIN(DatumGetTimestamp(value)) ? -INFINITY : INFINITY;
			break;
		default:
			break;
	}
	return mlops_convert_number(conv, value);
}

static void
add_piece(Reading *reading, MlColumnData *data)
{
	Piece	   *piece = MemoryContextAlloc(data->context, sizeof(Piece));

	piece->previous = data->last;
	data->last = piece;
	data->filled = 0;
}

static void
add_category(MlColumnRead *column, Datum value)
{
	MlColumnData *data = column->data;
	MlString	s = mlops_convert_text(&data->conv, value);
	int			code = mlops_dictionary_code(data->dict, s, mlops_dictionary_hash(s));

	if (code >= data->room)
	{
		int			room = Max(64, data->room * 2);

		data->counts = data->counts == NULL ?
			MemoryContextAllocHuge(data->context, sizeof(int64) * room) :
			repalloc_huge(data->counts, sizeof(int64) * room);
		memset(data->counts + data->room, 0, sizeof(int64) * (room - data->room));
		data->room = room;
	}
	data->counts[code]++;
	column->n++;
}

/* Let go of the last columns until the others have room; error if not even one has. */
static void
keep_within(Reading *reading)
{
	Size		copies = (Size) reading->rows * sizeof(double) * COPIES;

	for (;;)
	{
		int			keep = (reading->n + 1) / 2;
		Size		need;

		reading->used = 0;
		for (int i = 0; i < reading->n; i++)
			reading->used += MemoryContextMemAllocated(reading->columns[i].data->context, true);
		need = reading->before + reading->used + copies;
		if (need <= reading->limit)
			return;
		if (reading->n == 1)
			mlops_budget_check(need, (int) (reading->limit / 1024), "mlops.training_memory",
							   "Every value of a column is kept. Compare samples of the rows, or raise mlops.training_memory.");
		if (reading->n == 1)
			return;
		for (int i = keep; i < reading->n; i++)
			mlops_column_forget(&reading->columns[i], &reading->used);
		reading->n = keep;
	}
}

static void
read_row(void *arg, TupleTableSlot *slot)
{
	Reading    *reading = arg;
	MemoryContext old = MemoryContextSwitchTo(reading->row_context);

	for (int i = 0; i < reading->n; i++)
	{
		MlColumnRead *column = &reading->columns[i];
		MlColumnData *data = column->data;
		double		x;

		if (slot->tts_isnull[data->source])
		{
			column->missing++;
			continue;
		}
		if (data->dict != NULL)
		{
			add_category(column, slot->tts_values[data->source]);
			continue;
		}
		x = data->conv.kind == CONVERT_FLOAT8 ? DatumGetFloat8(slot->tts_values[data->source]) :
			to_number(&data->conv, slot->tts_values[data->source]);
		if (isnan(x))
		{
			column->missing++;
			continue;
		}
		if (data->filled == PIECE_VALUES)
			add_piece(reading, data);
		data->last->value[data->filled++] = x;
		column->n++;
	}
	MemoryContextSwitchTo(old);
	if (++reading->rows % MLOPS_BLOCK_ROWS == 0 ||
		unlikely(MemoryContextMemAllocated(reading->row_context, false) > ROW_MEMORY_MAX))
	{
		MemoryContextReset(reading->row_context);
		CHECK_FOR_INTERRUPTS();
		keep_within(reading);
	}
}

int
mlops_columns_read(MlSource *source, int n, MlColumnRead *columns, Size limit, Size *used)
{
	bool	   *wanted = palloc0(sizeof(bool) * Max(source->desc->natts, 1));
	MlSource   *narrow;
	Reading		reading;

	for (int i = 0; i < n; i++)
		wanted[mlops_column_require(source->desc, columns[i].name)] = true;
	narrow = mlops_source_narrow(source, wanted);
	memset(&reading, 0, sizeof(reading));
	reading.columns = columns;
	reading.n = n;
	reading.before = *used;
	reading.limit = limit;
	for (int i = 0; i < n; i++)
		begin_column(&columns[i], narrow->desc);
	reading.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops column rows", ALLOCSET_DEFAULT_SIZES);
	mlops_fetch_rows(narrow, read_row, &reading);
	MemoryContextDelete(reading.row_context);
	keep_within(&reading);
	*used += reading.used;
	return reading.n;
}

void
mlops_column_numbers(const MlColumnRead *column, double *x)
{
	int64		at = column->n;
	int			filled = column->data->filled;

	for (const Piece *piece = column->data->last; piece != NULL; piece = piece->previous)
	{
		at -= filled;
		memcpy(x + at, piece->value, sizeof(double) * filled);
		filled = PIECE_VALUES;
	}
	Assert(at == 0);
}

int
mlops_column_categories(const MlColumnRead *column, MlString **values, int64 **counts)
{
	int			n = mlops_dictionary_size(column->data->dict);

	*values = palloc_extended(sizeof(MlString) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		(*values)[i] = mlops_dictionary_entry(column->data->dict, i);
	*counts = column->data->counts;
	return n;
}
