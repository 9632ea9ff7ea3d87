/*-------------------------------------------------------------------------
 *
 * metric_confusion.c
 *	  SQL aggregates confusion, and the macro averages of precision_score,
 *	  recall_score and f1 over all classes.
 *
 * The state is a square of counts, [actual][predicted], and a dictionary of
 * labels in order of appearance, both in one flat piece:
 *
 *		int64	count[room * room]
 *		int32	stop[room]			end of each label in the text area
 *		uint16	slot[2 * room]		open-addressing table: label + 1, 0 is free
 *		char	text[text_room]
 *
 * When either runs out of room the whole is copied into a larger one.
 *
 * IDENTIFICATION
 *	  src/api/metric_confusion.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "mlops/base.h"

#include "metric_state.h"

PG_FUNCTION_INFO_V1(mlops_metric_confusion_add);
PG_FUNCTION_INFO_V1(mlops_metric_confusion);
PG_FUNCTION_INFO_V1(mlops_metric_precision_macro);
PG_FUNCTION_INFO_V1(mlops_metric_recall_macro);
PG_FUNCTION_INFO_V1(mlops_metric_f1_macro);

#define MAX_LABELS		1000
#define FIRST_ROOM		4
#define FIRST_TEXT_ROOM 64

#define COUNTS(s)	((s)->data)
#define STOPS(s)	((int32 *) (COUNTS(s) + (Size) (s)->room * (s)->room))
#define SLOTS(s)	((uint16 *) (STOPS(s) + (s)->room))
#define TEXTS(s)	((char *) (SLOTS(s) + 2 * (s)->room))

/* Bytes of a state with that much room. */
static Size
confusion_size(int32 room, Size text_room)
{
	return offsetof(ConfusionState, data) +
		(Size) room * room * sizeof(int64) +
		(Size) room * (sizeof(int32) + 2 * sizeof(uint16)) + text_room;
}

/* An empty state in CurrentMemoryContext. */
static ConfusionState *
make_confusion(int32 room, Size text_room)
{
	Size		size = confusion_size(room, text_room);
	ConfusionState *s;

	mlops_budget_check(size, mlops_guc_fit_memory, "mlops.fit_memory",
					   "The labels of one group are kept in memory.");
	s = mlops_metric_make(METRIC_CONFUSION, size);
	s->room = room;
	s->text_room = (int32) text_room;
	return s;
}

static const char *
label_at(const ConfusionState *s, int label, int *len)
{
	int			start = label == 0 ? 0 : STOPS(s)[label - 1];

	*len = STOPS(s)[label] - start;
	return TEXTS(s) + start;
}

/*
 * The slot where a label is, or where it belongs.  FNV-1a; the table is at
 * most half full, so the walk ends.
 */
static int
find_slot(const ConfusionState *s, const char *data, int len)
{
	uint32		mask = 2 * s->room - 1;
	uint32		hash = 2166136261U;
	uint32		at;

	for (int i = 0; i < len; i++)
		hash = (hash ^ (unsigned char) data[i]) * 16777619U;
	for (at = (hash ^ hash >> 16) & mask; SLOTS(s)[at] != 0; at = (at + 1) & mask)
	{
		int			have;
		const char *label = label_at(s, SLOTS(s)[at] - 1, &have);

		if (have == len && memcmp(label, data, len) == 0)
			break;
	}
	return at;
}

/* Append a label that is not there yet; there must be room. */
static int
append_label(ConfusionState *s, int slot, const char *data, int len)
{
	memcpy(TEXTS(s) + s->text_used, data, len);
	s->text_used += len;
	STOPS(s)[s->nlabels] = s->text_used;
	SLOTS(s)[slot] = (uint16) (s->nlabels + 1);
	return s->nlabels++;
}

