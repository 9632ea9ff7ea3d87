/*-------------------------------------------------------------------------
 *
 * numeric.h
 *	  Arithmetic that knows nothing of PostgreSQL: standard C only, no
 *	  allocation unless said, no I/O, so that it runs in a plain program under
 *	  sanitizers.  Memory belongs to the caller throughout.
 *
 * IDENTIFICATION
 *	  include/mlops/numeric.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_NUMERIC_H
#define MLOPS_NUMERIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Before a function whose loops are worth wider vectors than the baseline's:
 * it is compiled for AVX2, too, and the loader chooses.  No operation is fused
 * (AVX2 brings no FMA, the build says -ffp-contract=off), so that the results
 * are the same bits.  Only where the C library can do this (glibc).
 */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && \
	!defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define ML_WIDE_VECTORS __attribute__((target_clones("default", "avx2")))
#else
#define ML_WIDE_VECTORS
#endif

typedef enum MlStatus
{
	ML_OK = 0,
	ML_CONTINUE,				/* not converged yet: another pass */
	ML_STALLED,					/* no further progress possible, or the pass limit */
	ML_SINGULAR,				/* rank deficient where that is fatal */
	ML_NOT_FINITE				/* NaN or infinity appeared */
} MlStatus;

/*
 * Called at least every few milliseconds by anything that can run long; the
 * server side points it at its interrupt check, which may not return.  Code
 * in numeric/ therefore holds no resource across it.
 */
extern void (*mlops_numeric_tick) (void);

/* blas.c: the only file that knows OpenBLAS */

/*
 * Open OpenBLAS (libopenblas.so.0) on first call, with one thread.  NULL, or a
 * message saying why it could not be had (static storage).  Everything below
 * in this section needs a successful call first.
 */
extern const char *mlops_blas_open(void);

/* Matrices are row-major with their row length as leading dimension. */
/* c (n x n, upper triangle only) += a' a, a is m x n */
extern void mlops_blas_syrk(int m, int n, const double *a, int lda, double *c, int ldc);
/* y (n) += a' x, a is m x n */
extern void mlops_blas_gemv_t(int m, int n, const double *a, int lda, const double *x, double *y);
/* y (m) = a x */
extern void mlops_blas_gemv_n(int m, int n, const double *a, int lda, const double *x, double *y);
/* c (m x n) = a b', a is m x k, b is n x k */
extern void mlops_blas_gemm_nt(int m, int n, int k, const double *a, int lda,
							   const double *b, int ldb, double *c, int ldc);
/* c (m x n) += a' b, a is k x m, b is k x n */
extern void mlops_blas_gemm_tn(int m, int n, int k, const double *a, int lda,
							   const double *b, int ldb, double *c, int ldc);
/* b (m x n) := b r^-1, r is n x n upper triangular */
extern void mlops_blas_trsm(int m, int n, const double *r, int ldr, double *b, int ldb);
/* b (m x n) := u b, u is m x m upper triangular */
extern void mlops_blas_trmm(int m, int n, const double *u, int ldu, double *b, int ldb);
/* upper r with r'r = a, in place in the upper triangle; false: not positive definite */
extern bool mlops_blas_potrf(int n, double *a, int lda);
/* singular values of a (m x n, destroyed), descending, into s[min(m,n)]; work from the caller */
extern size_t mlops_blas_svd_work(int m, int n);	/* doubles needed */
extern bool mlops_blas_svd(int m, int n, double *a, int lda, double *s, double *work);

/*
 * lsq.c: mergeable least squares.
 *
 * An MlLsq is a flat, self-contained piece of memory: the upper triangular
 * factor R of all rows pushed so far (X'X = R'R), a buffer of rows not yet
 * folded in, and exact counts.  The response is the last column.  Rows carry
 * a weight w >= 0 and enter as sqrt(w) * row.
 */
typedef struct MlLsq MlLsq;

