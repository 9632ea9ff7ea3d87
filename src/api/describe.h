/*-------------------------------------------------------------------------
 *
 * describe.h
 *	  What a model is, for people who may see all of it and for those who may
 *	  not: describe() and the generated half of its card.
 *
 * IDENTIFICATION
 *	  src/api/describe.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_DESCRIBE_H
#define MLOPS_DESCRIBE_H

#include "utils/jsonb.h"

#include "mlops/model.h"

/* What somebody who may read a model sees of it besides. */
typedef struct MlSight
{
	bool		artifact;		/* data values that it learned */
	bool		classes;		/* names of its classes: who may predict gets them from proba() */
	bool		source;			/* the text of the source, which can hold values */
} MlSight;

extern const MlSight mlops_sight_of_all;

/* What "role", which may read the model, sees of it. */
extern void mlops_sight_of(int64 model_id, Oid role, MlSight *sight);

/*
 * Add "classes" (or only their number) and "features".  dictionary: up to so
 * many categories of each feature, where they may be seen; above 0 also what
 * the training rows had: missing values, other categories.  True: something
 * was left out.
 */
extern bool mlops_describe_signature(JsonbParseState **out, const MlSignature *sig,
									 const MlSight *sight, int dictionary);

/* Add under "key" what the algorithm says of the body. */
extern bool mlops_describe_body(JsonbParseState **out, const char *key, const MlModel *model,
								const MlSight *sight);

/* Add "reference": how many rows it was made of, never a value; nothing where the model has none. */
extern void mlops_describe_reference(JsonbParseState **out, Datum artifact);

/* A hash in hexadecimal digits, palloc'd. */
extern char *mlops_hash_text(const uint8 *hash);

#endif							/* MLOPS_DESCRIBE_H */
