/*-------------------------------------------------------------------------
 *
 * read_fingerprint.c
 *	  A source read for its fingerprint alone.
 *
 * IDENTIFICATION
 *	  src/data/read_fingerprint.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/fingerprint.h"

#include "data.h"

typedef struct PrintRows
{
	MlFingerPlan *plan;
	MlFingerSum sum;
	MemoryContext row_context;
} PrintRows;

static void
print_row(void *arg, TupleTableSlot *slot)
{
	PrintRows  *rows = (PrintRows *) arg;
	MemoryContext old = MemoryContextSwitchTo(rows->row_context);

	mlops_finger_plan_row(rows->plan, slot->tts_values, slot->tts_isnull, &rows->sum);
	MemoryContextSwitchTo(old);
	if (rows->sum.rows % MLOPS_BLOCK_ROWS == 0 ||
		unlikely(MemoryContextMemAllocated(rows->row_context, false) > ROW_MEMORY_MAX))
	{
		MemoryContextReset(rows->row_context);
		CHECK_FOR_INTERRUPTS();
	}
}

MlFingerprint *
mlops_fingerprint_read(MlSource *source, char **columns, int ncolumns)
{
	MlFingerprint *print = palloc0(sizeof(MlFingerprint));
	bool	   *wanted = palloc0(sizeof(bool) * Max(source->desc->natts, 1));
	MlSource   *narrow;
	PrintRows	rows;

	for (int i = 0; i < ncolumns; i++)
		wanted[mlops_column_require(source->desc, columns[i])] = true;
	narrow = mlops_source_narrow(source, wanted);
	memset(&rows, 0, sizeof(rows));
	rows.row_context = AllocSetContextCreate(CurrentMemoryContext, "mlops fingerprint rows",
											 ALLOCSET_DEFAULT_SIZES);
	/* of a relation nothing else is left */
	rows.plan = mlops_finger_plan_make(narrow->desc, narrow == source ? wanted : NULL,
									   CurrentMemoryContext);
	mlops_fetch_rows(narrow, print_row, &rows);
	MemoryContextDelete(rows.row_context);
	print->nrows = rows.sum.rows;
	print->ncolumns = ncolumns;
	print->columns = columns;
	mlops_finger_text(&rows.sum, print->text);
	return print;
}
