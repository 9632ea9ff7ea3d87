/*-------------------------------------------------------------------------
 *
 * train_trees.c
 *	  Training of algorithms that grow trees on bins: from a survey to a model.
 *
 * The algorithm owns the work (budget, workers, interrupts, progress); this
 * file owns what all of them must have alike: the check of the task, class
 * weights, where a warm start goes on, facts and notices.
 *
 * IDENTIFICATION
 *	  src/model/train_trees.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "mlops/algo.h"
#include "mlops/base.h"
#include "mlops/model.h"

#include "train_private.h"

void
mlops_survey_counts(const MlSurvey *survey, MlRowCounts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->nrows = survey->nrows;
	counts->ntrain = survey->ntrain;
	counts->nwatch = survey->nwatch;
	counts->nholdout = survey->nholdout;
	counts->nseen = survey->nseen;
	counts->nskipped = survey->nskipped;
	counts->is_weighted = survey->is_weighted;
	counts->rls_applied = survey->rls_applied;
}

/* Rows that were answered for go to the metrics and to what is kept for the reference. */
typedef struct AnswerTo
{
	MlAssessment *assessment;	/* or NULL */
	MlAnswers  *answers;		/* or NULL */
} AnswerTo;

static void
take_answers(void *arg, int n, const double *y, const double *w, const double *out)
{
	AnswerTo   *to = arg;

	if (to->assessment)
		mlops_assess_add(to->assessment, n, y, w, out);
	if (to->answers)
		mlops_answers_add(to->answers, n, y, w, out);
}

static const MlEnsemble *
find_start(const MlAlgo *algo, const MlSignature *sig, const MlModel *previous)
{
	if (previous->algo != algo)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot go on from a model of another algorithm"),
				 errdetail("The newest version is of algorithm \"%s\", not \"%s\".",
						   previous->algo->name, algo->name)));
	if (previous->sig->task != sig->task ||
		strcmp(previous->sig->target, sig->target) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot go on from a model of another target"),
				 errdetail("The newest version is of target \"%s\", not \"%s\".",
						   previous->sig->target, sig->target)));
	return mlops_ensemble_adapt(previous->body, previous->sig, sig);
}

MlModel *
mlops_train_trees(const MlAlgo *algo, MlSurvey *survey, MlParams *params,
				  const MlModel *previous, MlAnswers *answers,
				  Jsonb **metrics, Jsonb **training_metrics)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "mlops train",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlModel    *model = palloc0(sizeof(MlModel));
	bool		is_held_out = survey->nholdout > 0;
	AnswerTo	measured = {metrics ? mlops_assess_begin(survey->sig) : NULL, NULL};
	AnswerTo	training = {training_metrics && is_held_out ? mlops_assess_begin(survey->sig) : NULL, NULL};
	MlRowCounts counts;
	MlTreeTrain tr;

	mlops_train_check_task(algo, survey->sig);
	mlops_survey_counts(survey, &counts);
	if (answers && metrics)
	{
		int			part = mlops_answers_part(&counts);

		mlops_answers_expect(answers, survey->sig, part, part == 1 ? survey->nholdout : survey->ntrain, true);
		(is_held_out && part == 0 ? &training : &measured)->answers = answers;
	}
	memset(&tr, 0, sizeof(tr));
	tr.sig = survey->sig;
	tr.params = params;
	tr.survey = survey;
	tr.answer = metrics ? take_answers : NULL;
	tr.answer_arg = &measured;
	tr.training_arg = training.assessment || training.answers ? &training : NULL;
	tr.class_weight = mlops_train_class_weights(survey->sig, survey->class_total, params);
	if (previous)
		tr.start = find_start(algo, survey->sig, previous);

	mlops_progress_phase(ML_PHASE_TRAINING);
	model->context = context;
	model->algo = algo;
	model->sig = survey->sig;
	model->body = algo->train_trees(&tr);
	model->facts = mlops_train_facts(&counts, params);
	model->notices = tr.notices;
	MemoryContextSwitchTo(old);
	if (metrics)
		*metrics = mlops_assess_end(measured.assessment, is_held_out ? 1 : 0);
	if (training_metrics)
		*training_metrics = training.assessment ? mlops_assess_end(training.assessment, 0) : *metrics;
	return model;
}
