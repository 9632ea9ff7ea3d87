/*-------------------------------------------------------------------------
 *
 * budget.c
 *	  Memory is computed before it is taken, and refused with both numbers.
 *
 * IDENTIFICATION
 *	  src/base/budget.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/base.h"

void
mlops_budget_check(Size needed, int limit_kb, const char *setting,
				   const char *hint)
{
	if (needed <= (Size) limit_kb * 1024)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("memory required is at least %zu kB, but %s is %d kB",
					(needed + 1023) / 1024, setting, limit_kb),
			 hint ? errhint("%s", hint) : 0));
}

void
mlops_budget_take(MlBudget *budget, Size more)
{
	mlops_budget_check(budget->used + more, budget->limit_kb, budget->setting, budget->hint);
	budget->used += more;
}
