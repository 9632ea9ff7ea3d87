/*-------------------------------------------------------------------------
 *
 * score_api.c
 *	  SQL: score, which answers and logs.
 *
 * A model's plain name is divided by its route (catalog/route_read.c), and the
 * aliases in shadow are scored too and only logged.  Where nothing can be
 * written, it answers all the same.
 *
 * A call site keeps in its FmgrInfo what one row after the other needs: the
 * scorers (scorer.c), the route as long as the snapshot it was read under is
 * the one in use, and which columns of a version are personal data.
 *
 * IDENTIFICATION
 *	  src/api/score_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/catalog.h"
#include "mlops/log.h"

#include "model_arg.h"
#include "scorer.h"

PG_FUNCTION_INFO_V1(mlops_score_record);
PG_FUNCTION_INFO_V1(mlops_score_jsonb);
PG_FUNCTION_INFO_V1(mlops_score_array);

typedef enum RowKind
{
	ROW_RECORD, ROW_JSONB, ROW_ARRAY
} RowKind;

/* Which features of a version are not logged.  A version never changes. */
typedef struct Withheld
{
	struct Withheld *next;
	int64		model_id;
	int			version;
	bool	   *features;		/* NULL: none */
} Withheld;

typedef struct ScoreSite
{
	MemoryContext context;		/* the call site's */
	FmgrInfo	scoring;		/* stands for the call site of the scorers */
	TupleDesc	result;
	Withheld   *withheld;

	/* the route of the model met last */
	MemoryContext route_context;	/* holds the three below; NULL: none */
	MlSnapshotMark *mark;
	char	   *model;
	MlRoute    *route;
} ScoreSite;

/* One model asked for one row. */
typedef struct Answer
{
	MlScorer   *scorer;
	const double *out;			/* NULL: the model skips the row */
	int64		model_id;
	int			version;
	const char *variant;
	const MlString *label;		/* NULL for a regression */
	double		value;
	int64		latency_us;
} Answer;

static ScoreSite *
get_site(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	ScoreSite  *site = flinfo->fn_extra;
	TupleDesc	desc;
	MemoryContext old;

	if (site)
		return site;
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site = palloc0(sizeof(ScoreSite));
	site->context = flinfo->fn_mcxt;
	site->scoring.fn_mcxt = flinfo->fn_mcxt;
	site->result = BlessTupleDesc(CreateTupleDescCopy(desc));
	MemoryContextSwitchTo(old);
	flinfo->fn_extra = site;
	return site;
}

