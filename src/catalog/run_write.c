/*-------------------------------------------------------------------------
 *
 * run_write.c
 *	  Runs of experiments: starting, logging, linking, ending; and the run of a
 *	  training.
 *
 * An experiment is no object of its own but a name that runs share.  A run
 * belongs to the role that started it.  Whoever logs takes a share lock on the
 * run, so that several sessions can log at once and the run ends after them.
 *
 * A training is one row, its metrics and losses included, since it is complete
 * when it is written.
 *
 * IDENTIFICATION
 *	  src/catalog/run_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"

#define CURVE_POINTS 1000		/* kept of a training's losses, evenly spread */

typedef struct FoundRun
{
	char	   *experiment;		/* NULL: of a training */
	char	   *status;
} FoundRun;

pg_noreturn static void
deny_run(int64 run)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("run " INT64_FORMAT " does not exist", run),
			 errhint("The view mlops.runs lists runs; only a run's owner can change it.")));
	pg_unreachable();
}

pg_noreturn static void
deny_ended(int64 run)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("run " INT64_FORMAT " has ended", run),
			 errhint("Start another one with mlops.run_start().")));
	pg_unreachable();
}

/* The caller's run of this number, whose owner is recorded anew where it came from another cluster. */
static void
find_own(MlWriter *w, int64 run, FoundRun *out)
{
	bool		found;
	Oid			owner = InvalidOid;
	int64		system = 0;

	mlops_write_int8(w, run);
	found = mlops_write_run(w, "SELECT owner_oid, owner_name, owner_system, status, experiment"
							" FROM mlops_private.run WHERE run_id = $1") > 0;
	if (found)
	{
		system = DatumGetInt64(mlops_write_result(0, 3));
		owner = mlops_stored_role(DatumGetObjectId(mlops_write_result(0, 1)),
								  NameStr(*DatumGetName(mlops_write_result(0, 2))), system);
	}
	if (!found || !mlops_rights_own(owner, w->role))
	{
		if (found)
			mlops_audit_denied("owner", "run", psprintf(INT64_FORMAT, run));
		deny_run(run);
	}
	out->status = mlops_write_string(w, 0, 4);
	out->experiment = mlops_write_string(w, 0, 5);
	if (system == mlops_this_system() || !OidIsValid(owner))
		return;
	mlops_write_int8(w, run);
	mlops_write_role(w, owner);
	mlops_write_run(w, "UPDATE mlops_private.run"
					" SET owner_oid = $2, owner_name = $3, owner_system = $4"
					" WHERE run_id = $1");
}

/* The same where it must be running still. */
static void
find_running(MlWriter *w, int64 run, FoundRun *out)
{
	find_own(w, run, out);
	if (strcmp(out->status, "running") != 0)
		deny_ended(run);
}

int64
mlops_run_of_experiment(const char *experiment, const char *name, Jsonb *params, const char *note,
						int64 parent, TimestampTz *started_at)
{
	MlWriter	w;
	FoundRun	found;
	int64		run;

	mlops_write_begin(&w, "mlops.run_start()");
	if (parent != 0)
		find_own(&w, parent, &found);
	mlops_write_text(&w, experiment);
	mlops_write_text(&w, name);
	mlops_write_jsonb(&w, params);
	mlops_write_text(&w, note);
	mlops_write_int8(&w, parent);
	mlops_write_role(&w, w.role);
	mlops_write_run(&w, "INSERT INTO mlops_private.run"
					" (experiment, name, params, note, parent,"
					" owner_oid, owner_name, owner_system, status, started_at)"
					" VALUES ($1, $2, coalesce($3, '{}'), $4, nullif($5, 0), $6, $7, $8,"
					" 'running', clock_timestamp()) RETURNING run_id, started_at");
	run = DatumGetInt64(mlops_write_result(0, 1));
	*started_at = DatumGetTimestampTz(mlops_write_result(0, 2));
	mlops_write_end(&w);
	return run;
}

