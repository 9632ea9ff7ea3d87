/*-------------------------------------------------------------------------
 *
 * blas_guard.c
 *	  The server's side of numeric/: OpenBLAS on demand, interrupts in loops.
 *
 * The library is opened in the backend at first use, never in the
 * postmaster: the threaded flavour starts its pool when it is loaded, and the
 * soname does not tell the flavours apart.
 *
 * IDENTIFICATION
 *	  src/base/blas_guard.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "mlops/base.h"
#include "mlops/numeric.h"

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

void
mlops_numeric_interruptible(void)
{
	mlops_numeric_tick = check_interrupts;
}

void
mlops_blas_require(void)
{
	const char *problem;

	mlops_numeric_interruptible();
	problem = mlops_blas_open();
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not open OpenBLAS: %s", problem),
				 errhint("Install OpenBLAS on the database server, for example Debian's package libopenblas0.")));
}
