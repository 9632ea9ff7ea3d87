/*-------------------------------------------------------------------------
 *
 * data_drift.c
 *	  Two sources compared column by column.
 *
 * The bins of PSI are quantiles of the reference; Kolmogorov-Smirnov's D and
 * the Wasserstein distance are of the values themselves.  As many columns as
 * there is memory for are read at once; where that is not all of them, both
 * sources are read again for the next.
 *
 * IDENTIFICATION
 *	  src/drift/data_drift.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/data_drift.h"

static MlColumnRead *
find_column(MlColumnRead *columns, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(columns[i].name, name) == 0)
			return &columns[i];
	return NULL;
}

static bool
is_usable(const MlColumnRead *column)
{
	return column->family != 0 && column->family != ML_COLUMN_ARRAY;
}

static MlColumnRead *
require_usable(MlColumnRead *columns, int n, const char *name, const char *which)
{
	MlColumnRead *found = find_column(columns, n, name);

	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist in the %s source", name, which)));
	if (!is_usable(found))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the %s source cannot be compared", name, which),
				 errdetail("It is of a type that is neither a number nor a category, or there are several of that name.")));
	return found;
}

/* Columns to compare, in pairs. */
typedef struct Pairs
{
	int			n;
	MlColumnRead *ref;
	MlColumnRead *cur;
} Pairs;

static void
choose_pairs(MlSource *reference, MlSource *current, int ncolumns, char **names, Pairs *out)
{
	int			nref;
	int			ncur;
	MlColumnRead *ref = mlops_columns_of(reference, &nref);
	MlColumnRead *cur = mlops_columns_of(current, &ncur);
	int			asked = ncolumns > 0 ? ncolumns : nref;

	out->n = 0;
	out->ref = palloc0(sizeof(MlColumnRead) * Max(asked, 1));
	out->cur = palloc0(sizeof(MlColumnRead) * Max(asked, 1));
	for (int i = 0; i < asked; i++)
	{
		MlColumnRead *a;
		MlColumnRead *b;

		if (ncolumns > 0)
		{
			a = require_usable(ref, nref, names[i], "reference");
			b = require_usable(cur, ncur, names[i], "current");
			if (find_column(out->ref, out->n, a->name) != NULL)
				continue;
		}
		else
		{
			a = &ref[i];
			b = find_column(cur, ncur, a->name);
			if (b == NULL || !is_usable(a) || !is_usable(b))
				continue;
		}
		out->ref[out->n] = *a;
		out->cur[out->n++] = *b;
	}
}

static void
compare_numbers(const MlColumnRead *ref, const MlColumnRead *cur, int bins, const MlDriftOptions *options,
				MlDataDrift *out)
{
	double	   *x = palloc_extended(sizeof(double) * Max(ref->n, 1), MCXT_ALLOC_HUGE);
	double	   *y = palloc_extended(sizeof(double) * Max(cur->n, 1), MCXT_ALLOC_HUGE);
	double	   *scratch = palloc_extended(sizeof(double) * Max(Max(ref->n, cur->n), 1), MCXT_ALLOC_HUGE);
	double	   *work = palloc(sizeof(double) * MLOPS_KS_WORK);
	MlProfile  *profile;
	MlTwoSamples two;
	int64	   *counts;

	mlops_column_numbers(ref, x);
	mlops_column_numbers(cur, y);
	profile = mlops_profile_numbers(x, ref->n, scratch, ref->missing, bins);
	CHECK_FOR_INTERRUPTS();
	mlops_sort_doubles(y, (size_t) cur->n, scratch);
	counts = palloc0(sizeof(int64) * profile->nslots);
	mlops_qbin_sorted(profile->ncuts, profile->bounds, (size_t) cur->n, y, counts);
	counts[profile->null_slot] += cur->missing;
	mlops_drift_compare(profile, profile->counts, counts, options, &out->drift);
	mlops_two_samples(ref->n, x, cur->n, y, &two);
	out->ks = two.d;
	if (ref->n > 0 && cur->n > 0)
		out->ks_p = mlops_ks_p(&two, work);
	out->wasserstein = two.wasserstein;
	out->wasserstein_scaled = mlops_wasserstein_scaled(two.wasserstein, profile->sd);
	out->p = out->ks_p;
}

static void
compare_categories(const MlColumnRead *ref, const MlColumnRead *cur, const MlDriftOptions *options,
				   MlDataDrift *out)
{
	MlString   *values;
	int64	   *counts;
	int64	   *slots;
	int			n = mlops_column_categories(ref, &values, &counts);
	MlCategory *categories = palloc_extended(sizeof(MlCategory) * Max(n, 1), MCXT_ALLOC_HUGE);
	MlProfile  *profile;

	for (int i = 0; i < n; i++)
	{
		categories[i].data = values[i].data;
		categories[i].len = values[i].len;
		categories[i].count = counts[i];
	}
	profile = mlops_profile_categories(categories, n, ref->missing);
	slots = palloc0(sizeof(int64) * profile->nslots);
	n = mlops_column_categories(cur, &values, &counts);
	for (int i = 0; i < n; i++)
		slots[mlops_profile_slot(profile, values[i].data, values[i].len)] += counts[i];
	slots[profile->null_slot] += cur->missing;
	mlops_drift_compare(profile, profile->counts, slots, options, &out->drift);
	out->p = out->drift.chi2.p;
}

