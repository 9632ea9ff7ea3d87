/*-------------------------------------------------------------------------
 *
 * compare_api.c
 *	  SQL: compare(), two versions of a model side by side.
 *
 * What was recorded comes from the registry, read as the extension's owner;
 * what is measured on a source is read and scored as the caller, in one pass
 * over the source, so that both versions see the same rows.
 *
 * IDENTIFICATION
 *	  src/api/compare_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/jsonb_out.h"
#include "mlops/metrics.h"
#include "mlops/numeric.h"
#include "mlops/params.h"

#include "describe.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_compare);

enum
{
	ARG_MODEL, ARG_VERSION_A, ARG_VERSION_B, ARG_SOURCE, ARG_TARGET, ARG_OPTIONS
};

static const MlParamDef compare_params[] = {
	{"all_options", ML_PARAM_BOOLEAN, 0, 0, 1, NULL,
	"show options that are the same, too"},
	{"confidence", ML_PARAM_NUMBER, 0.95, 0.5, 0.9999, NULL,
	"of the intervals"},
	{"resamples", ML_PARAM_INTEGER, 1000, 0, 100000, NULL,
	"of the bootstrap; 0: no intervals"},
	{"seed", ML_PARAM_INTEGER, 0, 0, MLOPS_MAX_SEED, NULL,
	"decides what the bootstrap draws"},
	{NULL}
};

/* One row of the result. */
typedef struct Row
{
	const char *kind;
	const char *item;
	const char *a;				/* or NULL */
	const char *b;
	double		difference;		/* NaN: null; so below */
	double		low;
	double		high;
	double		p_value;
	int64		n;				/* 0: null */
} Row;

static Row
make_row(const char *kind, const char *item)
{
	Row			row = {0};

	row.kind = kind;
	row.item = item;
	row.difference = row.low = row.high = row.p_value = NAN;
	return row;
}

