/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *	  Values of SQL to the words of a fingerprint (numeric/fingerprint.c).
 *
 *	family	types								words
 *	1		int2 int4 int8						the number, twice
 *	2		float4 float8						bits of the double, twice; -0 is 0, NaN one NaN
 *	3		numeric								digits without the zeros around them
 *	4		bool								0 or 1, twice
 *	5		text varchar char(n) name "char", enums	bytes; of char(n) without trailing blanks
 *	6		bytea								bytes
 *	7		date								days, twice
 *	8, 9	timestamp, timestamptz				microseconds, twice
 *	10		uuid								bytes
 *	11		arrays								shape, then the elements in order
 *	12		rows								a row of their own
 *	13		all others							name of the type; bytes of its send function,
 *											or else of its output function
 *
 * Bytes become two words by two hashes.  Families never equal one another: an
 * integer 1 is not a numeric 1.  The rules say nothing of OIDs, so that a
 * restored table has the fingerprint it had.  Text and the names of columns
 * enter as UTF-8, whatever the encodings of database and client are; in a
 * database that cannot be converted to it, as they are.
 *
 * Values of one word, the common case, are handled in runs of one type without
 * a branch per value; a row with a null among them, a NaN or an infinity goes
 * value by value.
 *
 * IDENTIFICATION
 *	  src/data/fingerprint.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "mlops/fingerprint.h"

#include "data.h"

/* Numbers are part of the definition. */
typedef enum Family
{
	FAMILY_INTEGER = 1,
	FAMILY_FLOAT = 2,
	FAMILY_NUMERIC = 3,
	FAMILY_BOOL = 4,
	FAMILY_TEXT = 5,
	FAMILY_BYTES = 6,
	FAMILY_DATE = 7,
	FAMILY_TIMESTAMP = 8,
	FAMILY_TIMESTAMPTZ = 9,
	FAMILY_UUID = 10,
	FAMILY_ARRAY = 11,
	FAMILY_ROW = 12,
	FAMILY_OTHER = 13
} Family;

/* Those of one word come first. */
typedef enum Kind
{
	KIND_FLOAT8, KIND_FLOAT4, KIND_INT8, KIND_INT4, KIND_INT2, KIND_BOOL, KIND_DATE, KIND_TIMESTAMP,
	KIND_NUMERIC, KIND_TEXT, KIND_CHAR, KIND_BYTES, KIND_UUID, KIND_ARRAY, KIND_ROW, KIND_SEND, KIND_OUTPUT
} Kind;

#define LAST_FIXED KIND_TIMESTAMP

/* Seeds of the two hashes of bytes, and the words of a null; frozen. */
#define SEED_ONE UINT64CONST(0x1f83d9abfb41bd6b)
#define SEED_OTHER UINT64CONST(0x5be0cd19137e2179)
#define NULL_ONE UINT64CONST(0x6a09e667f3bcc908)
#define NULL_OTHER UINT64CONST(0xbb67ae8584caa73b)

#define CANONICAL_NAN UINT64CONST(0x7FF8000000000000)
#define INFINITE_BITS UINT64CONST(0x7FF0000000000000)
#define SIGN_BIT UINT64CONST(0x8000000000000000)

/* One type. */
typedef struct FingerType
{
	Kind		kind;
	Family		family;
	uint64		name;			/* hash of the type's name; family OTHER */
	MlConverter conv;			/* kind TEXT */
	FmgrInfo	function;		/* send or output */
	struct FingerType *element; /* of an array */
	int16		typlen;
	bool		typbyval;
	char		typalign;
	MlFingerPlan *row;			/* of the last row seen */
} FingerType;

typedef struct FingerColumn
{
	int			source;
	const char *name;
	FingerType	type;
} FingerColumn;

/* Columns of one kind of one word that lie side by side. */
typedef struct Run
{
	Kind		kind;
	int			source;			/* the first */
	int			word;
	int			n;
} Run;

struct MlFingerPlan
{
	MemoryContext context;
	Oid			type;			/* of a row within a row */
	int32		typmod;
	TupleDesc	desc;
	Datum	   *values;			/* room for deforming one */
	bool	   *nulls;
	int			ncolumns;
	FingerColumn *columns;		/* in their order; their words likewise */
	int			nruns;
	Run		   *runs;
	int			nothers;
	int		   *others;			/* columns of two words */
	int			npairs;
	MlFingerPair *pairs;		/* in the order of names */
	uint64	   *words;
	uint64	   *second;			/* the second words */
};

static void value_words(FingerType *type, MemoryContext context, Datum value, uint64 out[2]);

