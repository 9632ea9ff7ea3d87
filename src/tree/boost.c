/*-------------------------------------------------------------------------
 *
 * boost.c
 *	  Gradient boosting: the rounds.
 *
 * Friedman's gradient boosting [1] with Newton steps in the leaves [2].  Every
 * round
 *
 *	1. (UPDATE) the last tree's values are added to the scores, and losses and
 *	   bounds of the new gradients come back, a shard at a time;
 *	2. the bounds give the unit in which gradients are counted, so that no sum
 *	   of them overflows;
 *	3. (QUANTISE) gradients are written as integers, rows are drawn;
 *	4. a tree is grown (grow.c), and its leaves get their final values
 *	   (boost_leaf.c).
 *
 * Three classes and more have a tree each in every round, all from the
 * probabilities at its beginning.
 *
 * Rows that are watched or held out are in the matrix behind the training
 * rows; each tree is added to their scores too.  Watched rows decide when to
 * stop; held-out rows only have their loss recorded, so that what is measured
 * on them stays honest (P9).
 *
 * Everything that the members share is one piece of memory behind the matrix;
 * lay_out has its order.
 *
 * [1] Friedman: Greedy Function Approximation: A Gradient Boosting Machine,
 *	   Annals of Statistics 29 (2001)
 * [2] Chen, Guestrin: XGBoost: A Scalable Tree Boosting System, KDD 2016
 *
 * IDENTIFICATION
 *	  src/tree/boost.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/numeric.h"
#include "mlops/tree.h"

#include "boost.h"
#include "prepare.h"

#define SUMS_ROWS 262144		/* up to here leaves get values from exact gradients */
#define MAX_TRAIN_ROWS (INT64CONST(1) << 30)	/* sums of gradients need some of their 31 bits for the values */
#define HISTOGRAM_SHARE 4		/* histograms may take this part of the training memory */

/* what a number drawn for a tree is for */
#define DRAW_ROWS 1
#define DRAW_DITHER 2
#define DRAW_COLUMNS 3
#define DRAW_GROW 4

/* The leader's. */
typedef struct Run
{
	MlTreeTrain *tr;
	MlBoostOptions options;
	MlBinned   *bins;
	MlTeam	   *team;
	MlBoost    *boost;
	MlBoostShared *shared;
	MlEnsemble *ensemble;
	uint8	   *columns;		/* that the tree may use; NULL: all */
	double		train_weight;
	double		watch_weight;	/* of the rows whose loss is the validation loss */
	int64		watch_rows;		/* so many, behind the training rows: watched, else held out */
	double		best_loss;
	int			best_round;
	double	   *best;			/* scores of the rows to answer for, at the best round; NULL: not needed */
	int64		answer_from;	/* rows to answer for */
	int64		answer_rows;
	double	   *start;			/* scores that training goes on from, or NULL */
} Run;

static Size
take(Size *at, Size size)
{
	Size		offset = *at;

	*at = add_size(offset, TYPEALIGN(PG_CACHE_LINE_SIZE, size));
	return offset;
}

/* Leaves that a tree can have at all. */
static int
bound_leaves(const MlGrowRules *rules, int64 ntrain)
{
	int64		leaves = Min((int64) rules->max_leaves, ntrain / Max(rules->min_rows, 1));

	if (rules->max_depth > 0 && rules->max_depth < 20)
		leaves = Min(leaves, INT64CONST(1) << rules->max_depth);
	return (int) Max(leaves, 2);
}

static Size
histogram_bytes(void)
{
	return (Size) mlops_guc_training_memory * 1024 / HISTOGRAM_SHARE;
}

