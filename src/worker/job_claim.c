/*-------------------------------------------------------------------------
 *
 * job_claim.c
 *	  The states of a job: idle, running, idle again or suspended.
 *
 * A session that claims a job commits that before it begins, so a crash leaves
 * a row that says "running".  Whether somebody is at it is asked of the
 * server, not of the clock: the session (pid and start) must be there, and
 * once the lease is over, which covers the moment between claim and begin, the
 * row of the run must be locked, as it is while the work goes on.  No row
 * holds a mark that must be taken away again, and there are no advisory locks,
 * which anybody can take.
 *
 * IDENTIFICATION
 *	  src/worker/job_claim.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "mlops/job.h"

#include "job_private.h"

#define LEASE_SECONDS	60
#define RETRY_SECONDS	30.0	/* after the first failure; doubles with each one */
#define CRASH_SECONDS	300.0	/* at least, after a crash */
#define KEEP_RUNS		"1000"
#define KEEP_AGE		"'90 days'"

/* The job is the role's, which is $1 by its name today. */
#define MINE "mlops_private.current_owner(owner_oid, owner_name, owner_system) = $1"

/* What a row that is not running says. */
#define NOT_RUNNING "cancel_requested = false, lease_until = NULL, running_run = NULL," \
	" running_pid = NULL, running_backend_start = NULL, running_system = NULL"

/* The first time after now that is a whole number of intervals after first_due. */
#define NEXT_SLOT \
	"(SELECT min(s.slot) FROM (SELECT floor(greatest(extract(epoch FROM clock_timestamp() - j.first_due)" \
	" / extract(epoch FROM j.every), 0))::bigint AS n) q," \
	" generate_series(greatest(q.n - 2 - CASE WHEN j.every >= '28 days' THEN q.n / 60 ELSE 0 END, 0), q.n + 2) AS i (i)," \
	" LATERAL (SELECT j.first_due + j.every * i.i AS slot) s" \
	" WHERE s.slot > clock_timestamp())"

/* Seconds to wait after so many failures; not the same for all jobs, so that they do not come all at once. */
static double
backoff(int64 job_id, int failures)
{
	double		jitter = (double) ((uint64) job_id * UINT64CONST(7919) % 257) / 256.0 - 0.5;

	return RETRY_SECONDS * pow(2.0, Min(failures, 10)) * (1.0 + 0.25 * jitter);
}

/* A run whose session is gone.  One that was to be done once is tried again. */
static void
mark_crashed(MlWriter *w, int64 job_id, int64 run_id, int failures)
{
	double		wait = Max(backoff(job_id, failures), CRASH_SECONDS);

	mlops_write_int8(w, run_id);
	mlops_write_run(w, "UPDATE mlops_private.job_run SET state = 'crashed', ended_at = clock_timestamp(),"
					" message = 'the session or the server ended' WHERE run_id = $1 AND state = 'running'");
	mlops_write_int8(w, job_id);
	mlops_write_float8(w, wait);
	mlops_write_int4(w, MLOPS_JOB_MAX_FAILURES);
	mlops_write_run(w, "UPDATE mlops_private.job SET failures = failures + 1, crash_count = crash_count + 1,"
					" state = CASE WHEN failures + 1 >= $3 THEN 'suspended' ELSE 'idle' END,"
					" next_due = clock_timestamp() + make_interval(secs => $2), " NOT_RUNNING
					" WHERE job_id = $1 RETURNING state = 'suspended'");
	if (DatumGetBool(mlops_write_result(0, 1)))
		mlops_job_alert(w, job_id);
}

/* Is nobody at this run, though its row says so?  The job's row is locked. */
static bool
is_abandoned(MlWriter *w, int64 run_id, int pid, TimestampTz backend_start, bool lapsed)
{
	Oid			user;

	if (pid == MyProcPid && backend_start == MyStartTimestamp)
		return true;			/* one at a time in a session, and it begins now */
	if (!mlops_job_session_alive(pid, backend_start, &user))
		return true;
	if (!lapsed)
		return false;
	mlops_write_int8(w, run_id);
	return mlops_write_run(w, "SELECT 1 FROM mlops_private.job_run WHERE run_id = $1"
						   " FOR UPDATE SKIP LOCKED") > 0;
}

