/*-------------------------------------------------------------------------
 *
 * train_candidate.c
 *	  One algorithm on one source: read, train, measure.
 *
 * Algorithms that train by passes see all rows in memory, trees a survey of
 * them.  Both hold out the same rows for the same seed and fraction.
 *
 * IDENTIFICATION
 *	  src/api/train_candidate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/catalog.h"
#include "mlops/label.h"
#include "mlops/tree.h"
#include "train_call.h"

typedef enum Goal
{
	GOAL_MEASURE,				/* train on the training part, measure on the rest */
	GOAL_ALL_ROWS				/* train on all rows; the metrics stay */
} Goal;

static MlParams *
parse_options(const MlTrainCall *call, const MlAlgo *algo)
{
	const MlParamDef *general = mlops_train_general(algo);
	Jsonb	   *options = call->options;

	if (call->algo == NULL)
		options = mlops_auto_options(algo, options);
	return mlops_params_parse(options, general, algo->params,
							  psprintf("algorithm \"%s\"", algo->name));
}

/* How to read the source while the task, and so the algorithm, is not known. */
static void
read_general_options(const MlTrainCall *call, MlWish *wish)
{
	Jsonb	   *options = mlops_params_select(call->options, mlops_train_params, NULL);

	mlops_train_wish(NULL, mlops_params_parse_known(options, mlops_train_params), wish);
}

static const MlAlgo *
linear_model(MlTask task)
{
	return mlops_algo_by_name(task == ML_TASK_REGRESSION ?
							  "linear_regression" : "logistic_regression");
}

/* Put the held-out rows back among the training rows. */
static void
merge_holdout(MlDataset *data)
{
	for (int b = 0; b < data->nblocks; b++)
		memset(data->part[b], 0, data->blocks[b].nrows);
	data->ntrain += data->nholdout;
	data->nholdout = 0;
}

static void
notice_unheld(const MlTrainCall *call, const MlRowCounts *counts)
{
	if (call->wish.holdout > 0 && counts->nholdout == 0)
		ereport(NOTICE,
				(errmsg("there are too few rows to hold any out"),
				 errdetail("The metrics are those of the training rows.")));
}

static void
notice_refit(void)
{
	ereport(NOTICE,
			(errmsg("the stored model was fitted again on all rows"),
			 errdetail("Its metrics are those of the model fitted on the training part.")));
}

static Jsonb *
copy_jsonb(const Jsonb *json, MemoryContext to)
{
	return memcpy(MemoryContextAlloc(to, VARSIZE(json)), json, VARSIZE(json));
}

/* The losses of a model by iterations, if it was made so. */
static void
keep_curve(const MlModel *model, MlCurve *out)
{
	const MlEnsemble *ensemble = model->body;

	memset(out, 0, sizeof(*out));
	if (model->algo->train_trees == NULL || ensemble->nrounds == 0)
		return;
	out->n = ensemble->nrounds;
	out->train = palloc(sizeof(double) * out->n);
	out->validation = palloc(sizeof(double) * out->n);
	for (int i = 0; i < out->n; i++)
	{
		out->train[i] = ensemble->history[i].train_loss;
		out->validation[i] = ensemble->history[i].validation_loss;
	}
}

/* By feature: not labelled as personal data. */
static bool *
find_tracked(const MlSignature *sig, const List *labelled)
{
	bool	   *tracked = palloc(sizeof(bool) * sig->nfeatures);
	ListCell   *lc;

	memset(tracked, true, sizeof(bool) * sig->nfeatures);
	foreach(lc, labelled)
	{
		const MlLabelled *used = (MlLabelled *) lfirst(lc);

		for (int i = 0; i < sig->nfeatures; i++)
			if (strcmp(sig->features[i].name, used->column) == 0)
				tracked[i] = false;
	}
	return tracked;
}

/*
 * Where a model's answers go: those of the model that is measured stand for one
 * that is fitted again, too.
 */
static MlAnswers *
find_answers(const MlTrainCall *call, Goal goal, MemoryContext to, MlCandidate *out)
{
	MemoryContext old;

	if (goal == GOAL_ALL_ROWS)
		return out->answers;
	old = MemoryContextSwitchTo(call->refit ? to : CurrentMemoryContext);
	out->answers = mlops_answers_begin();
	MemoryContextSwitchTo(old);
	return out->answers;
}

