/*-------------------------------------------------------------------------
 *
 * audit_api.c
 *	  SQL: audit_seal, audit_head and audit_verify.
 *
 * IDENTIFICATION
 *	  src/api/audit_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "mlops/audit.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_audit_seal_now);
PG_FUNCTION_INFO_V1(mlops_audit_head_now);
PG_FUNCTION_INFO_V1(mlops_audit_verify_now);

static Datum
hash_text(const uint8 *hash)
{
	char		hex[2 * MLOPS_AUDIT_HASH + 1];

	hex_encode((const char *) hash, MLOPS_AUDIT_HASH, hex);
	hex[2 * MLOPS_AUDIT_HASH] = '\0';
	return CStringGetTextDatum(hex);
}

Datum
mlops_audit_seal_now(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlAuditSealing sealing;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	mlops_rights_require_database(ML_PRIVILEGE_AUDIT, "seal the audit trail");
	mlops_write_begin(&w, "mlops.audit_seal()");
	mlops_audit_seal(&w, PG_INT64_MAX, &sealing);
	mlops_write_end(&w);
	values[0] = Int64GetDatum(sealing.sealed);
	values[1] = Int64GetDatum(sealing.head.seq);
	values[2] = sealing.head.exists ? hash_text(sealing.head.hash) : (Datum) 0;
	nulls[2] = !sealing.head.exists;
	values[3] = BoolGetDatum(sealing.busy);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_audit_head_now(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlAuditHead head;
	Datum		values[5];
	bool		nulls[5] = {false, false, false, false, false};

	mlops_rights_require_database(ML_PRIVILEGE_AUDIT, "read the audit trail");
	mlops_read_begin(&w);
	mlops_audit_head(&w, &head);
	mlops_write_run(&w, "SELECT count(*), min(at) FROM mlops_private.audit_pending");
	values[3] = mlops_write_result(0, 1);
	nulls[4] = mlops_write_isnull(0, 2);
	values[4] = nulls[4] ? (Datum) 0 : mlops_write_result(0, 2);
	mlops_read_end(&w);
	nulls[0] = nulls[2] = !head.exists;
	values[0] = UUIDPGetDatum(&head.chain);
	values[1] = Int64GetDatum(head.seq);
	values[2] = head.exists ? hash_text(head.hash) : (Datum) 0;
	return mlops_result_row(fcinfo, values, nulls);
}

/* A hash in hexadecimal digits. */
static void
parse_hash(const char *hex, uint8 *out)
{
	if (strlen(hex) != 2 * MLOPS_AUDIT_HASH ||
		strspn(hex, "0123456789abcdefABCDEF") != 2 * MLOPS_AUDIT_HASH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("anchor_hash must be %d hexadecimal digits", 2 * MLOPS_AUDIT_HASH)));
	(void) hex_decode(hex, 2 * MLOPS_AUDIT_HASH, (char *) out);
}

/* The check itself goes on record, where something can be written. */
static void
record_verification(const MlAuditVerdict *verdict)
{
	MlWriter	w;
	JsonbParseState *state = NULL;

	if (RecoveryInProgress() || XactReadOnly || IsInParallelMode())
		return;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_boolean(&state, "ok", verdict->ok);
	mlops_jsonb_add_integer(&state, "rows", verdict->rows);
	if (verdict->reason)
		mlops_jsonb_add_string(&state, "reason", verdict->reason);
	mlops_write_begin(&w, "mlops.audit_verify()");
	mlops_audit_add(&w, "audit.verify", "audit", NULL,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	mlops_write_end(&w);
}

Datum
mlops_audit_verify_now(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlAuditVerdict verdict;
	int64		anchor_seq = -1;
	uint8		anchor_hash[MLOPS_AUDIT_HASH];
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	mlops_rights_require_database(ML_PRIVILEGE_AUDIT, "verify the audit trail");
	if (PG_ARGISNULL(0) != PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("anchor_seq and anchor_hash must be given together")));
	if (!PG_ARGISNULL(0))
	{
		anchor_seq = PG_GETARG_INT64(0);
		if (anchor_seq < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("anchor_seq must not be negative")));
		parse_hash(mlops_arg_text(fcinfo, 1), anchor_hash);
	}
	mlops_read_begin(&w);
	mlops_audit_verify(&w, anchor_seq, anchor_hash, &verdict);
	mlops_read_end(&w);
	record_verification(&verdict);
	values[0] = BoolGetDatum(verdict.ok);
	values[1] = Int64GetDatum(verdict.rows);
	values[2] = Int64GetDatum(verdict.first_bad);
	nulls[2] = verdict.first_bad == 0;
	values[3] = verdict.reason ? CStringGetTextDatum(verdict.reason) : (Datum) 0;
	nulls[3] = verdict.reason == NULL;
	return mlops_result_row(fcinfo, values, nulls);
}
