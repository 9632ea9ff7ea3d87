/*-------------------------------------------------------------------------
 *
 * describe.c
 *	  SQL: describe().
 *
 * Who may fetch the artifact sees everything.  Who may only read the model
 * sees no data value: names of classes are what proba() answers with, so they
 * need the privilege "predict" (options can name them, too); categories need
 * "artifact", as does where boosting starts from (a mean or a quantile of the
 * target); what algorithms say of their bodies holds no other (algo.h).
 *
 * IDENTIFICATION
 *	  src/api/describe.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/model.h"

#include "describe.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_describe_value);
PG_FUNCTION_INFO_V1(mlops_describe_name);

const MlSight mlops_sight_of_all = {true, true, true};

void
mlops_sight_of(int64 model_id, Oid role, MlSight *sight)
{
	sight->artifact = mlops_registry_may(model_id, role, ML_PRIVILEGE_ARTIFACT);
	sight->classes = sight->artifact ||
		mlops_registry_may(model_id, role, ML_PRIVILEGE_PREDICT);
	sight->source = sight->artifact ||
		mlops_registry_may(model_id, role, ML_PRIVILEGE_TRAIN) ||
		mlops_registry_may(model_id, role, ML_PRIVILEGE_MANAGE);
}

char *
mlops_hash_text(const uint8 *hash)
{
	char	   *hex = palloc0(MLOPS_HASH_LEN * 2 + 1);

	hex_encode((const char *) hash, MLOPS_HASH_LEN, hex);
	return hex;
}

static const char *
column_type_name(MlColumnType type)
{
	switch (type)
	{
		case ML_COLUMN_NUMBER:
			return "number";
		case ML_COLUMN_BOOL:
			return "boolean";
		case ML_COLUMN_TEXT:
			return "category";
		case ML_COLUMN_DATE:
			return "date";
		case ML_COLUMN_TIMESTAMP:
			return "timestamp";
		case ML_COLUMN_TIMESTAMPTZ:
			return "timestamptz";
		case ML_COLUMN_ARRAY:
			return "array";
	}
	return NULL;
}

static const char *
missing_name(MlMissing missing)
{
	switch (missing)
	{
		case ML_MISSING_ERROR:
			return "error";
		case ML_MISSING_SKIP:
			return "skip";
		case ML_MISSING_MEAN:
			return "mean";
		case ML_MISSING_MEDIAN:
			return "median";
		case ML_MISSING_CATEGORY:
			return "category";
		case ML_MISSING_NATIVE:
			return "native";
	}
	return NULL;
}

static void
add_strings(JsonbParseState **out, const char *key, const MlString *strings, int n)
{
	mlops_jsonb_add_key(out, key);
	pushJsonbValue(out, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		JsonbValue	v;

		v.type = jbvString;
		v.val.string.val = unconstify(char *, strings[i].data);
		v.val.string.len = strings[i].len;
		pushJsonbValue(out, WJB_ELEM, &v);
	}
	pushJsonbValue(out, WJB_END_ARRAY, NULL);
}

static void
describe_feature(JsonbParseState **out, const MlFeature *f, bool profile, int dictionary)
{
	pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(out, "name", f->name);
	mlops_jsonb_add_string(out, "type", column_type_name(f->type));
	mlops_jsonb_add_string(out, "missing", missing_name(f->missing));
	if (f->type == ML_COLUMN_TEXT)
		mlops_jsonb_add_integer(out, "categories", f->ncategories);
	if (profile)
		mlops_jsonb_add_boolean(out, "missing_seen", f->has_missing);
	if (profile && f->type == ML_COLUMN_TEXT)
		mlops_jsonb_add_boolean(out, "other_seen", f->has_other);
	if (f->type == ML_COLUMN_TEXT && dictionary > 0)
		add_strings(out, "dictionary", f->categories, Min(f->ncategories, dictionary));
	if (f->type == ML_COLUMN_ARRAY)
		mlops_jsonb_add_integer(out, "length", f->width);
	pushJsonbValue(out, WJB_END_OBJECT, NULL);
}

bool
mlops_describe_signature(JsonbParseState **out, const MlSignature *sig,
						 const MlSight *sight, int dictionary)
{
	bool		redacted = false;

	if (sig->task == ML_TASK_CLASSIFICATION)
	{
		mlops_jsonb_add_integer(out, "class_count", sig->nclasses);
		if (sight->classes)
			add_strings(out, "classes", sig->classes, sig->nclasses);
		else
			redacted = true;
	}
	mlops_jsonb_add_key(out, "features");
	pushJsonbValue(out, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *f = &sig->features[i];

		CHECK_FOR_INTERRUPTS();
		describe_feature(out, f, dictionary > 0, sight->artifact ? dictionary : 0);
		if (dictionary > 0 && f->type == ML_COLUMN_TEXT && !sight->artifact)
			redacted = true;
	}
	pushJsonbValue(out, WJB_END_ARRAY, NULL);
	return redacted;
}

static bool
is_key(const JsonbValue *v, const char *key)
{
	return v->val.string.len == (int) strlen(key) && memcmp(v->val.string.val, key, strlen(key)) == 0;
}

/* Add an object's members, but a null for the one that has this key and is not to be seen; a number or text stays where only_objects. */
static bool
add_members(JsonbParseState **out, JsonbContainer *object, const char *hidden, bool only_objects)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	v;
	bool		hide = false;
	bool		redacted = false;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			hide = hidden && is_key(&v, hidden);
		else if (token == WJB_VALUE && hide && (v.type == jbvBinary || !only_objects))
		{
			v.type = jbvNull;
			redacted = true;
		}
		if (token == WJB_KEY || token == WJB_VALUE)
			pushJsonbValue(out, token, &v);
	}
	return redacted;
}