static void
classify(FingerType *type, Oid base)
{
	type->family = FAMILY_OTHER;
	type->kind = KIND_SEND;
	switch (base)
	{
#define IS(oid, k, f) case oid: type->kind = k; type->family = f; break
		IS(INT2OID, KIND_INT2, FAMILY_INTEGER);
		IS(INT4OID, KIND_INT4, FAMILY_INTEGER);
		IS(INT8OID, KIND_INT8, FAMILY_INTEGER);
		IS(FLOAT4OID, KIND_FLOAT4, FAMILY_FLOAT);
		IS(FLOAT8OID, KIND_FLOAT8, FAMILY_FLOAT);
		IS(NUMERICOID, KIND_NUMERIC, FAMILY_NUMERIC);
		IS(BOOLOID, KIND_BOOL, FAMILY_BOOL);
		IS(TEXTOID, KIND_TEXT, FAMILY_TEXT);
		IS(VARCHAROID, KIND_TEXT, FAMILY_TEXT);
		IS(BPCHAROID, KIND_TEXT, FAMILY_TEXT);
		IS(NAMEOID, KIND_TEXT, FAMILY_TEXT);
		IS(CHAROID, KIND_CHAR, FAMILY_TEXT);
		IS(BYTEAOID, KIND_BYTES, FAMILY_BYTES);
		IS(DATEOID, KIND_DATE, FAMILY_DATE);
		IS(TIMESTAMPOID, KIND_TIMESTAMP, FAMILY_TIMESTAMP);
		IS(TIMESTAMPTZOID, KIND_TIMESTAMP, FAMILY_TIMESTAMPTZ);
		IS(UUIDOID, KIND_UUID, FAMILY_UUID);
#undef IS
		default:
			break;
	}
}

/* What text is hashed in. */
static MlString
in_common_encoding(MlString s)
{
	char	   *converted;

	if (GetDatabaseEncoding() == mlops_common_encoding())
		return s;
	converted = pg_server_to_any(s.data, s.len, PG_UTF8);
	if (converted != s.data)
		s.len = strlen(converted);
	s.data = converted;
	return s;
}

/* The name of a type without its schema. */
static uint64
hash_type_name(Oid base)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(base));
	Form_pg_type form;
	uint64		hash;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", base);
	form = (Form_pg_type) GETSTRUCT(tuple);
	hash = mlops_hash_bytes(NameStr(form->typname), strlen(NameStr(form->typname)), SEED_ONE);
	ReleaseSysCache(tuple);
	return hash;
}

/* A type whose values are known to nobody but its functions. */
static void
init_other(FingerType *type, Oid base, MemoryContext context)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(base));
	Form_pg_type form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", base);
	form = (Form_pg_type) GETSTRUCT(tuple);
	type->kind = OidIsValid(form->typsend) ? KIND_SEND : KIND_OUTPUT;
	fmgr_info_cxt(type->kind == KIND_SEND ? form->typsend : form->typoutput,
				  &type->function, context);
	ReleaseSysCache(tuple);
	type->name = hash_type_name(base);
	if (type->kind == KIND_SEND)
		mlops_wire_prepare();
}

/* Allocates in CurrentMemoryContext, which is "context". */
static void
init_type(FingerType *type, Oid oid, MemoryContext context)
{
	Oid			base = getBaseType(oid);
	Oid			element = get_element_type(base);

	memset(type, 0, sizeof(FingerType));
	get_typlenbyvalalign(base, &type->typlen, &type->typbyval, &type->typalign);
	classify(type, base);
	if (OidIsValid(element))
	{
		type->kind = KIND_ARRAY;
		type->family = FAMILY_ARRAY;
		type->element = palloc(sizeof(FingerType));
		init_type(type->element, element, context);
		return;
	}
	if (type_is_rowtype(base))
	{
		type->kind = KIND_ROW;
		type->family = FAMILY_ROW;
		return;
	}
	if (get_typtype(base) == TYPTYPE_ENUM)
	{
		type->kind = KIND_TEXT;
		type->family = FAMILY_TEXT;
	}
	if (type->kind == KIND_TEXT)
		mlops_converter_init(&type->conv, base, "");
	else if (type->family == FAMILY_OTHER)
		init_other(type, base, context);
}

/* By name, then by family, then as they come. */
static int
compare_columns(const void *a, const void *b)
{
	const FingerColumn *x = *(FingerColumn *const *) a;
	const FingerColumn *y = *(FingerColumn *const *) b;
	int			order = strcmp(x->name, y->name);

	if (order == 0)
		order = (int) x->type.family - (int) y->type.family;
	return order != 0 ? order : x->source - y->source;
}

