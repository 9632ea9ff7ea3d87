/*-------------------------------------------------------------------------
 *
 * keyed.c
 *	  A source's rows bound to a finished signature, block by block, each with
 *	  the text of its key.
 *
 * IDENTIFICATION
 *	  src/data/keyed.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "data.h"

typedef struct KeyedFetch
{
	MlBinding  *binding;
	int			key;			/* column */
	FmgrInfo	key_out;
	MlBlock		block;
	char	  **keys;
	bool	   *complete;
	MlConsumeKeyed consume;
	void	   *arg;
	MemoryContext block_context;	/* keys and detoasted values of a block */
	MemoryContext caller_context;
} KeyedFetch;

static void
flush_keyed(KeyedFetch *kf)
{
	MemoryContext old = MemoryContextSwitchTo(kf->caller_context);

	if (kf->block.nrows > 0)
		kf->consume(kf->arg, &kf->block, kf->keys, kf->complete);
	MemoryContextSwitchTo(old);
	kf->block.nrows = 0;
	MemoryContextReset(kf->block_context);
	CHECK_FOR_INTERRUPTS();
}

static void
keyed_receive(void *arg, TupleTableSlot *slot)
{
	KeyedFetch *kf = arg;
	int			row = kf->block.nrows++;
	double	   *x = kf->block.x + (Size) row * kf->block.width;
	MemoryContext old = MemoryContextSwitchTo(kf->block_context);

	kf->keys[row] = slot->tts_isnull[kf->key] ? NULL :
		OutputFunctionCall(&kf->key_out, slot->tts_values[kf->key]);
	kf->complete[row] = mlops_binding_row(kf->binding, slot->tts_values, slot->tts_isnull, x);
	/* the algorithm sees it, nobody else: any valid slots will do */
	if (!kf->complete[row])
		memset(x, 0, sizeof(double) * kf->block.width);
	MemoryContextSwitchTo(old);
	if (kf->block.nrows == MLOPS_BLOCK_ROWS ||
		MemoryContextMemAllocated(kf->block_context, false) > ROW_MEMORY_MAX)
		flush_keyed(kf);
}

/* The primary key's column, if there is one of one column. */
static const char *
primary_key(const MlSource *source)
{
	const char *key = NULL;

	for (int i = 0; i < source->desc->natts; i++)
	{
		if (!source->is_key[i])
			continue;
		if (key != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("key must not be null"),
					 errdetail("The source's primary key has several columns.")));
		key = NameStr(TupleDescAttr(source->desc, i)->attname);
	}
	if (key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("key must not be null"),
				 errdetail("The source has no primary key.")));
	return key;
}

void
mlops_fetch_keyed(MlSource *source, const MlSignature *sig, const char *key,
				  MlConsumeKeyed consume, void *arg)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops fetch",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	KeyedFetch	kf;
	Oid			out;
	bool		is_varlena;

	if (key == NULL)
		key = primary_key(source);
	if (OidIsValid(source->relid))
	{
		bool	   *wanted = palloc0(sizeof(bool) * Max(source->desc->natts, 1));

		for (int i = 0; i < sig->nfeatures; i++)
			wanted[mlops_column_require(source->desc, sig->features[i].name)] = true;
		wanted[mlops_column_require(source->desc, key)] = true;
		source = mlops_source_narrow(source, wanted);
	}
	memset(&kf, 0, sizeof(kf));
	kf.caller_context = old;
	kf.binding = mlops_binding_make(sig, source->desc);
	kf.key = mlops_column_require(source->desc, key);
	getTypeOutputInfo(TupleDescAttr(source->desc, kf.key)->atttypid, &out, &is_varlena);
	fmgr_info(out, &kf.key_out);
	kf.consume = consume;
	kf.arg = arg;
	kf.block_context = AllocSetContextCreate(context, "mlops fetch rows",
											 ALLOCSET_DEFAULT_SIZES);
	kf.block.width = sig->width;
	kf.block.x = MemoryContextAllocHuge(context,
										sizeof(double) * MLOPS_BLOCK_ROWS * Max(sig->width, 1));
	kf.keys = palloc(sizeof(char *) * MLOPS_BLOCK_ROWS);
	kf.complete = palloc(sizeof(bool) * MLOPS_BLOCK_ROWS);
	MemoryContextSwitchTo(old);

	mlops_fetch_rows(source, keyed_receive, &kf);
	flush_keyed(&kf);
	MemoryContextDelete(context);
}
