/*-------------------------------------------------------------------------
 *
 * forest.c
 *	  Random forests and single trees: which trees, of which rows, in waves.
 *
 * A wave is as many trees as there are buffers for.  Its tasks are first the
 * trees, then chunks of rows to be scored by them: held-out rows by all, the
 * training rows by those that did not draw them (out-of-bag; Breiman 2001,
 * section 3.1).  Every row's sums are made in the order of the trees, so they
 * are the same for any number of members, and the same as in scoring.
 *
 * IDENTIFICATION
 *	  src/tree/forest.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/tree.h"

#include "forest.h"
#include "prepare.h"

#define MAX_WAVE 64				/* trees */
#define WAVE_BYTES (128 * 1024 * 1024)	/* of buffers beyond one a member */
#define OOB_MAX_CLASSES 32		/* more: no out-of-bag sums */
#define DEPTH_GUESS 20			/* levels of a tree, for the plan of workers */

/* The leader's state of one training. */
typedef struct Run
{
	MlTreeTrain *tr;
	bool		single_tree;
	ForestRules rules;
	MlBinned   *bins;
	MlTeam	   *team;
	Forest	   *forest;
	MlEnsemble *ensemble;
	MlGrown		grown;			/* a tree on its way into the ensemble */
	Size		maxnodes;
	Size		maxoutputs;
} Run;

Forest *
mlops_forest_attach(MlTeam *team)
{
	Forest	   *f = palloc0(sizeof(Forest));
	ForestShared *shared;
	char	   *work_at;

	mlops_bins_attach(&f->bins, team->base);
	work_at = mlops_prepare_work(team, &f->bins);
	f->shared = shared = (ForestShared *) work_at;
	f->sums = (double *) (work_at + shared->sums);
	f->oob_sums = (double *) (work_at + shared->oob_sums);
	f->oob_trees = (uint16 *) (work_at + shared->oob_trees);
	f->buffers = work_at + shared->buffers;
	f->grower = mlops_forest_grower_make(&f->bins, &shared->rules,
										 shared->has_class_weight ?
										 (double *) (work_at + shared->class_weight) : NULL,
										 &shared->room);
	return f;
}

void
mlops_forest_task(Forest *f, int number)
{
	char	   *at;

	if (f->shared->is_scoring)
	{
		mlops_forest_score_chunk(f, number);
		return;
	}
	at = f->buffers + f->shared->room.size * number;
	mlops_forest_tree_attach(at, &f->shared->room, &f->grower->tree);
	mlops_forest_grow(f->grower, f->shared->first + number);
	((uint32 *) at)[0] = f->grower->tree.nnodes;
	((uint32 *) at)[1] = f->grower->tree.nshares;
	((uint32 *) at)[2] = f->grower->tree.nwords;
	/* in a worker nobody sees this; the leader tells of its own and the others' */
	mlops_progress_pass(pg_atomic_add_fetch_u32(&f->shared->ngrown, 1), f->shared->rules.ntrees);
}

/* ------------------------------------------------------------- set up */

/* The power of two that brings a positive number, or infinity, to about 1. */
static double
scale_for(double x)
{
	int			e = DBL_MAX_EXP;

	if (isfinite(x))
		(void) frexp(x, &e);
	return ldexp(1, Max(Min(1 - e, DBL_MAX_EXP - 1), DBL_MIN_EXP));
}

/* Rules that depend on the data. */
static void
finish_rules(Run *run)
{
	ForestRules *rules = &run->rules;
	const MlSurvey *survey = run->tr->survey;

	mlops_forest_read_params(run->tr->params, run->tr->sig, run->single_tree, rules);
	rules->seed = (uint64) mlops_param_integer(run->tr->params, "seed");
	rules->is_weighted = survey->is_weighted || run->tr->class_weight != NULL;
	rules->mode = rules->nclasses > 2 ? FOREST_CLASSES :
		rules->is_regression || rules->is_weighted ? FOREST_SUMS : FOREST_COUNTS;
	rules->scale = 1;
	rules->weight_scale = survey->is_weighted ?
		scale_for(survey->sum_weight / Max(survey->ntrain, 1)) : 1;
	rules->class_scale = 1;
	if (run->tr->class_weight)
	{
		double		most = 0;

		for (int i = 0; i < rules->nclasses; i++)
			most = Max(most, run->tr->class_weight[i]);
		rules->class_scale = scale_for(most);
	}
}

/* Regression: targets are summed as distances from their mean, in [-1, 1] or so. */
static void
set_scale(ForestRules *rules, const MlBinned *bins)
{
	double		mean = 0;
	double		most = 0;
	int			e;

	for (int64 i = 0; i < bins->ntrain; i++)
	{
		CHECK_EVERY_64K(i);
		mean += (bins->y[i] - mean) / (double) (i + 1);
	}
	for (int64 i = 0; i < bins->ntrain; i++)
	{
		CHECK_EVERY_64K(i);
		most = Max(most, fabs(bins->y[i] - mean));
	}
	if (!isfinite(mean) || !isfinite(most))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the target's values are too far apart for trees")));
	rules->centre = mean;
	(void) frexp(most, &e);
	rules->scale = ldexp(1, -Min(Max(e, -1000), 1000));
}

