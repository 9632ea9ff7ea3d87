/*-------------------------------------------------------------------------
 *
 * grow_place.c
 *	  The memory of a grower: how much, what is where, and a member's handle.
 *
 * IDENTIFICATION
 *	  src/tree/grow_place.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/shmem.h"

#include "grow_work.h"

#define ML_SPLIT_SCRATCH 24		/* bytes a bin that mlops_split_find works in */

/* Room for n things of a size, behind *at; returns where it is. */
static Size
take(Size *at, Size n, Size size)
{
	Size		begin = TYPEALIGN(64, *at);

	*at = add_size(begin, mul_size(n, size));
	return begin;
}

/*
 * Histograms: a quarter of what is allowed at most for the members' own, the
 * rest for nodes; growing gets by with two of nodes and one of each member.
 */
static void
plan_histograms(MlGrowHead *head, Size hist_bytes)
{
	Size		bytes = head->entries * sizeof(int64);
	Size		members = head->nmembers * bytes;
	Size		useful = (Size) head->rules.max_leaves + 2 * ML_GROW_AHEAD;

	head->nwide = 0;
	if (head->nmembers > 1)
		head->nwide = (int) Max(1, Min(hist_bytes / 4 / members, ML_GROW_WIDE));
	members *= head->nwide;
	head->npool = (int) Max(2, Min(hist_bytes > members ? (hist_bytes - members) / bytes : 0, useful));
}

static void
lay_out(MlGrowHead *head, const MlBinned *bins, const MlGrowRules *rules,
		const MlGrowSlots *slots, int nmembers, Size hist_bytes)
{
	Size		at = sizeof(MlGrowHead);

	memset(head, 0, sizeof(MlGrowHead));
	head->rules = *rules;
	head->nmembers = nmembers;
	head->nslots = bins->nslots;
	head->nshards = mlops_shard_count(bins->ntrain);
	head->nbins = bins->nbins;
	head->set_words = mlops_bins_set_words(bins);
	head->maxnodes = 2 * rules->max_leaves - 1 + 2 * ML_GROW_JOBS + 2 * ML_GROW_AHEAD;
	head->ngroups = slots && slots->group ? slots->ngroups : 0;
	head->has_monotone = rules->has_monotone && slots && slots->monotone;
	head->entries = TYPEALIGN(8, (Size) bins->nbins);
	plan_histograms(head, hist_bytes);
	head->nresults = 2 * ML_GROW_JOBS + 2 * ML_GROW_GROUPS * head->nwide;

	head->at_nodes = take(&at, head->maxnodes, sizeof(MlGrowNode));
	head->at_sets = take(&at, head->maxnodes, head->set_words * sizeof(uint32));
	head->at_runs = take(&at, head->maxnodes, head->nshards * sizeof(MlRun));
	head->at_leaves = take(&at, rules->max_leaves, sizeof(int));
	head->at_jobs = take(&at, ML_GROW_JOBS, sizeof(MlGrowJob));
	head->at_row_tasks = take(&at, ML_GROW_JOBS + ML_GROW_WIDE * ML_GROW_RANGES, sizeof(MlGrowTask));
	head->at_split_tasks = take(&at, ML_GROW_WIDE * ML_GROW_GROUPS, sizeof(MlGrowTask));
	head->at_results = take(&at, head->nresults, sizeof(MlSplit));
	head->at_result_sets = take(&at, head->nresults, head->set_words * sizeof(uint32));
	head->at_touched = take(&at, nmembers, head->nwide);
	head->at_counts = take(&at, head->nshards, sizeof(int));
	head->at_rows = take(&at, bins->ntrain, sizeof(uint16));
	head->at_gradients = take(&at, bins->ntrain, sizeof(uint32));
	head->at_monotone = take(&at, bins->nslots, 1);
	head->at_group = take(&at, head->ngroups, bins->nslots);
	head->at_slots = take(&at, bins->nslots, 1);
	head->at_pool = take(&at, head->npool, head->entries * sizeof(int64));
	head->at_private = take(&at, (Size) nmembers * head->nwide, head->entries * sizeof(int64));
	head->size = add_size(at, 64);
}

