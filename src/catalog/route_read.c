/*-------------------------------------------------------------------------
 *
 * route_read.c
 *	  The route of a model: which alias a key belongs to.
 *
 * IDENTIFICATION
 *	  src/catalog/route_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "mlops/catalog.h"
#include "mlops/numeric.h"

#include "registry_tables.h"

/* An array of names, copied. */
static NameData *
read_names(Datum value, int *n)
{
	Datum	   *items;
	NameData   *names;

	deconstruct_array(DatumGetArrayTypeP(value), NAMEOID, NAMEDATALEN, false,
					  TYPALIGN_CHAR, &items, NULL, n);
	names = palloc(sizeof(NameData) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		names[i] = *DatumGetName(items[i]);
	return names;
}

static void
read_route(MlLookup *lookup, MlRoute *route)
{
	bytea	   *slots = DatumGetByteaP(mlops_lookup_column(lookup, MLOPS_ROUTE_SLOTS));

	route->arms = read_names(mlops_lookup_column(lookup, MLOPS_ROUTE_ARMS), &route->narms);
	route->shadow = read_names(mlops_lookup_column(lookup, MLOPS_ROUTE_SHADOW), &route->nshadow);
	route->salt = TextDatumGetCString(mlops_lookup_column(lookup, MLOPS_ROUTE_SALT));
	route->split = DatumGetJsonbPCopy(mlops_lookup_column(lookup, MLOPS_ROUTE_SPLIT));
	route->seed = mlops_slots_seed(route->salt, strlen(route->salt));
	if (VARSIZE(slots) != VARHDRSZ + MLOPS_SLOTS)
		elog(ERROR, "route of model " INT64_FORMAT " is damaged", route->model_id);
	route->slots = palloc(MLOPS_SLOTS);
	memcpy(route->slots, VARDATA(slots), MLOPS_SLOTS);
	for (int i = 0; i < MLOPS_SLOTS; i++)
		if (route->slots[i] >= route->narms)
			elog(ERROR, "route of model " INT64_FORMAT " is damaged", route->model_id);
}

MlRoute *
mlops_route_load(int64 model_id)
{
	MlRoute    *route = palloc0(sizeof(MlRoute));
	MlLookup	lookup;
	ScanKeyData key;

	route->model_id = model_id;
	ScanKeyInit(&key, MLOPS_ROUTE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(model_id));
	mlops_lookup_begin(&lookup, MLOPS_ROUTE_TABLE, MLOPS_ROUTE_INDEX, MLOPS_ROUTE_NATTS,
					   1, &key, hash_bytes_uint32((uint32) model_id) + 4);
	if (HeapTupleIsValid(lookup.tuple))
		read_route(&lookup, route);
	mlops_lookup_end(&lookup);
	return route;
}

bool
mlops_route_gives(const MlRoute *route, const char *alias)
{
	for (int i = 0; route->narms > 0 && i < MLOPS_SLOTS; i++)
	{
		if (strcmp(NameStr(route->arms[route->slots[i]]), alias) == 0)
			return true;
	}
	return false;
}

const char *
mlops_route_variant(const MlRoute *route, const char *key, int len)
{
	if (route->narms == 0)
		return MLOPS_CHAMPION;
	return NameStr(route->arms[route->slots[mlops_slot(key, len, route->seed)]]);
}
