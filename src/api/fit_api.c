/*-------------------------------------------------------------------------
 *
 * fit_api.c
 *	  SQL: fit(algorithm, target, x [, options]), an aggregate that gives a
 *	  model per group.
 *
 * Least squares needs one pass: its state is the algorithm's partial, of a
 * size that does not depend on the rows, combined by parallel workers and
 * shards.  Other algorithms buffer their group up to mlops.fit_memory and are
 * trained by the final function.
 *
 * Rows with a missing value (NULL target, NULL x, NULL or NaN in x) are left
 * out, as SQL's own regr_ aggregates do, or are an error with option
 * {"missing": "error"}.
 *
 * IDENTIFICATION
 *	  src/api/fit_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "fit_state.h"
#include "mlops/base.h"
#include "mlops/jsonb_out.h"
#include "mlops/model.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_fit_step_number);
PG_FUNCTION_INFO_V1(mlops_fit_step_text);
PG_FUNCTION_INFO_V1(mlops_fit_step_bool);
PG_FUNCTION_INFO_V1(mlops_fit_combine);
PG_FUNCTION_INFO_V1(mlops_fit_final);

#define FIT_HINT "Use mlops.train(), which holds rows outside the aggregate, or raise mlops.fit_memory."

enum
{
	ARG_STATE, ARG_ALGORITHM, ARG_TARGET, ARG_X, ARG_OPTIONS
};

/* fit() sees each row once and knows nothing of columns */
static const MlParamDef fit_params[] = {
	{"class_weight", ML_PARAM_JSON, 0, 0, 0, NULL,
	"\"balanced\", or an object of class to factor; classification only"},
	{"missing", ML_PARAM_CHOICE, 0, 0, 0, "skip|error",
	"whether a row with a missing value is left out or an error"},
	{NULL}
};

/* trees choose rows and columns at random */
static const MlParamDef fit_tree_params[] = {
	{"class_weight", ML_PARAM_JSON, 0, 0, 0, NULL,
	"\"balanced\", or an object of class to factor; classification only"},
	{"missing", ML_PARAM_CHOICE, 0, 0, 0, "skip|error",
	"whether a row with a missing value is left out or an error"},
	{"seed", ML_PARAM_INTEGER, 0, 0, MLOPS_MAX_SEED, NULL,
	"decides every random choice of the training"},
	{NULL}
};

static void
report_changed(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s of aggregate fit must be the same for all rows of a group", what)));
}

static void
refuse_option(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("aggregate fit does not take option \"%s\"", name),
			 errhint("Use mlops.train(), which reads a source more than once and knows versions.")));
}

static MlParams *
parse_jsonb(Jsonb *options, const MlAlgo *algo)
{
	MlParams   *params = mlops_params_parse(options, algo->train_trees ? fit_tree_params : fit_params,
											algo->params,
											psprintf("algorithm \"%s\" in fit", algo->name));

	if (mlops_param_exists(params, "n_iter_no_change") &&
		mlops_param_integer(params, "n_iter_no_change") > 0)
		refuse_option("n_iter_no_change");
	if (mlops_param_exists(params, "warm_start") && mlops_param_boolean(params, "warm_start"))
		refuse_option("warm_start");
	return params;
}

static MlParams *
parse_options(const FitState *s, const MlAlgo *algo)
{
	Jsonb	   *options = NULL;

	if (s->options_len > 0)
		options = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
													 CStringGetDatum(pnstrdup(FIT_OPTIONS(s), s->options_len))));
	return parse_jsonb(options, algo);
}

/* One array feature "x"; the rest of a signature does not apply to fit(). */
static MlSignature *
make_signature(const FitState *s)
{
	MlSignature *sig = palloc0(sizeof(MlSignature));
	MlFeature  *x = palloc0(sizeof(MlFeature));

	x->name = "x";
	x->type = ML_COLUMN_ARRAY;
	x->missing = s->skip_missing ? ML_MISSING_SKIP : ML_MISSING_ERROR;
	x->width = s->width;
	sig->task = ML_TASK_REGRESSION;
	sig->target_type = ML_COLUMN_NUMBER;
	sig->nfeatures = 1;
	sig->features = x;
	sig->width = s->width;
	return sig;
}

