/*-------------------------------------------------------------------------
 *
 * alias_write.c
 *	  Moving, dropping and rolling back aliases, and the history of it.
 *
 * Inside a write section, with the model's row locked (registry_write.c): so
 * changes of one model's aliases wait for one another, and readers never wait.
 *
 * Every move is an event.  It points to the event that a rollback goes back
 * to: a move and a drop to the one before; a rollback to where the restored
 * event points, which is why a second one goes further back and does not
 * return.
 *
 * The time of an event is the clock's while the lock is held, and later than
 * that of the model's last event even if the clock was set back: nobody but
 * this transaction can say which version held the alias between then and its
 * commit, and the commit's time is not known before.
 *
 * IDENTIFICATION
 *	  src/catalog/alias_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

int
mlops_alias_version(MlWriter *w, const MlLocked *model, const char *alias)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_name(w, alias);
	if (mlops_write_run(w, "SELECT version FROM mlops_private.alias"
						" WHERE model_id = $1 AND alias = $2") == 0)
		return 0;
	return DatumGetInt32(mlops_write_result(0, 1));
}

/*
 * The version of an alias about to change; 0: no such alias.  Locked, so that a
 * transaction whose snapshot is older than a drop fails to serialize.
 */
static int
lock_alias(MlWriter *w, const MlLocked *model, const char *alias)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_name(w, alias);
	if (mlops_write_run(w, "SELECT version FROM mlops_private.alias"
						" WHERE model_id = $1 AND alias = $2 FOR UPDATE") == 0)
		return 0;
	return DatumGetInt32(mlops_write_result(0, 1));
}

/* One move of an alias: an event, and what the audit trail says of it. */
typedef struct Move
{
	const char *action;			/* set, drop, rollback */
	int			previous;		/* 0: the alias did not exist */
	int			version;		/* 0: it does not any more */
	int64		back_to;		/* 0: nothing */
	const char *reason;			/* or NULL */
} Move;

static Jsonb *
move_payload(const Move *move)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (move->previous != 0)
		mlops_jsonb_add_integer(&state, "previous", move->previous);
	if (move->version != 0)
		mlops_jsonb_add_integer(&state, "version", move->version);
	if (move->reason != NULL)
		mlops_jsonb_add_string(&state, "reason", move->reason);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
add_nonzero(MlWriter *w, int version)
{
	if (version == 0)
		mlops_write_null(w, INT4OID);
	else
		mlops_write_int4(w, version);
}

static void
record_move(MlWriter *w, const MlLocked *model, const char *alias, const Move *move)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_name(w, alias);
	add_nonzero(w, move->version);
	add_nonzero(w, move->previous);
	mlops_write_text(w, move->action);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_text(w, move->reason);
	mlops_write_int8(w, move->back_to);
	mlops_write_run(w, "INSERT INTO mlops_private.alias_event"
					" (model_id, alias, version, previous, action, set_by, reason, back_to, happened_at)"
					" SELECT $1, $2, $3, $4, $5, $6, $7, nullif($8, 0),"
					" greatest(clock_timestamp(), (SELECT max(happened_at) + interval '1 microsecond'"
					" FROM mlops_private.alias_event WHERE model_id = $1))");
	mlops_audit_add(w, psprintf("alias.%s", move->action), "alias",
					psprintf("%s@%s", model->name, alias), move_payload(move));
}

/* Point the alias at another version. */
static void
point_alias(MlWriter *w, const MlLocked *model, const char *alias, int version)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_name(w, alias);
	mlops_write_int4(w, version);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "INSERT INTO mlops_private.alias (model_id, alias, version, set_by)"
					" VALUES ($1, $2, $3, $4)"
					" ON CONFLICT (model_id, alias) DO UPDATE"
					" SET version = excluded.version, set_by = excluded.set_by,"
					" set_at = excluded.set_at");
}

