/*-------------------------------------------------------------------------
 *
 * jsonb_out.h
 *	  Adding keys to an open jsonb object.
 *
 * IDENTIFICATION
 *	  include/mlops/jsonb_out.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_JSONB_OUT_H
#define MLOPS_JSONB_OUT_H

#include "utils/jsonb.h"

/*
 * base/jsonb_out.c: the shortest text that reads back as the same double,
 * whatever extra_float_digits is; palloc'd
 */
extern char *mlops_double_text(double value);

/* key is static or lives as long as the state */
extern void mlops_jsonb_add_key(JsonbParseState **state, const char *key);
extern void mlops_jsonb_add_number(JsonbParseState **state, const char *key, double value);	/* not finite: null */
extern void mlops_jsonb_add_element(JsonbParseState **state, double value);	/* of an open array; not finite: null */
extern void mlops_jsonb_add_integer(JsonbParseState **state, const char *key, int64 value);
extern void mlops_jsonb_add_boolean(JsonbParseState **state, const char *key, bool value);
extern void mlops_jsonb_add_string(JsonbParseState **state, const char *key, const char *value);	/* NULL: null */
extern void mlops_jsonb_add_jsonb(JsonbParseState **state, const char *key, Jsonb *value);	/* an object or array */

/* An object of one key with a string. */
extern Jsonb *mlops_jsonb_one(const char *key, const char *value);

#endif							/* MLOPS_JSONB_OUT_H */
