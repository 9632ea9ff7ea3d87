/*-------------------------------------------------------------------------
 *
 * performance.c
 *	  How good the predictions in the log were, by version and window.
 *
 * One pass over the log, joined with the outcomes by model and key and sorted
 * by version and time; the sort goes to disk where it must, and only one window
 * is in memory.  A key that was predicted several times counts every time.  An
 * outcome that comes later changes the numbers of the window of its prediction,
 * as nothing is stored.
 *
 * IDENTIFICATION
 *	  src/drift/performance.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/log.h"
#include "mlops/window.h"

#include "performance_private.h"

#define ROWS_KEPT 1000			/* before what was made of them is let go, ... */
#define ROWS_BYTES (1024 * 1024)	/* ... or so much of it */

/* columns of the query */
enum
{
	ROW_VERSION, ROW_SHADOW, ROW_HAPPENED_AT, ROW_VALUE, ROW_LATENCY_US, ROW_ACTUAL_VALUE, ROW_ACTUAL_LABEL,
	ROW_LABEL, ROW_PROBABILITIES, ROW_VARIANT, ROW_FEATURES, ROW_COLUMNS
};

typedef enum SegmentKind
{
	SEGMENT_NONE, SEGMENT_VARIANT, SEGMENT_CATEGORY, SEGMENT_BOOL
} SegmentKind;

typedef struct Reading
{
	const MlPerformanceQuery *query;
	List	   *list;
	MemoryContext result;		/* holds the list */
	MemoryContext of_version;	/* what belongs to the current version, ... */
	MemoryContext of_window;	/* ... window ... */
	MemoryContext of_rows;		/* ... and rows */
	int64		ntaken;
	MlBudget budget;

	/* the current version */
	Judged		judged;			/* version 0: there is none yet */
	SegmentKind kind;
	const MlFeature *feature;
	double	   *x;				/* slots of a row */
	bool	   *withheld;
	double	   *probabilities;
	bool		any_segmented;	/* has any version the segment? */
	int			noticed;		/* version that something was said about */
	bool		is_number;		/* is it a feature that cannot be one? */
	bool		any_known;		/* is any version still there? */

	/* its current window */
	bool		in_window;
	MlPerformance like;
	Part	  **parts;			/* by code of the segment */
	int			nparts;
	char	  **variants;		/* by code */
	int			nvariants;
} Reading;

static int
compare_classes(const void *a, const void *b, void *arg)
{
	const MlSignature *sig = arg;

	return mlops_string_compare(&sig->classes[*(const int *) a], &sig->classes[*(const int *) b]);
}

static int *
sort_classes(const MlSignature *sig)
{
	int		   *order = palloc(sizeof(int) * Max(sig->nclasses, 1));

	for (int c = 0; c < sig->nclasses; c++)
		order[c] = c;
	qsort_arg(order, sig->nclasses, sizeof(int), compare_classes, unconstify(MlSignature *, sig));
	return order;
}

