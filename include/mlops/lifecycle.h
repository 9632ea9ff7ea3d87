/*-------------------------------------------------------------------------
 *
 * lifecycle.h
 *	  From a trained version to production: policies, stages, requests and
 *	  their approval, and the gate that every move of a protected alias passes.
 *
 * Tables: sql/install/25_lifecycle_tables.sql.
 *
 * IDENTIFICATION
 *	  include/mlops/lifecycle.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LIFECYCLE_H
#define MLOPS_LIFECYCLE_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "mlops/catalog.h"
#include "mlops/store.h"

/* policy.c */

typedef struct MlMetricBound
{
	char	   *metric;
	double		bound;
} MlMetricBound;

/* What a version must meet before a protected alias may point to it. */
typedef struct MlPolicy
{
	int64		revision;		/* 0: no policy is in force */
	List	   *aliases;		/* char *: protected */
	int			approvals;		/* required */
	double		valid_hours;	/* how long a request stays open, at most */
	List	   *minimum;		/* MlMetricBound *, on the holdout */
	List	   *maximum;
	List	   *gap;			/* |training - holdout| at most */
	List	   *card_fields;	/* char *: must not be empty */
	bool		allow_pii;
	double		maximum_age;	/* of the data, in days; negative: any */
	char	   *fairness;		/* what is asked for, as text; NULL: nothing */
	bool		four_eyes;
} MlPolicy;

/*
 * Check a policy as given and return it with all defaults spelled out, as it is
 * stored.  Unknown keys and bad values are error 22023.
 */
extern Jsonb *mlops_policy_normalize(Jsonb *given);

/*
 * The policy in force for a model: its own, else the default (model_id 0: the
 * default); inside a section.
 */
extern void mlops_policy_load(MlWriter *w, int64 model_id, MlPolicy *out);

/* What is in force stays so until we end; inside a write section. */
extern void mlops_policy_lock(MlWriter *w, int64 model_id);

extern bool mlops_policy_protects(const MlPolicy *policy, const char *alias);

/*
 * Store a normalized policy, or remove it (NULL); inside a write section, with
 * the model locked (model_id 0: the default).  Audited.  *revision: of what is
 * stored now, 0 for nothing.  Returns whether anything changed.
 */
extern bool mlops_policy_store(MlWriter *w, int64 model_id, const char *model,
							   Jsonb *policy, int64 *revision);

/* What the policy in force for a model of this name, which need not exist yet, says of training it. */
typedef struct MlTrainingPolicy
{
	bool		allows_labelled;	/* features labelled as personal data; without a policy: no */
	bool		wants_training_metrics; /* maximum_gap looks at those of the training part */
} MlTrainingPolicy;
extern void mlops_policy_of_training(const char *model, MlTrainingPolicy *out);

/* evidence.c */

/* A role at the time it did something, as it is known today; InvalidOid: gone. */
typedef struct MlActor
{
	Oid			role;			/* effective */
	Oid			session;
} MlActor;

/* What a decision about a version rests on. */
typedef struct MlEvidence
{
	uint8		hash[MLOPS_HASH_LEN];	/* of the artifact */
	bytea	   *evidence_hash;	/* of metrics and facts */
	Jsonb	   *metrics;
	bool		on_holdout;		/* they were measured on rows that training has not seen */
	Jsonb	   *facts;
	double		age;			/* days since its data were read */
	MlActor		trainer;
	int			card_revision;	/* 0: no card was written */
	Jsonb	   *card;			/* or NULL */
	MlActor		editor;			/* of that revision */
} MlEvidence;

/* Inside a section; false: no such version. */
extern bool mlops_evidence_load(MlWriter *w, int64 model_id, int version, MlEvidence *out);

/* One and the same person, as far as roles tell: they share an effective role or a session user, crosswise too. */
extern bool mlops_actor_same(const MlActor *a, const MlActor *b);

/* compliance.c */

/* One requirement of a policy and how a version stands to it. */
typedef struct MlCheck
{
	char	   *policy;
	char	   *required;
	char	   *actual;			/* NULL: not known */
	bool		evaluated;
	bool		passed;
	char	   *missing;		/* what to say where it is not passed */
} MlCheck;

/*
 * Every requirement but the approvals, appended to the list; inside a section.
 */
extern List *mlops_compliance_check(const MlPolicy *policy, const MlEvidence *evidence, List *checks);

