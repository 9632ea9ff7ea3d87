/*-------------------------------------------------------------------------
 *
 * card_api.c
 *	  SQL: set_card(), card_fields(), card(), card_markdown().
 *
 * A card has a written half (lifecycle/card_write.c) and a generated one: what
 * the version's row and its artifact say, as far as the reader may see it
 * (describe.h).
 *
 * IDENTIFICATION
 *	  src/api/card_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "mlops/card.h"
#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/model.h"
#include "mlops/tree.h"

#include "card_text.h"
#include "describe.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_set_card);
PG_FUNCTION_INFO_V1(mlops_card_fields_table);
PG_FUNCTION_INFO_V1(mlops_card);
PG_FUNCTION_INFO_V1(mlops_card_markdown);

#define DICTIONARY_SHOWN	20	/* categories of a feature */
#define IMPORTANCE_SHOWN	20	/* features */

static Datum
text_array(const List *strings)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, strings)
		elems[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(elems, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
mlops_set_card(PG_FUNCTION_ARGS)
{
	char	   *model = mlops_arg_model_name(fcinfo);
	MlCardChange change;
	Jsonb	   *card;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	mlops_arg_require(fcinfo, 1, "card");
	mlops_arg_require(fcinfo, 2, "merge");
	card = mlops_arg_jsonb(fcinfo, 1);
	mlops_card_check(card);
	mlops_card_set(model, card, PG_GETARG_BOOL(2), &change);
	values[0] = CStringGetTextDatum(model);
	values[1] = Int32GetDatum(change.revision);
	values[2] = text_array(change.changed);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_card_fields_table(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (const MlCardField *f = mlops_card_fields; f->name; f++)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = CStringGetTextDatum(f->name);
		values[1] = CStringGetTextDatum(mlops_card_type_name(f->type));
		values[2] = CStringGetTextDatum(f->section);
		values[3] = CStringGetTextDatum(f->doc);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---------------------------------------------------------------- card() */

typedef struct Share
{
	const char *feature;
	double		share;
} Share;

static int
compare_shares(const void *a, const void *b)
{
	const Share *x = a;
	const Share *y = b;

	if (x->share != y->share)
		return x->share > y->share ? -1 : 1;
	return strcmp(x->feature, y->feature);
}

/* Trees: which features gain most.  Others say nothing. */
static void
add_importance(JsonbParseState **out, const MlModel *model)
{
	const MlSignature *sig = model->sig;
	double	   *gain;
	Share	   *shares;

	if (model->algo->train_trees == NULL)
		return;
	gain = palloc(sizeof(double) * Max(sig->nfeatures, 1));
	shares = palloc(sizeof(Share) * Max(sig->nfeatures, 1));
	mlops_ensemble_importance(model->body, sig, ML_IMPORTANCE_GAIN, gain);
	for (int i = 0; i < sig->nfeatures; i++)
	{
		shares[i].feature = sig->features[i].name;
		shares[i].share = gain[i];
	}
	qsort(shares, sig->nfeatures, sizeof(Share), compare_shares);
	mlops_jsonb_add_key(out, "importance");
	pushJsonbValue(out, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < Min(sig->nfeatures, IMPORTANCE_SHOWN) && shares[i].share > 0; i++)
	{
		pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
		mlops_jsonb_add_string(out, "feature", shares[i].feature);
		mlops_jsonb_add_number(out, "importance", shares[i].share);
		pushJsonbValue(out, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(out, WJB_END_ARRAY, NULL);
}

/* What the artifact says. */
static Jsonb *
read_artifact(const MlModel *model, Datum artifact, const MlSight *sight)
{
	JsonbParseState *out = NULL;
	bool		redacted;

	pushJsonbValue(&out, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_key(&out, "signature");
	pushJsonbValue(&out, WJB_BEGIN_OBJECT, NULL);
	redacted = mlops_describe_signature(&out, model->sig, sight, DICTIONARY_SHOWN);
	pushJsonbValue(&out, WJB_END_OBJECT, NULL);
	if (model->facts)
		mlops_jsonb_add_jsonb(&out, "facts", model->facts);
	redacted |= mlops_describe_body(&out, "body", model, sight);
	add_importance(&out, model);
	mlops_describe_reference(&out, artifact);
	mlops_jsonb_add_string(&out, "sha256", mlops_hash_text(model->hash));
	mlops_jsonb_add_integer(&out, "bytes", (int64) model->content_len);
	mlops_jsonb_add_boolean(&out, "redacted", redacted);
	return JsonbValueToJsonb(pushJsonbValue(&out, WJB_END_OBJECT, NULL));
}

/* $1 model, $2 version, $3 what the artifact says, $4 may see names of classes, $5 and the source */
static const char card_sql[] =
"SELECT jsonb_build_object("
" 'model', m.name, 'version', v.version, 'revision', coalesce(c.revision, 0),"
" 'edited_by', c.edited_by, 'edited_at', c.edited_at,"
" 'written', coalesce(c.content, '{}'),"
" 'generated', jsonb_build_object("
"  'model', jsonb_build_object("
"   'aliases', (SELECT coalesce(jsonb_agg(a.alias ORDER BY a.alias), '[]') FROM mlops_private.alias a"
"               WHERE a.model_id = v.model_id AND a.version = v.version),"
"   'stage', coalesce((SELECT s.stage FROM mlops_private.version_stage s"
"                      WHERE s.model_id = v.model_id AND s.version = v.version), 'draft'),"
"   'owner', mlops_private.current_owner(m.owner_oid, m.owner_name, m.owner_system),"
"   'task', m.task, 'algorithm', v.algorithm, 'target', v.target,"
"   'trained_by', v.trained_by, 'trained_at', v.trained_at, 'note', v.note,"
"   'sha256', $3 -> 'sha256', 'bytes', $3 -> 'bytes', 'facts', $3 -> 'body'),"
"  'signature', $3 -> 'signature',"
"  'training', coalesce($3 -> 'facts', '{}') - 'options' - 'row_security' || jsonb_build_object("
"   'rows_used', v.rows_used, 'rows_skipped', v.rows_skipped, 'seconds', v.seconds,"
"   'validation', v.facts -> 'validation', 'seed', v.facts -> 'seed',"
"   'options', CASE WHEN $4 OR jsonb_typeof(v.options -> 'class_weight') IS DISTINCT FROM 'object'"
"                   THEN v.options ELSE v.options || '{\"class_weight\": null}' END),"
"  'metrics', v.metrics, 'training_metrics', v.facts -> 'training_metrics',"
"  'importance', $3 -> 'importance', 'reference', $3 -> 'reference',"
"  'data', jsonb_build_object("
"   'source', CASE WHEN $5 THEN v.source END, 'relations', v.facts -> 'relations',"
"   'rows_seen', v.facts -> 'rows_seen', 'row_security', v.facts -> 'row_security',"
"   'fingerprint', v.facts -> 'fingerprint', 'fingerprint_rows', v.facts -> 'fingerprint_rows',"
"   'fingerprint_columns', v.facts -> 'fingerprint_columns', 'labelled', v.facts -> 'labelled'),"
"  'environment', jsonb_build_object("
"   'server_version', v.facts -> 'server_version',"
"   'extension_version', v.facts -> 'extension_version'),"
"  'redacted', ($3 ->> 'redacted')::boolean OR NOT $5"
"   OR (NOT $4 AND jsonb_typeof(v.options -> 'class_weight') IS NOT DISTINCT FROM 'object')))"
" FROM mlops_private.model m"
" JOIN mlops_private.version v ON v.model_id = m.model_id"
" LEFT JOIN LATERAL (SELECT * FROM mlops_private.card k WHERE k.model_id = m.model_id"
"                    ORDER BY k.revision DESC LIMIT 1) c ON true"
" WHERE m.model_id = $1 AND v.version = $2";

/* Both halves of the card of a model that the caller may read. */
static Jsonb *
make_card(const MlModelRef *ref)
{
	MlResolved	resolved;
	MlSight		sight;
	MlWriter	w;
	Jsonb	   *learned;
	Jsonb	   *card;
	MemoryContext old;

	mlops_registry_resolve(ref, GetUserId(), ML_PRIVILEGE_READ, &resolved);
	mlops_sight_of(resolved.model_id, GetUserId(), &sight);
	if (sight.artifact)
		mlops_audit_revealed("card", "model", psprintf("%s:%d", ref->name, resolved.version));
	learned = read_artifact(mlops_model_cache_get(resolved.artifact, CurrentMemoryContext), resolved.artifact, &sight);
	mlops_read_begin(&w);
	mlops_write_int8(&w, resolved.model_id);
	mlops_write_int4(&w, resolved.version);
	mlops_write_jsonb(&w, learned);
	mlops_write_bool(&w, sight.classes);
	mlops_write_bool(&w, sight.source);
	if (mlops_write_run(&w, card_sql) != 1)
		elog(ERROR, "version %d of model \"%s\" has gone", resolved.version, ref->name);
	old = MemoryContextSwitchTo(w.caller);
	card = DatumGetJsonbPCopy(mlops_write_result(0, 1));
	MemoryContextSwitchTo(old);
	mlops_read_end(&w);
	return card;
}

Datum
mlops_card(PG_FUNCTION_ARGS)
{
	MlModelRef	ref;

	mlops_model_ref_parse(mlops_arg_required(fcinfo, 0, "model"), &ref);
	PG_RETURN_JSONB_P(make_card(&ref));
}

Datum
mlops_card_markdown(PG_FUNCTION_ARGS)
{
	MlModelRef	ref;
	StringInfoData buf;

	mlops_model_ref_parse(mlops_arg_required(fcinfo, 0, "model"), &ref);
	initStringInfo(&buf);
	mlops_card_to_markdown(make_card(&ref), &buf);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}
