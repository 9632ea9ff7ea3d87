/*-------------------------------------------------------------------------
 *
 * metric_api.c
 *	  SQL: the type of the metric aggregates' states, and combining them.
 *
 * Text form: lower case hexadecimal of the binary form.  Binary form: one byte
 * METRIC_FORMAT, one byte kind, then what the kind's _write function writes,
 * integers and float8 in network byte order.
 *
 * IDENTIFICATION
 *	  src/api/metric_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "metric_state.h"

PG_FUNCTION_INFO_V1(mlops_metric_state_in);
PG_FUNCTION_INFO_V1(mlops_metric_state_out);
PG_FUNCTION_INFO_V1(mlops_metric_state_recv);
PG_FUNCTION_INFO_V1(mlops_metric_state_send);
PG_FUNCTION_INFO_V1(mlops_metric_combine);

static const Size min_size[] = {
	[METRIC_REGRESSION] = sizeof(RegressionState),
	[METRIC_TALLY] = sizeof(TallyState),
	[METRIC_PROBABILITY] = sizeof(ProbabilityState),
	[METRIC_CALIBRATION] = offsetof(CalibrationState, bins),
	[METRIC_RANK] = offsetof(RankState, score),
	[METRIC_CONFUSION] = offsetof(ConfusionState, data),
	[METRIC_SAMPLES] = offsetof(SampleState, value),
	[METRIC_CATEGORIES] = offsetof(CategoryState, data)
};

/*
 * mlops_metric_make - a zeroed state in CurrentMemoryContext
 */
void *
mlops_metric_make(MetricKind kind, Size size)
{
	MetricState *state;

	if (!AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("state of a metric would exceed %zu bytes", MaxAllocSize)));
	state = palloc0(size);
	SET_VARSIZE(state, size);
	state->kind = kind;
	return state;
}

/*
 * mlops_metric_copy - the same state in CurrentMemoryContext
 */
void *
mlops_metric_copy(MetricState *state)
{
	void	   *copy = palloc(VARSIZE(state));

	memcpy(copy, state, VARSIZE(state));
	return copy;
}

/*
 * mlops_metric_detoast - a datum as an aligned state of the wanted kind
 *
 * kind 0 accepts any.  The result is the datum itself where possible.
 */
MetricState *
mlops_metric_detoast(Datum value, MetricKind kind)
{
	MetricState *state = (MetricState *) DatumGetPointer(value);

	if (VARATT_IS_EXTENDED(state))
		state = (MetricState *) PG_DETOAST_DATUM(value);
	if (VARSIZE(state) < sizeof(MetricState) ||
		state->kind < METRIC_REGRESSION || state->kind > METRIC_CATEGORIES ||
		VARSIZE(state) < min_size[state->kind])
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("state of a metric is damaged")));
	if (kind != 0 && state->kind != (int32) kind)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("state belongs to another metric")));
	return state;
}

/*
 * mlops_metric_skip - result of a transition function for a row that does not
 * count
 */
Datum
mlops_metric_skip(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return PG_GETARG_DATUM(0);
}

/*
 * mlops_metric_value - result of a final function: NULL when undefined
 */
Datum
mlops_metric_value(FunctionCallInfo fcinfo, double value)
{
	if (isnan(value))
		PG_RETURN_NULL();
	if (isinf(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value of the metric is out of range: overflow")));
	PG_RETURN_FLOAT8(value);
}

/*
 * mlops_metric_check_probability - error unless between 0 and 1
 */
void
mlops_metric_check_probability(double p)
{
	if (unlikely(!(p >= 0 && p <= 1)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("probability must be between 0 and 1")));
}

/*
 * mlops_metric_check_rows - error when a count has grown beyond exactness
 */
void
mlops_metric_check_rows(int64 n)
{
	if (unlikely(n > METRIC_MAX_ROWS))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("metrics count at most %lld rows", (long long) METRIC_MAX_ROWS)));
}

/*
 * mlops_metric_malformed - the bytes given to "in" or "recv" are no state
 */
void
mlops_metric_malformed(const MetricReader *r)
{
	ereport(ERROR,
			(errcode(r->sqlstate),
			 errmsg("invalid representation of type %s", "mlops_private.metric_state")));
}

/*
 * mlops_metric_read_bytes - the next len bytes, in place
 */