/* A larger copy in CurrentMemoryContext with room for one label more. */
static ConfusionState *
grow(const ConfusionState *old, int len)
{
	int32		room = old->nlabels == old->room ? old->room * 2 : old->room;
	Size		text_room = old->text_room;
	ConfusionState *s;

	if (old->nlabels >= MAX_LABELS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d distinct labels", MAX_LABELS)));
	while (text_room < (Size) old->text_used + len)
		text_room *= 2;
	s = make_confusion(room, text_room);
	s->n = old->n;
	for (int i = 0; i < old->nlabels; i++)
	{
		int			have;
		const char *label = label_at(old, i, &have);

		append_label(s, find_slot(s, label, have), label, have);
		memcpy(COUNTS(s) + (Size) i * room, COUNTS(old) + (Size) i * old->room,
			   old->nlabels * sizeof(int64));
	}
	return s;
}

/* The number of a label, which is added if need be; *s may move. */
static int
intern_label(ConfusionState **s, const char *data, int len)
{
	int			slot = find_slot(*s, data, len);

	if (SLOTS(*s)[slot] != 0)
		return SLOTS(*s)[slot] - 1;
	if ((*s)->nlabels == (*s)->room || (*s)->nlabels >= MAX_LABELS ||
		(*s)->text_room - (*s)->text_used < len)
	{
		*s = grow(*s, len);
		slot = find_slot(*s, data, len);
	}
	return append_label(*s, slot, data, len);
}

/*
 * mlops_metric_confusion_add - (state, actual text, predicted text)
 */
Datum
mlops_metric_confusion_add(PG_FUNCTION_ARGS)
{
	ConfusionState *s;
	const text *actual;
	const text *predicted;
	int			a;
	int			p;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return mlops_metric_skip(fcinfo);
	actual = PG_GETARG_TEXT_PP(1);
	predicted = PG_GETARG_TEXT_PP(2);
	s = mlops_metric_arg(fcinfo, METRIC_CONFUSION);
	if (s == NULL)
		s = make_confusion(FIRST_ROOM, FIRST_TEXT_ROOM);
	a = intern_label(&s, VARDATA_ANY(actual), VARSIZE_ANY_EXHDR(actual));
	p = intern_label(&s, VARDATA_ANY(predicted), VARSIZE_ANY_EXHDR(predicted));
	COUNTS(s)[(Size) a * s->room + p]++;
	s->n++;
	PG_RETURN_POINTER(s);
}

/* The argument of a final function. */
static ConfusionState *
final_arg(FunctionCallInfo fcinfo)
{
	return (ConfusionState *) mlops_metric_detoast(PG_GETARG_DATUM(0), METRIC_CONFUSION);
}

/* A label as a key of the jsonb object being built. */
static void
push_key(JsonbParseState **out, const ConfusionState *s, int label)
{
	JsonbValue	key;

	key.type = jbvString;
	key.val.string.val = unconstify(char *, label_at(s, label, &key.val.string.len));
	pushJsonbValue(out, WJB_KEY, &key);
}

/*
 * mlops_metric_confusion - final function of confusion
 */
Datum
mlops_metric_confusion(PG_FUNCTION_ARGS)
{
	ConfusionState *s = final_arg(fcinfo);
	JsonbParseState *out = NULL;
	JsonbValue *result;

	if (s->n == 0)
		PG_RETURN_NULL();
	pushJsonbValue(&out, WJB_BEGIN_OBJECT, NULL);
	for (int a = 0; a < s->nlabels; a++)
	{
		const int64 *row = COUNTS(s) + (Size) a * s->room;
		bool		open = false;

		CHECK_FOR_INTERRUPTS();
		for (int p = 0; p < s->nlabels; p++)
		{
			JsonbValue	count;

			if (row[p] == 0)
				continue;
			if (!open)
			{
				push_key(&out, s, a);
				pushJsonbValue(&out, WJB_BEGIN_OBJECT, NULL);
				open = true;
			}
			push_key(&out, s, p);
			count.type = jbvNumeric;
			count.val.numeric = int64_to_numeric(row[p]);
			pushJsonbValue(&out, WJB_VALUE, &count);
		}
		if (open)
			pushJsonbValue(&out, WJB_END_OBJECT, NULL);
	}
	result = pushJsonbValue(&out, WJB_END_OBJECT, NULL);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(result));
}

