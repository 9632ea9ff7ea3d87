/*-------------------------------------------------------------------------
 *
 * pack.c
 *	  Columns of numbers and strings in few bytes.
 *
 *		numbers		encoding (1 byte), then
 *		 PLAIN		byte 0 of every value, then byte 1 of every value, ...
 *		 FRAME		least value (8), bits (1), differences to it
 *		 STEPS		first value (8), least step (8), bits (1), differences of
 *					the steps to it
 *		 CODES		number of distinct values (4), those in ascending order (as
 *					numbers), codes
 *		 DECIMAL	exponent e (1), integers (as numbers): value = integer / 10^e
 *		strings		encoding (1 byte), then
 *		 PLAIN		lengths (as numbers of 8 bytes), bytes
 *		 CODES		number of distinct strings (4), their lengths (as numbers),
 *					their bytes, codes
 *
 * Integers are little-endian.  Differences and codes are packed in as many bits
 * each as the largest needs, the first in the lowest bits.  Of the encodings
 * that can say the values the one of fewest bytes is taken, the first of those
 * that are equal; a general compressor may follow.  What is said is the values
 * bit by bit: NaN, -0 and infinity stay what they are.
 *
 * Unpacking checks every length before it is used, and every code.
 *
 * IDENTIFICATION
 *	  src/numeric/pack.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mlops/numeric.h"

/* Reach disk. */
enum
{
	PLAIN = 0, FRAME = 1, STEPS = 2, CODES = 3, DECIMAL = 4
};

#define MAX_BITS 56				/* of a packed difference */
#define MAX_EXPONENT 9
#define LARGEST_EXACT 9007199254740992.0	/* 2^53 */
#define NO_CODE UINT32_MAX

static const double power_of_ten[MAX_EXPONENT + 1] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

/* bytes */

static uint8_t *
put(uint8_t *out, uint64_t value, int bytes)
{
	int			i;

	for (i = 0; i < bytes; i++)
		out[i] = (uint8_t) (value >> (8 * i));
	return out + bytes;
}

static bool
get(MlPackIn *in, int bytes, uint64_t *value)
{
	int			i;

	if (in->end - in->at < bytes)
		return false;
	*value = 0;
	for (i = 0; i < bytes; i++)
		*value |= (uint64_t) in->at[i] << (8 * i);
	in->at += bytes;
	return true;
}

static int
bits_of(uint64_t value)
{
	int			bits = 0;

	for (; value != 0; value >>= 1)
		bits++;
	return bits;
}

static size_t
packed_size(int n, int bits)
{
	return ((size_t) n * bits + 7) / 8;
}

/* Append values[i] - base in so many bits each. */
static uint8_t *
put_bits(uint8_t *out, int n, const uint64_t *values, uint64_t base, int bits)
{
	uint64_t	room = 0;
	int			used = 0,
				i;

	for (i = 0; i < n && bits > 0; i++)
	{
		room |= (values[i] - base) << used;
		used += bits;
		for (; used >= 8; used -= 8, room >>= 8)
			*out++ = (uint8_t) room;
	}
	if (used > 0)
		*out++ = (uint8_t) room;
	return out;
}

static bool
get_bits(MlPackIn *in, int n, uint64_t base, int bits, uint64_t *values)
{
	uint64_t	mask;
	uint64_t	room = 0;
	int			used = 0,
				i;

	if (bits > MAX_BITS || (size_t) (in->end - in->at) < packed_size(n, bits))
		return false;
	mask = ((uint64_t) 1 << bits) - 1;
	for (i = 0; i < n; i++)
	{
		for (; used < bits; used += 8)
			room |= (uint64_t) *in->at++ << used;
		values[i] = base + (room & mask);
		room >>= bits;
		used -= bits;
	}
	return true;
}

/* numbers */

static uint64_t
extend(uint64_t value, int width)
{
	int			shift = 64 - 8 * width;

	return (uint64_t) ((int64_t) (value << shift) >> shift);
}