/* The route of a model, read with the current user's rights. */
static const MlRoute *
get_route(ScoreSite *site, const char *model)
{
	MemoryContext context;
	MemoryContext old;
	int64		model_id;

	if (site->route_context && strcmp(site->model, model) == 0 &&
		mlops_snapshot_same(site->mark))
		return site->route;
	if (site->route_context)
		MemoryContextDelete(site->route_context);
	site->route_context = NULL;
	model_id = mlops_registry_require(model, GetUserId(), ML_PRIVILEGE_PREDICT);
	context = AllocSetContextCreate(site->context, "mlops route", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	site->route = mlops_route_load(model_id);
	site->mark = mlops_snapshot_mark(context);
	site->model = pstrdup(model);
	MemoryContextSwitchTo(old);
	site->route_context = context;
	return site->route;
}

/* The alias for a key; without one a row goes to the champion. */
static const char *
variant_for(const MlRoute *route, text *key)
{
	char	   *bytes;
	char	   *utf8;
	int			len;

	if (key == NULL || route->narms == 0)
		return MLOPS_CHAMPION;
	bytes = VARDATA_ANY(key);
	len = VARSIZE_ANY_EXHDR(key);
	utf8 = pg_server_to_any(bytes, len, PG_UTF8);
	if (utf8 != bytes)
		len = strlen(utf8);
	return mlops_route_variant(route, utf8, len);
}

static const double *
score_row(FunctionCallInfo fcinfo, MlScorer *s, RowKind kind)
{
	switch (kind)
	{
		case ROW_RECORD:
			return mlops_scorer_record(s, PG_GETARG_HEAPTUPLEHEADER(1));
		case ROW_JSONB:
			return mlops_scorer_jsonb(s, PG_GETARG_JSONB_P(1));
		case ROW_ARRAY:
			return mlops_scorer_array(s, PG_GETARG_ARRAYTYPE_P(1));
	}
	pg_unreachable();
}

/*
 * The estimate; with two classes the probability of the positive one, with more
 * that of the likeliest.
 */
static void
read_answer(Answer *a)
{
	const MlSignature *sig = mlops_scorer_model(a->scorer)->sig;

	a->label = NULL;
	if (a->out == NULL)
		return;
	a->value = a->out[0];
	if (sig->task != ML_TASK_CLASSIFICATION)
		return;
	a->label = mlops_scorer_label(a->scorer, a->out);
	if (sig->nclasses > 2)
		a->value = a->out[mlops_scorer_class(a->scorer, a->out)];
}

/* Ask the model that "ref" names. */
static void
ask(FunctionCallInfo fcinfo, ScoreSite *site, RowKind kind, text *ref, bool keep, Answer *a)
{
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	a->scorer = mlops_scorer_by_name(&site->scoring, ref, GetUserId());
	a->model_id = mlops_scorer_version(&site->scoring, &a->version);
	if (keep)
		mlops_scorer_keep_rows(a->scorer);
	a->out = score_row(fcinfo, a->scorer, kind);
	read_answer(a);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	a->latency_us = (int64) INSTR_TIME_GET_MICROSEC(end);
}

/* The features that stand in a version's record as used in spite of their labels; NULL: none. */
static bool *
read_withheld(MemoryContext context, int64 model_id, int version, const MlSignature *sig)
{
	Jsonb	   *facts = mlops_registry_facts(model_id, version);
	bool	   *withheld = NULL;
	JsonbValue	buffer;
	JsonbValue *list;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	list = facts ? getKeyJsonValueFromContainer(&facts->root, "labelled", strlen("labelled"), &buffer) : NULL;
	if (list == NULL || list->type != jbvBinary)
		return NULL;
	it = JsonbIteratorInit(list->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token != WJB_KEY || v.val.string.len != strlen("column") ||
			memcmp(v.val.string.val, "column", v.val.string.len) != 0)
			continue;
		(void) JsonbIteratorNext(&it, &v, true);
		for (int i = 0; v.type == jbvString && i < sig->nfeatures; i++)
		{
			if (v.val.string.len != (int) strlen(sig->features[i].name) ||
				memcmp(v.val.string.val, sig->features[i].name, v.val.string.len) != 0)
				continue;
			if (withheld == NULL)
				withheld = MemoryContextAllocZero(context, sizeof(bool) * sig->nfeatures);
			withheld[i] = true;
		}
	}
	return withheld;
}

static const bool *
get_withheld(ScoreSite *site, const Answer *a)
{
	Withheld   *known;

	for (known = site->withheld; known; known = known->next)
	{
		if (known->model_id == a->model_id && known->version == a->version)
			return known->features;
	}
	known = MemoryContextAllocZero(site->context, sizeof(Withheld));
	known->features = read_withheld(site->context, a->model_id, a->version,
									mlops_scorer_model(a->scorer)->sig);
	known->model_id = a->model_id;
	known->version = a->version;
	known->next = site->withheld;
	site->withheld = known;
	return known->features;
}

