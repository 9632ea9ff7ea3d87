/*-------------------------------------------------------------------------
 *
 * chunk_write.c
 *	  Rows to a chunk's bytes.
 *
 * Values gather column by column, without the nulls, until there are enough of
 * them; then every column is packed for itself.
 *
 * IDENTIFICATION
 *	  src/data/chunk_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "mlops/bytes.h"
#include "mlops/numeric.h"

#include "data.h"
#include "chunk_format.h"

typedef struct WriteColumn
{
	MlChunkType type;
	MlConverter label;			/* of an enum */
	int			n;				/* values that are not null */
	int			nnulls;
	uint8	   *bitmap;			/* 1: null */
	uint64	   *values;			/* numbers, or lengths of strings */
	StringInfoData bytes;		/* of strings */
} WriteColumn;

struct MlChunkWriter
{
	MemoryContext context;
	int			ncolumns;
	WriteColumn *columns;
	int			max_rows;
	int			nrows;
	Size		nbytes;			/* of strings */
	uint64	   *work;
	StringInfoData out;			/* the last chunk's bytes */
};

MlChunkWriter *
mlops_chunk_writer_make(TupleDesc desc, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	MlChunkWriter *writer = palloc0(sizeof(MlChunkWriter));

	writer->context = context;
	writer->ncolumns = desc->natts;
	writer->max_rows = Max(64, Min(CHUNK_ROWS, 4 * CHUNK_BYTES / (sizeof(uint64) * Max(desc->natts, 1))));
	writer->columns = palloc0(sizeof(WriteColumn) * Max(desc->natts, 1));
	writer->work = palloc(sizeof(uint64) * MLOPS_PACK_WORK(writer->max_rows));
	for (int i = 0; i < desc->natts; i++)
	{
		WriteColumn *column = &writer->columns[i];

		mlops_chunk_type_init(&column->type, desc, i, context);
		if (column->type.kind == CHUNK_ENUM)
			mlops_converter_init(&column->label, column->type.type, NameStr(TupleDescAttr(desc, i)->attname));
		column->bitmap = palloc0((writer->max_rows + 7) / 8);
		column->values = palloc(sizeof(uint64) * writer->max_rows);
		if (column->type.kind != CHUNK_NUMBER)
			initStringInfo(&column->bytes);
	}
	MemoryContextSwitchTo(old);
	return writer;
}

/* A number's bits, sign-extended. */
static inline uint64
number_bits(const MlChunkType *type, Datum value)
{
	union
	{
		double		number;
		float		single;
		uint64		bits;
		int32		low;
	}			u;

	switch (type->width)
	{
		case 1:
			return (uint64) (int64) (int8) DatumGetChar(value);
		case 2:
			return (uint64) (int64) DatumGetInt16(value);
		case 4:
			if (!type->is_float)
				return (uint64) (int64) DatumGetInt32(value);
			u.single = DatumGetFloat4(value);
			return (uint64) (int64) u.low;
		default:
			if (!type->is_float)
				return (uint64) DatumGetInt64(value);
			u.number = DatumGetFloat8(value);
			return u.bits;
	}
}

/* The bytes of a string; they may live in CurrentMemoryContext. */
static MlString
string_of(WriteColumn *column, Datum value)
{
	MlString	s;
	struct varlena *bytes;

	switch (column->type.kind)
	{
		case CHUNK_ENUM:
			return mlops_convert_text(&column->label, value);
		case CHUNK_NAME:
			s.data = NameStr(*DatumGetName(value));
			s.len = strlen(s.data);
			return s;
		case CHUNK_NUMERIC:
		case CHUNK_SENT:
			bytes = (struct varlena *) mlops_send_value(&column->type.send, value);
			break;
		default:
			bytes = PG_DETOAST_DATUM_PACKED(value);
			break;
	}
	s.data = VARDATA_ANY(bytes);
	s.len = VARSIZE_ANY_EXHDR(bytes);
	return s;
}

bool
mlops_chunk_writer_add(MlChunkWriter *writer, const Datum *values, const bool *nulls)
{
	int			row = writer->nrows++;

	for (int i = 0; i < writer->ncolumns; i++)
	{
		WriteColumn *column = &writer->columns[i];

		if (nulls[i])
		{
			column->bitmap[row / 8] |= 1 << (row % 8);
			column->nnulls++;
		}
		else if (column->type.kind == CHUNK_NUMBER)
			column->values[column->n++] = number_bits(&column->type, values[i]);
		else
		{
			MlString	s = string_of(column, values[i]);

			column->values[column->n++] = s.len;
			appendBinaryStringInfo(&column->bytes, s.data, s.len);
			writer->nbytes += s.len;
		}
	}
	return writer->nrows == writer->max_rows || writer->nbytes >= CHUNK_BYTES;
}

int
mlops_chunk_writer_rows(const MlChunkWriter *writer)
{
	return writer->nrows;
}

static int
read_int16(const char *p)
{
	return (int16) (((uint8) p[0] << 8) | (uint8) p[1]);
}

