/*-------------------------------------------------------------------------
 *
 * chunk.h
 *	  Some thousand rows as bytes, column by column, and back.
 *
 * IDENTIFICATION
 *	  include/mlops/chunk.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_CHUNK_H
#define MLOPS_CHUNK_H

#include "access/tupdesc.h"

#include "mlops/fingerprint.h"
#include "mlops/mlops.h"

typedef struct MlChunkWriter MlChunkWriter;
typedef struct MlChunkReader MlChunkReader;

/* chunk_write.c */

/* Error 0A000 for a column whose type cannot be stored. */
extern MlChunkWriter *mlops_chunk_writer_make(TupleDesc desc, MemoryContext context);

/* Add a row; true: the chunk is full and has to be taken. */
extern bool mlops_chunk_writer_add(MlChunkWriter *writer, const Datum *values, const bool *nulls);
extern int	mlops_chunk_writer_rows(const MlChunkWriter *writer);

/* The rows added since the last time as bytes, which are valid until the next time; equal rows give equal bytes. */
extern const char *mlops_chunk_writer_take(MlChunkWriter *writer, Size *len);

/* chunk_read.c */

extern MlChunkReader *mlops_chunk_reader_make(TupleDesc desc, MemoryContext context);

/* Returns the number of rows; error XX001 for bytes that are none of such a chunk.  The bytes must stay. */
extern int	mlops_chunk_open(MlChunkReader *reader, const char *bytes, Size len);

/* Row "row" of it, valid until another chunk is opened. */
extern void mlops_chunk_row(MlChunkReader *reader, int row, Datum *values, bool *nulls);

/* chunk_source.c */

/*
 * Read a source as the current user and hand it on in chunks; *sum: their
 * fingerprint.  Returns whether a policy filtered the rows.
 */
typedef void (*MlChunkSink) (void *arg, const char *bytes, Size len, int nrows);
extern bool mlops_chunk_read_source(MlSource *source, MlChunkSink sink, void *arg, MlFingerSum *sum);

#endif							/* MLOPS_CHUNK_H */
