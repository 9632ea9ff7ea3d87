/*-------------------------------------------------------------------------
 *
 * importance_api.c
 *	  SQL: importance() by permutation, for a model of any algorithm.
 *
 * A feature matters as much as a metric gets worse when its values are dealt
 * out among the rows at random [1]: everything else stays as it is, the model
 * included.  The mean over several deals is reported, and their standard
 * deviation (scikit-learn's permutation_importance).
 *
 * Rows are put in an order of their own, by what is in them, before they are
 * dealt: the source's order and its plan change nothing.
 *
 * [1] Fisher, Rudin, Dominici: All Models are Wrong, but Many are Useful, 2019
 *
 * IDENTIFICATION
 *	  src/api/importance_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/metrics.h"
#include "mlops/numeric.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_permutation_name);
PG_FUNCTION_INFO_V1(mlops_permutation_value);

enum
{
	ARG_MODEL, ARG_METHOD, ARG_SOURCE, ARG_TARGET, ARG_OPTIONS
};

static const MlParamDef permutation_params[] = {
	{"metric", ML_PARAM_CHOICE, 0, 0, 0,
		"auto|rmse|mae|r2|mape|accuracy|precision_score|recall_score|f1|auc|log_loss|brier|ece",
	"what gets worse; auto: rmse for numbers, log_loss for classes"},
	{"n_repeats", ML_PARAM_INTEGER, 5, 1, 1000, NULL,
	"times that each feature is dealt out"},
	{"seed", ML_PARAM_INTEGER, 0, 0, MLOPS_MAX_SEED, NULL,
	"decides how"},
	{NULL}
};

typedef struct Rows
{
	const MlModel *model;
	MemoryContext context;
	int64		n;
	int64		room;
	int			width;
	double	   *x;
	double	   *y;
	uint32	   *order;			/* by content */
	uint64	   *hash;
	/* while measuring */
	const char *metric;
	MlBlock		block;
	double	   *out;
} Rows;

/* Bytes of so many rows, and refuse what is too much. */
static void
reserve_rows(Rows *rows, int64 room)
{
	Size		row = sizeof(double) * (rows->width + 1) + sizeof(uint64) + 2 * sizeof(uint32);

	mlops_budget_check(mul_size(row, room), mlops_guc_training_memory, "mlops.training_memory",
					   "Measure on fewer rows, or raise mlops.training_memory.");
	if (rows->room == 0)
	{
		rows->x = MemoryContextAllocHuge(rows->context, mul_size(sizeof(double) * Max(rows->width, 1), room));
		rows->y = MemoryContextAllocHuge(rows->context, mul_size(sizeof(double), room));
	}
	else
	{
		rows->x = repalloc_huge(rows->x, mul_size(sizeof(double) * Max(rows->width, 1), room));
		rows->y = repalloc_huge(rows->y, mul_size(sizeof(double), room));
	}
	rows->room = room;
}

static void
keep_block(void *arg, const MlBlock *block)
{
	Rows	   *rows = arg;

	if (rows->n + block->nrows > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("importance by permutation takes at most %d rows", PG_INT32_MAX)));
	if (rows->n + block->nrows > rows->room)
		reserve_rows(rows, Max(rows->room * 2, MLOPS_BLOCK_ROWS));
	memcpy(rows->x + rows->n * rows->width, block->x,
		   sizeof(double) * block->nrows * (Size) rows->width);
	memcpy(rows->y + rows->n, block->y, sizeof(double) * block->nrows);
	rows->n += block->nrows;
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const Rows *rows = arg;
	uint64		x = rows->hash[*(const uint32 *) a];
	uint64		y = rows->hash[*(const uint32 *) b];

	CHECK_FOR_INTERRUPTS();
	return x < y ? -1 : x > y;
}

static void
order_rows(Rows *rows)
{
	rows->hash = MemoryContextAllocHuge(rows->context, sizeof(uint64) * rows->n);
	rows->order = MemoryContextAllocHuge(rows->context, sizeof(uint32) * rows->n);
	for (int64 i = 0; i < rows->n; i++)
	{
		uint64		word;

		if (i % MLOPS_BLOCK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(&word, &rows->y[i], sizeof(word));
		rows->hash[i] = mlops_hash_bytes(rows->x + i * rows->width,
										 sizeof(double) * rows->width, word);
		rows->order[i] = i;
	}
	qsort_arg(rows->order, rows->n, sizeof(uint32), compare_rows, rows);
}

/* A deal: for every place in the order the row whose values it gets. */
static void
deal_rows(const Rows *rows, uint64 seed, uint32 *from)
{
	memcpy(from, rows->order, sizeof(uint32) * rows->n);
	for (int64 i = rows->n - 1; i > 0; i--)
	{
		int64		j = mlops_hash_mix(seed, i) % (uint64) (i + 1);
		uint32		swap = from[i];

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		from[i] = from[j];
		from[j] = swap;
	}
}

/* The metric, larger is better; feature (can be NULL) with the values of other rows. */
static double
measure(Rows *rows, const MlFeature *feature, const uint32 *from)
{
	static const char *const losses[] = {"rmse", "mae", "mape", "log_loss", "brier", "ece"};
	const MlModel *model = rows->model;
	MlBlock    *block = &rows->block;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops importance",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlMetrics  *metrics = mlops_metrics_begin(model->sig->task, model->sig->nclasses);
	double		value = NAN;
	MlMetric   *m;
	int			n;

	for (int64 start = 0; start < rows->n; start += MLOPS_BLOCK_ROWS)
	{
		CHECK_FOR_INTERRUPTS();
		block->nrows = Min(MLOPS_BLOCK_ROWS, rows->n - start);
		for (int i = 0; i < block->nrows; i++)
		{
			double	   *x = block->x + (Size) i * rows->width;
			Size		row = rows->order[start + i];

			memcpy(x, rows->x + row * rows->width, sizeof(double) * rows->width);
			block->y[i] = rows->y[row];
			if (feature)
				memcpy(x + feature->slot,
					   rows->x + (Size) from[start + i] * rows->width + feature->slot,
					   sizeof(double) * feature->width);
		}
		model->algo->predict(model->sig, model->body, block, rows->out);
		mlops_metrics_add(metrics, block->nrows, block->y, rows->out, NULL);
	}
	m = mlops_metrics_finish(metrics, &n);
	for (int i = 0; i < n; i++)
		if (strcmp(m[i].name, rows->metric) == 0)
			value = m[i].value;
	for (size_t i = 0; i < lengthof(losses); i++)
		if (strcmp(rows->metric, losses[i]) == 0)
			value = -value;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return value;
}

/* Option "metric", or the one that decides for auto. */
static const char *
choose_metric(const MlParams *params, const MlSignature *sig)
{
	int			choice = mlops_param_choice(params, "metric");
	const char *name;
	MlMetric   *m;
	int			n;

	if (choice == 0)
		return sig->task == ML_TASK_REGRESSION ? "rmse" : "log_loss";
	name = mlops_param_choice_name(&permutation_params[0], choice);
	m = mlops_metrics_finish(mlops_metrics_begin(sig->task, sig->nclasses), &n);
	for (int i = 0; i < n; i++)
		if (strcmp(m[i].name, name) == 0)
			return name;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("metric \"%s\" does not apply to this model", name)));
}

