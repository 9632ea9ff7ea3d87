/*-------------------------------------------------------------------------
 *
 * job_retrain.c
 *	  Jobs of kind "retrain": one look of a retrain policy, and the training.
 *
 * The training is a call of mlops.train() by the job's owner like any other,
 * so what it may read, and whether it may train, is what it may at that moment.
 * Its time is bounded by a timer that cancels the statement.
 *
 * IDENTIFICATION
 *	  src/worker/job_retrain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timeout.h"

#include "mlops/job.h"
#include "mlops/jsonb_out.h"
#include "mlops/retrain.h"

static TimeoutId budget_timeout = MAX_TIMEOUTS;
static volatile sig_atomic_t budget_spent = false;

void
mlops_job_retrain_check(Jsonb *arguments)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("jobs of kind \"retrain\" are made by policies"),
			 errhint("Use mlops.retrain_policy().")));
}

/* As a statement_timeout does. */
static void
spend_budget(void)
{
	budget_spent = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static void
start_budget(double seconds)
{
	if (budget_timeout == MAX_TIMEOUTS)
		budget_timeout = RegisterTimeout(USER_TIMEOUT, spend_budget);
	budget_spent = false;
	if (seconds > 0)
		enable_timeout_after(budget_timeout, (int) Min(seconds * 1000 + 1, INT_MAX));
}

static Datum
features_array(const MlRecipe *recipe)
{
	Datum	   *names = palloc(sizeof(Datum) * recipe->nfeatures);

	for (int i = 0; i < recipe->nfeatures; i++)
	{
		Name		name = palloc0(sizeof(NameData));

		namestrcpy(name, recipe->features[i]);
		names[i] = NameGetDatum(name);
	}
	return PointerGetDatum(construct_array(names, recipe->nfeatures, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
}

/* The new version's number. */
static int
train(const MlRetrainRun *run)
{
	const MlRecipe *recipe = &run->recipe;
	Oid			types[] = {TEXTOID, TEXTOID, NAMEOID, TEXTOID, NAMEARRAYOID, JSONBOID, JSONBOID, NAMEOID, TEXTOID};
	Datum		values[9];
	char		nulls[] = "         ";
	NameData	target;
	NameData	weight;
	int			version;
	bool		isnull;

	namestrcpy(&target, recipe->target);
	namestrcpy(&weight, recipe->weight ? recipe->weight : "");
	values[0] = CStringGetTextDatum(run->policy.model);
	values[1] = CStringGetTextDatum(run->split.training);
	values[2] = NameGetDatum(&target);
	values[3] = CStringGetTextDatum(recipe->algorithm);
	values[4] = features_array(recipe);
	values[5] = JsonbPGetDatum(recipe->options);
	values[6] = JsonbPGetDatum(recipe->validation);
	values[7] = NameGetDatum(&weight);
	values[8] = CStringGetTextDatum(psprintf("retraining of version %d: %s", run->champion, run->cause));
	nulls[7] = recipe->weight ? ' ' : 'n';
	SPI_connect();
	if (SPI_execute_with_args("SELECT version FROM mlops.train(model => $1, source => $2, target => $3,"
							  " algorithm => $4, features => $5, options => $6, validation => $7,"
							  " weight => $8, note => $9)", 9, types, values, nulls, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "mlops.train() returned no row");
	version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return version;
}

/* An error of training, which is another where the timer was its cause. */
pg_noreturn static void
rethrow(MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (budget_spent && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("training took longer than the budget of the retrain policy")));
	ReThrowError(error);
	pg_unreachable();
}

/* Within the budget's time. */
static int
train_in_time(const MlRetrainRun *run)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int version = 0;

	start_budget(run->budget.seconds);
	PG_TRY();
	{
		version = train(run);
		if (run->budget.seconds > 0)
			disable_timeout(budget_timeout, false);
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		if (run->budget.seconds > 0)
			disable_timeout(budget_timeout, false);
		rethrow(context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return version;
}

static Jsonb *
describe(const MlRetrainRun *run)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "model", run->policy.model);
	if (run->decision)
		mlops_jsonb_add_string(&state, "decision", run->decision);
	if (run->challenger != 0)
		mlops_jsonb_add_integer(&state, "version", run->challenger);
	mlops_jsonb_add_string(&state, "reason", run->reason);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Its model or policy was dropped while it ran: it is not done again. */
static void
end_job(int64 job_id)
{
	MlWriter	w;

	mlops_write_begin(&w, "mlops.run_due_jobs()");
	mlops_write_int8(&w, job_id);
	mlops_write_run(&w, "UPDATE mlops_private.job SET every = NULL WHERE job_id = $1");
	mlops_write_end(&w);
}

bool
mlops_job_retrain_step(const MlJob *job, MlJobWork *work)
{
	MlRetrainRun run;

	if (mlops_retrain_begin(job->job_id, &run))
	{
		mlops_retrain_conclude(&run, train_in_time(&run));
		work->rows = run.split.rows_training;
	}
	else if (run.policy.model == NULL)
		end_job(job->job_id);
	work->detail = describe(&run);
	return false;
}
