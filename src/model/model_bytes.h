/*-------------------------------------------------------------------------
 *
 * model_bytes.h
 *	  Limits of the stored form and the text helpers that codec.c and
 *	  signature_codec.c share.  docs/model-format.md states each of them.
 *
 * IDENTIFICATION
 *	  src/model/model_bytes.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MODEL_BYTES_H
#define MODEL_BYTES_H

#include "mlops/bytes.h"

#define MLOPS_FORMAT_VERSION	1

#define MLOPS_MAX_FACTS			((Size) 1024 * 1024)
#define MLOPS_MAX_SECTIONS		64
#define MLOPS_MAX_FEATURES		65535
#define MLOPS_MAX_WIDTH			65535
#define MLOPS_MAX_CLASSES		1000
#define MLOPS_MAX_CATEGORIES	1000000 /* per feature */
#define MLOPS_MAX_NAME			1023	/* bytes of a column's name in UTF-8 */

/* signature_codec.c */

/* Server encoding to UTF-8, appended without a length; error 22P05. */
extern void mlops_text_send(StringInfo buf, const char *text, int len);

/*
 * len bytes of UTF-8 at p, copied to CurrentMemoryContext in the server's
 * encoding and terminated; *out_len excludes the terminator.  XX001 for what is
 * no UTF-8 (a zero byte included), 22P05 for what this database cannot hold.
 */
extern char *mlops_text_recv(const char *p, int len, int *out_len);

#endif							/* MODEL_BYTES_H */