static void
put_importance(ReturnSetInfo *rsinfo, const char *feature, const double *drop, int n)
{
	Datum		values[3];
	bool		nulls[3] = {0};
	double		mean = 0;
	double		squares = 0;

	for (int i = 0; i < n; i++)
		mean += drop[i] / n;
	for (int i = 0; i < n; i++)
		squares += (drop[i] - mean) * (drop[i] - mean);
	values[0] = CStringGetTextDatum(feature);
	values[1] = Float8GetDatum(mean);
	values[2] = Float8GetDatum(sqrt(squares / n));
	nulls[1] = nulls[2] = !isfinite(mean);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
require_permutation(FunctionCallInfo fcinfo)
{
	mlops_arg_require(fcinfo, ARG_METHOD, "method");
	mlops_arg_require(fcinfo, ARG_SOURCE, "source");
	if (strcmp(mlops_arg_text(fcinfo, ARG_METHOD), "permutation") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("with a source, method must be \"permutation\""),
				 errhint("Other methods look at the model alone and take no source.")));
}

static void
read_rows(FunctionCallInfo fcinfo, Rows *rows)
{
	const MlSignature *sig = rows->model->sig;
	const char *target = mlops_arg_name(fcinfo, ARG_TARGET);
	int64		nskipped;

	if (target == NULL)
		target = sig->target;
	if (target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("target must not be null"),
				 errdetail("The model does not name a target column.")));
	mlops_fetch_blocks(mlops_source_open(mlops_arg_text(fcinfo, ARG_SOURCE)),
					   sig, target, NULL, keep_block, rows, &nskipped);
	if (rows->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("source has no row to measure on")));
	order_rows(rows);
	rows->block.width = rows->width;
	rows->block.x = MemoryContextAllocHuge(rows->context,
										   sizeof(double) * MLOPS_BLOCK_ROWS * Max(rows->width, 1));
	rows->block.y = palloc(sizeof(double) * MLOPS_BLOCK_ROWS);
	rows->out = palloc(sizeof(double) * MLOPS_BLOCK_ROWS * Max(sig->nclasses, 1));
}

static Datum
permutation(FunctionCallInfo fcinfo, const MlModel *model)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MlParams   *params;
	Rows		rows;
	uint64		seed;
	int			n;
	double	   *drop;
	uint32	   *from;
	double		intact;

	require_permutation(fcinfo);
	params = mlops_params_parse(mlops_arg_jsonb(fcinfo, ARG_OPTIONS), permutation_params, NULL,
								"mlops.importance()");
	memset(&rows, 0, sizeof(rows));
	rows.model = model;
	rows.context = CurrentMemoryContext;
	rows.width = model->sig->width;
	rows.metric = choose_metric(params, model->sig);
	read_rows(fcinfo, &rows);
	InitMaterializedSRF(fcinfo, 0);

	seed = mlops_param_integer(params, "seed");
	n = mlops_param_integer(params, "n_repeats");
	drop = palloc(sizeof(double) * n);
	from = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * rows.n);
	intact = measure(&rows, NULL, NULL);
	for (int f = 0; f < model->sig->nfeatures; f++)
	{
		const MlFeature *feature = &model->sig->features[f];

		for (int r = 0; r < n; r++)
		{
			deal_rows(&rows, mlops_hash_mix(mlops_hash_mix(seed, f), r), from);
			drop[r] = intact - measure(&rows, feature, from);
		}
		put_importance(rsinfo, feature->name, drop, n);
	}
	return (Datum) 0;
}

Datum
mlops_permutation_name(PG_FUNCTION_ARGS)
{
	return permutation(fcinfo, mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_PREDICT));
}

Datum
mlops_permutation_value(PG_FUNCTION_ARGS)
{
	return permutation(fcinfo, mlops_arg_model_by_value(fcinfo));
}