typedef struct Running
{
	int64		job_id;
	int64		run_id;
	int			pid;
	TimestampTz backend_start;
	bool		here;
	bool		lapsed;
	int			failures;
} Running;

static void
end_abandoned(MlWriter *w)
{
	Running    *running;
	int			n;

	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_int8(w, mlops_this_system());
	n = (int) mlops_write_run(w, "SELECT job_id, running_run, running_pid, running_backend_start,"
							  " running_system = $2, lease_until < clock_timestamp(), failures"
							  " FROM mlops_private.job WHERE state = 'running' AND " MINE
							  " ORDER BY job_id FOR UPDATE SKIP LOCKED");
	running = palloc((n + 1) * sizeof(Running));
	for (int i = 0; i < n; i++)
	{
		running[i].job_id = DatumGetInt64(mlops_write_result(i, 1));
		running[i].run_id = DatumGetInt64(mlops_write_result(i, 2));
		running[i].pid = DatumGetInt32(mlops_write_result(i, 3));
		running[i].backend_start = DatumGetTimestampTz(mlops_write_result(i, 4));
		running[i].here = DatumGetBool(mlops_write_result(i, 5));
		running[i].lapsed = DatumGetBool(mlops_write_result(i, 6));
		running[i].failures = DatumGetInt32(mlops_write_result(i, 7));
	}
	for (int i = 0; i < n; i++)
		if (!running[i].here ||
			is_abandoned(w, running[i].run_id, running[i].pid, running[i].backend_start, running[i].lapsed))
			mark_crashed(w, running[i].job_id, running[i].run_id, running[i].failures);
}

void
mlops_jobs_tidy(MlWriter *w)
{
	end_abandoned(w);
	/* what was done once, long ago */
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "DELETE FROM mlops_private.job j WHERE every IS NULL AND next_due IS NULL AND state = 'idle'"
					" AND created < clock_timestamp() - interval " KEEP_AGE " AND " MINE
					" AND NOT EXISTS (SELECT 1 FROM mlops_private.job_run r WHERE r.job_id = j.job_id"
					" AND r.started_at >= clock_timestamp() - interval " KEEP_AGE ")");
}

bool
mlops_job_claim(MlWriter *w, MlJob *out)
{
	MemoryContext old;
	char	   *kind;

	mlops_write_name(w, NameStr(w->role_name));
	if (mlops_write_run(w, "SELECT job_id, name, kind, arguments, every IS NULL, failures, search_path"
						" FROM mlops_private.job WHERE state = 'idle' AND next_due <= clock_timestamp() AND " MINE
						" ORDER BY next_due, job_id LIMIT 1 FOR UPDATE SKIP LOCKED") == 0)
		return false;
	old = MemoryContextSwitchTo(w->caller);
	out->job_id = DatumGetInt64(mlops_write_result(0, 1));
	out->arguments = DatumGetJsonbPCopy(mlops_write_result(0, 4));
	MemoryContextSwitchTo(old);
	out->name = mlops_write_string(w, 0, 2);
	kind = mlops_write_string(w, 0, 3);
	out->kind = mlops_job_kind(kind);
	out->once = DatumGetBool(mlops_write_result(0, 5));
	out->failures = DatumGetInt32(mlops_write_result(0, 6));
	out->search_path = mlops_write_string(w, 0, 7);
	mlops_write_int8(w, out->job_id);
	mlops_write_run(w, "INSERT INTO mlops_private.job_run (job_id, started_at)"
					" VALUES ($1, clock_timestamp()) RETURNING run_id");
	out->run_id = DatumGetInt64(mlops_write_result(0, 1));
	mlops_write_int8(w, out->job_id);
	mlops_write_int8(w, out->run_id);
	mlops_write_int4(w, MyProcPid);
	mlops_write_time(w, MyStartTimestamp);
	mlops_write_int4(w, LEASE_SECONDS);
	mlops_write_role(w, w->role);
	mlops_write_run(w, "UPDATE mlops_private.job SET state = 'running', running_run = $2, running_pid = $3,"
					" running_backend_start = $4, lease_until = clock_timestamp() + make_interval(secs => $5),"
					" owner_oid = $6, owner_name = $7, owner_system = $8, running_system = $8,"
					" cancel_requested = false WHERE job_id = $1");
	return true;
}

