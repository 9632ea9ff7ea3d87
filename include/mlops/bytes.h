/*-------------------------------------------------------------------------
 *
 * bytes.h
 *	  Fixed-width values in a StringInfo, little-endian on every machine, for
 *	  everything that reaches disk.
 *
 * Writers append.  Readers advance buf->cursor, check it against buf->len
 * first and report damaged bytes (XX001), so a caller only has to check what
 * the values mean.
 *
 * IDENTIFICATION
 *	  include/mlops/bytes.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_BYTES_H
#define MLOPS_BYTES_H

#include "lib/stringinfo.h"

#define MLOPS_MAX_MODEL	((Size) 512 * 1024 * 1024)	/* content of a model, and its stored bytes */

#include "mlops/error.h"

/* Append the low n bytes of v, least significant first. */
static inline void
mlops_put_uint(StringInfo buf, uint64 v, int n)
{
	char		b[8];
	int			i;

	for (i = 0; i < n; i++)
		b[i] = (char) ((v >> (8 * i)) & 0xff);
	appendBinaryStringInfo(buf, b, n);
}

/* Append the 8 bytes of an IEEE double. */
static inline void
mlops_put_double(StringInfo buf, double d)
{
	uint64		bits;

	memcpy(&bits, &d, sizeof(bits));
	mlops_put_uint(buf, bits, 8);
}

/* Bytes of buf that are not read yet. */
static inline Size
mlops_bytes_left(StringInfo buf)
{
	return (Size) (buf->len - buf->cursor);
}

/* The next n bytes, in place. */
static inline const char *
mlops_get_bytes(StringInfo buf, Size n)
{
	const char *p = buf->data + buf->cursor;

	ML_CHECK_BYTES(n <= mlops_bytes_left(buf), "it ends too early");
	buf->cursor += (int) n;
	return p;
}

/* An unsigned number of n bytes at p, which the caller has checked. */
static inline uint64
mlops_peek_uint(const void *p, int n)
{
	const uint8 *b = p;
	uint64		v = 0;
	int			i;

	for (i = 0; i < n; i++)
		v |= (uint64) b[i] << (8 * i);
	return v;
}

/* The next unsigned number of n bytes. */
static inline uint64
mlops_get_uint(StringInfo buf, int n)
{
	return mlops_peek_uint(mlops_get_bytes(buf, n), n);
}

/* The next double; NaN and infinity are the caller's to judge. */
static inline double
mlops_get_double(StringInfo buf)
{
	uint64		bits = mlops_get_uint(buf, 8);
	double		d;

	memcpy(&d, &bits, sizeof(d));
	return d;
}

#endif							/* MLOPS_BYTES_H */