static void
init_train(MlTrain *tr, const FitState *s, const MlAlgo *algo, MlParams *params)
{
	memset(tr, 0, sizeof(*tr));
	tr->sig = make_signature(s);
	tr->params = params;
	tr->nterms = s->width + 1;
	tr->nrows = -1;
	algo->begin(tr);
}

/* A state with room for payload_len bytes of payload, header and options set. */
static FitState *
alloc_state(const FitState *head, const char *options, Size payload_len)
{
	Size		size = FIT_PAYLOAD_OFFSET(head) + payload_len;
	FitState   *s;

	mlops_budget_check(size, mlops_guc_fit_memory, "mlops.fit_memory", FIT_HINT);
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("state of aggregate fit would exceed %zu bytes", (Size) MaxAllocSize),
				 errhint(FIT_HINT)));
	s = palloc0(size);
	memcpy(s, head, sizeof(FitState));
	SET_VARSIZE(s, size);
	s->payload_len = payload_len;
	if (head->options_len > 0)
		memcpy(FIT_OPTIONS(s), options, head->options_len);
	return s;
}

static uint64
hash_options(FunctionCallInfo fcinfo)
{
	Jsonb	   *options;

	if (PG_NARGS() <= ARG_OPTIONS || PG_ARGISNULL(ARG_OPTIONS))
		return 0;
	options = PG_GETARG_JSONB_P(ARG_OPTIONS);
	return mlops_hash_bytes(&options->root, VARSIZE(options) - offsetof(Jsonb, root), 1);
}

/* The first row of a group decides algorithm, options and width. */
static FitState *
first_state(FunctionCallInfo fcinfo, FitTarget target, int width)
{
	const MlAlgo *algo;
	FitState	head;
	FitState   *s;
	char	   *options = NULL;
	MlParams   *params;
	MlTrain		tr;

	mlops_arg_require(fcinfo, ARG_ALGORITHM, "algorithm");
	algo = mlops_algo_by_name(mlops_arg_text(fcinfo, ARG_ALGORITHM));
	if (FIT_IS_LABEL(target) && !algo->does_classification)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("algorithm \"%s\" does not do classification", algo->name),
				 errhint("The target must be a number.")));
	if (target == FIT_TARGET_NUMBER && !algo->does_regression)
		target = FIT_TARGET_NUMBER_LABEL;
	memset(&head, 0, sizeof(head));
	head.magic = FIT_STATE_MAGIC;
	head.algo = algo->id;
	head.target = target;
	head.width = width;
	head.options_hash = hash_options(fcinfo);
	if (PG_NARGS() > ARG_OPTIONS && !PG_ARGISNULL(ARG_OPTIONS))
	{
		Jsonb	   *json = PG_GETARG_JSONB_P(ARG_OPTIONS);

		options = JsonbToCString(NULL, &json->root, VARSIZE(json));
		head.options_len = strlen(options);
	}
	s = alloc_state(&head, options, 0);
	params = parse_options(s, algo);
	head.skip_missing = mlops_param_choice(params, "missing") == 0;
	if (!algo->one_pass)
		return alloc_state(&head, options, 0);
	init_train(&tr, s, algo, params);
	s = alloc_state(&head, options, algo->partial_size(&tr));
	algo->begin_pass(&tr, FIT_PAYLOAD(s));
	return s;
}

/* Later rows must agree with it. */
static void
check_constant(FunctionCallInfo fcinfo, const FitState *s, const MlAlgo *algo, int width)
{
	text	   *name;

	if (PG_ARGISNULL(ARG_ALGORITHM))
		report_changed("algorithm");
	name = PG_GETARG_TEXT_PP(ARG_ALGORITHM);
	if (VARSIZE_ANY_EXHDR(name) != strlen(algo->name) ||
		memcmp(VARDATA_ANY(name), algo->name, VARSIZE_ANY_EXHDR(name)) != 0)
		report_changed("algorithm");
	if (hash_options(fcinfo) != s->options_hash)
		report_changed("options");
	if (width != s->width)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("arrays of aggregate fit must have one length"),
				 errdetail("The first has %d elements, another one %d.", s->width, width)));
}

