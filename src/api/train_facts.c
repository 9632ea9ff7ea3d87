/*-------------------------------------------------------------------------
 *
 * train_facts.c
 *	  What a version's row remembers of its data and its making.
 *
 * The artifact has no place for it (P7): relations, server and library version
 * differ between trainings that give the same model.  Whoever has another fact
 * adds a function here.
 *
 *	key					what it says
 *	-------------------	---------------------------------------------------
 *	row_security		a policy decided which rows the source showed
 *	rows_seen			rows that it showed, before any was left out
 *	seed				of the split, and of every random choice
 *	validation			method, fraction, refit
 *	training_metrics	the metrics on the training part, where asked for
 *	server_version		of PostgreSQL
 *	extension_version	of the SQL objects (pg_extension)
 *
 * IDENTIFICATION
 *	  src/api/train_facts.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "mlops/jsonb_out.h"
#include "mlops/store.h"
#include "train_call.h"

/* The rows, as the source showed them to who trained. */
static void
add_rows(JsonbParseState **out, const MlCandidate *best)
{
	mlops_jsonb_add_boolean(out, "row_security", best->counts.rls_applied);
	mlops_jsonb_add_integer(out, "rows_seen", best->counts.nseen);
}

static void
add_validation(JsonbParseState **out, const MlTrainCall *call, const MlCandidate *best)
{
	bool		is_held_out = best->counts.nholdout > 0;

	mlops_jsonb_add_key(out, "validation");
	pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(out, "method", is_held_out ? "holdout" : "none");
	if (is_held_out)
		mlops_jsonb_add_number(out, "fraction", call->wish.holdout);
	mlops_jsonb_add_integer(out, "rows_held_out", best->counts.nholdout);
	mlops_jsonb_add_boolean(out, "refit", call->refit && is_held_out);
	pushJsonbValue(out, WJB_END_OBJECT, NULL);
}

static void
add_seed(JsonbParseState **out, const MlCandidate *best)
{
	JsonbValue	space;
	JsonbValue *seed = getKeyJsonValueFromContainer(&best->options->root, "seed", 4, &space);

	if (seed == NULL)
		return;
	mlops_jsonb_add_key(out, "seed");
	pushJsonbValue(out, WJB_VALUE, seed);
}

Jsonb *
mlops_version_facts(const MlTrainCall *call, const MlCandidate *best)
{
	JsonbParseState *out = NULL;

	pushJsonbValue(&out, WJB_BEGIN_OBJECT, NULL);
	add_rows(&out, best);
	add_validation(&out, call, best);
	if (best->training_metrics)
		mlops_jsonb_add_jsonb(&out, "training_metrics", best->training_metrics);
	add_seed(&out, best);
	mlops_jsonb_add_string(&out, "server_version", GetConfigOption("server_version", false, false));
	mlops_jsonb_add_string(&out, "extension_version", mlops_extension_version());
	return JsonbValueToJsonb(pushJsonbValue(&out, WJB_END_OBJECT, NULL));
}
