/*-------------------------------------------------------------------------
 *
 * chunk_format.h
 *	  The format of a chunk.
 *
 *		chunk	magic (3 bytes), version (1), rows (4), columns (4), columns
 *		column	form (1), has nulls (1), bitmap of nulls (a bit a row, if it has),
 *				then the values that are not null (numeric/pack.c):
 *		 1..8	numbers of so many bytes
 *		 16		strings
 *		 17		scales (numbers of 4 bytes), integers (numbers of 8): a numeric
 *				is integer / 10^scale
 *
 * IDENTIFICATION
 *	  src/data/chunk_format.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_DATA_CHUNK_H
#define MLOPS_DATA_CHUNK_H

#include "fmgr.h"

#include "mlops/chunk.h"

#define CHUNK_MAGIC "MLC"
#define CHUNK_VERSION 1
#define CHUNK_ROWS 16384		/* at most */
#define CHUNK_BYTES ((Size) 8 * 1024 * 1024)	/* of values, about; of strings */
#define CHUNK_FORM_STRINGS 16
#define CHUNK_FORM_SCALED 17
#define CHUNK_MAX_DIGITS 18		/* of a numeric as an integer */

/* What a column's values are to a chunk. */
typedef enum MlChunkKind
{
	CHUNK_NUMBER,				/* of fixed width, by value */
	CHUNK_TEXT,					/* bytes in the server's encoding */
	CHUNK_NAME,
	CHUNK_BYTES_KIND,
	CHUNK_ENUM,					/* its label */
	CHUNK_NUMERIC,				/* as sent, or scaled */
	CHUNK_SENT					/* as sent */
} MlChunkKind;

typedef struct MlChunkType
{
	MlChunkKind kind;
	Oid			type;			/* a domain's base type */
	int			width;			/* CHUNK_NUMBER */
	bool		is_float;
	int32		typmod;
	Oid			ioparam;
	FmgrInfo	send;
	FmgrInfo	receive;
} MlChunkType;

/* chunk_type.c: error 0A000 for a type that cannot be stored */
extern void mlops_chunk_type_init(MlChunkType *type, TupleDesc desc, int column, MemoryContext context);

#endif							/* MLOPS_DATA_CHUNK_H */
