/*-------------------------------------------------------------------------
 *
 * window_store.c
 *	  Windows as rows of mlops_private.log_window.
 *
 * latency and counts are vectors of counts, most of them small or zero.  A byte
 * with the number of this format comes first, then how many there are, then
 * each of them, in 7 bits a byte, low ones first, all bytes but the last with
 * the high bit.  After a zero comes how many more zeros follow it.
 *
 * IDENTIFICATION
 *	  src/drift/window_store.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/window.h"

#define VECTOR_FORMAT	1
#define VECTOR_MAX		(1 << 25)	/* counts of a window */

#define CHECK_VECTOR(cond) \
	do { \
		if (unlikely(!(cond))) \
			ereport(ERROR, \
					(errcode(ERRCODE_DATA_CORRUPTED), \
					 errmsg("window of the prediction log is damaged"))); \
	} while (0)

TimestampTz
mlops_window_start(TimestampTz at, int64 width_us)
{
	int64		past;

	if (TIMESTAMP_NOT_FINITE(at))
		return at;
	past = at % width_us;
	return at - past - (past < 0 ? width_us : 0);
}

static void
put_varint(StringInfo out, uint64 v)
{
	while (v >= 0x80)
	{
		appendStringInfoCharMacro(out, (char) (v | 0x80));
		v >>= 7;
	}
	appendStringInfoCharMacro(out, (char) v);
}

/* As described above. */
void
mlops_vector_put(StringInfo out, const int64 *counts, int n)
{
	appendStringInfoChar(out, VECTOR_FORMAT);
	put_varint(out, (uint64) n);
	for (int i = 0; i < n; i++)
	{
		int			zeros = 0;

		put_varint(out, (uint64) counts[i]);
		if (counts[i] != 0)
			continue;
		while (i + 1 < n && counts[i + 1] == 0)
		{
			zeros++;
			i++;
		}
		put_varint(out, (uint64) zeros);
	}
}