/* Where everything of the work area is; fills in what shared says of sizes. */
static void
lay_out(const Run *run, MlBoostShared *shared, int nmembers)
{
	const MlSurvey *survey = run->tr->survey;
	const MlBoostOptions *options = &run->options;
	MlBoostLayout *at = &shared->at;
	Size		k = options->loss.noutputs;
	Size		size = 0;

	memset(shared, 0, sizeof(*shared));
	shared->loss = options->loss;
	shared->ntrain = survey->ntrain;
	shared->nrows = survey->ntrain + survey->nwatch + survey->nholdout;
	shared->nshards = mlops_shard_count(shared->ntrain);
	shared->nwatch = survey->nwatch;
	shared->nwatched = mlops_shard_count(survey->nwatch);
	shared->nchunks = shared->nwatched + mlops_shard_count(survey->nholdout);
	shared->max_leaves = options->rules.max_leaves;
	shared->maxwords = mul_size(mlops_bins_set_words(run->bins), shared->max_leaves - 1);
	shared->learning_rate = options->learning_rate;
	shared->subsample = options->subsample;
	shared->use_sums = shared->ntrain <= SUMS_ROWS && !mlops_loss_renews(&options->loss);
	shared->keeps = options->loss.kind == ML_LOSS_LOG_LOSS && k == 1 &&
		!survey->is_weighted && run->tr->class_weight == NULL;
	take(&size, sizeof(MlBoostShared));
	at->scores = take(&size, mul_size(mul_size(sizeof(double), shared->nrows), k));
	if (k > 1)
		at->probability = take(&size, mul_size(mul_size(sizeof(float), shared->nrows), k));
	if (run->tr->class_weight)
		at->weights = take(&size, mul_size(sizeof(double), shared->nrows));
	at->losses = take(&size, mul_size(sizeof(double), shared->nshards + shared->nchunks));
	at->bounds = take(&size, mul_size(mul_size(sizeof(MlBoostBounds), shared->nshards), k));
	at->sums = take(&size, shared->use_sums ?
					mul_size(mul_size(sizeof(double) * 2, shared->nshards), shared->max_leaves) : 0);
	at->leaf_values = take(&size, mul_size(sizeof(double), shared->max_leaves));
	at->nodes = take(&size, mul_size(sizeof(MlGrownNode), 2 * (Size) shared->max_leaves - 1));
	at->words = take(&size, mul_size(sizeof(uint32), shared->maxwords));
	if (options->n_iter_no_change > 0)
		at->best = take(&size, mul_size(mul_size(sizeof(double), run->answer_rows), k));
	at->grower = take(&size, mlops_grower_size(run->bins, &options->rules, &options->slots,
											   nmembers, histogram_bytes()));
	at->size = size;
}

/* Scores by position of what training goes on from. */
static void
feed_start(void *arg, const MlBlock *block, const uint32 *position)
{
	Run		   *run = arg;
	int			k = run->options.loss.noutputs;
	double	   *raw = palloc(mul_size(mul_size(sizeof(double), block->nrows), k));

	mlops_ensemble_raw(run->tr->start, run->tr->sig, block, raw);
	for (int i = 0; i < block->nrows; i++)
		memcpy(run->start + (Size) position[i] * k, raw + (Size) i * k, sizeof(double) * k);
	pfree(raw);
}

/* The team, the matrix in its memory, and the work area laid out behind it. */
static void
prepare(Run *run)
{
	MlSurvey   *survey = run->tr->survey;
	MlBoostOptions *options = &run->options;
	MlBoostShared plan;
	int			nmembers;
	char	   *work_at;

	if (survey->ntrain > MAX_TRAIN_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("gradient_boosting trains on at most %lld rows", (long long) MAX_TRAIN_ROWS),
				 errhint("Option \"sample\" reads a share of the rows.")));
	options->rules.max_leaves = bound_leaves(&options->rules, survey->ntrain);
	run->bins = mlops_bins_learn(run->tr->sig, &survey->sample, options->max_bins);
	run->bins->ntrain = survey->ntrain;
	run->bins->nwatch = survey->nwatch;
	run->bins->nholdout = survey->nholdout;
	run->answer_rows = survey->nholdout > 0 ? survey->nholdout : survey->ntrain;
	run->answer_from = survey->nholdout > 0 ? survey->ntrain + survey->nwatch : 0;
	if (run->tr->training_arg)
	{
		run->answer_rows += run->answer_from;
		run->answer_from = 0;
	}
	run->watch_rows = survey->nwatch > 0 ? survey->nwatch : survey->nholdout;

	nmembers = mlops_team_plan((double) survey->ntrain * run->bins->nslots *
							   options->n_estimators * options->loss.noutputs * 3);
	lay_out(run, &plan, nmembers);
	/* beside the survey, where the budget counts it */
	if (run->tr->start)
		run->start = MemoryContextAllocHuge(survey->context,
											mul_size(mul_size(sizeof(double), plan.nrows),
													 options->loss.noutputs));
	run->team = mlops_prepare_team(run->bins, survey, nmembers, plan.at.size, &work_at,
								   run->start ? feed_start : NULL, run);
	run->shared = (MlBoostShared *) work_at;
	*run->shared = plan;
	mlops_grower_place(work_at + plan.at.grower, run->bins, &options->rules, &options->slots,
					   nmembers, histogram_bytes());
	run->boost = mlops_boost_attach(run->team);
	run->team->local = run->boost;
	if (plan.at.best)
		run->best = (double *) (work_at + plan.at.best);
}

