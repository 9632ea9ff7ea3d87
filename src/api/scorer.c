/*-------------------------------------------------------------------------
 *
 * scorer.c
 *	  Scoring one row at a time without looking anything up twice.
 *
 * A call site keeps a few entries in its FmgrInfo, most recent first: one per
 * model it has met, each in a memory context of its own that pins the unpacked
 * model and holds the binding of the last row type.  A query over one model
 * finds it at the head; a join over many models finds each by name or by
 * TOAST pointer (relation and value id name one immutable value for as long as
 * the query's snapshot can see it).
 *
 * An FmgrInfo can live longer than a statement (PL/pgSQL keeps simple
 * expressions for a transaction), so every entry remembers the snapshot it was
 * made under and is made anew under another.
 *
 * IDENTIFICATION
 *	  src/api/scorer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "mlops/catalog.h"
#include "mlops/dataset.h"
#include "mlops/jsonb_out.h"
#include "scorer.h"

#define MAX_ENTRIES 64			/* models one call site keeps at hand */

struct MlScorer
{
	MemoryContext context;		/* holds everything below; pins the model */
	MlScorer   *next;
	MlSnapshotMark *mark;
	const MlModel *model;

	/* how it was asked for: by name, by TOAST pointer, or by content hash */
	char	   *ref;
	int			ref_len;
	Oid			role;
	Oid			toast_relid;
	Oid			toast_valueid;

	/* the last row type met */
	Oid			type_id;
	int32		type_mod;
	TypeCacheEntry *type;		/* of a named row type, else NULL */
	uint64		desc_id;		/* its version of the columns when bound */
	TupleDesc	desc;
	MlBinding  *binding;
	Datum	   *values;
	bool	   *nulls;
	MemoryContext bind_context;

	MlBlock		block;			/* one row */
	double	   *out;
	MemoryContext row_context;	/* detoasted values of one row */
};

typedef struct ScorerList
{
	MemoryContext context;
	MlScorer   *head;
	int			n;
} ScorerList;

static ScorerList *
get_list(FmgrInfo *flinfo)
{
	ScorerList *list = flinfo->fn_extra;

	if (list == NULL)
	{
		list = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(ScorerList));
		list->context = flinfo->fn_mcxt;
		flinfo->fn_extra = list;
	}
	return list;
}

static void
move_to_front(ScorerList *list, MlScorer *prev, MlScorer *s)
{
	if (prev == NULL)
		return;
	prev->next = s->next;
	s->next = list->head;
	list->head = s;
}

/* Unlink and forget one entry; prev is NULL at the head. */
static void
drop_entry(ScorerList *list, MlScorer *prev, MlScorer *s)
{
	if (prev)
		prev->next = s->next;
	else
		list->head = s->next;
	list->n--;
	MemoryContextDelete(s->context);
}

static void
drop_oldest(ScorerList *list)
{
	MlScorer   *prev = NULL;
	MlScorer   *s = list->head;

	while (s->next)
	{
		prev = s;
		s = s->next;
	}
	drop_entry(list, prev, s);
}

/*
 * A new entry, not yet in the list, in the caller's short-lived context: if
 * unpacking fails, it goes with that and the list never knew it.
 */
static MlScorer *
new_entry(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "mlops scorer",
												  ALLOCSET_SMALL_SIZES);
	MlScorer   *s = MemoryContextAllocZero(context, sizeof(MlScorer));

	s->context = context;
	return s;
}

static void
finish_entry(ScorerList *list, MlScorer *s, Datum artifact)
{
	const MlSignature *sig;

	s->model = mlops_model_cache_get(artifact, s->context);
	s->mark = mlops_snapshot_mark(s->context);
	sig = s->model->sig;
	s->block.nrows = 1;
	s->block.width = sig->width;
	s->block.x = MemoryContextAllocZero(s->context, sizeof(double) * Max(sig->width, 1));
	s->out = MemoryContextAllocZero(s->context, sizeof(double) * Max(sig->nclasses, 1));
	s->row_context = AllocSetContextCreate(s->context, "mlops scorer row",
										   ALLOCSET_SMALL_SIZES);
	MemoryContextSetParent(s->context, list->context);
	if (list->n >= MAX_ENTRIES)
		drop_oldest(list);
	s->next = list->head;
	list->head = s;
	list->n++;
}