static void
put_row(ReturnSetInfo *rsinfo, const Row *row)
{
	const char *text[4] = {row->kind, row->item, row->a, row->b};
	double		number[4] = {row->difference, row->low, row->high, row->p_value};
	Datum		values[9];
	bool		nulls[9];

	for (int i = 0; i < 4; i++)
	{
		nulls[i] = text[i] == NULL;
		values[i] = text[i] ? CStringGetTextDatum(text[i]) : (Datum) 0;
		nulls[4 + i] = !isfinite(number[i]);
		values[4 + i] = Float8GetDatum(number[i]);
	}
	nulls[8] = row->n == 0;
	values[8] = Int64GetDatum(row->n);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* What the registry knows of two versions, one row an item that either has; $5: may see names of classes, $6: and sources. */
static const char *const recorded_sql =
	"WITH v AS (SELECT version, metrics, jsonb_build_object('algorithm', algorithm) ||"
	"  CASE WHEN $5 OR jsonb_typeof(options -> 'class_weight') IS DISTINCT FROM 'object'"
	"       THEN options ELSE options || '{\"class_weight\": null}' END AS options,"
	"  jsonb_strip_nulls(jsonb_build_object('target', target, 'source', CASE WHEN $6 THEN source END, 'rows_used', rows_used,"
	"   'rows_skipped', rows_skipped, 'seconds', seconds, 'trained_at', trained_at, 'trained_by', trained_by,"
	"   'fingerprint', facts->'fingerprint')) AS data"
	"  FROM mlops_private.version WHERE model_id = $1 AND version IN ($2, $3)),"
	" i AS (SELECT version, 1 AS rank, 'metric' AS kind, e.key, e.value FROM v, jsonb_each(metrics) e"
	"  UNION ALL SELECT version, 2, 'option', e.key, e.value FROM v, jsonb_each(options) e"
	"  UNION ALL SELECT version, 3, 'data', e.key, e.value FROM v, jsonb_each(data) e),"
	" r AS (SELECT rank, kind, key, a.value AS a, b.value AS b"
	"  FROM (SELECT * FROM i WHERE version = $2) a"
	"  FULL JOIN (SELECT * FROM i WHERE version = $3) b USING (rank, kind, key))"
	" SELECT kind, key, a #>> '{}', b #>> '{}',"
	"  CASE WHEN jsonb_typeof(a) = 'number' AND jsonb_typeof(b) = 'number'"
	"       THEN b::float8 - a::float8 END"
	" FROM r WHERE kind <> 'option' OR $4 OR a IS DISTINCT FROM b"
	" ORDER BY rank, key";

static void
put_recorded(ReturnSetInfo *rsinfo, int64 model_id, int version_a, int version_b, bool all_options)
{
	MlWriter	w;
	MlSight		sight;
	uint64		n;

	mlops_sight_of(model_id, GetUserId(), &sight);
	mlops_read_begin(&w);
	mlops_write_int8(&w, model_id);
	mlops_write_int4(&w, version_a);
	mlops_write_int4(&w, version_b);
	mlops_write_bool(&w, all_options);
	mlops_write_bool(&w, sight.classes);
	mlops_write_bool(&w, sight.source);
	n = mlops_write_run(&w, recorded_sql);
	for (uint64 i = 0; i < n; i++)
	{
		Row			row = make_row(mlops_write_string(&w, i, 1), mlops_write_string(&w, i, 2));

		row.a = mlops_write_string(&w, i, 3);
		row.b = mlops_write_string(&w, i, 4);
		if (!mlops_write_isnull(i, 5))
			row.difference = DatumGetFloat8(mlops_write_result(i, 5));
		put_row(rsinfo, &row);
	}
	mlops_read_end(&w);
}

static bool
has_feature(const MlSignature *sig, const char *name)
{
	for (int i = 0; i < sig->nfeatures; i++)
		if (strcmp(sig->features[i].name, name) == 0)
			return true;
	return false;
}

/* Features that only one of them has. */
static void
put_features(ReturnSetInfo *rsinfo, const MlSignature *a, const MlSignature *b)
{
	for (int i = 0; i < a->nfeatures; i++)
	{
		Row			row = make_row("feature", a->features[i].name);

		row.a = "used";
		if (!has_feature(b, row.item))
			put_row(rsinfo, &row);
	}
	for (int i = 0; i < b->nfeatures; i++)
	{
		Row			row = make_row("feature", b->features[i].name);

		row.b = "used";
		if (!has_feature(a, row.item))
			put_row(rsinfo, &row);
	}
}

static const char *
number_text(double value)
{
	return isnan(value) ? NULL : mlops_double_text(value);
}

static void
put_measured(ReturnSetInfo *rsinfo, MlPaired *paired, const MlParams *params, int64 nrows)
{
	int			n;
	MlPairedMetric *m = mlops_paired_finish(paired, mlops_param_integer(params, "resamples"),
											mlops_param_integer(params, "seed"),
											mlops_param_number(params, "confidence"), &n);

	for (int i = 0; i < n; i++)
	{
		Row			row = make_row("measured", m[i].name);

		row.a = number_text(m[i].value[0]);
		row.b = number_text(m[i].value[1]);
		row.difference = m[i].value[1] - m[i].value[0];
		row.low = m[i].low;
		row.high = m[i].high;
		row.n = nrows;
		put_row(rsinfo, &row);
	}
}

static void
put_mcnemar(ReturnSetInfo *rsinfo, const MlPaired *paired, int64 nrows)
{
	int64		only_a;
	int64		only_b;
	Row			row;

	mlops_paired_right(paired, &only_a, &only_b);
	row = make_row("test", only_a + only_b < MLOPS_MCNEMAR_EXACT ? "mcnemar exact" : "mcnemar chi2");
	row.a = psprintf(INT64_FORMAT, only_a);
	row.b = psprintf(INT64_FORMAT, only_b);
	row.difference = only_b - only_a;
	row.p_value = mlops_mcnemar(only_a, only_b);
	row.n = nrows;
	put_row(rsinfo, &row);
}

/* The target of both, or as given. */
static const char *
choose_target(FunctionCallInfo fcinfo, const MlSignature *a, const MlSignature *b)
{
	const char *target = mlops_arg_name(fcinfo, ARG_TARGET);

	if (target != NULL)
		return target;
	if (a->target == NULL || b->target == NULL || strcmp(a->target, b->target) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("target must not be null"),
				 errdetail("The versions do not name the same target column.")));
	return a->target;
}

