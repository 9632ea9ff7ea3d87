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
 *	relations			[{schema, name, oid, kind}] beneath the source, views among them
 *	columns				[{schema, relation, column, type}] beneath the columns of the source
 *						that were read; type: the family, or where it has none its name
 *	origins				[{feature, schema, relation, column}] of what each of them is made
 *	labelled			[{column, label}] used in spite of a label
 *	row_security		a policy decided which rows the source showed
 *	rows_seen			rows that it showed, before any was left out
 *	fingerprint			as mlops.fingerprint() gives it of the rows read first, of
 *	fingerprint_columns	these columns: features considered, target, weight, and
 *	fingerprint_rows	so many rows
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

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "mlops/jsonb_out.h"
#include "mlops/label.h"
#include "mlops/store.h"
#include "train_call.h"

static const char *
kind_name(char relkind)
{
	switch (relkind)
	{
		case RELKIND_RELATION:
			return "table";
		case RELKIND_PARTITIONED_TABLE:
			return "partitioned table";
		case RELKIND_VIEW:
			return "view";
		case RELKIND_MATVIEW:
			return "materialized view";
		case RELKIND_FOREIGN_TABLE:
			return "foreign table";
	}
	return "relation";
}

static void
add_relations(JsonbParseState **out, MlSource *source)
{
	ListCell   *lc;

	mlops_jsonb_add_key(out, "relations");
	pushJsonbValue(out, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, mlops_source_relations(source))
	{
		const MlBaseRelation *relation = (MlBaseRelation *) lfirst(lc);

		pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
		mlops_jsonb_add_string(out, "schema", relation->schema);
		mlops_jsonb_add_string(out, "name", relation->name);
		mlops_jsonb_add_integer(out, "oid", relation->relid);
		mlops_jsonb_add_string(out, "kind", kind_name(relation->relkind));
		pushJsonbValue(out, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(out, WJB_END_ARRAY, NULL);
}

static void
add_column(JsonbParseState **out, const MlBaseColumn *column)
{
	Oid			type = get_atttype(column->relid, column->attnum);
	MlColumnType family = mlops_type_family(type);

	pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(out, "schema", get_namespace_name(get_rel_namespace(column->relid)));
	mlops_jsonb_add_string(out, "relation", get_rel_name(column->relid));
	mlops_jsonb_add_string(out, "column", get_attname(column->relid, column->attnum, false));
	mlops_jsonb_add_string(out, "type", family ? mlops_family_name(family) : format_type_be(type));
	pushJsonbValue(out, WJB_END_OBJECT, NULL);
}

static bool
is_listed(const List *columns, const MlBaseColumn *column)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		const MlBaseColumn *other = (MlBaseColumn *) lfirst(lc);

		if (other->relid == column->relid && other->attnum == column->attnum)
			return true;
	}
	return false;
}

/* What the next training, and rows that are scored, will need there again. */
static void
add_columns(JsonbParseState **out, MlSource *source, const MlFingerprint *print)
{
	List	   *listed = NIL;

	mlops_jsonb_add_key(out, "columns");
	pushJsonbValue(out, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < print->ncolumns; i++)
	{
		int			column = -1;
		ListCell   *lc;

		for (int j = 0; j < source->desc->natts; j++)
			if (strcmp(NameStr(TupleDescAttr(source->desc, j)->attname), print->columns[i]) == 0)
				column = j;
		if (column < 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		foreach(lc, mlops_source_origin(source, column))
		{
			MlBaseColumn *base = (MlBaseColumn *) lfirst(lc);

			if (isAnyTempNamespace(get_rel_namespace(base->relid)) || is_listed(listed, base))
				continue;
			listed = lappend(listed, base);
			add_column(out, base);
		}
	}
	pushJsonbValue(out, WJB_END_ARRAY, NULL);
}

static void
add_origin(JsonbParseState **out, const char *feature, const MlBaseColumn *column)
{
	pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(out, "feature", feature);
	mlops_jsonb_add_string(out, "schema", get_namespace_name(get_rel_namespace(column->relid)));
	mlops_jsonb_add_string(out, "relation", get_rel_name(column->relid));
	mlops_jsonb_add_string(out, "column", get_attname(column->relid, column->attnum, false));
	pushJsonbValue(out, WJB_END_OBJECT, NULL);
}

/* A label that one of them gets later counts for the feature (log_withheld.c). */
static void
add_origins(JsonbParseState **out, MlSource *source, const MlFingerprint *print)
{
	mlops_jsonb_add_key(out, "origins");
	pushJsonbValue(out, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < print->ncolumns; i++)
	{
		for (int j = 0; j < source->desc->natts; j++)
		{
			ListCell   *lc;

			if (strcmp(NameStr(TupleDescAttr(source->desc, j)->attname), print->columns[i]) != 0)
				continue;
			CHECK_FOR_INTERRUPTS();
			foreach(lc, mlops_source_origin(source, j))
			{
				MlBaseColumn *base = (MlBaseColumn *) lfirst(lc);

				if (!isAnyTempNamespace(get_rel_namespace(base->relid)))
					add_origin(out, print->columns[i], base);
			}
			break;
		}
	}
	pushJsonbValue(out, WJB_END_ARRAY, NULL);
}

static void
add_labelled(JsonbParseState **out, const List *labelled)
{
	ListCell   *lc;

	mlops_jsonb_add_key(out, "labelled");
	pushJsonbValue(out, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, labelled)
	{
		const MlLabelled *used = (MlLabelled *) lfirst(lc);

		pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
		mlops_jsonb_add_string(out, "column", used->column);
		mlops_jsonb_add_string(out, "label", used->label);
		pushJsonbValue(out, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(out, WJB_END_ARRAY, NULL);
}

/* The rows, as the source showed them to who trained. */
static void
add_rows(JsonbParseState **out, const MlCandidate *best)
{
	mlops_jsonb_add_boolean(out, "row_security", best->counts.rls_applied);
	mlops_jsonb_add_integer(out, "rows_seen", best->counts.nseen);
}

/* Whether other rows are the same can be told by this. */
static void
add_fingerprint(JsonbParseState **out, const MlFingerprint *print)
{
	mlops_jsonb_add_string(out, "fingerprint", print->text);
	mlops_jsonb_add_integer(out, "fingerprint_rows", print->nrows);
	mlops_jsonb_add_key(out, "fingerprint_columns");
	pushJsonbValue(out, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < print->ncolumns; i++)
	{
		JsonbValue	v;

		v.type = jbvString;
		v.val.string.val = print->columns[i];
		v.val.string.len = strlen(print->columns[i]);
		pushJsonbValue(out, WJB_ELEM, &v);
	}
	pushJsonbValue(out, WJB_END_ARRAY, NULL);
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
	add_relations(&out, call->source);
	add_columns(&out, call->source, &best->fingerprint);
	add_origins(&out, call->source, &best->fingerprint);
	add_labelled(&out, best->labelled);
	add_rows(&out, best);
	add_fingerprint(&out, &best->fingerprint);
	add_validation(&out, call, best);
	if (best->training_metrics)
		mlops_jsonb_add_jsonb(&out, "training_metrics", best->training_metrics);
	add_seed(&out, best);
	mlops_jsonb_add_string(&out, "server_version", GetConfigOption("server_version", false, false));
	mlops_jsonb_add_string(&out, "extension_version", mlops_extension_version());
	return JsonbValueToJsonb(pushJsonbValue(&out, WJB_END_OBJECT, NULL));
}
