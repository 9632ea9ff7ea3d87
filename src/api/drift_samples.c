/*-------------------------------------------------------------------------
 *
 * drift_samples.c
 *	  SQL aggregates over (number, is it of the current sample): psi,
 *	  js_distance, hellinger, ks, ks_test, wasserstein.
 *
 * All of them need the values themselves, which are kept as auc keeps scores:
 * those of the reference fill an array from its left end, those of the current
 * sample from its right end.  Aggregates with the same arguments share one
 * state.  Final functions leave it as it is, because a window goes on with it,
 * and sort a copy.
 *
 * IDENTIFICATION
 *	  src/api/drift_samples.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/profile.h"
#include "mlops/numeric.h"

#include "metric_state.h"

PG_FUNCTION_INFO_V1(mlops_metric_sample_add);
PG_FUNCTION_INFO_V1(mlops_metric_sample_psi);
PG_FUNCTION_INFO_V1(mlops_metric_sample_js);
PG_FUNCTION_INFO_V1(mlops_metric_sample_hellinger);
PG_FUNCTION_INFO_V1(mlops_metric_ks);
PG_FUNCTION_INFO_V1(mlops_metric_ks_test);
PG_FUNCTION_INFO_V1(mlops_metric_wasserstein);

#define FIRST_ROOM	32
#define COPIES		3			/* the state, a copy that is sorted, and room to sort */

/* Bytes of a state with room for that many values. */
static Size
sample_size(int64 room)
{
	return offsetof(SampleState, value) + (Size) room * sizeof(double);
}

static int64
sample_room(const SampleState *s)
{
	return (VARSIZE(s) - offsetof(SampleState, value)) / sizeof(double);
}

/* The current sample's values; the reference's are s->value. */
static const double *
current_values(const SampleState *s)
{
	return s->value + sample_room(s) - s->n[1];
}

/*
 * A larger copy of a state in CurrentMemoryContext, with room for at least
 * "need" values: twice the old room, or as much as the budget allows.
 */
static SampleState *
grow(const SampleState *old, int64 need)
{
	int64		most = ((int64) mlops_guc_fit_memory * 1024 -
						(int64) sample_size(0)) / (int64) (COPIES * sizeof(double));
	int64		room = Max(need, sample_room(old) * 2);
	SampleState *s;

	most = Min(most, (int64) ((MaxAllocSize - sample_size(0)) / sizeof(double)));
	if (need > most)
		mlops_budget_check(sample_size(need * COPIES), mlops_guc_fit_memory, "mlops.fit_memory",
						   "Every value of both samples is kept and sorted in a copy; raise the setting or aggregate a sample of the rows.");
	room = Max(Min(room, most), need);
	s = mlops_metric_make(METRIC_SAMPLES, sample_size(room));
	memcpy(s, old, offsetof(SampleState, value));
	SET_VARSIZE(s, sample_size(room));
	memcpy(s->value, old->value, s->n[0] * sizeof(double));
	memcpy(s->value + room - s->n[1], current_values(old), s->n[1] * sizeof(double));
	return s;
}

static SampleState *
make_samples(int bins)
{
	SampleState *s = mlops_metric_make(METRIC_SAMPLES, sample_size(FIRST_ROOM));

	s->bins = bins;
	return s;
}

/*
 * mlops_metric_sample_add - (state, value, is current [, bins])
 */
Datum
mlops_metric_sample_add(PG_FUNCTION_ARGS)
{
	SampleState *s;
	double		value;
	int			bins = MLOPS_DRIFT_BINS;
	int			side;

	if (PG_NARGS() > 3)
	{
		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("number of bins must not be null")));
		bins = PG_GETARG_INT32(3);
		if (bins < 2 || bins > MLOPS_BINS_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("number of bins must be between 2 and %d", MLOPS_BINS_MAX)));
	}
	if (PG_ARGISNULL(2))
		return mlops_metric_skip(fcinfo);
	side = PG_GETARG_BOOL(2) ? 1 : 0;
	s = mlops_metric_arg(fcinfo, METRIC_SAMPLES);
	if (s == NULL)
		s = make_samples(bins);
	else if (s->bins != bins)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of bins must be the same in all rows of a group")));
	if (PG_ARGISNULL(1) || isnan(value = PG_GETARG_FLOAT8(1)))
	{
		s->missing[side]++;
		PG_RETURN_POINTER(s);
	}
	if (s->n[0] + s->n[1] >= sample_room(s))
		s = grow(s, s->n[0] + s->n[1] + 1);
	if (side == 0)
		s->value[s->n[0]++] = value;
	else
		s->value[sample_room(s) - ++s->n[1]] = value;
	PG_RETURN_POINTER(s);
}

