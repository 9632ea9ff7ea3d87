/*-------------------------------------------------------------------------
 *
 * model_type.c
 *	  The type mlops.model: input, output, equality.
 *
 * The text form is base64 without newlines of the binary form, which is the
 * stored form.  Every way in goes through mlops_model_validate, so the hash in
 * a stored header can be trusted.
 *
 * IDENTIFICATION
 *	  src/api/model_type.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/base64.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "mlops/model.h"

#include "model_arg.h"

/* Bytes of base64 handled between interrupt checks; whole groups both ways. */
#define BASE64_CHUNK	((Size) 3 * 256 * 1024)

PG_FUNCTION_INFO_V1(mlops_model_in);
PG_FUNCTION_INFO_V1(mlops_model_out);
PG_FUNCTION_INFO_V1(mlops_model_recv);
PG_FUNCTION_INFO_V1(mlops_model_send);
PG_FUNCTION_INFO_V1(mlops_model_eq);
PG_FUNCTION_INFO_V1(mlops_model_ne);
PG_FUNCTION_INFO_V1(mlops_model_hash);
PG_FUNCTION_INFO_V1(mlops_model_cache);
PG_FUNCTION_INFO_V1(mlops_model_repack);

/* text to bytes; -1 when it is not base64 */
static int64
decode_base64(const char *text, Size len, char *out)
{
	Size		group = BASE64_CHUNK / 3 * 4;
	Size		done;
	int64		n = 0;

	for (done = 0; done < len; done += group)
	{
		Size		part = Min(group, len - done);
		int			room = (int) ((part + 3) / 4 * 3);
		int			got;

		CHECK_FOR_INTERRUPTS();
		got = pg_b64_decode(text + done, (int) part, (void *) (out + n), room);
		/* padding belongs to the end */
		if (got < 0 || (done + part < len && got != room))
			return -1;
		n += got;
	}
	return n;
}

Datum
mlops_model_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	Size		len = strlen(text);
	Size		room = (len + 3) / 4 * 3;
	struct varlena *result;
	int64		n = -1;

	/* beyond palloc's limit there is nothing to decode */
	if (room > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("text form of a model is too long")));
	result = palloc(room + VARHDRSZ);
	if (len > 0)
		n = decode_base64(text, len, VARDATA(result));
	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", "mlops.model"),
				 errdetail("The text form of a model is base64 without spaces and newlines.")));
	SET_VARSIZE(result, n + VARHDRSZ);
	mlops_model_validate(result);
	PG_RETURN_POINTER(result);
}

Datum
mlops_model_out(PG_FUNCTION_ARGS)
{
	struct varlena *model = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	const char *p = VARDATA_ANY(model);
	Size		len = VARSIZE_ANY_EXHDR(model);
	Size		room = (len + 2) / 3 * 4;
	char	   *text = palloc(room + 1);
	Size		done;
	Size		n = 0;

	for (done = 0; done < len; done += BASE64_CHUNK)
	{
		Size		part = Min(BASE64_CHUNK, len - done);
		int			got;

		CHECK_FOR_INTERRUPTS();
		got = pg_b64_encode((const void *) (p + done), (int) part, text + n,
							(int) ((part + 2) / 3 * 4));
		if (got < 0)
			elog(ERROR, "could not encode a model as base64");
		n += got;
	}
	text[n] = '\0';
	PG_RETURN_CSTRING(text);
}

Datum
mlops_model_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			len = buf->len - buf->cursor;
	struct varlena *result = palloc((Size) len + VARHDRSZ);

	pq_copymsgbytes(buf, VARDATA(result), len);
	SET_VARSIZE(result, len + VARHDRSZ);
	mlops_model_validate(result);
	PG_RETURN_POINTER(result);
}

Datum
mlops_model_send(PG_FUNCTION_ARGS)
{
	/* the same bytes under a bytea's header */
	PG_RETURN_BYTEA_P(PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0)));
}

/* Do two values have the same content? */
static bool
same_content(FunctionCallInfo fcinfo)
{
	uint8		a[MLOPS_HASH_LEN];
	uint8		b[MLOPS_HASH_LEN];

	mlops_model_peek(PG_GETARG_DATUM(0), a);
	mlops_model_peek(PG_GETARG_DATUM(1), b);
	return memcmp(a, b, MLOPS_HASH_LEN) == 0;
}

Datum
mlops_model_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_content(fcinfo));
}

Datum
mlops_model_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_content(fcinfo));
}

Datum
mlops_model_hash(PG_FUNCTION_ARGS)
{
	uint8		hash[MLOPS_HASH_LEN];

	mlops_model_peek(PG_GETARG_DATUM(0), hash);
	return hash_any(hash, MLOPS_HASH_LEN);
}

/* What this backend's cache of unpacked models holds and has done. */
Datum
mlops_model_cache(PG_FUNCTION_ARGS)
{
	MlCacheStats stats;
	Datum		values[5];
	bool		nulls[5] = {false};

	mlops_model_cache_stats(&stats);
	values[0] = Int64GetDatum(stats.entries);
	values[1] = Int64GetDatum(stats.pinned);
	values[2] = Int64GetDatum((int64) stats.bytes);
	values[3] = Int64GetDatum(stats.hits);
	values[4] = Int64GetDatum(stats.misses);
	return mlops_result_row(fcinfo, values, nulls);
}

/* Unpacked and packed again: the bytes this release writes for a model of any release. */
Datum
mlops_model_repack(PG_FUNCTION_ARGS)
{
	MlModel    *model = mlops_model_unpack_whole(PG_GETARG_RAW_VARLENA_P(0),
												 CurrentMemoryContext);
	struct varlena *result = mlops_model_pack(model);

	MemoryContextDelete(model->context);
	PG_RETURN_POINTER(result);
}
