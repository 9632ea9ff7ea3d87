/*-------------------------------------------------------------------------
 *
 * grown.c
 *	  A tree as it is grown, in terms of bins.
 *
 * IDENTIFICATION
 *	  src/tree/grown.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/tree.h"

int
mlops_grown_find(const MlGrown *tree, const MlBinned *bins, const uint8 *row)
{
	int			n = 0;

	while (tree->nodes[n].slot >= 0)
	{
		const MlGrownNode *node = &tree->nodes[n];
		const MlBinning *binning = &bins->binning[node->slot];
		int			bin = (int) mlops_bin_of(binning, row);
		bool		goes_left;

		if (node->is_category)
			goes_left = (tree->words[node->set + bin / 32] >> (bin % 32)) & 1;
		else if (bin == binning->missing_bin)
			goes_left = node->missing_left;
		else
			goes_left = (bin <= node->bin);
		n = goes_left ? node->left : node->right;
	}
	return n;
}