static inline bool
same_name(const MlScorer *s, const char *ref, int len, Oid role)
{
	return s->ref && s->ref_len == len && s->role == role &&
		memcmp(s->ref, ref, len) == 0;
}

MlScorer *
mlops_scorer_by_name(FmgrInfo *flinfo, text *ref, Oid role)
{
	ScorerList *list = get_list(flinfo);
	const char *name = VARDATA_ANY(ref);
	int			len = VARSIZE_ANY_EXHDR(ref);
	MlScorer   *prev = NULL;
	MlScorer   *s;
	MlModelRef	parsed;
	MlResolved	resolved;

	for (s = list->head; s; prev = s, s = s->next)
		if (same_name(s, name, len, role))
			break;
	if (s && mlops_snapshot_same(s->mark))
	{
		move_to_front(list, prev, s);
		return s;
	}
	if (s)
		drop_entry(list, prev, s);

	mlops_model_ref_parse(text_to_cstring(ref), &parsed);
	mlops_registry_resolve(&parsed, role, &resolved);
	s = new_entry();
	s->ref = MemoryContextAlloc(s->context, len + 1);
	memcpy(s->ref, name, len);
	s->ref_len = len;
	s->role = role;
	finish_entry(list, s, resolved.artifact);
	return s;
}

/* Does this entry hold the model of a datum that is not a known TOAST pointer? */
static bool
same_hash(const MlScorer *s, const uint8 *hash)
{
	return s->ref == NULL && memcmp(s->model->hash, hash, MLOPS_HASH_LEN) == 0;
}

MlScorer *
mlops_scorer_by_value(FmgrInfo *flinfo, Datum model)
{
	ScorerList *list = get_list(flinfo);
	struct varlena *raw = (struct varlena *) DatumGetPointer(model);
	Oid			relid = InvalidOid;
	Oid			valueid = InvalidOid;
	uint8		hash[MLOPS_HASH_LEN];
	MlScorer   *prev = NULL;
	MlScorer   *s;

	if (VARATT_IS_EXTERNAL_ONDISK(raw))
	{
		struct varatt_external pointer;

		VARATT_EXTERNAL_GET_POINTER(pointer, raw);
		relid = pointer.va_toastrelid;
		valueid = pointer.va_valueid;
	}
	else
		mlops_model_peek(model, hash);
	for (s = list->head; s; prev = s, s = s->next)
		if (OidIsValid(valueid) ?
			s->toast_valueid == valueid && s->toast_relid == relid :
			same_hash(s, hash))
			break;
	if (s && (!OidIsValid(valueid) || mlops_snapshot_same(s->mark)))
	{
		move_to_front(list, prev, s);
		return s;
	}
	if (s)
		drop_entry(list, prev, s);
	s = new_entry();
	s->toast_relid = relid;
	s->toast_valueid = valueid;
	finish_entry(list, s, model);
	return s;
}

const MlModel *
mlops_scorer_model(const MlScorer *scorer)
{
	return scorer->model;
}

/*
 * Is this the row type last met, with the same columns?  An FmgrInfo can
 * outlive an ALTER TABLE; the type cache clears the identifier when the columns
 * may have changed.
 */
static inline bool
same_row_type(const MlScorer *s, Oid type_id, int32 type_mod)
{
	return s->type_id == type_id && s->type_mod == type_mod &&
		(s->type == NULL || s->type->tupDesc_identifier == s->desc_id);
}

