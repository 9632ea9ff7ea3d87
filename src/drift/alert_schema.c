/*-------------------------------------------------------------------------
 *
 * alert_schema.c
 *	  Alerts on relations that a model's version needs and that have changed.
 *
 * Two kinds of relations are looked at.  Those beneath the source of the
 * training, whose columns its version remembers: the next training will read
 * them.  And tables with a trigger that scores or logs their rows with the
 * model, if their owner may predict with it: they must have all features.  A
 * column has changed if it is gone or of another family of types.
 *
 * Relations are known by name, as pg_dump has them; the catalogs are read, and
 * nothing of a user's is opened or evaluated.
 *
 * IDENTIFICATION
 *	  src/drift/alert_schema.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "mlops/alert.h"
#include "mlops/catalog.h"
#include "mlops/model.h"

/* What is wrong, in order of discovery. */
typedef struct Findings
{
	MlAlertKey	key;			/* without subject */
	List	   *subjects;		/* char *, each once */
	List	   *severities;		/* of them */
} Findings;

static void
add_finding(Findings *findings, MlSeverity severity, const char *schema, const char *relation,
			const char *column)
{
	char	   *subject = quote_qualified_identifier(schema, relation);
	ListCell   *lc;

	if (column)
		subject = psprintf("%s.%s", subject, quote_identifier(column));
	foreach(lc, findings->subjects)
		if (strcmp((char *) lfirst(lc), subject) == 0)
			return;
	findings->subjects = lappend(findings->subjects, subject);
	findings->severities = lappend_int(findings->severities, severity);
}

/* As training recorded it (api/train_facts.c). */
static bool
is_of_type(Oid type, const char *recorded)
{
	MlColumnType family = mlops_type_family(type);

	return strcmp(family ? mlops_family_name(family) : format_type_be(type), recorded) == 0;
}

typedef struct Column
{
	char	   *schema;
	char	   *relation;
	char	   *column;
	char	   *type;			/* that it had */
	Oid			relid;			/* InvalidOid: the relation is gone */
	Oid			now;			/* InvalidOid: the column is gone */
} Column;

/* What the training read. */
static void
check_source(MlWriter *w, Findings *findings)
{
	uint64		n;
	Column	   *columns;

	mlops_write_int8(w, findings->key.model_id);
	mlops_write_int4(w, findings->key.version);
	n = mlops_write_run(w, "SELECT f.item ->> 'schema', f.item ->> 'relation', f.item ->> 'column', f.item ->> 'type',"
						" coalesce(c.oid, 0), coalesce(a.atttypid, 0)"
						" FROM mlops_private.version v"
						" CROSS JOIN jsonb_array_elements(v.facts -> 'columns') AS f (item)"
						" LEFT JOIN pg_namespace n ON n.nspname = f.item ->> 'schema'"
						" LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = f.item ->> 'relation'"
						" LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = f.item ->> 'column'"
						" AND a.attnum > 0 AND NOT a.attisdropped"
						" WHERE v.model_id = $1 AND v.version = $2 AND jsonb_typeof(v.facts -> 'columns') = 'array'");
	columns = palloc((n + 1) * sizeof(Column));
	for (uint64 i = 0; i < n; i++)
	{
		columns[i].schema = mlops_write_string(w, i, 1);
		columns[i].relation = mlops_write_string(w, i, 2);
		columns[i].column = mlops_write_string(w, i, 3);
		columns[i].type = mlops_write_string(w, i, 4);
		columns[i].relid = DatumGetObjectId(mlops_write_result(i, 5));
		columns[i].now = DatumGetObjectId(mlops_write_result(i, 6));
	}
	for (uint64 i = 0; i < n; i++)
	{
		const Column *c = &columns[i];

		/* a relation that was made for the training alone may go */
		if (!OidIsValid(c->relid))
			add_finding(findings, ML_DRIFT_WARNING, c->schema, c->relation, NULL);
		else if (!OidIsValid(c->now) || !is_of_type(c->now, c->type))
			add_finding(findings, ML_DRIFT_MAJOR, c->schema, c->relation, c->column);
	}
}

