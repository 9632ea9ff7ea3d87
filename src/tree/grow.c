/*-------------------------------------------------------------------------
 *
 * grow.c
 *	  Growing a tree best first: the leader's part.
 *
 * Leaves that can be split wait in a heap, best gain first.  One split at a time would leave
 * members idle: small nodes are over before a second member has heard of them.
 * So the leader splits ahead: in a round it takes the best leaf and, while
 * the round has little work, those that would follow if no new leaf came in
 * between.  A node split ahead keeps its place in the heap, and the tree only
 * takes it over ("advance") when it is the best; what is never reached is
 * joined again at the end.  So rounds, members and memory decide when a node is
 * worked on, never what comes out.
 *
 * A leaf at place k of that order is split as the k-th from now at the
 * earliest.  With n leaves to go, places beyond n are not worth working on, and
 * the children of place n will never be split and need no histograms.  (Should
 * a split be refused after all, such a child can come to need its histogram; it
 * is then made from its rows.)
 *
 * A histogram belongs to a leaf that may still be split.  Where there are more
 * leaves than room, the leaf of lowest gain loses its own; it is made again
 * from the leaf's rows when its turn comes.
 *
 * IDENTIFICATION
 *	  src/tree/grow.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/numeric.h"

#include "grow_work.h"

/* Work is counted in updates of histogram entries, about half a nanosecond each. */
#define ML_WORK_PART 3			/* to part a row */
#define ML_WORK_BIN 8			/* to subtract and search a bin */
#define ML_WORK_ROUND_MIN 1000000.0
#define ML_WORK_ROUND_MAX 4000000.0
#define ML_WORK_WIDE_MIN 500000.0
#define ML_WORK_WIDE_MAX 1000000.0
#define ML_WORK_RANGE 250000.0	/* what a task of it should have */

struct MlGrowPlan
{
	int		   *heap;			/* leaves that can be split, best first */
	int			nheap;
	int		   *unused;			/* histograms of the pool */
	int			nunused;
	int		   *owner;			/* node, by histogram */
	int		   *of_number;		/* node, by number in the tree */
	int			nnodes;			/* places taken among the nodes */
	int			free_pair;		/* children of refused splits, linked by parent; -1: none */
	int			leaves_left;	/* splits that may follow */
	int			nahead;			/* nodes split before their turn */
	int			pending[2];		/* leaves to be searched before anything else */
	int			npending;

	/* the round */
	int			njobs;
	int			nwide;
	int			nresults;
	double		work;
	MlGrowUpdates updates;		/* of all trees */
	double		enough;			/* a round with so much needs no further node */
	double		much;			/* a job with so much is shared out */
	double		slots;			/* slots of this run, and their bins */
	double		bins;
	MlGrown    *out;
};

MlGrowPlan *
mlops_grow_plan_make(const MlGrower *g)
{
	MlGrowPlan *plan = palloc0(sizeof(MlGrowPlan));

	plan->heap = palloc(g->head->maxnodes * sizeof(int));
	plan->unused = palloc(g->head->npool * sizeof(int));
	plan->owner = palloc(g->head->npool * sizeof(int));
	plan->of_number = palloc(g->head->maxnodes * sizeof(int));
	return plan;
}

/* ---------------------------------------------------------------- the heap */

/* is leaf a to be split before leaf b? */
static bool
comes_before(const MlGrower *g, int a, int b)
{
	const MlGrowNode *x = &g->nodes[a];
	const MlGrowNode *y = &g->nodes[b];

	if (x->split.gain != y->split.gain)
		return x->split.gain > y->split.gain;
	return x->number < y->number;
}

static void
heap_put(MlGrower *g, int at, int node)
{
	g->plan->heap[at] = node;
	g->nodes[node].heap = at;
}

/* Move what is at a place down to where it belongs. */
static void
heap_down(MlGrower *g, int at)
{
	MlGrowPlan *plan = g->plan;
	int			node = plan->heap[at];

	for (;;)
	{
		int			child = 2 * at + 1;

		if (child + 1 < plan->nheap && comes_before(g, plan->heap[child + 1], plan->heap[child]))
			child++;
		if (child >= plan->nheap || !comes_before(g, plan->heap[child], node))
			break;
		heap_put(g, at, plan->heap[child]);
		at = child;
	}
	heap_put(g, at, node);
}

