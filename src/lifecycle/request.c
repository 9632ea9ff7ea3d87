/*-------------------------------------------------------------------------
 *
 * request.c
 *	  Requests for promotion and which of their approvals count.
 *
 * A request is for one version and one alias, and holds the hash of the
 * artifact, of its metrics and facts, and the revisions of card and policy as
 * they were.  Where any of them is another now, the request and its approvals
 * are worth nothing, and another is needed.
 *
 * An approval counts while the role that gave it may approve, and its session
 * user may still act as that role.  Four eyes: it does not count if it comes
 * from whoever requested the promotion, trained the version or wrote the
 * card's last revision.  People are told apart by their roles only: two
 * records are one person's if they share an effective role or a session user,
 * or the one's effective role is the other's session user.  Who was made a
 * member of such a person's login is that person, too.  Several approvals of
 * one person count once.
 *
 * IDENTIFICATION
 *	  src/lifecycle/request.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "mlops/lifecycle.h"

#include "lifecycle_private.h"

#define REQUEST_COLUMNS \
	"r.request_id, r.model_id, m.name, r.version, r.alias, r.artifact_hash, r.evidence_hash," \
	" r.card_revision, r.policy_revision, r.requester_oid, r.requester, r.requester_system," \
	" r.requester_session_oid, r.requester_session, r.expires_at, r.state" \
	" FROM mlops_private.promotion_request r" \
	" JOIN mlops_private.model m ON m.model_id = r.model_id"

/* Take the last result's first row apart. */
static void
take_request(MlRequest *out)
{
	bytea	   *hash = DatumGetByteaPP(mlops_write_result(0, 6));

	if (VARSIZE_ANY_EXHDR(hash) != MLOPS_HASH_LEN)
		elog(ERROR, "unexpected length of a hash");
	out->id = DatumGetInt64(mlops_write_result(0, 1));
	out->model_id = DatumGetInt64(mlops_write_result(0, 2));
	out->model = pstrdup(NameStr(*DatumGetName(mlops_write_result(0, 3))));
	out->version = DatumGetInt32(mlops_write_result(0, 4));
	out->alias = pstrdup(NameStr(*DatumGetName(mlops_write_result(0, 5))));
	memcpy(out->hash, VARDATA_ANY(hash), MLOPS_HASH_LEN);
	out->evidence_hash = DatumGetByteaPCopy(mlops_write_result(0, 7));
	out->card_revision = DatumGetInt32(mlops_write_result(0, 8));
	out->policy_revision = DatumGetInt64(mlops_write_result(0, 9));
	out->requester = mlops_actor_of(0, 10);
	out->expires_at = DatumGetTimestampTz(mlops_write_result(0, 15));
	out->state = TextDatumGetCString(mlops_write_result(0, 16));
}

bool
mlops_request_find(MlWriter *w, int64 id, MlRequest *out)
{
	memset(out, 0, sizeof(*out));
	mlops_write_int8(w, id);
	if (mlops_write_run(w, "SELECT " REQUEST_COLUMNS " WHERE r.request_id = $1") == 0)
		return false;
	take_request(out);
	return true;
}

void
mlops_request_newest(MlWriter *w, int64 model_id, int version, const char *alias,
					 const char *state, const char *or_state, MlRequest *out)
{
	memset(out, 0, sizeof(*out));
	mlops_write_int8(w, model_id);
	mlops_write_int4(w, version);
	mlops_write_name(w, alias);
	mlops_write_text(w, state);
	mlops_write_text(w, or_state);
	if (mlops_write_run(w, "SELECT " REQUEST_COLUMNS
						" WHERE r.model_id = $1 AND r.version = $2 AND r.alias = $3"
						" AND r.state IN ($4, $5) ORDER BY r.request_id DESC LIMIT 1") > 0)
		take_request(out);
}

bool
mlops_request_expired(const MlRequest *request)
{
	return GetCurrentTimestamp() >= request->expires_at;
}

static bool
same_bytes(const bytea *a, const bytea *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(VARDATA(a), VARDATA(b), VARSIZE(a) - VARHDRSZ) == 0;
}

List *
mlops_request_stale(const MlRequest *request, const MlPolicy *policy, const MlEvidence *evidence)
{
	List	   *reasons = NIL;

	if (evidence == NULL)
		return list_make1(psprintf("version %d does not exist any more", request->version));
	if (memcmp(request->hash, evidence->hash, MLOPS_HASH_LEN) != 0)
		reasons = lappend(reasons, psprintf("promotion request " INT64_FORMAT " was made for another artifact",
											request->id));
	if (!same_bytes(request->evidence_hash, evidence->evidence_hash))
		reasons = lappend(reasons, psprintf("promotion request " INT64_FORMAT " was made for other metrics or facts",
											request->id));
	if (request->card_revision != evidence->card_revision)
		reasons = lappend(reasons, psprintf("the card was changed after promotion request " INT64_FORMAT,
											request->id));
	if (request->policy_revision != policy->revision)
		reasons = lappend(reasons, psprintf("the policy was changed after promotion request " INT64_FORMAT,
											request->id));
	return reasons;
}