/* Weights of rows times those of their classes. */
static void
fold_weights(Run *run)
{
	const double *class_weight = run->tr->class_weight;
	const MlBinned *bins = &run->boost->bins;
	double	   *w = unconstify(double *, run->boost->w);

	if (class_weight == NULL)
		return;
	for (int64 i = 0; i < run->shared->nrows; i++)
	{
		CHECK_EVERY_64K(i);
		w[i] = class_weight[(int) bins->y[i]] * (bins->w ? bins->w[i] : 1.0);
	}
}

static double
sum_weights(const Run *run, int64 from, int64 n)
{
	double		sum = 0;

	if (run->boost->w == NULL)
		return n;
	for (int64 i = from; i < from + n; i++)
	{
		CHECK_EVERY_64K(i);
		sum += run->boost->w[i];
	}
	return sum;
}

/* Targets that the loss is not defined for. */
static void
check_target(const Run *run)
{
	const MlLoss *loss = &run->shared->loss;
	const char *rule = mlops_loss_target_rule(loss);
	const double *y = run->boost->bins.y;
	bool		positive = false;
	int64		bad = 0;

	if (rule == NULL)
		return;
	for (int64 i = 0; i < run->shared->nrows; i++)
	{
		CHECK_EVERY_64K(i);
		bad += !mlops_loss_target_fits(loss, y[i]);
		positive |= i < run->shared->ntrain && y[i] > 0;
	}
	if (bad > 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("loss \"%s\" needs a target %s", mlops_loss_name(loss), rule),
				 errdetail_plural("Column \"%s\" breaks this in %lld row.",
								  "Column \"%s\" breaks this in %lld rows.", bad,
								  run->tr->sig->target, (long long) bad)));
	if (!positive)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("loss \"%s\" needs a target with some positive value", mlops_loss_name(loss)),
				 errdetail("Column \"%s\" has none in the training rows.", run->tr->sig->target)));
}

/* Weighted mean of the target; of "is it class k" for classes. */
static double
target_mean(const Run *run, int k)
{
	const double *y = run->boost->bins.y;
	const double *w = run->boost->w;
	bool		classes = run->shared->loss.kind == ML_LOSS_LOG_LOSS;
	double		sum = 0;

	for (int64 i = 0; i < run->shared->ntrain; i++)
	{
		double		x = classes ? (y[i] == k) : y[i];

		CHECK_EVERY_64K(i);
		sum += w ? w[i] * x : x;
	}
	return sum / run->train_weight;
}

/* The best constant score of an output. */
static double
base_score(const Run *run, int k)
{
	const MlLoss *loss = &run->shared->loss;
	double		p;

	switch (loss->kind)
	{
		case ML_LOSS_SQUARED:
			return target_mean(run, 0);
		case ML_LOSS_ABSOLUTE:
		case ML_LOSS_HUBER:
			return mlops_boost_quantile(run->boost, ML_BOOST_TARGET, -1, 0.5);
		case ML_LOSS_QUANTILE:
			return mlops_boost_quantile(run->boost, ML_BOOST_TARGET, -1, loss->alpha);
		case ML_LOSS_LOG_LOSS:
			p = target_mean(run, loss->noutputs > 1 ? k : 1);
			/* a class without a training row */
			p = Max(p, 1e-15);
			return loss->noutputs > 1 ? mlops_log(p) : mlops_log(p) - mlops_log(Max(1 - p, 1e-15));
		default:
			return mlops_log(target_mean(run, 0));
	}
}

static void
begin_scores(Run *run)
{
	int			k = run->shared->loss.noutputs;
	double	   *s = run->boost->scores;

	if (run->start)
	{
		memcpy(s, run->start, sizeof(double) * run->shared->nrows * k);
		pfree(run->start);
		return;
	}
	for (int j = 0; j < k; j++)
		run->ensemble->base[j] = base_score(run, j);
	for (int64 i = 0; i < run->shared->nrows; i++)
	{
		CHECK_EVERY_64K(i);
		for (int j = 0; j < k; j++)
			s[i * k + j] = run->ensemble->base[j];
	}
}

