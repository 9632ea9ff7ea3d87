/*-------------------------------------------------------------------------
 *
 * test_pack.c
 *	  Packed columns come back bit by bit, and no bytes whatever make the
 *	  unpacking read or write outside.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_pack.c
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mlops/numeric.h"

#include "unit.h"

#define N 3000

static uint64_t
bits_of_double(double d)
{
	uint64_t	bits;

	memcpy(&bits, &d, 8);
	return bits;
}

static uint64_t
bits_of_float(float f)
{
	uint32_t	bits;

	memcpy(&bits, &f, 4);
	return (uint64_t) (int64_t) (int32_t) bits;
}

static uint64_t
random_word(void)
{
	return (uint64_t) (unit_random() * 4294967296.0) << 32 ^ (uint64_t) (unit_random() * 4294967296.0);
}

/* Damage the bytes many times over; memory as large as they are, so that the sanitizer sees a step outside. */
static void
damage(const uint8_t *packed, size_t size, int n, int width, bool is_float, bool strings)
{
	uint64_t   *values = unit_alloc(sizeof(uint64_t) * n + 1);
	uint64_t   *codes = unit_alloc(sizeof(uint64_t) * n + 1);
	uint64_t   *work = unit_alloc(sizeof(uint64_t) * n + 1);
	int			round;

	for (round = 0; round < 200; round++)
	{
		size_t		len = round % 2 ? size : (size_t) (unit_random() * size);
		uint8_t    *bytes = unit_alloc(len + 1);
		MlPackIn	in;
		int			flips = round % 5;

		memcpy(bytes, packed, len);
		for (; flips > 0 && len > 0; flips--)
			bytes[(size_t) (unit_random() * (flips == 1 ? (len < 32 ? len : 32) : len))] = (uint8_t) (unit_random() * 256);
		bytes = realloc(bytes, len > 0 ? len : 1);
		in.at = bytes;
		in.end = bytes + len;
		if (strings)
		{
			MlPackStrings s = {0, values, codes, NULL};

			if (mlops_unpack_strings(&in, n, &s, work))
			{
				uint64_t	total = 0;
				int			i;

				for (i = 0; i < s.ndistinct; i++)
					total += values[i];
				CHECK(s.bytes >= bytes && s.bytes + total <= bytes + len);
				for (i = 0; i < n; i++)
					CHECK(codes[i] < (uint64_t) s.ndistinct);
			}
		}
		else
			mlops_unpack_numbers(&in, n, width, is_float, values, work);
		CHECK(in.at >= bytes && in.at <= bytes + len);
		free(bytes);
	}
	free(values);
	free(codes);
	free(work);
}

/* Returns the packed size. */
static size_t
round_trip(int n, int width, bool is_float, const uint64_t *values)
{
	uint8_t    *out = unit_alloc(mlops_pack_numbers_bound(n, width));
	uint64_t   *work = unit_alloc(sizeof(uint64_t) * MLOPS_PACK_WORK(n));
	uint64_t   *back = unit_alloc(sizeof(uint64_t) * n + 1);
	size_t		size = mlops_pack_numbers(n, width, is_float, values, work, out);
	MlPackIn	in = {out, out + size};

	CHECK(size <= mlops_pack_numbers_bound(n, width));
	CHECK(mlops_unpack_numbers(&in, n, width, is_float, back, work));
	CHECK(in.at == in.end);
	CHECK(memcmp(back, values, sizeof(uint64_t) * n) == 0);
	damage(out, size, n, width, is_float, false);
	free(out);
	free(work);
	free(back);
	return size;
}

static void
test_integers(void)
{
	static const int widths[] = {1, 2, 4, 8};
	uint64_t	v[N];
	int			w,
				i;

	for (w = 0; w < 4; w++)
	{
		int			width = widths[w];
		int			shift = 64 - 8 * width;

		for (i = 0; i < N; i++)
			v[i] = (uint64_t) ((int64_t) (random_word() << shift) >> shift);
		CHECK(round_trip(N, width, false, v) <= (size_t) N * width + 1);
		v[0] = (uint64_t) (INT64_MIN >> shift);
		v[1] = (uint64_t) (INT64_MAX >> shift);
		round_trip(N, width, false, v);
		for (i = 0; i < N; i++)
			v[i] = (uint64_t) (int64_t) -(i % 7);
		CHECK(round_trip(N, width, false, v) <= N * 3 / 8 + 32);
		for (i = 0; i < N; i++)
			v[i] = 5;
		CHECK(round_trip(N, width, false, v) < 32);
		for (i = 0; i < 10; i++)
			round_trip(i, width, false, v);
	}
	for (i = 0; i < N; i++)
		v[i] = (uint64_t) i * 1000003 + INT64_MAX / 2;
	CHECK(round_trip(N, 8, false, v) < 32);
	/* few, far apart */
	for (i = 0; i < N; i++)
		v[i] = (uint64_t) (i % 5) << 60;
	CHECK(round_trip(N, 8, false, v) < N * 3 / 8 + 64);
}

