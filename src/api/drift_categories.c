/*-------------------------------------------------------------------------
 *
 * drift_categories.c
 *	  SQL aggregates over (text, is it of the current sample): psi,
 *	  js_distance, hellinger, chi2_test.
 *
 * The state is a dictionary with two counts for each category, in one flat
 * piece:
 *
 *		int64	count[2 * room]		reference, current
 *		int64	stop[room]			end of each category in the text area
 *		uint32	slot[2 * room]		open-addressing table: category + 1, 0 is free
 *		char	text[text_room]
 *
 * When either runs out of room the whole is copied into a larger one.
 *
 * IDENTIFICATION
 *	  src/api/drift_categories.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/profile.h"
#include "mlops/numeric.h"

#include "metric_state.h"

PG_FUNCTION_INFO_V1(mlops_metric_category_add);
PG_FUNCTION_INFO_V1(mlops_metric_category_psi);
PG_FUNCTION_INFO_V1(mlops_metric_category_js);
PG_FUNCTION_INFO_V1(mlops_metric_category_hellinger);
PG_FUNCTION_INFO_V1(mlops_metric_chi2_test);

#define FIRST_ROOM		16
#define FIRST_TEXT_ROOM 256
#define MAX_CATEGORIES	(1 << 26)
#define HASH_SEED		UINT64CONST(0x2f6b1c55)

#define COUNTS(s)	((s)->data)
#define STOPS(s)	(COUNTS(s) + 2 * (Size) (s)->room)
#define SLOTS(s)	((uint32 *) (STOPS(s) + (s)->room))
#define TEXTS(s)	((char *) (SLOTS(s) + 2 * (Size) (s)->room))

/* An empty state in CurrentMemoryContext. */
static CategoryState *
make_categories(int32 room, Size text_room)
{
	Size		size = offsetof(CategoryState, data) +
		(Size) room * (3 * sizeof(int64) + 2 * sizeof(uint32)) + text_room;
	CategoryState *s;

	mlops_budget_check(size, mlops_guc_fit_memory, "mlops.fit_memory",
					   "Every category of a group is kept; raise the setting or aggregate a column with fewer of them.");
	s = mlops_metric_make(METRIC_CATEGORIES, size);
	s->room = room;
	s->text_room = (int64) text_room;
	return s;
}

static const char *
category_at(const CategoryState *s, int category, int *len)
{
	int64		start = category == 0 ? 0 : STOPS(s)[category - 1];

	*len = (int) (STOPS(s)[category] - start);
	return TEXTS(s) + start;
}

/* Where a category is in the table, or where it belongs; half is free. */
static uint32
find_slot(const CategoryState *s, const char *data, int len)
{
	uint32		mask = 2 * (uint32) s->room - 1;
	uint32		at = (uint32) mlops_hash_bytes(data, (size_t) len, HASH_SEED) & mask;

	for (; SLOTS(s)[at] != 0; at = (at + 1) & mask)
	{
		int			have;
		const char *category = category_at(s, SLOTS(s)[at] - 1, &have);

		if (have == len && memcmp(category, data, len) == 0)
			break;
	}
	return at;
}

/* Append a category that is not there yet; there must be room. */
static int
append_category(CategoryState *s, uint32 slot, const char *data, int len)
{
	memcpy(TEXTS(s) + s->text_used, data, len);
	s->text_used += len;
	STOPS(s)[s->ncategories] = s->text_used;
	SLOTS(s)[slot] = (uint32) s->ncategories + 1;
	return s->ncategories++;
}

