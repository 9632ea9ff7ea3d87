/*-------------------------------------------------------------------------
 *
 * metric_probability.c
 *	  SQL aggregates log_loss and brier (one state), and ece.
 *
 * IDENTIFICATION
 *	  src/api/metric_probability.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"

#include "metric_state.h"

PG_FUNCTION_INFO_V1(mlops_metric_probability_add);
PG_FUNCTION_INFO_V1(mlops_metric_log_loss);
PG_FUNCTION_INFO_V1(mlops_metric_brier);
PG_FUNCTION_INFO_V1(mlops_metric_calibration_add);
PG_FUNCTION_INFO_V1(mlops_metric_ece);

/*
 * mlops_metric_probability_add - (state, actual bool, probability)
 */
Datum
mlops_metric_probability_add(PG_FUNCTION_ARGS)
{
	ProbabilityState *state;
	bool		actual;
	double		p;
	double		miss;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || isnan(PG_GETARG_FLOAT8(2)))
		return mlops_metric_skip(fcinfo);
	actual = PG_GETARG_BOOL(1);
	p = PG_GETARG_FLOAT8(2);
	mlops_metric_check_probability(p);
	state = mlops_metric_arg(fcinfo, METRIC_PROBABILITY);
	if (state == NULL)
		state = mlops_metric_make(METRIC_PROBABILITY, sizeof(ProbabilityState));
	miss = actual ? 1 - p : p;
	state->n++;
	mlops_sum_add(&state->loss, mlops_log_loss_one(actual ? p : 1 - p));
	mlops_sum_add(&state->brier, miss * miss);
	PG_RETURN_POINTER(state);
}

/*
 * mlops_metric_log_loss - final function of log_loss
 */
Datum
mlops_metric_log_loss(PG_FUNCTION_ARGS)
{
	ProbabilityState *s = (ProbabilityState *)
		mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_PROBABILITY);

	return mlops_metric_value(fcinfo, s->n > 0 ? mlops_sum_value(&s->loss) / s->n : NAN);
}

/*
 * mlops_metric_brier - final function of brier
 */
Datum
mlops_metric_brier(PG_FUNCTION_ARGS)
{
	ProbabilityState *s = (ProbabilityState *)
		mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_PROBABILITY);

	return mlops_metric_value(fcinfo, s->n > 0 ? mlops_sum_value(&s->brier) / s->n : NAN);
}

/* Bytes of a state of that many bins. */
static Size
calibration_size(int64 nbins)
{
	return offsetof(CalibrationState, bins) + nbins * sizeof(MlBin);
}

/*
 * mlops_metric_calibration_add - (state, actual bool, probability [, bins])
 */
Datum
mlops_metric_calibration_add(PG_FUNCTION_ARGS)
{
	CalibrationState *state;
	MlBin	   *bin;
	int			nbins = MLOPS_ECE_BINS;
	double		p;

	if (PG_NARGS() > 3)
	{
		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("number of bins must not be null")));
		nbins = PG_GETARG_INT32(3);
		if (nbins < 1 || nbins > MLOPS_ECE_MAX_BINS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("number of bins must be between 1 and %d", MLOPS_ECE_MAX_BINS)));
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || isnan(PG_GETARG_FLOAT8(2)))
		return mlops_metric_skip(fcinfo);
	p = PG_GETARG_FLOAT8(2);
	mlops_metric_check_probability(p);
	state = mlops_metric_arg(fcinfo, METRIC_CALIBRATION);
	if (state == NULL)
	{
		state = mlops_metric_make(METRIC_CALIBRATION, calibration_size(nbins));
		state->nbins = nbins;
	}
	else if (state->nbins != nbins)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of bins must be the same in all rows of a group")));
	bin = &state->bins[mlops_probability_bin(p, nbins)];
	bin->w += 1;
	bin->pos += PG_GETARG_BOOL(1) ? 1 : 0;
	mlops_sum_add(&bin->p, p);
	PG_RETURN_POINTER(state);
}

/*
 * mlops_metric_ece - final function of ece
 */
Datum
mlops_metric_ece(PG_FUNCTION_ARGS)
{
	CalibrationState *s = (CalibrationState *)
		mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_CALIBRATION);

	return mlops_metric_value(fcinfo, mlops_bins_ece(s->bins, (int) s->nbins));
}

/*
 * mlops_metric_probability_read - n, loss, brier
 */
ProbabilityState *
mlops_metric_probability_read(MetricReader *r)
{
	ProbabilityState *state = mlops_metric_make(METRIC_PROBABILITY, sizeof(ProbabilityState));

	state->n = mlops_metric_read_count(r, METRIC_MAX_ROWS);
	mlops_metric_read_sum(r, &state->loss);
	mlops_metric_read_sum(r, &state->brier);
	return state;
}

/*
 * mlops_metric_probability_write - what the function above reads
 */
void
mlops_metric_probability_write(StringInfo buf, const ProbabilityState *s)
{
	pq_sendint64(buf, s->n);
	mlops_metric_write_sum(buf, &s->loss);
	mlops_metric_write_sum(buf, &s->brier);
}

/*
 * mlops_metric_probability_merge - dst becomes the sums of both
 */
void
mlops_metric_probability_merge(ProbabilityState *dst, const ProbabilityState *src)
{
	dst->n += src->n;
	mlops_sum_merge(&dst->loss, &src->loss);
	mlops_sum_merge(&dst->brier, &src->brier);
	mlops_metric_check_rows(dst->n);
}

/*
 * mlops_metric_calibration_read - nbins, then per bin rows, positives and sum
 */
CalibrationState *
mlops_metric_calibration_read(MetricReader *r)
{
	int64		nbins = mlops_metric_read_count(r, MLOPS_ECE_MAX_BINS);
	CalibrationState *state;
	int64		rows = 0;

	if (nbins < 1)
		mlops_metric_malformed(r);
	state = mlops_metric_make(METRIC_CALIBRATION, calibration_size(nbins));
	state->nbins = nbins;
	for (int64 i = 0; i < nbins; i++)
	{
		MlBin	   *bin = &state->bins[i];
		int64		n = mlops_metric_read_count(r, METRIC_MAX_ROWS - rows);

		rows += n;
		bin->w = (double) n;
		bin->pos = (double) mlops_metric_read_count(r, n);
		mlops_metric_read_sum(r, &bin->p);
		if (bin->p.s > bin->w)
			mlops_metric_malformed(r);
	}
	return state;
}

/*
 * mlops_metric_calibration_write - what the function above reads
 */
void
mlops_metric_calibration_write(StringInfo buf, const CalibrationState *s)
{
	pq_sendint64(buf, s->nbins);
	for (int64 i = 0; i < s->nbins; i++)
	{
		pq_sendint64(buf, (int64) s->bins[i].w);
		pq_sendint64(buf, (int64) s->bins[i].pos);
		mlops_metric_write_sum(buf, &s->bins[i].p);
	}
}

/*
 * mlops_metric_calibration_merge - dst becomes the bins of both
 */
void
mlops_metric_calibration_merge(CalibrationState *dst, const CalibrationState *src)
{
	double		rows = 0;

	if (dst->nbins != src->nbins)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of bins must be the same in all rows of a group")));
	for (int64 i = 0; i < dst->nbins; i++)
	{
		dst->bins[i].w += src->bins[i].w;
		dst->bins[i].pos += src->bins[i].pos;
		mlops_sum_merge(&dst->bins[i].p, &src->bins[i].p);
		rows += dst->bins[i].w;
	}
	if (rows > (double) METRIC_MAX_ROWS)
		mlops_metric_check_rows(METRIC_MAX_ROWS + 1);
}