extern size_t mlops_lsq_size(int ncols, int nbuffer);	/* bytes; ncols includes the response */
extern int	mlops_lsq_best_buffer(int ncols);	/* rows to buffer where memory allows */
extern void mlops_lsq_init(MlLsq *lsq, int ncols, int nbuffer);
extern int	mlops_lsq_ncols(const MlLsq *lsq);
extern int	mlops_lsq_nbuffer(const MlLsq *lsq);
extern int	mlops_lsq_fill(const MlLsq *lsq);	/* rows waiting in the buffer */
extern int64_t mlops_lsq_nrows(const MlLsq *lsq);
extern double mlops_lsq_sum_weight(const MlLsq *lsq);
extern void mlops_lsq_push(MlLsq *lsq, const double *x, double y, double w);	/* ncols - 1 values */
extern void mlops_lsq_push_block(MlLsq *lsq, int nrows, const double *x, int ldx,
								 const double *y, const double *w);	/* w NULL: 1 */
extern void mlops_lsq_flush(MlLsq *lsq);	/* fold the buffer into R */
extern void mlops_lsq_merge(MlLsq *dst, const MlLsq *src);	/* src may hold unflushed rows */
extern void mlops_lsq_grow(MlLsq *dst, const MlLsq *src, int nbuffer);	/* copy into a larger one */
/* hostile bytes: does this memory of that size hold a consistent MlLsq? NULL or what is wrong */
extern const char *mlops_lsq_check(const void *bytes, size_t size);

/*
 * Solve.  x has p = ncols - 1 columns; ridge (>= 0) is added to the diagonal of
 * X'X for every column but "intercept" (-1: none).  Columns are taken in
 * order; one whose part orthogonal to those before it is below tolerance times
 * its own norm is aliased (R's lm rule; LINPACK dqrdc2) and gets NaN.
 * All arrays are the caller's; work needs mlops_lsq_solve_work(p) doubles.
 */
typedef struct MlLsqFit
{
	int			rank;			/* columns not aliased */
	double		rss;			/* sum of w * residual^2 */
	double		tss;			/* about the weighted mean with intercept, else about 0 */
	double		mean_y;			/* weighted mean of the response (needs an intercept, else 0) */
	double		condition;		/* of the kept columns scaled to unit length (2-norm) */
	double	   *coef;			/* p */
	double	   *cov_diag;		/* p: diagonal of (X'X)^-1 of the kept columns */
} MlLsqFit;
extern size_t mlops_lsq_solve_work(int p);
extern MlStatus mlops_lsq_solve(MlLsq *lsq, int intercept, double ridge,
								double tolerance, MlLsqFit *fit, double *work);

/* dist.c: distribution functions, full double accuracy in the tails */
extern double mlops_normal_sf2(double z);	/* P(|Z| > |z|) */
extern double mlops_normal_quantile(double p);
extern double mlops_t_sf2(double t, double df); /* P(|T| > |t|) */
extern double mlops_t_quantile(double p, double df);
extern double mlops_f_sf(double f, double df1, double df2);	/* P(F > f) */
extern double mlops_chi2_sf(double x, double df);
extern double mlops_chi2_quantile(double p, double df);

/* paired.c: two models on the same rows */

/*
 * How often each of n rows is drawn when n are drawn with replacement;
 * resamples of the same seed and round are the same.  AUC of rows that count
 * so often: order lists them by ascending score; NaN without both classes.
 */
extern void mlops_resample(uint64_t seed, uint64_t round, uint32_t n, uint16_t *count);
extern double mlops_counted_sum(uint32_t n, const uint16_t *count, const double *x);
extern double mlops_counted_auc(uint32_t n, const uint16_t *count, const uint32_t *order,
								const double *score, const uint8_t *positive);
extern double mlops_sorted_quantile(uint32_t n, const double *x, double q);	/* linear between values */

/*
 * McNemar's test of rows that only one of two got right: P of so uneven a
 * split or more.  Exact below 25 such rows, else chi-squared with continuity
 * correction.
 */
