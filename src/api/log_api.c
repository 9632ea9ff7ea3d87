/*-------------------------------------------------------------------------
 *
 * log_api.c
 *	  SQL: reading the prediction log.
 *
 * IDENTIFICATION
 *	  src/api/log_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "mlops/catalog.h"
#include "mlops/jsonb_out.h"
#include "mlops/log.h"
#include "mlops/model.h"
#include "mlops/partition.h"
#include "mlops/store.h"

#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_log_features);
PG_FUNCTION_INFO_V1(mlops_log_upkeep_now);
PG_FUNCTION_INFO_V1(mlops_set_log_sampling);
PG_FUNCTION_INFO_V1(mlops_logged_features);
PG_FUNCTION_INFO_V1(mlops_logged_probabilities);

/* The version, valid while CurrentMemoryContext is; NULL if it is gone. */
static const MlModel *
find_version(int64 model_id, int version)
{
	MlResolved	resolved;

	if (!mlops_registry_version(model_id, version, &resolved))
		return NULL;
	return mlops_model_cache_get_hashed(resolved.artifact, resolved.hash, CurrentMemoryContext);
}

/* For the view: features of a row by name; NULL where the version is gone, or who asks may not read the log. */
Datum
mlops_logged_features(PG_FUNCTION_ARGS)
{
	int64		model_id = PG_GETARG_INT64(0);
	bytea	   *features = PG_GETARG_BYTEA_PP(2);
	const MlModel *model;
	Jsonb	   *result;

	if (!mlops_registry_may(model_id, GetUserId(), ML_PRIVILEGE_LOGS))
		PG_RETURN_NULL();
	model = find_version(model_id, PG_GETARG_INT32(1));
	if (model == NULL)
		PG_RETURN_NULL();
	result = mlops_log_features_jsonb(VARDATA_ANY(features), VARSIZE_ANY_EXHDR(features), model->sig);
	mlops_model_cache_release(model, CurrentMemoryContext);
	PG_RETURN_JSONB_P(result);
}

/* The probability of class c: of two, the value is that of the second. */
static double
probability(int nclasses, double value, const Datum *p, int c)
{
	if (nclasses > 2)
		return DatumGetFloat4(p[c]);
	return c == 1 ? value : 1 - value;
}

static Jsonb *
probabilities_jsonb(const MlSignature *sig, double value, const Datum *p)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int c = 0; c < sig->nclasses; c++)
		mlops_jsonb_add_number(&state, pnstrdup(sig->classes[c].data, sig->classes[c].len),
							   probability(sig->nclasses, value, p, c));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* For the view: probabilities by class, as mlops_logged_features. */
Datum
mlops_logged_probabilities(PG_FUNCTION_ARGS)
{
	int64		model_id;
	const MlModel *model;
	const MlSignature *sig;
	Datum	   *probabilities = NULL;
	int			n = 0;
	Jsonb	   *result = NULL;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	model_id = PG_GETARG_INT64(0);
	if (!mlops_registry_may(model_id, GetUserId(), ML_PRIVILEGE_LOGS))
		PG_RETURN_NULL();
	model = find_version(model_id, PG_GETARG_INT32(1));
	if (model == NULL)
		PG_RETURN_NULL();
	sig = model->sig;
	if (!PG_ARGISNULL(3))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), FLOAT4OID, sizeof(float4), true, TYPALIGN_INT,
						  &probabilities, NULL, &n);
	if (sig->task == ML_TASK_CLASSIFICATION && (sig->nclasses == 2 || n == sig->nclasses))
		result = probabilities_jsonb(sig, PG_GETARG_FLOAT8(2), probabilities);
	mlops_model_cache_release(model, CurrentMemoryContext);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(result);
}

/* The row of this number, also if this transaction has only just logged it; false: there is none. */
static bool
find_prediction(int64 id, int64 *model_id, int *version, bytea **features)
{
	MlWriter	w;
	bool		found;

	mlops_log_flush();
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	mlops_read_begin(&w);
	/* the index of ranges finds it, whatever the planner knows of the table; workers take longer to start */
	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("max_parallel_workers_per_gather", "0", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	mlops_write_int8(&w, id);
	found = mlops_write_run(&w, "SELECT model_id, version, features FROM mlops_private.prediction"
							" WHERE prediction_id = $1") > 0;
	if (found)
	{
		MemoryContext old;

		*model_id = DatumGetInt64(mlops_write_result(0, 1));
		*version = DatumGetInt32(mlops_write_result(0, 2));
		old = MemoryContextSwitchTo(w.caller);
		*features = DatumGetByteaPCopy(mlops_write_result(0, 3));
		MemoryContextSwitchTo(old);
	}
	mlops_read_end(&w);
	PopActiveSnapshot();
	return found;
}

Datum
mlops_log_features(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);
	int64		model_id;
	int			version;
	bytea	   *features;
	const MlModel *model;

	if (!find_prediction(id, &model_id, &version, &features) ||
		!mlops_registry_may(model_id, GetUserId(), ML_PRIVILEGE_LOGS))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("prediction " INT64_FORMAT " does not exist", id),
				 errhint("The view mlops.predictions lists those of models whose log you may read.")));
	model = find_version(model_id, version);
	if (model == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(mlops_log_features_jsonb(VARDATA_ANY(features), VARSIZE_ANY_EXHDR(features),
											   model->sig));
}

Datum
mlops_set_log_sampling(PG_FUNCTION_ARGS)
{
	char	   *model = mlops_arg_model_name(fcinfo);
	double		share;
	Datum		values[3];
	bool		nulls[3] = {false};

	mlops_arg_require(fcinfo, 1, "share");
	share = PG_GETARG_FLOAT8(1);
	if (!(share >= MLOPS_LEAST_SHARE && share <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("share must be from %.6f to 1", MLOPS_LEAST_SHARE)));
	values[2] = Float4GetDatum((float4) mlops_log_share_set(model, share));
	values[0] = CStringGetTextDatum(model);
	values[1] = Float4GetDatum((float4) share);
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_log_upkeep_now(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MlWriter	w;
	List	   *lines = NIL;
	ListCell   *cell;

	mlops_rights_require_database(ML_PRIVILEGE_AUDIT, "tend the prediction log");
	InitMaterializedSRF(fcinfo, 0);
	mlops_log_flush();
	mlops_write_begin(&w, "mlops.log_upkeep()");
	while (mlops_log_upkeep(&w, &lines))
		CHECK_FOR_INTERRUPTS();
	mlops_write_end(&w);
	foreach(cell, lines)
	{
		MlUpkeepLine *line = lfirst(cell);
		Datum		values[4];
		bool		nulls[4] = {false, false, line->rows < 0, line->detail == NULL};

		values[0] = CStringGetTextDatum(line->action);
		values[1] = CStringGetTextDatum(line->object);
		values[2] = Int64GetDatum(line->rows);
		values[3] = line->detail ? CStringGetTextDatum(line->detail) : (Datum) 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