/* The index of the class of this name, -1 if there is none. */
static int
find_class(const Judged *judged, const MlString *name)
{
	int			low = 0;
	int			high = judged->sig->nclasses - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			c = judged->by_name[middle];
		int			order = mlops_string_compare(name, &judged->sig->classes[c]);

		if (order == 0)
			return c;
		if (order < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return -1;
}

static int
find_class_of(const Judged *judged, Datum label)
{
	text	   *t = DatumGetTextPP(label);
	MlString	name = {VARSIZE_ANY_EXHDR(t), VARDATA_ANY(t)};
	int			c = find_class(judged, &name);
	bool		value;

	/* people spell booleans in many ways */
	if (c < 0 && judged->sig->target_type == ML_COLUMN_BOOL &&
		parse_bool_with_len(name.data, name.len, &value))
	{
		name.data = value ? "true" : "false";
		name.len = strlen(name.data);
		c = find_class(judged, &name);
	}
	return c;
}

/* How rows of the current version are told apart. */
static void
choose_segments(Reading *r)
{
	const MlSignature *sig = r->judged.sig;

	r->kind = SEGMENT_NONE;
	r->feature = NULL;
	if (r->query->segment == NULL)
		return;
	if (strcmp(r->query->segment, MLOPS_SEGMENT_VARIANT) == 0)
		r->kind = SEGMENT_VARIANT;
	else if (sig)
	{
		for (int i = 0; i < sig->nfeatures; i++)
			if (strcmp(sig->features[i].name, r->query->segment) == 0)
				r->feature = &sig->features[i];
		if (r->feature == NULL)
			return;
		if (r->feature->type == ML_COLUMN_TEXT)
			r->kind = SEGMENT_CATEGORY;
		else if (r->feature->type == ML_COLUMN_BOOL)
			r->kind = SEGMENT_BOOL;
		else
			r->is_number = true;
	}
	if (r->kind != SEGMENT_NONE)
	{
		r->judged.segmented = true;
		r->any_segmented = true;
	}
}

static void
finish_version(Reading *r)
{
	MemoryContextReset(r->of_version);
	memset(&r->judged, 0, sizeof(Judged));
}

/* What estimates of the current version are made from; a NOTICE where there is none. */
static void
find_calibration(Reading *r, const MlReference *reference)
{
	const MlSignature *sig = r->judged.sig;
	bool		binary = sig->task == ML_TASK_CLASSIFICATION && sig->nclasses == 2;

	if (binary && reference && reference->calibration.nsteps > 0)
		r->judged.calibration = &reference->calibration;
	if (r->judged.version == r->noticed)
		return;
	r->noticed = r->judged.version;
	if (r->judged.calibration == NULL)
		ereport(NOTICE,
				(errmsg("performance of version %d cannot be estimated", r->judged.version),
				 binary ? errdetail("It was stored without a calibration of its probabilities.") :
				 errdetail("Only that of two classes can be."),
				 errhint("mlops.drift() tells whether its predictions have changed.")));
	else if (!reference->held_out)
		ereport(NOTICE,
				(errmsg("estimates of version %d are likely too good", r->judged.version),
				 errdetail("Too few rows were held out, so its probabilities were calibrated on rows it was trained on.")));
}

/* The signature of the current version, and what else is asked for; false: it is gone. */
static bool
load_version(Reading *r)
{
	MlResolved	resolved;
	MlWatched	watched;

	if (r->query->estimate)
	{
		if (!mlops_watched_load(r->query->model_id, r->judged.version, &watched))
			return false;
		r->judged.sig = watched.model->sig;
		find_calibration(r, watched.reference);
		return true;
	}
	if (!mlops_registry_version(r->query->model_id, r->judged.version, &resolved))
		return false;
	r->judged.sig = mlops_model_cache_get_hashed(resolved.artifact, resolved.hash, r->of_version)->sig;
	return true;
}

static void
begin_version(Reading *r, int version, bool shadow)
{
	MemoryContext old = MemoryContextSwitchTo(r->of_version);

	r->judged.version = version;
	r->judged.shadow = shadow;
	if (load_version(r))
	{
		const MlSignature *sig = r->judged.sig;

		r->judged.by_name = sort_classes(sig);
		r->x = palloc(sizeof(double) * Max(sig->width, 1));
		r->withheld = palloc(sizeof(bool) * Max(sig->nfeatures, 1));
		r->probabilities = palloc(sizeof(double) * Max(sig->nclasses, 1));
		r->any_known = true;
	}
	choose_segments(r);
	r->judged.fairness = r->feature && r->judged.sig->task == ML_TASK_CLASSIFICATION &&
		r->judged.sig->nclasses == 2;
	MemoryContextSwitchTo(old);
}

static int
compare_parts(const void *a, const void *b)
{
	const Part *x = *(Part *const *) a;
	const Part *y = *(Part *const *) b;

	return x->segment && y->segment ? strcmp(x->segment, y->segment) : 0;
}

static void
finish_window(Reading *r)
{
	int			n = 0;
	MemoryContext old;

	if (!r->in_window)
		return;
	old = MemoryContextSwitchTo(r->of_window);
	for (int i = 0; i < r->nparts; i++)
		if (r->parts[i])
			r->parts[n++] = r->parts[i];
	qsort(r->parts, n, sizeof(Part *), compare_parts);
	for (int i = 0; i < n; i++)
		r->list = mlops_part_report(r->list, r->parts[i], &r->judged, &r->like, r->result);
	if (r->judged.fairness)
		r->list = mlops_parts_report_gaps(r->list, r->parts, n, &r->like, r->result);
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->of_window);
	r->in_window = false;
	r->budget.used = 0;
}

static void
begin_window(Reading *r, TimestampTz at)
{
	const MlPerformanceQuery *query = r->query;

	memset(&r->like, 0, sizeof(r->like));
	r->like.version = r->judged.version;
	r->like.shadow = r->judged.shadow;
	r->like.calibration_error = NAN;
	r->like.start = query->since;
	r->like.end = query->until;
	if (query->width_us > 0)
	{
		TimestampTz start = mlops_window_start(at, query->width_us);
		TimestampTz end;

		if (IS_VALID_TIMESTAMP(start))
			r->like.start = Max(start, query->since);
		if (!pg_add_s64_overflow(start, query->width_us, &end) && IS_VALID_TIMESTAMP(end))
			r->like.end = Min(end, query->until);
	}
	r->nparts = 0;
	r->parts = NULL;
	r->variants = NULL;
	r->nvariants = 0;
	r->in_window = true;
}

