/*-------------------------------------------------------------------------
 *
 * expectation_store.c
 *	  Expectations that are kept, of models and of relations.
 *
 * A relation is known by its schema and name, as pg_dump has it, together with
 * the role that owned it: what is said of one's table is not said of
 * somebody else's table that takes its name later.
 *
 * IDENTIFICATION
 *	  src/drift/expectation_store.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "mlops/catalog.h"
#include "mlops/expect.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/store.h"

/* What an expectation is about: a model, or a relation. */
typedef struct Target
{
	bool		is_model;
	Oid			relid;			/* InvalidOid: of that name there is none (any more) */
	char	   *schema;
	char	   *relation;
	Oid			owner;
	const char *shown;
} Target;

/* A plain name says what a model's does, whoever asks. */
pg_noreturn static void
deny_target(const char *target, bool is_qualified)
{
	if (!is_qualified)
		mlops_deny_model(target);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation \"%s\" does not exist", target)));
	pg_unreachable();
}

/* Is there a model that the caller may use?  exists: is there one at all? */
static bool
is_model(const char *target, bool *exists)
{
	MlWriter	w;
	int64		model_id = 0;

	*exists = false;
	if (strlen(target) >= NAMEDATALEN)
		return false;
	mlops_read_begin(&w);
	mlops_write_name(&w, target);
	if (mlops_write_run(&w, "SELECT model_id FROM mlops_private.model WHERE name = $1") > 0)
		model_id = DatumGetInt64(mlops_write_result(0, 1));
	mlops_read_end(&w);
	*exists = model_id != 0;
	return *exists && mlops_registry_may_any(model_id, GetUserId());
}

static void
load_relation(Oid relid, Target *out)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	out->relid = relid;
	out->owner = form->relowner;
	out->relation = pstrdup(NameStr(form->relname));
	out->schema = get_namespace_name(form->relnamespace);
	out->shown = quote_qualified_identifier(out->schema, out->relation);
	ReleaseSysCache(tuple);
}

/* A model that the caller may use goes before a relation of that name. */
static void
find_target(const char *text, Target *out)
{
	List	   *names;
	List	   *values = NIL;
	ListCell   *lc;
	Oid			relid;
	bool		exists;

	memset(out, 0, sizeof(*out));
	out->shown = text;
	out->is_model = is_model(text, &exists);
	if (out->is_model)
		return;
	if (!SplitIdentifierString(pstrdup(text), '.', &names) || names == NIL ||
		list_length(names) > 2)
		deny_target(text, false);
	foreach(lc, names)
		values = lappend(values, makeString((char *) lfirst(lc)));
	relid = RangeVarGetRelid(makeRangeVarFromNameList(values), NoLock, true);
	if (OidIsValid(relid))
	{
		mlops_require_relation_owner(relid);
		LockRelationOid(relid, AccessShareLock);
		mlops_require_relation_owner(relid);
		load_relation(relid, out);
	}
	else if (list_length(names) == 2)
	{
		out->schema = linitial(names);
		out->relation = lsecond(names);
	}
	else
	{
		if (exists)
			mlops_audit_denied(mlops_privilege_name(ML_PRIVILEGE_TRAIN), "model", text);
		deny_target(text, false);
	}
}

static void
check_relation(const Target *target)
{
	switch (get_rel_relkind(target->relid))
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table or view", target->relation)));
	}
	if (get_rel_persistence(target->relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("expectations of a temporary relation cannot be kept"),
				 errhint("Give them to mlops.validate().")));
}

