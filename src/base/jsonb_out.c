/*-------------------------------------------------------------------------
 *
 * jsonb_out.c
 *	  Adding keys to an open jsonb object.
 *
 * IDENTIFICATION
 *	  src/base/jsonb_out.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "mlops/jsonb_out.h"

void
mlops_jsonb_add_key(JsonbParseState **state, const char *key)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &v);
}

char *
mlops_double_text(double value)
{
	char	   *text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(value, text);
	return text;
}

/* A number, null where JSON has none. */
static JsonbValue
number_value(double value)
{
	JsonbValue	v;

	if (!isfinite(value))
		v.type = jbvNull;
	else
	{
		char	   *text = mlops_double_text(value);

		v.type = jbvNumeric;
		v.val.numeric =
			DatumGetNumeric(DirectFunctionCall3(numeric_in,
												CStringGetDatum(text),
												ObjectIdGetDatum(InvalidOid),
												Int32GetDatum(-1)));
	}
	return v;
}

void
mlops_jsonb_add_number(JsonbParseState **state, const char *key, double value)
{
	JsonbValue	v = number_value(value);

	mlops_jsonb_add_key(state, key);
	pushJsonbValue(state, WJB_VALUE, &v);
}

void
mlops_jsonb_add_element(JsonbParseState **state, double value)
{
	JsonbValue	v = number_value(value);

	pushJsonbValue(state, WJB_ELEM, &v);
}

void
mlops_jsonb_add_integer(JsonbParseState **state, const char *key, int64 value)
{
	JsonbValue	v;

	mlops_jsonb_add_key(state, key);
	v.type = jbvNumeric;
	v.val.numeric = int64_to_numeric(value);
	pushJsonbValue(state, WJB_VALUE, &v);
}

void
mlops_jsonb_add_boolean(JsonbParseState **state, const char *key, bool value)
{
	JsonbValue	v;

	mlops_jsonb_add_key(state, key);
	v.type = jbvBool;
	v.val.boolean = value;
	pushJsonbValue(state, WJB_VALUE, &v);
}

void
mlops_jsonb_add_string(JsonbParseState **state, const char *key, const char *value)
{
	JsonbValue	v;

	mlops_jsonb_add_key(state, key);
	if (value == NULL)
		v.type = jbvNull;
	else
	{
		v.type = jbvString;
		v.val.string.val = unconstify(char *, value);
		v.val.string.len = strlen(value);
	}
	pushJsonbValue(state, WJB_VALUE, &v);
}

void
mlops_jsonb_add_jsonb(JsonbParseState **state, const char *key, Jsonb *value)
{
	JsonbValue	v;

	mlops_jsonb_add_key(state, key);
	v.type = jbvBinary;
	v.val.binary.data = &value->root;
	v.val.binary.len = VARSIZE(value) - offsetof(Jsonb, root);
	pushJsonbValue(state, WJB_VALUE, &v);
}

Jsonb *
mlops_jsonb_one(const char *key, const char *value)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, key, value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
