/*-------------------------------------------------------------------------
 *
 * train_reference.c
 *	  What is frozen with a model when it is trained (reference.h).
 *
 * IDENTIFICATION
 *	  src/model/train_reference.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/model.h"
#include "mlops/reference.h"

struct MlAnswers
{
	MemoryContext context;
	const MlSignature *sig;
	bool		held_out;
	int64		expected;		/* rows */
	int64		wanted;			/* of them */
	int64		seen;
	int64		nrows;			/* kept */
	double	   *answer;
	double	   *actual;
};

MlAnswers *
mlops_answers_begin(void)
{
	MlAnswers  *answers = palloc0(sizeof(MlAnswers));

	answers->context = CurrentMemoryContext;
	return answers;
}

int
mlops_answers_part(const MlRowCounts *counts)
{
	return counts->nholdout >= MLOPS_REFERENCE_HELD_OUT ? 1 : 0;
}

void
mlops_answers_expect(MlAnswers *answers, const MlSignature *sig, int part, int64 nrows, bool ordered)
{
	Size		size;

	answers->sig = sig;
	answers->held_out = part == 1;
	answers->expected = nrows;
	answers->wanted = ordered ? Min(nrows, MLOPS_REFERENCE_ROWS) : nrows;
	size = mul_size(sizeof(double), Max(answers->wanted, 1));
	mlops_budget_check(add_size(MemoryContextMemAllocated(answers->context, true), mul_size(size, 2)),
					   mlops_guc_training_memory, "mlops.training_memory",
					   "Train on fewer rows, or raise mlops.training_memory.");
	answers->answer = MemoryContextAllocHuge(answers->context, size);
	answers->actual = MemoryContextAllocHuge(answers->context, size);
}

void
mlops_answers_add(void *arg, int n, const double *y, const double *w, const double *out)
{
	MlAnswers  *answers = arg;
	int			nclasses = answers->sig->nclasses;

	for (int i = 0; i < n; i++)
	{
		/* evenly over all rows: rows in the order of their hashes are a fair sample so */
		int64		due = (int64) (((double) (++answers->seen) * (double) answers->wanted) /
								   (double) Max(answers->expected, 1));

		if (answers->nrows >= Min(due, answers->wanted))
			continue;
		answers->answer[answers->nrows] = nclasses > 2 ? mlops_likeliest_class(nclasses, out + (Size) i * nclasses) : out[i];
		answers->actual[answers->nrows++] = y[i];
	}
}

struct MlReference *
mlops_train_reference(const MlSignature *sig, const MlBlock *sample, const bool *tracked, int64 nrows)
{
	MlSeen		rows;

	memset(&rows, 0, sizeof(rows));
	rows.nrows = sample->nrows;
	rows.width = sample->width;
	rows.x = sample->x;
	mlops_budget_check(add_size(MemoryContextMemAllocated(CurrentMemoryContext, true),
								mul_size(2 * sizeof(double), sample->nrows)),
					   mlops_guc_training_memory, "mlops.training_memory",
					   "Train on fewer rows or columns, or raise mlops.training_memory.");
	return mlops_reference_make(sig, tracked, &rows, nrows);
}

void
mlops_train_answers(struct MlReference *reference, const MlSignature *sig, const MlAnswers *answers)
{
	MlSeen		rows;

	memset(&rows, 0, sizeof(rows));
	rows.nrows = answers->nrows;
	rows.answer = answers->answer;
	rows.actual = answers->actual;
	if (rows.nrows > 0)
		mlops_reference_answers(reference, sig, &rows, answers->held_out);
}