/* A larger copy in CurrentMemoryContext with room for one category more. */
static CategoryState *
grow(const CategoryState *old, int len)
{
	int32		room = old->ncategories == old->room ? old->room * 2 : old->room;
	Size		text_room = (Size) old->text_room;
	CategoryState *s;

	if (room > MAX_CATEGORIES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d categories", MAX_CATEGORIES)));
	while (text_room < (Size) old->text_used + len)
		text_room *= 2;
	s = make_categories(room, text_room);
	memcpy(s->missing, old->missing, sizeof(s->missing));
	for (int i = 0; i < old->ncategories; i++)
	{
		int			have;
		const char *category = category_at(old, i, &have);

		append_category(s, find_slot(s, category, have), category, have);
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	memcpy(COUNTS(s), COUNTS(old), 2 * (Size) old->ncategories * sizeof(int64));
	return s;
}

/* The number of a category, which is added if need be; *s may move. */
static int
intern_category(CategoryState **s, const char *data, int len)
{
	uint32		slot = find_slot(*s, data, len);

	if (SLOTS(*s)[slot] != 0)
		return (int) SLOTS(*s)[slot] - 1;
	if ((*s)->ncategories == (*s)->room || (*s)->text_room - (*s)->text_used < len)
	{
		*s = grow(*s, len);
		slot = find_slot(*s, data, len);
	}
	return append_category(*s, slot, data, len);
}

/*
 * mlops_metric_category_add - (state, category, is current)
 */
Datum
mlops_metric_category_add(PG_FUNCTION_ARGS)
{
	CategoryState *s;
	const text *category;
	int			side;
	int			at;

	if (PG_ARGISNULL(2))
		return mlops_metric_skip(fcinfo);
	side = PG_GETARG_BOOL(2) ? 1 : 0;
	s = mlops_metric_arg(fcinfo, METRIC_CATEGORIES);
	if (s == NULL)
		s = make_categories(FIRST_ROOM, FIRST_TEXT_ROOM);
	if (PG_ARGISNULL(1))
	{
		s->missing[side]++;
		PG_RETURN_POINTER(s);
	}
	category = PG_GETARG_TEXT_PP(1);
	at = intern_category(&s, VARDATA_ANY(category), VARSIZE_ANY_EXHDR(category));
	COUNTS(s)[2 * (Size) at + side]++;
	PG_RETURN_POINTER(s);
}

/* Counts of the most frequent of the reference, of others, new ones, missing. */
typedef struct CategoryBins
{
	int			nbins;
	int64		ref[MLOPS_DRIFT_TOP + 3];
	int64		cur[MLOPS_DRIFT_TOP + 3];
} CategoryBins;

/* False when a sample has no rows. */
static bool
count_categories(FunctionCallInfo fcinfo, CategoryBins *bins)
{
	CategoryState *s = (CategoryState *) mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_CATEGORIES);
	MlCategory *known = palloc(sizeof(MlCategory) * Max(s->ncategories, 1));
	int64		rows[2] = {s->missing[0], s->missing[1]};
	MlProfile  *p;
	int			nknown = 0;

	for (int i = 0; i < s->ncategories; i++)
	{
		known[nknown].data = category_at(s, i, &known[nknown].len);
		known[nknown].count = COUNTS(s)[2 * (Size) i];
		nknown += known[nknown].count > 0;
	}
	p = mlops_profile_categories(known, nknown, s->missing[0]);
	bins->nbins = p->nslots;
	memcpy(bins->ref, p->counts, sizeof(int64) * p->nslots);
	memset(bins->cur, 0, sizeof(bins->cur));
	bins->cur[p->null_slot] = s->missing[1];
	for (int i = 0; i < s->ncategories; i++)
	{
		int64		ref = COUNTS(s)[2 * (Size) i];
		int64		cur = COUNTS(s)[2 * (Size) i + 1];
		int			slot = p->new_slot;

		if (ref > 0)
		{
			int			len;
			const char *data = category_at(s, i, &len);

			slot = mlops_profile_slot(p, data, len);
			/* one that was forgotten is other, as here it is known */
			slot = slot == p->new_slot ? p->other_slot : slot;
		}
		bins->cur[slot] += cur;
		rows[0] += ref;
		rows[1] += cur;
	}
	return rows[0] > 0 && rows[1] > 0;
}

/*
 * mlops_metric_category_psi - final function of psi
 */
Datum
mlops_metric_category_psi(PG_FUNCTION_ARGS)
{
	CategoryBins bins;

	if (!count_categories(fcinfo, &bins))
		PG_RETURN_NULL();
	return mlops_metric_value(fcinfo, mlops_psi(bins.nbins, bins.ref, bins.cur,
												MLOPS_DRIFT_EPSILON, NULL));
}

/*
 * mlops_metric_category_js - final function of js_distance
 */
Datum
mlops_metric_category_js(PG_FUNCTION_ARGS)
{
	CategoryBins bins;
	MlDistances distances;

	if (!count_categories(fcinfo, &bins))
		PG_RETURN_NULL();
	mlops_distances(bins.nbins, bins.ref, bins.cur, &distances);
	return mlops_metric_value(fcinfo, distances.js);
}

/*
 * mlops_metric_category_hellinger - final function of hellinger
 */
Datum
mlops_metric_category_hellinger(PG_FUNCTION_ARGS)
{
	CategoryBins bins;
	MlDistances distances;

	if (!count_categories(fcinfo, &bins))
		PG_RETURN_NULL();
	mlops_distances(bins.nbins, bins.ref, bins.cur, &distances);
	return mlops_metric_value(fcinfo, distances.hellinger);
}

/*
 * mlops_metric_chi2_test - final function of chi2_test
 */
Datum
mlops_metric_chi2_test(PG_FUNCTION_ARGS)
{
	CategoryBins bins;
	MlChi2		chi2;
	TupleDesc	desc;
	Datum		values[6];
	bool		nulls[6] = {false};
	int64		rows[2] = {0, 0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	nulls[0] = nulls[1] = nulls[2] = nulls[3] = !count_categories(fcinfo, &bins);
	mlops_chi2_homogeneity(bins.nbins, bins.ref, bins.cur, &chi2);
	for (int i = 0; i < bins.nbins; i++)
	{
		rows[0] += bins.ref[i];
		rows[1] += bins.cur[i];
	}
	values[0] = Float8GetDatum(chi2.statistic);
	values[1] = Float8GetDatum(chi2.p);
	values[2] = Int32GetDatum(chi2.df);
	values[3] = BoolGetDatum(chi2.sparse);
	values[4] = Int64GetDatum(rows[0]);
	values[5] = Int64GetDatum(rows[1]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * mlops_metric_categories_read - number of categories, missing values of both
 * samples, then each one's length, bytes and two counts
 */
CategoryState *
mlops_metric_categories_read(MetricReader *r)
{
	int			n = (int) mlops_metric_read_count(r, MAX_CATEGORIES);
	CategoryState *s = make_categories(FIRST_ROOM, FIRST_TEXT_ROOM);
	int64		rows[2];

	for (int side = 0; side < 2; side++)
		rows[side] = s->missing[side] = mlops_metric_read_count(r, METRIC_MAX_ROWS);
	for (int i = 0; i < n; i++)
	{
		int64		len = mlops_metric_read_count(r, MaxAllocSize);
		const char *data = mlops_metric_read_bytes(r, len);

		if (!pg_verify_mbstr(GetDatabaseEncoding(), data, (int) len, true) ||
			intern_category(&s, data, (int) len) != i)
			mlops_metric_malformed(r);
		for (int side = 0; side < 2; side++)
		{
			int64		count = mlops_metric_read_count(r, METRIC_MAX_ROWS - rows[side]);

			COUNTS(s)[2 * (Size) i + side] = count;
			rows[side] += count;
		}
	}
	return s;
}

/*
 * mlops_metric_categories_write - what the function above reads
 */
void
mlops_metric_categories_write(StringInfo buf, const CategoryState *s)
{
	pq_sendint64(buf, s->ncategories);
	for (int side = 0; side < 2; side++)
		pq_sendint64(buf, s->missing[side]);
	for (int i = 0; i < s->ncategories; i++)
	{
		int			len;
		const char *category = category_at(s, i, &len);

		pq_sendint64(buf, len);
		appendBinaryStringInfo(buf, category, len);
		for (int side = 0; side < 2; side++)
			pq_sendint64(buf, COUNTS(s)[2 * (Size) i + side]);
	}
}

/*
 * mlops_metric_categories_merge - dst, grown if need be, with the counts of both
 */
CategoryState *
mlops_metric_categories_merge(CategoryState *dst, const CategoryState *src)
{
	int64		rows[2] = {0, 0};

	for (int i = 0; i < src->ncategories; i++)
	{
		int			len;
		const char *category = category_at(src, i, &len);
		int			at = intern_category(&dst, category, len);

		for (int side = 0; side < 2; side++)
			COUNTS(dst)[2 * (Size) at + side] += COUNTS(src)[2 * (Size) i + side];
	}
	for (int side = 0; side < 2; side++)
	{
		dst->missing[side] += src->missing[side];
		rows[side] = dst->missing[side];
		for (int i = 0; i < dst->ncategories; i++)
		{
			rows[side] += COUNTS(dst)[2 * (Size) i + side];
			mlops_metric_check_rows(rows[side]);
		}
		mlops_metric_check_rows(rows[side]);
	}
	return dst;
}