/* What the audit trail says of it. */
static void
add_audit(MlWriter *w, const char *action, const Target *target, const MlExpectation *e)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_integer(&state, "number", e->number);
	mlops_jsonb_add_string(&state, "kind", mlops_expectation_kind_name(e->kind));
	mlops_jsonb_add_string(&state, "column", e->column);
	mlops_audit_add(w, action, target->is_model ? "model" : "relation", target->shown,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

void
mlops_expectation_add(const char **text, Jsonb *object, const char *name, MlExpectation *out)
{
	MlWriter	w;
	MlLocked	model;
	Target		target;

	find_target(*text, &target);
	if (!target.is_model && !OidIsValid(target.relid))
		deny_target(*text, true);
	if (!target.is_model)
		check_relation(&target);
	mlops_expectation_parse(object, out);
	out->name = name;
	mlops_write_begin(&w, "mlops.expect()");
	if (target.is_model)
	{
		mlops_registry_lock(&w, *text, ML_PRIVILEGE_TRAIN, false, &model);
		mlops_write_int8(&w, model.model_id);
	}
	else
		mlops_write_null(&w, INT8OID);
	mlops_write_name(&w, target.schema);
	mlops_write_name(&w, target.relation);
	mlops_write_role(&w, target.is_model ? w.role : target.owner);
	mlops_write_text(&w, name);
	mlops_write_text(&w, mlops_expectation_kind_name(out->kind));
	mlops_write_name(&w, out->column);
	mlops_write_jsonb(&w, object);
	mlops_write_text(&w, out->is_error ? "error" : "warning");
	mlops_write_name(&w, NameStr(w.role_name));
	mlops_write_run(&w, "INSERT INTO mlops_private.expectation"
					" (model_id, relation_schema, relation_name, owner_oid, owner_name, owner_system,"
					" name, kind, column_name, arguments, severity, created_by)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
					" $10 - '{kind,column,severity}'::text[], $11, $12) RETURNING expectation_id");
	out->number = DatumGetInt64(mlops_write_result(0, 1));
	add_audit(&w, "expectation.add", &target, out);
	mlops_write_end(&w);
	*text = target.shown;
}

#define LOADED "expectation_id, name, kind, severity, owner_oid, owner_name, owner_system," \
	" arguments || jsonb_build_object('kind', kind, 'severity', severity) ||" \
	" CASE WHEN column_name IS NULL THEN '{}' ELSE jsonb_build_object('column', column_name) END"

/* A row of LOADED, for the caller; *owner: the role that it was recorded for. */
static MlExpectation *
load(MlWriter *w, uint64 row, Oid *owner)
{
	MemoryContext old = MemoryContextSwitchTo(w->caller);
	MlExpectation *e = palloc(sizeof(MlExpectation));

	mlops_expectation_parse(DatumGetJsonbPCopy(mlops_write_result(row, 8)), e);
	e->number = DatumGetInt64(mlops_write_result(row, 1));
	e->name = mlops_write_string(w, row, 2);
	*owner = mlops_stored_role(DatumGetObjectId(mlops_write_result(row, 5)),
							   NameStr(*DatumGetName(mlops_write_result(row, 6))),
							   DatumGetInt64(mlops_write_result(row, 7)));
	MemoryContextSwitchTo(old);
	return e;
}

/* The row of this number of the target, locked, in row 0; error 42704 where the caller has none there. */
static MlExpectation *
find_own(MlWriter *w, const Target *target, int64 number)
{
	MlExpectation *e = NULL;
	MlLocked	model;
	Oid			owner;
	bool		found;

	if (target->is_model)
	{
		mlops_registry_lock(w, target->shown, ML_PRIVILEGE_TRAIN, false, &model);
		mlops_write_int8(w, number);
		mlops_write_int8(w, model.model_id);
		found = mlops_write_run(w, "SELECT " LOADED " FROM mlops_private.expectation"
								" WHERE expectation_id = $1 AND model_id = $2 FOR UPDATE") > 0;
	}
	else
	{
		mlops_write_int8(w, number);
		mlops_write_name(w, target->schema);
		mlops_write_name(w, target->relation);
		found = mlops_write_run(w, "SELECT " LOADED " FROM mlops_private.expectation"
								" WHERE expectation_id = $1 AND relation_schema = $2"
								" AND relation_name = $3 FOR UPDATE") > 0;
	}
	if (found)
		e = load(w, 0, &owner);
	if (e && !target->is_model && !OidIsValid(target->relid) && !mlops_rights_own(owner, w->role))
		e = NULL;
	if (e == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("\"%s\" has no expectation " INT64_FORMAT, target->shown, number),
				 errhint("The view mlops.expectations lists them.")));
	return e;
}

void
mlops_expectation_remove(const char **text, int64 number, MlExpectation *out)
{
	MlWriter	w;
	Target		target;

	find_target(*text, &target);
	mlops_write_begin(&w, "mlops.unexpect()");
	*out = *find_own(&w, &target, number);
	mlops_write_int8(&w, number);
	mlops_write_run(&w, "DELETE FROM mlops_private.expectation WHERE expectation_id = $1");
	add_audit(&w, "expectation.remove", &target, out);
	mlops_write_end(&w);
	*text = target.shown;
}

List *
mlops_expectations_of_relation(Oid relid)
{
	MlWriter	w;
	Target		target;
	List	   *list = NIL;
	uint64		n;
	bool		is_own = mlops_owns_relation(relid, GetUserId());
	int			others = 0;

	memset(&target, 0, sizeof(target));
	load_relation(relid, &target);
	mlops_read_begin(&w);
	mlops_write_name(&w, target.schema);
	mlops_write_name(&w, target.relation);
	n = mlops_write_run(&w, "SELECT " LOADED " FROM mlops_private.expectation"
						" WHERE relation_schema = $1 AND relation_name = $2 ORDER BY expectation_id");
	for (uint64 i = 0; i < n; i++)
	{
		Oid			owner;
		MlExpectation *e = load(&w, i, &owner);
		MemoryContext old = MemoryContextSwitchTo(w.caller);

		e->is_shown = is_own;
		if (owner == target.owner)
			list = lappend(list, e);
		else
			others++;
		MemoryContextSwitchTo(old);
	}
	mlops_read_end(&w);
	if (others > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg_plural("%d expectation of relation \"%s\" is of another owner and not checked",
							   "%d expectations of relation \"%s\" are of another owner and not checked",
							   others, others, target.relation)));
	return list;
}

List *
mlops_expectations_of_model(const char *name)
{
	MlWriter	w;
	Oid			role = GetUserId();
	List	   *list = NIL;
	uint64		n;
	int64		model_id;
	bool		is_shown;

	/* whoever scores with it; a check answers questions about the values that are expected */
	model_id = mlops_registry_require(name, role, ML_PRIVILEGE_PREDICT);
	is_shown = mlops_registry_may(model_id, role, ML_PRIVILEGE_TRAIN) ||
		mlops_registry_may(model_id, role, ML_PRIVILEGE_ARTIFACT);
	mlops_read_begin(&w);
	mlops_write_int8(&w, model_id);
	n = mlops_write_run(&w, "SELECT " LOADED " FROM mlops_private.expectation"
						" WHERE model_id = $1 ORDER BY expectation_id");
	for (uint64 i = 0; i < n; i++)
	{
		Oid			owner;
		MlExpectation *e = load(&w, i, &owner);
		MemoryContext old = MemoryContextSwitchTo(w.caller);

		e->is_shown = is_shown;
		list = lappend(list, e);
		MemoryContextSwitchTo(old);
	}
	mlops_read_end(&w);
	return list;
}
