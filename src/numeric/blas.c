/*-------------------------------------------------------------------------
 *
 * blas.c
 *	  OpenBLAS, opened at first use; the only file that knows it.
 *
 * Debian's soname libopenblas.so.0 belongs to a serial and to two threaded
 * flavours, so the library is neither a link-time dependency nor touched
 * before a backend needs it: the threaded flavours start their pool when they
 * are loaded.  OPENBLAS_NUM_THREADS=1 is put into the environment first, and
 * said again through the library's own call in case something else in the
 * process had loaded it before us.
 *
 * Our matrices are row-major.  To the Fortran interface, which is the one
 * every flavour exports, a row-major m x n matrix is a column-major n x m
 * one, its transpose; an upper triangle becomes a lower one.  Each wrapper
 * states what it computes in our terms, and its call is that equation
 * transposed.  Nothing is copied.
 *
 * IDENTIFICATION
 *	  src/numeric/blas.c
 *
 *-------------------------------------------------------------------------
 */
#define _POSIX_C_SOURCE 200809L	/* setenv */

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "mlops/numeric.h"

/* gfortran passes the length of each character argument at the end */
typedef size_t FortranLength;

void		(*mlops_numeric_tick) (void) = NULL;

static struct
{
	void		(*dsyrk) (const char *uplo, const char *trans, const int *n,
						  const int *k, const double *alpha, const double *a,
						  const int *lda, const double *beta, double *c,
						  const int *ldc, FortranLength, FortranLength);
	void		(*dgemv) (const char *trans, const int *m, const int *n,
						  const double *alpha, const double *a, const int *lda,
						  const double *x, const int *incx, const double *beta,
						  double *y, const int *incy, FortranLength);
	void		(*dgemm) (const char *transa, const char *transb, const int *m,
						  const int *n, const int *k, const double *alpha,
						  const double *a, const int *lda, const double *b,
						  const int *ldb, const double *beta, double *c,
						  const int *ldc, FortranLength, FortranLength);
	void		(*dtrsm) (const char *side, const char *uplo, const char *trans,
						  const char *diag, const int *m, const int *n,
						  const double *alpha, const double *a, const int *lda,
						  double *b, const int *ldb, FortranLength,
						  FortranLength, FortranLength, FortranLength);
	void		(*dtrmm) (const char *side, const char *uplo, const char *trans,
						  const char *diag, const int *m, const int *n,
						  const double *alpha, const double *a, const int *lda,
						  double *b, const int *ldb, FortranLength,
						  FortranLength, FortranLength, FortranLength);
	void		(*dpotrf) (const char *uplo, const int *n, double *a,
						   const int *lda, int *info, FortranLength);
	void		(*dgesvd) (const char *jobu, const char *jobvt, const int *m,
						   const int *n, double *a, const int *lda, double *s,
						   double *u, const int *ldu, double *vt,
						   const int *ldvt, double *work, const int *lwork,
						   int *info, FortranLength, FortranLength);
	void		(*set_num_threads) (int);
}			lib;

static const struct
{
	const char *name;
	void	   *slot;			/* address of a member of lib */
}			symbols[] =
{
	{"dsyrk_", &lib.dsyrk},
	{"dgemv_", &lib.dgemv},
	{"dgemm_", &lib.dgemm},
	{"dtrsm_", &lib.dtrsm},
	{"dtrmm_", &lib.dtrmm},
	{"dpotrf_", &lib.dpotrf},
	{"dgesvd_", &lib.dgesvd},
	{"openblas_set_num_threads", &lib.set_num_threads}
};

static bool opened = false;

static const int one = 1;
static const double d_one = 1.0;
static const double d_zero = 0.0;

/*
 * mlops_blas_open opens the library once per process.  A failure is not
 * remembered, so that installing the package is enough.
 */
