/*-------------------------------------------------------------------------
 *
 * metric_rank.c
 *	  SQL aggregate auc.
 *
 * The exact area needs every score, so the state grows by eight bytes a row:
 * scores of positives fill an array from its left end, those of negatives
 * from its right end, and which side a score stands on is its label.  The
 * final function sorts a copy, because a window calls it once per row on a
 * state that goes on growing; the copy is part of the memory that is checked
 * against mlops.fit_memory.
 *
 * IDENTIFICATION
 *	  src/api/metric_rank.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"

#include "metric_state.h"

PG_FUNCTION_INFO_V1(mlops_metric_rank_bool);
PG_FUNCTION_INFO_V1(mlops_metric_rank_text);
PG_FUNCTION_INFO_V1(mlops_metric_auc);

#define RANK_FIRST_ROOM 32

/* Bytes of a state with room for that many scores. */
static Size
rank_size(int64 room)
{
	return offsetof(RankState, score) + (Size) room * sizeof(double);
}

static int64
rank_room(const RankState *s)
{
	return (VARSIZE(s) - offsetof(RankState, score)) / sizeof(double);
}

/*
 * A larger copy of a state in CurrentMemoryContext, with room for at least
 * "need" scores: twice the old room, or as much as the budget allows.
 */
static RankState *
grow(const RankState *old, int64 need)
{
	int64		most = ((int64) mlops_guc_fit_memory * 1024 -
						(int64) rank_size(0)) / (int64) (2 * sizeof(double));
	int64		room = Max(need, rank_room(old) * 2);
	int64		had = rank_room(old);
	RankState  *s;

	most = Min(most, (int64) ((MaxAllocSize - rank_size(0)) / sizeof(double)));
	if (need > most)
		mlops_budget_check(rank_size(need * 2), mlops_guc_fit_memory, "mlops.fit_memory",
						   "auc() keeps every score of its group and a sorted copy; raise the setting or aggregate a sample of the rows.");
	room = Max(Min(room, most), need);
	s = mlops_metric_make(METRIC_RANK, rank_size(room));
	s->npos = old->npos;
	s->nneg = old->nneg;
	memcpy(s->score, old->score, s->npos * sizeof(double));
	memcpy(s->score + room - s->nneg, old->score + had - s->nneg,
		   s->nneg * sizeof(double));
	return s;
}

/* Count one row; the caller has checked that neither argument is NULL. */
static Datum
rank_add(FunctionCallInfo fcinfo, bool actual, double score)
{
	RankState  *s;

	if (unlikely(isinf(score)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("scores must be finite")));
	s = mlops_metric_arg(fcinfo, METRIC_RANK);
	if (s == NULL)
		s = mlops_metric_make(METRIC_RANK, rank_size(RANK_FIRST_ROOM));
	if (s->npos + s->nneg >= rank_room(s))
		s = grow(s, s->npos + s->nneg + 1);
	if (actual)
		s->score[s->npos++] = score;
	else
		s->score[rank_room(s) - ++s->nneg] = score;
	PG_RETURN_POINTER(s);
}

/*
 * mlops_metric_rank_bool - (state, actual bool, score)
 */
Datum
mlops_metric_rank_bool(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || isnan(PG_GETARG_FLOAT8(2)))
		return mlops_metric_skip(fcinfo);
	return rank_add(fcinfo, PG_GETARG_BOOL(1), PG_GETARG_FLOAT8(2));
}

/*
 * mlops_metric_rank_text - (state, actual text, score, positive text)
 */
Datum
mlops_metric_rank_text(PG_FUNCTION_ARGS)
{
	const text *actual;
	const text *positive;
	Size		len;

	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("positive label must not be null")));
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || isnan(PG_GETARG_FLOAT8(2)))
		return mlops_metric_skip(fcinfo);
	actual = PG_GETARG_TEXT_PP(1);
	positive = PG_GETARG_TEXT_PP(3);
	len = VARSIZE_ANY_EXHDR(actual);
	return rank_add(fcinfo,
					len == VARSIZE_ANY_EXHDR(positive) &&
					memcmp(VARDATA_ANY(actual), VARDATA_ANY(positive), len) == 0,
					PG_GETARG_FLOAT8(2));
}

/*
 * mlops_metric_auc - final function of auc; leaves the state as it is
 */
Datum
mlops_metric_auc(PG_FUNCTION_ARGS)
{
	RankState  *s = (RankState *) mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_RANK);
	double	   *copy;
	double		auc;

	if (s->npos == 0 || s->nneg == 0)
		PG_RETURN_NULL();
	copy = palloc((s->npos + s->nneg) * sizeof(double));
	memcpy(copy, s->score, s->npos * sizeof(double));
	memcpy(copy + s->npos, s->score + rank_room(s) - s->nneg, s->nneg * sizeof(double));
	auc = mlops_auc(copy, s->npos, copy + s->npos, s->nneg);
	pfree(copy);
	return mlops_metric_value(fcinfo, auc);
}

/*
 * mlops_metric_rank_read - npos, nneg, scores of positives, of negatives
 */
RankState *
mlops_metric_rank_read(MetricReader *r)
{
	int64		npos = mlops_metric_read_count(r, METRIC_MAX_ROWS);
	int64		nneg = mlops_metric_read_count(r, METRIC_MAX_ROWS);
	RankState  *s;

	/* before anything is allocated by these numbers */
	if (npos + nneg != (r->end - r->at) / (int64) sizeof(double))
		mlops_metric_malformed(r);
	s = mlops_metric_make(METRIC_RANK, rank_size(npos + nneg));
	s->npos = npos;
	s->nneg = nneg;
	for (int64 i = 0; i < npos + nneg; i++)
	{
		s->score[i] = mlops_metric_read_float8(r);
		if (isinf(s->score[i]))
			mlops_metric_malformed(r);
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return s;
}

/*
 * mlops_metric_rank_write - what the function above reads
 */
void
mlops_metric_rank_write(StringInfo buf, const RankState *s)
{
	int64		room = rank_room(s);

	pq_sendint64(buf, s->npos);
	pq_sendint64(buf, s->nneg);
	for (int64 i = 0; i < s->npos; i++)
		pq_sendfloat8(buf, s->score[i]);
	for (int64 i = room - s->nneg; i < room; i++)
		pq_sendfloat8(buf, s->score[i]);
}

/*
 * mlops_metric_rank_merge - dst, grown if need be, with the scores of both
 */
RankState *
mlops_metric_rank_merge(RankState *dst, const RankState *src)
{
	int64		need = dst->npos + dst->nneg + src->npos + src->nneg;

	if (need > rank_room(dst))
		dst = grow(dst, need);
	memcpy(dst->score + dst->npos, src->score, src->npos * sizeof(double));
	memcpy(dst->score + rank_room(dst) - dst->nneg - src->nneg,
		   src->score + rank_room(src) - src->nneg,
		   src->nneg * sizeof(double));
	dst->npos += src->npos;
	dst->nneg += src->nneg;
	return dst;
}