/* One more of them. */
extern MlCheck *mlops_check_make(const char *policy, char *required, char *actual, bool passed,
								 char *missing);

/* The texts of what is missing, char *. */
extern List *mlops_compliance_missing(List *checks);

/* request.c */

typedef struct MlRequest
{
	int64		id;				/* 0: there is none */
	int64		model_id;
	char	   *model;
	int			version;
	char	   *alias;
	uint8		hash[MLOPS_HASH_LEN];
	bytea	   *evidence_hash;
	int			card_revision;
	int64		policy_revision;
	MlActor		requester;
	TimestampTz expires_at;
	char	   *state;			/* as stored: open, rejected, withdrawn, executed */
} MlRequest;

/* Find a request by number; false: there is none.  Inside a section. */
extern bool mlops_request_find(MlWriter *w, int64 id, MlRequest *out);

/* The newest request for a promotion in one of two states; id 0: none.  Inside a section. */
extern void mlops_request_newest(MlWriter *w, int64 model_id, int version, const char *alias,
								 const char *state, const char *or_state, MlRequest *out);

extern bool mlops_request_expired(const MlRequest *request);

/* In what the request no longer is what it was made for (char *); NIL: it still is.  evidence NULL: the version is gone. */
extern List *mlops_request_stale(const MlRequest *request, const MlPolicy *policy,
								 const MlEvidence *evidence);

/*
 * The check of required approvals for a version and alias: counts those of the
 * newest request that still count.  executed: a request that was carried out
 * already is as good.  Inside a section.
 */
extern List *mlops_approvals_check(MlWriter *w, const MlPolicy *policy, const MlEvidence *evidence,
								   int64 model_id, int version, const char *alias, bool executed,
								   List *checks, MlRequest *request);

/* How many approvals of a request count today; notes (char *) says why others do not. */
extern int	mlops_approvals_count(MlWriter *w, const MlPolicy *policy, const MlEvidence *evidence,
								  const MlRequest *request, List **notes);

/* promotion.c: verbs, each a write section of its own */

typedef struct MlPromotion
{
	int64		request;
	char	   *model;
	int			version;
	char	   *alias;
	char	   *state;			/* open, approved, rejected, expired, executed, withdrawn, stale */
	int			approvals;
	int			required;
	List	   *missing;		/* char * */
	TimestampTz expires_at;
} MlPromotion;

extern void mlops_promotion_request(const char *model, int version, const char *alias,
									const char *reason, Interval *expires, MlPromotion *out);
extern void mlops_promotion_decide(int64 request, bool approve, const char *comment, MlPromotion *out);
extern void mlops_promotion_withdraw(int64 request, MlPromotion *out);

/* How a request stands today; false: there is none, or the current user may not read its model. */
extern bool mlops_promotion_describe(int64 request, MlPromotion *out);

/* gate.c */

/*
 * May the alias be pointed at the version?  Where a policy protects it: all of
 * the policy is checked against what is committed now, the request that allows
 * it is carried out, and the stages of both versions follow.  Otherwise error
 * 42501 with everything that is missing.  Inside a write section, with the
 * model locked, before mlops_alias_move.
 */
extern void mlops_gate_pass(MlWriter *w, const MlLocked *model, const char *alias, int version);

/* The same question without the error; nothing is carried out unless the answer is yes. */
extern bool mlops_gate_try(MlWriter *w, const MlLocked *model, const char *alias, int version);

/*
 * Before a route gives rows to an alias: error 42501 where a policy protects
 * some aliases of the model, but not this one.  Inside a write section, with
 * the model locked.
 */
extern void mlops_gate_route(MlWriter *w, const MlLocked *model, const char *alias);

/*
 * Before training for an alias: error 42501 where the caller may not deploy, or
 * it is certain that the gate would refuse a new version.  The caller may
 * train; the model need not exist.
 */
extern void mlops_gate_precheck(const char *model, const char *alias);

/* stage.c */

/* Set by hand; a write section of its own.  Returns the stage before. */
extern char *mlops_stage_set(const char *model, int version, const char *stage);

/*
 * An alias moved from one version to another (0: none) without the gate: a
 * rollback, a dropped alias.  Where a policy protects it the stages follow.
 * Inside a write section, after the move.
 */
extern void mlops_stage_follow(MlWriter *w, const MlLocked *model, const char *alias,
							   int previous, int version);

#endif							/* MLOPS_LIFECYCLE_H */
