/*-------------------------------------------------------------------------
 *
 * route_write.c
 *	  Setting, changing and removing routes.
 *
 * Inside a write section, with the model's row locked, as aliases are moved
 * (alias_write.c).  The slots are stored, so that a change can move as few of
 * them as it must (numeric/slots.c).
 *
 * IDENTIFICATION
 *	  src/catalog/route_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/numeric.h"

/* The route as it is now, also for a transaction whose own snapshot is older than the lock. */
static MlRoute *
load_latest(int64 model_id)
{
	MlRoute    *route;

	PushActiveSnapshot(GetLatestSnapshot());
	route = mlops_route_load(model_id);
	PopActiveSnapshot();
	return route;
}

/* -1: not among them */
static int
find_name(int n, const NameData *names, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(NameStr(names[i]), name) == 0)
			return i;
	return -1;
}

void
mlops_route_check_unused(MlWriter *w, const MlLocked *model, const char *alias)
{
	MlRoute    *route = load_latest(model->model_id);

	if (find_name(route->narms, route->arms, alias) >= 0 ||
		find_name(route->nshadow, route->shadow, alias) >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop alias \"%s\" because the route of model \"%s\" uses it",
						alias, model->name),
				 errhint("Change the route with mlops.route() first; the view mlops.routes shows it.")));
}

/* Each must exist, and stay: a concurrent drop makes a serialization failure where our snapshot is older. */
static void
require_aliases(MlWriter *w, const MlLocked *model, int n, const NameData *names)
{
	for (int i = 0; i < n; i++)
	{
		mlops_write_int8(w, model->model_id);
		mlops_write_name(w, NameStr(names[i]));
		if (mlops_write_run(w, "SELECT 1 FROM mlops_private.alias"
							" WHERE model_id = $1 AND alias = $2 FOR KEY SHARE") == 0)
			mlops_registry_deny_alias(model->name, NameStr(names[i]));
	}
}

/* The slots of the new route, from those of the old one where the salt stays. */
static uint8 *
divide_slots(const MlRoute *old, const MlNewRoute *wanted, bool anew)
{
	uint8	   *slots = palloc(MLOPS_SLOTS);
	int		   *want = palloc(sizeof(int) * wanted->narms);

	for (int i = 0; i < MLOPS_SLOTS; i++)
	{
		int			arm = anew ? -1 :
			find_name(wanted->narms, wanted->arms, NameStr(old->arms[old->slots[i]]));

		slots[i] = arm < 0 ? MLOPS_SLOT_FREE : arm;
	}
	mlops_slots_divide(wanted->narms, wanted->share, want);
	mlops_slots_move(slots, wanted->narms, want);
	return slots;
}

/* A route's arm of a slot, where no route means the champion. */
static const char *
arm_of_slot(const MlRoute *route, int slot)
{
	return route->narms == 0 ? MLOPS_CHAMPION : NameStr(route->arms[route->slots[slot]]);
}

static double
share_of(const MlRoute *route, const char *arm)
{
	int			count = 0;

	for (int i = 0; i < MLOPS_SLOTS; i++)
		count += strcmp(arm_of_slot(route, i), arm) == 0;
	return (double) count / MLOPS_SLOTS;
}

/* The share of keys whose arm differs; expected, where the salts differ. */
static double
share_moved(const MlRoute *old, const MlRoute *now)
{
	int			count = 0;
	double		stay = 0;

	if (old->narms > 0 && now->narms > 0 && strcmp(old->salt, now->salt) != 0)
	{
		for (int i = 0; i < now->narms; i++)
			stay += share_of(now, NameStr(now->arms[i])) * share_of(old, NameStr(now->arms[i]));
		return 1 - stay;
	}
	for (int i = 0; i < MLOPS_SLOTS; i++)
		count += strcmp(arm_of_slot(old, i), arm_of_slot(now, i)) != 0;
	return (double) count / MLOPS_SLOTS;
}