Size
mlops_grower_size(const MlBinned *bins, const MlGrowRules *rules, const MlGrowSlots *slots,
				  int nmembers, Size hist_bytes)
{
	MlGrowHead	head;

	lay_out(&head, bins, rules, slots, nmembers, hist_bytes);
	return head.size;
}

void
mlops_grower_place(char *at, const MlBinned *bins, const MlGrowRules *rules,
				   const MlGrowSlots *slots, int nmembers, Size hist_bytes)
{
	MlGrowHead *head = (MlGrowHead *) at;

	lay_out(head, bins, rules, slots, nmembers, hist_bytes);
	if (slots && slots->monotone)
		memcpy(at + head->at_monotone, slots->monotone, bins->nslots);
	if (head->ngroups > 0)
		memcpy(at + head->at_group, slots->group, (Size) head->ngroups * bins->nslots);
}

MlGrower *
mlops_grower_attach(MlTeam *team, char *at, const MlBinned *bins)
{
	MlGrower   *g = palloc0(sizeof(MlGrower));
	MlGrowHead *head = (MlGrowHead *) at;

	g->team = team;
	g->bins = bins;
	g->head = head;
	g->nodes = (MlGrowNode *) (at + head->at_nodes);
	g->sets = (uint32 *) (at + head->at_sets);
	g->runs = (MlRun *) (at + head->at_runs);
	g->leaves = (int *) (at + head->at_leaves);
	g->jobs = (MlGrowJob *) (at + head->at_jobs);
	g->row_tasks = (MlGrowTask *) (at + head->at_row_tasks);
	g->split_tasks = (MlGrowTask *) (at + head->at_split_tasks);
	g->results = (MlSplit *) (at + head->at_results);
	g->result_sets = (uint32 *) (at + head->at_result_sets);
	g->touched = (uint8 *) (at + head->at_touched);
	g->counts = (int *) (at + head->at_counts);
	g->rows = (uint16 *) (at + head->at_rows);
	g->gradients = (uint32 *) (at + head->at_gradients);
	g->monotone = (int8 *) (at + head->at_monotone);
	g->group = (uint8 *) (at + head->at_group);
	g->slots = (uint8 *) (at + head->at_slots);
	g->pool = (int64 *) (at + head->at_pool);
	g->private = (int64 *) (at + head->at_private);

	g->hist_slots.offset = palloc(bins->nslots * sizeof(int));
	g->hist_slots.first_bin = palloc(bins->nslots * sizeof(int));
	g->hist_slots.at = palloc(bins->nslots * sizeof(int64 *));
	g->parted = palloc((ML_SHARD_ROWS + 1) * sizeof(uint16));
	g->goes_left = palloc(bins->max_nbins);
	g->scratch = palloc((Size) ML_SPLIT_SCRATCH * bins->max_nbins);
	g->allowed = palloc(bins->nslots);
	g->drawn = palloc(bins->nslots * sizeof(uint64));
	if (team->member == 0)
		g->plan = mlops_grow_plan_make(g);
	return g;
}

uint32 *
mlops_grower_gradients(MlGrower *grower)
{
	return grower->gradients;
}

uint16 *
mlops_grower_rows(MlGrower *grower, int shard)
{
	return grower->rows + (Size) shard * ML_SHARD_ROWS;
}

void
mlops_grower_set_count(MlGrower *grower, int shard, int nrows)
{
	grower->counts[shard] = nrows;
}

int
mlops_grower_leaf_rows(MlGrower *grower, int leaf, int shard, const uint16 **rows)
{
	MlRun		run = mlops_grow_run(grower, grower->leaves[leaf])[shard];

	*rows = grower->rows + (Size) shard * ML_SHARD_ROWS + run.first;
	return mlops_run_count(run);
}