static void
measure_on_source(FunctionCallInfo fcinfo, const MlModel *a, const MlModel *b, const MlParams *params)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const MlSignature *sigs[2] = {a->sig, b->sig};
	const char *target = choose_target(fcinfo, a->sig, b->sig);
	MlPaired   *paired = mlops_paired_begin(a, b);
	int64		nskipped;
	int64		nrows;
	int64		nunknown;

	mlops_fetch_paired(mlops_source_open(mlops_arg_text(fcinfo, ARG_SOURCE)), 2, sigs, target,
					   NULL, mlops_paired_add, paired, &nskipped);
	nrows = mlops_paired_rows(paired, &nunknown);
	if (nrows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("source has no row to compare on"),
				 nskipped > 0 ?
				 errdetail("Rows with a missing target or a missing feature that a version skips: %lld.",
						   (long long) nskipped) : 0));
	if (nskipped > 0)
		ereport(NOTICE,
				(errmsg("rows left out of the comparison: %lld", (long long) nskipped),
				 errdetail("The target is missing, or a feature that a version skips.")));
	if (nunknown > 0)
		ereport(NOTICE,
				(errmsg("rows of a class that one of the versions does not know: %lld",
						(long long) nunknown),
				 errdetail("They count as wrong.")));
	put_measured(rsinfo, paired, params, nrows);
	if (a->sig->task == ML_TASK_CLASSIFICATION)
		put_mcnemar(rsinfo, paired, nrows);
}

/* One of the versions, if the current user may read the model. */
static const MlModel *
read_version(const char *name, int version, MlResolved *resolved)
{
	MlModelRef	ref;

	memset(&ref, 0, sizeof(ref));
	strlcpy(ref.name, name, sizeof(ref.name));
	ref.version = version;
	mlops_registry_resolve(&ref, GetUserId(), ML_PRIVILEGE_READ, resolved);
	return mlops_model_cache_get(resolved->artifact, CurrentMemoryContext);
}

static int
version_arg(FunctionCallInfo fcinfo, int arg, const char *name)
{
	mlops_arg_require(fcinfo, arg, name);
	if (PG_GETARG_INT32(arg) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be at least 1", name)));
	return PG_GETARG_INT32(arg);
}

Datum
mlops_compare(PG_FUNCTION_ARGS)
{
	char	   *name = mlops_arg_model_name(fcinfo);
	int			version_a = version_arg(fcinfo, ARG_VERSION_A, "version_a");
	int			version_b = version_arg(fcinfo, ARG_VERSION_B, "version_b");
	MlParams   *params = mlops_params_parse(mlops_arg_jsonb(fcinfo, ARG_OPTIONS), compare_params,
											NULL, "compare()");
	MlResolved	resolved;
	const MlModel *a = read_version(name, version_a, &resolved);
	const MlModel *b = read_version(name, version_b, &resolved);

	if (!PG_ARGISNULL(ARG_SOURCE))
		(void) mlops_registry_require(name, GetUserId(), ML_PRIVILEGE_PREDICT);
	InitMaterializedSRF(fcinfo, 0);
	put_recorded((ReturnSetInfo *) fcinfo->resultinfo, resolved.model_id, version_a, version_b,
				 mlops_param_boolean(params, "all_options"));
	put_features((ReturnSetInfo *) fcinfo->resultinfo, a->sig, b->sig);
	if (!PG_ARGISNULL(ARG_SOURCE))
		measure_on_source(fcinfo, a, b, params);
	return (Datum) 0;
}