static void
add_names(JsonbParseState **state, const char *key, int n, const NameData *names)
{
	mlops_jsonb_add_key(state, key);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		JsonbValue	v;

		v.type = jbvString;
		v.val.string.val = pstrdup(NameStr(names[i]));
		v.val.string.len = strlen(NameStr(names[i]));
		pushJsonbValue(state, WJB_ELEM, &v);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static Jsonb *
describe_route(const MlRoute *route)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_jsonb(&state, "split", route->split);
	add_names(&state, "shadow", route->nshadow, route->shadow);
	mlops_jsonb_add_string(&state, "salt", route->salt);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* What the audit trail says: the routes before and after, null for none. */
static Jsonb *
change_payload(const MlRoute *old, const MlRoute *now, double moved)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (old->narms > 0)
		mlops_jsonb_add_jsonb(&state, "previous", describe_route(old));
	else
		mlops_jsonb_add_string(&state, "previous", NULL);
	if (now->narms > 0)
		mlops_jsonb_add_jsonb(&state, "route", describe_route(now));
	else
		mlops_jsonb_add_string(&state, "route", NULL);
	mlops_jsonb_add_number(&state, "moved", moved);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
write_names(MlWriter *w, int n, const NameData *names)
{
	Datum	   *items = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		items[i] = NameGetDatum(&names[i]);
	mlops_write_datum(w, NAMEARRAYOID,
					  PointerGetDatum(construct_array(items, n, NAMEOID, NAMEDATALEN,
													  false, TYPALIGN_CHAR)));
}

static void
store_route(MlWriter *w, const MlRoute *route)
{
	mlops_write_int8(w, route->model_id);
	if (route->narms == 0)
	{
		mlops_write_run(w, "DELETE FROM mlops_private.route WHERE model_id = $1");
		return;
	}
	mlops_write_text(w, route->salt);
	write_names(w, route->narms, route->arms);
	mlops_write_jsonb(w, route->split);
	mlops_write_bytea(w, route->slots, MLOPS_SLOTS);
	write_names(w, route->nshadow, route->shadow);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "INSERT INTO mlops_private.route"
					" (model_id, salt, arms, split, slots, shadow, set_by)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7)"
					" ON CONFLICT (model_id) DO UPDATE SET salt = excluded.salt,"
					" arms = excluded.arms, split = excluded.split, slots = excluded.slots,"
					" shadow = excluded.shadow, set_by = excluded.set_by, set_at = excluded.set_at");
}

/* The shadows wanted, or those there are but for what is now an arm. */
static void
choose_shadow(const MlRoute *old, const MlNewRoute *wanted, MlRoute *now)
{
	now->nshadow = 0;
	now->shadow = palloc(sizeof(NameData) * Max(Max(wanted->nshadow, old->nshadow), 1));
	if (wanted->nshadow >= 0)
	{
		now->nshadow = wanted->nshadow;
		if (wanted->nshadow > 0)
			memcpy(now->shadow, wanted->shadow, sizeof(NameData) * wanted->nshadow);
		return;
	}
	for (int i = 0; i < old->nshadow; i++)
		if (find_name(wanted->narms, wanted->arms, NameStr(old->shadow[i])) < 0)
			now->shadow[now->nshadow++] = old->shadow[i];
}

/* The route as wanted, with what it keeps of the old one; in the caller's memory. */
static MlRoute *
make_route(MlWriter *w, const MlLocked *model, const MlRoute *old, const MlNewRoute *wanted)
{
	MlRoute    *now = palloc0(sizeof(MlRoute));
	bool		anew;

	now->model_id = model->model_id;
	if (wanted->narms == 0)
		return now;
	if (wanted->salt != NULL)
		now->salt = pstrdup(wanted->salt);
	else
		now->salt = pstrdup(old->narms > 0 ? old->salt : model->name);
	anew = old->narms == 0 || strcmp(old->salt, now->salt) != 0;
	now->narms = wanted->narms;
	now->arms = wanted->arms;
	now->split = wanted->split;
	now->slots = divide_slots(old, wanted, anew);
	choose_shadow(old, wanted, now);
	return now;
}

double
mlops_route_set(MlWriter *w, const MlLocked *model, const MlNewRoute *wanted, MlRoute **now)
{
	MemoryContext old_context = MemoryContextSwitchTo(w->caller);
	MlRoute    *old = load_latest(model->model_id);
	double		moved;

	*now = make_route(w, model, old, wanted);
	MemoryContextSwitchTo(old_context);
	require_aliases(w, model, (*now)->narms, (*now)->arms);
	require_aliases(w, model, (*now)->nshadow, (*now)->shadow);
	moved = share_moved(old, *now);
	if (old->narms == 0 && (*now)->narms == 0)
		return moved;
	store_route(w, *now);
	mlops_audit_add(w, wanted->narms == 0 ? "route.drop" : "route.set", "route", model->name,
					change_payload(old, *now, moved));
	return moved;
}
