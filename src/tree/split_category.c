/*-------------------------------------------------------------------------
 *
 * split_category.c
 *	  The best split of one node by a category.
 *
 * IDENTIFICATION
 *	  src/tree/split_category.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "split_private.h"

void
mlops_split_category(const MlSplitAsk *ask)
{
	Assert(ask->binning->is_category);
	(void) ask;
}