#define MLOPS_MCNEMAR_EXACT 25
extern double mlops_mcnemar(int64_t only_a, int64_t only_b);

/* optim.c: L-BFGS as begin and step; the caller evaluates */
typedef struct MlLbfgs MlLbfgs;
extern size_t mlops_lbfgs_size(int n, int memory);	/* bytes */
extern void mlops_lbfgs_begin(MlLbfgs *opt, int n, int memory, double gtol, double ftol);
/*
 * Given f and gradient at x, move x to the next point to evaluate.  ML_CONTINUE:
 * evaluate again; ML_OK: converged, x is the best point; ML_STALLED: line
 * search failed, x is the best point seen.
 */
extern MlStatus mlops_lbfgs_step(MlLbfgs *opt, double *x, double f, const double *gradient);
extern double mlops_lbfgs_gradient_norm(const MlLbfgs *opt);	/* max-norm at the best point */

/* elementary.c */
extern double mlops_exp(double x);	/* our own: the same bits on every machine */
extern void mlops_exp_array(int n, const double *x, double *out);	/* the same, several times faster */
extern double mlops_log(double x);	/* likewise */
extern double mlops_sigmoid(double x);	/* 1 / (1 + exp(-x)), no overflow */
extern void mlops_sigmoid_array(int n, const double *x, double *out);	/* the same, several times faster */
extern double mlops_log1pexp(double x);	/* log(1 + exp(x)), no overflow */
extern void mlops_softmax(int n, double *z);	/* in place */

/* hash.c: a 64-bit hash whose values reach disk; frozen */
extern uint64_t mlops_hash_mix(uint64_t a, uint64_t b);
extern uint64_t mlops_hash_bytes(const void *data, size_t len, uint64_t seed);

/* slots.c: which arm of a split a key belongs to; frozen */
#define MLOPS_SLOTS		10000
#define MLOPS_SLOT_FREE 255		/* belongs to no arm; so there are at most 255 */
extern uint64_t mlops_slots_seed(const void *salt, size_t len);
extern int	mlops_slot(const void *key, size_t len, uint64_t seed);
/* how many slots each of n arms gets; bring the slots to these counts moving as few as must */
extern void mlops_slots_divide(int n, const double *share, int *count);
extern void mlops_slots_move(uint8_t *slots, int n, const int *want);

/*
 * fingerprint.c: 128 bits of a multiset of rows, whatever the order of rows and
 * columns; frozen.  A row is named values; a value enters as two words, which
 * are equal where 64 bits say all of it.  Sums of parts add up.
 */
typedef struct MlFingerPair
{
	uint64_t	key[4];			/* of column a and b for the first word, then for the second */
	uint32_t	a;				/* where the columns' words are */
	uint32_t	b;
} MlFingerPair;

typedef struct MlFingerSum
{
	uint64_t	low;
	uint64_t	high;
	int64_t		rows;
} MlFingerSum;

extern void mlops_finger_key(const void *name, size_t len, uint64_t family, uint64_t key[2]);
/*
 * A row's 128 bits from n pairs of columns, in the order of their names, bytewise
 * (a column "" of family 0 and word 0 makes them even).  second: the second
 * words, NULL where all are as the first.
 */
extern void mlops_finger_row(int n, const MlFingerPair *pairs, const uint64_t *words,
							 const uint64_t *second, uint64_t out[2]);
extern void mlops_finger_add(MlFingerSum *sum, const uint64_t row[2]);
extern void mlops_finger_merge(MlFingerSum *sum, const MlFingerSum *other);
extern void mlops_finger_final(const MlFingerSum *sum, uint64_t out[2]);	/* high, low */

/*
 * pack.c: columns of numbers and strings in few bytes, the same on every
 * machine; the format reaches disk.  Packing writes at most _bound bytes and
 * returns how many; unpacking takes any bytes and returns false for those that
 * packing does not write.
 */
typedef struct MlPackIn
{
	const uint8_t *at;
	const uint8_t *end;
} MlPackIn;

#define MLOPS_PACK_MAX 65536	/* values of one column */

