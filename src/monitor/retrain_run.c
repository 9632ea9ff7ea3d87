/*-------------------------------------------------------------------------
 *
 * retrain_run.c
 *	  One look of a retrain policy: is a training due, may it be, and what is
 *	  to be done with its result.
 *
 * Training locks the model's row when it stores the version, and everything
 * here is one transaction with it: from then on no alias of the model moves
 * but by us, and version, comparison, decision and alias are committed
 * together.  An alias that was moved before, while we trained, stays where it
 * was put.
 *
 * A challenger wins if the metric on the rows held out is better by at least
 * min_gain and the 95 % interval of the gain (paired bootstrap) lies above 0; a
 * negative min_gain allows that much of a loss, and asks the interval to lie
 * above it.
 *
 * IDENTIFICATION
 *	  src/monitor/retrain_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "mlops/alert.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/lifecycle.h"
#include "mlops/retrain.h"

#define COMMAND "mlops.run_due_jobs()"
#define MIN_ROWS 30				/* to compare on */
#define ALERT_KIND "retraining"

/* Subjects of its alerts. */
#define ALERT_PROPOSAL "challenger"
#define ALERT_SKIPPED "skipped"

/* What was before. */
typedef struct History
{
	TimestampTz last;			/* begin of the last training that was not to fail; 0: none */
	bool		cooling;		/* the cooldown since then is not over */
	int64		runs;			/* in 30 days */
	TimestampTz since;			/* rows after this are new */
	int64		rows;			/* rows there were; -1: "since" is of the data, and says it all */
	char	   *drift;			/* open alerts, in words; NULL: none */
	char	   *performance;
} History;

/* Rights can have been taken away since the policy was made. */
static void
require_rights(const MlRetrainPolicy *policy)
{
	Oid			role = GetUserId();

	(void) mlops_registry_require(policy->model, role, ML_PRIVILEGE_TRAIN);
	if (policy->promote_alias == NULL || mlops_registry_may(policy->model_id, role, ML_PRIVILEGE_DEPLOY))
		return;
	mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_DEPLOY), "alias",
					   psprintf("%s@%s", policy->model, policy->promote_alias));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to move aliases of model \"%s\"", policy->model)));
}

/* Open alerts of some kinds about the champion or the model, seen since the last training; NULL: none. */
static char *
open_alerts(MlWriter *w, const MlRetrainRun *run, const char *kinds, bool major, TimestampTz since)
{
	int64		n;

	mlops_write_int8(w, run->policy.model_id);
	mlops_write_int4(w, run->champion);
	mlops_write_text(w, kinds);
	mlops_write_bool(w, major);
	if (since != 0)
		mlops_write_time(w, since);
	else
		mlops_write_null(w, TIMESTAMPTZOID);
	mlops_write_run(w, "SELECT count(*), min(kind || CASE WHEN subject <> '' THEN ' of ' || quote_ident(subject) ELSE '' END)"
					" FROM mlops_private.alert WHERE model_id = $1 AND version IN (0, $2)"
					" AND kind = ANY (string_to_array($3, ' ')) AND state IN ('open', 'acknowledged')"
					" AND (severity = 'major' OR NOT $4) AND ($5 IS NULL OR last_seen > $5)");
	n = DatumGetInt64(mlops_write_result(0, 1));
	if (n == 0)
		return NULL;
	return MemoryContextStrdup(w->caller, n == 1 ?
							   psprintf("alert: %s", mlops_write_string(w, 0, 2)) :
							   psprintf("alerts: %s and " INT64_FORMAT " more", mlops_write_string(w, 0, 2), n - 1));
}

static TimestampTz
time_or_0(int column)
{
	return mlops_write_isnull(0, column) ? 0 : DatumGetTimestampTz(mlops_write_result(0, column));
}

static int
alias_of(MlWriter *w, int64 model_id, const char *alias)
{
	mlops_write_int8(w, model_id);
	mlops_write_name(w, alias);
	if (mlops_write_run(w, "SELECT version FROM mlops_private.alias WHERE model_id = $1 AND alias = $2") == 0)
		return 0;
	return DatumGetInt32(mlops_write_result(0, 1));
}