/* The option "class_weight" can name classes. */
static bool
add_options(JsonbParseState **out, JsonbContainer *options, const MlSight *sight)
{
	bool		redacted;

	pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
	redacted = add_members(out, options, sight->classes ? NULL : "class_weight", true);
	pushJsonbValue(out, WJB_END_OBJECT, NULL);
	return redacted;
}

bool
mlops_describe_body(JsonbParseState **out, const char *key, const MlModel *model,
					const MlSight *sight)
{
	JsonbParseState *state = NULL;
	Jsonb	   *body;
	bool		redacted;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	model->algo->describe(model->sig, model->body, &state);
	body = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	mlops_jsonb_add_key(out, key);
	pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
	redacted = add_members(out, &body->root, sight->artifact ? NULL : "base", false);
	pushJsonbValue(out, WJB_END_OBJECT, NULL);
	return redacted;
}

/* What the artifact remembers of its training. */
static bool
describe_facts(JsonbParseState **out, Jsonb *facts, const MlSight *sight)
{
	JsonbIterator *it = JsonbIteratorInit(&facts->root);
	JsonbIteratorToken token;
	JsonbValue	v;
	bool		redacted = false;
	bool		is_options = false;

	mlops_jsonb_add_key(out, "facts");
	pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			is_options = is_key(&v, "options");
		if (token == WJB_VALUE && is_options && v.type == jbvBinary &&
			JsonContainerIsObject(v.val.binary.data))
			redacted = add_options(out, v.val.binary.data, sight);
		else if (token == WJB_KEY || token == WJB_VALUE)
			pushJsonbValue(out, token, &v);
	}
	pushJsonbValue(out, WJB_END_OBJECT, NULL);
	return redacted;
}

static Jsonb *
describe_model(const MlModel *model, Datum artifact, const MlSight *sight)
{
	const MlSignature *sig = model->sig;
	JsonbParseState *out = NULL;
	bool		redacted;

	pushJsonbValue(&out, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&out, "format", model->format_version);
	mlops_jsonb_add_string(&out, "algorithm", model->algo->name);
	mlops_jsonb_add_string(&out, "task", mlops_task_name(sig->task));
	mlops_jsonb_add_string(&out, "target", sig->target);
	redacted = mlops_describe_signature(&out, sig, sight, 0);
	if (model->facts != NULL)
		redacted |= describe_facts(&out, model->facts, sight);
	redacted |= mlops_describe_body(&out, "model", model, sight);
	mlops_describe_reference(&out, artifact);
	mlops_jsonb_add_string(&out, "sha256", mlops_hash_text(model->hash));
	mlops_jsonb_add_integer(&out, "bytes", (int64) model->content_len);
	if (redacted)
		mlops_jsonb_add_boolean(&out, "redacted", true);
	return JsonbValueToJsonb(pushJsonbValue(&out, WJB_END_OBJECT, NULL));
}

Datum
mlops_describe_value(PG_FUNCTION_ARGS)
{
	const MlModel *model = mlops_arg_model_by_value(fcinfo);

	PG_RETURN_JSONB_P(describe_model(model, PG_GETARG_DATUM(0), &mlops_sight_of_all));
}

Datum
mlops_describe_name(PG_FUNCTION_ARGS)
{
	MlModelRef	ref;
	MlResolved	resolved;
	MlSight		sight;

	mlops_model_ref_parse(mlops_arg_required(fcinfo, 0, "model"), &ref);
	mlops_registry_resolve(&ref, GetUserId(), ML_PRIVILEGE_READ, &resolved);
	mlops_sight_of(resolved.model_id, GetUserId(), &sight);
	if (sight.artifact)
		mlops_audit_revealed("description", "model", psprintf("%s:%d", ref.name, resolved.version));
	PG_RETURN_JSONB_P(describe_model(mlops_model_cache_get(resolved.artifact, CurrentMemoryContext),
									 resolved.artifact, &sight));
}