static uint64
get_varint(const uint8 **at, const uint8 *end)
{
	uint64		v = 0;

	for (int shift = 0; shift < 63; shift += 7)
	{
		uint8		b;

		CHECK_VECTOR(*at < end);
		b = *(*at)++;
		v |= (uint64) (b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
	CHECK_VECTOR(false);
	return 0;
}

/* Back from bytes that may be anything; *n counts, palloc'd. */
int64 *
mlops_vector_get(const void *bytes, Size len, int *n)
{
	const uint8 *at = bytes;
	const uint8 *end = at + len;
	int64	   *counts;
	int64		sum = 0;
	uint64		size;

	CHECK_VECTOR(len > 0 && *at++ == VECTOR_FORMAT);
	size = get_varint(&at, end);
	CHECK_VECTOR(size <= VECTOR_MAX && (size == 0 || at < end));
	*n = (int) size;
	counts = palloc0(sizeof(int64) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		counts[i] = (int64) get_varint(&at, end);
		CHECK_VECTOR(!pg_add_s64_overflow(sum, counts[i], &sum));
		if (counts[i] == 0)
		{
			uint64		zeros = get_varint(&at, end);

			CHECK_VECTOR(zeros < (uint64) (*n - i));
			i += (int) zeros;
		}
	}
	CHECK_VECTOR(at == end);
	return counts;
}

static void
get_latency(Datum value, int64 *latency)
{
	bytea	   *bytes = DatumGetByteaPP(value);
	int			n;
	int64	   *counts = mlops_vector_get(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &n);

	CHECK_VECTOR(n == MLOPS_LATENCIES);
	memcpy(latency, counts, sizeof(int64) * MLOPS_LATENCIES);
	pfree(counts);
}

static int64
get_count(uint64 row, int column)
{
	int64		count = DatumGetInt64(mlops_write_result(row, column));

	CHECK_VECTOR(count >= 0);
	return count;
}

/* What four columns from "column" on of a result's row say. */
static void
get_window(uint64 row, int column, MlWindow *window)
{
	bytea	   *counts;

	window->nrows = get_count(row, column);
	window->nskipped = get_count(row, column + 1);
	get_latency(mlops_write_result(row, column + 2), window->latency);
	counts = DatumGetByteaPP(mlops_write_result(row, column + 3));
	window->counts = mlops_vector_get(VARDATA_ANY(counts), VARSIZE_ANY_EXHDR(counts),
									  &window->ncounts);
}

List *
mlops_windows_read(MlWriter *w, int64 monitor_id, TimestampTz since, TimestampTz until)
{
	List	   *windows = NIL;
	uint64		n;

	mlops_write_int8(w, monitor_id);
	mlops_write_time(w, since);
	mlops_write_time(w, until);
	n = mlops_write_run(w, "SELECT version, window_start, late, shadow, rows, skipped, latency, counts"
						"  FROM mlops_private.log_window"
						" WHERE monitor_id = $1 AND window_start >= $2 AND window_start < $3"
						" ORDER BY version, window_start, late, shadow");
	for (uint64 i = 0; i < n; i++)
	{
		MlWindow   *window = palloc0(sizeof(MlWindow));

		window->version = DatumGetInt32(mlops_write_result(i, 1));
		window->start = DatumGetTimestampTz(mlops_write_result(i, 2));
		window->late = DatumGetBool(mlops_write_result(i, 3));
		window->shadow = DatumGetBool(mlops_write_result(i, 4));
		get_window(i, 5, window);
		windows = lappend(windows, window);
	}
	return windows;
}

void
mlops_window_merge(MlWindow *into, const MlWindow *window)
{
	CHECK_VECTOR(into->ncounts == window->ncounts);
	mlops_counts_add(&into->nrows, &window->nrows, 1);
	mlops_counts_add(&into->nskipped, &window->nskipped, 1);
	mlops_counts_add(into->latency, window->latency, MLOPS_LATENCIES);
	mlops_counts_add(into->counts, window->counts, window->ncounts);
}

/* The window's key, as the next arguments. */
static void
write_key(MlWriter *w, int64 monitor_id, const MlWindow *window)
{
	mlops_write_int8(w, monitor_id);
	mlops_write_int4(w, window->version);
	mlops_write_time(w, window->start);
	mlops_write_bool(w, window->late);
	mlops_write_bool(w, window->shadow);
}

static void
write_counts(MlWriter *w, const int64 *counts, int n)
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	mlops_vector_put(&bytes, counts, n);
	mlops_write_bytea(w, bytes.data, bytes.len);
}

void
mlops_window_add(MlWriter *w, int64 monitor_id, const MlWindow *window)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops window",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlWindow	sum = *window;

	write_key(w, monitor_id, window);
	if (mlops_write_run(w, "SELECT rows, skipped, latency, counts FROM mlops_private.log_window"
						" WHERE monitor_id = $1 AND version = $2 AND window_start = $3"
						" AND late = $4 AND shadow = $5") > 0)
	{
		get_window(0, 1, &sum);
		mlops_window_merge(&sum, window);
	}
	SPI_freetuptable(SPI_tuptable);
	write_key(w, monitor_id, window);
	mlops_write_int8(w, sum.nrows);
	mlops_write_int8(w, sum.nskipped);
	write_counts(w, sum.latency, MLOPS_LATENCIES);
	write_counts(w, sum.counts, sum.ncounts);
	mlops_write_run(w, "INSERT INTO mlops_private.log_window"
					" (monitor_id, version, window_start, late, shadow, rows, skipped, latency, counts)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
					" ON CONFLICT (monitor_id, version, window_start, late, shadow)"
					" DO UPDATE SET rows = EXCLUDED.rows, skipped = EXCLUDED.skipped,"
					" latency = EXCLUDED.latency, counts = EXCLUDED.counts");
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
mlops_windows_reset(MlWriter *w, int64 monitor_id)
{
	/* this one first: it waits for a step that is under way */
	mlops_write_int8(w, monitor_id);
	mlops_write_run(w, "UPDATE mlops_private.monitor SET counted_until = 0, counted_system = 0"
					" WHERE monitor_id = $1");
	mlops_write_int8(w, monitor_id);
	mlops_write_run(w, "DELETE FROM mlops_private.monitor_counted WHERE monitor_id = $1");
	mlops_write_int8(w, monitor_id);
	mlops_write_run(w, "DELETE FROM mlops_private.log_window WHERE monitor_id = $1");
}