static void
compare_pair(const MlColumnRead *ref, const MlColumnRead *cur, int bins, const MlDriftOptions *options,
			 MlDataDrift *out)
{
	memset(out, 0, sizeof(*out));
	out->column = ref->name;
	out->is_number = ref->family != ML_COLUMN_TEXT;
	out->ks = out->ks_p = out->wasserstein = out->wasserstein_scaled = out->p = out->p_adjusted = NAN;
	if (out->is_number)
		compare_numbers(ref, cur, bins, options, out);
	else
		compare_categories(ref, cur, options, out);
	out->status = out->drift.no_data ? "no_data" : out->drift.low_n ? "low_n" : "ok";
}

static void
type_changed(const MlColumnRead *ref, MlDataDrift *out)
{
	MlDriftOptions none = mlops_drift_defaults;
	MlProfile  *empty = mlops_profile_categories(palloc0(sizeof(MlCategory)), 0, 0);

	memset(out, 0, sizeof(*out));
	mlops_drift_compare(empty, empty->counts, empty->counts, &none, &out->drift);
	out->column = ref->name;
	out->is_number = ref->family != ML_COLUMN_TEXT;
	out->ks = out->ks_p = out->wasserstein = out->wasserstein_scaled = out->p = out->p_adjusted = NAN;
	out->status = "type_changed";
}

/* The first of the columns, as many as there is memory for; returns how many. */
static int
compare_some(MlSource *reference, MlSource *current, int n, MlColumnRead *ref, MlColumnRead *cur,
			 int bins, const MlDriftOptions *options, MlDataDrift *out)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops data drift", ALLOCSET_DEFAULT_SIZES);
	MemoryContext column = AllocSetContextCreate(context, "mlops data drift column", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Size		limit = (Size) mlops_guc_training_memory * 1024;
	Size		used = 0;
	int			read = mlops_columns_read(reference, n, ref, limit, &used);
	int			done = mlops_columns_read(current, read, cur, limit, &used);

	for (int i = done; i < read; i++)
		mlops_column_forget(&ref[i], &used);
	for (int i = 0; i < done; i++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(column);
		compare_pair(&ref[i], &cur[i], bins, options, &out[i]);
		MemoryContextSwitchTo(context);
		MemoryContextReset(column);
		mlops_column_forget(&ref[i], &used);
		mlops_column_forget(&cur[i], &used);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return done;
}

static void
adjust(MlDataDrift *list, int n)
{
	double	   *p = palloc(sizeof(double) * Max(n, 1));
	double	   *adjusted = palloc(sizeof(double) * Max(n, 1));
	uint32	   *order = palloc(sizeof(uint32) * Max(n, 1));

	for (int i = 0; i < n; i++)
		p[i] = list[i].p;
	mlops_adjust_bh(n, p, adjusted, order);
	for (int i = 0; i < n; i++)
		list[i].p_adjusted = adjusted[i];
}

/* Those of another type go to the end; returns how many are left. */
static int
part_changed(Pairs *pairs, MlDataDrift *out)
{
	int			n = 0;
	int			changed = 0;

	for (int i = 0; i < pairs->n; i++)
	{
		if ((pairs->ref[i].family == ML_COLUMN_TEXT) != (pairs->cur[i].family == ML_COLUMN_TEXT))
		{
			type_changed(&pairs->ref[i], &out[pairs->n - ++changed]);
			continue;
		}
		pairs->ref[n] = pairs->ref[i];
		pairs->cur[n++] = pairs->cur[i];
	}
	return n;
}

MlDataDrift *
mlops_data_drift(MlSource *reference, MlSource *current, int ncolumns, char **columns, int bins,
				 const MlDriftOptions *options, int *n)
{
	Pairs		pairs;
	MlDataDrift *list;
	int			ncompared;

	mlops_numeric_interruptible();
	choose_pairs(reference, current, ncolumns, columns, &pairs);
	list = palloc0(sizeof(MlDataDrift) * Max(pairs.n, 1));
	*n = pairs.n;
	ncompared = part_changed(&pairs, list);
	mlops_source_keep(reference);
	mlops_source_keep(current);
	for (int i = 0; i < ncompared;)
		i += compare_some(reference, current, ncompared - i, pairs.ref + i, pairs.cur + i, bins, options, list + i);
	mlops_source_forget(reference);
	mlops_source_forget(current);
	adjust(list, *n);
	return list;
}
