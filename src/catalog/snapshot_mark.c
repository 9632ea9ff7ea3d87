/*-------------------------------------------------------------------------
 *
 * snapshot_mark.c
 *	  Would a name resolved earlier mean the same now?
 *
 * What predict() resolved lives in fn_extra, as long as the FmgrInfo: one
 * query, or, in PL/pgSQL's simple expressions, a whole transaction.  A mark
 * remembers what the answer depended on:
 *
 *	- the active snapshot's contents (xmin, xmax, running xids, command id).
 *	  Its address proves nothing: the memory of a popped snapshot is handed
 *	  out again at once, and UpdateActiveSnapshotCommandId changes a snapshot
 *	  in place.  Two snapshots with the same contents see the same rows,
 *	  provided that
 *	- no subtransaction of our own was rolled back in between.  That takes
 *	  rows away without changing a snapshot's contents (command ids are not
 *	  given back), so an epoch counts every end of a transaction and every
 *	  rollback of a subtransaction.  One that commits changes nothing that a
 *	  snapshot sees, its rows were there under its command ids before;
 *	- the current user, whose rights were checked, and what roles they are a
 *	  member of: a change of roles by anybody moves the epoch, also under
 *	  REPEATABLE READ, where the snapshot stays.
 *
 * A mark may say "not the same" without need, never the other way round.
 *
 * IDENTIFICATION
 *	  src/catalog/snapshot_mark.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "mlops/catalog.h"

struct MlSnapshotMark
{
	uint64		epoch;
	Oid			user;
	CommandId	curcid;
	TransactionId xmin;
	TransactionId xmax;
	uint32		xcnt;
	int32		subxcnt;
	bool		suboverflowed;
	bool		recovery;
	TransactionId xids[FLEXIBLE_ARRAY_MEMBER];	/* xip, then subxip */
};

static uint64 epoch = 1;

static void
at_transaction_end(XactEvent event, void *arg)
{
	epoch++;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		epoch++;
}

static void
at_role_change(Datum arg, int cacheid, uint32 hashvalue)
{
	epoch++;
}

static void
register_callbacks(void)
{
	static bool done = false;

	if (done)
		return;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	CacheRegisterSyscacheCallback(AUTHOID, at_role_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, at_role_change, (Datum) 0);
	done = true;
}

MlSnapshotMark *
mlops_snapshot_mark(MemoryContext context)
{
	Snapshot	snapshot = GetActiveSnapshot();
	int			nsub = Max(snapshot->subxcnt, 0);
	MlSnapshotMark *mark;

	register_callbacks();
	mark = MemoryContextAlloc(context, offsetof(MlSnapshotMark, xids) +
							  ((Size) snapshot->xcnt + nsub) * sizeof(TransactionId));
	mark->epoch = epoch;
	mark->user = GetUserId();
	mark->curcid = snapshot->curcid;
	mark->xmin = snapshot->xmin;
	mark->xmax = snapshot->xmax;
	mark->xcnt = snapshot->xcnt;
	mark->subxcnt = snapshot->subxcnt;
	mark->suboverflowed = snapshot->suboverflowed;
	mark->recovery = snapshot->takenDuringRecovery;
	if (snapshot->xcnt > 0)
		memcpy(mark->xids, snapshot->xip, snapshot->xcnt * sizeof(TransactionId));
	if (nsub > 0)
		memcpy(mark->xids + snapshot->xcnt, snapshot->subxip,
			   nsub * sizeof(TransactionId));
	return mark;
}

bool
mlops_snapshot_same(const MlSnapshotMark *mark)
{
	Snapshot	snapshot = GetActiveSnapshot();

	if (mark->epoch != epoch ||
		mark->curcid != snapshot->curcid ||
		mark->xmax != snapshot->xmax ||
		mark->xmin != snapshot->xmin ||
		mark->xcnt != snapshot->xcnt ||
		mark->subxcnt != snapshot->subxcnt ||
		mark->suboverflowed != snapshot->suboverflowed ||
		mark->recovery != snapshot->takenDuringRecovery ||
		mark->user != GetUserId())
		return false;
	if (mark->xcnt > 0 &&
		memcmp(mark->xids, snapshot->xip,
			   mark->xcnt * sizeof(TransactionId)) != 0)
		return false;
	return mark->subxcnt <= 0 ||
		memcmp(mark->xids + mark->xcnt, snapshot->subxip,
			   mark->subxcnt * sizeof(TransactionId)) == 0;
}