/* Least and largest value, and of the steps from one to the next. */
typedef struct Range
{
	int64_t		min;
	int64_t		max;
	int64_t		min_step;
	int64_t		max_step;
} Range;

static void
find_range(int n, const uint64_t *values, Range *range)
{
	int			i;

	range->min = range->max = (int64_t) values[0];
	range->min_step = INT64_MAX;
	range->max_step = INT64_MIN;
	for (i = 1; i < n; i++)
	{
		int64_t		value = (int64_t) values[i];
		int64_t		step = (int64_t) (values[i] - values[i - 1]);

		range->min = value < range->min ? value : range->min;
		range->max = value > range->max ? value : range->max;
		range->min_step = step < range->min_step ? step : range->min_step;
		range->max_step = step > range->max_step ? step : range->max_step;
	}
}

static int
compare_numbers(const void *a, const void *b)
{
	int64_t		x = *(const int64_t *) a,
				y = *(const int64_t *) b;

	return x < y ? -1 : x > y;
}

/* Slots for n entries, a power of two. */
static uint32_t
table_mask(int n)
{
	uint32_t	size = 16;

	while (size < 2 * (uint32_t) n)
		size *= 2;
	return size - 1;
}

/* With so many distinct ones among the first, codes will not pay. */
static bool
is_hopeless(int seen, int distinct)
{
	return (seen == 64 && distinct > 60) || (seen == 1024 && distinct > 768);
}

/*
 * Codes of the values in ascending order of value; the distinct ones go to
 * dict.  0: too many.  table has 4 n uint32.
 */
static int
find_codes(int n, const uint64_t *values, uint64_t *dict, uint64_t *codes, uint32_t *table)
{
	uint32_t	mask = table_mask(n);
	int			nd = 0,
				i;

	/* the mask is at most 4 n - 1 where n is 8 or more */
	memset(table, 0xff, sizeof(uint32_t) * ((size_t) mask + 1));
	for (i = 0; i < n; i++)
	{
		uint32_t	at = (uint32_t) mlops_hash_mix(values[i], 0) & mask;

		while (table[at] != NO_CODE && dict[table[at]] != values[i])
			at = (at + 1) & mask;
		if (table[at] == NO_CODE)
		{
			if (nd >= n / 2)
				return 0;
			table[at] = nd;
			dict[nd++] = values[i];
		}
		if (is_hopeless(i + 1, nd))
			return 0;
	}
	qsort(dict, nd, sizeof(uint64_t), compare_numbers);
	memset(table, 0xff, sizeof(uint32_t) * ((size_t) mask + 1));
	for (i = 0; i < nd; i++)
	{
		uint32_t	at = (uint32_t) mlops_hash_mix(dict[i], 0) & mask;

		while (table[at] != NO_CODE)
			at = (at + 1) & mask;
		table[at] = i;
	}
	for (i = 0; i < n; i++)
	{
		uint32_t	at = (uint32_t) mlops_hash_mix(values[i], 0) & mask;

		while (dict[table[at]] != values[i])
			at = (at + 1) & mask;
		codes[i] = table[at];
	}
	return nd;
}

static double
number_of(uint64_t bits, int width)
{
	uint32_t	low = (uint32_t) bits;
	double		number;
	float		single;

	if (width == 8)
	{
		memcpy(&number, &bits, 8);
		return number;
	}
	memcpy(&single, &low, 4);
	return single;
}

/* The bits of integer / 10^exponent. */
static uint64_t
bits_of_decimal(int64_t integer, int exponent, int width)
{
	double		number = (double) integer / power_of_ten[exponent];
	uint64_t	bits;
	uint32_t	low;
	float		single = (float) number;

	if (width == 8)
	{
		memcpy(&bits, &number, 8);
		return bits;
	}
	memcpy(&low, &single, 4);
	return extend(low, 4);
}

/* The integer a float is with this exponent; false: none. */
static bool
to_decimal(uint64_t bits, int exponent, int width, uint64_t *integer)
{
	double		scaled = number_of(bits, width) * power_of_ten[exponent];
	int64_t		whole;

	if (!(fabs(scaled) < LARGEST_EXACT))
		return false;
	whole = (int64_t) (scaled + (scaled < 0 ? -0.5 : 0.5));
	*integer = (uint64_t) whole;
	return bits_of_decimal(whole, exponent, width) == bits;
}