/* What is compared with: what the alias to be moved points to, else the champion. */
static void
find_champion(MlWriter *w, MlRetrainRun *run)
{
	const MlRetrainPolicy *policy = &run->policy;

	run->alias_version = policy->promote_alias ? alias_of(w, policy->model_id, policy->promote_alias) : 0;
	run->champion = run->alias_version;
	if (run->champion == 0)
		run->champion = alias_of(w, policy->model_id, MLOPS_CHAMPION);
	if (run->champion == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no champion", policy->model)));
}

/* What is new is counted from the last training by a policy, or else from the champion's. */
static void
find_since(MlWriter *w, const MlRetrainRun *run, History *out)
{
	mlops_write_int8(w, run->policy.model_id);
	mlops_write_bool(w, run->policy.time_column != NULL);
	if (mlops_write_run(w, "SELECT coalesce(data_until, started),"
						" CASE WHEN $2 AND data_until IS NOT NULL THEN -1 ELSE rows_training + rows_holdout END"
						" FROM mlops_private.retraining WHERE model_id = $1 AND challenger IS NOT NULL"
						" ORDER BY started DESC LIMIT 1") == 0)
	{
		mlops_write_int8(w, run->policy.model_id);
		mlops_write_int4(w, run->champion);
		mlops_write_run(w, "SELECT trained_at, coalesce((facts ->> 'rows_seen')::bigint, 0)"
						" FROM mlops_private.version WHERE model_id = $1 AND version = $2");
	}
	out->since = DatumGetTimestampTz(mlops_write_result(0, 1));
	out->rows = DatumGetInt64(mlops_write_result(0, 2));
}

static void
look_back(MlRetrainRun *run, History *out)
{
	MlWriter	w;

	memset(out, 0, sizeof(*out));
	mlops_read_begin(&w);
	find_champion(&w, run);
	mlops_write_int8(&w, run->policy.model_id);
	mlops_write_datum(&w, INTERVALOID, IntervalPGetDatum(run->policy.cooldown));
	mlops_write_time(&w, run->started);
	mlops_write_run(&w, "SELECT max(started) FILTER (WHERE decision <> 'failed'),"
					" coalesce(max(started) FILTER (WHERE decision <> 'failed') > $3 - $2, false),"
					" count(*) FILTER (WHERE decision <> 'skipped' AND started > $3 - interval '30 days')"
					" FROM mlops_private.retraining WHERE model_id = $1");
	out->last = time_or_0(1);
	out->cooling = DatumGetBool(mlops_write_result(0, 2));
	out->runs = DatumGetInt64(mlops_write_result(0, 3));
	find_since(&w, run, out);
	out->drift = open_alerts(&w, run, "drift output_drift joint_drift model_drift", true, out->last);
	out->performance = open_alerts(&w, run, "performance", false, out->last);
	mlops_read_end(&w);
}

/*
 * So many rows more?  How new the rows were that the first champion was trained
 * on is not known: then those after its training count, or more than there were.
 */
static bool
has_new_rows(MlRetrainRun *run, const History *history)
{
	const MlRetrainPolicy *policy = &run->policy;
	int64		wanted = policy->new_rows;

	run->cause = psprintf(INT64_FORMAT " new rows or more", wanted);
	if (policy->time_column && mlops_retrain_count(policy, history->since, wanted) >= wanted)
		return true;
	return history->rows >= 0 &&
		mlops_retrain_count(policy, 0, history->rows + wanted) >= history->rows + wanted;
}

/* Does what the policy waits for hold?  Sets what it was. */
static bool
is_due(MlRetrainRun *run, const History *history)
{
	run->trigger = run->policy.trigger;
	if (run->policy.wanted != 0)
	{
		run->trigger = ML_RETRAIN_DRIFT;
		run->cause = history->drift ? history->drift : "asked for by the monitor";
		return true;
	}
	switch (run->policy.trigger)
	{
		case ML_RETRAIN_SCHEDULE:
			run->cause = "it was time";
			return true;
		case ML_RETRAIN_DRIFT:
			run->cause = history->drift;
			break;
		case ML_RETRAIN_PERFORMANCE:
			run->cause = history->performance;
			break;
		case ML_RETRAIN_NEW_ROWS:
			return has_new_rows(run, history);
	}
	return run->cause != NULL;
}

static void
clear_alert(MlWriter *w, int64 model_id, const char *subject)
{
	MlAlertKey	key = {model_id, 0, ALERT_KIND, subject};

	mlops_alert_clear(w, &key);
}

/* What the policy says of itself after a look.  What was proposed and is in use by now is no news. */
static void
note_outcome(MlWriter *w, const MlRetrainRun *run, const char *outcome)
{
	mlops_write_int8(w, run->policy.model_id);
	mlops_write_int4(w, run->champion);
	if (mlops_write_run(w, "SELECT 1 FROM mlops_private.retraining"
						" WHERE model_id = $1 AND challenger = $2 AND decision = 'proposed'") > 0)
		clear_alert(w, run->policy.model_id, ALERT_PROPOSAL);
	mlops_write_int8(w, run->policy.model_id);
	mlops_write_text(w, outcome);
	mlops_write_run(w, "UPDATE mlops_private.retrain_policy"
					" SET wanted = NULL, checked_at = clock_timestamp(), outcome = $2 WHERE model_id = $1");
}

static void
alert(MlWriter *w, const MlRetrainRun *run, const char *subject, const MlRetrainMeasure *measure)
{
	MlAlertKey	key = {run->policy.model_id, 0, ALERT_KIND, subject};
	MlAlertFacts facts;

	memset(&facts, 0, sizeof(facts));
	facts.severity = ML_DRIFT_WARNING;
	facts.method = measure ? run->policy.metric : NULL;
	facts.value = measure ? measure->gain : NAN;
	facts.threshold = measure ? run->policy.min_gain : NAN;
	mlops_alert_raise(w, &key, &facts);
}

static void
write_time_or_null(MlWriter *w, TimestampTz at)
{
	if (at != 0)
		mlops_write_time(w, at);
	else
		mlops_write_null(w, TIMESTAMPTZOID);
}

static void
write_version(MlWriter *w, int version)
{
	if (version != 0)
		mlops_write_int4(w, version);
	else
		mlops_write_null(w, INT4OID);
}

/* measure NULL: it did not come to it; request 0: none. */
static void
record(MlWriter *w, const MlRetrainRun *run, const MlRetrainMeasure *measure, int64 request)
{
	mlops_write_int8(w, run->policy.model_id);
	mlops_write_text(w, mlops_retrain_trigger_name(run->trigger));
	mlops_write_text(w, run->cause);
	mlops_write_text(w, run->policy.source);
	write_version(w, run->champion);
	write_version(w, run->challenger);
	mlops_write_int8(w, run->split.rows_training);
	mlops_write_int8(w, run->split.rows_holdout);
	write_time_or_null(w, run->split.from);
	write_time_or_null(w, run->split.cut);
	write_time_or_null(w, run->split.until);
	mlops_write_text(w, run->policy.metric);
	mlops_write_number(w, measure ? measure->value[0] : NAN);
	mlops_write_number(w, measure ? measure->value[1] : NAN);
	mlops_write_number(w, measure ? measure->gain : NAN);
	mlops_write_number(w, measure ? measure->low : NAN);
	mlops_write_number(w, measure ? measure->high : NAN);
	mlops_write_number(w, measure ? measure->p : NAN);
	mlops_write_text(w, run->decision);
	mlops_write_text(w, run->reason);
	mlops_write_int8(w, request);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_time(w, run->started);
	mlops_write_run(w, "INSERT INTO mlops_private.retraining"
					" (model_id, trigger_kind, cause, source, champion, challenger, rows_training, rows_holdout,"
					" data_from, data_cut, data_until, metric, champion_value, challenger_value, gain, gain_low,"
					" gain_high, p_value, decision, reason, request, run_by, started)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
					" $19, $20, nullif($21, 0), $22, $23)");
}

/* Due, and not to be; recorded where that is said to last. */
static bool
refuse(MlRetrainRun *run, bool recorded, char *reason)
{
	MlWriter	w;

	run->reason = reason;
	mlops_write_begin(&w, COMMAND);
	if (recorded)
	{
		run->decision = "skipped";
		record(&w, run, NULL, 0);
		alert(&w, run, ALERT_SKIPPED, NULL);
	}
	note_outcome(&w, run, reason);
	mlops_write_end(&w);
	return false;
}

bool
mlops_retrain_begin(int64 job_id, MlRetrainRun *run)
{
	History		history;

	memset(run, 0, sizeof(*run));
	run->started = GetCurrentTimestamp();
	if (!mlops_retrain_load(job_id, &run->policy))
	{
		run->reason = "the policy is gone";
		return false;
	}
	require_rights(&run->policy);
	mlops_retrain_budget(run->policy.budget, &run->budget);
	look_back(run, &history);
	if (!is_due(run, &history))
		return refuse(run, false, "nothing was due");
	/* what is done by time has its interval */
	if (history.cooling && run->trigger != ML_RETRAIN_SCHEDULE)
		return refuse(run, false, psprintf("%s, but the cooldown is not over", run->cause));
	if (run->budget.runs > 0 && history.runs >= run->budget.runs)
		return refuse(run, false, psprintf("%s, but the trainings of 30 days are used up", run->cause));
	mlops_recipe_read(run->policy.model_id, run->champion, &run->recipe);
	mlops_retrain_split(&run->policy, &run->recipe, &run->split);
	if (run->budget.rows > 0 && run->split.rows > run->budget.rows)
		return refuse(run, true, psprintf("the source has " INT64_FORMAT " rows, and the budget allows " INT64_FORMAT,
										  run->split.rows, run->budget.rows));
	if (run->split.rows_holdout < MIN_ROWS || run->split.rows_training < MIN_ROWS)
		return refuse(run, true, psprintf("there are " INT64_FORMAT " rows to train on and " INT64_FORMAT
										  " to compare on, and at least %d of each are needed",
										  run->split.rows_training, run->split.rows_holdout, MIN_ROWS));
	return true;
}

/* Has it won?  Says why, or why not. */
static bool
has_won(MlRetrainRun *run, const MlRetrainMeasure *m)
{
	double		min_gain = run->policy.min_gain;

	if (m->rows < MIN_ROWS || isnan(m->gain) || isnan(m->low))
	{
		run->reason = psprintf("%s is not defined for both on " INT64_FORMAT " rows", run->policy.metric, m->rows);
		return false;
	}
	run->reason = psprintf("%s %.6g against %.6g on " INT64_FORMAT " rows: gain %.3g (95 %% from %.3g to %.3g)",
						   run->policy.metric, m->value[1], m->value[0], m->rows, m->gain, m->low, m->high);
	return m->gain >= min_gain && m->low > Min(min_gain, 0);
}

/* Move the alias if nobody has in between, and governance lets it pass. */
static bool
try_promotion(MlRetrainRun *run)
{
	MlWriter	w;
	MlLocked	model;
	const char *alias = run->policy.promote_alias;
	bool		passed = false;

	mlops_write_begin(&w, COMMAND);
	mlops_registry_lock(&w, run->policy.model, ML_PRIVILEGE_DEPLOY, false, &model);
	if (mlops_alias_version(&w, &model, alias) != run->alias_version)
		run->reason = MemoryContextStrdup(w.caller, psprintf("%s; alias \"%s\" was moved meanwhile",
															 run->reason, alias));
	else if (mlops_gate_try(&w, &model, alias, run->challenger))
	{
		mlops_alias_move(&w, &model, alias, run->challenger, "retraining");
		passed = true;
	}
	mlops_write_end(&w);
	return passed;
}

/* Is a promotion of it to be asked for?  Then it is. */
static int64
try_request(MlRetrainRun *run)
{
	const char *alias = run->policy.promote_alias ? run->policy.promote_alias : MLOPS_CHAMPION;
	MlPromotion promotion;
	MlPolicy	policy;
	MlWriter	w;
	bool		protected;

	mlops_read_begin(&w);
	mlops_policy_load(&w, run->policy.model_id, &policy);
	protected = mlops_policy_protects(&policy, alias);
	mlops_read_end(&w);
	if (!protected)
		return 0;
	mlops_promotion_request(run->policy.model, run->challenger, alias,
							psprintf("retraining: %s", run->reason), NULL, &promotion);
	return promotion.request;
}

static Jsonb *
done_payload(const MlRetrainRun *run)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "trigger", mlops_retrain_trigger_name(run->trigger));
	mlops_jsonb_add_integer(&state, "champion", run->champion);
	mlops_jsonb_add_integer(&state, "challenger", run->challenger);
	mlops_jsonb_add_string(&state, "metric", run->policy.metric);
	mlops_jsonb_add_string(&state, "decision", run->decision);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* A winner that nobody uses yet is a candidate, where who trained it may say so. */
