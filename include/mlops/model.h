/*-------------------------------------------------------------------------
 *
 * model.h
 *	  A model in memory (MlModel), its stored form (type mlops.model), the
 *	  backend's cache of unpacked models, and training.
 *
 * docs/model-format.md is the normative description of the stored form.
 *
 * IDENTIFICATION
 *	  include/mlops/model.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_MODEL_H
#define MLOPS_MODEL_H

#include "utils/jsonb.h"

#include "mlops/algo.h"
#include "mlops/dataset.h"
#include "mlops/mlops.h"

#define MLOPS_HASH_LEN 32		/* SHA-256 of the uncompressed content */

struct MlModel
{
	MemoryContext context;		/* holds everything below */
	const MlAlgo *algo;
	MlSignature *sig;
	void	   *body;			/* the algorithm's */
	Jsonb	   *facts;			/* what training knew: options in effect, row counts; never times */
	uint8		hash[MLOPS_HASH_LEN];
	Size		content_len;	/* uncompressed bytes */
	int			format_version; /* it was stored in */
	struct MlReference *reference;	/* just trained, or asked for (reference.h); else NULL */
	List	   *notices;		/* just trained: what is to be said about it, char * */
	struct MlScorer **idle;		/* in the cache: scorers that wait with the model (api/scorer.c) */
};

/* codec.c */

/* To a value of type mlops.model in CurrentMemoryContext; fills model->hash.  Error 54000 above 512 MB. */
extern struct varlena *mlops_model_pack(MlModel *model);

/* Back, in a new context under parent.  Any bytes at all give a model or an error (P10). */
extern MlModel *mlops_model_unpack(const struct varlena *datum, MemoryContext parent);

/* The same with its reference, which is in no cache; model->reference is NULL where it was stored without one. */
extern MlModel *mlops_model_unpack_whole(const struct varlena *datum, MemoryContext parent);

/* For watching: the reference of a stored model, NULL if it has none, and the model it points to (in CurrentMemoryContext). */
extern struct MlReference *mlops_model_reference(Datum artifact, MlModel **model);

/* Checks of in and recv: container, hash and content; error or return. */
extern void mlops_model_validate(const struct varlena *datum);

/* Read magic, versions and hash from the first bytes of a possibly toasted datum. */
extern void mlops_model_peek(Datum datum, uint8 hash[MLOPS_HASH_LEN]);

/* signature_codec.c */
extern void mlops_signature_send(const MlSignature *sig, StringInfo buf);
extern MlSignature *mlops_signature_recv(StringInfo buf);	/* hostile input */

/* cache.c */

/*
 * The unpacked form of a stored model, from the backend's cache (keyed by
 * content hash, bounded by mlops.model_cache_size) or unpacked now.  It stays
 * valid until as many releases with the same owner, or until "owner" is reset
 * or deleted, whichever comes first.  Whoever walks over many models releases
 * the last one before the next get, so that the bound can hold.
 */
extern const MlModel *mlops_model_cache_get(Datum datum, MemoryContext owner);

/* The same where the content hash of datum is known already. */
extern const MlModel *mlops_model_cache_get_hashed(Datum datum, const uint8 *hash,
												   MemoryContext owner);
extern void mlops_model_cache_release(const MlModel *model, MemoryContext owner);

/* What the cache of this backend holds and has done. */
typedef struct MlCacheStats
{
	int64		entries;
	int64		pinned;			/* entries in use */
	Size		bytes;
	int64		hits;
	int64		misses;
} MlCacheStats;
extern void mlops_model_cache_stats(MlCacheStats *out);

/* train_options.c */

/* Options that algorithms of train() take besides their own: those that train by passes, and trees. */
extern const MlParamDef mlops_train_params[];
extern const MlParamDef mlops_tree_params[];
extern const MlParamDef *mlops_train_general(const MlAlgo *algo);

/*
 * Unpack the options that say how to read the source into a wish (target,
 * features, weight and holdout stay).  algo: whose options they are.
 */
extern void mlops_train_wish(const MlAlgo *algo, const MlParams *params, MlWish *wish);