const char *
mlops_metric_read_bytes(MetricReader *r, Size len)
{
	const char *at = r->at;

	if (len > (Size) (r->end - r->at))
		mlops_metric_malformed(r);
	r->at += len;
	return at;
}

/*
 * mlops_metric_read_count - an integer between 0 and max
 */
int64
mlops_metric_read_count(MetricReader *r, int64 max)
{
	uint64		value;

	memcpy(&value, mlops_metric_read_bytes(r, sizeof(value)), sizeof(value));
	value = pg_ntoh64(value);
	if (value > (uint64) max)
		mlops_metric_malformed(r);
	return (int64) value;
}

/*
 * mlops_metric_read_float8 - a number that is not NaN
 */
double
mlops_metric_read_float8(MetricReader *r)
{
	union
	{
		uint64		bits;
		double		number;
	}			value;

	memcpy(&value.bits, mlops_metric_read_bytes(r, sizeof(value.bits)), sizeof(value.bits));
	value.bits = pg_ntoh64(value.bits);
	if (isnan(value.number))
		mlops_metric_malformed(r);
	return value.number;
}

/*
 * mlops_metric_read_sum - a sum of terms >= 0, infinite if it overflowed
 */
void
mlops_metric_read_sum(MetricReader *r, MlSum *sum)
{
	sum->s = mlops_metric_read_float8(r);
	sum->c = mlops_metric_read_float8(r);
	if (sum->s < 0 || !isfinite(sum->c) || fabs(sum->c) > sum->s)
		mlops_metric_malformed(r);
}

/*
 * mlops_metric_write_sum - what the function above reads
 */
void
mlops_metric_write_sum(StringInfo buf, const MlSum *sum)
{
	bool		finite = isfinite(sum->s) && isfinite(sum->c);

	pq_sendfloat8(buf, finite ? sum->s : INFINITY);
	pq_sendfloat8(buf, finite ? sum->c : 0);
}

/* From the binary form; any bytes at all give a valid state or an error. */
static MetricState *
parse_state(MetricReader *r)
{
	const unsigned char *head = (const unsigned char *) mlops_metric_read_bytes(r, 2);
	void	   *state = NULL;

	if (head[0] != METRIC_FORMAT)
		mlops_metric_malformed(r);
	switch (head[1])
	{
		case METRIC_REGRESSION:
			state = mlops_metric_regression_read(r);
			break;
		case METRIC_TALLY:
			state = mlops_metric_tally_read(r);
			break;
		case METRIC_PROBABILITY:
			state = mlops_metric_probability_read(r);
			break;
		case METRIC_CALIBRATION:
			state = mlops_metric_calibration_read(r);
			break;
		case METRIC_RANK:
			state = mlops_metric_rank_read(r);
			break;
		case METRIC_CONFUSION:
			state = mlops_metric_confusion_read(r);
			break;
		case METRIC_SAMPLES:
			state = mlops_metric_samples_read(r);
			break;
		case METRIC_CATEGORIES:
			state = mlops_metric_categories_read(r);
			break;
		default:
			mlops_metric_malformed(r);
	}
	if (r->at != r->end)
		mlops_metric_malformed(r);
	return state;
}