/* All values as integers with one exponent, the least that does; -1: none. */
static int
find_decimals(int n, int width, const uint64_t *values, uint64_t *integers)
{
	int			exponent,
				i;

	for (exponent = 0; exponent <= MAX_EXPONENT; exponent++)
	{
		for (i = 0; i < n; i++)
		{
			if (!to_decimal(values[i], exponent, width, &integers[i]))
				break;
		}
		if (i == n)
			return exponent;
	}
	return -1;
}

static size_t
pack_plain(int n, int width, const uint64_t *values, uint8_t *out)
{
	int			k,
				i;

	for (k = 0; k < width; k++)
	{
		for (i = 0; i < n; i++)
			out[i] = (uint8_t) (values[i] >> (8 * k));
		out += n;
	}
	return (size_t) n * width;
}

/* PLAIN, FRAME or STEPS. */
static size_t
pack_simple(int n, int width, bool is_float, const uint64_t *values, uint64_t *work, uint8_t *out)
{
	uint8_t    *at = out + 1;
	size_t		best = (size_t) n * width;
	Range		range;
	int			frame,
				steps,
				i;

	out[0] = PLAIN;
	if (n == 0)
		return 1;
	find_range(n, values, &range);
	frame = bits_of((uint64_t) range.max - (uint64_t) range.min);
	steps = n > 1 ? bits_of((uint64_t) range.max_step - (uint64_t) range.min_step) : 0;
	if ((!is_float || frame == 0) && frame <= MAX_BITS && packed_size(n, frame) + 9 < best)
	{
		out[0] = FRAME;
		best = packed_size(n, frame) + 9;
	}
	if (!is_float && n > 1 && steps <= MAX_BITS && packed_size(n - 1, steps) + 17 < best)
		out[0] = STEPS;
	if (out[0] == PLAIN)
		return 1 + pack_plain(n, width, values, at);
	if (out[0] == FRAME)
	{
		at = put(put(at, (uint64_t) range.min, 8), frame, 1);
		return put_bits(at, n, values, (uint64_t) range.min, frame) - out;
	}
	for (i = 1; i < n; i++)
		work[i - 1] = values[i] - values[i - 1];
	at = put(put(put(at, values[0], 8), (uint64_t) range.min_step, 8), steps, 1);
	return put_bits(at, n - 1, work, (uint64_t) range.min_step, steps) - out;
}

/* The same, or CODES. */
static size_t
pack_coded(int n, int width, bool is_float, const uint64_t *values, uint64_t *work, uint8_t *out)
{
	uint64_t   *dict = work,
			   *codes = work + n,
			   *rest = work + 4 * (size_t) n;
	size_t		size = pack_simple(n, width, is_float, values, rest, out);
	uint8_t    *at;
	int			nd,
				bits;

	/* few values, or a bit each */
	if (n < 8 || size <= (size_t) n / 8 + 16)
		return size;
	nd = find_codes(n, values, dict, codes, (uint32_t *) (work + 2 * (size_t) n));
	if (nd == 0)
		return size;
	bits = bits_of(nd - 1);
	if (6 + (size_t) nd * width + packed_size(n, bits) >= size)
		return size;
	at = put(put(out, CODES, 1), nd, 4);
	at += pack_simple(nd, width, is_float, dict, rest, at);
	return put_bits(at, n, codes, 0, bits) - out;
}

size_t
mlops_pack_numbers_bound(int n, int width)
{
	return (size_t) n * 8 + 32;
}

size_t
mlops_pack_numbers(int n, int width, bool is_float, const uint64_t *values,
				   uint64_t *work, uint8_t *out)
{
	uint64_t   *integers = work + 5 * (size_t) n;
	int			exponent = is_float && n > 0 ? find_decimals(n, width, values, integers) : -1;
	size_t		size;

	if (exponent >= 0)
	{
		put(put(out, DECIMAL, 1), exponent, 1);
		size = 2 + pack_coded(n, 8, false, integers, work, out + 2);
		if (size < 1 + (size_t) n * width)
			return size;
	}
	return pack_coded(n, width, is_float, values, work, out);
}

