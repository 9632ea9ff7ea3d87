/*-------------------------------------------------------------------------
 *
 * monitor_api.c
 *	  SQL: monitor(), unmonitor(), run_monitor().
 *
 * IDENTIFICATION
 *	  src/api/monitor_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "mlops/job.h"
#include "mlops/jsonb_out.h"
#include "mlops/monitor.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_monitor);
PG_FUNCTION_INFO_V1(mlops_unmonitor);
PG_FUNCTION_INFO_V1(mlops_run_monitor);

static Datum
interval_datum(int64 us)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->day = (int32) (us / USECS_PER_DAY);
	interval->time = us % USECS_PER_DAY;
	return IntervalPGetDatum(interval);
}

static void
read_wish(FunctionCallInfo fcinfo, MlMonitorWish *wish)
{
	memset(wish, 0, sizeof(*wish));
	wish->model = mlops_arg_required(fcinfo, 0, "model");
	wish->every = PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1);
	wish->width = PG_ARGISNULL(2) ? NULL : PG_GETARG_INTERVAL_P(2);
	wish->thresholds = mlops_arg_jsonb(fcinfo, 3);
	wish->has_segments = !PG_ARGISNULL(4);
	if (wish->has_segments)
		wish->segments = mlops_text_list(PG_GETARG_ARRAYTYPE_P(4), "segments");
	wish->on_drift = mlops_arg_text(fcinfo, 5);
	wish->lateness = PG_ARGISNULL(6) ? NULL : PG_GETARG_INTERVAL_P(6);
}

/* The interval that the job would have, before anything is stored. */
static void
check_every(const MlMonitorWish *wish)
{
	MlJobPlan	plan;

	memset(&plan, 0, sizeof(plan));
	plan.every = wish->every;
	plan.arguments = mlops_jsonb_one("model", wish->model);
	plan.start = GetCurrentTimestamp();
	mlops_job_plan_check(&plan);
}

static Datum
segments_datum(List *segments)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(segments), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, segments)
		values[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
mlops_monitor(PG_FUNCTION_ARGS)
{
	MlMonitorWish wish;
	MlMonitor	m;
	MlWriter	w;
	int64		job_id;
	char	   *job;
	Datum		values[9];
	bool		nulls[9] = {0};

	read_wish(fcinfo, &wish);
	mlops_monitor_check(&wish);
	check_every(&wish);
	mlops_write_begin(&w, "mlops.monitor()");
	(void) mlops_monitor_set(&w, &wish, &m);
	job_id = mlops_job_of_monitor(&w, &m, &job);
	mlops_monitor_planned(&w, &m, job_id);
	mlops_write_end(&w);
	values[0] = CStringGetTextDatum(m.model);
	values[1] = IntervalPGetDatum(m.every);
	values[2] = interval_datum(m.width_us);
	values[3] = JsonbPGetDatum(mlops_thresholds_json(&m.thresholds));
	values[4] = segments_datum(m.segments);
	values[5] = CStringGetTextDatum(m.on_drift);
	values[6] = interval_datum(m.lateness_us);
	values[7] = Int32GetDatum(m.revision);
	values[8] = CStringGetTextDatum(job);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_unmonitor(PG_FUNCTION_ARGS)
{
	char	   *model = mlops_arg_required(fcinfo, 0, "model");
	MlMonitor	m;
	MlWriter	w;
	Datum		values[2];
	bool		nulls[2] = {0};

	mlops_name_check(model, "a model");
	mlops_write_begin(&w, "mlops.unmonitor()");
	mlops_monitor_drop(&w, model, &m);
	mlops_job_remove_number(&w, m.job_id);
	mlops_write_end(&w);
	values[0] = CStringGetTextDatum(model);
	values[1] = Int32GetDatum(m.revision);
	return mlops_result_row(fcinfo, values, nulls);
}

/* as_of NULL: now */
Datum
mlops_run_monitor(PG_FUNCTION_ARGS)
{
	char	   *model = mlops_arg_required(fcinfo, 0, "model");
	TimestampTz as_of = PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1);
	MlMonitorRun run;
	Datum		values[8];
	bool		nulls[8] = {0};

	if (!PG_ARGISNULL(1) && TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of must be finite")));
	mlops_monitor_run("mlops.run_monitor()", model, as_of, &run);
	values[0] = CStringGetTextDatum(model);
	values[1] = Int64GetDatum(run.rows);
	values[2] = Int64GetDatum(run.late);
	values[3] = Int32GetDatum(run.windows);
	values[4] = Int32GetDatum(run.raised);
	values[5] = Int32GetDatum(run.cleared);
	values[6] = TimestampTzGetDatum(run.published_until);
	nulls[6] = TIMESTAMP_IS_NOBEGIN(run.published_until);
	values[7] = BoolGetDatum(run.more);
	return mlops_result_row(fcinfo, values, nulls);
}
