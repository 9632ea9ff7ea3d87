/*-------------------------------------------------------------------------
 *
 * promotion.c
 *	  Asking for a promotion, deciding on it, withdrawing it.
 *
 * Carrying it out is moving the alias (gate.c).  The model's row is locked
 * first, then the request's.
 *
 * IDENTIFICATION
 *	  src/lifecycle/promotion.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "mlops/jsonb_out.h"
#include "mlops/lifecycle.h"

#include "lifecycle_private.h"

/* What a request is called in the audit trail. */
static char *
request_object(const char *model, int64 id)
{
	return psprintf("%s#" INT64_FORMAT, model, id);
}

pg_noreturn static void
deny_request(int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("promotion request " INT64_FORMAT " does not exist", id),
			 errhint("The view mlops.promotions lists the requests you may see.")));
	pg_unreachable();
}

static int
count_approvals(MlWriter *w, int64 id)
{
	mlops_write_int8(w, id);
	return (int) mlops_write_run(w, "SELECT 1 FROM mlops_private.promotion_decision"
								 " WHERE request_id = $1 AND decision = 'approve'");
}

/* How an open request stands. */
static void
describe_open(MlWriter *w, const MlRequest *request, const MlPolicy *policy, MlPromotion *out)
{
	MlEvidence	evidence;
	MlRequest	newest;
	List	   *checks;
	List	   *notes = NIL;
	bool		exists = mlops_evidence_load(w, request->model_id, request->version, &evidence);

	out->missing = mlops_request_stale(request, policy, exists ? &evidence : NULL);
	if (out->missing != NIL)
		out->state = "stale";
	else if (mlops_request_expired(request))
	{
		out->state = "expired";
		out->missing = list_make1(psprintf("promotion request " INT64_FORMAT " has expired",
										   request->id));
	}
	else
	{
		out->approvals = mlops_approvals_count(w, policy, &evidence, request, &notes);
		out->state = out->approvals >= policy->approvals ? "approved" : "open";
		checks = mlops_compliance_check(policy, &evidence, NIL);
		checks = mlops_approvals_check(w, policy, &evidence, request->model_id, request->version,
									   request->alias, false, checks, &newest);
		out->missing = mlops_compliance_missing(checks);
	}
}

static void
describe(MlWriter *w, const MlRequest *request, MlPromotion *out)
{
	MlPolicy	policy;

	mlops_policy_load(w, request->model_id, &policy);
	memset(out, 0, sizeof(*out));
	out->request = request->id;
	out->model = request->model;
	out->version = request->version;
	out->alias = request->alias;
	out->required = policy.approvals;
	out->expires_at = request->expires_at;
	out->state = request->state;
	if (strcmp(request->state, "open") == 0)
		describe_open(w, request, &policy, out);
	else
		out->approvals = count_approvals(w, request->id);
}

/* The same for a write section: as it stands after what was written. */
static void
describe_written(MlWriter *w, int64 id, MlPromotion *out)
{
	MlRequest	request;

	mlops_fresh_begin(w);
	if (!mlops_request_find(w, id, &request))
		elog(ERROR, "promotion request is gone");
	describe(w, &request, out);
	mlops_fresh_end(w);
}

bool
mlops_promotion_describe(int64 id, MlPromotion *out)
{
	MlWriter	w;
	MlRequest	request;
	bool		found;
	MemoryContext old;

	mlops_read_begin(&w);
	old = MemoryContextSwitchTo(w.caller);
	found = mlops_request_find(&w, id, &request) &&
		mlops_registry_may(request.model_id, w.role, ML_PRIVILEGE_READ);
	if (found)
		describe(&w, &request, out);
	MemoryContextSwitchTo(old);
	mlops_read_end(&w);
	return found;
}

/* Lock a model for who may train or deploy. */
static void
lock_to_request(MlWriter *w, const char *name, MlLocked *model)
{
	MlPrivilege privilege = ML_PRIVILEGE_DEPLOY;

	mlops_write_name(w, name);
	if (mlops_write_run(w, "SELECT model_id FROM mlops_private.model WHERE name = $1") > 0 &&
		mlops_registry_may(DatumGetInt64(mlops_write_result(0, 1)), w->role, ML_PRIVILEGE_TRAIN))
		privilege = ML_PRIVILEGE_TRAIN;
	mlops_registry_lock(w, name, privilege, false, model);
}

static TimestampTz
expiry(const MlPolicy *policy, Interval *expires)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz latest = now + (TimestampTz) (policy->valid_hours * SECS_PER_HOUR * USECS_PER_SEC);
	TimestampTz at;

	if (expires == NULL)
		return latest;
	at = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												 TimestampTzGetDatum(now),
												 IntervalPGetDatum(expires)));
	if (at < now || at > latest)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("expires is out of range"),
				 errdetail("The policy allows up to %s hours.",
						   mlops_double_text(policy->valid_hours))));
	return at;
}

