/*-------------------------------------------------------------------------
 *
 * model_arg.h
 *	  Arguments and results that several SQL functions share.
 *
 * IDENTIFICATION
 *	  src/api/model_arg.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_MODEL_ARG_H
#define MLOPS_MODEL_ARG_H

#include "fmgr.h"
#include "utils/jsonb.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/model.h"

/* Error 22004 naming the argument if argument number arg is NULL. */
extern void mlops_arg_require(FunctionCallInfo fcinfo, int arg, const char *name);

/* A text or name argument as a C string; NULL when the argument is NULL. */
extern char *mlops_arg_text(FunctionCallInfo fcinfo, int arg);
extern char *mlops_arg_name(FunctionCallInfo fcinfo, int arg);

/* A text that people write beside an act (a reason, a note): NULL, or at most 10,000 bytes (error 22001). */
extern char *mlops_arg_remark(FunctionCallInfo fcinfo, int arg, const char *name);

/* A text argument where NULL is an error that names it. */
extern char *mlops_arg_required(FunctionCallInfo fcinfo, int arg, const char *name);

/* A model's plain name as argument 0: no alias, no version. */
extern char *mlops_arg_model_name(FunctionCallInfo fcinfo);

/* Argument 0, a reference, combined with argument "arg", a version that may be NULL. */
extern void mlops_arg_model_ref(FunctionCallInfo fcinfo, int arg, MlModelRef *ref);

/* A jsonb argument or NULL. */
extern Jsonb *mlops_arg_jsonb(FunctionCallInfo fcinfo, int arg);

/* The one row of a function that returns a composite type. */
extern Datum mlops_result_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

/*
 * Argument 0 as a model, by name (with the current user's rights, which must
 * include the privilege) or by value; valid while CurrentMemoryContext is.
 */
extern const MlModel *mlops_arg_model_by_name(FunctionCallInfo fcinfo, MlPrivilege privilege);
extern const MlModel *mlops_arg_model_by_value(FunctionCallInfo fcinfo);

#endif							/* MLOPS_MODEL_ARG_H */
