/*-------------------------------------------------------------------------
 *
 * lz4.c
 *	  One LZ4 block: what is small enough to be compressed at once.
 *
 *		packed = length before (4 bytes, little-endian), LZ4 block
 *
 * Models are larger and have frames (model/codec.c).
 *
 * IDENTIFICATION
 *	  src/base/lz4.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <lz4.h>

#include "utils/memutils.h"

#include "mlops/base.h"

#define HEADER_LEN 4

/* No LZ4 block expands by more than this (a match length byte stands for 255 bytes). */
#define MAX_RATIO 255

char *
mlops_lz4_pack(const char *data, Size len, Size *packed_len)
{
	Size		bound;
	char	   *out;
	int			n;

	if (len > LZ4_MAX_INPUT_SIZE || !AllocSizeIsValid(LZ4_COMPRESSBOUND(len) + HEADER_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%zu bytes are too many to be compressed at once", len)));
	bound = LZ4_compressBound((int) len);
	out = palloc(HEADER_LEN + bound);
	for (int i = 0; i < HEADER_LEN; i++)
		out[i] = (char) ((len >> (8 * i)) & 0xff);
	n = LZ4_compress_default(data, out + HEADER_LEN, (int) len, (int) bound);
	if (n <= 0)
		elog(ERROR, "LZ4 could not compress %zu bytes", len);
	*packed_len = HEADER_LEN + n;
	return out;
}

char *
mlops_lz4_unpack(const char *packed, Size packed_len, Size *len)
{
	Size		declared = 0;
	char	   *out;

	if (packed_len < HEADER_LEN)
		return NULL;
	for (int i = 0; i < HEADER_LEN; i++)
		declared |= (Size) (uint8) packed[i] << (8 * i);
	if (declared > (packed_len - HEADER_LEN) * MAX_RATIO + MAX_RATIO || !AllocSizeIsValid(declared))
		return NULL;
	out = palloc(Max(declared, 1));
	if (LZ4_decompress_safe(packed + HEADER_LEN, out, (int) (packed_len - HEADER_LEN),
							(int) declared) != (int) declared)
		return NULL;
	*len = declared;
	return out;
}
