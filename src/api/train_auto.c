/*-------------------------------------------------------------------------
 *
 * train_auto.c
 *	  Algorithm "auto": several algorithms on one source, the best is kept.
 *
 * The linear model of the task and gradient boosting (which stops early) are
 * trained on the same rows and measured on the same held-out ones.  What decides is log_loss for
 * classes, which only the true probabilities minimise (a proper score; the AUC
 * does not look at their size), and rmse for numbers; of equals the simpler
 * one.  Without held-out rows there is no comparison, since on its training
 * rows the more flexible algorithm nearly always looks better: then it is the
 * linear model.
 *
 * IDENTIFICATION
 *	  src/api/train_auto.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "mlops/jsonb_out.h"
#include "train_call.h"

/* the simplest first */
static const char *const candidate_names[] = {
	"linear_regression", "logistic_regression", "gradient_boosting"
};

/* The candidates of a task (0: of any), at most all names. */
static int
list_candidates(int task, const MlAlgo **out)
{
	int			n = 0;

	for (size_t i = 0; i < lengthof(candidate_names); i++)
	{
		const MlAlgo *algo = mlops_algo_by_name(candidate_names[i]);

		if (task == 0 ||
			(task == ML_TASK_REGRESSION ? algo->does_regression : algo->does_classification))
			out[n++] = algo;
	}
	return n;
}

/* "class_weight, ..., l2": what any candidate declares, each once. */
static char *
list_options(const MlAlgo *const *algos, int n)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < 2 * n; i++)
	{
		const MlParamDef *def = i % 2 ? algos[i / 2]->params : mlops_train_general(algos[i / 2]);

		for (; def && def->name; def++)
		{
			bool		seen = false;

			for (int j = 0; j < i && !seen; j++)
			{
				const MlParamDef *other = j % 2 ? algos[j / 2]->params : mlops_train_general(algos[j / 2]);

				for (; other && other->name && !seen; other++)
					seen = strcmp(other->name, def->name) == 0;
			}
			if (!seen)
				appendStringInfo(&buf, "%s%s", buf.len ? ", " : "", def->name);
		}
	}
	return buf.data;
}

static bool
declares(const MlAlgo *algo, const JsonbValue *key)
{
	JsonbValue	anything;

	anything.type = jbvNull;
	return mlops_params_take(mlops_train_general(algo), key->val.string.val, key->val.string.len, &anything) ||
		mlops_params_take(algo->params, key->val.string.val, key->val.string.len, &anything);
}

static bool
takes(const MlAlgo *algo, const JsonbValue *key, const JsonbValue *v)
{
	return mlops_params_take(mlops_train_general(algo), key->val.string.val, key->val.string.len, v) ||
		mlops_params_take(algo->params, key->val.string.val, key->val.string.len, v);
}

void
mlops_auto_check_options(Jsonb *options, int task)
{
	const MlAlgo *algos[lengthof(candidate_names)];
	int			n = list_candidates(task, algos);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	key = {0};
	JsonbValue	v;

	if (options == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(options))
		mlops_params_parse_known(options, NULL);	/* says what is wrong */
	it = JsonbIteratorInit(&options->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool		taken = false;
		const MlAlgo *declarer = NULL;

		if (token == WJB_KEY)
			key = v;
		if (token != WJB_VALUE)
			continue;
		for (int i = 0; i < n; i++)
		{
			taken = taken || takes(algos[i], &key, &v);
			if (declarer == NULL && declares(algos[i], &key))
				declarer = algos[i];
		}
		if (taken)
			continue;
		if (declarer == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unrecognized option \"%s\" for algorithm \"auto\"",
							pnstrdup(key.val.string.val,
									 pg_mbcliplen(key.val.string.val, key.val.string.len,
												  NAMEDATALEN - 1))),
					 errhint("Valid options are: %s.", list_options(algos, n))));
		/* no candidate offers this choice: the error of one that knows the option */
		mlops_params_parse(options, mlops_train_general(declarer), declarer->params,
						   "algorithm \"auto\"");
	}
}