/* What became of the rows that were read. */
typedef struct MlRowCounts
{
	int64		nrows;			/* kept */
	int64		nseen;			/* the source showed */
	int64		ntrain;
	int64		nwatch;			/* that decided when to stop */
	int64		nholdout;
	int64		nskipped;
	int64		nimputed;		/* cells */
	bool		is_weighted;
	bool		rls_applied;
} MlRowCounts;

/*
 * What the artifact remembers of its training: counts of data and options in
 * effect; never times, OIDs or library versions (P7).
 */
extern Jsonb *mlops_train_facts(const MlRowCounts *counts, const MlParams *params);

/* train.c: what a training has to say, as NOTICEs */
extern void mlops_train_raise(const List *notices);

extern void mlops_dataset_counts(const MlDataset *data, MlRowCounts *counts);

/*
 * Run the algorithm's passes over the training part.  The result lives in a
 * child of CurrentMemoryContext and points into data, which must outlive it.
 * Errors: task not offered (0A000), memory (54000), overflow (22003).
 */
extern MlModel *mlops_train_run(const MlAlgo *algo, MlDataset *data, MlParams *params);

/* What a pass ended with: error 22003 for overflow, 22000 where no solution is unique; else returns. */
extern void mlops_train_check_status(const MlAlgo *algo, MlStatus status);

/* train_reference.c: what is frozen with a model (reference.h) */

/*
 * What a model answered, for its reference: the rows that were held out, or
 * those trained on where too few were.  Kept in the context it was begun in.
 */
typedef struct MlAnswers MlAnswers;
extern MlAnswers *mlops_answers_begin(void);

/* Of which part (1 held out, 0 training) answers are wanted. */
extern int	mlops_answers_part(const MlRowCounts *counts);

/* Rows in any order (ordered false), or so many in the order of their positions, of which some are passed over. */
extern void mlops_answers_expect(MlAnswers *answers, const MlSignature *sig, int part, int64 nrows, bool ordered);

/* As mlops_assess_add; arg: the MlAnswers. */
extern void mlops_answers_add(void *arg, int n, const double *y, const double *w, const double *out);

/* Of the sample, which stands for nrows; tracked as mlops_reference_make has it.  In CurrentMemoryContext. */
extern struct MlReference *mlops_train_reference(const MlSignature *sig, const MlBlock *sample,
												 const bool *tracked, int64 nrows);
extern void mlops_train_answers(struct MlReference *reference, const MlSignature *sig, const MlAnswers *answers);

/* train_trees.c */
extern void mlops_survey_counts(const MlSurvey *survey, MlRowCounts *counts);

/*
 * Train a tree algorithm (algo->train_trees) on a survey that has not been fed
 * yet.  metrics (can be NULL): measured on the rows that were held out, where
 * none were on the training rows.  training_metrics (can be NULL, only beside
 * metrics): on the training rows in any case.  previous: the model to go on from, or NULL;
 * error 22023 unless it is of the same algorithm, target, classes and features.
 * answers: filled, only beside metrics; or NULL.
 * The model lives in a child of CurrentMemoryContext and points into survey,
 * which must outlive it.
 */
extern MlModel *mlops_train_trees(const MlAlgo *algo, MlSurvey *survey, MlParams *params,
								  const MlModel *previous, MlAnswers *answers,
								  Jsonb **metrics, Jsonb **training_metrics);

/* assess.c: metrics of a model on the rows of one part (0 training, 1 holdout) as a jsonb object; answers: filled, or NULL */
extern Jsonb *mlops_assess_dataset(const MlModel *model, const MlDataset *data, int part, MlAnswers *answers);

/* The same from what a model has answered already: rows are added (arg: the MlAssessment) as algo.h's predict gives them. */
typedef struct MlAssessment MlAssessment;
extern MlAssessment *mlops_assess_begin(const MlSignature *sig);
extern void mlops_assess_add(void *arg, int n, const double *y, const double *w, const double *out);
extern Jsonb *mlops_assess_end(MlAssessment *assessment, int part);

#endif							/* MLOPS_MODEL_H */