/* A buffer with more room, everything copied. */
static FitState *
grow_buffer(const FitState *s, int capacity, int labels_size)
{
	FitState	head = *s;
	FitState   *larger;
	Size		rows = mul_size(mul_size(capacity, s->width + 1), sizeof(double));

	larger = alloc_state(&head, FIT_OPTIONS(s), add_size(rows, labels_size));
	larger->capacity = capacity;
	larger->labels_size = labels_size;
	memcpy(FIT_PAYLOAD(larger), FIT_PAYLOAD(s),
		   (Size) s->nrows * (s->width + 1) * sizeof(double));
	memcpy(FIT_LABELS(larger), FIT_LABELS(s), s->labels_len);
	return larger;
}

/* The number of a label, which is added if new; may replace *state. */
static int
label_code(FitState **state, const char *data, int len)
{
	FitState   *s = *state;
	const char *at = FIT_LABELS(s);
	uint32		n = len;

	for (int i = 0; i < s->nlabels; i++)
	{
		uint32		have;

		memcpy(&have, at, sizeof(have));
		if (have == n && memcmp(at + sizeof(have), data, n) == 0)
			return i;
		at += sizeof(have) + have;
	}
	if (s->nlabels >= FIT_STATE_MAX_CLASSES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("target of aggregate fit has more than %d classes",
						FIT_STATE_MAX_CLASSES)));
	if ((int64) s->labels_len + (int64) sizeof(n) + len > s->labels_size)
		*state = s = grow_buffer(s, s->capacity,
								 Max(s->labels_size * 2, s->labels_len + (int) sizeof(n) + len + 64));
	memcpy(FIT_LABELS(s) + s->labels_len, &n, sizeof(n));
	memcpy(FIT_LABELS(s) + s->labels_len + sizeof(n), data, len);
	s->labels_len += sizeof(n) + len;
	return s->nlabels++;
}

static double *
append_row(FitState **state)
{
	FitState   *s = *state;

	if (s->nrows >= s->capacity)
	{
		/* the budget is what bounds this; below it, double */
		int			wanted = s->capacity < 8 ? 16 : s->capacity * 2;

		*state = s = grow_buffer(s, wanted, s->labels_size);
	}
	return FIT_ROW(s, s->nrows++);
}

/* Copy x into row[0 .. width-1]; false: something is missing. */
static bool
read_features(ArrayType *x, int width, double *row)
{
	Size		offset = ARR_HASNULL(x) ? (Size) x->dataoffset : ARR_OVERHEAD_NONULLS(1);
	const double *data = (const double *) ((char *) x + offset);
	double		sum = 0;

	if (ARR_HASNULL(x) && array_contains_nulls(x))
		return false;
	memcpy(row, data, sizeof(double) * width);
	/* infinities and NaN survive multiplication by 0 */
	for (int i = 0; i < width; i++)
		sum += data[i] * 0;
	if (likely(sum == 0))
		return true;
	for (int i = 0; i < width; i++)
		if (isinf(row[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("x of aggregate fit contains an infinite value")));
	return false;
}

static FitState *
add_one_pass(FitState *s, const MlAlgo *algo, double y, const double *row)
{
	MlBlock		block;
	Size		larger = algo->partial_grow(FIT_PAYLOAD(s), NULL);

	if (larger > 0)
	{
		FitState   *roomier = alloc_state(s, FIT_OPTIONS(s), larger);

		algo->partial_grow(FIT_PAYLOAD(s), FIT_PAYLOAD(roomier));
		s = roomier;
	}
	block.nrows = 1;
	block.width = s->width + 1;
	block.x = unconstify(double *, row);
	block.y = &y;
	block.w = NULL;
	algo->accumulate(FIT_PAYLOAD(s), &block);
	s->nrows++;
	return s;
}

static void
report_missing(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("target or x of aggregate fit has a missing value"),
			 errhint("Option {\"missing\": \"skip\"} leaves such rows out.")));
}

static FitState *
skip_row(FitState *s)
{
	if (!s->skip_missing)
		report_missing();
	s->nskipped++;
	return s;
}

