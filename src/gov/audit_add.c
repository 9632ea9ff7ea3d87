/*-------------------------------------------------------------------------
 *
 * audit_add.c
 *	  Recording an act in the audit trail, and the lines in the server's log
 *	  that a rollback does not take back.
 *
 * An act is recorded by its own transaction: it is in the trail if and only if
 * it happened.  It waits for nobody and makes nobody wait: rows go in under
 * numbers from a sequence, and the chain of hashes is made later
 * (audit_seal.c).
 *
 * What was refused leaves no row, because the refusal rolls back; it leaves a
 * line in the log, as does every look at something revealing.  Those lines go
 * to the server alone: a client that could read them would learn from them
 * which models exist.
 *
 * IDENTIFICATION
 *	  src/gov/audit_add.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/base.h"
#include "mlops/gov.h"

#include "audit_record.h"

PG_FUNCTION_INFO_V1(mlops_audit_guard);

/* Statements of ours that may change the trail, in which we are. */
static int	unguarded = 0;

/* JSON of a payload in UTF-8. */
static char *
payload_text(Jsonb *payload, int *len)
{
	char	   *text = JsonbToCString(NULL, &payload->root, VARSIZE(payload));
	char	   *utf8 = text;

	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	*len = strlen(utf8);
	return utf8;
}

static bytea *
make_bytea(const void *data, int len)
{
	bytea	   *result = palloc(VARHDRSZ + len);

	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), data, len);
	return result;
}

#define PENDING_COLUMNS \
	"(system, at, started, actor_oid, actor, session_role, action, kind, object, outcome, commitment)" \
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ok', $10)"

static const Oid arg_types[] = {
	INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, OIDOID, NAMEOID, NAMEOID,
	TEXTOID, TEXTOID, TEXTOID, BYTEAOID,
	BYTEAOID, BYTEAOID			/* salt and payload */
};
#define BARE_ARGS	10
#define ALL_ARGS	12

/* A statement that is planned once in a session. */
static SPIPlanPtr
saved_plan(SPIPlanPtr *plan, const char *sql, int nargs)
{
	Oid			types[ALL_ARGS];

	if (*plan == NULL)
	{
		SPIPlanPtr	fresh;

		memcpy(types, arg_types, nargs * sizeof(Oid));
		fresh = SPI_prepare(sql, nargs, types);
		if (fresh == NULL)
			elog(ERROR, "SPI_prepare returned %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(fresh);
		*plan = fresh;
	}
	return *plan;
}

/*
 * Arguments are not taken through the writer: it would plan the statement
 * every time, which is most of what an act's record costs.
 */
void
mlops_audit_add(MlWriter *w, const char *action, const char *kind,
				const char *object, Jsonb *payload)
{
	static SPIPlanPtr bare_plan = NULL;
	static SPIPlanPtr payload_plan = NULL;
	MemoryContext context = CurrentMemoryContext;
	SPIPlanPtr	plan;
	Datum		values[ALL_ARGS];
	char		nulls[ALL_ARGS];
	NameData	session_role;
	uint8		salt[MLOPS_AUDIT_HASH];
	uint8		commitment[MLOPS_AUDIT_HASH] = {0};
	int			rc;

	Assert(!w->reads_only && w->nargs == 0);
	mlops_wake_at_commit(MLOPS_WAKE_UPKEEP);
	memset(nulls, ' ', sizeof(nulls));
	if (payload != NULL)
	{
		MlAuditHasher *hasher = mlops_audit_hasher_begin();
		int			len;
		char	   *text = payload_text(payload, &len);

		if (!pg_strong_random(salt, sizeof(salt)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random numbers")));
		mlops_audit_commitment(hasher, salt, text, len, commitment);
		mlops_audit_hasher_end(hasher);
		values[10] = PointerGetDatum(make_bytea(salt, sizeof(salt)));
		values[11] = PointerGetDatum(make_bytea(text, len));
		plan = saved_plan(&payload_plan,
						  "WITH event AS (INSERT INTO mlops_private.audit_pending "
						  PENDING_COLUMNS " RETURNING event_id)"
						  " INSERT INTO mlops_private.audit_payload (event_id, salt, payload)"
						  " SELECT event_id, $11, $12 FROM event", ALL_ARGS);
	}
	else
		plan = saved_plan(&bare_plan,
						  "INSERT INTO mlops_private.audit_pending " PENDING_COLUMNS,
						  BARE_ARGS);
	namestrcpy(&session_role, GetUserNameFromId(GetSessionUserId(), false));
	values[0] = Int64GetDatum(mlops_this_system());
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[2] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	values[3] = ObjectIdGetDatum(w->role);
	values[4] = NameGetDatum(&w->role_name);
	values[5] = NameGetDatum(&session_role);
	values[6] = CStringGetTextDatum(action);
	values[7] = CStringGetTextDatum(kind);
	values[8] = object ? CStringGetTextDatum(object) : (Datum) 0;
	nulls[8] = object ? ' ' : 'n';
	values[9] = PointerGetDatum(make_bytea(commitment, sizeof(commitment)));
	rc = SPI_execute_plan(plan, values, nulls, false, 0);
	MemoryContextSwitchTo(context); /* SPI leaves us in its own */
	if (rc != SPI_OK_INSERT)
		elog(ERROR, "SPI_execute_plan returned %s", SPI_result_code_string(rc));
}

/* The role in effect, also while its statements run as the owner, and the one that logged in. */
static char *
who(void)
{
	char	   *role = GetUserNameFromId(mlops_asking_role(), true);
	char	   *session = GetUserNameFromId(GetSessionUserId(), true);

	return psprintf("role \"%s\", session user \"%s\"",
					role ? role : "?", session ? session : "?");
}

static char *
quoted(const char *object)
{
	return object ? psprintf(" \"%s\"", object) : "";
}

void
mlops_audit_denied(const char *privilege, const char *kind, const char *object)
{
	ereport(LOG_SERVER_ONLY,
			(errmsg("mlops audit: denied %s on %s%s: %s", privilege, kind,
					quoted(object), who()),
			 errhidestmt(true), errhidecontext(true)));
}

void
mlops_audit_revealed(const char *what, const char *kind, const char *object)
{
	ereport(LOG_SERVER_ONLY,
			(errmsg("mlops audit: revealed %s of %s%s: %s", what, kind,
					quoted(object), who()),
			 errhidestmt(true), errhidecontext(true)));
}

uint64
mlops_audit_change(MlWriter *w, const char *sql)
{
	uint64		rows;

	unguarded++;
	PG_TRY();
	{
		rows = mlops_write_run(w, sql);
	}
	PG_FINALLY();
	{
		unguarded--;
	}
	PG_END_TRY();
	return rows;
}

Datum
mlops_audit_guard(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "audit_guard was not called as a trigger");
	if (unguarded == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the audit trail is only ever added to"),
				 errhint("mlops.set_retention() says how long it is kept, mlops.erase_subject() erases payloads.")));
	return PointerGetDatum(NULL);
}
