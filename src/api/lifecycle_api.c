/*-------------------------------------------------------------------------
 *
 * lifecycle_api.c
 *	  SQL: set_policy, set_stage, request_promotion, approve, reject,
 *	  withdraw, compliance, and what the view promotions asks.
 *
 * IDENTIFICATION
 *	  src/api/lifecycle_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/lifecycle.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_set_policy);
PG_FUNCTION_INFO_V1(mlops_set_stage);
PG_FUNCTION_INFO_V1(mlops_request_promotion);
PG_FUNCTION_INFO_V1(mlops_approve);
PG_FUNCTION_INFO_V1(mlops_reject);
PG_FUNCTION_INFO_V1(mlops_withdraw);
PG_FUNCTION_INFO_V1(mlops_promotion_status);
PG_FUNCTION_INFO_V1(mlops_compliance);

Datum
mlops_set_policy(PG_FUNCTION_ARGS)
{
	char	   *name = PG_ARGISNULL(0) ? NULL : mlops_arg_model_name(fcinfo);
	Jsonb	   *policy = mlops_arg_jsonb(fcinfo, 1);
	MlWriter	w;
	MlLocked	model = {0};
	int64		revision;
	bool		changed;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	if (policy)
		policy = mlops_policy_normalize(policy);
	if (name == NULL)
		mlops_rights_require_owner("set the policy of all models");
	mlops_write_begin(&w, "mlops.set_policy()");
	if (name)
		mlops_registry_lock(&w, name, ML_PRIVILEGE_MANAGE, false, &model);
	changed = mlops_policy_store(&w, model.model_id, name, policy, &revision);
	mlops_write_end(&w);
	nulls[0] = name == NULL;
	values[0] = name ? CStringGetTextDatum(name) : (Datum) 0;
	nulls[1] = revision == 0;
	values[1] = Int64GetDatum(revision);
	nulls[2] = policy == NULL;
	values[2] = policy ? JsonbPGetDatum(policy) : (Datum) 0;
	values[3] = BoolGetDatum(changed);
	return mlops_result_row(fcinfo, values, nulls);
}

static int
version_arg(FunctionCallInfo fcinfo, int arg)
{
	mlops_arg_require(fcinfo, arg, "version");
	if (PG_GETARG_INT32(arg) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("version must be at least 1")));
	return PG_GETARG_INT32(arg);
}

Datum
mlops_set_stage(PG_FUNCTION_ARGS)
{
	char	   *name = mlops_arg_model_name(fcinfo);
	int			version = version_arg(fcinfo, 1);
	char	   *stage = mlops_arg_required(fcinfo, 2, "stage");
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[3] = CStringGetTextDatum(mlops_stage_set(name, version, stage));
	values[0] = CStringGetTextDatum(name);
	values[1] = Int32GetDatum(version);
	values[2] = CStringGetTextDatum(stage);
	return mlops_result_row(fcinfo, values, nulls);
}

static Datum
text_array(const List *texts)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(list_length(texts), 1));

	for (int i = 0; i < list_length(texts); i++)
		elems[i] = CStringGetTextDatum(list_nth(texts, i));
	return PointerGetDatum(construct_array(elems, list_length(texts), TEXTOID, -1, false,
										   TYPALIGN_INT));
}

static Datum
promotion_row(FunctionCallInfo fcinfo, const MlPromotion *promotion)
{
	Datum		values[9];
	bool		nulls[9] = {0};

	values[0] = Int64GetDatum(promotion->request);
	values[1] = CStringGetTextDatum(promotion->model);
	values[2] = Int32GetDatum(promotion->version);
	values[3] = CStringGetTextDatum(promotion->alias);
	values[4] = CStringGetTextDatum(promotion->state);
	values[5] = Int32GetDatum(promotion->approvals);
	values[6] = Int32GetDatum(promotion->required);
	values[7] = text_array(promotion->missing);
	values[8] = TimestampTzGetDatum(promotion->expires_at);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_request_promotion(PG_FUNCTION_ARGS)
{
	char	   *name = mlops_arg_model_name(fcinfo);
	int			version = version_arg(fcinfo, 1);
	char	   *alias = mlops_arg_required(fcinfo, 2, "alias");
	MlPromotion promotion;

	mlops_name_check(alias, "an alias");
	mlops_promotion_request(name, version, alias, mlops_arg_remark(fcinfo, 3, "reason"),
							PG_ARGISNULL(4) ? NULL : PG_GETARG_INTERVAL_P(4), &promotion);
	return promotion_row(fcinfo, &promotion);
}

static Datum
decide(FunctionCallInfo fcinfo, bool approve)
{
	MlPromotion promotion;

	mlops_arg_require(fcinfo, 0, "request");
	mlops_promotion_decide(PG_GETARG_INT64(0), approve, mlops_arg_remark(fcinfo, 1, "comment"), &promotion);
	return promotion_row(fcinfo, &promotion);
}

Datum
mlops_approve(PG_FUNCTION_ARGS)
{
	return decide(fcinfo, true);
}

Datum
mlops_reject(PG_FUNCTION_ARGS)
{
	return decide(fcinfo, false);
}

Datum
mlops_withdraw(PG_FUNCTION_ARGS)
{
	MlPromotion promotion;

	mlops_arg_require(fcinfo, 0, "request");
	mlops_promotion_withdraw(PG_GETARG_INT64(0), &promotion);
	return promotion_row(fcinfo, &promotion);
}

/* state, approvals, required, missing of a request; all null where the user may not see it */
Datum
mlops_promotion_status(PG_FUNCTION_ARGS)
{
	MlPromotion promotion;
	Datum		values[4] = {0};
	bool		nulls[4] = {true, true, true, true};

	if (mlops_promotion_describe(PG_GETARG_INT64(0), &promotion))
	{
		memset(nulls, 0, sizeof(nulls));
		values[0] = CStringGetTextDatum(promotion.state);
		values[1] = Int32GetDatum(promotion.approvals);
		values[2] = Int32GetDatum(promotion.required);
		values[3] = text_array(promotion.missing);
	}
	return mlops_result_row(fcinfo, values, nulls);
}