/* Is the approver one of these people, or may act as the login of one? */
static bool
stands_in_for(const MlActor *approver, const MlActor *person)
{
	return mlops_actor_same(approver, person) ||
		(OidIsValid(person->session) &&
		 (is_member_of_role_nosuper(approver->role, person->session) ||
		  is_member_of_role_nosuper(approver->session, person->session)));
}

const char *
mlops_four_eyes(const MlPolicy *policy, const MlEvidence *evidence, const MlRequest *request,
				const MlActor *approver)
{
	if (!policy->four_eyes)
		return NULL;
	if (stands_in_for(approver, &request->requester))
		return "who requested a promotion cannot approve it";
	if (stands_in_for(approver, &evidence->trainer))
		return "who trained a version cannot approve it";
	if (stands_in_for(approver, &evidence->editor))
		return "who wrote the card's last revision cannot approve";
	return NULL;
}

/* Why an approval does not count, or NULL. */
static const char *
refuse_approval(const MlPolicy *policy, const MlEvidence *evidence, const MlRequest *request,
				const MlActor *approver)
{
	if (!OidIsValid(approver->role) || !OidIsValid(approver->session))
		return "the role is gone";
	if (!mlops_registry_may(request->model_id, approver->role, ML_PRIVILEGE_APPROVE))
		return "the role may not approve any more";
	if (!is_member_of_role(approver->session, approver->role))
		return "who gave it may not act as the role any more";
	return mlops_four_eyes(policy, evidence, request, approver);
}

int
mlops_approvals_count(MlWriter *w, const MlPolicy *policy, const MlEvidence *evidence,
					  const MlRequest *request, List **notes)
{
	MlActor    *counted;
	int			n;
	int			ncounted = 0;

	mlops_write_int8(w, request->id);
	n = (int) mlops_write_run(w, "SELECT decider_oid, decider, decider_system,"
							  " decider_session_oid, decider_session"
							  " FROM mlops_private.promotion_decision"
							  " WHERE request_id = $1 AND decision = 'approve'"
							  " ORDER BY decision_id");
	counted = palloc(sizeof(MlActor) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		MlActor		approver = mlops_actor_of(i, 1);
		const char *reason = refuse_approval(policy, evidence, request, &approver);

		for (int j = 0; reason == NULL && j < ncounted; j++)
		{
			if (mlops_actor_same(&approver, &counted[j]))
				reason = "one person's approvals count once";
		}
		if (reason == NULL)
			counted[ncounted++] = approver;
		else
			*notes = lappend(*notes, psprintf("the approval by \"%s\" does not count: %s",
											  NameStr(*DatumGetName(mlops_write_result(i, 2))),
											  reason));
	}
	return ncounted;
}

/* How many approvals a request got that was carried out; whether they count was decided then. */
static int
count_given(MlWriter *w, int64 request)
{
	mlops_write_int8(w, request);
	return (int) mlops_write_run(w, "SELECT 1 FROM mlops_private.promotion_decision"
								 " WHERE request_id = $1 AND decision = 'approve'");
}

char *
mlops_join_texts(const List *texts)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, texts)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "; " : "", (char *) lfirst(cell));
	return buf.data;
}

List *
mlops_approvals_check(MlWriter *w, const MlPolicy *policy, const MlEvidence *evidence,
					  int64 model_id, int version, const char *alias, bool executed,
					  List *checks, MlRequest *request)
{
	List	   *reasons = NIL;
	int			count = 0;

	mlops_request_newest(w, model_id, version, alias, "open", executed ? "executed" : "open",
						 request);
	if (policy->approvals == 0)
		return checks;
	if (request->id == 0)
		reasons = list_make1("no promotion of it has been requested");
	else if (strcmp(request->state, "executed") == 0)
		count = count_given(w, request->id);
	else if (mlops_request_expired(request))
		reasons = list_make1(psprintf("promotion request " INT64_FORMAT " has expired", request->id));
	else
	{
		reasons = mlops_request_stale(request, policy, evidence);
		if (reasons == NIL)
			count = mlops_approvals_count(w, policy, evidence, request, &reasons);
		if (count < policy->approvals)
			reasons = lcons(psprintf("promotion request " INT64_FORMAT " has %d of %d required approvals",
									 request->id, count, policy->approvals), reasons);
	}
	return lappend(checks,
				   mlops_check_make("required_approvals", psprintf("%d", policy->approvals),
									psprintf("%d", count), count >= policy->approvals,
									mlops_join_texts(reasons)));
}