/* The ensemble that grows: empty, or a copy of what training goes on from. */
static MlEnsemble *
begin_ensemble(const Run *run)
{
	const MlEnsemble *start = run->tr->start;
	const MlLoss *loss = &run->options.loss;
	MlEnsemble *ensemble;

	if (start == NULL)
	{
		ensemble = mlops_ensemble_make(mlops_loss_link(loss), false, loss->noutputs, 1);
		ensemble->loss = mlops_loss_name(loss);
	}
	else
	{
		if (strcmp(start->loss, mlops_loss_name(loss)) != 0 || start->noutputs != loss->noutputs)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("training cannot go on with another loss"),
					 errdetail("The version to go on from has loss \"%s\".", start->loss)));
		if (start->ntrees / start->noutputs >= run->options.n_estimators)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"n_estimators\" must be above %d, the rounds that training goes on from",
							start->ntrees / start->noutputs)));
		if (run->options.rules.has_monotone || run->options.rules.has_interaction)
			run->tr->notices =
				lappend(run->tr->notices,
						pstrdup("constraints hold for the trees that were added, not for those that training went on from"));
		ensemble = mlops_ensemble_adapt(start, run->tr->sig, run->tr->sig);
	}
	ensemble->history = start && start->nrounds > 0 ?
		memcpy(palloc(sizeof(MlRound) * run->options.n_estimators), start->history,
			   sizeof(MlRound) * Min(start->nrounds, run->options.n_estimators)) :
		palloc(sizeof(MlRound) * run->options.n_estimators);
	return ensemble;
}

/* Scores, losses and bounds after the tree in the shared memory, if there is one. */
static void
update(Run *run, bool has_tree, bool wants_loss)
{
	MlBoostShared *shared = run->shared;

	if (wants_loss && shared->loss.kind == ML_LOSS_HUBER)
		shared->loss.delta = mlops_boost_quantile(run->boost, ML_BOOST_DISTANCE, -1,
												  shared->loss.alpha);
	shared->step = ML_BOOST_SCORE;
	shared->has_tree = has_tree;
	shared->wants_loss = wants_loss;
	mlops_team_run(run->team, ML_TASK_BOOST_UPDATE, shared->nshards + shared->nchunks);
}

/* The two losses, from what the shards answered. */
static MlRound
read_losses(const Run *run)
{
	const MlBoostShared *shared = run->shared;
	MlRound		round = {0, 0};

	for (int i = 0; i < shared->nshards; i++)
		round.train_loss += run->boost->losses[i];
	round.train_loss /= run->train_weight;
	if (!isfinite(round.train_loss))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("gradient_boosting overflowed"),
				 errhint("A lower learning_rate, or a target of smaller scale, can help.")));
	for (int i = 0; i < (shared->nwatched > 0 ? shared->nwatched : shared->nchunks); i++)
		round.validation_loss += run->boost->losses[shared->nshards + i];
	round.validation_loss = run->watch_rows > 0 ?
		round.validation_loss / run->watch_weight : NAN;
	return round;
}

static void
draw_columns(Run *run, uint64 key)
{
	int			n = run->bins->nslots;
	int			want;
	int		   *order;

	if (run->options.colsample >= 1)
		return;
	want = Max((int) (run->options.colsample * n + 0.5), 1);
	order = palloc(sizeof(int) * n);
	if (run->columns == NULL)
		run->columns = palloc(n);
	memset(run->columns, 0, n);
	for (int i = 0; i < n; i++)
		order[i] = i;
	for (int i = 0; i < want; i++)
	{
		/* the high half of a product spreads a hash over the rest evenly */
		int			j = i + (int) ((mlops_hash_mix(key, i) >> 32) * (uint64) (n - i) >> 32);
		int			slot = order[j];

		order[j] = order[i];
		run->columns[slot] = 1;
	}
	pfree(order);
}

/* A unit of which the largest value is a whole number, for which no sum overflows; 0: all values are 0. */
static double
choose_unit(double max, double sum, double largest, double sums)
{
	double		unit = Max(max / largest, sum / sums);
	double		steps;

	if (!(unit > 0))
		return 0;
	steps = floor(max / unit);
	return steps >= 1 ? max / steps : unit;
}

