/*-------------------------------------------------------------------------
 *
 * block.c
 *	  Blocks of rows.
 *
 * IDENTIFICATION
 *	  src/data/block.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/dataset.h"

void
mlops_block_gather(const MlBlock *src, const uint8 *part, uint8 want,
				   MlBlock *dst)
{
	int			n = 0;

	Assert(src->width == dst->width);
	for (int i = 0; i < src->nrows; i++)
	{
		if (part[i] != want)
			continue;
		memcpy(dst->x + (Size) n * src->width, src->x + (Size) i * src->width,
			   sizeof(double) * src->width);
		dst->y[n] = src->y[i];
		if (dst->w)
			dst->w[n] = src->w[i];
		n++;
	}
	dst->nrows = n;
}
