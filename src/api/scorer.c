/*-------------------------------------------------------------------------
 *
 * scorer.c
 *	  Scoring one row at a time without looking anything up twice.
 *
 * A scorer is what one call site needs for one model: room for a row and the
 * binding of the last row type.  It lives beside the unpacked model in the
 * backend's cache and is used by one call site at a time; when the call site
 * goes, the scorer stays with the model, idle, for the next statement.  What it
 * remembers is true of the model's bytes and a version of a row type, never of
 * a name.
 *
 * A call site keeps a few entries in its FmgrInfo, most recent first: one per
 * model it has met, each with a scorer and a pin on the model.  A query over
 * one model finds it at the head; a join over many models finds each by name or
 * by TOAST pointer (relation and value id name one immutable value for as long
 * as the query's snapshot can see it).
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

#include <math.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "mlops/catalog.h"
#include "mlops/dataset.h"
#include "mlops/jsonb_out.h"
#include "mlops/reference.h"
#include "scorer.h"

#define MAX_ENTRIES 64			/* models one call site keeps at hand */
#define MAX_IDLE 4				/* scorers that wait with one model */

struct MlScorer
{
	MemoryContext context;		/* child of the model's; holds everything below */
	MlScorer   *next;			/* while idle */
	const MlModel *model;

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

	/* keeping rows as they were given, before anything is filled in */
	const MlSignature *bind_sig;	/* of the model; to keep rows, what leaves missing values alone */
	MlSignature *raw_sig;		/* the latter, once it is needed */
	double	   *raw;			/* the last row's slots */

	MlEnvelope *envelope;		/* once it is asked for */
};

/* One model of one call site. */
typedef struct Entry
{
	struct Entry *next;
	MlScorer   *scorer;
	MlSnapshotMark *mark;

	/* how it was asked for: by name, by TOAST pointer, or by content hash */
	char	   *ref;
	int			ref_len;
	Oid			role;
	int64		model_id;
	int			version;
	Oid			toast_relid;
	Oid			toast_valueid;
} Entry;

typedef struct EntryList
{
	MemoryContext context;		/* the call site's; pins the models */
	Entry	   *head;
	int			n;
	bool		has_callback;
	MemoryContextCallback callback;
} EntryList;

/* A scorer of this model that nobody uses, or a new one. */
static MlScorer *
take_scorer(const MlModel *model)
{
	const MlSignature *sig = model->sig;
	MemoryContext context;
	MlScorer   *s = *model->idle;

	if (s)
	{
		*model->idle = s->next;
		return s;
	}
	context = AllocSetContextCreate(model->context, "mlops scorer",
									ALLOCSET_SMALL_SIZES);
	s = MemoryContextAllocZero(context, sizeof(MlScorer));
	s->context = context;
	s->model = model;
	s->bind_sig = sig;
	s->block.nrows = 1;
	s->block.width = sig->width;
	s->block.x = MemoryContextAllocZero(context, sizeof(double) * Max(sig->width, 1));
	s->out = MemoryContextAllocZero(context, sizeof(double) * Max(sig->nclasses, 1));
	s->bind_context = AllocSetContextCreate(context, "mlops binding",
											ALLOCSET_SMALL_SIZES);
	s->row_context = AllocSetContextCreate(context, "mlops scorer row",
										   ALLOCSET_SMALL_SIZES);
	return s;
}

/* Leave a scorer with its model, which is still pinned. */
static void
return_scorer(MlScorer *s)
{
	int			n = 0;

	for (MlScorer *other = *s->model->idle; other; other = other->next)
		n++;
	if (n >= MAX_IDLE)
	{
		MemoryContextDelete(s->context);
		return;
	}
	MemoryContextReset(s->row_context);
	if (s->bind_sig != s->model->sig)
	{
		s->bind_sig = s->model->sig;
		s->type_id = InvalidOid;
		s->binding = NULL;
	}
	s->next = *s->model->idle;
	*s->model->idle = s;
}

/*
 * The call site's context is going.  The cache's own callback, which lets go
 * of the pins, was registered before and so runs after this one.
 */
static void
return_scorers(void *arg)
{
	EntryList  *list = arg;

	for (Entry *e = list->head; e; e = e->next)
		return_scorer(e->scorer);
}

static EntryList *
get_list(FmgrInfo *flinfo)
{
	EntryList  *list = flinfo->fn_extra;

	if (list == NULL)
	{
		list = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(EntryList));
		list->context = flinfo->fn_mcxt;
		flinfo->fn_extra = list;
	}
	return list;
}

static void
move_to_front(EntryList *list, Entry *prev, Entry *e)
{
	if (prev == NULL)
		return;
	prev->next = e->next;
	e->next = list->head;
	list->head = e;
}