/* A row without x before there is a state: what it asks for is still checked. */
static FitState *
skip_first_row(FunctionCallInfo fcinfo)
{
	MlParams   *params;

	mlops_arg_require(fcinfo, ARG_ALGORITHM, "algorithm");
	params = parse_jsonb(PG_NARGS() > ARG_OPTIONS ? mlops_arg_jsonb(fcinfo, ARG_OPTIONS) : NULL,
						 mlops_algo_by_name(mlops_arg_text(fcinfo, ARG_ALGORITHM)));
	if (mlops_param_choice(params, "missing") != 0)
		report_missing();
	return NULL;
}

/*
 * One row.  y is the number, or label/len the class.  Rows before the first
 * complete one leave no state, since nothing is known of their width.
 */
static Datum
step(FunctionCallInfo fcinfo, FitTarget target, double y, const char *label, int len)
{
	FitState   *s = PG_ARGISNULL(ARG_STATE) ? NULL :
	(FitState *) PG_DETOAST_DATUM(PG_GETARG_DATUM(ARG_STATE));
	ArrayType  *x = PG_ARGISNULL(ARG_X) ? NULL : PG_GETARG_ARRAYTYPE_P(ARG_X);
	const MlAlgo *algo;
	double		row_space[256];
	double	   *row = row_space;
	int			width;

	if (x == NULL)
		return PointerGetDatum(s ? skip_row(s) : skip_first_row(fcinfo));
	width = ArrayGetNItems(ARR_NDIM(x), ARR_DIMS(x));
	if (ARR_NDIM(x) != 1 || width < 1 || width > FIT_STATE_MAX_WIDTH)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("x of aggregate fit must be a one-dimensional array of 1 to %d elements",
						FIT_STATE_MAX_WIDTH)));
	if (s == NULL)
		s = first_state(fcinfo, target, width);
	algo = mlops_algo_by_id(s->algo);
	if (s->target == FIT_TARGET_NUMBER_LABEL && target == FIT_TARGET_NUMBER)
	{
		target = FIT_TARGET_NUMBER_LABEL;
		label = mlops_double_text(y + 0.0);	/* -0 is 0 */
		len = strlen(label);
	}
	check_constant(fcinfo, s, algo, width);
	if (s->target != target)
		report_changed("type of the target");
	if (width + 1 > (int) lengthof(row_space))
		row = palloc(sizeof(double) * (width + 1));
	row[0] = 1;					/* the intercept's term */
	if (PG_ARGISNULL(ARG_TARGET) || isnan(y) || !read_features(x, width, row + 1))
		return PointerGetDatum(skip_row(s));
	if (isinf(y))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target of aggregate fit is infinite")));
	if (algo->one_pass)
		s = add_one_pass(s, algo, y, row);
	else
	{
		double	   *to;

		if (label)
			y = label_code(&s, label, len);
		to = append_row(&s);
		to[0] = y;
		memcpy(to + 1, row + 1, sizeof(double) * width);
	}
	return PointerGetDatum(s);
}

static inline void
require_aggregate(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function of aggregate fit called outside an aggregate")));
}

#define RETURN_STATE(d) \
	do { \
		Datum		state_ = (d); \
		if (DatumGetPointer(state_) == NULL) \
			PG_RETURN_NULL(); \
		return state_; \
	} while (0)

Datum
mlops_fit_step_number(PG_FUNCTION_ARGS)
{
	require_aggregate(fcinfo);
	RETURN_STATE(step(fcinfo, FIT_TARGET_NUMBER,
					  PG_ARGISNULL(ARG_TARGET) ? 0 : PG_GETARG_FLOAT8(ARG_TARGET), NULL, 0));
}

Datum
mlops_fit_step_text(PG_FUNCTION_ARGS)
{
	text	   *label;

	require_aggregate(fcinfo);
	if (PG_ARGISNULL(ARG_TARGET))
		RETURN_STATE(step(fcinfo, FIT_TARGET_TEXT, 0, NULL, 0));
	label = PG_GETARG_TEXT_PP(ARG_TARGET);
	RETURN_STATE(step(fcinfo, FIT_TARGET_TEXT, 0, VARDATA_ANY(label), VARSIZE_ANY_EXHDR(label)));
}