/* False: all gradients of the output are 0. */
static bool
choose_scale(Run *run)
{
	MlBoostShared *shared = run->shared;
	MlBoostBounds all = {0, 0, 0, 0};
	int			k = shared->loss.noutputs;

	for (int i = 0; i < shared->nshards; i++)
	{
		const MlBoostBounds *b = &run->boost->bounds[(Size) i * k + shared->output];

		all.sum_gradient += b->sum_gradient;
		all.sum_hessian += b->sum_hessian;
		all.max_gradient = Max(all.max_gradient, b->max_gradient);
		all.max_hessian = Max(all.max_hessian, b->max_hessian);
	}
	shared->scale.counts = run->boost->w == NULL && mlops_loss_is_flat(&shared->loss);
	shared->scale.gradient = choose_unit(all.max_gradient, all.sum_gradient, 32767.0,
										 2147483647.0 - shared->ntrain);
	shared->scale.hessian = shared->scale.counts ? 1.0 :
		choose_unit(all.max_hessian, all.sum_hessian, 65535.0,
					4294967295.0 - shared->ntrain);
	return shared->scale.gradient > 0 && shared->scale.hessian > 0 &&
		isfinite(shared->scale.gradient) && isfinite(shared->scale.hessian) &&
		isfinite(1.0 / shared->scale.gradient) && isfinite(1.0 / shared->scale.hessian);
}

/* A tree of one leaf that changes nothing. */
static void
make_stump(MlGrown *tree, int64 count)
{
	memset(&tree->nodes[0], 0, sizeof(MlGrownNode));
	tree->nodes[0].slot = -1;
	tree->nodes[0].count = count;
	tree->nnodes = 1;
	tree->nleaves = 1;
	tree->nwords = 0;
}

/* Grow the tree of one output; false: it is of one leaf. */
static bool
grow_tree(Run *run, int number)
{
	MlBoostShared *shared = run->shared;
	MlBoost    *boost = run->boost;
	uint64		seed = mlops_hash_mix(run->options.seed, number);

	if (choose_scale(run))
	{
		shared->sample_key = mlops_hash_mix(seed, DRAW_ROWS);
		shared->dither_key = (uint32) mlops_hash_mix(seed, DRAW_DITHER);
		mlops_team_run(run->team, ML_TASK_BOOST_QUANTISE, shared->nshards);
		draw_columns(run, mlops_hash_mix(seed, DRAW_COLUMNS));
		mlops_grower_run(boost->grower, &shared->scale, mlops_hash_mix(seed, DRAW_GROW),
						 run->columns, &boost->tree);
	}
	else
		make_stump(&boost->tree, shared->ntrain);
	shared->nnodes = boost->tree.nnodes;
	shared->nleaves = boost->tree.nleaves;
	shared->nwords = boost->tree.nwords;
	if (boost->tree.nleaves == 1)
	{
		make_stump(&boost->tree, boost->tree.nodes[0].count);
		return false;
	}
	mlops_boost_set_values(boost, run->team, &run->options);
	return true;
}

/* The trees of a round; false: none has a split, and none will. */
static bool
grow_round(Run *run, int round)
{
	MlBoostShared *shared = run->shared;
	int			k = shared->loss.noutputs;
	bool		any = false;

	for (int j = 0; j < k; j++)
	{
		CHECK_FOR_INTERRUPTS();
		shared->output = j;
		any |= grow_tree(run, round * k + j);
		mlops_ensemble_add(run->ensemble, &run->boost->tree, run->bins,
						   run->options.learning_rate);
		update(run, true, j == k - 1 && shared->loss.kind != ML_LOSS_HUBER);
	}
	/* what counts as near is known when all scores are */
	if (shared->loss.kind == ML_LOSS_HUBER)
		update(run, false, true);
	return any || run->options.subsample < 1 || run->options.colsample < 1 ||
		run->options.rules.max_features < 1;
}

/* This many rounds are the best so far. */
static void
note_best(Run *run, int rounds, double loss)
{
	int			k = run->shared->loss.noutputs;

	run->best_loss = loss;
	run->best_round = rounds;
	memcpy(run->best, run->boost->scores + run->answer_from * k,
		   sizeof(double) * run->answer_rows * k);
}