/* What is kept of a model goes to "to". */
static void
keep_model(MlModel *model, const MlParams *params, MemoryContext to, MlCandidate *out)
{
	Jsonb	   *options = mlops_params_effective(params);
	MemoryContext old = MemoryContextSwitchTo(to);
	ListCell   *lc;

	out->algo = model->algo;
	out->options = copy_jsonb(options, to);
	out->artifact = mlops_model_pack(model);
	out->task = model->sig->task;
	out->target = pstrdup(model->sig->target);
	out->nfeatures = model->sig->nfeatures;
	keep_curve(model, &out->curve);
	out->stopped_at = 0;
	if (mlops_param_exists(params, "n_iter_no_change") &&
		mlops_param_integer(params, "n_iter_no_change") > 0)
		out->stopped_at = ((const MlEnsemble *) model->body)->best_round;
	out->notices = NIL;
	foreach(lc, model->notices)
		out->notices = lappend(out->notices, pstrdup(lfirst(lc)));
	MemoryContextSwitchTo(old);
}

/* The labelled columns it uses, copied to "to". */
static List *
copy_labelled(const List *labelled, MemoryContext to)
{
	MemoryContext old = MemoryContextSwitchTo(to);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, labelled)
	{
		const MlLabelled *used = (MlLabelled *) lfirst(lc);
		MlLabelled *copy = palloc(sizeof(MlLabelled));

		copy->column = pstrdup(used->column);
		copy->label = pstrdup(used->label);
		result = lappend(result, copy);
	}
	MemoryContextSwitchTo(old);
	return result;
}

/* Which rows were read; a copy in "to". */
static void
keep_fingerprint(const MlFingerprint *print, MemoryContext to, MlCandidate *out)
{
	MemoryContext old = MemoryContextSwitchTo(to);

	if (print != NULL)
	{
		out->fingerprint = *print;
		out->fingerprint.columns = palloc(sizeof(char *) * print->ncolumns);
		for (int i = 0; i < print->ncolumns; i++)
			out->fingerprint.columns[i] = pstrdup(print->columns[i]);
	}
	MemoryContextSwitchTo(old);
}

static void
train_by_passes(const MlTrainCall *call, const MlAlgo *algo, Goal goal,
				MemoryContext to, MlCandidate *out)
{
	MlWish		wish = call->wish;
	MlParams   *params = algo ? parse_options(call, algo) : NULL;
	MlDataset  *data;
	MlModel    *model;
	MlAnswers  *answers = find_answers(call, goal, to, out);
	struct MlReference *reference;

	if (algo)
		mlops_train_wish(algo, params, &wish);
	else
		read_general_options(call, &wish);
	if (goal == GOAL_ALL_ROWS)
		wish.holdout = 0;
	data = mlops_dataset_read(call->source, &wish);
	mlops_registry_check_train(call->model, data->sig->task);
	if (algo == NULL)
	{
		algo = linear_model(data->sig->task);
		mlops_auto_check_options(call->options, data->sig->task);
		params = parse_options(call, algo);
	}
	reference = mlops_train_reference(data->sig, &data->sample,
									  find_tracked(data->sig, data->labelled), data->ntrain);
	pfree(data->sample.x);
	model = mlops_train_run(algo, data, params);
	if (goal == GOAL_MEASURE)
	{
		int			part = data->nholdout > 0 ? 1 : 0;
		int			answers_part;

		mlops_dataset_counts(data, &out->counts);
		answers_part = mlops_answers_part(&out->counts);
		out->labelled = copy_labelled(data->labelled, to);
		keep_fingerprint(data->fingerprint, to, out);
		notice_unheld(call, &out->counts);
		out->metrics = copy_jsonb(mlops_assess_dataset(model, data, part,
														   part == answers_part ? answers : NULL), to);
		if (part != answers_part)
			(void) mlops_assess_dataset(model, data, answers_part, answers);
		if (call->training_metrics)
			out->training_metrics = data->nholdout == 0 ? out->metrics :
				copy_jsonb(mlops_assess_dataset(model, data, 0, NULL), to);
	}
	if (goal == GOAL_MEASURE && call->refit && call->algo && data->nholdout > 0)
	{
		MemoryContextDelete(model->context);
		merge_holdout(data);
		model = mlops_train_run(algo, data, params);
		notice_refit();
	}
	mlops_train_answers(reference, data->sig, answers);
	model->reference = reference;
	keep_model(model, params, to, out);
}

