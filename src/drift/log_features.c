/*-------------------------------------------------------------------------
 *
 * log_features.c
 *	  The features of a logged prediction as bytes, in the signature's order.
 *
 * A byte with the number of this format comes first, then four bits a slot
 * (dataset.h), the even one of two in the lower half of a byte, then what they
 * announce, little-endian:
 *
 *	number		0 float8, 1 float4, 2 int32, 3 int16, 4 a byte without sign,
 *				5 missing, 6 withheld, 7 to 15: 0 to 8
 *	category	0 to 13: this code (of the dictionary, "missing" or "other"),
 *				14 a code of 14 or more as int32, 15 withheld
 *
 * Numbers come back exactly.  Of an array that is withheld every slot says so.
 *
 * IDENTIFICATION
 *	  src/drift/log_features.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"

#include "mlops/bytes.h"
#include "mlops/error.h"
#include "mlops/jsonb_out.h"
#include "mlops/log.h"

#define LOG_FORMAT 2

#define TAG_FLOAT8		0
#define TAG_FLOAT4		1
#define TAG_INT32		2
#define TAG_INT16		3
#define TAG_BYTE		4
#define TAG_MISSING		5
#define TAG_WITHHELD	6
#define TAG_SMALL		7
#define MAX_SMALL		(15 - TAG_SMALL)

#define CATEGORY_CODE		14
#define CATEGORY_WITHHELD	15

#define TAG_BYTES(width)	(((width) + 1) / 2)

/* The low n bytes of v, least significant first. */
static inline uint8 *
put_bytes(uint8 *p, uint64 v, int n)
{
#ifndef WORDS_BIGENDIAN
	memcpy(p, &v, n);
#else
	for (int i = 0; i < n; i++)
		p[i] = (uint8) (v >> (8 * i));
#endif
	return p + n;
}

/* These put what follows the tags, and return the tag. */

static inline int
put_category(uint8 **p, double code)
{
	if (code < CATEGORY_CODE)
		return (int) code;
	*p = put_bytes(*p, (uint32) code, 4);
	return CATEGORY_CODE;
}

static inline int
put_integer(uint8 **p, int32 i)
{
	if (i >= 0 && i <= MAX_SMALL)
		return TAG_SMALL + i;
	if (i >= 0 && i <= PG_UINT8_MAX)
	{
		*p = put_bytes(*p, (uint8) i, 1);
		return TAG_BYTE;
	}
	if (i >= PG_INT16_MIN && i <= PG_INT16_MAX)
	{
		*p = put_bytes(*p, (uint16) i, 2);
		return TAG_INT16;
	}
	*p = put_bytes(*p, (uint32) i, 4);
	return TAG_INT32;
}

static inline int
put_number(uint8 **p, double v)
{
	float		single = (float) v;
	uint32		bits;
	uint64		wide;

	if (isnan(v))
		return TAG_MISSING;
	if (fabs(v) <= PG_INT32_MAX && v == (double) (int32) v && !(v == 0 && signbit(v)))
		return put_integer(p, (int32) v);
	if ((double) single == v)
	{
		memcpy(&bits, &single, sizeof(bits));
		*p = put_bytes(*p, bits, 4);
		return TAG_FLOAT4;
	}
	memcpy(&wide, &v, sizeof(wide));
	*p = put_bytes(*p, wide, 8);
	return TAG_FLOAT8;
}