/* Note a round's losses; false: it is time to stop. */
static bool
note_round(Run *run, int round)
{
	MlEnsemble *ensemble = run->ensemble;
	MlRound		now = read_losses(run);

	ensemble->history[round] = now;
	ensemble->nrounds = round + 1;
	mlops_progress_pass(round + 1, run->options.n_estimators);
	if (run->watch_rows > 0)
		mlops_progress_loss(now.validation_loss);
	if (run->best == NULL || run->tr->survey->nwatch == 0)
		return true;
	if (run->best_round == 0 || now.validation_loss < run->best_loss - run->options.tol)
		note_best(run, round + 1, now.validation_loss);
	return round + 1 - run->best_round < run->options.n_iter_no_change;
}

static void
run_rounds(Run *run)
{
	MlEnsemble *ensemble = run->ensemble;
	int			k = run->shared->loss.noutputs;
	int			first = ensemble->ntrees / k;
	MlRound		before;

	ensemble->nrounds = first;
	update(run, false, true);
	before = read_losses(run);
	if (run->best && run->tr->survey->nwatch > 0 && first > 0)
		note_best(run, first, before.validation_loss);
	for (int round = first; round < run->options.n_estimators; round++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!grow_round(run, round))
		{
			mlops_ensemble_truncate(ensemble, round * k);
			run->tr->notices =
				lappend(run->tr->notices, round == 0 ?
						pstrdup("no split was found: the model answers a constant; lower min_samples_leaf or min_gain may help") :
						psprintf("stopped after %d of %d rounds: no split is left that the options allow",
								 round, run->options.n_estimators));
			break;
		}
		if (!note_round(run, round))
			break;
	}
	ensemble->best_round = ensemble->nrounds;
	if (run->best && run->best_round > 0)
	{
		ensemble->best_round = run->best_round;
		mlops_ensemble_truncate(ensemble, run->best_round * k);
	}
}

/* Tell what the model answers on some rows. */
static void
answer_rows(Run *run, void *arg, int64 from, int64 to)
{
	int			k = run->shared->loss.noutputs;
	const MlBinned *bins = &run->boost->bins;
	const double *raw = run->best && run->best_round > 0 ?
		run->best : run->boost->scores + run->answer_from * k;
	double	   *out = palloc(sizeof(double) * MLOPS_BLOCK_ROWS * k);

	for (int64 row = from; row < to; row += MLOPS_BLOCK_ROWS)
	{
		int			n = (int) Min(to - row, MLOPS_BLOCK_ROWS);

		CHECK_FOR_INTERRUPTS();
		mlops_ensemble_link(run->ensemble, n, raw + (row - run->answer_from) * k, out);
		run->tr->answer(arg, n, bins->y + row, bins->w ? bins->w + row : NULL, out);
	}
	pfree(out);
}

static void
give_answers(Run *run)
{
	MlTreeTrain *tr = run->tr;
	const MlSurvey *survey = tr->survey;
	int64		end = survey->ntrain + survey->nwatch + survey->nholdout;

	if (tr->answer == NULL)
		return;
	mlops_progress_phase(ML_PHASE_VALIDATING);
	if (survey->nholdout > 0)
		answer_rows(run, tr->answer_arg, end - survey->nholdout, end);
	else
		answer_rows(run, tr->answer_arg, 0, survey->ntrain);
	if (tr->training_arg)
		answer_rows(run, tr->training_arg, 0, survey->ntrain);
}

/* For who measures: what the engine's inner loop was asked to do. */
static void
report_updates(const MlBoost *boost)
{
	MlGrowUpdates updates = mlops_grower_updates(boost->grower);

	ereport(DEBUG2,
			(errmsg_internal("histogram updates: " INT64_FORMAT " needed, " INT64_FORMAT " done",
							 updates.needed, updates.done)));
}

MlEnsemble *
mlops_boost_train(MlTreeTrain *tr)
{
	Run			run;

	memset(&run, 0, sizeof(run));
	run.tr = tr;
	mlops_boost_options(tr->params, tr->sig, &run.options);
	run.ensemble = begin_ensemble(&run);
	prepare(&run);
	fold_weights(&run);
	run.train_weight = sum_weights(&run, 0, run.shared->ntrain);
	run.watch_weight = sum_weights(&run, run.shared->ntrain, run.watch_rows);
	check_target(&run);
	begin_scores(&run);
	mlops_team_start(run.team, ML_JOB_BOOST);
	run_rounds(&run);
	mlops_team_stop(run.team);
	report_updates(run.boost);
	give_answers(&run);
	mlops_team_free(run.team);
	return run.ensemble;
}