/* Room for packing n values, or unpacking them; uint64s. */
#define MLOPS_PACK_WORK(n) (6 * (size_t) (n) + 64)

/* Numbers of 1, 2, 4 or 8 bytes, sign-extended; the bits of floats. */
extern size_t mlops_pack_numbers_bound(int n, int width);
extern size_t mlops_pack_numbers(int n, int width, bool is_float, const uint64_t *values,
								 uint64_t *work, uint8_t *out);
extern bool mlops_unpack_numbers(MlPackIn *in, int n, int width, bool is_float,
								 uint64_t *values, uint64_t *work);

/*
 * Strings that lie one behind the other.  Unpacked: ndistinct of them in bytes,
 * likewise, with lengths; the i-th is the one of number codes[i].  lengths and
 * codes have room for n.
 */
typedef struct MlPackStrings
{
	int			ndistinct;
	uint64_t   *lengths;
	uint64_t   *codes;
	const uint8_t *bytes;
} MlPackStrings;
extern size_t mlops_pack_strings_bound(int n, size_t total);
extern size_t mlops_pack_strings(int n, const uint64_t *lengths, const uint8_t *bytes,
								 uint64_t *work, uint8_t *out);
extern bool mlops_unpack_strings(MlPackIn *in, int n, MlPackStrings *strings, uint64_t *work);

/* sort.c */

/* A number that is ordered as x is; -0.0 as 0.0.  Not for NaN. */
static inline uint64_t
mlops_double_key(double x)
{
	union
	{
		double		number;
		uint64_t	bits;
	}			u = {.number = x + 0.0};

	/* all bits of a negative one, else the sign: no branch, as signs are anyone's guess */
	return u.bits ^ ((0 - (u.bits >> 63)) | UINT64_C(1) << 63);
}

static inline double
mlops_key_double(uint64_t key)
{
	union
	{
		uint64_t	bits;
		double		number;
	}			u = {.bits = key ^ (((key >> 63) - 1) | UINT64_C(1) << 63)};

	return u.number;
}

/* Ascending; no NaN among them, fewer than 2^32; -0.0 becomes 0.0; scratch has room for n. */
extern void mlops_sort_doubles(double *x, size_t n, double *scratch);

/* quantile_bins.c: bins at quantiles of a reference; values equal to a cut lie below it unless "before" */
typedef struct MlCut
{
	double		value;
	bool		before;
} MlCut;

#define MLOPS_BINS_MAX 1000		/* quantiles asked for */
#define MLOPS_CUTS_ROOM(bins) (3 * (bins))	/* cuts that many can make */

extern int	mlops_qbin_cuts(size_t n, const double *sorted, int bins, MlCut *cuts);
extern void mlops_qbin_bounds(int ncuts, const MlCut *cuts, uint64_t *bounds);
extern int64_t mlops_qbin_values(int nbounds, const uint64_t *bounds, size_t n,
								const double *x, int64_t *counts);
extern void mlops_qbin_sorted(int nbounds, const uint64_t *bounds, size_t n,
							 const double *sorted, int64_t *counts);
extern void mlops_qbin_group(int nfine, const MlCut *fine, int ncoarse, const MlCut *coarse,
							uint16_t *group);

/* The bin of a value that is not NaN: how many bounds are below its key. */
static inline int
mlops_qbin_of(int nbounds, const uint64_t *bounds, double x)
{
	uint64_t	key = mlops_double_key(x);
	const uint64_t *base = bounds;
	int			n = nbounds;

	if (n == 0)
		return 0;
	while (n > 1)
	{
		int			half = n / 2;

		/* no branch: it would be guessed wrong every other time */
		base += half & -(int) (base[half - 1] < key);
		n -= half;
	}
	return (int) (base - bounds) + (*base < key);
}

/* two_samples.c: sorted samples without NaN */
typedef struct MlTwoSamples
{
	int64_t		n;
	int64_t		m;
	int64_t		steps;			/* n m D */
	double		d;				/* Kolmogorov-Smirnov; NaN when either is empty */
	double		wasserstein;	/* NaN when not finite, too */
} MlTwoSamples;