static void
make_pairs(MlFingerPlan *plan)
{
	int			n = plan->ncolumns;
	FingerColumn **sorted = palloc(sizeof(FingerColumn *) * Max(n, 1));

	for (int i = 0; i < n; i++)
		sorted[i] = &plan->columns[i];
	qsort(sorted, n, sizeof(FingerColumn *), compare_columns);
	plan->npairs = (n + 1) / 2;
	plan->pairs = palloc0(sizeof(MlFingerPair) * Max(plan->npairs, 1));
	for (int i = 0; i < 2 * plan->npairs; i++)
	{
		MlFingerPair *pair = &plan->pairs[i / 2];
		uint64		key[2];
		uint32		word = n;	/* stays 0 */

		if (i < n)
		{
			mlops_finger_key(sorted[i]->name, strlen(sorted[i]->name), sorted[i]->type.family, key);
			word = sorted[i] - plan->columns;
		}
		else
			mlops_finger_key("", 0, 0, key);
		pair->key[i % 2] = key[0];
		pair->key[2 + i % 2] = key[1];
		*(i % 2 == 0 ? &pair->a : &pair->b) = word;
	}
	pfree(sorted);
}

static void
make_runs(MlFingerPlan *plan)
{
	Run		   *run = NULL;

	for (int i = 0; i < plan->ncolumns; i++)
	{
		const FingerColumn *column = &plan->columns[i];

		if (column->type.kind > LAST_FIXED)
			plan->others[plan->nothers++] = i;
		else if (run != NULL && run->kind == column->type.kind &&
				 run->source + run->n == column->source && run->word + run->n == i)
			run->n++;
		else
		{
			run = &plan->runs[plan->nruns++];
			run->kind = column->type.kind;
			run->source = column->source;
			run->word = i;
			run->n = 1;
		}
	}
}

MlFingerPlan *
mlops_finger_plan_make(TupleDesc desc, const bool *wanted, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	MlFingerPlan *plan = palloc0(sizeof(MlFingerPlan));
	int			n = 0;

	plan->context = context;
	plan->desc = CreateTupleDescCopy(desc);
	plan->type = desc->tdtypeid;
	plan->typmod = desc->tdtypmod;
	plan->columns = palloc0(sizeof(FingerColumn) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		FingerColumn *column = &plan->columns[n];
		MlString	name;

		if (TupleDescAttr(desc, i)->attisdropped || (wanted != NULL && !wanted[i]))
			continue;
		column->source = i;
		name.data = NameStr(TupleDescAttr(plan->desc, i)->attname);
		name.len = strlen(name.data);
		column->name = in_common_encoding(name).data;
		init_type(&column->type, TupleDescAttr(desc, i)->atttypid, context);
		n++;
	}
	plan->ncolumns = n;
	plan->values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	plan->nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	plan->runs = palloc0(sizeof(Run) * Max(n, 1));
	plan->others = palloc(sizeof(int) * Max(n, 1));
	plan->words = palloc0(sizeof(uint64) * (n + 1));
	plan->second = palloc0(sizeof(uint64) * (n + 1));
	make_pairs(plan);
	make_runs(plan);
	MemoryContextSwitchTo(old);
	return plan;
}

/* A double's bits, one for each value. */
static inline uint64
float_word(double number)
{
	union
	{
		double		number;
		uint64		bits;
	}			u;

	u.number = number;
	u.bits = u.bits == SIGN_BIT ? 0 : u.bits;
	return (u.bits & ~SIGN_BIT) > INFINITE_BITS ? CANONICAL_NAN : u.bits;
}

static inline uint64
fixed_word(Kind kind, Datum value)
{
	switch (kind)
	{
		case KIND_FLOAT8:
			return float_word(DatumGetFloat8(value));
		case KIND_FLOAT4:
			return float_word(DatumGetFloat4(value));
		case KIND_INT8:
			return (uint64) DatumGetInt64(value);
		case KIND_INT4:
			return (uint64) (int64) DatumGetInt32(value);
		case KIND_INT2:
			return (uint64) (int64) DatumGetInt16(value);
		case KIND_BOOL:
			return DatumGetBool(value) ? 1 : 0;
		case KIND_DATE:
			return (uint64) (int64) DatumGetDateADT(value);
		default:
			return (uint64) DatumGetTimestamp(value);
	}
}

/*
 * The words of a run.  False: one is null, or its float is NaN or infinite, and
 * the words mean nothing.
 */