/* Unlink and forget one entry; prev is NULL at the head. */
static void
drop_entry(EntryList *list, Entry *prev, Entry *e)
{
	const MlModel *model = e->scorer->model;

	if (prev)
		prev->next = e->next;
	else
		list->head = e->next;
	list->n--;
	return_scorer(e->scorer);
	mlops_model_cache_release(model, list->context);
	pfree(e->mark);
	if (e->ref)
		pfree(e->ref);
	pfree(e);
}

static void
drop_oldest(EntryList *list)
{
	Entry	   *prev = NULL;
	Entry	   *e = list->head;

	while (e->next)
	{
		prev = e;
		e = e->next;
	}
	drop_entry(list, prev, e);
}

/*
 * A new entry at the head of the list.  Unpacking a damaged model is what can
 * fail, so it comes before anything is allocated for the entry.
 */
static Entry *
add_entry(EntryList *list, Datum artifact, const uint8 *hash)
{
	const MlModel *model;
	Entry	   *e;

	if (list->n >= MAX_ENTRIES)
		drop_oldest(list);
	model = mlops_model_cache_get_hashed(artifact, hash, list->context);
	e = MemoryContextAllocZero(list->context, sizeof(Entry));
	e->mark = mlops_snapshot_mark(list->context);
	if (!list->has_callback)
	{
		list->callback.func = return_scorers;
		list->callback.arg = list;
		MemoryContextRegisterResetCallback(list->context, &list->callback);
		list->has_callback = true;
	}
	e->scorer = take_scorer(model);
	e->next = list->head;
	list->head = e;
	list->n++;
	return e;
}

static inline bool
same_name(const Entry *e, const char *ref, int len, Oid role)
{
	return e->ref && e->ref_len == len && e->role == role &&
		memcmp(e->ref, ref, len) == 0;
}

MlScorer *
mlops_scorer_by_name(FmgrInfo *flinfo, text *ref, Oid role)
{
	EntryList  *list = get_list(flinfo);
	const char *name = VARDATA_ANY(ref);
	int			len = VARSIZE_ANY_EXHDR(ref);
	Entry	   *prev = NULL;
	Entry	   *e;
	char	   *copy;
	MlModelRef	parsed;
	MlResolved	resolved;

	for (e = list->head; e; prev = e, e = e->next)
		if (same_name(e, name, len, role))
			break;
	if (e && mlops_snapshot_same(e->mark))
	{
		move_to_front(list, prev, e);
		return e->scorer;
	}
	if (e)
		drop_entry(list, prev, e);

	/* what can fail first: nothing must stay behind in the call site's context */
	mlops_model_ref_parse(text_to_cstring(ref), &parsed);
	mlops_registry_resolve(&parsed, role, ML_PRIVILEGE_PREDICT, &resolved);
	copy = MemoryContextAlloc(list->context, len + 1);
	memcpy(copy, name, len);
	e = add_entry(list, resolved.artifact, resolved.hash);
	e->ref = copy;
	e->ref_len = len;
	e->role = role;
	e->model_id = resolved.model_id;
	e->version = resolved.version;
	return e->scorer;
}

/* Does this entry hold the model of a datum that is not a known TOAST pointer? */
static bool
same_hash(const Entry *e, const uint8 *hash)
{
	return e->ref == NULL && memcmp(e->scorer->model->hash, hash, MLOPS_HASH_LEN) == 0;
}

MlScorer *
mlops_scorer_by_value(FmgrInfo *flinfo, Datum model)
{
	EntryList  *list = get_list(flinfo);
	struct varlena *raw = (struct varlena *) DatumGetPointer(model);
	Oid			relid = InvalidOid;
	Oid			valueid = InvalidOid;
	uint8		hash[MLOPS_HASH_LEN];
	Entry	   *prev = NULL;
	Entry	   *e;

	if (VARATT_IS_EXTERNAL_ONDISK(raw))
	{
		struct varatt_external pointer;

		VARATT_EXTERNAL_GET_POINTER(pointer, raw);
		relid = pointer.va_toastrelid;
		valueid = pointer.va_valueid;
	}
	else
		mlops_model_peek(model, hash);
	for (e = list->head; e; prev = e, e = e->next)
		if (OidIsValid(valueid) ?
			e->toast_valueid == valueid && e->toast_relid == relid :
			same_hash(e, hash))
			break;
	if (e && (!OidIsValid(valueid) || mlops_snapshot_same(e->mark)))
	{
		move_to_front(list, prev, e);
		return e->scorer;
	}
	if (e)
		drop_entry(list, prev, e);
	if (OidIsValid(valueid))
		mlops_model_peek(model, hash);
	e = add_entry(list, model, hash);
	e->toast_relid = relid;
	e->toast_valueid = valueid;
	return e->scorer;
}

const double *
mlops_scorer_features(const MlScorer *scorer)
{
	return scorer->block.x;
}

const MlModel *
mlops_scorer_model(const MlScorer *scorer)
{
	return scorer->model;
}

