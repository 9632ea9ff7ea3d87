/*-------------------------------------------------------------------------
 *
 * log_buffer.c
 *	  Rows of the prediction log that wait in this backend.
 *
 * They are written many at a time: every 4,000, at the end of the
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
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "mlops/log.h"

#define FLUSH_ROWS 4000

static MemoryContext context = NULL;	/* child of the transaction's */
static MlLogWaiting *first = NULL;
static MlLogWaiting **tail = &first;
static int	nwaiting = 0;		/* of them not written */

/* Texts that many of the rows have: callers, variants, labels. */
#define MAX_SHARED 16
static struct varlena *shared[MAX_SHARED];
static int	nshared = 0;

/* The name of the role met last. */
static Oid	caller_oid = InvalidOid;
static NameData caller_name;

static void
forget_all(void)
{
	if (context)
		MemoryContextDelete(context);
	context = NULL;
	first = NULL;
	tail = &first;
	nwaiting = 0;
	nshared = 0;
	caller_oid = InvalidOid;
}

/* Do all rows share the fate of the current subtransaction? */
static bool
all_added_here(SubTransactionId current)
{
	for (const MlLogWaiting *row = first; row; row = row->next)
	{
		if (row->added_in < current)
			return false;
	}
	return true;
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
	if (all_added_here(current))
	{
		MemoryContextReset(context);
		first = NULL;
		tail = &first;
		nwaiting = 0;
		nshared = 0;
		return;
	}
	while (*link)
	{
		MlLogWaiting *row = *link;

		if (row->added_in >= current)
		{
			*link = row->next;
			nwaiting -= row->written_in == InvalidSubTransactionId;
			pfree(row);
			continue;
		}
		if (row->added_in >= from && row->written_in == InvalidSubTransactionId)
		{
			row->written_in = current;
			nwaiting--;
		}
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
			nwaiting -= row->written_in == InvalidSubTransactionId;
			pfree(row);
			continue;
		}
		if (row->written_in >= subid)
		{
			row->written_in = InvalidSubTransactionId;
			nwaiting++;
		}
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
at_role_change(Datum arg, int cacheid, uint32 hashvalue)
{
	caller_oid = InvalidOid;
}

static void
begin_waiting(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(at_transaction_event, NULL);
		RegisterSubXactCallback(at_subtransaction_event, NULL);
		CacheRegisterSyscacheCallback(AUTHOID, at_role_change, (Datum) 0);
		registered = true;
	}
	if (context == NULL)
		context = GenerationContextCreate(TopTransactionContext, "mlops prediction log",
										  ALLOCSET_DEFAULT_SIZES);
}