Datum
mlops_fit_step_bool(PG_FUNCTION_ARGS)
{
	const char *label;

	require_aggregate(fcinfo);
	if (PG_ARGISNULL(ARG_TARGET))
		RETURN_STATE(step(fcinfo, FIT_TARGET_BOOL, 0, NULL, 0));
	label = PG_GETARG_BOOL(ARG_TARGET) ? "true" : "false";
	RETURN_STATE(step(fcinfo, FIT_TARGET_BOOL, 0, label, strlen(label)));
}

/* Append other's rows, its labels under our numbers. */
static FitState *
combine_buffers(FitState *s, const FitState *other)
{
	const char *at = FIT_LABELS(other);
	int		   *map = palloc0(sizeof(int) * Max(other->nlabels, 1));

	for (int i = 0; i < other->nlabels; i++)
	{
		uint32		len;

		memcpy(&len, at, sizeof(len));
		map[i] = label_code(&s, at + sizeof(len), len);
		at += sizeof(len) + len;
	}
	if (s->nrows + other->nrows > s->capacity)
		s = grow_buffer(s, s->nrows + other->nrows, s->labels_size);
	for (int64 i = 0; i < other->nrows; i++)
	{
		double	   *row = FIT_ROW(s, s->nrows++);

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(row, FIT_ROW(other, i), sizeof(double) * (s->width + 1));
		if (FIT_IS_LABEL(s->target))
			row[0] = map[(int) row[0]];
	}
	return s;
}

