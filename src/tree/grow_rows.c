/*-------------------------------------------------------------------------
 *
 * grow_rows.c
 *	  Parting a node's rows between its children, and adding up the rows of
 *	  one of them.
 *
 * Both in one go: a chunk of rows is parted, which brings their bins into the
 * cache, and then those of the child whose histogram is wanted are added to it.
 * That child is the one expected to be smaller; an expectation that fails costs
 * time and nothing else, since the sibling's histogram is the difference either
 * way.
 *
 * IDENTIFICATION
 *	  src/tree/grow_rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "mlops/numeric.h"

#include "grow_work.h"

#define ML_PART_AHEAD 24

/* How a node's rows are told apart. */
typedef struct MlParting
{
	const uint8 *goes_left;		/* by bin */
	int			offset;			/* of the slot's bin in a row */
	bool		is_wide;
	int			stride;
} MlParting;

/* Which bins go left, as a byte each. */
static void
make_parting(MlGrower *g, const MlSplit *split, const uint32 *set, MlParting *p)
{
	const MlBinning *binning = &g->bins->binning[split->slot];
	int			bin;

	p->goes_left = g->goes_left;
	p->offset = binning->offset;
	p->is_wide = binning->is_wide;
	p->stride = g->bins->stride;
	if (split->is_category)
	{
		for (bin = 0; bin < binning->nbins; bin++)
			g->goes_left[bin] = (set[bin / 32] >> (bin % 32)) & 1;
		return;
	}
	memset(g->goes_left, 0, binning->nbins);
	memset(g->goes_left, 1, Min(split->bin + 1, binning->nbins));
	g->goes_left[binning->missing_bin] = split->missing_left;
}

/*
 * Part n rows, of which room may be read ahead: those that go left are
 * written to left (which may be rows itself or lie before it), the others to
 * right.  Returns how many went left.
 */
static int
part_chunk(const MlParting *p, const uint8 *bins, const uint16 *rows, int n, int room,
		   uint16 *left, uint16 *right)
{
	const uint8 *column = bins + p->offset;
	const uint8 *goes_left = p->goes_left;
	Size		stride = p->stride;
	int			ahead = Max(0, Min(n, room - ML_PART_AHEAD));
	int			nleft = 0;
	int			i = 0;

	if (p->is_wide)
	{
		for (; i < n; i++)
		{
			uint16		row = rows[i];
			uint16		bin;
			int			go;

			if (i < ahead)
				__builtin_prefetch(column + rows[i + ML_PART_AHEAD] * stride);
			memcpy(&bin, column + row * stride, sizeof(bin));
			go = goes_left[bin];
			left[nleft] = row;
			right[i - nleft] = row;
			nleft += go;
		}
		return nleft;
	}
	for (; i < ahead; i++)
	{
		uint16		row = rows[i];
		int			go;

		__builtin_prefetch(column + rows[i + ML_PART_AHEAD] * stride);
		go = goes_left[column[row * stride]];
		left[nleft] = row;
		right[i - nleft] = row;
		nleft += go;
	}
	for (; i < n; i++)
	{
		uint16		row = rows[i];
		int			go = goes_left[column[row * stride]];

		left[nleft] = row;
		right[i - nleft] = row;
		nleft += go;
	}
	return nleft;
}

/*
 * The chunk after row number "done" of a node's run in a shard, in the shards
 * up to "to".
 */
static MlHistNext
next_chunk(const MlGrower *g, const MlRun *runs, const MlParting *p, int shard, int done, int to)
{
	MlHistNext	next = {NULL, NULL, 0};
	Size		base;

	while (shard < to && done >= mlops_run_count(runs[shard]))
	{
		shard++;
		done = 0;
	}
	if (shard == to)
		return next;
	base = (Size) shard * ML_SHARD_ROWS;
	next.column = g->bins->rows + base * p->stride + p->offset;
	next.rows = g->rows + base + runs[shard].first + done;
	next.n = Min(mlops_run_count(runs[shard]) - done, ML_GROW_CHUNK);
	return next;
}

/*
 * Part a job's rows of one shard (those up to "to" will follow), adding those
 * of the counted child to a histogram, unless that is NULL.
 */
