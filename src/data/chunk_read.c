/*-------------------------------------------------------------------------
 *
 * chunk_read.c
 *	  A chunk's bytes to rows.
 *
 * The bytes may be anything: every length is checked before it is used, and
 * what a string says is checked by what makes a value of it.  A string that
 * occurs often becomes a value once.
 *
 * IDENTIFICATION
 *	  src/data/chunk_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

#include "mlops/numeric.h"

#include "data.h"
#include "chunk_format.h"

typedef struct ReadColumn
{
	MlChunkType type;
	const uint8 *bitmap;		/* NULL: no nulls */
	int			at;				/* values taken so far */
	int			row;			/* rows passed so far */
	uint64	   *values;			/* numbers, or codes of strings */
	Datum	   *strings;		/* by code; NULL: numbers */
} ReadColumn;

struct MlChunkReader
{
	MemoryContext context;		/* of the chunk */
	int			ncolumns;
	int			nrows;
	ReadColumn *columns;
};

pg_noreturn static void
damaged(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("snapshot is damaged")));
	pg_unreachable();
}

MlChunkReader *
mlops_chunk_reader_make(TupleDesc desc, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	MlChunkReader *reader = palloc0(sizeof(MlChunkReader));

	reader->context = AllocSetContextCreate(context, "mlops chunk", ALLOCSET_DEFAULT_SIZES);
	reader->ncolumns = desc->natts;
	reader->columns = palloc0(sizeof(ReadColumn) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
		mlops_chunk_type_init(&reader->columns[i].type, desc, i, context);
	MemoryContextSwitchTo(old);
	return reader;
}

static uint64
take_uint(MlPackIn *in, int bytes)
{
	uint64		value = 0;

	if (in->end - in->at < bytes)
		damaged();
	for (int i = 0; i < bytes; i++)
		value |= (uint64) in->at[i] << (8 * i);
	in->at += bytes;
	return value;
}

static Datum
enum_value(Oid type, const char *label, Size len)
{
	char	   *name;
	HeapTuple	tuple;
	Oid			oid;

	if (len >= NAMEDATALEN)
		damaged();
	name = pnstrdup(label, len);
	tuple = SearchSysCache2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(name));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a label that the snapshot contains is no longer in type %s",
						format_type_be(type))));
	oid = ((Form_pg_enum) GETSTRUCT(tuple))->oid;
	ReleaseSysCache(tuple);
	return ObjectIdGetDatum(oid);
}

static Datum
receive_value(MlChunkType *type, const char *bytes, Size len)
{
	StringInfoData buf;
	Datum		value;

	/* as for a message of the protocol: a terminated copy */
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, bytes, (int) len);
	value = mlops_receive_value(&type->receive, &buf, type->ioparam, type->typmod);
	if (buf.cursor != buf.len)
		damaged();
	return value;
}

static Datum
string_value(MlChunkType *type, const char *bytes, Size len)
{
	Name		name;

	switch (type->kind)
	{
		case CHUNK_ENUM:
			return enum_value(type->type, bytes, len);
		case CHUNK_NUMERIC:
		case CHUNK_SENT:
			return receive_value(type, bytes, len);
		case CHUNK_NAME:
			if (len >= NAMEDATALEN || !pg_verify_mbstr(GetDatabaseEncoding(), bytes, (int) len, true))
				damaged();
			name = palloc0(NAMEDATALEN);
			memcpy(NameStr(*name), bytes, len);
			return NameGetDatum(name);
		case CHUNK_TEXT:
			if (!pg_verify_mbstr(GetDatabaseEncoding(), bytes, (int) len, true))
				damaged();
			return PointerGetDatum(cstring_to_text_with_len(bytes, (int) len));
		default:
			/* bytea has the layout of text */
			return PointerGetDatum(cstring_to_text_with_len(bytes, (int) len));
	}
}

static void
read_strings(ReadColumn *column, MlPackIn *in, int n)
{
	MlPackStrings strings;
	uint64	   *work = palloc(sizeof(uint64) * MLOPS_PACK_WORK(n));
	const char *at;

	strings.lengths = palloc(sizeof(uint64) * (n + 1));
	strings.codes = column->values;
	if (!mlops_unpack_strings(in, n, &strings, work))
		damaged();
	at = (const char *) strings.bytes;
	column->strings = palloc(sizeof(Datum) * (strings.ndistinct + 1));
	for (int i = 0; i < strings.ndistinct; i++)
	{
		if (strings.lengths[i] > MaxAllocSize / 2)
			damaged();
		CHECK_EVERY_64K(i);
		column->strings[i] = string_value(&column->type, at, strings.lengths[i]);
		at += strings.lengths[i];
	}
	pfree(work);
	pfree(strings.lengths);
}