/* The window of the row; false: it is in the current one. */
static bool
is_other_window(const Reading *r, TimestampTz at)
{
	return !r->in_window || (r->query->width_us > 0 && at >= r->like.end);
}

static int
variant_code(Reading *r, Datum variant, bool isnull)
{
	char	   *name = isnull ? "(version)" : TextDatumGetCString(variant);
	MemoryContext old;
	int			code;

	for (code = 0; code < r->nvariants; code++)
		if (strcmp(r->variants[code], name) == 0)
			return code;
	old = MemoryContextSwitchTo(r->of_window);
	r->nvariants++;
	r->variants = r->variants ? repalloc(r->variants, sizeof(char *) * r->nvariants) : palloc(sizeof(char *));
	r->variants[code] = pstrdup(name);
	MemoryContextSwitchTo(old);
	return code;
}

/* Which part a row belongs to. */
static int
segment_code(Reading *r, const Datum *values, const bool *nulls)
{
	bytea	   *bytes;
	double		slot;
	int			n = r->kind == SEGMENT_BOOL ? 2 : 0;

	if (r->kind == SEGMENT_NONE)
		return 0;
	if (r->kind == SEGMENT_VARIANT)
		return variant_code(r, values[ROW_VARIANT], nulls[ROW_VARIANT]);
	bytes = DatumGetByteaPP(values[ROW_FEATURES]);
	mlops_log_decode(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), r->judged.sig, r->x, r->withheld);
	slot = r->x[r->feature->slot];
	if (r->kind == SEGMENT_CATEGORY)
		n = r->feature->ncategories;
	if (r->withheld[r->feature - r->judged.sig->features])
		return n + 2;
	if (r->kind == SEGMENT_BOOL)
		return isnan(slot) ? n : slot != 0;
	return (int) slot;
}

static const char *
segment_name(const Reading *r, int code)
{
	int			n = r->kind == SEGMENT_BOOL ? 2 : 0;

	switch (r->kind)
	{
		case SEGMENT_NONE:
			return NULL;
		case SEGMENT_VARIANT:
			return r->variants[code];
		case SEGMENT_BOOL:
			if (code < n)
				return code ? "true" : "false";
			break;
		case SEGMENT_CATEGORY:
			n = r->feature->ncategories;
			if (code < n)
				return pnstrdup(r->feature->categories[code].data, r->feature->categories[code].len);
			break;
	}
	return code == n ? "(missing)" : code == n + 1 ? "(other)" : "(withheld)";
}

static Part *
find_part(Reading *r, int code)
{
	if (code >= r->nparts)
	{
		int			n = Max(code + 1, r->kind == SEGMENT_CATEGORY ? r->feature->ncategories + 3 : 4);

		mlops_budget_take(&r->budget, sizeof(Part *) * (n - r->nparts));
		r->parts = r->parts ? repalloc(r->parts, sizeof(Part *) * n) : palloc(sizeof(Part *) * n);
		memset(r->parts + r->nparts, 0, sizeof(Part *) * (n - r->nparts));
		r->nparts = n;
	}
	if (r->parts[code] == NULL)
		r->parts[code] = mlops_part_make(&r->judged, segment_name(r, code), &r->budget);
	return r->parts[code];
}

/* Fewer or more of them than classes: the row cannot be judged. */
static bool
read_probabilities(Reading *r, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT, &elements, &nulls, &n);
	if (n != r->judged.sig->nclasses)
		return false;
	for (int c = 0; c < n; c++)
		r->probabilities[c] = nulls[c] ? NAN : DatumGetFloat4(elements[c]);
	return true;
}

static void
read_row(Reading *r, const Datum *values, const bool *nulls, LoggedRow *row)
{
	const MlSignature *sig = r->judged.sig;
	bool		numbers = sig && sig->task == ML_TASK_REGRESSION;
	int			actual = numbers ? ROW_ACTUAL_VALUE : ROW_ACTUAL_LABEL;

	memset(row, 0, sizeof(*row));
	row->answered = !nulls[ROW_VALUE];
	row->latency_us = DatumGetInt32(values[ROW_LATENCY_US]);
	if (!row->answered || sig == NULL)
		return;
	row->value = DatumGetFloat8(values[ROW_VALUE]);
	row->known = !nulls[actual];
	if (!row->known)
		return;
	if (numbers)
	{
		row->actual = DatumGetFloat8(values[actual]);
		return;
	}
	row->actual = find_class_of(&r->judged, values[actual]);
	if (sig->nclasses <= 2)
		return;
	row->known = !nulls[ROW_PROBABILITIES] && read_probabilities(r, values[ROW_PROBABILITIES]);
	row->probabilities = r->probabilities;
	row->called = nulls[ROW_LABEL] ? -1 : find_class_of(&r->judged, values[ROW_LABEL]);
}