/* Bind a row type that is not the last one met. */
static void
bind_desc(MlScorer *s, TupleDesc desc, Oid type_id, int32 type_mod)
{
	MemoryContext old;

	s->binding = NULL;			/* in case the new one is refused */
	s->type_id = InvalidOid;
	s->type = NULL;
	if (type_id != RECORDOID)
	{
		s->type = lookup_type_cache(type_id, TYPECACHE_TUPDESC);
		s->desc_id = s->type->tupDesc_identifier;
	}
	if (s->bind_context)
		MemoryContextReset(s->bind_context);
	else
		s->bind_context = AllocSetContextCreate(s->context, "mlops binding",
												ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(s->bind_context);
	s->desc = CreateTupleDescCopyConstr(desc);
	s->values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	s->nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	s->binding = mlops_binding_make(s->model->sig, s->desc);
	MemoryContextSwitchTo(old);
	s->type_id = type_id;
	s->type_mod = type_mod;
}

/* Bound values are in block.x (or the row is skipped): the numbers. */
static inline const double *
run(MlScorer *s, bool complete)
{
	if (!complete)
		return NULL;
	s->model->algo->predict(s->model->sig, s->model->body, &s->block, s->out);
	return s->out;
}

static const double *
score_tuple(MlScorer *s, HeapTuple tuple)
{
	MemoryContext old = MemoryContextSwitchTo(s->row_context);
	bool		complete;

	heap_deform_tuple(tuple, s->desc, s->values, s->nulls);
	complete = mlops_binding_row(s->binding, s->values, s->nulls, s->block.x);
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->row_context);
	return run(s, complete);
}

const double *
mlops_scorer_record(MlScorer *s, HeapTupleHeader row)
{
	Oid			type_id = HeapTupleHeaderGetTypeId(row);
	int32		type_mod = HeapTupleHeaderGetTypMod(row);
	HeapTupleData tuple;

	if (unlikely(!same_row_type(s, type_id, type_mod)))
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(type_id, type_mod);

		bind_desc(s, desc, type_id, type_mod);
		ReleaseTupleDesc(desc);
	}
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	return score_tuple(s, &tuple);
}

bool
mlops_scorer_is_bound(const MlScorer *s, TupleDesc desc)
{
	return s->binding != NULL && same_row_type(s, desc->tdtypeid, desc->tdtypmod);
}

const double *
mlops_scorer_tuple(MlScorer *s, HeapTuple tuple, TupleDesc desc)
{
	if (unlikely(!mlops_scorer_is_bound(s, desc)))
		bind_desc(s, desc, desc->tdtypeid, desc->tdtypmod);
	return score_tuple(s, tuple);
}

const double *
mlops_scorer_jsonb(MlScorer *s, Jsonb *features)
{
	MemoryContext old = MemoryContextSwitchTo(s->row_context);
	bool		complete = mlops_binding_jsonb(s->model->sig, features, s->block.x);

	MemoryContextSwitchTo(old);
	MemoryContextReset(s->row_context);
	return run(s, complete);
}

const double *
mlops_scorer_array(MlScorer *s, ArrayType *x)
{
	return run(s, mlops_binding_array(s->model->sig, x, s->block.x));
}

int
mlops_scorer_class(const MlScorer *s, const double *out)
{
	int			best = 0;

	if (s->model->sig->nclasses == 2)
		return out[0] > 0.5 ? 1 : 0;
	for (int c = 1; c < s->model->sig->nclasses; c++)
		if (out[c] > out[best])
			best = c;
	return best;
}

double
mlops_scorer_value(const MlScorer *s, const double *out)
{
	if (s->model->sig->nclasses > 2)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a model of %d classes has no single probability",
						s->model->sig->nclasses),
				 errhint("Use mlops.classify() for the likeliest class or mlops.proba() for all probabilities.")));
	return out[0];
}

static void
require_classes(const MlScorer *s)
{
	if (s->model->sig->task != ML_TASK_CLASSIFICATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a regression model has no classes"),
				 errhint("Use mlops.predict() for its estimate.")));
}

const MlString *
mlops_scorer_label(const MlScorer *s, const double *out)
{
	require_classes(s);
	return &s->model->sig->classes[mlops_scorer_class(s, out)];
}

Jsonb *
mlops_scorer_proba(const MlScorer *s, const double *out)
{
	const MlSignature *sig = s->model->sig;
	JsonbParseState *state = NULL;

	require_classes(s);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int c = 0; c < sig->nclasses; c++)
	{
		double		p = sig->nclasses > 2 ? out[c] : c == 1 ? out[0] : 1 - out[0];

		mlops_jsonb_add_number(&state,
							   pnstrdup(sig->classes[c].data, sig->classes[c].len), p);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
