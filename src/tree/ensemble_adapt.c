/*-------------------------------------------------------------------------
 *
 * ensemble_adapt.c
 *	  Trees learned under one signature, put in terms of another.
 *
 * IDENTIFICATION
 *	  src/tree/ensemble_adapt.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/tree.h"
#include "ensemble_private.h"

/* What becomes of a slot. */
typedef struct SlotMap
{
	int			slot;			/* in the new signature; -1: it is not there */
	uint32	   *code;			/* categories: old code of each new code */
	uint32		ncodes;			/* new ones, the two that are none included */
	const MlFeature *feature;	/* the old one */
} SlotMap;

static const MlFeature *
find_feature(const MlSignature *sig, const char *name)
{
	for (int i = 0; i < sig->nfeatures; i++)
		if (strcmp(sig->features[i].name, name) == 0)
			return &sig->features[i];
	return NULL;
}

/* Code of a name, in a dictionary in any order. */
static uint32
find_code(const MlFeature *feature, const MlString *name)
{
	int			low = 0;
	int			high = feature->ncategories;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			code = feature->lookup ? feature->lookup[middle] : middle;
		int			order = mlops_string_compare(&feature->categories[code], name);

		if (order == 0)
			return code;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return (uint32) feature->ncategories + 1;	/* "other", as scoring would have it */
}

/* Old codes of a new feature's codes; what the old dictionary does not have is "other". */
static uint32 *
map_codes(const MlFeature *old, const MlFeature *new)
{
	uint32	   *code = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(uint32) * ((Size) new->ncategories + 2));

	for (int i = 0; i < new->ncategories; i++)
		code[i] = find_code(old, &new->categories[i]);
	code[new->ncategories] = old->ncategories;
	code[new->ncategories + 1] = old->ncategories + 1;
	return code;
}

static SlotMap *
map_slots(const MlSignature *old_sig, const MlSignature *new_sig)
{
	SlotMap    *map = palloc0(mul_size(sizeof(SlotMap), Max(old_sig->width, 1)));

	for (int i = 0; i < old_sig->nfeatures; i++)
	{
		const MlFeature *old = &old_sig->features[i];
		const MlFeature *new = find_feature(new_sig, old->name);
		bool		fits = new && new->type == old->type && new->width == old->width;

		for (int j = 0; j < old->width; j++)
		{
			map[old->slot + j].feature = old;
			map[old->slot + j].slot = fits ? new->slot + j : -1;
		}
		if (fits && old->type == ML_COLUMN_TEXT)
		{
			map[old->slot].code = map_codes(old, new);
			map[old->slot].ncodes = (uint32) new->ncategories + 2;
		}
	}
	return map;
}

static void
check_target(const MlSignature *old_sig, const MlSignature *new_sig)
{
	bool		same = old_sig->task == new_sig->task && old_sig->nclasses == new_sig->nclasses;

	for (int c = 0; same && c < old_sig->nclasses; c++)
		same = mlops_string_compare(&old_sig->classes[c], &new_sig->classes[c]) == 0;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trees cannot be added to a model of another task or with other classes")));
}

/* A set of old codes as the set of new codes that mean the same. */
static void
adapt_set(MlEnsemble *e, MlNode *node, const MlEnsemble *from, const MlNode *old,
		  const SlotMap *map)
{
	uint32		n = (map->ncodes + 31) / 32;
	const uint32 *words = from->words + old->u.set.first;

	if ((uint64) e->nwords + n > e->maxwords)
	{
		uint64		room = Max((uint64) e->maxwords * 2, Max(64, (uint64) e->nwords + n));

		if (room > PG_UINT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("splits by category take too much memory")));
		CHECK_FOR_INTERRUPTS();
		e->words = e->words ? repalloc_huge(e->words, sizeof(uint32) * room) :
			MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * room);
		e->maxwords = (uint32) room;
	}
	node->u.set.first = e->nwords;
	node->u.set.nbits = n * 32;
	memset(e->words + e->nwords, 0, sizeof(uint32) * n);
	for (uint32 code = 0; code < map->ncodes; code++)
	{
		if (map->code[code] < old->u.set.nbits && mlops_set_has(words, map->code[code]))
			e->words[e->nwords + code / 32] |= 1U << (code % 32);
	}
	e->nwords += n;
}

/* n elements in memory of their own. */
static void *
copy_array(const void *from, uint64 n, Size element)
{
	void	   *to = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * element);

	if (n > 0)
		memcpy(to, from, n * element);
	return to;
}

MlEnsemble *
mlops_ensemble_adapt(const MlEnsemble *from, const MlSignature *old_sig,
					 const MlSignature *new_sig)
{
	MlEnsemble *e = copy_array(from, 1, sizeof(MlEnsemble));
	SlotMap    *map;
	uint32		n = from->root[from->ntrees];

	check_target(old_sig, new_sig);
	map = map_slots(old_sig, new_sig);
	e->fast = NULL;
	e->base = copy_array(from->base, from->noutputs, sizeof(double));
	e->root = copy_array(from->root, (uint64) from->ntrees + 1, sizeof(uint32));
	e->nodes = copy_array(from->nodes, n, sizeof(MlNode));
	e->gain = copy_array(from->gain, n, sizeof(float));
	e->cover = copy_array(from->cover, n, sizeof(float));
	e->values = from->leaf_outputs > 1 ?
		copy_array(from->values, (uint64) from->nvalues * from->leaf_outputs, sizeof(double)) : NULL;
	e->history = copy_array(from->history, from->nrounds, sizeof(MlRound));
	e->loss = pstrdup(from->loss);
	e->words = NULL;
	e->nwords = e->maxwords = 0;
	e->maxtrees = Max(from->ntrees, 1);
	e->root = repalloc_huge(e->root, sizeof(uint32) * ((Size) e->maxtrees + 1));
	e->maxnodes = Max(n, 1);
	e->maxvalues = Max(from->nvalues, 1);
	for (uint32 i = 0; i < n; i++)
	{
		const MlNode *old = &from->nodes[i];
		const SlotMap *to = &map[old->slot];

		CHECK_EVERY_64K(i);
		if ((old->flags & ML_NODE_LEAF) != 0)
			continue;
		if (to->slot < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\", which the model asks for, is missing or of another type",
							to->feature->name)));
		e->nodes[i].slot = to->slot;
		if ((old->flags & ML_NODE_CATEGORY) != 0)
			adapt_set(e, &e->nodes[i], from, old, to);
	}
	return e;
}
