/*-------------------------------------------------------------------------
 *
 * policy.c
 *	  Policies: what a version must meet before a protected alias may point to
 *	  it.
 *
 * A policy is data, never SQL.  It is stored with every default spelled out,
 * so that a later release's defaults do not change what was agreed on.  Each
 * change gives it a new revision, which is never used again; requests and
 * their approvals belong to one revision.
 *
 * IDENTIFICATION
 *	  src/lifecycle/policy.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "mlops/card.h"
#include "mlops/jsonb_out.h"
#include "mlops/lifecycle.h"
#include "mlops/params.h"

#define MAX_HOURS	(10 * 365 * 24)
#define MAX_DAYS	36500
#define MAX_DEPTH	10

static const MlParamDef policy_params[] = {
	{"allow_pii", ML_PARAM_BOOLEAN, 0, 0, 1, NULL,
	"features that are labelled as personal data are allowed"},
	{"approval_valid_hours", ML_PARAM_NUMBER, 168, 0, MAX_HOURS, NULL,
	"how long a request stays open, at most"},
	{"fairness", ML_PARAM_JSON, 0, 0, 0, NULL,
	"bounds on differences between groups"},
	{"four_eyes", ML_PARAM_BOOLEAN, 1, 0, 1, NULL,
	"nobody approves what they requested, trained or described"},
	{"maximum_data_age_days", ML_PARAM_JSON, 0, 0, 0, NULL,
	"how long ago the data may have been read"},
	{"maximum_gap", ML_PARAM_JSON, 0, 0, 0, NULL,
	"how far a metric may be from the same on training rows"},
	{"maximum_metrics", ML_PARAM_JSON, 0, 0, 0, NULL,
	"upper bounds of metrics on the holdout"},
	{"minimum_metrics", ML_PARAM_JSON, 0, 0, 0, NULL,
	"lower bounds of metrics on the holdout"},
	{"protected_aliases", ML_PARAM_JSON, 0, 0, 0, NULL,
	"aliases that the policy is about"},
	{"required_approvals", ML_PARAM_INTEGER, 0, 0, 10, NULL,
	"how many people must approve"},
	{"required_card_fields", ML_PARAM_JSON, 0, 0, 0, NULL,
	"fields of the card that must be filled in"},
	{NULL}
};

pg_noreturn static void
bad_option(const char *name, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" must be %s", name, expected)));
	pg_unreachable();
}

static JsonbContainer *
container_of(const JsonbValue *v)
{
	return v->type == jbvBinary ? v->val.binary.data : NULL;
}

static double
number_of(const JsonbValue *v)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v->val.numeric)));
}

/* An array of names, in the order given; NIL: not given. */
static List *
read_names(const MlParams *params, const char *name, const char *expected)
{
	JsonbValue *json = mlops_param_json(params, name);
	JsonbContainer *array = json ? container_of(json) : NULL;
	List	   *names = NIL;

	if (json == NULL)
		return NIL;
	if (array == NULL || !JsonContainerIsArray(array))
		bad_option(name, expected);
	for (uint32 i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(array, i);
		char	   *text;

		if (v->type != jbvString || v->val.string.len == 0 || v->val.string.len >= NAMEDATALEN)
			bad_option(name, expected);
		text = pnstrdup(v->val.string.val, v->val.string.len);
		mlops_name_check(text, name);
		names = lappend(names, text);
	}
	return names;
}

/* An object of metrics with numbers, in the order of their names. */
static List *
read_bounds(const MlParams *params, const char *name, bool negative)
{
	JsonbValue *json = mlops_param_json(params, name);
	JsonbContainer *object = json ? container_of(json) : NULL;
	const char *expected = negative ? "an object of metrics with numbers" :
		"an object of metrics with numbers that are not negative";
	JsonbIterator *it;
	JsonbValue	v;
	JsonbIteratorToken token;
	MlMetricBound *bound = NULL;
	List	   *bounds = NIL;

	if (json == NULL)
		return NIL;
	if (object == NULL || !JsonContainerIsObject(object))
		bad_option(name, expected);
	it = JsonbIteratorInit(object);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			bound = palloc(sizeof(MlMetricBound));
			bound->metric = pnstrdup(v.val.string.val, v.val.string.len);
			mlops_name_check(bound->metric, "a metric");
		}
		else if (token == WJB_VALUE)
		{
			if (v.type != jbvNumeric)
				bad_option(name, expected);
			bound->bound = number_of(&v);
			if (!negative && bound->bound < 0)
				bad_option(name, expected);
			bounds = lappend(bounds, bound);
		}
	}
	return bounds;
}

/*
 * How deep objects and arrays are nested.  A policy goes into the audit trail,
 * and whoever reads that must not run out of stack.
 */
