/*-------------------------------------------------------------------------
 *
 * log_features.c
 *	  The features of a logged prediction as bytes, in the signature's order.
 *
 * A byte with the number of this format comes first.  Then, by feature:
 *
 *	category	varint: 0 withheld, else code + 1 (dataset.h: codes of the
 *				dictionary, "missing", "other")
 *	number		a byte, and what it announces:
 *				0 float8, 1 float4, 2 int16, 3 int32 (all little-endian),
 *				4 missing, 5 withheld, 16 and above: the number plus 16
 *	array		as many numbers as it has elements, or one 5
 *
 * Numbers come back exactly, at most 9 bytes each.
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

#define LOG_FORMAT 1

#define TAG_FLOAT8		0
#define TAG_FLOAT4		1
#define TAG_INT16		2
#define TAG_INT32		3
#define TAG_MISSING		4
#define TAG_WITHHELD	5
#define TAG_SMALL		16
#define MAX_SMALL		(255 - TAG_SMALL)

/* The low n bytes of v, least significant first. */
static inline uint8 *
put_bytes(uint8 *p, uint64 v, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8) (v >> (8 * i));
	return p + n;
}

static inline uint8 *
put_varint(uint8 *p, uint64 v)
{
	while (v >= 0x80)
	{
		*p++ = (uint8) (v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8) v;
	return p;
}

static inline uint8 *
put_integer(uint8 *p, int32 i)
{
	if (i >= 0 && i <= MAX_SMALL)
		*p++ = (uint8) (i + TAG_SMALL);
	else if (i >= PG_INT16_MIN && i <= PG_INT16_MAX)
	{
		*p++ = TAG_INT16;
		p = put_bytes(p, (uint16) i, 2);
	}
	else
	{
		*p++ = TAG_INT32;
		p = put_bytes(p, (uint32) i, 4);
	}
	return p;
}

static inline uint8 *
put_number(uint8 *p, double v)
{
	float		single = (float) v;
	uint32		bits;
	uint64		wide;

	if (isnan(v))
		*p++ = TAG_MISSING;
	else if (fabs(v) <= PG_INT32_MAX && v == (double) (int32) v && !(v == 0 && signbit(v)))
		p = put_integer(p, (int32) v);
	else if ((double) single == v)
	{
		memcpy(&bits, &single, sizeof(bits));
		*p++ = TAG_FLOAT4;
		p = put_bytes(p, bits, 4);
	}
	else
	{
		memcpy(&wide, &v, sizeof(wide));
		*p++ = TAG_FLOAT8;
		p = put_bytes(p, wide, 8);
	}
	return p;
}

#define MAX_NUMBER 9			/* bytes of a number */
#define MAX_CATEGORY 5			/* and of a category */

void
mlops_log_encode(StringInfo out, const MlSignature *sig, const double *x,
				 const bool *withheld)
{
	uint8	   *p;

	enlargeStringInfo(out, 1 + MAX_NUMBER * sig->width + MAX_CATEGORY * sig->nfeatures);
	p = (uint8 *) out->data + out->len;
	*p++ = LOG_FORMAT;
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];
		bool		left_out = withheld && withheld[i];

		if (feature->type == ML_COLUMN_TEXT)
			p = put_varint(p, left_out ? 0 : (uint64) x[feature->slot] + 1);
		else if (left_out)
			*p++ = TAG_WITHHELD;
		else
			for (int j = 0; j < feature->width; j++)
				p = put_number(p, x[feature->slot + j]);
	}
	out->len = (int) ((char *) p - out->data);
	out->data[out->len] = '\0';
}

/*
 * Reading: p is what comes next, and what is returned comes after that.  Nothing
 * at or beyond end is looked at.
 */
#define NEED(p, end, n) ML_CHECK_BYTES((end) - (p) >= (n), "it ends too early")

static inline const uint8 *
get_category(const uint8 *p, const uint8 *end, const MlFeature *feature, double *slot, bool *withheld)
{
	uint64		v = 0;
	int			shift = 0;

	for (;;)
	{
		uint8		b;

		ML_CHECK_BYTES(shift < 35, "a code of a category is too long");
		NEED(p, end, 1);
		b = *p++;
		v |= (uint64) (b & 0x7f) << shift;
		if (b < 0x80)
			break;
		shift += 7;
	}
	ML_CHECK_BYTES(v <= (uint64) feature->ncategories + 2, "a category is not in the dictionary");
	*withheld = v == 0;
	*slot = v == 0 ? NAN : (double) (v - 1);
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

/* A number, which is there with its tag. */
static inline const uint8 *
get_number(const uint8 *p, const uint8 *end, double *out)
{
	uint8		tag = *p++;

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
		case TAG_INT16:
			NEED(p, end, 2);
			*out = (int16) mlops_peek_uint(p, 2);
			return p + 2;
		case TAG_INT32:
			NEED(p, end, 4);
			*out = (int32) mlops_peek_uint(p, 4);
			return p + 4;
		case TAG_MISSING:
			*out = NAN;
			return p;
		default:
			ML_CHECK_BYTES(tag >= TAG_SMALL, "a number is of an unknown kind");
			*out = (double) (tag - TAG_SMALL);
			return p;
	}
}

static inline const uint8 *
get_numbers(const uint8 *p, const uint8 *end, const MlFeature *feature, double *slot, bool *withheld)
{
	NEED(p, end, 1);
	*withheld = *p == TAG_WITHHELD;
	if (*withheld)
	{
		for (int j = 0; j < feature->width; j++)
			slot[j] = NAN;
		return p + 1;
	}
	for (int j = 0; j < feature->width; j++)
	{
		NEED(p, end, 1);
		p = get_number(p, end, &slot[j]);
	}
	return p;
}

void
mlops_log_decode(const void *bytes, Size len, const MlSignature *sig, double *x,
				 bool *withheld)
{
	const uint8 *p = bytes;
	const uint8 *end = p + len;

	NEED(p, end, 1);
	ML_CHECK_BYTES(*p++ == LOG_FORMAT, "its format is unknown");
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];

		if (feature->type == ML_COLUMN_TEXT)
			p = get_category(p, end, feature, x + feature->slot, &withheld[i]);
		else
			p = get_numbers(p, end, feature, x + feature->slot, &withheld[i]);
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