static void
mark_candidate(const MlRetrainRun *run)
{
	if (mlops_registry_may(run->policy.model_id, GetUserId(), ML_PRIVILEGE_DEPLOY))
		(void) mlops_stage_set(run->policy.model, run->challenger, "candidate");
}

static void
decide(MlRetrainRun *run, bool won, int64 *request)
{
	run->decision = "kept";
	if (!won)
		return;
	if (run->policy.promote_alias && try_promotion(run))
	{
		run->decision = "promoted";
		return;
	}
	mark_candidate(run);
	*request = try_request(run);
	run->decision = *request != 0 ? "requested" : "proposed";
}

void
mlops_retrain_conclude(MlRetrainRun *run, int challenger)
{
	MlRetrainMeasure measure;
	MlWriter	w;
	int64		request = 0;
	bool		won;

	run->challenger = challenger;
	/* the version is younger than the snapshot that we came with */
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	mlops_retrain_measure(run->policy.model_id, run->champion, challenger, run->split.holdout,
						  run->recipe.target, run->policy.metric, &measure);
	won = has_won(run, &measure);
	require_rights(&run->policy);
	decide(run, won, &request);
	PopActiveSnapshot();
	mlops_write_begin(&w, COMMAND);
	record(&w, run, &measure, request);
	note_outcome(&w, run, psprintf("%s: version %d, %s", run->cause, challenger, run->decision));
	if (strcmp(run->decision, "proposed") == 0)
		alert(&w, run, ALERT_PROPOSAL, &measure);
	else if (strcmp(run->decision, "kept") != 0)
		clear_alert(&w, run->policy.model_id, ALERT_PROPOSAL);
	clear_alert(&w, run->policy.model_id, ALERT_SKIPPED);
	mlops_audit_add(&w, "retrain.done", "model", run->policy.model, done_payload(run));
	mlops_write_end(&w);
}

void
mlops_retrain_failed(MlWriter *w, int64 job_id, const char *sqlstate, const char *message)
{
	mlops_write_int8(w, job_id);
	mlops_write_text(w, psprintf("%s (SQLSTATE %s)", message, sqlstate));
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "WITH p AS (UPDATE mlops_private.retrain_policy SET checked_at = clock_timestamp(),"
					" outcome = 'failed: ' || $2 WHERE job_id = $1 RETURNING model_id, trigger_kind, source, metric)"
					" INSERT INTO mlops_private.retraining (model_id, trigger_kind, cause, source, metric, decision,"
					" reason, run_by, started)"
					" SELECT model_id, trigger_kind, 'not known', source, metric, 'failed', $2, $3, now() FROM p");
}