/* Error unless there is something to ask for. */
static void
check_request(MlWriter *w, const MlLocked *model, const MlPolicy *policy,
			  const MlEvidence *evidence, int version, const char *alias)
{
	MlRequest	open;

	if (!mlops_policy_protects(policy, alias))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no policy protects alias \"%s\" of model \"%s\"", alias, model->name),
				 errhint("mlops.set_alias() moves it without a request.")));
	if (mlops_alias_version(w, model, alias) == version)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("alias \"%s\" of model \"%s\" points to version %d already",
						alias, model->name, version)));
	mlops_request_newest(w, model->model_id, version, alias, "open", "open", &open);
	if (open.id != 0 && !mlops_request_expired(&open) &&
		mlops_request_stale(&open, policy, evidence) == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("promotion request " INT64_FORMAT " for version %d of model \"%s\" is open",
						open.id, version, model->name),
				 errhint("mlops.withdraw() takes it back.")));
}

static int64
insert_request(MlWriter *w, const MlLocked *model, const MlPolicy *policy,
			   const MlEvidence *evidence, int version, const char *alias,
			   const char *reason, TimestampTz expires_at)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_int4(w, version);
	mlops_write_name(w, alias);
	mlops_write_bytea(w, evidence->hash, MLOPS_HASH_LEN);
	mlops_write_datum(w, BYTEAOID, PointerGetDatum(evidence->evidence_hash));
	mlops_write_int4(w, evidence->card_revision);
	mlops_write_int8(w, policy->revision);
	mlops_write_text(w, reason);
	mlops_write_time(w, expires_at);
	mlops_write_actor(w);
	mlops_write_run(w, "INSERT INTO mlops_private.promotion_request"
					" (model_id, version, alias, artifact_hash, evidence_hash, card_revision,"
					" policy_revision, reason, expires_at, requester_oid, requester,"
					" requester_system, requester_session_oid, requester_session)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
					" RETURNING request_id");
	return DatumGetInt64(mlops_write_result(0, 1));
}

void
mlops_promotion_request(const char *name, int version, const char *alias, const char *reason,
						Interval *expires, MlPromotion *out)
{
	MlWriter	w;
	MlLocked	model;
	MlPolicy	policy;
	MlEvidence	evidence;
	MemoryContext old;
	JsonbParseState *state = NULL;
	int64		id;

	mlops_write_begin(&w, "mlops.request_promotion()");
	old = MemoryContextSwitchTo(w.caller);
	lock_to_request(&w, name, &model);
	mlops_fresh_begin(&w);
	mlops_policy_load(&w, model.model_id, &policy);
	if (!mlops_evidence_load(&w, model.model_id, version, &evidence))
		mlops_registry_deny_version(name, version);
	check_request(&w, &model, &policy, &evidence, version, alias);
	mlops_fresh_end(&w);
	id = insert_request(&w, &model, &policy, &evidence, version, alias, reason,
						expiry(&policy, expires));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "alias", alias);
	mlops_jsonb_add_integer(&state, "card_revision", evidence.card_revision);
	mlops_jsonb_add_integer(&state, "policy_revision", policy.revision);
	mlops_jsonb_add_integer(&state, "version", version);
	mlops_audit_add(&w, "promotion.request", "request", request_object(name, id),
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	describe_written(&w, id, out);
	MemoryContextSwitchTo(old);
	mlops_write_end(&w);
}

/* Lock the request's row; the model's is locked.  Error unless it is open. */
static void
lock_open(MlWriter *w, int64 id, MlRequest *request)
{
	mlops_write_int8(w, id);
	mlops_write_run(w, "SELECT 1 FROM mlops_private.promotion_request"
					" WHERE request_id = $1 FOR UPDATE");
	mlops_fresh_begin(w);
	if (!mlops_request_find(w, id, request))
		deny_request(id);
	mlops_fresh_end(w);
	if (strcmp(request->state, "open") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("promotion request " INT64_FORMAT " is not open", id),
				 errdetail("It is %s.", request->state)));
}

/* Error if this person has approved the request before. */
static void
check_not_approved(MlWriter *w, int64 id, const MlActor *actor)
{
	uint64		n;

	mlops_write_int8(w, id);
	n = mlops_write_run(w, "SELECT decider_oid, decider, decider_system,"
						" decider_session_oid, decider_session"
						" FROM mlops_private.promotion_decision"
						" WHERE request_id = $1 AND decision = 'approve'");
	for (uint64 i = 0; i < n; i++)
	{
		MlActor		other = mlops_actor_of((int) i, 1);

		if (mlops_actor_same(actor, &other))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("promotion request " INT64_FORMAT " has been approved by the same person", id),
					 errdetail("Role \"%s\", session user \"%s\".",
							   NameStr(*DatumGetName(mlops_write_result(i, 2))),
							   NameStr(*DatumGetName(mlops_write_result(i, 5))))));
	}
}

