/*-------------------------------------------------------------------------
 *
 * expectation.c
 *	  The grammar of expectations: an object with a kind and the keys that the
 *	  kind takes.
 *
 * IDENTIFICATION
 *	  src/drift/expectation.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "mlops/compat.h"
#include "mlops/error.h"
#include "mlops/expect.h"
#include "mlops/jsonb_out.h"

#define TEXT_MAX	1000		/* bytes of a pattern or a bound */

#define KEY_COLUMN		(1 << 0)
#define KEY_TYPE		(1 << 1)
#define KEY_MIN			(1 << 2)
#define KEY_MAX			(1 << 3)
#define KEY_MAX_SHARE	(1 << 4)
#define KEY_VALUES		(1 << 5)
#define KEY_PATTERN		(1 << 6)
#define KEY_MAX_AGE		(1 << 7)
#define KEY_KIND		(1 << 8)
#define KEY_SEVERITY	(1 << 9)
#define KEYS_OF_ALL		(KEY_KIND | KEY_SEVERITY)
#define KEYS_OF_BOUNDS	(KEY_MIN | KEY_MAX)

/* in the order of the bits */
static const char *const keys[] = {
	"column", "type", "min", "max", "max_share", "values", "pattern", "max_age", "kind", "severity"
};

/* in the order of MlExpectKind */
static const struct
{
	const char *name;
	int			needed;
	int			optional;
}			kinds[] = {
	{"column_present", KEY_COLUMN, 0},
	{"column_type", KEY_COLUMN | KEY_TYPE, 0},
	{"not_null", KEY_COLUMN, KEY_MAX_SHARE},
	{"range", KEY_COLUMN, KEYS_OF_BOUNDS | KEY_MAX_SHARE},
	{"in_set", KEY_COLUMN | KEY_VALUES, KEY_MAX_SHARE},
	{"unique", KEY_COLUMN, 0},
	{"matches", KEY_COLUMN | KEY_PATTERN, KEY_MAX_SHARE},
	{"freshness", KEY_COLUMN | KEY_MAX_AGE, 0},
	{"row_count", 0, KEYS_OF_BOUNDS},
};

const char *
mlops_expectation_kind_name(MlExpectKind kind)
{
	return kinds[kind].name;
}

pg_noreturn static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}

pg_noreturn static void
refuse_value(MlExpectKind kind, int key, const char *wanted)
{
	int			i = 0;

	while ((key & (1 << i)) == 0)
		i++;
	refuse(psprintf("\"%s\" of expectation %s must be %s", keys[i], kinds[kind].name, wanted), NULL);
}

static JsonbValue *
get(Jsonb *object, const char *key)
{
	return getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL);
}

static MlExpectKind
parse_kind(Jsonb *object)
{
	StringInfoData valid;
	JsonbValue *v;

	if (!JB_ROOT_IS_OBJECT(object))
		refuse("an expectation must be an object", NULL);
	v = get(object, "kind");
	initStringInfo(&valid);
	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		if (v && v->type == jbvString && v->val.string.len == (int) strlen(kinds[i].name) &&
			memcmp(v->val.string.val, kinds[i].name, v->val.string.len) == 0)
			return (MlExpectKind) i;
		appendStringInfo(&valid, "%s%s", i > 0 ? ", " : "", kinds[i].name);
	}
	refuse(v ? "unknown kind of expectation" : "an expectation needs a kind",
		   psprintf("Kinds are %s.", valid.data));
}

/* What keys there are: all that are needed, none that the kind does not know. */
static int
check_keys(Jsonb *object, MlExpectKind kind)
{
	int			valid = kinds[kind].needed | kinds[kind].optional | KEYS_OF_ALL;
	int			found = 0;
	StringInfoData list;
	JsonbIterator *it = JsonbIteratorInit(&object->root);
	JsonbIteratorToken token;
	JsonbValue	v;

	initStringInfo(&list);
	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		if (valid & (1 << i))
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", keys[i]);
	}
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		int			key = 0;

		if (token != WJB_KEY)
			continue;
		for (int i = 0; i < (int) lengthof(keys); i++)
		{
			if (v.val.string.len == (int) strlen(keys[i]) &&
				memcmp(v.val.string.val, keys[i], v.val.string.len) == 0)
				key = 1 << i;
		}
		if ((key & valid) == 0)
			refuse(psprintf("unknown key of expectation %s", kinds[kind].name),
				   psprintf("Keys are %s.", list.data));
		found |= key;
	}
	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		if ((kinds[kind].needed & (1 << i)) && !(found & (1 << i)))
			refuse(psprintf("expectation %s needs \"%s\"", kinds[kind].name, keys[i]),
				   psprintf("Keys are %s.", list.data));
	}
	if ((valid & KEYS_OF_BOUNDS) && !(found & KEYS_OF_BOUNDS))
		refuse(psprintf("expectation %s needs \"min\" or \"max\"", kinds[kind].name), NULL);
	return found;
}