static void
heap_push(MlGrower *g, int node)
{
	MlGrowPlan *plan = g->plan;
	int			at = plan->nheap++;

	while (at > 0 && comes_before(g, node, plan->heap[(at - 1) / 2]))
	{
		heap_put(g, at, plan->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(g, at, node);
}

static void
heap_pop(MlGrower *g)
{
	MlGrowPlan *plan = g->plan;

	g->nodes[plan->heap[0]].heap = -1;
	plan->nheap--;
	if (plan->nheap == 0)
		return;
	heap_put(g, 0, plan->heap[plan->nheap]);
	heap_down(g, 0);
}

/* ---------------------------------------------------------------- histograms of the pool */

static void
give_histogram(MlGrower *g, int node, int histogram)
{
	g->nodes[node].histogram = histogram;
	g->plan->owner[histogram] = node;
}

static void
free_histogram(MlGrower *g, int histogram)
{
	g->plan->unused[g->plan->nunused++] = histogram;
}

static void
drop_histogram(MlGrower *g, int node)
{
	if (g->nodes[node].histogram >= 0)
		free_histogram(g, g->nodes[node].histogram);
	g->nodes[node].histogram = -1;
}

/* A histogram for the first job of a round, whose node keeps its own: if need be the worst leaf's. */
static int
take_histogram(MlGrower *g, int keep)
{
	MlGrowPlan *plan = g->plan;
	int			worst = -1;
	int			k;

	if (plan->nunused == 0)
	{
		for (k = 0; k < g->head->npool; k++)
			if (plan->owner[k] != keep &&
				(worst < 0 || comes_before(g, worst, plan->owner[k])))
				worst = plan->owner[k];
		Assert(worst >= 0);
		drop_histogram(g, worst);
	}
	return plan->unused[--plan->nunused];
}

/* ---------------------------------------------------------------- planning */

static MlGrowJob *
add_job(MlGrower *g, int node, double work)
{
	MlGrowPlan *plan = g->plan;
	MlGrowJob  *job = &g->jobs[plan->njobs++];

	memset(job, 0, sizeof(MlGrowJob));
	job->node = node;
	job->left = -1;
	job->counted = -1;
	job->histogram = -1;
	job->wide = -1;
	job->ngroups = 1;
	if (plan->nwide < g->head->nwide && g->head->nshards > 1 && work >= plan->much)
	{
		job->wide = plan->nwide++;
		job->ngroups = Min(g->head->nslots, ML_GROW_GROUPS);
	}
	job->result = plan->nresults;
	plan->nresults += 2 * job->ngroups;
	plan->work += work;
	return job;
}

/* Two places for children. */
static int
take_pair(MlGrower *g)
{
	MlGrowPlan *plan = g->plan;
	int			left = plan->free_pair;

	if (left >= 0)
		plan->free_pair = g->nodes[left].parent;
	else
	{
		left = plan->nnodes;
		plan->nnodes += 2;
	}
	Assert(left + 1 < g->head->maxnodes);
	return left;
}

/* A histogram of a node itself, and its best split if that is not known. */
static void
add_own_job(MlGrower *g, int node)
{
	MlGrowNode *n = &g->nodes[node];
	MlGrowJob  *job = add_job(g, node, n->stats.count * g->plan->slots);

	job->counted = node;
	job->histogram = take_histogram(g, node);
	job->search_node = !n->searched;
}

/*
 * Splitting a node.  Of its children, the one expected to have fewer rows is
 * added up, unless neither can be split any more.
 */
static void
add_split_job(MlGrower *g, int node, bool is_last)
{
	const MlGrowRules *rules = &g->head->rules;
	const MlGrowNode *n = &g->nodes[node];
	double		share = (double) n->split.left_hessian / Max(n->stats.hessian, 1);
	double		rows = (double) n->stats.count;
	bool		is_counted;
	MlGrowJob  *job;

	is_counted = !is_last && n->stats.count - Max(rules->min_rows, 1) >= 2 * Max(rules->min_rows, 1) &&
		(rules->max_depth == 0 || n->depth + 1 < rules->max_depth);
	job = add_job(g, node, rows * ML_WORK_PART +
				  (is_counted ? rows * Min(share, 1 - share) * g->plan->slots + g->plan->bins * 2 * ML_WORK_BIN : 0));
	job->left = take_pair(g);
	job->is_last = is_last;
	if (is_counted)
	{
		job->counted = job->left + (share > 0.5);
		job->histogram = take_histogram(g, node);
	}
}

/* Leaves by what comes next, as far as is known: a small heap over the big one. */
typedef struct MlFront
{
	int			node[4 * ML_GROW_AHEAD + 8];
	int			n;
} MlFront;

static void
front_add(MlGrower *g, MlFront *front, int node)
{
	int			at = front->n++;

	while (at > 0 && g->nodes[node].split.gain > g->nodes[front->node[at - 1]].split.gain)
	{
		front->node[at] = front->node[at - 1];
		at--;
	}
	front->node[at] = node;
}

/* Take the first, and let those in that it held back. */
static int
front_take(MlGrower *g, MlFront *front)
{
	int			node = front->node[0];
	int			child = g->nodes[node].heap;
	int			k;

	front->n--;
	memmove(front->node, front->node + 1, front->n * sizeof(int));
	if (child >= 0)
	{
		child = 2 * child + 1;
		for (k = child; k < Min(child + 2, g->plan->nheap); k++)
			front_add(g, front, g->plan->heap[k]);
	}
	if (g->nodes[node].left >= 0)
		for (k = g->nodes[node].left; k < g->nodes[node].left + 2; k++)
			if (g->nodes[k].searched && g->nodes[k].split.gain > 0)
				front_add(g, front, k);
	return node;
}

/* Which nodes to split in the next round; there is one to split. */
static void
plan_round(MlGrower *g)
{
	MlGrowPlan *plan = g->plan;
	MlFront		front;
	int			place;

	front.n = 0;
	front_add(g, &front, plan->heap[0]);
	for (place = 1; place <= Min(plan->leaves_left, ML_GROW_AHEAD) && front.n > 0; place++)
	{
		int			node = front_take(g, &front);
		MlGrowNode *n = &g->nodes[node];

		if (n->split.gain <= 0)
			break;
		if (n->left >= 0)
			continue;
		if (plan->njobs == 0 && n->histogram < 0)
		{
			add_own_job(g, node);
			break;
		}
		if (plan->njobs > 0 &&
			(plan->work >= plan->enough || plan->nunused == 0 || n->histogram < 0 ||
			 plan->nahead + plan->njobs >= ML_GROW_AHEAD))
			break;
		add_split_job(g, node, place == plan->leaves_left);
	}
}

/* ---------------------------------------------------------------- a round */

/* Tasks of a wide job: ranges of shards with about as many rows. */
static int
add_ranges(MlGrower *g, int number, int ntasks)
{
	const MlGrowJob *job = &g->jobs[number];
	const MlRun *runs = mlops_grow_run(g, job->node);
	double		each = job->counted >= 0 ? g->plan->slots / 2 + ML_WORK_PART : ML_WORK_PART;
	int64		total = g->nodes[job->node].stats.count;
	int			n = (int) Max(1, Min(total * each / ML_WORK_RANGE, ML_GROW_RANGES));
	int64		seen = 0;
	int			from = 0;
	int			k = 0;
	int			shard;

	for (shard = 0; shard < g->head->nshards; shard++)
	{
		seen += mlops_run_count(runs[shard]);
		if (shard + 1 == g->head->nshards || (k + 1 < n && seen * n >= total * (k + 1)))
		{
			MlGrowTask *task = &g->row_tasks[ntasks++];

			task->job = number;
			task->from = from;
			task->to = shard + 1;
			from = shard + 1;
			k = (int) (seen * n / Max(total, 1));
		}
	}
	return ntasks;
}

/* First phase: the jobs that are one task, then the wide jobs' small tasks, which fill the gaps. */
static void
run_rows(MlGrower *g)
{
	MlGrowPlan *plan = g->plan;
	int			ntasks = 0;
	int			k;

	for (k = 0; k < plan->njobs; k++)
		if (g->jobs[k].wide < 0)
		{
			g->row_tasks[ntasks].job = k;
			g->row_tasks[ntasks].from = 0;
			g->row_tasks[ntasks].to = g->head->nshards;
			ntasks++;
		}
	for (k = 0; k < plan->njobs; k++)
		if (g->jobs[k].wide >= 0)
			ntasks = add_ranges(g, k, ntasks);
	memset(g->touched, 0, (Size) g->head->nmembers * g->head->nwide);
	mlops_team_run(g->team, ML_TASK_GROW_ROWS, ntasks);
}

/* Second phase: what is left of the wide jobs. */
static void
run_splits(MlGrower *g)
{
	MlGrowPlan *plan = g->plan;
	int			ntasks = 0;
	int			group;
	int			k;

	for (k = 0; k < plan->njobs; k++)
	{
		MlGrowJob  *job = &g->jobs[k];

		if (job->wide < 0)
			continue;
		mlops_rows_settle(g, job);
		if (job->refused ? !job->search_node : job->counted < 0)
			continue;
		for (group = 0; group < job->ngroups; group++)
		{
			g->split_tasks[ntasks].job = k;
			g->split_tasks[ntasks].from = group;
			ntasks++;
		}
	}
	if (ntasks > 0)
		mlops_team_run(g->team, ML_TASK_GROW_SPLITS, ntasks);
}

/* The best of a job's results for one side becomes a node's split; equal gains: the lower slot. */
static void
take_result(MlGrower *g, const MlGrowJob *job, int side, int node)
{
	int			best = job->result + side;
	int			k;

	for (k = 1; k < job->ngroups; k++)
		if (g->results[job->result + 2 * k + side].gain > g->results[best].gain)
			best = job->result + 2 * k + side;
	g->nodes[node].split = g->results[best];
	g->nodes[node].searched = true;
	if (g->results[best].is_category)
		memcpy(mlops_grow_set(g, node),
			   g->result_sets + (Size) best * g->head->set_words,
			   g->head->set_words * sizeof(uint32));
}

/* The root's sums, from its histogram. */
static void
sum_root(MlGrower *g)
{
	const int64 *histogram = mlops_grow_histogram(g, g->nodes[0].histogram);
	MlNodeStats *stats = &g->nodes[0].stats;
	int64		total = 0;
	int			slot = 0;
	int			bin;

	while (slot + 1 < g->head->nslots && !g->slots[slot])
		slot++;
	for (bin = 0; bin < g->bins->binning[slot].nbins; bin++)
		total += histogram[g->bins->binning[slot].first_bin + bin];
	stats->gradient = mlops_entry_gradient(total);
	stats->hessian = mlops_entry_hessian(total);
}

static void
accept_own(MlGrower *g, const MlGrowJob *job)
{
	MlGrowNode *node = &g->nodes[job->node];

	give_histogram(g, job->node, job->histogram);
	if (node->parent < 0 && g->plan->out->nnodes == 0)
		sum_root(g);
	if (job->search_node)
		take_result(g, job, 0, job->node);
	if (node->heap < 0 && node->split.gain > 0)
		heap_push(g, job->node);
	else if (node->split.gain <= 0)
		drop_histogram(g, job->node);
}

static void
accept_refused(MlGrower *g, const MlGrowJob *job)
{
	MlGrowNode *node = &g->nodes[job->node];

	g->nodes[job->left].parent = g->plan->free_pair;
	g->plan->free_pair = job->left;
	if (job->histogram >= 0)
		free_histogram(g, job->histogram);
	if (job->search_node)
		take_result(g, job, 0, job->node);
	else
		node->split.gain = 0;
	if (node->split.gain <= 0)
		drop_histogram(g, job->node);
	if (node->heap >= 0)
		heap_down(g, node->heap);
}

static void
accept_split(MlGrower *g, const MlGrowJob *job)
{
	MlGrowNode *node = &g->nodes[job->node];
	int			side;

	node->left = job->left;
	g->plan->nahead++;
	if (job->counted < 0)
	{
		drop_histogram(g, job->node);
		return;
	}
	give_histogram(g, job->counted, job->histogram);
	give_histogram(g, job->counted == job->left ? job->left + 1 : job->left, node->histogram);
	node->histogram = -1;
	for (side = 0; side < 2; side++)
	{
		if (side == 0 ? job->search_left : job->search_right)
			take_result(g, job, side, job->left + side);
		if (g->nodes[job->left + side].split.gain <= 0)
			drop_histogram(g, job->left + side);
	}
}

static void
run_round(MlGrower *g)
{
	MlGrowPlan *plan = g->plan;
	int			k;

	run_rows(g);
	run_splits(g);
	for (k = 0; k < plan->njobs; k++)
	{
		const MlGrowJob *job = &g->jobs[k];

		if (job->counted >= 0)
			plan->updates.done += g->nodes[job->counted].stats.count * plan->slots;
		if (job->left < 0)
			accept_own(g, job);
		else if (job->refused)
			accept_refused(g, job);
		else
			accept_split(g, job);
	}
	plan->njobs = 0;
	plan->nwide = 0;
	plan->nresults = 0;
	plan->work = 0;
}

/* ---------------------------------------------------------------- the tree */

/* A node enters the tree, as a leaf. */
static int
add_grown(MlGrower *g, int node)
{
	MlGrown    *out = g->plan->out;
	MlGrownNode *grown = &out->nodes[out->nnodes];
	MlGrowNode *n = &g->nodes[node];
	const MlScale *scale = &g->head->scale;

	Assert(out->nnodes < out->maxnodes);
	memset(grown, 0, sizeof(MlGrownNode));
	grown->slot = -1;
	grown->left = grown->right = -1;
	grown->leaf = -1;
	grown->cover = n->stats.hessian * scale->hessian;
	grown->count = n->stats.count;
	grown->value = mlops_split_value(&g->head->rules, g->head->rules.l2,
									 n->stats.gradient * scale->gradient, grown->cover,
									 n->stats.lower, n->stats.upper);
	n->number = out->nnodes;
	g->plan->of_number[out->nnodes] = node;
	return out->nnodes++;
}

/* The best leaf, already split, is split in the tree, too. */
static void
take_over(MlGrower *g)
{
	MlGrowPlan *plan = g->plan;
	MlGrown    *out = plan->out;
	int			node = plan->heap[0];
	const MlGrowNode *n = &g->nodes[node];
	MlGrownNode *grown = &out->nodes[n->number];
	int			words = (g->bins->binning[n->split.slot].nbins + 31) / 32;
	int			child;

	heap_pop(g);
	if (g->nodes[n->left].searched || plan->leaves_left > 1)
		plan->updates.needed += Min(g->nodes[n->left].stats.count,
									g->nodes[n->left + 1].stats.count) * plan->slots;
	plan->leaves_left--;
	plan->nahead--;
	grown->slot = n->split.slot;
	grown->bin = n->split.bin;
	grown->is_category = n->split.is_category;
	grown->missing_left = n->split.missing_left;
	grown->gain = n->split.gain;
	if (n->split.is_category)
	{
		Assert(out->nwords + words <= out->maxwords);
		grown->set = out->nwords;
		memcpy(out->words + out->nwords, mlops_grow_set(g, node), words * sizeof(uint32));
		out->nwords += words;
	}
	grown->left = add_grown(g, n->left);
	grown->right = add_grown(g, n->left + 1);
	for (child = n->left; child < n->left + 2; child++)
	{
		if (!g->nodes[child].searched && plan->leaves_left > 0)
			plan->pending[plan->npending++] = child;
		else if (g->nodes[child].searched && g->nodes[child].split.gain > 0)
			heap_push(g, child);
	}
}

/* Take over what is split already; false: the tree is complete. */
static bool
advance(MlGrower *g)
{
	MlGrowPlan *plan = g->plan;

	while (plan->npending == 0)
	{
		if (plan->leaves_left == 0 || plan->nheap == 0 ||
			g->nodes[plan->heap[0]].split.gain <= 0)
			return false;
		if (g->nodes[plan->heap[0]].left < 0)
			return true;
		take_over(g);
	}
	return true;
}

/* Join what was split below a node that is a leaf of the tree. */
static void
join_below(MlGrower *g, int node)
{
	int			left = g->nodes[node].left;

	if (left < 0)
		return;
	join_below(g, left);
	join_below(g, left + 1);
	mlops_rows_join(g, node, left);
	g->nodes[node].left = -1;
}

static void
finish_tree(MlGrower *g)
{
	MlGrown    *out = g->plan->out;
	int			k;

	for (k = 0; k < out->nnodes; k++)
		if (out->nodes[k].slot < 0)
		{
			join_below(g, g->plan->of_number[k]);
			g->leaves[out->nleaves] = g->plan->of_number[k];
			out->nodes[k].leaf = out->nleaves++;
		}
}

/*
 * How much work makes a round.  More of it means fewer pauses, but more nodes
 * split in vain; a quarter of the root's work is a good middle between 20,000
 * and 1,000,000 rows.  One member never waits, so it takes one node at a time.
 */
static void
plan_work(MlGrower *g, int64 nrows)
{
	MlGrowPlan *plan = g->plan;
	double		quarter = nrows * plan->slots / 4;

	plan->enough = Max(ML_WORK_ROUND_MIN, Min(quarter, ML_WORK_ROUND_MAX));
	plan->much = Max(ML_WORK_WIDE_MIN, Min(plan->enough / 3, ML_WORK_WIDE_MAX));
	if (g->head->nmembers == 1)
		plan->enough = 0;
}

/* The root and an empty plan. */
static void
begin_tree(MlGrower *g)
{
	MlGrowPlan *plan = g->plan;
	MlGrowNode *root = &g->nodes[0];
	int			k;

	plan->nheap = 0;
	plan->nnodes = 1;
	plan->free_pair = -1;
	plan->leaves_left = g->head->rules.max_leaves - 1;
	plan->nahead = 0;
	plan->npending = 0;
	plan->nunused = 0;
	for (k = g->head->npool; k-- > 0;)
		free_histogram(g, k);
	plan->slots = plan->bins = 0;
	for (k = 0; k < g->head->nslots; k++)
		if (g->slots[k])
		{
			plan->slots++;
			plan->bins += g->bins->binning[k].nbins;
		}

	memset(root, 0, sizeof(MlGrowNode));
	root->split.slot = -1;
	root->path = mlops_hash_mix(g->head->seed, 0);
	root->parent = root->left = root->histogram = root->number = root->heap = -1;
	root->stats.lower = -INFINITY;
	root->stats.upper = INFINITY;
	for (k = 0; k < g->head->nshards; k++)
	{
		mlops_grow_run(g, 0)[k] = mlops_run_make(0, g->counts[k]);
		root->stats.count += g->counts[k];
	}
	plan_work(g, root->stats.count);
	root->searched = plan->leaves_left == 0 || !mlops_grow_splittable(g->head, &root->stats, 0);
}

MlGrowUpdates
mlops_grower_updates(const MlGrower *g)
{
	return g->plan->updates;
}

void
mlops_grower_run(MlGrower *g, const MlScale *scale, uint64 seed, const uint8 *slots, MlGrown *out)
{
	MlGrowPlan *plan = g->plan;

	g->head->scale = *scale;
	g->head->seed = seed;
	g->head->run++;
	if (slots)
		memcpy(g->slots, slots, g->head->nslots);
	else
		memset(g->slots, 1, g->head->nslots);
	out->nnodes = out->nleaves = out->nwords = 0;
	out->outputs = NULL;
	out->noutputs = 1;

	plan->out = out;
	begin_tree(g);
	plan->updates.needed += g->nodes[0].stats.count * plan->slots;
	add_own_job(g, 0);
	run_round(g);
	add_grown(g, 0);

	while (advance(g))
	{
		if (plan->npending > 0)
			add_own_job(g, plan->pending[--plan->npending]);
		else
			plan_round(g);
		run_round(g);
	}
	finish_tree(g);
}