static void
test_floats(void)
{
	static const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 5e-324, 1.7e308, 1e15, 9007199254740993.0, 1e-9, -0.5};
	uint64_t	v[N];
	int			i;

	for (i = 0; i < N; i++)
		v[i] = bits_of_double(unit_random());
	CHECK(round_trip(N, 8, true, v) <= N * 8 + 1);
	for (i = 0; i < N; i++)
		v[i] = bits_of_double((double) (int) (unit_random() * 10000) / 100);
	CHECK(round_trip(N, 8, true, v) <= N * 14 / 8 + 64);
	for (i = 0; i < N; i++)
		v[i] = bits_of_float((float) (int) (unit_random() * 10000) / 100);
	CHECK(round_trip(N, 4, true, v) <= N * 14 / 8 + 64);
	for (i = 0; i < N; i++)
		v[i] = bits_of_float((float) (unit_random() * 1e18));
	CHECK(round_trip(N, 4, true, v) <= N * 4 + 1);
	for (i = 0; i < N; i++)
		v[i] = bits_of_double(sin(i % 10));
	CHECK(round_trip(N, 8, true, v) <= N / 2 + 128);
	for (i = 0; i < N; i++)
		v[i] = bits_of_double(special[i % 11]);
	round_trip(N, 8, true, v);
	for (i = 0; i < N; i++)
		v[i] = bits_of_float((float) special[i % 11]);
	round_trip(N, 4, true, v);
	for (i = 0; i < N; i++)
		v[i] = bits_of_double(i % 2 ? 0.0 : -0.0);
	round_trip(N, 8, true, v);
	/* a NaN with a payload */
	v[7] = bits_of_double(NAN) ^ 12345;
	round_trip(N, 8, true, v);
}

static void
strings_round_trip(int n, int kinds, size_t longest, size_t most)
{
	uint64_t   *lengths = unit_alloc(sizeof(uint64_t) * n + 1);
	uint64_t   *back = unit_alloc(sizeof(uint64_t) * n + 1);
	uint64_t   *codes = unit_alloc(sizeof(uint64_t) * n + 1);
	uint64_t   *work = unit_alloc(sizeof(uint64_t) * MLOPS_PACK_WORK(n));
	uint8_t    *bytes = unit_alloc(n * longest + 1);
	size_t		total = 0,
				size,
				at = 0;
	uint64_t   *starts = unit_alloc(sizeof(uint64_t) * n + 1);
	uint8_t    *out;
	MlPackIn	in;
	MlPackStrings s = {0, back, codes, NULL};
	int			i;

	for (i = 0; i < n; i++)
	{
		int			kind = kinds > 0 ? (int) (unit_random() * kinds) : i;
		uint64_t	k;

		lengths[i] = kinds > 0 ? (uint64_t) (kind * 7) % (longest + 1) : longest;
		for (k = 0; k < lengths[i]; k++)
			bytes[total + k] = (uint8_t) ((kind >> (k % 3 * 8)) + k);
		total += lengths[i];
	}
	out = unit_alloc(mlops_pack_strings_bound(n, total));
	size = mlops_pack_strings(n, lengths, bytes, work, out);
	CHECK(size <= mlops_pack_strings_bound(n, total));
	CHECK(size <= most);
	in.at = out;
	in.end = out + size;
	CHECK(mlops_unpack_strings(&in, n, &s, work));
	CHECK(in.at == in.end);
	for (i = 0; i < s.ndistinct; i++)
	{
		starts[i] = at;
		at += back[i];
	}
	at = 0;
	for (i = 0; i < n; i++)
	{
		CHECK(back[codes[i]] == lengths[i] &&
			  memcmp(s.bytes + starts[codes[i]], bytes + at, lengths[i]) == 0);
		at += lengths[i];
	}
	damage(out, size, n, 0, false, true);
	free(lengths);
	free(back);
	free(codes);
	free(work);
	free(bytes);
	free(starts);
	free(out);
}

static void
test_strings(void)
{
	int			n;

	for (n = 0; n < 20; n++)
		strings_round_trip(n, 2, 5, 1000);
	strings_round_trip(N, 5, 20, N * 3 / 8 + 200);
	strings_round_trip(N, 1, 20, 100);
	strings_round_trip(N, 0, 12, N * 12 + 64);
	strings_round_trip(N, 0, 0, 64);
	strings_round_trip(N, 1000, 100, N * 100);
}

void
test_pack(void)
{
	test_integers();
	test_floats();
	test_strings();
}
