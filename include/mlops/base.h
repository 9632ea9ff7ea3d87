/*-------------------------------------------------------------------------
 *
 * base.h
 *	  Settings, memory budget and progress.
 *
 * IDENTIFICATION
 *	  include/mlops/base.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_BASE_H
#define MLOPS_BASE_H

/* guc.c */
extern int	mlops_guc_fit_memory;	/* kB */
extern int	mlops_guc_model_cache_size; /* kB */
extern int	mlops_guc_training_memory;	/* kB */
extern void mlops_guc_init(void);

/* budget.c: refuse before taking (54000), with both numbers; hint says what else to do */
extern void mlops_budget_check(Size needed, int limit_kb, const char *setting, const char *hint);

/* lz4.c: compress at once; back again, NULL for bytes that are not such.  Both palloc'd. */
extern char *mlops_lz4_pack(const char *data, Size len, Size *packed_len);
extern char *mlops_lz4_unpack(const char *packed, Size packed_len, Size *len);

/* blas_guard.c: open OpenBLAS or fail with 55000 and what to install */
extern void mlops_blas_require(void);

/* From here on long loops of numeric/ check for interrupts; comes with the above. */
extern void mlops_numeric_interruptible(void);

/*
 * progress.c: what this backend is training, visible in mlops.progress.
 * Ends by itself when the transaction aborts.  Reports outside begin and end
 * are passed over.
 */
typedef enum MlPhase
{
	ML_PHASE_READING = 1,
	ML_PHASE_PREPARING = 2,
	ML_PHASE_TRAINING = 3,
	ML_PHASE_VALIDATING = 4,
	ML_PHASE_STORING = 5
} MlPhase;
extern void mlops_progress_begin(void);
extern void mlops_progress_phase(MlPhase phase);
extern void mlops_progress_rows(int64 rows);
extern void mlops_progress_pass(int pass, int max_passes);
extern void mlops_progress_loss(double loss);	/* of the rows that are watched or held out */
extern void mlops_progress_end(void);

#endif							/* MLOPS_BASE_H */