static char *
string_of(const JsonbValue *v, MlExpectKind kind, int key)
{
	if (v->type != jbvString || v->val.string.len == 0 || v->val.string.len > TEXT_MAX)
		refuse_value(kind, key, psprintf("a string of at most %d bytes", TEXT_MAX));
	return pnstrdup(v->val.string.val, v->val.string.len);
}

static char *
number_text(const JsonbValue *v)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
}

/* A bound, as text: a number, or the text of a date or time. */
static const char *
parse_bound(const JsonbValue *v, MlExpectation *e, int key)
{
	char	   *text = v->type == jbvNumeric ? number_text(v) : NULL;

	if (e->kind == ML_EXPECT_ROW_COUNT && (text == NULL || strlen(text) > 18 ||
										   strspn(text, "0123456789") != strlen(text)))
		refuse_value(e->kind, key, "a whole number, at least 0");
	if (text == NULL)
	{
		if (v->type != jbvString)
			refuse_value(e->kind, key, "a number, or a string with a date or time");
		text = string_of(v, e->kind, key);
		e->is_number = false;
	}
	return text;
}

static void
parse_bounds(Jsonb *object, MlExpectation *e, int found)
{
	JsonbValue *min = (found & KEY_MIN) ? get(object, "min") : NULL;
	JsonbValue *max = (found & KEY_MAX) ? get(object, "max") : NULL;

	e->is_number = true;
	if (min && max && min->type != max->type)
		refuse_value(e->kind, KEY_MAX, "of the type of \"min\"");
	e->min = min ? parse_bound(min, e, KEY_MIN) : NULL;
	e->max = max ? parse_bound(max, e, KEY_MAX) : NULL;
	if (min && max && e->is_number &&
		DatumGetBool(DirectFunctionCall2(numeric_gt, NumericGetDatum(min->val.numeric),
										 NumericGetDatum(max->val.numeric))))
		refuse_value(e->kind, KEY_MAX, "at least \"min\"");
}

static void
parse_values(const JsonbValue *v, MlExpectation *e)
{
	JsonbContainer *array;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data) ||
		JsonContainerSize(v->val.binary.data) < 1 ||
		JsonContainerSize(v->val.binary.data) > MLOPS_EXPECT_VALUES)
		refuse_value(e->kind, KEY_VALUES, psprintf("an array of 1 to %d values", MLOPS_EXPECT_VALUES));
	array = v->val.binary.data;
	e->nvalues = JsonContainerSize(array);
	e->values = palloc(sizeof(char *) * e->nvalues);
	e->is_number = true;
	for (int i = 0; i < e->nvalues; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(array, i);

		if (value->type == jbvNumeric)
			e->values[i] = number_text(value);
		else if (value->type == jbvString)
			e->values[i] = pnstrdup(value->val.string.val, value->val.string.len);
		else if (value->type == jbvBool)
			e->values[i] = value->val.boolean ? "true" : "false";
		else
			refuse_value(e->kind, KEY_VALUES, "an array of strings, numbers or booleans");
		e->is_number = e->is_number && value->type == jbvNumeric;
	}
}

static void
parse_max_share(const JsonbValue *v, MlExpectation *e)
{
	if (v->type == jbvNumeric)
		e->max_share = DatumGetFloat8(DirectFunctionCall1(numeric_float8,
														  NumericGetDatum(v->val.numeric)));
	if (v->type != jbvNumeric || !(e->max_share >= 0 && e->max_share <= 1))
		refuse_value(e->kind, KEY_MAX_SHARE, "a number from 0 to 1");
}

