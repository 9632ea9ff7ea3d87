/*-------------------------------------------------------------------------
 *
 * label_api.c
 *	  SQL: label_column(), unlabel_all(), lineage(), and what the view mlops.labels asks.
 *
 * Calling any of them loads the library, and with it the label provider, in
 * sessions that did not load it at their start.
 *
 * IDENTIFICATION
 *	  src/api/label_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "mlops/dataset.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/label.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_label_column);
PG_FUNCTION_INFO_V1(mlops_unlabel_all);
PG_FUNCTION_INFO_V1(mlops_lineage);
PG_FUNCTION_INFO_V1(mlops_label_parts);

static void
set_text(Datum *values, bool *nulls, int i, const char *text)
{
	nulls[i] = text == NULL;
	values[i] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* Lock a relation of one's own; rights first, so that others cannot block it. */
static void
lock_own_relation(Oid relid)
{
	mlops_require_relation_owner(relid);
	LockRelationOid(relid, ShareUpdateExclusiveLock);
	mlops_require_relation_owner(relid);
}

static AttrNumber
require_attribute(Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						column, get_rel_name(relid))));
	return attnum;
}

static char *
qualified_name(const char *schema, const char *name)
{
	return schema && name ? quote_qualified_identifier(schema, name) : NULL;
}

static char *
relation_name(Oid relid)
{
	return qualified_name(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

/* The audit trail's row of a label that was set, changed or removed. */
static void
record_label(const char *relation, const char *column, const char *label, const char *previous)
{
	MlWriter	w;
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "label", label);
	mlops_jsonb_add_string(&state, "previous", previous);
	mlops_write_begin(&w, "mlops.label_column()");
	mlops_audit_add(&w, label ? "label.set" : "label.remove", "column",
					psprintf("%s.%s", relation, quote_identifier(column)),
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	mlops_write_end(&w);
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

Datum
mlops_label_column(PG_FUNCTION_ARGS)
{
	Oid			relid;
	char	   *relation;
	char	   *column;
	char	   *label;
	char	   *previous;
	Datum		values[4];
	bool		nulls[4];

	mlops_arg_require(fcinfo, 0, "relation");
	mlops_arg_require(fcinfo, 1, "column");
	PreventCommandIfReadOnly("mlops.label_column()");
	PreventCommandIfParallelMode("mlops.label_column()");
	relid = PG_GETARG_OID(0);
	column = mlops_arg_name(fcinfo, 1);
	label = mlops_arg_text(fcinfo, 2);
	lock_own_relation(relid);
	relation = relation_name(relid);
	previous = mlops_label_set(relid, require_attribute(relid, column), label);
	if (!is_same_text(label, previous))
		record_label(relation, column, label, previous);
	set_text(values, nulls, 0, relation);
	set_text(values, nulls, 1, column);
	set_text(values, nulls, 2, label);
	set_text(values, nulls, 3, previous);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_unlabel_all(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	JsonbParseState *state = NULL;
	int			removed;

	mlops_rights_require_owner("remove all labels");
	mlops_write_begin(&w, "mlops.unlabel_all()");
	removed = mlops_label_remove_all();
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "labels", removed);
	mlops_audit_add(&w, "label.remove", "database", NULL,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	mlops_write_end(&w);
	PG_RETURN_INT32(removed);
}

/* One row for each column beneath an output column; notes the relations in *seen. */
static void
put_origin(ReturnSetInfo *rsinfo, MlSource *source, int column, List **seen)
{
	ListCell   *lc;
	Datum		values[4];
	bool		nulls[4];

	foreach(lc, mlops_source_origin(source, column))
	{
		const MlBaseColumn *base = (MlBaseColumn *) lfirst(lc);

		set_text(values, nulls, 0, NameStr(TupleDescAttr(source->desc, column)->attname));
		set_text(values, nulls, 1, relation_name(base->relid));
		set_text(values, nulls, 2, get_attname(base->relid, base->attnum, true));
		set_text(values, nulls, 3, base->label);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		*seen = list_append_unique_oid(*seen, base->relid);
	}
}

Datum
mlops_lineage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MlSource   *source;
	List	   *seen = NIL;
	ListCell   *lc;

	mlops_arg_require(fcinfo, 0, "source");
	InitMaterializedSRF(fcinfo, 0);
	source = mlops_source_open(mlops_arg_text(fcinfo, 0));
	for (int i = 0; i < source->desc->natts; i++)
		put_origin(rsinfo, source, i, &seen);
	foreach(lc, mlops_source_relations(source))
	{
		const MlBaseRelation *base = (MlBaseRelation *) lfirst(lc);
		Datum		values[4];
		bool		nulls[4] = {true, false, true, true};

		if (list_member_oid(seen, base->relid))
			continue;
		set_text(values, nulls, 1, qualified_name(base->schema, base->name));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
mlops_label_parts(PG_FUNCTION_ARGS)
{
	MlLabel		label;
	Datum		values[2];
	bool		nulls[2];

	(void) mlops_label_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), &label);
	set_text(values, nulls, 0, !label.is_pii ? NULL :
			 label.pii_kind ? label.pii_kind : "unspecified");
	set_text(values, nulls, 1, label.mask);
	return mlops_result_row(fcinfo, values, nulls);
}
