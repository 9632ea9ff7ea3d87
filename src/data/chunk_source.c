/*-------------------------------------------------------------------------
 *
 * chunk_source.c
 *	  A source read into chunks.
 *
 * Large tables are read from their beginning, whatever other scans are doing:
 * a table that has grown then gives the chunks that it gave before, and some
 * more.
 *
 * IDENTIFICATION
 *	  src/data/chunk_source.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/chunk.h"
#include "mlops/fingerprint.h"

#include "data.h"

typedef struct Chunking
{
	MlChunkWriter *writer;
	MlFingerPlan *print;
	MlFingerSum *sum;
	MlChunkSink sink;
	void	   *arg;
	MemoryContext row_context;	/* of one row */
	MemoryContext chunk_context;	/* of a chunk's bytes */
} Chunking;

static void
hand_on(Chunking *c)
{
	MemoryContext old = MemoryContextSwitchTo(c->chunk_context);
	int			nrows = mlops_chunk_writer_rows(c->writer);
	Size		len;
	const char *bytes = mlops_chunk_writer_take(c->writer, &len);

	c->sink(c->arg, bytes, len, nrows);
	MemoryContextSwitchTo(old);
	MemoryContextReset(c->chunk_context);
	mlops_progress_rows(c->sum->rows);
}

static void
take_row(void *arg, TupleTableSlot *slot)
{
	Chunking   *c = (Chunking *) arg;
	MemoryContext old = MemoryContextSwitchTo(c->row_context);
	bool		full;

	mlops_finger_plan_row(c->print, slot->tts_values, slot->tts_isnull, c->sum);
	full = mlops_chunk_writer_add(c->writer, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);
	if (full)
		hand_on(c);
	if (c->sum->rows % MLOPS_BLOCK_ROWS == 0 ||
		unlikely(MemoryContextMemAllocated(c->row_context, false) > ROW_MEMORY_MAX))
	{
		MemoryContextReset(c->row_context);
		CHECK_FOR_INTERRUPTS();
	}
}

bool
mlops_chunk_read_source(MlSource *source, MlChunkSink sink, void *arg, MlFingerSum *sum)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops chunks",
												  ALLOCSET_DEFAULT_SIZES);
	Chunking	c;
	int			level;
	bool		has_policy;

	memset(sum, 0, sizeof(MlFingerSum));
	c.sum = sum;
	c.sink = sink;
	c.arg = arg;
	c.row_context = AllocSetContextCreate(context, "mlops chunk row", ALLOCSET_DEFAULT_SIZES);
	c.chunk_context = AllocSetContextCreate(context, "mlops chunk bytes", ALLOCSET_DEFAULT_SIZES);
	c.writer = mlops_chunk_writer_make(source->desc, context);
	c.print = mlops_finger_plan_make(source->desc, NULL, context);
	level = NewGUCNestLevel();
	(void) set_config_option("synchronize_seqscans", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	has_policy = mlops_fetch_rows(source, take_row, &c);
	AtEOXact_GUC(false, level);
	if (mlops_chunk_writer_rows(c.writer) > 0)
		hand_on(&c);
	MemoryContextDelete(context);
	return has_policy;
}
