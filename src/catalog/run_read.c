/*-------------------------------------------------------------------------
 *
 * run_read.c
 *	  The last value of each metric of a run.
 *
 * One step of the index (run_id, key, step) per metric, from its end: however
 * many values were logged, and with costs that the planner knows to be small.
 *
 * IDENTIFICATION
 *	  src/catalog/run_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

/* Must match sql/install/27_run_tables.sql. */
#define RUN_RUN_ID			1
#define RUN_OWNER_OID		5
#define RUN_OWNER_NAME		6
#define RUN_OWNER_SYSTEM	7
#define RUN_TRAINED_ID		8
#define RUN_LINKED_ID		9
#define RUN_METRIC_RUN_ID	1
#define RUN_METRIC_KEY		2
#define RUN_METRIC_VALUE	4

/* A number, or what jsonb has no number for as to_jsonb() spells it. */
static void
add_value(JsonbParseState **state, const char *key, double value)
{
	if (isfinite(value))
		mlops_jsonb_add_number(state, key, value);
	else
		mlops_jsonb_add_string(state, key, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
}

/* The last of the rows that come before "key" in the index, NULL: before its end.  False: none. */
static bool
last_before(Relation table, Relation index, int64 run, const char *key,
			char **found_key, double *value)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull;

	ScanKeyInit(&keys[0], RUN_METRIC_RUN_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(run));
	if (key)
		ScanKeyEntryInitialize(&keys[1], 0, RUN_METRIC_KEY, BTLessStrategyNumber, InvalidOid,
							   C_COLLATION_OID, F_TEXT_LT, CStringGetTextDatum(key));
	scan = systable_beginscan_ordered(table, index, GetActiveSnapshot(), key ? 2 : 1, keys);
	tuple = systable_getnext_ordered(scan, BackwardScanDirection);
	if (HeapTupleIsValid(tuple))
	{
		*found_key = TextDatumGetCString(heap_getattr(tuple, RUN_METRIC_KEY,
													  RelationGetDescr(table), &isnull));
		*value = DatumGetFloat8(heap_getattr(tuple, RUN_METRIC_VALUE,
											 RelationGetDescr(table), &isnull));
	}
	systable_endscan_ordered(scan);
	return HeapTupleIsValid(tuple);
}

/* A model's number in the row found; 0 for null. */
static int64
model_in(MlLookup *lookup, int attnum)
{
	bool		isnull;
	Datum		value = heap_getattr(lookup->tuple, attnum, RelationGetDescr(lookup->rel), &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* May the role see the run?  As the views and policies have it. */
static bool
may_see(int64 run, Oid role)
{
	MlLookup	lookup;
	ScanKeyData key;
	bool		result = false;

	ScanKeyInit(&key, RUN_RUN_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run));
	mlops_lookup_begin(&lookup, "run", "run_pkey", RUN_LINKED_ID, 1, &key,
					   hash_bytes_uint32((uint32) run) + 5);
	if (HeapTupleIsValid(lookup.tuple))
	{
		int64		trained = model_in(&lookup, RUN_TRAINED_ID);
		int64		linked = model_in(&lookup, RUN_LINKED_ID);
		Oid			owner = mlops_stored_role(DatumGetObjectId(mlops_lookup_column(&lookup, RUN_OWNER_OID)),
											  NameStr(*DatumGetName(mlops_lookup_column(&lookup, RUN_OWNER_NAME))),
											  DatumGetInt64(mlops_lookup_column(&lookup, RUN_OWNER_SYSTEM)));

		if (trained != 0)
			result = mlops_registry_may(trained, role, ML_PRIVILEGE_READ);
		else
			result = mlops_rights_own(owner, role) ||
				(linked != 0 && mlops_registry_may(linked, role, ML_PRIVILEGE_READ));
	}
	mlops_lookup_end(&lookup);
	return result;
}

Jsonb *
mlops_run_last_metrics(int64 run, Oid role)
{
	Oid			schema = get_namespace_oid(MLOPS_PRIVATE_SCHEMA, false);
	Relation	table = table_open(get_relname_relid("run_metric", schema), AccessShareLock);
	Relation	index = index_open(get_relname_relid("run_metric_pkey", schema), AccessShareLock);
	JsonbParseState *state = NULL;
	bool		seen = may_see(run, role);
	char	   *key = NULL;
	double		value;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while (seen && last_before(table, index, run, key, &key, &value))
	{
		CHECK_FOR_INTERRUPTS();
		add_value(&state, key, value);
	}
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
