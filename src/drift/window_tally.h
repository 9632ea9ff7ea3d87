/*-------------------------------------------------------------------------
 *
 * window_tally.h
 *	  Rows of the prediction log on their way into windows.
 *
 * IDENTIFICATION
 *	  src/drift/window_tally.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_WINDOW_TALLY_H
#define MLOPS_WINDOW_TALLY_H

#include "executor/tuptable.h"

#include "mlops/window.h"

/* Columns that a statement hands to mlops_tally_row, in this order. */
#define MLOPS_TALLY_COLUMNS "p.version, p.happened_at, p.shadow, p.value, p.label, p.latency_us, p.features"
#define MLOPS_TALLY_NCOLUMNS 7	/* others can follow */

typedef struct MlTally MlTally;

/*
 * width_us 0: one window a version, which starts at since.  spills: windows
 * that take too much room go to a temporary file; then there can be several
 * of the same in the end.  Lives in CurrentMemoryContext.
 */
extern MlTally *mlops_tally_begin(int64 model_id, int64 width_us, TimestampTz since,
								  TimestampTz published_until, bool spills);
/* Count a row: an MlEachRow (store.h) for the tally. */
extern void mlops_tally_row(void *tally, TupleTableSlot *slot);
extern const MlCounted *mlops_tally_counted(const MlTally *tally);

/* Every window; it is gone when "each" returns. */
typedef void (*MlEachWindow) (void *arg, const MlWindow *window);
extern void mlops_tally_end(MlTally *tally, MlEachWindow each, void *arg);

#endif							/* MLOPS_WINDOW_TALLY_H */
