/*-------------------------------------------------------------------------
 *
 * grow_splits.c
 *	  From the sums of a job to the histograms of its nodes and their best
 *	  splits, for a range of slots.
 *
 * Which slots a node may use is a function of the tree alone, never of the
 * order in which nodes are worked on: max_features draws by a hash of the
 * seed, the way from the root and the slot; interaction groups look at the
 * slots used on that way.
 *
 * IDENTIFICATION
 *	  src/tree/grow_splits.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "mlops/numeric.h"

#include "grow_work.h"

/*
 * Clear the flags of slots that no interaction group allows below a node: a
 * slot stays if some group has it and all slots used on the way.  A slot named
 * in no group is a group of its own.
 */
static void
keep_interacting(const MlGrower *g, int node, uint8 *allowed)
{
	const MlGrowHead *head = g->head;
	int			nslots = head->nslots;
	int			up = g->nodes[node].parent;
	int			last;
	int			group;
	int			slot;

	if (up < 0)
		return;

	for (slot = 0; slot < nslots; slot++)
		allowed[slot] = (allowed[slot] != 0);
	for (group = 0; group < head->ngroups; group++)
	{
		const uint8 *has = g->group + (Size) group * nslots;
		int			k = up;

		while (k >= 0 && has[g->nodes[k].split.slot])
			k = g->nodes[k].parent;
		if (k >= 0)
			continue;
		for (slot = 0; slot < nslots; slot++)
			allowed[slot] |= has[slot] ? 2 : 0;
	}

	/* a slot of no group may be used again, and nothing else */
	last = g->nodes[up].split.slot;
	for (group = 0; group < head->ngroups && last >= 0; group++)
		if (g->group[(Size) group * nslots + last])
			last = -1;
	for (slot = 0; slot < nslots; slot++)
		allowed[slot] = (allowed[slot] == 3 || (slot == last && allowed[slot]));
}

