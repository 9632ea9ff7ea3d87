/*-------------------------------------------------------------------------
 *
 * fetch.c
 *	  The only file that runs the user's query.
 *
 * The plan is run under the active snapshot with a receiver of ours, so that
 * a row is looked at in the executor's own slot and never copied.  It is
 * planned without parallelism: a tuple queue costs what parallel reading
 * gains.
 *
 * IDENTIFICATION
 *	  src/data/fetch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "mlops/base.h"
#include "mlops/compat.h"

#include "data.h"

typedef struct FetchReceiver
{
	DestReceiver pub;
	TupleDesc	expected;
	Tuplestorestate *keep;		/* rows are kept there, too; or NULL */
	MlReceive	receive;
	void	   *arg;
} FetchReceiver;

static void
fetch_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	FetchReceiver *fr = (FetchReceiver *) self;
	bool		same = desc->natts == fr->expected->natts;

	for (int i = 0; same && i < desc->natts; i++)
		same = TupleDescAttr(desc, i)->atttypid == TupleDescAttr(fr->expected, i)->atttypid;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("columns of the source have changed")));
}

static bool
fetch_receive(TupleTableSlot *slot, DestReceiver *self)
{
	FetchReceiver *fr = (FetchReceiver *) self;

	if (fr->keep != NULL)
		tuplestore_puttupleslot(fr->keep, slot);
	slot_getallattrs(slot);
	fr->receive(fr->arg, slot);
	return true;
}

static void
fetch_nothing(DestReceiver *self)
{
}

/* Rows kept by an earlier run. */
static bool
fetch_kept(MlSource *source, Tuplestorestate *kept, MlReceive receive, void *arg)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(source->desc, &TTSOpsMinimalTuple);

	tuplestore_rescan(kept);
	while (tuplestore_gettupleslot(kept, true, false, slot))
	{
		slot_getallattrs(slot);
		receive(arg, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	return mlops_source_has_policy(source);
}

static bool
policy_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->securityQuals != NIL;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, policy_walker, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, policy_walker, context);
}

/*
 * What makes a query answer with other rows under the same snapshot: volatile
 * functions and TABLESAMPLE do; so does whatever depends on
 * the order of rows, which synchronised scans change: LIMIT, DISTINCT ON,
 * windows, and aggregates (float sums differ in the last bit).
 */
static bool
fickle_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->tablesample != NULL;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		return query->limitCount != NULL || query->limitOffset != NULL ||
			query->hasDistinctOn || query->hasWindowFuncs || query->hasAggs ||
			query_tree_walker(query, fickle_walker, context, QTW_EXAMINE_RTES_BEFORE);
	}
	return expression_tree_walker(node, fickle_walker, context);
}

bool
mlops_query_is_fickle(Query *query)
{
	return contain_volatile_functions((Node *) query) ||
		fickle_walker((Node *) query, NULL);
}

bool
mlops_source_is_fickle(MlSource *source)
{
	return mlops_query_is_fickle(mlops_source_analyze(source));
}

MlReadingRole
mlops_reading_role(void)
{
	MlReadingRole now;

	GetUserIdAndSecContext(&now.user, &now.context);
	return now;
}

void
mlops_reading_role_check(MlReadingRole before)
{
	MlReadingRole now = mlops_reading_role();

	if (now.user != before.user || now.context != before.context)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the current role changed while the source was read"),
				 errhint("A function that the source calls changes it.")));
}

bool
mlops_fetch_rows(MlSource *source, MlReceive receive, void *arg)
{
	MlReadingRole role;
	Tuplestorestate *kept;
	Query	   *query;
	bool		has_policy;
	FetchReceiver fr;
	PlannedStmt *plan;
	QueryDesc  *qd;

	kept = mlops_source_kept(source);
	if (kept != NULL)
		return fetch_kept(source, kept, receive, arg);
	role = mlops_reading_role();
	query = mlops_source_analyze(source);
	has_policy = policy_walker((Node *) query, NULL);
	memset(&fr, 0, sizeof(fr));
	if (mlops_source_is_keeping(source) && mlops_query_is_fickle(query))
		fr.keep = mlops_source_start_keeping(source, has_policy);
	fr.pub.receiveSlot = fetch_receive;
	fr.pub.rStartup = fetch_startup;
	fr.pub.rShutdown = fetch_nothing;
	fr.pub.rDestroy = fetch_nothing;
	fr.pub.mydest = DestNone;
	fr.expected = source->desc;
	fr.receive = receive;
	fr.arg = arg;

	plan = pg_plan_query(query, source->text, 0, NULL);
	PushActiveSnapshot(GetActiveSnapshot());
	qd = CreateQueryDesc(plan, source->text, GetActiveSnapshot(), InvalidSnapshot,
						 &fr.pub, NULL, NULL, 0);
	ExecutorStart(qd, 0);
	mlops_executor_run(qd);
	ExecutorFinish(qd);
	ExecutorEnd(qd);
	FreeQueryDesc(qd);
	PopActiveSnapshot();
	mlops_reading_role_check(role);
	return has_policy;
}

