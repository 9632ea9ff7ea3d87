/*-------------------------------------------------------------------------
 *
 * log_sampling.c
 *	  The share of a model's rows that is logged.
 *
 * A key is in or out by its hash, so that a person's rows are all there or
 * none is, aliases in shadow are logged with those they shadow, and logs of
 * several models can be joined.  Every row carries the share it was logged
 * under: it stands for 1 / share rows.
 *
 * IDENTIFICATION
 *	  src/drift/log_sampling.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/fmgroids.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/log.h"
#include "mlops/numeric.h"
#include "mlops/store.h"

/* sql/install/29_log_tables.sql */
#define SAMPLING_TABLE "log_sampling"
#define SAMPLING_INDEX "log_sampling_pkey"
#define SAMPLING_MODEL_ID 1
#define SAMPLING_SHARE 2
#define SAMPLING_NATTS 4

/* Of the hash; it is apart from those of routes, whose seeds come from their salts. */
#define SEED UINT64CONST(0x6d6c6f70736c6f67)

double
mlops_log_share(int64 model_id)
{
	MlLookup	lookup;
	ScanKeyData key;
	double		share = 1;

	ScanKeyInit(&key, SAMPLING_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(model_id));
	mlops_lookup_begin(&lookup, SAMPLING_TABLE, SAMPLING_INDEX, SAMPLING_NATTS, 1, &key,
					   hash_bytes_uint32((uint32) model_id) + 5);
	if (HeapTupleIsValid(lookup.tuple))
		share = DatumGetFloat4(mlops_lookup_column(&lookup, SAMPLING_SHARE));
	mlops_lookup_end(&lookup);
	return share;
}

bool
mlops_log_sampled(double share, const char *key, int len, int64 prediction_id)
{
	uint64		hash;

	if (share >= 1)
		return true;
	hash = key ? mlops_hash_bytes(key, len, SEED) : mlops_hash_mix(SEED, (uint64) prediction_id);
	return (double) (hash >> 11) * 0x1p-53 < share;
}

double
mlops_log_share_set(const char *model, double share)
{
	MlWriter	w;
	MlLocked	locked;
	JsonbParseState *state = NULL;
	double		before = 1;

	share = (float4) share;
	mlops_write_begin(&w, "mlops.set_log_sampling()");
	mlops_registry_lock(&w, model, ML_PRIVILEGE_DEPLOY, false, &locked);
	mlops_write_int8(&w, locked.model_id);
	if (mlops_write_run(&w, "SELECT share FROM mlops_private.log_sampling WHERE model_id = $1 FOR UPDATE") > 0)
		before = DatumGetFloat4(mlops_write_result(0, 1));
	if (before != share)
	{
		mlops_write_int8(&w, locked.model_id);
		mlops_write_float8(&w, share);
		mlops_write_name(&w, NameStr(w.role_name));
		mlops_write_run(&w, "INSERT INTO mlops_private.log_sampling (model_id, share, set_by)"
						" VALUES ($1, $2::real, $3) ON CONFLICT (model_id) DO UPDATE"
						" SET share = excluded.share, set_by = excluded.set_by, set_at = excluded.set_at");
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		mlops_jsonb_add_number(&state, "previous", before);
		mlops_jsonb_add_number(&state, "share", share);
		mlops_audit_add(&w, "log.sampling", "model", locked.name,
						JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	}
	mlops_write_end(&w);
	return before;
}
