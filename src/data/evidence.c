/*-------------------------------------------------------------------------
 *
 * evidence.c
 *	  What rows in memory say about their columns and classes.
 *
 * Dictionaries come from the training part alone: the held-out rows stand for
 * rows that nobody has seen.
 *
 * IDENTIFICATION
 *	  src/data/evidence.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "data.h"

typedef struct StoreEvidence
{
	MlPlan	   *plan;
	MlStore    *store;
} StoreEvidence;

bool
mlops_store_set_classes(MlReadResult *read, bool *has_1)
{
	MlStore    *store = read->store;
	bool		seen[2] = {false, false};

	for (int b = 0; b < store->nblocks; b++)
	{
		MlBlock    *block = &store->blocks[b];

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < block->nrows; r++)
		{
			block->y[r] = mlops_class_of(read, block->y[r]);
			seen[block->y[r] != 0.0] = true;
		}
	}
	*has_1 = seen[1];
	return seen[0];
}

static int64 *
count_codes(void *arg, int feature, int ncodes)
{
	const StoreEvidence *evidence = (StoreEvidence *) arg;
	const MlStore *store = evidence->store;
	int			slot = evidence->plan->features[feature].slot;
	int64	   *counts = MemoryContextAllocExtended(CurrentMemoryContext,
												sizeof(int64) * ((Size) ncodes + 1),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int b = 0; b < store->nblocks; b++)
	{
		const MlBlock *block = &store->blocks[b];
		const double *x = block->x + slot;

		for (int r = 0; r < block->nrows; r++, x += block->width)
		{
			if (store->part[b][r] == 0)
				counts[isnan(*x) ? ncodes : (int) *x]++;
		}
		CHECK_FOR_INTERRUPTS();
	}
	return counts;
}

static void
set_codes(void *arg, int feature, int ncodes)
{
	const StoreEvidence *evidence = (StoreEvidence *) arg;
	MlStore    *store = evidence->store;
	const MlColumn *column = &evidence->plan->features[feature];
	const int  *codes = column->codes;

	for (int b = 0; b < store->nblocks; b++)
	{
		MlBlock    *block = &store->blocks[b];
		double	   *x = block->x + column->slot;

		for (int r = 0; r < block->nrows; r++, x += block->width)
			*x = codes[isnan(*x) ? ncodes : (int) *x];
		CHECK_FOR_INTERRUPTS();
	}
}

/* Does a slot have any value in the training part? */
static bool
slot_has_value(const MlStore *store, int slot)
{
	for (int b = 0; b < store->nblocks; b++)
	{
		const MlBlock *block = &store->blocks[b];
		const double *x = block->x + slot;

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < block->nrows; r++, x += block->width)
		{
			if (store->part[b][r] == 0 && !isnan(*x))
				return true;
		}
	}
	return false;
}

/* Does every slot of a column that is to be filled have a value to learn from?  Of others, any slot. */
static bool
has_value(void *arg, int feature)
{
	const MlStore *store = ((StoreEvidence *) arg)->store;
	const MlColumn *column = &((StoreEvidence *) arg)->plan->features[feature];
	bool		wants_all = column->missing == ML_MISSING_MEAN ||
		column->missing == ML_MISSING_MEDIAN;

	if (column->nmissing == 0)
		return true;
	for (int i = 0; i < column->width; i++)
	{
		if (slot_has_value(store, column->slot + i) != wants_all)
			return !wants_all;
	}
	return wants_all;
}

/* Do all rows of a slot have the same value, missing ones aside if they will be replaced by it? */
static bool
is_constant(void *arg, int feature)
{
	const MlStore *store = ((StoreEvidence *) arg)->store;
	const MlColumn *column = &((StoreEvidence *) arg)->plan->features[feature];
	bool		ignore_missing = column->missing == ML_MISSING_MEAN ||
		column->missing == ML_MISSING_MEDIAN;
	double		first = NAN;

	for (int b = 0; b < store->nblocks; b++)
	{
		const MlBlock *block = &store->blocks[b];
		const double *x = block->x + column->slot;

		for (int r = 0; r < block->nrows; r++, x += block->width)
		{
			if (isnan(*x))
			{
				if (!ignore_missing)
					return false;
			}
			else if (isnan(first))
				first = *x;
			else if (*x != first)
				return false;
		}
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/* Are the slots of two columns bitwise the same in every row? */
static bool
is_duplicate(void *arg, int one, int other)
{
	const MlStore *store = ((StoreEvidence *) arg)->store;
	const MlColumn *a = &((StoreEvidence *) arg)->plan->features[one];
	const MlColumn *b = &((StoreEvidence *) arg)->plan->features[other];

	for (int i = 0; i < store->nblocks; i++)
	{
		const MlBlock *block = &store->blocks[i];

		for (int r = 0; r < block->nrows; r++)
		{
			const double *x = block->x + (Size) r * block->width;

			if (memcmp(x + a->slot, x + b->slot, sizeof(double) * a->width) != 0)
				return false;
		}
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

MlEvidence
mlops_store_evidence(MlPlan *plan, MlStore *store)
{
	StoreEvidence *rows = palloc(sizeof(StoreEvidence));
	MlEvidence	evidence;

	rows->plan = plan;
	rows->store = store;
	evidence.arg = rows;
	evidence.count_codes = count_codes;
	evidence.set_codes = set_codes;
	evidence.has_value = has_value;
	evidence.is_constant = is_constant;
	evidence.is_duplicate = is_duplicate;
	return evidence;
}