/* A measure's mean over the classes. */
static Datum
macro(FunctionCallInfo fcinfo, double (*measure) (const MlClassTally *))
{
	ConfusionState *s = final_arg(fcinfo);
	MlClassTally *t = palloc0(sizeof(MlClassTally) * Max(s->nlabels, 1));
	double		value;

	for (int a = 0; a < s->nlabels; a++)
	{
		const int64 *row = COUNTS(s) + (Size) a * s->room;

		for (int p = 0; p < s->nlabels; p++)
		{
			t[a].actual += (double) row[p];
			t[p].predicted += (double) row[p];
		}
		t[a].hit = (double) row[a];
	}
	value = mlops_class_macro(t, s->nlabels, measure);
	pfree(t);
	return mlops_metric_value(fcinfo, value);
}

/*
 * mlops_metric_precision_macro - final function of precision_score of all classes
 */
Datum
mlops_metric_precision_macro(PG_FUNCTION_ARGS)
{
	return macro(fcinfo, mlops_class_precision);
}

/*
 * mlops_metric_recall_macro - final function of recall_score of all classes
 */
Datum
mlops_metric_recall_macro(PG_FUNCTION_ARGS)
{
	return macro(fcinfo, mlops_class_recall);
}

/*
 * mlops_metric_f1_macro - final function of f1 of all classes
 */
Datum
mlops_metric_f1_macro(PG_FUNCTION_ARGS)
{
	return macro(fcinfo, mlops_class_f1);
}

/*
 * mlops_metric_confusion_read - number of labels, then each one's length and
 * bytes, then the counts row by row
 */
ConfusionState *
mlops_metric_confusion_read(MetricReader *r)
{
	int			nlabels = (int) mlops_metric_read_count(r, MAX_LABELS);
	ConfusionState *s = make_confusion(FIRST_ROOM, FIRST_TEXT_ROOM);

	/* before the square is allocated: its counts must be there */
	if ((Size) (r->end - r->at) < (Size) nlabels * (nlabels + 1) * sizeof(int64))
		mlops_metric_malformed(r);
	for (int i = 0; i < nlabels; i++)
	{
		int64		len = mlops_metric_read_count(r, MaxAllocSize);
		const char *data = mlops_metric_read_bytes(r, len);

		if (!pg_verify_mbstr(GetDatabaseEncoding(), data, (int) len, true) ||
			intern_label(&s, data, (int) len) != i)
			mlops_metric_malformed(r);
	}
	for (int a = 0; a < nlabels; a++)
	{
		for (int p = 0; p < nlabels; p++)
		{
			int64		count = mlops_metric_read_count(r, METRIC_MAX_ROWS - s->n);

			COUNTS(s)[(Size) a * s->room + p] = count;
			s->n += count;
		}
	}
	return s;
}

/*
 * mlops_metric_confusion_write - what the function above reads
 */
void
mlops_metric_confusion_write(StringInfo buf, const ConfusionState *s)
{
	pq_sendint64(buf, s->nlabels);
	for (int i = 0; i < s->nlabels; i++)
	{
		int			len;
		const char *label = label_at(s, i, &len);

		pq_sendint64(buf, len);
		appendBinaryStringInfo(buf, label, len);
	}
	for (int a = 0; a < s->nlabels; a++)
		for (int p = 0; p < s->nlabels; p++)
			pq_sendint64(buf, COUNTS(s)[(Size) a * s->room + p]);
}

/*
 * mlops_metric_confusion_merge - dst, grown if need be, with the counts of both
 */
ConfusionState *
mlops_metric_confusion_merge(ConfusionState *dst, const ConfusionState *src)
{
	int		   *own = palloc(sizeof(int) * Max(src->nlabels, 1));

	for (int i = 0; i < src->nlabels; i++)
	{
		int			len;
		const char *label = label_at(src, i, &len);

		own[i] = intern_label(&dst, label, len);
	}
	for (int a = 0; a < src->nlabels; a++)
		for (int p = 0; p < src->nlabels; p++)
			COUNTS(dst)[(Size) own[a] * dst->room + own[p]] +=
				COUNTS(src)[(Size) a * src->room + p];
	dst->n += src->n;
	mlops_metric_check_rows(dst->n);
	pfree(own);
	return dst;
}