/* mlops_fetch_blocks: rows bound to finished signatures. */
typedef struct BlockSide
{
	const MlSignature *sig;
	MlBinding  *binding;
	MlConverter target_conv;
	MlDictionary *classes;
} BlockSide;

typedef struct BlockFetch
{
	int			nsides;
	BlockSide  *side;
	MlBlock    *block;			/* of each side */
	int			target;			/* column, or -1 */
	int			weight;			/* column, or -1 */
	MlConverter weight_conv;
	MlConsume	consume;
	void	   *arg;
	MemoryContext row_context;
	MemoryContext caller_context;
	int64		nseen;
	int64		nskipped;
} BlockFetch;

static void
flush_block(BlockFetch *bf)
{
	if (bf->block->nrows > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(bf->caller_context);

		bf->consume(bf->arg, bf->block);
		MemoryContextSwitchTo(old);
	}
	for (int i = 0; i < bf->nsides; i++)
		bf->block[i].nrows = 0;
	MemoryContextReset(bf->row_context);
	mlops_progress_rows(bf->nseen);
	CHECK_FOR_INTERRUPTS();
}

/* The class index of a label, -1 for one the model does not know. */
static double
class_index(BlockSide *side, Datum value)
{
	char		digits[32];
	MlString	s;

	if (side->target_conv.kind == CONVERT_BOOL)
	{
		s.data = DatumGetBool(value) ? "true" : "false";
		s.len = strlen(s.data);
	}
	else if (mlops_converter_is_integer(&side->target_conv))
	{
		s.len = mlops_convert_integer_label(&side->target_conv, value, digits);
		s.data = digits;
	}
	else
		s = mlops_convert_text(&side->target_conv, value);
	return mlops_dictionary_find(side->classes, s, mlops_dictionary_hash(s));
}

/* The row for one signature, as the next of its block; false: it cannot be used. */
static bool
bind_row(BlockFetch *bf, BlockSide *side, MlBlock *block, TupleTableSlot *slot)
{
	int			row = block->nrows;

	if (bf->target >= 0)
	{
		Datum		value = slot->tts_values[bf->target];

		if (slot->tts_isnull[bf->target])
			return false;
		if (side->classes != NULL)
			block->y[row] = class_index(side, value);
		else
		{
			block->y[row] = mlops_convert_number(&side->target_conv, value);
			if (isnan(block->y[row]))
				return false;
		}
	}
	return mlops_binding_row(side->binding, slot->tts_values, slot->tts_isnull,
							 block->x + (Size) row * block->width);
}

/* The row's weight, for all signatures; false: it has none. */
static bool
weigh_row(BlockFetch *bf, TupleTableSlot *slot)
{
	double		weight = slot->tts_isnull[bf->weight] ? 0.0 :
		mlops_convert_number(&bf->weight_conv, slot->tts_values[bf->weight]);

	if (weight < 0)
		mlops_refuse_weight(bf->weight_conv.column);
	for (int i = 0; i < bf->nsides; i++)
		bf->block[i].w[bf->block[i].nrows] = weight;
	return weight > 0;
}

static void
block_receive(void *arg, TupleTableSlot *slot)
{
	BlockFetch *bf = (BlockFetch *) arg;
	MemoryContext old;
	bool		keep;

	bf->nseen++;
	old = MemoryContextSwitchTo(bf->row_context);
	keep = bf->weight < 0 || weigh_row(bf, slot);
	for (int i = 0; keep && i < bf->nsides; i++)
		keep = bind_row(bf, &bf->side[i], &bf->block[i], slot);
	MemoryContextSwitchTo(old);
	for (int i = 0; keep && i < bf->nsides; i++)
		bf->block[i].nrows++;
	if (!keep)
		bf->nskipped++;
	if (bf->block->nrows == MLOPS_BLOCK_ROWS || bf->nseen % MLOPS_BLOCK_ROWS == 0)
		flush_block(bf);
	else if (unlikely(MemoryContextMemAllocated(bf->row_context, false) > ROW_MEMORY_MAX))
		MemoryContextReset(bf->row_context);
}