static int
depth_of(JsonbContainer *container)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue	v;
	int			depth = 0;
	int			deepest = 0;

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT)
		{
			depth++;
			deepest = Max(deepest, depth);
		}
		else if (token == WJB_END_ARRAY || token == WJB_END_OBJECT)
			depth--;
	}
	return deepest;
}

/* The bounds on fairness as text; their meaning is for who evaluates them. */
static char *
read_fairness(const MlParams *params)
{
	JsonbValue *json = mlops_param_json(params, "fairness");
	JsonbContainer *object = json ? container_of(json) : NULL;

	if (json == NULL)
		return NULL;
	if (object == NULL || !JsonContainerIsObject(object))
		bad_option("fairness", "an object of bounds");
	if (depth_of(object) > MAX_DEPTH)
		bad_option("fairness", psprintf("nested at most %d deep", MAX_DEPTH));
	return JsonContainerSize(object) == 0 ? NULL : JsonbToCString(NULL, object, -1);
}

static double
read_age(const MlParams *params)
{
	JsonbValue *json = mlops_param_json(params, "maximum_data_age_days");
	double		days;

	if (json == NULL)
		return -1;
	days = json->type == jbvNumeric ? number_of(json) : -1;
	if (!(days >= 0 && days <= MAX_DAYS))
		bad_option("maximum_data_age_days",
				   psprintf("a number between 0 and %d", MAX_DAYS));
	return days;
}

/* Is a key in the object, with a value other than null? */
static bool
is_given(Jsonb *object, const char *key)
{
	JsonbValue	v;

	return getKeyJsonValueFromContainer(&object->root, key, strlen(key), &v) != NULL &&
		v.type != jbvNull;
}

static void
parse(Jsonb *json, MlPolicy *out)
{
	MlParams   *params = mlops_params_parse(json, policy_params, NULL, "the policy");

	memset(out, 0, sizeof(*out));
	out->aliases = read_names(params, "protected_aliases", "an array of aliases");
	out->approvals = (int) mlops_param_integer(params, "required_approvals");
	out->valid_hours = mlops_param_number(params, "approval_valid_hours");
	out->minimum = read_bounds(params, "minimum_metrics", true);
	out->maximum = read_bounds(params, "maximum_metrics", true);
	out->gap = read_bounds(params, "maximum_gap", false);
	out->card_fields = read_names(params, "required_card_fields", "an array of the card's fields");
	out->allow_pii = mlops_param_boolean(params, "allow_pii");
	out->maximum_age = read_age(params);
	out->fairness = read_fairness(params);
	out->four_eyes = mlops_param_boolean(params, "four_eyes");
}

/* Does it ask for anything?  That no feature is personal data counts where it is said. */
static bool
requires_something(const MlPolicy *policy, Jsonb *given)
{
	return policy->approvals > 0 || policy->minimum != NIL || policy->maximum != NIL ||
		policy->gap != NIL || policy->card_fields != NIL || policy->maximum_age >= 0 ||
		policy->fairness != NULL || (is_given(given, "allow_pii") && !policy->allow_pii);
}

/* A field that no card can have would never be filled in. */
static void
check_card_fields(const List *fields)
{
	ListCell   *lc;

	foreach(lc, fields)
	{
		if (!mlops_card_field_exists((char *) lfirst(lc)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cards have no field \"%s\"", (char *) lfirst(lc)),
					 errhint("mlops.card_fields() lists the fields.")));
	}
}