/* What a warm start goes on from: the newest version; NULL where none is wanted. */
static const MlModel *
find_previous(const MlTrainCall *call, const MlParams *params)
{
	MlResolved	newest;

	if (!mlops_param_exists(params, "warm_start") ||
		!mlops_param_boolean(params, "warm_start"))
		return NULL;
	if (!mlops_registry_newest(call->model, GetUserId(), &newest))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no version to go on from", call->model),
				 errhint("Train it once without option \"warm_start\".")));
	return mlops_model_cache_get(newest.artifact, CurrentMemoryContext);
}

static void
train_trees(const MlTrainCall *call, const MlAlgo *algo, Goal goal,
			MemoryContext to, MlCandidate *out)
{
	MlWish		wish = call->wish;
	MlParams   *params = parse_options(call, algo);
	MlSurvey   *survey;
	MlModel    *model;
	Jsonb	   *metrics = NULL;
	Jsonb	   *training_metrics = NULL;
	MlAnswers  *answers = find_answers(call, goal, to, out);
	struct MlReference *reference;

	mlops_train_wish(algo, params, &wish);
	if (goal == GOAL_ALL_ROWS)
		wish.holdout = 0;
	survey = mlops_survey_read(call->source, &wish);
	mlops_registry_check_train(call->model, survey->sig->task);
	reference = mlops_train_reference(survey->sig, &survey->sample,
									  find_tracked(survey->sig, survey->labelled), survey->ntrain);
	model = mlops_train_trees(algo, survey, params, find_previous(call, params),
							  goal == GOAL_MEASURE ? answers : NULL,
							  goal == GOAL_MEASURE ? &metrics : NULL,
							  goal == GOAL_MEASURE && call->training_metrics ? &training_metrics : NULL);
	if (goal == GOAL_MEASURE)
	{
		mlops_survey_counts(survey, &out->counts);
		out->labelled = copy_labelled(survey->labelled, to);
		keep_fingerprint(survey->fingerprint, to, out);
		notice_unheld(call, &out->counts);
		out->metrics = copy_jsonb(metrics, to);
		if (training_metrics)
			out->training_metrics = copy_jsonb(training_metrics, to);
	}
	mlops_train_answers(reference, survey->sig, answers);
	model->reference = reference;
	keep_model(model, params, to, out);
}

/* Everything but the result goes with a context of its own. */
static void
reach(const MlTrainCall *call, const MlAlgo *algo, Goal goal, MlCandidate *out)
{
	MemoryContext to = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(to, "mlops candidate",
												  ALLOCSET_DEFAULT_SIZES);

	MemoryContextSwitchTo(context);
	mlops_progress_phase(ML_PHASE_READING);
	if (algo && algo->train_trees)
		train_trees(call, algo, goal, to, out);
	else
		train_by_passes(call, algo, goal, to, out);
	MemoryContextSwitchTo(to);
	MemoryContextDelete(context);
}

/* As many rounds as early stopping found, on the rows that were watched for it, too. */
static Jsonb *
with_rounds(Jsonb *options, int rounds)
{
	char	   *text = psprintf("{\"n_estimators\": %d, \"n_iter_no_change\": 0}", rounds);
	Datum		fixed = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));

	if (options == NULL)
		return DatumGetJsonbP(fixed);
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(options), fixed));
}

void
mlops_candidate_train(const MlTrainCall *call, const MlAlgo *algo, MlCandidate *out)
{
	memset(out, 0, sizeof(*out));
	reach(call, algo, GOAL_MEASURE, out);
	/* others refit from the rows they hold */
	if (call->refit && algo && algo->train_trees && call->algo && out->counts.nholdout > 0)
		mlops_candidate_refit(call, out);
}

void
mlops_candidate_refit(const MlTrainCall *call, MlCandidate *candidate)
{
	MlTrainCall again = *call;

	again.wish.quiet = true;
	if (candidate->stopped_at > 0)
		again.options = with_rounds(call->options, candidate->stopped_at);
	reach(&again, candidate->algo, GOAL_ALL_ROWS, candidate);
	notice_refit();
}