void
mlops_log_encode(StringInfo out, const MlSignature *sig, const double *x,
				 const bool *withheld)
{
	uint8	   *tags;
	uint8	   *p;

	enlargeStringInfo(out, 1 + TAG_BYTES(sig->width) + sizeof(float8) * sig->width);
	tags = (uint8 *) out->data + out->len;
	*tags++ = LOG_FORMAT;
	p = tags + TAG_BYTES(sig->width);
	memset(tags, 0, TAG_BYTES(sig->width));
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];
		bool		left_out = withheld && withheld[i];

		for (int slot = feature->slot; slot < feature->slot + feature->width; slot++)
		{
			int			tag;

			if (feature->type == ML_COLUMN_TEXT)
				tag = left_out ? CATEGORY_WITHHELD : put_category(&p, x[slot]);
			else
				tag = left_out ? TAG_WITHHELD : put_number(&p, x[slot]);
			tags[slot / 2] |= tag << (slot % 2 * 4);
		}
	}
	out->len = (int) ((char *) p - out->data);
	out->data[out->len] = '\0';
}

/*
 * Reading: p is what comes next, and what is returned comes after that.  Nothing
 * at or beyond end is looked at.
 */
#define NEED(p, end, n) ML_CHECK_BYTES((end) - (p) >= (n), "it ends too early")

/* A code; NaN: withheld. */
static inline const uint8 *
get_category(const uint8 *p, const uint8 *end, int tag, const MlFeature *feature, double *out)
{
	uint32		code = tag;

	if (tag == CATEGORY_WITHHELD)
	{
		*out = NAN;
		return p;
	}
	if (tag == CATEGORY_CODE)
	{
		NEED(p, end, 4);
		code = (uint32) mlops_peek_uint(p, 4);
		p += 4;
	}
	ML_CHECK_BYTES(code <= (uint32) feature->ncategories + 1, "a category is not in the dictionary");
	*out = code;
	return p;
}

/* A float8, as bytes, that is a finite number. */
static inline double
finite_double(uint64 bits)
{
	double		v;

	ML_CHECK_BYTES((bits & UINT64CONST(0x7ff0000000000000)) != UINT64CONST(0x7ff0000000000000),
				   "a number is not finite");
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline double
finite_float(uint32 bits)
{
	float		v;

	ML_CHECK_BYTES((bits & 0x7f800000) != 0x7f800000, "a number is not finite");
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline const uint8 *
get_number(const uint8 *p, const uint8 *end, int tag, double *out)
{
	switch (tag)
	{
		case TAG_FLOAT8:
			NEED(p, end, 8);
			*out = finite_double(mlops_peek_uint(p, 8));
			return p + 8;
		case TAG_FLOAT4:
			NEED(p, end, 4);
			*out = finite_float((uint32) mlops_peek_uint(p, 4));
			return p + 4;
		case TAG_INT32:
			NEED(p, end, 4);
			*out = (int32) mlops_peek_uint(p, 4);
			return p + 4;
		case TAG_INT16:
			NEED(p, end, 2);
			*out = (int16) mlops_peek_uint(p, 2);
			return p + 2;
		case TAG_BYTE:
			NEED(p, end, 1);
			*out = *p;
			return p + 1;
		case TAG_MISSING:
		case TAG_WITHHELD:
			*out = NAN;
			return p;
		default:
			*out = (double) (tag - TAG_SMALL);
			return p;
	}
}

static inline int
tag_of(const uint8 *tags, int slot)
{
	return (tags[slot / 2] >> (slot % 2 * 4)) & 15;
}

static inline const uint8 *
get_numbers(const uint8 *p, const uint8 *end, const uint8 *tags, const MlFeature *feature,
			double *x, bool *withheld)
{
	*withheld = tag_of(tags, feature->slot) == TAG_WITHHELD;
	for (int slot = feature->slot; slot < feature->slot + feature->width; slot++)
	{
		int			tag = tag_of(tags, slot);

		ML_CHECK_BYTES((tag == TAG_WITHHELD) == *withheld, "an array is withheld in part");
		p = get_number(p, end, tag, &x[slot]);
	}
	return p;
}

void
mlops_log_decode(const void *bytes, Size len, const MlSignature *sig, double *x,
				 bool *withheld)
{
	const uint8 *p = bytes;
	const uint8 *end = p + len;
	const uint8 *tags = p + 1;

	NEED(p, end, 1);
	ML_CHECK_BYTES(*p == LOG_FORMAT, "its format is unknown");
	NEED(tags, end, TAG_BYTES(sig->width));
	p = tags + TAG_BYTES(sig->width);
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];

		if (feature->type == ML_COLUMN_TEXT)
		{
			p = get_category(p, end, tag_of(tags, feature->slot), feature, &x[feature->slot]);
			withheld[i] = isnan(x[feature->slot]);
		}
		else
			p = get_numbers(p, end, tags, feature, x, &withheld[i]);
	}
	ML_CHECK_BYTES(p == end, "it is too long");
}

