/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Where the rows of a dataset live: blocks cut from large slabs.
 *
 * Slabs double in size up to SLAB_BYTES, so that a small table takes little,
 * and large ones ask for huge pages: half of the cost of filling memory is
 * the kernel's handing it out in pages of 4 kB.
 *
 * IDENTIFICATION
 *	  src/data/store.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <sys/mman.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"

#include "data.h"

#define SLAB_BYTES ((Size) 32 * 1024 * 1024)
#define HUGE_PAGE ((Size) 2 * 1024 * 1024)
#define FIRST_ROWS 64			/* capacity of the very first block */

/* Bytes of one block: slots, target, weight, hash and part of each row. */
static Size
block_bytes(const MlStore *store, int rows)
{
	return MAXALIGN((Size) rows * ((Size) store->width * sizeof(double) +
								   2 * sizeof(double) + sizeof(uint64) + sizeof(uint8)));
}

void
mlops_store_check_budget(MlStore *store, Size more)
{
	mlops_budget_check(MemoryContextMemAllocated(MemoryContextGetParent(store->context), true) + more,
					   mlops_guc_training_memory, "mlops.training_memory",
					   "Train on a fraction of the rows with the option \"sample\", on fewer columns, or raise mlops.training_memory. Linear regression on numbers needs no such memory in mlops.fit().");
}

MlStore *
mlops_store_make(MemoryContext context, int width)
{
	MlStore    *store = MemoryContextAllocZero(context, sizeof(MlStore));

	store->context = AllocSetContextCreate(context, "mlops rows",
										   ALLOCSET_DEFAULT_SIZES);
	store->width = width;
	store->maxblocks = 64;
	store->blocks = MemoryContextAllocZero(context, sizeof(MlBlock) * store->maxblocks);
	store->part = MemoryContextAllocZero(context, sizeof(uint8 *) * store->maxblocks);
	store->hash = MemoryContextAllocZero(context, sizeof(uint64 *) * store->maxblocks);
	store->slab_blocks = 1;
	return store;
}

static void
lay_out(MlStore *store, int index, char *memory, int rows)
{
	MlBlock    *block = &store->blocks[index];

	block->width = store->width;
	block->x = (double *) memory;
	memory += (Size) rows * store->width * sizeof(double);
	block->y = (double *) memory;
	memory += (Size) rows * sizeof(double);
	block->w = (double *) memory;
	memory += (Size) rows * sizeof(double);
	store->hash[index] = (uint64 *) memory;
	memory += (Size) rows * sizeof(uint64);
	store->part[index] = (uint8 *) memory;
}

static char *
take_slab(MlStore *store, Size bytes)
{
	char	   *slab;

	mlops_store_check_budget(store, bytes);
	slab = MemoryContextAllocHuge(store->context, bytes);
#ifdef MADV_HUGEPAGE
	if (bytes >= 2 * HUGE_PAGE)
	{
		char	   *start = (char *) TYPEALIGN(HUGE_PAGE, slab);
		char	   *end = (char *) TYPEALIGN_DOWN(HUGE_PAGE, slab + bytes);

		(void) madvise(start, end - start, MADV_HUGEPAGE);
	}
#endif
	return slab;
}

/* Replace the only block by one with more room. */
static void
grow_first_block(MlStore *store, int rows)
{
	MlBlock		was = store->blocks[0];
	uint64	   *hash = store->hash[0];
	uint8	   *part = store->part[0];
	char	   *memory = take_slab(store, block_bytes(store, rows));

	lay_out(store, 0, memory, rows);
	store->capacity = rows;
	if (was.nrows == 0)
		return;
	memcpy(store->blocks[0].x, was.x, (Size) was.nrows * was.width * sizeof(double));
	memcpy(store->blocks[0].y, was.y, was.nrows * sizeof(double));
	memcpy(store->blocks[0].w, was.w, was.nrows * sizeof(double));
	memcpy(store->hash[0], hash, was.nrows * sizeof(uint64));
	memcpy(store->part[0], part, was.nrows * sizeof(uint8));
	pfree(was.x);
}