static SampleState *
final_arg(FunctionCallInfo fcinfo)
{
	mlops_numeric_interruptible();
	return (SampleState *) mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_SAMPLES);
}

/* Both samples' counts in bins of the reference, missing values in the last. */
typedef struct SampleBins
{
	int			nbins;
	int64	   *ref;
	int64	   *cur;
} SampleBins;

/* False when a sample has no rows. */
static bool
count_samples(const SampleState *s, SampleBins *bins)
{
	Size		room = (Size) s->n[0] * sizeof(double);
	double	   *sorted;
	double	   *scratch;
	MlCut	   *cuts;
	uint64	   *bounds;
	int			ncuts;

	if (s->n[0] + s->missing[0] == 0 || s->n[1] + s->missing[1] == 0)
		return false;
	sorted = palloc(Max(room, 1));
	scratch = palloc(Max(room, 1));
	memcpy(sorted, s->value, room);
	mlops_sort_doubles(sorted, (size_t) s->n[0], scratch);
	pfree(scratch);
	cuts = palloc(sizeof(MlCut) * MLOPS_CUTS_ROOM(s->bins));
	ncuts = mlops_qbin_cuts((size_t) s->n[0], sorted, s->bins, cuts);
	bounds = palloc(sizeof(uint64) * Max(ncuts, 1));
	mlops_qbin_bounds(ncuts, cuts, bounds);
	bins->nbins = ncuts + 2;
	bins->ref = palloc0(sizeof(int64) * bins->nbins);
	bins->cur = palloc0(sizeof(int64) * bins->nbins);
	mlops_qbin_sorted(ncuts, bounds, (size_t) s->n[0], sorted, bins->ref);
	mlops_qbin_values(ncuts, bounds, (size_t) s->n[1], current_values(s), bins->cur);
	bins->ref[bins->nbins - 1] = s->missing[0];
	bins->cur[bins->nbins - 1] = s->missing[1];
	pfree(sorted);
	pfree(cuts);
	pfree(bounds);
	return true;
}

/*
 * mlops_metric_sample_psi - final function of psi
 */
Datum
mlops_metric_sample_psi(PG_FUNCTION_ARGS)
{
	SampleBins	bins;

	if (!count_samples(final_arg(fcinfo), &bins))
		PG_RETURN_NULL();
	return mlops_metric_value(fcinfo, mlops_psi(bins.nbins, bins.ref, bins.cur,
												MLOPS_DRIFT_EPSILON, NULL));
}

/*
 * mlops_metric_sample_js - final function of js_distance
 */
Datum
mlops_metric_sample_js(PG_FUNCTION_ARGS)
{
	SampleBins	bins;
	MlDistances distances;

	if (!count_samples(final_arg(fcinfo), &bins))
		PG_RETURN_NULL();
	mlops_distances(bins.nbins, bins.ref, bins.cur, &distances);
	return mlops_metric_value(fcinfo, distances.js);
}

/*
 * mlops_metric_sample_hellinger - final function of hellinger
 */
Datum
mlops_metric_sample_hellinger(PG_FUNCTION_ARGS)
{
	SampleBins	bins;
	MlDistances distances;

	if (!count_samples(final_arg(fcinfo), &bins))
		PG_RETURN_NULL();
	mlops_distances(bins.nbins, bins.ref, bins.cur, &distances);
	return mlops_metric_value(fcinfo, distances.hellinger);
}

/* Sort copies of both samples, and compare them. */
static void
compare_samples(const SampleState *s, MlTwoSamples *out)
{
	double	   *copy = palloc(Max((Size) (s->n[0] + s->n[1]) * sizeof(double), 1));
	double	   *scratch = palloc(Max((Size) Max(s->n[0], s->n[1]) * sizeof(double), 1));

	memcpy(copy, s->value, s->n[0] * sizeof(double));
	memcpy(copy + s->n[0], current_values(s), s->n[1] * sizeof(double));
	mlops_sort_doubles(copy, (size_t) s->n[0], scratch);
	mlops_sort_doubles(copy + s->n[0], (size_t) s->n[1], scratch);
	mlops_two_samples(s->n[0], copy, s->n[1], copy + s->n[0], out);
	pfree(copy);
	pfree(scratch);
}