/* A numeric as it was sent, as an integer and a scale; false: it is too long or no number. */
static bool
scale_numeric(const char *p, Size len, uint64 *integer, uint64 *scale)
{
	int			ndigits = read_int16(p);
	int			weight = read_int16(p + 2);
	int			sign = read_int16(p + 4) & 0xffff;
	int			dscale = read_int16(p + 6);
	int64		value = 0;

	if ((sign != 0 && sign != 0x4000) || (Size) ndigits * 2 + 8 != len ||
		(weight + 1) * 4 + dscale > CHUNK_MAX_DIGITS || dscale > CHUNK_MAX_DIGITS)
		return false;
	for (int i = 0; i < ndigits; i++)
	{
		int			power = 4 * (weight - i) + dscale;
		int64		digit = read_int16(p + 8 + 2 * i);

		for (; power < 0; power++)
			digit /= 10;		/* digits beyond the scale are 0 */
		for (; power > 0; power--)
			digit *= 10;
		value += digit;
	}
	*integer = (uint64) (sign == 0 ? value : -value);
	*scale = dscale;
	return true;
}

/* All values of a numeric column scaled; false: one cannot be. */
static bool
scale_column(const WriteColumn *column, uint64 *integers, uint64 *scales)
{
	const char *p = column->bytes.data;

	for (int i = 0; i < column->n; i++)
	{
		if (!scale_numeric(p, column->values[i], &integers[i], &scales[i]))
			return false;
		p += column->values[i];
	}
	return true;
}

static void
put_numbers(StringInfo out, int n, int width, bool is_float, const uint64 *values, uint64 *work)
{
	enlargeStringInfo(out, (int) mlops_pack_numbers_bound(n, width));
	out->len += (int) mlops_pack_numbers(n, width, is_float, values, work,
										 (uint8 *) out->data + out->len);
}

static void
put_column(MlChunkWriter *writer, WriteColumn *column, StringInfo out)
{
	const MlChunkType *type = &column->type;
	uint64	   *integers = NULL;
	uint64	   *scales = NULL;
	int			form = CHUNK_FORM_STRINGS;

	if (type->kind == CHUNK_NUMBER)
		form = type->width;
	else if (type->kind == CHUNK_NUMERIC)
	{
		integers = palloc(sizeof(uint64) * (column->n + 1));
		scales = palloc(sizeof(uint64) * (column->n + 1));
		if (scale_column(column, integers, scales))
			form = CHUNK_FORM_SCALED;
	}
	mlops_put_uint(out, form, 1);
	mlops_put_uint(out, column->nnulls > 0, 1);
	if (column->nnulls > 0)
		appendBinaryStringInfo(out, (char *) column->bitmap, (writer->nrows + 7) / 8);
	if (form == CHUNK_FORM_SCALED)
	{
		put_numbers(out, column->n, 4, false, scales, writer->work);
		put_numbers(out, column->n, 8, false, integers, writer->work);
	}
	else if (form != CHUNK_FORM_STRINGS)
		put_numbers(out, column->n, type->width, type->is_float, column->values, writer->work);
	else
	{
		Size		bound = mlops_pack_strings_bound(column->n, column->bytes.len);

		if (bound > MaxAllocSize - out->len - 1)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("row is too large for a snapshot")));
		enlargeStringInfo(out, (int) bound);
		out->len += (int) mlops_pack_strings(column->n, column->values,
											 (uint8 *) column->bytes.data, writer->work,
											 (uint8 *) out->data + out->len);
	}
	if (integers != NULL)
	{
		pfree(integers);
		pfree(scales);
	}
}

static void
reset_column(WriteColumn *column, int nrows)
{
	column->n = column->nnulls = 0;
	memset(column->bitmap, 0, (nrows + 7) / 8);
	if (column->type.kind == CHUNK_NUMBER)
		return;
	if (column->bytes.maxlen > (int) CHUNK_BYTES)
	{
		pfree(column->bytes.data);
		initStringInfo(&column->bytes);
	}
	resetStringInfo(&column->bytes);
}

const char *
mlops_chunk_writer_take(MlChunkWriter *writer, Size *len)
{
	StringInfo	out = &writer->out;
	MemoryContext old = MemoryContextSwitchTo(writer->context);

	if (out->data == NULL || out->maxlen > 4 * (int) CHUNK_BYTES)
	{
		if (out->data != NULL)
			pfree(out->data);
		initStringInfo(out);
	}
	resetStringInfo(out);
	appendBinaryStringInfo(out, CHUNK_MAGIC, strlen(CHUNK_MAGIC));
	mlops_put_uint(out, CHUNK_VERSION, 1);
	mlops_put_uint(out, writer->nrows, 4);
	mlops_put_uint(out, writer->ncolumns, 4);
	for (int i = 0; i < writer->ncolumns; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_column(writer, &writer->columns[i], out);
	}
	for (int i = 0; i < writer->ncolumns; i++)
		reset_column(&writer->columns[i], writer->max_rows);
	MemoryContextSwitchTo(old);
	writer->nrows = 0;
	writer->nbytes = 0;
	*len = out->len;
	return out->data;
}