void
mlops_log_key_check(Size len)
{
	if (len > MLOPS_MAX_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the key of a prediction must have at most %d bytes", MLOPS_MAX_KEY)));
}

bool
mlops_log_possible(void)
{
	return !XactReadOnly && !RecoveryInProgress() && !IsInParallelMode();
}

/* The bytes as a value of variable length, at a place that has room for it. */
static struct varlena *
put(char **at, const void *bytes, Size n)
{
	struct varlena *value = (struct varlena *) *at;

	SET_VARSIZE(value, VARHDRSZ + n);
	memcpy(VARDATA(value), bytes, n);
	*at += MAXALIGN(VARHDRSZ + n);
	return value;
}

/* A text that other rows have too; NULL: there are too many of them. */
static struct varlena *
share_text(const char *bytes, int len)
{
	char	   *at;

	for (int i = 0; i < nshared; i++)
	{
		if (VARSIZE_ANY_EXHDR(shared[i]) == (Size) len && memcmp(VARDATA(shared[i]), bytes, len) == 0)
			return shared[i];
	}
	if (nshared == MAX_SHARED)
		return NULL;
	at = MemoryContextAlloc(context, MAXALIGN(VARHDRSZ + len));
	return shared[nshared++] = put(&at, bytes, len);
}

static const char *
current_caller(void)
{
	Oid			user = GetUserId();

	if (caller_oid != user || !OidIsValid(user))
	{
		namestrcpy(&caller_name, GetUserNameFromId(user, false));
		caller_oid = user;
	}
	return NameStr(caller_name);
}

static Size
room_for(const struct varlena *known, const void *bytes, int len)
{
	return known || bytes == NULL ? 0 : MAXALIGN(VARHDRSZ + len);
}

static struct varlena *
float4_array(char **at, int n, const double *x)
{
	ArrayType  *array = (ArrayType *) *at;
	Size		size = ARR_OVERHEAD_NONULLS(1) + sizeof(float4) * n;
	float4	   *items;

	memset(array, 0, ARR_OVERHEAD_NONULLS(1));
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = FLOAT4OID;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	items = (float4 *) ((char *) array + ARR_OVERHEAD_NONULLS(1));
	for (int i = 0; i < n; i++)
		items[i] = (float4) x[i];
	*at += MAXALIGN(size);
	return (struct varlena *) array;
}

static MlLogWaiting *
copy_row(const MlLogRow *row)
{
	const char *caller = current_caller();
	int			caller_len = strlen(caller);
	int			variant_len = row->variant ? strlen(row->variant) : 0;
	struct varlena *known_caller = share_text(caller, caller_len);
	struct varlena *known_variant = row->variant ? share_text(row->variant, variant_len) : NULL;
	struct varlena *known_label = row->label ? share_text(row->label, row->label_len) : NULL;
	Size		probabilities = row->nprobabilities == 0 ? 0 :
		MAXALIGN(ARR_OVERHEAD_NONULLS(1) + sizeof(float4) * row->nprobabilities);
	MlLogWaiting *copy = MemoryContextAlloc(context,
											MAXALIGN(sizeof(MlLogWaiting)) +
											room_for(known_caller, caller, caller_len) +
											room_for(known_variant, row->variant, variant_len) +
											room_for(known_label, row->label, row->label_len) +
											room_for(NULL, row->key, row->key_len) +
											room_for(NULL, row->features, row->features_len) +
											probabilities);
	char	   *at = (char *) copy + MAXALIGN(sizeof(MlLogWaiting));

	copy->model_id = row->model_id;
	copy->value = row->value;
	copy->version = row->version;
	copy->latency_us = (int32) Min(row->latency_us, PG_INT32_MAX);
	copy->share = (float4) row->share;
	copy->has_value = row->has_value;
	copy->shadow = row->shadow;
	copy->caller = known_caller ? known_caller : put(&at, caller, caller_len);
	copy->variant = known_variant || row->variant == NULL ? known_variant :
		put(&at, row->variant, variant_len);
	copy->label = known_label || row->label == NULL ? known_label :
		put(&at, row->label, row->label_len);
	copy->key = row->key ? put(&at, row->key, row->key_len) : NULL;
	copy->features = put(&at, row->features, row->features_len);
	copy->probabilities = row->nprobabilities == 0 ? NULL :
		float4_array(&at, row->nprobabilities, row->probabilities);
	return copy;
}

int64
mlops_log_add(const MlLogRow *row)
{
	int64		id = row->prediction_id != 0 ? row->prediction_id : mlops_log_next_id();
	MlLogWaiting *copy;

	begin_waiting();
	copy = copy_row(row);
	copy->next = NULL;
	copy->added_in = GetCurrentSubTransactionId();
	copy->written_in = InvalidSubTransactionId;
	copy->prediction_id = id;
	copy->happened_at = row->has_at ? row->at : GetCurrentTimestamp();
	*tail = copy;
	tail = &copy->next;
	if (++nwaiting >= FLUSH_ROWS)
		flush(TopSubTransactionId);
	return id;
}

void
mlops_log_flush(void)
{
	flush(TopSubTransactionId);
	CommandCounterIncrement();
}