#define MLOPS_DRIFT_MIN_SD 1e-3

extern void mlops_two_samples(int64_t n, const double *x, int64_t m, const double *y,
							  MlTwoSamples *out);	/* n m < 2^62 */
extern double mlops_population_sd(int64_t n, const double *x);
extern double mlops_wasserstein_scaled(double wasserstein, double sd);

/* P(n m D >= steps): exact in n m steps; work has room for min(n, m) + 1 */
extern double mlops_ks_exact(int64_t n, int64_t m, int64_t steps, double *work);
extern double mlops_kolmogorov_sf(double x);
extern double mlops_ks_stephens(double d, double n, double m);
/* exact or Stephens' form; work has room for MLOPS_KS_WORK */
extern double mlops_ks_p(const MlTwoSamples *two, double *work);

#define MLOPS_KS_EXACT_PAIRS 1000000
#define MLOPS_KS_EXACT_LESSER 1000
#define MLOPS_KS_WORK (MLOPS_KS_EXACT_LESSER + 1)

static inline bool
mlops_ks_is_exact(int64_t n, int64_t m)
{
	return (n < m ? n : m) <= MLOPS_KS_EXACT_LESSER && n <= MLOPS_KS_EXACT_PAIRS / m;
}

/*
 * drift.c: counts of a reference and of a window in the same bins.  NaN stands
 * for no value, as when either has no rows.
 */
#define MLOPS_DRIFT_EPSILON	1e-4	/* least share in PSI */

extern double mlops_psi(int nbins, const int64_t *ref, const int64_t *cur, double epsilon,
						double *parts); /* parts may be NULL */
extern double mlops_psi_noise(int used, double n, double m, double level);
extern int	mlops_qbin_used(int nbins, const int64_t *ref, const int64_t *cur);

typedef struct MlDistances
{
	double		js;				/* root of the divergence, base 2: 0 to 1 */
	double		hellinger;
	double		tvd;
	double		l_infinity;
} MlDistances;
extern void mlops_distances(int nbins, const int64_t *ref, const int64_t *cur, MlDistances *out);

/* cuts has nbins - 1; NULL: no bin is a single value */
extern void mlops_ks_bracket(int nbins, const MlCut *cuts, const int64_t *ref,
							 const int64_t *cur, double *low, double *high);
extern double mlops_wasserstein_binned(int nbins, const MlCut *cuts, const int64_t *ref,
									   const int64_t *cur);

#define MLOPS_CHI2_MIN_EXPECTED 5

typedef struct MlChi2
{
	double		statistic;
	double		p;
	int			df;
	bool		sparse;			/* a count below MLOPS_CHI2_MIN_EXPECTED was expected somewhere */
} MlChi2;
extern void mlops_chi2_homogeneity(int nbins, const int64_t *ref, const int64_t *cur, MlChi2 *out);
extern double mlops_two_proportions(int64_t hit1, int64_t n1, int64_t hit2, int64_t n2, double *z);

extern void mlops_adjust_bonferroni(int n, const double *p, double *adjusted);
extern void mlops_adjust_bh(int n, const double *p, double *adjusted, uint32_t *order);

/* Performance without labels, from calibrated probabilities; sums of parts add up. */
typedef struct MlCbpe
{
	double		tp;
	double		fp;
	double		fn;
	double		tn;
} MlCbpe;

typedef struct MlCbpeRates
{
	double		accuracy;
	double		precision;
	double		recall;
	double		specificity;
	double		f1;
} MlCbpeRates;
extern void mlops_cbpe_add(MlCbpe *sums, double p, bool positive);
extern void mlops_cbpe_rates(const MlCbpe *sums, MlCbpeRates *out);
extern double mlops_cbpe_auc(size_t n, const double *score, const double *p);

#endif							/* MLOPS_NUMERIC_H */