static void
take_row(Reading *r, const Datum *values, const bool *nulls)
{
	int			version = DatumGetInt32(values[ROW_VERSION]);
	bool		shadow = DatumGetBool(values[ROW_SHADOW]);
	TimestampTz at = DatumGetTimestampTz(values[ROW_HAPPENED_AT]);
	LoggedRow	row;
	int			code;

	if (version != r->judged.version || shadow != r->judged.shadow)
	{
		finish_window(r);
		finish_version(r);
		begin_version(r, version, shadow);
	}
	if (is_other_window(r, at))
	{
		finish_window(r);
		begin_window(r, at);
	}
	MemoryContextSwitchTo(r->of_rows);
	read_row(r, values, nulls, &row);
	code = segment_code(r, values, nulls);
	MemoryContextSwitchTo(r->of_window);
	mlops_part_add(find_part(r, code), &r->judged, &row);
}

static void
take_slot(void *arg, TupleTableSlot *slot)
{
	Reading    *r = arg;
	MemoryContext old = CurrentMemoryContext;

	take_row(r, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);
	if (++r->ntaken % ROWS_KEPT == 0 || unlikely(MemoryContextMemAllocated(r->of_rows, false) > ROWS_BYTES))
		MemoryContextReset(r->of_rows);
}

static void
read_log(Reading *r, MlWriter *w)
{
	const MlPerformanceQuery *query = r->query;
	bool		features = query->segment && strcmp(query->segment, MLOPS_SEGMENT_VARIANT) != 0;

	mlops_write_int8(w, query->model_id);
	mlops_write_time(w, query->since);
	mlops_write_time(w, query->until);
	mlops_write_int4(w, query->version);
	mlops_write_bool(w, query->shadow);
	mlops_write_each(w,
					 psprintf("SELECT p.version, p.shadow, p.happened_at, p.value, p.latency_us,"
							  " o.value, o.label, p.label, p.probabilities, p.variant, %s"
							  " FROM mlops_private.prediction p"
							  " LEFT JOIN mlops_private.outcome o ON o.model_id = p.model_id AND o.key = p.key"
							  " WHERE p.model_id = $1 AND p.happened_at >= $2 AND p.happened_at < $3"
							  " AND (p.version = $4 OR $4 = 0) AND ($5 OR NOT p.shadow)"
							  " ORDER BY p.version, p.shadow%s",
							  features ? "p.features" : "NULL::bytea",
							  query->width_us > 0 ? ", p.happened_at" : ""),
					 take_slot, r);
	finish_window(r);
	finish_version(r);
}

/* Once all versions are known, and no statement is under way that the message would quote. */
static void
check_segment(const Reading *r)
{
	if (r->query->segment && (r->is_number || (r->any_known && !r->any_segmented)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 r->is_number ?
				 errmsg("feature \"%s\" cannot be a segment", r->query->segment) :
				 errmsg("no version in this part of the log has a feature \"%s\"", r->query->segment),
				 errhint("Segments are features of text or boolean type, or \"%s\".", MLOPS_SEGMENT_VARIANT)));
}

List *
mlops_performance(const MlPerformanceQuery *query)
{
	Reading		r = {0};
	MlWriter	w;

	r.query = query;
	r.result = CurrentMemoryContext;
	r.budget.limit_kb = mlops_guc_fit_memory;
	r.budget.setting = "mlops.fit_memory";
	r.budget.hint = "The AUC needs the score of every row of a window, and every segment has its counts. Ask for shorter windows, or raise mlops.fit_memory.";
	mlops_log_flush();
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	mlops_read_begin(&w);
	r.of_version = AllocSetContextCreate(CurrentMemoryContext, "mlops performance version", ALLOCSET_DEFAULT_SIZES);
	r.of_window = AllocSetContextCreate(CurrentMemoryContext, "mlops performance window", ALLOCSET_DEFAULT_SIZES);
	r.of_rows = AllocSetContextCreate(CurrentMemoryContext, "mlops performance rows", ALLOCSET_DEFAULT_SIZES);
	read_log(&r, &w);
	mlops_read_end(&w);
	PopActiveSnapshot();
	check_segment(&r);
	return r.list;
}