/*
 * mlops_metric_ks - final function of ks
 */
Datum
mlops_metric_ks(PG_FUNCTION_ARGS)
{
	MlTwoSamples two;

	compare_samples(final_arg(fcinfo), &two);
	return mlops_metric_value(fcinfo, two.d);
}

/*
 * mlops_metric_wasserstein - final function of wasserstein
 */
Datum
mlops_metric_wasserstein(PG_FUNCTION_ARGS)
{
	MlTwoSamples two;

	compare_samples(final_arg(fcinfo), &two);
	return mlops_metric_value(fcinfo, two.wasserstein);
}

/*
 * mlops_metric_ks_test - final function of ks_test
 */
Datum
mlops_metric_ks_test(PG_FUNCTION_ARGS)
{
	double		work[MLOPS_KS_WORK];
	MlTwoSamples two;
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	compare_samples(final_arg(fcinfo), &two);
	nulls[0] = nulls[1] = nulls[2] = isnan(two.d);
	values[0] = Float8GetDatum(two.d);
	values[1] = Float8GetDatum(mlops_ks_p(&two, work));
	values[2] = (Datum) 0;
	if (!nulls[2])
		values[2] = CStringGetTextDatum(mlops_ks_is_exact(two.n, two.m) ? "exact" : "asymptotic");
	values[3] = Int64GetDatum(two.n);
	values[4] = Int64GetDatum(two.m);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * mlops_metric_samples_read - bins, rows and missing values of both samples,
 * values of the reference, of the current sample
 */
SampleState *
mlops_metric_samples_read(MetricReader *r)
{
	int			bins = (int) mlops_metric_read_count(r, MLOPS_BINS_MAX);
	int64		counts[4];
	SampleState *s;

	if (bins < 2)
		mlops_metric_malformed(r);
	for (int i = 0; i < 4; i++)
		counts[i] = mlops_metric_read_count(r, METRIC_MAX_ROWS);
	/* before anything is allocated by these numbers */
	if (counts[0] + counts[1] != (r->end - r->at) / (int64) sizeof(double))
		mlops_metric_malformed(r);
	s = mlops_metric_make(METRIC_SAMPLES, sample_size(counts[0] + counts[1]));
	s->bins = bins;
	memcpy(s->n, counts, sizeof(s->n));
	memcpy(s->missing, counts + 2, sizeof(s->missing));
	for (int64 i = 0; i < counts[0] + counts[1]; i++)
	{
		s->value[i] = mlops_metric_read_float8(r);
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return s;
}

/*
 * mlops_metric_samples_write - what the function above reads
 */
void
mlops_metric_samples_write(StringInfo buf, const SampleState *s)
{
	pq_sendint64(buf, s->bins);
	for (int side = 0; side < 2; side++)
		pq_sendint64(buf, s->n[side]);
	for (int side = 0; side < 2; side++)
		pq_sendint64(buf, s->missing[side]);
	for (int64 i = 0; i < s->n[0]; i++)
		pq_sendfloat8(buf, s->value[i]);
	for (int64 i = 0; i < s->n[1]; i++)
		pq_sendfloat8(buf, current_values(s)[i]);
}

/*
 * mlops_metric_samples_merge - dst, grown if need be, with the values of both
 */
SampleState *
mlops_metric_samples_merge(SampleState *dst, const SampleState *src)
{
	int64		need = dst->n[0] + dst->n[1] + src->n[0] + src->n[1];

	if (dst->bins != src->bins)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of bins must be the same in all rows of a group")));
	if (need > sample_room(dst))
		dst = grow(dst, need);
	memcpy(dst->value + dst->n[0], src->value, src->n[0] * sizeof(double));
	memcpy(dst->value + sample_room(dst) - dst->n[1] - src->n[1], current_values(src),
		   src->n[1] * sizeof(double));
	for (int side = 0; side < 2; side++)
	{
		dst->n[side] += src->n[side];
		dst->missing[side] += src->missing[side];
		mlops_metric_check_rows(dst->missing[side]);
	}
	return dst;
}
