/*-------------------------------------------------------------------------
 *
 * route_api.c
 *	  SQL: route and variant_of.
 *
 * variant_of() is asked once per row, so a call site keeps the routes it has
 * met in its FmgrInfo, each as long as the snapshot it was read under is the
 * one in use (catalog/snapshot_mark.c).
 *
 * IDENTIFICATION
 *	  src/api/route_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/lifecycle.h"
#include "mlops/numeric.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_route);
PG_FUNCTION_INFO_V1(mlops_variant_of);

#define MAX_ARMS 64
#define SUM_TOLERANCE 0.00001	/* a tenth of a slot */
#define KEPT_ROUTES 8			/* by one call site */

pg_noreturn static void
refuse_split(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid split"),
			 errdetail("%s", detail),
			 errhint("A split gives each alias its share: {\"champion\": 0.9, \"challenger\": 0.1}.")));
	pg_unreachable();
}

/* A share: a number from 0 to 1. */
static double
read_share(const JsonbValue *value)
{
	double		share;

	if (value->type != jbvNumeric)
		refuse_split("Shares must be numbers.");
	share = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											   NumericGetDatum(value->val.numeric)));
	if (!(share >= 0 && share <= 1))
		refuse_split("Shares must be between 0 and 1.");
	if (share > 0 && share < 1.0 / MLOPS_SLOTS)
		refuse_split(psprintf("The smallest share is 1 of %d.", MLOPS_SLOTS));
	return share;
}

static void
read_split(Jsonb *split, MlNewRoute *route)
{
	JsonbIterator *it = JsonbIteratorInit(&split->root);
	JsonbValue	v;
	JsonbIteratorToken token;
	double		sum = 0;

	if (!JB_ROOT_IS_OBJECT(split) || JB_ROOT_COUNT(split) == 0)
		refuse_split("It must be an object with at least one alias.");
	if (JB_ROOT_COUNT(split) > MAX_ARMS)
		refuse_split(psprintf("It can have at most %d aliases.", MAX_ARMS));
	route->split = split;
	route->arms = palloc0(sizeof(NameData) * JB_ROOT_COUNT(split));
	route->share = palloc(sizeof(double) * JB_ROOT_COUNT(split));
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *alias;

		if (token != WJB_KEY)
			continue;
		alias = pnstrdup(v.val.string.val, v.val.string.len);
		mlops_name_check(alias, "an alias");
		namestrcpy(&route->arms[route->narms], alias);
		(void) JsonbIteratorNext(&it, &v, true);
		route->share[route->narms] = read_share(&v);
		sum += route->share[route->narms++];
	}
	if (fabs(sum - 1) > SUM_TOLERANCE)
		refuse_split("Shares must sum to 1.");
}

static void
read_shadow(ArrayType *array, MlNewRoute *route)
{
	Datum	   *items;
	bool	   *nulls;
	int			n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("shadow must have one dimension")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	if (n > MAX_ARMS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shadow can have at most %d aliases", MAX_ARMS)));
	route->nshadow = 0;
	route->shadow = palloc0(sizeof(NameData) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		char	   *alias = nulls[i] ? "" : TextDatumGetCString(items[i]);
		bool		known = false;

		mlops_name_check(alias, "an alias");
		for (int k = 0; k < route->narms; k++)
			known |= strcmp(NameStr(route->arms[k]), alias) == 0;
		for (int k = 0; k < route->nshadow; k++)
			known |= strcmp(NameStr(route->shadow[k]), alias) == 0;
		if (known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("alias \"%s\" stands twice in the route", alias),
					 errdetail("An alias in shadow has no share of the keys.")));
		namestrcpy(&route->shadow[route->nshadow++], alias);
	}
}

static ArrayType *
text_array(int n, const NameData *names)
{
	Datum	   *items = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		items[i] = CStringGetTextDatum(NameStr(names[i]));
	return construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT);
}

