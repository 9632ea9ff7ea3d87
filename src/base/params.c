/*-------------------------------------------------------------------------
 *
 * params.c
 *	  Options given as jsonb, checked against their declarations.
 *
 * IDENTIFICATION
 *	  src/base/params.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "mlops/jsonb_out.h"
#include "mlops/params.h"

typedef struct ParamValue
{
	const MlParamDef *def;
	double		number;			/* all types but JSON */
	JsonbValue *json;			/* JSON, when given */
} ParamValue;

struct MlParams
{
	int			n;
	ParamValue	values[FLEXIBLE_ARRAY_MEMBER];
};

static int
count_defs(const MlParamDef *defs)
{
	int			n = 0;

	while (defs && defs[n].name)
		n++;
	return n;
}

/* Add the declarations of one list, at their defaults. */
static void
add_defaults(MlParams *params, const MlParamDef *defs)
{
	for (; defs && defs->name; defs++)
	{
		ParamValue *v = &params->values[params->n++];

		v->def = defs;
		v->number = defs->def;
		v->json = NULL;
	}
}

static ParamValue *
find_value(const MlParams *params, const char *name, int len)
{
	for (int i = 0; i < params->n; i++)
	{
		const ParamValue *v = &params->values[i];

		if (strlen(v->def->name) == (size_t) len &&
			memcmp(v->def->name, name, len) == 0)
			return unconstify(ParamValue *, v);
	}
	return NULL;
}

/* "alpha, seed, ..." for the hint of an unknown option. */
static char *
list_names(const MlParams *params)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < params->n; i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "",
						 params->values[i].def->name);
	return buf.data;
}

static void
report_type(const MlParamDef *def, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" must be %s", def->name, expected)));
}

/* Index of the choice spelled text[len], or -1. */
static int
find_choice(const MlParamDef *def, const char *text, int len)
{
	const char *at = def->choices;

	for (int i = 0; at; i++)
	{
		const char *bar = strchr(at, '|');
		int			n = bar ? (int) (bar - at) : (int) strlen(at);

		if (n == len && memcmp(at, text, len) == 0)
			return i;
		at = bar ? bar + 1 : NULL;
	}
	return -1;
}

char *
mlops_param_choice_name(const MlParamDef *def, int index)
{
	const char *at = def->choices;
	const char *bar;

	while (index-- > 0 && (at = strchr(at, '|')) != NULL)
		at++;
	if (at == NULL)
		elog(ERROR, "option \"%s\" has no such choice", def->name);
	bar = strchr(at, '|');
	return bar ? pnstrdup(at, bar - at) : pstrdup(at);
}

static double
read_number(const MlParamDef *def, const JsonbValue *v)
{
	double		x;

	if (v->type != jbvNumeric)
		report_type(def, def->type == ML_PARAM_INTEGER ? "an integer" : "a number");
	x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(v->val.numeric)));
	if (def->type == ML_PARAM_INTEGER && x != floor(x))
		report_type(def, "an integer");
	if (!(x >= def->min && x <= def->max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is out of range", def->name),
				 def->max == DBL_MAX ?
				 errdetail("Valid values are \"%s\" and above.", mlops_double_text(def->min)) :
				 errdetail("Valid values are between \"%s\" and \"%s\".",
						   mlops_double_text(def->min), mlops_double_text(def->max))));
	return x;
}

static void
read_value(ParamValue *out, const JsonbValue *v)
{
	const MlParamDef *def = out->def;

	switch (def->type)
	{
		case ML_PARAM_NUMBER:
		case ML_PARAM_INTEGER:
			out->number = read_number(def, v);
			break;
		case ML_PARAM_BOOLEAN:
			if (v->type != jbvBool)
				report_type(def, "true or false");
			out->number = v->val.boolean ? 1 : 0;
			break;
		case ML_PARAM_CHOICE:
			{
				int			i = v->type == jbvString ?
				find_choice(def, v->val.string.val, v->val.string.len) : -1;

				if (i < 0)
					report_type(def, psprintf("one of %s", def->choices));
				out->number = i;
				break;
			}
		case ML_PARAM_JSON:
			out->json = palloc(sizeof(JsonbValue));
			*out->json = *v;
			break;
	}
}