static bool
unpack_plain(MlPackIn *in, int n, int width, uint64_t *values)
{
	int			k,
				i;

	if ((size_t) (in->end - in->at) < (size_t) n * width)
		return false;
	for (i = 0; i < n; i++)
		values[i] = 0;
	for (k = 0; k < width; k++)
	{
		for (i = 0; i < n; i++)
			values[i] |= (uint64_t) in->at[i] << (8 * k);
		in->at += n;
	}
	for (i = 0; i < n && width < 8; i++)
		values[i] = extend(values[i], width);
	return true;
}

static bool
unpack_frame(MlPackIn *in, int n, uint64_t *values)
{
	uint64_t	base,
				bits;

	return get(in, 8, &base) && get(in, 1, &bits) &&
		get_bits(in, n, base, (int) bits, values);
}

static bool
unpack_steps(MlPackIn *in, int n, uint64_t *values)
{
	uint64_t	first,
				base,
				bits;
	int			i;

	if (n < 1 || !get(in, 8, &first) || !get(in, 8, &base) || !get(in, 1, &bits) ||
		!get_bits(in, n - 1, base, (int) bits, values + 1))
		return false;
	values[0] = first;
	for (i = 1; i < n; i++)
		values[i] += values[i - 1];
	return true;
}

static bool unpack(MlPackIn *in, int n, int width, uint64_t *values, uint64_t *work, int most);

/* Codes below nd, nd from 1. */
static bool
get_codes(MlPackIn *in, int n, uint64_t nd, uint64_t *codes)
{
	int			i;

	if (!get_bits(in, n, 0, bits_of(nd - 1), codes))
		return false;
	for (i = 0; i < n; i++)
	{
		if (codes[i] >= nd)
			return false;
	}
	return true;
}

static bool
unpack_codes(MlPackIn *in, int n, int width, uint64_t *values, uint64_t *work)
{
	uint64_t	nd;
	int			i;

	if (!get(in, 4, &nd) || nd < 1 || nd > (uint64_t) n / 2 ||
		!unpack(in, (int) nd, width, work, NULL, STEPS) ||
		!get_codes(in, n, nd, values))
		return false;
	for (i = 0; i < n; i++)
		values[i] = work[values[i]];
	return true;
}

static bool
unpack_decimals(MlPackIn *in, int n, int width, uint64_t *values, uint64_t *work)
{
	uint64_t	exponent;
	int			i;

	if (!get(in, 1, &exponent) || exponent > MAX_EXPONENT ||
		!unpack(in, n, 8, values, work, CODES))
		return false;
	for (i = 0; i < n; i++)
		values[i] = bits_of_decimal((int64_t) values[i], (int) exponent, width);
	return true;
}

/* An encoding up to "most"; each holds simpler ones only. */
static bool
unpack(MlPackIn *in, int n, int width, uint64_t *values, uint64_t *work, int most)
{
	uint64_t	encoding;

	if (!get(in, 1, &encoding) || encoding > (uint64_t) most)
		return false;
	switch (encoding)
	{
		case PLAIN:
			return unpack_plain(in, n, width, values);
		case FRAME:
			return unpack_frame(in, n, values);
		case STEPS:
			return unpack_steps(in, n, values);
		case CODES:
			return unpack_codes(in, n, width, values, work);
		default:
			return unpack_decimals(in, n, width, values, work);
	}
}

bool
mlops_unpack_numbers(MlPackIn *in, int n, int width, bool is_float, uint64_t *values, uint64_t *work)
{
	return unpack(in, n, width, values, work, is_float ? DECIMAL : CODES);
}

/* strings */

size_t
mlops_pack_strings_bound(int n, size_t total)
{
	return mlops_pack_numbers_bound(n, 8) + total + 16;
}