Datum
mlops_fit_combine(PG_FUNCTION_ARGS)
{
	FitState   *s;
	FitState   *other;
	const MlAlgo *algo;

	require_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
		RETURN_STATE(PG_ARGISNULL(0) ? PointerGetDatum(NULL) : PG_GETARG_DATUM(0));
	other = (FitState *) PG_DETOAST_DATUM(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		return PointerGetDatum(other);
	s = (FitState *) PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	if (s->algo != other->algo)
		report_changed("algorithm");
	if (s->options_hash != other->options_hash || s->options_len != other->options_len ||
		s->skip_missing != other->skip_missing)
		report_changed("options");
	if (s->width != other->width)
		report_changed("length of x");
	if (s->target != other->target)
		report_changed("type of the target");
	s->nskipped += other->nskipped;
	algo = mlops_algo_by_id(s->algo);
	if (algo->one_pass)
	{
		algo->combine(FIT_PAYLOAD(s), FIT_PAYLOAD(other));
		s->nrows += other->nrows;
	}
	else
		s = combine_buffers(s, other);
	return PointerGetDatum(s);
}

/* "Never saw a complete row" leaves no state at all, so there are rows here. */
static MlModel *
finish_one_pass(const FitState *s, const MlAlgo *algo, MlParams *params)
{
	MlModel    *model = palloc0(sizeof(MlModel));
	void	   *partial = palloc(s->payload_len);
	MlRowCounts counts;
	MlTrain		tr;

	/* a window may ask for the result again and then go on: work on a copy */
	memcpy(partial, FIT_PAYLOAD(s), s->payload_len);
	init_train(&tr, s, algo, params);
	mlops_train_check_status(algo, algo->end_pass(&tr, partial));
	model->context = CurrentMemoryContext;
	model->algo = algo;
	model->sig = unconstify(MlSignature *, tr.sig);
	model->body = algo->finish(&tr);
	memset(&counts, 0, sizeof(counts));
	counts.ntrain = s->nrows;
	counts.nskipped = s->nskipped;
	model->facts = mlops_train_facts(&counts, params);
	return model;
}

typedef struct LabelOrder
{
	MlString	label;
	double		number;			/* of a number that names a class */
	int			code;
} LabelOrder;

static int
compare_labels(const void *a, const void *b)
{
	const LabelOrder *x = a;
	const LabelOrder *y = b;
	int			c;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	c = memcmp(x->label.data, y->label.data, Min(x->label.len, y->label.len));
	return c != 0 ? c : x->label.len - y->label.len;
}

/* The classes in order (numbers by value, else bytewise); rank maps a row's code to its class. */
static int *
order_labels(const FitState *s, MlSignature *sig)
{
	const char *at = FIT_LABELS(s);
	LabelOrder *order = palloc0(sizeof(LabelOrder) * Max(s->nlabels, 1));
	int		   *rank = palloc0(sizeof(int) * Max(s->nlabels, 1));

	for (int i = 0; i < s->nlabels; i++)
	{
		uint32		len;

		memcpy(&len, at, sizeof(len));
		order[i].label.data = at + sizeof(len);
		order[i].label.len = len;
		order[i].code = i;
		if (s->target == FIT_TARGET_NUMBER_LABEL)
			order[i].number = strtod(pnstrdup(order[i].label.data, len), NULL);
		at += sizeof(len) + len;
	}
	qsort(order, s->nlabels, sizeof(LabelOrder), compare_labels);
	sig->task = ML_TASK_CLASSIFICATION;
	sig->nclasses = s->nlabels;
	sig->target_type = s->target == FIT_TARGET_BOOL ? ML_COLUMN_BOOL :
		s->target == FIT_TARGET_TEXT ? ML_COLUMN_TEXT : ML_COLUMN_NUMBER;
	sig->classes = palloc0(sizeof(MlString) * Max(s->nlabels, 1));
	for (int i = 0; i < s->nlabels; i++)
	{
		sig->classes[i] = order[i].label;
		rank[order[i].code] = i;
	}
	return rank;
}

/* The group's rows as a dataset of one part. */
static MlDataset *
make_dataset(const FitState *s, const MlAlgo *algo)
{
	MlDataset  *data = palloc0(sizeof(MlDataset));
	int		   *rank = NULL;

	data->context = CurrentMemoryContext;
	data->sig = make_signature(s);
	if (FIT_IS_LABEL(s->target))
		rank = order_labels(s, data->sig);
	data->nrows = data->ntrain = s->nrows;
	data->nskipped = s->nskipped;
	data->nblocks = (s->nrows + MLOPS_BLOCK_ROWS - 1) / MLOPS_BLOCK_ROWS;
	data->blocks = palloc0(sizeof(MlBlock) * Max(data->nblocks, 1));
	data->part = palloc0(sizeof(uint8 *) * Max(data->nblocks, 1));
	for (int b = 0; b < data->nblocks; b++)
	{
		MlBlock    *block = &data->blocks[b];
		int			first = b * MLOPS_BLOCK_ROWS;

		CHECK_FOR_INTERRUPTS();
		block->nrows = Min(MLOPS_BLOCK_ROWS, s->nrows - first);
		block->width = s->width;
		block->x = MemoryContextAllocHuge(CurrentMemoryContext,
										  sizeof(double) * block->nrows * (Size) s->width);
		block->y = palloc(sizeof(double) * block->nrows);
		data->part[b] = palloc0(block->nrows);
		for (int i = 0; i < block->nrows; i++)
		{
			const double *row = FIT_ROW(s, first + i);

			block->y[i] = rank ? rank[(int) row[0]] : row[0];
			memcpy(block->x + (Size) i * s->width, row + 1, sizeof(double) * s->width);
		}
	}
	return data;
}

static MlModel *
train_group(MlDataset *data, const MlAlgo *algo, MlParams *params)
{
	if (data->sig->task == ML_TASK_CLASSIFICATION && data->sig->nclasses < 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target of aggregate fit has one class only")));
	if (algo->train_trees == NULL)
		return mlops_train_run(algo, data, params);
	return mlops_train_trees(algo, mlops_survey_dataset(data), params, NULL, NULL, NULL, NULL);
}

Datum
mlops_fit_final(PG_FUNCTION_ARGS)
{
	FitState   *s;
	const MlAlgo *algo;
	MlParams   *params;
	MlModel    *model;

	require_aggregate(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	s = (FitState *) PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	algo = mlops_algo_by_id(s->algo);
	params = parse_options(s, algo);
	if (s->nrows == 0)
		PG_RETURN_NULL();
	if (algo->one_pass)
		model = finish_one_pass(s, algo, params);
	else
	{
		model = train_group(make_dataset(s, algo), algo, params);
		mlops_train_raise(model->notices);
	}
	PG_RETURN_POINTER(mlops_model_pack(model));
}