static int64
log_answer(ScoreSite *site, const Answer *a, text *key, bool shadow)
{
	const MlSignature *sig = mlops_scorer_model(a->scorer)->sig;
	StringInfoData features;
	MlLogRow	row = {0};
	int64		id;

	initStringInfo(&features);
	mlops_log_encode(&features, sig, mlops_scorer_row(a->scorer), get_withheld(site, a));
	row.model_id = a->model_id;
	row.version = a->version;
	row.variant = a->variant;
	if (key)
	{
		row.key = VARDATA_ANY(key);
		row.key_len = VARSIZE_ANY_EXHDR(key);
	}
	row.features = features.data;
	row.features_len = features.len;
	row.has_value = a->out != NULL;
	if (a->out)
		row.value = a->value;
	if (a->label)
	{
		row.label = a->label->data;
		row.label_len = a->label->len;
	}
	if (a->out && sig->nclasses > 2)
	{
		row.nprobabilities = sig->nclasses;
		row.probabilities = a->out;
	}
	row.latency_us = a->latency_us;
	row.shadow = shadow;
	id = mlops_log_add(&row);
	pfree(features.data);
	return id;
}

static text *
make_ref(const char *model, const char *alias)
{
	return cstring_to_text(psprintf("%s@%s", model, alias));
}

/* What an alias in shadow would have said. */
static void
log_shadows(FunctionCallInfo fcinfo, ScoreSite *site, RowKind kind, const char *model,
			const MlRoute *route, text *key)
{
	for (int i = 0; i < route->nshadow; i++)
	{
		Answer		a = {0};

		a.variant = NameStr(route->shadow[i]);
		ask(fcinfo, site, kind, make_ref(model, a.variant), true, &a);
		(void) log_answer(site, &a, key, true);
	}
}

static Datum
make_result(ScoreSite *site, const Answer *a, int64 id)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = Float8GetDatum(a->value);
	nulls[0] = a->out == NULL;
	nulls[1] = a->label == NULL;
	if (a->label)
		values[1] = PointerGetDatum(cstring_to_text_with_len(a->label->data, a->label->len));
	values[2] = Int32GetDatum(a->version);
	nulls[3] = a->variant == NULL;
	if (a->variant)
		values[3] = CStringGetTextDatum(a->variant);
	values[4] = Int64GetDatum(id);
	nulls[4] = id == 0;
	return HeapTupleGetDatum(heap_form_tuple(site->result, values, nulls));
}

/* What was asked for: *route is NULL unless it is a model's plain name. */
static text *
choose(ScoreSite *site, text *ref, text *key, MlModelRef *parsed, const MlRoute **route,
	   const char **variant)
{
	char	   *name = text_to_cstring(ref);

	*route = NULL;
	mlops_model_ref_parse(name, parsed);
	*variant = parsed->alias[0] != '\0' ? parsed->alias : NULL;
	if (strcmp(name, parsed->name) != 0)
		return ref;
	*route = get_route(site, parsed->name);
	*variant = variant_for(*route, key);
	return make_ref(parsed->name, *variant);
}

static Datum
score(FunctionCallInfo fcinfo, RowKind kind)
{
	ScoreSite  *site;
	MlModelRef	parsed;
	const MlRoute *route;
	Answer		a = {0};
	text	   *key = PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2);
	text	   *ref;
	bool		logs = mlops_log_possible();
	int64		id = 0;
	Datum		result;

	mlops_arg_require(fcinfo, 0, "model");
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	site = get_site(fcinfo);
	ref = choose(site, PG_GETARG_TEXT_PP(0), key, &parsed, &route, &a.variant);
	ask(fcinfo, site, kind, ref, logs, &a);
	if (logs)
		id = log_answer(site, &a, key, false);
	result = make_result(site, &a, id);
	if (logs && route)
		log_shadows(fcinfo, site, kind, parsed.name, route, key);
	return result;
}

Datum
mlops_score_record(PG_FUNCTION_ARGS)
{
	return score(fcinfo, ROW_RECORD);
}

Datum
mlops_score_jsonb(PG_FUNCTION_ARGS)
{
	return score(fcinfo, ROW_JSONB);
}

Datum
mlops_score_array(PG_FUNCTION_ARGS)
{
	return score(fcinfo, ROW_ARRAY);
}