/* A numeric column of integers and scales. */
static void
read_scaled(ReadColumn *column, MlPackIn *in, int n)
{
	uint64	   *work = palloc(sizeof(uint64) * MLOPS_PACK_WORK(n));
	uint64	   *scales = palloc(sizeof(uint64) * (n + 1));

	if (!mlops_unpack_numbers(in, n, 4, false, scales, work) ||
		!mlops_unpack_numbers(in, n, 8, false, column->values, work))
		damaged();
	column->strings = palloc(sizeof(Datum) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		if (scales[i] > CHUNK_MAX_DIGITS)
			damaged();
		column->strings[i] = NumericGetDatum(int64_div_fast_to_numeric((int64) column->values[i],
																	   (int) scales[i]));
		column->values[i] = i;
	}
	pfree(work);
	pfree(scales);
}

static void
read_column(ReadColumn *column, MlPackIn *in, int nrows)
{
	int			form = (int) take_uint(in, 1);
	bool		has_nulls = take_uint(in, 1) != 0;
	const MlChunkType *type = &column->type;
	uint64	   *work;
	int			n = nrows;

	column->bitmap = NULL;
	column->strings = NULL;
	column->at = column->row = 0;
	if (has_nulls)
	{
		if (in->end - in->at < (nrows + 7) / 8)
			damaged();
		column->bitmap = in->at;
		in->at += (nrows + 7) / 8;
		for (int i = 0; i < nrows; i++)
			n -= (column->bitmap[i / 8] >> (i % 8)) & 1;
	}
	column->values = palloc(sizeof(uint64) * (n + 1));
	if (type->kind == CHUNK_NUMERIC && form == CHUNK_FORM_SCALED)
		read_scaled(column, in, n);
	else if (type->kind != CHUNK_NUMBER && form == CHUNK_FORM_STRINGS)
		read_strings(column, in, n);
	else
	{
		if (type->kind != CHUNK_NUMBER || form != type->width)
			damaged();
		work = palloc(sizeof(uint64) * MLOPS_PACK_WORK(n));
		if (!mlops_unpack_numbers(in, n, type->width, type->is_float, column->values, work))
			damaged();
		pfree(work);
	}
}

int
mlops_chunk_open(MlChunkReader *reader, const char *bytes, Size len)
{
	MlPackIn	in;
	MemoryContext old;

	MemoryContextReset(reader->context);
	old = MemoryContextSwitchTo(reader->context);
	in.at = (const uint8 *) bytes;
	in.end = in.at + len;
	if (len < strlen(CHUNK_MAGIC) || memcmp(bytes, CHUNK_MAGIC, strlen(CHUNK_MAGIC)) != 0)
		damaged();
	in.at += strlen(CHUNK_MAGIC);
	if (take_uint(&in, 1) != CHUNK_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("snapshot was stored by a later version of mlops"),
				 errhint("Update the extension mlops.")));
	reader->nrows = (int) take_uint(&in, 4);
	if (reader->nrows < 0 || reader->nrows > MLOPS_PACK_MAX ||
		take_uint(&in, 4) != (uint64) reader->ncolumns)
		damaged();
	for (int i = 0; i < reader->ncolumns; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_column(&reader->columns[i], &in, reader->nrows);
	}
	if (in.at != in.end)
		damaged();
	MemoryContextSwitchTo(old);
	return reader->nrows;
}

static inline Datum
number_value(const MlChunkType *type, uint64 bits)
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
			return type->type == BOOLOID ? BoolGetDatum(bits != 0) : CharGetDatum((char) bits);
		case 2:
			return Int16GetDatum((int16) bits);
		case 4:
			if (!type->is_float)
				return Int32GetDatum((int32) bits);
			u.low = (int32) bits;
			return Float4GetDatum(u.single);
		default:
			if (!type->is_float)
				return Int64GetDatum((int64) bits);
			u.bits = bits;
			return Float8GetDatum(u.number);
	}
}

/* Rows come in order; a row before the last one starts over. */
void
mlops_chunk_row(MlChunkReader *reader, int row, Datum *values, bool *nulls)
{
	Assert(row >= 0 && row < reader->nrows);
	for (int i = 0; i < reader->ncolumns; i++)
	{
		ReadColumn *column = &reader->columns[i];
		uint64		value;

		if (row < column->row)
			column->row = column->at = 0;
		for (; column->row < row; column->row++)
			column->at += column->bitmap == NULL ||
				((column->bitmap[column->row / 8] >> (column->row % 8)) & 1) == 0;
		nulls[i] = column->bitmap != NULL && ((column->bitmap[row / 8] >> (row % 8)) & 1) != 0;
		values[i] = (Datum) 0;
		if (nulls[i])
			continue;
		value = column->values[column->at];
		values[i] = column->strings != NULL ? column->strings[value] :
			number_value(&column->type, value);
	}
}
