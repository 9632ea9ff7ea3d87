/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  Telling the background workers, once a transaction has committed, that
 *	  there may be something for them.
 *
 * Where the library is not preloaded there is nobody to tell.
 *
 * IDENTIFICATION
 *	  src/base/wake.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "mlops/base.h"

void		(*mlops_wake_hook) (int what) = NULL;

static int	wanted = 0;

/* What a subtransaction that was rolled back asked for is told, too: one look too many. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	int			what = wanted;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			wanted = 0;
			if (what != 0)
				mlops_wake_hook(what);
			break;
		case XACT_EVENT_ABORT:
			wanted = 0;
			break;
		default:
			break;
	}
}

void
mlops_wake_at_commit(int what)
{
	static bool registered = false;

	if (mlops_wake_hook == NULL)
		return;
	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
	wanted |= what;
}