/* Lay the work area out for so many members; its size. */
static Size
lay_out(Run *run, int nmembers, Size wave_bytes, ForestShared *plan)
{
	const MlSurvey *survey = run->tr->survey;
	const ForestRules *rules = &run->rules;
	Size		at = MAXALIGN(sizeof(ForestShared));
	Size		row = sizeof(double) * (Size) rules->noutputs;
	Size		more;

	memset(plan, 0, sizeof(ForestShared));
	mlops_forest_room(run->bins, rules, survey->ntrain, &plan->room);
	more = wave_bytes / plan->room.size;
	plan->wave = (int) Min(Max((Size) nmembers, Min(more, MAX_WAVE)), (Size) rules->ntrees);
	plan->has_oob = !run->single_tree && (rules->bootstrap || rules->max_samples < 1) &&
		rules->noutputs <= OOB_MAX_CLASSES;
	plan->first_scored = survey->nholdout > 0 && !run->tr->training_arg ? survey->ntrain + survey->nwatch : 0;
	plan->nscored = survey->nholdout > 0 ?
		survey->ntrain + survey->nwatch + survey->nholdout - plan->first_scored : survey->ntrain;
	plan->has_class_weight = run->tr->class_weight != NULL;
	plan->class_weight = at;
	at = add_size(at, mul_size(sizeof(double), rules->nclasses));
	plan->sums = at;
	at = add_size(at, mul_size(row, plan->nscored));
	plan->oob_sums = at;
	if (plan->has_oob)
		at = add_size(at, mul_size(row, survey->ntrain));
	plan->oob_trees = at;
	if (plan->has_oob)
		at = add_size(at, MAXALIGN(mul_size(sizeof(uint16), survey->ntrain)));
	plan->buffers = at;
	return add_size(at, mul_size(plan->room.size, plan->wave));
}

/*
 * Lay the work area out so that matrix, work area and what members take of
 * their own fit into the budget: with fewer buffers or members than wished for
 * where that helps.
 */
static Size
plan_work(Run *run, int *nmembers, ForestShared *plan)
{
	const MlSurvey *survey = run->tr->survey;
	Size		matrix = mlops_bins_size(run->bins, survey->nrows, survey->is_weighted);
	Size		own = mlops_forest_grower_size(run->bins, &run->rules, survey->ntrain);
	Size		limit = (Size) mlops_guc_training_memory * 1024;
	Size		wave_bytes = WAVE_BYTES;

	for (;;)
	{
		Size		work = lay_out(run, *nmembers, wave_bytes, plan);
		Size		all = add_size(add_size(matrix, work), mul_size(own, *nmembers));

		if (all <= limit || (*nmembers == 1 && wave_bytes == 0))
		{
			mlops_budget_check(all, mlops_guc_training_memory, "mlops.training_memory",
							   "Train on a part of the rows with the option \"sample\", or raise mlops.training_memory.");
			return work;
		}
		if (wave_bytes > 0)
			wave_bytes = 0;
		else
			(*nmembers)--;
	}
}

/* Read the rows, lay out the team's memory, make the leader's handles. */
static void
set_up(Run *run)
{
	MlTreeTrain *tr = run->tr;
	MlSurvey   *survey = tr->survey;
	ForestShared plan;
	ForestShared *shared;
	char	   *work_at;
	Size		work;
	int			nmembers;

	run->bins = mlops_bins_learn(tr->sig, &survey->sample, run->rules.max_bins);
	nmembers = mlops_team_plan((double) survey->ntrain * run->rules.ntrees *
							   run->rules.tries * DEPTH_GUESS);
	nmembers = Min(nmembers, run->rules.ntrees);
	work = plan_work(run, &nmembers, &plan);
	run->team = mlops_prepare_team(run->bins, survey, nmembers, work, &work_at, NULL, NULL);
	if (run->rules.is_regression)
		set_scale(&run->rules, run->bins);
	shared = (ForestShared *) work_at;
	*shared = plan;
	shared->rules = run->rules;
	pg_atomic_init_u32(&shared->ngrown, 0);
	for (int i = 0; tr->class_weight && i < run->rules.nclasses; i++)
		((double *) (work_at + plan.class_weight))[i] =
			tr->class_weight[i] * run->rules.class_scale;
	run->forest = mlops_forest_attach(run->team);
	run->team->local = run->forest;
}

/* ------------------------------------------------------------- the ensemble */