static void
parse_max_age(const JsonbValue *v, MlExpectation *e)
{
	Interval	zero = {0, 0, 0};

	e->max_age = DatumGetIntervalP(DirectFunctionCall3(interval_in,
													   CStringGetDatum(string_of(v, e->kind, KEY_MAX_AGE)),
													   ObjectIdGetDatum(InvalidOid),
													   Int32GetDatum(-1)));
	if (DatumGetBool(DirectFunctionCall2(interval_le, IntervalPGetDatum(e->max_age),
										 IntervalPGetDatum(&zero))))
		refuse_value(e->kind, KEY_MAX_AGE, "an interval above 0");
}

static void
parse_pattern(const JsonbValue *v, MlExpectation *e)
{
	e->pattern = string_of(v, e->kind, KEY_PATTERN);
	/* compiles it: error 2201B */
	DirectFunctionCall2Coll(textregexeq, DEFAULT_COLLATION_OID, CStringGetTextDatum(""),
							CStringGetTextDatum(e->pattern));
}

static void
parse_severity(const JsonbValue *v, MlExpectation *e)
{
	char	   *severity = string_of(v, e->kind, KEY_SEVERITY);

	if (strcmp(severity, "error") != 0 && strcmp(severity, "warning") != 0)
		refuse_value(e->kind, KEY_SEVERITY, "error or warning");
	e->is_error = severity[0] == 'e';
}

void
mlops_expectation_parse(Jsonb *object, MlExpectation *out)
{
	int			found;

	memset(out, 0, sizeof(*out));
	out->is_error = true;
	out->is_shown = true;
	out->kind = parse_kind(object);
	found = check_keys(object, out->kind);
	if (found & KEY_COLUMN)
		out->column = string_of(get(object, "column"), out->kind, KEY_COLUMN);
	if (out->column && strlen(out->column) >= NAMEDATALEN)
		refuse_value(out->kind, KEY_COLUMN, "the name of a column");
	if (found & KEYS_OF_BOUNDS)
		parse_bounds(object, out, found);
	if (found & KEY_TYPE)
		out->type = string_of(get(object, "type"), out->kind, KEY_TYPE);
	if (found & KEY_MAX_SHARE)
		parse_max_share(get(object, "max_share"), out);
	if (found & KEY_VALUES)
		parse_values(get(object, "values"), out);
	if (found & KEY_PATTERN)
		parse_pattern(get(object, "pattern"), out);
	if (found & KEY_MAX_AGE)
		parse_max_age(get(object, "max_age"), out);
	if (found & KEY_SEVERITY)
		parse_severity(get(object, "severity"), out);
}

static char *
bounds_text(const MlExpectation *e)
{
	if (e->min && e->max)
		return psprintf("between %s and %s", e->min, e->max);
	return e->min ? psprintf("at least %s", e->min) : psprintf("at most %s", e->max);
}

char *
mlops_expectation_text(const MlExpectation *e)
{
	char	   *text = NULL;

	switch (e->kind)
	{
		case ML_EXPECT_COLUMN_PRESENT:
			return pstrdup("present");
		case ML_EXPECT_COLUMN_TYPE:
			return psprintf("type %s", e->type);
		case ML_EXPECT_UNIQUE:
			return pstrdup("unique");
		case ML_EXPECT_FRESHNESS:
			return psprintf("newest at most %s old",
							DatumGetCString(DirectFunctionCall1(interval_out,
																IntervalPGetDatum(e->max_age))));
		case ML_EXPECT_ROW_COUNT:
			return psprintf("%s rows", bounds_text(e));
		case ML_EXPECT_NOT_NULL:
			text = pstrdup("not null");
			break;
		case ML_EXPECT_RANGE:
			text = bounds_text(e);
			break;
		case ML_EXPECT_IN_SET:
			text = psprintf("one of %d values", e->nvalues);
			break;
		case ML_EXPECT_MATCHES:
			text = psprintf("matches %s", e->pattern);
			break;
	}
	if (e->max_share > 0)
		text = psprintf("%s, but for a share of %s", text, mlops_double_text(e->max_share));
	return text;
}