/* A table whose rows the model gets. */
static void
check_table(Findings *findings, Oid relid, const MlSignature *sig)
{
	char	   *relation = get_rel_name(relid);
	char	   *schema = get_namespace_name(get_rel_namespace(relid));

	if (relation == NULL || schema == NULL)
		return;
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];
		AttrNumber	attnum = get_attnum(relid, feature->name);

		if (attnum <= 0 || mlops_type_family(get_atttype(relid, attnum)) != feature->type)
			add_finding(findings, ML_DRIFT_MAJOR, schema, relation, feature->name);
	}
}

/* Tables with a trigger of ours that names the model. */
static void
check_triggers(MlWriter *w, Findings *findings)
{
	MlResolved	resolved;
	const MlSignature *sig;
	Oid		   *relids;
	Oid		   *owners;
	uint64		n;

	mlops_write_int8(w, findings->key.model_id);
	n = mlops_write_run(w, "SELECT DISTINCT t.tgrelid, c.relowner"
						" FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
						" JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace"
						" JOIN mlops_private.model m ON m.model_id = $1"
						" WHERE n.nspname = 'mlops' AND p.proname IN ('score_trigger', 'log_trigger')"
						" AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relpersistence <> 't'"
						/* arguments end with a zero byte; E for whoever has standard_conforming_strings off */
						" AND split_part(split_part(split_part(encode(t.tgargs, 'escape'), E'\\\\000', 1), '@', 1), ':', 1) = m.name"
						" ORDER BY t.tgrelid");
	if (n == 0)
		return;
	relids = palloc(n * sizeof(Oid));
	owners = palloc(n * sizeof(Oid));
	for (uint64 i = 0; i < n; i++)
	{
		relids[i] = DatumGetObjectId(mlops_write_result(i, 1));
		owners[i] = DatumGetObjectId(mlops_write_result(i, 2));
	}
	if (!mlops_registry_version(findings->key.model_id, findings->key.version, &resolved))
		return;
	sig = mlops_model_cache_get(resolved.artifact, CurrentMemoryContext)->sig;
	for (uint64 i = 0; i < n; i++)
		if (mlops_registry_may(findings->key.model_id, owners[i], ML_PRIVILEGE_PREDICT))
			check_table(findings, relids[i], sig);
}

/* Close those that are open and were not found again; returns how many. */
static int
clear_others(MlWriter *w, const Findings *findings)
{
	int			n = list_length(findings->subjects);
	Datum	   *subjects = palloc((n + 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		subjects[i] = CStringGetTextDatum((char *) list_nth(findings->subjects, i));
	mlops_write_int8(w, findings->key.model_id);
	mlops_write_int4(w, findings->key.version);
	mlops_write_datum(w, TEXTARRAYOID, PointerGetDatum(construct_array(subjects, n, TEXTOID, -1, false, TYPALIGN_INT)));
	return (int) mlops_write_run(w, "UPDATE mlops_private.alert SET state = 'closed', closed = clock_timestamp()"
								 " WHERE model_id = $1 AND version = $2 AND kind = 'schema'"
								 " AND state IN ('open', 'acknowledged') AND subject <> ALL ($3)");
}

static void
check_version(MlWriter *w, int64 model_id, int version, int *raised, int *cleared)
{
	Findings	findings = {{model_id, version, "schema", NULL}, NIL, NIL};
	MlAlertFacts facts = {ML_DRIFT_NONE, "columns", NAN, NAN, 0, 0};

	check_source(w, &findings);
	check_triggers(w, &findings);
	for (int i = 0; i < list_length(findings.subjects); i++)
	{
		MlAlertKey	key = findings.key;

		CHECK_FOR_INTERRUPTS();
		key.subject = list_nth(findings.subjects, i);
		facts.severity = list_nth_int(findings.severities, i);
		*raised += mlops_alert_raise(w, &key, &facts);
	}
	*cleared += clear_others(w, &findings);
}

void
mlops_alerts_schema_check(MlWriter *w, int64 model_id, int *raised, int *cleared)
{
	int		   *versions;
	uint64		n;

	mlops_write_int8(w, model_id);
	n = mlops_write_run(w, "SELECT DISTINCT version FROM mlops_private.alias WHERE model_id = $1 ORDER BY version");
	versions = palloc((n + 1) * sizeof(int));
	for (uint64 i = 0; i < n; i++)
		versions[i] = DatumGetInt32(mlops_write_result(i, 1));
	for (uint64 i = 0; i < n; i++)
		check_version(w, model_id, versions[i], raised, cleared);
}