void
mlops_store_reserve(MlStore *store)
{
	Size		bytes = block_bytes(store, MLOPS_BLOCK_ROWS);

	if (store->nblocks > 0 && store->blocks[store->nblocks - 1].nrows < store->capacity)
		return;
	if (store->nblocks == 0)
	{
		store->nblocks = 1;
		grow_first_block(store, FIRST_ROWS);
		return;
	}
	if (store->capacity < MLOPS_BLOCK_ROWS)
	{
		grow_first_block(store, Min(store->capacity * 4, MLOPS_BLOCK_ROWS));
		return;
	}
	if (store->nblocks == store->maxblocks)
	{
		store->maxblocks *= 2;
		store->blocks = repalloc_huge(store->blocks, sizeof(MlBlock) * store->maxblocks);
		store->part = repalloc_huge(store->part, sizeof(uint8 *) * store->maxblocks);
		store->hash = repalloc_huge(store->hash, sizeof(uint64 *) * store->maxblocks);
	}
	if (store->slab_left == 0)
	{
		if (bytes * store->slab_blocks * 2 <= SLAB_BYTES)
			store->slab_blocks *= 2;
		store->slab = take_slab(store, bytes * store->slab_blocks);
		store->slab_left = store->slab_blocks;
	}
	memset(&store->blocks[store->nblocks], 0, sizeof(MlBlock));
	lay_out(store, store->nblocks, store->slab, MLOPS_BLOCK_ROWS);
	store->slab += bytes;
	store->slab_left--;
	store->nblocks++;
}

/* Rows of one block to another layout; dst can be src when it gets narrower in order. */
static void
remap_rows(const MlBlock *src, double *dst, int width, const int *from)
{
	for (int row = 0; row < src->nrows; row++)
	{
		const double *x = src->x + (Size) row * src->width;
		double	   *to = dst + (Size) row * width;

		for (int i = 0; i < width; i++)
			to[i] = from[i] < 0 ? NAN : x[from[i]];
	}
}

void
mlops_store_remap(MlStore *store, int width, const int *from)
{
	if (width < store->width)
	{
		for (int i = 0; i < store->nblocks; i++)
		{
			CHECK_FOR_INTERRUPTS();
			remap_rows(&store->blocks[i], store->blocks[i].x, width, from);
			store->blocks[i].width = width;
		}
		store->width = width;
	}
	else
	{
		MlStore    *wide = mlops_store_make(MemoryContextGetParent(store->context), width);

		for (int i = 0; i < store->nblocks; i++)
		{
			const MlBlock *src = &store->blocks[i];
			MlBlock    *dst;

			CHECK_FOR_INTERRUPTS();
			mlops_store_reserve(wide);
			while (wide->capacity < src->nrows)
				grow_first_block(wide, wide->capacity * 4);
			dst = &wide->blocks[i];
			remap_rows(src, dst->x, width, from);
			memcpy(dst->y, src->y, src->nrows * sizeof(double));
			memcpy(dst->w, src->w, src->nrows * sizeof(double));
			memcpy(wide->hash[i], store->hash[i], src->nrows * sizeof(uint64));
			memcpy(wide->part[i], store->part[i], src->nrows * sizeof(uint8));
			dst->nrows = src->nrows;
		}
		wide->nrows = store->nrows;
		MemoryContextDelete(store->context);
		pfree(store->blocks);
		pfree(store->part);
		pfree(store->hash);
		*store = *wide;
		pfree(wide);
	}
}

void
mlops_store_gather(const MlStore *store, const MlChosen *chosen, MlBlock *out)
{
	Size		row_size = sizeof(double) * store->width;

	memset(out, 0, sizeof(*out));
	out->nrows = (int) chosen->nrows;
	out->width = store->width;
	out->x = palloc_extended(row_size * Max(chosen->nrows, 1), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < chosen->nrows; i++)
	{
		uint32		row = chosen->rows[i];

		CHECK_EVERY_64K(i);
		memcpy(out->x + (Size) i * store->width,
			   store->blocks[row / MLOPS_BLOCK_ROWS].x + (Size) (row % MLOPS_BLOCK_ROWS) * store->width,
			   row_size);
	}
}