static void
part_shard(MlGrower *g, const MlGrowJob *job, const MlParting *p, int shard, int to, int64 *histogram)
{
	Size		base = (Size) shard * ML_SHARD_ROWS;
	const uint8 *bins = g->bins->rows + base * g->bins->stride;
	const uint32 *gradients = g->gradients + base;
	const MlRun *runs = mlops_grow_run(g, job->node);
	MlRun		run = runs[shard];
	int			n = mlops_run_count(run);
	uint16	   *rows = g->rows + base + run.first;
	bool		counts_left = (job->counted == job->left);
	int			nleft = 0;
	int			done;

	for (done = 0; done < n; done += ML_GROW_CHUNK)
	{
		int			chunk = Min(n - done, ML_GROW_CHUNK);
		int			nright = done - nleft;
		MlHistNext	next = next_chunk(g, runs, p, shard, done + chunk, to);
		int			k;

		CHECK_FOR_INTERRUPTS();
		k = part_chunk(p, bins, rows + done, chunk, n - done, rows + nleft, g->parted + nright);
		if (histogram && counts_left)
			mlops_hist_add(&g->hist_slots, histogram, bins, p->stride, gradients,
						   rows + nleft, k, k, &next);
		else if (histogram)
			mlops_hist_add(&g->hist_slots, histogram, bins, p->stride, gradients,
						   g->parted + nright, chunk - k, chunk - k, &next);
		nleft += k;
	}
	memcpy(rows + nleft, g->parted, (n - nleft) * sizeof(uint16));
	mlops_grow_run(g, job->left)[shard] = mlops_run_make(run.first, nleft);
	mlops_grow_run(g, job->left + 1)[shard] = mlops_run_make(run.first + nleft, n - nleft);
}

/* Add a node's own rows of one shard to a histogram. */
static void
count_shard(MlGrower *g, int node, int shard, int64 *histogram)
{
	Size		base = (Size) shard * ML_SHARD_ROWS;
	const uint8 *bins = g->bins->rows + base * g->bins->stride;
	const uint32 *gradients = g->gradients + base;
	MlRun		run = mlops_grow_run(g, node)[shard];
	int			n = mlops_run_count(run);
	bool		is_whole = (n == mlops_grow_shard_rows(g->bins, shard));
	int			done;

	for (done = 0; done < n; done += ML_GROW_CHUNK)
	{
		int			chunk = Min(n - done, ML_GROW_CHUNK);

		CHECK_FOR_INTERRUPTS();
		if (is_whole)
			mlops_hist_add(&g->hist_slots, histogram, bins + (Size) done * g->bins->stride,
						   g->bins->stride, gradients + done, NULL, chunk, chunk, NULL);
		else
			mlops_hist_add(&g->hist_slots, histogram, bins, g->bins->stride, gradients,
						   g->rows + base + run.first + done, chunk, n - done, NULL);
	}
}

/* a member's own histogram for a wide job, empty at first use */
static int64 *
private_histogram(MlGrower *g, int wide)
{
	int			member = g->team->member;
	uint8	   *touched = &g->touched[member * g->head->nwide + wide];
	int64	   *histogram = mlops_grow_private(g, member, wide);

	if (!*touched)
	{
		memset(histogram, 0, g->head->entries * sizeof(int64));
		*touched = 1;
	}
	return histogram;
}

void
mlops_grow_rows_task(MlGrower *g, int number)
{
	const MlGrowTask *task = &g->row_tasks[number];
	MlGrowJob  *job = &g->jobs[task->job];
	int64	   *histogram = NULL;
	int			shard;

	if (g->run != g->head->run)
		mlops_hist_slots(&g->hist_slots, g->bins, g->slots);
	g->run = g->head->run;

	if (job->counted >= 0 && job->wide >= 0)
		histogram = private_histogram(g, job->wide);
	else if (job->counted >= 0)
	{
		histogram = mlops_grow_histogram(g, job->histogram);
		memset(histogram, 0, g->head->entries * sizeof(int64));
	}

	if (job->left < 0)
	{
		for (shard = task->from; shard < task->to; shard++)
			count_shard(g, job->node, shard, histogram);
	}
	else
	{
		MlParting	parting;

		make_parting(g, &g->nodes[job->node].split, mlops_grow_set(g, job->node), &parting);
		for (shard = task->from; shard < task->to; shard++)
			part_shard(g, job, &parting, shard, task->to, histogram);
	}

	if (job->wide < 0)
	{
		mlops_rows_settle(g, job);
		mlops_splits_job(g, job, -1);
	}
}

