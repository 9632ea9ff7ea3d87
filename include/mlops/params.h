/*-------------------------------------------------------------------------
 *
 * params.h
 *	  Options: declared once as MlParamDef, parsed from jsonb, read by name.
 *
 * An option is documented where it is declared; mlops.algorithm_options()
 * shows that table.
 *
 * IDENTIFICATION
 *	  include/mlops/params.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_PARAMS_H
#define MLOPS_PARAMS_H

#include "utils/jsonb.h"

#include "mlops/mlops.h"

#define MLOPS_MAX_SEED 9007199254740991.0	/* 2^53 - 1: no other integer reads as this one */

typedef enum MlParamType
{
	ML_PARAM_NUMBER,			/* min <= value <= max */
	ML_PARAM_INTEGER,			/* the same, and whole */
	ML_PARAM_BOOLEAN,			/* def is 0 or 1 */
	ML_PARAM_CHOICE,			/* one of choices; def is its index */
	ML_PARAM_JSON				/* anything; the reader checks it */
} MlParamType;

struct MlParamDef
{
	const char *name;			/* NULL ends the array */
	MlParamType type;
	double		def;			/* default, read by type */
	double		min;
	double		max;
	const char *choices;		/* "a|b|c" for ML_PARAM_CHOICE */
	const char *doc;			/* one line for people */
};

/*
 * Parse options against up to two definition lists (either can be NULL).
 * NULL options mean all defaults.  Unknown keys, wrong types and values out of
 * range are errors (22023) that name the option and list what is valid; "what"
 * says whose options they are, e.g. "algorithm \"linear_regression\"".
 * The result lives in CurrentMemoryContext and points into options.
 */
extern MlParams *mlops_params_parse(Jsonb *options, const MlParamDef *general,
									const MlParamDef *own, const char *what);

/* The same from one list, passing over keys that it does not declare. */
extern MlParams *mlops_params_parse_known(Jsonb *options, const MlParamDef *defs);

/* Does a list declare the option and, where that is a choice, offer this one? */
extern bool mlops_params_take(const MlParamDef *defs, const char *name, int len,
							  const JsonbValue *value);

/* Those of the options that one of two lists takes. */
extern Jsonb *mlops_params_select(Jsonb *options, const MlParamDef *general,
								  const MlParamDef *own);

/* Does any of the lists declare it? */
extern bool mlops_param_exists(const MlParams *params, const char *name);

/* Readers by name; asking for a name that no list declares is a bug (elog). */
extern double mlops_param_number(const MlParams *params, const char *name);
extern int64 mlops_param_integer(const MlParams *params, const char *name);
extern bool mlops_param_boolean(const MlParams *params, const char *name);
extern int	mlops_param_choice(const MlParams *params, const char *name);
extern JsonbValue *mlops_param_json(const MlParams *params, const char *name);	/* NULL: not given */

/* All values in effect, defaults included, as one jsonb object (for the registry). */
extern Jsonb *mlops_params_effective(const MlParams *params);

/* The text of choice number index, in static storage of the definition; palloc'd. */
extern char *mlops_param_choice_name(const MlParamDef *def, int index);

#endif							/* MLOPS_PARAMS_H */