static pg_attribute_always_inline bool
fill_run(Kind kind, int n, const Datum *values, const bool *nulls, uint64 *words)
{
#ifdef USE_FLOAT8_BYVAL
	bool		any = false;
	uint64		special = 0;

	for (int i = 0; i < n; i++)
		any |= nulls[i];
	for (int i = 0; i < n; i++)
	{
		union
		{
			double		number;
			uint64		bits;
		}			u;

		if (kind == KIND_FLOAT8 || kind == KIND_FLOAT4)
		{
			/* -0 becomes 0; an exponent of ones carries into the sign */
			u.number = 0.0 + (kind == KIND_FLOAT8 ? DatumGetFloat8(values[i]) :
							  (double) DatumGetFloat4(values[i]));
			special |= (u.bits & ~SIGN_BIT) + (SIGN_BIT - INFINITE_BITS);
			words[i] = u.bits;
		}
		else
			words[i] = fixed_word(kind, values[i]);
	}
	return !any && (special & SIGN_BIT) == 0;
#else
	return false;
#endif
}

static bool
fill_words(const MlFingerPlan *plan, const Datum *values, const bool *nulls)
{
	for (int r = 0; r < plan->nruns; r++)
	{
		const Run  *run = &plan->runs[r];
		const Datum *v = values + run->source;
		const bool *isnull = nulls + run->source;
		uint64	   *words = plan->words + run->word;

		switch (run->kind)
		{
#define RUN(kind) case kind: if (!fill_run(kind, run->n, v, isnull, words)) return false; break
			RUN(KIND_FLOAT8);
			RUN(KIND_FLOAT4);
			RUN(KIND_INT8);
			RUN(KIND_INT4);
			RUN(KIND_INT2);
			RUN(KIND_BOOL);
			RUN(KIND_DATE);
			RUN(KIND_TIMESTAMP);
#undef RUN
			default:
				break;
		}
	}
	return true;
}

static void
hash_words(const void *data, Size len, uint64 out[2])
{
	out[0] = mlops_hash_bytes(data, len, SEED_ONE);
	out[1] = mlops_hash_bytes(data, len, SEED_OTHER);
}

/* Take a word into a pair that stands for what came before it. */
static void
chain(uint64 out[2], uint64 one, uint64 other)
{
	out[0] = mlops_hash_mix(out[0], one);
	out[1] = mlops_hash_mix(out[1], other);
}

/*
 * A numeric's digits as its send function gives them: int16 of ndigits,
 * weight, sign, dscale, then the digits to the base 10,000.  How many digits
 * are shown (dscale) is no part of the value.
 */
static void
numeric_words(Datum value, uint64 out[2])
{
	bytea	   *sent = DatumGetByteaPP(DirectFunctionCall1(numeric_send, value));
	const char *p = VARDATA_ANY(sent);
	int			n = (int) (VARSIZE_ANY_EXHDR(sent) / 2) - 4;
	char		head[4];
	int			weight = (int16) (((uint8) p[2] << 8) | (uint8) p[3]);

	memcpy(head + 2, p + 4, 2);
	p += 8;
	for (; n > 0 && p[0] == 0 && p[1] == 0; p += 2, n--)
		weight--;
	while (n > 0 && p[2 * n - 2] == 0 && p[2 * n - 1] == 0)
		n--;
	/* zero has no sign; NaN and infinity have no digits but theirs */
	if (n == 0)
		weight = 0;
	head[0] = (char) ((weight >> 8) & 0xff);
	head[1] = (char) (weight & 0xff);
	hash_words(p, 2 * n, out);
	chain(out, mlops_hash_bytes(head, 4, SEED_ONE), mlops_hash_bytes(head, 4, SEED_OTHER));
}

static void
array_words(FingerType *type, MemoryContext context, Datum value, uint64 out[2])
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	FingerType *element = type->element;
	int			ndim = ARR_NDIM(array);
	int			n = ArrayGetNItems(ndim, ARR_DIMS(array));
	const bits8 *bitmap = ARR_NULLBITMAP(array);
	const char *data = mlops_array_data(array);

	out[0] = mlops_hash_mix(element->family, ndim);
	out[1] = mlops_hash_mix(out[0], SEED_OTHER);
	for (int i = 0; i < ndim; i++)
		chain(out, ARR_DIMS(array)[i], (uint64) (int64) ARR_LBOUND(array)[i]);
	for (int i = 0; i < ndim; i++)
		chain(out, (uint64) (int64) ARR_LBOUND(array)[i], ARR_DIMS(array)[i]);
	for (int i = 0; i < n; i++)
	{
		uint64		words[2] = {NULL_ONE, NULL_OTHER};

		CHECK_EVERY_64K(i);
		if (bitmap == NULL || (bitmap[i / 8] & (1 << (i % 8))) != 0)
		{
			data = (const char *) att_align_pointer(data, element->typalign, element->typlen, data);
			value_words(element, context, fetch_att(data, element->typbyval, element->typlen), words);
			data = att_addlength_pointer(data, element->typlen, data);
		}
		chain(out, words[0], words[1]);
	}
}

