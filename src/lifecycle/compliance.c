/*-------------------------------------------------------------------------
 *
 * compliance.c
 *	  How a version stands to each requirement of a policy.
 *
 * What has not been measured does not pass: a metric that is absent, one that
 * was measured on training rows, and what nobody can evaluate yet.  Values
 * shown are a model's metrics, never values of its data.
 *
 * IDENTIFICATION
 *	  src/lifecycle/compliance.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "mlops/jsonb_out.h"
#include "mlops/lifecycle.h"

MlCheck *
mlops_check_make(const char *policy, char *required, char *actual, bool passed, char *missing)
{
	MlCheck    *check = palloc(sizeof(MlCheck));

	check->policy = pstrdup(policy);
	check->required = required;
	check->actual = actual;
	check->evaluated = true;
	check->passed = passed;
	check->missing = missing;
	return check;
}

List *
mlops_compliance_missing(List *checks)
{
	List	   *missing = NIL;
	ListCell   *cell;

	foreach(cell, checks)
	{
		const MlCheck *check = lfirst(cell);

		if (!check->passed)
			missing = lappend(missing, check->missing);
	}
	return missing;
}

/* The value of a key in an object, false if it has none. */
static bool
find_key(Jsonb *object, const char *key, JsonbValue *out)
{
	return object != NULL && JB_ROOT_IS_OBJECT(object) &&
		getKeyJsonValueFromContainer(&object->root, key, strlen(key), out) != NULL;
}

static bool
find_number(Jsonb *object, const char *key, double *out)
{
	JsonbValue	v;

	if (!find_key(object, key, &v) || v.type != jbvNumeric)
		return false;
	*out = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v.val.numeric)));
	return true;
}

static List *
check_bound(const MlEvidence *evidence, const MlMetricBound *bound, bool minimum, List *checks)
{
	const char *metric = bound->metric;
	char	   *name = psprintf("%s: %s", minimum ? "minimum_metrics" : "maximum_metrics", metric);
	char	   *limit = mlops_double_text(bound->bound);
	char	   *required = psprintf("%s %s", minimum ? ">=" : "<=", limit);
	char	   *actual;
	double		value;
	bool		passed;

	if (!evidence->on_holdout || !find_number(evidence->metrics, metric, &value))
		return lappend(checks,
					   mlops_check_make(name, required, NULL, false,
										psprintf("metric \"%s\" was not measured on rows held out from training", metric)));
	actual = mlops_double_text(value);
	passed = minimum ? value >= bound->bound : value <= bound->bound;
	return lappend(checks,
				   mlops_check_make(name, required, actual, passed,
									psprintf("metric \"%s\" is %s, %s is the %s", metric, actual,
											 limit, minimum ? "least" : "most")));
}

static List *
check_gap(const MlEvidence *evidence, const MlMetricBound *bound, List *checks)
{
	const char *metric = bound->metric;
	char	   *name = psprintf("maximum_gap: %s", metric);
	char	   *limit = mlops_double_text(bound->bound);
	char	   *required = psprintf("<= %s", limit);
	char	   *actual;
	JsonbValue	v;
	Jsonb	   *training = NULL;
	double		holdout;
	double		trained;

	if (find_key(evidence->facts, "training_metrics", &v) && v.type == jbvBinary)
		training = JsonbValueToJsonb(&v);
	if (!evidence->on_holdout || !find_number(evidence->metrics, metric, &holdout) ||
		!find_number(training, metric, &trained))
		return lappend(checks,
					   mlops_check_make(name, required, NULL, false,
										psprintf("metric \"%s\" was not measured on both training and held-out rows", metric)));
	actual = mlops_double_text(fabs(trained - holdout));
	return lappend(checks,
				   mlops_check_make(name, required, actual, fabs(trained - holdout) <= bound->bound,
									psprintf("metric \"%s\" differs by %s between training and held-out rows, %s is the most",
											 metric, actual, limit)));
}

/* Does the card say anything under this key? */
static bool
is_filled(Jsonb *card, const char *key)
{
	JsonbValue	v;

	if (!find_key(card, key, &v))
		return false;
	switch (v.type)
	{
		case jbvNull:
			return false;
		case jbvString:
			for (int i = 0; i < v.val.string.len; i++)
			{
				if (strchr(" \t\r\n", v.val.string.val[i]) == NULL)
					return true;
			}
			return false;
		case jbvBinary:
			return JsonContainerSize(v.val.binary.data) > 0;
		default:
			return true;
	}
}

static List *
check_field(const MlEvidence *evidence, const char *field, List *checks)
{
	bool		filled = is_filled(evidence->card, field);

	return lappend(checks,
				   mlops_check_make(psprintf("required_card_fields: %s", field), "filled in",
									filled ? "filled in" : "empty", filled,
									psprintf("field \"%s\" of the card is empty", field)));
}

static List *
check_pii(const MlEvidence *evidence, List *checks)
{
	JsonbValue	v;
	int			n = 0;

	if (find_key(evidence->facts, "labelled", &v))
		n = v.type == jbvBinary ? (int) JsonContainerSize(v.val.binary.data) : 1;
	return lappend(checks,
				   mlops_check_make("allow_pii", "no labelled feature",
									n == 0 ? "none" : psprintf("%d", n), n == 0,
									psprintf(ngettext("%d feature is labelled as personal data",
													  "%d features are labelled as personal data", n), n)));
}

static List *
check_age(const MlPolicy *policy, const MlEvidence *evidence, List *checks)
{
	char	   *limit = mlops_double_text(policy->maximum_age);
	char	   *actual = psprintf("%.1f", Max(evidence->age, 0));

	return lappend(checks,
				   mlops_check_make("maximum_data_age_days", psprintf("<= %s", limit), actual,
									evidence->age <= policy->maximum_age,
									psprintf("the data were read %s days ago, %s is the most",
											 actual, limit)));
}

List *
mlops_compliance_check(const MlPolicy *policy, const MlEvidence *evidence, List *checks)
{
	ListCell   *cell;

	foreach(cell, policy->minimum)
		checks = check_bound(evidence, lfirst(cell), true, checks);
	foreach(cell, policy->maximum)
		checks = check_bound(evidence, lfirst(cell), false, checks);
	foreach(cell, policy->gap)
		checks = check_gap(evidence, lfirst(cell), checks);
	foreach(cell, policy->card_fields)
		checks = check_field(evidence, lfirst(cell), checks);
	if (!policy->allow_pii)
		checks = check_pii(evidence, checks);
	if (policy->maximum_age >= 0)
		checks = check_age(policy, evidence, checks);
	if (policy->fairness)
	{
		MlCheck    *check = mlops_check_make("fairness", policy->fairness, NULL, false,
											 "fairness has not been evaluated");

		check->evaluated = false;
		checks = lappend(checks, check);
	}
	return checks;
}
