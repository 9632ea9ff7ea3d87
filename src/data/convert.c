/*-------------------------------------------------------------------------
 *
 * convert.c
 *	  One column's datums to numbers, bytes and array elements.
 *
 * int8 and numeric become the nearest double.  Dates count days and
 * timestamps seconds from 1970-01-01, the infinite ones are refused like
 * infinite numbers.  Messages name the column, never the value.
 *
 * IDENTIFICATION
 *	  src/data/convert.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "data.h"

#define DAYS_FROM_1970 (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)

static MlConvert
kind_of_type(Oid base)
{
	switch (base)
	{
		case FLOAT8OID:
			return CONVERT_FLOAT8;
		case FLOAT4OID:
			return CONVERT_FLOAT4;
		case INT4OID:
			return CONVERT_INT4;
		case INT2OID:
			return CONVERT_INT2;
		case INT8OID:
			return CONVERT_INT8;
		case NUMERICOID:
			return CONVERT_NUMERIC;
		case BOOLOID:
			return CONVERT_BOOL;
		case DATEOID:
			return CONVERT_DATE;
		case TIMESTAMPOID:
			return CONVERT_TIMESTAMP;
		case TIMESTAMPTZOID:
			return CONVERT_TIMESTAMPTZ;
		case TEXTOID:
		case VARCHAROID:
			return CONVERT_TEXT;
		case BPCHAROID:
			return CONVERT_BPCHAR;
		case NAMEOID:
			return CONVERT_NAME;
		case UUIDOID:
		case TIMETZOID:
		case INTERVALOID:
			return CONVERT_BYREF;
		default:
			break;
	}
	if (get_typtype(base) == TYPTYPE_ENUM)
		return CONVERT_ENUM;
	return CONVERT_NONE;
}

/* A label can be renamed while a converter lives. */
static uint64 enum_version = 1;

static void
at_enum_change(Datum arg, int cacheid, uint32 hashvalue)
{
	enum_version++;
}

static void
watch_enums(void)
{
	static bool done = false;

	if (!done)
		CacheRegisterSyscacheCallback(ENUMOID, at_enum_change, (Datum) 0);
	done = true;
}

void
mlops_converter_init(MlConverter *conv, Oid type, const char *column)
{
	Oid			base = getBaseType(type);
	Oid			element;
	bool		byval;

	memset(conv, 0, sizeof(MlConverter));
	conv->column = column;
	conv->kind = kind_of_type(base);
	get_typlenbyval(base, &conv->typlen, &byval);
	if (conv->kind == CONVERT_ENUM)
	{
		watch_enums();
		conv->labels = palloc0(sizeof(EnumLabel) * ENUM_CACHE_SIZE);
	}
	if (conv->kind != CONVERT_NONE)
		return;
	element = get_element_type(base);
	if (OidIsValid(element))
	{
		switch (element)
		{
			case FLOAT8OID:
			case FLOAT4OID:
			case INT2OID:
			case INT4OID:
			case INT8OID:
			case NUMERICOID:
				conv->kind = CONVERT_ARRAY;
				conv->element = kind_of_type(element);
				conv->elemtype = element;
				get_typlenbyvalalign(element, &conv->elemlen,
									 &conv->elembyval, &conv->elemalign);
				break;
			default:
				break;
		}
	}
	else if (byval)
		conv->kind = CONVERT_BYVAL;
}

MlColumnType
mlops_converter_family(const MlConverter *conv)
{
	switch (conv->kind)
	{
		case CONVERT_FLOAT8:
		case CONVERT_FLOAT4:
		case CONVERT_INT4:
		case CONVERT_INT2:
		case CONVERT_INT8:
		case CONVERT_NUMERIC:
			return ML_COLUMN_NUMBER;
		case CONVERT_BOOL:
			return ML_COLUMN_BOOL;
		case CONVERT_DATE:
			return ML_COLUMN_DATE;
		case CONVERT_TIMESTAMP:
			return ML_COLUMN_TIMESTAMP;
		case CONVERT_TIMESTAMPTZ:
			return ML_COLUMN_TIMESTAMPTZ;
		case CONVERT_TEXT:
		case CONVERT_BPCHAR:
		case CONVERT_NAME:
		case CONVERT_ENUM:
			return ML_COLUMN_TEXT;
		case CONVERT_ARRAY:
			return ML_COLUMN_ARRAY;
		default:
			return 0;
	}
}

MlColumnType
mlops_type_family(Oid type)
{
	MlConverter conv;

	mlops_converter_init(&conv, type, NULL);
	return mlops_converter_family(&conv);
}

bool
mlops_converter_is_integer(const MlConverter *conv)
{
	return conv->kind == CONVERT_INT2 || conv->kind == CONVERT_INT4 ||
		conv->kind == CONVERT_INT8;
}

const char *
mlops_task_name(MlTask task)
{
	return task == ML_TASK_REGRESSION ? "regression" : "classification";
}

const char *
mlops_family_name(MlColumnType family)
{
	switch (family)
	{
		case ML_COLUMN_NUMBER:
			return "number";
		case ML_COLUMN_BOOL:
			return "boolean";
		case ML_COLUMN_TEXT:
			return "text";
		case ML_COLUMN_DATE:
			return "date";
		case ML_COLUMN_TIMESTAMP:
			return "timestamp without time zone";
		case ML_COLUMN_TIMESTAMPTZ:
			return "timestamp with time zone";
		case ML_COLUMN_ARRAY:
			return "array of numbers";
	}
	return "unknown";
}

void
mlops_refuse_infinity(const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("column \"%s\" contains an infinite value", column)));
}

void
mlops_refuse_weight(const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("weight column \"%s\" contains a negative value", column)));
}

