/*-------------------------------------------------------------------------
 *
 * scorer.h
 *	  One call site's memory between rows: the model in use, how its rows are
 *	  bound, and room for one row.
 *
 * IDENTIFICATION
 *	  src/api/scorer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_SCORER_H
#define MLOPS_SCORER_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/jsonb.h"

#include "mlops/model.h"

typedef struct MlScorer MlScorer;

/*
 * The scorer of this call site (kept in fn_extra) for a model named by text,
 * resolved with the rights of "role" and again whenever the active snapshot
 * differs from the one it was resolved under (P4).
 */
extern MlScorer *mlops_scorer_by_name(FmgrInfo *flinfo, text *ref, Oid role);

/*
 * The same for a value of type mlops.model.  A TOAST pointer seen before in
 * this query is recognised before anything is fetched.
 */
extern MlScorer *mlops_scorer_by_value(FmgrInfo *flinfo, Datum model);

/* The model's number of what _by_name returned last to this call site, and the version. */
extern int64 mlops_scorer_version(FmgrInfo *flinfo, int *version);

/*
 * The limits of the numbers that the model was trained on (reference.h), for
 * what _by_name returned last to this call site.  Read from the artifact the
 * first time, then kept with the scorer.  Those of a model without a reference
 * have no limits.
 */
extern const struct MlEnvelope *mlops_scorer_envelope(FmgrInfo *flinfo);

/*
 * From now on keep the slots of every row as they were given: a missing number
 * is NaN, a missing category the code "missing", also where the model then puts
 * another value in their place or skips the row.  mlops_scorer_row: those of
 * the last row.
 */
extern void mlops_scorer_keep_rows(MlScorer *scorer);
extern const double *mlops_scorer_row(const MlScorer *scorer);

extern const MlModel *mlops_scorer_model(const MlScorer *scorer);

/*
 * Score one row.  The result (one value for regression and two classes, one
 * per class beyond) is valid until the next call; NULL when a feature is
 * missing whose policy is to skip the row.
 */
extern const double *mlops_scorer_record(MlScorer *scorer, HeapTupleHeader row);
extern const double *mlops_scorer_tuple(MlScorer *scorer, HeapTuple tuple, TupleDesc desc);

/* _tuple in two steps: the columns, to be looked at, which point into the tuple; then the score. */
extern void mlops_scorer_load(MlScorer *scorer, HeapTuple tuple, TupleDesc desc,
							  const Datum **values, const bool **nulls);
extern const double *mlops_scorer_loaded(MlScorer *scorer);

extern const double *mlops_scorer_jsonb(MlScorer *scorer, Jsonb *features);
extern const double *mlops_scorer_array(MlScorer *scorer, ArrayType *x);

/* The row type it was of, RECORDOID for one without a name; InvalidOid: none, it was jsonb or an array. */
extern Oid	mlops_scorer_row_type(const MlScorer *scorer);

/* The features of the row that was scored last, in the signature's slots. */
extern const double *mlops_scorer_features(const MlScorer *scorer);

/* What the numbers mean.  Class index of the most likely class; ties go to the first. */
extern int	mlops_scorer_class(const MlScorer *scorer, const double *out);

/* Errors 42809 for a model of the other kind. */
extern double mlops_scorer_value(const MlScorer *scorer, const double *out);
extern const MlString *mlops_scorer_label(const MlScorer *scorer, const double *out);
extern Jsonb *mlops_scorer_proba(const MlScorer *scorer, const double *out);

#endif							/* MLOPS_SCORER_H */