/* A relation is read with the columns that are needed only. */
static MlSource *
narrow_to_signatures(MlSource *source, int nsigs, const MlSignature *const *sigs,
					 const char *target, const char *weight)
{
	bool	   *wanted;

	if (!OidIsValid(source->relid))
		return source;
	wanted = palloc0(sizeof(bool) * Max(source->desc->natts, 1));
	for (int s = 0; s < nsigs; s++)
		for (int i = 0; i < sigs[s]->nfeatures; i++)
			wanted[mlops_column_require(source->desc, sigs[s]->features[i].name)] = true;
	if (target != NULL)
		wanted[mlops_column_require(source->desc, target)] = true;
	if (weight != NULL)
		wanted[mlops_column_require(source->desc, weight)] = true;
	return mlops_source_narrow(source, wanted);
}

static void
bind_target(BlockSide *side, TupleDesc desc, int column, const char *target)
{
	const MlSignature *sig = side->sig;
	MlColumnType family;

	mlops_converter_init(&side->target_conv, TupleDescAttr(desc, column)->atttypid, target);
	family = mlops_converter_family(&side->target_conv);
	if (family != sig->target_type ||
		(sig->task == ML_TASK_CLASSIFICATION && family == ML_COLUMN_NUMBER &&
		 !mlops_converter_is_integer(&side->target_conv)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target column \"%s\" does not match the model", target),
				 errdetail("The model was trained on type %s, the column's type is %s.",
						   mlops_family_name(sig->target_type),
						   format_type_be(TupleDescAttr(desc, column)->atttypid))));
	if (sig->task == ML_TASK_CLASSIFICATION)
	{
		side->classes = mlops_dictionary_make(CurrentMemoryContext);
		for (int i = 0; i < sig->nclasses; i++)
			mlops_dictionary_code(side->classes, sig->classes[i],
								  mlops_dictionary_hash(sig->classes[i]));
	}
}

/* One signature's binding, and room for its block; in CurrentMemoryContext. */
static void
begin_side(BlockFetch *bf, int i, const MlSignature *sig, TupleDesc desc, const char *target)
{
	BlockSide  *side = &bf->side[i];
	MlBlock    *block = &bf->block[i];

	side->sig = sig;
	side->binding = mlops_binding_make(sig, desc);
	block->width = sig->width;
	block->x = palloc_extended(sizeof(double) * MLOPS_BLOCK_ROWS * (Size) Max(sig->width, 1),
							   MCXT_ALLOC_HUGE);
	if (bf->target >= 0)
	{
		bind_target(side, desc, bf->target, target);
		block->y = palloc(sizeof(double) * MLOPS_BLOCK_ROWS);
	}
	if (bf->weight >= 0)
		block->w = palloc(sizeof(double) * MLOPS_BLOCK_ROWS);
}

int64
mlops_fetch_paired(MlSource *source, int nsigs, const MlSignature *const *sigs,
				   const char *target, const char *weight,
				   MlConsume consume, void *arg, int64 *nskipped)
{
	MlSource   *narrow = narrow_to_signatures(source, nsigs, sigs, target, weight);
	MemoryContext context;
	MemoryContext old;
	BlockFetch	bf;

	context = AllocSetContextCreate(CurrentMemoryContext, "mlops fetch",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	memset(&bf, 0, sizeof(bf));
	bf.nsides = nsigs;
	bf.side = palloc0(sizeof(BlockSide) * nsigs);
	bf.block = palloc0(sizeof(MlBlock) * nsigs);
	bf.caller_context = old;
	bf.target = target ? mlops_column_require(narrow->desc, target) : -1;
	bf.weight = weight ? mlops_column_require(narrow->desc, weight) : -1;
	bf.consume = consume;
	bf.arg = arg;
	bf.row_context = AllocSetContextCreate(context, "mlops fetch rows",
										   ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < nsigs; i++)
		begin_side(&bf, i, sigs[i], narrow->desc, target);
	if (weight != NULL)
	{
		mlops_converter_init(&bf.weight_conv,
							 TupleDescAttr(narrow->desc, bf.weight)->atttypid, weight);
		mlops_require_number(&bf.weight_conv, "weight");
	}
	MemoryContextSwitchTo(old);

	mlops_fetch_rows(narrow, block_receive, &bf);
	flush_block(&bf);
	*nskipped = bf.nskipped;
	MemoryContextDelete(context);
	return bf.nseen;
}

int64
mlops_fetch_blocks(MlSource *source, const MlSignature *sig,
				   const char *target, const char *weight,
				   MlConsume consume, void *arg, int64 *nskipped)
{
	return mlops_fetch_paired(source, 1, &sig, target, weight, consume, arg, nskipped);
}