/* Append the binary form to an initialized buffer. */
static void
write_state(StringInfo buf, const MetricState *state)
{
	pq_sendint8(buf, METRIC_FORMAT);
	pq_sendint8(buf, (uint8) state->kind);
	switch ((MetricKind) state->kind)
	{
		case METRIC_REGRESSION:
			mlops_metric_regression_write(buf, (const RegressionState *) state);
			break;
		case METRIC_TALLY:
			mlops_metric_tally_write(buf, (const TallyState *) state);
			break;
		case METRIC_PROBABILITY:
			mlops_metric_probability_write(buf, (const ProbabilityState *) state);
			break;
		case METRIC_CALIBRATION:
			mlops_metric_calibration_write(buf, (const CalibrationState *) state);
			break;
		case METRIC_RANK:
			mlops_metric_rank_write(buf, (const RankState *) state);
			break;
		case METRIC_CONFUSION:
			mlops_metric_confusion_write(buf, (const ConfusionState *) state);
			break;
		case METRIC_SAMPLES:
			mlops_metric_samples_write(buf, (const SampleState *) state);
			break;
		case METRIC_CATEGORIES:
			mlops_metric_categories_write(buf, (const CategoryState *) state);
			break;
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/*
 * mlops_metric_state_in - from text
 */
Datum
mlops_metric_state_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	Size		len = strlen(text);
	char	   *bytes = palloc(len / 2 + 1);
	MetricReader r = {bytes, bytes + len / 2, ERRCODE_INVALID_TEXT_REPRESENTATION};

	if (len % 2 != 0)
		mlops_metric_malformed(&r);
	for (Size i = 0; i < len / 2; i++)
	{
		int			high = hex_digit(text[2 * i]);
		int			low = hex_digit(text[2 * i + 1]);

		if ((i & 0xfffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (high < 0 || low < 0)
			mlops_metric_malformed(&r);
		bytes[i] = (char) (high << 4 | low);
	}
	PG_RETURN_POINTER(parse_state(&r));
}

/*
 * mlops_metric_state_out - to text, exactly
 */
Datum
mlops_metric_state_out(PG_FUNCTION_ARGS)
{
	static const char digits[] = "0123456789abcdef";
	StringInfoData buf;
	char	   *text;

	initStringInfo(&buf);
	write_state(&buf, mlops_metric_detoast(PG_GETARG_DATUM(0), 0));
	if (!AllocSizeIsValid((Size) buf.len * 2 + 1))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("state of a metric is too large for its text form")));
	text = palloc((Size) buf.len * 2 + 1);
	for (int i = 0; i < buf.len; i++)
	{
		if ((i & 0xfffff) == 0)
			CHECK_FOR_INTERRUPTS();
		text[2 * (Size) i] = digits[(unsigned char) buf.data[i] >> 4];
		text[2 * (Size) i + 1] = digits[(unsigned char) buf.data[i] & 15];
	}
	text[(Size) buf.len * 2] = '\0';
	PG_RETURN_CSTRING(text);
}

/*
 * mlops_metric_state_recv - from the binary form
 */
Datum
mlops_metric_state_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	MetricReader r = {buf->data + buf->cursor, buf->data + buf->len,
	ERRCODE_INVALID_BINARY_REPRESENTATION};
	MetricState *state = parse_state(&r);

	buf->cursor = buf->len;
	PG_RETURN_POINTER(state);
}

/*
 * mlops_metric_state_send - to the binary form
 */
Datum
mlops_metric_state_send(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	write_state(&buf, mlops_metric_detoast(PG_GETARG_DATUM(0), 0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/*
 * mlops_metric_combine - the state of the rows of both
 */
Datum
mlops_metric_combine(PG_FUNCTION_ARGS)
{
	MetricState *dst = mlops_metric_arg(fcinfo, 0);
	MetricState *src = mlops_metric_detoast(PG_GETARG_DATUM(1), dst->kind);

	switch ((MetricKind) dst->kind)
	{
		case METRIC_REGRESSION:
			mlops_regression_merge(&((RegressionState *) dst)->sums,
								   &((RegressionState *) src)->sums);
			mlops_metric_check_rows(((RegressionState *) dst)->sums.n);
			break;
		case METRIC_TALLY:
			mlops_metric_tally_merge((TallyState *) dst, (TallyState *) src);
			break;
		case METRIC_PROBABILITY:
			mlops_metric_probability_merge((ProbabilityState *) dst,
										   (ProbabilityState *) src);
			break;
		case METRIC_CALIBRATION:
			mlops_metric_calibration_merge((CalibrationState *) dst,
										   (CalibrationState *) src);
			break;
		case METRIC_RANK:
			PG_RETURN_POINTER(mlops_metric_rank_merge((RankState *) dst,
													  (RankState *) src));
		case METRIC_CONFUSION:
			PG_RETURN_POINTER(mlops_metric_confusion_merge((ConfusionState *) dst,
														   (ConfusionState *) src));
		case METRIC_SAMPLES:
			PG_RETURN_POINTER(mlops_metric_samples_merge((SampleState *) dst,
														 (SampleState *) src));
		case METRIC_CATEGORIES:
			PG_RETURN_POINTER(mlops_metric_categories_merge((CategoryState *) dst,
															(CategoryState *) src));
	}
	PG_RETURN_POINTER(dst);
}