void
mlops_require_number(const MlConverter *conv, const char *what)
{
	if (mlops_converter_family(conv) != ML_COLUMN_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s column \"%s\" must be a number", what, conv->column)));
}

/* An integer datum's decimal digits, terminated; returns their number. */
int
mlops_convert_integer_label(const MlConverter *conv, Datum value, char *digits)
{
	int64		number = conv->kind == CONVERT_INT8 ? DatumGetInt64(value) :
		conv->kind == CONVERT_INT4 ? DatumGetInt32(value) : DatumGetInt16(value);

	return pg_lltoa(number, digits);
}

static double
seconds_from_1970(int64 microseconds)
{
	int64		seconds = microseconds / USECS_PER_SEC;
	int64		rest = microseconds % USECS_PER_SEC;

	return (double) (seconds + (int64) DAYS_FROM_1970 * SECS_PER_DAY) +
		(double) rest / USECS_PER_SEC;
}

double
mlops_convert_number(const MlConverter *conv, Datum value)
{
	double		number;

	switch (conv->kind)
	{
		case CONVERT_FLOAT8:
			number = DatumGetFloat8(value);
			break;
		case CONVERT_FLOAT4:
			number = DatumGetFloat4(value);
			break;
		case CONVERT_INT4:
			return DatumGetInt32(value);
		case CONVERT_INT2:
			return DatumGetInt16(value);
		case CONVERT_INT8:
			return (double) DatumGetInt64(value);
		case CONVERT_NUMERIC:
			number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
			break;
		case CONVERT_BOOL:
			return DatumGetBool(value) ? 1.0 : 0.0;
		case CONVERT_DATE:
			if (DATE_NOT_FINITE(DatumGetDateADT(value)))
				mlops_refuse_infinity(conv->column);
			return (double) DatumGetDateADT(value) + DAYS_FROM_1970;
		case CONVERT_TIMESTAMP:
		case CONVERT_TIMESTAMPTZ:
			if (TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)))
				mlops_refuse_infinity(conv->column);
			return seconds_from_1970(DatumGetTimestamp(value));
		default:
			elog(ERROR, "column \"%s\" is not a number", conv->column);
	}
	if (unlikely(isinf(number)))
		mlops_refuse_infinity(conv->column);
	if (unlikely(isnan(number)))
		return NAN;
	return number + 0.0;		/* -0 becomes 0 */
}

static MlString
enum_label(const MlConverter *conv, Oid oid)
{
	EnumLabel  *entry = &conv->labels[oid % ENUM_CACHE_SIZE];
	MlString	s;

	if (entry->oid != oid || entry->version != enum_version)
	{
		HeapTuple	tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(oid));

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for enum value %u", oid);
		strlcpy(entry->label, NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel),
				NAMEDATALEN);
		ReleaseSysCache(tuple);
		entry->len = strlen(entry->label);
		entry->oid = oid;
		entry->version = enum_version;
	}
	s.data = entry->label;
	s.len = entry->len;
	return s;
}

MlString
mlops_convert_text(const MlConverter *conv, Datum value)
{
	MlString	s;
	struct varlena *text;

	switch (conv->kind)
	{
		case CONVERT_TEXT:
		case CONVERT_BPCHAR:
			text = PG_DETOAST_DATUM_PACKED(value);
			s.data = VARDATA_ANY(text);
			s.len = VARSIZE_ANY_EXHDR(text);
			if (conv->kind == CONVERT_BPCHAR)
			{
				while (s.len > 0 && s.data[s.len - 1] == ' ')
					s.len--;
			}
			return s;
		case CONVERT_NAME:
			s.data = NameStr(*DatumGetName(value));
			s.len = strlen(s.data);
			return s;
		case CONVERT_ENUM:
			return enum_label(conv, DatumGetObjectId(value));
		default:
			elog(ERROR, "column \"%s\" is not text", conv->column);
	}
}

int
mlops_convert_array_length(const MlConverter *conv, ArrayType *array)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" contains an array of more than one dimension",
						conv->column)));
	return ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
}

/* ARR_DATA_PTR, whose mixed signs -Wextra minds. */
const char *
mlops_array_data(const ArrayType *array)
{
	Size		offset = ARR_HASNULL(array) ? (Size) array->dataoffset :
		(Size) ARR_OVERHEAD_NONULLS(ARR_NDIM(array));

	return (const char *) array + offset;
}

void
mlops_convert_array(const MlConverter *conv, ArrayType *array, double *out)
{
	int			n = mlops_convert_array_length(conv, array);
	const char *data = mlops_array_data(array);
	const bits8 *nulls = ARR_NULLBITMAP(array);
	MlConverter element;

	memset(&element, 0, sizeof(element));
	element.kind = conv->element;
	element.column = conv->column;
	for (int i = 0; i < n; i++)
	{
		if (nulls != NULL && (nulls[i / 8] & (1 << (i % 8))) == 0)
		{
			out[i] = NAN;
			continue;
		}
		data = (const char *) att_align_pointer(data, conv->elemalign, conv->elemlen, data);
		out[i] = mlops_convert_number(&element,
									  fetch_att(data, conv->elembyval, conv->elemlen));
		data = att_addlength_pointer(data, conv->elemlen, data);
	}
}

int
mlops_string_compare(const MlString *a, const MlString *b)
{
	int			order = memcmp(a->data, b->data, Min(a->len, b->len));

	return order != 0 ? order : a->len - b->len;
}

MlString
mlops_string_copy(const char *data, int len)
{
	MlString	s;
	char	   *copy = palloc(len + 1);

	memcpy(copy, data, len);
	copy[len] = '\0';
	s.data = copy;
	s.len = len;
	return s;
}
