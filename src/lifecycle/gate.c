/*-------------------------------------------------------------------------
 *
 * gate.c
 *	  Every way to point an alias at a version passes here, but rollback: that
 *	  is for when production is on fire, goes back to what was there before,
 *	  and is audited.
 *
 * The model's row is locked, which keeps changes of its policy, of grants on
 * it and of its aliases away; then the policy's row and the request's, in this
 * order.  What decides is read after that, under a snapshot of its own, so
 * that neither a wait nor an old snapshot lets something pass that was revoked.
 *
 * IDENTIFICATION
 *	  src/lifecycle/gate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"

#include "mlops/jsonb_out.h"
#include "mlops/lifecycle.h"

#include "lifecycle_private.h"

typedef struct Gate
{
	MlPolicy	policy;
	bool		asked;			/* the policy is about this move */
	bool		routed;			/* it is not, but the alias has rows that it is about */
	int			previous;		/* version the alias points to, 0: none */
	List	   *missing;		/* char * */
	MlRequest	request;		/* that allows it; id 0: none was needed */
} Gate;

static void
lock_requests(MlWriter *w, const MlLocked *model, const char *alias, int version)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_int4(w, version);
	mlops_write_name(w, alias);
	mlops_write_run(w, "SELECT 1 FROM mlops_private.promotion_request"
					" WHERE model_id = $1 AND version = $2 AND alias = $3 AND state = 'open'"
					" ORDER BY request_id FOR UPDATE");
}

static void
look(MlWriter *w, const MlLocked *model, const char *alias, int version, Gate *gate)
{
	MlEvidence	evidence;
	List	   *checks;

	memset(gate, 0, sizeof(*gate));
	mlops_policy_lock(w, model->model_id);
	lock_requests(w, model, alias, version);
	mlops_fresh_begin(w);
	mlops_policy_load(w, model->model_id, &gate->policy);
	gate->previous = mlops_alias_version(w, model, alias);
	gate->asked = mlops_policy_protects(&gate->policy, alias) && gate->previous != version;
	gate->routed = gate->policy.aliases != NIL && gate->previous != version &&
		!mlops_policy_protects(&gate->policy, alias) &&
		mlops_route_gives(mlops_route_load(model->model_id), alias);
	if (gate->asked)
	{
		if (!mlops_evidence_load(w, model->model_id, version, &evidence))
			mlops_registry_deny_version(model->name, version);
		checks = mlops_compliance_check(&gate->policy, &evidence, NIL);
		checks = mlops_approvals_check(w, &gate->policy, &evidence, model->model_id, version,
									   alias, false, checks, &gate->request);
		gate->missing = mlops_compliance_missing(checks);
	}
	mlops_fresh_end(w);
}

/* The request that allowed it is done with, and the stages follow. */
static void
carry_out(MlWriter *w, const MlLocked *model, const char *alias, int version, const Gate *gate)
{
	JsonbParseState *state = NULL;

	mlops_stage_moved(w, model, &gate->policy, alias, gate->previous, version);
	if (gate->request.id == 0)
		return;
	mlops_write_int8(w, gate->request.id);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "UPDATE mlops_private.promotion_request"
					" SET state = 'executed', closed_by = $2, closed_at = clock_timestamp()"
					" WHERE request_id = $1");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "alias", alias);
	mlops_jsonb_add_integer(&state, "version", version);
	mlops_audit_add(w, "promotion.execute", "request",
					psprintf("%s#" INT64_FORMAT, model->name, gate->request.id),
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

#define GATE_HINT \
	errhint("mlops.compliance() shows how a version stands; mlops.request_promotion() asks for approval.")

/* A route from before the policy: what it gives rows to moves only by promotion. */
pg_noreturn static void
deny_routed(const char *model, const char *alias)
{
	mlops_audit_denied("promotion", "alias", psprintf("%s@%s", model, alias));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("alias \"%s\" of model \"%s\" cannot move while the route gives it rows", alias, model),
			 errdetail("The policy in force protects other aliases, but not this one."),
			 errhint("Add it to protected_aliases with mlops.set_policy(), or take it out of the route with mlops.route().")));
	pg_unreachable();
}