pg_noreturn static void
refuse_approval(const MlRequest *request, const char *reason)
{
	mlops_audit_denied("approve", "request", request_object(request->model, request->id));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("you cannot approve promotion request " INT64_FORMAT, request->id),
			 errdetail("People are told apart by role and session user: %s.", reason)));
	pg_unreachable();
}

/* Error unless an approval by this person would count. */
static void
check_approval(MlWriter *w, const MlRequest *request, const MlActor *actor)
{
	MlPolicy	policy;
	MlEvidence	evidence;
	List	   *stale;
	const char *reason;
	bool		exists;

	mlops_policy_load(w, request->model_id, &policy);
	exists = mlops_evidence_load(w, request->model_id, request->version, &evidence);
	stale = mlops_request_stale(request, &policy, exists ? &evidence : NULL);
	if (stale != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("promotion request " INT64_FORMAT " is stale", request->id),
				 errdetail("What was requested is not what is there: %s.", mlops_join_texts(stale)),
				 errhint("Another request is needed.")));
	if (mlops_request_expired(request))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("promotion request " INT64_FORMAT " has expired", request->id),
				 errhint("Another request is needed.")));
	reason = mlops_four_eyes(&policy, &evidence, request, actor);
	if (reason != NULL)
		refuse_approval(request, reason);
	if (!is_member_of_role(actor->session, actor->role))
		refuse_approval(request, "the session user may not act as this role");
}

/* Find the request and lock its model for who has the privilege; to others it does not exist. */
static void
lock_model_of(MlWriter *w, int64 id, MlPrivilege privilege, MlLocked *model)
{
	MlRequest	request;

	if (!mlops_request_find(w, id, &request))
		deny_request(id);
	if (!mlops_registry_may(request.model_id, w->role, privilege))
	{
		mlops_audit_denied(mlops_privilege_name(privilege), "request",
						   request_object(request.model, id));
		deny_request(id);
	}
	mlops_registry_lock(w, request.model, privilege, false, model);
}

static void
insert_decision(MlWriter *w, int64 id, bool approve, const char *comment)
{
	mlops_write_int8(w, id);
	mlops_write_text(w, approve ? "approve" : "reject");
	mlops_write_text(w, comment);
	mlops_write_actor(w);
	mlops_write_run(w, "INSERT INTO mlops_private.promotion_decision"
					" (request_id, decision, comment, decider_oid, decider, decider_system,"
					" decider_session_oid, decider_session)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
}

static void
close_request(MlWriter *w, int64 id, const char *state)
{
	mlops_write_int8(w, id);
	mlops_write_text(w, state);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "UPDATE mlops_private.promotion_request"
					" SET state = $2, closed_by = $3, closed_at = clock_timestamp()"
					" WHERE request_id = $1");
}

void
mlops_promotion_decide(int64 id, bool approve, const char *comment, MlPromotion *out)
{
	MlWriter	w;
	MlLocked	model;
	MlRequest	request;
	MlActor		actor;
	MemoryContext old;

	mlops_write_begin(&w, approve ? "mlops.approve()" : "mlops.reject()");
	old = MemoryContextSwitchTo(w.caller);
	actor = mlops_actor_current(&w);
	lock_model_of(&w, id, ML_PRIVILEGE_APPROVE, &model);
	lock_open(&w, id, &request);
	mlops_fresh_begin(&w);
	if (!mlops_registry_may(request.model_id, w.role, ML_PRIVILEGE_APPROVE))
		deny_request(id);
	if (approve)
	{
		check_not_approved(&w, id, &actor);
		check_approval(&w, &request, &actor);
	}
	mlops_fresh_end(&w);
	insert_decision(&w, id, approve, comment);
	if (!approve)
		close_request(&w, id, "rejected");
	mlops_audit_add(&w, approve ? "promotion.approve" : "promotion.reject", "request",
					request_object(model.name, id), NULL);
	describe_written(&w, id, out);
	MemoryContextSwitchTo(old);
	mlops_write_end(&w);
}

void
mlops_promotion_withdraw(int64 id, MlPromotion *out)
{
	MlWriter	w;
	MlLocked	model;
	MlRequest	request;
	MemoryContext old;

	mlops_write_begin(&w, "mlops.withdraw()");
	old = MemoryContextSwitchTo(w.caller);
	lock_model_of(&w, id, ML_PRIVILEGE_READ, &model);
	lock_open(&w, id, &request);
	if (!(OidIsValid(request.requester.role) &&
		  has_privs_of_role(w.role, request.requester.role)) &&
		!mlops_registry_may(request.model_id, w.role, ML_PRIVILEGE_MANAGE))
	{
		mlops_audit_denied("withdraw", "request", request_object(request.model, id));
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only who requested promotion request " INT64_FORMAT " and who manages the model can withdraw it",
						id)));
	}
	close_request(&w, id, "withdrawn");
	mlops_audit_add(&w, "promotion.withdraw", "request", request_object(model.name, id), NULL);
	describe_written(&w, id, out);
	MemoryContextSwitchTo(old);
	mlops_write_end(&w);
}