/* Words of one column, null or not. */
static void
fill_column(MlFingerPlan *plan, int i, const Datum *values, const bool *nulls)
{
	FingerColumn *column = &plan->columns[i];
	uint64		words[2] = {NULL_ONE, NULL_OTHER};

	if (!nulls[column->source])
		value_words(&column->type, plan->context, values[column->source], words);
	plan->words[i] = words[0];
	plan->second[i] = words[1];
}

/* The 128 bits of one row. */
static void
hash_row(MlFingerPlan *plan, const Datum *values, const bool *nulls, uint64 out[2])
{
	const uint64 *second = NULL;

	if (unlikely(!fill_words(plan, values, nulls)))
	{
		second = plan->second;
		for (int i = 0; i < plan->ncolumns; i++)
			fill_column(plan, i, values, nulls);
	}
	else if (plan->nothers > 0)
	{
		second = plan->second;
		memcpy(plan->second, plan->words, sizeof(uint64) * plan->ncolumns);
		for (int i = 0; i < plan->nothers; i++)
			fill_column(plan, plan->others[i], values, nulls);
	}
	mlops_finger_row(plan->npairs, plan->pairs, plan->words, second, out);
}

/* A row within a row, of a type that may change from one to the next where it is anonymous. */
static void
row_words(FingerType *type, MemoryContext context, Datum value, uint64 out[2])
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	Oid			oid = HeapTupleHeaderGetTypeId(header);
	int32		typmod = HeapTupleHeaderGetTypMod(header);
	HeapTupleData tuple;

	check_stack_depth();
	if (type->row == NULL || type->row->type != oid || type->row->typmod != typmod)
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(oid, typmod);

		if (type->row != NULL)
			MemoryContextDelete(type->row->context);
		type->row = mlops_finger_plan_make(desc, NULL,
										   AllocSetContextCreate(context, "mlops fingerprint row",
																 ALLOCSET_SMALL_SIZES));
		ReleaseTupleDesc(desc);
	}
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, type->row->desc, type->row->values, type->row->nulls);
	hash_row(type->row, type->row->values, type->row->nulls, out);
}

/* The two words of a value that is not null. */
static void
value_words(FingerType *type, MemoryContext context, Datum value, uint64 out[2])
{
	MlString	s;
	bytea	   *bytes;
	char		one;

	switch (type->kind)
	{
		case KIND_NUMERIC:
			numeric_words(value, out);
			break;
		case KIND_TEXT:
			s = in_common_encoding(mlops_convert_text(&type->conv, value));
			hash_words(s.data, s.len, out);
			break;
		case KIND_CHAR:
			one = DatumGetChar(value);
			hash_words(&one, one != '\0', out);
			break;
		case KIND_BYTES:
			bytes = DatumGetByteaPP(value);
			hash_words(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), out);
			break;
		case KIND_UUID:
			hash_words(DatumGetPointer(value), UUID_LEN, out);
			break;
		case KIND_ARRAY:
			array_words(type, context, value, out);
			break;
		case KIND_ROW:
			row_words(type, context, value, out);
			break;
		case KIND_SEND:
			bytes = mlops_send_value(&type->function, value);
			hash_words(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), out);
			chain(out, type->name, type->name);
			break;
		case KIND_OUTPUT:
			s.data = OutputFunctionCall(&type->function, value);
			s.len = strlen(s.data);
			s = in_common_encoding(s);
			hash_words(s.data, s.len, out);
			chain(out, type->name, type->name);
			break;
		default:
			out[0] = out[1] = fixed_word(type->kind, value);
			break;
	}
}

void
mlops_finger_plan_row(MlFingerPlan *plan, const Datum *values, const bool *nulls, MlFingerSum *sum)
{
	uint64		row[2];

	hash_row(plan, values, nulls, row);
	mlops_finger_add(sum, row);
}

void
mlops_finger_text(const MlFingerSum *sum, char text[MLOPS_FINGERPRINT_LEN + 1])
{
	uint64		out[2];

	mlops_finger_final(sum, out);
	snprintf(text, MLOPS_FINGERPRINT_LEN + 1, "%016llx%016llx",
			 (unsigned long long) out[0], (unsigned long long) out[1]);
}