/*
 * A candidate that can stop early does so: without it boosting's default number
 * of trees suits large tables only, and the comparison would be of that number.
 */
Jsonb *
mlops_auto_options(const MlAlgo *algo, Jsonb *options)
{
	Datum		own = DirectFunctionCall1(jsonb_in, CStringGetDatum("{\"n_iter_no_change\": 10}"));

	options = mlops_params_select(options, mlops_train_general(algo), algo->params);
	own = JsonbPGetDatum(mlops_params_select(DatumGetJsonbP(own), algo->params, NULL));
	if (options == NULL)
		return DatumGetJsonbP(own);
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, own, JsonbPGetDatum(options)));
}

static const char *
deciding_metric(MlTask task)
{
	return task == ML_TASK_REGRESSION ? "rmse" : "log_loss";
}

/* A metric's value; infinite where it is undefined, so that it never wins. */
static double
metric_value(const Jsonb *metrics, const char *name)
{
	JsonbValue	space;
	JsonbValue *v = getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &metrics->root),
												 name, strlen(name), &space);

	if (v == NULL || v->type != jbvNumeric)
		return INFINITY;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v->val.numeric)));
}

/* The winner's metrics with "candidates": [{"algorithm", "metric", "value"}, ...]. */
static Jsonb *
add_candidates(const Jsonb *metrics, const MlCandidate *all, int n, const char *metric)
{
	JsonbParseState *state = NULL;
	JsonbIterator *it = JsonbIteratorInit(unconstify(JsonbContainer *, &metrics->root));
	JsonbIteratorToken token;
	JsonbValue	v;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_KEY || token == WJB_VALUE)
			pushJsonbValue(&state, token, &v);
	mlops_jsonb_add_key(&state, "candidates");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		mlops_jsonb_add_string(&state, "algorithm", all[i].algo->name);
		mlops_jsonb_add_string(&state, "metric", metric);
		mlops_jsonb_add_number(&state, "value", metric_value(all[i].metrics, metric));
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
report_choice(const MlCandidate *all, int n, int best, const char *metric)
{
	StringInfoData others;

	initStringInfo(&others);
	for (int i = 0; i < n; i++)
		if (i != best)
			appendStringInfo(&others, ", %s %.4g", all[i].algo->name,
							 metric_value(all[i].metrics, metric));
	ereport(NOTICE,
			(errmsg("chose %s: %s %.4g on the holdout%s", all[best].algo->name, metric,
					metric_value(all[best].metrics, metric), others.data)));
}

void
mlops_auto_train(const MlTrainCall *call, MlCandidate *out)
{
	MlTrainCall again = *call;
	const MlAlgo *algos[lengthof(candidate_names)];
	MlCandidate all[lengthof(candidate_names)];
	const char *metric;
	int			n;
	int			best = 0;

	mlops_auto_check_options(call->options, 0);
	/* the first reading finds out the task */
	mlops_candidate_train(call, NULL, &all[0]);
	*out = all[0];
	metric = deciding_metric(all[0].task);
	n = list_candidates(all[0].task, algos);
	if (all[0].counts.nholdout == 0)
		return;
	again.wish.quiet = true;
	for (int i = 1; i < n; i++)
	{
		mlops_candidate_train(&again, algos[i], &all[i]);
		if (all[i].counts.nrows != all[0].counts.nrows ||
			all[i].counts.nholdout != all[0].counts.nholdout)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("source answers with other rows than before"),
					 errhint("Algorithm \"auto\" reads it more than once. Name an algorithm, or store the rows in a table.")));
		if (metric_value(all[i].metrics, metric) < metric_value(all[best].metrics, metric))
			best = i;
	}
	*out = all[best];
	out->fingerprint = all[0].fingerprint;
	out->metrics = add_candidates(all[best].metrics, all, n, metric);
	report_choice(all, n, best, metric);
	if (call->refit)
		mlops_candidate_refit(call, out);
}