/*
 * Codes of strings in order of arrival; first[c] is the first one of code c, and
 * starts[i] where the i-th begins.  0: too many.
 */
static int
find_string_codes(int n, const uint64_t *lengths, const uint8_t *bytes,
				  uint64_t *starts, uint64_t *first, uint64_t *codes, uint32_t *table)
{
	uint32_t	mask = table_mask(n);
	uint64_t	start = 0;
	int			nd = 0,
				i;

	memset(table, 0xff, sizeof(uint32_t) * ((size_t) mask + 1));
	for (i = 0; i < n; i++)
	{
		uint32_t	at = (uint32_t) mlops_hash_bytes(bytes + start, lengths[i], 0) & mask;

		starts[i] = start;
		start += lengths[i];
		for (; table[at] != NO_CODE; at = (at + 1) & mask)
		{
			uint64_t	other = first[table[at]];

			if (lengths[other] == lengths[i] &&
				memcmp(bytes + starts[other], bytes + starts[i], lengths[i]) == 0)
				break;
		}
		if (table[at] == NO_CODE)
		{
			if (nd >= n / 2)
				return 0;
			table[at] = nd;
			first[nd++] = i;
		}
		codes[i] = table[at];
		if (is_hopeless(i + 1, nd))
			return 0;
	}
	return nd;
}

size_t
mlops_pack_strings(int n, const uint64_t *lengths, const uint8_t *bytes,
				   uint64_t *work, uint8_t *out)
{
	uint64_t   *starts = work,
			   *first = work + n,
			   *codes = work + 2 * (size_t) n;
	uint8_t    *at;
	uint64_t	total = 0;
	int			nd = 0,
				i;

	if (n >= 8)
		nd = find_string_codes(n, lengths, bytes, starts, first, codes,
							   (uint32_t *) (work + 3 * (size_t) n));
	if (nd == 0)
	{
		for (i = 0; i < n; i++)
			total += lengths[i];
		at = put(out, PLAIN, 1);
		at += mlops_pack_numbers(n, 8, false, lengths, work, at);
		memcpy(at, bytes, total);
		return at + total - out;
	}
	at = put(put(out, CODES, 1), nd, 4);
	/* the lengths of the distinct ones go where the table was; nd is at most n / 2 */
	for (i = 0; i < nd; i++)
		work[3 * (size_t) n + i] = lengths[first[i]];
	at += pack_simple(nd, 8, false, work + 3 * (size_t) n, work + 4 * (size_t) n, at);
	for (i = 0; i < nd; i++)
	{
		memcpy(at, bytes + starts[first[i]], lengths[first[i]]);
		at += lengths[first[i]];
	}
	return put_bits(at, n, codes, 0, bits_of(nd - 1)) - out;
}

/* The bytes of so many strings. */
static bool
take_bytes(MlPackIn *in, int n, const uint64_t *lengths, const uint8_t **bytes)
{
	size_t		left = in->end - in->at;
	int			i;

	*bytes = in->at;
	for (i = 0; i < n; i++)
	{
		if (lengths[i] > left)
			return false;
		left -= lengths[i];
	}
	in->at = in->end - left;
	return true;
}

bool
mlops_unpack_strings(MlPackIn *in, int n, MlPackStrings *strings, uint64_t *work)
{
	uint64_t	encoding,
				nd;
	int			i;

	if (!get(in, 1, &encoding))
		return false;
	if (encoding == PLAIN)
	{
		strings->ndistinct = n;
		for (i = 0; i < n; i++)
			strings->codes[i] = i;
		return unpack(in, n, 8, strings->lengths, work, CODES) &&
			take_bytes(in, n, strings->lengths, &strings->bytes);
	}
	if (encoding != CODES || !get(in, 4, &nd) || nd < 1 || nd > (uint64_t) n / 2)
		return false;
	strings->ndistinct = (int) nd;
	return unpack(in, (int) nd, 8, strings->lengths, NULL, STEPS) &&
		take_bytes(in, (int) nd, strings->lengths, &strings->bytes) &&
		get_codes(in, n, nd, strings->codes);
}