/* Unknown keys are an error that names what they are options of, or ignored where what is NULL. */
static MlParams *
parse(Jsonb *options, const MlParamDef *general, const MlParamDef *own,
	  const char *what)
{
	MlParams   *params;
	JsonbIterator *it;
	JsonbValue	v;
	JsonbIteratorToken token;
	ParamValue *current = NULL;

	params = palloc0(offsetof(MlParams, values) +
					 sizeof(ParamValue) * (count_defs(general) + count_defs(own)));
	add_defaults(params, general);
	add_defaults(params, own);
	if (options == NULL)
		return params;
	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 what ? errmsg("options for %s must be a JSON object", what) :
				 errmsg("options must be a JSON object"),
				 what ? errhint("Write '{\"option\": value}'. Valid options are: %s.",
								list_names(params)) :
				 errhint("Write options like '{\"seed\": 1}'; mlops.algorithm_options() lists them.")));

	/* nested containers are skipped, so only keys of the root come by */
	it = JsonbIteratorInit(&options->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			current = find_value(params, v.val.string.val, v.val.string.len);
			if (current == NULL && what != NULL)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("unrecognized option \"%s\" for %s",
								pnstrdup(v.val.string.val,
										 pg_mbcliplen(v.val.string.val,
													  v.val.string.len, NAMEDATALEN - 1)),
								what),
						 errhint("Valid options are: %s.", list_names(params))));
		}
		else if (token == WJB_VALUE && current != NULL)
		{
			if (v.type != jbvNull)	/* null means the default */
				read_value(current, &v);
			current = NULL;
		}
	}
	return params;
}

MlParams *
mlops_params_parse(Jsonb *options, const MlParamDef *general,
				   const MlParamDef *own, const char *what)
{
	return parse(options, general, own, what);
}

MlParams *
mlops_params_parse_known(Jsonb *options, const MlParamDef *defs)
{
	return parse(options, defs, NULL, NULL);
}

bool
mlops_params_take(const MlParamDef *defs, const char *name, int len, const JsonbValue *value)
{
	for (; defs && defs->name; defs++)
		if (strlen(defs->name) == (size_t) len && memcmp(defs->name, name, len) == 0)
			return defs->type != ML_PARAM_CHOICE || value->type != jbvString ||
				find_choice(defs, value->val.string.val, value->val.string.len) >= 0;
	return false;
}

Jsonb *
mlops_params_select(Jsonb *options, const MlParamDef *general, const MlParamDef *own)
{
	JsonbParseState *state = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	key = {0};
	JsonbValue	v;

	if (options == NULL || !JB_ROOT_IS_OBJECT(options))
		return options;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	it = JsonbIteratorInit(&options->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = v;
		else if (token == WJB_VALUE &&
				 (mlops_params_take(general, key.val.string.val, key.val.string.len, &v) ||
				  mlops_params_take(own, key.val.string.val, key.val.string.len, &v)))
		{
			pushJsonbValue(&state, WJB_KEY, &key);
			pushJsonbValue(&state, WJB_VALUE, &v);
		}
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static const ParamValue *
get_value(const MlParams *params, const char *name)
{
	const ParamValue *v = find_value(params, name, strlen(name));

	if (v == NULL)
		elog(ERROR, "option \"%s\" is not declared", name);
	return v;
}

bool
mlops_param_exists(const MlParams *params, const char *name)
{
	return find_value(params, name, strlen(name)) != NULL;
}

double
mlops_param_number(const MlParams *params, const char *name)
{
	return get_value(params, name)->number;
}

int64
mlops_param_integer(const MlParams *params, const char *name)
{
	return (int64) get_value(params, name)->number;
}

bool
mlops_param_boolean(const MlParams *params, const char *name)
{
	return get_value(params, name)->number != 0;
}

int
mlops_param_choice(const MlParams *params, const char *name)
{
	return (int) get_value(params, name)->number;
}

JsonbValue *
mlops_param_json(const MlParams *params, const char *name)
{
	return get_value(params, name)->json;
}

/* Append one value in effect to an open jsonb object. */
static void
push_value(JsonbParseState **state, const ParamValue *v)
{
	const char *name = v->def->name;

	switch (v->def->type)
	{
		case ML_PARAM_NUMBER:
			mlops_jsonb_add_number(state, name, v->number);
			break;
		case ML_PARAM_INTEGER:
			mlops_jsonb_add_integer(state, name, (int64) v->number);
			break;
		case ML_PARAM_BOOLEAN:
			mlops_jsonb_add_boolean(state, name, v->number != 0);
			break;
		case ML_PARAM_CHOICE:
			mlops_jsonb_add_string(state, name,
								   mlops_param_choice_name(v->def, (int) v->number));
			break;
		case ML_PARAM_JSON:
			if (v->json == NULL)
				break;
			mlops_jsonb_add_key(state, name);
			pushJsonbValue(state, WJB_VALUE, v->json);
			break;
	}
}

Jsonb *
mlops_params_effective(const MlParams *params)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < params->n; i++)
		push_value(&state, &params->values[i]);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
