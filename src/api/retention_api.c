/*-------------------------------------------------------------------------
 *
 * retention_api.c
 *	  SQL: set_retention, apply_retention, place_hold, release_hold,
 *	  erase_subject.
 *
 * IDENTIFICATION
 *	  src/api/retention_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mlops/erasure.h"
#include "mlops/gov.h"
#include "mlops/log.h"
#include "mlops/retention.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_set_retention);
PG_FUNCTION_INFO_V1(mlops_apply_retention);
PG_FUNCTION_INFO_V1(mlops_place_hold);
PG_FUNCTION_INFO_V1(mlops_release_hold);
PG_FUNCTION_INFO_V1(mlops_erase_subject);

Datum
mlops_set_retention(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlRetentionRule rule;
	char	   *kind;
	Datum		values[3];
	bool		nulls[3] = {false, PG_ARGISNULL(1), PG_ARGISNULL(2)};

	mlops_rights_require_owner("set retention");
	mlops_arg_require(fcinfo, 0, "kind");
	kind = mlops_arg_text(fcinfo, 0);
	mlops_retention_kind_check(kind);
	rule.minimum = PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1);
	rule.maximum = PG_ARGISNULL(2) ? NULL : PG_GETARG_INTERVAL_P(2);
	mlops_write_begin(&w, "mlops.set_retention()");
	mlops_retention_set(&w, kind, &rule);
	mlops_write_end(&w);
	values[0] = CStringGetTextDatum(kind);
	values[1] = IntervalPGetDatum(rule.minimum);
	values[2] = IntervalPGetDatum(rule.maximum);
	return mlops_result_row(fcinfo, values, nulls);
}

static void
put_retained(ReturnSetInfo *rsinfo, const MlRetained *retained)
{
	Datum		values[4];
	bool		nulls[4] = {false, false, false, retained->detail == NULL};

	values[0] = CStringGetTextDatum(retained->kind);
	values[1] = Int64GetDatum(retained->removed);
	values[2] = Int64GetDatum(retained->kept_by_hold);
	values[3] = retained->detail ? CStringGetTextDatum(retained->detail) : (Datum) 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
mlops_apply_retention(PG_FUNCTION_ARGS)
{
	MlWriter	w;
	MlRetained	retained[MLOPS_RETAINED_KINDS];

	mlops_rights_require_owner("apply retention");
	InitMaterializedSRF(fcinfo, 0);
	mlops_write_begin(&w, "mlops.apply_retention()");
	mlops_retention_apply(&w, retained);
	mlops_write_end(&w);
	for (int i = 0; i < MLOPS_RETAINED_KINDS; i++)
		put_retained((ReturnSetInfo *) fcinfo->resultinfo, &retained[i]);
	return (Datum) 0;
}

Datum
mlops_place_hold(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {"model", "version", "snapshot", "audit"};
	MlWriter	w;
	char	   *kind;
	char	   *object = mlops_arg_text(fcinfo, 1);
	bool		known = false;
	Datum		values[3];
	bool		nulls[3] = {false, false, object == NULL};

	mlops_rights_require_database(ML_PRIVILEGE_ERASE, "place a legal hold");
	mlops_arg_require(fcinfo, 0, "kind");
	mlops_arg_require(fcinfo, 2, "reason");
	kind = mlops_arg_text(fcinfo, 0);
	for (int i = 0; i < (int) lengthof(kinds); i++)
		known = known || strcmp(kind, kinds[i]) == 0;
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of things to hold"),
				 errhint("Kinds are model, version, snapshot and audit.")));
	if (object && strcmp(kind, "audit") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a hold on the audit trail is on all of it"),
				 errhint("Leave the object out; a hold on a model keeps its part of the trail.")));
	mlops_write_begin(&w, "mlops.place_hold()");
	values[0] = Int64GetDatum(mlops_hold_place(&w, kind, object, mlops_arg_remark(fcinfo, 2, "reason")));
	mlops_write_end(&w);
	values[1] = CStringGetTextDatum(kind);
	values[2] = object ? CStringGetTextDatum(object) : (Datum) 0;
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_release_hold(PG_FUNCTION_ARGS)
{
	MlWriter	w;

	mlops_rights_require_database(ML_PRIVILEGE_ERASE, "release a legal hold");
	mlops_arg_require(fcinfo, 0, "hold");
	mlops_write_begin(&w, "mlops.release_hold()");
	mlops_hold_release(&w, PG_GETARG_INT64(0));
	mlops_write_end(&w);
	PG_RETURN_INT64(PG_GETARG_INT64(0));
}

Datum
mlops_erase_subject(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MlWriter	w;
	MlErasure  *report;
	char	   *key;

	mlops_rights_require_database(ML_PRIVILEGE_ERASE, "erase a subject");
	mlops_arg_require(fcinfo, 0, "key");
	key = mlops_arg_text(fcinfo, 0);
	InitMaterializedSRF(fcinfo, 0);
	mlops_log_flush();
	mlops_write_begin(&w, "mlops.erase_subject()");
	report = mlops_erase_subject_everywhere(&w, key, mlops_arg_remark(fcinfo, 1, "reason"));
	mlops_write_end(&w);
	for (; report; report = report->next)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, report->items < 0, false};

		values[0] = CStringGetTextDatum(report->place);
		values[1] = CStringGetTextDatum(report->status);
		values[2] = Int64GetDatum(report->items);
		values[3] = CStringGetTextDatum(report->detail);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