/* Room in the tree on its way. */
static void
reserve(Run *run, const ForestTree *tree)
{
	MlGrown    *grown = &run->grown;
	Size		outputs = mul_size((Size) tree->nnodes / 2 + 1, run->rules.noutputs);

	if (run->maxnodes < tree->nnodes)
	{
		run->maxnodes = (Size) tree->nnodes + tree->nnodes / 4;
		if (grown->nodes)
			pfree(grown->nodes);
		grown->nodes = palloc_extended(mul_size(sizeof(MlGrownNode), run->maxnodes),
									   MCXT_ALLOC_HUGE);
	}
	if (run->rules.noutputs > 1 && run->maxoutputs < outputs)
	{
		run->maxoutputs = outputs + outputs / 4;
		if (grown->outputs)
			pfree(grown->outputs);
		grown->outputs = palloc_extended(mul_size(sizeof(double), run->maxoutputs),
										 MCXT_ALLOC_HUGE);
	}
}

static void
widen_leaf(const Run *run, const ForestTree *tree, const ForestSlim *slim, MlGrownNode *node)
{
	double	   *out;

	node->slot = -1;
	node->leaf = run->grown.nleaves;
	if (run->rules.noutputs == 1)
	{
		node->value = slim->value;
		return;
	}
	out = run->grown.outputs + (Size) node->leaf * run->rules.noutputs;
	memset(out, 0, sizeof(double) * run->rules.noutputs);
	for (uint32 i = slim->left; i < slim->left + slim->bin; i++)
		out[tree->shares[i].class] = tree->shares[i].share;
}

/* Append a buffer's tree to the ensemble. */
static void
append_tree(Run *run, const ForestTree *tree)
{
	MlGrown    *grown = &run->grown;

	reserve(run, tree);
	grown->nnodes = tree->nnodes;
	grown->nleaves = 0;
	grown->maxnodes = (int) run->maxnodes;
	grown->nwords = grown->maxwords = tree->nwords;
	grown->words = tree->words;
	grown->noutputs = run->rules.noutputs;
	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		const ForestSlim *slim = &tree->nodes[i];
		MlGrownNode *node = &grown->nodes[i];

		memset(node, 0, sizeof(MlGrownNode));
		node->cover = slim->cover;
		if (slim->flags & ML_NODE_LEAF)
		{
			widen_leaf(run, tree, slim, node);
			grown->nleaves++;
			continue;
		}
		node->slot = slim->slot;
		node->is_category = (slim->flags & ML_NODE_CATEGORY) != 0;
		node->missing_left = (slim->flags & ML_NODE_MISSING_LEFT) != 0;
		if (node->is_category)
			node->set = (int) slim->bin;
		else
			node->bin = (int) slim->bin;
		node->left = (int) slim->left;
		node->right = (int) slim->left + 1;
		node->gain = slim->value;
	}
	mlops_ensemble_add(run->ensemble, grown, run->bins, 1);
}

static void
grow_waves(Run *run)
{
	ForestShared *shared = run->forest->shared;
	int64		nrows = shared->first_scored + shared->nscored;
	int			nchunks = (int) ((nrows + FOREST_CHUNK_ROWS - 1) / FOREST_CHUNK_ROWS);

	for (int first = 0; first < run->rules.ntrees; first += shared->wave)
	{
		shared->first = first;
		shared->ntrees = Min(shared->wave, run->rules.ntrees - first);
		shared->is_scoring = false;
		mlops_team_run(run->team, ML_TASK_FOREST_TREE, shared->ntrees);
		shared->is_scoring = true;
		mlops_team_run(run->team, ML_TASK_FOREST_TREE, nchunks);
		for (int i = 0; i < shared->ntrees; i++)
		{
			ForestTree	tree;

			mlops_forest_tree_attach(run->forest->buffers + shared->room.size * i,
									 &shared->room, &tree);
			append_tree(run, &tree);
			CHECK_FOR_INTERRUPTS();
		}
	}
}

MlEnsemble *
mlops_forest_train(MlTreeTrain *tr, bool single_tree)
{
	Run			run;

	memset(&run, 0, sizeof(run));
	run.tr = tr;
	run.single_tree = single_tree;
	finish_rules(&run);
	mlops_progress_phase(ML_PHASE_PREPARING);
	set_up(&run);
	run.ensemble = mlops_ensemble_make(ML_LINK_IDENTITY, true, run.rules.noutputs,
									   run.rules.noutputs);
	mlops_progress_phase(ML_PHASE_TRAINING);
	mlops_progress_pass(0, run.rules.ntrees);
	mlops_team_start(run.team, ML_JOB_FOREST);
	grow_waves(&run);
	mlops_team_stop(run.team);
	if (run.forest->shared->has_oob)
		run.ensemble->oob_score = mlops_forest_oob(run.forest, &run.ensemble->oob_rows);
	mlops_forest_answer(run.forest, tr, run.ensemble);
	mlops_team_free(run.team);
	return run.ensemble;
}