Datum
mlops_route(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlLocked	model;
	MlNewRoute	wanted = {0};
	MlRoute    *now;
	char	   *name = mlops_arg_model_name(fcinfo);
	Datum		values[5];
	bool		nulls[5] = {false};

	wanted.nshadow = -1;
	if (!PG_ARGISNULL(1))
		read_split(PG_GETARG_JSONB_P(1), &wanted);
	if (!PG_ARGISNULL(2))
		read_shadow(PG_GETARG_ARRAYTYPE_P(2), &wanted);
	wanted.salt = mlops_arg_remark(fcinfo, 3, "salt");
	mlops_write_begin(&w, "mlops.route()");
	mlops_registry_lock(&w, name, ML_PRIVILEGE_DEPLOY, false, &model);
	for (int i = 0; i < wanted.narms; i++)
	{
		if (wanted.share[i] > 0)
			mlops_gate_route(&w, &model, NameStr(wanted.arms[i]));
	}
	values[4] = Float8GetDatum(mlops_route_set(&w, &model, &wanted, &now));
	mlops_write_end(&w);
	values[0] = CStringGetTextDatum(name);
	nulls[1] = nulls[2] = nulls[3] = now->narms == 0;
	if (now->narms > 0)
	{
		values[1] = JsonbPGetDatum(now->split);
		values[2] = PointerGetDatum(text_array(now->nshadow, now->shadow));
		values[3] = CStringGetTextDatum(now->salt);
	}
	return mlops_result_row(fcinfo, values, nulls);
}

/* A route that a call site has met. */
typedef struct KeptRoute
{
	MemoryContext context;		/* holds what is below; NULL: empty */
	MlSnapshotMark *mark;
	MlRoute    *route;
	char	   *name;
	int			len;
} KeptRoute;

typedef struct KeptRoutes
{
	int			last;			/* was asked for last */
	KeptRoute	item[KEPT_ROUTES];
} KeptRoutes;

/* Read it with the current user's rights into a place of the call site's. */
static void
keep_route(FmgrInfo *flinfo, KeptRoute *kept, const char *name, int len)
{
	char	   *model = pnstrdup(name, len);
	MemoryContext context;
	MemoryContext old;
	int64		model_id;

	if (kept->context != NULL)
		MemoryContextDelete(kept->context);
	kept->context = NULL;
	mlops_name_check(model, "a model");
	model_id = mlops_registry_require(model, GetUserId(), ML_PRIVILEGE_PREDICT);
	context = AllocSetContextCreate(flinfo->fn_mcxt, "mlops route", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	kept->route = mlops_route_load(model_id);
	kept->mark = mlops_snapshot_mark(context);
	kept->name = pstrdup(model);
	kept->len = len;
	MemoryContextSwitchTo(old);
	kept->context = context;
	pfree(model);
}

static const MlRoute *
get_route(FmgrInfo *flinfo, const char *name, int len)
{
	KeptRoutes *routes = flinfo->fn_extra;
	int			at;

	if (routes == NULL)
	{
		routes = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(KeptRoutes));
		flinfo->fn_extra = routes;
	}
	for (int i = 0; i < KEPT_ROUTES; i++)
	{
		KeptRoute  *kept;

		at = (routes->last + i) % KEPT_ROUTES;
		kept = &routes->item[at];
		if (kept->context == NULL || kept->len != len || memcmp(kept->name, name, len) != 0)
			continue;
		if (!mlops_snapshot_same(kept->mark))
			keep_route(flinfo, kept, name, len);
		routes->last = at;
		return kept->route;
	}
	at = (routes->last + KEPT_ROUTES - 1) % KEPT_ROUTES;
	keep_route(flinfo, &routes->item[at], name, len);
	routes->last = at;
	return routes->item[at].route;
}

Datum
mlops_variant_of(PG_FUNCTION_ARGS)
{
	const MlRoute *route;
	text	   *name;
	text	   *key;
	char	   *bytes;
	char	   *utf8;
	int			len;

	mlops_arg_require(fcinfo, 0, "model");
	name = PG_GETARG_TEXT_PP(0);
	route = get_route(fcinfo->flinfo, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	key = PG_GETARG_TEXT_PP(1);
	bytes = VARDATA_ANY(key);
	len = VARSIZE_ANY_EXHDR(key);
	utf8 = pg_server_to_any(bytes, len, PG_UTF8);
	if (utf8 != bytes)
		len = strlen(utf8);
	PG_RETURN_TEXT_P(cstring_to_text(mlops_route_variant(route, utf8, len)));
}
