/*-------------------------------------------------------------------------
 *
 * binding_jsonb.c
 *	  A jsonb object's values to slots, by key.
 *
 * Keys are column names.  A number has to be a JSON number, a boolean a JSON
 * boolean or 0 or 1, a text, date or timestamp a JSON string, an array a JSON
 * array of numbers; null is missing, an absent key is an error.
 *
 * IDENTIFICATION
 *	  src/data/binding_jsonb.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "mlops/compat.h"

#include "data.h"

pg_noreturn static void
refuse_json(const MlFeature *feature, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("value of \"%s\" does not match the model", feature->name),
			 errdetail("The model expects %s.", wanted)));
}

static bool
is_string(const JsonbValue *value, const char *text)
{
	return value->type == jbvString && value->val.string.len == (int) strlen(text) &&
		memcmp(value->val.string.val, text, value->val.string.len) == 0;
}

/* A JSON number, or what to_jsonb() makes of a double that JSON has no number for. */
static bool
is_number(const JsonbValue *value)
{
	return value->type == jbvNumeric || is_string(value, "NaN") ||
		is_string(value, "Infinity") || is_string(value, "-Infinity");
}

/* What is_number() accepts; a number too large for a double counts as infinite. */
static double
json_number(const MlFeature *feature, const JsonbValue *value)
{
	double		number;

	if (is_string(value, "NaN"))
		return NAN;
	if (value->type == jbvString)
		mlops_refuse_infinity(feature->name);
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												NumericGetDatum(value->val.numeric)));
	if (isinf(number))
		mlops_refuse_infinity(feature->name);
	return number + 0.0;
}

/* Code of a category by binary search in the signature's dictionary. */
static int
find_category(const MlFeature *feature, MlString s)
{
	int			low = 0;
	int			high = feature->ncategories - 1;

	while (low <= high)
	{
		int			middle = low + (high - low) / 2;
		int			code = feature->lookup ? feature->lookup[middle] : middle;
		int			order = mlops_string_compare(&feature->categories[code], &s);

		if (order == 0)
			return code;
		if (order < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return feature->ncategories + 1;
}

/*
 * A date or timestamp from its text form, as the type's input function reads
 * it; that function itself would show the value in its error.
 */
static double
json_datetime(const MlFeature *feature, const JsonbValue *value)
{
	char		work[MAXDATELEN + MAXDATEFIELDS];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	char	   *text = pnstrdup(value->val.string.val, value->val.string.len);
	struct pg_tm tm;
	fsec_t		fsec;
	int			nf;
	int			dtype;
	int			tz = 0;
	Timestamp	stamp;
	int			failed;

	failed = ParseDateTime(text, work, sizeof(work), field, ftype, MAXDATEFIELDS, &nf);
	if (failed == 0)
		failed = mlops_decode_datetime(field, ftype, nf, &dtype, &tm, &fsec, &tz);
	if (failed == 0 && (dtype == DTK_LATE || dtype == DTK_EARLY))
		mlops_refuse_infinity(feature->name);
	if (failed == 0 && dtype == DTK_EPOCH)
	{
		GetEpochTime(&tm);
		fsec = 0;
		tz = 0;
	}
	else if (failed == 0 && dtype != DTK_DATE)
		failed = -1;
	if (failed == 0)
	{
		if (feature->type == ML_COLUMN_DATE)
		{
			if (IS_VALID_JULIAN(tm.tm_year, tm.tm_mon, tm.tm_mday))
				return (double) date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - UNIX_EPOCH_JDATE;
		}
		else if (tm2timestamp(&tm, fsec,
							  feature->type == ML_COLUMN_TIMESTAMPTZ ? &tz : NULL,
							  &stamp) == 0)
		{
			MlConverter conv;

			memset(&conv, 0, sizeof(conv));
			conv.kind = CONVERT_TIMESTAMP;
			conv.column = feature->name;
			return mlops_convert_number(&conv, TimestampGetDatum(stamp));
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_DATETIME_FORMAT),
			 errmsg("value of \"%s\" is not a valid %s",
					feature->name, mlops_family_name(feature->type))));
}

static bool
json_array(const MlFeature *feature, const JsonbValue *value, double *x)
{
	JsonbIterator *it;
	JsonbValue	element;
	JsonbIteratorToken token;
	int			n = 0;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerIsScalar(value->val.binary.data))
		refuse_json(feature, "an array of numbers");
	mlops_feature_check_length(feature, JsonContainerSize(value->val.binary.data));
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (is_number(&element))
			x[n] = json_number(feature, &element);
		else if (element.type == jbvNull)
			x[n] = NAN;
		else
			refuse_json(feature, "an array of numbers");
		if (isnan(x[n]) && !mlops_feature_missing(feature, n, &x[n]))
			return false;
		n++;
	}
	return true;
}

/* One feature from a JSON value that is not null; false: to be skipped. */
static bool
json_feature(const MlFeature *feature, const JsonbValue *value, double *x)
{
	switch (feature->type)
	{
		case ML_COLUMN_NUMBER:
			if (!is_number(value))
				refuse_json(feature, "a number");
			*x = json_number(feature, value);
			return !isnan(*x) || mlops_feature_missing(feature, 0, x);
		case ML_COLUMN_BOOL:
			if (value->type == jbvBool)
				*x = value->val.boolean ? 1.0 : 0.0;
			else if (value->type == jbvNumeric)
				*x = json_number(feature, value);
			else
				refuse_json(feature, "a boolean");
			if (*x != 0.0 && *x != 1.0)
				refuse_json(feature, "a boolean");
			return true;
		case ML_COLUMN_TEXT:
			{
				MlString	s;

				if (value->type != jbvString)
					refuse_json(feature, "a string");
				s.data = value->val.string.val;
				s.len = value->val.string.len;
				*x = find_category(feature, mlops_feature_text(feature, s));
				return true;
			}
		case ML_COLUMN_DATE:
		case ML_COLUMN_TIMESTAMP:
		case ML_COLUMN_TIMESTAMPTZ:
			if (value->type != jbvString)
				refuse_json(feature, "a string with a date or time");
			*x = json_datetime(feature, value);
			return true;
		case ML_COLUMN_ARRAY:
			return json_array(feature, value, x);
	}
	return false;
}

bool
mlops_binding_jsonb(const MlSignature *sig, Jsonb *features, double *x)
{
	if (!JB_ROOT_IS_OBJECT(features))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("features must be a jsonb object")));
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];
		JsonbValue	buffer;
		JsonbValue *value;

		value = getKeyJsonValueFromContainer(&features->root, feature->name,
											 strlen(feature->name), &buffer);
		if (value == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key \"%s\" does not exist in the features", feature->name),
					 errdetail("The model was trained with it."),
					 errhint("Write null for a missing value.")));
		if (value->type == jbvNull)
		{
			if (!mlops_feature_missing_all(feature, x + feature->slot))
				return false;
		}
		else if (!json_feature(feature, value, x + feature->slot))
			return false;
	}
	return true;
}