const char *
mlops_blas_open(void)
{
	void	   *handle;
	size_t		i;

	if (opened)
		return NULL;
	if (setenv("OPENBLAS_NUM_THREADS", "1", 1) != 0)
		return "the environment cannot be extended";
	handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL)
		return "libopenblas.so.0 was not found or cannot be loaded";
	for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
	{
		void	   *address = dlsym(handle, symbols[i].name);

		if (address == NULL)
		{
			dlclose(handle);
			return "libopenblas.so.0 lacks a function that is needed";
		}
		/* POSIX: a function's address survives in a void pointer */
		memcpy(symbols[i].slot, &address, sizeof(address));
	}
	lib.set_num_threads(1);
	opened = true;
	return NULL;
}

void
mlops_blas_syrk(int m, int n, const double *a, int lda, double *c, int ldc)
{
	if (m > 0 && n > 0)
		lib.dsyrk("L", "N", &n, &m, &d_one, a, &lda, &d_one, c, &ldc, 1, 1);
}

void
mlops_blas_gemv_t(int m, int n, const double *a, int lda, const double *x,
				  double *y)
{
	if (m > 0 && n > 0)
		lib.dgemv("N", &n, &m, &d_one, a, &lda, x, &one, &d_one, y, &one, 1);
}

void
mlops_blas_gemv_n(int m, int n, const double *a, int lda, const double *x,
				  double *y)
{
	if (m > 0 && n > 0)
		lib.dgemv("T", &n, &m, &d_one, a, &lda, x, &one, &d_zero, y, &one, 1);
	else if (m > 0)
		memset(y, 0, m * sizeof(double));
}

void
mlops_blas_gemm_nt(int m, int n, int k, const double *a, int lda,
				   const double *b, int ldb, double *c, int ldc)
{
	if (m > 0 && n > 0)
		lib.dgemm("T", "N", &n, &m, &k, &d_one, b, &ldb, a, &lda, &d_zero,
				  c, &ldc, 1, 1);
}

void
mlops_blas_gemm_tn(int m, int n, int k, const double *a, int lda,
				   const double *b, int ldb, double *c, int ldc)
{
	if (m > 0 && n > 0 && k > 0)
		lib.dgemm("N", "T", &n, &m, &k, &d_one, b, &ldb, a, &lda, &d_one,
				  c, &ldc, 1, 1);
}

void
mlops_blas_trsm(int m, int n, const double *r, int ldr, double *b, int ldb)
{
	if (m > 0 && n > 0)
		lib.dtrsm("L", "L", "N", "N", &n, &m, &d_one, r, &ldr, b, &ldb,
				  1, 1, 1, 1);
}

void
mlops_blas_trmm(int m, int n, const double *u, int ldu, double *b, int ldb)
{
	if (m > 0 && n > 0)
		lib.dtrmm("R", "L", "N", "N", &n, &m, &d_one, u, &ldu, b, &ldb,
				  1, 1, 1, 1);
}

bool
mlops_blas_potrf(int n, double *a, int lda)
{
	int			info = 0;

	if (n > 0)
		lib.dpotrf("L", &n, a, &lda, &info, 1);
	return info == 0;
}

/*
 * mlops_blas_svd_work is generous: LAPACK needs max(3 min + max, 5 min) and
 * uses blocks of up to 64 columns when there is room for them.
 */
size_t
mlops_blas_svd_work(int m, int n)
{
	size_t		lo = m < n ? m : n;
	size_t		hi = m < n ? n : m;

	return 5 * lo + 64 * (lo + hi) + 64;
}

bool
mlops_blas_svd(int m, int n, double *a, int lda, double *s, double *work)
{
	int			lwork = (int) mlops_blas_svd_work(m, n);
	int			info = 0;

	if (m > 0 && n > 0)
		lib.dgesvd("N", "N", &n, &m, a, &lda, s, NULL, &one, NULL, &one,
				   work, &lwork, &info, 1, 1);
	return info == 0;
}
