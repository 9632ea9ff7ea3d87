/*-------------------------------------------------------------------------
 *
 * window_source.c
 *	  The rows of a source counted as if they had been scored.
 *
 * IDENTIFICATION
 *	  src/drift/window_source.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mlops/window.h"

typedef struct SourceCount
{
	const MlWatched *watched;
	MlWindow   *window;
	MlBlock		filled;			/* the rows as the model takes them */
	bool	   *answered;
	double	   *out;			/* as algo.h's predict gives it */
	double	   *answer;
} SourceCount;

/* What the model says of a block. */
static void
answer_block(SourceCount *sc, const MlBlock *block)
{
	const MlModel *model = sc->watched->model;
	const MlSignature *sig = model->sig;
	int			each = sig->task == ML_TASK_CLASSIFICATION && sig->nclasses > 2 ? sig->nclasses : 1;
	Size		row = sizeof(double) * block->width;

	sc->filled.nrows = block->nrows;
	for (int i = 0; i < block->nrows; i++)
	{
		double	   *x = sc->filled.x + (Size) i * block->width;

		memcpy(x, block->x + (Size) i * block->width, row);
		sc->answered[i] = mlops_signature_fill(sig, x);
		if (!sc->answered[i])
			memset(x, 0, row);
	}
	model->algo->predict(sig, model->body, &sc->filled, sc->out);
	for (int i = 0; i < block->nrows; i++)
	{
		const double *out = sc->out + (Size) i * each;

		sc->answer[i] = !sc->answered[i] ? NAN : each == 1 ? *out : mlops_likeliest_class(each, out);
		sc->window->nskipped += !sc->answered[i];
	}
}

static void
count_block(void *arg, const MlBlock *block)
{
	SourceCount *sc = arg;
	MlSeen		seen = {0};

	answer_block(sc, block);
	seen.nrows = block->nrows;
	seen.width = block->width;
	seen.x = block->x;
	seen.answer = sc->answer;
	mlops_reference_count(sc->watched->reference, &seen, NULL, sc->window->counts);
	sc->window->nrows += block->nrows;
}

MlWindow *
mlops_window_of_source(const MlWatched *watched, const char *source)
{
	const MlSignature *sig = watched->model->sig;
	SourceCount sc = {0};
	int64		nskipped;

	if (watched->reference == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d has no reference to count rows by", watched->version),
				 errhint("Train it again.")));
	sc.watched = watched;
	sc.window = palloc0(sizeof(MlWindow));
	sc.window->version = watched->version;
	sc.window->start = DT_NOBEGIN;
	sc.window->ncounts = watched->reference->ncounts;
	sc.window->counts = palloc_extended(sizeof(int64) * Max(sc.window->ncounts, 1),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	sc.filled.width = sig->width;
	sc.filled.x = palloc_extended(sizeof(double) * MLOPS_BLOCK_ROWS * Max(sig->width, 1),
								  MCXT_ALLOC_HUGE);
	sc.answered = palloc(sizeof(bool) * MLOPS_BLOCK_ROWS);
	sc.answer = palloc(sizeof(double) * MLOPS_BLOCK_ROWS);
	sc.out = palloc(sizeof(double) * MLOPS_BLOCK_ROWS * Max(sig->nclasses, 1));
	(void) mlops_fetch_blocks(mlops_source_open(source), mlops_signature_raw(sig, false),
							  NULL, NULL, count_block, &sc, &nskipped);
	return sc.window;
}
