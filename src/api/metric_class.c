/*-------------------------------------------------------------------------
 *
 * metric_class.c
 *	  SQL aggregates accuracy, and precision_score, recall_score and f1 of one
 *	  positive class.
 *
 * Labels are equal when their bytes are; no collation is asked.
 *
 * IDENTIFICATION
 *	  src/api/metric_class.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"

#include "metric_state.h"

PG_FUNCTION_INFO_V1(mlops_metric_tally_bool);
PG_FUNCTION_INFO_V1(mlops_metric_tally_positive);
PG_FUNCTION_INFO_V1(mlops_metric_equal_text);
PG_FUNCTION_INFO_V1(mlops_metric_equal_int8);
PG_FUNCTION_INFO_V1(mlops_metric_accuracy);
PG_FUNCTION_INFO_V1(mlops_metric_precision);
PG_FUNCTION_INFO_V1(mlops_metric_recall);
PG_FUNCTION_INFO_V1(mlops_metric_f1);

/* Count one row. */
static Datum
tally(FunctionCallInfo fcinfo, bool actual, bool predicted)
{
	TallyState *state = mlops_metric_arg(fcinfo, METRIC_TALLY);

	if (state == NULL)
		state = mlops_metric_make(METRIC_TALLY, sizeof(TallyState));
	if (actual)
		(*(predicted ? &state->tp : &state->fn))++;
	else
		(*(predicted ? &state->fp : &state->tn))++;
	PG_RETURN_POINTER(state);
}

/* The same, for a row that is only right or wrong. */
static Datum
tally_right(FunctionCallInfo fcinfo, bool right)
{
	return tally(fcinfo, right, true);
}

static bool
text_equal(const text *a, const text *b)
{
	Size		len = VARSIZE_ANY_EXHDR(a);

	return len == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), len) == 0;
}

/*
 * mlops_metric_tally_bool - (state, actual bool, predicted bool)
 */
Datum
mlops_metric_tally_bool(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return mlops_metric_skip(fcinfo);
	return tally(fcinfo, PG_GETARG_BOOL(1), PG_GETARG_BOOL(2));
}

/*
 * mlops_metric_tally_positive - (state, actual text, predicted text, positive text)
 */
Datum
mlops_metric_tally_positive(PG_FUNCTION_ARGS)
{
	const text *positive;

	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("positive label must not be null")));
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return mlops_metric_skip(fcinfo);
	positive = PG_GETARG_TEXT_PP(3);
	return tally(fcinfo, text_equal(PG_GETARG_TEXT_PP(1), positive),
				 text_equal(PG_GETARG_TEXT_PP(2), positive));
}

/*
 * mlops_metric_equal_text - (state, actual text, predicted text)
 */
Datum
mlops_metric_equal_text(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return mlops_metric_skip(fcinfo);
	return tally_right(fcinfo, text_equal(PG_GETARG_TEXT_PP(1), PG_GETARG_TEXT_PP(2)));
}

/*
 * mlops_metric_equal_int8 - (state, actual bigint, predicted bigint)
 */
Datum
mlops_metric_equal_int8(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return mlops_metric_skip(fcinfo);
	return tally_right(fcinfo, PG_GETARG_INT64(1) == PG_GETARG_INT64(2));
}

/* The positive class as the measures want it. */
static MlClassTally
final_arg(FunctionCallInfo fcinfo)
{
	TallyState *state = (TallyState *) mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_TALLY);
	MlClassTally t;

	t.hit = (double) state->tp;
	t.predicted = (double) (state->tp + state->fp);
	t.actual = (double) (state->tp + state->fn);
	return t;
}

/*
 * mlops_metric_accuracy - final function of accuracy, of all classes or two
 *
 * A state of right and wrong rows has them in tp and fp, so that right rows
 * are tp + tn in either case.
 */
Datum
mlops_metric_accuracy(PG_FUNCTION_ARGS)
{
	TallyState *state = (TallyState *) mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_TALLY);
	double		right = (double) (state->tp + state->tn);
	double		wrong = (double) (state->fp + state->fn);

	return mlops_metric_value(fcinfo, right + wrong > 0 ? right / (right + wrong) : NAN);
}

/*
 * mlops_metric_precision - final function of precision_score of one class
 */
Datum
mlops_metric_precision(PG_FUNCTION_ARGS)
{
	MlClassTally t = final_arg(fcinfo);

	return mlops_metric_value(fcinfo, mlops_class_precision(&t));
}

/*
 * mlops_metric_recall - final function of recall_score of one class
 */
Datum
mlops_metric_recall(PG_FUNCTION_ARGS)
{
	MlClassTally t = final_arg(fcinfo);

	return mlops_metric_value(fcinfo, mlops_class_recall(&t));
}

/*
 * mlops_metric_f1 - final function of f1 of one class
 */
Datum
mlops_metric_f1(PG_FUNCTION_ARGS)
{
	MlClassTally t = final_arg(fcinfo);

	return mlops_metric_value(fcinfo, mlops_class_f1(&t));
}

/*
 * mlops_metric_tally_read - tp, fp, fn, tn
 */
TallyState *
mlops_metric_tally_read(MetricReader *r)
{
	TallyState *state = mlops_metric_make(METRIC_TALLY, sizeof(TallyState));

	state->tp = mlops_metric_read_count(r, METRIC_MAX_ROWS);
	state->fp = mlops_metric_read_count(r, METRIC_MAX_ROWS - state->tp);
	state->fn = mlops_metric_read_count(r, METRIC_MAX_ROWS - state->tp - state->fp);
	state->tn = mlops_metric_read_count(r, METRIC_MAX_ROWS - state->tp - state->fp - state->fn);
	return state;
}

/*
 * mlops_metric_tally_write - what the function above reads
 */
void
mlops_metric_tally_write(StringInfo buf, const TallyState *s)
{
	pq_sendint64(buf, s->tp);
	pq_sendint64(buf, s->fp);
	pq_sendint64(buf, s->fn);
	pq_sendint64(buf, s->tn);
}

/*
 * mlops_metric_tally_merge - dst becomes the counts of both
 */
void
mlops_metric_tally_merge(TallyState *dst, const TallyState *src)
{
	dst->tp += src->tp;
	dst->fp += src->fp;
	dst->fn += src->fn;
	dst->tn += src->tn;
	mlops_metric_check_rows(dst->tp + dst->fp + dst->fn + dst->tn);
}