/* A date or timestamp as slots have it, in ISO 8601; false: out of the type's range. */
static bool
add_time(JsonbParseState **state, const MlFeature *feature, double v)
{
	char		buf[MAXDATELEN + 1];
	int			utc = 0;
	double		days = feature->type == ML_COLUMN_DATE ? v : v / SECS_PER_DAY;

	/* what timestamps can be, and a date that is a timestamp too */
	if (!(days > -2440000.0 && days < 100000000.0))
		return false;
	if (feature->type == ML_COLUMN_DATE)
		JsonEncodeDateTime(buf, DateADTGetDatum((DateADT) v - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)),
						   DATEOID, NULL);
	else
	{
		double		whole = floor(v);
		Timestamp	t = ((int64) whole - (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY) *
			USECS_PER_SEC + (int64) rint((v - whole) * USECS_PER_SEC);

		if (feature->type == ML_COLUMN_TIMESTAMPTZ)
			JsonEncodeDateTime(buf, TimestampTzGetDatum(t), TIMESTAMPTZOID, &utc);
		else
			JsonEncodeDateTime(buf, TimestampGetDatum(t), TIMESTAMPOID, NULL);
	}
	mlops_jsonb_add_string(state, feature->name, pstrdup(buf));
	return true;
}

static void
add_array(JsonbParseState **state, const MlFeature *feature, const double *slot)
{
	mlops_jsonb_add_key(state, feature->name);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int j = 0; j < feature->width; j++)
		mlops_jsonb_add_element(state, slot[j]);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
add_mark(JsonbParseState **state, const char *name, const char *mark)
{
	mlops_jsonb_add_key(state, name);
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_boolean(state, mark, true);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
add_feature(JsonbParseState **state, const MlFeature *feature, const double *slot)
{
	const char *name = feature->name;

	if (feature->type == ML_COLUMN_TEXT)
	{
		int			code = (int) *slot;

		if (code < feature->ncategories)
			mlops_jsonb_add_string(state, name, pnstrdup(feature->categories[code].data,
														 feature->categories[code].len));
		else if (code == feature->ncategories)
			mlops_jsonb_add_string(state, name, NULL);
		else
			add_mark(state, name, "other");
	}
	else if (feature->type == ML_COLUMN_ARRAY)
		add_array(state, feature, slot);
	else if (feature->type == ML_COLUMN_BOOL && !isnan(*slot))
		mlops_jsonb_add_boolean(state, name, *slot != 0);
	else if (feature->type == ML_COLUMN_NUMBER || isnan(*slot) || !add_time(state, feature, *slot))
		mlops_jsonb_add_number(state, name, *slot);
}

Jsonb *
mlops_log_features_jsonb(const void *bytes, Size len, const MlSignature *sig)
{
	double	   *x = palloc(sizeof(double) * Max(sig->width, 1));
	bool	   *withheld = palloc(sizeof(bool) * Max(sig->nfeatures, 1));
	JsonbParseState *state = NULL;

	mlops_log_decode(bytes, len, sig, x, withheld);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < sig->nfeatures; i++)
	{
		if (withheld[i])
			add_mark(&state, sig->features[i].name, "withheld");
		else
			add_feature(&state, &sig->features[i], x + sig->features[i].slot);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
