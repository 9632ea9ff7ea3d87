/*-------------------------------------------------------------------------
 *
 * fit_state.c
 *	  Type mlops_private.fit_state: its text form is that of bytea, its binary
 *	  form the bytes themselves.
 *
 * A state can reach a server as text (Citus ships them so), and anybody can
 * cast bytes to the type, so in and recv check all that later code relies on.
 * Byte order is the machine's: states do not outlive a query.
 *
 * IDENTIFICATION
 *	  src/api/fit_state.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "fit_state.h"
#include "mlops/error.h"

PG_FUNCTION_INFO_V1(mlops_fit_state_in);
PG_FUNCTION_INFO_V1(mlops_fit_state_out);
PG_FUNCTION_INFO_V1(mlops_fit_state_recv);
PG_FUNCTION_INFO_V1(mlops_fit_state_send);

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			ereport(ERROR, \
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), \
					 errmsg("invalid state of aggregate fit"))); \
	} while (0)

/* Is text[len] the label of an entry before "end"? */
static bool
label_exists(const char *at, const char *end, const char *text, uint32 len)
{
	while (at < end)
	{
		uint32		have;

		memcpy(&have, at, sizeof(uint32));
		at += sizeof(uint32);
		if (have == len && memcmp(at, text, len) == 0)
			return true;
		at += have;
	}
	return false;
}

/* Whole, distinct, and text in the server's encoding: what a model's classes must be. */
/* In the database's encoding, as every text in a server is. */
static void
check_text(const char *text, Size len)
{
	CHECK(pg_verify_mbstr(GetDatabaseEncoding(), text, (int) len, true));
}

static void
check_labels(const FitState *s)
{
	const char *first = FIT_LABELS(s);
	const char *at = first;
	int64		left = s->labels_len;

	for (int i = 0; i < s->nlabels; i++)
	{
		uint32		len;

		CHECK(left >= (int64) sizeof(uint32));
		memcpy(&len, at, sizeof(uint32));
		left -= sizeof(uint32);
		CHECK(len <= left);
		CHECK(pg_verifymbstr(at + sizeof(uint32), len, true));
		CHECK(!label_exists(first, at, at + sizeof(uint32), len));
		at += sizeof(uint32) + len;
		left -= len;
	}
	CHECK(left == 0);
}

static void
check_rows(const FitState *s)
{
	for (int64 i = 0; i < s->nrows; i++)
	{
		const double *row = FIT_ROW(s, i);

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (int j = 0; j <= s->width; j++)
			CHECK(isfinite(row[j]));
		if (FIT_IS_LABEL(s->target))
			CHECK(row[0] >= 0 && row[0] < s->nlabels && row[0] == floor(row[0]));
	}
}

static void
check_buffer(const FitState *s)
{
	Size		rows;

	CHECK(s->capacity >= 0 && s->nrows <= s->capacity);
	CHECK(s->nlabels >= 0 && s->nlabels <= FIT_STATE_MAX_CLASSES);
	CHECK(s->labels_len >= 0 && s->labels_len <= s->labels_size);
	rows = (Size) s->capacity * (s->width + 1) * sizeof(double);
	CHECK(rows <= MaxAllocSize && (Size) s->labels_size <= MaxAllocSize);
	CHECK(s->payload_len == rows + s->labels_size);
	check_labels(s);
	check_rows(s);
}

void
mlops_fit_state_check(const FitState *s)
{
	Size		size = VARSIZE(s);
	const MlAlgo *algo;

	CHECK(size >= FIT_OPTIONS_OFFSET);
	CHECK(s->magic == FIT_STATE_MAGIC);
	algo = mlops_algo_by_id(s->algo);
	CHECK(algo != NULL);
	CHECK(s->target >= FIT_TARGET_NUMBER && s->target <= FIT_TARGET_NUMBER_LABEL);
	CHECK(s->skip_missing <= 1 && s->nskipped >= 0 && s->nrows >= 0);
	CHECK(s->width >= 1 && s->width <= FIT_STATE_MAX_WIDTH);
	CHECK(s->options_len <= size && s->payload_len <= size);
	CHECK(size == FIT_PAYLOAD_OFFSET(s) + s->payload_len);
	check_text(FIT_OPTIONS(s), s->options_len);
	CHECK(pg_verifymbstr(FIT_OPTIONS(s), s->options_len, true));
	if (algo->one_pass)
		CHECK(s->target == FIT_TARGET_NUMBER &&
			  algo->partial_check(FIT_PAYLOAD(s), s->payload_len, s->width + 1) == NULL);
	else
		check_buffer(s);
}

/* Bytes from outside, with room for their varlena header, checked. */
static FitState *
adopt_bytes(const char *data, int len)
{
	FitState   *s;

	CHECK(len >= (int) (FIT_OPTIONS_OFFSET - VARHDRSZ));
	s = palloc(len + VARHDRSZ);
	SET_VARSIZE(s, len + VARHDRSZ);
	memcpy((char *) s + VARHDRSZ, data, len);
	mlops_fit_state_check(s);
	return s;
}

Datum
mlops_fit_state_in(PG_FUNCTION_ARGS)
{
	Datum		d = DirectFunctionCall1(byteain, PG_GETARG_DATUM(0));
	bytea	   *bytes = DatumGetByteaPP(d);

	PG_RETURN_POINTER(adopt_bytes(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));
}

Datum
mlops_fit_state_out(PG_FUNCTION_ARGS)
{
	struct varlena *s = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));

	PG_RETURN_DATUM(DirectFunctionCall1(byteaout, PointerGetDatum(s)));
}

Datum
mlops_fit_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			len = buf->len - buf->cursor;

	PG_RETURN_POINTER(adopt_bytes(pq_getmsgbytes(buf, len), len));
}

Datum
mlops_fit_state_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0)));
}