void
mlops_gate_pass(MlWriter *w, const MlLocked *model, const char *alias, int version)
{
	Gate		gate;

	look(w, model, alias, version, &gate);
	if (gate.routed)
		deny_routed(model->name, alias);
	if (!gate.asked)
		return;
	if (gate.missing != NIL)
	{
		mlops_audit_denied("promotion", "alias", psprintf("%s@%s", model->name, alias));
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("version %d of model \"%s\" does not meet the policy for alias \"%s\"",
						version, model->name, alias),
				 errdetail("Missing: %s.", mlops_join_texts(gate.missing)),
				 GATE_HINT));
	}
	carry_out(w, model, alias, version, &gate);
}

bool
mlops_gate_try(MlWriter *w, const MlLocked *model, const char *alias, int version)
{
	Gate		gate;

	look(w, model, alias, version, &gate);
	if (gate.routed)
	{
		ereport(NOTICE,
				(errmsg("alias \"%s\" of model \"%s\" does not move while the route gives it rows",
						alias, model->name),
				 errdetail("The policy in force protects other aliases, but not this one.")));
		return false;
	}
	if (gate.missing != NIL)
	{
		ereport(NOTICE,
				(errmsg("version %d of model \"%s\" does not become \"%s\": it does not meet the policy",
						version, model->name, alias),
				 errdetail("Missing: %s.", mlops_join_texts(gate.missing)),
				 GATE_HINT));
		return false;
	}
	if (gate.asked)
		carry_out(w, model, alias, version, &gate);
	return true;
}

void
mlops_gate_route(MlWriter *w, const MlLocked *model, const char *alias)
{
	MlPolicy	policy;

	mlops_policy_lock(w, model->model_id);
	mlops_fresh_begin(w);
	mlops_policy_load(w, model->model_id, &policy);
	mlops_fresh_end(w);
	if (policy.aliases == NIL || mlops_policy_protects(&policy, alias))
		return;
	mlops_audit_denied("route", "alias", psprintf("%s@%s", model->name, alias));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("a route of model \"%s\" cannot give rows to alias \"%s\"", model->name, alias),
			 errdetail("The policy in force protects other aliases, but not this one."),
			 errhint("Add it to protected_aliases with mlops.set_policy(), or let it run in shadow.")));
}

pg_noreturn static void
deny_alias(const char *model, const char *alias)
{
	mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_DEPLOY), "alias",
					   psprintf("%s@%s", model, alias));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to move aliases of model \"%s\"", model),
			 errdetail("It needs the privilege \"deploy\"."),
			 errhint("Train without an alias.")));
	pg_unreachable();
}

void
mlops_gate_precheck(const char *model, const char *alias)
{
	MlWriter	w;
	MlPolicy	policy;
	int64		model_id = 0;
	bool		may;
	bool		refused;

	mlops_read_begin(&w);
	mlops_write_name(&w, model);
	if (mlops_write_run(&w, "SELECT model_id FROM mlops_private.model WHERE name = $1") > 0)
		model_id = DatumGetInt64(mlops_write_result(0, 1));
	mlops_policy_load(&w, model_id, &policy);
	refused = mlops_policy_protects(&policy, alias) &&
		(policy.approvals > 0 || policy.fairness != NULL);
	may = model_id == 0 || mlops_registry_may(model_id, w.role, ML_PRIVILEGE_DEPLOY);
	mlops_read_end(&w);
	if (!may)
		deny_alias(model, alias);
	if (!refused)
		return;
	mlops_audit_denied("promotion", "alias", psprintf("%s@%s", model, alias));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("a new version of model \"%s\" cannot meet the policy for alias \"%s\" at once",
					model, alias),
			 policy.approvals > 0 ?
			 errdetail("A promotion has to be approved first.") :
			 errdetail("Fairness has to be evaluated first."),
			 errhint("Train without an alias, then use mlops.request_promotion().")));
}
