/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  The backend's cache of unpacked models.
 *
 * Keyed by content hash, so an entry is never stale: another version is
 * another key.  An entry is pinned by the memory contexts that use it (an
 * expression's, a query's) and cannot go while it is; what nobody pins waits in
 * least-recently-used order and goes when the cache is above
 * mlops.model_cache_size.
 *
 *		entry  1 --- n  pin  n --- 1  owner (a memory context)
 *
 * An owner is known by one reset callback, registered with its first pin.
 * Entries and pins live in contexts of the cache, owners in the context they
 * stand for.
 *
 * IDENTIFICATION
 *	  src/model/cache.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "mlops/base.h"
#include "mlops/model.h"

typedef struct CacheEntry
{
	uint8		hash[MLOPS_HASH_LEN];	/* key, must be first */
	MlModel    *model;
	Size		bytes;			/* what the model's context has taken */
	dlist_head	pins;
	dlist_node	lru;			/* in unpinned while pins is empty */
} CacheEntry;

typedef struct CacheOwner
{
	MemoryContext context;
	MemoryContextCallback callback;
	dlist_head	pins;
	dlist_node	node;			/* in owners */
} CacheOwner;

typedef struct CachePin
{
	CacheEntry *entry;
	CacheOwner *owner;
	int			count;
	dlist_node	of_entry;
	dlist_node	of_owner;
} CachePin;

static MemoryContext cache_context = NULL;
static HTAB *cache_table = NULL;
static dlist_head owners = DLIST_STATIC_INIT(owners);
static dlist_head unpinned = DLIST_STATIC_INIT(unpinned);	/* most recent first */
static MlCacheStats stats;

static void
init_cache(void)
{
	HASHCTL		ctl;

	if (cache_table != NULL)
		return;
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext,
											  "mlops model cache",
											  ALLOCSET_SMALL_SIZES);
	ctl.keysize = MLOPS_HASH_LEN;
	ctl.entrysize = sizeof(CacheEntry);
	ctl.hcxt = cache_context;
	cache_table = hash_create("mlops model cache", 64, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Let go of what nobody uses, oldest first, until the cache is within its bound. */
static void
evict_entries(void)
{
	while (stats.bytes > (Size) mlops_guc_model_cache_size * 1024 &&
		   !dlist_is_empty(&unpinned))
	{
		CacheEntry *e = dlist_container(CacheEntry, lru,
										dlist_tail_node(&unpinned));

		dlist_delete(&e->lru);
		stats.bytes -= e->bytes;
		stats.entries--;
		MemoryContextDelete(e->model->context);
		hash_search(cache_table, e->hash, HASH_REMOVE, NULL);
	}
}

static void
drop_pin(CachePin *pin)
{
	CacheEntry *e = pin->entry;

	dlist_delete(&pin->of_entry);
	dlist_delete(&pin->of_owner);
	pfree(pin);
	if (dlist_is_empty(&e->pins))
	{
		/* it may have grown by what waits with it */
		Size		bytes = MemoryContextMemAllocated(e->model->context, true);

		stats.bytes += bytes - e->bytes;
		e->bytes = bytes;
		stats.pinned--;
		dlist_push_head(&unpinned, &e->lru);
	}
}

/* The owner's context is being reset or deleted; its memory is still there. */
static void
forget_owner(void *arg)
{
	CacheOwner *owner = arg;

	while (!dlist_is_empty(&owner->pins))
		drop_pin(dlist_head_element(CachePin, of_owner, &owner->pins));
	dlist_delete(&owner->node);
	evict_entries();
}

static CacheOwner *
find_owner(MemoryContext context)
{
	CacheOwner *owner;
	dlist_iter	iter;

	dlist_foreach(iter, &owners)
	{
		owner = dlist_container(CacheOwner, node, iter.cur);
		if (owner->context == context)
		{
			dlist_move_head(&owners, &owner->node);
			return owner;
		}
	}
	owner = MemoryContextAllocZero(context, sizeof(CacheOwner));
	owner->context = context;
	dlist_init(&owner->pins);
	owner->callback.func = forget_owner;
	owner->callback.arg = owner;
	dlist_push_head(&owners, &owner->node);
	MemoryContextRegisterResetCallback(context, &owner->callback);
	return owner;
}

static CachePin *
find_pin(CacheEntry *e, const CacheOwner *owner)
{
	dlist_iter	iter;

	dlist_foreach(iter, &e->pins)
	{
		CachePin   *pin = dlist_container(CachePin, of_entry, iter.cur);

		if (pin->owner == owner)
			return pin;
	}
	return NULL;
}

static void
pin_entry(CacheEntry *e, MemoryContext context)
{
	CacheOwner *owner = find_owner(context);
	CachePin   *pin = find_pin(e, owner);

	if (pin != NULL)
	{
		pin->count++;
		return;
	}
	pin = MemoryContextAlloc(cache_context, sizeof(CachePin));
	pin->entry = e;
	pin->owner = owner;
	pin->count = 1;
	if (dlist_is_empty(&e->pins))
	{
		stats.pinned++;
		dlist_delete(&e->lru);
	}
	dlist_push_head(&e->pins, &pin->of_entry);
	dlist_push_head(&owner->pins, &pin->of_owner);
}

const MlModel *
mlops_model_cache_get_hashed(Datum datum, const uint8 *hash, MemoryContext owner)
{
	CacheEntry *e;
	MlModel    *model;
	struct MlScorer **idle;

	init_cache();
	e = hash_search(cache_table, hash, HASH_FIND, NULL);
	if (e != NULL)
		stats.hits++;
	else
	{
		/* nothing of the cache is touched before all that can fail is done */
		model = mlops_model_unpack((struct varlena *) DatumGetPointer(datum),
								   CurrentMemoryContext);
		idle = MemoryContextAllocZero(model->context, sizeof(*idle));
		e = hash_search(cache_table, hash, HASH_ENTER, NULL);
		e->model = model;
		model->idle = idle;
		e->bytes = MemoryContextMemAllocated(model->context, true);
		dlist_init(&e->pins);
		dlist_push_head(&unpinned, &e->lru);
		MemoryContextSetParent(model->context, cache_context);
		stats.misses++;
		stats.entries++;
		stats.bytes += e->bytes;
	}
	pin_entry(e, owner);
	evict_entries();
	return e->model;
}

const MlModel *
mlops_model_cache_get(Datum datum, MemoryContext owner)
{
	uint8		hash[MLOPS_HASH_LEN];

	mlops_model_peek(datum, hash);
	return mlops_model_cache_get_hashed(datum, hash, owner);
}

void
mlops_model_cache_release(const MlModel *model, MemoryContext owner)
{
	CacheEntry *e = hash_search(cache_table, model->hash, HASH_FIND, NULL);
	CachePin   *pin;

	Assert(e != NULL && e->model == model);
	pin = find_pin(e, find_owner(owner));
	Assert(pin != NULL);
	if (pin != NULL && --pin->count == 0)
	{
		drop_pin(pin);
		evict_entries();
	}
}

void
mlops_model_cache_stats(MlCacheStats *out)
{
	*out = stats;
}