static int
compare_drawn(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* Keep the share of the allowed slots whose hashes are smallest. */
static void
draw_slots(MlGrower *g, uint64 path, uint8 *allowed)
{
	int			nslots = g->head->nslots;
	int			n = 0;
	int			keep;
	int			slot;

	for (slot = 0; slot < nslots; slot++)
		if (allowed[slot])
			g->drawn[n++] = (mlops_hash_mix(path, slot) & ~UINT64CONST(0xffff)) | (uint64) slot;
	keep = (int) ceil(g->head->rules.max_features * n - 1e-9);
	if (keep >= n)
		return;
	qsort(g->drawn, n, sizeof(uint64), compare_drawn);
	for (slot = Max(keep, 1); slot < n; slot++)
		allowed[g->drawn[slot] & 0xffff] = 0;
}

/* The slots that a node may use: flags, in memory that the next call reuses. */
static const uint8 *
node_slots(MlGrower *g, int node)
{
	const MlGrowRules *rules = &g->head->rules;

	if (!(rules->has_interaction && g->head->ngroups > 0) && rules->max_features >= 1)
		return g->slots;
	memcpy(g->allowed, g->slots, g->head->nslots);
	if (rules->has_interaction && g->head->ngroups > 0)
		keep_interacting(g, node, g->allowed);
	if (rules->max_features < 1)
		draw_slots(g, g->nodes[node].path, g->allowed);
	return g->allowed;
}

/* The sums of all rows, from any slot's entries. */
static void
total_stats(const MlBinning *binning, const int64 *entries, MlNodeStats *stats)
{
	int64		total = 0;
	int			bin;

	for (bin = 0; bin < binning->nbins; bin++)
		total += entries[bin];
	stats->gradient = mlops_entry_gradient(total);
	stats->hessian = mlops_entry_hessian(total);
}

/* Search slots from .. to - 1 of a node; sum: its stats are not known yet. */
static void
search_slots(MlGrower *g, int node, bool sum, const int64 *histogram, int from, int to, int result)
{
	const MlGrowHead *head = g->head;
	MlNodeStats stats = g->nodes[node].stats;
	const uint8 *allowed = node_slots(g, node);
	MlSplit    *best = &g->results[result];
	uint32	   *set = g->result_sets + (Size) result * head->set_words;
	int			slot;

	memset(best, 0, sizeof(MlSplit));
	best->slot = -1;
	for (slot = from; slot < to; slot++)
	{
		const MlBinning *binning = &g->bins->binning[slot];
		const int64 *entries = histogram + binning->first_bin;

		if (!allowed[slot])
			continue;
		if (sum)
			total_stats(binning, entries, &stats);
		sum = false;
		mlops_split_find(&head->rules, &head->scale, binning, slot,
						 head->has_monotone ? g->monotone[slot] : 0, entries, &stats,
						 &g->nodes[node].refused, g->scratch, best, set);
		if (binning->nbins > ML_GROW_CHUNK)
			CHECK_FOR_INTERRUPTS();
	}
}

/* Join what the members added up for a wide job, for one slot. */
static void
join_private(MlGrower *g, const MlGrowJob *job, const MlBinning *binning)
{
	int64	   *entries = mlops_grow_histogram(g, job->histogram) + binning->first_bin;
	bool		is_first = true;
	int			member;
	int			bin;

	for (member = 0; member < g->head->nmembers; member++)
	{
		const int64 *part;

		if (!g->touched[member * g->head->nwide + job->wide])
			continue;
		part = mlops_grow_private(g, member, job->wide) + binning->first_bin;
		if (is_first)
			memcpy(entries, part, binning->nbins * sizeof(int64));
		else
			for (bin = 0; bin < binning->nbins; bin++)
				entries[bin] += part[bin];
		is_first = false;
	}
	if (is_first)
		memset(entries, 0, binning->nbins * sizeof(int64));
}

void
mlops_splits_job(MlGrower *g, MlGrowJob *job, int group)
{
	const MlBinned *bins = g->bins;
	MlGrowNode *node = &g->nodes[job->node];
	int			from = group < 0 ? 0 : (int) ((int64) bins->nslots * group / job->ngroups);
	int			to = group < 0 ? bins->nslots : (int) ((int64) bins->nslots * (group + 1) / job->ngroups);
	int			result = job->result + 2 * Max(group, 0);
	int64	   *counted;
	int64	   *other;
	int			slot;
	int			bin;

	if (job->refused)
	{
		if (job->search_node)
			search_slots(g, job->node, false, mlops_grow_histogram(g, node->histogram), from, to, result);
		return;
	}
	if (job->counted < 0)
		return;

	if (job->wide >= 0)
		for (slot = from; slot < to; slot++)
			if (g->slots[slot])
				join_private(g, job, &bins->binning[slot]);

	counted = mlops_grow_histogram(g, job->histogram);
	if (job->left < 0)
	{
		if (job->search_node)
			search_slots(g, job->node, node->parent < 0, counted, from, to, result);
		return;
	}

	/* the parent's histogram becomes the other child's, where somebody asks */
	other = mlops_grow_histogram(g, node->histogram);
	if (job->counted == job->left ? job->search_right : job->search_left)
		for (slot = from; slot < to; slot++)
		{
			const MlBinning *binning = &bins->binning[slot];

			if (g->slots[slot])
				for (bin = binning->first_bin; bin < binning->first_bin + binning->nbins; bin++)
					other[bin] -= counted[bin];
		}
	if (job->search_left)
		search_slots(g, job->left, false, job->counted == job->left ? counted : other,
					 from, to, result);
	if (job->search_right)
		search_slots(g, job->left + 1, false, job->counted == job->left ? other : counted,
					 from, to, result + 1);
}

void
mlops_grow_splits_task(MlGrower *g, int number)
{
	const MlGrowTask *task = &g->split_tasks[number];

	mlops_splits_job(g, &g->jobs[task->job], task->from);
}