void
mlops_rows_join(MlGrower *g, int node, int left)
{
	int			shard;

	for (shard = 0; shard < g->head->nshards; shard++)
	{
		MlRun		run = mlops_grow_run(g, node)[shard];
		int			nleft = mlops_run_count(mlops_grow_run(g, left)[shard]);
		int			nright = mlops_run_count(run) - nleft;
		uint16	   *rows = g->rows + (Size) shard * ML_SHARD_ROWS + run.first;
		const uint16 *right = rows + nleft;
		int			i = 0;
		int			k = 0;
		int			n = 0;

		if (nleft == 0 || nright == 0)
			continue;
		memcpy(g->parted, rows, nleft * sizeof(uint16));
		while (i < nleft && k < nright)
		{
			bool		from_left = g->parted[i] < right[k];

			rows[n++] = from_left ? g->parted[i] : right[k];
			i += from_left;
			k += !from_left;
		}
		memmove(rows + n, g->parted + i, (nleft - i) * sizeof(uint16));
	}
}

/* The stats of a node's children from its split; counts stay to be set. */
static void
child_stats(const MlGrowHead *head, const MlGrowNode *node, int monotone,
			MlNodeStats *left, MlNodeStats *right)
{
	const MlSplit *split = &node->split;
	double		middle = (split->left_value + split->right_value) / 2;

	*left = *right = node->stats;
	left->gradient = split->left_gradient;
	left->hessian = split->left_hessian;
	right->gradient -= split->left_gradient;
	right->hessian -= split->left_hessian;

	/* what lies below keeps to its side of the middle */
	if (monotone > 0)
	{
		left->upper = Min(left->upper, middle);
		right->lower = Max(right->lower, middle);
	}
	else if (monotone < 0)
	{
		left->lower = Max(left->lower, middle);
		right->upper = Min(right->upper, middle);
	}
}

static void
refuse_split(MlGrowNode *node)
{
	MlRefused  *refused = &node->refused;

	refused->slot[refused->n] = node->split.slot;
	refused->bin[refused->n] = node->split.is_category ? -1 : node->split.bin;
	refused->missing_left[refused->n] = node->split.missing_left;
	refused->n++;
}

void
mlops_rows_settle(MlGrower *g, MlGrowJob *job)
{
	MlGrowNode *node = &g->nodes[job->node];
	MlGrowNode *child;
	int			monotone = 0;
	int			side;
	int			shard;
	int64		count[2] = {0, 0};

	if (job->left < 0)
		return;

	for (side = 0; side < 2; side++)
	{
		MlRun	   *runs = mlops_grow_run(g, job->left + side);

		for (shard = 0; shard < g->head->nshards; shard++)
			count[side] += mlops_run_count(runs[shard]);
	}
	if (Min(count[0], count[1]) < Max(g->head->rules.min_rows, 1))
	{
		mlops_rows_join(g, job->node, job->left);
		refuse_split(node);
		job->refused = true;
		job->search_node = (node->refused.n < ML_MAX_REFUSED);
		return;
	}

	if (g->head->has_monotone)
		monotone = g->monotone[node->split.slot];
	child = &g->nodes[job->left];
	child_stats(g->head, node, monotone, &child[0].stats, &child[1].stats);
	for (side = 0; side < 2; side++)
	{
		child[side].stats.count = count[side];
		child[side].split.gain = 0;
		child[side].split.slot = -1;
		child[side].refused.n = 0;
		child[side].path = mlops_hash_mix(node->path, side + 1);
		child[side].depth = node->depth + 1;
		child[side].parent = job->node;
		child[side].left = -1;
		child[side].histogram = -1;
		child[side].number = -1;
		child[side].heap = -1;
		child[side].searched = !job->is_last ||
			!mlops_grow_splittable(g->head, &child[side].stats, child[side].depth);
	}
	if (job->counted >= 0)
	{
		job->search_left = mlops_grow_splittable(g->head, &child[0].stats, child[0].depth);
		job->search_right = mlops_grow_splittable(g->head, &child[1].stats, child[1].depth);
	}
}