/* The checks of the policy in force for a version, NIL without one. */
static List *
collect_checks(const MlModelRef *ref, const MlResolved *resolved)
{
	MlWriter	w;
	MlPolicy	policy;
	MlEvidence	evidence;
	MlRequest	request;
	List	   *checks = NIL;
	const char *alias = ref->alias;
	MemoryContext old;

	mlops_read_begin(&w);
	old = MemoryContextSwitchTo(w.caller);
	mlops_policy_load(&w, resolved->model_id, &policy);
	if (policy.revision != 0 &&
		mlops_evidence_load(&w, resolved->model_id, resolved->version, &evidence))
	{
		/* a version by number, or by an alias that needs no approval: how it stands for the first that does */
		if (!mlops_policy_protects(&policy, alias))
			alias = policy.aliases ? linitial(policy.aliases) : MLOPS_CHAMPION;
		checks = mlops_compliance_check(&policy, &evidence, NIL);
		checks = mlops_approvals_check(&w, &policy, &evidence, resolved->model_id,
									   resolved->version, alias, true, checks, &request);
	}
	MemoryContextSwitchTo(old);
	mlops_read_end(&w);
	return checks;
}

/* The share of what was evaluated that passed. */
static double
score_of(const List *checks, bool *isnull)
{
	int			evaluated = 0;
	int			passed = 0;
	ListCell   *cell;

	foreach(cell, checks)
	{
		const MlCheck *check = lfirst(cell);

		evaluated += check->evaluated;
		passed += check->passed;
	}
	*isnull = evaluated == 0;
	return evaluated == 0 ? 0 : (double) passed / evaluated;
}

Datum
mlops_compliance(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MlModelRef	ref;
	MlResolved	resolved;
	List	   *checks;
	ListCell   *cell;
	bool		no_score;
	double		score;

	mlops_model_ref_parse(mlops_arg_required(fcinfo, 0, "model"), &ref);
	mlops_registry_resolve(&ref, GetUserId(), ML_PRIVILEGE_READ, &resolved);
	checks = collect_checks(&ref, &resolved);
	score = score_of(checks, &no_score);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, checks)
	{
		const MlCheck *check = lfirst(cell);
		Datum		values[5] = {0};
		bool		nulls[5] = {false, false, check->actual == NULL, !check->evaluated, no_score};

		values[0] = CStringGetTextDatum(check->policy);
		values[1] = CStringGetTextDatum(check->required);
		if (check->actual)
			values[2] = CStringGetTextDatum(check->actual);
		values[3] = BoolGetDatum(check->passed);
		values[4] = Float8GetDatum(score);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
