/*-------------------------------------------------------------------------
 *
 * log_buffer.c
 *	  Rows of the prediction log that wait in this backend.
 *
 * They are written many at a time: every 1,000, at the end of the
 * subtransaction they were added in, before something reads the log, and
 * before the transaction commits or is prepared.
 *
 * What becomes of a row is what becomes of the subtransaction it was added in,
 * but a flush inside a later one also writes rows of the outer ones, which
 * would be lost with that.  So these stay here, with the subtransaction they
 * were written in, until a flush outside of it.  Subtransactions are numbered
 * in the order they begin: one that is rolled back takes with it whatever was
 * added, and unwritten makes whatever was written, under its number or a higher.
 *
 * IDENTIFICATION
 *	  src/drift/log_buffer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/log.h"

#define FLUSH_ROWS 1000

static MemoryContext context = NULL;	/* child of the transaction's */
static MlLogWaiting *first = NULL;
static MlLogWaiting **tail = &first;
static int	nwaiting = 0;

static void
forget_all(void)
{
	if (context)
		MemoryContextDelete(context);
	context = NULL;
	first = NULL;
	tail = &first;
	nwaiting = 0;
}

/* Write rows added in the subtransaction "from" or later, and let go of those that share the current one's fate. */
static void
flush(SubTransactionId from)
{
	SubTransactionId current = GetCurrentSubTransactionId();
	MlLogWaiting **link = &first;

	if (first == NULL)
		return;
	mlops_log_write(first, from);
	while (*link)
	{
		MlLogWaiting *row = *link;

		if (row->added_in >= current)
		{
			*link = row->next;
			pfree(row);
			nwaiting--;
			continue;
		}
		if (row->added_in >= from && row->written_in == InvalidSubTransactionId)
			row->written_in = current;
		link = &row->next;
	}
	tail = link;
}

/* A subtransaction that is rolled back. */
static void
undo(SubTransactionId subid)
{
	MlLogWaiting **link = &first;

	while (*link)
	{
		MlLogWaiting *row = *link;

		if (row->added_in >= subid)
		{
			*link = row->next;
			pfree(row);
			nwaiting--;
			continue;
		}
		if (row->written_in >= subid)
			row->written_in = InvalidSubTransactionId;
		link = &row->next;
	}
	tail = link;
}

static void
at_transaction_event(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			flush(TopSubTransactionId);
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			forget_all();
			break;
		default:
			break;
	}
}

static void
at_subtransaction_event(SubXactEvent event, SubTransactionId mySubid,
						SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_PRE_COMMIT_SUB)
		flush(mySubid);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		undo(mySubid);
}

static void
begin_waiting(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(at_transaction_event, NULL);
		RegisterSubXactCallback(at_subtransaction_event, NULL);
		registered = true;
	}
	if (context == NULL)
		context = AllocSetContextCreate(TopTransactionContext, "mlops prediction log",
										ALLOCSET_DEFAULT_SIZES);
}

bool
mlops_log_possible(void)
{
	return !XactReadOnly && !RecoveryInProgress() && !IsInParallelMode();
}

/* Room for n bytes behind those that are taken, aligned; they are copied there. */
static const void *
put(char **at, const void *bytes, Size n)
{
	char	   *copy = *at;

	if (n > 0)
		memcpy(copy, bytes, n);
	*at += MAXALIGN(n);
	return copy;
}

static MlLogWaiting *
copy_row(const MlLogRow *row)
{
	Size		probabilities = sizeof(double) * row->nprobabilities;
	MlLogWaiting *copy = MemoryContextAlloc(context,
											MAXALIGN(sizeof(MlLogWaiting)) +
											MAXALIGN(row->key_len) + MAXALIGN(row->features_len) +
											MAXALIGN(row->label_len) + MAXALIGN(probabilities));
	char	   *at = (char *) copy + MAXALIGN(sizeof(MlLogWaiting));

	copy->row = *row;
	copy->has_variant = row->variant != NULL;
	if (row->variant)
		namestrcpy(&copy->variant, row->variant);
	copy->row.variant = NULL;
	if (row->key)
		copy->row.key = put(&at, row->key, row->key_len);
	copy->row.features = put(&at, row->features, row->features_len);
	if (row->label)
		copy->row.label = put(&at, row->label, row->label_len);
	copy->row.probabilities = put(&at, row->probabilities, probabilities);
	return copy;
}

int64
mlops_log_add(const MlLogRow *row)
{
	int64		id = mlops_log_next_id();
	MlLogWaiting *copy;

	begin_waiting();
	copy = copy_row(row);
	copy->next = NULL;
	copy->added_in = GetCurrentSubTransactionId();
	copy->written_in = InvalidSubTransactionId;
	copy->prediction_id = id;
	copy->happened_at = GetCurrentTimestamp();
	namestrcpy(&copy->caller, GetUserNameFromId(GetUserId(), false));
	*tail = copy;
	tail = &copy->next;
	if (++nwaiting >= FLUSH_ROWS)
		flush(copy->added_in);
	return id;
}

void
mlops_log_flush(void)
{
	flush(TopSubTransactionId);
	CommandCounterIncrement();
}