/* The number of the alias's last event; 0 for none. */
static int64
last_event(MlWriter *w, const MlLocked *model, const char *alias)
{
	mlops_write_int8(w, model->model_id);
	mlops_write_name(w, alias);
	if (mlops_write_run(w, "SELECT event_id FROM mlops_private.alias_event"
						" WHERE model_id = $1 AND alias = $2"
						" ORDER BY happened_at DESC, event_id DESC LIMIT 1") == 0)
		return 0;
	return DatumGetInt64(mlops_write_result(0, 1));
}

int
mlops_alias_move(MlWriter *w, const MlLocked *model, const char *alias, int version,
				 const char *reason)
{
	Move		move;

	move.previous = lock_alias(w, model, alias);
	if (move.previous == version)
		return version;
	move.action = "set";
	move.version = version;
	move.back_to = last_event(w, model, alias);
	move.reason = reason;
	point_alias(w, model, alias, version);
	record_move(w, model, alias, &move);
	return move.previous;
}

int
mlops_alias_drop(MlWriter *w, const MlLocked *model, const char *alias, const char *reason)
{
	Move		move;

	move.previous = lock_alias(w, model, alias);
	if (move.previous == 0)
		mlops_registry_deny_alias(model->name, alias);
	mlops_route_check_unused(w, model, alias);
	move.action = "drop";
	move.version = 0;
	move.back_to = last_event(w, model, alias);
	move.reason = reason;
	mlops_write_int8(w, model->model_id);
	mlops_write_name(w, alias);
	mlops_write_run(w, "DELETE FROM mlops_private.alias WHERE model_id = $1 AND alias = $2");
	record_move(w, model, alias, &move);
	return move.previous;
}

/* An event that a rollback may restore. */
typedef struct Holder
{
	int			version;		/* 0: the alias was dropped, or the version is gone */
	int64		back_to;
} Holder;

static Holder
find_holder(MlWriter *w, int64 event_id)
{
	Holder		holder;

	mlops_write_int8(w, event_id);
	if (mlops_write_run(w, "SELECT coalesce(v.version, 0), coalesce(e.back_to, 0)"
						" FROM mlops_private.alias_event e"
						" LEFT JOIN mlops_private.version v USING (model_id, version)"
						" WHERE e.event_id = $1") == 0)
		elog(ERROR, "event " INT64_FORMAT " of an alias is missing", event_id);
	holder.version = DatumGetInt32(mlops_write_result(0, 1));
	holder.back_to = DatumGetInt64(mlops_write_result(0, 2));
	return holder;
}

pg_noreturn static void
deny_rollback(const char *model, const char *alias)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("alias \"%s\" of model \"%s\" has no earlier version to go back to",
					alias, model),
			 errhint("The view mlops.alias_history shows where it pointed; mlops.set_alias() points it anywhere.")));
	pg_unreachable();
}

int
mlops_alias_rollback(MlWriter *w, const MlLocked *model, const char *alias,
					 const char *reason, int *previous)
{
	int64		event_id = last_event(w, model, alias);
	Holder		holder;
	Move		move;

	*previous = lock_alias(w, model, alias);
	if (event_id == 0 && *previous == 0)
		mlops_registry_deny_alias(model->name, alias);
	holder.version = 0;
	holder.back_to = event_id == 0 ? 0 : find_holder(w, event_id).back_to;
	while (holder.version == 0 || holder.version == *previous)
	{
		CHECK_FOR_INTERRUPTS();
		if (holder.back_to == 0)
			deny_rollback(model->name, alias);
		holder = find_holder(w, holder.back_to);
	}
	move.action = "rollback";
	move.previous = *previous;
	move.version = holder.version;
	move.back_to = holder.back_to;
	move.reason = reason;
	point_alias(w, model, alias, holder.version);
	record_move(w, model, alias, &move);
	return holder.version;
}

int
mlops_alias_find_version(MlWriter *w, const MlLocked *model, const MlModelRef *ref)
{
	int			version = ref->version;

	if (version == 0)
	{
		version = mlops_alias_version(w, model, ref->alias);
		if (version == 0)
			mlops_registry_deny_alias(model->name, ref->alias);
	}
	mlops_registry_check_version(w, model, version);
	return version;
}