Jsonb *
mlops_policy_normalize(Jsonb *given)
{
	MlPolicy	policy;
	MlParams   *params = mlops_params_parse(given, policy_params, NULL, "the policy");
	JsonbParseState *state = NULL;
	Jsonb	   *aliases;
	Datum		merged;

	parse(given, &policy);
	check_card_fields(policy.card_fields);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_key(&state, "protected_aliases");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	if (!is_given(given, "protected_aliases") && requires_something(&policy, given))
		policy.aliases = list_make1(pstrdup(MLOPS_CHAMPION));
	for (int i = 0; i < list_length(policy.aliases); i++)
	{
		JsonbValue	v;

		v.type = jbvString;
		v.val.string.val = list_nth(policy.aliases, i);
		v.val.string.len = strlen(v.val.string.val);
		pushJsonbValue(&state, WJB_ELEM, &v);
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	aliases = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	merged = DirectFunctionCall2(jsonb_concat,
								 JsonbPGetDatum(mlops_params_effective(params)),
								 JsonbPGetDatum(aliases));
	return DatumGetJsonbP(merged);
}

void
mlops_policy_load(MlWriter *w, int64 model_id, MlPolicy *out)
{
	memset(out, 0, sizeof(*out));
	mlops_write_int8(w, model_id);
	if (mlops_write_run(w, "SELECT revision, policy FROM mlops_private.policy"
						" WHERE model_id = $1 OR model_id IS NULL"
						" ORDER BY model_id NULLS LAST LIMIT 1") == 0)
		return;
	parse(DatumGetJsonbPCopy(mlops_write_result(0, 2)), out);
	out->revision = DatumGetInt64(mlops_write_result(0, 1));
}

void
mlops_policy_lock(MlWriter *w, int64 model_id)
{
	mlops_write_int8(w, model_id);
	mlops_write_run(w, "SELECT 1 FROM mlops_private.policy"
					" WHERE model_id = $1 OR model_id IS NULL FOR SHARE");
}

bool
mlops_policy_protects(const MlPolicy *policy, const char *alias)
{
	ListCell   *cell;

	foreach(cell, policy->aliases)
	{
		if (strcmp(lfirst(cell), alias) == 0)
			return true;
	}
	return false;
}

/* The policy that is stored for just this model (0: the default), or NULL. */
static Jsonb *
stored_policy(MlWriter *w, int64 model_id, int64 *revision)
{
	*revision = 0;
	mlops_write_int8(w, model_id);
	if (mlops_write_run(w, "SELECT revision, policy FROM mlops_private.policy"
						" WHERE model_id IS NOT DISTINCT FROM nullif($1, 0) FOR UPDATE") == 0)
		return NULL;
	*revision = DatumGetInt64(mlops_write_result(0, 1));
	return DatumGetJsonbPCopy(mlops_write_result(0, 2));
}

/* What the audit trail says of a change: the policy and its revision, before and after. */
static Jsonb *
change_payload(Jsonb *before, int64 old_revision, Jsonb *after, int64 revision)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (before)
	{
		mlops_jsonb_add_jsonb(&state, "previous", before);
		mlops_jsonb_add_integer(&state, "previous_revision", old_revision);
	}
	if (after)
	{
		mlops_jsonb_add_jsonb(&state, "policy", after);
		mlops_jsonb_add_integer(&state, "revision", revision);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Error if the model's route gives rows to an alias that the policy leaves open, though it protects others. */
static void
check_route(MlWriter *w, int64 model_id, const char *model, Jsonb *json)
{
	MlPolicy	policy;
	uint64		n;

	parse(json, &policy);
	if (policy.aliases == NIL)
		return;
	mlops_write_int8(w, model_id);
	n = mlops_write_run(w, "SELECT s.key FROM mlops_private.route r, jsonb_each(r.split) s"
						" WHERE r.model_id = $1 AND s.value::float8 > 0 ORDER BY s.key");
	for (uint64 i = 0; i < n; i++)
	{
		char	   *alias = TextDatumGetCString(mlops_write_result(i, 1));

		if (!mlops_policy_protects(&policy, alias))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the route of model \"%s\" gives rows to alias \"%s\", which the policy does not protect",
							model, alias),
					 errhint("Add it to protected_aliases, or change the route first.")));
	}
}

bool
mlops_policy_store(MlWriter *w, int64 model_id, const char *model, Jsonb *policy,
				   int64 *revision)
{
	Jsonb	   *before;
	int64		old_revision;

	if (model_id == 0)
		mlops_write_run(w, "LOCK TABLE mlops_private.policy IN SHARE ROW EXCLUSIVE MODE");
	before = stored_policy(w, model_id, &old_revision);
	*revision = old_revision;
	if (before == NULL ? policy == NULL :
		policy != NULL && compareJsonbContainers(&before->root, &policy->root) == 0)
		return false;
	if (model_id != 0 && policy != NULL)
		check_route(w, model_id, model, policy);
	mlops_write_int8(w, model_id);
	mlops_write_run(w, "DELETE FROM mlops_private.policy"
					" WHERE model_id IS NOT DISTINCT FROM nullif($1, 0)");
	*revision = 0;
	if (policy)
	{
		mlops_write_int8(w, model_id);
		mlops_write_jsonb(w, policy);
		mlops_write_name(w, NameStr(w->role_name));
		mlops_write_run(w, "INSERT INTO mlops_private.policy (model_id, policy, set_by)"
						" VALUES (nullif($1, 0), $2, $3) RETURNING revision");
		*revision = DatumGetInt64(mlops_write_result(0, 1));
	}
	mlops_audit_add(w, "policy.set", model ? "model" : "database", model,
					change_payload(before, old_revision, policy, *revision));
	return true;
}

void
mlops_policy_of_training(const char *model, MlTrainingPolicy *out)
{
	MlWriter	w;
	MlPolicy	policy;
	int64		model_id = 0;

	mlops_read_begin(&w);
	mlops_write_name(&w, model);
	if (mlops_write_run(&w, "SELECT model_id FROM mlops_private.model WHERE name = $1") > 0)
		model_id = DatumGetInt64(mlops_write_result(0, 1));
	mlops_policy_load(&w, model_id, &policy);
	out->allows_labelled = policy.allow_pii;
	out->wants_training_metrics = policy.gap != NIL;
	mlops_read_end(&w);
}
