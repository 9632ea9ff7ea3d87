/*-------------------------------------------------------------------------
 *
 * retention_rule.c
 *	  How long things are kept, at least and at most.
 *
 * IDENTIFICATION
 *	  src/gov/retention_rule.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/retention.h"

void
mlops_retention_kind_check(const char *kind)
{
	if (strcmp(kind, "audit") != 0 && strcmp(kind, "log") != 0 &&
		strcmp(kind, "snapshots") != 0 && strcmp(kind, "alerts") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of things to keep"),
				 errhint("Kinds are audit, log, snapshots and alerts.")));
}

static void
add_interval(MlWriter *w, const Interval *value)
{
	if (value)
		mlops_write_datum(w, INTERVALOID, IntervalPGetDatum(value));
	else
		mlops_write_null(w, INTERVALOID);
}

/* A bound as text, for the record. */
static char *
interval_text(MlWriter *w, const Interval *value)
{
	add_interval(w, value);
	mlops_write_run(w, "SELECT $1::text");
	return mlops_write_string(w, 0, 1);
}

void
mlops_retention_set(MlWriter *w, const char *kind, const MlRetentionRule *rule)
{
	JsonbParseState *state = NULL;

	add_interval(w, rule->minimum);
	add_interval(w, rule->maximum);
	/* the differences raise an error where no time is that long ago */
	mlops_write_run(w, "SELECT coalesce($1 < '0', false), coalesce($2 <= '0', false), coalesce($1 > $2, false),"
					" now() - $1, now() - $2");
	if (DatumGetBool(mlops_write_result(0, 1)) || DatumGetBool(mlops_write_result(0, 2)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("minimum must not be negative and maximum must be positive")));
	if (DatumGetBool(mlops_write_result(0, 3)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("minimum must not be more than maximum")));
	mlops_write_text(w, kind);
	add_interval(w, rule->minimum);
	add_interval(w, rule->maximum);
	mlops_write_name(w, NameStr(w->role_name));
	mlops_write_run(w, "INSERT INTO mlops_private.retention_rule (kind, minimum, maximum, set_by)"
					" VALUES ($1, $2, $3, $4) ON CONFLICT (kind) DO UPDATE"
					" SET minimum = excluded.minimum, maximum = excluded.maximum,"
					" set_by = excluded.set_by, set_at = excluded.set_at");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "minimum", interval_text(w, rule->minimum));
	mlops_jsonb_add_string(&state, "maximum", interval_text(w, rule->maximum));
	mlops_audit_add(w, "retention.set", "retention", kind,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* now() - bound; false where it is null. */
static bool
bound(MlWriter *w, const char *kind, const char *sql, TimestampTz *before)
{
	mlops_write_text(w, kind);
	if (mlops_write_run(w, sql) == 0 || mlops_write_isnull(0, 1))
		return false;
	*before = DatumGetTimestampTz(mlops_write_result(0, 1));
	return true;
}

bool
mlops_retention_maximum(MlWriter *w, const char *kind, TimestampTz *before)
{
	return bound(w, kind, "SELECT now() - maximum FROM mlops_private.retention_rule WHERE kind = $1",
				 before);
}

bool
mlops_retention_minimum(MlWriter *w, const char *kind, TimestampTz *before)
{
	return bound(w, kind, "SELECT now() - minimum FROM mlops_private.retention_rule WHERE kind = $1",
				 before);
}