Oid
mlops_scorer_row_type(const MlScorer *scorer)
{
	return scorer->type_id;
}

int64
mlops_scorer_version(FmgrInfo *flinfo, int *version)
{
	EntryList  *list = flinfo->fn_extra;

	*version = list->head->version;
	return list->head->model_id;
}

/*
 * The model in the cache has no reference (model.h), so the artifact is
 * unpacked once more, whole; what stays of it are two numbers a track.
 */
const MlEnvelope *
mlops_scorer_envelope(FmgrInfo *flinfo)
{
	const Entry *e = ((EntryList *) flinfo->fn_extra)->head;
	MlScorer   *s = e->scorer;
	MemoryContext work;
	MemoryContext old;
	MlResolved	resolved;
	MlReference *ref;
	MlModel    *model;

	if (s->envelope)
		return s->envelope;
	work = AllocSetContextCreate(CurrentMemoryContext, "mlops envelope",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(work);
	if (!mlops_registry_version(e->model_id, e->version, &resolved))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("a version of a model is gone while a row is scored by it")));
	ref = mlops_model_reference(resolved.artifact, &model);
	MemoryContextSwitchTo(s->context);
	s->envelope = mlops_envelope_make(ref);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return s->envelope;
}

void
mlops_scorer_keep_rows(MlScorer *s)
{
	if (s->bind_sig != s->model->sig)
		return;
	if (s->raw == NULL)
		s->raw = MemoryContextAllocZero(s->context, sizeof(double) * Max(s->model->sig->width, 1));
	if (s->raw_sig == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(s->context);

		s->raw_sig = mlops_signature_raw(s->model->sig, true);
		MemoryContextSwitchTo(old);
	}
	s->bind_sig = s->raw_sig;
	s->type_id = InvalidOid;
	s->binding = NULL;
}

const double *
mlops_scorer_row(const MlScorer *s)
{
	return s->raw;
}

/*
 * Is this the row type last met, with the same columns?  A scorer outlives
 * statements, and so an ALTER TABLE; the type cache clears the identifier when
 * the columns may have changed.
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
	MemoryContextReset(s->bind_context);
	old = MemoryContextSwitchTo(s->bind_context);
	s->desc = CreateTupleDescCopyConstr(desc);
	s->values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	s->nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	s->binding = mlops_binding_make(s->bind_sig, s->desc);
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
	if (s->bind_sig != s->model->sig)
	{
		memcpy(s->raw, s->block.x, sizeof(double) * s->model->sig->width);
		if (!mlops_signature_fill(s->model->sig, s->block.x))
			return NULL;
	}
	s->model->algo->predict(s->model->sig, s->model->body, &s->block, s->out);
	return s->out;
}

/* The row's columns are in values and nulls. */
static inline const double *
score_values(MlScorer *s)
{
	MemoryContext old = MemoryContextSwitchTo(s->row_context);
	bool		complete;

	complete = mlops_binding_row(s->binding, s->values, s->nulls, s->block.x);
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->row_context);
	return run(s, complete);
}

static const double *
score_tuple(MlScorer *s, HeapTuple tuple)
{
	heap_deform_tuple(tuple, s->desc, s->values, s->nulls);
	return score_values(s);
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

const double *
mlops_scorer_tuple(MlScorer *s, HeapTuple tuple, TupleDesc desc)
{
	if (unlikely(!same_row_type(s, desc->tdtypeid, desc->tdtypmod)))
		bind_desc(s, desc, desc->tdtypeid, desc->tdtypmod);
	return score_tuple(s, tuple);
}

void
mlops_scorer_load(MlScorer *s, HeapTuple tuple, TupleDesc desc,
				  const Datum **values, const bool **nulls)
{
	if (unlikely(!same_row_type(s, desc->tdtypeid, desc->tdtypmod)))
		bind_desc(s, desc, desc->tdtypeid, desc->tdtypmod);
	heap_deform_tuple(tuple, s->desc, s->values, s->nulls);
	*values = s->values;
	*nulls = s->nulls;
}

const double *
mlops_scorer_loaded(MlScorer *s)
{
	return score_values(s);
}

const double *
mlops_scorer_jsonb(MlScorer *s, Jsonb *features)
{
	MemoryContext old = MemoryContextSwitchTo(s->row_context);
	bool		complete = mlops_binding_jsonb(s->bind_sig, features, s->block.x);

	MemoryContextSwitchTo(old);
	MemoryContextReset(s->row_context);
	return run(s, complete);
}

const double *
mlops_scorer_array(MlScorer *s, ArrayType *x)
{
	return run(s, mlops_binding_array(s->bind_sig, x, s->block.x));
}

int
mlops_scorer_class(const MlScorer *s, const double *out)
{
	return mlops_likeliest_class(s->model->sig->nclasses, out);
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
