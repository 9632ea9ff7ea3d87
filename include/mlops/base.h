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
extern char *mlops_guc_databases;
extern bool mlops_guc_enabled;
extern int	mlops_guc_fit_memory;	/* kB */
extern int	mlops_guc_launcher_poll;	/* seconds */
extern int	mlops_guc_max_workers;
extern int	mlops_guc_model_cache_size; /* kB */
extern int	mlops_guc_training_memory;	/* kB */
extern int	mlops_guc_worker_max_runtime;	/* seconds */
extern void mlops_guc_init(void);

/*
 * wake.c: when the transaction commits, tell the background workers of this
 * database.  Does nothing where there are none.
 */
#define MLOPS_WAKE_JOBS			1	/* a job was planned or changed */
#define MLOPS_WAKE_UPKEEP		2	/* there is something to seal: within a minute */
#define MLOPS_WAKE_EXTENSION	4	/* the extension came, went or changed */
extern void (*mlops_wake_hook) (int what);	/* set by worker/shmem.c where the library is preloaded */
extern void mlops_wake_at_commit(int what);

/* budget.c: refuse before taking (54000), with both numbers; hint says what else to do */
extern void mlops_budget_check(Size needed, int limit_kb, const char *setting, const char *hint);

/* The same for memory that several takers share. */
typedef struct MlBudget
{
	Size		used;
	int			limit_kb;
	const char *setting;		/* that the limit is */
	const char *hint;
} MlBudget;
extern void mlops_budget_take(MlBudget *budget, Size more);

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