static Datum
text_array(int n, char **strings)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elems[i] = CStringGetTextDatum(strings[i]);
	return PointerGetDatum(construct_array(elems, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* NaN: null where nan_is_null. */
static Datum
float8_array(int n, const double *values, bool nan_is_null)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(n, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(n, 1));
	int			lower = 1;

	for (int i = 0; i < n; i++)
	{
		elems[i] = Float8GetDatum(values[i]);
		nulls[i] = nan_is_null && isnan(values[i]);
	}
	return PointerGetDatum(construct_md_array(elems, nulls, 1, &n, &lower, FLOAT8OID,
											  sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

void
mlops_run_add_metrics(int64 run, int n, char **keys, const double *values, int64 step)
{
	MlWriter	w;
	FoundRun	found;

	mlops_write_begin(&w, "mlops.run_log()");
	find_running(&w, run, &found);
	mlops_write_int8(&w, run);
	mlops_write_datum(&w, TEXTARRAYOID, text_array(n, keys));
	mlops_write_datum(&w, FLOAT8ARRAYOID, float8_array(n, values, false));
	mlops_write_int8(&w, step);
	if (mlops_write_run(&w, "INSERT INTO mlops_private.run_metric (run_id, key, value, step)"
						" SELECT r.run_id, l.key, l.value, $4"
						" FROM mlops_private.run r, unnest($2, $3) AS l (key, value)"
						" WHERE r.run_id = $1 AND r.status = 'running' FOR SHARE OF r"
						" ON CONFLICT (run_id, key, step) DO UPDATE"
						" SET value = excluded.value, logged_at = excluded.logged_at") == 0 && n > 0)
		deny_ended(run);
	mlops_write_end(&w);
}

/* What the audit trail says of a link. */
static Jsonb *
link_payload(const MlLocked *model, int version)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "model", model->name);
	mlops_jsonb_add_integer(&state, "version", version);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

int
mlops_run_set_version(int64 run, const MlModelRef *ref, int *metrics)
{
	MlWriter	w;
	FoundRun	found;
	MlLocked	model;
	int			version;

	mlops_write_begin(&w, "mlops.run_link()");
	find_running(&w, run, &found);
	mlops_registry_lock(&w, ref->name, ML_PRIVILEGE_TRAIN, false, &model);
	version = mlops_alias_find_version(&w, &model, ref);
	mlops_write_int8(&w, run);
	mlops_write_int8(&w, model.model_id);
	mlops_write_int4(&w, version);
	if (mlops_write_run(&w, "UPDATE mlops_private.run SET linked_id = $2, version = $3"
						" WHERE run_id = $1 AND status = 'running'") == 0)
		deny_ended(run);
	mlops_write_int8(&w, run);
	mlops_write_int8(&w, model.model_id);
	mlops_write_int4(&w, version);
	*metrics = (int) mlops_write_run(&w, "INSERT INTO mlops_private.run_metric (run_id, key, step, value)"
									 " SELECT $1, j.key, 0, j.value::float8"
									 " FROM mlops_private.version v, jsonb_each(v.metrics) j"
									 " WHERE v.model_id = $2 AND v.version = $3"
									 " AND jsonb_typeof(j.value) = 'number' AND NOT EXISTS"
									 " (SELECT 1 FROM mlops_private.run_metric k"
									 " WHERE k.run_id = $1 AND k.key = j.key)");
	mlops_audit_add(&w, "run.link", "run", psprintf(INT64_FORMAT, run),
					link_payload(&model, version));
	mlops_write_end(&w);
	return version;
}

char *
mlops_run_finish(int64 run, const char *status, const char *note, double *seconds)
{
	MlWriter	w;
	FoundRun	found;

	mlops_write_begin(&w, "mlops.run_end()");
	find_running(&w, run, &found);
	mlops_write_int8(&w, run);
	mlops_write_text(&w, status);
	mlops_write_text(&w, note);
	if (mlops_write_run(&w, "UPDATE mlops_private.run"
						" SET status = $2, note = coalesce($3, note), ended_at = clock_timestamp()"
						" WHERE run_id = $1 AND status = 'running'"
						" RETURNING extract(epoch FROM ended_at - started_at)::float8") == 0)
		deny_ended(run);
	*seconds = DatumGetFloat8(mlops_write_result(0, 1));
	mlops_write_end(&w);
	return found.experiment;
}

char *
mlops_run_remove(int64 run)
{
	MlWriter	w;
	FoundRun	found;

	mlops_write_begin(&w, "mlops.run_drop()");
	find_own(&w, run, &found);
	if (found.experiment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run " INT64_FORMAT " is of a training", run),
				 errdetail("It belongs to the model's history and goes with the model.")));
	mlops_write_int8(&w, run);
	mlops_write_run(&w, "DELETE FROM mlops_private.run WHERE run_id = $1");
	mlops_audit_add(&w, "run.drop", "run", psprintf(INT64_FORMAT, run),
					mlops_jsonb_one("experiment", found.experiment));
	mlops_write_end(&w);
	return found.experiment;
}

/* Three arguments: numbers of iterations, losses in training, losses in validation. */
static void
write_curve(MlWriter *w, const MlCurve *curve)
{
	int			n = Min(curve->n, CURVE_POINTS);
	Datum	   *steps = palloc(sizeof(Datum) * Max(n, 1));
	double	   *train = palloc(sizeof(double) * Max(n, 1));
	double	   *validation = palloc(sizeof(double) * Max(n, 1));
	bool		held_out = false;

	if (n == 0)
	{
		mlops_write_null(w, INT4ARRAYOID);
		mlops_write_null(w, FLOAT8ARRAYOID);
		mlops_write_null(w, FLOAT8ARRAYOID);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		/* the last one is always among them */
		int			at = (int) (((int64) (i + 1) * curve->n) / n) - 1;

		steps[i] = Int32GetDatum(at + 1);
		train[i] = curve->train[at];
		validation[i] = curve->validation[at];
		held_out |= !isnan(validation[i]);
	}
	mlops_write_datum(w, INT4ARRAYOID,
					  PointerGetDatum(construct_array(steps, n, INT4OID, sizeof(int32), true, TYPALIGN_INT)));
	mlops_write_datum(w, FLOAT8ARRAYOID, float8_array(n, train, true));
	if (held_out)
		mlops_write_datum(w, FLOAT8ARRAYOID, float8_array(n, validation, true));
	else
		mlops_write_null(w, FLOAT8ARRAYOID);
}

/* The options of a training and its algorithm. */
static Jsonb *
training_params(const MlNewVersion *v)
{
	JsonbParseState *state = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "algorithm", v->algorithm);
	it = v->options ? JsonbIteratorInit(&v->options->root) : NULL;
	while (it && (token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		if (token == WJB_KEY || token == WJB_VALUE)
			pushJsonbValue(&state, token, &value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Those metrics that are numbers; *candidates: there is something to say of other algorithms. */
static Jsonb *
training_metrics(const MlNewVersion *v, bool *candidates)
{
	JsonbParseState *state = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	key = {0};
	JsonbValue	value;

	*candidates = false;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	it = v->metrics ? JsonbIteratorInit(&v->metrics->root) : NULL;
	while (it && (token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = value;
		else if (token == WJB_VALUE && value.type == jbvNumeric)
		{
			pushJsonbValue(&state, WJB_KEY, &key);
			pushJsonbValue(&state, WJB_VALUE, &value);
		}
		else if (token == WJB_VALUE && value.type == jbvBinary && key.val.string.len == 10)
			*candidates |= memcmp(key.val.string.val, "candidates", 10) == 0;
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* The candidates of a training that were not chosen: children of its run. */
static void
add_candidates(MlWriter *w, int64 run, const MlNewVersion *v)
{
	mlops_write_int8(w, run);
	mlops_write_text(w, v->algorithm);
	mlops_write_jsonb(w, v->metrics);
	mlops_write_run(w, "INSERT INTO mlops_private.run"
					" (trained_id, name, parent, owner_oid, owner_name, owner_system, params, metrics,"
					" status, started_at, ended_at)"
					" SELECT r.trained_id, c.algorithm, r.run_id, r.owner_oid, r.owner_name, r.owner_system,"
					" jsonb_build_object('algorithm', c.algorithm), jsonb_build_object(c.metric, c.value),"
					" 'finished', r.started_at, r.ended_at"
					" FROM mlops_private.run r,"
					" jsonb_to_recordset($3 -> 'candidates') AS c (algorithm text, metric text, value float8)"
					" WHERE r.run_id = $1 AND c.algorithm <> $2 AND c.value IS NOT NULL");
}

void
mlops_run_of_training(MlWriter *w, const MlLocked *model, int version, const MlNewVersion *v,
					  const MlCurve *curve)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		candidates;

	mlops_write_int8(w, model->model_id);
	mlops_write_int4(w, version);
	mlops_write_text(w, v->algorithm);
	mlops_write_role(w, w->role);
	mlops_write_jsonb(w, training_params(v));
	mlops_write_jsonb(w, training_metrics(v, &candidates));
	write_curve(w, curve);
	mlops_write_time(w, now - (int64) (v->seconds * USECS_PER_SEC));
	mlops_write_time(w, now);
	mlops_write_text(w, v->note);
	mlops_write_run(w, "INSERT INTO mlops_private.run"
					" (trained_id, version, name, owner_oid, owner_name, owner_system, params, metrics,"
					" curve_step, curve_train, curve_validation, started_at, ended_at, note, status)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'finished')"
					" RETURNING run_id");
	if (candidates)
		add_candidates(w, DatumGetInt64(mlops_write_result(0, 1)), v);
}