bool
mlops_job_hold(MlWriter *w, const MlJob *job)
{
	mlops_write_int8(w, job->run_id);
	return mlops_write_run(w, "SELECT 1 FROM mlops_private.job_run"
						   " WHERE run_id = $1 AND state = 'running' FOR UPDATE") > 0;
}

bool
mlops_job_cancelled(MlWriter *w, const MlJob *job)
{
	mlops_write_int8(w, job->job_id);
	mlops_write_int4(w, LEASE_SECONDS);
	return mlops_write_run(w, "UPDATE mlops_private.job"
						   " SET lease_until = clock_timestamp() + make_interval(secs => $2)"
						   " WHERE job_id = $1 RETURNING cancel_requested") > 0 &&
		DatumGetBool(mlops_write_result(0, 1));
}

static void
end_run(MlWriter *w, const MlJob *job, MlJobOutcome outcome, const MlJobWork *work,
		const char *sqlstate, const char *message)
{
	static const char *const words[] = {"succeeded", "failed", "cancelled", "cancelled"};

	mlops_write_int8(w, job->run_id);
	mlops_write_text(w, words[outcome]);
	mlops_write_text(w, sqlstate);
	mlops_write_text(w, message);
	mlops_write_int8(w, work->rows);
	mlops_write_jsonb(w, work->detail);
	mlops_write_run(w, "UPDATE mlops_private.job_run SET state = $2, sqlstate = $3, message = $4,"
					" rows = nullif($5, -1), detail = $6, ended_at = clock_timestamp() WHERE run_id = $1");
	mlops_write_int8(w, job->job_id);
	mlops_write_run(w, "DELETE FROM mlops_private.job_run WHERE job_id = $1 AND state <> 'running'"
					" AND (ended_at < clock_timestamp() - interval " KEEP_AGE
					" OR run_id <= (SELECT r.run_id FROM mlops_private.job_run r WHERE r.job_id = $1"
					" ORDER BY r.run_id DESC OFFSET " KEEP_RUNS " LIMIT 1))");
}

bool
mlops_job_finish(MlWriter *w, const MlJob *job, MlJobOutcome outcome, const MlJobWork *work,
				 const char *sqlstate, const char *message)
{
	bool		suspended;

	end_run(w, job, outcome, work, sqlstate, message);
	mlops_write_int8(w, job->job_id);
	mlops_write_int8(w, job->run_id);
	if (outcome == ML_JOB_FAILED)
	{
		mlops_write_float8(w, backoff(job->job_id, job->failures));
		mlops_write_int4(w, MLOPS_JOB_MAX_FAILURES);
		mlops_write_run(w, "UPDATE mlops_private.job j SET failures = failures + 1,"
						" state = CASE WHEN failures + 1 >= $4 THEN 'suspended' ELSE 'idle' END,"
						" next_due = clock_timestamp() + CASE WHEN every IS NOT NULL"
						" THEN least(every, make_interval(secs => $3)) END, " NOT_RUNNING
						" WHERE job_id = $1 AND running_run = $2 RETURNING state = 'suspended'");
	}
	else if (outcome == ML_JOB_INTERRUPTED)
		mlops_write_run(w, "UPDATE mlops_private.job SET state = 'idle', " NOT_RUNNING
						" WHERE job_id = $1 AND running_run = $2 RETURNING false");
	else
	{
		mlops_write_bool(w, outcome == ML_JOB_SUCCEEDED);
		mlops_write_run(w, "UPDATE mlops_private.job j SET state = 'idle',"
						" failures = CASE WHEN $3 THEN 0 ELSE failures END,"
						" crash_count = CASE WHEN $3 THEN 0 ELSE crash_count END,"
						" next_due = CASE WHEN every IS NOT NULL THEN " NEXT_SLOT " END, " NOT_RUNNING
						" WHERE job_id = $1 AND running_run = $2 RETURNING false");
	}
	suspended = DatumGetBool(mlops_write_result(0, 1));
	if (suspended)
		mlops_job_alert(w, job->job_id);
	return suspended;
}
